"""Which exceptions are faults of the machine, and which are faults of a file."""

import errno
import gzip
import io
import zipfile
import zlib
from pathlib import Path

import pytest

from resources.errors import InputError, MachineError, is_machine_fault, machine_faults, readable


@pytest.mark.parametrize(
    "error",
    [
        *(OSError(number, "x") for number in (errno.EIO, errno.ESTALE, errno.EACCES, errno.EPERM, errno.ENOSPC)),
        *(OSError(number, "x") for number in (errno.ENOENT, errno.EMFILE, errno.EDQUOT, errno.ETIMEDOUT, errno.ENOMEM)),
        FileNotFoundError("polars raises it without an errno"),
        PermissionError("and this one too"),
        TimeoutError(),
        ConnectionResetError(),
        MemoryError(),
        MachineError("x"),
    ],
    ids=repr,
)
def test_a_fault_of_the_machine(error: Exception) -> None:
    assert is_machine_fault(error)
    raised = pytest.raises(MachineError, match=r"20230103\.parquet cannot be read.*says nothing about the data")
    with raised, machine_faults(Path("bars/20230103.parquet")):
        raise error if not isinstance(error, MachineError) else OSError(errno.EIO, "x")


@pytest.mark.parametrize(
    "error",
    [
        gzip.BadGzipFile("Not a gzipped file"),
        OSError("no errno"),
        OSError(errno.EINVAL, "a damaged archive seeks before its beginning"),
        EOFError(),
        zlib.error("x"),
        zipfile.BadZipFile("x"),
        io.UnsupportedOperation("x"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"),
        InputError("x"),
    ],
    ids=repr,
)
def test_a_fault_of_the_file_passes(error: Exception) -> None:
    assert not is_machine_fault(error)
    with pytest.raises(type(error)) as caught, machine_faults("a file"):
        raise error
    assert caught.value is error


def test_a_fault_that_the_s3_client_raises_is_the_machine_s() -> None:
    from botocore.exceptions import EndpointConnectionError, NoCredentialsError

    assert is_machine_fault(NoCredentialsError())
    assert is_machine_fault(EndpointConnectionError(endpoint_url="https://nowhere.invalid"))


def test_a_gpu_without_memory_left_is_the_machine_s_fault() -> None:
    import torch

    assert is_machine_fault(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_machine_fault(RuntimeError("shapes differ"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("日线.csv".encode("gbk"), "日线.csv"),
        (b"a\xff.csv", "a\\xff.csv"),
        ("日线.csv".encode(), "日线.csv"),
        (b"plain", "plain"),
    ],
)
def test_file_names_of_any_bytes_can_be_printed(name: bytes, text: str) -> None:
    story = f"bars/{name.decode('utf-8', 'surrogateescape')} (row 3): close is 0"
    assert readable(story) == f"bars/{text} (row 3): close is 0"


def test_a_message_of_a_million_letters_takes_no_longer_than_its_length() -> None:
    """A file in an unknown encoding is one cell of its whole length; a quadratic search would need hours."""
    long = "x" * 1_000_000
    assert readable(long) == long
    assert readable(f"{long}\udcff") == f"{long}\\xff"
