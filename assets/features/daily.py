"""Daily features: a name's day and its last sixty, from daily prices alone, raw (SPEC §5.1; definitions in names.py).

Across days prices are chained by pre_close. Windows count exchange trading days; a suspended day is no observation (it is
return 0 inside a compounded return), and a window statistic needs 75 % of its days (SPEC §4), else it is null. A window
reads one stored row per name and day and is computed afresh, so that it says the same however it was reached.
"""

import datetime as dt
import math

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from assets.factors.block import in_parts
from assets.features.names import DAILY_FEATURES
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.features import FeaturesSettings

Floats = NDArray[np.float64]
TODAY = ("pre_close", "open", "high", "low", "close", "volume", "amount", "float_shares", "vwap")
PAST = ("pre_close", "close", "high", "volume", "amount")
LOOK_BACK = 60
AMIHUD_YUAN = 1e8  # |return| per hundred million yuan
ROUNDING = 1e-12  # prices that differ by no more than this share differ by the rounding of the chain


def make_daily_features(frames: Frames, partition: Partition, settings: FeaturesSettings) -> Made:
    """`daily_features` of one day: a row per name that traded on it; `daily_prices` holds the sixty days up to it."""
    date, calendar = partition.date, partition.calendar
    prices = frames["daily_prices"].select("date", "symbol", *TODAY).filter(pl.col("volume") > 0).collect()
    today = prices.filter(date=date).sort("symbol")
    dates = calendar.days(calendar.offset(date, -min(LOOK_BACK - 1, calendar.index(date))), date)
    values = measure_days(prices, today, dates, settings)
    frame = today.select("date", "symbol").with_columns(
        pl.Series(name, row, nan_to_null=True)
        for name, row in zip(DAILY_FEATURES, values.astype(np.float32), strict=True)
    )
    return Made(frame, profile=_profile(frame))


def measure_days(prices: pl.DataFrame, today: pl.DataFrame, dates: list[dt.date], settings: FeaturesSettings) -> Floats:
    """[26, n] in the order of `DAILY_FEATURES`, NaN for null: the names of `today` on the last of the trading `dates`.

    The rows of `prices` are traded symbol-days, those of `today` the last day's, ascending by symbol.
    """
    days = pl.Series(dates, dtype=pl.Date)
    names = today.select("symbol", name=pl.int_range(pl.len()))
    own = prices.filter(pl.col("date") >= dates[0], pl.col("date") <= dates[-1]).join(names, on="symbol")
    cell = own["name"].to_numpy() * len(days) + days.search_sorted(own["date"]).to_numpy()
    past = tuple(np.full((today.height, len(days)), np.nan) for _ in PAST)
    for array, name in zip(past, PAST, strict=True):
        array.ravel()[cell] = own[name].cast(pl.Float64).to_numpy()
    now = tuple(today[name].cast(pl.Float64).to_numpy(writable=True) for name in TODAY)
    out = np.full((len(DAILY_FEATURES), today.height), np.nan)
    in_parts(today.height, lambda first, last: _measure(first, last, now, past, settings.min_window_share, out))
    return out


# --- the kernel: plain loops over each name's days; a day without an observation is NaN ------------------------------


@njit(cache=True, nogil=True, error_model="numpy")
def _window(x: Floats, days: int, share: float) -> Floats:
    """The observations of the last `days` days; none if there are too few."""
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
    """Over the days on which both are known; NaN where one does not vary or has too few days."""
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
def _measure(
    first: int, last: int, now: tuple[Floats, ...], past: tuple[Floats, ...], share: float, out: Floats
) -> None:
    """out [26, n]; now: [n] in the order of TODAY; past: [n, days] in the order of PAST, the last day is today."""
    days = past[0].shape[1]
    growth, returns, chained, highs, impact = (
        np.empty(days), np.empty(days), np.empty(days), np.empty(days), np.empty(days),
    )  # fmt: skip
    f = np.empty(out.shape[0])
    for s in range(first, last):
        pre_close, open_, high, low, close, volume, amount, float_shares, vwap = (
            now[0][s], now[1][s], now[2][s], now[3][s], now[4][s], now[5][s], now[6][s], now[7][s], now[8][s],
        )  # fmt: skip
        # Past prices in today's money: over ∏ of the later close / pre_close. Suspended days change nothing.
        later = 1.0
        for t in range(days - 1, -1, -1):
            growth[t] = past[1][s, t] / past[0][s, t]
            returns[t] = growth[t] - 1
            chained[t] = close / later if not np.isnan(past[1][s, t]) else np.nan
            highs[t] = past[2][s, t] / past[1][s, t] * chained[t]
            impact[t] = abs(returns[t]) / past[4][s, t]
            if not np.isnan(growth[t]):
                later *= growth[t]
        volumes = past[3][s]

        f[0], f[1], f[2] = open_ / pre_close - 1, high / pre_close - 1, low / pre_close - 1
        f[3], f[4] = close / pre_close - 1, vwap / pre_close - 1
        f[5], f[6], f[7] = math.log(volume), math.log(amount), volume / float_shares
        f[8] = (high - low) / pre_close
        f[9], f[10] = (high - max(open_, close)) / pre_close, (min(open_, close) - low) / pre_close
        for i, n in enumerate((5, 10, 20, 60)):
            grown = _window(growth, n, share)
            f[11 + i] = np.prod(grown) - 1 if grown.size else np.nan
        for i, n in enumerate((5, 20, 60)):
            f[15 + i] = _std(_window(returns, n, share))
        for i, n in enumerate((5, 20)):
            f[18 + i] = volume / _mean(_window(volumes, n, share))
        for i, n in enumerate((10, 20)):
            f[20 + i] = _correlation(chained, volumes, n, share)
        f[22] = _mean(_window(impact, 20, share)) * AMIHUD_YUAN
        for i, n in enumerate((5, 20)):
            f[23 + i] = close / _mean(_window(chained, n, share)) - 1
        top = _window(highs, 20, share)
        f[25] = close / top.max() - 1 if top.size else np.nan

        for j in range(f.size):
            out[j, s] = f[j] if np.isfinite(f[j]) else np.nan


def _profile(frame: pl.DataFrame) -> pl.DataFrame:
    """One row, for the checks."""
    return frame.select(
        pl.len().alias("rows"),
        (pl.len() - pl.col("symbol").n_unique()).alias("duplicates"),
        pl.sum_horizontal(pl.col(pl.Float32).is_infinite().sum(), pl.col(pl.Float32).is_nan().sum()).alias(
            "not_finite"
        ),
        pl.col("distance_to_high_20").max().alias("largest_distance_to_high"),
        pl.col("return_20").is_not_null().mean().alias("return_20_coverage"),
    )
