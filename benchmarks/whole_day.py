"""One whole-market day, from ticks in Parquet to tape_health, order sizes, minute bars, day indicators and bar features.

    python -m benchmarks whole_day

The synthetic day has on average 17 000 trades, 24 500 orders and cancels and 4 530 ten-level snapshots per stock, that is 90, 130 and
24 million for 5 300 stocks, with consistent orders, books, cumulative counts and daily totals. The make functions of the tables
process it; each reads Parquet, and its result is written as Parquet. The sizes are 500, 1 000, 2 650 and 5 300 stocks, each in a new
process, of which the peak memory is measured. Compiled kernels are loaded from numba's cache.

The seconds do not include vendor files (csv_to_parquet) or the builder's checks and digests.
"""

import datetime as dt
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets.ticks.canonical import KIND, ORDERS, QUOTES, TRADES
from resources.made import Made
from resources.partition import Frames, Partition
from resources.rulebook import Rulebook

DATE = dt.date(2024, 1, 10)
SIZES = (500, 1000, 2650, 5300)
BLOCK = 50  # stocks generated and written at a time; every size is a multiple of it
SHAPES = 8  # number of different blocks, which are repeated with other symbols
TRADES_A_STOCK, ORDERS_A_STOCK, QUOTES_A_STOCK = 16_981, 24_529, 4_530
ROW_GROUP = 500_000
CHANNELS = 20
TICKS = ("trades", "orders", "quotes")
LIMIT_S, LIMIT_GB, LIMIT_NONLINEAR = 90.0, 6.0, 1.15


