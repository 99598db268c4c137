"""Declares the tables of this stage: the two portfolios, their daily returns, the attribution and the lines."""

from assets.catalogue import PORTFOLIOS, Portfolio
from assets.portfolios import windows
from assets.portfolios.schemas import ATTRIBUTION, COMPONENTS, PORTFOLIO, PORTFOLIO_LINES, PORTFOLIO_RETURNS
from resources.gate import Between, Check, InSet, NotNull, Unique
from resources.language import Bilingual as T
from resources.table import Read, Table, week_days

DATA = T(
    "查看分区旁的 solve.parquet，更正本周的得分、指数权重或价格",
    "read solve.parquet beside the partition, and correct the week's scores, index weights or prices",
)
CODE = T(
    "所存的解未通过验证，属于程序错误：请连同该分区的文件报告",
    "this is a mistake in the code, because the stored solution does not verify; report it with the partition's files",
)

PORTFOLIO_CHECKS = (
    Check("solver_solved", InSet("status", ("optimal", "relaxed")), critical=True, remedy=DATA),
    Check("weights_sum_to_one", Between("weight_sum", 1 - 1e-8, 1 + 1e-8), critical=True, remedy=DATA),
    Check("no_negative_weights", Between("lowest_weight", 0, None), critical=True, remedy=CODE),
    Check("every_constraint_holds", Between("residual", 0, 1e-8), critical=True, remedy=CODE),
    Check("duality_gap_closed", Between("duality_gap", -1e-8, 1e-8), critical=True, remedy=CODE),
    Check("nothing_forbidden_bought", Between("not_buyable_bought", 0, 0), critical=True, remedy=CODE),
    Check("cash_not_negative", Between("lowest_cash", 0, None), critical=True, remedy=CODE),
    Check("benchmark_sums_to_one", Between("benchmark_sum", 1 - 1e-9, 1 + 1e-9), critical=True, remedy=CODE),
    Check(
        "nothing_relaxed",
        InSet("status", ("optimal", "failed")),
        critical=False,
        critical_share=1,
        remedy=T(
            "查看 solve.parquet 中的放松记录与冲突；常见原因是停牌持仓使行业权重无法与基准一致",
            "read relaxations and conflicts in solve.parquet; the usual cause is suspended holdings, which keep an industry from its benchmark weight",
        ),
    ),
    Check(
        "benchmark_members_listed",
        Between("benchmark_delisted", 0, 0.01),
        critical=False,
        critical_share=1,
        remedy=T(
            "提供更新的 index_weights，或 reference/instruments 中成份股的数据；没有数据的成份股视为已退市",
            "deliver newer index_weights, or the members' rows of reference/instruments; a member without one counts as delisted",
        ),
    ),
    Check(
        "benchmark_has_scores",
        Between("benchmark_without_score", 0, 0.2),
        critical=False,
        critical_share=1,
        remedy=T(
            "提供无得分成份股的分钟数据；在此之前不能买入这些股票",
            "deliver minute data of the members without a score, which cannot be bought until then",
        ),
    ),
)


def portfolio_table(portfolio: Portfolio) -> Table:
    """Declare the table of one portfolio; its bounds are the settings under `portfolios.<key>`."""
    return Table(
        name=portfolio.asset,
        group="portfolios",
        partition="week",
        history="minutes",
        description=f"""
**{portfolio.name_zh}** ({portfolio.name_en}, {portfolio.index}): holdings and target weights at each week's signal close.

In each week the previous week's target is traded at the VWAP of the first trading day, the holdings drift to the signal
day, and the portfolio is optimised there (SPEC §6). Weights are fractions of net asset value. Cash has no row; its drifted
weight is in solve.parquet.

| column | |
|---|---|
| week, date | Monday of the week; signal day |
| weight | target; the targets sum to 1 |
| drifted_weight | holding at the signal close |
| benchmark_weight | published weight drifted to the signal close; the weights sum to 1 |
| score | μ; null if the stock has no score |
| industry | as known on the signal day |
| lower, upper | bounds of weight |
| state | tradable, or why the stock may not be bought or traded |

Side files: solve.parquet has one row with status, objective, residual, duality gap and cash, and with nested lists of
constraints (slack and shadow price), relaxed constraints and their causes, conflicts, the score that each bound cost, binding
stocks and solver attempts. executions.parquet has the orders, their fills and the reasons for blocked orders. days.parquet has
the daily returns. The partition is empty, with the reason, until scores and index weights are available.
""",
        reads=(
            Read("distribution_shifts"),
            Read("scores"),
            Read("factors"),
            Read("styles"),
            Read("daily_prices", over=windows.benchmark_window),
            Read("securities", over=windows.benchmark_window),
            Read("indices"),
            Read("minute_bars", over=windows.trade_day),
            Read(portfolio.asset, over=windows.previous_week),
        ),
        schema=PORTFOLIO,
        sort=("symbol",),
        settings="portfolios",
        rules=("boards", "lots", "fees"),
        functions=("portfolios.covariance", "portfolios.extra_constraints"),
        make="assets.portfolios.week.make_portfolio:make_portfolio",
        checks=PORTFOLIO_CHECKS,
    )


