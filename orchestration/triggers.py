"""Decides which days and weeks must be built: from what has landed, what the lake holds, and the runs that were requested before.

The states are digests of the landing zone, and the outcomes are those of Dagster's runs, which carry the state in a tag. A request
therefore counts as done only when its run has succeeded, wherever the run came from, and a lost cursor or a second sensor changes
nothing. This module does not talk to Dagster's daemon (sensors.py).
"""

import bisect
import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import dagster as dg

from orchestration.keys import prefixed
from orchestration.runs import LOCATION, location
from resources.builder import Builder
from resources.errors import machine_faults
from resources.landing import file_stamp
from resources.reference_tables import REFERENCE
from resources.table import Table

TARGET, STATE, FAILURE = "zhoubao/target", "zhoubao/state", "zhoubao/failure"
MACHINE, DATA = "machine", "data"  # values of the tag FAILURE; a run without it was ended from outside, as by a kill
SUCCESS_MARKER = "_SUCCESS"
PartitionKind = Literal["day", "week"]


@dataclass(frozen=True)
class Target:
    """A day (its tables) or a week (its report) in one state of the landing zone."""

    kind: PartitionKind
    key: dt.date
    state: str

    @property
    def name(self) -> str:
        """The name in messages and cursors."""
        return f"{self.kind} {self.key}"

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the target's runs."""
        return {TARGET: prefixed(self.name), STATE: self.state, self.kind: str(self.key), LOCATION: location()}


@dataclass(frozen=True)
class Decision:
    """What to do about a target: "request" a run, "wait", or nothing because it is "done" or has "failed".

    reason: why it waits or has failed.
    """

    action: Literal["request", "wait", "done", "failed"]
    reason: str = ""


def decide(
    target: Target,
    runs: Sequence[dg.RunRecord],
    now: dt.datetime,
    most_attempts: int,
    again: dt.timedelta,
    renewed: float = 0.0,
) -> Decision:
    """Decide by the earlier runs of a target, of any state, the newest first.

    Args:
        target: the day or week in its present state.
        runs: its runs.
        now: the present time, with a zone.
        most_attempts: number of runs in the same state after which a fault of the machine is not tried again.
        again: the time after which it is tried again.
        renewed: when the last run of an earlier day or week has succeeded, in seconds since 1970. A run that failed before because of
            the data may have waited for that one's partitions.
    """
    if not runs or runs[0].dagster_run.tags.get(STATE) != target.state:
        return Decision("request")
    last = runs[0]
    run = last.dagster_run
    if not run.is_finished:
        return Decision("wait", f"its run {run.run_id} is {run.status.value.lower()}")
    if run.is_success:
        return Decision("done")
    where = f"its run {run.run_id} failed"
    ended = _end(last)
    if run.tags.get(FAILURE) == DATA and ended < renewed:
        return Decision("request")
    if run.tags.get(FAILURE) == DATA:
        return Decision("failed", f"{where} because of the data; it is run again when the data changes")
    same = sum(1 for one in runs if one.dagster_run.tags.get(STATE) == target.state)
    if same >= most_attempts:
        return Decision(
            "failed", f"{where}, as did {same - 1} before it in the same state of the data; start it by hand"
        )
    at = dt.datetime.fromtimestamp(ended, dt.UTC) + again
    if now < at:
        return Decision("wait", f"{where} without a fault of the data and is run again at {at:%H:%M} UTC")
    return Decision("request")


def last_success(runs: Sequence[dg.RunRecord]) -> float:
    """When the last successful one of these runs ended, in seconds since 1970; 0 where there is none."""
    return max((_end(one) for one in runs if one.dagster_run.is_success), default=0.0)


def _end(record: dg.RunRecord) -> float:
    return record.end_time or record.update_timestamp.timestamp()


def runs_of(instance: dg.DagsterInstance, target: Target) -> Sequence[dg.RunRecord]:
    """The runs of a target of this code location in any state, the newest first."""
    return instance.get_run_records(dg.RunsFilter(tags={TARGET: prefixed(target.name)}))


# --- the landing zone -----------------------------------------------------------------------------------------------------


class Landed:
    """What has landed, examined once: the days, and per day its files and their stamps. `days` is ascending."""

    def __init__(self, builder: Builder):
        self.builder, self.days = builder, builder.zone.days()
        self._stamps: dict[dt.date, list[tuple[str, str]]] = {}

    def files(self, day: dt.date) -> list[Path]:
        """The files of minute data of a day."""
        return [*self.builder.zone.tick_files(day), *self.builder.zone.bar_files(day)]

    def stamps(self, day: dt.date) -> list[tuple[str, str]]:
        """Name and stamp of each file of minute data of a day. The bytes of the files are not read."""
        if day not in self._stamps:
            root = self.builder.zone.root
            self._stamps[day] = [(str(path.relative_to(root)), file_stamp(path)) for path in self.files(day)]
        return self._stamps[day]

    def before(self, day: dt.date) -> dt.date | None:
        """The last landed day before a day."""
        at = bisect.bisect_left(self.days, day)
        return self.days[at - 1] if at else None

    def known(self, day: dt.date) -> list[str]:
        """The digests of the reference rows that are known at the end of a day."""
        return [self.builder.zone.digest(name, day, True) for name in REFERENCE]


