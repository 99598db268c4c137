"""Conflicting sets against plain linprog: all members together are infeasible, and any one left out makes them feasible."""

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from assets.portfolios.problem.conflict import Conflict, Member, find_conflicts
from assets.portfolios.problem.constraints import FREE, Problem, bound_names, portfolio_constraints
from assets.portfolios.problem.optimiser import optimise
from resources.settings.portfolios import ELASTIC, IndexPortfolioSettings
from tests.portfolios.problem.portfolio_problems import heavy_industry, random_problem

TIGHT = IndexPortfolioSettings(stock_deviation=0.05, style_exposure=0.05, turnover=0.1)
WIDE = IndexPortfolioSettings(stock_deviation=0.05, style_exposure=0.8, turnover=0.9)


def conflicts(problem: Problem, bounds: IndexPortfolioSettings) -> tuple[Conflict, ...]:
    return find_conflicts(problem, portfolio_constraints(bounds, {})[0], order=ELASTIC)


def plain_box(problem: Problem, members: Collection[Member]) -> list[tuple[float, float]]:
    """Bounds of every name under the members alone, name by name as conflict.py's first paragraph says."""
    kinds = {member.kind for member in members}
    held = {member.row for member in members if member.kind == "state"}
    only = "not_member" in problem.state
    box = []
    for i, symbol in enumerate(problem.symbols.tolist()):
        low, high = float(problem.lower[i]), float(problem.upper[i])
        free_low, free_high = float(problem.free_lower[i]), float(problem.free_upper[i])
        banded = "members_only" in kinds if only and free_high <= 0 else "stock_bands" in kinds
        narrowed = symbol in held
        if banded:
            box.append((low, high) if narrowed else (min(low, free_low), max(high, free_high)))
        else:
            box.append((low if narrowed and low != free_low else 0.0, high if narrowed and high != free_high else 1.0))
    return box


def smallest_violation(problem: Problem, bounds: IndexPortfolioSettings, members: Collection[Member]) -> float:
    """Total violation of the members' rows and Σw = 1 over their box, by one linprog."""
    n = problem.n
    rows: list[tuple[np.ndarray, np.ndarray, float, float]] = [
        (np.ones(n), np.zeros(n), 1.0, 1.0)
    ]  # w, sales, low, high
    limits = {"value": bounds.value_exposure, "size": bounds.size_exposure}
    for member in members:
        if member.kind != "constraint":
            continue
        if member.constraint == "turnover_limit":
            rows.append((np.zeros(n), np.ones(n), -np.inf, bounds.turnover - problem.cash))
            continue
        if member.constraint == "industry":
            z, limit = (problem.industry == member.row).astype(float), bounds.industry_deviation
        else:
            z, limit = problem.styles[member.row], limits.get(member.row, bounds.style_exposure)
        own = float(z @ problem.benchmark)
        rows.append((z, np.zeros(n), own - limit, own + limit))
    k = len(rows)
    a, b = [], []
    for r, (w, sales, low, high) in enumerate(rows):
        slack = np.eye(k)[r]
        if np.isfinite(high):
            a.append(np.concatenate([w, sales, -slack]))
            b.append(high)
        if np.isfinite(low):
            a.append(np.concatenate([-w, -sales, -slack]))
            b.append(-low)
    for i in range(n):  # sale ≥ drifted − w
        a.append(np.concatenate([-np.eye(n)[i], -np.eye(n)[i], np.zeros(k)]))
        b.append(-float(problem.drifted[i]))
    cost = np.concatenate([np.zeros(2 * n), np.ones(k)])
    tight = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    found = linprog(cost, np.array(a), b, bounds=[*plain_box(problem, members), *[(0, None)] * (n + k)], options=tight)
    assert found.status == 0, found.message
    return float(found.fun)


def every_member(problem: Problem, bounds: IndexPortfolioSettings) -> list[Member]:
    """All that could be a member of a conflict."""
    rows = [("industry", label) for label in sorted(set(problem.industry.tolist()))]
    rows += [(style, style) for style in ("value", "size", *bounds.other_styles)]
    rows += [] if problem.first_build else [("turnover_limit", "one_way")]
    narrowed = (problem.lower != problem.free_lower) | (problem.upper != problem.free_upper)
    return [
        *(Member("constraint", name, row, "upper", 0.0, 0.0, 0) for name, row in rows),
        Member("stock_bands", "stock_bands", "", "upper", 0.0, 0.0, 0),
        Member("members_only", "members_only", "", "upper", 0.0, 0.0, 0),
        *(Member("state", "", str(symbol), "upper", 0.0, 0.0, 1) for symbol in problem.symbols[narrowed]),
    ]


def assert_irreducible(problem: Problem, bounds: IndexPortfolioSettings, members: Sequence[Member]) -> None:
    assert smallest_violation(problem, bounds, members) > 1e-8
    for member in members:
        rest = [one for one in members if one is not member]
        assert smallest_violation(problem, bounds, rest) <= 1e-8, f"{member} is not needed"


