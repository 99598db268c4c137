"""What a solver's answer is worth, by our own arithmetic: how far outside its bounds, how far from the best.

What belongs here: the programmes a rebalance is made of (`Stage`), and residual, objective and the bound that weak duality
sets. What does not: solving (lp.py, statement.py), and in which order and by whom (optimiser.py). Source: SPEC §6.

For any multipliers y and any feasible w, what is maximised is at most Σ_rows max over the bounds of y · value, plus for
each name the best of what is left of it inside its own bounds. So multipliers from anywhere prove how good an answer is:
they need not be right, and a wrong answer can't pass. A convex constraint or term enters by a tangent, which is never
above it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from assets.portfolios.problem.constraints import HARD, Constraint, Problem, one_way_turnover
from assets.portfolios.problem.terms import Term

Floats = NDArray[np.float64]
Multipliers = Mapping[str, Floats]


@dataclass(frozen=True)
class Stage:
    """One programme: maximise the score, or make a group's total violation or the turnover smallest.

    name: as in Attempt. strict: elastic groups that don't give. totals: elastic group → the most it may give in all. target:
    the group (HARD too) whose total violation is minimised; groups that are in none of the three are left out. floor:
    the score (in std μ) that must be reached while turnover is minimised. lean: of a stage with a target, the score times this is
    taken off the violation.
    """

    name: str
    strict: tuple[str, ...] = ()
    totals: Mapping[str, float] = field(default_factory=dict)
    target: str | None = None
    floor: float | None = None
    lean: float = 0.0

    @property
    def score_weight(self) -> float:
        """By which the score enters what is maximised."""
        return 0.0 if self.floor is not None else 1.0 if self.target is None else self.lean

    def counts(self, group: str) -> bool:
        """Whether a group's constraints are part of the programme."""
        return group in (HARD, self.target, *self.strict, *self.totals)

    def gives(self, group: str) -> bool:
        """Whether they may be violated in it, at a price or within a total."""
        return group == self.target or group in self.totals

    def keeps(self, group: str) -> bool:
        """Whether they are part of it and may not be violated."""
        return self.counts(group) and not self.gives(group)


@dataclass(frozen=True, eq=False)
class Answer:
    """What a solver says. status: optimal, infeasible or its own word for a failure. multipliers: constraint → [rows], of
    the Lagrangian of a minimisation: > 0 where the upper bound binds; SCORE_FLOOR → [1] of a stage's floor. directions: curved
    constraint → where its tangent is best taken."""

    status: str
    weights: Floats | None = None
    multipliers: Multipliers = field(default_factory=dict)
    directions: Mapping[str, Floats] = field(default_factory=dict)


SCORE_FLOOR = "score_floor"
OPTIMAL, INFEASIBLE = "optimal", "infeasible"


@dataclass(frozen=True, eq=False)
class Tangent:
    """A constraint at some weights: matrix · v + sold × (all that is sold) + offset ≤ value(v), between lower and upper.

    matrix [rows, n]; the others [rows]; sold: None where the weights alone decide.
    """

    matrix: sp.csr_array
    offset: Floats
    sold: Floats | None
    lower: Floats
    upper: Floats


@dataclass(frozen=True, eq=False)
class Bound:
    """value: nothing feasible is better. reduced [n]: what is left of each name's score after all prices, per unit of
    weight; a sale costs `sale_price` per unit besides."""

    value: float
    reduced: Floats
    sale_price: float


class Certificate:
    """The arithmetic of one problem. mu [n], in its own std. terms: their costs are divided by `scale`, μ's std."""

    def __init__(
        self, problem: Problem, mu: Floats, constraints: Sequence[Constraint], terms: Sequence[Term], scale: float
    ):
        self.problem, self.mu, self.terms, self.scale = problem, mu, tuple(terms), scale
        self.constraints = tuple(constraints)
        self._straight = {c.name: _tangent(c, problem.benchmark, problem) for c in constraints if not c.curved}

    @property
    def curved(self) -> bool:
        """Whether anything is not linear, so that HiGHS can't be asked."""
        return bool(self.terms) or any(constraint.curved for constraint in self.constraints)

    def tangent(self, constraint: Constraint, weights: Floats, direction: Floats | None = None) -> Tangent:
        """The constraint's rows where they are linear, else their tangent at `weights` [n]."""
        straight = self._straight.get(constraint.name)
        return _tangent(constraint, weights, self.problem, direction) if straight is None else straight

    def values(self, constraint: Constraint, weights: Floats) -> Floats:
        """As the constraint's own, from the matrix at hand."""
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
        """The most by which a weight is outside the bounds of its name; no stage lets it be."""
        beyond = np.maximum(self.problem.lower - weights, weights - self.problem.upper)
        return float(beyond.max(initial=0.0))

    def total(self, group: str, weights: Floats) -> float:
        """Return the total violation of the group's constraints at `weights`."""
        return float(sum(self.violations(c, weights).sum() for c in self.constraints if c.group == group))

    def score(self, weights: Floats) -> float:
        """In std μ, after the terms' costs."""
        return float(self.mu @ weights) - sum(term.cost(weights, self.problem) for term in self.terms) / self.scale

    def objective(self, stage: Stage, weights: Floats) -> float:
        """What the stage maximises."""
        if stage.target is not None:
            leaning = stage.lean * self.score(weights) if stage.lean else 0.0
            return leaning - self.total(stage.target, weights)
        if stage.floor is not None:
            return -one_way_turnover(weights, self.problem.drifted, self.problem.cash)
        return self.score(weights)

    def residual(self, stage: Stage, weights: Floats) -> float:
        """The largest violation of what may not give, of a total, or of the floor."""
        worst = [self.outside(weights), *(self.total(group, weights) - most for group, most in stage.totals.items())]
        if stage.floor is not None:
            worst.append(stage.floor - self.score(weights))
        kept = (c for c in self.constraints if stage.keeps(c.group))
        worst += [float(self.violations(constraint, weights).max(initial=0.0)) for constraint in kept]
        return max([0.0, *worst])

    def bound(self, stage: Stage, weights: Floats, answer: Answer) -> Bound:
        """The most that the stage's objective can reach, proved by the answer's multipliers; terms are taken at `weights`.

        A name's part is concave and piecewise linear with its kink at the drifted weight (sales are (w_drift − w)⁺), so
        its best is at a bound or there. A group that gives adds its largest |y| times what it may give; a target's |y|
        may not exceed 1, the price of its violation.
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
    """Change of the score per unit added to the bound that holds a name [n]: > 0 its upper, < 0 its lower, 0 neither.

    To the right of the drifted weight a unit is worth `reduced`, to the left of it also the sale that it spares.
    """
    more = bound.reduced + np.where(weights < problem.drifted, bound.sale_price, 0.0)
    less = bound.reduced + np.where(weights <= problem.drifted, bound.sale_price, 0.0)
    near = 1e-9  # a weight this close to a bound is at it
    at_upper, at_lower = weights >= problem.upper - near, weights <= problem.lower + near
    return np.where(at_upper & (more > 0), more, np.where(at_lower & (less < 0), less, 0.0))


def _tangent(constraint: Constraint, weights: Floats, problem: Problem, direction: Floats | None = None) -> Tangent:
    rows = constraint.tangent(weights, problem, direction)
    return Tangent(rows.matrix, rows.offset, rows.sold, *constraint.bounds(problem))
