"""Bar features in Parquet → the standardised array of the networks: 40 days of 4 500 stocks beside polars and numpy, and peak memory.

    python -m benchmarks panel

Time: 30-minute bars with 63 features, float32 in memory. All sides read the same files from the page cache, make the same array
(which is compared before anything is timed) and run in turn. The floor is the decoding of the columns.

Memory: daily, 60-minute and 30-minute panels of the 1 399 days of a production window, one after the other in a new process, as
float16 in a mapped file as in production. Every page of a panel is read once after it is built. Nothing is extrapolated: the lake of
1 399 days links to 40 different files. The figure is resident memory. It includes pages of the mapped file once they are read,
although the system may drop them at any time, but not while an array is built, because it is written before it is mapped.
"""

import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.features.names import BAR_FEATURES, DAILY_FEATURES, HOUR_FEATURE
from assets.models.panel import FeaturePanel, PanelStore, build_panel, features_of
from benchmarks._side_by_side import ROOT, alternate, row
from resources.settings.models import Granularity

DAYS, WINDOW, STOCKS, ROUNDS, CLIP = 40, 1399, 4500, 3, 3.0
STARTS = {30: (570, 600, 630, 660, 780, 810, 840, 870), 60: (570, 630, 780, 840)}
LIMIT_GB = 16.0
ABSENT, NULLS, OUTSIDE = 0.03, 0.02, 0.05  # shares of stocks without rows, of null entries, of stocks outside U(t)


