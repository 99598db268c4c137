"""The Dagster code location: assets, checks, jobs, schedule, sensor. `build_defs` is the seam for tests and other hosts."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from orchestration.assets import PlatformResource, to_assets
from orchestration.jobs import make_jobs
from orchestration.platform import PROFILES, Names
from orchestration.sensors import make_schedule, make_sensor
from orchestration.tables import load_tables
from resources.calendar import Calendar
from resources.settings import Settings
from resources.settings.load import load_profile


def build_defs(
    *, resource_overrides: Mapping[str, Any] | None = None, settings: Settings | None = None
) -> dg.Definitions:
    """All definitions of the platform.

    resource_overrides: resources by key instead of those of the environment ("platform").
    settings: the tree that shapes the definitions (the calendar's extra holidays); by default the environment's.
    """
    settings = settings or load_profile(Names.of().settings, PROFILES).settings
    calendar = Calendar.xshg(settings.calendar)
    tables = load_tables()
    jobs = make_jobs(tables)
    return dg.Definitions(
        assets=to_assets(tables, calendar),
        jobs=jobs,
        schedules=[make_schedule()],
        sensors=[make_sensor()],
        resources={"platform": PlatformResource(), **(resource_overrides or {})},
    )


@dg.definitions
def defs() -> dg.Definitions:
    """What `dagster dev` and `dagster definitions validate` load; nothing happens at import."""
    return build_defs()
