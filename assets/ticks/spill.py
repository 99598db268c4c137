"""Sorts blocks of rows by security externally and returns batches of whole securities in their final order, in bounded memory.

This module cuts, stores and merges runs of integer columns, and writes batches into one Parquet file. The meaning of columns and
of duplicates is defined in canonical.py and day_of_files.py.

Every block is sorted by security when it arrives (a counting sort) and forms a run. As soon as the runs have more rows than one
batch, they are written to disk, column by column and uncompressed. A merge then reads one contiguous piece per run and column
straight into place (lz4 took ten times as long to write as it saved in reading). Rows of a security are merged by key only
where they are not already in order, and rows with the same key stay in the order of delivery.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np
import polars as pl
from numba import njit
from polars.io.plugins import register_io_source

ROW_GROUP = 262_144
"""Rows of a Parquet row group, so small that a reader of a few securities decodes few other rows."""


@dataclass(frozen=True)
class _Run:
    """One sorted block. codes: its securities, ascending. starts (codes + 1,): the row at which each begins. places: for each
    column its values, or the offset in bytes at which they begin in the file."""

    codes: np.ndarray
    starts: np.ndarray
    places: list[np.ndarray] | list[int]

    def span(self, low: int, high: int) -> tuple[int, int]:
        """Return the first row and the end of the rows of the securities in [low, high)."""
        at = np.searchsorted(self.codes, (low, high))
        return int(self.starts[at[0]]), int(self.starts[at[1]])


class Spill:
    """Collects blocks with a column `code` and returns their rows in batches; a context manager, since it holds a file.

    folder: the folder to which runs are written once there are more than `batch_rows` rows; None keeps all in memory. key: the
    columns by which the rows of a security are sorted.
    """

    def __init__(self, folder: Path | None, key: Sequence[str], batch_rows: int):
        self.folder, self.key, self.batch_rows = folder, key, batch_rows
        self.rows = 0
        self._runs: list[_Run] = []
        self._schema: pl.Schema | None = None
        self._nullable: set[int] = set()
        self._file: FileIO | None = None

    def __enter__(self) -> "Spill":
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()  # the file has no name, so closing it frees its space on disk

    @property
    def on_disk(self) -> bool:
        """Whether runs have been written to disk."""
        return self._file is not None

    def add(self, frame: pl.DataFrame) -> None:
        """Add a block whose rows are sorted by code (`by_code`). Blocks are added in the order of delivery.

        Raises ValueError where its schema is not that of earlier blocks, or an unsigned column has nulls.
        """
        if frame.is_empty():
            return
        if self._schema is None:
            self._schema = frame.schema
        if frame.schema != self._schema:
            raise ValueError(f"a block has the schema {frame.schema}, the blocks before it {self._schema}")
        code = frame["code"].to_numpy()
        begins = np.flatnonzero(np.diff(code, prepend=code[0] - 1))
        columns = [self._integers(i, series) for i, series in enumerate(frame.iter_columns())]
        self._runs.append(_Run(code[begins], np.append(begins, len(code)), columns))
        self.rows += frame.height
        if self.folder is not None and self.rows > self.batch_rows:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self.folder, buffering=0)  # noqa: SIM115 (__exit__ closes it)
            for at, run in enumerate(self._runs):
                if isinstance(run.places[0], np.ndarray):
                    self._runs[at] = self._to_disk(run)

    def _integers(self, column: int, series: pl.Series) -> np.ndarray:
        """Return the values as numpy integers, with null as the lowest value of the type."""
        series = series.to_physical()
        if series.dtype == pl.Boolean:
            series = series.cast(pl.Int8)
        if series.null_count():
            self._nullable.add(column)
            if not series.dtype.is_signed_integer():
                raise ValueError(
                    f"{series.name} of type {series.dtype} has nulls, which only signed integers can represent"
                )
            series = series.fill_null(np.iinfo(_storage(series.dtype)).min)
        return series.to_numpy()

    def _to_disk(self, run: _Run) -> _Run:
        assert self._file is not None
        places = []
        for values in run.places:
            places.append(self._file.tell())
            left = np.ascontiguousarray(values).data.cast("B")
            while left:
                left = left[self._file.write(left) :]
        return _Run(run.codes, run.starts, places)

    def ranges(self, breaks: Sequence[int] = ()) -> list[tuple[int, int]]:
        """Return ascending ranges [low, high) of codes that cover every row once.

        Each range has at most `batch_rows` rows or a single security. breaks: codes at which a new range begins.
        """
        if not self._runs:
            return []
        codes, where = np.unique(np.concatenate([run.codes for run in self._runs]), return_inverse=True)
        counts = np.bincount(where, np.concatenate([np.diff(run.starts) for run in self._runs])).astype(np.int64)
        bounds, rows, last = [int(codes[0])], 0, int(codes[0])
        for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
            if rows and (rows + count > self.batch_rows or any(last < at <= code for at in breaks)):
                bounds.append(code)
                rows = 0
            rows += count
            last = code
        return list(zip(bounds, [*bounds[1:], int(codes[-1]) + 1], strict=True))

    def batch(self, low: int, high: int) -> pl.DataFrame:
        """Return the rows of the codes in [low, high), sorted by code, key and delivery. Safe to call from several threads."""
        assert self._schema is not None
        spans = [(run, *run.span(low, high)) for run in self._runs]
        spans = [(run, first, last) for run, first, last in spans if last > first]
        columns = []
        for i, (name, dtype) in enumerate(self._schema.items()):
            into = np.empty(sum(last - first for _, first, last in spans), _storage(dtype))
            at = 0
            for run, first, last in spans:
                piece = into[at : at + last - first]
                place = run.places[i]
                if isinstance(place, np.ndarray):
                    piece[:] = place[first:last]
                else:
                    self._read(place + first * into.itemsize, piece)
                at += last - first
            columns.append((name, dtype, into))
        arrays = {name: values for name, _, values in columns}
        order = _order(arrays["code"], arrays[self.key[0]], arrays[self.key[-1]])
        frame = pl.DataFrame([self._series(i, name, dtype, v) for i, (name, dtype, v) in enumerate(columns)])
        return frame if order is None else frame[order]

    def _read(self, offset: int, into: np.ndarray) -> None:
        assert self._file is not None
        left = into.data.cast("B")
        while left:
            read = os.preadv(self._file.fileno(), [left], offset)
            if read == 0:
                raise OSError("the temporary file of an external sort is shorter than what was written to it")
            offset += read
            left = left[read:]

    def _series(self, column: int, name: str, dtype: pl.DataType, values: np.ndarray) -> pl.Series:
        series = pl.Series(name, values)
        if column in self._nullable:
            series = series.set(pl.Series(values == np.iinfo(values.dtype).min), None)
        if isinstance(dtype, pl.Enum):
            return series.cat.to(dtype)
        return series.cast(dtype)


def _storage(dtype: pl.DataType) -> np.dtype:
    """Return the numpy type in which a column is stored."""
    if dtype == pl.Boolean:
        return np.dtype(np.int8)
    series = pl.Series([], dtype=dtype).to_physical()
    return series.to_numpy().dtype


def by_code(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows sorted by code; rows of one code keep their order."""
    code = frame["code"].to_numpy()
    if len(code) == 0 or (code[1:] >= code[:-1]).all():
        return frame
    return frame[_counting_sort(code, int(code.min()), int(code.max()))]


