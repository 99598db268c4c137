"""The checks at the end of a soak, as rows of a table: what must hold, whether it does, and where it does not, what is found instead."""

import collections
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.alerts import ALERT
from orchestration.platform import ROOT, Names
from orchestration.runs import FAULT
from orchestration.triggers import STATE
from resources.lease import LEASE
from resources.store import SCRATCH, WORK
from studies.soak import record
from studies.soak.play import Incident, Stage
from studies.soak.services import ask

LISTED = 5


@dataclass(frozen=True)
class Row:
    """One line of the table. detail: what was found."""

    what: str
    holds: bool
    detail: str


def backfill(lake: Path) -> None:
    """Build the reports that the soak's lake has from the final landing zone with the driver, into a fresh lake. The newest comes first.

    Raises:
        CalledProcessError: the driver failed.
    """
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    builder = record.platform()
    for week in sorted(builder.lake.keys(builder.tables["report"]), reverse=True):
        command = [sys.executable, "-m", "orchestration.run", "--lake", str(lake), "--week", str(week)]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)


def check(stage: Stage, port: int, clean: Path) -> list[Row]:
    """All rows."""
    with record.instance() as found:
        failures = record.failures(found)
        rows = [
            *(_of_incident(one, stage, failures, found) for one in stage.incidents),
            _no_other_alert(stage),
            _every_failure_alerted(failures, stage.webhook.alerts),
            *_reports(stage, found),
            no_open_run(found),
            colours(found),
            _webserver(found, port),
        ]
    return [*rows, nothing_left(Path(Names.of().lake)), _equal(clean)]


def print_table(rows: list[Row]) -> None:
    """Print the rows, each with "holds" or "FAILS"."""
    width = max(len(row.what) for row in rows)
    for row in rows:
        print(f"{'holds' if row.holds else 'FAILS'}  {row.what:<{width}}  {row.detail}")


def _of_incident(
    one: Incident, stage: Stage, failures: list[tuple[dg.DagsterRun, str]], found: dg.DagsterInstance
) -> Row:
    lacks = []
    if one.alert and not any(_is_about(alert, one) for alert in stage.webhook.alerts):
        lacks.append(f"no alert {one.alert} about {one.about}")
    run = next((run for run, text in failures if _is_of(run, one) and any(part in text for part in one.run)), None)
    if one.run and run is None:
        lacks.append(f"no failed run whose failure names {one.run!r}")
    if one.tick and not any(one.tick[1] in reason for reason in record.skipped(found, one.tick[0])):
        lacks.append(f"no tick of {one.tick[0]} names {one.tick[1]}")
    if one.warning and not record.was_warned(found, *one.warning):
        lacks.append(f"no failed check {one.warning[1]} of {one.warning[0]} of {one.warning[2]}")
    seen = [f"alert {one.alert}"] if one.alert else []
    seen += [f"run {run.run_id[:8]}"] if run else []
    seen += [f"ticks of {one.tick[0]}"] if one.tick else []
    seen += [f"check {one.warning[1]}"] if one.warning else []
    return Row(one.what, not lacks, "; ".join(lacks) or ", ".join(seen))


def _is_about(alert: dict[str, object], one: Incident) -> bool:
    return alert["kind"] == one.alert and one.about in json.dumps(alert)


def _is_of(run: dg.DagsterRun, one: Incident) -> bool:
    """Whether a run is for the day or week that an incident is about."""
    return one.about in (run.tags.get("day"), run.tags.get("week"))


def _no_other_alert(stage: Stage) -> Row:
    others = [
        str(alert["title"])
        for alert in stage.webhook.alerts
        if not any(_is_about(alert, one) for one in stage.incidents)
    ]
    counts = collections.Counter(str(alert["kind"]) for alert in stage.webhook.alerts)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return Row("every alert belongs to an incident", not others, "; ".join(others[:LISTED]) or listed)


