"""Numba kernels that sum sorted ticks into minute bars, order sizes and book statistics.

This module holds the arithmetic of SPEC §1 and §3, exact in 64-bit integers (prices in 1/10 000 yuan). It does not handle frames,
files, nulls, thresholds, references or threads.

Rows are sorted by symbol, then trades by (channel, seq) and quotes by time; the rows of symbol i are starts[i] to
starts[i + 1] − 1. The sums of a symbol depend only on its own rows, so that the cut into batches does not change any bit.
"""

import math

import numpy as np
from numba import njit

from assets.ticks.slots import BEGINS, SLOTS, slot_of
from resources import clock

_MORNING_MS = clock.MORNING * clock.MINUTE_MS
_AFTERNOON_MS = clock.AFTERNOON * clock.MINUTE_MS
_CLOSING_MS = clock.CLOSING_AUCTION * clock.MINUTE_MS

OPEN, HIGH, LOW, CLOSE, VOLUME, AMOUNT, TRADES, BUY, SELL, LARGE_BUY, LARGE_SELL = range(11)
"""Columns of `bar_sums`."""
Q, QUOTES = range(2)
"""Columns of the integer part of `book_sums`."""


@njit(cache=True, nogil=True)
def bar_sums(starts, time, price, volume, side, first_price, out):
    """Fill out (symbols, SLOTS, at least 9 columns OPEN … SELL), which contains zeros. Prices and amounts in 1/10 000 yuan.

    All prices of an empty bar are the last close, or first_price (pre_close; 0 if unknown) before the first trade (SPEC §1).
    """
    for s in range(len(starts) - 1):
        bars = out[s]
        first, end = starts[s], starts[s + 1]
        while first < end:
            # Time stamps rarely fall, so that the trades of a bar are adjacent and can be summed without a branch per row.
            slot = slot_of(time[first])
            last = first + _within(time[first:end], BEGINS[slot], BEGINS[slot + 1])
            high, low, shares, amount, buy, sell = _run_sums(price[first:last], volume[first:last], side[first:last])
            bar = bars[slot]
            if bar[TRADES] == 0:
                bar[OPEN] = price[first]
                bar[HIGH] = high
                bar[LOW] = low
            bar[HIGH] = max(bar[HIGH], high)
            bar[LOW] = min(bar[LOW], low)
            bar[CLOSE] = price[last - 1]
            bar[VOLUME] += shares
            bar[AMOUNT] += amount
            bar[TRADES] += last - first
            bar[BUY] += buy
            bar[SELL] += sell
            first = last
        close = first_price[s]
        for k in range(SLOTS):
            if bars[k, TRADES] == 0:
                bars[k, OPEN] = bars[k, HIGH] = bars[k, LOW] = bars[k, CLOSE] = close
            close = bars[k, CLOSE]


@njit(cache=True, nogil=True)
def _within(time, begin, end):
    """Count the leading stamps that are in [begin, end)."""
    for i in range(len(time)):
        if time[i] < begin or time[i] >= end:
            return i
    return len(time)


@njit(cache=True, nogil=True)
def _run_sums(price, volume, side):
    """Return high, low, shares, amount, active-buy amount and active-sell amount of one or more trades."""
    high = low = price[0]
    shares = amount = buy = sell = np.int64(0)
    for i in range(len(price)):
        paid = price[i] * volume[i]
        high = max(high, price[i])
        low = min(low, price[i])
        shares += volume[i]
        amount += paid
        buy += paid if side[i] > 0 else 0
        sell += paid if side[i] < 0 else 0
    return high, low, shares, amount, buy, sell


# --- orders ---------------------------------------------------------------------------------------------------------------
# Order numbers are unique within a channel. The fills of an order form a few runs of adjacent rows (on real tapes 1.1 runs an
# order and 1.5 fills a run), so runs are found in one pass and then sorted by number. The processor cannot predict whether a row
# starts a run, so the loops below compute it without a branch.


