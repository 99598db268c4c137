"""Settings of the day indicators and the ten factors: every value that the sources leave open (SPEC §3, §4)."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from resources.named import PATH
from resources.settings.base import Section


class FactorsSettings(Section):
    """The settings of `day_indicators` and `factors`."""

    window: int = Field(
        20, ge=1, le=2500, description="T: trading days of a factor's window, including the day itself. SPEC §3"
    )
    min_days: int = Field(
        10, ge=1, le=2500, description="Valid days of the window below which a factor is null. SPEC §3"
    )
    drop_one_price_days: bool = Field(
        True, description="Days with high = low are invalid for factors 1, 2, 9 and 10. SPEC §3"
    )
    drop_limit_bars: bool = Field(
        True, description="Bars at the limit price are dropped from buying intention (factors 3, 4). SPEC §3"
    )
    min_intention_bars: int = Field(
        15, ge=1, le=30, description="Bars of the opening half hour that buying-intention strength needs. SPEC §3"
    )
    large_trade_share: float = Field(
        0.3, gt=0, le=1, description="Share of a day's traded bars that count as large-trade bars (factor 10). SPEC §3"
    )
    drop_flat_days: bool = Field(
        False,
        description="Drop days with too many unchanged bars from factors 9, 10; the coverage lost is noted. SPEC §3",
    )
    flat_share_limit: float = Field(
        0.25, ge=0, le=1, description="Share of unchanged bars above which drop_flat_days drops a day. SPEC §3"
    )
    clip_std: float = Field(
        3.0, gt=0, le=100, description="Standard deviations at which a factor is clipped before its z-score. SPEC §4"
    )

    extra_factors: tuple[Annotated[str, Field(pattern=f"^{PATH}$")], ...] = Field(
        (),
        description="Factors of your own: module:function of a day's value per stock, signed so that high is good. The factor has the "
        "function's name; it is averaged over the window and orthogonalised like the ten factors (docs/extending.md). Empty: none",
    )

    @model_validator(mode="after")
    def _days_of_the_window(self) -> Self:
        if self.min_days > self.window:
            raise ValueError(
                f"min_days = {self.min_days} is more than window = {self.window}: every factor would be null"
            )
        return self
