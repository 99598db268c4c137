"""The tiny market and its whole chain, built once for each worker."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestration.platform import PROFILES, Names, open_builder
from orchestration.prove import build_at_once
from resources.builder import Builder
from resources.landing import LandingZone
from resources.settings.load import load_profile

PROFILE = load_profile("tiny", PROFILES, {})


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proofs")


@pytest.fixture(scope="session")
def tiny_market(work: Path) -> Path:
    from sample_market.__main__ import main

    main(["--profile", "tiny", "--out", str(work / "market")])
    return work / "market"


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
def full(tiny_market: Path, days: list[dt.date], work: Path, world):
    return build_at_once(world(tiny_market, work / "full"), days[-1])
