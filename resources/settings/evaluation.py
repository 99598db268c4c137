"""Settings of the factors' evaluation."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from resources.settings.base import Section


class EvaluationSettings(Section):
    """The horizons of the evaluation, and the number of stocks that a statistic needs."""

    horizons: tuple[Annotated[int, Field(ge=1, le=52)], ...] = Field(
        (1, 2, 3, 4, 8),
        min_length=1,
        description="Weeks of the returns with which a signal is correlated; the first is the holding period. Our choice",
    )
    min_names: int = Field(
        20,
        ge=10,
        le=10_000,
        description="Least number of stocks for a statistic; with fewer it is n/a, since ten deciles need at least ten. Our choice",
    )

    @model_validator(mode="after")
    def _from_one_week_up(self) -> Self:
        if self.horizons[0] != 1 or list(self.horizons) != sorted(set(self.horizons)):
            raise ValueError(f"horizons {self.horizons} must ascend from 1, the holding period, without repetition")
        return self
