"""SPEC §9.1–2 on the tiny market, for every asset up to the report: truncation, noise, backfill equals day by day."""

import datetime as dt
from pathlib import Path

import pytest

from orchestration.platform import PROFILES, Names, open_builder
from orchestration.prove import (
    add_noise,
    build_at_once,
    build_day_by_day,
    differences,
    every_partition,
    spread_cuts,
    truncate,
)
from orchestration.run import build
from resources.builder import Builder
from resources.landing import LandingZone
from resources.settings.load import load_profile

PROFILE = load_profile("tiny", PROFILES, {})


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proofs")


@pytest.fixture(scope="module")
def market(work: Path) -> Path:
    from resources.sample_market.__main__ import main

    main(["--profile", "tiny", "--out", str(work / "market")])
    return work / "market"


@pytest.fixture(scope="module")
def days(market: Path) -> list[dt.date]:
    return LandingZone(market).days()


def world(market: Path, lake: Path) -> Builder:
    return open_builder(Names(str(market), str(lake), ""), profile=PROFILE, say=lambda line: None)


@pytest.fixture(scope="module")
def full(market: Path, days: list[dt.date], work: Path):
    return build_at_once(world(market, work / "full"), days[-1])


def test_the_whole_chain_is_built(full, days) -> None:
    assert {name for name, _ in full} == set(open_tables())
    assert "not built" not in full.values()


def open_tables():
    from orchestration.tables import load_tables

    return load_tables()


def test_what_the_tiny_market_should_give_is_there(market: Path, days, full, work: Path) -> None:
    """A proof over empty tables proves nothing."""
    builder = world(market, work / "full")
    week = builder.calendar.week_of(days[-1])
    for name, table in builder.tables.items():
        key = days[-1] if table.partition == "day" else week
        assert builder.lake.manifest(table, key).rows > 0, f"{name} is empty at the end"
    unavailable = {
        name: builder.lake.manifest(t, week).unavailable for name, t in builder.tables.items() if t.partition == "week"
    }
    assert not any(unavailable.values()), unavailable


def test_backfill_equals_day_by_day(market: Path, days, full, work: Path) -> None:
    other = build_day_by_day(world(market, work / "by_day"), days[-1])
    assert other.keys() == full.keys()
    assert differences(full, other) == []


@pytest.mark.parametrize("n", [0, 1, 2])
def test_nothing_later_is_used(market: Path, days, full, work: Path, n: int) -> None:
    cut = spread_cuts(days, 3)[n]
    short = truncate(market, cut, work / f"cut{n}" / "market")
    noisy = add_noise(market, cut, work / f"noise{n}" / "market", seed=n)
    for kind, landing in (("truncated", short), ("noisy", noisy)):
        builder = world(landing, work / f"{kind}{n}_lake")
        other = build_at_once(builder, cut)
        assert set(other) == set(every_partition(builder, cut))
        assert "not built" not in other.values()
        assert differences(full, other) == [], f"{kind} after {cut}"


def test_a_restated_day_renews_what_is_downstream_of_it_and_nothing_else(market: Path, days, full, work: Path) -> None:
    """SPEC §9.4: the corrected re-delivery that the sample market holds beside its ticks."""
    import shutil

    from orchestration.plan import make_plan

    restated = next((market / "restated").iterdir())
    day = dt.datetime.strptime(restated.name, "%Y%m%d").date()
    copy = work / "restated" / "market"
    shutil.copytree(market, copy)
    week = world(market, work / "full").calendar.week_of(days[-1])
    lake = work / "restated_lake"
    shutil.copytree(work / "full", lake)
    (lake / "_digests" / "ticks.json").unlink(missing_ok=True)
    (lake / "market.txt").unlink()  # the market is moved, as its owner would say
    for path in restated.iterdir():
        shutil.copy(path, copy / "ticks" / restated.name / path.name)
    builder = world(copy, lake)
    planned = {(step.table.name, step.key): step.reason for step in make_plan(builder, [("report", week)]).steps}
    assert ("trades", day) in planned
    assert min(key for name, key in planned if builder.tables[name].partition == "day") == day
    assert not {name for name, _ in planned} & {"daily_prices", "securities", "indices", "styles"}
    build(builder, [("report", week)], say=lambda line: None)
    fresh = build_at_once(world(copy, work / "restated_fresh"), days[-1])
    again = {
        key: m.content for key in fresh if (m := builder.lake.manifest(builder.tables[key[0]], key[1])) is not None
    }
    assert differences(fresh, again) == []
    changed = {key for key in fresh if fresh[key] != full.get(key)}
    assert all(key >= builder.calendar.week_of(day) for _, key in changed)


def test_the_unattended_job_builds_what_is_stale(market: Path, days, full, work: Path, monkeypatch) -> None:
    """`weekly_report`, as the sensor starts it: the driver inside a Dagster run, on that run's own instance."""
    import shutil

    import dagster as dg

    from orchestration.jobs import weekly_report

    lake = work / "job_lake"
    shutil.copytree(work / "full", lake)
    builder = world(market, lake)
    week = builder.calendar.week_of(days[-1])
    (lake / f"factors/date={days[-1]}" / "manifest.json").unlink()
    (lake / f"report/week={week}" / "manifest.json").unlink()
    for name, value in {"MARKET": market, "LAKE": lake, "SETTINGS": "tiny"}.items():
        monkeypatch.setenv(f"ZHOUBAO_{name}", str(value))
    with dg.DagsterInstance.local_temp(str(work / "dagster")) as instance:
        result = weekly_report.execute_in_process(instance=instance)
        assert result.success
        assert result.output_for_node("build_report").endswith(f"report/week={week}/report.html")
        built = instance.fetch_materializations(dg.AssetKey("report"), limit=5).records
        assert [record.partition_key for record in built] == [str(week)]
    builder.lake.forget()
    assert builder.lake.manifest(builder.tables["report"], week).content == full["report", week]
