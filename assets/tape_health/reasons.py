"""The reasons of the tape's health, as codes: why a day, or a column of it, has no values.

Here: names of codes and of their parameters. Not here: their words (resources/reason_words.py), and why a symbol's day is set aside.
"""

from resources.reasons import Code

NO_TRADES = Code("no_trades")
NEITHER_NOR_FILE = Code("neither_nor_file", ("cause", "file"))
REPLAY_IS_OFF = Code("replay_is_off")
BARS_HOLD_NO_TICKS = Code("bars_hold_no_ticks", ("file",))
