"""The binding constraints of a rebalance and their cost in score: shadow prices, binding stocks, score given up.

This module interprets a solution's prices. It does not hold solving (optimiser.py), the search for conflicts (conflict.py), storage
(week/record.py) or presentation (the report).

A shadow price is the change of Σ μw per unit added to the binding bound, so that for a small step it equals the difference of two
solves. Score given up is shadow price × bound, the value of the whole width of the bound at that price. Because the optimum is
concave in a bound, this is the most that doubling the bound can gain. For a bound of 0 it is 0 at any price, so the price should be
read instead, or `exact`: the gain without the constraint, from a second solve with all others in force. Where a group was relaxed,
the prices are those at its least violation. Neutral industries can only move against each other, so the price of one is measured
from their median (optimiser.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from assets.portfolios.problem.conflict import NOT_MEMBER, Conflict, find_conflicts, kept_out
from assets.portfolios.problem.constraints import HARD, Constraint, Problem
from assets.portfolios.problem.optimiser import Solution, StatedBy, optimise
from assets.portfolios.problem.terms import Term
from resources.arrays import Floats

PRICE = 1e-9  # in std μ: a smaller price counts as 0
BAND, NO_SHORT = "stock_deviation", "no_short"


@dataclass(frozen=True)
class Cost:
    """The cost of one constraint, or of one state of stocks. rows: number of its rows. binding: how many have a price.

    shadow_price: the sum of their absolute prices, which is the gain per unit if all of them are widened at once.
    score_given_up: Σ |price| × |bound|; for a state, Σ |price| × the part of the stock band that it removes. exact: Σ μw of
    the solve without it, less Σ μw; None if it was not requested, or if that solve failed.
    """

    constraint: str
    group: str
    rows: int
    binding: int
    shadow_price: float
    score_given_up: float
    exact: float | None = None


@dataclass(frozen=True)
class BindingName:
    """A stock whose own bound has a price.

    cause: stock_deviation, no_short (the band is cut at 0), the stock's state, or not_member for a stock that is excluded only
    because members alone may be held; it has no band, so its score given up is 0.
    side: upper (a larger weight would be optimal) or lower (a smaller one). bound: the binding bound. shadow_price: of the bound,
    positive for upper, negative for lower. score_given_up: |price| × the width of the band, or × the part of the band that
    the state removes.
    """

    symbol: str
    cause: str
    side: str
    bound: float
    benchmark: float
    shadow_price: float
    score_given_up: float


@dataclass(frozen=True)
class Explanation:
    """The explanation of a solution.

    costs, names: in descending order of cost; stocks with the weight 0 outside the benchmark are left out of names. conflicts:
    irreducible conflicting sets, if a constraint was relaxed or the solve failed.
    """

    costs: tuple[Cost, ...] = ()
    names: tuple[BindingName, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def explain(
    problem: Problem,
    constraints: Sequence[Constraint],
    solution: Solution,
    *,
    order: Sequence[str],
    exact: bool = False,
    terms: Sequence[Term] = (),
    stated_by: StatedBy = "arrays",
) -> Explanation:
    """Compute which bounds limit the score of `solution`, and the conflicts if it is relaxed or failed.

    problem, constraints, order, terms, stated_by: as for the call of `optimise`. exact: whether to solve again without each
    constraint that has a cost. Raises RuntimeError as `find_conflicts`.
    """
    conflicts = () if solution.status == "optimal" else find_conflicts(problem, constraints, order=order)
    if solution.status == "failed" or solution.reduced_costs is None:
        return Explanation(conflicts=conflicts)
    names = _binding_names(problem, solution.reduced_costs)
    costs = [*_constraint_costs(problem, constraints, solution), *_name_costs(problem, names)]
    if exact:
        solve = partial(optimise, order=order, terms=terms, stated_by=stated_by)
        costs = [_solve_without(cost, problem, constraints, solution, solve) for cost in costs]
    costs.sort(key=lambda cost: (-(cost.exact or 0.0), -cost.score_given_up, -cost.shadow_price, cost.constraint))
    return Explanation(tuple(costs), tuple(names), conflicts)


def _scale(problem: Problem) -> float:
    return float(problem.mu.std()) or 1.0


def _constraint_costs(problem: Problem, constraints: Sequence[Constraint], solution: Solution) -> list[Cost]:
    costs = []
    for constraint in constraints:
        if constraint.always or constraint.name not in solution.multipliers:
            continue
        prices = solution.multipliers[constraint.name]
        lower, upper = constraint.bounds(problem)
        priced = np.abs(prices) > PRICE * _scale(problem)
        bound = np.where(prices > 0, upper, lower)
        given_up = np.abs(prices * np.where(priced, bound, 0.0))
        costs.append(
            Cost(
                constraint.name,
                constraint.group,
                len(prices),
                int(priced.sum()),
                float(np.abs(prices[priced]).sum()),
                float(given_up.sum()),
            )
        )
    return costs


def _binding_names(problem: Problem, prices: Floats) -> list[BindingName]:
    names, outside = [], kept_out(problem)
    for i in np.flatnonzero(np.abs(prices) > PRICE * _scale(problem)).tolist():
        side = "upper" if prices[i] > 0 else "lower"
        bound, free = (
            (problem.upper[i], problem.free_upper[i]) if side == "upper" else (problem.lower[i], problem.free_lower[i])
        )
        benchmark = problem.benchmark[i]
        if outside[i] and side == "upper" and bound == 0:
            cause, room = NOT_MEMBER, 0.0
        elif bound != free:
            cause, room = str(problem.state[i]), max(0.0, free - bound if side == "upper" else bound - free)
        elif side == "lower" and bound == 0:
            if benchmark == 0:
                continue
            cause, room = NO_SHORT, 0.0
        else:
            cause, room = BAND, abs(bound - benchmark)
        price = float(prices[i])
        names.append(
            BindingName(
                str(problem.symbols[i]), cause, side, float(bound), float(benchmark), price, float(abs(price) * room)
            )
        )
    return sorted(names, key=lambda name: (-name.score_given_up, -abs(name.shadow_price), name.symbol))


def _name_costs(problem: Problem, names: Sequence[BindingName]) -> list[Cost]:
    """One cost for each cause: the stock bands and every state."""
    costs = []
    for cause in dict.fromkeys(name.cause for name in names):
        own = [name for name in names if name.cause == cause]
        in_state = kept_out(problem) if cause == NOT_MEMBER else problem.state == cause
        rows = problem.n if cause in (BAND, NO_SHORT) else int(in_state.sum())
        price = float(sum(abs(name.shadow_price) for name in own))
        costs.append(Cost(cause, HARD, rows, len(own), price, float(sum(name.score_given_up for name in own))))
    return costs


def _solve_without(
    cost: Cost,
    problem: Problem,
    constraints: Sequence[Constraint],
    solution: Solution,
    solve: Callable[[Problem, Sequence[Constraint]], Solution],
) -> Cost:
    if not cost.binding or cost.constraint in (NO_SHORT, NOT_MEMBER):
        return replace(cost, exact=0.0) if not cost.binding else cost
    kept = [constraint for constraint in constraints if constraint.name != cost.constraint]
    wider = problem
    if len(kept) == len(constraints):
        wider = without_bands(problem) if cost.constraint == BAND else without_state(problem, cost.constraint)
    other = solve(wider, kept)
    return cost if other.status == "failed" else replace(cost, exact=other.objective - solution.objective)


def without_bands(problem: Problem) -> Problem:
    """Return the problem with every bound of a stock band moved to 0 or 1.

    Bounds that a state narrows are unchanged, and stocks that are excluded as non-members stay excluded.
    """
    banded = (problem.upper == problem.free_upper) & ~kept_out(problem)
    return replace(
        problem,
        lower=np.where(problem.lower == problem.free_lower, 0.0, problem.lower),
        upper=np.where(banded, 1.0, problem.upper),
        free_lower=np.zeros(problem.n),
        free_upper=np.ones(problem.n),
    )


def without_state(problem: Problem, state: str) -> Problem:
    """Return the problem in which the stocks in `state` may have any weight between their bounds and their stock band."""
    own = problem.state == state
    lower = np.where(own, np.minimum(problem.lower, problem.free_lower), problem.lower)
    upper = np.where(own, np.maximum(problem.upper, problem.free_upper), problem.upper)
    return replace(problem, lower=lower, upper=upper)
