"""The point-in-time proofs of SPEC §9.1–2, over a whole market: truncation, noise, backfill equals day by day.

    python -m orchestration.prove [--profile sample] [--market market] [--cuts 3]
    python -m orchestration.prove --group portfolios [--lake lake]

This module cuts markets at a date, builds the chain without Dagster into a separate lake, and compares contents. The test suite
runs the same functions on a tiny market. With --group, only the week tables of one group are proved, over the whole history of a
lake that is built, with every week as a cut. Their inputs are read from that lake and are not built again.
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
from resources.landing import LandingZone
from resources.reference_tables import REFERENCE
from resources.settings.load import Profile

Contents = dict[tuple[str, dt.date], str]


def every_partition(builder: Builder, last: dt.date) -> list[tuple[str, dt.date]]:
    """List all partitions of all tables up to the day `last`, in the order in which the data flows."""
    calendar = builder.calendar
    days = calendar.days(builder.start, last)
    # A week counts from its last trading day on. The first week may have begun before the data.
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
    """Build all partitions as a backfill does: each day table over its whole range, then the week tables week by week."""
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
    """Build all partitions as the daily operation does: every day after its close, and a week's tables on its signal day."""
    partitions = every_partition(builder, last)
    by_day: dict[dt.date, list[tuple[str, dt.date]]] = {}
    for name, key in partitions:
        by_day.setdefault(builder.signal_day(builder.tables[name], key), []).append((name, key))
    for day in sorted(by_day):
        for name, key in by_day[day]:
            builder.build(builder.tables[name], [key])
    return contents(builder, partitions)


def contents(builder: Builder, partitions: Iterable[tuple[str, dt.date]]) -> Contents:
    """Read the content digest of each partition: of its rows, side files and n/a reasons; "not built" where there is none."""
    builder.lake.forget()
    found: Contents = {}
    for name, key in partitions:
        manifest = builder.lake.manifest(builder.tables[name], key)
        found[name, key] = manifest.content if manifest else "not built"
    return found


def differences(left: Contents, right: Contents) -> list[tuple[str, dt.date]]:
    """The partitions that are in both mappings with different contents, ascending."""
    return sorted(key for key in left.keys() & right.keys() if left[key] != right[key])


# --- markets cut at a date ------------------------------------------------------------------------------------------


def truncate(market: Path, cut: dt.date, target: Path) -> Path:
    """Copy a landing zone to `target` without anything that became known after the close of `cut`."""
    return _after(market, cut, target, lambda frame, column: frame.clear(), replace_files=None)


def add_noise(market: Path, cut: dt.date, target: Path, seed: int) -> Path:
    """Copy a landing zone to `target` with noise in place of everything that became known after the close of `cut`."""
    generator = np.random.default_rng(seed)
    return _after(market, cut, target, lambda frame, column: scramble(frame, generator), replace_files=generator)


def scramble(frame: pl.DataFrame, generator: np.random.Generator) -> pl.DataFrame:
    """Replace numbers and flags by noise and permute industries; other columns and the number of rows stay."""
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
        # The noise of vendor files is the tape of a random later day under this day's name.
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
    _write_reference(zone, cut, target / "reference", change, replace_files is not None)
    return target


def known_reference(zone: LandingZone, cut: dt.date, folder: Path) -> None:
    """Write the reference tables into a folder, without the rows that became known after the close of `cut`."""
    _write_reference(zone, cut, folder, lambda frame, column: frame.clear(), False)


def _write_reference(
    zone: LandingZone, cut: dt.date, folder: Path, change: Callable[[pl.DataFrame, str], pl.DataFrame], noise: bool
) -> None:
    for name, spec in REFERENCE.items():
        frame = zone.frame(name)
        if frame is None:
            continue
        known, later = frame.filter(pl.col(spec.known) <= cut), frame.filter(pl.col(spec.known) > cut)
        if name == "instruments":  # a delisting after the cut is not known at the cut
            unknown = pl.lit(cut + dt.timedelta(days=1)) if noise else pl.lit(None, pl.Date)
            known = known.with_columns(
                delist_date=pl.when(pl.col("delist_date") > cut).then(unknown).otherwise("delist_date")
            )
        later = change(later, spec.known)
        columns = [c for c in frame.columns if frame[c].null_count() < frame.height or c in spec.required]
        pl.concat([known, later]).select(columns).write_parquet(folder / f"{name}.parquet")


