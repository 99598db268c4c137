"""Trading days and weeks of the Shanghai and Shenzhen exchanges, and the arithmetic every other module asks for.

Here: which days trade, offsets in trading days and trading weeks, signal and trade days. Not here: Dagster partitions
(orchestration/partitions.py) and what has landed (resources/landing.py).

Source: the XSHG calendar of `exchange_calendars`, plus the setting `calendar.extra_holidays` for days announced after
that package's release. A week is named by its Monday; its *signal day* is its last trading day (SPEC §1).
"""

import bisect
import datetime as dt
import functools
from collections.abc import Iterable

from resources.errors import SettingsError

FIRST_DAY = dt.date(1990, 12, 19)  # the Shanghai exchange's first session
WARN_DAYS_BEFORE_END = 60


@functools.cache
def _xshg_sessions() -> tuple[dt.date, ...]:
    import exchange_calendars

    return tuple(exchange_calendars.get_calendar("XSHG", start=FIRST_DAY).sessions.date)


class Calendar:
    """Trading days in order, with offsets.

    >>> calendar = Calendar.xshg()
    >>> calendar.signal_day(dt.date(2023, 9, 25))  # Friday 29 September 2023 was a holiday
    datetime.date(2023, 9, 28)
    """

    def __init__(self, trading_days: Iterable[dt.date]):
        self._days = sorted(set(trading_days))
        if not self._days:
            raise SettingsError("The calendar holds no trading day; check the setting calendar.extra_holidays.")
        self._index = {day: position for position, day in enumerate(self._days)}
        self._weeks = sorted({self.week_of(day) for day in self._days})

    @classmethod
    def xshg(cls, extra_holidays: Iterable[dt.date] = ()) -> "Calendar":
        """The published XSHG calendar less `extra_holidays`."""
        return _xshg_calendar(tuple(sorted(set(extra_holidays))))

    # --- days -------------------------------------------------------------------------------------------------------

    @property
    def first(self) -> dt.date:
        return self._days[0]

    @property
    def last(self) -> dt.date:
        return self._days[-1]

    def is_trading_day(self, day: dt.date) -> bool:
        self._require_known(day)
        return day in self._index

    def index(self, day: dt.date) -> int:
        """Position of a trading day among all trading days: differences count trading days."""
        try:
            return self._index[day]
        except KeyError:
            self._require_known(day)
            raise SettingsError(
                f"{day} is no trading day of the XSHG calendar; the trading days beside it are "
                f"{self.previous_day(day)} and {self.next_day(day)}."
            ) from None

    def days(self, first: dt.date, last: dt.date) -> list[dt.date]:
        """Trading days from `first` to `last`, both included."""
        if last >= first:
            self._require_known(first)
            self._require_known(last)
        return self._days[bisect.bisect_left(self._days, first) : bisect.bisect_right(self._days, last)]

    def offset(self, day: dt.date, n: int) -> dt.date:
        """The trading day `n` trading days after (before, when negative) the trading day `day`."""
        position = self.index(day) + n
        if position < 0:
            raise SettingsError(
                f"There is no trading day {-n} trading days before {day}: the calendar starts {self.first}."
            )
        if position >= len(self._days):
            raise SettingsError(self._end_message(f"the trading day {n} trading days after {day}"))
        return self._days[position]

    def next_day(self, day: dt.date) -> dt.date:
        """The first trading day strictly after any date."""
        position = bisect.bisect_right(self._days, day)
        if position == len(self._days):
            raise SettingsError(self._end_message(f"the trading day after {day}"))
        return self._days[position]

    def previous_day(self, day: dt.date) -> dt.date:
        """The last trading day strictly before any date."""
        position = bisect.bisect_left(self._days, day)
        if position == 0:
            raise SettingsError(f"No trading day is known before {day}: the calendar starts {self.first}.")
        return self._days[position - 1]

    # --- weeks and months -------------------------------------------------------------------------------------------

    @staticmethod
    def week_of(day: dt.date) -> dt.date:
        """The Monday that names the calendar week of any date."""
        return day - dt.timedelta(days=day.weekday())

    def week_days(self, week: dt.date) -> list[dt.date]:
        """Trading days of a week; empty for a week without one."""
        self._require_monday(week)
        # The calendar ends on its last session, usually inside a week: what is known of that week still counts.
        return self.days(week, min(week + dt.timedelta(days=6), max(self.last, week)))

    def signal_day(self, week: dt.date) -> dt.date:
        """The week's last trading day."""
        days = self.week_days(week)
        if not days:
            raise SettingsError(f"The week of {week} has no trading day, so it has no signal day and no report.")
        return days[-1]

    def trade_day(self, week: dt.date) -> dt.date:
        """The first trading day after the signal day."""
        return self.next_day(self.signal_day(week))

    def weeks(self, first: dt.date, last: dt.date) -> list[dt.date]:
        """Weeks with a trading day, from Monday `first` to Monday `last`, both included."""
        self._require_monday(first)
        self._require_monday(last)
        return self._weeks[bisect.bisect_left(self._weeks, first) : bisect.bisect_right(self._weeks, last)]

    def offset_week(self, week: dt.date, n: int) -> dt.date:
        """The trading week `n` trading weeks after (before, when negative) the trading week `week`."""
        position = bisect.bisect_left(self._weeks, week)
        if position == len(self._weeks) or self._weeks[position] != week:
            raise SettingsError(f"The week of {week} has no trading day.")
        if not 0 <= position + n < len(self._weeks):
            raise SettingsError(self._end_message(f"the trading week {n} weeks from {week}"))
        return self._weeks[position + n]

    def is_last_of_week(self, day: dt.date) -> bool:
        return day == self.signal_day(self.week_of(day))

    def is_last_of_month(self, day: dt.date) -> bool:
        """True on the last trading day of a month. The month of the calendar's last session counts as ended there."""
        position = self.index(day)
        if position + 1 == len(self._days):
            return True
        return self._days[position + 1].month != day.month

    def month_signal_days(self, first: dt.date, last: dt.date) -> list[dt.date]:
        """The last trading days of months that lie from `first` to `last`."""
        return [day for day in self.days(first, last) if self.is_last_of_month(day)]

    # --- the end of what is known -----------------------------------------------------------------------------------

    def warning(self, today: dt.date) -> str | None:
        """What to tell the user when the known calendar ends within 60 days of `today`."""
        left = (self.last - today).days
        if left > WARN_DAYS_BEFORE_END:
            return None
        return f"The trading calendar ends on {self.last}, {left} days from {today}: {self._remedy()}"

    def _require_known(self, day: dt.date) -> None:
        # Days of the calendar's last year after its last session are weekends or holidays only if the year is complete.
        if day > self.last and not (day.year == self.last.year and (self.last.month, self.last.day) >= (12, 28)):
            raise SettingsError(self._end_message(str(day)))

    def _end_message(self, what: str) -> str:
        return f"The known trading calendar ends on {self.last}, before {what}. {self._remedy()}"

    @staticmethod
    def _remedy() -> str:
        return (
            "Upgrade exchange_calendars (pip install --upgrade exchange_calendars); holidays announced since its release "
            "can be named in the setting calendar.extra_holidays."
        )

    @staticmethod
    def _require_monday(week: dt.date) -> None:
        if week.weekday() != 0:
            raise SettingsError(
                f"{week} is a {week:%A}; a week is named by its Monday: {Calendar.week_of(week)} for that week."
            )


@functools.cache
def _xshg_calendar(extra_holidays: tuple[dt.date, ...]) -> Calendar:
    sessions = _xshg_sessions()
    unknown = [day for day in extra_holidays if day not in set(sessions)]
    if unknown:
        raise SettingsError(
            f"calendar.extra_holidays names {', '.join(map(str, unknown))}, not a trading day of the XSHG calendar anyway; "
            "take it out."
        )
    return Calendar(day for day in sessions if day not in set(extra_holidays))
