"""The engines: worker processes build what one process builds, and end with their coordinator."""

import dataclasses
import datetime as dt
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.plan import make_plan
from resources.builder import Builder, Outcome
from resources.engine import Engine, Inline, ReadyQueue
from resources.errors import InputError, LakeError, MachineError, NotReadyError, SettingsError
from resources.issues import ISSUES
from resources.lake import Lake
from resources.landing import LandingZone
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings.engine import EngineSettings
from resources.table import Table
from resources.worker import Opening, TaskZone
from resources.worker_pool import Processes, available_gb, share
from tests.resources.fake_tables import ACCOUNT, AVERAGES, PRICES, PUBLISHED, AverageSettings, FakeSettings, make_prices
from tests.resources.small_market import CALENDAR, DAYS, WEEKS, deliver, deliver_market
from tests.resources.test_tampering import state

NOT_READY, UNSET, BROKEN, DEADLY, DEADLY_ONCE = 913.25, 914.25, 915.25, 916.25, 917.25
"""Closes at which the make function below fails, each in its own way."""


def make_moody_prices(frames: Frames, partition: Partition, settings: None) -> Made:
    """Prices as rows on even days and as a file on odd ones, with a side file, or an error, as the closes ask."""
    made = make_prices(frames, partition, settings)
    assert isinstance(made.frame, pl.DataFrame)
    partition.progress(f"prices of {partition.date}")
    asked = set(made.frame["close"])
    if NOT_READY in asked:
        raise NotReadyError("the desk is closed")
    if UNSET in asked:
        raise SettingsError("a setting is missing")
    if BROKEN in asked:
        raise KeyError("an error of the code")
    died = partition.work / "died"
    if DEADLY in asked or (DEADLY_ONCE in asked and not died.exists()):
        died.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    files = {"figures/day.json": b"%d" % partition.date.toordinal(), "processes.txt": b""}
    if partition.date.day % 2:
        path = partition.scratch / "prices.parquet"
        made.frame.sort("symbol").write_parquet(path)
        return dataclasses.replace(made, frame=path, profile=made.frame, files=files)
    return dataclasses.replace(made, files=files)


TABLES = {
    table.name: table
    for table in (dataclasses.replace(PRICES, make=f"{__name__}:make_moody_prices"), AVERAGES, PUBLISHED, ACCOUNT)
}


def open_world(
    market: Path, lake: Path, engine: Engine | None = None, zone: type[LandingZone] = LandingZone,
    window: int = 3, say: Callable[[str], None] = lambda line: None,
) -> Builder:  # fmt: skip
    store = Lake(str(lake))
    return Builder(
        tables=TABLES,
        lake=store,
        zone=zone(market, store.store),
        calendar=CALENDAR,
        settings=FakeSettings(average=AverageSettings(window=window)),
        engine=engine,
        say=say,
    )


def open_worker(market: Path, lake: Path, window: int = 3, *, say: Callable[[str], None]) -> Builder:
    """How a worker of these tests opens the platform."""
    return open_world(market, lake, zone=TaskZone, window=window, say=say)


def processes(market: Path, lake: Path, workers: int = 2, window: int = 3) -> Processes:
    return Processes(Opening.of(f"{__name__}:open_worker", (market, lake, window)), workers, 1)


Told = list[tuple[str, Outcome]]


def plain(told: Told) -> list[tuple[str, dt.date, str, str]]:
    """Outcomes without their order and durations. An outcome names what was built by its content."""
    return sorted((name, one.key, one.state, str(one.detail)) for name, one in told)


def issues(lake: Path) -> dict[str, bytes]:
    """The kept issues and their log, without the times of publication."""
    return {
        str(path.relative_to(lake)): path.read_bytes()
        for path in (lake / ISSUES).glob("**/*")
        if path.is_file() and path.name not in ("issue.json", "manifest.json")
    }


