"""The sample market's own minute bars and order sizes, from the log of the matching engine (SPEC §1, §2.2, §3).

This module aggregates events and snapshots as delivered, independently of the pipeline, so that the two can be compared. It does not
read files.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numba import njit

from .book import (
    ASK,
    BID,
    CLOSE_CALL_START,
    KIND,
    MORNING,
    PRICE,
    QTY,
    S_ASK_PRICE,
    S_ASK_VOLUME,
    S_BID_PRICE,
    S_BID_VOLUME,
    S_PHASE,
    S_TIME,
    SIDE,
    TIME,
    TRADE,
    TRADING,
)

GRID = np.array([565, *range(570, 690), *range(780, 897), 897, 905], np.int32)
"""The 239 bars of every delivered symbol-day, and the after-hours bar that exists only where it traded."""
COLUMNS = (
    "open",
    "high",
    "low",
    "close",
    "volume",
    "amount",
    "trades",
    "buy_amount",
    "sell_amount",
    "large_buy_amount",
    "large_sell_amount",
    "net_bid_change",
    "spread",
    "imbalance",
    "imbalance_5",
    "at_limit_up",
    "at_limit_down",
)
_INTEGER = ("volume", "trades")
_BOOLEAN = ("at_limit_up", "at_limit_down")
AFTERNOON_MS = 780 * 60_000
ROWS = 240


@njit(cache=True, nogil=True)
def _bar_of(t: int) -> int:
    """Row of GRID for a time in ms: 11:30 to 13:00 belongs to 11:29, and 14:57 to the closing auction to 897."""
    m = t // 60_000
    if m < 570:
        return 0
    if m < 690:
        return m - 569
    if m < 780:
        return 120
    if m < 897:
        return m - 659
    if m < 905:
        return 238
    return 239


@njit(cache=True, nogil=True)
def aggregate_day(
    E: np.ndarray,
    Q: np.ndarray,
    orders: int,
    threshold: float,
    pre_close: int,
    limit_up: int,
    limit_down: int,
    bars: np.ndarray,
    sizes: np.ndarray,
) -> None:
    """Fill bars (240, 17) in yuan and shares, and sizes (3,): number of orders, sum of ln amount, sum of its square.

    E, Q: the day's events and snapshots. orders: number of orders. threshold: in yuan, NaN if there is none. Prices are in
    cents; a limit of 0 means no limit.
    """
    amounts = np.zeros((2, orders), np.int64)
    for i in range(E.shape[0]):
        if E[i, KIND] == TRADE:
            a = E[i, PRICE] * E[i, QTY]
            amounts[0, E[i, BID]] += a
            amounts[1, E[i, ASK]] += a
    sizes[:] = 0.0
    for side in range(2):
        for k in range(orders):
            if amounts[side, k] > 0:
                x = math.log(amounts[side, k] / 100.0)
                sizes[0] += 1.0
                sizes[1] += x
                sizes[2] += x * x
    cents = np.zeros((ROWS, 10), np.int64)  # open high low close volume amount trades buy sell, net bid change
    large = np.zeros((ROWS, 2), np.int64)
    known = not math.isnan(threshold)
    for i in range(E.shape[0]):
        if E[i, KIND] != TRADE:
            continue
        b = _bar_of(E[i, TIME])
        p, q = E[i, PRICE], E[i, QTY]
        a = p * q
        row = cents[b]
        if row[6] == 0:
            row[0], row[1], row[2] = p, p, p
        row[1] = max(row[1], p)
        row[2] = min(row[2], p)
        row[3] = p
        row[4] += q
        row[5] += a
        row[6] += 1
        if E[i, SIDE] == 0:
            row[7] += a
        elif E[i, SIDE] == 1:
            row[8] += a
        if known and amounts[0, E[i, BID]] / 100.0 >= threshold:
            large[b, 0] += a
        if known and amounts[1, E[i, ASK]] / 100.0 >= threshold:
            large[b, 1] += a
    # quotes of continuous trading; the first quote of each session only sets the state
    quotes = np.zeros((ROWS, 4))
    seeded = False
    session = -1
    bp = bq = ap = aq = np.int64(0)
    for i in range(Q.shape[0]):
        t = Q[i, S_TIME]
        if Q[i, S_PHASE] != TRADING or t < MORNING or t >= CLOSE_CALL_START:
            continue
        now = 1 if t >= AFTERNOON_MS else 0
        if now != session:
            session = now
            seeded = False
        b = _bar_of(t)
        p1, q1 = Q[i, S_BID_PRICE], Q[i, S_BID_VOLUME]
        p2, q2 = Q[i, S_ASK_PRICE], Q[i, S_ASK_VOLUME]
        if p1 == 0 or p2 == 0:
            seeded = False
            continue
        if seeded:
            if p1 > bp:
                cents[b, 9] += p1 * q1
            elif p1 == bp:
                cents[b, 9] += p1 * (q1 - bq)
            else:
                cents[b, 9] -= bp * bq
            if p2 < ap:
                cents[b, 9] -= p2 * q2
            elif p2 == ap:
                cents[b, 9] -= p2 * (q2 - aq)
            else:
                cents[b, 9] += ap * aq
        seeded = True
        bp, bq, ap, aq = p1, q1, p2, q2
        bid5 = ask5 = np.int64(0)
        for k in range(5):
            bid5 += Q[i, S_BID_VOLUME + k]
            ask5 += Q[i, S_ASK_VOLUME + k]
        quotes[b, 0] += 1.0
        quotes[b, 1] += (p2 - p1) / (0.5 * (p2 + p1))
        quotes[b, 2] += (q1 - q2) / (q1 + q2)
        quotes[b, 3] += (bid5 - ask5) / (bid5 + ask5)
    last = pre_close
    for b in range(ROWS):
        row = cents[b]
        if row[6] == 0:
            row[0], row[1], row[2], row[3] = last, last, last, last
        last = row[3]
        for c in range(4):
            bars[b, c] = row[c] / 100.0
        bars[b, 4] = row[4]
        bars[b, 5] = row[5] / 100.0
        bars[b, 6] = row[6]
        bars[b, 7] = row[7] / 100.0
        bars[b, 8] = row[8] / 100.0
        for side in range(2):
            bars[b, 9 + side] = large[b, side] / 100.0 if known else np.nan
        bars[b, 11] = row[9] / 100.0
        n = quotes[b, 0]
        for c in range(3):
            bars[b, 12 + c] = quotes[b, 1 + c] / n if n > 0 else np.nan
        bars[b, 15] = 1.0 if row[3] == limit_up else 0.0
        bars[b, 16] = 1.0 if row[3] == limit_down else 0.0


def thresholds(counts: np.ndarray, *, min_days: int = 5, min_orders: int = 200) -> np.ndarray:
    """Return the large-order threshold in yuan of each stock (stocks,) from sizes of previous days (days, stocks, 3).

    It is NaN for a stock with fewer than `min_days` days or `min_orders` orders (SPEC §3).
    """
    n, s1, s2 = counts.sum(axis=0).T
    enough = ((counts[:, :, 0] > 0).sum(axis=0) >= min_days) & (n >= min_orders)
    n = np.where(enough, n, 1.0)
    mean = s1 / n
    std = np.sqrt(np.maximum(s2 / n - mean**2, 0.0))
    mean, std = np.where(enough, mean, 0.0), np.where(enough, std, 0.0)
    return np.where(enough, np.exp(mean + std), np.nan)


def bars_frame(symbols: list[str], bars: np.ndarray) -> pl.DataFrame:
    """Return bars (stocks, 240, 17) as the frame of the landing zone, sorted by symbol and minute, without 905 where empty."""
    order = np.argsort(np.array(symbols))
    flat = bars[order].reshape(-1, len(COLUMNS))
    names = pl.Series("symbol", [symbols[i] for i in order], pl.String)
    data: dict[str, pl.Series] = {
        "symbol": names.gather(np.repeat(np.arange(len(symbols)), len(GRID))),
        "minute": pl.Series(np.tile(GRID, len(symbols))),
    }
    for c, name in enumerate(COLUMNS):
        x = flat[:, c]
        if name in _INTEGER:
            data[name] = pl.Series(x.astype(np.int64))
        elif name in _BOOLEAN:
            data[name] = pl.Series(x > 0.5)
        else:
            data[name] = pl.Series(x, nan_to_null=True)
    frame = pl.DataFrame(data)
    return frame.filter((pl.col("minute") != 905) | (pl.col("trades") > 0))


def order_sizes_frame(symbols: list[str], sizes: np.ndarray) -> pl.DataFrame:
    """Return sizes (stocks, 3) as a frame symbol, orders, sum_ln, sum_ln2, sorted by symbol."""
    return pl.DataFrame(
        {"symbol": symbols, "orders": sizes[:, 0].astype(np.int64), "sum_ln": sizes[:, 1], "sum_ln2": sizes[:, 2]}
    ).sort("symbol")
