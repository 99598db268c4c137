"""Runs a kernel over a lazily read tick table in batches of whole symbols, with a bounded number of rows in memory.

This module cuts the rows by symbol, keeps their order and distributes batches over threads. What is summed is defined in
assets/bars/aggregate.py.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl

Result = TypeVar("Result")


@dataclass(frozen=True)
class Batch:
    """Rows of some whole symbols. symbols: the n symbols in order. starts (n + 1,): the row at which each begins, and the end."""

    symbols: list[str]
    starts: np.ndarray
    frame: pl.DataFrame

    def segments(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Return (starts, owner) of the runs of one symbol with one value of `column`; owner: the symbol's position in the batch."""
        values = self.array(column)
        starts = np.union1d(self.starts, np.flatnonzero(values[1:] != values[:-1]) + 1)
        return starts, np.searchsorted(self.starts, starts[:-1], side="right") - 1

    def array(self, column: str) -> np.ndarray:
        """Return a column without nulls as an array, without a copy where it is contiguous in memory."""
        return self.frame[column].rechunk().to_numpy()


def sums_by_symbol(
    rows: pl.LazyFrame, columns: Sequence[str], limit: int, kernel: Callable[[Batch], Result]
) -> Iterator[Result]:
    """Yield the result of `kernel` for each batch, in the order of the rows.

    The kernel runs on as many threads as polars uses, so it should release the interpreter's lock. At most `limit` rows (or one
    symbol's) are queued or in a kernel, beside the few row groups that polars decodes ahead.

    Raises ValueError where the rows are not sorted by symbol.
    """
    running: deque[tuple[Future[Result], int]] = deque()
    queued = 0
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        for batch in by_symbol(rows, columns):
            while running and (running[0][0].done() or queued + batch.frame.height > limit):
                done, freed = running.popleft()
                queued -= freed
                yield done.result()
            queued += batch.frame.height
            running.append((pool.submit(kernel, batch), batch.frame.height))
        for done, _ in running:
            yield done.result()


def by_symbol(rows: pl.LazyFrame, columns: Sequence[str]) -> Iterator[Batch]:
    """Yield batches of whole symbols from rows that are sorted by symbol, as the lake stores them.

    The rows are streamed and each row group is decoded once. The symbols that are complete within one chunk of the stream form
    a batch without a copy. A symbol that spans chunks is a batch of its own; `Batch.array` makes its columns contiguous.

    Raises ValueError where the rows are not sorted by symbol.
    """
    open_symbol = ""  # the last symbol seen, which may continue in the next chunk
    parts: list[pl.DataFrame] = []
    for chunk in rows.select("symbol", *columns).collect_batches(maintain_order=True):
        if chunk.is_empty():
            continue
        runs = chunk["symbol"].rle().struct.unnest()
        symbols, ends = runs["value"].to_list(), np.cumsum(runs["len"].to_numpy().astype(np.int64))
        if parts and symbols[0] == open_symbol:
            parts.append(chunk.head(int(ends[0])))
            symbols, inner = symbols[1:], ends
        else:
            inner = np.concatenate([[0], ends])
        if any(later <= earlier for earlier, later in zip([open_symbol, *symbols], symbols, strict=False)):
            raise ValueError("rows must be sorted by symbol, as the lake stores them")
        if not symbols:
            continue
        if parts:
            yield _one_symbol(open_symbol, parts)
        if len(symbols) > 1:
            whole = chunk.slice(int(inner[0]), int(inner[-2] - inner[0]))
            yield Batch(symbols[:-1], inner[:-1] - inner[0], whole)
        open_symbol, parts = symbols[-1], [chunk.slice(int(inner[-2]))]
    if parts:
        yield _one_symbol(open_symbol, parts)


def _one_symbol(symbol: str, parts: list[pl.DataFrame]) -> Batch:
    frame = pl.concat(parts)
    return Batch([symbol], np.array([0, frame.height], np.int64), frame)
