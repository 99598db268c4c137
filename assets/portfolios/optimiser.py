"""The weekly rebalance: which weights, in which order constraints give, and the proof that the answer is right.

What belongs here: the order of solves, their verification and their explanation. What does not: what a constraint is
(constraints.py) and where its numbers come from (make.py). Source: SPEC §6.

The strict problem is solved first. Only where nothing satisfies it do constraints give, group by group: the smallest
total violation of the first group with the later ones left out, then of the second with the first held at its minimum,
and so on; then μ'w is maximised inside what remains. Among optima the smallest turnover wins. An answer is accepted only
if its residuals and its duality gap, both computed here and not by the solver, are at most TOLERANCE: a solver that did
not solve never passes for one that did.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray

from assets.portfolios.constraints import (
    FREE,
    HARD,
    Constraint,
    Linear,
    NameBounds,
    Problem,
    TurnoverLimit,
    one_way_turnover,
    state_turnover,
)

if TYPE_CHECKING:
    from assets.portfolios.conflict import Conflict

Floats = NDArray[np.float64]
Multipliers = dict[str, Floats]

TOLERANCE = 1e-8  # residuals, duality gap; what is beyond it counts as relaxed (SPEC §6)
TOTAL_MARGIN = 1e-9  # an earlier total is fixed at its minimum plus this (SPEC §6)
TIE_MARGIN = 1e-10  # score given up, in std μ, to break ties by turnover (SPEC §6)
HIGHS = {
    "primal_feasibility_tolerance": 1e-10,
    "dual_feasibility_tolerance": 1e-10,
    "threads": 1,
    "random_seed": 0,
    "output_flag": False,
}
SHOWN_NAMES = 5


@dataclass(frozen=True)
class Row:
    """One row of one constraint at the solution.

    residual: violation beyond `slack`. slack: what the constraint had to give. shadow_price: change of Σ μw per unit
    added to the bound that binds (upper: positive, lower: negative).
    """

    constraint: str
    group: str
    row: str
    lower: float
    upper: float
    value: float
    residual: float
    slack: float
    shadow_price: float
    forced_by: str = ""


@dataclass(frozen=True)
class Attempt:
    """One solver's try at one stage. No time is kept: a backfill must store what a weekly run stores.

    stage: strict (all constraints), an elastic group (its smallest total), relaxed (the score inside what remains) or
    ties (the smallest turnover). status: the solver's own word. residual, gap: by our arithmetic, None where there was
    no answer to verify. refused: why the answer was not taken; "" where it was.
    """

    stage: str
    solver: str
    status: str
    residual: float | None
    gap: float | None
    refused: str = ""


@dataclass(frozen=True, eq=False)
class Solution:
    """weights [n] and how they came about.

    duality_gap: the worst over all solves that led here, in std μ of score or in the unit of a stage's violation.
    status: optimal, relaxed, or failed (weights are then the drifted ones, never passed off as optimal, and `reason`
    says why). totals: elastic group → smallest total violation, where the strict problem had no solution.
    multipliers: constraint → [rows], the change of Σ μw per unit added to the bound that binds (upper: positive, lower:
    negative), as Row.shadow_price. reduced_costs [n]: the same of each name's own bounds; 0 between them. In a
    degenerate optimum they are one of several true sets. attempts: every solver asked, in order. conflict: what can't
    hold together, where something gave (conflict.py fills it).
    """

    status: str
    weights: Floats
    objective: float
    turnover: float
    duality_gap: float
    residual: float
    rows: tuple[Row, ...] = ()
    totals: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    solver: str = "HIGHS"
    tie_break: str = ""
    multipliers: Mapping[str, Floats] = field(default_factory=dict)
    reduced_costs: Floats | None = None
    attempts: tuple[Attempt, ...] = ()
    conflict: "Conflict | None" = None

    @property
    def relaxations(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.slack > 0)


@dataclass(frozen=True, eq=False)
class _Solve:
    status: str
    weights: Floats | None = None
    multipliers: Multipliers = field(default_factory=dict)


class NotSolved(Exception):
    """The solver gave no verified answer."""


def optimise(problem: Problem, constraints: Sequence[Constraint], *, order: Sequence[str]) -> Solution:
    """Maximise Σ μw subject to `constraints`, which give in reverse `order` of their groups where they must.

    problem: arrays [n], symbols ascending. order: elastic groups, from the last to give to the first. The first build
    has no turnover constraint.
    """
    _require_order(problem)
    _require_names(constraints)
    matters = np.flatnonzero((problem.upper > 0) | (problem.benchmark > 0) | (problem.drifted > 0))
    small = problem.take(matters)
    if problem.first_build:
        constraints = [c for c in constraints if not isinstance(c, TurnoverLimit)]
    groups = [group for group in order if any(c.group == group for c in constraints)]
    scale = float(problem.mu.std()) or 1.0
    mu = small.mu / scale
    try:
        solution = _optimise(small, mu, scale, constraints, groups)
    except NotSolved as failure:
        return Solution(
            "failed",
            problem.drifted.copy(),
            objective=float(problem.mu @ problem.drifted),
            turnover=0.0,
            duality_gap=float("nan"),
            residual=float("nan"),
            reason=str(failure),
        )
    weights = np.zeros(problem.n)
    weights[matters] = solution.weights
    return Solution(**{**vars(solution), "weights": weights})


def _require_order(problem: Problem) -> None:
    symbols = problem.symbols.tolist()
    if any(a >= b for a, b in itertools.pairwise(symbols)):
        raise ValueError("optimise: symbols must be ascending and unique, so that ties fall the same way in any order")


def _require_names(constraints: Sequence[Constraint]) -> None:
    names = [constraint.name for constraint in constraints]
    if len(set(names)) < len(names):
        raise ValueError(f"optimise: two constraints share a name among {', '.join(names)}; prices go by name")


def _optimise(
    problem: Problem, mu: Floats, scale: float, constraints: Sequence[Constraint], groups: Sequence[str]
) -> Solution:
    totals: dict[str, float] = {}
    causes: dict[str, Multipliers] = {}
    gaps: list[float] = []
    best = _solve(problem, constraints, {}, strict=groups, mu=mu)
    if best.status != cp.OPTIMAL:
        for group in groups:
            stage = _solve(problem, constraints, totals, target=group)
            if stage.weights is None and not totals:
                raise NotSolved(f"The hard constraints conflict (HiGHS: {stage.status}): {_hard_conflict(problem)}")
            if stage.weights is None:
                raise NotSolved(f"HiGHS did not solve the smallest violation of {group}: {stage.status}")
            total = _violation(problem, constraints, group, stage.weights)
            gaps.append(
                total + _dual_bound(problem, np.zeros(problem.n), constraints, totals, stage.multipliers, group)
            )
            totals[group], causes[group] = total, stage.multipliers
        best = _solve(problem, constraints, totals, mu=mu)
    if best.weights is None:
        raise NotSolved(f"HiGHS did not solve the problem: {best.status}")
    dual = _dual_bound(problem, mu, constraints, totals, best.multipliers)
    weights, tie_break = _break_ties(problem, mu, constraints, totals, [] if totals else groups, best.weights)
    gaps.append(dual - float(mu @ weights))
    rows = _rows(problem, scale, constraints, totals, causes, weights, best.multipliers)
    residual = max(row.residual for row in rows)
    for group, total in totals.items():
        residual = max(residual, _violation(problem, constraints, group, weights) - total)
    gap = max(gaps, key=abs)
    if not residual <= TOLERANCE or not abs(gap) <= TOLERANCE:
        worst = max(rows, key=lambda row: row.residual)
        raise NotSolved(
            f"HiGHS's answer does not verify: largest residual {residual:.3g} ({worst.constraint} {worst.row}), duality "
            f"gap {gap:.3g}; both must be at most {TOLERANCE:g}"
        )
    return Solution(
        "relaxed" if any(row.slack > 0 for row in rows) else "optimal",
        weights,
        objective=float(mu @ weights) * scale,
        turnover=one_way_turnover(weights, problem.drifted, problem.cash),
        duality_gap=gap,
        residual=residual,
        rows=tuple(rows),
        totals=totals,
        tie_break=tie_break,
    )


def _solve(
    problem: Problem,
    constraints: Sequence[Constraint],
    totals: Mapping[str, float],
    *,
    strict: Sequence[str] = (),
    target: str | None = None,
    mu: Floats | None = None,
    at_least: float | None = None,
) -> _Solve:
    """One LP. Elastic groups in `strict` don't give, those in `totals` give that much in all, `target` is minimised,
    others are left out. Without a target μ'w is maximised or, where it must be `at_least` so much, turnover minimised."""
    weights = cp.Variable(problem.n)
    stated, conditions = {}, []
    slacks: dict[str, list[cp.Variable]] = {}
    for constraint in constraints:
        group = constraint.group
        if group not in (HARD, target, *strict, *totals):
            continue
        slack = None
        if group != HARD and group not in strict:
            slack = cp.Variable(len(constraint.rows(problem)), nonneg=True)
            slacks.setdefault(group, []).append(slack)
        stated[constraint.name] = constraint.state(weights, problem, slack)
        conditions += stated[constraint.name].constraints
    conditions += [sum(map(cp.sum, slacks[group])) <= total + TOTAL_MARGIN for group, total in totals.items()]
    if target is not None:
        goal = sum(map(cp.sum, slacks[target]))
    elif at_least is not None:
        goal, sales = state_turnover(weights, problem)
        conditions += [*sales, mu @ weights >= at_least]
    else:
        goal = -(mu @ weights)
    program = cp.Problem(cp.Minimize(goal), conditions)
    try:
        program.solve(solver=cp.HIGHS, **HIGHS)
    except cp.SolverError as error:
        return _Solve(f"solver error: {error}")
    if program.status != cp.OPTIMAL:
        return _Solve(program.status)
    found = np.clip(np.asarray(weights.value, dtype=np.float64), problem.lower, problem.upper)
    return _Solve(cp.OPTIMAL, found, {name: statement.multipliers() for name, statement in stated.items()})


