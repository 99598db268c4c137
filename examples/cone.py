"""A user's own nonlinear constraint: a least effective number of stocks, named by `portfolios.extra_constraints`.

The effective number 1 / Σw², the inverse of the Herfindahl index, is the number of equal weights with the same concentration. It is at
least N where ‖w‖ ≤ 1/√N, a second-order cone (docs/portfolios.md, "Other constraints").
"""

from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from assets.portfolios.problem.constraints import Choice, Constraint, LinearRows, Problem, Stated, one_row
from resources.arrays import Floats


@dataclass(frozen=True)
class EffectiveNames(Constraint):
    """‖w‖ ≤ 1/√least for the weights w, as fractions of net asset value."""

    least: float = 50.0
    name: str = "effective_names"
    group: str = "styles"  # relaxed first; in another group, or HARD, a week in which it must be relaxed fails

    def rows(self, problem: Problem) -> tuple[str, ...]:
        """The name of the one row."""
        return ("norm",)

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        """The lower and the upper bound of ‖w‖."""
        return np.array([-np.inf]), np.array([self.least**-0.5])

    def values(self, weights: Floats, problem: Problem) -> Floats:
        """‖w‖ as an array [1]."""
        return np.array([np.linalg.norm(weights)])

    def tangent(self, weights: Floats, problem: Problem, direction: Floats | None = None) -> LinearRows:
        """A linear lower bound of ‖w‖, which touches it at `weights` or has the slope `direction`."""
        slope = weights if direction is None else direction  # ‖w‖ ≥ u · w for every u of length one
        return LinearRows(one_row(slope / max(float(np.linalg.norm(slope)), 1e-300)), np.zeros(1))

    def state(self, choice: Choice, problem: Problem, slack: cp.Variable | None) -> Stated:
        """The constraint in cvxpy, with its dual values."""
        unit = self.least**0.5  # scales the bound to one, where solvers are most exact
        cone = cp.SOC(1.0 if slack is None else 1.0 + unit * cp.sum(slack), unit * choice.weights)
        return Stated(
            [cone],
            lambda: unit * np.asarray(cone.dual_value[0]).ravel(),
            lambda: -np.asarray(cone.dual_value[1]).ravel(),
        )
