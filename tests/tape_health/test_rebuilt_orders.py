"""Orders rebuilt from rows and fills against plain Python, on random rows of both exchanges, right ones and wrong ones."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tape_health.rebuilt_orders import (
    FAULTS,
    ORDER_COLUMNS,
    REBUILT,
    TRADE_COLUMNS,
    count_order_faults,
    rebuild_orders,
)
from assets.ticks.canonical import ORDERS, TRADES
from assets.ticks.joint_batches import by_symbols
from assets.ticks.layouts import CANCELS_WITHOUT_CHANNEL, NO_CHANNEL

CLOSE = 901 * 60_000
SYMBOLS = ("000001.SZ", "600000.SH", "600519.SH")

times = st.sampled_from([33_300_000, 34_200_000, 50_000_000, CLOSE - 1, CLOSE, CLOSE + 300_000])
trade = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(SYMBOLS),
        "channel": st.integers(1, 2),
        "time": times,
        "price": st.integers(9, 11),
        "volume": st.integers(1, 3),
        "bid_order": st.integers(0, 5),
        "ask_order": st.integers(0, 5),
        "side": st.sampled_from([1, 0, -1]),
    }
)
order = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(SYMBOLS),
        "channel": st.integers(1, 2),
        "time": times,
        "order": st.integers(1, 6),
        "side": st.sampled_from([1, -1]),
        "price": st.integers(9, 11),
        "quantity": st.integers(1, 6),
        "kind": st.sampled_from(["limit", "limit", "market", "own_best", "cancel", "cancel"]),
    }
)


def frames(trades, orders):
    """LazyFrames in the lake's schema and sort from lists of rows; seq is the row's place. Market orders may have a price, as
    some vendors' have."""
    out = []
    for rows, schema in ((trades, TRADES), (orders, ORDERS)):
        rows = [{**row, "seq": i} for i, row in enumerate(rows)]
        out.append(pl.DataFrame(rows, schema=schema).sort("symbol", "channel", "seq", maintain_order=True).lazy())
    return out


def plain(trades, orders):
    """{(symbol, channel, order): what is known of it}, from rows in the lake's sort, looked at one by one."""
    book = {}

    def entry(row, number, side):
        new = {
            "side": side,
            "time": row["time"],
            "price": 0,
            "entered": [],
            "cancels": [],
            "active": 0,
            "passive": 0,
            "sides": [],
        }
        known = book.setdefault((row["symbol"], row["channel"], number), {**new, "worse": False, "clash": False})
        known["clash"] |= known["side"] != side
        return known

    for row in orders.collect().iter_rows(named=True):
        if row["time"] < CLOSE:
            known = entry(row, row["order"], row["side"])
            if row["kind"] == "cancel":
                known["cancels"].append(row["quantity"])
            else:
                known["entered"].append(row["quantity"])
                known["price"] = row["price"] if row["kind"] == "limit" else 0
    for row in trades.collect().iter_rows(named=True):
        if row["time"] < CLOSE:
            for side, number in ((1, row["bid_order"]), (-1, row["ask_order"])):
                if number:
                    known = entry(row, number, side)
                    known["active" if row["side"] == side else "passive"] += row["volume"]
                    known["sides"].append(row["side"])
                    limit = known["price"]
                    if limit and (row["price"] > limit if side == 1 else row["price"] < limit):
                        known["worse"] = True
    return book


