"""Trading days and weeks of the Shanghai and Shenzhen exchanges, and the arithmetic every other module asks for.

Here: which days trade, offsets in trading days and trading weeks, signal and trade days. Not here: Dagster partitions
(orchestration/partitions.py) and what has landed (resources/landing.py).

Source: the XSHG calendar of `exchange_calendars` to the end of the last year whose holidays it holds, whatever the machine's
clock says, and beyond it what the settings `calendar.*` say was announced. A week is named by its Monday; its *signal day* is
its last trading day (SPEC §1). A question about a day, week or month that is not wholly known is an error, never a guess.
"""

import bisect
import datetime as dt
import functools
from collections.abc import Iterable, Sequence

from resources.errors import SettingsError
from resources.settings.calendar import CalendarSettings

FIRST_DAY = dt.date(1990, 12, 19)  # the Shanghai exchange's first session
_DAY = dt.timedelta(days=1)


def never_trades(day: dt.date) -> bool:
    """True where no announcement is needed: Saturdays and Sundays, working days by decree included, and 1 January."""
    return day.weekday() >= 5 or (day.month, day.day) == (1, 1)


@functools.cache
def published() -> tuple[tuple[dt.date, ...], dt.date]:
    """The sessions of the published XSHG calendar, and the last day that it knows of.

    By default `exchange_calendars` ends its calendars a year after the machine's clock; here the end is that of its list of
    holidays.
    """
    from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar

    until = XSHGExchangeCalendar.bound_max()
    return tuple(XSHGExchangeCalendar(start=FIRST_DAY, end=until).sessions.date), until.date()


class Calendar:
    """Trading days in order, with offsets.

    >>> calendar = Calendar.xshg()
    >>> calendar.signal_day(dt.date(2023, 9, 25))  # Friday 29 September 2023 was a holiday
    datetime.date(2023, 9, 28)
    """

    def __init__(self, trading_days: Iterable[dt.date], known_until: dt.date | None = None):
        """known_until: the last day of which it is known whether it trades; by default the end of the last day's week."""
        self._days = sorted(set(trading_days))
        if not self._days:
            raise SettingsError("The calendar holds no trading day; check the setting calendar.extra_holidays.")
        known = self.week_of(self._days[-1]) + 6 * _DAY if known_until is None else max(known_until, self._days[-1])
        while never_trades(known + _DAY):
            known += _DAY
        self.known_until = known
        self._index = {day: position for position, day in enumerate(self._days)}
        self._weeks = sorted({w for day in self._days if (w := self.week_of(day)) + 6 * _DAY <= known})

    @classmethod
    def xshg(cls, settings: CalendarSettings | None = None) -> "Calendar":
        """The published XSHG calendar, as changed and continued by the settings."""
        return _xshg_calendar(settings or CalendarSettings())

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
        """The first trading day strictly after a date."""
        position = bisect.bisect_right(self._days, day)
        if position == len(self._days):
            raise SettingsError(self._end_message(f"the trading day after {day}"))
        return self._days[position]

    def previous_day(self, day: dt.date) -> dt.date:
        """The last trading day strictly before a date."""
        self._require_known(day - _DAY)
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
        return self.days(week, week + 6 * _DAY)

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
        if last >= first:
            self._require_known(last + 6 * _DAY)
        return self._weeks[bisect.bisect_left(self._weeks, first) : bisect.bisect_right(self._weeks, last)]

    def offset_week(self, week: dt.date, n: int) -> dt.date:
        """The trading week `n` trading weeks after (before, when negative) the trading week `week`."""
        position = bisect.bisect_left(self._weeks, week)
        if position == len(self._weeks) or self._weeks[position] != week:
            self._require_monday(week)
            self._require_known(week + 6 * _DAY)
            raise SettingsError(f"The week of {week} has no trading day.")
        if not 0 <= position + n < len(self._weeks):
            raise SettingsError(self._end_message(f"the trading week {n} weeks from {week}"))
        return self._weeks[position + n]

    def is_last_of_week(self, day: dt.date) -> bool:
        return self._is_last_before(day, self.week_of(day) + 7 * _DAY)

    def is_last_of_month(self, day: dt.date) -> bool:
        """True on the last trading day of a month."""
        return self._is_last_before(day, (day.replace(day=1) + 31 * _DAY).replace(day=1))

    def _is_last_before(self, day: dt.date, end: dt.date) -> bool:
        """Whether no trading day lies between the trading day `day` and the day `end`."""
        position = self.index(day)
        if position + 1 < len(self._days):
            return self._days[position + 1] >= end
        self._require_known(end - _DAY)
        return True

    def month_signal_days(self, first: dt.date, last: dt.date) -> list[dt.date]:
        """The last trading days of months that lie from `first` to `last`."""
        return [day for day in self.days(first, last) if self.is_last_of_month(day)]

    # --- the end of what is known -----------------------------------------------------------------------------------

    def known_week(self, day: dt.date) -> dt.date:
        """The week of a date; the last wholly known one for dates after that."""
        return min(self.week_of(day), self._weeks[-1]) if self._weeks else self.week_of(day)

    def warning(self, newest: dt.date, within: int = 0) -> str:
        """What to tell the user when the known calendar ends at most `within` days after the newest data; else ""."""
        left = (self.known_until - newest).days
        if left > within:
            return ""
        if left < 0:
            return self._end_message(str(newest))
        return f"The known trading calendar ends on {self.known_until}, {left} days after the newest data. {self._remedy()}"

    def _require_known(self, day: dt.date) -> None:
        if day > self.known_until:
            raise SettingsError(self._end_message(str(day)))

    def _end_message(self, what: str) -> str:
        return f"The known trading calendar ends on {self.known_until}, before {what}. {self._remedy()}"

    def _remedy(self) -> str:
        year = (self.known_until + _DAY).year
        return (
            f"When the exchanges have announced the holidays of {year}, put them into the settings file: [calendar] "
            f"announced_until = {year}-12-31 and announced_holidays = [{year}-02-05, …], every weekday of {year} on which they do "
            "not trade. A newer release of exchange_calendars that holds the year serves as well."
        )

    @staticmethod
    def _require_monday(week: dt.date) -> None:
        if week.weekday() != 0:
            raise SettingsError(
                f"{week} is a {week:%A}; a week is named by its Monday: {Calendar.week_of(week)} for that week."
            )


