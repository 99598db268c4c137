"""Terms and constraints that need a covariance: a quadratic penalty on the score and a bound on the tracking error.

This module holds terms of the objective, non-linear constraints and covariances. It does not hold linear constraints
(constraints.py) or solving. With any of its terms or constraints, the problem is solved through cvxpy by Clarabel instead of HiGHS,
and the answer is verified in the same way.

Settings: `tracking_error` and `risk_aversion` of an index, and `portfolios.covariance`, the "module:function" that computes the
covariance. The function is called with the symbols (ascending) and the daily prices from some weeks before up to the
signal day, and returns a `Covariance`. `past_returns` below is such a function; another one needs a few lines:

>>> import numpy as np
>>> def two_factors(symbols, prices):
...     star = np.array([float(s.startswith("688")) for s in symbols])
...     return Covariance(tuple(symbols), np.column_stack([0.02 + 0 * star, 0.03 * star]), np.full(len(symbols), 0.05))
>>> risk = two_factors(["600000.SH", "688001.SH"], None)
>>> round(risk.variance(np.array([0.1, -0.1])), 8)  # STAR factor .03 × .1, and twice the specific risk .05 × .1
5.9e-05

In a script of your own, with constraints of SPEC §6:

>>> from assets.portfolios.problem.constraints import FullyInvested, Problem
>>> from assets.portfolios.problem.optimiser import optimise
>>> two = np.array([0.5, 0.5])
>>> problem = Problem(
...     symbols=np.array(["600000.SH", "688001.SH"]), mu=np.array([-1.0, 1.0]), benchmark=two, drifted=two, cash=0.0,
...     lower=0 * two, upper=2 * two, free_lower=0 * two, free_upper=2 * two, state=np.array(["tradable"] * 2),
...     industry=np.array(["bank", "chip"]), styles={})
>>> rules = [FullyInvested()]
>>> optimise(problem, rules, order=()).weights.round(4).tolist()
[0.0, 1.0]
>>> optimise(problem, [*rules, TrackingError(0.0077, risk)], order=()).weights.round(3).tolist()
[0.4, 0.6]
>>> optimise(problem, rules, order=(), terms=[RiskPenalty(1000.0, risk)]).weights.round(3).tolist()
[0.331, 0.669]
"""

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import cvxpy as cp
import numpy as np
import polars as pl
import scipy.sparse as sp

from assets.portfolios.problem.constraints import HARD, Choice, Constraint, LinearRows, Problem, Stated
from resources.arrays import Bools, Floats
from resources.errors import InputError, SettingsError
from resources.named import call_named, load_named

if TYPE_CHECKING:
    from resources.settings.portfolios import IndexPortfolioSettings


@dataclass(frozen=True, eq=False)
class Covariance:
    """Σ = factors · factorsᵀ + diag(specific²), of returns over a period that its author chooses.

    symbols [n]; factors [n, k]: loadings in standard deviations; specific [n]: each stock's specific standard deviation.
    Raises ValueError for other shapes, and for values that are not finite or specific risks below 0.
    """

    symbols: tuple[str, ...]
    factors: Floats
    specific: Floats

    def __post_init__(self) -> None:
        n = len(self.symbols)
        if self.factors.shape[0] != n or self.specific.shape != (n,):
            raise ValueError(
                f"Covariance: {n} symbols, factors {self.factors.shape} and specific {self.specific.shape}; "
                f"pass arrays of the shapes [n, k] and [n]"
            )
        if not (np.isfinite(self.factors).all() and np.isfinite(self.specific).all() and (self.specific >= 0).all()):
            raise ValueError("Covariance: a factor or a specific risk is not finite or is negative")

    @classmethod
    def of(cls, symbols: Sequence[str], matrix: Floats) -> "Covariance":
        """Create a covariance from the matrix Σ [n, n].

        Raises ValueError if it is not symmetric and positive semidefinite.
        """
        values, vectors = np.linalg.eigh(matrix)
        if not np.allclose(matrix, matrix.T) or values[0] < -1e-8 * max(values[-1], 1e-300):
            raise ValueError(
                f"Covariance.of: not symmetric and positive semidefinite (smallest eigenvalue {values[0]:.3g})"
            )
        return cls(tuple(symbols), vectors * np.sqrt(np.maximum(values, 0.0)), np.zeros(len(values)))

    def variance(self, active: Floats) -> float:
        """Return active' Σ active; active [n]: weights in the order of `symbols`."""
        return float(((self.factors.T @ active) ** 2).sum() + ((self.specific * active) ** 2).sum())


