"""Trades in Parquet → dense minute bars with active-buy amounts: 20 million trades of 500 stocks, beside DuckDB, chdb, polars.

    python -m benchmarks trades_to_bars

All sides read the same file, make the same rows (which are compared before anything is timed) and run in turn. The floor is the
decoding of the columns that bars need. The large-order amounts are timed too, without a peer.
"""

import datetime as dt
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets.bars.sums import traded_bars
from benchmarks._side_by_side import alternate, installed, peak_gb, row
from resources import clock
from resources.settings.bars import BarsSettings

TRADES, STOCKS, ROUNDS = 20_000_000, 500, 3
DATE = dt.date(2024, 1, 10)
COMPARED = ("open", "high", "low", "close", "volume", "amount", "trades", "buy_amount", "sell_amount")
NAME = "trades to minute bars, 20 M trades"


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
        makers = {"duckdb": duckdb_peer, "polars": polars_peer, "chdb": chdb_peer}
        peers = installed(makers, path, conditions)
        bars = ours(path)
        for name, peer in peers.items():
            compare(bars, peer(), name)
        thresholds = pl.DataFrame({"symbol": bars["symbol"].unique(), "threshold": 900_000.0})
        ours(path, thresholds)
        columns = pl.scan_parquet(path).select("symbol", "time", "price", "volume", "side")
        medians = alternate(
            {
                "ours": lambda: ours(path),
                "large": lambda: ours(path, thresholds),
                "floor": lambda: columns.collect(),
                **peers,
            },
            ROUNDS,
        )
        conditions["peak_gb"] = peak_gb("trades_to_bars", path)
    rows = [row(NAME, medians, tuple(peers), 1.5, conditions)]
    if "chdb" in peers:
        rows.append(row(f"{NAME}, against chdb", medians, ("chdb",), 3.0, conditions))
    large = {"peer": None, "ratio": None, "target": None, "floor": None}
    rows.append(
        {**rows[0], "name": "the same with large-order amounts, 20 M trades", "ours": medians["large"], **large}
    )
    return rows


def ours(path: Path, thresholds: pl.DataFrame | None = None) -> pl.DataFrame:
    """Return the minute bars of the trades in the file, with large-order amounts if there are thresholds."""
    none = pl.DataFrame(schema={"symbol": pl.String, "threshold": pl.Float64})
    return traded_bars(DATE, pl.scan_parquet(path), none if thresholds is None else thresholds, {}, BarsSettings())


def write_tape(path: Path) -> None:
    """Write a day of the table trades with log-normal activity.

    The order numbers, the fills per order (1.7) and the distances to the numbers of resting orders are like those of real tapes.
    """
    rng = np.random.default_rng(1)
    weight = rng.lognormal(0, 1, STOCKS)
    counts = np.maximum((weight / weight.sum() * TRADES).astype(int), 50)
    counts[0] += TRADES - counts.sum()
    ids = TRADES * 3 // 4  # four channels, about three numbers a trade
    parts = []
    for stock, n in enumerate(counts.tolist()):
        rows = np.arange(n)
        first = _starts(rng.random(n) < 0.6)  # the first row of each aggressive order
        at = np.sort(rng.random(n))[first]
        time_ms = np.select(
            [at < 0.01, at < 0.5, at < 0.98],
            [33_900_000, 34_200_000 + (at - 0.01) / 0.49 * 7_200_000, 46_800_000 + (at - 0.5) / 0.48 * 7_020_000],
            54_000_000,
        ).astype(np.int32)
        seq = (at * ids).astype(np.int64) + 100_000 + rows  # all different
        buys = (rng.random(n) < 0.5)[first]
        taker = seq[first] - 1
        turns = np.concatenate([[True], buys[1:] != buys[:-1]])
        met = _starts((rng.random(n) < 0.6) | turns)  # the first row of each resting order
        waited = np.maximum(seq - rng.lognormal(9, 2.5, n).astype(np.int64) - 2, 1)
        earlier = np.maximum(rows - rng.geometric(0.02, n), 0)  # an earlier aggressive order whose rest is resting
        again = (rng.random(n) < 0.3) & (buys[earlier] != buys)
        resting = np.where(again, taker[earlier], waited)[met]
        continuous = (time_ms >= 34_200_000) & (time_ms < 53_820_000)
        parts.append(
            pl.DataFrame(
                {
                    "date": pl.Series([DATE]).new_from_index(0, n),
                    "symbol": pl.Series([symbol(stock)]).new_from_index(0, n),
                    "channel": np.full(n, 2011 + stock % 4, np.int32),
                    "seq": seq,
                    "time": time_ms,
                    "price": (rng.integers(500, 50_000) + np.cumsum(rng.integers(-1, 2, n))).clip(100) * 100,
                    "volume": rng.integers(1, 20, n) * 100,
                    "bid_order": np.where(buys, taker, resting),
                    "ask_order": np.where(buys, resting, taker),
                    "side": (np.where(buys, 1, -1) * continuous).astype(np.int8),
                    "event": seq,
                }
            )
        )
    pl.concat(parts).write_parquet(path, compression="zstd", statistics=True)


def symbol(stock: int) -> str:
    """Return the symbol of a stock; the symbols are in the order of the lake."""
    return f"{stock:06d}.SZ" if stock < STOCKS // 2 else f"{600_000 + stock}.SH"


