"""The input of the networks: one contiguous array of standardised features, and sequences that are slices of it.

Here: assembling the array from raw features, standardising per date and bar, coverage. Not here: how features are
computed (assets/features/), labels, batches.

Layout [day, bar, stock, feature], float32: with the stocks inside, the sequence that ends on a day is a slice
[steps, stock, feature] without a copy, in the order that recurrent kernels read. A name's features stand still within a
row, so that choosing the names of a batch copies whole rows.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from assets.features.names import BAR_FEATURES, DAILY_FEATURES, HOUR_FEATURE
from resources.settings.models import Granularity

MINUTES: dict[Granularity, int] = {"30min": 30, "60min": 60}  # granularity of the settings → that of bar_features
CHUNK_DAYS = 8  # days read at a time: bounds the memory beside the array, at the price of one scan per chunk
ROUNDING = 1e-10  # a spread below this share of the largest value is rounding (as in assets/factors/cross_section.py)


@dataclass(frozen=True)
class Panel:
    """Standardised features of a window.

    values   [day, bar, stock, feature] float32, 0 where unknown
    has_bars [day, stock] bool: the name has rows on the day
    known    [day, stock] int64: its entries that are not null
    expected [day] int64: entries (bar, feature) that anyone in the market has on the day
    universe [day, stock] bool: U(t)
    dropped: features without a single value in the whole window; they are no part of `values`
    """

    days: tuple[dt.date, ...]
    symbols: tuple[str, ...]
    features: tuple[str, ...]
    dropped: tuple[str, ...]
    values: NDArray[Any]  # float32 or float16
    has_bars: NDArray[np.bool_]
    known: NDArray[np.int64]
    expected: NDArray[np.int64]
    universe: NDArray[np.bool_]

    def sequence(self, day: int, sequence_days: int) -> NDArray[Any]:
        """View [sequence_days · bars, stock, feature] of the sequence that ends on the day with this position."""
        first = day - sequence_days + 1
        if first < 0:
            raise IndexError(f"The sequence of {sequence_days} days to {self.days[day]} begins before {self.days[0]}.")
        return self.values[first : day + 1].reshape(-1, *self.values.shape[2:])

    def covered(self, day: int, sequence_days: int, least_days: float, least_entries: float) -> NDArray[np.bool_]:
        """[stock] Names with bars on enough of the sequence's days, and enough known entries on those days.

        Entries count where the market has any value: a column null for everyone, in the whole window or on one day, is
        no fault of the name (SPEC §5.1).
        """
        span = slice(day - sequence_days + 1, day + 1)
        days_with_bars = self.has_bars[span].sum(axis=0)
        possible = (self.has_bars[span] * self.expected[span, None]).sum(axis=0)
        known = self.known[span].sum(axis=0)
        # Counts are integers: the tolerance only keeps 0.8 · 20 from being more than 16.
        enough_days = days_with_bars >= least_days * sequence_days - 1e-9
        return enough_days & (possible > 0) & (known >= least_entries * possible - 1e-9)

    def digest(self) -> str:
        """Identifies the content: what a training or a score has seen."""
        digest = hashlib.sha256(repr((self.days, self.symbols, self.features)).encode())
        for array in (self.values, self.has_bars, self.known, self.universe):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def features_of(granularity: Granularity) -> tuple[str, ...]:
    """The features of a granularity's rows: 63 of 30 minutes, 64 of 60 minutes, 26 of a day."""
    if granularity == "daily":
        return DAILY_FEATURES
    return (*BAR_FEATURES, HOUR_FEATURE) if granularity == "60min" else BAR_FEATURES


