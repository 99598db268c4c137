"""The driver behind `make report`, the sensors and backfills. It plans, then builds ranges of days, ranges of weeks and the report.

    python -m orchestration.run [--week 2015-07-20] [--profile sample] [--market DIR] [--lake DIR] [--plan]
    python -m orchestration.run --day 2023-02-01                          build all daily tables of one day
    python -m orchestration.run --table minute_bars --date 2023-02-01     build one partition and everything upstream of it
    python -m orchestration.run … --force                                 build the named partition although nothing changed
    python -m orchestration.run … --plan                                  print what would be built and why, and build nothing
    python -m orchestration.run … --plan --cost [--teraflops 20]          print the hours, bytes and operations of what would be built
    python -m orchestration.run --refused [--table minute_bars]           list the refused partitions with reason and remedy
    python -m orchestration.run --adopt all [--sample 10]                 after an upgrade: keep what the new code builds equally
    python -m orchestration.run --verify [--table minute_bars]            read all files of the lake and list the damaged partitions
    python -m orchestration.run --restatements [--week 2015-07-20]        list which published figures were restated, when and why

Where nothing is stale, no Dagster run is started. The exit code is 0 after a success and 1 after an error, whose reason is printed, and
128 plus the signal's number after SIGINT or SIGTERM.
"""

import argparse
import collections
import contextlib
import datetime as dt
import itertools
import resource
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from orchestration.adopt import SAMPLE, adopt
from orchestration.cost import describe_costs, estimate
from orchestration.findings import describe_refusals, describe_remarks, describe_warnings, failed_checks
from orchestration.interrupts import Interrupted, interruptible, reader_has_ended
from orchestration.plan import (
    Plan,
    Step,
    beyond_calendar,
    last_complete_week,
    make_plan,
    require_complete_week,
    require_history,
)
from orchestration.platform import Names, add_names, open_builder
from orchestration.restatements import describe_restatements, keep_issues
from resources.builder import Builder
from resources.errors import NotReadyError, SettingsError, ZhoubaoError, describe_fault, is_machine_fault
from resources.gate import own_failures
from resources.issues import Issues
from resources.rulebook import describe_idle_rules
from resources.settings.load import Profile
from resources.stale import DAMAGED, REFUSED_BEFORE
from resources.table import Table

if TYPE_CHECKING:
    import dagster as dg

    from orchestration.recorder import Recorder

# Largest numbers of partitions that are built of one table before the next table follows.
RANGE_DAYS = 20
RANGE_WEEKS = 13
PROGRESS_SECONDS = 5.0
_LISTED = 10  # partitions that an error names
_CAUSES = 5  # failed checks that an error counts, the commonest first

Costs = Callable[[Plan], Iterator[str]]
"""Describes the costs of a plan in lines."""


def run_report(
    *,
    week: str | None = None,
    names: Names | None = None,
    profile: Profile | None = None,
    instance: Any | None = None,
    run: "dg.OpExecutionContext | None" = None,
    say: Callable[[str], None] = print,
    force: bool = False,
) -> str:
    """Build a week's report and everything upstream of it that is stale.

    Args:
        week: the Monday, as 2015-07-20; by default that of the last complete week.
        names: market, lake and settings; by default those of the environment.
        profile: a loaded profile in place of the named settings.
        instance: the Dagster instance that records the run; by default the one of DAGSTER_HOME, or an ephemeral one.
        run: the context of a Dagster run that has begun, in place of a run of its own.
        say: receives progress lines and warnings.
        force: build the report itself again although nothing changed.

    Returns:
        The path of report.html.

    Raises:
        SettingsError: `week` is no Monday, or a setting contradicts the data or the calendar.
        NotReadyError: the week is incomplete, or a partition that the report needs could not be built.
        LakeError: the lake belongs to another market or cannot be used, or another process writes it.
        MachineError: the machine failed.
    """
    builder = open_builder(names or Names.of(), profile=profile, say=_RateLimited(say))
    monday = parse_week(week) if week else _newest_week(builder)
    require_complete_week(builder, monday)
    if warning := builder.calendar.warning(builder.zone.days()[-1], builder.settings.calendar.warn_days):
        say(warning)
    _report_idle_rules(builder, builder.calendar.signal_day(monday), say)
    require_history(builder, monday)
    if force:
        builder.forced.add(("report", monday))
    report = builder.tables["report"]
    folder = builder.lake.folder(report, monday)
    builder.lake.verify([folder])  # they are handed over even if nothing is built
    _build_on(builder, everything_for(builder, monday), instance, run, say)
    builder.lake.require(report, monday)
    return builder.lake.store.path(f"{folder}/report.html")


