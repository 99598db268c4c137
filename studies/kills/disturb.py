"""The disturbances of runs of the driver: their kinds, their moments, and how a run that is disturbed must end."""

import argparse
import collections
import contextlib
import io
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.tables import load_tables
from resources.issues import ISSUES
from resources.lease import LEASE
from resources.manifest import MANIFEST, PART
from resources.store import SCRATCH, WORK
from resources.verified import VERIFIED
from studies.command import StudyError
from studies.soak.services import Disk

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    ["__main__", "orchestration.recorder", "orchestration.run", "studies.kills.digested", "numba", "torch"]
)
"""Forks the processes of the driver from one that has imported it and read its sources, which takes most of the time of a start."""

DAMAGES = ("flipped bit", "truncated part", "truncated manifest", "wrong type in a manifest")
FULL, READ_ONLY = "full disk", "read-only lake"
WEIGHTS = {"SIGKILL": 22, "SIGTERM": 10, "SIGINT": 10, FULL: 9, READ_ONLY: 9, **dict.fromkeys(DAMAGES, 10)}
AFTER_A_KILL = 1 / 3  # share of the damages
EARLY, EARLY_SECONDS = 0.12, 3.0  # share of the moments before the plan, and the time in which they lie
AT_PUBLICATION = 6  # disturbances of a lake at the moment at which the report is published
MOST_FAILURES = 5  # of undisturbed runs
POLL_SECONDS, END_SECONDS = 0.02, 120.0
START, NOTHING = "start", "first partition"
PLANNED, TRACEBACK = b" examined in ", b"Traceback (most recent call last)"


@dataclass(frozen=True)
class Disturbance:
    """One disturbance.

    group: the group of what the run had written last. lost: the seconds of work since then, which are done again; None where the run went on.
    """

    kind: str
    group: str
    lost: float | None


@dataclass
class Run:
    """One process of the driver, whose output is the end of a log from a place on.

    published: the state of the issues when it was started. planned: when its plan was printed. since: the same, or the end of its last
    disturbance. weakened: whether it may fail by an earlier disturbance.
    """

    driver: Callable[[Path, Mapping[str, str]], None]
    log: Path
    begins: int
    published: object
    began: float = field(default_factory=time.time)
    planned: float | None = None
    since: float = 0.0
    weakened: bool = False

    def __post_init__(self) -> None:
        self.process = SERVER.Process(target=self.driver, args=(self.log, dict(os.environ)), daemon=True)
        self.process.start()

    def output(self) -> bytes:
        """What the process has printed."""
        return self.log.read_bytes()[self.begins :]

    def is_planned(self) -> bool:
        """Whether the plan has been printed."""
        if self.planned is None and PLANNED in self.output():
            self.planned = self.since = time.time()
        return self.planned is not None

    def end(self, seconds: float = 0.0) -> int | None:
        """Wait for the end and return the exit code; None where the process runs on."""
        self.process.join(seconds)
        return self.process.exitcode

    def kill(self) -> None:
        """Kill the process, and wait for it."""
        self.process.kill()
        self.process.join()

    def members(self) -> list[int]:
        """The process ids, as of a service."""
        return [self.process.pid or 0]


def drive(log: Path, environment: Mapping[str, str]) -> None:
    """The driver without arguments, in a process of its own: `python -m orchestration.run` under this environment, with its output in a log."""
    from orchestration import run

    redirect(log, environment)
    sys.exit(run.main([]))


def redirect(log: Path, environment: Mapping[str, str]) -> None:
    """Give this process an environment, and append its output to a log."""
    os.environ.clear()
    os.environ |= environment
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(line_buffering=True)


