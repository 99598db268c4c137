"""A transient fault is no verdict on the data, a refusal is tried again, and data that changes while it is read is not built."""

import dataclasses
import datetime as dt
import errno
import json
import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from orchestration.plan import make_plan
from resources.errors import InputError, LakeError, MachineError, NotReadyError
from resources.lake import Lake
from resources.landing import NOTHING, LandingView, LandingZone
from resources.manifest import Manifest
from resources.manifest_index import INDEX
from resources.reasons import TEXT
from resources.stale import FORCED, INPUT_TRIED_FIRST, MANIFEST_DAMAGED, REFUSED_BEFORE
from resources.table import Land
from tests.resources import fake_tables
from tests.resources.fake_tables import AVERAGES, PRICES, TOTALS
from tests.resources.manifests import dumps_unsealed, unsealed
from tests.resources.small_market import DAYS, WEEKS, build_all, deliver, open_world

NUMBERS = [errno.ENOENT, errno.EACCES, errno.EIO, errno.ESTALE, errno.ENOSPC, errno.ENOMEM, errno.EMFILE]
DAY = DAYS[4]


def bars_of(market: Path, day: dt.date = DAY) -> Path:
    return market / "bars" / f"{day:%Y%m%d}.parquet"


def contents(lake: Path) -> dict[str, str]:
    """Partition → content, of all manifests on disk."""
    found = [json.loads(path.read_bytes()) for path in lake.glob("*/*/manifest.json")]
    return {f"{one['table']}/{one['key']}": one["content"] for one in found}


def fresh(market: Path, lake: Path) -> dict[str, str]:
    build_all(open_world(market, lake))
    return contents(lake)


