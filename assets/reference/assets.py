"""The stage `reference`: what was known on each day from the landing zone's reference tables. Declarations only."""

from assets.reference.schemas import DAILY_PRICES, INDICES, SECURITIES
from resources.gate import Between, Check, InSet, NotNull, Unique
from resources.table import Land, Read, Table

REDELIVER = (
    "read the reasons in set_aside.parquet beside the partition, correct those rows under reference/ and run again"
)
MEND = "declare what the reasons name, or correct the rows and deliver the table again; set_aside.parquet beside the partition holds them"

daily_prices = Table(
    name="daily_prices",
    stage="reference",
    partition="day",
    history="reference",
    description="""Official prices of each name traded on the day: raw, in yuan; no row = suspended.

`pre_close` is the ex-rights reference price (returns across days are close / pre_close − 1), `volume` and shares are in
shares, `amount` in yuan, `vwap` = amount / volume. `limit_up` and `limit_down` are those delivered or, where none were or no rule can give
them, the exchanges' rule in whole cents (null: no limit). Rows that can't be used stand with their reason in `set_aside.parquet`,
and so do rows that count but for their share counts or delivered limits: counts are null where they were not delivered or contradict the row.
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
            remedy="bring reference/daily_prices up to date: it is there, but has no price of this trading day. Where the table "
            "begins after the minute data, take the minute data of the days before it out",
            explained_by=("prices_dated_on_trading_days",),
        ),
        Check(
            "prices_dated_on_trading_days",
            Between("dates_shifted", 0, 0),
            critical=True,
            remedy="deliver each row of reference/daily_prices under the day on which it was traded; a date that is a time in another zone than "
            "Shanghai's is a day early",
        ),
        Check("symbol_unique", Unique(("date", "symbol", "set_aside")), critical=True, remedy=REDELIVER),
        Check(
            "delivered_rows_usable",
            InSet("reason", ("used",)),
            critical=False,
            critical_share=1,  # the next check refuses where there are too many
            remedy=REDELIVER,
            explained_by=("nearly_all_rows_usable",),
        ),
        Check("nearly_all_rows_usable", Between("too_many_set_aside", 0, 0), critical=True, remedy=MEND),
        Check(
            "code_changes_usable",
            Between("changes_aside", 0, 0),
            critical=True,
            remedy="correct the named rows of reference/code_changes, or take them out: without them the old name is paid out",
        ),
        Check(
            "changed_codes_declared",
            Between("undeclared_change", 0, 0),
            critical=False,
            critical_share=1,  # a change is no fault of the prices
            remedy="declare the change in reference/code_changes, or leave it: the old name is then paid out",
        ),
        Check(
            "code_changes_take_part",
            Between("unmatched_change", 0, 0),
            critical=False,
            critical_share=1,  # nothing is made of such a row
            remedy="correct old in the named rows of reference/code_changes, or take the rows out",
        ),
        Check(
            "names_of_the_day_before_priced",
            Between("names_lost", 0, 0),
            critical=True,
            remedy="deliver all rows of this day of reference/daily_prices",
            explained_by=("nearly_all_rows_usable",),
        ),
        Check(
            "shares_known",
            NotNull("total_shares"),
            critical=False,
            remedy="deliver total_shares of the named symbols: without them they have no market value",
            explained_by=("nearly_all_rows_usable",),
        ),
        Check(
            "float_shares_known",
            NotNull("float_shares"),
            critical=False,
            critical_share=1,  # turnover and float market values alone need them
            remedy="deliver float_shares of the named symbols: without them they have no turnover",
            explained_by=("nearly_all_rows_usable",),
        ),
        Check("high_not_below_low", Between("day_range", 0), critical=True, remedy=REDELIVER),
        Check("volume_not_negative", Between("volume", 0), critical=False, remedy=REDELIVER),
        Check("vwap_inside_day_range", Between("vwap_outside", 0, 0.01), critical=False, remedy=REDELIVER, mostly=0.99),
        Check(
            "limits_follow_the_rulebook",
            Between("limits_refused", 0, 0),
            critical=True,
            remedy="deliver the exchanges' limits of the day, or take limit_up and limit_down out, so that the rule holds; where the exchanges "
            "changed the rule, add it to rulebook.price_limits",
        ),
        Check(
            "limits_filled",
            Between("limit_not_filled", 0, 0),
            critical=False,
            critical_share=1,  # the rule holds for them
            remedy="fill limit_up and limit_down for every name, or leave both columns out; a 0 says that a name has no limit that "
            "day. Where so many names have none, the rulebook lacks the rule: add it to rulebook.price_limits",
        ),
        # Resumptions, delisting periods and odd listing days break the rule: for at most 0.46 % of a day's names in 2010–2016.
        Check(
            "prices_inside_limits",
            Between("outside_limits", 0, 0),
            critical=False,
            remedy="deliver limit_up and limit_down with the prices, or add the rule to rulebook.price_limits",
            mostly=0.995,
        ),
    ),
)

securities = Table(
    name="securities",
    stage="reference",
    partition="day",
    history="reference",
    description="""One row per name listed on the day, with what was known of it at the close.

`listed_days` counts trading days since listing (listing day = 1); a suspended name keeps its last close, shares and `is_st`.
`is_st` is true of ST names as delivered and of names in their delisting period (`delisting_start`, `is_delisting`, 退 in `name`);
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
        Land("index_weights"),  # names a table of industries of index members alone
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
            remedy="deliver the listing days of reference/instruments; where those names were indeed listed on that day, raise "
            "reference.max_listed_at_start",
        ),
        Check(
            "profits_are_of_single_quarters",
            Between("rising_profits", 0, 0),
            critical=True,
            remedy="declare what the figures are, or deliver those of single quarters",
        ),
        Check(
            "profits_rise_as_declared",
            Between("doubtful_profits", 0, 0),
            critical=False,
            critical_share=1,  # too few years to refuse
            remedy="see whether the figures are those of single quarters or of the year so far, as declared: in so few it may be by chance",
        ),
        Check(
            "announcements_have_their_days",
            Between("placeholder_dates", 0, 0),
            critical=True,
            remedy="deliver the announce_date of each figure of reference/fundamentals",
        ),
        Check(
            "fundamentals_in_yuan",
            Between("other_unit", 0, 0),
            critical=True,
            remedy="declare the unit, or deliver reference/fundamentals in yuan",
        ),
        Check("market_value_positive", Between("total_mv", 1), critical=True, remedy=REDELIVER),
        Check(
            "listing_day_known",
            NotNull("listed_days"),
            critical=False,
            remedy="add the names that trade to reference/instruments with their list_date",
            mostly=0.999,
            critical_share=0.2,
        ),
        Check(
            "industry_known",
            NotNull("industry"),
            critical=False,
            remedy="add the missing names to reference/industries",
            mostly=0.98,
            critical_share=1,  # the next check refuses where too many are missing
            explained_by=("industries_delivered",),
        ),
        Check(
            "industries_delivered",
            Between("industries_lacking", 0, 0),
            critical=True,
            remedy="deliver reference/industries of every name",
        ),
        Check(
            "equity_known",
            NotNull("equity"),
            critical=False,
            critical_share=1,  # where announcements begin after the prices, most names have none at first
            remedy="bring reference/fundamentals up to date",
            mostly=0.9,
        ),
    ),
)

