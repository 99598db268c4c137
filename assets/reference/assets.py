"""Declares the stage `reference`: what was known on each day from the reference tables. Declarations only."""

from assets.reference.schemas import DAILY_PRICES, INDICES, SECURITIES
from resources.gate import Between, Check, InSet, NotNull, Unique
from resources.language import Bilingual as T
from resources.table import Land, Read, Table

REDELIVER = T(
    "查看分区旁 set_aside.parquet 中的原因，更正 reference/ 下的这些行，然后重新运行",
    "read the reasons in set_aside.parquet beside the partition, correct those rows under reference/ and run again",
)
MEND = T(
    "声明原因中提到的设置，或更正这些行后重新提供该表；分区旁的 set_aside.parquet 列出了这些行",
    "declare the settings that the reasons name, or correct the rows and deliver the table again; set_aside.parquet beside the partition lists them",
)

daily_prices = Table(
    name="daily_prices",
    group="reference",
    partition="day",
    history="reference",
    description="""Official prices of each stock traded on the day, raw, in yuan; a stock without a row is suspended.

`pre_close` is the ex-rights reference price (returns across days are close / pre_close − 1), `volume` and shares are in
shares, `amount` in yuan, `vwap` = amount / volume. `limit_up` and `limit_down` are the delivered limits or, where none were delivered or
no rule of the exchanges allows them, the exchanges' rule in whole cents (null: no limit). `set_aside.parquet` lists the rows that cannot
be used with their reasons, and the rows that are used without their share counts or delivered limits. Share counts are null
where they were not delivered or contradict the row.
""",
    lands=(Land("daily_prices"), Land("instruments"), Land("code_changes")),
    schema=DAILY_PRICES,
    sort=("symbol",),
    settings="reference",
    rules=("boards", "price_limits", "listing_limits", "delisting_limits"),
    make="assets.reference.make_daily_prices:make_daily_prices",
    checks=(
        Check(
            "prices_of_the_day_delivered",
            Between("names_priced", 1),
            critical=True,
            remedy=T(
                "更新 reference/daily_prices：该表已提供，但没有这个交易日的价格；若该表晚于分钟数据开始，请移除其起始日之前的分钟数据",
                "bring reference/daily_prices up to date: the table was delivered, but has no price of this trading day. Where the "
                "table begins after the minute data, remove the minute data of the days before it",
            ),
            explained_by=("prices_dated_on_trading_days",),
        ),
        Check(
            "prices_dated_on_trading_days",
            Between("dates_shifted", 0, 0),
            critical=True,
            remedy=T(
                "将 reference/daily_prices 的每一行记在其交易日下；从上海以外的时区换算的日期会早一天",
                "deliver each row of reference/daily_prices under its day of trading; a date that was converted from another time zone than "
                "Shanghai's is a day early",
            ),
        ),
        Check("symbol_unique", Unique(("date", "symbol", "set_aside")), critical=True, remedy=REDELIVER),
        Check(
            "delivered_rows_usable",
            InSet("reason", ("used",)),
            critical=False,
            critical_share=1,  # the next check refuses a partition with too many
            remedy=REDELIVER,
            explained_by=("nearly_all_rows_usable",),
        ),
        Check("nearly_all_rows_usable", Between("too_many_set_aside", 0, 0), critical=True, remedy=MEND),
        Check(
            "code_changes_usable",
            Between("changes_aside", 0, 0),
            critical=True,
            remedy=T(
                "更正 reference/code_changes 中所列的行，或将其删除；没有这些行，旧代码的持仓按退市兑付",
                "correct the named rows of reference/code_changes, or remove them: without them a holding of the old code is paid out",
            ),
        ),
        Check(
            "changed_codes_declared",
            Between("undeclared_change", 0, 0),
            critical=False,
            critical_share=1,  # a change of code is no fault of the prices
            remedy=T(
                "在 reference/code_changes 中声明代码变更；否则旧代码的持仓按退市兑付",
                "declare the change in reference/code_changes; otherwise a holding of the old code is paid out",
            ),
        ),
        Check(
            "code_changes_take_part",
            Between("unmatched_change", 0, 0),
            critical=False,
            critical_share=1,  # such a row has no effect
            remedy=T(
                "更正 reference/code_changes 中所列行的 `old`，或删除这些行",
                "correct `old` in the named rows of reference/code_changes, or remove the rows",
            ),
        ),
        Check(
            "names_of_the_day_before_priced",
            Between("names_lost", 0, 0),
            critical=True,
            remedy=T(
                "提供 reference/daily_prices 当日的全部数据", "deliver all rows of this day of reference/daily_prices"
            ),
            explained_by=("nearly_all_rows_usable",),
        ),
        Check(
            "shares_known",
            NotNull("total_shares"),
            critical=False,
            remedy=T(
                "提供所列股票的 total_shares，否则这些股票没有市值",
                "deliver total_shares of the named symbols, which have no market value otherwise",
            ),
            explained_by=("nearly_all_rows_usable",),
        ),
        Check(
            "float_shares_known",
            NotNull("float_shares"),
            critical=False,
            critical_share=1,  # only turnover and float market values need them
            remedy=T(
                "提供所列股票的 float_shares，否则这些股票没有换手率",
                "deliver float_shares of the named symbols, which have no turnover otherwise",
            ),
            explained_by=("nearly_all_rows_usable",),
        ),
        Check("high_not_below_low", Between("day_range", 0), critical=True, remedy=REDELIVER),
        Check("volume_not_negative", Between("volume", 0), critical=False, remedy=REDELIVER),
        Check("vwap_inside_day_range", Between("vwap_outside", 0, 0.01), critical=False, remedy=REDELIVER, mostly=0.99),
        Check(
            "limits_follow_the_rulebook",
            Between("limits_refused", 0, 0),
            critical=True,
            remedy=T(
                "提供交易所当日的涨跌停价，或去掉 limit_up 与 limit_down 以采用规则；若交易所更改了规则，请将新规则加入 rulebook.price_limits",
                "deliver the exchanges' limits of the day, or remove limit_up and limit_down, so that the rule applies; where the exchanges "
                "changed the rule, add it to rulebook.price_limits",
            ),
        ),
        Check(
            "limits_filled",
            Between("limit_not_filled", 0, 0),
            critical=False,
            critical_share=1,  # the rule applies to them
            remedy=T(
                "为每只股票填写 limit_up 与 limit_down，或去掉这两列；0 表示该股票当日无涨跌幅限制。若确有这么多股票没有限制，"
                "则规则集缺少相应规则：请加入 rulebook.price_limits",
                "fill limit_up and limit_down for every stock, or leave both columns out; a 0 means that a stock has no limit that "
                "day. Where so many stocks truly have none, the rulebook lacks the rule: add it to rulebook.price_limits",
            ),
        ),
        # Resumptions, delisting periods and unusual listing days break the rule for at most 0.46 % of a day's stocks in 2010–2016.
        Check(
            "prices_inside_limits",
            Between("outside_limits", 0, 0),
            critical=False,
            remedy=T(
                "随价格提供 limit_up 与 limit_down，或将规则加入 rulebook.price_limits",
                "deliver limit_up and limit_down with the prices, or add the rule to rulebook.price_limits",
            ),
            mostly=0.995,
        ),
    ),
)

