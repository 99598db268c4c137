"""The errors for users, each with what is wrong, where, by which rule and how to correct it; and the faults of the machine."""

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
    """A delivered file, row or reference table breaks a rule of the landing zone."""


class NotReadyError(ZhoubaoError):
    """The request needs a partition that is not built or that a gate refused, or data that has not landed."""


class SettingsError(ZhoubaoError):
    """A setting or an argument is unknown, out of range, or not possible with the data."""


class LakeError(ZhoubaoError):
    """The lake cannot be opened, read or written, or its files differ from its manifests."""


class MachineError(ZhoubaoError):
    """The machine failed: a file could not be opened or read, memory or space ran out, or a store did not answer.

    The error ends the run and is no verdict on the data: no partition is written, and the next run tries again.
    """


# A damaged archive makes its reader seek to an impossible offset, which is a fault of the file.
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
    """Turn a fault of the machine inside the block into a MachineError that names `what`. Other exceptions pass unchanged.

    Raises:
        MachineError: a fault of the machine (`is_machine_fault`) occurred inside the block.
    """
    try:
        yield
    except Exception as error:
        raise_machine_fault(error, what)
        raise


def raise_machine_fault(error: BaseException, what: str | Path) -> None:
    """Raise a MachineError that names `what` where the exception is a fault of the machine; otherwise return.

    Raises:
        MachineError: the exception is a fault of the machine.
    """
    if isinstance(error, MachineError):
        raise error
    if is_machine_fault(error):
        raise MachineError(
            f"{what} cannot be read: {describe_fault(error)}. This says nothing about the data, so nothing was recorded. "
            "Make it readable (check whether it is still being copied, and rights, space, memory and network) and run again."
        ) from error


def fault_code(error: BaseException) -> str:
    """The name of the errno, such as ENOSPC, of the OSError that is or caused an exception; "" where there is none."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno:
            return errno.errorcode.get(seen.errno, "")
        seen = seen.__cause__ or seen.__context__
    return ""


def describe_fault(error: BaseException) -> str:
    """The exception's type and message."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


# Some pairs of bytes are valid in GBK and in UTF-8, so a path component or a word is decoded as a whole.
_BETWEEN_WORDS = re.compile("([/\\s\"'():;,]+)")
_RAW_BYTE = re.compile("[\udc80-\udcff]")


def readable(text: str) -> str:
    """Make a text with file names that are not UTF-8 printable. Python holds their bytes as lone surrogates.

    Such a word is decoded as GBK where possible; otherwise its bytes are written as \\xNN. The result can be printed, encoded and
    stored. The time is linear in the length of the text.
    """
    if not _RAW_BYTE.search(text):
        return text
    return "".join(_decoded(word) if _RAW_BYTE.search(word) else word for word in _BETWEEN_WORDS.split(text))


def _decoded(word: str) -> str:
    data = word.encode("utf-8", "surrogateescape")
    try:
        return data.decode("gbk")
    except UnicodeDecodeError:
        return data.decode("utf-8", "backslashreplace")
