"""Dagster assets, one per declared table. Every asset has the same body: it builds the run's partitions and reports the verdicts."""

import base64
import datetime as dt
import importlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from orchestration.partitions import trading_days, trading_weeks
from orchestration.platform import Names, open_builder
from orchestration.tables import OWNERS, describe
from resources.builder import Builder, Outcome
from resources.calendar import Calendar
from resources.errors import ZhoubaoError, machine_faults
from resources.gate import Check
from resources.reasons import put_into_words
from resources.table import Read, Table

PREVIEW_ROWS = 8
SHOWN_FIGURES = 4  # figures of a partition in the UI; the last four of a report are those of the portfolios


class PlatformResource(dg.ConfigurableResource[Any]):
    """Market, lake and settings of a run. An empty text selects the value of the ZHOUBAO_* environment variable."""

    market: str = ""
    lake: str = ""
    settings: str = ""

    def builder(self, context: dg.AssetExecutionContext) -> Builder:
        """Open a builder that logs its progress lines to the run's log."""
        names = Names.of(self.market or None, self.lake or None, self.settings or None)
        return open_builder(names, say=lambda line: context.log.info(line))


class OpenPlatform:
    """A builder that is already open, for the driver and for tests. All assets of a run share its caches."""

    def __init__(self, builder: Builder):
        self._builder = builder

    def builder(self, context: dg.AssetExecutionContext) -> Builder:
        """Return the open builder."""
        return self._builder


def to_assets(tables: Mapping[str, Table], calendar: Calendar) -> list[dg.AssetsDefinition]:
    """Create one asset per table, keyed by the table's name and partitioned by trading days or weeks."""
    partitions = {"day": trading_days(calendar), "week": trading_weeks(calendar)}
    return _to_assets(tables, partitions, lambda table, read: _dependency(table, read, tables))


def to_run_assets(tables: Mapping[str, Table], keys: Mapping[str, Sequence[str]]) -> list[dg.AssetsDefinition]:
    """Create the same assets for the driver's runs, with the partitions as plain lists of names.

    Dagster writes the partitions definition into every event of a ranged run. With a decade of holidays in it, two thirds of
    the sample run's time were spent on the event log.

    Args:
        tables: the declared tables by name.
        keys: "day" and "week", each with the partition names that a run may request.
    """
    partitions = {kind: dg.StaticPartitionsDefinition(list(names)) for kind, names in keys.items()}
    return _to_assets(
        tables, partitions, lambda table, read: dg.AssetDep(read.table) if read.table != table.name else None
    )


def _to_assets(
    tables: Mapping[str, Table],
    partitions: Mapping[str, dg.PartitionsDefinition],
    dependency: Callable[[Table, Read], dg.AssetDep | None],
) -> list[dg.AssetsDefinition]:
    # This version of Dagster warns once per asset that backfill_policy is beta. Its version is pinned, and the tests cover it.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    return [
        _to_asset(table, partitions[table.partition], [d for read in table.reads if (d := dependency(table, read))])
        for table in tables.values()
    ]


def _to_asset(table: Table, partitions: dg.PartitionsDefinition, deps: list[dg.AssetDep]) -> dg.AssetsDefinition:
    @dg.asset(
        name=table.name,
        group_name=table.stage,
        description=describe(table),
        owners=OWNERS[table.stage],
        kinds=set(table.kinds),
        pool=table.pool,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        deps=deps,
        check_specs=[_check_spec(table, check) for check in table.checks],
        metadata={"stage": table.stage, "settings": ", ".join(table.sections) or "none", "history": table.history},
    )
    def build(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Any]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        builder: Builder = platform.builder(context)
        keys = [dt.date.fromisoformat(key) for key in context.partition_keys]
        try:
            outcomes = builder.build(table, keys)
            _log_problems(context, builder, table, outcomes)
            with machine_faults(f"{table.name} in {builder.lake.store.url}"):
                result = _result(table, builder, outcomes) if any(o.manifest is not None for o in outcomes) else None
        except ZhoubaoError as error:
            builder.faults.append(error)  # Dagster passes only the text of the error on to the driver
            raise
        if result is not None:
            yield result
        unusable = [outcome for outcome in outcomes if outcome.state in ("refused", "blocked")]
        if len(unusable) == len(outcomes):
            # A range continues with its usable partitions. The run fails only where no partition is usable.
            raise dg.Failure(unusable[0].detail, {str(o.key): o.detail for o in unusable}, allow_retries=False)

    return build


def _log_problems(
    context: dg.AssetExecutionContext, builder: Builder, table: Table, outcomes: Sequence[Outcome]
) -> None:
    """Log refused and blocked partitions as errors, and failed checks and undated rows as warnings."""
    for land in table.lands:
        if (undated := builder.zone.undated.get(land.name)) is not None:
            context.log.warning(undated.remark)
    for outcome in outcomes:
        if outcome.state in ("refused", "blocked"):
            context.log.error(f"{table.name} of {outcome.key} {outcome.state}: {outcome.detail}")
        elif outcome.state == "built" and outcome.manifest is not None:
            for name, verdict in outcome.manifest.checks.items():
                if not verdict.passed:
                    context.log.warning(f"{table.name} of {outcome.key}, {name}: {verdict.text()}")


