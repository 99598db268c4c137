"""Daily prices as dense arrays of days and symbols: the growth of each stock, and whether it could be traded.

This module holds the growth to the close, to the VWAP and from the VWAP, and which stocks could be traded under the portfolios'
rule at the price limit (assets/portfolios/week/market.py). It does not hold which stocks are held (factor_returns.py). Growth is
computed from ex-rights prices (close / pre_close), so that it includes splits and dividends (SPEC §1).
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.portfolios.week.market import arrays, limit_sides
from resources.arrays import Bools, Floats

NEEDED = ("date", "symbol", "pre_close", "high", "low", "close", "volume", "vwap", "limit_up", "limit_down")


@dataclass(frozen=True)
class PricePaths:
    """Arrays of shape (days, symbols); on a day without a trade a stock's growth is 1 and it cannot be traded."""

    days: list[dt.date]
    symbols: list[str]  # sorted
    growth: Floats  # close / pre_close
    to_vwap: Floats  # vwap / pre_close
    from_vwap: Floats  # close / vwap
    traded: Bools
    buyable: Bools  # traded, and not blocked at limit-up
    shortable: Bools  # traded, and not blocked at limit-down

    def columns_of(self, symbols: Sequence[str]) -> NDArray[np.int64]:
        """Return the column of each symbol, or -1 for a symbol that traded on none of the days."""
        position = {symbol: column for column, symbol in enumerate(self.symbols)}
        return np.array([position.get(symbol, -1) for symbol in symbols], dtype=np.int64)


def lay_out_prices(
    daily_prices: pl.LazyFrame,
    days: Sequence[dt.date],
    minutes: pl.DataFrame | None = None,
    *,
    min_inside_share: float = 0.0,
) -> PricePaths:
    """Lay out the rows of `daily_prices` as dense arrays over `days`.

    daily_prices: rows with the columns NEEDED, prices in yuan; a stock without a row is suspended. days: trading days in
    ascending order. minutes: the minute_bars of the entry days, for the fill rule `minutes`; None for the daily rule.
    min_inside_share: `portfolios.execution.fills.min_inside_share`.
    """
    rows = (
        daily_prices.select(NEEDED)
        .filter(pl.col("date").is_in(list(days)), pl.col("volume") > 0, pl.col("vwap") > 0, pl.col("pre_close") > 0)
        .collect()
    )
    symbols = rows["symbol"].unique().sort()
    names, dates = pl.Enum(symbols), np.array(days, dtype="datetime64[D]")
    shape = (len(days), len(symbols))
    at, bar = arrays(rows, names, dates, NEEDED[2:])

    def dense(values: Floats, empty: float) -> Floats:
        out = np.full(shape, empty)
        out[at] = values
        return out

    up, down = dense(bar["limit_up"], np.nan), dense(bar["limit_down"], np.nan)
    buys, sells = limit_sides(at, bar, up, down, names, dates, minutes, min_inside_share)
    traded = dense(np.ones(rows.height), 0.0) > 0
    return PricePaths(
        days=list(days),
        symbols=symbols.to_list(),
        growth=dense(bar["close"] / bar["pre_close"], 1.0),
        to_vwap=dense(bar["vwap"] / bar["pre_close"], 1.0),
        from_vwap=dense(bar["close"] / bar["vwap"], 1.0),
        traded=traded,
        buyable=traded & ~buys.locked,
        shortable=traded & ~sells.locked,
    )
