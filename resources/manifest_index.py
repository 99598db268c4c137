"""The index of a lake's manifests: one file per table in place of one file per partition, so that a plan opens few files.

A line holds a manifest as its difference from the manifest of the line before it, and the state that its file had (`Store.stamp`). It
counts only while the file has that state, so that the manifests remain the record: an index that is lost, torn, damaged or older than
the lake costs one reading of the manifests concerned. Each line begins with a digest of itself and of the line before, and reading ends
at the first line that does not match. Only the holder of the lake's lease writes. Locally, lines are appended; on S3 the file is
replaced. This module does not decide what a manifest may hold (resources/manifest.py).
"""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from resources.errors import LakeError
from resources.manifest import FORMAT, Manifest, inputs_of
from resources.store import Store, digest

INDEX = "_index"
MOST_INPUTS = 1000  # A manifest with more inputs (a training, a report of later years) is read from its own file.
_FIELDS = tuple(one.name for one in fields(Manifest))
_SLACK = 1000  # superseded lines of a file that are tolerated before it is written again
_PUT_TOGETHER = 500  # lines that are put on S3 together
FEW = 40  # manifests of a local table that are read from their own files before its index is


@dataclass
class _TableIndex:
    """The index of one table in memory.

    rows: name of a partition's folder → the state of its manifest, and the manifest. last: the manifest of the last line. sealed: the
    digest of the last line. lines: the number of lines in the file. state: that of the file; "" where it must be written as a whole.
    unwritten: the number of lines that the file lacks.
    """

    rows: dict[str, tuple[str, Manifest]] = field(default_factory=dict)
    last: Manifest | None = None
    sealed: str = ""
    lines: int = 0
    state: str = ""
    unwritten: int = 0

    @classmethod
    def loads(cls, data: bytes, state: str) -> "_TableIndex":
        """Parse a file up to the first line that is not as it was written."""
        found = cls(state=state)
        whole = data.endswith(b"\n")
        for line in data.splitlines():
            if not found._read(line):
                whole = False
                break
        if not whole or found.lines > 2 * len(found.rows) + _SLACK:
            found.state = ""
        return found

    def _read(self, line: bytes) -> bool:
        sealed, body = line[:32].decode("ascii", "replace"), line[33:]
        if line[32:33] != b" " or sealed != digest(self.sealed.encode(), body):
            return False
        try:
            made_by, name, state, changed = json.loads(body)
            if made_by != FORMAT or not isinstance(name, str) or not isinstance(state, str):
                return False
            manifest = _applied(self.last, changed)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False
        self._add(name, state, manifest, sealed)
        return True

    def _add(self, name: str, state: str, manifest: Manifest, sealed: str) -> None:
        self.rows[name] = state, manifest
        self.last, self.sealed, self.lines = manifest, sealed, self.lines + 1

    def append(self, name: str, state: str, manifest: Manifest) -> bytes:
        """Add a manifest, and return its line."""
        body = json.dumps([FORMAT, name, state, _difference(self.last, manifest)], separators=(",", ":")).encode()
        sealed = digest(self.sealed.encode(), body)
        self._add(name, state, manifest, sealed)
        return f"{sealed} ".encode() + body + b"\n"

    def dumps(self) -> bytes:
        """The whole file without superseded lines."""
        fresh = _TableIndex()
        data = b"".join(fresh.append(name, *row) for name, row in self.rows.items())
        self.last, self.sealed, self.lines = fresh.last, fresh.sealed, fresh.lines
        return data


