"""Settings of the lines: the same portfolios on other scores and other signal days."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, model_validator

from resources.settings.base import Name, Section

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")


class LinesSettings(Section):
    """The lines that are run beside the portfolios for both indices, with the portfolios' constraints and costs."""

    alphas: tuple[Name | tuple[Name, ...], ...] = Field(
        (),
        description="One line per entry: a factor key, or several keys whose mean is μ; e.g. [gru_50_1, [multi_granularity_5d, "
        "multi_granularity_10d]]. None by default. [c]",
    )
    weekdays: tuple[Weekday, ...] = Field(
        (),
        description="One offset path per weekday, whose signal day is that weekday (where it is a holiday, the week's last trading day "
        "before it, or else its first one), on the portfolios' own score by the model that is known then. The mean of several paths is "
        "a line too. None by default. [c]",
    )

    @model_validator(mode="after")
    def _once_each(self) -> "LinesSettings":
        if any(not keys_of(alpha) or len(set(keys_of(alpha))) < len(keys_of(alpha)) for alpha in self.alphas):
            raise ValueError("alphas: each entry must name one factor, or several without repetition")
        names = [line_name(keys_of(alpha)) for alpha in self.alphas]
        for what, given in (("alphas", names), ("weekdays", list(self.weekdays))):
            if len(set(given)) < len(given):
                raise ValueError(f"{what} lists a line twice: {', '.join(given)}")
        return self


def keys_of(alpha: str | Sequence[str]) -> tuple[str, ...]:
    """The factor keys whose mean is a line's μ."""
    return (alpha,) if isinstance(alpha, str) else tuple(alpha)


def line_name(keys: Sequence[str]) -> str:
    """The name of a score's line in the table."""
    return " + ".join(keys)
