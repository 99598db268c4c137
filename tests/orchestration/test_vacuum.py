"""After a vacuum the UI shows every partition as before, whatever was deleted, and also after one that was interrupted."""

import contextlib
import dataclasses
import datetime as dt
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sql
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
from tests.postgres_server import Server, needs_postgres, postgres_server
from tests.resources.small_market import DAYS, WEEKS, deliver
from tests.resources.test_leftovers import named_files, plant

pytestmark = pytest.mark.usefixtures("fake_tables")

LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=200)
# The event log with one table for all runs, as Postgres has it. By default each run has a SQLite file of its own.
ONE_TABLE = {"module": "dagster._core.storage.event_log", "class": "ConsolidatedSqliteEventLogStorage"}
STORAGES = [
    "sqlite",
    pytest.param("one table", marks=pytest.mark.slow),
    pytest.param("postgres", marks=[needs_postgres, pytest.mark.slow]),
]
EVERY_STORAGE = pytest.mark.parametrize("instance", STORAGES, indirect=True)


@contextlib.contextmanager
def opened_instance(
    storage: str, home: Path, server: Server | None = None, database: str = ""
) -> Iterator[dg.DagsterInstance]:
    """An instance with a storage in a home, or in the server, there in a copy of its own database if `database` is named."""
    home.mkdir(exist_ok=True)
    overrides: dict[str, Any] = {}
    if storage == "one table":
        overrides = {"event_log_storage": {**ONE_TABLE, "config": {"base_dir": str(home / "log")}}}
    elif server is not None:
        overrides = {"storage": {"postgres": {"postgres_url": server.copy(database) if database else server.url}}}
    with dg.DagsterInstance.local_temp(str(home), overrides=overrides) as instance:
        yield instance


@pytest.fixture
def instance(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dg.DagsterInstance]:
    storage = getattr(request, "param", "sqlite")
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(postgres_server()) if storage == "postgres" else None
        yield stack.enter_context(opened_instance(storage, tmp_path / "home", server))


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


@pytest.mark.slow
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


DELETIONS = {
    "_remove_files": history,
    "delete_run": dg.DagsterInstance,
    "add_run_tags": dg.DagsterInstance,
    "purge_ticks": dg.DagsterInstance,
}
"""The steps of a vacuum of Dagster, by name. What a vacuum deletes without them is deleted just before or after one of them."""


class Killed(BaseException): ...


def counting(patched: pytest.MonkeyPatch, name: str = "", limit: int = 0) -> Counter[str]:
    """Count the calls of each deletion, and end the process, as it were, before the call number `limit` of the deletion `name`."""
    calls: Counter[str] = Counter()

    def wrap(owner: object, own: str) -> None:
        real = getattr(owner, own)

        def counted(*arguments: object, **named: object) -> object:
            calls[own] += 1
            if (own, calls[own]) == (name, limit):
                raise Killed
            return real(*arguments, **named)

        patched.setattr(owner, own, counted)

    for own, owner in DELETIONS.items():
        wrap(owner, own)
    return calls


def stored(instance: dg.DagsterInstance) -> tuple[Any, ...]:
    """The tags of each run, the number of its events, its files, and the ticks."""
    runs = {run.run_id: run.tags.get(history.LOG_TAG) for run in instance.get_runs()}
    table = history.SqlEventLogStorageTable
    with history._tables(instance) as connection:
        counted = sql.select(table.c.run_id, sql.func.count().label("events")).group_by(table.c.run_id)
        events = {row.run_id: row.events for row in connection.execute(counted)}
    home = Path(instance.root_directory)
    names = {str(path.relative_to(home)) for path in home.rglob("*")}
    files = {name for name in names if history._RUN_ID.search(name)}
    ticks = [
        tick.timestamp
        for state in instance.all_instigator_state()
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
    ]
    return runs, events, files, ticks


@pytest.mark.slow
@pytest.mark.parametrize("storage", STORAGES)
def test_an_interruption_before_the_first_second_and_last_call_of_each_deletion_loses_nothing(
    market: Path, tmp_path: Path, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(postgres_server()) if storage == "postgres" else None
        with opened_instance(storage, tmp_path / "home", server) as instance:
            builder = history_of_a_desk(market, tmp_path, instance)
            plant_ticks(instance)
            before = shown(builder, instance)

        def copied(name: str) -> contextlib.AbstractContextManager[dg.DagsterInstance]:
            """An instance with a copy of everything that the first one has stored."""
            shutil.copytree(tmp_path / "home", tmp_path / name)
            return opened_instance(storage, tmp_path / name, server, name)

        with copied("whole") as instance, monkeypatch.context() as patched:
            calls = counting(patched)
            carry_out(opened(market, tmp_path), instance)
            kept = stored(instance)
        assert set(calls) == set(DELETIONS)
        assert calls["delete_run"] == 2
        assert min(calls["_remove_files"], calls["add_run_tags"]) > 2
        for name, count in calls.items():
            for limit in sorted({1, min(2, count), count}):
                with copied(f"{name.strip('_')}_{limit}") as instance:
                    with monkeypatch.context() as patched:
                        counting(patched, name, limit)
                        with pytest.raises(Killed):
                            carry_out(opened(market, tmp_path), instance)
                    assert shown(builder, instance) == before, (name, limit)
                    carry_out(opened(market, tmp_path), instance)
                    assert stored(instance) == kept, (name, limit)
                    assert shown(builder, instance) == before, (name, limit)


@pytest.mark.slow
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

    def size() -> int:
        return sum(path.stat().st_size for path in home.rglob("*") if path.is_file())

    def files_of_runs() -> list[int]:
        return [len(list((home / "storage").rglob("*.err"))), len(list((home / "history" / "runs").glob("*-*.db")))]

    before = size()
    assert min(files_of_runs()) > 0
    carry_out(builder, instance)
    assert size() < 0.7 * before
    assert files_of_runs() == [0, 0]


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
