"""What an index earned, day by day. The portfolio's own days come from execution.py; statistics belong to the report.

Source: SPEC §6: excess is against the index, close to close, the price index or, by the setting `portfolios.benchmark`, the
total-return one; where its closes are absent, against the drifted weights, and that is said: a price index leaves
dividends out, the drifted weights and a total-return index do not.
"""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from assets.portfolios.exposures import drift_benchmark, growth_between, published_weights
from resources.calendar import Calendar


def index_returns(indices: pl.DataFrame, index: str, days: Sequence[dt.date], calendar: Calendar) -> list[float | None]:
    """close / previous trading day's close − 1 of `index` on each of `days`; None where a close is absent.

    indices: rows of the days and of the trading day before the first.
    """
    rows = indices.filter((pl.col("index") == index) & pl.col("index_close").is_not_null())
    closes = dict(rows.group_by("date").agg(pl.col("index_close").first()).iter_rows())
    result: list[float | None] = []
    for day in days:
        before, now = closes.get(calendar.previous_day(day)), closes.get(day)
        result.append(None if before is None or now is None else now / before - 1.0)
    return result


def drifted_return(
    indices: pl.DataFrame, prices: pl.DataFrame, index: str, day: dt.date, calendar: Calendar, *, tolerance: float
) -> float | None:
    """Return of the index's weights over `day`: the vector known at the close before, drifted to it; dividends included.

    indices, prices: rows from the day that vector was published on. None where no vector was known. A member that was
    delisted since stands still here, like a suspended one.
    """
    before = calendar.previous_day(day)
    published = published_weights(indices.filter(pl.col("date") == before), index)
    if published is None:
        return None
    drift_days = calendar.days(calendar.next_day(published["published_date"][0]), before)
    benchmark = drift_benchmark(published, prices, drift_days, index=index, tolerance=tolerance)
    growth = growth_between(prices, [day])
    return sum(weight * (growth.get(symbol, 1.0) - 1.0) for symbol, weight in benchmark.weights.items())