@njit(cache=True, nogil=True)
def order_sums(starts, channel, price, volume, order, out):
    """Add to out (symbols, 3) the number of orders with a fill, Σ ln amount and Σ (ln amount)², amounts in yuan (SPEC §3).

    The sums are in the order of channel and order number, so that equal fills have equal bits. Order number 0 means no order.
    """
    space = _workspace(starts)
    for s in range(len(starts) - 1):
        first = starts[s]
        while first < starts[s + 1]:
            last = first + _one_channel(channel[first : starts[s + 1]])
            whole, _ = _orders(order[first:last], price[first:last], volume[first:last], space)
            count, total, squares = 0, 0.0, 0.0
            for k in range(len(whole)):
                if whole[k] > 0:
                    x = math.log(whole[k] / 10_000.0)
                    count += 1
                    total += x
                    squares += x * x
            out[s, 0] += count
            out[s, 1] += total
            out[s, 2] += squares
            first = last


@njit(cache=True, nogil=True)
def large_sums(starts, channel, time, price, volume, order, threshold, column, out):
    """Add to out[symbol, slot, column] the fills, in 1/10 000 yuan, of orders whose amount of the day is at least the threshold.

    threshold: yuan, one per symbol; a symbol with NaN is skipped (SPEC §3).
    """
    space = _workspace(starts)
    for s in range(len(starts) - 1):
        first = starts[s] if not math.isnan(threshold[s]) else starts[s + 1]
        while first < starts[s + 1]:
            last = first + _one_channel(channel[first : starts[s + 1]])
            whole, order_of = _orders(order[first:last], price[first:last], volume[first:last], space)
            large = order_of  # the same memory: the order of each run, then whether this order is large
            for run in range(len(large)):
                k = order_of[run]
                large[run] = k >= 0 and whole[k] / 10_000.0 >= threshold[s]
            run = 0
            while first < last:
                slot = slot_of(time[first])
                upto = first + _within(time[first:last], BEGINS[slot], BEGINS[slot + 1])
                paid, run = _large_fills(order[first:upto], price[first:upto], volume[first:upto], large, run)
                out[s, slot, column] += paid
                if upto < last:
                    run += order[upto] != order[upto - 1]
                first = upto


@njit(cache=True, nogil=True)
def _workspace(starts):
    """Allocate six integer arrays that are one entry longer than the rows of any symbol."""
    longest = 0
    for s in range(len(starts) - 1):
        longest = max(longest, starts[s + 1] - starts[s])
    return np.empty((6, longest + 1), np.int64)


@njit(cache=True, nogil=True)
def _one_channel(channel):
    """Count the leading rows that have the channel of the first."""
    for i in range(len(channel)):
        if channel[i] != channel[0]:
            return i
    return len(channel)


@njit(cache=True, nogil=True)
def _orders(order, price, volume, space):
    """Return the amount of the day of each order, sorted by number, and for each run of rows the index of its order there, or −1.

    Amounts in 1/10 000 yuan. space: the arrays of `_workspace`; both results are views of them.
    """
    number, amount, key, spare, whole, order_of = space[0], space[1], space[2], space[3], space[4], space[5]
    run = 0
    held = order[0]
    paid = np.int64(0)
    for i in range(len(order)):  # every row overwrites the sums of its run
        opens = order[i] != held
        held = order[i]
        run += 1 if opens else 0
        paid = price[i] * volume[i] + (0 if opens else paid)
        number[run] = held
        amount[run] = paid
    runs = run + 1
    sorted_runs = _by_number(number[:runs], key, spare)
    nones = 0
    while nones < runs and number[sorted_runs[nones]] <= 0:
        order_of[sorted_runs[nones]] = -1
        nones += 1
    if nones == runs:
        return whole[:0], order_of[:runs]
    at = 0
    held = number[sorted_runs[nones]]
    paid = np.int64(0)
    for run in sorted_runs[nones:]:  # every run overwrites the sum of its order
        opens = number[run] != held
        held = number[run]
        at += 1 if opens else 0
        paid = amount[run] + (0 if opens else paid)
        whole[at] = paid
        order_of[run] = at
    return whole[: at + 1], order_of[:runs]


@njit(cache=True, nogil=True)
def _large_fills(order, price, volume, large, run):
    """Return the amount of the fills of large orders and the run of the last row. run: the run of the first row."""
    paid = np.int64(0)
    held = order[0]
    for i in range(len(order)):
        run += 1 if order[i] != held else 0
        held = order[i]
        paid += price[i] * volume[i] * large[run]
    return paid, run


