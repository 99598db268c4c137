"""The look-backs of the portfolios and of the lines that depend on settings: which partitions one week reads."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from assets.models.offset_windows import path_day
from resources.calendar import Calendar
from resources.lookback import Lookback, week_days
from resources.settings.lines import LinesSettings
from resources.settings.portfolios import PortfoliosSettings


@Lookback
def previous_week(calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date) -> list[dt.date]:
    """The previous trading week, whose target and holdings are the start of this one.

    Empty in the first week of the history, and up to the week of the setting `start`.
    """
    if week <= calendar.week_of(start) or (section.start is not None and week <= section.start):
        return []
    return [calendar.offset_week(week, -1)]


@Lookback
def two_weeks(calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date) -> list[dt.date]:
    """The week itself and, except at the start (`previous_week`), the previous trading week."""
    return [*previous_week.keys(calendar, week, section, start), week]


@Lookback
def previous_signal_day(
    calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date
) -> list[dt.date]:
    """The signal day of the previous trading week; empty at the start (`previous_week`)."""
    return [
        day for one in previous_week.keys(calendar, week, section, start) if (day := calendar.signal_day(one)) >= start
    ]


@Lookback
def benchmark_window(calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date) -> list[dt.date]:
    """The week's trading days and the longest span before them over which published index weights may be drifted."""
    days = calendar.week_days(week)
    back = min(section.benchmark_max_age + 1, calendar.index(days[0]))
    return calendar.days(max(start, calendar.offset(days[0], -back)), days[-1])


@Lookback
def trade_day(calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date) -> list[dt.date]:
    """The week's first trading day, on which the previous week's target is traded; empty under the daily fill rule."""
    if section.execution.fills.rule == "daily":
        return []
    return [day for day in calendar.week_days(week)[:1] if day >= start]


# --- look-backs of the lines: the section is {"lines": …, "portfolios": …}; all are empty where no line is set ---------


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
    """The trade days of the lines that are in this week, after signal days of the previous week or of this one.

    Empty under the daily fill rule.
    """
    if not _on(section) or section["portfolios"].execution.fills.rule == "daily":
        return []
    signals = line_days.keys(calendar, week, section, start)
    if week > calendar.week_of(start):
        signals += line_days.keys(calendar, calendar.offset_week(week, -1), section, start)
    last = calendar.signal_day(week)
    return sorted(trade for day in signals if day < last and (trade := calendar.next_day(day)) >= start)


@Lookback
def lines_week(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The week itself, as the look-back of a weekly table."""
    return [week] if _on(section) else []


@Lookback
def lines_before(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The previous trading week, whose stored states are the start of this one."""
    return [calendar.offset_week(week, -1)] if _on(section) and week > calendar.week_of(start) else []


@Lookback
def lines_prices(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The days of `lines_listings`, and those over which published index weights are drifted."""
    if not _on(section):
        return []
    drifted = benchmark_window.keys(calendar, week, section["portfolios"], start)
    return sorted({*lines_listings(calendar, week, section, start), *drifted})


def lines_listings(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The trading days of the week and of the previous one."""
    if not _on(section):
        return []
    first = calendar.offset_week(week, -1) if week > calendar.week_of(start) else week
    return [day for day in calendar.days(calendar.week_days(first)[0], calendar.signal_day(week)) if day >= start]


@Lookback
def lines_indices(calendar: Calendar, week: dt.date, section: Mapping[str, Any], start: dt.date) -> list[dt.date]:
    """The week's trading days and the trading day before them."""
    return week_days(back=1).keys(calendar, week, section, start) if _on(section) else []