def run_day(
    day: str,
    *,
    names: Names | None = None,
    profile: Profile | None = None,
    instance: Any | None = None,
    run: "dg.OpExecutionContext | None" = None,
    say: Callable[[str], None] = print,
) -> None:
    """Build all daily tables of a trading day and everything upstream of them that is stale.

    Args:
        day: the trading day, as 2023-02-01.
        names: market, lake and settings; by default those of the environment.
        profile: a loaded profile in place of the named settings.
        instance: the Dagster instance that records the run; by default the one of DAGSTER_HOME, or an ephemeral one.
        run: the context of a Dagster run that has begun, in place of a run of its own.
        say: receives progress lines and warnings.

    Raises:
        SettingsError: the text is no trading day.
        NotReadyError: a table of the day could not be built.
        LakeError: the lake belongs to another market, or cannot be used.
        MachineError: the machine failed.
    """
    builder = open_builder(names or Names.of(), profile=profile, say=_RateLimited(say))
    key = parse_date(f"The day {day}", day)
    if not builder.calendar.is_trading_day(key):
        raise SettingsError(f"The day {day} is no trading day of the XSHG calendar. Name a trading day.")
    requested = [(table.name, key) for table in builder.tables.values() if table.partition == "day"]
    _build_on(builder, requested, instance, run, say, targets=len(requested))


def _build_on(
    builder: Builder,
    requested: list[tuple[str, dt.date]],
    instance: Any | None,
    run: "dg.OpExecutionContext | None",
    say: Callable[[str], None],
    targets: int = 1,
) -> None:
    """Build on the Dagster run that has begun, or on one of its own."""
    with contextlib.ExitStack() as stack:
        recorder = None
        if run is not None:
            from orchestration.recorder import recorder_of

            recorder = stack.enter_context(recorder_of(builder, run))
        build(builder, requested, instance=instance, recorder=recorder, say=say, targets=targets)


def build_partition(
    table: str,
    date: str,
    *,
    names: Names | None = None,
    instance: Any | None = None,
    say: Callable[[str], None] = print,
    force: bool = False,
) -> str:
    """Build one partition and everything upstream of it that is stale.

    Args:
        table: the table's name.
        date: a trading day, as 2023-02-01; for a week table any day of the week.
        names: market, lake and settings; by default those of the environment.
        instance: the Dagster instance that records the run; by default the one of DAGSTER_HOME, or an ephemeral one.
        say: receives progress lines and warnings.
        force: build the partition itself again although nothing changed.

    Returns:
        The path of the partition's folder.

    Raises:
        SettingsError: there is no such table, or the date is no trading day.
        NotReadyError: the week is incomplete, or the partition could not be built.
        LakeError: the lake belongs to another market or cannot be used, or another process writes it.
        MachineError: the machine failed.
    """
    builder = open_builder(names or Names.of(), say=_RateLimited(say))
    wanted, key = _named_partition(builder, table, date)
    _report_idle_rules(builder, builder.signal_day(wanted, key), say)
    if force:
        builder.forced.add((table, key))
    build(builder, [(table, key)], instance=instance, say=say)
    builder.lake.require(wanted, key)
    return builder.lake.store.path(builder.lake.folder(wanted, key))


def _report_idle_rules(builder: Builder, day: dt.date, say: Callable[[str], None]) -> None:
    settings = builder.settings
    for line in describe_idle_rules(settings.rulebook, day, settings.portfolios.execution.dated_fees):
        say(line)


