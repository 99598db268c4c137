"""Finds what Dagster has stored and no longer needs: finished runs, their logs, superseded events and old ticks.

What decides the state of a partition in the UI is kept: the newest materialization of each partition, earlier ones with the same data
version (by which Dagster judges whether readers are stale), and the newest attempt that made none. A run that holds such an event stays
in the list of runs and only its log is removed. If these events were deleted and recorded again, every partition that reads them and
has not been recorded again too would be shown as stale.

Runs and ticks are deleted through Dagster's own methods. Dagster has none that deletes a part of a run's events, evaluations of checks,
or the SQLite file of a run; for these the module uses the event log's tables, which are the same on SQLite and Postgres.
"""

import contextlib
import datetime as dt
import functools
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sql
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.storage.dagster_run import RunRecord

# The tables have no public names. Dagster's version is pinned, and tests/orchestration/test_vacuum.py covers their use.
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage

from resources.leftovers import Leftover
from resources.store import local_sizes

RUNS, RUN_LOGS, LOST_LOGS = "runs", "run logs", "lost logs"
EVALUATIONS, TICKS, FREE = "evaluations", "ticks", "free space"
KINDS = {
    RUNS: "finished runs whose partitions have newer events",
    RUN_LOGS: "logs of finished runs that hold the newest event of a partition",
    LOST_LOGS: "logs of runs that were deleted",
    EVALUATIONS: "evaluations of checks that have a newer one",
    TICKS: "ticks of sensors and schedules",
    FREE: "free space in SQLite files",
}
LOG_TAG = "zhoubao/log"  # of a run whose log was removed
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
FREE_SHARE, FREE_BYTES = 0.1, 1 << 20  # of a SQLite file, from both of which its free space is given back
_PAGE = 500  # records per query
_RUN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION
# Events that are kept: Dagster's sensors of run statuses read the former, and observations decide the state of external assets.
_KEPT_EVENTS = [
    kind.value
    for kind in dg.DagsterEventType
    if kind.value.startswith("PIPELINE_") or kind is dg.DagsterEventType.ASSET_OBSERVATION
]

Needed = Mapping[str, set[int]]
"""Run → the storage ids of its events that decide the state of a partition."""


def find_history(instance: dg.DagsterInstance, now: dt.datetime, runs_days: int, ticks_days: int) -> list[Leftover]:
    """List what may be removed. Nothing is changed.

    Args:
        instance: the Dagster instance.
        now: the present time, with a zone.
        runs_days: age in days, since its end, from which a run is listed.
        ticks_days: age in days from which a tick is listed.
    """
    before = now - dt.timedelta(days=runs_days)
    needed = needed_events(instance, before)
    found: list[Leftover] = []
    for record in _finished_runs(instance, before):
        run_id = record.dagster_run.run_id
        if run_id in needed:
            found += _log_of(instance, record, needed[run_id])
        else:
            found.append(_whole_run(instance, record))
    found += _lost_logs(instance)
    found += _superseded_evaluations(instance, before)
    found += _ticks(instance, now - dt.timedelta(days=ticks_days))
    return found


def needed_events(instance: dg.DagsterInstance, before: dt.datetime) -> Needed:
    """The events that decide the state of a partition in the UI, of those that were stored before a time."""
    needed: defaultdict[str, set[int]] = defaultdict(set)
    for asset in instance.get_asset_keys():
        for run_id, storage_id in [*_last_states(instance, asset, before), *_last_attempts(instance, asset)]:
            needed[run_id].add(storage_id)
    return needed


def _last_states(instance: dg.DagsterInstance, asset: dg.AssetKey, before: dt.datetime) -> Iterator[tuple[str, int]]:
    """The run and the storage id of each old materialization that has the data version of the newest one of its partition."""
    old = list(_materializations(instance, dg.AssetRecordsFilter(asset, before_timestamp=before.timestamp())))
    newest = instance.event_log_storage.get_latest_storage_id_by_partition(asset, _MATERIALIZED)
    versions = {one.storage_id: _version(one) for one in old}
    last = {one.storage_id: newest.get(one.partition_key or "") for one in old}
    unknown = sorted({number for number in last.values() if number is not None} - set(versions))
    for first in range(0, len(unknown), _PAGE):
        chosen = dg.AssetRecordsFilter(asset, storage_ids=unknown[first : first + _PAGE])
        versions |= {one.storage_id: _version(one) for one in _materializations(instance, chosen)}
    for one in old:
        number = last[one.storage_id]
        if number is None or versions[one.storage_id] == versions.get(number):
            yield one.run_id, one.storage_id


