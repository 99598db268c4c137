"""What a table is: the declaration that a stage's `assets.py` makes and that the builder, the plan and Dagster read.

Here: Table, Read, Land and the look-back helpers. Not here: making, judging and writing partitions
(resources/builder.py), and anything that knows Dagster (orchestration/).
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from resources.calendar import Calendar
from resources.gate import Check
from resources.made import Made

__all__ = ["Land", "Made", "Read", "Table", "all_weeks", "days", "same", "week_days", "weeks"]

# (calendar, partition, settings section, history start) → the partitions read. `partition` is a day, or a week's Monday;
# the history is that of what is read, unless the Read says `by_reader`.
Over = Callable[[Calendar, dt.date, Any, dt.date], list[dt.date]]


def same(calendar: Calendar, key: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """The same partition. A week table that reads a day table so is given the signal day (see `Read.keys`)."""
    return [key]


def days(first: int, last: int) -> Over:
    """Trading-day offsets, both included, from the day itself or from the week's signal day."""

    def over(calendar: Calendar, key: dt.date, section: Any, start: dt.date) -> list[dt.date]:
        anchor = calendar.index(key)
        return [
            calendar.offset(key, n) for n in range(max(first, -anchor), last + 1) if calendar.offset(key, n) >= start
        ]

    return _lookback(over, first, last, anchored=True)


def week_days(back: int = 0) -> Over:
    """All trading days of the week, and `back` trading days before its first."""

    def over(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
        own = calendar.week_days(week)
        first = calendar.offset(own[0], -min(back, calendar.index(own[0])))
        return [day for day in calendar.days(first, own[-1]) if day >= start]

    return over


def weeks(first: int, last: int) -> Over:
    """Trading-week offsets, both included."""

    def over(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
        oldest = calendar.week_of(start)
        return [w for n in range(first, last + 1) if (w := calendar.offset_week(week, n)) >= oldest]

    return _lookback(over, first, last)


def all_weeks(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """Every trading week from the start of the history to this one."""
    return calendar.weeks(calendar.week_of(start), week)


def _lookback(over: Over, first: int, last: int, *, anchored: bool = False) -> Over:
    """Notes the offsets, for the lineage, and whether the key must be a trading day (week tables pass their signal day)."""
    over.offsets, over.anchored = (first, last), anchored  # type: ignore[attr-defined]
    return over


@dataclass(frozen=True)
class Read:
    """An upstream table and which of its partitions one partition reads.

    by_reader: `over` is told where the reader's own history starts. What is read may have begun long before, and must not
    decide what the reader does.
    """

    table: str
    over: Over = same
    by_reader: bool = False

    @property
    def offsets(self) -> tuple[int, int]:
        """Partition offsets for the lineage graph; (0, 0) where the look-back is no plain range."""
        return getattr(self.over, "offsets", (0, 0))

    def keys(
        self,
        calendar: Calendar,
        reader: "Table",
        upstream: "Table",
        key: dt.date,
        section: Any,
        start: dt.date,
        reader_start: dt.date,
    ) -> list[dt.date]:
        """The partitions of `upstream` that partition `key` of `reader` reads, from the upstream's `start` on."""
        oldest = start if upstream.partition == "day" else calendar.week_of(start)
        anchored = self.over is same or getattr(self.over, "anchored", False)
        if anchored and reader.partition == "week" and upstream.partition == "day":
            key = calendar.signal_day(key)
        history = reader_start if self.by_reader else start
        return [k for k in self.over(calendar, key, section, history) if k >= oldest]


@dataclass(frozen=True)
class Land:
    """A part of the landing zone that a table may see: "ticks", "bars", or a reference table.

    until: everything dated up to the partition's day (the default), or that day's rows alone. What is not declared here
    is neither handed out nor part of the version.
    """

    name: str
    until: bool = True


@dataclass(frozen=True)
class Table:
    """One asset. See the builder for what `make` is called with, and `Made` for what it may hand back."""

    name: str
    stage: str
    partition: Literal["day", "week"]
    description: str
    schema: Mapping[str, pl.DataType | type[pl.DataType]]
    make: str  # "module:function"; imported on first use, so that declaring costs nothing
    reads: tuple[Read, ...] = ()
    lands: tuple[Land, ...] = ()
    # Name of the section handed to make; dots descend. Several: make and look-backs are handed name → section.
    settings: str | tuple[str, ...] | None = None
    rules: tuple[str, ...] = ()  # kinds of rules (resources/settings/rulebook.py) that make is handed as `rules`
    functions: tuple[str, ...] = ()  # settings that name one or several module:name, whose code counts as the table's
    sort: tuple[str, ...] = ()
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # column or item → upstream "table.column"
    items: str | None = None  # the column whose values `needs` and `unavailable` name, instead of columns
    checks: tuple[Check, ...] = ()
    history: Literal["minutes", "reference"] = "minutes"
    pool: str | None = None
    plot: str | None = None  # "module:function" (frame) → SVG text for the UI
    kinds: tuple[str, ...] = ("polars", "parquet")

    def read(self, name: str) -> Read | None:
        return next((read for read in self.reads if read.table == name), None)

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of the settings sections handed to `make`."""
        return (self.settings,) if isinstance(self.settings, str) else self.settings or ()

    @property
    def reads_itself(self) -> bool:
        return self.read(self.name) is not None
