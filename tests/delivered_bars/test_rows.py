"""Landing bars: what can be computed from closes alone, what absent minutes mean, what is refused."""

import datetime as dt
import math
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.bars.schemas import MINUTE_BARS, ORDER_SIZES
from assets.delivered_bars.rows import delivered_bars
from assets.delivered_bars.sizes import judged_against_amounts
from assets.ticks.canonical import QUOTES, TRADES
from resources import clock
from resources.errors import InputError
from resources.reasons import describe_column
from resources.rulebook import Rulebook
from resources.settings.bars import BarsSettings
from tests.tapes import DAILY, Day, Landing, as_read, day, trade

DATE = dt.date(2015, 5, 4)
NAME = "bars/20150504.parquet"


def closes(**by_minute) -> pl.DataFrame:
    rows = [(symbol, minute, close) for symbol, minutes in by_minute.items() for minute, close in minutes.items()]
    return pl.DataFrame(
        rows, schema={"symbol": pl.String, "minute": pl.Int16, "close": pl.Float64}, orient="row"
    ).with_columns(pl.col("symbol").str.replace("_", ".").str.slice(1))


NO_TICKS = {"trades": {"price": "no ticks/20150504 in the landing zone", "bid_order": "no ticks/20150504"}}


def of_day(bars, daily=None, trades=None, sizes=None) -> Day:
    landing = Landing(bars, sizes, path=NAME, date=DATE)
    return Day(trades, daily=daily, landing=landing, unavailable=NO_TICKS)


def make(bars, daily=None, trades=None):
    return of_day(bars, daily, trades).bars


def test_closes_alone_give_closes_and_say_so():
    made = make(closes(s000001_SZ={565: 10.0, 570: 10.1, 572: 10.2}))
    frame = made.frame
    assert dict(frame.schema) == MINUTE_BARS
    assert frame["minute"].to_list() == list(clock.DAY_BARS)
    assert frame["close"].to_list()[:5] == [10.0, 10.1, 10.1, 10.2, 10.2]
    assert frame["close"][-1] == 10.2
    for name in MINUTE_BARS:
        if name not in ("date", "symbol", "minute", "close"):
            assert frame[name].null_count() == 239, name
    assert str(made.unavailable["volume"]) == f"{NAME} has only close"
    assert "no limit prices" in str(made.unavailable["at_limit_up"])
    assert made.notes["source"] == NAME


def test_the_first_minutes_stand_at_pre_close_where_it_is_known():
    bars = closes(s000001_SZ={571: 10.1}, s000002_SZ={571: 20.1})
    frame = make(
        bars, daily=pl.DataFrame([day("000001.SZ", pre_close=9.8, close=10.1, volume=None, amount=None)], schema=DAILY)
    ).frame
    first = dict(frame.filter(pl.col("minute") == 565).select("symbol", "close").iter_rows())
    assert first == {"000001.SZ": 9.8, "000002.SZ": None}


def test_an_absent_minute_had_no_trade_where_volumes_are_delivered():
    raw = pl.DataFrame(
        {
            "symbol": ["600519.SH"] * 2,
            "minute": [565, 571],
            "open": [10.0, 10.1],
            "close": [10.0, 10.2],
            "volume": [100, 200],
            "amount": [1000.0, 2030.0],
            "net_bid_change": [None, 5.0],
        }
    )
    made = make(raw, daily=pl.DataFrame([day(volume=300, amount=3030.0, close=10.2)], schema=DAILY))
    frame = made.frame
    assert frame.height == 239
    flat = frame.filter(pl.col("minute").is_in([570, 572, 897]))
    assert flat["open"].to_list() == flat["close"].to_list() == [10.0, 10.2, 10.2]
    assert flat["volume"].to_list() == [0, 0, 0]
    assert flat["net_bid_change"].to_list() == [0.0, 0.0, 0.0]
    assert frame["volume"].sum() == 300
    assert made.notes["symbols_set_aside"] == 0
    assert made.profile["volume_difference"].drop_nulls().to_list() == [0]
    assert str(made.unavailable["high"]) == f"{NAME} has only open, close, volume, amount, net_bid_change"


