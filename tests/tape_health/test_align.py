"""Kernels that hold snapshots against trades, against plain Python on small random tapes."""

import bisect
import itertools
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tape_health import align
from assets.tape_health.align_tapes import measure_tapes
from assets.ticks.canonical import QUOTES
from resources.settings.bars import BarsSettings
from tests import plain_bars
from tests.tapes import DATE, Day, frame_of, trade

SETTINGS = BarsSettings()


# --- order ----------------------------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 6), max_size=9))
def test_in_order_keeps_as_many_as_can_be_kept(values):
    kept = align.in_order(np.array(values, np.int64)).tolist()
    mine = [value for value, stays in zip(values, kept, strict=True) if stays]
    assert mine == sorted(mine)
    longest = max(
        size
        for size in range(len(values) + 1)
        for chosen in itertools.combinations(values, size)
        if list(chosen) == sorted(chosen)
    )
    assert len(mine) == longest


def plain_stamps(times: list[int]) -> tuple[dict[int, int], int]:
    """(row → the stamp it must have had, rows whose bar nobody can tell), the stamps kept being those of in_order."""
    kept = align.in_order(np.array(times, np.int64)).tolist()
    given_, uncertain = {}, 0
    for i, stays in enumerate(kept):
        if stays:
            continue
        before = [time for time, in_order in zip(times[:i], kept[:i], strict=True) if in_order][-1:]
        after = [time for time, in_order in zip(times[i:], kept[i:], strict=True) if in_order][:1]
        if before and after and plain_bars.bar_of(before[0]) == plain_bars.bar_of(after[0]):
            given_[i] = before[0]
        else:
            uncertain += 1
    return given_, uncertain


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([34_200_000, 34_230_000, 34_259_999, 34_260_000, 34_290_000, 46_800_000]), max_size=12))
def test_stamps_out_of_order_are_put_into_their_bar_or_doubted(times):
    rows = [trade(seq=seq, time=time) for seq, time in enumerate(times)]
    measured = measure_tapes(frame_of(rows).lazy(), pl.LazyFrame(schema=QUOTES), {}, {}, SETTINGS)
    stamps, uncertain = plain_stamps(times)
    assert dict(measured.stamps.iter_rows()) == stamps
    if times:
        measures = measured.tape.row(0, named=True)
        assert measures["uncertain"] == uncertain
        assert measures["disordered"] == sum(b < a for a, b in itertools.pairwise(times))


# --- alignment ------------------------------------------------------------------------------------------------------------


def random_day(rng: random.Random, symbol: str) -> tuple[list[dict], list[dict]]:
    """Trades of one symbol and snapshots that an exchange would show of them, stamps a second apart at most."""
    time, trades = 33_900_000, []
    for seq in range(rng.randint(1, 30)):
        time = max(34_200_000, time + rng.choice((0, 10, 900, 4000, 70_000))) if seq > 2 else 33_900_000
        price = 100 * rng.randint(900, 1100)
        trades.append(trade(symbol=symbol, seq=3 * seq, time=time, price=price, volume=rng.choice((100, 37, 1, 2500))))
    shown = []
    for count in sorted(rng.randint(0, len(trades)) for _ in range(rng.randint(1, 25))):
        count = max(count, 3) if len(trades) > 3 else len(trades)
        stamp = max(34_200_000, trades[count - 1]["time"] + rng.randint(-900, 0))
        stamp = max([stamp, *(row["time"] for row in shown[-1:])])
        shown.append(snapshot(symbol, stamp, trades[:count], rng))
    return trades, shown


def snapshot(symbol: str, time: int, traded: list[dict], rng: random.Random) -> dict:
    bid = 100 * rng.randint(900, 950)
    return {
        "date": DATE,
        "symbol": symbol,
        "time": time,
        "trades": len(traded),
        "volume": sum(row["volume"] for row in traded),
        "amount": sum(row["volume"] * row["price"] for row in traded),
        "pre_close": 100_000,
        "bid_price_1": bid,
        "bid_volume_1": 100 * rng.randint(1, 9),
        "ask_price_1": bid + 100 * rng.randint(1, 3),
        "ask_volume_1": 100 * rng.randint(1, 9),
    }


def quotes_frame(rows: list[dict]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=QUOTES).sort("symbol", "time", maintain_order=True)


