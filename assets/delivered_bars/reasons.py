"""The codes of the faults of delivered one-minute bars and order sizes, and of the reasons why a column of bars has no values.

This module names the codes and their parameters. It does not hold their words (resources/reason_words/delivered_bars.py). Times are
texts such as 09:31 or 10:00–10:29.
"""

from resources.reasons import Code

# Columns without values.
COLUMNS_GIVEN = Code("columns_given", ("file", "columns"))
COLUMN_NOT_FILLED = Code("column_not_filled", ("file", "column"))

# A row (rows.py).
NO_SUCH_BAR = Code("no_such_bar", ("minute",))
BAR_REPEATED = Code("bar_repeated")
NO_AFTER_HOURS = Code("no_after_hours", ("board", "date"))
BAR_VALUE_WITHOUT = Code("bar_value_without", ("column", "value", "lacking"))
BAR_PRICE_MISSING = Code("bar_price_missing", ("volume", "column"))
BAR_PRICE_NOT_POSITIVE = Code("bar_price_not_positive", ("column", "value"))
BAR_VALUE_NEGATIVE = Code("bar_value_negative", ("column", "value"))
BAR_VALUE_BELOW = Code("bar_value_below", ("column", "value", "other", "bound"))
BAR_VALUE_ABOVE = Code("bar_value_above", ("column", "value", "other", "bound"))
BAR_IMBALANCE_BEYOND = Code("bar_imbalance_beyond", ("column", "value"))
BAR_AT_BOTH_LIMITS = Code("bar_at_both_limits")
TRADES_WITHOUT_VOLUME = Code("trades_without_volume", ("trades",))
VOLUME_WITHOUT_TRADES = Code("volume_without_trades", ("volume",))
TRADES_ABOVE_VOLUME = Code("trades_above_volume", ("trades", "volume"))
SIDES_ABOVE_AMOUNT = Code("sides_above_amount", ("sides", "amount"))

# The minutes of a file (diagnosis.py).
OF_ONE_EXCHANGE = Code("of_one_exchange", ("exchange", "cause"))
AUCTION_BAR_EMPTY = Code("auction_bar_empty")
AUCTION_BAR_ABSENT = Code("auction_bar_absent")
UNCLEAR_LABELS = Code("unclear_labels", ("stocks", "times"))
END_LABELS = Code("end_labels", ("times",))
END_LABELS_WITH_LUNCH = Code("end_labels_with_lunch", ("times", "lunch"))
END_LABELS_OF_MOVES = Code("end_labels_of_moves", ("times",))
COARSE_BARS = Code("coarse_bars", ("step",))
COARSE_BARS_BY_ENDS = Code("coarse_bars_by_ends", ("step",))
ABSENT_MINUTES = Code("absent_minutes", ("count", "minutes", "times"))
UNMOVED_MINUTES = Code("unmoved_minutes", ("count", "minutes", "times"))
MORNING_ALONE = Code("morning_alone", ("times",))
HALT_BY_VOLUMES = Code("halt_by_volumes", ("times",))
HALT_BY_CLOSES = Code("halt_by_closes", ("times",))
CLOSES_AT_LIMITS = Code("closes_at_limits", ("times", "count", "stocks"))

# A stock's bars against its row of daily_prices (diagnosis.py).
SAME_BARS = Code("same_bars", ("symbol",))
BARS_WITHOUT_DAILY_PRICES = Code("bars_without_daily_prices")
ANOTHER_UNIT_THAN_DAILY = Code("another_unit_than_daily")
BAR_TOTAL_SCALED = Code("bar_total_scaled", ("column", "power", "cause"))
BAR_AVERAGE_SCALED = Code("bar_average_scaled", ("power", "cause"))
BARS_ADJUSTED = Code("bars_adjusted", ("close", "daily_close", "factor"))
LAST_CLOSE_DIFFERS = Code("last_close_differs", ("close", "daily_close"))
RANGE_BEYOND_DAY = Code("range_beyond_day", ("low", "high", "daily_low", "daily_high"))
DAILY_RANGE_WRONG = Code("daily_range_wrong", ("low", "high", "daily_low", "daily_high"))
DAILY_RANGE_WRONG_OR_SAMPLED = Code("daily_range_wrong_or_sampled", ("low", "high", "daily_low", "daily_high"))
DAILY_OPEN_WRONG = Code("daily_open_wrong", ("open", "daily_open"))

