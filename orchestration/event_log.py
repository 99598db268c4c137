"""Dagster's SQLite event log with its engines kept open, for the driver's process. The files are those of the stock class.

This module changes only how a connection is obtained. The stock class creates a new SQLAlchemy engine for every statement,
which compiles each insert again; on the sample run this took more than half of the time.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import sqlalchemy
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS


class KeptOpenEventLog(SqliteEventLogStorage):
    """One engine per database file, with SQLAlchemy's cache of compiled statements and an open connection."""

    def __init__(self, base_dir: str):
        self._engines: dict[str, sqlalchemy.Engine] = {}
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        with self._db_lock:
            if shard not in self._engines:
                engine = sqlalchemy.create_engine(
                    self.conn_string_for_shard(shard),
                    poolclass=sqlalchemy.pool.SingletonThreadPool,
                    connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS},
                )
                # This is safe with the write-ahead log that Dagster sets: a power cut may lose the last events, but not the file.
                sqlalchemy.event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=NORMAL"))
                if shard not in self._initialized_dbs:
                    self._initdb(engine)
                    self._initialized_dbs.add(shard)
                self._engines[shard] = engine
            with self._engines[shard].connect() as connection, connection.begin():
                yield connection

    def dispose(self) -> None:
        """Close all engines."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


@contextmanager
def kept_open(instance: dg.DagsterInstance) -> Iterator[dg.DagsterInstance]:
    """Keep the instance's event log open inside the block. An event log other than the stock SQLite one is not changed."""
    stock = instance.event_log_storage
    if type(stock) is not SqliteEventLogStorage:
        yield instance
        return
    fast = KeptOpenEventLog(stock._base_dir)
    fast.register_instance(instance)
    instance._event_storage = fast
    try:
        yield instance
    finally:
        instance._event_storage = stock
        fast.dispose()
