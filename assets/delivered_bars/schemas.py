"""The schema of minute_bars (SPEC §2.2). Declarations import this module, so it has no heavy imports."""

import polars as pl

MINUTE_BARS = {
    "date": pl.Date,
    "symbol": pl.String,
    "minute": pl.Int32,
    "open": pl.Float64,
    "high": pl.Float64,
    "low": pl.Float64,
    "close": pl.Float64,
    "volume": pl.Int64,
    "amount": pl.Float64,
    "trades": pl.Int64,
    "buy_amount": pl.Float64,
    "sell_amount": pl.Float64,
    "large_buy_amount": pl.Float64,
    "large_sell_amount": pl.Float64,
    "net_bid_change": pl.Float64,
    "spread": pl.Float64,
    "imbalance": pl.Float64,
    "imbalance_5": pl.Float64,
    "at_limit_up": pl.Boolean,
    "at_limit_down": pl.Boolean,
}
KEY = ("date", "symbol", "minute")
VALUES = tuple(name for name in MINUTE_BARS if name not in KEY)
