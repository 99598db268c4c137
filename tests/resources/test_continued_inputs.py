"""Earlier partitions are read under the codes of the reader's day, and versions cover the code changes."""

import dataclasses
import datetime as dt
import io
from pathlib import Path

import polars as pl
import pytest

from orchestration.plan import make_plan
from resources.builder import Builder
from resources.lake import Lake
from resources.landing import LandingZone
from resources.made import Made
from resources.partition import Frames, Partition
from resources.table import Land, Read, Table, days
from tests.resources.fake_tables import AVERAGES, PRICES, TOTALS, FakeSettings
from tests.resources.small_market import CALENDAR, DAYS, WEEKS, build_all, deliver

OLD, NEW, OTHER = "600000.SH", "600005.SH", "000001.SZ"
CHANGE = DAYS[7]  # a Thursday


def make_prices(frames: Frames, partition: Partition, settings: None) -> Made:
    bars = partition.landing.bars()
    assert bars is not None
    frame = bars.select(date=pl.lit(partition.date), symbol="symbol", close="close").sort("symbol")
    buffer = io.BytesIO()
    frame.select("symbol", side="close").write_parquet(buffer)
    return Made(frame, files={"side.parquet": buffer.getvalue()})


def make_sides(frames: Frames, partition: Partition, settings: None) -> Made:
    before = partition.files("prices", partition.calendar.previous_day(partition.date), "side.parquet")
    return Made(pl.read_parquet(io.BytesIO(before)).with_columns(date=pl.lit(partition.date)))


HERE = "tests.resources.test_continued_inputs"
SIDES = Table(
    name="sides", group="factors", partition="day", description="the side file of the day before",
    schema={"symbol": pl.String, "side": pl.Float64, "date": pl.Date}, make=f"{HERE}:make_sides",
    reads=(Read("prices", over=days(-1, -1)),),
)  # fmt: skip
TABLES = {
    table.name: table
    for table in (dataclasses.replace(PRICES, make=f"{HERE}:make_prices", checks=()), AVERAGES, SIDES, TOTALS)
}


def declare(market: Path, *rows: tuple[str, str, dt.date]) -> None:
    (market / "reference").mkdir(exist_ok=True)
    frame = pl.DataFrame(rows, schema=["old", "new", "date"], orient="row")
    frame.write_parquet(market / "reference" / "code_changes.parquet")


def market(root: Path, since: dt.date | None) -> Path:
    """Closes of two stocks; from `since` on the first has its new code."""
    for n, day in enumerate(DAYS):
        code = NEW if since is not None and day >= since else OLD
        deliver(root, day, {code: 10.0 + n, OTHER: 20.0 - n / 4})
    return root


def open_world(market: Path, lake: Path) -> Builder:
    store = Lake(str(lake))
    zone = LandingZone(market, store.store)
    return Builder(tables=TABLES, lake=store, zone=zone, calendar=CALENDAR, settings=FakeSettings())


def build_everything(builder: Builder) -> dict[tuple[str, dt.date], str]:
    build_all(builder)
    builder.build(SIDES, DAYS[1:])
    return contents(builder)


def contents(builder: Builder) -> dict[tuple[str, dt.date], str]:
    return {
        (table.name, key): manifest.content
        for table in TABLES.values()
        for key in (WEEKS if table is TOTALS else DAYS)
        if (manifest := builder.lake.manifest(table, key)) is not None
    }


def test_a_window_continues_over_a_change_of_code(tmp_path: Path) -> None:
    """From the change on as if the new code had been there always, before it as if there were no change."""
    changed = market(tmp_path / "changed", CHANGE)
    declare(changed, (OLD, NEW, CHANGE))
    found = build_everything(open_world(changed, tmp_path / "a"))
    always = build_everything(open_world(market(tmp_path / "new", dt.date.min), tmp_path / "b"))
    never = build_everything(open_world(market(tmp_path / "old", None), tmp_path / "c"))
    assert set(found) == set(always) == set(never)
    for (name, key), content in found.items():
        day = key if name != "totals" else CALENDAR.signal_day(key)
        assert content == (always if day >= CHANGE else never)[name, key], (name, key)
    assert found["averages", CHANGE] != never["averages", CHANGE]
    assert found["sides", CHANGE] != never["sides", CHANGE]


def test_without_a_declaration_the_window_starts_anew(tmp_path: Path) -> None:
    changed = open_world(market(tmp_path / "changed", CHANGE), tmp_path / "lake")
    build_everything(changed)
    rows = changed.lake.read(AVERAGES, [CHANGE]).collect()
    assert set(rows["symbol"]) == {OLD, NEW, OTHER}


def planned(builder: Builder) -> set[tuple[str, dt.date]]:
    asked = [("totals", WEEKS[-1]), *(("sides", day) for day in DAYS[1:])]
    return {(step.table.name, step.key) for step in make_plan(builder, asked).steps}


@pytest.mark.parametrize("on", [CHANGE, DAYS[-1]])
def test_a_declared_change_makes_stale_what_reads_over_it_and_nothing_older(tmp_path: Path, on: dt.date) -> None:
    root = market(tmp_path / "market", CHANGE)
    build_everything(open_world(root, tmp_path / "lake"))
    assert planned(open_world(root, tmp_path / "lake")) == set()
    declare(root, (OLD, NEW, on))
    n = DAYS.index(on)
    reading_over = {("averages", day) for day in DAYS[n : n + 2]} | {("sides", on)}
    weeks = {("totals", week) for week in WEEKS if CALENDAR.signal_day(week) >= on}
    assert planned(open_world(root, tmp_path / "lake")) == reading_over | weeks
    builder = open_world(root, tmp_path / "lake")
    build_all(builder)
    builder.build(SIDES, DAYS[1:])
    assert planned(open_world(root, tmp_path / "lake")) == set()
    (root / "reference" / "code_changes.parquet").unlink()
    assert planned(open_world(root, tmp_path / "lake")) == reading_over | weeks


def test_a_change_dated_after_the_data_makes_nothing_stale(tmp_path: Path) -> None:
    root = market(tmp_path / "market", CHANGE)
    declare(root, (OLD, NEW, CHANGE))
    before = build_everything(open_world(root, tmp_path / "lake"))
    declare(
        root,
        (OLD, NEW, CHANGE),
        (NEW, "600007.SH", DAYS[-1] + dt.timedelta(days=1)),
        (OTHER, OTHER, dt.date(2030, 1, 1)),
    )
    assert planned(open_world(root, tmp_path / "lake")) == set()
    assert build_everything(open_world(root, tmp_path / "fresh")) == before


def test_a_change_alone_makes_no_day_that_nothing_else_landed_for(tmp_path: Path) -> None:
    root = market(tmp_path / "market", CHANGE)
    declare(root, (OLD, NEW, CHANGE))
    listed = dataclasses.replace(PRICES, name="listed", lands=(Land("instruments"), Land("code_changes")))
    builder = open_world(root, tmp_path / "lake")
    assert builder.is_absent(listed, DAYS[-1])
    assert not builder.is_absent(TABLES["prices"], DAYS[-1])
