"""docs/settings.md is the settings tree: every leaf with its default as a settings file writes it, and its bounds."""

import re
import tomllib
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from resources.settings import Settings
from resources.settings.base import Section
from resources.settings.gates import GateSettings
from resources.settings.rulebook import KINDS
from resources.settings_page import PAGE, page

TEXT = PAGE.read_text("utf-8")


def leaves(section: Section, path: str = "") -> Iterator[tuple[str, str, FieldInfo, Any]]:
    """(path of the section, name, field, default) of every setting that is no section."""
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from leaves(value, f"{path}.{name}".lstrip("."))
        elif (path, name) == ("", "gates"):  # sections by table and check
            yield from leaves(GateSettings(), name)
        else:
            yield path, name, field, value


LEAVES = list(leaves(Settings()))


def row(section: str, name: str) -> list[str]:
    """The cells of a setting's row under the heading that names its section."""
    heading = re.search(rf"^#+ .*`{re.escape(section)}`.*$", TEXT, re.M)
    assert heading, f"no heading names {section}"
    for line in TEXT[heading.end() :].split("\n"):
        if line.startswith("#"):
            break
        if line.startswith(f"| `{name}` |"):
            return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    raise AssertionError(f"{section} has no row {name}")


def default_of(section: str, cell: str) -> str:
    """The default that a cell states for one section: the first, or the one that names the section."""
    usual, *others = re.split(r"; (?=`|none)", cell)
    return next(
        (one.split(" for ")[0] for one in others if section.split(".")[-1] in re.split(r" for |, ", one)), usual
    )


def test_the_page_is_the_tree() -> None:
    """python -m resources.settings_page writes it."""
    assert page() == TEXT


def test_there_are_hundreds_of_settings() -> None:
    assert len(LEAVES) > 300


@pytest.mark.parametrize(("section", "name", "field", "value"), LEAVES, ids=[f"{one[0]}.{one[1]}" for one in LEAVES])
def test_every_setting_has_its_default_and_meaning(section: str, name: str, field: FieldInfo, value: Any) -> None:
    cells = row(section, name)
    if section == "rulebook" and name in KINDS:
        assert cells[1] == f"{len(value)} rows"
        return
    default = default_of(section, cells[1])
    written = None if default == "none" else tomllib.loads(f"value = {default.strip('`')}")["value"]
    expected = TypeAdapter(field.annotation).dump_python(value, mode="json")
    assert TypeAdapter(Any).dump_python(written, mode="json") == expected
    assert " ".join((field.description or "").split()) in cells[4]


NUMBER = re.compile(r"(whole )?number, (\S+?) to (\S+?)(?=$|;)")
BOUNDED = [
    (section, name, field, value)
    for section, name, field, value in LEAVES
    if NUMBER.search(row(section, name)[3]) and not isinstance(value, dict)
]


@pytest.mark.parametrize(("section", "name", "field", "value"), BOUNDED, ids=[f"{one[0]}.{one[1]}" for one in BOUNDED])
def test_bounds_are_those_of_the_field(section: str, name: str, field: FieldInfo, value: Any) -> None:
    """Both ends of "a to b" are allowed, and what lies beyond them is not; of a list those of each value."""
    found = NUMBER.search(row(section, name)[3])
    assert found
    low, high = float(found[2]), float(found[3])
    allowed: TypeAdapter[Any] = TypeAdapter(
        Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    )
    step = 1 if found[1] else high * 1e-6
    for bound, inside in ((low, True), (high, True), (low - step, False), (high + step, False)):
        number = int(bound) if found[1] else bound
        tried = tuple(number for _ in value) if isinstance(value, tuple) else number
        if inside:
            allowed.validate_python(tried)
        else:
            with pytest.raises(ValidationError):
                allowed.validate_python(tried)


def test_many_bounds_are_compared() -> None:
    assert len(BOUNDED) > 200
