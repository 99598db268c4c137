"""The portfolio's constraints, each of which formulates its rows in cvxpy and computes their values in NumPy.

This module holds the interface `Constraint`, the constraints of SPEC §6, and the bounds of single stocks. It does not hold the
order of solves (optimiser.py), constraints and terms that need a covariance (terms.py), or the loading of a user's own
constraints (extra_constraints.py). Source: SPEC §6.

No other module tests the class of a constraint; it uses the methods and attributes of `Constraint` only. To add a constraint,
write a class with `name`, `group` and the five abstract methods (a linear one derives from `Linear` and needs only `rows`,
`matrix` and `bounds`), and list it in `portfolios.extra_constraints` or append it to the list that is passed to `optimise`:

>>> import numpy as np
>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class BoardLimit(Linear):  # at most 5 % more than the benchmark in STAR stocks
...     limit: float = 0.05
...     name: str = "star_board"
...     group: str = HARD
...     def rows(self, problem): return ("star",)
...     def matrix(self, problem): return sp.csr_array([[float(s.startswith(("688", "689"))) for s in problem.symbols]])
...     def bounds(self, problem): return np.array([-np.inf]), np.array([self.limit])
"""

import abc
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import cvxpy as cp
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from assets.portfolios.reasons import CASH_TO_SPEND
from resources.arrays import Bools, Floats, Strings
from resources.reasons import Reason
from resources.settings.portfolios import IndexPortfolioSettings

HARD = "hard"
FREE = "tradable"  # the state of a stock that is bounded only by the stock band
NAME_BOUNDS = "name_bounds"  # the row of a solution that represents the bounds of all stocks
TOLERANCE = 1e-8  # of residuals and the duality gap; a larger violation counts as relaxed (SPEC §6)


@dataclass(frozen=True, eq=False)
class Problem:
    """One rebalance; arrays [n] in the order of `symbols`, which is ascending.

    mu: score; 0 for a stock without a score. benchmark, drifted: weights. cash: the drifted weight of cash, so that
    drifted and cash sum to 1. lower, upper: bounds of each weight; free_lower, free_upper: the bounds without the stock's
    state. state: FREE, or why the stock may not be bought or traded. industry: label. styles: style → full-market z-scores.
    industries: the labels that have a row, ascending; None for those of `industry`. date: the signal day, for a constraint that
    reads its own data as known on that day; None outside a portfolio's week.
    """

    symbols: Strings
    mu: Floats
    benchmark: Floats
    drifted: Floats
    cash: float
    lower: Floats
    upper: Floats
    free_lower: Floats
    free_upper: Floats
    state: Strings
    industry: Strings
    styles: Mapping[str, Floats]
    first_build: bool = False
    industries: Strings | None = None
    date: dt.date | None = None

    @property
    def n(self) -> int:
        """The number of stocks."""
        return len(self.symbols)

    @cached_property
    def industry_codes(self) -> tuple[Strings, NDArray[np.intp]]:
        """The labels that have a row, and each stock's position among them [n]."""
        if self.industries is None:
            return np.unique(self.industry, return_inverse=True)
        return self.industries, np.searchsorted(self.industries, self.industry)

    def take(self, index: NDArray[np.intp]) -> "Problem":
        """Return the problem restricted to the stocks at the positions `index`.

        An industry without any remaining stock keeps its row.
        """
        arrays = (
            "symbols",
            "mu",
            "benchmark",
            "drifted",
            "lower",
            "upper",
            "free_lower",
            "free_upper",
            "state",
            "industry",
        )
        taken = {name: getattr(self, name)[index] for name in arrays}
        styles = {style: z[index] for style, z in self.styles.items()}
        return replace(self, **taken, styles=styles, industries=self.industry_codes[0])