def memory(builder: Builder) -> tuple[object, ...]:
    """What a builder remembers of a run."""
    blocked = {own: str(reason) for own, reason in builder.blocked.items()}
    return (
        blocked,
        builder.tried,
        builder.forced,
        [(table.name, one.place, one.content) for table, one in builder.issued],
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, Path, Processes]]:
    """A market, a lake for each engine, and workers that stay for all examples, so that their caches meet other states."""
    root = tmp_path_factory.mktemp("engines")
    market, inline, parallel = root / "market", root / "inline", root / "parallel"
    deliver_market(market)
    with processes(market, parallel) as engine:
        yield market, inline, parallel, engine


CLOSES = st.sampled_from([10.0, 11.5, 5000.0, -1.0, NOT_READY, UNSET, None])
CHANGES = st.dictionaries(st.sampled_from(DAYS[1:]), CLOSES, max_size=5)
PARTITIONS = st.sampled_from(
    [*(("prices", day) for day in DAYS), *(("averages", day) for day in DAYS), *(("totals", week) for week in WEEKS)]
)


Rounds = list[tuple[dict[dt.date, float | None], set[tuple[str, dt.date]], bool]]


@st.composite
def rounds(draw: st.DrawFn) -> Rounds:
    """What lands before a run, the forced partitions, and whether a run of the driver or of assets follows."""
    one = st.tuples(CHANGES, st.sets(PARTITIONS, max_size=3), st.booleans())
    return draw(st.lists(one, min_size=1, max_size=3))


def land(market: Path, changes: dict[dt.date, float | None]) -> None:
    for day, close in changes.items():
        if close is None:
            (market / "bars" / f"{day:%Y%m%d}.parquet").unlink(missing_ok=True)
        else:
            deliver(market, day, {"600000.SH": close, "000001.SZ": 20.0})


def build(builder: Builder, driver: bool) -> Told:
    """A run of the driver, or a run of assets that ignores what has landed and what is planned."""
    told: Told = []

    def report(table: Table, outcomes: Sequence[Outcome]) -> None:
        told.extend((table.name, one) for one in outcomes)

    tables = list(builder.tables.values())
    steps = make_plan(builder, [("totals", WEEKS[-1]), ("account", WEEKS[-1])]).steps if driver else ()
    for partition, keys in (("day", DAYS), ("week", WEEKS)):
        chosen = [table for table in tables if table.partition == partition]
        if driver:
            keys = [key for key in keys if any(step.key == key and step.table in chosen for step in steps)]
        outcomes = builder.build_range(chosen, keys, report=report)
        assert plain([(name, one) for name, all_of_it in outcomes.items() for one in all_of_it]) == plain(
            [(name, one) for name, one in told if builder.tables[name].partition == partition]
        )
    return told


@settings(max_examples=6)
@given(rounds())
def test_workers_build_what_one_process_builds(pair: tuple[Path, Path, Path, Processes], given_rounds) -> None:
    """Outcomes, manifests, bytes, issues and what the run remembers, over runs with refused, unreadable and blocked days."""
    compare(pair, given_rounds)


@pytest.mark.slow
@settings(max_examples=60)
@given(rounds())
def test_workers_build_what_one_process_builds_in_many_runs(pair, given_rounds) -> None:
    compare(pair, given_rounds)


def compare(pair: tuple[Path, Path, Path, Processes], given_rounds: Rounds) -> None:
    market, inline, parallel, engine = pair
    for lake in (inline, parallel):
        shutil.rmtree(lake, ignore_errors=True)
    shutil.rmtree(market)
    deliver_market(market)
    for changes, forced, driver in given_rounds:
        land(market, changes)
        alone, together = open_world(market, inline), open_world(market, parallel, engine)
        alone.forced, together.forced = set(forced), set(forced)
        assert plain(build(alone, driver)) == plain(build(together, driver))
        assert memory(alone) == memory(together)
        assert state(inline) == state(parallel)
        assert issues(inline) == issues(parallel)
        for lake in (inline, parallel):
            assert not list((lake / "_scratch").iterdir())
            # A partition that was not made may leave the folder of its work, which its next attempt uses.
            assert all(not list(path.iterdir()) for path in (lake / "_work").glob("*/*"))


