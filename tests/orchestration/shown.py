"""The fake tables with Dagster: what it shows of each partition, and what it should show."""

import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg

# The webserver decides by these which partitions are green, red or stale; they have no public names.
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

import orchestration.assets
import orchestration.definitions
from resources.builder import Builder
from resources.settings.calendar import CalendarSettings
from tests.resources.fake_tables import ACCOUNT, TABLES
from tests.resources.small_market import open_world

WORLD = {**TABLES, "account": ACCOUNT}
Colours = dict[tuple[str, str], str]


def open_market(root: Path, lake: Path) -> Builder:
    builder = open_world(root, lake)
    object.__setattr__(builder.settings, "calendar", CalendarSettings())
    return builder


def opened(market: Path, tmp_path: Path) -> Builder:
    builder = open_market(market, tmp_path / "lake")
    builder.tables = WORLD
    return builder


def definitions(builder: Builder) -> dg.Definitions:
    platform = orchestration.assets.OpenPlatform(builder)
    return orchestration.definitions.build_defs(resource_overrides={"platform": platform}, settings=builder.settings)


def launch(
    builder: Builder, instance: dg.DagsterInstance, names: list[str], first: dt.date, last: dt.date, **config: Any
) -> dg.ExecuteInProcessResult:
    """A run of assets over a range, as the UI launches it."""
    defs = definitions(builder)
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={dg.AssetKey(n) for n in names})
    op = "days" if WORLD[names[0]].partition == "day" else "weeks"
    return job.execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags={"dagster/asset_partition_range_start": str(first), "dagster/asset_partition_range_end": str(last)},
        run_config={"ops": {op: {"config": config}}, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )


def colours(builder: Builder, instance: dg.DagsterInstance) -> Colours:
    """(table, partition) → green or red, as Dagster shows it. Partitions without a colour are missing."""
    graph = definitions(builder).resolve_asset_graph()
    found: Colours = {}
    for name in WORLD:
        partitions = graph.get(dg.AssetKey(name)).partitions_def
        assert partitions is not None
        cache = get_and_update_asset_status_cache_value(instance, dg.AssetKey(name), partitions)
        if cache is None:
            continue
        green = set(cache.deserialize_materialized_partition_subsets(partitions).get_partition_keys())
        red = set(cache.deserialize_failed_partition_subsets(partitions).get_partition_keys())
        found |= {(name, key): "green" for key in green - red} | {(name, key): "red" for key in red}
    return found


def of_lake(builder: Builder) -> Colours:
    """What the colours should be: green where a partition is built and neither refused nor outdated."""
    builder.lake.forget()
    found: Colours = {}
    for table in WORLD.values():
        for key in builder.lake.keys(table):
            manifest = builder.lake.manifest(table, key)
            assert manifest is not None
            found[table.name, str(key)] = "red" if manifest.refusals or manifest.outdated else "green"
    return found


def stale(builder: Builder, instance: dg.DagsterInstance) -> set[tuple[str, str]]:
    """The green partitions that Dagster shows as stale."""
    graph = definitions(builder).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    return {
        (name, key)
        for (name, key), colour in colours(builder, instance).items()
        if colour == "green" and resolver.get_status(dg.AssetKey(name), key) == StaleStatus.STALE
    }
