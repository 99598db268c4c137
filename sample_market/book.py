"""The limit-order book and one stock-day of trading in it, compiled by numba.

This module holds matching by price and time, both call auctions, the order flow and the three-second snapshots. It does not
choose the day, the stock or the planted alpha, which are arguments, or write vendor files (`delivery`).

A stock-day is simulated from its own random stream, so that the result does not depend on the order or the number of workers.
Prices are integer cents. Inside the book, a price is its distance in cents from the lowest price that the day's limits allow.

Order flow: a latent value follows the common factors and its own fat-tailed, volatility-clustered minute returns. Orders
arrive in bursts, the number of which follows a U shape over the day and the volatility. In each burst, market makers whose
quotes the value has passed cancel them, or informed orders trade against these quotes; noise traders trade at the best prices
in a direction that persists from burst to burst and moves the value (price impact); market makers place new orders around
the value; and older orders are cancelled.
"""

# numba mixes Python and numpy integers, which mypy does not accept.
# mypy: disable-error-code="assignment,operator,call-overload,arg-type,return-value"

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

# ---- columns of the event log, which records every event in the exchange's order
TIME, KIND, BID, ASK, PRICE, QTY, SIDE, TYPE = range(8)
EVENT_COLUMNS = 8
ARRIVAL, TRADE, CANCEL, REST = 0, 1, 2, 3
"""Kinds of events. ARRIVAL: an order with its whole quantity. REST: the part of it that enters the book (an SSE add row). In
ARRIVAL, REST and CANCEL rows the order's local number is in BID for buys and in ASK for sells, and the other column is -1.
SIDE is 0 for buy and 1 for sell; in a TRADE row it is the side of the aggressor, or 2 in an auction."""
LIMIT, MARKET, OWN_BEST = 0, 1, 2

# ---- columns of a snapshot
(S_TIME, S_PHASE, S_TRADES, S_VOLUME, S_AMOUNT, S_OPEN, S_HIGH, S_LOW, S_LAST, S_CLOSE) = range(10)
S_TOTAL = 10  # bid volume, bid value, ask volume, ask value
S_WITHDRAWN = 14  # buy number, volume, value, sell number, volume, value
S_ORDERS = 20  # live bids, live asks, bid levels, ask levels
S_ASK_PRICE, S_ASK_VOLUME, S_BID_PRICE, S_BID_VOLUME, S_BID_COUNT, S_ASK_COUNT = 24, 34, 44, 54, 64, 74
SNAPSHOT_COLUMNS = 84
PRE_OPEN, OPEN_CALL, OPENED, TRADING, CLOSE_CALL, CLOSED = range(6)
"""Phases: before 09:15, opening call auction (virtual prices), between its match and 09:30, continuous trading, closing call
auction, closed."""

# ---- state of a book
BEST, LEVELS_END = 0, 1  # BEST + side
N_ORDERS, N_EVENTS, LIVE, N_TRADES, VOLUME, AMOUNT, OPEN, HIGH, LOW, LAST = 2, 3, 4, 6, 7, 8, 9, 10, 11, 12
BASE, SIZE, TOTAL_VOLUME, TOTAL_VALUE, WITHDRAWN, DEPTH, N_SNAPS, CHANGED, OVERFLOW = 13, 14, 15, 17, 19, 25, 27, 28, 29
STATE_COLUMNS = 32

# ---- columns of an order: price, remaining shares, side, next and previous order of the level, index among the live orders
O_PRICE, O_LEFT, O_SIDE, O_NEXT, O_PREV, O_PLACE = range(6)
# ---- columns of a price level
HEAD, TAIL, SHARES, COUNT = range(4)

# ---- parameters of a stock-day
(P_VALUE, P_SIGMA, P_RATE, P_SCALE, P_VOLATILITY, P_DRIFT_OPEN, P_DRIFT_DAY) = range(7)
P_SIGNAL = 7  # imprints: intention, large orders, skew, closing share, outflow size
N_SIGNALS = 5
PARAMETERS = P_SIGNAL + N_SIGNALS
I_PRE, I_LOW, I_HIGH, I_LOT, I_LOCK, I_SZSE, I_LATE, I_SEED = range(8)
INTEGERS = 8

MAX_ORDERS, MAX_EVENTS, MAX_SNAPS, MAX_LEVELS = 12_000, 30_000, 1_500, 24_000


class Book(NamedTuple):
    """The int64 arrays that the kernels fill for one stock-day. They are reused for the next stock-day."""

    orders: np.ndarray
    """(orders, 6) every order of the day, by its local number."""
    levels: np.ndarray
    """(2, prices, 4) price levels of bids and asks."""
    live: np.ndarray
    """(2, orders) numbers of the live orders of each side."""
    events: np.ndarray
    """(events, 8) the event log."""
    snapshots: np.ndarray
    """(snapshots, 84) the snapshots."""
    state: np.ndarray
    """(32,) counts, best prices and the totals of the day."""