def _named_partition(builder: Builder, table: str, date: str) -> tuple[Table, dt.date]:
    """The table and partition that --table and --date name."""
    wanted = _named_table(builder, table)
    key = parse_date(f"--date {date}", date)
    if wanted.partition == "week":
        key = builder.calendar.week_of(key)
        require_complete_week(builder, key)
    elif not builder.calendar.is_trading_day(key):
        raise SettingsError(f"--date {date} is no trading day of the XSHG calendar. Name a trading day.")
    return wanted, key


def _named_table(builder: Builder, table: str, option: str = "--table") -> Table:
    if table not in builder.tables:
        raise SettingsError(
            f"{option} {table}: there is no table of that name. The tables are {', '.join(builder.tables)}."
        )
    return builder.tables[table]


def everything_for(builder: Builder, week: dt.date) -> list[tuple[str, dt.date]]:
    """List the partitions that a run for the week's report requests; the report is the last of them.

    They include every day table on every trading day of the history up to the signal day, because researchers read factors and
    features on all days and not only on those that a report uses.
    """
    days = builder.calendar.days(builder.start, builder.calendar.signal_day(week))
    starts = {table.name: builder.start_of(table) for table in builder.tables.values() if table.partition == "day"}
    requested = [(name, day) for name, start in starts.items() for day in days if day >= start]
    return [*requested, ("report", week)]


def build(
    builder: Builder,
    requested: list[tuple[str, dt.date]],
    *,
    instance: Any | None = None,
    recorder: "Recorder | None" = None,
    say: Callable[[str], None] = print,
    targets: int = 1,
) -> Plan:
    """Plan the requested partitions, then build ranges of days and ranges of weeks, in one Dagster run.

    No other process writes the lake meanwhile (resources/lease.py). The Dagster run fails if the target cannot be built. If other partitions are refused, a second run, `refusals`, records them.
    Each check that failed without refusing, and each table with rows without a readable date, is one warning at the end.

    Args:
        builder: the open platform.
        requested: table names with partition keys. The last ones are the targets of the run.
        instance: the Dagster instance that records the run; by default the one of DAGSTER_HOME, or an ephemeral one.
        recorder: the recorder of a Dagster run that has begun, in place of a run of its own.
        say: receives progress lines and warnings.
        targets: the number of targets.

    Returns:
        The plan that was carried out.

    Raises:
        NotReadyError: the target could not be built. The warnings are the notes of the error.
        MachineError: the machine failed.
        LakeError: the lake belongs to another market or cannot be used, or another process writes it.
    """
    with builder.lake.writing(say, kind="run") as replaced, builder.engine:
        plan = _planned(builder, requested, say)
        if recorder is not None:
            return _carry_out(builder, plan, requested, targets, recorder, say)
        # The Dagster run of a process that was killed is closed by the next one, also if it had built everything.
        if not plan and not replaced:
            return _conclude(builder, plan, [], requested[-targets:], say)
        return _carry_out_recorded(builder, plan, requested, targets, instance, say)


def _planned(builder: Builder, requested: list[tuple[str, dt.date]], say: Callable[[str], None]) -> Plan:
    began = time.perf_counter()
    builder.tried.clear()
    builder.blocked.clear()
    plan = make_plan(builder, requested)
    say(
        f"{_counted(plan.examined, 'partition')} examined in {time.perf_counter() - began:.1f} s: {len(plan.steps)} to build"
    )
    return plan


def _carry_out_recorded(
    builder: Builder,
    plan: Plan,
    requested: list[tuple[str, dt.date]],
    targets: int,
    instance: Any | None,
    say: Callable[[str], None],
) -> Plan:
    """Carry out a plan on a Dagster run of its own."""
    from orchestration.recorder import run_recorded

    name, key = requested[-1]
    tags = {"zhoubao/target": name, "zhoubao/partition": str(key)} | ({"day": str(key)} if targets > 1 else {})
    return run_recorded(
        builder, instance, tags, lambda recorder: _carry_out(builder, plan, requested, targets, recorder, say)
    )


