"""The builder: it decides which partitions are stale and why, and wraps the pure function of every table.

For all tables alike it resolves the inputs by their look-backs, computes versions and staleness, calls the make function,
propagates the reasons of unavailable columns downstream, applies the gate and writes atomically. It does not define tables
(resources/table.py) or the order in which they are built (orchestration/plan.py, run.py).

A partition's version is the digest of its inputs' contents, its slice of the landing zone, its settings sections and its code. A
partition whose version would not change is not built again.
"""

import bisect
import contextlib
import dataclasses
import datetime as dt
import functools
import io
import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from resources.calendar import Calendar
from resources.code_changes import Change
from resources.code_digest import code_digest, libraries
from resources.engine import Engine, Inline, ReadyQueue
from resources.errors import InputError, NotReadyError, SettingsError, machine_faults
from resources.gate import Verdict, failed_as_reason
from resources.gate_changes import CHANGED_GATES, changed_gates
from resources.issues import DECLARED, ISSUES, Issues, KeptIssue, collect_sources
from resources.lake import Lake, build_command, content_digest
from resources.landing import NOTHING, RENAMED, LandingZone
from resources.made import LEFT_OUT
from resources.making import (
    Maker,
    MakeResult,
    Prepared,
    Reads,
    Sources,
    Task,
    faults_of_making,
    function_of,
)
from resources.manifest import RECORD, Manifest
from resources.parquet import encode
from resources.partition import Record
from resources.reasons import TEXT, Code, Reason, joined
from resources.rulebook import Rulebook, describe_rulebook
from resources.settings.load import described_on
from resources.stale import (
    CODE_CHANGED,
    DAMAGED,
    DECLARATION_CHANGED,
    FORCED,
    INPUT_CHANGED,
    INPUT_GONE,
    INPUT_NEW,
    LANDING_CHANGED,
    LIBRARIES_CHANGED,
    LIBRARIES_UNKNOWN,
    NO_TRADING_DAY,
    NOT_BUILT,
    NOT_RENEWED,
    REFUSED_BEFORE,
    SETTINGS_CHANGED,
)
from resources.store import digest
from resources.table import Table

_LISTED = 5  # days that a message names
# Outcomes are reported together: recording them costs a transaction. What a killed process did not report, the next run records.
REPORTED_TOGETHER = 20
REPORT_SECONDS = 10.0
COMPARED_ROWS = 2_000_000  # of two partitions at once, when a sample of an adoption is compared
CHANGED_CODES = "code_changes in force"  # digest name of the code changes by which a partition's inputs are renamed
UNDATED = "rows_without_date"  # note of a partition: part of the landing zone → the number of its rows without a date
INPUT_REFUSED = Code("input_refused", ("cause",))
CODES = ("code_changes", CHANGED_CODES)  # these alone are no data from which a day could be built

Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome:
    """The result for one partition.

    state: "built", "unchanged", "refused" (by its gate), or "blocked" (an input is not ready or was refused). detail: the reason of
    the latter two, else None. manifest: None where the partition is blocked.
    """

    key: dt.date
    state: str
    detail: Reason | None
    manifest: Manifest | None


PartitionName = tuple[str, dt.date]
"""The name of a table and the key of one of its partitions."""
Report = Callable[[Table, Sequence[Outcome]], None]
"""Receives outcomes of partitions of one table."""


@dataclass(frozen=True)
class _TableDigests:
    """What the partitions of a table have in common under one settings tree, computed once.

    code: the names of the code that decides the table. digests: those of settings by the number of `rules_begin` up to a partition's
    last day, and those of code by the digests of its parts.
    """

    table: Table
    settings: Any
    code: list[str]
    digests: dict[Any, Any] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def rules_begin(self) -> list[dt.date]:
        """The days on which rules come into force that the table reads, ascending."""
        return sorted({row.since for kind in self.table.rules for row in getattr(self.settings.rulebook, kind)})


