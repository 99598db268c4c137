"""Settings of how targets are traded and what it costs; what is not SPEC's plain rule is off by default (SPEC §6)."""

from pydantic import Field

from resources.settings.base import Section
from resources.settings.fills import FillSettings


class ExecutionSettings(Section):
    """How orders are filled on the trade day."""

    fills: FillSettings = Field(
        FillSettings(), description="Who can't trade at the price limit; the factor legs follow the same rule. SPEC §6"
    )
    dated_fees: bool = Field(False, description="Pay `rulebook.fees` by date and side, not the flat `portfolios.cost`.")
    lots: bool = Field(
        False,
        description="Trade whole lots, of the sizes in `rulebook.lots`; a whole position may always be sold.",
    )
    participation: float | None = Field(
        None, gt=0, le=1, description="Largest share of a name's tradable volume of the day that is traded; None: all."
    )
    capital: float = Field(
        1e8,
        gt=0,
        le=1e15,
        description="Yuan that the portfolio is built with, used by `lots` and `participation` alone. [c]",
    )
