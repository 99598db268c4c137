"""Elements of several sections: names of market, score and benchmark, the fill rule, charts of relative strength."""

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np

from assets import catalogue
from assets.performance.reasons import NO_RETURNS
from assets.performance.statistics import relative_strength
from assets.report.findings import Findings
from assets.report.issue import Figure
from assets.report.numbers import exact_percent
from assets.report.render.charts import Curve, draw_bars
from assets.report.tables import Series
from assets.report.words.speaker import Speaker
from resources.reasons import Reason


def name_market(found: Findings, say: Speaker) -> str:
    """Return the market's name; the sample market's has the remark that it is simulated."""
    market = found.run["market"]
    return say("sample_market", name=market["name"]) if market["sample"] else market["name"]


def list_alphas(found: Findings) -> list[str]:
    """List the keys of the scores whose mean the portfolios maximise."""
    alpha = found.tree["portfolios"]["alpha"]
    return [alpha] if isinstance(alpha, str) else list(alpha)


def name_alpha(found: Findings, say: Speaker) -> str:
    """Return the report's name of the score that the portfolios maximise."""
    names = [say.name(catalogue.BY_KEY[key]) if key in catalogue.BY_KEY else key for key in list_alphas(found)]
    return names[0] if len(names) == 1 else say("mean_of", names=say.join(names))


def name_benchmark_kind(found: Findings, say: Speaker) -> str:
    """Return the kind of index against which the excess is measured."""
    return say(f"benchmark_{found.tree['portfolios']['benchmark']}")


def describe_fills(found: Findings, say: Speaker) -> str:
    """Describe the fill rule in force."""
    fills = found.tree["portfolios"]["execution"]["fills"]
    if fills["rule"] == "minutes" and fills["min_inside_share"] == 0:
        return say("fills_any_inside")
    return say(f"fills_{fills['rule']}", share=exact_percent(fills["min_inside_share"], 0))


def note_late_starts(found: Findings, say: Speaker, since: Mapping[str, dt.date | None]) -> list[str]:
    """Write notes on rows whose data starts within the year, from which day YTD and wins are counted.

    since: name → first day with a return.
    """
    first = found.calendar.next_day(dt.date(found.day.year - 1, 12, 31))
    late: dict[dt.date, list[str]] = {}
    for name, day in since.items():
        if day is not None and day > first:
            late.setdefault(day, []).append(name)
    every = sum(len(names) for names in late.values()) == sum(day is not None for day in since.values())
    if len(late) == 1 and every and len(since) > 2:
        late = {day: [say("all_factors")] for day in late}
    return [say("since_note", names=say.join(names), day=day) for day, names in sorted(late.items())]


def chart_strength(found: Findings, name: str, series: Series, start: dt.date, base: float) -> Curve | None:
    """Compute the curve of relative strength less `base` from `start` or the first day of the data.

    The curve begins at the close before that day. None if there is no day.
    """
    known = series.until(found.day)
    keep = known.dates >= np.datetime64(start, "D")
    if not keep.any():
        return None
    values = relative_strength(known.own[keep], known.against[keep])
    dates = [day.astype(object) for day in known.dates[keep]]
    before = found.calendar.previous_day(dates[0])
    return Curve(name, [before, *dates], [1.0 - base, *(float(value) - base for value in values)])


def figure_bars(
    number: int, title: str, bars: Sequence[tuple[str, float | None]], reason: Reason | str | None, say: Speaker
) -> Figure:
    """Draw bars of returns by period, or the reason why there are none.

    bars: (period, return). reason: of the row in its table.
    """
    if all(value is None for _, value in bars):
        return Figure(number, title, None, say.reason(reason or NO_RETURNS()))
    return Figure(number, title, draw_bars(bars, prefix=f"f{number}"), None)
