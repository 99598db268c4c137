"""Settings of the rule for orders at the price limit, which portfolios and factor legs share (SPEC §6)."""

from typing import Literal

from pydantic import Field

from resources.settings.base import Section


class FillSettings(Section):
    """When a price limit blocks an order. The report states the rule in words."""

    rule: Literal["daily", "minutes"] = Field(
        "daily",
        description="daily: a stock with low = limit-up price cannot be bought, one with high = limit-down price cannot be sold. minutes: "
        "the trade day's minute bars decide (`min_inside_share`), or the daily rule where there are none. SPEC §6",
    )
    min_inside_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="With the rule minutes, the share of the day's volume that must trade strictly below limit-up for a buy, or above "
        "limit-down for a sell; with less, the order is blocked. [c]",
    )
