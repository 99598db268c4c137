"""The study of disturbed runs on a tiny market, what its comparison finds, and how it damages partitions."""

import argparse
import contextlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from resources.issues import ISSUE
from resources.manifest import MANIFEST, PART, Manifest
from studies.kills.compare import contents, differences
from studies.kills.disturb import DAMAGES, Disturber, begin, damage, redirect
from studies.soak.checks import nothing_left
from studies.soak.services import Disk
from tests.conftest import ROOT
from tests.resources.small_market import deliver_market

DAY = "prices/date=2023-01-03"
ISSUE_FOLDER = "_issues/report_2023-01-02_1"


@pytest.mark.slow
def test_disturbed_runs_on_a_tiny_market_equal_an_undisturbed_one(tmp_path: Path) -> None:
    options = ["--profile", "tiny", "--disturbances", "14", "--mean-seconds", "4", "--work", str(tmp_path / "kills")]
    done = subprocess.run(
        [sys.executable, "-m", "studies.kills", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "FAILS" not in done.stdout
    assert "every file equals that of the undisturbed lake" in done.stdout
    assert "14 disturbances of" in done.stdout


def drive_small(log: Path, environment: Mapping[str, str]) -> None:
    """The driver over the fake tables, which a run builds in seconds."""
    redirect(log, environment)
    from tests.orchestration import small_run

    sys.exit(small_run.main(environment["SMALL_MARKET"], environment["SMALL_LAKE"], "0.15"))


@pytest.mark.slow
def test_disturbed_runs_over_fake_tables_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All kinds of disturbances of a lake that a run builds in seconds, without trainings and without Dagster's home."""
    market = deliver_market(tmp_path / "market")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("SMALL_MARKET", str(market))
    lakes = {name: tmp_path / name / "lake" for name in ("undisturbed", "disturbed")}
    done = 0
    for name, lake in lakes.items():
        monkeypatch.setenv("SMALL_LAKE", str(lake))
        count = 6 if name == "disturbed" else 0
        options = argparse.Namespace(disturbances=count, seed=5, mean_seconds=4.0, minutes=10.0, patience=120.0)
        disturber = Disturber(options, lambda line: None, drive_small)
        with contextlib.closing(Disk(lake.parent, 60)) as disk:
            disturber.complete(lake, disk, tmp_path / f"{name}.log")
            assert disturber.problems == []
            assert nothing_left(lake).holds
            shutil.copytree(lake, tmp_path / f"{name}_kept")
        done += len(disturber.done)
    found, expected = (contents(tmp_path / f"{name}_kept") for name in ("disturbed", "undisturbed"))
    assert differences(found, expected) == []
    assert len(expected) > 30
    assert done > 0  # the run may be complete before all of them are done


def manifest(seconds: float = 1.0, rows: int = 2) -> bytes:
    return Manifest("prices", "2023-01-03", "v", "c", {}, {"bars": "d"}, "s", "k", rows, seconds=seconds).dumps()


@pytest.fixture
def lakes(tmp_path: Path) -> tuple[Path, Path]:
    """Two lakes that differ in what depends on time alone."""
    files = {
        f"{DAY}/{PART}": b"rows",
        f"{DAY}/figures/day.json": b'{"of": "1"}',
        f"{DAY}/{MANIFEST}": manifest(),
        f"{ISSUE_FOLDER}/{PART}": b"rows",
        f"{ISSUE_FOLDER}/{MANIFEST}": manifest(),
        f"{ISSUE_FOLDER}/{ISSUE}": json.dumps(
            {"content": "c", "published": "1", "manifest": "m", "seal": "s"}
        ).encode(),
        "_issues/restatements.html": b"none",
        "market.txt": b"/market",
        "_verified/prices": b"1",
        "_digests/bars.json": b"{}",
        "_lease.json.lock": b"",
    }
    one, other = tmp_path / "one", tmp_path / "other"
    for name, data in files.items():
        (one / name).parent.mkdir(parents=True, exist_ok=True)
        (one / name).write_bytes(data)
    shutil.copytree(one, other)
    for folder in (DAY, ISSUE_FOLDER):
        (other / folder / MANIFEST).write_bytes(manifest(seconds=7.5))
    later = json.dumps({"content": "c", "published": "2", "manifest": "n", "seal": "t"})
    (other / ISSUE_FOLDER / ISSUE).write_text(later)
    (other / "_verified/prices").write_bytes(b"2")
    (other / "_digests/bars.json").write_bytes(b"[]")
    return one, other


def test_lakes_that_differ_in_times_alone_are_equal(lakes: tuple[Path, Path]) -> None:
    found, expected = map(contents, lakes)
    assert differences(found, expected) == []
    assert len(found) == 8


def write(name: str, data: bytes) -> Callable[[Path], None]:
    def change(lake: Path) -> None:
        (lake / name).parent.mkdir(parents=True, exist_ok=True)
        (lake / name).write_bytes(data)

    return change


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (write(f"{DAY}/{PART}", b"row5"), f"{DAY}/{PART} differs"),
        (write(f"{DAY}/figures/day.json", b'{"of": "2"}'), f"{DAY}/figures/day.json differs"),
        (write(f"{DAY}/{MANIFEST}", manifest(rows=3)), f"{DAY}/{MANIFEST} differs in rows"),
        (write(f"{DAY}/{MANIFEST}", b"{"), f"{DAY}/{MANIFEST} differs"),
        (write(f"{ISSUE_FOLDER}/{PART}", b"row5"), f"{ISSUE_FOLDER}/{PART} differs"),
        (write(f"{ISSUE_FOLDER}/{ISSUE}", b'{"content": "d"}'), f"{ISSUE_FOLDER}/{ISSUE} differs in content"),
        (write("_issues/report_2023-01-02_2/part.parquet", b""), "_issues/report_2023-01-02_2/part.parquet is in the disturbed lake only"),
        (write("_issues/restatements.html", b"one"), "_issues/restatements.html differs"),
        (write("prices/date=2023-01-04/part.parquet", b""), "prices/date=2023-01-04/part.parquet is in the disturbed lake only"),
        (lambda lake: (lake / DAY / PART).unlink(), f"{DAY}/{PART} is missing"),
        (lambda lake: (lake / "market.txt").unlink(), "market.txt is missing"),
    ],
)  # fmt: skip
def test_every_difference_is_found(lakes: tuple[Path, Path], change: Callable[[Path], None], finding: str) -> None:
    undisturbed, lake = lakes
    change(lake)
    assert differences(contents(lake), contents(undisturbed)) == [finding]


