"""Tests that compare labels with plain loops, and of the prices that a label depends on."""

import math
import statistics
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from assets.models.labels import arrange_prices, forward_returns, make_labels, trailing_risk
from resources.settings.models import ModelSettings

LABELS = pytest.mark.parametrize("label", ["excess", "risk_adjusted", "gaussian_rank"])
often = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def plain_returns(market, horizon):
    """(day, symbol) → R_h, by a loop over the days of one stock at a time."""
    rows = {(r["date"], r["symbol"]): r for r in market.daily_prices.iter_rows(named=True) if r["volume"] > 0}
    found = {}
    for symbol in market.daily_prices["symbol"].unique():
        for t in range(len(market.days) - 1 - horizon):
            first = rows.get((market.days[t + 1], symbol))
            last = rows.get((market.days[t + 1 + horizon], symbol))
            if first is None or last is None:
                continue
            value = first["close"] / first["vwap"]  # from the entry to that close
            for day in market.days[t + 2 : t + 2 + horizon]:
                if (day, symbol) in rows:
                    value *= rows[day, symbol]["close"] / (rows[day, symbol]["pre_close"] or math.nan)
            value *= last["vwap"] / last["close"]
            if not math.isnan(value):
                found[market.days[t], symbol] = value - 1
    return found


def plain_labels(market, row):
    """(day, symbol) → label."""
    returns = plain_returns(market, row.horizon)
    prices = {
        (r["date"], r["symbol"]): r["close"] / r["pre_close"] - 1
        for r in market.daily_prices.iter_rows(named=True)
        if r["volume"] > 0 and r["pre_close"]
    }
    labels = {}
    for t, day in enumerate(market.days):
        members = market.securities.filter((pl.col("date") == day) & pl.col("in_universe"))["symbol"]
        own = {s: returns[day, s] for s in members if (day, s) in returns}
        if not own:
            continue
        if row.label == "gaussian_rank":
            ranked = sorted(own, key=own.__getitem__)
            labels |= {(day, s): norm.ppf((n + 0.5) / len(ranked)) for n, s in enumerate(ranked)}
            continue
        mean = statistics.fmean(own.values())
        excess = {s: r - mean for s, r in own.items()}
        if row.label == "risk_adjusted":
            adjusted = {}
            for s, e in excess.items():
                recent = [prices[d, s] for d in market.days[max(t + 1 - row.risk_days, 0) : t + 1] if (d, s) in prices]
                if len(recent) >= 0.75 * row.risk_days:
                    adjusted[s] = e / max(statistics.pstdev(recent), row.risk_floor)
            if not adjusted:
                continue
            mean, std = statistics.fmean(adjusted.values()), statistics.pstdev(adjusted.values())
            zs = {s: (v - mean) / (std or 1.0) for s, v in adjusted.items()}
            bound = 3 * statistics.pstdev(zs.values())
            excess = {s: min(max(z, -bound), bound) for s, z in zs.items()}
        labels |= {(day, s): e for s, e in excess.items()}
    return labels


def labels_of(market, row, days=None, symbols=None, price_days=None):
    days, symbols = days or market.days, symbols or sorted(market.securities["symbol"].unique())
    made = make_labels(
        market.daily_prices.lazy(),
        market.securities.lazy(),
        price_days=price_days or market.days,
        days=days,
        symbols=symbols,
        settings=row,
    )
    return {
        (d, s): float(v) for d, row in zip(days, made, strict=True) for s, v in zip(symbols, row, strict=True) if v == v
    }


