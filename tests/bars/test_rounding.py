"""What is declared in lots or in ten thousand yuan is rounded: totals may be off by half a unit for each figure, and no more."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.bars.assets import minute_bars
from resources import clock
from resources.gate import judge
from resources.rounding import Rounding, rounding_of
from tests.delivered_bars.test_diagnosis import aside, refusals
from tests.tapes import DAILY, DATE, Day, Landing, day, frame_of, trade

NAME = "bars/20240110.parquet"
NO_TICKS = {"trades": {"price": "no ticks/20240110 in the landing zone", "bid_order": "no ticks/20240110"}}
CODES = tuple(f"{600101 + 3 * k}.SH" for k in range(8))


def market(seed: int = 1, most: int = 9_000) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars to the share and the cent, odd shares in every minute, and daily prices that agree with them."""
    rng = np.random.default_rng(seed)
    frames, days = [], []
    for code in CODES:
        count = len(clock.DAY_BARS)
        close = 2000 + rng.integers(-2, 3, count).cumsum()
        volume = rng.integers(1, most, count)
        amount = volume * close / 100
        prices = dict.fromkeys(("open", "high", "low", "close"), close / 100)
        frames.append(
            pl.DataFrame(
                {"symbol": code, "minute": clock.DAY_BARS, **prices, "volume": volume, "amount": amount}
            ).with_columns(trades=pl.lit(1))
        )
        whole = prices["close"]
        days.append((code, 20.0, whole[0], whole.max(), whole.min(), whole[-1], int(volume.sum()), float(amount.sum())))
    return pl.concat(frames), pl.DataFrame(days, schema=DAILY, orient="row")


def of(bars: pl.DataFrame, daily: pl.DataFrame, days: dict | None = None, **declared) -> Day:
    return Day(daily=daily, landing=Landing(bars, path=NAME, days=days, **declared), unavailable=NO_TICKS)


def lots(bars: pl.DataFrame, how: str = "nearest") -> pl.DataFrame:
    return bars.with_columns(volume=(pl.col("volume") / 100).round() if how == "nearest" else pl.col("volume") // 100)


def rounded(bars: pl.DataFrame, unit: int, decimals: int) -> pl.DataFrame:
    return bars.with_columns(amount=(pl.col("amount") / unit).round(decimals))


@pytest.mark.parametrize("most", [9_000, 150])
@pytest.mark.parametrize("columns", [["volume", "amount", "trades"], ["volume", "amount"], ["volume"]])
def test_lots_rounded_to_the_nearest_one_add_up_to_odd_shares(most: int, columns: list[str]):
    """Minutes of 30 shares are 0 lots; their amounts and prices are kept."""
    bars, daily = market(most=most)
    kept = lots(bars).select("symbol", "minute", "open", "high", "low", "close", *columns)
    made = of(kept, daily, volume_unit="lots")
    assert (aside(made), refusals(made)) == ({}, {})
    assert made.health.frame["volume_difference"].abs().max() > 0
    verdicts = judge(minute_bars.checks, {DATE: made.bars.profile}, {DATE: made.bars.unavailable})[DATE]
    assert verdicts["volume_equals_exchange_total"].passed
    if "amount" in columns:
        assert made.bars.frame["amount"].sum() == pytest.approx(bars["amount"].sum())


def test_a_difference_beyond_half_a_lot_for_each_minute_is_none_of_rounding():
    bars, daily = market()
    far = daily.with_columns(pl.col("volume") + 200 * 239)
    set_aside = aside(of(lots(bars), far, volume_unit="lots"))
    assert len(set_aside) == 8
    assert all("rows are missing, duplicated or altered" in reason for reason in set_aside.values())


@pytest.mark.parametrize("declared", [True, False])
def test_lots_that_were_cut_or_not_declared_are_named_as_rounding(declared: bool):
    bars, daily = market()
    form = {"volume_unit": "lots"} if declared else {}
    cut = lots(bars, "down").with_columns(volume=pl.col("volume") * (1 if declared else 100))
    refusal = refusals(of(cut, daily, **form))["tapes_add_up"]
    assert "× its volumes are whole lots and add up to" in refusal
    assert refusal.index("they were rounded to lots") < refusal.index("Remedy")


@pytest.mark.parametrize(("unit", "name"), [(10_000, "ten_thousand_yuan"), (1_000, "thousand_yuan"), (1, "yuan")])
@pytest.mark.parametrize("decimals", [0, 1, 2])
def test_amounts_rounded_in_the_declared_unit_add_up(unit: int, name: str, decimals: int):
    bars, daily = market()
    made = of(rounded(bars, unit, decimals), daily, amount_unit=name)
    assert (aside(made), refusals(made)) == ({}, {})
    step = unit / 10**decimals
    off = daily.with_columns(pl.col("amount") + max(1.0, step / 2 * 239) * 1.5 + step)
    assert len(aside(of(rounded(bars, unit, decimals), off, amount_unit=name))) == 8


def test_bars_to_the_share_meet_daily_prices_that_are_rounded():
    bars, daily = market()
    coarse = daily.with_columns(
        volume=((pl.col("volume") / 100).round() * 100).cast(pl.Int64), amount=(pl.col("amount") / 1e4).round(2) * 1e4
    )
    declared = {"volume_unit": "lots", "amount_unit": "ten_thousand_yuan"}
    made = of(bars, coarse, days=declared)
    assert (aside(made), refusals(made)) == ({}, {})
    verdicts = judge(minute_bars.checks, {DATE: made.bars.profile}, {DATE: made.bars.unavailable})[DATE]
    assert verdicts["volume_equals_exchange_total"].passed
    assert len(aside(of(bars, coarse))) >= 7  # not declared, hence not rounded
    assert len(aside(of(bars, coarse.with_columns(pl.col("volume") + 100), days=declared))) == 8


def test_tapes_meet_daily_prices_that_are_rounded():
    rows = [trade(seq=1, time=34_200_000, volume=130), trade(seq=2, time=53_999_000, volume=117)]
    daily = pl.DataFrame([day(volume=200, amount=2_500.0)], schema=DAILY)
    for days, verdict in ((None, "set aside"), ({"volume_unit": "lots", "amount_unit": "thousand_yuan"}, "ok")):
        made = Day(frame_of(rows), daily=daily, landing=Landing(days=days))
        assert made.verdicts["600519.SH"]["verdict"] == verdict
        passed = judge(minute_bars.checks, {DATE: made.bars.profile}, {DATE: made.bars.unavailable})[DATE]
        assert passed["volume_equals_exchange_total"].passed


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=30), st.sampled_from(["yuan", "thousand_yuan", "ten_thousand_yuan"]),
    st.integers(0, 6),
)  # fmt: skip
def test_the_unit_of_rounding_is_one_that_all_figures_are_whole_numbers_of(cents: list[int], unit: str, decimals: int):
    size = {"yuan": 1, "thousand_yuan": 1_000, "ten_thousand_yuan": 10_000}[unit]
    amounts = pl.Series([round(cent / 100 / size, decimals) * size for cent in cents])
    found = rounding_of(pl.Series([100, 300]), amounts, "bars", {"landing.bars.amount_unit": unit})
    assert found.volume == 0
    assert found.amount <= size
    if found.amount:
        assert all(abs(x / found.amount - round(x / found.amount)) * found.amount < 2e-3 for x in amounts)
        assert found.amount >= min(size, size / 10**decimals) or found.amount == 1
    assert rounding_of(pl.Series([100, 350]), amounts, "bars", {"landing.bars.volume_unit": "lots"}).volume == 0
    assert rounding_of(pl.Series([], dtype=pl.Int64), pl.Series([], dtype=pl.Float64), "bars", {}) == Rounding()


