"""The declaration of a table, which a stage's `assets.py` makes and the builder, the plan and Dagster read.

This module defines Table, Read and Land. Look-backs are in resources/lookback.py, and resources/builder.py makes, judges and writes
partitions. Only orchestration/ depends on Dagster.
"""

import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from resources.calendar import Calendar
from resources.gate import Check
from resources.lookback import Lookback, all_weeks, days, same, week_days, weeks
from resources.made import Made

__all__ = ["Land", "Lookback", "Made", "Read", "Table", "all_weeks", "days", "same", "week_days", "weeks"]


@dataclass(frozen=True)
class Read:
    """An upstream table and the look-back with which one partition reads it.

    by_reader: the look-back starts with the history of the reading table. The upstream table's history may have begun long before
    and then does not decide which partitions are read.
    """

    table: str
    over: Lookback[Any] = same
    by_reader: bool = False

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
        """The partitions of `upstream` that partition `key` of `reader` reads, from the upstream's `start` on.

        Raises:
            SettingsError: `key` is a week without a trading day, or days after the end of the known calendar are needed.
        """
        oldest = start if upstream.partition == "day" else calendar.week_of(start)
        last = reader.signal_day(calendar, key)
        if self.over.anchored and upstream.partition == "day":
            key = last
        history = reader_start if self.by_reader else start
        keys = self.over.keys(calendar, key, section, history)
        return keys if not keys or keys[0] >= oldest else [k for k in keys if k >= oldest]


@dataclass(frozen=True)
class Land:
    """A part of the landing zone that a table may see: "ticks", "bars", or a reference table.

    until: everything dated up to the partition's day (the default), or only that day's rows. Undeclared parts are not available to
    the make function and are not part of the version.
    """

    name: str
    until: bool = True


@dataclass(frozen=True)
class Table:
    """The declaration of one table, which is one Dagster asset.

    The function `make` is called as `make(frames, partition, settings)` and returns a `Made`. frames: the Frames of the tables in
    `reads`. partition: a Partition with what the other fields declare. settings: the settings section, a mapping by name where
    several are declared, or None. The version of a partition covers all of them. group: the table's group of assets in Dagster, which
    also names its owners.
    """

    name: str
    group: str
    partition: Literal["day", "week"]
    description: str
    schema: Mapping[str, pl.DataType | type[pl.DataType]]
    make: str  # "module:function"; it is imported on first use, so that declarations load fast
    reads: tuple[Read, ...] = ()
    lands: tuple[Land, ...] = ()
    # The dotted name of the settings section for make and the look-backs, or several names.
    settings: str | tuple[str, ...] | None = None
    rules: tuple[str, ...] = ()  # kinds of rules (resources/settings/rulebook.py), for `partition.rules`
    reads_start: bool = False  # make reads `partition.start`, the first day of minute data
    reads_record: bool = False  # make reads `partition.record`, the verdicts on all other tables
    functions: tuple[str, ...] = ()  # settings with one or several "module:name", whose code is part of the code digest
    built_in: Mapping[str, str] = field(
        default_factory=dict
    )  # short names that such a setting may hold → "module:name"
    sort: tuple[str, ...] = ()
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # column or item → upstream "table.column"
    items: str | None = None  # the column whose values `needs` and `unavailable` name, instead of columns
    checks: tuple[Check, ...] = ()
    history: Literal["minutes", "reference"] = "minutes"
    plot: str | None = None  # "module:function" (frame) → SVG text for the UI
    # Its partitions are published: all of them are kept as issues (resources/issues.py), and "module:function" (Issues, settings section)
    # returns the files of the log of what was restated, by name.
    log: str | None = None
    shows: tuple[str, ...] = ()  # side files with a small table that the UI shows
    kinds: tuple[str, ...] = ("polars", "parquet")

    def read(self, name: str) -> Read | None:
        """The declared read of an upstream table; None where it is not read."""
        return next((read for read in self.reads if read.table == name), None)

    @property
    def sections(self) -> tuple[str, ...]:
        """The names of the settings sections that `make` is called with."""
        return (self.settings,) if isinstance(self.settings, str) else self.settings or ()

    def section(self, settings: Any) -> Any:
        """The settings section that `make` is called with; a mapping by name where there are several, None where there is none."""
        if isinstance(self.settings, tuple):
            return {name: functools.reduce(getattr, name.split("."), settings) for name in self.settings}
        return functools.reduce(getattr, self.settings.split("."), settings) if self.settings is not None else None

    def signal_day(self, calendar: Calendar, key: dt.date) -> dt.date:
        """The last day of a partition: the day itself, or the last trading day of the week."""
        return key if self.partition == "day" else calendar.signal_day(key)

    @property
    def reads_itself(self) -> bool:
        """Whether partitions of the table read earlier partitions of it."""
        return self.read(self.name) is not None
