"""Verification of answers: other solvers, the ladder, the certificate, and prices by finite differences."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import cvxpy as cp
import highspy
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.portfolios.problem import optimiser
from assets.portfolios.problem.certificate import OPTIMAL, Answer, Bound, Certificate, Stage, name_prices
from assets.portfolios.problem.constraints import Problem, portfolio_constraints
from assets.portfolios.problem.lp import LinearProgram
from assets.portfolios.problem.optimiser import CLARABEL, DUAL_SIMPLEX, INTERIOR, Solution, optimise
from assets.portfolios.reasons import NO_ANSWER, NO_VERIFIED_ANSWER, NOT_VERIFIED, SOLVER_NOT_VERIFIED
from resources.settings.portfolios import ELASTIC, IndexPortfolioSettings
from tests.portfolios.problem.portfolio_problems import heavy_industry, plain_conditions, plain_rows, random_problem

LOOSE = IndexPortfolioSettings(stock_deviation=0.1, turnover=0.9)
WIDE = LOOSE.model_copy(update={"industry_deviation": 0.02, "size_exposure": 0.2, "value_exposure": 0.1})
TIGHT = IndexPortfolioSettings(stock_deviation=0.05, style_exposure=0.05, turnover=0.1)
INSTANCES = 200


def solve(problem: Problem, bounds: IndexPortfolioSettings, **options) -> Solution:
    return optimise(problem, portfolio_constraints(bounds, {})[0], order=ELASTIC, **options)


def instance(seed: int) -> tuple[Problem, IndexPortfolioSettings]:
    """A small rebalance; of four, one has scores of three values, one no scores but a few, one repeated columns."""
    rng = np.random.default_rng(seed)
    problem = random_problem(
        rng, int(rng.integers(30, 90)), members=20, held=15, industries=int(rng.integers(2, 6)), frozen=0.1,
        unbuyable=0.1, deviation=0.1, first_build=seed % 10 == 9, coarse=seed % 4 == 1,
    )  # fmt: skip
    if seed % 4 == 2:
        problem = replace(problem, mu=np.where(rng.random(problem.n) < 0.9, 0.0, problem.mu))
    if seed % 4 == 3:  # every other name is its neighbour's twin
        twin = np.arange(problem.n) // 2 * 2
        problem = replace(
            problem, mu=problem.mu[twin], industry=problem.industry[twin],
            styles={style: z[twin] for style, z in problem.styles.items()},
        )  # fmt: skip
    return problem, (LOOSE, WIDE)[seed % 2]


def by_highs(problem: Problem, bounds: IndexPortfolioSettings) -> float | None:
    """The best score by HiGHS, one variable and row at a time: w, |w − w_drift| ≤ t; None where there is no portfolio."""
    highs = highspy._core._Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("primal_feasibility_tolerance", 1e-10)
    highs.setOptionValue("dual_feasibility_tolerance", 1e-10)
    n, scale = problem.n, problem.mu.std() or 1.0
    for i in range(n):
        highs.addCol(-problem.mu[i] / scale, problem.lower[i], problem.upper[i], 0, [], [])
    for _ in range(n):
        highs.addCol(0.0, 0.0, np.inf, 0, [], [])

    def row(lower: float, upper: float, index: Sequence[int], value: Sequence[float]) -> None:
        highs.addRow(lower, upper, len(index), np.array(index, dtype=np.int32), np.array(value, dtype=float))

    row(1.0, 1.0, range(n), np.ones(n))
    for _, z, limit in plain_rows(problem, bounds):
        row(z @ problem.benchmark - limit, z @ problem.benchmark + limit, range(n), z)
    if not problem.first_build:
        for i in range(n):
            row(-np.inf, problem.drifted[i], [i, n + i], [1.0, -1.0])
            row(problem.drifted[i], np.inf, [i, n + i], [1.0, 1.0])
        row(-np.inf, 2 * bounds.turnover - problem.cash, range(n, 2 * n), np.ones(n))
    highs.run()
    if highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
        return None
    assert highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return -highs.getInfo().objective_function_value


def by_clarabel(problem: Problem, bounds: IndexPortfolioSettings) -> float | None:
    """The best score by Clarabel from SPEC's formulas; None where there is no portfolio."""
    w, scale = cp.Variable(problem.n), problem.mu.std() or 1.0
    program = cp.Problem(cp.Maximize(problem.mu / scale @ w), plain_conditions(w, problem, bounds))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Solution may be inaccurate")  # the comparison to 1e-8 is what counts
        program.solve(solver=cp.CLARABEL, tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    if program.status == cp.INFEASIBLE:
        return None
    assert program.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE), program.status
    return float(program.value)


