"""Statistics of one day's bars and factors: how many stocks have a value, the share of nulls, and quantiles over the stocks.

This module does not compare days (shifts.py). Nothing here looks at another day.
"""

import polars as pl

from assets.distributions.schemas import DISTRIBUTIONS, QUANTILES

SUMS = ("volume", "amount", "trades", "buy_amount", "sell_amount", "large_buy_amount", "large_sell_amount")
"""Bar columns whose figure of a stock is ln of the day's sum. A sum of 0 is known and has no logarithm."""
LOGARITHMIC_MEANS = ("close", "spread")
"""Bar columns whose figure is ln of the mean over the day's bars."""
MEANS = ("net_bid_change", "imbalance", "imbalance_5")
"""Bar columns whose figure is the mean over the day's bars."""
COLUMNS = (*SUMS, *LOGARITHMIC_MEANS, *MEANS)
VWAP = "vwap"
"""ln of the day's amount over its volume, which reveals other units of one of the two."""
BAR_ITEMS = (*COLUMNS, VWAP)


def describe_bars(bars: pl.DataFrame, traded: pl.Series) -> pl.DataFrame:
    """Describe the bars of a day: one row per item of BAR_ITEMS, without the columns date and table; no rows without bars.

    Args:
        bars: the day's minute bars: symbol, minute and COLUMNS.
        traded: the symbols that traded on the day by its daily prices.
    """
    if bars.is_empty():
        return pl.DataFrame(schema=_DESCRIBED)
    ordered = bars.select("symbol", "minute", *COLUMNS).sort("symbol", "minute")  # the last bit of a sum depends on it
    by_symbol = ordered.group_by("symbol", maintain_order=True)
    sums = by_symbol.agg(
        *(pl.when(pl.col(one).count() > 0).then(pl.col(one).cast(pl.Float64).sum()).alias(one) for one in SUMS),
        *(pl.col(one).cast(pl.Float64).mean() for one in (*LOGARITHMIC_MEANS, *MEANS)),
    ).with_columns(pl.when(pl.col("volume") > 0).then(pl.col("amount") / pl.col("volume")).alias(VWAP))
    positive = (*SUMS, *LOGARITHMIC_MEANS, VWAP)
    figures = sums.with_columns(pl.when(pl.col(one) > 0).then(pl.col(one).log()).alias(one) for one in positive)
    known = sums.select("symbol", *(pl.col(one).is_not_null() for one in BAR_ITEMS))
    long = figures.unpivot(index="symbol", variable_name="item", value_name="value").with_columns(
        known=known.unpivot(index="symbol")["value"]
    )
    nulls = ordered.select(pl.col(COLUMNS).null_count()).row(0, named=True)
    nulls[VWAP] = ordered.select((pl.col("amount").is_null() | pl.col("volume").is_null()).sum()).item()
    return (
        _described(long, traded)
        .with_columns(
            rows=pl.lit(bars.height, pl.Int64),
            null_share=pl.col("item").replace_strict(nulls, return_dtype=pl.Float64) / bars.height,
        )
        .select(*_DESCRIBED)
    )


def describe_factors(factors: pl.DataFrame) -> pl.DataFrame:
    """Describe the factors of a day: one row per factor, without the columns date and table.

    The quantiles and the nulls are those of `raw`, because `value` is a z-score. names and coverage count values of `value`, and
    coverage is their share of the universe U(t).

    Args:
        factors: the day's rows: symbol, factor, raw, value.
    """
    long = factors.select("symbol", item="factor", value="raw", known=pl.col("value").is_not_null())
    rows = factors.group_by("factor").agg(
        pl.len().cast(pl.Int64).alias("rows"), (pl.col("raw").null_count() / pl.len()).alias("null_share")
    )
    found = _described(long, factors["symbol"].unique())
    return found.join(rows, left_on="item", right_on="factor", maintain_order="left").select(*_DESCRIBED)


_DESCRIBED = {name: dtype for name, dtype in DISTRIBUTIONS.items() if name not in ("date", "table")}


def _described(long: pl.DataFrame, expected: pl.Series) -> pl.DataFrame:
    """Names, coverage and quantiles by item. long: symbol, item, value, known. expected: the symbols that ought to be known."""
    owed = pl.col("known") & pl.col("symbol").is_in(expected.implode())
    return (
        long.group_by("item")
        .agg(
            pl.col("known").sum().cast(pl.Int64).alias("names"),
            (owed.sum() / expected.len() if expected.len() else pl.lit(None, pl.Float64)).alias("coverage"),
            *(pl.col("value").quantile(share, "linear").alias(name) for name, share in QUANTILES.items()),
        )
        .sort("item")
    )
