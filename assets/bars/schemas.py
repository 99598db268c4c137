"""The schemas of order_sizes and minute_bars (SPEC §2.2, §2.3). Declarations import this module, so it has no heavy imports."""

import polars as pl

from assets.delivered_bars.schemas import KEY, MINUTE_BARS, VALUES

__all__ = ["KEY", "MINUTE_BARS", "ORDER_SIZES", "VALUES"]

ORDER_SIZES = {
    "date": pl.Date,
    "symbol": pl.String,
    "orders": pl.Int64,
    "sum_ln": pl.Float64,
    "sum_ln2": pl.Float64,
}
