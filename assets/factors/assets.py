"""The stage `factors`: day indicators and styles, and the ten factors made from them. Declarations only."""

import polars as pl

from assets.factors import windows
from assets.factors.styles import NEEDS, SCHEMA, window_and_formation_days, window_days
from resources.gate import Between, Check, Unique
from resources.table import Read, Table

FAULT = "this is a fault of the code; report it with the partition's folder"

day_indicators = Table(
    name="day_indicators",
    stage="factors",
    partition="day",
    description="""What each symbol's minute bars of one day say, before any average over days (SPEC §3); null = an invalid day.

skewness √N Σr³/(Σr²)^1.5 over the 237 bars · downside_volatility_share Σr²·1(r<0)/Σr² · buying_intention_share ΣW/Σamount and
buying_intention_strength mean(W)/std(W) of bars 570–599, bars at a limit price left out · large_net_buy (yuan) and open_amount
(yuan) of bars 570–599 · post_open_growth official close / close of bar 599, 1 on a day without trades · closing_volume_share
volume from 870 to the close / day volume · outflow_per_trade amount per trade of falling bars / that of all · large_trade_growth
Π(1+R) of the top 30 % bars by amount per trade · flat_share unchanged bars / 237. One-price days are null for skewness,
downside_volatility_share, outflow_per_trade and large_trade_growth. Read as inputs of the ten factors, never by themselves.
Beside it, where `factors.extra_factors` names any: extra_factors.parquet, a user's own values of the day.
""",
    reads=(Read("minute_bars"), Read("daily_prices")),
    schema={
        "date": pl.Date,
        "symbol": pl.String,
        "traded": pl.Boolean,
        "one_price": pl.Boolean,
        "skewness": pl.Float64,
        "downside_volatility_share": pl.Float64,
        "buying_intention_share": pl.Float64,
        "buying_intention_strength": pl.Float64,
        "large_net_buy": pl.Float64,
        "open_amount": pl.Float64,
        "post_open_growth": pl.Float64,
        "closing_volume_share": pl.Float64,
        "outflow_per_trade": pl.Float64,
        "large_trade_growth": pl.Float64,
        "flat_share": pl.Float64,
    },
    sort=("symbol",),
    settings="factors",
    functions=("factors.extra_factors",),
    make="assets.factors.indicators:make_day_indicators",
    needs=windows.INDICATOR_NEEDS,
    checks=(
        Check("symbol_unique", Unique(("symbol",)), critical=True, remedy=FAULT),
        # |Σr³| ≤ (Σr²)^1.5, so that √237 = 15.39 bounds the skewness.
        Check("skewness_within_its_bound", Between("skewness", -15.4, 15.4), critical=True, remedy=FAULT),
        Check("downside_share_is_a_share", Between("downside_volatility_share", 0, 1), critical=True, remedy=FAULT),
        Check(
            "closing_volume_share_is_a_share",
            Between("closing_volume_share", 0, 1),
            critical=True,
            remedy="a negative volume stands in the day's bars; rebuild them from corrected files",
        ),
        Check("flat_share_is_a_share", Between("flat_share", 0, 1), critical=True, remedy=FAULT),
        Check("open_amount_not_negative", Between("open_amount", 0, None), critical=True, remedy=FAULT),
        Check("outflow_per_trade_not_negative", Between("outflow_per_trade", 0, None), critical=True, remedy=FAULT),
        Check(
            "post_open_growth_plausible",
            Between("post_open_growth", 0.6, 1.7),
            critical=False,
            mostly=0.995,
            remedy="compare the close in reference/daily_prices with the day's bars: one of them is on another price basis",
        ),
        Check(
            "large_trade_growth_plausible",
            Between("large_trade_growth", 0.5, 2.0),
            critical=False,
            mostly=0.995,
            remedy="look for wrong prices in the day's bars",
        ),
    ),
)

styles = Table(
    name="styles",
    stage="factors",
    partition="day",
    history="reference",
    description="""The eight conventional factors of every listed name, raw (`…_raw`) and standardised.

size ln total_mv · mid_cap the part of size³ that size does not explain · turnover ln of the mean of amount / float_mv ·
reversal compounded return · volatility R² on Fama–French's three factors of U(t), or the std of the returns where book values
are missing (the partition's notes say which) · value book equity / total_mv (negative equity counts as it is) · profitability
one quarter's net profit / mean equity · growth profitability less that of the same quarter a year before. Windows of 20
trading days, 15 of them traded. Standardised: clipped at mean ± 3 std of U(t), z-scored on U(t), null = 0; fundamentals a name
lacks are its industry's median. A style that no name of U(t) has is a null column with its reason. Market values in yuan.
""",
    reads=(Read("daily_prices", over=window_days), Read("securities", over=window_and_formation_days)),
    schema=SCHEMA,
    sort=("symbol",),
    settings="styles",
    make="assets.factors.styles:make_styles",
    needs=NEEDS,
    checks=(
        Check(
            "mean_zero_on_universe",
            Between("mean", -1e-9, 1e-9),
            critical=True,
            remedy="this is a fault of the code; report it with the partition's folder",
        ),
        Check(
            "deviation_one_on_universe",
            Between("std", 1 - 1e-9, 1 + 1e-9),
            critical=True,
            remedy="this is a fault of the code; report it with the partition's folder",
        ),
        Check(
            "most_of_universe_measured",
            Between("coverage", 0.5, 1),
            critical=False,
            critical_share=1,
            remedy="see which reference table lacks the names: reference/fundamentals, or prices of the window",
        ),
    ),
)

factors = Table(
    name="factors",
    stage="factors",
    partition="day",
    description="""The ten high-frequency factors of every name of the universe U(t) (SPEC §3, §4): `raw`, signed so that high is
good, and `value`, its residual on industries and the eight styles, z-scored on the day.

After the ten come the factors that `factors.extra_factors` names. Over 20 trading days, at least ten of them valid, else null; so is `value` of a name without industry or market value. A style
that is null for the whole market is left out of the regression, and the partition's notes name it.
""",
    reads=(Read("day_indicators", over=windows.window_days), Read("styles")),
    schema={"date": pl.Date, "symbol": pl.String, "factor": pl.String, "raw": pl.Float64, "value": pl.Float64},
    sort=("symbol", "factor"),
    settings="factors",
    make="assets.factors.ten:make_factors",
    needs=windows.NEEDS,
    items="factor",
    checks=(
        Check("factor_known", Between("unknown", 0, 0), critical=True, remedy=FAULT),
        Check("symbol_factor_unique", Between("duplicates", 0, 0), critical=True, remedy=FAULT),
        Check(
            "residuals_uncorrelated_with_styles",
            Between("max_style_correlation", 0, 1e-9),
            critical=True,
            remedy=FAULT,
        ),
        Check(
            "residuals_have_mean_zero_in_each_industry",
            Between("max_industry_mean", 0, 1e-9),
            critical=True,
            remedy=FAULT,
        ),
        Check("values_have_deviation_one", Between("std", 1 - 1e-9, 1 + 1e-9), critical=True, remedy=FAULT),
        Check(
            "most_of_universe_covered",
            Between("coverage", 0.8, 1),
            critical=False,
            critical_share=1,
            remedy="see which names have no bars on the window's days (minute_bars), and which have no industry (styles)",
        ),
    ),
)

TABLES = (day_indicators, styles, factors)
