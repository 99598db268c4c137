"""After a vacuum the UI shows every partition as before, whatever was deleted and wherever it was interrupted."""

import contextlib
import dataclasses
import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)

import orchestration.definitions
from orchestration import history
from orchestration.plan import make_plan
from orchestration.vacuum import main, vacuum
from resources.builder import Builder
from resources.errors import LakeError
from resources.lake import Lake
from resources.lease import LEASE, Holder
from resources.leftovers import Leftover
from resources.processes import start_time
from resources.settings.lake import LakeSettings
from resources.settings.retention import RetentionSettings
from tests.orchestration.shown import WORLD, colours, launch, of_lake, stale
from tests.orchestration.shown import opened as opened_world
from tests.postgres_server import needs_postgres, postgres_server
from tests.resources.small_market import DAYS, WEEKS, deliver
from tests.resources.test_leftovers import named_files, plant

pytestmark = pytest.mark.usefixtures("fake_tables")

LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=200)
# The event log with one table for all runs, as Postgres has it. By default each run has a SQLite file of its own.
ONE_TABLE = {"module": "dagster._core.storage.event_log", "class": "ConsolidatedSqliteEventLogStorage"}
EVERY_STORAGE = pytest.mark.parametrize(
    "instance", ["sqlite", "one table", pytest.param("postgres", marks=needs_postgres)], indirect=True
)


@pytest.fixture
def instance(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "home"
    home.mkdir()
    storage = getattr(request, "param", "sqlite")
    with contextlib.ExitStack() as stack:
        overrides: dict[str, Any] = {}
        if storage == "one table":
            overrides = {"event_log_storage": {**ONE_TABLE, "config": {"base_dir": str(home / "log")}}}
        elif storage == "postgres":
            overrides = {"storage": {"postgres": {"postgres_url": stack.enter_context(postgres_server()).url}}}
        yield stack.enter_context(dg.DagsterInstance.local_temp(str(home), overrides=overrides))


def opened(market: Path, tmp_path: Path) -> Builder:
    builder = opened_world(market, tmp_path)
    object.__setattr__(builder.settings, "retention", RetentionSettings())
    return builder


def shown(builder: Builder, instance: dg.DagsterInstance) -> tuple[Any, ...]:
    """What the UI shows of each partition: its colour, whether it is stale, and its checks. Nothing is taken from a cache."""
    instance.wipe_asset_cached_status([dg.AssetKey(name) for name in WORLD])
    keys = [dg.AssetCheckKey(dg.AssetKey(table.name), check.name) for table in WORLD.values() for check in table.checks]
    checks = {}
    for key in keys:
        for record in reversed(instance.event_log_storage.get_asset_check_execution_history(key, limit=1000)):
            checks[key, record.partition] = record.status
    return colours(builder, instance), stale(builder, instance), checks


def history_of_a_desk(market: Path, tmp_path: Path, instance: dg.DagsterInstance) -> Builder:
    """Runs that were refused, repeated, restated and identical."""
    deliver(market, DAYS[5], {"600000.SH": 5000.0})
    builder = opened(market, tmp_path)
    launch(builder, instance, ["prices", "averages"], DAYS[0], DAYS[-1])
    launch(builder, instance, ["totals"], WEEKS[0], WEEKS[-1])
    assert launch(builder, instance, ["prices"], DAYS[0], DAYS[2], force=True).success
    assert launch(builder, instance, ["prices"], DAYS[0], DAYS[2]).success
    deliver(market, DAYS[8], {"600000.SH": 11.5, "000001.SZ": 19.5})
    builder = opened(market, tmp_path)
    assert launch(builder, instance, ["prices"], DAYS[8], DAYS[8]).success
    deliver(market, DAYS[8], {"600000.SH": 11.75, "000001.SZ": 19.5})
    builder = opened(market, tmp_path)
    assert launch(builder, instance, ["prices"], DAYS[8], DAYS[8]).success

    @dg.job(config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}})
    def without_assets() -> None:
        dg.op(name="idle")(lambda: 1)()

    assert without_assets.execute_in_process(instance=instance).success
    return builder


def carry_out(builder: Builder, instance: dg.DagsterInstance, now: dt.datetime = LATER) -> list[Leftover]:
    return vacuum(builder, instance, carry_out=True, now=now, say=lambda line: None)


