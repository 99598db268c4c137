"""Dagster's colours equal the state of the lake: after runs of assets, runs of the driver, kills and a new DAGSTER_HOME."""

import dataclasses
import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.tags import TagType, get_tag_type
from dagster_shared.serdes import deserialize_value, serialize_value

import orchestration.assets
import orchestration.definitions
import orchestration.recorder
from orchestration.recorder import Recorder, run_recorded
from orchestration.run import build
from orchestration.runs import EXAMINED, HOST, LOCATION, PROCESS, close_dead_runs, run_tags
from orchestration.sync import synchronise
from resources.errors import NotReadyError
from resources.lease import LEASE, Holder
from resources.processes import identity
from resources.settings.calendar import CalendarSettings
from tests.conftest import ROOT
from tests.orchestration.shown import WORLD, colours, launch, of_lake, opened, stale
from tests.processes import ended_process
from tests.resources.fake_tables import FakeSettings
from tests.resources.small_market import DAYS, WEEKS, deliver

pytestmark = pytest.mark.usefixtures("fake_tables")


@dg.job
def NOTHING() -> None:
    """Stands for a run of another process."""


def gone_tags() -> dict[str, str]:
    """The tags of a run of a process of this machine that has ended."""
    return {**run_tags(), PROCESS: json.dumps(identity() | {"started": "1"})}


@pytest.fixture
def instance(tmp_path: Path) -> Any:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def test_a_range_with_a_refused_day_keeps_what_was_built_and_fails(market: Path, tmp_path: Path, instance) -> None:
    deliver(market, DAYS[5], {"600000.SH": 5000.0})
    builder = opened(market, tmp_path)
    result = launch(builder, instance, ["prices", "averages"], DAYS[0], DAYS[-1])
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure).step_failure_data.user_failure_data
    assert failure.description.startswith("4 partition(s) are refused or blocked; the others are built and kept.")
    assert f"prices of {DAYS[5]}: prices_are_sane" in failure.description
    found = colours(builder, instance)
    assert {own for own, colour in found.items() if colour == "red"} == {
        ("prices", str(DAYS[5])), *(("averages", str(day)) for day in DAYS[5:8])
    }  # fmt: skip
    assert {own: colour for own, colour in found.items() if own in of_lake(builder)} == of_lake(builder)
    # A corrected delivery turns them green.
    deliver(market, DAYS[5], {"600000.SH": 15.0})
    again = opened(market, tmp_path)
    assert launch(again, instance, ["prices", "averages"], DAYS[0], DAYS[-1]).success
    assert colours(again, instance) == of_lake(again)
    assert set(colours(again, instance).values()) == {"green"}


def test_each_partition_has_its_own_version_rows_and_checks(market: Path, tmp_path: Path, instance) -> None:
    deliver(market, DAYS[2], {"600000.SH": 12.0})
    builder = opened(market, tmp_path)
    assert launch(builder, instance, ["prices"], DAYS[0], DAYS[-1]).success
    records = instance.fetch_materializations(dg.AssetKey("prices"), limit=100).records
    assert len(records) == len(DAYS)
    for record in records:
        manifest = builder.lake.manifest(WORLD["prices"], dt.date.fromisoformat(record.partition_key))
        event = record.asset_materialization
        assert event.tags["dagster/data_version"] == manifest.content
        assert event.tags["dagster/code_version"] == manifest.code
        assert event.metadata["dagster/row_count"].value == manifest.rows
    assert {r.asset_materialization.metadata["dagster/row_count"].value for r in records} == {1, 2}
    shown = [record for record in records if "preview" in record.asset_materialization.metadata]
    assert [record.partition_key for record in shown] == [str(DAYS[-1])]
    history = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("prices"), "prices_are_sane"), limit=100
    )
    assert sorted(one.partition for one in history) == sorted(map(str, DAYS))
    assert {one.status.value for one in history} == {"SUCCEEDED"}


