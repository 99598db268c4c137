"""The engine of worker processes on this machine, and how many of them there are (DESIGN §3.8).

A worker is a process of its own that is started when there is a task for it (resources/worker.py). It has a session of its own, so that
the terminal's Ctrl-C reaches the coordinator alone, which ends its workers. A worker whose coordinator was killed ends by itself.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import polars as pl

from resources.making import Task
from resources.pool import Pool, Worker
from resources.settings.engine import EngineSettings
from resources.worker import Opening

THREADS = (
    "POLARS_MAX_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
)  # fmt: skip
"""The environment variables from which libraries take their number of threads when they are imported."""
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


class Processes(Pool):
    """Makes partitions in processes of this machine."""

    kind = "worker processes"

    def __init__(self, opening: Opening, workers: int, threads: int):
        super().__init__()
        self._opening, self._most, self._threads = opening, workers, threads

    def _limit(self) -> int:
        return self._most

    def _start(self) -> Worker:
        return _WorkerProcess(self._opening, self._threads)

    def _next(self, workers: Sequence[Worker], say: Callable[[str], None]) -> Worker:
        channels = {one.channel: one for one in workers if isinstance(one, _WorkerProcess)}
        return channels[next(one for one in wait(list(channels)) if isinstance(one, Connection))]


class _WorkerProcess(Worker):
    """A worker process."""

    def __init__(self, opening: Opening, threads: int):
        super().__init__()
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

    def send(self, task: Task) -> None:
        with contextlib.suppress(OSError):
            self.channel.send(task)

    def receive(self) -> object:
        return self.channel.recv()

    def end(self, seconds: float = 0) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self._process.kill()
        code = self._process.wait()
        self.channel.close()
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with the exit code {code}"
