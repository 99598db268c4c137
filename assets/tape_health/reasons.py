"""The codes of the reasons of tape_health: why a symbol-day is repaired, set aside or missing, or a day is refused or has no values.

This module names the codes and their parameters. It does not hold their words (resources/reason_words/tape_health.py) or the rules
(verdicts.py, make_tape_health.py).
"""

from resources.reasons import Code

# A day or a column without values.
NO_TRADES = Code("no_trades")
NEITHER_NOR_FILE = Code("neither_nor_file", ("cause", "file"))
# A trading day without trades and without bars. stocks: the number of stocks with a volume in daily_prices.
DAY_NOT_DELIVERED = Code("day_not_delivered", ("cause", "stocks"))
REPLAY_IS_OFF = Code("replay_is_off")
BARS_HOLD_NO_TICKS = Code("bars_hold_no_ticks", ("file",))

# Totals. reference_volume (shares), reference_amount (yuan): those of daily_prices or of the last snapshot.
_TOTALS = ("volume", "amount", "reference_volume", "reference_amount")
TRADES_DO_NOT_ADD_UP = Code("trades_do_not_add_up", _TOTALS)
TRADES_DIFFER_FROM_SNAPSHOT = Code("trades_differ_from_snapshot", _TOTALS)
SNAPSHOTS_DIFFER_FROM = Code("snapshots_differ_from", ("time",))
MINUTES_DO_NOT_ADD_UP = Code("minutes_do_not_add_up", _TOTALS)
AFTER_HOURS_NOT_DELIVERED = Code("after_hours_not_delivered")
VOLUMES_IN_LOTS = Code("volumes_in_lots", ("volume", "reference_volume"))
AMOUNTS_TRUNCATED = Code("amounts_truncated", ("step", "amount", "reference_amount"))
DAILY_VOLUMES_IN_LOTS = Code("daily_volumes_in_lots", ("volume", "reference_volume"))
AMOUNTS_ROUNDED = Code("amounts_rounded", ("amount", "reference_amount", "table", "step"))
AMOUNTS_ROUNDED_TO_UNIT = Code("amounts_rounded_to_unit", ("amount", "reference_amount", "table", "step", "unit"))

# Trades.
TRADES_CONFLICT = Code("trades_conflict", ("count",))
TRADE_ROWS_UNPROVEN = Code("trade_rows_unproven", ("count",))
SNAPSHOTS_OFF = Code("snapshots_off", ("count", "first", "next"))
TRADES_OUTSIDE_LIMITS = Code("trades_outside_limits", ("count",))
TRADES_OUT_OF_ORDER = Code("trades_out_of_order", ("count",))
AGGRESSORS_DISAGREE = Code("aggressors_disagree", ("count", "limit"))
ORDERS_CONTRADICTED = Code("orders_contradicted", ("count", "orders", "limit", "cause"))
TRADES_AGAINST_BOOK = Code("trades_against_book", ("count", "trades", "limit"))
TRADES_AGAINST_PRICE = Code("trades_against_price", ("count", "changes", "limit"))
FILLS_IMPROVE = Code("fills_improve", ("count", "limit"))
SEVERAL_CHANNELS = Code("several_channels", ("count",))
TRADED_WITHOUT_DAILY_ROW = Code("traded_without_daily_row")
CHANNEL_UNPROVEN = Code("channel_unproven")
TRADES_DUPLICATED = Code("trades_duplicated", ("count",))
TRADE_ROWS_UNUSABLE = Code("trade_rows_unusable", ("count",))
STAMPS_CORRECTED = Code("stamps_corrected", ("count",))

# The likely cause of orders that contradict the trades.
ORDER_SIDES_EXCHANGED = Code("order_sides_exchanged")
ORDERS_MISPRICED = Code("orders_mispriced")
ORDERS_NEVER_ENTERED = Code("orders_never_entered")
CANCELS_OFF = Code("cancels_off")
ORDERS_REPEATED = Code("orders_repeated")
ORDERS_OF_ANOTHER_TAPE = Code("orders_of_another_tape")

# Missing tapes.
NO_TRADE_OF_VOLUME = Code("no_trade_of_volume", ("volume",))
NO_TRADE_OF_SNAPSHOT = Code("no_trade_of_snapshot", ("volume",))
NO_ROW_USABLE = Code("no_row_usable", ("count",))
NO_MINUTE_OF_VOLUME = Code("no_minute_of_volume", ("volume",))

