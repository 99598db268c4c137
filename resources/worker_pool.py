"""The engine of worker processes on this machine, and how many of them there are (DESIGN §3.8).

A worker is a process of its own that is started when there is a task for it (resources/worker.py). It has a session of its own, so that
the terminal's Ctrl-C reaches the coordinator alone, which ends its workers. A worker whose coordinator was killed ends by itself.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Self

import polars as pl

from resources.engine import NextTask
from resources.errors import MachineError
from resources.making import MakeResult, Task, faults_of_making
from resources.settings.engine import EngineSettings
from resources.worker import NotOpened, Opening, Reply, Said

THREADS = (
    "POLARS_MAX_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)  # fmt: skip
"""The environment variables from which libraries take their number of threads when they are imported."""
ATTEMPTS = 2  # after which a partition whose worker ended each time is a fault of the machine
_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from resources.worker import serve; serve(int(sys.argv[2]))"
_CGROUP = Path("/sys/fs/cgroup")


def share(settings: EngineSettings) -> tuple[int, int]:
    """The number of workers, and of the threads of each, that the settings ask for on this machine."""
    cores = pl.thread_pool_size()  # it heeds affinity and the quotas of containers
    held = max(1, min(cores, int(available_gb() // settings.worker_gb)))
    workers = held if settings.workers == "auto" else settings.workers
    return workers, max(1, cores // workers) if settings.threads == "auto" else settings.threads


def available_gb() -> float:
    """The memory that new processes can use without swapping, in GB: that of the machine, or of this container where it has less."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        found.append(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")))
    with contextlib.suppress(OSError, ValueError):  # "max" where there is no limit
        found.append(int((_CGROUP / "memory.max").read_text()) - int((_CGROUP / "memory.current").read_text()))
    return max(0, min(found)) / 2**30


class Processes:
    """Makes partitions in worker processes. They are started when they are needed, and end with the outermost block."""

    def __init__(self, opening: Opening, workers: int, threads: int):
        self._opening, self._most, self._threads = opening, workers, threads
        self._workers: list[_Worker] = []
        self._depth = 0

    def __enter__(self) -> Self:
        self._depth += 1
        return self

    def __exit__(self, *exception: object) -> None:
        self._depth -= 1
        if not self._depth:
            while self._workers:
                self._workers.pop().end()

    def run(
        self, next_task: NextTask, make: Callable[[Task], MakeResult], say: Callable[[str], None]
    ) -> Generator[MakeResult]:
        """Make the partitions in the workers.

        Raises:
            MachineError: two workers ended at the same partition, or a worker could not open the platform.
        """
        try:
            while True:
                while (idle := self._idle()) is not None and (task := next_task()) is not None:
                    self._begin(idle, task)
                busy = {one.channel: one for one in self._workers if one.task is not None}
                if not busy:
                    return
                # The messages of one worker at a time, so that a worker that becomes idle gets its next task at once.
                worker = busy[next(one for one in wait(list(busy)) if isinstance(one, Connection))]
                if (attempt := self._heard(worker, say)) is not None:
                    yield attempt
        finally:
            for worker in [one for one in self._workers if one.task is not None]:
                self._workers.remove(worker)
                worker.end()

    def _idle(self) -> "_Worker | int | None":
        """A worker that makes nothing; the number of the next worker where another one can be started; None where neither is."""
        free = next((one for one in self._workers if one.task is None), None)
        return free or (len(self._workers) if len(self._workers) < self._most else None)

    def _begin(self, idle: "_Worker | int", task: Task, attempts: int = 1) -> None:
        if isinstance(idle, int):
            self._workers.append(idle := _Worker(self._opening, self._threads))
        idle.task, idle.attempts = task, attempts
        with contextlib.suppress(OSError):  # of a worker that has ended, which is noticed when it should reply
            idle.channel.send(task)

    def _heard(self, worker: "_Worker", say: Callable[[str], None]) -> MakeResult | None:
        """Receive a message of a worker. Return the attempt if it is one."""
        task = worker.task
        assert task is not None
        try:
            message = worker.channel.recv()
        except (EOFError, OSError):
            self._replace(worker, task)
            return None
        if isinstance(message, Said):
            say(message.line)
            return None
        worker.task = None
        if isinstance(message, NotOpened):
            raise message.error
        assert isinstance(message, Reply)
        with faults_of_making(task.table, task.key):
            return message.attempt(task)

    def _replace(self, worker: "_Worker", task: Task) -> None:
        """Give the task of a worker that has ended to a new one."""
        self._workers.remove(worker)
        attempts, cause = worker.attempts, worker.end(seconds=5)
        if attempts >= ATTEMPTS:
            raise MachineError(
                f"{task.table} of {task.key} could not be made: {attempts} worker processes ended while they made it, the last one {cause}. The commonest "
                "cause is that the machine's memory does not suffice. Nothing was recorded. Set fewer workers (execution.workers) or "
                "free memory, and run again."
            )
        shutil.rmtree(task.folder, ignore_errors=True)
        self._begin(len(self._workers), task, attempts + 1)


class _Worker:
    """A worker process as the coordinator sees it. task: what it makes. attempts: how often that has been begun."""

    def __init__(self, opening: Opening, threads: int):
        self.task: Task | None = None
        self.attempts = 0
        self.channel, other = Pipe()
        arguments = [json.dumps(sys.path), str(other.fileno())]
        self._process: subprocess.Popen[Any] = subprocess.Popen(
            [sys.executable, "-c", _START, *arguments],
            env={**os.environ, **dict.fromkeys(THREADS, str(threads))},
            stdin=subprocess.DEVNULL,
            pass_fds=[other.fileno()],
            start_new_session=True,
        )
        other.close()
        with contextlib.suppress(OSError):
            self.channel.send(opening)

    def end(self, seconds: float = 0) -> str:
        """End the process if it has not ended by itself after this time, and return how it ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self._process.kill()
        code = self._process.wait()
        self.channel.close()
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with the exit code {code}"
