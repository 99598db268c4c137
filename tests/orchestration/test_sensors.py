"""The sensor tick by tick on an instance, the schedule, and the content of the code location."""

import datetime as dt
import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from orchestration.definitions import build_defs
from orchestration.jobs import REPORT_TAG, daily_tables, weekly_report
from orchestration.platform import ROOT
from orchestration.sensors import make_schedule, make_sensors
from orchestration.tables import load_tables
from orchestration.triggers import DATA, FAILURE, MACHINE, is_built, unbuilt_days
from resources.errors import InputError, LakeError, MachineError, NotReadyError, SettingsError
from resources.settings.sensors import SensorsSettings
from tests.resources import small_market
from tests.resources.fake_tables import AverageSettings, FakeSettings
from tests.resources.small_market import DAYS, WEEKS, open_world

WEEK_1 = ("20230103", "20230104", "20230105", "20230106")
WEEK_2 = ("20230109", "20230110", "20230111", "20230112", "20230113")
WEEK_3 = ("20230116", "20230117", "20230118", "20230119", "20230120")


def deliver(market: Path, *days: str, minutes_ago: float = 60, close: float = 10.0) -> None:
    for day in days:
        bars = pl.DataFrame({"symbol": ["600000.SH"], "minute": [570], "close": [close]})
        put(market / "bars" / f"{day}.parquet", bars, minutes_ago)


def deliver_index(market: Path, *dates: str, minutes_ago: float = 60, close: float = 5000.0) -> None:
    days = [dt.datetime.strptime(date, "%Y%m%d").date() for date in dates]
    closes = pl.DataFrame({"index": ["000905.SH"] * len(days), "date": days, "close": [close] * len(days)})
    put(market / "reference" / "index_prices.parquet", closes, minutes_ago)


