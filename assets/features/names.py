"""The names of the features in the order of their columns (SPEC §5.1), and the columns that each of them needs.

The module imports nothing heavy, because the declarations in assets.py and the models import it.

Conventions of all features: minutes are the bars of G (only the day-to-date totals include auctions), n is their number,
R is the log return of SPEC §1, mean and std are over minutes with ddof 0. A feature is null where it is not defined: 0/0, a
correlation or strength of a series that does not vary, a sum over a minute whose field was not delivered (LB and LS without a
large-order threshold, Q without quotes). Spread and imbalances exist only in minutes with two-sided quotes: their mean requires
one such minute, their std two.
"""

# column → the fields of minute_bars that it needs
_PRICE = {
    "bar_return": ("close",),  # Σ R = ln of the bar's close over the close before it
    "ln_high_low": ("high", "low"),  # ln(H/L)
    "close_location": ("close", "high", "low"),  # (C − L)/(H − L)
    "vwap_over_close": ("amount", "volume"),  # VWAP/C − 1
    "realised_variance": ("close",),  # Σ R²
    "skewness": ("close",),  # √n Σ R³ / (Σ R²)^{3/2}
    "kurtosis": ("close",),  # n Σ R⁴ / (Σ R²)²
    "max_abs_return": ("close",),
}
_DOWN = {  # Σ a·1(R<0) / Σ a
    "down_amount": ("amount",),
    "down_volume": ("volume",),
    "down_trades": ("trades",),
    "down_variance": ("close",),
    "down_buy": ("buy_amount",),
    "down_sell": ("sell_amount",),
    "down_large_buy": ("large_buy_amount",),
    "down_large_sell": ("large_sell_amount",),
}
_LOG = {  # ln(1 + Σ a)
    "ln_amount": ("amount",),
    "ln_volume": ("volume",),
    "ln_trades": ("trades",),
    "ln_buy": ("buy_amount",),
    "ln_sell": ("sell_amount",),
    "ln_large_buy": ("large_buy_amount",),
    "ln_large_sell": ("large_sell_amount",),
}
_SHARE = {  # Σ a / Σ A
    "net_buy_share": ("buy_amount", "amount"),
    "net_bid_share": ("net_bid_change", "amount"),
    "intention_share": ("buy_amount", "net_bid_change", "amount"),
    "net_large_share": ("large_buy_amount", "amount"),
    "large_buy_share": ("large_buy_amount", "amount"),
    "large_sell_share": ("large_sell_amount", "amount"),
    "buy_share": ("buy_amount", "amount"),
}
_STRENGTH = {  # mean / std over minutes
    "net_buy_strength": ("buy_amount",),
    "net_bid_strength": ("net_bid_change",),
    "intention_strength": ("buy_amount", "net_bid_change"),
    "net_large_strength": ("large_buy_amount",),
    "amount_strength": ("amount",),
    "volume_strength": ("volume",),
}
_QUOTES = {  # mean and std over the minutes with two-sided quotes
    "spread_mean": ("spread",),
    "spread_std": ("spread",),
    "imbalance_mean": ("imbalance",),
    "imbalance_std": ("imbalance",),
    "imbalance_5_mean": ("imbalance_5",),
    "imbalance_5_std": ("imbalance_5",),
}
_CORRELATION = {  # over the bar's minutes
    "corr_return_amount": ("amount",),
    "corr_return_trades": ("trades",),
    "corr_return_net_buy": ("buy_amount",),
    "corr_return_net_bid": ("net_bid_change",),
    "corr_close_volume": ("volume",),
    "autocorr_amount": ("amount",),  # (A_τ, A_{τ−1}), pairs inside the bar
}
_TRADE_SIZE = {
    "ln_amount_per_trade": ("amount", "trades"),  # ln(Σ A / Σ T)
    "outflow_per_trade": ("amount", "trades"),  # amount per trade of the minutes with R < 0 over that of the bar
    "inflow_per_trade": ("amount", "trades"),  # … with R > 0
    "large_trade_return": ("amount", "trades"),  # Π(1 + R) − 1 of the top-30 % minutes by amount per trade (factor 10)
    "large_trade_amount_share": ("amount", "trades"),  # … and their share of A
}
_CONCENTRATION = {
    "amount_hhi": ("amount",),  # Σ (A/ΣA)²
    "amount_max_share": ("amount",),
    "first_minutes_share": ("amount",),  # first five minutes' share of A
    "last_minutes_share": ("amount",),
    "empty_share": ("trades",),  # share of minutes without trades
}
_OF_DAY = {  # the bar's Σ over the day's total from the opening auction to the bar's end
    "amount_of_day": ("amount",),
    "volume_of_day": ("volume",),
    "trades_of_day": ("trades",),
    "net_buy_of_day": ("buy_amount",),
    "net_large_of_day": ("large_buy_amount",),
}
_BAR: dict[str, tuple[str, ...]] = (
    _PRICE | _DOWN | _LOG | _SHARE | _STRENGTH | _QUOTES | _CORRELATION | _TRADE_SIZE | _CONCENTRATION | _OF_DAY
)  # fmt: skip

BAR_FEATURES: tuple[str, ...] = tuple(_BAR)  # the 63 of 30- and 60-minute bars
HOUR_FEATURE = "ln_close_over_pre_close"  # the 64th, of 60-minute bars only
DAILY_FEATURES: tuple[str, ...] = (
    "open_over_pre_close",  # O, H, L, C, VWAP over pre_close − 1
    "high_over_pre_close",
    "low_over_pre_close",
    "close_over_pre_close",
    "vwap_over_pre_close",
    "ln_volume",
    "ln_amount",
    "turnover",  # volume / float_shares
    "amplitude",  # (H − L) / pre_close
    "upper_shadow",  # (H − max(O, C)) / pre_close
    "lower_shadow",  # (min(O, C) − L) / pre_close
    "return_5",  # pre_close-chained
    "return_10",
    "return_20",
    "return_60",
    "std_5",  # of daily returns
    "std_20",
    "std_60",
    "volume_over_mean_5",
    "volume_over_mean_20",
    "corr_close_volume_10",  # closes chained by pre_close
    "corr_close_volume_20",
    "amihud_20",  # mean |return| per 10⁸ yuan of amount
    "close_over_mean_5",  # C / mean C − 1, chained
    "close_over_mean_20",
    "distance_to_high_20",  # C / highest high − 1, chained
)

BAR_NEEDS: dict[str, tuple[str, ...]] = {
    name: tuple(f"minute_bars.{field}" for field in fields) for name, fields in _BAR.items()
} | {HOUR_FEATURE: ("daily_prices.pre_close", "minute_bars.close")}
DAILY_NEEDS: dict[str, tuple[str, ...]] = dict.fromkeys(DAILY_FEATURES, ("daily_prices.close",))
DAILY_NEEDS["turnover"] = ("daily_prices.float_shares",)
