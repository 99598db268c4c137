"""Dagster runs and the processes that execute them: runs of processes that were killed are closed.

Dagster learns of the end of a run from the process that executes it. A process that was killed leaves its run "started" for ever. Every
run is therefore marked with its host, process id and the start time of the process, and every new run closes those whose process is gone.
"""

import os
import socket
from pathlib import Path

import dagster as dg

HOST, PROCESS, STARTED = "zhoubao/host", "zhoubao/process", "zhoubao/process_started"
CLOSED = "zhoubao/closed"  # "true" until the partitions that the run did not record are looked up in the lake
_PLANNED, _MATERIALIZED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, dg.DagsterEventType.ASSET_MATERIALIZATION
UNFINISHED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def process_tags() -> dict[str, str]:
    """The tags by which a later process recognises whether this one still runs."""
    return {HOST: socket.gethostname(), PROCESS: str(os.getpid()), STARTED: _start_time(os.getpid())}


def mark_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Mark a run as executed by this process, and close the runs of processes that are gone."""
    instance.add_run_tags(run_id, process_tags())
    close_dead_runs(instance)


def unrecorded(instance: dg.DagsterInstance) -> set[tuple[dg.AssetKey, str]]:
    """The partitions that runs of processes that are gone intended to make and did not record, although they may be built.

    Each run is examined once: it loses the tag by which it is found.
    """
    found: set[tuple[dg.AssetKey, str]] = set()
    for run in instance.get_runs(dg.RunsFilter(tags={CLOSED: "true"})):
        planned, recorded = (_partitions(instance, run.run_id, kind) for kind in (_PLANNED, _MATERIALIZED))
        found |= planned - recorded
        instance.add_run_tags(run.run_id, {CLOSED: "examined"})
    return found


def _partitions(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> set[tuple[dg.AssetKey, str]]:
    """The partitions of a run's events of one kind."""
    events = (entry.dagster_event for entry in instance.all_logs(run_id, of_type=kind))
    return {(event.asset_key, event.partition) for event in events if event and event.asset_key and event.partition}


def close_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report the unfinished runs of this host whose process is gone as failed, and free their concurrency slots.

    Runs of other hosts are not touched: their own next run closes them.

    Returns:
        The ids of the closed runs.
    """
    closed = []
    for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED, tags={HOST: socket.gethostname()})):
        pid, started = run.tags.get(PROCESS, ""), run.tags.get(STARTED, "")
        if pid.isdigit() and _start_time(int(pid)) != started:
            instance.report_run_failed(
                run,
                f"The process {pid} on {run.tags[HOST]} that executed this run is gone (killed, or the machine was restarted). The "
                "partitions that it had finished are kept; run again for the others.",
            )
            if instance.event_log_storage.supports_global_concurrency_limits:
                instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            instance.add_run_tags(run.run_id, {CLOSED: "true"})
            closed.append(run.run_id)
    return closed


def _start_time(pid: int) -> str:
    """The start time of a process in clock ticks since the machine was started; "" where there is no such process."""
    try:
        # The command, field 2, is in brackets and may contain blanks.
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""
