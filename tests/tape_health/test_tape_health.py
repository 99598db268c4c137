"""Verdicts: what each fault of a tape leads to and how its reason is worded, and that no altered row goes unnoticed."""

import io
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.bars.schemas import MINUTE_BARS
from assets.tape_health.assets import tape_health
from assets.tape_health.channels import missing_numbers
from assets.tape_health.reasons import TRADES_DO_NOT_ADD_UP
from assets.tape_health.schemas import TAPE_HEALTH
from assets.ticks.canonical import ORDERS
from assets.ticks.numbers import NUMBERS
from resources.gate import judge
from resources.gate_changes import with_gates
from resources.reason_words import describe
from resources.reasons import Reason
from resources.settings.bars import BarsSettings
from resources.settings.gates import GateSettings
from tests.tape_health.test_align import quotes_frame, snapshot
from tests.tapes import DAILY, DATE, SECURITIES, Day, Landing, day, frame_of, trade

BOOK = ("net_bid_change", "spread", "imbalance", "imbalance_5")


def refused(of: Day) -> set[str]:
    """Critical checks that a day fails."""
    verdicts = judge(tape_health.checks, {DATE: of.health.profile}, {DATE: of.health.unavailable})[DATE]
    return {name for name, verdict in verdicts.items() if verdict.refuses}


def warned(of: Day) -> dict[str, str]:
    verdicts = judge(tape_health.checks, {DATE: of.health.profile}, {DATE: of.health.unavailable})[DATE]
    return {name: verdict.text() for name, verdict in verdicts.items() if not verdict.passed and not verdict.critical}


def one(of: Day, symbol: str = "600519.SH") -> dict:
    return of.verdicts[symbol]


# --- single faults --------------------------------------------------------------------------------------------------------


def test_a_tape_that_adds_up_is_ok():
    of = Day(frame_of([trade()]), daily=pl.DataFrame([day()], schema=DAILY))
    row = one(of)
    assert dict(of.health.frame.schema) == TAPE_HEALTH
    assert (row["verdict"], row["trades_verdict"], row["quotes_verdict"], row["reason"]) == ("ok", "ok", None, None)
    assert (row["trades"], row["volume"], row["amount"]) == (1, 100, 1000.0)
    assert (row["reference_volume"], row["reference_amount"], row["volume_difference"]) == (100, 1000.0, 0)
    assert row["misaligned_quotes"] is None
    assert refused(of) == set()
    assert warned(of) == {}


def test_a_tape_that_does_not_add_up_is_set_aside():
    tape = frame_of([trade(), trade(symbol="000001.SZ")])
    of = Day(tape, daily=pl.DataFrame([day(), day("000001.SZ", volume=300, amount=3000.0)], schema=DAILY))
    row = one(of, "000001.SZ")
    assert row["verdict"] == "set aside"
    assert row["reason"] == (
        "its trades add up to 100 shares and 1000 yuan, but daily_prices has 300 and 3000: rows are missing, duplicated or "
        "altered"
    )
    stored = of.health.frame.filter(symbol="000001.SZ")["reason"].item()
    totals = {"volume": 100, "amount": 1000.0, "reference_volume": 300, "reference_amount": 3000.0}
    assert Reason.loads(stored) == TRADES_DO_NOT_ADD_UP(**totals)
    assert describe(Reason.loads(stored), "zh").startswith(
        "逐笔成交合计 100 股、1000 元，而 daily_prices 为 300 股、3000 元："
    )
    assert (row["volume_difference"], row["amount_difference"]) == (-200, -2000.0)
    assert one(of)["verdict"] == "ok"
    assert refused(of) == {"tapes_add_up"}
    assert "000001.SZ" in warned(of)["no_symbol_set_aside"]
    calm = Day(tape, daily=of.daily, max_set_aside_share=0.5)
    assert refused(calm) == set()


@pytest.mark.parametrize(
    ("amount", "verdict"),
    [
        (1000.0, "ok"),
        (999.0, "ok"),
        (1001.0, "ok"),
        (1002.0, "set aside"),
        (1000.01, "set aside"),
        (999.6, "set aside"),
    ],
)
def test_an_amount_to_the_cent_must_be_met_a_rounded_one_nearly(amount, verdict):
    of = Day(frame_of([trade()]), daily=pl.DataFrame([day(amount=amount)], schema=DAILY))
    assert one(of)["verdict"] == verdict


