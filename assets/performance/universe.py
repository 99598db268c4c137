"""Filters values of factors and scores to the members of the universe U(t) of their day (SPEC §7)."""

import polars as pl

from assets import catalogue

LONG = ("date", "symbol", "factor", "value")


def universe_only(values: pl.LazyFrame, securities: pl.LazyFrame) -> pl.DataFrame:
    """Select the values of the report's sixteen factors for members of U(t), the full market of SPEC §7.

    values: rows with the columns LONG. securities: rows (date, symbol, in_universe). A user's own factors
    (`factors.extra_factors`) are left out: the lines of the portfolios evaluate them.
    """
    members = securities.filter(pl.col("in_universe")).select("date", "symbol")
    values = values.filter(pl.col("factor").is_in(list(catalogue.BY_KEY)))
    return values.select(LONG).join(members, on=["date", "symbol"], how="semi").collect()
