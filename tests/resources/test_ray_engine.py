"""The engine of Ray: its workers build what one process builds, and nothing of Ray is left behind."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from resources import ray_engine, worker
from resources.builder import Builder
from resources.errors import MachineError, SettingsError
from resources.lake import Lake
from resources.landing import LandingZone
from resources.ray_engine import Ray
from resources.settings.engine import EngineSettings
from resources.worker import Opening
from tests.conftest import ROOT
from tests.resources.small_market import CALENDAR, DAYS, deliver, deliver_market
from tests.resources.test_engines import (
    DEADLY,
    DEADLY_ONCE,
    TABLES,
    FakeSettings,
    Rounds,
    compare,
    open_world,
    rounds,
)
from tests.resources.test_pool import open_worker
from tests.resources.test_tampering import state

slow = pytest.mark.slow
# One way to authenticate for all Ray in this process, which reads it once.
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_AUTH_TOKEN", "token of the tests")


def engine(market: Path, lake: Path, address: str = "", workers: int = 2) -> Ray:
    one = EngineSettings(engine="ray", address=address, workers=workers, threads=1, worker_gb=0.5)
    return Ray(Opening.of("tests.resources.test_engines:open_worker", (market, lake)), one)


# --- without Ray ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["", "auto", "node1:6379", "10.0.0.1:6379"])
def test_an_address_names_a_cluster(address: str) -> None:
    assert EngineSettings(address=address).address == address


@pytest.mark.parametrize("address", ["node1", "ray://node1:10001", " auto", "node1:port"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        EngineSettings(address=address)


def test_a_missing_package_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"needs the package ray, which is not installed\. Install the extra `ray`"):
        Ray(Opening("", (), (), ""), EngineSettings())


class Nodes:
    """The part of Ray that knows the nodes: (cores, GB, GPUs) of each, and one that has left the cluster."""

    def __init__(self, *nodes: tuple[float, float, float]):
        self._nodes = [{"CPU": cpu, "memory": gb * 2**30, "GPU": gpus} for cpu, gb, gpus in nodes]

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": one} for one in self._nodes] + [
            {"Alive": False, "Resources": {"CPU": 64.0, "memory": 2.0**40, "GPU": 8.0}}
        ]


@pytest.mark.parametrize(
    ("given_settings", "nodes", "workers"),
    [
        ({}, [(4, 100, 0), (8, 100, 0)], 12),
        ({}, [(4, 9, 0), (8, 17, 0)], 6),
        ({"threads": 3}, [(4, 100, 0), (8, 100, 0)], 3),
        ({"threads": 16}, [(4, 100, 0)], 1),
        ({"worker_gpus": 0.5}, [(4, 100, 1), (8, 100, 0)], 2),
        ({"workers": 40}, [(4, 100, 0)], 40),
    ],
)
def test_a_cluster_holds_as_many_workers_as_its_living_nodes(
    given_settings: dict[str, Any], nodes: list[tuple[float, float, float]], workers: int
) -> None:
    one = Ray(Opening("", (), (), ""), EngineSettings(address="auto", **given_settings))
    assert one._limit() == given_settings.get("workers", 1)  # it has not joined the cluster
    one._ray = Nodes(*nodes)
    assert one._limit() == workers


@pytest.mark.parametrize("folder", ["/tmp", "/a/long/path/of/temporary/files/of/this/user"])
def test_the_sockets_of_ray_have_a_short_path(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: folder)
    own = ray_engine._folder()
    own.rmdir()
    assert own.parent == Path("/tmp")


def test_an_account_of_ray_is_one_line_with_its_end() -> None:
    assert ray_engine._account("The \x1b[36mactor\x1b[39m\n  died.\n  ^^^^^\n") == "The actor died"
    long = ray_engine._account(f"It died: {'line ' * 1000} FileNotFoundError: /data.")
    assert long.startswith("It died: line")
    assert long.endswith("FileNotFoundError: /data")
    assert len(long) < 700


@slow
@pytest.mark.parametrize("name", ["_own_paths", "os.getcwd"])
def test_a_machine_without_the_project_is_named_with_the_cause(
    market: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of the run that is not there, as the one in which it was started and one from which it imports."""
    missing = str(tmp_path / "missing")
    monkeypatch.setattr(f"resources.ray_engine.{name}", lambda: [missing] if name == "_own_paths" else missing)
    opening = Opening.of("tests.resources.test_engines:open_worker", (market, tmp_path / "lake"))
    one = Ray(opening, EngineSettings(engine="ray", workers=1, threads=1, worker_gb=0.5))
    if name == "_own_paths":
        monkeypatch.chdir(tmp_path)  # Ray adds the folder of the run
    with pytest.raises(
        MachineError, match=r"No partition could be made: 2 Ray workers .*ip=.*(No module named|missing)"
    ):
        open_world(market, tmp_path / "lake", one).build(TABLES["prices"], DAYS)


