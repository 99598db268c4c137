"""Settings of the factor groups' daily returns."""

from pydantic import Field

from resources.settings.base import Section


class ReturnsSettings(Section):
    """How the long and short groups of a factor are formed."""

    group_share: float = Field(
        0.1, gt=0, le=0.5, description="Share of the full market in the long and in the short group. SPEC §7"
    )
