"""Profits of four quarters in place of one, on the real figures of 2014–2016: none of them is refused, and the same as sums are."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.reference.announcements import fourth_quarters_off, trailing_profits
from resources.reasons import Reason
from resources.settings.reference import ReferenceSettings

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "reference_2010_2016"


@pytest.fixture(scope="module")
def real() -> pl.DataFrame:
    if not REAL.is_dir():
        pytest.skip(f"{REAL} is not there")
    return pl.read_parquet(REAL / "fundamentals.parquet")


def sums(frame: pl.DataFrame, *, fourth: bool) -> pl.DataFrame:
    """The figures with trailing sums in place of each quarter, or of the fourth ones; null where a quarter is not known."""
    number = pl.col("period").dt.year().cast(pl.Int32) * 4 + pl.col("period").dt.quarter()
    own = frame.sort("announce_date").unique(["symbol", "period"], keep="last").with_columns(number=number)
    total = own
    for back in (1, 2, 3):
        earlier = own.select("symbol", pl.col("number") + back, pl.col("net_profit").alias(f"back{back}"))
        total = total.join(earlier, on=["symbol", "number"], how="left")
    figure = pl.col("net_profit") + pl.col("back1") + pl.col("back2") + pl.col("back3")
    kept = pl.col("period").dt.quarter() != 4 if fourth else pl.lit(False)
    return total.with_columns(net_profit=pl.when(kept).then("net_profit").otherwise(figure)).select(frame.columns)


DAYS = [
    dt.date(2014, 9, 1),
    dt.date(2015, 1, 30),
    dt.date(2015, 5, 4),
    dt.date(2015, 11, 2),
    dt.date(2016, 2, 29),
    dt.date(2016, 5, 3),
    dt.date(2016, 9, 1),
]


def on(frame: pl.DataFrame, day: dt.date) -> tuple[Reason | None, Reason | None]:
    known = frame.filter(pl.col("announce_date") <= day)
    latest = known.drop_nulls("net_profit").sort("period").unique("symbol", keep="last").select("equity", "net_profit")
    fourth = fourth_quarters_off(known, day, ReferenceSettings())
    trailing = trailing_profits(known, latest, day, ReferenceSettings())
    return fourth[0] or trailing[0], fourth[1] or trailing[1]


@pytest.mark.slow
def test_no_real_market_industry_or_random_zone_is_refused(real: pl.DataFrame) -> None:
    industries = pl.read_parquet(REAL / "industries.parquet").sort("start_date").unique("symbol", keep="last")
    names = real["symbol"].unique().sort()
    rng = np.random.default_rng(0)
    zones = [real]
    zones += [
        real.filter(pl.col("symbol").is_in(own["symbol"].implode())) for _, own in industries.group_by("industry")
    ]
    zones += [
        real.filter(pl.col("symbol").is_in(rng.choice(names, size).tolist())) for size in (8, 15, 50) for _ in range(30)
    ]
    found = [on(zone, day) for zone in zones for day in DAYS]
    assert [refused for refused, _ in found if refused] == []
    assert sum(doubt is not None for _, doubt in found) <= 0.06 * len(found)


def test_real_trailing_sums_and_fourth_quarters_of_the_year_are_refused(real: pl.DataFrame) -> None:
    for day in DAYS[4:]:
        for fourth in (True, False):
            found, _ = on(sums(real, fourth=fourth), day)
            assert found is not None