@EVERY_STORAGE
def test_every_partition_is_shown_as_before(market: Path, tmp_path: Path, instance: dg.DagsterInstance) -> None:
    builder = history_of_a_desk(market, tmp_path, instance)
    before = shown(builder, instance)
    assert set(before[0].values()) == {"green", "red"}
    assert before[1]  # the restated day makes its readers stale
    runs = len(instance.get_runs())
    assert vacuum(builder, instance, say=lambda line: None) == []  # all runs are new
    lines: list[str] = []
    listed = vacuum(builder, instance, now=LATER, say=lines.append)
    assert {one.kind for one in listed} >= {history.RUNS, history.RUN_LOGS}
    assert lines[-1].endswith("Nothing was changed; --yes removes it.")
    assert len(instance.get_runs()) == runs
    found = carry_out(opened(market, tmp_path), instance)
    assert [(one.kind, one.name, one.count) for one in listed] == [
        (one.kind, one.name, one.count) for one in found if one.kind != history.FREE
    ]
    assert shown(builder, instance) == before
    # The run without assets and the first of the restatements are gone; of the others only the log is.
    assert len(instance.get_runs()) == runs - 2
    assert {run.tags.get(history.LOG_TAG) for run in instance.get_runs()} == {"removed"}
    assert carry_out(opened(market, tmp_path), instance) == []
    # Dagster goes on from there.
    again = opened(market, tmp_path)
    launch(again, instance, ["averages"], DAYS[0], DAYS[-1])
    launch(again, instance, ["totals"], WEEKS[0], WEEKS[-1])
    found_colours, found_stale, _ = shown(again, instance)
    assert {own: colour for own, colour in found_colours.items() if own in of_lake(again)} == of_lake(again)
    assert found_stale == set()


@pytest.mark.slow
@EVERY_STORAGE
def test_an_interruption_loses_nothing(
    market: Path,
    tmp_path: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    builder = history_of_a_desk(market, tmp_path, instance)
    before = shown(builder, instance)

    class Killed(BaseException): ...

    def killed(*arguments: object) -> None:
        raise Killed

    steps: list[Callable[[], Any]] = [
        lambda: monkeypatch.setattr(dg.DagsterInstance, "delete_run", killed),
        lambda: monkeypatch.setattr(dg.DagsterInstance, "add_run_tags", killed),
        lambda: monkeypatch.setattr(history, "_remove_files", killed),
    ]
    for step in steps:
        step()
        with pytest.raises(Killed):
            carry_out(opened(market, tmp_path), instance)
        monkeypatch.undo()
        monkeypatch.setattr(orchestration.definitions, "load_tables", lambda: WORLD)
        assert shown(builder, instance) == before
    carry_out(opened(market, tmp_path), instance)
    assert shown(builder, instance) == before
    assert carry_out(opened(market, tmp_path), instance) == []


def test_partitions_whose_runs_were_deleted_are_recorded_again(
    market: Path,
    tmp_path: Path,
    instance: dg.DagsterInstance,
) -> None:
    builder = history_of_a_desk(market, tmp_path, instance)
    for run in instance.get_runs():
        instance.delete_run(run.run_id)
    assert shown(builder, instance)[0] == {}
    found = carry_out(opened(market, tmp_path), instance, dt.datetime.now(dt.UTC))
    (recorded,) = (one for one in found if one.kind == "unrecorded")
    assert recorded.count == len(of_lake(builder))
    # Deleting a run in the UI leaves its output.
    assert history.LOST_LOGS in {one.kind for one in found}
    assert shown(builder, instance)[0] == of_lake(builder)
    assert carry_out(opened(market, tmp_path), instance, dt.datetime.now(dt.UTC)) == []
    # Only those that lost their events are recorded.
    last = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]), limit=1)[0]
    instance.delete_run(last.run_id)
    red = [own for own, colour in of_lake(builder).items() if colour == "red"]
    found = carry_out(opened(market, tmp_path), instance, dt.datetime.now(dt.UTC))
    assert [one.count for one in found if one.kind == "unrecorded"] == [len(red)]
    assert shown(builder, instance)[0] == of_lake(builder)


