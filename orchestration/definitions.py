"""The Dagster code location: assets, checks, jobs, schedule and sensors. Tests and other hosts call `build_defs`."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from orchestration.alerts import make_alert_sensors
from orchestration.assets import PlatformResource, to_assets
from orchestration.freshness import with_freshness
from orchestration.jobs import make_jobs
from orchestration.partitions import TIMEZONE, Partitions
from orchestration.platform import PROFILES, History, Names, is_left_alone, landed_history
from orchestration.sensors import make_schedule, make_sensors
from orchestration.tables import load_tables
from resources.calendar import Calendar
from resources.gate_changes import with_gates
from resources.settings import Settings
from resources.settings.load import Profile, load_profile


def build_defs(
    *, resource_overrides: Mapping[str, Any] | None = None, settings: Settings | None = None
) -> dg.Definitions:
    """Create all definitions of the platform.

    Args:
        resource_overrides: resources by key ("platform") in place of those of the environment.
        settings: the settings tree, which decides the partitions by its holidays and look-backs; by default that of the environment.
            With it the partitions are those of the known calendar, and else those of the history that has landed.

    Raises:
        SettingsError: the profile cannot be read, or a setting in it or in the environment is not valid.
    """
    history = None
    if settings is None:
        names = Names.of()
        profile = load_profile(names.settings, PROFILES)
        settings, history = profile.settings, _history(names, profile)
    tables = with_gates(load_tables(), settings.gates)
    running = is_left_alone()
    assets = to_assets(tables, Partitions(tables, Calendar.xshg(settings.calendar), settings, history))
    return dg.Definitions(
        assets=with_freshness(assets, tables, settings.alerts) if running else assets,
        jobs=make_jobs(tables),
        schedules=[make_schedule(running)],
        sensors=[*make_sensors(running, settings.sensors), *make_alert_sensors(running, settings.sensors)],
        resources={"platform": PlatformResource(), **(resource_overrides or {})},
        # A process per step, Dagster's default, takes about 2 s per step, and the steps of a run share the builder's caches.
        executor=dg.in_process_executor,
    )


def _history(names: Names, profile: Profile) -> History | None:
    """The history that has landed by today."""
    today = dt.datetime.now(ZoneInfo(TIMEZONE)).date()
    return landed_history(names, profile, Calendar.xshg(profile.settings.calendar), today)


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions that `dagster dev` and `dagster definitions validate` load. Importing the module has no effect."""
    return build_defs()
