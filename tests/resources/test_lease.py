"""One process at a time writes a lake; the others wait for it by name, and replace it where it has died."""

import dataclasses
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resources import lease, store
from resources.errors import LakeError
from resources.lake import Lake
from resources.lease import LEASE, Holder
from resources.settings.lake import LakeSettings
from tests.processes import ended_process
from tests.resources.fake_tables import PRICES
from tests.resources.small_market import DAYS, open_world

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([__name__])
QUICK = LakeSettings(lock_wait_minutes=0, heartbeat_seconds=0.05, missed_heartbeats=3)
PATIENT = LakeSettings(lock_wait_minutes=1, heartbeat_seconds=0.05, missed_heartbeats=3)
SLOW_BEATS = LakeSettings(lock_wait_minutes=0, heartbeat_seconds=600, missed_heartbeats=1000)


@pytest.fixture(autouse=True)
def _polls_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_POLL_SECONDS", {True: 0.02, False: 0.02})


def holder(**changes: object) -> Holder:
    own = Holder.of_this_process("run")
    return dataclasses.replace(own, command="python -m orchestration.run --week 2023-01-16", **changes)


def of_another_machine(**changes: object) -> Holder:
    return holder(host="elsewhere", machine="another", boot="another", pid=7, **changes)


def put(lake: Path, one: Holder) -> None:
    lake.mkdir(exist_ok=True)
    (lake / LEASE).write_bytes(one.dumps())


def test_a_lake_is_held_once_and_released(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    with lake.writing():
        held = Holder.loads((tmp_path / LEASE).read_bytes())
        assert (held.pid, held.kind) == (os.getpid(), "step")
        with Lake(f"{tmp_path}/").writing(kind="run"):  # another object, the same process
            assert Holder.loads((tmp_path / LEASE).read_bytes()).token == held.token
        assert (tmp_path / LEASE).exists()
    assert not (tmp_path / LEASE).exists()


def test_an_error_releases_the_lease(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Lake(str(tmp_path)).writing():
        raise KeyboardInterrupt
    assert not (tmp_path / LEASE).exists()


def test_a_builder_s_own_step_holds_the_lease(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = open_world(market, tmp_path / "lake")
    put(tmp_path / "lake", of_another_machine())
    builder.lake._settings = SLOW_BEATS
    with pytest.raises(
        LakeError, match=r"being written by `python -m orchestration.run --week 2023-01-16` \(process 7 on"
    ):
        builder.build(PRICES, DAYS[:1])
    assert not (tmp_path / "lake" / "prices").exists()
    (tmp_path / "lake" / LEASE).unlink()
    assert builder.build(PRICES, DAYS[:1])[0].state == "built"


def hold(lake: str, done: Path) -> None:
    with Lake(lake).writing(kind="run"):
        deadline = time.monotonic() + 60
        while not done.exists() and time.monotonic() < deadline:
            time.sleep(0.02)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[tuple[multiprocessing.Process, Callable[[], None]]]:
    """A process that holds the lease of tmp_path, and what ends it in peace."""
    done = tmp_path / "done"
    process = SERVER.Process(target=hold, args=(str(tmp_path), done), daemon=True)
    process.start()
    deadline = time.monotonic() + 60
    while not (tmp_path / LEASE).exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield process, done.touch
    done.touch()
    process.join()


def test_a_second_process_waits_names_the_holder_and_goes_on(tmp_path: Path, other, monkeypatch) -> None:
    monkeypatch.setattr(lease, "_SAY_SECONDS", 0.2)
    process, end = other
    messages: list[str] = []
    threading.Timer(1, end).start()
    with Lake(str(tmp_path), LakeSettings(heartbeat_seconds=600)).writing(messages.append):
        assert Holder.loads((tmp_path / LEASE).read_bytes()).pid == os.getpid()
    assert 2 <= len(messages) <= 8
    assert f"(process {process.pid} on " in messages[0]
    assert "waiting" in messages[0]


def test_a_killed_holder_is_replaced_at_once(tmp_path: Path, other) -> None:
    process, _ = other
    with pytest.raises(LakeError, match=f"process {process.pid}"), Lake(str(tmp_path), SLOW_BEATS).writing():
        pass
    stray = tmp_path / "prices" / f"date={DAYS[0]}" / "figures" / ".part.parquet.7.8.tmp"
    stray.parent.mkdir(parents=True)
    stray.touch()
    (tmp_path / "_digests").mkdir()
    ended = ended_process()
    dead = [
        tmp_path / name
        for name in (f".{LEASE}.{ended}.7.tmp", f"_digests/.bars.json.{ended}.7.tmp", f"_digests/.prices.{ended}.tmp")
    ]
    alive = [tmp_path / f"_digests/.bars.json.{os.getpid()}.7.tmp", tmp_path / "_digests/.notes.tmp"]
    for path in (*dead, *alive):
        path.touch()
    os.kill(process.pid, signal.SIGKILL)
    messages: list[str] = []
    # Also while nobody has waited for the process, which is a zombie until then.
    time.sleep(0.2)
    with Lake(str(tmp_path), SLOW_BEATS).writing(messages.append):
        assert not any(path.exists() for path in (stray, *dead))  # what it left behind
        assert all(path.exists() for path in alive)  # of a process that only reads, or of nobody known
    assert len(messages) == 1
    assert "has ended without finishing" in messages[0]


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({}, False),
        ({"started": "1"}, True),  # the id belongs to another process now
        ({"pid": 2**22 + 1}, True),
        ({"boot": "before"}, True),  # the machine has been restarted
        ({"boot": "before", "machine": ""}, False),
        ({"host": "elsewhere"}, False),
        ({"machine": "another"}, False),
        ({"space": "pid:[1]", "pid": 2**22 + 1}, False),  # a container, whose processes are not seen
        ({"boot": "", "pid": 2**22 + 1}, False),
    ],
)
def test_only_what_is_known_of_a_process_counts(changes: dict[str, object], gone: bool) -> None:
    assert holder(**changes).is_gone() == gone


def test_a_holder_elsewhere_is_dead_after_missed_heartbeats(tmp_path: Path) -> None:
    put(tmp_path, of_another_machine())
    began = time.monotonic()
    with Lake(str(tmp_path), PATIENT).writing():
        assert 0.15 <= time.monotonic() - began < 30


def test_a_holder_elsewhere_that_beats_is_alive(tmp_path: Path) -> None:
    """Its clock may be years away, and the file's time too."""
    put(tmp_path, of_another_machine(since="1999"))
    ended = threading.Event()

    def beat() -> None:
        n = 0
        while not ended.wait(0.02):
            n += 1
            temporary = tmp_path / "beat"
            temporary.write_bytes(of_another_machine(token="other", beat=n).dumps())
            os.utime(temporary, (1, 1))
            temporary.rename(tmp_path / LEASE)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        settings = LakeSettings(lock_wait_minutes=1 / 60, heartbeat_seconds=0.2, missed_heartbeats=2)
        with pytest.raises(LakeError, match="on elsewhere"), Lake(str(tmp_path), settings).writing():
            pass
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff", b"[" * 100_000])
def test_a_damaged_lease_is_replaced_after_missed_heartbeats(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LEASE).write_bytes(content)
    with pytest.raises(LakeError, match="another process"), Lake(str(tmp_path), SLOW_BEATS).writing():
        pass
    with Lake(str(tmp_path), PATIENT).writing():
        pass


def test_a_process_that_was_replaced_writes_nothing_more(market: Path, tmp_path: Path) -> None:
    builder = open_world(market, tmp_path / "lake")
    builder.build(PRICES, DAYS[:2])
    part = tmp_path / "lake" / Lake.folder(PRICES, DAYS[0]) / "part.parquet"
    before = part.stat().st_mtime_ns
    with builder.lake.writing():
        put(tmp_path / "lake", of_another_machine())
        with pytest.raises(LakeError, match=r"lease .* was lost"):
            builder.build(PRICES, DAYS[:1], force=True)
    assert part.stat().st_mtime_ns == before
    assert Holder.loads((tmp_path / "lake" / LEASE).read_bytes()).host == "elsewhere"  # it is not removed, either


def test_a_lease_that_could_not_be_given_back_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path), SLOW_BEATS)
    with monkeypatch.context() as patched:

        def fail(*_: object) -> None:
            raise LakeError("no network")

        with lake.writing():
            patched.setattr(lake.store, "swap", fail)
    assert (tmp_path / LEASE).exists()
    with Lake(str(tmp_path), SLOW_BEATS).writing():
        pass
    assert not (tmp_path / LEASE).exists()


