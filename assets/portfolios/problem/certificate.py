"""Verification of a solver's answer by independent arithmetic: its residual, and its distance from the optimum.

This module holds the programmes of which a rebalance consists (`Stage`), residual, objective and the bound from weak duality. It
does not hold solving (lp.py, statement.py) or the order of stages and solvers (optimiser.py). Source: SPEC §6.

For any multipliers y and any feasible w, the objective is at most Σ_rows max over the bounds of y · value, plus for each stock the
maximum of its reduced score within its own bounds. Any multipliers therefore prove a bound: wrong ones only make it weaker, so that
a wrong answer is never accepted. A convex constraint or term is replaced by a tangent, which is never above it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from assets.portfolios.problem.constraints import HARD, Constraint, Problem, one_way_turnover
from assets.portfolios.problem.terms import Term
from resources.arrays import Floats

Multipliers = Mapping[str, Floats]


@dataclass(frozen=True)
class Stage:
    """One programme: maximise the score, or minimise a group's total violation or the turnover.

    name: as in Attempt. strict: elastic groups that are not relaxed. totals: elastic group → its largest total violation.
    target: the group (also HARD) whose total violation is minimised; groups in none of the three are left out. floor: the
    score (in std μ) that must be reached while turnover is minimised. lean: in a stage with a target, the score times `lean` is
    subtracted from the violation.
    """

    name: str
    strict: tuple[str, ...] = ()
    totals: Mapping[str, float] = field(default_factory=dict)
    target: str | None = None
    floor: float | None = None
    lean: float = 0.0

    @property
    def score_weight(self) -> float:
        """The coefficient of the score in the objective."""
        return 0.0 if self.floor is not None else 1.0 if self.target is None else self.lean

    def counts(self, group: str) -> bool:
        """Return whether the group's constraints are part of the programme."""
        return group in (HARD, self.target, *self.strict, *self.totals)

    def relaxes(self, group: str) -> bool:
        """Return whether the group's constraints may be violated, at a price or within a total."""
        return group == self.target or group in self.totals

    def keeps(self, group: str) -> bool:
        """Return whether the group's constraints are part of the programme and may not be violated."""
        return self.counts(group) and not self.relaxes(group)


@dataclass(frozen=True, eq=False)
class Answer:
    """A solver's answer.

    status: optimal, infeasible or the solver's name of a failure. multipliers: constraint → [rows], of the Lagrangian of a
    minimisation, > 0 where the upper bound is binding; SCORE_FLOOR → [1] for a stage's floor. directions: curved constraint →
    direction for its tangent.
    """

    status: str
    weights: Floats | None = None
    multipliers: Multipliers = field(default_factory=dict)
    directions: Mapping[str, Floats] = field(default_factory=dict)


SCORE_FLOOR = "score_floor"
OPTIMAL, INFEASIBLE = "optimal", "infeasible"


@dataclass(frozen=True, eq=False)
class Tangent:
    """A constraint's tangent: matrix · v + sold × (total weight sold) + offset ≤ value(v), and the bounds of value(v).

    matrix [rows, n]; the others [rows]; sold: None if the rows depend on the weights alone.
    """

    matrix: sp.csr_array
    offset: Floats
    sold: Floats | None
    lower: Floats
    upper: Floats


@dataclass(frozen=True, eq=False)
class Bound:
    """An upper bound on a stage's objective.

    value: the bound. reduced [n]: each stock's score less the prices of its rows, per unit of weight. sale_price: additional cost
    per unit sold.
    """

    value: float
    reduced: Floats
    sale_price: float