def new_book(orders: int = MAX_ORDERS, levels: int = MAX_LEVELS) -> Book:
    """Allocate a book of at most `orders` orders and `levels` prices a side."""
    return Book(
        np.zeros((orders, 6), np.int64),
        np.zeros((2, levels, 4), np.int64),
        np.zeros((2, orders), np.int64),
        np.zeros((MAX_EVENTS, EVENT_COLUMNS), np.int64),
        np.zeros((MAX_SNAPS, SNAPSHOT_COLUMNS), np.int64),
        np.zeros(STATE_COLUMNS, np.int64),
    )


MINUTE = 60_000
OPEN_CALL_START, OPEN_MATCH, MORNING, NOON, AFTERNOON, CLOSE_CALL_START, CLOSE_MATCH = (
    555 * MINUTE,
    565 * MINUTE,
    570 * MINUTE,
    690 * MINUTE,
    780 * MINUTE,
    897 * MINUTE,
    900 * MINUTE,
)
LATE_START, LATE_END = 905 * MINUTE, 930 * MINUTE
MINUTES = 237
OPENING_MINUTES, CLOSING_MINUTES = 30, 207  # end of the opening half hour, start of the closing one


@njit(cache=True, nogil=True)
def uniform(r: np.ndarray) -> float:
    """Draw from the uniform distribution on (0, 1) by splitmix64. r: uint64[1], the state of the generator."""
    r[0] += np.uint64(0x9E3779B97F4A7C15)
    z = r[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (np.float64(z >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
def normal(r: np.ndarray) -> float:
    """Draw from the standard normal distribution by the transform of Box and Muller. r: the generator's state."""
    return math.sqrt(-2.0 * math.log(uniform(r))) * math.cos(6.283185307179586 * uniform(r))


@njit(cache=True, nogil=True)
def exponential(r: np.ndarray) -> float:
    """Draw from the exponential distribution with mean 1. r: the generator's state."""
    return -math.log(uniform(r))


@njit(cache=True, nogil=True)
def draw_shares(r: np.ndarray, scale: float, lot: int, sell: bool) -> int:
    """Draw an order size in shares: Pareto with tail exponent 1.5, at most 300 times `scale`, rounded to lots.

    3 % of the sell orders have an odd lot in addition.
    """
    x = scale * min(uniform(r) ** (-1.0 / 1.5), 300.0)
    shares = np.int64(lot) * np.int64(max(1.0, math.floor(x / lot + uniform(r))))
    if sell and uniform(r) < 0.03:
        shares += np.int64(1 + uniform(r) * 99.0)
    return shares


@njit(cache=True, nogil=True)
def log_event(
    E: np.ndarray, S: np.ndarray, t: int, kind: int, bid: int, ask: int, price: int, qty: int, side: int, otype: int
) -> None:
    """Append an event to the log E, or set S[OVERFLOW] where the log is full. price in cents, qty in shares."""
    n = S[N_EVENTS]
    if n >= E.shape[0]:
        S[OVERFLOW] = 1
        return
    E[n, TIME] = t
    E[n, KIND] = kind
    E[n, BID] = bid
    E[n, ASK] = ask
    E[n, PRICE] = price
    E[n, QTY] = qty
    E[n, SIDE] = side
    E[n, TYPE] = otype
    S[N_EVENTS] = n + 1


@njit(cache=True, nogil=True)
def rest_order(R: np.ndarray, L: np.ndarray, live: np.ndarray, S: np.ndarray, k: int) -> None:
    """Append order k to the queue of its price level."""
    side = R[k, O_SIDE]
    p = R[k, O_PRICE]
    q = R[k, O_LEFT]
    tail = L[side, p, TAIL]
    R[k, O_PREV] = tail
    R[k, O_NEXT] = -1
    if tail >= 0:
        R[tail, O_NEXT] = k
    else:
        L[side, p, HEAD] = k
        S[DEPTH + side] += 1
    L[side, p, TAIL] = k
    L[side, p, SHARES] += q
    L[side, p, COUNT] += 1
    n = S[LIVE + side]
    live[side, n] = k
    R[k, O_PLACE] = n
    S[LIVE + side] = n + 1
    S[TOTAL_VOLUME + side] += q
    S[TOTAL_VALUE + side] += q * (p + S[BASE])
    if side == 0:
        if p > S[BEST]:
            S[BEST] = p
    elif p < S[BEST + 1]:
        S[BEST + 1] = p
    S[CHANGED] = 1


@njit(cache=True, nogil=True)
def take_shares(R: np.ndarray, L: np.ndarray, live: np.ndarray, S: np.ndarray, k: int, q: int) -> None:
    """Reduce resting order k by q shares. An order without shares left is removed, and the best price is updated."""
    side = R[k, O_SIDE]
    p = R[k, O_PRICE]
    R[k, O_LEFT] -= q
    L[side, p, SHARES] -= q
    S[TOTAL_VOLUME + side] -= q
    S[TOTAL_VALUE + side] -= q * (p + S[BASE])
    S[CHANGED] = 1
    if R[k, O_LEFT] > 0:
        return
    prev, nxt = R[k, O_PREV], R[k, O_NEXT]
    if prev >= 0:
        R[prev, O_NEXT] = nxt
    else:
        L[side, p, HEAD] = nxt
    if nxt >= 0:
        R[nxt, O_PREV] = prev
    else:
        L[side, p, TAIL] = prev
    L[side, p, COUNT] -= 1
    place = R[k, O_PLACE]
    last = S[LIVE + side] - 1
    moved = live[side, last]
    live[side, place] = moved
    R[moved, O_PLACE] = place
    S[LIVE + side] = last
    if L[side, p, COUNT] == 0:
        S[DEPTH + side] -= 1
        if p == S[BEST + side]:
            if side == 0:
                while p >= 0 and L[0, p, COUNT] == 0:
                    p -= 1
            else:
                while p < S[SIZE] and L[1, p, COUNT] == 0:
                    p += 1
            S[BEST + side] = p


@njit(cache=True, nogil=True)
def record_trade(E: np.ndarray, S: np.ndarray, t: int, bid: int, ask: int, p: int, q: int, side: int) -> None:
    """Log a trade of q shares at level p and add it to the totals of the day; the orders in the book are not changed."""
    cents = p + S[BASE]
    log_event(E, S, t, TRADE, bid, ask, cents, q, side, 0)
    S[N_TRADES] += 1
    S[VOLUME] += q
    S[AMOUNT] += q * cents
    if S[OPEN] == 0:
        S[OPEN] = cents
        S[HIGH] = cents
        S[LOW] = cents
    if cents > S[HIGH]:
        S[HIGH] = cents
    if cents < S[LOW]:
        S[LOW] = cents
    S[LAST] = cents


@njit(cache=True, nogil=True)
def cancel_order(R: np.ndarray, L: np.ndarray, live: np.ndarray, S: np.ndarray, E: np.ndarray, t: int, k: int) -> None:
    """Cancel the remaining shares of resting order k at time t (ms since midnight) and log the event."""
    side = R[k, O_SIDE]
    q = R[k, O_LEFT]
    price = R[k, O_PRICE] + S[BASE]
    log_event(E, S, t, CANCEL, k if side == 0 else -1, k if side == 1 else -1, price, q, side, 0)
    S[WITHDRAWN + 3 * side] += 1
    S[WITHDRAWN + 3 * side + 1] += q
    S[WITHDRAWN + 3 * side + 2] += q * price
    take_shares(R, L, live, S, k, q)


@njit(cache=True, nogil=True)
def submit(
    R: np.ndarray,
    L: np.ndarray,
    live: np.ndarray,
    S: np.ndarray,
    E: np.ndarray,
    t: int,
    side: int,
    p: int,
    q: int,
    otype: int,
    match: bool,
) -> None:
    """Process an arriving order of q shares at level p.

    With `match`, it trades against the other side first; without (call auctions), it only enters the book. Market orders trade
    at no more than five levels, and the rest of them is cancelled.
    """
    k = S[N_ORDERS]
    if k >= R.shape[0] or q <= 0:
        if k >= R.shape[0]:
            S[OVERFLOW] = 1
        return
    S[N_ORDERS] = k + 1
    p = min(max(p, 0), S[SIZE] - 1)
    other = 1 - side
    cents = 0 if otype != LIMIT else p + S[BASE]
    log_event(E, S, t, ARRIVAL, k if side == 0 else -1, k if side == 1 else -1, cents, q, side, otype)
    R[k, O_PRICE] = p
    R[k, O_SIDE] = side
    levels = 0
    seen = -1
    while match and q > 0 and S[LIVE + other] > 0:
        best = S[BEST + other]
        if otype == LIMIT and ((side == 0 and best > p) or (side == 1 and best < p)):
            break
        if otype == OWN_BEST:
            break
        if best != seen:
            levels += 1
            seen = best
            if otype == MARKET and levels > 5:
                break
        r = L[other, best, HEAD]
        f = min(q, R[r, O_LEFT])
        record_trade(E, S, t, k if side == 0 else r, k if side == 1 else r, best, f, side)
        take_shares(R, L, live, S, r, f)
        q -= f
    R[k, O_LEFT] = q
    if q == 0:
        return
    if otype == MARKET:
        log_event(E, S, t, CANCEL, k if side == 0 else -1, k if side == 1 else -1, 0, q, side, 0)
        S[WITHDRAWN + 3 * side] += 1
        S[WITHDRAWN + 3 * side + 1] += q
        S[CHANGED] = 1
        return
    rest_order(R, L, live, S, k)
    log_event(E, S, t, REST, k if side == 0 else -1, k if side == 1 else -1, p + S[BASE], q, side, otype)


@njit(cache=True, nogil=True)
def auction_price(L: np.ndarray, S: np.ndarray, reference: int) -> tuple[int, int, int, int]:
    """Return the price level of a call auction and the matched shares, unmatched buy shares and unmatched sell shares at it.

    The level has the largest matched volume; of several, the smallest imbalance; of several still, the smallest distance from
    `reference` (cents). The level is -1 where nothing can trade.
    """
    lo, hi = S[BEST + 1], S[BEST]
    if S[LIVE] == 0 or S[LIVE + 1] == 0 or hi < lo:
        return -1, 0, 0, 0
    buys = 0
    for p in range(lo, hi + 1):
        buys += L[0, p, SHARES]
    sells = 0
    best_p, best_v, best_i, best_d = -1, -1, 0, 0
    for p in range(lo, hi + 1):
        sells += L[1, p, SHARES]
        v = min(buys, sells)
        i = buys - sells
        d = abs(p + S[BASE] - reference)
        if v > best_v or (v == best_v and (abs(i) < abs(best_i) or (abs(i) == abs(best_i) and d < best_d))):
            best_p, best_v, best_i, best_d = p, v, i, d
        buys -= L[0, p, SHARES]
    return best_p, best_v, max(best_i, 0), max(-best_i, 0)


@njit(cache=True, nogil=True)
def match_auction(
    R: np.ndarray, L: np.ndarray, live: np.ndarray, S: np.ndarray, E: np.ndarray, t: int, reference: int
) -> None:
    """Match a call auction at its one price, in price and time priority, and log its trades at time t."""
    p, v, _, _ = auction_price(L, S, reference)
    while v > 0:
        b = L[0, S[BEST], HEAD]
        a = L[1, S[BEST + 1], HEAD]
        f = min(v, min(R[b, O_LEFT], R[a, O_LEFT]))
        record_trade(E, S, t, b, a, p, f, 2)
        take_shares(R, L, live, S, b, f)
        take_shares(R, L, live, S, a, f)
        v -= f


@njit(cache=True, nogil=True)
def take_snapshot(L: np.ndarray, S: np.ndarray, Q: np.ndarray, t: int, phase: int, reference: int) -> None:
    """Append a snapshot of the book at time t (ms since midnight) to Q.

    In a call auction, level 1 of both sides has the virtual price and the volume that it would match, and level 2 the unmatched
    volume.
    """
    n = S[N_SNAPS]
    if n >= Q.shape[0]:
        S[OVERFLOW] = 1
        return
    S[N_SNAPS] = n + 1
    S[CHANGED] = 0
    for c in range(SNAPSHOT_COLUMNS):
        Q[n, c] = 0
    Q[n, S_TIME] = t
    Q[n, S_PHASE] = phase
    Q[n, S_TRADES] = S[N_TRADES]
    Q[n, S_VOLUME] = S[VOLUME]
    Q[n, S_AMOUNT] = S[AMOUNT]
    Q[n, S_OPEN] = S[OPEN]
    Q[n, S_HIGH] = S[HIGH]
    Q[n, S_LOW] = S[LOW]
    Q[n, S_LAST] = S[LAST]
    if phase == CLOSED:
        Q[n, S_CLOSE] = S[LAST]
    if phase == PRE_OPEN:
        return
    for c in range(6):
        Q[n, S_WITHDRAWN + c] = S[WITHDRAWN + c]
    if phase in (OPEN_CALL, CLOSE_CALL):
        p, v, ub, us = auction_price(L, S, reference)
        if p >= 0:
            Q[n, S_ASK_PRICE] = p + S[BASE]
            Q[n, S_BID_PRICE] = p + S[BASE]
            Q[n, S_ASK_VOLUME] = v
            Q[n, S_BID_VOLUME] = v
            Q[n, S_BID_VOLUME + 1] = ub
            Q[n, S_ASK_VOLUME + 1] = us
        return
    for side in range(2):
        Q[n, S_TOTAL + 2 * side] = S[TOTAL_VOLUME + side]
        Q[n, S_TOTAL + 2 * side + 1] = S[TOTAL_VALUE + side]
        Q[n, S_ORDERS + side] = S[LIVE + side]
        Q[n, S_ORDERS + 2 + side] = S[DEPTH + side]
    p = S[BEST]
    found = 0
    levels = min(10, S[DEPTH])
    while found < levels:
        if L[0, p, COUNT] > 0:
            Q[n, S_BID_PRICE + found] = p + S[BASE]
            Q[n, S_BID_VOLUME + found] = L[0, p, SHARES]
            Q[n, S_BID_COUNT + found] = L[0, p, COUNT]
            found += 1
        p -= 1
    p = S[BEST + 1]
    found = 0
    levels = min(10, S[DEPTH + 1])
    while found < levels:
        if L[1, p, COUNT] > 0:
            Q[n, S_ASK_PRICE + found] = p + S[BASE]
            Q[n, S_ASK_VOLUME + found] = L[1, p, SHARES]
            Q[n, S_ASK_COUNT + found] = L[1, p, COUNT]
            found += 1
        p += 1


@njit(cache=True, nogil=True)
def drop_repeat(S: np.ndarray, Q: np.ndarray, szse: int) -> None:
    """Remove the last snapshot if it equals the previous one (Shenzhen's snapshots do not show withdrawals)."""
    n = S[N_SNAPS] - 1
    for c in range(S_PHASE, SNAPSHOT_COLUMNS):
        if szse == 1 and S_WITHDRAWN <= c < S_ASK_PRICE:
            continue
        if Q[n, c] != Q[n - 1, c]:
            return
    S[N_SNAPS] = n


@njit(cache=True, nogil=True)
def cancel_some(
    R: np.ndarray, L: np.ndarray, live: np.ndarray, S: np.ndarray, E: np.ndarray, r: np.ndarray, t: int, target: int
) -> None:
    """Keep the number of live orders of each side near `target` by cancelling orders drawn at random."""
    for side in range(2):
        n = S[LIVE + side]
        if n > 4 and uniform(r) < 0.30 + 0.06 * (n - target):
            k = live[side, np.int64(uniform(r) * n)]
            if R[k, O_PRICE] != S[BEST + side] or L[side, R[k, O_PRICE], COUNT] > 1:
                cancel_order(R, L, live, S, E, t, k)


class StockDay(NamedTuple):
    """The parameters of a stock-day.

    The first fields are parameters of the same names.
    """

    sigma: float
    rate: float
    scale: float
    level: float
    """Log volatility of the day."""
    drift_open: float
    drift_day: float
    intention: float
    large: float
    skew: float
    closing: float
    outflow: float
    pre: int
    lot: int
    lock: int
    """1 locked at limit-up, -1 at limit-down, 0 otherwise."""
    szse: int
    base: int
    size: int
    """Number of prices."""
    width: float
    """Typical distance of price levels, in cents."""


@njit(cache=True, nogil=True)
def _day(P: np.ndarray, N: np.ndarray, v: float) -> StockDay:
    return StockDay(
        P[P_SIGMA],
        P[P_RATE],
        P[P_SCALE],
        P[P_VOLATILITY],
        P[P_DRIFT_OPEN],
        P[P_DRIFT_DAY],
        P[P_SIGNAL],
        P[P_SIGNAL + 1],
        P[P_SIGNAL + 2],
        P[P_SIGNAL + 3],
        P[P_SIGNAL + 4],
        N[I_PRE],
        N[I_LOT],
        N[I_LOCK],
        N[I_SZSE],
        N[I_LOW],
        N[I_HIGH] - N[I_LOW] + 1,
        max(1.0, 0.0005 * math.exp(v) * 100.0),
    )


@njit(cache=True, nogil=True)
def _clear(book: Book, base: int, size: int) -> None:
    """Empty the book and set its prices to `size` prices from `base` cents."""
    _, L, _, _, _, S = book
    S[:] = 0
    S[BASE], S[SIZE] = base, size
    S[BEST], S[BEST + 1] = -1, size
    for side in range(2):
        for p in range(size):
            L[side, p, HEAD] = -1
            L[side, p, TAIL] = -1
            L[side, p, SHARES] = 0
            L[side, p, COUNT] = 0


@njit(cache=True, nogil=True)
def _level(v: float, day: StockDay) -> float:
    """Convert the value (log yuan) to a distance in cents from the day's lowest price."""
    return math.exp(v) * 100.0 - day.base


@njit(cache=True, nogil=True)
def _opening_call(book: Book, r: np.ndarray, day: StockDay, x: float) -> None:
    """Simulate the opening call auction, 09:15 to 09:25, with cancels until 09:20. x: the value's level."""
    R, L, live, E, Q, S = book
    n = 46 + np.int64(16.0 * uniform(r))
    t = OPEN_CALL_START + 20
    mark = t // 3000 + 1
    for i in range(n):
        # Orders arrive in a few clusters, which keeps the number of virtual snapshots small.
        if uniform(r) < 0.12:
            t += np.int64(30_000 + uniform(r) * 60_000) // 10 * 10
        else:
            t += np.int64(10 + uniform(r) * 120) // 10 * 10
        t = min(t, OPEN_MATCH - 4_000)
        if t > mark * 3000 and S[CHANGED] == 1:
            take_snapshot(L, S, Q, mark * 3000, OPEN_CALL, day.pre)
        mark = max(mark, (t + 2999) // 3000)
        side = np.int64(i % 2)
        if day.lock != 0 and uniform(r) < 0.8:
            side = np.int64(0 if day.lock > 0 else 1)
        sign = 1.0 if side == 0 else -1.0
        q = draw_shares(r, day.scale, day.lot, side == 1)
        if day.lock != 0 and side == (0 if day.lock > 0 else 1):
            q *= 6
        eager = uniform(r) < 0.28
        p = (
            x + sign * (normal(r) * 4.0 + 1.5) * day.width
            if eager
            else x - sign * (1.0 + exponential(r) * 7.0) * day.width
        )
        submit(R, L, live, S, E, t, side, np.int64(math.floor(p + 0.5)), q, LIMIT, False)
        if uniform(r) < 0.06 and t < OPEN_MATCH - 5 * MINUTE:
            s = np.int64(uniform(r) * 2.0)
            if S[LIVE + s] > 6:
                cancel_order(R, L, live, S, E, t, live[s, np.int64(uniform(r) * S[LIVE + s])])
    t = OPEN_MATCH if day.szse == 1 else OPEN_MATCH + np.int64(uniform(r) * 90.0) * 10
    if S[CHANGED] == 1:
        take_snapshot(L, S, Q, mark * 3000, OPEN_CALL, day.pre)
    match_auction(R, L, live, S, E, t, day.pre)
    take_snapshot(L, S, Q, OPEN_MATCH if day.szse == 1 else OPEN_MATCH + 3_000, OPENED, day.pre)


@njit(cache=True, nogil=True)
def _move(r: np.ndarray, day: StockDay, m: int, vol: float, common: float) -> float:
    """Draw the value's log return of minute m: common part, fat-tailed own part, jumps, drift.

    vol: the standard deviation of the stock's own part. common: the common part.
    """
    skew_down = 0.5 + 0.45 * math.tanh(day.skew)
    # The tails are fat by a lognormal scale mixture and by rare jumps, the direction of which has the planted skewness.
    move = vol * normal(r) * math.exp(0.45 * normal(r)) * 0.6
    move += common
    if uniform(r) < 0.012:
        jump = vol * (3.0 + 1.5 * exponential(r))
        move += -jump if uniform(r) < skew_down else jump
    move += vol * 0.054 * (2.0 * skew_down - 1.0)  # offsets the mean of the jumps, so that the skewness adds no drift
    move += day.drift_open * 0.2 / 30.0 if m < OPENING_MINUTES else day.drift_day / 207.0
    return move


# The parts of a burst are inlined: passing the book's arrays, hundreds of times a day, takes a tenth of the simulation's time.
@njit(cache=True, nogil=True, inline="always")
def _stale_makers(book: Book, r: np.ndarray, day: StockDay, x: float, t: int) -> int:
    """Cancel quotes of market makers that the value has passed, or trade against them by informed orders.

    Returns the time stamp of the last event.
    """
    R, L, live, E, _, S = book
    for side in range(2):
        sign = 1.0 if side == 0 else -1.0  # side of the informed order
        other = 1 - side
        for _ in range(5):
            if S[LIVE + other] < 3 or sign * (x - S[BEST + other]) < 0.4 * day.width or uniform(r) < 0.4:
                break
            cancel_order(R, L, live, S, E, t, L[other, S[BEST + other], HEAD])
            t += 10
        if S[LIVE + other] > 0 and sign * (x - S[BEST + other]) > 0.3 * day.width:
            limit = np.int64(math.floor(x)) if side == 0 else np.int64(math.ceil(x))
            limit = min(max(limit, 0), day.size - 1)
            depth = 0
            p = S[BEST + other]
            for _ in range(60):
                if p < 0 or p >= day.size or sign * (limit - p) < 0:
                    break
                depth += L[other, p, SHARES]
                p += 1 if side == 0 else -1
            q = np.int64(depth * (0.5 + 0.6 * uniform(r))) // day.lot * day.lot
            if q > 0:
                t += 10 * np.int64(1 + uniform(r) * 8.0)
                submit(R, L, live, S, E, t, side, limit, q, LIMIT, True)
    return t


@njit(cache=True, nogil=True, inline="always")
def _noise_traders(
    book: Book, r: np.ndarray, day: StockDay, first: bool, v: float, flow: float, t: int
) -> tuple[float, float, int]:
    """Submit the orders of noise traders, which trade at the best prices.

    first: whether the burst is in the opening half hour. Returns the value, the noise traders' flow and the last time stamp.
    """
    R, L, live, E, _, S = book
    lock = day.lock
    x = _level(v, day)
    tilt = 0.9 * flow + 0.35 * max(min((x - 0.5 * (S[BEST] + S[BEST + 1])) / day.width, 3.0), -3.0)
    if first:
        tilt += day.intention
    orders = 1 + np.int64(uniform(r) < 0.18) + np.int64(uniform(r) < 0.05)
    for _ in range(orders):
        is_large = uniform(r) < (0.20 if first else 0.10)
        direction = tilt + (day.large if first and is_large else 0.0)
        side = np.int64(0) if uniform(r) < 1.0 / (1.0 + math.exp(-2.0 * direction)) else np.int64(1)
        if (lock > 0 and side == 0) or (lock < 0 and side == 1):
            side = 1 - side
        sign = 1.0 if side == 0 else -1.0
        other = 1 - side
        if S[LIVE + other] == 0:
            continue
        q = draw_shares(r, day.scale * (3.5 if is_large else 0.8), day.lot, side == 1)
        if not first:
            # The planted outflow: sell orders are larger than buy orders.
            stretch = math.exp(-sign * day.outflow)
            q = max(np.int64(q * stretch) // day.lot, 1) * day.lot
        if lock != 0:
            q = day.lot * np.int64(1 + 3 * uniform(r))
        otype = LIMIT
        if day.szse == 1 and uniform(r) < 0.06 and lock == 0:
            otype = MARKET if uniform(r) < 0.6 else OWN_BEST
        limit = S[BEST + other] + np.int64(sign * math.floor(exponential(r) * 0.9 * day.width))
        if otype == OWN_BEST:
            if S[LIVE + side] == 0:
                continue
            limit = S[BEST + side]
        t += 10 * np.int64(1 + uniform(r) * 10.0)
        submit(R, L, live, S, E, t, side, limit, q, otype, True)
        flow = 0.93 * flow + 0.07 * sign
        v += sign * 0.02 * day.sigma * math.log(1.0 + q / day.scale)  # price impact
    return v, flow, t


@njit(cache=True, nogil=True, inline="always")
def _refill(book: Book, r: np.ndarray, day: StockDay, first: bool, x: float, half: float, t: int) -> int:
    """Submit the orders of market makers around the value, at least `half` cents from it.

    Returns the time stamp of the last order.
    """
    R, L, live, E, _, S = book
    lock = day.lock
    for side in range(2):
        sign = 1.0 if side == 0 else -1.0
        chance = 0.72 + 0.04 * (27 - S[LIVE + side])
        if first:
            chance += 0.12 * sign * day.intention
        if x > day.size - 1 and side == 1:
            chance *= 0.15
        if x < 0 and side == 0:
            chance *= 0.15
        if lock != 0:
            chance = 1.0 if side == (0 if lock > 0 else 1) else 0.0
        count = np.int64(math.floor(max(chance, 0.0) + uniform(r)))
        for i in range(min(count, 3)):
            distance = half + (
                exponential(r) * 2.5 * day.width if uniform(r) < 0.5 else exponential(r) * 9.0 * day.width
            )
            if i == 0 and S[LIVE + side] > 0 and abs(x - S[BEST + side]) > 2.5 * day.width + 1.0:
                distance = half
            p = np.int64(math.floor(x - distance)) if side == 0 else np.int64(math.ceil(x + distance))
            t += 10 * np.int64(1 + uniform(r) * 12.0)
            q = draw_shares(r, day.scale * (6.0 if lock != 0 else 1.3), day.lot, side == 1)
            submit(R, L, live, S, E, t, side, p, q, LIMIT, True)
    return t


@njit(cache=True, nogil=True)
def _burst(
    book: Book, r: np.ndarray, day: StockDay, first: bool, v: float, flow: float, t0: int
) -> tuple[float, float]:
    """Simulate one burst of orders, from t0 to its snapshot three seconds later.

    Returns the value and the noise traders' flow.
    """
    R, L, live, E, Q, S = book
    t = t0 + 10 + np.int64(uniform(r) * 60.0) * 10
    half = day.width * 0.3 * (0.4 + exponential(r)) + 0.2
    t = _stale_makers(book, r, day, _level(v, day), t)
    v, flow, t = _noise_traders(book, r, day, first, v, flow, t)
    t = _refill(book, r, day, first, _level(v, day), half, t)
    t += 10 * np.int64(1 + uniform(r) * 8.0)
    if day.lock == 0:
        cancel_some(R, L, live, S, E, r, t, 30)
    # All events of a burst precede its snapshot and are in its minute.
    i = S[N_EVENTS] - 1
    while i >= 0 and E[i, TIME] > t0 + 2990:
        E[i, TIME] = t0 + 2990
        i -= 1
    stamp = t0 + 3000
    if S[CHANGED] == 1 and stamp != CLOSE_CALL_START:
        take_snapshot(L, S, Q, stamp, TRADING, day.pre)
        drop_repeat(S, Q, day.szse)
    return v, flow


@njit(cache=True, nogil=True)
def _continuous(book: Book, r: np.ndarray, day: StockDay, common: np.ndarray, shape: np.ndarray, v: float) -> float:
    """Simulate continuous trading, minute by minute. Returns the value at its end."""
    _, L, _, _, Q, S = book
    flow = 0.0  # direction of the noise traders
    pending = 0.0  # change of the value since the last burst
    h = 0.0  # log volatility within the day, less the day's level
    for m in range(MINUTES):
        start = MORNING + m * MINUTE if m < 120 else AFTERNOON + (m - 120) * MINUTE
        if m == 0 or m == 120:  # each session starts with a snapshot, even if the book has not changed
            take_snapshot(L, S, Q, start, TRADING, day.pre)
        h = 0.97 * h + 0.10 * normal(r)
        vol = day.sigma * math.sqrt(shape[m]) * math.exp(day.level + h)
        move = _move(r, day, m, vol, common[m])
        pending += move
        activity = (
            day.rate * shape[m] * math.exp(0.55 * h + 0.3 * day.level + 0.25 * min(abs(move) / (vol + 1e-9), 4.0) - 0.2)
        )
        if m >= CLOSING_MINUTES:
            activity *= math.exp(-day.closing)
        bursts = min(np.int64(math.floor(activity + uniform(r))), 12)
        step = 0.0
        if bursts > 0:
            step = pending / bursts
            pending = 0.0
        slot = -1
        for b in range(bursts):
            v += step
            slot = max(np.int64((b + uniform(r)) * 20.0 / bursts), slot + 1)
            if slot > 19:
                break
            v, flow = _burst(book, r, day, m < OPENING_MINUTES, v, flow, start + slot * 3000)
    return v + pending


@njit(cache=True, nogil=True)
def _closing_call(book: Book, r: np.ndarray, day: StockDay, x: float) -> None:
    """Simulate the closing call auction, 14:57 to 15:00, without cancels. x: the value's level."""
    R, L, live, E, Q, S = book
    lock = day.lock
    take_snapshot(L, S, Q, CLOSE_CALL_START, CLOSE_CALL, S[LAST])
    clumps = 2
    heavy = math.exp(-day.closing)
    for c in range(clumps):
        t0 = CLOSE_CALL_START + np.int64((c + uniform(r)) * 58.0 / clumps) * 3000
        t = t0 + 10
        for i in range(5):
            side = np.int64((i + c) % 2)
            if lock != 0:
                side = np.int64(1 if lock > 0 else 0) if i == 0 else np.int64(0 if lock > 0 else 1)
            sign = 1.0 if side == 0 else -1.0
            q = draw_shares(r, day.scale * 2.0 * heavy, day.lot, False)
            p = x + sign * (2.0 + 2.0 * normal(r)) * day.width if i > 1 else x + sign * 3.0 * day.width
            t += 10 * np.int64(1 + uniform(r) * 40.0)
            submit(R, L, live, S, E, t, side, np.int64(math.floor(p + 0.5)), q, LIMIT, False)
        take_snapshot(L, S, Q, t0 + 3000, CLOSE_CALL, S[LAST])
    t = CLOSE_MATCH if day.szse == 1 else CLOSE_MATCH + np.int64(uniform(r) * 90.0) * 10
    match_auction(R, L, live, S, E, t, S[LAST])
    take_snapshot(L, S, Q, CLOSE_MATCH + 3_000, CLOSED, day.pre)


@njit(cache=True, nogil=True)
def _after_hours(book: Book, r: np.ndarray, day: StockDay) -> None:
    """Simulate fixed-price trading after hours (STAR, ChiNext): one to three trades at the closing price, outside the book."""
    R, L, _, E, Q, S = book
    t = LATE_START
    for _ in range(1 + np.int64(uniform(r) * 3.0)):
        t += 10 * np.int64(1 + uniform(r) * 40_000.0)
        buyer_last = uniform(r) < 0.5
        q = draw_shares(r, day.scale, day.lot, False)
        k = S[N_ORDERS]
        if k + 2 > R.shape[0]:
            S[OVERFLOW] = 1
            break
        S[N_ORDERS] = k + 2
        side = np.int64(1 if buyer_last else 0)
        log_event(E, S, t, ARRIVAL, k if side == 0 else -1, k if side == 1 else -1, S[LAST], q, side, 0)
        k += 1
        side = 1 - side
        log_event(E, S, t, ARRIVAL, k if side == 0 else -1, k if side == 1 else -1, S[LAST], q, side, 0)
        record_trade(E, S, t, k if side == 0 else k - 1, k if side == 1 else k - 1, S[LAST] - day.base, q, side)
    take_snapshot(L, S, Q, LATE_END, CLOSED, day.pre)


@njit(cache=True, nogil=True)
def simulate_day(
    book: Book, P: np.ndarray, N: np.ndarray, common: np.ndarray, shape: np.ndarray, out: np.ndarray
) -> None:
    """Simulate one stock-day.

    book: overwritten; its state S[OVERFLOW] is 1 afterwards where an array was too small. P, N: the real (P_…) and integer (I_…)
    parameters. common: (237,) common part of the value's minute log returns. shape: (237,) intraday activity with mean 1.
    out: float64[1], set to the value at the close (log yuan).
    """
    _, L, _, _, Q, S = book
    r = np.empty(1, np.uint64)
    r[0] = np.uint64(N[I_SEED])
    v = P[P_VALUE] + P[P_DRIFT_OPEN] * 0.8  # most of the opening drift occurs overnight
    day = _day(P, N, v)
    _clear(book, day.base, day.size)
    take_snapshot(L, S, Q, 525 * MINUTE + 18_000, PRE_OPEN, day.pre)
    _opening_call(book, r, day, _level(v, day))
    v = _continuous(book, r, day, common, shape, v)
    _closing_call(book, r, day, _level(v, day))
    if N[I_LATE] == 1 and uniform(r) < 0.4 and S[LAST] > 0:
        _after_hours(book, r, day)
    out[0] = v
