"""One day's minute bars as dense arrays [symbol, minute], and what every minute statistic starts from: returns and
large-trade minutes.

What belongs here is shared by the day indicators and the features. What a factor or a feature measures does not.
Arrays are float64; NaN means "not delivered" or "not known" and spreads through sums, so that a statistic of something
not delivered is null, never a number made of the rest.

Kernels take whole arrays and a range of symbols, so that `in_parts` can share a day out among threads. A symbol's result
depends on its own rows alone, summed in the order of the minutes: the number of threads changes no bit. A kernel calls
kernels of its own file only, because numba's cache on disk notices changes of that file alone.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from assets.ticks import clock
from resources.errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SLOTS: NDArray[np.int64] = np.array(clock.DAY_BARS)  # start minutes: opening auction, G, closing auction
OPENING_AUCTION, CLOSING_AUCTION = int(SLOTS[0]), int(SLOTS[-1])
GRID = SLOTS[1:-1]  # G of SPEC §1: the 237 bars of continuous trading
MINUTES = GRID.size
SYMBOLS_A_PART = 500  # fewer than these are not worth a thread


@dataclass(frozen=True)
class MinuteBlock:
    """A day of bars: `symbols` [n], ascending, and per field an array [n, 239] in the order of `SLOTS`, not writable:
    it may be the frame's own memory, and kernels are compiled for one kind of array."""

    symbols: pl.Series
    fields: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.symbols)

    def whole(self, field: str) -> Floats:
        """[n, 239]: opening auction, the bars of G, closing auction."""
        return self.fields[field]

    def grid(self, field: str) -> Floats:
        """[n, 237]: the bars of G, a view."""
        return self.fields[field][:, 1:-1]

    def arrays(self, fields: Sequence[str]) -> tuple[Floats, ...]:
        """The whole arrays of several fields, as kernels take them."""
        return tuple(self.fields[field] for field in fields)

    def opening_auction(self, field: str) -> Floats:
        return self.fields[field][:, 0]

    def closing_auction(self, field: str) -> Floats:
        return self.fields[field][:, -1]


def dense_day(
    minute_bars: pl.LazyFrame, daily_prices: pl.LazyFrame, fields: Sequence[str], of_day: Sequence[str]
) -> tuple[MinuteBlock, dict[str, Floats]]:
    """The `fields` of one day's `minute_bars`, and the columns `of_day` of its `daily_prices` [n], NaN where not known.

    A symbol without a row on a day that has `daily_prices` is suspended: its `volume` is 0.
    """
    block = dense_block(minute_bars, fields)
    prices = daily_prices.select("symbol", pl.col(*of_day).cast(pl.Float64)).collect()
    daily = pl.DataFrame({"symbol": block.symbols}).join(prices, on="symbol", how="left", maintain_order="left")
    if "volume" in of_day and not prices.is_empty():
        daily = daily.with_columns(pl.col("volume").fill_null(0.0))
    return block, {name: daily[name].to_numpy(writable=True) for name in of_day}


def dense_block(bars: pl.LazyFrame, fields: Sequence[str]) -> MinuteBlock:
    """The `fields` of one day's `minute_bars` (sorted by symbol and minute); after-hours bars are left out.

    InputError if a symbol has not exactly the 239 bars of SPEC §1.
    """
    # Read lazily, the rest at once: a lazy query hands a frame on in pieces, and joining them again copies it.
    frame = bars.select("symbol", "minute", *fields).collect()
    frame = frame.filter(pl.col("minute") <= CLOSING_AUCTION).with_columns(pl.col(*fields).cast(pl.Float64))
    _require_dense(frame)
    arrays = {}
    for field in fields:  # a null becomes NaN; a column in one piece without nulls is not copied
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
        f"{bad['symbol'][0]} has {len(bad['minute'][0])} ({bad.height} symbols in all are not dense)"
        if bad.height
        else "the rows are not sorted by symbol and minute"
    )
    raise InputError(
        f"minute_bars: a delivered symbol-day has exactly {SLOTS.size} bars, {OPENING_AUCTION} … {CLOSING_AUCTION} "
        f"(SPEC §1), but {what}. Rebuild minute_bars for this day."
    )


def in_parts(symbols: int, work: Callable[[int, int], None]) -> None:
    """`work(first, last)` on ranges that cover all symbols, on as many threads as polars has."""
    parts = max(1, min(pl.thread_pool_size(), symbols // SYMBOLS_A_PART))
    edges = [symbols * part // parts for part in range(parts + 1)]
    if parts == 1:
        return work(0, symbols)
    with ThreadPoolExecutor(parts) as threads:
        list(threads.map(work, edges[:-1], edges[1:]))  # raises what a thread raised


def minute_returns(block: MinuteBlock, pre_close: Floats) -> Floats:
    """Log returns of the bars of G [n, 237] (SPEC §1); `pre_close` [n] may be NaN. Needs open and close.

    The first bar starts from the first continuous trade price; where bar 570 is empty or its open was not delivered,
    from the opening-auction price, else `pre_close`. A bar whose price is not known yet has return 0, and the first
    known price starts from its own open.
    """
    returns = np.empty((len(block), MINUTES))

    def work(first: int, last: int) -> None:
        _growth(first, last, block.whole("open"), block.whole("close"), pre_close, returns)
        np.log(returns[first:last], out=returns[first:last])  # numpy's is vectorised, libm's is not

    in_parts(len(block), work)
    return returns


@njit(cache=True, nogil=True, error_model="numpy")
def _growth(first: int, last: int, open_: Floats, close: Floats, pre_close: Floats, out: Floats) -> None:
    """out[s, t] = close / previous close of bar t of G, 1 where the close is not known. open, close: [n, 239]."""
    for s in range(first, last):
        previous = open_[s, 1]  # an empty bar opens where the auction closed
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
    """Per symbol and segment, the ⌊share · count⌋ minutes of highest amount per trade among its `count` minutes with
    trades, ties to the earlier minute (SPEC §3, factor 10).

    amount, trades [n, m], not negative; segment k covers minutes edges[k] … edges[k+1] − 1. Returns the chosen minutes,
    [n, m].
    """
    chosen = np.zeros(amount.shape, dtype=np.bool_)
    in_parts(len(amount), lambda first, last: _choose_large(first, last, amount, trades, edges, share, chosen))
    return chosen


@njit(cache=True, nogil=True, error_model="numpy")
def _choose_large(
    first: int, last: int, amount: Floats, trades: Floats, edges: NDArray[np.int64], share: float, chosen: Bools
) -> None:
    size = np.empty(amount.shape[1])
    # Floats that are not negative stand in the order of their bits: the bound is found by bisection over whole numbers,
    # a few dozen counts that the compiler vectorises, in a third of the time of a quickselect.
    rank = size.view(np.int64)
    for s in range(first, last):
        for t in range(size.size):
            each = amount[s, t] / trades[s, t]
            size[t] = each if trades[s, t] > 0 and each >= 0 else -1.0
        for k in range(edges.size - 1):
            segment, out = rank[edges[k] : edges[k + 1]], chosen[s, edges[k] : edges[k + 1]]
            count = _reaching(segment, 0)
            keep = int(np.floor(share * count + 1e-9))  # 0.3 · 10 is three, whatever its last bit
            if keep == 0:
                continue
            # `reached` ≥ keep minutes reach the bound, fewer than `keep` reach `above`.
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
    for t in range(values.size):  # an index, not an iterator: that alone is vectorised
        count += values[t] >= bound
    return count
