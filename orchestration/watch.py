"""What the sensor `watch` looks at: late days and weeks, the end of the calendar, the age of the rulebook, disk space, failing sensors.

Each look takes the present time as an argument and returns alerts. It decides by the calendar, the landing zone and the manifests in the
lake, and never builds anything.
"""

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
from dagster._core.scheduler.instigation import TickStatus

from orchestration.failures import REPORT, SHOWN_CHARACTERS, driver_command
from orchestration.partitions import TIMEZONE
from orchestration.plan import complete_weeks
from orchestration.platform import Names
from resources.alerts import Alert, in_both, make_alert
from resources.builder import Builder
from resources.errors import describe_fault
from resources.gate import shorten
from resources.language import Bilingual
from resources.present import present
from resources.reasons import Reason
from resources.rulebook import age_in_days
from resources.settings.alerts import WEEKDAYS, AlertsSettings

SHANGHAI = ZoneInfo(TIMEZONE)
LISTED = 8  # tables or days that an alert names
RECENT = dt.timedelta(days=1)  # a failed tick that is older is not reported
_DAY = dt.timedelta(days=1)


def look_at_market(builder: Builder, now: dt.datetime) -> Iterator[Callable[[], list[Alert]]]:
    """The looks at a market and its lake, each to be called by itself, so that an error of one does not stop the others.

    Args:
        builder: the open platform.
        now: the present time, with a zone.
    """
    yield lambda: late_days(builder, now)
    yield lambda: late_weeks(builder, now)
    yield lambda: calendar_end(builder, now)
    yield lambda: old_rulebook(builder, now)
    yield lambda: full_disks(builder)


def day_deadline(settings: AlertsSettings, day: dt.date) -> dt.datetime:
    """The time by which the tables of a trading day are due."""
    on = day + _DAY if settings.day_deadline_next_day else day
    return dt.datetime.combine(on, dt.time.fromisoformat(settings.day_deadline), SHANGHAI)


def week_deadline(settings: AlertsSettings, week: dt.date) -> dt.datetime:
    """The time by which the report of a week, given by its Monday, is due."""
    offset = WEEKDAYS.index(settings.week_deadline_day)
    on = week + (offset if offset >= WEEKDAYS.index("saturday") else offset + 7) * _DAY
    return dt.datetime.combine(on, dt.time.fromisoformat(settings.week_deadline), SHANGHAI)


def is_live(builder: Builder, now: dt.datetime) -> bool:
    """Whether a market receives data: its newest day is at most `alerts.archive_days` old."""
    days = builder.zone.days()
    return bool(days) and now.astimezone(SHANGHAI).date() - days[-1] <= builder.settings.alerts.archive_days * _DAY


def late_days(builder: Builder, now: dt.datetime) -> list[Alert]:
    """The last trading day whose deadline has passed, where its data has not landed or its tables are not all built."""
    settings = builder.settings.alerts
    day = _last_due_day(builder, now)
    if day is None or not is_live(builder, now) or day < builder.start:
        return []
    deadline = day_deadline(settings, day)
    values = {"day": str(day), "deadline": f"{deadline:%Y-%m-%d %H:%M}"}
    facts = {"day": str(day), "deadline": deadline.isoformat()}
    if day not in set(builder.zone.days()):
        return [make_alert("late_day", str(day), _where(builder), values, words="day_missing", facts=facts)]
    if now < _landed_at(builder, [day]) + dt.timedelta(hours=settings.day_hours):
        return []
    builder.lake.forget()
    daily = [one for one in builder.tables.values() if one.partition == "day" and day >= builder.start_of(one)]
    found = {one.name: builder.lake.manifest(one, day) for one in daily}
    if any(one is not None and one.refusals for one in found.values()):
        return []  # the refusal has its own alert
    missing = [name for name, one in found.items() if one is None or one.outdated]
    if not missing:
        return []
    return [
        make_alert(
            "late_day",
            str(day),
            _where(builder),
            values | {"tables": _listed(missing)},
            words="day_unbuilt",
            command=f"{driver_command()} --day {day}",
            facts=facts | {"tables": missing},
        )
    ]