class Certificate:
    """The arithmetic of one problem. mu [n]: in units of its std. terms: their costs are divided by `scale`, μ's std."""

    def __init__(
        self, problem: Problem, mu: Floats, constraints: Sequence[Constraint], terms: Sequence[Term], scale: float
    ):
        self.problem, self.mu, self.terms, self.scale = problem, mu, tuple(terms), scale
        self.constraints = tuple(constraints)
        self._straight = {c.name: _tangent(c, problem.benchmark, problem) for c in constraints if not c.curved}

    @property
    def curved(self) -> bool:
        """Whether a term or constraint is not linear, so that HiGHS cannot be used."""
        return bool(self.terms) or any(constraint.curved for constraint in self.constraints)

    def tangent(self, constraint: Constraint, weights: Floats, direction: Floats | None = None) -> Tangent:
        """Return the constraint's rows if they are linear, else their tangent at `weights` [n]."""
        straight = self._straight.get(constraint.name)
        return _tangent(constraint, weights, self.problem, direction) if straight is None else straight

    def values(self, constraint: Constraint, weights: Floats) -> Floats:
        """Return the constraint's values [rows], from the stored matrix where they are linear in the weights."""
        line = self._straight.get(constraint.name)
        if line is None or line.sold is not None:
            return constraint.values(weights, self.problem)
        return line.matrix @ weights + line.offset

    def bounds(self, constraint: Constraint) -> tuple[Floats, Floats]:
        """Return the lower and upper bounds of the constraint's rows."""
        line = self._straight.get(constraint.name)
        return constraint.bounds(self.problem) if line is None else (line.lower, line.upper)

    def violations(self, constraint: Constraint, weights: Floats) -> Floats:
        """Return by how much each row of the constraint is violated at `weights` [rows]."""
        values, (lower, upper) = self.values(constraint, weights), self.bounds(constraint)
        return np.maximum(0.0, np.maximum(lower - values, values - upper))

    def outside(self, weights: Floats) -> float:
        """Return the largest distance of a weight from its stock's bounds, which no stage relaxes."""
        beyond = np.maximum(self.problem.lower - weights, weights - self.problem.upper)
        return float(beyond.max(initial=0.0))

    def total(self, group: str, weights: Floats) -> float:
        """Return the total violation of the group's constraints at `weights`."""
        return float(sum(self.violations(c, weights).sum() for c in self.constraints if c.group == group))

    def score(self, weights: Floats) -> float:
        """Return the score less the terms' costs, in std μ."""
        return float(self.mu @ weights) - sum(term.cost(weights, self.problem) for term in self.terms) / self.scale

    def objective(self, stage: Stage, weights: Floats) -> float:
        """Return the stage's objective, which is maximised."""
        if stage.target is not None:
            leaning = stage.lean * self.score(weights) if stage.lean else 0.0
            return leaning - self.total(stage.target, weights)
        if stage.floor is not None:
            return -one_way_turnover(weights, self.problem.drifted, self.problem.cash)
        return self.score(weights)

    def residual(self, stage: Stage, weights: Floats) -> float:
        """Return the largest violation of a constraint that is not relaxed, of a stock's bounds, of a total or of the floor."""
        worst = [self.outside(weights), *(self.total(group, weights) - most for group, most in stage.totals.items())]
        if stage.floor is not None:
            worst.append(stage.floor - self.score(weights))
        kept = (c for c in self.constraints if stage.keeps(c.group))
        worst += [float(self.violations(constraint, weights).max(initial=0.0)) for constraint in kept]
        return max([0.0, *worst])

    def bound(self, stage: Stage, weights: Floats, answer: Answer) -> Bound:
        """Return an upper bound on the stage's objective from the answer's multipliers; terms are linearised at `weights`.

        A stock's part is concave and piecewise linear with a kink at the drifted weight (sales are (w_drift − w)⁺), so that its
        maximum is at a bound or at the kink. A relaxed group adds its largest |y| times its total; a target's |y| is limited to
        1, the price of its violation.
        """
        problem, totals, multipliers = self.problem, stage.totals, answer.multipliers
        reduced, constant, sale_price = np.zeros(problem.n), 0.0, 0.0
        if stage.floor is not None:
            sale_price, constant = 1.0, -problem.cash
            price = min(0.0, float(multipliers.get(SCORE_FLOOR, np.zeros(1))[0]))
            reduced, constant = -price * self.mu, constant + price * stage.floor
        elif (much := stage.score_weight) > 0:
            reduced = much * self.mu
            for term in self.terms:
                slope = much * term.gradient(weights, problem) / self.scale
                reduced -= slope
                constant += float(slope @ weights) - much * term.cost(weights, problem) / self.scale
        largest = dict.fromkeys(totals, 0.0)
        for constraint in self.constraints:
            if not stage.counts(constraint.group):
                continue
            prices = np.asarray(multipliers.get(constraint.name, np.zeros(1)), dtype=float)
            line = self.tangent(constraint, weights, answer.directions.get(constraint.name))
            prices = np.where((prices > 0) & np.isinf(line.upper) | (prices < 0) & np.isinf(line.lower), 0.0, prices)
            if constraint.group == stage.target:
                prices = np.clip(prices, -1.0, 1.0)
            if constraint.group in totals:
                largest[constraint.group] = max(largest[constraint.group], float(np.abs(prices).max(initial=0.0)))
            up, down = prices > 0, prices < 0
            constant += float(prices[up] @ line.upper[up] + prices[down] @ line.lower[down])
            reduced -= line.matrix.T @ prices
            constant -= float(prices @ line.offset)
            if line.sold is not None:
                sale_price += float(prices @ line.sold)
        constant += sum(largest[group] * most for group, most in totals.items())
        points = (problem.lower, problem.upper, np.clip(problem.drifted, problem.lower, problem.upper))
        values = [reduced * w - sale_price * np.maximum(0.0, problem.drifted - w) for w in points]
        return Bound(constant + float(np.max(values, axis=0).sum()), reduced, sale_price)


def name_prices(bound: Bound, weights: Floats, problem: Problem) -> Floats:
    """Return the change of the score per unit added to each stock's binding bound [n].

    It is > 0 for an upper bound, < 0 for a lower one, and 0 if neither is binding. Above the drifted weight a unit of weight is worth
    `reduced`; below it, also the sale that it avoids.
    """
    more = bound.reduced + np.where(weights < problem.drifted, bound.sale_price, 0.0)
    less = bound.reduced + np.where(weights <= problem.drifted, bound.sale_price, 0.0)
    near = 1e-9  # a weight this close to a bound is at it
    at_upper, at_lower = weights >= problem.upper - near, weights <= problem.lower + near
    return np.where(at_upper & (more > 0), more, np.where(at_lower & (less < 0), less, 0.0))


def _tangent(constraint: Constraint, weights: Floats, problem: Problem, direction: Floats | None = None) -> Tangent:
    rows = constraint.tangent(weights, problem, direction)
    return Tangent(rows.matrix, rows.offset, rows.sold, *constraint.bounds(problem))
