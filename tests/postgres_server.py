"""The Postgres server of the soak, for tests."""

import pytest

from studies.soak.database import PASSWORD, Server, is_installed, postgres_server

__all__ = ["PASSWORD", "Server", "needs_postgres", "postgres_server"]

needs_postgres = pytest.mark.skipif(
    not is_installed(),
    reason="needs the package dagster-postgres and a Postgres server (Debian: apt-get install postgresql)",
)
