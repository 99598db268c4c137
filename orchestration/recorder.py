"""Records what happens to partitions as events of a Dagster run, so that Dagster's colours equal the state of the lake.

A partition that is built or up to date is recorded as one materialization and one evaluation per check. A refused one is recorded by
the evaluations of its checks, and a blocked one not at all; both stay planned, so that they are shown as failed when their run ends as
a failure. The driver, the assets' ops and `orchestration.sync` record through this module.

Events are stored in batches through the event log's `store_event_batch`, because one call per event takes most of a light run's time.
`context.log_event` offers no batches, which is why events are created from dagster._core.events; tests/orchestration/test_recorder.py
holds that Dagster reads them as its own.
"""

import base64
import contextlib
import datetime as dt
import importlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import dagster as dg
import polars as pl

# No public name of Dagster creates these events in batches or names these tags.
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    NULL_EVENT_POINTER,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)
from dagster._core.events import AssetMaterializationPlannedData, StepMaterializationData

from orchestration.event_log import kept_open
from orchestration.keys import asset_key
from orchestration.runs import EXAMINED, FAULT, mark_run, run_tags, unrecorded
from resources.builder import Builder, Outcome
from resources.errors import NotReadyError, fault_code
from resources.gate import Verdict
from resources.manifest import Manifest
from resources.reasons import put_into_words
from resources.store import digest
from resources.table import Table

PREVIEW_ROWS = 8
PREVIEW_COLUMNS = 12
SHOWN_FIGURES = 4  # figures of a partition in the UI; the last four of a report are those of the portfolios
BATCH_EVENTS = 400
LISTED = 20  # refused and blocked partitions that a failure names

Result = TypeVar("Result")


class Recorder:
    """Records partitions on one run.

    failed: the refused and blocked partitions so far, with their reasons.
    """

    def __init__(self, builder: Builder, instance: dg.DagsterInstance, run: dg.DagsterRun, step: str):
        self._builder, self._instance, self._run, self._step = builder, instance, run, step
        self._planned: set[tuple[str, dt.date]] = set()
        self.failed: dict[tuple[str, dt.date], str] = {}

    def plan(self, partitions: Iterable[tuple[Table, dt.date]]) -> None:
        """Record that the run intends to make these partitions. Dagster itself does so for runs of assets."""
        new = [(table.name, key) for table, key in partitions]
        self._planned.update(new)
        self._store(
            self._event(
                dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
                AssetMaterializationPlannedData(asset_key(name), partition=str(key)),
                f"{name} of {key} is to be built",
            )
            for name, key in new
        )

    def record_again(self, partitions: Iterable[tuple[dg.AssetKey, str]]) -> None:
        """Record partitions that a killed process had built and not yet recorded; the others, also stale ones, are left as they are."""
        wanted: dict[dg.AssetKey, list[dt.date]] = {}
        for asset, key in partitions:
            wanted.setdefault(asset, []).append(dt.date.fromisoformat(key))
        for table in self._builder.tables.values():
            asked = sorted(wanted.get(_asset(table), ()))
            keys = [
                key
                for key in asked
                if self._builder.stale(table, key) is None and self._builder.lake.refused(table, key) is None
            ]
            if keys:
                manifests = [self._builder.lake.require(table, key) for key in keys]
                self.record(table, [Outcome(k, "unchanged", None, m) for k, m in zip(keys, manifests, strict=True)])

    def record_refusals(self) -> None:
        """Record the planned partitions that were refused or blocked on a run of their own, which fails.

        A run that succeeds shows none of its partitions as failed, and a run fails only where its target cannot be built.
        """
        refused = {own: reason for own, reason in self.failed.items() if own in self._planned}
        if not refused:
            return

        def fail(recorder: Recorder) -> None:
            recorder.plan((self._builder.tables[name], key) for name, key in refused)
            raise failure(refused)

        with contextlib.suppress(dg.Failure):
            _execute(self._builder, self._instance, "refusals", {"zhoubao/parent": self._run.run_id}, fail)

    def record(self, table: Table, outcomes: Sequence[Outcome]) -> None:
        """Record what happened to partitions of a table."""
        pointers = self._pointers(table)
        shown = next((o.key for o in reversed(outcomes) if o.manifest is not None and not o.manifest.refusals), None)
        self._store(event for outcome in outcomes for event in self._events(table, outcome, pointers, shown))
        for outcome in outcomes:
            if outcome.state in ("refused", "blocked"):
                self.failed[table.name, outcome.key] = str(outcome.detail)
            else:  # tried again after an input was built again
                self.failed.pop((table.name, outcome.key), None)

    def _events(
        self, table: Table, outcome: Outcome, pointers: Mapping[str, int | None], shown: dt.date | None
    ) -> Iterator[dg.DagsterEvent]:
        key, manifest = outcome.key, outcome.manifest
        if manifest is None:
            return
        if not manifest.refusals:
            materialization = dg.AssetMaterialization(
                _asset(table),
                partition=str(key),
                metadata=_metadata(self._builder, table, outcome, manifest, preview=key == shown),
                tags=_tags(table, manifest, pointers),
            )
            message = f"{table.name} of {key} {outcome.state}: {manifest.rows} rows, {manifest.seconds:.2f} s"
            yield self._event(
                dg.DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(materialization), message
            )
        declared = {check.name for check in table.checks}
        for name, verdict in manifest.checks.items():
            if name in declared:
                yield self._event(
                    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
                    _evaluation(table, key, name, verdict),
                    f"{name} of {table.name} of {key} {'passed' if verdict.passed else f'failed: {verdict.text()}'}",
                )

    def _event(self, kind: dg.DagsterEventType, data: Any, message: str) -> dg.DagsterEvent:
        return dg.DagsterEvent(
            event_type_value=kind.value, job_name=self._run.job_name, step_key=self._step, event_specific_data=data,
            message=message,
        )  # fmt: skip

    def _store(self, events: Iterable[dg.DagsterEvent]) -> None:
        entries = [
            dg.EventLogEntry(
                error_info=None, level=logging.INFO, user_message="", run_id=self._run.run_id, timestamp=time.time(),
                step_key=self._step, job_name=self._run.job_name, dagster_event=event,
            )
            for event in events
        ]  # fmt: skip
        for first in range(0, len(entries), BATCH_EVENTS):
            self._instance.event_log_storage.store_event_batch(entries[first : first + BATCH_EVENTS])

    def _pointers(self, table: Table) -> dict[str, int | None]:
        """The storage id of the last materialization of each table that `table` reads.

        Dagster shows a partition as stale if an input has a later materialization with another data version.
        """
        names = [read.table for read in table.reads]
        if not names:
            return {}
        records = self._instance.get_asset_records([asset_key(name) for name in names])
        last = {one.asset_entry.asset_key: one.asset_entry.last_materialization_storage_id for one in records}
        return {name: last.get(asset_key(name)) for name in names}


