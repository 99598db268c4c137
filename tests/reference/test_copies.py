"""Tests the findings on copied columns of daily_prices and on previous closes that are not reference prices."""

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest

from assets.reference.copies import YEAR, copied_columns, ex_dates_lacking, pre_closes_off
from resources.calendar import Calendar
from resources.settings.reference import ReferenceSettings

SETTINGS = ReferenceSettings()
CALENDAR = Calendar.xshg()
DAY = dt.date(2023, 5, 12)


def judged(names: int = 150, seed: int = 1) -> pl.DataFrame:
    """Return a day of `names` stocks, in whole cents."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(names):
        pre = int(rng.integers(500, 9000))
        prices = np.round(pre * np.exp(rng.normal(0, 0.01, 4))).astype(int)
        opened, close = (int(price) for price in prices[:2])
        low, high = int(prices.min()), int(prices.max())
        shares = int(rng.integers(5, 90)) * 10_000_000
        rows.append((f"{600001 + k}.SH", *(p / 100 for p in (pre, opened, high, low, close, round(pre * 1.1), round(pre * 0.9), pre)),
                     CALENDAR.previous_day(DAY), int(shares * rng.choice([0.5, 0.7, 1.0])), shares))  # fmt: skip
    columns = ["symbol", "pre_close", "open", "high", "low", "close", "limit_up", "limit_down", "last_close", "last_date",
               "float_shares", "total_shares"]  # fmt: skip
    return pl.DataFrame(rows, schema=columns, orient="row")


@pytest.mark.parametrize("seed", range(5))
def test_a_correct_day_has_no_finding(seed: int) -> None:
    assert copied_columns(judged(seed=seed), SETTINGS) is None
    assert copied_columns(judged().clear(), SETTINGS) is None


def test_a_market_at_its_limits_has_no_finding() -> None:
    """As on 2015-06-26, nearly all stocks close at their lowest price, the limit."""
    locked = judged().with_columns(close="limit_down", low="limit_down", open="high")
    assert copied_columns(locked, SETTINGS) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"open": pl.col("pre_close")}, "open is pre_close for"),
        ({"open": pl.col("close")}, "open is close for"),
        ({"close": pl.col("high")}, "close is high for"),
        ({"high": pl.max_horizontal("open", "close"), "low": pl.min_horizontal("open", "close")}, "high and low are the extremes of open"),
        ({"float_shares": pl.col("total_shares")}, "float_shares is total_shares for 150 of 150"),
    ],
)  # fmt: skip
def test_a_column_that_was_filled_with_another(changed: dict[str, Any], words: str) -> None:
    copied = judged().with_columns(**changed)
    assert words in str(copied_columns(copied, SETTINGS))
    assert copied_columns(copied.head(50), SETTINGS) is None
    assert copied_columns(copied, ReferenceSettings(max_copied_share=1.0)) is None


def test_previous_closes_of_another_day_are_found() -> None:
    day = judged()
    previous = CALENDAR.previous_day(DAY)
    some = pl.int_range(pl.len()) < 20  # first as in the season of dividends, then ten times as many
    dividends = day.with_columns(pre_close=pl.when(some).then(pl.col("pre_close") - 0.1).otherwise("pre_close"))
    assert pre_closes_off(dividends, previous, SETTINGS) is None
    off = day.with_columns(pre_close=pl.col("pre_close") - 0.1)
    assert "pre_close of 150 of 150 stocks" in str(pre_closes_off(off, previous, SETTINGS))
    assert pre_closes_off(off.head(19), previous, SETTINGS) is None
    resumed = off.with_columns(last_date=CALENDAR.offset(DAY, -5))  # no stock traded on the day before
    assert pre_closes_off(resumed, previous, SETTINGS) is None


@pytest.mark.parametrize("dividend", [None, 3, 40, 200, 249])
def test_a_year_without_an_ex_date_is_found(dividend: int | None) -> None:
    """dividend: the number of trading days since one stock paid one."""
    days = CALENDAR.days(CALENDAR.offset(DAY, -YEAR), DAY)
    rng = np.random.default_rng(3)
    names = [f"{600001 + k}.SH" for k in range(100)]
    rows = []
    closes = {name: int(rng.integers(500, 5000)) for name in names}
    for number, day in enumerate(days):
        for name in names:
            pre = closes[name] - (
                20 if name == names[7] and dividend is not None and number == len(days) - 1 - dividend else 0
            )
            closes[name] = max(300, pre + int(rng.integers(-5, 6)))
            rows.append((day, name, pre / 100, closes[name] / 100, 1000))
    history = pl.DataFrame(rows, schema=["date", "symbol", "pre_close", "close", "volume"], orient="row")
    found = ex_dates_lacking(history, days, SETTINGS)
    assert (found is None) == (dividend is not None)
    if found is not None:
        assert "returns would lack every dividend. Deliver the reference price" in str(found)
        assert ex_dates_lacking(history, days, ReferenceSettings(ex_date_rows=0)) is None
        assert ex_dates_lacking(history, days, ReferenceSettings(ex_date_rows=30_000)) is None
        assert (
            ex_dates_lacking(history.filter(pl.col("date") > days[0]), days[1:], SETTINGS) is None
        )  # less than a year
