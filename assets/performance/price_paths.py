"""Daily prices as dense day × symbol arrays: what a share of a name grows by, and whether it could be traded.

Here: growth to the close, to and from the VWAP, and who could trade, by the portfolios' own rule at the price limit
(assets/portfolios/week/market.py). Not here: who holds what (factor_returns.py).
All growth is on ex-rights prices (close / pre_close), so that splits and dividends leave no trace (SPEC §1).
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.portfolios.week.market import arrays, limit_sides

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
NEEDED = ("date", "symbol", "pre_close", "high", "low", "close", "volume", "vwap", "limit_up", "limit_down")


@dataclass(frozen=True)
class PricePaths:
    """Arrays of shape (days, symbols); a name without a trade on a day grows by 1 there and can't be traded."""

    days: list[dt.date]
    symbols: list[str]  # sorted
    growth: Floats  # close / pre_close
    to_vwap: Floats  # vwap / pre_close
    from_vwap: Floats  # close / vwap
    traded: Flags
    buyable: Flags  # traded, and not blocked at limit-up
    shortable: Flags  # traded, and not blocked at limit-down

    def columns_of(self, symbols: Sequence[str]) -> NDArray[np.int64]:
        """Column of each symbol; -1 for one that traded on none of the days."""
        position = {symbol: column for column, symbol in enumerate(self.symbols)}
        return np.array([position.get(symbol, -1) for symbol in symbols], dtype=np.int64)


def lay_out_prices(
    daily_prices: pl.LazyFrame,
    days: Sequence[dt.date],
    minutes: pl.DataFrame | None = None,
    *,
    min_inside_share: float = 0.0,
) -> PricePaths:
    """Dense paths over `days` (trading days in order) from the rows of `daily_prices` (yuan; no row = suspended).

    minutes: minute_bars of the days on which somebody enters, for the fill rule minutes; None: the daily rule.
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

    def dense(values: NDArray, empty: float) -> Floats:
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
