"""The limit-order book of one symbol, replayed from its orders and trades and compared with its snapshots by numba kernels.

This module holds the state of the book, the effect of each event, the comparison with snapshots and the price of a call auction. It
does not handle frames and batches or choose the symbols to replay (replay.py), and it does not match orders: the exchange's trades
are the input.

Prices are in 1/10 000 yuan. Inside the book, a price is its rank among the prices of the symbol's orders and trades, so that a level
is an index of an array, the length of which does not depend on the size of a price. Effects of events (SPEC §2.3;
rebuilt_orders.py):
- Shanghai: a limit row enters the book. A trade reduces the resting orders that it names; the rest of an aggressor that is not in
  the book is added by the limit row after its fills.
- Shenzhen: a limit row enters the book at once with its whole size, so that it may cross until its own trades follow; an own_best
  order enters at the best price of its side, or not at all if there is none. A market order is kept outside the book: its trades
  reduce it, and its rest enters at the price of its last trade (an immediate cancel removes it again).
- A cancel removes the rest of its order.
Rows stamped 15:01 or later are ignored. The orders that ChiNext did not show beyond the 2 % band (2020-08-24 to 2023-04-07) are not
reproduced.
"""

import numpy as np
from numba import njit

from assets.tape_health.rebuilt_orders import place_of, table_size
from assets.ticks.layouts import CANCELLED, LEVELS, LIMIT, MARKET
from resources import clock

BUY, SELL = 0, 1
"""Sides of the book's arrays."""
CONTINUOUS, REST, CALL = 0, 1, 2
"""Phases of a snapshot: continuous trading; a book at rest outside it, auctions matched; a call auction's virtual price."""
PRICE, BEST, ALL = 1, 2, 3
"""Which part of a snapshot is reproduced: the best prices; also their volumes; all levels (in a call: the virtual price and volume)."""

NUMBER, CHANNEL, SIDE, RANK, LEFT = range(5)
"""Columns of the book's orders. CHANNEL is 0, since a book has one channel. RANK is −1 for an order that is not in the book."""
ORDERS, HELD, HELD_PRICE, FAULTS, LAST_PRICE, VIRTUAL, MATCHED = range(7)
"""State of a book. HELD: the market order that is trading, −1 for none. VIRTUAL: the present price of a call auction, −1 if it must be
computed."""
_CLOSE_MS = clock.CLOSING_END * clock.MINUTE_MS


@njit(cache=True, nogil=True)
def new_book(orders, prices, whole, reference):
    """Create an empty book for `orders` orders at the sorted, distinct `prices`.

    whole: whether order rows have the whole size. reference: the price that an auction is near to before the first trade. Returns
    orders, hash table, volumes (2, prices), best ranks (2,), prices, state and whole.
    """
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
    """Return the index of the order with this number, or −1."""
    at = place_of(book[1], book[0], number, 0)
    return book[1][at] if at >= 0 else -1


@njit(cache=True, nogil=True, inline="always")
def _put(book, k, rank):
    """Add the remaining shares of order k to the book at a rank."""
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
    """Reduce order k by up to `quantity` shares and return by how many."""
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
    """Process an order row. side: +1 buy, −1 sell."""
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
    """End the trading of the market order: its rest enters the book at its last price, if it had a trade."""
    state = book[5]
    if state[HELD_PRICE] > 0:
        _put(book, state[HELD], np.searchsorted(book[4], state[HELD_PRICE]))
    state[HELD] = -1


@njit(cache=True, nogil=True, inline="always")
def cancel(book, number, quantity):
    """Process a cancel: remove the rest of the order, and count a fault if this is not `quantity` shares."""
    k = _order_of(book, number)
    if k < 0 or _take(book, k, book[0][k, LEFT]) != quantity:
        book[5][FAULTS] += 1


@njit(cache=True, nogil=True, inline="always")
def trade(book, price, volume, bid, ask, aggressor):
    """Process a trade between two orders. aggressor: +1 the buyer, −1 the seller, 0 in an auction."""
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
    """Return (price, volume) of a call auction; 0, 0 where nothing can trade.

    The exchanges' rules: the price has the largest volume at which every better-priced order is filled completely; of several such
    prices, the smallest unmatched volume; of several still, it is their mean (`middle`, Shanghai) or the price between them that is
    nearest to `reference` (Shenzhen). All 189 call snapshots of 600519.SH on 2023-02-01 agree; none of them needs the last rule.
    """
    low, high = best[SELL], best[BUY]
    if high < low or high < 0 or low >= len(prices):
        return np.int64(0), np.int64(0)
    buys, sells = volumes[BUY, low : high + 1].sum(), np.int64(0)  # shares at this price or a better one
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
    """Return whether all levels of one side equal those of snapshot k, which shows an absent level as 0."""
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
    """Return the price of a call auction that would match now, and the volume that it would match."""
    _, _, volumes, best, prices, state, whole = book
    if state[VIRTUAL] < 0:
        state[VIRTUAL], state[MATCHED] = auction_price(volumes, best, prices, state[LAST_PRICE], not whole)
    return state[VIRTUAL], state[MATCHED]


@njit(cache=True, nogil=True)
def compare(book, pending, first, last, levels, phase, reproduced):
    """Compare the book with the snapshots pending[first:last], drop the reproduced ones and return the new `last`.

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
    """Return whether order row j is processed before trade i.

    The joint numbering decides; without one, time decides, and within one stamp the order numbers. Numbers are assigned on arrival,
    so that an order row precedes the trades of later aggressors and follows its own fills. A cancel follows the fills after which
    its quantity is exactly the rest of its order.
    """
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
    """Replay one symbol. Fills reproduced (snapshots,) with 0, PRICE, BEST or ALL and returns (events, faults).

    trades: event, time, price, volume, bid, ask, side. orders: event, time, order, side, price, quantity, kind. Both are in the
    exchange's order; event is −1 without a joint numbering. snapshots: cumulative volume (−1: not to be reproduced) and phase. A
    snapshot of cumulative volume v is compared with every state of the book while the volume of the tape is v. events: the number
    of rows replayed; faults: the number of rows that contradict the book.
    """
    _, t_time, paid, volume, bid, ask, aggressor = trades
    _, o_time, number, side, limit, quantity, kind = orders
    shown, phase = snapshots
    book = new_book(len(number), np.unique(np.concatenate((limit, paid))), whole, reference)
    state = book[5]
    pending = np.argsort(shown, kind="mergesort")
    first, last, later = 0, 0, 0  # pending[first:last] have the volume reached, pending[later:] larger ones
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
