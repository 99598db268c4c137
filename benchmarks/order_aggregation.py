"""Trades in Parquet → number of orders, Σ ln a and Σ (ln a)² per stock, beside DuckDB and polars: 20 million trades of 500 stocks.

    python -m benchmarks order_aggregation

a is the day's amount of an order, by bid and by ask order number of a channel. All sides read the same file, compute the same sums
(which are compared before anything is timed) and run in turn. The floor is the decoding of the columns.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets.bars.sums import order_size_sums
from benchmarks._side_by_side import alternate, installed, peak_gb, row
from benchmarks.trades_to_bars import STOCKS, TRADES, write_tape
from resources.settings.bars import BarsSettings

ROUNDS = 3
SIDES = ("bid_order", "ask_order")


def main() -> list[dict[str, Any]]:
    """Return result rows: name, unit, ours, peer, ratio, target, floor, conditions."""
    conditions: dict[str, Any] = {
        "trades": TRADES,
        "stocks": STOCKS,
        "rounds": ROUNDS,
        "threads": pl.thread_pool_size(),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.parquet"
        write_tape(path)
        peers = installed({"duckdb": duckdb_peer, "polars": polars_peer}, path, conditions)
        sums = ours(path)
        for name, peer in peers.items():
            compare(sums, peer(), name)
        columns = pl.scan_parquet(path).select("symbol", "channel", "price", "volume", *SIDES)
        medians = alternate({"ours": lambda: ours(path), "floor": lambda: columns.collect(), **peers}, ROUNDS)
        conditions |= {"orders": int(sums["orders"].sum()), "peak_gb": peak_gb("order_aggregation", path)}
    return [row("order aggregation, 20 M trades", medians, tuple(peers), 5.0, conditions)]


def ours(path: Path) -> pl.DataFrame:
    """Return symbol, orders, sum_ln, sum_ln2 of the trades in the file."""
    return order_size_sums(pl.scan_parquet(path), BarsSettings())


def compare(ours: pl.DataFrame, peer: pl.DataFrame, name: str) -> None:
    """Raise AssertionError if the two sides have different sums."""
    assert ours.select("symbol", "orders").rows() == peer.select("symbol", "orders").rows(), name
    for column in ("sum_ln", "sum_ln2"):
        if not np.allclose(ours[column].to_numpy(), peer[column].to_numpy(), rtol=1e-12):
            raise AssertionError(f"{name} has another {column}")


def duckdb_peer(path: Path) -> Callable[[], pl.DataFrame]:
    """Return a query on the fills of both sides, grouped by order and then by stock, which is faster than a query per side."""
    import duckdb

    connection = duckdb.connect(config={"threads": pl.thread_pool_size()})
    connection.execute("SET enable_progress_bar = false")
    fills = " UNION ALL ".join(
        f"SELECT symbol, channel, '{side}' AS side, {side} AS number, price * volume AS paid "
        f"FROM read_parquet('{path}') WHERE {side} > 0"
        for side in SIDES
    )
    query = f"""
        WITH orders AS (SELECT symbol, ln(sum(paid) / 10000.0) AS x FROM ({fills}) GROUP BY symbol, channel, side, number)
        SELECT symbol, count(*)::BIGINT AS orders, sum(x) AS sum_ln, sum(x * x) AS sum_ln2
        FROM orders GROUP BY symbol ORDER BY symbol"""
    return lambda: pl.DataFrame(connection.sql(query).to_arrow_table())


def polars_peer(path: Path) -> Callable[[], pl.DataFrame]:
    """Return the same with polars' streaming engine, which is five times as fast here as the in-memory engine."""

    def run() -> pl.DataFrame:
        paid = (pl.col("price") * pl.col("volume")).sum() / 10_000
        orders = [
            pl.scan_parquet(path)
            .filter(pl.col(side) > 0)
            .group_by("symbol", "channel", side)
            .agg(paid.log().alias("x"))
            .select("symbol", "x")
            for side in SIDES
        ]
        x = pl.col("x")
        sums = (
            pl.concat(orders)
            .group_by("symbol")
            .agg(orders=pl.len().cast(pl.Int64), sum_ln=x.sum(), sum_ln2=(x * x).sum())
        )
        return sums.sort("symbol").collect(engine="streaming")

    return run
