"""Tests that compare daily features with plain loops over random price histories with suspensions, splits and new listings."""

import datetime as dt
import math
import random

import numpy as np
import polars as pl
import pytest

from assets.factors import block as blocks
from assets.features.make_daily_features import make_daily_features
from assets.features.names import DAILY_FEATURES
from resources.calendar import Calendar
from resources.settings.features import FeaturesSettings
from tests.factors import plain
from tests.making import run_make

CALENDAR = Calendar.xshg()
DAYS = CALENDAR.days(dt.date(2023, 1, 3), dt.date(2023, 4, 28))
TODAY = DAYS[-1]


def history(seed: int) -> pl.DataFrame:
    """`daily_prices` of stocks with gaps of many lengths, a split, constant prices, a new listing, and no vwap or shares."""
    rng = random.Random(seed)
    rows = []
    for n in range(14):
        close = rng.uniform(5, 50)
        for number, day in enumerate(DAYS):
            gap = {3: 0.1, 4: 0.22, 5: 0.3, 6: 0.6}.get(n, 0.0)
            if rng.random() < gap and day != TODAY:
                continue
            if (
                (n == 7 and number < len(DAYS) - 8)
                or (n == 8 and day == TODAY)
                or (n == 9 and number > len(DAYS) - 12 and day != TODAY)
            ):
                continue
            pre_close = round(close / 2, 2) if n == 1 and number == len(DAYS) - 10 else close
            steps = (0.0,) if n == 10 else (-0.01, 0.0, 0.01, 0.03, -0.04)
            close = round(pre_close * (1 + rng.choice(steps)), 2) if n != 10 else pre_close
            open_ = round(pre_close * (1 + rng.choice(steps)), 2) if n != 10 else pre_close
            high, low = max(open_, close) + rng.choice((0, 0.05)), min(open_, close) - rng.choice((0, 0.05))
            volume = 1000 if n == 10 else rng.randint(10**4, 10**6)
            rows.append({
                "date": day, "symbol": f"{n:06d}.SZ", "pre_close": pre_close, "open": open_, "high": high, "low": low,
                "close": close, "volume": 0 if n == 11 and number % 9 == 0 and day != TODAY else volume,
                "amount": volume * close, "float_shares": None if n == 12 else 10**7, "total_shares": 10**8,
                "vwap": None if n == 12 else close * 1.001,
            })  # fmt: skip
    return pl.DataFrame(rows, schema=plain.DAILY_SCHEMA).sort("date", "symbol")


def plain_features(rows: list[dict]) -> dict[str, float | None]:
    """Return the daily features by SPEC §5.1 of one stock that trades on TODAY; `rows` are its traded days."""
    by_day = {row["date"]: row for row in rows}
    day = by_day[TODAY]
    P = day["pre_close"]
    f: dict[str, float | None] = {
        f"{side}_over_pre_close": None if day[side] is None else day[side] / P - 1
        for side in ("open", "high", "low", "close", "vwap")
    }
    f |= {"ln_volume": math.log(day["volume"]), "ln_amount": math.log(day["amount"])}
    f["turnover"] = day["volume"] / day["float_shares"] if day["float_shares"] else None
    f["amplitude"] = (day["high"] - day["low"]) / P
    f["upper_shadow"] = (day["high"] - max(day["open"], day["close"])) / P
    f["lower_shadow"] = (min(day["open"], day["close"]) - day["low"]) / P

    def window(days: int) -> list[dict] | None:
        seen = [by_day[d] for d in DAYS[-days:] if d in by_day]
        return seen if len(seen) >= 0.75 * days else None

    def adjusted(row: dict, side: str) -> float:
        """A price of an earlier day on the basis of today."""
        factor = math.prod(by_day[d]["pre_close"] / by_day[d]["close"] for d in DAYS if d > row["date"] and d in by_day)
        return row[side] / row["close"] * day["close"] * factor

    def mean(x: list[float]) -> float:
        return math.fsum(x) / len(x)

    def std(x: list[float]) -> float:
        return math.sqrt(mean([(v - mean(x)) ** 2 for v in x]))

    for days in (5, 10, 20, 60):
        w = window(days)
        f[f"return_{days}"] = None if w is None else math.prod(r["close"] / r["pre_close"] for r in w) - 1
    for days in (5, 20, 60):
        w = window(days)
        f[f"std_{days}"] = None if w is None else std([r["close"] / r["pre_close"] - 1 for r in w])
    for days in (5, 20):
        w = window(days)
        f[f"volume_over_mean_{days}"] = None if w is None else day["volume"] / mean([r["volume"] for r in w])
        f[f"close_over_mean_{days}"] = None if w is None else day["close"] / mean([adjusted(r, "close") for r in w]) - 1
    for days in (10, 20):
        w, name = window(days), f"corr_close_volume_{days}"
        f[name] = None
        if w is not None:
            c, v = [adjusted(r, "close") for r in w], [r["volume"] for r in w]
            if std(c) > 1e-9 and std(v) > 0:
                f[name] = mean([(a - mean(c)) * (b - mean(v)) for a, b in zip(c, v, strict=True)]) / std(c) / std(v)
    w = window(20)
    f["amihud_20"] = None if w is None else 1e8 * mean([abs(r["close"] / r["pre_close"] - 1) / r["amount"] for r in w])
    f["distance_to_high_20"] = None if w is None else day["close"] / max(adjusted(r, "high") for r in w) - 1
    return f


