"""The builder: stale partitions and their reasons, the gate, atomic writes and reasons for n/a."""

import dataclasses
import datetime as dt
import json
import os
import re
import socket
import types
from pathlib import Path

import polars as pl
import pytest

from orchestration.plan import make_plan
from resources.builder import Builder
from resources.code_digest import definitions
from resources.errors import InputError, NotReadyError
from resources.gate import Between
from resources.lake import Lake
from resources.landing import LandingZone
from resources.made import Made
from resources.partition import Frames, Partition, UndeclaredError
from resources.reasons import as_reason
from resources.settings.landing import LandingSettings
from resources.settings.rulebook import RulebookSettings
from resources.stale import INPUT_CHANGED
from resources.table import Land, Read, Table, week_days
from tests.processes import ended_process
from tests.resources import fake_tables
from tests.resources.fake_tables import ACCOUNT, AVERAGES, PRICES, TABLES, TOTALS, AverageSettings, FakeSettings
from tests.resources.small_market import CALENDAR, DAYS, WEEKS, build_all, deliver, open_world


def test_everything_is_built_once_and_then_nothing_is_stale(market: Path, tmp_path: Path) -> None:
    builder = open_world(market, tmp_path / "lake")
    planned = build_all(builder)
    assert {name for name, _, _ in planned} == set(TABLES)
    assert all(reason == "not built" for _, _, reason in planned)
    assert not make_plan(open_world(market, tmp_path / "lake"), [("totals", WEEKS[-1])]).steps


def test_values_are_those_of_a_plain_computation(market: Path, tmp_path: Path) -> None:
    builder = open_world(market, tmp_path / "lake")
    build_all(builder)
    a = [10.0 + n for n in range(len(DAYS))]
    b = [20.0 - n / 4 for n in range(len(DAYS))]
    means = [sum(x[max(0, n - 2) : n + 1]) / len(x[max(0, n - 2) : n + 1]) for n in range(len(DAYS)) for x in (a, b)]
    assert builder.lake.read(TOTALS, [WEEKS[-1]]).collect()["total"].item() == pytest.approx(sum(means), rel=1e-12)


def test_backfill_equals_day_by_day(market: Path, tmp_path: Path) -> None:
    at_once, by_day = open_world(market, tmp_path / "a"), open_world(market, tmp_path / "b")
    build_all(at_once)
    for day in DAYS:
        for table in (PRICES, AVERAGES):
            by_day.build(table, [day])
    for week in WEEKS:
        by_day.build(TOTALS, [week])
    for table, keys in ((PRICES, DAYS), (AVERAGES, DAYS), (TOTALS, WEEKS)):
        for key in keys:
            assert at_once.lake.manifest(table, key).content == by_day.lake.manifest(table, key).content


def test_a_restated_day_makes_only_downstream_partitions_stale(market: Path, tmp_path: Path) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    day = DAYS[6]
    deliver(market, day, {"600000.SH": 11.5, "000001.SZ": 19.5})
    planned = build_all(open_world(market, tmp_path / "lake"))
    assert ("prices", day, "landing zone changed (bars)") in planned
    assert {(n, k) for n, k, _ in planned if n != "totals"} == {
        ("prices", day), ("averages", day), ("averages", DAYS[7]), ("averages", DAYS[8]),
    }  # fmt: skip
    assert [k for n, k, _ in planned if n == "totals"] == [w for w in WEEKS if w >= CALENDAR.week_of(day)]


def test_same_content_stops_the_rebuild_early(market: Path, tmp_path: Path) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    path = market / "bars" / f"{DAYS[6]:%Y%m%d}.parquet"
    pl.read_parquet(path).with_columns(extra=pl.lit(1)).write_parquet(path)  # other bytes, same closes
    builder = open_world(market, tmp_path / "lake")
    versions = {day: builder.lake.manifest(AVERAGES, day).version for day in DAYS}
    build_all(builder)
    assert {day: builder.lake.manifest(AVERAGES, day).version for day in DAYS} == versions