# The columns of a file, and of one stock (columns.py).
CUMULATIVE_COLUMN = Code("cumulative_column", ("column", "count", "stocks"))
CUMULATIVE_COLUMNS_OF_STOCK = Code("cumulative_columns_of_stock", ("columns",))
SPREAD_BARS = Code("spread_bars", ("column", "count", "stocks", "width"))
SPREAD_BARS_OF_STOCK = Code("spread_bars_of_stock", ("column", "width"))
FLOW_UNIT = Code("flow_unit", ("flow", "ratio", "stocks", "cause"))
FLOW_UNIT_OF_STOCK = Code("flow_unit_of_stock", ("flow", "ratio", "cause"))
FLOWS_ARE_COUNTS = Code("flows_are_counts")
AMOUNT_IN_LARGER_UNIT = Code("amount_in_larger_unit", ("power",))
FLOWS_IN_LARGER_UNIT = Code("flows_in_larger_unit", ("yuan",))
FLOWS_IN_ANOTHER_UNIT = Code("flows_in_another_unit")

# Columns compared with each other (figures.py).
COPIED_COLUMN = Code("copied_column", ("column", "other", "count", "stocks"))
TRADES_ARE_CONSTANT = Code("trades_are_constant", ("count", "stocks"))
TRADES_ARE_SHARES = Code("trades_are_shares", ("count", "stocks"))
TRADES_ARE_LOTS = Code("trades_are_lots", ("count", "stocks"))
SIDES_EXCHANGED = Code("sides_exchanged", ("against", "changes"))
SIDES_OF_EXCHANGE_EXCHANGED = Code("sides_of_exchange_exchanged", ("exchange", "against", "changes"))
SPREAD_IN_YUAN = Code("spread_in_yuan", ("count", "stocks"))
SPREAD_TOO_LARGE = Code("spread_too_large", ("spread", "stocks"))
SPREAD_BELOW_TICK = Code("spread_below_tick", ("cents", "stocks"))

# Closes on straight lines (straight_lines.py).
CLOSES_ON_LINE = Code("closes_on_line", ("start", "end"))
CLOSES_ON_LINES = Code("closes_on_lines", ("width",))
INTERPOLATED_CLOSES = Code("interpolated_closes", ("count", "stocks", "cause"))

# The minutes of a stock (name_minutes.py).
NO_CLOSE_OR_VOLUME = Code("no_close_or_volume")
DAILY_CLOSE_FILLED_IN = Code("daily_close_filled_in", ("close", "daily_open", "daily_close"))
MOVES_WITHOUT_TRADE = Code("moves_without_trade", ("count", "time"))
FILLED_BEFORE_FIRST_TRADE = Code("filled_before_first_trade", ("count", "pre_close"))
MINUTES_APART = Code("minutes_apart", ("minutes", "step"))
PRICES_NOT_WHOLE_CENTS = Code("prices_not_whole_cents", ("count", "price", "time"))
AMOUNT_OUTSIDE_PRICES = Code("amount_outside_prices", ("count", "minutes", "time"))
CLOSE_STOOD_STILL = Code("close_stood_still", ("start", "end"))

# Order sizes (sizes.py).
ORDER_SIZES_CONTRADICTED = Code("order_sizes_contradicted", ("stocks", "ratio"))
ORDER_SIZES_TO_BASE = Code("order_sizes_to_base", ("stocks", "ratio", "base"))
ORDER_SIZE_CONTRADICTED = Code("order_size_contradicted", ("orders", "by_sums", "by_amount"))