@pytest.mark.slow
@given(st.lists(st.sets(st.integers(0, 11), max_size=4), max_size=12), st.data())
def test_an_item_is_taken_once_and_after_those_that_it_waits_for(drawn: list[set[int]], data: st.DataObject) -> None:
    waits = {n: {other for other in others if other < n} for n, others in enumerate(drawn)}
    queue, taken, finished = ReadyQueue(waits), [], set()
    while len(finished) < len(waits):
        if data.draw(st.booleans()) and (item := queue.pop()) is not None:
            assert waits[item] <= finished
            assert not any(waits[other] <= finished and other not in taken for other in range(item))
            taken.append(item)
        elif under_way := [item for item in taken if item not in finished]:
            one = data.draw(st.sampled_from(under_way))
            finished.add(one)
            queue.finish(one)
    assert sorted(taken) == list(waits)
    assert queue.pop() is None


def test_outcomes_of_inputs_are_reported_before_those_made_from_them(market: Path, tmp_path: Path) -> None:
    reported: list[tuple[str, dt.date]] = []

    def report(table: Table, outcomes: Sequence[Outcome]) -> None:
        for one in outcomes:
            read = [(u.name, k) for u, keys in builder.reads(table, one.key) for k in keys if u.partition == "day"]
            assert set(read) <= set(reported)
            reported.append((table.name, one.key))

    lake = tmp_path / "lake"
    builder = open_world(market, lake, processes(market, lake, 3))
    builder.build_range([TABLES["prices"], TABLES["averages"]], DAYS, report=report)
    assert len(reported) == 2 * len(DAYS)


def test_progress_lines_of_workers_arrive(market: Path, tmp_path: Path) -> None:
    said: list[str] = []
    lake = tmp_path / "lake"
    open_world(market, lake, processes(market, lake, 1), say=said.append).build(TABLES["prices"], DAYS)
    assert sorted(said) == [f"prices of {day}" for day in DAYS]


def test_a_worker_that_dies_once_is_replaced(market: Path, tmp_path: Path) -> None:
    deliver(market, DAYS[4], {"600000.SH": DEADLY_ONCE})
    lake = tmp_path / "lake"
    outcomes = open_world(market, lake, processes(market, lake, 1)).build(TABLES["prices"], DAYS)
    assert {one.state for one in outcomes} == {"built"}
    assert not list((lake / "_work").glob("*/*"))


def test_a_worker_that_dies_twice_is_a_fault_of_the_machine_and_no_verdict(market: Path, tmp_path: Path) -> None:
    deliver(market, DAYS[-1], {"600000.SH": DEADLY})
    lake = tmp_path / "lake"
    builder = open_world(market, lake, processes(market, lake, 1))
    with pytest.raises(
        MachineError, match=rf"prices of {DAYS[-1]} could not be made: 2 worker.*SIGKILL.*execution.workers"
    ):
        builder.build(TABLES["prices"], DAYS)
    assert builder.lake.keys(TABLES["prices"]) == DAYS[:-1]
    assert not list((lake / "_scratch").iterdir())


def test_an_error_of_the_code_ends_the_run_with_its_place(market: Path, tmp_path: Path) -> None:
    deliver(market, DAYS[4], {"600000.SH": BROKEN})
    lake = tmp_path / "lake"
    with pytest.raises(KeyError, match="an error of the code") as raised:
        open_world(market, lake, processes(market, lake, 1)).build(TABLES["prices"], DAYS)
    assert "make_moody_prices" in "".join(raised.value.__notes__)
    # The same engine can be used again.
    deliver(market, DAYS[4], {"600000.SH": 10.0})
    assert {
        one.state for one in open_world(market, lake, processes(market, lake, 1)).build(TABLES["prices"], DAYS)
    } == {
        "built",
        "unchanged",
    }


