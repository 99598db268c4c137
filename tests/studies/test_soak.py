"""The short soak, one week through the real webserver and daemon with a damaged delivery and a kill; and the parts of a soak."""

import datetime as dt
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from resources.present import SIMULATED, present
from studies.command import StudyError
from studies.soak import checks
from studies.soak.play import EVENING, Incident, Stage
from studies.soak.services import Service, Webhook
from tests.conftest import ROOT

DAY = dt.date(2023, 9, 20)


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


def test_a_service_that_ends_is_started_again_and_a_killed_one_takes_its_children_with_it(tmp_path: Path) -> None:
    script = "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"
    service = Service("sleeper", [sys.executable, "-c", script], tmp_path / "log", os.environ)
    try:
        deadline = time.monotonic() + 30
        while len(service.members()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not service.keep_running()
        children = service.members()
        service.kill()
        while set(service.members()) & set(children):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert service.keep_running()
        assert service.starts == 2
    finally:
        service.kill()


def stage(tmp_path: Path, **given: Any) -> Stage:
    """A stage without a platform."""
    running = Service("idle", ["sleep", "60"], tmp_path / "log", os.environ)
    parts = {"vendor": None, "disk": None, "webserver": running, "daemon": running, "database": None, "webhook": None}
    return Stage(clock=tmp_path / "clock.json", say=lambda line: None, **{**parts, **given})  # type: ignore[arg-type]


def test_the_stage_moves_the_simulated_time_and_gives_up_after_its_patience(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = stage(tmp_path, patience=0.0)
    try:
        one.set_time(DAY, EVENING)
        monkeypatch.setenv(SIMULATED, str(one.clock))
        shown = present(time.time()).astimezone(dt.timezone(dt.timedelta(hours=8)))
        assert (shown.date(), shown.hour, shown.minute) == (DAY, 23, 5)
        with pytest.raises(StudyError, match=r"still not: the sun. The last look failed: ZeroDivisionError"):
            one.wait("the sun", lambda: 1 // 0)
    finally:
        one.daemon.kill()


def test_an_alert_that_belongs_to_no_incident_fails_its_row(tmp_path: Path) -> None:
    hook = Webhook(tmp_path / "alerts.jsonl")
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    one = stage(tmp_path, webhook=hook, incidents=[Incident("late", "late_day", str(DAY))])
    try:
        for kind in ("late_day", "disk"):
            body = {"kind": kind, "title": f"{kind} {DAY}", "facts": {}}
            without_proxy.open(urllib.request.Request(hook.url, json.dumps(body).encode())).read()
        row = checks._no_other_alert(one)
        assert (row.holds, row.detail) == (False, f"disk {DAY}")
        del hook.alerts[-1]
        assert checks._no_other_alert(one).holds
        assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == 2
    finally:
        one.daemon.kill()
        hook.close()


def test_a_failed_run_without_an_alert_or_a_reason_fails_its_row() -> None:
    def run(alert: str) -> dg.DagsterRun:
        return dg.DagsterRun(job_name="daily_tables", tags={checks.ALERT: alert})

    refused = [{"facts": {"refused": [{"table": "tape_health", "partition": str(DAY), "check": "input_is_readable"}]}}]
    assert checks._every_failure_alerted([(run("sent"), "why")], []).holds
    assert not checks._every_failure_alerted([(run("none"), "why")], []).holds
    assert not checks._every_failure_alerted([(run("sent"), "")], []).holds
    assert checks._every_failure_alerted(
        [(run("none"), f"[tape_health/date={DAY}] input_is_readable failed: why")], refused
    ).holds
