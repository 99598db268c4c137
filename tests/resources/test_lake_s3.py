"""The lake on S3, against a local server: the same partitions, the same refusals."""

from pathlib import Path

from tests.resources.fake_tables import TOTALS
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
