"""Lakes that were tampered with: flipped bits, swapped files and changed manifests are found and built again, and nothing outside is touched."""

import contextlib
import copy
import dataclasses
import importlib
import json
import os
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from orchestration.plan import make_plan
from resources.builder import Builder
from resources.errors import LakeError, MachineError, NotReadyError
from resources.lake import Lake
from resources.manifest import MANIFEST, PART, Manifest
from resources.stale import DAMAGED
from resources.verified import VERIFIED
from tests.resources.fake_tables import PRICES, TABLES
from tests.resources.manifests import dumps_sealed, dumps_unsealed, unsealed
from tests.resources.small_market import DAYS, WEEKS, deliver_market, open_world

WITH_FILE = dataclasses.replace(PRICES, make="tests.resources.fake_tables:make_prices_with_a_file")


def open_filed(market: Path, lake: Path | str, prices=WITH_FILE) -> Builder:
    """A builder of the fake tables whose prices have a side file."""
    builder = open_world(market, lake)
    builder.tables = {**TABLES, "prices": prices}
    return builder


def build(builder: Builder) -> list[str]:
    """Plan and build until nothing is left, as the driver does, and return the reasons of the first plan."""
    builder.tried.clear()
    plan = make_plan(builder, [("totals", WEEKS[-1])])
    reasons = [f"{step.table.name} {step.key}: {step.reason}" for step in plan.steps]
    for _ in range(5):
        before = len(builder.tried)
        for table in builder.tables.values():
            builder.build(table, [step.key for step in plan.steps if step.table is table])
        plan = make_plan(builder, [("totals", WEEKS[-1])], builder.tried)
        if not plan or len(builder.tried) == before:
            break
    assert not plan.steps
    assert not plan.blocked
    return reasons