# --- Ray on this machine -------------------------------------------------------------------------------------------------


def processes_of(folder: Path) -> list[str]:
    """The numbers of the processes, of all but this one, whose command names a folder or that have a file in it open."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            files = [os.readlink(one) for one in (path / "fd").iterdir()]
            named = str(folder).encode() in (path / "cmdline").read_bytes()
            if (named or any(one.startswith(f"{folder}/") for one in files)) and path.name != str(os.getpid()):
                found.append(path.name)
    return found


def gone(folder: Path, seconds: float = 60) -> bool:
    """Whether all processes of a folder end within this time."""
    until = time.monotonic() + seconds
    while processes_of(folder) and time.monotonic() < until:
        time.sleep(0.2)
    return not processes_of(folder)


@slow
def test_ray_on_this_machine_replaces_a_dead_worker_and_leaves_nothing(market: Path, tmp_path: Path, capfd) -> None:
    deliver(market, DAYS[4], {"600000.SH": DEADLY_ONCE})
    said: list[str] = []
    lake, handler = tmp_path / "lake", signal.getsignal(signal.SIGTERM)
    one = engine(market, lake)
    with one:
        outcomes = open_world(market, lake, one, say=said.append).build(TABLES["prices"], DAYS)
        own = one._own
        assert own is not None
        assert processes_of(own)
    assert {outcome.state for outcome in outcomes} == {"built"}
    assert set(said) == {f"prices of {day}" for day in DAYS}
    assert signal.getsignal(signal.SIGTERM) is handler
    assert gone(own)
    assert not own.exists()
    assert not list((lake / "_scratch").iterdir())
    assert "Started a local Ray" not in capfd.readouterr().err


@slow
def test_two_dead_workers_are_a_fault_of_the_machine_and_no_verdict(market: Path, tmp_path: Path) -> None:
    deliver(market, DAYS[-1], {"600000.SH": DEADLY})
    lake = tmp_path / "lake"
    builder = open_world(market, lake, engine(market, lake, workers=1))
    with pytest.raises(
        MachineError, match=rf"prices of {DAYS[-1]} could not be made: 2 Ray workers ended while they made it"
    ):
        builder.build(TABLES["prices"], DAYS)
    assert builder.lake.keys(TABLES["prices"]) == DAYS[:-1]
    assert not list((lake / "_scratch").iterdir())


@slow
def test_a_cluster_that_is_not_there_is_named(market: Path, tmp_path: Path) -> None:
    builder = open_world(market, tmp_path / "lake", engine(market, tmp_path / "lake", "127.0.0.1:1"))
    with pytest.raises(MachineError, match=r"Ray does not run at 127\.0\.0\.1:1: "):
        builder.build(TABLES["prices"], DAYS)


def open_elsewhere(market: Path, lake: str, *, say: Callable[[str], None]) -> Builder:
    """A worker that is on another machine than the coordinator, as far as it can see."""
    worker.sees, worker.PIECE = lambda folder: False, 1000
    return open_worker(market, lake, say=say)


@slow
def test_results_for_a_lake_on_s3_come_through_ray(market: Path, tmp_path: Path, bucket: str) -> None:
    store = Lake(bucket)
    opening = Opening.of(f"{__name__}:open_elsewhere", (market, bucket))
    one = Ray(opening, EngineSettings(engine="ray", workers=1, threads=1, worker_gb=0.5))
    together = Builder(
        tables=TABLES, lake=store, zone=LandingZone(market, store.store), calendar=CALENDAR, settings=FakeSettings(), engine=one
    )  # fmt: skip
    alone = open_world(market, tmp_path / "lake")
    for builder in (alone, together):
        assert {outcome.state for outcome in builder.build(TABLES["prices"], DAYS[:4])} == {"built"}
    for day in DAYS[:4]:
        assert store.manifest(TABLES["prices"], day).content == alone.lake.manifest(TABLES["prices"], day).content
    assert not list(store.store.scratch_root.glob("*/*"))


_RUN = """
import sys, time
from pathlib import Path
import tests.conftest
from tests.resources import test_ray_engine
from tests.resources.small_market import DAYS
from tests.resources.test_engines import TABLES, open_world
from orchestration.interrupts import interruptible
market, lake = map(Path, sys.argv[1:])
engine = test_ray_engine.engine(market, lake)

