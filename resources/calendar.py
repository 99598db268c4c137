"""Trading days and weeks of the Shanghai and Shenzhen exchanges, and their arithmetic.

This module decides which days trade and computes offsets in trading days and weeks, signal days and trade days. Dagster's
partitions are in orchestration/partitions.py, and resources/landing.py knows which days have landed.

The source is the XSHG calendar of `exchange_calendars` up to the end of the last year whose holidays it contains, independent of
the machine's clock; after it, the announced holidays of the settings `calendar.*`. A week is named by its Monday, and its *signal
day* is its last trading day (SPEC §1). A question about a day, week or month that is not completely known raises SettingsError.
"""

import bisect
import datetime as dt
import functools
import itertools
from collections.abc import Iterable, Sequence

from resources.errors import SettingsError
from resources.settings.calendar import CalendarSettings

FIRST_DAY = dt.date(1990, 12, 19)  # the Shanghai exchange's first session
_DAY = dt.timedelta(days=1)


def never_trades(day: dt.date) -> bool:
    """Whether the exchanges never trade on a day: on weekends, also those that are made working days, and on 1 January."""
    return day.weekday() >= 5 or (day.month, day.day) == (1, 1)


@functools.cache
def published() -> tuple[tuple[dt.date, ...], dt.date]:
    """The trading days of the published XSHG calendar, and the last day that it covers.

    By default `exchange_calendars` ends its calendars one year after the machine's clock. This function ends it with the list of
    holidays instead.
    """
    from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar

    until = XSHGExchangeCalendar.bound_max()
    return tuple(XSHGExchangeCalendar(start=FIRST_DAY, end=until).sessions.date), until.date()


