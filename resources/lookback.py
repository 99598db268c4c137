"""Look-backs: which partitions of a table one partition of another reads.

This module has the class and the look-backs that several tables share. A stage's own look-backs are in its windows.py.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from resources.calendar import Calendar

OwnSection = TypeVar("OwnSection", contravariant=True)
# (calendar, partition, settings section, start of the history) → the partitions read, ascending
Select = Callable[[Calendar, dt.date, OwnSection, dt.date], list[dt.date]]


@dataclass(frozen=True)
class Lookback(Generic[OwnSection]):
    """Which partitions of a table one partition of another reads. It can decorate the function that selects them.

    anchored: a week table that reads a day table passes its signal day in place of its Monday.

    >>> week_days(back=1).keys(Calendar([dt.date(2024, 1, 5), dt.date(2024, 1, 8)]), dt.date(2024, 1, 8), None, dt.date.min)
    [datetime.date(2024, 1, 5), datetime.date(2024, 1, 8)]
    """

    select: Select[OwnSection]
    anchored: bool = False

    def keys(self, calendar: Calendar, key: dt.date, section: OwnSection, start: dt.date) -> list[dt.date]:
        """The partitions that partition `key` reads, ascending.

        key: a day, or a week's Monday. section: the settings section of the reading table. start: the first day of the history of
        the table that is read, or of the reading table where its Read sets `by_reader`.
        """
        return self.select(calendar, key, section, start)


def _own(calendar: Calendar, key: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    return [key]


same: Lookback[Any] = Lookback(_own, anchored=True)
"""The same partition. A week table that reads a day table reads the signal day."""


def days(first: int, last: int) -> Lookback[Any]:
    """The days from offset `first` to offset `last` in trading days, relative to the day itself or to the week's signal day."""

    def select(calendar: Calendar, key: dt.date, section: Any, start: dt.date) -> list[dt.date]:
        reach = max(first, -calendar.index(key))
        return (
            calendar.days(max(calendar.offset(key, reach), start), calendar.offset(key, last)) if reach <= last else []
        )

    return Lookback(select, anchored=True)


def week_days(back: int = 0) -> Lookback[Any]:
    """All trading days of the week, and the `back` trading days before its first one."""

    def select(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
        own = calendar.week_days(week)
        first = calendar.offset(own[0], -min(back, calendar.index(own[0])))
        return [day for day in calendar.days(first, own[-1]) if day >= start]

    return Lookback(select)


def weeks(first: int, last: int) -> Lookback[Any]:
    """The weeks from offset `first` to offset `last` in trading weeks, relative to the week itself."""

    def select(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
        oldest = calendar.week_of(start)
        return [w for n in range(first, last + 1) if (w := calendar.offset_week(week, n)) >= oldest]

    return Lookback(select)


@Lookback
def all_weeks(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """Every trading week from the start of the history to the week itself."""
    return calendar.weeks(calendar.week_of(start), week)
