"""What orchestration costs beside the work itself: backfills and weeks through Dagster, and plans, sensors and pages over ten years.

    python -m benchmarks orchestration

The peer of a backfill is the same work called directly, and that of a late week an early one. A plan, a tick of a sensor, loading and a
page have a limit, which is in the conditions. All seconds are of CPU (user and system), because other load on the machine does not change
them much. The conditions have those of the wall clock and the machine's speed. The page's are those of the webserver's process.
"""

import contextlib
import datetime as dt
import functools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import dagster as dg

from benchmarks import _light_tables as light
from benchmarks import _ten_years as ten
from orchestration import assets, definitions, run, sensors
from orchestration.plan import make_plan
from orchestration.recorder import run_recorded
from resources.builder import Builder, Outcome
from resources.calendar import Calendar

ROOT = Path(__file__).resolve().parent.parent
BACKFILL_DAYS, ROUNDS = 250, 3
EARLY, LATE, AROUND = 10, 40, 2  # weeks that are compared, each with those around it
PLAN_LIMIT, TICK_LIMIT, LOAD_LIMIT, PAGE_LIMIT = 5.0, 1.0, 3.0, 3.0
PAGE_TABLE = "minute_bars"
# The query of the partitions of an asset's page (PartitionHealthQuery of Dagster's UI), its counts, its checks and its newest events.
PAGE = """query($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode {
    id partitionKeysByDimension { name type partitionKeys }
    assetPartitionStatuses { ... on TimePartitionStatuses { ranges { status startTime endTime startKey endKey } } }
    partitionStats { numMaterialized numPartitions numFailed numMaterializing }
    assetMaterializations(limit: 100) { runId timestamp partition metadataEntries { label } }
    assetChecksOrError { ... on AssetChecks { checks { name executionForLatestMaterialization { status timestamp } } } }
  } }
}"""


def main() -> list[dict[str, Any]]:
    """Return result rows: name, unit, ours, peer, ratio, target, floor, conditions."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        rows = [*backfills(root / "backfill"), weeks(root / "weeks")]
        market, lake = ten.main(root / "ten")
        return [*rows, plan(market, lake), *ticks(market, lake), load(market, lake), page(market, lake)]


def _beside(name: str, ours: float, peer: float, target: float, **conditions: Any) -> dict[str, Any]:
    return {
        "name": name, "unit": "s", "ours": ours, "peer": peer, "ratio": peer / ours, "target": target, "floor": None,
        "conditions": {**conditions, "seconds": "cpu", **_machine()},
    }  # fmt: skip


def _within(name: str, limit: float, seconds: tuple[float, float], **conditions: Any) -> dict[str, Any]:
    """A row with a limit instead of a peer. seconds: of CPU and the wall clock."""
    cpu, wall = seconds
    return {
        "name": name, "unit": "s", "ours": cpu, "peer": None, "ratio": limit / cpu, "target": 1.0, "floor": None,
        "conditions": {"limit": limit, "seconds": "cpu", "wall_s": round(wall, 2), **conditions, **_machine()},
    }  # fmt: skip


def _machine() -> dict[str, float]:
    """The load of the machine, and its speed: CPU seconds of ten million additions in Python."""

    def add() -> None:
        total = 0
        for number in range(10_000_000):
            total += number

    return {"load_1_min": round(os.getloadavg()[0], 1), "additions_s": round(_cpu(add), 2)}


def _cpu(work: Callable[[], Any]) -> float:
    """The CPU seconds of this process in which a function runs."""
    began = time.process_time()
    work()
    return time.process_time() - began


def _timed(work: Callable[[], Any], rounds: int = ROUNDS) -> tuple[float, float]:
    """The medians of CPU and wall seconds of a function. CPU seconds include those of child processes."""
    wall, cpu = [], []
    for _ in range(rounds):
        before, began = os.times(), time.perf_counter()
        work()
        wall.append(time.perf_counter() - began)
        cpu.append(sum(os.times()[:4]) - sum(before[:4]))
    return statistics.median(cpu), statistics.median(wall)


@contextlib.contextmanager
def _instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance on SQLite files."""
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
        yield instance


