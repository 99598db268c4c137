"""Which days the offset paths score, and which partitions that reads: arithmetic on the calendar, nothing else.

A path whose signal day comes before the week's last trading day can't know the week's model, which is trained after that
day: the models in force in the week before score it.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from assets.models.windows import Kind, days_to, longest_sequence, model_weeks
from resources.calendar import Calendar
from resources.lookback import Lookback
from resources.settings.lines import WEEKDAYS, Weekday

Sections = Mapping[str, Any]  # "models", "lines", "portfolios"


def path_day(calendar: Calendar, week: dt.date, weekday: Weekday) -> dt.date:
    """The signal day of a weekday's path in a week: the last trading day up to it, else the week's first."""
    days = calendar.week_days(week)
    return next((day for day in reversed(days) if day.weekday() <= WEEKDAYS.index(weekday)), days[0])


@Lookback
def offset_days(calendar: Calendar, week: dt.date, section: Sections, start: dt.date) -> list[dt.date]:
    """The paths' signal days in a week, ascending, but for its last trading day, which the table scores has."""
    days = {path_day(calendar, week, weekday) for weekday in section["lines"].weekdays}
    return sorted(day for day in days - {calendar.signal_day(week)} if day >= start)


def scoring_models(section: Sections) -> tuple[str, ...]:
    """The networks that the offset paths' score is made of; none where it is made of the ten factors."""
    return tuple(key for key in section["portfolios"].alphas if key in section["models"].rows)


def offset_weeks_of(model: str) -> Lookback[Sections]:
    """The weeks of one model that a week's offset days are scored with."""

    @Lookback
    def weeks(calendar: Calendar, week: dt.date, section: Sections, start: dt.date) -> list[dt.date]:
        models = section["models"]
        if model not in scoring_models(section) or not offset_days.keys(calendar, week, section, start):
            return []
        if week <= calendar.week_of(start):
            return []
        before = calendar.offset_week(week, -1)
        return model_weeks(calendar, before, models.rows[model], models.train_lag_weeks, start)

    return weeks


def offset_sequence_days(kind: Kind | None) -> Lookback[Sections]:
    """The days that the offset days' sequences reach over, of networks on `kind`; None: of any."""

    @Lookback
    def reached(calendar: Calendar, week: dt.date, section: Sections, start: dt.date) -> list[dt.date]:
        days = offset_days.keys(calendar, week, section, start)
        rows = {model: section["models"].rows[model] for model in scoring_models(section)}
        count = longest_sequence(rows, kind)
        return sorted({day for one in days for day in days_to(calendar, one, count, start)})

    return reached
