"""Dagster's partitions are the landed days and weeks, and its mappings cover what the builder reads."""

import datetime as dt
import json
import random
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import deserialize_value, serialize_value
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.definitions import build_defs
from orchestration.jobs import make_jobs
from orchestration.partitions import Partitions, trading_days, trading_weeks
from orchestration.platform import PROFILES, History, Names, key_prefix, landed_history
from orchestration.tables import load_tables
from resources.builder import Builder
from resources.calendar import Calendar
from resources.errors import SettingsError
from resources.settings.load import Profile, load_profile
from resources.table import Table
from tests.resources.fake_tables import TABLES, FakeSettings
from tests.resources.small_market import DAYS, open_world

D = dt.date
CALENDAR = Calendar.xshg()
REAL = load_tables()
DECADE = History(D(2013, 1, 4), D(2010, 1, 4), D(2022, 12, 30), D(2026, 1, 1))


class Zone:
    """The days that the builder asks a landing zone for."""

    def __init__(self, history: History):
        self._history = history

    def days(self) -> list[dt.date]:
        return CALENDAR.days(self._history.minutes, self._history.last)

    def reference_start(self) -> dt.date:
        return self._history.reference


# --- the partitions ---------------------------------------------------------------------------------------------------


def test_holidays_and_weeks_without_a_trading_day_are_no_partitions() -> None:
    history = History(D(2023, 1, 3), D(2023, 1, 3), D(2023, 12, 29), D(2024, 6, 3))
    days, weeks = trading_days(CALENDAR, history), trading_weeks(CALENDAR, history)
    assert days.get_partition_keys() == [str(day) for day in CALENDAR.days(D(2023, 1, 3), D(2023, 12, 29))]
    assert weeks.get_partition_keys() == [str(week) for week in CALENDAR.weeks(D(2023, 1, 2), D(2023, 12, 25))]
    for closed in ("2023-01-23", "2023-10-02"):  # the weeks of the Spring Festival and of the National Day
        assert not weeks.has_partition_key(closed)
        assert not days.has_partition_key(closed)


@pytest.mark.parametrize("key", [D(2023, 10, 2), D(2023, 1, 23)])
def test_no_table_raises_another_error_than_the_calendar_s_for_a_week_without_a_trading_day(key: dt.date) -> None:
    builder = Builder(
        tables=REAL, lake=None, zone=Zone(DECADE), calendar=CALENDAR, settings=load_profile("production", PROFILES, {}).settings
    )  # fmt: skip
    for table in REAL.values():
        if table.partition == "week" and table.reads:
            with pytest.raises(SettingsError, match="has no trading day"):
                list(builder.reads(table, key))


def test_a_range_with_a_day_and_a_week_without_trading_builds_the_others(market: Path, tmp_path: Path) -> None:
    builder = open_world(market, tmp_path / "lake")
    days = builder.build(TABLES["prices"], [D(2023, 1, 20), D(2023, 1, 23), D(2023, 1, 30)])
    assert [(one.key.day, one.state) for one in days] == [(20, "built"), (23, "blocked"), (30, "built")]
    weeks = builder.build(TABLES["totals"], [D(2023, 1, 23)])
    assert [(one.state, str(one.detail)) for one in weeks] == [("blocked", "2023-01-23 has no trading day")]


def test_partitions_end_with_the_last_landed_day_and_the_last_complete_week() -> None:
    history = History(D(2023, 1, 3), D(2022, 6, 1), D(2023, 2, 8), D(2026, 1, 1))
    partitions = Partitions(REAL, CALENDAR, load_profile("production", PROFILES, {}).settings, history)
    ends = {
        name: (one.get_first_partition_key(), one.get_last_partition_key())
        for name in ("trades", "securities", "scores")
        for one in [partitions.of(REAL[name])]
    }
    assert ends == {
        "trades": ("2023-01-03", "2023-02-08"),
        "securities": ("2022-06-01", "2023-02-08"),
        "scores": ("2023-01-02", "2023-01-30"),
    }


