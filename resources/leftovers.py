"""Finds data in a lake that is no longer needed: what killed processes, earlier versions and removed files left behind.

A file that a readable manifest of a declared table names is never among it. This module does not decide when to remove it
(orchestration/vacuum.py).
"""

import contextlib
import datetime as dt
import functools
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from resources.builder import Builder
from resources.errors import InputError, NotReadyError, SettingsError
from resources.issues import ISSUES
from resources.lake import OWNER
from resources.lease import LEASE
from resources.manifest import MANIFEST, PART, Manifest
from resources.manifest_index import INDEX
from resources.store import Store, is_running, local_sizes
from resources.table import Table
from resources.verified import VERIFIED

UNDECLARED, UNFINISHED, SIDE_FILES = "undeclared", "unfinished", "side files"
WORK_FOLDERS, SCRATCH_FOLDERS, DIGESTS = "work", "scratch", "digests"
KINDS = {
    UNDECLARED: "folders of tables that are no longer declared",
    UNFINISHED: "partitions without a manifest, left by a killed process",
    SIDE_FILES: "files that no manifest names",
    WORK_FOLDERS: "intermediate results of partitions that are up to date",
    SCRATCH_FOLDERS: "folders of processes that have ended",
    DIGESTS: "digests of files that are no longer in the landing zone",
}
STILL_SECONDS = 86_400  # after which a file of a process that cannot be asked counts as left
_PARTITION = re.compile(r"(date|week)=[^/]+")
_WORK = re.compile(r"(\d{4}-\d{2}-\d{2})-.+")
_TEMPORARY = re.compile(r"\.(.+)\.tmp")
_FILE_DIGESTS, _REFERENCE_DIGESTS = ".json", ".reference.json"


@dataclass(frozen=True)
class Leftover:
    """Something that may be removed.

    kind: a key of KINDS. name: where it is, for display. count: the number of files, or of entries of a file. size: bytes. remove:
    removes it; nothing happens where it is gone.
    """

    kind: str
    name: str
    count: int
    size: int
    remove: Callable[[], None]


@dataclass(frozen=True)
class Leftovers:
    """What may be removed, in the order of KINDS, and sentences on what is neither needed nor known and therefore kept."""

    found: list[Leftover]
    kept: list[str]


def find_leftovers(builder: Builder) -> Leftovers:
    """List the data in the builder's lake that is no longer needed. Nothing is written.

    A partition that another process writes now looks unfinished. Who removes what is found must hold the lake's lease since before
    this call.

    Raises:
        NotReadyError: there is no lake.
        LakeError: the lake cannot be read, or belongs to another market.
    """
    store = builder.lake.store
    builder.lake.require_any()
    if store.read_bytes(OWNER) is None:
        raise NotReadyError(
            f"There is no lake at {store.url}: it has no file {OWNER}. Name a lake with --lake or ZHOUBAO_LAKE."
        )
    builder.lake.claim(str(builder.zone.root.resolve()))
    found: list[Leftover] = []
    kept: list[str] = []
    for name in store.names(""):
        if name in builder.tables:
            found += _of_table(store, builder.tables[name], kept)
        elif not name.startswith(("_", ".")) and name != OWNER:
            found += _undeclared(store, name, kept)
    found += [*_temporary_files(store), *_work(builder), *_scratch(store), *_digests(builder)]
    order = list(KINDS)
    return Leftovers(sorted(found, key=lambda one: (order.index(one.kind), one.name)), kept)


def _of_table(store: Store, table: Table, kept: list[str]) -> Iterator[Leftover]:
    """Unfinished partitions of a declared table, and files beside its finished ones."""
    partitions: dict[str, dict[str, int]] = {name: {} for name in store.names(table.name)}
    for path, size in store.sizes(table.name).items():
        name, _, file = path.partition("/")
        partitions.setdefault(name, {})[file] = size
    for name, files in partitions.items():
        folder = f"{table.name}/{name}"
        if not _PARTITION.fullmatch(name):
            kept.append(f"{folder} is no partition.")
        elif MANIFEST not in files:
            yield _folder(store, UNFINISHED, folder, files)
        elif (manifest := _readable(store, folder)) is None:
            kept.append(
                f"{folder}/{MANIFEST} is damaged, of another version or of another partition; the next run builds the partition again."
            )
        else:
            for file in sorted(set(files) - {PART, MANIFEST, *manifest.files}):
                remove = functools.partial(store.delete, f"{folder}/{file}")
                yield Leftover(SIDE_FILES, f"{folder}/{file}", 1, files[file], remove)