def test_an_absent_minute_stands_at_the_limit_where_the_one_before_it_did():
    raw = pl.DataFrame(
        {
            "symbol": ["600519.SH"] * 3,
            "minute": [571, 573, 576],
            "close": [10.0, 11.0, 10.5],
            "volume": [100, 200, 300],
            "at_limit_up": [False, True, False],
            "at_limit_down": [False, False, False],
        }
    )
    frame = make(raw).frame
    assert frame["at_limit_up"].to_list()[:9] == [False, False, False, False, True, True, True, False, False]
    assert not frame["at_limit_down"].any()
    assert frame["at_limit_down"].null_count() == 0


def test_where_no_volume_of_a_symbol_is_known_its_minutes_are_unknown_not_empty():
    raw = pl.DataFrame(
        {
            "symbol": ["000001.SZ"] * 2 + ["000002.SZ"],
            "minute": [570, 572, 570],
            "open": [9.9, 10.1, 20.0],
            "close": [10.0, 10.2, 20.1],
            "volume": [None, None, 100],
            "amount": [None, None, 2005.0],
        }
    )
    by_symbol = make(raw).frame.filter(pl.col("minute") < 573).partition_by("symbol", as_dict=True)
    unknown, known = by_symbol[("000001.SZ",)], by_symbol[("000002.SZ",)]
    assert unknown["volume"].null_count() == unknown["amount"].null_count() == unknown.height
    assert unknown["open"].to_list() == [None, 9.9, None, 10.1]
    assert known["volume"].to_list() == [0, 100, 0, 0]
    assert known["amount"].to_list() == [0.0, 2005.0, 0.0, 0.0]


def test_a_symbol_without_quotes_or_threshold_has_no_zeros_for_them():
    raw = pl.DataFrame(
        {
            "symbol": ["000001.SZ"] * 2 + ["000002.SZ"],
            "minute": [570, 572, 570],
            "close": [10.0, 10.2, 20.1],
            "volume": [100, 0, 100],
            "large_buy_amount": [None, None, 500.0],
            "net_bid_change": [None, None, 7.0],
        }
    )
    by_symbol = make(raw).frame.filter(pl.col("minute") < 573).partition_by("symbol", as_dict=True)
    for name, value in (("large_buy_amount", 500.0), ("net_bid_change", 7.0)):
        assert by_symbol[("000001.SZ",)][name].to_list() == [None] * 4
        assert by_symbol[("000002.SZ",)][name].to_list() == [0.0, value, 0.0, 0.0]


