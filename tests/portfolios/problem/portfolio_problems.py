"""Random rebalances, and plain solutions of them by scipy, for comparison with the optimiser."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
from scipy.optimize import linprog

from assets.portfolios.problem.constraints import FREE, Problem, bound_names
from resources.settings.portfolios import ELASTIC, IndexPortfolioSettings

STYLES = ("size", "value", "mid_cap", "turnover", "reversal", "volatility", "profitability", "growth")


def random_problem(
    rng: np.random.Generator,
    n: int,
    *,
    members: int,
    held: int,
    industries: int,
    frozen: float = 0.1,
    unbuyable: float = 0.1,
    cash: float = 0.005,
    deviation: float = 0.05,
    first_build: bool = False,
    coarse: bool = False,
) -> Problem:
    """coarse: scores of few values, so that many portfolios are optimal."""
    benchmark, drifted = np.zeros(n), np.zeros(n)
    benchmark[rng.choice(n, members, replace=False)] = rng.dirichlet(np.full(members, 3.0))
    if first_build:
        cash = 1.0
    else:
        drifted[rng.choice(n, held, replace=False)] = rng.dirichlet(np.full(held, 3.0)) * (1 - cash)
    is_frozen, is_unbuyable = rng.random(n) < frozen, rng.random(n) < unbuyable
    bounds = bound_names(
        benchmark, drifted, deviation=deviation, frozen=is_frozen, unbuyable=is_unbuyable, excluded=np.zeros(n, bool)
    )
    mu = rng.integers(-1, 2, n).astype(float) if coarse else rng.normal(size=n)
    return Problem(
        symbols=np.array([f"{i:06d}.SZ" for i in range(n)]),
        mu=np.where(is_frozen, 0.0, mu),
        benchmark=benchmark,
        drifted=drifted,
        cash=cash,
        lower=bounds.lower,
        upper=bounds.upper,
        free_lower=bounds.free_lower,
        free_upper=bounds.free_upper,
        state=np.where(is_frozen, "suspended", np.where(is_unbuyable, "st", "tradable")),
        industry=np.array([f"I{k}" for k in rng.integers(0, industries, n)]),
        styles={style: rng.normal(size=n) for style in STYLES},
        first_build=first_build,
    )


def heavy_industry() -> Problem:
    """60 % of the portfolio in one suspended name, far more than its industry weighs in the benchmark."""
    problem = random_problem(np.random.default_rng(6), 40, members=20, held=15, industries=3, frozen=0, unbuyable=0)
    heavy = int(np.argmax(problem.drifted))
    drifted = np.where(problem.industry == problem.industry[heavy], 0.0, problem.drifted)
    drifted *= (1 - problem.cash - 0.6) / drifted.sum()
    drifted[heavy] = 0.6
    frozen, none = np.arange(problem.n) == heavy, np.zeros(problem.n, bool)
    own = bound_names(problem.benchmark, drifted, deviation=0.3, frozen=frozen, unbuyable=none, excluded=none)
    return replace(
        problem,
        drifted=drifted,
        lower=own.lower,
        upper=own.upper,
        free_lower=own.free_lower,
        free_upper=own.free_upper,
        state=np.where(frozen, "suspended", FREE),
    )


def plain_rows(problem: Problem, settings: IndexPortfolioSettings) -> list[tuple[str, np.ndarray, float]]:
    """(group, z, limit) of every row |Σ (w − b) z| ≤ limit."""
    rows = [
        ("industry", (problem.industry == label).astype(float), settings.industry_deviation)
        for label in sorted(set(problem.industry.tolist()))
    ]
    rows.append(("value_size", problem.styles["value"], settings.value_exposure))
    rows.append(("value_size", problem.styles["size"], settings.size_exposure))
    rows += [("styles", problem.styles[style], settings.style_exposure) for style in settings.other_styles]
    return rows


def plain_conditions(w: cp.Variable, problem: Problem, settings: IndexPortfolioSettings) -> list[cp.Constraint]:
    """SPEC's formulas of the strict problem, in cvxpy."""
    rows = plain_rows(problem, settings)
    z, limit = np.array([line for _, line, _ in rows]), np.array([limit for _, _, limit in rows])
    exact, active = limit == 0, w - problem.benchmark
    conditions = [cp.sum(w) == 1, w >= problem.lower, w <= problem.upper, z[exact] @ active == 0]
    conditions.append(cp.abs(z[~exact] @ active) <= limit[~exact])
    if not problem.first_build:
        conditions.append(0.5 * (cp.norm1(w - problem.drifted) + problem.cash) <= settings.turnover)
    return conditions


def plain_lexicographic(problem: Problem, settings: IndexPortfolioSettings) -> tuple[dict[str, float], float] | None:
    """Smallest totals per group and the best score after them, one linprog each; None where the hard bounds conflict.

    Variables: w [n], t ≥ |w − w_drift| [n], one violation per row and one of turnover.
    """
    n, rows = problem.n, plain_rows(problem, settings)
    groups = [group for group, _, _ in rows] + ["turnover"]
    size = 2 * n + len(groups)
    a_ub, b_ub = [], []

    def add(coefficients: dict[int, float] | None, w: np.ndarray | None, t: np.ndarray | None, bound: float) -> None:
        line = np.zeros(size)
        line[:n] = 0 if w is None else w
        line[n : 2 * n] = 0 if t is None else t
        for position, value in (coefficients or {}).items():
            line[position] = value
        a_ub.append(line)
        b_ub.append(bound)

    for r, (_, z, limit) in enumerate(rows):
        add({2 * n + r: -1.0}, z, None, limit + z @ problem.benchmark)
        add({2 * n + r: -1.0}, -z, None, limit - z @ problem.benchmark)
    limit = 10.0 if problem.first_build else settings.turnover
    add({size - 1: -1.0}, None, np.full(n, 0.5), limit - 0.5 * problem.cash)
    for i in range(n):
        e = np.eye(n)[i]
        add(None, e, -e, problem.drifted[i])
        add(None, -e, -e, -problem.drifted[i])
    budget = np.zeros((1, size))
    budget[0, :n] = 1.0
    limits = [*zip(problem.lower, problem.upper, strict=True), *[(0, None)] * (n + len(groups))]

    def solve(goal: np.ndarray):
        tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
        return linprog(goal, np.array(a_ub), b_ub, budget, [1.0], limits, method="highs", options=tight)

    totals = {}
    for group in ELASTIC:
        goal = np.zeros(size)
        goal[2 * n :] = [float(g == group) for g in groups]
        result = solve(goal)
        if result.status == 2 and not totals:
            return None
        assert result.status == 0, result.message
        totals[group] = result.fun
        a_ub.append(goal)
        b_ub.append(result.fun + 1e-9)
    best = solve(np.concatenate([-problem.mu, np.zeros(size - n)]))
    assert best.status == 0, best.message
    return totals, -best.fun
