"""Trades after hours: on which boards and days there are any, and totals that count them or leave them out (SPEC §1).

Every expectation is a sum written here over the trades that the test made.
"""

import datetime as dt
import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources import clock
from tests.tape_health.test_align import quotes_frame, snapshot
from tests.tapes import DAILY, Day, Landing, day, frame_of, trade

SINCE = dt.date(2026, 7, 7)
BEFORE = dt.date(2026, 7, 3)
LATE = 54_400_000  # 15:06:40


def of_ticks(trades, daily, date=SINCE, quotes=None) -> Day:
    prices = None if daily is None else pl.DataFrame(daily, schema=DAILY)
    return Day(frame_of(trades), quotes=quotes, daily=prices, landing=Landing(date=date))


def of_bars(rows, daily, date=SINCE, **named) -> Day:
    columns = {"symbol": "600519.SH", **named}
    frame = pl.DataFrame(rows, schema=["minute", "close", "volume", "amount"], orient="row")
    frame = frame.with_columns(pl.lit(value).alias(name) for name, value in columns.items())
    path = f"bars/{date:%Y%m%d}.parquet"
    return Day(daily=pl.DataFrame(daily, schema=DAILY), landing=Landing(frame, path=path, date=date))


def one(of: Day) -> dict:
    return of.verdicts["600519.SH"]


TAPES = st.lists(st.tuples(st.integers(1, 50), st.integers(990, 1010)), min_size=1, max_size=6)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(TAPES, TAPES, st.booleans(), st.integers(-3, 3))
def test_a_total_with_or_without_them_adds_up_and_no_other_does(market, late, counted, off):
    trades = [
        trade(seq=n, time=34_200_000 + n * 1000, volume=volume * 100, price=cents * 100)
        for n, (volume, cents) in enumerate(market)
    ]
    trades += [
        trade(seq=100 + n, time=LATE + n, volume=volume * 100, price=trades[-1]["price"], side=0)
        for n, (volume, _) in enumerate(late)
    ]
    whole = trades if counted else trades[: len(market)]
    shares = sum(one["volume"] for one in whole)
    yuan = sum(one["volume"] * one["price"] for one in whole) / 10_000
    close = trades[-1]["price"] / 10_000
    of = of_ticks(trades, [day(volume=shares + off, amount=yuan, close=close, pre_close=close)])
    row = one(of)
    judged = (row["verdict"], row["reference_counts"], row["volume_difference"], row["reference_volume"])
    if off == 0:
        assert judged == ("ok", "with" if counted else "without", 0, shares)
        assert row["volume"] == sum(one["volume"] for one in trades)
        assert of.health.notes["references_with_after_hours"] == counted
        assert of.health.notes["references_without_after_hours"] == (not counted)
        bars = of.bars
        assert bars.profile["volume_difference"].to_list() == [0]
        assert bars.profile["unaccounted_volume"].to_list() == [0]
        assert bars.frame.height == len(clock.DAY_BARS) + 1
        after = bars.frame.filter(pl.col("minute") == clock.AFTER_HOURS)
        assert after["volume"].to_list() == [sum(one["volume"] for one in trades[len(market) :])]
    else:
        assert judged[0] == "set aside"
        assert judged[1] is None
        assert "rows are missing, duplicated or altered" in row["reason"]


def test_an_amount_decides_as_well():
    """The volume of the market alone, and an amount of neither."""
    trades = [trade(volume=100, price=100_000), trade(seq=2, time=LATE, volume=50, price=100_000)]
    plain = day(volume=100, amount=1000.25, pre_close=10.0, close=10.0)
    row = one(of_ticks(trades, [plain]))
    assert (row["verdict"], row["reference_counts"]) == ("set aside", None)
    row = one(of_ticks(trades, [plain | {"amount": 1000.0}]))
    assert (row["verdict"], row["reference_counts"], row["amount_difference"]) == ("ok", "without", 0.0)


def test_where_there_were_none_nothing_is_reported_of_them():
    row = one(of_ticks([trade(volume=100, price=100_000)], [day(volume=100, amount=1000.0)]))
    assert (row["verdict"], row["reference_counts"]) == ("ok", None)


def test_the_last_snapshot_may_count_them_or_not():
    trades = [trade(volume=100, price=100_000)]
    late = trade(seq=2, time=LATE, volume=50, price=100_000)
    for shown, counts, at in ((trades, "without", 54_003_000), ([*trades, late], "with", 55_800_000)):
        last = snapshot("600519.SH", at, shown, random.Random(1))
        row = one(of_ticks([*trades, late], None, quotes=quotes_frame([last])))
        assert (row["trades_verdict"], row["reference_counts"], row["volume_difference"]) == ("ok", counts, 0)
        assert row["reference_volume"] == sum(one["volume"] for one in shown)


# --- delivered bars -------------------------------------------------------------------------------------------------------

MARKET = [(565, 10.0, 100, 1000.0), (571, 10.2, 200, 2040.0)]
AFTER = (905, 10.2, 50, 510.0)


def official(*rows) -> dict:
    shares, yuan = sum(row[2] for row in rows), sum(row[3] for row in rows)
    return day(volume=shares, amount=yuan, pre_close=10.0, high=10.2, low=10.0, close=10.2)


