"""The plan: which partitions must be built for a request, in which order, and for which reasons. Planning builds nothing."""

import collections
import contextlib
import datetime as dt
import gc
import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from assets.models.windows import shortfall
from resources.builder import Builder
from resources.errors import NotReadyError, SettingsError
from resources.making import Reads
from resources.reasons import Code, Reason
from resources.stale import INPUT_AGAIN, INPUT_STOPPED, INPUT_TRIED_FIRST, INPUTS_AGAIN, REFUSED_BEFORE
from resources.table import Table


@dataclass(frozen=True)
class Step:
    """A partition that must be built or that is blocked, with the reason.

    root: for a blocked partition, whether the cause is in the partition itself and not in an input.
    """

    table: Table
    key: dt.date
    reason: Reason
    root: bool = False


@dataclass(frozen=True)
class Plan:
    """The partitions to build and the blocked ones.

    steps: the partitions to build, each after its inputs. blocked: the partitions that cannot be built now. examined: the number of
    partitions that were examined. A partition that was refused before is a step, and the partitions made from it are blocked until
    it has been tried again.
    """

    steps: tuple[Step, ...]
    blocked: tuple[Step, ...]
    examined: int

    def __bool__(self) -> bool:
        return bool(self.steps)

    def reasons(self) -> dict[tuple[str, Reason], int]:
        """Count the steps by table name and reason. Inputs of one table that are built again count as one reason."""
        return dict(collections.Counter((step.table.name, _summed_up(step.reason)) for step in self.steps))


def _summed_up(reason: Reason) -> Reason:
    return INPUTS_AGAIN(table=reason.parameters["table"]) if reason.code == INPUT_AGAIN.name else reason


def make_plan(
    builder: Builder, requested: Iterable[tuple[str, dt.date]], tried: Collection[tuple[str, dt.date]] = ()
) -> Plan:
    """Plan the stale partitions among the requested ones and everything upstream of them.

    Args:
        builder: the open platform.
        requested: table names with partition keys.
        tried: the partitions that this run has already tried. Those that are still stale could not be built and are not repeated.
    """
    builder.lake.forget()
    with builder.snapshot(), _collector_paused():
        return _planned(builder, _needed(builder, requested), tried)


@contextlib.contextmanager
def _collector_paused() -> Iterator[None]:
    """Pause the search for cycles of objects. A plan of ten years makes a million objects and no cycles."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _planned(builder: Builder, needed: Mapping[str, set[dt.date]], tried: Collection[tuple[str, dt.date]]) -> Plan:
    steps: list[Step] = []
    blocked: list[Step] = []
    # By table, because most tables have none, and most plans ask for a million inputs.
    stale: dict[str, set[dt.date]] = {name: set() for name in builder.tables}
    # Partitions that cannot be read now → the reason of those made from them.
    stopped: dict[str, dict[dt.date, Code]] = {name: {} for name in builder.tables}
    # The order is that in which the data flows, and within a table by date, because tables may read their own earlier partitions.
    for table in builder.tables.values():
        for key in sorted(needed.get(table.name, ())):
            own = (table.name, key)
            reads = builder.reads(table, key)
            if (cause := _first(reads, stopped)) is not None:
                name, k = cause
                blocked.append(Step(table, key, stopped[name][k](table=name, partition=k)))
                stopped[table.name][key] = INPUT_STOPPED
                continue
            reason = builder.stale(table, key)
            refused = builder.lake.refused(table, key)
            renewed = _first(reads, stale)
            if reason is not None and reason.code == REFUSED_BEFORE.name and own not in tried:
                steps.append(Step(table, key, reason))
                stopped[table.name][key] = INPUT_TRIED_FIRST
            elif reason is not None and own not in tried:
                steps.append(Step(table, key, reason))
                stale[table.name].add(key)
            elif renewed is not None:
                steps.append(Step(table, key, reason or INPUT_AGAIN(table=renewed[0], partition=renewed[1])))
                stale[table.name].add(key)
            elif cause_here := refused or builder.blocked.get(own) or reason:
                blocked.append(Step(table, key, cause_here, root=True))
                stopped[table.name][key] = INPUT_STOPPED
    return Plan(tuple(steps), tuple(blocked), sum(map(len, needed.values())))


def _first(reads: Reads, marked: Mapping[str, Collection[dt.date]]) -> tuple[str, dt.date] | None:
    """The first of a partition's inputs that is marked; None where none is."""
    for upstream, keys in reads:
        if among := marked[upstream.name]:
            for key in keys:
                if key in among:
                    return upstream.name, key
    return None


