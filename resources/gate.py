"""The quality gate: checks stated as small objects, judged by Great Expectations, one verdict per check and partition.

Here: rules, checks, verdicts and how a range of partitions is judged at once (one validation per range: per partition it
costs ten times as much). Not here: which checks a table has (assets/*/assets.py) and who refuses what failed
(resources/lake.py).
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
DETAIL = "detail"  # the column of a profile that says in words why a row breaks a rule


@dataclass(frozen=True)
class Between:
    """Every value of a column lies in [min, max]; None leaves a side open, nulls are left alone."""

    column: str
    min: float | None = None
    max: float | None = None

    def __str__(self) -> str:
        if self.min is None and self.max is None:
            return f"{self.column} may be anything"
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
    """Every value of a column is one of these; nulls are left alone."""

    column: str
    values: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.column} must be {' or '.join(map(str, self.values))}"


Rule = Between | NotNull | Unique | InSet


@dataclass(frozen=True)
class Check:
    """A property that must hold of every partition, named after the property.

    critical: a failing partition is refused downstream. remedy: what the user should do. mostly: the share of a
    partition's rows that must keep the rule. plausibility: a figure outside what the market can do; where it fails no report
    is issued, unless `report.allow_failed_plausibility` says so. explained_by: checks of whose failure this one's is a
    consequence, of the same table by name, of one that it reads as "table.check": where one of them failed in the same partition,
    a run does not report this one as well.
    """

    name: str
    rule: Rule
    critical: bool
    remedy: str = field(repr=False)  # wording: no part of a partition's version
    mostly: float = 1.0
    plausibility: bool = False
    critical_share: float = 0.5
    explained_by: tuple[str, ...] = field(default=(), repr=False)  # of reports alone: no part of a partition's version

    @property
    def columns(self) -> tuple[str, ...]:
        return self.rule.columns if isinstance(self.rule, Unique) else (self.rule.column,)


@dataclass(frozen=True)
class Verdict:
    """What one check found in one partition: `detail`, and the `remedy` where rows break its rule.

    Manifests of earlier versions have the remedy at the end of their detail.
    """

    passed: bool
    critical: bool
    detail: str = ""
    remedy: str = ""

    @property
    def text(self) -> str:
        """What was found and what to do."""
        return self.detail + _advice(self.remedy)

    @property
    def refuses(self) -> bool:
        return self.critical and not self.passed


def own_failures(checks: Sequence[Check], verdicts: Mapping[str, Verdict]) -> dict[str, Verdict]:
    """The failed verdicts of a partition less those that another one explains (`Check.explained_by`), in the order in which the
    checks are declared; those of no declared check, such as `input_is_readable`, come first.

    What refuses is explained by what refuses alone, so that a refused partition has a failure left.
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
    """The verdict of every check on every partition.

    A check on a column that is unavailable in a partition, or absent because nothing was delivered (an empty profile),
    passes as n/a and says so. A column that a non-empty profile lacks is a mistake of the declaring code.
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
    """How many rows a rule says anything of: a null is left alone by a range or a set."""
    if isinstance(check.rule, Between | InSet):
        return profile.height - profile[check.rule.column].null_count()
    return profile.height


def _breaking_rows(check: Check, profiles: Mapping[dt.date, pl.DataFrame]) -> dict[dt.date, pl.DataFrame]:
    """The rows that break a rule, per partition, as Great Expectations finds them over the whole range."""
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
        # NaN passes through pandas as missing and would be skipped: a computed NaN is never inside a range.
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
        raise RuntimeError(f"Great Expectations could not judge {rule}: {outcome.exception_info}")
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
    """One import per process: it takes 3–4 s and 300 MB."""
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
    """The rule, how many rows break it, the commonest reasons where the profile gives any, else the first few rows.

    'reason must be used; not so in 3 of 120 rows: 2 × close is missing (600519.SH, …); 1 × ….'

    Without a number of rows where the rows are findings about the whole table, which stand in a profile beside the rows of the
    table, of which the rule says nothing: 'names_lost must be 0: 2023-01-31: 9 names have a price ….'.
    """
    told = _reasons(check, bad)
    finding = bool(told) and 2 * judged <= rows
    how_often = "" if finding else f"; not so in {bad.height} of {rows} rows"
    if not told:
        shown = [
            name
            for name, dtype in bad.schema.items()
            if name in check.columns or dtype == pl.String or dtype.is_temporal()
        ]
        told = [
            ", ".join(f"{name}={row[name]}" for name in shown if row[name] is not None)
            for row in bad.head(SHOWN_ROWS).iter_rows(named=True)
        ]
        if bad.height > SHOWN_ROWS:
            told[-1] += f" … and {bad.height - SHOWN_ROWS} more"
    return f"{check.rule}{how_often}: {'; '.join(told)}."


def shorten(detail: str, longest: int, remedy: str = "") -> str:
    """What a check found, and its remedy, in about `longest` characters: the end of what it found is left out, and the remedy kept."""
    advice = _advice(remedy)
    if len(detail) + len(advice) <= longest:
        return detail + advice
    return f"{detail[: max(longest - len(advice), longest // 3)]}…{advice}"


def _advice(remedy: str) -> str:
    return f" Remedy: {remedy}" if remedy else ""


def _reasons(check: Check, bad: pl.DataFrame) -> list[str]:
    """'12 × close = 0.0 must be above 0 (600519.SH, 000001.SZ …)', the commonest first; [] without reasons.

    The reasons stand in the checked column itself where that holds texts, else in `detail`.
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
