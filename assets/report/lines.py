"""The report's lines of robustness: one table, one chart per portfolio; nothing where no line is set.

Here: statistics of a line and where they stand. Not here: the lines themselves (portfolios/week/lines.py), the wording
(lines_words.py).
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets import catalogue
from assets.catalogue import Portfolio
from assets.performance.statistics import Floats, compare, relative_strength
from assets.report.charts import Line, draw_contributions
from assets.report.issue import Figure, Grid, Row, decimal, percent
from assets.report.lines_words import LINE_NAMES, WORDS
from assets.report.words import Language
from resources.reasons import Reason

TABLE, FIGURES = "A4", ("A5", "A6")
ITSELF = "itself"  # the portfolio among its lines
DAYS_A_YEAR, LEAST_DAYS = 252, 20
COLUMNS = ("week", "ytd", "annual", "error", "ratio", "drawdown", "turnover")


@dataclass(frozen=True)
class Judged:
    """One line. week, ytd: relative strength; annual, error, ratio, drawdown: of all its days. dates, strength: its path [days]."""

    week: float | None
    ytd: float | None
    annual: float | None
    error: float | None
    ratio: float | None
    drawdown: float | None
    turnover: float | None
    dates: Sequence[dt.date]
    strength: Floats


@dataclass(frozen=True)
class Lines:
    """portfolio → line → what became of it, the portfolio itself first; missing: (portfolio, line) → why it is n/a."""

    judged: Mapping[str, Mapping[str, Judged]]
    missing: Mapping[tuple[str, str], Reason]


def judge_line(rows: pl.DataFrame, day: dt.date) -> Judged:
    """rows: date, net, benchmark, turnover of the line's days; those after `day`, or without a benchmark, do not count.

    With s the daily relative strength: annual = Π(1 + s)^(252 / n) − 1, error = std(s) √252, ratio = annual / error, drawdown =
    the deepest fall of Π(1 + s) from its highest so far, from 1 on. None for fewer than LEAST_DAYS days. Turnover is a week's,
    of those that traded: the paths together trade on several days of it.
    """
    rows = rows.filter((pl.col("date") <= day) & pl.col("benchmark").is_not_null()).sort("date")
    own, against = rows["net"].to_numpy(), rows["benchmark"].to_numpy()
    compared = compare(rows["date"].to_numpy().astype("datetime64[D]"), own, against, day)
    daily = (1.0 + own) / (1.0 + against) - 1.0
    strength = relative_strength(own, against)
    annual = error = ratio = drawdown = None
    if len(daily) >= LEAST_DAYS:
        annual = float(strength[-1] ** (DAYS_A_YEAR / len(daily)) - 1.0)
        error = float(daily.std(ddof=1) * np.sqrt(DAYS_A_YEAR))
        ratio = annual / error if error > 0 else None
        drawdown = float(np.min(strength / np.maximum.accumulate(np.maximum(strength, 1.0))) - 1.0)
    by_week = rows.group_by(pl.col("date").dt.truncate("1w")).agg(pl.col("turnover").sum()).sort("date")
    traded = by_week.filter(pl.col("turnover") > 0)["turnover"].mean()
    turnover = float(traded) if isinstance(traded, float) else None
    return Judged(
        compared.week, compared.ytd, annual, error, ratio, drawdown, turnover, rows["date"].to_list(), strength
    )


def judge_lines(
    portfolio_lines: pl.DataFrame, portfolio_returns: pl.DataFrame, day: dt.date, reasons: Mapping[str, Reason]
) -> Lines | None:
    """Both tables over all weeks; reasons: "portfolio: line" → why there is none. None where no line is set."""
    reasons = {said: reason for said, reason in reasons.items() if ": " in said}
    if portfolio_lines.is_empty() and not reasons:
        return None
    judged: dict[str, dict[str, Judged]] = {}
    for portfolio in catalogue.PORTFOLIOS:
        own = portfolio_lines.filter(pl.col("portfolio") == portfolio.key)
        itself = portfolio_returns.filter(pl.col("portfolio") == portfolio.key)
        found = {ITSELF: judge_line(itself, day)} if itself.height else {}
        for (name,), rows in own.group_by("line", maintain_order=True):
            found[str(name)] = judge_line(rows, day)
        judged[portfolio.key] = found
    missing = {(key, line): reason for said, reason in reasons.items() for key, line in [said.split(": ", 1)]}
    return Lines(judged, missing)


@dataclass(frozen=True)
class Writer:
    """Turns lines into the report's language. name, reason: the report's own words for a portfolio, a reason."""

    language: Language
    name: Callable[[Portfolio], str]
    reason: Callable[[Reason], str]

    def say(self, key: str, **values: object) -> str:
        return WORDS[key][self.language].format(**values)

    def line(self, name: str) -> str:
        """A line as a reader calls it."""
        if name == ITSELF:
            return self.say("itself")
        if name in LINE_NAMES:
            return LINE_NAMES[name][self.language]
        factors = [catalogue.BY_KEY.get(key) for key in name.split(" + ")]
        if len(factors) > 1:
            called = [
                key if one is None else str(one.number) for key, one in zip(name.split(" + "), factors, strict=True)
            ]
            return self.say("mean", names=self.say("plus").join(called))
        if factors[0] is None:
            return name
        return factors[0].name_zh if self.language == "zh" else factors[0].name_en

    def table(self, found: Lines | None) -> Grid | None:
        """A row per line, the portfolio itself first; None where no line is set."""
        if found is None:
            return None
        named = sorted({name for own in found.judged.values() for name in own}, key=_place)
        nothing = ["n/a"] * len(COLUMNS)
        rows = [
            Row(
                [self.line(name), *(cell for own in found.judged.values() for cell in _cells(own.get(name)) or nothing)]
            )
            for name in named
        ]
        told = []
        for portfolio in catalogue.PORTFOLIOS:
            own = found.judged[portfolio.key]
            others = [one.annual for name, one in own.items() if name != ITSELF and one.annual is not None]
            if others and ITSELF in own:
                low, high = percent(min(others)), percent(max(others))
                told.append(
                    self.say("lead", name=self.name(portfolio), own=percent(own[ITSELF].annual), low=low, high=high)
                )
        heads = [
            [("", 1), *((self.name(portfolio), len(COLUMNS)) for portfolio in catalogue.PORTFOLIOS)],
            [(self.say("line"), 1), *((self.say(key), 1) for _ in catalogue.PORTFOLIOS for key in COLUMNS)],
        ]
        notes = [self.say("note", least=LEAST_DAYS)]
        names = {portfolio.key: self.name(portfolio) for portfolio in catalogue.PORTFOLIOS}
        notes += [
            self.say("absent", name=names[key], line=self.line(line), reason=self.reason(reason))
            for (key, line), reason in found.missing.items()
        ]
        lead = ("" if self.language == "zh" else " ").join(told)
        return Grid(TABLE, self.say("title"), lead, heads, rows, notes, narrow=True)

    def figures(self, found: Lines | None, before: Callable[[dt.date], dt.date]) -> list[Figure]:
        """Each portfolio's lines since their first days, the portfolio drawn heavier. before: day → the trading day before."""
        figures = []
        for number, portfolio in zip(FIGURES, catalogue.PORTFOLIOS, strict=True):
            own = {} if found is None else found.judged[portfolio.key]
            if len(own) > 1 and ITSELF in own:
                lines = [
                    Line(self.line(name), [before(one.dates[0]), *one.dates], [0.0, *(one.strength - 1.0).tolist()])
                    for name, one in sorted(own.items(), key=lambda item: _place(item[0]))
                    if one.dates
                ]
                title = self.say("figure", name=self.name(portfolio))
                figures.append(Figure(number, title, draw_contributions(lines, prefix=number.lower()), None))
        return figures


def _place(name: str) -> tuple[int, int, str]:
    """The portfolio itself, other scores, the paths in the order of the week, their mean."""
    paths = list(LINE_NAMES)
    return (0, 0, "") if name == ITSELF else (2, paths.index(name), "") if name in paths else (1, 0, name)


def _cells(one: Judged | None) -> list[str]:
    if one is None:
        return []
    return [
        decimal(getattr(one, column), 2) if column == "ratio" else percent(getattr(one, column)) for column in COLUMNS
    ]
