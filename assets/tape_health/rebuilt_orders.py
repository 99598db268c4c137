"""Every order of a day as it was sent, from its rows in the order stream and its fills; orders that cannot have been so.

Here: sizes, what was filled, withdrawn and left, and the property that no order is filled or withdrawn beyond its size. Not
here: the book that the orders made (order_book.py, replay.py), which needs the order of events; sums do not.

For tape_health: `count_order_faults(trades, orders, batch_rows)`, whose `faulty` is its measure overfilled_orders.

An order is known by its number on its channel. A vendor without channels has all of a stock's orders on one; the cancels that
it keeps in its trade file stand on another in the table, since they are numbered as that file is, and are read as of the first.

Rules of the tapes. Shanghai's hold without exception on the real tapes of 2023-02-01 (600519) and 2023-07-11 (600536,
600761, 605580): 176 255 orders, of which 117 163 entered the stream and 44 172 were withdrawn.
- Shanghai: an order's `limit` row comes after the fills it took as aggressor, and its quantity is what then remained; an
  order filled at once has none. In the auctions nothing is filled at once: the row holds the whole size. A fill that
  names the order as the passive side (or as either side of an auction) takes from that remainder, and a cancel
  withdraws exactly what is left of it. So size = fills as aggressor + quantity of the row.
- Shenzhen: the row holds the whole size and comes first; every fill takes from it, a cancel withdraws what is left.
  Published, not yet seen on a real order tape.
- Neither fills an order at a worse price than its limit.
Some feeds give no row to orders that an auction filled. Such orders are faulty, and counted for themselves as well
(`auctioned`): they say that rows are missing, not that trades and orders are of two tapes, where orders of continuous
trading lack their rows too.
Rows stamped 15:01 or later (after-hours trading at a fixed price, SPEC §1) are beside the book and left out.
"""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numba import njit

from assets.ticks import clock
from assets.ticks.batches import Batch
from assets.ticks.canonical import KIND
from assets.ticks.joint_batches import by_symbols
from assets.ticks.layouts import CANCELS_WITHOUT_CHANNEL, LIMIT, NO_CHANNEL

TRADE_COLUMNS = ("channel", "time", "price", "volume", "bid_order", "ask_order", "side")
ORDER_COLUMNS = ("channel", "time", "order", "side", "price", "quantity", "kind")
CANCEL = KIND.categories.to_list().index("cancel")
_CLOSE_MS = clock.CLOSE * clock.MINUTE_MS

REBUILT = {
    "symbol": pl.String,
    "channel": pl.Int32,
    "order": pl.Int64,
    "side": pl.Int8,
    "time": pl.Int32,  # of its row in the order stream, else of its first fill; ms since midnight
    "price": pl.Int64,  # 1/10 000 yuan; 0 = market or own best; null where it never was in the stream
    "size": pl.Int64,  # shares, as are the next three: filled + cancelled + resting
    "filled": pl.Int64,
    "cancelled": pl.Int64,
    "resting": pl.Int64,  # left at the end of the day
}
FAULTS = {
    "symbol": pl.String,
    "orders": pl.Int64,
    "matched": pl.Int64,  # entered the stream and filled in part or whole
    "unknown": pl.Int64,  # taken from or withdrawn without having entered
    "overfilled": pl.Int64,  # more was filled than it held
    "miscancelled": pl.Int64,  # not exactly what was left was withdrawn
    "mispriced": pl.Int64,  # filled at a worse price than its limit
    "exchanged": pl.Int64,  # on both sides: its rows say buy and a fill or cancel says sell, or the reverse
    "repeated": pl.Int64,  # entered or withdrawn twice
    "faulty": pl.Int64,  # orders with any of these
    "auctioned": pl.Int64,  # of them, those that never entered, were filled in auctions alone and have no other fault
}
"""Counts are null where the symbol's order stream was not delivered (no rows, or Shenzhen cancels of the trade file alone)."""

NUMBER, CHANNEL, SIDE, TIME, PRICE, ENTERED, ENTRIES, AS_AGGRESSOR, AS_PASSIVE, CANCELLED, CANCELS = range(11)
# Fills at a worse price than the limit, rows on the other side, shares filled in auctions.
WORSE, CLASHES, AUCTIONED = range(11, 14)
"""Columns of the register of a symbol's orders."""
_COLUMNS = 14
MATCHED, UNKNOWN, OVERFILLED, MISCANCELLED, MISPRICED, EXCHANGED, REPEATED, FAULTY, LACKED = range(9)


def count_order_faults(trades: pl.LazyFrame, orders: pl.LazyFrame, batch_rows: int) -> pl.DataFrame:
    """FAULTS, one row per symbol of either table, sorted. Whole symbols, up to batch_rows rows at a time."""
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
    """REBUILT, one row per order of the symbols whose order stream was delivered, sorted by symbol, channel, order.

    As the rows say it: on a faulty tape `resting` may be negative.
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
    """The kind of each row as its place in canonical.KIND."""
    return orders.frame["kind"].cast(KIND).to_physical().to_numpy()


def has_entries(orders: Batch) -> np.ndarray:
    """Per symbol: whether its order stream was delivered. Shenzhen's cancels stand in the trade file and do not tell;
    Shanghai's stand nowhere else."""
    entries = np.concatenate([[0], np.cumsum(kinds_of(orders) != CANCEL)])
    entered = np.diff(entries[orders.starts]) > 0
    only_here = np.array([not enters_whole(symbol) for symbol in orders.symbols], np.bool_)
    return entered | (only_here & (np.diff(orders.starts) > 0))


def enters_whole(symbol: str) -> bool:
    """Whether an order's row holds its whole size (Shenzhen), not what its first fills left (Shanghai)."""
    return symbol.endswith(".SZ")


def _registers(trades: Batch, orders: Batch) -> Iterator[tuple[int, np.ndarray, bool]]:
    """(number of the symbol, its register, whether orders enter whole), one symbol after the other; a view, soon reused."""
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
    """Place in the hash table at which the register's order stands, or −1 − the free place at which it would."""
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
    """Entries of a hash table for that many orders at most: a power of two, at most half full."""
    size = 16
    while size < 2 * rows:
        size *= 2
    return size


@njit(cache=True, nogil=True, inline="always")
def _entry(table, register, count, number, channel, side, time):
    """The register's row for an order, a new one (row `count`) where it is not known yet."""
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
    """Sum a symbol's rows by order into register (rows, _COLUMNS); the number of orders. Order number 0 is none."""
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
            register[k, PRICE] = price[i] if kind[i] == LIMIT else 0  # others name no price that binds
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
    """Add to out (9,) the orders that were matched, those with each fault, with any, and without a row for an auction alone."""
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