@pytest.mark.slow
def test_a_second_solver_and_highs_directly_agree() -> None:
    """200 random instances, most of them degenerate; scores in std μ."""
    seen = {"optimal": 0, "other": 0}
    for seed in range(INSTANCES):
        problem, bounds = instance(seed)
        solution = solve(problem, bounds)
        second, direct = by_clarabel(problem, bounds), by_highs(problem, bounds)
        assert (solution.status == "optimal") == (direct is not None) == (second is not None), seed
        seen["optimal" if solution.status == "optimal" else "other"] += 1
        if direct is not None:
            ours = solution.objective / (problem.mu.std() or 1.0)
            assert ours == pytest.approx(direct, abs=1e-8), seed
            assert ours == pytest.approx(second, abs=1e-8), seed
    assert seen["optimal"] >= INSTANCES // 2
    assert seen["other"] >= INSTANCES // 20


@pytest.mark.parametrize("seed", range(0, 40, 3))
def test_arrays_and_cvxpy_formulate_the_same_problem(seed: int) -> None:
    problem = random_problem(
        np.random.default_rng(seed), 50, members=20, held=15, industries=4, frozen=(0.1, 0.6)[seed % 2],
        coarse=seed % 4 == 0,
    )  # fmt: skip
    bounds = (LOOSE, TIGHT)[seed % 2]
    arrays, stated = solve(problem, bounds), solve(problem, bounds, stated_by="cvxpy")
    assert arrays.status == stated.status
    if arrays.status == "failed":
        return
    assert arrays.totals.keys() == stated.totals.keys()
    for group, total in arrays.totals.items():
        assert total == pytest.approx(stated.totals[group], abs=2e-8)
    # Prices of a violation reach some hundred score units, and each total may be 1e-9 above its minimum.
    assert arrays.objective == pytest.approx(stated.objective, abs=2e-6 if arrays.totals else 1e-8)
    assert arrays.turnover == pytest.approx(stated.turnover, abs=1e-6)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10**6), frozen=st.sampled_from([0.0, 0.2, 0.5, 0.9]), cash=st.sampled_from([0.0, 0.01, 0.4]),
    first_build=st.booleans(), coarse=st.booleans(), bounds=st.sampled_from([LOOSE, WIDE, TIGHT]),
)  # fmt: skip
def test_every_portfolio_passes_an_independent_verifier(
    seed: int, frozen: float, cash: float, first_build: bool, coarse: bool, bounds: IndexPortfolioSettings
) -> None:
    """By plain sums over stocks, only the recorded rows are violated, and by no more than recorded."""
    rng = np.random.default_rng(seed)
    problem = random_problem(
        rng, 50, members=20, held=15, industries=4, frozen=frozen, cash=cash, first_build=first_build, coarse=coarse
    )
    solution = solve(problem, bounds)
    if solution.status == "failed":
        assert np.array_equal(solution.weights, problem.drifted)
        assert solution.reason
        return
    w = solution.weights.tolist()
    assert abs(sum(w) - 1.0) <= 1e-8
    for i, weight in enumerate(w):
        assert max(0.0, problem.lower[i] - 1e-8) <= weight <= problem.upper[i] + 1e-8
    allowed: dict[str, float] = {}
    for row in solution.relaxations:
        allowed[row.row] = row.slack
    for group, z, limit in plain_rows(problem, bounds):
        exposure = sum((w[i] - problem.benchmark[i]) * z[i] for i in range(problem.n))
        names = [row.row for row in solution.rows if row.group == group and abs(row.value - exposure) < 1e-12]
        assert abs(exposure) <= limit + max(allowed.get(name, 0.0) for name in names) + 1e-8
    if not first_build:
        traded = sum(abs(w[i] - problem.drifted[i]) for i in range(problem.n)) + problem.cash
        assert 0.5 * traded <= bounds.turnover + allowed.get("one_way", 0.0) + 1e-8
    assert (solution.status == "relaxed") == bool(allowed)
    assert abs(solution.duality_gap) <= 1e-8
    assert solution.residual <= 1e-8


