"""The arguments of make functions: undeclared names raise, services are made once, and look-backs declare their offsets."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.calendar import Calendar
from resources.lookback import all_weeks, days, week_days
from resources.partition import Declared, DeclaredFiles, Frames, Partition, UndeclaredError

DAY, WEEK = dt.date(2024, 1, 12), dt.date(2024, 1, 8)
CALENDAR = Calendar.xshg()
LONG = CALENDAR.days(dt.date(2022, 1, 4), dt.date(2023, 12, 29))


def test_an_undeclared_name_is_an_error_and_not_an_absent_value() -> None:
    """`get` and `in` look up names like a mapping, but `get` must not turn an error into a default."""
    reasons = Declared({"styles": {"value": "no fundamentals"}}, "factors")
    assert reasons.get("styles", {}) == {"value": "no fundamentals"}
    assert {**reasons} == {"styles": {"value": "no fundamentals"}}
    assert "scores" not in reasons
    for reach in (lambda: reasons["scores"], lambda: reasons.get("scores", {})):
        with pytest.raises(UndeclaredError, match="factors does not read 'scores'; it reads styles"):
            reach()
    with pytest.raises(UndeclaredError, match="it reads no table"):
        Frames({}, "trades")["quotes"]


def test_files_of_partitions_that_are_not_read_cannot_be_opened() -> None:
    read = DeclaredFiles("report of 2024-01-08", lambda *asked: repr(asked).encode(), frozenset({("scores", WEEK)}))
    assert read("scores", WEEK, "seeds.parquet") == repr(("scores", WEEK, "seeds.parquet")).encode()
    for table, partition in (("scores", WEEK - dt.timedelta(weeks=1)), ("factors", WEEK)):
        with pytest.raises(UndeclaredError, match=rf"report of 2024-01-08 does not read {table} of {partition}"):
            read(table, partition, "seeds.parquet")


def test_a_service_is_made_on_first_use_and_once() -> None:
    made: list[str] = []
    partition = Partition(table="trades", date=DAY, services={"start": lambda: made.append("start") or DAY})
    assert not made
    assert (partition.start, partition.start) == (DAY, DAY)
    assert made == ["start"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        partition.date = DAY  # type: ignore[misc]


def test_the_error_of_an_absent_service_names_the_declaration() -> None:
    bare = Partition.of(DAY, table="styles")
    for service, remedy in {
        "landing": "name its parts in `lands`", "rules": "name their kinds in `rules`", "start": "set `reads_start`",
        "record": "set `reads_record`", "calendar": "must pass it", "scratch": "must pass it",
    }.items():  # fmt: skip
        with pytest.raises(UndeclaredError, match=rf"2024-01-12 of styles has no `{service}`.*{remedy}"):
            getattr(bare, service)
    with pytest.raises(UndeclaredError, match="styles has daily partitions"):
        _ = bare.week
    with pytest.raises(UndeclaredError, match="no partition of scores is read"):
        bare.files("scores", WEEK, "seeds.parquet")
    with pytest.raises(TypeError, match="calender"):
        Partition.of(DAY, calender=CALENDAR)
    assert Partition.of(DAY, week=WEEK).week == WEEK
    assert Partition.of(DAY, scratch=None).scratch is None  # handed in, though it is nothing


# --- look-backs -----------------------------------------------------------------------------------------------------


@given(st.integers(0, len(LONG) - 1), st.integers(-30, 5), st.integers(0, 10), st.integers(0, len(LONG) - 1))
def test_days_are_those_of_a_plain_slice(at: int, first: int, more: int, start: int) -> None:
    calendar = Calendar(LONG)
    last = min(first + more, len(LONG) - 1 - at)
    held = [LONG[n] for n in range(at + first, at + last + 1) if n >= max(0, start)]
    assert days(first, last).keys(calendar, LONG[at], None, LONG[start]) == held


@pytest.mark.parametrize("back", [0, 1, 7])
def test_week_days_are_a_plain_slice_back_from_the_first(back: int) -> None:
    calendar = Calendar(LONG)
    for week in calendar.weeks(calendar.week_of(LONG[0]), calendar.week_of(LONG[-1])):
        own = [day for day in LONG if week <= day < week + dt.timedelta(weeks=1)]
        before = LONG[max(0, LONG.index(own[0]) - back) : LONG.index(own[0])]
        assert week_days(back).keys(calendar, week, None, LONG[0]) == [*before, *own]
        assert all_weeks.keys(calendar, week, None, LONG[40])[-1:] == (
            [week] if week >= calendar.week_of(LONG[40]) else []
        )