def put(path: Path, frame: pl.DataFrame, minutes_ago: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    os.utime(path, (time.time() - 60 * minutes_ago,) * 2)


SHORT = "the history is too short"


@dg.job
def nothing() -> None:
    """Takes the place of the runs that the sensors request."""


class Ticks:
    """Evaluates a sensor tick by tick, and keeps its cursor and run keys.

    Each request becomes a run on the instance, as the daemon makes it: with the status `outcome` and the tag `failure`, unless `outcome`
    is None. A run key that was used makes no second run.
    """

    def __init__(self, instance: dg.DagsterInstance, name: str = "week_has_landed"):
        self.sensor = next(sensor for sensor in make_sensors(True, SensorsSettings()) if sensor.name == name)
        self.instance, self.cursor = instance, None
        self.keys: list[str] = []
        self.outcome: dg.DagsterRunStatus | None = dg.DagsterRunStatus.SUCCESS
        self.failure = ""

    def __call__(self) -> list[str] | str:
        """The requested weeks or days, or the reason why none is requested."""
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        found = self.sensor(context)
        if isinstance(found, dg.SkipReason):
            self.cursor = context.cursor
            return str(found.skip_message)
        self.cursor = found.cursor
        for request in found.run_requests:
            if self.outcome is not None and request.run_key not in self.keys:
                self.run(dict(request.tags))
        self.keys += [request.run_key for request in found.run_requests]
        return [request.tags.get("week") or request.tags["day"] for request in found.run_requests]

    def run(self, tags: dict[str, str]) -> None:
        tags |= {FAILURE: self.failure} if self.failure else {}
        run = self.instance.create_run_for_job(nothing, tags=tags, status=dg.DagsterRunStatus.STARTED)
        if self.outcome == dg.DagsterRunStatus.SUCCESS:
            self.instance.report_dagster_event(
                dg.DagsterEvent(event_type_value="PIPELINE_SUCCESS", job_name="nothing"), run.run_id
            )
        elif self.outcome == dg.DagsterRunStatus.FAILURE:
            self.instance.report_run_failed(run)


@pytest.fixture
def tick(market: Path) -> Iterator[Ticks]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(instance)


@pytest.fixture
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZHOUBAO_MARKET", str(tmp_path / "market"))
    monkeypatch.setenv("ZHOUBAO_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("ZHOUBAO__LANDING__WEEK_WAITS_FOR_DAYS", "false")
    monkeypatch.setenv("ZHOUBAO__MODELS__SHORT_HISTORY", "n/a")
    return tmp_path / "market"


def test_the_sensor_requests_each_complete_week_once(market: Path, tick: Ticks) -> None:
    assert "no landing zone" in tick()
    deliver(market, *WEEK_1[:3])
    assert "no complete trading week" in tick()
    deliver(market, WEEK_1[3])
    assert tick() == ["2023-01-02"]
    deliver(market, *WEEK_2[:4])
    assert "up to 2023-01-02 are built" in tick()
    deliver(market, WEEK_2[4])
    assert tick() == ["2023-01-09"]
    assert "up to 2023-01-09 are built" in tick()


@pytest.mark.parametrize("minutes_ago", [59, 20, 11])
def test_a_corrected_day_starts_its_week_again(market: Path, tick: Ticks, minutes_ago: float) -> None:
    """The outcome of the first run does not matter: a gate refused the bad delivery."""
    deliver(market, *WEEK_1, close=-1.0)
    assert tick() == ["2023-01-02"]
    deliver(market, WEEK_1[3], minutes_ago=minutes_ago)
    assert tick() == ["2023-01-02"]
    assert "are built" in tick()
    assert len(set(tick.keys)) == 2


def test_a_corrected_week_is_followed_by_those_after_it(market: Path, tick: Ticks) -> None:
    for week in (WEEK_1, WEEK_2, WEEK_3):
        deliver(market, *week)
        tick()
    deliver(market, WEEK_2[1], close=11.0, minutes_ago=20)
    assert tick() == ["2023-01-09", "2023-01-16"]
    deliver(market, WEEK_1[1], close=11.0, minutes_ago=20)
    assert tick() == ["2023-01-02", "2023-01-09", "2023-01-16"]
    assert "are built" in tick()
    assert len(set(tick.keys)) == len(tick.keys)


def test_the_earlier_of_two_weeks_that_land_at_once_is_run_too(market: Path, tick: Ticks) -> None:
    deliver(market, *WEEK_1)
    tick()
    deliver(market, *WEEK_2, *WEEK_3)
    assert tick() == ["2023-01-09", "2023-01-16"]


def test_a_week_whose_last_day_comes_late_is_run_with_those_after_it(market: Path, tick: Ticks) -> None:
    deliver(market, *WEEK_1, *WEEK_2[:4], *WEEK_3)
    assert tick() == ["2023-01-02", "2023-01-16"]
    deliver(market, WEEK_2[4])
    assert tick() == ["2023-01-09", "2023-01-16"]


def test_after_a_week_that_is_still_arriving_the_later_ones_wait(market: Path, tick: Ticks) -> None:
    deliver(market, *WEEK_1, *WEEK_2, *WEEK_3)
    assert len(tick()) == 3
    deliver(market, WEEK_1[0], close=11.0)
    deliver(market, WEEK_2[0], close=11.0, minutes_ago=2)
    assert tick() == ["2023-01-02"]
    waits = tick()
    assert "2023-01-13 may still be arriving" not in waits
    assert "2023-01-09 may still be arriving" in waits
    assert "week 2023-01-16: an earlier week, week 2023-01-09, waits" in waits
    deliver(market, WEEK_2[0], close=11.0)
    assert tick() == ["2023-01-09", "2023-01-16"]
    assert "are built" in tick()


def test_a_week_for_which_the_history_is_too_short_is_not_requested(
    market: Path, tick: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a new market such runs would fail, three times and with an alert each. The driver states the same reason."""
    monkeypatch.setenv("ZHOUBAO__MODELS__SHORT_HISTORY", "error")
    monkeypatch.setattr(
        "orchestration.plan.shortfall", lambda calendar, week, row, start: SHORT if week.day < 9 else None
    )
    deliver(market, *WEEK_1, *WEEK_2)
    assert tick() == ["2023-01-09"]
    assert "week 2023-01-02: gru_50_1 cannot be trained by the week of 2023-01-02: " in tick()
    monkeypatch.setattr("orchestration.plan.shortfall", lambda calendar, week, row, start: SHORT)
    schedule = make_schedule(running=False).evaluate_tick(dg.build_schedule_context(instance=tick.instance))
    assert "cannot be trained by the week of 2023-01-09" in schedule.skip_message


def test_only_the_last_weeks_are_watched(market: Path, tick: Ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHOUBAO__LANDING__WATCHED_WEEKS", "2")
    deliver(market, *WEEK_1, *WEEK_2, *WEEK_3)
    assert tick() == ["2023-01-09", "2023-01-16"]
    assert "the last 2 complete week(s)" in tick()
    deliver(market, WEEK_1[0], close=11.0)  # the watched weeks are made from it too
    assert tick() == ["2023-01-09", "2023-01-16"]


def test_a_reference_table_counts_with_the_rows_that_were_known_in_the_week(market: Path, tick: Ticks) -> None:
    deliver(market, *WEEK_1, *WEEK_2)
    deliver_index(market, WEEK_1[0], WEEK_2[0])
    assert tick() == ["2023-01-02", "2023-01-09"]
    deliver_index(market, WEEK_1[0], WEEK_2[0], WEEK_3[0])  # a row that neither week could know
    assert "are built" in tick()
    deliver_index(market, WEEK_1[0], WEEK_2[0], WEEK_2[1])
    assert tick() == ["2023-01-09"]
    deliver_index(market, WEEK_1[0], WEEK_2[0], WEEK_2[1], close=5001.0, minutes_ago=3)
    assert "index_prices.parquet changed 3.0 minutes ago" in tick()
    deliver_index(market, WEEK_1[0], WEEK_2[0], WEEK_2[1], close=5001.0)
    assert tick() == ["2023-01-02", "2023-01-09"]


def test_a_state_that_returns_is_requested_again(market: Path, tick: Ticks) -> None:
    deliver(market, *WEEK_1)
    path = market / "bars" / f"{WEEK_1[2]}.parquet"
    before, stat = path.read_bytes(), path.stat()
    assert tick() == ["2023-01-02"]
    deliver(market, WEEK_1[2], close=11.0, minutes_ago=30)
    assert tick() == ["2023-01-02"]
    path.write_bytes(before)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert tick() == ["2023-01-02"]
    assert len(set(tick.keys)) == 3


def test_a_tick_that_is_evaluated_twice_makes_one_request(market: Path, tick: Ticks) -> None:
    """The daemon was killed between the request and its cursor: the same run key keeps Dagster from a second run."""
    deliver(market, *WEEK_1)
    tick.outcome = None
    tick()
    tick.cursor = None
    tick()
    assert tick.keys[0] == tick.keys[1]


def test_a_failed_run_is_repeated_unless_the_data_was_at_fault(
    market: Path, tick: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was killed carries no cause, and one that the machine failed carries the cause MACHINE."""
    monkeypatch.setenv("ZHOUBAO__LANDING__AGAIN_MINUTES", "0")
    deliver(market, *WEEK_1)
    tick.outcome = dg.DagsterRunStatus.FAILURE
    assert tick() == ["2023-01-02"]
    tick.failure = MACHINE
    assert tick() == ["2023-01-02"]
    tick.failure = DATA
    assert tick() == ["2023-01-02"]
    assert "failed because of the data; it is run again when the data changes" in tick()
    deliver(market, WEEK_1[1], close=11.0)
    tick.outcome, tick.failure = dg.DagsterRunStatus.SUCCESS, ""
    assert tick() == ["2023-01-02"]
    assert "are built" in tick()
    assert len(set(tick.keys)) == 4


def test_a_fault_of_the_machine_is_tried_a_few_times_with_a_pause(
    market: Path, tick: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(market, *WEEK_1)
    tick.outcome = dg.DagsterRunStatus.FAILURE
    assert tick() == ["2023-01-02"]
    assert "failed without a fault of the data and is run again at" in tick()
    monkeypatch.setenv("ZHOUBAO__LANDING__AGAIN_MINUTES", "0")
    assert tick() == ["2023-01-02"]
    assert tick() == ["2023-01-02"]
    assert "as did 2 before it in the same state of the data; start it by hand" in tick()
    deliver(market, WEEK_1[1], close=11.0)
    assert tick() == ["2023-01-02"]


def test_a_run_under_way_is_awaited(market: Path, tick: Ticks) -> None:
    deliver(market, *WEEK_1)
    tick.outcome = dg.DagsterRunStatus.STARTED
    assert tick() == ["2023-01-02"]
    tick.cursor = None
    assert "is started" in tick()
    for run in tick.instance.get_runs():
        tick.instance.report_run_failed(run)
    assert "failed without a fault of the data" in tick()


def test_the_week_waits_until_its_days_are_built_and_names_the_others(
    market: Path, tick: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHOUBAO__LANDING__WEEK_WAITS_FOR_DAYS", "true")
    deliver(market, *WEEK_1)
    built: set[dt.date] = set()
    monkeypatch.setattr("orchestration.triggers.is_built", lambda builder, day: day in built)
    assert tick() == "week 2023-01-02: " + "; ".join(f"2023-01-0{n}: it is not built" for n in (3, 4, 5, 6))
    built |= {dt.date(2023, 1, n) for n in (3, 4, 6)}
    assert tick() == "week 2023-01-02: 2023-01-05: it is not built"
    built.add(dt.date(2023, 1, 5))
    assert tick() == ["2023-01-02"]


def test_a_day_is_built_while_none_of_its_tables_is_missing_refused_outdated_or_of_other_data(tmp_path: Path) -> None:
    """In the first week of the small market, on the fake tables."""
    market = small_market.deliver_market(tmp_path / "small")
    days = DAYS[:4]

    def build(*names: str, settings: FakeSettings | None = None) -> None:
        builder = open_world(market, tmp_path / "lake", settings)
        for name in names:
            builder.build(builder.tables[name], days)

    def built() -> list[bool]:
        return [is_built(open_world(market, tmp_path / "lake"), day) for day in days]

    def unbuilt(waiting: dict[dt.date, str]) -> str:
        return unbuilt_days(open_world(market, tmp_path / "lake"), WEEKS[0], waiting)

    assert built() == [False] * 4
    build("prices")
    assert built() == [False] * 4  # the averages are missing
    build("averages")
    assert built() == [True] * 4
    assert unbuilt({days[1]: "it may still be arriving"}) == ""
    small_market.deliver(market, days[1], {"600000.SH": 11.5})
    assert built() == [True, False, True, True]
    assert unbuilt({}) == f"{days[1]}: it is not built"
    assert unbuilt({days[1]: "it may still be arriving"}) == f"{days[1]}: it may still be arriving"
    build("prices", "averages")
    assert built() == [True] * 4
    build(
        "averages", settings=FakeSettings(average=AverageSettings(window=0))
    )  # the earlier averages stay, and are outdated
    assert built() == [False] * 4
    assert unbuilt({}) == "; ".join(f"{day}: it is not built" for day in days)
    build("averages")
    assert built() == [True] * 4
    small_market.deliver(market, days[1], {"600000.SH": 5000.0})
    build("prices")
    assert built() == [True, False, True, True]
    assert unbuilt({days[1]: "it may still be arriving"}) == f"{days[1]}: prices is refused (prices_are_sane)"


# --- days ---


@pytest.fixture
def day_tick(market: Path) -> Iterator[Ticks]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticks(instance, "day_has_landed")


def test_each_landed_day_is_requested_once_and_again_when_it_changes(market: Path, day_tick: Ticks) -> None:
    assert "no landing zone" in day_tick()
    deliver(market, WEEK_1[0])
    assert day_tick() == ["2023-01-03"]
    assert "All 1 days from 2023-01-03 on are built." in day_tick()
    deliver(market, *WEEK_1[1:], WEEK_2[0])
    assert day_tick() == ["2023-01-04", "2023-01-05", "2023-01-06", "2023-01-09"]
    assert "are built" in day_tick()
    deliver(market, WEEK_1[2], close=11.0)
    assert day_tick() == ["2023-01-05"]
    assert "are built" in day_tick()
    deliver_index(market, WEEK_1[3])  # a row that is known from its day on
    assert day_tick() == ["2023-01-06", "2023-01-09"]
    assert "are built" in day_tick()


def test_a_day_of_which_the_data_was_refused_waits_for_other_data(market: Path, day_tick: Ticks) -> None:
    deliver(market, *WEEK_1[:2])
    day_tick.outcome, day_tick.failure = dg.DagsterRunStatus.FAILURE, DATA
    assert day_tick() == ["2023-01-03", "2023-01-04"]
    assert "day 2023-01-03: its run" in day_tick()
    deliver(market, WEEK_1[1], close=11.0)
    assert day_tick() == ["2023-01-04"]


def test_a_day_that_failed_for_lack_of_an_earlier_one_is_requested_again_when_that_one_is_built(
    market: Path, day_tick: Ticks
) -> None:
    """The third day reads the second, which arrives late. Its own files do not change."""
    deliver(market, WEEK_1[0])
    assert day_tick() == ["2023-01-03"]
    day_tick.outcome, day_tick.failure = dg.DagsterRunStatus.FAILURE, DATA
    deliver(market, WEEK_1[2])
    assert day_tick() == ["2023-01-05"]
    assert "failed because of the data" in day_tick()
    day_tick.outcome, day_tick.failure = dg.DagsterRunStatus.SUCCESS, ""
    deliver(market, WEEK_1[1])
    assert day_tick() == ["2023-01-04"]
    day_tick.outcome, day_tick.failure = dg.DagsterRunStatus.FAILURE, DATA
    assert day_tick() == ["2023-01-05"]
    day_tick.cursor = None  # the day before has not been built since
    assert "failed because of the data" in day_tick()
    assert len(set(day_tick.keys)) == len(day_tick.keys)


def test_a_day_waits_until_its_files_are_still_and_complete(market: Path, day_tick: Ticks) -> None:
    def put_ticks(day: str, *names: str, minutes_ago: float = 60) -> None:
        for name in names:
            path = market / "ticks" / day / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("a,b")
            os.utime(path, (time.time() - 60 * minutes_ago,) * 2)

    put_ticks("20230103", "20230103_SH_trade.csv", "20230103_SZ_trade.csv")
    assert day_tick() == ["2023-01-03"]
    put_ticks("20230104", "20230104_SH_trade.csv", minutes_ago=3)
    assert "2023-01-04 has no file like #_SZ_trade.csv of the day before" in day_tick()
    put_ticks("20230104", "20230104_SZ_trade.csv", minutes_ago=3)
    assert "2023-01-04 may still be arriving" in day_tick()
    put_ticks("20230104", "_SUCCESS", minutes_ago=0)
    assert day_tick() == ["2023-01-04"]
    # The marker alone counts: a half day is complete where the vendor says so.
    put_ticks("20230105", "20230105_SH_trade.csv", minutes_ago=0)
    assert "2023-01-05 has no file like #_SZ_trade.csv" in day_tick()
    put_ticks("20230105", "_SUCCESS", minutes_ago=0)
    assert day_tick() == ["2023-01-05"]


def test_a_day_that_something_else_built_is_not_requested(
    market: Path, day_tick: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(market, *WEEK_1[:2])
    monkeypatch.setattr("orchestration.sensors.is_current", lambda builder, day: day.day == 3)
    assert day_tick() == ["2023-01-04"]
    assert "are built" in day_tick()


@pytest.mark.parametrize("cursor", [None, "2023-01-09", "[]", "3", "null", "{", '{"week 2023-01-02": 3}'])
def test_a_lost_cursor_or_one_of_any_shape_changes_nothing(market: Path, tick: Ticks, cursor: str | None) -> None:
    deliver(market, *WEEK_1, *WEEK_2)
    tick.cursor = cursor
    assert tick() == ["2023-01-02", "2023-01-09"]
    tick.cursor = cursor
    assert "are built" in tick()
    deliver(market, WEEK_2[0], close=11.0)
    assert tick() == ["2023-01-09"]
    assert "are built" in tick()


def test_the_sensor_waits_for_a_file_that_cannot_be_read(
    market: Path, tick: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(market, *WEEK_1)
    deliver_index(market, WEEK_1[0])

    real = Path.read_bytes

    def fail(path: Path) -> bytes:
        if path.parent.name == "reference":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", fail)
        assert "index_prices.parquet cannot be read: PermissionError" in tick()
    assert tick() == ["2023-01-02"]


def test_the_sensor_waits_while_files_still_change(market: Path, tick: Ticks) -> None:
    deliver(market, *WEEK_1[:3])
    deliver(market, WEEK_1[3], minutes_ago=1)
    assert "20230106.parquet changed 1.0 minutes ago" in tick()
    deliver(market, WEEK_1[3], minutes_ago=11)
    assert tick() == ["2023-01-02"]


def test_the_sensor_does_not_wait_for_a_modification_time_in_the_future(
    market: Path, tick: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vendor's clock is ahead, or this machine's is behind: the file counts as changed when it arrived."""
    deliver(market, *WEEK_1[:3])
    deliver(market, WEEK_1[3], minutes_ago=-1_000_000)
    assert "20230106.parquet changed 0.0 minutes ago" in tick()
    monkeypatch.setenv("ZHOUBAO__LANDING__SETTLE_MINUTES", "0")
    assert tick() == ["2023-01-02"]


@pytest.mark.parametrize("retries", [0, 2])
def test_a_fault_of_the_machine_is_tried_again_by_the_job(retries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str | None] = []

    def fail(*, week: str | None, **_: object) -> str:
        calls.append(week)
        raise MachineError("the network folder does not answer")

    monkeypatch.setattr("orchestration.run.run_report", fail)
    config = {"week": "2023-01-02", "retries": retries, "retry_seconds": 0}
    with dg.DagsterInstance.ephemeral() as instance:
        result = weekly_report.execute_in_process(
            instance=instance, run_config={"ops": {"build_report": {"config": config}}}, raise_on_error=False
        )
    assert not result.success
    assert calls == ["2023-01-02"] * (retries + 1)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (NotReadyError("a gate refused a partition"), DATA),
        (MachineError("the network folder does not answer"), MACHINE),
        (LakeError("another process wrote the lake for too long"), MACHINE),
        (SettingsError("a setting is wrong"), None),
        (InputError("there is no landing zone"), None),
    ],
)
@pytest.mark.parametrize("name", ["run_report", "run_day"])
def test_a_failed_run_is_tagged_with_its_cause(
    name: str, error: Exception, cause: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run without a cause, or one that the machine failed, is requested again although the data is the same."""

    def fail(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(f"orchestration.run.{name}", fail)
    job, op = (weekly_report, "build_report") if name == "run_report" else (daily_tables, "build_day")
    config = {"retries": 0} | ({"day": "2023-01-03"} if op == "build_day" else {})
    with dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(instance=instance, run_config={"ops": {op: {"config": config}}}, raise_on_error=False)
        (run,) = instance.get_runs()
        assert run.tags.get(FAILURE) == cause


def test_reports_of_several_weeks_wait_for_each_other() -> None:
    import yaml

    limits = yaml.safe_load((ROOT / "dagster.yaml").read_text())["concurrency"]["runs"]["tag_concurrency_limits"]
    (name,) = REPORT_TAG
    assert limits == [{"key": name, "value": {"applyLimitPerUniqueValue": True}, "limit": 1}]
    assert weekly_report.tags.items() >= REPORT_TAG.items()


def test_the_schedule_requests_the_same_run(market: Path, tmp_path: Path) -> None:
    schedule = make_schedule(running=True)
    deliver(market, "20230103", "20230104", "20230105", "20230106")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        tick = Ticks(instance)
        tick.outcome = None
        tick()
        data = schedule.evaluate_tick(dg.build_schedule_context(instance=instance))
        assert [request.run_key for request in data.run_requests] == tick.keys
        # A run that failed because of the data is tried once more at the deadline; one that succeeded is not.
        tick.outcome, tick.failure = dg.DagsterRunStatus.FAILURE, DATA
        tick.run(dict(data.run_requests[0].tags))
        assert "failed because of the data" in tick()
        assert schedule.evaluate_tick(dg.build_schedule_context(instance=instance)).run_requests
        tick.outcome, tick.failure = dg.DagsterRunStatus.SUCCESS, ""
        tick.run(dict(data.run_requests[0].tags))
        assert not schedule.evaluate_tick(dg.build_schedule_context(instance=instance)).run_requests


def test_the_code_location_has_the_declared_jobs_assets_and_checks() -> None:
    defs = build_defs()
    repository = defs.get_repository_def()
    assert sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")) == [
        "daily_tables", "day", "reference", "training", "week", "weekly_report",
    ]  # fmt: skip
    assert sorted(sensor.name for sensor in repository.sensor_defs) == [
        "day_has_landed",
        "failed_runs",
        "watch",
        "week_has_landed",
    ]
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
