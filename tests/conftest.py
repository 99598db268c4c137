"""Fixtures shared by all tests: a small world of fake tables, and where the real data lies when it is there."""

import os
import time
from pathlib import Path

import hypothesis
import pytest

# Every worker has a core of its own. On tables of a few rows, threads wait for each other most of the time.
for _name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
# `make test` inherits the Makefile's DAGSTER_HOME, which need not exist yet; tests must not write into it when it does.
os.environ.pop("DAGSTER_HOME", None)

TESTS_UNTIL = "TESTS_UNTIL"
ROOT = Path(__file__).resolve().parent.parent
# Tests kill processes, but never the machine: its page cache holds what they wrote.
os.fsync = lambda descriptor: None

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "untimed",
    parent=hypothesis.settings.get_profile(hypothesis.settings.get_current_profile_name()),  # "ci" where CI is set
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the whole chain come first, then those of kernels. The studies, which take longest, come last.

    A worker begins with its part of the list, so that one worker compiles the kernels, and the others, which come to those tests last,
    read them from numba's cache.
    """
    kernels = (
        "bars",
        "delivered_bars",
        "factors",
        "features",
        "models",
        "real_data",
        "sample_market",
        "tape_health",
        "ticks",
    )

    def order(item: pytest.Item) -> tuple[bool, bool, bool]:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        return "full_lake" not in getattr(item, "fixturenames", ()), folder == "studies", folder not in kernels

    items.sort(key=order)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip slow tests after the time that TESTS_UNTIL names, in seconds since 1970, so that CI reaches a verdict on slow machines too."""
    until = os.environ.get(TESTS_UNTIL)
    if until and item.get_closest_marker("slow") and time.time() > float(until):
        pytest.skip("the time for slow tests is over; `make test-all` runs them")


REAL_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests say what they run on; a developer's own ZHOUBAO_* settings must not leak in."""
    for name in list(os.environ):
        if name.startswith("ZHOUBAO"):
            monkeypatch.delenv(name)


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """The small market, which a test may change."""
    from tests.resources.small_market import deliver_market

    return deliver_market(tmp_path / "market")