def plain_faults(book, symbol):
    names = ("unknown", "overfilled", "miscancelled", "mispriced", "exchanged", "repeated")
    found = dict.fromkeys(("orders", "matched", *names, "faulty", "auctioned"), 0)
    for (owner, _, _), known in book.items():
        if owner != symbol:
            continue
        entered = sum(known["entered"])
        taken = known["passive"] + (known["active"] if owner.endswith("SZ") else 0)
        has = bool(known["entered"])
        faults = {
            "unknown": not has and (taken > 0 or bool(known["cancels"])),
            "overfilled": has and taken > entered,
            "miscancelled": has
            and bool(known["cancels"])
            and taken <= entered
            and sum(known["cancels"]) != entered - taken,
            "mispriced": known["worse"],
            "exchanged": known["clash"],
            "repeated": len(known["entered"]) > 1 or len(known["cancels"]) > 1,
        }
        found["orders"] += 1
        found["matched"] += has and known["active"] + known["passive"] > 0
        for name, there in faults.items():
            found[name] += there
        found["faulty"] += any(faults.values())
        only_unknown = [name for name, there in faults.items() if there] == ["unknown"]
        found["auctioned"] += only_unknown and not known["cancels"] and set(known["sides"]) == {0}
    return found


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(trade, max_size=12), st.lists(order, max_size=14), st.integers(1, 12))
def test_faults_and_orders_are_those_of_plain_python(traded, ordered, batch_rows):
    trades, orders = frames(traded, ordered)
    book = plain(trades, orders)
    # Shanghai's cancels stand in the order stream alone, Shenzhen's in the trade file.
    delivered = {row["symbol"] for row in ordered if row["kind"] != "cancel" or row["symbol"].endswith("SH")}
    faults = count_order_faults(trades, orders, batch_rows)
    assert dict(faults.schema) == FAULTS
    assert faults["symbol"].to_list() == sorted({row["symbol"] for row in (*traded, *ordered)})
    for row in faults.iter_rows(named=True):
        expected = plain_faults(book, row["symbol"]) if row["symbol"] in delivered else dict.fromkeys(FAULTS)
        assert row == {**expected, "symbol": row["symbol"]}
    rebuilt = rebuild_orders(trades, orders, batch_rows)
    assert dict(rebuilt.schema) == REBUILT
    assert rebuilt.select("symbol", "channel", "order").rows() == sorted(key for key in book if key[0] in delivered)
    for row in rebuilt.iter_rows(named=True):
        known = book[row["symbol"], row["channel"], row["order"]]
        size = sum(known["entered"]) + (0 if row["symbol"].endswith("SZ") else known["active"])
        filled = known["active"] + known["passive"]
        assert (row["size"], row["filled"], row["cancelled"]) == (size, filled, sum(known["cancels"]))
        assert row["resting"] == size - filled - sum(known["cancels"])
        assert (row["side"], row["time"]) == (known["side"], known["time"])
        assert row["price"] == (known["price"] if known["entered"] else None)


def fill(volume, bid, ask, side, time=34_300_000, symbol="600519.SH", price=10):
    return {
        **{"symbol": symbol, "channel": 1, "time": time, "price": price, "volume": volume},
        **{"bid_order": bid, "ask_order": ask, "side": side},
    }


def add(number, side, quantity, kind="limit", time=34_250_000, symbol="600519.SH", price=10):
    return {
        **{"symbol": symbol, "channel": 1, "time": time, "order": number, "side": side},
        **{"price": price, "quantity": quantity, "kind": kind},
    }


@pytest.fixture
def tape():
    """Sell 1 of 500 is in the book; buy 2 of 300 takes of it at once; buy 3 of 600 takes the rest and 400 of it remain; they
    are sold 100 and withdrawn."""
    trades = [fill(300, 2, 1, 1), fill(200, 3, 1, 1), fill(100, 3, 4, -1)]
    orders = [add(1, -1, 500), add(3, 1, 400), add(3, 1, 300, "cancel")]
    return trades, orders


def test_a_size_is_the_fills_at_once_plus_what_remained(tape):
    rebuilt = rebuild_orders(*frames(*tape), 100).select("order", "size", "filled", "cancelled", "resting", "price")
    assert rebuilt.rows() == [
        *((1, 500, 500, 0, 0, 10), (2, 300, 300, 0, 0, None)),
        *((3, 600, 300, 300, 0, 10), (4, 100, 100, 0, 0, None)),
    ]
    assert count_order_faults(*frames(*tape), 100).row(0)[1:] == (4, 2, *[0] * 8)