def test_a_changed_setting_makes_only_its_own_section_stale(market: Path, tmp_path: Path) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    builder = open_world(market, tmp_path / "lake", FakeSettings(average=AverageSettings(window=2)))
    reasons = {(name, reason) for name, _, reason in build_all(builder)}
    assert ("averages", "settings changed (average)") in reasons
    assert "prices" not in {name for name, _ in reasons}


def test_another_declaration_is_named_as_the_reason(market: Path, tmp_path: Path) -> None:
    def reasons(bars: dict[str, str]) -> set[str]:
        builder = open_world(market, tmp_path / "lake")
        builder.zone = LandingZone(market, builder.lake.store, LandingSettings.model_validate({"bars": bars}))
        return {reason for name, _, reason in build_all(builder) if name == "prices"}

    assert reasons({}) == {"not built"}
    assert reasons({"volume_unit": "lots"}) == {"declaration changed (landing.bars.volume_unit)"}
    assert reasons({"volume_unit": "lots"}) == set()
    deliver(market, DAYS[3], {"600000.SH": 11.0})
    assert reasons({"volume_unit": "lots"}) == {"landing zone changed (bars)"}
    assert reasons({"amount_unit": "thousand_yuan"}) == {
        "declaration changed (landing.bars.volume_unit, landing.bars.amount_unit)"
    }
    # A partition that was refused holds its declaration too.
    deliver(market, DAYS[3], {"600000.SH": -1.0})
    assert reasons({"amount_unit": "thousand_yuan"}) == {"landing zone changed (bars)"}
    assert reasons({}) == {"declaration changed (landing.bars.amount_unit)"}


def test_the_reason_names_the_changed_sections_of_several(market: Path, tmp_path: Path) -> None:
    class Twice(FakeSettings):
        other: AverageSettings = AverageSettings()

    tables = {"prices": PRICES, "averages": dataclasses.replace(AVERAGES, settings=("average", "other"))}
    tables["averages"] = dataclasses.replace(tables["averages"], make=f"{__name__}:make_nothing")

    def reason(settings: Twice) -> str:
        builder = open_world(market, tmp_path / "lake", settings)
        builder.tables = tables
        builder.build(PRICES, DAYS[:1])
        found = builder.stale(tables["averages"], DAYS[0])
        builder.build(tables["averages"], DAYS[:1])
        return "" if found is None else str(found)

    assert reason(Twice()) == "not built"
    assert reason(Twice()) == ""
    assert reason(Twice(other=AverageSettings(window=2))) == "settings changed (other)"
    assert reason(Twice(average=AverageSettings(window=2))) == "settings changed (average, other)"


def make_nothing(frames: Frames, partition: Partition, settings: dict) -> Made:
    return Made(pl.DataFrame(schema=AVERAGES.schema))


def test_a_failing_gate_stops_only_what_is_downstream_of_its_partition(market: Path, tmp_path: Path) -> None:
    deliver(market, DAYS[4], {"600000.SH": 5000.0, "000001.SZ": 20.0})
    builder = open_world(market, tmp_path / "lake")
    outcomes = {o.key: o.state for o in builder.build(PRICES, DAYS)}
    assert [day for day, state in outcomes.items() if state == "refused"] == [DAYS[4]]
    averages = {o.key: o for o in builder.build(AVERAGES, DAYS)}
    assert [day for day, o in averages.items() if o.state == "blocked"] == DAYS[4:7]
    for part in ("prices", str(DAYS[4]), "prices_are_sane", "600000.SH", "deliver the bars again"):
        assert part in str(averages[DAYS[4]].detail)
    # Also when downstream is run later, by itself, by another process:
    later = open_world(market, tmp_path / "lake")
    assert later.build(AVERAGES, [DAYS[5]])[0].state == "blocked"
    assert later.build(AVERAGES, [DAYS[7]])[0].state == "unchanged"


