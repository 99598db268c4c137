"""The index of manifests: a plan with it equals the plan without it, and an index that is stale, torn or forged is not believed."""

import dataclasses
import datetime as dt
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import resources.manifest_index
from orchestration.plan import Plan, make_plan
from resources.builder import Builder
from resources.gate import Verdict
from resources.lake import Lake
from resources.language import Bilingual
from resources.manifest import FORMAT, MANIFEST, Manifest
from resources.manifest_index import INDEX, ManifestIndex, _TableIndex
from resources.reasons import TEXT
from resources.store import Store, digest
from tests.resources.fake_tables import AVERAGES, PRICES, TABLES
from tests.resources.small_market import DAYS, WEEKS, build_all, deliver, deliver_market, open_world

REQUESTED = [*((name, day) for name in ("prices", "averages") for day in DAYS), ("totals", WEEKS[-1])]


def planned(builder: Builder) -> tuple[list[tuple[str, dt.date, str]], list[tuple[str, dt.date, str]], int]:
    plan: Plan = make_plan(builder, REQUESTED)
    return (
        [(step.table.name, step.key, str(step.reason)) for step in plan.steps],
        [(step.table.name, step.key, str(step.reason)) for step in plan.blocked],
        plan.examined,
    )


@pytest.fixture
def world(tmp_path: Path) -> tuple[Path, Path]:
    market = deliver_market(tmp_path / "market")
    build_all(open_world(market, tmp_path / "lake"))
    return market, tmp_path / "lake"


@pytest.fixture(autouse=True)
def index_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The market is so small that no index would be read otherwise."""
    monkeypatch.setattr(resources.manifest_index, "FEW", 0)


@pytest.fixture
def opened_manifests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The manifests that are read from their own files."""
    opened: list[str] = []
    read = Store.read_bytes

    def read_bytes(store: Store, name: str) -> bytes | None:
        if name.endswith(MANIFEST):
            opened.append(name)
        return read(store, name)

    monkeypatch.setattr(Store, "read_bytes", read_bytes)
    return opened


def test_a_plan_opens_no_manifest_that_is_indexed(world: tuple[Path, Path], opened_manifests: list[str]) -> None:
    assert planned(open_world(*world)) == ([], [], 2 * len(DAYS) + len(WEEKS))
    assert opened_manifests == []
    shutil.rmtree(world[1] / INDEX)
    assert planned(open_world(*world)) == ([], [], 2 * len(DAYS) + len(WEEKS))
    assert len(opened_manifests) == 2 * len(DAYS) + len(WEEKS)


def test_few_manifests_are_read_from_their_own_files(
    world: tuple[Path, Path], opened_manifests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources.manifest_index, "FEW", 2)
    before = {path: path.read_bytes() for path in (world[1] / INDEX).iterdir()}
    assert planned(open_world(*world)) == ([], [], 2 * len(DAYS) + len(WEEKS))
    assert len(opened_manifests) == 2 * len(TABLES)
    builder = open_world(*world)
    with builder.lake.writing():  # what the index holds already is not appended to it
        planned(builder)
    assert {path: path.read_bytes() for path in (world[1] / INDEX).iterdir()} == before


def test_a_run_indexes_what_it_has_read(world: tuple[Path, Path], opened_manifests: list[str]) -> None:
    """A lake of an earlier version has no index, and one whose files were copied has an index of other states."""
    shutil.rmtree(world[1] / INDEX)
    builder = open_world(*world)
    with builder.lake.writing():
        planned(builder)
    opened_manifests.clear()
    planned(open_world(*world))
    assert opened_manifests == []


def test_a_process_that_does_not_write_the_lake_leaves_the_index_alone(world: tuple[Path, Path]) -> None:
    (world[1] / INDEX / "prices").write_bytes(b"")
    planned(open_world(*world))
    assert (world[1] / INDEX / "prices").read_bytes() == b""


# --- equal plans ----------------------------------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Path, Path, int], None]] = {}


