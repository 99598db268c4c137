"""The portfolio's constraints: each a small object that states itself in cvxpy and measures itself in NumPy.

What belongs here: what a constraint is (`Constraint`), those of SPEC §6, and the bounds of single names. What does not: in
which order things are solved (optimiser.py), what needs a covariance (terms.py), and the constraints of a user's own
(extra_constraints.py). Source: SPEC §6.

No other module asks for the class of a constraint: each answers for itself through the methods and attributes of
`Constraint`. To add one, write a class with `name`, `group` and the five abstract methods (a linear one derives from `Linear`
and needs `rows`, `matrix` and `bounds` only) and name it in `portfolios.extra_constraints`, or append it to the list handed
to `optimise`:

>>> import numpy as np
>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class BoardLimit(Linear):  # at most 5 % more than the benchmark in STAR names
...     limit: float = 0.05
...     name: str = "star_board"
...     group: str = HARD
...     def rows(self, problem): return ("star",)
...     def matrix(self, problem): return sp.csr_array([[float(s.startswith("688")) for s in problem.symbols]])
...     def bounds(self, problem): return np.array([-1.0]), np.array([self.limit])
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
from resources.reasons import Reason
from resources.settings.portfolios import IndexPortfolioSettings

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Strings = NDArray[np.str_]

HARD = "hard"
FREE = "tradable"  # the state of a name that only the stock band bounds
NAME_BOUNDS = "name_bounds"  # the row of a solution that stands for the bounds of all names
TOLERANCE = 1e-8  # residuals, duality gap; what is beyond it counts as relaxed (SPEC §6)


@dataclass(frozen=True, eq=False)
class Problem:
    """One rebalance; arrays [n] in the order of `symbols`, which is ascending.

    mu: score, 0 where there is no view. benchmark, drifted: weights. cash: the drifted weight of cash, so that
    drifted and cash sum to 1. lower, upper: bounds of each weight; free_lower, free_upper: what they would be without
    the name's state. state: why (FREE or a reason). industry: label. styles: style → full-market z-scores.
    industries: the labels that have a row, ascending; None: those of `industry`. date: the signal day, for a constraint that
    reads data of its own as it was known then; None outside of a week.
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
        return len(self.symbols)

    @cached_property
    def industry_codes(self) -> tuple[Strings, NDArray[np.intp]]:
        """The labels that have a row, and each name's position among them [n]."""
        if self.industries is None:
            return np.unique(self.industry, return_inverse=True)
        return self.industries, np.searchsorted(self.industries, self.industry)

    def take(self, index: NDArray) -> "Problem":
        """The same problem over the names `index`; an industry that loses all of them keeps its row."""
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
    """What is chosen, in cvxpy. weights [n]; sold: one entry per held name, ≥ (w_drift − w)⁺ and its least if that pays."""

    weights: cp.Expression
    sold: cp.Expression

    @classmethod
    def of(cls, problem: Problem) -> "Choice":
        """w = w_drift + bought − sold within the bounds of the names: what a trade is needs no rows."""
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

    multipliers() [rows]: of the Lagrangian of a minimisation; > 0 where the upper bound binds, < 0 where the lower does.
    direction(): for a curved constraint, where its own `tangent` is best taken, if the solver knows better than the weights.
    """

    constraints: list[cp.Constraint]
    multipliers: Callable[[], Floats]
    direction: Callable[[], Floats | None] = lambda: None


@dataclass(frozen=True, eq=False)
class LinearRows:
    """Rows as a linear function of what is chosen: matrix · w + sold × (all that is sold) + offset.

    matrix [rows, n]; offset [rows], in the unit of the rows' bounds. sold [rows]: per unit of Σ (w_drift − w)⁺, at least 0;
    None: the weights alone decide.
    """

    matrix: sp.csr_array
    offset: Floats
    sold: Floats | None = None


class Constraint(abc.ABC):
    """lower ≤ value(w) ≤ upper, row by row; value is linear, or convex with an infinite lower bound.

    name: unique among the constraints of a problem; what solutions, conflicts and the report call it. group: HARD, or the
    elastic group with which it is relaxed.
    curved: whether `tangent` depends on the weights; such a constraint is solved by Clarabel. always: whether it is what every
    portfolio is (Σw = 1), so that it costs nothing and no conflict goes without it. unique: of a curved one, whether only one
    portfolio violates it least, as of a strictly convex function of all weights.

    The five abstract methods say what the constraint is; `applies`, `concerns`, `reference` and `forced_by` have defaults. All
    of them look names up by `problem.symbols`: the optimiser calls them with the names in another order, or with fewer.
    """

    name: str
    group: str
    curved: ClassVar[bool] = True
    always: ClassVar[bool] = False

    @property
    def unique(self) -> bool:
        return False

    @abc.abstractmethod
    def rows(self, problem: Problem) -> tuple[str, ...]:
        """What each row is about: an industry, a style …"""

    @abc.abstractmethod
    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        """Lower and upper bound of each row; infinite where open."""

    @abc.abstractmethod
    def values(self, weights: Floats, problem: Problem) -> Floats:
        """Each row's value at `weights` [n], by SPEC's formula, without cvxpy."""

    @abc.abstractmethod
    def state(self, choice: Choice, problem: Problem, slack: cp.Variable | None) -> Stated:
        """The rows in cvxpy; `slack` [rows] ≥ 0 widens both bounds."""

    @abc.abstractmethod
    def tangent(self, weights: Floats, problem: Problem, direction: Floats | None = None) -> LinearRows:
        """Rows that are at most value(v) for every v, and equal or nearly so at `weights` [n]; the rows themselves if linear.

        direction: what `Stated.direction` returned, where the solver knows better than the weights. From the tangent follows,
        without the solver, how good any portfolio can be at most (certificate.py), and which constraints exclude each other
        (conflict.py). A row with a finite lower bound has to be linear, as anything cvxpy accepts there is.
        """

    def applies(self, problem: Problem) -> bool:
        """Whether the constraint is part of this rebalance."""
        return True

    def concerns(self, problem: Problem) -> Bools:
        """Names [n] that have a part in a row's value at weight 0; others that can't be held may be left out of `problem`."""
        return np.ones(problem.n, dtype=bool)

    def reference(self, problem: Problem) -> Floats:
        """The benchmark's own value of each row [rows], to which the bounds are relative; 0 where they are absolute."""
        return np.zeros(len(self.rows(problem)))

    def forced_by(self, problem: Problem, row: int) -> Reason | None:
        """Why row number `row` can't be inside its bounds, where the constraint itself knows; None: the optimiser looks."""
        return None


