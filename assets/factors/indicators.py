"""Day indicators: what one symbol's bars of one day say, before any average over days (SPEC §3).

Here: the indicators behind the ten factors and which days are valid for each. Not here: windows over days, signs and
orthogonalisation (ten.py).
"""

import datetime as dt
import math

import numpy as np
import polars as pl
from numba import njit

from assets.factors.block import (
    GRID,
    MINUTES,
    Bools,
    Floats,
    MinuteBlock,
    dense_block,
    known_activity,
    large_trade_minutes,
    minute_returns,
    traded_days,
)
from resources.made import Made
from resources.settings.factors import FactorsSettings

FIELDS = (
    "open", "high", "low", "close", "volume", "amount", "trades", "buy_amount", "sell_amount",
    "large_buy_amount", "large_sell_amount", "net_bid_change", "at_limit_up", "at_limit_down",
)  # fmt: skip
INDICATORS = (
    "skewness", "downside_volatility_share", "buying_intention_share", "buying_intention_strength", "large_net_buy",
    "open_amount", "post_open_growth", "closing_volume_share", "outflow_per_trade", "large_trade_growth", "flat_share",
)  # fmt: skip
# What a one-price day (high = low) is invalid for: factors 1, 2, 9 and 10.
NEED_A_RANGE = ("skewness", "downside_volatility_share", "outflow_per_trade", "large_trade_growth")

OPENING_BARS = 30  # 570–599, the first bars of G
CLOSING_FROM = int(np.searchsorted(GRID, 870))  # 870–896, the last bars of G


def make_day_indicators(
    minute_bars: pl.LazyFrame, daily_prices: pl.LazyFrame, date: dt.date, settings: FactorsSettings
) -> Made:
    """`day_indicators` of one day: one row per symbol with bars."""
    block = dense_block(minute_bars, FIELDS)
    prices = daily_prices.select("symbol", "pre_close", "high", "low", "close", "volume").collect()
    daily = pl.DataFrame({"symbol": block.symbols}).join(prices, on="symbol", how="left", maintain_order="left")
    if not prices.is_empty():
        daily = daily.with_columns(pl.col("volume").fill_null(0))  # no row in daily_prices is a suspended day
    daily = daily.with_columns(pl.exclude("symbol").cast(pl.Float64).fill_null(float("nan")))
    frame, fallback = measure_day(block, daily, settings)
    notes: dict[str, object] = {"symbols": len(block), "traded": int(frame["traded"].sum())}
    if fallback:
        # The official close can differ from the last trade (SSE before 2018-08: a one-minute average).
        notes["official_close_absent"] = f"{fallback} symbols: the last bar's close stands in for post_open_growth"
    return Made(frame.select(pl.lit(date).alias("date"), pl.all()), notes=notes)


def measure_day(block: MinuteBlock, daily: pl.DataFrame, settings: FactorsSettings) -> tuple[pl.DataFrame, int]:
    """The indicators of every symbol of `block`, and how many took the last bar's close for the official one.

    `daily` has the block's symbols in its order, with pre_close, high, low, close, volume of the day, NaN where not
    known. Null is an invalid day. On a day without trades everything is null but post_open_growth, which is 1.
    """
    pre_close, official, daily_volume = (daily[name].to_numpy() for name in ("pre_close", "close", "volume"))
    closes, returns = block.grid("close"), minute_returns(block, pre_close)

    # Without delivered activity a symbol traded iff daily_prices says so, or, where that is unknown, has prices.
    priced, active = np.any(~np.isnan(closes), axis=1), known_activity(block)
    traded = np.where(active, traded_days(block), np.where(np.isnan(daily_volume), priced, daily_volume > 0))
    one_price = _one_price(block, daily)

    values = _measure(
        returns,
        block.whole("volume"),
        block.grid("amount"),
        block.grid("trades"),
        block.grid("buy_amount"),
        block.grid("sell_amount"),
        block.grid("large_buy_amount"),
        block.grid("large_sell_amount"),
        block.grid("net_bid_change"),
        (block.grid("at_limit_up") == 1) | (block.grid("at_limit_down") == 1),
        large_trade_minutes(
            block.grid("amount"), block.grid("trades"), np.array([0, MINUTES]), settings.large_trade_share
        ),
        settings.drop_limit_bars,
        settings.min_intention_bars,
    )
    columns = dict(zip(INDICATORS, values.T, strict=True))

    if settings.drop_limit_bars:  # a bar that may stand at a limit can be neither kept nor dropped
        flags = np.isnan(block.grid("at_limit_up")) | np.isnan(block.grid("at_limit_down"))
        unknown = (flags & ~np.isnan(closes))[:, :OPENING_BARS].any(axis=1)
        for name in ("buying_intention_share", "buying_intention_strength"):
            columns[name] = np.where(unknown, np.nan, columns[name])

    last = np.where(np.isnan(block.closing_auction("close")), closes[:, -1], block.closing_auction("close"))
    fallback = traded & np.isnan(official)
    columns["post_open_growth"] = np.where(np.isnan(official), last, official) / closes[:, OPENING_BARS - 1]
    for name in INDICATORS:
        invalid = ~traded | ~priced | (one_price & settings.drop_one_price_days & (name in NEED_A_RANGE))
        columns[name] = np.where(invalid, np.nan, columns[name])
    # A day known to be without trades; a symbol-day set aside (all null) is unknown instead.
    columns["post_open_growth"][~traded & (active | ~np.isnan(daily_volume))] = 1.0

    frame = pl.DataFrame({"symbol": block.symbols, "traded": traded, "one_price": one_price, **columns})
    return frame.with_columns(pl.col(*INDICATORS).fill_nan(None)), int(fallback.sum())


