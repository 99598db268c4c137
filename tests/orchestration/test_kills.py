"""A run that is killed, interrupted or fails to write at any moment leaves a lake that the same command completes, bit for bit."""

import errno
import functools
import itertools
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.plan import make_plan
from resources import builder as building
from resources import store
from resources.errors import LakeError, ZhoubaoError
from resources.lease import LEASE, Holder
from resources.manifest_index import INDEX
from resources.processes import start_time
from resources.verified import VERIFIED
from tests.conftest import ROOT
from tests.orchestration import small_run
from tests.resources.small_market import WEEKS, deliver_market
from tests.resources.test_tampering import state

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([__name__])
KILLS = 45
SECONDS = 0.01  # of a partition of averages
TARGET = [("totals", WEEKS[-1])]
WRITES = (
    (store, "_write_beside"),
    (os, "replace"),
    (os, "link"),
    (Path, "unlink"),
    (Path, "mkdir"),
    (Path, "write_text"),
)
"""What changes the lake, and is made to fail or to kill the process."""


def build(market: str, lake: str, before: Callable[[], object] = lambda: None) -> None:
    """What a run of the driver does to a lake, without Dagster's record of it."""
    os.fsync = lambda descriptor: None
    building.REPORT_SECONDS = 0.05
    small_run.SECONDS = SECONDS
    before()
    own = small_run.open_small(market, lake)
    with own.lake.writing(kind="run"):
        while plan := make_plan(own, TARGET, own.tried):
            known = len(own.tried)
            for table in own.tables.values():
                own.build(table, [step.key for step in plan.steps if step.table is table])
            if len(own.tried) == known:
                break


def counting(limit: int, act: Callable[[], None], calls: list[str]) -> None:
    """Call `act` before the write number `limit` of this process, and count all of them."""

    def wrap(owner: object, name: str) -> None:
        real = getattr(owner, name)

        @functools.wraps(real)
        def counted(*arguments: object, **named: object) -> object:
            calls.append(f"{name} {arguments[0]}")
            if len(calls) == limit:
                act()
            return real(*arguments, **named)

        setattr(owner, name, counted)

    for owner, name in WRITES:
        wrap(owner, name)


def killed_at(limit: int) -> None:
    """Kill this process at a write."""
    counting(limit, lambda: os.kill(os.getpid(), signal.SIGKILL), [])


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return deliver_market(tmp_path_factory.mktemp("kills") / "market")


@pytest.fixture(scope="module")
def whole(market: Path) -> dict[str, object]:
    """The undisturbed lake."""
    lake = market.parent / "whole"
    run(market, lake)
    return state(lake)


def run(market: Path, lake: Path, before: Callable[[], object] | None = None) -> multiprocessing.Process:
    process = SERVER.Process(target=build, args=(str(market), str(lake), *([before] if before else [])), daemon=True)
    process.start()
    process.join(120)
    return process


def require_whole(market: Path, lake: Path, whole: dict[str, object]) -> None:
    """The same command again completes the lake, and leaves nothing else in it."""
    assert run(market, lake).exitcode == 0
    assert state(lake) == whole
    assert not (lake / LEASE).exists()
    assert not list((lake / "_scratch").iterdir())
    assert not list((lake / "_work").glob("*/*"))
    assert not list(lake.glob("[!_]*/**/*.tmp"))


@pytest.mark.slow
def test_kills_at_random_moments(market: Path, tmp_path: Path, whole: dict[str, object]) -> None:
    """One lake is killed again and again while it grows, and is started afresh when it is complete."""
    draw, lakes, killed = random.Random(4), 0, 0
    lake = tmp_path / "0"
    while killed < KILLS:
        process = SERVER.Process(target=build, args=(str(market), str(lake)), daemon=True)
        process.start()
        deadline = time.monotonic() + 60
        while not (lake / LEASE).exists() and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.25))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        if process.exitcode == 0 or killed % 15 == 0:
            require_whole(market, lake, whole)
            lakes += 1
            lake = tmp_path / str(lakes)
    assert lakes >= 3


