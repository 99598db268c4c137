"""The attribution of a week's excess return to eight components that sum to it.

This module splits one week of one portfolio, on arrays and small dataclasses. It does not trade the week (execution.py), write the
tables' rows (make_attribution.py) or sum over weeks (the report).

**The excess.** E = W / I − 1 is the week's relative strength of net against the index (SPEC §6): W and I are the values of one
yuan invested in the portfolio (after cost) and in the index at the previous signal close, at the signal close of the week.
Every component is an amount of money at the end of the week in units of I, so that the components add up to E without a
remainder: an excess that was earned before the trade grows at the benchmark's return and leaves no cross term. Weeks are linked
in the same way (Frongello 2002): the sum over weeks of a component times the relative strength at the start of its week, over
all components, equals the relative strength over all weeks less 1.

**Two legs.** The first leg is from the signal close to the VWAP of the trade day, with last week's holdings and cash; the second is
from there to the signal close, with the target. With D the value of the members at their drifted weights, M their return in the
second leg, N the net asset value at VWAP before the trade (1 at the start), h and b the weights of the portfolio and of the
benchmark at the start, bᵥ the latter drifted to VWAP, w the target, a the weights after the trade, g and G the growth of each
stock in the legs, κ the cost:

    E · I = (1 + M) Σ (h − b)(g − 1) + N Σ (w − bᵥ)(G − 1)        selection, style, industry, cash
          + N Σ (a − w)(G − 1)                                     unfilled
          − N κ                                                    cost
          − loss on delisted holdings when they were paid out      delisting
          + D − I                                                  benchmark_basis

**The first line** is split by a cross-sectional regression in each leg. The returns of the stocks of U(t) that traded in the leg
are regressed on industry dummies and on the styles of the previous signal close (the exposures that the optimiser used), weighted
by √total_mv. The market return is the mean of the industries' coefficients, weighted by the benchmark, so that the benchmark's own
industry effects are 0. A style's contribution is its active exposure times its coefficient; an industry's is its active weight
times its coefficient over the market; cash contributes minus the market return; selection is Σ active weight × residual, by
industry. Stocks outside the regression (ST, new, suspended) have a residual too, so that there is no remainder.

A regression is used instead of Brinson's sectors, because the portfolio is constrained in styles and industries together, and a
Brinson split has only one partition of the stocks: it would attribute a tilt to small stocks to selection or, through the sectors,
to allocation, and its interaction term belongs to neither. With dummies alone the regression is Brinson's allocation and selection
against sector returns of the whole market. Two legs are used instead of days, because amounts are linear within a leg and daily
effects need no smoothing.

- `unfilled` is the return of the difference between the holdings after the trade and the target, by reason: the reason why an
  order was blocked or cut (suspended, limit_up, participation …), `cash` (buys scaled down because blocked sells or the cost left
  too little cash), `topped_up` (unspent cash spread over executed buys). Remaining cash earns nothing, so an item is the return
  missed or the loss avoided.
- `cash` is the contribution of the cash at the previous signal close, which is the whole portfolio in the week after the first build.
- `benchmark_basis` arises because the index is a price index, while its members pay dividends and are drifted from weights that are
  published monthly at most; without index closes it arises from weights that are published within the week.
- A style or an industry that is null for the whole market is n/a with a reason, and its share of the return is part of
  `selection`. The same applies to all of them if fewer than `names_per_factor` stocks per coefficient can be regressed.

Sources: Grinold and Kahn, Active Portfolio Management (2000), ch. 17; Heston and Rouwenhorst (1994) for industry returns over
a market; Menchero, Orr and Wang, The Barra US Equity Model (USE4) (2011) for √cap weights; Brinson, Hood and Beebower
(1986); Frongello, Linking single period attribution results (2002); SPEC §6 for the accounting. [c]
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from assets.portfolios.reasons import TOO_FEW_TO_REGRESS
from assets.portfolios.schemas import COMPONENTS
from resources.arrays import Bools, Floats, Strings
from resources.reasons import Reason

CASH_SHORT, TOPPED_UP = "cash", "topped_up"
TO_VWAP, FROM_VWAP = "to_vwap", "from_vwap"
ROUNDING = 1e-15  # a shortfall smaller than this share of the portfolio is a rounding error


@dataclass(frozen=True, eq=False)
class NameTraits:
    """Attributes of n stocks at the signal close before the week.

    industry [n]. styles: style → z-score [n], only of available styles. weights [n]: of the regression, 0 outside U(t).
    """

    symbols: Strings
    industry: Strings
    styles: Mapping[str, Floats]
    weights: Floats


@dataclass(frozen=True, eq=False)
class HeldWeek:
    """Holdings, trades and growth of one week; arrays [n] over the same stocks.

    holding, benchmark: weights at the previous signal close; cash: its weight there, so that holding and cash sum to 1. target:
    None if nothing was to be traded. after: weights after the trade, in fractions of the net asset value at VWAP before it; the
    remainder to 1 is cash and `cost`. shortfall: reason → its part of after − target [n]. growth: from close to VWAP and
    from VWAP to close; 1 where a stock did not trade or is delisted. observed: whether it traded in the leg. lost: losses on
    delisted holdings when paid out, in units of the wealth at the start of the week, [n] in each leg. net, index: growth of
    one yuan over the week.
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
    """The decomposition of one cross-section of returns: r = market + industry + Σ z · style + residual [n].

    industry: return over the market of every estimated industry. names: number of stocks in the regression. r2: weighted R² of
    these stocks' returns around their mean. absent: why nothing was estimated; None otherwise.
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
    """An item of one leg. exposure: active, at the leg's start; None if the item has none. value: its part of E."""

    leg: str
    component: str
    item: str
    value: float
    exposure: float | None = None
    factor_return: float | None = None


