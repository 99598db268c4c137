"""A user's own constraints, linear or not: solved, proved, relaxed and found in conflicts as plain cvxpy says."""

import warnings
from collections.abc import Collection, Sequence
from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp

from assets.catalogue import PORTFOLIOS
from assets.portfolios.problem.conflict import Conflict, Member, find_conflicts
from assets.portfolios.problem.constraints import (
    HARD,
    Constraint,
    Floats,
    Linear,
    Problem,
    StyleBand,
    portfolio_constraints,
)
from assets.portfolios.problem.explanation import explain
from assets.portfolios.problem.extra_constraints import require_sound
from assets.portfolios.problem.optimiser import CLARABEL, Solution, optimise
from assets.portfolios.reasons import CASH_TO_SPEND
from assets.report.sections.explanation import tabulate_costs
from assets.report.words.explanation import WORDS
from assets.report.words.speaker import Speaker
from resources.errors import SettingsError
from resources.language import Language
from resources.reason_words import describe
from resources.reasons import Reason
from resources.settings.portfolios import ELASTIC, IndexPortfolioSettings
from tests.portfolios.problem.own_constraints import OtherIndexRisk, SalesLimit, Spread, other_index, risks
from tests.portfolios.problem.portfolio_problems import plain_conditions, plain_rows, random_problem
from tests.portfolios.problem.test_conflict import plain_box
from tests.portfolios.week.portfolio_market import SETTINGS, WEEKS, Market, solve_of

LOOSE = IndexPortfolioSettings(stock_deviation=0.05, turnover=0.9)
PRECISE = {"tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11}
HERE = "tests.portfolios.problem.own_constraints"


def instance(seed: int, frozen: float = 0.05) -> Problem:
    rng = np.random.default_rng(seed)
    return random_problem(rng, 60, members=25, held=20, industries=3, frozen=frozen)


def solve(problem: Problem, *own: Constraint, bounds: IndexPortfolioSettings = LOOSE) -> Solution:
    return optimise(problem, [*portfolio_constraints(bounds, {})[0], *own], order=ELASTIC)


def plainly(own: Constraint, w: cp.Expression, problem: Problem) -> list[cp.Expression]:
    """The values of a constraint's rows, by its formula in cvxpy."""
    if isinstance(own, OtherIndexRisk):
        return [cp.norm2(risks(problem) @ (w - other_index(problem)))]
    if isinstance(own, SalesLimit):
        return [cp.sum(cp.pos(problem.drifted - w))]
    thirds = [np.flatnonzero([int(symbol[:6]) % 3 == k for symbol in problem.symbols]) for k in range(3)]
    return [cp.norm2(w[third]) for third in thirds]


def solved(goal: cp.Minimize | cp.Maximize, conditions: Sequence[cp.Constraint]) -> float:
    program = cp.Problem(goal, list(conditions))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Solution may be inaccurate")  # the comparison to 1e-7 is what counts
        program.solve(solver=cp.CLARABEL, **PRECISE)
    assert program.status in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE), program.status
    return float(program.value)


def binding(kind: type, problem: Problem, **options) -> Constraint:
    """A constraint of the kind, tighter than the best portfolio without it."""
    free = solve(problem)
    return kind(limit=0.9 * float(kind(**options).values(free.weights, problem).max()), **options)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", [OtherIndexRisk, Spread, SalesLimit])
