"""A worker: it opens the platform as the coordinator did, makes the partitions that it is sent, and ends with the coordinator.

The coordinator is the process that holds the lake's lease (resources/builder.py). It sends an `Opening` and then tasks, and receives
progress lines and attempts (resources/pool.py), through a pipe or through Ray. Rows and side files are passed as files in the task's
folder, or in pieces where the worker is on another machine and the lake is no folder. A worker writes nothing else but work folders, and
it looks at no state of the lake and the landing zone but that which the task names.
"""

import contextlib
import dataclasses
import datetime as dt
import importlib.util
import os
import pickle
import platform
import queue
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from resources.builder import Builder
from resources.code_digest import PACKAGES, installed_version
from resources.errors import MachineError, ZhoubaoError, describe_fault
from resources.landing import LandingZone
from resources.making import MakeResult, Prepared, Task, faults_of_making, function_of
from resources.reasons import Reason
from resources.store import digest

PIECE = 4 << 20  # bytes
_PART = "part.parquet"


@dataclass(frozen=True)
class Opening:
    """How a worker opens the platform.

    path: "module:function", which is called with the arguments and `say` and returns a Builder with the coordinator's tables and
    settings, and a `TaskZone` as its landing zone. packages: the packages whose files must be those that the coordinator uses. state:
    the digest of these files. host, python: the coordinator's machine and its version of Python.
    """

    path: str
    arguments: tuple[Any, ...]
    packages: tuple[str, ...]
    state: str
    host: str = field(default_factory=socket.gethostname)
    python: str = field(default_factory=platform.python_version)

    @classmethod
    def of(cls, path: str, arguments: tuple[Any, ...], packages: tuple[str, ...] = ()) -> "Opening":
        """The opening for the present state of the project's sources and of further packages."""
        packages = (*PACKAGES, *packages)
        return cls(path, arguments, packages, _state(packages))

    def open(self, say: Callable[[str], None]) -> Builder:
        """Open the platform.

        Raises:
            MachineError: Python has another version than that of the coordinator, or sources are not those with which it started.
        """
        if (python := platform.python_version()) != self.python:
            raise _other_version("Python", python, self.python)
        if _state(self.packages) != self.state:
            here = socket.gethostname()
            when = (
                "were changed while the run was going on" if here == self.host else f"differ on {here} and {self.host}"
            )
            raise MachineError(
                f"Files of the packages {', '.join(self.packages)} {when}, so that its partitions "
                "would be made by other code than that which it began with. Nothing was recorded. Run again, with the same files on "
                "every machine."
            )
        return function_of(self.path)(*self.arguments, say=say)


def _state(packages: Sequence[str]) -> str:
    """A digest of the names and contents of all files of packages, equal on machines with the same files."""
    states = []
    for package in sorted(set(packages)):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations is None and spec.has_location and spec.origin:
            states.append(f"{package} {digest(Path(spec.origin))}")  # a package that is one module
        for folder in map(Path, (spec.submodule_search_locations or ()) if spec is not None else ()):
            found = (path for path in folder.rglob("*") if "__pycache__" not in path.parts and path.is_file())
            states += [f"{package}/{path.relative_to(folder)} {digest(path)}" for path in found]
    return digest("\n".join(sorted(states)).encode("utf-8", "surrogateescape"))


def _other_version(package: str, here: str, wanted: str) -> MachineError:
    return MachineError(
        f"{package} has the version {here or 'none'} on {socket.gethostname()}, and the run uses {wanted}, so that a worker there could make other "
        "figures. Nothing was recorded. Install the versions of constraints.txt on every machine and run again."
    )


class TaskZone(LandingZone):
    """The landing zone of a worker. The files of a day are those that the coordinator found when it took their digest."""

    def expect(self, date: dt.date, landed: Mapping[str, Sequence[Path]]) -> None:
        """Take these files as what has landed, by part of the landing zone, for the day of the next task."""
        self._expected = {(name, date): list(files) for name, files in landed.items()}

    def landed(self, name: str, date: dt.date) -> list[Path]:
        """The files of a name and the day of the present task."""
        return self._expected[name, date]


@dataclass(frozen=True)
class Said:
    """A progress line."""

    line: str


@dataclass(frozen=True)
class Ready:
    """The platform is open."""


@dataclass(frozen=True)
class NotOpened:
    """The platform could not be opened."""

    error: Exception


@dataclass(frozen=True)
class FilePiece:
    """A piece of a file, which belongs to `result/<name>` in the task's folder."""

    name: str
    data: bytes

    def append(self, task: Task) -> None:
        """Append the piece to its file on the coordinator's machine."""
        path = task.folder / "result" / self.name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(self.data)


