"""Constraints as a user would write them, from `Constraint` alone, for the tests: two cones and a limit on sales."""

from dataclasses import dataclass

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from assets.portfolios.problem.constraints import HARD, Choice, Constraint, Floats, LinearRows, Problem, Stated

FACTORS = 3


def other_index(problem: Problem) -> Floats:
    """Weights [n] of an index that is not the benchmark: every third code, evenly."""
    own = np.array([int(symbol[:6]) % 3 == 0 for symbol in problem.symbols], dtype=float)
    return own / own.sum()


def risks(problem: Problem) -> Floats:
    """[FACTORS + n, n]: ‖risks @ a‖ is the standard deviation of a portfolio a, by loadings that the codes decide."""
    codes = np.array([int(symbol[:6]) for symbol in problem.symbols], dtype=float)
    loadings = np.array([np.sin((k + 1.3) * codes) for k in range(FACTORS)]) * 0.02
    return np.vstack([loadings, np.diag(0.03 + 0.02 * np.cos(codes) ** 2)])


@dataclass(frozen=True)
class OtherIndexRisk(Constraint):
    """The tracking error to another index is at most `limit`: a second-order cone."""

    limit: float = 0.01
    name: str = "other_index_risk"
    group: str = HARD

    def rows(self, problem: Problem) -> tuple[str, ...]:
        return ("other_index",)

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        return np.array([-np.inf]), np.array([self.limit])

    def values(self, weights: Floats, problem: Problem) -> Floats:
        return np.array([np.linalg.norm(risks(problem) @ (weights - other_index(problem)))])

    def tangent(self, weights: Floats, problem: Problem, direction: Floats | None = None) -> LinearRows:
        own = risks(problem) @ (weights - other_index(problem)) if direction is None else direction
        slope = own @ risks(problem) / max(float(np.linalg.norm(own)), 1e-300)
        return LinearRows(sp.csr_array(slope[np.newaxis, :]), np.array([-slope @ other_index(problem)]))

    def state(self, choice: Choice, problem: Problem, slack: cp.Variable | None) -> Stated:
        active = risks(problem) @ (choice.weights - other_index(problem)) / self.limit
        cone = cp.SOC(1.0 if slack is None else 1.0 + cp.sum(slack) / self.limit, active)
        return Stated(
            [cone],
            lambda: np.asarray(cone.dual_value[0]).ravel() / self.limit,
            lambda: -np.asarray(cone.dual_value[1]).ravel(),
        )


@dataclass(frozen=True)
class Spread(Constraint):
    """Σ over each third of the codes of w² is at most `limit` squared: a cone for each third."""

    limit: float = 0.2
    name: str = "spread"
    group: str = HARD

    def rows(self, problem: Problem) -> tuple[str, ...]:
        return ("third 0", "third 1", "third 2")

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        return np.full(3, -np.inf), np.full(3, self.limit)

    def parts(self, problem: Problem) -> list[Floats]:
        codes = np.array([int(symbol[:6]) for symbol in problem.symbols])
        return [np.flatnonzero(codes % 3 == k) for k in range(3)]

    def values(self, weights: Floats, problem: Problem) -> Floats:
        return np.array([np.linalg.norm(weights[part]) for part in self.parts(problem)])

    def tangent(self, weights: Floats, problem: Problem, direction: Floats | None = None) -> LinearRows:
        matrix = np.zeros((3, problem.n))
        for k, part in enumerate(self.parts(problem)):
            slope = weights[part] if direction is None else direction[part]
            matrix[k, part] = slope / max(float(np.linalg.norm(slope)), 1e-300)
        return LinearRows(sp.csr_array(matrix), np.zeros(3))

    def state(self, choice: Choice, problem: Problem, slack: cp.Variable | None) -> Stated:
        room = np.zeros(3) if slack is None else slack
        cones = [
            cp.SOC(1.0 + room[k] / self.limit, choice.weights[part] / self.limit)
            for k, part in enumerate(self.parts(problem))
        ]

        def direction() -> Floats:
            found = np.zeros(problem.n)
            for part, cone in zip(self.parts(problem), cones, strict=True):
                found[part] = -np.asarray(cone.dual_value[1]).ravel()
            return found

        return Stated(
            cones, lambda: np.array([np.asarray(c.dual_value[0]).item() for c in cones]) / self.limit, direction
        )


@dataclass(frozen=True)
class SalesLimit(Constraint):
    """What is sold is at most `limit`: linear in what is chosen, though not in the weights."""

    curved = False
    limit: float = 0.1
    name: str = "sales_limit"
    group: str = HARD

    def rows(self, problem: Problem) -> tuple[str, ...]:
        return ("sold",)

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        return np.array([-np.inf]), np.array([self.limit])

    def values(self, weights: Floats, problem: Problem) -> Floats:
        return np.array([np.maximum(0.0, problem.drifted - weights).sum()])

    def tangent(self, weights: Floats, problem: Problem, direction: Floats | None = None) -> LinearRows:
        return LinearRows(sp.csr_array((1, problem.n)), np.zeros(1), np.ones(1))

    def state(self, choice: Choice, problem: Problem, slack: cp.Variable | None) -> Stated:
        limit = cp.sum(choice.sold) <= (self.limit if slack is None else self.limit + cp.sum(slack))
        return Stated([limit], lambda: np.atleast_1d(np.asarray(limit.dual_value, dtype=np.float64)))


def tight_cone() -> OtherIndexRisk:
    """A limit that no portfolio of the test market reaches, relaxed with the styles."""
    return OtherIndexRisk(limit=1e-3, group="styles")


def tight_hard_cones() -> Spread:
    """A limit that no portfolio reaches: a third of 20 names with a third of the weight has a norm of at least .0745."""
    return Spread(limit=0.05)
