"""The ten high-frequency factors and those of a user's own: windows of day indicators, signed, then orthogonalised (SPEC §3, §4).

This module decides which days count, how each factor aggregates them, and takes the residual on industries and styles. It does
not hold the day indicators (indicators.py), the styles (styles.py) or the arithmetic of a cross-section (cross_section.py).

A window reads one stored row per symbol and day instead of bars: reading twenty partitions of `day_indicators` takes 50 ms for a
whole market. It sums them in the order of the days, so that a window moved by one day equals one computed from twenty days of
bars to the last bit. A running sum would accumulate rounding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from assets import catalogue
from assets.factors import cross_section
from assets.factors.extra import extra_keys
from assets.factors.styles import STYLES
from assets.reference.schemas import UNKNOWN_INDUSTRY
from resources.arrays import Bools, Floats
from resources.settings.factors import FactorsSettings

# Factors that drop_flat_days (off by default) touches.
FLAT_SENSITIVE = ("outflow_per_trade", "large_trade_gain")


# --- from days to the window ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class IndicatorWindow:
    """Indicators of a window as arrays [days, symbols], NaN where the value is null or the row missing."""

    symbols: pl.Series
    columns: Mapping[str, Floats]
    traded: Bools
    min_days: int

    def valid(self, *names: str, but: Bools | None = None) -> Bools:
        """Mark the days that count [days, symbols]: traded, with a value of every named indicator, and not in `but`."""
        days = self.traded.copy()
        for name in names:
            days &= ~np.isnan(self.columns[name])
        return days if but is None else days & ~but

    def sum(self, values: Floats, days: Bools) -> Floats:
        """Sum values [days, symbols] over the marked days [symbols]; NaN with fewer than `min_days`.

        Days are added in their order, so that the sum of a symbol does not depend on the other symbols.
        """
        total = np.zeros(values.shape[1])
        for value, day in zip(values, days, strict=True):
            total += np.where(day, value, 0.0)
        return np.where(days.sum(axis=0) >= self.min_days, total, np.nan)

    def mean(self, name: str, but: Bools | None = None) -> Floats:
        """Return the mean of an indicator over its valid days [symbols]; NaN with fewer than `min_days`."""
        days = self.valid(name, but=but)
        return _divide(self.sum(self.columns[name], days), days.sum(axis=0))

    def product(self, name: str, but: Bools | None = None) -> Floats:
        """Return the product of an indicator over its valid days [symbols]; NaN with fewer than `min_days`."""
        days = self.valid(name, but=but)
        total = np.ones(len(self.symbols))
        for value, day in zip(self.columns[name], days, strict=True):
            total *= np.where(day, value, 1.0)
        return np.where(days.sum(axis=0) >= self.min_days, total, np.nan)


def aggregate_days(days: pl.DataFrame, settings: FactorsSettings) -> tuple[pl.DataFrame, dict[str, float]]:
    """Aggregate the window's `day_indicators` to the factors of every symbol, signed so that high is good (SPEC §3).

    days: `day_indicators` of the window, with the columns of `with_extra` where extra factors are set.

    Returns:
        The frame (symbol, the ten factors, the extra factors as means over their valid days), and for each flat-sensitive
        factor the share of valid stock-days on which `drop_flat_days` would drop it.
    """
    window = _window(days, settings.min_days)
    flat = window.columns["flat_share"] > settings.flat_share_limit
    dropped = flat if settings.drop_flat_days else None

    pooled = window.valid("large_net_buy", "open_amount")
    net = window.columns["large_net_buy"]
    low_frequency: dict[str, Floats] = {
        "skewness": window.mean("skewness"),
        "downside_volatility_share": window.mean("downside_volatility_share"),
        "buying_intention_share": window.mean("buying_intention_share"),
        "buying_intention_strength": window.mean("buying_intention_strength"),
        "large_order_net_buy_share": _divide(
            window.sum(net, pooled), window.sum(window.columns["open_amount"], pooled)
        ),
        "large_order_net_buy_strength": _strength(window, net, window.valid("large_net_buy")),
        "improved_reversal": window.product("post_open_growth") - 1,
        "closing_volume_share": window.mean("closing_volume_share"),
        "outflow_per_trade": window.mean("outflow_per_trade", but=dropped),
        "large_trade_gain": window.product("large_trade_growth", but=dropped) - 1,
    }
    signed = {key: catalogue.BY_KEY[key].sign * low_frequency[key] for key in catalogue.TEN}
    signed |= {key: window.mean(key) for key in extra_keys(settings.extra_factors)}
    frame = pl.DataFrame({"symbol": window.symbols, **signed}).with_columns(pl.exclude("symbol").fill_nan(None))
    lost = {}
    for key, name in zip(FLAT_SENSITIVE, ("outflow_per_trade", "large_trade_growth"), strict=True):
        valid = window.valid(name)
        lost[key] = float((valid & flat).sum() / valid.sum()) if valid.any() else 0.0
    return frame, lost


def _window(days: pl.DataFrame, min_days: int) -> IndicatorWindow:
    symbols = days["symbol"].unique().sort()
    dates = days["date"].unique().sort()
    place = (dates.search_sorted(days["date"]).to_numpy(), symbols.search_sorted(days["symbol"]).to_numpy())
    shape = (len(dates), len(symbols))
    traded = np.zeros(shape, dtype=bool)
    traded[place] = days["traded"].to_numpy()
    columns = {}
    for name in (name for name, dtype in days.schema.items() if dtype == pl.Float64):
        columns[name] = np.full(shape, np.nan)
        columns[name][place] = days[name].fill_null(float("nan")).to_numpy()
    return IndicatorWindow(symbols, columns, traded, min_days)


def _strength(window: IndicatorWindow, values: Floats, days: Bools) -> Floats:
    """mean / std (ddof 0) over the marked days; NaN where all their values are equal."""
    count = days.sum(axis=0)
    mean = _divide(window.sum(values, days), count)
    std = np.sqrt(_divide(window.sum((values - mean) ** 2, days), count))
    constant = np.where(days, values, -np.inf).max(axis=0, initial=-np.inf) <= np.where(days, values, np.inf).min(
        axis=0, initial=np.inf
    )
    return np.where(constant, np.nan, _divide(mean, std))


def _divide(a: Floats, b: Floats) -> Floats:
    """a / b, NaN where b is 0 or NaN."""
    return np.divide(a, b, out=np.full(a.shape, np.nan), where=(b != 0) & ~np.isnan(b))


# --- orthogonalisation ----------------------------------------------------------------------------------------------


def orthogonalise_factors(
    universe: pl.DataFrame, raw: pl.DataFrame, settings: FactorsSettings
) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, dict[str, Any]]]:
    """Orthogonalise the factors of one date: residuals on industries and styles, z-scored (SPEC §4).

    Args:
        universe: The rows of `styles` in U(t).
        raw: symbol and one signed column per factor.
        settings: The section `factors`.

    Returns:
        The long frame (symbol, factor, raw, value), a profile with one row per factor, and the styles and industries that
        were left out of the regression.
    """
    names = universe.select("symbol").join(raw, on="symbol", how="left", maintain_order="left")
    present = [style for style in STYLES if universe[style].null_count() < universe.height]
    X = universe.select(pl.col(present).fill_null(0.0)).to_numpy().reshape(universe.height, len(present))
    groups, without_industry = _groups(universe)

    columns, profile = [], []
    for key in (name for name in raw.columns if name != "symbol"):
        y = names[key].fill_null(float("nan")).to_numpy()
        value = cross_section.orthogonalise(y, X, groups, settings.clip_std)
        value[~np.isfinite(value)] = np.nan
        if not np.any(np.abs(value) > 0):  # there are as many regressors as stocks: every residual is 0
            value[:] = np.nan
        columns.append(
            names.select(
                "symbol",
                pl.lit(key).alias("factor"),
                pl.col(key).alias("raw"),
                pl.Series("value", value, nan_to_null=True),
            )
        )
        profile.append({"factor": key, "universe": universe.height, **_profile(columns[-1], value, X, groups)})
    left_out: dict[str, dict[str, Any]] = {}
    if len(present) < len(STYLES):
        left_out["styles"] = {style: None for style in STYLES if style not in present}
    if without_industry:
        left_out["industries"] = {"all": "no stock of the universe has an industry: a constant replaces the dummies"}
    return pl.concat(columns).sort("symbol", maintain_order=True), pl.DataFrame(profile, schema=PROFILE), left_out


def _groups(universe: pl.DataFrame) -> tuple[np.ndarray, bool]:
    """Industry codes [n], −1 for stocks outside the regression; and whether no stock has an industry."""
    known = pl.col("industry").is_not_null() & (pl.col("industry") != UNKNOWN_INDUSTRY)
    none_known = universe.height > 0 and not universe.select(known.any()).item()
    frame = universe.select(
        pl.when(pl.col("total_mv").is_null()).then(-1).when(pl.lit(none_known)).then(0)
        .when(known).then(pl.col("industry").rank("dense").cast(pl.Int64)).otherwise(-1).alias("group")
    )  # fmt: skip
    return frame["group"].to_numpy(), none_known


PROFILE: dict[str, type[pl.DataType]] = {
    "factor": pl.String,
    "universe": pl.Int64,  # stocks of U(t)
    "raw_names": pl.Int64,  # … with a raw value
    "names": pl.Int64,  # … with an orthogonalised value
    "coverage": pl.Float64,  # names / universe; null where no stock has a raw value
    "max_style_correlation": pl.Float64,  # largest |correlation| of value with a style
    "max_industry_mean": pl.Float64,  # largest |mean| of value inside an industry
    "std": pl.Float64,
    "duplicates": pl.Int64,
}


def _profile(rows: pl.DataFrame, value: Floats, X: Floats, groups: np.ndarray) -> dict[str, float | int | None]:
    used = ~np.isnan(value)
    raw_names, names = rows.height - rows["raw"].null_count(), int(used.sum())
    result: dict[str, float | int | None] = {
        "raw_names": raw_names,
        "names": names,
        "coverage": names / rows.height if raw_names else None,
        "duplicates": rows.height - rows["symbol"].n_unique(),
    }
    if names:
        v, x = value[used], X[used] - X[used].mean(axis=0)
        length = np.linalg.norm(x, axis=0) * np.linalg.norm(v - v.mean())
        varied = np.ptp(X[used], axis=0) > 0
        correlations = np.abs(x.T @ (v - v.mean()))[varied] / length[varied]
        _, codes = np.unique(groups[used], return_inverse=True)
        result["max_style_correlation"] = float(correlations.max(initial=0.0))
        result["max_industry_mean"] = float(np.abs(np.bincount(codes, v) / np.bincount(codes)).max())
        result["std"] = float(v.std())
    return result
