"""The attribution of the portfolios' excess: one table, and one chart per portfolio."""

import datetime as dt
from collections.abc import Mapping

import numpy as np

from assets import catalogue
from assets.catalogue import Portfolio
from assets.performance.reasons import NO_RETURNS
from assets.portfolios.schemas import COMPONENTS
from assets.report.contributions import Contributions, total
from assets.report.findings import Findings
from assets.report.issue import Block, Figure, Figures, Grid, GridRow
from assets.report.numbers import percent
from assets.report.render.charts import Curve, draw_contributions
from assets.report.words.attribution import WORDS
from assets.report.words.names import COMPONENTS as COMPONENT_NAMES
from assets.report.words.names import ITEMS, STYLES
from assets.report.words.speaker import Speaker
from resources.calendar import Calendar
from resources.language import Language
from resources.reasons import Reason

TABLE, FIGURES = "A1", ("A3", "A4")


def write_attribution(found: Findings, language: Language) -> list[Block]:
    """Write the table of parts, and the charts of their sums since the start."""
    say = Speaker.of(language, WORDS)
    table = tabulate_contributions(found.contributions, say, found.tree["portfolios"]["benchmark"])
    return [table, Figures(figure_contributions(found.contributions, say, found.calendar))]


def tabulate_contributions(contributions: Mapping[str, Contributions], say: Speaker, benchmark: str) -> Grid:
    """Write one row per component and their sum, with week and year of each portfolio, and why a part is n/a.

    benchmark: the setting portfolios.benchmark.
    """
    own = [contributions[portfolio.key] for portfolio in catalogue.PORTFOLIOS]
    parts = [part for one in own for part in (one.week, one.year)]
    rows = [
        GridRow([say.called(key, COMPONENT_NAMES), *(percent(part[key], 3) for part in parts)]) for key in COMPONENTS
    ]
    rows.append(GridRow([say("total"), *(percent(total(part), 3) for part in parts)]))
    heads = [
        [("", 1), *((say.name(portfolio), 2) for portfolio in catalogue.PORTFOLIOS)],
        [(say("component"), 1), *((say(key), 1) for _ in own for key in ("week", "year"))],
    ]
    notes = [say("note", basis=say(f"basis_{benchmark}"))]
    for portfolio in catalogue.PORTFOLIOS:
        notes += _notes(portfolio, contributions[portfolio.key], say)
    return Grid(TABLE, say("title"), _lead(contributions, say), heads, rows, notes)


def _lead(contributions: Mapping[str, Contributions], say: Speaker) -> str:
    sentences = []
    for portfolio in catalogue.PORTFOLIOS:
        week = contributions[portfolio.key].week
        excess = total(week)
        if excess is None:
            continue
        best, worst = (pick(week, key=lambda key: week[key] or 0.0) for pick in (max, min))
        sentences.append(
            say(
                "lead",
                name=say.name(portfolio),
                total=percent(excess),
                best=say.called(best, COMPONENT_NAMES),
                best_value=percent(week[best]),
                worst=say.called(worst, COMPONENT_NAMES),
                worst_value=percent(week[worst]),
            )
        )
    return say.flow(sentences) or say("nothing")


def _notes(portfolio: Portfolio, one: Contributions, say: Speaker) -> list[str]:
    """The largest items of the week, and those that are n/a by reason; or why the week has no attribution."""
    name = say.name(portfolio)
    if one.absent is not None:
        return [say("absent", name=name, reason=say.reason(one.absent))]
    items = say.join([f"{_item(c, item, say)} {percent(value, 3)}" for c, item, value in one.largest])
    by_reason: dict[Reason, list[str]] = {}
    for (component, item), reason in one.missing.items():
        by_reason.setdefault(reason, []).append(_item(component, item, say))
    return [
        say("largest", name=name, items=items),
        *(
            say("missing", name=name, items=say.join(items), reason=say.reason(reason))
            for reason, items in by_reason.items()
        ),
    ]


def _item(component: str, item: str, say: Speaker) -> str:
    """The printed name of a component and item; industries and symbols are unchanged."""
    name = say.called(component, COMPONENT_NAMES)
    if component in ("cash", "cost", "benchmark_basis"):
        return name
    return say("item", component=name, item=say.called(item, STYLES if component == "style" else ITEMS))


def figure_contributions(contributions: Mapping[str, Contributions], say: Speaker, calendar: Calendar) -> list[Figure]:
    """Draw each portfolio's parts since the start, from the signal day before the first week."""
    figures = []
    for number, portfolio in zip(FIGURES, catalogue.PORTFOLIOS, strict=True):
        one, title = contributions[portfolio.key], say("figure_parts", name=say.name(portfolio))
        if not one.dates:
            figures.append(Figure(number, title, None, say.reason(one.absent or NO_RETURNS())))
            continue
        before = calendar.previous_day(Calendar.week_of(one.dates[0]))
        dates: list[dt.date] = [before, *one.dates]
        curves = [Curve(say("total"), dates, [0.0, *one.chained.sum(axis=1).tolist()])]
        curves += [
            Curve(say.called(key, COMPONENT_NAMES), dates, [0.0, *one.chained[:, column].tolist()])
            for column, key in enumerate(COMPONENTS)
            if np.any(one.chained[:, column] != 0)
        ]
        figures.append(Figure(number, title, draw_contributions(curves, prefix=number.lower()), None))
    return figures