@lru_cache(maxsize=2)
def _take(covariance: Covariance, problem: Problem) -> tuple[Floats, Floats]:
    """Factors and specific risks of the problem's stocks. Raises InputError where one is missing."""
    place = {symbol: i for i, symbol in enumerate(covariance.symbols)}
    missing = [symbol for symbol in problem.symbols.tolist() if symbol not in place]
    if missing:
        raise InputError(
            f"The covariance (portfolios.covariance) lacks {len(missing)} of {problem.n} stocks that may be held or that the "
            f"benchmark contains, first {', '.join(missing[:5])}; return a row for every stock, such as a median one"
        )
    index = [place[symbol] for symbol in problem.symbols.tolist()]
    return covariance.factors[index], covariance.specific[index]


class Term(abc.ABC):
    """A convex cost that is deducted from the score."""

    name: str

    @abc.abstractmethod
    def cost(self, weights: Floats, problem: Problem) -> float:
        """Return the cost of `weights` [n], in units of μ."""

    @abc.abstractmethod
    def gradient(self, weights: Floats, problem: Problem) -> Floats:
        """Return the gradient of the cost [n] at `weights` [n]."""

    @abc.abstractmethod
    def state(self, weights: cp.Expression, problem: Problem) -> cp.Expression:
        """Formulate the cost in cvxpy, convex in `weights` [n]."""


@dataclass(frozen=True, eq=False)
class RiskPenalty(Term):
    """aversion × (w − b)' Σ (w − b)."""

    aversion: float
    covariance: Covariance
    name: str = "risk_penalty"

    def cost(self, weights: Floats, problem: Problem) -> float:
        """aversion × the active variance."""
        common, own = _active_risks(self.covariance, weights, problem)
        return self.aversion * float(common @ common + own @ own)

    def gradient(self, weights: Floats, problem: Problem) -> Floats:
        """2 × aversion × Σ (w − b) [n]."""
        factors, specific = _take(self.covariance, problem)
        common, own = _active_risks(self.covariance, weights, problem)
        return 2.0 * self.aversion * (factors @ common + specific * own)

    def state(self, weights: cp.Expression, problem: Problem) -> cp.Expression:
        """State the penalty as a sum of squares."""
        factors, specific = _take(self.covariance, problem)
        active, root = weights - problem.benchmark, np.sqrt(self.aversion)
        return cp.sum_squares(root * factors.T @ active) + cp.sum_squares(cp.multiply(root * specific, active))


@dataclass(frozen=True, eq=False)
class TrackingError(Constraint):
    """√((w − b)' Σ (w − b)) ≤ limit, in the unit of Σ.

    With `group` HARD, frozen stocks may leave no feasible portfolio. In an elastic group it is relaxed together with that
    group's rows, and its violation is added to theirs.
    """

    limit: float
    covariance: Covariance
    name: str = "tracking_error"
    group: str = HARD

    @property
    def unique(self) -> bool:
        """True with specific risks, or with as many factors as stocks, where Σ is positive definite."""
        return bool((self.covariance.specific > 0).all()) or self.covariance.factors.shape[1] >= len(
            self.covariance.symbols
        )

    def rows(self, problem: Problem) -> tuple[str, ...]:
        """One row, `tracking_error`."""
        return ("tracking_error",)

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        """At most `limit`."""
        return np.array([-np.inf]), np.array([self.limit])

    def values(self, weights: Floats, problem: Problem) -> Floats:
        """The active standard deviation."""
        return np.array([np.sqrt(sum(float(part @ part) for part in _active_risks(self.covariance, weights, problem)))])

    def concerns(self, problem: Problem) -> Bools:
        """The members of the benchmark."""
        return problem.benchmark > 0

    def tangent(self, weights: Floats, problem: Problem, direction: Floats | None = None) -> LinearRows:
        """Return ‖x‖ ≥ u · x with u of length 1, from `direction` if there is one, else from the risks at `weights`."""
        factors, specific = _take(self.covariance, problem)
        u = np.concatenate(_active_risks(self.covariance, weights, problem)) if direction is None else direction
        u = u / max(float(np.linalg.norm(u)), 1e-300)
        common = factors.shape[1]
        slope = factors @ u[:common] + specific * u[common:]
        return LinearRows(sp.csr_array(slope[np.newaxis, :]), np.array([-slope @ problem.benchmark]))

    def state(self, choice: Choice, problem: Problem, slack: cp.Variable | None) -> Stated:
        """State the constraint as a second-order cone, scaled by 1 / limit."""
        factors, specific = _take(self.covariance, problem)
        active = choice.weights - problem.benchmark
        unit = 1.0 / self.limit  # brings values near 1, where solvers are most exact
        risks = cp.hstack([unit * factors.T @ active, cp.multiply(unit * specific, active)])
        cone = cp.SOC(cp.Constant(1.0) if slack is None else 1.0 + unit * cp.sum(slack), risks)
        return Stated(
            [cone],
            lambda: unit * np.atleast_1d(np.asarray(cone.dual_value[0], dtype=np.float64).ravel()),
            lambda: -np.asarray(cone.dual_value[1], dtype=np.float64).ravel(),
        )


