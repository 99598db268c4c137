"""The codes of the reasons why a statistic is not compared, and of the finding that it has shifted.

This module holds the codes and the names of their parameters. It does not hold their wording (resources/reason_words/).
"""

from resources.reasons import Code

NOT_MEASURED = Code("statistic_not_measured")
TOO_FEW_EARLIER = Code("too_few_earlier_values", ("earlier", "least"))
SHIFTED = Code("shifted", ("table", "item", "statistic", "date", "value", "median", "distance", "limit"))
APPROVED = Code("approved_shift", (*SHIFTED.parameters, "why"))