def _carry_out(
    builder: Builder,
    plan: Plan,
    requested: list[tuple[str, dt.date]],
    targets: int,
    recorder: "Recorder",
    say: Callable[[str], None],
) -> Plan:
    """Carry out a plan and those that follow from it, and return what was carried out in all."""
    done: list[Step] = []
    while plan:
        for (table, reason), count in plan.reasons().items():
            say(f"  {table:<20} {count:>5}  {reason}")
        for line in _describe_damages(plan):
            say(line)
        before = len(builder.tried)
        _carry_out_once(builder, plan, recorder, say)
        done += plan.steps
        # A partition that was refused before and is no longer refused unblocks those made from it. No partition is tried twice.
        plan = make_plan(builder, requested, builder.tried)
        if len(builder.tried) == before:
            break
    carried_out = _conclude(builder, plan, done, requested[-targets:], say)
    recorder.record_refusals()
    return carried_out


def _carry_out_once(builder: Builder, plan: Plan, recorder: "Recorder", say: Callable[[str], None]) -> None:
    progress = _Progress(plan, say, _last_seconds(builder, plan))
    # A partition that was refused before is shown as failed already, and stays so until it is built.
    recorder.plan((step.table, step.key) for step in plan.steps if step.reason.code != REFUSED_BEFORE.name)
    for names, keys in _ranges(plan):
        started = time.perf_counter()
        builder.build_range([builder.tables[name] for name in names], keys, report=recorder.record)
        shares = {
            name: sum(m.seconds for key in keys if (m := builder.lake.manifest(builder.tables[name], key)) is not None)
            for name in names
        }
        progress.advance(names, keys, time.perf_counter() - started, shares)


def _conclude(
    builder: Builder,
    plan: Plan,
    done: list[Step],
    targets: list[tuple[str, dt.date]],
    say: Callable[[str], None],
) -> Plan:
    """Report the findings of a run, and raise the error with the reasons where one of its targets could not be built."""
    built = [(step.table, step.key) for step in done if (step.table.name, step.key) in builder.tried]
    findings = failed_checks(builder, built)
    if refusal := _refusal(builder, plan, targets):
        # The report itself lists failed plausibility checks.
        if builder.tables[targets[-1][0]].reads_record:
            findings = [one for one in findings if not one.plausibility]
        for line in (*describe_remarks(builder), *describe_warnings(builder, findings)):
            refusal.add_note(line)
        raise refusal
    # The target needs none of the partitions refused here: days before its windows, or tables that it does not read.
    for line in describe_refusals(builder, findings):
        say(f"refused: {line}")
    for line in (*describe_remarks(builder), *describe_warnings(builder, findings), *keep_issues(builder, targets)):
        say(line)
    return Plan(tuple(done), plan.blocked, plan.examined)


def _describe_damages(plan: Plan) -> Iterator[str]:
    """One line per table and cause that names the damaged partitions of a plan."""
    damaged: dict[tuple[str, Any], list[dt.date]] = {}
    for step in plan.steps:
        if step.reason.code == DAMAGED.name:
            damaged.setdefault((step.table.name, step.reason.parameters["cause"]), []).append(step.key)
    for (table, cause), keys in damaged.items():
        listed = ", ".join(map(str, keys[:_LISTED])) + (
            f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
        )
        yield f"damaged: {table} of {listed}: {cause}. {'They are' if len(keys) > 1 else 'It is'} built again."


def _newest_week(builder: Builder) -> dt.date:
    """The Monday of the last complete week.

    Raises:
        SettingsError: data has landed for days after the end of the known calendar.
        NotReadyError: no week is complete.
    """
    if unknown := beyond_calendar(builder):
        raise SettingsError(unknown)
    return last_complete_week(builder)


def parse_week(text: str) -> dt.date:
    """Parse the Monday of a week, as 2015-07-20.

    Raises:
        SettingsError: the text is no date.
    """
    return parse_date(f"WEEK={text}", text)


def parse_date(argument: str, text: str) -> dt.date:
    """Parse a date, as 2015-07-20. `argument` is the user's argument in full, for the message.

    Raises:
        SettingsError: the text is no date.
    """
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{argument} is no date. Write it as 2015-07-20 (a week by its Monday).") from None