def test_partitions_built_from_an_earlier_good_delivery_are_refused_too(market: Path, tmp_path: Path) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    deliver(market, DAYS[4], {"600000.SH": 5000.0, "000001.SZ": 20.0})
    builder = open_world(market, tmp_path / "lake")
    (outcome,) = builder.build(PRICES, [DAYS[4]])
    assert outcome.state == "refused"
    failed = r"close must be between 0 and 1000; not so in 1 of 2 rows: .* Remedy: deliver the bars again"
    assert re.search(f"prices_are_sane.*: {failed}", str(outcome.detail))
    with pytest.raises(NotReadyError, match=f"prices_are_sane failed: {failed}"):
        builder.lake.read(AVERAGES, [DAYS[5]])
    assert builder.lake.read(AVERAGES, [DAYS[7]]).collect().height == 2


def test_nothing_is_made_from_an_input_that_could_not_be_renewed(market: Path, tmp_path: Path) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    unusable = FakeSettings(average=AverageSettings(window=0))
    assert open_world(market, tmp_path / "lake", unusable).build(AVERAGES, [DAYS[5]])[0].state == "blocked"
    week = CALENDAR.week_of(DAYS[5])
    later = open_world(market, tmp_path / "lake", unusable)  # another process, which knows of no failure
    (outcome,) = later.build(TOTALS, [week], force=True)
    assert outcome.state == "blocked"
    for part in (f"averages of {DAYS[5]}", "could not", "Choose a window", "earlier state"):
        assert part in str(outcome.detail)
    assert later.lake.read(AVERAGES, [DAYS[6]]).collect().height == 2
    back = open_world(market, tmp_path / "lake")
    assert ("averages", DAYS[5], "could not be renewed before") in build_all(back)
    assert not make_plan(back, [("totals", WEEKS[-1])]).steps


def test_settings_that_only_affect_execution_make_nothing_stale(market: Path, tmp_path: Path) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    assert not build_all(open_world(market, tmp_path / "lake", FakeSettings(average=AverageSettings(workers=7))))


def test_a_damaged_input_is_not_reported_as_a_fault_of_the_delivery(market: Path, tmp_path: Path) -> None:
    builder = open_world(market, tmp_path / "lake")
    build_all(builder)
    strict = dataclasses.replace(TOTALS, make="tests.resources.fake_tables:make_totals_of_known")
    before = builder.lake.read(TOTALS, [WEEKS[0]]).collect()
    part = tmp_path / "lake" / Lake.folder(AVERAGES, DAYS[0]) / "part.parquet"
    pl.read_parquet(part).with_columns(mean=pl.lit(None, pl.Float64)).write_parquet(part)
    builder.tables = {**TABLES, "totals": strict}
    (outcome,) = builder.build(strict, [WEEKS[0]], force=True)
    assert outcome.state == "blocked"
    assert f"averages of {DAYS[0]}, which is damaged" in str(outcome.detail)
    builder.build(AVERAGES, [DAYS[0]])
    assert builder.build(strict, [WEEKS[0]])[0].state == "built"
    assert builder.lake.read(TOTALS, [WEEKS[0]]).collect().equals(before)


def test_an_unreadable_input_is_refused_and_the_other_days_are_built(market: Path, tmp_path: Path) -> None:
    deliver(market, DAYS[2], {"600000.SH": -1.0})
    builder = open_world(market, tmp_path / "lake")
    outcomes = {o.key: o for o in builder.build(PRICES, DAYS)}
    assert outcomes[DAYS[2]].state == "refused"
    assert "negative close" in str(outcomes[DAYS[2]].detail)
    assert all(o.state == "built" for day, o in outcomes.items() if day != DAYS[2])
    plan = make_plan(builder, [("totals", WEEKS[-1])])
    assert ("totals", WEEKS[0]) in {(s.table.name, s.key) for s in plan.blocked}


