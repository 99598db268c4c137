"""The weekly rebalance: the optimal weights, the order in which constraints are relaxed, and the verification of the answer.

This module holds the order of stages and solvers, and the interpretation of answers. It does not hold constraints and terms
(constraints.py, terms.py), solving (lp.py, statement.py), the arithmetic of the verification (certificate.py), or the origin of the
numbers (assets/portfolios/week). Source: SPEC §6.

The strict problem is solved first. Only if it has no solution are constraints relaxed, group by group: the total violation of the
first group is minimised without the later ones, then that of the second with the first fixed at its minimum, and so on; then μ'w is
maximised within these totals. Among several optima the one with the smallest turnover is chosen.

Every stage is passed to one solver after another (a ladder): HiGHS by dual simplex, HiGHS by interior point, Clarabel. An answer is
accepted only if its residuals and its duality gap, both computed here and not by the solver, are at most TOLERANCE. Otherwise the
next solver is used; every attempt is recorded. A solver's status `infeasible` is accepted, because the smallest violations that are
computed next are proved to be above zero.

A stage with a term or a curved constraint (`Constraint.curved`, terms.py) is solved through cvxpy by Clarabel, if necessary a second
time with shorter steps. A curved constraint that must be relaxed determines the portfolio by its smallest violation, so its group
has to be the one relaxed first. In a problem with a term or a curved constraint, a group whose smallest violation is 0 stays strict,
because a margin of 1e-9 is too small for an interior-point method.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import cvxpy as cp
import numpy as np

from assets.portfolios.problem.certificate import INFEASIBLE, Answer, Certificate, Multipliers, Stage, name_prices
from assets.portfolios.problem.constraints import (
    FREE,
    HARD,
    NAME_BOUNDS,
    TOLERANCE,
    Constraint,
    Problem,
    one_way_turnover,
)
from assets.portfolios.problem.lp import INTERIOR_POINT, OPTIONS, SIMPLEX, LinearProgram
from assets.portfolios.problem.statement import CLARABEL_OPTIONS, SHORTER_STEPS, Statement
from assets.portfolios.problem.terms import Term
from assets.portfolios.reasons import (
    BALANCES_ROWS,
    BOUNDS_EXCLUDED,
    CURVED_MUST_GIVE,
    HARD_CONFLICT,
    KEPT_ABOVE,
    KEPT_BELOW,
    LOWER_BOUNDS_OVER,
    NAME_IN_STATE,
    NAMES,
    NAMES_AND_MORE,
    NO_ANSWER,
    NO_VERIFIED_ANSWER,
    NOT_FOUND_WITHIN_HARD,
    NOT_FOUND_WITHIN_NAMES,
    NOT_FOUND_WITHIN_TOTALS,
    NOT_VERIFIED,
    RESTRICTED_NAMES,
    SOLVER_NOT_VERIFIED,
    SOLVER_WITHOUT_ANSWER,
    STOCK_BANDS_ALONE,
    TIE_FIRST_BUILD,
    TIE_NOT_LINEAR,
    TIE_NOT_SOLVED,
    TIE_SMALLEST_TURNOVER,
    TOGETHER_WITH,
    UPPER_BOUNDS_SHORT,
)
from resources.arrays import Floats
from resources.reasons import Reason, joined

StatedBy = Literal["arrays", "cvxpy"]

TOTAL_MARGIN = 1e-9  # an earlier total is fixed at its minimum plus this (SPEC §6)
TIE_MARGIN = 1e-10  # loss of score, in std μ, that is accepted to break ties by turnover (SPEC §6)
LEANS = (1e-3, 1e-4, 1e-5)  # violation accepted per std μ of score, among portfolios of nearly least violation
LEAN_GAP = 1e-5  # score, in std μ, to which the optimum among portfolios of least violation is proved
DUAL_SIMPLEX, INTERIOR, CLARABEL = "HiGHS dual simplex", "HiGHS interior point", "Clarabel"
SHORTER = "Clarabel in shorter steps"
CVXPY: dict[str, tuple[str, dict[str, Any]]] = {
    DUAL_SIMPLEX: (cp.HIGHS, {"highs_options": {**OPTIONS, "solver": "simplex", "presolve": "off"}}),
    INTERIOR: (cp.HIGHS, {"highs_options": {**OPTIONS, "solver": "ipm"}}),
    CLARABEL: (cp.CLARABEL, CLARABEL_OPTIONS),
    SHORTER: (cp.CLARABEL, SHORTER_STEPS),
}
LINEAR_LADDER, CURVED_LADDER = (DUAL_SIMPLEX, INTERIOR, CLARABEL), (CLARABEL, SHORTER)
SHOWN_NAMES = 5


@dataclass(frozen=True)
class Row:
    """One row of one constraint at the solution.

    residual: violation beyond `slack`. slack: the violation by which the constraint was relaxed. shadow_price: change of Σ μw
    per unit added to the binding bound (positive for an upper bound, negative for a lower one). forced_by: the cause of the
    slack; None without slack.
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
    forced_by: Reason | None = None


