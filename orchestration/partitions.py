"""Trading days and weeks as Dagster partitions. Mappings between them only draw the lineage; the builder asks the calendar.

The partitions are the days and weeks of the known calendar, independent of the machine's clock. By default Dagster ends a
partition set at the current time, so that a market with later days (a simulated one, or one on a machine whose clock is behind)
could not be built. `end_offset`, the number of partitions after the current time, is therefore set to the number of all
partitions, and `end` alone ends the set. Future days up to the end of the known calendar are partitions too; like the years before
a market's first day, they have no data.
"""

import datetime as dt

import dagster as dg

from resources.calendar import Calendar

FIRST = dt.date(2010, 1, 1)
FIRST_WEEK = dt.date(2010, 1, 4)
TIMEZONE = "Asia/Shanghai"


def trading_days(calendar: Calendar) -> dg.TimeWindowPartitionsDefinition:
    """All trading days from 2010 to the end of the known calendar.

    The cron schedule is daily, with weekends and holidays excluded. A schedule of the weekdays 1-5 would name Friday's partition
    by Monday.
    """
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
    """All calendar weeks from 2010 to the last one that the calendar covers completely, named by their Monday."""
    end = calendar.known_week(dt.date.max) + dt.timedelta(weeks=1)
    return dg.WeeklyPartitionsDefinition(
        start_date=str(FIRST_WEEK),
        end_date=str(end),
        day_offset=1,
        timezone=TIMEZONE,
        end_offset=(end - FIRST_WEEK).days // 7,
    )
