"""Vendor CSV → canonical Parquet: day-like files of SZSE trades (1 GB), orders and snapshots (0.5 GB each), beside polars.

    python -m benchmarks csv_to_parquet

Ours reads and checks every row, sorts by symbol and sequence, and writes the Parquet file of the lake. The peer is polars'
`scan_csv(…).sink_parquet(…)` of the same columns, unsorted and unchecked. Both read the same file from the page cache and run
alternately. The floor is reading the bytes once and counting lines. Peak memory is that of a process that only runs ours, less its
memory after imports.
"""

import datetime as dt
import gc
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets.ticks.layouts import LAYOUTS, Layout
from assets.ticks.make_orders import make_orders
from assets.ticks.make_quotes import make_quotes
from assets.ticks.make_trades import make_trades
from assets.ticks.parse import count_lines
from resources.partition import Frames, Partition
from resources.rulebook import Rulebook
from resources.settings.ticks import TicksSettings

DATE = dt.date(2024, 1, 10)
ROUNDS, STOCKS, CHANNELS = 3, 2_800, 4
SIZES = {"trades": 1000, "orders": 500, "quotes": 500}  # MB
NAMES = {"trades": "mdl_6_36_0.csv", "orders": "mdl_6_33_0.csv", "quotes": "mdl_6_28_0.csv"}
MAKES = {"trades": make_trades, "orders": make_orders, "quotes": make_quotes}
CHUNK = 1_000_000


class Folder:
    """A landing view with one file, as far as the tick tables use it."""

    def __init__(self, path: Path):
        self.path = path

    def tick_files(self) -> list[Path]:
        """Return the file."""
        return [self.path]


def main() -> list[dict[str, Any]]:
    """Return result rows: name, unit, ours, peer, ratio, target, floor."""
    return [measure(table) for table in SIZES]


def measure(table: str) -> dict[str, Any]:
    """Return the result row of one table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "ticks" / f"{DATE:%Y%m%d}" / NAMES[table]
        path.parent.mkdir(parents=True)
        rows = write_tape(path, table)
        size = path.stat().st_size / 1e6
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            memory = pool.apply(peak_memory, (table, path, folder))
        ours, peer, floor = [], [], []
        for _ in range(ROUNDS):
            ours.append(seconds(lambda: build(table, path, folder)))
            peer.append(seconds(lambda: peer_build(table, path, folder / "peer.parquet")))
            floor.append(seconds(lambda: read_once(path)))
    times = {"ours": statistics.median(ours), "peer": statistics.median(peer), "floor": statistics.median(floor)}
    return {
        "name": f"vendor CSV to Parquet, {table}, {size:.0f} MB",
        "unit": "s",
        **times,
        "ratio": times["peer"] / times["ours"],
        "target": 0.6,
        "conditions": {
            "rows": rows,
            "rounds": ROUNDS,
            "threads": pl.thread_pool_size(),
            "ours_mb_per_s": round(size / times["ours"]),
            "peer_mb_per_s": round(size / times["peer"]),
            **memory,
        },
    }


def seconds(work: Callable[[], Any]) -> float:
    """Return the seconds of one run."""
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def build(table: str, path: Path, folder: Path) -> None:
    """Run ours: make the Parquet file of the lake."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        partition = Partition.of(DATE, landing=Folder(path), rules=Rulebook.on(DATE), scratch=Path(scratch))
        made = MAKES[table](Frames({}), partition, TicksSettings())
        assert isinstance(made.frame, Path)
        assert "set_aside.parquet" not in made.files


def peer_build(table: str, path: Path, target: Path) -> None:
    """Run the peer: write the same columns with polars."""
    columns = list(dict.fromkeys(item.column for item in layout_of(table).fields.values()))
    pl.scan_csv(path).select(columns).sink_parquet(target)


def read_once(path: Path) -> int:
    """Run the floor: read the bytes once, and return the number of lines."""
    with path.open("rb") as stream:
        return sum(count_lines(np.frombuffer(data, np.uint8)) for data in iter(lambda: stream.read(32 << 20), b""))


def peak_memory(table: str, path: Path, folder: Path) -> dict[str, float]:
    """Return the GB of this process before ours, and the additional peak of ours."""
    before = peak_gb()
    build(table, path, folder)
    return {"interpreter_gb": round(before, 2), "peak_above_gb": round(peak_gb() - before, 2)}


def peak_gb() -> float:
    """Return the peak memory of this process in GB; getrusage would include that of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024**2


def layout_of(table: str) -> Layout:
    """Return the layout of the benchmark's file of a table."""
    return next(item for item in LAYOUTS if NAMES[table].split(".")[0] in item.name and item.table == table)


# --- the files ------------------------------------------------------------------------------------------------------------


