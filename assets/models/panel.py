"""The input of the networks: one contiguous array of standardised features, and sequences that are slices of it.

This module assembles the array from raw features, standardises it per date and bar, and measures coverage. It does not compute
features (assets/features/), labels or batches.

The layout is [day, bar, stock, feature]. With the stocks inside, the sequence that ends on a day is a slice [steps, stock, feature]
without a copy, in the order that recurrent kernels read. The features of a stock are contiguous, so that selecting the stocks of a
batch copies whole rows.

Each day is read, standardised, hashed and stored separately, several days in parallel on the threads of polars, so that only a few
days are in memory beside the array. The values of a day depend on that day alone: two windows have equal values on their common
days and stocks, bit for bit.
"""

import datetime as dt
import hashlib
import os
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
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
MOST_THREADS = 8  # decoding Parquet does not keep more threads busy
TILE = 16  # number of float32 in a cache line


@dataclass(frozen=True)
class FeaturePanel:
    """Standardised features of a window.

    values   [day, bar, stock, feature] float32 or float16, 0 where unknown; mapped from a file or in memory
    has_bars [day, stock] bool: the stock has rows on the day
    known    [day, stock] int64: its entries that are not null, among those counted in `expected`
    expected [day] int64: number of entries (bar, feature) for which a member of U(t) has a value on the day
    universe [day, stock] bool: U(t)
    dropped: features for which no member of U(t) has a value on any day of the window; `values` does not contain them
    day_digests: `hash_day` of each day; without them `digest` reads the values again
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
        """Return a view [sequence_days · bars, stock, feature] of the sequence that ends on the day with this position.

        Raises:
            IndexError: The sequence begins before the first day of the panel.
        """
        first = day - sequence_days + 1
        if first < 0:
            raise IndexError(f"The sequence of {sequence_days} days to {self.days[day]} begins before {self.days[0]}.")
        return self.values[first : day + 1].reshape(-1, *self.values.shape[2:])

    def covered(self, day: int, sequence_days: int, least_days: float, least_entries: float) -> NDArray[np.bool_]:
        """Mark the stocks [stock] with bars on enough of the sequence's days, and enough known entries on those days.

        Only entries for which the market has any value count: a column that is null for all stocks, in the whole window or on
        one day, does not reduce the coverage of a stock (SPEC §5.1).
        """
        span = slice(day - sequence_days + 1, day + 1)
        days_with_bars = self.has_bars[span].sum(axis=0)
        possible = (self.has_bars[span] * self.expected[span, None]).sum(axis=0)
        known = self.known[span].sum(axis=0)
        # Counts are integers: the tolerance only prevents that 0.8 · 20 is rounded to more than 16.
        enough_days = days_with_bars >= least_days * sequence_days - 1e-9
        return enough_days & (possible > 0) & (known >= least_entries * possible - 1e-9)

    def digest(self) -> str:
        """Return a digest of the content, which is the same for a mapped array and one in memory."""
        digest = hashlib.sha256(repr((self.days, self.symbols, self.features)).encode())
        for one in self.day_digests or map(hash_day, self.values):
            digest.update(one)
        for array in (self.has_bars, self.known, self.expected, self.universe):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def hash_day(values: Array) -> bytes:
    """Return the SHA-256 of one day's values [bar, stock, feature] as they are stored."""
    return hashlib.sha256(np.ascontiguousarray(values).data).digest()


def features_of(granularity: Granularity) -> tuple[str, ...]:
    """Return the features of a granularity: 63 for 30 minutes, 64 for 60 minutes, 26 for days."""
    if granularity == "daily":
        return DAILY_FEATURES
    return (*BAR_FEATURES, HOUR_FEATURE) if granularity == "60min" else BAR_FEATURES


