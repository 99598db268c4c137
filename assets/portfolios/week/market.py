"""The market of a day: price moves, which stocks traded, and how much of each could be bought and sold.

This module converts daily prices, securities and minute bars into arrays over the stocks of a portfolio. It does not hold orders,
fills and cost (execution.py). Source: SPEC §6.

**Blocked at the limit.** Portfolios and factor legs share one rule, `portfolios.execution.fills`:
- daily, the default of the specification: a stock whose low is the limit-up price cannot be bought, and one whose high is the
  limit-down price cannot be sold.
- minutes: a buyer is not filled at limit-up and a seller not at limit-down, so the volume traded strictly inside that limit
  counts: below limit-up for a buyer, above limit-down for a seller. Where the stock has minute bars with volume and amount, a
  side is blocked if less than `min_inside_share` of the day's volume was traded inside. A bar that touches the limit and
  also has other prices counts with the least volume that its average implies: with prices from low to the limit L and average p,
  at least volume · (L − p) / (L − low) is below L. A stock without such bars follows the daily rule.
- Trading beyond a limit shows that the limit did not apply on the day (a resumption, a delisting period): nothing is blocked.

An order that is not blocked is filled at the day's VWAP and not at the average of the trades inside the limit. This is the less
favourable price on both sides: trades at limit-up raise the buyer's price, and trades at limit-down lower the seller's.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.portfolios.week.exposures import TRADED
from resources.arrays import Bools, Floats, Ints, Strings
from resources.errors import InputError

MINUTE_COLUMNS = ("date", "symbol", "low", "high", "volume", "amount")
"""The columns of minute_bars that determine which stocks could be traded."""


@dataclass(frozen=True, eq=False)
class MarketDay:
    """One trading day's market for n stocks; ratios are 1 where the stock did not trade.

    growth: close / pre_close. to_vwap: VWAP / pre_close. from_vwap: close / VWAP. vwap: yuan, NaN where not traded.
    listed, traded: flags. locked_up, locked_down: the price limit blocks buys, blocks sells.
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
) -> list[MarketDay]:
    """Lay out the market of each of `dates`, which are ascending, for `symbols` [n].

    prices, securities: rows of these days; others are ignored. minutes: minute_bars of the days, where available; None for the
    daily rule. min_inside_share: see the module's docstring.

    Raises:
        InputError: A day has no row of prices or of securities at all, so that the day is missing rather than all stocks
            suspended.
    """
    _require_days(dates, daily_prices=prices, securities=securities)
    shape, days = (len(dates), len(symbols)), np.array(dates, dtype="datetime64[D]")
    names = pl.Enum(symbols.tolist())
    at, limits = arrays(securities, names, days, ("limit_up", "limit_down"))
    listed, up, down = np.full(shape, False), np.full(shape, np.nan), np.full(shape, np.nan)
    listed[at], up[at], down[at] = True, limits["limit_up"], limits["limit_down"]

    own = prices.filter(TRADED & pl.col("vwap").is_not_null())
    at, bar = arrays(own, names, days, ("pre_close", "low", "high", "close", "vwap", "volume"))
    vwap = bar["vwap"]
    buys, sells = limit_sides(at, bar, up, down, names, days, minutes, min_inside_share)

    def placed(values: Floats, default: float) -> Floats:
        every = np.full(shape, default)
        every[at] = values
        return every

    every = {
        "growth": placed(bar["close"] / bar["pre_close"], 1.0),
        "to_vwap": placed(vwap / bar["pre_close"], 1.0),
        "from_vwap": placed(bar["close"] / vwap, 1.0),
        "vwap": placed(vwap, np.nan),
        "listed": listed,
        "traded": placed(np.ones(len(vwap)), 0.0) > 0,
        "locked_up": buys.locked,
        "locked_down": sells.locked,
        "buy_volume": buys.volume,
        "sell_volume": sells.volume,
    }
    return [MarketDay(date, **{name: values[d] for name, values in every.items()}) for d, date in enumerate(dates)]


def _require_days(dates: Sequence[dt.date], **tables: pl.DataFrame) -> None:
    for name, rows in tables.items():
        missing = sorted(set(dates) - set(rows["date"].unique().to_list()))
        if missing:
            raise InputError(
                f"{name} has no row on {missing[0]}, so holdings cannot be valued or traded on that day. Deliver "
                "reference/daily_prices and reference/instruments for it."
            )