def make(prices: pl.DataFrame, **changes: float) -> pl.DataFrame:
    window = prices.filter(pl.col("date") >= DAYS[-60])
    return run_make(
        make_daily_features, daily_prices=window, date=TODAY, calendar=CALENDAR, settings=FeaturesSettings(**changes)
    ).frame


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_plain_loops(seed: int) -> None:
    prices = history(seed)
    found = make(prices)
    traded = prices.filter(pl.col("volume") > 0)
    assert found["symbol"].to_list() == sorted(traded.filter(date=TODAY)["symbol"])
    for row in found.iter_rows(named=True):
        expected = plain_features(traded.filter(symbol=row["symbol"]).to_dicts())
        assert expected.keys() == set(DAILY_FEATURES)
        for name, value in expected.items():
            where = f"{row['symbol']} {name}: {row[name]}, plain {value}"
            if value is None:
                assert row[name] is None, where
            else:
                assert row[name] == pytest.approx(value, rel=1e-5, abs=1e-7), where


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    prices = history(6)
    whole = make(prices)
    monkeypatch.setattr(blocks, "SYMBOLS_A_PART", 1)
    monkeypatch.setattr(pl, "thread_pool_size", lambda: 3)
    assert make(prices).equals(whole)


def test_features_that_are_null() -> None:
    found = make(history(0))
    flat, new = found.filter(symbol="000010.SZ").row(0, named=True), found.filter(symbol="000007.SZ").row(0, named=True)
    assert flat["corr_close_volume_20"] is None
    assert flat["std_20"] == 0
    assert new["return_5"] is not None
    assert new["return_20"] is None
    assert found.filter(symbol="000012.SZ")["turnover"].item() is None
    assert found.filter(symbol="000008.SZ").is_empty()  # suspended today


def test_a_day_without_any_row_still_counts_as_a_trading_day() -> None:
    prices = history(1).filter(pl.col("date") != DAYS[-3])
    found = make(prices).filter(symbol="000000.SZ").row(0, named=True)
    expected = plain_features(prices.filter(pl.col("volume") > 0, pl.col("symbol") == "000000.SZ").to_dicts())
    assert found["return_5"] == pytest.approx(expected["return_5"], rel=1e-5)
    assert found["std_5"] == pytest.approx(expected["std_5"], rel=1e-5)


def test_price_scale_does_not_matter() -> None:
    prices = history(2)
    money = ("pre_close", "open", "high", "low", "close", "vwap", "amount")
    scaled, found = make(prices.with_columns(pl.col(*money) * 4)), make(prices)
    for name in set(DAILY_FEATURES) - {"ln_amount", "amihud_20"}:
        np.testing.assert_allclose(
            scaled[name].to_numpy().astype(float),
            found[name].to_numpy().astype(float),
            rtol=1e-4,
            atol=1e-6,
            err_msg=name,
        )


def test_days_outside_the_window_do_not_change_the_features() -> None:
    prices = history(3)
    assert run_make(
        make_daily_features, daily_prices=prices, date=TODAY, calendar=CALENDAR, settings=FeaturesSettings()
    ).frame.equals(make(prices))
    day = DAYS[-9]
    cut = prices.filter(pl.col("date") <= day)
    assert run_make(
        make_daily_features, daily_prices=prices, date=day, calendar=CALENDAR, settings=FeaturesSettings()
    ).frame.equals(
        run_make(make_daily_features, daily_prices=cut, date=day, calendar=CALENDAR, settings=FeaturesSettings()).frame
    )


def test_no_prices_make_an_empty_table() -> None:
    assert make(history(0).clear()).is_empty()
    assert make(history(0).filter(pl.col("date") < TODAY)).is_empty()