def _last_due_day(builder: Builder, now: dt.datetime) -> dt.date | None:
    today = min(now.astimezone(SHANGHAI).date(), builder.calendar.known_until)
    days = builder.calendar.days(today - 30 * _DAY, today)
    return next((day for day in reversed(days) if day_deadline(builder.settings.alerts, day) <= now), None)


def late_weeks(builder: Builder, now: dt.datetime) -> list[Alert]:
    """The last week whose deadline has passed and the last complete week before it, where their reports are not there."""
    settings, calendar = builder.settings.alerts, builder.calendar
    last = calendar.known_week(now.astimezone(SHANGHAI).date())
    due = [week for week in calendar.weeks(last - 70 * _DAY, last) if week_deadline(settings, week) <= now]
    expected = due[-1:] if is_live(builder, now) else []
    complete = [week for week in complete_weeks(builder, 2) if week_deadline(settings, week) <= now][-1:]
    weeks = sorted({*expected, *complete})
    return [
        alert for week in weeks if week >= calendar.week_of(builder.start) for alert in _late_week(builder, week, now)
    ]


def _late_week(builder: Builder, week: dt.date, now: dt.datetime) -> list[Alert]:
    builder.lake.forget()
    table = builder.tables[REPORT]
    manifest, refused = builder.lake.manifest(table, week), builder.lake.refused(table, week)
    if manifest is not None and refused is None and not manifest.outdated:
        return []
    deadline = week_deadline(builder.settings.alerts, week)
    days = builder.calendar.week_days(week)
    missing = sorted(set(days) - set(builder.zone.days()))
    values: dict[str, Any] = {"week": str(week), "deadline": f"{deadline:%Y-%m-%d %H:%M}"}
    facts = {"week": str(week), "deadline": deadline.isoformat(), "missing_days": list(map(str, missing))}
    command = f"{driver_command()} --week {week}"
    if missing:
        values["days"] = _listed(map(str, missing))
        return [
            make_alert(
                "late_week", str(week), _where(builder), values, words="week_missing", command=command, facts=facts
            )
        ]
    if now < _landed_at(builder, days) + dt.timedelta(hours=builder.settings.alerts.week_hours):
        return []
    reason = refused or (manifest.outdated if manifest is not None else None)
    return [
        make_alert(
            "late_week",
            str(week),
            _where(builder),
            {**values, "cause": _because(reason)},
            words="week_unbuilt",
            command=command,
            facts=facts,
        )
    ]


def _because(reason: Reason | None) -> Bilingual:
    if reason is None:
        return Bilingual("", "")
    words = in_both(reason)
    return Bilingual(f"原因：{shorten(words.zh, SHOWN_CHARACTERS)}", f" Reason: {shorten(words.en, SHOWN_CHARACTERS)}")


def calendar_end(builder: Builder, now: dt.datetime) -> list[Alert]:
    """The end of the known calendar, where it is at most `calendar.warn_days` away."""
    until, day = builder.calendar.known_until, _newest_day(builder, now)
    left = (until - day).days
    if left > builder.settings.calendar.warn_days:
        return []
    values = {"until": str(until), "left": left, "year": (until + _DAY).year}
    facts = {"known_until": str(until), "days_left": left}
    return [make_alert("calendar", str(until), _where(builder), values, facts=facts)]


def old_rulebook(builder: Builder, now: dt.datetime) -> list[Alert]:
    """The rulebook, where its newest rule and its last review are more than `rulebook.warn_after_days` old."""
    settings = builder.settings.rulebook
    age = age_in_days(settings, _newest_day(builder, now))
    if age <= settings.warn_after_days:
        return []
    values = {"age": age, "limit": settings.warn_after_days, "reviewed": str(settings.reviewed)}
    return [make_alert("rulebook", str(settings.reviewed), _where(builder), values, facts={"age_days": age})]


