"""Minutes of a name that cannot be right though its totals and its last close are: each damage is found, honest bars are left."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.bars.schemas import MINUTE_BARS
from assets.delivered_bars.name_minutes import judge_minutes
from resources import clock
from resources.bar_forms import clock_time
from resources.rounding import rounding_of
from resources.settings.bars import BarsSettings
from tests.delivered_bars.test_diagnosis import CODES, aside, closes, honest, of, refusals

ONE = pl.col("symbol") == CODES[3]
PRICES = ("open", "high", "low", "close")
NOT_ROUNDED = rounding_of(pl.Series(dtype=pl.Float64), pl.Series(dtype=pl.Float64), "bars", {})


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1.0, 0.8, 0.2, 0.03]), st.sampled_from(["all", "closes", "volumes"]))
def test_honest_bars_are_left_alone(seed: int, traded: float, form: str):
    bars, daily = honest(seed=seed, traded=traded)
    kept = {"all": bars, "closes": closes(bars), "volumes": bars.select("symbol", "minute", "close", "volume")}[form]
    assert aside(of(kept, daily)) == {}


def only_one(bars: pl.DataFrame, damage, form: str) -> str:
    """The reason for which the damaged name, and no other one, is set aside."""
    whole, daily = bars
    damaged = pl.concat([whole.filter(~ONE), damage(whole.filter(ONE)).select(whole.columns)])
    set_aside = aside(of(closes(damaged) if form == "closes" else damaged, daily))
    assert [*set_aside] == [CODES[3]]
    return set_aside[CODES[3]]


def test_a_close_that_never_moves_is_that_of_the_day():
    message = only_one(honest(), lambda own: own.with_columns(pl.col("close").last()), "closes")
    assert "in every minute, and daily_prices opens at" in message


def test_a_name_that_opens_and_closes_at_one_price_may_stay_there():
    bars, daily = honest()
    still = bars.with_columns(pl.when(ONE).then(20.0).otherwise(name).alias(name) for name in PRICES)
    price = (pl.when(ONE).then(20.0).otherwise(name).alias(name) for name in (*PRICES, "pre_close"))
    assert aside(of(closes(still), daily.with_columns(price))) == {}


def test_a_name_at_its_limit_from_the_first_minute_on_has_one_close_without_the_auctions_bar():
    """Opened at 19.50, at its limit of 20.00 within the first minute."""
    bars, daily = honest()
    locked = closes(bars).with_columns(close=pl.when(ONE).then(20.0).otherwise("close"))
    locked = locked.filter(~ONE | (pl.col("minute") != clock.OPENING_AUCTION))
    prices = {"open": 19.5, "low": 19.5, "high": 20.0, "close": 20.0}
    day = daily.with_columns(pl.when(ONE).then(price).otherwise(name).alias(name) for name, price in prices.items())
    assert aside(of(locked, day)) == {}
    wider = day.with_columns(high=pl.when(ONE).then(20.5).otherwise("high"))
    assert [*aside(of(locked, wider))] == [CODES[3]]


def still_stretch(
    closes: list[float | None], highest: float, lowest: float, chance: float, least: int
) -> tuple[int, int] | None:
    """The rule, plainly: first and last minute of the longest stretch of the grid without a move that chance does not leave."""
    moves = [a != b for a, b in pairwise(closes[:-1])]  # closes of 565, the grid, 897; None before the first
    moves = [move and None not in pair for move, pair in zip(moves, pairwise(closes[:-1]), strict=True)]
    found = []
    for begin in range(len(moves)):
        if moves[begin] or (begin and not moves[begin - 1]):
            continue
        end = next((at for at in range(begin, len(moves)) if moves[at]), len(moves))
        if end - begin < least:
            continue
        price = closes[begin + 1]
        if price is not None and min(abs(price - highest), abs(price - lowest)) < 0.001:
            continue
        if end == len(moves) and price == closes[-1]:
            continue
        beside = (moves[:begin] + moves[end:], moves[max(0, begin - 30) : begin], moves[end : end + 30])
        q = max((part.count(False) + 1) / (len(part) + 2) for part in beside if part)
        if len(moves) * q ** (end - begin) < chance:
            found.append((end - begin, begin, end - 1))
    if not found:
        return None
    _, first, last = max(found, key=lambda one: (one[0], -one[1]))
    return clock.GRID[first], clock.GRID[last]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(0, 236), st.integers(0, 90), st.sampled_from([0.9, 0.5, 0.2]), st.booleans(), st.booleans(), st.sampled_from([1, 30])
)  # fmt: skip
def test_a_stock_without_changes_is_judged_as_the_plain_rule_says(
    seed: int, begin: int, length: int, busy: float, absent: bool, at_extreme: bool, least: int
):
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random(239) < busy, rng.choice([-2, -1, 1, 2], 239), 0)
    price = (2000 + np.cumsum(steps)) / 100
    lost = slice(1 + begin, min(1 + begin + length, 238))
    price[lost] = price[begin]
    closes: list[float | None] = price.round(2).tolist()
    if absent and begin == 0:
        closes[: lost.stop] = [None] * lost.stop
    known = [one for one in closes if one is not None]
    highest, lowest = (max(known), min(known)) if at_extreme else (max(known) + 0.5, min(known) - 0.5)
    day = pl.DataFrame({"symbol": "000001.SZ", "minute": pl.Series(clock.DAY_BARS, dtype=pl.Int32), "close": closes})
    empty = {name: pl.lit(None, MINUTE_BARS[name]) for name in MINUTE_BARS if name not in ("symbol", "minute", "close")}
    daily = pl.DataFrame(
        {"symbol": ["000001.SZ"], "daily_pre_close": 20.0, "daily_open": 20.0, "daily_high": highest, "daily_low": lowest,
         "daily_close": known[-1]}
    )  # fmt: skip
    bars = BarsSettings(least_still_minutes=least)
    marked = judge_minutes(day.with_columns(**empty), daily, NOT_ROUNDED, bars)
    words = marked["odd"].to_list()
    still = still_stretch(closes, highest, lowest, bars.gap_chance, bars.least_still_minutes)
    seen = [one for one in words if "does not move from" in one]
    if len(set(known)) == 1 or (words and not seen):  # an even spacing or one close all day comes first
        return
    expected = [] if still is None else [f"from {clock_time(still[0])} to {clock_time(still[1])}"]
    assert len(seen) == len(expected)
    assert all(part in one for part, one in zip(expected, seen, strict=True))


@pytest.mark.parametrize("how", ["absent", "filled"])
@pytest.mark.parametrize("minutes", [(600, 629), (840, 896), (570, 599)])
def test_a_part_of_one_names_day_is_lost(how: str, minutes: tuple[int, int]):
    def lose(own: pl.DataFrame) -> pl.DataFrame:
        lost = pl.col("minute").is_between(*minutes)
        if how == "absent":
            return own.filter(~lost)
        return own.sort("minute").with_columns(close=pl.when(~lost).then("close").forward_fill())

    assert "a part of the day is lost or was filled in" in only_one(honest(), lose, "closes")


def test_a_name_halted_until_the_close_is_left_alone():
    bars, daily = honest()
    last = bars.filter(ONE & (pl.col("minute") == 779 + 30))["close"][0]
    halted = closes(bars).filter(~ONE | (pl.col("minute") < 780 + 30))
    assert aside(of(halted, daily.with_columns(close=pl.when(ONE).then(last).otherwise("close")))) == {}


def test_a_name_that_traded_and_whose_rows_say_nothing_is_set_aside():
    bars, daily = honest()
    nothing = closes(bars).with_columns(close=pl.when(~ONE).then("close"))
    assert [*aside(of(nothing, daily))] == [CODES[3]]
    suspended = daily.filter(~ONE)
    assert aside(of(nothing, suspended)) == {}


@pytest.mark.parametrize("how", ["later", "first"])
def test_empty_minutes_filled_from_other_minutes_are_found(how: str):
    def fill(own: pl.DataFrame) -> pl.DataFrame:
        empty = pl.col("volume") == 0
        later = pl.when(~empty).then("close").backward_fill()
        price = later if how == "later" else pl.col("close").first()
        return own.with_columns(pl.when(empty).then(price).otherwise(name).alias(name) for name in PRICES)

    assert "minutes without a trade have another close" in only_one(honest(traded=0.5), fill, "all")


@pytest.mark.parametrize(("price", "found"), [("first", True), ("pre_close", False), (None, False)])
def test_minutes_before_the_first_trade_stand_at_pre_close(price: str | None, found: bool):
    bars, daily = honest(traded=0.5)
    early = ONE & (pl.col("minute") < 600)
    pre = daily.filter(ONE)["pre_close"][0] - 0.3
    first = bars.filter(ONE & (pl.col("minute") >= 600) & (pl.col("volume") > 0)).row(0, named=True)
    value = {"first": first["close"], "pre_close": pre, None: None}[price]
    bars = bars.with_columns(
        *(pl.when(early).then(value).otherwise(name).alias(name) for name in PRICES),
        *(pl.when(early).then(0).otherwise(name).alias(name) for name in ("volume", "amount")),
    )
    left = bars.filter(ONE & (pl.col("volume") > 0))
    day = {
        "pre_close": pre, "open": first["open"], "high": left["high"].max(), "low": left["low"].min(),
        "volume": left["volume"].sum(), "amount": left["amount"].sum(),
    }  # fmt: skip
    prices = daily.with_columns(
        pl.when(ONE).then(new).otherwise(name).cast(daily.schema[name]).alias(name) for name, new in day.items()
    )
    set_aside = aside(of(bars, prices))
    assert [*set_aside] == ([CODES[3]] if found else [])
    assert not found or "before its first trade" in set_aside[CODES[3]]


@pytest.mark.parametrize("form", ["all", "closes"])
@pytest.mark.parametrize("width", [2, 3, 5, 15])
def test_longer_bars_of_one_name_are_found(width: int, form: str):
    def coarse(own: pl.DataFrame) -> pl.DataFrame:
        inside = pl.col("minute").is_in(clock.GRID)
        start = pl.when(inside).then(pl.col("minute") - pl.col("minute") % width).otherwise("minute")
        return (
            own.group_by(minute=start, maintain_order=True)
            .agg(
                pl.col("symbol").first(), pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(),
                pl.col("volume", "amount").sum(),
            )
        )  # fmt: skip

    step = 5 if width == 15 else width
    assert f"minutes are all {step} apart" in only_one(honest(traded=1.0), coarse, form)


@pytest.mark.parametrize("form", ["all", "closes"])
def test_prices_that_are_no_whole_cents_are_found(form: str):
    def middle(own: pl.DataFrame) -> pl.DataFrame:
        return own.with_columns(
            close=pl.when(pl.col("minute").is_in([600, 700, 800])).then(pl.col("close") + 0.005).otherwise("close"),
            high=pl.col("high") + 0.01,
        )

    bars, daily = honest()
    inner = bars.with_columns(high=pl.col("high") + 0.01)
    higher = daily.with_columns(pl.col("high") + 0.01)
    assert aside(of(inner if form == "all" else closes(inner), higher)) == {}
    message = only_one((inner, higher), lambda own: middle(own.with_columns(pl.col("high") - 0.01)), form)
    assert "2 of its minutes have prices that are not whole cents" in message  # 11:40 is no minute of the day


@pytest.mark.parametrize("columns", [("volume",), ("amount",), ("volume", "amount")])
@pytest.mark.parametrize("by", [-1, 1])
def test_columns_shifted_against_the_prices_are_found(columns: tuple[str, ...], by: int):
    def shift(own: pl.DataFrame) -> pl.DataFrame:
        return own.with_columns(pl.Series(name, np.roll(own[name].to_numpy(), by)) for name in columns)

    bars, daily = honest(traded=1.0)
    bars = bars.with_columns(pl.col("volume") + 37, pl.col("amount") + 37 * (pl.col("low") + pl.col("high")) / 2)
    sums = bars.group_by("symbol").agg(pl.col("volume", "amount").sum())
    daily = daily.drop("volume", "amount").join(sums, on="symbol").select(daily.columns)
    assert aside(of(bars, daily)) == {}
    assert "amount is impossible for its volume at prices from low to high" in only_one((bars, daily), shift, "all")


# --- exchanges, and trading that becomes rare -----------------------------------------------------------------------------------


SZ = pl.col("symbol").str.ends_with("SZ")
DAMAGES = {
    "10:00–10:29": lambda bars: bars.filter(~SZ | ~pl.col("minute").is_between(600, 629)),
    "5-minute bars": lambda bars: bars.filter(~SZ | ~pl.col("minute").is_in(clock.GRID) | (pl.col("minute") % 5 == 0)),
    "minute_labels = 'end'": lambda bars: bars.with_columns(
        minute=pl.when(SZ & (pl.col("minute") > 565)).then(pl.col("minute") + 1).otherwise("minute")
    ).filter(pl.col("minute") != 690),
}


@pytest.mark.parametrize("words", sorted(DAMAGES))
def test_damage_of_one_exchange_is_found(words: str):
    bars, daily = honest(traded=1.0)
    refusal = refusals(of(DAMAGES[words](closes(bars)), daily))["minutes_are_those_of_the_day"]
    assert f"of the bars of SZ alone: {refusal.partition('alone: ')[2]}" in refusal
    assert words in refusal


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.integers(60, 200))  # fewer ordinary minutes do not always show that some are lost
def test_trading_that_becomes_rare_is_no_lost_part_of_the_day(seed: int, locked: int):
    """From some minute on all names are at their limits and trade in one of twelve minutes each."""
    bars, daily = honest(seed=seed, traded=1.0)
    rare = (pl.col("minute") >= clock.GRID[locked]) & (pl.col("minute") != clock.CLOSING_AUCTION)
    kept = pl.Series(np.random.default_rng(seed).random(bars.height) < 1 / 12)
    limit = pl.col("close").filter(pl.col("minute") < clock.GRID[locked]).last().over("symbol")
    bars = bars.with_columns(
        *(pl.when(pl.col("minute") >= clock.GRID[locked]).then(limit).otherwise(name).alias(name) for name in PRICES),
        volume=pl.when(rare & ~kept).then(0).otherwise("volume"),
    ).with_columns(
        amount=pl.when(pl.col("minute") >= clock.GRID[locked])
        .then(pl.col("volume") * pl.col("close"))
        .otherwise("amount")
    )
    day = bars.filter(pl.col("volume") > 0).group_by("symbol").agg(
        pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("volume", "amount").sum()
    )  # fmt: skip
    daily = daily.select("symbol", "pre_close", "open").join(day, on="symbol").select(daily.columns)
    whole = of(bars, daily)
    assert (refusals(whole), aside(whole)) == ({}, {})
    lost = of(bars.filter(~pl.col("minute").is_between(575, 589)), daily)
    assert "09:35–09:49" in refusals(lost)["minutes_are_those_of_the_day"]
