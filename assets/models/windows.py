"""The weeks in which a model is trained, and the days of its window: arithmetic on the calendar.

This module holds the rolling window, its purge, the retraining weeks, and the look-backs of assets.py, that is the partitions that a
week of a model or of the scores reads. It does not hold data, labels or training.

With signal day s and label horizon h, the label of day t is known at the close of t + 1 + h, because the trade enters at the average
price of t + 1. In trading days (SPEC §5.2, Purge):

    first feature … first train ——— last train | h days | first valid ——— last valid | h days | signal day s
                                     v₀ − (h+1)             v₀              s − (h+1)

Every border is derived from h. A week whose window would begin before the history has no model, with a reason.
"""

import bisect
import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from assets.models.reasons import FIRST_TRAINING_LATER, HISTORY_BEYOND_CALENDAR, SHORT_HISTORY
from resources.calendar import Calendar
from resources.errors import SettingsError
from resources.lookback import Lookback
from resources.reasons import Reason
from resources.settings.models import ModelSettings, ModelsSettings

FeatureKind = Literal["bars", "days"]  # the features that a network reads: rows within the day, or one row per day


@dataclass(frozen=True)
class TrainingWindow:
    """The days of one trained model. All are trading days, and both ends of each range are included."""

    first_feature: dt.date
    first_train: dt.date
    last_train: dt.date
    first_valid: dt.date
    last_valid: dt.date
    signal_day: dt.date
    horizon: int

    def feature_days(self, calendar: Calendar) -> list[dt.date]:
        """Return the days whose features the samples read: from the start of the first sequence to the last validation day."""
        return calendar.days(self.first_feature, self.last_valid)

    def has_sample(self, day: dt.date) -> bool:
        """Return whether a day is a training or validation day."""
        return self.first_train <= day <= self.last_train or self.first_valid <= day <= self.last_valid

    def train_days(self, calendar: Calendar) -> list[dt.date]:
        """Return the training days."""
        return calendar.days(self.first_train, self.last_train)

    def valid_days(self, calendar: Calendar) -> list[dt.date]:
        """Return the validation days."""
        return calendar.days(self.first_valid, self.last_valid)


def days_needed(settings: ModelSettings) -> int:
    """Return the number of trading days from the window's first feature day to its signal day, both included."""
    between = settings.horizon  # days strictly between train and valid, and between valid and signal day
    return settings.sequence_days - 1 + settings.train_days + between + settings.valid_days + between + 1