def test_prices_of_stocks_equal_the_gain_of_a_wider_bound() -> None:
    """Each name's reduced cost against the score of a second solve with its bound moved by 1e-6."""
    problem = random_problem(np.random.default_rng(3), 60, members=25, held=20, industries=3, deviation=0.04)
    bounds = IndexPortfolioSettings(stock_deviation=0.04, turnover=0.6)
    base, step = solve(problem, bounds), 1e-6
    assert base.status == "optimal"
    checked = 0
    for i in range(problem.n):
        price = base.reduced_costs[i]
        lower, upper = problem.lower.copy(), problem.upper.copy()
        if price < 0 and lower[i] >= step:
            lower[i] -= step
        elif price > 0:
            upper[i] += step
        else:
            continue
        gained = solve(replace(problem, lower=lower, upper=upper), bounds).objective - base.objective
        assert gained / step == pytest.approx(abs(price), rel=1e-3, abs=1e-4), i
        checked += 1
    assert checked >= 15
    assert (base.reduced_costs < 0).any()
    assert (base.reduced_costs > 0).any()


def test_stocks_that_cannot_be_held_have_prices() -> None:
    problem = random_problem(np.random.default_rng(3), 60, members=25, held=20, industries=3, frozen=0)
    out = int(np.flatnonzero((problem.benchmark == 0) & (problem.drifted == 0))[0])
    upper = problem.upper.copy()
    upper[out] = 0.0
    problem = replace(problem, upper=upper, mu=np.where(np.arange(problem.n) == out, 9.0, problem.mu))
    assert solve(problem, LOOSE).reduced_costs[out] > 1.0


def test_multipliers_are_the_rows_shadow_prices() -> None:
    problem = random_problem(np.random.default_rng(7), 60, members=25, held=20, industries=3)
    solution = solve(problem, WIDE)
    for name, prices in solution.multipliers.items():
        assert prices.tolist() == [row.shadow_price for row in solution.rows if row.constraint == name]
    assert set(solution.multipliers) == {row.constraint for row in solution.rows} - {"name_bounds"}


def test_an_industry_without_a_relevant_stock_keeps_its_row() -> None:
    problem = random_problem(np.random.default_rng(7), 60, members=25, held=20, industries=3, frozen=0, unbuyable=0)
    idle = np.flatnonzero((problem.benchmark == 0) & (problem.drifted == 0))[:2]
    industry = problem.industry.astype("U9")
    industry[idle] = "A_idle"
    upper = problem.upper.copy()
    upper[idle] = 0.0
    solution = solve(replace(problem, industry=industry, upper=upper), LOOSE)
    assert len(solution.multipliers["industry"]) == 4
    assert solution.multipliers["industry"][0] == 0.0
    assert next(row for row in solution.rows if row.row == "A_idle").value == 0.0


def worse(answer: Answer, problem: Problem) -> Answer:
    """A feasible-looking answer that is not the best: halfway to the holdings, called optimal."""
    assert answer.weights is not None
    return replace(answer, weights=0.5 * (answer.weights + problem.drifted / problem.drifted.sum()))


