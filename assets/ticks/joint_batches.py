"""Reads the same whole symbols of several tick tables together, with a bounded number of rows in memory.

This module chooses the symbols of each batch and cuts each table by position. Batches of a single table are in batches.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

from assets.ticks.batches import Batch


def by_symbols(
    tables: Mapping[str, pl.LazyFrame], columns: Mapping[str, Sequence[str]], limit: int
) -> Iterator[dict[str, Batch]]:
    """Yield one batch per table of the same symbols: up to `limit` rows of all tables together, or one symbol.

    tables: rows sorted by symbol, as the lake stores them; a symbol that a table lacks has no rows in its batch. columns: the
    columns to read of each table; batches do not contain `symbol`. The next batches are decoded while the caller works.

    Raises ValueError where a table is not sorted by symbol.
    """
    counts = _counts(tables)
    names = list(tables)
    if counts.is_empty():
        return
    rows = counts.select(names).to_numpy()
    ends = np.concatenate([np.zeros((1, len(names)), np.int64), np.cumsum(rows, axis=0)])
    symbols = counts["symbol"].to_list()

    def read(first: int, last: int) -> dict[str, Batch]:
        return {
            name: _read(tables[name], columns[name], symbols[first:last], ends[first : last + 1, k])
            for k, name in enumerate(names)
        }

    with ThreadPoolExecutor(max_workers=1) as reader:
        cuts = _cuts(ends.sum(axis=1), limit)
        ahead = reader.submit(read, cuts[0], cuts[1])
        for first, last in zip(cuts[1:], [*cuts[2:], None], strict=True):
            batch = ahead.result()
            if last is not None:
                ahead = reader.submit(read, first, last)
            yield batch


def _counts(tables: Mapping[str, pl.LazyFrame]) -> pl.DataFrame:
    """Return the columns symbol and, for each table, its number of rows, sorted by symbol."""
    parts = [
        rows.group_by("symbol").agg(pl.len().cast(pl.Int64).alias("rows")).with_columns(table=pl.lit(name))
        for name, rows in tables.items()
    ]
    long = pl.concat(parts).collect(engine="streaming")
    return (
        long.group_by("symbol")
        .agg((pl.col("rows") * (pl.col("table") == name)).sum().alias(name) for name in tables)
        .sort("symbol")
    )


def _cuts(ends: np.ndarray, limit: int) -> list[int]:
    """Return the positions of the symbols at which batches begin, and the end. ends: rows before each symbol, and of all."""
    cuts = [0]
    while cuts[-1] < len(ends) - 1:
        last = int(np.searchsorted(ends, ends[cuts[-1]] + limit, side="right")) - 1
        cuts.append(max(last, cuts[-1] + 1))
    return cuts


def _read(rows: pl.LazyFrame, columns: Sequence[str], symbols: list[str], ends: np.ndarray) -> Batch:
    frame = rows.select("symbol", *columns).slice(int(ends[0]), int(ends[-1] - ends[0])).collect()
    starts = ends - ends[0]
    present = [symbol for symbol, count in zip(symbols, np.diff(starts), strict=True) if count]
    runs = frame["symbol"].rle().struct.unnest()
    if runs["value"].to_list() != present or runs["len"].to_list() != [count for count in np.diff(starts) if count]:
        raise ValueError("rows must be sorted by symbol, as the lake stores them")
    return Batch(symbols, starts, frame.drop("symbol").rechunk())