def test_volumes_that_do_not_add_up_put_the_symbol_aside():
    raw = pl.DataFrame({"symbol": ["600519.SH"], "minute": [570], "close": [10.0], "volume": [100]})
    of = of_day(raw, pl.DataFrame([day(volume=600)], schema=DAILY))
    (verdict,) = of.verdicts.values()
    assert verdict["verdict"] == "set aside"
    assert "its minutes add up to 100 shares and – yuan, but daily_prices has 600 and 1000" in verdict["reason"]
    assert verdict["volume_difference"] == -500
    assert of.bars.frame["close"].null_count() == 239


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ({"minute": [570, 690], "close": [10.0, 10.1]}, "minute 690 is not a bar of SPEC §1"),
        ({"minute": [570, 570], "close": [10.0, 10.1]}, "the minute is duplicated"),
        ({"minute": [570, 571], "close": [10.0, -1.0]}, "close = -1.0 must be above 0"),
        ({"minute": [570, 571], "close": [10.0, 0.0], "volume": [100, 5]}, "volume = 5 without a close"),
        ({"minute": [570, 571], "close": [10.0, 10.0], "volume": [100, -1]}, "volume = -1 is negative"),
        ({"minute": [570, 571], "close": [10.0, None], "volume": [100, 5]}, "volume = 5 without a close"),
        ({"minute": [570, 571], "close": [10.0, math.nan], "volume": [100, 5]}, "volume = 5 without a close"),
        (
            {"minute": [570, 571], "close": [10.0, 10.0], "volume": [100.0, math.nan], "amount": [1e3, 5.0]},
            "amount = 5.0 without a volume",
        ),
        ({"minute": [570, 571], "close": [10.0, 10.0], "volume": [100.0, 0.5]}, "volume = 0.5 is no whole number"),
        ({"minute": [570, 571], "close": ["10.0", "1.0E+02"]}, "close = '1.0E+02' is rounded"),
        ({"minute": [570, 571], "close": [10.0, 10.0], "high": [10.0, 9.99]}, "high = 9.99 is below close = 10.0"),
        (
            {"minute": [570, 571], "close": [10.0, 10.0], "open": [10.0, 10.1], "high": [10.0, 10.0]},
            "high = 10.0 is below open = 10.1",
        ),
        ({"minute": [570, 571], "close": [10.0, 10.0], "low": [10.0, 10.01]}, "low = 10.01 is above close = 10.0"),
        (
            {"minute": [570, 571], "close": [10.0, 10.0], "large_buy_amount": [1.0, -1.0]},
            "large_buy_amount = -1.0 is negative",
        ),
        (
            {"minute": [570, 571], "close": [10.0, 10.0], "amount": [1e3, 1e3], "sell_amount": [1e3, 1002.0]},
            "sell_amount = 1002.0 is above amount = 1000.0",
        ),
        (
            {"minute": [570, 690], "close": [10.0, 10.0], "volume": [100, 100]},
            "minute 690 is not a bar of SPEC §1",
        ),
        (
            {"minute": [570, 571], "close": [10.0, 10.0], "volume": [100, 100], "trades": [1, 0]},
            "trades = 0 with volume = 100",
        ),
        (
            {"minute": [570, 571], "close": [10.0, 10.0], "volume": [100, 0], "trades": [1, 2]},
            "trades = 2 without volume",
        ),
        (
            {"minute": [570, 571], "close": [10.0, 10.0], "volume": [100, None], "trades": [1, 2]},
            "trades = 2 without volume",
        ),
        (
            {"minute": [570, 571], "close": [10.0, 10.0], "volume": [100, 100], "trades": [1, 101]},
            "trades = 101 is above volume = 100",
        ),
        (
            {
                "minute": [570, 571],
                "close": [10.0, 10.0],
                "amount": [1e3, 1e3],
                "buy_amount": [500.0, 900.0],
                "sell_amount": [500.0, 102.0],
            },
            "buy_amount + sell_amount = 1002.0 is above amount = 1000.0",
        ),
        ({"minute": [570, 571], "close": [10.0, 10.0], "spread": [0.0, -1e-4]}, "spread = -0.0001 is negative"),
        ({"minute": [570, 571], "close": [10.0, 10.0], "imbalance": [1.0, 1.1]}, "imbalance = 1.1 is beyond -1 to 1"),
        ({"minute": [570, 571], "close": [10.0, 10.0], "imbalance_5": [-1.0, -2.0]}, "imbalance_5 = -2.0 is beyond"),
        (
            {
                "minute": [570, 571],
                "close": [10.0, 10.0],
                "at_limit_up": [True, True],
                "at_limit_down": [False, True],
            },
            "at_limit_up and at_limit_down are both true",
        ),
    ],
)
def test_a_bad_row_puts_its_symbol_aside_with_the_reason(rows, reason):
    raw = pl.DataFrame({"symbol": ["000001.SZ"] * 2, **rows})
    good = raw.head(1).with_columns(symbol=pl.lit("000002.SZ"))
    of = of_day(pl.concat([raw, good]))
    assert of.health.profile["set_aside"].sum() == 1
    verdict = of.verdicts["000001.SZ"]
    assert (verdict["verdict"], verdict["source"], verdict["rows_set_aside"] > 0) == ("set aside", "bars", True)
    assert reason in verdict["reason"]
    assert of.verdicts["000002.SZ"]["reason"] is None
    by_symbol = dict(of.bars.frame.group_by("symbol").agg(pl.col("close").count()).iter_rows())
    assert by_symbol == {"000001.SZ": 0, "000002.SZ": 238}  # its bar 565 is before the first price


