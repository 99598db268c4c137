"""Defines the schemas of distributions and distribution_shifts. Declarations import this module, so it has no heavy imports."""

from collections.abc import Mapping

import polars as pl

QUANTILES: Mapping[str, float] = {
    "quantile_05": 0.05,
    "quantile_25": 0.25,
    "quantile_50": 0.5,
    "quantile_75": 0.75,
    "quantile_95": 0.95,
}
DISTRIBUTIONS = {
    "date": pl.Date,
    "table": pl.String,
    "item": pl.String,
    "rows": pl.Int64,
    "names": pl.Int64,
    "coverage": pl.Float64,
    "null_share": pl.Float64,
    **dict.fromkeys(QUANTILES, pl.Float64),
}
KINDS: Mapping[str, tuple[str, ...]] = {
    "coverage": ("names", "coverage"),
    "null_share": ("null_share",),
    "quantile": tuple(QUANTILES),
    "rank_ic": ("rank_ic",),
    "turnover": ("autocorrelation", "turnover"),
}
"""Kind of a shift, which has thresholds of its own → the statistics whose shifts are of this kind."""
DISTRIBUTION_SHIFTS = {
    "week": pl.Date,
    "date": pl.Date,
    "table": pl.String,
    "item": pl.String,
    "statistic": pl.String,
    "value": pl.Float64,
    "median": pl.Float64,
    "scale": pl.Float64,
    "distance": pl.Float64,
    "earlier": pl.Int64,
    "reason": pl.String,
}
