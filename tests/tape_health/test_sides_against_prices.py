"""Sides held against the prices of the tape itself: nothing but trades was delivered, buyers and sellers exchanged in them or not."""

import itertools
import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tape_health.align_tapes import measure_tapes
from assets.tape_health.verdicts import sides_agree_with_prices, sides_contradict_prices
from assets.ticks.canonical import QUOTES
from assets.ticks.make_trades import make_trades
from resources.settings.bars import BarsSettings
from resources.settings.ticks import TicksSettings
from tests.making import run_make
from tests.tape_health.test_orders_against_trades import (
    CODES,
    DATE,
    DAY,
    FLAGS,
    LAYOUTS_OF,
    Folder,
    detail_of,
    each_row,
    exchange_columns,
    exchange_letters,
)
from tests.tape_health.test_tape_health import refused
from tests.tapes import Day, Landing, frame_of, trade
from tests.ticks.synthetic_market import simulate
from tests.ticks.synthetic_tapes import WRITERS, Style, write_day

CHECK = "sides_agree_with_prices"


def changes(symbol: str, against: int, agreeing: int, channel: int = 3) -> list[dict]:
    """Trades of a symbol with so many price changes: active buys that rise, active sells that fall, or the reverse."""
    rows, price, sign = [trade(symbol=symbol, channel=channel, seq=0, price=100_000)], 100_000, 1
    for n in range(against + agreeing):
        price += 100 * sign
        side = -sign if n < against else sign
        rows.append(trade(symbol=symbol, channel=channel, seq=n + 1, price=price, side=side))
        sign = -sign
    return rows


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(998, 1002), st.sampled_from([-1, 0, 1])),
        max_size=30,
    )
)
def test_changes_are_counted_between_continuous_prints_of_one_channel(rows):
    tape = frame_of(
        [
            trade(symbol=f"60000{code}.SH", channel=channel, seq=seq, price=100 * price, side=side)
            for seq, (code, channel, price, side) in enumerate(rows)
        ]
    )
    measured = measure_tapes(tape.lazy(), pl.LazyFrame(schema=QUOTES), {}, {}, BarsSettings()).tape
    expected = []
    for symbol in sorted(set(tape["symbol"])):
        signs = [
            (after["price"] > before["price"]) == (after["side"] == 1)
            for before, after in itertools.pairwise(tape.filter(symbol=symbol).iter_rows(named=True))
            if before["channel"] == after["channel"]
            and before["side"] * after["side"] != 0
            and before["price"] != after["price"]
        ]
        expected.append((symbol, len(signs), signs.count(False)))
    assert measured.select("symbol", "price_changes", "against_price").rows() == expected


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.floats(0, 1), st.floats(0.1, 0.9), st.floats(0, 8))
def test_a_verdict_needs_so_many_deviations(of, share, bound, deviations):
    """Wilson's bound is where the test of a share against it has so many deviations: |k − n p| = z √(n p (1 − p))."""
    count = round(share * of)
    own = BarsSettings(max_against_price_share=bound, against_price_deviations=deviations)
    frame = pl.DataFrame({"price_changes": [of], "against_price": [count]})
    against, agrees = frame.select(a=sides_contradict_prices(own), b=sides_agree_with_prices(own)).row(0)
    for sign, share_, verdict in ((1, bound, against), (-1, max(bound, 0.5), agrees)):
        distance, spread = sign * (count - of * share_), deviations * math.sqrt(of * share_ * (1 - share_))
        if abs(abs(distance) - spread) > 1e-6:
            assert verdict == (of > 0 and distance > spread)


