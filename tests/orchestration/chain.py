"""The whole chain of tables with the reports of some weeks: no table reads a report, and each of them takes seconds."""

import datetime as dt
from collections.abc import Iterable

from orchestration.prove import Contents, build_at_once, contents, every_partition
from resources.builder import Builder


def of_weeks(partitions: Iterable[tuple[str, dt.date]], weeks: list[dt.date]) -> list[tuple[str, dt.date]]:
    """The partitions without the reports of other weeks."""
    return [(name, key) for name, key in partitions if name != "report" or key in weeks]


def build_chain(builder: Builder, last: dt.date, weeks: list[dt.date]) -> Contents:
    """Build all partitions up to the day `last`, and of the reports those of `weeks` that end by then."""
    partitions = of_weeks(every_partition(builder, last), weeks)
    tables = builder.tables
    builder.tables = {name: table for name, table in tables.items() if name != "report"}
    build_at_once(builder, last)
    builder.tables = tables
    builder.build(tables["report"], [key for name, key in partitions if name == "report"])
    return contents(builder, partitions)
