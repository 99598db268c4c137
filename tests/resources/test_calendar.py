"""Trading days and weeks: the edges of SPEC §1 and DESIGN §3.5."""

import ast
import datetime as dt
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from resources.calendar import Calendar, _xshg_calendar, never_trades, published, statutory_holidays
from resources.errors import SettingsError
from resources.settings.calendar import CalendarSettings
from sample_market.plan import make_plan
from sample_market.settings import profile

ROOT = Path(__file__).resolve().parents[2]
CALENDAR = Calendar.xshg()
D = dt.date
YEAR_END = D(2027, 12, 31)


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


def test_a_saturday_belongs_to_the_week_that_began_before_it() -> None:
    assert CALENDAR.week_of(D(2023, 12, 16)) == D(2023, 12, 11)
    assert CALENDAR.previous_day(D(2023, 12, 16)) == D(2023, 12, 15)
    with pytest.raises(SettingsError, match=r"2023-12-16 is no trading day .* 2023-12-15 and 2023-12-18"):
        CALENDAR.offset(D(2023, 12, 16), 1)


def test_a_week_named_by_another_day_is_refused_with_the_right_name() -> None:
    with pytest.raises(SettingsError, match=r"2023-12-13 is a Wednesday; .* 2023-12-11"):
        CALENDAR.week_days(D(2023, 12, 13))


def test_trading_weeks_of_2023_up_to_mid_december_are_48() -> None:
    assert len(CALENDAR.weeks(D(2023, 1, 2), D(2023, 12, 11))) == 48  # SPEC §7


def announced(until: dt.date = YEAR_END, *more: dt.date, **settings: Any) -> CalendarSettings:
    """A fictitious announcement for 2027: six weekdays of the Spring Festival, three of May, five of October, three single days."""
    days = [D(2027, 2, d) for d in (5, 8, 9, 10, 11, 12)] + [D(2027, 5, d) for d in (3, 4, 5)]
    days += [D(2027, 4, 5), D(2027, 6, 9), D(2027, 9, 15)] + [D(2027, 10, d) for d in (1, 4, 5, 6, 7)] + list(more)
    named = tuple(sorted(day for day in days if day <= until))
    return CalendarSettings(announced_until=until, announced_holidays=named, **settings)


def test_the_published_calendar_ends_with_its_holidays_and_not_with_the_clock() -> None:
    sessions, until = published()
    assert (until.month, until.day) == (12, 31)
    assert sessions[-1] == CALENDAR.last
    # 1 January is a statutory holiday, and the weekend that follows never trades: 2027-01-01 is a Friday.
    if until.year == 2026:
        assert CALENDAR.known_until == D(2027, 1, 3)
        assert CALENDAR.week_days(D(2026, 12, 28)) == [D(2026, 12, d) for d in (28, 29, 30, 31)]
        assert CALENDAR.signal_day(D(2026, 12, 28)) == D(2026, 12, 31)


def test_no_session_ever_was_on_a_weekend_or_on_the_first_of_january() -> None:
    assert not [day for day in published()[0] if never_trades(day)]


def test_the_end_of_the_known_calendar_is_announced_then_refused() -> None:
    end = CALENDAR.known_until
    assert CALENDAR.warning(end - dt.timedelta(days=61), 60) == ""
    assert "60 days after the newest data" in CALENDAR.warning(end - dt.timedelta(days=60), 60)
    assert "calendar ends on" in CALENDAR.warning(end + dt.timedelta(days=1), 0)
    after, week = end + dt.timedelta(days=1), CALENDAR.week_of(end) + dt.timedelta(weeks=1)
    remedy = rf"(?s)known trading calendar ends on {end}.*announced_until = {after.year}-12-31 and announced_holidays"
    for ask in (
        lambda: CALENDAR.offset(CALENDAR.last, 1),
        lambda: CALENDAR.next_day(CALENDAR.last),
        lambda: CALENDAR.trade_day(CALENDAR.week_of(CALENDAR.last)),
        lambda: CALENDAR.is_trading_day(after),
        lambda: CALENDAR.index(after),
        lambda: CALENDAR.previous_day(after + dt.timedelta(days=1)),
        lambda: CALENDAR.days(CALENDAR.last, after),
        lambda: CALENDAR.week_days(week),
        lambda: CALENDAR.weeks(CALENDAR.week_of(CALENDAR.first), week),
        lambda: CALENDAR.offset_week(week, -1),
        lambda: CALENDAR.offset_week(CALENDAR.week_of(CALENDAR.last), 1),
        lambda: CALENDAR.is_last_of_week(after),
    ):
        with pytest.raises(SettingsError, match=remedy):
            ask()
    assert CALENDAR.previous_day(after) == CALENDAR.last
    assert CALENDAR.is_last_of_month(CALENDAR.last)
    assert CALENDAR.known_week(D(2099, 1, 1)) == CALENDAR.known_week(end)


