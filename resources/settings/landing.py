"""Settings of the landing zone: when a delivery counts as finished."""

from pydantic import Field

from resources.settings.base import Section


class LandingSettings(Section):
    """What the unattended run waits for. No table is handed this section: it changes when a week is built, never what of."""

    settle_minutes: float = Field(
        10.0,
        ge=0,
        description="The sensor starts a week only when none of its files has changed for so long: a copy may still be going on.",
    )
