"""The signal days behind a week's holdings, as pure functions of the calendar, and the look-backs of this stage.

This module does not hold which stocks are held (factor_returns.py).

Factors 1–10 are rebalanced on the last trading day of the month, models on the last trading day of the week; both are entered on
the next trading day (SPEC §7). A week can therefore be computed without the previous one: it needs the signal of the legs that
it holds and, if a trade day is within the week, the signal of the legs that are closed on it.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resources.calendar import Calendar
from resources.lookback import Lookback
from resources.settings.evaluation import EvaluationSettings

LONGEST_CLOSURE = dt.timedelta(weeks=10)  # more than any gap between two months' or weeks' last trading days


@dataclass(frozen=True)
class Rebalance:
    """A signal day and the trading day after it, at whose VWAP the legs are entered."""

    signal: dt.date
    trade: dt.date


def month_rebalances(calendar: Calendar, week: dt.date) -> list[Rebalance]:
    """Return the monthly rebalances whose legs are held during the week, oldest first: at most two, fewer at the start."""
    days = calendar.week_days(week)
    signals = [day for day in calendar.month_signal_days(days[0] - 2 * LONGEST_CLOSURE, days[-1]) if day < days[-1]]
    return _held([Rebalance(day, calendar.next_day(day)) for day in signals[-2:]], days[0])


def week_rebalances(calendar: Calendar, week: dt.date) -> list[Rebalance]:
    """Return the weekly rebalances whose legs are held during the week, oldest first.

    There are two, except at the start, because the trade day is the week's first day.
    """
    days = calendar.week_days(week)
    earlier = calendar.weeks(week - LONGEST_CLOSURE, week - dt.timedelta(weeks=1))[-2:]
    return _held([Rebalance(calendar.signal_day(w), calendar.trade_day(w)) for w in earlier], days[0])


def _held(rebalances: list[Rebalance], first_day: dt.date) -> list[Rebalance]:
    if rebalances and rebalances[-1].trade < first_day:
        return rebalances[-1:]
    return rebalances


def closed_holding(rebalances: list[Rebalance], calendar: Calendar, week: dt.date) -> list[Rebalance]:
    """Return the holding period that ends in the week as [its rebalance, the rebalance that ends it]; empty if none ends.

    rebalances: from `month_rebalances` or `week_rebalances` of the week.
    """
    return rebalances if len(rebalances) == 2 and calendar.week_of(rebalances[1].trade) == week else []


# --- look-backs -----------------------------------------------------------------------------------------------------


@Lookback
def month_signals(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """The signal days of factors 1–10 whose legs are held in the week."""
    return [rebalance.signal for rebalance in month_rebalances(calendar, week) if rebalance.signal >= start]


@Lookback
def score_weeks(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """The weeks of the scores whose legs are held in the week."""
    return [calendar.week_of(rebalance.signal) for rebalance in week_rebalances(calendar, week)]


@Lookback
def signals(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """All monthly and weekly signal days whose legs are held in the week."""
    held = month_rebalances(calendar, week) + week_rebalances(calendar, week)
    return sorted({rebalance.signal for rebalance in held if rebalance.signal >= start})


@Lookback
def holding_days(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """The trading days from the oldest entry still held in the week to the week's last day, over which weights drift."""
    held = month_rebalances(calendar, week) + week_rebalances(calendar, week)
    own = calendar.week_days(week)
    first = min((rebalance.trade for rebalance in held), default=own[0])
    return [day for day in calendar.days(first, own[-1]) if day >= start]


@Lookback
def entry_days(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The trade days of the entries held in the week, whose minute bars decide which stocks could be entered.

    Empty under the daily fill rule.
    """
    if section["portfolios.execution.fills"].rule == "daily":
        return []
    held = month_rebalances(calendar, week) + week_rebalances(calendar, week)
    return sorted({rebalance.trade for rebalance in held if rebalance.trade >= start})


@Lookback
def closed_month_signals(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """The signal day of the monthly holding period that ends in the week; empty if none ends."""
    closed = closed_holding(month_rebalances(calendar, week), calendar, week)
    return [rebalance.signal for rebalance in closed[:1] if rebalance.signal >= start]


@Lookback
def closed_score_weeks(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """The week of the scores whose holding period ends in the week, which is two weeks before it."""
    closed = closed_holding(week_rebalances(calendar, week), calendar, week)
    return [calendar.week_of(rebalance.signal) for rebalance in closed[:1]]


@Lookback
def closed_signals(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """The monthly and weekly signal days of the holding periods that end in the week."""
    held = closed_holding(month_rebalances(calendar, week), calendar, week)[:1]
    held += closed_holding(week_rebalances(calendar, week), calendar, week)[:1]
    return sorted({rebalance.signal for rebalance in held if rebalance.signal >= start})


@Lookback
def closed_days(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """The trading days of the holding periods that end in the week, including both trade days."""
    days: set[dt.date] = set()
    for rebalances in (month_rebalances(calendar, week), week_rebalances(calendar, week)):
        closed = closed_holding(rebalances, calendar, week)
        if closed:
            days.update(calendar.days(closed[0].trade, closed[1].trade))
    return sorted(day for day in days if day >= start)


@Lookback
def evaluated_weeks(calendar: Calendar, week: dt.date, section: EvaluationSettings, start: dt.date) -> list[dt.date]:
    """The weeks whose signals are evaluated in the week.

    These are the weeks whose return over a horizon ends on the week's first trading day and, for statistics without a return,
    the week itself and the previous one.
    """
    back = sorted({0, 1, *(horizon + 1 for horizon in section.horizons)}, reverse=True)
    return [one for n in back if (one := calendar.offset_week(week, -n)) >= calendar.week_of(start)]


@Lookback
def evaluated_signals(calendar: Calendar, week: dt.date, section: EvaluationSettings, start: dt.date) -> list[dt.date]:
    """The signal days of `evaluated_weeks`."""
    days = [calendar.signal_day(one) for one in evaluated_weeks.keys(calendar, week, section, start)]
    return [day for day in days if day >= start]


@Lookback
def evaluated_days(calendar: Calendar, week: dt.date, section: EvaluationSettings, start: dt.date) -> list[dt.date]:
    """The trading days from the entry of the oldest evaluated signal to the week's first day, on which the horizons end."""
    entry = calendar.trade_day(evaluated_weeks.keys(calendar, week, section, start)[0])
    return [day for day in calendar.days(entry, calendar.week_days(week)[0]) if day >= start]
