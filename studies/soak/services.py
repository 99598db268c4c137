"""What runs beside the platform in a soak: webserver and daemon as processes, a webhook that records alerts, and a small disk.

The processes are those of deploy/systemd. One that ends is started again, as the service manager does; one that is killed takes its
runs with it, as the service manager ends all processes of a service.
"""

import contextlib
import http.client
import http.server
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from orchestration.platform import ROOT

STOP_SECONDS = 60.0
FILE_LIMIT = 50_000  # bytes of a file, where no small disk can be mounted


class Service:
    """A process in a group of its own. starts: how often it was started."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]):
        self.name, self._command, self._log, self._environment = name, list(command), log, dict(environment)
        self.starts = 0
        self.start()

    def start(self) -> None:
        """Start the process. Its output is appended to the log."""
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )
        self.starts += 1

    def keep_running(self) -> bool:
        """Start the process again if it has ended, and return whether it had."""
        ended = self.process.poll() is not None
        if ended:
            self._signal(signal.SIGKILL)
            self.start()
        return ended

    def kill(self) -> None:
        """Kill the process and its group, as a power cut does."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End the process, and kill what is left of its group."""
        self._signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self._signal(signal.SIGKILL)
        self.process.wait()

    def members(self) -> list[int]:
        """The process ids of the group."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError, ValueError):
                if os.getpgid(int(path.name)) == self.process.pid:
                    found.append(int(path.name))
        return found

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def free_port() -> int:
    """A port of the loopback interface on which nothing listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def webserver(port: int, log: Path, environment: Mapping[str, str]) -> Service:
    """Dagster's webserver inside the guard."""
    command = [sys.executable, "-m", "orchestration.ui", "--host", "127.0.0.1", "--port", str(port)]
    return Service("webserver", [*command, "--workspace", "workspace.yaml"], log, environment)


def daemon(log: Path, environment: Mapping[str, str]) -> Service:
    """Dagster's daemon, which ticks the sensors and starts the runs."""
    command = [sys.executable, "-m", "dagster._daemon", "run", "--workspace", "workspace.yaml"]
    return Service("daemon", command, log, environment)


def ask(port: int, query: str) -> Any:
    """The data of a GraphQL query to the webserver; None while it does not answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", "/graphql", json.dumps({"query": query}), {"Content-Type": "application/json"})
        return json.loads(connection.getresponse().read())["data"]
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()


class Webhook:
    """A server that records the alerts posted to it, in the order of their arrival, also in a file with one alert a line."""

    def __init__(self, log: Path) -> None:
        self.alerts: list[dict[str, Any]] = []
        alerts = self.alerts

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                alerts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                with log.open("a") as file:
                    file.write(json.dumps(alerts[-1], ensure_ascii=False) + "\n")
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """End the server."""
        self._server.shutdown()
        self._server.server_close()


class Processes(Protocol):
    """Something that consists of processes of this machine, such as a `Service`."""

    def members(self) -> list[int]:
        """Their ids."""


class Disk:
    """The disk of the lake: a small file system in memory where one can be mounted, otherwise a folder and a limit of file sizes.

    kind: which of them, in words.
    """

    def __init__(self, folder: Path, megabytes: int):
        folder.mkdir(parents=True)
        self.folder = folder
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0750", "zhoubao-soak", str(folder)]
        self.mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
        self.kind = (
            f"a file system of {megabytes} MB in memory"
            if self.mounted
            else f"a limit of {FILE_LIMIT} bytes for each file, since no file system can be mounted here"
        )

    def fill(self, service: Processes) -> None:
        """Leave no room, or limit the files that the processes of a service and their runs write."""
        if not self.mounted:
            for pid in service.members():
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (FILE_LIMIT, resource.RLIM_INFINITY))
            return
        with (self.folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65_536))

    def free(self, service: Processes) -> None:
        """Undo `fill`."""
        if not self.mounted:
            for pid in service.members():
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        (self.folder / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount the file system."""
        if self.mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Disk]:
    """A disk that is unmounted at the end. Its content is kept beside it."""
    disk = Disk(folder, megabytes)
    try:
        yield disk
    finally:
        kept = folder.with_name(f"{folder.name}_kept")
        if disk.mounted:
            shutil.copytree(folder, kept, symlinks=True)
        disk.close()
