"""The Dagster jobs: the tables of a day, the tables of a week, the training, and the unattended runs of a day and a week.

One Dagster job cannot mix daily and weekly partitions. `weekly_report`, which runs the whole chain, is therefore an op that calls
the driver.
"""

import contextlib
from collections.abc import Iterator, Mapping

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from pydantic import Field

from orchestration.keys import asset_key, prefixed
from orchestration.triggers import DATA, FAILURE, MACHINE
from resources.errors import LakeError, MachineError, NotReadyError
from resources.table import Table

REPORT_TAG = {
    "zhoubao/runs": "weekly_report"
}  # dagster.yaml limits such runs to one at a time, because they write one lake


class ReportConfig(dg.Config):
    """The configuration of `weekly_report`.

    week: the Monday of the week; an empty text selects the last complete week. retries, retry_seconds: how often and after how
    many seconds the run is repeated after a fault of the machine, such as a network folder that does not answer.
    """

    week: str = ""
    retries: int = Field(3, ge=0, le=100)
    retry_seconds: int = Field(600, ge=0, le=86_400)


class DayConfig(dg.Config):
    """The configuration of `build_day`. day: the trading day. retries, retry_seconds: as of `weekly_report`."""

    day: str
    retries: int = Field(3, ge=0, le=100)
    retry_seconds: int = Field(600, ge=0, le=86_400)


@dg.op(description="Plan the stale partitions of the week's report, then build them in ranges of days and of weeks.")
def build_report(context: dg.OpExecutionContext, config: ReportConfig) -> str:
    """Build a week's report and return its path.

    Raises:
        RetryRequested: the machine failed; Dagster repeats the op.
        ZhoubaoError: the report cannot be built; the message gives the reason and the remedy.
    """
    from orchestration.run import run_report

    with _classified(context, config.retries, config.retry_seconds):
        return str(run_report(week=config.week or None, run=context, say=context.log.info))


@dg.op(description="Plan the stale partitions of a day's tables and of what they read, then build them.")
def build_day(context: dg.OpExecutionContext, config: DayConfig) -> None:
    """Build all daily tables of a trading day.

    Raises:
        RetryRequested: the machine failed; Dagster repeats the op.
        ZhoubaoError: a table of the day cannot be built; the message gives the reason and the remedy.
    """
    from orchestration.run import run_day

    with _classified(context, config.retries, config.retry_seconds):
        run_day(config.day, run=context, say=context.log.info)


@contextlib.contextmanager
def _classified(context: dg.OpExecutionContext, retries: int, seconds: int) -> Iterator[None]:
    """Tag the run with the cause of its failure, and have Dagster repeat the op after a fault of the machine.

    A lake that another process writes or that cannot be written is such a fault. Only a partition that could not be built is a fault of
    the data; a wrong setting or a market that is not mounted is mended without a change of the data, and its run carries no cause.
    """
    try:
        yield
    except (MachineError, LakeError) as error:
        context.instance.add_run_tags(context.run_id, {FAILURE: MACHINE})
        context.log.error(str(error))
        raise dg.RetryRequested(max_retries=retries, seconds_to_wait=seconds) from error
    except NotReadyError as error:
        context.instance.add_run_tags(context.run_id, {FAILURE: DATA})
        context.log.error("\n".join([str(error), *getattr(error, "__notes__", ())]))
        raise


@dg.job(description="The unattended weekly run: it builds all stale partitions up to the report.", tags=REPORT_TAG)
def weekly_report() -> None:
    """Run the op `build_report`."""
    build_report()


@dg.job(description="The unattended daily run: it builds all tables of a day.", tags=REPORT_TAG)
def daily_tables() -> None:
    """Run the op `build_day`."""
    build_day()


def make_jobs(tables: Mapping[str, Table]) -> list[dg.JobDefinition | UnresolvedAssetJobDefinition]:
    """Create the six jobs: `reference`, `day`, `week`, `training`, `daily_tables` and `weekly_report`.

    The tables of one Dagster job must have the same partitions. Those of reference data begin with the reference history.
    """

    def select(name: str, description: str, chosen: list[Table]) -> UnresolvedAssetJobDefinition:
        return dg.define_asset_job(
            prefixed(name),
            selection=dg.AssetSelection.assets(*(asset_key(table.name) for table in chosen)),
            description=description,
        )

    days = [table for table in tables.values() if table.partition == "day"]
    reference = [table for table in days if table.history == "reference"]
    others = [table for table in days if table.history != "reference"]
    weeks = [table for table in tables.values() if table.partition == "week"]
    training = [table for table in weeks if "torch" in table.kinds]
    return [
        select("reference", "The tables of reference data of one trading day or a range of days.", reference),
        select("day", "All other tables of one trading day or a range of days, after the job `reference`.", others),
        select("week", "All tables of one week: models, scores, portfolios, returns, report.", weeks),
        select("training", "Only the networks of one week.", training),
        _with_prefix(daily_tables),
        _with_prefix(weekly_report),
    ]


def _with_prefix(job: dg.JobDefinition) -> dg.JobDefinition:
    """A job under the name that it has in this code location. The runs of another location do not wait for it."""
    tags = {name: prefixed(value) for name, value in REPORT_TAG.items()}
    return job.graph.to_job(name=prefixed(job.name), description=job.description, tags=tags)