def change(function: Callable[[Path, Path, int], None]) -> Callable[[Path, Path, int], None]:
    CHANGES[function.__name__] = function
    return function


def _manifest_of(lake: Path, n: int) -> Path:
    found = sorted(lake.glob(f"[!_]*/*/{MANIFEST}"))
    return found[n % len(found)]


@change
def deliver_again(market: Path, lake: Path, n: int) -> None:
    deliver(market, DAYS[n % len(DAYS)], {"600000.SH": 30.0 + n, "000001.SZ": 7.0})


@change
def deliver_nonsense(market: Path, lake: Path, n: int) -> None:
    deliver(market, DAYS[n % len(DAYS)], {"600000.SH": 5000.0})


@change
def remove_a_delivery(market: Path, lake: Path, n: int) -> None:
    # The first day stays, because it is where the history begins.
    (market / "bars" / f"{DAYS[1 + n % (len(DAYS) - 1)]:%Y%m%d}.parquet").unlink(missing_ok=True)


@change
def remove_a_manifest(market: Path, lake: Path, n: int) -> None:
    _manifest_of(lake, n).unlink()


@change
def damage_a_manifest(market: Path, lake: Path, n: int) -> None:
    path = _manifest_of(lake, n)
    path.write_bytes(path.read_bytes()[:-9])


@change
def swap_two_manifests(market: Path, lake: Path, n: int) -> None:
    one, other = _manifest_of(lake, n), _manifest_of(lake, n + 1)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)


@change
def truncate_a_part(market: Path, lake: Path, n: int) -> None:
    path = _manifest_of(lake, n).with_name("part.parquet")
    path.write_bytes(path.read_bytes()[:-1])


@change
def put_a_manifest_back(market: Path, lake: Path, n: int) -> None:
    """A manifest of before a rebuild, as a restored backup has it."""
    path = _manifest_of(lake, n)
    kept = path.read_bytes()
    build_all(open_world(market, lake))
    path.write_bytes(kept)


@change
def build(market: Path, lake: Path, n: int) -> None:
    build_all(open_world(market, lake))


@change
def build_some(market: Path, lake: Path, n: int) -> None:
    builder = open_world(market, lake)
    table = (PRICES, AVERAGES)[n % 2]
    builder.build(table, DAYS[n % len(DAYS) :], force=bool(n % 3))


@change
def withhold(market: Path, lake: Path, n: int) -> None:
    builder = open_world(market, lake)
    with builder.lake.writing():
        builder.lake.set_outdated(PRICES, DAYS[n % len(DAYS)], TEXT(text="the desk is closed"))


@change
def tear_the_index(market: Path, lake: Path, n: int) -> None:
    for path in sorted((lake / INDEX).glob("*")):
        path.write_bytes(path.read_bytes()[: -1 - n])


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(CHANGES)), st.integers(0, 40)), min_size=1, max_size=5))
def test_a_plan_with_the_index_equals_the_plan_without_it(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int]]
) -> None:
    root = tmp_path_factory.mktemp("plans")
    market, lake = deliver_market(root / "market"), root / "lake"
    build_all(open_world(market, lake))
    for name, n in changes:
        CHANGES[name](market, lake, n)
        with_index = planned(open_world(market, lake))
        (lake / INDEX).rename(root / "away")
        assert planned(open_world(market, lake)) == with_index, (name, n)
        (root / "away").rename(lake / INDEX)
    shutil.rmtree(root)


# --- an index that is not what was written --------------------------------------------------------------------------------


def test_an_index_of_manifests_that_were_changed_later_is_not_believed(world: tuple[Path, Path]) -> None:
    market, lake = world
    kept = {path.name: path.read_bytes() for path in (lake / INDEX).iterdir()}
    deliver(market, DAYS[4], {"600000.SH": 99.0})
    build_all(open_world(market, lake))
    now = {own: open_world(*world).lake.manifest(PRICES, own) for own in DAYS}
    for name, data in kept.items():
        (lake / INDEX / name).write_bytes(data)
    again = open_world(*world)
    assert {own: again.lake.manifest(PRICES, own) for own in DAYS} == now
    assert planned(again)[0] == []


