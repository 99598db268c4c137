"""Fixtures shared by all tests: a small world of fake tables, and where the real data lies when it is there."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("POLARS_MAX_THREADS", "2")
# `make test` inherits the Makefile's DAGSTER_HOME, which need not exist yet; tests must not write into it when it does.
os.environ.pop("DAGSTER_HOME", None)

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests say what they run on; a developer's own ZHOUBAO_* settings must not leak in."""
    for name in list(os.environ):
        if name.startswith("ZHOUBAO"):
            monkeypatch.delenv(name)