def test_each_rejected_answer_is_followed_by_the_next_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    """HiGHS's simplex returns a wrong answer and its interior point fails: Clarabel is used, and all attempts are recorded."""
    problem = random_problem(np.random.default_rng(2), 60, members=30, held=20, industries=3, frozen=0)
    free = LOOSE.model_copy(update={"industry_deviation": 1.0, "value_exposure": 9.0, "size_exposure": 9.0})
    expected, honest = solve(problem, free), LinearProgram.solve

    def liar(self: LinearProgram, stage: Stage, method: str) -> Answer:
        return worse(honest(self, stage, method), self.problem) if method == "simplex" else Answer("Licence expired")

    monkeypatch.setattr(LinearProgram, "solve", liar)
    solution = solve(problem, free)
    assert solution.status == "optimal"
    assert solution.solver == CLARABEL
    assert solution.objective == pytest.approx(expected.objective, abs=1e-8)
    strict = [attempt for attempt in solution.attempts if attempt.stage == "strict"]
    assert [attempt.solver for attempt in strict] == [DUAL_SIMPLEX, INTERIOR, CLARABEL]
    assert strict[0].refused == NOT_VERIFIED
    assert strict[0].gap > 1e-3
    assert (strict[1].status, strict[1].refused) == ("Licence expired", NO_ANSWER)
    assert (strict[2].status, strict[2].refused) == (OPTIMAL, "")
    assert abs(strict[2].gap) <= 1e-8
    assert strict[2].residual <= 1e-8


