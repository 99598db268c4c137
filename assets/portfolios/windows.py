"""Which partitions a week of a portfolio or of the lines reads, where the look-back follows from a setting. Nothing else."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from assets.models.offset_windows import path_day
from resources.calendar import Calendar
from resources.lookback import Lookback, offset_by, week_days
from resources.settings.lines import LinesSettings
from resources.settings.portfolios import PortfoliosSettings


@offset_by(-1, -1)
def previous_week(calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date) -> list[dt.date]:
    """The trading week before, whose target and holdings this one carries on.

    None where the history begins, and none up to the anchor week, the setting `start`.
    """
    if week <= calendar.week_of(start) or (section.start is not None and week <= section.start):
        return []
    return [calendar.offset_week(week, -1)]


@offset_by(-1, 0)
def two_weeks(calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date) -> list[dt.date]:
    """The week and, where there is one to carry on, the trading week before."""
    return [*previous_week.keys(calendar, week, section, start), week]


@Lookback
def previous_signal_day(
    calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date
) -> list[dt.date]:
    """The signal day of the trading week before, where there is one to carry on."""
    return [
        day for one in previous_week.keys(calendar, week, section, start) if (day := calendar.signal_day(one)) >= start
    ]


@Lookback
def benchmark_window(calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date) -> list[dt.date]:
    """The week's trading days and as many before them as published index weights are drifted over at most."""
    days = calendar.week_days(week)
    back = min(section.benchmark_max_age + 1, calendar.index(days[0]))
    return calendar.days(max(start, calendar.offset(days[0], -back)), days[-1])


@Lookback
def trade_day(calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date) -> list[dt.date]:
    """The week's first trading day, on which the target of the week before is traded; none under the daily fill rule."""
    if section.execution.fills.rule == "daily":
        return []
    return [day for day in calendar.week_days(week)[:1] if day >= start]


# --- what a week of the lines reads; the section is {"lines": …, "portfolios": …}. Nothing where no line is set -------


def _on(section: Mapping[str, Any]) -> bool:
    lines: LinesSettings = section["lines"]
    return bool(lines.alphas or lines.weekdays)


@Lookback
def line_days(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The signal days of all lines in the week, ascending."""
    if not _on(section):
        return []
    days = {path_day(calendar, week, weekday) for weekday in section["lines"].weekdays} | {calendar.signal_day(week)}
    return sorted(day for day in days if day >= start)


@Lookback
def line_trade_days(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The days after the lines' signal days: of the week before, and of this one where they still belong to it. None under
    the daily fill rule."""
    if not _on(section) or section["portfolios"].execution.fills.rule == "daily":
        return []
    signals = line_days.keys(calendar, week, section, start)
    if week > calendar.week_of(start):
        signals += line_days.keys(calendar, calendar.offset_week(week, -1), section, start)
    last = calendar.signal_day(week)
    return sorted(trade for day in signals if day < last and (trade := calendar.next_day(day)) >= start)


@offset_by(0, 0)
def lines_week(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The week itself, of a week table."""
    return [week] if _on(section) else []


@offset_by(-1, -1)
def lines_before(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The trading week before, whose states are carried on."""
    return [calendar.offset_week(week, -1)] if _on(section) and week > calendar.week_of(start) else []


@Lookback
def lines_prices(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The trading days of two weeks, as of the listings, and those over which published index weights are drifted."""
    if not _on(section):
        return []
    drifted = benchmark_window.keys(calendar, week, section["portfolios"], start)
    return sorted({*lines_listings(calendar, week, section, start), *drifted})


def lines_listings(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The trading days of the week and of the one before."""
    if not _on(section):
        return []
    first = calendar.offset_week(week, -1) if week > calendar.week_of(start) else week
    return [day for day in calendar.days(calendar.week_days(first)[0], calendar.signal_day(week)) if day >= start]


@Lookback
def lines_indices(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The week's trading days and the one before them."""
    return week_days(back=1).keys(calendar, week, section, start) if _on(section) else []
