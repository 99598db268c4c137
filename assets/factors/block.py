"""One day's minute bars as dense arrays [symbol, minute], their log returns and their large-trade minutes.

This module holds what the day indicators and the features share. It does not hold the definition of any factor or feature.
Arrays are float64. NaN means "not delivered" or "not known" and propagates through sums, so that a statistic of a field that
was not delivered is null instead of a number computed from the remaining minutes.

Kernels take whole arrays and a range of symbols, so that `in_parts` can distribute a day over threads. The result of a symbol
depends only on its own rows, summed in the order of the minutes; the number of threads therefore changes no bit. A kernel calls
only kernels of its own file, because numba's cache on disk only notices changes of that file.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from resources import clock
from resources.arrays import Bools, Floats
from resources.errors import InputError

SLOTS: NDArray[np.int64] = np.array(clock.DAY_BARS)  # start minutes: opening auction, G, closing auction
OPENING_AUCTION, CLOSING_AUCTION = int(SLOTS[0]), int(SLOTS[-1])
GRID = SLOTS[1:-1]  # G of SPEC §1: the 237 bars of continuous trading
MINUTES = GRID.size
SYMBOLS_A_PART = 500  # a thread costs more than it saves for fewer symbols


@dataclass(frozen=True)
class MinuteBlock:
    """A day of bars: `symbols` [n], ascending, and per field an array [n, 239] in the order of `SLOTS`.

    The arrays are read-only: they may be the memory of the frame, and kernels are compiled for one kind of array.
    """

    symbols: pl.Series
    fields: dict[str, Floats]

    def __len__(self) -> int:
        """The number of symbols."""
        return len(self.symbols)

    def whole(self, field: str) -> Floats:
        """Return the field [n, 239]: opening auction, the bars of G, closing auction."""
        return self.fields[field]

    def grid(self, field: str) -> Floats:
        """Return a view of the field in the bars of G [n, 237]."""
        return self.fields[field][:, 1:-1]

    def arrays(self, fields: Sequence[str]) -> tuple[Floats, ...]:
        """Return the arrays [n, 239] of several fields, as kernels take them."""
        return tuple(self.fields[field] for field in fields)

    def opening_auction(self, field: str) -> Floats:
        """Return the field in the opening auction [n]."""
        return self.fields[field][:, 0]

    def closing_auction(self, field: str) -> Floats:
        """Return the field in the closing auction [n]."""
        return self.fields[field][:, -1]


def dense_day(
    minute_bars: pl.LazyFrame, daily_prices: pl.LazyFrame, fields: Sequence[str], of_day: Sequence[str]
) -> tuple[MinuteBlock, dict[str, Floats]]:
    """Return the `fields` of one day's `minute_bars`, and the columns `of_day` of its `daily_prices` [n], NaN where not known.

    A symbol without a row on a day that has `daily_prices` is suspended: its `volume` is 0.

    Raises:
        InputError: A symbol does not have exactly the 239 bars of SPEC §1.
    """
    block = dense_block(minute_bars, fields)
    prices = daily_prices.select("symbol", pl.col(*of_day).cast(pl.Float64)).collect()
    daily = pl.DataFrame({"symbol": block.symbols}).join(prices, on="symbol", how="left", maintain_order="left")
    if "volume" in of_day and not prices.is_empty():
        daily = daily.with_columns(pl.col("volume").fill_null(0.0))
    return block, {name: daily[name].to_numpy(writable=True) for name in of_day}


def dense_block(bars: pl.LazyFrame, fields: Sequence[str]) -> MinuteBlock:
    """Return the `fields` of one day's `minute_bars`, which are sorted by symbol and minute; after-hours bars are left out.

    Raises:
        InputError: A symbol does not have exactly the 239 bars of SPEC §1.
    """
    # Only the read is lazy: a lazy query returns a frame in several chunks, and joining them copies it.
    frame = bars.select("symbol", "minute", *fields).collect()
    frame = frame.filter(pl.col("minute") <= CLOSING_AUCTION).with_columns(pl.col(*fields).cast(pl.Float64))
    _require_dense(frame)
    arrays = {}
    for field in fields:  # a null becomes NaN; a column of one chunk without nulls is not copied
        arrays[field] = frame[field].to_numpy().reshape(-1, SLOTS.size)
        arrays[field].flags.writeable = False
    return MinuteBlock(frame["symbol"].gather_every(SLOTS.size).alias("symbol"), arrays)


def _require_dense(frame: pl.DataFrame) -> None:
    if frame.height % SLOTS.size == 0:
        slots = (frame["minute"].to_numpy().reshape(-1, SLOTS.size) == SLOTS).all()
        heads, tails = (
            frame["symbol"].gather_every(SLOTS.size),
            frame["symbol"].gather_every(SLOTS.size, SLOTS.size - 1),
        )
        if slots and (heads == tails).all() and (heads.shift(-1) > heads).all():
            return
    expected = pl.Series(SLOTS).implode()
    bad = (
        frame.group_by("symbol")
        .agg(pl.col("minute").sort())
        .filter(pl.col("minute").cast(pl.List(pl.Int64)) != expected)
        .sort("symbol")
    )
    what = (
        f"{bad.height} symbols have other bars, the first is {bad['symbol'][0]} with {len(bad['minute'][0])} bars"
        if bad.height
        else "the rows are not sorted by symbol and minute"
    )
    raise InputError(
        f"minute_bars: a delivered symbol-day must have exactly the {SLOTS.size} bars {OPENING_AUCTION} to {CLOSING_AUCTION} "
        f"(SPEC §1), but {what}. Rebuild minute_bars for this day."
    )


def in_parts(symbols: int, work: Callable[[int, int], None]) -> None:
    """Call `work(first, last)` on ranges that cover all symbols, on as many threads as polars has.

    An exception of `work` is raised again in the calling thread.
    """
    parts = max(1, min(pl.thread_pool_size(), symbols // SYMBOLS_A_PART))
    edges = [symbols * part // parts for part in range(parts + 1)]
    if parts == 1:
        return work(0, symbols)
    with ThreadPoolExecutor(parts) as threads:
        list(threads.map(work, edges[:-1], edges[1:]))  # reading the results raises the exceptions of the threads


def minute_returns(block: MinuteBlock, pre_close: Floats) -> Floats:
    """Return the log returns of the bars of G [n, 237] (SPEC §1). The block needs open and close; `pre_close` [n] may be NaN.

    The return of the first bar starts from the first price of continuous trading; where bar 570 is empty or its open was not
    delivered, from the opening-auction price, else from `pre_close`. A bar before the first known price has return 0, and the
    return of the first known price starts from the open of its own bar.
    """
    returns = np.empty((len(block), MINUTES))

    def work(first: int, last: int) -> None:
        _growth(first, last, block.whole("open"), block.whole("close"), pre_close, returns)
        np.log(returns[first:last], out=returns[first:last])  # numpy's logarithm is vectorised, libm's is not

    in_parts(len(block), work)
    return returns


@njit(cache=True, nogil=True, error_model="numpy")
def _growth(first: int, last: int, open_: Floats, close: Floats, pre_close: Floats, out: Floats) -> None:
    """Write out[s, t] = close / previous close of bar t of G, 1 where the close is not known. open_, close: [n, 239]."""
    for s in range(first, last):
        previous = open_[s, 1]  # the open of an empty bar is the close of the auction
        if np.isnan(previous):
            previous = close[s, 0]
        if np.isnan(previous):
            previous = pre_close[s]
        for t in range(out.shape[1]):
            price = close[s, t + 1]
            if np.isnan(price):
                out[s, t] = 1.0
            else:
                if np.isnan(previous):
                    previous = price if np.isnan(open_[s, t + 1]) else open_[s, t + 1]
                out[s, t] = price / previous
            previous = price


def large_trade_minutes(amount: Floats, trades: Floats, edges: NDArray[np.int64], share: float) -> Bools:
    """Mark per symbol and segment the minutes with the highest amount per trade (SPEC §3, factor 10).

    Of the `count` minutes with trades of a segment, ⌊share · count⌋ are marked; of equal ones the earlier.

    Args:
        amount: Yuan per minute [n, m], not negative.
        trades: Trades per minute [n, m], not negative.
        edges: Segment k covers the minutes edges[k] … edges[k+1] − 1.
        share: The share of minutes to mark, within 0 and 1.

    Returns:
        The marks [n, m].
    """
    chosen = np.zeros(amount.shape, dtype=np.bool_)
    in_parts(len(amount), lambda first, last: _choose_large(first, last, amount, trades, edges, share, chosen))
    return chosen


@njit(cache=True, nogil=True, error_model="numpy")
def _choose_large(
    first: int, last: int, amount: Floats, trades: Floats, edges: NDArray[np.int64], share: float, chosen: Bools
) -> None:
    size = np.empty(amount.shape[1])
    # Floats that are not negative are ordered as their bits are: the bound is found by bisection over integers, with a few
    # dozen counts that the compiler vectorises, in a third of the time of a quickselect.
    rank = size.view(np.int64)
    for s in range(first, last):
        for t in range(size.size):
            each = amount[s, t] / trades[s, t]
            size[t] = each if trades[s, t] > 0 and each >= 0 else -1.0
        for k in range(edges.size - 1):
            segment, out = rank[edges[k] : edges[k + 1]], chosen[s, edges[k] : edges[k + 1]]
            count = _reaching(segment, 0)
            keep = int(np.floor(share * count + 1e-9))  # 0.3 · 10 counts as 3 despite rounding
            if keep == 0:
                continue
            # Invariant: `reached` ≥ keep minutes reach `bound`, and fewer than `keep` reach `above`.
            bound, above, reached = np.int64(0), segment.max() + 1, count
            while reached != keep and above - bound > 1:
                middle = bound + (above - bound) // 2
                found = _reaching(segment, middle)
                if found >= keep:
                    bound, reached = middle, found
                else:
                    above = middle
            ties = keep - _reaching(segment, bound + 1)
            for t in range(segment.size):
                at = segment[t] == bound
                out[t] = segment[t] > bound or (at and ties > 0)
                ties -= at


@njit(cache=True, nogil=True)
def _reaching(values: NDArray[np.int64], bound: np.int64 | int) -> int:
    count = 0
    for t in range(values.size):  # only a loop over an index is vectorised
        count += values[t] >= bound
    return count
