"""The lake: Parquet partitions with a manifest beside each, in a local folder or on `s3://`, through one interface.

This module defines the paths of partitions, atomic writes, manifests, and reads that reject partitions which a gate refused. It does
not decide what a partition holds or when it is stale (resources/builder.py).

    <lake>/<table>/date=YYYY-MM-DD/part.parquet      (week=YYYY-MM-DD, the Monday, for weekly tables)
    <lake>/<table>/date=YYYY-MM-DD/manifest.json     written last: without it the partition does not exist

A partition whose manifest or files are not those that were written counts as not built (`Lake.damage`). A manifest is sealed by the
digest of its own bytes (resources/manifest.py). The files are compared with the manifest's content digest when a process first reads
them, and again after their state has changed (resources/verified.py); a change of state is looked for whenever a manifest is read and, in
a local lake, whenever a partition is. A manifest whose own file has not changed is taken from the table's index
(resources/manifest_index.py).
"""

import contextlib
import datetime as dt
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from resources.errors import LakeError, NotReadyError
from resources.gate import failed_as_reason
from resources.lease import hold, require_lease
from resources.manifest import MANIFEST, PART, Manifest, stored_reasons
from resources.manifest_index import ManifestIndex
from resources.reasons import Code, Reason
from resources.settings.lake import LakeSettings
from resources.stale import FILES_DIFFER, FILES_MISSING, INPUTS_IN_A_CYCLE, MANIFEST_DAMAGED
from resources.store import Store, digest, is_running
from resources.table import Table
from resources.verified import Verified

PARTITION_REFUSED = Code("partition_refused", ("folder", "cause"))
_CONTENT = re.compile(r"[0-9a-f]{32}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TEMPORARY = re.compile(
    r"\..+?\.(\d+)(?:\.\d+)?\.tmp"
)  # of an interrupted write: name, process, thread where it names one
NOT_BUILT = "not built"  # in place of the content digest of a partition that is not there
OWNER = "market.txt"  # holds the path of the market that the lake's tables are made from