def full_disks(builder: Builder) -> list[Alert]:
    """The disks of the lake and of DAGSTER_HOME of which a smaller share than `alerts.min_free_share` is free."""
    home = os.environ.get("DAGSTER_HOME")
    folders = [builder.lake.store.url] if builder.lake.store.is_local else []
    least = builder.settings.alerts.min_free_share
    alerts, seen = [], set()
    for name in [*folders, *([home] if home else [])]:
        folder = next(one for one in (Path(name).resolve(), *Path(name).resolve().parents) if one.exists())
        device = folder.stat().st_dev
        usage = shutil.disk_usage(folder)
        share = usage.free / usage.total if usage.total else 1.0
        if device not in seen and share < least:
            values = {"folder": name, "free": usage.free / 1e9, "share": share, "limit": least}
            facts = {"folder": name, "free_bytes": usage.free, "total_bytes": usage.total}
            alerts.append(make_alert("disk", name, _where(builder), values, facts=facts))
        seen.add(device)
    return alerts


def failing_sensors(instance: dg.DagsterInstance, location: str | None, now: dt.datetime) -> list[Alert]:
    """The running sensors and schedules of a code location whose last tick raised an error within the last day.

    Args:
        instance: the Dagster instance.
        location: the name of the code location; None for all.
        now: the present time.
    """
    alerts = []
    for state in instance.all_instigator_state():
        if location is not None and state.origin.repository_origin.code_location_origin.location_name != location:
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=2)
        # The tick of `watch` itself has begun.
        last = next((tick for tick in ticks if tick.status != TickStatus.STARTED), None)
        if not state.is_running or last is None or last.status != TickStatus.FAILURE:
            continue
        if now - dt.datetime.fromtimestamp(last.timestamp, dt.UTC) > RECENT:
            continue
        chain: Any = last.error
        while chain is not None and chain.cause is not None:
            chain = chain.cause
        alerts.append(sensor_alert(state.instigator_name, chain.message if chain is not None else "?"))
    return alerts


def sensor_alert(name: str, error: BaseException | str) -> Alert:
    """The alert of a sensor or schedule that raised an error."""
    text = error if isinstance(error, str) else describe_fault(error)
    values = {"name": name, "error": shorten(" ".join(text.split()), SHOWN_CHARACTERS)}
    return make_alert("sensor", name, _where(), values, facts={"name": name})


def _newest_day(builder: Builder, now: dt.datetime) -> dt.date:
    """Today for a market that receives data, else its newest day."""
    days = builder.zone.days()
    return now.astimezone(SHANGHAI).date() if not days or is_live(builder, now) else days[-1]


def _landed_at(builder: Builder, days: Sequence[dt.date]) -> dt.datetime:
    """When the last file of these days arrived. A vendor's modification time may be later than the arrival."""
    files = [path for day in days for path in (*builder.zone.tick_files(day), *builder.zone.bar_files(day))]
    stats = [path.stat() for path in files]
    newest = max((min(one.st_mtime, one.st_ctime) for one in stats), default=0.0)
    return present(newest)


def _listed(items: Iterable[str]) -> Bilingual:
    names = list(items)
    shown, rest = names[:LISTED], len(names) - LISTED
    return Bilingual(
        "、".join(shown) + (f" 等 {len(names)} 项" if rest > 0 else ""),
        ", ".join(shown) + (f" and {rest} more" if rest > 0 else ""),
    )


def _where(builder: Builder | None = None) -> Bilingual:
    names = Names.of()
    market = str(builder.zone.root) if builder else names.market
    lake = builder.lake.store.url if builder else names.lake
    return Bilingual(f"数据区 {market}，数据湖 {lake}", f"market {market}, lake {lake}")
