import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.models import windows
from resources.calendar import Calendar
from resources.errors import SettingsError
from resources.settings.models import ModelSettings, ModelsSettings

FIRST = dt.date(2020, 1, 6)


@st.composite
def cases(draw):
    """A calendar with random holidays, some of whole weeks; random windows; a start inside it."""
    count = draw(st.integers(60, 160))
    holidays = draw(st.sets(st.integers(0, count - 1), max_size=count // 3))
    lost_weeks = draw(st.sets(st.integers(0, count // 7), max_size=3))
    days = [
        day
        for n in range(count)
        if (day := FIRST + dt.timedelta(days=n)).weekday() < 5 and n not in holidays and n // 7 not in lost_weeks
    ]
    calendar = Calendar(days or [FIRST])
    row = ModelSettings(
        horizon=draw(st.integers(1, 10)),
        train_days=draw(st.integers(1, 15)),
        valid_days=draw(st.integers(1, 8)),
        sequence_days=draw(st.integers(1, 8)),
        retrain_every_weeks=draw(st.integers(1, 4)),
        retrain_every_days=draw(st.integers(1, 12)),
        label=draw(st.sampled_from(["excess", "risk_adjusted"])),
        risk_days=draw(st.integers(2, 30)),
        first_training=draw(st.none() | st.integers(0, count).map(lambda n: FIRST + dt.timedelta(days=n))),
    )
    start = draw(st.sampled_from(calendar.days(calendar.first, calendar.last)[:20]))
    return calendar, row, start


def weeks_of(calendar, start):
    return calendar.weeks(calendar.week_of(start), calendar.week_of(calendar.last))


@settings(max_examples=150, deadline=None)
@given(cases())
def test_exactly_h_days_lie_between_at_each_border_and_no_label_is_known_too_late(case):
    calendar, row, start = case
    at, h = calendar.index, row.horizon
    for week in weeks_of(calendar, start):
        if windows.trained_week(calendar, week, row, start) is None:
            assert "missing" in windows.shortfall(calendar, week, row, start) or row.first_training is not None
            with pytest.raises(SettingsError):
                windows.training_window(calendar, week, row, start)
            continue
        window = windows.training_window(calendar, week, row, start)
        s = calendar.signal_day(week)
        train, valid = window.train_days(calendar), window.valid_days(calendar)
        assert (len(train), len(valid)) == (row.train_days, row.valid_days)
        assert at(valid[0]) - at(train[-1]) - 1 == h
        assert at(s) - at(valid[-1]) - 1 == h
        # The label of t is known at the close of t + 1 + h: training's by v₀, validation's by s.
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


@settings(max_examples=100, deadline=None)
@given(cases())
def test_training_weeks_are_the_first_due_and_carried_in_between(case):
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
        assert bool(windows.feature_days(calendar, week, row, start)) == due
        assert windows.carried_from(calendar, week, row, start) == ([trained] if trained and trained != week else [])


@settings(max_examples=60, deadline=None)
@given(cases())
def test_the_message_counts_the_missing_days_and_names_the_first_week(case):
    calendar, row, start = case
    row = row.model_copy(update={"first_training": None})
    reasons = {week: windows.shortfall(calendar, week, row, start) for week in weeks_of(calendar, start)}
    possible = [week for week, reason in reasons.items() if reason is None]
    for week, reason in reasons.items():
        if reason is not None:
            held = calendar.index(calendar.signal_day(week)) - calendar.index(start) + 1
            assert f"{windows.days_needed(row) - held} are missing" in reason
            assert reason.endswith(str(possible[0]) if possible else f"after {calendar.last}")


def test_production_windows():
    row = ModelSettings()
    assert windows.days_needed(row) == 19 + 100 + 5 + 20 + 5 + 1
    long = ModelSettings(sequence_days=60, train_days=1200, valid_days=120, horizon=10)
    assert windows.days_needed(long) == 59 + 1200 + 10 + 120 + 10 + 1


def test_the_lag_chooses_the_previous_week_and_its_trained_week():
    calendar = Calendar(FIRST + dt.timedelta(days=n) for n in range(140) if n % 7 < 5)
    row = ModelSettings(
        horizon=2, train_days=8, valid_days=3, sequence_days=3, retrain_every_weeks=3
    )  # needs 18 days: the fourth week trains first
    weeks = weeks_of(calendar, FIRST)
    over = windows.weeks_of("gru_50_1")
    section = ModelsSettings(gru_50_1=row)
    lagged = ModelsSettings(gru_50_1=row, train_lag_weeks=1)
    assert over(calendar, weeks[2], section, FIRST) == [weeks[2]]
    assert over(calendar, weeks[3], section, FIRST) == [weeks[3]]
    assert over(calendar, weeks[5], section, FIRST) == [weeks[3], weeks[5]]
    assert over(calendar, weeks[6], section, FIRST) == [weeks[6]]
    assert over(calendar, weeks[6], lagged, FIRST) == [weeks[3], weeks[5]]
    assert over(calendar, weeks[0], lagged, FIRST) == []
    assert windows.weeks_of("gru_50_2")(calendar, weeks[5], section, FIRST) == [weeks[5]]  # no model of its own yet


def test_scores_read_the_longest_sequence_of_each_kind():
    calendar = Calendar(FIRST + dt.timedelta(days=n) for n in range(140) if n % 7 < 5)
    weeks = weeks_of(calendar, FIRST)
    short = {key: row.model_copy(update={"sequence_days": 2}) for key, row in ModelsSettings().rows.items()}
    section = ModelsSettings(
        **short | {"multi_granularity_10d": short["multi_granularity_10d"].model_copy(update={"sequence_days": 7})}
    )
    to_signal_day = calendar.days(FIRST, calendar.signal_day(weeks[3]))
    for over in (windows.score_days("bars"), windows.score_days("days"), windows.sequence_days):
        assert over(calendar, weeks[3], section, FIRST) == to_signal_day[-7:]
        assert over(calendar, weeks[0], section, FIRST) == calendar.week_days(weeks[0])
    bars_only = ModelsSettings(**dict.fromkeys(short, ModelSettings(sequence_days=4)))
    assert windows.score_days("bars")(calendar, weeks[3], bars_only, FIRST) == to_signal_day[-4:]
    assert windows.score_days("days")(calendar, weeks[3], bars_only, FIRST) == []