def day_targets(landed: Landed, days: Iterable[dt.date]) -> list[Target]:
    """The targets of these days. A day's state covers its files and the reference rows that it knows."""
    return [Target("day", day, _digest(landed.stamps(day), landed.known(day))) for day in days]


def week_targets(landed: Landed, weeks: Sequence[dt.date]) -> list[Target]:
    """The targets of these weeks. A week's state covers all days that landed before its end, because it is made from them too."""
    ends = {landed.builder.calendar.signal_day(week): week for week in weeks}
    chain = hashlib.blake2b(digest_size=16)
    targets = []
    for day in landed.days:
        if day > max(ends, default=dt.date.min):
            break
        chain.update(json.dumps(landed.stamps(day)).encode())
        if day in ends:
            targets.append(Target("week", ends[day], _digest(chain.hexdigest(), landed.known(day))))
    return targets


def _digest(*parts: object) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).hexdigest()


def still_arriving(landed: Landed, day: dt.date) -> str:
    """Why the data of a day may be incomplete; "" where it is settled.

    A day with a `_SUCCESS` marker in its folder is settled. Another one is when no file has changed for `landing.settle_minutes` and it
    has the kinds of files of the last day before it. Reference tables must be settled in any case.
    """
    zone, settings = landed.builder.zone, landed.builder.settings.landing
    marked = (zone.root / "ticks" / f"{day:%Y%m%d}" / SUCCESS_MARKER).is_file()
    if not marked and settings.same_files_as_before and (missing := _missing_kinds(landed, day)):
        return (
            f"{day} has no file like {', '.join(missing)} of the day before. It is built when the file arrives, when a file "
            f"{SUCCESS_MARKER} in its folder says that it is complete, or without landing.same_files_as_before."
        )
    files = [] if marked else landed.files(day)
    files += filter(None, map(zone.reference_path, REFERENCE))
    with machine_faults(f"the landing zone {zone.root}"):
        stats = [(path.stat(), path) for path in files]
    # A vendor's modification time may be after this machine's clock. The time of the last change is set by this machine.
    changed, path = max(((min(stat.st_mtime, stat.st_ctime), path) for stat, path in stats), default=(0.0, zone.root))
    minutes = (dt.datetime.now(dt.UTC).timestamp() - changed) / 60
    if minutes >= settings.settle_minutes:
        return ""
    return (
        f"{day} may still be arriving: {path} changed {minutes:.1f} minutes ago. It is built after {settings.settle_minutes:g} minutes "
        "without a change (landing.settle_minutes)."
    )


def _missing_kinds(landed: Landed, day: dt.date) -> list[str]:
    """The names, without digits, of files of the landed day before that have no counterpart on this day."""
    before = landed.before(day)
    if before is None:
        return []
    kinds = {_kind(path) for path in landed.files(day)}
    return sorted({_kind(path) for path in landed.files(before)} - kinds)


def _kind(path: Path) -> str:
    return re.sub(r"\d+", "#", path.name)


# --- the lake -------------------------------------------------------------------------------------------------------------


def is_built(builder: Builder, day: dt.date) -> bool:
    """Whether the tables that read the landing zone are built from the day's present data, and none of the day's is refused.

    Tables whose inputs have changed count as built: the run of the week, which waits for its days, builds them again.
    """
    for table in _daily(builder):
        manifest = builder.lake.manifest(table, day)
        if manifest is None or manifest.refusals or manifest.outdated:
            return False
        if table.lands and manifest.landing != builder.landing_digests(table, day):
            return False
    return True


def is_current(builder: Builder, day: dt.date) -> bool:
    """Whether all tables of a day are built from its present data and their present inputs."""
    return all(
        (manifest := builder.lake.manifest(table, day)) is not None
        and builder.stale_by_data(manifest, table, day) is None
        for table in _daily(builder)
    )


def _daily(builder: Builder) -> list[Table]:
    return [table for table in builder.tables.values() if table.partition == "day"]


def unbuilt_days(builder: Builder, week: dt.date, waiting: Mapping[dt.date, str]) -> str:
    """The days of a week that are not built or refused, with the reasons; "" where all are built."""
    lines = []
    for day in builder.calendar.week_days(week):
        if is_built(builder, day):
            continue
        refused = [
            f"{table.name} is refused ({', '.join(manifest.refusals)})"
            for table in _daily(builder)
            if (manifest := builder.lake.manifest(table, day)) is not None and manifest.refusals
        ]
        lines.append(f"{day}: {'; '.join(refused) or waiting.get(day) or 'it is not built'}")
    return "; ".join(lines)
