"""Rebuilds every order of a day from its rows in the order stream and its fills, and counts orders that are impossible.

This module computes the size of each order and its filled, cancelled and remaining shares, and checks that no order is filled or
cancelled beyond its size. It does not replay the book (order_book.py, replay.py), which needs the order of events; sums do not.

tape_health uses `count_order_faults(trades, orders, batch_rows)`, the column `faulty` of which is its measure overfilled_orders.

An order is identified by its number on its channel. A vendor without channels has all orders of a stock on one channel. The cancels
in its trade file have another channel in the table, since they are numbered as that file is; here they are read as cancels of the
first channel.

Rules of the tapes. Those of Shanghai hold without exception on the real tapes of 2023-02-01 (600519) and 2023-07-11 (600536,
600761, 605580): 176 255 orders, of which 117 163 entered the stream and 44 172 were cancelled.
- Shanghai: the `limit` row of an order follows the fills that it had as aggressor, and its quantity is the remainder after them; an
  order that is filled at once has no row. In the auctions nothing is filled at once, and the row has the whole size. A fill that
  names the order as the passive side (or as either side of an auction) reduces this remainder, and a cancel removes exactly
  the rest of it. Therefore size = fills as aggressor + quantity of the row.
- Shenzhen: the row has the whole size and comes first; every fill reduces it, and a cancel removes the rest. These are the
  published rules, which were not yet tried on a real order tape.
- Neither exchange fills an order at a worse price than its limit.
Some feeds have no rows of orders that an auction filled. Such orders are faulty and are also counted separately (`auctioned`): they
show that rows are missing, but not that trades and orders are of two different tapes, in which case orders of continuous trading
would lack their rows too.
Rows stamped 15:01 or later (after-hours trading at a fixed price, SPEC §1) do not belong to the book and are left out.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numba import njit

from assets.ticks.batches import Batch
from assets.ticks.canonical import KIND
from assets.ticks.joint_batches import by_symbols
from assets.ticks.layouts import CANCELS_WITHOUT_CHANNEL, LIMIT, NO_CHANNEL
from resources import clock

TRADE_COLUMNS = ("channel", "time", "price", "volume", "bid_order", "ask_order", "side")
ORDER_COLUMNS = ("channel", "time", "order", "side", "price", "quantity", "kind")
CANCEL = KIND.categories.to_list().index("cancel")
_CLOSE_MS = clock.CLOSING_END * clock.MINUTE_MS

REBUILT = {
    "symbol": pl.String,
    "channel": pl.Int32,
    "order": pl.Int64,
    "side": pl.Int8,
    "time": pl.Int32,  # stamp of its row in the order stream, else of its first fill; ms since midnight
    "price": pl.Int64,  # 1/10 000 yuan; 0 = market or own best; null for an order without a row in the stream
    "size": pl.Int64,  # shares: filled + cancelled + resting
    "filled": pl.Int64,
    "cancelled": pl.Int64,
    "resting": pl.Int64,  # the rest at the end of the day
}
FAULTS = {
    "symbol": pl.String,
    "orders": pl.Int64,
    "matched": pl.Int64,  # orders that entered the stream and were filled at least in part
    "unknown": pl.Int64,  # filled or cancelled without having entered
    "overfilled": pl.Int64,  # filled by more than their size
    "miscancelled": pl.Int64,  # cancelled by another quantity than their rest
    "mispriced": pl.Int64,  # filled at a worse price than their limit
    "exchanged": pl.Int64,  # with rows of one side and a fill or cancel of the other
    "repeated": pl.Int64,  # entered or cancelled twice
    "faulty": pl.Int64,  # with any of these faults
    "auctioned": pl.Int64,  # faulty orders that never entered, were filled only in auctions and have no other fault
}
"""Counts are null where the symbol's order stream was not delivered (no rows, or Shenzhen cancels of the trade file alone)."""

NUMBER, CHANNEL, SIDE, TIME, PRICE, ENTERED, ENTRIES, AS_AGGRESSOR, AS_PASSIVE, CANCELLED, CANCELS = range(11)
# WORSE: fills at a worse price than the limit. CLASHES: rows of the other side. AUCTIONED: shares filled in auctions.
WORSE, CLASHES, AUCTIONED = range(11, 14)
"""Columns of the register of a symbol's orders."""
_COLUMNS = 14
MATCHED, UNKNOWN, OVERFILLED, MISCANCELLED, MISPRICED, EXCHANGED, REPEATED, FAULTY, LACKED = range(9)


