"""What the networks learn to predict: the return from the next day's average price, in three variants.

Here: prices → labels of a window (SPEC §5.2, Labels). Not here: which days a window has, storing labels: they exist only
inside a training, made from prices known at its signal day.

R_h(t) = VWAP(t+1+h) / VWAP(t+1) − 1 on pre_close-chained prices, null unless the name trades on both days. Known at the
close of t + 1 + h.

A label is made from its own days and names alone, in their order: a window that begins or ends elsewhere gives the same
label, bit for bit. So there are no running sums or products here, which would carry the rounding of days long past.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from assets.factors.cross_section import clip, zscore
from resources.settings.models import ModelSettings

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prices:
    """Daily prices of a window on a dense grid.

    ratio [day, stock]: close / pre_close; NaN on days without trading.
    vwap  [day, stock]: VWAP / close; NaN on days without trading.
    """

    days: tuple[dt.date, ...]
    symbols: tuple[str, ...]
    ratio: Floats
    vwap: Floats


def arrange_prices(daily_prices: pl.LazyFrame, *, days: Sequence[dt.date]) -> Prices:
    """The window `days` (ascending) of date, symbol, pre_close, close, volume, vwap; rows without volume are no trading."""
    frame = (
        daily_prices.filter(pl.col("date").is_in(list(days)) & (pl.col("volume") > 0))
        .select("date", "symbol", ratio=pl.col("close") / pl.col("pre_close"), vwap=pl.col("vwap") / pl.col("close"))
        .collect(engine="streaming")
    )
    symbols = frame["symbol"].unique().sort()
    at = _rows(frame["date"], days), _columns(frame["symbol"], symbols)
    ratio, vwap = np.full((2, len(days), len(symbols)), np.nan)
    ratio[at], vwap[at] = frame["ratio"].to_numpy(), frame["vwap"].to_numpy()
    return Prices(tuple(days), tuple(symbols), ratio, vwap)


def _rows(dates: pl.Series, days: Sequence[dt.date]) -> NDArray[np.int64]:
    """Positions of dates in `days`, all of which are there."""
    return np.searchsorted(pl.Series(days, dtype=pl.Date).to_physical().to_numpy(), dates.to_physical().to_numpy())


def _columns(symbols: pl.Series, axis: Sequence[str] | pl.Series) -> NDArray[np.int64]:
    """Positions of symbols in `axis`, −1 where they are not in it."""
    return symbols.cast(pl.Enum(axis), strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()


def forward_returns(prices: Prices, horizon: int) -> Floats:
    """R_h [day, stock]; NaN where the name does not trade on both t+1 and t+1+h, or the window ends before t+1+h.

    Between the two prices stands the product of close / pre_close of the days after the first; a suspended day is 1 in
    it, a traded day without pre_close cuts the chain.
    """
    growth = np.where(np.isfinite(prices.vwap), np.where(np.isfinite(prices.ratio), prices.ratio, np.nan), 1.0)
    returns = np.full(prices.vwap.shape, np.nan)
    count = max(len(returns) - 1 - horizon, 0)
    value = returns[:count]
    value[:] = prices.vwap[1 + horizon : 1 + horizon + count]
    for later in range(2, 2 + horizon):
        value *= growth[later : later + count]
    value /= prices.vwap[1 : 1 + count]
    value -= 1.0
    return returns


def trailing_risk(prices: Prices, settings: ModelSettings) -> Floats:
    """[day, stock] Standard deviation (ddof 0) of the last `risk_days` daily returns, floored; NaN below the coverage.

    Each window is summed afresh, about its own mean.
    """
    traded = np.isfinite(prices.ratio)
    returns = np.where(traded, prices.ratio - 1.0, 0.0)
    risk = np.full(returns.shape, np.nan)
    least = max(settings.risk_coverage * settings.risk_days - 1e-9, 1)
    for day in range(len(returns)):
        window = slice(max(day + 1 - settings.risk_days, 0), day + 1)
        count = traded[window].sum(axis=0)
        away = returns[window] - returns[window].sum(axis=0) / np.maximum(count, 1)
        away *= traded[window]
        np.square(away, out=away)
        std = np.sqrt(away.sum(axis=0) / np.maximum(count, 1))
        risk[day] = np.where(count >= least, np.maximum(std, settings.risk_floor), np.nan)
    return risk


def label_day(returns: Floats, risk: Floats | None, members: NDArray[np.bool_], settings: ModelSettings) -> Floats:
    """One date's labels [stock] from R_h, over the members of U(t) that have one; NaN for everyone else."""
    labels = np.full(returns.shape, np.nan)
    own = members & np.isfinite(returns)
    if not own.any():
        return labels
    if settings.label == "gaussian_rank":
        labels[own] = ndtri((rankdata(returns[own]) - 0.5) / own.sum())
        return labels
    excess = returns[own] - returns[own].mean()
    if settings.label == "risk_adjusted":
        if risk is None:
            raise ValueError("label_day: the risk-adjusted label needs the trailing risk.")
        excess = clip(zscore(excess / risk[own]), settings.label_clip)
    labels[own] = excess
    return labels


def make_labels(
    daily_prices: pl.LazyFrame,
    securities: pl.LazyFrame,
    *,
    price_days: Sequence[dt.date],
    days: Sequence[dt.date],
    symbols: Sequence[str],
    settings: ModelSettings,
) -> NDArray[np.float32]:
    """Labels [day, stock] of `days` and `symbols`, NaN where there is none.

    price_days: consecutive trading days that span every label, none after the signal day; days: some of them, ascending.
    The cross-section of each date is the whole U(t), names without features included.
    """
    prices = arrange_prices(daily_prices, days=price_days)
    returns = forward_returns(prices, settings.horizon)
    risk = trailing_risk(prices, settings) if settings.label == "risk_adjusted" else None
    members = (
        securities.filter(pl.col("in_universe") & pl.col("date").is_in(list(days)))
        .select("date", "symbol")
        .collect(engine="streaming")
    )
    universe = np.zeros((len(days), len(prices.symbols)), dtype=bool)
    at = _columns(members["symbol"], prices.symbols)
    universe[_rows(members["date"], days)[at >= 0], at[at >= 0]] = True

    wanted = _columns(pl.Series(symbols, dtype=pl.String), prices.symbols)
    labels = np.full((len(days), len(symbols)), np.nan, dtype=np.float32)
    for position, day in enumerate(_rows(pl.Series(days, dtype=pl.Date), price_days)):
        of_day = label_day(returns[day], None if risk is None else risk[day], universe[position], settings)
        labels[position, wanted >= 0] = of_day[wanted[wanted >= 0]]
    return labels