def _break_ties(
    problem: Problem,
    mu: Floats,
    constraints: Sequence[Constraint],
    totals: Mapping[str, float],
    strict: Sequence[str],
    best: Floats,
) -> tuple[Floats, str]:
    """Among the optima, the smallest turnover. A first build's turnover is the same wherever it ends."""
    if problem.first_build:
        return best, "first build"
    tie = _solve(problem, constraints, totals, strict=strict, mu=mu, at_least=float(mu @ best) - TIE_MARGIN)
    if tie.weights is None:
        return best, f"not solved ({tie.status}): the solver's own optimum stands"
    return tie.weights, "smallest turnover"


def _violation(problem: Problem, constraints: Sequence[Constraint], group: str, weights: Floats) -> float:
    return float(sum(c.violations(weights, problem).sum() for c in constraints if c.group == group))


def _dual_bound(
    problem: Problem,
    mu: Floats,
    constraints: Sequence[Constraint],
    totals: Mapping[str, float],
    multipliers: Multipliers,
    target: str | None = None,
) -> float:
    """An upper bound on μ'w (minus the target's total, if there is one) from any multipliers: weak duality, by hand.

    For y and any feasible w: μ'w ≤ Σ_rows max_{v in bounds} y v + max over name bounds of (μ'w − Σ y value(w)), plus for
    each elastic group its largest |y| times what it may give; a target's |y| may not exceed 1, the price of its slack.
    Sales enter as (w_drift − w)⁺, so each name's maximum is at a bound or at its drifted weight.
    """
    reduced, constant, sale_price = mu.astype(float), 0.0, 0.0
    largest = dict.fromkeys(totals, 0.0)
    for constraint in constraints:
        if constraint.name not in multipliers or isinstance(constraint, NameBounds):
            continue
        lower, upper = constraint.bounds(problem)
        price = multipliers[constraint.name]
        price = np.where((price > 0) & np.isinf(upper) | (price < 0) & np.isinf(lower), 0.0, price)
        if constraint.group == target:
            price = np.clip(price, -1.0, 1.0)
        if constraint.group in totals:
            largest[constraint.group] = max(largest[constraint.group], float(np.abs(price).max()))
        up, down = price > 0, price < 0
        constant += float(price[up] @ upper[up] + price[down] @ lower[down])
        if isinstance(constraint, Linear):
            matrix = constraint.matrix(problem)
            reduced -= matrix.T @ price
            constant += float(price @ (matrix @ constraint.anchor(problem)))
        elif isinstance(constraint, TurnoverLimit):
            sale_price += float(price[0])
            constant -= float(price[0]) * problem.cash
        else:
            raise TypeError(f"{constraint.name}: no duality bound is known for a {type(constraint).__name__}")
    constant += sum(largest[group] * (total + TOTAL_MARGIN) for group, total in totals.items())
    points = (problem.lower, problem.upper, np.clip(problem.drifted, problem.lower, problem.upper))
    values = [reduced * w - sale_price * np.maximum(0.0, problem.drifted - w) for w in points]
    return constant + float(np.max(values, axis=0).sum())


