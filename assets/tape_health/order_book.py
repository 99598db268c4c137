"""The limit-order book of one symbol, driven by its orders and trades, and held against its snapshots. Compiled by numba.

Here: the book's state, what each event does to it, when a snapshot is reproduced, the price of a call auction. Not here:
frames, batches, which symbols can be replayed (replay.py); it matches nothing itself, the exchange's trades say what traded.

Prices in 1/10 000 yuan. Inside, a price is its rank among the prices that the symbol's orders and trades name, so that a
level is a place in an array and no absurd price can make that array long. What an event does (SPEC §2.3; rebuilt_orders.py):
- Shanghai: a limit row rests. A trade takes from the resting orders it names; an aggressor not yet in the book is what the
  row after its fills will add the rest of.
- Shenzhen: a limit row rests at once with its whole size, so that it may cross until its own trades have come; own_best
  rests at the best price of its side, or nowhere where there is none. A market row is held back: its trades take from it,
  and what is left rests at the price of its last trade (its cancel, where that comes at once, takes it out again).
- A cancel takes out what is left of its order.
Rows stamped 15:01 or later are no part of the book. Not reproduced: orders that ChiNext kept out of sight beyond the 2 %
band (2020-08-24 to 2023-04-07).
"""

import numpy as np
from numba import njit

from assets.tape_health.rebuilt_orders import place_of, table_size
from assets.ticks import clock
from assets.ticks.layouts import CANCELLED, LEVELS, LIMIT, MARKET

BUY, SELL = 0, 1
"""Sides of the book's arrays."""
CONTINUOUS, REST, CALL = 0, 1, 2
"""Phases of a snapshot: continuous trading; a book at rest outside it, auctions matched; a call auction's virtual price."""
PRICE, BEST, ALL = 1, 2, 3
"""How much of a snapshot is reproduced: the best prices; their volumes too; all levels (in a call: the virtual pair)."""

NUMBER, CHANNEL, SIDE, RANK, LEFT = range(5)
"""Columns of the book's orders. One channel: CHANNEL is 0. RANK −1: not in the book, or not yet."""
ORDERS, HELD, HELD_PRICE, FAULTS, LAST_PRICE, VIRTUAL, MATCHED = range(7)
"""State of a book. HELD: the market order that is trading, −1 none. VIRTUAL: what a call would give now, −1 not known."""
_CLOSE_MS = clock.CLOSE * clock.MINUTE_MS


@njit(cache=True, nogil=True)
def new_book(orders, prices, whole, reference):
    """An empty book for so many orders at those prices (sorted, distinct): orders, hash table, volumes (2, prices), best
    ranks (2,), prices, state, whether orders enter whole. reference: the price an auction stays near, before any trade."""
    state = np.zeros(7, np.int64)
    state[HELD], state[VIRTUAL], state[LAST_PRICE] = -1, -1, reference
    return (
        np.empty((orders, 5), np.int64),
        np.full(table_size(orders), -1, np.int32),
        np.zeros((2, len(prices)), np.int64),
        np.array([-1, len(prices)]),
        prices,
        state,
        whole,
    )


@njit(cache=True, nogil=True, inline="always")
def _order_of(book, number):
    """The order of that number, −1 where it is not known."""
    at = place_of(book[1], book[0], number, 0)
    return book[1][at] if at >= 0 else -1


@njit(cache=True, nogil=True, inline="always")
def _put(book, k, rank):
    """Rest what is left of order k at a rank."""
    orders, _, volumes, best, _, state, _ = book
    side = orders[k, SIDE]
    orders[k, RANK] = rank
    volumes[side, rank] += orders[k, LEFT]
    if orders[k, LEFT] > 0:
        best[side] = max(best[side], rank) if side == BUY else min(best[side], rank)
    if best[SELL] <= rank <= best[BUY]:
        state[VIRTUAL] = -1


