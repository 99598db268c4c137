"""The engine of Ray: its workers are actors, on this machine or on those of a cluster (DESIGN §3.8).

Ray places the actors where a node has the cores, the memory and the GPUs that each of them reserves, starts them and reports when one is
lost. An actor opens the platform once and then makes one task after another (resources/worker.py). The package ray is imported when the
first worker is started.
"""

import contextlib
import importlib.util
import logging
import os
import queue
import re
import secrets
import shutil
import signal
import socket
import sys
import sysconfig
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from resources.errors import MachineError, SettingsError, describe_fault
from resources.making import Task
from resources.pool import Pool, Worker
from resources.settings.engine import EngineSettings
from resources.worker import FilePiece, Opening, Said, work
from resources.worker_pool import THREADS, share

PATIENCE = 60.0  # seconds without a worker, after which a line says what Ray waits for
_HELD = 8  # messages of a worker that the coordinator has not received yet; pieces of files are the largest
_SHOWN = 600  # characters of Ray's account of a lost worker
_LONGEST = 28  # bytes of a folder in which the paths of Ray's sockets are not longer than a system admits
_STORE = 100 << 20  # bytes of Ray's object store on this machine, through which no file is passed


class Ray(Pool):
    """Makes partitions in actors of Ray, which is started or joined when the first one is needed, and left with the outermost block."""

    kind = "Ray workers"

    def __init__(self, opening: Opening, settings: EngineSettings):
        """Create the engine. Nothing is started.

        Raises:
            SettingsError: the package ray is not installed.
        """
        super().__init__()
        _require_ray()
        self._opening, self._settings = opening, settings
        self._workers_here, self._threads = shares(settings)
        self._ray: Any = None
        self._own: Path | None = None  # the folder of a Ray that was started here

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        if not self._depth and self._ray is not None:
            self._ray.shutdown()
            self._ray = None
            if self._own is not None:
                shutil.rmtree(self._own, ignore_errors=True)

    def _limit(self) -> int:
        if self._settings.workers != "auto":
            return self._settings.workers
        if not self._settings.address:
            return self._workers_here
        return max(1, self._room()) if self._ray is not None else 1

    def _room(self) -> int:
        """The number of workers that all nodes of the cluster together have room for."""
        needed = {name: amount for name, amount in self._reserved().items() if amount}
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        return sum(int(min(node.get(name, 0.0) // amount for name, amount in needed.items())) for node in nodes)

    def _reserved(self) -> dict[str, float]:
        """What each worker reserves, by Ray's name of the resource."""
        one = self._settings
        return {"CPU": self._threads, "memory": one.worker_gb * 2**30, "GPU": one.worker_gpus}

    def _start(self) -> Worker:
        if self._ray is None:
            self._join()
        reserved = self._reserved()
        actor = self._ray.remote(Actor).options(
            num_cpus=reserved["CPU"], memory=int(reserved["memory"]), num_gpus=reserved["GPU"], max_restarts=0, max_task_retries=0,
            runtime_env={"env_vars": {**dict.fromkeys(THREADS, str(self._threads)), "PYTHONPATH": os.pathsep.join(_own_paths())}},
        )  # fmt: skip
        return _Handle(self._ray, actor.remote(os.getcwd(), self._opening))

    def _join(self) -> None:
        """Start Ray on this machine, or join the cluster at the address."""
        # Ray reads these when it is imported. A token that it makes by itself is stored in the home folder, which a service may not have.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        one, quiet = self._settings, {"log_to_driver": False, "logging_level": logging.ERROR}
        if not one.address:
            os.environ.setdefault("RAY_worker_niceness", "0")  # as processes of the run; 15 by default
            os.environ.setdefault("RAY_AUTH_MODE", "token")
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        self._ray = importlib.import_module("ray")
        with _own_signals():
            try:
                if one.address:
                    _require_listener(one.address)
                    self._ray.init(address=one.address, **quiet)
                else:
                    self._own, workers = _folder(), self._limit()
                    self._ray.init(
                        address="local", num_cpus=workers * self._threads, _memory=int(workers * self._reserved()["memory"]),
                        include_dashboard=False, object_store_memory=_STORE, _temp_dir=str(self._own), **quiet,
                    )  # fmt: skip
            except Exception as error:
                place = f"at {one.address}" if one.address else "on this machine"
                raise MachineError(
                    f"Ray does not run {place}: {describe_fault(error)}. Nothing was recorded. Where execution.address names a cluster, "
                    "start its head, and then Ray on this machine (`ray start --address=…`); otherwise correct the cause. Run again."
                ) from error

    def _next(self, workers: Sequence[Worker], say: Callable[[str], None]) -> Worker:
        streams = {one.stream: one for one in workers if isinstance(one, _Handle)}
        until = time.monotonic() + PATIENCE
        while True:
            found, _ = self._ray.wait(list(streams), num_returns=1, timeout=1.0)
            if found:
                return streams[found[0]]
            if not any(one.ready for one in self._workers) and time.monotonic() > until:
                needed = ", ".join(f"{value:g} of {name}" for name, value in self._reserved().items() if value)
                say(
                    f"No Ray worker is ready yet. Each reserves {needed}; the cluster's nodes have room for {self._room()} of them, if "
                    "no other job uses it."
                )
                until = time.monotonic() + 10 * PATIENCE


def shares(settings: EngineSettings) -> tuple[int, int]:
    """The number of workers on this machine, and of the threads of each. The workers of a cluster are as many as it holds."""
    if settings.address:
        return 0, 1 if settings.threads == "auto" else settings.threads
    return share(settings)


class _Handle(Worker):
    """An actor of Ray. stream: its messages."""

    def __init__(self, ray: Any, actor: Any):
        super().__init__()
        self._ray, self._actor, self._cause = ray, actor, "by the coordinator"
        self.stream = self._call(actor.open)

    def _call(self, method: Any, *arguments: object) -> Any:
        return method.options(num_returns="streaming", _generator_backpressure_num_objects=_HELD).remote(*arguments)

    def send(self, task: Task) -> None:
        self.stream = self._call(self._actor.make, task)

    def receive(self) -> object:
        try:
            return self._ray.get(next(self.stream))
        except self._ray.exceptions.RayTaskError:
            raise  # an error of the code
        except self._ray.exceptions.RayError as error:
            self._cause = f"with {type(error).__name__}: {_account(str(error))}"
            raise EOFError from error

    def end(self, seconds: float = 0) -> str:
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._actor)
        return self._cause


class Actor:
    """What Ray runs in the process of a worker. The platform is opened and used by one thread, whose messages the methods yield."""

    def __init__(self, folder: str, opening: Opening):
        """Start to open the platform, in the coordinator's folder, to which names of folders may be relative."""
        os.chdir(folder)
        self._tasks, self._messages = queue.SimpleQueue[Task](), queue.Queue[object](_HELD)
        threading.Thread(target=self._work, args=[opening], name="tasks", daemon=True).start()

    def _work(self, opening: Opening) -> None:
        try:
            work(opening, self._tasks.get, self._messages.put)
        except BaseException:  # a worker without this thread would never reply
            traceback.print_exc()
            os._exit(1)

    def open(self) -> Iterator[object]:
        """Yield progress lines until the platform is open, or cannot be opened."""
        yield from self._until_it_ends()

    def make(self, task: Task) -> Iterator[object]:
        """Make a partition, and yield progress lines, pieces of files and at last the reply."""
        self._tasks.put(task)
        yield from self._until_it_ends()

    def _until_it_ends(self) -> Iterator[object]:
        while True:
            yield (message := self._messages.get())
            if not isinstance(message, Said | FilePiece):
                return


def _account(text: str) -> str:
    """Ray's account of a lost worker on one line, without colours. Of a long one the end is kept, which has the cause of a traceback."""
    words = re.sub(r"\x1b\[[\d;]*m", "", text).split()
    line = " ".join(word for word in words if word.strip("^~")).rstrip(".")
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN // 3]} … {line[-_SHOWN * 2 // 3 :]}"


def _require_ray() -> None:
    if importlib.util.find_spec("ray") is None:
        raise SettingsError(
            'execution.engine = "ray" needs the package ray, which is not installed. Install the extra `ray` with the versions of '
            "constraints.txt, or set another engine."
        )


def _require_listener(address: str) -> None:
    """Raise an OSError where nothing listens at host:port, for which Ray itself would wait for minutes."""
    host, _, port = address.rpartition(":")
    if host:
        socket.create_connection((host, int(port)), timeout=30).close()


def _own_paths() -> list[str]:
    """The folders of Python's path, without those of the installation, from which modules of the project and of a desk are imported."""
    installed = [Path(sysconfig.get_paths()[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    found = [Path(os.path.abspath(path)) for path in sys.path if os.path.isdir(path)]
    return [str(path) for path in found if not any(path.is_relative_to(one) for one in installed)]


def _folder() -> Path:
    """A folder for Ray's files, whose sockets need a short path."""
    root = tempfile.gettempdir()
    short = len(root.encode("utf-8", "surrogateescape")) + len("/zhoubao-12345678") <= _LONGEST
    return Path(tempfile.mkdtemp(prefix="zhoubao-", dir=root if short else "/tmp"))


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Restore the handler of SIGTERM, which Ray replaces when it is started."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