class ManifestIndex:
    """The indices of the tables of a lake."""

    def __init__(self, store: Store):
        self._store = store
        self._tables: dict[str, _TableIndex] = {}
        # Table → the number of its manifests that were asked for before its index was read.
        self._asked: dict[str, int] = {}

    def of(self, folder: str, state: str) -> Manifest | None:
        """The manifest of a partition if its file still has the state in which it was indexed; else None.

        The first `FEW` manifests of a table of a local lake are always None: to read their files takes less time than the index of a long
        history, and a sensor asks for those of a few days.
        """
        table, name = folder.split("/")
        if table not in self._tables and self._store.is_local:
            self._asked[table] = self._asked.get(table, 0) + 1
            if self._asked[table] <= FEW:
                return None
        known, manifest = self._table(table).rows.get(name, ("", None))
        return manifest if known == state and manifest is not None and manifest.is_of(folder) else None

    def remember(self, folder: str, state: str, manifest: Manifest) -> None:
        """Index the manifest that a partition's file holds in a state. The caller holds the lake's lease."""
        if len(manifest.inputs) > MOST_INPUTS or not state:
            return
        table, name = folder.split("/")
        index = self._table(table)
        if index.rows.get(name) == (state, manifest):
            return
        line = index.append(name, state, manifest)
        if self._store.is_local and index.state:
            index.state = ""
            with contextlib.suppress(OSError, LakeError):  # a full disk
                self._store.append(f"{INDEX}/{table}", line)
                index.state = self._store.stamp([f"{INDEX}/{table}"])
            return
        index.unwritten += 1
        if self._store.is_local or index.unwritten >= _PUT_TOGETHER:
            self._put(table, index)

    def flush(self) -> None:
        """Write what has not been written yet."""
        for table, index in self._tables.items():
            if index.unwritten:
                self._put(table, index)

    def forget(self) -> None:
        """Discard the indices whose files another process has written."""
        for table, index in list(self._tables.items()):
            if not index.unwritten and index.state != self._store.stamp([f"{INDEX}/{table}"]):
                del self._tables[table]

    def _put(self, table: str, index: _TableIndex) -> None:
        index.unwritten, index.state = 0, ""
        with contextlib.suppress(OSError, LakeError):  # a lake that is full
            self._store.write_bytes(f"{INDEX}/{table}", index.dumps())
            index.state = self._store.stamp([f"{INDEX}/{table}"])

    def _table(self, table: str) -> _TableIndex:
        if table not in self._tables:
            name = f"{INDEX}/{table}"
            state = self._store.stamp([name])  # taken before reading
            data = self._store.read_bytes(name) if state else None
            self._tables[table] = _TableIndex.loads(data, state) if data else _TableIndex()
        return self._tables[table]


def _texts(manifest: Manifest) -> dict[str, str]:
    """The fields of a manifest as JSON texts. Values that Python counts as equal, such as 1 and 1.0, have different texts."""
    return {name: json.dumps(value, sort_keys=True) for name, value in manifest.saved().items()}


def _difference(before: Manifest | None, manifest: Manifest) -> dict[str, Any]:
    """The fields of a manifest in JSON's types that differ from those of another one. Of inputs, those removed and those added."""
    saved = manifest.saved()
    if before is None:
        return saved
    old, new = _texts(before), _texts(manifest)
    changed = {name: value for name, value in saved.items() if old[name] != new[name]}
    gone = [name for name in before.inputs if name not in manifest.inputs]
    added = {name: content for name, content in manifest.inputs.items() if before.inputs.get(name) != content}
    if "inputs" in changed and len(gone) + len(added) < len(manifest.inputs):
        changed["inputs"] = [gone, added]
    return changed


def _applied(before: Manifest | None, changed: Mapping[str, Any]) -> Manifest:
    """The inverse of `_difference`.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: the value is no difference between manifests.
    """
    if before is None:
        return Manifest.of(changed)
    known = {name: getattr(before, name) for name in _FIELDS}
    if isinstance(changed.get("inputs"), list):
        gone, added = changed["inputs"]
        inputs = {**before.inputs, **inputs_of(added)}
        for name in gone:
            del inputs[name]
        known["inputs"] = dict(sorted(inputs.items()))
        changed = {name: value for name, value in changed.items() if name != "inputs"}
    return Manifest.of(changed, known)
