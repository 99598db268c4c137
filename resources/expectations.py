"""The rules of the gate in Great Expectations: as expectations, and judged by it on pandas (1.24 has no polars engine)."""

import functools
import os
from typing import Any

import polars as pl

from resources.gate import Between, CheckRule, InSet, NotNull

PARTITION = "_partition"  # column with the partition of a row


@functools.cache
def import_great_expectations() -> Any:
    """Import Great Expectations on first use, because it takes 3–4 s and 300 MB."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")
    import great_expectations

    return great_expectations


def great_expectation(rule: CheckRule, **about: Any) -> Any:
    """A rule as an expectation of Great Expectations. about: fields of the expectation such as its severity."""
    expectations = import_great_expectations().expectations
    if isinstance(rule, Between):
        return expectations.ExpectColumnValuesToBeBetween(
            column=rule.column, min_value=rule.min, max_value=rule.max, **about
        )
    if isinstance(rule, NotNull):
        return expectations.ExpectColumnValuesToNotBeNull(column=rule.column, **about)
    if isinstance(rule, InSet):
        return expectations.ExpectColumnValuesToBeInSet(column=rule.column, value_set=list(rule.values), **about)
    return expectations.ExpectCompoundColumnsToBeUnique(
        column_list=[PARTITION, *rule.columns], ignore_row_if="never", **about
    )


def validate(rule: CheckRule, profile: pl.DataFrame) -> list[int]:
    """The numbers of the rows that break a rule, ascending, as Great Expectations finds them.

    Args:
        rule: the rule.
        profile: the rows of one or more partitions, with the column PARTITION.

    Returns:
        The rows; with NaN beside what Great Expectations finds for a range, because pandas takes NaN for a missing value and does not
        judge it, whereas a computed NaN is never inside a range.

    Raises:
        RuntimeError: Great Expectations could not evaluate the rule.
    """
    if isinstance(rule, Between) and rule.min is None and rule.max is None:
        return []
    batch = _batch_definition().get_batch(batch_parameters={"dataframe": _to_pandas(profile)})
    outcome = batch.validate(great_expectation(rule), result_format="COMPLETE")
    if outcome.exception_info and outcome.exception_info.get("raised_exception"):
        raise RuntimeError(
            f"Great Expectations could not evaluate the rule that {rule.reason}: {outcome.exception_info}"
        )
    rows = outcome.result.get("unexpected_index_list") or []
    if isinstance(rule, Between) and profile.schema[rule.column].is_float():
        rows = [*rows, *profile[rule.column].is_nan().fill_null(False).arg_true().to_list()]
    return sorted(set(rows))


def _to_pandas(frame: pl.DataFrame) -> Any:
    import pandas as pd

    columns = {}
    for name in frame.columns:
        series = frame[name]
        if series.dtype == pl.Boolean or series.dtype.is_temporal() or series.dtype == pl.String:
            columns[name] = pd.Series(series.to_list(), dtype=object)
        else:
            columns[name] = pd.Series(series.cast(pl.Float64).to_numpy() if series.null_count() else series.to_numpy())
    return pd.DataFrame(columns)


@functools.cache
def _batch_definition() -> Any:
    context = import_great_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("lake")
    return source.add_dataframe_asset("profile").add_batch_definition_whole_dataframe("range")
