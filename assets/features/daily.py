"""Daily features of each stock from its last sixty days of daily prices (SPEC §5.1; definitions in names.py).

Prices are chained across days by pre_close. Windows count exchange trading days; a suspended day is no observation (inside a
compounded return it is return 0), and a window statistic is null with fewer than 75 % of its days (SPEC §4). A window is computed
from its own rows only, so that the result does not depend on the windows before it.
"""

import datetime as dt
import math
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from assets.factors.block import in_parts
from assets.features.names import DAILY_FEATURES
from resources.arrays import Floats
from resources.settings.features import FeaturesSettings


class Today(NamedTuple):
    """Columns of daily_prices of the day, [stocks] each."""

    pre_close: Floats
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    amount: Floats
    float_shares: Floats
    vwap: Floats


class Past(NamedTuple):
    """Columns of daily_prices of the window, [stocks, days] each, the day itself last; NaN where a stock did not trade."""

    pre_close: Floats
    close: Floats
    high: Floats
    volume: Floats
    amount: Floats


ROW = np.dtype([(name, np.float64) for name in DAILY_FEATURES])
"""The kernel's result for one stock: a field per feature, so that the kernel writes a feature by its name. The fields are part of
the kernel's signature, so that numba compiles it again for another list of features, which its cache on disk would not notice."""
LOOK_BACK = 60
AMIHUD_YUAN = 1e8  # |return| per hundred million yuan
ROUNDING = 1e-12  # chained prices that differ by no more than this share are equal except for rounding


def measure_days(prices: pl.DataFrame, today: pl.DataFrame, dates: list[dt.date], settings: FeaturesSettings) -> Floats:
    """Return the features [26, n] of the stocks of `today`, in the order of `DAILY_FEATURES`; NaN means null.

    Args:
        prices: The traded symbol-days of `dates`, with the columns of `Today`.
        today: The rows of the last of `dates`, ascending by symbol [n].
        dates: The trading days of the window, ascending.
        settings: The section `features`.
    """
    days = pl.Series(dates, dtype=pl.Date)
    names = today.select("symbol", name=pl.int_range(pl.len()))
    own = prices.filter(pl.col("date") >= dates[0], pl.col("date") <= dates[-1]).join(names, on="symbol")
    cell = own["name"].to_numpy() * len(days) + days.search_sorted(own["date"]).to_numpy()
    past = Past(*(np.full((today.height, len(days)), np.nan) for _ in Past._fields))
    for name, array in past._asdict().items():
        array.ravel()[cell] = own[name].cast(pl.Float64).to_numpy()
    now = Today(*(today[name].cast(pl.Float64).to_numpy(writable=True) for name in Today._fields))
    rows = np.full(today.height, np.nan, ROW)
    in_parts(today.height, lambda first, last: _measure(first, last, now, past, settings.min_window_share, rows))
    values = rows.view(np.float64).reshape(today.height, len(DAILY_FEATURES)).T
    return np.where(np.isfinite(values), values, np.nan)


# --- the kernel: loops over each stock's days; a day without an observation is NaN -----------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def _window(x: Floats, days: int, share: float) -> Floats:
    """The observations of the last `days` days; an empty array if they are fewer than the required share."""
    known = np.empty(days)
    count = 0
    for t in range(max(0, x.size - days), x.size):
        if not np.isnan(x[t]):
            known[count] = x[t]
            count += 1
    return known[: count if count >= math.ceil(share * days - 1e-9) else 0]


@njit(cache=True, nogil=True, error_model="numpy")
def _mean(x: Floats) -> float:
    total = 0.0
    for t in range(x.size):
        total += x[t]
    return total / x.size


@njit(cache=True, nogil=True, error_model="numpy")
def _std(x: Floats) -> float:
    mean, square = _mean(x), 0.0
    for t in range(x.size):
        square += (x[t] - mean) ** 2
    return math.sqrt(square / x.size)


