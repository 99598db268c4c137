"""Issues as published are kept: numbered, whole, unchanged for good, whatever is rebuilt, killed or vacuumed, locally and on S3."""

import dataclasses
import functools
import json
import multiprocessing
import os
import shutil
import signal
from pathlib import Path

import polars as pl
import pytest

from resources.builder import Builder
from resources.gate import Verdict
from resources.issues import ISSUE, ISSUES, Issues, landed
from resources.leftovers import find_leftovers
from resources.manifest import MANIFEST, PART
from resources.reasons import TEXT
from tests.orchestration.test_kills import killed_at
from tests.resources.fake_tables import PUBLISHED, TABLES
from tests.resources.small_market import DAYS, WEEKS, build_all, deliver, deliver_market, open_world

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload([__name__])
WEEK = WEEKS[-1]


def opened(market: Path, lake: Path | str) -> Builder:
    builder = open_world(market, lake)
    builder.tables = {**TABLES, "totals": PUBLISHED}
    return builder


def issues_of(builder: Builder) -> Issues:
    return Issues(builder.lake.store, "totals")


def numbers(builder: Builder) -> list[tuple[int, int]]:
    return [(one.place.number, one.place.unchanged) for one in issues_of(builder).of(WEEK)]


def correct(market: Path, by: float) -> None:
    deliver(market, DAYS[-1], {"600000.SH": 10.0 + len(DAYS) - 1 + by, "000001.SZ": 20.0 - (len(DAYS) - 1) / 4})


def kept_files(builder: Builder) -> dict[str, bytes]:
    store = builder.lake.store
    return {name: store.read_bytes(f"{ISSUES}/{name}") or b"" for name in store.below(ISSUES) if "/" in name}


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.slow)])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "lake") if request.param == "local" else request.getfixturevalue("bucket")


def test_every_issue_is_kept_as_it_was_published(market: Path, lake: str) -> None:
    builder = opened(market, lake)
    build_all(builder)
    folder = builder.lake.folder(PUBLISHED, WEEK)
    store = builder.lake.store
    files = (PART, MANIFEST, "page.html", "figures/one.svg")
    published = []
    for by in (1.0, 2.0, 0.0):  # the third correction is back at the first delivery
        published.append({name: store.read_bytes(f"{folder}/{name}") for name in files})
        correct(market, by)
        build_all(opened(market, lake))
    again = opened(market, lake)
    assert numbers(again) == [(1, 0), (2, 0), (3, 0), (4, 0)]
    for number, before in enumerate(published, 1):
        own = f"{ISSUES}/totals_{WEEK}_{number}"
        assert {name: store.read_bytes(f"{own}/{name}") for name in files} == before
    first, second, _, last = issues_of(again).of(WEEK)
    assert first.content == last.content == again.lake.manifest(PUBLISHED, WEEK).content
    assert first.content != second.content
    assert issues_of(again).read(second, "page.html") == published[1]["page.html"]
    assert issues_of(again).read(second, "other.html") is None
    assert issues_of(again).damages() == []
    assert json.loads(store.read_bytes(f"{ISSUES}/log.json"))[-1] == [str(WEEK), 4, 0]


def test_an_identical_build_adds_nothing(market: Path, lake: str) -> None:
    builder = opened(market, lake)
    build_all(builder)
    before = kept_files(builder)
    assert {name.split("/")[0] for name in before} == {f"totals_{week}_1" for week in WEEKS}
    builder.build(PUBLISHED, WEEKS, force=True)
    builder.keep_issue(PUBLISHED, WEEK)
    assert kept_files(opened(market, lake)) == before
    assert len(builder.issued) == len(WEEKS)