@pytest.mark.parametrize("lie", ["residual", "gap"])
def test_an_error_above_the_tolerance_is_rejected(monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    """The tolerance of 1e-8 from both sides: an error of 1e-6 is rejected, one of 1e-10 is accepted."""
    problem = random_problem(np.random.default_rng(2), 60, members=30, held=20, industries=3, frozen=0)
    free = LOOSE.model_copy(update={"industry_deviation": 1.0, "value_exposure": 9.0, "size_exposure": 9.0})
    honest = LinearProgram.solve
    for much, taken in ((1e-6, False), (1e-10, True)):

        def liar(self: LinearProgram, stage: Stage, method: str, much: float = much) -> Answer:
            answer = honest(self, stage, method)
            if stage.name != "strict" or method != "simplex":
                return answer
            other = worse(answer, self.problem).weights
            lost = self.mu @ (answer.weights - other)
            moved = answer.weights + (other - answer.weights) * much / lost if lie == "gap" else answer.weights.copy()
            if lie == "residual":
                moved[int(np.argmax(self.problem.upper - moved))] += much
            return replace(answer, weights=moved)

        with monkeypatch.context() as patch:
            patch.setattr(LinearProgram, "solve", liar)
            first = next(attempt for attempt in solve(problem, free).attempts if attempt.stage == "strict")
        assert first.solver == DUAL_SIMPLEX
        assert (first.refused == "") is taken
        assert taken or (first.refused == NOT_VERIFIED and abs(getattr(first, lie)) > 1e-8)


def test_the_price_of_an_upper_bound_is_the_value_of_the_next_unit() -> None:
    """At its drifted weight and bounded there, more of it is bought and spares no sale, less of it is a sale."""
    problem = random_problem(np.random.default_rng(0), 3, members=2, held=2, industries=1)
    at = np.full(3, 0.2)
    problem = replace(problem, drifted=at, lower=np.zeros(3), upper=np.array([0.2, 0.9, 0.9]))
    bound = Bound(0.0, np.array([0.5, 0.5, 0.5]), 0.1)
    assert name_prices(bound, at, problem).tolist() == [0.5, 0.0, 0.0]
    below = replace(problem, drifted=np.full(3, 0.3))
    assert name_prices(bound, at, below).tolist() == pytest.approx([0.6, 0.0, 0.0])
    frozen = replace(problem, lower=at, upper=at)
    assert name_prices(Bound(0.0, np.full(3, -0.5), 0.1), at, frozen).tolist() == pytest.approx([-0.4] * 3)


@pytest.mark.parametrize("rung", [1, 2])
@pytest.mark.parametrize("stated_by", ["arrays", "cvxpy"])
def test_every_solver_of_the_ladder_solves_alone(monkeypatch: pytest.MonkeyPatch, rung: int, stated_by: str) -> None:
    problem = random_problem(np.random.default_rng(4), 60, members=30, held=20, industries=3)
    expected = solve(problem, WIDE)
    ask = optimiser._Ladder._ask
    kept = (INTERIOR, CLARABEL)[rung - 1]

    def only(self, name):
        return ask(self, name) if name == kept else lambda stage: Answer("out of order")

    monkeypatch.setattr(optimiser._Ladder, "_ask", only)
    solution = solve(problem, WIDE, stated_by=stated_by)
    assert (solution.status, solution.solver) == (expected.status, kept), solution.reason
    assert solution.objective == pytest.approx(expected.objective, abs=1e-8)
    assert solution.turnover == pytest.approx(expected.turnover, abs=1e-6)


def test_no_answer_that_verifies_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = random_problem(np.random.default_rng(2), 60, members=30, held=20, industries=3, frozen=0)
    ask = optimiser._Ladder._ask
    monkeypatch.setattr(
        optimiser._Ladder,
        "_ask",
        lambda self, name: lambda stage: worse(ask(self, name)(stage), self.certificate.problem),
    )
    solution = solve(problem, LOOSE)
    assert solution.status == "failed"
    assert np.array_equal(solution.weights, problem.drifted)
    assert solution.reason.code == NO_VERIFIED_ANSWER.name
    assert [one.code for one in solution.reason.parameters["reasons"]] == [SOLVER_NOT_VERIFIED.name] * 3
    assert [attempt.solver for attempt in solution.attempts] == [DUAL_SIMPLEX, INTERIOR, CLARABEL]


def test_a_solver_that_calls_the_feasible_infeasible_relaxes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The status infeasible only leads to the smallest violations, which are proved; here all are 0."""
    problem = random_problem(np.random.default_rng(2), 60, members=30, held=20, industries=3, frozen=0)
    expected, ask = solve(problem, LOOSE), optimiser._Ladder._ask

    def gloomy(self, name):
        return lambda stage: Answer("infeasible") if stage.name == "strict" else ask(self, name)(stage)

    monkeypatch.setattr(optimiser._Ladder, "_ask", gloomy)
    solution = solve(problem, LOOSE)
    assert expected.status == solution.status == "optimal"
    assert max(solution.totals.values()) <= 1e-8
    assert solution.objective == pytest.approx(expected.objective, abs=2e-6)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6), size=st.sampled_from([0.01, 1.0, 30.0]))
def test_no_multipliers_prove_less_than_the_optimum(seed: int, size: float) -> None:
    """Weak duality: whatever the multipliers, the bound they set is never below a feasible portfolio's score."""
    rng = np.random.default_rng(seed)
    problem = random_problem(rng, 40, members=20, held=15, industries=3, frozen=0.1)
    constraints = portfolio_constraints(LOOSE, {})[0]
    best = optimise(problem, constraints, order=ELASTIC)
    if best.status != "optimal":
        return
    scale = problem.mu.std()
    certificate = Certificate(problem, problem.mu / scale, constraints, (), scale)
    noise = {
        name: np.where(prices >= 0, 1, -1) * rng.exponential(size, len(prices))
        for name, prices in best.multipliers.items()
    }
    noise["turnover_limit"] = rng.exponential(size, 1)
    bound = certificate.bound(Stage("strict", strict=ELASTIC), best.weights, Answer(OPTIMAL, best.weights, noise))
    assert bound.value >= best.objective / scale - 1e-9


def test_no_multipliers_prove_a_smaller_violation_than_the_smallest() -> None:
    """Also the true ones, overstated: a violation costs one and no more."""
    problem, rng = heavy_industry(), np.random.default_rng(0)
    constraints = portfolio_constraints(IndexPortfolioSettings(stock_deviation=0.3), {})[0]
    solution = optimise(problem, constraints, order=ELASTIC)
    smallest, scale = solution.totals["industry"], problem.mu.std()
    assert smallest > 0.1
    certificate = Certificate(problem, problem.mu / scale, constraints, (), scale)
    stage = Stage("industry", target="industry")
    true = LinearProgram(certificate).solve(stage, "simplex").multipliers
    assert certificate.bound(stage, solution.weights, Answer(OPTIMAL, None, true)).value == pytest.approx(-smallest)
    for size in (1.5, 10.0):
        claimed = {name: size * prices for name, prices in true.items()}
        assert certificate.bound(stage, solution.weights, Answer(OPTIMAL, None, claimed)).value >= -smallest - 1e-8
    for size in np.repeat([0.1, 1.0, 10.0], 50):
        claimed = {name: size * rng.normal(size=len(prices)) for name, prices in true.items()}
        assert certificate.bound(stage, solution.weights, Answer(OPTIMAL, None, claimed)).value >= -smallest - 1e-8
