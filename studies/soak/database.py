"""A Postgres server in a folder of its own, reached by a socket in that folder and with a password. The tests use it too."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PASSWORD = "pw-9b1f-of-the-test"


def binaries() -> Path | None:
    """The folder of initdb and pg_ctl; Debian keeps them outside PATH."""
    found = shutil.which("pg_ctl")
    folders = [
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        *([Path(found).parent] if found else []),
    ]
    return next((one for one in folders if (one / "pg_ctl").exists() and (one / "initdb").exists()), None)


def is_installed() -> bool:
    """Whether a server and Dagster's storage on it are installed (Debian: apt-get install postgresql)."""
    return importlib.util.find_spec("dagster_postgres") is not None and binaries() is not None


@dataclass
class Server:
    """A running server. `url` names its database with the password."""

    folder: Path
    binaries: Path
    user: str | None  # the user that runs it, since Postgres refuses root

    @property
    def url(self) -> str:
        """The URL with the password."""
        return f"postgresql+psycopg2://zhoubao:{PASSWORD}@/postgres?host={self.folder}"

    def copy(self, name: str) -> str:
        """Copy the database to another one of this name, while nothing is connected to it, and return the URL of the copy."""
        import sqlalchemy as sql

        url = sql.make_url(self.url)
        engine = sql.create_engine(url.set(database="template1"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sql.text(f'CREATE DATABASE "{name}" TEMPLATE {url.database}'))
        engine.dispose()
        return url.set(database=name).render_as_string(hide_password=False)

    def run(self, command: Sequence[str]) -> None:
        """Run one of Postgres' programs."""
        as_user = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        program, *arguments = command
        subprocess.run(
            [*as_user, str(self.binaries / program), *arguments], check=True, cwd=self.folder, stdout=subprocess.DEVNULL
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-k {self.folder} -c listen_addresses='' -c fsync=off"
        self.run(
            ["pg_ctl", "start", "-w", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-o", options]
        )

    def stop(self) -> None:
        """End all connections and the server."""
        self.run(["pg_ctl", "stop", "-w", "-m", "fast", "-D", str(self.folder / "data")])


@contextmanager
def postgres_server() -> Iterator[Server]:
    """Start a server, and stop and remove it at the end."""
    found = binaries()
    assert found is not None
    # The folders of other users may be closed to that of the server, and the path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="zhoubao-pg-"))
    server = Server(folder, found, "postgres" if os.geteuid() == 0 else None)
    try:
        (folder / "password").write_text(PASSWORD)
        if server.user:
            for path in (folder, folder / "password"):
                shutil.chown(path, server.user)
        server.run(
            ["initdb", "-D", str(folder / "data"), "-U", "zhoubao", "-A", "scram-sha-256", "--pwfile", "password", "-N"]
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