def test_partitions_that_a_report_does_not_need_fail_on_a_run_of_their_own(
    market: Path,
    tmp_path: Path,
    instance,
) -> None:
    builder = opened(market, tmp_path)
    asked = [*(("prices", day) for day in DAYS), ("totals", WEEKS[0])]
    build(builder, asked, instance=instance, say=lambda line: None)
    assert colours(builder, instance) == of_lake(builder)
    deliver(market, DAYS[-1], {"600000.SH": 5000.0})  # the first week does not read it
    builder = opened(market, tmp_path)
    build(builder, asked, instance=instance, say=lambda line: None)
    by_name = {run.job_name: run for run in reversed(instance.get_runs())}
    assert by_name["driver"].is_success
    assert by_name["refusals"].is_failure
    assert by_name["refusals"].tags["zhoubao/parent"] == by_name["driver"].run_id
    assert colours(builder, instance) == of_lake(builder)
    assert colours(builder, instance)["prices", str(DAYS[-1])] == "red"
    # The same refusal is no second failure, and a correction turns it green.
    runs = len(instance.get_runs())
    build(opened(market, tmp_path), asked, instance=instance, say=lambda line: None)
    assert [run.job_name for run in instance.get_runs()][: len(instance.get_runs()) - runs] == ["driver"]
    assert colours(builder, instance)["prices", str(DAYS[-1])] == "red"
    deliver(market, DAYS[-1], {"600000.SH": 24.0})
    build(opened(market, tmp_path), asked, instance=instance, say=lambda line: None)
    assert colours(builder, instance) == of_lake(builder)
    assert colours(builder, instance)["prices", str(DAYS[-1])] == "green"


def test_a_run_whose_target_cannot_be_built_fails(market: Path, tmp_path: Path, instance) -> None:
    deliver(market, DAYS[-1], {"600000.SH": 5000.0})
    builder = opened(market, tmp_path)
    with pytest.raises(NotReadyError):
        build(builder, [("totals", WEEKS[-1])], instance=instance, say=lambda line: None)
    assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
    found = colours(builder, instance)
    assert {own: colour for own, colour in found.items() if own in of_lake(builder)} == of_lake(builder)
    assert found["totals", str(WEEKS[-1])] == "red"
    assert ("totals", str(WEEKS[-1])) not in of_lake(builder)


def test_stale_is_what_reads_changed_content(market: Path, tmp_path: Path, instance) -> None:
    builder = opened(market, tmp_path)
    launch(builder, instance, ["prices", "averages"], DAYS[0], DAYS[-1])
    launch(builder, instance, ["totals"], WEEKS[0], WEEKS[-1])
    assert stale(builder, instance) == set()
    # The same content again makes no reader stale.
    builder.tables = WORLD
    assert launch(builder, instance, ["prices"], DAYS[0], DAYS[-1], force=True).success
    assert stale(builder, instance) == set()
    # Other content makes stale what reads it by Dagster's lineage, and nothing else.
    deliver(market, DAYS[6], {"600000.SH": 11.5, "000001.SZ": 19.5})
    builder = opened(market, tmp_path)
    launch(builder, instance, ["prices"], DAYS[6], DAYS[6])
    found = stale(builder, instance)
    assert ("averages", str(DAYS[6])) in found
    assert {name for name, _ in found} == {"averages"}
    launch(builder, instance, ["averages"], DAYS[0], DAYS[-1])
    assert {name for name, _ in stale(builder, instance)} == {"totals"}


def test_an_empty_home_learns_the_lake(market: Path, tmp_path: Path, instance) -> None:
    deliver(market, DAYS[5], {"600000.SH": 5000.0})
    builder = opened(market, tmp_path)
    for name in ("prices", "averages"):
        builder.build(WORLD[name], DAYS)
    assert colours(builder, instance) == {}
    counts = synchronise(builder, instance, say=lambda line: None)
    expected = of_lake(builder)
    assert counts["prices"] == len(DAYS)
    assert colours(builder, instance) == expected
    assert "red" in expected.values()
    synchronise(builder, instance, say=lambda line: None)
    assert colours(builder, instance) == expected
    empty = opened(market, tmp_path / "nowhere")
    with pytest.raises(NotReadyError, match="There is no lake at"):
        synchronise(empty, instance)


