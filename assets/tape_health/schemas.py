"""The schema of tape_health (SPEC §2.3). Declarations import this module, so it has no heavy imports."""

import polars as pl

TAPE_HEALTH = {
    "date": pl.Date,
    "symbol": pl.String,
    "source": pl.String,  # "ticks" or "bars"
    "verdict": pl.String,  # "ok", "repaired", "set aside", "missing"
    "reason": pl.String,  # a reason as JSON (`Reason.dumps`); null where ok
    "trades_verdict": pl.String,  # this and the next two are null where the table was not delivered
    "quotes_verdict": pl.String,
    "orders_verdict": pl.String,
    "trades": pl.Int64,  # this and the next two count the rows of the three tables
    "quotes": pl.Int64,
    "orders": pl.Int64,
    "volume": pl.Int64,  # shares and yuan of the trades, or of the delivered minutes
    "amount": pl.Float64,
    "reference_counts": pl.String,  # whether the reference includes after-hours trades: "with", "without"; null where there were none
    "reference_volume": pl.Int64,  # the exchange's total: daily_prices, else the last snapshot
    "reference_amount": pl.Float64,
    "volume_difference": pl.Int64,  # volume less the reference's
    "amount_difference": pl.Float64,
    "quoted_volume_difference": pl.Int64,  # volume less the last snapshot's
    "misaligned_quotes": pl.Int64,  # snapshots whose cumulative fields are not the sums of the first trades
    "rows_set_aside": pl.Int64,  # this and the next three are sums over the three tables
    "duplicates": pl.Int64,
    "conflicting_duplicates": pl.Int64,
    "out_of_order": pl.Int64,
    "outside_limits": pl.Int64,
    "crossed_quotes": pl.Int64,
    "cumulative_decreases": pl.Int64,
    "late_quotes": pl.Int64,  # snapshots stamped far from the trades around them
    "repeated_quotes": pl.Int64,
    "side_disagreements": pl.Int64,
    "overfilled_orders": pl.Int64,  # orders that trades or cancels contradict; null where no orders were delivered
    "book_mismatches": pl.Int64,  # snapshots that the replayed book does not reproduce; null unless the replay is on
}
"""One row per symbol that was delivered or should have traded. Counts are null where not known."""