def main() -> list[dict[str, Any]]:
    """Return result rows: name, unit, ours, peer, ratio, target, floor. There is no peer; ratio is limit / ours."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        write_market(Path(folder), max(SIZES))
        generation = time.perf_counter() - began
        _measured(Path(folder), BLOCK)  # fills numba's cache
        results = {size: _measured(Path(folder), size) for size in SIZES}
    whole = results[max(SIZES)]
    a_stock = {size: result["total"] / size for size, result in results.items()}
    conditions = {
        "trades": whole["trades"],
        "orders": whole["orders"],
        "quotes": whole["quotes"],
        "generation_s": round(generation, 1),
        "stages_s": {name: round(taken, 2) for name, taken in whole["stages"].items()},
        "seconds_by_stocks": {str(size): round(result["total"], 2) for size, result in results.items()},
        "peak_gb_by_stocks": {str(size): round(result["peak_gb"], 2) for size, result in results.items()},
    }

    def row(name: str, unit: str, ours: float, limit: float) -> dict[str, Any]:
        return {
            "name": f"whole-market day, {max(SIZES)} stocks: {name}", "unit": unit, "ours": ours, "peer": None,
            "ratio": limit / ours, "target": 1.0, "floor": None, "conditions": {"limit": limit, **conditions},
        }  # fmt: skip

    nonlinear = a_stock[max(SIZES)] / a_stock[min(SIZES)]
    return [
        row("ticks to bars, indicators, features", "s", whole["total"], LIMIT_S),
        row("peak memory", "GB", whole["peak_gb"], LIMIT_GB),
        row(f"time a stock beside that of {min(SIZES)} stocks", "times", nonlinear, LIMIT_NONLINEAR),
    ]


def _measured(folder: Path, stocks: int) -> dict[str, Any]:
    """The result of `measure` in a new process."""
    code = (
        f"import json; from benchmarks.whole_day import measure; print(json.dumps(measure({str(folder)!r}, {stocks})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


# --- the day through the tables ----------------------------------------------------------------------------------------


class Landing:
    """A landing zone without bars and reference tables; the ticks are already in the lake."""

    def bars(self) -> None:
        """There are no bars."""

    def order_sizes(self) -> None:
        """There are no order sizes."""

    def reference(self, name: str) -> None:
        """There is no reference table."""


def measure(folder: str, stocks: int) -> dict[str, Any]:
    """Return the seconds of each stage for the first `stocks` stocks of the folder, and the peak memory of this process."""
    from assets.bars.make_minute_bars import make_minute_bars
    from assets.bars.make_order_sizes import make_order_sizes
    from assets.factors.make_day_indicators import make_day_indicators
    from assets.features.make_bar_features import make_bar_features
    from assets.tape_health.make_tape_health import make_tape_health
    from assets.ticks.day_of_files import ENDS
    from resources.settings.bars import BarsSettings
    from resources.settings.factors import FactorsSettings
    from resources.settings.features import FeaturesSettings

    root = Path(folder)
    blocks = range(stocks // BLOCK)
    ticks = {name: pl.scan_parquet([root / f"{name}.{block}.parquet" for block in blocks]) for name in TICKS}
    reference = {
        name: pl.concat([pl.read_parquet(root / f"{name}.{block}.parquet") for block in blocks])
        for name in ("daily_prices", "securities", *(f"counts_of_{name}" for name in TICKS))
    }
    daily, securities = reference["daily_prices"].lazy(), reference["securities"].lazy()
    beside = {(name, "symbols.parquet"): _parquet(reference[f"counts_of_{name}"]) for name in TICKS}
    for name in ("trades", "orders"):
        beside[name, "numbers.parquet"] = _parquet(_numbers(name, int(reference[f"counts_of_{name}"]["rows"].sum())))
    for name in ("trades", "quotes"):
        beside[name, "ends.parquet"] = _parquet(pl.DataFrame(schema=ENDS))
    partition = Partition.of(
        DATE, landing=Landing(), rules=Rulebook.on(DATE), files=lambda table, date, name: beside[table, name]
    )
    seconds: dict[str, float] = {}
    tables: dict[str, pl.LazyFrame] = {}

    def stage(name: str, make: Callable[..., Made], settings: Any, **inputs: pl.LazyFrame) -> None:
        began = time.perf_counter()
        made = make(Frames(inputs), partition, settings)
        assert isinstance(made.frame, pl.DataFrame)
        part = root / f"{name}.{stocks}.parquet"
        made.frame.write_parquet(part, compression="zstd", statistics=True)
        seconds[name] = time.perf_counter() - began
        beside.update({(name, file): data for file, data in made.files.items()})
        tables[name] = pl.scan_parquet(part)

    both = {"trades": ticks["trades"], "quotes": ticks["quotes"]}
    stage(
        "tape_health", make_tape_health, BarsSettings(), **both, orders=ticks["orders"], daily_prices=daily,
        securities=securities,
    )  # fmt: skip
    health = tables["tape_health"]
    stage("order_sizes", make_order_sizes, BarsSettings(), trades=ticks["trades"], tape_health=health)
    sizes = tables["order_sizes"].collect()  # used for each of the twenty days before
    past = pl.concat(sizes.with_columns(date=pl.lit(DATE - dt.timedelta(days=n))) for n in range(1, 21)).lazy()
    stage(
        "minute_bars", make_minute_bars, BarsSettings(), **both, daily_prices=daily, securities=securities,
        order_sizes=past, tape_health=health,
    )  # fmt: skip
    of_day = {"minute_bars": tables["minute_bars"], "daily_prices": daily}
    stage("day_indicators", make_day_indicators, FactorsSettings(), **of_day)
    stage("bar_features", make_bar_features, FeaturesSettings(), **of_day)
    _require_whole(tables, stocks)
    return {
        "total": sum(seconds.values()),
        "stages": seconds,
        **{name: int(reference[f"counts_of_{name}"]["rows"].sum()) for name in TICKS},
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
    }


def _require_whole(tables: Mapping[str, pl.LazyFrame], stocks: int) -> None:
    """Raise AssertionError if a symbol was set aside or a figure is missing."""
    verdicts = tables["tape_health"].select("verdict", "reason").unique().collect()
    if verdicts["verdict"].to_list() != ["ok"]:
        raise AssertionError(f"the synthetic tapes are not accepted: {verdicts.head(3).rows()}")
    for name, column in (("minute_bars", "large_buy_amount"), ("day_indicators", "buying_intention_share")):
        table = tables[name].select(pl.col("symbol").n_unique(), pl.col(column).null_count()).collect()
        if table.row(0) != (stocks, 0):
            raise AssertionError(f"{name} has {table.row(0)} symbols and nulls instead of {stocks} and none")


def _parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def _numbers(numbering: str, rows: int) -> pl.DataFrame:
    """numbers.parquet of trades or orders: every channel has the numbers 1 … its number of rows."""
    each = rows // CHANNELS
    seen = np.packbits(np.ones(each, np.uint8), bitorder="little").tobytes()
    return pl.DataFrame(
        {
            "exchange": ["SH", "SZ"] * (CHANNELS // 2), "channel": range(CHANNELS), "numbering": [numbering] * CHANNELS,
            "first": [1] * CHANNELS, "last": [each] * CHANNELS, "distinct": [each] * CHANNELS, "rows": [each] * CHANNELS,
            "seen": [seen] * CHANNELS,
        },
        schema={
            "exchange": pl.String, "channel": pl.Int32, "numbering": pl.String, "first": pl.Int64, "last": pl.Int64,
            "distinct": pl.Int64, "rows": pl.Int64, "seen": pl.Binary,
        },
    )  # fmt: skip


# --- the synthetic day -------------------------------------------------------------------------------------------------


def write_market(folder: Path, stocks: int) -> None:
    """Write trades, orders, quotes, their counts per symbol, daily prices and securities, in files of `BLOCK` stocks each."""
    shapes: dict[tuple[str, int], dict[str, pl.DataFrame]] = {}
    for block in range(stocks // BLOCK):
        symbols = pl.Series("symbol", [_symbol(block * BLOCK + n) for n in range(BLOCK)])
        shape = (symbols[0][-2:], block % (SHAPES // 2))  # the order streams of the exchanges differ
        if shape not in shapes:
            shapes[shape] = _block(np.random.default_rng(block), whole_orders=shape[0] == "SZ")
        for name, frame in shapes[shape].items():
            named = frame.with_columns(symbols.gather(frame["stock"]).alias("symbol"))
            if name in ("trades", "orders"):
                named = named.with_columns(pl.col("channel") + block % (CHANNELS // 2))
            schema = {"trades": TRADES, "orders": ORDERS, "quotes": QUOTES}.get(name)
            columns = [*schema] if schema else ["symbol", *(c for c in frame.columns if c != "stock")]
            named.select(columns).write_parquet(
                folder / f"{name}.{block}.parquet", compression="zstd", statistics=True, row_group_size=ROW_GROUP
            )


def _symbol(number: int) -> str:
    half = max(SIZES) // 2
    return f"{number + 1:06d}.SZ" if number < half else f"{600_000 + number - half:06d}.SH"


def _block(rng: np.random.Generator, *, whole_orders: bool) -> dict[str, pl.DataFrame]:
    """The tables of `BLOCK` stocks, which are identified by their number in the block (`stock`)."""
    weight = rng.lognormal(0, 1, BLOCK)
    counts = np.maximum(weight / weight.sum() * BLOCK * TRADES_A_STOCK, 500).astype(int)
    parts = [_stock(rng, number, trades, whole_orders) for number, trades in enumerate(counts)]
    tables = {name: pl.concat(part[name] for part in parts) for name in (*TICKS, "daily_prices")}
    day = tables["daily_prices"]
    limits = {"limit_up": pl.col("pre_close") * 1.1, "limit_down": pl.col("pre_close") * 0.9}
    tables["securities"] = day.select("stock", last_close="close", **{k: v.round(2) for k, v in limits.items()})
    for name, faults in COUNTED.items():
        tables[f"counts_of_{name}"] = (
            tables[name]
            .group_by("stock", maintain_order=True)
            .agg(pl.len().cast(pl.Int64).alias("rows"), **{fault: pl.lit(0, pl.Int64) for fault in faults})
        )
    return tables


_ROWS = ("rows_set_aside", "duplicates", "conflicting_duplicates", "out_of_order")
COUNTED = {
    "trades": (*_ROWS, "side_disagreements"),
    "orders": _ROWS,
    "quotes": ("rows_set_aside", "cumulative_decreases", "outside_limits", "crossed"),
}
"""Counts per symbol beside the tables trades, orders and quotes; all are 0 here."""
MORNING, LUNCH, AFTERNOON, CLOSING, CLOSE = 34_200_000, 41_400_000, 46_800_000, 53_820_000, 54_000_000
OPENING = 33_900_000


def _stock(rng: np.random.Generator, stock: int, n: int, whole_orders: bool) -> dict[str, pl.DataFrame]:
    """One stock's day: a price that moves by ticks inside its limits, order numbers near in time, a snapshot every 3 s."""
    continuous = np.sort(rng.integers(0, LUNCH - MORNING + CLOSING - AFTERNOON, n - n // 50))
    continuous += np.where(continuous < LUNCH - MORNING, MORNING, AFTERNOON - LUNCH + MORNING)
    opening, closing = n // 100, n // 50 - n // 100
    stamp = np.concatenate([np.full(opening, OPENING), continuous, np.full(closing, CLOSE)]).astype(np.int32)
    pre_close = int(rng.integers(1000, 10_000)) * 100
    path = np.cumsum(rng.normal(0, 1, n)) / np.sqrt(n)
    price = np.round(pre_close * (1 + 0.06 * np.tanh(0.5 * path)) / 100).astype(np.int64) * 100
    price[stamp < MORNING], price[stamp >= CLOSING] = price[opening], price[-1]
    volume = rng.geometric(0.1, n) * 100
    # Numbers of a channel: trades 8k, resting bids 8k + 1, resting asks 8k + 2, aggressive orders 8k + 3, unfilled orders
    # 8k + 4 and their cancels 8k + 5. An aggressive order fills two or three resting ones, a resting one has two fills.
    place = np.cumsum(rng.integers(1, 10, n)) + 10_000
    run = np.cumsum(rng.random(n) < 0.4)
    start = place[np.searchsorted(run, run)]
    rested = np.maximum(start - 2 - rng.exponential(2000, n).astype(np.int64), 1) // 10 * 10
    buys = (rng.random(n) < 0.5)[run - run[0]]
    seq, active = 8 * place, 8 * (start - 1) + 3
    bid_order, ask_order = np.where(buys, active, 8 * rested + 1), np.where(buys, 8 * rested + 2, active)
    side = np.where((stamp >= MORNING) & (stamp < CLOSING), np.where(buys, 1, -1), 0).astype(np.int8)
    trades = pl.DataFrame(
        {
            "stock": np.full(n, stock, np.int32),
            "channel": np.full(n, stock % 2, np.int32),
            "seq": seq,
            "time": stamp,
            "price": price,
            "volume": volume,
            "bid_order": bid_order,
            "ask_order": ask_order,
            "side": side,
            "event": seq,
        }
    ).with_columns(date=pl.lit(DATE))
    orders = _orders(rng, trades, whole_orders)

    each = np.linspace(MORNING, CLOSING - 3000 + (LUNCH - AFTERNOON), QUOTES_A_STOCK - 2).astype(np.int64)
    each += np.where(each < LUNCH, 0, AFTERNOON - LUNCH)
    at = np.concatenate([[MORNING - 240_000], each, [CLOSE + 3000]])
    seen = np.searchsorted(stamp, at, side="right")
    amount = np.concatenate([[0], np.cumsum(price * volume)])[seen]
    last = price[np.maximum(seen - 1, 0)]
    m = len(at)
    bid = last - 100 * (rng.random(m) < 0.5)
    up, down = (round(pre_close * share / 100) * 100 for share in (1.1, 0.9))
    book = rng.integers(1, 500, (20, m), dtype=np.int64) * 100
    quotes = pl.DataFrame(
        {
            "stock": np.full(m, stock, np.int32),
            "time": at.astype(np.int32),
            "trades": seen,
            "volume": np.concatenate([[0], np.cumsum(volume)])[seen],
            "amount": amount,
            "last": last,
            "pre_close": np.full(m, pre_close),
            "limit_up": np.full(m, up),
            "limit_down": np.full(m, down),
            **{f"bid_price_{i}": bid - 100 * (i - 1) for i in range(1, 11)},
            **{f"ask_price_{i}": bid + 100 * i for i in range(1, 11)},
            **{f"bid_volume_{i}": book[i - 1] for i in range(1, 11)},
            **{f"ask_volume_{i}": book[i + 9] for i in range(1, 11)},
        }
    ).with_columns(date=pl.lit(DATE))
    day = {
        "stock": stock, "pre_close": pre_close / 10_000, "open": price[0] / 10_000, "high": price.max() / 10_000,
        "low": price.min() / 10_000, "close": price[-1] / 10_000, "volume": int(volume.sum()),
        "amount": int((price * volume).sum()) / 10_000,
    }  # fmt: skip
    return {"trades": trades, "orders": orders, "quotes": quotes, "daily_prices": pl.DataFrame([day])}


def _orders(rng: np.random.Generator, trades: pl.DataFrame, whole: bool) -> pl.DataFrame:
    """The order stream of one stock: the filled orders, and withdrawn orders up to the stock's average number.

    whole: as in Shenzhen, an order is added before its first fill with its whole size; else, as in Shanghai, it is added with the
    quantity that was not filled at once, and not at all if nothing was left.
    """
    fills = pl.concat(
        trades.select("price", "volume", order=f"{name}_order", buys=pl.lit(side), passive=pl.col("side") != side)
        for name, side in (("bid", 1), ("ask", -1))
    )
    entered = (
        fills.group_by("order")
        .agg(
            pl.col("buys").first().cast(pl.Int8).alias("side"),
            pl.when(pl.col("buys").first() > 0)
            .then(pl.col("price").max())
            .otherwise(pl.col("price").min())
            .alias("price"),
            (pl.col("volume") * (pl.col("passive") | whole)).sum().alias("quantity"),
        )
        .filter(pl.col("quantity") > 0)
        .with_columns(kind=pl.lit("limit", KIND), seq="order")
    )
    withdrawn = max(0, round(len(trades) * ORDERS_A_STOCK / TRADES_A_STOCK) - len(entered)) // 2
    places = rng.choice(np.arange(1, int(trades["seq"][-1]) // 8), withdrawn, replace=False)
    unfilled = pl.DataFrame(
        {
            "order": 8 * places + 4,
            "side": rng.choice(np.array([-1, 1], np.int8), withdrawn),
            "price": rng.choice(trades["price"].to_numpy(), withdrawn),
            "quantity": rng.geometric(0.1, withdrawn) * 100,
        }
    )
    later = pl.Series(8 * rng.integers(1, 2000, withdrawn) + 1)
    rows = pl.concat(
        [
            entered,
            unfilled.with_columns(kind=pl.lit("limit", KIND), seq="order"),
            unfilled.with_columns(kind=pl.lit("cancel", KIND), seq=pl.col("order") + later),
        ],
        how="diagonal",
    ).sort("seq")
    time = np.interp(rows["seq"].to_numpy(), trades["seq"].to_numpy(), trades["time"].to_numpy())
    return rows.with_columns(
        *(pl.lit(trades[name][0], trades.schema[name]).alias(name) for name in ("stock", "channel")),
        time=pl.Series(time).cast(pl.Int32),
        date=pl.lit(DATE),
        event=pl.col("seq"),
    )
