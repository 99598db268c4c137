"""The portfolios' lines of robustness: one table, and one chart per portfolio; empty if no line is set."""

from collections.abc import Mapping

from assets import catalogue
from assets.report.findings import Findings
from assets.report.issue import Block, Figure, Figures, Grid, GridRow
from assets.report.lines import COLUMNS, ITSELF, LEAST_DAYS, Judged, Lines
from assets.report.numbers import decimal, percent
from assets.report.render.charts import Curve, draw_contributions
from assets.report.words.lines import WORDS
from assets.report.words.names import LINES
from assets.report.words.speaker import Speaker
from resources.calendar import Calendar
from resources.language import Language

TABLE, FIGURES = "A4", ("A5", "A6")


def write_lines(found: Findings, language: Language) -> list[Block]:
    """Write the table of lines, and a chart for each portfolio with lines; empty if no line is set."""
    if found.lines is None:
        return []
    say = Speaker.of(language, WORDS)
    figures = _figures(found.lines, say, found.calendar)
    return [tabulate_lines(found.lines, say), *([Figures(figures)] if figures else [])]


def tabulate_lines(lines: Lines, say: Speaker) -> Grid:
    """Write a row per line, the portfolio itself first, with the statistics of both portfolios, and why a line is n/a."""
    nothing = ["n/a"] * len(COLUMNS)
    rows = [
        GridRow([_name_line(name, say), *(cell for own in lines.judged.values() for cell in _cells(own, name) or nothing)])
        for name in sorted({name for own in lines.judged.values() for name in own}, key=_place)
    ]  # fmt: skip
    heads = [
        [("", 1), *((say.name(portfolio), len(COLUMNS)) for portfolio in catalogue.PORTFOLIOS)],
        [(say("line"), 1), *((say(f"line_{key}"), 1) for _ in catalogue.PORTFOLIOS for key in COLUMNS)],
    ]
    names = {portfolio.key: say.name(portfolio) for portfolio in catalogue.PORTFOLIOS}
    absent = [
        say("absent", name=names[key], line=_name_line(line, say), reason=say.reason(reason))
        for (key, line), reason in lines.missing.items()
    ]
    notes = [say("note", least=LEAST_DAYS), *absent]
    return Grid(TABLE, say("title"), _lead(lines, say), heads, rows, notes, style="narrowest")


def _lead(lines: Lines, say: Speaker) -> str:
    """The range of the annual excesses of each portfolio's lines."""
    sentences = []
    for portfolio in catalogue.PORTFOLIOS:
        own = lines.judged[portfolio.key]
        others = [one.annual for name, one in own.items() if name != ITSELF and one.annual is not None]
        if others and ITSELF in own:
            numbers = {"own": own[ITSELF].annual, "low": min(others), "high": max(others)}
            shown = {key: percent(value) for key, value in numbers.items()}
            sentences.append(say("lead", name=say.name(portfolio), **shown))
    return say.flow(sentences)


def _figures(lines: Lines, say: Speaker, calendar: Calendar) -> list[Figure]:
    """Each portfolio's lines since their first days, with a thicker curve for the portfolio itself."""
    figures = []
    for number, portfolio in zip(FIGURES, catalogue.PORTFOLIOS, strict=True):
        own = lines.judged[portfolio.key]
        if len(own) > 1 and ITSELF in own:
            curves = [
                Curve(
                    _name_line(name, say),
                    [calendar.previous_day(one.dates[0]), *one.dates],
                    [0.0, *(one.strength - 1.0).tolist()],
                )
                for name, one in sorted(own.items(), key=lambda item: _place(item[0]))
                if one.dates
            ]
            title = say("figure_lines", name=say.name(portfolio))
            figures.append(Figure(number, title, draw_contributions(curves, prefix=number.lower()), None))
    return figures


def _name_line(name: str, say: Speaker) -> str:
    """The printed name of a line."""
    if name == ITSELF:
        return say("itself")
    if name in LINES:
        return say.called(name, LINES)
    keys = name.split(" + ")
    factors = [catalogue.BY_KEY.get(key) for key in keys]
    if len(keys) > 1:
        numbers = [key if one is None else str(one.number) for key, one in zip(keys, factors, strict=True)]
        return say("mean", names=say("plus").join(numbers))
    return name if factors[0] is None else say.name(factors[0])


def _place(name: str) -> tuple[int, int, str]:
    """The order of lines: the portfolio itself, other scores, the paths in the order of the week, their mean."""
    paths = list(LINES)
    return (0, 0, "") if name == ITSELF else (2, paths.index(name), "") if name in paths else (1, 0, name)


def _cells(own: Mapping[str, Judged], name: str) -> list[str]:
    """The printed statistics of one portfolio's line; n/a if it has no such line."""
    if name not in own:
        return []
    values = {column: getattr(own[name], column) for column in COLUMNS}
    return [decimal(value, 2) if column == "ratio" else percent(value) for column, value in values.items()]