@njit(cache=True, nogil=True, inline="always")
def _take(book, k, quantity):
    """Take shares of order k out of the book; how many there were."""
    orders, _, volumes, best, _, state, _ = book
    taken = min(quantity, orders[k, LEFT])
    orders[k, LEFT] -= taken
    side, rank = orders[k, SIDE], orders[k, RANK]
    if rank < 0:
        return taken
    if best[SELL] <= rank <= best[BUY]:
        state[VIRTUAL] = -1
    volumes[side, rank] -= taken
    step = -1 if side == BUY else 1
    while 0 <= best[side] < volumes.shape[1] and volumes[side, best[side]] == 0:
        best[side] += step
    return taken


@njit(cache=True, nogil=True, inline="always")
def enter(book, number, side, price, quantity, kind):
    """An order row (side +1 buy, −1 sell)."""
    orders, table, _, best, prices, state, _ = book
    at = place_of(table, orders, number, 0)
    if at >= 0:
        state[FAULTS] += 1
        return
    k = state[ORDERS]
    state[ORDERS] += 1
    table[-1 - at] = k
    own = BUY if side > 0 else SELL
    orders[k, NUMBER], orders[k, CHANNEL], orders[k, SIDE] = number, 0, own
    orders[k, RANK], orders[k, LEFT] = -1, quantity
    if kind == LIMIT:
        _put(book, k, np.searchsorted(prices, price))
    elif kind == MARKET:
        state[HELD], state[HELD_PRICE] = k, 0
    elif 0 <= best[own] < len(prices):
        _put(book, k, best[own])


@njit(cache=True, nogil=True, inline="always")
def settle(book):
    """The market order that was trading is through: what is left of it rests at its last price, if it had a trade."""
    state = book[5]
    if state[HELD_PRICE] > 0:
        _put(book, state[HELD], np.searchsorted(book[4], state[HELD_PRICE]))
    state[HELD] = -1


@njit(cache=True, nogil=True, inline="always")
def cancel(book, number, quantity):
    """A cancel: all that is left goes, and that should be `quantity`."""
    k = _order_of(book, number)
    if k < 0 or _take(book, k, book[0][k, LEFT]) != quantity:
        book[5][FAULTS] += 1


@njit(cache=True, nogil=True, inline="always")
def trade(book, price, volume, bid, ask, aggressor):
    """A trade between two orders; aggressor +1 the buyer, −1 the seller, 0 in an auction."""
    orders, _, _, _, _, state, whole = book
    for side in (BUY, SELL):
        k = _order_of(book, bid if side == BUY else ask)
        if k >= 0:
            if orders[k, SIDE] != side or _take(book, k, volume) != volume:
                state[FAULTS] += 1
            if k == state[HELD]:
                state[HELD_PRICE] = price
        elif whole or aggressor != (1 if side == BUY else -1):
            state[FAULTS] += 1
    state[LAST_PRICE] = price
    state[VIRTUAL] = -1


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
def _levels_equal(book, side, shown_prices, shown_volumes, k):
    """Whether all levels of one side are those of snapshot k; a level that is not there is shown as 0."""
    _, _, volumes, best, prices, _, _ = book
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
def _best_of(book, side):
    _, _, volumes, best, prices, _, _ = book
    if 0 <= best[side] < len(prices):
        return prices[best[side]], volumes[side, best[side]]
    return np.int64(0), np.int64(0)


@njit(cache=True, nogil=True, inline="always")
def _virtual(book):
    """What a call auction would give now, as a price on both sides and the volume behind each."""
    _, _, volumes, best, prices, state, whole = book
    if state[VIRTUAL] < 0:
        state[VIRTUAL], state[MATCHED] = auction_price(volumes, best, prices, state[LAST_PRICE], not whole)
    return state[VIRTUAL], state[MATCHED]


