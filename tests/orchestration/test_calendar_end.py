"""Data after the end of the published calendar: only these days are refused, and the remedy that the error names works."""

import datetime as dt
import os
import time
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context

from orchestration import run
from orchestration.partitions import trading_days, trading_weeks
from orchestration.plan import beyond_calendar, last_complete_week, make_plan
from orchestration.platform import PROFILES, Names, open_builder
from orchestration.sensors import make_schedule, make_sensors
from resources.builder import Builder
from resources.calendar import Calendar
from resources.errors import SettingsError
from resources.settings.calendar import CalendarSettings
from resources.settings.load import load_profile
from resources.settings.sensors import SensorsSettings

D = dt.date
OLD = [D(2026, 12, d) for d in (21, 22, 23, 24, 25, 28, 29, 30, 31)]
NEW = [D(2027, 1, d) for d in (4, 5, 6, 7, 8)]
REMEDY = r"calendar ends on 2027-01-03.*announced_until = 2027-12-31 and announced_holidays = \["
ANNOUNCED = """
[profile]
extends = "production"
[calendar]
announced_until = 2027-12-31
announced_holidays = [
  2027-02-05, 2027-02-08, 2027-02-09, 2027-02-10, 2027-04-05, 2027-05-03, 2027-05-04, 2027-06-09, 2027-09-15, 2027-10-01, 2027-10-04,
  2027-10-05{more},
]
"""


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """Closes of two names on the last nine trading days of 2026 and the first five of 2027, in whole minutes of the grid."""
    folder = tmp_path / "market" / "bars"
    folder.mkdir(parents=True)
    minutes = [565, *range(570, 690), *range(780, 897), 897]
    for n, day in enumerate([*OLD, *NEW]):
        frames = [
            pl.DataFrame({"symbol": symbol, "minute": minutes, "close": [price + n / 100] * len(minutes)})
            for symbol, price in (("000001.SZ", 10.0), ("600000.SH", 8.0))
        ]
        path = folder / f"{day:%Y%m%d}.parquet"
        pl.concat(frames).write_parquet(path)
        os.utime(path, (time.time() - 3600,) * 2)
    return tmp_path / "market"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "announced.toml"
    file.write_text(ANNOUNCED.format(more=""), "utf-8")
    return file


def names(market: Path, settings: Path | str = "production") -> Names:
    return Names(str(market), str(market.parent / "lake"), str(settings))


def opened(market: Path, settings: Path | str = "production") -> Builder:
    return open_builder(names(market, settings), profile=load_profile(str(settings), PROFILES, {}))


def test_a_day_after_the_calendar_is_refused_and_no_other(market: Path, settings: Path) -> None:
    folder = run.build_partition("minute_bars", "2026-12-31", names=names(market), say=lambda line: None)
    assert pl.read_parquet(f"{folder}/part.parquet")["close"].max() == pytest.approx(10.08)
    with pytest.raises(SettingsError, match=REMEDY):
        run.build_partition("minute_bars", "2027-01-04", names=names(market), say=lambda line: None)
    # The remedy that the error names works, and makes no partition of the year before stale.
    folder = run.build_partition("minute_bars", "2027-01-04", names=names(market, settings), say=lambda line: None)
    assert pl.read_parquet(f"{folder}/part.parquet")["close"].max() == pytest.approx(10.09)
    assert not make_plan(opened(market, settings), [("minute_bars", D(2026, 12, 31)), ("minute_bars", D(2027, 1, 4))])


def test_the_newest_week_is_refused_where_it_is_after_the_calendar(market: Path, settings: Path) -> None:
    with pytest.raises(SettingsError, match=rf"holds 5 days from 2027-01-04 on.*{REMEDY}.*must name it: 2026-12-28"):
        run.run_report(names=names(market), say=lambda line: None)
    with pytest.raises(SettingsError, match=REMEDY):
        run.run_report(week="2027-01-04", names=names(market), say=lambda line: None)
    builder = opened(market)
    assert last_complete_week(builder) == D(2026, 12, 28)
    assert [day for day in run.everything_for(builder, D(2026, 12, 28)) if day[1] > D(2026, 12, 31)] == []
    # The inputs of the last known week need no day after it.
    assert make_plan(builder, run.everything_for(builder, D(2026, 12, 28)))
    known = opened(market, settings)
    assert beyond_calendar(known) == ""
    assert last_complete_week(known) == D(2027, 1, 4)
    assert ("minute_bars", D(2027, 1, 8)) in run.everything_for(known, D(2027, 1, 4))


