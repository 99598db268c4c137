"""Cutting by symbol and running on threads: every row once, in order, no more rows at a time than allowed, errors raised."""

import datetime as dt
import threading

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.bars.sums import book_statistics, order_size_sums, traded_bars
from assets.ticks import batches
from assets.ticks.batches import by_symbol, sums_by_symbol
from assets.ticks.canonical import QUOTES, TRADES
from resources.settings.bars import BarsSettings

DATE = dt.date(2024, 1, 10)


def rows_of(counts: list[int]) -> pl.DataFrame:
    symbols = [f"{n:06d}.SZ" for n, count in enumerate(counts) for _ in range(count)]
    return pl.DataFrame({"symbol": symbols, "row": range(len(symbols))}, schema={"symbol": pl.String, "row": pl.Int64})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=8), st.integers(1, 30))
def test_batches_hold_whole_symbols_and_every_row_once(tmp_path_factory, counts, group):
    frame = rows_of(counts)
    path = tmp_path_factory.mktemp("rows") / "part.parquet"
    frame.write_parquet(path, row_group_size=group)
    found = list(by_symbol(pl.scan_parquet(path), ["row"]))
    assert [symbol for batch in found for symbol in batch.symbols] == frame["symbol"].unique(
        maintain_order=True
    ).to_list()
    assert [row for batch in found for row in batch.array("row")] == list(range(frame.height))
    for batch in found:
        lengths = batch.frame["symbol"].rle().struct.unnest()
        assert lengths["value"].to_list() == batch.symbols
        assert np.diff(batch.starts).tolist() == lengths["len"].to_list()


def test_sums_come_in_the_order_of_the_rows_and_few_rows_are_held(tmp_path):
    rows_of([10] * 60).write_parquet(tmp_path / "part.parquet", row_group_size=10)
    held, most = 0, 0
    lock = threading.Lock()

    def kernel(batch):
        nonlocal held, most
        with lock:
            held += batch.frame.height
            most = max(most, held)
        first = int(batch.array("row")[0])
        with lock:
            held -= batch.frame.height
        return first

    largest = max(batch.frame.height for batch in by_symbol(pl.scan_parquet(tmp_path / "part.parquet"), ["row"]))
    for limit in (1, largest, 3 * largest):
        most = 0
        found = list(sums_by_symbol(pl.scan_parquet(tmp_path / "part.parquet"), ["row"], limit, kernel))
        assert found == sorted(found)
        assert most <= max(limit, largest)


def test_an_error_in_a_kernel_is_raised():
    def kernel(batch):
        raise ValueError(f"no sums of {batch.symbols[0]}")

    with pytest.raises(ValueError, match="no sums of 000000"):
        list(sums_by_symbol(rows_of([3, 3]).lazy(), ["row"], 100, kernel))


def test_threads_do_not_change_a_bit(tmp_path, monkeypatch):
    rng = np.random.default_rng(5)
    n, names = 6000, [f"{k:06d}.SZ" for k in range(20)]
    symbol = np.sort(rng.integers(0, len(names), n))
    drawn = {
        "date": [DATE] * n,
        "symbol": [names[k] for k in symbol],
        "time": np.sort(rng.integers(33_900_000, 54_000_000, n)),
    }
    trades = pl.DataFrame(
        {
            **drawn,
            "channel": np.full(n, 1),
            "seq": np.arange(n),
            "price": rng.integers(100, 10**6, n),
            "volume": rng.integers(1, 10**5, n),
            "bid_order": rng.integers(0, n, n),
            "ask_order": rng.integers(0, n, n),
            "side": rng.integers(-1, 2, n),
            "event": np.arange(n),
        }
    ).cast(TRADES)
    levels = [name for name in QUOTES if name.startswith(("bid", "ask"))]
    quotes = pl.DataFrame({**drawn, **{name: rng.integers(0, 10**5, n) for name in levels}}).with_columns(
        pl.lit(None).alias(name) for name in QUOTES if name not in (*drawn, *levels)
    )
    quotes = quotes.select(list(QUOTES)).cast(QUOTES).sort("symbol", "time")
    trades.write_parquet(tmp_path / "trades.parquet", row_group_size=97)
    quotes.write_parquet(tmp_path / "quotes.parquet", row_group_size=97)
    known = pl.DataFrame({"symbol": names[:-1], "threshold": 1e6})
    found = []
    for threads in (1, 2, 7):
        monkeypatch.setattr(batches.pl, "thread_pool_size", lambda threads=threads: threads)
        section = BarsSettings(batch_rows=1000)
        scanned, quoted = pl.scan_parquet(tmp_path / "trades.parquet"), pl.scan_parquet(tmp_path / "quotes.parquet")
        bars, sizes = traded_bars(DATE, scanned, known, {}, section), order_size_sums(scanned, section)
        found.append((bars, sizes, book_statistics(quoted, section)))
    for other in found[1:]:
        assert all(one.equals(two) for one, two in zip(found[0], other, strict=True))