@dataclass(frozen=True)
class PanelStore:
    """Type and place of a panel's array.

    storage: float16 halves the array and rounds by at most 2⁻¹¹ of a value, that is by less than 0.001 within ± 4; no value
    overflows, because a z-score over n stocks does not much exceed √n. folder: the array is mapped from an unnamed file in it,
    which disappears with the process; None keeps the array in memory.
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
    store: PanelStore | None = None,
    keep_all: bool = False,
) -> FeaturePanel:
    """Assemble and standardise the features of the window `days` (ascending, including days without rows).

    The stocks of the panel are those with rows that are in U(t) on some day of the window. Statistics are those of U(t) on each
    day.

    Args:
        rows: `bar_features`, or for "daily" `daily_features`, which has one bar per day: date, symbol, (granularity, bar,) and
            the raw `features`. The dates ascend, as the partitions of the lake do; the rows of a day may have any order.
        securities: date, symbol, in_universe.
        days: The days of the panel.
        granularity: The bars of the panel.
        features: The columns of `rows` to use.
        clip: Values are clipped at this number of standard deviations.
        store: Type and place of the array; None keeps it in memory as float32.
        keep_all: Keep features without any value (as zeros), for a network whose inputs are fixed.

    Raises:
        ValueError: The dates of `rows` do not ascend.
        LakeError: The folder of the store has no room.
    """
    store = store or PanelStore()
    days = tuple(days)
    rows = _rows_of(rows.filter(pl.col("date").is_in(days)), granularity)
    members = (
        securities.filter(pl.col("in_universe") & pl.col("date").is_in(days))
        .select("date", "symbol")
        .collect(engine="streaming")
    )
    symbols, bars = _axes(rows, members)
    # The physical value of an Enum of the ascending symbols is the position; any other symbol becomes null.
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
    # Buffers of a day are reused, because new pages cost more time than the sums.
    spare: SimpleQueue[tuple[Array, Array]] = SimpleQueue()
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

    _in_threads(put, _by_day(rows.select("date", "stock", "bar", *kept), days), threads)
    return FeaturePanel(
        days, tuple(symbols), kept, dropped, finish(), has_bars, known, expected, universe, tuple(day_digests)
    )  # fmt: skip


def _rows_of(rows: pl.LazyFrame, granularity: Granularity) -> pl.LazyFrame:
    """The rows of a granularity; a day is one bar, 0."""
    if granularity == "daily":
        return rows.with_columns(bar=pl.lit(0, pl.Int32))
    return rows.filter(pl.col("granularity") == MINUTES[granularity])


def _in_threads(
    put: Callable[[int, pl.DataFrame], None], frames: Iterable[tuple[int, pl.DataFrame]], threads: int
) -> None:
    """Call `put` on every day's frame; frames are read no further ahead than two per thread."""
    running: deque[Future[None]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="panel") as pool:
        for day, frame in frames:
            running.append(pool.submit(put, day, frame))
            if len(running) > 2 * threads:
                running.popleft().result()
        for one in running:
            one.result()


def _axes(rows: pl.LazyFrame, members: pl.DataFrame) -> tuple[pl.Series, Array]:
    """The symbols with rows that are in U(t) on any day, and the start minutes of the bars; both ascending."""
    found = rows.select("symbol", "bar").unique().collect(engine="streaming")
    symbols = found["symbol"].unique()
    symbols = symbols.filter(symbols.is_in(members["symbol"].unique().implode())).sort()
    return symbols, found["bar"].unique().sort().to_numpy()


def _position(dates: pl.Series, days: Sequence[dt.date]) -> NDArray[np.int64]:
    """Positions of dates in `days`."""
    return np.searchsorted(pl.Series(days, dtype=pl.Date).to_physical().to_numpy(), dates.to_physical().to_numpy())


