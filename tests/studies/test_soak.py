"""The short soak: one week through the real webserver and daemon, with a damaged delivery and a kill."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_a_week_with_a_damaged_delivery_and_a_kill_equals_a_clean_backfill(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "studies.soak", "--short", "--work", str(tmp_path / "soak")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "FAILS" not in done.stdout
    for row in (
        "kill -9 of the run of",
        "arrives cut off, and is replaced after",
        "every partition equals that of a clean backfill",
        "Dagster's colours equal the lake",
    ):
        assert row in done.stdout
