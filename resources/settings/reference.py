"""Settings of daily_prices, securities and indices: the universe (SPEC §4)."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from resources.settings.base import Name, Section

IndexCode = Annotated[str, Field(pattern=r"^[0-9A-Z]{6}\.[A-Z]{2,3}$")]


class ReferenceSettings(Section):
    """What `daily_prices`, `securities` and `indices` are handed."""

    min_listed_days: int = Field(
        120,
        ge=1,
        le=10_000,
        description="Trading days since listing (the listing day is 1) from which a name is in U(t). SPEC §4",
    )
    no_limit_from: float = Field(
        10_000.0,
        gt=0,
        le=1e12,
        description="A delivered limit_up of so many yuan or more says that the name has no limit on that day, as 0 does. SPEC §6",
    )
    max_unlimited_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of a day's names whose delivered limits may say that they have none though the rule gives one; above it the "
        "columns were not filled, and the rule holds for those names.",
    )
    always_unlimited: int = Field(
        2,
        ge=0,
        le=1000,
        description="Names that may say so whatever their share: in a small market one is many per cent.",
    )
    limit_tolerance: float = Field(
        0.01,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Yuan by which a delivered limit may differ from the rule's: a cent, since vendors round half cents either way.",
    )
    max_limits_off_share: float = Field(
        0.02,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a day's names whose delivered limits may differ from the rule's by more than that before the day is "
        "refused; without delivered limits the rule fails for 0.46 % of a day's names at most in 2010–2016.",
    )
    max_set_aside_share: float = Field(
        0.02,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a reference table's rows (of daily_prices: of the day's) that may be set aside for a fault before the "
        "day is refused.",
    )
    always_set_aside: int = Field(
        2,
        ge=0,
        le=1000,
        description="Rows that may be set aside whatever their share: in a market of few names one row is many per cent.",
    )
    unit_tolerance: float = Field(
        0.1,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share by which amount / volume may miss a power of ten of the day's prices and still be another unit.",
    )
    vwap_tolerance: float = Field(
        0.01,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share by which amount / volume may lie outside the day's prices; in 2010–2016 it never does.",
    )
    max_range_spike: float = Field(
        2.0,
        ge=0,
        le=100,
        description="Share by which a day's high may lie above the highest of open, close, amount / volume and pre_close, and the lowest of "
        "them above the low; 0.36 is the most of 2010–2016. Listing days without limits move far.",
    )
    max_beyond_limits: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share by which high or low may lie beyond the day's limits where open, close and amount / volume are inside them; 0.044 "
        "is the most of 2010–2016.",
    )
    max_pre_close_rise: float = Field(
        0.001,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share by which pre_close may lie above the last close without fewer shares.",
    )
    max_unexplained_fall: float = Field(
        0.2,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share by which pre_close may lie below the last close, more shares allowed for: a dividend or rights issue.",
    )
    max_share_change: float = Field(
        50.0,
        gt=1,
        le=1e6,
        allow_inf_nan=False,
        description="Factor by which a name's total_shares may differ from those of the last day without a split in its price; a "
        "backdoor listing multiplies them, by 23 at most in 2010–2016.",
    )
    late_share_days: int = Field(
        3,
        ge=0,
        le=60,
        description="Trading days after an ex-date within which total_shares may follow pre_close, or before it within which they may have "
        "risen; until they follow, the name has no share counts. 0: counts of another day than the ex-date contradict the row.",
    )
    max_late_shares: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of a day's names whose counts may be late so before the day is refused; one name at most on a day of 2010–2016.",
    )
    min_float_to_total: float = Field(
        0.012,
        ge=0,
        le=1,
        description="Least share of total_shares that float_shares may be; less shows another unit of either. 0.0219 is the least of 3.86 million "
        "rows of 2010–2016.",
    )
    unlimited_days: int = Field(
        5,
        ge=0,
        le=1000,
        description="Trading days since listing on which prices may lie outside the limits on the first day of daily_prices, when no "
        "earlier close can be held against pre_close.",
    )
    max_listed_at_start: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of the names that trade on the first day of daily_prices whose list_date may be that day though their prices move "
        "no farther than `max_listing_move`; above it the listing days were made from the prices.",
    )
    always_listed_at_start: int = Field(
        5, ge=0, le=100_000, description="Names that may be listed on that day whatever their share."
    )
    max_listing_move: float = Field(
        0.2,
        ge=0,
        le=10,
        description="Move from pre_close to close up to which a first day of trading looks like any other day; a new listing has no limit.",
    )
    max_listed_together: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of the names in instruments that may have one list_date; above it the day is a stand-in for days that are not known. "
        "28 of 3 127 names at most were listed on one day of 1990–2016. With 1 nothing is judged.",
    )
    always_listed_together: int = Field(
        100, ge=0, le=100_000, description="Names that may have one list_date whatever their share."
    )
    min_copied_names: int = Field(
        100,
        ge=1,
        le=100_000,
        description="Names of a day from which its columns are held against each other.",
    )
    max_copied_share: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of a day's names for which two columns may be equal (open and pre_close, open and close, close and high or low, "
        "open and high or low, high and low and the ends of open and close, float_shares and total_shares); above it one column was filled with the other. 58 % "
        "is the most of 2010–2016. With 1 nothing is judged.",
    )
    max_ex_date_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of a day's names, of 20 and more, whose pre_close may differ from the close of the trading day before; 2.6 % is the most of "
        "2010–2016.",
    )
    ex_date_rows: int = Field(
        20_000,
        ge=0,
        le=10_000_000,
        description="Rows of daily_prices in the last 250 trading days from which one at least must have a pre_close that is not the last close: "
        "of 1000 rows of 2010–2016 at least 2.5 are of ex-dates. With 0 nothing is judged.",
    )
    max_st_share: float = Field(
        0.4,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a day's names that may be under special treatment or in their delisting period before the day is refused; "
        "7.8 % is the most of 2010–2016.",
    )
    min_st_names: int = Field(
        20,
        ge=1,
        le=100_000,
        description="Names of a day from which that share is judged: of few names half may be; all of them never are.",
    )
    market_names: int = Field(
        2000,
        ge=1,
        le=100_000,
        description="Names from which a day is that of the whole market: one at least is then under special treatment (26 of 2 321 is the least of "
        "2010–2016), and there is more than one industry.",
    )
    max_industries_share: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Number of industries as a share of the names that have one, of 100 names and more; above it the column holds something else, "
        "such as the names of companies. Shenwan's finest level has 346 industries for 5 000 names. With 1 nothing is judged.",
    )
    early_announcement_days: int = Field(
        10, ge=0, le=366, description="Days after a quarter's end within which next to nobody announces its figures."
    )
    max_early_announcements: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of a quarter's announcements that may come within these days; 0.7 % is the most of 2014–2016. With 1 nothing is judged.",
    )
    max_announced_together: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Share of a quarter's announcements that may have one date before the last day allowed; 17 % is the most of 2014–2016. With 1 "
        "nothing is judged.",
    )
    min_announcements: int = Field(
        100, ge=1, le=100_000, description="Announcements of a quarter from which their dates are judged."
    )
    min_weighted_members: int = Field(
        100,
        ge=2,
        le=100_000,
        description="Members of an index of a portfolio from which their weights must differ: those of capitalisation-weighted indices never are all equal.",
    )
    max_unknown_industries: float = Field(
        0.4,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a day's listed names that may have no industry before `securities` is refused; 1.3 % is the most of 2010–2016. 1 "
        "where industries of index members alone are delivered.",
    )
    max_names_lost: float = Field(
        0.4,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the names priced on the trading day before that may have no price today before the day is refused; "
        "27 % on 2015-07-08 is the most of 2010–2016.",
    )
    index_tolerance: float = Field(
        0.02,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="How far an index may move away from its members in a day, as a fraction; 1.4 % is the most of 2010–2016.",
    )
    index_days: int = Field(
        20,
        ge=5,
        le=250,
        description="Trading days, the day itself the last, over which an index's moves are held against those of its drifted members.",
    )
    min_index_days: int = Field(
        10,
        ge=3,
        le=250,
        description="Days of these on which both moves must be known; where they are fewer, the index is not judged and the notes say so.",
    )
    max_index_gap: float = Field(
        0.004,
        ge=0,
        le=1,
        description="Greatest median absolute difference of these moves; 0.0005 is the most of the CSI 500 in 2010–2016, 0.0016 with vectors a "
        "year old, and closes a day late have 0.0040 at least.",
    )
    max_index_drift: float = Field(
        0.002,
        ge=0,
        le=1,
        description="Greatest median of these differences with their sign; 0.0002 is the most of the CSI 500 in 2010–2016, 0.0011 with vectors "
        "a year old.",
    )
    max_index_fit: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of that median absolute difference below which the moves of the day before or after, or of another index, are so "
        "much closer that the closes are theirs. In 2010–2016 no right close is below 1.2, and closes a day late are at 0.17 at most.",
    )
    index_members: Mapping[IndexCode, Annotated[int, Field(ge=1, le=100_000)]] = Field(
        {"000300.SH": 300, "000905.SH": 500, "000852.SH": 1000},
        description="Index → how many members it has. A vector with at least 90 % of them and not all is refused, and any that "
        "has not all where more names than that are priced; one with fewer is that of another market and may not have fewer members than an earlier one.",
    )
    other_indices: tuple[Name, ...] = Field(
        (
            "000300.SH",
            "000016.SH",
            "000906.SH",
            "000985.SH",
            "000985.CSI",
            "932000.CSI",
            "000510.SH",
            "000510.CSI",
            "000001.SH",
            "000688.SH",
            "399001.SZ",
            "399006.SZ",
            "399300.SZ",
            "399330.SZ",
            "H00300.CSI",
            "H00016.CSI",
            "H00906.CSI",
        ),
        description="Indices that may be delivered beside those that portfolios follow. Where one of the latter is not there, any other code may "
        "mean it: the day is refused until landing.indices.codes or this setting names it.",
    )
    total_return_indices: Mapping[Name, Name] = Field(
        {"000905.SH": "H00905.CSI", "000852.SH": "H00852.CSI"},
        description="Price index → code of its total-return closes in reference/index_prices, which are held against the same members "
        "by the same tolerance.",
    )
    max_rising_profits: float = Field(
        0.45,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of names' years in which profit may rise from every quarter to the next before profits are taken for "
        "those of the year so far.",
    )
    min_rising_profits: float = Field(
        0.4,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of names' years in which profits declared as those of the year so far must rise from every quarter to the "
        "next; in 2014 and 2015 they do in 69 %, single quarters in 10 %.",
    )
    profit_deviations: float = Field(
        2.0,
        ge=0,
        le=10,
        allow_inf_nan=False,
        description="Standard deviations by which that share must lie beyond its bound (Wilson's interval) before `securities` is refused; "
        "otherwise a check warns. No zone of 8 to 50 random names and no industry of 2014–2016 is refused.",
    )
    min_median_turnover: float = Field(
        0.0005,
        ge=0,
        le=0.1,
        allow_inf_nan=False,
        description="Least median of volume / float_shares of a day; less shows another unit of either. In 2010–2016 the median is "
        "0.0044 to 0.0596.",
    )
    min_turnover_names: int = Field(
        20,
        ge=1,
        le=100_000,
        description="Names of a day from which that median is judged: a few names may trade little.",
    )
    min_few_median_turnover: float = Field(
        2e-5,
        ge=0,
        le=0.1,
        description="Least median of volume / float_shares of three names and more where landing.daily_prices.share_unit is declared; 1 of "
        "100 000 rows of 2010–2016 has less.",
    )
    max_median_turnover: float = Field(
        0.3,
        gt=0,
        le=1e9,
        description="Greatest median of volume / float_shares of `min_turnover_names` names that are no new listings; 0.0596 is the most of "
        "2010–2016.",
    )
    max_shares_with_price: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the names whose close moves and whose total_shares move by the same ratio, above which share counts are market "
        "values; two of 2 593 names are the most on a day of 2010–2016.",
    )
    min_median_book: float = Field(
        0.01,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Least median of equity / market value over the names of a day before equity is taken for one in another unit; "
        "0.119 on 2015-06-12 is the least of the days looked at.",
    )
    max_median_book: float = Field(
        10.0, ge=1, le=1e9, allow_inf_nan=False, description="Greatest median of equity / market value, likewise."
    )
    min_books: int = Field(5, ge=1, le=100_000, description="Names with equity from which that median is judged.")
    min_profit_years: int = Field(5, ge=1, le=100_000, description="Names' years from which that share is judged.")
    min_equity_to_market_value: float = Field(
        0.002,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Below this, a name's equity / total_mv (sign apart) points to another unit; the median of 2014–2016 is 0.12 to "
        "0.38.",
    )
    max_equity_to_market_value: float = Field(
        20.0, ge=1, le=1e9, allow_inf_nan=False, description="Above this, equity / total_mv points to another unit."
    )
    min_profit_to_equity: float = Field(
        2e-4,
        gt=0,
        le=0.02,
        allow_inf_nan=False,
        description="Below this, a name's quarterly net profit / equity (sign apart) points to another unit; the median of 2014–2016 "
        "is 0.016 to 0.023.",
    )
    max_profit_to_equity: float = Field(
        2.0, ge=0.02, le=1e9, allow_inf_nan=False, description="Above this, net profit / equity points to another unit."
    )
    max_other_unit_share: float = Field(
        0.05,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the names that may lie beyond these bounds before `securities` is refused; 0.7 % is the most of "
        "2014–2016.",
    )
    min_profit_to_market_value: float = Field(
        5e-5,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="A name with less equity than `min_equity_to_market_value` whose largest quarterly profit or loss is below this share of "
        "its market value is in another unit; of 79 611 months of a name in 2014–2016 none is.",
    )
    max_profit_to_small_equity: float = Field(
        10.0,
        ge=1,
        le=1e9,
        allow_inf_nan=False,
        description="Nor may its largest quarterly profit or loss be more than so many times that little equity; likewise none is.",
    )
    max_lacking_quarters: float = Field(
        0.5,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of profits of single quarters that may be delivered without the quarter before, where the name has earlier "
        "announcements; above it they are those of half-years or years. 23 % is the most of 2014–2016.",
    )
    max_large_fourth_quarters: float = Field(
        0.45,
        ge=0,
        le=1,
        description="Share of names' years with three profitable quarters in which the fourth quarter may earn at least as much as these before "
        "its rows are taken for those of the year; in 2014 and 2015 9 % do, and 40 % of one industry's year at most.",
    )
    max_steady_profits: float = Field(
        0.35,
        ge=0,
        le=1,
        description="Share of profits that may be near the quarter before and farther from that of a year ago before they are taken for "
        "trailing sums; 15 % are in 2014–2016, 24 % of one industry, and 58 % of trailing sums.",
    )
    max_steady_return: float = Field(
        0.03,
        ge=0,
        le=1,
        description="Median of net_profit / equity above which steady profits are taken so; it is 0.016 in 2014–2016, and 0.071 for trailing sums.",
    )
    high_quarterly_return: float = Field(
        0.04,
        gt=0,
        le=1,
        description="Net profit of a quarter / equity above which it is high: 18 % of the names earn more, and 64 % in four quarters.",
    )
    max_high_returns: float = Field(
        0.45,
        ge=0,
        le=1,
        description="Share of a day's names with a high one before profits are taken for those of four quarters; only the banks of 2014–2016 have "
        "more.",
    )
    min_return_names: int = Field(
        50, ge=1, le=100_000, description="Names from which that share refuses `securities`; of fewer a check warns."
    )
    max_unexplained_equity_jump: float = Field(
        3.0,
        gt=1,
        le=1e9,
        allow_inf_nan=False,
        description="Factor by which equity may rise or fall likewise where neither shares issued or taken in nor the quarter's profit "
        "amount to it.",
    )
    min_judged_book: float = Field(
        0.05,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="Equity before such a jump / market value from which it is judged: a shell's equity jumps with any deal.",
    )
    max_equity_jump: float = Field(
        300.0,
        gt=1,
        le=1e9,
        allow_inf_nan=False,
        description="Factor by which equity may rise or fall against the median of the name's four announcements before; 237 is the "
        "most of 2014–2016.",
    )
