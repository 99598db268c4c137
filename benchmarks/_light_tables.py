"""Light tables on small bars, and the steps of a run over them: a plan and its build, with and without Dagster.

The tables take some milliseconds per partition, as the real ones do on a market of some hundred stocks. They contain every kind of
partition: a day from the landing zone, look-backs of 20 days, weeks that read the week before, and a week that reads the manifests of
all tables and is published. This module makes the market and the tables. It does not measure (orchestration.py).
"""

import datetime as dt
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from orchestration.plan import make_plan
from resources.builder import Builder
from resources.calendar import Calendar
from resources.gate import Between, Check, NotNull
from resources.issues import Issues
from resources.lake import Lake
from resources.landing import LandingZone
from resources.language import Bilingual
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings import Settings
from resources.table import Land, Read, Table, all_weeks, days, week_days, weeks

FIRST = dt.date(2022, 1, 4)
STOCKS, MINUTES = 300, 239
REMEDY = Bilingual("重新提供分钟线", "deliver the bars again")


def make_prices(frames: Frames, partition: Partition, settings: None) -> Made:
    """The day's return, volatility and extremes of each stock from its minute bars."""
    bars = partition.landing.bars()
    assert bars is not None
    change = pl.col("close").log().diff()
    made = bars.group_by("symbol").agg(
        close=pl.col("close").last(), high=pl.col("close").max(), low=pl.col("close").min(), change=change.sum(),
        deviation=change.std(), skewness=change.skew(),
    )  # fmt: skip
    return Made(made.select(pl.lit(partition.date).alias("date"), *(name for name in PRICES.schema if name != "date")))


def make_means(frames: Frames, partition: Partition, settings: None) -> Made:
    """Means over 20 days and their ranks."""
    names = ("change", "deviation", "skewness")
    made = frames["light_prices"].group_by("symbol").agg(pl.col(name).mean() for name in names)
    ranked = made.with_columns(pl.col(name).rank().name.suffix("_rank") for name in names).collect()
    return Made(ranked.select(pl.lit(partition.date).alias("date"), *(name for name in MEANS.schema if name != "date")))


def make_weights(frames: Frames, partition: Partition, settings: None) -> Made:
    """Weights by the week's mean ranks, smoothed with those of the week before."""
    score = frames["light_means"].group_by("symbol").agg(score=pl.col("change_rank").mean()).collect()
    before = frames["light_weights"].select("symbol", before="weight").collect()
    joined = score.join(before, on="symbol", how="left")
    weight = pl.col("score") / pl.col("score").sum()
    made = joined.select("symbol", weight=pl.coalesce((weight + pl.col("before")) / 2, weight))
    return Made(made.select(week=pl.lit(partition.week), symbol="symbol", weight="weight"))


def make_summary(frames: Frames, partition: Partition, settings: None) -> Made:
    """The figures of all weeks, with the verdicts on all partitions."""
    found = frames["light_weights"].group_by("week").agg(largest=pl.col("weight").max()).sort("week").collect()
    page = json.dumps([found.height, partition.record.verdicts.height])
    return Made(found, files={"page.json": page.encode()})


def write_log(issues: Issues, settings: None) -> dict[str, bytes]:
    """The log of the published summaries."""
    return {"light.json": json.dumps([[str(one.week), one.number] for one in issues.places()]).encode()}


_FIGURES = dict.fromkeys(("close", "high", "low", "change", "deviation", "skewness"), pl.Float64)
PRICES = Table(
    name="light_prices", group="bars", partition="day", description="prices", sort=("symbol",), lands=(Land("bars"),),
    schema={"date": pl.Date, "symbol": pl.String, **_FIGURES}, make="benchmarks._light_tables:make_prices",
    checks=(Check("close_is_positive", Between("close", 0), critical=True, remedy=REMEDY),
            Check("close_is_known", NotNull("close"), critical=True, remedy=REMEDY)),
)  # fmt: skip
MEANS = Table(
    name="light_means", group="factors", partition="day", description="means", sort=("symbol",),
    schema={"date": pl.Date, "symbol": pl.String} | dict.fromkeys(
        ("change", "deviation", "skewness", "change_rank", "deviation_rank", "skewness_rank"), pl.Float64),
    reads=(Read("light_prices", over=days(-19, 0)),), make="benchmarks._light_tables:make_means",
    checks=(Check("rank_is_known", NotNull("change_rank"), critical=False, remedy=REMEDY),),
)  # fmt: skip
WEIGHTS = Table(
    name="light_weights", group="portfolios", partition="week", description="weights", sort=("symbol",),
    schema={"week": pl.Date, "symbol": pl.String, "weight": pl.Float64}, make="benchmarks._light_tables:make_weights",
    reads=(Read("light_means", over=week_days()), Read("light_weights", over=weeks(-1, -1))),
    checks=(Check("weight_is_a_share", Between("weight", 0, 1), critical=True, remedy=REMEDY),),
)  # fmt: skip
SUMMARY = Table(
    name="light_summary", group="report", partition="week", description="summary", schema={"week": pl.Date, "largest": pl.Float64},
    reads=(Read("light_weights", over=all_weeks),), reads_record=True, log="benchmarks._light_tables:write_log",
    make="benchmarks._light_tables:make_summary",
)  # fmt: skip
TABLES = {table.name: table for table in (PRICES, MEANS, WEIGHTS, SUMMARY)}


def deliver(market: Path, chosen: Sequence[dt.date]) -> Path:
    """Write the bars of these days, and return the market."""
    (market / "bars").mkdir(parents=True, exist_ok=True)
    minutes = np.concatenate([[565], np.arange(570, 690), np.arange(780, 897), [897]])[:MINUTES]
    symbols = np.repeat([f"{600000 + n}.SH" for n in range(STOCKS)], MINUTES)
    for day in chosen:
        draw = np.random.default_rng(day.toordinal())
        closes = 10 * np.exp(np.cumsum(draw.normal(0, 0.001, (STOCKS, MINUTES)), axis=1)).round(2)
        frame = pl.DataFrame({"symbol": symbols, "minute": np.tile(minutes, STOCKS), "close": closes.ravel()})
        frame.write_parquet(market / "bars" / f"{day:%Y%m%d}.parquet")
    return market


def first_days(count: int) -> list[dt.date]:
    """The first trading days of the market, at least `count`, up to the end of a week."""
    calendar = Calendar.xshg()
    last = calendar.week_of(calendar.offset(FIRST, count - 1))
    return calendar.days(FIRST, calendar.signal_day(last))


def open_light(market: Path, lake: Path) -> Builder:
    """The builder of the light tables."""
    store = Lake(str(lake))
    zone = LandingZone(market, store.store)
    return Builder(tables=TABLES, lake=store, zone=zone, calendar=Calendar.xshg(), settings=Settings(), say=_quiet)


def requested(builder: Builder) -> list[tuple[str, dt.date]]:
    """Every day of every day table and the last summary, as a run for a report requests them."""
    landed = builder.zone.days()
    daily = [(name, day) for name in ("light_prices", "light_means") for day in landed]
    return [*daily, ("light_summary", builder.calendar.week_of(landed[-1]))]


def build_directly(builder: Builder) -> int:
    """Plan and build without Dagster, table after table, and return the number of partitions. It plans twice, as the driver does."""
    with builder.lake.writing():
        plan = make_plan(builder, requested(builder))
        for table in builder.tables.values():
            builder.build(table, [step.key for step in plan.steps if step.table is table])
        assert not make_plan(builder, requested(builder), builder.tried).steps
    return len(plan.steps)


def _quiet(line: str) -> None:
    """Progress lines are dropped."""