securities = Table(
    name="securities",
    group="reference",
    partition="day",
    history="reference",
    description="""One row per stock listed on the day, with what was known of it at the close.

`listed_days` counts trading days since listing (listing day = 1); a suspended stock keeps its last close, shares and `is_st`.
`is_st` is true of ST stocks as delivered and of stocks in their delisting period (`delisting_start`, `is_delisting`, 退 in `name`);
market values are last close × shares, in yuan. `industry` is the membership that started last ("unknown" where none did).
`equity` and `net_profit` (one quarter, yuan) are the latest announced; `profitability` = net profit / mean of opening and
closing equity of the latest quarter for which it is known, `profitability_year_ago` the same four quarters earlier.
`in_universe` is U(t): neither ST nor in the delisting period, listed at least 120 trading days, traded on the day.
""",
    reads=(Read("daily_prices"),),
    lands=(
        Land("daily_prices"),
        Land("instruments"),
        Land("industries"),
        Land("fundamentals"),
        Land("code_changes"),
        Land("index_weights"),  # identifies a table with the industries of index members only
    ),
    schema=SECURITIES,
    sort=("symbol",),
    settings="reference",
    rules=("boards",),
    make="assets.reference.make_securities:make_securities",
    needs={"limit_up": ("daily_prices.limit_up",), "limit_down": ("daily_prices.limit_down",)},
    checks=(
        Check("symbol_unique", Unique(("date", "symbol", "set_aside")), critical=True, remedy=REDELIVER),
        Check(
            "reference_rows_usable",
            InSet("reason", ("used",)),
            critical=False,
            remedy=REDELIVER,
            explained_by=("tables_usable",),
        ),
        Check("tables_usable", Between("unusable", 0, 0), critical=True, remedy=MEND),
        Check(
            "listing_days_are_not_the_first_prices",
            Between("listed_at_start", 0, 0),
            critical=True,
            remedy=T(
                "提供 reference/instruments 的上市日期；若这些股票确实在该日上市，调高 reference.max_listed_at_start",
                "deliver the listing days of reference/instruments; where those stocks were indeed listed on that day, raise "
                "reference.max_listed_at_start",
            ),
        ),
        Check(
            "profits_are_of_single_quarters",
            Between("rising_profits", 0, 0),
            critical=True,
            remedy=T(
                "声明数据所属的期间，或提供单季度数据",
                "declare the periods of the figures, or deliver those of single quarters",
            ),
        ),
        Check(
            "profits_rise_as_declared",
            Between("doubtful_profits", 0, 0),
            critical=False,
            critical_share=1,  # the years are too few to refuse the table
            remedy=T(
                "核实数据是否如声明的那样为单季度值或年初至今累计值；年份很少时，也可能出于偶然",
                "verify that the figures are those of single quarters or of the year so far, as declared; in so few years it may be chance",
            ),
        ),
        Check(
            "announcements_have_their_days",
            Between("placeholder_dates", 0, 0),
            critical=True,
            remedy=T(
                "提供 reference/fundamentals 每项数据的 announce_date",
                "deliver the announce_date of each figure of reference/fundamentals",
            ),
        ),
        Check(
            "fundamentals_in_yuan",
            Between("other_unit", 0, 0),
            critical=True,
            remedy=T(
                "声明单位，或以元为单位提供 reference/fundamentals",
                "declare the unit, or deliver reference/fundamentals in yuan",
            ),
        ),
        Check("market_value_positive", Between("total_mv", 1), critical=True, remedy=REDELIVER),
        Check(
            "listing_day_known",
            NotNull("listed_days"),
            critical=False,
            remedy=T(
                "将有成交的股票连同 list_date 加入 reference/instruments",
                "add the stocks that trade to reference/instruments with their list_date",
            ),
            mostly=0.999,
            critical_share=0.2,
        ),
        Check(
            "industry_known",
            NotNull("industry"),
            critical=False,
            remedy=T("将缺少的股票加入 reference/industries", "add the missing stocks to reference/industries"),
            mostly=0.98,
            critical_share=1,  # the next check refuses a partition that lacks too many
            explained_by=("industries_delivered",),
        ),
        Check(
            "industries_delivered",
            Between("industries_lacking", 0, 0),
            critical=True,
            remedy=T("提供全部股票的 reference/industries", "deliver reference/industries of every stock"),
        ),
        Check(
            "equity_known",
            NotNull("equity"),
            critical=False,
            critical_share=1,  # where announcements begin after the prices, most stocks have none at first
            remedy=T("更新 reference/fundamentals", "bring reference/fundamentals up to date"),
            mostly=0.9,
        ),
    ),
)

