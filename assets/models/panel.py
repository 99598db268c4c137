"""The input of the networks: one contiguous array of standardised features, and sequences that are slices of it.

Here: assembling the array from raw features, standardising per date and bar, coverage. Not here: how features are
computed (assets/features/), labels, batches.

Layout [day, bar, stock, feature]: with the stocks inside, the sequence that ends on a day is a slice [steps, stock, feature]
without a copy, in the order that recurrent kernels read. A name's features stand still within a row, so that choosing the
names of a batch copies whole rows.

A day is read, standardised, hashed and stored by itself, days side by side on the threads that polars has: beside the array
only a few days are in memory. A day's values follow from that day alone: two windows agree on their common days and names,
bit for bit.
"""

import datetime as dt
import hashlib
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Literal

import numpy as np
import polars as pl
from numba import njit
from numpy.typing import NDArray

from assets.features.names import BAR_FEATURES, DAILY_FEATURES, HOUR_FEATURE
from resources.errors import LakeError
from resources.settings.models import Granularity

Array = NDArray[Any]

MINUTES: dict[Granularity, int] = {"30min": 30, "60min": 60}  # granularity of the settings → that of bar_features
MOST_THREADS = 8  # decoding feeds no more of them
TILE = 16  # float32 of a cache line


@dataclass(frozen=True)
class Panel:
    """Standardised features of a window.

    values   [day, bar, stock, feature] float32 or float16, 0 where unknown; mapped from a file or in memory
    has_bars [day, stock] bool: the name has rows on the day
    known    [day, stock] int64: its entries that are not null, among those counted in `expected`
    expected [day] int64: entries (bar, feature) that anyone of U(t) has on the day
    universe [day, stock] bool: U(t)
    dropped: features of which no one of U(t) has a value on any day of the window; they are no part of `values`
    day_digests: what `hash_day` says of each day; without them `digest` reads the values again
    """

    days: tuple[dt.date, ...]
    symbols: tuple[str, ...]
    features: tuple[str, ...]
    dropped: tuple[str, ...]
    values: Array
    has_bars: NDArray[np.bool_]
    known: NDArray[np.int64]
    expected: NDArray[np.int64]
    universe: NDArray[np.bool_]
    day_digests: tuple[bytes, ...] = ()

    def sequence(self, day: int, sequence_days: int) -> Array:
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
        """Identifies the content: what a training or a score has seen. The same for a mapped array and one in memory."""
        digest = hashlib.sha256(repr((self.days, self.symbols, self.features)).encode())
        for one in self.day_digests or map(hash_day, self.values):
            digest.update(one)
        for array in (self.has_bars, self.known, self.expected, self.universe):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def hash_day(values: Array) -> bytes:
    """Of one day's values [bar, stock, feature] as they are stored."""
    return hashlib.sha256(np.ascontiguousarray(values).data).digest()


def features_of(granularity: Granularity) -> tuple[str, ...]:
    """The features of a granularity's rows: 63 of 30 minutes, 64 of 60 minutes, 26 of a day."""
    if granularity == "daily":
        return DAILY_FEATURES
    return (*BAR_FEATURES, HOUR_FEATURE) if granularity == "60min" else BAR_FEATURES


@dataclass(frozen=True)
class Store:
    """How and where a panel's array is kept.

    storage: float16 halves the array and rounds by at most 2⁻¹¹ of a value, so by less than 0.001 within ± 4; no value
    overflows, since none of n names' z-scores exceeds √n by much. folder: the array is mapped from a file in it, which
    has no name and is gone with the process; None: it lies in memory.
    """

    storage: Literal["float32", "float16"] = "float32"
    folder: Path | None = None


