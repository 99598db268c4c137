"""The cost sheet of a plan: hours, bytes and operations of training for what is stale, before anything is built.

Times and sizes are those of the newest partitions of each table in the lake, from their manifests and files. What the lake cannot
tell is n/a with the reason: a table without a built partition has no time yet. Operations of trainings are counted by hand from the
settings (assets/models/operations.py).

python -m orchestration.run --plan --cost [--teraflops 20]
"""

import collections
import datetime as dt
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.models.operations import training_operations
from assets.models.panel import features_of
from assets.models.windows import trained_week
from orchestration.plan import Plan, Step
from resources.builder import Builder
from resources.manifest import MANIFEST, Manifest
from resources.settings.models import ModelSettings
from resources.table import Table

NEWEST = 20  # partitions of a table whose median time and size are taken
STOCKS = "daily_prices"  # table with one row per listed stock and day
NOT_BUILT = "no partition is built"
TRAINED = "training_seconds"  # note of a partition in which a network was trained


@dataclass(frozen=True)
class TableCost:
    """The estimated cost of the partitions of one table, or of one kind of them.

    what: the table, with "trained" or "carried" for networks. seconds: of one process. read: bytes of all input partitions and of the
    landed files, at most, because a table may read some columns alone. written: bytes of the partitions' files. operations: of the
    matrix products of trainings with all epochs. An estimate that cannot be made is None.
    """

    what: str
    partitions: int
    seconds: float | None
    read: float | None
    written: float | None
    operations: float | None = None


def estimate(builder: Builder, plan: Plan) -> list[TableCost]:
    """Estimate the cost of a plan, one row per table in the order in which the data flows; networks have one for each kind of week."""
    steps: dict[tuple[str, str], list[Step]] = collections.defaultdict(list)
    for step in plan.steps:
        steps[step.table.name, _kind(builder, step)].append(step)
    lake = _NewestPartitions(builder)
    return [
        TableCost(
            what=f"{name}, {kind}" if kind else name,
            partitions=len(own),
            seconds=_times(len(own), lake.seconds(builder.tables[name], kind)),
            read=_read(builder, lake, own),
            written=_times(len(own), lake.size(builder.tables[name], kind)),
            operations=_operations(builder, lake, name, len(own)) if kind == "trained" else None,
        )
        for (name, kind), own in steps.items()
    ]


