"""What the networks learn to predict: the return from the next day's average price, in three variants.

Here: prices → labels of a window (SPEC §5.2, Labels). Not here: which days a window has, storing labels: they exist only
inside a training, made from prices known at its signal day.

R_h(t) = VWAP(t+1+h) / VWAP(t+1) − 1 on pre_close-chained prices, null unless the name trades on both days. Known at the
close of t + 1 + h.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

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
    """The window `days` of date, symbol, pre_close, close, volume, vwap; rows without volume are no trading."""
    frame = (
        daily_prices.filter(pl.col("date").is_in(list(days)) & (pl.col("volume") > 0))
        .select("date", "symbol", ratio=pl.col("close") / pl.col("pre_close"), vwap=pl.col("vwap") / pl.col("close"))
        .collect()
    )
    symbols = frame["symbol"].unique().sort()
    placed = frame.join(
        pl.DataFrame({"date": list(days), "day": np.arange(len(days))}, schema_overrides={"date": pl.Date}), on="date"
    ).join(pl.DataFrame({"symbol": symbols, "stock": np.arange(len(symbols))}), on="symbol")
    at = placed["day"].to_numpy(), placed["stock"].to_numpy()
    ratio, vwap = np.full((2, len(days), len(symbols)), np.nan)
    ratio[at], vwap[at] = placed["ratio"].to_numpy(), placed["vwap"].to_numpy()
    return Prices(tuple(days), tuple(symbols), ratio, vwap)


def forward_returns(prices: Prices, horizon: int) -> Floats:
    """R_h [day, stock]; NaN where the name does not trade on both t+1 and t+1+h, or the window ends before t+1+h.

    The chained close of day d is the product of close / pre_close up to d; a suspended day leaves it unchanged.
    """
    traded = np.isfinite(prices.vwap)
    growth = np.where(traded, prices.ratio, 1.0)
    broken = np.cumsum(~np.isfinite(growth), axis=0)  # a traded day without pre_close cuts the chain
    chained = np.cumprod(np.where(np.isfinite(growth), growth, 1.0), axis=0) * prices.vwap
    returns = np.full(chained.shape, np.nan)
    count = max(len(chained) - 1 - horizon, 0)
    enter, leave = slice(1, 1 + count), slice(1 + horizon, 1 + horizon + count)
    whole = broken[enter] == broken[leave]
    returns[:count] = np.where(whole, chained[leave] / chained[enter] - 1.0, np.nan)
    return returns


def trailing_risk(prices: Prices, settings: ModelSettings) -> Floats:
    """[day, stock] Standard deviation (ddof 0) of the last `risk_days` daily returns, floored; NaN below the coverage."""
    returns = prices.ratio - 1.0
    risk = np.full(returns.shape, np.nan)
    least = settings.risk_coverage * settings.risk_days - 1e-9
    for day in range(len(returns)):
        recent = returns[max(day + 1 - settings.risk_days, 0) : day + 1]
        enough = np.isfinite(recent).sum(axis=0) >= max(least, 1)
        risk[day, enough] = np.maximum(np.nanstd(recent[:, enough], axis=0), settings.risk_floor)
    return risk


def label_day(returns: Floats, risk: Floats | None, members: NDArray[np.bool_], settings: ModelSettings) -> Floats:
    """One date's labels [stock] from R_h, over the members of U(t) that have one; NaN for everyone else."""
    own = np.where(members, returns, np.nan)
    if not np.isfinite(own).any():
        return own
    if settings.label == "gaussian_rank":
        labelled = np.isfinite(own)
        own[labelled] = norm.ppf((rankdata(own[labelled]) - 0.5) / labelled.sum())
        return own
    excess = own - np.nanmean(own)
    if settings.label == "excess":
        return excess
    if risk is None:
        raise ValueError("label_day: the risk-adjusted label needs the trailing risk.")
    return clip(zscore(excess / risk), settings.label_clip)


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

    price_days: consecutive trading days that span every label, none after the signal day. The cross-section of each date
    is the whole U(t), names without features included.
    """
    prices = arrange_prices(daily_prices, days=price_days)
    returns = forward_returns(prices, settings.horizon)
    risk = trailing_risk(prices, settings) if settings.label == "risk_adjusted" else None
    members = (
        securities.filter(pl.col("in_universe") & pl.col("date").is_in(list(days))).select("date", "symbol").collect()
    )
    universe = {day: set(frame["symbol"]) for (day,), frame in members.partition_by("date", as_dict=True).items()}
    row = {day: position for position, day in enumerate(price_days)}
    column = {symbol: position for position, symbol in enumerate(prices.symbols)}
    wanted = np.array([column.get(symbol, -1) for symbol in symbols], dtype=np.int64)
    labels = np.full((len(days), len(symbols)), np.nan, dtype=np.float32)
    for position, day in enumerate(days):
        names = universe.get(day, set())
        inside = np.fromiter((symbol in names for symbol in prices.symbols), dtype=bool, count=len(prices.symbols))
        at = row[day]
        of_day = label_day(returns[at], None if risk is None else risk[at], inside, settings)
        labels[position, wanted >= 0] = of_day[wanted[wanted >= 0]]
    return labels
