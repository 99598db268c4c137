"""The environment of a run: market, lake and settings, opened from their names.

This module resolves ZHOUBAO_MARKET, ZHOUBAO_LAKE and ZHOUBAO_SETTINGS. resources/settings/load.py reads ZHOUBAO__SECTION__KEY.
"""

import json
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
    """The landing zone (a folder), the lake (a folder or an s3:// URL) and the settings (a profile's name or a file)."""

    market: str
    lake: str
    settings: str

    @classmethod
    def of(cls, market: str | None = None, lake: str | None = None, settings: str | None = None) -> "Names":
        """Resolve the names: the arguments first, then the environment, then the defaults.

        The defaults are the sample market, ./lake, and the profile `sample`, or `production` where a market is named.
        """
        market = market or os.environ.get("ZHOUBAO_MARKET")
        settings = settings or os.environ.get("ZHOUBAO_SETTINGS") or ("production" if market else "sample")
        lake = lake or os.environ.get("ZHOUBAO_LAKE") or str(ROOT / "lake")
        return cls(*map(os.path.expanduser, (market or str(ROOT / "market"), lake, settings)))


def is_left_alone() -> bool:
    """Whether sensors and schedules run by default: a market is named in the environment, and it is no sample market."""
    market = os.environ.get("ZHOUBAO_MARKET")
    if not market:
        return False
    try:
        about = json.loads((Path(market).expanduser() / "market.json").read_text("utf-8"))
    except (OSError, ValueError):
        return True
    return not (isinstance(about, dict) and about.get("sample"))


def open_builder(names: Names, *, profile: Profile | None = None, say: Callable[[str], None] = print) -> Builder:
    """Open the builder for these names.

    Args:
        names: where market and lake are, and which settings apply.
        profile: a loaded profile in place of the named settings.
        say: receives progress lines.

    Raises:
        InputError: there is no landing zone at the named folder.
        LakeError: the lake's name is neither a folder nor an s3:// URL.
        SettingsError: the settings cannot be read or are not valid.
    """
    profile = profile or load_profile(names.settings, PROFILES)
    lake = Lake(names.lake, profile.settings.lake)
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