def test_the_sources_name_what_was_delivered_again(market: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    build_all(opened(market, lake))
    correct(market, 1.0)
    build_all(opened(market, lake))
    before, after = (issues_of(opened(market, lake)).sources(one) for one in issues_of(opened(market, lake)).of(WEEK))
    assert before.drop("digest").equals(after.drop("digest"))
    differing = after.join(before, on=["kind", "name", "day", "digest"], how="anti", nulls_equal=True)
    assert differing.select("kind", "name", "day").rows() == [("landing", "bars", DAYS[-1])]
    assert set(after["kind"]) >= {"landing", "settings", "code"}


def test_another_delivery_of_the_same_data_is_recorded_without_an_issue(market: Path, lake: str) -> None:
    builder = opened(market, lake)
    build_all(builder)
    before = kept_files(builder)
    path = market / "bars" / f"{DAYS[-1]:%Y%m%d}.parquet"
    for column in ("open", "high"):
        pl.read_parquet(path).with_columns(pl.lit(1.0).alias(column)).write_parquet(path)
        again = opened(market, lake)
        build_all(again)
        for _ in range(2):  # the second time there is nothing to record
            again.keep_issue(PUBLISHED, WEEK)
    records = issues_of(again).of(WEEK)
    assert numbers(again) == [(1, 0), (1, 1), (1, 2)]
    assert len({one.content for one in records}) == 1
    assert len({landed(issues_of(again).sources(one))["digest"].to_list().__repr__() for one in records}) == 3
    assert issues_of(again).read(records[-1], "page.html") == issues_of(again).read(records[0], "page.html")
    assert before.items() <= kept_files(again).items()
    assert issues_of(again).damages() == []
    correct(market, 1.0)
    build_all(opened(market, lake))
    assert numbers(opened(market, lake)) == [(1, 0), (1, 1), (1, 2), (2, 0)]


def test_a_lake_of_an_earlier_version(market: Path, tmp_path: Path) -> None:
    """Its reports are partitions that were never kept: one that is up to date becomes issue 1, one that is replaced is kept before."""
    lake = tmp_path / "lake"
    unpublished = opened(market, lake)
    unpublished.tables["totals"] = dataclasses.replace(PUBLISHED, log=None)
    build_all(unpublished)
    assert not (lake / ISSUES).exists()
    builder = opened(market, lake)
    builder.keep_issue(PUBLISHED, WEEKS[0])
    assert [one.number for one in issues_of(builder).places()] == [1]
    old = builder.lake.manifest(PUBLISHED, WEEK)
    correct(market, 1.0)
    build_all(opened(market, lake))
    first, second = issues_of(builder).of(WEEK)
    assert (first.content, issues_of(builder).sources(first)) == (old.content, None)
    assert issues_of(builder).sources(second) is not None
    assert issues_of(builder).damages() == []


def test_a_refused_partition_is_no_issue(market: Path, tmp_path: Path) -> None:
    builder = opened(market, tmp_path / "lake")
    build_all(builder)
    before = numbers(builder)
    refusing = opened(market, tmp_path / "lake")
    manifest = refusing.lake.manifest(PUBLISHED, WEEK)
    checks = {"a": Verdict(False, True, TEXT(text="refused"))}
    refused = dataclasses.replace(manifest, content="0" * 32, rows=0, files={}, checks=checks)
    with refusing.lake.writing():
        refusing.lake.write(PUBLISHED, WEEK, b"", {}, refused)
        refusing.keep_issue(PUBLISHED, WEEK)
    assert numbers(refusing) == before
    again = opened(market, tmp_path / "lake")
    again.build(PUBLISHED, [WEEK])
    assert numbers(again) == before  # the figures are those of issue 1


@pytest.mark.parametrize("name", [PART, "page.html", "manifest.json", "sources.parquet", ISSUE])
@pytest.mark.parametrize("how", ["flipped", "deleted"])
def test_damage_is_named_and_no_number_is_given_twice(market: Path, tmp_path: Path, name: str, how: str) -> None:
    lake = tmp_path / "lake"
    build_all(opened(market, lake))
    correct(market, 1.0)
    build_all(opened(market, lake))
    path = lake / ISSUES / f"totals_{WEEK}_2" / name
    data = path.read_bytes()
    path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]) if how == "flipped" else path.unlink()
    builder = opened(market, lake)
    unfinished = (name, how) == (ISSUE, "deleted")
    assert issues_of(builder).damages() == ([] if unfinished else [f"{ISSUES}/totals_{WEEK}_2"])
    correct(market, 2.0)
    build_all(opened(market, lake))
    assert (lake / ISSUES / f"totals_{WEEK}_{2 if unfinished else 3}" / ISSUE).exists()


def test_a_vacuum_keeps_every_issue(market: Path, lake: str) -> None:
    build_all(opened(market, lake))
    for by in (1.0, 2.0):
        correct(market, by)
        build_all(opened(market, lake))
    builder = opened(market, lake)
    before = kept_files(builder)
    with builder.lake.writing():
        found = find_leftovers(builder)
        assert not [one for one in found.found if ISSUES in one.name]
        assert not [line for line in found.kept if ISSUES in line]
        for one in found.found:
            one.remove()
    assert kept_files(opened(market, lake)) == before


# --- kills --------------------------------------------------------------------------------------------------------------


def publish(market: str, lake: str, before: object = None) -> None:
    """Build the corrected week in a process of its own, which `before` may let be killed."""
    os.fsync = lambda descriptor: None
    builder = opened(Path(market), lake)
    if callable(before):
        before()
    with builder.lake.writing(kind="run"):
        builder.build(PUBLISHED, [WEEK])
        builder.keep_issue(PUBLISHED, WEEK)


@pytest.mark.slow
def test_kills_at_every_write_lose_no_issue(tmp_path: Path) -> None:
    market = deliver_market(tmp_path / "market")
    build_all(opened(market, tmp_path / "first"))
    correct(market, 1.0)
    before = opened(market, tmp_path / "first")
    before.build(TABLES["prices"], DAYS)
    before.build(TABLES["averages"], DAYS)
    first = kept_files(before)
    old = before.lake.manifest(PUBLISHED, WEEK).content
    limit = 0
    while True:
        limit += 1
        lake = tmp_path / str(limit)
        shutil.copytree(tmp_path / "first", lake)
        process = SERVER.Process(target=publish, args=(str(market), str(lake), functools.partial(killed_at, limit)))
        process.start()
        process.join(60)
        killed = opened(market, lake)
        assert first.items() <= kept_files(killed).items()
        assert issues_of(killed).damages() == []
        records = issues_of(killed).of(WEEK)
        present = killed.lake.manifest(PUBLISHED, WEEK)
        assert present is None or present.content in {one.content for one in records}
        assert records[0].content == old
        if process.exitcode != -signal.SIGKILL:
            break
        again = SERVER.Process(target=publish, args=(str(market), str(lake)))
        again.start()
        again.join(60)
        assert again.exitcode == 0
        killed = opened(market, lake)
        assert numbers(killed) == [(1, 0), (2, 0)]
        assert issues_of(killed).of(WEEK)[1].content == killed.lake.manifest(PUBLISHED, WEEK).content != old
        assert json.loads((lake / ISSUES / "log.json").read_bytes())[-1] == [str(WEEK), 2, 0]
        assert not list((lake / ISSUES).rglob("*.tmp"))
    assert process.exitcode == 0
    assert limit > 20