@njit(cache=True, nogil=True)
def compare(book, pending, first, last, levels, phase, reproduced):
    """Hold the book against the snapshots pending[first:last]; drop those now reproduced; the new `last`.

    levels: bid prices, bid volumes, ask prices, ask volumes, each (LEVELS, snapshots), 0 where a level is empty.
    """
    bid_prices, bid_volumes, ask_prices, ask_volumes = levels
    bid, bid_volume = _best_of(book, BUY)
    ask, ask_volume = _best_of(book, SELL)
    kept = first
    for i in range(first, last):
        k = pending[i]
        seen = 0
        if phase[k] == CALL:
            price, matched = _virtual(book)
            if bid_prices[0, k] == price and ask_prices[0, k] == price:
                seen = ALL if bid_volumes[0, k] == matched and ask_volumes[0, k] == matched else PRICE
        elif bid_prices[0, k] == bid and ask_prices[0, k] == ask:
            seen = PRICE
            if bid_volumes[0, k] == bid_volume and ask_volumes[0, k] == ask_volume:
                seen = BEST
                bids = _levels_equal(book, BUY, bid_prices, bid_volumes, k)
                if bids and _levels_equal(book, SELL, ask_prices, ask_volumes, k):
                    seen = ALL
        reproduced[k] = max(reproduced[k], seen)
        if reproduced[k] < ALL:
            pending[kept] = k
            kept += 1
    return kept


@njit(cache=True, nogil=True, inline="always")
def _order_first(book, orders, j, trades, i):
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
    k = _order_of(book, number[j])
    return k >= 0 and book[0][k, LEFT] == quantity[j]


@njit(cache=True, nogil=True)
def replay(trades, orders, snapshots, levels, whole, reference, reproduced):
    """Replay one symbol. Fills reproduced (snapshots,) with 0, PRICE, BEST or ALL; returns (events, faults).

    trades: event, time, price, volume, bid, ask, side; orders: event, time, order, side, price, quantity, kind; both in the
    exchange's order, event −1 where there is no joint numbering. snapshots: cumulative volume (−1: none to reproduce),
    phase. A snapshot of cumulative volume v is held against every state of the book while the tape's is v. faults: rows that
    the book contradicts.
    """
    _, t_time, paid, volume, bid, ask, aggressor = trades
    _, o_time, number, side, limit, quantity, kind = orders
    shown, phase = snapshots
    book = new_book(len(number), np.unique(np.concatenate((limit, paid))), whole, reference)
    state = book[5]
    pending = np.argsort(shown, kind="mergesort")
    first, last, later = 0, 0, 0  # pending[first:last] are those of the volume reached, pending[later:] of larger ones
    total, moved = np.int64(0), True
    i = j = events = 0
    while True:
        if moved:
            first = later
            while first < len(pending) and shown[pending[first]] < total:
                first += 1
            last = first
            while last < len(pending) and shown[pending[last]] == total:
                last += 1
            later, moved = last, False
        if first < last:
            last = compare(book, pending, first, last, levels, phase, reproduced)
        while i < len(t_time) and t_time[i] >= _CLOSE_MS:
            i += 1
        while j < len(o_time) and o_time[j] >= _CLOSE_MS:
            j += 1
        trades_on, orders_on = i < len(t_time), j < len(o_time)
        order_next = orders_on and (not trades_on or _order_first(book, orders, j, trades, i))
        if state[HELD] >= 0:
            own = book[0][state[HELD], NUMBER]
            if order_next or not trades_on or (bid[i] != own and ask[i] != own):
                settle(book)
                continue
        if order_next:
            if kind[j] == CANCELLED:
                cancel(book, number[j], quantity[j])
            else:
                enter(book, number[j], side[j], limit[j], quantity[j], kind[j])
            j += 1
        elif trades_on:
            trade(book, paid[i], volume[i], bid[i], ask[i], aggressor[i])
            total += volume[i]
            moved = True
            i += 1
        else:
            return events, state[FAULTS]
        events += 1
