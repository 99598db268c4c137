"""Settings of the comparison of each day's distributions with those of the trading days before."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from resources.settings.base import Day, Name, Section

Limit = Annotated[float, Field(gt=0, le=1e9)]
ShiftKind = Literal["coverage", "null_share", "quantile", "rank_ic", "turnover"]
KINDS: tuple[str, ...] = get_args(ShiftKind)


class ApprovedShift(Section):
    """A shift that somebody has examined and found to be real. It warns and no longer stops, whatever its distance."""

    first_day: Day = Field(
        description="First day of the shift. The statistics of a week have the week's last trading day."
    )
    last_day: Day = Field(description="Last day of the shift.")
    kind: ShiftKind | None = Field(None, description="Kind of the shift; none stands for every kind.")
    table: Name | None = Field(
        None, description="minute_bars, factors or evaluation, as in distribution_shifts; none stands for every table."
    )
    item: Name | None = Field(None, description="Column or factor; none stands for every one.")
    why: Name = Field(description="Reason of the approval, which the report prints with the warning.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first_day > self.last_day:
            raise ValueError(f"first_day = {self.first_day} must not be after last_day = {self.last_day}")
        return self


class DistributionsSettings(Section):
    """The settings of `distribution_shifts`.

    A distance is (value − median) / max(1.4826 MAD, floor), where median and median absolute deviation (MAD) are those of the earlier days
    or weeks (SPEC §7). At more than `…_warning` a check warns; at more than `…_stop` the week is refused, and neither portfolios nor the
    report are made from it.
    """

    days: int = Field(
        60, ge=5, le=2500, description="Trading days before a day with which its statistics are compared."
    )
    least_days: int = Field(
        20,
        ge=2,
        le=2500,
        description="Least number of these trading days with a value; with fewer the distance is n/a.",
    )
    weeks: int = Field(
        12,
        ge=3,
        le=520,
        description="Weeks of the earlier RankICs, autocorrelations and turnovers with which those of a week are compared.",
    )
    least_weeks: int = Field(
        8,
        ge=2,
        le=520,
        description="Weeks of these with a value that a comparison needs at least; with fewer it is n/a.",
    )
    ic_weeks: int = Field(
        4,
        ge=1,
        le=52,
        description="Weeks of the mean RankIC that is compared with the RankICs of the weeks before them.",
    )
    coverage_warning: Limit = Field(
        15.0,
        description="Distance below the median from which fewer stocks with a value are a warning; 1 is at least one percentage point of "
        "the stocks that traded, or 3 % of the number of stocks.",
    )
    coverage_stop: Limit = Field(30.0, description="The same distance from which the week is refused.")
    null_share_warning: Limit = Field(
        15.0,
        description="Distance above the median from which more nulls in a column are a warning; 1 is at least one percentage point of the rows.",
    )
    null_share_stop: Limit = Field(30.0, description="The same distance from which the week is refused.")
    quantile_warning: Limit = Field(
        8.0,
        description="Distance on either side from which a quantile of a bar column or a factor is a warning; 1 is at least a tenth of the "
        "distance between the 25 % and 75 % quantiles.",
    )
    quantile_stop: Limit = Field(25.0, description="The same distance from which the week is refused.")
    rank_ic_warning: Limit = Field(
        4.0,
        description="Distance on either side from which a mean RankIC is a warning; 1 is at least 0.1 over the square root of ic_weeks.",
    )
    rank_ic_stop: Limit = Field(8.0, description="The same distance from which the week is refused.")
    turnover_warning: Limit = Field(
        8.0,
        description="Distance on either side from which the autocorrelation of a factor or score with the week before, or the turnover of "
        "its top decile, is a warning; 1 is at least 0.1.",
    )
    turnover_stop: Limit = Field(12.0, description="The same distance from which the week is refused.")
    approved: tuple[ApprovedShift, ...] = Field(
        (),
        description="Shifts that were examined and are real: they warn, with the reason of the approval, and refuse no week.",
    )

    def limits(self, kind: str) -> tuple[float, float]:
        """The distances at which a kind of shift warns and stops."""
        return getattr(self, f"{kind}_warning"), getattr(self, f"{kind}_stop")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for kind in KINDS:
            warning, stop = self.limits(kind)
            if warning > stop:
                raise ValueError(f"{kind}_warning = {warning} must not be above {kind}_stop = {stop}")
        for least, most in (("least_days", "days"), ("least_weeks", "weeks")):
            if getattr(self, least) > getattr(self, most):
                raise ValueError(f"{least} = {getattr(self, least)} must not be above {most} = {getattr(self, most)}")
        return self
