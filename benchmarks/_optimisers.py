"""The weekly problem of SPEC §6 solved by peers: highspy called directly, plain cvxpy, and cvxportfolio.

This module holds the peers that run in this environment, and the rows as plain matrices, which qlib's peer (_qlib_optimiser.py) uses
too. It uses only the numbers of a `Problem` from assets/portfolios, and does not measure (portfolio.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import highspy
import numpy as np
import pandas as pd
import scipy.sparse as sp

from assets.portfolios.problem.constraints import Problem
from resources.arrays import Floats
from resources.settings.portfolios import IndexPortfolioSettings

INDEX = np.int32  # the index type of HiGHS
TIGHT = {"output_flag": False, "threads": 1, "primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
NO_PRESOLVE = {**TIGHT, "presolve": "off"}
TIE_MARGIN = 1e-10  # loss of score, in std μ, that is accepted for the smallest turnover (SPEC §6)


@dataclass(frozen=True)
class Rows:
    """Linear rows −limit ≤ matrix (w − benchmark) ≤ limit: industries, value and size, other styles."""

    matrix: Floats
    limit: Floats


def plain_rows(problem: Problem, bounds: IndexPortfolioSettings) -> Rows:
    """Return the linear rows of a problem as a dense matrix [rows, stocks]."""
    industries = np.unique(problem.industry)
    styles = ("value", "size", *bounds.other_styles)
    dummies = (problem.industry[None, :] == industries[:, None]).astype(float)
    limits: list[Floats] = [
        np.full(len(industries), bounds.industry_deviation),
        np.array([bounds.value_exposure, bounds.size_exposure]),
        np.full(len(bounds.other_styles), bounds.style_exposure),
    ]
    return Rows(np.vstack([dummies, *(problem.styles[style] for style in styles)]), np.concatenate(limits))


def with_highspy(
    problem: Problem, bounds: IndexPortfolioSettings, *, ties: bool, options: Mapping[str, Any]
) -> tuple[float, Floats]:
    """Return the best score and its weights [n] from arrays that HiGHS solves; with `ties` then the smallest turnover.

    The columns are the purchases of each stock that may be held, and the sales of each held stock, so that turnover is one
    row; this was the fastest of the formulations tried. Nothing is verified.

    Raises:
        AssertionError: HiGHS does not end with an optimum.
    """
    names = np.flatnonzero((problem.upper > 0) | (problem.drifted > 0))
    drifted, low, high = problem.drifted[names], problem.lower[names], problem.upper[names]
    held = np.flatnonzero(drifted > 0)
    n, k = len(names), len(held)
    rows = plain_rows(problem, bounds)
    dense = np.vstack([np.ones(n), rows.matrix[:, names]])
    whole = sp.csc_array(np.vstack([np.hstack([dense, -dense[:, held]]), np.repeat([0.0, 1.0], [n, k])]))
    centre = rows.matrix @ problem.benchmark
    start = dense @ drifted  # the rows bound weights, but the columns are changes of weights
    lower = np.concatenate([[1.0], centre - rows.limit]) - start
    upper = np.concatenate([[1.0], centre + rows.limit]) - start
    mu = problem.mu[names] / problem.mu.std()
    gain = np.concatenate([mu, -mu[held]])

    highs = highspy.Highs()
    for name, value in options.items():
        highs.setOptionValue(name, value)
    zero, changes = np.zeros(n + k), np.concatenate
    highs.passModel(
        n + k, len(lower) + 1, whole.nnz, int(highspy.MatrixFormat.kColwise), int(highspy.ObjSense.kMaximize), 0.0, gain,
        np.maximum(zero, changes([low - drifted, (drifted - high)[held]])),
        np.maximum(zero, changes([high - drifted, (drifted - low)[held]])),
        np.append(lower, -np.inf), np.append(upper, bounds.turnover - problem.cash),
        whole.indptr.astype(INDEX), whole.indices.astype(INDEX), whole.data, zero.astype(INDEX),
    )  # fmt: skip
    best = _run(highs)
    score = float(gain @ best + mu @ drifted)
    if ties:
        columns = np.arange(n + k, dtype=INDEX)
        highs.addRow(score - TIE_MARGIN - float(mu @ drifted), np.inf, n + k, columns, gain)
        highs.changeColsCost(n + k, columns, np.repeat([0.0, -1.0], [n, k]))
        best = _run(highs)
    weights = problem.drifted.copy()
    weights[names] += best[:n]
    weights[names[held]] -= best[n:]
    return score, weights


def _run(highs: highspy.Highs) -> Floats:
    highs.run()
    status = highs.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise AssertionError(f"the problem of highspy ended with the status {highs.modelStatusToString(status)}")
    return np.asarray(highs.getSolution().col_value)


def with_cvxpy(
    problem: Problem, bounds: IndexPortfolioSettings, solver: str | None = None
) -> tuple[float, Floats, str]:
    """Return the best score, its weights [n] and the solver that cvxpy chose, with the formulas of SPEC §6 stated directly.

    Raises:
        AssertionError: The solver does not end with an optimum.
    """
    w = cp.Variable(problem.n)
    active = w - problem.benchmark
    dummies = (problem.industry[None, :] == np.unique(problem.industry)[:, None]).astype(float)
    others = np.array([problem.styles[style] for style in bounds.other_styles])
    conditions = [
        cp.sum(w) == 1,
        w >= problem.lower,
        w <= problem.upper,
        cp.abs(dummies @ active) <= bounds.industry_deviation,
        cp.abs(problem.styles["value"] @ active) <= bounds.value_exposure,
        cp.abs(problem.styles["size"] @ active) <= bounds.size_exposure,
        cp.abs(others @ active) <= bounds.style_exposure,
        0.5 * (cp.norm1(w - problem.drifted) + problem.cash) <= bounds.turnover,
    ]
    program = cp.Problem(cp.Maximize(problem.mu / problem.mu.std() @ w), conditions)
    program.solve(solver=solver)
    if program.status != cp.OPTIMAL:
        raise AssertionError(f"the problem of cvxpy ended with the status {program.status}")
    return float(program.value), np.asarray(w.value), str(program.solver_stats.solver_name)


def with_cvxportfolio(problem: Problem, bounds: IndexPortfolioSettings) -> tuple[float, Floats]:
    """Return the best score and its weights [n] of a cvxportfolio policy with one object per row and bounds per stock.

    Holdings have cash as the last entry. The turnover of cvxportfolio excludes cash: ½ Σ|w − w_drift| ≤ limit − ½ cash is the
    same condition.
    """
    import cvxportfolio as cvx

    names = pd.Index(problem.symbols)
    holdings = pd.Series(np.append(problem.drifted, problem.cash), index=[*problem.symbols, "cash"])
    rows = plain_rows(problem, bounds)
    centre = rows.matrix @ problem.benchmark
    constraints: list[Any] = [
        cvx.NoCash(),
        cvx.MinWeights(pd.Series(problem.lower, names)),
        cvx.MaxWeights(pd.Series(problem.upper, names)),
        cvx.TurnoverLimit(bounds.turnover - 0.5 * problem.cash),
    ]
    for line, at, limit in zip(rows.matrix, centre, rows.limit, strict=True):
        exposure = pd.Series(line, names)
        if limit == 0:
            constraints.append(cvx.FixedFactorLoading(exposure, float(at)))
        else:
            constraints.append(cvx.FactorMaxLimit(exposure, float(at + limit)))
            constraints.append(cvx.FactorMinLimit(exposure, float(at - limit)))
    mu = problem.mu / problem.mu.std()
    policy = cvx.SinglePeriodOptimization(
        cvx.ReturnsForecast(pd.Series(mu, names)), constraints, include_cash_return=False, fallback_solver=None
    )
    trades, _, _ = policy.execute(holdings, market_data=None, t=pd.Timestamp("2023-12-15"))
    weights = (holdings + trades).to_numpy()[:-1]
    return float(mu @ weights), weights
