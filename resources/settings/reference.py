"""Settings of daily_prices, securities and indices: the universe (SPEC §4)."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from resources.settings.base import Name, Section

IndexCode = Annotated[str, Field(pattern=r"^[0-9A-Z]{6}\.[A-Z]{2,3}$")]


class ReferenceSettings(Section):
    """The settings of `daily_prices`, `securities` and `indices`."""

    min_listed_days: int = Field(
        120,
        ge=1,
        le=10_000,
        description="Trading days since listing (the listing day is 1) from which a stock is in U(t). SPEC §4",
    )
    no_limit_from: float = Field(
        10_000.0,
        gt=0,
        le=1e12,
        description="Yuan from which a delivered limit_up means, as 0 does, that the stock has no limit on that day. SPEC §6",
    )
    max_unlimited_share: float = Field(
        0.01,
        ge=0,
        le=1,
        description="Share of a day's stocks that may have no limit by the delivered columns and one by the rule; above it the columns were "
        "not filled, and the rule applies to those stocks.",
    )
    always_unlimited: int = Field(
        2,
        ge=0,
        le=1000,
        description="Number of such stocks that are accepted regardless of their share: in a small market one is a large share.",
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
        description="Share of a day's stocks whose delivered limits may differ from the rule's by more than that before the day is "
        "refused; without delivered limits the rule fails for at most 0.46 % of a day's stocks in 2010–2016.",
    )
    max_set_aside_share: float = Field(
        0.02,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a reference table's rows (of daily_prices: of the day's rows) that may be set aside for a fault before the "
        "day is refused.",
    )
    always_set_aside: int = Field(
        2,
        ge=0,
        le=1000,
        description="Number of rows that may be set aside regardless of their share: in a small market one row is a large share.",
    )
    unit_tolerance: float = Field(
        0.1,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share by which amount / volume may differ from a power of ten times the day's prices and still indicate another unit.",
    )
    vwap_tolerance: float = Field(
        0.01,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share by which amount / volume may be outside the day's prices; in 2010–2016 it never is.",
    )
    max_range_spike: float = Field(
        2.0,
        ge=0,
        le=100,
        description="Share by which a day's high may be above the highest of open, close, amount / volume and pre_close, and the lowest of "
        "them above the low; the maximum of 2010–2016 is 0.36. Prices may move far on listing days without limits.",
    )
    max_beyond_limits: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Share by which high or low may be beyond the day's limits where open, close and amount / volume are inside them; the "
        "maximum of 2010–2016 is 0.044.",
    )
    max_pre_close_rise: float = Field(
        0.001,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share by which pre_close may be above the last close where the number of shares did not fall.",
    )
    max_unexplained_fall: float = Field(
        0.2,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share by which pre_close may be below the last close after adjustment for more shares, as by a dividend or rights issue.",
    )
    max_share_change: float = Field(
        50.0,
        gt=1,
        le=1e6,
        allow_inf_nan=False,
        description="Factor by which a stock's total_shares may differ from those of the last day without a split in its price; a "
        "backdoor listing multiplies them, by at most 23 in 2010–2016.",
    )
    late_share_days: int = Field(
        3,
        ge=0,
        le=60,
        description="Trading days after an ex-date within which total_shares may follow pre_close, or before it within which they may have "
        "risen; until they follow, the stock has no share counts. 0: counts that change on another day than the ex-date contradict the "
        "row.",
    )
    max_late_shares: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of a day's stocks whose counts may be late in this way before the day is refused; in 2010–2016 at most one stock a "
        "day.",
    )
    min_float_to_total: float = Field(
        0.012,
        ge=0,
        le=1,
        description="Least float_shares / total_shares; less indicates another unit of either. The minimum of 3.86 million rows of 2010–2016 is "
        "0.0219.",
    )
    unlimited_days: int = Field(
        5,
        ge=0,
        le=1000,
        description="Trading days since listing on which prices may be outside the limits on the first day of daily_prices, when there is no "
        "earlier close to compare with pre_close.",
    )
    max_listed_at_start: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of the stocks on the first day of daily_prices whose list_date may be that day although their prices move by no "
        "more than `max_listing_move`; above it the listing days were made from the prices.",
    )
    always_listed_at_start: int = Field(
        5, ge=0, le=100_000, description="Number of such stocks that are accepted regardless of their share."
    )
    max_listing_move: float = Field(
        0.2,
        ge=0,
        le=10,
        description="Largest move from pre_close to close, as a fraction, with which a first day of trading counts as any other day; a new "
        "listing has no limit.",
    )
    max_listed_together: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of the stocks in instruments that may have one list_date; above it the day replaces unknown days. At most 28 of "
        "3 127 stocks were listed on one day of 1990–2016. With 1, nothing is judged.",
    )
    always_listed_together: int = Field(
        100, ge=0, le=100_000, description="Number of stocks that may have one list_date regardless of their share."
    )
    min_copied_names: int = Field(
        100,
        ge=1,
        le=100_000,
        description="Least number of a day's stocks with which its columns are compared with each other.",
    )
    max_copied_share: float = Field(
        0.9,
        ge=0,
        le=1,
        description="Share of a day's stocks for which two columns may be equal (open and pre_close, open and close, close and high or low, "
        "open and high or low, high and low and the extremes of open and close, float_shares and total_shares); above it one column was "
        "filled with the other. The maximum of 2010–2016 is 58 %. With 1, nothing is judged.",
    )
    max_ex_date_share: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of a day's stocks, where these are 20 or more, whose pre_close may differ from the close of the trading day before; "
        "the maximum of 2010–2016 is 2.6 %.",
    )
    ex_date_rows: int = Field(
        20_000,
        ge=0,
        le=10_000_000,
        description="Number of rows of daily_prices in the last 250 trading days from which at least one must have a pre_close that differs "
        "from the last close: of 1000 rows of 2010–2016 at least 2.5 are of ex-dates. With 0, nothing is judged.",
    )
    max_st_share: float = Field(
        0.4,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of a day's stocks that may be under special treatment or in their delisting period before the day is refused; the "
        "maximum of 2010–2016 is 7.8 %.",
    )
    min_st_names: int = Field(
        20,
        ge=1,
        le=100_000,
        description="Least number of a day's stocks with which that share is judged; with fewer, only a share of 100 % is refused.",
    )
    market_names: int = Field(
        2000,
        ge=1,
        le=100_000,
        description="Number of stocks from which a day counts as that of the whole market, in which at least one stock is under special "
        "treatment (the minimum of 2010–2016 is 26 of 2 321) and there is more than one industry.",
    )
    max_industries_share: float = Field(
        0.3,
        ge=0,
        le=1,
        description="Number of industries / number of stocks with one, where these are 100 or more; above it the column holds something else, "
        "such as the names of companies. Shenwan's finest level has 346 industries for 5 000 stocks. With 1, nothing is judged.",
    )
    early_announcement_days: int = Field(
        10, ge=0, le=366, description="Days after a quarter's end within which almost no company announces its figures."
    )
    max_early_announcements: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Share of a quarter's announcements that may be within these days; the maximum of 2014–2016 is 0.7 %. With 1, nothing is "
        "judged.",
    )
    max_announced_together: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Share of a quarter's announcements that may have one date before the last day allowed; the maximum of 2014–2016 is 17 %. "
        "With 1, nothing is judged.",
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
        description="Share of a day's listed stocks that may have no industry before `securities` is refused; the maximum of 2010–2016 is "
        "1.3 %. Set 1 where only the industries of index members are delivered.",
    )
    max_names_lost: float = Field(
        0.4,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the stocks with a price on the trading day before that may have none before the day is refused; the maximum "
        "of 2010–2016 is 27 % on 2015-07-08.",
    )
    index_tolerance: float = Field(
        0.02,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Largest difference between the day's move of an index and that of its members, as a fraction; the maximum of 2010–2016 "
        "is 1.4 %.",
    )
    index_days: int = Field(
        20,
        ge=5,
        le=250,
        description="Trading days up to the day itself over which an index's moves are compared with those of its drifted members.",
    )
    min_index_days: int = Field(
        10,
        ge=3,
        le=250,
        description="Least number of these days on which both moves are known; with fewer, the index is not judged, which the notes state.",
    )
    max_index_gap: float = Field(
        0.004,
        ge=0,
        le=1,
        description="Largest median absolute difference of these moves. The maximum of the CSI 500 in 2010–2016 is 0.0005, or 0.0016 with "
        "weights that are a year old; with closes a day late it is at least 0.0040.",
    )
    max_index_drift: float = Field(
        0.002,
        ge=0,
        le=1,
        description="Largest absolute median of these signed differences. The maximum of the CSI 500 in 2010–2016 is 0.0002, or 0.0011 with "
        "weights that are a year old.",
    )
    max_index_fit: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of that median absolute difference below which the moves of the day before or after, or of another index, fit so "
        "much better that the closes are theirs. In 2010–2016 correct closes are at 1.2 or more, and closes a day late at 0.17 or less.",
    )
    index_members: Mapping[IndexCode, Annotated[int, Field(ge=1, le=100_000)]] = Field(
        {"000300.SH": 300, "000905.SH": 500, "000852.SH": 1000},
        description="Index → its number of members. Weights with at least 90 % of them but not all are refused, and so are any without all "
        "of them where more stocks than that are priced. Weights with fewer belong to another market, and may not have fewer members than "
        "earlier ones.",
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
        description="Indices that may be delivered besides those that portfolios follow. Where one of the latter is missing, an unknown code "
        "may mean it, and the day is refused until landing.indices.codes or this setting names the code.",
    )
    total_return_indices: Mapping[Name, Name] = Field(
        {"000905.SH": "H00905.CSI", "000852.SH": "H00852.CSI"},
        description="Price index → code of its total-return closes in reference/index_prices, which are compared with the same members with "
        "the same tolerance.",
    )
    max_rising_profits: float = Field(
        0.45,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of stock-years in which profit may rise from every quarter to the next before profits are taken for year-to-date "
        "profits.",
    )
    min_rising_profits: float = Field(
        0.4,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Least share of stock-years in which profits that are declared as year-to-date rise from every quarter to the next; in "
        "2014 and 2015 they do in 69 %, and those of single quarters in 10 %.",
    )
    profit_deviations: float = Field(
        2.0,
        ge=0,
        le=10,
        allow_inf_nan=False,
        description="Standard deviations by which that share must be beyond its bound (Wilson's interval) before `securities` is refused; "
        "otherwise a check warns. No sample of 8 to 50 random stocks and no industry of 2014–2016 is refused.",
    )
    min_median_turnover: float = Field(
        0.0005,
        ge=0,
        le=0.1,
        allow_inf_nan=False,
        description="Least median of volume / float_shares of a day; less indicates another unit of either. In 2010–2016 the median is "
        "0.0044 to 0.0596.",
    )
    min_turnover_names: int = Field(
        20,
        ge=1,
        le=100_000,
        description="Least number of a day's stocks with which that median is judged, since a few stocks may trade little.",
    )
    min_few_median_turnover: float = Field(
        2e-5,
        ge=0,
        le=0.1,
        description="Least median of volume / float_shares of three stocks or more where landing.daily_prices.share_unit is declared; 1 of "
        "100 000 rows of 2010–2016 has less.",
    )
    max_median_turnover: float = Field(
        0.3,
        gt=0,
        le=1e9,
        description="Largest median of volume / float_shares of `min_turnover_names` stocks or more, new listings excluded; the maximum of "
        "2010–2016 is 0.0596.",
    )
    max_shares_with_price: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the stocks with a changed close whose total_shares change by the same ratio above which share counts are market "
        "values; the maximum on a day of 2010–2016 is two of 2 593 stocks.",
    )
    min_median_book: float = Field(
        0.01,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Least median of equity / market value over the stocks of a day; less indicates another unit of equity. The minimum of "
        "the examined days is 0.119 on 2015-06-12.",
    )
    max_median_book: float = Field(
        10.0,
        ge=1,
        le=1e9,
        allow_inf_nan=False,
        description="Largest median of equity / market value; more indicates another unit.",
    )
    min_books: int = Field(5, ge=1, le=100_000, description="Least number of stocks with equity for that median.")
    min_profit_years: int = Field(5, ge=1, le=100_000, description="Least number of stock-years for that share.")
    min_equity_to_market_value: float = Field(
        0.002,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Absolute equity / total_mv of a stock below which equity is in another unit; the median of 2014–2016 is 0.12 to 0.38.",
    )
    max_equity_to_market_value: float = Field(
        20.0,
        ge=1,
        le=1e9,
        allow_inf_nan=False,
        description="Absolute equity / total_mv of a stock above which equity is in another unit.",
    )
    min_profit_to_equity: float = Field(
        2e-4,
        gt=0,
        le=0.02,
        allow_inf_nan=False,
        description="Absolute quarterly net profit / equity of a stock below which one of them is in another unit; the median of 2014–2016 "
        "is 0.016 to 0.023.",
    )
    max_profit_to_equity: float = Field(
        2.0,
        ge=0.02,
        le=1e9,
        allow_inf_nan=False,
        description="Absolute net profit / equity above which one of them is in another unit.",
    )
    max_other_unit_share: float = Field(
        0.05,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the stocks that may be beyond these bounds before `securities` is refused; the maximum of 2014–2016 is 0.7 %.",
    )
    min_profit_to_market_value: float = Field(
        5e-5,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Least largest quarterly profit or loss / market value of a stock with less equity than `min_equity_to_market_value`; less "
        "indicates another unit. None of 79 611 stock-months of 2014–2016 has less.",
    )
    max_profit_to_small_equity: float = Field(
        10.0,
        ge=1,
        le=1e9,
        allow_inf_nan=False,
        description="Largest quarterly profit or loss of such a stock as a multiple of its equity; more indicates another unit. None of these "
        "stock-months has more.",
    )
    max_lacking_quarters: float = Field(
        0.5,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of profits of single quarters that may be delivered without the quarter before where the stock has earlier "
        "announcements; above it they are those of half-years or years. The maximum of 2014–2016 is 23 %.",
    )
    max_large_fourth_quarters: float = Field(
        0.45,
        ge=0,
        le=1,
        description="Share of stock-years with three profitable quarters in which the fourth quarter may earn at least as much as these before "
        "its rows are taken for those of the year; in 2014 and 2015 it is 9 %, and at most 40 % for one industry in a year.",
    )
    max_steady_profits: float = Field(
        0.35,
        ge=0,
        le=1,
        description="Share of profits that may be near that of the quarter before and farther from that of a year ago before profits are taken "
        "for trailing sums; it is 15 % in 2014–2016, at most 24 % for one industry, and 58 % for trailing sums.",
    )
    max_steady_return: float = Field(
        0.03,
        ge=0,
        le=1,
        description="Median of net_profit / equity above which such profits are taken for trailing sums; it is 0.016 in 2014–2016, and 0.071 "
        "for trailing sums.",
    )
    high_quarterly_return: float = Field(
        0.04,
        gt=0,
        le=1,
        description="Quarterly net profit / equity above which it is high: 18 % of the stocks earn more in a quarter, and 64 % in four.",
    )
    max_high_returns: float = Field(
        0.45,
        ge=0,
        le=1,
        description="Share of a day's stocks whose quarterly net profit / equity may be high before profits are taken for those of four "
        "quarters; in 2014–2016 only the banks have more.",
    )
    min_return_names: int = Field(
        50,
        ge=1,
        le=100_000,
        description="Least number of stocks with which that share refuses `securities`; with fewer, a check warns.",
    )
    max_unexplained_equity_jump: float = Field(
        3.0,
        gt=1,
        le=1e9,
        allow_inf_nan=False,
        description="Factor by which equity may rise or fall from one announcement to the next where neither issued or redeemed shares nor the "
        "quarter's profit explain it.",
    )
    min_judged_book: float = Field(
        0.05,
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="Least equity before such a jump / market value with which the jump is judged, since a shell's equity jumps with any deal.",
    )
    max_equity_jump: float = Field(
        300.0,
        gt=1,
        le=1e9,
        allow_inf_nan=False,
        description="Factor by which equity may rise or fall against the median of the stock's four announcements before; the maximum of "
        "2014–2016 is 237.",
    )
