"""The days on which offset paths are scored, and the partitions that their scores read: arithmetic on the calendar.

The signal day of a path may be before the week's last trading day. The week's model is trained after that day, so that the path
is scored by the models in force in the week before.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from assets.models.windows import FeatureKind, days_to, longest_sequence, model_weeks
from resources.calendar import Calendar
from resources.lookback import Lookback
from resources.settings.lines import WEEKDAYS, Weekday

Sections = Mapping[str, Any]  # the sections "models", "lines" and "portfolios" of the settings


def path_day(calendar: Calendar, week: dt.date, weekday: Weekday) -> dt.date:
    """Return the signal day of a weekday's path in a week: its last trading day up to the weekday, else its first."""
    days = calendar.week_days(week)
    return next((day for day in reversed(days) if day.weekday() <= WEEKDAYS.index(weekday)), days[0])


@Lookback
def offset_days(calendar: Calendar, week: dt.date, section: Sections, start: dt.date) -> list[dt.date]:
    """Return the paths' signal days in a week, ascending, without its last trading day, which the table scores has."""
    days = {path_day(calendar, week, weekday) for weekday in section["lines"].weekdays}
    return sorted(day for day in days - {calendar.signal_day(week)} if day >= start)


def scoring_models(section: Sections) -> tuple[str, ...]:
    """Return the models of the portfolios' alpha; none where the alpha consists of the ten factors."""
    return tuple(key for key in section["portfolios"].alphas if key in section["models"].rows)


def offset_weeks_of(model: str) -> Lookback[Sections]:
    """Return the look-back of `offset_scores` over one model: the weeks that its offset days are scored with."""

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


def offset_sequence_days(kind: FeatureKind | None) -> Lookback[Sections]:
    """Return the look-back over the days of the offset days' sequences, of networks on `kind`, or of any network if None."""

    @Lookback
    def reached(calendar: Calendar, week: dt.date, section: Sections, start: dt.date) -> list[dt.date]:
        days = offset_days.keys(calendar, week, section, start)
        rows = {model: section["models"].rows[model] for model in scoring_models(section)}
        count = longest_sequence(rows, kind)
        return sorted({day for one in days for day in days_to(calendar, one, count, start)})

    return reached