class Builder:
    """Builds partitions of tables from a landing zone into a lake, under one settings tree.

    `blocked` holds the reasons of requested partitions that could not be made, `tried` the partitions that were made or tried,
    `forced` those to build once although nothing changed, and `issued` the issues that were published, with their tables.
    """

    def __init__(
        self,
        *,
        tables: Mapping[str, Table],
        lake: Lake,
        zone: LandingZone,
        calendar: Calendar,
        settings: Any,
        run_settings: Mapping[str, Any] | None = None,
        engine: Engine | None = None,
        say: Callable[[str], None] = lambda line: None,
    ):
        self.engine = engine or Inline()
        self.tables, self.lake, self.zone, self.calendar, self.settings = tables, lake, zone, calendar, settings
        self.run_settings = dict(run_settings or {})
        self.say = say
        self.blocked: dict[tuple[str, dt.date], Reason] = {}
        self.tried: set[tuple[str, dt.date]] = set()
        self.forced: set[tuple[str, dt.date]] = set()
        self.issued: list[tuple[Table, KeptIssue]] = []
        self._shared: dict[str, _TableDigests] = {}
        self._known_reads: dict[tuple[str, dt.date], Reads] | None = None

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Examine the landing zone and the look-backs once inside the block, as a plan does, which asks for them of every partition.

        Changes of the landing zone are not seen meanwhile, and nothing is built.
        """
        with self.zone.snapshot():
            self._known_reads = {}
            try:
                yield
            finally:
                self._known_reads = None

    # --- what a partition is made from ------------------------------------------------------------------------------

    @functools.cached_property
    def start(self) -> dt.date:
        """The first day of minute data, on which the history begins.

        Raises:
            InputError: there is no minute data, or data of a day that is no trading day.
        """
        days = self.zone.days()
        if not days:
            raise InputError(
                f"{self.zone.root} holds neither ticks/<YYYYMMDD>/ nor bars/<YYYYMMDD>.parquet, so there is no day to build. "
                "Put the vendor's files there (README, 'Bring your own data')."
            )
        for day in days:
            # A day after the known calendar raises when it is requested; it does not stop earlier days.
            if day <= self.calendar.known_until and not self.calendar.is_trading_day(day):
                raise InputError(
                    f"{self.zone.root} holds data of {day}, a {day:%A} that is no trading day of the XSHG calendar. Rename "
                    "the entry to its trading day, or remove it."
                )
        return days[0]

    def start_of(self, table: Table) -> dt.date:
        """The first day for which partitions of a table exist."""
        if table.history == "reference":
            return self.zone.reference_start() or self.start
        return self.start

    def _first_key(self, table: Table) -> dt.date:
        start = self.start_of(table)
        return start if table.partition == "day" else self.calendar.week_of(start)

    def section(self, table: Table) -> Any:
        """The settings section that a table declares; a mapping by name where it declares several, None where it declares none."""
        return table.section(self.settings)

    def reads(self, table: Table, key: dt.date) -> Reads:
        """The input tables of a partition, each with the keys of its partitions that are read."""
        if self._known_reads is None:
            return self._reads(table, key)
        if (table.name, key) not in self._known_reads:
            self._known_reads[table.name, key] = self._reads(table, key)
        return self._known_reads[table.name, key]

    def _reads(self, table: Table, key: dt.date) -> Reads:
        section, own = self.section(table), self.start_of(table)
        upstream = [(read, self.tables[read.table]) for read in table.reads]
        return [
            (one, read.keys(self.calendar, table, one, key, section, self.start_of(one), own)) for read, one in upstream
        ]

    def signal_day(self, table: Table, key: dt.date) -> dt.date:
        """The last day of a partition: the day itself, or the last trading day of the week."""
        return table.signal_day(self.calendar, key)

    def landing_digests(self, table: Table, key: dt.date) -> dict[str, str]:
        """The digests of what a partition may see of the landing zone, by part.

        Raises:
            InputError: a reference table cannot be read.
            MachineError: the machine failed.
        """
        with machine_faults(f"the landing zone {self.zone.root}"):
            if not table.lands and not self.zone.code_changes():
                return {}
            day = self.signal_day(table, key)
            digests = {land.name: self.zone.digest(land.name, day, land.until) for land in table.lands}
            if changes := self.code_changes(table, key):
                digests[CHANGED_CODES] = digest(repr(changes).encode())
        return digests

    def code_changes(self, table: Table, key: dt.date) -> tuple[Change, ...]:
        """The code changes between the oldest day that a partition reads and its own day. Its inputs are renamed by them.

        They are part of the partition's version. Later changes, and changes before everything that it reads, are not.
        """
        changes = self.zone.code_changes()
        if not changes or changes.dates[0] > (day := self.signal_day(table, key)):
            return ()
        oldest = [self.signal_day(upstream, min(keys)) for upstream, keys in self.reads(table, key) if keys]
        if any(land.name in RENAMED or land.name == "instruments" for land in table.lands):
            oldest.append(dt.date.min)
        return changes.between(min(oldest, default=day), day)

    def _mergers(self, table: Table, key: dt.date) -> tuple[Change, ...]:
        """The mergers between the oldest day that a partition reads and its own day."""
        dated = [change.date for change in self.code_changes(table, key)]
        before = min(dated, default=dt.date.max) - dt.timedelta(days=1)
        return self.zone.code_changes().mergers(before, self.signal_day(table, key))

    def rulebook(self, table: Table, key: dt.date) -> Rulebook:
        """The rules that a partition may read: of the kinds that its table declares, those in force on its last day."""
        return Rulebook.on(self.signal_day(table, key), self.settings.rulebook, table.rules)

    def _common(self, table: Table) -> _TableDigests:
        known = self._shared.get(table.name)
        if known is None or known.table is not table or known.settings is not self.settings:
            known = _TableDigests(table, self.settings, self._code_of(table))
            self._shared[table.name] = known
        return known

    def _of_settings(
        self, name: str, compute: Callable[[Table, dt.date], Result], table: Table, key: dt.date
    ) -> Result:
        """A digest of settings, which is the same for all partitions between two changes of the rules that the table reads."""
        if table.reads_record:  # it covers the run's settings as known on the day
            return compute(table, key)
        common = self._common(table)
        period = bisect.bisect_right(common.rules_begin, self.signal_day(table, key)) if table.rules else 0
        if (name, period) not in common.digests:
            common.digests[name, period] = compute(table, key)
        return common.digests[name, period]

    def settings_digest(self, table: Table, key: dt.date) -> str:
        """The digest of all settings that decide a partition; of the rulebook it covers the rows in force on its last day."""
        return self._of_settings("settings", self._compute_settings_digest, table, key)

    def _compute_settings_digest(self, table: Table, key: dt.date) -> str:
        section = self.section(table)
        covered: dict[str, Any] = {"section": _decisive(section)}
        if gates := changed_gates(table):
            covered["gates"] = gates
        if table.rules:
            covered["rules"] = self.rulebook(table, key).decisive()
        if table.reads_start:
            covered["start"] = str(self.start)
        if table.reads_record:
            covered["run"] = self._run_settings(table, key)
        return digest(json.dumps(covered, sort_keys=True, default=str).encode())

    def _section_digests(self, table: Table, key: dt.date) -> dict[str, str]:
        """The digests of the parts that `settings_digest` covers, such as a settings section or a kind of the rulebook's rows."""
        return self._of_settings("sections", self._compute_section_digests, table, key)

    def _compute_section_digests(self, table: Table, key: dt.date) -> dict[str, str]:
        section = self.section(table)
        parts = dict(section) if isinstance(section, dict) else dict.fromkeys(table.sections, section)
        covered: dict[str, Any] = {name: _decisive(one) for name, one in parts.items()}
        if gates := changed_gates(table):
            covered[f"gates.{table.name}"] = gates
        if table.rules:
            covered |= {f"rulebook.{kind}": rows for kind, rows in self.rulebook(table, key).decisive().items()}
        if table.reads_start:
            covered["first day of minute data"] = self.start
        if table.reads_record:
            covered["run settings"] = self._run_settings(table, key)
        return {name: digest(json.dumps(one, sort_keys=True, default=str).encode()) for name, one in covered.items()}

    def _run_settings(self, table: Table, key: dt.date) -> dict[str, Any]:
        """The description of the run's settings, with that of the rulebook on a partition's last day."""
        if not self.run_settings:
            return {}
        day = self.signal_day(table, key)
        return described_on(self.run_settings, day) | {"rulebook": describe_rulebook(self.settings.rulebook, day)}

    def code_digest(self, table: Table) -> str:
        """The digest of the code that decides a table: its make function, functions that settings name, schema and checks."""
        common = self._common(table)
        code = tuple(code_digest(one) for one in common.code)
        if code not in common.digests:
            declared = tuple(check.declared or check for check in table.checks)  # changes of checks are settings
            shape = repr((sorted((k, str(v)) for k, v in table.schema.items()), declared, sorted(table.needs.items())))
            common.digests[code] = digest(*(one.encode() for one in code), shape.encode())
        return str(common.digests[code])

    def libraries(self, table: Table) -> Mapping[str, str]:
        """The libraries whose versions decide the content of a table's partitions, each with the installed version."""
        return libraries(*self._common(table).code)

    def _code_of(self, table: Table) -> list[str]:
        """The make function, the functions that settings name and the classes of services, as "module:name"."""
        named = [functools.reduce(getattr, name.split("."), self.settings) for name in table.functions]
        own = [path for value in named for path in _paths(value, table.built_in)]
        return [table.make, *own, *_service_classes(table)]

    def stale(self, table: Table, key: dt.date) -> Reason | None:
        """The reason why a partition must be built, judged from the present state of the lake; None where it is up to date.

        A partition that its own gate refused is tried again whenever it is requested, because the cause may be something that no
        digest covers. The partitions made from it are judged by its content, as always.
        """
        if (table.name, key) in self.forced:
            return FORCED()
        manifest = self.lake.manifest(table, key)
        if manifest is None:
            damage = self.lake.damage(table, key)
            return DAMAGED(cause=damage) if damage else NOT_BUILT()
        if manifest.settings != self.settings_digest(table, key):
            sections = self._section_digests(table, key)
            named = {**sections, **manifest.sections}
            differ = [name for name in named if manifest.sections.get(name) != sections.get(name)]
            return SETTINGS_CHANGED(sections=differ or list(sections))
        if manifest.code != self.code_digest(table):
            return CODE_CHANGED()
        if manifest.libraries != (present := self.libraries(table)):
            return _changed_libraries(manifest.libraries, present)
        return self.stale_by_data(manifest, table, key)

    def stale_by_data(self, manifest: Manifest, table: Table, key: dt.date) -> Reason | None:
        """The reason why a partition must be built again although settings and code are the same."""
        now = self.landing_digests(table, key)
        if now != manifest.landing:
            changed = [name for name in {**now, **manifest.landing} if manifest.landing.get(name) != now.get(name)]
            return self._changed_landing(manifest, changed, now)
        inputs = self._contents(table, key)
        if inputs != manifest.inputs:
            for folder, content in inputs.items():
                if manifest.inputs.get(folder) != content:
                    return (INPUT_CHANGED if folder in manifest.inputs else INPUT_NEW)(input=folder)
            return INPUT_GONE(input=next(folder for folder in manifest.inputs if folder not in inputs))
        if manifest.outdated:
            return NOT_RENEWED()
        return REFUSED_BEFORE() if manifest.refusals else None

    def _changed_landing(self, manifest: Manifest, changed: list[str], now: Mapping[str, str]) -> Reason | None:
        """The reason why these parts of the landing zone have changed digests: other declarations, or other data.

        Where the declaration of a part changed, it is the only reason, because the data is read again anyway.
        """
        settings: list[str] = []
        data: list[str] = []
        for name in changed:
            landed = NOTHING not in (manifest.landing.get(name, NOTHING), now.get(name, NOTHING))
            before = _mapping(_mapping(manifest.notes.get(DECLARED)).get(name)) if landed else {}
            declared = json.loads(json.dumps(self.zone.declared(name))) if landed else {}
            differ = [one for one in {**before, **declared} if before.get(one) != declared.get(one)]
            settings += differ
            data += [] if differ else [name]
        causes = [DECLARATION_CHANGED(settings=list(dict.fromkeys(settings)))] if settings else []
        causes += [LANDING_CHANGED(parts=data)] if data else []
        return joined(causes)

    def is_stale_by_code_alone(self, table: Table, key: dt.date) -> bool:
        """Whether only code or libraries differ from those of a partition that would be built now."""
        reason = self.stale(table, key)
        if reason is None or reason.code not in (CODE_CHANGED.name, LIBRARIES_CHANGED.name, LIBRARIES_UNKNOWN.name):
            return False
        manifest = self.lake.manifest(table, key)
        return manifest is not None and self.stale_by_data(manifest, table, key) is None

    def is_absent(self, table: Table, key: dt.date) -> bool:
        """Whether a day is not built and nothing has landed from which it could be built.

        Such a day reads as empty. A landing zone with nothing but ticks therefore needs no reference tables to be built first.
        """
        if table.partition == "week" or self.lake.manifest(table, key) is not None:
            return False
        if any(d != NOTHING for name, d in self.landing_digests(table, key).items() if name not in CODES):
            return False
        return all(self.is_absent(upstream, k) for upstream, keys in self.reads(table, key) for k in keys if k == key)

    def _contents(self, table: Table, key: dt.date) -> dict[str, str]:
        """The content digest of each input partition; "not built" where there is none."""
        contents: dict[str, str] = {}
        for upstream, keys in self.reads(table, key):
            contents |= self.lake.contents(upstream, keys)
        if table.reads_record:
            contents[RECORD] = digest(encode(self._verdicts(key)), encode(self._left_out(key)))
        return contents

    # --- building ---------------------------------------------------------------------------------------------------

    def build(
        self,
        table: Table,
        keys: Iterable[dt.date],
        *,
        force: bool = False,
        report: Report = lambda table, outcomes: None,
    ) -> list[Outcome]:
        """Build the stale ones among these partitions of one table, as `build_range` does, and return their outcomes by key."""
        return self.build_range([table], keys, force=force, report=report)[table.name]

    def build_range(
        self,
        tables: Sequence[Table],
        keys: Iterable[dt.date],
        *,
        force: bool = False,
        report: Report = lambda table, outcomes: None,
    ) -> dict[str, list[Outcome]]:
        """Build the stale ones among these partitions of tables, or all of them with `force`.

        A partition is made when all of its inputs among them are committed, by the engine (resources/engine.py), which may make
        several at a time. A partition that cannot be built does not stop the others. A partition that had to be renewed and could not
        be is withheld from its readers, so that nothing is made from an earlier state of its inputs. A partition is written as soon as
        it is made.

        Args:
            tables: the tables, each after those that it reads.
            keys: the partitions of each of them.
            force: build them although nothing changed.
            report: receives the outcomes of one table at a time, each once, those of inputs first: at most REPORTED_TOGETHER, and
                after REPORT_SECONDS what there is.

        Returns:
            For each table one outcome per partition, ordered by key.

        Raises:
            LakeError: the lake belongs to another market, cannot be read or written, or holds damaged files.
            MachineError: the machine failed. The partitions made before are written; nothing of this one is.
        """
        keys = list(dict.fromkeys(keys))
        outcomes = _Outcomes(tables, len(keys), report)
        with self.lake.writing(self.say), self.engine:
            self.lake.claim(str(self.zone.root.resolve()))
            with self.lake.store.scratch() as scratch:
                try:
                    # A table that reads the record of all others is made here, when all others are complete.
                    for reads_record, group in itertools.groupby(tables, key=lambda table: table.reads_record):
                        engine = Inline() if reads_record else self.engine
                        self._build(list(group), keys, force, scratch, engine, outcomes)
                finally:  # also what was made before the machine failed or the user interrupted
                    outcomes.flush()
            for table in tables:
                self._renew_log(table)
            self.zone.flush()
        return outcomes.by_table()

    def _build(
        self,
        tables: Sequence[Table],
        keys: Sequence[dt.date],
        force: bool,
        scratch: Path,
        engine: Engine,
        outcomes: "_Outcomes",
    ) -> None:
        waiting = ReadyQueue(self._order(tables, keys))
        by_name = {table.name: table for table in tables}

        def finish(table: Table, outcome: Outcome) -> None:
            waiting.finish((table.name, outcome.key))
            outcomes.add(table, outcome)

        def next_task() -> Task | None:
            """The next partition that is stale and whose inputs are complete; None where there is none at the moment."""
            while (step := waiting.pop()) is not None:
                table, key = by_name[step[0]], step[1]
                begun = self._begin(table, key, force, scratch)
                if isinstance(begun, Task):
                    return begun
                finish(table, begun)
            return None

        def make(task: Task) -> MakeResult:
            return self.attempt(task, by_name[task.table])

        with contextlib.closing(engine.run(next_task, make, self.say)) as attempts:
            for attempt in attempts:
                table = by_name[attempt.task.table]
                finish(table, self._finish(table, attempt))

    def _order(self, tables: Sequence[Table], keys: Sequence[dt.date]) -> dict[PartitionName, list[PartitionName]]:
        """The partitions in the order in which one process builds them, each with those of them that it reads."""
        steps: dict[PartitionName, list[PartitionName]] = {(table.name, key): [] for table in tables for key in keys}
        for table in tables:
            if any(table.read(other.name) for other in tables):
                for key in keys:
                    # The reads of a day after the known calendar raise when it is built, and do not stop the days before it.
                    with contextlib.suppress(SettingsError):
                        read = ((one.name, k) for one, many in self.reads(table, key) for k in many)
                        steps[table.name, key] = [one for one in read if one in steps]
        return steps

    def _begin(self, table: Table, key: dt.date, force: bool, scratch: Path) -> Outcome | Task:
        """The outcome of a partition that need not or cannot be made, else the task of making it."""
        if self._is_closed(table, key):
            return Outcome(key, "blocked", NO_TRADING_DAY(partition=key), None)
        if force:
            self.forced.add((table.name, key))
        reason = self.stale(table, key)
        if reason is None:
            return self._up_to_date(table, key)
        if reason.code == DAMAGED.name:
            self.say(f"{table.name} of {key} is {reason}; it is built again.")
        self.forced.discard((table.name, key))
        self.tried.add((table.name, key))
        sources = Sources(self._contents(table, key), self.landing_digests(table, key))
        try:
            return self._task(table, key, sources, scratch)
        except NotReadyError as error:
            return self._block(table, key, error)

    def _finish(self, table: Table, attempt: MakeResult) -> Outcome:
        """Commit a partition that was made, or record why it could not be made."""
        task, key = attempt.task, attempt.task.key
        for folder, damage in attempt.damages.items():
            self.lake.set_damaged(folder, damage)
        try:
            return self._commit(table, task, self._settled(table, attempt))
        except (NotReadyError, SettingsError) as error:
            return self._block(table, key, error)
        except InputError as error:
            return self._refuse(table, key, str(error), task.sources)
        finally:
            shutil.rmtree(task.folder, ignore_errors=True)

    def _block(self, table: Table, key: dt.date, error: Exception) -> Outcome:
        """Withhold a partition that could not be made from its readers, where it is built."""
        reason = TEXT(text=str(error))
        self.blocked[table.name, key] = reason
        self.lake.set_outdated(table, key, reason)
        return Outcome(key, "blocked", reason, None)

    def _is_closed(self, table: Table, key: dt.date) -> bool:
        """Whether a key is no partition: a day that is no trading day, or a week without one."""
        if table.partition == "week":
            return not self.calendar.week_days(key)
        return key <= self.calendar.known_until and not self.calendar.is_trading_day(key)

    def remake(self, table: Table, key: dt.date) -> Manifest:
        """Build a partition without writing it, and return the manifest that it would have.

        Its content digest is that of the partition in the lake where the values of both are equal, though another version of polars
        encodes them by other bytes.

        Raises:
            NotReadyError, InputError, SettingsError: it cannot be built now.
            MachineError: the machine failed.
        """
        sources = Sources(self._contents(table, key), self.landing_digests(table, key))
        with self.lake.store.scratch() as scratch:
            task = self._task(table, key, sources, scratch)
            one = self._settled(table, self.attempt(task, table))
            made = self._judged(table, task, one)
            old = self.lake.manifest(table, key)
            if old is not None and made.content != old.content and self._equals(table, one, old):
                return dataclasses.replace(made, content=old.content)
            return made

    def _equals(self, table: Table, one: Prepared, old: Manifest) -> bool:
        """Whether a partition has the same rows, values in side files and reasons as the one in the lake."""
        key = dt.date.fromisoformat(old.key)
        names = sorted(one.files)
        if names != sorted(old.files) or one.unavailable != old.unavailable or one.rows != old.rows:
            return False
        files = ((name, one.files[name], self.lake.read_file(table, key, name)) for name in names)
        if not all(_equal_files(*own) for own in files):
            return False
        new = pl.scan_parquet(one.part if isinstance(one.part, Path) else io.BytesIO(one.part))
        if one.rows == 0:
            return True
        present = self.lake.read(table, [key])
        return new.collect_schema() == present.collect_schema() and all(
            new.slice(first, COMPARED_ROWS).collect().equals(present.slice(first, COMPARED_ROWS).collect())
            for first in range(0, one.rows, COMPARED_ROWS)
        )

    def adopt(self, table: Table, key: dt.date, proof: Mapping[str, Any]) -> None:
        """Mark a partition that is stale by its code alone as built by the present code, and record `proof` in its manifest."""
        manifest = self.lake.require(table, key)
        sources = Sources(dict(manifest.inputs), dict(manifest.landing))
        present = dict(self.libraries(table))
        record = {"from": manifest.code, "to": self.code_digest(table), **proof}
        if manifest.libraries != present:
            record |= {"libraries_from": dict(manifest.libraries), "libraries_to": present}
        self.lake.restamp(
            table,
            key,
            dataclasses.replace(
                manifest,
                code=self.code_digest(table),
                libraries=present,
                version=self.version(table, key, sources),
                adopted=(*manifest.adopted, record),
            ),
        )

    def _up_to_date(self, table: Table, key: dt.date) -> Outcome:
        """The outcome of a partition that is up to date: unchanged, or blocked where it may not be read."""
        self.lake.store.end_work(
            f"{table.name}/{key}-*"
        )  # left by a process that was killed after it wrote the manifest
        if refused := self.lake.refused(table, key):
            return Outcome(key, "blocked", INPUT_REFUSED(cause=refused), None)
        return Outcome(key, "unchanged", None, self.lake.manifest(table, key))

    def attempt(self, task: Task, table: Table) -> MakeResult:
        """Make a partition in this process, and return the error where that is not possible. Nothing is committed."""
        maker = Maker(
            tables={**self.tables, table.name: table}, lake=self.lake, zone=self.zone, calendar=self.calendar, settings=self.settings, record=self._record,
            say=self.say,
        )  # fmt: skip
        return maker.attempt(task)

    def _task(self, table: Table, key: dt.date, sources: Sources, scratch: Path) -> Task:
        """The task of making a partition.

        Raises:
            NotReadyError: an input is not ready.
            MachineError: the machine failed.
        """
        with faults_of_making(table.name, key):
            reads = list(self.reads(table, key))
            self._require_all(table, key, reads)
            day = self.signal_day(table, key)
            return Task(
                table=table.name, key=key, version=self.version(table, key, sources),
                settings=self.settings_digest(table, key), libraries=dict(self.libraries(table)), sources=sources,
                reads=tuple((upstream.name, tuple(keys)) for upstream, keys in reads),
                landed={land.name: tuple(self.zone.landed(land.name, day)) for land in table.lands},
                mergers=self._mergers(table, key), start=self.start if table.reads_start else None,
                folder=scratch / f"{table.name} {key}",
            )  # fmt: skip

    def _require_all(self, table: Table, key: dt.date, reads: Reads) -> None:
        """Check that all inputs may be read.

        Raises:
            NotReadyError: an input is not ready. Where two or more are not built, all of them are named.
        """
        unbuilt: dict[dt.date, list[str]] = {}
        present: list[tuple[Table, dt.date]] = []
        for upstream, keys in reads:
            for k in keys:
                if not self.is_absent(upstream, k):
                    present.append((upstream, k))
                    if self.lake.manifest(upstream, k) is None:
                        unbuilt.setdefault(k, []).append(upstream.name)
        if sum(map(len, unbuilt.values())) < 2:
            for upstream, k in present:
                self.lake.require(upstream, k, f"{table.name} of {key}")
            return
        wanted = [f"{', '.join(names)} of {k}" for k, names in sorted(unbuilt.items())]
        more = f"; and so for {len(wanted) - _LISTED} more" if len(wanted) > _LISTED else ""
        raise NotReadyError(
            f"{table.name} of {key} needs {'; '.join(wanted[:_LISTED])}{more}, which are not built. Build them with it: "
            f"{build_command(table.name, key)}"
        )

    def _settled(self, table: Table, attempt: MakeResult) -> Prepared:
        """The partition that was made, from files that did not change meanwhile.

        Raises:
            NotReadyError: the landing zone or an input changed while it was read.
            Exception: the error of the attempt.
        """
        task = attempt.task
        if attempt.prepared is None:
            if isinstance(attempt.error, InputError):
                self._require_settled(table, task)  # a file that is still being copied is not refused
            raise attempt.error or AssertionError
        self._require_settled(table, task)
        self._require_unchanged(task)
        return attempt.prepared

    def _require_settled(self, table: Table, task: Task) -> None:
        """Raise NotReadyError where the landing zone changed while it was read: the figures would belong to no state of it."""
        before = task.sources.landing
        try:
            now = self.landing_digests(table, task.key)
        except InputError:  # the table could be read when its first digest was taken
            now = {}
        if changed := [name for name in {**before, **now} if before.get(name) != now.get(name)]:
            raise NotReadyError(
                f"{table.name} of {task.key} is still arriving: {', '.join(changed)} in {self.zone.root} changed while it was read, so "
                "nothing was made from it. Run again when the copy is complete."
            )

    def _require_unchanged(self, task: Task) -> None:
        """Raise NotReadyError where the files of an input changed while they were read: the figures would belong to no state of it."""
        for name, keys in task.reads:
            for key in keys:
                if not self.is_absent(self.tables[name], key):
                    self.lake.require(self.tables[name], key, str(task))

    # --- the record of all partitions -------------------------------------------------------------------------------

    def _record(self, table: Table, key: dt.date) -> Record:
        return Record(self._verdicts(key), self._left_out(key), self._run_settings(table, key))

    def _recorded(self, last: dt.date) -> Iterator[tuple[Table, dt.date, Manifest]]:
        """The partitions of every table up to a day with their manifests, but for tables that read the record."""
        for table in self.tables.values():
            if not table.reads_record:
                first = self._first_key(table)
                for key in self.lake.keys(table):
                    if first <= key <= last and (manifest := self.lake.manifest(table, key)) is not None:
                        yield table, key, manifest

    def _verdicts(self, week: dt.date) -> pl.DataFrame:
        """One row per check and partition of every table up to the week's signal day, for the report's data health."""
        last = self.calendar.signal_day(week)
        judged = {table.name: {one.name for one in table.checks if one.plausibility} for table in self.tables.values()}
        rows = [
            (
                table.name,
                key,
                manifest.rows,
                name,
                verdict.critical,
                name in judged[table.name],
                verdict.passed,
                verdict.detail.dumps() if verdict.detail else "",
                verdict.remedy.en if verdict.remedy else "",
                verdict.remedy.zh if verdict.remedy else "",
            )
            for table, key, manifest in self._recorded(last)
            for name, verdict in manifest.checks.items()
        ]
        schema = {
            "table": pl.String,
            "partition": pl.Date,
            "rows": pl.Int64,
            "check": pl.String,
            "critical": pl.Boolean,
            "plausibility": pl.Boolean,
            "passed": pl.Boolean,
            "detail": pl.String,
            "remedy_en": pl.String,
            "remedy_zh": pl.String,
        }
        columns = list(zip(*rows, strict=True))  # four times as fast as rows
        return pl.DataFrame(columns, schema=schema, orient="col").sort("table", "partition", "check")

    def _left_out(self, week: dt.date) -> pl.DataFrame:
        """The notes LEFT_OUT of partitions up to the week's signal day: table, partition, code, item, value as JSON."""
        last = self.calendar.signal_day(week)
        rows = [
            (table.name, key, code, item, json.dumps(value, ensure_ascii=False, sort_keys=True))
            for table, key, manifest in self._recorded(last)
            for code, items in manifest.notes.get(LEFT_OUT, {}).items()
            for item, value in items.items()
        ]
        schema = {"table": pl.String, "partition": pl.Date, "code": pl.String, "item": pl.String, "value": pl.String}
        return pl.DataFrame(rows, schema=schema, orient="row").sort("table", "partition", "code", "item")

    # --- the issues of a table whose partitions are published -------------------------------------------------------

    def _publish(self, table: Table, key: dt.date, one: Prepared, manifest: Manifest) -> None:
        """Keep an issue before it becomes the partition. One that an earlier version of this code published is kept first."""
        issues = Issues(self.lake.store, table.name)
        before = self.lake.whole(table, key)
        if before is not None and before[0].content != manifest.content and not issues.of(key):
            self._issue(table, issues.publish(key, before[1], before[2], before[0], None))
        part = one.part.read_bytes() if isinstance(one.part, Path) else one.part
        sources = self._sources(table, key, manifest)
        self._issue(table, issues.publish(key, part, one.files, manifest, sources))

    def keep_issue(self, table: Table, key: dt.date) -> None:
        """Keep the issue of a partition that is up to date where it is not kept yet, and record deliveries that did not change it."""
        if (found := self.lake.whole(table, key)) is not None:
            manifest, part, files = found
            issues, sources = Issues(self.lake.store, table.name), self._sources(table, key, manifest)
            self._issue(table, issues.publish(key, part, files, manifest, sources))
            self._issue(table, issues.confirm(key, manifest.content, sources))
        self._renew_log(table)

    def _issue(self, table: Table, issue: KeptIssue | None) -> None:
        if issue is not None:
            self.issued.append((table, issue))

    def _sources(self, table: Table, key: dt.date, manifest: Manifest) -> pl.DataFrame:
        recorded = [*self._recorded(self.signal_day(table, key)), (table, key, manifest)]
        return collect_sources(recorded, self.tables.values())

    def _renew_log(self, table: Table) -> None:
        """Write the files of a table's log that differ from those in the lake."""
        if table.log is None:
            return
        store = self.lake.store
        for name, data in function_of(table.log)(Issues(store, table.name), self.section(table)).items():
            if store.read_bytes(f"{ISSUES}/{name}") != data:
                store.write_bytes(f"{ISSUES}/{name}", data)

    def _commit(self, table: Table, task: Task, one: Prepared) -> Outcome:
        """Write a partition: data first, the manifest last."""
        manifest = self._judged(table, task, one)
        if table.log is not None and not manifest.refusals:
            self._publish(table, task.key, one, manifest)
        self.lake.write(table, task.key, one.part, dict(one.files), manifest)
        self.lake.store.end_work(f"{table.name}/{task.key}-*")
        self.blocked.pop((table.name, task.key), None)
        failed = failed_as_reason(manifest.refusals)
        return Outcome(task.key, "refused" if failed else "built", failed, manifest)

    def _judged(self, table: Table, task: Task, one: Prepared) -> Manifest:
        """The manifest of a partition, with the gate's verdicts."""
        gates = {CHANGED_GATES: changed} if (changed := changed_gates(table)) else {}
        return self._manifest(
            table, task.key, task.sources, content=content_digest(one.part, one.files, one.unavailable), rows=one.rows,
            files={name: digest(data) for name, data in sorted(one.files.items())}, checks=one.checks,
            unavailable=one.unavailable, notes={**one.notes, **self._landing_notes(table, task.sources), **gates},
            seconds=round(one.seconds, 3),
        )  # fmt: skip

    def _landing_notes(self, table: Table, sources: Sources) -> dict[str, Any]:
        """The notes on the landing zone: the declarations of the parts that were read, and their numbers of rows without a date."""
        landed = [land.name for land in table.lands if sources.landing.get(land.name, NOTHING) != NOTHING]
        declared = {name: values for name in landed if (values := self.zone.declared(name))}
        undated = {name: self.zone.undated[name].rows for name in landed if name in self.zone.undated}
        return {note: by_part for note, by_part in {DECLARED: declared, UNDATED: undated}.items() if by_part}

    def _refuse(self, table: Table, key: dt.date, reason: str, sources: Sources) -> Outcome:
        """Write an empty, refused partition for an input that cannot be read. The verdict holds the reason."""
        checks = {"input_is_readable": Verdict(False, True, TEXT(text=reason))}
        manifest = self._manifest(
            table, key, sources, content=digest(reason.encode()), rows=0, checks=checks,
            notes=self._landing_notes(table, sources),
        )  # fmt: skip
        self.lake.write(table, key, encode(pl.DataFrame(schema=table.schema)), {}, manifest)
        return Outcome(key, "refused", failed_as_reason(checks), manifest)

    def _manifest(self, table: Table, key: dt.date, sources: Sources, **known: Any) -> Manifest:
        return Manifest(
            table=table.name, key=str(key), version=self.version(table, key, sources), inputs=dict(sources.inputs),
            landing=dict(sources.landing), settings=self.settings_digest(table, key), code=self.code_digest(table),
            libraries=dict(self.libraries(table)),
            sections=self._section_digests(table, key), **known,
        )  # fmt: skip

    def version(self, table: Table, key: dt.date, sources: Sources) -> str:
        """The version of a partition that is made from these sources."""
        settings, code, used = self.settings_digest(table, key), self.code_digest(table), dict(self.libraries(table))
        made_from = [dict(sources.inputs), dict(sources.landing), settings, code, used]
        return digest(json.dumps(made_from, sort_keys=True).encode())


