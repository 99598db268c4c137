"""A worker process: it opens the platform as the coordinator did, makes the partitions that it is sent, and ends with the coordinator.

The coordinator is the process that holds the lake's lease (resources/builder.py). It sends an `Opening` and then tasks through a pipe,
and receives progress lines and attempts (resources/worker_pool.py). Rows and side files are passed as files in the task's folder. A
worker writes nothing else but work folders, and it looks at no state of the lake and the landing zone but that which the task names.
"""

import contextlib
import dataclasses
import datetime as dt
import importlib.util
import os
import pickle
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from resources.builder import Builder
from resources.code_digest import PACKAGES
from resources.errors import MachineError, ZhoubaoError, describe_fault
from resources.landing import LandingZone
from resources.making import MakeResult, Prepared, Task, faults_of_making, function_of
from resources.reasons import Reason
from resources.store import digest


@dataclass(frozen=True)
class Opening:
    """How a worker opens the platform.

    path: "module:function", which is called with the arguments and `say` and returns a Builder with the coordinator's tables and
    settings, and a `TaskZone` as its landing zone. packages: the packages whose files must be those that the coordinator uses. state:
    that of these files.
    """

    path: str
    arguments: tuple[Any, ...]
    packages: tuple[str, ...]
    state: str

    @classmethod
    def of(cls, path: str, arguments: tuple[Any, ...], packages: tuple[str, ...] = ()) -> "Opening":
        """The opening for the present state of the project's sources and of further packages."""
        packages = (*PACKAGES, *packages)
        return cls(path, arguments, packages, _state(packages))

    def open(self, say: Callable[[str], None]) -> Builder:
        """Open the platform.

        Raises:
            MachineError: sources have changed since the coordinator has started.
        """
        if _state(self.packages) != self.state:
            raise MachineError(
                f"Files of the packages {', '.join(self.packages)} were changed while the run was going on, so that its partitions "
                "would be made by other code than that which it began with. Nothing was recorded. Run again."
            )
        return function_of(self.path)(*self.arguments, say=say)


def _state(packages: Sequence[str]) -> str:
    """A digest of names, sizes and times of all files of packages."""
    states = []
    for package in sorted(set(packages)):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            for root, _, names in os.walk(folder):
                if not root.endswith("__pycache__"):
                    found = ((name, os.stat(os.path.join(root, name))) for name in names)
                    states += [f"{root}/{name} {one.st_size} {one.st_mtime_ns}" for name, one in found]
    return digest("\n".join(sorted(states)).encode("utf-8", "surrogateescape"))


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
class NotOpened:
    """The platform could not be opened."""

    error: Exception


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
                    (folder / "part.parquet").write_bytes(part)
                    part = folder / "part.parquet"
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
    opening: Opening = inbox.get()
    try:
        builder = opening.open(lambda line: send(Said(line)))
    except Exception as error:
        send(NotOpened(_portable(error)))
        return
    while True:
        task: Task = inbox.get()
        send(Reply.of(_attempt(builder, task)))


def _attempt(builder: Builder, task: Task) -> MakeResult:
    table = builder.tables[task.table]
    assert isinstance(builder.zone, TaskZone)
    try:
        if builder.settings_digest(table, task.key) != task.settings:
            raise MachineError(
                f"{task.table} of {task.key} would be made with other settings than those of the run. Run again."
            )
        builder.lake.trust(task.sources.inputs)
        builder.zone.expect(builder.signal_day(table, task.key), task.landed)
    except Exception as error:
        return MakeResult(task, None, error)
    return builder.attempt(task, table)
