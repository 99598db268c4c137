"""Mergers of held stocks and of index members: old shares become new shares on the day of the merger.

This module computes the prices and listings of an absorbed stock up to the next signal close. It does not hold the list of mergers
(resources/code_changes.py), or holding, trading and drifting, which do not depend on mergers.

On the merger's day D a holding worth w at the last close becomes

    w · ratio · P_new / P_old,

with `ratio` new shares per old share, P_old the old stock's last close before D, P_new the new stock's reference price of D
(`pre_close`; its last close before D if it does not trade on D). From then on it earns the new stock's return. The old stock is
therefore assigned the new one's rows from D on, with the pre_close of the first row divided by ratio · P_new / P_old, so that
close / pre_close is the growth of an old share. The old stock's weight in an index is treated in the same way until the next
vector is published. At the next signal close the weights of both are added under the new symbol (`together`).

A stock that was no longer listed on the day before D has already been paid out, and its merger has no effect. Until the new stock
trades again, the old one remains a separate suspended stock and keeps its value.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from resources.code_changes import Change
from resources.errors import InputError


@dataclass(frozen=True)
class ShareExchange:
    """Old shares that became new ones on `date`.

    growth: of their value, ratio · P_new / P_old. settled: the first day from `date` on which the new stock traded; None until
    then.
    """

    date: dt.date
    old: str
    new: str
    growth: float
    settled: dt.date | None


def exchange_shares(
    mergers: Sequence[Change], prices: pl.DataFrame, securities: pl.DataFrame, band: tuple[float, float]
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[ShareExchange, ...]]:
    """Assign each absorbed stock the new stock's rows from its merger on; return prices, securities and the exchanges.

    mergers: `new` is the symbol used in the frames. prices: date, symbol, pre_close, volume and further columns (yuan).
    securities: date, symbol, last_close (yuan) and further columns, including the day before each merger; a merger without that
    day was settled earlier. band: lowest and highest growth ratio · P_new / P_old that a merger can have.

    Raises:
        InputError: The growth of a merger is outside the band, so that its ratio is probably wrong.
    """
    done: list[ShareExchange] = []
    owed: dict[str, float] = {}  # absorbed symbol → growth not yet earned, because the new stock has not traded since
    present: dict[str, str] = {}  # absorbed symbol → symbol whose shares it represents
    for merger in sorted(mergers):
        before = securities.filter(pl.col("date") < merger.date)
        before = before.filter(pl.col("date") == before["date"].max()) if before.height else before
        last = dict(before.select("symbol", "last_close").iter_rows())
        day = prices.filter(pl.col("date") >= merger.date)[
            "date"
        ].min()  # a merger may be dated on a day without trading
        at = prices.filter((pl.col("date") == pl.lit(day)) & (pl.col("symbol") == merger.new) & (pl.col("volume") > 0))
        new_price = at["pre_close"][0] if at.height else last.get(merger.new)
        old_price = last.get(merger.old)
        if old_price is None or new_price is None:
            continue
        growth = merger.ratio * new_price / old_price
        if not band[0] <= growth <= band[1]:
            raise InputError(_senseless(merger, old_price, new_price, band))
        # Stocks that the old one had absorbed are exchanged with it.
        follow = [merger.old, *(name for name, whose in present.items() if whose == merger.old)]
        since = pl.col("date") >= merger.date
        traded = prices.filter(since & (pl.col("symbol") == merger.new) & (pl.col("volume") > 0)).sort("date")
        listed = securities.filter(since & (pl.col("symbol") == merger.new))
        prices, securities = (one.filter(~(since & pl.col("symbol").is_in(follow))) for one in (prices, securities))
        settled = traded["date"][0] if traded.height else None
        for name in follow:
            owed[name] = owed.get(name, 1.0) * growth
            prices = pl.concat([prices, _exchanged(traded, name, owed[name])])
            securities = pl.concat([securities, listed.with_columns(symbol=pl.lit(name))])
            done.append(ShareExchange(merger.date, name, merger.new, growth, settled))
            present[name] = merger.new
        if settled is not None:
            owed |= dict.fromkeys(follow, 1.0)
    return prices, securities, tuple(done)


def _senseless(merger: Change, old_price: float, new_price: float, band: tuple[float, float]) -> str:
    low, high = band
    found = (
        f"reference/code_changes merges {merger.old} into {merger.new} on {merger.date} with ratio {merger.ratio:g}: an old share "
        f"with the last close {old_price:.2f} yuan would become {merger.ratio:g} new ones at {new_price:.2f} yuan, which is "
        f"{merger.ratio * new_price / old_price:.4g} times its value, outside {low:g} to {high:g} (portfolios.merger_growth_band). "
    )
    if low <= new_price / merger.ratio / old_price <= high:
        return found + (
            f"The ratio is inverted: it is the number of new shares for each old one. Deliver {1 / merger.ratio:g}."
        )
    return found + (
        "Deliver the number of new shares for each old one as ratio; at equal values it would be "
        f"{old_price / new_price:.4g}. If these are the terms of the merger, widen the band."
    )


def _exchanged(traded: pl.DataFrame, symbol: str, growth: float) -> pl.DataFrame:
    """The new stock's rows by date under the old symbol, with `growth` earned from the last close to the first row."""
    first = pl.int_range(pl.len()) == 0
    pre_close = pl.when(first).then(pl.col("pre_close") / growth).otherwise("pre_close")
    return traded.with_columns(symbol=pl.lit(symbol), pre_close=pre_close)


def together(exchanges: Sequence[ShareExchange], date: dt.date) -> dict[str, str]:
    """Map each absorbed symbol to the new one at the close of `date`; a stock is left out until the new one has traded."""
    return _last_names([one for one in exchanges if one.settled is not None and one.settled <= date])


def absorbed(exchanges: Sequence[ShareExchange], date: dt.date) -> dict[str, str]:
    """Map each absorbed symbol to the symbol whose shares it represents on `date`, also if these have not traded since."""
    return _last_names([one for one in exchanges if one.date <= date])


def _last_names(exchanges: Sequence[ShareExchange]) -> dict[str, str]:
    became: dict[str, str] = {}
    for one in exchanges:
        became = {old: one.new if new == one.old else new for old, new in became.items()} | {one.old: one.new}
    return became


def add_up(weights: Mapping[str, float], became: Mapping[str, str]) -> dict[str, float]:
    """Add the weights of absorbed stocks to those of the new ones. became: from `together`."""
    if not set(weights) & set(became):
        return dict(weights)
    found: dict[str, float] = {}
    for symbol, weight in weights.items():
        name = became.get(symbol, symbol)
        found[name] = found.get(name, 0.0) + weight
    return found