@dataclass(frozen=True, eq=False)
class Choice:
    """The decision variables in cvxpy.

    weights [n]. sold: one entry per held stock, at least (w_drift − w)⁺, and equal to it where a larger sale costs something.
    """

    weights: cp.Expression
    sold: cp.Expression

    @classmethod
    def of(cls, problem: Problem) -> "Choice":
        """Create w = w_drift + bought − sold within the bounds of the stocks, so that trades need no rows."""
        drifted, lower, upper = problem.drifted, problem.lower, problem.upper
        held = np.flatnonzero(drifted > 0) if (drifted > 0).any() else np.zeros(1, dtype=np.intp)
        bought = cp.Variable(problem.n, bounds=[np.maximum(0.0, lower - drifted), np.maximum(0.0, upper - drifted)])
        sold = cp.Variable(
            held.size, bounds=[np.maximum(0.0, drifted - upper)[held], np.maximum(0.0, drifted - lower)[held]]
        )
        place = sp.csr_array((np.ones(held.size), (held, np.arange(held.size))), shape=(problem.n, held.size))
        return cls(drifted + bought - place @ sold, sold)


@dataclass(frozen=True)
class Stated:
    """A constraint in cvxpy, and how to read its multipliers after a solve.

    multipliers() [rows]: of the Lagrangian of a minimisation; > 0 where the upper bound is binding, < 0 where the lower one is.
    direction(): for a curved constraint, the direction for its `tangent`, if the solver's is more exact than one computed from
    the weights; None otherwise.
    """

    constraints: list[cp.Constraint]
    multipliers: Callable[[], Floats]
    direction: Callable[[], Floats | None] = lambda: None


@dataclass(frozen=True, eq=False)
class LinearRows:
    """Rows as a linear function of the decision variables: matrix · w + sold × (total weight sold) + offset.

    matrix [rows, n]; offset [rows], in the unit of the rows' bounds. sold [rows]: coefficient of Σ (w_drift − w)⁺, at least 0;
    None if the rows depend on the weights alone.
    """

    matrix: sp.csr_array
    offset: Floats
    sold: Floats | None = None


class Constraint(abc.ABC):
    """lower ≤ value(w) ≤ upper for each row; value is linear, or convex with an infinite lower bound.

    name: identifies the constraint in solutions, conflicts and the report, and is unique within a problem. group: HARD, or the
    elastic group with which it is relaxed.
    curved: whether `tangent` depends on the weights; such a constraint is solved by Clarabel. always: whether every portfolio
    satisfies it by definition (Σw = 1), so that it has no cost and is part of every conflict. unique: for a curved constraint,
    whether only one portfolio violates it least, as for a strictly convex function of all weights.

    The five abstract methods define the constraint; `applies`, `concerns`, `reference` and `forced_by` have defaults. All of
    them must find stocks by `problem.symbols`, because the optimiser also calls them with stocks in another order or left out.
    """

    name: str
    group: str
    curved: ClassVar[bool] = True
    always: ClassVar[bool] = False

    @property
    def unique(self) -> bool:
        """Whether only one portfolio violates the constraint least; asked of curved constraints only."""
        return False

    @abc.abstractmethod
    def rows(self, problem: Problem) -> tuple[str, ...]:
        """Return the label of each row, such as an industry or a style."""

    @abc.abstractmethod
    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        """Return the lower and the upper bound of each row [rows]; infinite where a side is not bounded."""

    @abc.abstractmethod
    def values(self, weights: Floats, problem: Problem) -> Floats:
        """Compute each row's value [rows] at `weights` [n] by the formula of the specification, without cvxpy."""

    @abc.abstractmethod
    def state(self, choice: Choice, problem: Problem, slack: cp.Variable | None) -> Stated:
        """Formulate the rows in cvxpy; `slack` [rows] ≥ 0 widens both bounds."""

    @abc.abstractmethod
    def tangent(self, weights: Floats, problem: Problem, direction: Floats | None = None) -> LinearRows:
        """Return rows that are at most value(v) for every v, and equal or nearly equal at `weights` [n].

        For a linear constraint these are the rows themselves. direction: the result of `Stated.direction`, where the solver's is
        more exact than one computed from the weights. The tangent bounds the score of every portfolio (certificate.py) and
        proves conflicts (conflict.py) without trusting the solver. A row with a finite lower bound must be linear; cvxpy
        accepts no other there.
        """

    def applies(self, problem: Problem) -> bool:
        """Return whether the constraint is part of this rebalance."""
        return True

    def concerns(self, problem: Problem) -> Bools:
        """Return the stocks [n] that contribute to a row's value at weight 0.

        Other stocks that cannot be held may be left out of `problem`.
        """
        return np.ones(problem.n, dtype=bool)

    def reference(self, problem: Problem) -> Floats:
        """Return the benchmark's value of each row [rows], to which the bounds are relative; 0 for absolute bounds."""
        return np.zeros(len(self.rows(problem)))

    def forced_by(self, problem: Problem, row: int) -> Reason | None:
        """Return why row number `row` cannot be within its bounds; None if the optimiser has to determine the cause."""
        return None


