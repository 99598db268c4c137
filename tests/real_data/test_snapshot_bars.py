"""Bars made of real snapshots every three seconds, whose highs and lows miss trades between them."""

import datetime as dt

import polars as pl
import pytest

from resources import clock
from tests.conftest import REAL_DATA
from tests.delivered_bars.test_diagnosis import NO_TICKS
from tests.tapes import Day, Landing

FOLDER = REAL_DATA / "datayes" / "20230201"
DATE = dt.date(2023, 2, 1)
pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"REAL DATA ABSENT: no {FOLDER}, bars of snapshots are not tested on it"
)
PRICES = {  # the exchange's day (SPEC §11 and the README of the data)
    "600519.SH": (1854.98, 1859.00, 1811.40, 1844.97, 3_397_389, 6_244_678_924.61),
    "000333.SZ": (55.29, 55.99, 54.45, 55.50, 26_724_709, 1_474_820_029.11),
}
FILES = {  # symbol → file, columns of cumulative volume and amount
    "600519.SH": ("20230201_MarketData.csv", "TradVolume", "Turnover"),
    "000333.SZ": ("mdl_6_28_0.csv", "Volume", "Turnover"),
}


def bars_of(symbol: str) -> pl.DataFrame:
    """A vendor's bars: first, highest, lowest and last price of the snapshots of each minute, and what volume and amount rose by."""
    name, volume, amount = FILES[symbol]
    raw = pl.read_csv(FOLDER / name, infer_schema=False, truncate_ragged_lines=True)
    code = pl.col("SecurityID").str.strip_chars() == symbol[:6]
    shots = raw.filter(code).select(
        minute=pl.col("UpdateTime").str.slice(0, 2).cast(pl.Int32) * 60
        + pl.col("UpdateTime").str.slice(3, 2).cast(pl.Int32),
        price=pl.col("LastPrice").cast(pl.Float64),
        volume=pl.col(volume).cast(pl.Float64).cast(pl.Int64),
        amount=pl.col(amount).cast(pl.Float64),
    )
    minute = pl.col("minute")
    bar = (
        pl.when(minute < clock.MORNING).then(clock.OPENING_AUCTION)
        .when(minute.is_between(clock.LUNCH, clock.AFTERNOON - 1)).then(clock.LUNCH - 1)
        .when(minute >= clock.CLOSING_AUCTION).then(clock.CLOSING_AUCTION).otherwise(minute)
    )  # fmt: skip
    whole = (
        shots.filter(pl.col("volume") > 0)
        .group_by(minute=bar, maintain_order=True)
        .agg(
            open=pl.col("price").first(), high=pl.col("price").max(), low=pl.col("price").min(), close=pl.col("price").last(),
            volume=pl.col("volume").max(), amount=pl.col("amount").max(),
        )
        .sort("minute")
    )  # fmt: skip
    rises = (pl.col(name) - pl.col(name).shift(fill_value=0) for name in ("volume", "amount"))
    return whole.with_columns(*rises).with_columns(pl.col("amount").round(2), symbol=pl.lit(symbol))


def test_bars_of_snapshots_are_read_where_they_are_declared_and_else_name_the_setting():
    bars = pl.concat([bars_of(symbol) for symbol in FILES])
    rows = [(symbol, own[0], *own) for symbol, own in PRICES.items()]
    schema = ["symbol", "pre_close", "open", "high", "low", "close", "volume", "amount"]
    daily = pl.DataFrame(rows, schema=schema, orient="row")
    path = "bars/20230201.parquet"
    plain = Day(daily=daily, landing=Landing(bars, path=path, date=DATE), unavailable=NO_TICKS).verdicts
    for symbol in FILES:
        assert "landing.bars.extremes = 'snapshots'" in plain[symbol]["reason"]
    declared = Landing(bars, path=path, date=DATE, extremes="snapshots")
    read = Day(daily=daily, landing=declared, unavailable=NO_TICKS).verdicts
    assert {row["verdict"] for row in read.values()} == {"ok"}