def test_a_run_warns_by_the_newest_data_and_not_by_the_clock(market: Path) -> None:
    for day in NEW:
        (market / "bars" / f"{day:%Y%m%d}.parquet").unlink()
    messages: list[str] = []
    with pytest.raises(SettingsError, match="trading days"):  # nine days are too short a history for any network
        run.run_report(names=names(market), say=messages.append)
    assert len(messages) == 1
    assert "ends on 2027-01-03, 3 days after the newest data" in messages[0]
    for day in OLD[1:]:
        (market / "bars" / f"{day:%Y%m%d}.parquet").unlink()
    assert opened(market).calendar.warning(OLD[0], 60)
    assert not opened(market).calendar.warning(OLD[0], 12)


def test_a_later_announced_holiday_makes_nothing_before_it_stale(market: Path, settings: Path) -> None:
    first = opened(market, settings)
    asked = [("minute_bars", day) for day in [*OLD, *NEW]]
    run.build(first, asked, say=lambda line: None)
    settings.write_text(ANNOUNCED.format(more=", 2027-06-10"), "utf-8")
    later = opened(market, settings)
    assert not make_plan(later, asked)
    assert later.calendar.next_day(D(2027, 6, 8)) == D(2027, 6, 11)
    # A report is not stale either: it prints the run's settings, but only the holidays up to its own week.
    report = later.tables["report"]
    assert later.settings_digest(report, D(2027, 1, 4)) == first.settings_digest(report, D(2027, 1, 4))
    assert later.settings_digest(report, D(2027, 6, 7)) != first.settings_digest(report, D(2027, 6, 7))
    assert later.settings_digest(report, D(2027, 5, 31)) == first.settings_digest(report, D(2027, 5, 31))


def test_the_sensor_starts_the_known_week_and_the_schedule_names_the_remedy(
    market: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHOUBAO_MARKET", str(market))
    monkeypatch.setenv("ZHOUBAO_LAKE", str(market.parent / "lake"))
    monkeypatch.setenv("ZHOUBAO__LANDING__WEEK_WAITS_FOR_DAYS", "false")
    monkeypatch.setenv("ZHOUBAO__MODELS__SHORT_HISTORY", "n/a")
    with dg.DagsterInstance.ephemeral() as instance:
        _, week_has_landed = make_sensors(False, SensorsSettings())
        first = week_has_landed(dg.build_sensor_context(instance=instance, cursor=None))
        assert [request.tags["week"] for request in first.run_requests][-1] == "2026-12-28"
        tick = make_schedule(running=False).evaluate_tick(dg.build_schedule_context(instance=instance))
        assert "announced_until = 2027-12-31" in (tick.skip_message or "")


@pytest.mark.parametrize("now", ["2012-02-29", "2022-06-01", "2026-12-30", "2027-03-01", "2029-01-01"])
def test_dagster_s_partitions_are_the_known_days_and_weeks_at_any_time(now: str, settings: Path) -> None:
    published = Calendar.xshg()
    continued = Calendar.xshg(load_profile(str(settings), PROFILES, {}).settings.calendar)
    short = Calendar.xshg(CalendarSettings(announced_until=D(2027, 1, 6)))
    at = dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
    with partition_loading_context(at) as context:
        for calendar in (published, continued, short):
            days, weeks = trading_days(calendar), trading_weeks(calendar)
            known = [str(day) for day in calendar.days(D(2010, 1, 1), calendar.known_until)]
            mondays = [str(week) for week in calendar.weeks(D(2010, 1, 4), calendar.known_week(D(2100, 1, 1)))]
            for partitions, keys in ((days, known), (weeks, mondays)):
                assert partitions.get_partition_keys() == keys
                assert (partitions.get_first_partition_key(), partitions.get_last_partition_key()) == (
                    keys[0],
                    keys[-1],
                )
                assert partitions.get_num_partitions() == len(keys)
                assert partitions.get_partition_keys_in_range(dg.PartitionKeyRange(keys[-30], keys[-1])) == keys[-30:]
                page = partitions.get_paginated_partition_keys(context, limit=10_000, ascending=True)
                assert list(page.results) == keys
        assert not trading_days(published).has_partition_key("2027-01-04")
        assert trading_days(continued).has_partition_key("2027-01-04")
        assert not trading_days(continued).has_partition_key("2027-02-08")
        assert not trading_weeks(short).has_partition_key("2027-01-04")  # half of the week is not announced