def test_each_asset_has_its_own_mappings_in_one_op() -> None:
    """Dagster stores the mappings under its own class, which the webserver reads."""
    settings = FakeSettings()
    object.__setattr__(settings, "calendar", CalendarSettings())
    graph = orchestration.definitions.build_defs(settings=settings).resolve_asset_graph()
    own, other = (
        graph.get_partition_mapping(dg.AssetKey(name), dg.AssetKey("prices")) for name in ("averages", "account")
    )
    stored = [deserialize_value(serialize_value(mapping), dg.TimeWindowPartitionMapping) for mapping in (own, other)]
    assert [mapping[:2] for mapping in stored] == [(-2, 0), (0, 0)]
    assert stored[0] != stored[1]
    assert own == other  # by which one op may have both


KILLED = """
import os, signal, sys, time
import dagster as dg
from orchestration.recorder import run_recorded
with dg.DagsterInstance.local_temp(sys.argv[1]) as instance:
    run_recorded(None, instance, {}, lambda recorder: (print("begun", flush=True), time.sleep(60)))
"""


def test_the_run_of_a_killed_process_is_closed_by_the_next_one(market: Path, tmp_path: Path, instance) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    assert close_dead_runs(instance) == []  # it still runs
    process.kill()
    process.wait()
    assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.STARTED]
    build(opened(market, tmp_path), [("totals", WEEKS[0])], instance=instance, say=lambda line: None)
    assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]


