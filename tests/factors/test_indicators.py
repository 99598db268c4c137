"""Tests that compare day indicators with plain loops on every unusual kind of day, and of the properties that SPEC §3 states."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.factors import block as blocks
from assets.factors.block import GRID, SLOTS, dense_block, in_parts, large_trade_minutes
from assets.factors.indicators import INDICATORS
from assets.factors.make_day_indicators import make_day_indicators
from assets.factors.reasons import NO_OFFICIAL_CLOSE
from assets.factors.windows import INDICATOR_NEEDS
from resources.errors import InputError
from resources.settings.factors import FactorsSettings
from tests.factors import plain
from tests.making import run_make

KINDS = plain.KINDS


def make(bars: pl.DataFrame, daily: pl.DataFrame, **changes: object) -> pl.DataFrame:
    return run_make(
        make_day_indicators, minute_bars=bars, daily_prices=daily, date=plain.DATE, settings=FactorsSettings(**changes)
    ).frame


def assert_same(found: dict, expected: dict, where: str) -> None:
    for name, value in expected.items():
        if value is None or isinstance(value, bool):
            assert found[name] == value, f"{where} {name}: {found[name]} instead of {value}"
        else:
            assert found[name] is not None, f"{where} {name}: null instead of {value}"
            assert math.isclose(found[name], value, rel_tol=1e-11, abs_tol=1e-11), (
                f"{where} {name}: {found[name]} {value}"
            )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("delivered", [True, False])
def test_equal_to_plain_loops(seed: int, delivered: bool) -> None:
    bars, daily = plain.market_day(seed)
    if not delivered:
        daily = daily.clear()
    found = {row["symbol"]: row for row in make(bars, daily).iter_rows(named=True)}
    prices = {row["symbol"]: row for row in daily.iter_rows(named=True)}
    by_symbol = bars.partition_by("symbol", as_dict=True, maintain_order=True)
    assert found.keys() == {symbol for (symbol,) in by_symbol}
    for (symbol,), rows in by_symbol.items():
        expected = plain.plain_indicators(rows.to_dicts(), prices.get(symbol), daily_delivered=delivered)
        assert_same(found[symbol], expected, symbol)


@pytest.mark.parametrize("threads", [2, 3, 64])
def test_the_number_of_threads_changes_no_bit(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    day = plain.market_day(2)
    whole = make(*day)
    monkeypatch.setattr(blocks, "SYMBOLS_A_PART", 1)
    monkeypatch.setattr(pl, "thread_pool_size", lambda: threads)
    assert make(*day).equals(whole)


def test_parts_cover_every_symbol_once_and_errors_of_threads_are_raised() -> None:
    for symbols in (0, 1, 499, 1000, 5300, 5301):
        seen = np.zeros(symbols, dtype=int)
        in_parts(symbols, lambda first, last, seen=seen: np.add.at(seen, slice(first, last), 1))
        assert (seen == 1).all()
    with pytest.raises(ZeroDivisionError):
        in_parts(5300, lambda first, last: 1 // 0)


def test_the_grid_has_the_bars_of_the_specification() -> None:
    assert GRID.size == 237
    assert SLOTS.tolist() == plain.SLOTS


def test_indicators_that_are_null_on_each_kind_of_day() -> None:
    bars, daily = plain.market_day(1)
    rows = {row["symbol"].split(".")[1]: row for row in make(bars, daily).iter_rows(named=True)}
    nulls = {kind: {name for name in INDICATORS if row[name] is None} for kind, row in rows.items()}
    assert not nulls["normal"]
    assert nulls["no_trades"] == set(INDICATORS) - {"post_open_growth"}
    assert rows["no_trades"]["post_open_growth"] == 1
    assert {"skewness", "downside_volatility_share", "outflow_per_trade", "large_trade_growth"} <= nulls["one_price"]
    assert nulls["no_quotes"] == {"buying_intention_share", "buying_intention_strength"}
    assert nulls["no_threshold"] == {"large_net_buy"}
    kept = {"skewness", "downside_volatility_share", "post_open_growth", "flat_share"}
    assert nulls["closes_only"] == set(INDICATORS) - kept
    assert nulls["no_trade_counts"] == {"outflow_per_trade", "large_trade_growth"}
    assert nulls["steady_intention"] == {"buying_intention_strength"}
    assert "buying_intention_strength" in nulls["locked_open"]
    assert nulls["set_aside"] == set(INDICATORS)
    assert rows["set_aside"]["traded"]


def test_settings_decide_which_days_and_bars_are_dropped() -> None:
    bars, daily = plain.market_day(2, ("one_price", "locked_open"))
    strict, loose = make(bars, daily), make(bars, daily, drop_one_price_days=False, drop_limit_bars=False)
    assert strict["large_trade_growth"][0] is None
    assert loose["large_trade_growth"][0] == 1  # one price: every return is 0
    assert strict["buying_intention_strength"][1] is None
    assert loose["buying_intention_strength"][1] is not None
    assert make(bars, daily, min_intention_bars=5)["buying_intention_strength"][1] is not None


def test_buying_intention_is_null_without_limit_flags_unless_limit_bars_are_kept() -> None:
    bars, daily = plain.market_day(2, ("normal", "normal"))
    first = pl.col("symbol") == "000000.normal"
    for flag in ("at_limit_up", "at_limit_down"):
        some = bars.with_columns(pl.when(~(first & (pl.col("minute") == 580))).then(flag).alias(flag))
        late = bars.with_columns(pl.when(~(first & (pl.col("minute") == 600))).then(flag).alias(flag))
        for name in ("buying_intention_share", "buying_intention_strength"):
            assert make(some, daily)[name].is_null().to_list() == [True, False]
            assert make(late, daily)[name].null_count() == 0  # no opening bar
            assert make(some, daily, drop_limit_bars=False)[name].null_count() == 0
        assert (
            make(some, daily).drop("buying_intention_share", "buying_intention_strength").null_count().row(0).count(0)
            == 13
        )
    for name in ("buying_intention_share", "buying_intention_strength"):
        assert "minute_bars.at_limit_up" in INDICATOR_NEEDS[name]


def test_strength_needs_fifteen_bars() -> None:
    bars, daily = plain.market_day(2, ("normal",))
    for kept in (14, 15):
        locked = bars.with_columns(at_limit_up=pl.col("minute").is_between(570, 599 - kept))
        assert (make(locked, daily)["buying_intention_strength"][0] is not None) == (kept == 15)


def test_first_return_without_open_starts_from_the_auction_else_from_pre_close() -> None:
    bars, daily = plain.market_day(2, ("closes_only",))
    rise = (pl.col("minute") >= 570).cast(pl.Float64)
    steady = bars.with_columns(close=10.0 + rise)  # the only rise is in the first bar and is all of the day's variance
    assert make(steady, daily)["skewness"][0] == pytest.approx(math.sqrt(237))
    no_auction = steady.with_columns(close=pl.when(pl.col("minute") >= 570).then("close"))
    fallen = make(no_auction, daily.with_columns(pre_close=pl.lit(12.0)))
    assert fallen["skewness"][0] == pytest.approx(-math.sqrt(237))
    assert make(no_auction, daily.with_columns(pre_close=pl.lit(None, pl.Float64)))["skewness"][0] is None


def test_absent_official_close_is_noted() -> None:
    bars, daily = plain.market_day(3, ("normal", "normal"))
    made = run_make(
        make_day_indicators, minute_bars=bars, daily_prices=daily[:1], date=plain.DATE, settings=FactorsSettings()
    )
    assert made.notes["official_close_absent"] == NO_OFFICIAL_CLOSE(symbols=1).to_json()
    made = run_make(
        make_day_indicators, minute_bars=bars, daily_prices=daily, date=plain.DATE, settings=FactorsSettings()
    )
    assert "official_close_absent" not in made.notes


def test_no_bars_make_an_empty_table() -> None:
    bars, daily = plain.market_day(3, ("normal",))
    assert make(bars.clear(), daily).is_empty()


def test_after_hours_bars_are_read_by_no_indicator() -> None:
    bars, daily = plain.market_day(4, ("normal", "sparse"))
    late = bars.filter(minute=897).with_columns(minute=pl.lit(905, pl.Int32), volume=pl.lit(10**9, pl.Int64))
    assert make(pl.concat([bars, late]).sort("symbol", "minute"), daily).equals(make(bars, daily))


def test_a_missing_bar_is_an_error_that_names_the_symbol() -> None:
    bars, _ = plain.market_day(5, ("normal", "sparse"))
    with pytest.raises(InputError, match=r"000001\.sparse with 238 bars"):
        dense_block(bars.filter((pl.col("symbol") != "000001.sparse") | (pl.col("minute") != 600)).lazy(), ("close",))
    with pytest.raises(InputError, match="not sorted"):
        dense_block(bars.sort("minute", "symbol").lazy(), ("close",))


@given(seed=st.integers(0, 10**6), scale=st.sampled_from([0.25, 2.0, 8.0]))
@settings(max_examples=15, deadline=None)
def test_shares_lie_in_the_unit_interval_and_price_scale_does_not_matter(seed: int, scale: float) -> None:
    bars, daily = plain.market_day(seed)
    frame = make(bars, daily)
    for name in ("downside_volatility_share", "closing_volume_share", "flat_share"):
        assert frame[name].drop_nulls().is_between(0, 1).all()
    assert (frame["skewness"].abs() <= math.sqrt(237) + 1e-9).drop_nulls().all()
    assert (
        not frame.select(pl.col(*INDICATORS).is_nan().any() | pl.col(*INDICATORS).is_infinite().any())
        .row(0)
        .count(True)
    )

    money = ("amount", "buy_amount", "sell_amount", "large_buy_amount", "large_sell_amount", "net_bid_change")
    scaled = make(
        bars.with_columns(pl.col("open", "high", "low", "close", *money) * scale),
        daily.with_columns(pl.col("pre_close", "open", "high", "low", "close") * scale),
    )
    for name in set(INDICATORS) - {"large_net_buy", "open_amount"}:
        np.testing.assert_allclose(
            scaled[name].to_numpy().astype(float),
            frame[name].to_numpy().astype(float),
            rtol=1e-9,
            atol=1e-12,
            err_msg=name,
        )


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_the_row_of_a_symbol_does_not_depend_on_other_symbols(seed: int) -> None:
    bars, daily = plain.market_day(seed)
    whole = make(bars, daily)
    some = whole["symbol"].sample(fraction=0.4, seed=seed)
    assert make(bars.filter(pl.col("symbol").is_in(some.implode())), daily).equals(
        whole.filter(pl.col("symbol").is_in(some.implode()))
    )
    # Renaming the symbols only permutes the rows.
    rename = dict(zip(whole["symbol"], whole["symbol"].shuffle(seed=seed), strict=True))
    permuted = make(
        bars.with_columns(pl.col("symbol").replace(rename)).sort("symbol", "minute"),
        daily.with_columns(pl.col("symbol").replace(rename)),
    )
    assert permuted.equals(whole.with_columns(pl.col("symbol").replace(rename)).sort("symbol"))


def test_downside_falls_as_skewness_rises() -> None:
    days = [make(*plain.market_day(seed, ("normal",) * 20)) for seed in range(10)]
    frame = pl.concat(days)
    assert frame.select(pl.corr("skewness", "downside_volatility_share")).item() < -0.5


def test_ties_go_to_the_earlier_bar_and_the_count_is_floored() -> None:
    amount = np.array([[10.0, 30.0, 30.0, 30.0, 5.0, 30.0, 1.0, 2.0, 3.0, 4.0]])
    trades = np.ones_like(amount)
    edges = np.array([0, 10])
    assert large_trade_minutes(amount, trades, edges, 0.3).nonzero()[1].tolist() == [1, 2, 3]
    trades[0, 9] = 0  # nine bars with trades: ⌊2.7⌋ = 2
    assert large_trade_minutes(amount, trades, edges, 0.3).nonzero()[1].tolist() == [1, 2]
    assert large_trade_minutes(amount, trades, np.array([0, 3, 10]), 0.4).nonzero()[1].tolist() == [1, 3, 5]
    assert not large_trade_minutes(amount, trades * np.nan, edges, 0.3).any()


@given(count=st.integers(1, 237), seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_large_trade_minutes_by_sorting(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    trades = rng.integers(0, 5, (1, count)).astype(float)
    amount = trades * rng.integers(1, 6, (1, count)) * 100.0
    rows = [{"amount": a, "trades": int(t)} for a, t in zip(amount[0], trades[0], strict=True)]
    chosen = large_trade_minutes(amount, trades, np.array([0, count]), 0.3)
    assert chosen[0].nonzero()[0].tolist() == (plain.large_minutes(rows) or [])