class Disturber:
    """Disturbs the runs of one lake after the other, until no kind of disturbance is left.

    problems: what did not end as documented. rebuilt: by table, the partitions that runs found damaged.
    """

    def __init__(
        self,
        options: argparse.Namespace,
        say: Callable[[str], None],
        driver: Callable[[Path, Mapping[str, str]], None] = drive,
    ):
        self._driver, self._options, self._say, self._draw = driver, options, say, random.Random(options.seed)
        self.kinds = self._draw.choices(list(WEIGHTS), list(WEIGHTS.values()), k=options.disturbances)
        self._until = time.time() + 60 * options.minutes
        self._groups = {name: table.group for name, table in load_tables().items()}
        self.done: list[Disturbance] = []
        self.problems: list[str] = []
        self.rebuilt: collections.Counter[str] = collections.Counter()

    def complete(self, lake: Path, disk: Disk, log: Path) -> None:
        """Repeat the command, disturbed as long as disturbances are left, until a run that was not disturbed succeeds.

        Raises:
            StudyError: it fails again and again.
        """
        self._lake, self._disk, self._at_publication, failures = lake, disk, AT_PUBLICATION, 0
        run = None
        while run is None or run.end() != 0 or run.weakened:
            run = self._start(log)
            try:
                while self.kinds and self._moment(run):
                    self._disturb(run)
                code = run.end(0.0 if self.kinds else self._options.patience)
            finally:
                run.kill()
            if code != 0 and not run.weakened:
                failures += 1
                self._note(run, f"a run that was not disturbed ended with {code}")
            if failures > MOST_FAILURES:
                raise StudyError(f"The command does not succeed. Its output is in {log}.")
        for table, count in re.findall(r"^  (\w+) +(\d+)  damaged", log.read_text("utf-8"), re.M):
            self.rebuilt[table] += int(count)

    def _start(self, log: Path) -> Run:
        log.touch()
        return Run(self._driver, log, log.stat().st_size, self._published())

    def _moment(self, run: Run) -> bool:
        """Wait for the next moment; False where the run ends before it, or where the time of disturbances is over."""
        early, mean = self._draw.random() < EARLY and run.planned is None, self._options.mean_seconds
        seconds = self._draw.uniform(0, EARLY_SECONDS) if early else min(self._draw.expovariate(1 / mean), 4 * mean)
        while run.end(POLL_SECONDS) is None:
            if time.time() > self._until:
                self.kinds.clear()
                return False
            if early and time.time() - run.began >= seconds:
                return True
            if not run.is_planned():
                continue
            if self._at_publication and self._published() != run.published:
                self._at_publication -= 1
                run.published = self._published()
                return run.end(self._draw.uniform(0, 1) ** 2) is None
            if not early and time.time() - run.since >= seconds:
                return True
        return False

    def _published(self) -> object:
        """The state of the issues and of the report's partitions."""
        return _times([*self._lake.glob(f"{ISSUES}/*/*"), *self._lake.glob("report/*/*")])

    def _disturb(self, run: Run) -> None:
        kind, partitions = self.kinds.pop(), sorted(self._lake.glob(f"[!_.]*/*/{MANIFEST}"))
        if kind in DAMAGES and not partitions:  # nothing is written yet
            self.kinds.insert(0, kind)
            kind = "SIGKILL"
        (group, written), at = self._written_last(run, partitions), time.time()
        run.weakened = True
        if kind in DAMAGES:
            if self._draw.random() < AFTER_A_KILL:
                run.kill()
            table = self._draw.choice(sorted({path.parts[-3] for path in partitions}))
            damage(self._draw.choice([path for path in partitions if path.parts[-3] == table]), kind, self._draw)
            kind += "" if run.end() is None else ", after a kill"
        elif kind in (FULL, READ_ONLY):
            kind = self._stop_writes(run, kind)
            self._require_end(run, {None, 0, 1})
        else:
            number = signal.Signals[kind]
            os.kill(run.members()[0], number)
            run.end(END_SECONDS)
            self._require_end(run, {-number if number == signal.SIGKILL else 128 + number})
        run.since = time.time()
        self.done.append(Disturbance(kind, group, None if run.end() is None else at - written))
        self._say(f"  {len(self.done):3d}  {kind}; group {group}; exit code {run.end()}")

    def _require_end(self, run: Run, codes: set[int | None]) -> None:
        """Note a problem where a run that had planned did not end as documented. One that still imports ends as Python does."""
        if run.is_planned() and (run.end() not in codes or TRACEBACK in run.output()):
            self._note(run, f"exit code {run.end()} instead of {codes}")

    def _note(self, run: Run, what: str) -> None:
        self.problems.append(f"{what}: {run.output()[-800:].decode(errors='replace')}")
        self._say(f"  PROBLEM: {self.problems[-1]}")

    def _stop_writes(self, run: Run, kind: str) -> str:
        """Make the disk full, or read-only where that can be had, for some seconds, and return what it was."""
        kind = READ_ONLY if kind == READ_ONLY and self._remount("ro") else FULL
        if kind == FULL:
            self._disk.fill(run)
        run.end(self._draw.uniform(1, 8))
        if kind == FULL:
            self._disk.free(run)
        elif not self._remount("rw"):
            raise StudyError(f"{self._disk.folder} cannot be made writable again.")
        return kind

    def _remount(self, how: str) -> bool:
        """Remount the disk; False where there is none, or where files stay open for writing. Modes of files do not stop root."""
        command = ["mount", "-o", f"remount,{how}", str(self._disk.folder)]
        for _ in range(100 if self._disk.mounted else 0):
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _written_last(self, run: Run, partitions: list[Path]) -> tuple[str, float]:
        """The group of the newest partition or state of a training of a run, and its time; before the first one, the time of the plan."""
        if not run.is_planned() or run.planned is None:
            return START, time.time()
        known = _times([*partitions, *(path for path in self._lake.glob(f"{WORK}/*/*/**/*") if path.is_file())])
        newest = max(known, key=lambda path: known[path], default=None)
        if newest is None or known[newest] < run.planned:
            return NOTHING, run.planned
        top, table = newest.relative_to(self._lake).parts[:2]
        return f"training of {table}" if top == WORK else self._groups.get(top, top), known[newest]


def begin(lake: Path, undisturbed: Path, missing: float, draw: random.Random) -> None:
    """Begin a lake as a copy of the undisturbed one without its reports, its issues and a random share of its other partitions."""
    shutil.copytree(
        undisturbed, lake, ignore=shutil.ignore_patterns(ISSUES, WORK, SCRATCH, VERIFIED, f"{LEASE}*", "report")
    )
    for partition in sorted(path.parent for path in lake.glob(f"*/*/{MANIFEST}")):
        if draw.random() < missing:
            shutil.rmtree(partition)


def damage(manifest: Path, how: str, draw: random.Random) -> None:
    """Damage a partition, given by its manifest, in one of the ways of DAMAGES. A bit is flipped in its part."""
    path = manifest.with_name(PART) if how in DAMAGES[:2] else manifest
    data = bytearray(path.read_bytes())
    if how == "flipped bit":
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    elif how.startswith("truncated"):
        del data[draw.randrange(len(data)) :]
    else:  # without a seal, as an earlier version wrote it, so that the types of its fields decide
        saved = {name: value for name, value in json.loads(data).items() if name not in ("format", "seal")}
        data = bytearray(json.dumps({**saved, draw.choice(["rows", "inputs", "checks"]): "x"}).encode())
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


def _times(paths: Iterable[Path]) -> dict[Path, float]:
    """When files were changed last, without those that have vanished."""
    found = {}
    for path in paths:
        with contextlib.suppress(OSError):
            found[path] = path.stat().st_mtime
    return found
