"""Loading what a settings file names as "module:name": a user's covariance, constraint, network, factor or layout.

Here: import, call and the errors of both. Not here: what is made of the object (the stage that declares the setting), and its part in
the code digest (`Table.functions`, resources/code_digest.py).
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from resources.errors import InputError, SettingsError

PATH = r"[\w.]+:\w+"
"""Regular expression of a path "module:name"."""


def load_named(setting: str, path: str, example: str) -> Any:
    """The object that `path`, "module:name", names.

    setting: the key of the settings tree that holds the path; example: a path that works. Both are for the message.
    Raises SettingsError where the module cannot be imported or has no such name.
    """
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError, SyntaxError) as error:
        raise SettingsError(
            f"{setting} = {path!r} can't be loaded ({error}); give module:name, such as {example}, of a module below the "
            "repository's root or on PYTHONPATH"
        ) from error


def call_named(function: Callable[..., Any], where: str, contract: str, *arguments: Any) -> Any:
    """What a user's function returns for `arguments`.

    where: the setting and the path, as a message begins; contract: what the function is called with and returns. Whatever else than an
    InputError the function raises is raised as a SettingsError that names both, since the setting is the place to look.
    """
    try:
        return function(*arguments)
    except InputError:
        raise
    except Exception as error:
        raise SettingsError(
            f"{where} failed ({type(error).__name__}: {error}); it is called with {contract}"
        ) from error