def training_window(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> TrainingWindow:
    """Return the window of a model trained after the close of the week's signal day, with a history that begins on `start`.

    Raises:
        SettingsError: The history is too short; the message has the number of missing days.
    """
    reason = shortfall(calendar, week, settings, start)
    if reason is not None:
        raise SettingsError(f"No model can be trained in the week of {week}: {reason}.")
    signal_day = calendar.signal_day(week)
    purge = settings.horizon + 1
    last_valid = calendar.offset(signal_day, -purge)
    first_valid = calendar.offset(last_valid, 1 - settings.valid_days)
    last_train = calendar.offset(first_valid, -purge)
    first_train = calendar.offset(last_train, 1 - settings.train_days)
    first_feature = calendar.offset(first_train, 1 - settings.sequence_days)
    return TrainingWindow(first_feature, first_train, last_train, first_valid, last_valid, signal_day, settings.horizon)


def shortfall(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> Reason | None:
    """Return the reason why the week is before the first that can be trained, or None if it is not."""
    signal_day = calendar.signal_day(week)
    held, needed = calendar.index(signal_day) - calendar.index(start) + 1, days_needed(settings)
    if held < needed:
        possible = calendar.index(start) + needed - 1 <= calendar.index(calendar.last)
        lengths = {
            "start": start, "held": max(held, 0), "needed": needed, "sequence": settings.sequence_days,
            "train": settings.train_days, "valid": settings.valid_days, "horizon": settings.horizon,
            "missing": needed - max(held, 0),
        }  # fmt: skip
        if not possible:
            return HISTORY_BEYOND_CALENDAR(**lengths, last=calendar.last)
        return SHORT_HISTORY(**lengths, first=calendar.week_of(calendar.offset(start, needed - 1)))
    if settings.first_training is not None and signal_day < settings.first_training:
        return FIRST_TRAINING_LATER(date=settings.first_training)
    return None


def trained_week(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> dt.date | None:
    """Return the week whose training is in force in `week`: itself or an earlier one; None before the first training.

    Raises:
        SettingsError: The week has no trading day.
    """
    calendar.signal_day(week)
    trainings = training_weeks(calendar, settings, start)
    before = bisect.bisect_right(trainings, week)
    return trainings[before - 1] if before else None


def training_weeks(calendar: Calendar, settings: ModelSettings, start: dt.date) -> tuple[dt.date, ...]:
    """Return all training weeks of the calendar, with a history that begins on `start`.

    The first training week is the first whose window fits, on `first_training` or later. Each next one is the first whose signal
    day is at least `retrain_every_weeks` trading weeks and `retrain_every_days` trading days after that of the previous one. The
    result is a function of calendar, settings and start; a longer calendar only appends weeks.
    """
    first = calendar.index(start) + days_needed(settings) - 1
    every = settings.retrain_every_weeks, settings.retrain_every_days
    return _schedule(calendar, calendar.week_of(start), first, settings.first_training, *every)


@functools.lru_cache(maxsize=64)  # every week of every model needs it, each time the stale partitions are determined
def _schedule(
    calendar: Calendar, oldest: dt.date, first: int, not_before: dt.date | None, every_weeks: int, every_days: int
) -> tuple[dt.date, ...]:
    """The training weeks from the week `oldest` on, none with a signal day before index `first` or before `not_before`."""
    trainings: list[dt.date] = []
    due_week, due_index = 0, first
    for position, week in enumerate(calendar.weeks(oldest, calendar.week_of(calendar.last))):
        signal_day = calendar.signal_day(week)
        index = calendar.index(signal_day)
        if position < due_week or index < due_index or (not_before is not None and signal_day < not_before):
            continue
        trainings.append(week)
        due_week, due_index = position + every_weeks, index + every_days
    return tuple(trainings)


# --- look-backs of a week of a model ----------------------------------------------------------------------------------
# `start` is the beginning of the model's history, which is that of the features; it decides the training weeks. Prices,
# listings and styles may begin earlier, which does not matter.


@Lookback
def bar_feature_days(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Return the days of bar features: the window of a training week, if the model has a network on bars within the day."""
    return feature_days.keys(calendar, week, settings, start) if _uses(settings, "bars") else []


@Lookback
def daily_feature_days(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Return the days of daily features: the window of a training week, if the model has a network on days."""
    return feature_days.keys(calendar, week, settings, start) if _uses(settings, "days") else []


@Lookback
def feature_days(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Return the days whose features and listings a training week reads; none for another week."""
    if trained_week(calendar, week, settings, start) != week:
        return []
    return training_window(calendar, week, settings, start).feature_days(calendar)


@Lookback
def price_days(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Return the days whose prices a training week reads: those of `window_days`, also before `start`; none for another week."""
    if trained_week(calendar, week, settings, start) != week:
        return []
    return window_days(calendar, week, settings, calendar.first)


@Lookback
def style_days(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Return the days whose styles the orthogonal layer of a training week needs: those of its samples."""
    if not settings.orthogonal_layer or trained_week(calendar, week, settings, start) != week:
        return []
    window = training_window(calendar, week, settings, start)
    return window.train_days(calendar) + window.valid_days(calendar)


def window_days(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Return the days whose prices the labels of this week's window need, up to the signal day, none before `start`."""
    back = days_needed(settings) - 1
    if settings.label == "risk_adjusted":
        back = max(back, days_needed(settings) - settings.sequence_days + settings.risk_days - 1)
    return days_to(calendar, calendar.signal_day(week), back + 1, start)


def carried_from(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Return the earlier week whose model this week carries forward; none for a week that trains or has no model."""
    trained = trained_week(calendar, week, settings, start)
    return [] if trained is None or trained == week else [trained]


def warm_from(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Return the previous training week, whose weights this week starts from; none unless it trains with `warm_start`."""
    if not settings.warm_start or trained_week(calendar, week, settings, start) != week:
        return []
    earlier = calendar.weeks(calendar.week_of(start), week - dt.timedelta(weeks=1))
    previous = trained_week(calendar, earlier[-1], settings, start) if earlier else None
    return [] if previous is None else [previous]


@Lookback
def earlier_weeks(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Return the earlier week of the model that this one is carried forward from, or starts its training from."""
    return carried_from(calendar, week, settings, start) or warm_from(calendar, week, settings, start)


# --- look-backs of a week of the scores -------------------------------------------------------------------------------


def in_force(calendar: Calendar, week: dt.date, lag: int, start: dt.date) -> dt.date | None:
    """Return the week whose model scores `week`, which is `lag` trading weeks earlier; None before the history."""
    weeks = calendar.weeks(calendar.week_of(start), week)
    return weeks[-1 - lag] if len(weeks) > lag else None


def model_weeks(calendar: Calendar, week: dt.date, settings: ModelSettings, lag: int, start: dt.date) -> list[dt.date]:
    """Return the partitions of one model that the scores of `week` read: the week in force, and the week of its training."""
    serving = in_force(calendar, week, lag, start)
    if serving is None:
        return []
    trained = trained_week(calendar, serving, settings, start)
    return sorted({serving} if trained is None else {serving, trained})


def weeks_of(model: str) -> Lookback[ModelsSettings]:
    """Return the look-back of the scores over one model, given by its key in the settings."""

    @Lookback
    def weeks(calendar: Calendar, week: dt.date, settings: ModelsSettings, start: dt.date) -> list[dt.date]:
        return model_weeks(calendar, week, settings.rows[model], settings.train_lag_weeks, start)

    return weeks


def score_days(kind: FeatureKind) -> Lookback[ModelsSettings]:
    """Return the look-back of the scores over features: the longest input sequence of the networks on `kind`."""

    @Lookback
    def days(calendar: Calendar, week: dt.date, settings: ModelsSettings, start: dt.date) -> list[dt.date]:
        return days_to(calendar, calendar.signal_day(week), longest_sequence(settings.rows, kind), start)

    return days


@Lookback
def sequence_days(calendar: Calendar, week: dt.date, settings: ModelsSettings, start: dt.date) -> list[dt.date]:
    """Return the days of the longest input sequence of all networks up to the signal day, for the listings."""
    return days_to(calendar, calendar.signal_day(week), longest_sequence(settings.rows), start)


def longest_sequence(rows: Mapping[str, ModelSettings], kind: FeatureKind | None = None) -> int:
    """Return the longest input sequence of these models in days, of those on `kind` if it is set; 0 without any."""
    return max((row.sequence_days for row in rows.values() if kind is None or _uses(row, kind)), default=0)


def _uses(settings: ModelSettings, kind: FeatureKind) -> bool:
    """Whether a model has a network on daily rows ("days"), or on bars within the day ("bars")."""
    return any((granularity == "daily") == (kind == "days") for granularity in settings.granularities)


def days_to(calendar: Calendar, last: dt.date, count: int, start: dt.date) -> list[dt.date]:
    """Return the `count` trading days up to `last`, none before `start`."""
    if count == 0:
        return []
    first = calendar.offset(last, -min(count - 1, calendar.index(last)))
    return calendar.days(max(first, start), last)
