"""The benchmark of the excess: price or total-return index, and members outside the selection space."""

import datetime as dt

import polars as pl
import pytest

from assets.catalogue import PORTFOLIOS
from assets.portfolios.assets import TABLES
from assets.portfolios.reasons import DRIFTED_BENCHMARK
from assets.portfolios.week.exposures import drift_benchmark
from assets.portfolios.week.returns import benchmark_returns, drifted_return
from resources.gate import judge
from resources.settings.portfolios import PortfoliosSettings
from tests.portfolios.week.portfolio_market import CALENDAR, SETTINGS, WEEKS, Market, file, solve_of

CODE = "H00905.CSI"
TOTAL = SETTINGS.model_copy(update={"benchmark": "total_return"})


def with_total_return(market: Market, yield_: float = 0.001) -> dict[dt.date, float]:
    """Adds closes of the total-return index, which returns `yield_` a day more than the price index; returns the price closes."""
    closes = market.indices.select("date", "index_close").unique().sort("date")
    grown = closes.with_columns(
        index=pl.lit(CODE), index_close=pl.col("index_close") * (1 + yield_) ** pl.int_range(pl.len())
    )
    market.indices = pl.concat([market.indices.with_columns(index=pl.lit("000905.SH")), grown], how="diagonal_relaxed")
    return dict(closes.iter_rows())


def week_returns(market: Market, settings: PortfoliosSettings) -> tuple[list[dt.date], list[float | None], str]:
    days = CALENDAR.week_days(WEEKS[1])
    found, reason = benchmark_returns(
        PORTFOLIOS[0], market.indices, market.prices.lazy(), None, days, CALENDAR, settings
    )
    return days, found, reason


def test_the_setting_selects_the_closes_and_members_replace_missing_ones() -> None:
    market = Market(seed=1)
    price = with_total_return(market)
    days, plain, reason = week_returns(market, SETTINGS)
    expected = [price[day] / price[CALENDAR.previous_day(day)] - 1 for day in days]
    assert plain == pytest.approx(expected, abs=1e-15)
    assert reason is None
    _, total, reason = week_returns(market, TOTAL)
    assert reason is None
    assert total == pytest.approx([(1 + one) * 1.001 - 1 for one in expected], abs=1e-12)
    market.indices = market.indices.filter(pl.col("index") == "000905.SH")
    _, absent, reason = week_returns(market, TOTAL)
    members = [
        drifted_return(market.indices, market.prices, "000905.SH", day, CALENDAR, tolerance=0.01) for day in days
    ]
    assert absent == members != plain
    assert reason == DRIFTED_BENCHMARK(index=CODE)
    named = TOTAL.model_copy(update={"total_return_indices": {"000905.SH": "X.CSI", "000852.SH": "Y.CSI"}})
    assert week_returns(market, named)[2] == DRIFTED_BENCHMARK(index="X.CSI")


def test_a_total_return_benchmark_needs_a_code_for_both_indices() -> None:
    assert PortfoliosSettings().benchmark == "price"
    with pytest.raises(ValueError, match=r"needs total_return_indices of 000852\.SH"):
        PortfoliosSettings(benchmark="total_return", total_return_indices={"000905.SH": CODE})


def test_a_member_on_the_beijing_exchange_is_listed_and_not_counted_as_delisted() -> None:
    days = [dt.date(2023, 7, 3), dt.date(2023, 7, 4)]
    symbols = ["600001.SH", "600002.SH", "600003.SH", "920002.BJ"]
    published = pl.DataFrame({"symbol": symbols, "weight": [0.4, 0.3, 0.2, 0.1], "published_date": [days[0]] * 4})
    prices = pl.DataFrame([{"date": days[1], "symbol": "600001.SH", "pre_close": 10.0, "close": 11.0, "volume": 1}])
    found = drift_benchmark(published, prices, days[1:], index="I", tolerance=0.01, listed=set(symbols[:2]))
    total = 0.44 + 0.3 + 0.2 + 0.1
    assert found.beijing == pytest.approx({"920002.BJ": 0.1 / total})
    assert found.delisted == pytest.approx({"600003.SH": 0.2 / total})
    assert found.weights == pytest.approx({"600001.SH": 0.44 / 0.74, "600002.SH": 0.3 / 0.74})
    unlisted = drift_benchmark(published, prices, days[1:], index="I", tolerance=0.01)
    assert unlisted.beijing.keys() == {"920002.BJ"}
    assert not unlisted.delisted
    assert sum(unlisted.weights.values()) == pytest.approx(1.0, abs=1e-15)


def test_beijing_members_are_counted_separately() -> None:
    market = Market(seed=2)
    market.indices = market.indices.with_columns(
        symbol=pl.when(pl.col("symbol") == market.symbols[7]).then(pl.lit("430047.BJ")).otherwise("symbol")
    )
    own = market.indices.filter(pl.col("symbol") == "430047.BJ")["weight"][0]
    made = market.week(WEEKS[0])
    solve = solve_of(made)
    assert solve["benchmark_delisted"] == 0.0
    assert solve["benchmark_beijing"] == pytest.approx(own, rel=0.2)  # drifted since it was published
    assert solve["benchmark_beijing_members"] == made.notes["benchmark_beijing_members"] == "430047.BJ"
    assert solve["benchmark_sum"] == pytest.approx(1.0, abs=1e-12)
    table = next(table for table in TABLES if table.name == "csi500_portfolio")
    assert made.profile is not None
    assert judge(table.checks, {WEEKS[0]: made.profile}, {WEEKS[0]: {}})[WEEKS[0]]["benchmark_members_listed"].passed
    assert file(market.week(WEEKS[1]), "days.parquet").height == 5
