"""Trades in Parquet → dense minute bars with active-buy amounts: 20 million trades of 500 stocks, beside DuckDB.

    python -m benchmarks trades_to_bars

Both read the same file, give the same rows (compared before anything is timed) and run alternately. The floor is the
decoding of the columns that any bar needs. Also timed: the columns DuckDB is not asked for.
"""

import datetime as dt
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets.bars.sums import order_size_sums, traded_bars
from assets.ticks import clock
from resources.settings.bars import BarsSettings

TRADES, STOCKS, ROUNDS, THREADS = 20_000_000, 500, 5, 2
DATE = dt.date(2024, 1, 10)
NO_THRESHOLDS = pl.DataFrame(schema={"symbol": pl.String, "threshold": pl.Float64})
COMPARED = ("open", "high", "low", "close", "volume", "amount", "trades", "buy_amount", "sell_amount")


def main() -> list[dict[str, Any]]:
    """Result rows: name, unit, ours, peer, ratio, target, floor."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.parquet"
        write_tape(path)
        peer = duckdb_peer(path)
        settings = BarsSettings()
        trades = pl.scan_parquet(path)
        ours_frame = traded_bars(DATE, trades, NO_THRESHOLDS, {}, settings)
        compare(ours_frame, peer())
        ours, duck, floor = [], [], []
        for _ in range(ROUNDS):
            ours.append(seconds(lambda: traded_bars(DATE, trades, NO_THRESHOLDS, {}, settings)))
            duck.append(seconds(peer))
            floor.append(seconds(lambda: trades.select("symbol", "time", "price", "volume", "side").collect()))
        thresholds = pl.DataFrame({"symbol": ours_frame["symbol"].unique(), "threshold": 50_000.0})
        large = [seconds(lambda: traded_bars(DATE, trades, thresholds, {}, settings)) for _ in range(3)]
        sizes = [seconds(lambda: order_size_sums(trades, settings)) for _ in range(3)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    conditions = {"trades": TRADES, "stocks": STOCKS, "rounds": ROUNDS, "threads": THREADS, "peak_gb": round(peak, 2)}
    common = {"unit": "s", "conditions": conditions}
    row = {
        "name": "trades to minute bars, 20 M trades",
        "ours": statistics.median(ours),
        "peer": statistics.median(duck),
        "ratio": statistics.median(duck) / statistics.median(ours),
        "target": 1.0,
        "floor": statistics.median(floor),
        **common,
    }
    more = [
        {
            "name": f"{name}, 20 M trades",
            "ours": statistics.median(times),
            "peer": None,
            "ratio": None,
            "target": None,
            **common,
        }
        for name, times in (("the same with large-order amounts", large), ("order sizes", sizes))
    ]
    return [row, *more]


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def write_tape(path: Path) -> None:
    """A day's trades as the lake keeps them: log-normal activity, order numbers dense over a channel and near in time."""
    rng = np.random.default_rng(1)
    weight = rng.lognormal(0, 1, STOCKS)
    counts = np.maximum((weight / weight.sum() * TRADES).astype(int), 50)
    counts[0] += TRADES - counts.sum()
    ids = TRADES * 3 // 4  # four channels, about three numbers a trade
    parts = []
    for stock, n in enumerate(counts.tolist()):
        at = np.sort(rng.random(n))
        time_ms = np.select(
            [at < 0.01, at < 0.5, at < 0.98],
            [33_900_000, 34_200_000 + (at - 0.01) / 0.49 * 7_200_000, 46_800_000 + (at - 0.5) / 0.48 * 7_020_000],
            54_000_000,
        ).astype(np.int32)
        seq = (at * ids).astype(np.int64) + 100_000 + np.arange(n)  # no two alike
        resting = np.maximum(seq - rng.exponential(ids / 200, n).astype(np.int64) - 2, 1)
        buys = rng.random(n) < 0.5
        continuous = (time_ms >= 34_200_000) & (time_ms < 53_820_000)
        parts.append(
            pl.DataFrame(
                {
                    "symbol": pl.Series(
                        [f"{stock:06d}.SZ" if stock < STOCKS // 2 else f"{600_000 + stock}.SH"]
                    ).new_from_index(0, n),
                    "channel": np.full(n, 2011 + stock % 4, np.int32),
                    "seq": seq,
                    "time": time_ms,
                    "price": (rng.integers(500, 50_000) + np.cumsum(rng.integers(-1, 2, n))).clip(100) * 100,
                    "volume": rng.integers(1, 20, n) * 100,
                    "bid_order": np.where(buys, seq - 1, resting),
                    "ask_order": np.where(buys, resting, seq - 1),
                    "side": (np.where(buys, 1, -1) * continuous).astype(np.int8),
                }
            )
        )
    tape = pl.concat(parts).with_columns(date=pl.lit(DATE)).sort("symbol", "channel", "seq", maintain_order=True)
    tape.write_parquet(path, compression="zstd", statistics=True)


def duckdb_peer(path: Path) -> Callable[[], pl.DataFrame]:
    """The same bars in SQL: one aggregation, then joined to the grid with the last close carried into empty minutes."""
    import duckdb

    connection = duckdb.connect(config={"threads": THREADS})
    connection.execute("SET enable_progress_bar = false")
    slots = ", ".join(f"({minute})" for minute in clock.DAY_BARS)
    query = f"""
        WITH traded AS (
            SELECT symbol,
                   CASE WHEN time < 34200000 THEN 565 WHEN time < 41400000 THEN time // 60000 WHEN time < 46800000 THEN 689
                        WHEN time < 53820000 THEN time // 60000 ELSE 897 END AS minute,
                   arg_min(price, seq) AS open, max(price) AS high, min(price) AS low, arg_max(price, seq) AS close,
                   sum(volume) AS volume, sum(price * volume) AS amount, count(*) AS trades,
                   sum(CASE WHEN side > 0 THEN price * volume ELSE 0 END) AS buy_amount,
                   sum(CASE WHEN side < 0 THEN price * volume ELSE 0 END) AS sell_amount
            FROM read_parquet('{path}') GROUP BY ALL
        ), grid AS (
            SELECT symbol, minute FROM (SELECT DISTINCT symbol FROM traded), (VALUES {slots}) AS slots(minute)
        ), dense AS (
            SELECT *, last_value(close IGNORE NULLS) OVER (PARTITION BY symbol ORDER BY minute) AS last
            FROM grid LEFT JOIN traded USING (symbol, minute)
        )
        SELECT symbol, minute, coalesce(open, last) / 10000.0 AS open, coalesce(high, last) / 10000.0 AS high,
               coalesce(low, last) / 10000.0 AS low, last / 10000.0 AS close, coalesce(volume, 0)::BIGINT AS volume,
               coalesce(amount, 0)::DOUBLE / 10000 AS amount, coalesce(trades, 0) AS trades,
               coalesce(buy_amount, 0)::DOUBLE / 10000 AS buy_amount, coalesce(sell_amount, 0)::DOUBLE / 10000 AS sell_amount
        FROM dense ORDER BY symbol, minute"""
    return lambda: pl.DataFrame(connection.sql(query).to_arrow_table())


def compare(ours: pl.DataFrame, peer: pl.DataFrame) -> None:
    """Stops the benchmark where the two do not give the same bars."""
    assert ours.select("symbol", "minute").rows() == peer.select("symbol", "minute").rows()
    for name in COMPARED:
        mine, theirs = (frame[name].cast(pl.Float64).to_numpy() for frame in (ours, peer))
        if not np.allclose(mine, theirs, rtol=1e-12, atol=1e-12, equal_nan=True):
            raise AssertionError(f"the two do not agree on {name}")
