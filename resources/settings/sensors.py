"""Settings of the sensors' times. None of them changes a figure."""

from pydantic import Field

from resources.settings.base import EXECUTION, Section


class SensorsSettings(Section):
    """How often the sensors tick, and when Dagster repeats a run that the machine failed."""

    days_and_weeks_seconds: int = Field(
        300,
        ge=1,
        le=86_400,
        json_schema_extra=EXECUTION,
        description="Seconds between two ticks of day_has_landed, and of week_has_landed.",
    )
    failed_runs_seconds: int = Field(
        30,
        ge=1,
        le=86_400,
        json_schema_extra=EXECUTION,
        description="Seconds between two ticks of failed_runs.",
    )
    watch_seconds: int = Field(
        1800, ge=1, le=86_400, json_schema_extra=EXECUTION, description="Seconds between two ticks of watch."
    )
    retry_seconds: int = Field(
        600,
        ge=0,
        le=86_400,
        json_schema_extra=EXECUTION,
        description="Seconds after which Dagster repeats the work of a run that a sensor requested and the machine failed, up to three times, "
        "before the run fails.",
    )