def build_panel(
    rows: pl.LazyFrame,
    securities: pl.LazyFrame,
    *,
    days: Sequence[dt.date],
    granularity: Granularity,
    features: Sequence[str],
    clip: float,
    store: Store | None = None,
    keep_all: bool = False,
) -> Panel:
    """Assemble and standardise the window `days` (ascending; every one of them, also those without rows).

    rows: `bar_features`, or `daily_features` for "daily", which have one bar a day: date, symbol, (granularity, bar,) the raw
    `features`; its days ascend, as partitions of the lake do (ValueError), a day's rows stand in any order. securities:
    date, symbol, in_universe. Stocks are those with rows that are in U(t) on some day of the window; statistics are those
    of U(t) on each day, clipped at `clip` standard deviations.

    store: None keeps the array in memory, as float32. keep_all keeps features without any value (as zeros), for a network whose
    inputs are fixed. LakeError if the store's folder has no room.
    """
    store = store or Store()
    days = tuple(days)
    rows = rows.filter(pl.col("date").is_in(days))
    if granularity == "daily":
        rows = rows.with_columns(bar=pl.lit(0, pl.Int32))
    else:
        rows = rows.filter(pl.col("granularity") == MINUTES[granularity])
    members = (
        securities.filter(pl.col("in_universe") & pl.col("date").is_in(days))
        .select("date", "symbol")
        .collect(engine="streaming")
    )
    symbols, bars = _axes(rows, members)
    # A symbol's place in an Enum of the symbols in order is its position; a symbol that is none of them becomes null.
    stock = pl.col("symbol").cast(pl.Enum(symbols), strict=False).to_physical().cast(pl.Int64).fill_null(-1)
    rows = rows.select("date", "bar", pl.col(list(features)).cast(pl.Float32).fill_null(float("nan")), stock=stock)

    universe = np.zeros((len(days), len(symbols)), dtype=bool)
    has_bars, known = np.zeros_like(universe), np.zeros(universe.shape, dtype=np.int64)
    expected = np.zeros(len(days), dtype=np.int64)
    at = members.select(stock=stock)["stock"].to_numpy()
    universe[_position(members["date"], days)[at >= 0], at[at >= 0]] = True

    dropped = _without_values(rows, days, features, universe)
    kept = tuple(features) if keep_all else tuple(feature for feature in features if feature not in dropped)
    shape = (len(days), len(bars), len(symbols), len(kept))

    write, finish = _array(shape, store.storage, store.folder)
    day_digests = [hash_day(np.zeros(shape[1:], store.storage))] * len(days)
    threads = min(pl.thread_pool_size(), MOST_THREADS)
    spare: SimpleQueue[tuple[Array, Array]] = (
        SimpleQueue()
    )  # what a day is made in: fresh pages cost more than the sums
    for _ in range(threads):
        spare.put((np.empty(shape[1:], np.float32), np.empty(shape[1:], np.float16)))

    def put(day: int, frame: pl.DataFrame) -> None:
        values, rounded = spare.get()
        has_bars[day, _arrange(frame, bars, kept, values)] = True
        expected[day] = standardise_day(values, universe[day], clip, known[day])
        stored = to_float16(values, rounded) if store.storage == "float16" else values
        day_digests[day] = hash_day(stored)
        write(day, stored)
        spare.put((values, rounded))

    running: deque[Future[None]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="panel") as pool:
        for day, frame in _by_day(rows.select("date", "stock", "bar", *kept), days):
            running.append(pool.submit(put, day, frame))
            if len(running) > 2 * threads:
                running.popleft().result()
        for one in running:
            one.result()
    return Panel(
        days, tuple(symbols), kept, dropped, finish(), has_bars, known, expected, universe, tuple(day_digests)
    )  # fmt: skip


def _axes(rows: pl.LazyFrame, members: pl.DataFrame) -> tuple[pl.Series, Array]:
    """Symbols with rows that are ever a member, and the start minutes of the bars; both ascending."""
    found = rows.select("symbol", "bar").unique().collect(engine="streaming")
    symbols = found["symbol"].unique()
    symbols = symbols.filter(symbols.is_in(members["symbol"].unique().implode())).sort()
    return symbols, found["bar"].unique().sort().to_numpy()


def _position(dates: pl.Series, days: Sequence[dt.date]) -> NDArray[np.int64]:
    """Of dates in `days`."""
    return np.searchsorted(pl.Series(days, dtype=pl.Date).to_physical().to_numpy(), dates.to_physical().to_numpy())


def _by_day(rows: pl.LazyFrame, days: Sequence[dt.date]) -> Iterator[tuple[int, pl.DataFrame]]:
    """(position in `days`, that day's rows), one query for all of them: one per day would open every file for each."""
    held: list[pl.DataFrame] = []
    current = -1
    for batch in rows.collect_batches(maintain_order=True):
        position = _position(batch["date"], days)
        cuts = [0, *(np.flatnonzero(np.diff(position)) + 1).tolist(), batch.height]
        for first, last in pairwise(cuts):
            if first == last:
                continue
            if position[first] < current:
                raise ValueError(
                    f"Rows of {days[position[first]]} stand after rows of {days[current]}: sort them by date."
                )
            if position[first] > current and held:
                yield current, pl.concat(held)
                held = []
            current = int(position[first])
            held.append(batch[first:last])
    if held:
        yield current, pl.concat(held)