# --- faults of the machine ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("how", ["read_bytes", "open"], ids=["while it is read", "while its digest is taken"])
def test_a_fault_ends_the_build_without_a_verdict(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, how: str
) -> None:
    builder = open_world(market, tmp_path / "lake")
    real = getattr(Path, how)

    def fail(path: Path, *arguments: object, **named: object) -> object:
        if path == bars_of(market):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Path, how, fail)
        with pytest.raises(MachineError, match=rf"{DAY:%Y%m%d}\.parquet cannot be read"):
            builder.build(PRICES, DAYS)
    # What was made before it is kept; of it and of what comes after it there is nothing.
    assert set(contents(tmp_path / "lake")) == {f"prices/{day}" for day in DAYS[:4]}
    assert not (tmp_path / "lake" / Lake.folder(PRICES, DAY)).exists()
    build_all(open_world(market, tmp_path / "lake"))
    assert contents(tmp_path / "lake") == fresh(market, tmp_path / "another")


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(errno.EIO, "x"), FileNotFoundError("without an errno"), OSError("bare")]
)
def test_a_fault_inside_a_stage_leaves_an_earlier_partition_as_it_was(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    before = {path: path.read_bytes() for path in (tmp_path / "lake" / "averages").rglob("*") if path.is_file()}

    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(fake_tables, "make_averages", fail)
    broken = dataclasses.replace(AVERAGES, make="tests.resources.fake_tables:make_averages", functions=())
    with pytest.raises(MachineError, match=f"averages of {DAY} could not be made: {type(error).__name__}"):
        open_world(market, tmp_path / "lake").build(broken, [DAY], force=True)
    assert before == {path: path.read_bytes() for path in (tmp_path / "lake" / "averages").rglob("*") if path.is_file()}


@pytest.mark.parametrize("keys", [DAYS, [DAY]], ids=["in a range", "alone"])
def test_a_file_put_back_with_the_same_bytes_and_stamp_is_built(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: list[dt.date]
) -> None:
    """The case that was seen: the file is gone between its digest and its reading, and back before the next run."""
    builder = open_world(market, tmp_path / "lake")
    path, away = bars_of(market), tmp_path / "away"
    real = LandingView.bars

    def vanishing(view: LandingView) -> pl.DataFrame | None:
        if view.date == DAY:
            path.rename(away)
        return real(view)

    with monkeypatch.context() as patched:
        patched.setattr(LandingView, "bars", vanishing)
        with pytest.raises(MachineError, match=rf"{path.name} cannot be read: FileNotFoundError"):
            builder.build(PRICES, keys)
    away.rename(path)
    assert builder.lake.manifest(PRICES, DAY) is None
    assert builder.build(PRICES, [DAY])[0].state == "built"
    build_all(builder)
    assert contents(tmp_path / "lake") == fresh(market, tmp_path / "another")


@pytest.mark.parametrize("name", ["daily_prices.parquet", "daily_prices.csv"])
def test_a_reference_table_that_vanishes_is_not_one_that_was_never_delivered(tmp_path: Path, name: str) -> None:
    row = "date,symbol,pre_close,open,high,low,close,volume,amount,float_shares,total_shares,is_st\n"
    row += "2023-01-09,600000.SH,10,10,10,10,10,100,1000,100,100,0\n"
    path = tmp_path / "reference" / name
    path.parent.mkdir()
    pl.read_csv(row.encode()).write_parquet(path) if name.endswith("parquet") else path.write_text(row)
    zone = LandingZone(tmp_path)
    view = zone.view(DAY, [Land("daily_prices")])
    assert zone.digest("daily_prices", DAY, False) != NOTHING
    path.rename(tmp_path / "away")
    with pytest.raises(MachineError, match=f"{name} disappeared during the run"):
        view.reference("daily_prices")
    assert zone.digest("daily_prices", DAY, False) == NOTHING
    assert view.reference("daily_prices") is None


def test_a_truncated_file_is_refused_and_mended_by_a_delivery(market: Path, tmp_path: Path) -> None:
    whole = bars_of(market).read_bytes()
    bars_of(market).write_bytes(whole[: len(whole) // 2])
    (outcome,) = open_world(market, tmp_path / "lake").build(PRICES, [DAY])
    assert outcome.state == "refused"
    assert "no readable Parquet file" in str(outcome.detail)
    bars_of(market).write_bytes(whole)
    build_all(open_world(market, tmp_path / "lake"))
    assert contents(tmp_path / "lake") == fresh(market, tmp_path / "another")


# --- digests come before the reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [False, True], ids=["refused while it arrives", "read while it arrives"])
def test_what_changes_while_it_is_read_is_still_arriving(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: bool
) -> None:
    """A copy ends between the reading and the digest that used to be taken after it."""
    builder = open_world(market, tmp_path / "lake")
    if not last:
        deliver(market, DAY, {"600000.SH": -1.0})  # half a copy: the stage refuses it
    real = LandingView.bars

    def arriving(view: LandingView) -> pl.DataFrame | None:
        frame = real(view)
        if view.date == DAY:
            deliver(market, DAY, {"600000.SH": 14.0, "000001.SZ": 19.0, "600519.SH": 7.0})
        return frame

    with monkeypatch.context() as patched:
        patched.setattr(LandingView, "bars", arriving)
        outcomes = {one.key: one for one in builder.build(PRICES, DAYS)}
    assert outcomes[DAY].state == "blocked"
    assert f"prices of {DAY} is still arriving: bars" in str(outcomes[DAY].detail)
    assert {one.state for day, one in outcomes.items() if day != DAY} == {"built"}
    assert builder.lake.manifest(PRICES, DAY) is None
    build_all(open_world(market, tmp_path / "lake"))
    assert contents(tmp_path / "lake") == fresh(market, tmp_path / "another")


def test_a_renewed_delivery_that_changes_while_it_is_read_keeps_readers_away(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    deliver(market, DAY, {"600000.SH": 14.5})
    builder = open_world(market, tmp_path / "lake")
    real = LandingView.bars

    def arriving(view: LandingView) -> pl.DataFrame | None:
        frame = real(view)
        deliver(market, DAY, {"600000.SH": 14.5, "000001.SZ": 19.0})
        return frame

    with monkeypatch.context() as patched:
        patched.setattr(LandingView, "bars", arriving)
        assert builder.build(PRICES, [DAY])[0].state == "blocked"
    with pytest.raises(NotReadyError, match="still arriving"):
        builder.lake.read(PRICES, [DAY])
    build_all(open_world(market, tmp_path / "lake"))
    assert contents(tmp_path / "lake") == fresh(market, tmp_path / "another")


def test_a_reference_table_that_is_replaced_by_half_a_file_meanwhile_is_still_arriving(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = market / "reference" / "index_prices.parquet"
    path.parent.mkdir()
    pl.DataFrame({"index": ["000905.SH"], "date": [DAYS[0]], "close": [5000.0]}).write_parquet(path)
    table = dataclasses.replace(PRICES, lands=(Land("bars"), Land("index_prices", until=True)))
    builder = open_world(market, tmp_path / "lake")
    whole, real = path.read_bytes(), LandingView.bars

    def half(view: LandingView) -> pl.DataFrame | None:
        path.write_bytes(whole[: len(whole) // 2])
        view.reference("index_prices")
        return real(view)

    with monkeypatch.context() as patched:
        patched.setattr(LandingView, "bars", half)
        (outcome,) = builder.build(table, [DAY])
    assert outcome.state == "blocked"
    assert "index_prices" in str(outcome.detail)
    assert builder.lake.manifest(table, DAY) is None
    path.write_bytes(whole)
    assert builder.build(table, [DAY])[0].state == "built"


def test_a_touched_file_is_not_still_arriving(market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = LandingView.bars

    def touched(view: LandingView) -> pl.DataFrame | None:
        os.utime(bars_of(market), (1, 1))
        return real(view)

    monkeypatch.setattr(LandingView, "bars", touched)
    assert open_world(market, tmp_path / "lake").build(PRICES, [DAY])[0].state == "built"


# --- refusals are tried again -------------------------------------------------------------------------------------------


def test_a_refusal_is_tried_again_and_makes_nothing_else_stale(market: Path, tmp_path: Path) -> None:
    deliver(market, DAY, {"600000.SH": -1.0})
    first = open_world(market, tmp_path / "lake")
    build_all(first)
    before = contents(tmp_path / "lake")
    again = open_world(market, tmp_path / "lake")
    plan = make_plan(again, [("totals", WEEKS[-1])])
    assert [(s.table.name, s.key, s.reason) for s in plan.steps] == [("prices", DAY, REFUSED_BEFORE())]
    held = {(s.table.name, s.key): s.reason for s in plan.blocked}
    assert held["averages", DAY] == INPUT_TRIED_FIRST(table="prices", partition=DAY)
    assert not any(step.root for step in plan.blocked)
    assert [one.state for one in again.build(PRICES, DAYS)].count("refused") == 1
    assert again.tried == {("prices", DAY)}
    settled = make_plan(again, [("totals", WEEKS[-1])], again.tried)
    assert not settled.steps
    assert [(s.table.name, s.key) for s in settled.blocked if s.root] == [("prices", DAY)]
    assert contents(tmp_path / "lake") == before


def test_a_refusal_that_no_digest_explains_ends_when_it_is_tried_again(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong verdict of an earlier version: the file, the settings and the code are what they were."""

    def refuse(view: LandingView) -> None:
        raise InputError("could not be opened")

    with monkeypatch.context() as patched:
        patched.setattr(LandingView, "bars", refuse)
        open_world(market, tmp_path / "lake").build(PRICES, DAYS)
    assert all(one.lake.refused(PRICES, DAY) for one in [open_world(market, tmp_path / "lake")])
    builder = open_world(market, tmp_path / "lake")
    while make_plan(builder, [("totals", WEEKS[-1])]).steps:
        build_all(builder)
    assert contents(tmp_path / "lake") == fresh(market, tmp_path / "another")


def test_what_was_made_from_a_refused_partition_is_not_reported_as_unchanged(market: Path, tmp_path: Path) -> None:
    """Same content, another verdict: the check became stricter after what is downstream was made."""
    builder = open_world(market, tmp_path / "lake")
    build_all(builder)
    manifest = builder.lake.manifest(PRICES, DAY)
    detail = TEXT(text="too high")
    verdict = dataclasses.replace(manifest.checks["prices_are_sane"], passed=False, critical=True, detail=detail)
    path = tmp_path / "lake" / Lake.folder(PRICES, DAY) / "manifest.json"
    path.write_bytes(dataclasses.replace(manifest, checks={"prices_are_sane": verdict}).dumps())
    later = open_world(market, tmp_path / "lake")
    (outcome,) = later.build(AVERAGES, [DAY])
    assert (outcome.state, outcome.manifest) == ("blocked", None)
    assert "too high" in str(outcome.detail)
    assert later.build(PRICES, [DAY])[0].state == "built"  # tried again: the verdict of today's check
    assert later.build(AVERAGES, [DAY])[0].state == "unchanged"


def test_force_makes_the_named_partition_once(market: Path, tmp_path: Path) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    builder = open_world(market, tmp_path / "lake")
    builder.forced.add(("averages", DAY))
    plan = make_plan(builder, [("averages", DAY)])
    assert [(s.table.name, s.key, s.reason) for s in plan.steps] == [("averages", DAY, FORCED())]
    assert builder.build(AVERAGES, [DAY])[0].state == "built"
    assert builder.build(AVERAGES, [DAY])[0].state == "unchanged"
    assert not make_plan(builder, [("totals", WEEKS[-1])]).steps


# --- what strays into the lake ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [f"date={DAY} (copy)", f"date={DAY}.bak", "date=20230109", "date=2023-13-45", "date=", "week=2023-01-09", ".tmp"],
)
def test_a_stray_folder_is_no_partition(market: Path, tmp_path: Path, name: str) -> None:
    builder = open_world(market, tmp_path / "lake")
    build_all(builder)
    source = tmp_path / "lake" / Lake.folder(PRICES, DAY)
    stray = source.with_name(name)
    stray.mkdir()
    for path in source.iterdir():
        (stray / path.name).write_bytes(path.read_bytes())
    later = open_world(market, tmp_path / "lake")
    assert later.lake.keys(PRICES) == DAYS
    assert not make_plan(later, [("totals", WEEKS[-1])]).steps


def test_a_manifest_copied_from_another_partition_is_not_this_one_s(market: Path, tmp_path: Path) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    one, other = (tmp_path / "lake" / Lake.folder(PRICES, day) / "manifest.json" for day in DAYS[:2])
    other.write_bytes(one.read_bytes())
    assert ("prices", DAYS[1], f"damaged: {MANIFEST_DAMAGED()}") in build_all(open_world(market, tmp_path / "lake"))


@pytest.mark.parametrize("field", [one.name for one in dataclasses.fields(Manifest)])
@pytest.mark.parametrize(
    "value", [None, 3, "x", [], {"a": 3}, {"a": {"passed": 1, "critical": 0}}, [[1]], True], ids=repr
)
def test_a_manifest_of_strange_shape_is_whole_or_damaged(field: str, value: object) -> None:
    good = Manifest("prices", str(DAY), "v", "c", {}, {"bars": "d"}, "s", "k", 1, outdated=TEXT(text="late"))
    saved = {**unsealed(good.dumps()), field: value}
    found = Manifest.loads(dumps_unsealed(saved))
    if found is not None:  # then it is of the right types, and can be used and written
        assert found.refusals is not None
        assert Manifest.loads(found.dumps()) == found
        assert isinstance(getattr(found, field), type(getattr(good, field)) | (int if field == "seconds" else float))


@pytest.mark.parametrize("data", [b"[" * 100_000, b"\xff\xfe", "{}".encode("utf-16"), b"3", b'{"checks": []}'])
def test_bytes_that_are_no_manifest(data: bytes) -> None:
    assert Manifest.loads(data) is None


def test_a_manifest_may_name_a_file_whose_name_is_no_text() -> None:
    raw = os.fsdecode("逐笔".encode("gbk"))
    one = Manifest(TOTALS.name, str(WEEKS[0]), "v", "c", {}, {}, "s", "k", 1, notes={"file": raw})
    assert Manifest.loads(one.dumps()) == one


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
def test_a_lake_that_cannot_be_read_is_named_with_its_file(
    market: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    build_all(open_world(market, tmp_path / "lake"))
    part = tmp_path / "lake" / Lake.folder(PRICES, DAY)

    def fail(path: Path, *_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    shutil.rmtree(tmp_path / "lake" / INDEX)  # so that manifests are read from their own files
    for owner, name, how, ask in (
        (os, "listdir", "listed", lambda lake: lake.keys(PRICES)),
        (Path, "read_bytes", "read", lambda lake: lake.manifest(PRICES, DAY)),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, fail)
            with pytest.raises(LakeError, match=f"prices.* cannot be {how}"):
                ask(Lake(str(tmp_path / "lake")))
    lake = Lake(str(tmp_path / "lake"))
    assert lake.manifest(PRICES, DAY)
    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(LakeError, match=f"{part.name}/part.parquet cannot be read"):
        lake.verify([Lake.folder(PRICES, DAY)])
