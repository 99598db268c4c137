"""Where a week's excess return came from: eight named components that add up to it.

What belongs here: the split of one week of one portfolio, on arrays and small dataclasses. What does not: how the week
was traded (execution.py), the tables' rows (make_attribution.py) and sums over weeks (the report).

**What is explained.** E = W / I − 1, the week's relative strength of net against the index (SPEC §6): W and I are what one
yuan in the portfolio (after cost) and one yuan in the index became between the signal close before and the signal close of
the week. Every component is money at the end of the week in units of I, so that they add up to E without a remainder,
and a portfolio that has won before the trade carries its lead on at the benchmark's return instead of leaving a cross
term. Between weeks they are chained in the same way (Frongello 2002): a week's component times the relative strength at
which the week began, summed, is the relative strength over all weeks less 1, exactly.

**Two legs.** Signal close → VWAP of the trade day (what was held: last week's weights and cash), and VWAP → signal close
(the target). With D the members at their drifted weights, M their return in the second leg, N the net asset value at VWAP
before the trade (1 at the start), h and b the weights held and of the members at the start, bᵥ the latter drifted to
VWAP, w the target, a what was held after the trade, g and G the growth of each name in the legs, κ the cost:

    E · I = (1 + M) Σ (h − b)(g − 1) + N Σ (w − bᵥ)(G − 1)        selection, style, industry, cash
          + N Σ (a − w)(G − 1)                                     unfilled
          − N κ                                                    cost
          − what delisted names lost when they were paid out       delisting
          + D − I                                                  benchmark_basis

**The first line** is split by a cross-sectional regression in each leg: the return of every name of U(t) that traded in it on
industry dummies and the styles of the signal close before (the exposures that the optimiser saw), weighted by
√total_mv. A style earns its active exposure times its coefficient; an industry its active weight times its
coefficient over the market's; the market is the mean of the industries' coefficients at the benchmark's weights (so that
the benchmark's own industry bets are 0); cash loses the market; selection is Σ active weight × residual, told
by industry. A name outside the regression (ST, new, suspended) has a residual too: nothing is left over.

Why a regression and not Brinson's sectors: the portfolio's constraints are styles and industries at once, and a Brinson
split knows only one partition of the names: a tilt to small stocks would pass as selection or, through the sectors, as
allocation, and its interaction term has no owner. With dummies alone the regression is Brinson's allocation and
selection against sector returns of the whole market. Why two legs and not days: within a leg money is linear, so no
smoothing of daily effects is needed.

- `unfilled` is the return of the difference between what was held after the trade and the target, by reason: what blocked
  or cut the order (suspended, limit_up, participation …), `cash` (buys scaled down where blocked sells or the cost left too
  little), `topped_up` (unspent cash spread over executed buys). Cash left over earns nothing, so an item holds the return
  that was missed, or escaped.
- `cash` is what stood uninvested at the signal close before: the whole of it in the week after the first build.
- `benchmark_basis`: the index is a price index, its members pay dividends and are drifted from weights published at most
  monthly; where there are no index closes, weights published inside the week.
- A style or an industry that is null for the whole market is n/a; its share of the return is then part of `selection`,
  and that is said. So are all of them where fewer than `names_per_factor` names per coefficient are left to regress on.

Sources: Grinold and Kahn, Active Portfolio Management (2000), ch. 17; Heston and Rouwenhorst (1994) for industry returns over
a market; Menchero, Orr and Wang, The Barra US Equity Model (USE4) (2011) for √cap weights; Brinson, Hood and Beebower
(1986); Frongello, Linking single period attribution results (2002); SPEC §6 for the accounting. [c]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from assets.portfolios.reasons import TOO_FEW_TO_REGRESS
from assets.portfolios.schemas import COMPONENTS
from resources.reasons import Reason

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Strings = NDArray[np.str_]

CASH_SHORT, TOPPED_UP = "cash", "topped_up"
TO_VWAP, FROM_VWAP = "to_vwap", "from_vwap"
ROUNDING = 1e-15  # a shortfall smaller than this share of the portfolio is the difference of equal numbers


@dataclass(frozen=True, eq=False)
class NameTraits:
    """n names as they were at the signal close before the week.

    industry [n]. styles: style → z-score [n], of those that exist. weights [n]: of the regression, 0 outside U(t).
    """

    symbols: Strings
    industry: Strings
    styles: Mapping[str, Floats]
    weights: Floats


@dataclass(frozen=True, eq=False)
class HeldWeek:
    """What was held and what happened, arrays [n] over the same names.

    holding, benchmark: weights at the signal close before; cash: with holding it sums to 1. target: None where nothing was
    to be traded. after: weights held after the trade, in fractions of the net asset value at VWAP before it; what they leave
    of 1 is cash and `cost`. shortfall: reason → after − target [n]; the reasons add up to it. growth: close to VWAP, VWAP to
    close, 1 where a name did not trade or is delisted. observed: traded in the leg. lost: what delisted holdings lost when
    paid out, in units of the wealth at the start of the week, [n] in each leg. net, index: growth of one yuan over the week.
    """

    holding: Floats
    benchmark: Floats
    cash: float
    target: Floats | None
    after: Floats
    shortfall: Mapping[str, Floats]
    growth: tuple[Floats, Floats]
    observed: tuple[Bools, Bools]
    lost: tuple[Floats, Floats]
    cost: float
    net: float
    index: float


@dataclass(frozen=True, eq=False)
class Returns:
    """One cross-section explained: r = market + industry + Σ z · style + residual [n].

    industry: return over the market of every industry that was estimated. absent: why nothing was estimated, None where it
    was. names: in the regression. r2: weighted, of the regression's own names over the market.
    """

    market: float
    industry: Mapping[str, float]
    style: Mapping[str, float]
    residual: Floats
    names: int
    r2: float | None
    absent: Reason | None = None


@dataclass(frozen=True)
class Piece:
    """An item of one leg. exposure: active, at the leg's start; None where the item has none. value: its part of E."""

    leg: str
    component: str
    item: str
    value: float
    exposure: float | None = None
    factor_return: float | None = None


