"""Dagster's SQLite event log with its engines kept open and with batches in one transaction. The files are those of the stock class.

The stock class creates a new SQLAlchemy engine for every statement, which compiles each insert again, and stores a batch event by
event: 11 ms of CPU per event. With the engines kept open an event takes 2.7 ms, and in batches of a partition's events 0.6 ms.
orchestration/event_log_postgres.py does the same for Postgres.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dagster as dg
import sqlalchemy as sql

# The classes and tables of the stock SQLite log. Dagster has no public name for them; its version is pinned, and
# tests/orchestration/test_event_log.py holds that the stock class reads what this one writes.
from dagster._core.storage.event_log import EventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.legacy_storage import LegacyEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS

from orchestration.event_batches import is_batch, store_assets


class KeptOpenEventLog(SqliteEventLogStorage):
    """One engine per database file, with SQLAlchemy's cache of compiled statements and an open connection."""

    def __init__(self, base_dir: str):
        self._engines: dict[str, sql.Engine] = {}
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sql.Connection]:
        with self._db_lock:
            if shard not in self._engines:
                engine = sql.create_engine(
                    self.conn_string_for_shard(shard),
                    poolclass=sql.pool.SingletonThreadPool,
                    connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
                )
                # This is safe with the write-ahead log that Dagster sets: a power cut may lose the last events, but not the file.
                sql.event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=NORMAL"))
                if shard not in self._initialized_dbs:
                    self._initdb(engine)
                    self._initialized_dbs.add(shard)
                self._engines[shard] = engine
            with self._engines[shard].connect() as connection, connection.begin():
                yield connection

    def store_event_batch(self, events: Sequence[dg.EventLogEntry]) -> None:
        """Store events of one run. Where they are materializations, planned ones and evaluations of checks, each database is written in
        one transaction; other events are stored one by one."""
        if not is_batch(events):
            super().store_event_batch(events)
            return
        rows = [self._event_to_row(event) for event in events]
        with self.run_connection(events[0].run_id) as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
        with self.index_transaction() as connection:
            connection.execute(SqlEventLogStorageTable.insert(), rows)
            # SQLite admits one writer, so that the numbers of one transaction follow each other.
            last = connection.execute(sql.select(sql.func.max(SqlEventLogStorageTable.c.id))).scalar_one()
            store_assets(self, connection, events, rows, range(last - len(rows) + 1, last + 1))

    def dispose(self) -> None:
        """Close all engines."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


@contextmanager
def kept_open(instance: dg.DagsterInstance) -> Iterator[dg.DagsterInstance]:
    """Keep the instance's event log open inside the block. One of neither SQLite nor Postgres is not changed."""
    stock = instance.event_log_storage
    fast = _kept_open(stock)
    if fast is None:
        yield instance
        return
    fast.register_instance(instance)
    instance._event_storage = fast
    try:
        yield instance
    finally:
        instance._event_storage = stock
        fast.dispose()


def _kept_open(stock: EventLogStorage) -> EventLogStorage | None:
    """The fast log on the database of a stock one; None where there is none, also where a fast one is in use."""
    if type(stock) is SqliteEventLogStorage:
        return KeptOpenEventLog(stock._base_dir)
    if isinstance(stock, LegacyEventLogStorage):  # of an instance whose dagster.yaml has the section `storage`
        stock = stock._storage.event_log_storage
    try:
        import orchestration.event_log_postgres
    except ImportError:  # the extra `postgres` is not installed, so that the log is of another database
        return None
    return orchestration.event_log_postgres.kept_open_log(stock)
