"""The make function of the table `portfolio_returns`: it joins the portfolios' stored days with their benchmarks' returns.

This module holds which rows are joined, and the reasons for missing ones. It does not compute a portfolio's returns (execution.py)
or an index's (returns.py). Source: SPEC §6.
"""

import io
from typing import Any

import polars as pl

from assets.catalogue import PORTFOLIOS
from assets.portfolios.reasons import FIRST_BUILT_NOW, NOT_BUILT_YET
from assets.portfolios.schemas import PORTFOLIO_RETURNS
from assets.portfolios.week.mergers import exchange_shares
from assets.portfolios.week.returns import benchmark_returns
from resources.made import LEFT_OUT, Made
from resources.partition import Frames, Partition
from resources.settings.portfolios import PortfoliosSettings


def make_portfolio_returns(frames: Frames, partition: Partition, settings: PortfoliosSettings) -> Made:
    """Make the daily gross, cost, net, benchmark and turnover of both portfolios on the week's days.

    The week of the first build has no row, because its target is bought on the next trade day. Raises InputError as
    `exchange_shares` and `benchmark_returns`.
    """
    calendar, mergers = partition.calendar, partition.mergers
    days = calendar.week_days(partition.week)
    closes, daily_prices, securities = frames["indices"].collect(), frames["daily_prices"], frames["securities"]
    if mergers:
        prices, listings, _ = exchange_shares(
            mergers, daily_prices.collect(), securities.collect(), settings.merger_growth_band
        )
        daily_prices, securities = prices.lazy(), listings.lazy()
    made, reasons, drifted = [], {}, []
    notes: dict[str, Any] = {}
    for portfolio in PORTFOLIOS:
        if frames[portfolio.asset].head(1).collect().is_empty():
            reasons[portfolio.key] = partition.unavailable.get(portfolio.asset, {}).get("weight", NOT_BUILT_YET())
            continue
        own = pl.read_parquet(io.BytesIO(partition.files(portfolio.asset, partition.week, "days.parquet")))
        if own.is_empty():
            notes[portfolio.key] = FIRST_BUILT_NOW().to_json()
            continue
        benchmark, why = benchmark_returns(portfolio, closes, daily_prices, securities, days, calendar, settings)
        if why is not None:
            notes[portfolio.key] = why.to_json()
            drifted.append(portfolio.key)
        made.append(
            own.with_columns(pl.lit(portfolio.key).alias("portfolio"), pl.Series("benchmark", benchmark, pl.Float64))
        )
    if drifted:
        notes[LEFT_OUT] = {"index_closes": dict.fromkeys(drifted)}
    frame = pl.concat(made).drop("cash") if made else pl.DataFrame(schema=PORTFOLIO_RETURNS)
    return Made(frame, unavailable=reasons, notes=notes)
