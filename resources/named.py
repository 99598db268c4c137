"""Objects that a settings file names as "module:name": a user's covariance, constraint, network, factor or layout.

This module imports and calls them and words the errors of both. The stage that declares the setting uses the object;
`Table.functions` and resources/code_digest.py include it in the code digest.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from resources.errors import InputError, SettingsError

PATH = r"[\w.]+:\w+"
"""Regular expression of a path "module:name"."""


def load_named(setting: str, path: str, example: str) -> Any:
    """Import the object that a path "module:name" names.

    Args:
        setting: the key of the setting that holds the path, for the message.
        path: "module:name".
        example: a path that works, for the message.

    Raises:
        SettingsError: the module cannot be imported or has no such name.
    """
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError, SyntaxError) as error:
        raise SettingsError(
            f"{setting} = {path!r} cannot be loaded ({error}). Write module:name, such as {example}, with a module below the "
            "repository's root or on PYTHONPATH."
        ) from error


def call_named(function: Callable[..., Any], where: str, contract: str, *arguments: Any) -> Any:
    """Call a user's function and return its result.

    Args:
        function: the user's function.
        where: the setting and the path, with which the message begins.
        contract: a description of the arguments and the result, for the message.
        *arguments: the arguments of the call.

    Raises:
        InputError: the function raised it.
        SettingsError: the function raised any other exception. The message names the setting, which is the place to correct.
    """
    try:
        return function(*arguments)
    except InputError:
        raise
    except Exception as error:
        raise SettingsError(
            f"{where} failed ({type(error).__name__}: {error}). It is called with {contract}."
        ) from error
