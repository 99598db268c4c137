"""The whole chain on the tiny market: complete, the same day by day as at once, and started unattended."""

from pathlib import Path

from orchestration.prove import build_day_by_day, differences
from orchestration.tables import load_tables


def test_the_whole_chain_is_built(full, days) -> None:
    assert {name for name, _ in full} == set(load_tables())
    assert "not built" not in full.values()


def test_what_the_tiny_market_should_give_is_there(tiny_market: Path, world, days, full, work: Path) -> None:
    """A proof over empty tables proves nothing."""
    builder = world(tiny_market, work / "full")
    week = builder.calendar.week_of(days[-1])
    for name, table in builder.tables.items():
        key = days[-1] if table.partition == "day" else week
        assert builder.lake.manifest(table, key).rows > 0, f"{name} is empty at the end"
    unavailable = {
        name: builder.lake.manifest(t, week).unavailable for name, t in builder.tables.items() if t.partition == "week"
    }
    assert not any(unavailable.values()), unavailable


def test_backfill_equals_day_by_day(tiny_market: Path, world, days, full, work: Path) -> None:
    other = build_day_by_day(world(tiny_market, work / "by_day"), days[-1])
    assert other.keys() == full.keys()
    assert differences(full, other) == []


def test_the_unattended_job_builds_what_is_stale(tiny_market: Path, world, days, full, work: Path, monkeypatch) -> None:
    """`weekly_report`, as the sensor starts it: the driver inside a Dagster run, on that run's own instance."""
    import shutil

    import dagster as dg

    from orchestration.jobs import weekly_report

    lake = work / "job_lake"
    shutil.copytree(work / "full", lake)
    builder = world(tiny_market, lake)
    week = builder.calendar.week_of(days[-1])
    (lake / f"factors/date={days[-1]}" / "manifest.json").unlink()
    (lake / f"report/week={week}" / "manifest.json").unlink()
    for name, value in {"MARKET": tiny_market, "LAKE": lake, "SETTINGS": "tiny"}.items():
        monkeypatch.setenv(f"ZHOUBAO_{name}", str(value))
    (work / "dagster").mkdir()
    with dg.DagsterInstance.local_temp(str(work / "dagster")) as instance:
        result = weekly_report.execute_in_process(instance=instance)
        assert result.success
        assert result.output_for_node("build_report").endswith(f"report/week={week}/report.html")
        built = instance.fetch_materializations(dg.AssetKey("report"), limit=5).records
        assert [record.partition_key for record in built] == [str(week)]
    builder.lake.forget()
    assert builder.lake.manifest(builder.tables["report"], week).content == full["report", week]
