"""SPEC §9.1 and §9.4 on the tiny market, for every asset up to the report: truncation, noise, a restated day."""

import dataclasses
import datetime as dt
import shutil
from pathlib import Path

import polars as pl
import pytest

from assets.report.reasons import FILES_RESTATED
from orchestration.plan import make_plan
from orchestration.prove import (
    add_noise,
    build_at_once,
    differences,
    every_partition,
    prove_group,
    spread_cuts,
    truncate,
)
from orchestration.run import build, everything_for
from resources.manifest import Manifest
from resources.reference_tables import REFERENCE
from resources.table import Lookback, Read
from tests.orchestration.chain import build_chain, of_weeks

CASES = [(n, kind) for n in range(3) for kind in ("noise", "nothing") if (n, kind) != (1, "noise")]
"""The n-th of three cuts, and what is delivered after it. Each takes minutes. Noise after the second cut is in the fast lane."""


def test_noise_after_the_second_cut_changes_nothing(
    tiny_market: Path, world, days, full, reported: list[dt.date], work: Path
) -> None:
    """In any table, with the report of the last week before the cut."""
    cut, folder = spread_cuts(days, 3)[1], work / "noise"
    builder = world(add_noise(tiny_market, cut, folder / "market", seed=1), folder / "lake")
    other = build_chain(builder, cut, reported)
    assert set(other) == set(of_weeks(every_partition(builder, cut), reported))
    assert ("report", reported[0]) in other
    assert "not built" not in other.values()
    assert differences(full, other) == []


@pytest.mark.slow
@pytest.mark.parametrize(("n", "after"), CASES)
def test_nothing_later_is_used(tiny_market: Path, world, days, complete, work: Path, n: int, after: str) -> None:
    cut, folder = spread_cuts(days, 3)[n], work / f"{after}{n}"
    if after == "noise":
        market = add_noise(tiny_market, cut, folder / "market", seed=n)
    else:
        market = truncate(tiny_market, cut, folder / "market")
    builder = world(market, folder / "lake")
    other = build_at_once(builder, cut)
    assert set(other) == set(every_partition(builder, cut))
    assert "not built" not in other.values()
    assert differences(complete, other) == [], f"{after} after {cut}"


@pytest.mark.slow
def test_portfolios_know_nothing_later_in_any_week(tiny_market: Path, world, full_lake: Path, work: Path) -> None:
    messages: list[str] = []
    assert prove_group(
        lambda lake: world(tiny_market, lake), full_lake, "portfolios", work / "stage", messages.append
    ), messages
    assert len(messages) == 4
    assert "portfolio_lines" in messages[0]


