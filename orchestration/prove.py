"""The point-in-time proofs of SPEC §9.1–2, over a whole market: truncation, noise, backfill equals day by day.

    python -m orchestration.prove [--profile sample] [--market market] [--cuts 3]
    python -m orchestration.prove --stage portfolios [--lake lake]

Here: markets cut at a date, the chain built without Dagster into a lake of its own, and the comparison of contents. The
test suite runs the same functions on a tiny market. With --stage one stage's week tables are proved by themselves over the
whole history of a lake that is built, every week a cut; what they are made from is taken as it lies there.
"""

import argparse
import datetime as dt
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import polars as pl

from orchestration.platform import Names, open_builder
from resources.builder import Builder
from resources.errors import SettingsError, ZhoubaoError
from resources.landing import REFERENCE, LandingZone
from resources.settings.load import Profile

Contents = dict[tuple[str, dt.date], str]


def every_partition(builder: Builder, last: dt.date) -> list[tuple[str, dt.date]]:
    """All partitions of all tables dated up to `last`, in the order the data flows."""
    calendar = builder.calendar
    days = calendar.days(builder.start, last)
    # A week counts once its last trading day is past; the first may have begun before the data.
    weeks = [
        w
        for w in calendar.weeks(calendar.week_of(builder.start), calendar.week_of(last))
        if calendar.signal_day(w) <= last
    ]
    partitions: list[tuple[str, dt.date]] = []
    for table in builder.tables.values():
        if table.history == "reference":
            back = calendar.days(builder.start_of(table), last)
            partitions += [(table.name, key) for key in back]
        else:
            partitions += [(table.name, key) for key in (days if table.partition == "day" else weeks)]
    return partitions


def build_at_once(builder: Builder, last: dt.date) -> Contents:
    """A backfill: each table over its whole range; day tables first, then the weeks in order."""
    partitions = every_partition(builder, last)
    for table in builder.tables.values():
        if table.partition == "day":
            builder.build(table, [key for name, key in partitions if name == table.name])
    weeks = sorted({key for name, key in partitions if builder.tables[name].partition == "week"})
    for week in weeks:
        for table in builder.tables.values():
            if table.partition == "week":
                builder.build(table, [week])
    return contents(builder, partitions)


def build_day_by_day(builder: Builder, last: dt.date) -> Contents:
    """As the desk runs it: every day after its close, and the week's tables on its signal day."""
    partitions = every_partition(builder, last)
    by_day: dict[dt.date, list[tuple[str, dt.date]]] = {}
    for name, key in partitions:
        by_day.setdefault(builder.signal_day(builder.tables[name], key), []).append((name, key))
    for day in sorted(by_day):
        for name, key in by_day[day]:
            builder.build(builder.tables[name], [key])
    return contents(builder, partitions)


def contents(builder: Builder, partitions: Iterable[tuple[str, dt.date]]) -> Contents:
    """(table, partition) → digest of rows, side files and n/a reasons. A partition that is not built is an error."""
    builder.lake.forget()
    found: Contents = {}
    for name, key in partitions:
        manifest = builder.lake.manifest(builder.tables[name], key)
        found[name, key] = manifest.content if manifest else "not built"
    return found


def differences(left: Contents, right: Contents) -> list[tuple[str, dt.date]]:
    """Partitions of both whose content differs, or that only one of them has built."""
    return sorted(key for key in left.keys() & right.keys() if left[key] != right[key])


# --- markets cut at a date ------------------------------------------------------------------------------------------


def truncate(market: Path, cut: dt.date, target: Path) -> Path:
    """A copy of a landing zone without anything known after the close of `cut`."""
    return _after(market, cut, target, lambda frame, column: frame.clear(), replace_files=None)


def add_noise(market: Path, cut: dt.date, target: Path, seed: int) -> Path:
    """A copy of a landing zone in which everything known after the close of `cut` is noise."""
    generator = np.random.default_rng(seed)
    return _after(market, cut, target, lambda frame, column: scramble(frame, generator), replace_files=generator)


