"""What happens to holdings between two signal closes: the target is traded at VWAP, then prices move them.

What belongs here: fills, cost, cash, daily drift. What does not: which target (problem/optimiser.py), what the day's market was
and whom the limits blocked (market.py), and the benchmark's return (returns.py). Source: SPEC §6.

All amounts are fractions of the net asset value. On a trade day holdings move from pre_close to VWAP, are traded there,
and move on to the close; on other days from pre_close to close.
- Dividends and splits: pre_close is the ex-rights reference price, so a split changes nothing and a dividend is
  reinvested in its stock on the ex-day.
- A suspended name keeps its last price, return 0, and is not traded: its order is blocked and forgotten; the next target
  is made from what is held by then.
- A name no longer listed pays `delisting_recovery` of its last price in cash on the first day it is not listed, before
  anything is traded; its target, if it still had one, is blocked as `not_listed` and the money goes to the other buys
  within their bounds. So is one that was merged, unless reference/code_changes declares the merger: then its shares become
  new shares on the day (mergers.py).
- What may not be bought is never bought, neither to bring a holding that fell since the signal close back to its target nor
  with unspent cash: a name whose state forbade it at the signal (also if it was suspended there and trades again), and
  one of which the same is known before the trade day's open (advance.py says which).
- Unspent cash earns nothing and counts as a name in turnover; the next target spends it (Σw = 1).

Options, off by default (`portfolios.execution`): whole lots, a cap on the share of the day's volume, dated fees.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.portfolios.problem.constraints import FREE
from assets.portfolios.week.market import Day

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Strings = NDArray[np.str_]

ROUNDING = 1e-15  # orders smaller than this share of the portfolio are the difference of equal numbers
LOT_ROUNDING = 1e-6  # shares by which a whole lot may be missed in floating point
NOT_BUYABLE = "not_buyable"  # why an order was blocked; the execution's `state` says why the name may not be bought


@dataclass(frozen=True, eq=False)
class Terms:
    """What a rebalance costs and how orders are cut.

    buy_cost, sell_cost: per unit of value traded. participation: largest share of a name's tradable volume; None: any.
    lots: shares of the smallest order and of the step of larger ones, of each name [n]; None: any size. money: yuan
    that one unit of holdings stands for, needed by lots and participation alone.
    """

    buy_cost: float
    sell_cost: float
    participation: float | None = None
    lots: tuple[Floats, Floats] | None = None
    money: float = np.nan

    @classmethod
    def flat(cls, cost: float) -> "Terms":
        """The same cost on each side, and orders of any size."""
        return cls(cost, cost)


@dataclass(frozen=True, eq=False)
class Execution:
    """A rebalance at VWAP; arrays [n] in fractions of NAV_v, the value of everything at VWAP before trading.

    holding: before. target, and order = target − holding. filled: traded amount, buys positive, `topped_up` of it
    from unspent cash. state: FREE, or why the name may not be bought. blocked: "" or why nothing was done (not_listed,
    suspended, not_buyable, limit_up, limit_down). cut: "" or what made a fill smaller than its order (participation, cash,
    lots). cash_before, cash_after: the latter after cost. cost:
    what was paid. scale: factor on all buys where cash fell short. turnover: ½ (Σ|filled| + |change of cash|).
    """

    holding: Floats
    target: Floats
    order: Floats
    filled: Floats
    topped_up: Floats
    state: Strings
    blocked: Strings
    cut: Strings
    cash_before: float
    cash_after: float
    cost: float
    scale: float
    turnover: float


@dataclass(frozen=True)
class DayReturn:
    """One day of a portfolio: 1 + net = (1 + gross) (1 − cost). cash: at the close."""

    date: dt.date
    gross: float
    cost: float
    net: float
    turnover: float
    cash: float


@dataclass(frozen=True, eq=False)
class Held:
    """Weights [n] and cash at the last close, summing to 1, and the days that led there."""

    weights: Floats
    cash: float
    days: tuple[DayReturn, ...]
    execution: Execution | None


def execute(
    holding: Floats,
    cash: float,
    target: Floats,
    upper: Floats,
    day: Day,
    terms: Terms,
    state: Strings | None = None,
) -> Execution:
    """Trade `holding` [n] and `cash`, valued at VWAP in any unit, towards `target` [n] weights.

    upper: the largest weight that unspent cash may raise a name to. state [n]: FREE, or why a name may not be bought; None:
    every name is free. Sells come first, in full. A buy costs
    1 + buy_cost: if the cash after sells falls short, all buys are scaled by one factor; if some is left, it is spread over the
    executed buys in proportion, within their bounds. Cash never falls below 0. Money is conserved: holdings and cash
    before = holdings and cash after + cost.

    Options: with `participation` no name trades more than that share of its volume inside the limits. With lots, buys
    and sells are rounded down to what the name's board takes, and nothing below its smallest order; what a rounding leaves of
    the cash stays cash. A position that is sold whole goes whole, odd shares included: reinvested dividends leave
    fractions of shares, which can be sold no other way.
    """
    value = float(holding.sum()) + cash
    holding, cash = holding / value, cash / value
    order = target - holding
    order = np.where(np.abs(order) <= ROUNDING, 0.0, order)
    state = np.full(len(order), FREE) if state is None else state
    blocked = _blocked(order, day, state)
    open_ = blocked == ""
    wanted = np.where(open_, order, 0.0)
    most_bought, most_sold = _most(day, terms, value)
    sells = np.minimum(np.maximum(-wanted, 0.0), most_sold)
    desired = np.minimum(np.maximum(wanted, 0.0), most_bought)
    if terms.lots is not None:
        whole = sells >= holding
        sells = np.where(whole, sells, _lots(sells, terms.lots, day.vwap, terms.money * value))
    budget = cash + float(sells.sum()) * (1.0 - terms.sell_cost)
    spend = float(desired.sum()) * (1.0 + terms.buy_cost)
    scale = min(1.0, budget / spend) if spend > 0 else 1.0
    buys = desired * scale
    left = budget - spend * scale
    topped = np.zeros_like(buys)
    if scale == 1.0 and spend > 0:
        room = np.minimum(np.maximum(0.0, upper - holding - buys), most_bought - buys)
        topped = _spread(left / (1.0 + terms.buy_cost), buys, room)
        left -= float(topped.sum()) * (1.0 + terms.buy_cost)
    if terms.lots is not None:
        bought = _lots(buys + topped, terms.lots, day.vwap, terms.money * value)
        buys, topped = np.minimum(buys, bought), np.maximum(0.0, bought - buys)
        left = budget - float(bought.sum()) * (1.0 + terms.buy_cost)
    cash_after = max(0.0, left)  # left < 0 by rounding only
    filled = buys + topped - sells
    short = open_ & (np.abs(filled) < np.abs(order))
    capped = np.where(order > 0, most_bought, most_sold) < np.abs(order)
    cut = np.select([short & capped, short & (order > 0) & (scale < 1.0), short], ["participation", "cash", "lots"], "")
    bought_value, sold_value = float((buys + topped).sum()), float(sells.sum())
    return Execution(
        holding=holding,
        target=target,
        order=order,
        filled=filled,
        topped_up=topped,
        state=state,
        blocked=blocked,
        cut=cut,
        cash_before=cash,
        cash_after=cash_after,
        cost=terms.buy_cost * bought_value + terms.sell_cost * sold_value,
        scale=scale,
        turnover=0.5 * (bought_value + sold_value + abs(cash_after - cash)),
    )


def _blocked(order: Floats, day: Day, state: Strings) -> Strings:
    """Why each name's order [n] can't be filled; "" where it can."""
    return np.select(
        [
            (order != 0) & ~day.listed,
            (order != 0) & ~day.traded,
            (order > 0) & (state != FREE),
            (order > 0) & day.locked_up,
            (order < 0) & day.locked_down,
        ],
        ["not_listed", "suspended", NOT_BUYABLE, "limit_up", "limit_down"],
        default="",
    )


def _most(day: Day, terms: Terms, value: float) -> tuple[Floats, Floats]:
    """The largest buy and sell of each name, in fractions of NAV_v."""
    if terms.participation is None:
        nothing = np.full(len(day.vwap), np.inf)
        return nothing, nothing
    share = np.nan_to_num(day.vwap) / (terms.money * value)
    return terms.participation * day.buy_volume * share, terms.participation * day.sell_volume * share


def _lots(amount: Floats, lots: tuple[Floats, Floats], vwap: Floats, money: float) -> Floats:
    """`amount` [n] in fractions of `money` yuan, rounded down to what can be ordered."""
    least, step = lots
    share = np.where(amount > 0, vwap, 1.0) / money
    shares = amount / share + LOT_ROUNDING
    whole = least + np.floor((shares - least) / step) * step
    return np.where(shares >= least, whole, 0.0) * share


def _spread(amount: float, shares: Floats, room: Floats) -> Floats:
    """`amount` in proportion to `shares` [n], no name above its `room` [n]; what finds no room is not spread."""
    given = np.zeros_like(shares)
    active = (shares > 0) & (room > 0)
    while amount > ROUNDING and active.any():
        offer = np.where(active, shares, 0.0) * (amount / float(shares[active].sum()))
        full = active & (offer >= room - given)
        if not full.any():
            return given + offer
        step = np.where(full, room - given, 0.0)
        given += step
        amount -= float(step.sum())
        active &= ~full
    return given


def hold(
    weights: Floats,
    cash: float,
    target: Floats | None,
    upper: Floats,
    days: Sequence[Day],
    terms: Terms,
    *,
    delisting_recovery: float,
    state: Strings | None = None,
) -> Held:
    """Carry `weights` [n] and `cash` through `days`, trading towards `target` on the first one (None: no trade).

    weights and cash sum to 1 at the close before the first day. state: as in `execute`.
    """
    returns, execution = [], None
    for number, day in enumerate(days):
        gone = ~day.listed & (weights > 0)
        cash += delisting_recovery * float(weights[gone].sum())
        weights = np.where(gone, 0.0, weights)
        paid, turnover = 0.0, 0.0
        if number == 0 and target is not None:
            at_vwap = weights * day.to_vwap
            nav = float(at_vwap.sum()) + cash
            execution = execute(at_vwap, cash, target, upper, day, terms, state)
            paid, turnover = execution.cost, execution.turnover
            held = np.maximum(0.0, execution.holding + execution.filled)
            cash = execution.cash_after
            before_close = float(held.sum()) + cash
            values = held * day.from_vwap
            gross = nav * ((float(values.sum()) + cash) / before_close) - 1.0
        else:
            values = weights * day.growth
            gross = float(values.sum()) + cash - 1.0
        close = float(values.sum()) + cash
        weights, cash = values / close, cash / close
        returns.append(DayReturn(day.date, gross, paid, (1.0 + gross) * (1.0 - paid) - 1.0, turnover, cash))
    return Held(weights, cash, tuple(returns), execution)


def executions_frame(symbols: Strings, day: Day, execution: Execution) -> pl.DataFrame:
    """One row per order, also the blocked ones: date, symbol, amounts in fractions of NAV at VWAP, state, reason, price."""
    frame = pl.DataFrame(
        {
            "date": pl.Series([day.date] * len(symbols), dtype=pl.Date),
            "symbol": pl.Series(symbols.tolist(), dtype=pl.String),
            "vwap": day.vwap,
            "holding": execution.holding,
            "target": execution.target,
            "order": execution.order,
            "filled": execution.filled,
            "topped_up": execution.topped_up,
            "state": pl.Series(execution.state.tolist(), dtype=pl.String),
            "blocked": pl.Series(execution.blocked.tolist(), dtype=pl.String),
            "cut": pl.Series(execution.cut.tolist(), dtype=pl.String),
        }
    )
    return frame.filter((pl.col("order") != 0) | (pl.col("filled") != 0))
