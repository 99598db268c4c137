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
import importlib
import io
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from resources.calendar import Calendar
from resources.code_changes import Change
from resources.code_digest import code_digest, libraries
from resources.errors import (
    InputError,
    MachineError,
    NotReadyError,
    SettingsError,
    describe_fault,
    is_machine_fault,
    machine_faults,
)
from resources.gate import Verdict, failed_as_reason, judge
from resources.gate_changes import CHANGED_GATES, changed_gates
from resources.issues import DECLARED, ISSUES, Issues, KeptIssue, collect_sources
from resources.lake import Lake, build_command, content_digest
from resources.landing import NOTHING, RENAMED, LandingZone
from resources.made import LEFT_OUT, Made
from resources.manifest import RECORD, Manifest
from resources.parquet import encode
from resources.partition import Declared, DeclaredFiles, Frames, Partition, Record
from resources.reasons import TEXT, Code, Reason, Reasons, as_reason, joined
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
NOTHING_LANDED = Code("nothing_landed", ("table", "partition"))
NO_EARLIER_PARTITION = Code("no_earlier_partition", ("table",))
INPUT_REFUSED = Code("input_refused", ("cause",))
CODES = ("code_changes", CHANGED_CODES)  # these alone are no data from which a day could be built

Result = TypeVar("Result")

Reads = Sequence[tuple[Table, list[dt.date]]]
"""The input tables of a partition, each with the partitions of it that are read."""


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


@dataclass(frozen=True)
class _Sources:
    """The digests of a partition's inputs and landing zone, taken before any of it was read."""

    inputs: dict[str, str]
    landing: dict[str, str]


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