def _without_values(
    rows: pl.LazyFrame, days: Sequence[dt.date], features: Sequence[str], universe: NDArray[np.bool_]
) -> tuple[str, ...]:
    """The features of which no member has a value on any day: in almost all windows the first day settles it."""
    left = list(features)
    for last in (1, len(days)):  # the first day of all, then all days of those that it left open
        query = rows.select("date", "stock", "bar", *left)
        for count, (day, frame) in enumerate(_by_day(query, days), 1):
            stocks = frame["stock"].to_numpy()
            own = np.flatnonzero(stocks >= 0)
            members = frame[own[universe[day, stocks[own]]]]
            some = members.select(pl.col(left).is_finite().any())
            left = [feature for feature in left if not some[feature][0]]
            if not left:
                return ()
            if count == last:
                break
    return tuple(left)


def _array(
    shape: tuple[int, ...], storage: str, folder: Path | None
) -> tuple[Callable[[int, Array], None], Callable[[], Array]]:
    """How a day is written into the array, from any thread, and how the array is had in the end; the other days are zero."""
    size = int(np.prod(shape)) * np.dtype(storage).itemsize
    if folder is None or size == 0:
        values = np.zeros(shape, storage)
        return values.__setitem__, lambda: values
    if size > (free := shutil.disk_usage(folder).free):
        raise LakeError(
            f"{folder} has {free / 1e9:.1f} GB free, and the features of a window need {size / 1e9:.1f} GB there. Make room, "
            'or set the model\'s storage = "float16", which takes half of "float32".'
        )
    # Not mapped before it is whole: a disk that fills is then an error and not the end of the process, and pages on their
    # way to the disk are no memory of the process.
    file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (finish closes it)
    file.truncate(size)

    def write(day: int, values: Array) -> None:
        left, offset = values.data.cast("B"), day * values.nbytes
        while left:
            count = os.pwrite(file.fileno(), left, offset)
            left, offset = left[count:], offset + count

    def finish() -> Array:
        with file:
            return np.memmap(file, storage, "r+", shape=shape)  # has its own hold on the file

    return write, finish


def _arrange(frame: pl.DataFrame, bars: Array, features: Sequence[str], out: NDArray[np.float32]) -> NDArray[np.int64]:
    """One day's rows put into out [bar, stock, feature], NaN where there are none; the positions of the stocks with rows."""
    stock = frame["stock"].to_numpy()
    at = np.where(stock < 0, -1, np.searchsorted(bars, frame["bar"].to_numpy()) * out.shape[1] + stock)
    out.fill(np.nan)
    cells = out.reshape(out.shape[0] * out.shape[1], out.shape[2])
    _transpose(frame.select(features).to_numpy(order="fortran").T, at, cells)
    return stock[stock >= 0]


# --- kernels: innermost is the loop over the features, which stand side by side, so that it is vectorised ---------------


@njit(cache=True, nogil=True)
def _transpose(columns: Array, at: NDArray[np.int64], out: Array) -> None:
    """out[at[row], feature] = columns[feature, row]; rows at −1 are left out."""
    for first in range(0, len(columns), TILE):
        last = min(first + TILE, len(columns))
        for row in range(at.size):
            if at[row] >= 0:
                for f in range(first, last):
                    out[at[row], f] = columns[f, row]


