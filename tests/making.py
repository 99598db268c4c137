"""Calls a make function as the builder does, with a partition made by hand: what a test does not name has a plain default."""

import datetime as dt
import functools
from collections.abc import Callable
from typing import Any

import polars as pl

from resources.calendar import Calendar
from resources.made import Made
from resources.partition import Frames, Partition
from resources.rulebook import Rulebook


@functools.cache
def exchange_calendar() -> Calendar:
    return Calendar.xshg()


def partition_of(date: dt.date | None = None, **known: Any) -> Partition:
    """`Partition.of` with the exchange's calendar, the shipped rules, no merger and no scratch folder unless they are named.
    date: None is the signal day of the `week`."""
    calendar = known.setdefault("calendar", exchange_calendar())
    day = date or calendar.signal_day(known["week"])
    return Partition.of(day, **{"mergers": (), "scratch": None, "rules": Rulebook.on(day)} | known)


def run_make(make: Callable[..., Made], *, date: dt.date | None = None, settings: Any = None, **known: Any) -> Made:
    """What `make` makes. Of `known` the frames are its input frames, by their tables; the rest belongs to its partition."""
    frames = {name: value.lazy() for name, value in known.items() if isinstance(value, pl.DataFrame | pl.LazyFrame)}
    rest = {name: value for name, value in known.items() if name not in frames}
    made = make(frames=Frames(frames), partition=partition_of(date, **rest), settings=settings)
    assert isinstance(made, Made)
    return made
