"""Dagster's own event log reads what the driver's open event log wrote."""

from pathlib import Path

import dagster as dg

from orchestration.event_log import KeptOpenEventLog, kept_open


def test_the_stock_log_reads_what_was_written(tmp_path: Path) -> None:
    @dg.asset(
        partitions_def=dg.StaticPartitionsDefinition(["a", "b"]), check_specs=[dg.AssetCheckSpec("holds", asset="x")]
    )
    def x() -> dg.MaterializeResult:
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True, check_name="holds")])

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        with kept_open(instance):
            assert isinstance(instance.event_log_storage, KeptOpenEventLog)
            for key in ("a", "b"):
                assert dg.materialize([x], instance=instance, partition_key=key).success
        assert not isinstance(instance.event_log_storage, KeptOpenEventLog)
        records = instance.fetch_materializations(dg.AssetKey("x"), limit=10).records
        assert {record.partition_key for record in records} == {"a", "b"}
        for run in instance.get_runs():
            assert any(
                log.dagster_event and log.dagster_event.is_successful_output for log in instance.all_logs(run.run_id)
            )


def test_another_storage_is_not_changed() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        storage = instance.event_log_storage
        with kept_open(instance):
            assert instance.event_log_storage is storage
