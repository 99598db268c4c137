"""Settings of the trading calendar: holidays that the published calendar does not contain."""

from typing import Literal, Self

from pydantic import Field, model_validator

from resources.settings.base import Day, Section

Statutory = Literal[
    "new_year", "spring_festival", "qingming", "labour_day", "dragon_boat", "mid_autumn", "national_day"
]


class CalendarSettings(Section):
    """Holidays that the exchanges announced after the release of the published calendar, the XSHG of `exchange_calendars`."""

    extra_holidays: tuple[Day, ...] = Field(
        (), description="Trading days of the published calendar that the exchanges have since declared holidays."
    )
    announced_until: Day | None = Field(
        None,
        description="Last day for which the exchanges have announced their holidays, usually 31 December. After the end of the "
        "published calendar every weekday up to this day is a trading day unless announced_holidays names it. None: only the "
        "published calendar is used",
    )
    announced_holidays: tuple[Day, ...] = Field(
        (),
        description="The announced holidays after the end of the published calendar. Weekends and 1 January need no entry: the "
        "exchanges never trade on them, not even on a weekend that the State Council makes a working day",
    )
    statutory_holidays: tuple[Statutory, ...] = Field(
        ("new_year", "spring_festival", "qingming", "labour_day", "dragon_boat", "mid_autumn", "national_day"),
        description="The statutory holidays of which announced_holidays must name every weekday up to announced_until, and enough "
        "weekdays around them to replace those on a weekend. Change this when the law changes",
    )
    warn_days: int = Field(
        60,
        ge=0,
        le=400,
        description="A run warns when the known calendar ends at most this many days after the newest data.",
    )

    @model_validator(mode="after")
    def _announced_in_time(self) -> Self:
        if self.announced_holidays and self.announced_until is None:
            raise ValueError("announced_holidays needs announced_until, the last day that the announcement covers")
        late = [
            day for day in self.announced_holidays if self.announced_until is not None and day > self.announced_until
        ]
        if late:
            raise ValueError(
                f"announced_holidays names {', '.join(map(str, late))}, after announced_until = {self.announced_until}"
            )
        return self
