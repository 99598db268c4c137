"""Legs and RankICs of plain 20-day reversal over the real market of 2016, against what is known of it.

Known: weekly RankIC about .10 in 2016; the leg's returns of one week recomputed by plain loops.
"""

import datetime as dt
import itertools
from pathlib import Path

import polars as pl
import pytest

from assets.bars.schemas import MINUTE_BARS
from assets.performance import rebalancing
from assets.performance.make_factor_returns import make_factor_returns
from assets.performance.make_rank_ics import make_rank_ics
from resources.calendar import Calendar
from resources.settings.fills import FillSettings
from resources.settings.returns import ReturnsSettings
from tests.making import run_make

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "data" / "reference_2010_2016"
pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason=f"no real data at ../shared/data/{REFERENCE.name}")

CALENDAR = Calendar.xshg()
KEY = "gru_50_1"  # any weekly key; the values are reversal


@pytest.fixture(scope="module")
def market() -> dict[str, pl.DataFrame]:
    share = pl.when("is_st").then(5).otherwise(10)
    cents = (pl.col("pre_close") * 100).round().cast(pl.Int64)
    prices = (
        pl.scan_parquet(REFERENCE / "daily_prices.parquet")
        .filter(pl.col("date").is_between(dt.date(2015, 11, 2), dt.date(2016, 12, 30)))
        .with_columns(
            vwap=pl.col("amount") / pl.col("volume"),
            limit_up=((cents * (100 + share) + 50) // 100) / 100,
            limit_down=((cents * (100 - share) + 50) // 100) / 100,
        )
        .sort("symbol", "date")
        .collect()
    )
    log_return = (pl.col("close") / pl.col("pre_close")).log()
    ends = [CALENDAR.signal_day(week) for week in CALENDAR.weeks(dt.date(2015, 12, 14), dt.date(2016, 12, 26))]
    scores = (
        prices.select("date", "symbol", value=-log_return.rolling_sum(20).over("symbol"))
        .filter(pl.col("date").is_in(ends))
        .with_columns(pl.lit(KEY).alias("factor"), pl.col("date").dt.truncate("1w").alias("week"))
    )
    securities = prices.select("date", "symbol", in_universe=~pl.col("is_st")).filter(pl.col("date").is_in(ends))
    return {"prices": prices, "scores": scores, "securities": securities}


def _cut(frame: pl.DataFrame, over, week: dt.date, column: str = "date") -> pl.LazyFrame:
    return frame.filter(pl.col(column).is_in(over.keys(CALENDAR, week, None, dt.date(2015, 12, 1)))).lazy()


def test_weekly_rank_ic_of_reversal_in_2016(market):
    frames = [
        run_make(
            make_rank_ics,
            week=week,
            factors=market["scores"].clear(),
            scores=_cut(market["scores"], rebalancing.closed_score_weeks, week, "week"),
            securities=_cut(market["securities"], rebalancing.closed_signals, week),
            daily_prices=_cut(market["prices"], rebalancing.closed_days, week),
            calendar=CALENDAR,
        ).frame
        for week in CALENDAR.weeks(dt.date(2016, 1, 18), dt.date(2016, 12, 26))
    ]
    ics = pl.concat(frames)
    assert ics.height >= 45
    assert 0.08 < ics["rank_ic"].mean() < 0.12
    assert ics["names"].min() > 2000


def test_the_legs_of_a_week_equal_plain_bookkeeping(market):
    week = dt.date(2016, 3, 14)
    frame = run_make(
        make_factor_returns,
        week=week,
        factors=market["scores"].clear(),
        scores=_cut(market["scores"], rebalancing.score_weeks, week, "week"),
        securities=_cut(market["securities"], rebalancing.signals, week),
        daily_prices=_cut(market["prices"], rebalancing.holding_days, week),
        minute_bars=pl.LazyFrame(schema=MINUTE_BARS),
        settings={"returns": ReturnsSettings(), "portfolios.execution.fills": FillSettings()},
        calendar=CALENDAR,
        unavailable={},
    ).frame.sort("date")
    bars = {(row["date"], row["symbol"]): row for row in market["prices"].iter_rows(named=True)}
    before, own = CALENDAR.week_days(dt.date(2016, 3, 7)), CALENDAR.week_days(week)

    def enter(signal: dt.date, trade: dt.date) -> dict[str, float]:
        known = market["scores"].join(market["securities"].filter("in_universe"), on=["date", "symbol"], how="semi")
        rows = known.filter((pl.col("date") == signal) & pl.col("value").is_not_null())
        ranked = sorted((-value, symbol) for symbol, value in rows.select("symbol", "value").iter_rows())
        book = {}
        for _, symbol in ranked[: len(ranked) // 10]:
            bar = bars.get((trade, symbol))
            if bar is not None and round(bar["low"] * 100) != round(bar["limit_up"] * 100):
                book[symbol] = bar["close"] / bar["vwap"]
        return book

    def grow(book: dict[str, float], day: dt.date, price: str) -> float:
        total = sum(book.values())
        for symbol in book:
            if (day, symbol) in bars:
                book[symbol] *= bars[day, symbol][price] / bars[day, symbol]["pre_close"]
        return sum(book.values()) / total

    book = enter(dt.date(2016, 3, 4), before[0])
    for day in before[1:]:
        grow(book, day, "close")
    leaving = grow(book, own[0], "vwap")
    book = enter(dt.date(2016, 3, 11), own[0])
    expected = [leaving * sum(book.values()) / len(book) - 1, *(grow(book, day, "close") - 1 for day in own[1:])]
    assert frame["date"].to_list() == own
    for ours, plain in itertools.zip_longest(frame["long"], expected):
        assert ours == pytest.approx(plain, abs=1e-12)