@pytest.mark.parametrize(
    ("now", "day", "week"),
    [
        ("2023-02-06 09:00", "2023-02-06", "2023-02-06"),
        ("2023-02-10 18:00", "2023-02-10", "2023-02-06"),  # Friday evening
        ("2023-02-11 09:00", "2023-02-10", "2023-02-06"),  # Saturday
        ("2023-02-13 00:01", "2023-02-13", "2023-02-13"),
    ],
)
def test_a_growing_history_has_the_day_of_the_clock(now: str, day: str, week: str) -> None:
    """The sensor requests a day on its evening without a reload of the code location."""
    history = History(D(2022, 6, 1), D(2022, 6, 1), D(2023, 2, 3), D(2023, 2, 6), grows=True)
    at = dt.datetime.fromisoformat(f"{now}+08:00")
    with partition_loading_context(at) as context:
        for partitions, last in ((trading_days(CALENDAR, history), day), (trading_weeks(CALENDAR, history), week)):
            keys = partitions.get_partition_keys()
            assert (keys[-1], partitions.get_last_partition_key(), partitions.has_partition_key(last)) == (
                last,
            ) * 2 + (True,)
            assert partitions.get_num_partitions() == len(keys)
            assert list(partitions.get_paginated_partition_keys(context, 10_000, ascending=True).results) == keys
            assert list(partitions.get_paginated_partition_keys(context, 10_000, ascending=False).results) == keys[::-1]


def test_a_history_grows_while_its_newest_day_is_recent(market: Path) -> None:
    profile = load_profile("production", PROFILES, {})

    def history(today: dt.date, profile: Profile = profile) -> History | None:
        return landed_history(Names(str(market), "", ""), profile, CALENDAR, today)

    newest = DAYS[-1]
    assert history(newest) is not None
    assert history(newest).grows
    assert history(newest + dt.timedelta(days=31)).grows
    assert not history(newest + dt.timedelta(days=32)).grows
    assert not history(newest - dt.timedelta(days=1)).grows  # a market that is dated after the clock
    assert history(newest).last == newest
    expected = load_profile("production", PROFILES, {"ZHOUBAO__LANDING__EXPECTED_UNTIL": '"2023-12-29"'})
    assert (history(newest, expected).last, history(newest, expected).grows) == (D(2023, 12, 29), False)


def test_without_a_market_there_is_no_history(tmp_path: Path) -> None:
    profile = load_profile("production", PROFILES, {})
    assert landed_history(Names(str(tmp_path / "none"), "", ""), profile, CALENDAR, D(2024, 1, 2)) is None
    (tmp_path / "empty").mkdir()
    assert landed_history(Names(str(tmp_path / "empty"), "", ""), profile, CALENDAR, D(2024, 1, 2)) is None


def test_an_event_of_a_decade_is_light() -> None:
    """Dagster writes the excluded windows of a definition into each planned event of a range: 100 bytes per holiday."""
    days, weeks = trading_days(CALENDAR, DECADE), trading_weeks(CALENDAR, DECADE)
    for partitions, most in ((days, 18_000), (weeks, 2_500)):
        subset = partitions.subset_with_partition_keys(partitions.get_partition_keys()[100:120])
        assert len(serialize_value(subset.to_serializable_subset())) < most


# --- the mappings -----------------------------------------------------------------------------------------------------


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    """The production settings with other look-backs."""
    chosen = {
        "BARS__LARGE_ORDER_DAYS": draw(st.integers(5, 40)),
        "FACTORS__WINDOW": draw(st.integers(10, 40)),
        "MODELS__TRAIN_LAG_WEEKS": draw(st.integers(0, 2)),
        "MODELS__GRU_50_1__TRAIN_DAYS": draw(st.integers(20, 200)),
        "MODELS__GRU_50_1__RETRAIN_EVERY_WEEKS": draw(st.integers(1, 30)),
        "LINES__WEEKDAYS": draw(st.sampled_from([[], ["tuesday", "friday"]])),
        "PORTFOLIOS__EXECUTION__FILLS__RULE": draw(st.sampled_from(["daily", "minutes"])),
    }
    return load_profile("production", PROFILES, {f"ZHOUBAO__{key}": json.dumps(value) for key, value in chosen.items()})


