"""The make function of the table `factor_returns`: it selects the rows; the formulas are in factor_returns.py."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from assets import catalogue
from assets.performance import factor_returns as legs
from assets.performance.price_paths import lay_out_prices
from assets.performance.reasons import NO_RETURNS
from assets.performance.rebalancing import holding_days, month_rebalances, week_rebalances
from assets.performance.universe import universe_only
from assets.portfolios.week.market import MINUTE_COLUMNS
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.fills import FillSettings
from resources.settings.returns import ReturnsSettings


def make_factor_returns(frames: Frames, partition: Partition, settings: Mapping[str, Any]) -> Made:
    """Make the daily returns of the three legs of every factor on the trading days of one week.

    settings: the sections `returns` and `portfolios.execution.fills`. frames["minute_bars"] is read only under the fill rule
    `minutes` and holds the trade days of the entries.
    """
    calendar, week, securities = partition.calendar, partition.week, frames["securities"]
    days = calendar.week_days(week)
    returns: ReturnsSettings = settings["returns"]
    fills: FillSettings = settings["portfolios.execution.fills"]
    paths = lay_out_prices(
        frames["daily_prices"],
        holding_days.keys(calendar, week, settings, calendar.first),
        frames["minute_bars"].select(MINUTE_COLUMNS).collect() if fills.rule == "minutes" else None,
        min_inside_share=fills.min_inside_share,
    )
    parts = [
        legs.week_returns(values, paths, rebalances, days, keys, returns.group_share)
        for values, rebalances, keys in (
            (universe_only(frames["factors"], securities), month_rebalances(calendar, week), catalogue.TEN),
            (universe_only(frames["scores"], securities), week_rebalances(calendar, week), catalogue.MODELS),
        )
    ]
    frame = pl.concat(parts)
    reasons = partition.unavailable.get("factors", {})
    absent = set(catalogue.TEN) - set(frame["factor"]) - set(reasons)
    return Made(frame, unavailable={key: NO_RETURNS() for key in catalogue.TEN if key in absent})
