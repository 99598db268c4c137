"""Three small tables for tests of the wrapper: prices (from the landing zone), averages (a look-back), weekly totals."""

import datetime as dt
from pathlib import Path

import polars as pl
from pydantic import Field

from resources.errors import InputError, NotReadyError
from resources.gate import Between, Check
from resources.made import LEFT_OUT, Made
from resources.settings.base import EXECUTION, Section
from resources.table import Land, Read, Table, days, week_days, weeks


class AverageSettings(Section):
    window: int = 3
    workers: int = Field(1, json_schema_extra=EXECUTION)


class FakeSettings(Section):
    average: AverageSettings = AverageSettings()


def make_prices(*, date: dt.date, landing) -> pl.DataFrame | Made:
    bars = landing.bars()
    if bars is None:
        return Made(pl.DataFrame(schema=PRICES.schema), unavailable={"close": f"no bars of {date}"})
    if (bars["close"] < 0).any():
        raise InputError(f"{landing.bars_path()}: a negative close. Deliver it again.")
    return bars.select(date=pl.lit(date), symbol="symbol", close="close")


def make_prices_as_file(*, date: dt.date, landing, scratch: Path) -> Made:
    frame = make_prices(date=date, landing=landing)
    assert isinstance(frame, pl.DataFrame)
    assert list(scratch.iterdir()) == []
    path = scratch / "prices.parquet"
    frame.sort("symbol").write_parquet(path)
    (scratch / "left over").touch()
    return Made(path, profile=frame)


def make_prices_with_a_file(*, date: dt.date, landing) -> Made:
    frame = make_prices(date=date, landing=landing)
    assert isinstance(frame, pl.DataFrame)
    return Made(frame, files={"said.json": b'{"features": ["a", "b"]}'})


def make_prices_in_two_attempts(*, date: dt.date, landing, work: Path) -> pl.DataFrame | Made:
    half = work / "half"
    if not half.exists():
        half.write_text("done")
        raise KeyboardInterrupt
    return make_prices(date=date, landing=landing)


def make_averages(*, date: dt.date, prices: pl.LazyFrame, settings: AverageSettings) -> pl.DataFrame:
    if settings.window == 0:
        raise NotReadyError("no mean of nothing. Choose a window.")
    grouped = prices.group_by("symbol", maintain_order=True).agg(
        pl.col("close").tail(settings.window).mean().alias("mean")
    )
    return grouped.select(date=pl.lit(date), symbol="symbol", mean="mean").collect()


def make_totals(*, week: dt.date, averages: pl.LazyFrame, previous: pl.LazyFrame) -> pl.DataFrame:
    before = previous.select(pl.col("total").sum()).collect().item() or 0.0
    own = averages.select(pl.col("mean").sum()).collect().item() or 0.0
    return pl.DataFrame({"week": [week], "total": [before + own]})


def make_totals_of_known(*, week: dt.date, averages: pl.LazyFrame, previous: pl.LazyFrame) -> pl.DataFrame:
    if averages.select(pl.col("mean").null_count()).collect().item():
        raise InputError("a mean is null. Deliver it again.")
    return make_totals(week=week, averages=averages, previous=previous)


def make_prices_without(*, date: dt.date, landing) -> Made:
    made = make_prices(date=date, landing=landing)
    assert isinstance(made, pl.DataFrame)
    return Made(made, notes={LEFT_OUT: {"styles": {"value": None}, "share": {"a": made["close"].min()}}})


def make_account(*, week: dt.date, manifests: pl.DataFrame, left_out: pl.DataFrame) -> Made:
    failed = manifests.filter(pl.col("plausibility") & ~pl.col("passed"))
    return Made(
        pl.DataFrame({"week": [week], "failed": [failed.height], "left_out": [left_out.height]}),
        files={"left_out.json": left_out.write_json().encode()},
    )


PRICES = Table(
    name="prices", stage="bars", partition="day", description="closes",
    schema={"date": pl.Date, "symbol": pl.String, "close": pl.Float64}, sort=("symbol",),
    lands=(Land("bars"),), make="tests.resources.fake_tables:make_prices",
    checks=(Check("prices_are_sane", Between("close", 0, 1000), critical=True, remedy="deliver the bars again"),),
)  # fmt: skip
AVERAGES = Table(
    name="averages", stage="factors", partition="day", description="means", settings="average",
    schema={"date": pl.Date, "symbol": pl.String, "mean": pl.Float64}, sort=("symbol",),
    reads=(Read("prices", over=days(-2, 0)),), make="tests.resources.fake_tables:make_averages",
    needs={"mean": ("prices.close",)},
)  # fmt: skip
TOTALS = Table(
    name="totals", stage="report", partition="week", description="totals",
    schema={"week": pl.Date, "total": pl.Float64}, make="tests.resources.fake_tables:make_totals",
    reads=(Read("averages", over=week_days()), Read("totals", over=weeks(-1, -1))),
)  # fmt: skip
TABLES = {table.name: table for table in (PRICES, AVERAGES, TOTALS)}
# A table that reads the manifests of all others, as the report does.
ACCOUNT = Table(
    name="account", stage="report", partition="week", description="what failed and what was left out",
    schema={"week": pl.Date, "failed": pl.Int64, "left_out": pl.Int64}, reads=(Read("prices", over=week_days()),),
    make="tests.resources.fake_tables:make_account",
)  # fmt: skip
