"""Chooses the latest announced equity and profit of each stock from the announcements known on a day. No prices."""

import polars as pl


def latest_fundamentals(announced: pl.DataFrame) -> pl.DataFrame:
    """Return one row per symbol: equity, net_profit (yuan), profitability and profitability_year_ago (ratios), per SPEC §4.

    announced: symbol, period (last day of a quarter), announce_date, net_profit (of the single quarter) and equity (at its end) of
    every announcement known so far. Of several announcements of a quarter, the last one is used. Each figure is of the latest
    quarter for which it is known, so that a late or partial report does not hide an earlier complete one. Profitability is net
    profit over the mean of opening and closing equity, and null where that mean is not above 0 (a loss over negative equity is no
    gain). `profitability_year_ago` is that of the same quarter one year earlier, as known now.
    """
    quarter = pl.col("period").dt.year().cast(pl.Int32) * 4 + pl.col("period").dt.quarter()
    known = (
        announced.sort("announce_date", maintain_order=True)
        .with_columns(quarter=quarter)
        .unique(["symbol", "quarter"], keep="last", maintain_order=True)
        .select("symbol", "quarter", "net_profit", "equity")
    )
    opening = known.select("symbol", quarter=pl.col("quarter") + 1, opening="equity")
    mean = (pl.col("equity") + pl.col("opening")) / 2
    known = known.join(opening, on=["symbol", "quarter"], how="left").with_columns(
        profitability=pl.when(mean > 0).then(pl.col("net_profit") / mean)
    )
    year_ago = known.select("symbol", quarter=pl.col("quarter") + 4, profitability_year_ago="profitability")
    known = known.join(year_ago, on=["symbol", "quarter"], how="left").sort("symbol", "quarter")

    def last(column: str) -> pl.Expr:
        return pl.col(column).drop_nulls().last()

    return known.group_by("symbol", maintain_order=True).agg(
        last("equity"),
        last("net_profit"),
        # Both are of the same quarter, so that growth compares like with like.
        pl.col("profitability_year_ago").filter(pl.col("profitability").is_not_null()).last(),
        last("profitability"),
    ).select("symbol", "equity", "net_profit", "profitability", "profitability_year_ago")  # fmt: skip
