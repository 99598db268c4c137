"""The rebalance as arrays for HiGHS: one model for all stages, each of which starts from the basis of the previous one.

This module holds the columns and rows of the linear problem, and their changes from stage to stage. It does not hold terms and
curved constraints (statement.py), the order of stages (optimiser.py) or the verification of answers (certificate.py).

The columns are the purchases of every stock [n], the sales of every held one [h] (w = w_drift + bought − sold, so that turnover is
one row and stocks need no rows), and for every row its violations above and below its bounds [2 × rows]. The rows are those of the
constraints [rows], the total of each elastic group, and the score. A stage changes costs and bounds only.
"""

import highspy
import numpy as np
import scipy.sparse as sp
from highspy._core import _Highs  # highspy.Highs adds callbacks and prints a banner

from assets.portfolios.problem.certificate import (
    INFEASIBLE,
    OPTIMAL,
    SCORE_FLOOR,
    Answer,
    Certificate,
    Stage,
)
from assets.portfolios.problem.constraints import one_row
from resources.arrays import Floats

SIMPLEX, INTERIOR_POINT = "simplex", "ipm"
OPTIONS = {
    "primal_feasibility_tolerance": 1e-10,
    "dual_feasibility_tolerance": 1e-10,
    "threads": 1,
    "random_seed": 0,
    "output_flag": False,
}
STATUSES = {
    highspy.HighsModelStatus.kOptimal: OPTIMAL,
    highspy.HighsModelStatus.kInfeasible: INFEASIBLE,
    highspy.HighsModelStatus.kUnboundedOrInfeasible: INFEASIBLE,
}


class LinearProgram:
    """The model of one problem's linear constraints, built from the matrices of `certificate`."""

    def __init__(self, certificate: Certificate):
        self.problem, self.mu = certificate.problem, certificate.mu
        self.constraints = [c for c in certificate.constraints if not c.curved]
        self.groups = list(dict.fromkeys(c.group for c in self.constraints))
        self.slots: dict[str, slice] = {}
        blocks, lower, upper = [], [], []
        sells = np.zeros(0)
        for constraint in self.constraints:
            line = certificate.tangent(constraint, self.problem.drifted)
            rows = line.matrix.shape[0]
            self.slots[constraint.name] = slice(len(sells), len(sells) + rows)
            sells = np.concatenate([sells, np.zeros(rows) if line.sold is None else line.sold])
            blocks.append(line.matrix)
            lower.append(line.lower - line.offset)
            upper.append(line.upper - line.offset)
        self.rows = len(sells)
        self.row_group = np.repeat([self.groups.index(c.group) for c in self.constraints], [b.shape[0] for b in blocks])
        self.held = np.flatnonzero(self.problem.drifted > 0)
        matrix = sp.vstack([*blocks, sp.csr_array((len(self.groups), self.problem.n)), one_row(self.mu)], format="csr")
        start = (matrix @ self.problem.drifted)[
            : self.rows
        ]  # the rows are in terms of w, the columns in terms of w − w_drift
        lower, upper = np.concatenate(lower) - start, np.concatenate(upper) - start
        self.highs = self._pass(matrix.tocsc(), sells, lower, upper)

    def _pass(self, matrix: sp.csc_array, sells: Floats, lower: Floats, upper: Floats) -> _Highs:
        """Pass the model to HiGHS. matrix: of w; the rows of the groups' totals and of the score follow the constraints'."""
        p, h, r, g = self.problem, self.held.size, self.rows, len(self.groups)
        below = np.zeros((g + 1, 1))
        sold = sp.csc_array(np.vstack([sells[:, np.newaxis], below]) @ np.ones((1, h))) - matrix[:, self.held]
        each = np.arange(r, dtype=np.int32)
        places = np.column_stack([each, r + self.row_group]).ravel()  # of a row's violation: the row, its group's total
        starts = np.arange(0, 2 * r + 1, 2)
        shape = (r + g + 1, r)
        above, under = (sp.csc_array((np.tile([side, 1.0], r), places, starts), shape=shape) for side in (-1.0, 1.0))
        full = sp.hstack([matrix, sold, above, under], format="csc")
        own = p.drifted[self.held]
        free = np.zeros(2 * r)
        highs = _Highs()
        for option, value in OPTIONS.items():
            highs.setOptionValue(option, value)
        highs.passModel(  # as arrays: a HighsLp copies the matrix entry by entry, which is ten times as slow
            full.shape[1],
            full.shape[0],
            full.nnz,
            int(highspy.MatrixFormat.kColwise),
            int(highspy.ObjSense.kMinimize),
            0.0,  # offset
            np.zeros(full.shape[1]),
            np.concatenate([np.maximum(0.0, p.lower - p.drifted), np.maximum(0.0, own - p.upper[self.held]), free]),
            np.concatenate([np.maximum(0.0, p.upper - p.drifted), np.maximum(0.0, own - p.lower[self.held]), free]),
            np.concatenate([lower, np.full(g + 1, -np.inf)]),
            np.concatenate([upper, np.full(g + 1, np.inf)]),
            full.indptr.astype(np.int32),
            full.indices.astype(np.int32),
            full.data,
            np.zeros(full.shape[1], dtype=np.int32),  # all continuous
        )
        return highs

    def solve(self, stage: Stage, method: str) -> Answer:
        """Solve a stage that has linear constraints only.

        method: SIMPLEX (dual, from the last basis) or INTERIOR_POINT (with crossover, from no basis).
        """
        self._set(stage)
        highs = self.highs
        if method == INTERIOR_POINT:
            highs.clearSolver()
        highs.setOptionValue("solver", method)
        highs.setOptionValue("presolve", "off" if method == SIMPLEX else "on")
        highs.run()
        status = highs.getModelStatus()
        if status not in STATUSES:
            return Answer(highs.modelStatusToString(status))
        if STATUSES[status] != OPTIMAL:
            return Answer(STATUSES[status])
        solution, p = highs.getSolution(), self.problem
        x, y = np.asarray(solution.col_value), -np.asarray(solution.row_dual)
        weights = p.drifted + x[: p.n]
        weights[self.held] -= x[p.n : p.n + self.held.size]
        multipliers = {name: y[slot] for name, slot in self.slots.items()}
        multipliers[SCORE_FLOOR] = y[-1:]
        return Answer(OPTIMAL, np.clip(weights, p.lower, p.upper), multipliers)

    def _set(self, stage: Stage) -> None:
        n, h, r = self.problem.n, self.held.size, self.rows
        columns = np.arange(n + h + 2 * r, dtype=np.int32)
        cost = np.zeros(columns.size)
        if stage.target is not None:
            cost[n + h :] = np.tile(self.row_group == self._group(stage.target), 2)
        elif stage.floor is not None:
            cost[n : n + h] = 1.0
        else:
            cost[:n], cost[n : n + h] = -self.mu, self.mu[self.held]
        self.highs.changeColsCost(columns.size, columns, cost)
        free = np.array([stage.relaxes(group) or not stage.counts(group) for group in self.groups])
        room = np.tile(np.where(free[self.row_group], np.inf, 0.0), 2)
        self.highs.changeColsBounds(2 * r, columns[n + h :], np.zeros(2 * r), room)
        for k, group in enumerate(self.groups):
            self.highs.changeRowBounds(r + k, -np.inf, stage.totals.get(group, np.inf))
        floor = -np.inf if stage.floor is None else stage.floor - float(self.mu @ self.problem.drifted)
        self.highs.changeRowBounds(r + len(self.groups), floor, np.inf)

    def _group(self, group: str) -> int:
        return self.groups.index(group)