def test_rounded_amounts_and_unknown_values_break_no_rule():
    raw = pl.DataFrame(
        {
            "symbol": ["000001.SZ"] * 2,
            "minute": [570, 571],
            "open": [10.0, 10.0],
            "high": [10.0, 10.1 - 1e-9],
            "low": [None, None],
            "close": [10.0, 10.1],
            "volume": [100, 100],
            "amount": [1000.0, None],
            "buy_amount": [1000.4, 5.0],
        },
        schema_overrides={"low": pl.Float64},
    )
    assert delivered_bars(as_read(raw), DATE, NAME, {}, Rulebook.on(DATE)).rejected.is_empty()


@pytest.mark.parametrize("column", ["open", "high", "low"])
@pytest.mark.parametrize("value", [None, float("nan"), 0.0])
def test_a_minute_that_traded_without_a_price_that_others_have_sets_the_name_aside(column: str, value: float | None):
    prices = {name: [10.0, 10.0, 10.0] for name in ("open", "high", "low", "close")}
    prices[column][1] = value
    raw = pl.DataFrame({"symbol": ["000001.SZ"] * 3, "minute": [570, 571, 572], **prices, "volume": [100, 100, 0]})
    rejected = delivered_bars(as_read(raw), DATE, NAME, {}, Rulebook.on(DATE)).rejected
    assert describe_column(rejected["reason"]).to_list() == [
        f"volume = 100 without {column}, which its other minutes have"
    ]
    idle = raw.with_columns(volume=pl.Series([100, 0, 0]))
    assert delivered_bars(as_read(idle), DATE, NAME, {}, Rulebook.on(DATE)).rejected.is_empty()


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_delivered_rows_changes_no_rejected_row_and_not_their_order(seed: int):
    """A reason names the first of a name's bad rows."""
    raw = pl.DataFrame(
        {
            "symbol": [f"{n:06d}.SZ" for n in range(1, 41) for _ in range(6)],
            "minute": [570, 571, 572, 573, 574, 574] * 40,
            "close": [10.0, -1.0, 10.0, -2.0, 10.0, 10.0] * 40,
            "volume": [100, 100, -5, 100, 100, 100] * 40,
        }
    )
    known = delivered_bars(as_read(raw), DATE, NAME, {}, Rulebook.on(DATE)).rejected
    assert known.height == 40 * 5
    shuffled = raw.sample(fraction=1, shuffle=True, seed=seed)
    assert delivered_bars(as_read(shuffled), DATE, NAME, {}, Rulebook.on(DATE)).rejected.equals(known)


FLOWS = ("buy_amount", "sell_amount", "large_buy_amount", "large_sell_amount")


def flows(**changed) -> pl.DataFrame:
    """Three minutes of two names, the second without a trade."""
    columns = {
        "symbol": ["000001.SZ"] * 3 + ["000002.SZ"],
        "minute": [570, 571, 572, 570],
        "close": [10.0, 10.1, 10.1, 5.0],
        "volume": [100, 200, 0, 0],
        "amount": [1000.0, 2020.0, 0.0, 0.0],
        "trades": [1, 200, 0, 0],
        "buy_amount": [1000.0, 20.0, 0.0, 0.0],
        "sell_amount": [0.0, 2000.0, 0.0, 0.0],
        "large_buy_amount": [1000.0, 0.0, 0.0, 0.0],
        "large_sell_amount": [0.0, 2000.0, 0.0, 0.0],
    }
    return pl.DataFrame(columns | changed)


@pytest.mark.parametrize("column", ["trades", *FLOWS])
def test_a_column_of_zeros_was_not_filled_in(column: str):
    whole = make(flows())
    assert column not in whole.unavailable
    assert whole.notes["symbols_set_aside"] == 0
    frame = flows(**{column: [0, 0, 0, None]})
    if column in ("buy_amount", "sell_amount"):
        frame = frame.drop(f"large_{column}")
    made = make(frame)
    assert made.notes["symbols_set_aside"] == 0
    assert made.frame[column].null_count() == made.frame.height
    assert (
        str(made.unavailable[column])
        == f"{NAME}: {column} is 0 in every row although stocks traded, so the column was not filled in"
    )
    assert made.frame["volume"].sum() == 300
    # Where nobody traded, 0 is what it was.
    still = make(frame.filter(pl.col("volume") == 0).with_columns(pl.col(column).fill_null(0)))
    assert still.frame[column].sum() == 0
    assert still.frame[column].null_count() == 0


