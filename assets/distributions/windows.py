"""The look-backs of distribution_shifts."""

import datetime as dt

from resources.calendar import Calendar
from resources.lookback import Lookback, week_days, weeks
from resources.settings.distributions import DistributionsSettings


@Lookback
def compared_days(calendar: Calendar, week: dt.date, section: DistributionsSettings, start: dt.date) -> list[dt.date]:
    """The week's trading days and the `section.days` trading days before its first one."""
    return week_days(back=section.days).keys(calendar, week, section, start)


@Lookback
def compared_weeks(calendar: Calendar, week: dt.date, section: DistributionsSettings, start: dt.date) -> list[dt.date]:
    """The weeks of the compared mean RankIC, which end with the week itself, and the `section.weeks` weeks before them."""
    return weeks(1 - section.weeks - section.ic_weeks, 0).keys(calendar, week, section, start)