def _rows(
    problem: Problem,
    scale: float,
    constraints: Sequence[Constraint],
    totals: Mapping[str, float],
    causes: Mapping[str, Multipliers],
    weights: Floats,
    multipliers: Multipliers,
) -> list[Row]:
    rows = []
    for constraint in constraints:
        (lower, upper), values = constraint.bounds(problem), constraint.values(weights, problem)
        violations, prices = constraint.violations(weights, problem), multipliers[constraint.name] * scale
        gives = totals.get(constraint.group, 0.0) > TOLERANCE
        if isinstance(constraint, NameBounds):  # its rows stand in the portfolio's own table
            rows.append(Row(constraint.name, HARD, "all", 0.0, 1.0, 0.0, float(violations.max()), 0.0, 0.0))
            continue
        for r, label in enumerate(constraint.rows(problem)):
            slack = float(violations[r]) if gives and violations[r] > TOLERANCE else 0.0
            cause = ""
            if slack:
                cause = _cause(problem, constraint, r, float(values[r]), constraints, causes[constraint.group])
            bounds = float(lower[r]), float(upper[r])
            residual = float(violations[r]) - slack
            rows.append(
                Row(
                    constraint.name,
                    constraint.group,
                    label,
                    *bounds,
                    float(values[r]),
                    residual,
                    slack,
                    float(prices[r]),
                    cause,
                )
            )
    return rows


