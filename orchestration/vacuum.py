"""Removes data from the lake and from Dagster that is no longer needed.

    python -m orchestration.vacuum [--lake DIR] [--market DIR] [--profile NAME]           list it with counts and bytes
    python -m orchestration.vacuum … --yes                                               remove it

No partition is removed that a build would use, and the UI shows each partition as before (resources/leftovers.py,
orchestration/history.py). Partitions whose events were deleted, such as by deleting a run in the UI, are recorded again.
"""

import argparse
import contextlib
import datetime as dt
import functools
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import dagster as dg

from orchestration import history
from orchestration.event_log import kept_open
from orchestration.platform import Names, add_names, open_builder
from orchestration.sync import synchronise, without_colour
from resources import leftovers
from resources.builder import Builder
from resources.errors import ZhoubaoError
from resources.leftovers import Leftover, find_leftovers

UNRECORDED = "unrecorded"
KINDS = {**leftovers.KINDS, UNRECORDED: "partitions without a colour in the UI, to be recorded", **history.KINDS}
UNITS = {
    leftovers.DIGESTS: "entries", history.RUNS: "events", history.RUN_LOGS: "events", history.EVALUATIONS: "evaluations",
    history.TICKS: "ticks", history.FREE: "pages", UNRECORDED: "partitions",
}  # fmt: skip


def vacuum(
    builder: Builder,
    instance: dg.DagsterInstance | None,
    *,
    carry_out: bool = False,
    now: dt.datetime | None = None,
    say: Callable[[str], None] = print,
) -> list[Leftover]:
    """List the data in the lake and in Dagster that is no longer needed.

    With `carry_out` it is removed, while no other process writes the lake.

    Args:
        builder: the open platform.
        instance: the Dagster instance, or None to look at the lake alone.
        carry_out: remove what is found.
        now: the present time, with a zone; by default that of the clock.
        say: receives the lines of the list.

    Returns:
        What was found.

    Raises:
        NotReadyError: there is no lake.
        LakeError: the lake belongs to another market, cannot be used, or another process wrote it for too long.
    """
    now = now or dt.datetime.now(dt.UTC)
    builder.lake.require_any()
    with contextlib.ExitStack() as stack:
        if carry_out:
            stack.enter_context(builder.lake.writing(say, kind="run"))
        lake = find_leftovers(builder)
        for line in lake.kept:
            say(f"kept: {line}")
        found = list(_carried_out(lake.found, carry_out, say))
        if instance is None:
            say("DAGSTER_HOME is not set: only the lake is looked at.")
        else:
            with kept_open(instance):
                found += _carried_out(_of_dagster(builder, instance, now), carry_out, say)
            found += _carried_out(history.free_space(instance), carry_out, say)
    _summarise(found, carry_out, say)
    return found


def _of_dagster(builder: Builder, instance: dg.DagsterInstance, now: dt.datetime) -> list[Leftover]:
    """What Dagster lacks, which is recorded first, and what it no longer needs."""
    lost = without_colour(builder, instance)
    name = ", ".join(f"{table} {len(keys)}" for table, keys in lost.items())
    record = functools.partial(_record, builder, instance, lost)
    recorded = [Leftover(UNRECORDED, name, sum(map(len, lost.values())), 0, record)] if lost else []
    days = builder.settings.retention
    return [*recorded, *history.find_history(instance, now, days.runs_days, days.ticks_days)]


def _record(builder: Builder, instance: dg.DagsterInstance, lost: Mapping[str, Collection[dt.date]]) -> None:
    synchronise(builder, instance, lambda line: None, lost)


def _carried_out(found: Iterable[Leftover], carry_out: bool, say: Callable[[str], None]) -> Iterator[Leftover]:
    for one in found:
        say(f"{one.kind}: {one.name}: {one.count} {UNITS.get(one.kind, 'files')}, {one.size} bytes")
        if carry_out:
            one.remove()
        yield one


def _summarise(found: list[Leftover], carry_out: bool, say: Callable[[str], None]) -> None:
    """Say one line per kind and one for all."""
    places, counts, sizes = Counter[str](), Counter[str](), Counter[str]()
    for one in found:
        places[one.kind] += 1
        counts[one.kind] += one.count
        sizes[one.kind] += one.size
    for kind, about in KINDS.items():
        if places[kind]:
            say(
                f"{places[kind]:>6} × {kind} ({about}): {counts[kind]} {UNITS.get(kind, 'files')}, {_bytes(sizes[kind])}"
            )
    total = _bytes(sum(size for kind, size in sizes.items() if kind != history.FREE))
    if not found:
        say("Nothing to remove.")
    elif carry_out:
        say(f"{total} removed.")
    else:
        say(f"{total} can be removed. Nothing was changed; --yes removes it.")


def _bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 1 after an error, which is printed to stderr."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.vacuum", description=__doc__.split("\n")[0])
    add_names(parser)
    parser.add_argument("--yes", action="store_true", help="remove what is listed")
    options = parser.parse_args(arguments)
    try:
        builder = open_builder(Names.of_options(options))
        with contextlib.ExitStack() as stack:
            instance = stack.enter_context(dg.DagsterInstance.get()) if os.environ.get("DAGSTER_HOME") else None
            vacuum(builder, instance, carry_out=options.yes)
    except ZhoubaoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
