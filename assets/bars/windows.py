"""Which earlier days minute_bars reads. Nothing else; kept free of heavy imports because declarations import it."""

import datetime as dt

from resources.calendar import Calendar
from resources.settings.bars import BarsSettings


def threshold_days(calendar: Calendar, key: dt.date, section: BarsSettings, start: dt.date) -> list[dt.date]:
    """The trading days before `key` whose orders set its large-order thresholds; never the day itself (SPEC §3)."""
    back = min(section.large_order_days, calendar.index(key))
    return [day for n in range(-back, 0) if (day := calendar.offset(key, n)) >= start]