def test_a_worker_with_other_settings_makes_nothing(market: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    builder = open_world(market, lake, processes(market, lake, 1, window=2))
    builder.build(TABLES["prices"], DAYS)
    with pytest.raises(MachineError, match="other settings than those of the run"):
        builder.build(TABLES["averages"], DAYS)
    assert not builder.lake.keys(TABLES["averages"])


def test_a_worker_with_other_code_makes_nothing(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "desk_code").mkdir()
    (tmp_path / "desk_code" / "__init__.py").write_text("FACTOR = 1")
    monkeypatch.syspath_prepend(tmp_path)
    opening = Opening.of(f"{__name__}:open_worker", (market, tmp_path / "lake"), ("desk_code",))
    (tmp_path / "desk_code" / "__init__.py").write_text("FACTOR = 12")
    builder = open_world(market, tmp_path / "lake", Processes(opening, 2, 1))
    with pytest.raises(MachineError, match="desk_code were changed while the run was going on"):
        builder.build(TABLES["prices"], DAYS)
    assert not builder.lake.keys(TABLES["prices"])


def open_nothing(market: Path, *, say: Callable[[str], None]) -> Builder:
    """A worker that cannot open the platform."""
    raise InputError("there is no market")


def test_a_worker_that_cannot_open_the_platform_refuses_no_partition(market: Path, tmp_path: Path) -> None:
    engine = Processes(Opening.of(f"{__name__}:open_nothing", (market,)), 2, 1)
    builder = open_world(market, tmp_path / "lake", engine)
    with pytest.raises(InputError, match="there is no market"):
        builder.build(TABLES["prices"], DAYS)
    assert not builder.lake.keys(TABLES["prices"])


def test_workers_stay_between_the_ranges_of_a_run_and_end_with_it(market: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    engine = processes(market, lake)
    builder = open_world(market, lake, engine)
    with engine:
        builder.build(TABLES["prices"], DAYS)
        first = [one._process.pid for one in engine._workers]
        builder.build(TABLES["averages"], DAYS)
        assert [one._process.pid for one in engine._workers] == first
        assert len(first) == 2
    assert not engine._workers
    for pid in first:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_file_that_changes_while_a_worker_reads_it_is_waited_for(market: Path, tmp_path: Path) -> None:
    """The coordinator looks at the landing zone again when the worker has answered."""
    lake = tmp_path / "lake"

    class Late(Processes):
        def _heard(self, worker, say):
            attempt = super()._heard(worker, say)
            if attempt is not None and attempt.task.key == DAYS[3]:
                deliver(market, DAYS[3], {"600000.SH": 77.0})
            return attempt

    engine = Late(Opening.of(f"{__name__}:open_worker", (market, lake)), 2, 1)
    outcomes = open_world(market, lake, engine).build(TABLES["prices"], DAYS)
    assert {one.key: one.state for one in outcomes if one.state != "built"} == {DAYS[3]: "blocked"}
    assert "is still arriving" in str(next(one.detail for one in outcomes if one.state == "blocked"))


def test_inputs_that_were_changed_by_hand_are_noticed(market: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    engine = processes(market, lake, 1)
    with engine:
        open_world(market, lake, engine).build(TABLES["prices"], DAYS)
        part = lake / "prices" / f"date={DAYS[2]}" / "part.parquet"
        part.write_bytes(part.read_bytes()[:-5] + b"edited")
        outcomes = open_world(market, lake, engine).build(TABLES["averages"], DAYS)
    blocked = [one for one in outcomes if one.state == "blocked"]
    assert [one.key for one in blocked] == DAYS[2:5]
    assert all("which is damaged" in str(one.detail) for one in blocked)


def test_inputs_that_are_damaged_while_a_worker_reads_them_are_damaged_in_the_coordinator(
    market: Path, tmp_path: Path
) -> None:
    """A worker that fails reads all of its inputs again; what it finds holds for the run."""
    lake = tmp_path / "lake"

    class Careless(Processes):
        def _assign(self):
            if any(one.task.table == "averages" and one.task.key == DAYS[4] for one in self._waiting):
                part = lake / "prices" / f"date={DAYS[4]}" / "part.parquet"
                part.write_bytes(b"no Parquet")
            super()._assign()

    builder = open_world(market, lake, Careless(Opening.of(f"{__name__}:open_worker", (market, lake)), 1, 1))
    builder.build(TABLES["prices"], DAYS)
    outcomes = builder.build(TABLES["averages"], DAYS)
    assert [one.key for one in outcomes if one.state == "blocked"] == DAYS[4:7]
    assert builder.lake.damage(TABLES["prices"], DAYS[4])


def test_a_lake_that_trusts_reads_no_partition_that_was_replaced(market: Path, tmp_path: Path) -> None:
    builder = open_world(market, tmp_path / "lake")
    builder.build(TABLES["prices"], DAYS)
    folder, other = (Lake.folder(TABLES["prices"], day) for day in DAYS[:2])
    manifest = builder.lake.manifest(TABLES["prices"], DAYS[0])
    assert manifest is not None
    lake = Lake(str(tmp_path / "lake"))
    lake.trust({folder: manifest.content, "prices/date=2023-02-01": "not built"})
    assert lake.read(TABLES["prices"], [DAYS[0]]).collect().height == 2
    deliver(market, DAYS[0], {"600000.SH": 11.0})
    open_world(market, tmp_path / "lake").build(TABLES["prices"], DAYS)
    with pytest.raises(LakeError, match="was replaced by another process"):
        lake.trust({folder: "0" * 32})
    lake.trust({other: "not built"})
    assert lake.manifest(TABLES["prices"], DAYS[1]) is None


def test_auto_is_a_worker_per_core_that_the_memory_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    cores = pl.thread_pool_size()
    monkeypatch.setattr("resources.worker_pool.available_gb", lambda: 1000.0)
    assert share(EngineSettings()) == (cores, 1)
    assert share(EngineSettings(workers=1)) == (1, cores)
    assert share(EngineSettings(workers=3 * cores)) == (3 * cores, 1)
    assert share(EngineSettings(workers=5, threads=7)) == (5, 7)
    monkeypatch.setattr("resources.worker_pool.available_gb", lambda: 7.9)
    assert share(EngineSettings(worker_gb=4.0)) == (1, cores)
    monkeypatch.setattr("resources.worker_pool.available_gb", lambda: 1.0)
    assert share(EngineSettings(worker_gb=4.0)) == (1, cores)


def test_available_memory_is_some() -> None:
    assert 0 < available_gb() < 1e5


def test_one_process_makes_one_task_after_another() -> None:
    tasks = iter("ab")
    log: list[str] = []

    def make(task: object) -> object:
        log.append(f"made {task}")
        return task

    attempts = Inline().run(lambda: next(tasks, None), make, log.append)
    log.extend(f"got {attempt}" for attempt in attempts)
    assert log == ["made a", "got a", "made b", "got b"]


def test_an_iterator_that_is_closed_ends_what_is_being_made(market: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    engine = processes(market, lake)

    def interrupted(table: Table, outcomes: Sequence[Outcome]) -> None:
        raise KeyboardInterrupt

    with engine:
        builder = open_world(market, lake, engine)
        with pytest.raises(KeyboardInterrupt):
            builder.build(TABLES["prices"], DAYS, report=interrupted)
        assert all(one.job is None for one in engine._workers)
        # What was committed is kept, and the same engine goes on.
        assert {one.state for one in builder.build(TABLES["prices"], DAYS)} <= {"built", "unchanged"}
    assert builder.lake.keys(TABLES["prices"]) == DAYS