def test_an_unknown_amount_is_not_compared():
    of = Day(frame_of([trade()]), daily=pl.DataFrame([day(amount=None)], schema=DAILY))
    assert one(of)["verdict"] == "ok"
    short = Day(frame_of([trade()]), daily=pl.DataFrame([day(amount=None, volume=200)], schema=DAILY))
    assert "daily_prices has 200 and –" in one(short)["reason"]


def test_without_daily_prices_the_last_snapshot_is_the_reference():
    rng = random.Random(2)
    shown = [snapshot("600519.SH", time, [trade(volume=200)], rng) for time in (36_001_000, 54_000_000)]
    of = Day(frame_of([trade()]), quotes=quotes_frame(shown))
    row = one(of)
    assert row["verdict"] == "set aside"
    assert "the last snapshot has 200 and 2000" in row["reason"]
    assert "its snapshots differ from the sums of its trades from 10:00:01.000 on" in row["reason"]
    assert row["quotes_verdict"] == "ok"


def test_a_tape_without_reference_is_accepted_and_reported():
    of = Day(frame_of([trade()]))
    assert one(of)["verdict"] == "ok"
    assert "600519.SH" in warned(of)["tapes_have_a_reference"]


@pytest.mark.parametrize(
    ("counts", "known", "verdict", "reason"),
    [
        ({"rows_set_aside": 2}, True, "repaired", "2 of its rows in the trade files cannot be used; the total proves"),
        ({"rows_set_aside": 2}, False, "set aside", "no total proves that none of its trades is missing"),
        ({"duplicates": 3}, False, "repaired", "3 of its trades were delivered twice and count once"),
        (
            {"conflicting_duplicates": 1},
            True,
            "set aside",
            "1 of its trades were delivered twice with different values",
        ),
        ({"side_disagreements": 1}, True, "set aside", "disagree about the aggressor, more than 0"),
    ],
)
def test_counts_of_ingestion_decide_on_a_symbol(counts, known, verdict, reason):
    tape = frame_of([trade(), trade(symbol="000001.SZ")])
    daily = pl.DataFrame([day(), day("000001.SZ")], schema=DAILY) if known else None
    of = Day(tape, daily=daily, counts={"trades": {"600519.SH": counts}})
    assert one(of)["verdict"] == one(of)["trades_verdict"] == verdict
    assert reason in one(of)["reason"]
    assert {name: one(of)[name] for name in counts} == counts
    assert one(of, "000001.SZ")["verdict"] == "ok"
    assert (of.bars.frame.filter(pl.col("symbol") == "600519.SH")["close"].null_count() == 239) == (
        verdict == "set aside"
    )


def order(symbol: str = "600519.SH", number: int = 7, side: int = 1) -> dict:
    return {"date": DATE, "symbol": symbol, "channel": 3, "seq": 1, "time": 34_200_000, "order": number, "side": side,
            "price": 100_000, "quantity": 100, "kind": "limit", "event": None}  # fmt: skip


def test_order_rows_that_cannot_be_used_set_the_orders_aside_and_leave_the_values_alone():
    orders = pl.DataFrame([order()], schema=ORDERS)
    of = Day(frame_of([trade(bid_order=7)]), orders, counts={"orders": {"600519.SH": {"rows_set_aside": 1}}})
    row = one(of)
    assert (row["trades_verdict"], row["orders_verdict"], row["verdict"]) == ("ok", "set aside", "repaired")
    assert row["orders"] == 1
    assert of.bars.frame["volume"].sum() == 100


def test_bid_and_ask_numbers_exchanged_fail_a_check_that_names_the_symbol():
    orders = pl.DataFrame([order(), order(number=8, side=-1)], schema=ORDERS)
    right = frame_of([trade(symbol="600519.SH", channel=3, bid_order=7, ask_order=8)])
    exchanged = right.with_columns(bid_order="ask_order", ask_order="bid_order")
    assert "orders_agree_with_trades" not in warned(Day(right, orders))
    detail = warned(Day(exchanged, orders))["orders_agree_with_trades"]
    assert "600519.SH" in detail
    assert one(Day(exchanged, orders))["orders_verdict"] == "set aside"


@pytest.mark.parametrize(
    ("ordered", "absent"),
    [((), ""), (("600519.SH",), "SZ"), (("000001.SZ",), "SH"), (("600519.SH", "000001.SZ"), "")],
)
def test_an_exchange_without_orders_beside_one_with_orders_fails_a_check(ordered, absent):
    tape = frame_of([trade(channel=3, bid_order=7), trade(symbol="000001.SZ", channel=3, bid_order=7)])
    orders = pl.DataFrame([order(symbol) for symbol in sorted(ordered)], schema=ORDERS)
    detail = warned(Day(tape, orders)).get("orders_of_both_exchanges_delivered", "")
    assert (f"1 stocks of {absent} were delivered without any of their orders" in detail) if absent else detail == ""


