"""What a make function is called with: its input frames, and the partition that it makes.

Here: Frames, Partition and the Record of the report, all read-only. Not here: what a table declares (resources/table.py), how
the values come about (resources/builder.py), and what a make function hands back (resources/made.py).

A table is handed what it declares and nothing else, since its version covers what it declares. Reaching for more raises
UndeclaredError. The classes that describe the values are imported for their types alone: a change of theirs must not make
every table stale, only those whose code uses them.
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
    """A make function reached for what its table does not declare: a mistake in the code, never in the data."""


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
    """Table → the rows of its partitions that are read, in order. A table that reads itself finds its earlier partitions
    under its own name.

    >>> Frames({"minute_bars": pl.LazyFrame()}, "day_indicators")["trades"]
    Traceback (most recent call last):
    resources.partition.UndeclaredError: day_indicators does not read 'trades'; it reads minute_bars. Add Read('trades') to its declaration.
    """


@dataclass(frozen=True)
class DeclaredFiles:
    """Reads the side files of the partitions in `allowed`, which are those that a table reads. Others raise UndeclaredError."""

    reader: str  # the table and its partition, for messages
    read: Files
    allowed: frozenset[tuple[str, dt.date]]

    def __call__(self, table: str, partition: dt.date, file: str) -> bytes:
        if (table, partition) not in self.allowed:
            raise UndeclaredError(
                f"{self.reader} does not read {table} of {partition}, so it may not open {file} beside it. Widen the look-back "
                f"of Read({table!r}) in its declaration."
            )
        return self.read(table, partition, file)


@dataclass(frozen=True, eq=False)
class Record:
    """What is on record of all partitions up to a week's signal day, for a table that declares `reads_record`.

    verdicts: one row per check and partition: table, partition, rows, check, critical, plausibility, passed,
    detail, remedy.
    left_out: what partitions were made without: table, partition, code, item, value (JSON).
    settings: those of the run, with what the rulebook says of the signal day; empty where the run has none to describe.
    """

    verdicts: pl.DataFrame
    left_out: pl.DataFrame
    settings: Mapping[str, Any]


def _no_files(table: str, partition: dt.date, file: str) -> bytes:
    raise UndeclaredError(f"no partition of {table} is read, so {file} of {partition} may not be opened.")


def _say_nothing(line: str) -> None:
    """Progress that nobody follows."""


# Service → what a table's declaration must hold to be handed it.
_DECLARATIONS = {
    "landing": "name its parts in `lands`",
    "record": "set `reads_record`",
    "rules": "name their kinds in `rules`",
    "start": "set `reads_start`",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Partition:
    """The partition that a make function makes, and what it may use for it besides frames and settings.

    table: the table's name. date: the day, or a week's signal day (its last trading day). monday: the key of a week table's
    partition; None of a day table's. unavailable: table → column (or item) → why it is not available in all that is read of
    it. files: reads what is written beside the rows of the partitions that are read. progress: takes a line for whoever
    watches. services: name → what makes the value on first use, of the properties below; one that is absent is undeclared.
    """

    table: str
    date: dt.date
    monday: dt.date | None = None
    unavailable: "Reasons" = field(default_factory=dict)
    files: Files = _no_files
    progress: Callable[[str], None] = _say_nothing
    services: Mapping[str, Callable[[], Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, date: dt.date, *, table: str = "table", week: dt.date | None = None, **known: Any) -> "Partition":
        """One that is made by hand, for tests and studies: fields and services by name; any other name is a TypeError.

        >>> Partition.of(dt.date(2024, 1, 12), week=dt.date(2024, 1, 8), start=dt.date(2023, 1, 3)).start
        datetime.date(2023, 1, 3)
        """
        services = {name for name, value in vars(cls).items() if isinstance(value, functools.cached_property)}
        fields = {name: value for name, value in known.items() if name not in services}
        made = {name: (lambda value=value: value) for name, value in known.items() if name in services}
        return cls(table=table, date=date, monday=week, services=made, **fields)

    @property
    def week(self) -> dt.date:
        """The Monday of a week table's partition. Raises UndeclaredError of a day table."""
        if self.monday is None:
            raise UndeclaredError(f"{self.table} has a partition a day, and no week. Its day is `date`.")
        return self.monday

    @functools.cached_property
    def calendar(self) -> "Calendar":
        """The exchanges' trading days."""
        return self._make("calendar")

    @functools.cached_property
    def start(self) -> dt.date:
        """The first day of minute data, of a table that declares `reads_start`: its versions cover that day."""
        return self._make("start")

    @functools.cached_property
    def landing(self) -> "LandingView":
        """What the table's `lands` name of the landing zone, as known at the close of `date`."""
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
        """What is on record of all tables, of a table that declares `reads_record`."""
        return self._make("record")

    @functools.cached_property
    def scratch(self) -> Path:
        """An empty folder that is gone after the build, for a file too large for memory."""
        return self._make("scratch")

    @functools.cached_property
    def work(self) -> Path:
        """A folder that outlives a killed process: the same version of the partition finds what was left in it."""
        return self._make("work")

    def _make(self, service: str) -> Any:
        if service not in self.services:
            remedy = _DECLARATIONS.get(service)
            why = f"Its declaration must {remedy}." if remedy else "Whoever made the partition must hand it in."
            raise UndeclaredError(f"the partition {self.date} of {self.table} has no `{service}`. {why}")
        return self.services[service]()
