"""The whole chain on the tiny market: it is complete, equal day by day and at once, and can start unattended."""

import dataclasses
import html
import re
import shutil
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.report.words import factors, front
from orchestration.platform import PROFILES, Names, open_builder
from orchestration.prove import build_day_by_day, contents, differences, every_partition
from orchestration.run import build, everything_for
from orchestration.tables import load_tables
from resources.errors import NotReadyError
from resources.settings.engine import EngineSettings
from resources.settings.load import load_profile
from tests.orchestration.conftest import PROFILE


def test_the_whole_chain_is_built(full, days) -> None:
    assert {name for name, _ in full} == set(load_tables())
    assert "not built" not in full.values()


def test_every_table_of_the_tiny_market_has_rows_and_values(
    tiny_market: Path, world, days, full, full_lake: Path, work: Path
) -> None:
    """The proofs need tables with content."""
    builder = world(tiny_market, full_lake)
    week = builder.calendar.week_of(days[-1])
    for name, table in builder.tables.items():
        key = days[-1] if table.partition == "day" else week
        assert builder.lake.manifest(table, key).rows > 0, f"{name} is empty at the end"
    unavailable = {
        name: builder.lake.manifest(t, week).unavailable for name, t in builder.tables.items() if t.partition == "week"
    }
    assert not any(unavailable.values()), unavailable


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_workers_build_the_chain_of_one_process(tiny_market: Path, days, complete, work: Path, engine: str) -> None:
    """All tables together, the trainings side by side, by two workers of one thread each: every content is equal."""
    changes = {"engine": engine, "workers": 2, "threads": 1, "worker_gb": 2.0}
    tree = PROFILE.settings.model_copy(update={"execution": EngineSettings(**changes)})
    parallel = dataclasses.replace(PROFILE, settings=tree)
    names = Names(str(tiny_market), str(work / engine), "")
    builder = open_builder(names, profile=parallel, say=lambda line: None)
    partitions = every_partition(builder, days[-1])
    with builder.lake.writing(kind="run"), builder.engine:
        for reference in (True, False):  # partitions of two histories, and days before weeks
            for kind in ("day", "week"):
                tables = [
                    table
                    for table in builder.tables.values()
                    if table.partition == kind and (table.history == "reference") == reference
                ]
                names_of = {table.name for table in tables}
                builder.build_range(tables, sorted({key for name, key in partitions if name in names_of}))
    found = contents(builder, partitions)
    assert found.keys() == complete.keys()
    assert differences(complete, found) == []


@pytest.mark.slow
def test_backfill_equals_day_by_day(tiny_market: Path, world, days, complete, work: Path) -> None:
    other = build_day_by_day(world(tiny_market, work / "by_day"), days[-1])
    assert other.keys() == complete.keys()
    assert "not built" not in complete.values()
    assert differences(complete, other) == []


def test_the_unattended_job_builds_what_is_stale(
    tiny_market: Path, world, days, full, full_lake: Path, work: Path, monkeypatch
) -> None:
    """`weekly_report`, as the sensor starts it: the driver inside a Dagster run, on that run's own instance."""
    from orchestration.jobs import daily_tables, weekly_report

    lake = work / "job_lake"
    shutil.copytree(full_lake, lake)
    builder = world(tiny_market, lake)
    week = builder.calendar.week_of(days[-1])
    (lake / f"factors/date={days[-1]}" / "manifest.json").unlink()
    (lake / f"report/week={week}" / "manifest.json").unlink()
    for name, value in {"MARKET": tiny_market, "LAKE": lake, "SETTINGS": "tiny"}.items():
        monkeypatch.setenv(f"ZHOUBAO_{name}", str(value))
    (work / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(work / "dagster")) as instance:
        config = {"ops": {"build_day": {"config": {"day": str(days[-1])}}}}
        assert daily_tables.execute_in_process(instance=instance, run_config=config).success
        builder.lake.forget()
        assert builder.lake.manifest(builder.tables["factors"], days[-1]).content == full["factors", days[-1]]
        assert builder.lake.manifest(builder.tables["report"], week) is None
        result = weekly_report.execute_in_process(instance=instance)
        assert result.success
        assert result.output_for_node("build_report").endswith(f"report/week={week}/report.html")
        built = instance.fetch_materializations(dg.AssetKey("report"), limit=5).records
        assert [record.partition_key for record in built] == [str(week)]
    builder.lake.forget()
    assert builder.lake.manifest(builder.tables["report"], week).content == full["report", week]


