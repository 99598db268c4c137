"""The tables of the stage `factors`: day indicators, styles, and the ten factors. This module only declares them."""

import polars as pl

from assets.factors import windows
from assets.factors.styles import NEEDS, SCHEMA, window_and_formation_days, window_days
from resources.gate import Between, Check, Unique
from resources.language import Bilingual as T
from resources.table import Read, Table

FAULT = T(
    "属于程序错误：请连同该分区的文件夹报告", "this is a fault of the code; report it with the partition's folder"
)

day_indicators = Table(
    name="day_indicators",
    group="factors",
    partition="day",
    description="""Statistics of each symbol's minute bars of one day, before any average over days (SPEC §3). Null marks a day that is
invalid for the indicator.

skewness √N Σr³/(Σr²)^1.5 over the 237 bars · downside_volatility_share Σr²·1(r<0)/Σr² · buying_intention_share ΣW/Σamount and
buying_intention_strength mean(W)/std(W) of bars 570–599, bars at a limit price left out · large_net_buy (yuan) and open_amount
(yuan) of bars 570–599 · post_open_growth official close / close of bar 599, 1 on a day without trades · closing_volume_share
volume from 870 to the close / day volume · outflow_per_trade amount per trade of falling bars / that of all · large_trade_growth
Π(1+R) of the 30 % of bars with the highest amount per trade · flat_share unchanged bars / 237. On days with a single price
skewness, downside_volatility_share, outflow_per_trade and large_trade_growth are null. The indicators are inputs of the ten
factors and are not used by themselves. Where `factors.extra_factors` names functions, their values of the day are stored beside
the table in extra_factors.parquet.
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
    make="assets.factors.make_day_indicators:make_day_indicators",
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
            remedy=T(
                "当日分钟线有负的成交量：更正文件后重建",
                "the day's bars contain a negative volume; rebuild them from corrected files",
            ),
        ),
        Check("flat_share_is_a_share", Between("flat_share", 0, 1), critical=True, remedy=FAULT),
        Check("open_amount_not_negative", Between("open_amount", 0, None), critical=True, remedy=FAULT),
        Check("outflow_per_trade_not_negative", Between("outflow_per_trade", 0, None), critical=True, remedy=FAULT),
        Check(
            "post_open_growth_plausible",
            Between("post_open_growth", 0.6, 1.7),
            critical=False,
            mostly=0.995,
            remedy=T(
                "将 reference/daily_prices 的收盘价与当日分钟线比较：其中之一使用了复权价或错误的价格",
                "compare the close in reference/daily_prices with the day's bars: one of the two uses adjusted or wrong prices",
            ),
        ),
        Check(
            "large_trade_growth_plausible",
            Between("large_trade_growth", 0.5, 2.0),
            critical=False,
            mostly=0.995,
            remedy=T("检查当日分钟线中的错误价格", "look for wrong prices in the day's bars"),
        ),
    ),
)

styles = Table(
    name="styles",
    group="factors",
    partition="day",
    history="reference",
    description="""The eight style factors of every listed stock, raw (`…_raw`) and standardised (SPEC §4).

size ln total_mv · mid_cap the part of size³ that size does not explain · turnover ln of the mean of amount / float_mv ·
reversal compounded return · volatility R² of the returns on the three Fama–French factors of U(t), or the standard deviation of the
returns where book values are missing (the partition's notes record which one was used) · value book equity / total_mv (negative
equity is used unchanged) · profitability one quarter's net profit / mean equity · growth profitability less that of the same quarter
a year before. Windows have 20 trading days, of which 15 must be traded. A standardised style is clipped at mean ± 3 std of U(t) and
z-scored on U(t); a missing fundamental is replaced by the median of the stock's industry, and any other null by 0. A style without a
value in U(t) is a null column with its reason. Market values are in yuan.
""",
    reads=(Read("daily_prices", over=window_days), Read("securities", over=window_and_formation_days)),
    schema=SCHEMA,
    sort=("symbol",),
    settings="styles",
    make="assets.factors.make_styles:make_styles",
    needs=NEEDS,
    checks=(
        Check(
            "mean_zero_on_universe",
            Between("mean", -1e-9, 1e-9),
            critical=True,
            remedy=FAULT,
        ),
        Check(
            "deviation_one_on_universe",
            Between("std", 1 - 1e-9, 1 + 1e-9),
            critical=True,
            remedy=FAULT,
        ),
        Check(
            "most_of_universe_measured",
            Between("coverage", 0.5, 1),
            critical=False,
            critical_share=1,
            remedy=T(
                "找出缺少这些股票的基础数据：reference/fundamentals，或窗口内的日行情",
                "find the reference table that lacks these stocks: reference/fundamentals, or the prices of the window",
            ),
        ),
    ),
)

factors = Table(
    name="factors",
    group="factors",
    partition="day",
    description="""The ten high-frequency factors of every stock of the universe U(t) (SPEC §3, §4): `raw`, signed so that high is
good, and `value`, its residual on industries and the eight styles, z-scored on the day.

The factors that `factors.extra_factors` names follow the ten. A factor is computed over 20 trading days and is null with fewer than
ten valid ones; `value` is also null for a stock without an industry or a market value. A style that is null for the whole market is
left out of the regression, and the partition's notes name it.
""",
    reads=(Read("day_indicators", over=windows.window_days), Read("styles")),
    schema={"date": pl.Date, "symbol": pl.String, "factor": pl.String, "raw": pl.Float64, "value": pl.Float64},
    sort=("symbol", "factor"),
    settings="factors",
    make="assets.factors.make_factors:make_factors",
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
            remedy=T(
                "找出窗口内没有分钟线（minute_bars）或没有行业（styles）的股票",
                "find the stocks without bars on the window's days (minute_bars) or without an industry (styles)",
            ),
        ),
    ),
)

TABLES = (day_indicators, styles, factors)
