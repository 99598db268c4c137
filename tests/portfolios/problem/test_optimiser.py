"""The optimiser against plain linprog stage by stage, against a second solver, and against its properties."""

import itertools
from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.portfolios.problem.constraints import (
    HARD,
    Constraint,
    Linear,
    TurnoverLimit,
    bound_names,
    one_way_turnover,
    portfolio_constraints,
)
from assets.portfolios.problem.optimiser import optimise
from assets.portfolios.reasons import HARD_CONFLICT, KEPT_BELOW, STOCK_BANDS_ALONE, UPPER_BOUNDS_SHORT
from resources.settings.portfolios import ELASTIC, IndexPortfolioSettings
from tests.portfolios.problem.portfolio_problems import (
    heavy_industry,
    plain_conditions,
    plain_lexicographic,
    plain_rows,
    random_problem,
)

CSI500 = IndexPortfolioSettings(stock_deviation=0.05)
LOOSE = IndexPortfolioSettings(stock_deviation=0.1, turnover=0.9)
TIGHT = IndexPortfolioSettings(stock_deviation=0.05, style_exposure=0.05, turnover=0.1)


def solve(problem, bounds=CSI500, missing=None):
    return optimise(problem, portfolio_constraints(bounds, missing or {})[0], order=ELASTIC)


def assert_holds(problem, bounds, solution) -> None:
    """SPEC's constraints at the stored weights, by plain arithmetic."""
    w = solution.weights
    assert w.sum() == pytest.approx(1.0, abs=1e-8)
    assert w.min() >= 0
    assert (w >= problem.lower - 1e-8).all()
    assert (w <= problem.upper + 1e-8).all()
    given_up = dict.fromkeys(ELASTIC, 0.0)
    for row in solution.relaxations:
        given_up[row.group] += row.slack
    violations = dict.fromkeys(ELASTIC, 0.0)
    for group, z, limit in plain_rows(problem, bounds):
        violations[group] += max(0.0, abs(z @ (w - problem.benchmark)) - limit)
    turnover = 0.5 * (np.abs(w - problem.drifted).sum() + problem.cash)
    if not problem.first_build:
        violations["turnover"] = max(0.0, turnover - bounds.turnover)
    for group in ELASTIC:
        assert violations[group] == pytest.approx(given_up[group], abs=1e-8), group


