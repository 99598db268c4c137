"""Finds stocks whose orders are expected and were not delivered, from tape_health of a day and of the days before.

This module decides which orders are expected under `bars.expect_orders` and counts the missing ones per exchange. It does not judge
orders that contradict their trades (assets/tape_health). No figure is computed from orders; they are only compared with the trades.
"""

import polars as pl

from assets.bars.reasons import ORDERS_LACKING, ORDERS_LACKING_NOW
from resources.settings.bars import BarsSettings

LACKING = {
    "exchange": pl.String,
    "expected": pl.Int64,  # stocks that traded and whose orders are expected
    "without_orders": pl.Int64,  # expected stocks without an order
    "too_many_without_orders": pl.Int64,  # whether without_orders is more than the settings allow
    "detail": pl.String,  # the reason (`Reason.dumps`)
}
_LISTED = 5


def lacking_orders(today: pl.DataFrame, before: pl.DataFrame, settings: BarsSettings) -> pl.DataFrame:
    """Return one row per exchange with stocks whose orders are missing, sorted; schema LACKING.

    today, before: tape_health of the day and of the `bars.order_days` trading days before it, under the codes of the day. The orders
    of a stock were delivered if overfilled_orders is not null; Shenzhen's cancels in the trade file do not count as orders.
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
            names=pl.col("symbol").filter(lacking).head(_LISTED),
        )
        .filter(pl.col("without_orders") > 0)
        .sort("exchange")
    )
    too_many = pl.col("without_orders") > settings.max_without_orders_share * pl.col("expected")
    more = pl.when(pl.col("without_orders") > _LISTED).then(pl.concat_list("names", pl.lit("…"))).otherwise("names")
    if settings.expect_orders == "as_before":
        detail = ORDERS_LACKING_NOW.column(
            lacking="without_orders",
            expected="expected",
            exchange="exchange",
            date=pl.col("last").cast(pl.String),
            names=more,
        )
    else:
        detail = ORDERS_LACKING.column(lacking="without_orders", expected="expected", exchange="exchange", names=more)
    found = by_exchange.select(
        "exchange",
        "expected",
        "without_orders",
        too_many_without_orders=too_many,
        detail=detail,
    )
    return found.select(pl.col(name).cast(dtype) for name, dtype in LACKING.items())
