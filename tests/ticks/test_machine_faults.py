"""Tests that a tick file that the machine cannot read ends the run, and that a damaged file is reported as a fault of the delivery."""

import errno
import os

import pytest

from assets.ticks import vendor_files
from resources.errors import MachineError
from tests.ticks.test_vendor_files import EXPECTED, SSE_HEADER, SSE_ROWS, folder, healthy, story, trades  # noqa: F401

NUMBERS = [errno.EIO, errno.EACCES, errno.ESTALE, errno.ENOENT, errno.ENOMEM, errno.EMFILE]


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.zip"])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_file_that_the_machine_cannot_open_ends_the_run(folder, name, number, monkeypatch):  # noqa: F811
    folder.put(name, SSE_HEADER, SSE_ROWS)

    def fail(path, *_, **__):
        raise OSError(number, os.strerror(number), str(path))

    with monkeypatch.context() as patched:
        for opened in ("pathlib.Path.open", "zipfile.io.open", "gzip.open"):
            patched.setattr(opened, fail)
        with pytest.raises(MachineError, match=rf"{name} cannot be read.*says nothing about the data"):
            trades(folder)
    assert trades(folder).frame.drop("date").rows() == EXPECTED  # the file is read as before once the fault is gone


class Failing:
    """A stream whose disk fails after its first lines."""

    def __init__(self, stream, lines):
        self.stream, self.lines = stream, lines

    def readline(self, size=-1):
        self.lines -= 1
        if self.lines < 0:
            raise OSError(errno.EIO, "Input/output error")
        return self.stream.readline(size)

    def readinto(self, into):
        raise OSError(errno.ESTALE, "Stale file handle")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()


@pytest.mark.parametrize("lines", [0, 1, 10, 1000])
def test_a_disk_that_fails_while_reading_ends_the_run(folder, lines, monkeypatch):  # noqa: F811
    folder.put("t.csv", SSE_HEADER, SSE_ROWS)
    real = vendor_files.Source

    def failing(name, opened):
        return real(name, lambda: Failing(opened(), lines))

    monkeypatch.setattr(vendor_files, "Source", failing)
    with pytest.raises(MachineError, match=r"20240110/t\.csv cannot be read"):
        trades(folder)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.zip"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.7])
def test_a_truncated_archive_is_a_fault_of_the_delivery(folder, name, keep):  # noqa: F811
    folder.put(name, SSE_HEADER, SSE_ROWS * 500)
    path = folder.root / name
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    made = trades(folder)
    assert not healthy(made)
    assert name in story(made, "unreadable") + story(made, "unrecognised")


def test_a_name_in_raw_gbk_bytes_is_read(folder):  # noqa: F811
    raw = os.fsdecode("逐笔成交".encode("gbk"))
    try:
        folder.put(
            f"{raw}.csv", SSE_HEADER, [*SSE_ROWS, "0,x,6,600519,15:00:01.060,1800,100,180000,12,11,N,4,15:00:08.075,4"]
        )
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert "逐笔成交.csv" in story(made, "rows_set_aside")
