"""The arguments of make functions: the input frames and the partition to make.

This module defines Frames, Partition and the report's Record, which are all read-only. It does not define what a table declares
(resources/table.py), how the values are obtained (resources/builder.py), or the result of a make function (resources/made.py).

A make function receives only what its table declares, because the table's version covers only that. Access to anything else raises
UndeclaredError. The classes of the values are imported for type checking only, so that their changes make only those tables stale
whose code uses them.
"""

import datetime as dt
import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

if TYPE_CHECKING:
    from resources.calendar import Calendar
    from resources.code_changes import Change
    from resources.landing import LandingView
    from resources.reasons import Reasons
    from resources.rulebook import Rulebook

Value = TypeVar("Value")
# (table, partition, name of a file beside its rows) → the file's content
Files = Callable[[str, dt.date, str], bytes]


class UndeclaredError(LookupError):
    """A make function accessed something that its table does not declare. This is an error in the code, not in the data."""


class Declared(Mapping[str, Value]):
    """Values by the names of the tables that one table reads. Any other name raises UndeclaredError, also in `get`."""

    def __init__(self, held: Mapping[str, Value], table: str = "this table"):
        self._held, self._table = dict(held), table

    def __getitem__(self, name: str) -> Value:
        if name not in self._held:
            raise UndeclaredError(
                f"{self._table} does not read {name!r}; it reads {', '.join(sorted(self._held)) or 'no table'}. Add "
                f"Read({name!r}) to its declaration."
            )
        return self._held[name]

    def __contains__(self, name: object) -> bool:
        return name in self._held

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


class Frames(Declared[pl.LazyFrame]):
    """The rows of the partitions that are read, in order, by table. A table that reads itself has its earlier partitions under its
    own name.

    >>> Frames({"minute_bars": pl.LazyFrame()}, "day_indicators")["trades"]
    Traceback (most recent call last):
    resources.partition.UndeclaredError: day_indicators does not read 'trades'; it reads minute_bars. Add Read('trades') to its declaration.
    """


@dataclass(frozen=True)
class DeclaredFiles:
    """Reads side files of the partitions in `allowed`, the inputs of a partition. Other partitions raise UndeclaredError."""

    reader: str  # the table and its partition, for messages
    read: Files
    allowed: frozenset[tuple[str, dt.date]]

    def __call__(self, table: str, partition: dt.date, file: str) -> bytes:
        """Read a side file, given by table, partition key and name."""
        if (table, partition) not in self.allowed:
            raise UndeclaredError(
                f"{self.reader} does not read {table} of {partition}, so it may not open {file} beside it. Widen the look-back "
                f"of Read({table!r}) in its declaration."
            )
        return self.read(table, partition, file)


@dataclass(frozen=True, eq=False)
class Record:
    """The records of all partitions up to a week's signal day, for a table that declares `reads_record`.

    verdicts: one row per check and partition: table, partition, rows, check, critical, plausibility, passed,
    detail, remedy.
    left_out: what partitions were made without: table, partition, code, item, value (JSON).
    settings: the described settings of the run and of the rulebook on the signal day; empty where the run describes none.
    """

    verdicts: pl.DataFrame
    left_out: pl.DataFrame
    settings: Mapping[str, Any]


def _no_files(table: str, partition: dt.date, file: str) -> bytes:
    raise UndeclaredError(f"no partition of {table} is read, so {file} of {partition} may not be opened.")


def _ignore(line: str) -> None:
    """Discard a progress line."""


# Service → what a table's declaration must contain so that the service is available.
_DECLARATIONS = {
    "landing": "name its parts in `lands`",
    "record": "set `reads_record`",
    "rules": "name their kinds in `rules`",
    "start": "set `reads_start`",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Partition:
    """The partition that a make function makes, with everything that it may use besides frames and settings.

    table: the table's name. date: the day, or a week's signal day (its last trading day). monday: the key of a week table's
    partition; None for a day table. unavailable: table → column (or item) → reason why it is not available in any of the partitions
    that are read. files: reads side files of the partitions that are read. progress: receives progress lines. services: the
    factories of the properties below by name; each is called on first use, and an absent one is undeclared.
    """

    table: str
    date: dt.date
    monday: dt.date | None = None
    unavailable: "Reasons" = field(default_factory=dict)
    files: Files = _no_files
    progress: Callable[[str], None] = _ignore
    services: Mapping[str, Callable[[], Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, date: dt.date, *, table: str = "table", week: dt.date | None = None, **known: Any) -> "Partition":
        """Create a partition directly, for tests and studies, with fields and services by name. Other names raise TypeError.

        >>> Partition.of(dt.date(2024, 1, 12), week=dt.date(2024, 1, 8), start=dt.date(2023, 1, 3)).start
        datetime.date(2023, 1, 3)
        """
        services = {name for name, value in vars(cls).items() if isinstance(value, functools.cached_property)}
        fields = {name: value for name, value in known.items() if name not in services}
        made = {name: (lambda value=value: value) for name, value in known.items() if name in services}
        return cls(table=table, date=date, monday=week, services=made, **fields)

    @property
    def week(self) -> dt.date:
        """The Monday of a week table's partition.

        Raises:
            UndeclaredError: the table is a day table.
        """
        if self.monday is None:
            raise UndeclaredError(f"{self.table} has daily partitions and no week. Use `date`.")
        return self.monday

    @functools.cached_property
    def calendar(self) -> "Calendar":
        """The exchanges' trading days."""
        return self._make("calendar")

    @functools.cached_property
    def start(self) -> dt.date:
        """The first day of minute data, for a table that declares `reads_start`; its versions cover that day."""
        return self._make("start")

    @functools.cached_property
    def landing(self) -> "LandingView":
        """The parts of the landing zone that the table's `lands` name, as known at the close of `date`."""
        return self._make("landing")

    @functools.cached_property
    def rules(self) -> "Rulebook":
        """The exchanges' rules in force on `date`, of the kinds that the table's `rules` name."""
        return self._make("rules")

    @functools.cached_property
    def mergers(self) -> "tuple[Change, ...]":
        """The mergers of listed companies between the oldest day that is read and `date`."""
        return self._make("mergers")

    @functools.cached_property
    def record(self) -> Record:
        """The records of all tables, for a table that declares `reads_record`."""
        return self._make("record")

    @functools.cached_property
    def scratch(self) -> Path:
        """An empty folder for files too large for memory, which is removed after the build."""
        return self._make("scratch")

    @functools.cached_property
    def work(self) -> Path:
        """A folder that outlives a killed process. The same version of the partition finds the same folder."""
        return self._make("work")

    def _make(self, service: str) -> Any:
        if service not in self.services:
            remedy = _DECLARATIONS.get(service)
            why = f"Its declaration must {remedy}." if remedy else "The caller of `Partition` must pass it."
            raise UndeclaredError(f"the partition {self.date} of {self.table} has no `{service}`. {why}")
        return self.services[service]()