def test_a_month_or_week_that_is_not_wholly_known_has_no_last_day() -> None:
    short = Calendar.xshg(announced(D(2027, 3, 24)))  # a Wednesday
    assert short.last == short.known_until == D(2027, 3, 24)
    assert not short.is_last_of_month(D(2027, 3, 23))
    assert short.week_days(D(2027, 3, 15))[-1] == D(2027, 3, 19)
    for ask in (
        lambda: short.is_last_of_month(short.last),
        lambda: short.is_last_of_week(short.last),
        lambda: short.week_days(D(2027, 3, 22)),
        lambda: short.signal_day(D(2027, 3, 22)),
    ):
        with pytest.raises(SettingsError, match="calendar ends on 2027-03-24"):
            ask()
    # 27 and 28 February 2027 are a weekend: Friday the 26th is the month's last day whatever is announced later.
    assert Calendar.xshg(announced(D(2027, 2, 26))).is_last_of_month(D(2027, 2, 26))


def test_announced_holidays_continue_the_calendar() -> None:
    calendar = Calendar.xshg(announced())
    assert calendar.known_until == D(2028, 1, 2)  # Saturday 1 January 2028 and the Sunday after it
    assert calendar.trade_day(D(2026, 12, 28)) == D(2027, 1, 4)
    assert calendar.days(D(2027, 2, 1), D(2027, 2, 16)) == [D(2027, 2, d) for d in (1, 2, 3, 4, 15, 16)]
    assert calendar.week_days(D(2027, 2, 8)) == []
    assert calendar.weeks(D(2027, 2, 1), D(2027, 2, 15)) == [D(2027, 2, 1), D(2027, 2, 15)]
    assert calendar.offset(D(2026, 12, 31), 1) == D(2027, 1, 4)
    assert calendar.is_last_of_month(D(2027, 1, 29))
    whole = [D(2027, 1, 1) + dt.timedelta(days=n) for n in range(365)]
    named = set(announced().announced_holidays)
    plain = [d for d in whole if d.weekday() < 5 and d not in named and d != D(2027, 1, 1)]
    assert calendar.days(whole[0], whole[-1]) == plain
    # What was known before is as it was.
    assert calendar.days(calendar.first, CALENDAR.last) == CALENDAR.days(CALENDAR.first, CALENDAR.last)


