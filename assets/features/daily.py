"""Daily features: a name's day and its last sixty, from daily prices alone, raw (SPEC §5.1; definitions in names.py).

Across days prices are chained by pre_close. Windows count exchange trading days; a suspended day is no observation (it is
return 0 inside a compounded return), and a window statistic needs 75 % of its days (SPEC §4), else it is null.
"""

import datetime as dt
import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.features.names import DAILY_FEATURES
from resources.calendar import Calendar
from resources.made import Made
from resources.settings.features import FeaturesSettings

Floats = NDArray[np.float64]
COLUMNS = ("pre_close", "open", "high", "low", "close", "volume", "amount", "float_shares", "vwap")
LOOK_BACK = 60
AMIHUD_YUAN = 1e8  # |return| per hundred million yuan


def make_daily_features(
    daily_prices: pl.LazyFrame, date: dt.date, calendar: Calendar, settings: FeaturesSettings
) -> Made:
    """`daily_features` of one day: a row per name that traded on it; `daily_prices` holds the sixty days up to it."""
    prices = daily_prices.select("date", "symbol", *COLUMNS).filter(pl.col("volume") > 0).collect()
    today = prices.filter(date=date).sort("symbol")
    dates = calendar.days(calendar.offset(date, -min(LOOK_BACK - 1, calendar.index(date))), date)
    frame = today.select("date", "symbol").with_columns(
        pl.Series(name, values, pl.Float32, nan_to_null=True)
        for name, values in measure_days(prices, today["symbol"], dates, settings).items()
    )
    return Made(frame, profile=_profile(frame))


def measure_days(
    prices: pl.DataFrame, symbols: pl.Series, dates: list[dt.date], settings: FeaturesSettings
) -> dict[str, Floats]:
    """The 26 features [n] of `symbols` (ascending) on the last of the trading days `dates`, NaN for null.

    The rows of `prices` are traded symbol-days.
    """
    days = pl.Series(dates, dtype=pl.Date)
    own = prices.filter(pl.col("symbol").is_in(symbols.implode()), pl.col("date").is_in(days.implode()))
    place = (days.search_sorted(own["date"]).to_numpy(), symbols.search_sorted(own["symbol"]).to_numpy())
    field = {}
    for name in COLUMNS:
        field[name] = np.full((len(dates), len(symbols)), np.nan)
        field[name][place] = own[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if not len(symbols):
        return {name: np.empty(0) for name in DAILY_FEATURES}
    with np.errstate(divide="ignore", invalid="ignore"):
        values = _measure(field, settings.min_window_share)
    return {name: np.where(np.isfinite(values[name]), values[name], np.nan) for name in DAILY_FEATURES}


def _measure(field: dict[str, Floats], min_share: float) -> dict[str, Floats]:
    """field: [days, n], the last row is the day itself."""
    pre_close, open_, high, low, close = (field[name][-1] for name in ("pre_close", "open", "high", "low", "close"))
    volume, amount = field["volume"], field["amount"]
    growth = field["close"] / field["pre_close"]
    returns = growth - 1
    # What turns a day's price into today's money: ∏ of later pre_close / close. Suspended days change nothing.
    later = np.cumprod(np.where(np.isnan(growth), 1.0, growth)[::-1], axis=0)[::-1]
    chain = close / np.vstack([later[1:], np.ones_like(close)])  # [days, n]: the chained close of each day
    closes = np.where(np.isnan(field["close"]), np.nan, chain)
    highs = field["high"] / field["close"] * closes

    def window(x: Floats, days: int) -> Floats:
        """The last `days` rows; a name with too few observations is NaN throughout, and stays so in every statistic."""
        rows = x[-days:]
        return np.where((~np.isnan(rows)).sum(axis=0) >= math.ceil(min_share * days - 1e-9), rows, np.nan)

    def mean(x: Floats) -> Floats:
        return _over(np.nansum(x, axis=0), (~np.isnan(x)).sum(axis=0))

    def std(x: Floats) -> Floats:
        return np.sqrt(mean((x - mean(x)) ** 2))

    def compounded(days: int) -> Floats:
        rows = window(growth, days)
        return np.where(np.isnan(rows).all(axis=0), np.nan, np.nanprod(rows, axis=0) - 1)

    def correlation(x: Floats, y: Floats) -> Floats:
        both = ~np.isnan(x) & ~np.isnan(y)
        x, y = np.where(both, x, np.nan), np.where(both, y, np.nan)
        dx, dy = x - mean(x), y - mean(y)
        value = mean(dx * dy) / (np.sqrt(mean(dx**2)) * np.sqrt(mean(dy**2)))
        return np.where(_constant(x) | _constant(y), np.nan, np.clip(value, -1, 1))

    def highest(x: Floats) -> Floats:
        top = np.where(np.isnan(x), -np.inf, x).max(axis=0)
        return np.where(np.isinf(top), np.nan, top)

    return {
        "open_over_pre_close": open_ / pre_close - 1,
        "high_over_pre_close": high / pre_close - 1,
        "low_over_pre_close": low / pre_close - 1,
        "close_over_pre_close": close / pre_close - 1,
        "vwap_over_pre_close": field["vwap"][-1] / pre_close - 1,
        "ln_volume": np.log(volume[-1]),
        "ln_amount": np.log(amount[-1]),
        "turnover": volume[-1] / field["float_shares"][-1],
        "amplitude": (high - low) / pre_close,
        "upper_shadow": (high - np.maximum(open_, close)) / pre_close,
        "lower_shadow": (np.minimum(open_, close) - low) / pre_close,
        **{f"return_{days}": compounded(days) for days in (5, 10, 20, 60)},
        **{f"std_{days}": std(window(returns, days)) for days in (5, 20, 60)},
        **{f"volume_over_mean_{days}": volume[-1] / mean(window(volume, days)) for days in (5, 20)},
        **{f"corr_close_volume_{days}": correlation(window(closes, days), window(volume, days)) for days in (10, 20)},
        "amihud_20": mean(window(np.abs(returns) / amount, 20)) * AMIHUD_YUAN,
        **{f"close_over_mean_{days}": close / mean(window(closes, days)) - 1 for days in (5, 20)},
        "distance_to_high_20": close / highest(window(highs, 20)) - 1,
    }


def _over(total: Floats, count: Floats) -> Floats:
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _constant(x: Floats) -> NDArray[np.bool_]:
    """[n]: columns whose entries do not vary, but for rounding of the chain."""
    high, low = np.where(np.isnan(x), -np.inf, x).max(axis=0), np.where(np.isnan(x), np.inf, x).min(axis=0)
    return high - low <= 1e-12 * np.abs(high)


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
