"""The driver behind `make report`, the sensor and backfills: plan, build day ranges in order, then week ranges, then the report.

    python -m orchestration.run [--week 2015-07-20] [--profile sample] [--market DIR] [--lake DIR] [--plan]
    python -m orchestration.run --table minute_bars --date 2023-02-01     one partition, and all it is made from
    python -m orchestration.run … --force                                 the partition that is named, though nothing changed
    python -m orchestration.run … --plan                                  what that would build and why; nothing is built
    python -m orchestration.run --refused [--table minute_bars]           what is refused in the lake, why, and the remedy
    python -m orchestration.run --adopt all [--sample 10]                 after an upgrade: keep what the new code builds alike

Nothing stale, no Dagster run. Exit codes: 0 built, 1 refused with its reason.
"""

import argparse
import collections
import contextlib
import datetime as dt
import itertools
import os
import resource
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from assets.models.windows import shortfall
from orchestration.adopt import SAMPLE, adopt
from orchestration.findings import describe_refusals, describe_remarks, describe_warnings, failed_checks
from orchestration.plan import Plan, Step, beyond_calendar, last_complete_week, make_plan, require_complete_week
from orchestration.platform import Names, open_builder
from resources.builder import Builder
from resources.errors import LakeError, NotReadyError, SettingsError, ZhoubaoError, describe_fault, is_machine_fault
from resources.gate import own_failures
from resources.lake import MANIFEST
from resources.rulebook import describe_idle_rules
from resources.settings.load import Profile
from resources.table import Table

# Partitions per Dagster run. Weeks share a run too, in order inside each table: a run of its own for every week spent
# 3 s on Dagster's event log for 0.2 s of work.
RANGE_DAYS = 20
RANGE_WEEKS = 13
PROGRESS_SECONDS = 5.0
_LISTED = 10  # partitions spelled out in an error
_CAUSES = 5  # failed checks counted in it, the commonest first


def run_report(
    *,
    week: str | None = None,
    names: Names | None = None,
    profile: Profile | None = None,
    instance: Any | None = None,
    say: Callable[[str], None] = print,
    force: bool = False,
) -> str:
    """Build whatever the report of `week` (a Monday; by default the last complete week) needs; returns its path.

    force: make the report itself again though nothing changed.
    """
    builder = open_builder(names or Names.of(), profile=profile, say=_Seldom(say))
    monday = parse_week(week) if week else _newest_week(builder)
    require_complete_week(builder, monday)
    if warning := builder.calendar.warning(builder.zone.days()[-1], builder.settings.calendar.warn_days):
        say(warning)
    _say_idle_rules(builder, builder.calendar.signal_day(monday), say)
    require_history(builder, monday)
    if force:
        builder.forced.add(("report", monday))
    build(builder, everything_for(builder, monday), instance=instance, say=say)
    report = builder.tables["report"]
    builder.lake.require(report, monday)
    folder = builder.lake.folder(report, monday)
    if builder.lake.damaged([folder]):
        raise LakeError(
            f"The files in {builder.lake.store.path(folder)} are not those that were built. Remove its {MANIFEST} and run again."
        )
    return builder.lake.store.path(f"{folder}/report.html")


def build_partition(
    table: str,
    date: str,
    *,
    names: Names | None = None,
    instance: Any | None = None,
    say: Callable[[str], None] = print,
    force: bool = False,
) -> str:
    """Build one partition, of a day or of the week that the day lies in, and whatever it is made from; returns its folder.

    force: make the partition itself again though nothing changed; what it is made from only where it is stale.
    """
    builder = open_builder(names or Names.of(), say=_Seldom(say))
    wanted, key = _named_partition(builder, table, date)
    _say_idle_rules(builder, builder.signal_day(wanted, key), say)
    if force:
        builder.forced.add((table, key))
    build(builder, [(table, key)], instance=instance, say=say)
    builder.lake.require(wanted, key)
    return builder.lake.store.path(builder.lake.folder(wanted, key))


def _say_idle_rules(builder: Builder, day: dt.date, say: Callable[[str], None]) -> None:
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
        raise SettingsError(f"--date {date} is no trading day of the XSHG calendar.")
    return wanted, key