def misaligned(trades: list[dict], shown: list[dict], by_count: bool) -> int:
    volumes = list(itertools.accumulate((row["volume"] for row in trades), initial=0))
    amounts = list(itertools.accumulate((row["volume"] * row["price"] for row in trades), initial=0))
    whole_yuan = all(row["amount"] % 10_000 == 0 for row in shown)
    off = 0
    for row in shown:
        k = row["trades"] if by_count else bisect.bisect_left(volumes, row["volume"])
        on_tape = (
            k < len(volumes)
            and volumes[k] == row["volume"]
            and abs(amounts[k] - row["amount"]) < (10_000 if whole_yuan else 1)
        )
        off += not on_tape
    return off


def against_book(trades: list[dict], shown: list[dict]) -> tuple[int, int]:
    """(trades next after a snapshot and at its best prices, those of them on the other side), snapshots being sums of trades."""
    following = against = 0
    for row, after in itertools.pairwise(shown):
        if row["time"] >= 53_820_000 or after["trades"] == row["trades"] or row["trades"] == len(trades):
            continue
        bid, ask, following_trade = row["bid_price_1"], row["ask_price_1"], trades[row["trades"]]
        if bid is None or ask is None or bid >= ask or not following_trade["side"]:
            continue
        price, side = following_trade["price"], following_trade["side"]
        following += price <= bid or price >= ask
        against += (price <= bid and side == 1) or (price >= ask and side == -1)
    return following, against


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["count", "volume"]))
def test_sides_against_the_book_before_are_those_of_plain_python(seed, by):
    rng = random.Random(seed)
    trades, shown = random_day(rng, "600519.SH")
    for row in trades:
        row["side"], row["price"] = rng.choice((1, -1, 0)), 100 * rng.randint(925, 935)
    for row in shown:
        first = trades[: row["trades"]]
        row["amount"] = sum(one["volume"] * one["price"] for one in first)
        row["bid_price_1"] = 100 * rng.randint(926, 931)
        row["ask_price_1"] = rng.choice((None, *[row["bid_price_1"] + 100 * n for n in (0, 1, 2, 3)]))
    measured = measure_tapes(
        frame_of(trades).lazy(), quotes_frame(shown).lazy(), {}, {}, BarsSettings(align_quotes_by=by)
    )
    assert measured.book.select("following", "against_book").row(0) == against_book(trades, shown)


def virtual(trades: list[dict], shown: list[dict], minutes: int) -> int:
    """Snapshots of one bid and ask in a silence of so many minutes from 09:30 to 14:57, by walking the tape's minutes."""
    hours = [ms for ms in range(34_200_000, 53_820_000, 1000) if not 41_400_000 <= ms < 46_800_000]
    found = 0
    for row in shown:
        before = max([34_200_000, *(one["time"] for one in trades[: row["trades"]])])
        after = min([53_820_000, *(one["time"] for one in trades[row["trades"] :])])
        silent = sum(before <= ms < after for ms in hours)
        found += row["bid_price_1"] == row["ask_price_1"] and row["time"] < 53_820_000 and silent >= minutes * 60
    return found


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_virtual_books_of_a_halt_are_those_of_plain_python(seed, minutes):
    rng = random.Random(seed)
    times = sorted(1000 * rng.choice((rng.randint(34_200, 41_399), rng.randint(46_800, 54_000))) for _ in range(25))
    trades = [trade(symbol="600519.SH", seq=n, time=time, volume=100 + n) for n, time in enumerate(times)]
    shown = []
    for stamp in sorted(
        {1000 * rng.choice((rng.randint(34_200, 41_399), rng.randint(46_800, 54_000))) for _ in range(60)}
    ):
        row = snapshot("600519.SH", stamp, [one for one in trades if one["time"] <= stamp], rng)
        if rng.random() < 0.5:
            row["ask_price_1"] = row["bid_price_1"]
        shown.append(row)
    book = measure_tapes(
        frame_of(trades).lazy(), quotes_frame(shown).lazy(), {}, {}, BarsSettings(min_halt_minutes=minutes)
    ).book.row(0, named=True)
    crossed = [row for row in shown if row["bid_price_1"] == row["ask_price_1"] and row["time"] < 53_820_000]
    assert (book["halted_quotes"], book["crossed_quotes"]) == (virtual(trades, shown, minutes), len(crossed))
    assert book["unusable_quotes"] == len(crossed)


