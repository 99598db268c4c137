"""Day indicators: statistics of one symbol's bars of one day, before any average over days (SPEC §3).

This module holds the indicators of the ten factors and the rules that make a day invalid for each. It does not hold windows over
days, signs and orthogonalisation (ten.py).
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from assets.factors.block import MINUTES, SLOTS, MinuteBlock, in_parts, large_trade_minutes, minute_returns
from resources import clock
from resources.arrays import Bools, Floats
from resources.settings.factors import FactorsSettings


class MinuteFields(NamedTuple):
    """The columns of minute_bars that the kernels read: [n, 239] float64 each, in the order of `block.SLOTS`, NaN for null."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    amount: Floats
    trades: Floats
    buy_amount: Floats
    sell_amount: Floats
    large_buy_amount: Floats
    large_sell_amount: Floats
    net_bid_change: Floats
    at_limit_up: Floats
    at_limit_down: Floats


FIELDS = MinuteFields._fields
INDICATORS = (
    "skewness", "downside_volatility_share", "buying_intention_share", "buying_intention_strength", "large_net_buy",
    "open_amount", "post_open_growth", "closing_volume_share", "outflow_per_trade", "large_trade_growth", "flat_share",
)  # fmt: skip
FACTS = (
    "priced",  # a close of G is known
    "active",  # trade counts or volumes were delivered
    "traded",  # … and some bar traded, auctions included
    "ranged",  # … and the highs and lows of the bars that traded are known
    "one_price",  # … and are all one price
    "still",  # the closes of G are all one price
    "unsure_of_limits",  # a bar of the opening half hour may have been at a limit
)
INDICATOR_ROW = np.dtype([(name, np.float64) for name in INDICATORS])
FACT_ROW = np.dtype([(name, np.bool_) for name in FACTS])
"""The records that the kernels write for one symbol. They have a field per name, so that the kernels write values by name. The fields
are part of a kernel's signature: when a list of names changes, which numba's cache on disk would not notice, numba compiles the kernel
again."""
# Indicators of factors 1, 2, 9 and 10, for which a day with a single price (high = low) is invalid.
NEED_A_RANGE = ("skewness", "downside_volatility_share", "outflow_per_trade", "large_trade_growth")

OPENING_BARS = 30  # 570–599, the first bars of G
# The last bars of G (870–896) and the closing auction.
CLOSING_SLOT = int(np.searchsorted(SLOTS, clock.CLOSING_TIME - 30))


def measure_day(block: MinuteBlock, daily: Mapping[str, Floats], settings: FactorsSettings) -> tuple[pl.DataFrame, int]:
    """Return the indicators of every symbol of `block`, and the number of symbols without an official close.

    For the latter the close of the last bar is used. `daily` holds pre_close, high, low, close and volume of the day [n], NaN
    where not known. Null marks an invalid day. On a day without trades every indicator is null except post_open_growth,
    which is 1.
    """
    n, fields = len(block), MinuteFields(*block.arrays(FIELDS))
    returns = minute_returns(block, daily["pre_close"])
    large = large_trade_minutes(
        block.grid("amount"), block.grid("trades"), np.array([0, MINUTES]), settings.large_trade_share
    )
    fact, values = np.zeros(n, FACT_ROW), np.full(n, np.nan, INDICATOR_ROW)

    def work(first: int, last: int) -> None:
        _find_facts(first, last, fields, fact)
        _measure(first, last, fields, returns, large, settings.drop_limit_bars, settings.min_intention_bars, values)

    in_parts(n, work)
    columns = {name: values[name] for name in INDICATORS}

    # Where neither trades nor volumes were delivered, the day's volume decides whether a symbol traded, else its prices.
    official, daily_volume = daily["close"], daily["volume"]
    by_day = np.where(np.isnan(daily_volume), fact["priced"], daily_volume > 0)
    traded = np.where(fact["active"], fact["traded"], by_day)
    # High = low is judged by the bars with trades; where their highs are missing, by daily_prices; else by the closes.
    by_prices = ~np.isnan(daily["high"]) & ~np.isnan(daily["low"])
    by_day = np.where(by_prices, daily["high"] == daily["low"], fact["still"])
    one_price = np.where(fact["ranged"], fact["one_price"], by_day)

    # Where it is not known whether a bar was at a limit, it can be neither kept nor dropped.
    if settings.drop_limit_bars:
        for name in ("buying_intention_share", "buying_intention_strength"):
            columns[name] = np.where(fact["unsure_of_limits"], np.nan, columns[name])

    closes, auction = block.grid("close"), block.closing_auction("close")
    fallback = traded & np.isnan(official)
    final = np.where(np.isnan(official), np.where(np.isnan(auction), closes[:, -1], auction), official)
    columns["post_open_growth"] = final / closes[:, OPENING_BARS - 1]
    for name in INDICATORS:
        invalid = ~traded | ~fact["priced"] | (one_price & settings.drop_one_price_days & (name in NEED_A_RANGE))
        columns[name] = np.where(invalid, np.nan, columns[name])
    # Only where the day is known to be without trades; of a symbol-day set aside (all null) it is not known.
    columns["post_open_growth"][~traded & (fact["active"] | ~np.isnan(daily_volume))] = 1.0

    frame = pl.DataFrame({"symbol": block.symbols, "traded": traded, "one_price": one_price, **columns})
    return frame.with_columns(pl.col(*INDICATORS).fill_nan(None)), int(fallback.sum())


