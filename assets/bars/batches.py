"""Whole symbols of a lazily read tick table, a bounded number of rows at a time, as arrays for the kernels.

Here: cutting by symbol, order, arrays. Not here: what is summed (aggregate.py).
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Batch:
    """Rows of some whole symbols. symbols: names in order. starts: row at which each begins, and the end (n + 1)."""

    symbols: list[str]
    starts: np.ndarray
    frame: pl.DataFrame

    def segments(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """(starts, owner) of the runs of one symbol with one value of `column`; owner: the symbol's number in the batch."""
        values = self.array(column)
        starts = np.union1d(self.starts, np.flatnonzero(values[1:] != values[:-1]) + 1)
        return starts, np.searchsorted(self.starts, starts[:-1], side="right") - 1

    def array(self, column: str) -> np.ndarray:
        """A column without nulls, as it lies in memory where possible."""
        return self.frame[column].to_numpy()


def by_symbol(rows: pl.LazyFrame, columns: Sequence[str], limit: int) -> Iterator[Batch]:
    """Batches of whole symbols, up to `limit` rows each (or one symbol), of rows sorted as the lake keeps them.

    Cut by position, so that a Parquet scan decodes only the row groups a batch lies in; a symbol cut off at a batch's end is
    read again with the next. The next batch is decoded while the caller works on this one.
    """
    selected = rows.select("symbol", *columns)
    total = rows.select(pl.len()).collect().item()
    seen = ""
    with ThreadPoolExecutor(max_workers=1) as reader:
        ahead = reader.submit(_read, selected, 0, limit, total) if total else None
        while ahead is not None:
            batch, end = ahead.result()
            if batch.symbols[0] <= seen or batch.symbols != sorted(set(batch.symbols)):
                raise ValueError("rows must be sorted by symbol, as the lake keeps them")
            seen = batch.symbols[-1]
            ahead = reader.submit(_read, selected, end, limit, total) if end < total else None
            yield batch


def _read(rows: pl.LazyFrame, first: int, limit: int, total: int) -> tuple[Batch, int]:
    """The batch that begins at row `first`, and the row after its last."""
    while True:
        frame = rows.slice(first, limit).collect().rechunk()
        runs = frame["symbol"].rle().struct.unnest()
        last = first + frame.height
        if last < total and runs.height > 1:
            runs = runs.head(-1)  # its last symbol may go on
        elif last < total:
            limit *= 2
            continue
        starts = _starts(runs["len"])
        return Batch(runs["value"].to_list(), starts, frame.head(int(starts[-1]))), first + int(starts[-1])


def _starts(lengths: pl.Series) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths.to_numpy().astype(np.int64))])