@pytest.mark.slow
def test_the_proof_finds_a_portfolio_that_looks_ahead(
    tiny_market: Path, world, full_lake: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Portfolios on the next week's scores: without these scores the week cannot be built, and with noise it differs."""

    def open_world(lake: Path):
        builder = world(tiny_market, lake)
        table = builder.tables["csi500_portfolio"]
        last = builder.lake.keys(builder.tables["scores"])[-1]
        reads = [
            Read("scores", Lookback(lambda calendar, week, section, start: [min(calendar.offset_week(week, 1), last)]))
            if read.table == "scores"
            else read
            for read in table.reads
        ]
        builder.tables = {**builder.tables, table.name: dataclasses.replace(table, reads=tuple(reads))}
        return builder

    def latest(scores, factors, alpha, date, setting=""):
        found = scores.filter(pl.col("factor") == alpha).drop_nulls("value").collect()
        return found.filter(pl.col("date") == pl.col("date").max()).select("symbol", score="value").sort("symbol")

    monkeypatch.setattr("assets.portfolios.week.alphas.alpha_scores", latest)
    messages: list[str] = []
    assert not prove_group(open_world, full_lake, "portfolios", work / "ahead", messages.append)
    assert messages[1].startswith("holds")
    for kind in ("with nothing after it", "with noise after it"):
        assert any(line.startswith("FAILS") and kind in line for line in messages), messages


@pytest.mark.slow
def test_a_restated_day_renews_everything_downstream_and_nothing_else(
    tiny_market: Path, world, days, complete, complete_lake: Path, work: Path
) -> None:
    """SPEC §9.4, with the corrected delivery of a day that the sample market holds beside its ticks."""
    restated = next((tiny_market / "restated").iterdir())
    day = dt.datetime.strptime(restated.name, "%Y%m%d").date()
    copy = work / "restated" / "market"
    shutil.copytree(tiny_market, copy)
    week = world(tiny_market, complete_lake).calendar.week_of(days[-1])
    lake = work / "restated_lake"
    shutil.copytree(complete_lake, lake)
    (lake / "_digests" / "ticks.json").unlink(missing_ok=True)
    (lake / "market.txt").unlink()  # the market has another path, as after a move by its owner
    for path in restated.iterdir():
        shutil.copy(path, copy / "ticks" / restated.name / path.name)
    builder = world(copy, lake)
    weeks = builder.calendar.weeks(builder.calendar.week_of(day), week)
    requested = [*(("report", one) for one in weeks), *everything_for(builder, week)]
    planned = {(step.table.name, step.key): step.reason for step in make_plan(builder, requested).steps}
    assert ("trades", day) in planned
    assert min(key for name, key in planned if builder.tables[name].partition == "day") == day
    assert not {name for name, _ in planned} & {"daily_prices", "securities", "indices", "styles"}
    before = {path: path.stat().st_mtime_ns for path in lake.glob("[!_.]*/*/manifest.json")}
    build(builder, requested, say=lambda line: None)
    assert not make_plan(world(copy, lake), requested)
    renewed = {path for path, time in before.items() if path.stat().st_mtime_ns != time}
    for path in before:
        old, new = (Manifest.loads((root / path.relative_to(lake)).read_bytes()) for root in (complete_lake, lake))
        assert (path in renewed) == ((old.landing, old.inputs) != (new.landing, new.inputs)), path
    fresh = build_at_once(world(copy, work / "restated_fresh"), days[-1])
    again = {
        key: m.content for key in fresh if (m := builder.lake.manifest(builder.tables[key[0]], key[1])) is not None
    }
    assert differences(fresh, again) == []
    changed = {key for key in fresh if fresh[key] != complete.get(key)}
    assert all(key >= builder.calendar.week_of(day) for _, key in changed)
    require_log(complete_lake, lake, work / "restated_fresh", day, {key for name, key in changed if name == "report"})


def require_log(complete_lake: Path, lake: Path, fresh: Path, day: dt.date, weeks: set[dt.date]) -> None:
    """The lake that was corrected has both issues of each restated week, and its log names exactly the figures that differ. A lake
    that was built from the correction has one issue, equal to the last one, and a log without an entry."""
    logs = [pl.read_parquet(root / "_issues" / "restatements.parquet") for root in (lake, fresh)]
    assert logs[1].is_empty()
    assert weeks
    assert set(logs[0]["week"]) == weeks
    assert set(logs[0]["changed"]) == {FILES_RESTATED(files=[f"ticks/{day:%Y%m%d}/"]).dumps()}
    for week in weeks:
        folders = [root / "report" / f"week={week}" for root in (complete_lake, lake)]
        for number, folder in enumerate(folders, 1):
            kept = lake / "_issues" / f"report_{week}_{number}"
            assert {path.relative_to(folder) for path in folder.rglob("*")} <= {
                path.relative_to(kept) for path in kept.rglob("*")
            }
            for path in folder.rglob("*.*"):
                assert (kept / path.relative_to(folder)).read_bytes() == path.read_bytes()
        expected = []
        for name, key in (("table1", "factor"), ("table2", "portfolio")):
            old, new = (pl.read_parquet(folder / f"{name}.parquet").to_dicts() for folder in folders)
            for was, now in zip(old, new, strict=True):
                numbers = [one for one in was if one not in (key, "since", "reason")]
                expected += [(name, was[key], one, was[one], now[one]) for one in numbers if was[one] != now[one]]
        found = logs[0].filter(week=week).drop_nulls("table").select("table", "row", "column", "before", "after").rows()
        assert found == expected


@pytest.mark.parametrize(
    ("part", "at"),
    [
        ("ticks", 51),
        pytest.param("ticks", 59, marks=pytest.mark.slow),
        pytest.param("bars", 0, marks=pytest.mark.slow),
        pytest.param("bars", 24, marks=pytest.mark.slow),
        pytest.param("bars", 49, marks=pytest.mark.slow),
        pytest.param("daily_prices", 40, marks=pytest.mark.slow),
        ("index_weights", 57),
    ],
)
def test_a_plan_after_a_correction_lists_exactly_what_is_downstream(
    tiny_market: Path, world, days, full, full_lake: Path, monkeypatch: pytest.MonkeyPatch, part: str, at: int
) -> None:
    """Against the declared reads of all partitions, which are followed forwards. A reference table reaches all days that know the row."""
    day, builder = days[at], world(tiny_market, full_lake)
    partitions = [*full]
    assert not make_plan(builder, partitions)
    readers: dict[tuple[str, dt.date], set[tuple[str, dt.date]]] = {}
    for name, key in partitions:
        for upstream, keys in builder.reads(builder.tables[name], key):
            for one in keys:
                readers.setdefault((upstream.name, one), set()).add((name, key))
    lands = {table.name: land for table in builder.tables.values() for land in table.lands if land.name == part}
    expected = {
        (name, key)
        for name, key in partitions
        if name in lands and (key == day or (key > day and part in REFERENCE and lands[name].until))
    }
    assert expected
    queue = list(expected)
    while queue:
        fresh = readers.get(queue.pop(), set()) - expected
        expected |= fresh
        queue += fresh
    real = builder.zone.digest

    def digest(name: str, date: dt.date, until: bool) -> str:
        known = date == day or (date > day and name in REFERENCE and until)
        return "corrected" if name == part and known else real(name, date, until)

    monkeypatch.setattr(builder.zone, "digest", digest)
    planned = {(step.table.name, step.key) for step in make_plan(builder, partitions).steps}
    assert planned == expected