# --- the kernels: loops over the minutes of symbols first … last − 1; NaN propagates ---------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def _find_facts(first: int, last: int, fields: MinuteFields, rows: NDArray[np.void]) -> None:
    """Write rows [n] of `FACT_ROW`."""
    high, low, close, volume, trades = fields.high, fields.low, fields.close, fields.volume, fields.trades
    end = close.shape[1] - 1
    for s in range(first, last):
        active = traded = False
        ranged, top, bottom = True, -np.inf, np.inf
        for t in range(end + 1):
            activity = volume[s, t] if np.isnan(trades[s, t]) else trades[s, t]
            active |= not np.isnan(activity)
            if activity > 0:
                traded = True
                ranged &= not (np.isnan(high[s, t]) or np.isnan(low[s, t]))
                top, bottom = max(top, high[s, t]), min(bottom, low[s, t])
        priced = unsure = False
        still = True
        for t in range(1, end):
            priced |= not np.isnan(close[s, t])
            still &= close[s, t] == close[s, end - 1]
        for t in range(1, OPENING_BARS + 1):
            unsure |= not np.isnan(close[s, t]) and (
                np.isnan(fields.at_limit_up[s, t]) or np.isnan(fields.at_limit_down[s, t])
            )
        ranged &= traded
        row = rows[s]
        row.priced, row.active, row.traded, row.ranged = priced, active, traded, ranged
        row.one_price, row.still, row.unsure_of_limits = ranged and top == bottom, still, unsure


@njit(cache=True, nogil=True, error_model="numpy")
def _measure(
    first: int,
    last: int,
    fields: MinuteFields,
    returns: Floats,  # [n, 237]
    large: Bools,  # [n, 237]
    drop_limit_bars: bool,
    min_intention_bars: int,
    rows: NDArray[np.void],
) -> None:
    """Write rows [n] of `INDICATOR_ROW`, except post_open_growth; the caller removes invalid days."""
    volume, amount, trades = fields.volume, fields.amount, fields.trades
    buy, sell, large_buy, large_sell = (
        fields.buy_amount, fields.sell_amount, fields.large_buy_amount, fields.large_sell_amount,
    )  # fmt: skip
    minutes = returns.shape[1]
    intention = np.empty(OPENING_BARS)
    for s in range(first, last):
        row = rows[s]
        # 1, 2: moments of the day; 9, 10: amounts per trade.
        square = cube = down_square = 0.0
        flat = 0
        all_amount = all_trades = down_amount = down_trades = 0.0
        gain, traded = 0.0, 0
        for t in range(minutes):  # bar t of G is slot t + 1
            r, amt, trd = returns[s, t], amount[s, t + 1], trades[s, t + 1]
            square += r * r
            cube += r * r * r
            all_amount += amt
            all_trades += trd
            if r < 0:
                down_square += r * r
                down_amount += amt
                down_trades += trd
            flat += r == 0
            traded += trd > 0 and not np.isnan(amt)
            if large[s, t]:
                gain += r
        if square > 0:
            row.skewness = math.sqrt(minutes) * cube / square**1.5
            row.downside_volatility_share = down_square / square
        if down_trades > 0 and all_trades > 0 and all_amount > 0:
            row.outflow_per_trade = (down_amount / down_trades) / (all_amount / all_trades)
        if traded > 0:
            row.large_trade_growth = math.exp(gain)  # Π(1 + R) of simple returns R
        row.flat_share = flat / minutes

        # 3–6: the opening half hour.
        bars, kept_amount, total, open_amount, large_net = 0, 0.0, 0.0, 0.0, 0.0
        for t in range(1, OPENING_BARS + 1):
            open_amount += amount[s, t]
            large_net += large_buy[s, t] - large_sell[s, t]
            at_limit = fields.at_limit_up[s, t] == 1 or fields.at_limit_down[s, t] == 1
            if not (drop_limit_bars and at_limit):
                intention[bars] = buy[s, t] - sell[s, t] + fields.net_bid_change[s, t]
                total += intention[bars]
                kept_amount += amount[s, t]
                bars += 1
        if kept_amount > 0:
            row.buying_intention_share = total / kept_amount
        # A constant series has no strength: its computed std may be nonzero by rounding.
        if bars >= min_intention_bars and intention[:bars].max() > intention[:bars].min():
            mean = total / bars
            variance = 0.0
            for t in range(bars):
                variance += (intention[t] - mean) ** 2
            row.buying_intention_strength = mean / math.sqrt(variance / bars)
        row.large_net_buy = large_net
        row.open_amount = open_amount

        # 8: the volume of the closing half hour and auction over that of the day with both auctions.
        day_volume = closing_volume = 0.0
        for t in range(volume.shape[1]):
            day_volume += volume[s, t]
            if t >= CLOSING_SLOT:
                closing_volume += volume[s, t]
        if day_volume > 0:
            row.closing_volume_share = closing_volume / day_volume
