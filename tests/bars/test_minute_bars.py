"""Bars, Q, order sizes and thresholds against plain Python on random small tapes, and what becomes of tapes that are off."""

import math
import random

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from assets.bars.assets import minute_bars
from assets.bars.schemas import MINUTE_BARS, ORDER_SIZES
from assets.bars.thresholds import large_order_thresholds
from assets.ticks.canonical import QUOTES, TRADES
from resources.gate import judge
from resources.settings.bars import BarsSettings
from tests import plain_bars
from tests.tapes import DAILY, DATE, SECURITIES, Day, day, frame_of, trade

SYMBOLS = ("000001.SZ", "300750.SZ", "600519.SH")
ANY_BOOK = {"max_improving_fills": 1_000_000}
"""Random orders are filled at random prices, as in no book; the arithmetic of bars asks nothing of them."""


def make(trades, quotes=None, daily=None, securities=None, sizes=None, unavailable=None, **changes):
    return Day(trades, None, quotes, daily, securities, sizes, unavailable=unavailable, **ANY_BOOK, **changes).bars


def make_sizes(trades, quotes=None, daily=None):
    return Day(trades, quotes=quotes, daily=daily, **ANY_BOOK).order_sizes.frame


# --- random tapes ---------------------------------------------------------------------------------------------------------

clock_ms = st.one_of(
    st.just(33_900_000),  # 09:25
    st.integers(34_200_000, 34_500_000),
    st.integers(41_340_000, 46_859_999),  # around lunch, stamps over lunch included
    st.integers(53_700_000, 54_059_999),  # 14:55 to 15:00:59
    st.integers(54_300_000, 55_800_000),  # 15:05 to 15:30
)


@st.composite
def tapes(draw) -> list[dict]:
    rows = []
    for symbol in draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=3, unique=True)):
        times = sorted(draw(st.lists(clock_ms, min_size=1, max_size=40)))
        for seq, time in enumerate(times):
            rows.append(
                {
                    "date": DATE,
                    "symbol": symbol,
                    "channel": 3,
                    "seq": seq * 3,
                    "time": time,
                    "price": draw(st.integers(900, 1100)) * 100,
                    "volume": draw(st.integers(1, 50)) * 100,
                    "bid_order": draw(st.integers(0, 9)),
                    "ask_order": draw(st.integers(0, 9)),
                    "side": draw(st.sampled_from((-1, 0, 1))),
                    "event": None,
                }
            )
    return sorted(rows, key=lambda row: (row["symbol"], row["channel"], row["seq"]))


def same(ours, plain) -> bool:
    if ours is None or plain is None:
        return ours is plain
    return math.isclose(ours, plain, rel_tol=1e-12, abs_tol=1e-9)


@settings(max_examples=40, deadline=None)
@given(tapes(), st.booleans(), st.floats(20_000, 400_000))
def test_bars_equal_plain_python(rows, known, large):
    wanted = {symbol: [row for row in rows if row["symbol"] == symbol] for symbol in {row["symbol"] for row in rows}}
    pre_close = 10.0 if known else None
    daily = pl.DataFrame(
        [
            {
                "symbol": symbol,
                "pre_close": pre_close,
                "close": None,
                "volume": sum(row["volume"] for row in own),
                "amount": sum(row["volume"] * row["price"] for row in own) / 10_000,
            }
            for symbol, own in wanted.items()
        ],
        schema=DAILY,
    )
    # five days of 50 orders of the same amount: the threshold is that amount, up to a rounding that no amount comes near
    log = math.log(large)
    sizes = pl.DataFrame(
        [(DATE, s, 50, 50 * log, 50 * log * log) for s in wanted for _ in range(5)], schema=ORDER_SIZES, orient="row"
    )
    threshold = large_order_thresholds(sizes, BarsSettings())["threshold"][0]
    assert math.isclose(threshold, large, rel_tol=1e-6)
    made = make(frame_of(rows), daily=daily, sizes=sizes)
    assert made.files == {}
    for symbol, own in wanted.items():
        ours = {row["minute"]: row for row in made.frame.filter(pl.col("symbol") == symbol).iter_rows(named=True)}
        plain = plain_bars.bars(own, pre_close, threshold)
        assert list(ours) == list(plain)
        for minute, values in plain.items():
            for name, value in values.items():
                assert same(ours[minute][name], value), (symbol, minute, name, ours[minute][name], value)