@dataclass(frozen=True)
class Attempt:
    """One solver's attempt at one stage. The time is not recorded, so that a backfill stores the same rows as a weekly run.

    stage: strict (all constraints), an elastic group (its smallest total), relaxed (the score within the totals) or ties
    (the smallest turnover). status: from the solver. residual, gap: computed by certificate.py; None without an answer.
    refused: NO_ANSWER; NOT_VERIFIED if the residual or the gap exceeds TOLERANCE; "" for an accepted answer.
    """

    stage: str
    solver: str
    status: str
    residual: float | None
    gap: float | None
    refused: str = ""


@dataclass(frozen=True, eq=False)
class Solution:
    """The weights [n] of a rebalance, with their proof and prices.

    status: optimal, relaxed, or failed; after a failure the weights are the drifted ones, and `reason` is set. objective: Σ μw less
    the terms' costs. turnover: one-way. duality_gap: the largest over all accepted solves, in std μ of score or in the unit of
    a stage's violation. residual: the largest violation beyond the slacks. totals: elastic group → smallest total violation,
    if the strict problem has no solution. tie_break: how one of several optima was chosen, one of the TIE_… codes.
    multipliers: constraint → [rows], as Row.shadow_price. reduced_costs [n]: the same for each stock's own bounds; 0 between them.
    In a degenerate optimum they are one of several valid sets; those of neutral industries have the median 0 (`_level`).
    attempts: every solver that was used, in order.
    """

    status: str
    weights: Floats
    objective: float
    turnover: float
    duality_gap: float
    residual: float
    rows: tuple[Row, ...] = ()
    totals: Mapping[str, float] = field(default_factory=dict)
    reason: Reason | None = None
    solver: str = ""
    tie_break: str = ""
    multipliers: Mapping[str, Floats] = field(default_factory=dict)
    reduced_costs: Floats | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def relaxations(self) -> tuple[Row, ...]:
        """The rows that are violated by a slack."""
        return tuple(row for row in self.rows if row.slack > 0)


class NotSolved(Exception):
    """No solver returned an answer that could be verified; `reason` says why."""

    def __init__(self, reason: Reason):
        super().__init__(reason)
        self.reason = reason


def optimise(
    problem: Problem,
    constraints: Sequence[Constraint],
    *,
    order: Sequence[str],
    terms: Sequence[Term] = (),
    stated_by: StatedBy = "arrays",
) -> Solution:
    """Maximise Σ μw less the terms' costs subject to `constraints`, whose groups are relaxed in reverse `order` (SPEC §6).

    problem: arrays [n]; the order of the stocks has no effect. order: elastic groups, from the one relaxed last to the one relaxed
    first. stated_by: `arrays` passes linear problems to HiGHS directly, `cvxpy` formulates them in cvxpy, as is always done
    for other problems. Constraints that do not `apply`, such as turnover at the first build, are left out. A problem that no
    solver solves returns a Solution with the status failed.

    Raises:
        ValueError: A symbol or a constraint's name occurs twice, a constraint's group is not in `order`, or a number is not
            finite.
    """
    if (problem.symbols[1:] < problem.symbols[:-1]).any():
        by_symbol = np.argsort(problem.symbols, kind="stable")
        own = optimise(problem.take(by_symbol), constraints, order=order, terms=terms, stated_by=stated_by)
        back = np.argsort(by_symbol)
        prices = None if own.reduced_costs is None else own.reduced_costs[back]
        return replace(own, weights=own.weights[back], reduced_costs=prices)
    _require_names(problem, constraints, order)
    _require_numbers(problem)
    constraints = [c for c in constraints if c.applies(problem)]
    straight = not terms and not any(c.curved for c in constraints)
    concerned = [(problem.upper > 0) | (problem.benchmark > 0) | (problem.drifted > 0)]
    matters = np.flatnonzero(np.any([*concerned, *(c.concerns(problem) for c in constraints)], axis=0))
    if (
        straight and stated_by == "arrays" and matters.size > problem.n // 2
    ):  # leaving few stocks out takes longer than it saves
        matters = np.arange(problem.n)
    small = problem if matters.size == problem.n else problem.take(matters)
    groups = [group for group in order if any(c.group == group for c in constraints)]
    scale = float(problem.mu.std()) or 1.0
    certificate = Certificate(small, small.mu / scale, constraints, terms, scale)
    ladder = _Ladder(certificate, stated_by)
    try:
        solution, last, best = _optimise(certificate, ladder, groups)
    except NotSolved as failure:
        return Solution(
            "failed",
            problem.drifted.copy(),
            objective=float(problem.mu @ problem.drifted),
            turnover=0.0,
            duality_gap=float("nan"),
            residual=float("nan"),
            reason=failure.reason,
            attempts=tuple(ladder.attempts),
        )
    weights, prices = np.zeros(problem.n), np.zeros(problem.n)
    weights[matters] = solution.weights
    if straight and small is not problem:  # includes the prices of stocks that cannot be held
        everyone = Certificate(problem, problem.mu / scale, constraints, (), scale)
        prices = name_prices(everyone.bound(last, weights, best), weights, problem) * scale
    else:
        bound = certificate.bound(last, solution.weights, best)
        prices[matters] = name_prices(bound, solution.weights, small) * scale
    return replace(solution, weights=weights, reduced_costs=prices)


