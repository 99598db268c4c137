"""Whole symbols of a lazily read tick table, a bounded number of rows at a time, through a kernel on every core.

Here: cutting by symbol, order, arrays, threads. Not here: what is summed (assets/bars/aggregate.py).
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl

Sums = TypeVar("Sums")


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
        """A column without nulls, as it lies in memory where it lies in one piece."""
        return self.frame[column].rechunk().to_numpy()


def sums_by_symbol(
    rows: pl.LazyFrame, columns: Sequence[str], limit: int, kernel: Callable[[Batch], Sums]
) -> Iterator[Sums]:
    """What `kernel` makes of each batch, in the order of the rows. It runs on as many threads as polars has, so it must let go
    of the interpreter's lock.

    At most `limit` rows (or one symbol's) wait for a kernel or are in one, beside what polars decodes ahead: a few row groups.
    """
    running: deque[tuple[Future[Sums], int]] = deque()
    held = 0
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        for batch in by_symbol(rows, columns):
            while running and (running[0][0].done() or held + batch.frame.height > limit):
                done, freed = running.popleft()
                held -= freed
                yield done.result()
            held += batch.frame.height
            running.append((pool.submit(kernel, batch), batch.frame.height))
        for done, _ in running:
            yield done.result()


def by_symbol(rows: pl.LazyFrame, columns: Sequence[str]) -> Iterator[Batch]:
    """Batches of whole symbols, of rows sorted by symbol as the lake keeps them.

    The rows stream by, each row group decoded once; a batch is what lies whole in one chunk of the stream, without a copy, and a
    symbol that spans chunks is a batch of its own, put together by who asks for its arrays.
    """
    open_symbol = ""  # the last one seen: it may go on in the next chunk
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
            raise ValueError("rows must be sorted by symbol, as the lake keeps them")
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
