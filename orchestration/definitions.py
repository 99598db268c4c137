"""The Dagster code location: assets, checks, jobs, schedule and sensor. Tests and other hosts call `build_defs`."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.assets import PlatformResource, to_assets
from orchestration.jobs import make_jobs
from orchestration.platform import PROFILES, Names, is_left_alone
from orchestration.sensors import make_schedule, make_sensors
from orchestration.tables import load_tables
from resources.calendar import Calendar
from resources.settings import Settings
from resources.settings.load import load_profile


def build_defs(
    *, resource_overrides: Mapping[str, Any] | None = None, settings: Settings | None = None
) -> dg.Definitions:
    """Create all definitions of the platform.

    Args:
        resource_overrides: resources by key ("platform") in place of those of the environment.
        settings: the settings tree, which decides the partitions by its holidays; by default that of the environment.

    Raises:
        SettingsError: the profile cannot be read, or a setting in it or in the environment is not valid.
    """
    settings = settings or load_profile(Names.of().settings, PROFILES).settings
    calendar = Calendar.xshg(settings.calendar)
    tables = load_tables()
    jobs = make_jobs(tables)
    running = is_left_alone()
    return dg.Definitions(
        assets=to_assets(tables, calendar),
        jobs=jobs,
        schedules=[make_schedule(running)],
        sensors=make_sensors(running),
        resources={"platform": PlatformResource(), **(resource_overrides or {})},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions that `dagster dev` and `dagster definitions validate` load. Importing the module has no effect."""
    return build_defs()
