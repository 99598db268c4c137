"""Whole symbols of a lazily read tick table, a bounded number of rows at a time, as arrays for the kernels.

Here: cutting by symbol, order, arrays. Not here: what is summed (aggregate.py).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

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
    """Batches of whole symbols, about `limit` rows each (one symbol at least), of rows sorted as the lake keeps them.

    Cut by position, so that a Parquet scan decodes only the row groups a batch lies in.
    """
    total = rows.select(pl.len()).collect().item()
    cuts = _cuts(rows, limit) if total > limit else [0, total] if total else [0]
    for first, last in pairwise(cuts):
        frame = rows.select("symbol", *columns).slice(first, last - first).collect()
        runs = frame["symbol"].rechunk().rle().struct.unnest()
        if not runs["value"].is_sorted() or runs["value"].n_unique() != runs.height:
            raise ValueError("rows must be sorted by symbol, as the lake keeps them")
        yield Batch(runs["value"].to_list(), _starts(runs["len"]), frame)


def _cuts(rows: pl.LazyFrame, limit: int) -> list[int]:
    """Row numbers between which the batches lie."""
    counts = rows.group_by("symbol").len().sort("symbol").collect()["len"]
    cuts = [0]
    for end in _starts(counts).tolist()[1:]:
        if len(cuts) > 1 and end - cuts[-2] <= limit:
            cuts[-1] = end
        else:
            cuts.append(end)
    return cuts


def _starts(lengths: pl.Series) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths.to_numpy().astype(np.int64))])