def test_amounts_that_were_cut_down_are_named_as_that():
    bars, daily = market()
    set_aside = aside(of(bars.with_columns(pl.col("amount").floor()), daily))
    assert set_aside  # of about half the names the cut is no more than rounding would be
    assert all("multiples of 1 yuan" in reason and "they were truncated" in reason for reason in set_aside.values())
    lost = bars.with_columns(pl.col("amount").floor()).filter(pl.col("minute") != 700 - 60)
    assert all("they were truncated" not in reason for reason in aside(of(lost, daily)).values())


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 300, 30_000]), st.sampled_from(["bars", "daily", "both"]))
def test_amounts_of_32_bits_may_be_off_by_half_their_last_digit_each(seed: int, size: int, which: str):
    """A day's amount of 3e8 yuan is a multiple of 32 yuan as a 32-bit float."""
    bars, daily = market(seed)
    frames = [frame.with_columns(pl.col("volume", "amount") * size) for frame in (bars, daily)]
    cast = [frame.with_columns(pl.col("amount").cast(pl.Float32)) for frame in frames]
    bars = cast[0] if which != "daily" else frames[0]
    daily = cast[1] if which != "bars" else frames[1]
    made = of(bars, daily)
    assert (aside(made), refusals(made)) == ({}, {})
    total = frames[1]["amount"].to_numpy()
    off = np.maximum(1.0, total * 2.0**-23) * 2 + total * 2.0**-24
    wrong = daily.with_columns(amount=pl.Series(daily["amount"].cast(pl.Float64).to_numpy() + off))
    if which == "bars":
        assert len(aside(of(bars, wrong))) == 8