class Calendar:
    """The trading days in order, with offsets. Methods raise SettingsError for days and weeks that are not known.

    >>> calendar = Calendar.xshg()
    >>> calendar.signal_day(dt.date(2023, 9, 25))  # Friday 29 September 2023 was a holiday
    datetime.date(2023, 9, 28)
    """

    def __init__(self, trading_days: Iterable[dt.date], known_until: dt.date | None = None):
        """Create a calendar. known_until: the last day whose status is known; by default the end of the last trading day's week."""
        self._days = sorted(set(trading_days))
        if not self._days:
            raise SettingsError("The calendar has no trading day. Correct the setting calendar.extra_holidays.")
        known = self.week_of(self._days[-1]) + 6 * _DAY if known_until is None else max(known_until, self._days[-1])
        while never_trades(known + _DAY):
            known += _DAY
        self.known_until = known
        self._index = {day: position for position, day in enumerate(self._days)}
        weeks = itertools.groupby(self._days, key=self.week_of)
        # A plan of ten years asks for weeks a hundred thousand times.
        self._days_of_weeks = {week: list(days) for week, days in weeks if week + 6 * _DAY <= known}
        self._weeks = list(self._days_of_weeks)

    @classmethod
    def xshg(cls, settings: CalendarSettings | None = None) -> "Calendar":
        """The published XSHG calendar, as changed and continued by the settings."""
        return _xshg_calendar(settings or CalendarSettings())

    # --- days -------------------------------------------------------------------------------------------------------

    @property
    def first(self) -> dt.date:
        """The first trading day."""
        return self._days[0]

    @property
    def last(self) -> dt.date:
        """The last trading day."""
        return self._days[-1]

    def is_trading_day(self, day: dt.date) -> bool:
        """Whether the exchanges trade on a day."""
        self._require_known(day)
        return day in self._index

    def index(self, day: dt.date) -> int:
        """The position of a trading day among all trading days. Differences of positions count trading days."""
        try:
            return self._index[day]
        except KeyError:
            self._require_known(day)
            raise SettingsError(
                f"{day} is no trading day of the XSHG calendar; the nearest trading days are "
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
        if (known := self._days_of_weeks.get(week)) is not None:
            return known.copy()
        self._require_monday(week)
        return self.days(week, week + 6 * _DAY)

    def signal_day(self, week: dt.date) -> dt.date:
        """The week's last trading day."""
        days = self._days_of_weeks.get(week) or self.week_days(week)
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
        """Whether a trading day is the last of its week."""
        return self._is_last_before(day, self.week_of(day) + 7 * _DAY)

    def is_last_of_month(self, day: dt.date) -> bool:
        """Whether a trading day is the last of its month."""
        return self._is_last_before(day, (day.replace(day=1) + 31 * _DAY).replace(day=1))

    def _is_last_before(self, day: dt.date, end: dt.date) -> bool:
        """Whether there is no trading day after the trading day `day` and before the day `end`."""
        position = self.index(day)
        if position + 1 < len(self._days):
            return self._days[position + 1] >= end
        self._require_known(end - _DAY)
        return True

    def month_signal_days(self, first: dt.date, last: dt.date) -> list[dt.date]:
        """The last trading days of months between `first` and `last`, both included."""
        ends = self._month_ends
        found = ends[bisect.bisect_left(ends, first) : bisect.bisect_right(ends, last)]
        newest = self.days(max(first, self.last), last)
        return found + [day for day in newest if self.is_last_of_month(day)]

    @functools.cached_property
    def _month_ends(self) -> list[dt.date]:
        """The last trading days of months before the month of the last trading day."""
        return [
            day for day, after in itertools.pairwise(self._days) if (day.year, day.month) != (after.year, after.month)
        ]

    # --- the end of what is known -----------------------------------------------------------------------------------

    def known_week(self, day: dt.date) -> dt.date:
        """The week of a date, or the last week that is completely known where that is earlier."""
        return min(self.week_of(day), self._weeks[-1]) if self._weeks else self.week_of(day)

    def warning(self, newest: dt.date, within: int = 0) -> str:
        """The warning for a known calendar that ends at most `within` days after the newest data; else ""."""
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
            f"When the exchanges have announced the holidays of {year}, add them to the settings file: [calendar] "
            f"announced_until = {year}-12-31 and announced_holidays = [{year}-02-05, …], every weekday of {year} on which they do "
            "not trade. Alternatively, install a newer release of exchange_calendars that covers the year."
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
            f"calendar.extra_holidays names {_list(late)}, after the published calendar, which ends on {end}. Move such days to "
            "calendar.announced_holidays, and set calendar.announced_until."
        )
    if idle := sorted(removed - trading):
        raise SettingsError(
            f"calendar.extra_holidays names {_list(idle)}, which the XSHG calendar has as a holiday already. Remove the entry."
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
    """Raise SettingsError where the announcement and the published calendar disagree in years that both cover."""
    both = {day for day in named if day <= end and not never_trades(day)}
    years = {day.year for day in both}
    weekdays = {day for year in years for n in range(366) if not never_trades(day := dt.date(year, 1, 1) + n * _DAY)}
    closed = {day for day in weekdays if day.year in years and day not in trading}
    if open_ := sorted(both - closed):
        raise SettingsError(
            f"calendar.announced_holidays names {_list(open_)}, which are trading days of the published calendar; it ends on "
            f"{end}. Move them to calendar.extra_holidays if the exchanges do not trade then, and remove the days up to {end} from "
            "calendar.announced_holidays."
        )
    if missing := sorted(closed - both):
        raise SettingsError(
            f"calendar.announced_holidays lacks {_list(missing)}, on which the exchanges do not trade by the published calendar, "
            f"which ends on {end}. Remove the days up to {end} from calendar.announced_holidays, because the published calendar "
            "covers them."
        )


def statutory_holidays(year: int) -> dict[str, tuple[str, tuple[dt.date, ...]]]:
    """The statutory holidays of a year: setting → (name, days).

    Source: the State Council's regulation on public holidays, in the version of 2024-11-10 in force since 2025, article 2. Since 2008
    the exchanges have closed on each of these days that was a statutory holiday of its year. Each year's announcement decides which
    weekdays around them are days off too. The days by the lunar calendar are those of `exchange_calendars`.

    Raises:
        SettingsError: the days by the lunar calendar are not known for that year.
    """
    try:
        lunar = {what: dates[year] for what, dates in _lunar_dates().items()}
    except KeyError:
        raise SettingsError(
            f"exchange_calendars does not know the Spring Festival of {year}. Set calendar.announced_until to a day before {year}."
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
    """The days of the lunar holidays: holiday → year → day. That of the Spring Festival is the first of the lunar year."""
    from exchange_calendars import lunisolar_holidays as known

    tables = {
        "spring_festival": known.chinese_lunar_new_year_dates,
        "qingming": known.qingming_festival_dates,
        "dragon_boat": known.dragon_boat_festival_dates,
        "mid_autumn": known.mid_autumn_festival_dates,
    }
    return {what: {day.year: day for day in dates.date} for what, dates in tables.items()}


def _require_complete(named: set[dt.date], end: dt.date, until: dt.date, wanted: Iterable[str]) -> None:
    """Raise SettingsError where an announcement lacks a weekday of a statutory holiday."""
    wanted, missing = set(wanted), []
    for year in range(end.year, until.year + 1):
        for key, (name, days) in statutory_holidays(year).items():
            lacking = [day for day in days if end < day <= until and not never_trades(day) and day not in named]
            if lacking and key in wanted:
                missing.append((f"{_list(lacking)} ({name})", key))
    if missing:
        keys = list(dict.fromkeys(key for _, key in missing))
        raise SettingsError(
            f"calendar.announced_holidays does not name the statutory holidays {_list([days for days, _ in missing])} although "
            f"announced_until = {until}. Name every weekday up to that day on which the exchanges do not trade, or set announced_until "
            f"to an earlier day. If the law has changed, remove {' and '.join(keys)} from calendar.statutory_holidays."
        )


def _closed(trading: set[dt.date], end: dt.date) -> set[dt.date]:
    """The weekdays without trading in the last published month, since a holiday may begin before the published calendar ends."""
    return {day for n in range(31) if (day := end - n * _DAY) not in trading and not never_trades(day)}


def _require_made_up(named: set[dt.date], end: dt.date, until: dt.date, wanted: Iterable[str]) -> None:
    """Raise SettingsError where an announcement lacks the weekdays that replace statutory holidays on a weekend.

    By the regulation that `statutory_holidays` cites, the days off around a holiday contain at least as many weekdays as statutory
    days. Of the holidays since 2008 only the Mid-Autumn Festival of 2015, a Sunday, is an exception. Days off that reach `until` may
    continue and are not judged.
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
        clauses = [
            f"{name}: {least} statutory days, and {len(weekdays)} weekdays without trading from {first} to {last}"
            for first, (last, name, least, weekdays, _) in short.items()
        ]
        keys = sorted({key for *_, key in short.values()})
        raise SettingsError(
            f"calendar.announced_holidays lacks weekdays that replace statutory holidays on a weekend ({_list(clauses)}) although "
            f"announced_until = {until}. Name every weekday up to that day on which the exchanges do not trade, including those around "
            "the holidays, or set announced_until to an earlier day. If the announcement does not replace them, remove "
            f"{' and '.join(keys)} from calendar.statutory_holidays."
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
