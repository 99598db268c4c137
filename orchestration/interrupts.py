"""SIGINT (Ctrl-C) and SIGTERM as one exception of the command line, so that the blocks that are open end as after an error.

Dagster replaces the handlers of both signals while a run is executed and raises an exception of its own, which may leave the run as
another one. Python's wakeup descriptor reports every signal, whatever its handler is.
"""

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal ended the command. number: that of the signal."""

    def __init__(self, number: int):
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.number = number


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` inside the block after SIGINT or SIGTERM, or instead of the exception that Dagster made of it.

    Raises:
        Interrupted: one of the signals was received.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, _: FrameType | None) -> None:
        raise Interrupted(number)

    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    before = {one: signal.signal(one, interrupt) for one in SIGNALS}
    wakeup = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield
    except Interrupted:
        raise
    except BaseException:
        _raise_received(reading)
        raise
    finally:
        signal.set_wakeup_fd(wakeup)
        for one, handler in before.items():
            signal.signal(one, handler)
        os.close(reading)
        os.close(writing)


def _raise_received(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        for number in os.read(descriptor, 100):
            if number in SIGNALS:
                raise Interrupted(number)


def reader_has_ended() -> bool:
    """Whether standard output is a pipe that nobody reads any more, as after `| head`. It is then discarded from here on."""
    waiting = select.poll()
    waiting.register(sys.stdout.fileno(), 0)
    if not waiting.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True
