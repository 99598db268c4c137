"""Kernels from sorted ticks to sums: minute bars, order sizes, book statistics. Arrays in, arrays out, compiled by numba.

Here: the arithmetic of SPEC §1 and §3, exact in 64-bit integers (prices in 1/10 000 yuan), one pass over each symbol's rows.
Not here: frames, files, nulls, thresholds, references. Rows come symbol by symbol, trades by (channel, seq), quotes by time:
symbol i owns rows starts[i] to starts[i + 1].
"""

import math

import numpy as np
from numba import njit

from assets.ticks import clock

SLOTS = len(clock.DAY_BARS) + 1  # the dense bars and after-hours
MINUTES = np.array([*clock.DAY_BARS, clock.AFTER_HOURS], np.int32)
"""Minute of each slot."""
AFTER_HOURS_SLOT = SLOTS - 1
_CLOSING_SLOT = SLOTS - 2
_MORNING_BARS = clock.LUNCH - clock.MORNING
_MORNING_MS = clock.MORNING * clock.MINUTE_MS
_AFTERNOON_MS = clock.AFTERNOON * clock.MINUTE_MS
_CLOSING_MS = clock.CLOSING_AUCTION * clock.MINUTE_MS
_MORNING, _LUNCH, _AFTERNOON = clock.MORNING, clock.LUNCH, clock.AFTERNOON
_CLOSING, _CLOSE = clock.CLOSING_AUCTION, clock.CLOSE

OPEN, HIGH, LOW, CLOSE, VOLUME, AMOUNT, TRADES, BUY, SELL, LARGE_BUY, LARGE_SELL = range(11)
"""Columns of `bar_sums`."""
Q, QUOTES = range(2)
"""Columns of the integer part of `book_sums`."""


@njit(cache=True, nogil=True, inline="always")
def slot_of(time):
    """Slot of a stamp in ms since midnight (SPEC §1: what is stamped over lunch belongs to 11:29)."""
    minute = time // 60_000
    if minute < _MORNING:
        return 0
    if minute < _LUNCH:
        return minute - _MORNING + 1
    if minute < _AFTERNOON:
        return _MORNING_BARS
    if minute < _CLOSING:
        return minute - _AFTERNOON + _MORNING_BARS + 1
    return _CLOSING_SLOT if minute < _CLOSE else AFTER_HOURS_SLOT


@njit(cache=True, nogil=True)
def bar_sums(starts, time, price, volume, side, first_price, out):
    """Fill out (symbols, SLOTS, ≥ 9 columns OPEN … SELL). Prices and amounts in 1/10 000 yuan.

    An empty bar is flat at the last close; before any trade at first_price (pre_close; 0 = unknown stays 0).
    """
    for s in range(len(starts) - 1):
        bars = out[s]
        for i in range(starts[s], starts[s + 1]):
            bar = bars[slot_of(time[i])]
            p = price[i]
            amount = p * volume[i]
            if bar[TRADES] == 0:
                bar[OPEN] = p
                bar[HIGH] = p
                bar[LOW] = p
            elif p > bar[HIGH]:
                bar[HIGH] = p
            elif p < bar[LOW]:
                bar[LOW] = p
            bar[CLOSE] = p
            bar[VOLUME] += volume[i]
            bar[AMOUNT] += amount
            bar[TRADES] += 1
            if side[i] > 0:
                bar[BUY] += amount
            elif side[i] < 0:
                bar[SELL] += amount
        last = first_price[s]
        for k in range(SLOTS):
            if bars[k, TRADES] == 0:
                bars[k, OPEN] = bars[k, HIGH] = bars[k, LOW] = bars[k, CLOSE] = last
            last = bars[k, CLOSE]


@njit(cache=True, nogil=True)
def _table_size(rows):
    """Entries of a hash table for that many orders at most: a power of two, half full."""
    size = 16
    while size < 2 * rows:
        size *= 2
    return size


@njit(cache=True, nogil=True)
def _longest(starts):
    longest = 0
    for g in range(len(starts) - 1):
        longest = max(longest, starts[g + 1] - starts[g])
    return longest


