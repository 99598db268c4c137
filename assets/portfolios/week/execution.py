"""Holdings between two signal closes: the target is traded at VWAP, and the holdings drift with prices.

This module holds fills, cost, cash and daily drift. It does not hold the target (problem/optimiser.py), the day's market and
which stocks the price limits block (market.py), or the benchmark's return (returns.py). Source: SPEC §6.

All amounts are fractions of the net asset value. On a trade day holdings drift from pre_close to VWAP, are traded there, and
drift to the close; on other days they drift from pre_close to close.
- Dividends and splits: pre_close is the ex-rights reference price, so a split changes nothing and a dividend is
  reinvested in its stock on the ex-day.
- A suspended stock keeps its last price, so its return is 0, and is not traded: its order is blocked and not carried over; the
  next target is computed from the actual holdings.
- A stock that is no longer listed pays `delisting_recovery` of its last price in cash on the first day without a listing, before
  the trade; a remaining target is blocked as `not_listed`, and the money is available to the other buys within their bounds. The
  same applies to a merged stock, unless reference/code_changes declares the merger: then its shares become new shares on the
  day (mergers.py).
- A stock that may not be bought is never bought, neither to bring a holding that fell since the signal close back to its target nor
  with unspent cash. This applies to a stock whose state forbade it at the signal (also if it was suspended there and trades
  again), and to one for which the same is known before the trade day's open (`buying_states` in advance.py).
- Unspent cash earns nothing and counts like a stock in turnover; the next target invests it (Σw = 1).

Options, off by default (`portfolios.execution`): whole lots, a cap on the share of the day's volume, dated fees.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.portfolios.problem.constraints import FREE
from assets.portfolios.week.market import MarketDay
from resources.arrays import Floats, Strings

ROUNDING = 1e-15  # orders smaller than this share of the portfolio are rounding errors
LOT_ROUNDING = 1e-6  # shares: floating-point tolerance below a whole lot
NOT_BUYABLE = (
    "not_buyable"  # why an order was blocked; the execution's `state` has the reason why the stock may not be bought
)


@dataclass(frozen=True, eq=False)
class Terms:
    """The costs of a rebalance and the limits on its orders.

    buy_cost, sell_cost: per unit of value traded. participation: largest share of a stock's tradable volume; None for no limit.
    lots: number of shares of the smallest order, and the step of larger ones, of each stock [n]; None for any size. money:
    yuan per unit of holdings, used by lots and participation only.
    """

    buy_cost: float
    sell_cost: float
    participation: float | None = None
    lots: tuple[Floats, Floats] | None = None
    money: float = np.nan

    @classmethod
    def flat(cls, cost: float) -> "Terms":
        """Create terms with the same cost on both sides and orders of any size."""
        return cls(cost, cost)


@dataclass(frozen=True, eq=False)
class Execution:
    """A rebalance at VWAP; arrays [n] in fractions of NAV_v, the net asset value at VWAP before trading.

    holding: before the trade. order = target − holding. filled: traded amount, positive for buys; `topped_up` is its part from
    unspent cash. state: FREE, or why the stock may not be bought. blocked: why an order was not filled at all (not_listed,
    suspended, not_buyable, limit_up, limit_down); "" otherwise. cut: why a fill is smaller than its order (participation, cash,
    lots); "" otherwise. cash_before, cash_after: cash before the trade, and after it and its cost. cost: paid in total. scale:
    factor on all buys, below 1 if cash was short. turnover: ½ (Σ|filled| + |change of cash|).
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
    """One day of a portfolio, in fractions: 1 + net = (1 + gross) (1 − cost). cash: weight at the close."""

    date: dt.date
    gross: float
    cost: float
    net: float
    turnover: float
    cash: float


@dataclass(frozen=True, eq=False)
class Held:
    """Weights [n] and cash at the last close, which sum to 1, the returns of the days, and the execution (None if no trade)."""

    weights: Floats
    cash: float
    days: tuple[DayReturn, ...]
    execution: Execution | None


def execute(
    holding: Floats,
    cash: float,
    target: Floats,
    upper: Floats,
    day: MarketDay,
    terms: Terms,
    state: Strings | None = None,
) -> Execution:
    """Trade `holding` [n] and `cash`, valued at VWAP in any unit, towards `target` [n] weights.

    upper [n]: the largest weight up to which unspent cash may be invested in a stock. state [n]: FREE, or why a stock may not be
    bought; None if all are free. Sells are executed first, in full. Buying one unit costs 1 + buy_cost: if the cash after sells
    is short, all buys are scaled by one factor; if cash is left, it is spread over the executed buys in proportion, within
    their bounds. Cash is never below 0. Holdings and cash before equal holdings and cash after, plus cost (SPEC §6).

    Options: with `participation` no stock trades more than that share of its volume inside the limits. With lots, buys and
    sells are rounded down to the steps of the stock's board, and orders below its smallest order are not executed; cash that
    rounding leaves stays cash. A position that is sold completely is not rounded, because reinvested dividends leave
    fractions of shares that could not be sold otherwise.
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


def _blocked(order: Floats, day: MarketDay, state: Strings) -> Strings:
    """Why each stock's order [n] cannot be filled; "" if it can."""
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


def _most(day: MarketDay, terms: Terms, value: float) -> tuple[Floats, Floats]:
    """The largest buy and sell of each stock [n], in fractions of NAV_v."""
    if terms.participation is None:
        nothing = np.full(len(day.vwap), np.inf)
        return nothing, nothing
    share = np.nan_to_num(day.vwap) / (terms.money * value)
    return terms.participation * day.buy_volume * share, terms.participation * day.sell_volume * share


def _lots(amount: Floats, lots: tuple[Floats, Floats], vwap: Floats, money: float) -> Floats:
    """`amount` [n] in fractions of `money` yuan, rounded down to a valid order size."""
    least, step = lots
    share = np.where(amount > 0, vwap, 1.0) / money
    shares = amount / share + LOT_ROUNDING
    whole = least + np.floor((shares - least) / step) * step
    return np.where(shares >= least, whole, 0.0) * share


def _spread(amount: float, shares: Floats, room: Floats) -> Floats:
    """`amount` spread in proportion to `shares` [n], no stock above its `room` [n]; an amount beyond all room is not spread."""
    spread = np.zeros_like(shares)
    active = (shares > 0) & (room > 0)
    while amount > ROUNDING and active.any():
        offer = np.where(active, shares, 0.0) * (amount / float(shares[active].sum()))
        full = active & (offer >= room - spread)
        if not full.any():
            return spread + offer
        step = np.where(full, room - spread, 0.0)
        spread += step
        amount -= float(step.sum())
        active &= ~full
    return spread


def hold(
    weights: Floats,
    cash: float,
    target: Floats | None,
    upper: Floats,
    days: Sequence[MarketDay],
    terms: Terms,
    *,
    delisting_recovery: float,
    state: Strings | None = None,
) -> Held:
    """Carry `weights` [n] and `cash` through `days`, trading towards `target` [n] on the first one (None for no trade).

    weights and cash sum to 1 at the close before the first day. upper, terms, state: as for `execute`. delisting_recovery:
    fraction of the last price that a delisted holding pays. Source: SPEC §6.
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


def executions_frame(symbols: Strings, day: MarketDay, execution: Execution) -> pl.DataFrame:
    """Lay out an execution as rows of EXECUTIONS, one per order, including blocked ones."""
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
