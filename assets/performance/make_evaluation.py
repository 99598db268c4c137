"""The make function of the table `evaluation`: it selects the rows; the formulas are in evaluation.py."""

import io

import polars as pl

from assets import catalogue
from assets.factors.styles import STYLES
from assets.models.schemas import SEED_SCORES, SEEDS
from assets.performance import rank_ics as ics
from assets.performance.evaluation import Signal, evaluate_week, note_week
from assets.performance.price_paths import lay_out_prices
from assets.performance.reasons import NO_VALUE
from assets.performance.rebalancing import Rebalance, evaluated_days, evaluated_weeks
from assets.performance.universe import LONG, universe_only
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.evaluation import EvaluationSettings


def make_evaluation(frames: Frames, partition: Partition, settings: EvaluationSettings) -> Made:
    """Make the statistics of all factors' signals that become known in one week, by `evaluate_week`."""
    calendar, week, start, unavailable = partition.calendar, partition.week, partition.start, partition.unavailable
    both = pl.concat([frames["factors"].select(LONG), frames["scores"].select(LONG)])
    values = universe_only(both, frames["securities"])
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
    judged = calendar.offset_week(week, -2)  # the week whose return over one week ends in this week
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
    reported = {**unavailable.get("factors", {}), **unavailable.get("scores", {})}
    absent = [key for key in catalogue.BY_KEY if key not in reported and not frame["factor"].is_in([key]).any()]
    correlation = pl.when(~pl.col("statistic").is_in(["decile_return", "turnover"])).then("value")
    profile = frame.with_columns(
        correlation.alias("correlation"),
        pl.when(pl.col("statistic") == "decile_return").then("value").alias("decile_return"),
        pl.when(pl.col("statistic") == "turnover").then("value").alias("turnover"),
    )
    return Made(frame, profile=profile, unavailable=dict.fromkeys(absent, NO_VALUE()), notes=note_week(frame))
