"""Adapters between the table wrapper and the pure modules of this stage: one function per table.

Here: choosing columns and handing over. Not here: any formula.
"""

import io
from collections.abc import Mapping
from typing import Any

import polars as pl

from assets import catalogue
from assets.factors.styles import STYLES
from assets.models.schemas import SEED_SCORES, SEEDS
from assets.report import factor_returns as legs
from assets.report import rank_ics as ics
from assets.report.evaluation import Signal, evaluate_week, note_week
from assets.report.price_paths import lay_out_prices
from assets.report.reasons import NO_RETURNS, NO_VALUE
from assets.report.rebalancing import (
    Rebalance,
    closed_days,
    closed_holding,
    evaluated_days,
    evaluated_weeks,
    holding_days,
    month_rebalances,
    week_rebalances,
)
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.evaluation import EvaluationSettings
from resources.settings.fills import FillSettings
from resources.settings.returns import ReturnsSettings

MINUTES = ("date", "symbol", "low", "high", "volume", "amount")
LONG = ("date", "symbol", "factor", "value")


def make_factor_returns(frames: Frames, partition: Partition, settings: Mapping[str, Any]) -> Made:
    """Daily returns of the three legs of every factor on the trading days of one week.

    settings: the sections returns and portfolios.execution.fills. minute_bars: of the entries' trade days, under the fill
    rule minutes.
    """
    calendar, week, securities = partition.calendar, partition.week, frames["securities"]
    days = calendar.week_days(week)
    returns: ReturnsSettings = settings["returns"]
    fills: FillSettings = settings["portfolios.execution.fills"]
    paths = lay_out_prices(
        frames["daily_prices"],
        holding_days.keys(calendar, week, settings, calendar.first),
        frames["minute_bars"].select(MINUTES).collect() if fills.rule == "minutes" else None,
        min_inside_share=fills.min_inside_share,
    )
    parts = [
        legs.week_returns(values, paths, rebalances, days, keys, returns.group_share)
        for values, rebalances, keys in (
            (_universe_only(frames["factors"], securities), month_rebalances(calendar, week), catalogue.TEN),
            (_universe_only(frames["scores"], securities), week_rebalances(calendar, week), catalogue.MODELS),
        )
    ]
    frame = pl.concat(parts)
    reasons = partition.unavailable.get("factors", {})
    absent = set(catalogue.TEN) - set(frame["factor"]) - set(reasons)
    return Made(frame, unavailable={key: NO_RETURNS() for key in catalogue.TEN if key in absent})


def make_rank_ics(frames: Frames, partition: Partition, settings: None) -> Made:
    """RankICs of the holding periods that end in one week: known from its trade day on, never before."""
    calendar, week = partition.calendar, partition.week
    rebalances_of = {"factors": month_rebalances(calendar, week), "scores": week_rebalances(calendar, week)}
    paths = lay_out_prices(frames["daily_prices"], closed_days.keys(calendar, week, None, calendar.first))
    parts = [pl.DataFrame(schema=ics.SCHEMA)]
    for table, rebalances in rebalances_of.items():
        closed = closed_holding(rebalances, calendar, week)
        if not closed:
            continue
        entry, exit = closed
        values = _universe_only(frames[table], frames["securities"]).filter(pl.col("date") == entry.signal)
        dated = ics.correlate_ranks(values, paths, entry, exit).with_columns(
            pl.lit(week).alias("week"),
            pl.lit(entry.signal).alias("signal_date"),
            pl.lit(entry.trade).alias("trade_date"),
            pl.lit(exit.trade).alias("next_trade_date"),
        )
        parts.append(dated.select(pl.col(name).cast(dtype) for name, dtype in ics.SCHEMA.items()))
    return Made(pl.concat(parts))


def make_evaluation(frames: Frames, partition: Partition, settings: EvaluationSettings) -> Made:
    """What becomes known in one week of the signals of all factors, and its own signal's kinship and exposures."""
    calendar, week, start, unavailable = partition.calendar, partition.week, partition.start, partition.unavailable
    both = pl.concat([frames["factors"].select(LONG), frames["scores"].select(LONG)])
    values = _universe_only(both, frames["securities"])
    weeks = evaluated_weeks.keys(calendar, week, settings, start)
    signals = {
        len(calendar.weeks(one, week)) - 1: Signal.of(day := calendar.signal_day(one), values.filter(date=day))
        for one in weeks
    }
    paths = lay_out_prices(frames["daily_prices"], evaluated_days.keys(calendar, week, settings, start))
    end = Rebalance(calendar.previous_day(week), calendar.week_days(week)[0])
    returns = {
        horizon: ics.holding_returns(paths, Rebalance(entry.day, calendar.next_day(entry.day)), end)
        for horizon in settings.horizons
        if (entry := signals.get(horizon + 1)) is not None
    }
    judged = calendar.offset_week(week, -2)  # its networks are judged one by one
    seeds = (
        pl.read_parquet(io.BytesIO(partition.files("scores", judged, SEEDS)))
        if judged in weeks
        else pl.DataFrame(schema=SEED_SCORES)
    )
    frame = evaluate_week(
        week,
        signals=signals,
        returns=returns,
        seeds=seeds,
        styles=frames["styles"].select("symbol", *STYLES).collect(),
        style_reasons=unavailable.get("styles", {}),
        settings=settings,
    )
    told = {**unavailable.get("factors", {}), **unavailable.get("scores", {})}
    absent = [key for key in catalogue.BY_KEY if key not in told and not frame["factor"].is_in([key]).any()]
    correlation = pl.when(~pl.col("statistic").is_in(["decile_return", "turnover"])).then("value")
    profile = frame.with_columns(
        correlation.alias("correlation"),
        pl.when(pl.col("statistic") == "decile_return").then("value").alias("decile_return"),
        pl.when(pl.col("statistic") == "turnover").then("value").alias("turnover"),
    )
    return Made(frame, profile=profile, unavailable=dict.fromkeys(absent, NO_VALUE()), notes=note_week(frame))


def _universe_only(values: pl.LazyFrame, securities: pl.LazyFrame) -> pl.DataFrame:
    """Rows of members of U(t): the full market of SPEC §7, from which groups are cut. Of the sixteen factors of the report: a
    user's own (`factors.extra_factors`) are judged by the lines of the portfolios."""
    members = securities.filter(pl.col("in_universe")).select("date", "symbol")
    values = values.filter(pl.col("factor").is_in(list(catalogue.BY_KEY)))
    return values.select(LONG).join(members, on=["date", "symbol"], how="semi").collect()