def test_prices_outside_delivered_limits_are_set_aside_outside_the_rule_counted():
    limits = pl.DataFrame([("600519.SH", 9.5, 8.5, 9.0)], schema=SECURITIES, orient="row")
    rule = Day(frame_of([trade(), trade(symbol="600000.SH")]), securities=limits)
    assert (one(rule)["verdict"], one(rule)["outside_limits"]) == ("ok", 1)
    assert "600519.SH" in warned(rule)["prices_inside_limits"]
    everywhere = Day(frame_of([trade()]), securities=limits)  # all of the day: then the rule is wrong, not the tape
    verdicts = judge(tape_health.checks, {DATE: everywhere.health.profile}, {DATE: everywhere.health.unavailable})
    assert verdicts[DATE]["prices_inside_limits"].refuses
    delivered = Day(frame_of([trade()]), securities=limits, landing=Landing(limits=limits))
    assert one(delivered)["verdict"] == "set aside"
    assert "1 of its trades are priced outside the limit prices delivered" in one(delivered)["reason"]


def test_a_stock_has_one_channel_before_the_close():
    two = Day(frame_of([trade(), trade(channel=4, seq=2)]))
    assert "its trades before the close are on 2 channels" in one(two)["reason"]
    after = Day(frame_of([trade(), trade(channel=4, seq=2, time=54_300_000)]))
    assert one(after)["verdict"] == "ok"


def test_stamps_out_of_order_go_into_their_bar_or_set_the_tape_aside():
    stamps = (36_000_000, 36_010_000, 41_000_000, 36_020_000)
    rows = [trade(seq=seq, time=time) for seq, time in enumerate(stamps)]
    of = Day(frame_of(rows))
    assert (one(of)["verdict"], one(of)["out_of_order"]) == ("repaired", 1)
    right = Day(frame_of([row | {"time": 36_010_000} if row["seq"] == 2 else row for row in rows]))
    assert of.bars.frame.equals(right.bars.frame)
    doubtful = Day(frame_of([*rows, trade(seq=4, time=36_060_000), trade(seq=5, time=36_030_000)]))
    assert one(doubtful)["verdict"] == "repaired"
    doubtful = Day(frame_of([*rows[:2], trade(seq=2, time=34_300_000), trade(seq=3, time=36_060_000)]))
    assert one(doubtful)["verdict"] == "set aside"
    assert "stamped out of order" in one(doubtful)["reason"]


# --- who is there ---------------------------------------------------------------------------------------------------------


def test_a_name_that_should_have_traded_and_has_no_tape_is_missing():
    of = Day(frame_of([trade()]), daily=pl.DataFrame([day(), day("000001.SZ")], schema=DAILY), max_uncovered_share=0.6)
    row = one(of, "000001.SZ")
    assert (row["verdict"], row["trades_verdict"], row["trades"]) == ("missing", "missing", None)
    assert row["reason"] == "daily_prices has a volume of 100 shares, but no usable trade of it was delivered"
    assert "000001.SZ" in warned(of)["traded_names_covered"]
    assert refused(of) == set()
    assert of.bars.frame["symbol"].unique().to_list() == ["600519.SH"]


@pytest.mark.parametrize(("traded", "lost"), [(4, 0), (5, 1)])
def test_a_market_whose_tapes_are_lost_is_refused(traded, lost):
    names = [f"{n:06d}.SZ" for n in range(1, traded + 1)]
    daily = pl.DataFrame([day(name) for name in names], schema=DAILY)
    of = Day(frame_of([trade(symbol=name) for name in names[:3]]), daily=daily)
    assert refused(of) == ({"tapes_cover_the_market"} if lost else set())
    if lost:
        detail = of.profile["detail"].drop_nulls()[0]
        assert "2 of 5 stocks that traded according to daily_prices were not delivered, more than 25%" in detail
        assert "000004.SZ, 000005.SZ" in detail


def test_snapshots_without_any_trades_are_a_lost_tape_only_against_daily_prices():
    quotes = quotes_frame([snapshot("000001.SZ", 54_000_000, [trade()], random.Random(1))])
    daily = pl.DataFrame([day("000001.SZ")], schema=DAILY)
    assert refused(Day(quotes=quotes, daily=daily)) == {"tapes_cover_the_market"}
    alone = Day(quotes=quotes)
    assert refused(alone) == set()
    assert "the last snapshot has a volume of 100 shares" in one(alone, "000001.SZ")["reason"]


