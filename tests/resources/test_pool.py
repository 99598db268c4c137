"""What engines of workers have in common, with workers that are threads: other machines, lost workers, and other versions."""

import dataclasses
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from resources import worker
from resources.builder import Builder
from resources.errors import InputError, MachineError
from resources.lake import Lake
from resources.landing import LandingZone
from resources.making import Task
from resources.pool import Pool, Worker
from resources.worker import FilePiece, Opening, Ready, Reply, TaskZone, work
from tests.resources.small_market import CALENDAR, DAYS, deliver
from tests.resources.test_engines import BROKEN, TABLES, FakeSettings, open_world
from tests.resources.test_tampering import state


class Threads(Pool):
    """Workers that are threads. lose: whether a worker is lost when it would send this message."""

    kind = "threads"

    def __init__(self, opening: Opening, most: int = 2, lose: Callable[[object], bool] = lambda message: False):
        super().__init__()
        self.opening, self.most, self.lose = opening, most, lose
        self.arrived, self.received = queue.SimpleQueue[Worker](), list[object]()

    def _limit(self) -> int:
        return self.most

    def _start(self) -> Worker:
        return Thread(self)

    def _next(self, workers: Sequence[Worker], say: Callable[[str], None]) -> Worker:
        while (one := self.arrived.get(timeout=60)) not in workers:
            pass
        return one


class Thread(Worker):
    def __init__(self, pool: Threads):
        super().__init__()
        self.pool, self.tasks, self.messages = pool, queue.SimpleQueue[Task](), queue.SimpleQueue[Any]()
        threading.Thread(target=work, args=[pool.opening, self.tasks.get, self.put], daemon=True).start()

    def put(self, message: object) -> None:
        self.messages.put(EOFError() if self.pool.lose(message) else message)
        self.pool.arrived.put(self)

    def send(self, task: Task) -> None:
        self.tasks.put(task)

    def receive(self) -> object:
        message = self.messages.get()
        self.pool.received.append(message)
        if isinstance(message, EOFError):
            raise message
        return message

    def end(self, seconds: float = 0) -> str:
        return "by the test"


def open_worker(market: Path, lake: str, *, say: Callable[[str], None]) -> Builder:
    store = Lake(lake)
    return Builder(
        tables=TABLES, lake=store, zone=TaskZone(market, store.store), calendar=CALENDAR, settings=FakeSettings(), say=say
    )  # fmt: skip


def opening(market: Path, lake: Path | str) -> Opening:
    return Opening.of(f"{__name__}:open_worker", (market, str(lake)))


def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the workers be on a machine that does not see the coordinator's folders."""
    monkeypatch.setattr(worker, "sees", lambda folder: False)


