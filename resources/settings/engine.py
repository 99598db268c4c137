"""Settings of the engine, which makes partitions. None of them changes a figure."""

from typing import Annotated, Literal

from pydantic import Field

from resources.settings.base import EXECUTION, Section

Count = Annotated[int, Field(ge=1, le=1024)]


class EngineSettings(Section):
    """How the partitions of a run are distributed over the cores of a machine."""

    engine: Literal["inline", "processes"] = Field(
        "inline",
        json_schema_extra=EXECUTION,
        description='"inline" makes one partition after another in the process of the run, "processes" several at a time in worker '
        "processes. DESIGN §3.8",
    )
    workers: Count | Literal["auto"] = Field(
        "auto",
        json_schema_extra=EXECUTION,
        description='Number of worker processes; "auto": one per core, but no more than the available memory holds with worker_gb each.',
    )
    threads: Count | Literal["auto"] = Field(
        "auto",
        json_schema_extra=EXECUTION,
        description='Number of threads of a worker process; "auto": the cores divided by the workers.',
    )
    worker_gb: float = Field(
        4.0,
        gt=0,
        le=10_000,
        json_schema_extra=EXECUTION,
        description='Memory in GB that workers = "auto" allows for each worker.',
    )
