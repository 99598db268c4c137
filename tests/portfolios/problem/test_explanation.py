"""Shadow prices and score given up against exact solves with slightly moved bounds, or without them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from assets.portfolios.problem.constraints import FREE, FullyInvested, Problem, bound_names, portfolio_constraints
from assets.portfolios.problem.explanation import BAND, Explanation, explain, without_bands, without_state
from assets.portfolios.problem.optimiser import Solution, StatedBy, optimise
from resources.settings.portfolios import ELASTIC, IndexPortfolioSettings
from tests.portfolios.problem.portfolio_problems import random_problem

BOUNDS = IndexPortfolioSettings(stock_deviation=0.05, turnover=0.6, style_exposure=0.1, size_exposure=0.02)
STEP = 1e-6


def solve(problem: Problem, bounds: IndexPortfolioSettings) -> Solution:
    return optimise(problem, portfolio_constraints(bounds, {})[0], order=ELASTIC)


def explained(problem: Problem, bounds: IndexPortfolioSettings, exact: bool = False) -> Explanation:
    constraints = portfolio_constraints(bounds, {})[0]
    return explain(problem, constraints, optimise(problem, constraints, order=ELASTIC), order=ELASTIC, exact=exact)


def market(seed: int, frozen: float = 0.05) -> Problem:
    return random_problem(np.random.default_rng(seed), 200, members=60, held=40, industries=6, frozen=frozen)


def with_deviation(problem: Problem, deviation: float) -> Problem:
    """The same names with another stock band."""
    own = bound_names(
        problem.benchmark,
        problem.drifted,
        deviation=deviation,
        frozen=problem.state == "suspended",
        unbuyable=problem.state == "st",
        excluded=np.zeros(problem.n, bool),
    )
    return replace(problem, lower=own.lower, upper=own.upper, free_lower=own.free_lower, free_upper=own.free_upper)


@pytest.mark.parametrize("seed", range(8))
def test_every_price_equals_the_gain_of_a_slightly_wider_bound(seed: int) -> None:
    problem = market(seed)
    base = solve(problem, BOUNDS)
    assert base.status == "optimal"
    costs = {cost.constraint: cost for cost in explained(problem, BOUNDS).costs}
    gains = {}
    for name, setting in (
        ("turnover_limit", "turnover"),
        ("industry", "industry_deviation"),
        ("size", "size_exposure"),
    ):
        wider = BOUNDS.model_copy(update={setting: getattr(BOUNDS, setting) + STEP})
        gains[name] = (solve(problem, wider).objective - base.objective) / STEP
        assert costs[name].shadow_price == pytest.approx(gains[name], rel=1e-3, abs=1e-3), name
    wider = BOUNDS.model_copy(update={"style_exposure": BOUNDS.style_exposure + STEP})
    gained = (solve(problem, wider).objective - base.objective) / STEP
    styles = sum(costs[style].shadow_price for style in BOUNDS.other_styles)
    assert styles == pytest.approx(gained, rel=1e-3, abs=1e-3)
    gained = (solve(with_deviation(problem, 0.05 + STEP), BOUNDS).objective - base.objective) / STEP
    assert costs[BAND].shadow_price == pytest.approx(gained, rel=1e-3, abs=1e-3)
    # score given up: the price times the bound
    assert costs["turnover_limit"].score_given_up == pytest.approx(gains["turnover_limit"] * 0.6, rel=1e-3, abs=1e-3)
    assert costs["size"].score_given_up == pytest.approx(gains["size"] * 0.02, rel=1e-3, abs=1e-4)
    assert costs["industry"].score_given_up == 0
    assert costs["industry"].shadow_price > 0
    assert sum(costs[style].score_given_up for style in BOUNDS.other_styles) == pytest.approx(
        0.1 * styles, rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("stated_by", ["arrays", "cvxpy"])
@pytest.mark.parametrize("seed", [1, 2, 3, 4, 6])
def test_prices_of_neutral_industries_equal_the_gain_of_widening_all(seed: int, stated_by: StatedBy) -> None:
    """Their rows add up to Σw = 1: a solver's own prices are off by a constant, and each solver's by another."""
    problem = random_problem(np.random.default_rng(seed), 200, members=60, held=50, industries=9, frozen=0.05)
    idle = problem.industry == "I3"  # no name of it can move, so its row has no price
    kept = np.where(idle, problem.drifted, 0.0)
    problem = replace(
        problem, lower=np.where(idle, kept, problem.lower), upper=np.where(idle, kept, problem.upper),
        benchmark=np.where(idle, kept, problem.benchmark * (1 - kept.sum()) / problem.benchmark[~idle].sum()),
    )  # fmt: skip
    bounds = IndexPortfolioSettings(stock_deviation=0.05, turnover=0.6, style_exposure=0.6)
    constraints = portfolio_constraints(bounds, {})[0]
    base = optimise(problem, constraints, order=ELASTIC, stated_by=stated_by)
    assert base.status == "optimal"
    wider = solve(problem, bounds.model_copy(update={"industry_deviation": STEP}))
    prices = base.multipliers["industry"]
    assert np.abs(prices).sum() == pytest.approx((wider.objective - base.objective) / STEP, rel=1e-3, abs=1e-3)
    assert prices[list(np.unique(problem.industry)).index("I3")] == 0
    shown = {row.row: row.shadow_price for row in base.rows if row.constraint == "industry"}
    assert list(shown.values()) == prices.tolist()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10**6),
    setting=st.sampled_from(["turnover", "industry_deviation", "size_exposure", "value_exposure", "style_exposure"]),
    frozen=st.sampled_from([0.0, 0.1, 0.2]),
)
def test_a_price_is_between_the_gain_of_a_wider_and_the_loss_of_a_narrower_bound(
    seed: int, setting: str, frozen: float
) -> None:
    """At a kink of the optimum too: it is concave in every bound."""
    problem = random_problem(np.random.default_rng(seed), 80, members=40, held=30, industries=4, frozen=frozen)
    bounds = BOUNDS.model_copy(update={"industry_deviation": 0.002, "value_exposure": 0.01})
    base = solve(problem, bounds)
    wider, narrower = (
        solve(problem, bounds.model_copy(update={setting: getattr(bounds, setting) + step})) for step in (STEP, -STEP)
    )
    assume({base.status, wider.status, narrower.status} == {"optimal"})
    names = {
        "turnover": ("turnover_limit",),
        "industry_deviation": ("industry",),
        "size_exposure": ("size",),
        "value_exposure": ("value",),
        "style_exposure": bounds.other_styles,
    }[setting]
    costs = {cost.constraint: cost for cost in explained(problem, bounds).costs}
    price = sum(costs[name].shadow_price for name in names)
    assert (wider.objective - base.objective) / STEP <= price + 1e-3
    assert price <= (base.objective - narrower.objective) / STEP + 1e-3
    assert sum(costs[name].score_given_up for name in names) == pytest.approx(
        price * getattr(bounds, setting), rel=1e-9, abs=1e-12
    )


def test_prices_of_strict_constraints_are_correct_in_a_relaxed_week() -> None:
    problem = market(3, frozen=0.4)
    bounds = BOUNDS.model_copy(update={"turnover": 0.4})
    base = solve(problem, bounds)
    assert base.status == "relaxed"
    gave = {row.group for row in base.relaxations}
    costs = {cost.constraint: cost for cost in explained(problem, bounds).costs}
    checked = 0
    for group, name, setting in (("turnover", "turnover_limit", "turnover"), ("value_size", "size", "size_exposure")):
        if group in gave:
            continue
        wider = solve(problem, bounds.model_copy(update={setting: getattr(bounds, setting) + STEP}))
        gained = (wider.objective - base.objective) / STEP
        assert costs[name].shadow_price == pytest.approx(gained, rel=1e-3, abs=2e-2), name
        checked += 1
    assert checked


def test_doubling_a_bound_gains_at_most_the_score_given_up() -> None:
    problem = market(8)
    base = solve(problem, BOUNDS)
    costs = {cost.constraint: cost for cost in explained(problem, BOUNDS).costs}
    for name, setting in (("turnover_limit", "turnover"), ("size", "size_exposure")):
        doubled = min(1.0, 2 * getattr(BOUNDS, setting))
        more = solve(problem, BOUNDS.model_copy(update={setting: doubled}))
        assert more.objective - base.objective <= costs[name].score_given_up + 1e-9


def test_binding_stocks_are_at_their_bound_with_a_cause() -> None:
    problem = market(8, frozen=0.1)
    solution = solve(problem, BOUNDS)
    names = explained(problem, BOUNDS).names
    place = {symbol: i for i, symbol in enumerate(problem.symbols.tolist())}
    assert {"stock_deviation", "suspended", "st"} <= {name.cause for name in names}
    for name in names:
        i = place[name.symbol]
        assert solution.weights[i] == pytest.approx(name.bound, abs=1e-9)
        assert name.bound == (problem.upper if name.side == "upper" else problem.lower)[i]
        assert (name.shadow_price > 0) == (name.side == "upper")
        assert not (name.bound == 0 and name.side == "lower" and name.benchmark == 0)
        if name.cause == BAND:
            assert problem.state[i] == "tradable" or name.side == "lower"
            assert name.score_given_up == pytest.approx(abs(name.shadow_price) * 0.05, rel=1e-9)
        elif name.cause in ("suspended", "st"):
            assert problem.state[i] == name.cause
            free = (problem.free_upper if name.side == "upper" else problem.free_lower)[i]
            room = (free - name.bound) * (1 if name.side == "upper" else -1)
            assert name.score_given_up == pytest.approx(abs(name.shadow_price) * max(0.0, room), rel=1e-9, abs=1e-15)
    assert any(name.score_given_up > 0 for name in names if name.cause == "suspended")
    assert [name.score_given_up for name in names] == sorted((n.score_given_up for n in names), reverse=True)


def test_the_price_of_a_suspended_stock_equals_the_change_of_the_score() -> None:
    """A small change of one frozen weight changes the score by its price."""
    problem = market(8, frozen=0.1)
    base = solve(problem, BOUNDS)
    dear = next(name for name in explained(problem, BOUNDS).names if name.cause == "suspended" and name.bound > 0)
    i = problem.symbols.tolist().index(dear.symbol)
    sign = 1.0 if dear.side == "upper" else -1.0
    moved = problem.lower.copy()
    moved[i] += sign * STEP
    wider = replace(problem, **{dear.side: np.where(np.arange(problem.n) == i, moved, getattr(problem, dear.side))})
    gained = (solve(wider, BOUNDS).objective - base.objective) / STEP
    assert abs(dear.shadow_price) == pytest.approx(gained, rel=1e-3, abs=1e-3)


def test_exact_is_the_score_of_the_solve_without_it() -> None:
    problem = market(8, frozen=0.1)
    base = solve(problem, BOUNDS)
    found = explained(problem, BOUNDS, exact=True)
    costs = {cost.constraint: cost for cost in found.costs}
    free = {
        "turnover_limit": ("turnover", 1.0),
        "industry": ("industry_deviation", 1.0),
        "size": ("size_exposure", 99.0),
    }
    for name, (setting, value) in free.items():
        other = solve(problem, BOUNDS.model_copy(update={setting: value}))
        assert costs[name].exact == pytest.approx(other.objective - base.objective, abs=1e-8), name
    assert costs[BAND].exact == pytest.approx(
        solve(without_bands(problem), BOUNDS).objective - base.objective, abs=1e-9
    )
    wider = without_state(problem, "suspended")
    assert costs["suspended"].exact == pytest.approx(solve(wider, BOUNDS).objective - base.objective, abs=1e-9)
    assert all(cost.exact is not None and cost.exact >= -1e-8 for cost in found.costs if cost.constraint != "no_short")
    assert all(cost.exact is None for cost in explained(problem, BOUNDS).costs)


def test_wider_problems_contain_the_narrower() -> None:
    problem = market(5, frozen=0.3)
    for wider in (without_bands(problem), without_state(problem, "suspended"), without_state(problem, "st")):
        assert (wider.lower <= problem.lower).all()
        assert (wider.upper >= problem.upper).all()
    frozen = problem.state == "suspended"
    kept = without_bands(problem)
    assert np.array_equal(kept.upper[frozen], problem.drifted[frozen])


def test_a_failed_week_has_a_conflict_and_no_prices() -> None:
    problem = random_problem(np.random.default_rng(2), 30, members=15, held=10, industries=3, frozen=1.0)
    found = explained(problem, BOUNDS)
    assert found.costs == found.names == ()
    assert len(found.conflicts) == 1


def test_the_sum_of_weights_has_no_cost() -> None:
    names = {cost.constraint for cost in explained(market(8), BOUNDS).costs}
    assert FullyInvested().name not in names
    assert "name_bounds" not in names


def test_a_non_member_is_not_reported_as_a_stock_band() -> None:
    problem = market(8)
    outside = problem.benchmark == 0
    own = bound_names(
        problem.benchmark,
        problem.drifted,
        deviation=0.05,
        frozen=problem.state == "suspended",
        unbuyable=problem.state == "st",
        excluded=outside,
    )
    problem = replace(
        problem,
        lower=own.lower,
        upper=own.upper,
        free_lower=own.free_lower,
        free_upper=own.free_upper,
        state=np.where(outside & (problem.state == FREE), "not_member", problem.state),
    )
    bounds = IndexPortfolioSettings(stock_deviation=0.05, turnover=1.0, style_exposure=9.0, size_exposure=9.0)
    found = explained(problem, bounds, exact=True)
    by_name = {name.symbol: name for name in found.names}
    shut = [str(symbol) for symbol in problem.symbols[outside & (problem.upper == 0)] if str(symbol) in by_name]
    assert shut
    assert {by_name[symbol].cause for symbol in shut} <= {"not_member", "suspended"}
    assert all(by_name[s].cause == "not_member" for s in shut if by_name[s].side == "upper")
    wider = without_bands(problem)
    assert wider.upper[outside & (problem.state != "suspended")].max() == 0
    (cost,) = (cost for cost in found.costs if cost.constraint == "not_member")
    assert cost.exact is None
    assert cost.shadow_price > 0
    assert cost.score_given_up == 0