# --- the command ----------------------------------------------------------------------------------------------------


def prove(market: Path, profile: Profile, cuts: list[dt.date], work: Path, say: Callable[[str], None]) -> bool:
    """Run the three proofs on a market: backfill against day by day, truncation, and noise.

    Args:
        market: the landing zone.
        profile: the settings.
        cuts: the dates after which data is removed or replaced by noise.
        work: an empty folder for markets and lakes.
        say: receives one line per result.

    Returns:
        Whether all proofs hold.
    """

    def open_on(landing: Path, lake: str) -> Builder:
        return open_builder(Names(str(landing), str(work / lake), ""), profile=profile, say=lambda line: None)

    began = time.perf_counter()
    last = LandingZone(market).days()[-1]
    full = build_at_once(open_on(market, "full"), last)
    say(f"backfill: {len(full)} partitions up to {last} in {time.perf_counter() - began:.0f} s")
    proved = _verdict("backfill equals day by day", full, build_day_by_day(open_on(market, "by_day"), last), say)
    for n, cut in enumerate(cuts):
        short = truncate(market, cut, work / f"cut{n}" / market.name)
        proved &= _verdict(
            f"removing everything after {cut} changes nothing",
            full,
            build_at_once(open_on(short, f"cut{n}_lake"), cut),
            say,
        )
        noisy = add_noise(market, cut, work / f"noise{n}" / market.name, seed=n)
        proved &= _verdict(
            f"noise after {cut} changes nothing", full, build_at_once(open_on(noisy, f"noise{n}_lake"), cut), say
        )
    return proved


# --- one group over the history of a lake ----------------------------------------------------------------------------

Spoil = Callable[[Path], None]  # removes or falsifies the folder of a partition that is dated after the cut


def prove_group(
    open_lake: Callable[[Path], Builder], lake: Path, group: str, work: Path, say: Callable[[str], None]
) -> bool:
    """Prove that no week of a group's week tables depends on how it is built or on anything that is dated after it.

    The week tables are built at once, week by week, and once more for every week as a cut: everything that is dated after
    the week, including the group's own later weeks, is then removed or replaced by noise.

    Args:
        open_lake: opens a builder on a lake.
        lake: a lake with everything that the group reads; it is not changed.
        group: the group's name.
        work: an empty folder on the same file system as the lake.
        say: receives one line per result.

    Returns:
        Whether all contents are equal.

    Raises:
        SettingsError: the group has no week tables, it reads the landing zone, or its inputs are not built in the lake.
    """
    source = open_lake(lake)
    tables = [table for table in source.tables.values() if table.group == group and table.partition == "week"]
    made = {table.name for table in tables}
    built = [source.lake.keys(source.tables[read.table]) for t in tables for read in t.reads if read.table not in made]
    landed = [table.name for table in tables if table.lands]
    if not tables or not all(built) or landed:
        raise SettingsError(
            f"The group {group} cannot be proved on {lake}: "
            + (
                "it has no week tables. Name another group."
                if not tables
                else f"its tables {', '.join(landed)} read the landing zone, which --group does not cut. Run without --group."
                if landed
                else "its inputs are not built there. Build a report first."
            )
        )
    last = max(source.signal_day(table, source.lake.keys(table)[-1]) for table in tables if source.lake.keys(table))
    weeks = sorted({key for name, key in every_partition(source, last) if name in made})
    partitions = [(table.name, week) for week in weeks for table in tables]

    at_once = open_lake(_without(lake, made, work / "at_once"))
    for table in tables:
        at_once.build(table, weeks)
    full = contents(at_once, partitions)
    say(f"{len(weeks)} weeks of {', '.join(made)}, {weeks[0]} to {weeks[-1]}")
    weekly = _without(lake, made, work / "weekly")
    for week in weeks:
        builder = open_lake(weekly)
        for table in tables:
            builder.build(table, [week])
    proved = _verdict("week by week is the same as at once", full, contents(open_lake(weekly), partitions), say)

    generator = np.random.default_rng(0)

    def replace_by_noise(partition: Path) -> None:
        part = partition / "part.parquet"
        if part.exists():
            noise = scramble(pl.read_parquet(part), generator)
            part.unlink()  # the file is a hard link that another lake shares
            noise.write_parquet(part)

    for spoil, condition in ((shutil.rmtree, "with nothing after it"), (replace_by_noise, "with noise after it")):
        spoiled = work / condition.replace(" ", "_")
        shutil.copytree(work / "at_once", spoiled, copy_function=os.link)
        found = _from_the_last_week_back(open_lake, spoiled, made, weeks, spoil)
        proved &= _verdict(f"every week is the same {condition}", full, found, say)
    return proved


