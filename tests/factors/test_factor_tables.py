"""Tests of the declarations of day_indicators and factors: schemas, and checks that pass on good and fail on wrong values."""

import datetime as dt

import polars as pl

from assets import catalogue
from assets.factors.assets import TABLES, day_indicators, factors
from assets.factors.make_day_indicators import make_day_indicators
from assets.factors.make_factors import make_factors
from resources.gate import judge
from resources.made import Made
from resources.settings.factors import FactorsSettings
from resources.table import Table
from tests.factors import plain
from tests.making import run_make


def verdicts(table: Table, made: Made, **changes: pl.Expr) -> dict[str, bool]:
    profile = (made.frame if made.profile is None else made.profile).with_columns(**changes)
    judged = judge(table.checks, {plain.DATE: profile}, {plain.DATE: made.unavailable})
    return {name: verdict.passed for name, verdict in judged[plain.DATE].items()}


def failed(table: Table, made: Made, **changes: pl.Expr) -> set[str]:
    return {name for name, passed in verdicts(table, made, **changes).items() if not passed}


def indicators() -> Made:
    bars, daily = plain.market_day(1, (*plain.KINDS, *(("normal",) * 40)))
    return run_make(
        make_day_indicators, minute_bars=bars, daily_prices=daily, date=plain.DATE, settings=FactorsSettings()
    )


def window() -> Made:
    days = [indicators().frame.with_columns(date=plain.DATE - dt.timedelta(days=n)) for n in range(10)]
    names = days[0]["symbol"]
    styles = ("size", "mid_cap", "turnover", "reversal", "volatility", "value", "profitability", "growth")
    exposures = pl.DataFrame(
        {
            "date": [plain.DATE] * len(names),
            "symbol": names,
            "in_universe": [True] * len(names),
            "industry": [f"industry {n % 3}" for n in range(len(names))],
            "total_mv": [1e9] * len(names),
            **{style: [float((7 * n * (k + 3)) % 23) for n in range(len(names))] for k, style in enumerate(styles)},
        }
    )
    return run_make(
        make_factors,
        day_indicators=pl.concat(days),
        styles=exposures,
        date=plain.DATE,
        settings=FactorsSettings(),
        unavailable={},
    )


def test_frames_have_the_declared_schema() -> None:
    assert dict(indicators().frame.schema) == day_indicators.schema
    assert dict(window().frame.schema) == factors.schema


def test_needs_name_columns_and_items_that_exist() -> None:
    assert set(day_indicators.needs) <= set(day_indicators.schema)
    assert set(factors.needs) == set(catalogue.TEN)
    assert [table.name for table in TABLES] == ["day_indicators", "styles", "factors"]


def test_checks_pass_on_every_kind_of_day() -> None:
    assert failed(day_indicators, indicators()) == set()
    assert failed(factors, window()) <= {"most_of_universe_covered"}  # a third of these stocks have unusual days


def test_checks_fail_on_wrong_values() -> None:
    made = indicators()
    assert failed(day_indicators, made, skewness=pl.lit(16.0)) == {"skewness_within_its_bound"}
    assert failed(day_indicators, made, closing_volume_share=pl.lit(-0.1)) == {"closing_volume_share_is_a_share"}
    assert failed(day_indicators, made, symbol=pl.lit("600519.SH")) == {"symbol_unique"}
    assert failed(day_indicators, made, post_open_growth=pl.lit(5.0)) == {"post_open_growth_plausible"}
    made = window()
    always = failed(factors, made)
    assert failed(factors, made, max_style_correlation=pl.lit(1e-6)) - always == {"residuals_uncorrelated_with_styles"}
    assert failed(factors, made, duplicates=pl.lit(1)) - always == {"symbol_factor_unique"}
    assert failed(factors, made, coverage=pl.lit(0.1)) == {"most_of_universe_covered"}
