"""Making one partition: its inputs are read, the make function is called, and the result is brought into the table's schema and judged.

A `Task` holds everything that the builder found out about a partition before: its inputs, the files that have landed, its version. A
`Maker` therefore looks at no other state of the lake or the landing zone, needs no lease and writes nothing into the lake but scratch
and work folders. It runs in the builder's process or in a worker process (resources/worker.py). This module does not decide what is
made (resources/builder.py), and commits nothing.
"""

import contextlib
import dataclasses
import datetime as dt
import importlib
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from resources.calendar import Calendar
from resources.code_changes import Change
from resources.errors import InputError, MachineError, NotReadyError, describe_fault, is_machine_fault
from resources.gate import Verdict, judge
from resources.lake import NOT_BUILT, Lake
from resources.landing import LandingZone
from resources.made import Made
from resources.manifest import RECORD
from resources.parquet import encode
from resources.partition import Declared, DeclaredFiles, Frames, Partition, Record
from resources.reasons import Code, Reason, Reasons, as_reason
from resources.rulebook import Rulebook
from resources.table import Table

NOTHING_LANDED = Code("nothing_landed", ("table", "partition"))
NO_EARLIER_PARTITION = Code("no_earlier_partition", ("table",))

Reads = Sequence[tuple[Table, list[dt.date]]]
"""The input tables of a partition, each with the partitions of it that are read."""


@dataclass(frozen=True)
class Sources:
    """The digests of a partition's inputs and landing zone, taken before any of it was read."""

    inputs: Mapping[str, str]
    landing: Mapping[str, str]


@dataclass(frozen=True)
class Task:
    """A partition to make. All of its inputs may be read.

    settings: the digest of the settings that decide the partition. libraries: those whose versions decide it. reads: the input tables by
    name, each with the keys of its partitions that are read. landed: part of the landing zone → the files
    that were there when its digest was taken. mergers: those between the oldest day that is read and the partition's own. start: the
    first day of minute data, for a table that declares `reads_start`. folder: a scratch folder of this partition alone, which does not
    exist yet.
    """

    table: str
    key: dt.date
    version: str
    settings: str
    libraries: Mapping[str, str]
    sources: Sources
    reads: Sequence[tuple[str, Sequence[dt.date]]]
    landed: Mapping[str, Sequence[Path]]
    mergers: tuple[Change, ...]
    start: dt.date | None
    folder: Path

    def __str__(self) -> str:
        return f"{self.table} of {self.key}"


@dataclass(frozen=True)
class Prepared:
    """A partition that is made and judged but not committed.

    part: its Parquet bytes, or the file that will become part.parquet. files: name → bytes of the side files. checks: the verdicts of
    the gate.
    """

    part: bytes | Path
    rows: int
    files: Mapping[str, bytes]
    unavailable: Mapping[str, Reason]
    notes: Mapping[str, Any]
    checks: Mapping[str, Verdict]
    seconds: float


@dataclass(frozen=True)
class MakeResult:
    """The result of a task: a prepared partition, or the error that prevented it.

    damages: input partitions whose files were found damaged, by folder, each with the reason.
    """

    task: Task
    prepared: Prepared | None
    error: Exception | None
    damages: Mapping[str, Reason] = dataclasses.field(default_factory=dict)


