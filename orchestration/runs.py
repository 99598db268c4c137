"""Dagster runs and the processes that execute them: runs of processes that were killed are closed.

Dagster learns of the end of a run from the process that executes it. A process that was killed leaves its run "started" for ever. Every
run is therefore marked with the identity of its process (resources/processes.py), and every new run closes those whose process is gone.
"""

import json
from collections.abc import Iterator

import dagster as dg
from dagster._core.storage.tags import HIDDEN_TAG_PREFIX

from orchestration.platform import key_prefix
from resources.processes import Process, identity

# The prefix hides these tags in the UI, whose list of runs would show three runs on a page with them.
HIDDEN = f"{HIDDEN_TAG_PREFIX}zhoubao/"
HOST, PROCESS = f"{HIDDEN}host", f"{HIDDEN}process"
LOCATION = f"{HIDDEN}location"  # the prefix of the code location's names, or "default"
EXAMINED = f"{HIDDEN}examined"
"""Tag of a run: "false" until it has recorded what it built, or what it did not record was looked up in the lake."""
FAULT = f"{HIDDEN}fault"
"""Tag of a run that a fault of the machine ended: the name of its errno (resources/errors.py, `fault_code`)."""
_PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
ENDED_EARLY = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
UNFINISHED = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


def location() -> str:
    """The value of the tag LOCATION in this code location."""
    return key_prefix() or "default"


def run_tags() -> dict[str, str]:
    """The tags of a run that this process executes: its code location, and by what a later process recognises whether it still runs."""
    own = identity()
    return {HOST: own["host"], PROCESS: json.dumps(own, sort_keys=True), LOCATION: location()}


def mark_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Mark a run as executed by this process, and close the runs of processes that are gone."""
    instance.add_run_tags(run_id, run_tags() | {EXAMINED: "false"})
    close_dead_runs(instance)


def unrecorded(instance: dg.DagsterInstance) -> Iterator[set[tuple[dg.AssetKey, str]]]:
    """For each run of this code location that ended early the partitions that it intended to make and that Dagster does not show as made.

    They may be built. Such a run was killed, and closed here or by Dagster, or it failed. It is marked as examined when the next one is
    asked for. On SQLite an event lies in the file of its run and in that of all runs, and a process may be killed between the two
    writes. Dagster shows what the second one holds, and so does this function.
    """
    for run in instance.get_runs(dg.RunsFilter(tags={EXAMINED: "false", LOCATION: location()}, statuses=ENDED_EARLY)):
        events = (entry.dagster_event for entry in instance.all_logs(run.run_id, of_type=_PLANNED))
        planned = {
            (event.asset_key, event.partition) for event in events if event and event.asset_key and event.partition
        }
        attempts = {
            asset: instance.event_log_storage.get_latest_asset_partition_materialization_attempts_without_materializations(
                asset
            )
            for asset in {asset for asset, _ in planned}
        }
        yield {(asset, key) for asset, key in planned if key in attempts[asset]}
        instance.add_run_tags(run.run_id, {EXAMINED: "true"})


def close_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report the unfinished runs of this host whose process is gone as failed, and free their concurrency slots.

    Runs of other hosts are not touched: their own next run closes them.

    Returns:
        The ids of the closed runs.
    """
    closed = []
    for found in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED, tags={HOST: identity()["host"]})):
        process = _process(found.tags.get(PROCESS, ""))
        if process is None or not process.is_gone():
            continue
        run = instance.get_run_by_id(found.run_id)  # it may have ended after it was listed and before its process did
        if run is None or run.is_finished:
            continue
        instance.report_run_failed(
            run,
            f"The process {process.pid} on {process.host} that executed this run is gone (killed, or the machine was restarted). The "
            "partitions that it had finished are kept; run again for the others.",
        )
        if instance.event_log_storage.supports_global_concurrency_limits:
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        instance.add_run_tags(run.run_id, {EXAMINED: "false"})
        closed.append(run.run_id)
    return closed


def _process(tag: str) -> Process | None:
    """The process that a tag names; None where it names none in the form of this version."""
    try:
        return Process(**json.loads(tag))
    except (ValueError, TypeError):
        return None
