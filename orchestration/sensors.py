"""The triggers of the weekly run: a sensor on complete or changed data of a week, and a schedule as the deadline."""

import datetime as dt
import hashlib
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from orchestration.jobs import weekly_report
from orchestration.partitions import TIMEZONE
from orchestration.plan import beyond_calendar, complete_weeks, last_complete_week
from orchestration.platform import Names, open_builder
from resources.builder import Builder
from resources.errors import ZhoubaoError, machine_faults
from resources.landing import file_stamp
from resources.reference_tables import REFERENCE


def _run_of(week: str, run_key: str) -> dg.RunRequest:
    config = {"ops": {"build_report": {"config": {"week": week}}}}
    return dg.RunRequest(run_key=run_key, run_config=config, tags={"week": week})


def _still_arriving(builder: Builder, week: dt.date) -> str:
    """A message that the week's files changed recently and may be incomplete; "" after `landing.settle_minutes` without a change."""
    files = [*_files(builder, week), *filter(None, map(builder.zone.reference_path, REFERENCE))]
    with machine_faults(f"the landing zone {builder.zone.root}"):
        stats = [(path.stat(), path) for path in files]
    # A vendor's modification time may be after this machine's clock. The time of the last change is set by this machine.
    changed, path = max(
        ((min(stat.st_mtime, stat.st_ctime), path) for stat, path in stats), default=(0.0, builder.zone.root)
    )
    minutes = (dt.datetime.now(dt.UTC).timestamp() - changed) / 60
    wait = builder.settings.landing.settle_minutes
    if minutes >= wait:
        return ""
    return (
        f"The week of {week} may still be arriving: {path} changed {minutes:.1f} minutes ago. Its report is started after "
        f"{wait:g} minutes without a change (landing.settle_minutes)."
    )


def _files(builder: Builder, week: dt.date) -> list[Path]:
    """The files of minute data of a week's days."""
    days = builder.calendar.week_days(week)
    return [path for day in days for path in (*builder.zone.tick_files(day), *builder.zone.bar_files(day))]


def _state(builder: Builder, week: dt.date) -> str:
    """The digest of a week's data: names and stamps of its files of minute data, whose bytes are not read, and the rows of the
    reference tables that are known at its end."""
    files = [(str(path.relative_to(builder.zone.root)), file_stamp(path)) for path in _files(builder, week)]
    rows = [builder.zone.digest(name, builder.calendar.signal_day(week), True) for name in REFERENCE]
    return hashlib.blake2b(json.dumps([files, rows]).encode(), digest_size=8).hexdigest()


def _read_cursor(cursor: str | None, now: Mapping[str, str]) -> dict[str, str]:
    """The state of each week at the last request for its report. A cursor of an earlier version is the Monday of a week; it is read
    as a request for that week and the weeks before it in their present states."""
    if cursor and re.fullmatch(r"\d{4}-\d{2}-\d{2}", cursor):
        return {week: state for week, state in now.items() if week <= cursor}
    try:
        saved = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return saved if isinstance(saved, dict) else {}


def make_sensor() -> dg.SensorDefinition:
    """Create the sensor `week_has_landed`, which requests reports of weeks with complete data."""

    @dg.sensor(
        job=weekly_report,
        minimum_interval_seconds=300,
        description="Starts the report of each week when the data of all its trading days has landed and no longer changes, and starts "
        "it again when its data or that of an earlier watched week has changed. The cursor holds each week's state at the last request.",
    )
    def week_has_landed(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            builder = open_builder(Names.of(), say=lambda line: None)
            last_complete_week(builder)  # raises with the missing days where no week is complete
            weeks = complete_weeks(builder, builder.settings.landing.watched_weeks)
            now = {str(week): _state(builder, week) for week in weeks}
            waiting = {str(week): _still_arriving(builder, week) for week in weeks}
        except ZhoubaoError as error:
            return dg.SkipReason(str(error))
        requested = _read_cursor(context.cursor, now)
        # The weeks after a changed week are made from it too. The weeks after one that is still arriving wait for it.
        pending = list(itertools.dropwhile(lambda week: requested.get(week) == now[week], now))
        settled = list(itertools.takewhile(lambda week: not waiting[week], pending))
        wait = waiting[pending[len(settled)]] if len(settled) < len(pending) else ""
        # The key covers the states before and after. A state that returns therefore has a new key, and a tick that is evaluated
        # twice makes one request.
        states = hashlib.blake2b(json.dumps([requested, now], sort_keys=True).encode(), digest_size=8).hexdigest()
        requests = [_run_of(week, f"report-{week}-{states}") for week in settled]
        cursor = {week: state for week, state in now.items() if week in settled or week not in pending}
        kept = json.dumps(cursor, sort_keys=True)
        if requests:
            return dg.SensorResult(run_requests=requests, cursor=kept)
        context.update_cursor(kept)
        return dg.SkipReason(
            wait
            or beyond_calendar(builder)
            or f"The latest complete week is still {weeks[-1]}. Its report was requested before, and the data of the last "
            f"{len(weeks)} complete week(s) has not changed since."
        )

    return week_has_landed


def make_schedule() -> dg.ScheduleDefinition:
    """Create the schedule `saturday_morning`, which requests the report of the last complete week on Saturdays at 09:00."""

    @dg.schedule(
        job=weekly_report,
        cron_schedule="0 9 * * 6",
        execution_timezone=TIMEZONE,
        description="Saturday 09:00: starts the report of the latest complete week, or states which days are missing.",
    )
    def saturday_morning(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            builder = open_builder(Names.of(), say=lambda line: None)
            if unknown := beyond_calendar(builder):
                return dg.SkipReason(unknown)
            week = str(last_complete_week(builder))
        except ZhoubaoError as error:
            return dg.SkipReason(str(error))
        return _run_of(week, f"report-{week}")

    return saturday_morning
