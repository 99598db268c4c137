"""The tiny market and its whole chain, built once in a session and read by every worker; and the fake tables in Dagster."""

import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from orchestration import definitions
from orchestration.platform import PROFILES, Names, open_builder
from orchestration.prove import Contents, build_at_once, contents, every_partition, spread_cuts
from resources.builder import Builder
from resources.landing import LandingZone
from resources.settings.load import load_profile
from tests.once import once
from tests.orchestration.chain import build_chain, of_weeks
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
def reported(tiny_market: Path, days: list[dt.date], world) -> list[dt.date]:
    """The weeks whose reports `full_lake` holds: the last complete one before the middle of the market, and the last one."""
    calendar = world(tiny_market, tiny_market.parent / "never").calendar
    middle = spread_cuts(days, 3)[1]
    weeks = calendar.weeks(calendar.week_of(days[0]), calendar.week_of(days[-1]))
    return [[week for week in weeks if calendar.signal_day(week) <= middle][-1], weeks[-1]]


@pytest.fixture(scope="session")
def full_lake(
    tmp_path_factory: pytest.TempPathFactory, tiny_market: Path, days: list[dt.date], reported, world
) -> Path:
    """The lake of the whole chain, with the reports of the weeks `reported`. Tests only read it, or copy it."""

    def build(folder: Path) -> None:
        build_chain(world(tiny_market, folder / "lake"), days[-1], reported)

    return once(tmp_path_factory, "whole_chain", build) / "lake"


@pytest.fixture(scope="session")
def full(full_lake: Path, tiny_market: Path, days: list[dt.date], reported, world) -> Contents:
    """The content digest of each partition of `full_lake`."""
    builder = world(tiny_market, full_lake)
    return contents(builder, of_weeks(every_partition(builder, days[-1]), reported))


@pytest.fixture(scope="session")
def complete_lake(
    tmp_path_factory: pytest.TempPathFactory, full_lake: Path, tiny_market: Path, days: list[dt.date], world
) -> Path:
    """The lake of the whole chain with the report of every week, for slow tests. Tests only read it, or copy it."""

    def build(folder: Path) -> None:
        shutil.copytree(full_lake, folder / "lake")
        build_at_once(world(tiny_market, folder / "lake"), days[-1])

    return once(tmp_path_factory, "complete_chain", build) / "lake"


@pytest.fixture(scope="session")
def complete(complete_lake: Path, tiny_market: Path, days: list[dt.date], world) -> Contents:
    """The content digest of each partition of `complete_lake`."""
    builder = world(tiny_market, complete_lake)
    return contents(builder, every_partition(builder, days[-1]))


@pytest.fixture
def fake_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's definitions are those of the fake tables."""
    monkeypatch.setattr(definitions, "load_tables", lambda: WORLD)


def _generate(out: Path) -> None:
    from sample_market.__main__ import main

    main(["--profile", "tiny", "--out", str(out)])
