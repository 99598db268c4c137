"""Makes one day of the table `daily_features`, with a profile for the checks. The formulas are in daily.py."""

import numpy as np
import polars as pl

from assets.features.daily import LOOK_BACK, Today, measure_days
from assets.features.names import DAILY_FEATURES
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.features import FeaturesSettings


def make_daily_features(frames: Frames, partition: Partition, settings: FeaturesSettings) -> Made:
    """Make `daily_features` of one day: one row per stock that traded; `daily_prices` holds the sixty days up to the day."""
    date, calendar = partition.date, partition.calendar
    prices = frames["daily_prices"].select("date", "symbol", *Today._fields).filter(pl.col("volume") > 0).collect()
    today = prices.filter(date=date).sort("symbol")
    dates = calendar.days(calendar.offset(date, -min(LOOK_BACK - 1, calendar.index(date))), date)
    values = measure_days(prices, today, dates, settings)
    frame = today.select("date", "symbol").with_columns(
        pl.Series(name, row, nan_to_null=True)
        for name, row in zip(DAILY_FEATURES, values.astype(np.float32), strict=True)
    )
    return Made(frame, profile=_profile(frame))


def _profile(frame: pl.DataFrame) -> pl.DataFrame:
    """One row of figures for the checks."""
    return frame.select(
        pl.len().alias("rows"),
        (pl.len() - pl.col("symbol").n_unique()).alias("duplicates"),
        pl.sum_horizontal(pl.col(pl.Float32).is_infinite().sum(), pl.col(pl.Float32).is_nan().sum()).alias(
            "not_finite"
        ),
        pl.col("distance_to_high_20").max().alias("largest_distance_to_high"),
        pl.col("return_20").is_not_null().mean().alias("return_20_coverage"),
    )
