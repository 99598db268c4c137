"""Processes for tests of what a process leaves behind."""

import subprocess
import sys


def ended_process() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid
