"""A user's own factor: Amihud's illiquidity on one-minute bars, named by `factors.extra_factors`.

The platform calls the function once a day, averages its values over the valid days of the window, and orthogonalises the average like
the ten factors of the report (assets/factors/extra.py). Source: Amihud (2002), "Illiquidity and stock returns".
"""

import polars as pl

BILLION = 1e9  # yuan


def amihud_illiquidity(bars: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Compute the mean over the day's traded bars of |close / open − 1| per billion yuan of amount; high values mean illiquid.

    Args:
        bars: `minute_bars` of one day, with prices and amount in yuan.
        prices: `daily_prices` of the day, which this factor does not use.

    Returns:
        symbol, value. A stock without a traded bar has no row, which makes the day invalid for it.
    """
    move = (pl.col("close") / pl.col("open") - 1).abs() / (pl.col("amount") / BILLION)
    return bars.filter(pl.col("amount") > 0).group_by("symbol").agg(value=move.mean())