def _named_table(builder: Builder, table: str, option: str = "--table") -> Table:
    if table not in builder.tables:
        raise SettingsError(f"{option} {table}: there is none of that name. Tables: {', '.join(builder.tables)}.")
    return builder.tables[table]


def require_history(builder: Builder, week: dt.date) -> None:
    """A model whose window is longer than the history is an error, unless the settings say n/a (SPEC §5.2)."""
    models = builder.settings.models
    for key, row in models.rows.items():
        reason = shortfall(builder.calendar, week, row, builder.start)
        if reason is not None and models.short_history == "error":
            raise SettingsError(
                f"{key} cannot be trained by the week of {week}: {reason}. Ask for a later week, deliver more history, shorten "
                f"the window (models.{key}.train_days and the like), or set models.short_history to 'n/a' for a report "
                "without it."
            )


def everything_for(builder: Builder, week: dt.date) -> list[tuple[str, dt.date]]:
    """The week's report, and every day table on every trading day of the history up to its signal day: researchers read
    factors and features of all days, not of those alone that a report happens to use."""
    days = builder.calendar.days(builder.start, builder.calendar.signal_day(week))
    asked = [
        (table.name, day)
        for table in builder.tables.values()
        if table.partition == "day"
        for day in days
        if day >= builder.start_of(table)
    ]
    return [*asked, ("report", week)]


def build(
    builder: Builder,
    asked: list[tuple[str, dt.date]],
    *,
    instance: Any | None = None,
    say: Callable[[str], None] = print,
) -> Plan:
    """Plan, then run: day ranges first, then week ranges. What was asked for in the end is the last of `asked`.

    Returns the plan that was carried out. Each check that failed without refusing, and each table with rows that cannot be placed
    in time, is one warning at the end.

    Raises:
        NotReadyError: the last asked partition could not be built. Its notes are the warnings.
    """
    began = time.perf_counter()
    builder.tried.clear()
    builder.blocked.clear()
    plan = make_plan(builder, asked)
    say(
        f"{_counted(plan.examined, 'partition')} looked at in {time.perf_counter() - began:.1f} s: {len(plan.steps)} to build"
    )
    done: list[Step] = []
    while plan:
        for (table, reason), count in plan.reasons().items():
            say(f"  {table:<20} {count:>5}  {reason}")
        before = len(builder.tried)
        _carry_out(builder, plan, instance, say)
        done += plan.steps
        # What was refused before and is good now lets go on what is made from it. Nothing is tried twice.
        plan = make_plan(builder, asked, builder.tried)
        if len(builder.tried) == before:
            break
    built = [(step.table, step.key) for step in done if (step.table.name, step.key) in builder.tried]
    findings = failed_checks(builder, built)
    if refusal := _refusal(builder, plan, asked):
        # The report lists failed plausibility checks itself.
        if builder.tables[asked[-1][0]].reads_record:
            findings = [one for one in findings if not one.plausibility]
        for line in (*describe_remarks(builder), *describe_warnings(builder, findings)):
            refusal.add_note(line)
        raise refusal
    # What was asked last needs none of these: days before its windows, or tables that it does not read.
    for line in describe_refusals(builder, findings):
        say(f"refused: {line}")
    for line in (*describe_remarks(builder), *describe_warnings(builder, findings)):
        say(line)
    return Plan(tuple(done), plan.blocked, plan.examined)


def _carry_out(builder: Builder, plan: Plan, instance: Any | None, say: Callable[[str], None]) -> None:
    """The plan's steps, in Dagster runs."""
    progress = _Progress(plan, say, _last_seconds(builder, plan))
    with _Runner(builder, plan, instance) as runner:
        for names, keys in _runs(plan):
            started = time.perf_counter()
            runner.run(names, keys)
            shares = {
                name: sum(
                    m.seconds for key in keys if (m := builder.lake.manifest(builder.tables[name], key)) is not None
                )
                for name in names
            }
            progress.advance(names, keys, time.perf_counter() - started, shares)


def _newest_week(builder: Builder) -> dt.date:
    """The last complete week; an error where newer data has landed that the calendar cannot place."""
    if unknown := beyond_calendar(builder):
        raise SettingsError(unknown)
    return last_complete_week(builder)


