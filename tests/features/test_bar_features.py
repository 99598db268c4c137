"""Tests that compare bar features with plain loops on every unusual kind of day, and of the shapes and nulls of SPEC §5.1."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.factors import block as blocks
from assets.factors.block import dense_block, dense_day, minute_returns
from assets.features import bars as kernel
from assets.features.bars import EDGES, FIELDS, STARTS, measure_bars
from assets.features.make_bar_features import make_bar_features
from assets.features.names import BAR_FEATURES, BAR_NEEDS, DAILY_FEATURES, DAILY_NEEDS, HOUR_FEATURE
from resources.settings.features import FeaturesSettings
from tests.factors import plain
from tests.making import run_make

ratio, total = plain.ratio, plain.total


def minus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a - b


def plus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def moments(x: list[float]) -> tuple[float, float]:
    mean = math.fsum(x) / len(x)
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in x) / len(x))


def strength(x: list[float | None]) -> float | None:
    if None in x or len(set(x)) == 1:
        return None
    mean, std = moments(x)  # type: ignore[arg-type]
    return mean / std


def correlation(x: list[float | None], y: list[float | None]) -> float | None:
    if None in x or None in y or len(set(x)) == 1 or len(set(y)) == 1:
        return None
    (mx, sx), (my, sy) = moments(x), moments(y)  # type: ignore[arg-type]
    return math.fsum((a - mx) * (b - my) for a, b in zip(x, y, strict=True)) / len(x) / sx / sy  # type: ignore[operator]


def logarithm(x: float | None) -> float | None:
    return None if x is None else math.log(1 + x)


def plain_features(
    rows: list[dict], pre_close: float | None, start: int, minutes: list[int]
) -> dict[str, float | None]:
    """Return the 63 features of the bar of `minutes`, from the 239 rows of the symbol-day."""
    returns = dict(zip(plain.GRID, plain.returns_of(rows, pre_close), strict=True))
    bar = [row for row in rows if row["minute"] in minutes]
    so_far = [row for row in rows if row["minute"] <= minutes[-1]]
    n = len(bar)
    R = [returns[row["minute"]] for row in bar]

    def series(of: list[dict]) -> dict[str, list[float | None]]:
        s: dict[str, list[float | None]] = {
            "A": [row["amount"] for row in of], "V": [row["volume"] for row in of], "T": [row["trades"] for row in of],
            "BA": [row["buy_amount"] for row in of], "SA": [row["sell_amount"] for row in of],
            "LB": [row["large_buy_amount"] for row in of], "LS": [row["large_sell_amount"] for row in of],
            "Q": [row["net_bid_change"] for row in of],
        }  # fmt: skip
        s["NB"] = [minus(a, b) for a, b in zip(s["BA"], s["SA"], strict=True)]
        s["W"] = [plus(a, b) for a, b in zip(s["NB"], s["Q"], strict=True)]
        s["NL"] = [minus(a, b) for a, b in zip(s["LB"], s["LS"], strict=True)]
        return s

    x, day = series(bar), series(so_far)
    close = bar[-1]["close"]
    f: dict[str, float | None] = dict.fromkeys(BAR_FEATURES)

    s2, s3, s4 = (math.fsum(r**p for r in R) for p in (2, 3, 4))
    highs = [row["high"] for row in bar if row["high"] is not None]
    lows = [row["low"] for row in bar if row["low"] is not None]
    if close is not None:
        f["bar_return"], f["realised_variance"], f["max_abs_return"] = math.fsum(R), s2, max(abs(r) for r in R)
        if highs:
            f["ln_high_low"] = math.log(max(highs) / min(lows))
            f["close_location"] = ratio(close - min(lows), max(highs) - min(lows))
        vwap = ratio(total(x["A"]), total(x["V"]))
        f["vwap_over_close"] = None if vwap is None else vwap / close - 1
        if s2 > 0:
            f["skewness"] = math.sqrt(n) * s3 / s2**1.5
            f["kurtosis"] = n * s4 / s2**2

    def down(a: list[float | None]) -> float | None:
        return None if None in a else ratio(total([v for v, r in zip(a, R, strict=True) if r < 0]), total(a))

    x["RR"] = [r * r for r in R]
    for name, of in zip(("amount", "volume", "trades", "variance", "buy", "sell", "large_buy", "large_sell"),
                        ("A", "V", "T", "RR", "BA", "SA", "LB", "LS"), strict=True):  # fmt: skip
        f[f"down_{name}"] = down(x[of])
    for name, of in zip(("amount", "volume", "trades", "buy", "sell", "large_buy", "large_sell"),
                        ("A", "V", "T", "BA", "SA", "LB", "LS"), strict=True):  # fmt: skip
        f[f"ln_{name}"] = logarithm(total(x[of]))
    for name, of in {"net_buy": "NB", "net_bid": "Q", "intention": "W", "net_large": "NL", "large_buy": "LB",
                     "large_sell": "LS", "buy": "BA"}.items():  # fmt: skip
        f[f"{name}_share"] = ratio(total(x[of]), total(x["A"]))
    for name, of in {
        "net_buy": "NB",
        "net_bid": "Q",
        "intention": "W",
        "net_large": "NL",
        "amount": "A",
        "volume": "V",
    }.items():
        f[f"{name}_strength"] = strength(x[of])
    for name in ("spread", "imbalance", "imbalance_5"):
        seen = [row[name] for row in bar if row[name] is not None]
        if seen:
            f[f"{name}_mean"] = moments(seen)[0]
        if len(seen) > 1:
            f[f"{name}_std"] = moments(seen)[1]
    for name, of in {"amount": "A", "trades": "T", "net_buy": "NB", "net_bid": "Q"}.items():
        f[f"corr_return_{name}"] = correlation(R, x[of])  # type: ignore[arg-type]
    f["corr_close_volume"] = correlation([row["close"] for row in bar], x["V"])
    f["autocorr_amount"] = correlation(x["A"][1:], x["A"][:-1])

    A, T = total(x["A"]), total(x["T"])
    if A and T:
        f["ln_amount_per_trade"] = math.log(A / T)
        for name, sign in (("outflow", -1), ("inflow", 1)):
            amount = math.fsum(a for a, r in zip(x["A"], R, strict=True) if r * sign > 0)  # type: ignore[misc]
            trades = sum(t for t, r in zip(x["T"], R, strict=True) if r * sign > 0)  # type: ignore[misc]
            f[f"{name}_per_trade"] = amount / trades / (A / T) if trades else None
        chosen = plain.large_minutes(bar)
        if chosen is not None:
            f["large_trade_return"] = math.prod(math.exp(R[i]) for i in chosen) - 1
            f["large_trade_amount_share"] = math.fsum(x["A"][i] for i in chosen) / A  # type: ignore[misc]
    if A:
        shares = [a / A for a in x["A"]]  # type: ignore[operator]
        f["amount_hhi"], f["amount_max_share"] = math.fsum(v * v for v in shares), max(shares)
        f["first_minutes_share"], f["last_minutes_share"] = math.fsum(shares[:5]), math.fsum(shares[-5:])
    activity = [row["trades"] if row["trades"] is not None else row["volume"] for row in bar]
    f["empty_share"] = None if None in activity else activity.count(0) / n
    for name, of in {"amount": "A", "volume": "V", "trades": "T", "net_buy": "NB", "net_large": "NL"}.items():
        whole = total(day[of])
        if whole is not None and abs(whole) < 1e-6:
            whole = 0.0
        f[f"{name}_of_day"] = ratio(total(x[of]), whole)
    return f


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size", [30, 60])
def test_equal_to_plain_loops(seed: int, size: int) -> None:
    bars, daily = plain.market_day(seed)
    block = dense_block(bars.lazy(), FIELDS)
    prices = dict(daily.select("symbol", "pre_close").rows())
    pre_close = np.array([prices.get(symbol, math.nan) for symbol in block.symbols])
    found = measure_bars(block, minute_returns(block, pre_close), size, FeaturesSettings())
    assert found.shape == (63, len(block), len(STARTS[size]))
    for s, symbol in enumerate(block.symbols):
        rows = bars.filter(symbol=symbol).to_dicts()
        for k, start in enumerate(STARTS[size]):
            end = ([*STARTS[size], 897])[k + 1]
            minutes = [minute for minute in plain.GRID if start <= minute < end]
            expected = plain_features(rows, prices.get(symbol), start, minutes)
            for name, value in zip(BAR_FEATURES, found[:, s, k], strict=True):
                where = f"{symbol} {start} {name}: {value}, plain {expected[name]}"
                if expected[name] is None:
                    assert not np.isfinite(value), where
                else:
                    assert value == pytest.approx(expected[name], rel=1e-9, abs=1e-11), where


def test_the_kernel_writes_by_name_whatever_the_order_of_the_names() -> None:
    """The names are part of the kernel's signature, so that numba's cache never serves one compiled for another order."""
    bars, daily = plain.market_day(13)
    block, of_day = dense_day(bars.lazy(), daily.lazy(), FIELDS, ("pre_close",))
    returns = minute_returns(block, of_day["pre_close"])
    expected = measure_bars(block, returns, 30, FeaturesSettings())
    names = (*BAR_FEATURES[40:], "unwritten", *BAR_FEATURES[:40])
    rows = np.empty((len(block), 8), np.dtype([(name, np.float64) for name in names]))
    values = rows.view(np.float64).reshape(*rows.shape, len(names))
    fields = kernel.Fields(*block.arrays(FIELDS))
    large = blocks.large_trade_minutes(block.grid("amount"), block.grid("trades"), EDGES[30], 0.3)
    kernel._measure(0, len(block), fields, returns, large, EDGES[30], 5, rows, values)
    for name, value in zip(BAR_FEATURES, expected, strict=True):
        np.testing.assert_array_equal(rows[name], value, err_msg=name)
    assert np.isnan(rows["unwritten"]).all()


def make(bars: pl.DataFrame, daily: pl.DataFrame) -> pl.DataFrame:
    return run_make(
        make_bar_features, minute_bars=bars, daily_prices=daily, date=plain.DATE, settings=FeaturesSettings()
    ).frame


@pytest.mark.parametrize("threads", [2, 3])
def test_the_number_of_threads_changes_no_bit(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    day = plain.market_day(12)
    whole = make(*day)
    monkeypatch.setattr(blocks, "SYMBOLS_A_PART", 1)
    monkeypatch.setattr(pl, "thread_pool_size", lambda: threads)
    assert make(*day).equals(whole)


def test_the_numbers_of_features_are_those_of_the_specification() -> None:
    assert len(BAR_FEATURES) == len(set(BAR_FEATURES)) == 63
    assert len(DAILY_FEATURES) == len(set(DAILY_FEATURES)) == 26
    assert set(BAR_NEEDS) == {*BAR_FEATURES, HOUR_FEATURE}
    assert set(DAILY_NEEDS) == set(DAILY_FEATURES)


def test_last_bars_have_27_and_57_minutes() -> None:
    assert np.diff(EDGES[30]).tolist() == [30] * 7 + [27]
    assert np.diff(EDGES[60]).tolist() == [60, 60, 60, 57]


def test_rows_and_the_64th_feature() -> None:
    bars, daily = plain.market_day(7)
    frame = make(bars, daily)
    symbols = bars["symbol"].n_unique()
    assert frame.height == 12 * symbols
    assert dict(frame.select("granularity").to_series().value_counts().rows()) == {30: 8 * symbols, 60: 4 * symbols}
    assert frame.filter(granularity=30)[HOUR_FEATURE].null_count() == 8 * symbols
    row = frame.filter(symbol="000000.normal", granularity=60, bar=630).row(0, named=True)
    close = bars.filter(symbol="000000.normal", minute=689)["close"].item()
    pre_close = daily.filter(symbol="000000.normal")["pre_close"].item()
    assert row[HOUR_FEATURE] == pytest.approx(math.log(close / pre_close), rel=1e-6)
    no_price = frame.filter(symbol="000003.no_trades_unknown_price", granularity=60)
    assert no_price[HOUR_FEATURE].null_count() == 4
    assert all(dtype == pl.Float32 for name, dtype in frame.schema.items() if name in BAR_FEATURES)


def test_features_that_need_only_closes() -> None:
    frame = make(*plain.market_day(8, ("closes_only",)))
    known = {name for name in BAR_FEATURES if frame[name].null_count() < frame.height}
    assert known == {"bar_return", "realised_variance", "skewness", "kurtosis", "max_abs_return", "down_variance"}


def test_features_of_fields_that_were_not_delivered_are_null() -> None:
    frame = make(*plain.market_day(9, ("no_threshold", "no_quotes")))
    for kind, fields in (
        ("no_threshold", {"large_buy_amount", "large_sell_amount"}),
        ("no_quotes", {"net_bid_change", "spread"}),
    ):
        rows = frame.filter(pl.col("symbol").str.ends_with(kind))
        for name, needs in BAR_NEEDS.items():
            if {need.split(".")[1] for need in needs} & fields:
                assert rows[name].null_count() == rows.height, name


def test_two_minutes_with_quotes_make_a_std_and_one_makes_a_mean() -> None:
    bars, daily = plain.market_day(10, ("normal",))
    bars = bars.with_columns(
        spread=pl.when(pl.col("minute").is_in([575, 580])).then(pl.col("minute") / 1000),
        imbalance=pl.when(minute=575).then(0.25),
    )
    row = make(bars, daily).filter(granularity=30, bar=570).row(0, named=True)
    assert row["spread_mean"] == pytest.approx(0.5775)
    assert row["spread_std"] == pytest.approx(0.0025, rel=1e-5)
    assert (row["imbalance_mean"], row["imbalance_std"]) == (0.25, None)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_ranges_price_scale_and_independence_of_other_symbols(seed: int) -> None:
    bars, daily = plain.market_day(seed)
    frame = make(bars, daily)
    unit = [n for n in BAR_FEATURES if n.startswith("down_")]
    unit += [
        "close_location",
        "amount_hhi",
        "amount_max_share",
        "first_minutes_share",
        "last_minutes_share",
        "empty_share",
    ]
    unit += [
        "large_buy_share",
        "large_sell_share",
        "buy_share",
        "large_trade_amount_share",
        "amount_of_day",
        "volume_of_day",
    ]
    for name in unit:
        assert frame[name].drop_nulls().is_between(0, 1 + 1e-6).all(), name
    for name in BAR_FEATURES:
        assert frame[name].drop_nulls().is_finite().all(), name
        if "corr" in name:
            assert frame[name].drop_nulls().is_between(-1, 1).all(), name
    one = frame["symbol"][0]
    assert make(bars.filter(symbol=one), daily).equals(frame.filter(symbol=one))

    doubled = make(
        bars.with_columns(pl.col("open", "high", "low", "close") * 2), daily.with_columns(pl.col("pre_close") * 2)
    )
    untouched = [n for n in BAR_FEATURES if n != "vwap_over_close"]
    for name in untouched:
        np.testing.assert_allclose(
            doubled[name].to_numpy().astype(float),
            frame[name].to_numpy().astype(float),
            rtol=1e-4,
            atol=1e-6,
            err_msg=name,
        )


def test_no_look_ahead_inside_the_day() -> None:
    bars, daily = plain.market_day(11)
    cut = pl.col("minute") >= 780
    noise = [
        pl.when(cut).then(pl.col(c) * 1.5).otherwise(c).alias(c) for c, t in bars.schema.items() if t == pl.Float64
    ]
    before = pl.col("bar") < 780
    assert make(bars.with_columns(noise), daily).filter(before).equals(make(bars, daily).filter(before))
