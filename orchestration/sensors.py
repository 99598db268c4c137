"""What starts the week's run: a sensor that sees the week's data complete, and a schedule as the deadline."""

import datetime as dt

import dagster as dg

from orchestration.jobs import weekly_report
from orchestration.partitions import TIMEZONE
from orchestration.plan import beyond_calendar, last_complete_week
from orchestration.platform import Names, open_builder
from resources.builder import Builder
from resources.errors import ZhoubaoError


def _run_of(week: str) -> dg.RunRequest:
    # The run key makes one request per week, whether the sensor or the schedule comes first.
    return dg.RunRequest(
        run_key=f"report-{week}", run_config={"ops": {"build_report": {"config": {"week": week}}}}, tags={"week": week}
    )


def _still_arriving(builder: Builder, week: dt.date) -> str:
    """Why the week's files may not be complete yet; "" once they have been still for a while."""
    youngest = builder.zone.last_change(builder.calendar.week_days(week))
    if youngest is None:
        return ""
    path, changed = youngest
    minutes = (dt.datetime.now(dt.UTC) - changed).total_seconds() / 60
    wait = builder.settings.landing.settle_minutes
    if minutes >= wait:
        return ""
    return (
        f"The week of {week} may still be arriving: {path} changed {minutes:.1f} minutes ago. Its report is started when "
        f"nothing of it has changed for {wait:g} minutes (landing.settle_minutes)."
    )


def make_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        job=weekly_report,
        minimum_interval_seconds=300,
        description="Starts the report of the latest week whose every trading day has landed and lain still; the cursor is that week.",
    )
    def week_has_landed(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            builder = open_builder(Names.of(), say=lambda line: None)
            monday = last_complete_week(builder)
        except ZhoubaoError as error:
            return dg.SkipReason(str(error))
        week = str(monday)
        if context.cursor and week <= context.cursor:
            if unknown := beyond_calendar(builder):
                return dg.SkipReason(unknown)
            return dg.SkipReason(f"The latest complete week is still {week}; its report was started already.")
        if waiting := _still_arriving(builder, monday):
            return dg.SkipReason(waiting)
        return dg.SensorResult(run_requests=[_run_of(week)], cursor=week)

    return week_has_landed


def make_schedule() -> dg.ScheduleDefinition:
    @dg.schedule(
        job=weekly_report,
        cron_schedule="0 9 * * 6",
        execution_timezone=TIMEZONE,
        description="Saturday 09:00: builds what is left of the latest complete week, or says which days are missing.",
    )
    def saturday_morning(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            builder = open_builder(Names.of(), say=lambda line: None)
            return (
                dg.SkipReason(unknown)
                if (unknown := beyond_calendar(builder))
                else _run_of(str(last_complete_week(builder)))
            )
        except ZhoubaoError as error:
            return dg.SkipReason(str(error))

    return saturday_morning
