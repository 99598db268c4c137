"""What starts the week's run: a sensor that sees the week's data complete, and a schedule as the deadline."""

import dagster as dg

from orchestration.jobs import weekly_report
from orchestration.partitions import TIMEZONE
from orchestration.plan import last_complete_week
from orchestration.platform import Names, open_builder
from resources.errors import ZhoubaoError


def _run_of(week: str) -> dg.RunRequest:
    # The run key makes one request per week, whether the sensor or the schedule comes first.
    return dg.RunRequest(
        run_key=f"report-{week}", run_config={"ops": {"build_report": {"config": {"week": week}}}}, tags={"week": week}
    )


def make_sensor() -> dg.SensorDefinition:
    @dg.sensor(
        job=weekly_report,
        minimum_interval_seconds=300,
        description="Starts the report of the latest week whose every trading day has landed; the cursor is that week.",
    )
    def week_has_landed(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            builder = open_builder(Names.of(), say=lambda line: None)
            week = str(last_complete_week(builder))
        except ZhoubaoError as error:
            return dg.SkipReason(str(error))
        if context.cursor and week <= context.cursor:
            return dg.SkipReason(f"The latest complete week is still {week}; its report was started already.")
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
            return _run_of(str(last_complete_week(open_builder(Names.of(), say=lambda line: None))))
        except ZhoubaoError as error:
            return dg.SkipReason(str(error))

    return saturday_morning