class Linear(Constraint):
    """Bounds on matrix · (w − anchor); the anchor is the benchmark by default."""

    curved = False

    @abc.abstractmethod
    def matrix(self, problem: Problem) -> sp.csr_array:
        """Return the coefficients of the weights [rows, n]."""

    def anchor(self, problem: Problem) -> Floats:
        """Return the weights [n] at which every row is 0."""
        return problem.benchmark

    def values(self, weights: Floats, problem: Problem) -> Floats:
        """matrix · (w − anchor) [rows]."""
        return self.matrix(problem) @ (weights - self.anchor(problem))

    def tangent(self, weights: Floats, problem: Problem, direction: Floats | None = None) -> LinearRows:
        """The rows themselves, which do not depend on `weights`."""
        matrix = self.matrix(problem)
        return LinearRows(matrix, -(matrix @ self.anchor(problem)))

    def concerns(self, problem: Problem) -> Bools:
        """The stocks whose anchor is not 0."""
        return self.anchor(problem) != 0

    def reference(self, problem: Problem) -> Floats:
        """The anchor's own value of each row."""
        return self.matrix(problem) @ self.anchor(problem)

    def state(self, choice: Choice, problem: Problem, slack: cp.Variable | None) -> Stated:
        """State rows with equal bounds as equalities, unless slack widens them, and the finite bounds of the others."""
        matrix, (lower, upper) = self.matrix(problem), self.bounds(problem)
        offset = matrix @ self.anchor(problem)
        exact = lower == upper if slack is None else np.zeros(len(lower), dtype=bool)
        above, below = ~exact & np.isfinite(upper), ~exact & np.isfinite(lower)
        ends, found = [], []
        for rows, bound, sign in ((exact, upper, 0.0), (above, upper, 1.0), (below, lower, -1.0)):
            if not rows.any():
                continue
            own, limit = matrix if rows.all() else matrix[rows], (offset + bound)[rows]
            room = 0.0 if slack is None else sign * (slack if rows.all() else slack[np.flatnonzero(rows)])
            value = own @ choice.weights
            end = value == limit if sign == 0 else value <= limit + room if sign > 0 else value >= limit + room
            ends.append(end)
            found.append((rows, sign or 1.0, end))

        def multipliers() -> Floats:
            prices = np.zeros(len(lower))
            for rows, sign, end in found:
                prices[rows] += sign * _dual(end)
            return prices

        return Stated(ends, multipliers)


@dataclass(frozen=True, eq=False)
class Together(Linear):
    """Several constraints that are linear in the weights, as one, because cvxpy needs time per constraint and not per row."""

    parts: tuple[Constraint, ...]
    name: str = "together"
    group: str = HARD

    def rows(self, problem: Problem) -> tuple[str, ...]:
        """The rows of all parts."""
        return tuple(label for part in self.parts for label in part.rows(problem))

    def matrix(self, problem: Problem) -> sp.csr_array:
        """The matrices of all parts, stacked."""
        return sp.vstack([part.tangent(problem.benchmark, problem).matrix for part in self.parts], format="csr")

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        """Return the bounds of matrix · w, from which each part's offset is subtracted."""
        lower, upper = zip(*(part.bounds(problem) for part in self.parts), strict=True)
        offset = np.concatenate([part.tangent(problem.benchmark, problem).offset for part in self.parts])
        return np.concatenate(lower) - offset, np.concatenate(upper) - offset

    def anchor(self, problem: Problem) -> Floats:
        """Zero, because `bounds` contains the offsets."""
        return np.zeros(problem.n)


def one_row(values: Floats) -> sp.csr_array:
    """Return `values` [n] as a sparse row [1, n], ten times as fast as scipy's conversion of a dense matrix."""
    places = np.flatnonzero(values)
    return sp.csr_array((values[places], places, [0, places.size]), shape=(1, len(values)))


