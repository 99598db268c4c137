import math
import statistics

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from assets.models.labels import arrange_prices, forward_returns, make_labels
from resources.settings.models import ModelSettings


def plain_returns(market, horizon):
    """(day, symbol) → R_h, walking the days of one name at a time."""
    rows = {(r["date"], r["symbol"]): r for r in market.daily_prices.iter_rows(named=True)}
    found = {}
    for symbol in market.daily_prices["symbol"].unique():
        for t in range(len(market.days) - 1 - horizon):
            first = rows.get((market.days[t + 1], symbol))
            last = rows.get((market.days[t + 1 + horizon], symbol))
            if first is None or last is None:
                continue
            value = first["close"] / first["vwap"]  # from the entry to that close
            for day in market.days[t + 2 : t + 1 + horizon]:
                if (day, symbol) in rows:
                    value *= rows[day, symbol]["close"] / rows[day, symbol]["pre_close"]
            found[market.days[t], symbol] = value * last["vwap"] / last["pre_close"] - 1
    return found


def plain_labels(market, row):
    """(day, symbol) → label."""
    returns = plain_returns(market, row.horizon)
    prices = {
        (r["date"], r["symbol"]): r["close"] / r["pre_close"] - 1 for r in market.daily_prices.iter_rows(named=True)
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


def labels_of(market, row, days=None, symbols=None):
    days, symbols = days or market.days, symbols or sorted(market.securities["symbol"].unique())
    made = make_labels(
        market.daily_prices.lazy(),
        market.securities.lazy(),
        price_days=market.days,
        days=days,
        symbols=symbols,
        settings=row,
    )
    return {
        (d, s): float(v) for d, row in zip(days, made, strict=True) for s, v in zip(symbols, row, strict=True) if v == v
    }


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), horizon=st.integers(1, 10), suspended=st.floats(0, 0.5))
@pytest.mark.parametrize("label", ["excess", "risk_adjusted", "gaussian_rank"])
def test_labels_are_those_of_plain_loops(make_market, label, seed, horizon, suspended):
    market = make_market(seed=seed, days=24, names=12, bars=(), suspended=suspended)
    row = ModelSettings(label=label, horizon=horizon, risk_days=8)
    expected = plain_labels(market, row)
    made = labels_of(market, row)
    assert made.keys() == expected.keys()
    for key, value in expected.items():
        assert made[key] == pytest.approx(value, rel=1e-5, abs=1e-6)


def test_a_day_without_volume_is_no_trading_day(make_market):
    market = make_market(days=10, names=3, bars=(), suspended=0.0)
    day, symbol = market.days[3], "600001.SH"
    without = market.daily_prices.filter(~((pl.col("date") == day) & (pl.col("symbol") == symbol)))
    still = market.daily_prices.with_columns(
        volume=pl.when((pl.col("date") == day) & (pl.col("symbol") == symbol)).then(0).otherwise("volume")
    )
    expected = forward_returns(arrange_prices(without.lazy(), days=market.days), 2)
    np.testing.assert_array_equal(forward_returns(arrange_prices(still.lazy(), days=market.days), 2), expected)
    assert np.isnan(expected[[0, 2], 1]).all()


def test_a_split_is_no_loss(make_market):
    market = make_market(days=10, names=3, bars=(), suspended=0.0)
    halved = market.daily_prices.with_columns(
        pl.when(pl.col("date") >= market.days[5]).then(pl.col(c) / 2).otherwise(c)
        for c in ("pre_close", "close", "vwap")
    )
    of = [forward_returns(arrange_prices(f.lazy(), days=market.days), 3) for f in (market.daily_prices, halved)]
    np.testing.assert_allclose(of[0], of[1], rtol=1e-12)


def test_a_label_waits_for_its_last_price_and_no_longer(make_market):
    """Known at the close of t + 1 + h: removing or replacing anything later changes nothing, that price does."""
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


def test_names_without_features_count_in_the_cross_section(make_market):
    market, row = make_market(days=12, names=10, bars=()), ModelSettings(horizon=2, label="gaussian_rank")
    every = labels_of(market, row)
    some = labels_of(market, row, symbols=["600004.SH", "999999.SZ", "600001.SH"])
    assert some == {key: value for key, value in every.items() if key[1] in ("600004.SH", "600001.SH")}