def _require_names(problem: Problem, constraints: Sequence[Constraint], order: Sequence[str]) -> None:
    twice = [a for a, b in itertools.pairwise(problem.symbols.tolist()) if a == b]
    if twice:
        raise ValueError(f"optimise: {twice[0]} occurs twice among the symbols; pass one row per stock")
    names = [NAME_BOUNDS, *(constraint.name for constraint in constraints)]
    if len(set(names)) < len(names):
        raise ValueError(f"optimise: two constraints share a name among {', '.join(names)}; name each one differently")
    for constraint in constraints:
        if constraint.group not in (HARD, *order):
            raise ValueError(
                f"optimise: the group {constraint.group!r} of {constraint.name} is not in the order {tuple(order)}; "
                f"add it there, or make the group {HARD!r}"
            )


def _require_numbers(problem: Problem) -> None:
    """Refuse numbers that are not finite, on which solvers raise unrelated errors or do not terminate."""
    numbers = {name: getattr(problem, name) for name in ("mu", "benchmark", "drifted", "lower", "upper")}
    for name, values in (*numbers.items(), *problem.styles.items()):
        if not np.isfinite(values).all():
            i = int(np.flatnonzero(~np.isfinite(values))[0])
            raise ValueError(f"optimise: {name} of {problem.symbols[i]} is {values[i]}; pass 0 where there is no value")