class Maker:
    """Makes partitions of tables.

    record: makes the record of all other tables for a partition whose table declares `reads_record`.
    """

    def __init__(
        self,
        *,
        tables: Mapping[str, Table],
        lake: Lake,
        zone: LandingZone,
        calendar: Calendar,
        settings: Any,
        record: Callable[[Table, dt.date], Record] | None = None,
        say: Callable[[str], None] = lambda line: None,
    ):
        self._tables, self._lake, self._zone, self._calendar, self._settings = tables, lake, zone, calendar, settings
        self._record, self._say = record, say

    def attempt(self, task: Task) -> MakeResult:
        """Make a partition, and return the error where that is not possible."""
        try:
            return MakeResult(task, self.make(task), None)
        except Exception as error:
            return MakeResult(task, None, error, self._damages(task))

    def _damages(self, task: Task) -> dict[str, Reason]:
        return {folder: self._lake.damages[folder] for folder in task.sources.inputs if folder in self._lake.damages}

    def make(self, task: Task) -> Prepared:
        """Make a partition and judge it.

        Raises:
            NotReadyError, InputError, SettingsError: it cannot be made from what there is.
            MachineError: the machine failed.
        """
        with faults_of_making(task.table, task.key):
            return self._make(task)

    def _make(self, task: Task) -> Prepared:
        began = time.perf_counter()
        table = self._tables[task.table]
        reads = [(self._tables[name], list(keys)) for name, keys in task.reads]
        frames: dict[str, pl.LazyFrame] = {}
        known: dict[str, dict[str, Reason]] = {}
        for upstream, keys in reads:
            # Whatever is not built is a day for which nothing has landed; it reads as empty.
            built = [key for key in keys if task.sources.inputs[self._lake.folder(upstream, key)] != NOT_BUILT]
            frames[upstream.name] = self._read(upstream, built, table.signal_day(self._calendar, task.key), str(task))
            known[upstream.name] = self._unavailable(upstream, keys)
        try:
            made = function_of(table.make)(
                frames=Frames(frames, table.name),
                partition=self._partition(table, task, reads, known),
                settings=table.section(self._settings),
            )
            if not isinstance(made, Made):
                raise TypeError(f"{table.make} returned {type(made).__name__}. It must return Made(frame).")
        except (pl.exceptions.PolarsError, OSError, NotReadyError, InputError):
            # Whatever the inputs' files cause is no verdict on the data: damaged ones are built again.
            self._lake.verify(folder for folder in task.sources.inputs if folder != RECORD)
            for upstream, keys in reads:
                for key in keys:
                    if self._lake.damage(upstream, key):
                        self._lake.require(upstream, key, str(task))
            raise
        return _prepared(table, task.key, made, known, began)

    def _read(self, upstream: Table, keys: Sequence[dt.date], day: dt.date, reader: str) -> pl.LazyFrame:
        """The partitions in order, with symbols renamed to the codes of `day` (resources/code_changes.py)."""
        changes = self._zone.code_changes()
        runs = itertools.groupby(keys, lambda key: changes.renames(upstream.signal_day(self._calendar, key), day))
        frames = [renames.apply(self._lake.read(upstream, run, reader=reader)) for renames, run in runs]
        return pl.concat(frames) if len(frames) > 1 else frames[0] if frames else self._lake.read(upstream, [], reader)

    def _partition(self, table: Table, task: Task, reads: Reads, known: Reasons) -> Partition:
        """The `Partition` for the make function, with the services of every table and those that this table declares."""
        day, record = table.signal_day(self._calendar, task.key), self._record
        services: dict[str, Callable[[], Any]] = {
            "calendar": lambda: self._calendar,
            "mergers": lambda: task.mergers,
            "scratch": lambda: _folder(task.folder / "scratch"),
            "work": lambda: self._lake.store.work(f"{table.name}/{task.key}-{task.version}"),
        }
        if table.lands:
            services["landing"] = lambda: self._zone.view(day, table.lands)
        if table.rules:
            services["rules"] = lambda: Rulebook.on(day, self._settings.rulebook, table.rules)
        if table.reads_start:
            services["start"] = lambda: task.start
        if table.reads_record and record is not None:
            services["record"] = lambda: record(table, task.key)
        return Partition(
            table=table.name,
            date=day,
            monday=task.key if table.partition == "week" else None,
            unavailable=Declared(known, table.name),
            files=self._files(task, reads, day),
            progress=self._say,
            services=services,
        )

    def _files(self, task: Task, reads: Reads, day: dt.date) -> DeclaredFiles:
        """The reader of the side files of a partition's inputs, with symbols renamed to the codes of its day."""

        def read(name: str, partition: dt.date, file: str) -> bytes:
            upstream = self._tables[name]
            data = self._lake.read_file(upstream, partition, file, reader=str(task))
            renames = self._zone.code_changes().renames(upstream.signal_day(self._calendar, partition), day)
            if renames and file.endswith(".parquet"):
                data = encode(renames.apply(pl.read_parquet(data)))
            return data

        allowed = {(upstream.name, key) for upstream, keys in reads for key in keys}
        return DeclaredFiles(str(task), read, frozenset(allowed))

    def _unavailable(self, table: Table, keys: Iterable[dt.date]) -> dict[str, Reason]:
        """The reasons by column or item for everything that is unavailable in all of these partitions."""
        reasons = [
            manifest.unavailable
            if (manifest := self._lake.manifest(table, key)) is not None
            else dict.fromkeys(table.schema, NOTHING_LANDED(table=table.name, partition=key))
            for key in keys
        ]
        if not reasons:
            return dict.fromkeys(table.schema, NO_EARLIER_PARTITION(table=table.name))
        return {column: reason for column, reason in reasons[-1].items() if all(column in one for one in reasons)}


