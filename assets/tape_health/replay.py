"""Replays a day's order books from orders and trades and counts the vendor's snapshots that they reproduce, per symbol.

This module handles frames and batches and chooses the symbols to replay and the phase of each snapshot. It does not hold the book
(order_book.py) or the sums of orders (rebuilt_orders.py).

tape_health uses `replay_day(trades, orders, quotes, batch_rows)`, the column `mismatches` of which is its measure book_mismatches.

Snapshots are aligned by cumulative volume and not by time (SPEC §2.3): a snapshot is reproduced if it equals the book at any moment
at which the tape has the snapshot's volume. On the real tape of 600519.SH of 2023-02-01 all are reproduced: every level of the 4 841
snapshots of continuous trading and of the 8 of a book at rest, and price and volume of the 189 of the call auctions.

Orders and trades are merged by the exchange's joint numbering (`event`). Without it (Shanghai before 2021-04-26), Shanghai's order
follows from stamps and order numbers, with the same result on that tape; Shenzhen's symbols are then not replayed. No real order tape
of Shenzhen was available: its rules are the published ones, tested on the sample exchange.
"""

import numpy as np
import polars as pl

from assets.tape_health import order_book
from assets.tape_health.order_book import ALL, BEST, CALL, CONTINUOUS, PRICE, REST
from assets.tape_health.reasons import NO_JOINT_NUMBERING, NO_ORDER_STREAM, NO_SNAPSHOTS
from assets.tape_health.rebuilt_orders import enters_whole, has_entries, kinds_of
from assets.ticks.batches import Batch
from assets.ticks.joint_batches import by_symbols
from assets.ticks.layouts import LEVELS
from resources import clock

TRADE_COLUMNS = ("channel", "event", "time", "price", "volume", "bid_order", "ask_order", "side")
ORDER_COLUMNS = ("channel", "event", "time", "order", "side", "price", "quantity", "kind")
LEVEL_COLUMNS = tuple(
    tuple(f"{side}_{what}_{level}" for level in range(1, LEVELS + 1))
    for side in ("bid", "ask")
    for what in ("price", "volume")
)
QUOTE_COLUMNS = ("time", "volume", "pre_close", *(name for names in LEVEL_COLUMNS for name in names))
OPENING_CALL_MS = 555 * clock.MINUTE_MS  # 09:15
_MORNING_MS = clock.MORNING * clock.MINUTE_MS
_CLOSING_MS = clock.CLOSING_AUCTION * clock.MINUTE_MS
_CLOSE_MS = clock.CLOSING_END * clock.MINUTE_MS

REPLAY = {
    "symbol": pl.String,
    "events": pl.Int64,  # rows of orders and trades replayed
    "faults": pl.Int64,  # rows that contradict the book
    "snapshots": pl.Int64,  # snapshots of continuous trading, 09:30 to 14:57
    "price_reproduced": pl.Int64,  # with both best prices reproduced
    "best_reproduced": pl.Int64,  # with both best prices and their volumes reproduced
    "levels_reproduced": pl.Int64,  # with all levels of both sides reproduced
    "first_miss": pl.Int32,  # stamp of the first without all levels reproduced, ms since midnight; null where there is none
    "rest_snapshots": pl.Int64,  # snapshots of a real book outside continuous trading, 09:25 to 15:01
    "rest_reproduced": pl.Int64,  # rest_snapshots with all levels reproduced
    "call_snapshots": pl.Int64,  # snapshots of the call auctions, with a virtual price or none
    "call_reproduced": pl.Int64,  # call_snapshots with the virtual price and its volume reproduced
    "mismatches": pl.Int64,  # snapshots − levels_reproduced + rest_snapshots − rest_reproduced
    "reason": pl.String,  # why a symbol was not replayed (`Reason.dumps`); then all other columns are null
}


def replay_day(trades: pl.LazyFrame, orders: pl.LazyFrame, quotes: pl.LazyFrame, batch_rows: int) -> pl.DataFrame:
    """Replay the books of a day; schema REPLAY, one row per symbol of any of the tables, sorted. Tables are in the lake's order.

    They are read in whole symbols, up to batch_rows rows of the three tables at a time, which takes about 1 KB of memory for a
    snapshot and 200 bytes for another row.
    """
    tables = {"trades": trades, "orders": orders, "quotes": quotes}
    columns = {"trades": TRADE_COLUMNS, "orders": ORDER_COLUMNS, "quotes": QUOTE_COLUMNS}
    batches = by_symbols(tables, columns, batch_rows)
    parts = [_replay_batch(batch["trades"], batch["orders"], batch["quotes"]) for batch in batches]
    return pl.concat([pl.DataFrame(schema=REPLAY), *parts])


