"""Sums by symbol and slot → the rows of minute_bars (SPEC §1, §2.2): yuan, nulls, limits. Nothing is read or summed here."""

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
    """(symbols, SLOTS, 11) of `bar_sums` → one row per symbol and bar; 905 only where it traded. Book and limits are null."""
    flat = {name: np.ascontiguousarray(bars[:, :, k]).reshape(-1) for k, name in enumerate(_TRADED)}
    for name in _TRADED:
        if name not in ("volume", "trades"):
            flat[name] = (
                flat[name] / 10_000.0
            )  # by numpy: polars divides by a scalar inexactly, and 1854.98 is to be 1854.98
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
    """The integer and float parts of `book_sums` → symbol, minute, net_bid_change (yuan), spread, imbalance, imbalance_5."""
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
    """Adds at_limit_up, at_limit_down: whether the close stands at the day's limit price, compared in 1/10 000 yuan.

    limits: symbol, limit_up, limit_down (yuan), limits_known; a known null is a day without limit.
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
    """The rows of the named symbols stay, their values (of these columns) become null: neither zero nor dropped."""
    if set_aside.is_empty():
        return frame
    accepted = ~pl.col("symbol").is_in(set_aside.to_list())
    return frame.with_columns(pl.when(accepted).then(name).alias(name) for name in columns)