def test_every_flipped_bit_of_an_index_is_found(world: tuple[Path, Path]) -> None:
    path = world[1] / INDEX / "averages"
    data, draw = path.read_bytes(), random.Random(1)
    whole = _TableIndex.loads(data, "s")
    assert len(whole.rows) == len(DAYS)
    for _ in range(300):
        flipped = bytearray(data)
        flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        found = _TableIndex.loads(bytes(flipped), "s")
        assert len(found.rows) < len(whole.rows)
        assert found.state == ""  # it is written again as a whole
        assert all(whole.rows[name] == row for name, row in found.rows.items())
    for cut in range(0, len(data), 7):
        found = _TableIndex.loads(data[:cut], "s")
        assert all(whole.rows[name] == row for name, row in found.rows.items())


def test_an_index_that_was_torn_is_written_again(world: tuple[Path, Path]) -> None:
    market, lake = world
    path = lake / INDEX / "prices"
    path.write_bytes(path.read_bytes()[:-20])
    deliver(market, DAYS[2], {"600000.SH": 99.0})
    build_all(open_world(*world))
    assert len(_TableIndex.loads(path.read_bytes(), "s").rows) == len(DAYS)
    assert _TableIndex.loads(path.read_bytes(), "s").state == "s"


@pytest.mark.parametrize(
    "changed",
    [
        {"inputs": {"../../etc": "c"}}, {"inputs": {"prices/date=2023-01-05": "c"}}, {"rows": -1}, {"rows": True}, {"seconds": -1},
        {"files": {"../x": "d"}}, {"notes": []}, {"checks": {"a": {"passed": 1, "critical": 0}}}, {"adopted": {}}, {"unknown": 1},
        {"table": "averages"}, {"key": "2023-01-09"}, {"version": 3}, {"outdated": 5}, {"inputs": [["x"], {}]}, {"inputs": [[], {"x": "c"}]},
        {"inputs": [[]]}, [], None, 7, "x",
    ],
)  # fmt: skip
def test_a_line_with_a_new_digest_meets_the_bounds_of_every_field(world: tuple[Path, Path], changed: object) -> None:
    """Whoever also computes the digests of the lines, as with the seals of manifests."""
    path = world[1] / INDEX / "prices"
    lines = path.read_bytes().splitlines()
    assert json.loads(lines[2][33:])[1] == f"date={DAYS[2]}" == "date=2023-01-05"
    before, name, state = lines[1][:32], f"date={DAYS[2]}", json.loads(lines[2][33:])[2]
    body = json.dumps([FORMAT, name, state, changed]).encode()
    path.write_bytes(b"\n".join([*lines[:2], f"{digest(before, body)} ".encode() + body, b""]))
    assert planned(open_world(*world))[0] == []


