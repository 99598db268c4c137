"""The codes of the reasons why a file of the report is missing.

This module holds the codes and the names of their parameters. It does not hold their wording (resources/reason_words/).
"""

from resources.reasons import Code

NO_CHINESE_FONT = Code("no_chinese_font", ("fonts",))