def _cause(
    problem: Problem,
    constraint: Constraint,
    row: int,
    value: float,
    constraints: Sequence[Constraint],
    multipliers: Multipliers,
) -> str:
    """What forces a row outside its bounds, in words.

    Where the row's own names can't do better within their bounds: those whose state narrows them, by how much. Else what
    priced the smallest violation: the other constraints, and restricted names by price × room lost.
    """
    bounds = constraint.bounds(problem)
    above = value > bounds[1][row]
    if isinstance(constraint, Linear):
        line = constraint.matrix(problem)[[row], :].toarray().ravel() * (1.0 if above else -1.0)
        limit = bounds[1][row] if above else -bounds[0][row]
        least = np.minimum(line * problem.lower, line * problem.upper)
        if least.sum() - line @ constraint.anchor(problem) > limit + TOLERANCE:
            free = np.minimum(line * problem.free_lower, line * problem.free_upper)
            names = _names(problem, least - free)
            side = "above" if above else "below"
            return f"kept {side} its bound by its own names: {names or 'the stock bands alone'}"
    others = [
        c.name
        for c in constraints
        if not isinstance(c, NameBounds)
        and c.name in multipliers
        and np.abs(multipliers[c.name]).max() > TOLERANCE
        and c is not constraint
        and c.name != "fully_invested"
    ]
    pull = np.zeros(problem.n)
    for c in constraints:
        if isinstance(c, Linear) and c.name in multipliers:
            pull -= c.matrix(problem).T @ multipliers[c.name]
    lost = np.where(pull < 0, -pull * (problem.lower - problem.free_lower), pull * (problem.free_upper - problem.upper))
    names = _names(problem, lost)
    siblings = f"balances the other {constraint.name} rows" if len(bounds[0]) > 1 else ""
    together = f"together with {', '.join(others)}" if others else ""
    parts = [siblings, together, f"restricted names: {names}" if names else ""]
    return "; ".join(part for part in parts if part) or "the stock bands alone"


def _names(problem: Problem, contribution: Floats) -> str:
    """'600000.SH (suspended, 1.2 %), …': the restricted names that contribute most, at their drifted weights."""
    restricted = np.flatnonzero((problem.state != FREE) & (contribution > TOLERANCE))
    first = restricted[np.lexsort((restricted, -contribution[restricted]))]
    shown = [f"{problem.symbols[i]} ({problem.state[i]}, {problem.drifted[i]:.2%})" for i in first[:SHOWN_NAMES]]
    return ", ".join(shown) + (f" and {len(first) - SHOWN_NAMES} more" if len(first) > SHOWN_NAMES else "")


def _hard_conflict(problem: Problem) -> str:
    low, high = float(problem.lower.sum()), float(problem.upper.sum())
    free = int((problem.upper > problem.lower).sum())
    if high < 1.0:
        return f"the upper bounds of all names sum to {high:.4f} < 1 ({free} names can be traded)"
    if low > 1.0:
        return f"the lower bounds of all names sum to {low:.4f} > 1"
    return f"name bounds allow {low:.4f} … {high:.4f} in all, and another hard constraint excludes it"
