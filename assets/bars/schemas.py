"""Schemas of tape_health, order_sizes and minute_bars (SPEC §2.2, §2.3). Nothing else; kept free of heavy imports."""

import polars as pl

TAPE_HEALTH = {
    "date": pl.Date,
    "symbol": pl.String,
    "source": pl.String,  # "ticks" or "bars"
    "verdict": pl.String,  # "ok", "repaired", "set aside", "missing"
    "reason": pl.String,  # null where ok
    "trades_verdict": pl.String,  # these three null where not delivered
    "quotes_verdict": pl.String,
    "orders_verdict": pl.String,
    "trades": pl.Int64,  # rows of the three tables
    "quotes": pl.Int64,
    "orders": pl.Int64,
    "volume": pl.Int64,  # shares and yuan of the trades, or of the delivered minutes
    "amount": pl.Float64,
    "reference_counts": pl.String,  # whether the reference counts after-hours trades: "with", "without"; null where there were none
    "reference_volume": pl.Int64,  # the exchange's: daily_prices, else the last snapshot
    "reference_amount": pl.Float64,
    "volume_difference": pl.Int64,  # ours less the reference's
    "amount_difference": pl.Float64,
    "quoted_volume_difference": pl.Int64,  # ours less the last snapshot's
    "misaligned_quotes": pl.Int64,  # whose cumulative fields are no sums of the first trades
    "rows_set_aside": pl.Int64,  # of all three tables, as the next three
    "duplicates": pl.Int64,
    "conflicting_duplicates": pl.Int64,
    "out_of_order": pl.Int64,
    "outside_limits": pl.Int64,
    "crossed_quotes": pl.Int64,
    "cumulative_decreases": pl.Int64,
    "late_quotes": pl.Int64,  # stamped far from the trades around them
    "repeated_quotes": pl.Int64,
    "side_disagreements": pl.Int64,
    "overfilled_orders": pl.Int64,  # that trades or cancels contradict; null where no orders were delivered
    "book_mismatches": pl.Int64,  # null unless the replay is switched on
}
"""One row per symbol that was delivered or should have traded. Counts are null where not known."""
ORDER_SIZES = {
    "date": pl.Date,
    "symbol": pl.String,
    "orders": pl.Int64,
    "sum_ln": pl.Float64,
    "sum_ln2": pl.Float64,
}
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
