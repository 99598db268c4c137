"""Which weeks train a model, and on which days: arithmetic on the calendar, nothing else.

Here: the rolling window, its purge, the retraining weeks, and from them the partitions that a week of a model or of the
scores reads (the look-backs of assets.py). Not here: data, labels, training.

With signal day s and label horizon h, the label of day t is known at the close of t + 1 + h (the trade enters at the
average price of t + 1). So, in trading days (SPEC §5.2, Purge):

    first feature … first train ——— last train | h days | first valid ——— last valid | h days | signal day s
                                     v₀ − (h+1)             v₀              s − (h+1)

Every border is derived from h. A week whose window would begin before the history has no model, and says why.
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

Kind = Literal["bars", "days"]  # of features: rows within the day, or one a day


@dataclass(frozen=True)
class Window:
    """The days behind one trained model; all are trading days, both ends of each range included."""

    first_feature: dt.date
    first_train: dt.date
    last_train: dt.date
    first_valid: dt.date
    last_valid: dt.date
    signal_day: dt.date
    horizon: int

    def feature_days(self, calendar: Calendar) -> list[dt.date]:
        """Days whose features the samples read: the first sequence's first day to the last validation day."""
        return calendar.days(self.first_feature, self.last_valid)

    def has_sample(self, day: dt.date) -> bool:
        """Whether a day is one of training or validation."""
        return self.first_train <= day <= self.last_train or self.first_valid <= day <= self.last_valid

    def train_days(self, calendar: Calendar) -> list[dt.date]:
        return calendar.days(self.first_train, self.last_train)

    def valid_days(self, calendar: Calendar) -> list[dt.date]:
        return calendar.days(self.first_valid, self.last_valid)


def days_needed(settings: ModelSettings) -> int:
    """Trading days from the window's first feature day to its signal day, both included."""
    between = settings.horizon  # days strictly between train and valid, and between valid and signal day
    return settings.sequence_days - 1 + settings.train_days + between + settings.valid_days + between + 1


