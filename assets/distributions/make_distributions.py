"""The make function of the table `distributions`; the statistics are in statistics.py."""

import polars as pl

from assets.distributions.schemas import DISTRIBUTIONS
from assets.distributions.statistics import COLUMNS, describe_bars, describe_factors
from resources.made import Made
from resources.partition import Frames, Partition


def make_distributions(frames: Frames, partition: Partition, settings: None) -> Made:
    """Make the statistics of one day's minute bars and factors."""
    traded = frames["daily_prices"].filter(pl.col("volume") > 0).select("symbol").unique().collect()["symbol"]
    bars = frames["minute_bars"].select("symbol", "minute", *COLUMNS).collect()
    factors = frames["factors"].select("symbol", "factor", "raw", "value").collect()
    described = {"factors": describe_factors(factors), "minute_bars": describe_bars(bars, traded)}
    return Made(
        pl.concat(
            rows.with_columns(date=pl.lit(partition.date), table=pl.lit(name)).select(*DISTRIBUTIONS)
            for name, rows in described.items()
        )
    )
