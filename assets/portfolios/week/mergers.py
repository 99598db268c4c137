"""What a merger does to a holding and to an index member: old shares become new shares on the day.

What belongs here: the prices and listings under which an absorbed name lives on until the next signal close. What does not:
which mergers there are (resources/code_changes.py), and holding, trading and drifting, which need not know.

On the merger's day D a holding worth w at the last close becomes

    w · ratio · P_new / P_old,

with `ratio` new shares per old share, P_old the old name's last close before D, P_new the new name's reference price of D
(`pre_close`; its last close before D if it does not trade on D). From there on it earns what the new name earns. So the old
name is given the new one's rows from D on, the first one's pre_close divided by ratio · P_new / P_old, so that close / pre_close
is what an old share earned. An index's weight of the old name goes the same way until the next vector is published. At the next
signal close weights of both are added under the new name (`together`).

A name that was no longer listed on the day before D has been paid out by then, and the merger finds nothing. While the new
name has not traded since D, the old one stays by itself, suspended, and keeps its value.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from resources.code_changes import Change
from resources.errors import InputError


@dataclass(frozen=True)
class Exchange:
    """Old shares that became new ones on `date`: `growth` of their value, ratio · P_new / P_old. settled: the first day from
    then on on which the new name traded; None while it has not."""

    date: dt.date
    old: str
    new: str
    growth: float
    settled: dt.date | None


def exchange_shares(
    mergers: Sequence[Change], prices: pl.DataFrame, securities: pl.DataFrame, band: tuple[float, float]
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[Exchange, ...]]:
    """prices and securities in which each absorbed name has the new name's rows from its merger on, and the exchanges.

    mergers: by date, `new` as the name is called in the frames. prices: date, symbol, pre_close, volume and more (yuan).
    securities: date, symbol, last_close (yuan) and more, the day before each merger among them; a merger whose day before is
    not there was settled earlier. band: lowest and highest growth ratio · P_new / P_old that a merger can have.

    Raises InputError where the growth lies outside the band: the ratio is wrong, and no return is made of it.
    """
    done: list[Exchange] = []
    owed: dict[str, float] = {}  # absorbed name → growth not yet earned, because the new name has not traded since
    present: dict[str, str] = {}  # absorbed name → whose shares it stands for
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
        # Names that the old one had absorbed go with it.
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
            done.append(Exchange(merger.date, name, merger.new, growth, settled))
            present[name] = merger.new
        if settled is not None:
            owed |= dict.fromkeys(follow, 1.0)
    return prices, securities, tuple(done)


def _senseless(merger: Change, old_price: float, new_price: float, band: tuple[float, float]) -> str:
    low, high = band
    found = (
        f"reference/code_changes merges {merger.old} into {merger.new} on {merger.date} with ratio {merger.ratio:g}: an old share, "
        f"last at {old_price:.2f} yuan, would become {merger.ratio:g} new ones at {new_price:.2f} yuan, "
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
    """The new name's rows by date under the old one, `growth` earned between the last close and the first of them."""
    first = pl.int_range(pl.len()) == 0
    pre_close = pl.when(first).then(pl.col("pre_close") / growth).otherwise("pre_close")
    return traded.with_columns(symbol=pl.lit(symbol), pre_close=pre_close)


def together(exchanges: Sequence[Exchange], date: dt.date) -> dict[str, str]:
    """Absorbed name → the name that it belongs to at the close of `date`; by itself until the new name has traded."""
    return _last_names([one for one in exchanges if one.settled is not None and one.settled <= date])


def absorbed(exchanges: Sequence[Exchange], date: dt.date) -> dict[str, str]:
    """Absorbed name → the name whose shares it stands for on `date`, whether these have traded since or not."""
    return _last_names([one for one in exchanges if one.date <= date])


def _last_names(exchanges: Sequence[Exchange]) -> dict[str, str]:
    became: dict[str, str] = {}
    for one in exchanges:
        became = {old: one.new if new == one.old else new for old, new in became.items()} | {one.old: one.new}
    return became


def add_up(weights: Mapping[str, float], became: Mapping[str, str]) -> dict[str, float]:
    """Weights with those of absorbed names added to the names that they belong to."""
    if not set(weights) & set(became):
        return dict(weights)
    found: dict[str, float] = {}
    for symbol, weight in weights.items():
        name = became.get(symbol, symbol)
        found[name] = found.get(name, 0.0) + weight
    return found