def _order(code: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray | None:
    """Return the stable order by code, first, second; None where the rows are already in this order."""
    if _is_sorted(code, first, second):
        return None
    order = _counting_sort(code, int(code.min()), int(code.max()))
    _sort_within(order, code, first, second)
    return order


@njit(cache=True, nogil=True)
def _counting_sort(code: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return the stable order by code, for codes between low and high inclusive."""
    starts = np.zeros(high - low + 2, np.int64)
    for c in code:
        starts[c - low + 1] += 1
    for i in range(1, len(starts)):
        starts[i] += starts[i - 1]
    order = np.empty(len(code), np.uint32)
    for i in range(len(code)):
        slot = code[i] - low
        order[starts[slot]] = i
        starts[slot] += 1
    return order


@njit(cache=True, nogil=True)
def _is_sorted(code: np.ndarray, first: np.ndarray, second: np.ndarray) -> bool:
    for i in range(1, len(code)):
        if code[i] < code[i - 1]:
            return False
        if code[i] == code[i - 1] and (
            first[i] < first[i - 1] or (first[i] == first[i - 1] and second[i] < second[i - 1])
        ):
            return False
    return True


@njit(cache=True, nogil=True)
def _sort_within(order: np.ndarray, code: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
    """Sort the rows of each security by (first, second), stably and in place.

    This is a merge sort of the ascending stretches that exist: sorted rows cost one pass, and two sorted streams (orders and
    cancels) cost one merge.
    """
    spare = np.empty_like(order)
    bounds = np.empty(len(order) + 1, np.int64)
    begin = 0
    while begin < len(order):
        end = begin
        stretches = 0
        bounds[0] = begin
        while end < len(order) and code[order[end]] == code[order[begin]]:
            if end > begin and _comes_before(first, second, order[end], order[end - 1]):
                stretches += 1
                bounds[stretches] = end
            end += 1
        stretches += 1
        bounds[stretches] = end
        while stretches > 1:
            merged = 0
            for pair in range(0, stretches, 2):
                low, middle = bounds[pair], bounds[pair + 1]
                high = bounds[pair + 2] if pair + 1 < stretches else middle
                a, b = low, middle
                for i in range(low, high):
                    if b >= high or (a < middle and not _comes_before(first, second, order[b], order[a])):
                        spare[i] = order[a]
                        a += 1
                    else:
                        spare[i] = order[b]
                        b += 1
                merged += 1
                bounds[merged] = high
            order[begin:end] = spare[begin:end]
            stretches = merged
        begin = end


@njit(cache=True, nogil=True, inline="always")
def _comes_before(first, second, i, j):
    return first[i] < first[j] or (first[i] == first[j] and second[i] < second[j])


def write_batches(
    path: Path, schema: pl.Schema, ranges: Sequence[tuple[int, int]], batch: Callable[[int, int], pl.DataFrame]
) -> None:
    """Write the batches of all ranges, in order, into one Parquet file; while one is written, the next is computed."""

    def frames(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        del columns, predicate, n_rows, batch_size  # a sink requests everything
        with ThreadPoolExecutor(1) as pool:
            ahead = None
            for low, high in ranges:
                following = pool.submit(batch, low, high)
                if ahead is not None:
                    yield ahead.result()
                ahead = following
            if ahead is not None:
                yield ahead.result()

    register_io_source(frames, schema=schema).sink_parquet(
        path,
        compression="zstd",
        compression_level=1,  # for sorted integers a quarter faster than the default, with files of the same size
        statistics=True,
        row_group_size=ROW_GROUP,
        maintain_order=True,
    )
