"""Secrets come from the environment and stay there: a run writes none into its lake, its events, its logs or its output."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.platform import PROFILES, Names, open_builder
from resources.errors import LakeError
from resources.lake import Lake
from resources.settings import Settings
from resources.settings.alerts import SECRET_VARIABLES
from resources.settings.load import flatten, load_profile
from tests.conftest import ROOT
from tests.resources.small_market import DAYS, deliver

SECRETS = {
    "AWS_ACCESS_KEY_ID": "AKIA-6e1f-of-the-test",
    "AWS_SECRET_ACCESS_KEY": "secret-52c7/of+the=test",
    "AWS_SESSION_TOKEN": "session-80aa-of-the-test",
    "DAGSTER_POSTGRES_URL": "postgresql+psycopg2://zhoubao:pw-41d9-of-the-test@127.0.0.1:9/zhoubao",
    **{name: f"https://robot.example/{name.lower()}-of-the-test" for name in SECRET_VARIABLES},
}
PARTS = [*SECRETS.values(), "pw-41d9-of-the-test"]


def texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every file of a folder as text; of a database its rows, since pages split long ones."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".db":
            with sqlite3.connect(path) as connection:
                yield path, "\n".join(connection.iterdump())
        elif path.is_file():
            yield path, path.read_bytes().decode("latin-1")


@pytest.mark.parametrize(
    ("close", "status"),
    [(5000.0, 1), pytest.param(15.0, 0, marks=pytest.mark.slow)],
    ids=["a refused day fails it", "it succeeds"],
)
def test_a_run_writes_no_secret(market: Path, tmp_path: Path, close: float, status: int) -> None:
    home, lake = tmp_path / "home", tmp_path / "lake"
    home.mkdir()
    (home / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text("utf-8"))
    command = [sys.executable, "-m", "tests.orchestration.small_run", str(market), str(lake)]
    environment = os.environ | SECRETS | {"DAGSTER_HOME": str(home)}
    deliver(market, DAYS[5], {"600000.SH": close})
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == status, done.stderr
    found = [*texts(home), *texts(lake)]
    assert any(path.suffix == ".db" and "ASSET_MATERIALIZATION" in text for path, text in found)
    assert any(path.name == "manifest.json" for path, _ in found)
    leaked = [(str(path), part) for path, text in found for part in PARTS if part in text]
    assert leaked == []
    assert not [part for part in PARTS if part in done.stdout + done.stderr]


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("secrets")
def test_the_settings_that_a_report_prints_hold_no_secret(market: Path, tmp_path: Path) -> None:
    builder = open_builder(Names(str(market), str(tmp_path / "lake"), "tiny"))
    printed = json.dumps(builder.run_settings, ensure_ascii=False, default=str)
    assert "gru_50_1" in printed
    assert not [part for part in PARTS if part in printed]


@pytest.mark.usefixtures("secrets")
def test_an_unreachable_store_is_an_error_without_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    lake = Lake("s3://zhoubao-test/lake")
    with pytest.raises(LakeError) as refused:
        lake.store.write_bytes("a/part", b"x")
    assert "127.0.0.1:9" in str(refused.value)
    assert not [part for part in PARTS if part in str(refused.value)]


def test_no_setting_takes_a_secret() -> None:
    """Settings are printed by the report and stored in manifests; what must not be seen is a variable of its own."""
    names = {path for path, _ in flatten(Settings().model_dump(mode="json"))}
    words = {word for path in names for word in path.replace(".", "_").lower().split("_")}
    assert "window" in words
    assert not words & {
        "password",
        "secret",
        "token",
        "credential",
        "credentials",
        "url",
        "passwd",
        "apikey",
    }
    assert (
        load_profile("production", PROFILES, SECRETS).describe() == load_profile("production", PROFILES, {}).describe()
    )