def test_a_corrected_delivery_is_built_again(market: Path, tmp_path: Path) -> None:
    deliver(market, DAYS[4], {"600000.SH": 5000.0, "000001.SZ": 20.0})
    build_all(open_world(market, tmp_path / "lake"))
    deliver(market, DAYS[4], {"600000.SH": 14.0, "000001.SZ": 19.0})
    mended = open_world(market, tmp_path / "lake")
    build_all(mended)
    fresh = open_world(market, tmp_path / "fresh")
    build_all(fresh)
    assert mended.lake.manifest(TOTALS, WEEKS[-1]).content == fresh.lake.manifest(TOTALS, WEEKS[-1]).content


def test_a_missing_day_is_empty_and_its_reason_reaches_downstream_tables(market: Path, tmp_path: Path) -> None:
    for day in DAYS[3:6]:
        (market / "bars" / f"{day:%Y%m%d}.parquet").unlink()
    builder = open_world(market, tmp_path / "lake")
    build_all(builder)
    assert builder.lake.manifest(PRICES, DAYS[3]).unavailable == {"close": as_reason(f"no bars of {DAYS[3]}")}
    assert builder.lake.manifest(AVERAGES, DAYS[4]).unavailable == {}  # a delivered day is still inside the window
    assert builder.lake.manifest(AVERAGES, DAYS[5]).unavailable == {"mean": as_reason(f"no bars of {DAYS[5]}")}


def test_an_unbuilt_input_names_the_command(market: Path, tmp_path: Path) -> None:
    builder = open_world(market, tmp_path / "lake")
    outcome = builder.build(AVERAGES, [DAYS[5]])[0]
    assert outcome.state == "blocked"
    assert "python -m orchestration.run --table averages --date 2023-01-10" in str(outcome.detail)


@pytest.mark.parametrize("failing_write", [0, 1, 2])
def test_a_full_disk_leaves_no_partial_partition(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing_write: int
) -> None:
    builder = open_world(market, tmp_path / "lake")
    builder.build(PRICES, DAYS[:3])
    before = builder.lake.read(PRICES, DAYS[:1]).collect()
    deliver(market, DAYS[0], {"600000.SH": 99.0})
    real, writes = builder.lake.store.write_bytes, []

    def write(name: str, data: bytes) -> None:
        if name.startswith("prices"):
            writes.append(name)
            if len(writes) > failing_write:
                raise OSError(28, "No space left on device")
        real(name, data)

    monkeypatch.setattr(builder.lake.store, "write_bytes", write)
    fresh = LandingZone(market, builder.lake.store)
    builder.zone = fresh
    if failing_write < 2:
        with pytest.raises(OSError, match="No space left"):
            builder.build(PRICES, [DAYS[0]])
    else:
        builder.build(PRICES, [DAYS[0]])
    seen = Lake(str(tmp_path / "lake"))
    manifest = seen.manifest(PRICES, DAYS[0])
    if failing_write < 2:
        assert manifest is None  # gone, and to be built again: never a mixture of old and new
        assert not list((tmp_path / "lake" / "prices").rglob("*.tmp"))
    else:
        assert seen.read(PRICES, [DAYS[0]]).collect().height != before.height
    assert seen.read(PRICES, [DAYS[1]]).collect().height == 2


def test_data_of_a_day_without_trading_is_an_error(market: Path, tmp_path: Path) -> None:
    deliver(market, dt.date(2023, 1, 7), {"600000.SH": 1.0})
    with pytest.raises(InputError, match=r"2023-01-07, a Saturday that is no trading day"):
        make_plan(open_world(market, tmp_path / "lake"), [("totals", WEEKS[-1])])


def test_a_missing_landing_zone_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no landing zone at .*nowhere.*sample_market"):
        LandingZone(tmp_path / "nowhere")


def test_undeclared_parts_of_the_landing_zone_are_not_available(market: Path, tmp_path: Path) -> None:
    builder = open_world(market, tmp_path / "lake")
    with pytest.raises(KeyError, match="does not declare"):
        builder.zone.view(DAYS[0], PRICES.lands).reference("daily_prices")


