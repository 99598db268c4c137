"""Tests that compare the styles of a random market with plain loops, and of their properties."""

import datetime as dt
import math
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.factors.assets import styles
from assets.factors.make_styles import make_styles
from assets.factors.reasons import FEW_BOOK_VALUES, TOO_FEW_DAYS
from assets.factors.styles import (
    SCHEMA,
    STYLES,
    explained_share,
    factor_returns,
    formation_day,
    window_and_formation_days,
    window_days,
)
from assets.reference.assets import daily_prices, securities
from assets.reference.make_daily_prices import make_daily_prices
from assets.reference.make_securities import make_securities
from resources.gate import judge
from resources.landing import LandingZone
from resources.made import Made
from resources.reasons import Reason, put_into_words
from resources.settings.reference import ReferenceSettings
from resources.settings.styles import StylesSettings
from tests.making import run_make
from tests.reasons import to_reasons
from tests.reference.small_reference import CALENDAR, FIRST, LAST, cut_after, landed, noise_after, random_reference

REFERENCE = ReferenceSettings(min_listed_days=20)
SETTINGS = StylesSettings()
DAYS = CALENDAR.days(FIRST, LAST)
DAY = DAYS[60]


class Market:
    """Reference tables of a landing zone, made day by day when they are needed."""

    def __init__(self, zone: LandingZone):
        self.zone = zone
        self.known: dict[dt.date, tuple[Made, Made]] = {}

    def at(self, day: dt.date) -> tuple[Made, Made]:
        if day not in self.known:
            prices = run_make(
                make_daily_prices,
                date=day,
                landing=self.zone.view(day, daily_prices.lands),
                calendar=CALENDAR,
                settings=REFERENCE,
            )
            names = run_make(
                make_securities,
                date=day,
                daily_prices=prices.frame,
                landing=self.zone.view(day, securities.lands),
                calendar=CALENDAR,
                settings=REFERENCE,
                unavailable={"daily_prices": prices.unavailable},
            )
            self.known[day] = prices, names
        return self.known[day]

    def inputs(self, day: dt.date, settings: StylesSettings = SETTINGS) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        window = window_days.keys(CALENDAR, day, settings, FIRST)
        both = window_and_formation_days.keys(CALENDAR, day, settings, FIRST)
        return (
            pl.concat([self.at(d)[0].frame for d in window]).lazy(),
            pl.concat([self.at(d)[1].frame for d in both]).lazy(),
        )

    def styles(self, day: dt.date, settings: StylesSettings = SETTINGS) -> Made:
        prices, names = self.inputs(day, settings)
        unavailable = {"daily_prices": self.at(day)[0].unavailable, "securities": self.at(day)[1].unavailable}
        return run_make(
            make_styles,
            date=day,
            daily_prices=prices,
            securities=names,
            calendar=CALENDAR,
            settings=settings,
            unavailable=to_reasons(unavailable),
        )


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    return Market(landed(tmp_path_factory.mktemp("market"), random_reference(seed=3, names=60)))


# --- plain implementations of SPEC §4 -----------------------------------------------------------------------------------


def plain_standardised(x: dict[str, float | None], universe: set[str]) -> dict[str, float]:
    inside = [v for s, v in x.items() if s in universe and v is not None]
    mean, std = statistics.fmean(inside), statistics.pstdev(inside)

    def clipped(v: float) -> float:
        return min(max(v, mean - 3 * std), mean + 3 * std)

    again = [clipped(v) for v in inside]
    mean2, std2 = statistics.fmean(again), statistics.pstdev(again)
    return {s: 0.0 if v is None else (clipped(v) - mean2) / std2 for s, v in x.items()}


