"""One run's surroundings, opened from names: market, lake, settings. The only reader of the ZHOUBAO_* environment."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestration.tables import load_tables
from resources.builder import Builder
from resources.calendar import Calendar
from resources.errors import readable
from resources.lake import Lake
from resources.landing import LandingZone
from resources.settings.load import Profile, load_profile
from resources.symbols import StockCodes

ROOT = Path(__file__).resolve().parent.parent
PROFILES = Path(__file__).resolve().parent / "profiles"


@dataclass(frozen=True)
class Names:
    """Where things are. Unset: the sample market and ./lake, under the profile that goes with them."""

    market: str
    lake: str
    settings: str

    @classmethod
    def of(cls, market: str | None = None, lake: str | None = None, settings: str | None = None) -> "Names":
        """Arguments first, then the environment, then the defaults."""
        market = market or os.environ.get("ZHOUBAO_MARKET")
        settings = settings or os.environ.get("ZHOUBAO_SETTINGS") or ("production" if market else "sample")
        lake = lake or os.environ.get("ZHOUBAO_LAKE") or str(ROOT / "lake")
        return cls(*map(os.path.expanduser, (market or str(ROOT / "market"), lake, settings)))


def open_builder(names: Names, *, profile: Profile | None = None, say: Callable[[str], None] = print) -> Builder:
    """The builder for these names; `profile` instead of the named settings where a caller has one already."""
    profile = profile or load_profile(names.settings, PROFILES)
    lake = Lake(names.lake)
    stocks = StockCodes.of(profile.settings.rulebook.boards)
    zone = LandingZone(names.market, lake.store, profile.settings.landing, stocks)
    about = zone.about
    return Builder(
        tables=load_tables(),
        lake=lake,
        zone=zone,
        calendar=Calendar.xshg(profile.settings.calendar),
        settings=profile.settings,
        run_settings={
            **profile.describe(),
            "market": {"sample": bool(about.get("sample")), "name": str(about.get("name", readable(zone.root.name)))},
        },
        say=say,
    )
