"""Settings of the lake. None of them changes a figure."""

from pydantic import Field

from resources.settings.base import EXECUTION, Section


class LakeSettings(Section):
    """How processes that write the same lake wait for each other."""

    lock_wait_minutes: float = Field(
        60.0,
        ge=0,
        le=10_000,
        json_schema_extra=EXECUTION,
        description="Minutes that a run or a step waits for another process that writes the lake, before it ends with an error.",
    )
    heartbeat_seconds: float = Field(
        30.0,
        gt=0,
        le=600,
        json_schema_extra=EXECUTION,
        description="Seconds between two heartbeats of a process that writes the lake.",
    )
    missed_heartbeats: int = Field(
        10,
        ge=2,
        le=1000,
        json_schema_extra=EXECUTION,
        description="Number of heartbeats without which a process of another machine counts as dead and is replaced. A dead process of the "
        "same machine is recognised at once.",
    )
