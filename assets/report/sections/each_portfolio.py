"""The section with a chapter for each portfolio, then the tables on both: attribution, binding constraints, robustness."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from assets import catalogue
from assets.catalogue import Portfolio
from assets.performance.reasons import NO_RETURNS
from assets.portfolios.reasons import KEPT_ABOVE, KEPT_BELOW
from assets.report.findings import Findings, Holdings
from assets.report.issue import Block, Chapter, Figure, ReportSection
from assets.report.numbers import decimal, percent, share
from assets.report.render.charts import draw_lines
from assets.report.sections.attribution import write_attribution
from assets.report.sections.explanation import write_explanations
from assets.report.sections.lines import write_lines
from assets.report.sections.shared import chart_strength, figure_bars, name_alpha, name_benchmark_kind
from assets.report.tables import PERIODS
from assets.report.words.each_portfolio import WORDS
from assets.report.words.names import INDICES
from assets.report.words.speaker import Speaker
from resources.language import Language
from resources.reasons import Reason

FIRST_FIGURE = 2 * len(catalogue.FACTORS) + 1
BAND = "stock_deviation"  # its rows are stocks that their state keeps outside of their bands, not relaxed constraints
WEIGHTS = {BAND, "industry", "turnover_limit", "member_share"}  # constraints whose slack is a weight


def write_each_portfolio(found: Findings, language: Language) -> ReportSection:
    """Write a chapter for each portfolio, and the tables and figures that explain both."""
    say = Speaker.of(language, WORDS)
    chapters = [
        _chapter(found, say, portfolio, FIRST_FIGURE + 2 * position)
        for position, portfolio in enumerate(catalogue.PORTFOLIOS)
    ]
    blocks: list[Block] = [
        *chapters,
        *write_attribution(found, language),
        *write_explanations(found, language),
        *write_lines(found, language),
    ]
    return ReportSection("each-portfolio", say("each_portfolio"), blocks)


def _chapter(found: Findings, say: Speaker, portfolio: Portfolio, number: int) -> Chapter:
    """The chapter of one portfolio. number: of its first figure."""
    held = found.holdings[portfolio.key]
    paragraphs = [say.flow(_week_sentences(found, say, portfolio))]
    if held.solve is not None:
        paragraphs.append(say.flow(_holding_sentences(found, say, portfolio)))
    figures = _figures(found, say, portfolio, number)
    return Chapter(portfolio.key, say.name(portfolio), paragraphs, figures, _relaxation_lines(say, held))


def _week_sentences(found: Findings, say: Speaker, portfolio: Portfolio) -> list[str]:
    """The construction of the portfolio, and its return in the week."""
    row = found.portfolio_rows[portfolio.key]
    index = f"{say.called(portfolio.index, INDICES)}{say('blank')}{name_benchmark_kind(found, say)}"
    about = say("portfolio_text", alpha=name_alpha(found, say), index=index)
    if row["reason"] is not None:
        return [about, say("absent_factor", reason=say.reason(row["reason"]))]
    numbers = {period: percent(row[f"excess_{period}{found.suffix}"]) for period in ("week", "ytd")}
    return [about, say("portfolio_week", wins=share(row["wins"], row["weeks"]), **numbers)]


def _holding_sentences(found: Findings, say: Speaker, portfolio: Portfolio) -> list[str]:
    """The holdings of the week's target, the part of the benchmark that it cannot hold, and the week's trades."""
    held = found.holdings[portfolio.key]
    solve = held.solve or {}
    sentences = [
        say("portfolio_solved", status=say(f"status_{solve['status']}")),
        say("portfolio_holdings", names=solve["holdings"]),
    ]
    if solve["benchmark_without_score"] > 0:
        sentences.append(say("portfolio_unscored", unscored=percent(solve["benchmark_without_score"])))
    if solve["benchmark_beijing"] > 0:
        weight = percent(solve["benchmark_beijing"])
        sentences.append(say("portfolio_beijing", names=solve["benchmark_beijing_members"], weight=weight))
    if solve["benchmark_delisted"] > 0:
        sentences.append(say("portfolio_delisted", weight=percent(solve["benchmark_delisted"])))
    if solve["frozen_weight"] > 0:
        sentences.append(say("portfolio_frozen", frozen=percent(solve["frozen_weight"])))
    traded = found.traded.get(portfolio.key)
    if traded is not None:
        numbers = {"turnover": percent(traded["turnover"]), "cost": percent(traded["cost"], 3)}
        sentences.append(say("portfolio_turnover", **numbers))
    if held.not_applied:
        items = [
            say("for_want_of", constraint=say.called(name), reason=say.reason(reason))
            for name, reason in held.not_applied.items()
        ]
        sentences.append(say("portfolio_not_applied", items=say.join(items)))
    return sentences


def _relaxation_lines(say: Speaker, held: Holdings) -> list[str]:
    """One line per relaxed constraint: number of relaxed rows, total violation, and the largest one with its cause.

    Of equally large ones, such as two industries of which one balances the other, the one with a cause of its own is printed.
    """
    lines = []
    for constraint in held.relaxations["constraint"].unique(maintain_order=True):
        rows = held.relaxations.filter(pl.col("constraint") == constraint)
        worst = min(rows.iter_rows(named=True), key=_by_size)
        total, slack = (
            percent(value, 3) if constraint in WEIGHTS else decimal(value, 4)
            for value in (float(rows["slack"].sum()), worst["slack"])
        )
        lines.append(
            say(
                "outside_band" if constraint == BAND else "relaxed",
                constraint=say.called(constraint),
                count=rows.height,
                total=total,
                row=worst["row"],
                slack=slack,
                forced=say.reason(worst["forced_by"]) if worst["forced_by"] else "–",
            )
        )
    return lines


def _by_size(row: dict[str, Any]) -> tuple[float, bool, str]:
    """The order of relaxed rows: the largest first, to 1e-9 of its violation; then those with a cause of their own."""
    own = row["forced_by"] is not None and Reason.loads(row["forced_by"]).code in (KEPT_ABOVE.name, KEPT_BELOW.name)
    return -round(row["slack"], 9), not own, row["row"]


def _figures(found: Findings, say: Speaker, portfolio: Portfolio, number: int) -> Sequence[Figure]:
    """The cumulative excess, and the excess by period; or why there are none."""
    row: dict[str, Any] = found.portfolio_rows[portfolio.key]
    name, start = say.name(portfolio), found.settings.chart_start_late
    titles = (say("figure_excess", name=name), say("figure_excess_bars", name=name))
    curve = chart_strength(found, say("cumulative_excess"), found.portfolios[portfolio.key], start, base=1.0)
    if curve is None:
        absent = say.reason(row["reason"] or NO_RETURNS())
        return [Figure(number + n, title, None, absent) for n, title in enumerate(titles)]
    bars = [(say(period), row[f"excess_{period}{found.suffix}"]) for period in PERIODS]
    return [
        Figure(number, titles[0], draw_lines([curve], prefix=f"f{number}", percent=True), None),
        figure_bars(number + 1, titles[1], bars, row["reason"], say),
    ]