def test_heartbeats_renew_the_lease(tmp_path: Path) -> None:
    with Lake(str(tmp_path), QUICK).writing():
        deadline = time.monotonic() + 30
        while Holder.loads((tmp_path / LEASE).read_bytes()).beat < 3:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert not (tmp_path / LEASE).exists()


def contend(lake: str, counter: str, rounds: int) -> None:
    lease._POLL_SECONDS = {True: 0.001}
    for _ in range(rounds):
        with Lake(lake, LakeSettings(lock_wait_minutes=5)).writing():
            path = Path(counter)
            value = int(path.read_text())
            time.sleep(0.002)
            path.write_text(str(value + 1))


def test_no_two_processes_write_at_once(tmp_path: Path) -> None:
    """A counter that is read and written again loses no count, also where holders are killed."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    lake = tmp_path / "lake"
    put(lake, holder(pid=2**22 + 1))  # all of them see a dead holder first
    processes = [SERVER.Process(target=contend, args=(str(lake), str(counter), 15), daemon=True) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert int(counter.read_text()) == 45


@pytest.mark.parametrize("conditional", [True, False], ids=["conditional puts", "without conditions"])
def test_one_writer_on_s3(bucket: str, monkeypatch: pytest.MonkeyPatch, conditional: bool) -> None:
    monkeypatch.setattr(store, "SETTLE_SECONDS", 0.1)
    lake = Lake(bucket, SLOW_BEATS)
    if not conditional:
        real = lake.store._fs.call_s3

        def ignoring(method: str, **named: object) -> object:
            return real(method, **{name: value for name, value in named.items() if not name.startswith("If")})

        monkeypatch.setattr(lake.store._fs, "call_s3", ignoring)
    with lake.writing():
        held = lake.store.read_bytes(LEASE)
        assert lake.store._conditions is conditional
        assert not lake.store.create(LEASE, b"x") or not conditional
    lake.store.write_bytes(LEASE, of_another_machine().dumps())
    with pytest.raises(LakeError, match="on elsewhere"), Lake(bucket, SLOW_BEATS).writing():
        pass
    with Lake(bucket, PATIENT).writing():
        assert not lake.store.swap(LEASE, held, b"x")
        assert Holder.loads(lake.store.read_bytes(LEASE)).pid == os.getpid()
    assert lake.store.read_bytes(LEASE) is None


def test_a_lake_that_cannot_be_written_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(store, "_write_beside", fail)
    with (
        pytest.raises(LakeError, match=r"_lease\.json cannot be written: .*Permission denied"),
        Lake(str(tmp_path)).writing(),
    ):
        pass
