"""Tests the findings on placeholders: one list_date, invented announcement days, equal weights, one industry, cut-off counts."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from assets.reference.announcements import placeholder_announcements
from assets.reference.diagnosis import equal_weights, listed_together, share_faults
from assets.reference.industries import industries_lacking
from assets.reference.reasons import SHARES_CUT_OFF
from assets.reference.schemas import UNKNOWN_INDUSTRY
from resources.reasons import Reason
from resources.settings.reference import ReferenceSettings

SETTINGS = ReferenceSettings()
NAMES = [f"{600001 + k}.SH" for k in range(300)]
DAY = dt.date(2023, 5, 12)
LAST_DAYS = {3: (4, 30), 6: (8, 31), 9: (10, 31), 12: (4, 30)}
"""Month in which a quarter ends → last month and day on which its figures may be announced."""


def announced(seed: int = 1) -> pl.DataFrame:
    """Return figures of nine quarters, each announced on a random day up to the last one allowed."""
    rng = np.random.default_rng(seed)
    rows = []
    for year, month in [(year, month) for year in (2021, 2022) for month in LAST_DAYS] + [(2023, 3)]:
        period = dt.date(year, month, 31 if month in (3, 12) else 30)
        last = dt.date(year + (month == 12), *LAST_DAYS[month])
        back = (0.6 * (last - period).days * rng.random(len(NAMES))).astype(int).tolist()
        rows += [(name, period, last - dt.timedelta(days=days)) for name, days in zip(NAMES, back, strict=True)]
    return pl.DataFrame(rows, schema=["symbol", "period", "announce_date"], orient="row")


def early(days: int) -> pl.Expr:
    return pl.col("period") + pl.duration(days=days)


def finding(frame: pl.DataFrame, date: dt.date = DAY) -> Reason | None:
    return placeholder_announcements(frame.filter(pl.col("announce_date") <= date), date, SETTINGS)


@pytest.mark.parametrize("seed", range(3))
def test_true_days_of_announcements_have_no_finding(seed: int) -> None:
    frame = announced(seed)
    for ago in range(0, 700, 7):
        assert finding(frame, DAY - dt.timedelta(days=ago)) is None


@pytest.mark.parametrize("days", [1, 10])
def test_days_made_from_the_end_of_the_quarter(days: int) -> None:
    found = finding(announced().with_columns(announce_date=early(days)))
    assert f"announce_date of 300 of 300 stocks is within 10 days of {dt.date(2021, 3, 31)}" in str(found)


def test_one_announcement_day_for_all() -> None:
    assert "figures of 2021-06-30 is 2021-07-30" in str(
        finding(announced().with_columns(announce_date=early(30)), dt.date(2021, 9, 1))
    )
    for months, year in ((1, None), (2, None), (4, None)):
        one = announced().filter(pl.col("period").dt.month() == {1: 3, 2: 6, 4: 12}[months])
        last = pl.col("period").dt.offset_by(f"{months}mo").dt.month_end()
        assert finding(one.with_columns(announce_date=last)) is None, (
            year
        )  # the last day allowed is late for most and early for none


def test_a_quarter_still_being_announced_is_not_judged() -> None:
    """By the tenth of April, only a few companies have published the first quarter."""
    quick = announced().filter(pl.col("period") == dt.date(2023, 3, 31)).with_columns(announce_date=early(9))
    assert finding(quick, dt.date(2023, 4, 20)) is None
    assert finding(quick, dt.date(2023, 4, 30)) is not None


def test_few_announcements_are_not_judged() -> None:
    few = announced().filter(pl.col("symbol").is_in(NAMES[:99])).with_columns(announce_date=early(1))
    assert finding(few) is None


def test_one_list_date_for_many_stocks() -> None:
    days = [dt.date(2001, 1, 4) + dt.timedelta(days=7 * k) for k in range(300)]
    listings = pl.DataFrame({"symbol": NAMES, "list_date": days})
    assert listed_together(listings, SETTINGS) is None
    one = pl.when(pl.int_range(pl.len()) < 101).then(pl.lit(dt.date(2000, 1, 4))).otherwise("list_date")
    assert "list_date of 101 of 300 stocks is 2000-01-04" in str(
        listed_together(listings.with_columns(list_date=one), SETTINGS)
    )
    assert listed_together(listings.head(100).with_columns(list_date=pl.lit(days[0])), SETTINGS) is None
    assert listed_together(listings.clear(), SETTINGS) is None


def test_equal_weights() -> None:
    vector = pl.DataFrame({"index": "000905.SH", "symbol": NAMES, "weight": 1 / 300, "published_date": DAY})
    assert equal_weights(vector, ["000905.SH"], SETTINGS)["weights_equal"].to_list() == [1]
    assert equal_weights(vector, ["000852.SH"], SETTINGS).is_empty()
    assert equal_weights(vector.head(99), ["000905.SH"], SETTINGS).is_empty()
    differ = vector.with_columns(weight=pl.when(pl.int_range(pl.len()) == 5).then(0.004).otherwise("weight"))
    assert equal_weights(differ, ["000905.SH"], SETTINGS).is_empty()


@pytest.mark.parametrize(
    ("industry", "words"),
    [
        (pl.format("{}", pl.int_range(pl.len()) % 31), None),
        (pl.format("{}", pl.int_range(pl.len()) % 346), None),
        (pl.col("symbol"), "3000 stocks have 3000 industries"),
        (pl.lit("A股"), "all of 3000 stocks have the industry A股"),
    ],
)
def test_implausible_industries(industry: pl.Expr, words: str | None) -> None:
    frame = pl.DataFrame({"symbol": [f"{600000 + k}.SH" for k in range(3000)]}).with_columns(industry=industry)
    found = industries_lacking(frame, dict, SETTINGS)
    assert found is None if words is None else words in str(found)
    few = frame.head(90)
    assert industries_lacking(few, dict, SETTINGS) is None
    assert UNKNOWN_INDUSTRY not in few["industry"]


BILLIONS = 2_000_000_000


@pytest.mark.parametrize(
    ("floating", "total", "odd"),
    [
        (BILLIONS, 2**31 - 1, True), (BILLIONS, 2**32 - 1, True), (BILLIONS, 2**31, False), (BILLIONS, None, False),
        (2**31 - 1, None, True), (None, 2**32 - 1, True), (None, 2**31, False),
    ],
)  # fmt: skip
def test_counts_that_were_cut_off_at_32_bits(floating: int | None, total: int | None, odd: bool) -> None:
    """A count is cut off whether or not the other one is known."""
    row = pl.DataFrame(
        {"float_shares": [floating], "total_shares": [total], "volume": [1], "last_shares": [total],
         "last_close": [10.0], "pre_close": [10.0], "shares_follow": [False]},
        schema_overrides={"float_shares": pl.Int64, "total_shares": pl.Int64, "last_shares": pl.Int64},
    )  # fmt: skip
    why = row.select(pl.coalesce(pl.when(holds).then(sentence) for holds, sentence in share_faults(SETTINGS))).item()
    assert (why is not None and Reason.loads(why).code == SHARES_CUT_OFF.name) == odd
