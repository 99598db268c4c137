"""What failed in a run, in few lines: one for each table and check, in however many partitions it failed.

Here: which failures a run reports, and their words on the console. Not here: the verdicts themselves (resources/gate.py) and
the report's own account of them (assets/report).
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from resources.builder import Builder
from resources.gate import Verdict, own_failures, shorten
from resources.lake import MANIFEST
from resources.table import Table

SHOWN = 400  # characters of a warning's reason and remedy; the manifest holds all of it


@dataclass(frozen=True)
class Finding:
    """A check that failed in `keys`, partitions of a table, of the `judged` ones; refuses: it refused them. detail, remedy: what it
    found in the first, and what to do."""

    table: Table
    check: str
    refuses: bool
    keys: tuple[dt.date, ...]
    judged: int
    detail: str
    remedy: str = ""

    @property
    def plausibility(self) -> bool:
        return any(check.plausibility for check in self.table.checks if check.name == self.check)


def failed_checks(builder: Builder, partitions: Iterable[tuple[Table, dt.date]]) -> list[Finding]:
    """The failed checks of these partitions, in the order in which the data flows, less what another failed check explains.

    Of a partition that is refused only what refuses it counts: the rest is judged again when that is mended. One that could not be
    renewed holds the verdicts of an earlier state, which count for nothing.
    """
    asked: dict[str, set[dt.date]] = {}
    for table, key in partitions:
        asked.setdefault(table.name, set()).add(key)
    found: list[Finding] = []
    for table in builder.tables.values():
        manifests = {key: builder.lake.manifest(table, key) for key in sorted(asked.get(table.name, ()))}
        judged = {key: one for key, one in manifests.items() if one is not None and not one.outdated}
        failed: dict[tuple[str, bool], list[tuple[dt.date, Verdict]]] = {}
        for key, manifest in judged.items():
            for name, verdict in own_failures(table.checks, manifest.checks).items():
                if verdict.refuses or not (manifest.refusals or _explained_upstream(builder, table, name, key)):
                    failed.setdefault((name, verdict.refuses), []).append((key, verdict))
        declared = [check.name for check in table.checks]
        for name, refuses in sorted(failed, key=lambda one: declared.index(one[0]) if one[0] in declared else -1):
            rows = failed[name, refuses]
            keys, first = tuple(key for key, _ in rows), rows[0][1]
            found.append(Finding(table, name, refuses, keys, len(judged), first.detail, first.remedy))
    return found


def _explained_upstream(builder: Builder, table: Table, name: str, key: dt.date) -> bool:
    """Whether a check that explains this one failed in the partition of the same day or week of a table that is read."""
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
    """A line for each check that refuses: the first partition with the number of the others, and all that it found in the first."""
    return [
        f"{_where(builder, one)} {one.check} failed: {Verdict(False, True, one.detail, one.remedy).text}"
        for one in findings
        if one.refuses
    ]


def describe_warnings(builder: Builder, findings: Iterable[Finding]) -> list[str]:
    """A line for each check that failed without refusing, and where to read more; none where none did."""
    lines = [
        f"warning: {_where(builder, one)} {one.check} failed in {len(one.keys)} of {one.judged} partitions: "
        + shorten(" ".join(one.detail.split()), SHOWN, " ".join(one.remedy.split()))
        for one in findings
        if not one.refuses
    ]
    if lines:
        lines.append(
            f"{MANIFEST} in the named folders of {builder.lake.store.url} holds all of what these checks found."
        )
    return lines


def describe_remarks(builder: Builder) -> list[str]:
    """A line for each table of the landing zone, as far as it was looked at, with rows that cannot be placed in time."""
    return [f"warning: {one.remark}" for one in builder.zone.undated.values()]


def _where(builder: Builder, one: Finding) -> str:
    more = f" and {len(one.keys) - 1} more until {one.keys[-1]}" if len(one.keys) > 1 else ""
    return f"[{builder.lake.folder(one.table, one.keys[0])}{more}]"