def test_a_day_on_which_nothing_landed_is_empty_with_reasons():
    of = Day(daily=pl.DataFrame([day()], schema=DAILY), unavailable={"trades": {"price": "no ticks/20240110"}})
    assert of.health.frame.is_empty()
    assert str(of.health.unavailable["verdict"]) == "no ticks/20240110, and no bars/20240110.parquet"
    assert refused(of) == set()
    (warning,) = warned(of).items()
    assert warning[0] == "minutes_of_the_day_delivered"
    cause = "no ticks/20240110, and no bars/20240110.parquet"
    assert f"{cause}, while the number of stocks with a volume in daily_prices is 1" in warning[1]
    verdicts = judge(tape_health.checks, {DATE: of.health.profile}, {DATE: of.health.unavailable})[DATE]
    assert {str(one.detail) for name, one in verdicts.items() if name != warning[0]} == {f"n/a: {cause}"}


def test_a_setting_refuses_a_day_on_which_nothing_landed():
    of = Day(unavailable={"trades": {"price": "no ticks/20240110"}})
    strict = {"tape_health": {"minutes_of_the_day_delivered": GateSettings(critical=True)}}
    checks = with_gates({"tape_health": tape_health}, strict)["tape_health"].checks
    verdicts = judge(checks, {DATE: of.health.profile}, {DATE: of.health.unavailable})[DATE]
    assert [name for name, verdict in verdicts.items() if verdict.refuses] == ["minutes_of_the_day_delivered"]


def test_a_name_open_all_day_without_a_trade_is_ok():
    quotes = quotes_frame([snapshot("000001.SZ", 36_000_000, [], random.Random(1))])
    of = Day(frame_of([trade()]), quotes=quotes, daily=pl.DataFrame([day()], schema=DAILY))
    row = one(of, "000001.SZ")
    assert (row["verdict"], row["trades_verdict"], row["trades"], row["volume"]) == ("ok", "ok", 0, 0)
    traded = Day(frame_of([trade()]), quotes=quotes, daily=pl.DataFrame([day("000001.SZ")], schema=DAILY))
    assert one(traded, "000001.SZ")["verdict"] == "missing"
    assert traded.bars.frame["symbol"].unique().to_list() == ["600519.SH"]


# --- snapshots ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def shown():
    """Forty trades a quarter of a minute apart, a snapshot a second after each, and what the exchange says of the day."""
    rng = random.Random(3)
    trades = [trade(seq=n, time=34_200_000 + 15_000 * n, volume=100 + n) for n in range(40)]
    quotes = [snapshot("600519.SH", row["time"] + 1000, trades[: n + 1], rng) for n, row in enumerate(trades)]
    volume = sum(row["volume"] for row in trades)
    return trades, quotes, pl.DataFrame([day(volume=volume, amount=volume * 10.0)], schema=DAILY)


def of_shown(trades, quotes, daily, **changes) -> Day:
    return Day(frame_of(trades), quotes=quotes_frame(quotes), daily=daily, **changes)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"trades": 0, "volume": 0, "amount": 0}, "1 with smaller sums than an earlier one"),
        ({"amount": 1}, "1 not the sums of its trades"),
        ({"pre_close": 99_000}, "1 inconsistent"),
        ({"bid_price_2": 200_000, "bid_volume_2": 100}, "1 inconsistent"),
        ({"bid_price_1": None, "bid_price_2": 90_000, "bid_volume_2": 100}, "1 inconsistent"),
        ({"ask_price_1": None, "ask_price_2": 90_000, "ask_volume_2": 100}, "1 inconsistent"),
    ],
)
def test_a_single_unusable_snapshot_is_left_out_and_values_stand(shown, changes, fault):
    trades, quotes, daily = shown
    without = of_shown(trades, quotes[:7] + quotes[8:], daily)
    quotes[7] |= changes
    of = of_shown(trades, quotes, daily)
    assert (one(of)["verdict"], one(of)["quotes_verdict"]) == ("repaired", "repaired")
    assert f"1 of 40 snapshots are left out of the book: {fault}" in one(of)["reason"]
    assert of.bars.frame.equals(without.bars.frame)


