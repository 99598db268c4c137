"""Trading days and weeks: the edges of SPEC §1 and DESIGN §3.5."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.calendar import Calendar
from resources.errors import SettingsError

CALENDAR = Calendar.xshg()
D = dt.date


def test_a_monday_holiday_leaves_a_week_that_starts_on_tuesday() -> None:
    assert CALENDAR.week_days(D(2023, 1, 2))[0] == D(2023, 1, 3)
    assert CALENDAR.week_of(D(2023, 1, 3)) == D(2023, 1, 2)


def test_the_october_week_has_no_trading_day() -> None:
    week = D(2023, 10, 2)
    assert CALENDAR.week_days(week) == []
    assert CALENDAR.weeks(D(2023, 9, 25), D(2023, 10, 9)) == [D(2023, 9, 25), D(2023, 10, 9)]
    assert CALENDAR.trade_day(D(2023, 9, 25)) == D(2023, 10, 9)
    assert CALENDAR.offset_week(D(2023, 10, 9), -1) == D(2023, 9, 25)
    with pytest.raises(SettingsError, match="no trading day, so it has no signal day"):
        CALENDAR.signal_day(week)
    with pytest.raises(SettingsError, match="no trading day"):
        CALENDAR.offset_week(week, 1)


def test_year_end_belongs_to_the_week_of_its_monday() -> None:
    week = D(2019, 12, 30)
    assert CALENDAR.week_days(week) == [D(2019, 12, 30), D(2019, 12, 31), D(2020, 1, 2), D(2020, 1, 3)]
    assert CALENDAR.is_last_of_month(D(2019, 12, 31))
    assert CALENDAR.month_signal_days(D(2019, 12, 1), D(2020, 1, 31)) == [D(2019, 12, 31), D(2020, 1, 23)]


def test_saturday_belongs_to_the_week_before_it() -> None:
    assert CALENDAR.week_of(D(2023, 12, 16)) == D(2023, 12, 11)
    assert CALENDAR.previous_day(D(2023, 12, 16)) == D(2023, 12, 15)
    with pytest.raises(SettingsError, match=r"2023-12-16 is no trading day .* 2023-12-15 and 2023-12-18"):
        CALENDAR.offset(D(2023, 12, 16), 1)


def test_a_week_named_by_another_day_is_refused_with_the_right_name() -> None:
    with pytest.raises(SettingsError, match=r"2023-12-13 is a Wednesday; .* 2023-12-11"):
        CALENDAR.week_days(D(2023, 12, 13))


def test_trading_weeks_of_2023_up_to_mid_december_are_48() -> None:
    assert len(CALENDAR.weeks(D(2023, 1, 2), D(2023, 12, 11))) == 48  # SPEC §7


def test_the_end_of_the_known_calendar_is_announced_then_refused() -> None:
    last = CALENDAR.last
    assert CALENDAR.warning(last - dt.timedelta(days=61)) is None
    assert "Upgrade exchange_calendars" in (CALENDAR.warning(last - dt.timedelta(days=60)) or "")
    with pytest.raises(SettingsError, match=r"(?s)known trading calendar ends on .*extra_holidays"):
        CALENDAR.offset(last, 1)
    with pytest.raises(SettingsError, match="known trading calendar ends"):
        CALENDAR.is_trading_day(last + dt.timedelta(days=40))


def test_extra_holidays_are_taken_out_and_must_be_sessions() -> None:
    shorter = Calendar.xshg([D(2023, 12, 15)])
    assert shorter.signal_day(D(2023, 12, 11)) == D(2023, 12, 14)
    with pytest.raises(SettingsError, match="2023-12-16, not a trading day"):
        Calendar.xshg([D(2023, 12, 16)])


@given(st.dates(D(1995, 1, 1), D(2025, 12, 1)), st.integers(-200, 200))
def test_offsets_invert_and_agree_with_the_index(day: dt.date, n: int) -> None:
    day = CALENDAR.next_day(day)
    other = CALENDAR.offset(day, n)
    assert CALENDAR.offset(other, -n) == day
    assert CALENDAR.index(other) - CALENDAR.index(day) == n


@given(st.dates(D(1995, 1, 1), D(2025, 12, 1)))
def test_every_trading_day_is_in_its_week_and_the_signal_day_is_its_last(day: dt.date) -> None:
    day = CALENDAR.next_day(day)
    days = CALENDAR.week_days(CALENDAR.week_of(day))
    assert day in days
    assert CALENDAR.is_last_of_week(day) == (day == days[-1])
    assert CALENDAR.trade_day(CALENDAR.week_of(day)) > days[-1]
