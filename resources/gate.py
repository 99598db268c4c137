"""The quality gate: checks are declared as small objects and judged with one verdict per check and partition.

The tables declare their checks (assets/*/assets.py), and the lake refuses to read partitions that failed a critical one
(resources/lake.py). The rules are judged here, in polars. Great Expectations reads them as suites (resources/suites.py) and finds the
same rows (resources/expectations.py); docs/design.md §3.6 says why it does not judge every run.
"""

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from resources.language import Bilingual, Language
from resources.reason_words import describe
from resources.reasons import Code, Reason, counted_reasons, joined

SHOWN_ROWS = 5
DETAIL = "detail"  # the column of a profile with the reason (`Reason.dumps`) why a row breaks a rule
# Rules.
ANY_VALUE = Code("any_value", ("column",))
AT_LEAST = Code("at_least", ("column", "min"))
AT_MOST = Code("at_most", ("column", "max"))
EQUAL_TO = Code("equal_to", ("column", "value"))
BETWEEN = Code("between", ("column", "min", "max"))
NOT_NULL = Code("not_null", ("column",))
UNIQUE = Code("unique", ("columns",))
ONE_OF = Code("one_of", ("column", "values"))
# Details of a verdict.
NOT_JUDGED = Code("not_judged", ("cause",))
NO_ROWS = Code("no_rows")
RULE_BROKEN = Code("rule_broken", ("rule", "bad", "rows", "reasons"))
FINDING = Code("finding", ("rule", "reasons"))
REASON_OF = Code("reason_of", ("reason", "name"))
ROW = Code("row", ("values",))
MORE_ROWS = Code("more_rows", ("count",))
# A failed check.
ADVISED = Code("advised", ("reason", "remedy"))
CHECK_FAILED = Code("check_failed", ("check", "detail"))


@dataclass(frozen=True)
class Between:
    """Every value of a column is in [min, max]. None leaves a side open; nulls are not judged."""

    column: str
    min: float | None = None
    max: float | None = None

    @property
    def reason(self) -> Reason:
        """The rule as a reason."""
        if self.min is None and self.max is None:
            return ANY_VALUE(column=self.column)
        if self.max is None:
            return AT_LEAST(column=self.column, min=self.min)
        if self.min is None:
            return AT_MOST(column=self.column, max=self.max)
        if self.min == self.max:
            return EQUAL_TO(column=self.column, value=self.min)
        return BETWEEN(column=self.column, min=self.min, max=self.max)


@dataclass(frozen=True)
class NotNull:
    """No value of a column is null."""

    column: str

    @property
    def reason(self) -> Reason:
        """The rule as a reason."""
        return NOT_NULL(column=self.column)


@dataclass(frozen=True)
class Unique:
    """No two rows of a partition share these columns' values."""

    columns: tuple[str, ...]

    @property
    def reason(self) -> Reason:
        """The rule as a reason."""
        return UNIQUE(columns=self.columns)


@dataclass(frozen=True)
class InSet:
    """Every value of a column is one of these; nulls are not judged."""

    column: str
    values: tuple[Any, ...]

    @property
    def reason(self) -> Reason:
        """The rule as a reason."""
        return ONE_OF(column=self.column, values=tuple(map(str, self.values)))


CheckRule = Between | NotNull | Unique | InSet