def test_leftovers_of_every_kind(market: Path, tmp_path: Path, instance: dg.DagsterInstance) -> None:
    builder = history_of_a_desk(market, tmp_path, instance)
    launch(builder, instance, ["averages"], DAYS[0], DAYS[-1])
    launch(builder, instance, ["totals"], WEEKS[0], WEEKS[-1])
    lake = tmp_path / "lake"
    before, files = shown(builder, instance), named_files(lake)
    planned = {
        (step.table.name, step.key) for step in make_plan(opened(market, tmp_path), [("totals", WEEKS[-1])]).steps
    }
    planted = plant(lake, market)
    sensor = plant_ticks(instance)
    lost = Path(instance.storage_directory()) / "0b9d5f30-8a55-4c5c-9b2e-111111111111" / "compute_logs" / "x.err"
    lost.parent.mkdir(parents=True)
    lost.write_text("left")
    found = carry_out(opened(market, tmp_path), instance)
    names = {kind: {one.name for one in found if one.kind == kind} for kind in planted}
    assert names == planted
    assert {one.kind for one in found} >= {*planted, history.RUNS, history.RUN_LOGS, history.LOST_LOGS, history.TICKS}
    assert history.EVALUATIONS in {one.kind for one in found}
    assert shown(builder, instance) == before
    assert named_files(lake) == files
    assert not lost.exists()
    ticks = instance.get_ticks(sensor.instigator_origin_id, sensor.selector_id)
    assert [tick.timestamp for tick in ticks] == [LATER.timestamp() - 86_400]
    (kept,) = instance.all_instigator_state()
    assert kept.instigator_data == sensor.instigator_data
    assert carry_out(opened(market, tmp_path), instance) == []
    again = make_plan(opened(market, tmp_path), [("totals", WEEKS[-1])])
    assert {(step.table.name, step.key) for step in again.steps} == planned


def plant_ticks(instance: dg.DagsterInstance) -> InstigatorState:
    """A sensor with one old and one new tick."""
    location = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("zhoubao"), "__repository__")
    origin = RemoteInstigatorOrigin(location, "day_has_landed")
    state = InstigatorState(
        origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, SensorInstigatorData(cursor="kept")
    )
    instance.add_instigator_state(state)
    for days in (1, 40):
        instance.create_tick(
            TickData(
                instigator_origin_id=state.instigator_origin_id, instigator_name="day_has_landed", instigator_type=InstigatorType.SENSOR,
                status=TickStatus.SUCCESS, run_ids=[], timestamp=LATER.timestamp() - days * 86_400, selector_id=state.selector_id,
            )
        )  # fmt: skip
    return state


def test_the_files_of_runs_are_removed_and_space_is_given_back(
    market: Path,
    tmp_path: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "FREE_BYTES", 1)
    builder = history_of_a_desk(market, tmp_path, instance)
    home = tmp_path / "home"
    before = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    carry_out(builder, instance)
    after = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
    assert after < 0.7 * before
    assert not list((home / "storage").rglob("*.err"))
    assert not list((home / "history" / "runs").glob("*-*.db"))


def test_the_command_lists_by_default(market: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    builder = opened(market, tmp_path)
    builder.build(WORLD["prices"], DAYS)
    (tmp_path / "lake" / "prices" / f"date={DAYS[0]}" / "solve.parquet").write_bytes(b"left")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setattr(orchestration.vacuum, "open_builder", lambda names: builder)
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"side files: prices/date={DAYS[0]}/solve.parquet: 1 files, 4 bytes"
    assert lines[-1] == "0.0 kB can be removed. Nothing was changed; --yes removes it."
    assert main(["--yes"]) == 0
    assert not (tmp_path / "lake" / "prices" / f"date={DAYS[0]}" / "solve.parquet").exists()
    assert capsys.readouterr().out.splitlines()[-1] == "0.0 kB removed."
    assert main(["--yes"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Nothing to remove."
    shutil.rmtree(tmp_path / "lake")
    assert main([]) == 1
    assert capsys.readouterr().err.startswith("error: There is no lake at")


def test_nothing_is_removed_while_another_process_writes(market: Path, tmp_path: Path) -> None:
    builder = opened(market, tmp_path)
    builder.build(WORLD["prices"], DAYS)
    writing = tmp_path / "lake" / "averages" / f"date={DAYS[0]}" / "part.parquet"
    writing.parent.mkdir(parents=True)
    writing.write_bytes(b"half")
    parent = Holder.of_this_process("run")
    parent = dataclasses.replace(parent, pid=os.getppid(), started=start_time(os.getppid()) or "")
    (tmp_path / "lake" / LEASE).write_bytes(parent.dumps())
    builder.lake = Lake(str(tmp_path / "lake"), LakeSettings(lock_wait_minutes=0))
    with pytest.raises(LakeError, match=f"process {os.getppid()}"):
        vacuum(builder, None, carry_out=True, say=lambda line: None)
    assert writing.read_bytes() == b"half"
    (tmp_path / "lake" / LEASE).unlink()
    assert [one.kind for one in vacuum(builder, None, carry_out=True, say=lambda line: None)] == ["unfinished"]
    assert not writing.exists()
