"""The labels of the networks: the return from the next day's average price, in three variants (SPEC §5.2, Labels).

This module makes the labels of a window from prices. It does not decide the days of a window. Labels are not stored: they exist
only inside a training and are made from prices known at its signal day.

R_h(t) = VWAP(t+1+h) / VWAP(t+1) − 1 on pre_close-chained prices, null unless the stock trades on both days. It is known at the
close of t + 1 + h.

A label is computed from its own days and stocks alone, in their order, so that windows with other ends have the same label bit for
bit. For this reason the module uses no running sums or products, which would accumulate the rounding of earlier days.
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
from resources.arrays import Floats
from resources.settings.models import ModelSettings


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
    """Arrange `daily_prices` on the window `days` (ascending); a row without volume counts as no trading.

    daily_prices: date, symbol, pre_close, close, volume, vwap.
    """
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
    """Positions of dates in `days`, which contains all of them."""
    return np.searchsorted(pl.Series(days, dtype=pl.Date).to_physical().to_numpy(), dates.to_physical().to_numpy())


def _columns(symbols: pl.Series, axis: Sequence[str] | pl.Series) -> NDArray[np.int64]:
    """Positions of symbols in `axis`, −1 where they are not in it."""
    return symbols.cast(pl.Enum(axis), strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()


def forward_returns(prices: Prices, horizon: int) -> Floats:
    """Return R_h [day, stock]; NaN unless the stock trades on both t+1 and t+1+h and the window reaches t+1+h.

    The two prices are chained by the product of close / pre_close of the days after t+1. A suspended day counts as 1; a traded
    day without pre_close makes the return NaN.
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
    """Return the standard deviation (ddof 0) of the last `risk_days` daily returns [day, stock], at least `risk_floor`.

    It is NaN where fewer than the share `risk_coverage` of the days are traded. Each window is summed about its own mean.
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
    """Return one date's labels [stock] from R_h, over the members of U(t) with a return; NaN for the other stocks.

    Raises:
        ValueError: The label is "risk_adjusted" and `risk` is None.
    """
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
    """Return the labels [day, stock] of `days` and `symbols`, NaN where there is none.

    price_days: consecutive trading days that contain the days of every label, none after the signal day; days: a subset,
    ascending. The cross-section of each date is the whole U(t), including stocks without features.
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
