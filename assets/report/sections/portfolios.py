"""The section with Table 2: both portfolios' excess returns of the week, the month and the year."""

from assets import catalogue
from assets.report.findings import Findings
from assets.report.issue import Grid, GridRow, ReportSection
from assets.report.numbers import percent, share
from assets.report.sections.shared import name_benchmark_kind, note_late_starts
from assets.report.tables import PERIODS
from assets.report.words.portfolios import WORDS
from assets.report.words.speaker import Speaker
from resources.language import Language


def write_portfolios(found: Findings, language: Language) -> ReportSection:
    """Write Table 2 with its notes."""
    say = Speaker.of(language, WORDS)
    rows, items = [], []
    for portfolio in catalogue.PORTFOLIOS:
        row, name = found.portfolio_rows[portfolio.key], say.name(portfolio)
        if row["excess_ytd"] is None:
            rows.append(GridRow([name], say.not_available(row["reason"])))
            continue
        numbers = [percent(row[f"excess_{period}{found.suffix}"]) for period in PERIODS]
        rows.append(GridRow([name, *numbers, share(row["wins"], row["weeks"])]))
        items.append(say("table2_item", name=name, value=numbers[0]))
    lead = say("table2_lead", items=say.join(items, "comma")) if items else say("table2_nothing")
    heads = [say("portfolio"), *(say(period) for period in PERIODS), say("week_wins")]
    table = Grid(
        2,
        say("table2_title"),
        lead,
        [[("", 1), (say("excess"), 4)], [(text, 1) for text in heads]],
        rows,
        _notes(found, say),
    )
    return ReportSection("portfolios", say("portfolios_section"), [table])


def _notes(found: Findings, say: Speaker) -> list[str]:
    """The definition of the excess, and the portfolios for which drifted weights replace index closes."""
    rows, kind = found.portfolio_rows, name_benchmark_kind(found, say)
    drifted = [
        say("benchmark_drifted", name=say.name(portfolio), kind=kind)
        for portfolio in catalogue.PORTFOLIOS
        if found.holdings[portfolio.key].benchmark_is_drifted and rows[portfolio.key]["excess_ytd"] is not None
    ]
    since = {say.name(portfolio): rows[portfolio.key]["since"] for portfolio in catalogue.PORTFOLIOS}
    return [say(f"table2_note{found.suffix}", kind=kind), *drifted, *note_late_starts(found, say, since)]