def count_order_faults(trades: pl.LazyFrame, orders: pl.LazyFrame, batch_rows: int) -> pl.DataFrame:
    """Count the faulty orders of each symbol of either table; schema FAULTS, sorted by symbol.

    trades, orders: in the lake's order. They are read in whole symbols, up to batch_rows rows at a time.
    """
    parts = [pl.DataFrame(schema=FAULTS)]
    for traded, ordered in _batches(trades, orders, batch_rows):
        counts = np.zeros((len(traded.symbols), LACKED + 1), np.int64)
        number = np.zeros(len(traded.symbols), np.int64)
        for s, register, whole in _registers(traded, ordered):
            number[s] = len(register)
            _count_faults(register, whole, counts[s])
        measured = has_entries(ordered)
        values = dict(zip(list(FAULTS)[1:], (number, *counts.T), strict=True))
        frame = pl.DataFrame({"symbol": traded.symbols, **values}, schema=FAULTS)
        unmeasured = pl.lit(pl.Series(~measured))
        parts.append(frame.with_columns(pl.when(~unmeasured).then(pl.col(*values)).name.keep()))
    return pl.concat(parts)


def rebuild_orders(trades: pl.LazyFrame, orders: pl.LazyFrame, batch_rows: int) -> pl.DataFrame:
    """Rebuild the orders of the symbols with an order stream; schema REBUILT, one row per order, sorted by symbol, channel, order.

    Rows are not corrected: on a faulty tape `resting` may be negative.
    """
    parts = [pl.DataFrame(schema=REBUILT)]
    for traded, ordered in _batches(trades, orders, batch_rows):
        measured = has_entries(ordered)
        parts += [
            _frame(traded.symbols[s], register, whole)
            for s, register, whole in _registers(traded, ordered)
            if measured[s]
        ]
    return pl.concat(parts)


def _batches(trades: pl.LazyFrame, orders: pl.LazyFrame, limit: int) -> Iterator[tuple[Batch, Batch]]:
    columns = {"trades": TRADE_COLUMNS, "orders": ORDER_COLUMNS}
    for batches in by_symbols({"trades": trades, "orders": orders}, columns, limit):
        yield batches["trades"], batches["orders"]


def kinds_of(orders: Batch) -> np.ndarray:
    """Return the kind of each row as its index in the categories of canonical.KIND."""
    return orders.frame["kind"].cast(KIND).to_physical().to_numpy()


def has_entries(orders: Batch) -> np.ndarray:
    """Return per symbol whether its order stream was delivered.

    Shenzhen's cancels are in the trade file and prove nothing; Shanghai's are only in the order stream.
    """
    entries = np.concatenate([[0], np.cumsum(kinds_of(orders) != CANCEL)])
    entered = np.diff(entries[orders.starts]) > 0
    only_here = np.array([not enters_whole(symbol) for symbol in orders.symbols], np.bool_)
    return entered | (only_here & (np.diff(orders.starts) > 0))


def enters_whole(symbol: str) -> bool:
    """Return whether an order's row has its whole size (Shenzhen) and not the remainder after its first fills (Shanghai)."""
    return symbol.endswith(".SZ")


def _registers(trades: Batch, orders: Batch) -> Iterator[tuple[int, np.ndarray, bool]]:
    """Yield the index of each symbol, its register and whether orders enter whole. The register's memory is reused."""
    traded = tuple(trades.array(name) for name in TRADE_COLUMNS)
    ordered = tuple(orders.array(name) for name in ORDER_COLUMNS[:-1])
    kind = kinds_of(orders)
    longest = int((2 * np.diff(trades.starts) + np.diff(orders.starts)).max(initial=0))
    register = np.empty((longest, _COLUMNS), np.int64)
    for s, symbol in enumerate(trades.symbols):
        ours, theirs = slice(*trades.starts[s : s + 2]), slice(*orders.starts[s : s + 2])
        number = _register(
            tuple(column[ours] for column in traded),
            tuple(column[theirs] for column in ordered),
            kind[theirs],
            register,
        )
        yield s, register[:number], enters_whole(symbol)


@njit(cache=True, nogil=True, inline="always")
def place_of(table, register, number, channel):
    """Return the index of the order in the hash table, or −1 − the free index at which it would be inserted."""
    mask = len(table) - 1
    at = (((number ^ (channel << 40)) * -7046029254386353131) >> 32) & mask
    while table[at] >= 0:
        k = table[at]
        if register[k, 0] == number and register[k, 1] == channel:
            return at
        at = (at + 1) & mask
    return -1 - at


@njit(cache=True, nogil=True)
def table_size(rows):
    """Return the size of a hash table for up to `rows` orders: a power of two such that the table is at most half full."""
    size = 16
    while size < 2 * rows:
        size *= 2
    return size