def _dependency(table: Table, read: Read, tables: Mapping[str, Table]) -> dg.AssetDep:
    """The edge in the lineage graph. Its offsets are for display; the builder selects partitions by the calendar."""
    offsets = read.offsets
    if read.table == table.name:
        # Dagster requires that a table which reads itself reads earlier partitions, also where the look-back is no plain range.
        offsets = min(offsets, (-1, -1))
    if tables[read.table].partition == table.partition:
        mapping = dg.TimeWindowPartitionMapping(start_offset=offsets[0], end_offset=offsets[1])
        return dg.AssetDep(read.table, partition_mapping=mapping)
    return dg.AssetDep(read.table, partition_mapping=dg.TimeWindowPartitionMapping())


def _check_spec(table: Table, check: Check) -> dg.AssetCheckSpec:
    # The check does not block in Dagster: a range continues with its usable partitions, and the lake refuses the others to readers.
    severity = "critical: a failing partition is refused downstream" if check.critical else "warning"
    return dg.AssetCheckSpec(
        check.name, asset=table.name, description=f"{check.rule.reason} ({severity}).{check.advice()}"
    )


def _result(table: Table, builder: Builder, outcomes: Sequence[Outcome]) -> dg.MaterializeResult[Any]:
    manifests = {outcome.key: outcome.manifest for outcome in outcomes if outcome.manifest is not None}
    states = {state: sum(o.state == state for o in outcomes) for state in ("built", "unchanged", "refused", "blocked")}
    metadata: dict[str, Any] = {
        "dagster/row_count": sum(manifest.rows for manifest in manifests.values()),
        "partitions": ", ".join(f"{count} {state}" for state, count in states.items() if count),
        "first": str(outcomes[0].key),
        "last": str(outcomes[-1].key),
        "seconds": round(sum(m.seconds for m in manifests.values()), 2),
        "versions": dg.MetadataValue.json({str(key): manifest.version for key, manifest in manifests.items()}),
    }
    unusable = {str(o.key): o.detail for o in outcomes if o.state in ("refused", "blocked")}
    if unusable:
        metadata["refused or blocked"] = dg.MetadataValue.json(unusable)
    reasons = {
        column: str(reason) for manifest in manifests.values() for column, reason in manifest.unavailable.items()
    }
    if reasons:
        metadata["n/a"] = dg.MetadataValue.json(reasons)
    notes = {str(key): put_into_words(manifest.notes) for key, manifest in manifests.items() if manifest.notes}
    if notes:
        metadata["notes"] = dg.MetadataValue.json(notes)
    last = next((o.key for o in reversed(outcomes) if o.manifest is not None and not o.manifest.refusals), None)
    if last is not None:
        frame = builder.lake.read(table, [last]).collect()
        metadata["preview"] = dg.MetadataValue.md(_markdown(frame.head(PREVIEW_ROWS)))
        if table.plot is not None and not frame.is_empty():
            metadata["plot"] = dg.MetadataValue.md(_image(_call(table.plot, frame)))
        figures = [name for name in manifests[last].files if name.endswith(".svg")]
        for name in figures[-SHOWN_FIGURES:]:
            metadata[name] = dg.MetadataValue.md(_image(builder.lake.read_file(table, last, name).decode()))
    return dg.MaterializeResult(
        metadata=metadata, check_results=[_check_result(table, c, outcomes) for c in table.checks]
    )


def _check_result(table: Table, check: Check, outcomes: Sequence[Outcome]) -> dg.AssetCheckResult:
    """One check's verdicts on the run's partitions, as the lake holds them, for display."""
    verdicts = {
        str(outcome.key): outcome.manifest.checks[check.name]
        for outcome in outcomes
        if outcome.manifest is not None and check.name in outcome.manifest.checks
    }
    failing = {key: verdict.text() for key, verdict in verdicts.items() if not verdict.passed}
    return dg.AssetCheckResult(
        check_name=check.name,
        asset_key=table.name,
        passed=not failing,
        severity=dg.AssetCheckSeverity.ERROR if check.critical else dg.AssetCheckSeverity.WARN,
        metadata={"partitions judged": len(verdicts), "failing partitions": dg.MetadataValue.json(failing)},
    )


def _call(function: str, frame: pl.DataFrame) -> str:
    module, name = function.split(":")
    return getattr(importlib.import_module(module), name)(frame)


def _image(svg: str) -> str:
    return f"![plot](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _markdown(frame: pl.DataFrame) -> str:
    with pl.Config(
        tbl_formatting="ASCII_MARKDOWN", tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True, tbl_cols=-1
    ):
        return str(frame)
