"""Ten-level snapshots in Parquet → Q, spread, imbalances, and the increments of cumulative trades, volume and amount per minute.

    python -m benchmarks snapshots

The file has 24 million snapshots of 5 300 stocks. Ours and polars read the same file, compute the same figures (which are compared
before anything is timed) and run in turn. The floor is the decoding of the columns.
"""

import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from polars.io.plugins import register_io_source

from assets.bars.sums import book_statistics
from assets.ticks.canonical import QUOTES
from benchmarks._side_by_side import alternate, peak_gb, row
from resources.settings.bars import BarsSettings

STOCKS, SNAPSHOTS, PATTERNS, ROUNDS = 5300, 4530, 40, 3
DATE = dt.date(2024, 1, 10)
VOLUMES = {side: [f"{side}_volume_{level}" for level in range(1, 6)] for side in ("bid", "ask")}
COLUMNS = (
    "symbol",
    "time",
    "trades",
    "volume",
    "amount",
    "bid_price_1",
    "ask_price_1",
    *VOLUMES["bid"],
    *VOLUMES["ask"],
)


def main() -> list[dict[str, Any]]:
    """Return result rows: name, unit, ours, peer, ratio, target, floor, conditions."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part.parquet"
        write_snapshots(path)
        compare(ours(path), polars_peer(path))
        columns = pl.scan_parquet(path).select(COLUMNS)
        medians = alternate(
            {"ours": lambda: ours(path), "floor": lambda: columns.collect(), "polars": lambda: polars_peer(path)},
            ROUNDS,
        )
        conditions = {
            "snapshots": STOCKS * SNAPSHOTS,
            "stocks": STOCKS,
            "rounds": ROUNDS,
            "threads": pl.thread_pool_size(),
            "times_the_floor": round(medians["ours"] / medians["floor"], 2),
            "peak_gb": peak_gb("snapshots", path),
        }
    return [row("snapshots to Q, spread, imbalances, minute deltas, 24 M", medians, ("polars",), 2.0, conditions)]


def ours(path: Path) -> pl.DataFrame:
    """Return the statistics of the book per symbol and minute."""
    return book_statistics(pl.scan_parquet(path), BarsSettings(), deltas=True)


def compare(ours: pl.DataFrame, peer: pl.DataFrame) -> None:
    """Raise AssertionError if the two sides have different figures. Only ours has minutes without a snapshot."""
    key, values = ["symbol", "minute"], [name for name in ours.columns if name not in ("symbol", "minute")]
    both = ours.join(peer, on=key, how="inner", suffix="_peer")
    assert both.height == peer.height
    for name in values:
        mine, theirs = both[name].cast(pl.Float64).to_numpy(), both[f"{name}_peer"].cast(pl.Float64).to_numpy()
        if not np.allclose(mine, theirs, rtol=1e-12, atol=1e-12, equal_nan=True):
            raise AssertionError(f"the two sides have different values of {name}")
    if ours.join(peer, on=key, how="anti").select((pl.col(values).fill_null(0) != 0).any()).row(0) != (False,) * len(
        values
    ):
        raise AssertionError("a minute without a snapshot has figures")


# --- the day --------------------------------------------------------------------------------------------------------------


def write_snapshots(path: Path) -> None:
    """Write a day of the table quotes, one stock after the other.

    Forty random days are repeated at other prices for all stocks. One stock in fifty is locked at its upper limit and has no
    asks.
    """
    rng = np.random.default_rng(2)
    patterns = [_pattern(rng) for _ in range(PATTERNS)]
    prices = [name for name in QUOTES if "price" in name or name in ("last", "pre_close", "limit_up", "limit_down")]
    asks = [name for name in QUOTES if name.startswith("ask")]

    def stocks(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        for stock in range(STOCKS):
            name = f"{stock:06d}.SZ" if stock < STOCKS // 2 else f"{600_000 + stock}.SH"
            frame = patterns[stock % PATTERNS].with_columns(pl.col(prices) + 100 * (stock // PATTERNS))
            if stock % 50 == 0:
                frame = frame.with_columns(pl.lit(None, pl.Int64).alias(ask) for ask in asks)
            yield frame.with_columns(date=pl.lit(DATE), symbol=pl.lit(name)).select(list(QUOTES))

    day = register_io_source(stocks, schema=dict(QUOTES))
    day.sink_parquet(path, compression="zstd", statistics=True, row_group_size=250_000)


def _pattern(rng: np.random.Generator) -> pl.DataFrame:
    """Snapshots of one stock: prices move by ticks, and the volume of a level is constant until it changes."""
    n = SNAPSHOTS
    marks = np.concatenate([np.arange(*span) for span in ((33_300_000, 33_900_000, 9000), (34_200_000, 41_400_000, 3000), (46_800_000, 54_000_000, 3000))])  # fmt: skip
    bid = np.maximum(rng.integers(1000, 20_000) * 100 + np.cumsum(rng.choice([-100, 0, 0, 0, 0, 0, 100], n)), 5000)
    volume = np.cumsum(rng.poisson(8, n) * 100 * rng.integers(1, 20, n))
    levels = {}
    for side, step in (("bid", -100), ("ask", 100)):
        for level in range(1, 11):
            changes = rng.random(n) < (0.6 if level == 1 else 0.35)
            changes[0] = True
            drawn = (rng.lognormal(7, 1.2, n) / 100).astype(np.int64) * 100 + 100
            levels[f"{side}_price_{level}"] = bid + step * (level - 1) + (100 if side == "ask" else 0)
            levels[f"{side}_volume_{level}"] = drawn[np.maximum.accumulate(np.where(changes, np.arange(n), 0))]
    return pl.DataFrame(
        {
            "time": np.sort(rng.choice(marks, n, replace=False)).astype(np.int32),
            "trades": np.cumsum(rng.poisson(8, n)),
            "volume": volume,
            "amount": volume * bid[0],
            "last": bid,
            "pre_close": np.full(n, bid[0]),
            "limit_up": np.full(n, bid[0] * 11 // 10),
            "limit_down": np.full(n, bid[0] * 9 // 10),
            **levels,
        }
    )


# --- the peer -------------------------------------------------------------------------------------------------------------


def polars_peer(path: Path) -> pl.DataFrame:
    """Return the same figures by expressions over the snapshots of each stock and one group-by."""
    time, two, chained = pl.col("time"), pl.col("two"), pl.col("chained")
    b, bq, a, aq = (pl.col(name) for name in ("bid_price_1", "bid_volume_1", "ask_price_1", "ask_volume_1"))
    p1, q1, p2, q2 = (column.shift(1).over("symbol", "session") for column in (b, bq, a, aq))
    minute = (
        pl.when(time < 34_200_000).then(565)
        .when(time.is_between(41_400_000, 46_799_999)).then(689)
        .when(time < 53_820_000).then(time // 60_000).otherwise(897)
    )  # fmt: skip
    bid_part = pl.when(b > p1).then(b * bq).when(b == p1).then(b * (bq - q1)).otherwise(-p1 * q1)
    ask_part = pl.when(a < p2).then(a * aq).when(a == p2).then(a * (aq - q2)).otherwise(-p2 * q2)
    b5, a5 = (pl.sum_horizontal(VOLUMES[side]) for side in ("bid", "ask"))
    session = (
        pl.when(time < 34_200_000).then(0).when(time < 46_800_000).then(1).when(time < 53_820_000).then(2).otherwise(3)
    )
    standing = (b > 0) & (a > 0) & (bq > 0) & (aq > 0)
    cumulative = ("trades", "volume", "amount")
    return (
        pl.scan_parquet(path)
        .select(COLUMNS)
        .with_columns(minute=minute.cast(pl.Int32), session=session)
        .with_columns(two=(standing & pl.col("session").is_in([1, 2])).fill_null(False))
        .with_columns(chained=two & two.shift(1, fill_value=False).over("symbol", "session"))
        .with_columns(
            net_bid_change=pl.when(chained).then(bid_part - ask_part).otherwise(0),
            spread=pl.when(two).then((a - b) / (0.5 * (a + b))),
            imbalance=pl.when(two).then((bq - aq) / (bq + aq)),
            imbalance_5=pl.when(two).then((b5 - a5) / (b5 + a5)),
            **{
                f"quoted_{name}": pl.col(name) - pl.col(name).shift(1, fill_value=0).over("symbol")
                for name in cumulative
            },
        )
        .group_by("symbol", "minute")
        .agg(
            pl.col("net_bid_change").sum() / 10_000,
            pl.col("spread", "imbalance", "imbalance_5").mean(),
            pl.col("quoted_trades", "quoted_volume").sum(),
            pl.col("quoted_amount").sum() / 10_000,
        )
        .sort("symbol", "minute")
        .collect(engine="streaming")
    )
