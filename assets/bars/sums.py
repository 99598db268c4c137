"""A day's ticks, batch by batch through the kernels, to frames: order sizes, bars of traded and of silent names, book statistics.

Here: which columns a kernel reads, what is unknown for want of a threshold. Not here: the kernels' arithmetic (aggregate.py),
cutting into batches (batches.py), references, verdicts and limits (make.py).
"""

import datetime as dt
from collections.abc import Mapping

import numpy as np
import polars as pl

from assets.bars import aggregate
from assets.bars.batches import by_symbol
from assets.bars.minutes import LARGE, book_frame, dense_frame
from assets.bars.schemas import ORDER_SIZES
from resources.settings.bars import BarsSettings


def order_size_sums(trades: pl.LazyFrame, settings: BarsSettings) -> pl.DataFrame:
    """symbol, orders, sum_ln, sum_ln2."""
    parts = [pl.DataFrame(schema={name: dtype for name, dtype in ORDER_SIZES.items() if name != "date"})]
    columns = ("channel", "price", "volume", "bid_order", "ask_order")
    for batch in by_symbol(trades, columns, settings.batch_rows):
        starts, owner = batch.segments("channel")
        sums = np.zeros((len(batch.symbols), 3))
        for side in ("bid_order", "ask_order"):
            aggregate.order_sums(starts, owner, batch.array("price"), batch.array("volume"), batch.array(side), sums)
        parts.append(
            pl.DataFrame(
                {
                    "symbol": batch.symbols,
                    "orders": sums[:, 0].astype(np.int64),
                    "sum_ln": sums[:, 1],
                    "sum_ln2": sums[:, 2],
                }
            )
        )
    return pl.concat(parts)


def traded_bars(
    date: dt.date,
    trades: pl.LazyFrame,
    thresholds: pl.DataFrame,
    pre_close: Mapping[str, float],
    settings: BarsSettings,
) -> pl.DataFrame:
    known = dict(thresholds.iter_rows())
    columns = ("time", "price", "volume", "side", *(("channel", "bid_order", "ask_order") if known else ()))
    parts = [dense_frame([], np.zeros((0, aggregate.SLOTS, 11), np.int64), date)]
    for batch in by_symbol(trades, columns, settings.batch_rows):
        bars = np.zeros((len(batch.symbols), aggregate.SLOTS, 11), np.int64)
        first = _ticks([pre_close.get(symbol) for symbol in batch.symbols])
        time, price, volume = batch.array("time"), batch.array("price"), batch.array("volume")
        aggregate.bar_sums(batch.starts, time, price, volume, batch.array("side"), first, bars)
        threshold = np.array([known.get(symbol, np.nan) for symbol in batch.symbols])
        if known:
            starts, owner = batch.segments("channel")
            for column, side in ((aggregate.LARGE_BUY, "bid_order"), (aggregate.LARGE_SELL, "ask_order")):
                aggregate.large_sums(starts, owner, time, price, volume, batch.array(side), threshold, column, bars)
        parts.append(_without_threshold(dense_frame(batch.symbols, bars, date), known))
    return pl.concat(parts)


def silent_bars(
    date: dt.date, symbols: list[str], thresholds: pl.DataFrame, pre_close: Mapping[str, float]
) -> pl.DataFrame:
    """Flat bars of names that were open to trade all day and did not."""
    bars = np.zeros((len(symbols), aggregate.SLOTS, 11), np.int64)
    bars[:, :, : aggregate.VOLUME] = _ticks([pre_close.get(symbol) for symbol in symbols])[:, None, None]
    return _without_threshold(dense_frame(symbols, bars, date), dict(thresholds.iter_rows()))


def _without_threshold(frame: pl.DataFrame, known: Mapping[str, float]) -> pl.DataFrame:
    """Large-order amounts are unknown, not zero, where the stock has no threshold."""
    has = pl.col("symbol").is_in(list(known))
    return frame.with_columns(pl.when(has).then(name).alias(name) for name in LARGE)


def _ticks(prices: list[float | None]) -> np.ndarray:
    return np.array([0 if price is None else round(price * 10_000) for price in prices], np.int64)


def book_statistics(quotes: pl.LazyFrame, settings: BarsSettings) -> pl.DataFrame:
    """symbol, minute, net_bid_change, spread, imbalance, imbalance_5 of every symbol with quotes (SPEC §2.2, §3)."""
    levels = {
        side: pl.sum_horizontal(pl.col(f"{side}_volume_{i}").fill_null(0) for i in range(1, 6)).alias(f"{side}_5")
        for side in ("bid", "ask")
    }
    first = [f"{side}_{what}_1" for side in ("bid", "ask") for what in ("price", "volume")]
    reduced = quotes.select("symbol", "time", *(pl.col(name).fill_null(0) for name in first), *levels.values())
    columns = ("time", *first, "bid_5", "ask_5")
    parts = [book_frame([], np.zeros((0, aggregate.SLOTS, 2), np.int64), np.zeros((0, aggregate.SLOTS, 3)))]
    for batch in by_symbol(reduced, columns, settings.batch_rows):
        whole = np.zeros((len(batch.symbols), aggregate.SLOTS, 2), np.int64)
        means = np.zeros((len(batch.symbols), aggregate.SLOTS, 3))
        time, bid, bid_volume, ask, ask_volume, bid_5, ask_5 = (batch.array(column) for column in columns)
        aggregate.book_sums(batch.starts, time, bid, bid_volume, ask, ask_volume, bid_5, ask_5, whole, means)
        parts.append(book_frame(batch.symbols, whole, means))
    return pl.concat(parts)
