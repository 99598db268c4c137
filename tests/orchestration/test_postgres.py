"""Dagster's storage on Postgres, configured by deploy/dagster.postgres.yaml, shows what the one on SQLite shows."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from orchestration.event_log import kept_open
from orchestration.run import build
from orchestration.sync import synchronise
from tests.conftest import ROOT
from tests.orchestration.shown import WORLD, Colours, colours, launch, of_lake, opened, stale
from tests.postgres_server import PASSWORD, Server, needs_postgres, postgres_server
from tests.resources.small_market import DAYS, WEEKS, deliver

pytestmark = pytest.mark.usefixtures("fake_tables")
EXAMPLE = ROOT / "deploy" / "dagster.postgres.yaml"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server() as server:
        yield server


@pytest.fixture
def postgres(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """An empty instance with the example's configuration."""
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", server.url)
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(EXAMPLE.read_text())
    with dg.DagsterInstance.from_config(str(home)) as instance:
        instance.wipe()
        yield instance


def test_the_example_differs_from_the_projects_configuration_in_the_storage_alone() -> None:
    example, stock = (yaml.safe_load(path.read_text("utf-8")) for path in (EXAMPLE, ROOT / "dagster.yaml"))
    assert example.pop("storage") == {"postgres": {"postgres_url": {"env": "DAGSTER_POSTGRES_URL"}}}
    assert example == stock


def what_is_shown(
    builder: Any, instance: dg.DagsterInstance
) -> tuple[Colours, set[Any], dict[Any, Any], dict[Any, Any]]:
    """Colours, stale partitions, versions and rows of the last materializations, and the evaluations of checks."""
    versions, checks = {}, {}
    for name, table in WORLD.items():
        for record in instance.fetch_materializations(dg.AssetKey(name), limit=1000, ascending=True).records:
            event = record.asset_materialization
            versions[name, record.partition_key] = {
                key: value for key, value in event.tags.items() if "event_pointer" not in key
            } | {"rows": event.metadata["dagster/row_count"].value}
        for check in table.checks:
            for one in reversed(
                instance.event_log_storage.get_asset_check_execution_history(
                    dg.AssetCheckKey(dg.AssetKey(name), check.name), limit=1000
                )
            ):
                checks[name, check.name, one.partition] = one.status.value
    return colours(builder, instance), stale(builder, instance), versions, checks


@needs_postgres
@pytest.mark.slow
def test_a_build_is_shown_as_on_sqlite(market: Path, tmp_path: Path, postgres: dg.DagsterInstance) -> None:
    """A build of the driver, a run of assets with a refused day, a correction, and an empty home that learns the lake."""
    (tmp_path / "sqlite").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "sqlite")) as sqlite:
        shown = {}
        for name, instance in (("postgres", postgres), ("sqlite", sqlite)):
            steps = []
            deliver(market, DAYS[-1], {"600000.SH": 24.0})
            deliver(market, DAYS[5], {"600000.SH": 15.0})
            (tmp_path / name).mkdir(exist_ok=True)
            asked = [*(("prices", day) for day in DAYS), ("totals", WEEKS[0])]
            builder = opened(market, tmp_path / name)
            build(builder, asked, instance=instance, say=lambda line: None)
            steps.append(what_is_shown(builder, instance))
            assert colours(builder, instance) == of_lake(builder)
            deliver(market, DAYS[-1], {"600000.SH": 5000.0})
            builder = opened(market, tmp_path / name)
            assert not launch(builder, instance, ["prices", "averages"], DAYS[0], DAYS[-1]).success
            steps.append(what_is_shown(builder, instance))
            deliver(market, DAYS[-1], {"600000.SH": 24.0})
            builder = opened(market, tmp_path / name)
            build(builder, [*asked, ("totals", WEEKS[-1])], instance=instance, say=lambda line: None)
            steps.append(what_is_shown(builder, instance))
            assert colours(builder, instance) == of_lake(builder)
            instance.wipe()
            synchronise(builder, instance, say=lambda line: None)
            steps.append(what_is_shown(builder, instance))
            shown[name] = steps
    assert "red" in shown["postgres"][1][0].values()
    assert shown["postgres"][0][3]
    assert shown["postgres"] == shown["sqlite"]


@needs_postgres
@pytest.mark.slow
def test_a_build_survives_a_restart_of_the_database(
    market: Path,
    tmp_path: Path,
    server: Server,
    postgres: dg.DagsterInstance,
) -> None:
    with kept_open(postgres):
        build(opened(market, tmp_path), [("prices", DAYS[0])], instance=postgres, say=lambda line: None)
        server.stop()
        server.start()
        time.sleep(0.1)
        builder = opened(market, tmp_path)
        build(builder, [("prices", DAYS[1])], instance=postgres, say=lambda line: None)
    assert colours(builder, postgres) == of_lake(builder)


@needs_postgres
@pytest.mark.slow
def test_a_killed_run_is_closed_by_the_next_one(
    market: Path,
    tmp_path: Path,
    postgres: dg.DagsterInstance,
) -> None:
    lake = tmp_path / "lake"
    command = [sys.executable, "-m", "tests.orchestration.small_run", str(market), str(lake)]
    environment = os.environ | {"DAGSTER_HOME": str(tmp_path / "home")}
    with subprocess.Popen([*command, "0.5"], cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while not list(lake.glob("averages/*/manifest.json")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()
    assert [run.status for run in postgres.get_runs()] == [dg.DagsterRunStatus.STARTED]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    statuses = [run.status for run in postgres.get_runs()]
    assert statuses == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    # The second run records what the first had built and not yet recorded.
    builder = opened(market, tmp_path)
    assert colours(builder, postgres) == of_lake(builder)


@needs_postgres
@pytest.mark.slow
def test_the_password_is_in_no_reference_to_the_instance(postgres: dg.DagsterInstance) -> None:
    """Dagster passes the reference to its processes on the command line, and the UI shows the configuration."""
    from dagster_shared.serdes import serialize_value

    shown = serialize_value(postgres.get_ref()) + yaml.safe_dump(dict(postgres.info_dict()))
    assert "DAGSTER_POSTGRES_URL" in shown
    assert PASSWORD not in shown
