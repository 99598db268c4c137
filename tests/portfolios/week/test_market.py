"""A day's market: suspension, ex-rights, and the stocks blocked at the limit, by daily and by minute bars."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.portfolios.week.market import market_days
from resources.errors import InputError

DAY = dt.date(2023, 7, 10)
BAR = {"date": DAY, "volume": 100, "pre_close": 10.0}


def securities_of(symbols: str, up: float | None = 11.0, down: float | None = 9.0) -> pl.DataFrame:
    rows = [{"date": DAY, "symbol": s, "limit_up": up, "limit_down": down} for s in symbols]
    return pl.DataFrame(rows, schema_overrides={"limit_up": pl.Float64, "limit_down": pl.Float64})


def test_a_days_market_has_suspensions_limits_and_ex_rights() -> None:
    prices = pl.DataFrame(
        [
            {**BAR, "symbol": "A", "low": 11.0, "high": 11.0, "close": 11.0, "vwap": 11.0},  # locked up all day
            {**BAR, "symbol": "B", "low": 10.9, "high": 11.0, "close": 11.0, "vwap": 10.95},  # closed there only
            {**BAR, "symbol": "C", "low": 9.0, "high": 9.0, "close": 9.0, "vwap": 9.0},
            {**BAR, "symbol": "D", "low": 5.0, "high": 5.5, "close": 5.25, "vwap": 5.2, "pre_close": 5.0},  # ex-rights
            {**BAR, "symbol": "E", "low": 10.0, "high": 10.0, "close": 10.0, "vwap": None, "volume": 0},
            {**BAR, "symbol": "F", "low": 30.0, "high": 30.0, "close": 30.0, "vwap": 30.0},  # no limit on this day
            {**BAR, "symbol": "I", "low": 30.0, "high": 31.0, "close": 30.0, "vwap": 30.0},  # beyond the rule's limit
            {**BAR, "symbol": "J", "low": 3.0, "high": 4.0, "close": 4.0, "vwap": 3.5},
            {**BAR, "symbol": "K", "low": 11.0, "high": 12.0, "close": 12.0, "vwap": 11.5},  # from it beyond: no limit
            {**BAR, "symbol": "L", "low": 8.0, "high": 9.0, "close": 8.0, "vwap": 8.5},
        ]
    )
    listed = [securities_of("ABCEGIJKL", 11.0 + 1e-12), securities_of("D", 5.5, 4.5), securities_of("F", None, None)]
    (day,) = market_days(np.array(list("ABCDEFGHIJKL")), [DAY], prices, pl.concat(listed))
    assert day.traded.tolist() == [True, True, True, True, False, True, False, False, True, True, True, True]
    assert day.listed.tolist() == [True] * 7 + [False] + [True] * 4
    assert day.locked_up.tolist() == [True] + [False] * 11
    assert day.locked_down.tolist() == [False, False, True] + [False] * 9
    assert day.growth == pytest.approx([1.1, 1.1, 0.9, 1.05, 1, 3, 1, 1, 3, 0.4, 1.2, 0.8])
    assert day.to_vwap * day.from_vwap == pytest.approx(day.growth)
    # of B at least half was traded below the limit: its average lies midway between low and limit
    assert day.buy_volume == pytest.approx([0, 50, 100, 60, 0, 100, 0, 0] + [100] * 4)
    assert day.sell_volume == pytest.approx([100, 100, 0, 100, 0, 100, 0, 0] + [100] * 4)


def test_days_are_returned_in_order_and_a_missing_one_is_an_error() -> None:
    later = DAY + dt.timedelta(days=1)
    prices = pl.DataFrame([{**BAR, "symbol": "A", "low": 10.0, "high": 10.0, "close": 10.0, "vwap": 10.0}])
    prices = pl.concat([prices, prices.with_columns(date=pl.lit(later), close=pl.lit(10.5))])
    securities = pl.concat([securities_of("A"), securities_of("A").with_columns(date=pl.lit(later))])
    names = np.array(["B", "A"])
    days = market_days(names, [DAY, later], prices, securities)
    assert [day.date for day in days] == [DAY, later]
    assert [day.growth.tolist() for day in days] == [[1.0, 1.0], [1.0, 1.05]]
    with pytest.raises(InputError, match=r"daily_prices has no row on 2023-07-10"):
        market_days(names, [DAY], prices.clear(), securities)
    with pytest.raises(InputError, match=r"securities has no row on 2023-07-11"):
        market_days(names, [DAY, later], prices, securities_of("A"))


def bars_of(symbol: str, trades: list[list[tuple[float, int]]]) -> pl.DataFrame:
    """Minute bars of trades (price, shares), one list a minute."""
    rows = []
    for minute, inside in enumerate(trades):
        prices = [price for price, _ in inside] or [10.0]
        rows.append(
            {
                "date": DAY,
                "symbol": symbol,
                "minute": 570 + minute,
                "low": min(prices),
                "high": max(prices),
                "volume": sum(shares for _, shares in inside),
                "amount": float(sum(price * shares for price, shares in inside)),
            }
        )
    return pl.DataFrame(rows)


def daily_of(minutes: pl.DataFrame) -> pl.DataFrame:
    """The day's row that belongs to minute bars."""
    traded = minutes.filter(pl.col("volume") > 0)
    return traded.group_by("date", "symbol").agg(
        pl.col("low").min(),
        pl.col("high").max(),
        pl.col("volume").sum(),
        vwap=pl.col("amount").sum() / pl.col("volume").sum(),
        close=pl.col("high").last(),
        pre_close=pl.lit(10.0),
    )