def test_large_orders_may_fill_more_than_their_side_trades_actively():
    """SPEC §3: fills of large orders count, active and passive alike; in the auctions no fill is active."""
    made = make(flows(large_sell_amount=[1000.0, 2000.0, 0.0, 0.0]))
    assert made.notes["symbols_set_aside"] == 0
    assert made.frame["large_sell_amount"].sum() == 3000.0


@pytest.mark.parametrize("step", [1.0, 10.0, 100.0, 1000.0, 10_000.0])
def test_sides_that_are_rounded_each_by_itself_are_within_the_amount(step: float):
    minutes = list(range(570, 650))
    buy, sell = np.random.default_rng(3).uniform(0, 50 * step, (2, len(minutes)))
    yuan = {"amount": buy + sell, "buy_amount": buy, "sell_amount": sell}
    frame = pl.DataFrame(
        {"symbol": "000001.SZ", "minute": minutes, "close": 10.0}
        | {column: np.round(values / step) * step for column, values in yuan.items()}
    )
    assert (frame["buy_amount"] + frame["sell_amount"] > frame["amount"]).any()
    assert delivered_bars(as_read(frame), DATE, NAME, {}, Rulebook.on(DATE)).rejected.is_empty()
    above = frame.with_columns(pl.col("sell_amount") + 4 * step)
    assert delivered_bars(as_read(above), DATE, NAME, {}, Rulebook.on(DATE)).rejected.height == 80


@pytest.mark.parametrize("minute", [566, 567, 569, 690, 691, 735, 779, 901, 904, 940, 1439])
@pytest.mark.parametrize("form", ["volume", "unknown volume", "closes"])
def test_a_row_without_a_trade_in_a_minute_that_is_no_bar_is_padding(minute: int, form: str):
    bars = closes(s000001_SZ={565: 10.0, 570: 10.1, 689: 10.2, 897: 10.3}).with_columns(volume=pl.lit(100))
    last = bars.filter(pl.col("minute") < minute).tail(1)
    idle = last.with_columns(minute=pl.lit(minute, pl.Int16), volume=pl.lit(0 if form == "volume" else None, pl.Int32))
    if form == "closes":
        bars, idle = bars.drop("volume"), idle.drop("volume")
    plain, padded = make(bars), make(pl.concat([bars, idle]))
    assert padded.frame.equals(plain.frame)
    assert padded.notes == plain.notes | {"rows_without_trade_in_no_bar": 1}
    moved = make(pl.concat([bars, idle.with_columns(pl.col("close") + 0.1)]))
    assert moved.notes["symbols_set_aside"] == (0 if form == "volume" else 1)


def test_a_day_without_a_usable_row_says_that_it_was_delivered():
    bad = make(closes(s000001_SZ={570: -1.0}))
    beginning = (
        f"{NAME} was delivered, but every symbol of it is set aside, the first because: {NAME}: 1 bad row, of 09:30 "
        "(570): "
    )
    assert str(bad.unavailable["close"]) == beginning + "close = -1.0 must be above 0"
    assert str(bad.unavailable["volume"]) == f"{NAME} has only close"
    void = make(closes(s000001_SZ={570: 10.0}).with_columns(spread=pl.lit(None, pl.Float64)))
    assert str(void.unavailable["spread"]) == f"{NAME} has no value of spread"
    for made in (bad, void):
        assert not [reason for reason in made.unavailable.values() if "no ticks" in str(reason)]


def test_a_file_without_closes_is_an_error_that_says_so():
    with pytest.raises(InputError, match=r"bars/20150504.parquet lacks the column close"):
        make(pl.DataFrame({"symbol": ["000001.SZ"], "minute": [570]}))
    with pytest.raises(InputError, match=r"lacks the column close.*rename the headers"):
        make(pl.DataFrame({"symbol": ["000001.SZ"], "minute": [570], "收盘价": [10.0]}))
    with pytest.raises(InputError, match=r"none of the 1 rows can be read: 1 × close is no number"):
        make(pl.DataFrame({"symbol": ["000001.SZ"], "minute": [570], "close": ["ten"]}))
    with pytest.raises(InputError, match=r"close is empty in all of its 2 rows"):
        make(pl.DataFrame({"symbol": ["000001.SZ"] * 2, "minute": [570, 571], "close": [0.0, math.nan]}))