def test_a_run_has_the_identity_of_its_process_from_the_beginning(
    market: Path, tmp_path: Path, instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be killed before its first step marks it."""
    monkeypatch.setattr(orchestration.recorder, "mark_run", lambda instance, run_id: None)
    run_recorded(opened(market, tmp_path), instance, {"zhoubao/target": "a test"}, lambda recorder: None)
    (run,) = instance.get_runs()
    assert run_tags().items() <= run.tags.items()
    assert run.tags["zhoubao/target"] == "a test"


def test_the_run_of_a_process_that_was_killed_when_everything_was_built_is_closed(
    market: Path, tmp_path: Path, instance
) -> None:
    """The lease that it left says that it was killed, so that the next run is recorded although it has nothing to build."""
    target = [("totals", WEEKS[0])]
    builder = opened(market, tmp_path)
    build(builder, target, instance=instance, say=lambda line: None)
    gone = instance.create_run_for_job(NOTHING, tags=gone_tags(), status=dg.DagsterRunStatus.STARTED)
    holder = dataclasses.replace(Holder.of_this_process("run"), pid=ended_process())
    builder.lake.store.write_bytes(LEASE, holder.dumps())
    build(opened(market, tmp_path), target, instance=instance, say=lambda line: None)
    assert instance.get_run_by_id(gone.run_id).is_failure
    count = len(instance.get_runs())
    build(opened(market, tmp_path), target, instance=instance, say=lambda line: None)
    assert len(instance.get_runs()) == count  # no run is started without a reason


def test_what_a_killed_process_had_recorded_in_its_own_file_alone_turns_green(
    market: Path, tmp_path: Path, instance
) -> None:
    """On SQLite an event is written to the file of its run and then to that of all runs, which the UI shows."""
    builder = opened(market, tmp_path)
    prices = WORLD["prices"]
    assert launch(builder, instance, ["prices"], DAYS[0], DAYS[-1]).success  # green before, with the same content

    def built(recorder: Recorder) -> None:
        recorder.plan((prices, day) for day in DAYS)
        recorder.record(prices, builder.build(prices, DAYS[:6]))

    run_recorded(builder, instance, {}, built)
    dead = instance.get_runs()[0]
    table = SqlEventLogStorageTable
    materialized = dg.DagsterEventType.ASSET_MATERIALIZATION.value
    with instance.event_log_storage.index_connection() as connection:
        own = (table.c.run_id == dead.run_id) & (table.c.dagster_event_type == materialized)
        assert connection.execute(table.delete().where(own)).rowcount == 6
    instance.add_run_tags(dead.run_id, gone_tags() | {EXAMINED: "false"})
    instance.report_run_failed(dead, "killed")
    assert set(colours(builder, instance).values()) == {"red"}
    again = opened(market, tmp_path)
    build(again, [("totals", WEEKS[0])], instance=instance, say=lambda line: None)
    shown = colours(again, instance)
    assert {own: colour for own, colour in shown.items() if own in of_lake(again)} == of_lake(again)


@pytest.mark.parametrize("closed_by_dagster", [False, True])
def test_what_a_killed_process_had_built_and_not_recorded_turns_green(
    market: Path, tmp_path: Path, instance, closed_by_dagster: bool
) -> None:
    """It was killed between the write of a partition and its events. The next run does not build the partition again.

    Dagster itself closes a run whose process it has started, before any other run does.
    """
    builder = opened(market, tmp_path)
    prices = WORLD["prices"]

    def planned_only(recorder: Recorder) -> None:
        recorder.plan((prices, day) for day in DAYS)
        builder.build(prices, DAYS[:6])

    run_recorded(builder, instance, {}, planned_only)
    (dead,) = instance.get_runs()
    gone, elsewhere = (
        instance.create_run_for_job(
            NOTHING, tags={**gone_tags(), EXAMINED: "false", **more}, status=dg.DagsterRunStatus.STARTED
        )
        for more in ({}, {LOCATION: "star"})
    )
    for run in (gone, elsewhere):
        Recorder(builder, instance, run, "build").plan((prices, day) for day in DAYS)
        if closed_by_dagster:
            instance.report_run_failed(run)
    instance.delete_run(dead.run_id)
    # Of a day that was delivered again it had not yet replaced the old partition.
    deliver(market, DAYS[5], {"600000.SH": 17.0})
    build(opened(market, tmp_path), [("totals", WEEKS[0])], instance=instance, say=lambda line: None)
    found = colours(builder, instance)
    assert {key for (name, key), colour in found.items() if name == "prices" and colour == "green"} == set(
        map(str, DAYS[:5])
    )
    assert {key for (name, key), colour in found.items() if colour == "red"} == set(map(str, DAYS[5:]))
    assert instance.get_run_by_id(gone.run_id).tags[EXAMINED] == "true"
    assert instance.get_run_by_id(elsewhere.run_id).tags[EXAMINED] == "false"  # its own code location examines it


def test_a_run_of_another_host_or_of_a_living_process_is_not_closed(instance) -> None:
    own = run_tags()
    another = json.dumps(identity() | {"host": "elsewhere", "started": "1"})
    for tags in (own, {**own, HOST: "elsewhere"}, {**own, PROCESS: another}, {**own, PROCESS: "1"}):
        run = instance.create_run_for_job(NOTHING, tags=tags, status=dg.DagsterRunStatus.STARTED)
        assert close_dead_runs(instance) == []
        assert not instance.get_run_by_id(run.run_id).is_finished
    # The number of a process may be used again: the start time differs.
    reused = instance.create_run_for_job(NOTHING, tags=gone_tags(), status=dg.DagsterRunStatus.STARTED)
    assert close_dead_runs(instance) == [reused.run_id]


def test_a_run_that_ended_before_its_process_is_not_failed(instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was listed as under way, and reported its success before its process ended."""
    run = instance.create_run_for_job(NOTHING, tags=gone_tags(), status=dg.DagsterRunStatus.STARTED)
    success = dg.DagsterEvent(event_type_value="PIPELINE_SUCCESS", job_name="NOTHING")
    listed = instance.get_runs

    def late(*arguments: Any, **named: Any) -> Any:
        found = listed(*arguments, **named)
        instance.report_dagster_event(success, run.run_id)
        return found

    monkeypatch.setattr(instance, "get_runs", late)
    assert close_dead_runs(instance) == []
    assert instance.get_run_by_id(run.run_id).is_success


def test_the_list_of_runs_does_not_show_the_tags_of_processes(market: Path, tmp_path: Path, instance) -> None:
    build(opened(market, tmp_path), [("prices", DAYS[0])], instance=instance, say=lambda line: None)
    (run,) = instance.get_runs()
    assert {HOST, PROCESS, LOCATION, EXAMINED} <= set(run.tags)
    shown = {name for name in run.tags if get_tag_type(name) != TagType.HIDDEN}
    assert shown == {"zhoubao/target", "zhoubao/partition"}