def test_fewest_changes_that_prove_anything_and_settings_that_move_them():
    for against, agreeing, aside in (
        (13, 0, False),
        (14, 0, True),
        (40, 4, True),
        (30, 12, False),
        (30, 10, True),
        (0, 60, False),
    ):
        of = Day(frame_of(changes("600519.SH", against, agreeing)))
        row = of.verdicts["600519.SH"]
        assert (row["verdict"] == "set aside") == aside, (against, agreeing)
        assert (CHECK in refused(of)) == aside
        if aside:
            assert row["reason"] == (
                f"{against} of its {against + agreeing} price changes go against the side of their trade (up by an active sell, or down "
                "by an active buy), more than 35% (bars.max_against_price_share): buyers and sellers are exchanged in its trades, in "
                "their order numbers or their flags, or, where it is about half of them, the order numbers do not rise with time"
            )
            assert of.bars.frame["close"].null_count() == 239
    mirrored = frame_of(changes("600519.SH", 60, 0))
    assert Day(mirrored, max_against_price_share=1.0).verdicts["600519.SH"]["verdict"] == "ok"
    assert Day(mirrored, against_price_deviations=12.0).verdicts["600519.SH"]["verdict"] == "ok"
    assert refused(Day(mirrored, against_price_deviations=12.0)) == set()


def symbols(number: int, exchange: str = "SZ") -> list[str]:
    return [f"{code + 1:06d}.{exchange}" for code in range(number)]


def test_a_single_name_is_set_aside_and_more_of_them_refuse_the_day():
    names = symbols(50)
    for mirrored, refuses in ((1, False), (2, False), (3, True)):
        tape = [row for n, name in enumerate(names) for row in changes(name, *((40, 0) if n < mirrored else (2, 38)))]
        of = Day(frame_of(tape))
        assert {name for name, row in of.verdicts.items() if row["verdict"] == "set aside"} == set(names[:mirrored])
        assert (CHECK in refused(of)) == refuses
        assert "tapes_add_up" not in refused(of)
        if refuses:
            detail = of.profile.filter(mirrored=1)["detail"].to_list()
            assert detail == [
                "214 of 2000 price changes of the stocks of SZ go against the side of their trade (up by an active sell, or down by an "
                "active buy), in 3 of 50 stocks with enough of them, more than 5% (bars.max_contradicted_share). Buyers and sellers are "
                "exchanged in its trades or, where it is about half of them, order numbers do not rise with time: the order numbers of buyer and seller (BidApplSeqNum and OfferApplSeqNum of mdl_6_36_0.csv)"
            ]


def test_thin_names_are_judged_together_by_exchange():
    thin = [row for name in symbols(30) for row in changes(name, 3, 1)]
    of = Day(frame_of(thin))
    assert {row["verdict"] for row in of.verdicts.values()} == {"ok"}
    assert refused(of) == {CHECK}
    assert "90 of 120 price changes of the stocks of SZ" in of.profile.filter(mirrored=1)["detail"][0]
    honest = [row for name in symbols(30, "SH") for row in changes(name, 1, 3)]
    both = Day(frame_of([*thin, *honest]))
    assert both.health.profile["mirrored"].sum() == 1
    assert refused(Day(frame_of(honest))) == set()
    few = [row for name in symbols(4) for row in changes(name, 3, 0)]  # 12 changes in all prove nothing
    assert refused(Day(frame_of(few))) == set()


def test_sides_by_chance_are_no_sides():
    """As where a vendor gives orders numbers of his own: the larger one says nothing. Of 400 changes half go either way."""
    of = Day(frame_of(changes("600519.SH", 200, 200)))
    assert of.verdicts["600519.SH"]["verdict"] == "set aside"
    assert CHECK in refused(of)
    assert Day(frame_of(changes("600519.SH", 100, 300))).verdicts["600519.SH"]["verdict"] == "ok"


def trades_alone(root, exchange: str, vendor: str, mirrored: bool) -> Day:
    """A day without orders and snapshots; mirrored: buyers and sellers exchanged wherever the trade files name them."""
    events = simulate(exchange, CODES[exchange], 1, 400)
    style = Style("gbk" if vendor == "Wind" else "utf-8")
    files, key = WRITERS[exchange][vendor](events, style, DAY), f"{vendor} {exchange}"
    if mirrored:
        exchange_columns(files, key)
        if key in FLAGS:
            exchange_letters(files, FLAGS[key], orders=False)
    kept = {id(row) for row in each_row(files, orders=False)}
    files = {name: own for name, rows in files.items() if (own := [row for row in rows if id(row) in kept])}
    write_day(root, files, style)
    made = run_make(make_trades, date=DATE, landing=Folder(root), settings=TicksSettings())
    return Day(made.frame, landing=Landing(date=DATE))


