"""The present time of the calendar: the machine's, or a simulated one."""

import datetime as dt
import json
from pathlib import Path

import pytest

from resources.present import SIMULATED, present


def test_simulated_time_begins_with_each_pair_and_passes_with_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clock.json"
    path.write_text(json.dumps([[100.0, "2023-09-18T16:00:00+08:00"], [200.0, "2023-09-19T16:00:00+08:00"]]))
    monkeypatch.setenv(SIMULATED, str(path))
    assert present(99.0) == dt.datetime.fromtimestamp(99, dt.UTC)
    assert present(100.0) == dt.datetime(2023, 9, 18, 8, tzinfo=dt.UTC)
    assert present(130.0) == dt.datetime(2023, 9, 18, 8, 0, 30, tzinfo=dt.UTC)
    assert present(260.0) == dt.datetime(2023, 9, 19, 8, 1, tzinfo=dt.UTC)
    monkeypatch.delenv(SIMULATED)
    assert present(260.0) == dt.datetime.fromtimestamp(260, dt.UTC)
