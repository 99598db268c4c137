"""Alerts of failed runs and of the sensor `watch`, tick by tick under a frozen clock, on a real instance and local servers."""

import contextlib
import datetime as dt
import errno
import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import freeze_time

import orchestration.alerts
import orchestration.assets
import orchestration.definitions
import orchestration.watch
from orchestration.alerts import ALERT, PENDING, look, main, make_alert_sensors
from orchestration.failures import alert_of_run
from orchestration.freshness import day_policy, week_policy
from orchestration.run import build
from orchestration.runs import PROCESS, close_dead_runs, run_tags
from orchestration.watch import day_deadline, is_live, week_deadline
from resources.builder import Builder
from resources.errors import InputError, LakeError, MachineError, NotReadyError, SettingsError
from resources.processes import identity
from resources.settings.alerts import SECRET_VARIABLES, AlertsSettings
from resources.settings.calendar import CalendarSettings
from resources.settings.rulebook import RulebookSettings
from resources.settings.sensors import SensorsSettings
from tests.orchestration.shown import open_market
from tests.processes import ended_process
from tests.resources.fake_tables import TABLES
from tests.resources.servers import Hook
from tests.resources.small_market import CALENDAR, DAYS, WEEKS, deliver

SHANGHAI = orchestration.watch.SHANGHAI
HOOK_ONLY = {"channels": ("webhook", "log"), "language": "en", "from_severity": {"webhook": "info", "log": "info"}}


class World:
    """A market of fake tables with its lake, settings of alerts, a clock and a webhook."""

    def __init__(self, root: Path, tmp_path: Path, instance: dg.DagsterInstance, hook: Hook):
        self.market, self.lake, self.instance, self.hook = root, tmp_path / "lake", instance, hook
        self.alerts = AlertsSettings(**HOOK_ONLY)
        self.calendar, self.rulebook = (
            CalendarSettings(),
            RulebookSettings(reviewed=dt.date(2023, 1, 1), warn_after_days=5000),
        )
        self.now = dt.datetime(2023, 1, 20, 18, tzinfo=SHANGHAI)
        self.cursor: str | None = None
        self.log: list[tuple[int, str]] = []

    def builder(self) -> Builder:
        builder = open_market(self.market, self.lake)
        for name in ("alerts", "calendar", "rulebook"):
            object.__setattr__(builder.settings, name, getattr(self, name))
        return builder

    def tick(self) -> list[tuple[str, str]]:
        """(kind, subject) of what the watch sent at this tick."""
        before = len(self.hook.posts)
        _, self.cursor = look(self.instance, self.cursor, lambda *one: self.log.append(one))
        return self.sent(before)

    def at(self, text: str) -> list[tuple[str, str]]:
        """A tick at a time in Shanghai."""
        self.now = dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)
        return self.tick()

    def sent(self, since: int = 0) -> list[tuple[str, str]]:
        return [(body["kind"], body["subject"]) for _, _, body in self.hook.posts[since:] if "kind" in body]

    def last(self) -> dict[str, Any]:
        return self.hook.posts[-1][2]

    def run(self, *requested: tuple[str, dt.date]) -> dg.DagsterRun:
        """A run of the driver, which may fail."""
        with contextlib.suppress(NotReadyError):
            build(self.builder(), list(requested), instance=self.instance, say=lambda line: None)
        return self.instance.get_runs(limit=1)[0]

    def failures(self) -> list[tuple[str, str]]:
        """What the sensor `failed_runs` sends at its next tick."""
        before = len(self.hook.posts)
        sensor, _ = make_alert_sensors(True, SensorsSettings())
        with dg.build_sensor_context(
            instance=self.instance, cursor=getattr(self, "failures_cursor", None), repository_def=REPOSITORY
        ) as context:
            sensor.evaluate_tick(context)
            self.failures_cursor = context.cursor
        return self.sent(before)


@dg.repository
def repository() -> list[Any]:
    return []


