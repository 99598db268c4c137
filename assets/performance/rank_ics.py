"""The RankIC of each factor over the holding period that ends in a week (SPEC §7).

This module computes Spearman's correlation of factor values and VWAP-to-VWAP returns. It does not average over weeks
(statistics.py).
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from assets.performance.price_paths import PricePaths
from assets.performance.rebalancing import Rebalance

FEWEST_NAMES = 3  # the correlation of two stocks is always ±1


def holding_returns(paths: PricePaths, entry: Rebalance, exit: Rebalance) -> pl.DataFrame:
    """Compute the return of each stock from the VWAP of one trade day to the VWAP of another.

    Returns rows (symbol, return, both) of the stocks that traded on both days; returns are fractions.
    """
    first, last = paths.days.index(entry.trade), paths.days.index(exit.trade)
    growth = paths.from_vwap[first] * np.prod(paths.growth[first + 1 : last], axis=0) * paths.to_vwap[last]
    both = paths.traded[first] & paths.traded[last]
    rows = {"symbol": paths.symbols, "return": growth - 1, "both": both}
    return pl.DataFrame(rows, schema={"symbol": pl.String, "return": pl.Float64, "both": pl.Boolean}).filter("both")


def correlate_ranks(values: pl.DataFrame, paths: PricePaths, entry: Rebalance, exit: Rebalance) -> pl.DataFrame:
    """Compute the RankIC of each factor as rows (factor, rank_ic, names).

    A factor with fewer than three stocks, or whose values or returns are constant, has no row.

    values: rows (symbol, factor, value) of the entry's signal day, members of U(t) alone.
    """
    pairs = values.join(holding_returns(paths, entry, exit), on="symbol")
    return (
        rank_correlations(pairs, "value", "return", ("factor",))
        .filter(pl.col("correlation").is_not_null() & (pl.col("names") >= FEWEST_NAMES))
        .rename({"correlation": "rank_ic"})
    )


def rank_correlations(pairs: pl.DataFrame, one: str, other: str, by: Sequence[str]) -> pl.DataFrame:
    """Compute Spearman's correlation of two columns in each group as rows (`by`, correlation, names).

    pairs: one row per stock and group, with a column `symbol`; rows in which either column is null or nan are left out. Ties
    have their mean rank. The correlation is null if a column is constant.
    """
    ranked = (
        pairs.filter(pl.all_horizontal(pl.col(c).is_not_null() & pl.col(c).is_not_nan() for c in (one, other)))
        .sort(*by, "symbol")  # the last bit of a sum depends on the order
        .with_columns(pl.col(one, other).rank("average").over(by))
    )
    return ranked.group_by(by, maintain_order=True).agg(
        pl.corr(one, other).fill_nan(None).alias("correlation"), pl.len().cast(pl.Int64).alias("names")
    )