@settings(max_examples=40, deadline=None)
@given(tapes())
def test_bars_hold_the_whole_tape_and_nothing_else(rows):
    frame = make(frame_of(rows)).frame
    assert frame["volume"].sum() == sum(row["volume"] for row in rows)
    assert round(frame["amount"].sum() * 10_000) == sum(row["volume"] * row["price"] for row in rows)
    assert frame["trades"].sum() == len(rows)
    assert frame.group_by("symbol").agg((pl.col("minute") != 905).sum())["minute"].unique().to_list() == [239]
    assert (frame.filter(pl.col("minute") == 905)["trades"] > 0).all()
    assert (frame["buy_amount"] + frame["sell_amount"] <= frame["amount"] + 1e-9).all()


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(tapes())
def test_order_sizes_equal_plain_python(rows):
    ours = {row["symbol"]: row for row in make_sizes(frame_of(rows)).iter_rows(named=True)}
    for symbol in {row["symbol"] for row in rows}:
        orders, first, second = plain_bars.order_sizes([row for row in rows if row["symbol"] == symbol])
        assert ours[symbol]["orders"] == orders
        assert same(ours[symbol]["sum_ln"], first)
        assert same(ours[symbol]["sum_ln2"], second)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.floats(100, 1e7), min_size=0, max_size=80),
        min_size=1,
        max_size=8,
    )
)
def test_thresholds_equal_plain_python(days):
    sums = [(len(day), sum(map(math.log, day)), sum(math.log(a) ** 2 for a in day)) for day in days]
    sizes = pl.DataFrame([(DATE, "600519.SH", *day) for day in sums], schema=ORDER_SIZES, orient="row")
    ours = large_order_thresholds(sizes, BarsSettings())
    plain = plain_bars.threshold(sums)
    if plain is None:
        assert ours.is_empty()
    else:
        pooled = [math.log(a) for day in days for a in day]
        mean = sum(pooled) / len(pooled)
        std = math.sqrt(sum((x - mean) ** 2 for x in pooled) / len(pooled))
        assert math.isclose(ours["threshold"][0], plain, rel_tol=1e-9)
        assert math.isclose(ours["threshold"][0], math.exp(mean + std), rel_tol=1e-6)


def test_rows_in_another_order_than_the_lake_s_are_refused():
    mixed = pl.concat([frame_of([trade(symbol=s)]) for s in ("600519.SH", "000001.SZ", "600519.SH")])
    with pytest.raises(ValueError, match="sorted by symbol"):
        make(mixed)


def test_order_numbers_need_not_be_dense():
    rows = [
        trade(time=34_200_000 + i, seq=i, bid_order=10**15 * (1 + i % 3), ask_order=i % 2, price=100_000 + i)
        for i in range(9)
    ]
    ours = make_sizes(frame_of(rows)).row(0, named=True)
    orders, first, second = plain_bars.order_sizes(rows)
    assert (ours["orders"], round(ours["sum_ln"], 9), round(ours["sum_ln2"], 9)) == (
        orders,
        round(first, 9),
        round(second, 9),
    )


def random_book(seed: int) -> list[dict]:
    """Up to 60 snapshots around the sessions' edges, books of any depth, prices that often repeat."""
    rng = random.Random(seed)

    def side(best: int, step: int):
        depth = rng.choice((0, 1, 3, 5, 10, 10, 10, 10, 10))
        first = best + 100 * rng.randint(0, 3)
        return [(first + step * k, 100 * rng.randint(1, 9)) if k < depth else None for k in range(10)]

    edges = (33_900_000, 34_200_000, 41_395_000, 41_400_000, 46_795_000, 46_800_000, 53_815_000, 53_820_000, 54_300_000)
    times = sorted(rng.choice(edges) + rng.choice((0, 0, 1, 2999, 60_000)) for _ in range(rng.randint(1, 60)))
    return [{"time": time, "bid": side(99_000, -100), "ask": side(99_400, 100)} for time in times]


def quotes_of(symbol: str, rows: list[dict], volume: int = 0) -> pl.DataFrame:
    flat = []
    for row in rows:
        levels = {
            f"{side}_{what}_{i + 1}": None if row[side][i] is None else row[side][i][k]
            for side in ("bid", "ask")
            for i in range(10)
            for k, what in enumerate(("price", "volume"))
        }
        flat.append(
            {
                "date": DATE,
                "symbol": symbol,
                "time": row["time"],
                "trades": volume // 100,
                "volume": volume,
                "amount": volume * 100_000,
                **levels,
            }
        )
    return pl.DataFrame(flat, schema=QUOTES)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_book_statistics_equal_plain_python(seed, other):
    first, second = random_book(seed), random_book(other)
    for rows in (first, second):  # a traded name without any order in continuous trading has its book set aside
        judged = [row for row in rows if row["time"] >= 34_200_000]
        shown = [row for row in judged if row["time"] < 53_820_000 and (row["bid"][0] or row["ask"][0])]
        assume(bool(shown) or not judged)
    quotes = pl.concat([quotes_of("000001.SZ", first, 100), quotes_of("600519.SH", second, 100)])
    tape = frame_of([trade(symbol=symbol, time=33_900_000) for symbol in ("000001.SZ", "600519.SH")])
    frame = make(tape, quotes=quotes).frame
    for symbol, rows in (("000001.SZ", first), ("600519.SH", second)):
        ours = {row["minute"]: row for row in frame.filter(pl.col("symbol") == symbol).iter_rows(named=True)}
        for minute, values in plain_bars.book(rows).items():
            for name, value in values.items():
                assert same(ours[minute][name], value), (symbol, minute, name, ours[minute][name], value)


