"""Converts sums by symbol and slot to the rows of minute_bars (SPEC §1, §2.2): yuan, nulls, limits. It does not read or sum ticks."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl

from assets.bars.schemas import VALUES
from assets.ticks.slots import AFTER_HOURS_SLOT, MINUTES, SLOTS

LARGE = ("large_buy_amount", "large_sell_amount")
BOOK = ("net_bid_change", "spread", "imbalance", "imbalance_5")
LIMITS = ("at_limit_up", "at_limit_down")
_PRICES = ("open", "high", "low", "close")
_TRADED = (
    *_PRICES,
    "volume",
    "amount",
    "trades",
    "buy_amount",
    "sell_amount",
    *LARGE,
)  # the columns of bar_sums, in order


def dense_frame(symbols: list[str], bars: np.ndarray, date: dt.date) -> pl.DataFrame:
    """Convert the sums of `bar_sums` (symbols, SLOTS, 11) to one row per symbol and bar, without book and limit columns.

    Bar 905 is kept only where it traded. Prices that are 0 become null.
    """
    flat = {name: np.ascontiguousarray(bars[:, :, k]).reshape(-1) for k, name in enumerate(_TRADED)}
    for name in _TRADED:
        if name not in ("volume", "trades"):
            # numpy rounds the quotient correctly; polars multiplies by the reciprocal, and 1854.98 would not be 1854.98.
            flat[name] = flat[name] / 10_000.0
    frame = pl.DataFrame(
        {
            "symbol": pl.Series(symbols, dtype=pl.String).gather(np.repeat(np.arange(len(symbols)), SLOTS)),
            "minute": np.tile(MINUTES, len(symbols)),
            **flat,
        }
    )
    return frame.filter((pl.col("minute") != int(MINUTES[AFTER_HOURS_SLOT])) | (pl.col("trades") > 0)).with_columns(
        *(pl.when(pl.col(name) > 0).then(name).alias(name) for name in _PRICES), date=pl.lit(date)
    )


def book_frame(symbols: list[str], whole: np.ndarray, means: np.ndarray) -> pl.DataFrame:
    """Convert the integer and float sums of `book_sums` to symbol, minute, net_bid_change (yuan), spread, imbalance, imbalance_5."""
    count = whole[:, :, 1].reshape(-1)
    with np.errstate(invalid="ignore"):
        averages = means.reshape(-1, 3) / np.where(count > 0, count, np.nan)[:, None]
    return pl.DataFrame(
        {
            "symbol": pl.Series(symbols, dtype=pl.String).gather(np.repeat(np.arange(len(symbols)), SLOTS)),
            "minute": np.tile(MINUTES, len(symbols)),
            "net_bid_change": whole[:, :, 0].reshape(-1) / 10_000.0,
            **{name: pl.Series(averages[:, k], nan_to_null=True) for k, name in enumerate(BOOK[1:])},
        }
    )


def with_limits(frame: pl.DataFrame, limits: pl.DataFrame) -> pl.DataFrame:
    """Add at_limit_up and at_limit_down: whether the close equals the day's limit price, compared in 1/10 000 yuan.

    limits: symbol, limit_up, limit_down (yuan), limits_known. A null limit where limits_known is true means a day without limit.
    """

    def ticks(name: str) -> pl.Expr:
        return (pl.col(name) * 10_000).round().cast(pl.Int64, strict=False)

    joined = frame.join(limits, on="symbol", how="left", maintain_order="left")
    return joined.with_columns(
        pl.when(pl.col("close").is_not_null() & pl.col("limits_known"))
        .then((ticks("close") == ticks(price)).fill_null(False))
        .alias(flag)
        for flag, price in (("at_limit_up", "limit_up"), ("at_limit_down", "limit_down"))
    ).drop("limit_up", "limit_down", "limits_known")


def null_out(frame: pl.DataFrame, set_aside: pl.Series, columns: Sequence[str] = VALUES) -> pl.DataFrame:
    """Set the values of `columns` to null in the rows of the symbols `set_aside`; no row is dropped."""
    if set_aside.is_empty():
        return frame
    accepted = ~pl.col("symbol").is_in(set_aside.to_list())
    return frame.with_columns(pl.when(accepted).then(name).alias(name) for name in columns)
