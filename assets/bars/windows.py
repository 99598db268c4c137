"""The look-backs of minute_bars: the days that it reads beside its own. Declarations import this module, so it has no heavy imports."""

import datetime as dt

from resources.calendar import Calendar
from resources.lookback import Lookback
from resources.settings.bars import BarsSettings


@Lookback
def threshold_days(calendar: Calendar, key: dt.date, section: BarsSettings, start: dt.date) -> list[dt.date]:
    """Return the trading days before `key` from whose orders its large-order thresholds are computed (SPEC §3)."""
    return _days_before(calendar, key, section.large_order_days, start)


@Lookback
def order_days(calendar: Calendar, key: dt.date, section: BarsSettings, start: dt.date) -> list[dt.date]:
    """Return `key` and, if bars.expect_orders is 'as_before', the trading days before it that show whether orders are delivered."""
    count = section.order_days if section.expect_orders == "as_before" else 0
    return [*_days_before(calendar, key, count, start), key]


def _days_before(calendar: Calendar, key: dt.date, count: int, start: dt.date) -> list[dt.date]:
    back = min(count, calendar.index(key))
    return [day for n in range(-back, 0) if (day := calendar.offset(key, n)) >= start]