class Lake:
    """Partitions of tables in a store. Manifests are cached until `forget`.

    damages: the damaged partitions that have been met since then, by folder, each with the reason.
    """

    def __init__(self, url: str, settings: LakeSettings | None = None):
        self.store = Store(url)
        self.damages: dict[str, Reason] = {}
        self._settings = settings or LakeSettings()
        self._verified = Verified(self.store)
        self._sound: dict[str, str] = {}  # the partitions whose files were compared since `forget`, with their state
        self._manifests: dict[str, Manifest | None] = {}  # by folder
        self._index = ManifestIndex(self.store)
        self._holds = 0  # the blocks of `writing` that this object is in
        self._contents: dict[str, dict[dt.date, tuple[str, str]]] = {}  # table → key → folder and content of `contents`
        self._refusals: dict[str, Reason | None] = {}

    def __repr__(self) -> str:
        return f"Lake({self.store.url!r})"

    @contextlib.contextmanager
    def writing(self, say: Callable[[str], None] = lambda line: None, *, kind: str = "step") -> Iterator[bool]:
        """Hold the lease of the lake inside the block: no other process writes it (resources/lease.py).

        A block inside another one of the same process holds the same lease. What a killed process left behind is removed.

        Args:
            say: receives a line while another process writes.
            kind: "run" or "step".

        Yields:
            Whether the lease was taken from a process that had been killed.

        Raises:
            LakeError: another process wrote for too long, or the lake cannot be written.
        """
        with hold(self.store, self._settings, kind, say) as (took, replaced):
            if took:
                self.forget()
            if replaced:
                self.store.sweep()
                self._sweep_shared()
                self._end_finished_work()
                with self.store.scratch():
                    pass  # it removes the folders of dead processes, also where the run has nothing to build
            self._holds += 1
            try:
                yield replaced
            finally:
                self._holds -= 1
                if not self._holds:
                    self._index.flush()

    def _sweep_shared(self) -> None:
        """Remove temporary files of the lease and of memories of digests. Processes that only read write such files too, so that a file is
        removed if the process whose number it has does not run."""
        root = Path(self.store.url)
        for path in (*root.glob(".*.tmp"), *root.glob("_*/.*.tmp")) if self.store.is_local else ():
            if (process := _TEMPORARY.fullmatch(path.name)) and not is_running(process[1]):
                with contextlib.suppress(OSError):
                    path.unlink()

    def _end_finished_work(self) -> None:
        """Remove the work folders of partitions that a process wrote before it was killed."""
        for name in self.store.works():
            table, _, work = name.partition("/")
            key, version = work[: len("2023-02-01")], work[len("2023-02-01-") :]
            found = [self._manifest(f"{table}/{kind}={key}") for kind in ("date", "week")]
            if any(one is not None and one.version == version for one in found):
                self.store.end_work(name)

    def claim(self, market: str) -> None:
        """Bind the lake to one market, given by its path.

        Raises:
            LakeError: the lake holds tables of another market.
        """
        owner = os.fsdecode(self.store.read_bytes(OWNER) or b"")
        if owner and owner != market:
            raise LakeError(
                f"The lake {self.store.url} holds tables made from the market {owner}, not {market}. Name another lake (LAKE= or "
                f"ZHOUBAO_LAKE), or, if the market was only moved, remove {OWNER} from the lake."
            )
        if not owner:
            self.store.write_bytes(OWNER, os.fsencode(market))

    @staticmethod
    def folder(table: Table, key: dt.date) -> str:
        """The name of a partition's folder, as "<table>/date=2023-02-01"."""
        return f"{table.name}/{'date' if table.partition == 'day' else 'week'}={key}"

    def forget(self) -> None:
        """Discard the cached manifests, since another process may have written."""
        self._manifests.clear()
        self._contents.clear()
        self._refusals.clear()
        self.damages.clear()
        self._sound.clear()
        self._verified.forget()
        self.store.forget()
        self._index.forget()

    def manifest(self, table: Table, key: dt.date) -> Manifest | None:
        """The partition's manifest; None where the partition is not built or damaged."""
        return self._manifest(self.folder(table, key))

    def _manifest(self, folder: str) -> Manifest | None:
        if folder not in self._manifests:
            self._manifests[folder] = found = self._indexed(folder)
            if found is not None:
                self._compare(folder, found)
        return self._manifests[folder]

    def _indexed(self, folder: str) -> Manifest | None:
        """The manifest from the index if its file has not changed since, else from the file; None where there is none or it is damaged."""
        name = f"{folder}/{MANIFEST}"
        state = self.store.stamp(
            [name]
        )  # taken before reading, so that a file that changes meanwhile is read again next time
        if state and (known := self._index.of(folder, state)) is not None:
            return known
        data = self.store.read_bytes(name)
        found = Manifest.loads(data) if data is not None else None
        if found is not None and found.is_of(folder):
            self._remember(folder, state, found)
            return found
        if data is not None:
            self.damages[folder] = MANIFEST_DAMAGED()
        return None

    def _remember(self, folder: str, state: str, manifest: Manifest) -> None:
        if self._holds:
            self._index.remember(folder, state, manifest)

    def contents(self, table: Table, keys: Sequence[dt.date]) -> dict[str, str]:
        """The content digests of partitions by folder; "not built" where there is none."""
        known = self._contents.setdefault(table.name, {})
        try:
            return dict(map(known.__getitem__, keys))  # a plan asks for millions
        except KeyError:
            for key in keys:
                if key not in known:
                    folder = self.folder(table, key)
                    manifest = self._manifest(folder)
                    known[key] = folder, manifest.content if manifest else NOT_BUILT
            return dict(map(known.__getitem__, keys))

    def damage(self, table: Table, key: dt.date) -> Reason | None:
        """The reason why a partition is damaged and counts as not built; None where it is not."""
        self.manifest(table, key)
        return self.damages.get(self.folder(table, key))

    def set_damaged(self, folder: str, reason: Reason) -> None:
        """Count a partition, given by its folder, as not built because its files are not those that were written."""
        self._manifests[folder] = None
        self._contents.clear()
        self._refusals.clear()
        self.damages[folder] = reason

    def _compare(self, folder: str, manifest: Manifest, *, reading: bool = False, afresh: bool = False) -> None:
        """Compare a partition's files with its manifest, and set it damaged where they differ.

        They are read where their state has changed since their digest was computed; with `reading` also where it never was, and
        with `afresh` in any case. The files of a refused partition are not read by anyone.
        """
        # A request for each state would be costly on S3, so that there a process compares a partition once.
        if manifest.refusals or (folder in self._sound and not afresh and not (reading and self.store.is_local)):
            return
        stamp = self.store.stamp([f"{folder}/{name}" for name in (PART, *sorted(manifest.files))])
        if not stamp:
            self.set_damaged(folder, FILES_MISSING())
            return
        if stamp == self._sound.get(folder) and not afresh:
            return
        known = self._verified.of(folder)
        if afresh or (known != (stamp, manifest.content) if known else reading):
            content = self._content(folder, manifest)
            self._verified.remember(folder, stamp, content or digest())
            if content != manifest.content:
                self.set_damaged(folder, FILES_DIFFER())
                return
        elif not known:
            return
        self._sound[folder] = stamp

    def trust(self, contents: Mapping[str, str]) -> None:
        """Read these partitions as another process has just found that they may be read (`require`), and cache no others.

        Args:
            contents: the content digest of each partition by folder, or another text where it is not built.

        Raises:
            LakeError: a partition has been replaced since then. One that was damaged raises when it is read.
        """
        self.damages.clear()
        self._refusals = dict.fromkeys(contents)
        self._sound = {}
        self._contents.clear()
        known = self._manifests
        self._manifests = {}
        for folder, content in contents.items():
            found = known.get(folder)
            if found is None or found.content != content:
                is_built = _CONTENT.fullmatch(content) is not None
                found = self._manifest(folder) if is_built else None
                if is_built and folder not in self.damages and (found is None or found.content != content):
                    raise LakeError(
                        f"{self.store.path(folder)} was replaced by another process while it was to be read. Only one process may "
                        "write a lake; end the other one and run again."
                    )
            self._manifests[folder] = found
            if found is not None:
                files = [f"{folder}/{one}" for one in (PART, *sorted(found.files))]
                self._sound[folder] = self.store.stamp(files) if self.store.is_local else ""

    def require_any(self) -> None:
        """Check that there is a lake, which the first run creates.

        Raises:
            NotReadyError: there is nothing but files of the platform itself, such as the lock of a lease.
        """
        if all(name.startswith("_") for name in self.store.names("")):
            raise NotReadyError(
                f"There is no lake at {self.store.url}. Name the lake with --lake or ZHOUBAO_LAKE; the first run creates it."
            )

    def keys(self, table: Table) -> list[dt.date]:
        """The keys of a table's partition folders, ascending. Only those with a `manifest` are built; other folders are ignored."""
        prefix = self.folder(table, dt.date.min).removeprefix(f"{table.name}/").removesuffix(str(dt.date.min))
        names = [name.removeprefix(prefix) for name in self.store.names(table.name) if name.startswith(prefix)]
        return [dt.date.fromisoformat(name) for name in names if _DATE.fullmatch(name) and _is_date(name)]

    # --- reading ----------------------------------------------------------------------------------------------------

    def require(self, table: Table, key: dt.date, reader: str = "") -> Manifest:
        """The manifest of a partition that may be read.

        Raises:
            NotReadyError: the partition is not built, its gate or that of an input refused it, or it could not be renewed when it
                had to be. `reader` names the partition that needs it.
        """
        folder = self.folder(table, key)
        refused = self._refused(folder)  # it may find the manifest damaged
        if (manifest := self._manifest(folder)) is not None and not refused:
            self._compare(folder, manifest, reading=True)
            manifest = self._manifest(folder)
        wanted = f"{reader} needs {table.name} of {key}" if reader else f"{table.name} of {key} was requested"
        if manifest is None and (damage := self.damages.get(folder)):
            raise NotReadyError(
                f"{wanted}, which is damaged: {damage}. Build it again: {build_command(table.name, key)}"
            )
        if manifest is None:
            raise NotReadyError(f"{wanted}, which is not built. Build it: {build_command(table.name, key)}")
        if refused:
            raise NotReadyError(
                f"{wanted}, which is refused: {refused}. After the remedy: {build_command(table.name, key)}"
            )
        if manifest.outdated:
            raise NotReadyError(
                f"{wanted}, which had to be renewed and could not be: {manifest.outdated} Its content belongs to an earlier "
                f"state. After the remedy: {build_command(table.name, key)}"
            )
        return manifest

    def refused(self, table: Table, key: dt.date) -> Reason | None:
        """The reason why a built partition may not be read: its own gate, or that of any of its inputs, refused it; else None."""
        return self._refused(self.folder(table, key))

    def _refused(self, folder: str) -> Reason | None:
        # The search is depth first with an explicit stack: ten years of weeks that each read the week before exceed Python's
        # recursion limit.
        stack, opened = [folder], set()
        while stack:
            current = stack[-1]
            manifest = None if current in self._refusals else self._manifest(current)
            if manifest is None:
                self._refusals.setdefault(current, None)
                opened.discard(current)
                stack.pop()
            elif failed := failed_as_reason(manifest.refusals):
                self._refusals[current] = PARTITION_REFUSED(folder=current, cause=failed)
                stack.pop()
            elif not self._refusals.keys() >= manifest.inputs.keys():
                unknown = [source for source in manifest.inputs if source not in self._refusals]
                opened.add(current)
                if opened.isdisjoint(unknown):
                    stack.extend(unknown)
                else:
                    self.set_damaged(current, INPUTS_IN_A_CYCLE())
            else:
                # An input that was refused after this partition was made from an earlier version of it refuses it too.
                reasons = map(self._refusals.__getitem__, manifest.inputs)
                self._refusals[current] = next(filter(None, reasons), None)
                opened.discard(current)
                stack.pop()
        return self._refusals[folder]

    def read(self, table: Table, keys: Iterable[dt.date], reader: str = "") -> pl.LazyFrame:
        """A lazy frame over these partitions in this order; an empty frame in the table's schema where there are none.

        Raises:
            NotReadyError: one of them may not be read (`require`).
        """
        keys = list(keys)
        rows = {key: self.require(table, key, reader).rows for key in keys}
        filled = [key for key in keys if rows[key]]
        if not filled:
            return pl.LazyFrame(schema=table.schema)
        return self.store.scan([f"{self.folder(table, key)}/{PART}" for key in filled])

    def read_file(self, table: Table, key: dt.date, name: str, reader: str = "") -> bytes:
        """Read a side file of a partition.

        Raises:
            NotReadyError: the partition may not be read (`require`), or has no such file.
        """
        manifest = self.require(table, key, reader)
        if name not in manifest.files:
            raise NotReadyError(
                f"{table.name} of {key} has no file {name}; it holds {', '.join(manifest.files) or 'none'}."
            )
        data = self.store.read_bytes(f"{self.folder(table, key)}/{name}")
        if data is None or digest(data) != manifest.files[name]:
            self.set_damaged(self.folder(table, key), FILES_DIFFER())
            self.require(table, key, reader)  # raises
        return data or b""

    def whole(self, table: Table, key: dt.date) -> tuple[Manifest, bytes, dict[str, bytes]] | None:
        """A partition's manifest, part and side files; None where it is not built, refused by its own gate, or damaged."""
        folder, manifest = self.folder(table, key), self.manifest(table, key)
        if manifest is None or manifest.refusals:
            return None
        part = self.store.read_bytes(f"{folder}/{PART}")
        files = {name: self.store.read_bytes(f"{folder}/{name}") or b"" for name in manifest.files}
        if part is None or content_digest(part, files, manifest.unavailable) != manifest.content:
            self.set_damaged(folder, FILES_DIFFER())
            return None
        return manifest, part, files

    def verify(self, folders: Iterable[str]) -> list[str]:
        """Read all files of the partitions, given by folder, and return the damaged ones, which then count as not built."""
        damaged = []
        for folder in folders:
            if (manifest := self._manifest(folder)) is not None:
                self._compare(folder, manifest, afresh=True)
            if folder in self.damages:
                damaged.append(folder)
        return damaged

    def _content(self, folder: str, manifest: Manifest) -> str:
        files = {name: self.store.read_bytes(f"{folder}/{name}") for name in manifest.files}
        part = Path(self.store.path(f"{folder}/{PART}")) if self.store.is_local else None
        data = self.store.read_bytes(f"{folder}/{PART}") if part is None else part if part.is_file() else None
        if data is None or None in files.values():
            return ""
        with self.store._as_lake_error("read", f"{folder}/{PART}"):
            return content_digest(data, {name: file or b"" for name, file in files.items()}, manifest.unavailable)

    # --- writing ----------------------------------------------------------------------------------------------------

    def write(
        self, table: Table, key: dt.date, part: bytes | Path, files: Mapping[str, bytes], manifest: Manifest
    ) -> None:
        """Replace a partition. The old manifest is deleted first and the new one written last.

        A reader therefore sees the old partition, none, or the new one. A part that is a file is moved, not copied.
        """
        folder = self.folder(table, key)
        name = f"{folder}/{MANIFEST}"
        require_lease(self.store)
        old = self.manifest(table, key)
        self._manifests.pop(folder, None)
        self._contents.pop(table.name, None)
        self._refusals.clear()
        self._sound.pop(folder, None)
        self.store.delete(name)
        # What an interrupted write or an unknown manifest left behind is removed, too.
        for stale in set(old.files if old else self.store.below(folder)) - set(files) - {PART}:
            self.store.delete(f"{folder}/{stale}")
        for file, data in files.items():
            self.store.write_bytes(f"{folder}/{file}", data)
        self.store.write_bytes(f"{folder}/{PART}", part)
        self._write_manifest(folder, manifest)
        self.damages.pop(folder, None)
        if not manifest.refusals and (stamp := self.store.stamp([f"{folder}/{one}" for one in (PART, *sorted(files))])):
            self._verified.remember(folder, stamp, manifest.content)
            self._sound[folder] = stamp

    def set_outdated(self, table: Table, key: dt.date, reason: Reason) -> None:
        """Withhold a built partition that could not be renewed from its readers until it is renewed."""
        if (manifest := self.manifest(table, key)) is not None:
            self.restamp(table, key, replace(manifest, outdated=reason))

    def restamp(self, table: Table, key: dt.date, manifest: Manifest) -> None:
        """Replace the manifest of a built partition; its files do not change."""
        require_lease(self.store)
        self._write_manifest(self.folder(table, key), manifest)

    def _write_manifest(self, folder: str, manifest: Manifest) -> None:
        name = f"{folder}/{MANIFEST}"
        self.store.write_bytes(name, manifest.dumps())
        self._manifests[folder] = manifest
        self._contents.pop(manifest.table, None)
        self._remember(folder, self.store.stamp([name]) if self._holds else "", manifest)


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def content_digest(part: bytes | Path, files: Mapping[str, bytes], unavailable: Mapping[str, Reason]) -> str:
    """The digest of everything that readers see of a partition: rows, side files and reasons."""
    beside = (name.encode() + data for name, data in sorted(files.items()))
    return digest(part, *beside, json.dumps(stored_reasons(unavailable), sort_keys=True).encode())


def build_command(table: str, key: dt.date) -> str:
    """The command that builds a partition and everything upstream of it that is stale."""
    return f"python -m orchestration.run --table {table} --date {key}"
