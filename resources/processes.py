"""The identity of a process, by which another one recognises whether it still runs.

This module knows machines, restarts and namespaces of process ids. Leases of lakes (resources/lease.py) and runs of Dagster
(orchestration/runs.py) store the identity.
"""

import functools
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Process:
    """A process. host, machine, boot, space: the machine, the same for all processes that see each other's ids. pid, started: the process."""

    host: str
    machine: str
    boot: str
    space: str
    pid: int
    started: str

    def is_gone(self) -> bool:
        """Whether the process is known to have ended. Nothing is known of the processes of other machines."""
        here = _machine()
        if not self.boot or (self.host, self.machine) != (here["host"], here["machine"]):
            return False
        if self.boot != here["boot"]:
            return bool(self.machine)  # the machine has been restarted
        return self.space == here["space"] and start_time(self.pid) != self.started


def identity() -> dict[str, Any]:
    """The fields of a `Process` for this process."""
    return {**_machine(), "pid": os.getpid(), "started": start_time(os.getpid()) or ""}


@functools.cache
def _machine() -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "machine": _first_line("/etc/machine-id"),
        "boot": _first_line("/proc/sys/kernel/random/boot_id") or _output("sysctl", "-n", "kern.bootsessionuuid"),
        "space": _link("/proc/self/ns/pid"),
    }


def start_time(pid: int) -> str | None:
    """When a process was started, in a form that is equal only for the same process; None where it has ended."""
    try:
        # The name of the command, in parentheses, may contain blanks. State and start time are fields 3 and 22.
        state, *rest = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return None if Path("/proc/self/stat").exists() else _output("ps", "-o", "lstart=", "-p", str(pid)) or None
    return None if state in ("Z", "X") else rest[18]  # a zombie has ended; only its parent has not noticed it


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace").partition("\n")[0]
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
