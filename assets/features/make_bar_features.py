"""Makes one day of the table `bar_features`, with a profile for the checks. The formulas are in bars.py."""

import numpy as np
import polars as pl

from assets.factors.block import dense_day, minute_returns
from assets.features.bars import EDGES, FIELDS, STARTS, measure_bars
from assets.features.names import BAR_FEATURES, HOUR_FEATURE
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.features import FeaturesSettings


def make_bar_features(frames: Frames, partition: Partition, settings: FeaturesSettings) -> Made:
    """Make `bar_features` of one day: one row per symbol with bars, granularity and bar.

    Raises:
        InputError: A symbol does not have exactly the 239 bars of SPEC §1.
    """
    block, daily = dense_day(frames["minute_bars"], frames["daily_prices"], FIELDS, ("pre_close",))
    pre_close = daily["pre_close"]
    returns = minute_returns(block, pre_close)
    bars = sum(map(len, STARTS.values()))
    values = np.full((len(BAR_FEATURES) + 1, len(block), bars), np.nan, np.float32)  # a row of the table: symbol, bar
    end = 0
    for size, starts in STARTS.items():
        begin, end = end, end + len(starts)
        values[:-1, :, begin:end] = measure_bars(block, returns, size, settings)
        if size == 60:
            hour = np.log(block.grid("close")[:, EDGES[60][1:] - 1] / pre_close[:, None])
            values[-1, :, begin:end] = np.where(np.isfinite(hour), hour, np.nan)
    granularity = np.repeat([*STARTS], [len(starts) for starts in STARTS.values()]).astype(np.int32)
    frame = pl.DataFrame(
        {
            "symbol": block.symbols.gather(np.repeat(np.arange(len(block)), bars)),
            "granularity": np.tile(granularity, len(block)),
            "bar": np.tile(np.concatenate([*STARTS.values()]).astype(np.int32), len(block)),
            **dict(zip((*BAR_FEATURES, HOUR_FEATURE), values.reshape(len(values), -1), strict=True)),
        }
    )
    frame = frame.select(
        pl.lit(partition.date).alias("date"), pl.exclude(pl.Float32), pl.col(pl.Float32).fill_nan(None)
    )
    return Made(frame, profile=_profile(frame))


def _profile(frame: pl.DataFrame) -> pl.DataFrame:
    """One row of figures for the checks per granularity and bar."""
    shares = [n for n in frame.columns if n.startswith("down_")]
    return frame.group_by("granularity", "bar", maintain_order=True).agg(
        pl.len().alias("rows"),
        (pl.len() - pl.col("symbol").n_unique()).alias("duplicates"),
        pl.sum_horizontal(pl.col(pl.Float32).is_infinite().sum(), pl.col(pl.Float32).is_nan().sum()).alias(
            "not_finite"
        ),
        pl.min_horizontal(pl.col(*shares).min()).alias("least_downside_share"),
        pl.max_horizontal(pl.col(*shares).max()).alias("largest_downside_share"),
        pl.col("bar_return").is_not_null().mean().alias("return_coverage"),
    )