def report(table, outcomes):
    print(engine._own, flush=True)
    time.sleep(600)

with interruptible(), engine:
    open_world(market, lake, engine).build(TABLES["prices"], DAYS, report=report)
"""


@slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_interrupted_leaves_no_process(market: Path, tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, str(market), str(tmp_path / "lake")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    own = Path(process.stdout.readline().strip())
    try:
        assert processes_of(own)
        process.send_signal(number)
        assert process.wait(60) != 0
        assert gone(own, 60 if number != signal.SIGKILL else 300)  # Ray's own agents wait a minute for their server
        assert own.exists() == (number == signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(own, ignore_errors=True)


# --- a cluster; a process belongs to one Ray at a time, so that these tests come last ------------------------------------


_CLUSTER = """
import sys
from ray.cluster_utils import Cluster
nodes = {"num_cpus": 1, "memory": 1 << 30, "object_store_memory": 100 << 20, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=nodes)
nodes.pop("include_dashboard")
other = cluster.add_node(**nodes)
print("cluster", cluster.address, flush=True)
for line in sys.stdin:
    cluster.remove_node(other, allow_graceful=False)
    print("removed", flush=True)
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Two nodes of Ray on this machine, of one core each, and the process that removes one of them when it gets a line."""
    folder = tempfile.mkdtemp(prefix="zr-", dir="/tmp")
    process = subprocess.Popen(
        [sys.executable, "-c", _CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": folder},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield next(line.split()[1] for line in process.stdout if line.startswith("cluster ")), process
    finally:
        process.stdin.close()
        try:
            process.wait(60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def pair(cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, Path, Ray]]:
    root = tmp_path_factory.mktemp("ray")
    market, inline, parallel = root / "market", root / "inline", root / "parallel"
    deliver_market(market)
    with engine(market, parallel, cluster[0]) as one:
        yield market, inline, parallel, one


@slow
@settings(max_examples=8)
@given(rounds())
def test_ray_builds_what_one_process_builds(pair: tuple[Path, Path, Path, Any], given_rounds: Rounds) -> None:
    """Outcomes, manifests, bytes, issues and what the run remembers, on a cluster of two nodes."""
    compare(pair, given_rounds)


@slow
def test_the_task_of_a_lost_node_is_made_on_another_one(pair, cluster, tmp_path: Path) -> None:
    market, _, lake, one = pair
    shutil.rmtree(market)
    deliver_market(market)
    open_world(market, tmp_path / "alone").build(TABLES["prices"], DAYS)
    while sum(worker.ready for worker in one._workers) < 2:
        shutil.rmtree(lake, ignore_errors=True)
        open_world(market, lake, one).build(TABLES["prices"], DAYS)
    shutil.rmtree(lake, ignore_errors=True)
    process = cluster[1]
    process.stdin.write("remove a node\n")
    process.stdin.flush()
    assert process.stdout.readline() == "removed\n"
    assert sum(worker.ready for worker in one._workers) == 2
    outcomes = open_world(market, lake, one).build(TABLES["prices"], DAYS)
    assert {outcome.state for outcome in outcomes} == {"built"}
    assert [worker.ready for worker in one._workers].count(True) == 1  # Ray has no core for another one
    assert state(tmp_path / "alone") == state(lake)
