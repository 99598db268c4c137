"""Runs the kernels of align.py on a day's trades and quotes and returns measures per symbol and the rows to repair.

This module reads trades and quotes once, together, a bounded number of rows at a time, and makes frames of the measures. It does not
hold the arithmetic (align.py) or judge the measures (verdicts.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.tape_health import align
from assets.ticks.joint_batches import by_symbols
from resources import clock
from resources.settings.bars import BarsSettings

TAPE = {
    "symbol": pl.String,
    "trades": pl.Int64,
    "volume": pl.Int64,
    "amount": pl.Int64,  # 1/10 000 yuan, exact
    "outside": pl.Int64,  # trades priced outside the limit prices
    "late_volume": pl.Int64,  # volume after hours
    "late_amount": pl.Int64,  # amount after hours
    "disordered": pl.Int64,  # stamps earlier than the previous one
    "uncertain": pl.Int64,  # rows out of order whose bar cannot be determined
    "channels": pl.Int64,  # channels on which the symbol traded before the close
    "price_changes": pl.Int64,  # from one trade to the next, both with an aggressor
    "against_price": pl.Int64,  # price_changes to a higher price by an active sell, or to a lower one by an active buy
    "improving": pl.Int64,  # against_price that are fills of one active order at a better price than its previous fill
}
BOOK = {
    "symbol": pl.String,
    "judged": pl.Int64,
    "cumulative_decreases": pl.Int64,
    "misaligned_quotes": pl.Int64,
    "crossed_quotes": pl.Int64,
    "late_quotes": pl.Int64,
    "odd_quotes": pl.Int64,
    "repeated_quotes": pl.Int64,
    "unusable_quotes": pl.Int64,
    "run": pl.Int64,
    "run_from": pl.Int64,
    "run_to": pl.Int64,
    "first_off": pl.Int64,
    "quoted_volume": pl.Int64,
    "quoted_amount": pl.Int64,
    "quoted_pre_close": pl.Int64,
    "quoted_limit_up": pl.Int64,
    "quoted_limit_down": pl.Int64,
    "final_time": pl.Int64,
    "whole_yuan": pl.Boolean,
    "booked": pl.Boolean,
    "gap": pl.Int64,  # ms
    "gap_from": pl.Int64,
    "following": pl.Int64,  # first trades after a snapshot, at its best prices
    "against_book": pl.Int64,  # trades of `following` whose side is not the one that the book implies
    "halted_quotes": pl.Int64,  # unusable_quotes that are virtual books of a halt
    "swept": pl.Int64,  # best levels that the trades next after a snapshot took whole
    "swept_above": pl.Int64,  # of them: the trades took many times the volume shown
    "swept_below": pl.Int64,  # the trades took a small part of the volume shown
    "swept_own": pl.Int64,  # the trades took exactly the volume of their side, not of the other
    "swept_other": pl.Int64,  # the trades took exactly the volume of the other side, not of their own
    "quotes": pl.Int64,
}
"""The measures of each symbol's snapshots, in the order of align.judge_quotes' columns; prices and amounts in 1/10 000 yuan."""
CHANNELS = {"symbol": pl.String, "channel": pl.Int32, "last_time": pl.Int32}
STAMPS = {"row": pl.Int64, "time": pl.Int32}
FAULTS = {"row": pl.Int64, "symbol": pl.String, "fault": pl.UInt8}
_QUOTED = {
    "time": 0,
    "trades": -1,
    "volume": -1,
    "amount": -1,
    "bid_price_1": 0,
    "bid_volume_1": 0,
    "ask_price_1": 0,
    "ask_volume_1": 0,
    "bid_price_2": 0,
    "ask_price_2": 0,
    "pre_close": 0,
    "limit_up": 0,
    "limit_down": 0,
}
"""Columns read of the quotes, and the value that replaces null."""
_WINDOW = 500_000  # rows of the whole table that are read at a time


@dataclass(frozen=True)
class Measured:
    """The measures of a day.

    tape, book: schemas TAPE and BOOK, one row per symbol with trades, with quotes. channels: symbol, channel and last stamp of the
    trades. stamps: the trades whose stamp is out of order, by their row in the table, with a stamp in their bar. faults: the quotes
    with a fault, by their row in the table, with the bits of align.py.
    """

    tape: pl.DataFrame
    book: pl.DataFrame
    channels: pl.DataFrame
    stamps: pl.DataFrame
    faults: pl.DataFrame


def measure_tapes(
    trades: pl.LazyFrame,
    quotes: pl.LazyFrame,
    delivered: Mapping[str, tuple[float, float]],
    rule: Mapping[str, tuple[float, float]],
    settings: BarsSettings,
) -> Measured:
    """Measure each symbol in one pass over the trades and the quotes, both in the lake's order.

    delivered, rule: symbol → (limit_down, limit_up) in yuan. Prices are compared with the delivered limits, else with those of the
    symbol's snapshots, else with those of the exchange's rule.
    """
    tapes, books = [pl.DataFrame(schema=TAPE)], [pl.DataFrame(schema=BOOK)]
    stamps, faults = [pl.DataFrame(schema=STAMPS)], [pl.DataFrame(schema=FAULTS)]
    channels = [pl.DataFrame(schema=CHANNELS)]
    known = quotes.select("symbol", *(pl.col(name).fill_null(unknown) for name, unknown in _QUOTED.items()))
    columns = {
        "trades": ("time", "channel", "price", "volume", "side", "bid_order", "ask_order"),
        "quotes": tuple(_QUOTED),
    }
    tolerances = align.Tolerances(
        by_count=settings.align_quotes_by == "count",
        whole_yuan=max(round(settings.amount_tolerance * 10_000) - 1, 0),
        amount=round(settings.cent_tolerance * 10_000),
        max_lag=settings.max_quote_lag_ms,
        min_halt=round(settings.min_halt_minutes * clock.MINUTE_MS),
        volume_factor=settings.swept_volume_factor,
    )
    traded_rows = quoted_rows = 0
    for batches in by_symbols({"trades": trades, "quotes": known}, columns, settings.batch_rows):
        tape, book = batches["trades"], batches["quotes"]
        tape_rows = align.Trades(tape.starts, *(tape.array(name) for name in columns["trades"]))
        snapshots = align.Quotes(book.starts, *(book.array(name) for name in columns["quotes"]))
        time, height = tape_rows.time, len(tape_rows.time)
        stamp = np.empty(height, np.int32)
        sums = align.TradeSums(np.empty(height, np.int64), np.empty(height, np.int64), stamp)
        counted = np.zeros((len(tape.symbols), len(TAPE) - 1), np.int64)
        low, high = _limits(tape.symbols, delivered)
        align.fill_limits(book.starts, snapshots.limit_up, snapshots.limit_down, low, high)
        low, high = _limits(tape.symbols, rule, low, high)
        align.tape_sums(tape_rows, low, high, sums, counted)
        fault = np.zeros(book.frame.height, np.uint8)
        twins = np.empty(book.frame.height, np.int64)
        measures = np.zeros((len(book.symbols), len(BOOK) - 2), np.int64)
        in_order = tape_rows._replace(time=np.where(stamp >= 0, stamp, time).astype(time.dtype))
        align.judge_quotes(snapshots, in_order, sums, low, high, tolerances, fault, twins, measures)
        own = np.flatnonzero(fault & align.REPEATED)
        if len(own):
            differ = own[_differ(quotes, quoted_rows + own, quoted_rows + twins[own])]
            fault[differ] &= ~np.uint8(align.REPEATED)
            np.subtract.at(measures[:, align.N_REPEATED], np.searchsorted(book.starts, differ, side="right") - 1, 1)
        tapes.append(_frame(tape.symbols, counted, TAPE).filter(pl.col("trades") > 0))
        books.append(_book_frame(book.symbols, measures, np.diff(book.starts)))
        moved, bad = np.flatnonzero(stamp >= 0), np.flatnonzero(fault)
        stamps.append(pl.DataFrame({"row": traded_rows + moved, "time": stamp[moved]}, schema=STAMPS))
        owner = np.searchsorted(book.starts, bad, side="right") - 1
        symbols = pl.Series(book.symbols, dtype=pl.String).gather(owner)
        faults.append(pl.DataFrame({"row": quoted_rows + bad, "symbol": symbols, "fault": fault[bad]}, schema=FAULTS))
        starts, owner = tape.segments("channel")
        symbols = pl.Series(tape.symbols, dtype=pl.String).gather(owner)
        channels.append(
            pl.DataFrame(
                {"symbol": symbols, "channel": tape_rows.channel[starts[:-1]], "last_time": time[starts[1:] - 1]},
                schema=CHANNELS,
            )
        )
        traded_rows, quoted_rows = traded_rows + height, quoted_rows + book.frame.height
    return Measured(*map(pl.concat, (tapes, books, channels, stamps, faults)))


def _differ(quotes: pl.LazyFrame, rows: np.ndarray, twins: np.ndarray) -> np.ndarray:
    """Return for each row of the table whether it differs from its earlier twin in any column, reading a window at a time."""
    differ = np.empty(len(rows), np.bool_)
    for window in np.unique(rows // _WINDOW):
        own = rows // _WINDOW == window
        first = int(twins[own].min())
        table = quotes.slice(first, int(rows[own].max()) + 1 - first).collect()
        pairs = (table[rows[own] - first], table[twins[own] - first])
        same = [one.eq_missing(other) for one, other in zip(*(pair.get_columns() for pair in pairs), strict=True)]
        differ[own] = ~pl.DataFrame(same).select(pl.all_horizontal(pl.all())).to_series().to_numpy()
    return differ


def _limits(
    symbols: list[str],
    limits: Mapping[str, tuple[float, float]],
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and highest price of each symbol in 1/10 000 yuan: low and high, else those of `limits` (yuan)."""
    down = np.zeros(len(symbols), np.int64) if low is None else low
    up = np.full(len(symbols), align.NO_LIMIT) if high is None else high
    for n, symbol in enumerate(symbols):
        if symbol in limits and down[n] == 0 and up[n] == align.NO_LIMIT:
            down[n], up[n] = (round(price * 10_000) for price in limits[symbol])
    return down, up


def _frame(symbols: list[str], counted: np.ndarray, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    columns = {name: counted[:, k] for k, name in enumerate(list(schema)[1:])}
    return pl.DataFrame({"symbol": symbols, **columns}, schema=schema)


def _book_frame(symbols: list[str], measures: np.ndarray, rows: np.ndarray) -> pl.DataFrame:
    counts = {name: dtype for name, dtype in BOOK.items() if name != "quotes"}
    frame = _frame(symbols, measures, counts | dict.fromkeys(("whole_yuan", "booked"), pl.Int64))
    frame = frame.with_columns(pl.col("whole_yuan", "booked") > 0, quotes=pl.Series(rows))
    least = {
        "quoted_volume": 0,
        "quoted_amount": 0,
        "quoted_pre_close": 1,
        "quoted_limit_up": 1,
        "quoted_limit_down": 1,
    }
    unknown = [pl.when(pl.col(name) >= value).then(name).alias(name) for name, value in least.items()]
    return frame.filter(pl.col("quotes") > 0).with_columns(unknown)
