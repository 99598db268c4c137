"""The lake on S3, against a local server: the same partitions, the same refusals."""

import re
from pathlib import Path

from resources.builder import Builder
from resources.issues import Issues
from resources.lake import OWNER
from tests.house.guides import OPERATIONS
from tests.resources.fake_tables import PUBLISHED, TABLES, TOTALS
from tests.resources.small_market import WEEKS, build_all, open_world


def test_a_lake_on_s3_equals_a_local_one(market: Path, tmp_path: Path, bucket: str) -> None:
    local, remote = open_world(market, tmp_path / "lake"), open_world(market, bucket)
    build_all(local)
    build_all(remote)
    afresh = open_world(market, bucket)
    for week in WEEKS:
        assert afresh.lake.manifest(TOTALS, week).content == local.lake.manifest(TOTALS, week).content
    assert afresh.lake.read(TOTALS, WEEKS).collect().equals(local.lake.read(TOTALS, WEEKS).collect())
    assert afresh.lake.keys(TOTALS) == WEEKS
    assert not build_all(afresh)


def test_a_lake_that_is_moved_to_s3_by_the_guide_is_complete(market: Path, tmp_path: Path, bucket: str) -> None:
    def opened(lake: str) -> Builder:
        builder = open_world(market, lake)
        builder.tables = {**TABLES, "totals": PUBLISHED}
        return builder

    local = opened(str(tmp_path / "lake"))
    local.lake.claim(str(market))
    build_all(local)
    (command,) = re.findall(r'python -c "(import fsspec;.*)"', OPERATIONS.read_text("utf-8"))
    exec(command.replace("/var/lib/zhoubao/lake", str(tmp_path / "lake")).replace("s3://desk/zhoubao", bucket), {})
    moved = opened(bucket)
    folders = [moved.lake.folder(table, key) for table in TABLES.values() for key in local.lake.keys(table)]
    assert len(folders) > 20
    assert moved.lake.verify(folders) == []
    assert moved.lake.store.read_bytes(OWNER) == str(market).encode()
    assert build_all(moved) == []
    kept, issues = (Issues(world.lake.store, "totals") for world in (local, moved))
    assert kept.of(WEEKS[-1])
    assert [issues.of(week) for week in WEEKS] == [kept.of(week) for week in WEEKS]
    assert issues.damages() == []
