"""The report's account of where the portfolios' excess came from: sums over weeks, one table, one chart per portfolio.

Here: which part stands where and how weeks are added up. Not here: the split of a week (portfolios/week/attribution.py), the
wording (attribution_words.py).

Weeks are chained as relative strength chains: a week's parts count with the relative strength at which it began, so that
over any weeks they add up to what Table 2 would print for the same days. A week belongs to the year of its signal day.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets import catalogue
from assets.catalogue import Portfolio
from assets.performance.reasons import NO_RETURNS
from assets.portfolios.schemas import COMPONENTS
from assets.report.attribution_words import COMPONENT_NAMES, ITEMS, WORDS
from assets.report.charts import Line, draw_contributions
from assets.report.issue import Figure, Grid, Row, percent
from assets.report.words import STYLES, Language
from resources.reasons import Reason

TABLE, FIGURES = "A1", ("A3", "A4")
LARGEST = 4  # items named under the table


@dataclass(frozen=True)
class Contributions:
    """One portfolio's excess in parts, up to a week.

    week, year: component → part, in order of COMPONENTS; None where no part of it is known. missing: (component, item) →
    why it is n/a this week. largest: this week's items by size. dates, chained: signal days [weeks] and the parts' sums
    since the first of them [weeks, components]. absent: why there is nothing this week.
    """

    week: Mapping[str, float | None]
    year: Mapping[str, float | None]
    missing: Mapping[tuple[str, str], Reason]
    largest: Sequence[tuple[str, str, float]]
    dates: Sequence[dt.date]
    chained: np.ndarray
    absent: Reason | None


def chain_weeks(values: np.ndarray) -> np.ndarray:
    """Parts of the relative strength since the start: `values` [weeks, components] → the same shape.

    Row k sums to Π (1 + E) − 1 over the weeks up to k: a week's part counts with the relative strength it was earned at.

    >>> chain_weeks(np.array([[0.10, 0.0], [0.0, 0.10]])).round(4).tolist()
    [[0.1, 0.0], [0.1, 0.11]]
    """
    after = np.cumprod(1.0 + values.sum(axis=1))
    return np.cumsum(values * np.concatenate([[1.0], after])[:-1, None], axis=0)


def sum_contributions(
    attribution: pl.DataFrame, week: dt.date, start: dt.date, reasons: Mapping[str, Reason]
) -> dict[str, Contributions]:
    """Portfolio → its parts this week, this year and week by week from `start` on. attribution: the table, all weeks.

    reasons: portfolio → why it has none this week.
    """
    found = {}
    for portfolio in catalogue.PORTFOLIOS:
        own = attribution.filter((pl.col("portfolio") == portfolio.key) & (pl.col("week") <= week))
        weekly = (
            own.drop_nulls("value")
            .group_by("date", "component")
            .agg(pl.col("value").sum())
            .pivot("component", index="date", values="value")
            .sort("date")
        )
        weekly = weekly.with_columns(pl.lit(None, pl.Float64).alias(c) for c in COMPONENTS if c not in weekly.columns)
        dates, values = weekly["date"].to_list(), weekly.select(COMPONENTS)
        now = own.filter(pl.col("week") == week)
        numbers = values.fill_null(0.0).to_numpy().reshape(-1, len(COMPONENTS))
        this_year = [day.year == (now["date"][0] if now.height else week).year for day in dates]
        shown = [day >= start for day in dates]
        known = now.drop_nulls("value")
        largest = known.with_columns(size=pl.col("value").abs()).sort(
            "size", "component", "item", descending=[True, False, False]
        )
        missing = now.filter(pl.col("reason").is_not_null())
        found[portfolio.key] = Contributions(
            week=_parts(numbers[-1:] if now.height else numbers[:0], values.tail(1)),
            year=_parts(chain_weeks(numbers[this_year])[-1:], values.filter(pl.Series(this_year, dtype=pl.Boolean))),
            missing={
                (c, item): Reason.loads(reason)
                for c, item, reason in missing.select("component", "item", "reason").iter_rows()
            },
            largest=list(largest.select("component", "item", "value").head(LARGEST).iter_rows()),
            dates=[day for day, keep in zip(dates, shown, strict=True) if keep],
            chained=chain_weeks(numbers[shown]),
            absent=None if now.height else reasons.get(portfolio.key, NO_RETURNS()),
        )
    return found


def _parts(last: np.ndarray, known: pl.DataFrame) -> dict[str, float | None]:
    """component → the number of the only row of `last` [0 or 1, components]; None without it, or where no week has one."""
    if not len(last):
        return dict.fromkeys(COMPONENTS)
    # A component without an item in a week is 0 there; styles and industries without any are unknown.
    unknown = {c for c in ("style", "industry") if known[c].null_count() == known.height}
    return {c: None if c in unknown else float(value) for c, value in zip(COMPONENTS, last[0], strict=True)}


@dataclass(frozen=True)
class Writer:
    """Turns contributions into the report's language. name, reason: the report's own words for a portfolio, a reason.

    benchmark: the setting portfolios.benchmark.
    """

    language: Language
    name: Callable[[Portfolio], str]
    reason: Callable[[Reason], str]
    benchmark: str = "price"

    def say(self, key: str, **values: object) -> str:
        return WORDS[key][self.language].format(**values)

    def component(self, key: str) -> str:
        return COMPONENT_NAMES[key][self.language]

    def item(self, component: str, item: str) -> str:
        """Component and item as a reader calls them; an industry or a symbol by its own name."""
        if component in ("cash", "cost", "benchmark_basis"):
            return self.component(component)
        texts = STYLES if component == "style" else ITEMS
        return self.say(
            "item", component=self.component(component), item=texts[item][self.language] if item in texts else item
        )

    def table(self, found: Mapping[str, Contributions]) -> Grid:
        """One row per component and their sum; week and year for each portfolio, and why something is n/a."""
        pairs = [(portfolio, found[portfolio.key]) for portfolio in catalogue.PORTFOLIOS]
        rows = [
            Row([self.component(key), *(percent(part[key], 3) for _, one in pairs for part in (one.week, one.year))])
            for key in COMPONENTS
        ]
        totals = [_total(part) for _, one in pairs for part in (one.week, one.year)]
        rows.append(Row([self.say("total"), *(percent(total, 3) for total in totals)]))
        heads = [
            [("", 1), *((self.name(portfolio), 2) for portfolio, _ in pairs)],
            [(self.say("component"), 1), *((self.say(key), 1) for _ in pairs for key in ("week", "year"))],
        ]
        notes = [self.say("note", basis=self.say(f"basis_{self.benchmark}"))]
        for portfolio, one in pairs:
            notes += self._notes(portfolio, one)
        return Grid(TABLE, self.say("title"), self._lead(pairs), heads, rows, notes)

    def _lead(self, pairs: Sequence[tuple[Portfolio, Contributions]]) -> str:
        told = []
        for portfolio, one in pairs:
            total = _total(one.week)
            if total is None:
                continue
            best, worst = (pick(one.week, key=lambda key: one.week[key] or 0.0) for pick in (max, min))
            told.append(
                self.say(
                    "lead",
                    name=self.name(portfolio),
                    total=percent(total),
                    best=self.component(best),
                    best_value=percent(one.week[best]),
                    worst=self.component(worst),
                    worst_value=percent(one.week[worst]),
                )
            )
        return ("" if self.language == "zh" else " ").join(told) or self.say("nothing")

    def _notes(self, portfolio: Portfolio, one: Contributions) -> list[str]:
        name = self.name(portfolio)
        if one.absent is not None:
            return [self.say("absent", name=name, reason=self.reason(one.absent))]
        comma = self.say("comma")
        items = comma.join(f"{self.item(c, item)} {percent(value, 3)}" for c, item, value in one.largest)
        lines = [self.say("largest", name=name, items=items)]
        by_reason: dict[Reason, list[str]] = {}
        for (component, item), reason in one.missing.items():
            by_reason.setdefault(reason, []).append(self.item(component, item))
        return lines + [
            self.say("missing", name=name, items=comma.join(items), reason=self.reason(reason))
            for reason, items in by_reason.items()
        ]

    def figures(self, found: Mapping[str, Contributions], before: Callable[[dt.date], dt.date]) -> list[Figure]:
        """Each portfolio's parts since the start. before: signal day → the signal day of the week before."""
        figures = []
        for number, portfolio in zip(FIGURES, catalogue.PORTFOLIOS, strict=True):
            one, title = found[portfolio.key], self.say("figure", name=self.name(portfolio))
            if not one.dates:
                figures.append(Figure(number, title, None, self.reason(one.absent or NO_RETURNS())))
                continue
            dates = [before(one.dates[0]), *one.dates]
            lines = [Line(self.say("total"), dates, [0.0, *one.chained.sum(axis=1).tolist()])]
            lines += [
                Line(self.component(key), dates, [0.0, *one.chained[:, column].tolist()])
                for column, key in enumerate(COMPONENTS)
                if np.any(one.chained[:, column] != 0)
            ]
            figures.append(Figure(number, title, draw_contributions(lines, prefix=number.lower()), None))
        return figures


def _total(parts: Mapping[str, float | None]) -> float | None:
    known = [value for value in parts.values() if value is not None]
    return sum(known) if known else None
