"""Where the portfolios' excess came from: the parts of a week, of the year and since the start.

Here: how weeks are added up. Not here: the split of a week (portfolios/week/attribution.py), its table and charts
(sections/attribution.py).

Weeks are chained as relative strength chains: a week's parts count with the relative strength at which it began, so that
over any weeks they add up to what Table 2 would print for the same days. A week belongs to the year of its signal day.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets import catalogue
from assets.performance.reasons import NO_RETURNS
from assets.portfolios.schemas import COMPONENTS
from resources.reasons import Reason

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


def total(parts: Mapping[str, float | None]) -> float | None:
    """The sum of the parts that are known; None where none is."""
    known = [value for value in parts.values() if value is not None]
    return sum(known) if known else None
