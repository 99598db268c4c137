"""The driver with Dagster: ranges, weeks, verdicts as asset checks, and no run where nothing is stale."""

import datetime as dt
import errno
from pathlib import Path

import dagster as dg
import pytest

import orchestration.assets
import orchestration.definitions
from orchestration.run import build
from resources.errors import InputError, LakeError, MachineError, NotReadyError
from resources.landing import LandingView
from tests.orchestration.shown import open_market
from tests.resources.fake_tables import TABLES
from tests.resources.small_market import DAYS, WEEKS, deliver

pytestmark = pytest.mark.usefixtures("fake_tables")


def test_driver_builds_everything_then_runs_nothing(market: Path, tmp_path: Path) -> None:
    messages: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance:
        build(open_market(market, tmp_path / "lake"), [("totals", WEEKS[-1])], instance=instance, say=messages.append)
        runs = len(instance.get_runs())
        assert runs == 1
        assert any("100%" in line for line in messages)
        again = build(
            open_market(market, tmp_path / "lake"), [("totals", WEEKS[-1])], instance=instance, say=messages.append
        )
        assert not again.steps
        assert len(instance.get_runs()) == runs
        events = instance.fetch_materializations(dg.AssetKey("prices"), limit=100).records
        assert {record.partition_key for record in events} == {str(day) for day in DAYS}


def test_a_refused_partition_shows_as_a_failed_asset_check_and_stops_the_week(market: Path, tmp_path: Path) -> None:
    deliver(market, DAYS[1], {"600000.SH": 5000.0})
    with dg.DagsterInstance.ephemeral() as instance:
        builder = open_market(market, tmp_path / "lake")
        with pytest.raises(
            NotReadyError, match=r"(?s)totals of 2023-01-16 cannot be built.*prices/date=2023-01-04.*prices_are_sane"
        ):
            build(builder, [("totals", WEEKS[-1])], instance=instance, say=lambda line: None)
        key = dg.AssetCheckKey(dg.AssetKey("prices"), "prices_are_sane")
        history = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
        evaluations = [record.event.dagster_event.event_specific_data for record in history]
        assert [one.partition for one in evaluations if not one.passed] == [str(DAYS[1])]
        assert {one.partition for one in evaluations} == set(map(str, DAYS))
        assert builder.lake.manifest(TABLES["averages"], DAYS[8]) is not None


def test_one_asset_by_itself_on_a_refused_input_fails_with_the_reason(market: Path, tmp_path: Path) -> None:
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


def test_days_and_weeks_that_were_not_requested_are_not_built(market: Path, tmp_path: Path) -> None:
    builder = open_market(market, tmp_path / "lake")
    with dg.DagsterInstance.ephemeral() as instance:
        build(builder, [("totals", WEEKS[0])], instance=instance, say=lambda line: None)
    assert builder.lake.keys(TABLES["totals"]) == [WEEKS[0]]
    assert max(builder.lake.keys(TABLES["prices"])) == dt.date(2023, 1, 6)