def _active_risks(covariance: Covariance, weights: Floats, problem: Problem) -> tuple[Floats, Floats]:
    """The common [k] and specific [n] parts of the active weights' risk."""
    factors, specific = _take(covariance, problem)
    active = weights - problem.benchmark
    return factors.T @ active, specific * active


def risk_of(
    settings: "IndexPortfolioSettings", covariance: Callable[[], Covariance]
) -> tuple[list[Constraint], list[Term]]:
    """Create the tracking-error constraint and the penalty that are set; `covariance` is called only if one of them is.

    The tracking error is in the group of the styles, which is relaxed first.
    """
    if settings.tracking_error is None and settings.risk_aversion == 0:
        return [], []
    risk = covariance()
    bound = settings.tracking_error
    return (
        [] if bound is None else [TrackingError(bound, risk, group="styles")],
        [] if settings.risk_aversion == 0 else [RiskPenalty(settings.risk_aversion, risk)],
    )


def covariance_from(path: str | None, symbols: Sequence[str], prices: pl.DataFrame) -> Covariance:
    """Call the user's function for a covariance of `symbols` from daily `prices`.

    path: `portfolios.covariance`, "module:function". Raises SettingsError if the function cannot be loaded, fails, or does not
    return a Covariance.
    """
    maker = load_named("portfolios.covariance", path or "", "assets.portfolios.problem.terms:past_returns")
    contract = "the symbols and the daily prices up to the signal day and returns a Covariance, all finite and positive semidefinite"
    risk = call_named(maker, f"portfolios.covariance = {path!r}", contract, list(symbols), prices)
    if not isinstance(risk, Covariance):
        raise SettingsError(
            f"portfolios.covariance = {path!r} returned a {type(risk).__name__} instead of a Covariance"
        )
    return risk


def past_returns(symbols: Sequence[str], prices: pl.DataFrame) -> Covariance:
    """Estimate a weekly Σ from the daily returns in `prices`: half the sample covariance plus half its diagonal.

    symbols: ascending. prices: rows (date, symbol, pre_close, close). A suspended day counts as a return of 0; a stock without
    any day has the median specific risk. One half is a typical shrinkage intensity of Ledoit and Wolf (2004) for a few dozen
    days of many stocks. A week has five days. Raises InputError with fewer than two days of prices.
    """
    returns = prices.select("date", "symbol", r=pl.col("close") / pl.col("pre_close") - 1.0)
    wide = (
        pl.DataFrame({"symbol": list(symbols)})
        .join(
            returns.filter(pl.col("r").is_finite()).pivot("date", index="symbol", values="r"), on="symbol", how="left"
        )
        .sort("symbol")
        .drop("symbol")
    )
    known = wide.select(pl.any_horizontal(pl.all().is_not_null())).to_series().to_numpy()
    days = wide.fill_null(0.0).to_numpy()
    if days.shape[1] < 2:
        raise InputError(f"The covariance needs at least two days of prices, but there are {days.shape[1]}")
    centred = days - days.mean(axis=1, keepdims=True) * known[:, np.newaxis]
    weekly = centred * np.sqrt(5.0 / (days.shape[1] - 1))
    own = np.sqrt((weekly**2).sum(axis=1))
    own[~known] = np.median(own[known]) if known.any() else 0.0
    return Covariance(tuple(symbols), weekly * np.sqrt(0.5), np.where(known, own * np.sqrt(0.5), own))
