"""The quality gate: checks are declared as small objects, and Great Expectations judges them, with one verdict per partition.

This module defines rules, checks and verdicts, and judges a range of partitions in one validation, since one validation per
partition takes ten times as long. The tables declare their checks (assets/*/assets.py), and the lake refuses to read partitions
that failed a critical one (resources/lake.py).
"""

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from resources.reasons import Reason, counted_reasons

PARTITION = "_partition"
SHOWN_ROWS = 5
DETAIL = "detail"  # the column of a profile with the reason in words why a row breaks a rule


@dataclass(frozen=True)
class Between:
    """Every value of a column is in [min, max]. None leaves a side open; nulls are not judged."""

    column: str
    min: float | None = None
    max: float | None = None

    def __str__(self) -> str:
        if self.min is None and self.max is None:
            return f"{self.column} may have any value"
        if self.max is None:
            return f"{self.column} must be at least {self.min:.10g}"
        if self.min is None:
            return f"{self.column} must be at most {self.max:.10g}"
        if self.min == self.max:
            return f"{self.column} must be {self.min:.10g}"
        return f"{self.column} must be between {self.min:.10g} and {self.max:.10g}"


@dataclass(frozen=True)
class NotNull:
    """No value of a column is null."""

    column: str

    def __str__(self) -> str:
        return f"{self.column} must be known"


@dataclass(frozen=True)
class Unique:
    """No two rows of a partition share these columns' values."""

    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"no two rows may have the same {' and '.join(self.columns)}"


@dataclass(frozen=True)
class InSet:
    """Every value of a column is one of these; nulls are not judged."""

    column: str
    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.column} must be {' or '.join(map(str, self.values))}"


Rule = Between | NotNull | Unique | InSet