def silent(line: str) -> None:
    """Discards a progress line."""


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "Input/output error"), PermissionError("without an errno"), MemoryError()]
)
def test_a_fault_of_the_machine_ends_the_run_with_a_machine_error(
    market: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    builder = open_market(market, tmp_path / "lake")
    path = market / "bars" / f"{DAYS[4]:%Y%m%d}.parquet"
    real = Path.read_bytes

    def fail(self: Path) -> bytes:
        if self == path:
            raise error
        return real(self)

    with dg.DagsterInstance.ephemeral() as instance:
        with monkeypatch.context() as patched:
            patched.setattr(Path, "read_bytes", fail)
            with pytest.raises(MachineError, match=f"{path.name} cannot be read: {type(error).__name__}"):
                build(builder, [("totals", WEEKS[-1])], instance=instance, say=silent)
        assert builder.lake.keys(TABLES["prices"]) == DAYS[:4]
        assert builder.lake.keys(TABLES["totals"]) == []
        again = open_market(market, tmp_path / "lake")
        build(again, [("totals", WEEKS[-1])], instance=instance, say=silent)
        assert not build(open_market(market, tmp_path / "lake"), [("totals", WEEKS[-1])], instance=instance, say=silent)


def test_an_error_of_the_lake_keeps_its_type(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = open_market(market, tmp_path / "lake")
    real = builder.lake.store.write_bytes

    def full(name: str, data: bytes) -> None:
        if name.startswith("averages"):
            raise LakeError(f"{name} cannot be written: no space")
        real(name, data)

    monkeypatch.setattr(builder.lake.store, "write_bytes", full)
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(LakeError, match=r"averages/.* no space"):
        build(builder, [("totals", WEEKS[-1])], instance=instance, say=silent)


def test_a_refusal_is_tried_once_in_each_run(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(market, DAYS[1], {"600000.SH": -1.0})
    asked: list[dt.date] = []
    real = LandingView.bars

    def counted(view: LandingView):
        asked.append(view.date)
        return real(view)

    monkeypatch.setattr(LandingView, "bars", counted)
    with dg.DagsterInstance.ephemeral() as instance:
        for tries in (1, 2, 3):
            with pytest.raises(NotReadyError, match=r"a gate refused 1 partition.*\n.*negative close"):
                build(open_market(market, tmp_path / "lake"), [("totals", WEEKS[-1])], instance=instance, say=silent)
            assert asked.count(DAYS[1]) == tries
            assert len(asked) == len(DAYS) - 1 + tries  # nothing else is read a second time


def test_a_run_continues_to_its_target_when_a_refusal_no_longer_holds(
    market: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one run, a partition that was refused before is built, and then everything that is made from it."""

    def refuse(view: LandingView) -> None:
        raise InputError("it could not be opened")

    with dg.DagsterInstance.ephemeral() as instance:
        with monkeypatch.context() as patched:
            patched.setattr(LandingView, "bars", refuse)
            with pytest.raises(NotReadyError, match="could not be opened"):
                build(open_market(market, tmp_path / "lake"), [("totals", WEEKS[-1])], instance=instance, say=silent)
        done = build(open_market(market, tmp_path / "lake"), [("totals", WEEKS[-1])], instance=instance, say=silent)
        assert {step.table.name for step in done.steps} == set(TABLES)
        assert len(done.steps) == len({(step.table.name, step.key) for step in done.steps})
        build(open_market(market, tmp_path / "fresh"), [("totals", WEEKS[-1])], instance=instance, say=silent)
    kept, fresh = open_market(market, tmp_path / "lake").lake, open_market(market, tmp_path / "fresh").lake
    assert kept.manifest(TABLES["totals"], WEEKS[-1]).content == fresh.manifest(TABLES["totals"], WEEKS[-1]).content


def test_data_that_is_still_arriving_is_reported_and_built_by_the_next_run(
    market: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = LandingView.bars

    def arriving(view: LandingView):
        frame = real(view)
        if view.date == DAYS[4]:
            deliver(market, DAYS[4], {"600000.SH": 14.0})
        return frame

    with dg.DagsterInstance.ephemeral() as instance:
        with monkeypatch.context() as patched:
            patched.setattr(LandingView, "bars", arriving)
            with pytest.raises(NotReadyError, match=f"prices of {DAYS[4]} is still arriving"):
                build(open_market(market, tmp_path / "lake"), [("totals", WEEKS[-1])], instance=instance, say=silent)
        build(open_market(market, tmp_path / "lake"), [("totals", WEEKS[-1])], instance=instance, say=silent)


def test_force_builds_the_named_partition_and_no_other(market: Path, tmp_path: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        build(open_market(market, tmp_path / "lake"), [("totals", WEEKS[-1])], instance=instance, say=silent)
        builder = open_market(market, tmp_path / "lake")
        builder.forced.add(("averages", DAYS[5]))
        done = build(builder, [("averages", DAYS[5])], instance=instance, say=silent)
        assert [(step.table.name, step.key) for step in done.steps] == [("averages", DAYS[5])]
        assert builder.tried == {("averages", DAYS[5])}
