"""An independent implementation of a week of the portfolios by SPEC §6, with scipy and plain polars, for verification.

This module holds the weekly problem as one linear program for scipy.optimize.linprog, the check of conflicts, the accounts of a week
and the fills. It starts from the tables that a week reads and stores, and uses nothing of assets/portfolios except the names of
columns. Where both agree, two independent readings of SPEC agree.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from scipy.optimize import linprog

from resources.arrays import Floats

FIXED = 1e-9  # tolerance of an earlier total after it was minimised (SPEC §6)
INSIDE = 1e-10  # feasibility tolerance of the solver
ORDER_DUST = 1e-12  # share of NAV below which a fill is rounding


@dataclass(frozen=True)
class Limits:
    """Bounds of one portfolio. styles: style → (group, limit of |active exposure|), for the styles that exist on the day."""

    stock: float
    industry: float
    turnover: float
    styles: Mapping[str, tuple[str, float]]


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows low ≤ matrix · w ≤ high, with the name and the elastic group of each."""

    names: list[tuple[str, str]]
    matrix: sp.csr_array
    low: Floats
    high: Floats
    group: list[str]


@dataclass(frozen=True, eq=False)
class Names:
    """The listed stocks [n] of a signal day, ascending. mu: 0 for a stock without score or frozen. cash: its drifted weight."""

    symbols: list[str]
    mu: Floats
    benchmark: Floats
    drifted: Floats
    cash: float
    low: Floats
    high: Floats
    industry: list[str]
    styles: Mapping[str, Floats]
    first_build: bool


def restate(frame: pl.DataFrame, cash: float, limits: Limits, min_listed_days: int, *, first_build: bool) -> Names:
    """State the bounds of each stock by SPEC §6.

    Not traded: w = drifted. ST, listed for too short a time or without score: w ≤ drifted. Otherwise w is within benchmark ± stock
    and at least 0. An empty interval becomes the drifted weight.

    frame: one row per listed stock: symbol, traded, is_st, listed_days, score, industry, benchmark_weight, drifted_weight and the
    styles; a missing value is null.
    """
    names = frame.sort("symbol")
    traded = names["traded"].fill_null(False).to_numpy()
    drifted, benchmark = (names[c].fill_null(0.0).to_numpy() for c in ("drifted_weight", "benchmark_weight"))
    barred = (
        names["is_st"].fill_null(False).to_numpy()
        | (names["listed_days"].fill_null(0).to_numpy() < min_listed_days)
        | names["score"].is_null().to_numpy()
    )
    low, high = np.maximum(0.0, benchmark - limits.stock), benchmark + limits.stock
    high = np.where(barred, np.minimum(high, drifted), high)
    low = np.minimum(low, high)
    low, high = np.where(traded, low, drifted), np.where(traded, high, drifted)
    return Names(
        names["symbol"].to_list(), np.where(traded, names["score"].fill_null(0.0).to_numpy(), 0.0), benchmark, drifted, cash,
        low, high, names["industry"].fill_null("unknown").to_list(),
        {style: names[style].fill_null(0.0).to_numpy() for style in limits.styles}, first_build,
    )  # fmt: skip


def state_rows(names: Names, limits: Limits) -> Rows:
    """Return the rows of industries and styles; turnover is not among them because it needs its own columns."""
    labels = sorted(set(names.industry))
    place = {label: row for row, label in enumerate(labels)}
    member = sp.csr_array(
        (np.ones(len(names.symbols)), ([place[one] for one in names.industry], np.arange(len(names.symbols)))),
        shape=(len(labels), len(names.symbols)),
    )
    styles = list(limits.styles)
    matrix = sp.vstack([member, *(sp.csr_array(names.styles[style][None, :]) for style in styles)], format="csr")
    width = np.array([limits.industry] * len(labels) + [limits.styles[style][1] for style in styles])
    own = matrix @ names.benchmark
    return Rows(
        [("industry", label) for label in labels] + [(style, style) for style in styles],
        matrix, own - width, own + width,
        ["industry"] * len(labels) + [limits.styles[style][0] for style in styles],
    )  # fmt: skip


@dataclass(frozen=True)
class Best:
    """The optimum. totals: elastic group → least total violation, in order. score: the largest Σ μ w under them."""

    totals: dict[str, float]
    score: float


