"""Settings of the execution of targets and its costs. Everything beyond SPEC's rule is off by default (SPEC §6)."""

from pydantic import Field

from resources.settings.base import Section
from resources.settings.fills import FillSettings


class ExecutionSettings(Section):
    """How orders are filled on the trade day."""

    fills: FillSettings = Field(
        FillSettings(),
        description="The rule for orders at the price limit, which the factor legs follow too. SPEC §6",
    )
    dated_fees: bool = Field(
        False, description="Charge `rulebook.fees` by date and side instead of the flat `portfolios.cost`."
    )
    lots: bool = Field(
        False,
        description="Trade whole lots of the sizes in `rulebook.lots`; a whole position may always be sold.",
    )
    participation: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Largest share of a stock's tradable volume of the day that is traded; None: no limit.",
    )
    capital: float = Field(
        1e8,
        gt=0,
        le=1e15,
        description="Yuan with which the portfolio is built; only `lots` and `participation` use it. [c]",
    )
