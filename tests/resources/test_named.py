"""A user's own code that a setting names: loading and calling it, and the errors of both."""

import pytest

from resources.errors import InputError, SettingsError
from resources.named import call_named, load_named


def test_a_path_is_loaded_or_the_error_names_the_setting() -> None:
    assert load_named("desk.tool", "resources.named:call_named", "a:b") is call_named
    for path in ("resources.named:nothing", "resources.nowhere:call_named"):
        with pytest.raises(SettingsError, match=rf"desk\.tool = '{path}' cannot be loaded .*such as a:b"):
            load_named("desk.tool", path, "a:b")


def test_a_call_returns_the_function_s_result() -> None:
    assert call_named(divmod, "desk.tool", "two numbers", 7, 2) == (3, 1)


def test_a_fault_of_the_function_names_the_setting_and_what_it_is_called_with() -> None:
    with pytest.raises(
        SettingsError, match=r"^desk\.tool failed \(ZeroDivisionError: .*\)\. It is called with two numbers\.$"
    ):
        call_named(divmod, "desk.tool", "two numbers", 1, 0)


def test_an_input_error_of_the_function_passes_unchanged() -> None:
    def refuse() -> None:
        raise InputError("no row of the desk's table has a name")

    with pytest.raises(InputError, match=r"^no row of the desk's table has a name$") as raised:
        call_named(refuse, "desk.tool", "nothing")
    assert not isinstance(raised.value, SettingsError)