def _starts(opens: np.ndarray) -> np.ndarray:
    """For each row the last row up to it that is marked in `opens`; the first row is always marked."""
    opens[0] = True
    return np.maximum.accumulate(np.where(opens, np.arange(len(opens)), 0))


def compare(ours: pl.DataFrame, peer: pl.DataFrame, name: str) -> None:
    """Raise AssertionError if the two sides have different bars."""
    assert ours.select("symbol", "minute").rows() == peer.select("symbol", "minute").rows(), name
    for column in COMPARED:
        mine, theirs = (frame[column].cast(pl.Float64).to_numpy() for frame in (ours, peer))
        if not np.allclose(mine, theirs, rtol=1e-12, atol=1e-12, equal_nan=True):
            raise AssertionError(f"{name} has another {column}")


# --- peers ----------------------------------------------------------------------------------------------------------------

_MINUTE = """CASE WHEN time < 34200000 THEN 565 WHEN time < 41400000 THEN {minute} WHEN time < 46800000 THEN 689
    WHEN time < 53820000 THEN {minute} ELSE 897 END"""


def duckdb_peer(path: Path) -> Callable[[], pl.DataFrame]:
    """Return the same bars in SQL: an aggregation, joined with the grid, with the last close carried into empty minutes."""
    import duckdb

    connection = duckdb.connect(config={"threads": pl.thread_pool_size()})
    connection.execute("SET enable_progress_bar = false")
    slots = ", ".join(f"({minute})" for minute in clock.DAY_BARS)
    query = f"""
        WITH traded AS (
            SELECT symbol, {_MINUTE.format(minute="time // 60000")} AS minute,
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


def chdb_peer(path: Path) -> Callable[[], pl.DataFrame]:
    """Return the same bars in the SQL dialect of ClickHouse."""
    import chdb

    slots = ", ".join(map(str, clock.DAY_BARS))
    query = f"""
        WITH traded AS (
            SELECT symbol, {_MINUTE.format(minute="intDiv(time, 60000)")} AS minute,
                   argMin(price, seq) AS first, max(price) AS highest, min(price) AS lowest, argMax(price, seq) AS last,
                   sum(volume) AS shares, sum(price * volume) AS paid, count() AS fills,
                   sumIf(price * volume, side > 0) AS bought, sumIf(price * volume, side < 0) AS sold
            FROM file('{path}', Parquet) GROUP BY symbol, minute
        ), grid AS (
            SELECT symbol, toInt32(arrayJoin([{slots}])) AS minute FROM (SELECT DISTINCT symbol FROM traded)
        ), dense AS (
            SELECT *, last_value(last) IGNORE NULLS OVER (PARTITION BY symbol ORDER BY minute) AS known
            FROM grid LEFT JOIN traded USING (symbol, minute)
        )
        SELECT symbol, minute, coalesce(first, known) / 10000 AS open, coalesce(highest, known) / 10000 AS high,
               coalesce(lowest, known) / 10000 AS low, known / 10000 AS close, coalesce(shares, 0) AS volume,
               coalesce(paid, 0) / 10000 AS amount, coalesce(fills, 0) AS trades, coalesce(bought, 0) / 10000 AS buy_amount,
               coalesce(sold, 0) / 10000 AS sell_amount
        FROM dense ORDER BY symbol, minute
        SETTINGS max_threads = {pl.thread_pool_size()}, join_use_nulls = 1, output_format_arrow_string_as_string = 1"""
    return lambda: pl.DataFrame(chdb.query(query, "ArrowTable"))


def polars_peer(path: Path) -> Callable[[], pl.DataFrame]:
    """Return the same bars by a polars group-by, joined with the grid."""
    time, price, volume = pl.col("time"), pl.col("price"), pl.col("volume")
    minute = (
        pl.when(time < 34_200_000)
        .then(565)
        .when(time.is_between(41_400_000, 46_799_999))
        .then(689)
        .when(time < 53_820_000)
        .then(time // 60_000)
        .otherwise(897)
    )

    def run() -> pl.DataFrame:
        traded = (
            pl.scan_parquet(path)
            .group_by("symbol", minute=minute.cast(pl.Int32))
            .agg(
                open=price.sort_by("seq").first(),
                high=price.max(),
                low=price.min(),
                close=price.sort_by("seq").last(),
                volume=volume.sum(),
                amount=(price * volume).sum(),
                trades=pl.len(),
                buy_amount=(price * volume * (pl.col("side") > 0)).sum(),
                sell_amount=(price * volume * (pl.col("side") < 0)).sum(),
            )
            .collect(engine="streaming")
        )
        grid = traded.select(pl.col("symbol").unique()).join(
            pl.DataFrame({"minute": clock.DAY_BARS}, schema={"minute": pl.Int32}), how="cross"
        )
        prices, sums = COMPARED[:4], COMPARED[4:]
        return (
            grid.join(traded, on=["symbol", "minute"], how="left")
            .sort("symbol", "minute")
            .with_columns(pl.col("close").forward_fill().over("symbol"))
            .with_columns(
                *(pl.coalesce(name, "close") / 10_000 for name in prices[:3]),
                pl.col("close") / 10_000,
                *(pl.col(name).fill_null(0) / (10_000 if name.endswith("amount") else 1) for name in sums),
            )
        )

    return run