def unruly(market, seed, cut, still):
    """The market with late listings, delistings, a share `cut` of unknown pre_closes, and rows without volume."""
    rng, rows, n = np.random.default_rng(seed), market.daily_prices, market.daily_prices.height
    names, days = sorted(market.securities["symbol"].unique()), market.days
    first = dict(zip(names, rng.choice([0, 0, 0, len(days) // 3], len(names)), strict=True))
    last = dict(zip(names, rng.choice([len(days), len(days), 2 * len(days) // 3], len(names)), strict=True))
    listed = [first[s] <= days.index(d) < last[s] for d, s in rows.select("date", "symbol").iter_rows()]
    rows = rows.with_columns(
        pre_close=pl.when(pl.Series(rng.random(n) >= cut)).then("pre_close"),
        volume=pl.when(pl.Series(rng.random(n) >= still)).then("volume").otherwise(0),
    )
    return replace(market, daily_prices=rows.filter(pl.Series(listed)))


@LABELS
@often
@given(
    seed=st.integers(0, 10_000),
    horizon=st.integers(1, 10),
    suspended=st.floats(0, 0.5),
    cut=st.sampled_from([0.0, 0.02, 0.2]),
    still=st.sampled_from([0.0, 0.1]),
)
def test_labels_equal_plain_loops(make_market, label, seed, horizon, suspended, cut, still):
    market = unruly(make_market(seed=seed, days=24, names=12, bars=(), suspended=suspended), seed, cut, still)
    row = ModelSettings(label=label, horizon=horizon, risk_days=8)
    expected = plain_labels(market, row)
    made = labels_of(market, row)
    assert made.keys() == expected.keys()
    for key, value in expected.items():
        assert made[key] == pytest.approx(value, rel=1e-5, abs=1e-6)


@often
@given(
    seed=st.integers(0, 10_000), cut=st.sampled_from([0.0, 0.2]), coverage=st.floats(0, 1), floor=st.floats(1e-4, 0.03)
)
def test_trailing_risk_equals_plain_loops(make_market, seed, cut, coverage, floor):
    market = unruly(make_market(seed=seed, days=20, names=6, bars=(), suspended=0.3), seed, cut, 0.1)
    row = ModelSettings(risk_days=7, risk_coverage=coverage, risk_floor=floor)
    prices = arrange_prices(market.daily_prices.lazy(), days=market.days)
    risk = trailing_risk(prices, row)
    rows = {(r["date"], r["symbol"]): r for r in market.daily_prices.iter_rows(named=True) if r["volume"] > 0}
    for t in range(20):
        for n, symbol in enumerate(prices.symbols):
            recent = [rows.get((day, symbol)) for day in market.days[max(t - 6, 0) : t + 1]]
            returns = [r["close"] / r["pre_close"] - 1 for r in recent if r and r["pre_close"]]
            if len(returns) >= max(coverage * 7 - 1e-9, 1):
                assert risk[t, n] == pytest.approx(max(statistics.pstdev(returns), floor), rel=1e-12)
            else:
                assert np.isnan(risk[t, n])


@LABELS
@often
@given(seed=st.integers(0, 10_000), first=st.integers(0, 6), last=st.integers(0, 6), horizon=st.integers(1, 6))
def test_another_window_gives_the_same_labels(make_market, label, seed, first, last, horizon):
    """Labels are equal to the bit, also with stocks that are in one window only; windows start `risk_days` − 1 days earlier."""
    market = unruly(make_market(seed=seed, days=30, names=12, bars=(), suspended=0.2), seed, 0.02, 0.1)
    row = ModelSettings(label=label, horizon=horizon, risk_days=6)
    days = market.days[11 : 24 - 1 - horizon]
    of = [
        labels_of(market, row, days=days, price_days=chosen) for chosen in (market.days, market.days[first : 30 - last])
    ]
    assert of[0] == of[1]


@LABELS
@often
@given(seed=st.integers(0, 10_000), horizon=st.integers(1, 8), t=st.integers(6, 12))
def test_a_label_uses_no_price_after_its_last_one(make_market, label, seed, horizon, t):
    """Prices after t + 1 + h do not change labels up to t; those of t + 1 + h do."""
    market = unruly(make_market(seed=seed, days=24, names=12, bars=(), suspended=0.1), seed, 0.02, 0.05)
    row, days = ModelSettings(label=label, horizon=horizon, risk_days=6), market.days[: t + 1]
    known = market.days[t + 1 + horizon]
    full = labels_of(market, row, days=days)
    assert labels_of(market.until(known), row, days=days) == full

    def noisy(from_day, seed):
        rng, n = np.random.default_rng(seed), market.daily_prices.height
        noise = [pl.col(c) * pl.Series(rng.lognormal(0, 1, n)) for c in ("close", "vwap", "pre_close")]
        new = [pl.when(pl.col("date") >= from_day).then(x).otherwise(x.meta.root_names()[0]) for x in noise]
        gone = (pl.col("date") >= from_day) & pl.Series(rng.random(n) < 0.3)
        names = [name for name in market.securities["symbol"].unique().sort() if rng.random() < 0.5]
        unlisted = (pl.col("date") > days[-1]) & pl.col("symbol").is_in(names)
        return replace(
            market,
            daily_prices=market.daily_prices.with_columns(new).filter(~gone),
            securities=market.securities.filter(~unlisted),
        )

    assert labels_of(noisy(market.days[t + 2 + horizon], seed), row, days=days) == full
    if sum(day == days[-1] for day, _ in full) >= 7:
        assert labels_of(noisy(known, seed), row, days=days) != full


def test_equal_returns_share_their_rank(make_market):
    market = make_market(days=10, names=8, bars=(), suspended=0.0)
    market.daily_prices = market.daily_prices.with_columns(pre_close=pl.lit(5.0), close=pl.lit(5.0), vwap=pl.lit(5.0))
    made = labels_of(market, ModelSettings(label="gaussian_rank", horizon=2))
    assert made
    assert set(made.values()) == {0.0}


def test_a_row_without_volume_is_no_trading(make_market):
    market = make_market(days=10, names=3, bars=(), suspended=0.0)
    day, symbol = market.days[3], "600001.SH"
    without = market.daily_prices.filter(~((pl.col("date") == day) & (pl.col("symbol") == symbol)))
    still = market.daily_prices.with_columns(
        volume=pl.when((pl.col("date") == day) & (pl.col("symbol") == symbol)).then(0).otherwise("volume")
    )
    expected = forward_returns(arrange_prices(without.lazy(), days=market.days), 2)
    np.testing.assert_array_equal(forward_returns(arrange_prices(still.lazy(), days=market.days), 2), expected)
    assert np.isnan(expected[[0, 2], 1]).all()


def test_a_split_does_not_change_a_label(make_market):
    market = make_market(days=10, names=3, bars=(), suspended=0.0)
    halved = market.daily_prices.with_columns(
        pl.when(pl.col("date") >= market.days[5]).then(pl.col(c) / 2).otherwise(c)
        for c in ("pre_close", "close", "vwap")
    )
    of = [forward_returns(arrange_prices(f.lazy(), days=market.days), 3) for f in (market.daily_prices, halved)]
    np.testing.assert_allclose(of[0], of[1], rtol=1e-12)


def test_a_label_is_known_with_its_last_price(make_market):
    """A label is known at the close of t + 1 + h: later data can be removed or replaced, that price cannot."""
    market, row = make_market(days=20, names=10, bars=(), suspended=0.0), ModelSettings(horizon=4)
    t = 8
    known = market.days[t + 1 + 4]
    full = labels_of(market, row, days=market.days[: t + 1])
    assert any(day == market.days[t] for day, _ in full)
    assert labels_of(market.until(known), row, days=market.days[: t + 1]) == full
    noisy = market.daily_prices.with_columns(
        pl.when(pl.col("date") > known).then(pl.col(c) * 3.7).otherwise(c) for c in ("close", "vwap", "pre_close")
    )
    market.daily_prices, kept = noisy, market.daily_prices
    assert labels_of(market, row, days=market.days[: t + 1]) == full
    market.daily_prices = kept
    earlier = labels_of(market.until(market.days[t + 4]), row, days=market.days[: t + 1])
    assert not any(day == market.days[t] for day, _ in earlier)
    assert all(math.isfinite(v) for v in earlier.values())


def test_stocks_without_features_count_in_the_cross_section(make_market):
    market, row = make_market(days=12, names=10, bars=()), ModelSettings(horizon=2, label="gaussian_rank")
    every = labels_of(market, row)
    some = labels_of(market, row, symbols=["600004.SH", "999999.SZ", "600001.SH"])
    assert some == {key: value for key, value in every.items() if key[1] in ("600004.SH", "600001.SH")}