@dataclass(frozen=True)
class _Prepared:
    """A partition that is made but not yet judged. part: its Parquet bytes, or the file that will become part.parquet."""

    key: dt.date
    part: bytes | Path
    rows: int
    made: Made
    unavailable: dict[str, Reason]
    sources: _Sources
    seconds: float


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
        say: Callable[[str], None] = lambda line: None,
    ):
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
        return key if table.partition == "day" else self.calendar.signal_day(key)

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
        report: Callable[[Table, Sequence[Outcome]], None] = lambda table, outcomes: None,
    ) -> list[Outcome]:
        """Build the stale ones among these partitions in order, or all of them with `force`.

        A partition that cannot be built does not stop the others. A partition that had to be renewed and could not be is withheld
        from its readers, so that nothing is made from an earlier state of its inputs. A partition is written as soon as it is made.

        Args:
            table: the table.
            keys: its partitions.
            force: build them although nothing changed.
            report: receives the outcomes, each once: at most REPORTED_TOGETHER at a time, and after REPORT_SECONDS what there is.

        Returns:
            One outcome per partition, ordered by key.

        Raises:
            LakeError: the lake belongs to another market, cannot be read or written, or holds damaged files.
            MachineError: the machine failed. The partitions made before are written; nothing of this one is.
        """
        with self.lake.writing(self.say):
            self.lake.claim(str(self.zone.root.resolve()))
            outcomes = self._build(table, list(keys), force, report)
            self._renew_log(table)
            self.zone.flush()
        return sorted(outcomes, key=lambda outcome: outcome.key)

    def _build(
        self, table: Table, keys: list[dt.date], force: bool, report: Callable[[Table, Sequence[Outcome]], None]
    ) -> list[Outcome]:
        outcomes: list[Outcome] = []
        reported, last = 0, time.monotonic()

        def flush() -> None:
            nonlocal reported, last
            if fresh := outcomes[reported:]:
                report(table, fresh)
            reported, last = len(outcomes), time.monotonic()

        with self.lake.store.scratch() as scratch:
            try:
                for key in keys:
                    if self._is_closed(table, key):
                        outcomes.append(Outcome(key, "blocked", NO_TRADING_DAY(partition=key), None))
                        continue
                    if force:
                        self.forced.add((table.name, key))
                    reason = self.stale(table, key)
                    if reason is None:
                        outcomes.append(self._up_to_date(table, key))
                        continue
                    if reason.code == DAMAGED.name:
                        self.say(f"{table.name} of {key} is {reason}; it is built again.")
                    self.forced.discard((table.name, key))
                    self.tried.add((table.name, key))
                    sources = _Sources(self._contents(table, key), self.landing_digests(table, key))
                    try:
                        outcomes.append(self._commit(table, self._prepare(table, key, sources, scratch)))
                    except (NotReadyError, SettingsError) as error:
                        reason = TEXT(text=str(error))
                        self.blocked[table.name, key] = reason
                        self.lake.set_outdated(table, key, reason)
                        outcomes.append(Outcome(key, "blocked", reason, None))
                    except InputError as error:
                        outcomes.append(self._refuse(table, key, str(error), sources))
                    if len(outcomes) - reported >= REPORTED_TOGETHER or time.monotonic() - last >= REPORT_SECONDS:
                        flush()
            finally:  # also what was made before the machine failed or the user interrupted
                flush()
        return outcomes

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
        sources = _Sources(self._contents(table, key), self.landing_digests(table, key))
        with self.lake.store.scratch() as scratch:
            one = self._prepare(table, key, sources, scratch)
            made = self._judged(table, one)
            old = self.lake.manifest(table, key)
            if old is not None and made.content != old.content and self._equals(table, one, old):
                return dataclasses.replace(made, content=old.content)
            return made

    def _equals(self, table: Table, one: _Prepared, old: Manifest) -> bool:
        """Whether a partition has the same rows, values in side files and reasons as the one in the lake."""
        names = sorted(one.made.files)
        if names != sorted(old.files) or one.unavailable != old.unavailable or one.rows != old.rows:
            return False
        files = ((name, one.made.files[name], self.lake.read_file(table, one.key, name)) for name in names)
        if not all(_equal_files(*own) for own in files):
            return False
        new = pl.scan_parquet(one.part if isinstance(one.part, Path) else io.BytesIO(one.part))
        if one.rows == 0:
            return True
        present = self.lake.read(table, [one.key])
        return new.collect_schema() == present.collect_schema() and all(
            new.slice(first, COMPARED_ROWS).collect().equals(present.slice(first, COMPARED_ROWS).collect())
            for first in range(0, one.rows, COMPARED_ROWS)
        )

    def adopt(self, table: Table, key: dt.date, proof: Mapping[str, Any]) -> None:
        """Mark a partition that is stale by its code alone as built by the present code, and record `proof` in its manifest."""
        manifest = self.lake.require(table, key)
        sources = _Sources(dict(manifest.inputs), dict(manifest.landing))
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
                version=self._version(table, key, sources),
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

    def _prepare(self, table: Table, key: dt.date, sources: _Sources, scratch: Path) -> _Prepared:
        began = time.perf_counter()
        try:
            prepared = self._made(table, key, sources, scratch, began)
        except MachineError:
            raise
        except InputError:
            self._require_settled(table, key, sources)  # a file that is still being copied is not refused
            raise
        except Exception as error:
            # A stage turns every error that a delivery can cause into an InputError. Another OSError comes from the machine.
            if not is_machine_fault(error) and not isinstance(error, OSError):
                raise
            raise MachineError(
                f"{table.name} of {key} could not be made: {describe_fault(error)}. The machine failed, which says nothing "
                "about the data, so nothing was recorded. Correct the cause (rights, space, memory, network) and run again."
            ) from error
        self._require_settled(table, key, sources)
        return prepared

    def _require_settled(self, table: Table, key: dt.date, sources: _Sources) -> None:
        """Raise NotReadyError where the landing zone changed while it was read: the figures would belong to no state of it."""
        try:
            now = self.landing_digests(table, key)
        except InputError:  # the table could be read when its first digest was taken
            now = {}
        if changed := [name for name in {**sources.landing, **now} if sources.landing.get(name) != now.get(name)]:
            raise NotReadyError(
                f"{table.name} of {key} is still arriving: {', '.join(changed)} in {self.zone.root} changed while it was read, so "
                "nothing was made from it. Run again when the copy is complete."
            )

    def _made(self, table: Table, key: dt.date, sources: _Sources, scratch: Path, began: float) -> _Prepared:
        frames: dict[str, pl.LazyFrame] = {}
        known: dict[str, dict[str, Reason]] = {}
        reads = list(self.reads(table, key))
        self._require_all(table, key, reads)
        for upstream, keys in reads:
            built = [k for k in keys if not self.is_absent(upstream, k)]
            frames[upstream.name] = self._read(upstream, built, self.signal_day(table, key), f"{table.name} of {key}")
            known[upstream.name] = self._unavailable(upstream, keys)
        try:
            version = self._version(table, key, sources)
            partition = self._partition(table, key, reads, known, scratch / str(key), version)
            made = _function(table.make)(
                frames=Frames(frames, table.name), partition=partition, settings=self.section(table)
            )
            if not isinstance(made, Made):
                raise TypeError(f"{table.make} returned {type(made).__name__}. It must return Made(frame).")
        except (pl.exceptions.PolarsError, OSError, NotReadyError, InputError):
            # Whatever the inputs' files cause is no verdict on the data: damaged ones are built again.
            self.lake.verify(folder for folder in sources.inputs if folder != RECORD)
            for upstream, keys in reads:
                for k in keys:
                    if self.lake.damage(upstream, k):
                        self.lake.require(upstream, k, f"{table.name} of {key}")
            raise
        self._require_unchanged(table, key, reads)
        if isinstance(made.frame, Path):
            part: bytes | Path = _conforming_file(table, made)
            rows = pl.scan_parquet(made.frame).select(pl.len()).collect().item()
            unavailable = _unavailable_columns(table, pl.scan_parquet(made.frame), known, made.unavailable)
        else:
            frame = _conform(table, made.frame)
            unavailable = _unavailable_columns(table, frame.lazy(), known, made.unavailable)
            part, rows = encode(frame), frame.height
            made = made if made.profile is not None else _with_profile(made, frame)
        return _Prepared(key, part, rows, made, unavailable, sources, time.perf_counter() - began)

    def _require_unchanged(self, table: Table, key: dt.date, reads: Reads) -> None:
        """Raise NotReadyError where the files of an input changed while they were read: the figures would belong to no state of it."""
        for upstream, keys in reads:
            for k in keys:
                if not self.is_absent(upstream, k):
                    self.lake.require(upstream, k, f"{table.name} of {key}")

    def _read(self, upstream: Table, keys: list[dt.date], day: dt.date, reader: str) -> pl.LazyFrame:
        """The partitions in order, with symbols renamed to the codes of `day` (resources/code_changes.py)."""
        changes = self.zone.code_changes()
        runs = itertools.groupby(keys, lambda k: changes.renames(self.signal_day(upstream, k), day))
        frames = [renames.apply(self.lake.read(upstream, run, reader=reader)) for renames, run in runs]
        return pl.concat(frames) if len(frames) > 1 else frames[0] if frames else self.lake.read(upstream, [], reader)

    def _require_all(self, table: Table, key: dt.date, reads: Reads) -> None:
        """Raise one NotReadyError that names all missing inputs, where two or more are not built."""
        unbuilt: dict[dt.date, list[str]] = {}
        for upstream, keys in reads:
            for k in keys:
                if not self.is_absent(upstream, k) and self.lake.manifest(upstream, k) is None:
                    unbuilt.setdefault(k, []).append(upstream.name)
        if sum(map(len, unbuilt.values())) < 2:
            return  # the lake's own error names the one
        wanted = [f"{', '.join(names)} of {k}" for k, names in sorted(unbuilt.items())]
        more = f"; and so for {len(wanted) - _LISTED} more" if len(wanted) > _LISTED else ""
        raise NotReadyError(
            f"{table.name} of {key} needs {'; '.join(wanted[:_LISTED])}{more}, which are not built. Build them with it: "
            f"{build_command(table.name, key)}"
        )

    def _partition(
        self, table: Table, key: dt.date, reads: Reads, known: Reasons, scratch: Path, version: str
    ) -> Partition:
        """The `Partition` for the make function, with the services of every table and those that this table declares."""
        day = self.signal_day(table, key)
        services: dict[str, Callable[[], Any]] = {
            "calendar": lambda: self.calendar,
            "mergers": lambda: self._mergers(table, key),
            "scratch": lambda: _folder(scratch),
            "work": lambda: self.lake.store.work(f"{table.name}/{key}-{version}"),
        }
        if table.lands:
            services["landing"] = lambda: self.zone.view(day, table.lands)
        if table.rules:
            services["rules"] = lambda: self.rulebook(table, key)
        if table.reads_start:
            services["start"] = lambda: self.start
        if table.reads_record:
            services["record"] = lambda: Record(
                self._verdicts(key), self._left_out(key), self._run_settings(table, key)
            )
        return Partition(
            table=table.name,
            date=day,
            monday=key if table.partition == "week" else None,
            unavailable=Declared(known, table.name),
            files=self._files(table, key, reads),
            progress=self.say,
            services=services,
        )

    def _files(self, table: Table, key: dt.date, reads: Reads) -> DeclaredFiles:
        """The reader of the side files of a partition's inputs, with symbols renamed to the codes of its day."""
        reader, day = f"{table.name} of {key}", self.signal_day(table, key)

        def read(name: str, partition: dt.date, file: str) -> bytes:
            upstream = self.tables[name]
            data = self.lake.read_file(upstream, partition, file, reader=reader)
            renames = self.zone.code_changes().renames(self.signal_day(upstream, partition), day)
            if renames and file.endswith(".parquet"):
                data = encode(renames.apply(pl.read_parquet(data)))
            return data

        allowed = {(upstream.name, k) for upstream, keys in reads for k in keys}
        return DeclaredFiles(reader, read, frozenset(allowed))

    def _unavailable(self, table: Table, keys: Iterable[dt.date]) -> dict[str, Reason]:
        """The reasons by column or item for everything that is unavailable in all of these partitions."""
        reasons = [
            manifest.unavailable
            if (manifest := self.lake.manifest(table, key)) is not None
            else dict.fromkeys(table.schema, NOTHING_LANDED(table=table.name, partition=key))
            for key in keys
        ]
        if not reasons:
            return dict.fromkeys(table.schema, NO_EARLIER_PARTITION(table=table.name))
        return {column: reason for column, reason in reasons[-1].items() if all(column in one for one in reasons)}

    def _recorded(self, last: dt.date) -> Iterator[tuple[Table, dt.date, Manifest]]:
        """The partitions of every table up to a day with their manifests, but for tables that read the record."""
        for table in self.tables.values():
            if not table.reads_record:
                for key in self.lake.keys(table):
                    if (
                        self._first_key(table) <= key <= last
                        and (manifest := self.lake.manifest(table, key)) is not None
                    ):
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
        return pl.DataFrame(rows, schema=schema, orient="row").sort("table", "partition", "check")

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

    def _publish(self, table: Table, one: _Prepared, manifest: Manifest) -> None:
        """Keep an issue before it becomes the partition. One that an earlier version of this code published is kept first."""
        issues = Issues(self.lake.store, table.name)
        before = self.lake.whole(table, one.key)
        if before is not None and before[0].content != manifest.content and not issues.of(one.key):
            self._issue(table, issues.publish(one.key, before[1], before[2], before[0], None))
        part = one.part.read_bytes() if isinstance(one.part, Path) else one.part
        sources = self._sources(table, one.key, manifest)
        self._issue(table, issues.publish(one.key, part, one.made.files, manifest, sources))

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
        for name, data in _function(table.log)(Issues(store, table.name), self.section(table)).items():
            if store.read_bytes(f"{ISSUES}/{name}") != data:
                store.write_bytes(f"{ISSUES}/{name}", data)

    def _commit(self, table: Table, one: _Prepared) -> Outcome:
        """Judge a partition and write it: data first, the manifest last."""
        manifest = self._judged(table, one)
        if table.log is not None and not manifest.refusals:
            self._publish(table, one, manifest)
        self.lake.write(table, one.key, one.part, dict(one.made.files), manifest)
        self.lake.store.end_work(f"{table.name}/{one.key}-*")
        self.blocked.pop((table.name, one.key), None)
        failed = failed_as_reason(manifest.refusals)
        return Outcome(one.key, "refused" if failed else "built", failed, manifest)

    def _judged(self, table: Table, one: _Prepared) -> Manifest:
        """The manifest of a partition, with the gate's verdicts."""
        if one.made.profile is None:
            raise TypeError(f"{table.make} returned a file without a profile, which the gate judges.")
        checks = judge(table.checks, {one.key: one.made.profile}, {one.key: one.unavailable})[one.key]
        return self._manifest(
            table, one.key, one.sources, content=content_digest(one.part, one.made.files, one.unavailable), rows=one.rows,
            files={name: digest(data) for name, data in sorted(one.made.files.items())}, checks=checks,
            unavailable=one.unavailable, notes=self._notes(table, one), seconds=round(one.seconds, 3),
        )  # fmt: skip

    def _notes(self, table: Table, one: _Prepared) -> dict[str, Any]:
        """The stage's own notes, `_landing_notes`, and the changed checks."""
        gates = {CHANGED_GATES: changed} if (changed := changed_gates(table)) else {}
        return {**one.made.notes, **self._landing_notes(table, one.sources), **gates}

    def _landing_notes(self, table: Table, sources: _Sources) -> dict[str, Any]:
        """The notes on the landing zone: the declarations of the parts that were read, and their numbers of rows without a date."""
        landed = [land.name for land in table.lands if sources.landing.get(land.name, NOTHING) != NOTHING]
        declared = {name: values for name in landed if (values := self.zone.declared(name))}
        undated = {name: self.zone.undated[name].rows for name in landed if name in self.zone.undated}
        return {note: by_part for note, by_part in {DECLARED: declared, UNDATED: undated}.items() if by_part}

    def _refuse(self, table: Table, key: dt.date, reason: str, sources: _Sources) -> Outcome:
        """Write an empty, refused partition for an input that cannot be read. The verdict holds the reason."""
        checks = {"input_is_readable": Verdict(False, True, TEXT(text=reason))}
        manifest = self._manifest(
            table, key, sources, content=digest(reason.encode()), rows=0, checks=checks,
            notes=self._landing_notes(table, sources),
        )  # fmt: skip
        self.lake.write(table, key, encode(pl.DataFrame(schema=table.schema)), {}, manifest)
        return Outcome(key, "refused", failed_as_reason(checks), manifest)

    def _manifest(self, table: Table, key: dt.date, sources: _Sources, **known: Any) -> Manifest:
        return Manifest(
            table=table.name, key=str(key), version=self._version(table, key, sources), inputs=sources.inputs,
            landing=sources.landing, settings=self.settings_digest(table, key), code=self.code_digest(table),
            libraries=dict(self.libraries(table)),
            sections=self._section_digests(table, key), **known,
        )  # fmt: skip

    def _version(self, table: Table, key: dt.date, sources: _Sources) -> str:
        settings, code, used = self.settings_digest(table, key), self.code_digest(table), dict(self.libraries(table))
        made_from = [sources.inputs, sources.landing, settings, code, used]
        return digest(json.dumps(made_from, sort_keys=True).encode())


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