def _replay_batch(trades: Batch, orders: Batch, quotes: Batch) -> pl.DataFrame:
    traded = [_filled(trades, name, -1) for name in TRADE_COLUMNS]
    ordered = [*(_filled(orders, name, -1) for name in ORDER_COLUMNS[:-1]), kinds_of(orders).astype(np.int64)]
    delivered = has_entries(orders)
    time = _filled(quotes, "time", -1)
    levels = tuple(np.stack([_filled(quotes, name, 0) for name in names]) for names in LEVEL_COLUMNS)
    phase = _phases(time, levels[0][0], levels[2][0])
    volume = np.where(phase < 0, -1, _filled(quotes, "volume", -1))
    pre_close = _filled(quotes, "pre_close", 0)
    rows: list[dict[str, object]] = []
    for s, symbol in enumerate(trades.symbols):
        shown = slice(*quotes.starts[s : s + 2])
        if shown.start == shown.stop or not delivered[s]:
            rows.append({"symbol": symbol, "reason": (NO_SNAPSHOTS if delivered[s] else NO_ORDER_STREAM)().dumps()})
            continue
        own_trades, own_orders = _main_channel(
            [column[slice(*trades.starts[s : s + 2])] for column in traded],
            [column[slice(*orders.starts[s : s + 2])] for column in ordered],
        )
        if not (_increases(own_trades[0]) and _increases(own_orders[0])):
            if enters_whole(symbol):
                rows.append({"symbol": symbol, "reason": NO_JOINT_NUMBERING().dumps()})
                continue
            own_trades[0], own_orders[0] = np.full_like(own_trades[0], -1), np.full_like(own_orders[0], -1)
        reproduced = np.zeros(shown.stop - shown.start, np.int64)
        events, faults = order_book.replay(
            tuple(own_trades),
            tuple(own_orders),
            (volume[shown], phase[shown]),
            tuple(np.ascontiguousarray(level[:, shown]) for level in levels),
            enters_whole(symbol),
            pre_close[shown].max(initial=0),
            reproduced,
        )
        sums = _sums(time[shown], phase[shown], reproduced)
        rows.append({"symbol": symbol, "events": events, "faults": faults, **sums})
    return pl.DataFrame(rows, schema=REPLAY)


def _filled(batch: Batch, column: str, missing: int) -> np.ndarray:
    return batch.frame[column].cast(pl.Int64).fill_null(missing).to_numpy()


def _main_channel(trades: list[np.ndarray], orders: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return one symbol's columns, without `channel`, of the rows of the channel that has most of its orders.

    After-hours trading at a fixed price may have a separate channel; its orders are not in this book.
    """
    channels, counts = np.unique(orders[0], return_counts=True)
    if len(channels) == 1 and (trades[0] == channels[0]).all():
        return trades[1:], orders[1:]
    main = channels[counts.argmax()]
    return [column[trades[0] == main] for column in trades[1:]], [column[orders[0] == main] for column in orders[1:]]


def _increases(event: np.ndarray) -> bool:
    """Return whether the joint numbering is complete and increases in the order of the rows, which is the exchange's."""
    return bool((event >= 0).all() and (event[1:] > event[:-1]).all())


def _phases(time: np.ndarray, bid: np.ndarray, ask: np.ndarray) -> np.ndarray:
    """Return the phase of each snapshot; −1 before 09:15 and from 15:01, where snapshots are not compared.

    A call auction shows the same price on both sides, or none on both; a book at rest does neither.
    """
    continuous = (time >= _MORNING_MS) & (time < _CLOSING_MS)
    phase = np.where(continuous, CONTINUOUS, np.where(bid == ask, CALL, REST))
    return np.where((time < OPENING_CALL_MS) | (time >= _CLOSE_MS), -1, phase)


def _sums(time: np.ndarray, phase: np.ndarray, reproduced: np.ndarray) -> dict[str, int | None]:
    own = {name: reproduced[phase == value] for name, value in (("", CONTINUOUS), ("rest_", REST), ("call_", CALL))}
    missed = time[(phase == CONTINUOUS) & (reproduced < ALL)]
    found = {
        "snapshots": len(own[""]),
        "price_reproduced": (own[""] >= PRICE).sum(),
        "best_reproduced": (own[""] >= BEST).sum(),
        "levels_reproduced": (own[""] == ALL).sum(),
        "first_miss": missed[0] if len(missed) else None,
    }
    for name in ("rest_", "call_"):
        found |= {f"{name}snapshots": len(own[name]), f"{name}reproduced": (own[name] == ALL).sum()}
    found["mismatches"] = (np.concatenate([own[""], own["rest_"]]) < ALL).sum()
    return found
