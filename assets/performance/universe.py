"""Values of factors and scores, cut to the members of the universe U(t) of their day (SPEC §7). Nothing else."""

import polars as pl

from assets import catalogue

LONG = ("date", "symbol", "factor", "value")


def universe_only(values: pl.LazyFrame, securities: pl.LazyFrame) -> pl.DataFrame:
    """Rows of members of U(t): the full market of SPEC §7, from which groups are cut. Of the sixteen factors of the report: a
    user's own (`factors.extra_factors`) are judged by the lines of the portfolios."""
    members = securities.filter(pl.col("in_universe")).select("date", "symbol")
    values = values.filter(pl.col("factor").is_in(list(catalogue.BY_KEY)))
    return values.select(LONG).join(members, on=["date", "symbol"], how="semi").collect()
