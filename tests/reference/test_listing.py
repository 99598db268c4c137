"""Tests boards by code, and trading days since listing."""

import datetime as dt

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reference.listing import delisting_days, listed_days
from resources.calendar import Calendar
from resources.rulebook import Rulebook

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
        "830799.BJ": "beijing",
        "430047.BJ": "beijing",
        "920002.BJ": "beijing",
        "920002.SH": None,
        "689009.BJ": None,
        "680001.SH": None,  # no board has this code
        "60051.SH": None,
        "600519": None,
        "６００５１９.SH": None,  # full-width digits
        None: None,
    }
    frame = pl.DataFrame({"symbol": list(expected)}).with_columns(board=Rulebook.on(dt.date(2023, 12, 15)).board())
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
    assert counted.to_list() == [1, 2, 3]  # 4 July 2015 was a Saturday, so days are counted from Monday the 6th


def test_a_board_is_known_from_its_opening_on() -> None:
    names = ["688981.SH", "300750.SZ", "830799.BJ", "600519.SH"]
    assert Rulebook.on(dt.date(2019, 7, 19)).boards_of(names) == [None, "chinext", None, "main_sh"]
    assert Rulebook.on(dt.date(2019, 7, 22)).boards_of(names) == ["star", "chinext", None, "main_sh"]
    assert Rulebook.on(dt.date(2009, 10, 29)).boards_of(names) == [None, None, None, "main_sh"]


def test_the_day_of_a_delisting_period() -> None:
    """The day is counted from reference/instruments; with only the day's flag or name, the first day is unknown."""
    day = dt.date(2023, 6, 6)
    names = pl.DataFrame(
        {
            "delisting_start": [day, dt.date(2023, 6, 5), dt.date(2023, 6, 7), None, None, None, None],
            "is_delisting": [None, None, None, True, False, None, None],
            "name": [None, "ST样本", None, None, None, "退市样本", "样本退"],
        },
        schema_overrides={"delisting_start": pl.Date, "is_delisting": pl.Boolean},
    )
    assert delisting_days(names, day, CALENDAR).to_list() == [1, 2, None, 2, None, 2, 2]
    assert delisting_days(names.select("delisting_start"), day, CALENDAR).to_list() == [
        1,
        2,
        None,
        None,
        None,
        None,
        None,
    ]
