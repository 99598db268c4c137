"""What bound a rebalance and what it cost in score: shadow prices, binding names, score given up.

What belongs here: reading a solution's prices. What does not: solving (optimiser.py), which constraints conflict
(conflict.py), how it is stored (week/record.py) and told (the report).

A shadow price is the change of Σ μw per unit added to the bound that binds, so that for a small step it equals the
difference of two solves. Score given up is shadow price × bound: what the whole width of the bound is worth at that
price. The optimum is concave in a bound, so it is the most that doubling the bound can gain. A bound of zero gives up 0
by that measure however dear it is: its price is the thing to read, or `exact`, the gain of leaving the constraint out,
solved again with everything else in force. Where a group gave, the prices are those of its least violation being kept.
Neutral industries can only move against each other: the price of one is counted from their median (optimiser.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from assets.portfolios.problem.conflict import NOT_MEMBER, Conflict, find_conflicts, kept_out
from assets.portfolios.problem.constraints import HARD, Constraint, Problem
from assets.portfolios.problem.optimiser import Solution, StatedBy, optimise
from assets.portfolios.problem.terms import Term

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PRICE = 1e-9  # in std μ: a smaller price is none
BAND, NO_SHORT = "stock_deviation", "no_short"


@dataclass(frozen=True)
class Cost:
    """What one constraint, or one state of names, cost. rows: how many of its rows bind, binding: how many are priced.

    shadow_price: the sum of their absolute prices, so the gain per unit by which all of them widen at once.
    score_given_up: Σ |price| × |bound|; of a state, Σ |price| × the room that it takes of the stock band. exact: Σ μw of
    the solve without it, less Σ μw; None where it was not asked for, or where that solve failed.
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
    """A name whose own bound is priced. cause: stock_deviation, no_short (the band is cut at 0), its state, or not_member
    of all that only holding members only keeps out; their band is none, so that they give up 0 by price × bound.

    side: upper (more of it would be held) or lower (less). bound: the weight it is held at. shadow_price: as a Cost's, of
    the bound, upper: positive, lower: negative. score_given_up: |price| × the width of the band, or the room that the
    state takes of it.
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
    """costs: dearest first. names: the dearest first; names at 0 that the benchmark does not hold are left out.
    conflicts: what can't hold together, where something gave."""

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
    """Why the weights of `solution` are no better, and what conflicts where it is relaxed or failed.

    problem, constraints, order, terms, stated_by: as `optimise` was given them. exact: solve once more without each
    constraint that costs something.
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
    """One cost of the stock bands, one of every state."""
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
    """Every bound that is the stock band's own moved to 0 or 1; what a state narrows stays, and who is no member out."""
    banded = (problem.upper == problem.free_upper) & ~kept_out(problem)
    return replace(
        problem,
        lower=np.where(problem.lower == problem.free_lower, 0.0, problem.lower),
        upper=np.where(banded, 1.0, problem.upper),
        free_lower=np.zeros(problem.n),
        free_upper=np.ones(problem.n),
    )


def without_state(problem: Problem, state: str) -> Problem:
    """The names in `state` may go anywhere between where they are held and their stock band."""
    own = problem.state == state
    lower = np.where(own, np.minimum(problem.lower, problem.free_lower), problem.lower)
    upper = np.where(own, np.maximum(problem.upper, problem.free_upper), problem.upper)
    return replace(problem, lower=lower, upper=upper)
