"""Irreducible conflicting sets of constraints of a rebalance that has no strict solution.

This module finds the sets. It does not hold the relaxation of constraints (optimiser.py), the cost of bounds in score
(explanation.py) or the wording of the sets (the report).

A set is found by a deletion filter (Chinneck and Dravnieks 1991): each member is left out in turn, and stays out if the rest
still conflicts. A system conflicts if the smallest total violation, which is one LP, exceeds TOLERANCE (constraints.py). The prices
of the LP also identify the members that contribute to the conflict, and all others are removed at once (the sensitivity filter).
Therefore one warm-started LP is solved per member of the set, instead of one per stock of the market.

A curved constraint is represented in the LP by tangents, which are never above it (Kelley 1960), so that a conflict with the
tangents is a conflict with the constraint. Where the LP finds no conflict but its weights violate the constraint, Clarabel minimises
the total violation (nearest.py): either its weights satisfy all constraints, or a tangent at them is added.

The possible members are each row of each constraint; the state of each stock whose bounds it narrows (suspended, st …); the stock
bands of all stocks, as one member; and the rule that only index members are held, as one member. Σw = 1 and w ≥ 0 define a portfolio
and are always in force. Without its state a stock may have any weight between its own bounds and its stock band; without the bands,
stocks without a state may have any weight in [0, 1].
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import highspy
import numpy as np
import scipy.sparse as sp
from highspy._core import _Highs  # highspy.Highs adds callbacks and prints a banner
from numpy.typing import NDArray

from assets.portfolios.problem.constraints import HARD, TOLERANCE, Constraint, LinearRows, Problem
from assets.portfolios.problem.nearest import find_nearest
from resources.arrays import Bools, Floats

PRICE = 1e-9  # a smaller price counts as 0
ROUNDS = 20  # of tangents; a set without a proved conflict after them is taken as free of conflict
OPTIONS: dict[str, bool | int | float | str] = {
    "output_flag": False,
    "presolve": "off",
    "solver": "simplex",
    "threads": 1,
    "random_seed": 0,
    "primal_feasibility_tolerance": 1e-10,
    "dual_feasibility_tolerance": 1e-10,
}

STOCK_BANDS, MEMBERS_ONLY = "stock_bands", "members_only"
NOT_MEMBER = "not_member"  # the state of a stock that is excluded only by `members_only`


@dataclass(frozen=True)
class Member:
    """One member of a conflicting set.

    kind: constraint (one row of it), state (of one stock), stock_bands or members_only. constraint: the constraint's name, or
    the stock's state. row: the label of the row, or the symbol. side: the conflicting bound, upper, lower or both (of
    bands). bound: its value; for a state, the bound that it imposes on the weight. benchmark: the benchmark's value of the row
    (such as an industry's or a stock's benchmark weight), to which the bound is relative; 0 for an absolute bound. names: the
    number of stocks whose bands take part; 1 for a state, 0 for a row.
    """

    kind: str
    constraint: str
    row: str
    side: str
    bound: float
    benchmark: float
    names: int


@dataclass(frozen=True)
class Conflict:
    """Members that cannot all be satisfied, although without any one of them the others can.

    violation: their smallest total violation, in which weights and exposures are added.
    """

    members: tuple[Member, ...]
    violation: float


def find_conflicts(
    problem: Problem, constraints: Sequence[Constraint], *, order: Sequence[str]
) -> tuple[Conflict, ...]:
    """Find irreducible conflicting sets of the strict problem that share no constraint row and no stock; () if there are none.

    order: elastic groups, from the one relaxed last to the one relaxed first. A set is searched among the hard constraints
    first, and then with each next group added, so that it consists of the constraints that are relaxed last. After a set is
    found, the search continues without its rows and stocks (with its stocks, every set would be found again as its
    complement: one industry above its bound means that all the others are below theirs). It ends if the hard constraints alone
    conflict. Constraints that do not `apply` are left out.

    Raises:
        RuntimeError: HiGHS does not solve an LP.
    """
    system = _System(problem, [c for c in constraints if c.applies(problem)])
    found: list[Conflict] = []
    on = system.units(HARD)
    for group in (HARD, *order):
        on = on | system.units(group)
        while (members := _filter(system, on)) is not None:
            found.append(system.describe(members))
            rows = members & system.is_row
            if group == HARD or not rows.any():
                return tuple(found)
            on = on & ~(members & ~system.bands)
    return tuple(found)


def kept_out(problem: Problem) -> Bools:
    """Return the stocks [n] that have no stock band because only members are held, whatever else their state is."""
    return (problem.free_upper <= 0) & bool((problem.state == NOT_MEMBER).any())


def _filter(system: "_System", on: Bools) -> Bools | None:
    """The units of one irreducible conflicting set among `on`; None if all of these can be satisfied."""
    first = system.solve(on)
    if first.violation <= TOLERANCE:
        return None
    kept = _shrink(system, on, first)
    for unit in system.deletion_order(kept, first):
        if not kept[unit]:
            continue
        trial = kept.copy()
        trial[unit] = False
        answer = system.solve(trial)
        if answer.violation > TOLERANCE:
            kept = _shrink(system, trial, answer)
    return kept


def _shrink(system: "_System", on: Bools, answer: "_LeastViolation") -> Bools:
    """`on` without the units that do not contribute to the conflict; `on` itself if the rest no longer conflicts numerically."""
    smaller = on & answer.involved
    return smaller if system.solve(smaller).violation > TOLERANCE else on


@dataclass(frozen=True, eq=False)
class _LeastViolation:
    """The solution of one LP.

    violation: the smallest total; by_row [rows]: its parts. involved [units]: whether a unit contributes to it. prices [rows]:
    < 0 where an upper bound contributes. pull [n]: > 0 where a stock's lower bound contributes, < 0 where its upper bound
    does. weights [n].
    """

    violation: float
    by_row: Floats
    involved: Bools
    prices: Floats
    pull: Floats
    weights: Floats


class _System:
    """The LP of the smallest total violation. Its units are the rows, then the two band units, then every stock's state.

    The columns are w [n], sales of held stocks [h], and violations above [r] and below [r]. The rows are those of the
    constraints [r], with Σw = 1 first; then sale ≥ drifted − w [h]; then the tangents of curved rows, whose own rows are
    empty. Leaving a unit out only widens bounds, so that every solve starts from the last basis.
    """

    def __init__(self, problem: Problem, constraints: Sequence[Constraint]):
        self.problem = problem
        n, held = problem.n, np.flatnonzero(problem.drifted > 0)
        self.constraints = sorted(constraints, key=lambda c: not c.always)
        self.labels: list[tuple[Constraint, str]] = []
        self.slots: list[slice] = []
        blocks, sales, lower, upper, offsets = [], [], [], [], []
        for constraint in self.constraints:
            labels, bounds = constraint.rows(problem), constraint.bounds(problem)
            self.slots.append(slice(len(self.labels), len(self.labels) + len(labels)))
            self.labels += [(constraint, label) for label in labels]
            none = LinearRows(sp.csr_array((len(labels), n)), np.zeros(len(labels)))
            line = none if constraint.curved else constraint.tangent(problem.benchmark, problem)
            sold = np.zeros(len(labels)) if line.sold is None else line.sold
            blocks.append(sp.csr_array(line.matrix))
            sales.append(sp.csr_array(np.outer(sold, np.ones(held.size))))
            lower.append(bounds[0] - line.offset)
            upper.append(bounds[1] - line.offset)
            offsets.append(line.offset)
        self.lower, self.upper = np.concatenate(lower), np.concatenate(upper)
        self.offsets = np.concatenate(offsets)
        self.rows = len(self.lower)
        self.always = sum(constraint.always for constraint, _ in self.labels)
        self.curved = np.array([constraint.curved for constraint, _ in self.labels])
        self.held = held
        self.tangents: list[tuple[int, float]] = []  # row of the system, upper bound
        bands = slice(self.rows, self.rows + 2)
        self.size = self.rows + 2 + n
        self.is_row = np.arange(self.size) < self.rows
        self.is_row[: self.always] = False
        self.bands = np.zeros(self.size, bool)
        self.bands[bands] = True
        self.narrowed = (problem.lower != problem.free_lower) | (problem.upper != problem.free_upper)
        self.excluded = kept_out(problem)
        self.highs = self._pass(sp.vstack(blocks).tocsc(), sp.vstack(sales).tocsc(), held)
        self.now = (np.full(n, -1.0), np.full(n, -1.0), np.zeros(self.rows, bool))

    def _pass(self, matrix: sp.csc_array, sales: sp.csc_array, held: NDArray[np.int64]) -> _Highs:
        n, r, h = self.problem.n, self.rows, held.size
        eye = sp.eye_array(r, format="csc")
        hold = sp.csc_array((np.ones(h), (np.arange(h), held)), shape=(h, n))
        full = sp.block_array(
            [[matrix, sales, -eye, eye], [hold, sp.eye_array(h, format="csc"), None, None]], format="csc"
        )
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = n + h + 2 * r, r + h
        lp.col_cost_ = np.concatenate([np.zeros(n + h), np.ones(2 * r)])
        lp.col_lower_ = np.zeros(n + h + 2 * r)
        lp.col_upper_ = np.concatenate([np.ones(n), np.full(h + 2 * r, np.inf)])
        lp.row_lower_ = np.concatenate([np.full(r, -np.inf), self.problem.drifted[held]])
        lp.row_upper_ = np.full(r + h, np.inf)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = full.indptr, full.indices, full.data
        highs = _Highs()
        for option, value in OPTIONS.items():
            highs.setOptionValue(option, value)
        highs.passModel(lp)
        return highs

    def units(self, group: str) -> Bools:
        """Return the units of a group: its rows, and for HARD also bands and states."""
        on = np.array([constraint.group == group for constraint, _ in self.labels])
        other = np.full(self.size - self.rows, group == HARD)
        other[2:] &= self.narrowed
        return np.concatenate([on, other])

    def box(self, on: Bools) -> tuple[Floats, Floats]:
        """Return the bounds of every stock [n] under the units `on`."""
        p, state = self.problem, on[self.rows + 2 :]
        stock, members = on[self.rows], on[self.rows + 1]
        band = np.where(self.excluded, members, stock)
        narrowed = state & self.narrowed
        lower = np.where(narrowed, p.lower, np.minimum(p.lower, p.free_lower))
        upper = np.where(narrowed, p.upper, np.maximum(p.upper, p.free_upper))
        own_lower = np.where(narrowed & (p.lower != p.free_lower), p.lower, 0.0)
        own_upper = np.where(narrowed & (p.upper != p.free_upper), p.upper, 1.0)
        return np.where(band, lower, own_lower), np.where(band, upper, own_upper)

    def solve(self, on: Bools) -> _LeastViolation:
        """Compute the smallest total violation of the units `on`, as exactly as needed to decide whether they conflict."""
        answer = self._solve(on)
        for _ in range(ROUNDS if (on[: self.rows] & self.curved).any() else 0):
            if answer.violation > TOLERANCE or self._total(on, answer.weights) <= TOLERANCE:
                break
            if self._approach(on, answer.weights) <= TOLERANCE:
                break
            answer = self._solve(on)
        return answer

    def solve_exactly(self, on: Bools) -> _LeastViolation:
        """Compute the smallest total violation of the units `on`, to TOLERANCE."""
        answer = self._solve(on)
        for _ in range(ROUNDS if (on[: self.rows] & self.curved).any() else 0):
            if self._approach(on, answer.weights) <= answer.violation + TOLERANCE:
                break
            answer = self._solve(on)
        return answer

    def _rows_on(self, on: Bools) -> Bools:
        rows = on[: self.rows].copy()
        rows[: self.always] = True
        return rows

    def _total(self, on: Bools, weights: Floats) -> float:
        """The violation of the rows `on` at `weights` [n], by the constraints' own formulas."""
        rows, total = self._rows_on(on), 0.0
        for constraint, slot in zip(self.constraints, self.slots, strict=True):
            values, (lower, upper) = constraint.values(weights, self.problem), constraint.bounds(self.problem)
            total += float(np.maximum(0.0, np.maximum(lower - values, values - upper))[rows[slot]].sum())
        return total

    def _approach(self, on: Bools, weights: Floats) -> float:
        """Add tangents of the curved rows at `weights` [n] and at the weights of least violation; return the least known total."""
        rows, box = self._rows_on(on), self.box(on)
        nearest = find_nearest(self.problem, self.constraints, [rows[slot] for slot in self.slots], box)
        least = self._total(on, weights)
        places: list[tuple[Floats, Mapping[str, Floats]]] = [(weights, {})]
        if nearest is not None:
            least = min(least, self._total(on, nearest.weights))
            places.append((nearest.weights, nearest.directions))
        for place, directions in places:
            for constraint, slot in zip(self.constraints, self.slots, strict=True):
                if constraint.curved and rows[slot].any():
                    self._add(slot, constraint.tangent(place, self.problem, directions.get(constraint.name)))
        return least

    def _add(self, slot: slice, line: LinearRows) -> None:
        """Add a tangent of each row of `slot` as a row of the LP that shares the violation of that row."""
        n, h = self.problem.n, self.held.size
        matrix = line.matrix.toarray()
        for k, r in enumerate(range(slot.start, slot.stop)):
            names = np.flatnonzero(matrix[k])
            sold = np.arange(n, n + h) if line.sold is not None and line.sold[k] else np.zeros(0, dtype=int)
            places = np.concatenate([names, sold, [n + h + r]]).astype(np.int32)
            selling = np.full(sold.size, 0.0 if line.sold is None else line.sold[k])
            self.tangents.append((r, float(self.upper[r] - line.offset[k])))
            self.highs.addRow(-np.inf, np.inf, places.size, places, np.concatenate([matrix[k, names], selling, [-1.0]]))

    def _solve(self, on: Bools) -> _LeastViolation:
        """Solve the LP with its present tangents."""
        n, (lower, upper) = self.problem.n, self.box(on)
        rows = self._rows_on(on)
        changed = np.flatnonzero((lower != self.now[0]) | (upper != self.now[1])).astype(np.int32)
        self.highs.changeColsBounds(changed.size, changed, lower[changed], upper[changed])
        for r in np.flatnonzero(rows != self.now[2]).tolist():
            kept = rows[r] and not self.curved[r]  # a curved row is represented by its tangents
            bounds = (self.lower[r], self.upper[r]) if kept else (-np.inf, np.inf)
            self.highs.changeRowBounds(r, *bounds)
        for k, (r, bound) in enumerate(self.tangents, start=self.rows + self.held.size):
            self.highs.changeRowBounds(k, -np.inf, bound if rows[r] else np.inf)
        self.now = (lower, upper, rows)
        self.highs.run()
        if self.highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:  # the last basis was of no use
            self.highs.clearSolver()
            self.highs.run()
        status = self.highs.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            raise RuntimeError(
                f"The smallest violation of a conflict was not found: HiGHS has the status {status.name}"
            )
        solution = self.highs.getSolution()
        duals = np.asarray(solution.row_dual)
        prices = duals[: self.rows].copy()
        for (r, _), price in zip(self.tangents, duals[self.rows + self.held.size :], strict=True):
            prices[r] += price
        pull = np.asarray(solution.col_dual)[:n]
        by_row = np.asarray(solution.col_value)[-2 * self.rows :].reshape(2, self.rows).sum(axis=0)
        involved = self._involved(on, prices, pull, (lower, upper))
        weights = np.clip(np.asarray(solution.col_value)[:n], lower, upper)
        return _LeastViolation(float(by_row.sum()), by_row, involved, prices, pull, weights)

    def _involved(self, on: Bools, prices: Floats, pull: Floats, box: tuple[Floats, Floats]) -> Bools:
        """The rows with a price, and the units that narrow a stock's bound with a price."""
        involved = np.zeros(self.size, bool)
        involved[: self.rows] = np.abs(prices) > PRICE
        involved[self.rows + 2 :] = self._widens(on, self.rows + 2, self.size, pull, box)
        for unit in (self.rows, self.rows + 1):
            involved[unit] = self._widens(on, unit, unit + 1, pull, box).any()
        return involved & on

    def _widens(self, on: Bools, first: int, end: int, pull: Floats, box: tuple[Floats, Floats]) -> Bools:
        """Stocks [n] whose bound with a price would move without the units first … end − 1."""
        without = on.copy()
        without[first:end] = False
        lower, upper = self.box(without)
        return ((pull > PRICE) & (lower < box[0])) | ((pull < -PRICE) & (upper > box[1]))

    def deletion_order(self, on: Bools, answer: _LeastViolation) -> Iterator[int]:
        """Yield the bands, then the rows, then the states, each in ascending order of their contribution.

        Units that are tried last are the most likely to stay in the set.
        """
        lower, upper = self.box(on)
        yield from np.flatnonzero(on & self.bands).tolist()
        rows = np.flatnonzero(on & self.is_row)
        yield from rows[np.lexsort((-rows, answer.by_row[rows]))].tolist()
        p = self.problem
        room = np.where(answer.pull > 0, lower - p.free_lower, p.free_upper - upper)
        names = np.flatnonzero(on[self.rows + 2 :])
        weight = np.abs(answer.pull * room)[names]
        yield from (names[np.lexsort((-names, weight))] + self.rows + 2).tolist()

    def describe(self, on: Bools) -> Conflict:
        """Return the set `on` as a Conflict."""
        answer, box, p = self.solve_exactly(on), self.box(on), self.problem
        reference = np.concatenate([constraint.reference(p) for constraint in self.constraints])
        members = []
        for r in np.flatnonzero(on & self.is_row).tolist():
            constraint, label = self.labels[r]
            side = "upper" if answer.prices[r] < 0 else "lower"
            bound = (self.upper if side == "upper" else self.lower)[r] + self.offsets[r]
            members.append(Member("constraint", constraint.name, label, side, float(bound), float(reference[r]), 0))
        for unit, name in ((self.rows, STOCK_BANDS), (self.rows + 1, MEMBERS_ONLY)):
            if on[unit]:
                touched = self._widens(on, unit, unit + 1, answer.pull, box)
                side = "upper" if (answer.pull[touched] < 0).all() else "lower"
                if (answer.pull[touched] < 0).any() and (answer.pull[touched] > 0).any():
                    side = "both"
                members.append(Member(name, name, "", side, 0.0, 0.0, int(touched.sum())))
        for i in np.flatnonzero(on[self.rows + 2 :]).tolist():
            side = "upper" if answer.pull[i] < 0 else "lower"
            bound = float((p.upper if side == "upper" else p.lower)[i])
            members.append(Member("state", str(p.state[i]), str(p.symbols[i]), side, bound, float(p.benchmark[i]), 1))
        return Conflict(tuple(members), answer.violation)