def main() -> list[dict[str, Any]]:
    """Return result rows: name, unit, ours, peer, ratio, target, floor, conditions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_lake(folder)
        panel, peers = ours(folder), {"polars": polars_peer, "numpy": numpy_peer}
        for peer, make in peers.items():
            np.testing.assert_allclose(make(folder), panel.values, atol=2e-5, err_msg=peer)
        medians = alternate(
            {
                "ours": lambda: ours(folder),
                "floor": lambda: columns(folder).collect(),
                **{peer: (lambda make=make: make(folder)) for peer, make in peers.items()},  # type: ignore[misc]
            },
            ROUNDS,
        )
        conditions = {
            "shape": list(panel.values.shape), "rounds": ROUNDS, "threads": pl.thread_pool_size(),
            "load_1_min": round(os.getloadavg()[0], 1),
        }  # fmt: skip
        speed = row(f"bar features to a panel, {DAYS} days × {STOCKS} × 8 × 63", medians, tuple(peers), 2.0, conditions)
        memory = _measured(folder)
    peak = max(one["peak_gb"] for one in memory.values())
    array = memory["30min"]["array_gb"]
    return [
        speed,
        {
            "name": f"peak host memory of panels, {WINDOW} days × {STOCKS} × 8 × 63, float16", "unit": "GB", "ours": peak,
            "peer": None, "ratio": LIMIT_GB / peak, "target": 1.0, "floor": array,
            "conditions": {"limit": LIMIT_GB, "load_1_min": round(os.getloadavg()[0], 1), **memory},
        },
    ]  # fmt: skip


def ours(folder: Path) -> FeaturePanel:
    """Build the panel of the timed comparison."""
    return _build(folder, "30min", DAYS)


def _build(lake: Path, granularity: Granularity, days: int, store: PanelStore | None = None) -> FeaturePanel:
    return build_panel(
        scan(lake, "daily_features" if granularity == "daily" else "bar_features", days),
        pl.scan_parquet(lake / "securities.parquet"),
        days=dates(days), granularity=granularity, features=features_of(granularity), clip=CLIP, store=store,
    )  # fmt: skip


# --- peers: the array of `ours` from the same files ---------------------------------------------------------------------


def columns(folder: Path) -> pl.LazyFrame:
    """Return the columns that all sides read."""
    return (
        scan(folder, "bar_features", DAYS)
        .filter(pl.col("granularity") == 30)
        .select("date", "symbol", "bar", *BAR_FEATURES)
    )


def polars_peer(folder: Path) -> NDArray[np.float32]:
    """Return the array by window expressions over (date, bar) on the whole frame and a join with the grid."""
    members = pl.scan_parquet(folder / "securities.parquet").filter(pl.col("date").is_in(dates(DAYS)))
    frame = columns(folder).join(members, on=["date", "symbol"], how="left")
    for n_std in (CLIP, None):
        own = {f: pl.when("in_universe").then(pl.col(f).cast(pl.Float64)) for f in BAR_FEATURES}
        mean = {f: own[f].mean().over("date", "bar") for f in BAR_FEATURES}
        std = {f: own[f].std(ddof=0).over("date", "bar") for f in BAR_FEATURES}
        if n_std is not None:
            frame = frame.with_columns(
                pl.col(f).clip(mean[f] - n_std * std[f], mean[f] + n_std * std[f]) for f in BAR_FEATURES
            )
        else:
            frame = frame.with_columns((pl.col(f) - mean[f]) / std[f] for f in BAR_FEATURES)
    names = members.select(pl.col("symbol").unique().sort()).collect()["symbol"]
    cells = np.indices((DAYS, len(STARTS[30]), len(names))).reshape(3, -1)
    grid = pl.LazyFrame(
        {
            "date": pl.Series(dates(DAYS)).gather(cells[0]),
            "bar": pl.Series(STARTS[30], dtype=pl.Int32).gather(cells[1]),
            "symbol": names.gather(cells[2]),
        }
    )
    dense = grid.join(frame, on=["date", "bar", "symbol"], how="left", maintain_order="left")
    values = dense.select(pl.col(BAR_FEATURES).cast(pl.Float32).fill_null(0.0)).collect().to_numpy()
    return values.reshape(DAYS, len(STARTS[30]), -1, len(BAR_FEATURES))


def numpy_peer(folder: Path) -> NDArray[np.float32]:
    """Return the array by index assignment of all rows and numpy's nan functions for the moments of each day."""
    frame = columns(folder).collect()
    listed = pl.scan_parquet(folder / "securities.parquet").filter(pl.col("date").is_in(dates(DAYS))).collect()
    symbols = listed["symbol"].unique().sort()
    days = np.array(dates(DAYS), "datetime64[D]")

    def at(part: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return np.searchsorted(days, part["date"].to_numpy()), symbols.search_sorted(part["symbol"]).to_numpy()

    universe = np.zeros((DAYS, len(symbols)), bool)
    universe[at(listed)] = listed["in_universe"].to_numpy()
    values = np.full((DAYS, len(STARTS[30]), len(symbols), len(BAR_FEATURES)), np.nan, np.float32)
    day, stock = at(frame)
    values[day, np.searchsorted(STARTS[30], frame["bar"].to_numpy()), stock] = frame.select(BAR_FEATURES).to_numpy()
    for position, own in enumerate(universe):
        one = values[position]
        for n_std in (CLIP, None):
            members = one[:, own].astype(np.float64)
            mean, std = np.nanmean(members, axis=1)[:, None], np.nanstd(members, axis=1)[:, None]
            if n_std is not None:
                one[:] = np.clip(one, mean - n_std * std, mean + n_std * std)
            else:
                one[:] = np.nan_to_num((one - mean) / std)
    return values


# --- memory ------------------------------------------------------------------------------------------------------------


def _measured(folder: Path) -> dict[str, dict[str, float]]:
    """The result of `measure` in a new process."""
    code = f"import json; from benchmarks.panel import measure; print(json.dumps(measure({str(folder)!r})))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(folder: str) -> dict[str, dict[str, float]]:
    """Return GB and seconds of each granularity's panel of `WINDOW` days; a panel is released before the next is built.

    Raises:
        AssertionError: A panel is empty or has another number of days.
    """
    result: dict[str, dict[str, float]] = {}
    granularities: tuple[Granularity, ...] = ("daily", "60min", "30min")
    for granularity in granularities:
        stop, private = threading.Event(), [0.0]

        def watch(stop: threading.Event = stop, private: list[float] = private) -> None:
            while not stop.wait(0.05):
                private[0] = max(private[0], _status("RssAnon"))

        watcher = threading.Thread(target=watch)
        watcher.start()
        began = time.perf_counter()
        panel = _build(Path(folder), granularity, WINDOW, PanelStore("float16", Path(folder)))
        seconds = time.perf_counter() - began
        building = _status("VmHWM")
        nothing = sum(int(np.count_nonzero(day)) for day in panel.values) == 0  # reads every page
        stop.set()
        watcher.join()
        if nothing or panel.values.shape[:1] != (WINDOW,):
            raise AssertionError(f"the {granularity} panel is empty or has a wrong shape: {panel.values.shape}")
        result[granularity] = {
            "array_gb": round(panel.values.nbytes / 1024**3, 2),
            "peak_so_far_when_built_gb": round(building, 2),
            "peak_gb": round(_status("VmHWM"), 2),
            "private_peak_gb": round(private[0], 2),
            "seconds": round(seconds, 1),
        }
        del panel
    return result


def _status(field: str) -> float:
    """GB of this process. VmHWM is the peak of resident memory, RssAnon the present resident memory without mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024**2


# --- the lake ----------------------------------------------------------------------------------------------------------


def dates(days: int) -> list[dt.date]:
    """Return the first `days` dates of the lake."""
    return [dt.date(2018, 1, 1) + dt.timedelta(n) for n in range(days)]


def scan(folder: Path, table: str, days: int) -> pl.LazyFrame:
    """Scan the first `days` partitions of a table."""
    files = [folder / table / f"date={day}" / "part.parquet" for day in dates(days)]
    return pl.scan_parquet(files, hive_schema={"date": pl.Date})


def write_lake(folder: Path) -> None:
    """Write `DAYS` different days of bar_features, daily_features and securities, and links to them for the other days.

    The date of a file is in its path and not in the file, so that several days can share it.
    """
    symbols = np.array(
        [f"{n + 1:06d}.SZ" for n in range(STOCKS // 2)] + [f"{600_000 + n}.SH" for n in range(STOCKS // 2)]
    )
    granularity = np.repeat([*STARTS], [len(starts) for starts in STARTS.values()]).astype(np.int32)
    bar = np.concatenate([*STARTS.values()]).astype(np.int32)
    tables: dict[str, Callable[[np.random.Generator, NDArray[np.str_]], pl.DataFrame]] = {
        "bar_features": lambda rng, names: pl.DataFrame(
            {
                "symbol": np.repeat(names, bar.size),
                "granularity": np.tile(granularity, len(names)),
                "bar": np.tile(bar, len(names)),
                **_values(rng, (*BAR_FEATURES, HOUR_FEATURE), bar.size * len(names)),
            }
        ).with_columns(pl.when(pl.col("granularity") == 60).then(HOUR_FEATURE)),
        "daily_features": lambda rng, names: pl.DataFrame(
            {"symbol": names, **_values(rng, DAILY_FEATURES, len(names))}
        ),
    }
    listed = []
    for number, day in enumerate(dates(WINDOW)):
        rng = np.random.default_rng(number)
        for table, make in tables.items():
            path = folder / table / f"date={day}" / "part.parquet"
            path.parent.mkdir(parents=True)
            if number < DAYS:
                make(rng, symbols[rng.random(STOCKS) >= ABSENT]).write_parquet(
                    path, compression="zstd", statistics=True
                )
            else:
                os.link(folder / table / f"date={dates(DAYS)[number % DAYS]}" / "part.parquet", path)
        listed.append(
            pl.DataFrame({"symbol": symbols, "in_universe": rng.random(STOCKS) >= OUTSIDE}).with_columns(date=day)
        )
    pl.concat(listed).write_parquet(folder / "securities.parquet", compression="zstd", row_group_size=100_000)


def _values(rng: np.random.Generator, names: tuple[str, ...], rows: int) -> dict[str, pl.Series]:
    """Standard normal columns with nulls."""
    made = {}
    for name in names:
        values = rng.standard_normal(rows, dtype=np.float32)
        values[rng.random(rows) < NULLS] = np.nan
        made[name] = pl.Series(values).fill_nan(None)
    return made