@pytest.mark.slow
@settings(max_examples=3, deadline=None)
@given(profiles(), st.integers(0, 400), st.integers(0, 2**31))
def test_mappings_cover_what_the_builder_reads(profile: Profile, at: int, seed: int) -> None:
    """Upstream a mapping names every partition that is read, and downstream every partition that reads one. Between days, and between
    weeks, it is exactly the range of the two offsets in trading days or weeks, and both directions are inverse."""
    first = CALENDAR.offset(D(2013, 1, 4), at)
    history = History(first, CALENDAR.offset(first, -200), CALENDAR.offset(first, 600), D(2026, 1, 1))
    partitions = Partitions(REAL, CALENDAR, profile.settings, history)
    builder = Builder(tables=REAL, lake=None, zone=Zone(history), calendar=CALENDAR, settings=profile.settings)
    choose = random.Random(seed)
    for table in choose.sample(list(REAL.values()), 8):
        own = partitions.of(table)
        keys = own.get_partition_keys()
        for key in [keys[0], keys[-1], *choose.sample(keys, 2)]:
            for read, (upstream, reads) in zip(table.reads, builder.reads(table, D.fromisoformat(key)), strict=True):
                mapping, other = partitions.mapping(table, read), partitions.of(upstream)
                everything = other.get_partition_keys()
                read_keys = {str(one) for one in reads} & set(everything)
                up = upstream_of(mapping, own, other, key)
                assert read_keys <= up, (table.name, upstream.name, key)
                for one in choose.sample(sorted(up), min(1, len(up))):
                    down = downstream_of(mapping, own, other, one)
                    assert key in down or one not in read_keys, (table.name, upstream.name, key, one)
                    if table.partition == upstream.partition:
                        assert key in down
                if table.partition == upstream.partition and key in everything:
                    place, length = everything.index(key), len(everything)
                    low, high = (place + offset for offset in (mapping.start_offset, mapping.end_offset))
                    assert up == set(everything[max(0, low) : min(length, high + 1)])


@pytest.mark.parametrize(
    ("tables", "names", "own", "exact"),
    [(TABLES, list(TABLES), FakeSettings(), True), (REAL, ["scores", "factor_returns"], None, False)],
    ids=["the fake tables", "scores and returns of factors"],
)
def test_mappings_of_every_partition_around_a_holiday_cover_what_the_builder_reads(
    tables: dict[str, Table], names: list[str], own: FakeSettings | None, exact: bool
) -> None:
    """From 3 January to 10 February 2023, with the week of the Spring Festival. On the fake tables the mappings are exact."""
    section = own or load_profile("production", PROFILES, {}).settings
    history = History(D(2023, 1, 3), D(2022, 12, 1) if own is None else D(2023, 1, 3), D(2023, 2, 10), D(2026, 1, 1))
    partitions = Partitions(tables, CALENDAR, section, history)
    builder = Builder(tables=tables, lake=None, zone=Zone(history), calendar=CALENDAR, settings=section)
    for table in (tables[name] for name in names):
        readers = partitions.of(table)
        reads = {key: list(builder.reads(table, D.fromisoformat(key))) for key in readers.get_partition_keys()}
        for n, read in enumerate(table.reads):
            mapping, other = partitions.mapping(table, read), partitions.of(tables[read.table])
            everything = other.get_partition_keys()
            pairs = {(key, str(one)) for key, found in reads.items() for one in found[n][1]}
            pairs = {(key, one) for key, one in pairs if one in everything}
            up = {(key, one) for key in reads for one in upstream_of(mapping, readers, other, key)}
            down = {(key, one) for one in everything for key in downstream_of(mapping, readers, other, one)}
            assert pairs <= up & down, (table.name, read.table)
            if exact:
                assert pairs
                assert pairs == up == down, (table.name, read.table)


