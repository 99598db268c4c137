"""The failed checks of a run, summarised in one line per table and check.

This module selects the failures that a run reports and words them for the console. It does not judge (resources/gate.py), and
it does not write the report's section on data health (assets/report).
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from resources.builder import Builder
from resources.gate import Verdict, own_failures, shorten
from resources.manifest import MANIFEST
from resources.table import Table

SHOWN = 400  # characters of a warning's reason and remedy; the manifest holds the full text


@dataclass(frozen=True)
class Finding:
    """A check of a table that failed in one or more partitions.

    keys: the partitions in which it failed, ascending. judged: the number of partitions that were judged. refuses: whether it
    refused these partitions. first: the verdict on the first of them.
    """

    table: Table
    check: str
    refuses: bool
    keys: tuple[dt.date, ...]
    judged: int
    first: Verdict

    @property
    def plausibility(self) -> bool:
        """Whether it is a plausibility check (`Check.plausibility`)."""
        return any(check.plausibility for check in self.table.checks if check.name == self.check)


def failed_checks(builder: Builder, partitions: Iterable[tuple[Table, dt.date]]) -> list[Finding]:
    """Collect the failed checks of these partitions, without those that another failed check explains.

    The findings are in the order in which the data flows. For a refused partition only the checks that refuse it count; the
    others are judged again after the remedy. A partition that could not be renewed is left out, because its verdicts belong
    to an earlier state.
    """
    wanted: dict[str, set[dt.date]] = {}
    for table, key in partitions:
        wanted.setdefault(table.name, set()).add(key)
    found: list[Finding] = []
    for table in builder.tables.values():
        manifests = {key: builder.lake.manifest(table, key) for key in sorted(wanted.get(table.name, ()))}
        judged = {key: one for key, one in manifests.items() if one is not None and not one.outdated}
        failed: dict[tuple[str, bool], list[tuple[dt.date, Verdict]]] = {}
        for key, manifest in judged.items():
            for name, verdict in own_failures(table.checks, manifest.checks).items():
                if verdict.refuses or not (manifest.refusals or _explained_upstream(builder, table, name, key)):
                    failed.setdefault((name, verdict.refuses), []).append((key, verdict))
        declared = [check.name for check in table.checks]
        for name, refuses in sorted(failed, key=lambda one: declared.index(one[0]) if one[0] in declared else -1):
            rows = failed[name, refuses]
            found.append(Finding(table, name, refuses, tuple(key for key, _ in rows), len(judged), rows[0][1]))
    return found


def _explained_upstream(builder: Builder, table: Table, name: str, key: dt.date) -> bool:
    """Whether a check of an input that explains this one failed in the input's partition of the same day or week."""
    causes = [cause.split(".") for check in table.checks if check.name == name for cause in check.explained_by]
    verdicts = [
        manifest.checks[cause[1]]
        for cause in causes
        if len(cause) == 2
        and (manifest := builder.lake.manifest(builder.tables[cause[0]], key)) is not None
        and cause[1] in manifest.checks
    ]
    return any(not verdict.passed for verdict in verdicts)


def describe_refusals(builder: Builder, findings: Iterable[Finding]) -> list[str]:
    """Word each refusing check in one line: the first partition, the number of the others, and the verdict on the first."""
    return [f"{_where(builder, one)} {one.check} failed: {one.first.text()}" for one in findings if one.refuses]


def describe_warnings(builder: Builder, findings: Iterable[Finding]) -> list[str]:
    """Word each check that failed without refusing in one line, and add where the full texts are; no line without a failure."""
    lines = [
        f"warning: {_where(builder, one)} {one.check} failed in {len(one.keys)} of {one.judged} partitions: "
        + shorten(" ".join(one.first.words().split()), SHOWN, one.first.advice())
        for one in findings
        if not one.refuses
    ]
    if lines:
        lines.append(
            f"{MANIFEST} in the named folders of {builder.lake.store.url} holds the full text of these checks."
        )
    return lines


def describe_remarks(builder: Builder) -> list[str]:
    """Word the rows without a readable date in one line per table of the landing zone that was read."""
    return [f"warning: {one.remark}" for one in builder.zone.undated.values()]


def _where(builder: Builder, one: Finding) -> str:
    more = f" and {len(one.keys) - 1} more until {one.keys[-1]}" if len(one.keys) > 1 else ""
    return f"[{builder.lake.folder(one.table, one.keys[0])}{more}]"