def _refusal(builder: Builder, plan: Plan, targets: list[tuple[str, dt.date]]) -> NotReadyError | None:
    """The error with the reasons why one of the run's targets cannot be built; None where all were built.

    The checks that refused its inputs come first, in the order in which the data flows, then the other causes.
    """
    wanted = set(targets)
    left = [step for step in (*plan.blocked, *plan.steps) if (step.table.name, step.key) in wanted]
    if not left:
        return None
    more = f" and {_counted(len(left) - 1, 'other partition')}" if len(left) > 1 else ""
    summary = f"{left[0].table.name} of {left[0].key}{more} cannot be built"
    roots = [step for step in plan.blocked if step.root]
    own = [step for step in roots if (one := builder.lake.manifest(step.table, step.key)) is not None and one.refusals]
    findings = [one for one in failed_checks(builder, [(step.table, step.key) for step in own]) if one.refuses]
    if own:
        failed = collections.Counter({f"{one.table.name}: {one.check}": len(one.keys) for one in findings})
        counts = "; ".join(f"{count} of {name}" for name, count in failed.most_common(_CAUSES))
        summary += f": a gate refused {_counted(len(own), 'partition')} it is made from ({counts})"
    rest = [step for step in roots if step not in own] or ([] if own else left)
    causes = [
        *describe_refusals(builder, findings),
        *(f"{step.table.name} of {step.key}: {step.reason}" for step in rest),
    ]
    more = f"\n  and {len(causes) - _LISTED} more" if len(causes) > _LISTED else ""
    if any(len(one.keys) > 1 for one in findings):
        more += (
            "\nThis command lists every refused partition with its reasons: "
            f"{_command(str(builder.zone.root), builder.lake.store.url)} --refused"
        )
    return NotReadyError(f"{summary}:\n  " + "\n  ".join(causes[:_LISTED]) + more)


def _ranges(plan: Plan) -> Iterator[tuple[list[str], list[dt.date]]]:
    """Split a plan into ranges of partitions that need the same tables, days first."""
    for partition, longest in (("day", RANGE_DAYS), ("week", RANGE_WEEKS)):
        wanted: dict[dt.date, list[str]] = {}
        for step in plan.steps:
            if step.table.partition == partition:
                wanted.setdefault(step.key, []).append(step.table.name)
        for names, group in itertools.groupby(sorted(wanted), key=lambda key: tuple(wanted[key])):
            keys = list(group)
            for first in range(0, len(keys), longest):
                yield list(names), keys[first : first + longest]


def _last_seconds(builder: Builder, plan: Plan) -> dict[str, float]:
    """The build time in seconds of the newest partition in the lake, for each table of a plan that has one."""
    found = {}
    for table in {step.table.name: step.table for step in plan.steps}.values():
        keys = builder.lake.keys(table)
        if keys and (manifest := builder.lake.manifest(table, max(keys))) is not None:
            found[table.name] = manifest.seconds
    return found


class _Progress:
    """Reports one line per range of partitions with the estimated time left.

    The estimate uses the seconds per partition that each table has taken so far, or that it took when it was last built. The line
    names up to three tables without either figure, and counts more of them.
    """

    def __init__(self, plan: Plan, say: Callable[[str], None], before: Mapping[str, float]):
        self._left = collections.Counter(step.table.name for step in plan.steps)
        self._total = len(plan.steps)
        self._before = before
        self._spent: dict[str, tuple[float, int]] = {}
        self._began = time.perf_counter()
        self._say = say

    def advance(self, tables: list[str], keys: list[dt.date], seconds: float, shares: Mapping[str, float]) -> None:
        for name in tables:
            self._left[name] -= len(keys)
            spent, count = self._spent.get(name, (0.0, 0))
            self._spent[name] = (spent + shares.get(name, 0.0), count + len(keys))
        measured = sum(spent for spent, _ in self._spent.values())
        overhead = (time.perf_counter() - self._began) / measured if measured else 1.0
        each = {**self._before, **{name: spent / count for name, (spent, count) in self._spent.items()}}
        left = sum(count * each.get(name, 0.0) for name, count in self._left.items())
        unknown = [name for name, count in self._left.items() if count and name not in each]
        named = ", ".join(unknown) if len(unknown) < 4 else f"{len(unknown)} tables"
        more = f", without {named} of unknown duration" if unknown else ""
        done = 1 - sum(self._left.values()) / self._total
        span = f"{keys[0]} … {keys[-1]}" if len(keys) > 1 else f"{keys[0]}"
        self._say(
            f"[{done:4.0%}] {span}: {', '.join(tables) if len(tables) < 4 else f'{len(tables)} tables'}, {seconds:.1f} s, "
            f"about {_clock(left * overhead)} left{more}"
        )


