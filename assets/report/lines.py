"""Lines of robustness: statistics of the portfolios on other scores and on other signal days.

This module does not hold the lines themselves (portfolios/week/lines.py) or their table and charts (sections/lines.py).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets import catalogue
from assets.performance.statistics import compare, relative_strength
from resources.arrays import Floats
from resources.reasons import Reason

ITSELF = "itself"  # the key of the portfolio among its lines
DAYS_A_YEAR, LEAST_DAYS = 252, 20
COLUMNS = ("week", "ytd", "annual", "error", "ratio", "drawdown", "turnover")


@dataclass(frozen=True)
class Judged:
    """The statistics of one line, as fractions; None where unknown.

    week, ytd: relative strength. annual, error, ratio, drawdown: of all its days. turnover: of a week. dates, strength: the
    relative strength after each day [days].
    """

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
    """The lines of all portfolios.

    judged: portfolio → line → its statistics, the portfolio itself first. missing: (portfolio, line) → why it is n/a.
    """

    judged: Mapping[str, Mapping[str, Judged]]
    missing: Mapping[tuple[str, str], Reason]


def judge_line(rows: pl.DataFrame, day: dt.date) -> Judged:
    """Compute the statistics of one line up to `day`.

    rows: date, net, benchmark, turnover of the line's days; days after `day` and days without a benchmark are ignored. With s
    the daily relative strength, annual = Π(1 + s)^(252 / n) − 1, error = std(s) √252, ratio = annual / error, and drawdown is
    the largest fall of Π(1 + s) from its previous maximum, which is at least 1; these are None for fewer than LEAST_DAYS
    days. Turnover is the mean weekly sum over weeks with a trade, because the mean of the paths trades on several days.
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
    """Compute the statistics of all lines and of the portfolios themselves; None if no line is set.

    portfolio_lines, portfolio_returns: the tables, all weeks. reasons: "portfolio: line" → why the line is n/a.
    """
    reasons = {key: reason for key, reason in reasons.items() if ": " in key}
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
    missing = {(portfolio, line): reason for key, reason in reasons.items() for portfolio, line in [key.split(": ", 1)]}
    return Lines(judged, missing)
