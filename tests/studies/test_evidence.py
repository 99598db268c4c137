"""Tests of the shared functions of the studies: intervals, holding periods, RankICs, deciles and records."""

import datetime as dt
import itertools
import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from scipy.stats import t as student

from assets.performance.price_paths import lay_out_prices
from resources.calendar import Calendar
from studies.evidence import Interval, holding_periods, judge, markdown_table, mean_interval, write_record

CALENDAR = Calendar.xshg()
WEEKLY = st.lists(st.floats(-0.5, 0.5).map(lambda x: round(x, 4)), min_size=4, max_size=60)


def plain_interval(values):
    """Newey and West (1987) with Bartlett weights, one term at a time."""
    n = len(values)
    lags = min(math.floor(4 * (n / 100) ** (2 / 9)), n - 1)
    mean = sum(values) / n
    variance = sum((x - mean) ** 2 for x in values) / n
    for lag in range(1, lags + 1):
        product = sum((values[t] - mean) * (values[t - lag] - mean) for t in range(lag, n)) / n
        variance += 2 * (1 - lag / (lags + 1)) * product
    half = student.ppf(0.975, n - 1) * math.sqrt(max(variance, 0) / n)
    return mean - half, mean + half


@given(WEEKLY)
def test_the_interval_equals_that_of_newey_and_west(values):
    found, (low, high) = mean_interval(values), plain_interval(values)
    assert found.weeks == len(values)
    assert found.low == pytest.approx(low, abs=1e-9)
    assert found.high == pytest.approx(high, abs=1e-9)
    assert found.positive == sum(x > 0 for x in values) / len(values)


def test_an_interval_of_noise_has_the_stated_coverage():
    rng = np.random.default_rng(0)
    covered = sum(mean_interval(rng.normal(0, 0.1, 40)).contains_zero for _ in range(2000)) / 2000
    assert 0.91 < covered < 0.97  # Newey–West intervals are slightly too narrow in small samples


def test_too_few_or_unknown_weeks_are_refused():
    with pytest.raises(ValueError, match="at least three finite"):
        mean_interval([0.1, 0.2])
    with pytest.raises(ValueError, match="at least three finite"):
        mean_interval([0.1, 0.2, float("nan"), 0.1])


def test_above_zero_and_contains_zero_exclude_each_other():
    sure, unsure, below = (
        Interval(9, 0.1, low, high, 1.0, 1.0) for low, high in ((0.05, 0.2), (-0.1, 0.2), (-0.2, -0.1))
    )
    assert (sure.above_zero, sure.contains_zero) == (True, False)
    assert (unsure.above_zero, unsure.contains_zero) == (False, True)
    assert (below.above_zero, below.contains_zero) == (False, False)


def test_a_holding_period_runs_from_trade_day_to_next_trade_day():
    periods = holding_periods(CALENDAR, dt.date(2016, 1, 1), dt.date(2016, 12, 31), known=dt.date(2016, 12, 30))
    week, entry, leave = periods[0]
    assert (week, entry.signal, entry.trade) == (dt.date(2016, 1, 4), dt.date(2016, 1, 8), dt.date(2016, 1, 11))
    assert (leave.signal, leave.trade) == (dt.date(2016, 1, 15), dt.date(2016, 1, 18))
    # The holding period of the last week does not end by 2016-12-30; the weeks of the two long holidays do not exist.
    assert periods[-1][1].signal == dt.date(2016, 12, 16)
    assert len(periods) == 48
    for (_, _, left), (_, entered, _) in itertools.pairwise(periods):
        assert left == entered


def prices(days, symbols, rng):
    rows = [
        {
            "date": day, "symbol": symbol, "pre_close": 10.0, "high": 13.0, "low": 7.0, "close": 10 * np.exp(rng.normal(0, 0.02)),
            "volume": 1000, "vwap": 10 * np.exp(rng.normal(0, 0.01)), "limit_up": 13.5, "limit_down": 6.5,
        }
        for day in days
        for symbol in symbols
    ]  # fmt: skip
    return pl.DataFrame(rows).lazy()


def test_rank_ics_and_deciles_use_the_return_between_trade_days():
    rng = np.random.default_rng(1)
    symbols = [f"{n:06}.SZ" for n in range(120)]
    last = dt.date(2016, 1, 29)
    periods = holding_periods(CALENDAR, dt.date(2016, 1, 1), dt.date(2016, 1, 31), known=last)
    days = CALENDAR.days(dt.date(2016, 1, 4), last)
    daily = prices(days, symbols, rng)
    scores = {
        week: pl.DataFrame({"symbol": symbols, "value": rng.normal(size=120)}).select(
            "symbol", factor=pl.lit("x"), value="value"
        )
        for week, _, _ in periods
    }
    judged = judge(scores, lay_out_prices(daily, days), periods)
    assert judged["week"].to_list() == [week for week, _, _ in periods]
    frame = daily.collect()
    for row, (week, entry, leave) in zip(judged.iter_rows(named=True), periods, strict=True):
        gained = []
        for symbol in symbols:
            own = {r["date"]: r for r in frame.filter(pl.col("symbol") == symbol).iter_rows(named=True)}
            growth = own[entry.trade]["close"] / own[entry.trade]["vwap"]
            for day in CALENDAR.days(entry.trade, leave.trade)[1:-1]:
                growth *= own[day]["close"] / own[day]["pre_close"]
            gained.append(growth * own[leave.trade]["vwap"] / own[leave.trade]["pre_close"] - 1)
        value = scores[week]["value"].to_numpy()
        assert row["rank_ic"] == pytest.approx(spearmanr(value, gained).statistic)
        ordered = np.array(gained)[np.argsort(value)]
        means = ordered.reshape(10, 12).mean(axis=1)
        assert row["deciles"] == pytest.approx(list(means - means.mean()))


def test_deciles_of_few_names_are_left_out():
    rng = np.random.default_rng(2)
    symbols = [f"{n:06}.SZ" for n in range(60)]
    days = CALENDAR.days(dt.date(2016, 1, 4), dt.date(2016, 1, 18))
    periods = holding_periods(CALENDAR, dt.date(2016, 1, 1), dt.date(2016, 1, 31), known=days[-1])
    scores = {periods[0][0]: pl.DataFrame({"symbol": symbols, "factor": "x", "value": rng.normal(size=60)})}
    judged = judge(scores, lay_out_prices(prices(days, symbols, rng), days), periods)
    assert judged["deciles"].to_list() == [None]
    assert judged["names"].to_list() == [60]


def test_a_record_is_written_as_json_and_text(tmp_path):
    record = {"interval": mean_interval([0.1, 0.2, 0.3]), "day": dt.date(2016, 1, 8), "groups": np.array([1.5, 2.5])}
    write_record(tmp_path / "deep" / "study", record, markdown_table(["who", "what"], [["a", "1"]]))
    read = json.loads((tmp_path / "deep" / "study.json").read_text())
    assert read["interval"]["mean"] == pytest.approx(0.2)
    assert (read["day"], read["groups"]) == ("2016-01-08", [1.5, 2.5])
    assert (tmp_path / "deep" / "study.md").read_text() == "| who | what |\n|---|---:|\n| a | 1 |"
    with pytest.raises(TypeError, match="cannot contain"):
        write_record(tmp_path / "study", {"x": object()}, "")
