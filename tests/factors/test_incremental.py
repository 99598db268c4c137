"""Tests that twenty-day factors from stored day rows equal those from twenty days of bars to the last bit.

They are equal because a day's row is computed from that day's bars and prices alone, is stored as the 64-bit floats it was
computed in, and a window adds its rows in the order of the days. No running sum is kept, so that no rounding accumulates.
"""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from assets.bars.assets import TABLES as BARS
from assets.factors.assets import TABLES as FACTORS
from assets.factors.make_day_indicators import make_day_indicators
from assets.factors.ten import aggregate_days
from assets.features.assets import TABLES as FEATURES
from assets.reference.assets import TABLES as REFERENCE
from assets.tape_health.assets import TABLES as TAPE_HEALTH
from resources.settings.factors import FactorsSettings
from resources.table import same
from tests.factors import plain
from tests.making import run_make

SECTION = FactorsSettings()
DAYS = [dt.date(2023, 1, 2) + dt.timedelta(days=n) for n in range(SECTION.window + 3)]
KINDS = ("normal", "sparse", "few_trades", "no_quotes", "no_threshold", "late_start", "locked_open", "closes_only")


@pytest.fixture(scope="module")
def market() -> dict[dt.date, tuple[pl.DataFrame, pl.DataFrame]]:
    """Bars and daily prices of each day; the kind of day of a stock changes from day to day."""
    days = {}
    for number, day in enumerate(DAYS):
        kinds = tuple(KINDS[(n + number * (n % 3)) % len(KINDS)] for n in range(len(KINDS)))
        bars, daily = plain.market_day(number, kinds, day)
        names = pl.col("symbol").str.head(6) + ".SZ"
        if number % 5 == 4:  # one stock was not delivered on that day
            bars = bars.filter(pl.col("symbol").str.head(6) != "000001")
        days[day] = (bars.with_columns(names), daily.with_columns(names))
    return days


def rows(market: dict[dt.date, tuple[pl.DataFrame, pl.DataFrame]], day: dt.date) -> pl.DataFrame:
    bars, daily = market[day]
    frame = run_make(make_day_indicators, minute_bars=bars, daily_prices=daily, date=day, settings=SECTION).frame
    assert isinstance(frame, pl.DataFrame)
    return frame


def test_a_sliding_window_of_stored_rows_equals_twenty_days_of_bars(
    market: dict[dt.date, tuple[pl.DataFrame, pl.DataFrame]], tmp_path: Path
) -> None:
    for day in DAYS:
        rows(market, day).write_parquet(tmp_path / f"{day}.parquet", compression="zstd", statistics=True)
    seen = set()
    for first in range(len(DAYS) - SECTION.window + 1):
        window = DAYS[first : first + SECTION.window]
        stored, lost = aggregate_days(pl.read_parquet([tmp_path / f"{day}.parquet" for day in window]), SECTION)
        # Compute the rows again from the bars, with the days in another order.
        again, lost_again = aggregate_days(pl.concat([rows(market, day) for day in reversed(window)]), SECTION)
        assert stored.equals(again)
        assert lost == lost_again
        seen.add(stored.drop_nulls().height)
    assert min(seen) > 0  # some stocks have all ten factors


def test_the_factors_of_a_stock_do_not_depend_on_other_stocks(
    market: dict[dt.date, tuple[pl.DataFrame, pl.DataFrame]],
) -> None:
    window = pl.concat([rows(market, day) for day in DAYS[: SECTION.window]])
    whole, _ = aggregate_days(window, SECTION)
    for symbol in whole["symbol"]:
        one = pl.col("symbol") == symbol
        assert aggregate_days(window.filter(one), SECTION)[0].equals(whole.filter(one))


def test_windows_read_one_row_per_symbol_and_day() -> None:
    """Windows never read ticks or bars: every table that a window reads has the symbol as its key."""
    tables = {table.name: table for table in (*TAPE_HEALTH, *BARS, *FACTORS, *FEATURES, *REFERENCE)}
    windows = {
        (table.name, read.table)
        for table in (*TAPE_HEALTH, *BARS, *FACTORS, *FEATURES)
        for read in table.reads
        if read.over is not same
    }
    assert {
        ("minute_bars", "order_sizes"),
        ("factors", "day_indicators"),
        ("styles", "daily_prices"),
        ("daily_features", "daily_prices"),
    } <= windows
    assert {read for _, read in windows if tables[read].sort != ("symbol",)} == set()
