"""The lake: Parquet partitions with a manifest beside each, in a local folder or on `s3://`, through one interface.

This module defines the paths of partitions, atomic writes, manifests, and reads that reject partitions which a gate refused. It does
not decide what a partition holds or when it is stale (resources/builder.py).

    <lake>/<table>/date=YYYY-MM-DD/part.parquet      (week=YYYY-MM-DD, the Monday, for weekly tables)
    <lake>/<table>/date=YYYY-MM-DD/manifest.json     written last: without it the partition does not exist
"""

import contextlib
import datetime as dt
import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import polars as pl

from resources.errors import LakeError, NotReadyError, is_machine_fault
from resources.gate import Verdict, failed_as_reason
from resources.reasons import Code, Reason
from resources.table import Table

PART = "part.parquet"
MANIFEST = "manifest.json"
PARTITION_REFUSED = Code("partition_refused", ("folder", "cause"))
# Intermediate results of long computations, by table, partition and version. They are removed when the partition is written.
WORK = "_work"
SCRATCH = "_scratch"  # large partitions before they are moved into place; one folder per process, removed at its end
_CHUNK = 8 << 20
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
OWNER = "market.txt"  # holds the path of the market that the lake's tables are made from


class Store:
    """Bytes under names, in a local folder or under an S3 prefix. Every write is atomic.

    Every method that reads or writes raises LakeError where the store cannot be used, such as for want of space or rights.
    """

    def __init__(self, url: str):
        self.url = url.rstrip("/")
        self.is_local = "://" not in url
        if self.is_local:
            path = Path(self.url)
            if there := next((one for one in (path, *path.parents) if one.exists() and not one.is_dir()), None):
                raise LakeError(
                    f"The lake {url} cannot be a folder: {there} is a file. Name another folder with LAKE=…."
                )
        elif not url.startswith("s3://"):
            raise LakeError(f"The lake {url} is neither a folder nor an s3:// URL. Name one of these with LAKE=….")
        else:
            import fsspec

            self._fs = fsspec.filesystem(url.split("://", 1)[0], **_s3_client_options())
            self._fs.invalidate_cache()

    def path(self, name: str) -> str:
        """The path or URL of a name."""
        return f"{self.url}/{name}"

    @contextlib.contextmanager
    def _as_lake_error(self, operation: str, name: str) -> Iterator[None]:
        """Turn a full disk, a missing right or missing credentials into a LakeError. FileNotFoundError passes unchanged."""
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:
            if not isinstance(error, OSError) and not is_machine_fault(error):
                raise
            rest = "" if self.is_local else " and the AWS_* variables"
            raise LakeError(
                f"{self.path(name)} cannot be {operation}: {error}. Correct the cause (space, rights{rest}) and run again; "
                "partitions that are built are kept."
            ) from error

    def read_bytes(self, name: str) -> bytes | None:
        """Read a content; None where the name does not exist."""
        try:
            with self._as_lake_error("read", name):
                if self.is_local:
                    return Path(self.path(name)).read_bytes()
                return self._fs.cat_file(self.path(name))
        except FileNotFoundError:
            return None

    def write_bytes(self, name: str, data: bytes | Path) -> None:
        """Write a content atomically: as a temporary file that is flushed and renamed in a folder, as one put on S3.

        data: the bytes, or a file below `scratch`, which is moved in a local store.
        """
        try:
            with self._as_lake_error("written", name):
                self._write(name, data)
        except FileNotFoundError as error:  # S3 has no such bucket
            raise LakeError(
                f"{self.path(name)} cannot be written: {error}. Create the bucket, or name another."
            ) from error

    def _write(self, name: str, data: bytes | Path) -> None:
        if not self.is_local:
            if isinstance(data, Path):
                self._fs.put_file(str(data), self.path(name))
            else:
                self._fs.pipe_file(self.path(name), data)
            return
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(data, Path):
            with data.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(data, target)
            return
        temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Provide a folder for large files before they are moved into the store; it is removed at the end.

        Folders that killed processes of this machine left behind are removed first.
        """
        root = Path(self.path(SCRATCH)) if self.is_local else Path(tempfile.gettempdir()) / "zhoubao_scratch"
        with self._as_lake_error("written", SCRATCH):
            root.mkdir(parents=True, exist_ok=True)
            for left in root.glob(f"{socket.gethostname()}+*"):
                if not _is_running(left.name.split("+")[1]):
                    shutil.rmtree(left, ignore_errors=True)
            folder = Path(tempfile.mkdtemp(prefix=f"{socket.gethostname()}+{os.getpid()}+", dir=root))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def work(self, name: str) -> Path:
        """A folder for intermediate results. It outlives a killed process: the same name leads to the same folder."""
        path = self._work_root / name
        with self._as_lake_error("written", f"{WORK}/{name}"):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def end_work(self, pattern: str) -> None:
        """Remove the work folders whose names match a pattern such as `gru_50_1/2023-01-02-*`."""
        for path in self._work_root.glob(pattern):
            shutil.rmtree(path, ignore_errors=True)

    @property
    def _work_root(self) -> Path:
        # The work folders of a remote store are on this machine, in one folder per store.
        local = Path(tempfile.gettempdir()) / f"zhoubao{WORK}" / digest(self.url.encode())
        return Path(self.path(WORK)) if self.is_local else local

    def delete(self, name: str) -> None:
        """Delete a content; nothing happens where the name does not exist."""
        with contextlib.suppress(FileNotFoundError), self._as_lake_error("deleted", name):
            if self.is_local:
                Path(self.path(name)).unlink()
            else:
                self._fs.rm_file(self.path(name))

    def names(self, folder: str) -> list[str]:
        """The sorted names of the entries of a folder; [] where it does not exist."""
        try:
            with self._as_lake_error("listed", folder):
                if self.is_local:
                    path = Path(self.path(folder))
                    return sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []
                return sorted(Path(name).name for name in self._fs.ls(self.path(folder), detail=False, refresh=True))
        except FileNotFoundError:
            return []

    def scan(self, names: list[str]) -> pl.LazyFrame:
        """A lazy frame over the Parquet files of these names, in this order."""
        options = None if self.is_local else _s3_scan_options()
        return pl.scan_parquet([self.path(name) for name in names], storage_options=options, hive_partitioning=False)


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError):
        return True
    return True


def _s3_client_options() -> dict[str, Any]:
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return {"client_kwargs": {"endpoint_url": endpoint}} if endpoint else {}


def _s3_scan_options() -> dict[str, Any] | None:
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return None
    return {"aws_endpoint_url": endpoint, "aws_allow_http": str(endpoint.startswith("http:")).lower()}


@dataclass(frozen=True)
class Manifest:
    """Everything that is recorded about one partition.

    `version` is the digest of what it was made from, and `content` the digest of the result. `adopted` holds a record for each time
    the partition was declared as built by later code: from, to and the proof. `outdated` is the reason why a partition could not be
    renewed when it had to be, and None otherwise; its rows then belong to an earlier state.
    """

    table: str
    key: str
    version: str
    content: str
    inputs: Mapping[str, str]  # "<table>/date=…" → content digest
    landing: Mapping[str, str]  # part of the landing zone → digest
    settings: str
    code: str
    rows: int
    files: Mapping[str, str] = field(default_factory=dict)  # side file → digest
    checks: Mapping[str, Verdict] = field(default_factory=dict)
    unavailable: Mapping[str, Reason] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    sections: Mapping[str, str] = field(default_factory=dict)  # section of the settings that was read → digest
    adopted: Sequence[Mapping[str, Any]] = ()
    outdated: Reason | None = None

    @property
    def refusals(self) -> dict[str, Verdict]:
        """The verdicts that refuse the partition, by check."""
        return {name: verdict for name, verdict in self.checks.items() if verdict.refuses}

    def dumps(self) -> bytes:
        """The manifest as JSON in UTF-8."""
        # Bytes of a file name that UTF-8 cannot represent are written as JSON escapes (\\uDCxx).
        checks = {name: verdict.to_json() for name, verdict in self.checks.items()}
        saved = {one.name: getattr(self, one.name) for one in fields(self)}
        outdated = self.outdated.to_json() if self.outdated else ""
        saved |= {"unavailable": _stored(self.unavailable), "checks": checks, "outdated": outdated}
        return json.dumps(saved, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8", "backslashreplace")

    @classmethod
    def loads(cls, data: bytes) -> "Manifest | None":
        """Parse what `dumps` wrote; None where it is damaged or another version's, which makes the partition count as not built."""
        try:
            saved = json.loads(data)
            saved["checks"] = {name: Verdict.from_json(verdict) for name, verdict in saved["checks"].items()}
            reasons = saved.get("unavailable", {})
            saved["unavailable"] = {name: Reason.from_json(stored) for name, stored in reasons.items()}
            outdated = saved.get("outdated", "")
            saved["outdated"] = None if outdated == "" else Reason.from_json(outdated)
            if isinstance(saved.get("adopted"), list):
                saved["adopted"] = tuple(saved["adopted"])
            manifest = cls(**saved)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None
        return manifest if manifest._is_whole() else None

    def _is_whole(self) -> bool:
        """Whether every field has its type."""
        texts = (self.table, self.key, self.version, self.content, self.settings, self.code)
        mappings = (self.inputs, self.landing, self.files, self.sections)
        return (
            all(isinstance(text, str) for text in texts)
            and all(isinstance(one, dict) and all(isinstance(v, str) for v in one.values()) for one in mappings)
            and isinstance(self.notes, dict)
            and isinstance(self.adopted, tuple)
            and all(isinstance(one, dict) for one in self.adopted)
            and type(self.rows) is int
            and isinstance(self.seconds, int | float)
        )


