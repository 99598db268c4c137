"""The attribution of the portfolios' excess over a week, over the year and since the start.

This module links weeks. It does not split a week (portfolios/week/attribution.py) or write the table and the charts
(sections/attribution.py).

Weeks are linked like relative strength: a week's parts are multiplied by the relative strength at its start, so that over any weeks
they add up to the excess of Table 2 over the same days. A week belongs to the year of its signal day.
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

LARGEST = 4  # number of items listed under the table


@dataclass(frozen=True)
class Contributions:
    """The parts of one portfolio's excess up to a week, as fractions.

    week, year: component → part, in the order of COMPONENTS; None if no item of it is known. missing: (component, item) →
    why it is n/a in the week. largest: (component, item, value) of the week's largest items. dates, chained: signal days
    [weeks] and the linked parts since the first of them [weeks, components]. absent: why the week has no attribution.
    """

    week: Mapping[str, float | None]
    year: Mapping[str, float | None]
    missing: Mapping[tuple[str, str], Reason]
    largest: Sequence[tuple[str, str, float]]
    dates: Sequence[dt.date]
    chained: np.ndarray
    absent: Reason | None


def chain_weeks(values: np.ndarray) -> np.ndarray:
    """Link the weekly parts `values` [weeks, components] to parts of the relative strength since the start, of the same shape.

    Row k sums to Π (1 + E) − 1 over the weeks up to k: a week's parts are multiplied by the relative strength at its start.

    >>> chain_weeks(np.array([[0.10, 0.0], [0.0, 0.10]])).round(4).tolist()
    [[0.1, 0.0], [0.1, 0.11]]
    """
    after = np.cumprod(1.0 + values.sum(axis=1))
    return np.cumsum(values * np.concatenate([[1.0], after])[:-1, None], axis=0)


def sum_contributions(
    attribution: pl.DataFrame, week: dt.date, start: dt.date, reasons: Mapping[str, Reason]
) -> dict[str, Contributions]:
    """Map each portfolio to its parts in the week, in the year up to it, and week by week from `start`.

    attribution: the table, all weeks. reasons: portfolio → why it has no attribution in the week.
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
    """Component → its value in the only row of `last` [0 or 1, components]; None without a row, or if no week has a value."""
    if not len(last):
        return dict.fromkeys(COMPONENTS)
    # A component without an item in a week is 0; styles and industries without an item in every week are unknown.
    unknown = {c for c in ("style", "industry") if known[c].null_count() == known.height}
    return {c: None if c in unknown else float(value) for c, value in zip(COMPONENTS, last[0], strict=True)}


def total(parts: Mapping[str, float | None]) -> float | None:
    """Return the sum of the known parts; None if no part is known."""
    known = [value for value in parts.values() if value is not None]
    return sum(known) if known else None