def _needed(builder: Builder, requested: Iterable[tuple[str, dt.date]]) -> dict[str, set[dt.date]]:
    """The requested partitions and everything upstream of them, by table name."""
    needed: dict[str, set[dt.date]] = {}
    queue = [(builder.tables[name], [key]) for name, key in requested]
    while queue:
        table, keys = queue.pop()
        have = needed.setdefault(table.name, set())
        if have.issuperset(keys):
            continue
        for key in [key for key in keys if key not in have]:
            have.add(key)
            queue.extend(builder.reads(table, key))
    return needed


def require_complete_week(builder: Builder, week: dt.date) -> None:
    """Check that every trading day of a week has landed. A report needs a complete week.

    Raises:
        NotReadyError: the week has no trading day, or data of some of its days is missing.
    """
    days = builder.calendar.week_days(week)
    if not days:
        raise NotReadyError(f"The week of {week} has no trading day, so it has no report. Name another week.")
    landed = set(builder.zone.days())
    missing = [day for day in days if day not in landed]
    if missing:
        complete = _last_complete_week(builder)
        raise NotReadyError(
            f"The week of {week} is incomplete: nothing has landed in {builder.zone.root} for {', '.join(map(str, missing))} "
            "(neither ticks/<YYYYMMDD>/ nor bars/<YYYYMMDD>.parquet). Deliver these days"
            + (f", or name the last complete week, {complete}." if complete else "; no other week is complete yet.")
        )


def last_complete_week(builder: Builder) -> dt.date:
    """The Monday of the last week whose every trading day has landed.

    Raises:
        NotReadyError: no week is complete.
    """
    week = _last_complete_week(builder)
    if week is None:
        first = builder.calendar.week_of(builder.start)
        last = builder.calendar.week_of(builder.zone.days()[-1])
        raise NotReadyError(
            f"{builder.zone.root} holds no complete trading week yet: its days are in the weeks of {first} … {last}. Deliver the "
            "missing days of a week; a run with WEEK= lists the missing days of that week."
        )
    return week


def beyond_calendar(builder: Builder) -> str:
    """A message about data after the end of the known calendar; "" where the calendar covers every day that has landed."""
    late = [day for day in builder.zone.days() if day > builder.calendar.known_until]
    if not late:
        return ""
    complete = _last_complete_week(builder)
    return f"{builder.zone.root} holds {len(late)} days from {late[0]} on. {builder.calendar.warning(late[0])}" + (
        f" A run for the last complete week of the known calendar must name it: {complete}." if complete else ""
    )


def complete_weeks(builder: Builder, last: int) -> list[dt.date]:
    """The Mondays of the last `last` weeks whose every trading day has landed, or of fewer where there are fewer, ascending."""
    start, landed = builder.start, set(builder.zone.days())
    weeks = builder.calendar.weeks(builder.calendar.week_of(start), builder.calendar.known_week(max(landed)))
    complete = (week for week in reversed(weeks) if landed.issuperset(builder.calendar.week_days(week)))
    return sorted(itertools.islice(complete, last))


def require_history(builder: Builder, week: dt.date) -> None:
    """Check that the history is long enough for every model's window (SPEC §5.2).

    Raises:
        SettingsError: it is too short for a model, and `models.short_history` is "error".
    """
    models = builder.settings.models
    for key, row in models.rows.items():
        reason = shortfall(builder.calendar, week, row, builder.start)
        if reason is not None and models.short_history == "error":
            raise SettingsError(
                f"{key} cannot be trained by the week of {week}: {reason}. Name a later week, deliver more history, shorten "
                f"the window (models.{key}.train_days and the like), or set models.short_history to 'n/a' for a report "
                "without it."
            )


def _last_complete_week(builder: Builder) -> dt.date | None:
    return next(iter(complete_weeks(builder, 1)), None)
