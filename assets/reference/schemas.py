"""Defines the schemas of daily_prices, securities and indices (SPEC §2.2), without heavy imports."""

import polars as pl

from resources.reference_tables import REFERENCE

DAILY_PRICES = {
    **REFERENCE["daily_prices"].required,
    "limit_up": pl.Float64,
    "limit_down": pl.Float64,
    "vwap": pl.Float64,
}
SECURITIES = {
    "date": pl.Date,
    "symbol": pl.String,
    "board": pl.String,
    "listed_days": pl.Int32,
    "is_st": pl.Boolean,
    "traded": pl.Boolean,
    "limit_up": pl.Float64,
    "limit_down": pl.Float64,
    "industry": pl.String,
    "last_close": pl.Float64,
    "total_shares": pl.Int64,
    "float_shares": pl.Int64,
    "total_mv": pl.Float64,
    "float_mv": pl.Float64,
    "equity": pl.Float64,
    "net_profit": pl.Float64,
    "profitability": pl.Float64,
    "profitability_year_ago": pl.Float64,
    "in_universe": pl.Boolean,
}
INDICES = {
    "date": pl.Date,
    "index": pl.String,
    "symbol": pl.String,
    "weight": pl.Float64,
    "published_date": pl.Date,
    "index_close": pl.Float64,
}
UNKNOWN_INDUSTRY = "unknown"
"""The industry of a stock without one."""