@dataclass(frozen=True)
class Check:
    """A property that must hold for every partition; the check is named after the property.

    critical: a failing partition is refused downstream. remedy: what the user should do. mostly: the share of a
    partition's rows that must satisfy the rule. plausibility: the rule bounds a figure by what is possible in the market; where it
    fails, no report is issued unless `report.allow_failed_plausibility` is set. critical_share: the share of the judged rows above
    which a failure is critical in any case. explained_by: checks whose failure implies this one's, by name for the same table and as
    "table.check" for an input. Where one of them failed in the same partition, a run does not report this check. declared: the check
    as its table declares it, where settings changed it (resources/gate_changes.py).
    """

    name: str
    rule: CheckRule
    critical: bool
    remedy: Bilingual = field(repr=False)  # wording is not part of a partition's version
    mostly: float = 1.0
    plausibility: bool = False
    critical_share: float = 0.5
    explained_by: tuple[str, ...] = field(default=(), repr=False)  # decides messages only, not a partition's version
    declared: "Check | None" = field(default=None, repr=False)

    def advice(self, language: Language = "en") -> str:
        """The remedy as a sentence that follows the rule in words."""
        return advice(self.remedy[language], language)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule is about."""
        return self.rule.columns if isinstance(self.rule, Unique) else (self.rule.column,)


@dataclass(frozen=True)
class Verdict:
    """The result of one check on one partition.

    detail: the rule that is broken and the reasons, or why nothing was judged; None where the check passed. remedy: that of the check,
    where rows break the rule.
    """

    passed: bool
    critical: bool
    detail: Reason | None = None
    remedy: Bilingual | None = None

    @property
    def reason(self) -> Reason | None:
        """The detail and the remedy as one reason; None where there is no detail."""
        return ADVISED(reason=self.detail, remedy=self.remedy) if self.detail and self.remedy else self.detail

    def text(self, language: Language = "en") -> str:
        """The detail and the remedy as one text."""
        return self.words(language) + self.advice(language)

    def words(self, language: Language = "en") -> str:
        """The detail in words, "" where there is none."""
        return describe(self.detail, language) if self.detail else ""

    def advice(self, language: Language = "en") -> str:
        """The remedy as a sentence that follows the detail, "" where there is none."""
        return advice(self.remedy[language], language) if self.remedy else ""

    @property
    def refuses(self) -> bool:
        """Whether the verdict refuses the partition: the check is critical and failed."""
        return self.critical and not self.passed

    def to_json(self) -> dict[str, Any]:
        """The form in manifests."""
        return {
            "passed": self.passed,
            "critical": self.critical,
            "detail": self.detail.to_json() if self.detail else "",
            "remedy": {"zh": self.remedy.zh, "en": self.remedy.en} if self.remedy else "",
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Verdict":
        """The inverse of `to_json`. Manifests of earlier versions have sentences as details and remedies.

        Raises:
            ValueError, TypeError: the value is not a stored verdict.
        """
        saved = dict(stored)
        detail, remedy = saved.pop("detail", ""), saved.pop("remedy", "")
        if isinstance(remedy, dict):
            remedy = Bilingual(**remedy)
        elif isinstance(remedy, str):
            remedy = Bilingual(remedy, remedy) if remedy else None
        verdict = cls(detail=Reason.from_json(detail) if detail != "" else None, remedy=remedy, **saved)
        texts = () if remedy is None else (remedy.zh, remedy.en)
        if not all(isinstance(flag, bool) for flag in (verdict.passed, verdict.critical)):
            raise ValueError(f"{stored!r} is no stored verdict")
        if not all(isinstance(text, str) for text in texts):
            raise ValueError(f"{stored!r} is no stored verdict")
        return verdict


def failed_as_reason(verdicts: Mapping[str, Verdict]) -> Reason | None:
    """The failures of a partition, by check, as one reason; None where there are none."""
    return joined([CHECK_FAILED(check=name, detail=verdict.reason) for name, verdict in verdicts.items()])


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

    A check on a column that is unavailable in a partition passes with the detail NOT_JUDGED, and so does every check on an empty
    profile. A column that a non-empty profile lacks is an error in the declaring code.

    Args:
        checks: the table's checks.
        profiles: partition → the rows to judge, with the columns of all checks.
        unavailable: partition → the reasons of unavailable columns.

    Returns:
        Partition → check name → verdict.
    """
    verdicts: dict[dt.date, dict[str, Verdict]] = {key: {} for key in profiles}
    for check in checks:
        for key, profile in profiles.items():
            reasons = [unavailable[key][column] for column in check.columns if column in unavailable[key]]
            if reasons:
                verdicts[key][check.name] = Verdict(True, check.critical, NOT_JUDGED(cause=reasons[0]))
            elif profile.is_empty():
                verdicts[key][check.name] = Verdict(True, check.critical, NOT_JUDGED(cause=NO_ROWS()))
            else:
                verdicts[key][check.name] = _verdict(check, profile)
    return verdicts


def _verdict(check: Check, profile: pl.DataFrame) -> Verdict:
    """The verdict on a partition with at least one row."""
    broken = breaking_rows(check.rule, profile)
    if not broken.any():
        return Verdict(True, check.critical)
    bad = profile.filter(broken)
    passed = check.mostly < 1 and 1 - bad.height / profile.height >= check.mostly
    judged = _judged_rows(check, profile)
    critical = check.critical or bad.height > check.critical_share * judged
    return Verdict(passed, critical, _explain(check, bad, profile.height, judged), check.remedy)


