"""Daily prices as dense day × symbol arrays: what a share of a name grows by, and whether it could be traded.

Here: growth to the close, to and from the VWAP, and the limit locks. Not here: who holds what (factor_returns.py).
All growth is on ex-rights prices (close / pre_close), so that splits and dividends leave no trace (SPEC §1).
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
    buyable: Flags  # traded, and not locked at limit-up all day
    shortable: Flags  # traded, and not locked at limit-down all day

    def columns_of(self, symbols: Sequence[str]) -> NDArray[np.int64]:
        """Column of each symbol; -1 for one that traded on none of the days."""
        position = {symbol: column for column, symbol in enumerate(self.symbols)}
        return np.array([position.get(symbol, -1) for symbol in symbols], dtype=np.int64)


def lay_out_prices(daily_prices: pl.LazyFrame, days: Sequence[dt.date]) -> PricePaths:
    """Dense paths over `days` (trading days in order) from the rows of `daily_prices` (yuan; no row = suspended)."""
    rows = (
        daily_prices.select(NEEDED)
        .filter(pl.col("date").is_in(list(days)), pl.col("volume") > 0, pl.col("vwap") > 0, pl.col("pre_close") > 0)
        .collect()
    )
    symbols = rows["symbol"].unique().sort()
    day_row = pl.DataFrame({"date": list(days)}, schema={"date": pl.Date}).with_row_index("row")
    column = pl.DataFrame({"symbol": symbols}).with_row_index("column")
    rows = rows.join(day_row, on="date").join(column, on="symbol").sort("row", "column")
    at = (rows["row"].to_numpy(), rows["column"].to_numpy())
    shape = (len(days), len(symbols))

    def dense(values: pl.Series, empty: float | bool) -> NDArray:
        out = np.full(shape, empty)
        out[at] = values.to_numpy()
        return out

    cents = {name: (rows[name] * 100).round() for name in ("high", "low", "limit_up", "limit_down")}
    locked_up = (cents["low"] == cents["limit_up"]).fill_null(False)
    locked_down = (cents["high"] == cents["limit_down"]).fill_null(False)
    return PricePaths(
        days=list(days),
        symbols=symbols.to_list(),
        growth=dense(rows["close"] / rows["pre_close"], 1.0),
        to_vwap=dense(rows["vwap"] / rows["pre_close"], 1.0),
        from_vwap=dense(rows["close"] / rows["vwap"], 1.0),
        traded=dense(pl.repeat(True, rows.height, eager=True), False),
        buyable=dense(~locked_up, False),
        shortable=dense(~locked_down, False),
    )
