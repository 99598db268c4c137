"""What a study of the portfolios on daily data puts in the place of tables that need minutes: a score, or nothing.

Here: the demonstration table `scores`, and empty tables that say why they are empty. Not here: what is studied.
"""

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
from pydantic import Field

from assets.bars.assets import minute_bars
from assets.factors.assets import factors
from assets.factors.cross_section import standardise
from assets.models.schemas import SCORES
from resources.calendar import Calendar
from resources.gate import Check, Unique
from resources.lookback import Lookback
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.base import Section
from resources.table import Read, Table

CLIP = 3.0  # standard deviations, as every score of SPEC §5
MIN_SHARE = 0.75  # of a window's days on which a name must have traded (SPEC §4)
DAILY_ONLY = "this study has daily data alone"


class DemonstrationSettings(Section):
    """Which score stands in for network 16's."""

    score: str = Field("reversal_20", description="Its name in the table scores, and in every solve")
    window: int = Field(20, ge=1, description="Trading days whose compounded return is reversed, without a file")
    file: str | None = Field(None, description="Parquet file of the scores: date, symbol, factor, value")
    digest: str = Field("", description="The file's content, so that another file makes another table")


@Lookback
def window_days(calendar: Calendar, week: dt.date, section: DemonstrationSettings, start: dt.date) -> list[dt.date]:
    """The window's trading days; the last is the week's signal day."""
    last = calendar.signal_day(week)
    first = calendar.offset(last, -min(section.window - 1, calendar.index(last)))
    return [day for day in calendar.days(first, last) if day >= start]


def make_scores(frames: Frames, partition: Partition, settings: DemonstrationSettings) -> Made:
    """The signal day's scores of names of U(t): clipped, z-scored, high = good.

    Without a file the score is minus the return compounded over the window, of names that traded on 75 % of its days.
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
    """A partition of a table that this study has no data for."""
    schema = {one.name: one.schema for one in (minute_bars, factors)}[partition.table]
    return Made(pl.DataFrame(schema=schema), unavailable=dict.fromkeys(schema, DAILY_ONLY))


def empty(table: Table) -> Table:
    """`table` as it stands where nothing of it can be made: every partition is empty, with the reason."""
    return replace(
        table, reads=(), lands=(), needs={}, checks=(), settings=None, history="reference", plot=None,
        make="studies.demonstration:make_nothing",
    )  # fmt: skip


scores = Table(
    name="scores",
    stage="models",
    partition="week",
    history="reference",
    description="A demonstration score in the place of the networks' scores; its name says what it is.",
    reads=(Read("daily_prices", over=window_days), Read("securities")),
    schema=SCORES,
    sort=("factor", "symbol"),
    settings="demonstration",
    make="studies.demonstration:make_scores",
    items="factor",
    checks=(Check("symbol_unique", Unique(("symbol", "factor")), critical=True, remedy="mend the file of scores"),),
)
