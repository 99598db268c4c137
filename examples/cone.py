"""A curved constraint of one's own: at least so many effective names, named by `portfolios.extra_constraints`.

1 / Σw² is the number of equal weights that are as concentrated as the portfolio, the inverse of the Herfindahl index. At least N of
them is ‖w‖ ≤ 1/√N, a second-order cone (docs/portfolios.md, "Other constraints").
"""

from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from assets.portfolios.problem.constraints import Choice, Constraint, Floats, LinearRows, Problem, Stated, one_row


@dataclass(frozen=True)
class EffectiveNames(Constraint):
    """‖w‖ is at most 1/√least."""

    least: float = 50.0
    name: str = "effective_names"
    group: str = "styles"  # relaxed first; in another group, or HARD, a week in which it must be relaxed fails

    def rows(self, problem: Problem) -> tuple[str, ...]:
        return ("norm",)

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        return np.array([-np.inf]), np.array([self.least**-0.5])

    def values(self, weights: Floats, problem: Problem) -> Floats:
        return np.array([np.linalg.norm(weights)])

    def tangent(self, weights: Floats, problem: Problem, direction: Floats | None = None) -> LinearRows:
        slope = weights if direction is None else direction  # ‖w‖ ≥ u · w for every u of length one
        return LinearRows(one_row(slope / max(float(np.linalg.norm(slope)), 1e-300)), np.zeros(1))

    def state(self, choice: Choice, problem: Problem, slack: cp.Variable | None) -> Stated:
        unit = self.least**0.5  # brings the bound to one, where solvers are exact
        cone = cp.SOC(1.0 if slack is None else 1.0 + unit * cp.sum(slack), unit * choice.weights)
        return Stated(
            [cone],
            lambda: unit * np.asarray(cone.dual_value[0]).ravel(),
            lambda: -np.asarray(cone.dual_value[1]).ravel(),
        )
