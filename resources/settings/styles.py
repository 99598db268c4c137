"""Settings of the styles: every value that the sources leave open (SPEC §4)."""

from pydantic import Field

from resources.settings.base import Section


class StylesSettings(Section):
    """The settings of `styles`."""

    window: int = Field(
        20,
        ge=5,
        le=2500,
        description="Trading days of turnover, reversal and volatility, including the day itself. SPEC §4",
    )
    min_share: float = Field(
        0.75, gt=0, le=1, description="Share of the window's days on which a stock must have traded. SPEC §4"
    )
    clip_std: float = Field(
        3.0, gt=0, le=100, description="Standard deviations at which a style is clipped before its z-score. SPEC §4"
    )
    low_book_share: float = Field(
        0.3,
        gt=0,
        lt=0.5,
        description="Share of stocks by book/total_mv in the lowest and in the highest group. SPEC §4",
    )
    min_book_coverage: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of U(t) with positive book equity that the 2×3 sorts need; below it volatility is the std of "
        "the window's returns. SPEC §4",
    )