def test_a_later_announced_holiday_changes_nothing_before_it() -> None:
    before, after = Calendar.xshg(announced()), Calendar.xshg(announced(D(2027, 12, 31), D(2027, 6, 16)))
    cut = D(2027, 6, 15)
    assert before.days(before.first, cut) == after.days(after.first, cut)
    assert [before.index(day) for day in before.days(D(2027, 1, 1), cut)] == [
        after.index(day) for day in after.days(D(2027, 1, 1), cut)
    ]
    assert before.next_day(cut) == D(2027, 6, 16)
    assert after.next_day(cut) == D(2027, 6, 17)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"extra_holidays": [D(2023, 12, 16)]}, "2023-12-16, which the XSHG calendar has as a holiday"),
        ({"extra_holidays": [D(2027, 2, 5)]}, r"2027-02-05, after the published calendar.*announced_holidays"),
        (
            {"announced_until": D(2027, 12, 31)},
            r"does not name the statutory holidays 2027-02-05, 2027-02-08 \(the Spring Festival\), 2027-04-05 \(Qingming\), 2027-06-09 \(the Dragon Boat "
            r"Festival\), 2027-09-15 \(the Mid-Autumn Festival\), 2027-10-01 \(National Day\) although announced_until = "
            r"2027-12-31\..* calendar\.statutory_holidays",
        ),
        (
            {"announced_until": D(2027, 2, 12), "announced_holidays": [D(2027, 2, 5)]},
            r"does not name the statutory holidays 2027-02-08 \(the Spring Festival\) although.* remove spring_festival from calendar",
        ),
        ({"announced_until": D(2050, 12, 31)}, "exchange_calendars does not know the Spring Festival of 2050"),
        (
            {"announced_until": D(2027, 12, 31), "announced_holidays": [D(2026, 11, 30)]},
            "2026-11-30, which are trading days of the published calendar",
        ),
        (
            {"announced_until": D(2027, 12, 31), "announced_holidays": [D(2026, 10, 1)]},
            "lacks 2026-01-02.* and 9 more, on which the exchanges do not trade",
        ),
    ],
)
def test_an_announcement_that_cannot_be_right_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Calendar.xshg(CalendarSettings(**settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"announced_holidays": [D(2027, 2, 8)]}, "needs announced_until"),
        (
            {"announced_until": D(2027, 6, 30), "announced_holidays": [D(2027, 10, 1)]},
            "2027-10-01, after announced_until",
        ),
        ({"extra_holidays": [D(2023, 12, 15), D(2023, 12, 15)]}, "2023-12-15 twice"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CalendarSettings(**settings)


def test_an_announcement_that_the_published_calendar_covers_is_accepted() -> None:
    year = published()[1].year
    closed = [
        day
        for n in range(365)
        if not CALENDAR.is_trading_day(day := D(year, 1, 1) + dt.timedelta(days=n)) and day.weekday() < 5
    ]
    same = Calendar.xshg(CalendarSettings(announced_until=D(year, 12, 31), announced_holidays=closed))
    assert same.days(same.first, same.last) == CALENDAR.days(CALENDAR.first, CALENDAR.last)


@pytest.mark.parametrize(
    ("until", "named"),
    [
        (D(2027, 2, 4), []),
        (D(2027, 2, 5), [D(2027, 2, 5)]),
        (D(2027, 2, 7), [D(2027, 2, 5)]),
        (D(2027, 2, 8), [D(2027, 2, 5), D(2027, 2, 8)]),
    ],
)
def test_an_end_inside_the_spring_festival_needs_the_days_up_to_it(until: dt.date, named: list[dt.date]) -> None:
    if published()[1].year > 2026:
        pytest.skip("the published calendar holds 2027")
    calendar = Calendar.xshg(CalendarSettings(announced_until=until, announced_holidays=tuple(named)))
    assert not any(calendar.is_trading_day(day) for day in named)
    for one in named:
        with pytest.raises(SettingsError, match=rf"does not name the statutory holidays {one} \(the Spring Festival\)"):
            Calendar.xshg(
                CalendarSettings(announced_until=until, announced_holidays=tuple(day for day in named if day != one))
            )


def test_a_holiday_that_is_no_longer_statutory_need_not_be_named() -> None:
    shorter = tuple(name for name in CalendarSettings().statutory_holidays if name != "qingming")
    days = tuple(day for day in announced().announced_holidays if day != D(2027, 4, 5))
    whole = {"announced_until": YEAR_END, "announced_holidays": days}
    with pytest.raises(SettingsError, match=r"2027-04-05 \(Qingming\)"):
        Calendar.xshg(CalendarSettings(**whole))
    assert Calendar.xshg(CalendarSettings(**whole, statutory_holidays=shorter)).is_trading_day(D(2027, 4, 5))


@pytest.mark.parametrize(
    ("less", "message"),
    [
        ([D(2027, 2, d) for d in (9, 10, 11, 12)], "the Spring Festival: 4 statutory days, and 2 weekdays without trading from 2027-02-05 to 2027-02-08"),
        ([D(2027, 2, d) for d in (10, 11, 12)], "the Spring Festival: 4 statutory days, and 3 weekdays without trading"),
        ([D(2027, 5, d) for d in (3, 4, 5)], "Labour Day: 2 statutory days, and 0 weekdays without trading from 2027-05-01 to 2027-05-02"),
        ([D(2027, 10, d) for d in (4, 5, 6, 7)], "National Day: 3 statutory days, and 1 weekdays without trading from 2027-10-01 to 2027-10-03"),
    ],
)  # fmt: skip
def test_weekdays_must_replace_a_holiday_on_a_weekend(less: list[dt.date], message: str) -> None:
    if published()[1].year > 2026:
        pytest.skip("the published calendar holds 2027")
    named = tuple(day for day in announced().announced_holidays if day not in less)
    with pytest.raises(SettingsError, match=message):
        Calendar.xshg(CalendarSettings(announced_until=YEAR_END, announced_holidays=named))
    key = {2: "spring_festival", 5: "labour_day", 10: "national_day"}[less[0].month]
    others = tuple(one for one in CalendarSettings().statutory_holidays if one != key)
    Calendar.xshg(CalendarSettings(announced_until=YEAR_END, announced_holidays=named, statutory_holidays=others))


def test_a_weekday_must_replace_new_year_on_a_weekend() -> None:
    if published()[1].year > 2026:
        pytest.skip("the published calendar holds 2027")
    with pytest.raises(
        SettingsError, match=r"New Year's Day: 1 statutory days, and 0 weekdays .* from 2028-01-01 to 2028-01-02"
    ):
        Calendar.xshg(announced(D(2028, 1, 14)))
    days = (*announced().announced_holidays, D(2028, 1, 3))
    Calendar.xshg(CalendarSettings(announced_until=D(2028, 1, 14), announced_holidays=days))


@pytest.mark.parametrize("year", range(2008, published()[1].year + 1))
def test_weekdays_replaced_the_published_holidays_on_a_weekend(year: int) -> None:
    """The days of the published calendar are counted, except for the Mid-Autumn Festival of 2015."""
    since_2025 = [
        days[n]
        for name, n in (("spring_festival", 0), ("labour_day", 1))
        for days in [statutory_holidays(year)[name][1]]
    ]
    law = {
        day for _, days in statutory_holidays(year).values() for day in days if year >= 2025 or day not in since_2025
    }
    runs: list[list[dt.date]] = [[]]
    for n in range(-20, 366):
        day = D(year, 1, 1) + n * dt.timedelta(days=1)
        if CALENDAR.is_trading_day(day):
            runs.append([])
        else:
            runs[-1].append(day)
    short = [run[0] for run in runs if sum(day.weekday() < 5 for day in run) < len(law.intersection(run))]
    assert short == ([D(2015, 9, 26)] if year == 2015 else [])


@pytest.mark.parametrize("year", range(2008, published()[1].year + 1))
def test_the_exchanges_never_traded_on_a_statutory_holiday(year: int) -> None:
    """Two days became holidays in 2025: the eve of the lunar year, on which the exchanges had traded before, and 2 May."""
    for name, (_, days) in statutory_holidays(year).items():
        since_2025 = {"spring_festival": days[:1], "labour_day": days[1:]}.get(name, ())
        traded = [day for day in days if CALENDAR.is_trading_day(day) and (year >= 2025 or day not in since_2025)]
        assert traded == [], name


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_published_holidays_of_a_year_are_complete_and_one_fewer_is_refused(
    year: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calendar is cut at the end of the year before, and the year's holidays are announced."""
    every = CALENDAR.days(CALENDAR.first, D(year, 12, 31))
    weekdays = [day for n in range(365) if not never_trades(day := D(year, 1, 1) + dt.timedelta(days=n))]
    closed = [day for day in weekdays if day not in set(every)]
    past = tuple(day for day in every if day.year < year)
    monkeypatch.setattr("resources.calendar.published", lambda: (past, D(year - 1, 12, 31)))
    rebuilt = _xshg_calendar.__wrapped__
    whole = CalendarSettings(announced_until=D(year, 12, 31), announced_holidays=tuple(closed))
    assert rebuilt(whole).days(CALENDAR.first, D(year, 12, 31)) == every
    by_law = {day: name for name, days in statutory_holidays(year).values() for day in days if not never_trades(day)}
    assert len(by_law) >= 8
    for day, name in by_law.items():
        less = CalendarSettings(
            announced_until=D(year, 12, 31), announced_holidays=tuple(one for one in closed if one != day)
        )
        with pytest.raises(SettingsError, match=rf"does not name the statutory holidays {day} \({name}\)"):
            rebuilt(less)


def test_extra_holidays_are_no_trading_days() -> None:
    shorter = Calendar.xshg(CalendarSettings(extra_holidays=(D(2023, 12, 15),)))
    assert shorter.signal_day(D(2023, 12, 11)) == D(2023, 12, 14)
    assert shorter.index(D(2023, 12, 18)) == CALENDAR.index(D(2023, 12, 18)) - 1


def test_only_what_concerns_no_content_reads_the_clock() -> None:
    """What is built depends on the data's dates. Only the age of a delivery, of a run or of a file that is left over, the date of an
    adoption, an issue, an event or an alert, the heartbeat of a lock and the end of the partitions that Dagster shows are read off the clock."""
    reading = {
        path.relative_to(ROOT).as_posix()
        for folder in ("assets", "resources", "orchestration")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and re.search(r"(\.(now|today|utcnow|time_ns|localtime|gmtime)|time\.time)$", ast.unparse(node.func))
    }
    of_orchestration = {"adopt", "alerts", "definitions", "recorder", "sensors", "triggers", "vacuum"}
    of_resources = {"channels", "issues", "lease", "leftovers"}
    assert reading == {
        *(f"orchestration/{name}.py" for name in of_orchestration),
        *(f"resources/{name}.py" for name in of_resources),
    }


CLOCKS = (*(pytest.param(one, marks=pytest.mark.slow) for one in ("2022-06-15", "2027-03-01")), "2035-01-01")


@pytest.mark.parametrize("clock", CLOCKS)
def test_calendar_sample_and_partitions_do_not_depend_on_the_clock(clock: str) -> None:
    """The test uses a separate process, since `exchange_calendars` reads the clock when it is imported."""
    code = f"""
import pandas
pandas.Timestamp.now = classmethod(lambda cls, tz=None: pandas.Timestamp("{clock}"))
import exchange_calendars.exchange_calendar as xc
assert xc.GLOBAL_DEFAULT_END == pandas.Timestamp("{clock}") + pandas.DateOffset(years=1)  # the clock is the patched one
from resources.calendar import Calendar
from sample_market.plan import make_plan
from sample_market.settings import profile
calendar = Calendar.xshg()
print(len(calendar.days(calendar.first, calendar.last)), calendar.last, calendar.known_until)
plan = make_plan(profile("tiny"))
print(plan.days[0], plan.days[-1], len(plan.days), plan.stocks.symbol[:3])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 0, run.stderr
    plan = make_plan(profile("tiny"))
    assert run.stdout.splitlines() == [
        f"{len(CALENDAR.days(CALENDAR.first, CALENDAR.last))} {CALENDAR.last} {CALENDAR.known_until}",
        f"{plan.days[0]} {plan.days[-1]} {len(plan.days)} {plan.stocks.symbol[:3]}",
    ]


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


@given(st.sets(st.dates(D(2020, 1, 2), D(2020, 3, 1)), min_size=1), st.integers(0, 20), st.integers(0, 9))
def test_weeks_are_those_of_a_plain_filter(trading: set[dt.date], later: int, number: int) -> None:
    known = max(trading) + dt.timedelta(days=later)
    calendar = Calendar(trading, known)
    week = D(2019, 12, 30) + number * dt.timedelta(weeks=1)
    days = [day for day in sorted(trading) if week <= day < week + dt.timedelta(weeks=1)]
    if week + dt.timedelta(days=6) > calendar.known_until:
        with pytest.raises(SettingsError, match="known trading calendar ends"):
            calendar.week_days(week)
        return
    assert calendar.week_days(week) == days
    assert calendar.weeks(week, week) == ([week] if days else [])
    calendar.week_days(week).clear()  # what a caller does with the list does not change the calendar
    if days:
        assert calendar.signal_day(week) == days[-1]
    else:
        with pytest.raises(SettingsError, match="has no trading day"):
            calendar.signal_day(week)
