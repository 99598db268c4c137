"""Trading days and weeks as Dagster partitions, and which partitions of one table another reads, as Dagster's mappings.

The builder selects the partitions that it reads by the calendar (`Builder.reads`). The mappings tell Dagster the same: for its lineage,
its backfills of everything downstream, and its order of runs. Dagster's web server and daemon only know Dagster's own classes, so
they are `TimeWindowPartitionsDefinition` and `TimeWindowPartitionMapping`.

A day is a window from its midnight to that of the next weekday, a week from Monday to Monday. Holidays, and weeks without a trading
day, are excluded and therefore no partitions. Each excluded window is repeated in every event that Dagster plans for a range, so that
partitions begin with the history that has landed, and weekends are left out by the cron schedule.
"""

import datetime as dt
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from orchestration.platform import History
from resources.calendar import Calendar
from resources.errors import SettingsError
from resources.table import Read, Table, same

FIRST = dt.date(2010, 1, 1)
TIMEZONE = "Asia/Shanghai"
_DAYS, _WEEKS = "0 0 * * 1-5", "0 0 * * 1"
_DAY, _WEEK = dt.timedelta(days=1), dt.timedelta(weeks=1)


class TimeWindowPartitionMapping(dg.TimeWindowPartitionMapping):
    """Dagster's mapping, equal to every other one of its kind.

    Dagster refuses an op whose assets read one input with different mappings (`get_partition_mappings_from_deps`), although its asset
    graph uses the mapping of each asset. The name is that of the base class, because Dagster stores a mapping under its name.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dg.TimeWindowPartitionMapping)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return 0


@dataclass(frozen=True)
class Partitions:
    """The partitions of all tables under one calendar, settings tree and landed history, and the mappings between them.

    history: None where no market can be read. The partitions are then all days and weeks of the known calendar from 2010.
    """

    tables: Mapping[str, Table]
    calendar: Calendar
    settings: Any
    history: History | None = None

    def of(self, table: Table) -> dg.TimeWindowPartitionsDefinition:
        """The partitions of a table."""
        if table.partition == "week":
            return self._definitions["week"]
        return self._definitions[table.history]

    @functools.cached_property
    def _definitions(self) -> dict[str, dg.TimeWindowPartitionsDefinition]:
        return {
            "minutes": trading_days(self.calendar, self.history, "minutes", self._reach("day", "minutes")),
            "reference": trading_days(self.calendar, self.history, "reference"),
            "week": trading_weeks(self.calendar, self.history, self._reach("week", "minutes")),
        }

    def _reach(self, partition: str, history: str) -> int:
        """The number of partitions before the first one over which tables read others whose history begins earlier.

        Dagster counts offsets in the reading table's partitions, also before the first one, where holidays must be excluded too.
        """
        reaches = [
            -offsets[0]
            for table in self.tables.values()
            if (table.partition, table.history) == (partition, history)
            for read in table.reads
            if self.tables[read.table].history != history and (offsets := self.offsets(table, read))
        ]
        return max([0, *reaches])

    def mapping(self, table: Table, read: Read) -> TimeWindowPartitionMapping:
        """The mapping from partitions of a table to those that it reads: one range around all of its look-backs.

        The offsets count partitions of the reading table, that is trading days, or trading weeks. Between days, and between weeks, the
        mapping is exact where the look-back is the same range everywhere. It is an upper bound where the look-back has gaps (the last
        days of months), differs between partitions (trainings), or begins with the history. From weeks to days it covers whole weeks.
        Partitions before the history are cut off, as the builder does.
        """
        first, last = self.offsets(table, read) or (0, 0)
        if read.table == table.name:
            # Dagster requires that a table which reads itself reads earlier partitions only, also where it reads none.
            first, last = min(first, -1), min(last, -1)
        return TimeWindowPartitionMapping(first, last, allow_nonexistent_upstream_partitions=True)

    def offsets(self, table: Table, read: Read) -> tuple[int, int] | None:
        """The first and the last offset at which any partition of a table reads another table; None where none is read."""
        if read.over is same:
            return 0, 0
        upstream = self.tables[read.table]
        # Several tables read with the same look-back, and the one of a decade takes up to a tenth of a second.
        alike = (
            read.over,
            read.by_reader,
            table.settings,
            table.partition,
            table.history,
            upstream.partition,
            upstream.history,
        )
        if alike not in self._known_offsets:
            self._known_offsets[alike] = self._compute_offsets(table, read, upstream)
        return self._known_offsets[alike]

    @functools.cached_property
    def _known_offsets(self) -> dict[Any, tuple[int, int] | None]:
        return {}

    def _compute_offsets(self, table: Table, read: Read, upstream: Table) -> tuple[int, int] | None:
        daily = table.partition == "day"
        position = self._day_positions if daily else self._week_positions
        low: list[int] = []
        high: list[int] = []
        for key, keys in self._reads(table, read, upstream):
            first, last = (keys[0], keys[-1]) if daily else map(self.calendar.week_of, (keys[0], keys[-1]))
            low.append(position[first] - position[key])
            high.append(position[last] - position[key])
        return (min(low), max(high)) if low else None

    def _reads(self, table: Table, read: Read, upstream: Table) -> Iterator[tuple[dt.date, list[dt.date]]]:
        """Each partition of a table that reads `upstream`, with the partitions that it reads."""
        section = table.section(self.settings)
        start, own = self._start(upstream.history), self._start(table.history)
        for key in self._keys(table):
            try:
                keys = read.keys(self.calendar, table, upstream, key, section, start, own)
            except SettingsError:  # it reads days after the end of the known calendar
                continue
            if keys:
                yield key, keys

    def _start(self, history: str) -> dt.date:
        return _days(self.calendar, self.history, history)[0]

    def _keys(self, table: Table) -> Sequence[dt.date]:
        """The partitions of a table, with those that come into being later."""
        days = _days(self.calendar, self.history, table.history)
        return days if table.partition == "day" else _weeks(self.calendar, self.history)

    @functools.cached_property
    def _day_positions(self) -> dict[dt.date, int]:
        days = self.calendar.days(self.calendar.first, self.calendar.last)
        return {day: position for position, day in enumerate(days)}

    @functools.cached_property
    def _week_positions(self) -> dict[dt.date, int]:
        first = self.calendar.week_of(self.calendar.first)
        weeks = self.calendar.weeks(first, self.calendar.known_week(dt.date.max))
        return {week: position for position, week in enumerate(weeks)}


def trading_days(
    calendar: Calendar, history: History | None = None, kind: str = "minutes", reach: int = 0
) -> dg.TimeWindowPartitionsDefinition:
    """The trading days of a history, by default those of the known calendar.

    Args:
        calendar: the trading days.
        history: the landed history, which may grow.
        kind: which of its first days is the first partition: "minutes" or "reference".
        reach: the number of days before the first one on which holidays are excluded too.
    """
    days = _days(calendar, history, kind)
    before = calendar.offset(days[0], -min(reach, calendar.index(days[0])))
    weekdays = [day for n in range((days[-1] - before).days + 1) if (day := before + n * _DAY).weekday() < 5]
    excluded = [day for day in weekdays if not calendar.is_trading_day(day)]
    end = days[-1] + (3 if days[-1].weekday() == 4 else 1) * _DAY
    return _definition(_DAYS, days, excluded, end, history)


def trading_weeks(
    calendar: Calendar, history: History | None = None, reach: int = 0
) -> dg.TimeWindowPartitionsDefinition:
    """The weeks of a history that have a trading day, named by their Monday. The last one is that whose trading days are all landed.

    The arguments are those of `trading_days`, with `reach` in weeks.
    """
    weeks = _weeks(calendar, history)
    earlier = calendar.weeks(calendar.week_of(calendar.first), weeks[0])
    before = earlier[-1 - min(reach, len(earlier) - 1)]
    trading = {*earlier, *weeks}
    mondays = [before + n * _WEEK for n in range((weeks[-1] - before) // _WEEK + 1)]
    return _definition(_WEEKS, weeks, [day for day in mondays if day not in trading], weeks[-1] + _WEEK, history)


def _days(calendar: Calendar, history: History | None, kind: str) -> list[dt.date]:
    """The days of a history, up to the end of the known calendar where it grows."""
    if history is None:
        return calendar.days(FIRST, calendar.known_until)
    first: dt.date = getattr(history, kind)
    return calendar.days(first, calendar.known_until if history.grows else history.last)


def _weeks(calendar: Calendar, history: History | None) -> list[dt.date]:
    days = _days(calendar, history, "minutes")
    newest = calendar.known_week(days[-1])
    weeks = calendar.weeks(min(calendar.week_of(days[0]), newest), newest)
    return weeks[:-1] if len(weeks) > 1 and calendar.signal_day(weeks[-1]) > days[-1] else weeks


def _definition(
    cron: str, keys: Sequence[dt.date], excluded: Sequence[dt.date], end: dt.date, history: History | None
) -> dg.TimeWindowPartitionsDefinition:
    """The windows of the cron schedule from the first key to `end`, without the excluded ones.

    By default Dagster ends a set with the last window that is over. A day has landed before it is over, and a market may be dated after
    the machine's clock. `end_offset`, the number of partitions after the last window that is over, is therefore 1 for a set that grows,
    and the number of all partitions for one that ends later.
    """
    if history is not None and history.grows:
        end_offset = 1
    else:
        end_offset = 0 if history is not None and end <= history.today else len(keys)
    return dg.TimeWindowPartitionsDefinition(
        start=_midnight(keys[0]),
        end=_midnight(end),
        fmt="%Y-%m-%d",
        cron_schedule=cron,
        timezone=TIMEZONE,
        exclusions=[_midnight(day) for day in excluded] or None,
        end_offset=end_offset,
    )


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())
