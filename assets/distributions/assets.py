"""Declares the tables distributions and distribution_shifts: their schemas, inputs and checks."""

from assets.distributions.schemas import DISTRIBUTION_SHIFTS, DISTRIBUTIONS, KINDS
from assets.distributions.windows import compared_days, compared_weeks
from resources.gate import Between, Check, Unique
from resources.language import Bilingual as T
from resources.table import Read, Table

CODE = T("属于程序错误：请连同该分区的文件报告", "this is a mistake in the code; report it with the partition's files")

distributions = Table(
    name="distributions",
    group="distributions",
    partition="day",
    history="minutes",
    description="""
Statistics of the day's minute bars and factors over the stocks, one row per column and factor. No other day is read.

| column | |
|---|---|
| table, item | minute_bars and a column of it, or vwap; factors and a factor |
| rows | rows of the item |
| names | stocks with a value |
| coverage | bars: share of the stocks that traded by daily_prices with a value; factors: share of U(t) with a `value` |
| null_share | share of the rows that are null; of a factor those of `raw` |
| quantile_05 … quantile_95 | quantiles over the stocks, linearly interpolated |

The figure of a stock is ln of the day's sum of a volume, an amount or a number of trades, ln of the mean of close and spread, the mean
of the other columns, ln of amount over volume (vwap), and `raw` of a factor. SPEC §7.
""",
    reads=(Read("minute_bars"), Read("factors"), Read("daily_prices")),
    schema=DISTRIBUTIONS,
    sort=("table", "item"),
    make="assets.distributions.make_distributions:make_distributions",
    checks=(
        Check("item_unique", Unique(("table", "item")), critical=True, remedy=CODE),
        Check("coverage_is_a_share", Between("coverage", 0, 1 + 1e-9), critical=True, remedy=CODE),
    ),
)

REMEDIES = {
    "coverage": T(
        "查看所列各日的交付是否缺少股票；若确属实情，以 distributions.approved 核准，或提高 distributions.coverage_stop",
        "look for stocks that the deliveries of the named days lack; if the fall is real, approve it in distributions.approved, or raise distributions.coverage_stop",
    ),
    "null_share": T(
        "查看所列各日的交付是否缺少该列；若确属实情，以 distributions.approved 核准，或提高 distributions.null_share_stop",
        "look for a column that the deliveries of the named days lack; if the rise is real, approve it in distributions.approved, or raise distributions.null_share_stop",
    ),
    "quantile": T(
        "检查所列各日数据的单位与符号；若市场确有此变化，以 distributions.approved 核准，或提高 distributions.quantile_stop",
        "check units and signs in the data of the named days; if the market did move so, approve it in distributions.approved, or raise distributions.quantile_stop",
    ),
    "rank_ic": T(
        "检查所列因子的符号与输入；若其预测能力确有此变化，以 distributions.approved 核准，或提高 distributions.rank_ic_stop",
        "check sign and inputs of the named factors; if their predictions did change so, approve it in distributions.approved, or raise distributions.rank_ic_stop",
    ),
    "turnover": T(
        "检查所列因子的符号、输入与训练；若确属实情，以 distributions.approved 核准，或提高 distributions.turnover_stop",
        "check sign, inputs and training of the named factors; if the change is real, approve it in distributions.approved, or raise distributions.turnover_stop",
    ),
}

distribution_shifts = Table(
    name="distribution_shifts",
    group="distributions",
    partition="week",
    history="minutes",
    description="""
Distances of the statistics of the week's days from those of the sixty trading days before each day, and of the factors' RankICs,
autocorrelations and turnovers from those of the weeks before (SPEC §7).

| column | |
|---|---|
| table, item, statistic | minute_bars or factors, as in distributions; evaluation and a factor |
| value, median, scale | of the day or week; of the earlier values: their median, and the larger of 1.4826 MAD and the floor |
| distance | (value − median) / scale |
| earlier | number of earlier values |
| reason | why there is no distance |

`names` is compared as ln(1 + names), and rank_ic as the mean of the last `distributions.ic_weeks` weeks. Nothing after a day is
read. The portfolios and the report read this table, so that neither is made from a week that a check refuses.
""",
    reads=(Read("distributions", over=compared_days), Read("evaluation", over=compared_weeks)),
    schema=DISTRIBUTION_SHIFTS,
    sort=("date", "table", "item", "statistic"),
    settings="distributions",
    make="assets.distributions.make_distribution_shifts:make_distribution_shifts",
    checks=(
        *(
            Check(f"{kind}_as_before", Between(f"{kind}_stopped", 0, 0), critical=True, remedy=REMEDIES[kind])
            for kind in KINDS
        ),
        *(
            Check(
                f"{kind}_near_before",
                Between(f"{kind}_warned", 0, 0),
                critical=False,
                critical_share=1,
                remedy=REMEDIES[kind],
                explained_by=(f"{kind}_as_before",),
            )
            for kind in KINDS
        ),
    ),
)

TABLES = (distributions, distribution_shifts)
