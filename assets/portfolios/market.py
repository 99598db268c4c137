"""What a day's market allows: how prices moved, which names traded, and how much of them could be bought and sold.

What belongs here: what daily prices, securities and minute bars say of a day, as arrays over the names of a portfolio.
What does not: orders, fills and cost (execution.py). Source: SPEC §6.

**Blocked at the limit.** A buyer gets nothing at limit-up and a seller nothing at limit-down, so what counts is the volume
traded strictly inside that limit: below limit-up for a buyer, above limit-down for a seller.
- Where the name has minute bars with volume and amount, a side is blocked if less than `min_inside_share` of the day's
  volume was traded inside. A bar that touches the limit and holds other prices counts with the least that its average
  allows: prices from low to the limit L with average p leave at least volume · (L − p) / (L − low) below L.
- Elsewhere the daily bar decides, as SPEC says: low = limit-up blocks buyers, high = limit-down sellers.
- A day that traded beyond a limit shows that it did not apply (a resumption, a delisting period): nothing is blocked.

An order that is not blocked is filled at the day's VWAP and not at the average of the inside trades. That is the harsher
price on both sides: trades at limit-up raise what a buyer pays, trades at limit-down lower what a seller gets.
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

_BAR = ("low", "high", "volume", "amount")


@dataclass(frozen=True, eq=False)
class Day:
    """One trading day's market for n names; ratios are 1 where the name did not trade.

    growth: close / pre_close. to_vwap: VWAP / pre_close. from_vwap: close / VWAP. vwap: yuan, NaN where not traded.
    listed, traded: flags. locked_up, locked_down: can't be bought, can't be sold, because of the price limit.
    buy_volume, sell_volume: shares traded strictly below limit-up, strictly above limit-down.
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
    buy_volume: Floats
    sell_volume: Floats


def market_days(
    symbols: Strings,
    dates: Sequence[dt.date],
    prices: pl.DataFrame,
    securities: pl.DataFrame,
    minutes: pl.DataFrame | None = None,
    *,
    min_inside_share: float = 0.0,
) -> list[Day]:
    """The market of each of `dates` for `symbols` [n].

    prices, securities: rows of these days (others are left out). minutes: minute_bars of the days and names that have
    them. min_inside_share: see above. Raises InputError where a day has no row of prices or of securities at all: then
    the day is missing, and not everything suspended.
    """
    days = pl.DataFrame({"date": pl.Series(list(dates), dtype=pl.Date), "d": np.arange(len(dates))})
    names = pl.DataFrame({"symbol": pl.Series(symbols.tolist(), dtype=pl.String), "i": np.arange(len(symbols))})
    _require_days(dates, daily_prices=prices, securities=securities)
    listed = securities.lazy().select("date", "symbol", "limit_up", "limit_down")
    listed = listed.join(days.lazy(), on="date").join(names.lazy(), on="symbol")
    traded = (
        prices.lazy()
        .filter(TRADED & pl.col("vwap").is_not_null())
        .select("date", "symbol", "pre_close", "low", "high", "close", "vwap", "volume")
        .join(days.lazy(), on="date")
        .join(names.lazy(), on="symbol")
        .join(listed.drop("d", "i"), on=["date", "symbol"], how="left")
        .with_columns(amount=pl.col("vwap") * pl.col("volume"))
    )
    up_applies = (_cents("high") <= _cents("limit_up")).fill_null(False)
    down_applies = (_cents("low") >= _cents("limit_down")).fill_null(False)
    frame = traded.select(
        "date",
        "symbol",
        "d",
        "i",
        "vwap",
        growth=pl.col("close") / pl.col("pre_close"),
        to_vwap=pl.col("vwap") / pl.col("pre_close"),
        from_vwap=pl.col("close") / pl.col("vwap"),
        locked_up=(_cents("low") == _cents("limit_up")).fill_null(False),
        locked_down=(_cents("high") == _cents("limit_down")).fill_null(False),
        up_applies=up_applies,
        down_applies=down_applies,
        buy_volume=pl.when(up_applies).then(_below("limit_up")).otherwise(pl.col("volume").cast(pl.Float64)),
        sell_volume=pl.when(down_applies).then(_above("limit_down")).otherwise(pl.col("volume").cast(pl.Float64)),
    )
    if minutes is not None and not minutes.is_empty():
        inside = _inside(minutes, listed)
        frame = frame.join(inside, on=["date", "symbol"], how="left").with_columns(
            _by_minutes("up", "buy", min_inside_share) + _by_minutes("down", "sell", min_inside_share)
        )
    held, known = frame.collect(), listed.select("d", "i").collect()
    shape = (len(dates), len(symbols))
    at = held["d"].to_numpy(), held["i"].to_numpy()

    def fill(name: str, default: float | bool) -> NDArray:
        values = np.full(shape, default)
        values[at] = held[name].to_numpy()
        return values

    ratios = {name: fill(name, 1.0) for name in ("growth", "to_vwap", "from_vwap")}
    locks = {name: fill(name, False) for name in ("locked_up", "locked_down")}
    volumes = {name: fill(name, 0.0) for name in ("buy_volume", "sell_volume")}
    vwap, was_traded, is_listed = fill("vwap", np.nan), np.full(shape, False), np.full(shape, False)
    was_traded[at] = True
    is_listed[known["d"].to_numpy(), known["i"].to_numpy()] = True
    every = {**ratios, "vwap": vwap, "listed": is_listed, "traded": was_traded, **locks, **volumes}
    return [Day(date, **{name: values[d] for name, values in every.items()}) for d, date in enumerate(dates)]


