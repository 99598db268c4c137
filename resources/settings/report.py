"""Settings of the weekly report."""

import datetime as dt
from typing import Literal

from pydantic import Field

from resources.settings.base import Day, Name, Section


class ReportSettings(Section):
    """The content and the language of the report. No setting here changes a return."""

    language: Literal["zh", "en"] = Field("zh", description="Language of the report. SPEC §8")
    relative: Literal["ratio", "difference"] = Field(
        "ratio",
        description="The relative return that the tables print: the ratio of the legs' wealth, or the difference of their returns; both "
        "are stored. SPEC §7",
    )
    chart_start: Day = Field(dt.date(2014, 1, 1), description="First day of the charts of factors 1–14. SPEC §7")
    chart_start_late: Day = Field(
        dt.date(2017, 1, 1), description="First day of the charts of factors 15, 16 and of the portfolios. SPEC §7"
    )
    unofficial_weights: tuple[Name, ...] = Field(
        (),
        description="Indices whose weights in the landing zone are not the publisher's but an approximation, such as 000852.SH; page one "
        "then states it.",
    )
    allow_failed_plausibility: bool = Field(
        False,
        description="Issue the report although a plausibility check failed in a partition that it is made from; page one then states "
        "it. False: the report is refused with the list of failures. [c]",
    )
    pdf: bool = Field(True, description="Also print report.pdf.")
