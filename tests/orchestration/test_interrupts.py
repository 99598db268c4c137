"""A command whose output is cut off by its reader, as after `| head`, ends without a message."""

import os
import subprocess
import sys

import pytest

from orchestration.platform import ROOT

LISTING = """
import sys
from unittest import mock
from orchestration import {module} as command

def listing(*arguments):
    {act}

with mock.patch.object(command, {function!r}, listing), mock.patch.object(command, "open_builder", lambda names: None):
    sys.exit(command.main({arguments!r}))
"""
COMMANDS = [("run", "_run", ["--plan"]), ("trace", "trace", ["table1", "skewness", "long_short_week"])]


def ended(code: str, close: bool) -> subprocess.CompletedProcess[bytes]:
    """Run Python code whose standard output is a pipe, with a reader or without one."""
    reading, writing = os.pipe()
    if close:
        os.close(reading)
    try:
        return subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)
        if not close:
            os.close(reading)


@pytest.mark.parametrize("lines", [1, 100_000])
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_listing_ends_quietly_where_its_reader_has_ended(
    command: tuple[str, str, list[str]], unbuffered: str, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    module, function, arguments = command
    act = f"[print(number) for number in range({lines})]"
    done = ended(LISTING.format(module=module, function=function, arguments=arguments, act=act), close=True)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("command", COMMANDS)
def test_another_broken_pipe_is_a_fault(command: tuple[str, str, list[str]]) -> None:
    module, function, arguments = command
    act = "raise BrokenPipeError(32, 'Broken pipe')"
    done = ended(LISTING.format(module=module, function=function, arguments=arguments, act=act), close=False)
    assert done.returncode == 1
    assert b"Broken" in done.stderr