def test_best_prices_outside_the_limits_are_left_out(shown):
    trades, quotes, daily = shown
    limits = pl.DataFrame([("600519.SH", 11.0, 9.0, 10.0)], schema=SECURITIES, orient="row")
    without = of_shown(trades, quotes[:7] + quotes[8:], daily, securities=limits)
    quotes[7] |= {"bid_price_1": 9_100}
    of = of_shown(trades, quotes, daily, securities=limits)
    assert "1 inconsistent" in one(of)["reason"]
    assert of.bars.frame.equals(without.bars.frame)


def test_a_name_that_trades_without_a_book_has_none(shown):
    trades, quotes, daily = shown
    empty = [row | dict.fromkeys(("bid_price_1", "ask_price_1", "bid_volume_1", "ask_volume_1")) for row in quotes]
    of = of_shown(trades, empty, daily)
    assert (one(of)["verdict"], one(of)["quotes_verdict"]) == ("repaired", "set aside")
    assert "none of its snapshots in continuous trading shows an order" in one(of)["reason"]
    assert of.bars.frame["net_bid_change"].null_count() == 239


def test_a_repeated_snapshot_counts_once(shown):
    trades, quotes, daily = shown
    of = of_shown(trades, [*quotes, dict(quotes[9])], daily)
    assert (one(of)["verdict"], one(of)["repeated_quotes"]) == ("repaired", 1)
    assert of.bars.frame.equals(of_shown(trades, quotes, daily).bars.frame)


def test_a_crossed_book_breaks_the_chain_of_bid_changes(shown):
    trades, quotes, daily = shown
    one_sided = [row | ({"bid_price_1": None, "bid_volume_1": None} if n == 7 else {}) for n, row in enumerate(quotes)]
    quotes[7] |= {"ask_price_1": quotes[7]["bid_price_1"]}
    of = of_shown(trades, quotes, daily)
    assert (one(of)["quotes_verdict"], one(of)["crossed_quotes"]) == ("repaired", 1)
    assert of.bars.frame.equals(of_shown(trades, one_sided, daily).bars.frame)


def test_too_many_unusable_snapshots_set_the_book_aside_and_no_more(shown):
    trades, quotes, daily = shown
    for n in (7, 17, 27):
        quotes[n] |= {"amount": quotes[n]["amount"] + 1}
    of = of_shown(trades, quotes, daily)
    row = one(of)
    assert (row["verdict"], row["trades_verdict"], row["quotes_verdict"]) == ("repaired", "ok", "set aside")
    assert "3 of 40 snapshots cannot be used, more than 5%" in row["reason"]
    frame = of.bars.frame
    assert all(frame[name].null_count() == 239 for name in BOOK)
    assert frame["volume"].sum() == daily["volume"][0]
    assert "600519.SH" in warned(of)["snapshots_are_sums_of_trades"]


def test_trades_that_are_wrong_between_snapshots_and_right_in_the_end_are_set_aside(shown):
    trades, quotes, daily = shown
    trades[10]["volume"] += 5
    trades[20]["volume"] -= 5
    row = one(of_shown(trades, quotes, daily))
    assert (row["verdict"], row["volume_difference"], row["misaligned_quotes"]) == ("set aside", 0, 10)
    assert (
        "10 consecutive snapshots, from 09:32:31.000 on, are not the sums of its trades, and that of 09:35:01.000 is again"
        in row["reason"]
    )


def test_after_hours_trades_may_be_in_the_snapshots_or_not(shown):
    trades, quotes, _ = shown
    late = trade(seq=99, time=54_300_000, volume=1000)
    with_it = snapshot("600519.SH", 55_800_000, [*trades, late], random.Random(1))
    closed = snapshot("600519.SH", 54_000_000, trades, random.Random(1))
    for last in ([closed], [closed, with_it]):
        row = one(Day(frame_of([*trades, late]), quotes=quotes_frame([*quotes, *last])))
        assert (row["verdict"], row["volume_difference"], row["quoted_volume_difference"]) == ("ok", 0, 0)


# --- channels -------------------------------------------------------------------------------------------------------------


def numbers_of(exchange: str, channel: int, numbering: str, seen: set[int]) -> pl.DataFrame:
    first, last = min(seen), max(seen)
    bits = np.packbits([n in seen for n in range(first, last + 1)], bitorder="little").tobytes()
    row = (exchange, channel, numbering, first, last, len(seen), len(seen), bits)
    return pl.DataFrame([row], schema=NUMBERS, orient="row")


