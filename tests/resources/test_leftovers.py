"""Data in a lake that is no longer needed is found and removed, and nothing that a manifest names."""

import json
import os
import random
import shutil
import socket
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from orchestration.plan import make_plan
from resources.builder import Builder
from resources.errors import LakeError, NotReadyError
from resources.leftovers import STILL_SECONDS, Leftovers, find_leftovers
from resources.manifest import MANIFEST, PART, Manifest
from resources.store import local_sizes
from tests.processes import ended_process
from tests.resources.small_market import DAYS, WEEKS, build_all, open_world


def write(path: Path, data: bytes = b"left") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def age(path: Path) -> None:
    """Make a file or folder as old as what ended processes of other machines left."""
    for one in (*path.rglob("*"), path):
        os.utime(one, times=(1e9, 1e9))


def plant(lake: Path, market: Path) -> dict[str, set[str]]:
    """Plant what processes leave, by kind, and what must be kept beside it."""
    host = socket.gethostname()
    write(lake / "former_table" / "date=2023-01-03" / PART)
    write(lake / "former_table" / "date=2023-01-03" / MANIFEST, b"{}")
    killed = lake / "prices" / f"date={DAYS[0]}"
    shutil.copytree(lake / "prices" / f"date={DAYS[1]}", lake / "prices" / "date=2023-02-01")
    (lake / "prices" / "date=2023-02-01" / MANIFEST).unlink()
    (lake / "averages" / "date=2023-02-02").mkdir()
    write(killed / "solve.parquet")
    write(killed / ".part.parquet.123.tmp")
    age(write(lake / "_digests" / ".bars.json.77.tmp"))
    write(lake / "_work" / "prices" / f"{DAYS[0]}-0123" / "epoch_3")
    write(lake / "_work" / "former_table" / "2023-01-03-0123" / "epoch_3")
    gone, other = f"{host}+{ended_process()}+abc", "elsewhere+1+abc"
    write(lake / "_scratch" / gone / "2023-01-03" / "trades.parquet")
    age(write(lake / "_scratch" / other / "trades.parquet").parent)
    known = json.loads((lake / "_digests" / "bars.json").read_bytes())
    known[str(market / "bars" / "20220101.parquet")] = ["stamp", "digest"]
    (lake / "_digests" / "bars.json").write_bytes(json.dumps(known, sort_keys=True).encode())
    write(lake / "_digests" / "instruments.reference.json", b"{}")
    # These are kept: work that continues, processes that run, files that someone else put there.
    write(lake / "_work" / "prices" / "2023-03-01-0123" / "epoch_3")
    write(lake / "_scratch" / f"{host}+{os.getpid()}+abc" / "trades.parquet")
    write(lake / "_scratch" / "elsewhere+2+abc" / "trades.parquet")
    write(lake / "_digests" / ".bars.json.78.tmp")
    write(lake / "notes" / "readme.md")
    write(lake / "prices" / "notes.md")
    return {
        "undeclared": {"former_table"},
        "unfinished": {"prices/date=2023-02-01", "averages/date=2023-02-02"},
        "side files": {
            f"prices/date={DAYS[0]}/solve.parquet", f"prices/date={DAYS[0]}/.part.parquet.123.tmp", "_digests/.bars.json.77.tmp",
        },
        "work": {str(lake / "_work" / "prices" / f"{DAYS[0]}-0123"), str(lake / "_work" / "former_table" / "2023-01-03-0123")},
        "scratch": {str(lake / "_scratch" / gone), str(lake / "_scratch" / other)},
        "digests": {"_digests/bars.json", "_digests/instruments.reference.json"},
    }  # fmt: skip


def by_kind(found: Leftovers) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for one in found.found:
        names.setdefault(one.kind, set()).add(one.name)
    return names


def named_files(lake: Path) -> dict[str, bytes]:
    """The content of every file that a readable manifest names, and of the manifests."""
    found = {}
    for path in lake.glob(f"[!_]*/*/{MANIFEST}"):
        if (manifest := Manifest.loads(path.read_bytes())) is not None:
            for name in filter(lambda name: (path.parent / name).exists(), (MANIFEST, PART, *manifest.files)):
                found[str((path.parent / name).relative_to(lake))] = (path.parent / name).read_bytes()
    return found


def remove_all(builder: Builder) -> Leftovers:
    with builder.lake.writing():
        found = find_leftovers(builder)
        for one in found.found:
            one.remove()
    return found