def test_a_worker_of_another_machine_needs_the_lake_that_is_a_folder(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere(monkeypatch)
    builder = open_world(market, tmp_path / "lake", Threads(opening(market, tmp_path / "lake")))
    with pytest.raises(MachineError, match=r"does not see the folder .*_scratch.*mount at the same path, or on S3"):
        builder.build(TABLES["prices"], DAYS)
    assert not builder.lake.keys(TABLES["prices"])


def test_results_for_a_lake_on_s3_come_from_another_machine_in_pieces(
    market: Path, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows as bytes and as a file, side files, an empty one among them: all bytes are those of one process in a folder."""
    monkeypatch.setattr(worker, "PIECE", 100)
    elsewhere(monkeypatch)
    alone = open_world(market, tmp_path / "lake")
    engine = Threads(opening(market, bucket))
    store = Lake(bucket)
    together = Builder(
        tables=TABLES, lake=store, zone=LandingZone(market, store.store), calendar=CALENDAR, settings=FakeSettings(), engine=engine
    )  # fmt: skip
    chosen = [TABLES["prices"], TABLES["averages"]]
    for builder in (alone, together):
        outcomes = builder.build_range(chosen, DAYS[:4])
        assert {one.state for many in outcomes.values() for one in many} == {"built"}
    for table in chosen:
        for day in DAYS[:4]:
            folder = Lake.folder(table, day)
            names = [name for name in alone.lake.store.below(folder) if name != "manifest.json"]
            assert len(names) == (3 if table.name == "prices" else 1)
            for name in names:
                assert store.store.read_bytes(f"{folder}/{name}") == alone.lake.store.read_bytes(f"{folder}/{name}")
            assert store.manifest(table, day).content == alone.lake.manifest(table, day).content
    assert sum(isinstance(one, FilePiece) for one in engine.received) > 3 * 4
    assert not list(store.store.scratch_root.glob("*/*"))


def test_a_worker_that_is_lost_while_it_sends_pieces_leaves_none(
    market: Path, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second worker sends all pieces again, and a partition is not made of those of both."""
    elsewhere(monkeypatch)
    lost: list[object] = []

    def lose(message: object) -> bool:
        if isinstance(message, FilePiece) and message.name == "part.parquet" and message.data and not lost:
            return not lost.append(message)
        return False

    store = Lake(bucket)
    alone = open_world(market, tmp_path / "lake")
    zone = LandingZone(market, store.store)
    together = Builder(
        tables=TABLES, lake=store, zone=zone, calendar=CALENDAR, settings=FakeSettings(), engine=Threads(opening(market, bucket), 1, lose)
    )  # fmt: skip
    for builder in (alone, together):
        builder.build(TABLES["prices"], DAYS[:3])
    assert lost
    for day in DAYS[:3]:
        assert store.manifest(TABLES["prices"], day).content == alone.lake.manifest(TABLES["prices"], day).content


def test_the_task_of_a_lost_worker_is_made_by_a_worker_that_is_there(market: Path, tmp_path: Path) -> None:
    lost: list[object] = []

    def lose(message: object) -> bool:
        return isinstance(message, Reply) and not lost and not lost.append(message)

    alone, together = tmp_path / "alone", tmp_path / "together"
    open_world(market, alone).build(TABLES["prices"], DAYS)
    engine = Threads(opening(market, together), 2, lose)
    outcomes = open_world(market, together, engine).build(TABLES["prices"], DAYS)
    assert {one.state for one in outcomes} == {"built"}
    assert lost
    assert state(alone) == state(together)


def test_a_worker_that_is_ready_goes_on_where_no_other_one_opens_the_platform(market: Path, tmp_path: Path) -> None:
    opened: list[object] = []

    def lose(message: object) -> bool:
        if isinstance(message, Ready):
            opened.append(message)
        return isinstance(message, Ready) and len(opened) > 1

    alone, together = tmp_path / "alone", tmp_path / "together"
    open_world(market, alone).build(TABLES["prices"], DAYS)
    engine = Threads(opening(market, together), 2, lose)
    outcomes = open_world(market, together, engine).build(TABLES["prices"], DAYS)
    assert {one.state for one in outcomes} == {"built"}
    assert len(opened) in (1, 2, 3)  # the first one may have made everything before another was started
    assert state(alone) == state(together)


def test_workers_that_are_lost_before_they_are_ready_are_a_fault_of_the_machine(market: Path, tmp_path: Path) -> None:
    engine = Threads(opening(market, tmp_path / "lake"), 2, lambda message: True)
    with pytest.raises(
        MachineError, match=r"No partition could be made: 2 threads ended while they opened the platform"
    ):
        open_world(market, tmp_path / "lake", engine).build(TABLES["prices"], DAYS)


def test_a_worker_with_another_version_of_a_library_makes_nothing(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = worker.installed_version
    monkeypatch.setattr(worker, "installed_version", lambda name: "1.0.0" if name == "polars" else true(name))
    monkeypatch.setattr("socket.gethostname", lambda: "node7")
    builder = open_world(market, tmp_path / "lake", Threads(opening(market, tmp_path / "lake")))
    used = builder.libraries(TABLES["prices"])["polars"]
    with pytest.raises(MachineError, match=rf"polars has the version 1\.0\.0 on node7, and the run uses {used}"):
        builder.build(TABLES["prices"], DAYS)
    assert not builder.lake.keys(TABLES["prices"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"python": "3.11.1"}, r"Python has the version .* on .*, and the run uses 3\.11\.1"),
        (
            {"state": "other", "host": "coordinator"},
            r"Files of the packages assets, resources differ on \S+ and coordinator",
        ),
        ({"state": "other"}, "were changed while the run was going on"),
    ],
)
def test_a_worker_with_other_python_or_sources_makes_nothing(
    market: Path, tmp_path: Path, change: dict[str, str], message: str
) -> None:
    other = dataclasses.replace(opening(market, tmp_path / "lake"), **change)
    with pytest.raises(MachineError, match=message):
        open_world(market, tmp_path / "lake", Threads(other)).build(TABLES["prices"], DAYS)


def open_nothing(*, say: Callable[[str], None]) -> Builder:
    raise InputError("There is no landing zone at /data.")


def test_an_error_of_another_machine_names_it(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = dataclasses.replace(Opening.of(f"{__name__}:open_nothing", ()), host="coordinator")
    monkeypatch.setattr("socket.gethostname", lambda: "node7")
    with pytest.raises(InputError, match=r"On the machine node7: There is no landing zone at /data\."):
        open_world(market, tmp_path / "lake", Threads(other)).build(TABLES["prices"], DAYS)


@pytest.mark.parametrize("name", ["desk_sources/__init__.py", "desk_sources.py"])
def test_equal_files_in_another_folder_are_the_same_sources(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = []
    for place, text in (("a", "X = 1"), ("b", "X = 1"), ("c", "X = 2")):
        path = tmp_path / place / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
        with monkeypatch.context() as one:
            one.syspath_prepend(tmp_path / place)
            states.append(worker._state(["desk_sources"]))
    assert states[0] == states[1] != states[2]


def test_an_error_of_the_code_in_a_worker_ends_the_run(market: Path, tmp_path: Path) -> None:
    deliver(market, DAYS[4], {"600000.SH": BROKEN})
    with pytest.raises(KeyError, match="an error of the code"):
        open_world(market, tmp_path / "lake", Threads(opening(market, tmp_path / "lake"))).build(TABLES["prices"], DAYS)
