"""The triggers of unattended runs: a sensor for days and one for weeks, and a schedule as the weekly deadline.

The decisions are in triggers.py. The cursors only remember which days and weeks are done, so that their runs are not looked up again.
"""

import contextlib
import datetime as dt
import json
from collections.abc import Callable, Sequence

import dagster as dg

from orchestration.keys import prefixed
from orchestration.partitions import TIMEZONE
from orchestration.plan import beyond_calendar, complete_weeks, last_complete_week, require_history
from orchestration.platform import Names, open_builder
from orchestration.runs import close_dead_runs
from orchestration.triggers import (
    Landed,
    Target,
    day_targets,
    decide,
    is_current,
    last_success,
    runs_of,
    still_arriving,
    unbuilt_days,
    week_targets,
)
from resources.builder import Builder
from resources.errors import SettingsError, ZhoubaoError
from resources.settings.sensors import SensorsSettings

_LISTED = 3  # reasons that a skipped tick names


def make_sensors(running: bool, settings: SensorsSettings) -> list[dg.SensorDefinition]:
    """Create the sensors `day_has_landed` and `week_has_landed`.

    running: whether they run by default; they can be stopped in the UI in any case. settings: how often they tick.
    """
    status = dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(
        name=prefixed("day_has_landed"),
        job_name=prefixed("daily_tables"),
        minimum_interval_seconds=settings.days_and_weeks_seconds,
        default_status=status,
        description="Builds each landed day of the watched weeks when its data no longer changes and is complete, and again when its "
        "files or the reference rows that it knows change.",
    )
    def day_has_landed(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return _tick(context, _days, lambda builder, target: is_current(builder, target.key))

    @dg.sensor(
        name=prefixed("week_has_landed"),
        job_name=prefixed("weekly_report"),
        minimum_interval_seconds=settings.days_and_weeks_seconds,
        default_status=status,
        description="Starts the report of each watched week when all its trading days have landed and are built, and again when their data "
        "or that of an earlier day changes.",
    )
    def week_has_landed(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        # Only a plan of the whole history shows whether a report is up to date, and a run with nothing to build is over in seconds.
        return _tick(context, _weeks, lambda builder, target: False)

    return [day_has_landed, week_has_landed]


Waiting = dict[str, str]
"""Target → the reason why it is not requested."""


def _tick(
    context: dg.SensorEvaluationContext,
    find: Callable[[Builder], tuple[list[Target], Waiting, str]],
    built: Callable[[Builder, Target], bool],
) -> dg.SensorResult | dg.SkipReason:
    """Request a run for every target that needs one.

    find: returns the targets that may be requested, in order, the reasons why others wait, and a sentence on what is watched. built:
    whether a target is built in its state, whatever built it.
    """
    close_dead_runs(context.instance)
    with contextlib.ExitStack() as stack:
        try:
            builder = open_builder(Names.of(), say=lambda line: None)
            stack.enter_context(builder.snapshot())
            targets, waiting, watched = find(builder)
        except ZhoubaoError as error:
            return dg.SkipReason(str(error))
        return _requested(context, builder, targets, waiting, watched, built)


def _requested(
    context: dg.SensorEvaluationContext,
    builder: Builder,
    targets: Sequence[Target],
    waiting: Waiting,
    watched: str,
    built: Callable[[Builder, Target], bool],
) -> dg.SensorResult | dg.SkipReason:
    """The requests for the targets that need a run, or the reasons why there is none."""
    landing = builder.settings.landing
    now, again = dt.datetime.now(dt.UTC), dt.timedelta(minutes=landing.again_minutes)
    done = _read_cursor(context.cursor)
    requests, kept, renewed = [], {}, 0.0
    for target in targets:
        if done.get(target.name) == target.state:
            kept[target.name] = target.state
            continue
        runs = runs_of(context.instance, target)
        decision = decide(target, runs, now, landing.most_attempts, again, renewed)
        renewed = max(renewed, last_success(runs))
        if decision.action == "done" or (decision.action != "wait" and built(builder, target)):
            kept[target.name] = target.state
        elif decision.action == "request":
            requests.append(_request(target, runs, builder.settings.sensors))
        else:
            waiting[target.name] = decision.reason
    cursor = json.dumps(kept, sort_keys=True)
    if requests:
        return dg.SensorResult(run_requests=requests, cursor=cursor)
    context.update_cursor(cursor)
    reasons = [f"{name}: {reason}" for name, reason in waiting.items()]
    more = [f"and {len(reasons) - _LISTED} more"] if len(reasons) > _LISTED else []
    return dg.SkipReason("\n".join([*reasons[:_LISTED], *more]) or beyond_calendar(builder) or watched)


def _days(builder: Builder) -> tuple[list[Target], Waiting, str]:
    """The days of the watched weeks and those after them that have landed and are settled."""
    landed = Landed(builder)
    weeks = complete_weeks(builder, builder.settings.landing.watched_weeks)
    known = [day for day in landed.days if day <= builder.calendar.known_until]
    watched = [day for day in known if not weeks or day >= weeks[0]]
    targets, waiting = [], {}
    for target in day_targets(landed, watched):
        if wait := still_arriving(landed, target.key):
            waiting[target.name] = wait
        else:
            targets.append(target)
    return (
        targets,
        waiting,
        f"All {len(watched)} days from {watched[0]} on are built." if watched else "No day has landed.",
    )


def _weeks(builder: Builder) -> tuple[list[Target], Waiting, str]:
    """The watched weeks whose days are settled and built. The weeks after one that waits wait for it.

    A week for which the history is too short is not requested, and no other week waits for it.
    """
    last_complete_week(builder)  # raises with the missing days where no week is complete
    weeks = complete_weeks(builder, builder.settings.landing.watched_weeks)
    landed = Landed(builder)
    targets: list[Target] = []
    waiting: Waiting = {}
    short: Waiting = {}
    for target in week_targets(landed, weeks):
        try:
            require_history(builder, target.key)
        except SettingsError as error:
            short[target.name] = str(error)
            continue
        days = builder.calendar.week_days(target.key)
        arriving = {day: wait for day in days if (wait := still_arriving(landed, day))}
        wait = next(iter(arriving.values()), "")
        if not wait and builder.settings.landing.week_waits_for_days:
            wait = unbuilt_days(builder, target.key, arriving)
        if not wait and waiting:
            wait = f"an earlier week, {next(iter(waiting))}, waits"
        if wait:
            waiting[target.name] = wait
        else:
            targets.append(target)
    return (
        targets,
        short | waiting,
        f"The reports of the last {len(weeks)} complete week(s) up to {weeks[-1]} are built.",
    )


def _request(target: Target, runs: Sequence[dg.RunRecord], settings: SensorsSettings) -> dg.RunRequest:
    """The request of a run after the earlier runs of a target, the newest first.

    The newest one is part of the run key: evaluating a tick twice makes one run, and each further attempt has a key of its own.
    """
    after = runs[0].dagster_run.run_id if runs else "first"
    op = {"day": "build_day", "week": "build_report"}[target.kind]
    values = {target.kind: str(target.key), "retry_seconds": settings.retry_seconds}
    config = {"ops": {op: {"config": values}}}
    return dg.RunRequest(
        run_key=f"{target.kind}-{target.key}-{target.state}-{after}", run_config=config, tags=target.tags
    )


def _read_cursor(cursor: str | None) -> dict[str, str]:
    """Target → the state in which it is done. A cursor of an earlier version, or of another form, holds none."""
    try:
        saved = json.loads(cursor or "{}")
    except ValueError:
        return {}
    return saved if isinstance(saved, dict) else {}


def make_schedule(running: bool) -> dg.ScheduleDefinition:
    """Create the schedule `saturday_morning`, which requests the report of the last complete week on Saturdays at 09:00."""

    @dg.schedule(
        name=prefixed("saturday_morning"),
        job_name=prefixed("weekly_report"),
        cron_schedule="0 9 * * 6",
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        description="Saturday 09:00, the deadline: starts the report of the latest complete week if it is not there, or states what is "
        "missing.",
    )
    def saturday_morning(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            builder = open_builder(Names.of(), say=lambda line: None)
            if unknown := beyond_calendar(builder):
                return dg.SkipReason(unknown)
            (target,) = week_targets(Landed(builder), [last_complete_week(builder)])
            require_history(builder, target.key)
        except ZhoubaoError as error:
            return dg.SkipReason(str(error))
        # A run that failed because of the data is tried once more: its days may have been corrected beyond the watched ones.
        runs = runs_of(context.instance, target)
        decision = decide(target, runs, dt.datetime.now(dt.UTC), 10**6, dt.timedelta())
        if decision.action in ("done", "wait"):
            return dg.SkipReason(f"The report of {target.name} is built or under way. {decision.reason}".strip())
        return _request(target, runs, builder.settings.sensors)

    return saturday_morning
