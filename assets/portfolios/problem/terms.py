"""What needs a covariance: a quadratic penalty on the score, a bound on the tracking error, and where Σ comes from.

What belongs here: terms of the objective, constraints that are not linear, covariances. What does not: linear constraints
(constraints.py) and solving. Any of them takes the problem from HiGHS's arrays to cvxpy and Clarabel, with the same proof of
the answer.

Settings: `tracking_error` and `risk_aversion` of an index, and `portfolios.covariance`, "module:function" of the
covariance. The function is called with the names (ascending) and the daily prices from some weeks before up to the
signal day, and returns a `Covariance`; `past_returns` below is one, another takes a few lines:

>>> import numpy as np
>>> def two_factors(symbols, prices):
...     star = np.array([float(s.startswith("688")) for s in symbols])
...     return Covariance(tuple(symbols), np.column_stack([0.02 + 0 * star, 0.03 * star]), np.full(len(symbols), 0.05))
>>> risk = two_factors(["600000.SH", "688001.SH"], None)
>>> round(risk.variance(np.array([0.1, -0.1])), 8)  # star factor .03 × .1, own risk .05 × .1 twice
5.9e-05

In a script of one's own, beside the constraints of SPEC §6:

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
from numpy.typing import NDArray

from assets.portfolios.problem.constraints import HARD, Choice, Constraint, LinearRows, Problem, Stated
from resources.errors import InputError, SettingsError
from resources.named import call_named, load_named

if TYPE_CHECKING:
    from resources.settings.portfolios import IndexPortfolioSettings

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Covariance:
    """Σ = factors · factorsᵀ + diag(specific²), of returns over whatever time its maker chose.

    symbols [n]; factors [n, k]: loadings in standard deviations; specific [n]: each name's own standard deviation.
    """

    symbols: tuple[str, ...]
    factors: Floats
    specific: Floats

    def __post_init__(self) -> None:
        n = len(self.symbols)
        if self.factors.shape[0] != n or self.specific.shape != (n,):
            raise ValueError(
                f"Covariance: {n} symbols, factors {self.factors.shape} and specific {self.specific.shape}; "
                f"give [n, k] and [n]"
            )
        if not (np.isfinite(self.factors).all() and np.isfinite(self.specific).all() and (self.specific >= 0).all()):
            raise ValueError("Covariance: a factor or a specific risk is not finite or is negative")

    @classmethod
    def of(cls, symbols: Sequence[str], matrix: Floats) -> "Covariance":
        """From Σ itself [n, n], symmetric and positive semidefinite."""
        values, vectors = np.linalg.eigh(matrix)
        if not np.allclose(matrix, matrix.T) or values[0] < -1e-8 * max(values[-1], 1e-300):
            raise ValueError(
                f"Covariance.of: not symmetric and positive semidefinite (smallest eigenvalue {values[0]:.3g})"
            )
        return cls(tuple(symbols), vectors * np.sqrt(np.maximum(values, 0.0)), np.zeros(len(values)))

    def variance(self, active: Floats) -> float:
        """active' Σ active, of weights in the order of `symbols`."""
        return float(((self.factors.T @ active) ** 2).sum() + ((self.specific * active) ** 2).sum())


@lru_cache(maxsize=2)
def _take(covariance: Covariance, problem: Problem) -> tuple[Floats, Floats]:
    """Factors and specific risks of the problem's names. Raises InputError where one is missing."""
    place = {symbol: i for i, symbol in enumerate(covariance.symbols)}
    missing = [symbol for symbol in problem.symbols.tolist() if symbol not in place]
    if missing:
        raise InputError(
            f"The covariance lacks {len(missing)} of {problem.n} names that may be held or that the benchmark holds, "
            f"first {', '.join(missing[:5])}; give every name a row, if need be the median one (portfolios.covariance)"
        )
    index = [place[symbol] for symbol in problem.symbols.tolist()]
    return covariance.factors[index], covariance.specific[index]


class Term(abc.ABC):
    """A convex cost that is taken off the score."""

    name: str

    @abc.abstractmethod
    def cost(self, weights: Floats, problem: Problem) -> float:
        """In units of μ."""

    @abc.abstractmethod
    def gradient(self, weights: Floats, problem: Problem) -> Floats:
        """[n]."""

    @abc.abstractmethod
    def state(self, weights: cp.Expression, problem: Problem) -> cp.Expression:
        """The cost in cvxpy."""


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
    """√((w − b)' Σ (w − b)) ≤ limit, in Σ's unit. With `group` HARD frozen names may leave no portfolio at all; with an
    elastic group it gives with that group's rows, its violation added to theirs."""

    limit: float
    covariance: Covariance
    name: str = "tracking_error"
    group: str = HARD

    @property
    def unique(self) -> bool:
        """With own risks, or as many factors as names, Σ is positive definite."""
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
        """‖x‖ ≥ u · x for every u of length one; u is `direction` made so long, or else the risks' own at `weights`."""
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
        unit = 1.0 / self.limit  # near one, where solvers are exact
        risks = cp.hstack([unit * factors.T @ active, cp.multiply(unit * specific, active)])
        cone = cp.SOC(cp.Constant(1.0) if slack is None else 1.0 + unit * cp.sum(slack), risks)
        return Stated(
            [cone],
            lambda: unit * np.atleast_1d(np.asarray(cone.dual_value[0], dtype=np.float64).ravel()),
            lambda: -np.asarray(cone.dual_value[1], dtype=np.float64).ravel(),
        )


def _active_risks(covariance: Covariance, weights: Floats, problem: Problem) -> tuple[Floats, Floats]:
    """Common [k] and specific [n] parts of the active weights' risk."""
    factors, specific = _take(covariance, problem)
    active = weights - problem.benchmark
    return factors.T @ active, specific * active


def risk_of(
    settings: "IndexPortfolioSettings", covariance: Callable[[], Covariance]
) -> tuple[list[Constraint], list[Term]]:
    """The tracking-error constraint and the penalty that settings ask for; `covariance` is called only if they do.

    The tracking error gives with the styles, the first to give.
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
    """What the function "module:function" of the setting gives for these names and prices."""
    maker = load_named("portfolios.covariance", path or "", "assets.portfolios.problem.terms:past_returns")
    contract = "the names and the daily prices up to the signal day and returns a Covariance, all finite and positive semidefinite"
    risk = call_named(maker, f"portfolios.covariance = {path!r}", contract, list(symbols), prices)
    if not isinstance(risk, Covariance):
        raise SettingsError(f"portfolios.covariance = {path!r} returned a {type(risk).__name__}, no Covariance")
    return risk


def past_returns(symbols: Sequence[str], prices: pl.DataFrame) -> Covariance:
    """Weekly Σ from the daily returns at hand: half the sample covariance, half its diagonal.

    symbols: ascending. prices: date, symbol, pre_close, close. A suspended day counts as a return of zero; a name without
    any day gets the median own risk. Half is where shrinkage intensities of Ledoit and Wolf (2004) lie for a few dozen days of
    many stocks; five days make a week.
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
        raise InputError(f"The covariance needs at least two days of prices, there are {days.shape[1]}")
    centred = days - days.mean(axis=1, keepdims=True) * known[:, np.newaxis]
    weekly = centred * np.sqrt(5.0 / (days.shape[1] - 1))
    own = np.sqrt((weekly**2).sum(axis=1))
    own[~known] = np.median(own[known]) if known.any() else 0.0
    return Covariance(tuple(symbols), weekly * np.sqrt(0.5), np.where(known, own * np.sqrt(0.5), own))