def plain_quantile(values: list[float], q: float) -> float:
    ordered = sorted(values)
    position = q * (len(ordered) - 1)
    low = math.floor(position)
    return ordered[low] + (position - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


def plain_factors(prices: list[dict], names: list[dict], day: dt.date) -> tuple[float, float, float]:
    formed = max(d for d in DAYS if (d.year, d.month) < (day.year, day.month))
    sized = [
        n for n in names if n["date"] == formed and n["in_universe"] and n["equity"] is not None and n["equity"] > 0
    ]
    books = {n["symbol"]: n["equity"] / n["total_mv"] for n in sized}
    low, high = plain_quantile(list(books.values()), 0.3), plain_quantile(list(books.values()), 0.7)
    median = statistics.median(n["float_mv"] for n in sized)
    group = {}
    for n in sized:
        book = books[n["symbol"]]
        group[n["symbol"]] = ("B" if n["float_mv"] > median else "S") + (
            "L" if book <= low else "H" if book > high else "M"
        )
    today = {p["symbol"]: p for p in prices if p["date"] == day}
    members = {n["symbol"] for n in names if n["date"] == day and n["in_universe"]}

    def mean(symbols: set[str]) -> float | None:
        total = [(today[s]["pre_close"] * today[s]["float_shares"], today[s]["close"] / today[s]["pre_close"] - 1)
                 for s in sorted(symbols & set(today))]  # fmt: skip
        return sum(w * r for w, r in total) / sum(w for w, _ in total) if total else None

    six = {key: mean({s for s, g in group.items() if g == key}) for key in ("SL", "SM", "SH", "BL", "BM", "BH")}

    def spread(pairs: list[tuple[str, str]]) -> float:
        return statistics.fmean(six[a] - six[b] for a, b in pairs if six[a] is not None and six[b] is not None)

    return (
        mean(members),
        spread([("SL", "BL"), ("SM", "BM"), ("SH", "BH")]),
        spread([("SH", "SL"), ("BH", "BL")]),
    )


def plain_r2(y: list[float], x: list[tuple[float, ...]]) -> float:
    design = np.column_stack([np.ones(len(y)), np.array(x)])
    residual = np.array(y) - design @ np.linalg.lstsq(design, np.array(y), rcond=None)[0]
    return 1 - float(residual @ residual) / sum((v - statistics.fmean(y)) ** 2 for v in y)


def plain_raw(market: Market, day: dt.date) -> dict[str, dict[str, float | None]]:
    prices_frame, names_frame = market.inputs(day)
    prices, names = prices_frame.collect().to_dicts(), names_frame.collect().to_dicts()
    window = [d for d in DAYS if d <= day][-20:]
    factors = {d: plain_factors(prices, names, d) for d in window}
    raw: dict[str, dict[str, float | None]] = {style: {} for style in STYLES}
    for n in (n for n in names if n["date"] == day):
        symbol = n["symbol"]
        own = [p for d in window for p in prices if p["symbol"] == symbol and p["date"] == d]
        returns = [p["close"] / p["pre_close"] - 1 for p in own]
        enough = len(own) >= 15
        raw["size"][symbol] = math.log(n["total_mv"]) if n["total_mv"] else None
        raw["turnover"][symbol] = (
            math.log(statistics.fmean(p["amount"] / (p["close"] * p["float_shares"]) for p in own)) if enough else None
        )
        raw["reversal"][symbol] = math.prod(1 + r for r in returns) - 1 if enough else None
        raw["volatility"][symbol] = plain_r2(returns, [factors[p["date"]] for p in own]) if enough else None
        raw["value"][symbol] = n["equity"] / n["total_mv"] if n["equity"] is not None and n["total_mv"] else None
        now, before = n["profitability"], n["profitability_year_ago"]
        raw["profitability"][symbol] = now
        raw["growth"][symbol] = now - before if now is not None and before is not None else None
    return raw


def plain_styles(market: Market, day: dt.date) -> tuple[dict[str, dict], dict[str, dict]]:
    raw = plain_raw(market, day)
    names = market.at(day)[1].frame.to_dicts()
    universe = {n["symbol"] for n in names if n["in_universe"]}
    industry = {n["symbol"]: n["industry"] for n in names}
    z = plain_standardised(raw["size"], universe)
    inside = [s for s in universe if raw["size"][s] is not None]
    x, y = [z[s] for s in inside], [z[s] ** 3 for s in inside]
    slope, intercept = statistics.linear_regression(x, y)
    raw["mid_cap"] = {s: None if raw["size"][s] is None else z[s] ** 3 - intercept - slope * z[s] for s in raw["size"]}
    standard = {}
    for style in STYLES:
        filled = dict(raw[style])
        if style in ("value", "profitability", "growth"):
            for symbol, value in raw[style].items():
                peers = [
                    raw[style][s]
                    for s in universe
                    if industry[s] == industry[symbol] != "unknown" and raw[style][s] is not None
                ]
                if value is None and peers:
                    filled[symbol] = statistics.median(peers)
        standard[style] = plain_standardised(filled, universe)
    return raw, standard


# --- tests --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [DAYS[45], DAY, DAYS[-1]])
def test_styles_equal_plain_loops(market: Market, day: dt.date) -> None:
    result = market.styles(day)
    assert result.frame.schema == pl.Schema(SCHEMA)
    assert result.unavailable == {}
    raw, standard = plain_styles(market, day)
    symbols = result.frame["symbol"].to_list()
    assert symbols == sorted(raw["size"])
    for style in STYLES:
        for suffix, expected in (("_raw", raw[style]), ("", standard[style])):
            measured = dict(zip(symbols, result.frame[style + suffix], strict=True))
            assert {s for s, v in measured.items() if v is None} == {s for s, v in expected.items() if v is None}
            for symbol, value in measured.items():
                assert value is None or value == pytest.approx(expected[symbol], rel=1e-9, abs=1e-9), (style, symbol)


def test_the_random_market_has_missing_and_negative_values(market: Market) -> None:
    frame = market.styles(DAY).frame
    assert 0 < frame["in_universe"].sum() < frame.height
    for style in ("turnover", "value", "growth"):
        assert 0 < frame[f"{style}_raw"].null_count() < frame.height
    assert (frame["value_raw"] < 0).any()


def test_market_factors_equal_plain_loops(market: Market) -> None:
    from assets.factors.styles import DailyPanel

    prices, names = market.inputs(DAY)
    window = window_days.keys(CALENDAR, DAY, SETTINGS, FIRST)
    panel = DailyPanel.of(prices.collect(), names.collect(), window)
    factors, why_not = factor_returns(panel, names.collect(), CALENDAR, SETTINGS)
    assert why_not is None
    expected = [plain_factors(prices.collect().to_dicts(), names.collect().to_dicts(), d) for d in window]
    assert factors == pytest.approx(np.array(expected), abs=1e-13)


def test_without_book_values_volatility_is_the_standard_deviation_and_the_notes_have_the_reason(tmp_path: Path) -> None:
    market = Market(landed(tmp_path, random_reference(seed=3, names=60), leave_out=("fundamentals",)))
    result = market.styles(DAY)
    volatility = put_into_words(result.notes)["volatility"]
    assert "standard deviation" in volatility
    assert "positive book equity" in volatility
    assert Reason.from_json(result.notes["left_out"]["volatility_factors"]["volatility"]).code == FEW_BOOK_VALUES.name
    prices = market.inputs(DAY)[0].collect()
    for symbol, value in result.frame.select("symbol", "volatility_raw").iter_rows():
        own = prices.filter(symbol=symbol)
        returns = [c / p - 1 for c, p in own.select("close", "pre_close").iter_rows()]
        assert value == (pytest.approx(statistics.pstdev(returns)) if len(returns) >= 15 else None)
    # The reasons of the three book styles come from their inputs, through the declared needs.
    for style in ("value", "profitability", "growth"):
        assert result.frame[style].null_count() == result.frame.height
        sources = [source.split(".") for source in styles.needs[style]]
        assert any(column in market.at(DAY)[1].unavailable for _, column in sources)


def test_styles_of_a_short_history_are_unavailable_with_the_reason(market: Market) -> None:
    result = market.styles(DAYS[13])
    for style in ("turnover", "reversal", "volatility"):
        assert result.frame[style].null_count() == result.frame.height
        assert result.unavailable[style] == TOO_FEW_DAYS(needed=15, window=20, held=14)
    assert market.styles(DAYS[19]).unavailable == {}
    assert (
        "securities of 2014-12-31 has no stock in U(t)" in put_into_words(market.styles(DAYS[19]).notes)["volatility"]
    )


def test_a_market_without_prices_is_empty_with_the_reason(tmp_path: Path) -> None:
    market = Market(landed(tmp_path, random_reference(seed=3, names=10), leave_out=("daily_prices",)))
    result = market.styles(DAY)
    assert result.frame.is_empty()
    assert set(result.unavailable) == set(SCHEMA)
    assert str(result.unavailable["size"]) == "no reference/daily_prices in the landing zone"


def test_without_listing_dates_styles_are_null_with_the_reason_of_securities(tmp_path: Path) -> None:
    market = Market(landed(tmp_path, random_reference(seed=3, names=30), leave_out=("instruments",)))
    result = market.styles(DAY)
    reason = "no reference/instruments in the landing zone"
    assert str(market.at(DAY)[1].unavailable["in_universe"]) == reason
    for column in ("in_universe", *STYLES, "mid_cap_raw"):
        assert result.frame[column].null_count() == result.frame.height
        assert column not in result.unavailable  # the reason comes from securities
        assert "securities.in_universe" in styles.needs[column]


def test_the_setting_window_is_the_number_of_days(market: Market) -> None:
    result = market.styles(DAY, StylesSettings(window=5, min_share=1.0))
    prices = market.inputs(DAY)[0].collect()
    for symbol, value in result.frame.select("symbol", "reversal_raw").iter_rows():
        own = prices.filter((pl.col("symbol") == symbol) & (pl.col("date") > DAYS[55]))
        gain = math.prod(c / p for c, p in own.select("close", "pre_close").iter_rows()) - 1
        assert value == (pytest.approx(gain) if own.height == 5 else None)


def test_look_backs_name_the_window_and_its_formation_days() -> None:
    day = dt.date(2015, 3, 4)
    window = window_days.keys(CALENDAR, day, SETTINGS, FIRST)
    assert len(window) == 20
    assert window[-1] == day
    extra = sorted(set(window_and_formation_days.keys(CALENDAR, day, SETTINGS, FIRST)) - set(window))
    assert window[0].month == 1
    assert extra == []  # 2014-12-31 is before the history; 30 January and 27 February are inside the window
    assert formation_day(CALENDAR, day) == dt.date(2015, 2, 27)
    before = window_and_formation_days.keys(CALENDAR, day, SETTINGS, dt.date(2014, 1, 2))
    assert before[0] == dt.date(2014, 12, 31)


def test_good_days_pass_every_check(market: Market) -> None:
    days = [DAYS[45], DAY, DAYS[-1]]
    made = {day: market.styles(day) for day in days}
    verdicts = judge(
        styles.checks, {d: m.profile for d, m in made.items()}, {d: m.unavailable for d, m in made.items()}
    )
    for day in days:
        failed = {name for name, verdict in verdicts[day].items() if not verdict.passed}
        assert failed <= {"most_of_universe_measured"}, verdicts[day]  # growth is sparse in the random market


def test_explained_share_of_degenerate_returns() -> None:
    rng = np.random.default_rng(0)
    factors = rng.normal(size=(20, 3))
    returns = np.vstack([factors @ [1.0, 2.0, 3.0], np.zeros(20), rng.normal(size=20), np.full(20, math.nan)])
    share = explained_share(returns, factors, 15)
    assert share[0] == pytest.approx(1.0)
    assert math.isnan(share[1])
    assert 0 < share[2] < 1
    assert math.isnan(share[3])
    assert explained_share(returns, np.zeros((20, 3)), 15)[2] == 0.0
    doubled = factors[:, [0, 1, 1]]
    assert explained_share(returns, doubled, 15)[2] == pytest.approx(plain_r2(list(returns[2]), list(factors[:, :2])))


@pytest.mark.parametrize("day", [pytest.param(DAYS[30], marks=pytest.mark.slow), DAY])
def test_later_days_do_not_change_the_styles(tmp_path: Path, day: dt.date) -> None:
    tables = random_reference(seed=4)
    whole: Any = Market(landed(tmp_path / "whole", tables)).styles(day)
    for name, other in (("cut", cut_after(tables, day)), ("noisy", noise_after(tables, day, seed=9))):
        result = Market(landed(tmp_path / name, other)).styles(day)
        assert_frame_equal(result.frame, whole.frame, check_exact=True)
        assert (result.unavailable, result.notes) == (whole.unavailable, whole.notes)
