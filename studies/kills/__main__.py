"""The command of the study: it makes what is not given, disturbs runs, compares each lake, and prints two tables."""

import argparse
import collections
import contextlib
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestration.platform import ROOT
from sample_market.generate import generate
from sample_market.settings import profile
from studies.command import Say, run_study
from studies.kills.compare import check_lake
from studies.kills.disturb import Disturbance, Disturber, begin
from studies.soak.checks import Row, print_table
from studies.soak.services import Disk

MEGABYTES = 400  # of the disk, beside twice the size of the lake


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study and return the exit code: 0 where everything holds, otherwise 1."""
    parser = argparse.ArgumentParser(prog="python -m studies.kills", description="Full runs, disturbed at random.")
    parser.add_argument("--disturbances", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", default="sample", help="the settings, and the market where none is given")
    parser.add_argument("--market", type=Path, help="the landing zone; by default a sample market is made")
    parser.add_argument("--undisturbed", type=Path, help="its lake of an undisturbed run; by default it is built")
    parser.add_argument(
        "--missing", type=float, default=1.0, help="share of the partitions that a lake lacks at first; by default all"
    )
    parser.add_argument("--work", type=Path, help="an empty or new folder; by default a temporary one")
    parser.add_argument("--mean-seconds", type=float, default=12.0, help="mean time from a plan to a disturbance")
    parser.add_argument("--minutes", type=float, default=1e6, help="after which no run is disturbed any more")
    parser.add_argument("--patience", type=float, default=3600.0, help="seconds that an undisturbed run may take")
    options = parser.parse_args(arguments)
    return run_study(lambda work, say: _play(options, work, say), "kills", options.work)


def _play(options: argparse.Namespace, work: Path, say: Say) -> bool:
    if options.market is None:
        generate(profile(options.profile), work / "market", report=say)
    market, rows = (options.market or work / "market").resolve(), list[Row]()
    if options.undisturbed is None:
        say("the undisturbed run")
        with environment(market, options.profile, work / "undisturbed", work / "home"):
            subprocess.run([sys.executable, "-m", "orchestration.run"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    undisturbed = (options.undisturbed or work / "undisturbed").resolve()
    size = sum(path.stat().st_size for path in undisturbed.rglob("*"))
    disturber, number = Disturber(options, say), 0
    while disturber.kinds:
        place = work / f"lake_{number + 1}"
        place.mkdir(parents=True)
        number, lake = number + 1, place / "disk" / "lake"
        with (
            contextlib.closing(Disk(place / "disk", MEGABYTES + 2 * size // 10**6)) as disk,
            environment(market, options.profile, lake, place / "home"),
        ):
            say(f"lake {number}, on {disk.kind}")
            if options.missing < 1:
                begin(lake, undisturbed, options.missing, random.Random(options.seed + number))
                subprocess.run([sys.executable, "-m", "orchestration.sync"], cwd=ROOT, check=True)
            disturber.complete(lake, disk, place / "log")
            own = check_lake(lake, undisturbed)
            print_table(own)
            if disk.mounted and not all(row.holds for row in own):
                shutil.copytree(lake, place / "lake", symlinks=True)
        rows += [Row(f"lake {number}: {row.what}", row.holds, row.detail) for row in own]
    problems = disturber.problems
    detail = "; ".join(problems[:3]) or f"{len(disturber.done)} disturbances of {number} lakes"
    rows.append(Row("every run ended as documented", not problems, detail))
    print_disturbances(disturber.done)
    damaged = ", ".join(f"{count} of {table}" for table, count in sorted(disturber.rebuilt.items()))
    print(f"Partitions that were found damaged and built again: {damaged or 'none'}.")
    print_table(rows)
    return all(row.holds for row in rows)


@contextlib.contextmanager
def environment(market: Path, settings: str, lake: Path, home: Path) -> Iterator[None]:
    """The environment of the driver. Variables of another market are left out."""
    home.mkdir(mode=0o750, parents=True)
    shutil.copy(ROOT / "dagster.yaml", home / "dagster.yaml")
    before = dict(os.environ)
    for name in [one for one in os.environ if one.startswith("ZHOUBAO")]:
        del os.environ[name]
    os.environ |= {"ZHOUBAO_MARKET": str(market), "ZHOUBAO_LAKE": str(lake), "ZHOUBAO_SETTINGS": settings}
    os.environ |= {"DAGSTER_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def print_disturbances(done: Sequence[Disturbance]) -> None:
    """Print one line per kind: the number, the groups of tables with their numbers, and the longest time of work that was lost."""
    for kind in sorted({one.kind for one in done}):
        own = [one for one in done if one.kind == kind]
        groups = collections.Counter(one.group for one in own)
        longest = max((one.lost for one in own if one.lost is not None), default=0.0)
        listed = ", ".join(f"{count} {group}" for group, count in sorted(groups.items()))
        print(f"{len(own):4d}  {kind:<40} {longest:5.1f} s lost at most; {listed}")


if __name__ == "__main__":
    sys.exit(main())