@dataclass(frozen=True, eq=False)
class Attribution:
    """The attribution of one week. excess: E. gap: excess less the sum of all pieces. names: component → part of E [n]."""

    excess: float
    gap: float
    pieces: tuple[Piece, ...]
    names: Mapping[str, Floats]
    legs: Mapping[str, Returns] = field(default_factory=dict)

    def totals(self) -> dict[tuple[str, str], float]:
        """Map (component, item) to its part of E over both legs, in the order of the components and then of the items."""
        sums: dict[tuple[str, str], float] = {}
        for piece in self.pieces:
            key = (piece.component, piece.item)
            sums[key] = sums.get(key, 0.0) + piece.value
        return {key: sums[key] for key in sorted(sums, key=lambda key: (COMPONENTS.index(key[0]), key[1]))}

    def components(self) -> dict[str, float]:
        """Map every component to its part of E, which is 0 for a component without items."""
        sums = dict.fromkeys(COMPONENTS, 0.0)
        for (component, _), value in self.totals().items():
            sums[component] += value
        return sums


def explain_returns(
    returns: Floats, observed: Bools, benchmark: Floats, names: NameTraits, *, names_per_factor: float
) -> Returns:
    """Regress `returns` [n] on industries and styles, over the stocks that were `observed` and have a regression weight.

    benchmark [n]: weights by which the industries' returns are averaged to the market's. With fewer than `names_per_factor`
    stocks per coefficient nothing is estimated: the market is the benchmark's return, and the rest is residual.
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
    # An industry without an observed stock has the return of the market.
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
    """Split the week's excess over the index into COMPONENTS, by the formula of this module."""
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
    """The pieces of cash, industries, styles and selection of one leg's active weights [n]."""
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
    """Split after − target [n] by reason; the parts sum to it, and reasons without a part are left out.

    difference [n]: after − target. topped_up [n]: purchases beyond the target from unspent cash, which have their own reason.
    reasons [n]: why the rest of an order was not filled; "" for a filled order, whose remaining difference is `cash`, the
    common factor on all buys where blocked sells and the cost left too little cash.
    """
    labels = np.where(np.asarray(reasons) == "", CASH_SHORT, reasons)
    parts = {TOPPED_UP: topped_up}
    parts |= {str(one): np.where(labels == one, difference - topped_up, 0.0) for one in np.unique(labels)}
    return {reason: part for reason, part in parts.items() if np.abs(part).max(initial=0.0) > ROUNDING}