class _Ladder:
    """The solvers in the order in which they are used, and a record of their attempts."""

    def __init__(self, certificate: Certificate, stated_by: StatedBy):
        self.certificate, self.attempts = certificate, list[Attempt]()
        self.program = LinearProgram(certificate) if stated_by == "arrays" else None
        self.statement: Statement | None = None  # the last one
        self.gap = 0.0  # the largest of the accepted answers

    def is_linear(self, stage: Stage) -> bool:
        """Return whether HiGHS can solve the stage: without terms in its objective and curved constraints in its groups."""
        scored = stage.target is None and bool(self.certificate.terms)
        return not scored and not any(c.curved for c in self.certificate.constraints if stage.counts(c.group))

    def climb(self, stage: Stage) -> tuple[Answer | None, str]:
        """Return the first verified answer and its solver; None instead of the answer if the stage is infeasible.

        Raises NotSolved if no solver's answer is verified.
        """
        for name in LINEAR_LADDER if self.is_linear(stage) else CURVED_LADDER:
            answer = self._ask(name)(stage)
            if answer.status == INFEASIBLE:
                self.attempts.append(Attempt(stage.name, name, answer.status, None, None))
                return None, name
            if answer.weights is None:
                self._record(stage, name, answer, None, None, NO_ANSWER)
                continue
            residual = self.certificate.residual(stage, answer.weights)
            best = self.certificate.bound(stage, answer.weights, answer).value
            gap = best - self.certificate.objective(stage, answer.weights)
            verified = residual <= TOLERANCE and abs(gap) <= TOLERANCE
            self._record(stage, name, answer, residual, gap, "" if verified else NOT_VERIFIED)
            if verified:
                self.gap = max(self.gap, gap, key=abs)
                return answer, name
        asked = [
            SOLVER_WITHOUT_ANSWER(solver=one.solver, status=one.status)
            if one.residual is None
            else SOLVER_NOT_VERIFIED(solver=one.solver, status=one.status, residual=float(one.residual), gap=one.gap)
            for one in self.attempts
            if one.stage == stage.name
        ]
        raise NotSolved(NO_VERIFIED_ANSWER(stage=stage.name, reasons=asked))

    def choose_nearest(self, target: Stage, answer: Answer) -> Answer:
        """Return, among the portfolios that violate the target's group least, as `answer` does, one with the largest score.

        If all curved constraints of the group are `unique`, there is only one. Otherwise violation − lean × score is minimised,
        whose optimum has the largest score among all portfolios with at most its violation. The result is the optimum for the
        largest lean that violates at most TOLERANCE more than the least; `answer` if there is none.
        """
        certificate, group, weights = self.certificate, target.target or "", answer.weights
        if weights is None or all(c.unique for c in certificate.constraints if c.group == group and c.curved):
            return answer
        least = certificate.total(group, weights)
        for lean, name in itertools.product(LEANS, CURVED_LADDER):
            stage = replace(target, name="relaxed", lean=lean)
            found = self._ask(name)(stage)
            if found.weights is None:
                continue
            residual = max(certificate.residual(stage, found.weights), certificate.total(group, found.weights) - least)
            best = certificate.bound(stage, found.weights, found).value
            gap = (best - certificate.objective(stage, found.weights)) / lean
            if residual <= TOLERANCE and abs(gap) <= LEAN_GAP:
                self._record(stage, name, found, residual, gap, "")
                return found
        return answer

    def _ask(self, name: str) -> Callable[[Stage], Answer]:
        if self.program is not None and name in (DUAL_SIMPLEX, INTERIOR):
            program, method = self.program, SIMPLEX if name == DUAL_SIMPLEX else INTERIOR_POINT
            return lambda stage: program.solve(stage, method)
        solver, options = CVXPY[name]
        return lambda stage: self._state(stage).solve(stage, solver=solver, options=options)

    def _state(self, stage: Stage) -> Statement:
        if self.statement is None or not self.statement.holds(stage):
            c = self.certificate
            self.statement = Statement(c.problem, c.mu, c.constraints, c.terms, c.scale, stage)
        return self.statement

    def _record(
        self, stage: Stage, name: str, answer: Answer, residual: float | None, gap: float | None, refused: str
    ) -> None:
        self.attempts.append(Attempt(stage.name, name, answer.status, residual, gap, refused))


def _optimise(certificate: Certificate, ladder: _Ladder, groups: Sequence[str]) -> tuple[Solution, Stage, Answer]:
    """The solution, and the stage and answer that prove its score."""
    problem = certificate.problem
    totals: dict[str, float] = {}
    causes: dict[str, Multipliers] = {}
    last = Stage("strict", strict=tuple(groups))
    best, solver = ladder.climb(last)
    if best is None:
        last = Stage("relaxed")
        for group in groups:
            target = Stage(group, last.strict, last.totals, target=group)
            stage, solver = ladder.climb(target)
            if stage is None or stage.weights is None:
                raise NotSolved(_no_portfolio(certificate, ladder, group, totals))
            totals[group], causes[group] = certificate.total(group, stage.weights), stage.multipliers
            curved = [c.name for c in certificate.constraints if c.group == group and c.curved]
            if not curved and (totals[group] > TOLERANCE or not certificate.curved):
                last = replace(last, totals={**last.totals, group: totals[group] + TOTAL_MARGIN})
            elif totals[group] <= TOLERANCE:
                last = replace(last, strict=(*last.strict, group))
            elif group == groups[-1]:  # its least violation leaves nearly no choice, so the score has no prices
                best = ladder.choose_nearest(target, stage)
                last, best = target, replace(best, multipliers=_no_prices(best.multipliers))
            else:
                raise NotSolved(CURVED_MUST_GIVE(constraints=curved))
        if best is None:
            best, solver = ladder.climb(last)
    if best is None or best.weights is None:
        raise NotSolved(_no_portfolio(certificate, ladder, "", totals))
    weights, tie_break = _break_ties(certificate, ladder, last, best.weights)
    best = replace(best, multipliers=_level(certificate, last, best.multipliers))
    rows = _rows(certificate, totals, causes, weights, best.multipliers)
    own = certificate.bound(last, weights, best).value - certificate.objective(last, weights)
    solution = Solution(
        "relaxed" if any(row.slack > 0 for row in rows) else "optimal",
        weights,
        objective=certificate.score(weights) * certificate.scale,
        turnover=one_way_turnover(weights, problem.drifted, problem.cash),
        duality_gap=ladder.gap if last.target else max(ladder.gap, own, key=abs),
        residual=max(certificate.residual(last, weights), *(row.residual for row in rows)),
        rows=tuple(rows),
        totals=totals,
        solver=solver,
        tie_break=tie_break,
        multipliers={
            c.name: np.asarray(best.multipliers[c.name]) * certificate.scale
            for c in certificate.constraints
            if c.name in best.multipliers
        },
        attempts=tuple(ladder.attempts),
    )
    return solution, last, best


