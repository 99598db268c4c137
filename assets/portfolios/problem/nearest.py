"""The portfolio of least total violation of selected rows, some of which are curved, by cvxpy and Clarabel.

This module holds one programme, the minimum of the total violation of selected rows over a box. It does not select rows and box, and
does not verify the answer. conflict.py does both: it uses the weights, at which it evaluates every constraint itself, and
the directions of tangents, which are never above a constraint whatever their direction.
"""

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import cvxpy as cp
import numpy as np

from assets.portfolios.problem.constraints import Choice, Constraint, Problem
from assets.portfolios.problem.statement import CLARABEL_OPTIONS, SHORTER_STEPS
from resources.arrays import Bools, Floats


@dataclass(frozen=True, eq=False)
class Nearest:
    """The answer of `find_nearest`. weights [n]: in the box. directions: curved constraint → direction for its tangent."""

    weights: Floats
    directions: Mapping[str, Floats] = field(default_factory=dict)


def find_nearest(
    problem: Problem, constraints: Sequence[Constraint], on: Sequence[Bools], box: tuple[Floats, Floats]
) -> Nearest | None:
    """Find the weights of least total violation; None if Clarabel has no answer.

    on: for each constraint, which of its rows [rows] count; the others may be violated at no price. box: lower and upper bound
    of each stock [n], which replace the problem's own.
    """
    wider = replace(problem, lower=box[0], upper=box[1])
    choice = Choice.of(wider)
    conditions: list[cp.Constraint] = []
    stated, total = [], []
    for constraint, rows in zip(constraints, on, strict=True):
        if not rows.any():
            continue
        slack = cp.Variable(len(rows), nonneg=True)
        stated.append((constraint, constraint.state(choice, wider, slack)))
        conditions += stated[-1][1].constraints
        total.append(slack @ rows.astype(float))
    program = cp.Problem(cp.Minimize(sum(total)), conditions)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Solution may be inaccurate")  # conflict.py evaluates the accuracy
        for options in (CLARABEL_OPTIONS, SHORTER_STEPS):
            with contextlib.suppress(cp.SolverError):
                program.solve(solver=cp.CLARABEL, **options)
            if choice.weights.value is not None:
                break
        else:
            return None
    found = {constraint.name: statement.direction() for constraint, statement in stated if constraint.curved}
    return Nearest(
        np.clip(np.asarray(choice.weights.value, dtype=np.float64), *box),
        {name: direction for name, direction in found.items() if direction is not None},
    )
