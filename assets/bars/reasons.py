"""The codes of the reasons why a day of order_sizes or minute_bars, a column or a row of it has no values, and of their findings.

This module names the codes and their parameters. It does not hold their words (resources/reason_words/) or the reasons why a
symbol-day is set aside (assets/tape_health).
"""

import polars as pl

from resources.reasons import Code, Reason

NO_QUOTES = Code("no_quotes")
NO_USABLE_ROW = Code("no_usable_row", ("source",))
EVERY_NAME_SET_ASIDE = Code("every_name_set_aside", ("source", "first"))
NO_LIMIT_PRICES = Code("no_limit_prices")
COLUMN_WITHOUT_VALUES = Code("column_without_values", ("source", "column"))
FEW_ORDER_SIZES = Code("few_order_sizes", ("days", "orders", "window"))
# Rows of delivered order sizes.
SUM_NOT_FINITE = Code("sum_not_finite", ("column", "value"))
NEGATIVE_ORDERS = Code("negative_orders", ("orders",))
NEGATIVE_VARIANCE = Code("negative_variance", ("orders", "sum_ln", "sum_ln2"))
# Findings about the bars of a day.
DAY_CONTRADICTED = Code(
    "day_contradicted", ("open", "high", "low", "close", "first_open", "bottom", "top", "auction_close")
)
ORDERS_LACKING_NOW = Code("orders_lacking_now", ("lacking", "expected", "exchange", "date", "names"))
ORDERS_LACKING = Code("orders_lacking", ("lacking", "expected", "exchange", "names"))


def none_left(source: str, reasons: pl.Series) -> Reason:
    """Return the reason why a delivered day has no values. reasons: per row or symbol, why it was set aside (`Reason.dumps`), or null."""
    known = reasons.drop_nulls()
    return (
        NO_USABLE_ROW(source=source)
        if known.is_empty()
        else EVERY_NAME_SET_ASIDE(source=source, first=Reason.loads(known[0]))
    )
