"""Writes the state of a lake into Dagster's event log, for an empty DAGSTER_HOME or after a move to another storage.

    python -m orchestration.sync [--lake DIR] [--market DIR] [--profile NAME]

Every built partition is recorded as materialized with its checks, and refused or outdated ones as failed. Nothing is built. Recording
twice does no harm: the data versions are the same.
"""

import argparse
import datetime as dt
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any

import dagster as dg

from orchestration.keys import asset_key
from orchestration.platform import Names, add_names, open_builder
from orchestration.recorder import Recorder, run_recorded
from resources.builder import Builder, Outcome
from resources.errors import ZhoubaoError
from resources.gate import failed_as_reason
from resources.manifest import Manifest

CHUNK = 200  # partitions per batch of events


def synchronise(
    builder: Builder,
    instance: Any | None = None,
    say: Callable[[str], None] = print,
    chosen: Mapping[str, Collection[dt.date]] | None = None,
) -> dict[str, int]:
    """Record every partition of the builder's lake, or only some of them.

    Args:
        builder: the open platform.
        instance: the Dagster instance; by default that of DAGSTER_HOME.
        say: receives one line per table.
        chosen: table → the only partitions to record.

    Returns:
        Table → number of recorded partitions, in the order in which the data flows.

    Raises:
        NotReadyError: there is no lake.
    """
    builder.lake.require_any()

    def record(recorder: Recorder) -> dict[str, int]:
        counts = {}
        for table in builder.tables.values():
            outcomes = [
                _outcome(key, manifest)
                for key in builder.lake.keys(table)
                if (chosen is None or key in chosen.get(table.name, ()))
                and (manifest := builder.lake.manifest(table, key)) is not None
            ]
            failed = [one.key for one in outcomes if one.state != "unchanged"]
            recorder.plan((table, key) for key in failed)
            for first in range(0, len(outcomes), CHUNK):
                recorder.record(table, outcomes[first : first + CHUNK])
            counts[table.name] = len(outcomes)
            if outcomes:
                say(f"{table.name}: {len(outcomes)} partitions recorded, {len(failed)} of them as failed")
        recorder.record_refusals()
        return counts

    return run_recorded(builder, instance, {"zhoubao/target": "sync"}, record)


def without_colour(builder: Builder, instance: dg.DagsterInstance) -> dict[str, list[dt.date]]:
    """The partitions of the lake whose state Dagster does not show, by table: their runs were deleted, or never recorded them."""
    found = {}
    for table in builder.tables.values():
        asset = asset_key(table.name)
        built = instance.get_materialized_partitions(asset)
        attempts = (
            instance.event_log_storage.get_latest_asset_partition_materialization_attempts_without_materializations(
                asset
            )
        )
        failed = _failed(instance, {partition: run_id for partition, (run_id, _) in attempts.items()})
        lost = [
            key
            for key in builder.lake.keys(table)
            if (manifest := builder.lake.manifest(table, key)) is not None
            and str(key) not in (failed if manifest.refusals or manifest.outdated else built)
        ]
        if lost:
            found[table.name] = lost
    return found


def _failed(instance: dg.DagsterInstance, runs: Mapping[str, str]) -> set[str]:
    """The partitions, given with their runs, whose run failed."""
    ids = sorted(set(runs.values()))
    failed: set[str] = set()
    for first in range(0, len(ids), CHUNK):
        chosen = dg.RunsFilter(run_ids=ids[first : first + CHUNK], statuses=[dg.DagsterRunStatus.FAILURE])
        failed |= {run.run_id for run in instance.get_runs(chosen)}
    return {partition for partition, run_id in runs.items() if run_id in failed}


def _outcome(key: dt.date, manifest: Manifest) -> Outcome:
    """The outcome of a partition as the lake holds it."""
    if manifest.refusals:
        return Outcome(key, "refused", failed_as_reason(manifest.refusals), manifest)
    if manifest.outdated:
        return Outcome(key, "blocked", manifest.outdated, None)
    return Outcome(key, "unchanged", None, manifest)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 1 after an error, which is printed to stderr."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.sync", description=__doc__.split("\n")[0])
    add_names(parser)
    options = parser.parse_args(arguments)
    try:
        counts = synchronise(open_builder(Names.of_options(options)))
    except ZhoubaoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{sum(counts.values())} partitions of {sum(map(bool, counts.values()))} tables are recorded")
    return 0


if __name__ == "__main__":
    sys.exit(main())