def solve_again(names: Names, limits: Limits, order: Sequence[str]) -> Best:
    """Return the largest score; if the strict problem is infeasible, after the lexicographic relaxation of SPEC §6.

    The columns are w [n], sold [n] ≥ drifted − w, and a violation above and below for every row and the turnover.

    Raises:
        ValueError: The hard constraints are infeasible, or linprog fails.
    """
    rows, n = state_rows(names, limits), len(names.symbols)
    r = len(rows.low) + 1  # the last row is turnover: the sales and the spent cash
    body = sp.block_array([[rows.matrix, None], [None, sp.csr_array(np.ones((1, n)))]], format="csr")
    limit = np.inf if names.first_build else limits.turnover - names.cash
    low, high = np.append(rows.low, -np.inf), np.append(rows.high, limit)
    slack, none, eye = sp.eye_array(r, format="csr"), sp.csr_array((r, r)), sp.eye_array(n, format="csr")
    below, above = np.isfinite(low), np.isfinite(high)
    upper = sp.vstack(
        [
            sp.hstack([body, -slack, none], format="csr")[above],
            sp.hstack([-body, none, -slack], format="csr")[below],
            sp.hstack([-eye, -eye, sp.csr_array((n, 2 * r))], format="csr"),
        ],
        format="csr",
    )
    bound = np.concatenate([high[above], -low[below], -names.drifted])
    group = np.array([*rows.group, "turnover"] * 2)
    best = np.concatenate([-names.mu, np.zeros(n + 2 * r)])
    box = np.column_stack(
        [np.append(names.low, np.zeros(n + 2 * r)), np.concatenate([names.high, np.full(n, 1.0), np.zeros(2 * r)])]
    )
    strict = _least(best, upper, bound, n, box)
    if strict is not None:
        return Best(dict.fromkeys(order, 0.0), -strict)
    box[2 * n :, 1] = np.inf
    totals: dict[str, float] = {}
    for name in order:
        cost = np.append(np.zeros(2 * n), (group == name).astype(float))
        total = _least(cost, upper, bound, n, box)
        if total is None:
            raise ValueError("the hard constraints are infeasible")
        totals[name] = total
        upper, bound = sp.vstack([upper, sp.csr_array(cost[None, :])], format="csr"), np.append(bound, total + FIXED)
    score = _least(best, upper, bound, n, box)
    if score is None:
        raise ValueError("the problem is infeasible under the smallest violations")
    return Best(totals, -score)


def _least(cost: Floats, upper: sp.csr_array, bound: Floats, n: int, box: Floats) -> float | None:
    """The least cost with Σw = 1 over the first n columns; None if the problem is infeasible."""
    whole = np.zeros((1, len(cost)))
    whole[0, :n] = 1.0
    found = linprog(
        cost, A_ub=upper, b_ub=bound, A_eq=sp.csr_array(whole), b_eq=np.ones(1), bounds=box, method="highs",
        options={"primal_feasibility_tolerance": INSIDE, "dual_feasibility_tolerance": INSIDE},
    )  # fmt: skip
    if found.status == 2:
        return None
    if found.status != 0:
        raise ValueError(f"linprog: {found.message}")
    return float(found.fun)