def test_minute_bars_block_where_too_little_was_traded_inside() -> None:
    minutes = pl.concat(
        [
            bars_of("A", [[(10.9, 4)], [(11.0, 96)]]),  # 4 % below limit-up
            bars_of("B", [[(10.9, 40)], [(11.0, 60)]]),
            bars_of("C", [[(9.0, 95)], [(9.0, 2), (9.1, 3)]]),  # 3 % above limit-down
            bars_of("D", [[(11.0, 100)], []]),
            bars_of("E", [[(10.0, 100)]]),
        ]
    )
    names = np.array(list("ABCDE"))
    (day,) = market_days(names, [DAY], daily_of(minutes), securities_of("ABCDE"), minutes, min_inside_share=0.1)
    assert day.locked_up.tolist() == [True, False, False, True, False]
    assert day.locked_down.tolist() == [False, False, True, False, False]
    assert day.buy_volume == pytest.approx([4, 40, 100, 0, 100])
    assert day.sell_volume == pytest.approx([100, 100, 3, 100, 100])
    (loose,) = market_days(names, [DAY], daily_of(minutes), securities_of("ABCDE"), minutes, min_inside_share=0.0)
    assert loose.locked_up.tolist() == [False, False, False, True, False]  # nothing inside blocks all the same
    # where the minute bars have no volumes, or there are none, the daily bar decides
    for silent in (minutes.with_columns(volume=pl.lit(None, pl.Int64)), minutes.with_columns(amount=None), None):
        (daily,) = market_days(names, [DAY], daily_of(minutes), securities_of("ABCDE"), silent, min_inside_share=0.1)
        assert daily.locked_up.tolist() == [False, False, False, True, False]
        assert not daily.locked_down.any()
    # trades beyond the limit: it did not apply
    free = securities_of("ABCDE", up=10.5)
    (beyond,) = market_days(names, [DAY], daily_of(minutes), free, minutes, min_inside_share=0.1)
    assert not beyond.locked_up.any()


@settings(max_examples=100, deadline=None)
@given(
    cents=st.lists(st.lists(st.tuples(st.integers(900, 1100), st.integers(1, 500)), max_size=6), min_size=1, max_size=8)
)
def test_the_volume_inside_is_never_overstated(cents: list[list[tuple[int, int]]]) -> None:
    trades = [[(price / 100, shares) for price, shares in minute] for minute in cents]
    minutes = bars_of("A", trades)
    if minutes["volume"].sum() == 0:
        return
    (day,) = market_days(np.array(["A"]), [DAY], daily_of(minutes), securities_of("A"), minutes, min_inside_share=0.1)
    below = sum(shares for minute in cents for price, shares in minute if price < 1100)
    above = sum(shares for minute in cents for price, shares in minute if price > 900)
    assert day.buy_volume[0] <= below + 1e-6
    assert day.sell_volume[0] <= above + 1e-6
    whole = [minute for minute in cents if len({price == 1100 for price, _ in minute}) < 2]
    if len(whole) == len(cents):  # no minute holds both: nothing is estimated
        assert day.buy_volume[0] == pytest.approx(below, abs=1e-6)
        assert day.locked_up[0] == (below == 0 or below < 0.1 * minutes["volume"].sum())