def test_virtual_books_of_a_halt_leave_the_book_alone_and_those_of_a_trading_name_do_not(shown):
    trades, quotes = shown
    rng = random.Random(2)
    halted = [snapshot("600519.SH", 34_380_000 + 3000 * n, trades, rng) for n in range(300)]
    for row in halted:
        row["ask_price_1"] = row["bid_price_1"]
    resumed = [trade(seq=6, time=35_300_000, volume=700)]
    after = snapshot("600519.SH", 35_300_500, [*trades, *resumed], rng)
    of = Day(frame_of([*trades, *resumed]), quotes=quotes_frame([*quotes, *halted, after]))
    row = of.verdicts["600519.SH"]
    assert (row["quotes_verdict"], row["crossed_quotes"]) == ("repaired", 300)
    of = Day(frame_of([*trades, *resumed]), quotes=quotes_frame([*quotes, *halted, after]), min_halt_minutes=60)
    row = of.verdicts["600519.SH"]
    assert row["quotes_verdict"] == "set aside"
    assert "300 crossed" in row["reason"]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["count", "volume"]), st.booleans())
def test_alignment_equals_plain_python(seed, by, spoiled):
    rng = random.Random(seed)
    trades, shown = random_day(rng, "600519.SH")
    if spoiled:
        for row in rng.sample(shown, min(2, len(shown))):
            row[rng.choice(("volume", "amount", "trades"))] += rng.choice((1, 100, 10_000))
        shown.sort(key=lambda row: (row["time"], row["volume"]))
    falls = any(b["volume"] < a["volume"] for a, b in itertools.pairwise(shown))
    other, beside = random_day(rng, "000001.SZ")
    measured = measure_tapes(
        frame_of([*trades, *other]).lazy(),
        quotes_frame([*shown, *beside]).lazy(),
        {},
        {},
        BarsSettings(align_quotes_by=by, batch_rows=rng.choice((1, 30, 1000))),
    )
    measures = {row["symbol"]: row for row in measured.book.iter_rows(named=True)}
    assert measures["000001.SZ"]["misaligned_quotes"] == 0
    assert measures["000001.SZ"]["unusable_quotes"] == 0
    if not falls:
        assert measures["600519.SH"]["misaligned_quotes"] == misaligned(trades, shown, by == "count")
        assert measures["600519.SH"]["cumulative_decreases"] == 0
        assert measures["600519.SH"]["quoted_volume"] == shown[-1]["volume"]
    sums = {row["symbol"]: (row["volume"], row["amount"]) for row in measured.tape.iter_rows(named=True)}
    assert sums["600519.SH"] == (
        sum(row["volume"] for row in trades),
        sum(row["volume"] * row["price"] for row in trades),
    )


def faults(shown: list[dict], trades: list[dict] | None = None, **changes) -> dict[int, int]:
    """Position in time → fault bits."""
    tape = frame_of(trades or [])
    quotes = quotes_frame(shown)
    measured = measure_tapes(tape.lazy(), quotes.lazy(), {}, {}, BarsSettings(**changes))
    return dict(measured.faults.select("row", "fault").iter_rows())


@pytest.fixture
def shown() -> tuple[list[dict], list[dict]]:
    """Six trades half a minute apart, and a snapshot a second after each."""
    rng = random.Random(1)
    trades = [trade(seq=n, time=34_200_000 + 30_000 * n, volume=100 + n) for n in range(6)]
    return trades, [snapshot("600519.SH", row["time"] + 1000, trades[: n + 1], rng) for n, row in enumerate(trades)]


def test_what_an_exchange_shows_has_no_fault(shown):
    trades, quotes = shown
    assert faults(quotes, trades) == {}


def test_a_reset_is_behind_and_what_follows_is_not(shown):
    trades, quotes = shown
    quotes[2] |= {"trades": 0, "volume": 0, "amount": 0}
    assert faults(quotes, trades) == {2: align.FELL}


def test_a_spike_is_behind_no_one_and_puts_no_one_behind(shown):
    trades, quotes = shown
    quotes[2] |= {"volume": 10**12}
    assert faults(quotes, trades) == {2: align.FELL}


def test_a_snapshot_off_the_tape_a_crossed_one_and_a_late_one(shown):
    trades, quotes = shown
    quotes[1] |= {"amount": quotes[1]["amount"] + 100}
    quotes[2] |= {"ask_price_1": quotes[2]["bid_price_1"]}
    quotes[3] |= {"time": quotes[3]["time"] + 29_500 + 20_000, "pre_close": 99_900}
    quotes[4] |= {"time": quotes[4]["time"] + 20_500}
    assert faults(quotes, trades) == {1: align.MISALIGNED, 2: align.CROSSED, 3: align.LATE | align.ODD}
    assert faults(quotes, trades, max_quote_lag_ms=60_000)[3] == align.ODD


