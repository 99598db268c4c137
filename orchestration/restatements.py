"""The restatement log on the console: what was restated of which week's report, when and why.

python -m orchestration.run --restatements [--week 2015-07-20]
"""

import datetime as dt
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from assets.report.restatements import list_restatements
from resources.builder import Builder
from resources.issues import Issues
from resources.reasons import Reason

REPORT = "report"


def describe_restatements(builder: Builder, week: dt.date | None = None) -> list[str]:
    """Describe the restatements of all weeks, or of one: a line for each, and one for each figure that moved.

    Raises:
        NotReadyError: there is no lake.
    """
    issues = Issues(builder.lake.store, REPORT)
    rows = list_restatements(issues, week)
    if rows.is_empty() and list_restatements(issues, None).is_empty():
        builder.lake.require_any()
    lines = []
    for _, own in groupby(rows.iter_rows(named=True), key=lambda row: (row["week"], row["published"])):
        figures = list(own)
        lines.append(f"{figures[0]['published']:%Y-%m-%d %H:%M} UTC: {_summary(figures)}")
        lines += [
            f"  {row['table']} {row['row']} {row['column']}: {_number(row['before'])} → {_number(row['after'])}"
            f" ({'n/a' if row['difference'] is None else format(row['difference'], '+.6g')})"
            for row in figures
            if row["table"] is not None
        ]
    count = rows.select("week", "published").n_unique()
    return [*lines, f"{count} restatement{'' if count == 1 else 's'}."]


def describe_issued(builder: Builder) -> Iterator[str]:
    """One line for each issue that this run published in place of another one, or made again without a change."""
    for table, issue in builder.issued:
        if table.name == REPORT and (issue.place.number > 1 or issue.place.unchanged):
            rows = list_restatements(Issues(builder.lake.store, REPORT), issue.place.week)
            own = rows.filter(published=issue.published)
            if own.height:
                yield f"restated: {_summary(list(own.iter_rows(named=True)))}"


def keep_issues(builder: Builder, targets: list[tuple[str, dt.date]]) -> Iterator[str]:
    """Keep the issues of the targets of a run that are up to date, and describe what the run published."""
    for name, key in targets:
        table = builder.tables[name]
        if table.log is not None:
            builder.keep_issue(table, key)
    yield from describe_issued(builder)
    builder.issued.clear()


def _summary(figures: list[dict[str, Any]]) -> str:
    first = figures[0]
    cause = Reason.loads(first["changed"])
    if first["issue"] == first["replaces"]:
        return f"issue {first['issue']} of the week of {first['week']} is unchanged ({cause})"
    moved = [row for row in figures if row["table"] is not None]
    steps = [abs(row["difference"]) for row in moved if row["difference"] is not None]
    counted = f"{len(moved) or 'no'} published figure{'' if len(moved) == 1 else 's'} moved"
    most = f", by at most {max(steps):.2g}" if steps else ""
    return f"issue {first['issue']} of the week of {first['week']} replaces issue {first['replaces']}; {counted}{most} ({cause})"


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.6g}"
