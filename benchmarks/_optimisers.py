"""The weekly problem of SPEC §6 as others would state it: highspy called directly, textbook cvxpy, cvxportfolio.

Here: peers that run in this environment, and what they share with qlib's (_qlib_optimiser.py): the rows as plain matrices.
Not here: anything of assets/portfolios but the numbers of a `Problem`; measuring (portfolio.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import highspy
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from assets.portfolios.problem.constraints import Problem
from resources.settings.portfolios import IndexPortfolioSettings

Floats = NDArray[np.float64]

INDEX = np.int32  # HiGHS's
TIGHT = {"output_flag": False, "threads": 1, "primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
NO_PRESOLVE = {**TIGHT, "presolve": "off"}
TIE_MARGIN = 1e-10  # score given up, in std μ, for the smallest turnover (SPEC §6)


@dataclass(frozen=True)
class Rows:
    """Linear rows −limit ≤ matrix (w − benchmark) ≤ limit: industries, value and size, other styles."""

    matrix: Floats
    limit: Floats


def plain_rows(problem: Problem, bounds: IndexPortfolioSettings) -> Rows:
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
    """The best score and its weights [n] from arrays handed to HiGHS. ties: then the smallest turnover, warm-started.

    Columns: what is bought of each name that may be held, then what is sold of each held one, which makes turnover one row
    and was the quickest of the ways tried. Nothing is verified.
    """
    names = np.flatnonzero((problem.upper > 0) | (problem.drifted > 0))
    drifted, low, high = problem.drifted[names], problem.lower[names], problem.upper[names]
    held = np.flatnonzero(drifted > 0)
    n, k = len(names), len(held)
    rows = plain_rows(problem, bounds)
    dense = np.vstack([np.ones(n), rows.matrix[:, names]])
    whole = sp.csc_array(np.vstack([np.hstack([dense, -dense[:, held]]), np.repeat([0.0, 1.0], [n, k])]))
    centre = rows.matrix @ problem.benchmark
    start = dense @ drifted  # rows are of weights, columns of changes
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
        raise AssertionError(f"highspy's own problem ended as {highs.modelStatusToString(status)}")
    return np.asarray(highs.getSolution().col_value)


def with_cvxpy(
    problem: Problem, bounds: IndexPortfolioSettings, solver: str | None = None
) -> tuple[float, Floats, str]:
    """The best score, its weights and the solver that cvxpy took, by the formulas of SPEC §6 written down as they stand."""
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
        raise AssertionError(f"the textbook formulation ended as {program.status}")
    return float(program.value), np.asarray(w.value), str(program.solver_stats.solver_name)


def with_cvxportfolio(problem: Problem, bounds: IndexPortfolioSettings) -> tuple[float, Floats]:
    """The same problem as a cvxportfolio policy: one object per row, bounds per name, holdings with cash as the last name.

    Its turnover leaves cash out: ½ Σ|w − w_drift| ≤ limit − ½ cash is the same condition.
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
