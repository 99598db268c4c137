"""What happens to holdings between two signal closes: the target is traded at VWAP, then prices move them.

What belongs here: fills, blocked names, costs, cash, daily drift. What does not: which target (optimiser.py) and the
benchmark's return (returns.py). Source: SPEC §6.

All amounts are fractions of the net asset value. On a trade day holdings move from pre_close to VWAP, are traded there,
and move on to the close; on other days from pre_close to close. Ex-rights days are covered because pre_close is the
ex-rights reference price. A suspended name keeps its last price: return 0. A name no longer listed pays
`delisting_recovery` of its last price in cash, on the first day it is not listed, before anything is traded.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.portfolios.exposures import TRADED
from resources.errors import InputError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Strings = NDArray[np.str_]

ROUNDING = 1e-15  # orders smaller than this share of the portfolio are the difference of equal numbers


@dataclass(frozen=True, eq=False)
class Day:
    """One trading day's market for n names; ratios are 1 where the name did not trade.

    growth: close / pre_close. to_vwap: VWAP / pre_close. from_vwap: close / VWAP. listed, traded: flags.
    locked_up, locked_down: every trade of the day was at the limit price.
    """

    date: dt.date
    growth: Floats
    to_vwap: Floats
    from_vwap: Floats
    vwap: Floats
    listed: Bools
    traded: Bools
    locked_up: Bools
    locked_down: Bools


@dataclass(frozen=True, eq=False)
class Execution:
    """A rebalance at VWAP; arrays [n] in fractions of NAV_v, the value of everything at VWAP before trading.

    holding: before. target, and order = target − holding. filled: traded amount, buys positive, `topped_up` of it
    from unspent cash. blocked: "" or why nothing was done. cash_before, cash_after: the latter after cost. cost: what was
    paid. scale: factor on all buys where cash fell short. turnover: ½ (Σ|filled| + |change of cash|).
    """

    holding: Floats
    target: Floats
    order: Floats
    filled: Floats
    topped_up: Floats
    blocked: Strings
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
    *,
    traded: Bools,
    locked_up: Bools,
    locked_down: Bools,
    cost: float,
) -> Execution:
    """Trade `holding` [n] and `cash`, valued at VWAP in any unit, towards `target` [n] weights.

    upper: the largest weight that unspent cash may raise a name to. cost: per unit traded, paid from cash.
    Sells come first, in full. Buys cost (1 + cost) each: if the cash after sells falls short, all are scaled by one
    factor; if some is left, it is spread over the executed buys in proportion, within their bounds. Cash never falls
    below 0. Money is conserved: holdings and cash before = holdings and cash after + cost.
    """
    nav = float(holding.sum()) + cash
    holding, cash = holding / nav, cash / nav
    order = target - holding
    order = np.where(np.abs(order) <= ROUNDING, 0.0, order)
    blocked = np.select(
        [(order != 0) & ~traded, (order > 0) & locked_up, (order < 0) & locked_down],
        ["suspended", "limit_up", "limit_down"],
        default="",
    )
    open_ = blocked == ""
    sells = np.where(open_ & (order < 0), -order, 0.0)
    desired = np.where(open_ & (order > 0), order, 0.0)
    budget = cash + float(sells.sum()) * (1.0 - cost)
    spend = float(desired.sum()) * (1.0 + cost)
    scale = min(1.0, budget / spend) if spend > 0 else 1.0
    buys = desired * scale
    left = budget - spend * scale
    topped = np.zeros_like(buys)
    if scale == 1.0 and spend > 0:
        topped = _spread(left / (1.0 + cost), buys, np.maximum(0.0, upper - holding - buys))
        left -= float(topped.sum()) * (1.0 + cost)
    cash_after = max(0.0, left)  # left < 0 by rounding only
    filled = buys + topped - sells
    traded_value = float(np.abs(filled).sum())
    return Execution(
        holding=holding,
        target=target,
        order=order,
        filled=filled,
        topped_up=topped,
        blocked=blocked,
        cash_before=cash,
        cash_after=cash_after,
        cost=cost * traded_value,
        scale=scale,
        turnover=0.5 * (traded_value + abs(cash_after - cash)),
    )


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
    *,
    cost: float,
    delisting_recovery: float,
) -> Held:
    """Carry `weights` [n] and `cash` through `days`, trading towards `target` on the first one (None: no trade).

    weights and cash sum to 1 at the close before the first day.
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
            execution = execute(
                at_vwap,
                cash,
                target,
                upper,
                traded=day.traded & day.listed,
                locked_up=day.locked_up,
                locked_down=day.locked_down,
                cost=cost,
            )
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


def market_day(symbols: Strings, date: dt.date, prices: pl.DataFrame, securities: pl.DataFrame) -> Day:
    """The day's market for `symbols` [n] from one day's daily_prices and securities rows.

    Raises InputError where either has no row at all: then the day is missing, and not everything suspended.
    """
    for table, rows in (("daily_prices", prices), ("securities", securities)):
        if rows.is_empty():
            raise InputError(
                f"{table} has no row on {date}, so holdings can't be valued or traded on that day. Deliver "
                "reference/daily_prices and reference/instruments for it."
            )
    limits = securities.select("symbol", "limit_up", "limit_down", listed=pl.lit(True))
    frame = (
        pl.DataFrame({"symbol": symbols})
        .join(
            prices.filter(TRADED & pl.col("vwap").is_not_null()).select(
                "symbol", "pre_close", "low", "high", "close", "vwap", traded=pl.lit(True)
            ),
            on="symbol",
            how="left",
            maintain_order="left",
        )
        .join(limits, on="symbol", how="left", maintain_order="left")
        .with_columns(pl.col("traded", "listed").fill_null(False))
    )
    ratio = {
        name: expression.fill_null(1.0)
        for name, expression in {
            "growth": pl.col("close") / pl.col("pre_close"),
            "to_vwap": pl.col("vwap") / pl.col("pre_close"),
            "from_vwap": pl.col("close") / pl.col("vwap"),
        }.items()
    }
    in_cents = {name: (pl.col(name) * 100).round() for name in ("low", "high", "limit_up", "limit_down")}
    columns = frame.select(
        **ratio,
        vwap="vwap",
        listed="listed",
        traded="traded",
        # Trades beyond a limit show that it did not apply (a resumption, a delisting period): only equality locks.
        locked_up=(in_cents["low"] == in_cents["limit_up"]).fill_null(False),
        locked_down=(in_cents["high"] == in_cents["limit_down"]).fill_null(False),
    )
    return Day(date, **{name: columns[name].to_numpy() for name in columns.columns})


def executions_frame(symbols: Strings, day: Day, execution: Execution) -> pl.DataFrame:
    """One row per order, also the blocked ones: date, symbol, amounts in fractions of NAV at VWAP, the reason, price."""
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
            "blocked": pl.Series(execution.blocked.tolist(), dtype=pl.String),
        }
    )
    return frame.filter((pl.col("order") != 0) | (pl.col("filled") != 0))
