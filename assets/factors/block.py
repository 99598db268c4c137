"""One day's minute bars as dense arrays [symbol, minute], and what every minute statistic starts from: returns, traded
minutes, large-trade minutes.

What belongs here is shared by the day indicators and the features. What a factor or a feature measures does not.
Arrays are float64; NaN means "not delivered" or "not known" and spreads through sums, so that a statistic of something
not delivered is null, never a number made of the rest.
"""

from collections.abc import Sequence
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


@dataclass(frozen=True)
class MinuteBlock:
    """A day of bars: `symbols` [n], ascending, and per field an array [n, 239] in the order of `SLOTS`."""

    symbols: pl.Series
    fields: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.symbols)

    def whole(self, field: str) -> Floats:
        """[n, 239]: opening auction, the bars of G, closing auction."""
        return self.fields[field]

    def grid(self, field: str) -> Floats:
        """[n, 237]: the bars of G, contiguous."""
        return np.ascontiguousarray(self.fields[field][:, 1:-1])

    def opening_auction(self, field: str) -> Floats:
        return self.fields[field][:, 0]

    def closing_auction(self, field: str) -> Floats:
        return self.fields[field][:, -1]


def dense_block(bars: pl.LazyFrame, fields: Sequence[str]) -> MinuteBlock:
    """The `fields` of one day's `minute_bars` (sorted by symbol and minute); after-hours bars are left out.

    InputError if a symbol has not exactly the 239 bars of SPEC §1.
    """
    frame = (
        bars.filter(pl.col("minute") <= CLOSING_AUCTION)
        .select("symbol", "minute", pl.col(*fields).cast(pl.Float64).fill_null(float("nan")))
        .collect()
    )
    _require_dense(frame)
    shape = (frame.height // SLOTS.size, SLOTS.size)
    return MinuteBlock(
        frame["symbol"].gather_every(SLOTS.size).alias("symbol"),
        {field: frame[field].to_numpy().reshape(shape) for field in fields},
    )


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


def minute_returns(block: MinuteBlock, pre_close: Floats) -> Floats:
    """Log returns of the bars of G [n, 237] (SPEC §1); `pre_close` [n] may be NaN. Needs open and close.

    The first bar starts from the first continuous trade price; where bar 570 is empty or its open was not delivered,
    from the opening-auction price, else `pre_close`. A bar whose price is not known yet has return 0, and the first
    known price starts from its own open.
    """
    open_, close = block.grid("open"), block.grid("close")
    previous = np.empty_like(close)
    previous[:, 1:] = close[:, :-1]
    auction = block.opening_auction("close")
    first = np.where(np.isnan(auction), pre_close, auction)
    previous[:, 0] = np.where(np.isnan(open_[:, 0]), first, open_[:, 0])  # an empty bar opens where the auction closed
    start = np.isnan(previous) & ~np.isnan(close)
    previous[start] = np.where(np.isnan(open_), close, open_)[start]
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = np.log(close / previous)
    returns[np.isnan(close)] = 0.0
    return returns


def known_activity(block: MinuteBlock) -> Bools:
    """[n]: whether the symbol's trade counts or volumes were delivered at all."""
    return np.any(~np.isnan(_activity(block)), axis=1)


def traded_minutes(block: MinuteBlock) -> Bools:
    """[n, 237]: bars of G with trades, by the trade count, else by volume; all False where neither was delivered."""
    return _activity(block)[:, 1:-1] > 0


def traded_days(block: MinuteBlock) -> Bools:
    """[n]: symbols with a trade in any bar, auctions included; False where activity was not delivered."""
    return np.any(_activity(block) > 0, axis=1)


def _activity(block: MinuteBlock) -> Floats:
    trades, volume = block.whole("trades"), block.whole("volume")
    return np.where(np.isnan(trades), volume, trades)


@njit(cache=True, error_model="numpy")
def large_trade_minutes(amount: Floats, trades: Floats, edges: NDArray[np.int64], share: float) -> Bools:
    """Per symbol and segment, the ⌊share · count⌋ minutes of highest amount per trade among its `count` minutes with
    trades, ties to the earlier minute (SPEC §3, factor 10).

    amount, trades [n, m]; segment k covers minutes edges[k] … edges[k+1] − 1. Returns the chosen minutes, [n, m].
    """
    n, m = amount.shape
    chosen = np.zeros((n, m), dtype=np.bool_)
    size = np.empty(m)
    for s in range(n):
        for k in range(edges.size - 1):
            count = 0
            for t in range(edges[k], edges[k + 1]):
                if trades[s, t] > 0 and not np.isnan(amount[s, t]):
                    size[count] = amount[s, t] / trades[s, t]
                    count += 1
            keep = int(np.floor(share * count + 1e-9))  # 0.3 · 10 is three, whatever its last bit
            if keep == 0:
                continue
            bound = np.partition(size[:count], count - keep)[count - keep]
            ties = keep
            for i in range(count):
                if size[i] > bound:
                    ties -= 1
            for t in range(edges[k], edges[k + 1]):
                if trades[s, t] > 0 and not np.isnan(amount[s, t]):
                    each = amount[s, t] / trades[s, t]
                    if each > bound:
                        chosen[s, t] = True
                    elif each == bound and ties > 0:
                        chosen[s, t] = True
                        ties -= 1
    return chosen