@settings(max_examples=80, deadline=None)
@given(
    st.sets(st.integers(1, 60), min_size=1), st.sets(st.integers(1, 60), min_size=1), st.sampled_from(["SH", "SZ"]),
    st.sampled_from(["trades", "orders", "events"]),
)  # fmt: skip
def test_missing_numbers_equal_plain_python(traded, ordered, exchange, numbering):
    if numbering == "trades":
        ordered = set()
    if numbering == "orders":
        traded = set()
    if exchange == "SZ" and numbering == "events":
        ordered |= traded
    none = pl.DataFrame(schema=NUMBERS)
    found = missing_numbers(
        numbers_of(exchange, 3, numbering, traded) if traded else none,
        numbers_of(exchange, 3, numbering, ordered) if ordered else none,
        BarsSettings(),
    ).row(0, named=True)
    seen = traded | ordered
    whole = len(seen) >= max(seen) / 2 and (exchange == "SH" or numbering != "events" or len(ordered) > len(traded))
    gone = [n for n in range(1, max(seen)) if n not in seen]
    assert (found["last"], found["present"]) == (max(seen), len(seen))
    assert found["missing"] == (len(gone) if whole else None)
    if whole and gone:
        assert found["ranges"].startswith(str(gone[0]))


@pytest.mark.parametrize(
    ("lost", "refuses"), [(set(), False), ({500}, False), ({1, 2}, True), (set(range(300, 320)), True)]
)
def test_gaps_of_a_whole_channel_are_listed_and_refuse_a_day(lost, refuses):
    numbers = {"trades": numbers_of("SH", 3, "trades", set(range(1, 1001)) - lost)}
    unproven = Day(frame_of([trade()]), numbers=numbers)
    refusals = refused(unproven) - {"tapes_add_up", "no_symbol_set_aside"}
    assert refusals == ({"nearly_all_channel_numbers_present"} if refuses else set())
    of = Day(frame_of([trade()]), daily=pl.DataFrame([day()], schema=DAILY), numbers=numbers)
    assert refused(of) == set()  # every name that was delivered is whole: the others were not asked for
    assert ("channel_numbers_complete" in warned(of)) == bool(lost)
    another = pl.DataFrame([day(), day(symbol="600000.SH")], schema=DAILY)
    of = Day(frame_of([trade()]), daily=another, numbers=numbers, max_uncovered_share=0.9)
    assert refused(of) == ({"nearly_all_channel_numbers_present"} if refuses else set())
    of = Day(frame_of([trade()]), daily=pl.DataFrame([day()], schema=DAILY), numbers=numbers)
    if lost:
        detail = warned(of)["channel_numbers_complete"]
        assert f"channel 3 of SH lacks {len(lost)} of its 1000 numbers of trades: {min(lost)}" in detail
        assert one(of)["verdict"] == "ok"  # its total proves that nothing of it is lost
        alone = Day(frame_of([trade()]), numbers=numbers)
        assert "its channel lacks numbers or stops before the close, and no total proves" in one(alone)["reason"]


def test_a_snapshot_before_the_close_is_no_reference():
    shown = quotes_frame([snapshot("600519.SH", 36_003_000, [trade()], random.Random(1))])
    of = Day(frame_of([trade()]), quotes=shown)
    assert (one(of)["verdict"], one(of)["reference_volume"], one(of)["quoted_volume_difference"]) == ("ok", None, 0)
    assert "600519.SH" in warned(of)["tapes_have_a_reference"]


def test_a_trade_that_no_snapshot_counts_for_a_minute_sets_the_book_aside():
    """The wait is that of the trade, without the lunch break; what trades in an auction need no snapshot."""

    def waited(traded: int, shown: int) -> tuple[str, str | None]:
        tape = [trade(time=33_900_000), trade(time=traded)]
        quotes = quotes_frame(
            [
                snapshot("600519.SH", 34_200_000, tape[:1], random.Random(1)),
                snapshot("600519.SH", shown, tape, random.Random(1)),
            ]
        )
        row = one(Day(frame_of(tape), quotes=quotes))
        return row["quotes_verdict"], row["reason"]

    assert waited(36_000_000, 36_060_000) == ("ok", None)
    verdict, reason = waited(36_000_000, 36_060_001)
    assert verdict == "set aside"
    assert "no snapshot includes its trade of 10:00:00.000 until 60 s later" in reason
    assert waited(41_399_000, 46_803_000) == ("ok", None)
    assert waited(41_399_000, 46_860_001)[0] == "set aside"
    assert waited(53_820_000, 54_000_000) == ("ok", None)
    assert waited(53_819_000, 54_003_000) == ("ok", None)  # a second of continuous trading, then the closing call
    assert waited(53_700_000, 54_003_000)[0] == "set aside"


