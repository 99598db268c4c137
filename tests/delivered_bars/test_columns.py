"""What columns of delivered bars betray: running totals, longer bars spread over minutes, flows in another unit."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from assets.delivered_bars.columns import judge_columns
from resources import clock
from resources.reasons import Reason
from resources.settings.bars import BarsSettings
from tests.delivered_bars.test_diagnosis import NAME, NO_TICKS, aside, refusals
from tests.tapes import DAILY, Day, Landing, as_read

DATE = dt.date(2023, 2, 1)
CODES = tuple(f"{600101 + 3 * k}.SH" for k in range(6)) + tuple(f"{k:06d}.SZ" for k in range(11, 17))
FLOWS = ("buy_amount", "sell_amount", "large_buy_amount", "large_sell_amount")
TOTALS = ("volume", "amount", "trades", *FLOWS)


def market(traded: float = 0.97, lots: int = 90, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Dense bars with counts and flows of twelve names from 3 to 60 yuan, and daily prices that agree with them.

    traded: share of the minutes with a trade. lots: the most that a minute trades.
    """
    rng = np.random.default_rng(seed)
    frames, days = [], []
    for code, pre in zip(CODES, np.geomspace(300, 6000, len(CODES)).round().astype(int), strict=True):
        count = len(clock.DAY_BARS)
        auction = np.isin(clock.DAY_BARS, (clock.OPENING_AUCTION, clock.CLOSING_AUCTION))
        close = np.maximum(pre + rng.integers(-2, 3, count).cumsum(), pre // 2)
        volume = np.where(auction | (rng.random(count) < traded), rng.integers(1, lots + 1, count) * 100, 0)
        close = close[np.maximum.accumulate(np.where(volume > 0, np.arange(count), 0))]
        before = np.concatenate([close[:1], close[:-1]])
        opened = np.where(auction | (volume == 0), close, before)
        amount = volume * (opened + close) / 200
        buy = np.where(auction, 0, amount * rng.integers(0, 11, count) / 10)
        sell = np.where(auction, 0, amount - buy)
        frames.append(
            pl.DataFrame(
                {
                    "symbol": code,
                    "minute": clock.DAY_BARS,
                    "open": opened / 100,
                    "high": np.maximum(opened, close) / 100,
                    "low": np.minimum(opened, close) / 100,
                    "close": close / 100,
                    "volume": volume,
                    "amount": amount,
                    "trades": np.where(volume > 0, rng.integers(1, 30, count), 0),
                    "buy_amount": buy,
                    "sell_amount": sell,
                    "large_buy_amount": buy * rng.integers(0, 9, count) / 10,
                    "large_sell_amount": sell * rng.integers(0, 9, count) / 10,
                }
            )
        )
        frame = frames[-1]
        days.append(
            (code, pre / 100, frame["open"][0], frame["high"].max(), frame["low"].min(), frame["close"][-1], int(volume.sum()), float(amount.sum()))
        )  # fmt: skip
    return pl.concat(frames), pl.DataFrame(days, schema=DAILY, orient="row")


def of(bars: pl.DataFrame, daily: pl.DataFrame | None) -> Day:
    return Day(daily=daily, landing=Landing(bars, path=NAME, date=DATE), unavailable=NO_TICKS)


def finding(bars: pl.DataFrame) -> str:
    """What the file is refused for."""
    found = judge_columns(as_read(bars, DATE, NAME), BarsSettings()).findings
    assert all(one.refuses for one in found)
    return "; ".join(str(one.reason) for one in found)


def faults(bars: pl.DataFrame) -> dict[str, str]:
    """The faults of single stocks in words."""
    found = judge_columns(as_read(bars, DATE, NAME), BarsSettings()).faults
    return {name: str(Reason.loads(fault)) for name, fault in found.iter_rows()}


def changed(bars: pl.DataFrame, symbols=CODES, **values: pl.Expr) -> pl.DataFrame:
    who = pl.col("symbol").is_in(list(symbols))
    return bars.with_columns(pl.when(who).then(value).otherwise(name).alias(name) for name, value in values.items())


# --- honest deliveries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("traded", [1.0, 0.6, 0.1, 0.02])
@pytest.mark.parametrize("lots", [1, 3, 90, 10_000])
def test_an_honest_file_of_any_liquidity_betrays_nothing(traded: float, lots: int):
    for seed in range(4):
        bars, daily = market(traded, lots, seed)
        judged = judge_columns(bars, BarsSettings())
        assert judged.findings == []
        assert judged.faults.rows() == []
    day = of(bars, daily)
    assert (aside(day), refusals(day)) == ({}, {})


def test_padding_a_locked_name_and_absent_flows_betray_nothing():
    bars, _ = market()
    first = CODES[:1]
    late = pl.col("minute") > 600
    padded = changed(bars, **{name: pl.when(late).then(0).otherwise(name) for name in TOTALS})
    locked = changed(bars, first, buy_amount=pl.lit(0.0), sell_amount=pl.col("amount"), large_buy_amount=pl.lit(0.0))
    unknown = changed(bars, first, **{name: pl.lit(None, pl.Float64) for name in FLOWS})
    single = changed(bars, first, **{name: pl.when(pl.col("minute") == 600).then(name).otherwise(0) for name in TOTALS})
    for frame in (padded, locked, unknown, single, bars.drop("amount"), bars.drop("volume"), bars.drop(*TOTALS)):
        judged = judge_columns(frame, BarsSettings())
        assert (judged.findings, judged.faults.rows()) == ([], [])


# --- running totals ---------------------------------------------------------------------------------------------------------


def running(name: str, *, anew: bool = False, idle: str = "last") -> pl.Expr:
    """The column as a running total of the day. anew: it starts again after the break. idle: what a minute without a trade says."""
    over = ["symbol", pl.col("minute") >= clock.AFTERNOON] if anew else ["symbol"]
    total = pl.col(name).cum_sum().over(over)
    return pl.when(pl.col("volume") > 0).then(total).otherwise(total if idle == "last" else None)


@pytest.mark.parametrize("column", TOTALS)
@pytest.mark.parametrize("form", ["whole day", "anew after the break", "nothing in idle minutes", "as 240 bars"])
def test_a_cumulative_column_is_named(column: str, form: str):
    bars, _ = market()
    value = running(column, anew=form.startswith("anew"), idle="null" if form.startswith("nothing") else "last")
    frame = changed(bars, **{column: value})
    if form == "as 240 bars":  # the minutes from 14:58 on repeat the running total
        last = frame.filter(pl.col("minute") == clock.CLOSING_AUCTION)
        frame = pl.concat([frame, *(last.with_columns(minute=pl.lit(898 + k, pl.Int64)) for k in range(2))])
    assert f"{column} of 12 of 12 stocks never falls through the day: it is cumulative" in finding(frame)
    one = faults(changed(bars, CODES[3:4], **{column: value}))
    assert list(one) == [CODES[3]]
    assert "it is cumulative" in one[CODES[3]]


@pytest.mark.parametrize("column", ["volume", "trades"])
def test_a_cumulative_column_refuses_the_day_and_sets_a_single_name_aside(column: str):
    """Not for the rows that it makes impossible, such as more trades than shares."""
    bars, daily = market()
    by_check = refusals(of(changed(bars, **{column: running(column)}), daily))
    assert f"{column} of 12 of 12 stocks never falls" in by_check["minutes_are_those_of_the_day"]
    assert f"12 × its {column} never falls" in by_check["tapes_add_up"]
    one = of(changed(bars, CODES[3:4], **{column: running(column)}), daily)
    assert list(aside(one)) == [CODES[3]]
    assert "it is cumulative" in aside(one)[CODES[3]]
    assert refusals(one) == {}


def test_columns_that_are_cumulative_together_are_named_together():
    bars, daily = market()
    names = ("volume", "amount", "trades")
    frame = bars.with_columns(running(name).alias(name) for name in names)
    assert "its volume, amount, trades never falls" in aside(of(frame, daily))[CODES[0]]


def test_a_volume_that_grows_through_the_day_by_and_large_is_not_cumulative():
    bars, _ = market()
    growing = changed(bars, volume=(pl.col("volume") + 40 * (pl.col("minute") - 560)).cast(pl.Int64))
    assert judge_columns(growing, BarsSettings()).findings == []


# --- longer bars spread over minutes ------------------------------------------------------------------------------------------


def block(width: int) -> pl.Expr:
    """The first minute of a block of the continuous grid; auctions are blocks of their own."""
    minute = pl.col("minute")
    start = pl.when(minute < clock.LUNCH).then(clock.MORNING).otherwise(clock.AFTERNOON)
    inside = minute.is_in(clock.GRID)
    return pl.when(inside).then(start + (minute - start) // width * width).otherwise(minute)


def spread(bars: pl.DataFrame, width: int, how: str, symbols=CODES) -> pl.DataFrame:
    """Bars of `width` minutes divided over their minutes; every figure of a block is what it was."""
    keyed = bars.with_columns(_block=block(width)).with_columns(
        _place=pl.int_range(pl.len()).over("symbol", "_block"), _len=pl.len().over("symbol", "_block")
    )
    last = pl.col("_place") == pl.col("_len") - 1
    out = {}
    for name in ("volume", "amount", "trades"):
        whole = pl.col(name).sum().over("symbol", "_block")
        if how == "weights":
            weight = (pl.col("_len") - pl.col("_place")) / (pl.col("_len") * (pl.col("_len") + 1) / 2)
            even = (whole * weight).round().cast(bars.schema[name])
            out[name] = even
            continue
        unit = 100 if how == "lots" and name == "volume" else 1
        even = whole / pl.col("_len") if name == "amount" else whole // (pl.col("_len") * unit) * unit
        rest = whole - even * (pl.col("_len") - 1)
        out[name] = pl.when(last).then(rest).otherwise(even).cast(bars.schema[name])
    frame = keyed.with_columns(
        pl.when(pl.col("symbol").is_in(list(symbols))).then(value).otherwise(name).alias(name)
        for name, value in out.items()
    )
    close = pl.col("close").last().over("symbol", "_block")
    if how == "one price":
        close = pl.when(pl.col("symbol").is_in(list(symbols))).then(close).otherwise("close")
        frame = frame.with_columns(close.alias(name) for name in ("open", "high", "low", "close"))
    return frame.drop("_block", "_place", "_len", *FLOWS, strict=False)


@pytest.mark.parametrize("width", [2, 3, 5, 10, 15, 30])
@pytest.mark.parametrize("how", ["even", "lots", "weights", "one price"])
def test_longer_bars_spread_over_minutes_are_named(width: int, how: str):
    bars, _ = market(lots=900)
    frame = spread(bars, width, how)
    sentence = (
        f"parted alike in nearly every block of {width} minutes: these are {width}-minute bars spread over minutes"
    )
    assert f"of 12 of 12 stocks is {sentence}" in finding(frame)
    one = faults(spread(bars.drop(*FLOWS), width, how, CODES[:1]))
    assert list(one) == [CODES[0]]
    assert sentence in one[CODES[0]]


def test_spread_bars_refuse_the_day_and_set_a_single_name_aside():
    bars, daily = market()
    by_check = refusals(of(spread(bars, 5, "even"), daily))
    assert "5-minute bars spread over minutes" in by_check["minutes_are_those_of_the_day"]
    one = of(spread(bars, 5, "even", CODES[:1]), daily)
    assert list(aside(one)) == [CODES[0]]
    assert refusals(one) == {}


def test_volumes_that_a_division_leaves_broken_are_named_too():
    """Two in three rows cannot be read; the amounts say what they are."""
    bars, _ = market()
    third = pl.col("volume").sum().over("symbol", block(3)) / pl.len().over("symbol", block(3))
    frame = spread(bars, 3, "even").with_columns(volume=third)
    assert "amount of 12 of 12 stocks is parted alike in nearly every block of 3 minutes" in finding(frame)


def test_minutes_that_are_alike_now_and_then_are_honest():
    """Every third block of five minutes divided evenly, as a program that trades in equal parts may do."""
    bars, _ = market()
    some = block(5) % 15 == 0
    even = spread(bars, 5, "even")
    mixed = bars.drop(*FLOWS).with_columns(pl.when(some).then(even["volume"]).otherwise("volume").alias("volume"))
    assert judge_columns(mixed, BarsSettings()).findings == []


# --- flows in another unit ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "words"),
    [(1e-4, "in units of 10,000 yuan where amount is in yuan"), (1e-3, "in units of 1,000 yuan"), (1e4, "in a unit 1e4 times as large"), (1e-8, "in different units")],
)  # fmt: skip
@pytest.mark.parametrize("columns", [FLOWS, FLOWS[:2], FLOWS[2:], *((flow,) for flow in FLOWS)])
def test_flows_in_another_unit_than_amount_are_named(factor: float, words: str, columns: tuple[str, ...]):
    bars, _ = market()
    frame = changed(bars, **{name: pl.col(name) * factor for name in columns})
    message = finding(frame)
    assert words in message
    assert "Deliver amount and its parts in one unit" in message


@pytest.mark.parametrize("per", [1, 100])
@pytest.mark.parametrize("columns", [FLOWS, FLOWS[:2]])
def test_flows_that_are_numbers_of_shares_or_lots_are_named(per: int, columns: tuple[str, ...]):
    bars, _ = market()
    price = (pl.col("amount") / pl.col("volume")).fill_nan(1.0)
    frame = changed(bars, **{name: pl.col(name) / price / per for name in columns})
    message = finding(frame)
    assert "they are numbers of shares or lots, not yuan" in message


@pytest.mark.parametrize("factor", [1e-4, 1e-3, 1e4])
def test_one_name_whose_flows_are_in_another_unit_is_set_aside(factor: float):
    bars, daily = market()
    one = of(changed(bars, CODES[5:6], **{name: pl.col(name) * factor for name in FLOWS}), daily)
    assert list(aside(one)) == [CODES[5]]
    assert "its buy_amount + sell_amount is" in aside(one)[CODES[5]]
    assert refusals(one) == {}


def test_flows_of_a_part_of_the_trades_are_a_vendors_choice():
    """Some vendors leave out what their rule of thumb cannot place."""
    bars, _ = market()
    frame = changed(bars, **{name: pl.col(name) * 0.6 for name in FLOWS})
    judged = judge_columns(frame, BarsSettings())
    assert (judged.findings, judged.faults.rows()) == ([], [])
