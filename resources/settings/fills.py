"""Settings of the one rule that says who can't trade at the price limit, for portfolios and factor legs alike (SPEC §6)."""

from typing import Literal

from pydantic import Field

from resources.settings.base import Section


class FillSettings(Section):
    """When a price limit keeps an order from being filled. The report says in words which rule is in force."""

    rule: Literal["daily", "minutes"] = Field(
        "daily",
        description="daily: low = limit-up price can't be bought, high = limit-down price can't be sold. minutes: what the "
        "trade day's minute bars show decides (`min_inside_share`), and the daily rule where there are none. SPEC §6",
    )
    min_inside_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Under the rule minutes: share of the day's volume that must trade strictly below limit-up for a buy, above "
        "limit-down for a sell; with less the order is blocked. [c]",
    )
