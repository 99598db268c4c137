"""The codes of the reasons why a column of delivered bars has no values.

This module names the codes and their parameters. It does not hold their words (resources/reason_words/).
"""

from resources.reasons import Code

COLUMNS_GIVEN = Code("columns_given", ("file", "columns"))
COLUMN_NOT_FILLED = Code("column_not_filled", ("file", "column"))
