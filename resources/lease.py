"""The lease of a lake: one process at a time writes it, and the others wait for that process by name.

The lease is a small file in the lake with its holder: machine, process, command and a heartbeat. It is taken once per process, so that
a run of the driver holds it from its plan to its end, and a step that Dagster starts in a process of its own takes it for itself. Such
steps of one run wait for each other. No deadlock follows, because a process waits for the lease before it waits for anything else, such
as a GPU. A holder that is dead is replaced:

- A process of the same machine is dead if its id is free or belongs to a process that was started at another time, and all processes
  of a machine are dead after it has been restarted. This is seen at once.
- A process of another machine, or of another container, is dead if its heartbeat has not changed while this process waited for
  `missed_heartbeats`. The interval is measured by this process alone, so that the clocks of the machines do not matter.

A holder that was replaced although it was alive, such as a suspended machine, notices it at its next heartbeat or, in a local lake,
before its next write, and ends with an error.

In a local folder the lease is created by a hard link and replaced under a lock of the operating system, so that two processes never
hold it. On S3 it is a conditional put, with the same guarantee. In a store that ignores the condition, the lease is read back after
`SETTLE_SECONDS`: two processes that start within less time than one request takes longer than this may both hold it.
"""

import contextlib
import dataclasses
import datetime as dt
import json
import os
import shlex
import sys
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resources.errors import LakeError
from resources.processes import Process, identity
from resources.settings.lake import LakeSettings
from resources.store import Store

LEASE = "_lease.json"
_SAY_SECONDS = 60.0  # between two lines of a process that waits
_POLL_SECONDS = {True: 0.5, False: 5.0}  # between two looks at the lease of a local and of a remote lake
_COMMAND = 300  # characters of a command that are stored


@dataclass(frozen=True)
class Holder(Process):
    """The process that may write a lake.

    kind: "run" or "step". token: one per lease. beat: the number of heartbeats. since: when the lease was taken, for display.
    """

    command: str
    since: str
    kind: str
    token: str
    beat: int = 0

    @classmethod
    def of_this_process(cls, kind: str) -> "Holder":
        """A holder for a new lease of this process."""
        return cls(
            **identity(), command=shlex.join(sys.argv)[:_COMMAND],
            since=f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S} UTC", kind=kind, token=uuid.uuid4().hex,
        )  # fmt: skip

    def dumps(self) -> bytes:
        """The content of the lease."""
        return json.dumps(dataclasses.asdict(self), indent=1).encode()

    @classmethod
    def loads(cls, data: bytes) -> "Holder | None":
        """The inverse of `dumps`; None where the lease is damaged. Its holder then counts as one of another machine."""
        try:
            saved = json.loads(data)
            typed = all(type(saved[one.name]) is one.type for one in dataclasses.fields(cls))
            return cls(**saved) if typed else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return None

    def is_like(self, other: "Holder") -> bool:
        """Whether both are the same process. It does not hold a lease that it could not give back."""
        return dataclasses.replace(self, **_OF_A_LEASE) == dataclasses.replace(other, **_OF_A_LEASE)

    def __str__(self) -> str:
        return f"`{self.command}` (process {self.pid} on {self.host}, since {self.since})"


_OF_A_LEASE: dict[str, Any] = {"command": "", "since": "", "kind": "", "token": "", "beat": 0}


