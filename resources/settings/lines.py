"""Settings of the lines of robustness: the same portfolios on other scores and other days."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from resources.settings.base import Name, Section

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")


class LinesSettings(Section):
    """Which lines are run beside the portfolios, for both indices, under the portfolios' own constraints and costs."""

    alphas: tuple[Name | tuple[Name, ...], ...] = Field(
        (),
        description="One line for each: a factor key, or several whose mean is μ; e.g. [gru_50_1, [multi_granularity_5d, "
        "multi_granularity_10d]]. None by default. [c]",
    )
    weekdays: tuple[Weekday, ...] = Field(
        (),
        description="One offset path for each, whose signal day is that weekday (where it is a holiday, the week's last trading "
        "day before it, else its first), on the portfolios' own score by the model known then; of several their mean is a "
        "line too. None by default. [c]",
    )

    @model_validator(mode="after")
    def _once_each(self) -> "LinesSettings":
        if any(not keys_of(alpha) or len(set(keys_of(alpha))) < len(keys_of(alpha)) for alpha in self.alphas):
            raise ValueError("alphas: each line names a factor, or several once each")
        names = [line_name(keys_of(alpha)) for alpha in self.alphas]
        for what, given in (("alphas", names), ("weekdays", list(self.weekdays))):
            if len(set(given)) < len(given):
                raise ValueError(f"{what} lists a line twice: {', '.join(given)}")
        return self


def keys_of(alpha: str | Sequence[str]) -> tuple[str, ...]:
    """The keys whose mean is a line's μ."""
    return (alpha,) if isinstance(alpha, str) else tuple(alpha)


def line_name(keys: Sequence[str]) -> str:
    """What the line of a score is called in the table."""
    return " + ".join(keys)