def _without(lake: Path, tables: set[str], target: Path) -> Path:
    """Copy a lake without some tables. Files are hard links, which is safe because a lake replaces files and never changes them."""
    shutil.copytree(
        lake, target, copy_function=os.link, ignore=lambda folder, names: tables if folder == str(lake) else ()
    )
    return target


def _from_the_last_week_back(
    open_lake: Callable[[Path], Builder], lake: Path, made: set[str], weeks: list[dt.date], spoil: Spoil
) -> Contents:
    """For each week, from the last one back: spoil everything that is dated after the week, and build the week again."""
    found: Contents = {}
    for week in reversed(weeks):
        builder = open_lake(lake)
        cut = builder.calendar.signal_day(week)
        for table in builder.tables.values():
            for key in builder.lake.keys(table):
                partition = lake / builder.lake.folder(table, key)
                if builder.signal_day(table, key) > cut and not (partition / SPOILED).exists():
                    spoil(partition)
                    if partition.exists():
                        (partition / SPOILED).touch()
        own = [builder.tables[name] for name in builder.tables if name in made]
        for table in own:  # otherwise a week that cannot be built would keep its earlier content
            shutil.rmtree(lake / builder.lake.folder(table, week))
        builder.lake.forget()
        for table in own:
            builder.build(table, [week])
        found |= contents(builder, [(table.name, week) for table in own])
    return found


SPOILED = "spoiled"


def _verdict(claim: str, full: Contents, other: Contents, say: Callable[[str], None]) -> bool:
    different = differences(full, other)
    unbuilt = [key for key, content in other.items() if content == "not built"]
    if not different and not unbuilt:
        say(f"holds: {claim} ({len(other)} partitions)")
        return True
    for name, key in (different or unbuilt)[:10]:
        say(f"FAILS: {claim}: {name} of {key} {'differs' if different else 'is not built'}")
    return False


def spread_cuts(days: list[dt.date], count: int) -> list[dt.date]:
    """Select `count` cut dates that are evenly spread between the first and the last of the days."""
    return [days[len(days) * (n + 1) // (count + 1)] for n in range(count)]


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code: 0 where all proofs hold, 1 where one fails or after an error."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.prove", description=__doc__.split("\n")[0])
    parser.add_argument("--profile")
    parser.add_argument("--market")
    parser.add_argument(
        "--cuts", type=int, default=3, help="number of dates at which the market is cut, without --group"
    )
    parser.add_argument(
        "--group", help="prove only this group's week tables, on a lake that is built, with every week as a cut"
    )
    parser.add_argument("--lake", help="the lake that --group reads")
    options = parser.parse_args(arguments)
    names = Names.of(options.market, options.lake, options.profile)
    try:
        from orchestration.platform import PROFILES
        from resources.settings.load import load_profile

        profile = load_profile(names.settings, PROFILES)
        days = LandingZone(names.market).days()
        if options.group:
            lake = Path(names.lake)
            # Hard links need the work folder on the lake's file system.
            with tempfile.TemporaryDirectory(prefix=".prove-", dir=lake.resolve().parent) as work:

                def open_lake(folder: Path) -> Builder:
                    own = Names(names.market, str(folder), names.settings)
                    return open_builder(own, profile=profile, say=lambda line: None)

                proved = prove_group(open_lake, lake, options.group, Path(work), print)
            return 0 if proved else 1
        with tempfile.TemporaryDirectory(prefix="zhoubao-prove-") as work:
            proved = prove(Path(names.market), profile, spread_cuts(days, options.cuts), Path(work), print)
    except ZhoubaoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0 if proved else 1


if __name__ == "__main__":
    sys.exit(main())