class _HeldLease:
    """The lease that this process holds on one lake, with the thread of its heartbeat. depth: how many blocks hold it."""

    def __init__(self, store: Store, holder: Holder, content: bytes, settings: LakeSettings):
        self.store, self.holder, self.content, self.depth = store, holder, content, 0
        self.pid = os.getpid()
        self._seconds, self._lost, self._ended = settings.heartbeat_seconds, False, threading.Event()
        self._seen = time.monotonic()
        self._lock = threading.Lock()
        threading.Thread(target=self._beat, name="lease of the lake", daemon=True).start()

    def _beat(self) -> None:
        while not self._ended.wait(self._seconds):
            # A full disk or a silent network does not end the lease. The next heartbeat tries again.
            with contextlib.suppress(LakeError, OSError), self._lock:
                if self._ended.is_set() or self._lost:
                    return
                holder = dataclasses.replace(self.holder, beat=self.holder.beat + 1)
                if self.store.swap(LEASE, self.content, holder.dumps()):
                    self.holder, self.content, self._seen = holder, holder.dumps(), time.monotonic()
                else:
                    self._look()

    def _look(self) -> None:
        data = self.store.read_bytes(LEASE)
        now = Holder.loads(data) if data is not None else None
        self._lost = now is None or now.token != self.holder.token
        self._seen = time.monotonic()

    def require(self) -> None:
        """Check that no other process has replaced this one.

        Raises:
            LakeError: another one has.
        """
        with self._lock:
            if self.store.is_local or time.monotonic() - self._seen > self._seconds:
                self._look()
        if self._lost:
            raise LakeError(
                f"The lease of the lake {self.store.url} was lost: this process did not renew it for so long that another one "
                "counted it as dead and writes now. Run again when that one has ended; partitions that are built are kept."
            )

    def release(self) -> None:
        """Give the lease back. A lake that cannot be written keeps it; the next process sees that its holder has ended."""
        self._ended.set()
        with self._lock, contextlib.suppress(LakeError, OSError):
            self.store.swap(LEASE, self.content, None)


_HELD: dict[str, _HeldLease] = {}  # the leases of this process, by lake
_LOCKS: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # of the threads of this process, by lake


@contextlib.contextmanager
def hold(store: Store, settings: LakeSettings, kind: str, say: Callable[[str], None]) -> Iterator[tuple[bool, bool]]:
    """Hold the lease of a lake inside the block. A process that holds it already keeps it.

    Args:
        store: the lake's store.
        settings: how long to wait, and when a holder counts as dead.
        kind: "run" or "step".
        say: receives a line at the beginning of a wait and then each minute, and one where a dead holder was replaced.

    Yields:
        Whether this block took the lease, and whether it took it from a dead process.

    Raises:
        LakeError: another process held it for too long, or the lake cannot be written.
    """
    lake = _name(store)
    with _LOCKS[lake]:
        held = _HELD.get(lake)
        took = replaced = False
        if held is None or held.pid != os.getpid():  # a forked process holds nothing
            took = True
            holder = Holder.of_this_process(kind)
            replaced = _take(store, settings, holder, say)
            held = _HELD[lake] = _HeldLease(store, holder, holder.dumps(), settings)
        held.depth += 1
    try:
        yield took, replaced
    finally:
        with _LOCKS[lake]:
            held.depth -= 1
            if not held.depth:
                _HELD.pop(lake, None)
                held.release()


def require_lease(store: Store) -> None:
    """Check, before something is written, that this process has not been replaced where it holds the lake's lease.

    Raises:
        LakeError: another process has taken the lease.
    """
    held = _HELD.get(_name(store))
    if held is not None and held.pid == os.getpid():
        held.require()


def _name(store: Store) -> str:
    return str(Path(store.url).resolve()) if store.is_local else store.url


def _take(store: Store, settings: LakeSettings, own: Holder, say: Callable[[str], None]) -> bool:
    """Wait for the lease and take it. Return whether it was taken from a dead process."""
    began = seen_at = time.monotonic()
    reported, seen = -_SAY_SECONDS, b""
    longest = 60 * settings.lock_wait_minutes
    while True:
        data = store.read_bytes(LEASE)
        if data is None:
            if store.create(LEASE, own.dumps()):
                return False
            continue
        now = time.monotonic()
        if data != seen:
            seen, seen_at = data, now
        holder = Holder.loads(data)
        silent = now - seen_at
        gone = holder is not None and (holder.is_gone() or holder.is_like(own))
        if gone or silent >= settings.heartbeat_seconds * settings.missed_heartbeats:
            if store.swap(LEASE, data, own.dumps()):
                say(f"{holder or 'A process'} was writing the lake {store.url} and has ended without finishing.")
                return True
            continue
        name = str(holder or "another process")
        if now - began >= longest:
            raise LakeError(
                f"The lake {store.url} is being written by {name}, for which {now - began:.0f} s were waited. Run again when it has "
                "ended, or end it. A longer wait is possible (lake.lock_wait_minutes)."
            )
        if now - reported >= _SAY_SECONDS:
            reported = now
            say(f"{name} is writing the lake {store.url}; waiting for it.")
        time.sleep(_POLL_SECONDS[store.is_local])
