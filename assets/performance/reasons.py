"""The codes of the reasons why a factor, a portfolio or a statistic has no value.

This module holds the codes and the names of their parameters. It does not hold their wording (resources/reason_words/).
"""

from resources.reasons import Code

MODEL_NOT_BUILT = Code("model_not_built")  # the model has no partition in the lake
NO_RETURNS = Code("no_returns")
NO_HOLDING_PERIOD = Code("no_holding_period")
NO_VALUE = Code("no_value")
NO_VALUE_ON = Code("no_value_on", ("date",))
TOO_FEW_NAMES = Code("too_few_names", ("names", "fewest"))
CONSTANT = Code("constant_column")
NOT_TRADED = Code("not_traded")
