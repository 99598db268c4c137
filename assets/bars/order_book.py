"""The limit-order book of one symbol, driven by its orders and trades, and held against its snapshots. Compiled by numba.

Here: the book's state, what each event does to it, when a snapshot is reproduced, the price of a call auction. Not here:
frames, batches, which symbols can be replayed (replay.py); it matches nothing itself, the exchange's trades say what traded.

Prices in 1/10 000 yuan. Inside, a price is its rank among the prices that the symbol's orders and trades name, so that a
level is a place in an array and no absurd price can make that array long. Rows come in the exchange's order. What an event
does (SPEC §2.3; the rules' own words in rebuilt_orders.py):
- Shanghai: a limit row rests. A trade takes from the resting orders it names; an aggressor not yet in the book is what the
  row after its fills will add the rest of.
- Shenzhen: a limit row rests at once with its whole size, so that it may cross until its own trades have come; own_best
  rests at the best price of its side, or nowhere where there is none. A market row is held back: its trades take from it,
  and what is left rests at the price of its last trade as soon as another event comes, unless that is its cancel.
- A cancel takes out what is left of its order.
Not reproduced: orders that ChiNext kept out of sight beyond the 2 % band (2020-08-24 to 2023-04-07).
"""

import numpy as np
from numba import njit

from assets.bars.rebuilt_orders import place_of, table_size
from assets.ticks import clock
from assets.ticks.layouts import CANCELLED, LEVELS, LIMIT, MARKET

BUY, SELL = 0, 1
"""Sides of the arrays below."""
CONTINUOUS, REST, CALL = 0, 1, 2
"""Phases of a snapshot: continuous trading; a book at rest outside it, auctions matched; a call auction's virtual price."""
PRICE, BEST, ALL = 1, 2, 3
"""How much of a snapshot is reproduced: the best prices; their volumes too; all levels (in a call: the virtual pair)."""

_NUMBER, _CHANNEL, _SIDE, _RANK, _LEFT = range(5)
_CLOSE_MS = clock.CLOSE * clock.MINUTE_MS


@njit(cache=True, nogil=True)
def _order_first(orders, j, trades, i, table, book):
    """Whether order row j comes before trade i: by the joint numbering; without one by time, and within a stamp by what must
    have been. Numbers are given on arrival, so an order rests before a later aggressor trades and after its own fills; a
    cancel waits for fills that are missing yet for it to withdraw exactly what is left."""
    o_event, o_time, number, _, _, quantity, kind = orders
    t_event, t_time, _, _, bid, ask, _ = trades
    if o_event[j] >= 0:
        return o_event[j] < t_event[i]
    if o_time[j] != t_time[i]:
        return o_time[j] < t_time[i]
    if kind[j] != CANCELLED:
        return number[j] < max(bid[i], ask[i])
    at = place_of(table, book, number[j], 0)
    return at >= 0 and book[table[at], _LEFT] == quantity[j]


@njit(cache=True, nogil=True, inline="always")
def _put(volumes, best, side, rank, quantity):
    volumes[side, rank] += quantity
    if quantity > 0:
        best[side] = max(best[side], rank) if side == BUY else min(best[side], rank)


@njit(cache=True, nogil=True, inline="always")
def _take(book, k, quantity, volumes, best):
    """Take shares of order k out of the book; how many there were."""
    taken = min(quantity, book[k, _LEFT])
    book[k, _LEFT] -= taken
    side, rank = book[k, _SIDE], book[k, _RANK]
    if rank >= 0:
        volumes[side, rank] -= taken
        step = -1 if side == BUY else 1
        while 0 <= best[side] < volumes.shape[1] and volumes[side, best[side]] == 0:
            best[side] += step
    return taken


