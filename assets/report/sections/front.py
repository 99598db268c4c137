"""The first page: the week's finding in one sentence, warnings, and the highlights."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import polars as pl

from assets import catalogue
from assets.report.findings import Findings
from assets.report.issue import Front
from assets.report.numbers import percent, share
from assets.report.sections.settings import list_differences
from assets.report.sections.shared import list_alphas, name_alpha, name_market
from assets.report.tables import PERIODS, tabulate_factors, tabulate_portfolios
from assets.report.words.front import WORDS
from assets.report.words.names import INDICES
from assets.report.words.speaker import Speaker
from resources.calendar import Calendar
from resources.language import Language

HIGHLIGHTED = tuple(factor for factor in catalogue.FACTORS if factor.number <= 6 or factor.number >= 11)  # SPEC §8
OFFICIAL_ALPHA = catalogue.FACTORS[15]
PREVIOUS_ISSUES = 3
SHOWN_IMPLAUSIBLE = 5  # the alarms of the section on data health hold the others


def write_front(found: Findings, language: Language) -> Front:
    """Write the first page of the week's issue."""
    say = Speaker.of(language, WORDS)
    title, headline = _title_and_headline(found, say, found.week, found.table1, found.table2)
    days = found.calendar.week_days(found.week)
    return Front(
        title=title,
        headline=headline,
        data_until=say("issue_of", day=found.day),
        warnings=_warnings(found, say),
        highlights=[*_factor_highlights(found, say), *_portfolio_highlights(found, say)],
        risks=say("risk_short"),
        glance=[
            (say("data_market"), name_market(found, say)),
            (say("data_days"), f"{days[0]} – {days[-1]}"),
            (say("alpha"), name_alpha(found, say)),
            (say("profile_name"), found.run["profile"]["name"]),
        ],
        previous=_previous_issues(found, say),
        footer=say("warn_sample") if found.run["market"]["sample"] else say("source", market=name_market(found, say)),
    )


def _title_and_headline(
    found: Findings, say: Speaker, week: dt.date, table1: pl.DataFrame, table2: pl.DataFrame
) -> tuple[str, str]:
    """Title with the week's dates, and one sentence that states the week's finding from the figures."""
    days = found.calendar.week_days(week)
    title = say("title", first=f"{days[0]:%Y.%m.%d}", last=f"{days[-1]:%Y.%m.%d}")
    column = f"long_short_week{found.suffix}"
    known = table1.drop_nulls(column).sort(column, descending=True, maintain_order=True)
    parts = []
    if known.height:
        best = known.row(0, named=True)
        parts.append(
            say(
                "headline_factor" if best[column] > 0 else "headline_none_rose",
                name=say.name(catalogue.BY_KEY[best["factor"]]),
                value=percent(best[column]),
                count=known.height,
                positive=known.filter(pl.col(column) > 0).height,
            )
        )
    column = f"excess_week{found.suffix}"
    parts += [
        say("headline_portfolio", name=say.name(portfolio), value=percent(row[column]))
        for portfolio, row in zip(catalogue.PORTFOLIOS, table2.iter_rows(named=True), strict=True)
        if row[column] is not None
    ]
    return title, say.join(parts, "semicolon") if parts else say("headline_nothing")


def _previous_issues(found: Findings, say: Speaker) -> list[tuple[str, str]]:
    """The titles and headlines of earlier issues, computed from the same data up to their weeks."""
    days = [one["long_short"].dates for one in found.factors.values() if len(one["long_short"].dates)]
    if not days:
        return []
    first = Calendar.week_of(min(dates[0] for dates in days).astype(object))
    earlier = found.calendar.weeks(first, found.week - dt.timedelta(weeks=1)) if first < found.week else []
    issues = []
    for week in reversed(earlier[-PREVIOUS_ISSUES:]):
        day = found.calendar.signal_day(week)
        table1 = tabulate_factors(found.factors, day, {})
        table2 = tabulate_portfolios(found.portfolios, day, {})
        issues.append(_title_and_headline(found, say, week, table1, table2))
    return issues


def _warnings(found: Findings, say: Speaker) -> list[str]:
    """The warnings that are printed before any figure."""
    warnings = []
    if found.run["market"]["sample"]:
        warnings.append(say("warn_sample"))
    if found.implausible:
        count = len(found.implausible)
        shown = [_failure(row, say) for row in found.implausible[:SHOWN_IMPLAUSIBLE]]
        more = say("and_more", count=count - len(shown)) if count > len(shown) else ""
        warnings.append(say("warn_implausible", count=count, failures=say.join(shown, "semicolon") + more))
    alphas = list_alphas(found)
    if alphas != [OFFICIAL_ALPHA.key]:
        known = [catalogue.BY_KEY.get(key) for key in alphas]
        numbers = say.join([key if one is None else str(one.number) for key, one in zip(alphas, known, strict=True)])
        official = say.name(OFFICIAL_ALPHA)
        warnings.append(say("warn_alpha", name=name_alpha(found, say), number=numbers, official=official))
    warnings += [say("warn_weights", index=say.called(index, INDICES)) for index in found.settings.unofficial_weights]
    if days := found.rulebook["too_old_days"]:
        warnings.append(say("warn_rulebook", days=days, limit=found.tree["rulebook"]["warn_after_days"]))
    differences = [one for one in list_differences(found) if not one["setting"].startswith("report.")]
    if differences:
        warnings.append(say("warn_profile", name=found.run["profile"]["name"], count=len(differences)))
    return warnings


def _failure(row: Mapping[str, Any], say: Speaker) -> str:
    """A table and check with the partitions in which it failed."""
    key = "implausible_once" if row["count"] == 1 else "implausible"
    return say(key, **{name: row[name] for name in ("table", "check", "count", "first", "last")})


def _factor_highlights(found: Findings, say: Speaker) -> list[tuple[str, str]]:
    lines = []
    for factor in HIGHLIGHTED:
        row = found.factor_rows[factor.key]
        if row["reason"] is not None:
            text = say("highlight_absent", reason=say.reason(row["reason"]))
        else:
            numbers = {
                f"{short}_{period}": percent(row[f"{name}_{period}{found.suffix}"])
                for short, name in (("ls", "long_short"), ("le", "long_excess"))
                for period in PERIODS
            }
            text = say("highlight_factor", **numbers)
        lines.append((say.name(factor), text))
    return lines


def _portfolio_highlights(found: Findings, say: Speaker) -> list[tuple[str, str]]:
    lines = []
    for portfolio in catalogue.PORTFOLIOS:
        row = found.portfolio_rows[portfolio.key]
        if row["reason"] is not None:
            text = say("highlight_absent", reason=say.reason(row["reason"]))
        else:
            numbers = {period: percent(row[f"excess_{period}{found.suffix}"]) for period in PERIODS}
            text = say("highlight_portfolio", wins=share(row["wins"], row["weeks"]), **numbers)
        lines.append((say.name(portfolio), text))
    return lines