# --- through Dagster beside directly ----------------------------------------------------------------------------------------


def backfills(root: Path) -> Iterator[dict[str, Any]]:
    """A backfill through the driver and through the ops of the UI, beside the same work called directly."""
    market = light.deliver(root / "market", light.first_days(BACKFILL_DAYS))
    for way, build, name in (("driver", _drive, "the driver"), ("ui", _launch, "the ops of the UI")):
        # The UI comes last: in turns with it in one process, the driver took 20 to 26 % more than the direct work instead of 9 %.
        seconds: dict[str, list[float]] = {"directly": [], way: []}
        count = 0
        for turn in range(ROUNDS + 1):
            for one, work in (("directly", _call), (way, build)):
                builder = light.open_light(market, root / f"{one} {way} {turn}")
                with _instance() as instance:
                    took = _cpu(functools.partial(work, builder, instance))
                count = sum(len(builder.lake.keys(table)) for table in builder.tables.values())
                if turn:  # the first round imports and compiles
                    seconds[one].append(took / count)  # the UI also builds the summaries of earlier weeks
        medians = {one: statistics.median(took) for one, took in seconds.items()}
        yield _beside(
            f"a partition of a backfill of {BACKFILL_DAYS} days of light tables through {name}, against the same work called directly",
            medians[way], medians["directly"], 1 / 1.1, partitions=count, rounds=ROUNDS,
            overhead=round(medians[way] / medians["directly"] - 1, 3),
        )  # fmt: skip


def _call(builder: Builder, instance: dg.DagsterInstance) -> None:
    """Build everything without Dagster."""
    light.build_directly(builder)


def _drive(builder: Builder, instance: dg.DagsterInstance) -> None:
    """Build everything through the driver."""
    run.build(builder, light.requested(builder), instance=instance, say=lambda line: None)


