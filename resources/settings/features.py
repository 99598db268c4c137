"""Settings of the bar and daily features (SPEC §5.1)."""

from pydantic import Field

from resources.settings.base import Section


class FeaturesSettings(Section):
    """The settings of `bar_features` and `daily_features`."""

    large_trade_share: float = Field(
        0.3,
        gt=0,
        le=1,
        description="Share of a bar's traded minutes that count as large, by amount per trade. SPEC §5.1",
    )
    edge_minutes: int = Field(
        5,
        ge=1,
        le=30,
        description="Minutes at a bar's beginning and end for the first and last share of amount. SPEC §5.1",
    )
    min_window_share: float = Field(
        0.75, gt=0, le=1, description="Share of a window's days that a daily statistic needs. SPEC §4"
    )
