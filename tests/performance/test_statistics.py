"""Statistics of returns and RankICs against hand-made examples and plain formulas."""

import datetime as dt
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from assets.performance.statistics import compare, default_lags, judge_ics, newey_west_error, relative_strength
from resources.calendar import Calendar

CALENDAR = Calendar.xshg()
RETURNS = st.floats(-0.1, 0.1)


def year_of_days(first: dt.date, last: dt.date) -> np.ndarray:
    return np.array(CALENDAR.days(first, last), dtype="datetime64[D]")


def test_on_2023_12_15_the_year_has_12_months_and_48_weeks():
    dates = year_of_days(dt.date(2022, 12, 1), dt.date(2023, 12, 15))
    own = np.full(len(dates), 0.001)
    result = compare(dates, own, np.zeros(len(dates)), dt.date(2023, 12, 15))
    assert (result.month_wins, result.months, result.week_wins, result.weeks) == (12, 12, 48, 48)
    assert result.since == dt.date(2023, 1, 3)


def test_periods_start_where_they_should():
    dates = year_of_days(dt.date(2022, 12, 26), dt.date(2023, 12, 15))
    day = dt.date(2023, 12, 15)
    own = np.zeros(len(dates))
    for moment, rate in (
        (dt.date(2022, 12, 30), 0.5),  # last year: in no period
        (dt.date(2023, 1, 3), 0.01),  # from last year's last close: in YTD
        (dt.date(2023, 12, 1), 0.02),  # first trading day of the month
        (dt.date(2023, 12, 11), 0.03),  # Monday of the week
    ):
        own[dates == np.datetime64(moment)] = rate
    result = compare(dates, own, np.zeros(len(dates)), day)
    assert result.week == pytest.approx(0.03)
    assert result.month == pytest.approx(1.02 * 1.03 - 1)
    assert result.ytd == pytest.approx(1.01 * 1.02 * 1.03 - 1)
    assert (result.month_wins, result.months) == (2, 12)
    assert (result.week_wins, result.weeks) == (3, 48)


def test_a_win_needs_more_than_zero_and_uses_the_ratio():
    dates = year_of_days(dt.date(2024, 1, 2), dt.date(2024, 3, 1))
    own = np.zeros(len(dates))
    against = np.zeros(len(dates))
    own[dates == np.datetime64("2024-01-15")] = -0.02
    against[dates == np.datetime64("2024-01-15")] = -0.03
    result = compare(dates, own, against, dt.date(2024, 3, 1))
    assert (result.month_wins, result.months) == (1, 3)
    assert result.ytd == pytest.approx(0.98 / 0.97 - 1)
    assert result.ytd_difference == pytest.approx(0.01)


def test_a_week_over_the_turn_of_the_year_counts_with_its_own_days():
    dates = year_of_days(dt.date(2024, 12, 30), dt.date(2025, 1, 3))
    own = np.array([0.1, 0.1, 0.01, 0.01])
    result = compare(dates, own, np.zeros(4), dt.date(2025, 1, 3))
    assert result.week == pytest.approx(1.1 * 1.1 * 1.01 * 1.01 - 1)
    assert result.ytd == pytest.approx(1.01 * 1.01 - 1)
    assert (result.months, result.weeks) == (1, 1)


def test_later_days_and_missing_legs_are_left_out():
    dates = np.array(["2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07"], dtype="datetime64[D]")
    own = np.array([0.01, np.nan, 0.02, 0.5])
    against = np.array([0.0, 0.0, 0.0, 0.0])
    result = compare(dates, own, against, dt.date(2024, 3, 6))
    assert result.week == pytest.approx(1.01 * 1.02 - 1)
    assert result.since == dt.date(2024, 3, 4)


def test_a_period_without_returns_is_not_zero_but_unknown():
    dates = np.array(["2024-02-05"], dtype="datetime64[D]")
    result = compare(dates, np.array([0.01]), np.array([0.0]), dt.date(2024, 3, 6))
    assert result.week is None
    assert result.month is None
    assert result.ytd == pytest.approx(0.01)
    nothing = compare(dates[:0], np.array([]), np.array([]), dt.date(2024, 3, 6))
    assert (nothing.ytd, nothing.months, nothing.since) == (None, 0, None)


@given(st.lists(st.tuples(RETURNS, RETURNS), min_size=1, max_size=60))
@hypothesis_settings(max_examples=60, deadline=None)
def test_periods_add_up_to_the_relative_strength(pairs):
    own, against = np.array(pairs).T
    dates = year_of_days(dt.date(2023, 1, 3), dt.date(2023, 4, 28))[: len(pairs)]
    day = dates[-1].astype(object)
    strength = relative_strength(own, against)
    result = compare(dates, own, against, day)
    assert result.ytd == pytest.approx(strength[-1] - 1, abs=1e-12)
    before = strength[dates < np.datetime64(day.replace(day=1))]
    assert result.month == pytest.approx(strength[-1] / (before[-1] if len(before) else 1) - 1, abs=1e-12)
    ytd_of_legs = np.prod(1 + own) - np.prod(1 + against)
    assert result.ytd_difference == pytest.approx(ytd_of_legs, abs=1e-12)
    assert 0 <= result.month_wins <= result.months <= 4
    assert 0 <= result.week_wins <= result.weeks


@given(
    st.lists(st.floats(-1, 1).map(lambda x: round(x, 6)), min_size=3, max_size=40),
    st.integers(min_value=0, max_value=6),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_newey_west_equals_the_plain_formula(values, lags):
    lags = min(lags, len(values) - 1)
    n, mean = len(values), sum(values) / len(values)
    gap = [v - mean for v in values]
    total = sum(g * g for g in gap) / n
    for lag in range(1, lags + 1):
        total += 2 * (1 - lag / (lags + 1)) * sum(gap[i] * gap[i - lag] for i in range(lag, n)) / n
    assert newey_west_error(np.array(values), lags) == pytest.approx(math.sqrt(max(total, 0) / n), abs=1e-9)


def test_icir_scales_with_the_number_of_periods_a_year():
    ics = np.array([0.02, 0.05, -0.01, 0.04])
    monthly, weekly = judge_ics(ics, 12), judge_ics(ics, 52)
    assert monthly.icir == pytest.approx(ics.mean() / ics.std(ddof=1) * math.sqrt(12))
    assert weekly.icir / monthly.icir == pytest.approx(math.sqrt(52 / 12))
    assert (monthly.count, monthly.last, monthly.positive) == (4, 0.04, 0.75)


def test_too_few_ics_have_no_statistics():
    assert judge_ics(np.array([]), 12).mean is None
    one = judge_ics(np.array([0.03]), 12)
    assert (one.mean, one.icir, one.t_statistic) == (0.03, None, None)
    assert [default_lags(n) for n in (1, 2, 100, 500)] == [0, 1, 4, 5]
