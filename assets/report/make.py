"""Adapters between the table wrapper and the pure modules of this stage: one function per table, keywords only.

Here: choosing columns and handing over. Not here: any formula.
"""

import datetime as dt
from collections.abc import Mapping

import polars as pl

from assets import catalogue
from assets.report import factor_returns as legs
from assets.report import rank_ics as ics
from assets.report.price_paths import lay_out_prices
from assets.report.rebalancing import (
    closed_days,
    closed_holding,
    holding_days,
    month_rebalances,
    week_rebalances,
)
from resources.calendar import Calendar
from resources.made import Made
from resources.settings.returns import ReturnsSettings

NO_SIGNAL_YET = "no rebalancing signal has been entered yet"
LONG = ("date", "symbol", "factor", "value")


def make_factor_returns(
    *,
    week: dt.date,
    factors: pl.LazyFrame,
    scores: pl.LazyFrame,
    securities: pl.LazyFrame,
    daily_prices: pl.LazyFrame,
    settings: ReturnsSettings,
    calendar: Calendar,
    unavailable: Mapping[str, Mapping[str, str]],
) -> Made:
    """Daily returns of the three legs of every factor on the trading days of one week."""
    days = calendar.week_days(week)
    paths = lay_out_prices(daily_prices, holding_days(calendar, week, settings, calendar.first))
    frames = [
        legs.week_returns(values, paths, rebalances, days, keys, settings.group_share)
        for values, rebalances, keys in (
            (_universe_only(factors, securities), month_rebalances(calendar, week), catalogue.TEN),
            (_universe_only(scores, securities), week_rebalances(calendar, week), catalogue.MODELS),
        )
    ]
    frame = pl.concat(frames)
    reasons = unavailable.get("factors", {})
    absent = set(catalogue.TEN) - set(frame["factor"]) - set(reasons)
    return Made(frame, unavailable={key: NO_SIGNAL_YET for key in catalogue.TEN if key in absent})


def make_rank_ics(
    *,
    week: dt.date,
    factors: pl.LazyFrame,
    scores: pl.LazyFrame,
    securities: pl.LazyFrame,
    daily_prices: pl.LazyFrame,
    calendar: Calendar,
) -> Made:
    """RankICs of the holding periods that end in one week: known from its trade day on, never before."""
    paths = lay_out_prices(daily_prices, closed_days(calendar, week, None, calendar.first))
    frames = [pl.DataFrame(schema=ics.SCHEMA)]
    for table, rebalances in ((factors, month_rebalances(calendar, week)), (scores, week_rebalances(calendar, week))):
        closed = closed_holding(rebalances, calendar, week)
        if not closed:
            continue
        entry, exit = closed
        values = _universe_only(table, securities).filter(pl.col("date") == entry.signal)
        dated = ics.correlate_ranks(values, paths, entry, exit).with_columns(
            pl.lit(week).alias("week"),
            pl.lit(entry.signal).alias("signal_date"),
            pl.lit(entry.trade).alias("trade_date"),
            pl.lit(exit.trade).alias("next_trade_date"),
        )
        frames.append(dated.select(pl.col(name).cast(dtype) for name, dtype in ics.SCHEMA.items()))
    return Made(pl.concat(frames))


def _universe_only(values: pl.LazyFrame, securities: pl.LazyFrame) -> pl.DataFrame:
    """Rows of members of U(t): the full market of SPEC §7, from which groups are cut."""
    members = securities.filter(pl.col("in_universe")).select("date", "symbol")
    return values.select(LONG).join(members, on=["date", "symbol"], how="semi").collect()