def upstream_of(mapping: dg.PartitionMapping, own, other, key: str) -> set[str]:
    subset = own.subset_with_partition_keys([key])
    result = mapping.get_upstream_mapped_partitions_result_for_partitions(subset, own, other)
    assert result.required_but_nonexistent_subset.is_empty
    return set(result.partitions_subset.get_partition_keys())


def downstream_of(mapping: dg.PartitionMapping, own, other, key: str) -> set[str]:
    subset = other.subset_with_partition_keys([key])
    return set(mapping.get_downstream_partitions_for_partitions(subset, other, own).get_partition_keys())


def test_look_backs_from_settings_are_in_the_lineage() -> None:
    """A backfill of a restated day renews the thresholds of the next 20 days, and each trading day counts."""
    profile = load_profile("production", PROFILES, {})
    partitions = Partitions(REAL, CALENDAR, profile.settings, DECADE)
    bars = REAL["minute_bars"]
    mapping = partitions.mapping(bars, bars.read("order_sizes"))
    assert (mapping.start_offset, mapping.end_offset) == (-20, -1)
    days = partitions.of(bars)
    after = downstream_of(mapping, days, days, "2015-09-30")  # before seven days without trading
    assert sorted(after) == [str(CALENDAR.offset(D(2015, 9, 30), n)) for n in range(1, 21)]


def test_dagster_s_host_processes_read_definitions_and_mappings_as_they_are() -> None:
    """The web server and the daemon know a code location by its snapshot only, without this project's code."""
    profile = load_profile("production", PROFILES, {})
    snapshot = deserialize_value(
        serialize_value(RepositorySnap.from_def(build_defs(settings=profile.settings).get_repository_def())),
        RepositorySnap,
    )
    partitions = Partitions(REAL, CALENDAR, profile.settings)
    nodes = {node.asset_key.to_user_string(): node for node in snapshot.asset_nodes}
    for name in ("minute_bars", "styles", "scores", "report", "csi500_portfolio"):
        table, node = REAL[name], nodes[name]
        assert node.partitions.get_partitions_definition() == partitions.of(table)
        mappings = {edge.parent_asset_key.to_user_string(): edge.partition_mapping for edge in node.parent_edges}
        assert mappings == {read.table: partitions.mapping(table, read) for read in table.reads}


# --- the code location ------------------------------------------------------------------------------------------------


def test_runs_of_assets_share_one_process() -> None:
    assert build_defs().resolve_implicit_global_asset_job_def().executor_def is dg.in_process_executor


def test_two_code_locations_have_no_name_in_common(monkeypatch: pytest.MonkeyPatch) -> None:
    def names() -> dict[str, set[str]]:
        repository = build_defs().get_repository_def()
        return {
            "assets": {key.to_user_string() for key in repository.asset_graph.get_all_asset_keys()},
            "checks": {f"{key.asset_key.to_user_string()}:{key.name}" for key in repository.asset_graph.asset_check_keys},
            "jobs": {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")},
            "sensors": {sensor.name for sensor in repository.sensor_defs},
            "schedules": {schedule.name for schedule in repository.schedule_defs},
        }  # fmt: skip

    plain = names()
    monkeypatch.setenv("ZHOUBAO_KEY_PREFIX", "star")
    prefixed = names()
    assert prefixed["assets"] == {f"star/{name}" for name in REAL}
    assert prefixed["jobs"] == {f"star_{name}" for name in plain["jobs"]}
    for kind, own in plain.items():
        assert own
        assert len(own) == len(prefixed[kind])
        assert not own & prefixed[kind]
    assert {job.name for job in make_jobs(REAL)} == prefixed["jobs"]


@pytest.mark.parametrize("prefix", ["a/b", "a b", "周", "a-b"])
def test_a_prefix_that_dagster_would_not_accept_is_refused(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHOUBAO_KEY_PREFIX", prefix)
    with pytest.raises(SettingsError, match="ZHOUBAO_KEY_PREFIX"):
        key_prefix()