def _judged_rows(check: Check, profile: pl.DataFrame) -> int:
    """The number of rows that a rule judges. A range or a set does not judge nulls."""
    if isinstance(check.rule, Between | InSet):
        return profile.height - profile[check.rule.column].null_count()
    return profile.height


def breaking_rows(rule: CheckRule, profile: pl.DataFrame) -> pl.Series:
    """Which rows of a partition's profile break a rule.

    NaN counts as missing, as in Great Expectations: it breaks a range and `NotNull`. tests/resources/test_gate.py compares the rows
    with those that Great Expectations finds.

    Returns:
        Boolean, one per row, without nulls.
    """
    if isinstance(rule, Unique):
        return profile.select(rule.columns).is_duplicated()
    column = profile[rule.column]
    if isinstance(rule, InSet):
        return column.is_not_null() & ~column.is_in(list(rule.values)).fill_null(False)
    none = pl.repeat(False, profile.height, eager=True)
    nan = column.is_nan().fill_null(False) if column.dtype.is_float() else none
    if isinstance(rule, NotNull):
        return column.is_null() | nan
    if rule.min is None and rule.max is None:
        return none
    values = column.cast(pl.Float64)
    low, high = (-math.inf if rule.min is None else rule.min), (math.inf if rule.max is None else rule.max)
    return ((values < low) | (values > high) | nan).fill_null(False)


def _explain(check: Check, bad: pl.DataFrame, rows: int, judged: int) -> Reason:
    """The rule, the number of rows that break it, and the commonest reasons of the profile, or else the first few rows.

    In words: 'reason must be one of: used; not so in 3 of 120 rows: 2 × close is missing (600519.SH, …); 1 × ….'

    The number of rows is left out where the breaking rows are findings about the whole table, which a profile holds beside rows
    that the rule does not judge: 'names_lost must be 0: 2023-01-31: 9 names have a price ….'.
    """
    reasons = _reasons(check, bad)
    finding = bool(reasons) and 2 * judged <= rows
    if not reasons:
        shown = [
            name
            for name, dtype in bad.schema.items()
            if name in check.columns or dtype == pl.String or dtype.is_temporal()
        ]
        reasons = tuple(
            ROW(values=tuple(f"{name}={row[name]}" for name in shown if row[name] is not None))
            for row in bad.head(SHOWN_ROWS).iter_rows(named=True)
        )
        if bad.height > SHOWN_ROWS:
            reasons = (*reasons, MORE_ROWS(count=bad.height - SHOWN_ROWS))
    if finding:
        return FINDING(rule=check.rule.reason, reasons=reasons)
    return RULE_BROKEN(rule=check.rule.reason, bad=bad.height, rows=rows, reasons=reasons)


def shorten(detail: str, longest: int, advice: str = "") -> str:
    """A detail and the sentence `advice` in about `longest` characters. The end of the detail is cut; the advice is kept."""
    if len(detail) + len(advice) <= longest:
        return detail + advice
    return f"{detail[: max(longest - len(advice), longest // 3)]}…{advice}"


def advice(remedy: str, language: Language = "en") -> str:
    """A remedy as a sentence that follows a detail; "" where there is none."""
    return describe(ADVISED(reason="", remedy=remedy), language) if remedy else ""


def _reasons(check: Check, bad: pl.DataFrame) -> tuple[Reason, ...]:
    """The reasons of the breaking rows, counted, the commonest first; () where the profile has none.

    The reasons are read from the checked column where it holds texts, else from `detail`.
    """
    texts = [name for name in (*check.columns, DETAIL) if bad.schema.get(name) == pl.String]
    column = texts[0] if texts and isinstance(check.rule, Between | InSet) else None
    if column is None or bad[column].null_count():
        return ()
    name = next((key for key in ("symbol", "index", "file", "factor", "item") if key in bad.columns), None)
    if bad.height > 1:
        return counted_reasons(bad, column, name)
    reason, whose = Reason.loads(bad[column][0]), bad[name][0] if name else None
    return (REASON_OF(reason=reason, name=str(whose)) if whose else reason,)