_DIGIT = 12
"""Largest number of bits sorted in one pass: 4 096 counters fit in the L1 cache."""


@njit(cache=True, nogil=True)
def _by_number(number, key, spare):
    """Return the indices that sort the runs by number, equal numbers by row.

    This is a radix sort of (number − lowest, index) packed into 64 bits, since the numbers of a day span few bits. Where they do
    not fit, numpy sorts. key, spare: arrays of at least as many integers.
    """
    n = len(number)
    if n == 0:
        return key[:0]
    lowest, span = number.min(), number.max() - number.min()
    low, high = _bits(n), _bits(span)
    if low + high > 63:
        return np.argsort(number, kind="mergesort")
    for k in range(n):
        key[k] = (number[k] - lowest) << low | k
    passes = max((high + _DIGIT - 1) // _DIGIT, 1)
    digit = (high + passes - 1) // passes
    count = np.empty(1 << digit, np.int32)
    mask = (1 << digit) - 1
    for p in range(passes):
        shift = low + p * digit
        count[:] = 0
        for k in range(n):
            count[key[k] >> shift & mask] += 1
        total = 0
        for b in range(1 << digit):
            total, count[b] = total + count[b], total
        for k in range(n):
            b = key[k] >> shift & mask
            spare[count[b]] = key[k]
            count[b] += 1
        key, spare = spare, key
    for k in range(n):
        key[k] &= (1 << low) - 1
    return key[:n]


@njit(cache=True, nogil=True)
def _bits(x):
    """Count the binary digits of x ≥ 0."""
    bits = 0
    while x >> bits:
        bits += 1
    return bits


# --- books ----------------------------------------------------------------------------------------------------------------


@njit(cache=True, nogil=True)
def book_sums(starts, time, bid, ask, bid_volume, ask_volume, whole, means):
    """Sum book statistics over the snapshots of continuous trading, [09:30, 14:57); books of the auctions are virtual and skipped.

    bid, ask: prices of level 1. bid_volume, ask_volume: five arrays each, the volumes of levels 1 to 5. A price or volume of 0
    means an empty level. whole (symbols, SLOTS, 2): filled with Q in 1/10 000 yuan × shares and the number of two-sided quotes.
    means (symbols, SLOTS, 3): filled with the sums of (ask − bid)/mid, DI and DI5 over these quotes. Q follows SPEC §3: a change
    is counted in the bar of the later quote, the first quote of each session has no change, and no change is computed across a
    one-sided quote.
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
            b, bq, a, aq = bid[i], bid_volume[0][i], ask[i], ask_volume[0][i]
            if b <= 0 or a <= 0 or bq <= 0 or aq <= 0:
                chained = False
                continue
            k = slot_of(time[i])
            if chained:
                change = np.int64(0)
                if b > p1:
                    change = b * bq
                elif b == p1:
                    change = b * (bq - q1)
                else:
                    change = -p1 * q1
                if a < p2:
                    change -= a * aq
                elif a == p2:
                    change -= a * (aq - q2)
                else:
                    change += p2 * q2
                whole[s, k, Q] += change
            chained = True
            p1, q1, p2, q2 = b, bq, a, aq
            b5 = bq + bid_volume[1][i] + bid_volume[2][i] + bid_volume[3][i] + bid_volume[4][i]
            a5 = aq + ask_volume[1][i] + ask_volume[2][i] + ask_volume[3][i] + ask_volume[4][i]
            whole[s, k, QUOTES] += 1
            means[s, k, 0] += (a - b) / (0.5 * (a + b))
            means[s, k, 1] += (bq - aq) / (bq + aq)
            means[s, k, 2] += (b5 - a5) / (b5 + a5)


@njit(cache=True, nogil=True)
def delta_sums(starts, time, cumulative, out):
    """Add to out (symbols, SLOTS) the difference of each snapshot's cumulative field and the previous one, in the later one's bar.

    The first snapshot adds its whole field, a field < 0 is unknown and skipped, and a fall adds a negative difference. The sum of
    a symbol is therefore its last known field.
    """
    for s in range(len(starts) - 1):
        before = np.int64(0)
        for i in range(starts[s], starts[s + 1]):
            if cumulative[i] >= 0:
                out[s, slot_of(time[i])] += cumulative[i] - before
                before = cumulative[i]
