"""Dagster's view of trading days and weeks. Mappings between them are lineage only: every asset asks the calendar.

Partitions are the days and weeks that the calendar knows, whatever the machine's clock says. Dagster by itself ends a partition
set at the clock, and a market whose days lie after it, on a machine whose clock is behind or a market that is made up, could not be
built. So `end_offset`, the number of partitions that Dagster adds after the clock, is that of all of them, and `end` alone ends
them. Days to come are partitions too, at most those of the year that is announced: nothing has landed for them, as for the years
before a market's first day.
"""

import datetime as dt

import dagster as dg

from resources.calendar import Calendar

FIRST = dt.date(2010, 1, 1)
FIRST_WEEK = dt.date(2010, 1, 4)
TIMEZONE = "Asia/Shanghai"


def trading_days(calendar: Calendar) -> dg.TimeWindowPartitionsDefinition:
    """A daily cron less weekends and holidays, to the end of the known calendar: a later weekday is no partition until its
    holidays are announced. Not cron 1-5: that would name Friday's data by Monday."""
    calendar_days = (calendar.known_until - FIRST).days + 1
    holidays = [
        dt.datetime.combine(day, dt.time())
        for n in range(calendar_days)
        if (day := FIRST + dt.timedelta(days=n)).weekday() < 5 and not calendar.is_trading_day(day)
    ]
    return dg.TimeWindowPartitionsDefinition(
        start=dt.datetime.combine(FIRST, dt.time()),
        end=dt.datetime.combine(calendar.known_until + dt.timedelta(days=1), dt.time()),
        fmt="%Y-%m-%d",
        cron_schedule="0 0 * * *",
        timezone=TIMEZONE,
        exclusions=["0 0 * * 6", "0 0 * * 0", *holidays],
        end_offset=len(calendar.days(FIRST, calendar.known_until)),
    )


def trading_weeks(calendar: Calendar) -> dg.WeeklyPartitionsDefinition:
    """Calendar weeks by their Monday. The last one is the last that is wholly known."""
    end = calendar.known_week(dt.date.max) + dt.timedelta(weeks=1)
    return dg.WeeklyPartitionsDefinition(
        start_date=str(FIRST_WEEK),
        end_date=str(end),
        day_offset=1,
        timezone=TIMEZONE,
        end_offset=(end - FIRST_WEEK).days // 7,
    )
