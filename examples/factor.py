"""A factor of one's own: Amihud's illiquidity on one-minute bars, named by `factors.extra_factors`.

The platform calls the function once a day, takes the mean over the valid days of the window, and orthogonalises it as the
ten factors of the report (assets/factors/extra.py). Source: Amihud (2002), "Illiquidity and stock returns".
"""

import polars as pl

BILLION = 1e9  # yuan


def amihud_illiquidity(bars: pl.DataFrame, prices: pl.DataFrame) -> pl.DataFrame:
    """Mean over the day's traded bars of |close / open − 1| per billion yuan of amount; high = illiquid.

    bars: `minute_bars` of one day (prices in yuan, amount in yuan). prices: `daily_prices` of the day; not needed here.
    Returns symbol, value; a stock without a traded bar has no row, which makes the day invalid for it.
    """
    move = (pl.col("close") / pl.col("open") - 1).abs() / (pl.col("amount") / BILLION)
    return bars.filter(pl.col("amount") > 0).group_by("symbol").agg(value=move.mean())