class _NewestPartitions:
    """The newest partitions of each table of a lake, with the times and sizes of their kinds."""

    def __init__(self, builder: Builder):
        self._builder = builder
        self._known: dict[str, list[tuple[str, Manifest]]] = {}
        self._sizes: dict[str, int] = {}

    def newest(self, table: Table) -> list[tuple[str, Manifest]]:
        """The kinds and manifests of the newest partitions, of networks of enough weeks to have a trained one."""
        if table.name not in self._known:
            lake = self._builder.lake
            row = self._builder.settings.models.rows.get(table.name)
            count = NEWEST if row is None else NEWEST * max(row.retrain_every_weeks, row.retrain_every_days // 5 + 1)
            found = [lake.manifest(table, key) for key in sorted(lake.keys(table))[-count:]]
            self._known[table.name] = [
                (("trained" if TRAINED in one.notes else "carried") if row else "", one)
                for one in found
                if one is not None
            ]
        return self._known[table.name]

    def seconds(self, table: Table, kind: str = "") -> float | None:
        """The median time of the newest partitions of a kind; None where none is built."""
        return _median(one.seconds for _, one in self._of(table, kind))

    def size(self, table: Table, kind: str = "") -> float | None:
        """The median size in bytes of the newest partitions of a kind, without their manifests; None where none is built."""
        return _median(self._size(one) for _, one in self._of(table, kind))

    def rows(self, table: Table) -> float | None:
        """The median number of rows of the newest partitions; None where none is built."""
        return _median(one.rows for _, one in self.newest(table))

    def _of(self, table: Table, kind: str) -> list[tuple[str, Manifest]]:
        return [pair for pair in self.newest(table) if not kind or pair[0] == kind][-NEWEST:]

    def _size(self, manifest: Manifest) -> int:
        lake = self._builder.lake
        folder = lake.folder(self._builder.tables[manifest.table], dt.date.fromisoformat(manifest.key))
        if folder not in self._sizes:
            sizes = lake.store.sizes(folder)
            self._sizes[folder] = sum(size for name, size in sizes.items() if name != MANIFEST)
        return self._sizes[folder]


def _kind(builder: Builder, step: Step) -> str:
    """Whether a network is trained in the week of a step or carried from an earlier one; "" for other tables."""
    row = builder.settings.models.rows.get(step.table.name)
    if row is None:
        return ""
    return "trained" if trained_week(builder.calendar, step.key, row, builder.start) == step.key else "carried"


def _read(builder: Builder, lake: _NewestPartitions, steps: Sequence[Step]) -> float | None:
    total = 0.0
    landed: dict[Path, int] = {}
    for step in steps:
        for upstream, keys in builder.reads(step.table, step.key):
            size = lake.size(upstream) if keys else 0.0
            if size is None:
                return None
            total += size * len(keys)
        day = builder.signal_day(step.table, step.key)
        for land in step.table.lands:
            for path in builder.zone.landed(land.name, day):
                if path not in landed:  # a table reads a file of reference data once in a run
                    landed[path] = path.stat().st_size
    return total + sum(landed.values())


def _operations(builder: Builder, lake: _NewestPartitions, name: str, trainings: int) -> float | None:
    row: ModelSettings = builder.settings.models.rows[name]
    stocks = lake.rows(builder.tables[STOCKS]) if STOCKS in builder.tables else None
    if stocks is None or ":" in row.network:  # the work of a user's own network is not known
        return None
    each = {
        granularity: (len(features_of(granularity)), int(stocks * row.train_days), int(stocks * row.valid_days))
        for granularity in row.granularities
    }
    return float(trainings * training_operations(row, each))


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None


def _times(count: int, each: float | None) -> float | None:
    return None if each is None else count * each


def describe_costs(costs: Sequence[TableCost], teraflops: float | None = None) -> Iterator[str]:
    """Describe a cost sheet in lines: a head, a line for each row, the totals, and what could not be estimated.

    teraflops: the sustained speed of a GPU in TFLOP/s, with which operations become hours.
    """
    if not costs:
        yield "Nothing is to be built."
        return
    known: Mapping[str, list[float]] = {
        name: [value for one in costs if (value := getattr(one, name)) is not None]
        for name in ("seconds", "read", "written", "operations")
    }
    total = TableCost(
        "total", sum(one.partitions for one in costs), *(sum(values) if values else None for values in known.values())
    )
    hours = (total.seconds or 0) >= 3600
    yield _line(("", "partitions", "hours" if hours else "seconds", "read GB", "written GB", "training TFLOP"))
    for cost in (*costs, total):
        yield _line((cost.what, cost.partitions, *_figures(cost, 3600 if hours else 1)))
    missing = [cost.what for cost in costs if cost.seconds is None]
    if missing:
        yield f"The total has no time for {', '.join(missing)}: {NOT_BUILT} yet, or none among the newest, so that no time is known."
    if any(cost.read is None for cost in costs):
        yield f"Bytes that are read are n/a where {NOT_BUILT} of an input."
    if unknown := [cost.what for cost in costs if cost.operations is None and cost.what.endswith(", trained")]:
        yield f"Operations are n/a for {', '.join(unknown)}: the network is one of your own, or no {STOCKS} is built."
    if total.operations:
        yield "Operations are those of all epochs that the settings allow, over every listed stock; trainings usually end earlier."
        if teraflops is not None:
            yield f"At {teraflops:g} TFLOP/s they take {total.operations / teraflops / 1e12 / 3600:,.3f} hours of a GPU."
    yield "Times are those of one process on the machine that built the newest partitions; bytes read are at most."


def _figures(cost: TableCost, unit: float) -> tuple[str, ...]:
    scaled = ((cost.seconds, unit, 1), (cost.read, 1e9, 3), (cost.written, 1e9, 3), (cost.operations, 1e12, 2))
    return tuple("n/a" if value is None else f"{value / one:,.{digits}f}" for value, one, digits in scaled)


def _line(cells: Sequence[object]) -> str:
    first, *others = cells
    return f"{first!s:<36}" + "".join(f"{cell!s:>15}" for cell in others)
