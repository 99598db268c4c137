"""Which signals the holdings of a week rest on, as a pure function of the calendar: the look-backs of this stage.

Here: signal and trade days, and the look-backs built on them. Not here: what is held (factor_returns.py).

Factors 1–10 are rebalanced on the last trading day of the month, models on the last of the week; either is entered on
the next trading day (SPEC §7). So a week can be computed alone: it needs the signal whose legs it holds and, if a trade
day lies in the week, the one whose legs leave.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resources.calendar import Calendar
from resources.lookback import Lookback, offset_by
from resources.settings.evaluation import EvaluationSettings

LONGEST_CLOSURE = dt.timedelta(weeks=10)  # more than any gap between two months' or weeks' last trading days


@dataclass(frozen=True)
class Rebalance:
    """A signal day and the trading day after it, at whose VWAP the legs are entered."""

    signal: dt.date
    trade: dt.date


def month_rebalances(calendar: Calendar, week: dt.date) -> list[Rebalance]:
    """Monthly rebalances whose legs are held at some time of the week, oldest first: one or two, fewer at the start."""
    days = calendar.week_days(week)
    signals = [day for day in calendar.month_signal_days(days[0] - 2 * LONGEST_CLOSURE, days[-1]) if day < days[-1]]
    return _held([Rebalance(day, calendar.next_day(day)) for day in signals[-2:]], days[0])


def week_rebalances(calendar: Calendar, week: dt.date) -> list[Rebalance]:
    """Weekly rebalances whose legs are held at some time of the week: the trade day is the week's first, so both."""
    days = calendar.week_days(week)
    earlier = calendar.weeks(week - LONGEST_CLOSURE, week - dt.timedelta(weeks=1))[-2:]
    return _held([Rebalance(calendar.signal_day(w), calendar.trade_day(w)) for w in earlier], days[0])


def _held(rebalances: list[Rebalance], first_day: dt.date) -> list[Rebalance]:
    if rebalances and rebalances[-1].trade < first_day:
        return rebalances[-1:]
    return rebalances


def closed_holding(rebalances: list[Rebalance], calendar: Calendar, week: dt.date) -> list[Rebalance]:
    """The holding period that ends in the week, as [its own rebalance, the one that ends it]; empty if none does."""
    return rebalances if len(rebalances) == 2 and calendar.week_of(rebalances[1].trade) == week else []


# --- look-backs -----------------------------------------------------------------------------------------------------


@Lookback
def month_signals(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """Signal days of the factors 1–10 whose legs the week holds."""
    return [rebalance.signal for rebalance in month_rebalances(calendar, week) if rebalance.signal >= start]


@offset_by(-2, -1)
def score_weeks(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """Weeks whose scores the week holds."""
    return [calendar.week_of(rebalance.signal) for rebalance in week_rebalances(calendar, week)]


@Lookback
def signals(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """All signal days whose legs the week holds, monthly and weekly."""
    held = month_rebalances(calendar, week) + week_rebalances(calendar, week)
    return sorted({rebalance.signal for rebalance in held if rebalance.signal >= start})


@Lookback
def holding_days(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """Trading days from the oldest entry still held in the week to the week's last: what drift is computed from."""
    held = month_rebalances(calendar, week) + week_rebalances(calendar, week)
    own = calendar.week_days(week)
    first = min((rebalance.trade for rebalance in held), default=own[0])
    return [day for day in calendar.days(first, own[-1]) if day >= start]


@Lookback
def entry_days(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """Trade days of the entries held in the week, whose minute bars decide who could enter; none under the daily fill rule."""
    if section["portfolios.execution.fills"].rule == "daily":
        return []
    held = month_rebalances(calendar, week) + week_rebalances(calendar, week)
    return sorted({rebalance.trade for rebalance in held if rebalance.trade >= start})


@Lookback
def closed_month_signals(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """Signal day of the monthly holding period that ends in the week, if one does."""
    closed = closed_holding(month_rebalances(calendar, week), calendar, week)
    return [rebalance.signal for rebalance in closed[:1] if rebalance.signal >= start]


@offset_by(-2, -2)
def closed_score_weeks(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """Week of the scores whose holding period ends in the week: the one before last."""
    closed = closed_holding(week_rebalances(calendar, week), calendar, week)
    return [calendar.week_of(rebalance.signal) for rebalance in closed[:1]]


@Lookback
def closed_signals(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """Signal days, monthly and weekly, of the holding periods that end in the week."""
    held = closed_holding(month_rebalances(calendar, week), calendar, week)[:1]
    held += closed_holding(week_rebalances(calendar, week), calendar, week)[:1]
    return sorted({rebalance.signal for rebalance in held if rebalance.signal >= start})


@Lookback
def closed_days(calendar: Calendar, week: dt.date, section: Any, start: dt.date) -> list[dt.date]:
    """Trading days of the holding periods that end in the week, both trade days included."""
    days: set[dt.date] = set()
    for rebalances in (month_rebalances(calendar, week), week_rebalances(calendar, week)):
        closed = closed_holding(rebalances, calendar, week)
        if closed:
            days.update(calendar.days(closed[0].trade, closed[1].trade))
    return sorted(day for day in days if day >= start)


@Lookback
def evaluated_weeks(calendar: Calendar, week: dt.date, section: EvaluationSettings, start: dt.date) -> list[dt.date]:
    """Weeks whose signals the week judges: those whose return over a horizon ends on its first trading day, and, for what
    needs no return, its own signal and the one before."""
    back = sorted({0, 1, *(horizon + 1 for horizon in section.horizons)}, reverse=True)
    return [one for n in back if (one := calendar.offset_week(week, -n)) >= calendar.week_of(start)]


@Lookback
def evaluated_signals(calendar: Calendar, week: dt.date, section: EvaluationSettings, start: dt.date) -> list[dt.date]:
    """Their signal days."""
    days = [calendar.signal_day(one) for one in evaluated_weeks.keys(calendar, week, section, start)]
    return [day for day in days if day >= start]


@Lookback
def evaluated_days(calendar: Calendar, week: dt.date, section: EvaluationSettings, start: dt.date) -> list[dt.date]:
    """Trading days from the entry of the oldest of these signals to the week's first, on which the horizons end."""
    entry = calendar.trade_day(evaluated_weeks.keys(calendar, week, section, start)[0])
    return [day for day in calendar.days(entry, calendar.week_days(week)[0]) if day >= start]