def failure(refused: Mapping[tuple[str, dt.date], str]) -> dg.Failure:
    """The failure of a run of which some partitions are refused or blocked. The other partitions are built and kept."""
    lines = [f"{table} of {key}: {reason}" for (table, key), reason in refused.items()]
    more = [f"and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
    summary = f"{len(lines)} partition(s) are refused or blocked; the others are built and kept."
    return dg.Failure("\n".join([summary, *lines[:LISTED], *more]), allow_retries=False)


def run_recorded(
    builder: Builder, instance: dg.DagsterInstance | None, tags: Mapping[str, str], body: Callable[[Recorder], Result]
) -> Result:
    """Execute `body` in this process as one Dagster run, with a recorder of that run, and return its result.

    Args:
        builder: the open platform.
        instance: the Dagster instance that records the run; by default the one of DAGSTER_HOME, or an ephemeral one.
        tags: tags of the run.
        body: receives the recorder.

    Raises:
        Exception: the error that ended the body, unchanged.
    """
    with contextlib.ExitStack() as stack:
        if instance is None:
            # Without DAGSTER_HOME no UI would show the run, and an ephemeral instance suffices.
            persistent = bool(os.environ.get("DAGSTER_HOME"))
            instance = stack.enter_context(dg.DagsterInstance.get() if persistent else dg.DagsterInstance.ephemeral())
        return _execute(builder, stack.enter_context(kept_open(instance)), "driver", tags, body)


@contextlib.contextmanager
def recorder_of(builder: Builder, context: dg.OpExecutionContext) -> Iterator[Recorder]:
    """The recorder of a Dagster run that executes an op, with the run's event log kept open. The run is tagged with what ended it."""
    mark_run(context.instance, context.run_id)
    with kept_open(context.instance) as instance, _tagged(context):
        recorder = Recorder(builder, instance, context.run, context.op_handle.name)
        for partitions in unrecorded(instance):
            recorder.record_again(partitions)
        yield recorder
        instance.add_run_tags(context.run_id, {EXAMINED: "true"})


@contextlib.contextmanager
def _tagged(context: dg.OpExecutionContext) -> Iterator[None]:
    """Tag the run with the code of the fault of the machine that ends the block."""
    try:
        yield
    except Exception as error:
        if code := fault_code(error):
            with contextlib.suppress(Exception):  # the same fault may keep Dagster from writing
                context.instance.add_run_tags(context.run_id, {FAULT: code})
        raise


def _execute(
    builder: Builder,
    instance: dg.DagsterInstance,
    name: str,
    tags: Mapping[str, str],
    body: Callable[[Recorder], Result],
) -> Result:
    results: list[Result] = []
    errors: list[BaseException] = []

    @dg.op(name="build")
    def op(context: dg.OpExecutionContext) -> None:
        try:
            with recorder_of(builder, context) as recorder:
                results.append(body(recorder))
        except BaseException as error:
            errors.append(error)
            raise

    @dg.job(name=name)
    def job() -> None:
        op()

    job.execute_in_process(
        instance=instance,
        tags={**run_tags(), EXAMINED: "false", **tags},  # from its first moment, in which the process may be killed
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    if errors:
        raise errors[0]
    return results[0]


def _asset(table: Table) -> dg.AssetKey:
    return asset_key(table.name)


def _evaluation(table: Table, key: dt.date, name: str, verdict: Verdict) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=_asset(table),
        check_name=name,
        passed=verdict.passed,
        partition=str(key),
        severity=dg.AssetCheckSeverity.ERROR if verdict.critical else dg.AssetCheckSeverity.WARN,
        description=verdict.text() or None,
    )


def _tags(table: Table, manifest: Manifest, pointers: Mapping[str, int | None]) -> dict[str, str]:
    """The data version (the content digest), the code version, and the versions of the inputs, as Dagster's own tags."""
    tags = {
        DATA_VERSION_TAG: manifest.content,
        DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
        CODE_VERSION_TAG: manifest.code,
    }
    for name, pointer in pointers.items():
        read = sorted(content for folder, content in manifest.inputs.items() if folder.startswith(f"{name}/"))
        asset = asset_key(name)
        tags[get_input_data_version_tag(asset)] = digest(*(content.encode() for content in read))
        tags[get_input_event_pointer_tag(asset)] = NULL_EVENT_POINTER if pointer is None else str(pointer)
    return tags


def _metadata(builder: Builder, table: Table, outcome: Outcome, manifest: Manifest, *, preview: bool) -> dict[str, Any]:
    """The metadata of one partition. preview: also its first rows, figures and tables."""
    metadata: dict[str, Any] = {
        "dagster/row_count": manifest.rows,
        "state": outcome.state,
        "seconds": manifest.seconds,
        "version": manifest.version,
        "path": builder.lake.store.path(builder.lake.folder(table, outcome.key)),
    }
    if manifest.unavailable:
        metadata["n/a"] = dg.MetadataValue.json({name: str(reason) for name, reason in manifest.unavailable.items()})
    if manifest.notes:
        metadata["notes"] = dg.MetadataValue.json(put_into_words(manifest.notes))
    if preview:
        # Files that are damaged are found here where nothing has read them before; the plan that follows builds them again.
        with contextlib.suppress(NotReadyError):
            metadata |= _preview(builder, table, outcome.key, manifest)
    return metadata


def _preview(builder: Builder, table: Table, key: dt.date, manifest: Manifest) -> dict[str, Any]:
    frame = builder.lake.read(table, [key])
    shown = {"preview": dg.MetadataValue.md(_markdown(frame.head(PREVIEW_ROWS).collect()))}
    if table.plot is not None and manifest.rows:
        module, name = table.plot.split(":")
        shown["plot"] = dg.MetadataValue.md(_image(getattr(importlib.import_module(module), name)(frame.collect())))
    for name in table.shows:
        if name in manifest.files:
            rows = pl.read_parquet(builder.lake.read_file(table, key, name))
            shown[name] = dg.MetadataValue.md(_markdown(rows))
    figures = [name for name in manifest.files if name.endswith(".svg")]
    for name in figures[-SHOWN_FIGURES:]:
        shown[name] = dg.MetadataValue.md(_image(builder.lake.read_file(table, key, name).decode()))
    return shown


def _image(svg: str) -> str:
    return f"![plot](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _markdown(frame: pl.DataFrame) -> str:
    """The frame as a Markdown table, with a note of the columns that are left out."""
    shown = frame.select(frame.columns[:PREVIEW_COLUMNS])
    left = frame.columns[PREVIEW_COLUMNS:]
    with pl.Config(
        tbl_formatting="ASCII_MARKDOWN", tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True, tbl_cols=-1,
        tbl_rows=-1, float_precision=6,
    ):  # fmt: skip
        return str(shown) + (f"\n\nand {len(left)} more columns: {', '.join(left)}" if left else "")