def _by_day(rows: pl.LazyFrame, days: Sequence[dt.date]) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield (position in `days`, that day's rows), from one query, because a query per day would open every file each time."""
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
                    f"Rows of {days[position[first]]} follow rows of {days[current]}; the rows must be sorted by date."
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
    """The features for which no member has a value on any day; in almost all windows the first day decides all of them."""
    left = list(features)
    for last in (1, len(days)):  # all features on the first day, then the undecided ones on all days
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
    """A function that writes a day into the array from any thread, and one that returns the array; missing days are zero."""
    size = int(np.prod(shape)) * np.dtype(storage).itemsize
    if folder is None or size == 0:
        values = np.zeros(shape, storage)
        return values.__setitem__, lambda: values
    if size > (free := shutil.disk_usage(folder).free):
        raise LakeError(
            f"{folder} has {free / 1e9:.1f} GB of free space, and the features of a window need {size / 1e9:.1f} GB there. Free "
            'some space, or set the model\'s storage = "float16", which needs half of "float32".'
        )
    # The file is mapped only when it is complete. A full disk is then an error instead of a signal that ends the process, and
    # pages that are not yet on the disk do not count as memory of the process.
    file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (finish closes it)
    file.truncate(size)

    def write(day: int, values: Array) -> None:
        left, offset = values.data.cast("B"), day * values.nbytes
        while left:
            count = os.pwrite(file.fileno(), left, offset)
            left, offset = left[count:], offset + count

    def finish() -> Array:
        with file:
            return np.memmap(file, storage, "r+", shape=shape)  # the mapping stays valid after the file is closed

    return write, finish


def _arrange(frame: pl.DataFrame, bars: Array, features: Sequence[str], out: NDArray[np.float32]) -> NDArray[np.int64]:
    """Write one day's rows into out [bar, stock, feature], NaN elsewhere; return the positions of the stocks with rows."""
    stock = frame["stock"].to_numpy()
    at = np.where(stock < 0, -1, np.searchsorted(bars, frame["bar"].to_numpy()) * out.shape[1] + stock)
    out.fill(np.nan)
    cells = out.reshape(out.shape[0] * out.shape[1], out.shape[2])
    _transpose(frame.select(features).to_numpy(order="fortran").T, at, cells)
    return stock[stock >= 0]


# --- kernels: the innermost loop is over the features, which are contiguous, so that it is vectorised -------------------


@njit(cache=True, nogil=True)
def _transpose(columns: Array, at: NDArray[np.int64], out: Array) -> None:
    """Set out[at[row], feature] = columns[feature, row]; rows with at = −1 are left out."""
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
    """Standardise one date's values [bar, stock, feature] in place: clip at mean ± `n_std` std, z-score, null → 0 (SPEC §5.1).

    This is `assets.factors.cross_section.standardise` for every bar and feature at once. The moments are those of the members,
    in float64; a column in which the members do not vary becomes 0 (sums of equal float32 are exact in float64). Sums run over
    the members in their order, so that other stocks change no bit.

    Args:
        values: Raw features [bar, stock, feature], NaN where null; replaced by z-scores.
        members: U(t) [stock].
        n_std: Values are clipped at this number of standard deviations.
        known: The number of entries of each stock [stock] that are not null is added to it.

    Returns:
        The number of entries (bar, feature) for which a member has a value.
    """
    features = values.shape[2]
    expected = 0
    for bar in range(len(values)):
        of_bar = values[bar]
        low, high = np.full(features, -np.inf), np.full(features, np.inf)
        mean, scale = np.zeros(features), np.zeros(features)
        count = np.zeros(features)
        for step in range(2):  # the moments of the raw values decide the clip, those of the clipped values the z-score
            count[:] = 0
            total = np.zeros(features)
            _add(of_bar, members, low, high, count, total)
            # Squares are summed about the mean in float64, which loses no digit of float32 values.
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
    """Add number and sum of the members' finite entries of [stock, feature], clipped, to `count` and `total`."""
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
    """Add the squares of the members' clipped distances from `mean` to `squares`."""
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
    """Replace values [stock, feature] by z-scores; entries that are not null count as known where counts [feature]."""
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
    """Cast values below 65 520 in magnitude into `out`, equal to numpy's cast to the bit, in a twentieth of its time."""
    _to_float16(values.reshape(-1), values.view(np.uint32).reshape(-1), out.view(np.uint16).reshape(-1))
    return out


@njit(cache=True, nogil=True)
def _to_float16(values: NDArray[np.float32], bits: NDArray[np.uint32], out: NDArray[np.uint16]) -> None:
    for i in range(values.size):
        sign = np.uint16((bits[i] >> np.uint32(16)) & np.uint32(0x8000))
        magnitude = bits[i] & np.uint32(0x7FFFFFFF)
        # The bias of the exponent changes from 127 to 15, and 13 bits of the mantissa are rounded to even.
        odd = (magnitude >> np.uint32(13)) & np.uint32(1)
        normal = np.uint16((magnitude + np.uint32(0xC8000FFF) + odd) >> np.uint32(13))
        # Below 2⁻¹⁴ the values of float16 are multiples of 2⁻²⁴.
        small = np.uint16(np.int32(np.rint(abs(values[i]) * np.float32(1 << 24))))
        out[i] = sign | (small if magnitude < np.uint32(113 << 23) else normal)