def _function(make: str) -> Callable[..., Any]:
    module, name = make.split(":")
    return getattr(importlib.import_module(module), name)


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _with_profile(made: Made, frame: pl.DataFrame) -> Made:
    return Made(frame, frame, made.files, made.unavailable, made.notes)


def _conform(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Cast the frame to the table's schema and sort it. A missing or additional column is an error in the stage's code."""
    if set(frame.columns) != set(table.schema):
        missing = sorted(set(table.schema) - set(frame.columns))
        extra = sorted(set(frame.columns) - set(table.schema))
        raise ValueError(
            f"{table.make} returned columns that differ from the schema of {table.name}: missing {missing}, additional {extra}"
        )
    frame = frame.select(pl.col(name).cast(dtype) for name, dtype in table.schema.items())
    return frame.sort(table.sort, maintain_order=True, nulls_last=True) if table.sort else frame


def _conforming_file(table: Table, made: Made) -> Path:
    """Check that the file has the table's schema and comes with a profile. Anything else is an error in the stage's code."""
    assert isinstance(made.frame, Path)
    if made.profile is None:
        raise ValueError(f"{table.make} returned a file without the profile that the checks of {table.name} need")
    written, wanted = dict(pl.read_parquet_schema(made.frame)), dict(pl.Schema(table.schema))
    if list(written.items()) != list(wanted.items()):
        raise ValueError(f"{table.make} wrote the columns {written}; the schema of {table.name} is {wanted}")
    return made.frame


def _unavailable_columns(
    table: Table, frame: pl.LazyFrame, known: Reasons, own: Mapping[str, Reason | str]
) -> dict[str, Reason]:
    """The reasons for n/a: those of the stage, and those of inputs for columns and items that are entirely null."""
    reasons = {name: as_reason(reason) for name, reason in own.items()}
    for name in _void(table, frame, [name for name in table.needs if name not in reasons]):
        for source in table.needs[name]:
            upstream, column = source.split(".", 1)
            if reason := known.get(upstream, {}).get(column):
                reasons[name] = reason
                break
    return reasons


def _void(table: Table, frame: pl.LazyFrame, names: list[str]) -> list[str]:
    """The columns that are null in every row, or the items without a single non-null value."""
    if table.items is None:
        any_known = frame.select(pl.col(names).is_not_null().any()).collect()
        return [name for name in names if not any_known[name].item()]
    measured = [c for c, dtype in table.schema.items() if c != table.items and dtype.is_float()]
    known = frame.filter(pl.any_horizontal(pl.col(measured).is_not_null())).select(pl.col(table.items).unique())
    with_values = set(known.collect()[table.items])
    return [name for name in names if name not in with_values]
