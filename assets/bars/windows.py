"""Which days minute_bars reads beside its own. Nothing else; kept free of heavy imports because declarations import it."""

import datetime as dt

from resources.calendar import Calendar
from resources.lookback import Lookback
from resources.settings.bars import BarsSettings


@Lookback
def threshold_days(calendar: Calendar, key: dt.date, section: BarsSettings, start: dt.date) -> list[dt.date]:
    """The trading days before `key` whose orders set its large-order thresholds; never the day itself (SPEC §3)."""
    return _days_before(calendar, key, section.large_order_days, start)


@Lookback
def order_days(calendar: Calendar, key: dt.date, section: BarsSettings, start: dt.date) -> list[dt.date]:
    """The trading days before `key` whose orders show that orders are delivered, where that is asked, and the day itself."""
    count = section.order_days if section.expect_orders == "as_before" else 0
    return [*_days_before(calendar, key, count, start), key]


def _days_before(calendar: Calendar, key: dt.date, count: int, start: dt.date) -> list[dt.date]:
    back = min(count, calendar.index(key))
    return [day for n in range(-back, 0) if (day := calendar.offset(key, n)) >= start]
