"""The codes of the reasons why a day of tape_health, or a column of it, has no values.

This module names the codes and their parameters. It does not hold their words (resources/reason_words/) or the reasons why a
symbol-day is set aside (verdicts.py).
"""

from resources.reasons import Code

NO_TRADES = Code("no_trades")
NEITHER_NOR_FILE = Code("neither_nor_file", ("cause", "file"))
REPLAY_IS_OFF = Code("replay_is_off")
BARS_HOLD_NO_TICKS = Code("bars_hold_no_ticks", ("file",))
