"""Declares the tables of this stage: the factor groups' daily returns, the RankICs and the evaluation."""

from assets import catalogue
from assets.performance import evaluation as evaluation_rows
from assets.performance import rebalancing
from assets.performance.schemas import FACTOR_RETURNS, RANK_ICS
from resources.gate import Between, Check, InSet, Unique
from resources.language import Bilingual as T
from resources.table import Read, Table

PRICES = T(
    "在本周 daily_prices 中查找错误的 pre_close、close 或 amount，并提供更正后的数据",
    "look for a wrong pre_close, close or amount among the week's daily_prices, and deliver the corrected rows",
)
CODE = T("属于程序错误：请连同该分区的文件报告", "this is a mistake in the code; report it with the partition's files")

LEGS = ("long", "short", "market")

# A row is n/a where its factor or score is, with the same reason.
NEEDS = {key: (f"factors.{key}",) for key in catalogue.TEN} | {key: (f"scores.{key}",) for key in catalogue.MODELS}

factor_returns = Table(
    name="factor_returns",
    group="report",
    partition="week",
    history="minutes",
    description="""
Daily returns of each factor's legs on the week's trading days, as fractions (SPEC §7).

| column | |
|---|---|
| long, short | top and bottom 10 % of U(t) by the signed factor, equally weighted at entry; the weights drift until the next rebalance |
| market | all stocks of U(t) with a value of the factor, entered and held under the same rule |

Factors 1–10 are rebalanced on the last trading day of the month and models on the last trading day of the week. Both are traded
at the next day's VWAP without cost. Suspended stocks, and those that the fill rule (`portfolios.execution.fills`) blocks at their
price limit, are left out without replacement. A leg's return is null on a day on which the leg is not held; a factor has no row
on a day on which none of its legs is held.
""",
    reads=(
        Read("factors", over=rebalancing.month_signals),
        Read("scores", over=rebalancing.score_weeks),
        Read("securities", over=rebalancing.signals),
        Read("daily_prices", over=rebalancing.holding_days),
        Read("minute_bars", over=rebalancing.entry_days),
    ),
    schema=FACTOR_RETURNS,
    sort=("factor", "date"),
    settings=("returns", "portfolios.execution.fills"),
    make="assets.performance.make_factor_returns:make_factor_returns",
    items="factor",
    needs=NEEDS,
    plot="assets.report.render.charts:plot_factor_week",
    checks=(
        Check("factor_date_unique", Unique(("factor", "date")), critical=True, remedy=CODE),
        Check("factor_known", InSet("factor", tuple(catalogue.BY_KEY)), critical=True, remedy=CODE),
        *(Check(f"{leg}_return_possible", Between(leg, -1, 10), critical=True, remedy=PRICES) for leg in LEGS),
        *(
            Check(
                f"{leg}_return_plausible", Between(leg, -0.21, 0.21), critical=False, plausibility=True, remedy=PRICES
            )
            for leg in LEGS
        ),
    ),
)

rank_ics = Table(
    name="rank_ics",
    group="report",
    partition="week",
    history="minutes",
    description="""
RankICs that become known in the week: Spearman's correlation of a factor with the return from its trade day's VWAP to the
next trade day's VWAP, over the members of U(t) that trade on both days (SPEC §7).

`names` is the number of these stocks. Models have a row in each week; factors 1–10 have one in the weeks in which a monthly holding
period ends.
""",
    reads=(
        Read("factors", over=rebalancing.closed_month_signals),
        Read("scores", over=rebalancing.closed_score_weeks),
        Read("securities", over=rebalancing.closed_signals),
        Read("daily_prices", over=rebalancing.closed_days),
    ),
    schema=RANK_ICS,
    sort=("factor",),
    make="assets.performance.make_rank_ics:make_rank_ics",
    items="factor",
    needs=NEEDS,
    checks=(
        Check("factor_unique", Unique(("factor",)), critical=True, remedy=CODE),
        Check("correlation_within_one", Between("rank_ic", -1, 1), critical=True, remedy=CODE),
        Check(
            "names_enough",
            Between("names", 20, None),
            critical=False,
            critical_share=1,
            remedy=T(
                "提供更多股票的分钟数据；少于 20 只股票的 RankIC 大多是噪声",
                "deliver minute data of more stocks; a RankIC of fewer than 20 stocks is mostly noise",
            ),
        ),
    ),
)

evaluation = Table(
    name="evaluation",
    group="report",
    partition="week",
    history="minutes",
    description="""
Statistics of the sixteen factors' weekly signals that become known in the week, over the same horizons for all factors.

| statistic | item, horizon | |
|---|---|---|
| rank_ic | horizon: weeks | Spearman's correlation with the return from the VWAP of the trade day to the VWAP of the trade day `horizon` weeks later, of the signal whose return ends this week |
| decile_return | decile 1 … 10 | mean return over one week of the stocks of each decile; decile 10 has the highest values |
| seed_rank_ic | seed | RankIC over one week of the output of each seed, before the score is orthogonalised |
| autocorrelation | | Spearman's correlation of this week's signal with the previous week's |
| turnover | | share of the stocks in the top decile that were not in it in the previous week |
| correlation | another factor | Pearson's correlation on this week's signal day, each pair once |
| exposure | style | Pearson's correlation with the style on this week's signal day |

Only members of U(t) are evaluated. `names` is the number of stocks behind a value, and `signal_date` is the day of the evaluated
signal. A value that cannot be computed is null, with its reason. Factors 1–10 are evaluated weekly here and monthly in rank_ics
and factor_returns.
""",
    reads=(
        Read("factors", over=rebalancing.evaluated_signals),
        Read("scores", over=rebalancing.evaluated_weeks),
        Read("styles"),
        Read("securities", over=rebalancing.evaluated_signals),
        Read("daily_prices", over=rebalancing.evaluated_days),
    ),
    schema=evaluation_rows.SCHEMA,
    sort=("factor", "statistic", "horizon", "item"),
    settings="evaluation",
    reads_start=True,
    make="assets.performance.make_evaluation:make_evaluation",
    items="factor",
    needs=NEEDS,
    plot="assets.report.render.charts:plot_evaluation_week",
    checks=(
        Check(
            "statistic_unique",
            Unique(("factor", "statistic", "horizon", "item")),
            critical=True,
            remedy=CODE,
        ),
        Check("factor_known", InSet("factor", tuple(catalogue.BY_KEY)), critical=True, remedy=CODE),
        Check("statistic_known", InSet("statistic", evaluation_rows.STATISTICS), critical=True, remedy=CODE),
        Check("correlation_within_one", Between("correlation", -1, 1), critical=True, remedy=CODE),
        Check("turnover_is_a_share", Between("turnover", 0, 1), critical=True, remedy=CODE),
        Check("decile_return_possible", Between("decile_return", -1, 10), critical=True, remedy=PRICES),
    ),
)

TABLES = (factor_returns, rank_ics, evaluation)