def test_tapes_meet_daily_amounts_of_32_bits():
    rows = [trade(seq=k, time=34_200_000 + k, volume=1_234_567, price=2_345_600 + 100 * k) for k in range(1, 12)]
    amount = sum(1_234_567 * (2_345_600 + 100 * k) for k in range(1, 12)) / 10_000
    for cast, verdict in ((np.float32(amount), "ok"), (amount + 30.0, "set aside")):
        assert float(cast) != amount
        prices = day(volume=11 * 1_234_567, amount=float(cast))
        made = Day(frame_of(rows), daily=pl.DataFrame([prices], schema=DAILY))
        assert made.verdicts["600519.SH"]["verdict"] == verdict


def test_figures_that_are_no_32_bit_floats_leave_nothing_open():
    nothing = pl.Series([1], dtype=pl.Int64)
    exact = pl.Series([123_456_789.12, 1.5])
    assert rounding_of(nothing, exact, "bars", {}).amount_share == 0
    assert rounding_of(nothing, exact.cast(pl.Float32).cast(pl.Float64), "bars", {}).amount_share == 2.0**-24
    whole = pl.Series([16_000_000.0, 3.0])  # 32-bit floats hold them
    assert rounding_of(nothing, whole, "bars", {}).amount_share == 0
    thousands = (exact.cast(pl.Float32).cast(pl.Float64)) * 1000
    declared = {"landing.bars.amount_unit": "thousand_yuan"}
    assert rounding_of(nothing, thousands, "bars", declared).amount_share == 2.0**-24


# --- adjusted prices rounded to the cent -----------------------------------------------------------------------------------------


def adjusted(bars: pl.DataFrame, factor: float, decimals: int) -> pl.DataFrame:
    prices = pl.col("open", "high", "low", "close")
    return bars.with_columns((prices * factor).round(decimals), adjust_factor=pl.lit(factor))


@pytest.mark.parametrize("factor", [1.0, 1.013, 7.77, 130.9])
def test_prices_adjusted_upwards_and_rounded_to_the_cent_are_raw_prices_again(factor: float):
    bars, daily = market()
    made = of(adjusted(bars, factor, 2), daily, prices="adjusted")
    assert (aside(made), refusals(made)) == ({}, {})
    assert made.bars.frame["close"].to_list() == bars.sort("symbol", "minute")["close"].to_list()


@pytest.mark.parametrize("factor", [0.98, 0.37, 0.02])
def test_prices_adjusted_downwards_and_rounded_to_the_cent_say_that_rounding_is_the_cause(factor: float):
    bars, daily = market()
    refusal = refusals(of(adjusted(bars, factor, 2), daily, prices="adjusted"))["tapes_add_up"]
    assert "are rounded to the cent, which leaves the raw price open by" in refusal
    assert refusal.index("deliver prices as traded") < refusal.index("Remedy")
    exact = of(adjusted(bars, factor, 6), daily, prices="adjusted")
    assert (aside(exact), refusals(exact)) == ({}, {})


# --- rounding that nobody declared --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["nearest", "down"])
def test_daily_volumes_rounded_to_lots_are_named_and_can_be_declared(how: str):
    bars, daily = market()
    cut = (pl.col("volume") / 100).round() if how == "nearest" else pl.col("volume") // 100
    whole = daily.with_columns(volume=(cut * 100).cast(pl.Int64))
    refusal = refusals(of(bars, whole))["tapes_add_up"]
    assert "every volume of daily_prices is whole lots: those of daily_prices were rounded" in refusal
    assert "landing.daily_prices.volume_unit = 'lots'" in refusal
    if how == "nearest":  # daily holds shares, as the landing zone reads lots
        declared = of(bars, whole, days={"volume_unit": "lots"})
        assert (aside(declared), refusals(declared)) == ({}, {})
    lost = of(bars.filter(pl.col("minute") != 600), whole)
    assert "those of daily_prices were rounded" not in " ".join(aside(lost).values())


@pytest.mark.parametrize(
    ("table", "unit"),
    [
        *(("daily_prices", unit) for unit in (10, 100, 1_000, 10_000)),
        *(("bars", unit) for unit in (100, 1_000, 10_000)),
    ],
)
def test_amounts_rounded_in_yuan_are_named(table: str, unit: int):
    bars, daily = market()
    amount = (pl.col("amount") / unit).round() * unit
    made = (
        of(bars, daily.with_columns(amount=amount))
        if table == "daily_prices"
        else of(bars.with_columns(amount=amount), daily)
    )
    matching = [reason for reason in aside(made).values() if f"every amount of {table} is a multiple of" in reason]
    assert len(matching) > (
        4 if unit > 10 else 0
    )  # of ten yuan many a difference is within one yuan and the digits of 32-bit floats
    assert all(f"multiple of {unit} yuan: those of {table} were rounded" in reason for reason in matching)
    setting = {1_000: "thousand_yuan", 10_000: "ten_thousand_yuan"}.get(unit)
    assert all((f"landing.{table}.amount_unit = '{setting}'" in reason) == (setting is not None) for reason in matching)
