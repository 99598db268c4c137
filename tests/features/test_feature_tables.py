"""Tests of the declarations of bar_features and daily_features: schemas, and checks that pass on good and fail on bad days."""

import datetime as dt

import polars as pl

from assets.features.assets import bar_features, daily_features
from assets.features.make_bar_features import make_bar_features
from assets.features.make_daily_features import make_daily_features
from resources.calendar import Calendar
from resources.gate import judge
from resources.made import Made
from resources.settings.features import FeaturesSettings
from resources.table import Table
from tests.factors import plain
from tests.making import run_make


def failed(table: Table, made: Made, **changes: pl.Expr) -> set[str]:
    judged = judge(table.checks, {plain.DATE: made.profile.with_columns(**changes)}, {plain.DATE: {}})
    return {name for name, verdict in judged[plain.DATE].items() if not verdict.passed}


def bars(kinds: tuple[str, ...]) -> Made:
    minutes, daily = plain.market_day(1, kinds)
    return run_make(
        make_bar_features, minute_bars=minutes, daily_prices=daily, date=plain.DATE, settings=FeaturesSettings()
    )


def daily() -> Made:
    calendar = Calendar.xshg()
    rows = pl.concat(
        plain.market_day(n, ("normal",) * 5, calendar.offset(plain.DATE, -n))[1] for n in range(60)
    ).with_columns(high=pl.max_horizontal("high", "close"))
    return run_make(
        make_daily_features, daily_prices=rows, date=plain.DATE, calendar=calendar, settings=FeaturesSettings()
    )


def test_frames_have_the_declared_schema() -> None:
    assert dict(bars(plain.KINDS).frame.schema) == bar_features.schema
    assert dict(daily().frame.schema) == daily_features.schema
    assert set(bar_features.needs) <= set(bar_features.schema)
    assert set(daily_features.needs) <= set(daily_features.schema)


def test_checks_pass_on_good_days_and_fail_on_bad_ones() -> None:
    made = bars(("normal",) * 5)
    assert failed(bar_features, made) == set()
    assert failed(bar_features, bars(plain.KINDS)) == {"returns_known"}  # one symbol has no known price
    assert failed(bar_features, made, not_finite=pl.lit(1)) == {"features_finite"}
    assert failed(bar_features, made, largest_downside_share=pl.lit(1.01)) == {"downside_shares_at_most_one"}
    made = daily()
    assert failed(daily_features, made) == set()
    assert failed(daily_features, made, duplicates=pl.lit(2)) == {"symbol_unique"}


def test_a_day_without_data_makes_empty_tables_that_pass() -> None:
    minutes, prices = plain.market_day(1, ("normal",))
    made = run_make(
        make_bar_features,
        minute_bars=minutes.clear(),
        daily_prices=prices.clear(),
        date=plain.DATE,
        settings=FeaturesSettings(),
    )
    assert made.frame.is_empty()
    assert dict(made.frame.schema) == bar_features.schema
    assert failed(bar_features, made) == set()
    made = run_make(
        make_daily_features,
        daily_prices=prices.clear(),
        date=dt.date(2023, 2, 1),
        calendar=Calendar.xshg(),
        settings=FeaturesSettings(),
    )
    assert made.frame.is_empty()
    assert dict(made.frame.schema) == daily_features.schema
    assert failed(daily_features, made) == set()
