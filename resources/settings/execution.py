"""Settings of how targets are traded and what it costs; what is not SPEC's plain rule is off by default (SPEC §6)."""

import datetime as dt
from typing import Literal

from pydantic import Field

from resources.settings.base import Day, Section
from resources.settings.fills import FillSettings


class Fee(Section):
    """One charge on traded value from a day on; of two rows of one name the later one holds."""

    name: str = Field(description="What is charged: stamp_duty, commission …")
    since: Day = Field(description="First trade day on which the rate holds.")
    rate: float = Field(ge=0, lt=1, description="Fraction of the traded value.")
    sides: Literal["both", "buys", "sells"] = Field("both", description="Which trades pay it.")


# Stamp duty: since 2008-09-19 the seller alone pays; halved from 2023-08-28 (Ministry of Finance, 2023 No. 39).
# Commission: 2.5 bp with the exchanges' handling fees in it, what an institution pays. [c]
FEES = (
    Fee(name="stamp_duty", since=dt.date(2008, 9, 19), rate=0.001, sides="sells"),
    Fee(name="stamp_duty", since=dt.date(2023, 8, 28), rate=0.0005, sides="sells"),
    Fee(name="commission", since=dt.date(2008, 9, 19), rate=0.00025),
)


class ExecutionSettings(Section):
    """How orders are filled on the trade day."""

    fills: FillSettings = Field(
        FillSettings(), description="Who can't trade at the price limit; the factor legs follow the same rule. SPEC §6"
    )
    dated_fees: bool = Field(False, description="Pay `fees` by date and side instead of the flat `portfolios.cost`.")
    fees: tuple[Fee, ...] = Field(FEES, description="Charges by date and side, used where `dated_fees` is on. [c]")
    lots: bool = Field(
        False,
        description="Trade whole lots: 100 shares, on STAR at least 200 and then single shares; a whole position may "
        "always be sold.",
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
