"""The codes of the reasons why a day of order_sizes or minute_bars, or a column of it, has no values.

This module names the codes and their parameters. It does not hold their words (resources/reason_words/) or the reasons why a
symbol-day is set aside (assets/tape_health/verdicts.py).
"""

import polars as pl

from resources.reasons import Code, Reason

NO_QUOTES = Code("no_quotes")
NO_USABLE_ROW = Code("no_usable_row", ("source",))
EVERY_NAME_SET_ASIDE = Code("every_name_set_aside", ("source", "first"))
NO_LIMIT_PRICES = Code("no_limit_prices")
COLUMN_WITHOUT_VALUES = Code("column_without_values", ("source", "column"))
FEW_ORDER_SIZES = Code("few_order_sizes", ("days", "orders", "window"))
FEW_ORDER_SIZES_BECAUSE = Code("few_order_sizes_because", ("days", "orders", "window", "cause"))


def none_left(source: str, reasons: pl.Series) -> Reason:
    """Return the reason why a delivered day has no values. reasons: per row or symbol, why it was set aside, or null."""
    known = reasons.drop_nulls()
    return (
        NO_USABLE_ROW(source=source)
        if known.is_empty()
        else EVERY_NAME_SET_ASIDE(source=source, first=Reason.loads(known[0]))
    )
