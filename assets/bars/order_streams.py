"""Whose orders were not delivered though they were to be expected, from the verdicts of a day and of the days before.

Here: what is expected under `bars.expect_orders`, and how much of it is lacking per exchange. Not here: orders that contradict their
trades (assets/tape_health). Nothing that is computed reads orders: they are held against the trades.
"""

import polars as pl

from resources.settings.bars import BarsSettings

LACKING = {
    "exchange": pl.String,
    "expected": pl.Int64,  # names that traded and whose orders are to be expected
    "without_orders": pl.Int64,  # of them: without an order
    "too_many_without_orders": pl.Int64,  # whether these are more than the settings allow
    "detail": pl.String,
}
_LISTED = 5


def lacking_orders(today: pl.DataFrame, before: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """LACKING, one row per exchange with names whose orders are lacking, sorted.

    today, before: tape_health of the day and of the `bars.order_days` trading days before it, under the codes of the day. A name's
    orders were delivered where they were measured (overfilled_orders): Shenzhen's cancels in the trade file are no orders.
    """
    measured = pl.col("overfilled_orders").is_not_null()
    traded = today.filter(pl.col("trades") > 0).select(
        "symbol", exchange=pl.col("symbol").str.tail(2), ordered=measured
    )
    shown = before.filter(measured).group_by("symbol").agg(last=pl.col("date").max())
    if settings.expect_orders == "as_before":
        expected = traded.join(shown, on="symbol", how="inner")
    else:
        expected = traded.join(shown, on="symbol", how="left").filter(pl.lit(settings.expect_orders == "always"))
    lacking = ~pl.col("ordered")
    by_exchange = (
        expected.sort("symbol")
        .group_by("exchange", maintain_order=True)
        .agg(
            expected=pl.len(),
            without_orders=lacking.sum(),
            last=pl.col("last").filter(lacking).max(),
            names=pl.col("symbol").filter(lacking).head(_LISTED).str.join(", "),
        )
        .filter(pl.col("without_orders") > 0)
        .sort("exchange")
    )
    too_many = pl.col("without_orders") > settings.max_without_orders_share * pl.col("expected")
    why = (
        pl.format("and orders of them were on {}", pl.col("last").cast(pl.String))
        if settings.expect_orders == "as_before"
        else pl.lit("which bars.expect_orders = 'always' demands")
    )
    more = pl.when(pl.col("without_orders") > _LISTED).then(pl.lit(" …")).otherwise(pl.lit(""))
    found = by_exchange.select(
        "exchange",
        "expected",
        "without_orders",
        too_many_without_orders=too_many,
        detail=pl.format(
            "no orders of {} of {} names of {} that traded were delivered, {} ({}{})",
            "without_orders",
            "expected",
            "exchange",
            why,
            "names",
            more,
        ),
    )
    return found.select(pl.col(name).cast(dtype) for name, dtype in LACKING.items())