def _launch(builder: Builder, instance: dg.DagsterInstance) -> None:
    """Build everything as runs that the UI launches: one for the days, one for the weeks."""
    with mock.patch.object(definitions, "load_tables", return_value=light.TABLES):
        platform = assets.OpenPlatform(builder)
        defs = definitions.build_defs(resource_overrides={"platform": platform}, settings=builder.settings)
        whole = defs.resolve_implicit_global_asset_job_def()
        landed = builder.zone.days()
        chosen = {"day": (landed[0], landed[-1]), "week": tuple(map(builder.calendar.week_of, (landed[0], landed[-1])))}
        for partition, (first, last) in chosen.items():
            keys = {dg.AssetKey(table.name) for table in builder.tables.values() if table.partition == partition}
            done = whole.get_subset(asset_selection=keys).execute_in_process(
                instance=instance,
                tags={
                    "dagster/asset_partition_range_start": str(first),
                    "dagster/asset_partition_range_end": str(last),
                },
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
            assert done.success


def weeks(root: Path) -> dict[str, Any]:
    """A week through the driver after a long history beside one after a short one, in turns. Each history is one backfill."""
    every = sorted({Calendar.week_of(day) for day in light.first_days(5 * (LATE + AROUND + 4))})
    seconds: dict[int, list[float]] = {EARLY: [], LATE: []}
    with contextlib.ExitStack() as stack:
        worlds = {number: (root / str(number), stack.enter_context(_instance())) for number in seconds}
        for number, world in worlds.items():
            _deliver_and_drive(every[: number - AROUND - 1], *world)
        for turn in range(-AROUND, AROUND + 1):
            for number, world in worlds.items():
                seconds[number].append(_deliver_and_drive([every[number - 1 + turn]], *world))
    early, late = (statistics.median(took) for took in seconds.values())
    return _beside(
        f"week {LATE} of light tables after a history of weeks, against week {EARLY}", late, early, 1 / 1.2,
        late_over_early=round(late / early, 3), weeks_of_each=2 * AROUND + 1,
    )  # fmt: skip


def _deliver_and_drive(new: Sequence[dt.date], root: Path, instance: dg.DagsterInstance) -> float:
    """Deliver these weeks and build them, and return the CPU seconds of building."""
    for week in new:
        light.deliver(root / "market", Calendar.xshg().week_days(week))
    builder = light.open_light(root / "market", root / "lake")
    return _cpu(lambda: _drive(builder, instance))


# --- over ten years ---------------------------------------------------------------------------------------------------------


def plan(market: Path, lake: str) -> dict[str, Any]:
    """A plan of a lake in which everything is built, with the platform opened for it as each run does."""
    examined = 0

    def make() -> None:
        nonlocal examined
        builder = ten.open_ten_years(market, lake)
        found = make_plan(builder, ten.requested(builder))
        assert not [*found.steps, *found.blocked], [*found.steps, *found.blocked][0]
        examined = found.examined

    first = _timed(make, 1)
    return _within(
        f"a plan of ten years with nothing to build, {ten.DAYS} days, local lake", PLAN_LIMIT, _timed(make),
        first_s=round(first[0], 2), partitions=examined,
    )  # fmt: skip


@contextlib.contextmanager
def _names(market: Path, lake: str) -> Iterator[None]:
    names = {"ZHOUBAO_MARKET": str(market), "ZHOUBAO_LAKE": lake, "ZHOUBAO_SETTINGS": "production"}
    with mock.patch.dict(os.environ, names):
        yield


def _tick(sensor: dg.SensorDefinition, instance: dg.DagsterInstance) -> object:
    return sensor(dg.build_sensor_context(instance=instance))


def ticks(market: Path, lake: str) -> Iterator[dict[str, Any]]:
    """A tick of each sensor of landed data."""
    with _names(market, lake), _instance() as instance:
        settings = ten.open_ten_years(market, lake).settings.sensors
        for sensor in sensors.make_sensors(True, settings):
            took = _timed(functools.partial(_tick, sensor, instance))
            yield _within(f"a tick of the sensor {sensor.name} over ten years of days", TICK_LIMIT, took)


def load(market: Path, lake: str) -> dict[str, Any]:
    """Loading the code location in a new process, with compiled modules."""
    code = "from orchestration.definitions import defs; from dagster import Definitions; Definitions.validate_loadable(defs())"

    def validate() -> None:
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)

    with _names(market, lake):
        validate()
        return _within("loading the code location with ten years of days", LOAD_LIMIT, _timed(validate, 5))


def page(market: Path, lake: str) -> dict[str, Any]:
    """The queries of an asset's page in Dagster's UI, of which ten years of partitions are recorded."""
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import ModuleTarget
    from dagster_graphql.test.utils import execute_dagster_graphql

    builder = ten.open_ten_years(market, lake)
    table = builder.tables[PAGE_TABLE]
    keys = builder.lake.keys(table)
    outcomes = [Outcome(key, "unchanged", None, builder.lake.manifest(table, key)) for key in keys]
    with _names(market, lake), _instance() as instance:
        run_recorded(builder, instance, {}, lambda recorder: recorder.record(table, outcomes))
        target = ModuleTarget("orchestration.definitions", None, str(ROOT), "zhoubao")
        with WorkspaceProcessContext(instance, target, version="") as workspace:

            def ask() -> None:
                answer = execute_dagster_graphql(
                    workspace.create_request_context(), PAGE, {"key": {"path": [PAGE_TABLE]}}
                )
                assert answer.data["assetNodeOrError"]["partitionStats"]["numMaterialized"] == len(keys)

            first = _timed(ask, 1)
            took = _timed(ask)
    return _within(
        f"the queries of the page of {PAGE_TABLE} in Dagster's UI with {len(keys)} days", PAGE_LIMIT, took, first_wall_s=round(first[1], 2)
    )  # fmt: skip
