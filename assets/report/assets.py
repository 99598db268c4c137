"""The tables of this stage: the factor groups' daily returns, RankICs, and the weekly report. Declarations only."""

import polars as pl

from assets import catalogue
from assets.report import evaluation as evaluation_rows
from assets.report import rebalancing
from resources.gate import Between, Check, InSet, Unique
from resources.table import Read, Table, all_weeks, week_days

PRICES = "look for a wrong pre_close, close or amount among the week's daily_prices and deliver them again"
CODE = "a mistake in the code: report it with the partition's files"

LEGS = ("long", "short", "market")

# A row is n/a for the reason for which its factor or score is.
NEEDS = {key: (f"factors.{key}",) for key in catalogue.TEN} | {key: (f"scores.{key}",) for key in catalogue.MODELS}

factor_returns = Table(
    name="factor_returns",
    stage="report",
    partition="week",
    history="minutes",
    description="""
Daily returns of each factor's legs on the week's trading days, as fractions (SPEC §7).

| column | |
|---|---|
| long, short | top and bottom 10 % of U(t) by the signed factor, equally weighted at entry, drifting to the next rebalance |
| market | all of U(t) with a value of the factor, entered and held under the same rule |

Factors 1–10 are rebalanced on the last trading day of the month, models on the last of the week, and traded at the next
day's VWAP without cost; suspended names and those that the fill rule (`portfolios.execution.fills`) blocks at their price
limit drop out. A day without a leg is null, a factor
without any leg has no row.
""",
    reads=(
        Read("factors", over=rebalancing.month_signals),
        Read("scores", over=rebalancing.score_weeks),
        Read("securities", over=rebalancing.signals),
        Read("daily_prices", over=rebalancing.holding_days),
        Read("minute_bars", over=rebalancing.entry_days),
    ),
    schema={
        "date": pl.Date,
        "factor": pl.String,
        "long": pl.Float64,
        "short": pl.Float64,
        "market": pl.Float64,
    },
    sort=("factor", "date"),
    settings=("returns", "portfolios.execution.fills"),
    make="assets.report.make:make_factor_returns",
    items="factor",
    needs=NEEDS,
    plot="assets.report.charts:plot_factor_week",
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
    stage="report",
    partition="week",
    history="minutes",
    description="""
RankICs that become known in the week: Spearman's correlation of a factor with the return from its trade day's VWAP to the
next trade day's VWAP, over members of U(t) that trade on both (SPEC §7).

`names` counts them. Weekly for models; factors 1–10 have a row in the weeks in which a month's holding period ends.
""",
    reads=(
        Read("factors", over=rebalancing.closed_month_signals),
        Read("scores", over=rebalancing.closed_score_weeks),
        Read("securities", over=rebalancing.closed_signals),
        Read("daily_prices", over=rebalancing.closed_days),
    ),
    schema={
        "week": pl.Date,
        "factor": pl.String,
        "signal_date": pl.Date,
        "trade_date": pl.Date,
        "next_trade_date": pl.Date,
        "rank_ic": pl.Float64,
        "names": pl.Int64,
    },
    sort=("factor",),
    make="assets.report.make:make_rank_ics",
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
            remedy="a RankIC of so few names is noise: deliver minute data of more of the market",
        ),
    ),
)

evaluation = Table(
    name="evaluation",
    stage="report",
    partition="week",
    history="minutes",
    description="""
What becomes known in the week of the sixteen factors' weekly signals, so that all compare over the same horizons.

| statistic | item, horizon | |
|---|---|---|
| rank_ic | horizon: weeks | Spearman's correlation with the return from the VWAP of the trade day to that of the trade day so many weeks later, of the signals whose return ends this week |
| decile_return | decile 1 … 10 | mean return over one week of the names of each tenth, 10 the highest |
| seed_rank_ic | seed | RankIC over one week of each seed's output by itself, before anything is made orthogonal after the fact |
| autocorrelation, turnover | | of this week's signal and the one before: Spearman's correlation of the values; share of names that are new in the top tenth |
| correlation | another factor | Pearson's correlation on this week's signal day, each pair once |
| exposure | style | Pearson's correlation with the style on this week's signal day |

Members of U(t) alone; `names` counts those behind a value, `signal_date` is the signal judged. A value that can't be
computed is null, with its reason. Factors 1–10 are judged weekly here and monthly in rank_ics and factor_returns.
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
    make="assets.report.make:make_evaluation",
    items="factor",
    needs=NEEDS,
    plot="assets.report.charts:plot_evaluation_week",
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

report = Table(
    name="report",
    stage="report",
    partition="week",
    history="minutes",
    description="""
**高频选股因子周报**: the issue of the week. Beside the partition stand report.html (one file, opens offline), report.pdf (where
a Chinese font is installed), report.xlsx, table1.parquet, table2.parquet and figures/ (SPEC §8).

Where a plausibility check failed in a partition that the issue is made from, there is none: the partition is refused, with
the failures, unless `report.allow_failed_plausibility` is set; page one then names them.

The rows name those files: week, item, path, digest. What could not be computed is printed as n/a with its reason.
""",
    reads=(
        Read("factor_returns", over=all_weeks),
        Read("rank_ics", over=all_weeks),
        Read("evaluation", over=all_weeks),
        Read("portfolio_returns", over=all_weeks),
        Read("attribution", over=all_weeks),
        Read("portfolio_lines", over=all_weeks),
        *(Read(portfolio.asset) for portfolio in catalogue.PORTFOLIOS),
        Read("indices"),
        Read("tape_health", over=week_days()),
    ),
    schema={"week": pl.Date, "item": pl.String, "path": pl.String, "digest": pl.String},
    sort=("path",),
    settings="report",
    reads_record=True,
    make="assets.report.weekly:make_report",
    checks=(
        Check("table1_has_sixteen_rows", Between("table1_rows", 16, 16), critical=True, remedy=CODE),
        Check("table2_has_two_rows", Between("table2_rows", 2, 2), critical=True, remedy=CODE),
        Check("every_figure_is_listed", Between("figures", 36, 36), critical=True, remedy=CODE),
        Check(
            "no_failed_plausibility_check",
            Between("failed_plausibility", 0, 0),
            critical=True,
            remedy="mend the named inputs; or, once the figures are known to be right, set report.allow_failed_plausibility = "
            "true, and page one will name the failures",
        ),
        Check("opens_offline", Between("links_out", 0, 0), critical=True, remedy=CODE),
        Check(
            "some_factor_has_a_return",
            Between("factors_with_return", 1, 16),
            critical=False,
            critical_share=1,
            remedy="the history is too short for a holding period, or every factor is n/a: the table names the reasons",
        ),
    ),
    kinds=("html", "altair"),
)

TABLES = (factor_returns, rank_ics, evaluation, report)