indices = Table(
    name="indices",
    group="reference",
    partition="day",
    history="reference",
    description="""Members and weights of each index as last published on or before the day, and its close of the day.

`weight` is the fraction as published at the close of `published_date`, neither drifted to the day nor divided by its sum.
An index of which only closes are known has one row with null symbol and weight.
""",
    reads=(Read("daily_prices"),),
    lands=(Land("index_weights"), Land("index_prices"), Land("daily_prices")),
    schema=INDICES,
    sort=("index", "symbol"),
    settings="reference",
    rules=("boards",),
    make="assets.reference.make_indices:make_indices",
    checks=(
        Check("member_unique", Unique(("date", "index", "symbol", "set_aside")), critical=True, remedy=REDELIVER),
        Check(
            "reference_rows_usable",
            InSet("reason", ("used",)),
            critical=False,
            remedy=REDELIVER,
            explained_by=("tables_usable",),
        ),
        Check("tables_usable", Between("unusable", 0, 0), critical=True, remedy=MEND),
        Check(
            "index_moves_with_its_members",
            Between("index_off", 0, 0),
            critical=True,
            remedy=T(
                "按检查结果处理，或更正 reference/index_prices 的收盘价或 reference/index_weights 的权重",
                "follow the finding, or correct the close in reference/index_prices or the vector of reference/index_weights",
            ),
        ),
        Check(
            "vectors_are_whole",
            Between("members_lost", 0, 0),
            critical=True,
            remedy=T(
                "提供 reference/index_weights 的全部成份股权重，或在 reference.index_members 中设定该指数的成份股数目",
                "deliver the whole vector of reference/index_weights, or set the index's number of members in reference.index_members",
            ),
        ),
        Check(
            "weights_differ",
            Between("weights_equal", 0, 0),
            critical=True,
            remedy=T(
                "提供 reference/index_weights 的公布权重；若指数按编制规则等权，可通过 reference.min_weighted_members 接受",
                "deliver the published weights of reference/index_weights; an index that is equally weighted by design is accepted by "
                "reference.min_weighted_members",
            ),
        ),
        Check(
            "vectors_are_of_the_whole_market",
            Between("members_short", 0, 0),
            critical=False,
            critical_share=1,  # a market of fewer stocks is legitimate
            remedy=T(
                "提供 reference/index_weights 的全部成份股权重；若市场有意小于两所的全部股票，请在 reference.index_members "
                "中设定该指数在此市场的成份股数目",
                "deliver the whole vector of reference/index_weights; where the market is smaller than the exchanges' on purpose, set the "
                "index's number of members there in reference.index_members",
            ),
        ),
        Check(
            "members_are_priced",
            Between("members_absent", 0, 0),
            critical=True,
            remedy=T(
                "提供成份股的 reference/daily_prices，或提供正确的 reference/index_weights 权重",
                "deliver reference/daily_prices of the members, or the intended vector of reference/index_weights",
            ),
        ),
        Check(
            "most_members_are_priced",
            Between("members_few", 0, 0),
            critical=False,
            critical_share=1,  # prices of a part of the market are legitimate
            remedy=T(
                "提供成份股的 reference/daily_prices；若只有部分市场的价格，则不检验指数收盘价",
                "deliver reference/daily_prices of the members; with prices of a part of the market, the index's closes are not judged",
            ),
        ),
        Check(
            "followed_indices_delivered",
            Between("followed_indices", 1),
            critical=True,
            remedy=T(
                '在设置 landing.indices.codes 中将所提供的代码对应到指数，例如 {"399905.SZ" = "000905.SH"}；若该代码是另一指数，'
                "请列入 reference.other_indices，或删除其数据或该表：需要所缺指数的数据则为 n/a",
                "map the delivered code to the index in the setting landing.indices.codes, such as "
                '{"399905.SZ" = "000905.SH"}; where the code is another index, name it in reference.other_indices, or remove its rows or the '
                "table: figures that need the missing index are then n/a",
            ),
        ),
        Check(
            "weights_sum_to_one",
            Between("weight_sum", 0.99, 1.01),
            critical=True,
            remedy=T(
                "按检查结果处理，或重新提供 reference/index_weights 的全部成份股权重",
                "follow the finding, or deliver the whole vector of reference/index_weights again",
            ),
        ),
        Check(
            "weight_not_negative",
            Between("weight", 0, 1),
            critical=True,
            remedy=REDELIVER,
            explained_by=("weights_sum_to_one",),
        ),
        Check(
            "weights_recent",
            Between("weight_age", 0, 45),
            critical=False,
            critical_share=1,  # weights drift with their prices, and an old vector is no fault of the day
            remedy=T("更新 reference/index_weights", "bring reference/index_weights up to date"),
        ),
    ),
)

TABLES = (daily_prices, securities, indices)
