"""The daily returns of an index. This module does not hold a portfolio's returns (execution.py) or statistics (the report).

Source: SPEC §6. The excess is measured against the index from close to close; the setting `portfolios.benchmark` selects the price
or the total-return index. Where its closes are missing, the excess is measured against the drifted weights, and this is reported,
because drifted weights and a total-return index include dividends and a price index does not.
"""

import datetime as dt
from collections.abc import Callable, Collection, Sequence

import polars as pl

from assets.catalogue import Portfolio
from assets.portfolios.reasons import DRIFTED_BENCHMARK
from assets.portfolios.week.exposures import drift_benchmark, growth_between, published_weights
from resources.calendar import Calendar
from resources.reasons import Reason
from resources.settings.portfolios import PortfoliosSettings


def index_returns(indices: pl.DataFrame, index: str, days: Sequence[dt.date], calendar: Calendar) -> list[float | None]:
    """Return close / previous trading day's close − 1 of `index` on each of `days`; None where a close is missing.

    indices: rows of the days and of the trading day before the first.
    """
    return filled_returns(indices, index, days, calendar, lambda day: None)


def filled_returns(
    indices: pl.DataFrame,
    index: str,
    days: Sequence[dt.date],
    calendar: Calendar,
    stand_in: Callable[[dt.date], float | None],
) -> list[float | None]:
    """Return `index_returns`, with the day's return from `stand_in` where a close is missing; None if it has none.

    A gap between two closes c₀ and c₁ of `days` preserves the index's move: the return of its last day is
    c₁ / c₀ / Π (1 + stand-in) − 1 over the days without a close, so that the product over the gap is c₁ / c₀.
    """
    rows = indices.filter((pl.col("index") == index) & pl.col("index_close").is_not_null())
    closes = dict(rows.group_by("date").agg(pl.col("index_close").first()).iter_rows())
    result: list[float | None] = []
    last: float | None = None  # the last close; `since` is the growth of the stand-ins after it
    since, followed = 1.0, None
    for day in days:
        before, now = calendar.previous_day(day), closes.get(day)
        if before != followed:
            last, since = closes.get(before), 1.0
        move = stand_in(day) if now is None or last is None else now / last / since - 1.0
        if now is not None:
            last, since = now, 1.0
        elif move is None:
            last = None
        else:
            since *= 1.0 + move
        result.append(move)
        followed = day
    return result


def drifted_return(
    indices: pl.DataFrame,
    prices: pl.DataFrame,
    index: str,
    day: dt.date,
    calendar: Calendar,
    *,
    tolerance: float,
    listed: Collection[str] | None = None,
) -> float | None:
    """Return the return of the index's weights over `day`, including dividends; None if no vector was known.

    The weights are the vector known at the previous close, drifted to it. indices, prices: rows from the day of its publication.
    listed: the symbols listed on the day before; members that are not are removed, as are those on the Beijing exchange
    (`drift_benchmark`); None if all are listed. Raises InputError as `drift_benchmark`.
    """
    before = calendar.previous_day(day)
    published = published_weights(indices.filter(pl.col("date") == before), index)
    if published is None:
        return None
    drift_days = calendar.days(calendar.next_day(published["published_date"][0]), before)
    benchmark = drift_benchmark(published, prices, drift_days, index=index, tolerance=tolerance, listed=listed)
    growth = growth_between(prices, [day])
    return sum(weight * (growth.get(symbol, 1.0) - 1.0) for symbol, weight in benchmark.weights.items())


def benchmark_returns(
    portfolio: Portfolio,
    indices: pl.DataFrame,
    daily_prices: pl.LazyFrame,
    securities: pl.LazyFrame | None,
    days: Sequence[dt.date],
    calendar: Calendar,
    settings: PortfoliosSettings,
) -> tuple[list[float | None], Reason | None]:
    """Return the benchmark's return on each of `days`, and the reason if drifted weights replace missing index closes.

    securities: rows from the day before the first of `days`; None if every member is to be taken as listed. Raises InputError as
    `drift_benchmark`.
    """
    code = settings.benchmark_index(portfolio.index)
    known = index_returns(indices, code, days, calendar)
    if None not in known:
        return known, None
    prices = daily_prices.select("date", "symbol", "pre_close", "close", "volume").collect()
    eves = [calendar.previous_day(day) for day in days]
    names: dict[dt.date, list[str]] = {}
    if securities is not None:
        rows = securities.filter(pl.col("date").is_in(eves)).select("date", "symbol").collect()
        names = dict(rows.group_by("date").agg("symbol").iter_rows())

    def members(day: dt.date) -> float | None:
        listed = names.get(calendar.previous_day(day))
        return drifted_return(
            indices, prices, portfolio.index, day, calendar, tolerance=settings.benchmark_sum_tolerance, listed=listed
        )

    found = filled_returns(indices, code, days, calendar, members)
    return found, DRIFTED_BENCHMARK(index=code)
