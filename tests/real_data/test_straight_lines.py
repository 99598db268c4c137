"""Real one-minute closes of 2015 against what betrays interpolated ones."""

import datetime as dt

import polars as pl
import pytest

from assets.delivered_bars.reasons import INTERPOLATED_CLOSES
from assets.delivered_bars.straight_lines import judge_lines
from resources.settings.bars import BarsSettings
from tests.conftest import REAL_DATA
from tests.delivered_bars.test_straight_lines import every, interpolated

DATA = REAL_DATA / "bars_2015"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"REAL DATA ABSENT: no {DATA}, lines are not tested on it")


@pytest.mark.parametrize("cheaper", [1, 4, 12])
def test_no_real_name_of_2015_follows_lines_and_interpolated_it_does(cheaper: int):
    """cheaper: prices divided, and rounded to the cent anew, as those of cheap names are."""
    for day in (dt.date(2015, 5, 13), dt.date(2015, 7, 8)):
        real = pl.read_parquet(DATA / f"{day:%Y%m%d}.parquet")
        real = real.filter(pl.col("symbol").is_in(real["symbol"].unique().sort().head(500).implode()))
        real = real.with_columns((pl.col("close") / cheaper).round(2))
        found = judge_lines(real, BarsSettings())
        assert (found.faults.to_dicts(), found.findings) == ([], [])
        made = judge_lines(interpolated(real.sort("symbol", "minute"), every(5, 4)), BarsSettings())
        moving = real.group_by("symbol").agg(pl.col("close").n_unique()).filter(pl.col("close") > 5).height
        assert made.faults.height > 0.6 * moving
        assert [finding.reason.code for finding in made.findings] == [INTERPOLATED_CLOSES.name]
