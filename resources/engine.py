"""Engines, which make the partitions that the builder asks for, one or several at a time.

An engine has one method, `run`: it asks for the next task whenever it can begin one, and yields the attempts as they end. The builder
knows which partitions may be made now, and judges nothing about where they are made; the engine knows nothing about partitions. A
task names everything that its making needs besides the lake's store, the landing zone and the settings, so that an engine on other
machines can implement the same interface. resources/processes_engine.py has the engine of worker processes.
"""

import heapq
from collections.abc import Callable, Collection, Generator, Mapping
from typing import Generic, Protocol, Self, TypeVar

from resources.making import MakeResult, Task

Item = TypeVar("Item")

NextTask = Callable[[], Task | None]
"""The next task that can begin; None where none can until another attempt has ended."""


class Engine(Protocol):
    """Makes partitions. As a context manager it keeps its workers until the outermost block ends."""

    def run(
        self, next_task: NextTask, make: Callable[[Task], MakeResult], say: Callable[[str], None]
    ) -> Generator[MakeResult]:
        """Make partitions until no task is left and none is being made, and yield the attempts as they end.

        Closing the generator ends the attempts that are being made.

        Args:
            next_task: called whenever another task could begin. It is called again after an attempt was yielded.
            make: makes a partition in this process.
            say: receives progress lines, also those of workers.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class Inline:
    """Makes one partition after another in this process."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None: ...

    def run(
        self, next_task: NextTask, make: Callable[[Task], MakeResult], say: Callable[[str], None]
    ) -> Generator[MakeResult]:
        """Make the partitions one after another."""
        while (task := next_task()) is not None:
            yield make(task)


class ReadyQueue(Generic[Item]):
    """Items in an order, each of which is ready when the items that it waits for are finished.

    >>> queue = ReadyQueue({"a": [], "b": ["a"], "c": []})
    >>> queue.pop(), queue.pop(), queue.pop()
    ('a', 'c', None)
    >>> queue.finish("a")
    >>> queue.pop()
    'b'
    """

    def __init__(self, waits_for: Mapping[Item, Collection[Item]]):
        """Create the queue of these items in this order. Every item that another waits for must be among them."""
        self._items = list(waits_for)
        self._missing = [len(set(others)) for others in waits_for.values()]
        self._followers: dict[Item, list[int]] = {}
        for place, others in enumerate(waits_for.values()):
            for other in set(others):
                self._followers.setdefault(other, []).append(place)
        self._ready = [place for place, missing in enumerate(self._missing) if not missing]

    def pop(self) -> Item | None:
        """Take the first item that is ready; None where none is."""
        return self._items[heapq.heappop(self._ready)] if self._ready else None

    def finish(self, item: Item) -> None:
        """Note that an item is finished."""
        for place in self._followers.pop(item, ()):
            self._missing[place] -= 1
            if not self._missing[place]:
                heapq.heappush(self._ready, place)