@pytest.mark.parametrize("seed", range(24))
def test_totals_and_score_equal_plain_linprog_stage_by_stage(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bounds = TIGHT if seed % 2 else CSI500
    problem = random_problem(
        rng,
        int(rng.integers(25, 45)),
        members=15,
        held=12,
        industries=4,
        frozen=(0.1, 0.5, 0.8)[seed % 3],
        unbuyable=(0.1, 0.4)[seed % 2],
        first_build=seed % 8 == 7,
    )
    plain, solution = plain_lexicographic(problem, bounds), solve(problem, bounds)
    if plain is None:
        assert solution.status == "failed"
        assert np.array_equal(solution.weights, problem.drifted)
        return
    totals, score = plain
    assert solution.status == ("relaxed" if max(totals.values()) > 1e-8 else "optimal"), solution.reason
    for group, total in totals.items():
        assert solution.totals.get(group, 0.0) == pytest.approx(total, abs=1e-8), group
    # Prices of a violation reach some hundred score units, and each total may be 1e-9 above its minimum.
    assert solution.objective == pytest.approx(score, abs=2e-6)
    assert abs(solution.duality_gap) <= 1e-8
    assert solution.residual <= 1e-8
    assert_holds(problem, bounds, solution)


def test_the_random_problems_cover_every_outcome() -> None:
    seen = set()
    for seed in range(24):
        problem = random_problem(
            np.random.default_rng(seed), 60, members=15, held=12, industries=4, frozen=seed % 6 / 5, unbuyable=0.1
        )
        solution = solve(problem, TIGHT if seed % 2 else LOOSE)
        seen.add(solution.status)
        seen |= {row.group for row in solution.relaxations}
    assert seen >= {"optimal", "relaxed", "failed", "industry", "value_size", "turnover", "styles"}


def test_clarabel_agrees_on_a_medium_problem() -> None:
    problem = random_problem(
        np.random.default_rng(5), 800, members=200, held=120, industries=20, deviation=0.01, unbuyable=0.2
    )
    bounds = IndexPortfolioSettings()
    solution = solve(problem, bounds)
    assert solution.status == "optimal"
    w = cp.Variable(problem.n)
    second = cp.Problem(cp.Maximize(problem.mu @ w), plain_conditions(w, problem, bounds))
    second.solve(solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    assert solution.objective == pytest.approx(second.value, abs=1e-8)
    assert np.abs(solution.weights - w.value).max() < 1e-5
    assert_holds(problem, bounds, solution)


def test_shadow_prices_are_what_a_looser_bound_gains() -> None:
    problem = random_problem(np.random.default_rng(8), 200, members=60, held=40, industries=6, frozen=0.05)
    bounds = IndexPortfolioSettings(stock_deviation=0.05, turnover=0.6, style_exposure=0.1)
    base = solve(problem, bounds)
    assert base.status == "optimal"
    prices = {row.constraint: row.shadow_price for row in base.rows if row.group in ("turnover", "styles")}
    step = 1e-6
    looser = solve(problem, bounds.model_copy(update={"turnover": bounds.turnover + step}))
    assert prices["turnover_limit"] > 0
    assert (looser.objective - base.objective) / step == pytest.approx(prices["turnover_limit"], rel=1e-3)
    wider = solve(problem, bounds.model_copy(update={"style_exposure": bounds.style_exposure + step}))
    gained = sum(abs(price) for name, price in prices.items() if name != "turnover_limit")
    assert gained > 0
    assert (wider.objective - base.objective) / step == pytest.approx(gained, rel=1e-3)


def test_complementary_slackness() -> None:
    problem = random_problem(np.random.default_rng(9), 200, members=60, held=40, industries=6)
    for row in solve(problem).rows:
        inside = min(row.value - row.lower, row.upper - row.value)
        assert abs(row.shadow_price) * max(0.0, inside) < 1e-7, row


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), frozen=st.sampled_from([0.1, 0.6]), coarse=st.booleans())
def test_the_order_of_names_changes_nothing(seed: int, frozen: float, coarse: bool) -> None:
    """In any order of the stocks, each one has the same weight and the same price, bit for bit."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, 60, members=25, held=20, industries=5, frozen=frozen, coarse=coarse)
    shuffled = rng.permutation(problem.n)
    first, second = solve(problem), solve(problem.take(shuffled))
    assert second.status == first.status
    assert np.array_equal(second.weights, first.weights[shuffled])
    assert first.status == "failed" or np.array_equal(second.reduced_costs, first.reduced_costs[shuffled])
    assert second.attempts == first.attempts


@pytest.mark.parametrize("frozen", [0.1, 0.6])
def test_other_symbols_change_nothing(frozen: float) -> None:
    """With other symbols, and so another order inside the solver, a unique optimum is the same."""
    from dataclasses import replace

    problem = random_problem(np.random.default_rng(11), 60, members=25, held=20, industries=5, frozen=frozen)
    shuffled = np.random.default_rng(1).permutation(problem.n)
    first, second = solve(problem), solve(replace(problem.take(shuffled), symbols=problem.symbols))
    assert second.status == first.status
    assert second.objective == pytest.approx(first.objective, abs=1e-8)
    assert np.abs(second.weights - first.weights[shuffled]).max() < 1e-6


def test_contradictory_arguments_are_an_error() -> None:
    problem = random_problem(np.random.default_rng(1), 20, members=10, held=5, industries=2)
    with pytest.raises(ValueError, match=r"00000[0-9]\.SZ occurs twice"):
        solve(problem.take(np.array([3, 1, 3, 5])))
    with pytest.raises(ValueError, match=r"'styles' of .* is not in the order"):
        optimise(problem, portfolio_constraints(CSI500, {})[0], order=("industry", "value_size", "turnover"))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-6, 1e6), frozen=st.sampled_from([0.0, 0.3, 0.7]))
def test_scaling_scores_changes_nothing_and_every_bound_holds(seed: int, scale: float, frozen: float) -> None:
    from dataclasses import replace

    problem = random_problem(np.random.default_rng(seed), 40, members=20, held=15, industries=4, frozen=frozen)
    solution, scaled = solve(problem), solve(replace(problem, mu=problem.mu * scale))
    assert scaled.status == solution.status
    assert np.abs(scaled.weights - solution.weights).max() < 1e-6
    if solution.status != "failed":
        assert_holds(problem, CSI500, solution)


def test_ties_fall_to_the_smallest_turnover() -> None:
    """All scores equal: nothing is gained by trading, so only what the bounds and the cash force is traded."""
    from dataclasses import replace

    problem = random_problem(np.random.default_rng(3), 80, members=40, held=30, industries=3, frozen=0, unbuyable=0)
    free = IndexPortfolioSettings(stock_deviation=0.05, style_exposure=9, value_exposure=9, size_exposure=9)
    free = free.model_copy(update={"industry_deviation": 1.0, "turnover": 1.0})
    solution = solve(replace(problem, mu=np.zeros(problem.n)), free)
    forced = np.maximum(problem.drifted - problem.upper, 0).sum() + problem.cash
    raised = np.maximum(problem.lower - problem.drifted, 0).sum()
    assert solution.turnover == pytest.approx(max(forced, raised), abs=1e-8)


def test_a_hard_conflict_keeps_the_holdings_and_says_why() -> None:
    problem = random_problem(np.random.default_rng(2), 30, members=15, held=10, industries=3, frozen=1.0)
    solution = solve(problem)
    assert solution.status == "failed"
    short = UPPER_BOUNDS_SHORT(total=float(problem.upper.sum()), free=0)
    assert solution.reason == HARD_CONFLICT(total=solution.reason.parameters["total"], cause=short)
    assert solution.reason.parameters["total"] == pytest.approx(0.005, abs=1e-9)
    assert "upper bounds of all stocks sum to 0.9950 < 1" in str(solution.reason)
    assert np.array_equal(solution.weights, problem.drifted)
    assert solution.rows == ()


def test_frozen_and_forbidden_names() -> None:
    benchmark = np.array([0.5, 0.3, 0.2, 0.0, 0.0, 0.0])
    drifted = np.array([0.4, 0.0, 0.205, 0.3, 0.05, 0.045])
    frozen = np.array([True, False, False, True, False, False])
    unbuyable = np.array([False, True, False, False, True, False])
    excluded = np.array([False, False, False, False, False, True])
    bounds = bound_names(benchmark, drifted, deviation=0.01, frozen=frozen, unbuyable=unbuyable, excluded=excluded)
    assert bounds.lower.tolist() == [0.4, 0.0, 0.19, 0.3, 0.0, 0.0]
    assert bounds.upper.tolist() == pytest.approx([0.4, 0.0, 0.21, 0.3, 0.01, 0.0], abs=1e-15)
    assert bounds.crossed.tolist() == [True, True, False, True, False, False]


def test_turnover_counts_cash_like_a_stock() -> None:
    drifted, cash = np.array([0.5, 0.3]), 0.2
    assert one_way_turnover(np.array([0.6, 0.4]), drifted, cash) == pytest.approx(0.2)
    assert one_way_turnover(np.array([0.4, 0.6]), drifted, cash) == pytest.approx(0.3)
    problem = random_problem(np.random.default_rng(4), 40, members=20, held=15, industries=2, cash=0.25)
    solution = solve(problem, CSI500.model_copy(update={"turnover": 0.2}))
    assert solution.totals["turnover"] >= 0.05 - 1e-9
    assert any(row.group == "turnover" and row.slack >= 0.05 - 1e-8 for row in solution.relaxations)


def test_the_cause_of_a_relaxed_industry_is_reported() -> None:
    problem = heavy_industry()
    heavy = int(np.argmax(problem.drifted))
    own = problem.industry[heavy]
    relaxed = {row.row: row for row in solve(problem, CSI500).relaxations if row.group == "industry"}
    assert relaxed[str(own)].value == pytest.approx(
        0.6 - problem.benchmark[problem.industry == own].sum(), abs=1e-8
    )  # its other names are sold
    assert f"{problem.symbols[heavy]} (suspended, 60.00%)" in str(relaxed[str(own)].forced_by)


@pytest.mark.parametrize("what", ["mu", "drifted", "value"])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused(what: str, number: float) -> None:
    problem = random_problem(np.random.default_rng(4), 10, members=5, held=5, industries=2)
    odd = np.where(problem.symbols == "000003.SZ", number, 0.0)
    wrong = {what: odd} if what != "value" else {"styles": {**problem.styles, "value": odd}}
    with pytest.raises(ValueError, match=f"{what} of 000003.SZ is (nan|inf)"):
        solve(replace(problem, **wrong), CSI500)


def test_the_cause_of_a_relaxed_turnover_or_style_without_states_is_reported() -> None:
    problem = random_problem(np.random.default_rng(4), 40, members=20, held=15, industries=2, cash=0.25, unbuyable=0.2)
    relaxed = {row.row: row for row in solve(problem, CSI500.model_copy(update={"turnover": 0.2})).relaxations}
    assert str(relaxed["one_way"].forced_by) == "cash of 25.00% must be spent"
    far = CSI500.model_copy(update={"turnover": 1.0, "exposure_bands": {"volatility": (9.0, 10.0)}})
    relaxed = {row.row: row for row in solve(problem, far).relaxations}
    assert relaxed["volatility"].forced_by == KEPT_BELOW(cause=STOCK_BANDS_ALONE())


def test_a_style_without_data_has_no_constraint() -> None:
    constraints, missing = portfolio_constraints(IndexPortfolioSettings(), {"value": "no fundamentals"})
    assert missing == {"value": "no fundamentals"}
    assert "value" not in [constraint.name for constraint in constraints]


def test_a_users_own_constraint_needs_three_methods() -> None:
    import scipy.sparse as sp

    class NoFirstName(Linear):
        name, group = "no_first_name", HARD

        def rows(self, problem):
            return (str(problem.symbols[0]),)

        def anchor(self, problem):
            return np.zeros(problem.n)

        def matrix(self, problem):
            return sp.csr_array(np.eye(1, problem.n))

        def bounds(self, problem):
            return np.zeros(1), np.zeros(1)

    problem = random_problem(np.random.default_rng(21), 50, members=25, held=20, industries=3, frozen=0)
    own: list[Constraint] = [*portfolio_constraints(CSI500, {})[0], NoFirstName()]
    solution = optimise(problem, own, order=ELASTIC)
    assert solution.status in ("optimal", "relaxed")
    assert solution.weights[0] <= 1e-8
    with pytest.raises(ValueError, match="share a name"):
        optimise(problem, [*own, NoFirstName()], order=ELASTIC)


def test_every_turnover_formula_agrees() -> None:
    """Sales plus cash, as the optimiser states it, is SPEC's ½ (Σ|Δw| + |Δcash|) for any fully invested portfolio."""
    rng = np.random.default_rng(0)
    for _, cash in itertools.product(range(20), (0.0, 0.1, 1.0)):
        drifted = rng.dirichlet(np.ones(6)) * (1 - cash)
        weights = rng.dirichlet(np.ones(6))
        sold = np.maximum(0, drifted - weights).sum() + cash
        assert one_way_turnover(weights, drifted, cash) == pytest.approx(sold, abs=1e-14)
    assert TurnoverLimit(0.3).group == "turnover"
