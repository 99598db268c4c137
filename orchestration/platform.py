"""The environment of a run: market, lake and settings, opened from their names.

This module resolves ZHOUBAO_MARKET, ZHOUBAO_LAKE, ZHOUBAO_SETTINGS and ZHOUBAO_KEY_PREFIX. resources/settings/load.py reads
ZHOUBAO__SECTION__KEY.
"""

import argparse
import dataclasses
import datetime as dt
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestration.tables import load_tables
from resources.builder import Builder
from resources.calendar import Calendar
from resources.engine import Engine
from resources.errors import SettingsError, ZhoubaoError, readable
from resources.gate_changes import describe_gates, with_gates
from resources.lake import Lake
from resources.landing import LandingZone
from resources.ray_engine import Ray, shares
from resources.settings.load import Profile, code_paths, load_profile
from resources.symbols import StockCodes
from resources.worker import Opening, TaskZone
from resources.worker_pool import Processes, share

ROOT = Path(__file__).resolve().parent.parent
PROFILES = Path(__file__).resolve().parent / "profiles"
_GROWS_WITHIN = dt.timedelta(days=31)


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

    @classmethod
    def of_options(cls, options: argparse.Namespace) -> "Names":
        """Resolve the names from the options of `add_names`."""
        return cls.of(options.market, options.lake, options.profile)


def add_names(parser: argparse.ArgumentParser) -> None:
    """Add the options --profile, --market and --lake, which `Names.of_options` reads."""
    parser.add_argument("--profile", help="a profile's name or a settings file")
    parser.add_argument("--market", help="the landing zone")
    parser.add_argument("--lake", help="a folder or an s3:// URL")


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


def key_prefix() -> str:
    """The prefix of this code location's names in Dagster, from ZHOUBAO_KEY_PREFIX; "" by default.

    Raises:
        SettingsError: it has other characters than letters, digits and underscores.
    """
    prefix = os.environ.get("ZHOUBAO_KEY_PREFIX", "")
    if not re.fullmatch(r"(?a:\w*)", prefix):
        raise SettingsError(
            f"ZHOUBAO_KEY_PREFIX={prefix} is no prefix of names in Dagster. Use letters, digits and underscores only."
        )
    return prefix


@dataclass(frozen=True)
class History:
    """The days of a market for which partitions exist.

    minutes: the first day of minute data. reference: the first day of tables with `history = "reference"`. last: the newest day of
    minute data, or `landing.expected_until`. today: the day on which the definitions are loaded. grows: whether further days are
    expected as they pass, up to the end of the known calendar.
    """

    minutes: dt.date
    reference: dt.date
    last: dt.date
    today: dt.date
    grows: bool = False


def landed_history(names: Names, profile: Profile, calendar: Calendar, today: dt.date) -> History | None:
    """The history that has landed in a market; None where there is no market, or it cannot be read, or nothing has landed.

    The history grows if its newest day is at most 31 days before `today`. A market that ended long ago, or that is dated after
    `today`, ends with its newest day. `landing.expected_until` overrides this.
    """
    stocks = StockCodes.of(profile.settings.rulebook.boards)
    try:
        zone = LandingZone(names.market, settings=profile.settings.landing, stocks=stocks)
        days = [day for day in zone.days() if day <= calendar.known_until and calendar.is_trading_day(day)]
        if not days:
            return None
        reference = zone.first_reference_day() or days[0]
    except (ZhoubaoError, OSError):
        return None  # the run or the sensor reports it
    expected = profile.settings.landing.expected_until
    if expected is not None:
        return History(days[0], reference, min(max(days[-1], expected), calendar.known_until), today)
    return History(days[0], reference, days[-1], today, grows=today - _GROWS_WITHIN <= days[-1] <= today)


def open_builder(names: Names, *, profile: Profile | None = None, say: Callable[[str], None] = print) -> Builder:
    """Open the builder for these names.

    Args:
        names: where market and lake are, and which settings apply.
        profile: a loaded profile in place of the named settings.
        say: receives progress lines.

    Raises:
        InputError: there is no landing zone at the named folder.
        LakeError: the lake's name is neither a folder nor an s3:// URL.
        SettingsError: the settings cannot be read or are not valid, or change a check that no table declares.
    """
    profile = profile or load_profile(names.settings, PROFILES)
    return _open(names, profile, LandingZone, _engine(names, profile), say)


def _engine(names: Names, profile: Profile) -> Engine | None:
    """The engine that the settings name; None for the one of this process."""
    execution = profile.settings.execution
    if execution.engine == "inline":
        return None
    named = {path.partition(".")[0].partition(":")[0] for _, path in code_paths(profile.settings)}
    workers, threads = shares(execution) if execution.engine == "ray" else share(execution)
    opening = Opening.of(f"{__name__}:open_worker", (names, profile, threads), tuple(named))
    return Ray(opening, execution) if execution.engine == "ray" else Processes(opening, workers, threads)


def open_worker(names: Names, profile: Profile, threads: int, say: Callable[[str], None]) -> Builder:
    """Open the builder of a worker process, for the names and the loaded profile of its coordinator.

    A worker trains no more networks at a time than it has threads, so that workers do not compete for cores.
    """
    models = profile.settings.models
    capped = {key: row.model_copy(update={"threads": min(row.threads, threads)}) for key, row in models.rows.items()}
    settings = profile.settings.model_copy(update={"models": models.model_copy(update=capped)})
    return _open(names, dataclasses.replace(profile, settings=settings), TaskZone, None, say)


def _open(
    names: Names, profile: Profile, kind: type[LandingZone], engine: Engine | None, say: Callable[[str], None]
) -> Builder:
    lake = Lake(names.lake, profile.settings.lake)
    stocks = StockCodes.of(profile.settings.rulebook.boards)
    zone = kind(names.market, lake.store, profile.settings.landing, stocks)
    about = zone.about
    tables = with_gates(load_tables(), profile.settings.gates)
    return Builder(
        tables=tables,
        lake=lake,
        zone=zone,
        calendar=Calendar.xshg(profile.settings.calendar),
        settings=profile.settings,
        run_settings={
            **profile.describe(describe_gates(tables)),
            "market": {"sample": bool(about.get("sample")), "name": str(about.get("name", readable(zone.root.name)))},
        },
        engine=engine,
        say=say,
    )