@contextlib.contextmanager
def faults_of_making(table: str, key: dt.date) -> Iterator[None]:
    """Turn a fault of the machine inside the block into a MachineError that names the partition.

    A stage turns every error that a delivery can cause into an InputError. Any other OSError comes from the machine.

    Raises:
        MachineError: an OSError or another fault of the machine occurred inside the block.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, MachineError) or not (is_machine_fault(error) or isinstance(error, OSError)):
            raise
        raise MachineError(
            f"{table} of {key} could not be made: {describe_fault(error)}. The machine failed, which says nothing "
            "about the data, so nothing was recorded. Correct the cause (rights, space, memory, network) and run again."
        ) from error


def function_of(path: str) -> Callable[..., Any]:
    """The function that "module:function" names."""
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def _prepared(table: Table, key: dt.date, made: Made, known: Reasons, began: float) -> Prepared:
    """Bring what a make function returned into the table's schema and judge it."""
    profile = made.profile
    if isinstance(made.frame, Path):
        part: bytes | Path = _conforming_file(table, made)
        rows = pl.scan_parquet(made.frame).select(pl.len()).collect().item()
        unavailable = _unavailable_columns(table, pl.scan_parquet(made.frame), known, made.unavailable)
    else:
        frame = _conform(table, made.frame)
        unavailable = _unavailable_columns(table, frame.lazy(), known, made.unavailable)
        part, rows = encode(frame), frame.height
        profile = frame if profile is None else profile
    assert profile is not None
    seconds = time.perf_counter() - began
    checks = judge(table.checks, {key: profile}, {key: unavailable})[key]
    return Prepared(part, rows, made.files, unavailable, made.notes, checks, seconds)


def _conform(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Cast the frame to the table's schema and sort it. A missing or additional column is an error in the stage's code."""
    if set(frame.columns) != set(table.schema):
        missing = sorted(set(table.schema) - set(frame.columns))
        extra = sorted(set(frame.columns) - set(table.schema))
        raise ValueError(
            f"{table.make} returned columns that differ from the schema of {table.name}: missing {missing}, additional {extra}"
        )
    frame = frame.select(pl.col(name).cast(dtype) for name, dtype in table.schema.items())
    return frame.sort(table.sort, maintain_order=True, nulls_last=True) if table.sort else frame


def _conforming_file(table: Table, made: Made) -> Path:
    """Check that the file has the table's schema and comes with a profile. Anything else is an error in the stage's code."""
    assert isinstance(made.frame, Path)
    if made.profile is None:
        raise ValueError(f"{table.make} returned a file without the profile that the checks of {table.name} need")
    written, wanted = dict(pl.read_parquet_schema(made.frame)), dict(pl.Schema(table.schema))
    if list(written.items()) != list(wanted.items()):
        raise ValueError(f"{table.make} wrote the columns {written}; the schema of {table.name} is {wanted}")
    return made.frame


def _unavailable_columns(
    table: Table, frame: pl.LazyFrame, known: Reasons, own: Mapping[str, Reason | str]
) -> dict[str, Reason]:
    """The reasons for n/a: those of the stage, and those of inputs for columns and items that are entirely null."""
    reasons = {name: as_reason(reason) for name, reason in own.items()}
    for name in _void(table, frame, [name for name in table.needs if name not in reasons]):
        for source in table.needs[name]:
            upstream, column = source.split(".", 1)
            if reason := known.get(upstream, {}).get(column):
                reasons[name] = reason
                break
    return dict(sorted(reasons.items()))  # as in the manifest's file, whose readers show them in this order


def _void(table: Table, frame: pl.LazyFrame, names: list[str]) -> list[str]:
    """The columns that are null in every row, or the items without a single non-null value."""
    if table.items is None:
        any_known = frame.select(pl.col(names).is_not_null().any()).collect()
        return [name for name in names if not any_known[name].item()]
    measured = [c for c, dtype in table.schema.items() if c != table.items and dtype.is_float()]
    known = frame.filter(pl.any_horizontal(pl.col(measured).is_not_null())).select(pl.col(table.items).unique())
    with_values = set(known.collect()[table.items])
    return [name for name in names if name not in with_values]
