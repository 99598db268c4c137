"""Settings of the attribution of a portfolio's weekly excess."""

from pydantic import Field

from resources.settings.base import Section


class AttributionSettings(Section):
    """How a week's returns are split into industries, styles and selection."""

    names_per_factor: float = Field(
        2.0,
        ge=1,
        le=1000,
        description="Least number of stocks per coefficient for the cross-sectional regression on industries and styles; with fewer, "
        "both are n/a and their part of the return is in selection. [c]",
    )
