"""Settings of the engine, which makes partitions. None of them changes a figure."""

from typing import Annotated, Literal

from pydantic import Field

from resources.settings.base import EXECUTION, Section

Count = Annotated[int, Field(ge=1, le=1024)]


RayAddress = Annotated[str, Field(pattern=r"^(|auto|[^\s:/]+:\d{1,5})$")]


class EngineSettings(Section):
    """How the partitions of a run are distributed over the cores of a machine or of a cluster."""

    engine: Literal["inline", "processes", "ray"] = Field(
        "inline",
        json_schema_extra=EXECUTION,
        description='"inline" makes one partition after another in the process of the run, "processes" several at a time in worker '
        'processes of this machine, "ray" in workers of Ray, here or on the machines of a cluster. DESIGN §3.8',
    )
    address: RayAddress = Field(
        "",
        json_schema_extra=EXECUTION,
        description='The Ray cluster of engine = "ray": "auto", the one to which this machine belongs, or host:port of its head. Without one, Ray is '
        "started on this machine for the run.",
    )
    workers: Count | Literal["auto"] = Field(
        "auto",
        json_schema_extra=EXECUTION,
        description='Number of workers; "auto": one per core, but no more than the available memory holds with worker_gb each. Of a Ray '
        'cluster, "auto" are as many as its nodes hold.',
    )
    threads: Count | Literal["auto"] = Field(
        "auto",
        json_schema_extra=EXECUTION,
        description='Number of threads of a worker, each of which has a core; "auto": the cores divided by the workers, and 1 in a Ray cluster.',
    )
    worker_gb: float = Field(
        4.0,
        gt=0,
        le=10_000,
        json_schema_extra=EXECUTION,
        description='Memory in GB that workers = "auto" allows for each worker, and that each worker of Ray reserves.',
    )
    worker_gpus: float = Field(
        0.0,
        ge=0,
        le=64,
        json_schema_extra=EXECUTION,
        multiple_of=0.0001,
        description="GPUs that each worker of Ray reserves. With 0 its trainings use the GPUs of its machine in turn.",
    )
