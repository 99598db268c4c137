"""The driver through Dagster: ranges, weeks, verdicts as asset checks, and no run where nothing is stale."""

import datetime as dt
from pathlib import Path

import dagster as dg
import pytest

import orchestration.assets
import orchestration.definitions
from orchestration.run import build
from resources.errors import NotReadyError
from tests.resources.fake_tables import TABLES
from tests.resources.test_builder import DAYS, WEEKS, deliver, market, open_world  # noqa: F401


@pytest.fixture(autouse=True)
def _fake_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orchestration.definitions, "load_tables", lambda: TABLES)


def open_market(root: Path, lake: Path):
    builder = open_world(root, lake)
    calendar_settings = type("S", (), {"extra_holidays": ()})()
    object.__setattr__(builder.settings, "calendar", calendar_settings)
    return builder


def test_driver_builds_everything_then_runs_nothing(market: Path, tmp_path: Path) -> None:  # noqa: F811
    said: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance:
        build(open_market(market, tmp_path / "lake"), [("totals", WEEKS[-1])], instance=instance, say=said.append)
        runs = len(instance.get_runs())
        assert runs == 2  # one range of days, one of weeks
        assert any("100%" in line for line in said)
        again = build(
            open_market(market, tmp_path / "lake"), [("totals", WEEKS[-1])], instance=instance, say=said.append
        )
        assert not again.steps
        assert len(instance.get_runs()) == runs
        events = instance.fetch_materializations(dg.AssetKey("prices"), limit=100).records
        assert {record.partition_key for record in events} == {str(day) for day in DAYS}


def test_a_refused_partition_shows_as_a_failed_asset_check_and_stops_the_week(market: Path, tmp_path: Path) -> None:  # noqa: F811
    deliver(market, DAYS[1], {"600000.SH": 5000.0})
    with dg.DagsterInstance.ephemeral() as instance:
        builder = open_market(market, tmp_path / "lake")
        with pytest.raises(
            NotReadyError, match=r"(?s)totals of 2023-01-16 cannot be built.*prices/date=2023-01-04.*prices_are_sane"
        ):
            build(builder, [("totals", WEEKS[-1])], instance=instance, say=lambda line: None)
        key = dg.AssetCheckKey(dg.AssetKey("prices"), "prices_are_sane")
        record = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
        evaluation = record.event.dagster_event.event_specific_data
        assert not evaluation.passed
        assert str(DAYS[1]) in evaluation.metadata["failing partitions"].data
        assert builder.lake.manifest(TABLES["averages"], DAYS[8]) is not None


def test_one_asset_by_itself_on_a_refused_input_fails_with_the_reason(market: Path, tmp_path: Path) -> None:  # noqa: F811
    deliver(market, DAYS[1], {"600000.SH": 5000.0})
    builder = open_market(market, tmp_path / "lake")
    builder.build(TABLES["prices"], DAYS)
    platform = orchestration.assets.OpenPlatform(builder)
    defs = orchestration.definitions.build_defs(resource_overrides={"platform": platform}, settings=builder.settings)
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={dg.AssetKey("averages")})
    result = job.execute_in_process(partition_key=str(DAYS[1]), raise_on_error=False)
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "prices_are_sane" in failure.step_failure_data.user_failure_data.description
    assert job.execute_in_process(partition_key=str(DAYS[6])).success


def test_days_and_weeks_that_were_not_asked_for_are_left_alone(market: Path, tmp_path: Path) -> None:  # noqa: F811
    builder = open_market(market, tmp_path / "lake")
    with dg.DagsterInstance.ephemeral() as instance:
        build(builder, [("totals", WEEKS[0])], instance=instance, say=lambda line: None)
    assert builder.lake.keys(TABLES["totals"]) == [WEEKS[0]]
    assert max(builder.lake.keys(TABLES["prices"])) == dt.date(2023, 1, 6)