class _Outcomes:
    """The outcomes of a range of partitions, which are reported together."""

    def __init__(self, tables: Sequence[Table], count: int, report: Report):
        self._tables, self._count, self._report = tables, count, report
        self._all: dict[str, list[Outcome]] = {table.name: [] for table in tables}
        self._reported = dict.fromkeys(self._all, 0)
        self._last = time.monotonic()

    def add(self, table: Table, outcome: Outcome) -> None:
        """Add an outcome, and report if there are enough, if enough time has passed, or if it is the last one of its table."""
        own = self._all[table.name]
        own.append(outcome)
        waiting = len(own) - self._reported[table.name]
        if waiting >= REPORTED_TOGETHER or len(own) == self._count or time.monotonic() - self._last >= REPORT_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Report what was not reported yet, in the order of the tables, so that inputs come before what is made from them."""
        for table in self._tables:
            own, first = self._all[table.name], self._reported[table.name]
            self._reported[table.name] = len(own)
            if first < len(own):
                self._report(table, own[first:])
        self._last = time.monotonic()

    def by_table(self) -> dict[str, list[Outcome]]:
        """All outcomes by table, ordered by key."""
        return {name: sorted(own, key=lambda outcome: outcome.key) for name, own in self._all.items()}


def _changed_libraries(before: Mapping[str, str], present: Mapping[str, str]) -> Reason:
    """The reason why other versions of libraries make a partition stale."""
    if not before:
        return LIBRARIES_UNKNOWN()
    names = sorted(name for name in {*before, *present} if before.get(name) != present.get(name))
    return LIBRARIES_CHANGED(libraries=[f"{name} {before.get(name, '–')} → {present.get(name, '–')}" for name in names])


def _equal_files(name: str, one: bytes, other: bytes) -> bool:
    """Whether two side files have equal values. A record of the libraries that made a file (the key `libraries`) is not compared."""
    if one == other:
        return True
    if name.endswith(".parquet"):
        frames = [pl.read_parquet(data) for data in (one, other)]
        return frames[0].schema == frames[1].schema and frames[0].equals(frames[1])
    if name.endswith(".json"):
        left, right = (
            {**saved, "libraries": None} if isinstance(saved := json.loads(data), dict) else saved
            for data in (one, other)
        )
        return bool(left == right)
    return False


def _decisive(section: Any) -> Any:
    if isinstance(section, dict):
        return {name: one.decisive() for name, one in section.items()}
    return section.decisive() if section is not None else None


def _paths(value: str | Iterable[str] | None, built_in: Mapping[str, str]) -> list[str]:
    """The paths "module:name" that a setting holds, directly or by the short name of a built-in one. Other texts are no paths."""
    values = [value] if isinstance(value, str) else value or ()
    return [path for one in values if ":" in (path := built_in.get(one, one))]


def _mapping(value: Any) -> dict[str, Any]:
    """A value of a manifest where it is a mapping, as this version writes it; else an empty one."""
    return value if isinstance(value, dict) else {}


def _service_classes(table: Table) -> Iterator[str]:
    """The classes whose methods a make function may call on its partition, as "module:name"."""
    yield "resources.calendar:Calendar"
    yield "resources.code_changes:Change"
    if table.lands:
        yield "resources.landing:LandingView"
    if table.rules:
        yield "resources.rulebook:Rulebook"