class _RateLimited:
    """Limits progress lines to one in `PROGRESS_SECONDS`; the others are dropped."""

    def __init__(self, say: Callable[[str], None]):
        self._say = say
        self._last = time.monotonic()

    def __call__(self, line: str) -> None:
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            self._last = time.monotonic()
            self._say(f"       {line}")


def _command(market: str, lake: str) -> str:
    """The driver's command line with this market and this lake."""
    return shlex.join(["python", "-m", "orchestration.run", "--market", market, "--lake", lake])


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def print_report_plan(builder: Builder, week: str | None, force: bool = False, costs: Costs | None = None) -> None:
    """Print what `run_report` would build, and why. It raises the same errors before planning as `run_report`.

    costs: describes the costs of a plan, in place of the list of its partitions.
    """
    monday = parse_week(week) if week else _newest_week(builder)
    require_complete_week(builder, monday)
    require_history(builder, monday)
    if force:
        builder.forced.add(("report", monday))
    _print_plan(builder, everything_for(builder, monday), costs)


def print_partition_plan(
    builder: Builder, table: str, date: str, force: bool = False, costs: Costs | None = None
) -> None:
    """Print what `build_partition` would build, and why. It raises the same errors before planning as `build_partition`.

    costs: describes the costs of a plan, in place of the list of its partitions.
    """
    _, key = _named_partition(builder, table, date)
    if force:
        builder.forced.add((table, key))
    _print_plan(builder, [(table, key)], costs)


def _print_plan(builder: Builder, requested: list[tuple[str, dt.date]], costs: Costs | None) -> None:
    plan = make_plan(builder, requested)
    name, key = requested[-1]
    print(
        f"{name} of {key}: {_counted(plan.examined, 'partition')} examined, {len(plan.steps)} to build, "
        f"{len(plan.blocked)} blocked"
    )
    for (table, reason), count in plan.reasons().items():
        print(f"  {table:<20} {count:>5}  {reason}")
    for line in _describe_damages(plan):
        print(line)
    for step in plan.blocked:
        print(f"  {step.table.name} of {step.key} is blocked: {step.reason}")
    for line in costs(plan) if costs else (f"{step.table.name} {step.key}: {step.reason}" for step in plan.steps):
        print(line)
    _report_idle_rules(builder, builder.signal_day(builder.tables[name], key), print)
    for line in describe_remarks(builder):
        print(line)


def print_refused(names: Names, table: str | None = None, date: str | None = None) -> None:
    """Print every partition of the lake that its own gate refused or that could not be renewed, with reason and retry command.

    Args:
        names: market, lake and settings.
        table: the name of the only table to list; by default all tables.
        date: a date, as 2023-02-01, whose partitions are the only ones to list; by default all.

    Raises:
        NotReadyError: there is no lake.
        SettingsError: there is no such table, or the text is no date.
    """
    builder = open_builder(names)
    again = f"{_command(names.market, names.lake)} --profile {shlex.quote(names.settings)}"
    builder.lake.require_any()
    tables = [_named_table(builder, table)] if table else list(builder.tables.values())
    day = parse_date(f"--date {date}", date) if date else None
    found = 0
    for one in tables:
        keys = builder.lake.keys(one)
        if day is not None:
            wanted = builder.calendar.week_of(day) if one.partition == "week" else day
            keys = [key for key in keys if key == wanted]
        for key in keys:
            manifest = builder.lake.manifest(one, key)
            if manifest is None or not (manifest.refusals or manifest.outdated):
                continue
            found += 1
            print(f"{one.name} of {key}: {again} --table {one.name} --date {key}")
            for name, verdict in own_failures(one.checks, manifest.refusals).items():
                print(f"  {name} failed: {verdict.text()}")
            if manifest.outdated:
                print(f"  it could not be renewed: {manifest.outdated}")
    where = f"{table} in {builder.lake.store.url}" if table else builder.lake.store.url
    verb = "is" if found == 1 else "are"
    print(
        f"{_counted(found, 'partition')} of {where}{f' of {date}' if date else ''} {verb} refused or could not be renewed."
    )


