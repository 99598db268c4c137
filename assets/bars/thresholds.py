"""Computes the amount from which an order of a stock is large (SPEC §3) from the stored sums of earlier days.

A window of 20 days is 20 stored rows per stock, which are added again for each day: no order is read twice, and no running sum
accumulates rounding errors. Compared with pooling all orders, the relative error of K is at most 1e-11 for real amounts (standard
deviation of ln a above 0.5) and 1e-4 in the worst case, a stock whose orders all have one size (bounds in
tests/bars/test_incremental.py).
"""

import polars as pl

from resources.settings.bars import BarsSettings


def large_order_thresholds(order_sizes: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """Return symbol and threshold (yuan): K = exp(mean + large_order_std · std of ln amount), ddof 0 (SPEC §3).

    order_sizes: rows of order_sizes, one per symbol and day, the orders of which are pooled. Stocks with too few days or orders
    have no row.

    >>> import math
    >>> sizes = pl.DataFrame({"symbol": ["600519.SH"] * 5, "orders": [100] * 5, "sum_ln": [1000.0] * 5, "sum_ln2": [10_400.0] * 5})
    >>> k = large_order_thresholds(sizes, BarsSettings())["threshold"][0]
    >>> round(math.log(k), 12)  # mean 10, variance 104 − 100
    12.0
    """
    pooled = (
        order_sizes.filter(pl.col("orders") > 0)
        .group_by("symbol")
        .agg(days=pl.len(), orders=pl.col("orders").sum(), first=pl.col("sum_ln").sum(), second=pl.col("sum_ln2").sum())
    )
    enough = (pl.col("days") >= settings.large_order_min_days) & (pl.col("orders") >= settings.large_order_min_orders)
    mean = pl.col("first") / pl.col("orders")
    variance = (pl.col("second") / pl.col("orders") - mean * mean).clip(0)
    return (
        pooled.filter(enough)
        .select("symbol", threshold=(mean + settings.large_order_std * variance.sqrt()).exp())
        .sort("symbol")
    )