class Lake:
    """Partitions of tables in a store. Manifests are cached until `forget`."""

    def __init__(self, url: str):
        self.store = Store(url)
        self._manifests: dict[str, Manifest | None] = {}
        self._refusals: dict[str, Reason | None] = {}

    def __repr__(self) -> str:
        return f"Lake({self.store.url!r})"

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
        self._refusals.clear()

    def manifest(self, table: Table, key: dt.date) -> Manifest | None:
        """The partition's manifest; None where the partition is not built."""
        return self._manifest(self.folder(table, key))

    def _manifest(self, folder: str) -> Manifest | None:
        name = f"{folder}/{MANIFEST}"
        if name not in self._manifests:
            data = self.store.read_bytes(name)
            found = Manifest.loads(data) if data else None
            # A manifest that was copied from another partition's folder has another table or key.
            own = found is not None and folder.startswith(f"{found.table}/") and folder.endswith(f"={found.key}")
            self._manifests[name] = found if own else None
        return self._manifests[name]

    def is_empty(self) -> bool:
        """Whether the lake holds nothing at all."""
        return not self.store.names("")

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
        manifest = self.manifest(table, key)
        wanted = f"{reader} needs {table.name} of {key}" if reader else f"{table.name} of {key} was requested"
        if manifest is None:
            raise NotReadyError(f"{wanted}, which is not built. Build it: {build_command(table.name, key)}")
        if refused := self.refused(table, key):
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
        stack = [folder]
        while stack:
            current = stack[-1]
            manifest = None if current in self._refusals else self._manifest(current)
            if manifest is None:
                self._refusals.setdefault(current, None)
                stack.pop()
            elif failed := failed_as_reason(manifest.refusals):
                self._refusals[current] = PARTITION_REFUSED(folder=current, cause=failed)
                stack.pop()
            elif unknown := [source for source in manifest.inputs if source not in self._refusals]:
                stack.extend(unknown)
            else:
                # An input that was refused after this partition was made from an earlier version of it refuses it too.
                reasons = (self._refusals[source] for source in manifest.inputs)
                self._refusals[current] = next((reason for reason in reasons if reason), None)
                stack.pop()
        return self._refusals[folder]

    def read(self, table: Table, keys: Iterable[dt.date], reader: str = "") -> pl.LazyFrame:
        """A lazy frame over these partitions in this order; an empty frame in the table's schema where there are none.

        Raises:
            NotReadyError: one of them may not be read (`require`).
        """
        keys = list(keys)
        for key in keys:
            self.require(table, key, reader)
        filled = [key for key in keys if self.require(table, key, reader).rows]
        if not filled:
            return pl.LazyFrame(schema=table.schema)
        return self.store.scan([f"{self.folder(table, key)}/{PART}" for key in filled])

    def read_file(self, table: Table, key: dt.date, name: str, reader: str = "") -> bytes:
        """Read a side file of a partition.

        Raises:
            NotReadyError: the partition may not be read (`require`), or has no such file.
            LakeError: the file differs from the one that the manifest was written for.
        """
        manifest = self.require(table, key, reader)
        data = self.store.read_bytes(f"{self.folder(table, key)}/{name}") if name in manifest.files else None
        if data is None:
            raise NotReadyError(
                f"{table.name} of {key} has no file {name}; it holds {', '.join(manifest.files) or 'none'}."
            )
        if digest(data) != manifest.files[name]:
            raise self.damage(reader or "the caller", [self.folder(table, key)])
        return data

    def damaged(self, folders: Iterable[str]) -> list[str]:
        """Those of the partitions, given by folder, whose files differ from the ones that their manifest was written for."""
        return [
            folder
            for folder in folders
            if (one := self._manifest(folder)) and self._content(folder, one) != one.content
        ]

    def damage(self, reader: str, folders: Sequence[str]) -> LakeError:
        """The error for `reader`, which reads damaged partitions."""
        return LakeError(
            f"{reader} reads {', '.join(folders)}, whose files are missing or differ from those that the manifest was written for. "
            f"Remove {', '.join(f'{folder}/{MANIFEST}' for folder in folders)} from {self.store.url} and run again, which "
            "builds them again."
        )

    def _content(self, folder: str, manifest: Manifest) -> str:
        if manifest.refusals:
            return (
                manifest.content
            )  # a refused partition is not read, and that of an unreadable input has its reason as content
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
        old = self.manifest(table, key)
        self._manifests.pop(name, None)
        self._refusals.clear()
        self.store.delete(name)
        for stale in set(old.files if old else ()) - set(files):
            self.store.delete(f"{folder}/{stale}")
        for file, data in files.items():
            self.store.write_bytes(f"{folder}/{file}", data)
        self.store.write_bytes(f"{folder}/{PART}", part)
        self.store.write_bytes(name, manifest.dumps())
        self._manifests[name] = manifest

    def set_outdated(self, table: Table, key: dt.date, reason: Reason) -> None:
        """Withhold a built partition that could not be renewed from its readers until it is renewed."""
        if (manifest := self.manifest(table, key)) is not None:
            self.restamp(table, key, replace(manifest, outdated=reason))

    def restamp(self, table: Table, key: dt.date, manifest: Manifest) -> None:
        """Replace the manifest of a built partition; its files do not change."""
        name = f"{self.folder(table, key)}/{MANIFEST}"
        self.store.write_bytes(name, manifest.dumps())
        self._manifests[name] = manifest


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def content_digest(part: bytes | Path, files: Mapping[str, bytes], unavailable: Mapping[str, Reason]) -> str:
    """The digest of everything that readers see of a partition: rows, side files and reasons."""
    beside = (name.encode() + data for name, data in sorted(files.items()))
    return digest(part, *beside, json.dumps(_stored(unavailable), sort_keys=True).encode())


def _stored(unavailable: Mapping[str, Reason]) -> dict[str, Any]:
    return {name: reason.to_json() for name, reason in unavailable.items()}


def digest(*parts: bytes | Path) -> str:
    """Compute a digest of 32 hex digits over the parts (bytes, or a file's content), each with its length."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        size = part.stat().st_size if isinstance(part, Path) else len(part)
        hashed.update(size.to_bytes(8, "little"))
        if isinstance(part, Path):
            with part.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    hashed.update(chunk)
        else:
            hashed.update(part)
    return hashed.hexdigest()


def build_command(names: str, key: dt.date) -> str:
    """The command that builds one partition of one or more tables. names: the tables, separated by commas."""
    return f"dagster asset materialize -m orchestration.definitions --select {names} --partition {key}"