def training_window(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> Window:
    """The window of a model trained after the close of the week's signal day, from a history that begins on `start`.

    Raises SettingsError, with the number of missing days, if the history is too short.
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
    return Window(first_feature, first_train, last_train, first_valid, last_valid, signal_day, settings.horizon)


def shortfall(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> Reason | None:
    """Why the week is before the first that can be trained; None when it is not."""
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
    """The week whose training serves `week`: itself or an earlier one; None before the first that can be trained.

    Raises SettingsError for a week without a trading day.
    """
    calendar.signal_day(week)
    trainings = training_weeks(calendar, settings, start)
    before = bisect.bisect_right(trainings, week)
    return trainings[before - 1] if before else None


def training_weeks(calendar: Calendar, settings: ModelSettings, start: dt.date) -> tuple[dt.date, ...]:
    """Every week of the calendar that trains, from a history that begins on `start`.

    The first is the first week whose window fits, on `first_training` or later; then the first whose signal day comes
    `retrain_every_weeks` trading weeks and `retrain_every_days` trading days, or more, after the previous one's. A pure
    function of calendar, settings and start: it does not depend on which weeks are run, and a longer calendar only adds.
    """
    first = calendar.index(start) + days_needed(settings) - 1
    every = settings.retrain_every_weeks, settings.retrain_every_days
    return _schedule(calendar, calendar.week_of(start), first, settings.first_training, *every)


@functools.lru_cache(maxsize=64)  # asked for by every week of every model, in each look at what is stale
def _schedule(
    calendar: Calendar, oldest: dt.date, first: int, not_before: dt.date | None, every_weeks: int, every_days: int
) -> tuple[dt.date, ...]:
    """The training weeks from the week `oldest` on, none with a signal day before index `first` or before a date."""
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


# --- what a week of a model reads -------------------------------------------------------------------------------------
# `start` is the beginning of the model's own history, which is that of the features: it decides which weeks train. Prices,
# listings and styles may begin long before, and decide nothing.


@Lookback
def bar_feature_days(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Days of bar features: a training week's window, where the model has a network on bars within the day."""
    return feature_days.keys(calendar, week, settings, start) if _uses(settings, "bars") else []


@Lookback
def daily_feature_days(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Days of daily features: a training week's window, where the model has a network on days."""
    return feature_days.keys(calendar, week, settings, start) if _uses(settings, "days") else []


@Lookback
def feature_days(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Days whose features, of either kind, and listings a training week reads; none of a week that carries a model forward
    or has none."""
    if trained_week(calendar, week, settings, start) != week:
        return []
    return training_window(calendar, week, settings, start).feature_days(calendar)


@Lookback
def price_days(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Days whose prices a training week reads: those of `window_days`, also before `start`."""
    if trained_week(calendar, week, settings, start) != week:
        return []
    return window_days(calendar, week, settings, calendar.first)


@Lookback
def style_days(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Days whose styles a training week's orthogonal layer needs: those of its samples."""
    if not settings.orthogonal_layer or trained_week(calendar, week, settings, start) != week:
        return []
    window = training_window(calendar, week, settings, start)
    return window.train_days(calendar) + window.valid_days(calendar)


def window_days(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """Days whose prices the labels of a window ending this week need, the signal day included, none before `start`."""
    back = days_needed(settings) - 1
    if settings.label == "risk_adjusted":
        back = max(back, days_needed(settings) - settings.sequence_days + settings.risk_days - 1)
    return days_to(calendar, calendar.signal_day(week), back + 1, start)


def carried_from(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """The earlier week whose model this week carries forward; none of a week that trains or has no model."""
    trained = trained_week(calendar, week, settings, start)
    return [] if trained is None or trained == week else [trained]


def warm_from(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """The previous training, whose weights a training week begins with; none of others, the first, or without warm_start."""
    if not settings.warm_start or trained_week(calendar, week, settings, start) != week:
        return []
    earlier = calendar.weeks(calendar.week_of(start), week - dt.timedelta(weeks=1))
    previous = trained_week(calendar, earlier[-1], settings, start) if earlier else None
    return [] if previous is None else [previous]


@Lookback
def earlier_weeks(calendar: Calendar, week: dt.date, settings: ModelSettings, start: dt.date) -> list[dt.date]:
    """The model's own week that this one continues: carried forward from it, or trained on from it."""
    return carried_from(calendar, week, settings, start) or warm_from(calendar, week, settings, start)


# --- what a week of the scores reads ----------------------------------------------------------------------------------


def in_force(calendar: Calendar, week: dt.date, lag: int, start: dt.date) -> dt.date | None:
    """The week whose model scores `week`: `lag` trading weeks before; None before the history."""
    weeks = calendar.weeks(calendar.week_of(start), week)
    return weeks[-1 - lag] if len(weeks) > lag else None


def model_weeks(calendar: Calendar, week: dt.date, settings: ModelSettings, lag: int, start: dt.date) -> list[dt.date]:
    """Partitions of one model that the score of `week` reads: the model in force, and the week that trained it."""
    serving = in_force(calendar, week, lag, start)
    if serving is None:
        return []
    trained = trained_week(calendar, serving, settings, start)
    return sorted({serving} if trained is None else {serving, trained})


def weeks_of(model: str) -> Lookback[ModelsSettings]:
    """The weeks of one model that the scores read, by its key in the settings."""

    @Lookback
    def weeks(calendar: Calendar, week: dt.date, settings: ModelsSettings, start: dt.date) -> list[dt.date]:
        return model_weeks(calendar, week, settings.rows[model], settings.train_lag_weeks, start)

    return weeks


def score_days(kind: Kind) -> Lookback[ModelsSettings]:
    """The days of features that the scores read: the longest input sequence, to the signal day, of any network on `kind`."""

    @Lookback
    def days(calendar: Calendar, week: dt.date, settings: ModelsSettings, start: dt.date) -> list[dt.date]:
        return days_to(calendar, calendar.signal_day(week), longest_sequence(settings.rows, kind), start)

    return days


@Lookback
def sequence_days(calendar: Calendar, week: dt.date, settings: ModelsSettings, start: dt.date) -> list[dt.date]:
    """The days of the longest input sequence of all, to the signal day: those of the listings."""
    return days_to(calendar, calendar.signal_day(week), longest_sequence(settings.rows), start)


def longest_sequence(rows: Mapping[str, ModelSettings], kind: Kind | None = None) -> int:
    """The longest input sequence of these models, in days; of those on `kind` where one is named, 0 if there is none."""
    return max((row.sequence_days for row in rows.values() if kind is None or _uses(row, kind)), default=0)


def _uses(settings: ModelSettings, kind: Kind) -> bool:
    """Whether a model has a network on daily rows ("days"), or on the bars within them ("bars")."""
    return any((granularity == "daily") == (kind == "days") for granularity in settings.granularities)


def days_to(calendar: Calendar, last: dt.date, count: int, start: dt.date) -> list[dt.date]:
    """The `count` trading days up to `last`, none before `start`."""
    if count == 0:
        return []
    first = calendar.offset(last, -min(count - 1, calendar.index(last)))
    return calendar.days(max(first, start), last)