def verify_lake(names: Names, table: str | None = None, say: Callable[[str], None] = print) -> bool:
    """Read all files of the lake, or of one table, and list the damaged partitions and kept issues.

    The next run that needs the partitions builds them again.

    Returns:
        Whether nothing is damaged.

    Raises:
        SettingsError: there is no such table.
    """
    builder = open_builder(names)
    found = examined = 0
    for one in [_named_table(builder, table)] if table else builder.tables.values():
        for key in builder.lake.keys(one):
            examined += 1
            if builder.lake.verify([builder.lake.folder(one, key)]):
                found += 1
                say(f"{one.name} of {key}: {builder.lake.damage(one, key)}")
    say(
        f"{_counted(examined, 'partition')} examined, {found} damaged. A run builds the damaged ones that it needs again."
    )
    kept = [
        folder
        for name in builder.tables
        if table in (None, name)
        for folder in Issues(builder.lake.store, name).damages()
    ]
    for folder in kept:
        say(
            f"{folder} is not what was published. A kept issue cannot be built again; restore the folder from a backup."
        )
    return not found and not kept


def adopt_tables(names: Names, tables: str, most: int, say: Callable[[str], None] = print) -> bool:
    """Adopt the partitions that are stale by their code alone (orchestration/adopt.py).

    Args:
        names: market, lake and settings.
        tables: the tables' names separated by commas, or "all".
        most: largest number of partitions that are built again per table and earlier version of the code.
        say: receives progress lines.

    Returns:
        Whether all of them were adopted.

    Raises:
        SettingsError: there is no table of a name.
    """
    builder = open_builder(names)
    wanted = list(builder.tables) if tables == "all" else tables.split(",")
    chosen = [_named_table(builder, name, "--adopt") for name in wanted]
    with builder.lake.writing(say, kind="run"):
        done = [one for table in chosen for one in adopt(builder, table, most, say)]
    kept = sum(len(one.keys) for one in done if not one.differing)
    again = sum(len(one.keys) for one in done if one.differing)
    say(f"{_counted(kept, 'partition')} adopted, {again} to be built again by the next run.")
    return again == 0


def _require_consistent(options: argparse.Namespace) -> None:
    """Check that no option would be ignored.

    Raises:
        SettingsError: options contradict each other.
    """
    if options.verify and (
        options.adopt or options.refused or options.plan or options.force or options.week or options.date
    ):
        raise SettingsError("--verify reads the lake and can only be combined with --table.")
    if options.restatements and (
        options.adopt
        or options.refused
        or options.verify
        or options.plan
        or options.force
        or options.table
        or options.date
    ):
        raise SettingsError("--restatements lists what was restated and can only be combined with --week.")
    if (options.cost and not options.plan) or (options.teraflops is not None and not options.cost):
        raise SettingsError("--cost describes the costs of a plan and needs --plan; --teraflops needs --cost.")
    if options.teraflops is not None and not options.teraflops > 0:
        raise SettingsError(f"--teraflops {options.teraflops:g} is no speed. Name a number above 0.")
    if options.adopt and (options.refused or options.plan or options.force or options.week or options.table):
        raise SettingsError("--adopt names its tables itself and can only be combined with --sample.")
    if options.sample is not None and (not options.adopt or options.sample < 1):
        raise SettingsError(
            "--sample, the number of partitions that are built again, needs --adopt and must be at least 1."
        )
    if options.refused and (options.plan or options.force or options.week):
        raise SettingsError("--refused lists refused partitions and can only be combined with --table and --date.")
    if (options.date and not options.table) or (
        options.table and not options.date and not options.refused and not options.verify
    ):
        raise SettingsError("--table and --date name one partition and must be given together.")
    if options.day and _given(options) - {"day"}:
        raise SettingsError("--day builds the daily tables of one day and cannot be combined with another option.")
    if options.week and options.table:
        raise SettingsError(
            "--week names the week of the report and cannot be combined with --table; use --date instead."
        )