def test_batches_do_not_change_a_bit():
    rows = [
        trade(
            symbol=symbol,
            seq=i,
            time=34_200_000 + 977 * i,
            price=100_000 + 100 * (i % 7),
            bid_order=i % 11,
            ask_order=i % 13,
        )
        for symbol in SYMBOLS
        for i in range(50)
    ]
    tape = frame_of(rows)
    quotes = pl.concat(
        [
            quotes_of(
                s,
                [
                    {
                        "time": 34_200_000 + 3000 * i,
                        "bid": [(100_000, 100 * i + 100)] * 10,
                        "ask": [(100_100, 200)] * 10,
                    }
                    for i in range(30)
                ],
                5000,
            )
            for s in SYMBOLS
        ]
    )
    whole, cut = make(tape, quotes=quotes), make(tape, quotes=quotes, batch_rows=60)
    assert whole.frame.equals(cut.frame)


# --- single rows ----------------------------------------------------------------------------------------------------------


def test_a_tape_that_is_set_aside_keeps_its_rows_with_null_values():
    tape = frame_of([trade(), trade(symbol="000001.SZ")])
    daily = pl.DataFrame([day(), day("000001.SZ", volume=300, amount=3000.0)], schema=DAILY)
    of = Day(tape, daily=daily)
    good, bad = (of.bars.frame.filter(pl.col("symbol") == s) for s in ("600519.SH", "000001.SZ"))
    assert bad.height == 239
    assert bad.drop("date", "symbol", "minute").null_count().sum_horizontal()[0] == 239 * (len(MINUTE_BARS) - 3)
    assert good["volume"].sum() == 100
    assert of.bars.notes["symbols_set_aside"] == 1
    assert of.bars.profile["volume_difference"].drop_nulls().to_list() == [0]
    sizes = of.order_sizes.frame
    assert sizes.filter(pl.col("symbol") == "000001.SZ")["orders"].to_list() == [None]
    assert sizes.filter(pl.col("symbol") == "600519.SH")["orders"].to_list() == [2]


def test_snapshots_without_any_trades_give_no_bars():
    quotes = quotes_of("000001.SZ", [{"time": 54_000_000, "bid": [None] * 10, "ask": [None] * 10}], 100)
    made = make(pl.DataFrame(schema=TRADES), quotes=quotes, daily=pl.DataFrame([day("000001.SZ")], schema=DAILY))
    assert made.frame.is_empty()
    assert set(made.unavailable) == set(MINUTE_BARS)


def test_a_tape_without_a_usable_symbol_says_so():
    made = make(frame_of([trade()]), daily=pl.DataFrame([day(volume=600)], schema=DAILY))
    assert str(made.unavailable["close"]).startswith(
        "ticks/20240110 was delivered, but every symbol of it is set aside"
    )


def test_a_name_open_all_day_without_a_trade_is_flat_and_a_suspended_one_is_absent():
    open_all_day = quotes_of(
        "000001.SZ", [{"time": 36_000_000, "bid": [(99_000, 100)] + [None] * 9, "ask": [None] * 10}]
    )
    suspended = quotes_of("300750.SZ", [{"time": 36_000_000, "bid": [None] * 10, "ask": [None] * 10}])
    daily = pl.DataFrame([day(), day("000001.SZ", pre_close=9.5, volume=0, amount=0.0)], schema=DAILY)
    frame = make(frame_of([trade()]), quotes=pl.concat([open_all_day, suspended]), daily=daily).frame
    flat = frame.filter(pl.col("symbol") == "000001.SZ")
    assert flat.height == 239
    assert flat.select(pl.col("open", "high", "low", "close").n_unique()).row(0) == (1, 1, 1, 1)
    assert (flat["close"][0], flat["volume"].sum(), flat["trades"].sum()) == (9.5, 0, 0)
    assert "300750.SZ" not in frame["symbol"]


