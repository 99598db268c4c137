"""Defines the schemas of factor_returns and rank_ics. Declarations import this module, so it has no heavy imports."""

import polars as pl

FACTOR_RETURNS = {"date": pl.Date, "factor": pl.String, "long": pl.Float64, "short": pl.Float64, "market": pl.Float64}
RANK_ICS = {
    "week": pl.Date,
    "factor": pl.String,
    "signal_date": pl.Date,
    "trade_date": pl.Date,
    "next_trade_date": pl.Date,
    "rank_ic": pl.Float64,
    "names": pl.Int64,
}