def state(lake: Path) -> dict[str, object]:
    """Every file of every partition: bytes, of a manifest without durations and without what depends on them."""
    found: dict[str, object] = {}
    for path in sorted(lake.glob("[!_.]*/*/**/*")):
        if path.name == MANIFEST:
            found[str(path.relative_to(lake))] = {**unsealed(path.read_bytes()), "seconds": 0}
        elif path.is_file():
            found[str(path.relative_to(lake))] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A market and its undisturbed lake."""
    root = tmp_path_factory.mktemp("tampering")
    market = deliver_market(root / "market")
    build(open_filed(market, root / "lake"))
    return market, root / "lake"


class Copy:
    """A copy of the lake whose files keep their states, so that what changes is seen as it would be in place."""

    def __init__(self, world: tuple[Path, Path], root: Path):
        self.market, self.whole = world
        self.lake = root / "outer" / "lake"
        shutil.copytree(self.whole, self.lake)
        shutil.rmtree(self.lake / VERIFIED)
        builder = self.open()
        builder.lake.verify(Lake.folder(t, key) for t in builder.tables.values() for key in builder.lake.keys(t))
        (root / "outer" / "precious").write_text("mine")
        time.sleep(0.01)  # the file system's clock ticks every 4 ms

    def open(self) -> Builder:
        return open_filed(self.market, self.lake)

    def check(self) -> list[str]:
        """Build, and compare with the undisturbed lake. Return the reasons of the plan."""
        reasons = build(self.open())
        assert state(self.lake) == state(self.whole)
        assert (self.lake.parent / "precious").read_text() == "mine"
        assert sorted(path.name for path in self.lake.parent.iterdir()) == ["lake", "precious"]
        assert not make_plan(self.open(), [("totals", WEEKS[-1])]).steps
        return reasons


@pytest.fixture
def tampered(world: tuple[Path, Path], tmp_path: Path) -> Copy:
    return Copy(world, tmp_path)


# --- files --------------------------------------------------------------------------------------------------------------


def test_every_flipped_bit_is_found_and_built_again(tampered: Copy) -> None:
    """Also where the file keeps its size and its time of modification."""
    draw = random.Random(1)
    files = [path for path in tampered.lake.glob("[!_.]*/*/*") if path.name != MANIFEST]
    for _ in range(5):
        flipped = draw.sample(files, 12)
        for path in flipped:
            data, times = bytearray(path.read_bytes()), path.stat()
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            with path.open("r+b") as file:
                file.write(data)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        reasons = tampered.check()
        for path in flipped:
            key = path.parent.name.split("=")[1]
            assert f"{path.parent.parent.name} {key}: damaged: its files differ from those that were written" in reasons
        time.sleep(0.01)


@pytest.mark.parametrize("name", [PART, "features.json"])
@pytest.mark.parametrize("how", ["swapped", "deleted", "truncated", "emptied", "a folder", "a link"])
def test_swapped_and_missing_files_are_built_again(tampered: Copy, name: str, how: str) -> None:
    one, other = (tampered.lake / Lake.folder(PRICES, day) / name for day in DAYS[3:5])
    data = one.read_bytes()
    if how == "swapped":
        one.rename(one.with_name("away"))
        other.rename(one)
        one.with_name("away").rename(other)
    else:
        one.unlink()
    if how in ("truncated", "emptied"):
        one.write_bytes(data[: len(data) // 2] if how == "truncated" else b"")
    elif how == "a folder":
        one.mkdir()
    elif how == "a link":
        one.symlink_to(tampered.lake.parent / "precious")
    if how == "a folder":
        with pytest.raises((LakeError, MachineError), match=name):  # nothing that is not understood is removed
            tampered.check()
        return
    same_content = how == "swapped" and name == "features.json"
    assert any(": damaged" in reason for reason in tampered.check()) or same_content


def test_a_whole_partition_in_another_s_place_is_built_again(tampered: Copy) -> None:
    one, other = (tampered.lake / Lake.folder(PRICES, day) for day in DAYS[3:5])
    shutil.rmtree(other)
    shutil.copytree(one, other)
    assert f"prices {DAYS[4]}: damaged: manifest.json does not hold what was written" in tampered.check()


def test_a_reader_finds_what_was_never_compared(world: tuple[Path, Path], tmp_path: Path) -> None:
    """A lake of an earlier version, or without its memory: no plan reads it, but whoever reads a partition compares it first."""
    market, whole = world
    shutil.copytree(whole, tmp_path / "lake")
    shutil.rmtree(tmp_path / "lake" / VERIFIED)
    part = tmp_path / "lake" / Lake.folder(PRICES, DAYS[3]) / PART
    pl.read_parquet(part).with_columns(close=pl.col("close") * 2).write_parquet(part)
    builder = open_filed(market, tmp_path / "lake")
    assert not make_plan(builder, [("totals", WEEKS[-1])]).steps
    with pytest.raises(NotReadyError, match=rf"prices of {DAYS[3]} was requested, which is damaged.*Build it again"):
        builder.lake.read(PRICES, DAYS[:5])
    # The next process knows it without reading the file.
    later = open_filed(market, tmp_path / "lake")
    assert f"prices {DAYS[3]}: damaged: its files differ from those that were written" in build(later)
    assert state(tmp_path / "lake") == state(whole)


def test_a_damaged_input_that_a_build_meets_is_built_again_by_the_same_run(
    world: tuple[Path, Path], tmp_path: Path
) -> None:
    market, whole = world
    shutil.copytree(whole, tmp_path / "lake")
    shutil.rmtree(tmp_path / "lake" / VERIFIED)
    part = tmp_path / "lake" / Lake.folder(PRICES, DAYS[3]) / PART
    part.write_bytes(part.read_bytes()[:-8] + b"12345678")
    (tmp_path / "lake" / "averages" / f"date={DAYS[4]}" / MANIFEST).unlink()
    build(open_filed(market, tmp_path / "lake"))
    assert state(tmp_path / "lake") == state(whole)


def test_files_are_read_once_by_all_processes(tampered: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    real = Lake._content

    def content(lake: Lake, folder: str, manifest: Manifest) -> str:
        read.append(folder)
        return real(lake, folder, manifest)

    monkeypatch.setattr(Lake, "_content", content)
    for _ in range(2):
        tampered.open().lake.read(PRICES, DAYS).collect()
        make_plan(tampered.open(), [("totals", WEEKS[-1])])
    assert read == []
    shutil.rmtree(tampered.lake / VERIFIED)
    for _ in range(2):
        tampered.open().lake.read(PRICES, DAYS).collect()
    assert sorted(read) == sorted(Lake.folder(PRICES, day) for day in DAYS)
    build(open_filed(tampered.market, tampered.lake.parent.parent / "another"))
    assert len(read) == len(DAYS)  # what a process has written it does not read again


@pytest.mark.parametrize(
    "kept", [b"", b"\xff\xfe", b"x y z\n", b"date=2023-01-03 " + b"0" * 32 + b" " + b"1" * 32 + b"\n"]
)
def test_a_damaged_memory_costs_only_time(tampered: Copy, kept: bytes) -> None:
    for path in (tampered.lake / VERIFIED).iterdir():
        path.write_bytes(kept)
    assert tampered.check() == []


def test_the_memory_does_not_grow_without_end(tampered: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.verified._SLACK", 10)
    for _ in range(10):
        tampered.open().build(WITH_FILE, DAYS, force=True)
    tampered.open().lake.read(PRICES, DAYS)
    assert len((tampered.lake / VERIFIED / "prices").read_text().splitlines()) <= 3 * len(DAYS) + 10
    assert tampered.check() == []


def test_a_lake_that_may_only_be_read_is_read(tampered: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(tampered.lake / VERIFIED)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert tampered.open().lake.read(PRICES, DAYS).collect().height == 2 * len(DAYS)


@pytest.mark.slow
def test_swapped_parts_on_s3_are_built_again(
    world: tuple[Path, Path], bucket: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    market, _ = world
    build(open_filed(market, bucket))
    store = open_filed(market, bucket).lake.store
    one, other = (f"{Lake.folder(PRICES, day)}/{PART}" for day in DAYS[3:5])
    first, second = store.read_bytes(one), store.read_bytes(other)
    store.write_bytes(one, second)
    store.write_bytes(other, first)
    reasons = build(open_filed(market, bucket))
    assert f"prices {DAYS[3]}: damaged: its files differ from those that were written" in reasons
    assert (store.read_bytes(one), store.read_bytes(other)) == (first, second)
    assert build(open_filed(market, bucket)) == []


@pytest.mark.parametrize("name", [PART, "features.json"])
def test_an_input_that_changes_while_it_is_read_is_not_used(
    tampered: Copy, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Its state is compared again when the partition is made. The run that finds it builds nothing from it, and the next one continues."""
    day = DAYS[4]
    shutil.rmtree(tampered.lake / "averages" / f"date={day}")
    path = tampered.lake / Lake.folder(PRICES, day) / name
    real = importlib.import_module("tests.resources.fake_tables").make_averages

    def change(*arguments: Any, **named: Any) -> Any:
        made = real(*arguments, **named)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        return made

    monkeypatch.setattr("tests.resources.fake_tables.make_averages", change)
    builder = tampered.open()
    (outcome,) = builder.build(TABLES["averages"], [day])
    assert outcome.state == "blocked"
    assert "which is damaged: its files differ from those that were written" in str(outcome.detail)
    monkeypatch.undo()
    assert f"prices {day}: damaged: its files differ from those that were written" in tampered.check()


