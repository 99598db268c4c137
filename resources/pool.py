"""What the engines of workers have in common: which worker makes which task, and what happens to the task of a worker that is lost.

A worker opens the platform when it is started, and gets a task when it is ready (resources/worker.py). Its engine knows what a worker is:
a process of this machine (resources/worker_pool.py) or an actor of a Ray cluster (resources/ray_engine.py).
"""

import abc
import dataclasses
import shutil
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from resources.engine import NextTask
from resources.errors import MachineError
from resources.making import MakeResult, Task, faults_of_making
from resources.worker import FilePiece, NotOpened, Ready, Reply, Said

_REMEDY = (
    "The commonest cause is that the machine's memory does not suffice. Nothing was recorded. Set fewer workers (execution.workers) or "
    "free memory, and run again."
)
ATTEMPTS = 2  # after which a partition whose worker was lost each time is a fault of the machine


@dataclass(frozen=True)
class Job:
    """A task and the number of workers that have begun it."""

    task: Task
    attempts: int = 0

    def begun(self) -> "Job":
        """The same job with one more attempt, which has a folder of its own: a lost worker may still write into the earlier one."""
        folder = self.task.folder
        task = (
            dataclasses.replace(self.task, folder=folder.with_name(f"{folder.name}+")) if self.attempts else self.task
        )
        return Job(task, self.attempts + 1)


class Worker(abc.ABC):
    """A worker as the coordinator sees it. ready: whether it has opened the platform. job: what it makes."""

    def __init__(self) -> None:
        self.ready = False
        self.job: Job | None = None

    def begin(self, job: Job) -> None:
        """Send a task. A worker that is lost is noticed when it should reply."""
        self.job = job.begun()
        self.send(self.job.task)

    @abc.abstractmethod
    def send(self, task: Task) -> None:
        """Send a task to the worker."""

    @abc.abstractmethod
    def receive(self) -> object:
        """Receive the next message, which has arrived.

        Raises:
            EOFError: the worker is lost.
        """

    @abc.abstractmethod
    def end(self, seconds: float = 0) -> str:
        """End the worker if it has not ended by itself after this time, and return how it ended."""


class Pool(abc.ABC):
    """Makes partitions in workers. They are started when they are needed, and end with the outermost block."""

    kind: ClassVar[str]
    """What its workers are called in messages."""

    def __init__(self) -> None:
        self._workers: list[Worker] = []
        self._waiting: deque[Job] = deque()
        self._lost = 0  # workers that were lost before they were ready, since the last one that was
        self._depth = 0

    @abc.abstractmethod
    def _limit(self) -> int:
        """How many workers there may be; at least one."""

    @abc.abstractmethod
    def _start(self) -> Worker:
        """Start a worker."""

    @abc.abstractmethod
    def _next(self, workers: Sequence[Worker], say: Callable[[str], None]) -> Worker:
        """Wait for the next message of one of these workers, and return the worker."""

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
            MachineError: two workers were lost at the same partition, or a worker could not open the platform.
        """
        try:
            while True:
                self._assign()
                while self._is_wanted() and (task := next_task()) is not None:
                    self._waiting.append(Job(task))
                    self._assign()
                if not self._waiting and not self._busy():
                    return
                # The messages of one worker at a time, so that a worker that becomes idle gets its next task at once.
                worker = self._next([one for one in self._workers if one.job or not one.ready], say)
                if (attempt := self._heard(worker, say)) is not None:
                    yield attempt
        finally:
            self._waiting.clear()
            for worker in self._busy():
                self._workers.remove(worker)
                worker.end()

    def _busy(self) -> list[Worker]:
        return [one for one in self._workers if one.job is not None]

    def _is_any_ready(self) -> bool:
        return any(one.ready for one in self._workers)

    def _is_wanted(self) -> bool:
        """Whether there is or may be a worker for another task."""
        return len(self._waiting) + len(self._busy()) < self._limit()

    def _assign(self) -> None:
        """Send waiting tasks to workers that are ready, and start a worker for each of the others.

        After ATTEMPTS lost ones in succession that were not ready, those that are ready go on alone.
        """
        for worker in self._workers:
            if self._waiting and worker.ready and worker.job is None:
                worker.begin(self._waiting.popleft())
        if self._lost >= ATTEMPTS and self._is_any_ready():
            return
        while len(self._waiting) > sum(not one.ready for one in self._workers):
            self._workers.append(self._start())

    def _heard(self, worker: Worker, say: Callable[[str], None]) -> MakeResult | None:
        """Receive a message of a worker. Return the attempt if it is one."""
        try:
            message = worker.receive()
        except (EOFError, OSError):
            self._replace(worker)
            return None
        if isinstance(message, Said):
            say(message.line)
        elif isinstance(message, Ready):
            worker.ready, self._lost = True, 0
        elif isinstance(message, NotOpened):
            self._workers.remove(worker)
            worker.end()
            raise message.error
        elif isinstance(message, FilePiece | Reply):
            assert worker.job is not None
            task = worker.job.task
            with faults_of_making(task.table, task.key):
                if isinstance(message, FilePiece):
                    message.append(task)
                else:
                    worker.job = None
                    return message.attempt(task)
        return None

    def _replace(self, worker: Worker) -> None:
        """Let the task of a worker that was lost be made by another one."""
        self._workers.remove(worker)
        cause, job = worker.end(seconds=5), worker.job
        self._lost += not worker.ready
        if job is None and self._lost >= ATTEMPTS and not self._is_any_ready():
            raise MachineError(
                f"No partition could be made: {self._lost} {self.kind} ended while they opened the platform, the last one {cause}. "
                "Nothing was recorded. Correct the cause (every machine needs this project at the same path, and memory for its workers) and "
                "run again."
            )
        if job is not None and job.attempts >= ATTEMPTS:
            raise MachineError(
                f"{job.task} could not be made: {job.attempts} {self.kind} ended while they made it, the last one {cause}. {_REMEDY}"
            )
        if job is not None:
            shutil.rmtree(job.task.folder, ignore_errors=True)
            self._waiting.appendleft(job)