def _readable(store: Store, folder: str) -> Manifest | None:
    """The manifest of a partition; None where it is damaged, of another version, or another partition's."""
    found = Manifest.loads(store.read_bytes(f"{folder}/{MANIFEST}") or b"")
    own = found is not None and folder in (f"{found.table}/date={found.key}", f"{found.table}/week={found.key}")
    return found if own else None


def _undeclared(store: Store, name: str, kept: list[str]) -> Iterator[Leftover]:
    """The folder of a former table. Anything that does not consist of partitions is not the platform's and is kept."""
    entries = store.names(name)
    if entries and all(map(_PARTITION.fullmatch, entries)):
        yield _folder(store, UNDECLARED, name, store.sizes(name))
    else:
        kept.append(f"{name} is neither a table nor a folder of partitions.")


def _folder(store: Store, kind: str, folder: str, files: dict[str, int]) -> Leftover:
    return Leftover(kind, folder, len(files), sum(files.values()), functools.partial(store.remove, folder))


def _temporary_files(store: Store) -> Iterator[Leftover]:
    """Files of interrupted writes outside the partitions. Processes that only read the tables may write such a file now."""
    if not store.is_local:
        return
    for folder in ("", "_digests", VERIFIED, INDEX, ISSUES):
        for name in store.names(folder):
            path = Path(store.path(f"{folder}/{name}" if folder else name))
            match = _TEMPORARY.fullmatch(name)
            if match and not match[1].startswith(LEASE) and _is_still(path):
                size = path.stat().st_size
                yield Leftover(SIDE_FILES, str(path.relative_to(store.url)), 1, size, functools.partial(_unlink, path))


def _work(builder: Builder) -> Iterator[Leftover]:
    for path in sorted(builder.lake.store.work_root.glob("*/*")):
        match = _WORK.fullmatch(path.name)
        table = builder.tables.get(path.parent.name)
        if table is None or (match and _is_up_to_date(builder, table, match[1])):
            yield _local_folder(WORK_FOLDERS, path)


def _is_up_to_date(builder: Builder, table: Table, text: str) -> bool:
    try:
        return builder.stale(table, dt.date.fromisoformat(text)) is None
    except (ValueError, InputError, NotReadyError, SettingsError):
        return False  # what cannot be judged is kept


def _scratch(store: Store) -> Iterator[Leftover]:
    for path in sorted(store.scratch_root.glob("*+*+*")):
        host, pid, _ = path.name.split("+", 2)
        if (not is_running(pid)) if host == socket.gethostname() else _is_still(path):
            yield _local_folder(SCRATCH_FOLDERS, path)


def _digests(builder: Builder) -> Iterator[Leftover]:
    """Remembered digests of files that are gone. A landing zone without any day is not believed: it may not be mounted."""
    store, zone = builder.lake.store, builder.zone
    if not zone.days():
        return
    for file in store.names("_digests"):
        name = f"_digests/{file}"
        data = store.read_bytes(name) or b""
        if file.startswith("."):
            continue
        if file.endswith(_REFERENCE_DIGESTS):
            with contextlib.suppress(InputError):
                if zone.reference_path(file.removesuffix(_REFERENCE_DIGESTS)) is None:
                    yield Leftover(DIGESTS, name, 1, len(data), functools.partial(store.delete, name))
        elif file.endswith(_FILE_DIGESTS):
            known = _entries(data)
            rest = {path: one for path, one in known.items() if os.path.exists(path)}
            left = json.dumps(rest, sort_keys=True).encode()
            if len(rest) < len(known):
                size = len(data) - len(left)
                yield Leftover(
                    DIGESTS, name, len(known) - len(rest), size, functools.partial(_write, store, name, left)
                )


def _entries(data: bytes) -> dict[str, object]:
    try:
        known = json.loads(data)
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}


def _write(store: Store, name: str, data: bytes) -> None:
    store.write_bytes(name, data)


def _local_folder(kind: str, path: Path) -> Leftover:
    files = local_sizes(path)
    remove = functools.partial(shutil.rmtree, path, ignore_errors=True)
    return Leftover(kind, str(path), len(files), sum(files.values()), remove)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)


def _is_still(path: Path) -> bool:
    """Whether nothing at or below a path has changed for `STILL_SECONDS`."""
    try:
        newest = max(one.lstat().st_mtime for one in (path, *path.rglob("*")))
    except FileNotFoundError:
        return False
    return time.time() - newest > STILL_SECONDS