def test_a_partition_that_changes_after_this_process_has_written_it_is_found(tampered: Copy) -> None:
    builder = tampered.open()
    builder.build(WITH_FILE, DAYS, force=True)
    path = tampered.lake / Lake.folder(PRICES, DAYS[3]) / PART
    time.sleep(0.01)
    path.write_bytes(path.read_bytes()[:-8] + b"12345678")
    with pytest.raises(NotReadyError, match=f"prices of {DAYS[3]} was requested, which is damaged"):
        builder.lake.read(PRICES, DAYS[:5])


# --- manifests ----------------------------------------------------------------------------------------------------------

FOREIGN = [
    None, True, 0, -1, 3.5, 10**400, 2**64, float("nan"), float("inf"), -float("inf"), "", "x", "../x", "/outside/passwd", [], [[]],
    {}, {"a": 1}, {"../../precious": "x"}, {"/outside/x": "y"}, {"a": {"b": {"c": None}}}, {"left_out": 3}, {"left_out": {"a": [1]}},
    {"a": {"passed": 1, "critical": 0}}, {"code": 5}, {"code": "several", "parameters": {"reasons": 3}},
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a JSON value."""
    if path:
        yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from places(one, (*path, name))


def mutants(saved: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Manifests with one value replaced, deleted or added, at any depth."""
    for path in places(saved):
        for value in (*FOREIGN, "deleted", "added", "renamed"):
            changed = copy.deepcopy(saved)
            holder = changed
            for name in path[:-1]:
                holder = holder[name]
            if value == "deleted":
                del holder[path[-1]]
            elif value == "added":
                if not isinstance(holder[path[-1]], dict):
                    continue
                holder[path[-1]]["../added"] = "x"
            elif value == "renamed":
                if not isinstance(holder, dict):
                    continue
                holder[f"../{path[-1]}"] = holder.pop(path[-1])
            else:
                holder[path[-1]] = value
            if changed != saved:
                yield f"{'/'.join(map(str, path))} = {value!r:.40}", changed


def all_mutants() -> list[tuple[str, dict[str, Any]]]:
    lake = {"left_out": {"styles": {"value": None}}}
    manifest = Manifest(
        "prices", str(DAYS[3]), "v", "c", {f"prices/date={DAYS[2]}": "c", "manifests": "m"}, {"bars": "d"}, "s", "k", 2,
        files={"features.json": "d"}, notes=lake, sections={"average": "d"}, adopted=({"from": "a", "to": "b"},),
    )  # fmt: skip
    return list(mutants(unsealed(manifest.dumps())))


def test_there_are_hundreds_of_mutants() -> None:
    assert len(all_mutants()) > 600


def test_no_mutant_is_read_unless_its_seal_is_right(world: tuple[Path, Path]) -> None:
    """A sealed manifest whose bytes change is no manifest, however little they change."""
    data = (world[1] / Lake.folder(PRICES, DAYS[3]) / MANIFEST).read_bytes()
    draw = random.Random(2)
    assert Manifest.loads(data) is not None
    for _, changed in mutants(json.loads(data)):
        assert Manifest.loads(dumps_unsealed(changed)) is None
    for _ in range(500):
        flipped = bytearray(data)
        flipped[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        assert Manifest.loads(bytes(flipped)) is None
    for cut in range(len(data)):
        assert Manifest.loads(data[:cut]) is None


@pytest.mark.parametrize("dumps", [dumps_sealed, dumps_unsealed], ids=["with a new seal", "of an earlier version"])
def test_a_mutant_that_is_read_can_be_used_and_written(dumps) -> None:
    """Whoever also computes the seal, or removes it with the format, meets the bounds of every field."""
    read = 0
    for what, changed in all_mutants():
        found = Manifest.loads(dumps(changed))
        if found is None:
            continue
        read += 1
        again = Manifest.loads(found.dumps())
        assert again == found, what
        assert all(not name.startswith(("/", ".")) and ".." not in name for name in found.files), what
        assert 0 <= found.rows < 2**62, what
        assert 0 <= found.seconds < 2**62, what
        assert all(isinstance(verdict.text(), str) for verdict in found.checks.values())
        assert all(isinstance(str(reason), str) for reason in found.unavailable.values())
    assert 0 < read < len(all_mutants())


@pytest.mark.parametrize(
    "dumps", [pytest.param(dumps_unsealed, marks=pytest.mark.slow), dumps_sealed], ids=["as it is", "with a new seal"]
)
def test_a_lake_with_mutants_is_planned_read_and_built_without_a_crash(tampered: Copy, dumps) -> None:
    """Every mutant of a real manifest, several in one lake. What is damaged or stale is built; nothing outside is touched."""
    folders = [Lake.folder(PRICES, day) for day in DAYS]
    originals = {folder: (tampered.lake / folder / MANIFEST).read_bytes() for folder in folders}
    every = [(folder, changed) for folder in folders[:2] for _, changed in mutants(unsealed(originals[folder]))]
    random.Random(3).shuffle(every)
    for first in range(0, len(every), 60):
        for (folder, changed), target in zip(every[first : first + 60], 5 * folders, strict=False):
            saved = {**changed, **({"key": target.split("=")[1]} if changed.get("key") == folder.split("=")[1] else {})}
            (tampered.lake / target / MANIFEST).write_bytes(dumps(saved))
        builder = tampered.open()
        plan = make_plan(builder, [("totals", WEEKS[-1])])
        assert plan.examined
        for day in DAYS:
            builder.lake.refused(PRICES, day)
            with contextlib.suppress(NotReadyError):
                builder.lake.require(PRICES, day)
        builder._verdicts(WEEKS[-1]), builder._left_out(WEEKS[-1])
        build_whatever_is_left(tampered)
    assert (tampered.lake.parent / "precious").read_text() == "mine"
    if dumps is dumps_unsealed:
        return
    for table in TABLES:  # a forged seal is believed; removing the manifests is the remedy
        for path in (tampered.lake / table).glob(f"*/{MANIFEST}"):
            path.unlink()
    tampered.check()


def build_whatever_is_left(tampered: Copy) -> None:
    builder = tampered.open()
    for _ in range(4):
        plan = make_plan(builder, [("totals", WEEKS[-1])], builder.tried)
        for table in builder.tables.values():
            builder.build(table, [step.key for step in plan.steps if step.table is table])


@pytest.mark.parametrize("length", [1, 2, 3])
def test_inputs_that_form_a_cycle_are_damaged(tampered: Copy, length: int) -> None:
    """Of an earlier version, whose manifests have no seal."""
    keys = DAYS[3 : 3 + length]
    for n, key in enumerate(keys):
        path = tampered.lake / Lake.folder(PRICES, key) / MANIFEST
        upstream = Lake.folder(PRICES, keys[(n + 1) % length])
        path.write_bytes(dumps_unsealed({**unsealed(path.read_bytes()), "inputs": {upstream: "c"}}))
    assert not tampered.open().lake.refused(PRICES, keys[0])
    builder = tampered.open()
    with pytest.raises(NotReadyError, match="damaged"):
        builder.lake.read(PRICES, keys)
    assert sum(f"prices {key}: " in reason for reason in tampered.check() for key in keys) == length


@pytest.mark.parametrize(
    "name", ["../../../precious", "/precious", "a/../../b", "..", "", ".", "a//b", "a\\b", "a\0b", PART, MANIFEST]
)
def test_a_side_file_outside_its_folder_is_damage(tampered: Copy, name: str) -> None:
    if name == "/precious":
        name = str(tampered.lake.parent / "precious")
    path = tampered.lake / Lake.folder(PRICES, DAYS[3]) / MANIFEST
    saved = unsealed(path.read_bytes())
    path.write_bytes(dumps_unsealed({**saved, "files": {**saved["files"], name: "d"}}))
    assert f"prices {DAYS[3]}: damaged: manifest.json does not hold what was written" in tampered.check()


def test_a_manifest_of_an_earlier_version_is_kept(tampered: Copy) -> None:
    for path in tampered.lake.glob(f"[!_]*/*/{MANIFEST}"):
        path.write_bytes(dumps_unsealed(unsealed(path.read_bytes())))
    assert tampered.check() == []


def test_what_an_unknown_manifest_left_behind_is_removed(tampered: Copy) -> None:
    folder = tampered.lake / Lake.folder(PRICES, DAYS[3])
    (folder / MANIFEST).write_text("{")
    (folder / "figures").mkdir()
    (folder / "figures" / "old.svg").touch()
    (folder / ".part.parquet.7.7.tmp").touch()
    (folder / "link").symlink_to(tampered.lake.parent)
    tampered.check()
    left = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    assert left == {MANIFEST, PART, "features.json", "figures"}  # of the folder only what is in it is removed


def test_the_reason_of_a_damaged_partition_has_a_code(tampered: Copy) -> None:
    (tampered.lake / Lake.folder(PRICES, DAYS[3]) / PART).unlink()
    builder = tampered.open()
    assert builder.stale(WITH_FILE, DAYS[3]) == DAMAGED(cause=builder.lake.damage(WITH_FILE, DAYS[3]))