def _dual(constraint: cp.Constraint) -> Floats:
    return np.atleast_1d(np.asarray(constraint.dual_value, dtype=np.float64))


@dataclass(frozen=True)
class FullyInvested(Linear):
    """Σw = 1: all cash is invested; cash that execution leaves is invested at the next rebalance."""

    always = True
    name: str = "fully_invested"
    group: str = HARD

    def rows(self, problem: Problem) -> tuple[str, ...]:
        """One row, `sum`."""
        return ("sum",)

    def matrix(self, problem: Problem) -> sp.csr_array:
        """Ones."""
        return one_row(np.ones(problem.n))

    def anchor(self, problem: Problem) -> Floats:
        """Zero, because the bound is absolute."""
        return np.zeros(problem.n)

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        """Exactly 1."""
        return np.ones(1), np.ones(1)


@dataclass(frozen=True)
class IndustryNeutral(Linear):
    """|Σ over an industry of (w − b)| ≤ limit, for every industry."""

    limit: float = 0.0
    name: str = "industry"
    group: str = "industry"

    def rows(self, problem: Problem) -> tuple[str, ...]:
        """One row per industry."""
        return tuple(problem.industry_codes[0].tolist())

    def matrix(self, problem: Problem) -> sp.csr_array:
        """1 where the stock belongs to the industry of the row."""
        labels, codes = problem.industry_codes
        return sp.csr_array((np.ones(problem.n), (codes, np.arange(problem.n))), shape=(len(labels), problem.n))

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        """±limit for every industry."""
        limit = np.full(len(problem.industry_codes[0]), self.limit)
        return -limit, limit


@dataclass(frozen=True)
class MemberShare(Linear):
    """Σw over the index's members ≥ share, as an index-enhancement mandate requires (at least 80 % in members).

    It is relaxed in one group with the industries, because both are measured in weight; that group is relaxed last.
    """

    share: float
    name: str = "member_share"
    group: str = "industry"

    def rows(self, problem: Problem) -> tuple[str, ...]:
        """One row, `members`."""
        return ("members",)

    def matrix(self, problem: Problem) -> sp.csr_array:
        """1 for members of the index."""
        return one_row((problem.benchmark > 0).astype(float))

    def anchor(self, problem: Problem) -> Floats:
        """Zero, because the bound is absolute."""
        return np.zeros(problem.n)

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        """At least `share`."""
        return np.array([self.share]), np.array([np.inf])


@dataclass(frozen=True)
class StyleBand(Linear):
    """|Σ (w − b) z| ≤ limit for one style; with `least` the band is asymmetric: least ≤ Σ (w − b) z ≤ limit."""

    name: str
    limit: float
    group: str
    least: float | None = None

    def rows(self, problem: Problem) -> tuple[str, ...]:
        """One row, the style."""
        return (self.name,)

    def matrix(self, problem: Problem) -> sp.csr_array:
        """The z-scores of the style."""
        return one_row(problem.styles[self.name])

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        """From `least`, or −limit if it is None, to `limit`."""
        return np.array([-self.limit if self.least is None else self.least]), np.array([self.limit])