@njit(cache=True, nogil=True)
def auction_price(volumes, best, prices, reference, middle):
    """(price, volume) of a call auction; 0, 0 where nothing can trade.

    The exchanges' rules: the largest volume at which every better order is filled whole; of several such prices the one
    that leaves least over; of those still equal their middle (`middle`, Shanghai), or what is nearest `reference` between
    them (Shenzhen). All 189 calls of 600519.SH agree, but none of them had to go as far as the last rule.
    """
    low, high = best[SELL], best[BUY]
    if high < low or high < 0 or low >= len(prices):
        return np.int64(0), np.int64(0)
    buys, sells = volumes[BUY, low : high + 1].sum(), np.int64(0)  # at this price or better
    price, volume, over, first = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for rank in range(low, high + 1):
        sells += volumes[SELL, rank]
        matched, left = min(buys, sells), abs(buys - sells)
        better_filled = buys - volumes[BUY, rank] <= matched and sells - volumes[SELL, rank] <= matched
        ordered = volumes[BUY, rank] + volumes[SELL, rank] > 0
        if ordered and better_filled and matched >= volume:
            if matched > volume or left < over:
                price, volume, over, first = prices[rank], matched, left, prices[rank]
            elif left == over:
                price = prices[rank]
        buys -= volumes[BUY, rank]
    return (first + price) // 2 if middle else min(max(reference, first), price), volume


@njit(cache=True, nogil=True)
def _levels_equal(side, volumes, best, prices, shown_prices, shown_volumes, k):
    """Whether all levels of one side are those of snapshot k; a level that is not there is shown as 0."""
    step = -1 if side == BUY else 1
    rank = best[side]
    for level in range(LEVELS):
        while 0 <= rank < len(prices) and volumes[side, rank] == 0:
            rank += step
        if not 0 <= rank < len(prices):
            return shown_prices[level, k] == 0
        if shown_prices[level, k] != prices[rank] or shown_volumes[level, k] != volumes[side, rank]:
            return False
        rank += step
    return True


@njit(cache=True, nogil=True, inline="always")
def _best_of(side, volumes, best, prices):
    if 0 <= best[side] < len(prices):
        return prices[best[side]], volumes[side, best[side]]
    return np.int64(0), np.int64(0)