@njit(cache=True, nogil=True, error_model="numpy")
def _correlation(x: Floats, y: Floats, days: int, share: float) -> float:
    """Correlation over the days on which both are known; NaN where one does not vary or has too few days."""
    if _window(x, days, share).size == 0 or _window(y, days, share).size == 0:
        return np.nan
    both_x, both_y = np.empty(days), np.empty(days)
    count = 0
    for t in range(max(0, x.size - days), x.size):
        if not (np.isnan(x[t]) or np.isnan(y[t])):
            both_x[count], both_y[count] = x[t], y[t]
            count += 1
    a, b = both_x[:count], both_y[:count]
    for one in (a, b):
        if count == 0 or one.max() - one.min() <= ROUNDING * abs(one.max()):
            return np.nan
    mean_a, mean_b, product = _mean(a), _mean(b), 0.0
    for t in range(count):
        product += (a[t] - mean_a) * (b[t] - mean_b)
    return max(-1.0, min(1.0, product / count / (_std(a) * _std(b))))


@njit(cache=True, nogil=True, error_model="numpy")
def _compounded(growth: Floats, days: int, share: float) -> float:
    """∏ growth − 1 over the last `days` days; NaN where too few are known."""
    grown = _window(growth, days, share)
    return float(np.prod(grown)) - 1 if grown.size else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _measure(first: int, last: int, now: Today, past: Past, share: float, rows: NDArray[np.void]) -> None:
    """Write rows [n] of ROW; an entry is not finite where the feature is not defined."""
    days = past.close.shape[1]
    growth, returns, chained, highs, impact = (
        np.empty(days), np.empty(days), np.empty(days), np.empty(days), np.empty(days),
    )  # fmt: skip
    for s in range(first, last):
        pre_close, open_, high, low, close = now.pre_close[s], now.open[s], now.high[s], now.low[s], now.close[s]
        volume, amount = now.volume[s], now.amount[s]
        # Past prices on the basis of today: divided by ∏ of the later close / pre_close. A suspended day counts as 1.
        later = 1.0
        for t in range(days - 1, -1, -1):
            growth[t] = past.close[s, t] / past.pre_close[s, t]
            returns[t] = growth[t] - 1
            chained[t] = close / later if not np.isnan(past.close[s, t]) else np.nan
            highs[t] = past.high[s, t] / past.close[s, t] * chained[t]
            impact[t] = abs(returns[t]) / past.amount[s, t]
            if not np.isnan(growth[t]):
                later *= growth[t]
        volumes = past.volume[s]

        row: Any = rows[s]
        row.open_over_pre_close = open_ / pre_close - 1
        row.high_over_pre_close = high / pre_close - 1
        row.low_over_pre_close = low / pre_close - 1
        row.close_over_pre_close = close / pre_close - 1
        row.vwap_over_pre_close = now.vwap[s] / pre_close - 1
        row.ln_volume, row.ln_amount = math.log(volume), math.log(amount)
        row.turnover = volume / now.float_shares[s]
        row.amplitude = (high - low) / pre_close
        row.upper_shadow = (high - max(open_, close)) / pre_close
        row.lower_shadow = (min(open_, close) - low) / pre_close
        row.return_5 = _compounded(growth, 5, share)
        row.return_10 = _compounded(growth, 10, share)
        row.return_20 = _compounded(growth, 20, share)
        row.return_60 = _compounded(growth, 60, share)
        row.std_5 = _std(_window(returns, 5, share))
        row.std_20 = _std(_window(returns, 20, share))
        row.std_60 = _std(_window(returns, 60, share))
        row.volume_over_mean_5 = volume / _mean(_window(volumes, 5, share))
        row.volume_over_mean_20 = volume / _mean(_window(volumes, 20, share))
        row.corr_close_volume_10 = _correlation(chained, volumes, 10, share)
        row.corr_close_volume_20 = _correlation(chained, volumes, 20, share)
        row.amihud_20 = _mean(_window(impact, 20, share)) * AMIHUD_YUAN
        row.close_over_mean_5 = close / _mean(_window(chained, 5, share)) - 1
        row.close_over_mean_20 = close / _mean(_window(chained, 20, share)) - 1
        top = _window(highs, 20, share)
        row.distance_to_high_20 = close / top.max() - 1 if top.size else np.nan