@dataclass(frozen=True, eq=False)
class Attribution:
    """One week split. excess: E. gap: excess less the sum of all pieces: rounding. names: component → part of E [n]."""

    excess: float
    gap: float
    pieces: tuple[Piece, ...]
    names: Mapping[str, Floats]
    legs: Mapping[str, Returns] = field(default_factory=dict)

    def totals(self) -> dict[tuple[str, str], float]:
        """(component, item) → part of E over both legs, in order of the components, then the items' names."""
        sums: dict[tuple[str, str], float] = {}
        for piece in self.pieces:
            key = (piece.component, piece.item)
            sums[key] = sums.get(key, 0.0) + piece.value
        return {key: sums[key] for key in sorted(sums, key=lambda key: (COMPONENTS.index(key[0]), key[1]))}

    def components(self) -> dict[str, float]:
        """component → part of E; every component, 0 where it has no item."""
        sums = dict.fromkeys(COMPONENTS, 0.0)
        for (component, _), value in self.totals().items():
            sums[component] += value
        return sums


def explain_returns(
    returns: Floats, observed: Bools, benchmark: Floats, names: NameTraits, *, names_per_factor: float
) -> Returns:
    """Regress `returns` [n] of the names in the regression that were `observed` on industries and styles.

    benchmark [n]: weights at which the industries' returns are averaged to the market's. Where there are fewer than
    `names_per_factor` names per coefficient, the market is the benchmark's own return and all else is residual.
    """
    used = observed & (names.weights > 0)
    labels, code = np.unique(names.industry, return_inverse=True)
    present = np.unique(code[used])
    count, columns = int(used.sum()), len(present) + len(names.styles)
    member = benchmark / benchmark.sum()
    if count == 0 or count < names_per_factor * columns:
        market = float(member @ returns)
        absent = TOO_FEW_TO_REGRESS(names=count, columns=columns)
        return Returns(market, {}, {}, returns - market, count, None, absent)
    z = np.column_stack([np.zeros((len(returns), 0)), *names.styles.values()])
    design = np.column_stack([code[used, None] == present[None, :], z[used]]).astype(float)
    root = np.sqrt(names.weights[used] / names.weights[used].mean())
    solution, *_ = np.linalg.lstsq(design * root[:, None], returns[used] * root, rcond=None)
    of_industry, of_style = solution[: len(present)], solution[len(present) :]
    # An industry without an observed name moves with the market.
    weight = np.array([float(member[code == one].sum()) for one in present])
    market = float(weight @ of_industry / weight.sum()) if weight.sum() > 0 else float(of_industry.mean())
    over = np.zeros(len(labels))
    over[present] = of_industry - market
    residual = returns - market - over[code] - z @ of_style
    around = returns[used] - float(np.average(returns[used], weights=root**2))
    spread = float(root**2 @ around**2)
    return Returns(
        market,
        {str(labels[one]): float(over[one]) for one in present},
        dict(zip(names.styles, of_style.tolist(), strict=True)),
        residual,
        count,
        1.0 - float(root**2 @ residual[used] ** 2) / spread if spread > 0 else None,
    )