@pytest.mark.slow
def test_kills_at_writes_of_every_kind(market: Path, tmp_path: Path, whole: dict[str, object]) -> None:
    """At each of the first writes, then at every seventh, so that each write of a partition is among them."""
    kills = 0
    for limit in itertools.chain(range(1, 8), itertools.count(8, 7)):
        if run(market, tmp_path / str(limit), functools.partial(killed_at, limit)).exitcode != -signal.SIGKILL:
            break
        kills += 1
        require_whole(market, tmp_path / str(limit), whole)
    assert kills > 30


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_write_that_fails_is_named_and_the_next_run_completes_the_lake(
    market: Path, tmp_path: Path, whole: dict[str, object], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """At every seventh write, so that each kind of write fails, and at the first ones, before anything is built."""
    total: list[str] = []
    with monkeypatch.context() as patched:
        keep(patched)
        counting(-1, lambda: None, total)
        build(str(market), str(tmp_path / "counted"))
    assert len(total) > 100
    named = 0
    for limit in (*range(1, 6), *range(6, len(total), 7)):
        lake = tmp_path / str(limit)

        def fail() -> None:
            raise OSError(number, os.strerror(number))

        calls: list[str] = []
        with monkeypatch.context() as patched:
            keep(patched)
            counting(limit, fail, calls)
            error = error_of(lambda lake=lake: build(str(market), str(lake)))
        if len(calls) < limit:  # how often memories are written depends on how long the run takes
            continue
        if error is not None:
            assert os.strerror(number) in str(error), calls[limit - 1]
            named += 1
        else:  # the lake is built without memories of verified parts and manifests, without the renewal or the release of the lease
            assert any(name in calls[limit - 1] for name in (VERIFIED, INDEX, LEASE)), calls[limit - 1]
        if not calls[limit - 1].endswith(LEASE):  # of the lease itself, which a process that has ended does not hold
            assert not (lake / LEASE).exists(), calls[limit - 1]
        with monkeypatch.context() as patched:
            keep(patched)
            build(str(market), str(lake))
        assert state(lake) == whole, calls[limit - 1]
    assert named > 40


def error_of(act: Callable[[], None]) -> ZhoubaoError | None:
    """The error for users that an act ends with; any other exception passes."""
    try:
        act()
    except ZhoubaoError as error:
        return error
    return None


def keep(patched: pytest.MonkeyPatch) -> None:
    """Restore at the end of a block what `counting` and `build` replace."""
    for owner, name in (*WRITES, (building, "REPORT_SECONDS"), (small_run, "SECONDS")):
        patched.setattr(owner, name, getattr(owner, name))


def test_a_full_disk_names_the_file(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    keep(monkeypatch)
    monkeypatch.setattr(store, "_write_beside", full)
    with pytest.raises(
        LakeError, match=r"cannot be written: .*No space left on device.*partitions that are built are kept"
    ):
        build(str(market), str(tmp_path / "lake"))


def command(market: Path, lake: Path, seconds: float, workers: int = 0) -> subprocess.Popen:
    """The driver itself, with its Dagster run, as a command."""
    values = map(str, (market, lake, seconds, workers))
    arguments = [sys.executable, "-m", "tests.orchestration.small_run", *values]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize(
    ("number", "workers"),
    [
        (signal.SIGTERM, 0),
        (signal.SIGTERM, 2),
        *(pytest.param(one, n, marks=pytest.mark.slow) for one in (signal.SIGINT, signal.SIGKILL) for n in (0, 2)),
    ],
    ids=str,
)
def test_the_driver_ends_with_one_line_and_the_same_command_continues(
    market: Path, tmp_path: Path, whole: dict[str, object], number: signal.Signals, workers: int
) -> None:
    """Also with worker processes, which end with it, and whose partitions are as those of one process."""
    lake = tmp_path / "lake"
    process = command(market, lake, 60, workers)
    deadline = time.monotonic() + 120
    while len(list(lake.glob("prices/*/manifest.json"))) < 14 and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(1)  # in a partition of averages, inside a step of Dagster
    started = children(process.pid)
    assert len(started) == workers
    assert Holder.loads((lake / LEASE).read_bytes()).pid == process.pid
    process.send_signal(number)
    _, output = process.communicate(timeout=60)
    if number is signal.SIGKILL:
        assert (lake / LEASE).exists()
    else:
        assert process.returncode == 128 + number
        assert output.splitlines() == [
            f"ended by {number.name}. Partitions that are built are kept; the same command continues."
        ]
        assert not (lake / LEASE).exists()
        assert not list((lake / "_scratch").iterdir())
    deadline = time.monotonic() + 30
    while any(start_time(one) for one in started):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    again = command(market, lake, 0, workers)
    output, _ = again.communicate(timeout=240)
    assert again.returncode == 0
    assert ("has ended without finishing" in output) == (number is signal.SIGKILL)
    assert state(lake) == whole


@pytest.mark.slow
def test_two_drivers_do_the_work_once(market: Path, tmp_path: Path, whole: dict[str, object]) -> None:
    lake = tmp_path / "lake"
    both = [command(market, lake, 0.3) for _ in range(2)]
    output = [process.communicate(timeout=240)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(f"{count} to build" in text for text in output for count in (31, 0)) == [False, False, True, True]
    assert sum(f"(process {process.pid} on" in text for process in both for text in output) <= 1
    assert state(lake) == whole
