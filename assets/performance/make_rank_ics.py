"""The make function of the table `rank_ics`: it selects the rows; the formulas are in rank_ics.py."""

import polars as pl

from assets.performance import rank_ics as ics
from assets.performance.price_paths import lay_out_prices
from assets.performance.rebalancing import closed_days, closed_holding, month_rebalances, week_rebalances
from assets.performance.schemas import RANK_ICS
from assets.performance.universe import universe_only
from resources.made import Made
from resources.partition import Frames, Partition


def make_rank_ics(frames: Frames, partition: Partition, settings: None) -> Made:
    """Make the RankICs of the holding periods that end in one week, which are known from the week's trade day on."""
    calendar, week = partition.calendar, partition.week
    rebalances_of = {"factors": month_rebalances(calendar, week), "scores": week_rebalances(calendar, week)}
    paths = lay_out_prices(frames["daily_prices"], closed_days.keys(calendar, week, None, calendar.first))
    parts = [pl.DataFrame(schema=RANK_ICS)]
    for table, rebalances in rebalances_of.items():
        closed = closed_holding(rebalances, calendar, week)
        if not closed:
            continue
        entry, exit = closed
        values = universe_only(frames[table], frames["securities"]).filter(pl.col("date") == entry.signal)
        dated = ics.correlate_ranks(values, paths, entry, exit).with_columns(
            pl.lit(week).alias("week"),
            pl.lit(entry.signal).alias("signal_date"),
            pl.lit(entry.trade).alias("trade_date"),
            pl.lit(exit.trade).alias("next_trade_date"),
        )
        parts.append(dated.select(pl.col(name).cast(dtype) for name, dtype in RANK_ICS.items()))
    return Made(pl.concat(parts))