# Snapshots.
BOOK_SET_ASIDE = Code("book_set_aside", ("cause",))
SNAPSHOTS_UNUSABLE = Code("snapshots_unusable", ("count", "snapshots", "limit", "faults"))
BOOK_EMPTY = Code("book_empty")
SNAPSHOTS_MISSING = Code("snapshots_missing", ("time", "seconds", "limit"))
LEVELS_EXCHANGED = Code("levels_exchanged", ("levels", "wrong", "limit"))
_LEVELS = ("factor", "count", "levels", "limit")
LEVELS_IN_LARGER_UNIT = Code("levels_in_larger_unit", _LEVELS)
LEVELS_MULTIPLIED = Code("levels_multiplied", _LEVELS)
SNAPSHOTS_LEFT_OUT = Code("snapshots_left_out", ("count", "snapshots", "faults"))
SNAPSHOTS_REPEATED = Code("snapshots_repeated", ("count",))
SNAPSHOT_ROWS_UNUSABLE = Code("snapshot_rows_unusable", ("count",))
QUOTES_CROSSED = Code("quotes_crossed", ("count",))
QUOTES_DECREASE = Code("quotes_decrease", ("count",))
QUOTES_MISALIGNED = Code("quotes_misaligned", ("count",))
QUOTES_LATE = Code("quotes_late", ("count",))
QUOTES_INCONSISTENT = Code("quotes_inconsistent", ("count",))

# Orders.
ORDERS_SET_ASIDE = Code("orders_set_aside", ("cause",))
ORDERS_CONFLICT = Code("orders_conflict", ("count",))
ORDER_ROWS_UNUSABLE = Code("order_rows_unusable", ("count",))
ORDERS_OVERFILLED = Code("orders_overfilled", ("count",))
ORDERS_DUPLICATED = Code("orders_duplicated", ("count",))
ORDERS_OUT_OF_ORDER = Code("orders_out_of_order", ("count",))

# Delivered bars.
BAD_ROW = Code("bad_row", ("file", "time", "minute", "cause"))
BAD_ROWS = Code("bad_rows", ("file", "count", "time", "minute", "cause"))
AFTER_HOURS_IN_DAILY_ALONE = Code("after_hours_in_daily_alone", ("stocks", "volume"))

# The day, its channels and its files.
TOO_MANY_CONTRADICTED = Code("too_many_contradicted", ("count", "symbols", "limit", "reasons"))
TOO_MANY_SET_ASIDE = Code("too_many_set_aside", ("count", "symbols", "limit", "reasons"))
TOO_MANY_UNCOVERED = Code("too_many_uncovered", ("count", "stocks", "limit", "names"))
NOT_ALL_COVERED = Code("not_all_covered", ("count", "stocks", "names"))
SIDES_CONTRADICT_PRICES = Code(
    "sides_contradict_prices", ("count", "changes", "exchange", "stocks", "judged", "limit", "cause")
)
SIDE_COLUMNS_SH, SIDE_COLUMNS_SZ = Code("side_columns_sh"), Code("side_columns_sz")
SIDE_COLUMNS = {"SH": SIDE_COLUMNS_SH, "SZ": SIDE_COLUMNS_SZ}
"""The columns that the sides of an exchange's trades are read from."""
LEVELS_CONTRADICT_TRADES = Code("levels_contradict_trades", ("count", "judged", "exchange", "limit", "cause"))
ORDERS_OF_EXCHANGE_ABSENT = Code("orders_of_exchange_absent", ("stocks", "exchange"))
CHANNEL_LACKS_NUMBERS = Code("channel_lacks_numbers", ("channel", "exchange", "count", "last", "numbering", "ranges"))
CHANNEL_ENDS_EARLY = Code("channel_ends_early", ("channel", "exchange", "time"))
FILE_CUT_OFF = Code("file_cut_off", ("file", "time", "count", "stocks", "symbols"))
MARKET_HALTED = Code("market_halted", ("file", "time", "count", "stocks"))

# The replay of a book.
NO_ORDER_STREAM = Code("no_order_stream")
NO_SNAPSHOTS = Code("no_snapshots")
NO_JOINT_NUMBERING = Code("no_joint_numbering")