@njit(cache=True, nogil=True, error_model="numpy")
def standardise_day(
    values: NDArray[np.float32], members: NDArray[np.bool_], n_std: float, known: NDArray[np.int64]
) -> int:
    """One date's [bar, stock, feature], in place: clip at mean ± `n_std` std, z-score, null → 0, as SPEC §5.1 says.

    `assets.factors.cross_section.standardise` for every bar and feature at once: the moments are the members', in
    float64, and a column in which they don't vary is 0 (sums of equal float32 are exact there). Sums run over the members
    in their order, so that names outside change no bit. Adds to known [stock] the entries that are not null, and returns
    how many (bar, feature) count: those of which a member has a value.
    """
    features = values.shape[2]
    expected = 0
    for bar in range(len(values)):
        of_bar = values[bar]
        low, high = np.full(features, -np.inf), np.full(features, np.inf)
        mean, scale = np.zeros(features), np.zeros(features)
        count = np.zeros(features)
        for step in range(2):  # moments of the raw values give the clip, those of the clipped values the z-score
            count[:] = 0
            total = np.zeros(features)
            _add(of_bar, members, low, high, count, total)
            # About the mean and in float64: of float32 values no digit that shows is lost.
            mean = total / np.maximum(count, 1.0)
            squares = np.zeros(features)
            _add_squares(of_bar, members, low, high, mean, squares)
            for f in range(features):
                std = np.sqrt(squares[f] / max(count[f], 1.0))
                scale[f] = 1.0 / std if std > 0 else 0.0
                if step == 0 and count[f] > 0:
                    low[f], high[f] = mean[f] - n_std * std, mean[f] + n_std * std
        for f in range(features):
            expected += count[f] > 0
        _score(of_bar, low, high, mean, scale, count > 0, known)
    return expected


@njit(cache=True, nogil=True, error_model="numpy")
def _add(values: Array, members: NDArray[np.bool_], low: Array, high: Array, count: Array, total: Array) -> None:
    """Adds the finite entries of the members of [stock, feature], clipped, to number and sum."""
    for stock in range(len(values)):
        if members[stock]:
            for f in range(values.shape[1]):
                value = np.float64(values[stock, f])
                finite = abs(value) < np.inf
                clipped = min(max(value, low[f]), high[f])
                clipped = clipped if finite else 0.0
                count[f] += 1.0 if finite else 0.0
                total[f] += clipped


@njit(cache=True, nogil=True, error_model="numpy")
def _add_squares(
    values: Array, members: NDArray[np.bool_], low: Array, high: Array, mean: Array, squares: Array
) -> None:
    """Adds the squares of their distances from `mean`."""
    for stock in range(len(values)):
        if members[stock]:
            for f in range(values.shape[1]):
                value = np.float64(values[stock, f])
                away = min(max(value, low[f]), high[f]) - mean[f]
                away = away if abs(value) < np.inf else 0.0
                squares[f] += away * away


@njit(cache=True, nogil=True, error_model="numpy")
def _score(
    values: Array,
    low: Array,
    high: Array,
    mean: Array,
    scale: Array,
    counts: NDArray[np.bool_],
    known: NDArray[np.int64],
) -> None:
    """[stock, feature] to z-scores, in place; counts [feature]: an entry that is not null is known."""
    for stock in range(len(values)):
        some = 0
        for f in range(values.shape[1]):
            value = np.float64(values[stock, f])
            score = (min(max(value, low[f]), high[f]) - mean[f]) * scale[f]
            finite = abs(value) < np.inf
            values[stock, f] = np.float32(score if finite else 0.0)
            some += finite & counts[f]
        known[stock] += some


def to_float16(values: NDArray[np.float32], out: NDArray[np.float16]) -> NDArray[np.float16]:
    """numpy's own cast into `out`, to the bit, for values below 65 520 in magnitude; numpy takes twenty times as long."""
    _to_float16(values.reshape(-1), values.view(np.uint32).reshape(-1), out.view(np.uint16).reshape(-1))
    return out


@njit(cache=True, nogil=True)
def _to_float16(values: NDArray[np.float32], bits: NDArray[np.uint32], out: NDArray[np.uint16]) -> None:
    for i in range(values.size):
        sign = np.uint16((bits[i] >> np.uint32(16)) & np.uint32(0x8000))
        magnitude = bits[i] & np.uint32(0x7FFFFFFF)
        # The exponent's bias goes from 127 to 15, and 13 bits of the mantissa are rounded off, to even.
        odd = (magnitude >> np.uint32(13)) & np.uint32(1)
        normal = np.uint16((magnitude + np.uint32(0xC8000FFF) + odd) >> np.uint32(13))
        # Below 2⁻¹⁴ a float16 counts in steps of 2⁻²⁴.
        small = np.uint16(np.int32(np.rint(abs(values[i]) * np.float32(1 << 24))))
        out[i] = sign | (small if magnitude < np.uint32(113 << 23) else normal)