def test_funds_and_bonds_are_counted_not_kept():
    done = delivered_bars(
        as_read(closes(s000001_SZ={570: 1.0}, s510300_SH={570: 4.0})), DATE, NAME, {}, Rulebook.on(DATE)
    )
    assert done.frame["symbol"].unique().to_list() == ["000001.SZ"]
    assert done.others == 1
    with pytest.raises(InputError, match=r"none of the 1 rows is of a stock of Shanghai or Shenzhen.*'510300\.SH'"):
        make(closes(s510300_SH={570: 4.0}))


def test_bars_win_over_a_day_of_snapshots_or_orders_without_trades():
    quotes = pl.DataFrame([{"date": DATE, "symbol": "000001.SZ", "time": 36_000_000, "volume": 100}], schema=QUOTES)
    landing = Landing(closes(s000001_SZ={570: 1.0}), path=NAME, date=DATE)
    of = Day(quotes=quotes, landing=landing, unavailable=NO_TICKS)
    assert of.verdicts["000001.SZ"]["source"] == "bars"
    assert of.bars.frame["close"].max() == 1.0


def test_ticks_win_over_bars():
    tape = pl.DataFrame([trade()], schema=TRADES)
    made = make(closes(s000001_SZ={570: 1.0}), trades=tape)
    assert made.notes["source"] == "ticks"
    assert made.frame["symbol"].unique().to_list() == ["600519.SH"]


def test_order_sizes_of_a_day_of_bars_are_the_delivered_ones():
    sizes = pl.DataFrame({"symbol": ["000001.SZ"], "orders": [3], "sum_ln": [30.0], "sum_ln2": [301.0]})

    def made(sizes):
        return of_day(None, sizes=sizes).order_sizes

    assert made(sizes).frame.row(0) == (DATE, "000001.SZ", 3, 30.0, 301.0)
    nothing = made(None)
    assert nothing.frame.is_empty()
    assert str(nothing.unavailable["orders"]) == ("no ticks/20150504, and no bars/20150504.order_sizes.parquet")
    with pytest.raises(InputError, match="sum_ln2"):
        made(sizes.drop("sum_ln2"))
    infinite = pl.concat([sizes, sizes.with_columns(symbol=pl.lit("000002.SZ"), sum_ln2=pl.lit(math.inf))])
    half = made(infinite)
    assert half.frame["orders"].to_list() == [3, None]
    assert half.profile["set_aside"].to_list() == [0, 1]
    fault = "bars/20150504.order_sizes.parquet: sum_ln2 = inf is infinite"
    assert describe_column(half.profile["detail"]).to_list() == [None, fault]
    assert half.unavailable == {}
    none = made(infinite.tail(1))
    assert str(none.unavailable["orders"]) == (
        f"bars/20150504.order_sizes.parquet was delivered, but every symbol of it is set aside, the first because: {fault}"
    )