def irreducible(names: Names, limits: Limits, members: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the members of a stored conflict are infeasible together, and feasible without any one of them.

    The only other conditions are w ≥ 0 and Σw = 1.
    """
    everything = list(range(len(members)))
    if _can_hold(names, limits, [members[i] for i in everything]):
        return False
    return all(_can_hold(names, limits, [members[i] for i in everything if i != left]) for left in everything)


def _can_hold(names: Names, limits: Limits, members: Sequence[Mapping[str, Any]]) -> bool:
    rows, n = state_rows(names, limits), len(names.symbols)
    box = np.column_stack([np.zeros(2 * n), np.ones(2 * n)])
    place = {symbol: i for i, symbol in enumerate(names.symbols)}
    eye = sp.eye_array(n, format="csr")
    none = sp.csr_array((n, n))
    upper, bound = [sp.hstack([-eye, -eye], format="csr")], [-names.drifted]
    for one in members:
        side = one["side"]
        if one["kind"] == "state":
            i = place[one["row"]]
            box[i, int(side == "upper")] = (names.high if side == "upper" else names.low)[i]
        elif one["kind"] == "stock_bands":
            # A state that widens a band, such as that of a stock that may not be bought up to it, holds in any case.
            if side != "upper":
                box[:n, 0] = np.maximum(box[:n, 0], np.minimum(names.low, names.benchmark - limits.stock))
            if side != "lower":
                box[:n, 1] = np.minimum(box[:n, 1], np.maximum(names.high, names.benchmark + limits.stock))
        elif one["constraint"] == "turnover_limit":
            upper.append(sp.hstack([sp.csr_array((1, n)), sp.csr_array(np.ones((1, n)))], format="csr"))
            bound.append(np.array([limits.turnover - names.cash]))
        else:
            r = rows.names.index((one["constraint"], one["row"]))
            sign = 1.0 if side == "upper" else -1.0
            upper.append(sp.hstack([sign * rows.matrix[[r]], none[[0]]], format="csr"))
            bound.append(sign * (rows.high if side == "upper" else rows.low)[[r]])
    # the bound of a state may be outside a stock band that is a member too: the members are then infeasible
    if (box[:, 0] > box[:, 1]).any():
        return False
    return _least(np.zeros(2 * n), sp.vstack(upper, format="csr"), np.concatenate(bound), n, box) is not None


# --- accounts -----------------------------------------------------------------------------------------------------------


def account(
    before: pl.DataFrame, cash: float, orders: pl.DataFrame, prices: pl.DataFrame, cost: float
) -> tuple[float, dict[str, float]]:
    """Return the NAV at the week's end as a multiple of the NAV at its beginning, and the weights at the end.

    Args:
        before: symbol, weight at the last signal close; with cash the weights sum to 1.
        cash: The weight of cash at the last signal close.
        orders: symbol, filled (as a share of the value at VWAP); empty if nothing was traded.
        prices: date, symbol, pre_close, vwap, close of the week's days in order. A stock without a price keeps its value.
        cost: Cost per traded value.
    """
    money = dict(zip(before["symbol"].to_list(), before["weight"].to_list(), strict=True))
    filled = dict(zip(orders["symbol"].to_list(), orders["filled"].to_list(), strict=True))
    for number, ((_,), day) in enumerate(prices.group_by("date", maintain_order=True)):
        quotes = {row[0]: row[1:] for row in day.select("symbol", "pre_close", "vwap", "close").iter_rows()}
        if number == 0 and filled:
            for symbol in money:
                if symbol in quotes:
                    money[symbol] *= quotes[symbol][1] / quotes[symbol][0]
            value = sum(money.values()) + cash
            for symbol, share in filled.items():
                money[symbol] = money.get(symbol, 0.0) + share * value
                cash -= share * value + cost * abs(share) * value
            for symbol in money:
                if symbol in quotes:
                    money[symbol] *= quotes[symbol][2] / quotes[symbol][1]
        else:
            for symbol in money:
                if symbol in quotes:
                    money[symbol] *= quotes[symbol][2] / quotes[symbol][0]
    nav = sum(money.values()) + cash
    return nav, {symbol: value / nav for symbol, value in money.items() if value}


def wrong_fills(orders: pl.DataFrame, prices: pl.DataFrame, buyable: Collection[str]) -> list[str]:
    """Return the wrong orders as "symbol: why": filled although they could not be, or blocked although they could be filled.

    A day whose low is the limit-up price has no seller, and one whose high is the limit-down price no buyer; the limits are 10 %,
    and 5 % for ST, to the cent.

    Args:
        orders: symbol, order, filled, blocked.
        prices: The trade day's symbol, pre_close, high, low, volume, is_st.
        buyable: The stocks that could be bought at the signal close; a stock that is ST on the trade day cannot be bought.
    """
    limit = pl.when("is_st").then(5).otherwise(10)
    cents = (pl.col("pre_close") * 100).round().cast(pl.Int64)
    day = orders.join(prices, on="symbol", how="left").with_columns(
        up=(cents * (100 + limit) + 50) // 100, down=(cents * (100 - limit) + 50) // 100
    )
    open_ = (
        pl.when(pl.col("volume").fill_null(0) == 0)
        .then(False)
        .when((pl.col("order") > 0) & (pl.col("is_st") | ~pl.col("symbol").is_in(list(buyable))))
        .then(False)
        .when(pl.col("order") > 0)
        .then((pl.col("low") * 100).round() < pl.col("up"))
        .otherwise((pl.col("high") * 100).round() > pl.col("down"))
    )
    traded = pl.col("filled").abs() > ORDER_DUST
    wrong = day.with_columns(
        why=pl.when(traded & ~open_)
        .then(pl.lit("filled although it could not be"))
        .when((pl.col("blocked") != "") & open_)
        .then(pl.lit("blocked although it could be filled"))
    ).filter(pl.col("why").is_not_null())
    return [f"{symbol}: {why}" for symbol, why in wrong.select("symbol", "why").iter_rows()]