@pytest.mark.parametrize(
    ("table", "row", "change", "faults"),
    [
        ("trades", 0, None, ()),  # nobody misses it: 1 simply has 300 left
        ("trades", 2, None, ("miscancelled",)),
        ("orders", 0, None, ("unknown",)),
        ("orders", 1, None, ("unknown",)),
        ("trades", 0, {"volume": 400}, ("overfilled",)),
        ("orders", 2, {"quantity": 200}, ("miscancelled",)),
        ("orders", 2, {"quantity": 400}, ("miscancelled",)),
        ("orders", 0, {"side": 1}, ("exchanged",)),
        ("orders", 0, {"price": 11}, ("mispriced",)),
        ("trades", 2, {"bid_order": 4, "ask_order": 3}, ("unknown", "miscancelled", "exchanged")),
    ],
)
def test_what_cannot_have_been_is_counted(tape, table, row, change, faults):
    rows = tape[("trades", "orders").index(table)]
    rows[row : row + 1] = [] if change is None else [rows[row] | change]
    counts = count_order_faults(*frames(*tape), 100).row(0, named=True)
    assert tuple(name for name in list(FAULTS)[3:-2] if counts[name]) == faults
    assert (counts["faulty"] > 0) == bool(faults)


def test_the_price_of_a_market_order_binds_nobody():
    trades = [fill(100, 2, 1, 1, symbol="000001.SZ", price=12)]
    orders = [add(1, -1, 100, symbol="000001.SZ"), add(2, 1, 100, "market", symbol="000001.SZ")]
    assert count_order_faults(*frames(trades, orders), 9)["faulty"].to_list() == [0]
    orders[1] = add(2, 1, 100, symbol="000001.SZ")
    assert count_order_faults(*frames(trades, orders), 9)["mispriced"].to_list() == [1]


def test_cancels_of_a_vendor_without_channels_are_of_the_channel_of_its_orders():
    trades = [{**fill(100, 2, 1, 1, symbol="000001.SZ"), "channel": NO_CHANNEL}]
    orders = [
        {**add(number, side, 300, symbol="000001.SZ"), "channel": NO_CHANNEL} for number, side in ((1, -1), (2, 1))
    ]
    cancels = [
        {**add(number, side, 200, "cancel", symbol="000001.SZ"), "channel": CANCELS_WITHOUT_CHANNEL}
        for number, side in ((1, -1), (2, 1))
    ]
    assert count_order_faults(*frames(trades, [*orders, *cancels]), 9).row(0)[1:] == (2, 2, *[0] * 8)
    cancels[0]["quantity"] = 300
    assert count_order_faults(*frames(trades, [*orders, *cancels]), 9)["miscancelled"].to_list() == [1]


def test_shenzhen_cancels_without_an_order_file_measure_nothing():
    trades = [fill(100, 2, 1, 1, symbol="000001.SZ")]
    orders = [add(7, 1, 100, "cancel", symbol="000001.SZ")]
    assert count_order_faults(*frames(trades, orders), 9).row(0) == ("000001.SZ", *[None] * 10)
    assert rebuild_orders(*frames(trades, orders), 9).is_empty()


@settings(max_examples=100, deadline=None)
@given(st.lists(trade, max_size=20), st.lists(order, max_size=20), st.integers(1, 15))
def test_joint_batches_hold_every_row_once_and_whole_symbols(traded, ordered, limit):
    trades, orders = frames(traded, ordered)
    columns = {"trades": TRADE_COLUMNS, "orders": ORDER_COLUMNS}
    batches = list(by_symbols({"trades": trades, "orders": orders}, columns, limit))
    for name, table in (("trades", trades), ("orders", orders)):
        parts = [batch[name].frame for batch in batches]
        assert not parts or pl.concat(parts).equals(table.select(columns[name]).collect())
    symbols = [symbol for batch in batches for symbol in batch["trades"].symbols]
    assert symbols == sorted({row["symbol"] for row in (*traded, *ordered)})
    for batch in batches:
        rows = 0
        for part in batch.values():
            assert part.symbols == batch["trades"].symbols
            rows += part.frame.height
        for s, symbol in enumerate(batch["orders"].symbols):
            own = batch["orders"].frame[int(batch["orders"].starts[s]) : int(batch["orders"].starts[s + 1])]
            assert own["order"].to_list() == orders.filter(symbol=symbol).collect()["order"].to_list()
        assert rows <= limit or len(batch["trades"].symbols) == 1


def test_tables_that_are_not_sorted_are_refused():
    trades, orders = frames([fill(1, 1, 2, 1), fill(1, 1, 2, 1, symbol="600000.SH")], [])
    with pytest.raises(ValueError, match="sorted by symbol"):
        count_order_faults(trades.reverse(), orders, 100)
