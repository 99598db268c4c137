"""Declared checks as suites of Great Expectations, in its own JSON, and edited suites as changes of the checks.

One suite per table. The severity of an expectation is Great Expectations' own field. The shares are in its `meta`, because
Great Expectations' `mostly` leaves nulls out and the gate's does not. Only thresholds, severity and shares of a suite can be edited,
because the gate judges by the declared rules (resources/gate.py).
"""

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from resources.errors import SettingsError
from resources.expectations import great_expectation, import_great_expectations
from resources.gate import Check
from resources.gate_changes import changed_check, changes_of, values_of
from resources.table import Table

Place = tuple[str, ...]
_EDITABLE: Mapping[Place, str] = {
    ("kwargs", "min_value"): "min",
    ("kwargs", "max_value"): "max",
    ("severity",): "critical",
    ("meta", "mostly"): "mostly",
    ("meta", "critical_share"): "critical_share",
}
"""Field of an expectation → key of the setting."""
_SEVERITIES = {"critical": True, "warning": False}
_OF_THE_LIBRARY = (("id",), ("rendered_content",), ("meta", "great_expectations_version"))
"""Fields that Great Expectations writes itself, such as when it stores a suite."""


def suite_of(table: Table) -> Any:
    """The suite of a table, as Great Expectations' object."""
    suite = import_great_expectations().ExpectationSuite
    about = {"table": table.name, "partition": table.partition, "group": table.group}
    return suite(name=table.name, expectations=[expectation_of(check) for check in table.checks], meta=about)


def to_json(table: Table) -> dict[str, Any]:
    """The suite of a table in Great Expectations' JSON."""
    written: dict[str, Any] = suite_of(table).to_json_dict()
    return written


def changes_in(table: Table, edited: Any, source: str) -> dict[str, dict[str, Any]]:
    """The changes of an edited suite: check → key → value, as the settings `[gates.<table>]` hold them.

    Args:
        table: the table as declared.
        edited: the parsed JSON.
        source: the name of the file, for messages.

    Raises:
        SettingsError: the suite differs in something other than thresholds, severity and shares. The message names every such
            expectation and field.
    """
    declared = to_json(table)
    if not isinstance(edited, dict) or not isinstance(edited.get("expectations"), list):
        raise SettingsError(
            f"{source} is no suite of Great Expectations. Write it again: python -m orchestration.gates --write FOLDER."
        )
    faults = [
        f"the suite's {'.'.join(place)}"
        for place in _differing(_without_expectations(declared), _without_expectations(edited))
    ]
    checks = {check.name: check for check in table.checks}
    written = {one["meta"]["check"]: one for one in declared["expectations"]}
    found: dict[str, dict[str, Any]] = {}
    seen: list[str] = []
    for position, one in enumerate(edited["expectations"], 1):
        name = _name_of(one)
        if name not in written or name in seen:
            what = "is repeated" if name in seen else "is not declared"
            faults.append(
                f"expectation {position} ({name or 'without meta.check'}) {what}; expectations cannot be added"
            )
            continue
        seen.append(name)
        values, wrong = _values(name, written[name], one)
        faults += wrong
        if not wrong and (changes := changes_of(changed_check(checks[name], values))):
            found[name] = {key: change["value"] for key, change in changes.items()}
    faults += [
        f"the expectation {name} is missing; set its severity to warning instead"
        for name in written
        if name not in seen
    ]
    if faults:
        raise SettingsError(
            f"{source}: only thresholds (kwargs.min_value, kwargs.max_value), severity, meta.mostly and meta.critical_share can be "
            f"edited, but: {'; '.join(faults)}. Restore these fields."
        )
    return found


def expectation_of(check: Check, **about: Any) -> Any:
    """A check as Great Expectations' object. about: further fields of it, such as its description."""
    values = values_of(check)
    meta = {
        "check": check.name,
        "mostly": values["mostly"],
        "critical_share": values["critical_share"],
        "plausibility": check.plausibility,
        "remedy": {"zh": check.remedy.zh, "en": check.remedy.en},
    }
    return great_expectation(check.rule, severity="critical" if check.critical else "warning", meta=meta, **about)


def _values(name: str, declared: Mapping[str, Any], edited: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The edited values of an expectation, and what is wrong with its fields."""
    values: dict[str, Any] = {}
    faults = []
    for place in _differing(declared, edited):
        key, value = _EDITABLE.get(place), _at(edited, place)
        field = f"the field {'.'.join(place)} of {name}"
        if key is None or _at(declared, place) is None:
            faults.append(f"{field} is no threshold, severity or share of this check")
        elif key == "critical" and (not isinstance(value, str) or value not in _SEVERITIES):
            near = difflib.get_close_matches(str(value), _SEVERITIES, 1)
            faults.append(
                f"{field} is {value!r}, and must be critical or warning{f' (did you mean {near[0]}?)' if near else ''}"
            )
        elif key != "critical" and (
            isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
        ):
            faults.append(f"{field} is {value!r}, and must be a number")
        elif (key == "mostly" and not 0 < value <= 1) or (key == "critical_share" and not 0 <= value <= 1):
            faults.append(f"{field} is {value!r}, and must be a share of at most 1")
        else:
            values[key] = _SEVERITIES[value] if key == "critical" else value
    return values, faults


def _differing(declared: Any, edited: Any, above: Place = ()) -> Iterator[Place]:
    """The fields in which two expectations or suites differ. Texts, lists and numbers are fields, mappings are not."""
    if above in _OF_THE_LIBRARY:
        return
    if isinstance(declared, dict) and isinstance(edited, dict):
        for key in {**declared, **edited}:
            yield from _differing(declared.get(key), edited.get(key), (*above, str(key)))
    elif type(declared) is bool or type(edited) is bool:
        if declared is not edited:
            yield above
    elif declared != edited:
        yield above


def _at(tree: Any, place: Place) -> Any:
    for key in place:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def _name_of(expectation: Any) -> str:
    name = _at(expectation, ("meta", "check"))
    return name if isinstance(name, str) else ""


def _without_expectations(suite: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in suite.items() if key not in ("expectations", "notes")}