def test_an_index_of_another_format_is_ignored(world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.manifest_index.FORMAT", FORMAT + 1)
    assert _TableIndex.loads((world[1] / INDEX / "prices").read_bytes(), "s").rows == {}


# --- what it holds --------------------------------------------------------------------------------------------------------

TEXTS = st.text(max_size=6)
NAMES = st.builds(lambda table, day: f"{table}/date={day}", st.sampled_from("abc"), st.dates())
MANIFESTS = st.builds(
    Manifest,
    table=st.just("prices"), key=st.just("2023-01-05"), version=TEXTS, content=TEXTS,
    inputs=st.dictionaries(NAMES, TEXTS, max_size=8), landing=st.dictionaries(TEXTS, TEXTS, max_size=3), settings=TEXTS, code=TEXTS,
    rows=st.integers(0, 2**61), files=st.dictionaries(st.sampled_from(["a", "b/c", "d\udcff"]), TEXTS),
    checks=st.dictionaries(TEXTS, st.builds(Verdict, st.booleans(), st.booleans(), st.none() | st.just(TEXT(text="一")),
                                            st.none() | st.just(Bilingual("甲", "a"))), max_size=3),
    unavailable=st.dictionaries(TEXTS, st.builds(lambda text: TEXT(text=text), TEXTS), max_size=2),
    notes=st.dictionaries(st.sampled_from("xy"), st.sampled_from([1, 1.0, True, 0, False, None, "1", [1], [True]]), max_size=2),
    seconds=st.sampled_from([0, 0.0, 1, 1.0, 2.5]), adopted=st.sampled_from([(), ({"from": 1},), ({"from": True},)]),
    outdated=st.none() | st.just(TEXT(text="late")), libraries=st.dictionaries(TEXTS, TEXTS, max_size=2),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(MANIFESTS, min_size=1, max_size=6))
def test_an_index_holds_every_manifest_to_the_byte(manifests: list[Manifest]) -> None:
    index = _TableIndex()
    data = b"".join(index.append(f"n{n}", str(n), one) for n, one in enumerate(manifests))
    for found in (_TableIndex.loads(data, "s"), _TableIndex.loads(index.dumps(), "s")):
        assert found.state == "s"
        assert [(name, state) for name, (state, _) in found.rows.items()] == [
            (f"n{n}", str(n)) for n in range(len(manifests))
        ]
        assert [one.dumps() for _, one in found.rows.values()] == [one.dumps() for one in manifests]


def test_superseded_lines_do_not_grow_without_end(world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.manifest_index._SLACK", 5)
    for _ in range(8):
        open_world(*world).build(PRICES, DAYS, force=True)
    assert len((world[1] / INDEX / "prices").read_bytes().splitlines()) <= 3 * len(DAYS) + 5


def test_a_manifest_with_many_inputs_is_read_from_its_file(
    world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, opened_manifests: list[str]
) -> None:
    monkeypatch.setattr("resources.manifest_index.MOST_INPUTS", 2)
    shutil.rmtree(world[1] / INDEX)
    builder = open_world(*world)
    with builder.lake.writing():
        planned(builder)
    opened_manifests.clear()
    assert planned(open_world(*world))[0] == []
    read = {name.split("/")[0] for name in opened_manifests}
    assert read == {"averages", "totals"}


def test_a_full_disk_costs_only_the_index(world: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "append", refuse)
    builder = open_world(*world)
    builder.build(PRICES, DAYS, force=True)
    monkeypatch.undo()
    assert planned(open_world(*world))[0] == []


@pytest.mark.slow
def test_an_index_on_s3_is_put_as_a_whole_and_verified_by_etags(
    tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch, opened_manifests: list[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    market = deliver_market(tmp_path / "market")
    build_all(open_world(market, bucket))
    opened_manifests.clear()
    assert planned(open_world(market, bucket))[0] == []
    assert opened_manifests == []
    store = Store(bucket)
    one, other = (f"{Lake.folder(PRICES, day)}/{MANIFEST}" for day in DAYS[3:5])
    first = store.read_bytes(one)
    store.write_bytes(other, first or b"")
    assert f"damaged: {MANIFEST}" in planned(open_world(market, bucket))[0][0][2]
    store.write_bytes(one, b"{")
    assert [key for _, key, _ in planned(open_world(market, bucket))[0]][:2] == DAYS[3:5]


def test_each_table_has_its_own_index(world: tuple[Path, Path]) -> None:
    index = ManifestIndex(Store(str(world[1])))
    manifest = open_world(*world).lake.manifest(PRICES, DAYS[0])
    assert manifest is not None
    index.remember(f"averages/date={DAYS[0]}", "state", dataclasses.replace(manifest, key="2023-01-01"))
    assert index.of(f"averages/date={DAYS[0]}", "state") is None  # it is that of another partition
    assert sorted(path.name for path in (world[1] / INDEX).iterdir()) == sorted(TABLES)
