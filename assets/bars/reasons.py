"""The reasons of order sizes and bars, as codes: why a day, or a column of it, has no values.

Here: names of codes and of their parameters. Not here: their words (resources/reason_words.py), and why a symbol's day is set aside.
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
    """Why a day that was delivered has no values."""
    told = reasons.drop_nulls()
    return NO_USABLE_ROW(source=source) if told.is_empty() else EVERY_NAME_SET_ASIDE(source=source, first=told[0])
