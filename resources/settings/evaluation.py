"""Settings of the factors' evaluation."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from resources.settings.base import Section


class EvaluationSettings(Section):
    """Over which horizons a score is judged, and on how few names not at all."""

    horizons: tuple[Annotated[int, Field(ge=1, le=52)], ...] = Field(
        (1, 2, 3, 4, 8),
        min_length=1,
        description="Weeks of the returns that a signal is correlated with; the first is the holding period. Our choice",
    )
    min_names: int = Field(
        20,
        ge=10,
        le=10_000,
        description="A statistic of fewer names is n/a: it would be noise, and ten deciles need ten. Our choice",
    )

    @model_validator(mode="after")
    def _from_one_week_up(self) -> Self:
        if self.horizons[0] != 1 or list(self.horizons) != sorted(set(self.horizons)):
            raise ValueError(f"horizons {self.horizons} must rise from 1, the holding period, and name each week once")
        return self