def test_columns_that_differ_from_the_schema_are_an_error_in_the_code(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = open_world(market, tmp_path / "lake")
    monkeypatch.setattr(
        fake_tables, "make_prices", lambda frames, partition, settings: Made(pl.DataFrame({"date": [partition.date]}))
    )
    with pytest.raises(ValueError, match=r"missing .*'close'"):
        builder.build(PRICES, [DAYS[0]])


def test_only_a_table_that_reads_itself_has_earlier_rows(market: Path, tmp_path: Path) -> None:
    builder = open_world(market, tmp_path / "lake")
    build_all(builder)
    alone = dataclasses.replace(TOTALS, reads=tuple(read for read in TOTALS.reads if read.table != "totals"))
    builder.tables = {**TABLES, "totals": alone}
    with pytest.raises(
        UndeclaredError, match=r"totals does not read 'totals'; it reads averages\. Add Read\('totals'\)"
    ):
        builder.build(alone, [WEEKS[0]], force=True)


def make_bare(frames: Frames, partition: Partition, settings: None) -> pl.DataFrame:
    return pl.DataFrame(schema=PRICES.schema)


def test_a_function_that_does_not_return_made_is_an_error_in_the_code(market: Path, tmp_path: Path) -> None:
    bare = dataclasses.replace(PRICES, make=f"{__name__}:make_bare")
    with pytest.raises(TypeError, match=r"make_bare returned DataFrame\. It must return Made\(frame\)"):
        open_world(market, tmp_path / "lake").build(bare, [DAYS[0]])


UNDECLARED = {
    "frames": lambda frames, partition: frames["totals"],
    "unavailable": lambda frames, partition: partition.unavailable.get("totals", {}),
    "files": lambda frames, partition: partition.files("prices", partition.date - dt.timedelta(days=90), "x"),
    "week": lambda frames, partition: partition.week,
    "landing": lambda frames, partition: partition.landing,
    "rules": lambda frames, partition: partition.rules,
    "start": lambda frames, partition: partition.start,
    "record": lambda frames, partition: partition.record,
}


@pytest.mark.parametrize("what", UNDECLARED)
def test_a_function_cannot_access_what_its_table_does_not_declare(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    builder = open_world(market, tmp_path / "lake")
    builder.build(PRICES, DAYS[:1])

    def reach(frames: Frames, partition: Partition, settings: AverageSettings) -> Made:
        UNDECLARED[what](frames, partition)
        return Made(pl.DataFrame(schema=AVERAGES.schema))

    monkeypatch.setattr(fake_tables, "make_averages", reach)
    with pytest.raises(UndeclaredError, match=r"averages|prices"):
        builder.build(AVERAGES, DAYS[:1])


def test_a_function_can_access_what_its_table_declares(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value is made once, and a folder only where it is used."""
    builder = open_world(market, tmp_path / "lake", FakeSettings())
    builder.settings = types.SimpleNamespace(average=AverageSettings(), rulebook=RulebookSettings())
    build_all(builder)
    seen: list[Partition] = []

    def look(frames: Frames, partition: Partition, settings: AverageSettings) -> Made:
        assert sorted(frames) == ["averages", "prices"]
        assert sorted(partition.unavailable) == ["averages", "prices"]
        assert (partition.table, partition.date, partition.week) == ("all", CALENDAR.signal_day(WEEKS[0]), WEEKS[0])
        assert partition.start == DAYS[0]
        assert partition.calendar is builder.calendar
        assert partition.rules.rows("fees")
        assert partition.landing is partition.landing
        assert partition.landing.date == partition.date
        assert partition.mergers == ()
        assert set(partition.record.verdicts["table"]) == {"prices"}
        assert partition.record.settings == {}
        with pytest.raises(KeyError, match="boards"):
            partition.rules.rows("boards")
        if seen:
            partition.scratch.joinpath("x").touch()
            partition.work.joinpath("x").touch()
        seen.append(partition)
        return Made(pl.DataFrame(schema=TOTALS.schema))

    every = dataclasses.replace(
        TOTALS, name="all", lands=(Land("bars"),), rules=("fees",), settings="average", reads_start=True, reads_record=True,
        reads=(Read("prices", over=week_days()), Read("averages", over=week_days())),
    )  # fmt: skip
    builder.tables = {**builder.tables, "all": every}
    monkeypatch.setattr(fake_tables, "make_totals", look)
    for count in (1, 2):
        (outcome,) = builder.build(every, [WEEKS[0]], force=True)
        assert outcome.state == "built"
        assert len(seen) == count
        assert ("work" in vars(seen[-1])) == ("scratch" in vars(seen[-1])) == (count == 2)


def test_a_part_written_as_a_file_is_moved_and_its_scratch_folder_removed(market: Path, tmp_path: Path) -> None:
    as_file = dataclasses.replace(PRICES, make="tests.resources.fake_tables:make_prices_as_file")
    builder = open_world(market, tmp_path / "lake")
    builder.tables = {**TABLES, "prices": as_file}
    assert {outcome.state for outcome in builder.build(as_file, DAYS)} == {"built"}
    assert list((tmp_path / "lake" / "_scratch").iterdir()) == []
    whole = open_world(market, tmp_path / "whole")
    whole.build(PRICES, DAYS)
    for day in DAYS:
        assert builder.lake.read(as_file, [day]).collect().equals(whole.lake.read(PRICES, [day]).collect())
        assert builder.lake.manifest(as_file, day).rows == whole.lake.manifest(PRICES, day).rows == 2
    assert builder.lake.verify([builder.lake.folder(as_file, day) for day in DAYS]) == []
    part = tmp_path / "lake" / builder.lake.folder(as_file, DAYS[0]) / "part.parquet"
    pl.read_parquet(part).with_columns(close=pl.col("close") + 1).write_parquet(part)
    assert builder.lake.verify([builder.lake.folder(as_file, DAYS[0])]) == [builder.lake.folder(as_file, DAYS[0])]


def test_a_file_of_another_schema_is_an_error_in_the_code(market: Path, tmp_path: Path) -> None:
    wrong = dataclasses.replace(
        PRICES, make="tests.resources.fake_tables:make_prices_as_file", schema={**PRICES.schema, "more": pl.Int64}
    )
    with pytest.raises(ValueError, match="make_prices_as_file wrote"):
        open_world(market, tmp_path / "lake").build(wrong, DAYS[:1])
    assert list((tmp_path / "lake" / "_scratch").iterdir()) == []


def test_a_side_file_that_differs_from_the_manifest_is_not_read(market: Path, tmp_path: Path) -> None:
    beside = dataclasses.replace(PRICES, make="tests.resources.fake_tables:make_prices_with_a_file")
    builder = open_world(market, tmp_path / "lake")
    builder.build(beside, DAYS[:1])
    assert builder.lake.read_file(beside, DAYS[0], "features.json") == b'{"features": ["a", "b"]}'
    (tmp_path / "lake" / Lake.folder(beside, DAYS[0]) / "features.json").write_bytes(b'{"features": ["b", "a"]}')
    with pytest.raises(NotReadyError, match=r"damaged: its files differ.*Build it again"):
        builder.lake.read_file(beside, DAYS[0], "features.json")


def test_the_work_folder_outlives_a_kill_until_the_partition_is_written(market: Path, tmp_path: Path) -> None:
    long = dataclasses.replace(PRICES, make="tests.resources.fake_tables:make_prices_in_two_attempts")

    def build() -> list[str]:
        builder = open_world(market, tmp_path / "lake")
        builder.tables = {**TABLES, "prices": long}
        return [outcome.state for outcome in builder.build(long, DAYS[:1])]

    with pytest.raises(KeyboardInterrupt):
        build()
    assert len(list((tmp_path / "lake" / "_work" / "prices").iterdir())) == 1
    assert build() == ["built"]
    assert list((tmp_path / "lake" / "_work" / "prices").iterdir()) == []


def test_the_work_folder_of_another_version_is_not_found(market: Path, tmp_path: Path) -> None:
    long = dataclasses.replace(PRICES, make="tests.resources.fake_tables:make_prices_in_two_attempts")
    for checks in (PRICES.checks, ()):  # another version of the partition
        builder = open_world(market, tmp_path / "lake")
        table = dataclasses.replace(long, checks=checks)
        builder.tables = {**TABLES, "prices": table}
        with pytest.raises(KeyboardInterrupt):
            builder.build(table, DAYS[:1])
    assert len(list((tmp_path / "lake" / "_work" / "prices").iterdir())) == 2


def test_scratch_folders_of_killed_processes_are_removed(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    dead = ended_process()
    left = tmp_path / "_scratch" / f"{socket.gethostname()}+{dead}+x"
    alive = tmp_path / "_scratch" / f"{socket.gethostname()}+{os.getpid()}+x"
    elsewhere = tmp_path / "_scratch" / f"another-machine+{dead}+x"
    for folder in (left, alive, elsewhere):
        folder.mkdir(parents=True)
    with lake.store.scratch() as folder:
        assert folder.is_dir()
    assert not left.exists()
    assert not folder.exists()
    assert alive.exists()
    assert elsewhere.exists()


def test_failed_plausibility_and_omissions_reach_the_table_that_reports_them(market: Path, tmp_path: Path) -> None:
    """They also make it stale where they change although no row of an input did."""
    plausible = dataclasses.replace(
        PRICES.checks[0], name="prices_plausible", rule=Between("close", 0, 18.5), critical=False, plausibility=True
    )
    prices = dataclasses.replace(
        PRICES, make="tests.resources.fake_tables:make_prices_without", checks=(*PRICES.checks, plausible)
    )

    def opened(table: Table) -> Builder:
        builder = open_world(market, tmp_path / "lake")
        builder.tables = {"prices": table, "account": ACCOUNT}
        return builder

    builder = opened(prices)
    builder.build(prices, DAYS)
    week, days = WEEKS[1], CALENDAR.week_days(WEEKS[1])
    builder.build(ACCOUNT, [week])
    known = [day for day in DAYS if day <= days[-1]]
    row = builder.lake.read(ACCOUNT, [week]).collect().row(0, named=True)
    failing = [n for n, day in enumerate(DAYS) if day <= days[-1] and max(10.0 + n, 20.0 - n / 4) > 18.5]
    assert row == {"week": week, "failed": len(failing), "left_out": 2 * len(known)}
    stored = json.loads(builder.lake.read_file(ACCOUNT, week, "left_out.json", reader="test"))
    assert {one["code"] for one in stored} == {"styles", "share"}
    assert {json.loads(one["value"]) for one in stored if one["code"] == "styles"} == {None}
    assert builder.stale(ACCOUNT, week) is None
    plain = dataclasses.replace(prices, make="tests.resources.fake_tables:make_prices")
    later = opened(plain)
    later.build(plain, DAYS, force=True)  # the same rows
    assert later.stale(ACCOUNT, week) == INPUT_CHANGED(input="manifests")
    later.build(ACCOUNT, [week])
    assert later.lake.read(ACCOUNT, [week]).collect()["left_out"].item() == 0


def test_the_code_of_declared_services_decides_a_table_s_version(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Make functions call methods of the landing view and the rulebook without naming their classes."""
    builder = open_world(market, tmp_path / "lake")
    covered: list[str] = []
    monkeypatch.setattr("resources.builder.code_digest", lambda one: covered.append(one) or one)

    def of(**changes: object) -> set[str]:
        covered.clear()
        builder.code_digest(dataclasses.replace(AVERAGES, **changes))
        return {one.split(":")[1] for one in covered}

    assert of() == {"make_averages", "Calendar", "Change"}
    assert of(lands=(Land("bars"),)) - of() == {"LandingView"}
    assert of(rules=("fees",)) - of() == {"Rulebook"}


def test_the_code_of_undeclared_services_does_not_decide_a_version() -> None:
    covered = {one.split(":")[0] for one in definitions("assets.features.make_bar_features:make_bar_features")}
    assert "resources.made" in covered
    assert not covered & {"resources.partition", "resources.landing", "resources.rulebook", "resources.calendar"}
