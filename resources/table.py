"""What a table is: the declaration that a stage's `assets.py` makes and that the builder, the plan and Dagster read.

Here: Table, Read and Land. Not here: look-backs (resources/lookback.py), making, judging and writing partitions
(resources/builder.py), and anything that knows Dagster (orchestration/).
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from resources.calendar import Calendar
from resources.gate import Check
from resources.lookback import Lookback, all_weeks, days, offset_by, same, week_days, weeks
from resources.made import Made

__all__ = ["Land", "Lookback", "Made", "Read", "Table", "all_weeks", "days", "offset_by", "same", "week_days", "weeks"]


@dataclass(frozen=True)
class Read:
    """An upstream table and which of its partitions one partition reads.

    by_reader: the look-back starts from the reader's own history. What is read may have begun long before, and must not decide
    what the reader does.
    """

    table: str
    over: Lookback[Any] = same
    by_reader: bool = False

    @property
    def offsets(self) -> tuple[int, int]:
        """Partition offsets for the lineage graph; (0, 0) where they depend on the settings or the calendar."""
        return self.over.offsets or (0, 0)

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
        if self.over.anchored and reader.partition == "week" and upstream.partition == "day":
            key = calendar.signal_day(key)
        history = reader_start if self.by_reader else start
        return [k for k in self.over.keys(calendar, key, section, history) if k >= oldest]


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
    """One asset.

    Its function `make` is called as `make(frames, partition, settings)` and returns a `Made`. frames: Frames of what `reads`
    names. partition: a Partition, which holds what the other fields declare. settings: the section of that name; name →
    section where there are several; None where there is none. The version of a partition covers all of it.
    """

    name: str
    stage: str
    partition: Literal["day", "week"]
    description: str
    schema: Mapping[str, pl.DataType | type[pl.DataType]]
    make: str  # "module:function"; imported on first use, so that declaring costs nothing
    reads: tuple[Read, ...] = ()
    lands: tuple[Land, ...] = ()
    # Name of the section for make and the look-backs; dots descend. Several: name → section.
    settings: str | tuple[str, ...] | None = None
    rules: tuple[str, ...] = ()  # kinds of rules (resources/settings/rulebook.py), for `partition.rules`
    reads_start: bool = False  # make reads `partition.start`, the first day of minute data
    reads_record: bool = False  # make reads `partition.record`, the verdicts on all other tables
    functions: tuple[str, ...] = ()  # settings that name one or several module:name, whose code counts as the table's
    built_in: Mapping[str, str] = field(
        default_factory=dict
    )  # short name that such a setting may hold → its module:name
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
        """Names of the settings sections that `make` is called with."""
        return (self.settings,) if isinstance(self.settings, str) else self.settings or ()

    @property
    def reads_itself(self) -> bool:
        return self.read(self.name) is not None
