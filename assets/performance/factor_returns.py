"""Daily returns of the long, short and market legs of all factors in one week (SPEC §7).

This module cuts the groups and computes their returns. It does not hold which days are read (rebalancing.py), prices
(price_paths.py) or statistics of the returns (statistics.py).
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.performance.price_paths import PricePaths
from assets.performance.rebalancing import Rebalance
from assets.performance.schemas import FACTOR_RETURNS
from resources.arrays import Bools, Floats

LEGS = ("long", "short", "market")


def cut_groups(values: pl.DataFrame, share: float) -> pl.DataFrame:
    """Assign stocks to legs: the rows of `values` (symbol, factor, value) with a value, and Boolean `long`, `short`, `market`.

    Stocks are ranked by value in descending order, ties by symbol; the first ⌊share·N⌋ are long and the last ⌊share·N⌋ short. All
    of them are in the market leg.
    """
    size = (pl.len() * share + 1e-9).floor().cast(pl.Int64).over("factor")  # 1e-9: 0.29 · 100 is 28.999… in floats
    rank = pl.int_range(pl.len()).over("factor")
    return (
        values.select("symbol", "factor", "value")
        .filter(pl.col("value").is_not_null() & pl.col("value").is_not_nan())
        .sort("factor", "value", "symbol", descending=[False, True, False])
        .with_columns(
            (rank < size).alias("long"),
            (rank >= pl.len().over("factor") - size).alias("short"),
            pl.lit(True).alias("market"),
        )
    )


@dataclass(frozen=True)
class Holding:
    """The legs of all factors between two trade days. members [factors × 3, symbols]: the stocks that could be entered."""

    factors: list[str]
    members: Bools

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The number of stocks in each leg [factors × 3]."""
        return self.members.sum(axis=1)


def enter(groups: pl.DataFrame, paths: PricePaths, trade: dt.date, factors: Sequence[str]) -> Holding:
    """Return the legs as entered on the trade day.

    groups: rows from `cut_groups`. Suspended stocks, and those locked at the price limit on the side that is traded, are left
    out without replacement.
    """
    row = paths.days.index(trade)
    members = np.zeros((len(factors), len(LEGS), len(paths.symbols)), dtype=bool)
    for number, factor in enumerate(factors):
        own = groups.filter(pl.col("factor") == factor)
        columns = paths.columns_of(own["symbol"].to_list())
        known = columns >= 0
        for leg, name in enumerate(LEGS):
            members[number, leg, columns[known]] = own[name].to_numpy()[known]
    members[:, 0] &= paths.buyable[row]
    members[:, 1] &= paths.shortable[row]
    members[:, 2] &= paths.buyable[row]
    return Holding(list(factors), members.reshape(-1, len(paths.symbols)))


def hold(holding: Holding, paths: PricePaths, trade: dt.date, end: dt.date, leaves: bool) -> Floats:
    """Compute the daily returns [days of `paths`, legs] of one holding; nan where it is not held or the leg is empty.

    The return is from VWAP to close on the trade day, and then from close to close with drifting weights; a suspended stock
    returns 0. On `end`, if the holding is closed there (`leaves`), it is from the previous close to the VWAP; a suspended stock
    is closed at its last price.
    """
    first, last = paths.days.index(trade), paths.days.index(end)
    held = holding.members.astype(np.float64).T  # (symbols, legs)
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = np.full((len(paths.days), held.shape[1]), np.nan)
        value = paths.from_vwap[first]  # of one yuan invested in each stock
        total = value @ held
        returns[first] = total / held.sum(axis=0) - 1
        for day in range(first + 1, last + 1):
            grown = value * (paths.to_vwap[day] if leaves and day == last else paths.growth[day])
            grown_total = grown @ held
            returns[day] = grown_total / total - 1
            value, total = grown, grown_total
    return returns


def week_returns(
    values: pl.DataFrame,
    paths: PricePaths,
    rebalances: Sequence[Rebalance],
    week_days: Sequence[dt.date],
    factors: Sequence[str],
    share: float,
) -> pl.DataFrame:
    """Compute the daily returns of the legs on the days of one week, for factors that share their rebalance days.

    values: rows (date, symbol, factor, value) of the signal days, only members of U(t). rebalances: those held in the
    week, oldest first. share: fraction of the stocks in the long and in the short leg. A trade day's return is
    (1 + r_old)(1 + r_new) − 1, or the one of the two that exists. Returns a frame in FACTOR_RETURNS with a row per day and factor that
    holds at least one leg; a leg into which no stock could be entered is null.
    """
    legs = len(factors) * len(LEGS)
    growth = np.full((len(paths.days), legs), np.nan)
    for number, rebalance in enumerate(rebalances):
        signal = values.filter(pl.col("date") == rebalance.signal)
        if signal.is_empty() or rebalance.trade not in paths.days:
            continue
        leaves = number + 1 < len(rebalances)
        end = rebalances[number + 1].trade if leaves else week_days[-1]
        holding = enter(cut_groups(signal, share), paths, rebalance.trade, factors)
        own = 1 + hold(holding, paths, rebalance.trade, end, leaves)
        growth = np.where(np.isnan(growth), own, np.where(np.isnan(own), growth, growth * own))
    rows = [paths.days.index(day) for day in week_days]
    table = (growth[rows] - 1).reshape(len(rows) * len(factors), len(LEGS))
    frame = pl.DataFrame(
        {
            "date": np.repeat(np.array(week_days, dtype="datetime64[D]"), len(factors)),
            "factor": list(factors) * len(rows),
            **{leg: table[:, column] for column, leg in enumerate(LEGS)},
        },
        schema=FACTOR_RETURNS,
    )
    return frame.with_columns(pl.col(LEGS).fill_nan(None)).filter(pl.any_horizontal(pl.col(LEGS).is_not_null()))
