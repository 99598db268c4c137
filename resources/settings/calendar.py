"""Settings of the trading calendar."""

import datetime as dt

from pydantic import Field

from resources.settings.base import Section


class CalendarSettings(Section):
    """What the published XSHG calendar does not know yet."""

    extra_holidays: tuple[dt.date, ...] = Field(
        (), description="Sessions of the published calendar that the exchanges have since declared holidays."
    )