@pytest.mark.slow
def test_a_failed_plausibility_check_stops_the_report_until_the_settings_allow_it(
    tiny_market: Path, world, days, full, full_lake: Path, tmp_path: Path, work: Path
) -> None:
    """Two faults of the last day that no rule for rows sees: a row of daily_prices that is lost, though the name traded, and a row
    that doubles pre_close and halves the shares, so that a leg of few names falls by more than price limits let it."""
    shutil.copytree(full_lake, tmp_path / "lake")
    (tmp_path / "lake" / "market.txt").unlink()  # the lake goes on with the copy of its market
    shutil.copytree(tiny_market, tmp_path / "market")
    builder = world(tmp_path / "market", tmp_path / "lake")
    week, day = builder.calendar.week_of(days[-1]), days[-1]
    held = builder.lake.read(builder.tables["scores"], [builder.calendar.offset_week(week, -1)]).collect()
    ranked = held.filter(pl.col("factor") == "gru_50_1").drop_nulls("value").sort("value", descending=True)
    path = tmp_path / "market" / "reference" / "daily_prices.parquet"
    prices = pl.read_parquet(path)
    traded = prices.filter((pl.col("date") == day) & (pl.col("volume") > 0))["symbol"].to_list()
    halved = next(symbol for symbol in ranked["symbol"] if symbol in traded)
    lost = next(symbol for symbol in ranked["symbol"].reverse() if symbol in traded)
    own = (pl.col("date") == day) & (pl.col("symbol") == halved)
    if "limit_up" not in prices.columns:
        prices = prices.with_columns(limit_up=pl.lit(None, pl.Float64), limit_down=pl.lit(None, pl.Float64))
    changed = prices.filter((pl.col("date") != day) | (pl.col("symbol") != lost)).with_columns(
        pre_close=pl.when(own).then(pl.col("pre_close") * 2).otherwise("pre_close"),
        limit_up=pl.when(own).then(0.0).otherwise("limit_up"),
        limit_down=pl.when(own).then(0.0).otherwise("limit_down"),
        float_shares=pl.when(own).then(pl.col("float_shares") // 2).otherwise("float_shares"),
        total_shares=pl.when(own).then(pl.col("total_shares") // 2).otherwise("total_shares"),
    )
    assert changed.height == prices.height - 1
    changed.write_parquet(path)

    messages: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance:
        with pytest.raises(NotReadyError) as caught:
            build(builder, everything_for(builder, week), instance=instance, say=messages.append)
        text = str(caught.value)
        assert f"[report/week={week}] no_failed_plausibility_check failed" in text
        assert f"tape_health · traded_names_have_prices, 1 partition ({day} to {day})" in text
        assert "factor_returns · long_return_plausible" in text
        assert lost in text
        assert "report.allow_failed_plausibility" in text
        assert not list((tmp_path / "lake" / "report" / f"week={week}").glob("report.*"))

        allowed = load_profile("tiny", PROFILES, {"ZHOUBAO__REPORT__ALLOW_FAILED_PLAUSIBILITY": "true"})
        names = Names(str(tmp_path / "market"), str(tmp_path / "lake"), "")
        other = open_builder(names, profile=allowed, say=lambda line: None)
        done = build(other, everything_for(other, week), instance=instance, say=messages.append)
    assert [(step.table.name, step.key) for step in done.steps] == [("report", week)]
    page = html.unescape((tmp_path / "lake" / "report" / f"week={week}" / "report.html").read_text("utf-8"))
    first_page = re.sub(r"<[^>]+>", " ", page[: page.index(factors.WORDS["table1_title"]["zh"])])
    assert front.WORDS["warn_implausible"]["zh"].split("{")[0] in first_page
    for check in ("traded_names_have_prices", "long_return_plausible"):
        assert check in first_page