def write_tape(path: Path, table: str) -> int:
    """Write a file like a vendor's: in order of arrival, channels and stocks mixed, activity log-normal; return its rows."""
    rng = np.random.default_rng(1)
    weight = rng.lognormal(0, 1, STOCKS)
    weight /= weight.sum()
    base = rng.integers(300, 9_000, STOCKS)  # cents
    codes = pl.Series([f"{i:06d}" if i < STOCKS // 2 else f"{300_000 + i:06d}" for i in range(STOCKS)])
    header = layout_of(table).header
    rows, share = 0, 0.0
    with path.open("wb") as file:
        while share < 1:
            frame = COLUMNS[table](rng, rows, share, rng.choice(STOCKS, CHUNK, p=weight), base, codes)
            frame = frame.select(frame[name] if name in frame.columns else pl.lit("").alias(name) for name in header)
            if table == "quotes":
                frame = frame.head(CHUNK // 5)
            frame.write_csv(file, include_header=rows == 0)
            rows += frame.height
            share = file.tell() / (SIZES[table] * 1e6)
        # the last row is at the close
        frame.tail(1).with_columns(pl.lit("15:00:00.000").alias("UpdateTime" if table == "quotes" else "TransactTime")).write_csv(file, include_header=False)  # fmt: skip
    return rows + 1


def stamps(rng: np.random.Generator, share: float, count: int) -> pl.Series:
    """Return ascending times of continuous trading in steps of 10 ms. share: position in the file, within 0 and 1."""
    at = np.sort(rng.random(count)) * 0.1 + share * 0.85
    ms = np.where(at < 0.5, 34_200_000 + at * 2 * 7_190_000, 46_800_000 + (at - 0.5) * 2 * 7_010_000).astype(np.int64)
    return (pl.Series(ms // 10 * 10).cast(pl.Duration("ms")) + dt.datetime(2024, 1, 10)).dt.strftime("%H:%M:%S%.3f")


def trade_columns(
    rng: np.random.Generator, row: int, share: float, stock: np.ndarray, base: np.ndarray, codes: pl.Series
) -> pl.DataFrame:
    """Draw the next trades and cancels of a file, one per entry of `stock`, from row number `row` on."""
    n = len(stock)
    seq = np.arange(row, row + n) * 2 + 2
    cancel = rng.random(n) < 0.25
    older = np.maximum(seq - rng.exponential(2e5, n).astype(np.int64) - 2, 1)
    buys = rng.random(n) < 0.5
    time_ = stamps(rng, share, n)
    return pl.DataFrame(
        {
            "ChannelNo": 2011 + stock % CHANNELS,
            "ApplSeqNum": seq,
            "MDStreamID": pl.Series(["011"]).new_from_index(0, n),
            "BidApplSeqNum": np.where(cancel & ~buys, 0, np.where(buys, seq - 1, older)),
            "OfferApplSeqNum": np.where(cancel & buys, 0, np.where(buys, older, seq - 1)),
            "SecurityID": codes[stock],
            "SecurityIDSource": pl.Series(["102 "]).new_from_index(0, n),
            "LastPx": np.where(cancel, 0, (base[stock] + rng.integers(-20, 20, n)) / 100),
            "LastQty": rng.integers(1, 50, n) * 100,
            "ExecType": np.where(cancel, "4", "F"),
            "TransactTime": time_,
            "LocalTime": time_,
            "SeqNo": np.arange(row, row + n),
        }
    )


def order_columns(
    rng: np.random.Generator, row: int, share: float, stock: np.ndarray, base: np.ndarray, codes: pl.Series
) -> pl.DataFrame:
    """Draw the next orders of a file, one per entry of `stock`, from row number `row` on."""
    n = len(stock)
    time_ = stamps(rng, share, n)
    return pl.DataFrame(
        {
            "ChannelNo": 2011 + stock % CHANNELS,
            "ApplSeqNum": np.arange(row, row + n) * 2 + 1,
            "MDStreamID": pl.Series(["011"]).new_from_index(0, n),
            "SecurityID": codes[stock],
            "SecurityIDSource": pl.Series(["102 "]).new_from_index(0, n),
            "Price": (base[stock] + rng.integers(-200, 200, n)) / 100,
            "OrderQty": rng.integers(1, 50, n) * 100,
            "Side": np.where(rng.random(n) < 0.5, "1", "2"),
            "TransactTime": time_,
            "OrdType": np.where(rng.random(n) < 0.97, "2", "1"),
            "LocalTime": time_,
            "SeqNo": np.arange(row, row + n),
        }
    )


def quote_columns(
    rng: np.random.Generator, row: int, share: float, stock: np.ndarray, base: np.ndarray, codes: pl.Series
) -> pl.DataFrame:
    """Draw the next snapshots of a file, of the first fifth of `stock`, from row number `row` on."""
    stock = stock[: CHUNK // 5]
    n = len(stock)
    time_ = stamps(rng, share, n)
    middle = base[stock] + rng.integers(-20, 20, n)
    count = int(1e6 * share) + np.arange(n)
    levels = {
        name: values
        for i in range(1, 11)
        for name, values in (
            (f"BidPrice{i}", (middle - i) / 100 + 1e-15),
            (f"BidVolume{i}", rng.integers(1, 500, n) * 100),
            (f"AskPrice{i}", (middle + i) / 100),
            (f"AskVolume{i}", rng.integers(1, 500, n) * 100),
            (f"NumOrdersB{i}", rng.integers(1, 50, n)),
            (f"NumOrdersS{i}", rng.integers(1, 50, n)),
        )
    }
    return pl.DataFrame(
        {
            "UpdateTime": time_,
            "MDStreamID": pl.Series(["010"]).new_from_index(0, n),
            "SecurityID": codes[stock],
            "SecurityIDSource": pl.Series(["102 "]).new_from_index(0, n),
            "PreCloPrice": base[stock] / 100,
            "TurnNum": count,
            "Volume": count * 300,
            "Turnover": count * 3123.45,
            "LastPrice": middle / 100,
            "HighLimitPrice": base[stock] * 1.1 // 1 / 100,
            "LowLimitPrice": base[stock] * 0.9 // 1 / 100,
            **levels,
            "LocalTime": time_,
            "SeqNo": np.arange(row, row + n),
        }
    )


COLUMNS = {"trades": trade_columns, "orders": order_columns, "quotes": quote_columns}