indices = Table(
    name="indices",
    stage="reference",
    partition="day",
    history="reference",
    description="""Members and weights of each index as last published on or before the day, and its close of the day.

`weight` is the fraction as published at the close of `published_date`: drifting it to the day and dividing by its sum is the
reader's business. An index of which only prices are known has one row with null symbol and weight.
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
            remedy="do what the finding says, or correct the close in reference/index_prices or the vector of reference/index_weights",
        ),
        Check(
            "vectors_are_whole",
            Between("members_lost", 0, 0),
            critical=True,
            remedy="deliver the whole vector of reference/index_weights, or say in reference.index_members how many members the index has",
        ),
        Check(
            "weights_differ",
            Between("weights_equal", 0, 0),
            critical=True,
            remedy="deliver the published weights of reference/index_weights; an index that is weighted equally on purpose is admitted by "
            "reference.min_weighted_members",
        ),
        Check(
            "vectors_are_of_the_whole_market",
            Between("members_short", 0, 0),
            critical=False,
            critical_share=1,  # a market of fewer names is legitimate
            remedy="deliver the whole vector of reference/index_weights; where the market is meant to be smaller than the exchanges', say in "
            "reference.index_members how many members the index has there",
        ),
        Check(
            "members_are_priced",
            Between("members_absent", 0, 0),
            critical=True,
            remedy="deliver reference/daily_prices of the members, or the vector of reference/index_weights that is meant",
        ),
        Check(
            "most_members_are_priced",
            Between("members_few", 0, 0),
            critical=False,
            critical_share=1,  # prices of a part of the market are legitimate
            remedy="deliver reference/daily_prices of the members; where prices of a part of the market are meant, the index's closes are not judged",
        ),
        Check(
            "followed_indices_delivered",
            Between("followed_indices", 1),
            critical=True,
            remedy="say which code stands for which index in the setting landing.indices.codes, e.g. "
            '{"399905.SZ" = "000905.SH"}; where a code is another index, name it in reference.other_indices, or take its rows or the '
            "table out: what needs the index that is not there is then n/a",
        ),
        Check(
            "weights_sum_to_one",
            Between("weight_sum", 0.99, 1.01),
            critical=True,
            remedy="do what the finding says, or deliver the whole vector of reference/index_weights again",
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
            remedy="bring reference/index_weights up to date",
        ),
    ),
)

TABLES = (daily_prices, securities, indices)
