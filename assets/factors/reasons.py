"""The codes of the reasons why a style or a factor has no value on a day.

This module holds the names of the codes and of their parameters. It does not hold their words (resources/reason_words/).
"""

from resources.reasons import Code

NOBODY_IN_SECURITIES = Code("nobody_in_securities", ("date",))
TOO_FEW_DAYS = Code("too_few_days", ("needed", "window", "held"))
NO_STYLE_VALUE = Code("no_style_value", ("style", "date"))

# why the volatility is not the R² of the regression on the three factors
NO_UNIVERSE = Code("no_universe", ("date",))
FEW_BOOK_VALUES = Code("few_book_values", ("known", "names", "date"))
ONE_SIDED = Code("one_sided", ("formed", "date"))
# what the volatility of a day is
VOLATILITY_IS_R2 = Code("volatility_is_r2")
VOLATILITY_IS_DEVIATION = Code("volatility_is_deviation", ("cause",))

NO_OFFICIAL_CLOSE = Code("no_official_close", ("symbols",))

NOBODY_IN_UNIVERSE = Code("nobody_in_universe", ("date",))
NOTHING_LEFT = Code("nothing_left")
TOO_FEW_VALID_DAYS = Code("too_few_valid_days", ("needed", "columns", "known", "window", "date"))