def test_a_tape_of_a_name_that_daily_prices_leaves_out_is_set_aside():
    """No row there means suspended (SPEC §2.1): where the tape says otherwise one of the two is wrong."""
    tape = [trade(), trade(symbol="600000.SH")]
    daily = pl.DataFrame([day(symbol="600000.SH")], schema=DAILY)
    assert one(Day(frame_of(tape), daily=daily), "600000.SH")["verdict"] == "ok"
    row = one(Day(frame_of(tape), daily=daily), "600519.SH")
    assert row["verdict"] == "set aside"
    assert "daily_prices of this day has no usable row of it" in row["reason"]
    late = quotes_frame([snapshot("600519.SH", time, tape[:1], random.Random(1)) for time in (36_003_000, 54_003_000)])
    assert one(Day(frame_of(tape), quotes=late, daily=daily), "600519.SH")["verdict"] == "set aside"
    assert one(Day(frame_of(tape)), "600519.SH")["verdict"] == "ok"  # a day without any daily prices


def test_a_whole_channel_that_stops_before_the_close_is_named():
    numbers = {"trades": numbers_of("SH", 3, "trades", set(range(1, 101)))}
    early = Day(frame_of([trade()]), numbers=numbers)
    detail = warned(early)["channels_reach_the_close"]
    assert "the trades of channel 3 of SH end at 10:00:00.000" in detail
    assert one(early)["verdict"] == "set aside"
    with_total = Day(frame_of([trade()]), daily=pl.DataFrame([day()], schema=DAILY), numbers=numbers)
    assert one(with_total)["verdict"] == "ok"
    to_the_end = Day(frame_of([trade(), trade(symbol="600000.SH", time=54_000_000)]), numbers=numbers)
    assert "channels_reach_the_close" not in warned(to_the_end)
    assert one(to_the_end)["verdict"] == "ok"


def test_an_extract_tells_no_gap():
    of = Day(frame_of([trade()]), numbers={"trades": numbers_of("SH", 3, "trades", {17, 900, 1000})})
    assert (refused(of), one(of)["verdict"]) == (set(), "ok")


def test_szse_trades_without_their_orders_tell_no_gap():
    seen = numbers_of("SZ", 3, "events", set(range(1, 100)) - {4, 9})
    assert missing_numbers(seen, seen, BarsSettings())["missing"].to_list() == [None]
    more = numbers_of("SZ", 3, "events", set(range(1, 100)) - {4})
    assert missing_numbers(seen, more, BarsSettings())["missing"].to_list() == [1]


# --- properties -----------------------------------------------------------------------------------------------------------


def random_market(rng: random.Random) -> tuple[list[dict], list[dict], list[dict]]:
    """Trades, snapshots and daily prices of three names that add up."""
    trades, quotes, daily = [], [], []
    for symbol in ("000001.SZ", "300750.SZ", "600519.SH"):
        time, own = 33_900_000, []
        for seq in range(rng.randint(2, 25)):
            time = time + rng.choice((0, 10, 4000, 70_000)) if seq else 33_900_000
            time = max(time, 34_200_000) if seq else time
            price, volume = 100 * rng.randint(900, 1100), rng.choice((100, 37, 1, 2500))
            bid, ask = (
                2 * rng.randint(1, 9) + seq % 2 for _ in range(2)
            )  # no order fills twice in a row, at whatever prices
            own.append(
                trade(symbol=symbol, seq=seq, time=time, price=price, volume=volume, bid_order=bid,
                      ask_order=ask, side=rng.choice((-1, 1)) if seq else 0)
            )  # fmt: skip
        stamp = 34_200_000
        for count in range(1, len(own) + 1):
            stamp = max(stamp, own[count - 1]["time"] + 1000)
            if count == len(own) or own[count]["time"] > stamp:
                quotes.append(snapshot(symbol, stamp, own[:count], rng))
        quotes.append(snapshot(symbol, 54_000_000, own, rng))
        amount = sum(row["volume"] * row["price"] for row in own)
        daily.append(day(symbol, 10.0, own[-1]["price"] / 1e4, sum(row["volume"] for row in own), amount / 1e4))
        trades += own
    return trades, quotes, daily


