"""Applies the settings `[gates.<table>.<check>]` to declared checks.

This module decides which values of a check can be changed, and compares changed values with the declared ones. The settings are in
resources/settings/gates.py, the checks in assets/*/assets.py.
"""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import Any

from resources.errors import SettingsError
from resources.gate import Between, Check
from resources.settings.gates import Gates, GateSettings
from resources.table import Table

CHANGED_GATES = "changed_gates"
"""Note of a partition: check → key → value, declared value, and whether the value is looser."""
_BOUNDS = ("min", "max")


def values_of(check: Check) -> dict[str, float | bool]:
    """The values of a check that settings can change, by key.

    >>> from resources.language import Bilingual
    >>> values_of(Check("volume_not_negative", Between("volume", 0), critical=True, remedy=Bilingual("", "")))
    {'min': 0, 'critical': True, 'mostly': 1.0, 'critical_share': 0.5}
    """
    rule = check.rule
    bounds = {"min": rule.min, "max": rule.max} if isinstance(rule, Between) else {}
    return {
        **{key: bound for key, bound in bounds.items() if bound is not None},
        "critical": check.critical,
        "mostly": check.mostly,
        "critical_share": check.critical_share,
    }


def with_gates(tables: Mapping[str, Table], gates: Gates) -> dict[str, Table]:
    """The tables with their checks as the settings change them. A value that equals the declared one is no change.

    Raises:
        SettingsError: a table or check is not declared, or a check has no such threshold, or no value could satisfy it. The message
            names every such setting.
    """
    faults: list[str] = []
    changed = dict(tables)
    for name, changes in gates.items():
        if name not in tables:
            faults.append(f"gates.{name} names no table{_nearest(name, tables)}")
            continue
        checks = {check.name: check for check in tables[name].checks}
        for one, gate in changes.items():
            path = f"gates.{name}.{one}"
            if one not in checks:
                faults.append(f"{path} names no check of {name}{_nearest(one, checks)}")
            elif wrong := _faults(path, checks[one], _named(gate)):
                faults += wrong
            else:
                checks[one] = changed_check(checks[one], _named(gate))
        changed[name] = dataclasses.replace(tables[name], checks=tuple(checks.values()))
    if faults:
        raise SettingsError(
            f"{'; '.join(faults)}. Correct or remove these settings; `python -m orchestration.gates --write FOLDER` writes the "
            "declared checks of every table."
        )
    return changed


def changed_check(check: Check, values: Mapping[str, Any]) -> Check:
    """A check with other values of `values_of`. The returned check remembers the declared one."""
    declared = check.declared or check
    bounds = {key: values[key] for key in _BOUNDS if key in values}
    others = {key: value for key, value in values.items() if key not in _BOUNDS}
    rule = dataclasses.replace(check.rule, **bounds) if bounds and isinstance(check.rule, Between) else check.rule
    new = dataclasses.replace(check, rule=rule, declared=None, **others)
    return declared if new == declared else dataclasses.replace(new, declared=declared)


def changes_of(check: Check) -> dict[str, dict[str, Any]]:
    """The values of a check that settings changed: key → value, declared, looser; {} for a check as declared."""
    if check.declared is None:
        return {}
    before, now = values_of(check.declared), values_of(check)
    return {
        key: {"value": value, "declared": before[key], "looser": _is_looser(key, value, before[key])}
        for key, value in now.items()
        if value != before[key]
    }


def changed_gates(table: Table) -> dict[str, dict[str, dict[str, Any]]]:
    """The changed checks of a table, as the note CHANGED_GATES of its partitions; {} where all are as declared."""
    return {check.name: changes for check in table.checks if (changes := changes_of(check))}


def describe_gates(tables: Mapping[str, Table]) -> dict[str, dict[str, Any]]:
    """The changes of all tables by setting, such as "gates.minute_bars.volume_equals_exchange_total.max"."""
    return {
        f"gates.{name}.{check}.{key}": change
        for name, table in tables.items()
        for check, changes in changed_gates(table).items()
        for key, change in changes.items()
    }


def _named(gate: GateSettings) -> dict[str, Any]:
    return {key: value for key in type(gate).model_fields if (value := getattr(gate, key)) is not None}


def _faults(path: str, check: Check, values: Mapping[str, Any]) -> list[str]:
    known = values_of(check)
    unknown = [
        f"{path}.{key} = {value}: the rule that {check.rule.reason} has no {key}; it has {', '.join(known)}"
        for key, value in values.items()
        if key not in known
    ]
    low, high = ({**known, **values}.get(key) for key in _BOUNDS)
    if not unknown and low is not None and high is not None and low > high:
        return [f"{path} would require a value of at least {low} and at most {high}, which no value satisfies"]
    return unknown


def _is_looser(key: str, value: float, declared: float) -> bool:
    """Whether more partitions pass with a value, or fewer are refused, than with the declared one."""
    return value > declared if key in ("max", "critical_share") else value < declared


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, list(known), 1, 0.4)
    return f"; the nearest is {near[0]}" if near else f"; known are {', '.join(known)}"