def test_crossed_books_outside_continuous_trading_are_virtual_not_wrong(shown):
    trades, quotes = shown
    late = [row | {"time": row["time"] + 19_800_000, "ask_price_1": row["bid_price_1"]} for row in quotes]
    assert faults(late, [row | {"time": row["time"] + 19_800_000} for row in trades]) == {}


def test_only_a_row_that_is_equal_in_every_column_repeats(shown):
    trades, quotes = shown
    deeper = quotes[3] | {"ask_price_7": 120_000, "ask_volume_7": 100}
    assert faults([*quotes, dict(quotes[3]), dict(quotes[5])], trades) == {4: align.REPEATED, 7: align.REPEATED}
    assert faults([*quotes, deeper], trades) == {}


def test_limit_prices_are_those_delivered_else_the_snapshots_else_the_rule(shown):
    trades, quotes = shown
    trades[3]["price"] = 130_000

    def outside(delivered, rule, quoted):
        rows = [row | ({"limit_up": 120_000, "limit_down": 90_000} if quoted else {}) for row in quotes]
        measured = measure_tapes(frame_of(trades).lazy(), quotes_frame(rows).lazy(), delivered, rule, SETTINGS)
        return measured.tape["outside"].to_list()

    tight, wide = {"600519.SH": (9.0, 12.0)}, {"600519.SH": (9.0, 14.0)}
    assert outside({}, {}, False) == [0]
    assert outside({}, tight, False) == outside({}, wide, True) == outside(tight, wide, False) == [1]
    assert outside(wide, tight, True) == [0]


def test_a_symbol_whose_rows_stand_in_many_batches_is_one(shown):
    trades, quotes = shown
    one, many = (
        measure_tapes(frame_of(trades).lazy(), quotes_frame(quotes).lazy(), {}, {}, BarsSettings(batch_rows=rows))
        for rows in (10**6, 1)
    )
    assert one.tape.equals(many.tape)
    assert one.book.equals(many.book)


# --- volumes of the best levels -------------------------------------------------------------------------------------------


def swept_levels(trades: list[dict], shown: list[dict], factor: float) -> tuple[int, ...]:
    """(levels taken whole, above, below, own, other) of snapshots that are sums of trades: each interval between two of them is walked."""
    counts = [0] * 5
    for row, after in itertools.pairwise(shown):
        taken = trades[row["trades"] : after["trades"]]
        bid, ask = row["bid_price_1"], row["ask_price_1"]
        if not taken or row["time"] >= 53_820_000 or ask is None or bid >= ask or not taken[0]["side"]:
            continue
        side = taken[0]["side"]
        level = ask if side == 1 else bid
        length = next((n for n, one in enumerate(taken) if (one["price"], one["side"]) != (level, side)), len(taken))
        at_level, beyond = taken[:length], taken[length:]
        if not at_level or not beyond or beyond[0]["side"] != side or (beyond[0]["price"] - level) * side < 0:
            continue
        shares = sum(one["volume"] for one in at_level)
        own, other = (row["ask_volume_1"], row["bid_volume_1"])[::side]
        holds = (True, shares >= factor * own, shares * factor <= own, shares == own != other, shares == other != own)
        counts = [count + held for count, held in zip(counts, holds, strict=True)]
    return tuple(counts)


SWEPT = ("swept", "swept_above", "swept_below", "swept_own", "swept_other")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["count", "volume"]), st.sampled_from([2.0, 5.0]))
def test_swept_levels_are_those_of_plain_python(seed, by, factor):
    rng = random.Random(seed)
    trades, shown = random_day(rng, "600519.SH")
    side = rng.choice((1, -1))
    for row in trades:  # mostly one side, which walks the book
        row["side"] = rng.choice((side, side, side, side, -side, 0))
        row["price"], row["volume"] = 100 * (930 + side * rng.choice((0, 0, 1, 2))), rng.choice((100, 200, 500))
    for row in shown:
        first = trades[: row["trades"]]
        row["volume"] = sum(one["volume"] for one in first)
        row["amount"] = sum(one["volume"] * one["price"] for one in first)
        row["bid_price_1"] = 93_000 if side == -1 else 92_900
        row["ask_price_1"] = rng.choice((None, *[row["bid_price_1"] + 100] * 5))
        row["bid_volume_1"], row["ask_volume_1"] = rng.choices((100, 200, 500, 1_000), k=2)
    own = BarsSettings(align_quotes_by=by, swept_volume_factor=factor)
    measured = measure_tapes(frame_of(trades).lazy(), quotes_frame(shown).lazy(), {}, {}, own)
    assert measured.book.select(SWEPT).row(0) == swept_levels(trades, shown, factor)
