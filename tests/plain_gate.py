"""The four rules of the gate in plain polars. Most tests judge their checks by it, and not through Great Expectations.

Great Expectations takes four seconds to import and a tenth of a second for each check of each range. The tests build thousands
of ranges, so that it would be half of their time. tests/resources/test_gate.py holds that both find the same rows; the tests of
the whole chain (those marked `great_expectations`) are judged through the library, as every run outside of the tests is.
"""

import polars as pl

from resources import gate
from resources.gate import PARTITION, Between, CheckRule, InSet, NotNull, Unique

through_great_expectations = gate._validate


def plain_breaking_rows(rule: CheckRule, stacked: pl.DataFrame) -> list[int]:
    """The row numbers that break a rule, as resources.gate finds them through Great Expectations."""
    if isinstance(rule, Unique):
        bad = stacked.select(PARTITION, *rule.columns).is_duplicated()
    elif isinstance(rule, NotNull):
        column = stacked[rule.column]
        bad = column.is_null() | (column.is_nan() if column.dtype.is_float() else False)  # pandas knows no other null
    elif isinstance(rule, InSet):
        column = stacked[rule.column]
        bad = column.is_not_null() & ~column.is_in(list(rule.values))
    elif isinstance(rule, Between):
        column = stacked[rule.column].cast(pl.Float64)
        low = column < (float("-inf") if rule.min is None else rule.min)
        high = column > (float("inf") if rule.max is None else rule.max)
        bad = low | high | column.is_nan()
        if rule.min is None and rule.max is None:
            return []
    else:
        raise TypeError(f"no plain implementation of {rule}")
    return bad.fill_null(False).arg_true().to_list()
