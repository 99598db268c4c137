"""Batches of events of one run, and what a SQL event log knows of their assets and checks, for SQLite and Postgres alike."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sql

# Dagster has no public name for the tables; its version is pinned, and the tests of both logs read what was written.
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable

_PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value
_EVALUATED = dg.DagsterEventType.ASSET_CHECK_EVALUATION.value
_MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION.value


def is_batch(events: Sequence[dg.EventLogEntry]) -> bool:
    """Whether events can be stored in one transaction: some materializations, planned ones and evaluations of checks, of one run."""
    kinds = {event.dagster_event_type.value if event.dagster_event_type else None for event in events}
    return bool(events) and kinds <= {_PLANNED, _EVALUATED, _MATERIALIZED} and len({e.run_id for e in events}) == 1


def store_assets(
    log: SqlEventLogStorage,
    connection: sql.Connection,
    events: Sequence[dg.EventLogEntry],
    rows: Sequence[Mapping[str, Any]],
    numbers: Sequence[int],
) -> None:
    """Store what the log knows of assets and checks, for a batch whose events are stored under these numbers.

    Args:
        log: the event log, of any database.
        connection: a connection of it in a transaction.
        events: the batch.
        rows: its rows, of `_event_to_row`.
        numbers: the storage id of each event.
    """
    numbered = list(zip(numbers, events, rows, strict=True))
    own = [(number, event) for number, event, row in numbered if row["asset_key"] is not None]
    log._store_asset_event_tags(connection, [event for _, event in own], [number for number, _ in own])
    newest = {(row["asset_key"], row["dagster_event_type"]): (event, number) for number, event, row in numbered}
    for (asset, _), (event, number) in newest.items():
        if asset is not None:
            log._store_asset_event(connection, event, number)
    _store_evaluations(connection, numbered)


def _store_evaluations(
    connection: sql.Connection, numbered: Sequence[tuple[int, dg.EventLogEntry, Mapping[str, Any]]]
) -> None:
    """Store the evaluations of checks in place of the planned ones of the same run."""
    table = AssetCheckExecutionsTable
    values = []
    for number, event, row in numbered:
        if row["dagster_event_type"] != _EVALUATED or event.dagster_event is None:
            continue
        found = event.dagster_event.asset_check_evaluation_data
        status = AssetCheckExecutionRecordStatus
        values.append(
            {
                "asset_key": found.asset_key.to_string(),
                "check_name": found.check_name,
                "partition": found.partition,
                "run_id": event.run_id,
                "execution_status": (status.SUCCEEDED if found.passed else status.FAILED).value,
                "evaluation_event": row["event"],
                "evaluation_event_timestamp": row["timestamp"],
                "evaluation_event_storage_id": number,
            }
        )
    if values:
        named = ("asset_key", "check_name", "partition", "run_id")
        same = [table.c[name] == sql.bindparam(f"_{name}") for name in named]
        keys = [{f"_{name}": one[name] for name in named} for one in values]
        connection.execute(table.delete().where(sql.and_(*same)), keys)
        connection.execute(table.insert(), values)
