"""What is known about the files of partitions: the digest of their content in the state in which it was last computed.

A partition's files are read completely once, when a process first reads them, and again after their state has changed. The state is
that of `Store.stamp`. The memory is shared by all processes: one file per table, to which lines are appended. It never replaces a
digest in a manifest: a line that is lost, torn or wrong causes one more computation. This module does not compare (resources/lake.py).
"""

import contextlib
import os
import re
from pathlib import Path

from resources.store import Store, digest
from resources.user_cache import user_cache

VERIFIED = "_verified"
_LINE = re.compile(r"(\S+) ([0-9a-f]{32}) ([0-9a-f]{32})")
_SLACK = 1000  # superseded lines of a file that are tolerated before it is written again


class Verified:
    """The content digests of partitions by folder and state, remembered beside a local lake, else in the user's cache."""

    def __init__(self, store: Store):
        self._root = (
            Path(store.path(VERIFIED))
            if store.is_local
            else user_cache() / VERIFIED.lstrip("_") / digest(store.url.encode())
        )
        self._known: dict[str, dict[str, tuple[str, str]]] = {}

    def of(self, folder: str) -> tuple[str, str] | None:
        """The last known state of a partition's files and the digest of their content; None where nothing is known."""
        table, name = folder.split("/")
        return self._table(table).get(name)

    def remember(self, folder: str, stamp: str, content: str) -> None:
        """Record the digest of the content that a partition's files have in a state. Where that is not possible, it is not recorded."""
        table, name = folder.split("/")
        self._table(table)[name] = stamp, content
        with contextlib.suppress(OSError):  # a lake that may only be read, or a full disk
            self._root.mkdir(parents=True, exist_ok=True)
            with (self._root / table).open("ab", buffering=0) as file:
                file.write(f"{name} {stamp} {content}\n".encode())

    def forget(self) -> None:
        """Discard what is cached, since another process may have computed more."""
        self._known.clear()

    def _table(self, table: str) -> dict[str, tuple[str, str]]:
        if table not in self._known:
            try:
                lines = (self._root / table).read_text("ascii", "replace").splitlines()
            except OSError:
                lines = []
            found = [match.groups() for line in lines if (match := _LINE.fullmatch(line))]
            self._known[table] = known = {name: (stamp, content) for name, stamp, content in found}
            if len(lines) > 2 * len(known) + _SLACK:
                self._shorten(table, known)
        return self._known[table]

    def _shorten(self, table: str, known: dict[str, tuple[str, str]]) -> None:
        """Write a table's file again without superseded lines. Lines that another process appends meanwhile are lost."""
        temporary = self._root / f".{table}.{os.getpid()}.tmp"
        with contextlib.suppress(OSError):
            temporary.write_text("".join(f"{name} {stamp} {content}\n" for name, (stamp, content) in known.items()))
            os.replace(temporary, self._root / table)