def _level(certificate: Certificate, stage: Stage, multipliers: Multipliers) -> Multipliers:
    """The multipliers, where those of an exactly neutral partition of the stocks are reduced by their median.

    Such a partition is the industries if every one is neutral. Together their constraints imply Σw = 1, so that their prices are
    determined up to a constant, which differs between solvers. The constant is chosen such that the median is 0, and the median
    is added to the price of Σw = 1. Then the sum of |price| is the gain per unit of widening all of them, and one industry's
    price is the gain of moving weight to it from the median one. An industry in which no stock can move has the price 0.
    """
    problem, levelled = certificate.problem, dict(multipliers)
    whole = next((c.name for c in certificate.constraints if c.always and c.name in multipliers), None)
    free = problem.lower < problem.upper
    for c in certificate.constraints:
        if whole is None or c.always or c.curved or not stage.keeps(c.group) or c.name not in multipliers:
            continue
        line = certificate.tangent(c, problem.benchmark)
        if line.sold is None and (line.lower == line.upper).all() and (line.matrix.sum(axis=0) == 1.0).all():
            moves = abs(line.matrix) @ free.astype(float) > 0
            prices = np.asarray(multipliers[c.name])
            middle = float(np.median(prices[moves])) if moves.any() else 0.0
            levelled[c.name] = np.where(moves, prices - middle, 0.0)
            levelled[whole] = np.asarray(levelled[whole]) + middle
    return levelled


def _no_prices(multipliers: Multipliers) -> Multipliers:
    return {name: np.zeros_like(prices) for name, prices in multipliers.items()}


def _no_portfolio(certificate: Certificate, ladder: _Ladder, group: str, totals: Mapping[str, float]) -> Reason:
    """Why no portfolio satisfies the constraints, proved by the smallest violation of the hard ones."""
    if totals or not group:
        return NOT_FOUND_WITHIN_TOTALS(groups=list(totals))
    answer, solver = ladder.climb(Stage(HARD, target=HARD))
    if answer is None or answer.weights is None:
        return NOT_FOUND_WITHIN_NAMES(solver=solver)
    total = certificate.total(HARD, answer.weights)
    if total <= TOLERANCE:
        return NOT_FOUND_WITHIN_HARD(solver=solver)
    return HARD_CONFLICT(total=total, cause=_hard_conflict(certificate.problem))


def _break_ties(certificate: Certificate, ladder: _Ladder, last: Stage, best: Floats) -> tuple[Floats, str]:
    """The optimum with the smallest turnover, and how it was chosen. At a first build all optima have the same turnover."""
    if certificate.problem.first_build:
        return best, TIE_FIRST_BUILD
    if not ladder.is_linear(last):
        return best, TIE_NOT_LINEAR
    floor = certificate.score(best) - TIE_MARGIN
    try:
        tie, _ = ladder.climb(replace(last, name="ties", floor=floor))
    except NotSolved:  # the attempts record why
        return best, TIE_NOT_SOLVED
    if tie is None or tie.weights is None:
        return best, TIE_NOT_SOLVED
    return tie.weights, TIE_SMALLEST_TURNOVER


