"""The section with Table 1: every factor's returns of the week, the month and the year."""

import polars as pl

from assets import catalogue
from assets.report.findings import Findings
from assets.report.issue import Grid, GridRow, ReportSection
from assets.report.numbers import percent, share
from assets.report.sections.shared import describe_fills, note_late_starts
from assets.report.tables import PERIODS
from assets.report.words.factors import WORDS
from assets.report.words.speaker import Speaker
from resources.language import Language


def write_factors(found: Findings, language: Language) -> ReportSection:
    """Write Table 1 with its notes."""
    say = Speaker.of(language, WORDS)
    periods, wins = [say(period) for period in PERIODS], say("month_wins")
    heads = [
        [("", 1), (say("long_short"), 4), (say("long_excess"), 4)],
        [(text, 1) for text in (say("factor"), *periods, wins, *periods, wins)],
    ]
    table = Grid(1, say("table1_title"), _lead(found, say), heads, _rows(found, say), _notes(found, say))
    return ReportSection("factors", say("factors_section"), [table], starts_page=True)


def _lead(found: Findings, say: Speaker) -> str:
    column = f"long_short_week{found.suffix}"
    known = found.table1.drop_nulls(column).sort(column, descending=True, maintain_order=True)
    if known.is_empty():
        return say("table1_nothing")
    best, worst = known.row(0, named=True), known.row(-1, named=True)
    return say(
        "table1_lead",
        count=known.height,
        positive=known.filter(pl.col(column) > 0).height,
        excess_positive=known.filter(pl.col(f"long_excess_week{found.suffix}") > 0).height,
        best=say.name(catalogue.BY_KEY[best["factor"]]),
        best_value=percent(best[column]),
        worst=say.name(catalogue.BY_KEY[worst["factor"]]),
        worst_value=percent(worst[column]),
    )


def _rows(found: Findings, say: Speaker) -> list[GridRow]:
    """The rows of Table 1; a factor without a return in the year has its reason in place of numbers."""
    rows = []
    for factor in catalogue.FACTORS:
        row, cells = found.factor_rows[factor.key], [say.numbered(factor)]
        if row["long_short_ytd"] is None:
            rows.append(GridRow(cells, say.not_available(row["reason"])))
            continue
        for name in ("long_short", "long_excess"):
            cells += [percent(row[f"{name}_{period}{found.suffix}"]) for period in PERIODS]
            cells.append(share(row[f"{name}_wins"], row[f"{name}_months"]))
        rows.append(GridRow(cells))
    return rows


def _notes(found: Findings, say: Speaker) -> list[str]:
    """The definition of returns, the fill rule, and why a factor with a return in the year has none in the week."""
    rows = found.factor_rows
    partial = [
        say("not_available_reason", reason=f"{say.name(factor)}: {say.reason(row['reason'])}")
        for factor in catalogue.FACTORS
        if (row := rows[factor.key])["reason"] is not None and row["long_short_ytd"] is not None
    ]
    return [
        say(f"note_{found.settings.relative}"),
        say("legs_fills", fills=describe_fills(found, say)).strip(),
        *note_late_starts(found, say, {say.name(factor): rows[factor.key]["since"] for factor in catalogue.FACTORS}),
        *partial,
    ]
