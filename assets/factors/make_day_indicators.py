"""Makes one day of the table `day_indicators`. The formulas are in indicators.py and extra.py."""

import polars as pl

from assets.factors.block import dense_day
from assets.factors.extra import EXTRA, measure_extra
from assets.factors.indicators import FIELDS, measure_day
from assets.factors.reasons import NO_OFFICIAL_CLOSE
from resources.made import Made
from resources.parquet import encode
from resources.partition import Frames, Partition
from resources.settings.factors import FactorsSettings


def make_day_indicators(frames: Frames, partition: Partition, settings: FactorsSettings) -> Made:
    """Make `day_indicators` of one day: one row per symbol with bars.

    Raises:
        InputError: A symbol does not have exactly the 239 bars of SPEC §1.
        SettingsError: A function that `extra_factors` names fails (see `measure_extra`).
    """
    block, daily = dense_day(
        frames["minute_bars"], frames["daily_prices"], FIELDS, ("pre_close", "high", "low", "close", "volume")
    )
    frame, fallback = measure_day(block, daily, settings)
    notes: dict[str, object] = {"symbols": len(block), "traded": int(frame["traded"].sum())}
    if fallback:
        # The official close can differ from the last trade (SSE before 2018-08: a one-minute average).
        notes["official_close_absent"] = NO_OFFICIAL_CLOSE(symbols=fallback).to_json()
    files = {}
    if settings.extra_factors:
        extra = measure_extra(settings.extra_factors, frames["minute_bars"], frames["daily_prices"])
        files[EXTRA] = encode(extra)
    return Made(frame.select(pl.lit(partition.date).alias("date"), pl.all()), files=files, notes=notes)
