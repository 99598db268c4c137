"""Settings of `python -m orchestration.vacuum`. None of them changes a figure."""

from pydantic import Field

from resources.settings.base import EXECUTION, Section


class RetentionSettings(Section):
    """How long Dagster's records of runs and ticks are kept. Partitions of the lake are never removed."""

    runs_days: int = Field(
        180,
        ge=1,
        le=100_000,
        json_schema_extra=EXECUTION,
        description="Days after which a finished run is removed with its events and logs. Of a run that made the present state of a "
        "partition only the log is removed.",
    )
    ticks_days: int = Field(
        30,
        ge=1,
        le=100_000,
        json_schema_extra=EXECUTION,
        description="Days after which the ticks of sensors and schedules are removed.",
    )