def _last_attempts(instance: dg.DagsterInstance, asset: dg.AssetKey) -> Iterable[tuple[str, int]]:
    """The run and the storage id of the newest plan of each partition that led to no materialization: red if the run failed."""
    storage = instance.event_log_storage
    return storage.get_latest_asset_partition_materialization_attempts_without_materializations(asset).values()


def _materializations(instance: dg.DagsterInstance, chosen: dg.AssetRecordsFilter) -> Iterator[dg.EventLogRecord]:
    cursor, more = None, True
    while more:
        page = instance.fetch_materializations(chosen, limit=_PAGE, cursor=cursor)
        yield from page.records
        cursor, more = page.cursor, page.has_more


def _version(record: dg.EventLogRecord) -> str | None:
    made = record.asset_materialization
    return (made.tags or {}).get(DATA_VERSION_TAG) if made is not None else None


def _finished_runs(instance: dg.DagsterInstance, before: dt.datetime) -> list[RunRecord]:
    """The runs that ended before a time, the newest first."""
    found: list[RunRecord] = []
    cursor = None
    while True:
        chosen = dg.RunsFilter(statuses=FINISHED, created_before=before)
        page = instance.get_run_records(chosen, limit=_PAGE, cursor=cursor)
        found += [one for one in page if (one.end_time or one.update_timestamp.timestamp()) < before.timestamp()]
        if len(page) < _PAGE:
            return found
        cursor = page[-1].dagster_run.run_id


# --- runs -----------------------------------------------------------------------------------------------------------------


def _whole_run(instance: dg.DagsterInstance, record: RunRecord) -> Leftover:
    run_id = record.dagster_run.run_id
    events = _events(instance, run_id)
    size = sum(events.values()) + sum(map(_size, _own_files(instance, run_id)))
    return Leftover(RUNS, _name(record), len(events), size, functools.partial(_remove_run, instance, run_id))


def _remove_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Delete a run. The events go first, so that a kill leaves a run that is found again, and not events without a run."""
    instance.event_log_storage.delete_events(run_id)
    _remove_files(instance, run_id)
    instance.delete_run(run_id)
    _remove_files(instance, run_id)  # SQLite creates the run's file again when its events are deleted


def _log_of(instance: dg.DagsterInstance, record: RunRecord, needed: set[int]) -> Iterator[Leftover]:
    run_id = record.dagster_run.run_id
    events = {number: size for number, size in _events(instance, run_id, _KEPT_EVENTS).items() if number not in needed}
    files = [path for path in _own_files(instance, run_id) if path.exists()]
    if events or files:
        size = sum(events.values()) + sum(map(_size, files))
        remove = functools.partial(_remove_log, instance, run_id, list(events))
        yield Leftover(RUN_LOGS, _name(record), len(events), size, remove)


def _remove_log(instance: dg.DagsterInstance, run_id: str, events: Sequence[int]) -> None:
    """Delete events and files of a run. The tag goes first: after a kill the run is found again by what is left, and not by its tag."""
    if (run := instance.get_run_by_id(run_id)) is not None and LOG_TAG not in run.tags:
        instance.add_run_tags(run_id, {LOG_TAG: "removed"})
    table = SqlEventLogStorageTable
    with _tables(instance) as connection:
        for first in range(0, len(events), _PAGE):
            connection.execute(table.delete().where(table.c.id.in_(events[first : first + _PAGE])))
    _remove_files(instance, run_id)


def _name(record: RunRecord) -> str:
    run = record.dagster_run
    ended = dt.datetime.fromtimestamp(record.end_time or record.update_timestamp.timestamp(), dt.UTC)
    return f"{run.run_id} {run.job_name} {run.status.value.lower()} {ended:%Y-%m-%d}"


@contextlib.contextmanager
def _tables(instance: dg.DagsterInstance) -> Iterator[sql.Connection]:
    """A transaction on the tables with the events of all runs."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage), "SQLite and Postgres store events in SQL"
    with storage.index_connection() as connection:
        yield connection


def _events(instance: dg.DagsterInstance, run_id: str, without: Sequence[str] = ()) -> dict[int, int]:
    """The bytes of a run's events by storage id, except those of some types."""
    table = SqlEventLogStorageTable
    kind = sql.func.coalesce(table.c.dagster_event_type, "")
    chosen = sql.select(table.c.id, sql.func.length(table.c.event).label("size")).where(
        table.c.run_id == run_id, kind.not_in(list(without))
    )
    with _tables(instance) as connection:
        return {row.id: row.size for row in connection.execute(chosen)}