@pytest.mark.parametrize(("exchange", "vendor"), LAYOUTS_OF)
def test_trades_alone_whose_buyers_and_sellers_are_exchanged_are_refused(tmp_path, exchange, vendor):
    honest = trades_alone(tmp_path / "honest", exchange, vendor, mirrored=False)
    assert refused(honest) == set()
    assert {row["verdict"] for row in honest.verdicts.values()} == {"ok"}
    of = trades_alone(tmp_path / "mirrored", exchange, vendor, mirrored=True)
    assert honest.tables["trades"].height == of.tables["trades"].height > 500
    assert CHECK in refused(of)
    assert {row["verdict"] for row in of.verdicts.values()} == {"set aside"}
    assert "go against the side of their trade" in detail_of(of)
    named = {"SH": "TradeBSFlag, TradeBuyNo and TradeSellNo", "SZ": "BidApplSeqNum and OfferApplSeqNum"}
    assert named[exchange] in of.profile.filter(mirrored=1)["detail"].item()


# --- fills of one order ---------------------------------------------------------------------------------------------------

FILL = st.tuples(
    st.integers(1, 2), st.integers(998, 1001), st.sampled_from([-1, 0, 1]), st.integers(1, 3), st.integers(1, 3)
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.lists(FILL, max_size=30))
def test_improving_fills_are_those_of_one_order_at_a_better_price(rows):
    tape = frame_of(
        [
            trade(channel=channel, seq=seq, price=100 * price, side=side, bid_order=bid, ask_order=ask)
            for seq, (channel, price, side, bid, ask) in enumerate(rows)
        ]
    )
    expected = 0
    for before, after in itertools.pairwise(tape.iter_rows(named=True)):
        orders = {1: ("bid_order", "ask_order"), -1: ("ask_order", "bid_order"), 0: ("bid_order", "bid_order")}
        active, passive = orders[after["side"]]
        expected += (
            before["channel"] == after["channel"]
            and before["side"] == after["side"] != 0
            and before[active] == after[active] > after[passive]
            and (after["price"] - before["price"]) * after["side"] < 0
        )
    measured = measure_tapes(tape.lazy(), pl.LazyFrame(schema=QUOTES), {}, {}, BarsSettings()).tape
    assert measured["improving"].sum() == expected


@pytest.mark.parametrize("side", [1, -1])
def test_an_order_that_takes_the_book_from_its_worse_end_sets_its_name_aside(side):
    orders = {"bid_order": 9, "ask_order": 2} if side == 1 else {"bid_order": 2, "ask_order": 9}
    for prices, improving in (((1000, 1001, 1003), 0), ((1003, 1001, 1000), 2), ((1000, 1000, 1000), 0)):
        prices = [price if side == 1 else 2000 - price for price in prices]
        tape = [trade(seq=seq, price=100 * price, side=side, **orders) for seq, price in enumerate(prices)]
        of = Day(frame_of(tape))
        row = of.verdicts["600519.SH"]
        assert (row["verdict"] == "set aside") == (improving > 0)
        if improving:
            assert (
                "2 of its trades fill an active order at a better price than the trade just before, more than 0"
                in row["reason"]
            )
            assert Day(frame_of(tape), max_improving_fills=2).verdicts["600519.SH"]["verdict"] == "ok"
    other = [trade(seq=0, price=100_300, side=side, **orders), trade(seq=1, price=100_000, side=side)]
    assert Day(frame_of(other)).verdicts["600519.SH"]["verdict"] == "ok"  # of two orders


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("exchange", CODES)
@pytest.mark.parametrize("arrivals", [20, 400])
def test_no_order_of_a_synthetic_market_improves(tmp_path, exchange, seed, arrivals):
    files = WRITERS[exchange]["DataYes"](simulate(exchange, CODES[exchange], seed, arrivals), Style(), DAY)
    write_day(tmp_path, files, Style())
    made = run_make(make_trades, date=DATE, landing=Folder(tmp_path), settings=TicksSettings())
    of = Day(made.frame, landing=Landing(date=DATE))
    assert {row["verdict"] for row in of.verdicts.values()} == {"ok"}