@dataclass(frozen=True)
class Check:
    """A property that must hold for every partition; the check is named after the property.

    critical: a failing partition is refused downstream. remedy: what the user should do. mostly: the share of a
    partition's rows that must satisfy the rule. plausibility: the rule bounds a figure by what is possible in the market; where it
    fails, no report is issued unless `report.allow_failed_plausibility` is set. critical_share: the share of the judged rows above
    which a failure is critical in any case. explained_by: checks whose failure implies this one's, by name for the same table and as
    "table.check" for an input. Where one of them failed in the same partition, a run does not report this check.
    """

    name: str
    rule: Rule
    critical: bool
    remedy: str = field(repr=False)  # wording is not part of a partition's version
    mostly: float = 1.0
    plausibility: bool = False
    critical_share: float = 0.5
    explained_by: tuple[str, ...] = field(default=(), repr=False)  # decides messages only, not a partition's version

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule is about."""
        return self.rule.columns if isinstance(self.rule, Unique) else (self.rule.column,)


@dataclass(frozen=True)
class Verdict:
    """The result of one check on one partition: `detail`, and the `remedy` where rows break the rule.

    Manifests of earlier versions have the remedy at the end of `detail`.
    """

    passed: bool
    critical: bool
    detail: str = ""
    remedy: str = ""

    @property
    def text(self) -> str:
        """The detail and the remedy as one text."""
        return self.detail + _advice(self.remedy)

    @property
    def refuses(self) -> bool:
        """Whether the verdict refuses the partition: the check is critical and failed."""
        return self.critical and not self.passed


def own_failures(checks: Sequence[Check], verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """The failed verdicts of a partition without those that another one explains (`Check.explained_by`).

    They are in the order in which the checks are declared, after verdicts of undeclared checks such as `input_is_readable`. A
    refusing verdict is only explained by another refusing one, so that at least one failure of a refused partition remains.
    """
    failed = {name: verdict for name, verdict in verdicts.items() if not verdict.passed}
    declared = {check.name: check for check in checks}

    def explained(name: str) -> bool:
        causes = declared[name].explained_by if name in declared else ()
        return any(cause in failed and (failed[cause].refuses or not failed[name].refuses) for cause in causes)

    order = [name for name in failed if name not in declared] + [name for name in declared if name in failed]
    return {name: failed[name] for name in order if not explained(name)}


def judge(
    checks: Sequence[Check],
    profiles: Mapping[dt.date, pl.DataFrame],
    unavailable: Mapping[dt.date, Mapping[str, Reason]],
) -> dict[dt.date, dict[str, Verdict]]:
    """Judge every check on every partition.

    A check on a column that is unavailable in a partition passes with the detail "n/a: …", and so does every check on an empty
    profile. A column that a non-empty profile lacks is an error in the declaring code.

    Args:
        checks: the table's checks.
        profiles: partition → the rows to judge, with the columns of all checks.
        unavailable: partition → the reasons of unavailable columns.

    Returns:
        Partition → check name → verdict.

    Raises:
        RuntimeError: Great Expectations could not evaluate a rule.
    """
    verdicts: dict[dt.date, dict[str, Verdict]] = {key: {} for key in profiles}
    for check in checks:
        judged: dict[dt.date, pl.DataFrame] = {}
        for key, profile in profiles.items():
            reasons = [unavailable[key][column] for column in check.columns if column in unavailable[key]]
            if reasons:
                verdicts[key][check.name] = Verdict(True, check.critical, f"n/a: {reasons[0]}")
            elif profile.is_empty():
                verdicts[key][check.name] = Verdict(True, check.critical, "n/a: no rows")
            else:
                judged[key] = profile
        for key, bad in _breaking_rows(check, judged).items():
            share = 1 - bad.height / judged[key].height
            passed = bad.is_empty() or (check.mostly < 1 and share >= check.mostly)
            ruled = _judged_rows(check, judged[key])
            detail = "" if bad.is_empty() else _describe(check, bad, judged[key].height, ruled)
            critical = check.critical or bad.height > check.critical_share * ruled
            verdicts[key][check.name] = Verdict(passed, critical, detail, check.remedy if detail else "")
    return verdicts


def _judged_rows(check: Check, profile: pl.DataFrame) -> int:
    """The number of rows that a rule judges. A range or a set does not judge nulls."""
    if isinstance(check.rule, Between | InSet):
        return profile.height - profile[check.rule.column].null_count()
    return profile.height


def _breaking_rows(check: Check, profiles: Mapping[dt.date, pl.DataFrame]) -> dict[dt.date, pl.DataFrame]:
    """The rows that break a rule, by partition, as Great Expectations finds them over the whole range."""
    if not profiles:
        return {}
    columns = check.columns
    stacked = pl.concat(
        [profile.select(pl.lit(str(key)).alias(PARTITION), *columns) for key, profile in profiles.items()],
        how="vertical_relaxed",
    )
    broken = _validate(check.rule, stacked)
    result, offset = {}, 0
    for key, profile in profiles.items():
        own = [row - offset for row in broken if offset <= row < offset + profile.height]
        result[key] = profile[own] if own else profile.clear()
        offset += profile.height
    return result


def _validate(rule: Rule, stacked: pl.DataFrame) -> list[int]:
    """Row numbers that break `rule`, by Great Expectations on pandas (1.24 has no polars engine)."""
    if isinstance(rule, Between) and rule.min is None and rule.max is None:
        return []
    gx = _great_expectations()
    expectations = gx.expectations
    if isinstance(rule, Between):
        # pandas treats NaN as missing and would skip it, so NaNs are added below: a computed NaN is never inside a range.
        expectation = expectations.ExpectColumnValuesToBeBetween(
            column=rule.column, min_value=rule.min, max_value=rule.max
        )
    elif isinstance(rule, NotNull):
        expectation = expectations.ExpectColumnValuesToNotBeNull(column=rule.column)
    elif isinstance(rule, InSet):
        expectation = expectations.ExpectColumnValuesToBeInSet(column=rule.column, value_set=list(rule.values))
    else:
        expectation = expectations.ExpectCompoundColumnsToBeUnique(
            column_list=[PARTITION, *rule.columns], ignore_row_if="never"
        )
    frame = _to_pandas(stacked)
    batch = _batch_definition().get_batch(batch_parameters={"dataframe": frame})
    outcome = batch.validate(expectation, result_format="COMPLETE")
    if outcome.exception_info and outcome.exception_info.get("raised_exception"):
        raise RuntimeError(f"Great Expectations could not evaluate the rule {rule}: {outcome.exception_info}")
    rows = outcome.result.get("unexpected_index_list") or []
    if isinstance(rule, Between) and stacked.schema[rule.column].is_float():
        rows = [*rows, *stacked[rule.column].is_nan().fill_null(False).arg_true().to_list()]
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
def _great_expectations() -> Any:
    """Import Great Expectations on first use, because it takes 3–4 s and 300 MB."""
    import os

    os.environ.setdefault("GX_ANALYTICS_ENABLED", "False")
    import great_expectations

    return great_expectations


@functools.cache
def _batch_definition() -> Any:
    context = _great_expectations().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("lake")
    return source.add_dataframe_asset("profile").add_batch_definition_whole_dataframe("range")


def _describe(check: Check, bad: pl.DataFrame, rows: int, judged: int) -> str:
    """The rule, the number of rows that break it, and the commonest reasons of the profile, or else the first few rows.

    'reason must be used; not so in 3 of 120 rows: 2 × close is missing (600519.SH, …); 1 × ….'

    The number of rows is left out where the breaking rows are findings about the whole table, which a profile holds beside rows
    that the rule does not judge: 'names_lost must be 0: 2023-01-31: 9 names have a price ….'.
    """
    causes = _reasons(check, bad)
    finding = bool(causes) and 2 * judged <= rows
    how_often = "" if finding else f"; not so in {bad.height} of {rows} rows"
    if not causes:
        shown = [
            name
            for name, dtype in bad.schema.items()
            if name in check.columns or dtype == pl.String or dtype.is_temporal()
        ]
        causes = [
            ", ".join(f"{name}={row[name]}" for name in shown if row[name] is not None)
            for row in bad.head(SHOWN_ROWS).iter_rows(named=True)
        ]
        if bad.height > SHOWN_ROWS:
            causes[-1] += f" … and {bad.height - SHOWN_ROWS} more"
    return f"{check.rule}{how_often}: {'; '.join(causes)}."


def shorten(detail: str, longest: int, remedy: str = "") -> str:
    """A check's detail and remedy in about `longest` characters. The end of the detail is cut; the remedy is kept."""
    advice = _advice(remedy)
    if len(detail) + len(advice) <= longest:
        return detail + advice
    return f"{detail[: max(longest - len(advice), longest // 3)]}…{advice}"


def _advice(remedy: str) -> str:
    return f" Remedy: {remedy}" if remedy else ""


def _reasons(check: Check, bad: pl.DataFrame) -> list[str]:
    """'12 × close = 0.0 must be above 0 (600519.SH, 000001.SZ …)', the commonest first; [] without reasons.

    The reasons are read from the checked column where it holds texts, else from `detail`.
    """
    texts = [name for name in (*check.columns, DETAIL) if bad.schema.get(name) == pl.String]
    column = texts[0] if texts and isinstance(check.rule, Between | InSet) else None
    if column is None or bad[column].null_count():
        return []
    name = next((key for key in ("symbol", "index", "file", "factor", "item") if key in bad.columns), None)
    if bad.height > 1:
        return counted_reasons(bad, column, name)
    whose = bad[name][0] if name else None
    return [bad[column][0] + (f" ({whose})" if whose else "")]
