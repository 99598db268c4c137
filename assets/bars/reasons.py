"""The reasons of the bars and of the tape's health, as codes: why a day, or a column of it, has no values.

Here: names of codes and of their parameters. Not here: their words (resources/reason_words.py), and why a symbol's day is set aside.
"""

from resources.reasons import Code

NO_TRADES = Code("no_trades")
NO_QUOTES = Code("no_quotes")
NEITHER_NOR_FILE = Code("neither_nor_file", ("cause", "file"))
NO_USABLE_ROW = Code("no_usable_row", ("source",))
EVERY_NAME_SET_ASIDE = Code("every_name_set_aside", ("source", "first"))
NO_LIMIT_PRICES = Code("no_limit_prices")
COLUMN_WITHOUT_VALUES = Code("column_without_values", ("source", "column"))
FEW_ORDER_SIZES = Code("few_order_sizes", ("days", "orders", "window"))
FEW_ORDER_SIZES_BECAUSE = Code("few_order_sizes_because", ("days", "orders", "window", "cause"))
COLUMNS_GIVEN = Code("columns_given", ("file", "columns"))
COLUMN_NOT_FILLED = Code("column_not_filled", ("file", "column"))
REPLAY_IS_OFF = Code("replay_is_off")
BARS_HOLD_NO_TICKS = Code("bars_hold_no_ticks", ("file",))