@njit(cache=True, nogil=True, inline="always")
def _entry(table, register, count, number, channel, side, time):
    """Return the register's row of an order; a new order has row `count`."""
    at = place_of(table, register, number, channel)
    if at >= 0:
        k = table[at]
        if register[k, SIDE] != side:
            register[k, CLASHES] += 1
        return k
    table[-1 - at] = count
    register[count, :] = 0
    register[count, NUMBER] = number
    register[count, CHANNEL] = channel
    register[count, SIDE] = side
    register[count, TIME] = time
    return count


@njit(cache=True, nogil=True)
def _register(trades, orders, kind, register):
    """Sum a symbol's rows by order into register (rows, _COLUMNS) and return the number of orders. Order number 0 means no order."""
    t_channel, t_time, paid, volume, bid, ask, aggressor = trades
    o_channel, o_time, number, o_side, price, quantity = orders
    table = np.full(table_size(2 * len(volume) + len(number)), -1, np.int32)
    count = 0
    for i in range(len(number)):
        if o_time[i] >= _CLOSE_MS or number[i] <= 0:
            continue
        channel = np.int64(o_channel[i])
        if channel == CANCELS_WITHOUT_CHANNEL:
            channel = np.int64(NO_CHANNEL)
        k = _entry(table, register, count, number[i], channel, np.int64(o_side[i]), o_time[i])
        count = max(count, k + 1)
        if kind[i] == CANCEL:
            register[k, CANCELLED] += quantity[i]
            register[k, CANCELS] += 1
        else:
            register[k, PRICE] = price[i] if kind[i] == LIMIT else 0  # other kinds have no binding price
            register[k, ENTERED] += quantity[i]
            register[k, ENTRIES] += 1
    for i in range(len(volume)):
        if t_time[i] >= _CLOSE_MS:
            continue
        for side in (1, -1):
            own = bid[i] if side == 1 else ask[i]
            if own <= 0:
                continue
            k = _entry(table, register, count, own, np.int64(t_channel[i]), np.int64(side), t_time[i])
            count = max(count, k + 1)
            register[k, AS_AGGRESSOR if aggressor[i] == side else AS_PASSIVE] += volume[i]
            if aggressor[i] == 0:
                register[k, AUCTIONED] += volume[i]
            if register[k, PRICE] > 0 and side * (paid[i] - register[k, PRICE]) > 0:
                register[k, WORSE] += 1
    return count


@njit(cache=True, nogil=True)
def _count_faults(register, whole, out):
    """Add to out (9,) the numbers of matched orders, of orders with each fault and with any, and of those of `auctioned`."""
    for k in range(len(register)):
        row = register[k]
        entered = row[ENTERED]
        taken = row[AS_PASSIVE] + (row[AS_AGGRESSOR] if whole else 0)
        unknown = row[ENTRIES] == 0 and (taken > 0 or row[CANCELS] > 0)
        overfilled = row[ENTRIES] > 0 and taken > entered
        miscancelled = row[ENTRIES] > 0 and row[CANCELS] > 0 and not overfilled and row[CANCELLED] != entered - taken
        exchanged = row[CLASHES] > 0
        repeated = row[ENTRIES] > 1 or row[CANCELS] > 1
        out[MATCHED] += row[ENTRIES] > 0 and row[AS_AGGRESSOR] + row[AS_PASSIVE] > 0
        out[UNKNOWN] += unknown
        out[OVERFILLED] += overfilled
        out[MISCANCELLED] += miscancelled
        out[MISPRICED] += row[WORSE] > 0
        out[EXCHANGED] += exchanged
        out[REPEATED] += repeated
        out[FAULTY] += unknown or overfilled or miscancelled or row[WORSE] > 0 or exchanged or repeated
        auctioned = row[AUCTIONED] == row[AS_PASSIVE] + row[AS_AGGRESSOR] and row[CANCELS] == 0 and not exchanged
        out[LACKED] += unknown and auctioned


def _frame(symbol: str, register: np.ndarray, whole: bool) -> pl.DataFrame:
    filled = register[:, AS_AGGRESSOR] + register[:, AS_PASSIVE]
    size = register[:, ENTERED] + (0 if whole else register[:, AS_AGGRESSOR])
    entered = pl.Series(register[:, ENTRIES] > 0)
    frame = pl.DataFrame(
        {
            "symbol": symbol,
            "channel": register[:, CHANNEL],
            "order": register[:, NUMBER],
            "side": register[:, SIDE],
            "time": register[:, TIME],
            "price": register[:, PRICE],
            "size": size,
            "filled": filled,
            "cancelled": register[:, CANCELLED],
            "resting": size - filled - register[:, CANCELLED],
        }
    )
    return (
        frame.with_columns(price=pl.when(pl.lit(entered)).then("price")).cast(REBUILT).sort("channel", "order")  # type: ignore[arg-type]
    )