def scramble(frame: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
    """The same rows with noise for numbers, flags and industries."""
    columns = []
    for name, dtype in frame.schema.items():
        if dtype.is_float():
            columns.append(pl.Series(name, frame[name].to_numpy() * generator.lognormal(0, 1, frame.height)))
        elif dtype.is_integer() and name != "minute":
            factor = generator.lognormal(0, 1, frame.height)
            columns.append((frame[name].cast(pl.Float64) * factor).round().cast(dtype, strict=False).alias(name))
        elif dtype == pl.Boolean:
            columns.append(pl.Series(name, generator.random(frame.height) < 0.5))
        elif name == "industry":
            columns.append(frame[name].shuffle(seed=int(generator.integers(2**31))))
        else:
            columns.append(frame[name])
    return pl.DataFrame(columns)


def _after(
    market: Path,
    cut: dt.date,
    target: Path,
    change: Callable[[pl.DataFrame, str], pl.DataFrame],
    replace_files: np.random.Generator | None,
) -> Path:
    zone = LandingZone(market)
    target.mkdir(parents=True)
    if (market / "market.json").is_file():
        shutil.copy(market / "market.json", target / "market.json")
    late = [day for day in zone.tick_days() if day > cut]
    for day in zone.tick_days():
        # Noise in vendor files: another late day's tape under this day's name, and a reversed one for a single late day.
        source = (
            day if day <= cut else late[int(replace_files.integers(len(late)))] if replace_files is not None else None
        )
        if source is not None:
            for path in zone.tick_files(source):
                copy = target / "ticks" / f"{day:%Y%m%d}" / path.name.replace(f"{source:%Y%m%d}", f"{day:%Y%m%d}")
                copy.parent.mkdir(parents=True, exist_ok=True)
                os.link(path, copy) if path.stat().st_dev == target.stat().st_dev else shutil.copy(path, copy)
    for day in zone.bar_days():
        for path in zone.bar_files(day):
            copy = target / "bars" / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            if day <= cut:
                shutil.copy(path, copy)
            elif replace_files is not None:
                change(pl.read_parquet(path), "").write_parquet(copy)
    (target / "reference").mkdir()
    for name, spec in REFERENCE.items():
        frame = zone.frame(name)
        if frame is None:
            continue
        known, later = frame.filter(pl.col(spec.known) <= cut), frame.filter(pl.col(spec.known) > cut)
        if name == "instruments":  # a delisting after the cut is not known either
            unknown = pl.lit(None, pl.Date) if replace_files is None else pl.lit(cut + dt.timedelta(days=1))
            known = known.with_columns(
                delist_date=pl.when(pl.col("delist_date") > cut).then(unknown).otherwise("delist_date")
            )
        later = change(later, spec.known)
        columns = [c for c in frame.columns if frame[c].null_count() < frame.height or c in spec.required]
        pl.concat([known, later]).select(columns).write_parquet(target / "reference" / f"{name}.parquet")
    return target


# --- the command ----------------------------------------------------------------------------------------------------


def prove(market: Path, profile: Profile, cuts: list[dt.date], work: Path, say: Callable[[str], None]) -> bool:
    """All three proofs; says each result, True when all hold."""

    def world(landing: Path, lake: str) -> Builder:
        return open_builder(Names(str(landing), str(work / lake), ""), profile=profile, say=lambda line: None)

    began = time.perf_counter()
    last = LandingZone(market).days()[-1]
    full = build_at_once(world(market, "full"), last)
    say(f"backfill: {len(full)} partitions up to {last} in {time.perf_counter() - began:.0f} s")
    held = _verdict("backfill equals day by day", full, build_day_by_day(world(market, "by_day"), last), say)
    for n, cut in enumerate(cuts):
        short = truncate(market, cut, work / f"cut{n}" / market.name)
        held &= _verdict(
            f"nothing after {cut} removed changes it", full, build_at_once(world(short, f"cut{n}_lake"), cut), say
        )
        noisy = add_noise(market, cut, work / f"noise{n}" / market.name, seed=n)
        held &= _verdict(
            f"noise after {cut} changes nothing", full, build_at_once(world(noisy, f"noise{n}_lake"), cut), say
        )
    return held


# --- one stage over the history of a lake ----------------------------------------------------------------------------

Spoil = Callable[[Path], None]  # of the folder of a partition that is dated after the cut


def prove_stage(
    world: Callable[[Path], Builder], lake: Path, stage: str, work: Path, say: Callable[[str], None]
) -> bool:
    """Whether the stage's week tables come out the same at once, week by week, and with no or other data after any week.

    world: opens a builder on a lake. lake: a built one; it is left alone. Every week is a cut: what is dated after it, the
    stage's own later weeks included, is gone or noise when the week is made once more from the weeks before it.
    """
    source = world(lake)
    tables = [table for table in source.tables.values() if table.stage == stage and table.partition == "week"]
    made = {table.name for table in tables}
    built = [source.lake.keys(source.tables[read.table]) for t in tables for read in t.reads if read.table not in made]
    landed = [table.name for table in tables if table.lands]
    if not tables or not all(built) or landed:
        raise SettingsError(
            f"the stage {stage} can't be proved on {lake}: "
            + (
                "it has no week tables"
                if not tables
                else f"{', '.join(landed)} read the landing zone, which is not cut here; leave --stage out"
                if landed
                else "what it reads is not built there; build a report first"
            )
        )
    last = max(source.signal_day(table, source.lake.keys(table)[-1]) for table in tables if source.lake.keys(table))
    weeks = sorted({key for name, key in every_partition(source, last) if name in made})
    partitions = [(table.name, week) for week in weeks for table in tables]

    at_once = world(_without(lake, made, work / "at_once"))
    for table in tables:
        at_once.build(table, weeks)
    full = contents(at_once, partitions)
    say(f"{len(weeks)} weeks of {', '.join(made)}, {weeks[0]} to {weeks[-1]}")
    weekly = _without(lake, made, work / "weekly")
    for week in weeks:
        builder = world(weekly)
        for table in tables:
            builder.build(table, [week])
    held = _verdict("week by week is the same as at once", full, contents(world(weekly), partitions), say)

    generator = np.random.default_rng(0)

    def drown(partition: Path) -> None:
        part = partition / "part.parquet"
        if part.exists():
            noise = scramble(pl.read_parquet(part), generator)
            part.unlink()  # it is another lake's file too
            noise.write_parquet(part)

    for spoil, what in ((shutil.rmtree, "with nothing after it"), (drown, "with noise after it")):
        spoiled = work / what.replace(" ", "_")
        shutil.copytree(work / "at_once", spoiled, copy_function=os.link)
        found = _week_after_week(world, spoiled, made, weeks, spoil)
        held &= _verdict(f"every week is the same {what}", full, found, say)
    return held


def _without(lake: Path, tables: set[str], target: Path) -> Path:
    """The lake's files once more, without some tables; files are linked, since a lake replaces and never overwrites them."""
    shutil.copytree(
        lake, target, copy_function=os.link, ignore=lambda folder, names: tables if folder == str(lake) else ()
    )
    return target


def _week_after_week(
    world: Callable[[Path], Builder], lake: Path, made: set[str], weeks: list[dt.date], spoil: Spoil
) -> Contents:
    """From the last week back: spoil what is dated after the week, make the week once more."""
    found: Contents = {}
    for week in reversed(weeks):
        builder = world(lake)
        cut = builder.calendar.signal_day(week)
        for table in builder.tables.values():
            for key in builder.lake.keys(table):
                partition = lake / builder.lake.folder(table, key)
                if builder.signal_day(table, key) > cut and not (partition / SPOILED).exists():
                    spoil(partition)
                    if partition.exists():
                        (partition / SPOILED).touch()
        own = [builder.tables[name] for name in builder.tables if name in made]
        for table in own:  # else a week that can't be made would stand as it was
            shutil.rmtree(lake / builder.lake.folder(table, week))
        builder.lake.forget()
        for table in own:
            builder.build(table, [week])
        found |= contents(builder, [(table.name, week) for table in own])
    return found


SPOILED = "spoiled"


def _verdict(what: str, full: Contents, other: Contents, say: Callable[[str], None]) -> bool:
    unlike = differences(full, other)
    unbuilt = [key for key, content in other.items() if content == "not built"]
    if not unlike and not unbuilt:
        say(f"holds: {what} ({len(other)} partitions)")
        return True
    for name, key in (unlike or unbuilt)[:10]:
        say(f"FAILS: {what}: {name} of {key} {'differs' if unlike else 'is not built'}")
    return False


def spread_cuts(days: list[dt.date], count: int) -> list[dt.date]:
    """Cut dates spread over the days, none of them the first or last."""
    return [days[len(days) * (n + 1) // (count + 1)] for n in range(count)]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m orchestration.prove", description=__doc__.split("\n")[0])
    parser.add_argument("--profile")
    parser.add_argument("--market")
    parser.add_argument("--cuts", type=int, default=3, help="how many dates the market is cut at, without --stage")
    parser.add_argument(
        "--stage", help="prove this stage's week tables alone, on a lake that is built, every week a cut"
    )
    parser.add_argument("--lake", help="the lake of --stage")
    options = parser.parse_args(arguments)
    names = Names.of(options.market, options.lake, options.profile)
    try:
        from orchestration.platform import PROFILES
        from resources.settings.load import load_profile

        profile = load_profile(names.settings, PROFILES)
        days = LandingZone(names.market).days()
        if options.stage:
            lake = Path(names.lake)
            with tempfile.TemporaryDirectory(
                prefix=".prove-", dir=lake.resolve().parent
            ) as work:  # links stay on one disk

                def world(folder: Path) -> Builder:
                    own = Names(names.market, str(folder), names.settings)
                    return open_builder(own, profile=profile, say=lambda line: None)

                held = prove_stage(world, lake, options.stage, Path(work), print)
            return 0 if held else 1
        with tempfile.TemporaryDirectory(prefix="zhoubao-prove-") as work:
            held = prove(Path(names.market), profile, spread_cuts(days, options.cuts), Path(work), print)
    except ZhoubaoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
