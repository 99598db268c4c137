"""The Dagster assets, one per declared table. Three ops build them: `reference_days`, `days` and `weeks`.

Each op builds any selection of its tables for any range of partitions, in the order in which the data flows, and records every
partition as it is built (orchestration/recorder.py). With one op per table, Dagster would record every partition of a range as
materialized as soon as the op succeeds, also the refused ones, and a refused partition would stop the downstream tables of all others.
"""

import datetime as dt
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from orchestration.keys import asset_key
from orchestration.partitions import Partitions
from orchestration.platform import Names, open_builder
from orchestration.recorder import Recorder, failure, recorder_of
from orchestration.tables import OWNERS, describe
from resources.builder import Builder, Outcome
from resources.gate import Check
from resources.table import Read, Table


class PlatformResource(dg.ConfigurableResource[Any]):
    """Market, lake and settings of a run: those of the environment.

    It has no configuration, because whoever may launch a run could then write any folder and load any settings file.
    """

    def builder(self, context: dg.AssetExecutionContext) -> Builder:
        """Open a builder that logs its progress lines to the run's log."""
        return open_builder(Names.of(), say=lambda line: context.log.info(line))


class OpenPlatform:
    """A builder that is already open, for tests. All runs share its caches."""

    def __init__(self, builder: Builder):
        self._builder = builder

    def builder(self, context: dg.AssetExecutionContext) -> Builder:
        """Return the open builder."""
        return self._builder


class BuildConfig(dg.Config):
    """The configuration of the three ops. force: build the partitions again although nothing changed."""

    force: bool = False


def to_assets(tables: Mapping[str, Table], partitions: Partitions) -> list[dg.AssetsDefinition]:
    """Create one asset per table, keyed by the table's name and partitioned by trading days or weeks.

    The tables of one op have the same partitions, since a Dagster run has no other.
    """
    # Dagster warns that backfill policies are in beta and partitions of checks in preview. Its version is pinned, and the tests cover
    # both.
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    ops: dict[str, list[Table]] = {"reference_days": [], "days": [], "weeks": []}
    for table in tables.values():
        name = "weeks" if table.partition == "week" else "reference_days" if table.history == "reference" else "days"
        ops[name].append(table)
    return [_to_op(name, chosen, partitions) for name, chosen in ops.items() if chosen]


def _to_op(name: str, chosen: Sequence[Table], partitions: Partitions) -> dg.AssetsDefinition:
    """One op that builds any of the tables, which have the same partitions."""
    own = partitions.of(chosen[0])

    @dg.multi_asset(
        name=name,
        specs=[_spec(table, own, [_dependency(table, read, partitions) for read in table.reads]) for table in chosen],
        check_specs=[_check_spec(table, check, own) for table in chosen for check in table.checks],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def build(
        context: dg.AssetExecutionContext, config: BuildConfig, platform: dg.ResourceParam[Any]
    ) -> Iterator[dg.MaterializeResult[Any]]:
        builder: Builder = platform.builder(context)
        selected = context.selected_asset_keys
        keys = [dt.date.fromisoformat(key) for key in context.partition_keys]
        with recorder_of(builder, context.op_execution_context) as recorder:
            wanted = [builder.tables[table.name] for table in chosen if asset_key(table.name) in selected]
            _build(context, builder, recorder, wanted, keys, config.force)
        if recorder.failed:
            raise failure(recorder.failed)
        # Every output is optional and none is yielded: the recorder has recorded the partitions.
        yield from ()

    return build


def _build(
    context: dg.AssetExecutionContext,
    builder: Builder,
    recorder: Recorder,
    tables: Sequence[Table],
    keys: Sequence[dt.date],
    force: bool,
) -> None:
    """Build partitions of tables and record them, and log what the user must know."""

    def report(table: Table, outcomes: Sequence[Outcome]) -> None:
        recorder.record(table, outcomes)
        for outcome in outcomes:
            if outcome.state in ("refused", "blocked"):
                context.log.error(f"{table.name} of {outcome.key} {outcome.state}: {outcome.detail}")
            elif outcome.state == "built" and outcome.manifest is not None:
                for name, verdict in outcome.manifest.checks.items():
                    if not verdict.passed:
                        context.log.warning(f"{table.name} of {outcome.key}, {name}: {verdict.text()}")

    builder.build_range(tables, keys, force=force, report=report)
    for name in dict.fromkeys(land.name for table in tables for land in table.lands):
        if (undated := builder.zone.undated.get(name)) is not None:
            context.log.warning(undated.remark)


def _spec(table: Table, partitions: dg.PartitionsDefinition, deps: Sequence[dg.AssetDep]) -> dg.AssetSpec:
    columns = [dg.TableColumn(name, _type_name(dtype)) for name, dtype in table.schema.items()]
    return dg.AssetSpec(
        asset_key(table.name),
        deps=deps,
        skippable=True,
        group_name=table.group,
        description=describe(table),
        owners=OWNERS[table.group],
        kinds=set(table.kinds),
        partitions_def=partitions,
        metadata={
            "settings": ", ".join(table.sections) or "none",
            "history": table.history,
            "data docs": dg.MetadataValue.md(
                "`python -m orchestration.gates --docs FOLDER` writes the checks and the latest verdicts as HTML; this table's page is "
                f"`expectations/{table.name}.html`."
            ),
            "dagster/column_schema": dg.TableSchema(columns),
        },
    )


def _type_name(dtype: Any) -> str:
    return str(dtype() if isinstance(dtype, type) else dtype)


def _dependency(table: Table, read: Read, partitions: Partitions) -> dg.AssetDep:
    return dg.AssetDep(asset_key(read.table), partition_mapping=partitions.mapping(table, read))


def _check_spec(table: Table, check: Check, partitions: dg.PartitionsDefinition) -> dg.AssetCheckSpec:
    # The check does not block in Dagster: a range continues with its usable partitions, and the lake refuses the others to readers.
    severity = "critical: a failing partition is refused downstream" if check.critical else "warning"
    return dg.AssetCheckSpec(
        check.name,
        asset=asset_key(table.name),
        description=f"{check.rule.reason} ({severity}).{check.advice()}",
        partitions_def=partitions,
    )