def _every_failure_alerted(failures: list[tuple[dg.DagsterRun, str]], alerts: list[dict[str, Any]]) -> Row:
    """A run that fails by a refused partition or a fault of the machine of which an alert was sent already sends none."""
    sent = [one for alert in alerts for one in alert["facts"].get("refused", ())]
    faults = {alert["facts"]["fault"] for alert in alerts if alert["facts"].get("fault")}
    silent = [
        f"{run.run_id[:8]} ({run.job_name})"
        for run, text in failures
        if run.tags.get(ALERT) != "sent"
        and run.tags.get(FAULT) not in faults
        and not any(all(str(one[key]) in text for key in ("table", "partition", "check")) for one in sent)
    ]
    unexplained = [f"{run.run_id[:8]} without a reason" for run, text in failures if not text]
    found = [*silent, *unexplained]
    return Row(
        "every failed run has its alert and its reason", not found, "; ".join(found) or f"{len(failures)} failed runs"
    )


def _reports(stage: Stage, found: dg.DagsterInstance) -> list[Row]:
    rows = []
    for week in stage.reported:
        runs = found.get_runs(dg.RunsFilter(job_name="weekly_report", tags={"week": str(week)}))
        successes = collections.Counter(run.tags.get(STATE, "") for run in runs if run.is_success)
        twice = [state for state, count in successes.items() if count > 1]
        detail = f"{len(successes)} states of the data, {len(runs)} runs" + (
            f"; twice: {', '.join(twice)}" if twice else ""
        )
        rows.append(
            Row(f"the report of {week} exists once per state of the data", bool(successes) and not twice, detail)
        )
    return rows


def no_open_run(found: dg.DagsterInstance) -> Row:
    """Whether every run that Dagster knows has ended."""
    runs = found.get_runs()
    still = [f"{run.run_id[:8]} is {run.status.value.lower()}" for run in runs if not run.is_finished]
    counts = collections.Counter(run.status.value.lower() for run in runs)
    listed = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    return Row("no run is left open", not still, "; ".join(still) or listed)


def colours(found: dg.DagsterInstance) -> Row:
    """Whether Dagster shows every partition as the lake of the environment holds it."""
    shown, right = record.colours(found), record.colours_of_lake(record.platform())
    wrong = sorted(own for own in shown.keys() | right.keys() if shown.get(own) != right.get(own))
    listed = [
        f"{table} of {key} is shown {shown.get((table, key))}, not {right.get((table, key))}" for table, key in wrong
    ]
    return Row("Dagster's colours equal the lake", not wrong, shortened(listed) or f"{len(right)} partitions")


def _webserver(found: dg.DagsterInstance, port: int) -> Row:
    data = ask(port, "{ runsOrError { ... on Runs { results { runId } } } }")
    shown = {one["runId"] for one in data["runsOrError"]["results"]} if data else set()
    recorded = {run.run_id for run in found.get_runs()}
    return Row("the webserver shows every run", shown == recorded, f"{len(shown)} of {len(recorded)} runs")


def nothing_left(lake: Path) -> Row:
    """Whether a lake holds neither a lease nor temporary files, nor folders of a process or a training that has ended."""
    left = [one for one in (lake / LEASE,) if one.exists()]
    left += [*(lake / SCRATCH).glob("*"), *(lake / WORK).glob("*/*"), *lake.rglob("*.tmp")]
    names = [str(one.relative_to(lake)) for one in left]
    return Row("no lease, temporary file, scratch or work folder is left", not names, shortened(names) or str(lake))


def _equal(clean: Path) -> Row:
    soaked, other = record.contents(Path(Names.of().lake)), record.contents(clean)
    differ = sorted(own for own in soaked.keys() | other.keys() if soaked.get(own) != other.get(own))
    listed = [
        f"{table} of {key} {'differs' if (table, key) in soaked and (table, key) in other else 'is in one lake only'}"
        for table, key in differ
    ]
    return Row(
        "every partition equals that of a clean backfill", not differ, shortened(listed) or f"{len(soaked)} partitions"
    )


def shortened(items: list[str]) -> str:
    """The first items in one line, with the number of the others."""
    more = [f"and {len(items) - LISTED} more"] if len(items) > LISTED else []
    return "; ".join([*items[:LISTED], *more])