def _rows(
    certificate: Certificate,
    totals: Mapping[str, float],
    causes: Mapping[str, Multipliers],
    weights: Floats,
    multipliers: Multipliers,
) -> list[Row]:
    problem, constraints, rows = certificate.problem, certificate.constraints, []
    outside = certificate.outside(weights)  # the bounds are in the portfolio's table
    box = Row(NAME_BOUNDS, HARD, "all", 0.0, 1.0, 0.0, outside, 0.0, 0.0)
    for constraint in constraints:
        (lower, upper), values = certificate.bounds(constraint), certificate.values(constraint, weights)
        violations = np.maximum(0.0, np.maximum(lower - values, values - upper))
        relaxed = totals.get(constraint.group, 0.0) > TOLERANCE
        prices = np.asarray(multipliers[constraint.name]) * certificate.scale
        for r, label in enumerate(constraint.rows(problem)):
            slack = float(violations[r]) if relaxed and violations[r] > TOLERANCE else 0.0
            cause = None
            if slack:
                cause = _cause(certificate, constraint, r, weights, causes[constraint.group])
            rows.append(
                Row(
                    constraint.name,
                    constraint.group,
                    label,
                    float(lower[r]),
                    float(upper[r]),
                    float(values[r]),
                    float(violations[r]) - slack,
                    slack,
                    float(prices[r]),
                    cause,
                )
            )
    first = sum(len(c.rows(problem)) for c in constraints if c.always)
    return [*rows[:first], box, *rows[first:]]


def _cause(
    certificate: Certificate, constraint: Constraint, row: int, weights: Floats, multipliers: Multipliers
) -> Reason:
    """The cause of a row's violation at `weights` [n], the first of these that applies.

    - The constraint's own cause (`forced_by`), such as cash above the turnover limit.
    - If the row's stocks cannot satisfy it within their bounds: the stocks whose state narrows these, by their effect, or the
      stock bands if they are too narrow without any state.
    - What has a price at the smallest violation: the other constraints, and the restricted stocks by price × width lost.
    """
    problem = certificate.problem
    if (known := constraint.forced_by(problem, row)) is not None:
        return known
    own = certificate.tangent(constraint, weights)
    if own.sold is None:
        above = bool(certificate.values(constraint, weights)[row] > own.upper[row])
        sign = 1.0 if above else -1.0
        line, offset = own.matrix[[row], :].toarray().ravel() * sign, sign * own.offset[row]
        limit = sign * (own.upper if above else own.lower)[row]
        least = np.minimum(line * problem.lower, line * problem.upper)
        if least.sum() + offset > limit + TOLERANCE:
            free = np.minimum(line * problem.free_lower, line * problem.free_upper)
            bands = free.sum() + offset > limit + TOLERANCE
            names = None if bands else _names(problem, least - free)
            return (KEPT_ABOVE if above else KEPT_BELOW)(cause=names or STOCK_BANDS_ALONE())
    others, pull = [], np.zeros(problem.n)
    for c in certificate.constraints:
        if c.name not in multipliers:
            continue
        line = certificate.tangent(c, weights)
        pull -= line.matrix.T @ multipliers[c.name]
        if not c.always and c is not constraint and np.abs(multipliers[c.name]).max() > TOLERANCE:
            others.append(c.name)
    lost = np.where(pull < 0, -pull * (problem.lower - problem.free_lower), pull * (problem.free_upper - problem.upper))
    names = _names(problem, lost)
    parts = [BALANCES_ROWS(constraint=constraint.name)] if len(own.upper) > 1 else []
    parts += [TOGETHER_WITH(constraints=others)] if others else []
    parts += [RESTRICTED_NAMES(names=names)] if names else []
    return joined(parts) or STOCK_BANDS_ALONE()


def _names(problem: Problem, contribution: Floats) -> Reason | None:
    """The restricted stocks that contribute most, with their drifted weights; None if none contributes."""
    restricted = np.flatnonzero((problem.state != FREE) & (contribution > TOLERANCE))
    first = restricted[np.lexsort((restricted, -contribution[restricted]))]
    shown = [
        NAME_IN_STATE(symbol=str(problem.symbols[i]), state=str(problem.state[i]), weight=float(problem.drifted[i]))
        for i in first[:SHOWN_NAMES]
    ]
    if len(first) > SHOWN_NAMES:
        return NAMES_AND_MORE(names=shown, more=len(first) - SHOWN_NAMES)
    return NAMES(names=shown) if shown else None


def _hard_conflict(problem: Problem) -> Reason:
    low, high = float(problem.lower.sum()), float(problem.upper.sum())
    free = int((problem.upper > problem.lower).sum())
    if high < 1.0:
        return UPPER_BOUNDS_SHORT(total=high, free=free)
    if low > 1.0:
        return LOWER_BOUNDS_OVER(total=low)
    return BOUNDS_EXCLUDED(low=low, high=high)
