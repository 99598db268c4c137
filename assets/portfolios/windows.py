"""Which partitions a week of a portfolio reads, where the look-back follows from a setting. Nothing else."""

import datetime as dt

from resources.calendar import Calendar
from resources.settings.portfolios import PortfoliosSettings


def previous_week(calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date) -> list[dt.date]:
    """The trading week before, whose target and holdings this one carries on.

    None where the history begins, and none up to the anchor week, the setting `start`.
    """
    if week <= calendar.week_of(start) or (section.start is not None and week <= section.start):
        return []
    return [calendar.offset_week(week, -1)]


def two_weeks(calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date) -> list[dt.date]:
    """The week and, where there is one to carry on, the trading week before."""
    return [*previous_week(calendar, week, section, start), week]


def previous_signal_day(
    calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date
) -> list[dt.date]:
    """The signal day of the trading week before, where there is one to carry on."""
    return [day for one in previous_week(calendar, week, section, start) if (day := calendar.signal_day(one)) >= start]


def benchmark_window(calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date) -> list[dt.date]:
    """The week's trading days and as many before them as published index weights are drifted over at most."""
    days = calendar.week_days(week)
    back = min(section.benchmark_max_age + 1, calendar.index(days[0]))
    return calendar.days(max(start, calendar.offset(days[0], -back)), days[-1])


def trade_day(calendar: Calendar, week: dt.date, section: PortfoliosSettings, start: dt.date) -> list[dt.date]:
    """The week's first trading day, on which the target of the week before is traded."""
    return [day for day in calendar.week_days(week)[:1] if day >= start]