def test_limits_come_from_securities_else_from_snapshots_else_are_unknown():
    tape = frame_of([trade(symbol=s, price=110_000) for s in ("000001.SZ", "300750.SZ", "600519.SH", "688001.SH")])
    securities = pl.DataFrame(
        [("000001.SZ", 11.0, 9.0, 10.0), ("688001.SH", None, None, 10.0)], schema=SECURITIES, orient="row"
    )
    quotes = quotes_of("300750.SZ", [{"time": 54_000_000, "bid": [None] * 10, "ask": [None] * 10}], 100).with_columns(
        amount=pl.lit(11_000_000), limit_up=pl.lit(130_000), limit_down=pl.lit(110_000)
    )
    frame = make(tape, quotes=quotes, securities=securities).frame.filter(pl.col("minute") == 897)
    flags = {row[0]: row[1:] for row in frame.select("symbol", "at_limit_up", "at_limit_down").iter_rows()}
    assert flags == {
        "000001.SZ": (True, False),
        "300750.SZ": (False, True),
        "600519.SH": (None, None),  # nobody knows
        "688001.SH": (False, False),  # listed, and without limit that day
    }
    nowhere = make(tape)
    assert nowhere.frame["at_limit_up"].null_count() == nowhere.frame.height
    assert "no limit prices" in str(nowhere.unavailable["at_limit_up"])


def test_reasons_name_what_is_missing():
    made = make(frame_of([trade()]), unavailable={"quotes": {"bid_price_1": "ticks/20240110 holds no file of quotes"}})
    assert str(made.unavailable["net_bid_change"]) == "ticks/20240110 holds no file of quotes"
    assert "fewer than 5 days" in str(made.unavailable["large_buy_amount"])
    for name in ("net_bid_change", "spread", "large_buy_amount", "large_sell_amount"):
        assert made.frame[name].null_count() == made.frame.height


def test_a_day_with_nothing_landed_is_empty_with_reasons():
    made = make(pl.DataFrame(schema=TRADES), unavailable={"trades": {"price": "no ticks/20240110 in the landing zone"}})
    assert made.frame.is_empty()
    assert dict(made.frame.schema) == MINUTE_BARS
    assert str(made.unavailable["close"]) == "no ticks/20240110 in the landing zone, and no bars/20240110.parquet"


def test_prices_are_the_nearest_floats_to_the_tick():
    rows = [trade(seq=i, time=34_200_000 + i, price=100 * cents, volume=1) for i, cents in enumerate(range(1, 30_000))]
    frame = make(frame_of(rows)).frame
    for name in ("open", "high", "low", "close"):
        assert all(value == round(value * 100) / 100 for value in frame[name].drop_nulls())
    assert frame.filter(pl.col("minute") == 570)["close"][0] == 299.99


# --- the day's prices against the trades ------------------------------------------------------------------------------------

AGREES = next(one for one in minute_bars.checks if one.name == "daily_prices_agree_with_trades")
OFFICIAL = {"open": 10.0, "high": 10.3, "low": 9.8, "close": 10.1}


def agrees(symbol: str = "000001.SZ", cut: bool = False, **wrong: float) -> bool:
    """Whether the check passes for a tape with these prices: auction, two minutes, closing auction, and a trade after hours."""
    prices = [(33_900_000, 10.0), (34_200_000, 10.3), (46_800_000, 9.8), (53_999_000, 10.1), (54_400_000, 10.1)]
    rows = [
        trade(symbol=symbol, seq=n, time=time, price=round(price * 10_000), volume=100 * (n + 1))
        for n, (time, price) in enumerate(prices)
    ]
    shares = sum(row["volume"] for row in rows)
    yuan = sum(row["volume"] * row["price"] for row in rows) / 10_000
    daily = pl.DataFrame([day(symbol, volume=shares, amount=yuan, **(OFFICIAL | wrong))], schema=DAILY)
    made = make(frame_of(rows[:-2] if cut else rows), daily=daily)
    verdict = judge((AGREES,), {DATE: made.profile}, {DATE: made.unavailable})[DATE][AGREES.name]
    assert verdict.passed or all(f"{name} {price}" in verdict.text() for name, price in wrong.items())
    return verdict.passed


def test_the_prices_of_daily_prices_are_those_of_whole_tapes():
    assert AGREES.plausibility
    assert agrees()
    for name, price in OFFICIAL.items():
        for off in (0.01, -0.01, 90.0):
            assert not agrees(**{name: round(price + off, 2)})
    assert agrees(high=103.0, cut=True)  # a tape that is not whole may lack the highest price


def test_a_name_without_a_closing_auction_is_not_held_to_the_official_close():
    """It is an average of the last minute then."""
    rows = [trade(seq=1, time=34_200_000, price=100_000), trade(seq=2, time=53_700_000, price=101_000)]
    daily = pl.DataFrame([day(volume=200, amount=2010.0, open=10.0, high=10.1, low=10.0, close=10.05)], schema=DAILY)
    made = make(frame_of(rows), daily=daily)
    assert made.profile["day_contradicted"].to_list() == [0]