@functools.cache
def _xshg_calendar(settings: CalendarSettings) -> Calendar:
    sessions, end = published()
    trading, removed = set(sessions), set(settings.extra_holidays)
    if late := sorted(day for day in removed if day > end):
        raise SettingsError(
            f"calendar.extra_holidays names {_list(late)}, after the published calendar, which ends on {end}. Name such days in "
            "calendar.announced_holidays, with calendar.announced_until."
        )
    if idle := sorted(removed - trading):
        raise SettingsError(
            f"calendar.extra_holidays names {_list(idle)}, not a trading day of the XSHG calendar anyway; take it out."
        )
    until, named = settings.announced_until, set(settings.announced_holidays)
    _require_agreement(named, trading - removed, end)
    if until is None or until <= end:
        return Calendar(trading - removed, end)
    announced = [day for n in range((until - end).days) if not never_trades(day := end + (n + 1) * _DAY)]
    _require_complete(named, end, until, settings.statutory_holidays)
    _require_made_up(named | _closed(trading - removed, end), end, until, settings.statutory_holidays)
    return Calendar((trading - removed) | (set(announced) - named), until)


def _require_agreement(named: set[dt.date], trading: set[dt.date], end: dt.date) -> None:
    """The published calendar has caught up with an announcement: where both know a year, they must say the same."""
    both = {day for day in named if day <= end and not never_trades(day)}
    years = {day.year for day in both}
    weekdays = {day for year in years for n in range(366) if not never_trades(day := dt.date(year, 1, 1) + n * _DAY)}
    closed = {day for day in weekdays if day.year in years and day not in trading}
    if open_ := sorted(both - closed):
        raise SettingsError(
            f"calendar.announced_holidays names {_list(open_)}, which the published calendar holds for trading days; it ends on "
            f"{end}. Name them in calendar.extra_holidays if the exchanges do not trade then, and take the days up to {end} out "
            "of calendar.announced_holidays."
        )
    if missing := sorted(closed - both):
        raise SettingsError(
            f"calendar.announced_holidays lacks {_list(missing)}, on which the exchanges do not trade by the published calendar, "
            f"which ends on {end}. Take the days up to {end} out of calendar.announced_holidays: the published calendar holds "
            "them."
        )


def statutory_holidays(year: int) -> dict[str, tuple[str, tuple[dt.date, ...]]]:
    """Setting → (name, days) of the holidays of a year by law.

    Source: the State Council's regulation on public holidays, in the version of 2024-11-10 in force since 2025, article 2. The exchanges
    have closed on each of these days since 2008, as far as they were holidays by the law of the year. Which weekdays around them are days
    off too is for each year's announcement to say. The days by the lunar calendar are those of `exchange_calendars`.

    Raises:
        SettingsError: the days by the lunar calendar are not known for that year.
    """
    try:
        lunar = {what: dates[year] for what, dates in _lunar_dates().items()}
    except KeyError:
        raise SettingsError(
            f"The Spring Festival of {year} is not known to exchange_calendars: end calendar.announced_until before {year}."
        ) from None
    spring = lunar["spring_festival"]
    return {
        "new_year": ("New Year's Day", (dt.date(year, 1, 1),)),
        "spring_festival": ("the Spring Festival", tuple(spring + n * _DAY for n in (-1, 0, 1, 2))),
        "qingming": ("Qingming", (lunar["qingming"],)),
        "labour_day": ("Labour Day", (dt.date(year, 5, 1), dt.date(year, 5, 2))),
        "dragon_boat": ("the Dragon Boat Festival", (lunar["dragon_boat"],)),
        "mid_autumn": ("the Mid-Autumn Festival", (lunar["mid_autumn"],)),
        "national_day": ("National Day", tuple(dt.date(year, 10, day) for day in (1, 2, 3))),
    }


