"""A new lake is closed to users outside its group, whatever the umask; an existing folder keeps its mode."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.store import Store


@pytest.fixture(params=[0o022, 0o000, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(store: Store) -> None:
    store.write_bytes("a/b/part", b"x")


def scratch(store: Store) -> None:
    with store.scratch():
        pass


@pytest.mark.parametrize(
    "first", [write, scratch, lambda store: store.work("a/b"), lambda store: store.create("lease", b"x")]
)
def test_a_new_lake_is_closed_to_others(tmp_path: Path, umask: int, first) -> None:
    lake = tmp_path / "lakes" / "lake"
    first(Store(str(lake)))
    write(Store(str(lake)))
    assert mode(lake) == 0o750 & ~umask
    assert mode(lake / "a" / "b" / "part") == 0o666 & ~umask
    assert mode(lake / "a") == 0o777 & ~umask


def test_an_existing_folder_keeps_its_mode(tmp_path: Path, umask: int) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    lake.chmod(0o2775)
    write(Store(str(lake)))
    assert mode(lake) == 0o2775