@pytest.mark.parametrize(
    "name",
    ["_lease.json", "_scratch/host+7+x/half", "_work/gru/2023-01-02-v/seed", f"{DAY}/.part.parquet.7.8.tmp", "_digests/.bars.json.7.8.tmp", "._lease.json.7.8.tmp"],
)  # fmt: skip
def test_everything_that_is_left_over_is_found(lakes: tuple[Path, Path], name: str) -> None:
    assert nothing_left(lakes[1]).holds
    write(name, b"")(lakes[1])
    assert not nothing_left(lakes[1]).holds


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damage_changes_one_file_of_the_partition(lakes: tuple[Path, Path], how: str) -> None:
    undisturbed, lake = lakes
    draw = random.Random(3)
    for _ in range(20):
        write(f"{DAY}/{MANIFEST}", manifest())(lake)
        write(f"{DAY}/{PART}", b"rows")(lake)
        damage(lake / DAY / MANIFEST, how, draw)
        name = PART if "part" in how or "bit" in how else MANIFEST
        (found,) = differences(contents(lake), contents(undisturbed))
        assert found.startswith(f"{DAY}/{name} differs")
        if name == MANIFEST:
            assert Manifest.loads((lake / DAY / MANIFEST).read_bytes()) is None


def test_a_lake_begins_without_its_report_its_issues_and_a_share_of_its_partitions(lakes: tuple[Path, Path]) -> None:
    undisturbed, lake = lakes
    shutil.rmtree(lake)
    for number in range(1, 41):
        write(f"factors/date=2023-01-{number:02d}/{MANIFEST}", b"{}")(undisturbed)
    for name in (f"report/week=2023-01-02/{MANIFEST}", "_lease.json", "_work/gru/2023-01-02-v/seed"):
        write(name, b"{}")(undisturbed)
    begin(lake, undisturbed, 0.5, random.Random(1))
    assert 10 < len(list((lake / "factors").iterdir())) < 30
    assert sorted(path.name for path in lake.iterdir() if path.name.startswith(("_", "r", "m"))) == [
        "_digests",
        "market.txt",
    ]


def test_the_duration_of_a_training_is_no_difference(tmp_path: Path) -> None:
    lakes = []
    for number, notes in enumerate(
        ({"training_seconds": 1.0}, {"training_seconds": 2.0}, {"trained_week": "2023-01-02"})
    ):
        folder = tmp_path / str(number) / "gru_50_1" / "week=2023-01-02"
        folder.mkdir(parents=True)
        (folder / MANIFEST).write_text(json.dumps({"rows": 3, "notes": notes}))
        lakes.append(contents(tmp_path / str(number)))
    assert differences(lakes[1], lakes[0]) == []
    assert differences(lakes[2], lakes[0]) == [f"gru_50_1/week=2023-01-02/{MANIFEST} differs in notes"]