def with_outsiders(problem: Problem) -> Problem:
    """The same market, in which only index members may be held."""
    outside = problem.benchmark == 0
    frozen, unbuyable = problem.state == "suspended", problem.state == "st"
    bounds = bound_names(
        problem.benchmark, problem.drifted, deviation=0.05, frozen=frozen, unbuyable=unbuyable, excluded=outside
    )
    return replace(
        problem,
        lower=bounds.lower,
        upper=bounds.upper,
        free_lower=bounds.free_lower,
        free_upper=bounds.free_upper,
        state=np.where((problem.state == FREE) & outside, "not_member", problem.state),
    )


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10**6),
    frozen=st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0]),
    bounds=st.sampled_from([TIGHT, WIDE]),
    first_build=st.booleans(),
    members_only=st.booleans(),
)
def test_a_set_conflicts_and_is_irreducible(
    seed: int, frozen: float, bounds: IndexPortfolioSettings, first_build: bool, members_only: bool
) -> None:
    problem = random_problem(
        np.random.default_rng(seed), 30, members=12, held=10, industries=4, frozen=frozen, first_build=first_build
    )
    problem = with_outsiders(problem) if members_only else problem
    found = conflicts(problem, bounds)
    everything = smallest_violation(problem, bounds, every_member(problem, bounds))
    assert bool(found) == (everything > 1e-8)
    own = [(m.kind, m.constraint, m.row) for conflict in found for m in conflict.members if m.row]
    assert len(own) == len(set(own)), "two sets share a row or a name"
    for conflict in found:
        assert conflict.violation == pytest.approx(smallest_violation(problem, bounds, conflict.members), abs=1e-8)
        assert_irreducible(problem, bounds, conflict.members)


def test_exactly_the_relaxed_weeks_have_a_conflict() -> None:
    seen = set()
    for seed in range(12):
        problem = random_problem(
            np.random.default_rng(seed), 60, members=15, held=12, industries=4, frozen=seed % 6 / 5, unbuyable=0.1
        )
        bounds = TIGHT if seed % 2 else IndexPortfolioSettings(stock_deviation=0.1, turnover=0.9)
        status = optimise(problem, portfolio_constraints(bounds, {})[0], order=ELASTIC).status
        seen.add(status)
        assert bool(conflicts(problem, bounds)) == (status != "optimal")
    assert seen == {"optimal", "relaxed", "failed"}


def test_the_conflict_contains_the_industry_and_the_stock_that_forces_it() -> None:
    problem = heavy_industry()
    heavy = int(np.argmax(problem.drifted))
    label = str(problem.industry[heavy])
    weight = float(problem.benchmark[problem.industry == label].sum())
    (found,) = conflicts(problem, WIDE)
    assert {(m.kind, m.constraint, m.row, m.side) for m in found.members} == {
        ("constraint", "industry", label, "upper"),
        ("state", "suspended", str(problem.symbols[heavy]), "lower"),
    }
    assert found.violation == pytest.approx(0.6 - weight, abs=1e-9)
    assert {(m.constraint, round(m.bound, 9), round(m.benchmark, 9)) for m in found.members} == {
        ("industry", 0.0, round(weight, 9)),
        ("suspended", 0.6, round(float(problem.benchmark[heavy]), 9)),
    }


def test_disjoint_conflicts_are_all_found() -> None:
    """Two industries, each above its bound by a suspended stock, and a style whose bound is out of reach."""
    problem = random_problem(np.random.default_rng(6), 60, members=30, held=20, industries=4, frozen=0, unbuyable=0)
    heavy = [int(np.flatnonzero(problem.industry == label)[0]) for label in ("I0", "I1")]
    frozen = np.isin(np.arange(problem.n), heavy)
    drifted = np.where(frozen, 0.45, 0.0)
    free = ~np.isin(problem.industry, ["I0", "I1"])
    drifted[free] = (1 - problem.cash - 0.9) / free.sum()
    own = bound_names(
        problem.benchmark, drifted, deviation=0.3, frozen=frozen, unbuyable=~frozen & False, excluded=~frozen & False
    )
    problem = replace(
        problem, drifted=drifted, lower=own.lower, upper=own.upper, free_lower=own.free_lower,
        free_upper=own.free_upper, state=np.where(frozen, "suspended", FREE),
    )  # fmt: skip
    found = conflicts(problem, WIDE.model_copy(update={"exposure_bands": {"volatility": (9.0, 10.0)}}))
    found_members = [{(m.constraint, m.row) for m in one.members if m.kind != "stock_bands"} for one in found]
    assert {("industry", "I0"), ("suspended", str(problem.symbols[heavy[0]]))} in found_members
    assert {("industry", "I1"), ("suspended", str(problem.symbols[heavy[1]]))} in found_members
    assert any(("volatility", "volatility") in one for one in found_members)


def test_hard_constraints_that_conflict_are_the_only_set() -> None:
    problem = random_problem(np.random.default_rng(2), 30, members=15, held=10, industries=3, frozen=1.0)
    (found,) = conflicts(problem, TIGHT)
    assert {member.kind for member in found.members} == {"state"}
    assert len(found.members) == problem.n  # a single name that may move takes up the cash
    assert found.violation == pytest.approx(problem.cash, abs=1e-9)


def test_cash_above_the_turnover_limit_is_a_conflict() -> None:
    problem = random_problem(np.random.default_rng(4), 40, members=20, held=15, industries=2, cash=0.25, frozen=0)
    free = {f"{style}_exposure": 9.0 for style in ("value", "size", "style")}
    bounds = IndexPortfolioSettings(stock_deviation=0.05, turnover=0.2, industry_deviation=1.0, **free)
    found = conflicts(problem, bounds)[0]
    assert [(m.constraint, m.bound) for m in found.members] == [("turnover_limit", pytest.approx(0.2))]
    assert found.members[0].side == "upper"


def test_the_conflicts_of_a_problem_are_reproducible() -> None:
    problem = random_problem(np.random.default_rng(1), 400, members=100, held=80, industries=12, frozen=0.3)
    assert conflicts(problem, TIGHT) == conflicts(problem, TIGHT) != ()
