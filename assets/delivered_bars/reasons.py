"""The reasons of delivered bars, as codes: why a column of them has no values.

Here: names of codes and of their parameters. Not here: their words (resources/reason_words.py).
"""

from resources.reasons import Code

COLUMNS_GIVEN = Code("columns_given", ("file", "columns"))
COLUMN_NOT_FILLED = Code("column_not_filled", ("file", "column"))
