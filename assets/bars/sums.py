"""Runs the kernels on a day's ticks batch by batch and returns frames of order sizes, minute bars and book statistics.

This module chooses the columns that each kernel reads and sets large-order amounts without a threshold to null. It does not hold
the arithmetic (aggregate.py), the cut into batches (assets/ticks/batches.py), or references, verdicts and limits
(make_minute_bars.py).
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import polars as pl

from assets.bars import aggregate
from assets.bars.minutes import LARGE, book_frame, dense_frame
from assets.bars.schemas import ORDER_SIZES
from assets.ticks.batches import Batch, sums_by_symbol
from assets.ticks.slots import SLOTS
from resources.settings.bars import BarsSettings

_ORDERS = ("bid_order", "ask_order")


def order_size_sums(trades: pl.LazyFrame, settings: BarsSettings) -> pl.DataFrame:
    """Return symbol, orders, sum_ln and sum_ln2 of each symbol with trades (SPEC §3), in the order of the rows."""

    def summed(batch: Batch) -> tuple[list[str], np.ndarray]:
        sums = np.zeros((len(batch.symbols), 3))
        channel, price, volume = batch.array("channel"), batch.array("price"), batch.array("volume")
        for side in _ORDERS:
            aggregate.order_sums(batch.starts, channel, price, volume, batch.array(side), sums)
        return batch.symbols, sums

    columns = ("channel", "price", "volume", *_ORDERS)
    symbols, sums = _joined(sums_by_symbol(trades, columns, settings.batch_rows, summed), np.zeros((0, 3)))
    return pl.DataFrame(
        {"symbol": symbols, "orders": sums[:, 0].astype(np.int64), "sum_ln": sums[:, 1], "sum_ln2": sums[:, 2]},
        schema={name: dtype for name, dtype in ORDER_SIZES.items() if name != "date"},
    )


def traded_bars(
    date: dt.date,
    trades: pl.LazyFrame,
    thresholds: pl.DataFrame,
    pre_close: Mapping[str, float],
    settings: BarsSettings,
) -> pl.DataFrame:
    """Return the rows of minute_bars of every symbol with trades, without book and limits.

    thresholds: symbol, threshold (yuan); other symbols have null large-order amounts. pre_close: symbol → yuan.
    """
    known = dict(thresholds.iter_rows())

    def summed(batch: Batch) -> tuple[list[str], np.ndarray]:
        bars = np.zeros((len(batch.symbols), SLOTS, 11), np.int64)
        first = _ticks([pre_close.get(symbol) for symbol in batch.symbols])
        time, price, volume = batch.array("time"), batch.array("price"), batch.array("volume")
        aggregate.bar_sums(batch.starts, time, price, volume, batch.array("side"), first, bars)
        threshold = np.array([known.get(symbol, np.nan) for symbol in batch.symbols])
        if not np.isnan(threshold).all():
            channel = batch.array("channel")
            for column, side in zip((aggregate.LARGE_BUY, aggregate.LARGE_SELL), _ORDERS, strict=True):
                order = batch.array(side)
                aggregate.large_sums(batch.starts, channel, time, price, volume, order, threshold, column, bars)
        return batch.symbols, bars

    columns = ("time", "price", "volume", "side", *(("channel", *_ORDERS) if known else ()))
    none = np.zeros((0, SLOTS, 11), np.int64)
    symbols, bars = _joined(sums_by_symbol(trades, columns, settings.batch_rows, summed), none)
    return _without_threshold(dense_frame(symbols, bars, date), known)


def silent_bars(
    date: dt.date, symbols: list[str], thresholds: pl.DataFrame, pre_close: Mapping[str, float]
) -> pl.DataFrame:
    """Return the bars of symbols that could trade on the whole day and did not; all prices are pre_close (symbol → yuan)."""
    bars = np.zeros((len(symbols), SLOTS, 11), np.int64)
    bars[:, :, : aggregate.VOLUME] = _ticks([pre_close.get(symbol) for symbol in symbols])[:, None, None]
    return _without_threshold(dense_frame(symbols, bars, date), dict(thresholds.iter_rows()))


def _without_threshold(frame: pl.DataFrame, known: Mapping[str, float]) -> pl.DataFrame:
    """Set the large-order amounts of stocks without a threshold to null, because they are unknown."""
    has = pl.col("symbol").is_in(list(known))
    return frame.with_columns(pl.when(has).then(name).alias(name) for name in LARGE)


def _ticks(prices: list[float | None]) -> np.ndarray:
    return np.array([0 if price is None else round(price * 10_000) for price in prices], np.int64)


def book_statistics(quotes: pl.LazyFrame, settings: BarsSettings, *, deltas: bool = False) -> pl.DataFrame:
    """Return symbol, minute, net_bid_change, spread, imbalance and imbalance_5 of every symbol with quotes (SPEC §2.2, §3).

    deltas: whether to add quoted_trades, quoted_volume (shares) and quoted_amount (yuan), the changes of the snapshots' cumulative
    fields within the minute, which add up over the day to the fields of the last snapshot.
    """
    prices = ("bid_price_1", "ask_price_1")
    volumes = [[f"{side}_volume_{level}" for level in range(1, 6)] for side in ("bid", "ask")]
    levels = (*prices, *volumes[0], *volumes[1])
    fields = ("trades", "volume", "amount") if deltas else ()

    def summed(batch: Batch) -> tuple[list[str], list[np.ndarray]]:
        shape = (len(batch.symbols), SLOTS)
        whole, means = np.zeros((*shape, 2), np.int64), np.zeros((*shape, 3))
        time, bid, ask = (batch.array(name) for name in ("time", *prices))
        bid_volumes, ask_volumes = (tuple(batch.array(name) for name in side) for side in volumes)
        aggregate.book_sums(batch.starts, time, bid, ask, bid_volumes, ask_volumes, whole, means)
        added = np.zeros((len(fields), *shape), np.int64)
        for k, name in enumerate(fields):
            aggregate.delta_sums(batch.starts, time, batch.array(name), added[k])
        return batch.symbols, [whole, means, *added]

    known = [pl.col(name).fill_null(0) for name in levels] + [pl.col(name).fill_null(-1) for name in fields]
    rows = quotes.select("symbol", "time", *known)
    none = book_frame([], np.zeros((0, SLOTS, 2), np.int64), np.zeros((0, SLOTS, 3)))
    parts = [none.with_columns(_deltas(fields, [np.zeros(0, np.int64)] * len(fields)))]
    for symbols, (whole, means, *added) in sums_by_symbol(
        rows, ("time", *levels, *fields), settings.batch_rows, summed
    ):
        parts.append(book_frame(symbols, whole, means).with_columns(_deltas(fields, added)))
    return pl.concat(parts)


def _deltas(fields: Sequence[str], added: list[np.ndarray]) -> list[pl.Series]:
    flat = {f"quoted_{name}": part.reshape(-1) for name, part in zip(fields, added, strict=True)}
    return [pl.Series(name, part / 10_000.0 if name == "quoted_amount" else part) for name, part in flat.items()]


def _joined(parts: Iterable[tuple[list[str], np.ndarray]], none: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Join the symbols and sums of all batches. none: the empty array of sums."""
    symbols: list[str] = []
    sums = [none]
    for names, part in parts:
        symbols += names
        sums.append(part)
    return symbols, np.concatenate(sums)