@njit(cache=True, nogil=True)
def _sum_by_order(first, last, order, price, volume, table, where):
    """Sum the fills of rows first … last by order number into table (entries, 2): number (−1 free), amount in 1/10 000 yuan.

    Open addressing. where[i]: the entry of row first + i; −1 for order number 0, which is none. A table per symbol stays in
    cache: on 20 M trades of 500 stocks 3 times as fast as scattering into an array over the channel's numbers.
    """
    mask = len(table) - 1
    for at in range(len(table)):
        table[at, 0] = -1
        table[at, 1] = 0
    for i in range(first, last):
        number = order[i]
        if number <= 0:
            where[i - first] = -1
            continue
        at = ((number * -7046029254386353131) >> 32) & mask
        while table[at, 0] != number and table[at, 0] != -1:
            at = (at + 1) & mask
        table[at, 0] = number
        table[at, 1] += price[i] * volume[i]
        where[i - first] = at


@njit(cache=True, nogil=True)
def large_sums(starts, owner, time, price, volume, order, threshold, column, out):
    """Add to out[symbol, slot, column] the fills of orders whose whole-day amount ≥ threshold (yuan; NaN: skipped).

    A segment (rows starts[g] to starts[g + 1], of symbol owner[g]) is what one numbering of orders covers: a symbol on a
    channel.
    """
    longest = _longest(starts)
    table = np.empty((_table_size(longest), 2), np.int64)
    where = np.empty(longest, np.int32)
    for g in range(len(starts) - 1):
        first, last = starts[g], starts[g + 1]
        limit = threshold[owner[g]]
        if math.isnan(limit):
            continue
        _sum_by_order(first, last, order, price, volume, table[: _table_size(last - first)], where)
        for i in range(first, last):
            at = where[i - first]
            if at >= 0 and table[at, 1] / 10_000.0 >= limit:
                out[owner[g], slot_of(time[i]), column] += price[i] * volume[i]


@njit(cache=True, nogil=True)
def order_sums(starts, owner, price, volume, order, out):
    """Add to out (symbols, 3): number of orders with a fill, Σ ln amount, Σ (ln amount)², amounts in yuan.

    Summed in the table's order, which the rows alone determine: the same rows give the same bits. Segments as in
    `large_sums`.
    """
    longest = _longest(starts)
    table = np.empty((_table_size(longest), 2), np.int64)
    where = np.empty(longest, np.int32)
    for g in range(len(starts) - 1):
        first, last = starts[g], starts[g + 1]
        size = _table_size(last - first)
        _sum_by_order(first, last, order, price, volume, table[:size], where)
        for at in range(size):
            if table[at, 1] > 0:
                x = math.log(table[at, 1] / 10_000.0)
                out[owner[g], 0] += 1.0
                out[owner[g], 1] += x
                out[owner[g], 2] += x * x


@njit(cache=True, nogil=True)
def book_sums(starts, time, bid, bid_volume, ask, ask_volume, bid_5, ask_5, whole, means):
    """Level-1 book statistics of continuous trading, [09:30, 14:57); the auctions' books are virtual and give none.

    whole (symbols, SLOTS, 2): Q in 1/10 000 yuan × shares, number of two-sided quotes. means (symbols, SLOTS, 3): sums of
    (ask − bid)/mid, DI, DI5 over them. A price or volume of 0 is an empty level. Q by SPEC §3: a change belongs to the bar of
    the later quote; the first quote of each session only seeds; a one-sided quote breaks the chain.
    """
    for s in range(len(starts) - 1):
        chained = False
        afternoon = False
        p1 = q1 = p2 = q2 = np.int64(0)
        for i in range(starts[s], starts[s + 1]):
            if time[i] < _MORNING_MS or time[i] >= _CLOSING_MS:
                continue
            if not afternoon and time[i] >= _AFTERNOON_MS:
                afternoon = True
                chained = False
            b, bq, a, aq = bid[i], bid_volume[i], ask[i], ask_volume[i]
            if b <= 0 or a <= 0 or bq <= 0 or aq <= 0:
                chained = False
                continue
            k = slot_of(time[i])
            if chained:
                if b > p1:
                    whole[s, k, Q] += b * bq
                elif b == p1:
                    whole[s, k, Q] += b * (bq - q1)
                else:
                    whole[s, k, Q] -= p1 * q1
                if a < p2:
                    whole[s, k, Q] -= a * aq
                elif a == p2:
                    whole[s, k, Q] -= a * (aq - q2)
                else:
                    whole[s, k, Q] += p2 * q2
            chained = True
            p1, q1, p2, q2 = b, bq, a, aq
            whole[s, k, QUOTES] += 1
            means[s, k, 0] += (a - b) / (0.5 * (a + b))
            means[s, k, 1] += (bq - aq) / (bq + aq)
            means[s, k, 2] += (bid_5[i] - ask_5[i]) / (bid_5[i] + ask_5[i])