def _one_price(block: MinuteBlock, daily: pl.DataFrame) -> Bools:
    """[n]: days with high = low, by the bars with trades; without highs there, by daily_prices; else by closes."""
    traded = (block.whole("trades") > 0) | (np.isnan(block.whole("trades")) & (block.whole("volume") > 0))
    high = np.where(traded, block.whole("high"), -np.inf).max(axis=1)
    low = np.where(traded, block.whole("low"), np.inf).min(axis=1)
    official_high, official_low = daily["high"].to_numpy(), daily["low"].to_numpy()
    closes = block.grid("close")
    by_bars, by_prices = np.isfinite(high) & np.isfinite(low), ~np.isnan(official_high) & ~np.isnan(official_low)
    still = (closes == closes[:, -1:]).all(axis=1)
    return np.where(by_bars, high == low, np.where(by_prices, official_high == official_low, still))


@njit(cache=True, error_model="numpy")
def _measure(
    returns: Floats,  # [n, 237] like all below, but for volume
    volume: Floats,  # [n, 239], with both auctions
    amount: Floats,
    trades: Floats,
    buy: Floats,
    sell: Floats,
    large_buy: Floats,
    large_sell: Floats,
    net_bid_change: Floats,
    at_limit: Bools,
    large_trades: Bools,
    drop_limit_bars: bool,
    min_intention_bars: int,
) -> Floats:
    """[n, 11] in the order of `INDICATORS`, post_open_growth left NaN; validity of days is the caller's."""
    n, minutes = returns.shape
    out = np.full((n, 11), np.nan)
    intention = np.empty(OPENING_BARS)
    for s in range(n):
        # 1, 2: moments of the day; 9, 10: amounts per trade.
        square = cube = down_square = 0.0
        flat = 0
        all_amount = all_trades = down_amount = down_trades = 0.0
        gain, traded = 0.0, 0
        for t in range(minutes):
            r = returns[s, t]
            square += r * r
            cube += r * r * r
            all_amount += amount[s, t]
            all_trades += trades[s, t]
            if r < 0:
                down_square += r * r
                down_amount += amount[s, t]
                down_trades += trades[s, t]
            if r == 0:
                flat += 1
            if trades[s, t] > 0 and not np.isnan(amount[s, t]):
                traded += 1
            if large_trades[s, t]:
                gain += r
        if square > 0:
            out[s, 0] = math.sqrt(minutes) * cube / square**1.5
            out[s, 1] = down_square / square
        if down_trades > 0 and all_trades > 0 and all_amount > 0:
            out[s, 8] = (down_amount / down_trades) / (all_amount / all_trades)
        if traded > 0:
            out[s, 9] = math.exp(gain)  # Π(1 + R) of simple returns R
        out[s, 10] = flat / minutes

        # 3–6: the opening half hour.
        bars, kept_amount, total, open_amount, large_net = 0, 0.0, 0.0, 0.0, 0.0
        for t in range(OPENING_BARS):
            open_amount += amount[s, t]
            large_net += large_buy[s, t] - large_sell[s, t]
            if not (drop_limit_bars and at_limit[s, t]):
                intention[bars] = buy[s, t] - sell[s, t] + net_bid_change[s, t]
                total += intention[bars]
                kept_amount += amount[s, t]
                bars += 1
        if kept_amount > 0:
            out[s, 2] = total / kept_amount
        # A constant series has std 0, whatever rounding makes of it.
        if bars >= min_intention_bars and intention[:bars].max() > intention[:bars].min():
            mean = total / bars
            variance = 0.0
            for t in range(bars):
                variance += (intention[t] - mean) ** 2
            out[s, 3] = mean / math.sqrt(variance / bars)
        out[s, 4] = large_net
        out[s, 5] = open_amount

        # 8: the closing half hour and auction in the day with both auctions.
        day_volume = closing_volume = 0.0
        for t in range(volume.shape[1]):
            day_volume += volume[s, t]
            if t > CLOSING_FROM:  # bar t of G stands at slot t + 1
                closing_volume += volume[s, t]
        if day_volume > 0:
            out[s, 7] = closing_volume / day_volume
    return out
