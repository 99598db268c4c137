"""Checks that settings change: what is refused, what becomes stale, and what is recorded."""

import dataclasses
import datetime as dt
from pathlib import Path

import pytest

from resources.builder import Builder
from resources.errors import SettingsError
from resources.gate import Between, Check, InSet, NotNull, Unique
from resources.gate_changes import CHANGED_GATES, changed_check, changes_of, describe_gates, with_gates
from resources.language import Bilingual
from resources.settings.gates import GateSettings
from tests.resources.fake_tables import AVERAGES, PRICES, TABLES
from tests.resources.small_market import DAYS, WEEKS, build_all, open_world

REMEDY = Bilingual("更正", "correct it")


def world(market: Path, lake: Path, **changes: object) -> Builder:
    """The small world with these changes of the only check of prices, which admits closes from 0 to 1000."""
    builder = open_world(market, lake)
    builder.tables = with_gates(TABLES, {"prices": {"prices_are_sane": GateSettings(**changes)}} if changes else {})
    return builder


def stale(builder: Builder) -> dict[tuple[str, dt.date], str]:
    keys = {"prices": DAYS, "averages": DAYS, "totals": WEEKS}
    found = {(name, key): builder.stale(builder.tables[name], key) for name in keys for key in keys[name]}
    return {one: str(reason) for one, reason in found.items() if reason is not None}


def test_exactly_the_partitions_of_the_table_are_stale(market: Path, tmp_path: Path) -> None:
    build_all(world(market, tmp_path / "lake"))
    everything = {("prices", day): "settings changed (gates.prices)" for day in DAYS}
    changed = world(market, tmp_path / "lake", max=2000)
    assert stale(changed) == everything
    changed.build(changed.tables["prices"], DAYS)
    assert stale(changed) == {}  # the contents are the same
    removed = world(market, tmp_path / "lake")
    assert stale(removed) == everything
    build_all(removed)
    assert stale(removed) == {}


def test_a_value_that_equals_the_declared_one_is_no_change(market: Path, tmp_path: Path) -> None:
    build_all(world(market, tmp_path / "lake"))
    same = world(market, tmp_path / "lake", min=0.0, max=1000.0, critical=True, mostly=1.0, critical_share=0.5)
    assert same.tables["prices"].checks == PRICES.checks
    assert describe_gates(same.tables) == {}
    assert stale(same) == {}


def test_a_changed_check_decides_and_is_recorded(market: Path, tmp_path: Path) -> None:
    """Closes of 600000.SH rise from 10 to 23, those of 000001.SZ fall from 20."""
    strict = world(market, tmp_path / "lake", max=20.5)
    build_all(strict)
    refused = [day for day in DAYS if strict.lake.manifest(PRICES, day).refusals]
    assert refused == DAYS[11:]
    assert not strict.lake.manifest(AVERAGES, DAYS[-1])
    note = {"max": {"value": 20.5, "declared": 1000, "looser": False}}
    assert strict.lake.manifest(PRICES, DAYS[0]).notes[CHANGED_GATES] == {"prices_are_sane": note}
    warned = world(market, tmp_path / "lake", max=20.5, critical=False)
    build_all(warned)  # one row of two fails, which is not more than the critical share of one half
    assert not any(warned.lake.manifest(PRICES, day).refusals for day in DAYS)
    assert not warned.lake.manifest(PRICES, DAYS[-1]).checks["prices_are_sane"].passed
    shared = world(market, tmp_path / "lake", max=20.5, critical=False, critical_share=0.4)
    build_all(shared)
    assert [day for day in DAYS if shared.lake.manifest(PRICES, day).refusals] == refused
    mostly = world(market, tmp_path / "lake", max=20.5, mostly=0.5)
    build_all(mostly, WEEKS[-1])
    assert all(mostly.lake.manifest(PRICES, day).checks["prices_are_sane"].passed for day in DAYS)


def test_another_declaration_is_a_change_of_the_code(market: Path, tmp_path: Path) -> None:
    build_all(world(market, tmp_path / "lake"))
    other = world(market, tmp_path / "lake")
    check = dataclasses.replace(PRICES.checks[0], rule=Between("close", 0, 2000))
    other.tables = {**TABLES, "prices": dataclasses.replace(PRICES, checks=(check,))}
    assert str(other.stale(other.tables["prices"], DAYS[0])) == "code changed"


@pytest.mark.parametrize(
    ("table", "check", "changes", "message"),
    [
        ("price", "x", {"max": 1}, "gates.price names no table; the nearest is prices"),
        ("prices", "prices_sane", {"max": 1}, "gates.prices.prices_sane names no check of prices; the nearest is prices_are_sane"),
        ("prices", "prices_are_sane", {"min": 2000}, "at least 2000.0 and at most 1000, which no value satisfies"),
        ("totals", "any", {"max": 1}, "names no check of totals"),
    ],
)  # fmt: skip
def test_a_wrong_name_or_range_is_refused(table: str, check: str, changes: dict[str, float], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        with_gates(TABLES, {table: {check: GateSettings(**changes)}})


@pytest.mark.parametrize(
    ("rule", "lacks"),
    [
        (NotNull("close"), ("min", "max")),
        (Unique(("close",)), ("min", "max")),
        (InSet("close", (1,)), ("min", "max")),
        (Between("close", 0), ("max",)),
        (Between("close", None, 0), ("min",)),
        (Between("close", 0, 0), ()),
    ],
    ids=str,
)
def test_a_bound_that_the_rule_has_not_is_refused(rule, lacks: tuple[str, ...]) -> None:
    check = Check("only", rule, critical=True, remedy=REMEDY)
    tables = {"prices": dataclasses.replace(PRICES, checks=(check,))}
    for key in ("min", "max"):
        gates = {"prices": {"only": GateSettings(**{key: 0.0})}}
        if key in lacks:
            with pytest.raises(
                SettingsError, match=rf"gates.prices.only.{key} = 0.0: the rule that .* has no {key}; it has"
            ):
                with_gates(tables, gates)
        else:
            assert with_gates(tables, gates) == tables


@pytest.mark.parametrize(
    ("key", "looser", "stricter"),
    [("min", -1, 1), ("max", 11, 9), ("critical", False, None), ("mostly", 0.8, 1.0), ("critical_share", 0.7, 0.3)],
)  # fmt: skip
def test_looser_values_are_marked(key: str, looser: float, stricter: float | None) -> None:
    check = Check("only", Between("close", 0, 10), critical=True, remedy=REMEDY, mostly=0.9)
    assert changes_of(changed_check(check, {key: looser}))[key]["looser"]
    if stricter is not None:
        assert not changes_of(changed_check(check, {key: stricter}))[key]["looser"]
    warning = dataclasses.replace(check, critical=False)
    assert not changes_of(changed_check(warning, {"critical": True}))["critical"]["looser"]