def market_day(trades, quotes, daily, **changes) -> Day:
    prices = None if daily is None else pl.DataFrame(daily, schema=DAILY)
    return Day(frame_of(trades), quotes=quotes_frame(quotes) if quotes else None, daily=prices, **changes)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_the_order_of_rows_and_symbols_changes_nothing(seed):
    rng = random.Random(seed)
    trades, quotes, daily = random_market(rng)
    of = market_day(trades, quotes, daily)
    assert set(of.health.frame["verdict"]) == {"ok"}, of.health.frame["reason"].to_list()
    again = market_day(
        *(rng.sample(rows, len(rows)) for rows in (trades, quotes, daily)), batch_rows=rng.choice((1, 7))
    )
    assert again.health.frame.equals(of.health.frame)
    assert again.bars.frame.equals(of.bars.frame)


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from(["drop", "double", "volume", "price"]),
    st.sampled_from(["daily", "quotes", "both"]),
)
def test_no_altered_trade_changes_bars_silently(seed, change, reference):
    rng = random.Random(seed)
    trades, quotes, daily = random_market(rng)
    if reference == "daily":
        quotes = []
    if reference == "quotes":
        daily = None
    truth = market_day(trades, quotes, daily)
    at = rng.randrange(len(trades))
    symbol, altered = trades[at]["symbol"], [dict(row) for row in trades]
    if change == "drop":
        del altered[at]
    elif change == "double":
        altered.append(altered[at] | {"seq": 999, "time": 54_000_000})
    else:
        altered[at][change] += rng.choice((-1, 1)) * (100 if change == "price" else 1)
        if altered[at]["volume"] == 0:
            altered[at]["volume"] = 2
    of = market_day(altered, quotes, daily, max_set_aside_share=1.0)
    for name in ("000001.SZ", "300750.SZ", "600519.SH"):
        mine = of.bars.frame.filter(pl.col("symbol") == name)
        right = truth.bars.frame.filter(pl.col("symbol") == name)
        if name == symbol:
            cents = any(round(row["amount"] * 100) % 100 for row in daily or [{"amount": 0.01}])
            rounded = not cents or (
                reference == "quotes" and all(row["amount"] % 10_000 == 0 for row in quotes if row["symbol"] == symbol)
            )
            if rounded and change == "price" and one(of, name)["verdict"] in ("ok", "repaired"):
                continue  # but for single snapshots that are left out, a vendor that rounds to the yuan can't tell one cent of a few shares
            assert one(of, name)["verdict"] in ("set aside", "missing"), (change, reference, one(of, name))
            assert one(of, name)["reason"]
            assert mine.drop("date", "symbol", "minute").null_count().sum_horizontal().sum() == mine.height * (
                len(MINUTE_BARS) - 3
            )
        else:
            assert mine.equals(right)
            assert of.verdicts[name] == truth.verdicts[name]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["trades", "volume", "amount", "pre_close", "time", "drop"]))
@pytest.mark.slow
def test_no_altered_snapshot_touches_what_trades_say(seed, change):
    rng = random.Random(seed)
    trades, quotes, daily = random_market(rng)
    truth = market_day(trades, quotes, daily)
    at = rng.randrange(len(quotes))
    altered = [dict(row) for row in quotes]
    if change == "drop":
        del altered[at]
    else:
        altered[at][change] += rng.choice((1, 100, 10**9)) if change != "time" else 60_000
    of = market_day(trades, altered, daily)
    traded = [name for name in MINUTE_BARS if name not in BOOK]
    assert of.bars.frame.select(traded).equals(truth.bars.frame.select(traded))
    others = pl.col("symbol") != quotes[at]["symbol"]
    assert of.bars.frame.filter(others).equals(truth.bars.frame.filter(others))
    if change in ("trades", "volume", "amount"):
        row = one(of, quotes[at]["symbol"])
        assert row["misaligned_quotes"] + row["cumulative_decreases"] > 0
        assert row["verdict"] == (
            "repaired" if quotes[at]["time"] < 53_820_000 else "ok"
        )  # after it, no bar reads a book


def test_side_files_name_the_rows_to_repair(shown):
    trades, quotes, daily = shown
    quotes[7] |= {"amount": 1}
    of = of_shown([*trades, trade(symbol="000001.SZ")], quotes, daily)
    faults = pl.read_parquet(io.BytesIO(of.health.files["faults.parquet"]))
    assert faults.rows() == [(7, "600519.SH", 2)]
    final = pl.read_parquet(io.BytesIO(of.health.files["final_quotes.parquet"]))
    assert final.row(0) == ("600519.SH", daily["volume"][0], 10.0, None, None, True)
    assert pl.read_parquet(io.BytesIO(of.health.files["stamps.parquet"])).is_empty()