def parse_week(text: str) -> dt.date:
    return parse_date(f"WEEK={text}", text)


def parse_date(said: str, text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{said} is no date; write it as 2015-07-20 (a week by its Monday).") from None


def _refusal(builder: Builder, plan: Plan, asked: list[tuple[str, dt.date]]) -> NotReadyError | None:
    """Why what was asked last, the report of a week, cannot be built: the checks that refuse what it is made from, in the order in
    which the data flows, then what else its causes are; None where it was built."""
    left = [step for step in (*plan.blocked, *plan.steps) if (step.table.name, step.key) == asked[-1]]
    if not left:
        return None
    what = f"{asked[-1][0]} of {asked[-1][1]} cannot be built"
    roots = [step for step in plan.blocked if step.root]
    own = [step for step in roots if (one := builder.lake.manifest(step.table, step.key)) is not None and one.refusals]
    findings = [one for one in failed_checks(builder, [(step.table, step.key) for step in own]) if one.refuses]
    if own:
        failed = collections.Counter({f"{one.table.name}: {one.check}": len(one.keys) for one in findings})
        counts = "; ".join(f"{count} of {name}" for name, count in failed.most_common(_CAUSES))
        what += f": a gate refused {_counted(len(own), 'partition')} it is made from ({counts})"
    rest = [step for step in roots if step not in own] or ([] if own else left)
    told = [
        *describe_refusals(builder, findings),
        *(f"{step.table.name} of {step.key}: {step.reason}" for step in rest),
    ]
    more = f"\n  and {len(told) - _LISTED} more" if len(told) > _LISTED else ""
    if any(len(one.keys) > 1 for one in findings):
        more += (
            "\nEvery refused partition with its reasons: "
            f"{_command(str(builder.zone.root), builder.lake.store.url)} --refused"
        )
    return NotReadyError(f"{what}:\n  " + "\n  ".join(told[:_LISTED]) + more)


def _runs(plan: Plan) -> Iterator[tuple[list[str], list[dt.date]]]:
    """Dagster runs: stretches of partitions that need the same tables, days first."""
    for partition, longest in (("day", RANGE_DAYS), ("week", RANGE_WEEKS)):
        wanted: dict[dt.date, list[str]] = {}
        for step in plan.steps:
            if step.table.partition == partition:
                wanted.setdefault(step.key, []).append(step.table.name)
        for names, group in itertools.groupby(sorted(wanted), key=lambda key: tuple(wanted[key])):
            stretch = list(group)
            for first in range(0, len(stretch), longest):
                yield list(names), stretch[first : first + longest]


class _Runner:
    """Dagster runs in this process, with one builder's caches, recorded on the instance the UI shows."""

    def __init__(self, builder: Builder, plan: Plan, instance: Any | None):
        import dagster as dg

        from orchestration.assets import OpenPlatform, to_run_assets
        from orchestration.event_log import kept_open

        keys = {kind: sorted({str(s.key) for s in plan.steps if s.table.partition == kind}) for kind in ("day", "week")}
        defs = dg.Definitions(assets=to_run_assets(builder.tables, keys), resources={"platform": OpenPlatform(builder)})
        self._builder = builder
        self._job = defs.resolve_implicit_global_asset_job_def()
        # Without DAGSTER_HOME nothing would show the runs; a passing instance serves.
        persistent = bool(os.environ.get("DAGSTER_HOME"))
        self._open = contextlib.ExitStack()
        if instance is None:
            opened = dg.DagsterInstance.get() if persistent else dg.DagsterInstance.ephemeral()
            instance = self._open.enter_context(opened)
        self._instance = self._open.enter_context(kept_open(instance))

    def __enter__(self) -> "_Runner":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def run(self, tables: list[str], keys: list[dt.date]) -> None:
        """Raises on a fault of the machine, the lake or the code; what a gate refused or blocked is for the next plan to
        tell."""
        import dagster as dg

        self._builder.faults.clear()
        job = self._job.get_subset(asset_selection={dg.AssetKey(name) for name in tables})
        result = job.execute_in_process(
            instance=self._instance,
            tags={
                "dagster/asset_partition_range_start": str(keys[0]),
                "dagster/asset_partition_range_end": str(keys[-1]),
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        if self._builder.faults:
            raise self._builder.faults[0]
        for event in result.all_events:
            # A dg.Failure, which carries data of its own, says that no partition could be built.
            if event.is_step_failure and event.step_failure_data.user_failure_data is None:
                error = event.step_failure_data.error
                raise RuntimeError(
                    f"{event.step_key} of {keys[0]} … {keys[-1]} broke:\n{error.to_string() if error else event}"
                )


def _last_seconds(builder: Builder, plan: Plan) -> dict[str, float]:
    """Table → seconds that its newest partition in the lake took, of the tables of a plan that have one."""
    found = {}
    for table in {step.table.name: step.table for step in plan.steps}.values():
        keys = builder.lake.keys(table)
        if keys and (manifest := builder.lake.manifest(table, max(keys))) is not None:
            found[table.name] = manifest.seconds
    return found


class _Progress:
    """A line per run with the time left, from the seconds per partition that each table has taken in this run, or else took
    when it was last built. Tables of which neither is known are named."""

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
        more = f", and {', '.join(unknown)}, not timed yet" if unknown else ""
        done = 1 - sum(self._left.values()) / self._total
        what = f"{keys[0]} … {keys[-1]}" if len(keys) > 1 else f"{keys[0]}"
        self._say(
            f"[{done:4.0%}] {what}: {', '.join(tables) if len(tables) < 4 else f'{len(tables)} tables'}, {seconds:.1f} s, "
            f"about {_clock(left * overhead)} left{more}"
        )


class _Seldom:
    """Passes a line on when none was for some seconds: a long training tells of itself, a thousand small files do not."""

    def __init__(self, say: Callable[[str], None]):
        self._say = say
        self._last = time.monotonic()

    def __call__(self, line: str) -> None:
        if time.monotonic() - self._last >= PROGRESS_SECONDS:
            self._last = time.monotonic()
            self._say(f"       {line}")


def _command(market: str, lake: str) -> str:
    """The command line that names this market and this lake."""
    return shlex.join(["python", "-m", "orchestration.run", "--market", market, "--lake", lake])


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def print_report_plan(builder: Builder, week: str | None, force: bool = False) -> None:
    """What `make report` would build, and why; what it would refuse, it refuses here."""
    monday = parse_week(week) if week else _newest_week(builder)
    require_complete_week(builder, monday)
    require_history(builder, monday)
    if force:
        builder.forced.add(("report", monday))
    _print_plan(builder, everything_for(builder, monday))


def print_partition_plan(builder: Builder, table: str, date: str, force: bool = False) -> None:
    """What `build_partition` would build, and why; what it would refuse, it refuses here."""
    _, key = _named_partition(builder, table, date)
    if force:
        builder.forced.add((table, key))
    _print_plan(builder, [(table, key)])


def _print_plan(builder: Builder, asked: list[tuple[str, dt.date]]) -> None:
    plan = make_plan(builder, asked)
    name, key = asked[-1]
    print(
        f"{name} of {key}: {_counted(plan.examined, 'partition')} looked at, {len(plan.steps)} to build, "
        f"{len(plan.blocked)} blocked"
    )
    for (table, reason), count in plan.reasons().items():
        print(f"  {table:<20} {count:>5}  {reason}")
    for step in plan.blocked:
        print(f"  {step.table.name} of {step.key} is blocked: {step.reason}")
    for step in plan.steps:
        print(f"{step.table.name} {step.key}: {step.reason}")
    _say_idle_rules(builder, builder.signal_day(builder.tables[name], key), print)
    for line in describe_remarks(builder):
        print(line)


def print_refused(names: Names, table: str | None = None, date: str | None = None) -> None:
    """Every partition in the lake that its own gate refused, or that could not be renewed: why, and the command that tries again.
    Of one table, or of its partition of one date, where these are named."""
    builder = open_builder(names)
    again = f"{_command(names.market, names.lake)} --profile {shlex.quote(names.settings)}"
    if builder.lake.is_empty():
        raise NotReadyError(
            f"There is no lake at {builder.lake.store.url}, so nothing in it can be refused. Name one with --lake or ZHOUBAO_LAKE; a "
            "run makes it."
        )
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
                print(f"  {name} failed: {verdict.text}")
            if manifest.outdated:
                print(f"  it could not be renewed: {manifest.outdated}")
    where = f"{table} in {builder.lake.store.url}" if table else builder.lake.store.url
    verb = "is" if found == 1 else "are"
    print(
        f"{_counted(found, 'partition')} of {where}{f' of {date}' if date else ''} {verb} refused or could not be renewed."
    )


def adopt_tables(names: Names, tables: str, most: int, say: Callable[[str], None] = print) -> bool:
    """Adopt what is stale by its code alone in these tables, named with commas between, or in "all", in the order in which data
    flows. Returns whether nothing came out otherwise."""
    builder = open_builder(names)
    wanted = list(builder.tables) if tables == "all" else tables.split(",")
    chosen = [_named_table(builder, name, "--adopt") for name in wanted]
    done = [one for table in chosen for one in adopt(builder, table, most, say)]
    kept = sum(len(one.keys) for one in done if not one.differing)
    again = sum(len(one.keys) for one in done if one.differing)
    say(f"{_counted(kept, 'partition')} adopted, {again} to be built again by the next run.")
    return again == 0


def _require_sense(options: argparse.Namespace) -> None:
    """Raises SettingsError where options contradict each other: none of them is left aside without a word."""
    if options.adopt and (options.refused or options.plan or options.force or options.week or options.table):
        raise SettingsError("--adopt names its tables itself; it goes with --sample alone.")
    if options.sample is not None and (not options.adopt or options.sample < 1):
        raise SettingsError("--sample goes with --adopt and is 1 or more: how many partitions are built anew.")
    if options.refused and (options.plan or options.force or options.week):
        raise SettingsError("--refused lists what is refused; it goes with --table and --date alone.")
    if (options.date and not options.table) or (options.table and not options.date and not options.refused):
        raise SettingsError("--table and --date go together: which partition of which table.")
    if options.week and options.table:
        raise SettingsError("--week names the week of the report; with --table, --date names the partition.")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m orchestration.run", description=__doc__.split("\n")[0])
    parser.add_argument("--week", help="the week's Monday; by default the last complete week")
    parser.add_argument("--profile", help="a profile's name or a settings file")
    parser.add_argument("--market", help="the landing zone")
    parser.add_argument("--lake", help="a folder or an s3:// URL")
    parser.add_argument("--table", help="one table instead of the report: its partition of --date")
    parser.add_argument("--date", help="a trading day; of a weekly table any day of the week")
    parser.add_argument("--plan", action="store_true", help="say what would be built and why, and stop")
    parser.add_argument(
        "--force",
        action="store_true",
        help="build what is named again though nothing changed: --table's partition, or the report",
    )
    parser.add_argument("--refused", action="store_true", help="list what is refused in the lake and why, and stop")
    parser.add_argument(
        "--adopt",
        metavar="TABLES",
        help="tables with commas between, or all: keep the partitions that the present code builds alike, proved on a sample",
    )
    parser.add_argument("--sample", type=int, help=f"how many partitions --adopt builds anew (default {SAMPLE})")
    options = parser.parse_args(arguments)
    try:
        names = Names.of(options.market, options.lake, options.profile)
        _require_sense(options)
        if options.refused:
            print_refused(names, options.table, options.date)
        elif options.adopt:
            return 0 if adopt_tables(names, options.adopt, options.sample or SAMPLE) else 1
        elif options.plan and options.table:
            print_partition_plan(open_builder(names), options.table, options.date, options.force)
        elif options.plan:
            print_report_plan(open_builder(names), options.week, options.force)
        elif options.table:
            print(build_partition(options.table, options.date, names=names, force=options.force))
        else:
            path = run_report(week=options.week, names=names, force=options.force)
            print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB")
            print(f"report: {path}")
    except ZhoubaoError as error:
        print("\n".join([f"error: {error}", *getattr(error, "__notes__", ())]), file=sys.stderr)
        return 1
    except (OSError, MemoryError) as error:
        if not is_machine_fault(error):
            raise
        print(f"error: the machine failed: {describe_fault(error)}. Mend that and run again.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