@given(st.integers(0, 2**32), st.integers(6, 30))
@settings(deadline=None, max_examples=20)
def test_order_sizes_are_held_against_the_days_amounts(seed: int, names: int):
    """Sums of orders drawn from a heavy tail keep; to another base, of shares, or of orders that are not theirs they do not."""
    rng = np.random.default_rng(seed)
    symbols = [f"{600_000 + n}.SH" for n in range(names)]
    orders = [np.exp(rng.normal(10.5, rng.uniform(0.5, 1.6), int(rng.integers(300, 2000)))) for _ in symbols]
    amounts = pl.DataFrame({"symbol": symbols, "amount": [float(one.sum()) / 2 for one in orders]})
    none = pl.Series([None] * names, dtype=pl.String)

    def sums(change: Callable[[np.ndarray], np.ndarray], some: int = names) -> pl.DataFrame:
        logs = [change(one) if n < some else np.log(one) for n, one in enumerate(orders)]
        rows = [
            (DATE, name, len(one), float(one.sum()), float((one**2).sum()))
            for name, one in zip(symbols, logs, strict=True)
        ]
        return pl.DataFrame(rows, schema=ORDER_SIZES, orient="row")

    def aside(frame: pl.DataFrame) -> pl.Series:
        kept, reasons = judged_against_amounts(frame, none, amounts, "a file", BarsSettings())
        assert kept["orders"].is_null().equals(reasons.is_not_null().alias("orders"))
        return describe_column(reasons)

    assert aside(sums(np.log)).null_count() == names
    for base, change in ((10, np.log10), (2, np.log2)):
        set_aside = aside(sums(change))
        assert set_aside.null_count() == 0
        assert f"to the base of {base}" in set_aside[0]
        few = aside(sums(change, 2))
        assert few.is_not_null().to_list() == [True] * 2 + [False] * (names - 2)
        assert "not of ln amount in yuan" in few[0]
    shares = aside(sums(lambda one: np.log(one / 12.5)))
    assert shares.null_count() == 0
    assert "not of ln amount in yuan" in shares[0]
    assert (
        judged_against_amounts(sums(np.log10), none, amounts.clear(), "a file", BarsSettings())[1].null_count() == names
    )


def test_order_sizes_whose_variance_is_negative_are_set_aside():
    """n · Σx² ≥ (Σx)², with equality where all orders are of one size."""
    one_size = pl.DataFrame({"symbol": ["000001.SZ"], "orders": [3], "sum_ln": [30.0], "sum_ln2": [300.0]})
    assert of_day(None, sizes=one_size).order_sizes.profile["set_aside"].to_list() == [0]
    made = of_day(None, sizes=one_size.with_columns(sum_ln2=pl.lit(299.0))).order_sizes
    assert made.frame["orders"].to_list() == [None]
    assert (
        "the variance of ln amount is negative: orders = 3, sum_ln = 30.0, sum_ln2 = 299.0"
        in describe_column(made.profile["detail"])[0]
    )


SIZES = pl.DataFrame(
    {"symbol": ["000001.SZ", "000002.SZ"], "orders": [3, 2], "sum_ln": [30.0, 20.0], "sum_ln2": [301.0, 200.0]}
)


@pytest.mark.parametrize(
    ("orders", "words"),
    [
        (pl.Series(["many", "few"]), r"orders = 'many' is no number"),
        (pl.Series([[3], [2]]), r"orders = .* is of type List"),
        (pl.Series([2**64 - 1] * 2, dtype=pl.UInt64), r"orders = 18446744073709551615"),
        (pl.Series([500.5, 1.5]), r"orders = 500.5 is no whole number"),
    ],
)
def test_a_column_of_order_sizes_that_cannot_be_read_is_an_error(orders: pl.Series, words: str):
    with pytest.raises(InputError, match=r"bars/20150504.order_sizes.parquet: " + words):
        of_day(None, sizes=SIZES.with_columns(orders=orders)).order_sizes  # noqa: B018


@pytest.mark.parametrize(
    ("column", "cells", "words"),
    [
        ("orders", ["3", "many"], "orders = 'many' is no number"),
        ("orders", [3, -1], "orders = -1 is negative"),
        ("sum_ln", [30.0, None], "bars/20150504.order_sizes.parquet: sum_ln is missing"),
        ("sum_ln2", [301.0, None], "bars/20150504.order_sizes.parquet: sum_ln2 is missing"),
        (
            "sum_ln2",
            [301.0, 199.9],
            "the variance of ln amount is negative: orders = 2, sum_ln = 20.0, sum_ln2 = 199.9",
        ),
    ],
)
def test_order_sizes_that_cannot_be_set_the_symbol_aside(column: str, cells: list, words: str):
    made = of_day(None, sizes=SIZES.with_columns(pl.Series(column, cells))).order_sizes
    assert made.frame["orders"].to_list() == [3, None]
    assert made.profile["set_aside"].to_list() == [0, 1]
    assert words in describe_column(made.profile["detail"])[1]
