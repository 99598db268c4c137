"""Jobs: a day's tables, a week's tables, the training alone, and the unattended week that plans for itself.

One job cannot mix daily and weekly partitions, so the whole chain is `weekly_report`: an op around the driver.
"""

from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from pydantic import Field

from resources.errors import MachineError
from resources.table import Table

REPORT_TAG = {"zhoubao/runs": "weekly_report"}  # dagster.yaml lets one such run go on at a time: they write one lake


class ReportConfig(dg.Config):
    """Which week to report ("" is the last complete one), and how often and after how long a fault of the machine, such as a
    network folder that does not answer, is tried again."""

    week: str = ""
    retries: int = Field(3, ge=0, le=100)
    retry_seconds: int = Field(600, ge=0, le=86_400)


@dg.op(description="Plan what is stale for the week's report, then build it in day ranges and weeks.")
def build_report(context: dg.OpExecutionContext, config: ReportConfig) -> str:
    from orchestration.run import run_report

    try:
        return str(run_report(week=config.week or None, instance=context.instance, say=context.log.info))
    except MachineError as error:
        context.log.error(str(error))
        raise dg.RetryRequested(max_retries=config.retries, seconds_to_wait=config.retry_seconds) from error


@dg.job(description="The unattended week: everything stale, up to the report.", tags=REPORT_TAG)
def weekly_report() -> None:
    build_report()


def make_jobs(tables: Mapping[str, Table]) -> list[dg.JobDefinition | UnresolvedAssetJobDefinition]:
    def select(name: str, description: str, chosen: list[Table]) -> UnresolvedAssetJobDefinition:
        return dg.define_asset_job(
            name,
            selection=dg.AssetSelection.assets(*(table.name for table in chosen)),
            description=description,
            executor_def=dg.in_process_executor,
        )

    days = [table for table in tables.values() if table.partition == "day"]
    weeks = [table for table in tables.values() if table.partition == "week"]
    training = [table for table in weeks if table.pool == "gpu"]
    return [
        select("day", "All tables of one trading day or a range of days.", days),
        select("week", "All tables of one week: models, scores, portfolios, returns, report.", weeks),
        select("training", "The networks of one week alone; one at a time per GPU (pool `gpu`).", training),
        weekly_report,
    ]
