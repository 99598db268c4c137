"""The errors meant for users: each says what is wrong, where, by which rule, and how to mend it. And which exceptions are
faults of the machine."""

import contextlib
import errno
import re
from collections.abc import Iterator
from pathlib import Path


class ZhoubaoError(Exception):
    """Any error whose message is written for the person who runs the platform."""

    def __init__(self, message: str = ""):
        super().__init__(readable(message))


class InputError(ZhoubaoError):
    """Something delivered (a file, a row, a reference table) breaks a rule of the landing zone."""


class NotReadyError(ZhoubaoError):
    """What was asked for needs a partition that is not built, or was refused by a gate."""


class SettingsError(ZhoubaoError):
    """A setting is unknown, out of range, or asks for what the data cannot give."""


class LakeError(ZhoubaoError):
    """The lake cannot be opened, read or written, or holds what its manifests do not say."""


class MachineError(ZhoubaoError):
    """The machine failed: a file could not be opened or read, memory or space ran out, a store did not answer. It ends the
    run and is no verdict on the data: no partition is written, and the next run tries again."""


# A damaged archive sends its reader to an impossible offset, which is the file's fault.
_OF_THE_FILE = {errno.EINVAL, errno.EOVERFLOW}


def is_machine_fault(error: BaseException) -> bool:
    """Whether an exception is a fault of the machine. Its type and errno decide, never its message.

    Out of memory (a GPU's too) and every OSError with an errno are faults of the machine, and so are OSError's own subclasses, which
    some libraries raise without an errno (FileNotFoundError, PermissionError, TimeoutError, ConnectionError …), and
    whatever the S3 client raises. An OSError without an errno is what decompressors raise on a damaged file.
    """
    if isinstance(error, MachineError | MemoryError):
        return True
    if isinstance(error, OSError):
        if error.errno is None:
            return type(error).__module__ == "builtins" and type(error) is not OSError
        return error.errno not in _OF_THE_FILE
    kinds = [(one.__module__.split(".")[0], one.__name__) for one in type(error).__mro__]
    return ("torch", "OutOfMemoryError") in kinds or any(
        module in ("botocore", "aiobotocore", "aiohttp") for module, _ in kinds
    )


@contextlib.contextmanager
def machine_faults(what: str | Path) -> Iterator[None]:
    """Turns a fault of the machine inside the block into a MachineError that names `what`; other exceptions pass."""
    try:
        yield
    except Exception as error:
        raise_machine_fault(error, what)
        raise


def raise_machine_fault(error: BaseException, what: str | Path) -> None:
    """Raises a MachineError that names `what` where the exception is a fault of the machine; else returns."""
    if isinstance(error, MachineError):
        raise error
    if is_machine_fault(error):
        raise MachineError(
            f"{what} cannot be read: {describe_fault(error)}. This says nothing about the data, so nothing was recorded. "
            "Make it readable (is it still being copied? are rights, space, memory and the network in order?) and run again."
        ) from error


def describe_fault(error: BaseException) -> str:
    """The exception in words, with its type where it says nothing itself."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


# In GBK some pairs of bytes are UTF-8 as well, so that a path component or a word is read as a whole.
_BETWEEN_WORDS = re.compile("([/\\s\"'():;,]+)")
_RAW_BYTE = re.compile("[\udc80-\udcff]")


def readable(text: str) -> str:
    """The text with file names that are not UTF-8 (Python holds their bytes as lone surrogates) read as GBK, or else with
    those bytes written as \\xNN: it can then be printed, encoded and stored. The time is linear in the length of the text."""
    if not _RAW_BYTE.search(text):
        return text
    return "".join(_decoded(word) if _RAW_BYTE.search(word) else word for word in _BETWEEN_WORDS.split(text))


def _decoded(word: str) -> str:
    data = word.encode("utf-8", "surrogateescape")
    try:
        return data.decode("gbk")
    except UnicodeDecodeError:
        return data.decode("utf-8", "backslashreplace")
