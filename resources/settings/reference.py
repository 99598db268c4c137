"""Settings of daily_prices, securities and indices: the universe (SPEC §4)."""

from pydantic import Field

from resources.settings.base import Section


class ReferenceSettings(Section):
    """What `daily_prices`, `securities` and `indices` are handed."""

    min_listed_days: int = Field(
        120,
        ge=1,
        le=10_000,
        description="Trading days since listing (the listing day is 1) from which a name is in U(t). SPEC §4",
    )
    no_limit_from: float = Field(
        10_000.0,
        gt=0,
        le=1e12,
        description="A delivered limit_up of so many yuan or more says that the name has no limit on that day, as 0 does. SPEC §6",
    )
