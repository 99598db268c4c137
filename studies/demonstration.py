"""Replacements of the tables that need minute data, for a study of the portfolios on daily data.

This module holds the demonstration table `scores`, and empty tables with the reason. It does not hold the study.
"""

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
from pydantic import Field

from assets.bars.assets import minute_bars
from assets.distributions.assets import distribution_shifts
from assets.factors.assets import factors
from assets.factors.cross_section import standardise
from assets.models.schemas import SCORES
from resources.calendar import Calendar
from resources.gate import Check, Unique
from resources.language import Bilingual as T
from resources.lookback import Lookback
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.base import Section
from resources.table import Read, Table

CLIP = 3.0  # standard deviations, as for every score of SPEC §5
MIN_SHARE = 0.75  # least share of a window's days on which a stock must have traded (SPEC §4)
DAILY_ONLY = "this study has only daily data"


class DemonstrationSettings(Section):
    """The score that replaces that of network 16."""

    score: str = Field("reversal_20", description="Name of the score in the table scores and in every solve")
    window: int = Field(20, ge=1, description="Trading days of the compounded return that is reversed, without a file")
    file: str | None = Field(None, description="Parquet file of the scores: date, symbol, factor, value")
    digest: str = Field("", description="Digest of the file, so that the table becomes stale when the file changes")


@Lookback
def window_days(calendar: Calendar, week: dt.date, section: DemonstrationSettings, start: dt.date) -> list[dt.date]:
    """Return the trading days of the window that ends on the week's signal day, none before `start`."""
    last = calendar.signal_day(week)
    first = calendar.offset(last, -min(section.window - 1, calendar.index(last)))
    return [day for day in calendar.days(first, last) if day >= start]


def make_scores(frames: Frames, partition: Partition, settings: DemonstrationSettings) -> Made:
    """Make the scores of the stocks of U(t) on the signal day, clipped and z-scored, high = good.

    Without a file the score is minus the return compounded over the window, for stocks that traded on 75 % of its days.
    """
    week, date = partition.week, partition.date
    universe = frames["securities"].filter(pl.col("in_universe")).select("symbol").collect()
    if settings.file is None:
        raw = (
            frames["daily_prices"]
            .filter((pl.col("volume") > 0) & (pl.col("pre_close") > 0))
            .group_by("symbol")
            .agg(value=1.0 - (pl.col("close") / pl.col("pre_close")).product(), days=pl.len())
            .filter(pl.col("days") >= MIN_SHARE * settings.window)
            .select("symbol", "value")
            .collect()
        )
    else:
        mine = (pl.col("date") == date) & (pl.col("factor") == settings.score) & pl.col("value").is_finite()
        raw = pl.scan_parquet(settings.file).filter(mine).select("symbol", "value").collect()
    scored = universe.join(raw, on="symbol").sort("symbol")
    frame = scored.with_columns(
        week=pl.lit(week),
        date=pl.lit(date),
        factor=pl.lit(settings.score),
        raw=pl.col("value"),
        value=pl.Series(standardise(scored["value"].to_numpy().astype(np.float64), CLIP)),
    ).select(list(SCORES))
    missing = {settings.score: f"no {settings.score} on {date}"} if frame.is_empty() else {}
    return Made(frame, unavailable=missing, notes={"demonstration": settings.score, "names": frame.height})


def make_nothing(frames: Frames, partition: Partition, settings: None) -> Made:
    """Make an empty partition of a table for which the study has no data, with the reason."""
    schema = {one.name: one.schema for one in (minute_bars, factors, distribution_shifts)}[partition.table]
    return Made(pl.DataFrame(schema=schema), unavailable=dict.fromkeys(schema, DAILY_ONLY))


def empty(table: Table) -> Table:
    """Return the table with a make function that makes empty partitions with the reason."""
    return replace(
        table, reads=(), lands=(), needs={}, checks=(), settings=None, history="reference", plot=None,
        make="studies.demonstration:make_nothing",
    )  # fmt: skip


scores = Table(
    name="scores",
    group="models",
    partition="week",
    history="reference",
    description="A demonstration score that replaces the scores of the networks; the factor is its name.",
    reads=(Read("daily_prices", over=window_days), Read("securities")),
    schema=SCORES,
    sort=("factor", "symbol"),
    settings="demonstration",
    make="studies.demonstration:make_scores",
    items="factor",
    checks=(
        Check(
            "symbol_unique",
            Unique(("symbol", "factor")),
            critical=True,
            remedy=T("更正得分文件：有股票出现多行", "correct the file of scores: a symbol has more than one row"),
        ),
    ),
)