def limit_sides(
    at: tuple[Ints, Ints],
    bar: Mapping[str, Floats],
    limit_up: Floats,
    limit_down: Floats,
    names: pl.Enum,
    days: NDArray[np.datetime64],
    minutes: pl.DataFrame | None,
    min_inside_share: float,
) -> "tuple[Side, Side]":
    """Return the buyers' and the sellers' side at the price limit, by the rule of this module.

    at, bar: daily bars (low, high, volume, vwap) and their positions (day, stock). limit_up, limit_down [days, n]: yuan, NaN
    where there is no limit. names, days: the stocks and days to which the positions refer. minutes: None for the daily rule.
    """
    low, high, volume = bar["low"], bar["high"], bar["volume"]
    buys, sells = Side(limit_up, low, high, 1.0), Side(limit_down, high, low, -1.0)
    for side in (buys, sells):
        side.read_day(at, volume, volume * bar["vwap"])
    if minutes is not None and not minutes.is_empty():
        in_bar, parts = arrays(minutes, names, days, ("low", "high", "volume", "amount"))
        for side, near, far in ((buys, "low", "high"), (sells, "high", "low")):
            side.read_minutes(in_bar, parts[near], parts[far], parts["volume"], parts["amount"], min_inside_share)
    return buys, sells


class Side:
    """One side of the market: which stocks are blocked, and how many shares traded inside its limit.

    limit [days, n]: yuan, NaN where there is no limit. near, far [rows]: the day's prices furthest from the limit and closest
    to it. sign: 1 for an upper limit (buyers), −1 for a lower one (sellers). locked [days, n]: whether the side is
    blocked. volume [days, n]: shares traded inside the limit.
    """

    def __init__(self, limit: Floats, near: Floats, far: Floats, sign: float) -> None:
        self.limit, self.near, self.far, self.sign = limit, near, far, sign
        self.locked, self.volume = np.full(limit.shape, False), np.zeros(limit.shape)
        self.applies = np.full(limit.shape, False)

    def read_day(self, at: tuple[Ints, Ints], volume: Floats, amount: Floats) -> None:
        """Apply daily bars: a stock is blocked where the price furthest from the limit equals the limit.

        volume, amount [rows]: shares and yuan. at: positions of the rows.
        """
        limit = self.limit[at]
        applies = self.sign * _cents(self.far) <= self.sign * _cents(limit)
        self.applies[at] = applies
        self.locked[at] = applies & (_cents(self.near) == _cents(limit))
        inside = self._inside(limit, self.near, self.far, volume, amount)
        self.volume[at] = np.where(applies, inside, volume)

    def read_minutes(
        self, at: tuple[Ints, Ints], near: Floats, far: Floats, volume: Floats, amount: Floats, least: float
    ) -> None:
        """Apply minute bars, which replace the result of the daily bar where they are complete and the limit applied.

        A stock's bars are complete on a day if each one has no volume or has prices, volume and amount. near, far, volume,
        amount [bars]: as in `read_day`. least: the smallest share of the volume inside the limit at which the side is open.
        """
        complete = (volume == 0) | np.isfinite(near + far + volume + amount)
        inside = np.where(volume > 0, self._inside(self.limit[at], near, far, volume, amount), 0.0)
        cells, size = np.ravel_multi_index(at, self.limit.shape), self.limit.size

        def summed(values: Floats | Bools) -> Floats:
            return np.bincount(cells, values, minlength=size).astype(np.float64).reshape(self.limit.shape)

        total, within = summed(np.where(complete, volume, 0.0)), summed(np.where(complete, inside, 0.0))
        known = (total > 0) & (summed(~complete) == 0) & self.applies
        self.locked = np.where(known, (within <= 0) | (within < least * total), self.locked)
        self.volume = np.where(known, within, self.volume)

    def _inside(self, limit: Floats, near: Floats, far: Floats, volume: Floats, amount: Floats) -> Floats:
        """The fewest shares of each bar that can have traded inside the limit; all of them where there is no limit."""
        with np.errstate(divide="ignore", invalid="ignore"):
            least = volume * np.clip((limit - amount / volume) / (limit - near), 0.0, 1.0)
        outside = self.sign * _cents(near) >= self.sign * _cents(limit)
        return np.where(outside, 0.0, np.where(_cents(far) == _cents(limit), least, volume))


def _cents(price: Floats) -> Floats:
    return np.rint(price * 100.0)


def arrays(
    rows: pl.DataFrame, names: pl.Enum, dates: NDArray[np.datetime64], columns: Sequence[str]
) -> tuple[tuple[Ints, Ints], dict[str, Floats]]:
    """Select the rows of `names` and of the ascending `dates`.

    Returns their positions (day, stock), and the `columns` as arrays with NaN for null.
    """
    date, place = rows["date"].to_numpy(), rows["symbol"].cast(names, strict=False).to_physical().cast(pl.Int64)
    day = np.minimum(np.searchsorted(dates, date), len(dates) - 1)
    asked = (dates[day] == date) & place.is_not_null().to_numpy()
    values = {name: rows[name].cast(pl.Float64).to_numpy()[asked] for name in columns}
    return (day[asked], place.fill_null(0).to_numpy()[asked]), values


def minutes_of(minute_bars: pl.LazyFrame, symbols: list[str]) -> pl.DataFrame:
    """Select MINUTE_COLUMNS of the bars of `symbols`."""
    return minute_bars.select(MINUTE_COLUMNS).filter(pl.col("symbol").is_in(symbols)).collect()