csi500_portfolio = portfolio_table(PORTFOLIOS[0])
csi1000_portfolio = portfolio_table(PORTFOLIOS[1])

portfolio_returns = Table(
    name="portfolio_returns",
    group="portfolios",
    partition="week",
    history="minutes",
    description="""
Daily returns of both portfolios on the week's trading days, fractions: 1 + net = (1 + gross) (1 − cost).

On the trade day of a rebalance the old holdings earn the return from pre_close to VWAP and the new ones from VWAP to close;
`cost` is deducted at the VWAP, and `turnover` is the executed one-way turnover. `benchmark` is the return of the index from close
to close; the setting `portfolios.benchmark` selects the price or the total-return index. Where a close is missing, the return of
the drifted weights, which includes dividends, is used, and the notes report it. The first day after such a gap is adjusted so that
the product over the gap equals the index's move, if both closes are within the week or on the day before it. The first row is in
the week after the first build.
""",
    reads=(
        *(Read(portfolio.asset) for portfolio in PORTFOLIOS),
        Read("daily_prices", over=windows.benchmark_window),
        Read("securities", over=windows.benchmark_window),
        Read("indices", over=week_days(back=1)),
    ),
    schema=PORTFOLIO_RETURNS,
    sort=("portfolio", "date"),
    settings="portfolios",
    make="assets.portfolios.week.make_portfolio_returns:make_portfolio_returns",
    items="portfolio",
    needs={portfolio.key: (f"{portfolio.asset}.weight",) for portfolio in PORTFOLIOS},
    checks=(
        Check("portfolio_date_unique", Unique(("portfolio", "date")), critical=True, remedy=CODE),
        Check("net_return_known", NotNull("net"), critical=True, remedy=CODE),
        Check("cost_not_negative", Between("cost", 0, None), critical=True, remedy=CODE),
        Check(
            "benchmark_return_known",
            NotNull("benchmark"),
            critical=False,
            critical_share=1,
            remedy=T(
                "提供该指数这些日期的 reference/index_prices 或 index_weights",
                "deliver reference/index_prices or index_weights of the index for these days",
            ),
        ),
        Check(
            "daily_return_plausible",
            Between("gross", -0.25, 0.25),
            critical=False,
            plausibility=True,
            remedy=T(
                "在持仓中查找错误的 pre_close；正确的收益受涨跌停限制，不会超出该范围",
                "look for a wrong pre_close among the holdings; price limits keep a correct return within this range",
            ),
        ),
    ),
)