def _require_days(dates: Sequence[dt.date], **tables: pl.DataFrame) -> None:
    for name, rows in tables.items():
        missing = sorted(set(dates) - set(rows["date"].unique().to_list()))
        if missing:
            raise InputError(
                f"{name} has no row on {missing[0]}, so holdings can't be valued or traded on that day. Deliver "
                "reference/daily_prices and reference/instruments for it."
            )


def _cents(price: str) -> pl.Expr:
    return (pl.col(price) * 100).round()


def _below(limit: str) -> pl.Expr:
    """Shares of a bar (low, high, volume, amount) surely traded below `limit`; all where there is no limit."""
    average = pl.col("amount") / pl.col("volume")
    least = pl.col("volume") * ((pl.col(limit) - average) / (pl.col(limit) - pl.col("low"))).clip(0.0, 1.0)
    return _counted(_cents("low") >= _cents(limit), _cents("high") == _cents(limit), least)


def _above(limit: str) -> pl.Expr:
    """Shares of a bar surely traded above `limit`; all where there is no limit."""
    average = pl.col("amount") / pl.col("volume")
    least = pl.col("volume") * ((average - pl.col(limit)) / (pl.col("high") - pl.col(limit))).clip(0.0, 1.0)
    return _counted(_cents("high") <= _cents(limit), _cents("low") == _cents(limit), least)


def _counted(outside: pl.Expr, touches: pl.Expr, least: pl.Expr) -> pl.Expr:
    volume = pl.col("volume").cast(pl.Float64)
    return pl.when(outside).then(0.0).when(touches).then(least).otherwise(volume)


def _inside(minutes: pl.DataFrame, listed: pl.LazyFrame) -> pl.LazyFrame:
    """date, symbol, traded_minutes (shares), buy_minutes, sell_minutes of the names whose bars tell all of it."""
    told = pl.col("volume").is_not_null() & (
        (pl.col("volume") == 0) | pl.all_horizontal(pl.col("low", "high", "amount").is_not_null())
    )
    return (
        minutes.lazy()
        .select("date", "symbol", *_BAR)
        .join(listed.select("date", "symbol", "limit_up", "limit_down"), on=["date", "symbol"])
        .with_columns(told=told, buy=_below("limit_up"), sell=_above("limit_down"))
        .group_by("date", "symbol")
        .agg(
            pl.col("told").all(),
            traded_minutes=pl.col("volume").sum(),
            buy_minutes=pl.col("buy").filter(pl.col("volume") > 0).sum(),
            sell_minutes=pl.col("sell").filter(pl.col("volume") > 0).sum(),
        )
        .filter(pl.col("told") & (pl.col("traded_minutes") > 0))
        .drop("told")
    )


def _by_minutes(limit: str, side: str, min_inside_share: float) -> list[pl.Expr]:
    """A side's lock and volume as the minutes tell them, where they do and the limit applied; else as they were."""
    told = pl.col("traded_minutes").is_not_null() & pl.col(f"{limit}_applies")
    inside = pl.col(f"{side}_minutes")
    too_little = (inside <= 0) | (inside < min_inside_share * pl.col("traded_minutes"))
    return [
        pl.when(told).then(too_little).otherwise(f"locked_{limit}").alias(f"locked_{limit}"),
        pl.when(told).then(inside).otherwise(f"{side}_volume").alias(f"{side}_volume"),
    ]
