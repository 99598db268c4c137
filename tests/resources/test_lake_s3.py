"""The lake on S3, against a local server: the same partitions, the same refusals."""

import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.resources.fake_tables import TOTALS
from tests.resources.test_builder import WEEKS, build_all, market, open_world  # noqa: F401


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    urllib.request.urlopen(f"http://{host}:{port}/moto-api/reset", data=b"")  # buckets of earlier tests of this process
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem(client_kwargs={"endpoint_url": os.environ["AWS_ENDPOINT_URL"]}).mkdir("lake-bucket")
    yield "s3://lake-bucket/zhoubao"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_a_lake_on_s3_equals_a_local_one(market: Path, tmp_path: Path, bucket: str) -> None:  # noqa: F811
    local, remote = open_world(market, tmp_path / "lake"), open_world(market, bucket)
    build_all(local)
    build_all(remote)
    afresh = open_world(market, bucket)
    for week in WEEKS:
        assert afresh.lake.manifest(TOTALS, week).content == local.lake.manifest(TOTALS, week).content
    assert afresh.lake.read(TOTALS, WEEKS).collect().equals(local.lake.read(TOTALS, WEEKS).collect())
    assert afresh.lake.keys(TOTALS) == WEEKS
    assert not build_all(afresh)
