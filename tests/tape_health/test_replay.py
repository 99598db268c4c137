"""Replayed books against a plain exchange: every snapshot it takes comes back, and what is missing from a tape is noticed."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tape_health import order_book
from assets.tape_health.replay import REPLAY, replay_day
from resources.reasons import describe_column
from tests.tape_health.plain_book import BUY, MORNING, OPENING, SELL, Exchange, auction, tables

SIDES = st.sampled_from([BUY, SELL])
SUBMIT = st.tuples(
    st.sampled_from(["limit"] * 6 + ["market", "market_rests", "own_best"]),
    SIDES,
    st.integers(1, 14),
    st.integers(1, 9),
)
ACTS = st.lists(st.one_of(SUBMIT, SUBMIT, st.tuples(st.just("cancel"), st.integers(0, 60))), min_size=1, max_size=60)
CALLS = st.lists(st.tuples(SIDES, st.integers(1, 14), st.integers(1, 9)), max_size=12)


def play(symbol, acts, calls=(), every=1):
    """An exchange after an opening call and continuous trading, with a snapshot after each `every`-th act."""
    exchange = Exchange(symbol, whole=symbol.endswith(".SZ"), pre_close=700, time=OPENING)
    for side, price, quantity in calls:
        exchange.time += 1_000
        exchange.submit(side, 100 * price, quantity, match=False)
        exchange.snapshot(call=True)
    exchange.time = MORNING - 300_000
    exchange.match_auction()
    exchange.time = MORNING
    numbers = []
    for i, (kind, *rest) in enumerate(acts):
        exchange.time += 20
        if kind == "cancel":
            if numbers:
                exchange.cancel(numbers[rest[0] % len(numbers)])
        else:
            side, price, quantity = rest
            kind = kind if exchange.whole or kind == "limit" else "limit"
            numbers.append(exchange.submit(side, 100 * price, quantity, kind))
        if i % every == 0:
            exchange.snapshot()
    # a last order at a price of its own: no earlier state of the book can be taken for the last
    exchange.time += 20
    exchange.submit(SELL, 10_000, 1)
    exchange.snapshot()
    return exchange


def replayed(exchanges, batch_rows=1_000, numbered=True):
    return replay_day(**tables(exchanges, numbered), batch_rows=batch_rows)


@pytest.mark.slow
@pytest.mark.parametrize("symbol", ["600519.SH", "000001.SZ"])
@settings(max_examples=100, deadline=None)
@given(ACTS, CALLS, st.integers(1, 3))
def test_every_snapshot_of_a_true_tape_is_reproduced(symbol, acts, calls, every):
    exchange = play(symbol, acts, calls, every)
    row = replayed([exchange]).row(0, named=True)
    assert dict(replayed([exchange]).schema) == REPLAY
    continuous = len(exchange.quotes) - len(calls)
    assert (row["faults"], row["mismatches"], row["first_miss"], row["reason"]) == (0, 0, None, None)
    assert [row[name] for name in ("snapshots", "price_reproduced", "best_reproduced", "levels_reproduced")] == [
        continuous
    ] * 4
    assert (row["call_snapshots"], row["call_reproduced"]) == (len(calls), len(calls))
    assert row["events"] == len(exchange.rows)


@settings(max_examples=100, deadline=None)
@given(ACTS, CALLS)
@pytest.mark.slow
def test_shanghai_s_order_is_found_without_the_joint_numbering(acts, calls):
    row = replayed([play("600519.SH", acts, calls)], numbered=False).row(0, named=True)
    assert (row["faults"], row["mismatches"], row["reason"]) == (0, 0, None)


@pytest.mark.parametrize("symbol", ["600519.SH", "000001.SZ"])
@settings(max_examples=100, deadline=None)
@given(ACTS, st.integers(0, 1_000))
def test_a_lost_row_is_noticed(symbol, acts, which):
    exchange = play(symbol, acts)
    resting = {
        row["order"] for row in exchange.rows if row["table"] == "orders" and row["kind"] != "cancel" and row["price"]
    }
    # the cancel of what never rested, a market order without any fill, leaves no trace
    candidates = [
        row for row in exchange.rows if row["table"] == "trades" or row["kind"] != "cancel" or row["order"] in resting
    ]
    lost = candidates[which % len(candidates)]
    exchange.rows.remove(lost)
    row = replayed([exchange]).row(0, named=True)
    assert row["reason"] is not None or row["faults"] or row["mismatches"]
    if lost["table"] == "trades":
        assert row["mismatches"]
    assert (row["first_miss"] is None) == (row["mismatches"] in (0, None))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(ACTS, CALLS), min_size=1, max_size=4), st.integers(1, 120), st.randoms())
def test_neither_batches_nor_other_symbols_matter(markets, batch_rows, random):
    names = [f"{600_000 + i}.SH" if i % 2 else f"{i:06d}.SZ" for i in range(len(markets))]
    exchanges = [play(name, *market) for name, market in zip(names, markets, strict=True)]
    exchanges[0].rows = exchanges[0].rows[:-1]
    random.shuffle(exchanges)
    together = replayed(exchanges, batch_rows)
    alone = pl.concat([replayed([exchange]) for exchange in exchanges])
    assert together.equals(alone.sort("symbol"))


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.integers(1, 12), st.integers(1, 6)),
    st.dictionaries(st.integers(1, 12), st.integers(1, 6)),
    st.integers(1, 12),
    st.booleans(),
)
def test_the_auction_s_price_is_the_rule_s(buys, sells, reference, middle):
    prices = np.arange(1, 13)
    volumes = np.array([[side.get(price, 0) for price in prices] for side in (buys, sells)])
    best = np.array([max(buys, default=0) - 1, min(sells, default=13) - 1])
    assert order_book.auction_price(volumes, best, prices, reference, middle) == auction(buys, sells, reference, middle)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.just("enter"), st.integers(1, 9), SIDES, st.integers(1, 5), st.integers(1, 9), st.integers(0, 2)
            ),
            st.tuples(st.just("cancel"), st.integers(1, 9), st.integers(1, 9)),
            st.tuples(
                *(st.just("trade"), st.integers(1, 5), st.integers(1, 9), st.integers(0, 9), st.integers(0, 9)),
                st.sampled_from([1, 0, -1]),
            ),
        ),
        max_size=40,
    ),
    st.booleans(),
)
def test_any_rows_at_all_leave_the_book_of_a_plain_one(rows, whole):
    """Rows that contradict each other too: the levels, the best prices and the faults are those of a dict."""
    book = order_book.new_book(len(rows), np.arange(1, 6), whole, 0)
    _, _, volumes, best, _, state, _ = book
    plain: dict[int, dict] = {}
    faults = 0

    def level(side):
        return [sum(o["left"] for o in plain.values() if o["side"] == side and o["price"] == p) for p in range(1, 6)]

    for kind, *row in rows:
        if kind == "enter":
            number, side, price, quantity, how = row
            order_book.enter(book, number, side, price, quantity, how)
            if number in plain:
                faults += 1
                continue
            own = [p for p, left in enumerate(level(side), 1) if left]
            rests = {0: price, 1: None, 2: (max(own) if side == BUY else min(own)) if own else None}[how]
            plain[number] = {"side": side, "price": rests, "left": quantity}
            if how == 1:  # a market order in the middle of nothing: it is settled at once
                order_book.settle(book)
        elif kind == "cancel":
            number, quantity = row
            order_book.cancel(book, number, quantity)
            faults += number not in plain or plain[number]["left"] != quantity
            if number in plain:
                plain[number]["left"] = 0
        else:
            price, volume, bid, ask, aggressor = row
            order_book.trade(book, price, volume, bid, ask, aggressor)
            for side, number in ((BUY, bid), (SELL, ask)):
                if number not in plain:
                    faults += whole or aggressor != side
                elif plain[number]["side"] != side:
                    faults += 1
                else:
                    faults += plain[number]["left"] < volume
                    plain[number]["left"] = max(plain[number]["left"] - volume, 0)
        for k, side in enumerate((BUY, SELL)):
            assert volumes[k].tolist() == level(side)
        bids, asks = np.flatnonzero(volumes[0]), np.flatnonzero(volumes[1])
        assert best.tolist() == [bids[-1] if len(bids) else -1, asks[0] if len(asks) else 5]
        assert state[order_book.FAULTS] == faults


# --- by hand --------------------------------------------------------------------------------------------------------------


def test_a_miss_is_counted_by_what_of_it_is_right():
    exchange = Exchange("600519.SH", whole=False)
    for price in (100, 200):
        exchange.submit(BUY, price, 5)
    exchange.submit(SELL, 300, 5)
    for change in (
        {},
        {"bid_volume_2": 6},
        {"bid_volume_1": 6},
        {"bid_price_1": 250},
        {"bid_price_3": 50, "bid_volume_3": 1},
    ):
        exchange.time += 3_000
        exchange.snapshot()
        exchange.quotes[-1] |= change
    row = replayed([exchange]).row(0, named=True)
    assert [row[name] for name in ("snapshots", "price_reproduced", "best_reproduced", "levels_reproduced")] == [
        5,
        4,
        3,
        1,
    ]
    assert (row["mismatches"], row["first_miss"]) == (4, MORNING + 6_000)


def test_a_cancel_of_the_same_stamp_waits_for_its_order_s_fills():
    """Without the joint numbering: 300 rest, 100 are filled and 200 withdrawn, all stamped alike."""
    exchange = Exchange("600519.SH", whole=False)
    number = exchange.submit(BUY, 100, 300)
    exchange.submit(SELL, 100, 100)
    exchange.cancel(number)
    exchange.submit(BUY, 90, 1)
    exchange.snapshot()
    row = replayed([exchange], numbered=False).row(0, named=True)
    assert (row["faults"], row["mismatches"]) == (0, 0)


def test_what_cannot_be_replayed_says_why():
    shenzhen, shanghai, quoted = Exchange("000001.SZ", True), Exchange("600000.SH", False), Exchange("600519.SH", False)
    for exchange in (shenzhen, shanghai):
        exchange.submit(BUY, 100, 1)
    shenzhen.snapshot()
    quoted.snapshot()
    frame = replayed([shenzhen, shanghai, quoted], numbered=False)
    assert frame.select("symbol", describe_column(frame["reason"])).rows() == [
        ("000001.SZ", "no joint numbering of orders and trades"),
        ("600000.SH", "no snapshots"),
        ("600519.SH", "no order stream"),
    ]
    assert frame.drop("symbol", "reason").null_count().row(0) == (3,) * (len(REPLAY) - 2)
    assert replayed([]).is_empty()


@pytest.mark.slow
def test_after_hours_and_other_channels_are_beside_the_book():
    exchange = Exchange("300001.SZ", True)
    exchange.submit(BUY, 100, 5)
    exchange.submit(SELL, 200, 5)
    exchange.snapshot()
    exchange.time = 905 * 60_000
    exchange.submit(BUY, 150, 7)
    exchange.snapshot()
    frames = tables([exchange])
    early = (
        frames["orders"]
        .collect()
        .head(1)
        .with_columns(channel=pl.lit(9, pl.Int32), price=pl.lit(150, pl.Int64), time=pl.lit(MORNING - 1, pl.Int32))
    )
    frames["orders"] = pl.concat([frames["orders"].collect(), early]).lazy()
    row = replay_day(**frames, batch_rows=100).row(0, named=True)
    assert (row["events"], row["faults"], row["snapshots"], row["levels_reproduced"]) == (2, 0, 1, 1)