class Linear(Constraint):
    """Bounds on matrix · (w − anchor); the anchor is the benchmark unless said otherwise."""

    curved = False

    @abc.abstractmethod
    def matrix(self, problem: Problem) -> sp.csr_array:
        """[rows, n]."""

    def anchor(self, problem: Problem) -> Floats:
        """Weights [n] at which every row is 0."""
        return problem.benchmark

    def values(self, weights: Floats, problem: Problem) -> Floats:
        return self.matrix(problem) @ (weights - self.anchor(problem))

    def tangent(self, weights: Floats, problem: Problem, direction: Floats | None = None) -> LinearRows:
        matrix = self.matrix(problem)
        return LinearRows(matrix, -(matrix @ self.anchor(problem)))

    def concerns(self, problem: Problem) -> Bools:
        return self.anchor(problem) != 0

    def reference(self, problem: Problem) -> Floats:
        return self.matrix(problem) @ self.anchor(problem)

    def state(self, choice: Choice, problem: Problem, slack: cp.Variable | None) -> Stated:
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
    """Constraints that are linear in the weights as one, which cvxpy states in the time of one."""

    parts: tuple[Constraint, ...]
    name: str = "together"
    group: str = HARD

    def rows(self, problem: Problem) -> tuple[str, ...]:
        return tuple(label for part in self.parts for label in part.rows(problem))

    def matrix(self, problem: Problem) -> sp.csr_array:
        return sp.vstack([part.tangent(problem.benchmark, problem).matrix for part in self.parts], format="csr")

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        """Of matrix · w: each part's offset is its own."""
        lower, upper = zip(*(part.bounds(problem) for part in self.parts), strict=True)
        offset = np.concatenate([part.tangent(problem.benchmark, problem).offset for part in self.parts])
        return np.concatenate(lower) - offset, np.concatenate(upper) - offset

    def anchor(self, problem: Problem) -> Floats:
        return np.zeros(problem.n)


def one_row(values: Floats) -> sp.csr_array:
    """values [n] as [1, n]; from a dense matrix scipy takes ten times as long."""
    places = np.flatnonzero(values)
    return sp.csr_array((values[places], places, [0, places.size]), shape=(1, len(values)))


def _dual(constraint: cp.Constraint) -> Floats:
    return np.atleast_1d(np.asarray(constraint.dual_value, dtype=np.float64))


@dataclass(frozen=True)
class FullyInvested(Linear):
    """Σw = 1: cash is spent, and what execution leaves of it is spent at the next rebalance."""

    always = True
    name: str = "fully_invested"
    group: str = HARD

    def rows(self, problem: Problem) -> tuple[str, ...]:
        return ("sum",)

    def matrix(self, problem: Problem) -> sp.csr_array:
        return one_row(np.ones(problem.n))

    def anchor(self, problem: Problem) -> Floats:
        return np.zeros(problem.n)

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        return np.ones(1), np.ones(1)