@dataclass(frozen=True)
class Reply:
    """A result without its task. files: the names of the side files, whose contents are `result/0`, `result/1` … in the task's folder."""

    prepared: Prepared | None
    files: Sequence[str]
    error: Exception | None
    damages: Mapping[str, Reason]

    @classmethod
    def of(cls, attempt: MakeResult) -> "Reply":
        """The reply of a worker. The rows and the side files are written into the task's folder."""
        task, prepared = attempt.task, attempt.prepared
        if prepared is None:
            assert attempt.error is not None
            return cls(None, (), _portable(attempt.error), attempt.damages)
        folder = task.folder / "result"
        try:
            with faults_of_making(task.table, task.key):
                folder.mkdir(parents=True)
                for number, data in enumerate(prepared.files.values()):
                    (folder / str(number)).write_bytes(data)
                part = prepared.part
                if isinstance(part, bytes):
                    (folder / _PART).write_bytes(part)
                    part = folder / _PART
        except ZhoubaoError as error:
            return cls(None, (), error, attempt.damages)
        return cls(dataclasses.replace(prepared, part=part, files={}), tuple(prepared.files), None, attempt.damages)

    def attempt(self, task: Task) -> MakeResult:
        """The attempt at a task, with the contents of the side files."""
        if self.prepared is None:
            return MakeResult(task, None, self.error, self.damages)
        files = {name: (task.folder / "result" / str(n)).read_bytes() for n, name in enumerate(self.files)}
        return MakeResult(task, dataclasses.replace(self.prepared, files=files), None, self.damages)


def _portable(error: Exception) -> Exception:
    """An exception that can be sent. One that is no message for users carries its traceback as a note."""
    if isinstance(error, ZhoubaoError):
        return error
    text = "".join(traceback.format_exception(error))
    with contextlib.suppress(Exception):
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            error.add_note(text)
            return error
    other = RuntimeError(describe_fault(error))
    other.add_note(text)
    return other


def serve(descriptor: int) -> None:
    """Serve the coordinator at the other end of a pipe until it closes the pipe or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the coordinator ends its workers
    channel, sending, inbox = Connection(descriptor), threading.Lock(), queue.SimpleQueue[Any]()

    def send(message: object) -> None:
        with sending:
            channel.send(message)

    def receive() -> None:
        # In a thread of its own, so that a worker ends at once when the coordinator has ended, also in the middle of a partition.
        try:
            while True:
                inbox.put(channel.recv())
        except (EOFError, OSError):
            os._exit(1)

    threading.Thread(target=receive, name="tasks", daemon=True).start()
    work(inbox.get(), inbox.get, send)


def work(opening: Opening, receive: Callable[[], Task], send: Callable[[object], None]) -> None:
    """Open the platform and make one received task after another. Return where the platform cannot be opened."""
    try:
        builder = opening.open(lambda line: send(Said(line)))
    except Exception as error:
        send(NotOpened(_located(_portable(error), opening)))
        return
    send(Ready())
    while True:
        reply = _make(builder, receive(), send)
        if isinstance(reply.error, MachineError):
            reply = dataclasses.replace(reply, error=_located(reply.error, opening))
        send(reply)


def _located(error: Exception, opening: Opening) -> Exception:
    """The error, which names the worker's machine where it is not that of the coordinator."""
    here = socket.gethostname()
    if not isinstance(error, ZhoubaoError) or here == opening.host or here in str(error):
        return error
    return type(error)(f"On the machine {here}: {error}")


def _make(builder: Builder, task: Task, send: Callable[[object], None]) -> Reply:
    """Make a partition in the task's folder, which the coordinator has created in a store that is a folder.

    A worker on another machine than the coordinator sees no folder beside a store that is none. It uses one of its own, and sends the
    files in pieces.
    """
    store = builder.lake.store
    if sees(task.folder.parent):
        return Reply.of(_attempt(builder, task))
    if store.is_local:
        error = MachineError(
            f"{socket.gethostname()} does not see the folder {task.folder.parent}, which the run has created for the partitions that "
            f"its workers make. Put the lake {store.url} on a file system that all machines mount at the same path, or on S3, and run again."
        )
        return Reply(None, (), error, {})
    with store.scratch() as scratch:
        own = dataclasses.replace(task, folder=scratch / task.folder.name)
        reply = Reply.of(_attempt(builder, own))
        if reply.prepared is None:
            return reply
        assert isinstance(reply.prepared.part, Path)
        files = {str(number): own.folder / "result" / str(number) for number in range(len(reply.files))}
        for name, path in {**files, _PART: reply.prepared.part}.items():
            send(FilePiece(name, b""))  # also an empty file is one
            with path.open("rb") as file:
                while data := file.read(PIECE):
                    send(FilePiece(name, data))
        part = task.folder / "result" / _PART
        return dataclasses.replace(reply, prepared=dataclasses.replace(reply.prepared, part=part))


def sees(folder: Path) -> bool:
    """Whether a folder of the coordinator is one of this machine too."""
    return folder.is_dir()


def _attempt(builder: Builder, task: Task) -> MakeResult:
    table = builder.tables[task.table]
    assert isinstance(builder.zone, TaskZone)
    try:
        if builder.settings_digest(table, task.key) != task.settings:
            raise MachineError(
                f"{task.table} of {task.key} would be made with other settings than those of the run. Run again."
            )
        for name, wanted in task.libraries.items():
            if (here := installed_version(name)) != wanted:
                raise _other_version(name, here, wanted)
        builder.lake.trust(task.sources.inputs)
        builder.zone.expect(builder.signal_day(table, task.key), task.landed)
    except Exception as error:
        return MakeResult(task, None, error)
    return builder.attempt(task, table)
