"""Three small tables for tests of the builder: prices (from the landing zone), averages (a look-back), weekly totals."""

import dataclasses
import json

import polars as pl
from pydantic import Field

from resources.errors import InputError, NotReadyError
from resources.gate import Between, Check
from resources.issues import Issues
from resources.language import Bilingual
from resources.made import LEFT_OUT, Made
from resources.partition import Frames, Partition
from resources.settings.base import EXECUTION, Section
from resources.settings.gates import Gates
from resources.settings.sensors import SensorsSettings
from resources.table import Land, Read, Table, days, week_days, weeks


class AverageSettings(Section):
    window: int = 3
    workers: int = Field(1, json_schema_extra=EXECUTION)


class FakeSettings(Section):
    average: AverageSettings = AverageSettings()
    gates: Gates = Field(default_factory=dict)
    sensors: SensorsSettings = SensorsSettings()


def make_prices(frames: Frames, partition: Partition, settings: None) -> Made:
    bars = partition.landing.bars()
    if bars is None:
        return Made(pl.DataFrame(schema=PRICES.schema), unavailable={"close": f"no bars of {partition.date}"})
    if (bars["close"] < 0).any():
        raise InputError(f"{partition.landing.bars_path()}: a negative close. Deliver it again.")
    return Made(bars.select(date=pl.lit(partition.date), symbol="symbol", close="close"))


def make_prices_otherwise(frames: Frames, partition: Partition, settings: None) -> Made:
    """Other code, the same rows."""
    return Made(_priced(frames, partition))


def make_prices_that_differ_late(frames: Frames, partition: Partition, settings: None) -> Made:
    """Other rows from 12 January 2023 on."""
    return Made(_priced(frames, partition).with_columns(pl.col("close") + (1 if partition.date.day >= 12 else 0)))


def make_prices_with_other_words(frames: Frames, partition: Partition, settings: None) -> Made:
    """The same rows a third time."""
    frame = _priced(frames, partition)
    return Made(frame.select(frame.columns))


def make_prices_never(frames: Frames, partition: Partition, settings: None) -> Made:
    raise NotReadyError("the desk is closed")


def make_prices_as_file(frames: Frames, partition: Partition, settings: None) -> Made:
    frame = _priced(frames, partition)
    assert list(partition.scratch.iterdir()) == []
    path = partition.scratch / "prices.parquet"
    frame.sort("symbol").write_parquet(path)
    (partition.scratch / "left over").touch()
    return Made(path, profile=frame)


def make_prices_with_a_file(frames: Frames, partition: Partition, settings: None) -> Made:
    return Made(_priced(frames, partition), files={"features.json": b'{"features": ["a", "b"]}'})


def make_prices_in_two_attempts(frames: Frames, partition: Partition, settings: None) -> Made:
    half = partition.work / "half"
    if not half.exists():
        half.write_text("done")
        raise KeyboardInterrupt
    return make_prices(frames, partition, None)


def make_prices_without(frames: Frames, partition: Partition, settings: None) -> Made:
    frame = _priced(frames, partition)
    return Made(frame, notes={LEFT_OUT: {"styles": {"value": None}, "share": {"a": frame["close"].min()}}})


def _priced(frames: Frames, partition: Partition) -> pl.DataFrame:
    frame = make_prices(frames, partition, None).frame
    assert isinstance(frame, pl.DataFrame)
    return frame


def make_averages(frames: Frames, partition: Partition, settings: AverageSettings) -> Made:
    if settings.window == 0:
        raise NotReadyError("no mean of nothing. Choose a window.")
    grouped = (
        frames["prices"]
        .group_by("symbol", maintain_order=True)
        .agg(pl.col("close").tail(settings.window).mean().alias("mean"))
    )
    return Made(grouped.select(date=pl.lit(partition.date), symbol="symbol", mean="mean").collect())


def make_totals(frames: Frames, partition: Partition, settings: None) -> Made:
    before = frames["totals"].select(pl.col("total").sum()).collect().item() or 0.0
    own = frames["averages"].select(pl.col("mean").sum()).collect().item() or 0.0
    return Made(pl.DataFrame({"week": [partition.week], "total": [before + own]}))


def make_totals_of_known(frames: Frames, partition: Partition, settings: None) -> Made:
    if frames["averages"].select(pl.col("mean").null_count()).collect().item():
        raise InputError("a mean is null. Deliver it again.")
    return make_totals(frames, partition, None)


def make_published_totals(frames: Frames, partition: Partition, settings: None) -> Made:
    made = make_totals(frames, partition, settings)
    assert isinstance(made.frame, pl.DataFrame)
    return Made(made.frame, files={"page.html": made.frame.write_json().encode(), "figures/one.svg": b"<svg/>"})


def write_log(issues: Issues, settings: None) -> dict[str, bytes]:
    """The log of the published totals: the numbers of the issues of each week."""
    return {"log.json": json.dumps([[str(one.week), one.number, one.unchanged] for one in issues.places()]).encode()}


def make_account(frames: Frames, partition: Partition, settings: None) -> Made:
    verdicts, left_out = partition.record.verdicts, partition.record.left_out
    failed = verdicts.filter(pl.col("plausibility") & ~pl.col("passed"))
    return Made(
        pl.DataFrame({"week": [partition.week], "failed": [failed.height], "left_out": [left_out.height]}),
        files={"left_out.json": left_out.write_json().encode()},
    )


PRICES = Table(
    name="prices", group="bars", partition="day", description="closes",
    schema={"date": pl.Date, "symbol": pl.String, "close": pl.Float64}, sort=("symbol",),
    lands=(Land("bars"),), make="tests.resources.fake_tables:make_prices",
    checks=(Check("prices_are_sane", Between("close", 0, 1000), critical=True, remedy=Bilingual("重新提供分钟线", "deliver the bars again")),),
)  # fmt: skip
AVERAGES = Table(
    name="averages", group="factors", partition="day", description="means", settings="average",
    schema={"date": pl.Date, "symbol": pl.String, "mean": pl.Float64}, sort=("symbol",),
    reads=(Read("prices", over=days(-2, 0)),), make="tests.resources.fake_tables:make_averages",
    needs={"mean": ("prices.close",)},
)  # fmt: skip
TOTALS = Table(
    name="totals", group="report", partition="week", description="totals",
    schema={"week": pl.Date, "total": pl.Float64}, make="tests.resources.fake_tables:make_totals",
    reads=(Read("averages", over=week_days()), Read("totals", over=weeks(-1, -1))),
)  # fmt: skip
# The totals as issues that are kept.
PUBLISHED = dataclasses.replace(
    TOTALS, make="tests.resources.fake_tables:make_published_totals", log="tests.resources.fake_tables:write_log"
)
TABLES = {table.name: table for table in (PRICES, AVERAGES, TOTALS)}
# A table that reads the verdicts on all others, as the report does.
ACCOUNT = Table(
    name="account", group="report", partition="week", description="what failed and what was left out",
    schema={"week": pl.Date, "failed": pl.Int64, "left_out": pl.Int64}, reads=(Read("prices", over=week_days()),),
    make="tests.resources.fake_tables:make_account", reads_record=True,
)  # fmt: skip
