"""Tests of training windows, training weeks and look-backs on random and real calendars."""

import datetime as dt
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.models import windows
from assets.models.assets import model_table
from resources.calendar import Calendar
from resources.code_digest import imports
from resources.errors import SettingsError
from resources.settings.models import ModelSettings, ModelsSettings
from resources.table import Table

FIRST = dt.date(2020, 1, 6)
INPUTS = ("bar_features", "daily_features", "daily_prices", "securities", "styles")


@st.composite
def cases(draw):
    """A calendar with random holidays, some of whole weeks; random windows; a start inside it."""
    count = draw(st.integers(60, 240))
    holidays = draw(st.sets(st.integers(0, count - 1), max_size=count // 3))
    lost_weeks = draw(st.sets(st.integers(0, count // 7), max_size=3))
    days = [
        day
        for n in range(count)
        if (day := FIRST + dt.timedelta(days=n)).weekday() < 5 and n not in holidays and n // 7 not in lost_weeks
    ]
    calendar = Calendar(days or [FIRST])
    row = ModelSettings(
        horizon=draw(st.integers(1, 15)),
        train_days=draw(st.integers(1, 15)),
        valid_days=draw(st.integers(1, 8)),
        sequence_days=draw(st.integers(1, 8)),
        retrain_every_weeks=draw(st.integers(1, 4)),
        retrain_every_days=draw(st.integers(1, 25)),
        label=draw(st.sampled_from(["excess", "risk_adjusted", "gaussian_rank"])),
        risk_days=draw(st.integers(2, 30)),
        first_training=draw(st.none() | st.integers(0, count).map(lambda n: FIRST + dt.timedelta(days=n))),
        granularities=draw(st.sampled_from([("daily",), ("30min",), ("daily", "60min", "30min")])),
        orthogonal_layer=draw(st.sampled_from([(), ("industry", "size")])),
        batch_names=0,
        warm_start=draw(st.booleans()),
    )
    start = draw(st.sampled_from(calendar.days(calendar.first, calendar.last)[:20]))
    return calendar, row, start


def weeks_of(calendar, start):
    return calendar.weeks(calendar.week_of(start), calendar.week_of(calendar.last))


@settings(max_examples=150, deadline=None)
@given(cases())
def test_each_border_has_exactly_h_days_between_and_every_label_is_known_in_time(case):
    calendar, row, start = case
    at, h = calendar.index, row.horizon
    for week in weeks_of(calendar, start):
        if windows.trained_week(calendar, week, row, start) is None:
            assert (
                "missing" in windows.shortfall(calendar, week, row, start).parameters or row.first_training is not None
            )
            with pytest.raises(SettingsError):
                windows.training_window(calendar, week, row, start)
            continue
        window = windows.training_window(calendar, week, row, start)
        s = calendar.signal_day(week)
        train, valid = window.train_days(calendar), window.valid_days(calendar)
        assert (len(train), len(valid)) == (row.train_days, row.valid_days)
        assert at(valid[0]) - at(train[-1]) - 1 == h
        assert at(s) - at(valid[-1]) - 1 == h
        # The label of t is known at the close of t + 1 + h: those of training by v₀, those of validation by s.
        assert all(at(t) + 1 + h <= at(valid[0]) for t in train)
        assert all(at(t) + 1 + h <= at(s) for t in valid)
        features = window.feature_days(calendar)
        assert features[0] >= start
        assert features[-1] == valid[-1]
        assert at(train[0]) - at(features[0]) == row.sequence_days - 1
        assert at(s) - at(features[0]) + 1 == windows.days_needed(row)
        prices = windows.window_days(calendar, week, row, calendar.first)
        assert prices[-1] == s
        assert set(features) <= set(prices)
        if row.label == "risk_adjusted":
            assert at(prices[0]) <= max(at(train[0]) - row.risk_days + 1, 0)
        assert all(window.has_sample(day) == (day in train or day in valid) for day in prices)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_a_week_trains_when_due_and_is_carried_otherwise(case):
    calendar, row, start = case
    trained, since = None, 0
    for week in weeks_of(calendar, start):
        since += 1
        s = calendar.index(calendar.signal_day(week))
        fits = s - calendar.index(start) + 1 >= windows.days_needed(row) and (
            row.first_training is None or calendar.signal_day(week) >= row.first_training
        )
        if trained is None:
            due = fits
        else:
            gap = s - calendar.index(calendar.signal_day(trained))
            due = since >= row.retrain_every_weeks and gap >= row.retrain_every_days
        if due:
            trained, since = week, 0
        assert windows.trained_week(calendar, week, row, start) == trained
        for over in (windows.feature_days, windows.price_days):
            assert bool(over.keys(calendar, week, row, start)) == due
        assert windows.carried_from(calendar, week, row, start) == ([trained] if trained and trained != week else [])


TABLE = model_table("gru_50_1")
KEPT = {name: Table(name=name, group="", partition="day", description="", schema={}, make="") for name in INPUTS} | {
    "gru_50_1": TABLE
}


def declared(calendar, week, row, start, earlier):
    """Input → the partitions that the builder reads for a week; prices, listings and styles begin on the day `earlier`."""
    begins = dict.fromkeys(INPUTS, earlier) | dict.fromkeys(("bar_features", "daily_features", "gru_50_1"), start)
    return {
        read.table: read.keys(calendar, TABLE, KEPT[read.table], week, row, begins[read.table], start)
        for read in TABLE.reads
    }


@settings(max_examples=150, deadline=None)
@given(cases(), st.integers(0, 20))
def test_a_week_reads_the_inputs_of_its_samples_and_nothing_after_its_signal_day(case, more):
    """The days of each sample's sequence, U(t), the two prices of its label, its risk and its styles are read.

    Prices that begin before the features do not change the training weeks."""
    calendar, row, start = case
    days = calendar.days(calendar.first, calendar.last)
    position = days.index(start)
    earlier = days[max(position - more, 0)]
    for week in weeks_of(calendar, start):
        read = declared(calendar, week, row, start, earlier)
        trained = windows.trained_week(calendar, week, row, start)
        signal_day = calendar.signal_day(week)
        own = read.pop("gru_50_1")
        if trained != week:
            assert not any(read.values())
            assert own == ([] if trained is None else [trained])
            continue
        assert all(day <= signal_day for keys in read.values() for day in keys)
        window = windows.training_window(calendar, week, row, start)
        samples = window.train_days(calendar) + window.valid_days(calendar)
        sequences, labels, risks = set(), set(), set()
        for day in samples:
            at = calendar.index(day)
            sequences |= set(days[at - row.sequence_days + 1 : at + 1])
            labels |= {days[at + 1], days[at + 1 + row.horizon]}
            risks |= set(days[max(at - row.risk_days + 1, 0) : at + 1])
        # The days between two samples' sequences are read too, because a window is an array of consecutive days.
        span = days[days.index(min(sequences)) : days.index(max(sequences)) + 1]
        assert read["bar_features"] == (span if set(row.granularities) & {"30min", "60min"} else [])
        assert read["daily_features"] == (span if "daily" in row.granularities else [])
        assert read["securities"] == span
        assert read["styles"] == (samples if row.orthogonal_layer else [])
        needed = labels | (risks if row.label == "risk_adjusted" else set())
        assert {day for day in needed if day >= earlier} <= set(read["daily_prices"])
        assert max(read["daily_prices"]) == max(labels) == signal_day
        assert own == [w for w in own if w < week]
        assert not own or (row.warm_start and windows.trained_week(calendar, own[0], row, start) == own[0])


@settings(max_examples=100, deadline=None)
@given(cases(), st.integers(0, 2))
def test_the_model_in_force_was_trained_on_data_known_by_then(case, lag):
    """This holds for every week with a model; with a lag of one week, for the signal day of the week before."""
    calendar, row, start = case
    section = ModelsSettings(gru_50_1=row, train_lag_weeks=lag)
    weeks = weeks_of(calendar, start)
    for number, week in enumerate(weeks):
        read = windows.weeks_of("gru_50_1").keys(calendar, week, section, start)
        serving = windows.in_force(calendar, week, lag, start)
        assert serving == (weeks[number - lag] if number >= lag else None)
        trained = serving and windows.trained_week(calendar, serving, row, start)
        assert read == sorted({w for w in (trained, serving) if w is not None})
        if trained is not None:
            days = {day for keys in declared(calendar, trained, row, start, calendar.first).values() for day in keys}
            assert max(days) <= calendar.signal_day(trained) <= calendar.signal_day(weeks[number - lag])


@settings(max_examples=100, deadline=None)
@given(cases(), st.integers(1, 60), st.sets(st.integers(0, 59)))
def test_later_changes_of_the_calendar_change_nothing(case, more, holidays):
    """Holidays that are announced later and weeks of closed exchanges do not change the model of a past week."""
    calendar, row, start = case
    future = [calendar.last + dt.timedelta(days=n + 1) for n in range(more) if n not in holidays]
    days = calendar.days(calendar.first, calendar.last)
    longer = Calendar([*days, *(day for day in future if day.weekday() < 5)])
    over = [week for week in weeks_of(calendar, start) if longer.signal_day(week) == calendar.signal_day(week)]
    assert len(over) >= len(weeks_of(calendar, start)) - 1  # the last week of the calendar may not be complete
    for week in over:
        assert windows.trained_week(longer, week, row, start) == windows.trained_week(calendar, week, row, start)
        assert declared(longer, week, row, start, calendar.first) == declared(
            calendar, week, row, start, calendar.first
        )


@settings(max_examples=50, deadline=None)
@given(cases(), st.randoms())
def test_training_weeks_do_not_depend_on_the_weeks_that_are_asked_for(case, random):
    calendar, row, start = case
    weeks = weeks_of(calendar, start)
    expected = {week: windows.trained_week(calendar, week, row, start) for week in weeks}
    some = random.sample(weeks, random.randint(1, len(weeks)))
    fresh = Calendar(calendar.days(calendar.first, calendar.last))
    assert {week: windows.trained_week(fresh, week, row, start) for week in some} == {w: expected[w] for w in some}


# --- production's schedule on the real calendar ----------------------------------------------------------------------------

PRODUCTION = ModelsSettings()
LONG = ("multi_granularity_5d", "multi_granularity_10d")


@pytest.mark.parametrize("model", LONG)
def test_models_15_and_16_train_on_the_first_signal_day_of_2017_and_every_120_trading_days(model):
    calendar, row = Calendar.xshg(), PRODUCTION.rows[model]
    start = calendar.next_day(dt.date(2009, 12, 31))
    trainings = windows.training_weeks(calendar, row, start)
    signal_days = [str(calendar.signal_day(week)) for week in trainings if week.year < 2024]
    assert signal_days == [
        "2017-01-06", "2017-07-07", "2017-12-29", "2018-07-06", "2019-01-04", "2019-07-05", "2020-01-03", "2020-07-10",
        "2021-01-08", "2021-07-09", "2022-01-07", "2022-07-15", "2023-01-13", "2023-07-21",
    ]  # fmt: skip
    # The rule, implemented differently.
    sessions = calendar.days(start, calendar.last)
    lasts = [day for day, after in pairwise(sessions) if after.isocalendar()[:2] != day.isocalendar()[:2]]
    at, expected = {day: n for n, day in enumerate(sessions)}, []
    for day in lasts:
        if day >= dt.date(2017, 1, 1) and (not expected or at[day] - at[expected[-1]] >= 120):
            expected.append(day)
    assert [calendar.signal_day(week) for week in trainings[: len(expected)]] == expected
    for week in calendar.weeks(dt.date(2016, 1, 4), dt.date(2023, 12, 25)):
        before = [trained for trained in trainings if trained <= week]
        assert windows.trained_week(calendar, week, row, start) == (before[-1] if before else None)


def test_weeks_without_a_trading_day_do_not_train_or_count():
    """For weeks that are closed for Spring Festival or National Day no model is needed, and the schedule skips them."""
    calendar, row = Calendar.xshg(), PRODUCTION.gru_50_1
    start = dt.date(2019, 1, 2)
    trainings = windows.training_weeks(calendar, row, start)
    mondays = [dt.date(2019, 12, 30) + dt.timedelta(weeks=n) for n in range(209)]
    lost = [week for week in mondays if not calendar.week_days(week)]
    assert {dt.date(2020, 1, 27), dt.date(2022, 1, 31), dt.date(2022, 10, 3), dt.date(2023, 10, 2)} <= set(lost)
    assert not set(trainings) & set(lost)
    assert list(trainings) == calendar.weeks(trainings[0], calendar.week_of(calendar.last))
    with pytest.raises(SettingsError, match="no trading day"):
        windows.trained_week(calendar, lost[1], row, start)


def test_a_short_history_trains_as_soon_as_its_window_fits():
    calendar, row = Calendar.xshg(), PRODUCTION.multi_granularity_10d
    start = calendar.next_day(dt.date(2014, 12, 31))
    first, second = windows.training_weeks(calendar, row, start)[:2]
    possible = calendar.offset(start, windows.days_needed(row) - 1)
    assert first == calendar.week_of(possible)
    assert windows.shortfall(calendar, first, row, start) is None
    assert windows.shortfall(calendar, calendar.offset_week(first, -1), row, start) is not None
    gap = calendar.index(calendar.signal_day(second)) - calendar.index(calendar.signal_day(first))
    assert 120 <= gap < 125


@settings(max_examples=60, deadline=None)
@given(cases())
def test_the_message_has_the_missing_days_and_the_first_week(case):
    calendar, row, start = case
    row = row.model_copy(update={"first_training": None})
    reasons = {week: windows.shortfall(calendar, week, row, start) for week in weeks_of(calendar, start)}
    possible = [week for week, reason in reasons.items() if reason is None]
    for week, reason in reasons.items():
        if reason is not None:
            held = calendar.index(calendar.signal_day(week)) - calendar.index(start) + 1
            assert reason.parameters["missing"] == windows.days_needed(row) - held
            assert f"{windows.days_needed(row) - held} are missing" in str(reason)
            assert str(reason).endswith(str(possible[0]) if possible else f"after {calendar.last}")


def test_production_windows():
    row = ModelSettings()
    assert windows.days_needed(row) == 19 + 100 + 5 + 20 + 5 + 1
    long = ModelSettings(sequence_days=60, train_days=1200, valid_days=120, horizon=10)
    assert windows.days_needed(long) == 59 + 1200 + 10 + 120 + 10 + 1


def test_the_lag_selects_the_previous_week_and_its_trained_week():
    calendar = Calendar(FIRST + dt.timedelta(days=n) for n in range(140) if n % 7 < 5)
    row = ModelSettings(
        horizon=2, train_days=8, valid_days=3, sequence_days=3, retrain_every_weeks=3
    )  # needs 18 days: the fourth week trains first
    weeks = weeks_of(calendar, FIRST)
    over = windows.weeks_of("gru_50_1")
    section = ModelsSettings(gru_50_1=row)
    lagged = ModelsSettings(gru_50_1=row, train_lag_weeks=1)
    assert over.keys(calendar, weeks[2], section, FIRST) == [weeks[2]]
    assert over.keys(calendar, weeks[3], section, FIRST) == [weeks[3]]
    assert over.keys(calendar, weeks[5], section, FIRST) == [weeks[3], weeks[5]]
    assert over.keys(calendar, weeks[6], section, FIRST) == [weeks[6]]
    assert over.keys(calendar, weeks[6], lagged, FIRST) == [weeks[3], weeks[5]]
    assert over.keys(calendar, weeks[0], lagged, FIRST) == []
    assert windows.weeks_of("gru_50_2").keys(calendar, weeks[5], section, FIRST) == [
        weeks[5]
    ]  # no model of its own yet


def test_scores_read_the_longest_sequence_of_each_kind():
    calendar = Calendar(FIRST + dt.timedelta(days=n) for n in range(140) if n % 7 < 5)
    weeks = weeks_of(calendar, FIRST)
    short = {key: row.model_copy(update={"sequence_days": 2}) for key, row in ModelsSettings().rows.items()}
    section = ModelsSettings(
        **short | {"multi_granularity_10d": short["multi_granularity_10d"].model_copy(update={"sequence_days": 7})}
    )
    to_signal_day = calendar.days(FIRST, calendar.signal_day(weeks[3]))
    for over in (windows.score_days("bars"), windows.score_days("days"), windows.sequence_days):
        assert over.keys(calendar, weeks[3], section, FIRST) == to_signal_day[-7:]
        assert over.keys(calendar, weeks[0], section, FIRST) == calendar.week_days(weeks[0])
    bars_only = ModelsSettings(**dict.fromkeys(short, ModelSettings(sequence_days=4)))
    assert windows.score_days("bars").keys(calendar, weeks[3], bars_only, FIRST) == to_signal_day[-4:]
    assert windows.score_days("days").keys(calendar, weeks[3], bars_only, FIRST) == []


def test_the_schedule_depends_only_on_calendar_and_settings():
    """A change of declarations or checks must not retrain ten years of models."""
    used = {name for name in imports("assets.models.windows") if name.startswith(("assets.", "resources."))}
    resources = {"resources.calendar", "resources.errors", "resources.reasons", "resources.settings"}
    assert used <= {*resources, "resources.lookback", "resources.settings.models", "assets.models.reasons"}