def _own_files(instance: dg.DagsterInstance, run_id: str) -> list[Path]:
    """The folder with a run's output and its SQLite files."""
    return [Path(instance.storage_directory()) / run_id, *_shard(instance, run_id)]


def _shard(instance: dg.DagsterInstance, run_id: str) -> list[Path]:
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return []
    return [Path(storage.path_for_shard(run_id) + ending) for ending in ("", "-wal", "-shm")]


def _size(path: Path) -> int:
    try:
        return sum(local_sizes(path).values()) if path.is_dir() else path.stat().st_size
    except FileNotFoundError:
        return 0


def _remove_files(instance: dg.DagsterInstance, run_id: str) -> None:
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    for path in _shard(instance, run_id):
        path.unlink(missing_ok=True)
    storage = instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        storage._initialized_dbs.discard(run_id)  # the file is created again if this process opens the run


def _lost_logs(instance: dg.DagsterInstance) -> Iterator[Leftover]:
    """Files of runs that are not in the list of runs, such as those that were deleted in the UI, which deletes no file."""
    storage, root = instance.event_log_storage, Path(instance.storage_directory())
    ids = set(storage.get_all_run_ids()) if isinstance(storage, SqliteEventLogStorage) else set()
    ids |= {path.name for path in root.iterdir()} if root.is_dir() else set()
    # A run is stored before its files are created, and so is read after them.
    lost = {one for one in ids if _RUN_ID.fullmatch(one)} - set(instance.get_run_ids())
    for run_id in sorted(lost):
        files = [path for path in _own_files(instance, run_id) if path.exists()]
        remove = functools.partial(_remove_files, instance, run_id)
        yield Leftover(LOST_LOGS, run_id, len(files), sum(map(_size, files)), remove)


# --- evaluations and ticks ------------------------------------------------------------------------------------------------


def _superseded_evaluations(instance: dg.DagsterInstance, before: dt.datetime) -> Iterator[Leftover]:
    table = AssetCheckExecutionsTable
    last = sql.select(sql.func.max(table.c.id)).group_by(table.c.asset_key, table.c.check_name, table.c.partition)
    stored = before.astimezone(dt.UTC).replace(tzinfo=None)
    old = sql.and_(table.c.evaluation_event_timestamp < stored, table.c.id.not_in(last))
    counted = sql.select(sql.func.count(), sql.func.sum(sql.func.length(table.c.evaluation_event))).where(old)
    with _tables(instance) as connection:
        count, size = connection.execute(counted).one()

    def remove() -> None:
        with _tables(instance) as connection:
            connection.execute(table.delete().where(old))

    if count:
        yield Leftover(EVALUATIONS, f"before {before:%Y-%m-%d}", count, size or 0, remove)


def _ticks(instance: dg.DagsterInstance, before: dt.datetime) -> Iterator[Leftover]:
    stamp = before.timestamp()
    for state in instance.all_instigator_state():
        origin, selector = state.instigator_origin_id, state.selector_id
        ticks = instance.get_ticks(origin, selector, before=stamp)
        if ticks:
            name = f"{state.instigator_name} before {before:%Y-%m-%d}"
            remove = functools.partial(instance.purge_ticks, origin, selector, stamp)
            yield Leftover(TICKS, name, len(ticks), 0, remove)


# --- SQLite ---------------------------------------------------------------------------------------------------------------


def free_space(instance: dg.DagsterInstance) -> list[Leftover]:
    """The SQLite files with much free space, which SQLite does not give back by itself."""
    found = []
    for path in _databases(instance):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            pages, free, size = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "page_size")
            )
        if free >= FREE_SHARE * pages and free * size >= FREE_BYTES:
            found.append(Leftover(FREE, str(path), free, free * size, functools.partial(_compact, path)))
    return found


def _compact(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _databases(instance: dg.DagsterInstance) -> list[Path]:
    """The SQLite files of the instance that are not those of one run."""
    storages: list[Any] = [instance.run_storage, instance.schedule_storage]
    urls = [one._conn_string for one in storages if isinstance(one, SqliteRunStorage | SqliteScheduleStorage)]
    found = [Path(database) for url in urls if (database := sql.make_url(url).database)]
    if isinstance(instance.event_log_storage, SqliteEventLogStorage):
        found.append(Path(instance.event_log_storage.path_for_shard("index")))
    return [path for path in found if path.is_file()]