@dataclass(frozen=True)
class IndustryNeutral(Linear):
    """|Σ over an industry of (w − b)| ≤ limit, for every industry."""

    limit: float = 0.0
    name: str = "industry"
    group: str = "industry"

    def rows(self, problem: Problem) -> tuple[str, ...]:
        return tuple(problem.industry_codes[0].tolist())

    def matrix(self, problem: Problem) -> sp.csr_array:
        labels, codes = problem.industry_codes
        return sp.csr_array((np.ones(problem.n), (codes, np.arange(problem.n))), shape=(len(labels), problem.n))

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        limit = np.full(len(problem.industry_codes[0]), self.limit)
        return -limit, limit


@dataclass(frozen=True)
class MemberShare(Linear):
    """Σw over the index's members ≥ share: an index-enhancement mandate's "at least 80 % in members".

    Gives together with industries, the last to give: both are measured in weight.
    """

    share: float
    name: str = "member_share"
    group: str = "industry"

    def rows(self, problem: Problem) -> tuple[str, ...]:
        return ("members",)

    def matrix(self, problem: Problem) -> sp.csr_array:
        return one_row((problem.benchmark > 0).astype(float))

    def anchor(self, problem: Problem) -> Floats:
        return np.zeros(problem.n)

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        return np.array([self.share]), np.array([np.inf])


@dataclass(frozen=True)
class StyleBand(Linear):
    """|Σ (w − b) z| ≤ limit for one style; a `least` other than −limit makes the band lopsided."""

    name: str
    limit: float
    group: str
    least: float | None = None

    def rows(self, problem: Problem) -> tuple[str, ...]:
        return (self.name,)

    def matrix(self, problem: Problem) -> sp.csr_array:
        return one_row(problem.styles[self.name])

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        return np.array([-self.limit if self.least is None else self.least]), np.array([self.limit])


@dataclass(frozen=True)
class TurnoverLimit(Constraint):
    """½ (Σ|w − w_drift| + |cash − cash_drift|) ≤ limit; the target of cash is 0.

    Since Σw = 1 and w_drift and its cash sum to 1, this equals what is sold plus the cash spent. The first build, which buys
    everything, has no limit.
    """

    curved = False
    limit: float
    name: str = "turnover_limit"
    group: str = "turnover"

    def rows(self, problem: Problem) -> tuple[str, ...]:
        return ("one_way",)

    def bounds(self, problem: Problem) -> tuple[Floats, Floats]:
        return np.array([-np.inf]), np.array([self.limit])

    def values(self, weights: Floats, problem: Problem) -> Floats:
        return np.array([one_way_turnover(weights, problem.drifted, problem.cash)])

    def tangent(self, weights: Floats, problem: Problem, direction: Floats | None = None) -> LinearRows:
        return LinearRows(sp.csr_array((1, problem.n)), np.array([problem.cash]), np.ones(1))

    def applies(self, problem: Problem) -> bool:
        return not problem.first_build

    def concerns(self, problem: Problem) -> Bools:
        return problem.drifted > 0

    def forced_by(self, problem: Problem, row: int) -> Reason | None:
        return CASH_TO_SPEND(cash=float(problem.cash)) if problem.cash > self.limit + TOLERANCE else None

    def state(self, choice: Choice, problem: Problem, slack: cp.Variable | None) -> Stated:
        limit = cp.sum(choice.sold) + problem.cash <= (self.limit if slack is None else self.limit + cp.sum(slack))
        return Stated([limit], lambda: _dual(limit))


def one_way_turnover(weights: Floats, drifted: Floats, cash: float) -> float:
    """½ (Σ|w − w_drift| + |cash − cash_drift|) where the target leaves 1 − Σw in cash."""
    return 0.5 * float(np.abs(weights - drifted).sum() + abs((1.0 - weights.sum()) - cash))


@dataclass(frozen=True)
class Bounds:
    """Bounds of every name. crossed [n]: the state overrode the stock band, which then ends at the drifted weight."""

    lower: Floats
    upper: Floats
    free_lower: Floats
    free_upper: Floats
    crossed: Bools


def bound_names(
    benchmark: Floats, drifted: Floats, *, deviation: float, frozen: Bools, unbuyable: Bools, excluded: Bools
) -> Bounds:
    """Bounds of every name's weight [n] (SPEC §6).

    The band is benchmark ± deviation, cut at 0. A frozen name keeps its drifted weight; an unbuyable one is given at most
    its drifted weight; an excluded one (no index member where members only are held) has none, unless frozen. Where
    bounds cross, the violated one becomes the drifted weight.
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
    """The constraints of SPEC §6, and those that are not applied: name → reason, in the order of `missing`.

    missing: constraints whose data is missing for the whole market, such as a style's, with the reason; nothing stands in for
    them.
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
