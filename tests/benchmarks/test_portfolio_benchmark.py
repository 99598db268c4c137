"""Tests of the portfolio benchmark: its peers solve the same problem, and its simulated market is consistent."""

import datetime as dt
import importlib.util

import numpy as np
import polars as pl
import pytest

from assets.catalogue import PORTFOLIOS
from assets.portfolios.problem.constraints import portfolio_constraints
from assets.portfolios.problem.optimiser import optimise
from benchmarks._optimisers import TIGHT, plain_rows, with_cvxportfolio, with_cvxpy, with_highspy
from benchmarks._portfolio_market import Market, rebalance
from benchmarks.portfolio import BOUNDS, FIRST, _merge, _quality, chain, optimum_alone, ten_years_of_accounts
from resources.calendar import Calendar
from resources.settings.portfolios import ELASTIC


@pytest.fixture(scope="module")
def problem():
    return rebalance(0, 1200, BOUNDS, members=400, held=300)


@pytest.fixture(scope="module")
def best(problem):
    return optimise(problem, portfolio_constraints(BOUNDS, {})[0], order=ELASTIC)


def test_highspy_finds_the_same_score_and_the_least_turnover_among_optima(problem, best):
    score, weights = with_highspy(problem, BOUNDS, ties=True, options=TIGHT)
    assert score == pytest.approx(best.objective / problem.mu.std(), abs=1e-9)
    sold = np.maximum(0.0, problem.drifted - weights).sum() + problem.cash
    assert sold == pytest.approx(best.turnover, abs=1e-7)
    assert _quality(problem, 0.0, weights)["largest_violation"] < 1e-8


@pytest.mark.parametrize("stated_by", ["arrays", "cvxpy"])
def test_the_solver_alone_finds_the_optimum(problem, best, stated_by):
    assert optimum_alone(problem, stated_by) == pytest.approx(best.objective / problem.mu.std(), abs=1e-9)


def test_plain_cvxpy_solves_the_same_problem(problem, best):
    score, weights, _ = with_cvxpy(problem, BOUNDS)
    assert score == pytest.approx(best.objective / problem.mu.std(), abs=1e-5)
    assert _quality(problem, 0.0, weights)["largest_violation"] < 1e-6


@pytest.mark.skipif(not importlib.util.find_spec("cvxportfolio"), reason="cvxportfolio: make bench installs it")
def test_cvxportfolio_solves_the_same_problem(problem, best):
    score, weights = with_cvxportfolio(problem, BOUNDS)
    assert score == pytest.approx(best.objective / problem.mu.std(), abs=1e-5)
    assert _quality(problem, 0.0, weights)["largest_violation"] < 1e-6


def test_quality_measures_each_kind_of_violation(problem, best):
    assert _quality(problem, 0.0, best.weights)["largest_violation"] < 1e-8
    seller = np.flatnonzero(best.weights > 0.002)[0]
    moved = best.weights.copy()
    moved[seller] -= 0.001
    assert _quality(problem, 0.0, moved)["largest_violation"] >= 0.001 - 1e-8
    frozen = np.flatnonzero(problem.lower == problem.upper)[0]
    moved = best.weights.copy()
    moved[frozen] += 0.02
    assert _quality(problem, 0.0, moved)["largest_violation"] >= 0.02 - 1e-8


def test_plain_rows_are_zero_at_the_benchmark_and_name_every_industry_and_style(problem):
    rows = plain_rows(problem, BOUNDS)
    assert rows.matrix.shape == (len(np.unique(problem.industry)) + 8, problem.n)
    np.testing.assert_array_equal(rows.matrix[:-8].sum(axis=0), 1.0)
    assert (rows.limit == 0).sum() == rows.limit.size - len(BOUNDS.other_styles)


def test_market_days_keep_prices_inside_their_limits_and_chain():
    market, calendar = Market(300, seed=3), Calendar.xshg()
    first, second = (market.day(day) for day in calendar.week_days(FIRST)[:2])
    joined = first.prices.join(first.securities, on="symbol")
    assert joined.select(
        ((pl.col("low") >= pl.col("limit_down") - 1e-9) & (pl.col("high") <= pl.col("limit_up") + 1e-9)).all()
        & ((pl.col("low") <= pl.col("close")) & (pl.col("close") <= pl.col("high"))).all()
        & ((pl.col("low") <= pl.col("vwap")) & (pl.col("vwap") <= pl.col("high"))).all()
        & pl.col("traded").all()
    ).item()
    both = first.prices.join(second.prices, on="symbol", suffix="_next")
    assert both.filter(pl.col("close") != pl.col("pre_close_next")).is_empty()


def test_weeks_carry_published_weights_and_the_prices_since():
    market, calendar = Market(2000, seed=3), Calendar.xshg()
    for tables in market.weeks(PORTFOLIOS[0], calendar, FIRST, 6, "alpha"):
        (published,) = tables.indices["published_date"].unique()
        assert tables.indices["weight"].sum() == pytest.approx(1.0, abs=1e-3)
        needed = {*calendar.week_days(tables.week), *calendar.days(calendar.next_day(published), tables.date)}
        assert set(tables.prices["date"]) == needed
        assert set(tables.securities["date"]) == set(calendar.week_days(tables.week))


def test_a_short_chain_and_its_accounts_are_made():
    made = chain("csi500", 3, 2000)
    assert made["optimal"] + made.get("relaxed", 0) == 3
    assert made["largest_residual"] <= 1e-8
    row = ten_years_of_accounts(last=FIRST + dt.timedelta(weeks=1), names=200)
    assert row["ours"] > 0
    assert row["target"] is None  # a target is for the whole ten years


def test_figures_of_several_problems_are_merged_by_magnitude():
    figures = [{"difference": -0.5, "solver": "A", "warnings": []}, {"difference": 0.2, "warnings": ["slow"]}]
    assert _merge(figures) == {"difference": -0.5, "solver": "A", "warnings": ["slow"]}
