"""What Dagster and the lake hold during a soak: runs, ticks, colours, and whether days and reports are built in their present state."""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

# The webserver decides by this which partitions are green or red; it has no public name.
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from orchestration.definitions import build_defs
from orchestration.keys import asset_key
from orchestration.platform import Names, open_builder
from orchestration.runs import PROCESS
from orchestration.triggers import STATE, Landed, is_built, runs_of, week_targets
from resources.builder import Builder

Colours = dict[tuple[str, str], str]
"""(table, partition) → green or red. Partitions without a colour are missing."""
JOBS = ("daily_tables", "weekly_report")


@contextmanager
def instance() -> Iterator[dg.DagsterInstance]:
    """The instance of DAGSTER_HOME, opened afresh, because its database may have been restarted."""
    with dg.DagsterInstance.get() as found:
        yield found


def platform() -> Builder:
    """The platform of the environment."""
    return open_builder(Names.of(), say=lambda line: None)


def unbuilt(days: list[dt.date], weeks: list[dt.date]) -> list[str]:
    """The days and weeks that are not built in the present state of the data, and runs that have not ended."""
    with instance() as found:
        open_runs = found.get_runs(dg.RunsFilter(statuses=NOT_FINISHED_STATUSES))
        if open_runs:  # what follows takes a second
            return [f"run {run.run_id[:8]} of {run.job_name}" for run in open_runs]
        builder = platform()
        missing = [f"day {day}" for day in days if not is_built(builder, day)]
        if missing:
            return missing
        for target in week_targets(Landed(builder), weeks):
            runs = [one.dagster_run for one in runs_of(found, target)]
            if not any(run.is_success and run.tags.get(STATE) == target.state for run in runs):
                missing.append(target.name)
        return missing


def process_of(run: dg.DagsterRun) -> int | None:
    """The process that executes a run; None before it has begun."""
    tag = run.tags.get(PROCESS)
    return int(json.loads(tag)["pid"]) if tag else None


def running(job: str, key: dt.date) -> dg.DagsterRun | None:
    """The run of a day or a week that has begun and not ended."""
    name = {"daily_tables": "day", "weekly_report": "week"}[job]
    with instance() as found:
        filters = dg.RunsFilter(job_name=job, tags={name: str(key)}, statuses=[dg.DagsterRunStatus.STARTED])
        return next(iter(found.get_runs(filters)), None)


def failures(found: dg.DagsterInstance) -> list[tuple[dg.DagsterRun, str]]:
    """The failed runs with the text of their failure, the oldest first."""
    runs = found.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    return [(run, failure_text(found, run.run_id)) for run in reversed(runs)]


def failure_text(found: dg.DagsterInstance, run_id: str) -> str:
    """All texts of the events that say why a run failed."""
    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.PIPELINE_FAILURE, dg.DagsterEventType.ENGINE_EVENT}
    parts: list[str] = []
    for entry in found.all_logs(run_id, of_type=kinds):
        event = entry.dagster_event
        if event is None:
            continue
        data: Any = event.event_specific_data
        parts += [event.message or "", str(getattr(data, "error", "") or "")]
        described = getattr(data, "user_failure_data", None)
        parts.append(described.description or "" if described else "")
    return "\n".join(filter(None, parts))


def ticks(found: dg.DagsterInstance, sensor: str) -> list[InstigatorTick]:
    """The ticks of a sensor that have ended, the newest first."""
    state = next((one for one in found.all_instigator_state() if one.instigator_name == sensor), None)
    if state is None:
        return []
    listed = found.get_ticks(state.instigator_origin_id, state.selector_id)
    return [tick for tick in listed if tick.status != TickStatus.STARTED]


def skipped(found: dg.DagsterInstance, sensor: str) -> list[str]:
    """The reasons of a sensor's ticks that requested nothing."""
    return [tick.skip_reason for tick in ticks(found, sensor) if tick.skip_reason]


def was_warned(found: dg.DagsterInstance, table: str, check: str, partition: str) -> bool:
    """Whether a run recorded that a check of a partition failed."""
    key = dg.AssetCheckKey(asset_key(table), check)
    failed = {AssetCheckExecutionRecordStatus.FAILED}
    history = found.event_log_storage.get_asset_check_execution_history(key, limit=1000, status=failed)
    return any(one.partition == partition for one in history)


def colours(found: dg.DagsterInstance) -> Colours:
    """What the UI shows."""
    graph = build_defs().resolve_asset_graph()
    shown: Colours = {}
    for name in platform().tables:
        partitions = graph.get(asset_key(name)).partitions_def
        cache = get_and_update_asset_status_cache_value(found, asset_key(name), partitions) if partitions else None
        if cache is None or partitions is None:
            continue
        green = set(cache.deserialize_materialized_partition_subsets(partitions).get_partition_keys())
        red = set(cache.deserialize_failed_partition_subsets(partitions).get_partition_keys())
        shown |= {(name, key): "green" for key in green - red} | {(name, key): "red" for key in red}
    return shown


def colours_of_lake(builder: Builder) -> Colours:
    """What the UI should show: green where a partition is built and neither refused nor outdated."""
    builder.lake.forget()
    shown: Colours = {}
    for table in builder.tables.values():
        for key in builder.lake.keys(table):
            manifest = builder.lake.manifest(table, key)
            if manifest is not None:
                shown[table.name, str(key)] = "red" if manifest.refusals or manifest.outdated else "green"
    return shown


def contents(lake: Path) -> dict[tuple[str, str], str]:
    """(table, partition) → content digest of every partition of a lake on this machine."""
    builder = open_builder(Names.of(lake=str(lake)), say=lambda line: None)
    return {
        (table.name, str(key)): manifest.content
        for table in builder.tables.values()
        for key in builder.lake.keys(table)
        if (manifest := builder.lake.manifest(table, key)) is not None
    }
