"""The tables of this stage: the two portfolios, their daily returns and what the excess came from. Declarations only."""

from assets.catalogue import PORTFOLIOS, Portfolio
from assets.portfolios import windows
from assets.portfolios.schemas import ATTRIBUTION, COMPONENTS, PORTFOLIO, PORTFOLIO_LINES, PORTFOLIO_RETURNS
from resources.gate import Between, Check, InSet, NotNull, Unique
from resources.table import Read, Table, week_days

DATA = "look into solve.parquet beside the partition; mend the week's scores, weights or prices"
CODE = "a mistake in the code: the week's solve does not verify; report it with the partition's files"


def portfolio_table(portfolio: Portfolio) -> Table:
    """The table of one portfolio; its bounds are a part of the settings under portfolios.<key>."""
    return Table(
        name=portfolio.asset,
        stage="portfolios",
        partition="week",
        history="minutes",
        description=f"""
**{portfolio.name_zh}** ({portfolio.name_en}, {portfolio.index}): holdings and target weights at each week's signal close.

A week first trades the previous week's target at the VWAP of its first trading day, drifts to its signal day, and
optimises there (SPEC §6). Weights are fractions of net asset value; cash is no row, its drifted weight stands in
solve.parquet.

| column | |
|---|---|
| week, date | Monday; signal day |
| weight | target, sums to 1 |
| drifted_weight | holding at the signal close |
| benchmark_weight | published weight drifted to the signal close, sums to 1 |
| score | μ; null: no view |
| industry | as known on the day |
| lower, upper | bounds of weight |
| state | tradable, or why it may not be bought or traded |

Beside it: solve.parquet (one row: status, objective, residual, gap, cash; nested: constraints with slack and shadow
price, which constraints were relaxed and what forced it, what can't hold together, what each bound cost in score, binding names, every
solver's attempt), executions.parquet (orders, fills, what was blocked), days.parquet (daily returns). Empty, with the
reason, until there are scores and index weights.
""",
        reads=(
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
        checks=(
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
                remedy="read relaxations and conflicts in solve.parquet: usually suspended holdings push an industry off neutral",
            ),
            Check(
                "benchmark_members_listed",
                Between("benchmark_delisted", 0, 0.01),
                critical=False,
                critical_share=1,
                remedy="deliver newer index_weights, or the members' rows of reference/instruments: they count as delisted",
            ),
            Check(
                "benchmark_has_scores",
                Between("benchmark_without_score", 0, 0.2),
                critical=False,
                critical_share=1,
                remedy="deliver minute data of the members without a score; they can't be bought",
            ),
        ),
    )


csi500_portfolio = portfolio_table(PORTFOLIOS[0])
csi1000_portfolio = portfolio_table(PORTFOLIOS[1])

portfolio_returns = Table(
    name="portfolio_returns",
    stage="portfolios",
    partition="week",
    history="minutes",
    description="""
Daily returns of both portfolios on the week's trading days, fractions: 1 + net = (1 + gross) (1 − cost).

On a rebalance's trade day old holdings earn pre_close → VWAP and new ones VWAP → close; `cost` is taken at VWAP;
`turnover` is the executed one-way turnover. `benchmark` is the index close to close, the price or the total-return index by
the setting `portfolios.benchmark`; where a close is absent, the drifted weights, dividends included, and the notes say so. The day after a gap takes up what they
missed of the index's move, where both closes lie in the week or on the day before it. Begins in the week after the first build.
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
            remedy="deliver reference/index_prices or index_weights of the index for these days",
        ),
        Check(
            "daily_return_plausible",
            Between("gross", -0.25, 0.25),
            critical=False,
            plausibility=True,
            remedy="look for a wrong pre_close among the holdings: price limits keep a portfolio inside this range",
        ),
    ),
)

attribution = Table(
    name="attribution",
    stage="portfolios",
    partition="week",
    history="minutes",
    description="""
Where each portfolio's excess over its index came from in the week: items whose values add up to it (SPEC §6: relative
strength of net against the index, from signal close to signal close), checked to 1e-12 against the stored returns.

| component | item | |
|---|---|---|
| selection | industry | active weight × residual of a cross-sectional regression on industries and styles, name by name |
| style | style | active exposure × the style's return |
| industry | industry | active weight × the industry's return over the market |
| cash | cash | what stood uninvested at the signal close before, against the market |
| cost | trading | cost of the rebalance |
| unfilled | suspended, not_buyable, limit_up, cash, topped_up … | what the difference between fills and target earned or missed |
| delisting | symbol | what a delisted holding lost when it was paid out |
| benchmark_basis | index | drifted members over the index itself: dividends, age of the weights |

Two legs, up to the trade day's VWAP with last week's holdings and from it with the target, are in legs.parquet with each
exposure and return; names.parquet holds selection, unfilled and delisting name by name. A style that is null for the
whole market is null here, with its reason, and part of selection.
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
            remedy="drifted members and index differ by more than dividends explain: deliver newer reference/index_weights",
        ),
        Check(
            "parts_plausible",
            Between("value", -0.1, 0.1),
            critical=False,
            plausibility=True,
            remedy="look in names.parquet beside the partition for the name, and at its prices of the week",
        ),
    ),
)

portfolio_lines = Table(
    name="portfolio_lines",
    stage="portfolios",
    partition="week",
    history="minutes",
    description="""
Lines of robustness: both portfolios once more, on other scores (`lines.alphas`) and on other signal days (`lines.weekdays`,
an offset path each, and their mean), under the same constraints and costs. Empty unless set.

| column | |
|---|---|
| week, date | Monday; trading day |
| portfolio, line | which index; the score's key or keys, or the weekday, or `mean of weekdays` |
| gross, cost, net, benchmark, turnover | as in portfolio_returns |

An offset path's score is that of its signal day by the model known then (offset_scores). Beside the rows: states.parquet
(holdings, targets and cash at each line's signal close) and solves.parquet (status, residual, gap of each rebalance).
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
            remedy="look for a wrong pre_close among the holdings: price limits keep a portfolio inside this range",
        ),
    ),
)

TABLES = (csi500_portfolio, csi1000_portfolio, portfolio_returns, attribution, portfolio_lines)