def test_each_kind_is_found_removed_and_then_gone(market: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    build_all(open_world(market, lake))
    assert find_leftovers(open_world(market, lake)) == Leftovers([], [])
    before = named_files(lake)
    planted = plant(lake, market)
    files = local_sizes(lake)
    found = find_leftovers(open_world(market, lake))
    assert by_kind(found) == planted
    assert local_sizes(lake) == files  # nothing is written
    assert [line.split(" ")[0] for line in found.kept] == ["notes", "prices/notes.md"]
    assert {one.name: (one.count, one.size) for one in found.found if one.kind in ("undeclared", "side files")} == {
        "former_table": (2, 6), **dict.fromkeys(planted["side files"], (1, 4))
    }  # fmt: skip
    (bars,) = (one for one in found.found if one.name == "_digests/bars.json")
    size = (lake / "_digests" / "bars.json").stat().st_size
    bars.remove()
    assert (bars.count, bars.size) == (1, size - (lake / "_digests" / "bars.json").stat().st_size)
    remove_all(open_world(market, lake))
    assert find_leftovers(open_world(market, lake)).found == []
    assert named_files(lake) == before
    kept = ("notes/readme.md", "prices/notes.md", "_work/prices/2023-03-01-0123/epoch_3", "_digests/.bars.json.78.tmp")
    assert all((lake / name).is_file() for name in kept)
    assert len(list((lake / "_scratch").iterdir())) == 2
    assert not make_plan(open_world(market, lake), [("totals", WEEKS[-1])]).steps


@pytest.mark.parametrize("seed", range(20))
def test_no_file_that_a_manifest_names_is_removed(market: Path, tmp_path: Path, seed: int) -> None:
    """Random damage: manifests removed, emptied, cut, changed or copied, files added and parts removed."""
    lake, chance = tmp_path / "lake", random.Random(seed)
    build_all(open_world(market, lake))
    manifests = sorted(lake.glob(f"[!_]*/*/{MANIFEST}"))
    contents = [path.read_bytes() for path in manifests]
    for path in chance.sample(manifests, 12):
        data, other = path.read_bytes(), chance.choice(contents)
        changes = [
            path.unlink,
            lambda path=path: path.write_bytes(b""),
            lambda path=path, data=data: path.write_bytes(data[: len(data) // 2]),
            lambda path=path, data=data: path.write_bytes(data.replace(b'"rows": 2', b'"rows": 3')),
            lambda path=path, data=data: path.write_bytes(b'{"format": 99}'),
            lambda path=path, other=other: path.write_bytes(other),
            lambda path=path: write(path.parent / "deep" / "x.json"),
            lambda path=path: write(path.parent / PART, b"other"),
        ]
        chance.choice(changes)()
    before = named_files(lake)
    finished = Counter(path.parent for path in lake.glob(f"[!_]*/*/{MANIFEST}"))
    remove_all(open_world(market, lake))
    assert named_files(lake) == before
    assert Counter(path.parent for path in lake.glob(f"[!_]*/*/{MANIFEST}")) == finished
    build_all(open_world(market, lake))
    remove_all(open_world(market, lake))
    assert find_leftovers(open_world(market, lake)) == Leftovers([], [])
    assert not make_plan(open_world(market, lake), [("totals", WEEKS[-1])]).steps


def test_a_landing_zone_that_is_not_mounted_loses_no_digests(market: Path, tmp_path: Path) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    shutil.rmtree(market / "bars")
    assert find_leftovers(open_world(market, tmp_path / "lake")).found == []


def test_another_folder_is_not_taken_for_a_lake(market: Path, tmp_path: Path) -> None:
    write(tmp_path / "home" / "photos" / "date=2023-01-01" / "x.jpg")
    with pytest.raises(NotReadyError, match="There is no lake"):
        find_leftovers(open_world(market, tmp_path / "home"))
    write(tmp_path / "home" / "market.txt", b"/data/other")
    with pytest.raises(LakeError, match="/data/other"):
        find_leftovers(open_world(market, tmp_path / "home"))


def test_what_another_machine_wrote_lately_is_kept(market: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    build_all(open_world(market, lake))
    left = write(lake / "_scratch" / "elsewhere+1+abc" / "deep" / "trades.parquet")
    age(lake / "_scratch" / "elsewhere+1+abc")
    assert [one.kind for one in find_leftovers(open_world(market, lake)).found] == ["scratch"]
    os.utime(left)
    assert find_leftovers(open_world(market, lake)).found == []
    assert STILL_SECONDS >= 3600


@pytest.mark.slow
def test_a_lake_on_s3(market: Path, tmp_path: Path, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    builder = open_world(market, bucket)
    build_all(builder)
    store = builder.lake.store
    assert find_leftovers(open_world(market, bucket)) == Leftovers([], [])
    for name in ("former_table/week=2023-01-02/part.parquet", f"prices/date={DAYS[0]}/solve.parquet"):
        store.write_bytes(name, b"left")
    store.delete(f"totals/week={WEEKS[-1]}/{MANIFEST}")
    work = store.work(f"prices/{DAYS[0]}-0123")
    found = remove_all(open_world(market, bucket))
    assert by_kind(found) == {
        "undeclared": {"former_table"}, "unfinished": {f"totals/week={WEEKS[-1]}"}, "side files": {f"prices/date={DAYS[0]}/solve.parquet"},
        "work": {str(work)},
    }  # fmt: skip
    assert sum(one.size for one in found.found if one.kind != "unfinished") == 8
    assert find_leftovers(open_world(market, bucket)) == Leftovers([], [])
    assert "former_table" not in store.names("")
    assert [name for name, _, _ in build_all(open_world(market, bucket))] == ["totals"]