def test_the_optimum_under_a_users_own_constraint_equals_cvxpys(kind: type, seed: int) -> None:
    problem = instance(seed)
    own = binding(kind, problem)
    solution = solve(problem, own)
    assert solution.status == "optimal", solution.reason
    assert (solution.solver == CLARABEL) == own.curved
    assert abs(solution.duality_gap) <= 1e-8
    assert solution.residual <= 1e-8
    w = cp.Variable(problem.n)
    conditions = [*plain_conditions(w, problem, LOOSE), *(v <= own.limit for v in plainly(own, w, problem))]
    assert solution.objective == pytest.approx(solved(cp.Maximize(problem.mu @ w), conditions), abs=1e-7)
    assert own.values(solution.weights, problem).max() == pytest.approx(own.limit, abs=1e-8)
    step = 1e-5  # the shadow price is what a little more room gains
    gained = (solve(problem, replace(own, limit=own.limit + step)).objective - solution.objective) / step
    assert solution.multipliers[own.name].sum() == pytest.approx(gained, rel=2e-2, abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_stocks_that_cannot_be_held_count_in_the_constraints_they_concern(seed: int) -> None:
    """Names of the other index that may not be held are part of the tracking error to it, in HiGHS's arrays and in cvxpy."""
    problem = instance(seed)
    out = (problem.benchmark == 0) & (problem.drifted == 0) & (np.arange(problem.n) % 2 == 0)
    problem = replace(problem, upper=np.where(out, 0.0, problem.upper), lower=np.where(out, 0.0, problem.lower))
    assert (other_index(problem)[out] > 0).any()
    own = binding(OtherIndexRisk, problem)
    w = cp.Variable(problem.n)
    conditions = [*plain_conditions(w, problem, LOOSE), *(v <= own.limit for v in plainly(own, w, problem))]
    best = solved(cp.Maximize(problem.mu @ w), conditions)
    assert solve(problem, own).objective == pytest.approx(best, abs=1e-7)

    class Anchored(Linear):
        """At most as much in even codes as the other index has there, and a little."""

        name, group = "anchored", HARD

        def rows(self, problem: Problem) -> tuple[str, ...]:
            return ("even",)

        def matrix(self, problem: Problem) -> sp.csr_array:
            return sp.csr_array([[float(int(symbol[:6]) % 2 == 0) for symbol in problem.symbols]])

        def anchor(self, problem: Problem) -> Floats:
            places = [int(symbol[:6]) for symbol in problem.symbols]
            return other_index(whole)[places]

        def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
            return np.array([-np.inf]), np.array([0.01])

    whole = problem
    even = np.arange(problem.n) % 2 == 0
    conditions = [*plain_conditions(w, problem, LOOSE), cp.sum(w[even]) <= other_index(problem)[even].sum() + 0.01]
    best = solved(cp.Maximize(problem.mu @ w), conditions)
    for extra in ((), (Spread(limit=1.0),)):  # arrays; cvxpy, by a curved constraint that does not bind
        assert solve(problem, Anchored(), *extra).objective == pytest.approx(best, abs=1e-7)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", [OtherIndexRisk, Spread, SalesLimit])
def test_a_users_own_constraint_is_relaxed_by_the_least(kind: type, seed: int) -> None:
    """Among the portfolios that keep every other group, the smallest total violation of the styles and of its own rows."""
    problem = instance(seed, frozen=0.2)
    least = solved(cp.Minimize(cp.max(cp.hstack(plainly(kind(), w := cp.Variable(problem.n), problem)))),
                   plain_conditions(w, problem, LOOSE))  # fmt: skip
    own = kind(limit=0.8 * least, group="styles")
    solution = solve(problem, own)
    assert solution.status == "relaxed", solution.reason
    assert solution.totals["turnover"] <= 1e-8
    w, slacks = cp.Variable(problem.n), []
    keep = [row for row in plain_rows(problem, LOOSE) if row[0] != "styles"]
    conditions = [cp.sum(w) == 1, w >= problem.lower, w <= problem.upper]
    conditions += [cp.abs(z @ (w - problem.benchmark)) <= limit for _, z, limit in keep]
    conditions.append(0.5 * (cp.norm1(w - problem.drifted) + problem.cash) <= LOOSE.turnover)
    slacks += [cp.pos(cp.abs(z @ (w - problem.benchmark)) - limit)
               for group, z, limit in plain_rows(problem, LOOSE) if group == "styles"]  # fmt: skip
    slacks += [cp.pos(value - own.limit) for value in plainly(own, w, problem)]
    total = solved(cp.Minimize(sum(slacks)), conditions)
    assert solution.totals["styles"] == pytest.approx(total, abs=1e-7)
    given = [row for row in solution.relaxations if row.constraint == own.name]
    assert sum(row.slack for row in solution.relaxations) == pytest.approx(total, abs=1e-7)
    assert given
    for row in given:
        assert row.value == pytest.approx(own.limit + row.slack, abs=1e-8)
        assert row.forced_by is not None
        assert describe(row.forced_by, "zh") != describe(row.forced_by, "en")
    conflicts = explain(problem, [*portfolio_constraints(LOOSE, {})[0], own], solution, order=ELASTIC).conflicts
    assert own.name in {member.constraint for conflict in conflicts for member in conflict.members}


@pytest.mark.parametrize("seed", range(4))
def test_among_portfolios_of_least_violation_the_score_is_maximal(seed: int) -> None:
    """Two suspended names alone exceed the cone of their third; the score decides over all the other thirds."""
    problem = instance(seed, frozen=0.0)
    third = np.array([int(symbol[:6]) % 3 == 0 for symbol in problem.symbols])
    stuck = np.flatnonzero(third)[:2]
    drifted = np.where(third, 0.0, problem.drifted)
    drifted *= (1 - problem.cash - 0.2) / drifted.sum()
    drifted[stuck] = 0.1
    lower, upper = np.zeros(problem.n), np.full(problem.n, 0.15)
    lower[stuck] = upper[stuck] = 0.1
    state = np.where(np.isin(np.arange(problem.n), stuck), "suspended", "tradable")
    problem = replace(
        problem, drifted=drifted, lower=lower, upper=upper, free_lower=0 * lower, free_upper=upper, state=state
    )
    wide = IndexPortfolioSettings(
        turnover=0.9, industry_deviation=1.0, value_exposure=9.0, size_exposure=9.0, style_exposure=9.0
    )
    own = Spread(limit=0.13, group="styles")
    solution = solve(problem, own, bounds=wide)
    assert solution.status == "relaxed", solution.reason
    assert solution.totals["styles"] == pytest.approx(np.sqrt(0.02) - 0.13, abs=1e-8)
    w = cp.Variable(problem.n)
    values = plainly(own, w, problem)
    kept = [w[third & (state == "tradable")] == 0, values[1] <= 0.13, values[2] <= 0.13]
    best = solved(cp.Maximize(problem.mu @ w), [*plain_conditions(w, problem, wide), *kept])
    # A violation of 1e-8 more, which counts as none, buys names of the third for about 1e-4 of score.
    assert best - 1e-6 <= solution.objective <= best + 1e-3


def smallest_violation(
    problem: Problem, bounds: IndexPortfolioSettings, own: Constraint, members: Collection[Member]
) -> float:
    """Total violation of the members' rows and Σw = 1 over the members' box, stated once more in plain cvxpy."""
    w = cp.Variable(problem.n)
    low, high = np.array(plain_box(problem, members)).T
    violations, limits = [cp.abs(cp.sum(w) - 1)], {"value": bounds.value_exposure, "size": bounds.size_exposure}
    for member in members:
        if member.kind != "constraint":
            continue
        if member.constraint == own.name:
            value = plainly(own, w, problem)[own.rows(problem).index(member.row)]
            violations.append(cp.pos(value - own.limit))
        elif member.constraint == "turnover_limit":
            violations.append(cp.pos(cp.sum(cp.pos(problem.drifted - w)) + problem.cash - bounds.turnover))
        else:
            industry = member.constraint == "industry"
            z = (problem.industry == member.row).astype(float) if industry else problem.styles[member.row]
            limit = bounds.industry_deviation if industry else limits.get(member.row, bounds.style_exposure)
            violations.append(cp.pos(cp.abs(z @ (w - problem.benchmark)) - limit))
    return solved(cp.Minimize(sum(violations)), [w >= low, w <= high])


def found_conflicts(problem: Problem, own: Constraint, bounds: IndexPortfolioSettings) -> tuple[Conflict, ...]:
    return find_conflicts(problem, [*portfolio_constraints(bounds, {})[0], own], order=ELASTIC)


@pytest.mark.parametrize("group", [HARD, "styles"])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", [OtherIndexRisk, Spread, SalesLimit])
def test_a_conflict_with_a_users_own_constraint_is_irreducible(kind: type, seed: int, group: str) -> None:
    problem = instance(seed, frozen=(0.0, 0.3)[seed % 2])
    w = cp.Variable(problem.n)
    least = solved(
        cp.Minimize(cp.max(cp.hstack(plainly(kind(), w, problem)))),
        [cp.sum(w) == 1, w >= problem.lower, w <= problem.upper],
    )
    own = kind(limit=0.9 * least, group=group)
    conflicts = found_conflicts(problem, own, LOOSE)
    named = [conflict for conflict in conflicts if own.name in {member.constraint for member in conflict.members}]
    assert named
    for conflict in named:
        total = smallest_violation(problem, LOOSE, own, conflict.members)
        assert total > 1e-7
        assert conflict.violation == pytest.approx(total, abs=1e-7)
        for member in conflict.members:
            rest = [one for one in conflict.members if one is not member]
            assert smallest_violation(problem, LOOSE, own, rest) <= 1e-7, f"{member} is not needed"
    wide = replace(own, limit=1.1 * max(own.values(solve(problem).weights, problem)))
    assert own.name not in {m.constraint for c in found_conflicts(problem, wide, LOOSE) for m in c.members}


def week(name: str) -> dict:
    """The row of solve.parquet of a second week under a constraint of `own_constraints`, and what its weights say."""
    settings = SETTINGS.model_copy(update={"extra_constraints": (f"{HERE}:{name}",)})
    market = Market(seed=11)
    market.week(WEEKS[0], SETTINGS)
    made = market.week(WEEKS[1], settings)
    row = solve_of(made)
    row["weights"] = made.frame.sort("symbol").select("symbol", "weight")
    return row


def test_a_weeks_solution_satisfies_a_users_own_cone() -> None:
    solve = week("OtherIndexRisk")
    assert solve["status"] == "optimal"
    assert solve["solver"] == CLARABEL
    (row,) = (row for row in solve["constraints"] if row["constraint"] == "other_index_risk")
    assert row["upper"] == 0.01
    assert row["value"] <= 0.01 + 1e-8
    assert row["shadow_price"] >= 0


def test_the_conflict_of_an_infeasible_week_contains_the_cones() -> None:
    solve = week("tight_hard_cones")
    assert solve["status"] == "failed"
    assert "hard constraints conflict" in describe(Reason.loads(solve["reason"]))
    (conflict,) = solve["conflicts"]
    named = {(m["constraint"], m["row"], m["side"], m["bound"]) for m in conflict["members"]}
    assert named == {("spread", f"third {k}", "upper", 0.05) for k in range(3)}
    assert conflict["violation"] > 0.01


def test_a_week_relaxes_the_cone_and_records_violation_and_cause() -> None:
    solve = week("tight_cone")
    assert solve["status"] == "relaxed"
    (row,) = (row for row in solve["relaxations"] if row["constraint"] == "other_index_risk")
    assert row["slack"] == pytest.approx(row["value"] - 1e-3, abs=1e-12)
    assert row["slack"] > 1e-3
    assert Reason.loads(row["forced_by"]).code != "text"
    assert any(m["constraint"] == "other_index_risk" for c in solve["conflicts"] for m in c["members"])


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_report_lists_a_users_own_constraint_among_costs_and_conflicts(language: Language) -> None:
    say = Speaker.of(language, WORDS)
    bound = tabulate_costs("A2", PORTFOLIOS[0], week("OtherIndexRisk"), say)
    assert "other_index_risk" in [row.cells[0] for row in bound.rows]
    for name, shown in (
        ("tight_cone", ("other_index_risk", "other_index", "0.001")),
        ("tight_hard_cones", ("spread", "third 2")),
    ):
        notes = " ".join(tabulate_costs("A2", PORTFOLIOS[0], week(name), say).notes)
        assert all(one in notes for one in shown), notes


def test_a_constraint_words_its_own_relaxation() -> None:
    class Known(OtherIndexRisk):
        def forced_by(self, problem: Problem, row: int) -> Reason | None:
            return CASH_TO_SPEND(cash=0.25)

    solution = solve(instance(1), Known(limit=1e-4, group="styles"))
    (row,) = (row for row in solution.relaxations if row.constraint == "other_index_risk")
    assert row.forced_by == CASH_TO_SPEND(cash=0.25)


class Wrong(OtherIndexRisk):
    """A cone with one mistake. what: method → what it returns instead."""

    def __init__(self, **what: object):
        super().__init__()
        object.__setattr__(self, "what", what)

    def rows(self, problem: Problem):
        return self.what.get("rows", super().rows(problem))

    def bounds(self, problem: Problem):
        return self.what.get("bounds", super().bounds(problem))

    def values(self, weights: Floats, problem: Problem):
        return self.what.get("values", super().values(weights, problem))

    def tangent(self, weights: Floats, problem: Problem, direction=None):
        line = super().tangent(weights, problem, direction)
        return self.what["tangent"](line) if "tangent" in self.what else line


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rows": ("a", "b")}, r"it has 2 rows, but lower bounds of shape \(1,\)"),
        ({"values": np.array([np.nan])}, "exceeds its value nan"),
        ({"bounds": (np.array([0.0]), np.array([1.0]))}, "is curved and has the lower bound 0.0"),
        ({"bounds": (np.array([2.0]), np.array([1.0]))}, "the lower bound may not exceed the upper"),
        ({"values": np.array([-1.0])}, "the tangent of row 'other_index' exceeds its value -1"),
        ({"tangent": lambda line: replace(line, matrix=line.matrix[:, :3])}, r"has the shape \(1, 3\)"),
        ({"tangent": lambda line: 1 / 0}, r"failed \(ZeroDivisionError"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_constraint_that_contradicts_itself_is_refused_by_its_path(wrong: dict, message: str) -> None:
    problem = instance(1)
    require_sound(["desk:Right"], [OtherIndexRisk()], problem)
    with pytest.raises(SettingsError, match=rf"portfolios.extra_constraints: desk:Wrong.*{message}"):
        require_sound(["desk:Wrong"], [Wrong(**wrong)], problem)


def test_the_projects_constraints_satisfy_the_same_rules() -> None:
    for first_build in (False, True):
        rng = np.random.default_rng(3)
        problem = random_problem(rng, 60, members=25, held=20, industries=3, first_build=first_build)
        own = [*portfolio_constraints(LOOSE, {})[0], StyleBand("beta", 0.1, HARD), OtherIndexRisk(), Spread()]
        problem = replace(problem, styles={**problem.styles, "beta": problem.styles["size"]})
        if first_build:
            own = [one for one in own if one.applies(problem)]
        require_sound([one.name for one in own], own, problem)


def test_a_solution_does_not_depend_on_the_order_of_names() -> None:
    problem = instance(2)
    own = binding(OtherIndexRisk, problem)
    shuffled = np.random.default_rng(0).permutation(problem.n)
    other = solve(problem.take(shuffled), own)
    assert np.array_equal(other.weights, solve(problem, own).weights[shuffled])


def test_prices_of_a_users_own_partition_are_measured_from_their_median() -> None:
    """Exactly neutral thirds of the codes add up to Σw = 1, as industries do, so that their prices have a free constant."""

    class Thirds(Linear):
        name, group = "thirds", HARD

        def rows(self, problem: Problem) -> tuple[str, ...]:
            return ("0", "1", "2")

        def matrix(self, problem: Problem) -> sp.csr_array:
            codes = np.array([int(symbol[:6]) % 3 for symbol in problem.symbols])
            return sp.csr_array((codes == np.arange(3)[:, np.newaxis]).astype(float))

        def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
            return np.zeros(3), np.zeros(3)

    for seed in range(6):
        solution = solve(instance(seed), Thirds())
        assert solution.status == "optimal"
        assert np.median(solution.multipliers["thirds"]) == 0
        assert np.median(solution.multipliers["industry"]) == 0
        assert np.abs(solution.multipliers["thirds"]).max() > 0
