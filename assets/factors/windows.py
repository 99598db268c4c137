"""The look-back of the factors and the columns that each of them needs.

The module imports nothing heavy, because the declarations in assets.py import it.
"""

import datetime as dt

from resources.calendar import Calendar
from resources.lookback import Lookback, days
from resources.settings.factors import FactorsSettings

# Day indicator → the columns it requires, those that are missing most often first.
INDICATOR_NEEDS: dict[str, tuple[str, ...]] = {
    "skewness": ("minute_bars.close",),
    "downside_volatility_share": ("minute_bars.close",),
    "buying_intention_share": (
        "minute_bars.net_bid_change",
        "minute_bars.buy_amount",
        "minute_bars.amount",
        "minute_bars.at_limit_up",
    ),
    "buying_intention_strength": (
        "minute_bars.net_bid_change",
        "minute_bars.buy_amount",
        "minute_bars.at_limit_up",
    ),
    "large_net_buy": ("minute_bars.large_buy_amount",),
    "open_amount": ("minute_bars.amount",),
    "post_open_growth": ("minute_bars.close",),
    "closing_volume_share": ("minute_bars.volume",),
    "outflow_per_trade": ("minute_bars.trades", "minute_bars.amount"),
    "large_trade_growth": ("minute_bars.trades", "minute_bars.amount"),
    "flat_share": ("minute_bars.close",),
}
OF_EVERY_FACTOR = ("styles.in_universe", "styles.total_mv")
# Factor → the columns it requires; where one of them is n/a, the factor is n/a with the same reason.
NEEDS: dict[str, tuple[str, ...]] = {
    "skewness": ("day_indicators.skewness", "styles.in_universe", "styles.total_mv"),
    "downside_volatility_share": ("day_indicators.downside_volatility_share", "styles.in_universe", "styles.total_mv"),
    "buying_intention_share": ("day_indicators.buying_intention_share", "styles.in_universe", "styles.total_mv"),
    "buying_intention_strength": ("day_indicators.buying_intention_strength", "styles.in_universe", "styles.total_mv"),
    "large_order_net_buy_share": (
        "day_indicators.large_net_buy",
        "day_indicators.open_amount",
        "styles.in_universe",
        "styles.total_mv",
    ),
    "large_order_net_buy_strength": ("day_indicators.large_net_buy", "styles.in_universe", "styles.total_mv"),
    "improved_reversal": ("day_indicators.post_open_growth", "styles.in_universe", "styles.total_mv"),
    "closing_volume_share": ("day_indicators.closing_volume_share", "styles.in_universe", "styles.total_mv"),
    "outflow_per_trade": ("day_indicators.outflow_per_trade", "styles.in_universe", "styles.total_mv"),
    "large_trade_gain": ("day_indicators.large_trade_growth", "styles.in_universe", "styles.total_mv"),
}


@Lookback
def window_days(calendar: Calendar, key: dt.date, settings: FactorsSettings, start: dt.date) -> list[dt.date]:
    """Return the `settings.window` trading days that end on `key`, none before `start`."""
    return days(1 - settings.window, 0).keys(calendar, key, settings, start)