def _given(options: argparse.Namespace) -> set[str]:
    """The options that were given, but for the names of market, lake and settings."""
    return {name for name, value in vars(options).items() if value} - {"market", "lake", "profile"}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m orchestration.run", description=__doc__.split("\n")[0])
    parser.add_argument("--week", help="the week's Monday; by default the last complete week")
    add_names(parser)
    parser.add_argument("--day", help="build all daily tables of this trading day instead of the report")
    parser.add_argument("--table", help="build this table's partition of --date instead of the report")
    parser.add_argument("--date", help="a trading day; for a week table any day of the week")
    parser.add_argument("--plan", action="store_true", help="print what would be built and why, and build nothing")
    parser.add_argument(
        "--cost",
        action="store_true",
        help="with --plan: hours, bytes and operations of training instead of the partitions",
    )
    parser.add_argument(
        "--teraflops", type=float, help="with --cost: sustained speed of a GPU, with which operations become hours"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="build the named partition, or the report, again although nothing changed",
    )
    parser.add_argument(
        "--refused", action="store_true", help="list the refused partitions of the lake with their reasons"
    )
    parser.add_argument(
        "--adopt",
        metavar="TABLES",
        help="table names separated by commas, or all: keep the partitions that the present code builds equally, proved on a sample",
    )
    parser.add_argument("--sample", type=int, help=f"number of partitions that --adopt builds again (default {SAMPLE})")
    parser.add_argument(
        "--verify",
        action="store_true",
        help="read all files of the lake, or of --table, and list the damaged partitions",
    )
    parser.add_argument(
        "--restatements",
        action="store_true",
        help="list which published figures were restated, when and why, of all weeks or of --week",
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0, 1 after an error, which is printed to stderr, or 128 plus a signal's number."""
    options = _parser().parse_args(arguments)
    try:
        with interruptible():
            code = _run(options)
            sys.stdout.flush()
            return code
    except ZhoubaoError as error:
        print("\n".join([f"error: {error}", *getattr(error, "__notes__", ())]), file=sys.stderr)
        return 1
    except (OSError, MemoryError) as error:
        is_listing = options.plan or options.refused or options.restatements or options.verify
        if is_listing and isinstance(error, BrokenPipeError) and reader_has_ended():
            return 128 + signal.SIGPIPE
        if not is_machine_fault(error):
            raise
        print(f"error: the machine failed: {describe_fault(error)}. Correct the cause and run again.", file=sys.stderr)
        return 1
    except Interrupted as interrupt:
        print(f"{interrupt}. Partitions that are built are kept; the same command continues.", file=sys.stderr)
        return 128 + interrupt.number


def _run(options: argparse.Namespace) -> int:
    names = Names.of_options(options)
    _require_consistent(options)
    if options.refused:
        print_refused(names, options.table, options.date)
    elif options.restatements:
        print("\n".join(describe_restatements(open_builder(names), parse_week(options.week) if options.week else None)))
    elif options.verify:
        return 0 if verify_lake(names, options.table) else 1
    elif options.adopt:
        return 0 if adopt_tables(names, options.adopt, options.sample or SAMPLE) else 1
    elif options.plan:
        builder = open_builder(names)

        def costs(plan: Plan) -> Iterator[str]:
            return describe_costs(estimate(builder, plan), options.teraflops)

        wanted = costs if options.cost else None
        if options.table:
            print_partition_plan(builder, options.table, options.date, options.force, wanted)
        else:
            print_report_plan(builder, options.week, options.force, wanted)
    elif options.day:
        run_day(options.day, names=names)
    elif options.table:
        print(build_partition(options.table, options.date, names=names, force=options.force))
    else:
        path = run_report(week=options.week, names=names, force=options.force)
        own, workers = (
            resource.getrusage(whose).ru_maxrss / 2**20 for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        print(f"peak memory {own:.1f} GB" + (f", of the largest child process {workers:.1f} GB" if workers else ""))
        print(f"report: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