attribution = Table(
    name="attribution",
    group="portfolios",
    partition="week",
    history="minutes",
    description="""
Attribution of each portfolio's weekly excess over its index. The excess is the relative strength of the net return against
the index from signal close to signal close (SPEC §6); the values of the items sum to it, which is checked to 1e-12 against the
stored returns.

| component | item | |
|---|---|---|
| selection | industry | Σ over stocks of active weight × residual of a cross-sectional regression on industries and styles |
| style | style | active exposure × the style's return |
| industry | industry | active weight × the industry's return over the market |
| cash | cash | return of the cash at the previous signal close, relative to the market |
| cost | trading | cost of the rebalance |
| unfilled | suspended, not_buyable, limit_up, cash, topped_up … | return of the difference between fills and target |
| delisting | symbol | loss on a delisted holding when it was paid out |
| benchmark_basis | index | return of the drifted members over the index itself, from dividends and the age of the weights |

The attribution has two legs: up to the trade day's VWAP with last week's holdings, and from it with the target. legs.parquet has
the exposures and returns of both; names.parquet has selection, unfilled and delisting per stock. A style that is null for the
whole market is null here, with its reason, and its contribution is part of selection.
""",
    reads=(
        *(Read(portfolio.asset, over=windows.two_weeks) for portfolio in PORTFOLIOS),
        Read("portfolio_returns"),
        Read("styles", over=windows.previous_signal_day),
        Read("daily_prices", over=windows.benchmark_window),
        Read("securities", over=windows.benchmark_window),
    ),
    schema=ATTRIBUTION,
    sort=("portfolio", "component", "item"),
    settings="portfolios",
    make="assets.portfolios.week.make_attribution:make_attribution",
    items="portfolio",
    needs={portfolio.key: (f"portfolio_returns.{portfolio.key}",) for portfolio in PORTFOLIOS},
    checks=(
        Check("item_unique", Unique(("portfolio", "component", "item")), critical=True, remedy=CODE),
        Check("component_known", InSet("component", COMPONENTS), critical=True, remedy=CODE),
        Check("adds_up_to_the_excess", Between("gap", -1e-12, 1e-12), critical=True, remedy=CODE),
        Check(
            "benchmark_follows_its_index",
            Between("basis", -0.005, 0.005),
            critical=False,
            critical_share=1,
            remedy=T(
                "漂移后的成份股与指数之差超过分红所能解释的程度：提供更新的 reference/index_weights",
                "the drifted members and the index differ by more than dividends explain; deliver newer reference/index_weights",
            ),
        ),
        Check(
            "parts_plausible",
            Between("value", -0.1, 0.1),
            critical=False,
            plausibility=True,
            remedy=T(
                "在分区旁的 names.parquet 中找出该股票，检查其本周价格",
                "find the stock in names.parquet beside the partition, and examine its prices of the week",
            ),
        ),
    ),
)

portfolio_lines = Table(
    name="portfolio_lines",
    group="portfolios",
    partition="week",
    history="minutes",
    description="""
Lines of robustness: both portfolios built on other scores (`lines.alphas`) and on other signal days (`lines.weekdays`: one
offset path per weekday, and their mean), with the same constraints and costs. The table is empty unless a line is set.

| column | |
|---|---|
| week, date | Monday of the week; trading day |
| portfolio, line | portfolio key; the key or keys of the score, the weekday, or `mean of weekdays` |
| gross, cost, net, benchmark, turnover | as in portfolio_returns |

The score of an offset path is computed on its signal day by the model known then (offset_scores). Side files: states.parquet
(holdings, targets and cash at each line's signal close) and solves.parquet (status, residual and gap of each rebalance).
""",
    reads=(
        Read("scores", over=windows.lines_week),
        Read("offset_scores", over=windows.lines_week),
        Read("factors", over=windows.line_days),
        Read("styles", over=windows.line_days, by_reader=True),
        Read("daily_prices", over=windows.lines_prices),
        Read("securities", over=windows.lines_prices),
        Read("indices", over=windows.lines_indices),
        Read("minute_bars", over=windows.line_trade_days),
        Read("portfolio_lines", over=windows.lines_before),
    ),
    schema=PORTFOLIO_LINES,
    sort=("portfolio", "line", "date"),
    settings=("lines", "portfolios"),
    rules=("boards", "lots", "fees"),
    reads_start=True,
    functions=("portfolios.covariance", "portfolios.extra_constraints"),
    make="assets.portfolios.week.make_portfolio_lines:make_portfolio_lines",
    items="line",
    checks=(
        Check("portfolio_line_date_unique", Unique(("portfolio", "line", "date")), critical=True, remedy=CODE),
        Check("solver_solved", InSet("status", ("optimal", "relaxed")), critical=True, remedy=DATA),
        Check("every_constraint_holds", Between("residual", 0, 1e-8), critical=True, remedy=CODE),
        Check("duality_gap_closed", Between("duality_gap", -1e-8, 1e-8), critical=True, remedy=CODE),
        Check(
            "daily_return_plausible",
            Between("gross", -0.25, 0.25),
            critical=False,
            plausibility=True,
            remedy=T(
                "在持仓中查找错误的 pre_close；正确的收益受涨跌停限制，不会超出该范围",
                "look for a wrong pre_close among the holdings; price limits keep a correct return within this range",
            ),
        ),
    ),
)

TABLES = (csi500_portfolio, csi1000_portfolio, portfolio_returns, attribution, portfolio_lines)