REPOSITORY = repository


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a new instance, whose creation takes seconds."""
    folder = tmp_path_factory.mktemp("home")
    with dg.DagsterInstance.local_temp(str(folder)) as instance:
        assert instance.get_runs() == []
        assert instance.all_instigator_state() == []
    return folder


@pytest.fixture
def world(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_home: Path) -> Iterator[World]:
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("ZHOUBAO_MARKET", str(market))
    monkeypatch.setenv("ZHOUBAO_LAKE", str(tmp_path / "lake"))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setattr(orchestration.watch, "REPORT", "totals")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=10**12, free=5 * 10**11))
    shutil.copytree(empty_home, tmp_path / "home")
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance, contextlib.closing(Hook()) as hook:
        monkeypatch.setenv("ZHOUBAO_WEBHOOK_URL", hook.url)
        found = World(market, tmp_path, instance, hook)
        monkeypatch.setattr(orchestration.alerts, "open_builder", lambda *_, **__: found.builder())
        monkeypatch.setattr(orchestration.alerts, "clock", lambda: found.now.astimezone(dt.UTC))
        arrived(market, "2023-01-20T17:00")
        found.failures()  # the first tick only notes where the failures begin
        yield found


def arrived(root: Path, text: str, *days: dt.date) -> None:
    """Set the times of the files of these days, by default of all."""
    at = dt.datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp()
    for path in (root / "bars").iterdir():
        if not days or path.name[:8] in {f"{day:%Y%m%d}" for day in days}:
            os.utime(path, (at, at))


# --- failed runs ------------------------------------------------------------------------------------------------------


def test_a_refused_day_alerts_with_table_partition_check_reason_and_remedy(world: World) -> None:
    deliver(world.market, DAYS[-1], {"600000.SH": 5000.0})
    run = world.run(("totals", WEEKS[-1]))
    assert [kind for kind, _ in world.failures()] == ["refused"]
    body = world.last()
    assert body["title"] == f"Data refused: prices of {DAYS[-1]}"
    assert body["what"].startswith(f"prices of {DAYS[-1]}: prices_are_sane failed: ")
    remedy = next(check for check in TABLES["prices"].checks if check.name == "prices_are_sane").remedy
    assert body["action"].startswith(remedy.en.rstrip("."))
    assert body["where"].endswith(f"Dagster run {run.run_id[:8]} (driver)")
    assert body["command"].endswith(f"--table prices --date {DAYS[-1]}")
    assert body["facts"]["refused"] == [{"table": "prices", "partition": str(DAYS[-1]), "check": "prices_are_sane"}]
    assert world.instance.get_run_by_id(run.run_id).tags[ALERT] == "sent"
    chinese = alert_of_run(world.builder(), world.instance, run).text("zh")
    assert f"prices 的 {DAYS[-1]}，检查 prices_are_sane 未通过：" in chinese
    assert remedy.zh.rstrip("。") in chinese


def test_a_week_that_waits_for_a_day_that_was_refused_earlier_names_the_day(world: World) -> None:
    deliver(world.market, DAYS[2], {"600000.SH": 5000.0})
    world.run(("prices", DAYS[2]))
    assert len(world.failures()) == 1
    run = world.run(("totals", WEEKS[-1]))
    alert = alert_of_run(world.builder(), world.instance, run)
    assert (alert.kind, alert.title.en) == ("refused", f"Data refused: prices of {DAYS[2]}")
    assert world.failures() == []  # it is the same alert
    world.now += dt.timedelta(minutes=721)
    world.run(("totals", WEEKS[-1]))
    assert len(world.failures()) == 1


def test_a_run_alerts_of_what_it_refused_itself_and_not_again_of_earlier_days(world: World) -> None:
    for day in DAYS[2:5]:
        deliver(world.market, day, {"600000.SH": 5000.0})
        world.run(("averages", day))
        assert [kind for kind, _ in world.failures()] == ["refused"]
        assert world.last()["facts"]["refused"] == [
            {"table": "prices", "partition": str(day), "check": "prices_are_sane"}
        ]


def test_another_bad_delivery_of_the_same_day_is_another_alert(world: World) -> None:
    for close in (5000.0, 6000.0):
        deliver(world.market, DAYS[2], {"600000.SH": close})
        world.run(("prices", DAYS[2]))
        assert [kind for kind, _ in world.failures()] == ["refused"]


def test_refusals_that_a_report_does_not_need_alert_too(world: World) -> None:
    deliver(world.market, DAYS[-1], {"600000.SH": 5000.0})
    world.run(*(("prices", day) for day in DAYS), ("totals", WEEKS[0]))
    assert {run.job_name: run.is_failure for run in world.instance.get_runs()} == {"driver": False, "refusals": True}
    assert [kind for kind, _ in world.failures()] == ["refused"]
    assert "(refusals)" in world.last()["where"]


def test_a_range_that_is_launched_in_the_ui_alerts_once_with_the_count(world: World, monkeypatch) -> None:
    for day in DAYS[3:6]:
        deliver(world.market, day, {"600000.SH": 5000.0})
    monkeypatch.setattr(orchestration.definitions, "load_tables", lambda: TABLES)
    builder = world.builder()
    platform = orchestration.assets.OpenPlatform(builder)
    monkeypatch.delenv("ZHOUBAO_MARKET")
    defs = orchestration.definitions.build_defs(resource_overrides={"platform": platform}, settings=builder.settings)
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={dg.AssetKey("prices")})
    job.execute_in_process(
        instance=world.instance,
        raise_on_error=False,
        tags={"dagster/asset_partition_range_start": str(DAYS[0]), "dagster/asset_partition_range_end": str(DAYS[-1])},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    assert [kind for kind, _ in world.failures()] == ["refused"]
    assert world.last()["title"] == f"Data refused: prices of {DAYS[3]} and 2 more"
    assert len(world.last()["facts"]["refused"]) == 3


def raising(error: BaseException) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MachineError("the network folder does not answer"), "machine"),
        (MemoryError(), "machine"),
        (OSError(errno.ENOSPC, "No space left on device"), "machine"),
        (LakeError("the lake belongs to another market"), "failed"),
        (SettingsError("a window is too long"), "failed"),
        (InputError("a file in the wrong place"), "failed"),
        (ZeroDivisionError("an error of the code"), "failed"),
    ],
)
def test_the_kind_follows_from_the_type_of_the_error(
    world: World, monkeypatch, error: BaseException, kind: str
) -> None:
    deliver(world.market, DAYS[2], {"600000.SH": 5000.0})
    world.run(("prices", DAYS[2]))  # a refused day that has nothing to do with it
    world.failures()
    monkeypatch.setattr(Builder, "build_range", raising(error))
    with pytest.raises(type(error)):
        build(world.builder(), [("prices", DAYS[0])], instance=world.instance, say=lambda line: None)
    assert [found for found, _ in world.failures()] == [kind]
    assert str(error).split("]")[-1].strip() in world.last()["what"]
    assert world.last()["command"].endswith(f"--table prices --date {DAYS[0]}")


def test_a_fault_that_caused_another_error_is_found(world: World, monkeypatch) -> None:
    error = LakeError("part.parquet cannot be written")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(Builder, "build_range", raising(error))
    with pytest.raises(LakeError):
        build(world.builder(), [("prices", DAYS[0])], instance=world.instance, say=lambda line: None)
    assert [kind for kind, _ in world.failures()] == ["machine"]


def test_a_killed_run_alerts_when_it_is_closed(world: World) -> None:
    tags = {
        **run_tags(),
        PROCESS: json.dumps(identity() | {"pid": ended_process()}),
        "zhoubao/target": "week 2023-01-16",
        "week": "2023-01-16",
    }
    run = dg.DagsterRun("weekly_report", run_id="a" * 32, status=dg.DagsterRunStatus.STARTED, tags=tags)
    world.instance.add_run(run)
    assert world.failures() == []
    close_dead_runs(world.instance)
    assert world.failures() == [("killed", "week 2023-01-16")]
    assert world.last()["command"].endswith("--week 2023-01-16")


@pytest.mark.parametrize("by", ["tags", "configuration"])
@pytest.mark.parametrize(
    ("kind", "job", "op"), [("day", "daily_tables", "build_day"), ("week", "weekly_report", "build_report")]
)
def test_a_killed_run_names_the_command_of_its_day_or_week(world: World, by: str, kind: str, job: str, op: str) -> None:
    """The sensors tag their runs. A run that was started in the UI has only its configuration."""
    tags = {**run_tags(), PROCESS: json.dumps(identity() | {"pid": ended_process()})}
    config = {"ops": {op: {"config": {kind: "2023-01-16"}}}} if by == "configuration" else {}
    if by == "tags":
        tags |= {"zhoubao/target": f"{kind} 2023-01-16", kind: "2023-01-16"}
    run = dg.DagsterRun(job, run_id="a" * 32, status=dg.DagsterRunStatus.STARTED, tags=tags, run_config=config)
    world.instance.add_run(run)
    close_dead_runs(world.instance)
    assert world.failures() == [("killed", f"{kind} 2023-01-16")]
    assert world.last()["command"].endswith(f" --{kind} 2023-01-16")


def test_a_full_disk_alerts_once_however_many_runs_it_ends(world: World, monkeypatch) -> None:
    def fail(number: int, day: dt.date) -> list[tuple[str, str]]:
        error = LakeError("part.parquet cannot be written; partitions that are built are kept.")
        error.__cause__ = OSError(number, os.strerror(number))
        monkeypatch.setattr(Builder, "build_range", raising(error))
        with pytest.raises(LakeError):
            build(world.builder(), [("prices", day)], instance=world.instance, say=lambda line: None)
        return world.failures()

    assert fail(errno.ENOSPC, DAYS[0]) == [("machine", "ENOSPC")]
    assert world.last()["facts"]["fault"] == "ENOSPC"
    assert world.last()["text"].count("are kept") == 1
    assert fail(errno.ENOSPC, DAYS[1]) == []
    assert fail(errno.EROFS, DAYS[1]) == [("machine", "EROFS")]  # another cause
    # A refused access may concern one file, so that the run of each day has an alert of its own.
    assert [kind for day in DAYS[:2] for kind, _ in fail(errno.EACCES, day)] == ["machine", "machine"]
    world.now += dt.timedelta(minutes=61)
    assert fail(errno.ENOSPC, DAYS[1]) == [("machine", "ENOSPC")]


def test_a_run_of_another_project_or_one_that_a_user_ended_does_not_alert(world: World) -> None:
    @dg.op
    def fail() -> None:
        raise ValueError("not ours")

    @dg.job
    def other() -> None:
        fail()

    other.execute_in_process(instance=world.instance, raise_on_error=False)
    own = dg.DagsterRun(
        "weekly_report", run_id="b" * 32, status=dg.DagsterRunStatus.STARTED, tags={"zhoubao/runs": "x"}
    )
    world.instance.add_run(own)
    world.instance.report_run_canceled(own)
    assert world.failures() == []


def test_a_failing_channel_is_logged_and_sends_the_alert_later(world: World) -> None:
    world.alerts = AlertsSettings(**HOOK_ONLY, off=("rulebook", "calendar", "late_day", "late_week", "disk"))
    world.hook.status = 503
    deliver(world.market, DAYS[2], {"600000.SH": 5000.0})
    run = world.run(("prices", DAYS[2]))
    world.failures()
    tags = world.instance.get_run_by_id(run.run_id).tags
    assert (tags[ALERT], tags[PENDING]) == ("pending", "webhook")
    assert [kind for kind, _ in world.tick()] == ["refused"]  # tried again, and refused again
    world.hook.status = 200
    assert [kind for kind, _ in world.tick()] == ["refused"]
    assert world.instance.get_run_by_id(run.run_id).tags[ALERT] == "sent"
    assert world.tick() == []
    assert any("The channel webhook failed: HTTPError: HTTP Error 503" in line for _, line in world.log)


def test_a_platform_that_cannot_be_opened_still_alerts(world: World, monkeypatch) -> None:
    deliver(world.market, DAYS[2], {"600000.SH": 5000.0})
    world.run(("prices", DAYS[2]))
    monkeypatch.setattr(orchestration.alerts, "open_builder", raising(SettingsError("no such profile")))
    monkeypatch.setattr(orchestration.alerts, "_settings", lambda log: world.alerts)
    assert [kind for kind, _ in world.failures()] == ["failed"]
    assert world.tick() == [("sensor", "watch")]
    assert "no such profile" in world.last()["what"]


# --- the watch --------------------------------------------------------------------------------------------------------


def built(world: World, *requested: tuple[str, dt.date]) -> None:
    build(world.builder(), list(requested), instance=world.instance, say=lambda line: None)


def test_a_quiet_market_alerts_of_nothing(world: World) -> None:
    built(world, *(("averages", day) for day in DAYS), ("totals", WEEKS[-1]))
    assert world.at("2023-01-20T23:30") == []
    assert world.at("2023-01-21T12:30") == []
    assert world.log == []


def test_a_late_day_alerts_after_its_deadline_until_it_is_built(world: World) -> None:
    (world.market / "bars" / f"{DAYS[-1]:%Y%m%d}.parquet").rename(world.market / "away")
    built(world, *(("averages", day) for day in DAYS[:-1]), ("totals", WEEKS[-2]))
    friday = str(DAYS[-1])
    assert world.at("2023-01-20T22:59") == []
    assert world.at("2023-01-20T23:00") == [("late_day", friday)]
    assert world.last()["title"] == f"The data of {friday} is late"
    assert "no data of 2023-01-20 has landed" in world.last()["what"]
    assert world.at("2023-01-20T23:30") == []  # throttled
    assert world.at("2023-01-21T11:01") == [("late_day", friday)]
    (world.market / "away").rename(world.market / "bars" / f"{DAYS[-1]:%Y%m%d}.parquet")
    arrived(world.market, "2023-01-21T11:10", DAYS[-1])
    world.cursor = None
    assert world.at("2023-01-21T11:30") == []  # it has just landed
    assert ("late_day", friday) in world.at("2023-01-21T14:10")
    body = next(body for _, _, body in world.hook.posts[::-1] if body["kind"] == "late_day")
    assert "these tables are not built: prices, averages" in body["what"]
    assert body["command"].endswith(f" --day {friday}")
    built(world, ("averages", DAYS[-1]))
    world.cursor = None
    assert [kind for kind, _ in world.at("2023-01-21T14:40")] == []


def test_a_day_that_was_refused_is_not_late_too(world: World) -> None:
    deliver(world.market, DAYS[-1], {"600000.SH": 5000.0})
    arrived(world.market, "2023-01-20T17:00")
    built(world, *(("averages", day) for day in DAYS[:-1]), ("totals", WEEKS[-2]))
    world.run(("averages", DAYS[-1]))
    assert world.at("2023-01-20T23:30") == []


def test_a_late_week_names_what_is_missing_and_then_that_it_is_not_built(world: World) -> None:
    (world.market / "bars" / f"{DAYS[-1]:%Y%m%d}.parquet").rename(world.market / "away")
    built(world, *(("averages", day) for day in DAYS[:-1]), ("totals", WEEKS[-2]))
    world.alerts = AlertsSettings(**HOOK_ONLY, off=("late_day",))
    assert world.at("2023-01-21T11:59") == []
    assert world.at("2023-01-21T12:00") == [("late_week", "2023-01-16")]
    assert "no data has landed for 2023-01-20" in world.last()["what"]
    assert world.last()["facts"]["missing_days"] == ["2023-01-20"]
    assert world.last()["command"].endswith("--week 2023-01-16")
    assert world.at("2023-01-21T17:59") == []
    (world.market / "away").rename(world.market / "bars" / f"{DAYS[-1]:%Y%m%d}.parquet")
    arrived(world.market, "2023-01-21T18:00", DAYS[-1])
    assert world.at("2023-01-22T05:59") == []
    assert world.at("2023-01-22T06:00") == [("late_week", "2023-01-16")]
    assert "data has landed, and its report is not built" in world.last()["what"]
    built(world, ("totals", WEEKS[-1]))
    world.cursor = None
    assert world.at("2023-01-22T06:30") == []


def test_a_report_that_could_not_be_renewed_is_late_with_the_reason(world: World) -> None:
    world.alerts = AlertsSettings(**HOOK_ONLY, off=("late_day",))
    built(world, ("totals", WEEKS[-1]))
    deliver(world.market, DAYS[-1], {"600000.SH": 5000.0})
    arrived(world.market, "2023-01-20T17:00")
    world.run(("totals", WEEKS[-1]))
    assert world.at("2023-01-21T12:30") == [("late_week", "2023-01-16")]
    assert "Reason: " in world.last()["what"]


def test_an_earlier_complete_week_without_report_is_late_as_well(world: World) -> None:
    (world.market / "bars" / f"{DAYS[-1]:%Y%m%d}.parquet").unlink()
    world.alerts = AlertsSettings(**HOOK_ONLY, off=("late_day",))
    assert world.at("2023-01-21T12:30") == [("late_week", "2023-01-09"), ("late_week", "2023-01-16")]


def test_a_week_without_trading_is_not_due(world: World) -> None:
    """The Spring Festival of 2023: no trading from Monday 23 to Friday 27 January."""
    built(world, *(("averages", day) for day in DAYS), ("totals", WEEKS[-1]))
    ticks = [world.at(f"2023-01-{day:02d}T{hour}:30") for day in range(20, 30) for hour in (12, 23)]
    assert ticks == [[]] * len(ticks)
    assert world.at("2023-01-30T23:30") == [("late_day", "2023-01-30")]


def test_an_archive_is_not_late(world: World) -> None:
    built(world, *(("averages", day) for day in DAYS), ("totals", WEEKS[-1]))
    assert is_live(world.builder(), dt.datetime(2023, 2, 19, tzinfo=SHANGHAI))
    assert ("late_week", "2023-02-13") in world.at("2023-02-19T12:30")
    world.cursor = None
    assert world.at("2023-02-21T12:30") == []


def test_the_deadlines_are_those_of_the_settings() -> None:
    week = dt.date(2023, 1, 16)
    assert week_deadline(AlertsSettings(), week) == dt.datetime(2023, 1, 21, 12, tzinfo=SHANGHAI)
    monday = AlertsSettings(week_deadline_day="monday", week_deadline="08:30")
    assert week_deadline(monday, week) == dt.datetime(2023, 1, 23, 8, 30, tzinfo=SHANGHAI)
    night = AlertsSettings(day_deadline="07:00", day_deadline_next_day=True)
    assert day_deadline(night, week) == dt.datetime(2023, 1, 17, 7, tzinfo=SHANGHAI)


def test_the_end_of_the_calendar_and_an_old_rulebook_alert_once_a_week(world: World, monkeypatch) -> None:
    built(world, *(("averages", day) for day in DAYS), ("totals", WEEKS[-1]))
    monkeypatch.setattr(CALENDAR, "known_until", dt.date(2023, 3, 21))
    assert world.at("2023-01-20T12:30") == [("calendar", "2023-03-21")]
    assert "ends on 2023-03-21, in 60 days" in world.last()["what"]
    world.rulebook = RulebookSettings(reviewed=dt.date(2021, 1, 1), warn_after_days=1)
    assert world.at("2023-01-20T13:00") == [("rulebook", "2021-01-01")]
    assert [world.at(f"2023-01-{day}T12:31") for day in (21, 22, 23, 24, 25, 26)] == [[]] * 6
    assert world.at("2023-01-27T12:30") == [("calendar", "2023-03-21")]
    assert world.at("2023-01-27T13:00") == [("rulebook", "2021-01-01")]


def test_a_full_disk_alerts_for_the_lake_and_for_dagster(world: World, monkeypatch, tmp_path: Path) -> None:
    built(world, *(("averages", day) for day in DAYS), ("totals", WEEKS[-1]))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    free = 0.11
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(total=10**12, free=round(free * 10**12)))
    assert world.at("2023-01-20T12:30") == []
    free = 0.09
    assert world.at("2023-01-20T13:00") == [("disk", str(world.lake))]  # one disk, one alert
    assert "90.0 GB left, 9.0% of it, less than 10%" in world.last()["what"]


def test_a_look_that_fails_stops_no_other_and_alerts(world: World, monkeypatch) -> None:
    (world.market / "bars" / f"{DAYS[-1]:%Y%m%d}.parquet").unlink()
    built(world, *(("averages", day) for day in DAYS[:-1]), ("totals", WEEKS[-2]))
    monkeypatch.setattr(orchestration.watch, "calendar_end", raising(ZeroDivisionError("a bug")))
    assert world.at("2023-01-20T23:30") == [("late_day", "2023-01-20"), ("sensor", "watch")]
    assert "ZeroDivisionError: a bug" in world.last()["what"]


def test_a_sensor_or_schedule_that_raises_alerts_in_its_own_code_location(world: World) -> None:
    from dagster._core.remote_origin import (
        InProcessCodeLocationOrigin,
        RemoteInstigatorOrigin,
        RemoteRepositoryOrigin,
    )
    from dagster._core.scheduler.instigation import (
        InstigatorState,
        InstigatorStatus,
        InstigatorType,
        ScheduleInstigatorData,
        SensorInstigatorData,
        TickData,
        TickStatus,
    )
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster_shared.error import SerializableErrorInfo

    built(world, *(("averages", day) for day in DAYS), ("totals", WEEKS[-1]))
    sensor, schedule = SensorInstigatorData(min_interval=30), ScheduleInstigatorData("0 9 * * 6")
    for where, name, status, own, failed in (
        ("zhoubao", "week_has_landed", InstigatorStatus.DECLARED_IN_CODE, sensor, True),
        ("zhoubao", "saturday_morning", InstigatorStatus.RUNNING, schedule, True),
        ("zhoubao", "day_has_landed", InstigatorStatus.DECLARED_IN_CODE, sensor, False),
        ("zhoubao", "stopped", InstigatorStatus.STOPPED, sensor, True),
        ("zhoubao", "sunday_morning", InstigatorStatus.RUNNING, schedule, False),
        ("another", "star_has_landed", InstigatorStatus.RUNNING, sensor, True),
    ):
        kind = InstigatorType.SCHEDULE if own is schedule else InstigatorType.SENSOR
        target = LoadableTargetOrigin(module_name="orchestration.definitions")
        location = InProcessCodeLocationOrigin(target, location_name=where)
        origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "repo"), name)
        state = InstigatorState(origin, kind, status, own)
        world.instance.add_instigator_state(state)
        cause = SerializableErrorInfo("KeyError: 'close'\n", [], "KeyError")
        error = SerializableErrorInfo("SensorExecutionError", [], "SensorExecutionError", cause) if failed else None
        for at, outcome in ((0, TickStatus.SUCCESS), (60, TickStatus.FAILURE if failed else TickStatus.SKIPPED)):
            world.instance.create_tick(
                TickData(
                    instigator_origin_id=state.instigator_origin_id, instigator_name=name,
                    instigator_type=kind, status=outcome, timestamp=world.now.timestamp() + at - 3600,
                    run_ids=[], selector_id=state.selector_id, error=error if outcome == TickStatus.FAILURE else None,
                )
            )  # fmt: skip

    def alerts(location: str | None) -> list[tuple[str, str]]:
        before = len(world.hook.posts)
        look(world.instance, None, lambda *one: world.log.append(one), location)
        return sorted(world.sent(before))

    found = {
        "zhoubao": [("sensor", "saturday_morning"), ("sensor", "week_has_landed")],
        "another": [("sensor", "star_has_landed")],
        "empty": [],
    }
    assert {location: alerts(location) for location in found} == found
    assert sorted(world.tick()) == sorted(found["zhoubao"] + found["another"])
    assert {"KeyError: 'close'" in body["what"] for _, _, body in world.hook.posts} == {True}
    world.now += dt.timedelta(hours=25)
    assert [one for one in alerts(None) if one[0] == "sensor"] == []


def test_the_sensor_keeps_what_was_sent_in_its_cursor_and_starts_no_run(world: World) -> None:
    (world.market / "bars" / f"{DAYS[-1]:%Y%m%d}.parquet").unlink()
    _, watch = make_alert_sensors(True, SensorsSettings())
    world.now = dt.datetime(2023, 1, 20, 23, 30, tzinfo=SHANGHAI)
    with dg.build_sensor_context(instance=world.instance) as context:
        data = watch.evaluate_tick(context)
    assert data.run_requests == []
    assert data.skip_message == "1 alert(s) apply, 1 sent now\nThe data of 2023-01-20 is late"
    assert any(key.startswith("late_day 2023-01-20") for key in json.loads(data.cursor))


# --- definitions ------------------------------------------------------------------------------------------------------


def test_alerts_are_on_where_a_market_is_named_and_off_for_the_sample(tmp_path: Path, monkeypatch) -> None:
    market_folder = tmp_path / "desk"
    market_folder.mkdir()

    def statuses() -> set[str]:
        defs = orchestration.definitions.build_defs()
        found = {one.name: one.default_status.value for one in defs.get_repository_def().sensor_defs}
        policies = {
            node.freshness_policy_or_from_metadata is not None for node in defs.resolve_asset_graph().asset_nodes
        }
        assert {found["failed_runs"], found["watch"]} == ({"RUNNING"} if policies == {True} else {"STOPPED"})
        return {found["failed_runs"], found["watch"]}

    monkeypatch.delenv("ZHOUBAO_MARKET", raising=False)
    assert statuses() == {"STOPPED"}
    monkeypatch.setenv("ZHOUBAO_MARKET", str(market_folder))
    monkeypatch.setenv("ZHOUBAO_SETTINGS", "production")
    assert statuses() == {"RUNNING"}
    (market_folder / "market.json").write_text('{"sample": true}')
    assert statuses() == {"STOPPED"}


@pytest.mark.parametrize(
    ("now", "day", "week"),
    [
        ("2023-01-18T22:59", "PASS", "PASS"),  # Wednesday: Tuesday's tables and the report of last week are there
        ("2023-01-18T23:01", "FAIL", "PASS"),
        ("2023-01-21T11:59", "FAIL", "PASS"),
        ("2023-01-21T12:01", "FAIL", "FAIL"),
    ],
)
def test_dagster_shows_overdue_tables(world: World, monkeypatch, now: str, day: str, week: str) -> None:
    import asyncio

    from dagster._core.definitions.freshness_evaluator import CronFreshnessPolicyEvaluator
    from dagster._core.loader import LoadingContextForTest

    with freeze_time(dt.datetime(2023, 1, 14, 10, tzinfo=SHANGHAI)):
        for name, at in (("prices", "2023-01-17T20:00"), ("totals", "2023-01-14T10:00")):
            moment = dt.datetime.fromisoformat(at).replace(tzinfo=SHANGHAI).timestamp()
            with monkeypatch.context() as patched:
                patched.setattr(time, "time", lambda moment=moment: moment)
                with freeze_time(moment):
                    world.instance.report_runless_asset_event(dg.AssetMaterialization(name))
    found = []
    for name, policy in (("prices", day_policy(world.alerts)), ("totals", week_policy(world.alerts))):
        node = SimpleNamespace(key=dg.AssetKey(name), freshness_policy_or_from_metadata=policy)
        with freeze_time(dt.datetime.fromisoformat(now).replace(tzinfo=SHANGHAI)):
            state = asyncio.run(
                CronFreshnessPolicyEvaluator().evaluate_freshness(LoadingContextForTest(world.instance), node)
            )
        found.append(state.value)
    assert found == [day, week]


@pytest.mark.parametrize("weekday", ["monday", "friday", "saturday", "sunday"])
@pytest.mark.parametrize("next_day", [False, True])
def test_a_policy_is_valid_for_every_deadline(weekday: Any, next_day: bool) -> None:
    for clock in ("00:00", "15:00") if next_day else ("15:01", "23:59"):
        day_policy(AlertsSettings(day_deadline=clock, day_deadline_next_day=next_day))
    for clock in ("00:00", "23:59"):
        week_policy(AlertsSettings(week_deadline_day=weekday, week_deadline=clock))


def test_the_command_sends_a_test_alert(world: World, tmp_path: Path, capsys) -> None:
    file = tmp_path / "desk.toml"
    file.write_text('[alerts]\nchannels = ["log", "webhook"]\nlanguage = "en"\n')
    assert main(["--profile", str(file)]) == 0
    assert world.sent() == [("test", "test")]
    assert "webhook: sent" in capsys.readouterr().out
    world.hook.status = 500
    assert main(["--profile", str(file)]) == 1
    assert "webhook: HTTPError: HTTP Error 500" in capsys.readouterr().out
    assert main(["--profile", "nonsense"]) == 1


def test_no_secret_is_in_an_event_a_tag_or_a_cursor(world: World, monkeypatch, tmp_path: Path) -> None:
    secret = "hush-2f7c1e90"
    for name in SECRET_VARIABLES:
        monkeypatch.setenv(name, f"{world.hook.url}/send?key={secret}")
    world.alerts = AlertsSettings(**{**HOOK_ONLY, "channels": ("log", "webhook", "dingtalk", "wecom")})
    world.hook.answer = f'{{"errcode": 1, "errmsg": "{secret}"}}'.encode()
    deliver(world.market, DAYS[2], {"600000.SH": 5000.0})
    run = world.run(("prices", DAYS[2]))
    world.failures()
    world.at("2023-01-20T23:30")
    held = [world.instance.all_logs(run.run_id), world.instance.get_run_by_id(run.run_id).tags, world.log, world.cursor]
    assert not [one for one in held if secret in str(one)]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
