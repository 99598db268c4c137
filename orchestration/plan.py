"""What must be built for what was asked, and why: a pure look at lake, landing zone and calendar. Nothing is built here."""

import collections
import datetime as dt
import itertools
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from resources.builder import Builder
from resources.errors import NotReadyError
from resources.reasons import Code, Reason, as_reason
from resources.stale import INPUT_AGAIN, INPUT_STOPPED, INPUT_TRIED_FIRST, INPUTS_AGAIN, REFUSED_BEFORE
from resources.table import Table


@dataclass(frozen=True)
class Step:
    """A partition to build, and the reason; or one that cannot be built, and why. root: the cause lies in itself."""

    table: Table
    key: dt.date
    reason: Reason
    root: bool = False


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which they can be built; `blocked`: partitions that cannot be, because a gate refused an input.

    A partition that was refused before is a step, and what is made from it is blocked until it has been tried again.
    """

    steps: tuple[Step, ...]
    blocked: tuple[Step, ...]
    examined: int

    def __bool__(self) -> bool:
        return bool(self.steps)

    def reasons(self) -> dict[tuple[str, Reason], int]:
        """(table, reason) → how many partitions, for a short account of the plan: inputs of one table that are built again count as
        one reason."""
        return dict(collections.Counter((step.table.name, _summed_up(step.reason)) for step in self.steps))


def _summed_up(reason: Reason) -> Reason:
    return INPUTS_AGAIN(table=reason.parameters["table"]) if reason.code == INPUT_AGAIN.name else reason


def make_plan(
    builder: Builder, asked: Iterable[tuple[str, dt.date]], tried: Collection[tuple[str, dt.date]] = ()
) -> Plan:
    """The stale partitions among what was asked and all it is made from, each with its reason.

    tried: partitions that this run has tried already. Those that are still stale could not be built, and are not tried again.
    """
    builder.lake.forget()
    needed = _needed(builder, asked)
    steps: list[Step] = []
    blocked: list[Step] = []
    stale: set[tuple[str, dt.date]] = set()
    stopped: dict[tuple[str, dt.date], Code] = {}  # with what holds up what is made from it
    # In the order the data flows; within a table by date, for tables that read themselves.
    for table in builder.tables.values():
        for key in sorted(needed.get(table.name, ())):
            own = (table.name, key)
            inputs = [(upstream.name, k) for upstream, keys in builder.reads(table, key) for k in keys]
            held = next((one for one in inputs if one in stopped), None)
            if held is not None:
                stopped[own] = INPUT_STOPPED
                blocked.append(Step(table, key, stopped[held](table=held[0], partition=held[1])))
                continue
            reason = builder.stale(table, key)
            refused = builder.lake.refused(table, key)
            renewed = next((one for one in inputs if one in stale), None)
            if reason is not None and reason.code == REFUSED_BEFORE.name and own not in tried:
                steps.append(Step(table, key, reason))
                stopped[own] = INPUT_TRIED_FIRST
            elif reason is not None and own not in tried:
                steps.append(Step(table, key, reason))
                stale.add(own)
            elif renewed is not None:
                steps.append(Step(table, key, reason or INPUT_AGAIN(table=renewed[0], partition=renewed[1])))
                stale.add(own)
            elif said := refused or builder.blocked.get(own) or reason:
                blocked.append(Step(table, key, as_reason(said), root=True))
                stopped[own] = INPUT_STOPPED
    return Plan(tuple(steps), tuple(blocked), sum(map(len, needed.values())))


def _needed(builder: Builder, asked: Iterable[tuple[str, dt.date]]) -> dict[str, set[dt.date]]:
    """Table → partitions, of what was asked and everything upstream of it."""
    needed: dict[str, set[dt.date]] = {}
    queue = [(builder.tables[name], key) for name, key in asked]
    while queue:
        table, key = queue.pop()
        have = needed.setdefault(table.name, set())
        if key in have:
            continue
        have.add(key)
        for upstream, keys in builder.reads(table, key):
            known = needed.get(upstream.name, set())
            queue.extend((upstream, k) for k in keys if k not in known)
    return needed


def require_complete_week(builder: Builder, week: dt.date) -> None:
    """A report is only made of a week whose every trading day has landed."""
    days = builder.calendar.week_days(week)
    if not days:
        raise NotReadyError(f"The week of {week} has no trading day, so there is no report of it.")
    landed = set(builder.zone.days())
    missing = [day for day in days if day not in landed]
    if missing:
        complete = _last_complete_week(builder)
        raise NotReadyError(
            f"The week of {week} is incomplete: nothing has landed in {builder.zone.root} for {', '.join(map(str, missing))} "
            "(neither ticks/<YYYYMMDD>/ nor bars/<YYYYMMDD>.parquet). Deliver these days"
            + (f", or ask for the last complete week, {complete}." if complete else "; no other week is complete yet.")
        )


def last_complete_week(builder: Builder) -> dt.date:
    """The Monday of the last week whose every trading day has landed."""
    week = _last_complete_week(builder)
    if week is None:
        first = builder.calendar.week_of(builder.start)
        last = builder.calendar.week_of(builder.zone.days()[-1])
        raise NotReadyError(
            f"{builder.zone.root} holds no complete trading week yet: its days lie in the weeks of {first} … {last}. Deliver the "
            "missing days of a week; naming one with WEEK= lists them."
        )
    return week


def beyond_calendar(builder: Builder) -> str:
    """Why the newest data belongs to no known week yet; "" where the calendar knows every day that has landed."""
    late = [day for day in builder.zone.days() if day > builder.calendar.known_until]
    if not late:
        return ""
    complete = _last_complete_week(builder)
    return f"{builder.zone.root} holds {len(late)} days from {late[0]} on. {builder.calendar.warning(late[0])}" + (
        f" The last complete week that is known, {complete}, can be asked for by name." if complete else ""
    )


def complete_weeks(builder: Builder, last: int) -> list[dt.date]:
    """The Mondays of the last weeks, at most so many, whose every trading day has landed, in order."""
    start, landed = builder.start, set(builder.zone.days())
    weeks = builder.calendar.weeks(builder.calendar.week_of(start), builder.calendar.known_week(max(landed)))
    complete = (week for week in reversed(weeks) if landed.issuperset(builder.calendar.week_days(week)))
    return sorted(itertools.islice(complete, last))


def _last_complete_week(builder: Builder) -> dt.date | None:
    return next(iter(complete_weeks(builder, 1)), None)