def build_panel(
    rows: pl.LazyFrame,
    securities: pl.LazyFrame,
    *,
    days: Sequence[dt.date],
    granularity: Granularity,
    features: Sequence[str],
    clip: float,
    storage: Literal["float32", "float16"] = "float32",
    folder: Path | None = None,
    keep_all: bool = False,
) -> Panel:
    """Assemble and standardise the window `days` (every one of them, also those without rows).

    rows: bar_features, or daily_features for "daily", which have one bar a day; securities: date, symbol, in_universe.
    Stocks are those with bars that are in U(t) on some day of the window; statistics are those of U(t) on each day,
    clipped at `clip` standard deviations. keep_all keeps features without any value (as zeros), for a network whose
    inputs are fixed.
    """
    if granularity == "daily":
        rows = rows.with_columns(bar=pl.lit(0, pl.Int32))
    else:
        rows = rows.filter(pl.col("granularity") == MINUTES[granularity])
    members = (
        securities.filter(pl.col("in_universe") & pl.col("date").is_in(list(days))).select("date", "symbol").collect()
    )
    delivered = rows.filter(pl.col("date").is_in(list(days)))
    bars = delivered.select("bar").unique().collect()["bar"].sort()
    symbols = delivered.select("symbol").unique().collect()["symbol"]
    symbols = symbols.filter(symbols.is_in(members["symbol"].unique().implode())).sort()

    shape = (len(days), len(symbols))
    day_at = pl.DataFrame({"date": list(days), "day": np.arange(len(days))}, schema_overrides={"date": pl.Date})
    stock_at = pl.DataFrame(
        {"symbol": symbols, "stock": np.arange(len(symbols))}, schema_overrides={"symbol": pl.String}
    )
    bar_at = pl.DataFrame({"bar": bars, "slot": np.arange(len(bars))}, schema_overrides={"bar": pl.Int32})
    universe = np.zeros(shape, dtype=bool)
    placed = members.join(day_at, on="date").join(stock_at, on="symbol")
    universe[placed["day"].to_numpy(), placed["stock"].to_numpy()] = True

    values = np.full((len(days), len(bars), len(symbols), len(features)), np.nan, dtype=np.float32)
    has_bars = np.zeros(shape, dtype=bool)
    for first in range(0, len(days), CHUNK_DAYS):
        chunk = (
            rows.filter(pl.col("date").is_in(list(days[first : first + CHUNK_DAYS])))
            .select("date", "symbol", "bar", *features)
            .collect()
        )
        at = chunk.select("date", "symbol", "bar")
        for places in (day_at, stock_at, bar_at):
            at = at.join(places, on=places.columns[0], how="left", maintain_order="left")
        own = at["stock"].is_not_null().to_numpy()  # the others are never in U(t)
        day, slot, stock = (at[column].to_numpy()[own].astype(np.int64) for column in ("day", "slot", "stock"))
        values[day, slot, stock] = chunk.select(pl.col(list(features)).cast(pl.Float32)).to_numpy()[own]
        has_bars[day, stock] = True

    known = np.zeros(shape, dtype=np.int64)
    expected = np.zeros(len(days), dtype=np.int64)
    alive = np.zeros(len(features), dtype=bool)
    for position in range(len(days)):
        expected[position] = standardise_day(values[position], universe[position], clip, known[position], alive)

    dropped = tuple(name for name, some in zip(features, alive, strict=True) if not some)
    kept = tuple(features)
    if dropped and not keep_all:
        values, kept = np.ascontiguousarray(values[..., alive]), tuple(f for f in features if f not in dropped)
    if folder is not None and values.size:
        mapped = np.memmap(folder / f"{granularity}.values", dtype=storage, mode="w+", shape=values.shape)
        mapped[:] = values
        values = mapped
    values = values.astype(storage, copy=False)
    return Panel(tuple(days), tuple(symbols), kept, dropped, values, has_bars, known, expected, universe)


@njit(cache=True)
def standardise_day(
    values: NDArray[np.float32],
    members: NDArray[np.bool_],
    n_std: float,
    known: NDArray[np.int64],
    alive: NDArray[np.bool_],
) -> int:
    """One date's [bar, stock, feature], in place: clip at mean ± `n_std` std, z-score, null → 0, as SPEC §5.1 says.

    `assets.factors.cross_section.standardise` for every bar and feature at once: the moments are the members', in
    float64, and a column in which they don't vary is 0. Adds to known [stock] the entries that are not null, marks
    alive [feature], and returns how many (bar, feature) have any value.
    """
    bars, stocks, features = values.shape
    expected = 0
    for bar in range(bars):
        low, high = np.full(features, -np.inf), np.full(features, np.inf)
        mean, std = np.zeros(features), np.zeros(features)
        for step in range(2):  # moments of the raw values give the clip, those of the clipped values the z-score
            count, total, largest = np.zeros(features), np.zeros(features), np.zeros(features)
            for stock in range(stocks):
                if members[stock]:
                    for f in range(features):
                        if np.isfinite(values[bar, stock, f]):
                            value = min(max(np.float64(values[bar, stock, f]), low[f]), high[f])
                            count[f] += 1
                            total[f] += value
                            largest[f] = max(largest[f], abs(value))
            for f in range(features):
                mean[f] = total[f] / max(count[f], 1)
            # About the first mean, so that values far from zero lose no digits.
            total, squares = np.zeros(features), np.zeros(features)
            for stock in range(stocks):
                if members[stock]:
                    for f in range(features):
                        if np.isfinite(values[bar, stock, f]):
                            away = min(max(np.float64(values[bar, stock, f]), low[f]), high[f]) - mean[f]
                            total[f] += away
                            squares[f] += away * away
            for f in range(features):
                shift = total[f] / max(count[f], 1)
                mean[f] += shift
                std[f] = np.sqrt(max(squares[f] / max(count[f], 1) - shift * shift, 0.0))
                if std[f] <= ROUNDING * largest[f]:
                    std[f] = 0.0
                if step == 0 and count[f] > 0:
                    low[f], high[f] = mean[f] - n_std * std[f], mean[f] + n_std * std[f]
        some = np.zeros(features, dtype=np.bool_)
        for stock in range(stocks):
            for f in range(features):
                value = np.float64(values[bar, stock, f])
                if not np.isfinite(value):
                    values[bar, stock, f] = 0.0
                    continue
                some[f] = True
                known[stock] += 1
                clipped = min(max(value, low[f]), high[f])
                values[bar, stock, f] = (clipped - mean[f]) / std[f] if std[f] > 0 else 0.0
        for f in range(features):
            if some[f]:
                expected += 1
                alive[f] = True
    return expected