@functools.cache
def _lunar_dates() -> dict[str, dict[int, dt.date]]:
    """Holiday → year → its day: of the Spring Festival the first of the lunar year."""
    from exchange_calendars import lunisolar_holidays as known

    tables = {
        "spring_festival": known.chinese_lunar_new_year_dates,
        "qingming": known.qingming_festival_dates,
        "dragon_boat": known.dragon_boat_festival_dates,
        "mid_autumn": known.mid_autumn_festival_dates,
    }
    return {what: {day.year: day for day in dates.date} for what, dates in tables.items()}


def _require_complete(named: set[dt.date], end: dt.date, until: dt.date, wanted: Iterable[str]) -> None:
    """No exchange trades on a holiday by law: an announcement that lacks a weekday of one is incomplete."""
    wanted, missing = set(wanted), []
    for year in range(end.year, until.year + 1):
        for key, (name, days) in statutory_holidays(year).items():
            lacking = [day for day in days if end < day <= until and not never_trades(day) and day not in named]
            if lacking and key in wanted:
                missing.append((f"{_list(lacking)} ({name})", key))
    if missing:
        keys = list(dict.fromkeys(key for _, key in missing))
        raise SettingsError(
            f"calendar.announced_holidays does not name {_list([told for told, _ in missing])}, holidays by law, though "
            f"announced_until = {until}. Name every weekday up to that day on which the exchanges do not trade, or end announced_until "
            f"before. If the law has changed, take {' and '.join(keys)} out of calendar.statutory_holidays."
        )


def _closed(trading: set[dt.date], end: dt.date) -> set[dt.date]:
    """The weekdays of the last published month without trading: a holiday may begin before the published calendar ends."""
    return {day for n in range(31) if (day := end - n * _DAY) not in trading and not never_trades(day)}


def _require_made_up(named: set[dt.date], end: dt.date, until: dt.date, wanted: Iterable[str]) -> None:
    """A holiday by law that falls on a weekend is made up for on a weekday (the regulation that `statutory_holidays` cites).

    So the days off around a holiday hold at least as many weekdays as days by law. Of the holidays since 2008 only the Mid-Autumn
    Festival of 2015, a Sunday, was not made up for. Days off that reach `until` may go on and are not judged.
    """
    wanted = set(wanted)
    short: dict[dt.date, tuple[dt.date, str, int, list[dt.date], str]] = {}
    holidays = [
        (key, name, days)
        for year in range(end.year, until.year + 1)
        for key, (name, days) in statutory_holidays(year).items()
        if key in wanted
    ]
    by_law = {day for _, _, days in holidays for day in days}
    for key, name, days in holidays:
        if days[-1] <= end or days[-1] > until:
            continue
        off = _days_off(days, named)
        weekdays = [day for day in off if day.weekday() < 5]
        least = len(by_law.intersection(off))
        if len(weekdays) < least and off[-1] < until:
            short.setdefault(off[0], (off[-1], name, least, weekdays, key))
    if short:
        told = [
            f"{name}: {least} days by law, and {len(weekdays)} weekdays without trading from {first} to {last}"
            for first, (last, name, least, weekdays, _) in short.items()
        ]
        keys = sorted({key for *_, key in short.values()})
        raise SettingsError(
            f"calendar.announced_holidays does not make up for holidays by law that fall on a weekend ({_list(told)}), though "
            f"announced_until = {until}. Name every weekday up to that day on which the exchanges do not trade, those around the "
            "holidays too, or end announced_until before. If the announcement does not make up for them, take "
            f"{' and '.join(keys)} out of calendar.statutory_holidays."
        )


def _days_off(days: Sequence[dt.date], named: set[dt.date]) -> list[dt.date]:
    """The days without trading around the days of a holiday, ascending: weekdays that are `named`, weekends and 1 January."""
    first, last = days[0], days[-1]
    while never_trades(first - _DAY) or first - _DAY in named:
        first -= _DAY
    while never_trades(last + _DAY) or last + _DAY in named:
        last += _DAY
    return [first + n * _DAY for n in range((last - first).days + 1)]


def _list(days: Sequence[dt.date | str]) -> str:
    return ", ".join(map(str, days[:8])) + (f" and {len(days) - 8} more" if len(days) > 8 else "")
