"""The sensor tick by tick on an instance, and the schedule; the shape of the code location."""

import os
import time
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from orchestration.definitions import build_defs
from orchestration.sensors import make_schedule, make_sensor
from orchestration.tables import load_tables


def deliver(market: Path, *days: str, minutes_ago: float = 60) -> None:
    (market / "bars").mkdir(parents=True, exist_ok=True)
    for day in days:
        bars = pl.DataFrame({"symbol": ["600000.SH"], "minute": [570], "close": [10.0]})
        path = market / "bars" / f"{day}.parquet"
        bars.write_parquet(path)
        os.utime(path, (time.time() - 60 * minutes_ago,) * 2)


@pytest.fixture
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZHOUBAO_MARKET", str(tmp_path / "market"))
    monkeypatch.setenv("ZHOUBAO_LAKE", str(tmp_path / "lake"))
    return tmp_path / "market"


def test_the_sensor_asks_once_for_each_week_that_is_complete(market: Path) -> None:
    sensor = make_sensor()
    with dg.DagsterInstance.ephemeral() as instance:

        def tick(cursor: str | None):
            return sensor(dg.build_sensor_context(instance=instance, cursor=cursor))

        assert "no landing zone" in tick(None).skip_message
        deliver(market, "20230103", "20230104", "20230105")
        assert "no complete trading week" in tick(None).skip_message
        deliver(market, "20230106")
        first = tick(None)
        assert [request.run_key for request in first.run_requests] == ["report-2023-01-02"]
        assert first.cursor == "2023-01-02"
        deliver(market, "20230109", "20230110", "20230111", "20230112")
        assert "still 2023-01-02" in tick(first.cursor).skip_message
        deliver(market, "20230113")
        second = tick(first.cursor)
        assert [request.tags["week"] for request in second.run_requests] == ["2023-01-09"]
        assert "still 2023-01-09" in tick(second.cursor).skip_message


def test_the_sensor_waits_while_files_still_change(market: Path) -> None:
    sensor = make_sensor()
    deliver(market, "20230103", "20230104", "20230105")
    deliver(market, "20230106", minutes_ago=1)
    with dg.DagsterInstance.ephemeral() as instance:
        skipped = sensor(dg.build_sensor_context(instance=instance, cursor=None))
        assert "20230106.parquet changed 1.0 minutes ago" in skipped.skip_message
        deliver(market, "20230106", minutes_ago=11)
        assert sensor(dg.build_sensor_context(instance=instance, cursor=None)).cursor == "2023-01-02"


def test_the_schedule_asks_for_the_same_run(market: Path) -> None:
    schedule = make_schedule()
    deliver(market, "20230103", "20230104", "20230105", "20230106")
    data = schedule.evaluate_tick(dg.build_schedule_context())
    assert [request.run_key for request in data.run_requests] == ["report-2023-01-02"]


def test_the_shape_of_the_code_location() -> None:
    defs = build_defs()
    repository = defs.get_repository_def()
    assert sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")) == [
        "day", "training", "week", "weekly_report",
    ]  # fmt: skip
    assert [sensor.name for sensor in repository.sensor_defs] == ["week_has_landed"]
    assert [schedule.name for schedule in repository.schedule_defs] == ["saturday_morning"]
    graph = defs.resolve_asset_graph()
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == set(load_tables())
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.group_name
        assert node.owners
        assert node.kinds
        assert node.description
    checks = {key.name for key in graph.asset_check_keys}
    assert "volume_equals_exchange_total" in checks
    assert "solver_solved" in checks


def test_a_daily_to_weekly_mapping_is_lineage_only() -> None:
    """Dagster maps a week whose Monday is excluded onto one older day too; every asset therefore asks the calendar."""
    import datetime as dt

    from orchestration.partitions import trading_days, trading_weeks
    from resources.calendar import Calendar
    from resources.table import week_days

    calendar = Calendar.xshg()
    mapping = dg.TimeWindowPartitionMapping()
    week = dt.date(2023, 1, 2)  # Monday 2 January 2023 was a holiday
    weeks, days = trading_weeks(calendar), trading_days(calendar)
    upstream = mapping.get_upstream_mapped_partitions_result_for_partitions(
        weeks.subset_with_partition_keys([str(week)]), weeks, days
    ).partitions_subset
    by_calendar = [str(day) for day in week_days()(calendar, week, None, dt.date(2022, 1, 1))]
    assert by_calendar == ["2023-01-03", "2023-01-04", "2023-01-05", "2023-01-06"]
    assert sorted(upstream.get_partition_keys()) == ["2022-12-30", *by_calendar]
