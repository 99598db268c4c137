"""A stage of the rebalance formulated in cvxpy, for every constraint that cvxpy can express and every solver that it supports.

This module converts constraints and terms into an answer through cvxpy. It does not hold the order of stages (optimiser.py), the
formulation of linear stages as arrays (lp.py) or the verification of answers (certificate.py).
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import cvxpy as cp
import numpy as np

from assets.portfolios.problem.certificate import INFEASIBLE, OPTIMAL, SCORE_FLOOR, Answer, Stage
from assets.portfolios.problem.constraints import (
    HARD,
    Choice,
    Constraint,
    Problem,
    Stated,
    Together,
)
from assets.portfolios.problem.terms import Term
from resources.arrays import Floats

CLARABEL_OPTIONS: dict[str, Any] = {"tol_gap_abs": 1e-12, "tol_gap_rel": 1e-12, "tol_feas": 1e-12, "max_threads": 1}
SHORTER_STEPS: dict[str, Any] = {
    **CLARABEL_OPTIONS,
    "max_step_fraction": 0.9,
}  # converges in cases in which the default of 0.99 does not

STATUSES = {cp.OPTIMAL: OPTIMAL, cp.INFEASIBLE: INFEASIBLE, cp.settings.INFEASIBLE_OR_UNBOUNDED: INFEASIBLE}


class Statement:
    """One stage of a problem in cvxpy, for the largest score and for the smallest turnover that reaches a score.

    mu [n] and terms: as in Certificate. The choice between the two objectives, and the score to reach, are parameters, so that
    breaking ties needs no compilation. With terms there are no ties, and only the score is formulated.
    """

    def __init__(
        self,
        problem: Problem,
        mu: Floats,
        constraints: Sequence[Constraint],
        terms: Sequence[Term],
        scale: float,
        stage: Stage,
    ):
        self.problem, self.mu, self.stage = problem, mu, stage
        choice = Choice.of(problem)
        self.weights = choice.weights
        self.stated, conditions = list[tuple[tuple[Constraint, ...], Stated]](), []
        slacks: dict[str, list[cp.Variable]] = {}
        for constraint, parts in _gather([c for c in constraints if stage.counts(c.group)], problem, stage):
            slack = None
            if stage.relaxes(constraint.group):
                slack = cp.Variable(len(constraint.rows(problem)), nonneg=True)
                slacks.setdefault(constraint.group, []).append(slack)
            statement = constraint.state(choice, problem, slack)
            self.stated.append((parts, statement))
            conditions += statement.constraints
        conditions += [sum(map(cp.sum, slacks[group])) <= most for group, most in stage.totals.items()]
        self.by_score, self.by_turnover, self.least = cp.Parameter(), cp.Parameter(), cp.Parameter()
        self.floor: cp.Constraint | None = None
        score = mu @ self.weights
        if stage.target is not None:
            goal = sum(map(cp.sum, slacks[stage.target]))
            if stage.lean:
                goal += stage.lean * self._lost(score, terms, scale)
        elif terms:
            goal = self._lost(score, terms, scale)
        else:
            self.floor = score >= self.least
            conditions.append(self.floor)
            goal = -self.by_score * score + self.by_turnover * cp.sum(choice.sold)
        self.program = cp.Problem(cp.Minimize(goal), conditions)

    def _lost(self, score: cp.Expression, terms: Sequence[Term], scale: float) -> cp.Expression:
        """The terms' costs less the score."""
        return -score + sum(term.state(self.weights, self.problem) for term in terms) / scale

    def holds(self, stage: Stage) -> bool:
        """Return whether `stage` equals this one except for its name and floor, so that this statement can solve it."""
        return replace(stage, name=self.stage.name, floor=self.stage.floor) == self.stage

    def solve(self, stage: Stage, *, solver: str, options: Mapping[str, Any]) -> Answer:
        """Solve a stage for which `holds` is true, by one solver."""
        problem = self.problem
        self.by_score.value, self.by_turnover.value = (1.0, 0.0) if stage.floor is None else (0.0, 1.0)
        nothing = float(
            np.minimum(self.mu * problem.lower, self.mu * problem.upper).sum()
        )  # every portfolio reaches this score
        self.least.value = nothing if stage.floor is None else stage.floor
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Solution may be inaccurate")  # the certificate measures the accuracy
                self.program.solve(solver=solver, **options)
        except cp.SolverError as error:
            return Answer(f"solver error: {error}")
        status = STATUSES.get(self.program.status, self.program.status)
        if self.program.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE):
            return Answer(status)
        found = np.clip(np.asarray(self.weights.value, dtype=np.float64), problem.lower, problem.upper)
        multipliers: dict[str, Floats] = {}
        directions: dict[str, Floats] = {}
        for parts, statement in self.stated:
            ends = np.cumsum([len(part.rows(problem)) for part in parts])[:-1]
            split = [statement.multipliers()] if len(parts) == 1 else np.split(statement.multipliers(), ends)
            multipliers.update({part.name: prices for part, prices in zip(parts, split, strict=True)})
            if (direction := statement.direction()) is not None:
                directions[parts[0].name] = direction
        if self.floor is not None:
            multipliers[SCORE_FLOOR] = -np.atleast_1d(np.asarray(self.floor.dual_value, dtype=np.float64))
        return Answer(status, found, multipliers, directions)


def _gather(
    constraints: Sequence[Constraint], problem: Problem, stage: Stage
) -> Iterator[tuple[Constraint, tuple[Constraint, ...]]]:
    """The constraints to formulate, each with its parts.

    Constraints that are linear in the weights are gathered into one per relaxed group, and one for all groups that are not relaxed.
    """
    groups: dict[str, list[Constraint]] = {}
    for constraint in constraints:
        if not constraint.curved and constraint.tangent(problem.benchmark, problem).sold is None:
            groups.setdefault(constraint.group if stage.relaxes(constraint.group) else HARD, []).append(constraint)
        else:
            yield constraint, (constraint,)
    for group, parts in groups.items():
        yield Together(tuple(parts), group=group), tuple(parts)
