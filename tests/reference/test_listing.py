"""Boards by code, and trading days since listing."""

import datetime as dt

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reference.listing import board, listed_days
from resources.calendar import Calendar

CALENDAR = Calendar.xshg()


def test_boards_by_code_and_exchange() -> None:
    expected = {
        "600519.SH": "main_sh",
        "601318.SH": "main_sh",
        "688981.SH": "star",
        "689009.SH": "star",
        "000001.SZ": "main_sz",
        "002594.SZ": "main_sz",
        "003816.SZ": "main_sz",
        "300750.SZ": "chinext",
        "301236.SZ": "chinext",
        "000001.SH": None,  # an index
        "600519.SZ": None,
        "900901.SH": None,  # B shares
        "200002.SZ": None,
        "510050.SH": None,
        "830799.BJ": None,
    }
    frame = pl.DataFrame({"symbol": list(expected)}).with_columns(board=board())
    assert dict(frame.iter_rows()) == expected


@settings(deadline=None)
@given(
    st.lists(st.none() | st.dates(dt.date(1989, 1, 1), dt.date(2024, 6, 30)), min_size=1, max_size=6),
    st.dates(dt.date(1991, 1, 1), dt.date(2024, 6, 30)),
)
def test_listed_days_count_trading_days_from_the_listing_day(listings: list[dt.date | None], day: dt.date) -> None:
    counted = listed_days(pl.Series(listings, dtype=pl.Date), day, CALENDAR).to_list()
    for listing, count in zip(listings, counted, strict=True):
        if listing is None or listing > day:
            assert count is None
            continue
        first = max(listing, CALENDAR.first)
        plain = len(CALENDAR.days(first, day))
        assert count == (plain or None)


def test_the_listing_day_is_the_first() -> None:
    day = dt.date(2015, 7, 8)
    counted = listed_days(pl.Series([day, dt.date(2015, 7, 7), dt.date(2015, 7, 4)]), day, CALENDAR)
    assert counted.to_list() == [1, 2, 3]  # 4 July 2015 was a Saturday: counts from Monday the 6th