@pytest.mark.parametrize(("counted", "counts"), [((*MARKET, AFTER), "with"), (MARKET, "without")])
def test_bars_with_a_minute_905_add_up_with_it_or_without(counted, counts):
    of = of_bars([*MARKET, AFTER], [official(*counted)])
    row = one(of)
    assert (row["verdict"], row["reference_counts"], row["volume_difference"]) == ("ok", counts, 0)
    bars = of.bars
    assert bars.frame.height == 240
    assert bars.profile["volume_difference"].to_list() == [0]
    assert bars.profile["close_difference"].to_list() == [0]


def test_a_minute_905_on_a_board_without_after_hours_trading_is_a_contradiction():
    of = of_bars([*MARKET, AFTER], [official(*MARKET, AFTER)], date=BEFORE)
    row = one(of)
    assert row["verdict"] == "set aside"
    assert "minute 905 has trades, and the board main_sh has no after-hours trading on 2026-07-03" in row["reason"]
    assert of.bars.frame["volume"].null_count() == of.bars.frame.height
    star = of_bars([*MARKET, AFTER], [official(*MARKET, AFTER) | {"symbol": "688001.SH"}], BEFORE, symbol="688001.SH")
    assert star.verdicts["688001.SH"]["verdict"] == "ok"


@pytest.mark.parametrize("date", [BEFORE, SINCE])
def test_a_minute_905_without_volume_is_a_filled_up_grid(date):
    of = of_bars([*MARKET, (905, 10.2, 0, 0.0)], [official(*MARKET)], date=date)
    assert (one(of)["verdict"], one(of)["reference_counts"]) == ("ok", None)
    assert of.bars.frame.height == 239


def test_a_total_that_counts_what_the_bars_lack_names_the_likely_cause():
    row = one(of_bars(MARKET, [official(*MARKET, AFTER)]))
    assert row["verdict"] == "set aside"
    assert (
        "no minute 905 of it was delivered: if daily_prices includes these trades, deliver this minute" in row["reason"]
    )
    before = one(of_bars(MARKET, [official(*MARKET, AFTER)], date=BEFORE))
    assert before["verdict"] == "set aside"
    assert "905" not in before["reason"]


# --- bars without the minute 905 ----------------------------------------------------------------------------------------------


def without_905(names: int, wrong: int = 0, late: bool = False, closing: bool = True) -> Day:
    """Bars of `names` names in 2026 without their trades after hours, which the daily volume and amount count. Of the first `wrong` of
    them the missing shares are not at the close. late: whether one name has its bar 905. closing: whether row 897 is there."""
    codes = [f"{600101 + k}.SH" for k in range(names)]
    grid = [minute for minute in clock.DAY_BARS if closing or minute != clock.CLOSING_AUCTION]
    prices = {minute: 10.0 + minute % 7 / 100 for minute in grid}
    chance = random.Random(5)
    volumes = [(code, at, price, chance.randint(100, 9000)) for code in codes for at, price in prices.items()]
    bars = [(*row, row[3] * row[2]) for row in volumes]
    close = 10.0 + clock.CLOSING_AUCTION % 7 / 100
    rows = []
    for k, code in enumerate(codes):
        own = [bar for bar in bars if bar[0] == code]
        missing = 100 * (k + 1)
        amount = sum(bar[4] for bar in own) + missing * (close + (0.01 if k < wrong else 0.0))
        rows.append(
            day(code, pre_close=10.0, close=close, volume=sum(bar[3] for bar in own) + missing, amount=round(amount, 2))
        )
    if late:
        bars.append((codes[-1], clock.AFTER_HOURS, close, 100 * names, 100 * names * close))
    frame = pl.DataFrame(bars, schema=["symbol", "minute", "close", "volume", "amount"], orient="row")
    landing = Landing(frame, path="bars/20260707.parquet", date=SINCE)
    return Day(daily=pl.DataFrame(rows, schema=DAILY), landing=landing)


def test_bars_that_lack_trades_after_hours_alone_are_whole_but_for_them():
    made = without_905(8)
    assert {row["verdict"] for row in made.verdicts.values()} == {"ok"}
    assert {row["reference_counts"] for row in made.verdicts.values()} == {"with"}
    assert "of 8 stocks, 3600 shares at the close" in made.notes["after_hours"]
    assert made.bars.profile["volume_difference"].drop_nulls().to_list() == [0] * 8
    one_wrong = without_905(8, wrong=1).verdicts
    assert [name for name, row in one_wrong.items() if row["verdict"] == "set aside"] == ["600101.SH"]


@pytest.mark.parametrize(
    "changes", [{"names": 4}, {"wrong": 3}, {"late": True}, {"closing": False}], ids=["few", "elsewhere", "905", "no auction"]
)  # fmt: skip
def test_missing_shares_that_may_be_of_lost_minutes_are_not_believed(changes: dict):
    made = without_905(**{"names": 8, **changes})
    aside = [name for name, row in made.verdicts.items() if row["verdict"] == "set aside"]
    assert len(aside) == changes.get("names", 8) - int(changes.get("late", False))
    assert "after_hours" not in made.health.notes
