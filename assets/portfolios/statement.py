"""A stage of the rebalance stated in cvxpy, for anything that cvxpy can state and any solver it knows.

What belongs here: from constraints and terms to an answer, through cvxpy. What does not: what is asked in which order
(optimiser.py), the same with arrays where all is linear (lp.py), and whether the answer is right (certificate.py).
"""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from assets.portfolios.certificate import INFEASIBLE, OPTIMAL, SCORE_FLOOR, Answer, Stage
from assets.portfolios.constraints import Constraint, NameBounds, Problem, state_turnover
from assets.portfolios.terms import Term

Floats = NDArray[np.float64]

STATUSES = {cp.OPTIMAL: OPTIMAL, cp.INFEASIBLE: INFEASIBLE, cp.settings.INFEASIBLE_OR_UNBOUNDED: INFEASIBLE}


def solve_statement(
    problem: Problem,
    mu: Floats,
    constraints: Sequence[Constraint],
    terms: Sequence[Term],
    scale: float,
    stage: Stage,
    *,
    solver: str,
    options: Mapping[str, Any],
) -> Answer:
    """One stage by one solver. mu [n] and terms as in Certificate."""
    weights = cp.Variable(problem.n, bounds=[problem.lower, problem.upper])
    stated, conditions = {}, []
    slacks: dict[str, list[cp.Variable]] = {}
    for constraint in constraints:
        if not stage.counts(constraint.group):
            continue
        slack = None
        if stage.gives(constraint.group) and not isinstance(constraint, NameBounds):
            slack = cp.Variable(len(constraint.rows(problem)), nonneg=True)
            slacks.setdefault(constraint.group, []).append(slack)
        stated[constraint.name] = constraint.state(weights, problem, slack)
        conditions += stated[constraint.name].constraints
    conditions += [sum(map(cp.sum, slacks[group])) <= most for group, most in stage.totals.items()]
    floor = None
    if stage.target is not None:
        goal = sum(map(cp.sum, slacks[stage.target]))
    elif stage.floor is not None:
        floor = mu @ weights >= stage.floor
        goal, sales = state_turnover(weights, problem)
        conditions += [*sales, floor]
    else:
        goal = -(mu @ weights) + sum(term.state(weights, problem) for term in terms) / scale
    program = cp.Problem(cp.Minimize(goal), conditions)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Solution may be inaccurate")  # the certificate says how much
            program.solve(solver=solver, **options)
    except cp.SolverError as error:
        return Answer(f"solver error: {error}")
    status = STATUSES.get(program.status, program.status)
    if program.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
        return Answer(status)
    found = np.clip(np.asarray(weights.value, dtype=np.float64), problem.lower, problem.upper)
    multipliers = {name: statement.multipliers() for name, statement in stated.items()}
    if floor is not None:
        multipliers[SCORE_FLOOR] = -np.atleast_1d(np.asarray(floor.dual_value, dtype=np.float64))
    directions = {name: statement.direction() for name, statement in stated.items()}
    return Answer(status, found, multipliers, {name: u for name, u in directions.items() if u is not None})
