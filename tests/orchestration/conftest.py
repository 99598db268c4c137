"""The tiny market and its whole chain, built once in a session and read by every worker; and the fake tables in Dagster."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from orchestration import definitions
from orchestration.platform import PROFILES, Names, open_builder
from orchestration.prove import Contents, build_at_once, contents, every_partition
from resources.builder import Builder
from resources.landing import LandingZone
from resources.settings.load import load_profile
from tests.once import once
from tests.orchestration.shown import WORLD

PROFILE = load_profile("tiny", PROFILES, {})


@pytest.fixture(scope="session", autouse=True)
def _migrations_are_read_once() -> Iterator[None]:
    """Dagster reads all its migrations for each database that it makes, one for each run, although they do not change."""
    read, known = ScriptDirectory.from_config, dict[str | None, ScriptDirectory]()

    def from_config(config: Config) -> ScriptDirectory:
        location = config.get_main_option("script_location")
        if location not in known:
            known[location] = read(config)
        return known[location]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ScriptDirectory, "from_config", from_config)
        yield


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proofs")


@pytest.fixture(scope="session")
def tiny_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "tiny", lambda folder: _generate(folder / "market")) / "market"


@pytest.fixture(scope="session")
def days(tiny_market: Path) -> list[dt.date]:
    return LandingZone(tiny_market).days()


@pytest.fixture(scope="session")
def world() -> Callable[[Path, Path], Builder]:
    """Opens a builder on a market and a lake under the tiny profile."""

    def open_world(market: Path, lake: Path) -> Builder:
        return open_builder(Names(str(market), str(lake), ""), profile=PROFILE, say=lambda line: None)

    return open_world


@pytest.fixture(scope="session")
def full_lake(tmp_path_factory: pytest.TempPathFactory, tiny_market: Path, days: list[dt.date], world) -> Path:
    """The lake of the whole chain. Tests only read it, or copy it."""

    def build(folder: Path) -> None:
        build_at_once(world(tiny_market, folder / "lake"), days[-1])

    return once(tmp_path_factory, "whole_chain", build) / "lake"


@pytest.fixture(scope="session")
def full(full_lake: Path, tiny_market: Path, days: list[dt.date], world) -> Contents:
    """The content digest of each partition of `full_lake`."""
    builder = world(tiny_market, full_lake)
    return contents(builder, every_partition(builder, days[-1]))


@pytest.fixture
def fake_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's definitions are those of the fake tables."""
    monkeypatch.setattr(definitions, "load_tables", lambda: WORLD)


def _generate(out: Path) -> None:
    from sample_market.__main__ import main

    main(["--profile", "tiny", "--out", str(out)])