def attribute(week: HeldWeek, names: NameTraits, *, names_per_factor: float) -> Attribution:
    """Split the week's excess over the index into COMPONENTS; see the module for what each is."""
    target = week.after if week.target is None else week.target
    growth, after = week.growth
    held = float(week.holding @ growth) + week.cash - float(week.lost[0].sum())  # N
    members = week.benchmark * growth
    basket = float(members.sum())
    members = members / basket
    second = float(members @ (after - 1.0))  # M
    total = basket * (1.0 + second)  # D
    legs = {
        TO_VWAP: (week.holding, week.benchmark, growth - 1.0, (1.0 + second) / week.index),
        FROM_VWAP: (target, members, after - 1.0, held / week.index),
    }
    pieces: list[Piece] = []
    explained: dict[str, Returns] = {}
    selection = np.zeros(len(names.symbols))
    for (leg, (own, other, returns, scale)), observed in zip(legs.items(), week.observed, strict=True):
        found = explain_returns(returns, observed, other, names, names_per_factor=names_per_factor)
        explained[leg] = found
        active = own - other
        pieces += _split(leg, active, found, names, scale)
        selection += active * found.residual * scale
    unfilled = np.zeros(len(names.symbols))
    for reason, difference in week.shortfall.items():
        part = difference * (after - 1.0) * held / week.index
        unfilled += part
        pieces.append(Piece(FROM_VWAP, "unfilled", reason, float(part.sum()), float(difference.sum())))
    if week.cost:
        pieces.append(Piece(FROM_VWAP, "cost", "trading", -held * week.cost / week.index))
    delisting = -(week.lost[0] * (1.0 + second) + week.lost[1]) / week.index
    pieces += [
        Piece(FROM_VWAP, "delisting", str(names.symbols[one]), float(delisting[one]))
        for one in np.flatnonzero(delisting)
    ]
    pieces.append(Piece(FROM_VWAP, "benchmark_basis", "index", (total - week.index) / week.index))
    excess = week.net / week.index - 1.0
    return Attribution(
        excess,
        excess - float(sum(piece.value for piece in pieces)),
        tuple(pieces),
        {"selection": selection, "unfilled": unfilled, "delisting": delisting},
        explained,
    )


def _split(leg: str, active: Floats, found: Returns, names: NameTraits, scale: float) -> list[Piece]:
    """Cash, industries, styles and selection by industry of one leg's active weights [n]."""
    pieces = [
        Piece(leg, "cash", "cash", float(active.sum()) * found.market * scale, -float(active.sum()), found.market)
    ]
    labels, code = np.unique(names.industry, return_inverse=True)
    bets = np.bincount(code, weights=active, minlength=len(labels))
    picks = np.bincount(code, weights=active * found.residual, minlength=len(labels))
    touched = np.bincount(code, weights=np.abs(active), minlength=len(labels)) > 0
    for one in np.flatnonzero(touched):
        label, bet = str(labels[one]), float(bets[one])
        if label in found.industry:
            over = found.industry[label]
            pieces.append(Piece(leg, "industry", label, bet * over * scale, bet, over))
        pieces.append(Piece(leg, "selection", label, float(picks[one]) * scale))
    for style, coefficient in found.style.items():
        exposure = float(active @ names.styles[style])
        pieces.append(Piece(leg, "style", style, exposure * coefficient * scale, exposure, coefficient))
    return pieces


def classify_shortfall(difference: Floats, topped_up: Floats, reasons: Sequence[str] | Strings) -> dict[str, Floats]:
    """after − target [n] by reason; the reasons add up to it, and only those that occur are named.

    topped_up [n]: what was bought beyond the target from unspent cash, a reason of its own. reasons [n]: why the rest of an
    order was not done; "" where all of it was: what still differs is then `cash`, the one factor on all buys that blocked
    sells and the cost leave no cash for.
    """
    told = np.where(np.asarray(reasons) == "", CASH_SHORT, reasons)
    parts = {TOPPED_UP: topped_up}
    parts |= {str(one): np.where(told == one, difference - topped_up, 0.0) for one in np.unique(told)}
    return {reason: part for reason, part in parts.items() if np.abs(part).max(initial=0.0) > ROUNDING}
