"""The tables of the stage `features`: raw features per bar and per day. This module only declares them."""

import polars as pl

from assets.features.names import BAR_FEATURES, BAR_NEEDS, DAILY_FEATURES, DAILY_NEEDS, HOUR_FEATURE
from resources.gate import Between, Check
from resources.language import Bilingual as T
from resources.table import Read, Table, days

FAULT = T(
    "属于程序错误：请连同该分区的文件夹报告", "this is a fault of the code; report it with the partition's folder"
)

bar_features = Table(
    name="bar_features",
    group="features",
    partition="day",
    description="""The 63 features of each symbol's eight 30-minute and four 60-minute bars, and a 64th of the 60-minute bars
(SPEC §5.1). Values are raw, that is not standardised, and null where not defined. `bar` is the start in minutes since midnight. The
definition of every column is in `assets/features/names.py`. The networks read this table.
""",
    reads=(Read("minute_bars"), Read("daily_prices")),
    schema={
        "date": pl.Date,
        "symbol": pl.String,
        "granularity": pl.Int32,
        "bar": pl.Int32,
        **dict.fromkeys(BAR_FEATURES, pl.Float32),
        HOUR_FEATURE: pl.Float32,
    },
    sort=("symbol", "granularity", "bar"),
    settings="features",
    make="assets.features.make_bar_features:make_bar_features",
    needs=BAR_NEEDS,
    checks=(
        Check("symbol_bar_unique", Between("duplicates", 0, 0), critical=True, remedy=FAULT),
        Check("features_finite", Between("not_finite", 0, 0), critical=True, remedy=FAULT),
        Check("downside_shares_not_negative", Between("least_downside_share", 0, None), critical=True, remedy=FAULT),
        # Float32 of a share may exceed 1 by its last bit.
        Check(
            "downside_shares_at_most_one",
            Between("largest_downside_share", None, 1.000001),
            critical=True,
            remedy=FAULT,
        ),
        Check(
            "returns_known",
            Between("return_coverage", 0.99, 1),
            critical=False,
            critical_share=1,
            remedy=T(
                "部分分钟线之前没有价格：既无成交和集合竞价价格，也无 pre_close；请补全当日文件",
                "some bars have no price before them: no trade, no auction price and no pre_close. Complete the day's files",
            ),
        ),
    ),
)

daily_features = Table(
    name="daily_features",
    group="features",
    partition="day",
    description="""The 26 daily features of every stock that traded on the day (SPEC §5.1), raw, from sixty days of daily prices
chained by pre_close. A window statistic requires 75 % of its days. The definition of every column is in
`assets/features/names.py`. The networks read this table.
""",
    reads=(Read("daily_prices", over=days(-59, 0)),),
    schema={"date": pl.Date, "symbol": pl.String, **dict.fromkeys(DAILY_FEATURES, pl.Float32)},
    sort=("symbol",),
    settings="features",
    make="assets.features.make_daily_features:make_daily_features",
    needs=DAILY_NEEDS,
    checks=(
        Check("symbol_unique", Between("duplicates", 0, 0), critical=True, remedy=FAULT),
        Check("features_finite", Between("not_finite", 0, 0), critical=True, remedy=FAULT),
        Check(
            "close_not_above_highest_high",
            Between("largest_distance_to_high", None, 1e-6),
            critical=False,
            remedy=T(
                "reference/daily_prices 有收盘价高于当日最高价：更正该行",
                "reference/daily_prices contains a close above the high of its day; correct the row",
            ),
        ),
        Check(
            "month_of_history_known",
            Between("return_20_coverage", 0.8, 1),
            critical=False,
            critical_share=1,
            remedy=T(
                "此日之前 daily_prices 不足 20 日：让 reference/daily_prices 从更早的日期开始",
                "fewer than 20 days of daily_prices before this day: start reference/daily_prices earlier",
            ),
        ),
    ),
)

TABLES = (bar_features, daily_features)
