"""From which amount on an order is large (SPEC §3). Sums of earlier days in, one threshold per stock out.

A window of 20 days is 20 stored rows per stock, added afresh: no order is read again, and nothing is updated in place that
could drift. Beside all orders pooled, K is right to 1e-11 of itself for real amounts (std of ln a above a half), and to 1e-4 in
the worst case, a stock whose orders are all of one size (tests/bars/test_incremental.py has the bounds).
"""

import polars as pl

from resources.settings.bars import BarsSettings


def large_order_thresholds(order_sizes: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """symbol, threshold (yuan): K = exp(mean + large_order_std · std of ln amount), ddof 0, over all orders of the days given, pooled.

    Stocks with too few days or orders have no row.

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