@dataclass(frozen=True)
class TurnoverLimit(Constraint):
    """½ (Σ|w − w_drift| + |cash − cash_drift|) ≤ limit; the target of cash is 0.

    Because Σw = 1, and w_drift and the drifted cash sum to 1, this equals the weight sold plus the cash invested. The first
    build, which buys every holding, has no limit.
    """

    curved = False
    limit: float
    name: str = "turnover_limit"
    group: str = "turnover"

    def rows(self, problem: Problem) -> tuple[str, ...]:
        """One row, `one_way`."""
        return ("one_way",)

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        """At most `limit`."""
        return np.array([-np.inf]), np.array([self.limit])

    def values(self, weights: Floats, problem: Problem) -> Floats:
        """The one-way turnover."""
        return np.array([one_way_turnover(weights, problem.drifted, problem.cash)])

    def tangent(self, weights: Floats, problem: Problem, direction: Floats | None = None) -> LinearRows:
        """The weight sold plus the drifted cash, which is linear in the sales."""
        return LinearRows(sp.csr_array((1, problem.n)), np.array([problem.cash]), np.ones(1))

    def applies(self, problem: Problem) -> bool:
        """At every rebalance except the first build."""
        return not problem.first_build

    def concerns(self, problem: Problem) -> Bools:
        """The stocks held."""
        return problem.drifted > 0

    def forced_by(self, problem: Problem, row: int) -> Reason | None:
        """The drifted cash, if it alone exceeds the limit."""
        return CASH_TO_SPEND(cash=float(problem.cash)) if problem.cash > self.limit + TOLERANCE else None

    def state(self, choice: Choice, problem: Problem, slack: cp.Variable | None) -> Stated:
        """State that the weight sold plus the drifted cash is at most the limit."""
        limit = cp.sum(choice.sold) + problem.cash <= (self.limit if slack is None else self.limit + cp.sum(slack))
        return Stated([limit], lambda: _dual(limit))


def one_way_turnover(weights: Floats, drifted: Floats, cash: float) -> float:
    """Compute ½ (Σ|w − w_drift| + |cash − cash_drift|), where the target's cash is 1 − Σw."""
    return 0.5 * float(np.abs(weights - drifted).sum() + abs((1.0 - weights.sum()) - cash))


@dataclass(frozen=True)
class Bounds:
    """Bounds of every stock's weight [n]; free_lower and free_upper are those without the states.

    crossed [n]: whether the state overrides the stock band, in which case the violated bound is the drifted weight.
    """

    lower: Floats
    upper: Floats
    free_lower: Floats
    free_upper: Floats
    crossed: Bools


def bound_names(
    benchmark: Floats, drifted: Floats, *, deviation: float, frozen: Bools, unbuyable: Bools, excluded: Bools
) -> Bounds:
    """Compute the bounds of every stock's weight [n] (SPEC §6).

    The band is benchmark ± deviation, cut at 0. A frozen stock keeps its drifted weight. The upper bound of an unbuyable stock
    is at most its drifted weight. An excluded stock (no index member where only members may be held) has the upper bound 0,
    unless it is frozen. Where bounds cross, the violated one is replaced by the drifted weight.
    """
    free_lower, free_upper = np.maximum(0.0, benchmark - deviation), benchmark + deviation
    free_upper = np.where(excluded, 0.0, free_upper)
    free_lower = np.minimum(free_lower, free_upper)
    lower, upper = free_lower.copy(), np.where(unbuyable, np.minimum(free_upper, drifted), free_upper)
    lower, upper = np.where(frozen, drifted, lower), np.where(frozen, drifted, upper)
    short = lower > upper  # not buyable, with a benchmark weight above the drifted weight + deviation
    lower = np.where(short, drifted, lower)
    crossed = short | (frozen & ((drifted < free_lower) | (drifted > free_upper)))
    return Bounds(lower, upper, free_lower, free_upper, crossed)


def portfolio_constraints(
    settings: IndexPortfolioSettings, missing: Mapping[str, Reason]
) -> tuple[list[Constraint], dict[str, Reason]]:
    """Create the constraints of SPEC §6, and map those that are not applied to the reason, in the order of `missing`.

    missing: constraint → reason why its data is missing for the whole market, such as a style's. They are not replaced by
    others.
    """
    every: list[Constraint] = [
        FullyInvested(),
        IndustryNeutral(settings.industry_deviation),
        *([MemberShare(settings.member_share)] if settings.member_share > 0 else []),
        _band("value", settings.value_exposure, "value_size", settings),
        _band("size", settings.size_exposure, "value_size", settings),
        *(_band(style, settings.style_exposure, "styles", settings) for style in settings.other_styles),
        TurnoverLimit(settings.turnover),
    ]
    names = {one.name for one in every}
    kept = [one for one in every if one.name not in missing]
    return kept, {name: reason for name, reason in missing.items() if name in names}


def _band(style: str, limit: float, group: str, settings: IndexPortfolioSettings) -> StyleBand:
    own = settings.exposure_bands.get(style)
    return StyleBand(style, limit, group) if own is None else StyleBand(style, own[1], group, own[0])
