"""A lake of ten years in which everything is built, without building it: the manifests are current, and the parts have one row each.

    python -m benchmarks._ten_years FOLDER      writes FOLDER/market and FOLDER/lake where they do not exist

The manifests are those of the real tables under the profile `production`: every digest of inputs, landing zone, settings, code and
libraries is the one that the builder computes. The plan therefore examines every partition and finds nothing to build. The landing zone
has the files of a tick vendor with some bytes each, and reference tables of a few stocks.
"""

import datetime as dt
import random
import sys
from pathlib import Path
from unittest import mock

import polars as pl

from orchestration.plan import _needed
from orchestration.platform import Names, open_builder
from orchestration.run import everything_for
from resources.builder import Builder
from resources.calendar import Calendar
from resources.gate import Verdict
from resources.lake import content_digest
from resources.making import Sources
from resources.parquet import encode
from resources.table import Table

LAST = dt.date(2023, 12, 29)
DAYS = 2434
STOCKS = tuple(f"{600000 + n}.SH" for n in range(10)) + tuple(f"{1 + n:06d}.SZ" for n in range(10))
INDEX = "000905.SH"
TICK_FILES = (
    "mdl_4_24_0.csv",
    "mdl_4_19_0.csv",
    "MarketData.csv",
    "mdl_6_33_0.csv",
    "mdl_6_36_0.csv",
    "mdl_6_28_0.csv",
)


def days() -> list[dt.date]:
    """The trading days of the lake."""
    calendar = Calendar.xshg()
    return calendar.days(calendar.offset(LAST, 1 - DAYS), LAST)


def write_market(root: Path) -> Path:
    """Write the landing zone, and return its path."""
    every = days()
    for day in every:
        folder = root / "ticks" / f"{day:%Y%m%d}"
        folder.mkdir(parents=True)
        for name in TICK_FILES:
            (folder / name).write_text(f"{name} of {day}\n")
    reference = root / "reference"
    reference.mkdir()
    prices = pl.DataFrame({"date": every}).join(pl.DataFrame({"symbol": STOCKS}), how="cross")
    closes = 10 + pl.col("date").rank("dense").cast(pl.Float64) / 1000
    prices = prices.with_columns(
        *(closes.alias(name) for name in ("pre_close", "open", "high", "low", "close")),
        volume=pl.lit(1e6), amount=pl.lit(1e7), float_shares=pl.lit(1e9), total_shares=pl.lit(1e9), is_st=pl.lit(False),
    )  # fmt: skip
    prices.write_parquet(reference / "daily_prices.parquet")
    listed = pl.DataFrame({"symbol": STOCKS, "list_date": dt.date(2005, 1, 4)})
    listed.with_columns(delist_date=pl.lit(None, pl.Date)).write_parquet(reference / "instruments.parquet")
    listed.select("symbol", start_date="list_date", industry=pl.lit("banks")).write_parquet(
        reference / "industries.parquet"
    )
    month_ends = prices.group_by(pl.col("date").dt.truncate("1mo")).agg(pl.col("date").max().alias("last"))["last"]
    weights = pl.DataFrame({"date": month_ends.sort()}).join(pl.DataFrame({"symbol": STOCKS}), how="cross")
    weights.select(
        pl.lit(INDEX).alias("index"), "date", "symbol", pl.lit(1 / len(STOCKS)).alias("weight")
    ).write_parquet(reference / "index_weights.parquet")
    pl.DataFrame({"index": INDEX, "date": every, "close": 5000.0}).write_parquet(reference / "index_prices.parquet")
    return root


def write_lake(builder: Builder, requested: list[tuple[str, dt.date]]) -> int:
    """Write the requested partitions and everything upstream of them as built, and return their number."""
    draw = random.Random(1)
    count = 0
    with mock.patch("os.fsync"), builder.lake.writing(), builder.snapshot():
        builder.lake.claim(str(builder.zone.root.resolve()))
        needed = _needed(builder, requested)
        for table in builder.tables.values():
            for key in sorted(needed.get(table.name, ())):
                _write(builder, table, key, draw)
                count += 1
        builder.zone.flush()
    return count


def _write(builder: Builder, table: Table, key: dt.date, draw: random.Random) -> None:
    sources = Sources(builder._contents(table, key), builder.landing_digests(table, key))
    dated = {name: [key] for name, dtype in table.schema.items() if name in ("date", "week") and dtype == pl.Date}
    row = pl.DataFrame(dated, schema={name: table.schema[name] for name in dated}) if dated else pl.DataFrame({"": [0]})
    frame = row.select(
        *(pl.col(name) if name in dated else pl.lit(None, dtype).alias(name) for name, dtype in table.schema.items())
    )
    part = encode(frame)
    checks = {check.name: Verdict(True, check.critical) for check in table.checks}
    manifest = builder._manifest(
        table, key, sources, content=content_digest(part, {}, {}) if dated else f"{draw.getrandbits(128):032x}",
        rows=5300, checks=checks, seconds=round(draw.uniform(0.1, 9), 3),
    )  # fmt: skip
    builder.lake.write(table, key, part, {}, manifest)


def open_ten_years(market: Path, lake: str) -> Builder:
    """The builder of the real tables on the ten years."""
    return open_builder(Names(str(market), lake, "production"), say=lambda line: None)


def requested(builder: Builder) -> list[tuple[str, dt.date]]:
    """What a run for the report of the last week requests."""
    return everything_for(builder, builder.calendar.week_of(LAST))


def main(folder: Path) -> tuple[Path, str]:
    """Write market and lake where they do not exist, and return where they are."""
    market, lake = folder / "market", str(folder / "lake")
    if not market.exists():
        write_market(market)
    builder = open_ten_years(market, lake)
    if not builder.lake.store.names(""):
        write_lake(builder, requested(builder))
    return market, lake


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