@njit(cache=True, nogil=True)
def _compare(pending, first, last, volumes, best, prices, levels, phase, reference, whole, reproduced):
    """Hold the book against pending[first:last], the snapshots of its cumulative volume; drop those fully reproduced.

    Returns how many stay pending. levels: bid prices, bid volumes, ask prices, ask volumes, each (LEVELS, snapshots).
    """
    bid_prices, bid_volumes, ask_prices, ask_volumes = levels
    bid, bid_volume = _best_of(BUY, volumes, best, prices)
    ask, ask_volume = _best_of(SELL, volumes, best, prices)
    virtual, matched = np.int64(-1), np.int64(0)
    kept = first
    for i in range(first, last):
        k = pending[i]
        if phase[k] == CALL:
            if virtual < 0:
                virtual, matched = auction_price(volumes, best, prices, reference, not whole)
            if bid_prices[0, k] == virtual:
                whole = virtual == 0 or (bid_volumes[0, k] == matched and ask_volumes[0, k] == matched)
                reproduced[k] = max(reproduced[k], ALL if whole else PRICE)
        elif bid_prices[0, k] == bid and ask_prices[0, k] == ask:
            seen = PRICE
            if bid_volumes[0, k] == bid_volume and ask_volumes[0, k] == ask_volume:
                seen = BEST
                if _levels_equal(BUY, volumes, best, prices, bid_prices, bid_volumes, k) and _levels_equal(
                    SELL, volumes, best, prices, ask_prices, ask_volumes, k
                ):
                    seen = ALL
            reproduced[k] = max(reproduced[k], seen)
        if reproduced[k] < ALL:
            pending[kept] = k
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def replay(trades, orders, snapshots, levels, whole, reference, reproduced):
    """Replay one symbol. Fills reproduced (snapshots,) with 0, PRICE, BEST or ALL; returns (events, faults).

    trades: event, time, price, volume, bid, ask, side. orders: event, time, order, side, price, quantity, kind. snapshots:
    cumulative volume, phase. event −1: no joint numbering. whole: Shenzhen's rules. reference: the previous close, for the
    auctions. A snapshot of cumulative volume v is held against every state of the book while the tape's is v. faults: trades
    and cancels of orders that are not in the book, or of more than is left.
    """
    _, t_time, paid, volume, bid, ask, aggressor = trades
    _, o_time, number, o_side, limit, quantity, kind = orders
    shown_volume, phase = snapshots
    prices = np.unique(np.concatenate((limit, paid)))
    volumes = np.zeros((2, len(prices)), np.int64)
    best = np.array([-1, len(prices)])
    book = np.empty((len(number), 5), np.int64)
    table = np.full(table_size(len(number)), -1, np.int32)
    count, faults, total = 0, 0, np.int64(0)
    held, held_price = -1, np.int64(0)
    last_price = reference

    pending = np.argsort(shown_volume, kind="mergesort")
    first, last, group = 0, 0, 0  # pending[first:last] are those of the volume reached, pending[group:] of later ones
    i = j = 0
    moved = True
    while True:
        if moved:  # to the snapshots of the volume reached
            first = group
            while first < len(pending) and shown_volume[pending[first]] < total:
                first += 1
            last = first
            while last < len(pending) and shown_volume[pending[last]] == total:
                last += 1
            group = last
            moved = False
        if first < last:
            last = _compare(pending, first, last, volumes, best, prices, levels, phase, last_price, whole, reproduced)
        while i < len(t_time) and t_time[i] >= _CLOSE_MS:
            i += 1
        while j < len(o_time) and o_time[j] >= _CLOSE_MS:
            j += 1
        if i == len(t_time) and j == len(o_time):
            if held < 0:
                break
            order_next = False
        else:
            order_next = i == len(t_time) or (j < len(o_time) and _order_first(orders, j, trades, i, table, book))
        if held >= 0:  # a market order goes on as long as its own trades or its cancel follow
            own = book[held, _NUMBER]
            if i < len(t_time) and not order_next:
                goes_on = bid[i] == own or ask[i] == own
            else:
                goes_on = order_next and kind[j] == CANCELLED and number[j] == own
            if not goes_on:
                if held_price > 0:
                    book[held, _RANK] = np.searchsorted(prices, held_price)
                    _put(volumes, best, book[held, _SIDE], book[held, _RANK], book[held, _LEFT])
                held = -1
                continue
        if order_next:
            at = place_of(table, book, number[j], 0)
            if kind[j] == CANCELLED:
                if at >= 0:
                    k = table[at]
                    faults += _take(book, k, book[k, _LEFT], volumes, best) != quantity[j]
                else:
                    faults += 1
            elif at >= 0:
                faults += 1
            else:
                side = BUY if o_side[j] > 0 else SELL
                table[-1 - at] = count
                book[count, _NUMBER] = number[j]
                book[count, _CHANNEL] = 0
                book[count, _SIDE] = side
                book[count, _LEFT] = quantity[j]
                book[count, _RANK] = -1
                if kind[j] == LIMIT:
                    book[count, _RANK] = np.searchsorted(prices, limit[j])
                elif kind[j] == MARKET:
                    held, held_price = count, np.int64(0)
                elif 0 <= best[side] < len(prices):
                    book[count, _RANK] = best[side]
                if book[count, _RANK] >= 0:
                    _put(volumes, best, side, book[count, _RANK], quantity[j])
                count += 1
            j += 1
        else:
            for side in (BUY, SELL):
                own = bid[i] if side == BUY else ask[i]
                at = place_of(table, book, own, 0)
                if at >= 0:
                    k = table[at]
                    faults += book[k, _SIDE] != side or _take(book, k, volume[i], volumes, best) != volume[i]
                    if k == held:
                        held_price = paid[i]
                elif whole or aggressor[i] != (1 if side == BUY else -1):
                    faults += 1
            last_price = paid[i]
            total += volume[i]
            moved = True
            i += 1
    return i + j, faults
