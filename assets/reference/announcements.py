"""Compares announcements with each other, with prices and with shares to detect wrong units, wrong periods and jumps.

fundamentals.py chooses the announcement that is used, and validate.py has the rules of single rows.
"""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from assets.reference.reasons import (
    AMOUNTS_IN_UNIT,
    AMOUNTS_IN_YUAN,
    ANNOUNCED_SOON,
    ANNOUNCED_TOGETHER,
    BOOKS_OFF,
    EQUITY_JUMPS,
    EQUITY_UNEXPLAINED,
    FIGURES_OF_STOCK_OFF,
    FIGURES_OFF,
    FIGURES_OFF_BY_POWER,
    FOURTH_QUARTERS_LARGE,
    FOURTH_QUARTERS_LARGE_OF,
    OR_UNIT_OF_SHARES,
    PROFITS_OF_A_YEAR,
    PROFITS_OF_STOCK_OFF,
    SHARE_UNIT_DECLARED,
    SHARES_TOO_MANY,
    TRAILING_SUMS,
    UNIT_OF_AMOUNTS,
    UNIT_OF_EQUITY_OR_SHARES,
    UNIT_OF_PART,
    UNIT_OF_PROFIT,
)
from resources.reasons import Reason, rows_with_reasons
from resources.settings.reference import ReferenceSettings
from resources.values import median_of

_STEADY = 0.2  # two profits that differ by less than this share of the larger are similar
_MONTHS_ALLOWED = {
    3: 1,
    6: 2,
    9: 1,
    12: 4,
}  # month in which a quarter ends → number of months within which its figures must be announced
_MONTHS_BEFORE = 15  # months from the first of the four announcements before a quarter to its end


@dataclass(frozen=True)
class RisingYears:
    """Counts of stock-years. years: those judged. rises: those in which delivered profit rises from every quarter to the next.
    whole: whether all judged years have four quarters."""

    rises: int
    years: int
    whole: bool


def rising_profits(
    announced: pl.DataFrame, date: dt.date, settings: ReferenceSettings, *, parted: bool = False
) -> RisingYears:
    """Count the stock-years of the last three years in which delivered profit rises from every quarter to the next.

    announced: symbol, period, announce_date, net_profit, known by `date`. Years of four quarters are judged or, where there are fewer than
    `min_profit_years` of them, also those whose first three are known. A year that ends in a loss is not judged, since cumulative losses
    fall where profits rise. Of the years 2014 and 2015 with a profit, 13 % rise throughout by single quarters, and 78 % by the year
    so far.
    parted: whether the profits were delivered as those of the year so far and were then split into quarters
    (landing.fundamentals.profits); the delivered figure rises where the quarter's own profit is above 0, and ends at the sum.
    """
    return _rising(_years(announced, date, parted), settings)


def rising_profits_by_year(
    announced: pl.DataFrame, date: dt.date, settings: ReferenceSettings, *, parted: bool = False
) -> dict[int, RisingYears]:
    """Return the counts of `rising_profits` by year, since a vendor may change the form of its figures between years.

    announced, parted: as in `rising_profits`. By single quarters, profit rises throughout 11 % of the stock-years of 2014 and 12 % of 2015.
    """
    years = _years(announced, date, parted)
    return {year: _rising(own, settings) for (year,), own in years.group_by("year", maintain_order=True)}


def _years(announced: pl.DataFrame, date: dt.date, parted: bool) -> pl.DataFrame:
    """Return symbol, year, count (of quarters) and rises of the stock-years of the last three years, sorted by year.

    A year is included where its quarters are known without a gap from the first on and it has a profit.
    """
    quarters = _quarters(announced, date)
    step = pl.col("net_profit").slice(1) if parted else pl.col("net_profit").diff().drop_nulls()
    end = pl.col("net_profit").sum() if parted else pl.col("net_profit").last()
    years = quarters.group_by("symbol", "year", maintain_order=True).agg(
        count=pl.len(), last=pl.col("quarter").max(), rises=(step > 0).all(), end=end
    )
    known = years.filter((pl.col("count") == pl.col("last").cast(pl.UInt32)) & (pl.col("end") > 0))
    return known.select("symbol", "year", "count", "rises").sort("year", maintain_order=True)


def _quarters(announced: pl.DataFrame, date: dt.date) -> pl.DataFrame:
    """Return symbol, period, year, quarter, net_profit and equity of the last three years, as last announced for each quarter."""
    since = dt.date(date.year - 3, 1, 1)
    return (
        announced.filter(pl.col("net_profit").is_not_null() & (pl.col("period") >= since))
        .sort("announce_date", maintain_order=True)
        .unique(["symbol", "period"], keep="last", maintain_order=True)
        .with_columns(year=pl.col("period").dt.year(), quarter=pl.col("period").dt.quarter())
        .sort("symbol", "period")
    )


def _rising(years: pl.DataFrame, settings: ReferenceSettings) -> RisingYears:
    judged = years.filter(pl.col("count") == 4)
    if not (whole := judged.height >= settings.min_profit_years):
        judged = years.filter(pl.col("count") >= 3)
    return RisingYears(int(judged["rises"].sum()), judged.height, whole)


def share_bounds(count: int, of: int, deviations: float) -> tuple[float, float]:
    """Return the lower and upper bound of the share count / of by Wilson's score interval.

    of: at least 1. deviations: half the width of the interval in standard deviations. Source: Wilson (1927), Journal of the American
    Statistical Association 22, 209-212.

    >>> [round(bound, 3) for bound in share_bounds(8, 10, 2.0)]
    [0.484, 0.945]
    """
    share, spread = count / of, deviations**2 / of
    center = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return center - half, center + half


def profits_without_a_quarter_before(announced: pl.DataFrame, date: dt.date) -> tuple[int, int]:
    """Return (number of profits without a known profit of the quarter before, number of profits judged), of the last three years.

    announced: as in `rising_profits`. A profit is judged where the table has an announcement of the stock, with or without a profit, of
    an earlier quarter. In 2014–2016 at most 23 % lack the quarter before; in a table of half-years or years, all do.
    """
    quarter = pl.col("period").dt.year().cast(pl.Int32) * 4 + pl.col("period").dt.quarter()
    known = announced.filter(pl.col("period") >= dt.date(date.year - 3, 1, 1)).with_columns(quarter=quarter)
    first = known.group_by("symbol").agg(first=pl.col("quarter").min())
    profits = known.filter(pl.col("net_profit").is_not_null()).select("symbol", "quarter").unique()
    judged = profits.join(first, on="symbol").filter(pl.col("quarter") > pl.col("first"))
    before = profits.with_columns(pl.col("quarter") + 1)
    return judged.join(before, on=["symbol", "quarter"], how="anti").height, judged.height


def large_fourth_quarters(announced: pl.DataFrame, date: dt.date) -> dict[int, tuple[int, int]]:
    """Return year → (number of stocks whose fourth-quarter profit is at least the sum of the other three, number judged).

    announced: as in `rising_profits`. The last three years are judged, for stocks with a profit in each of the first three quarters and
    a known fourth. In 2014 and 2015 this is true of 9 % of 1 457 stock-years, and for one industry's year of at most 2 of 5 or 10
    of 28; it would be true of 88 % if the fourth figure were that of the year.
    """
    quarters = _quarters(announced, date)
    first = pl.col("net_profit").filter(pl.col("quarter") < 4)
    years = quarters.group_by("symbol", "year").agg(
        count=pl.len(),
        least=first.min(),
        rest=first.sum(),
        last=pl.col("net_profit").filter(pl.col("quarter") == 4).first(),
    )
    judged = years.filter((pl.col("count") == 4) & (pl.col("least") > 0))
    counted = judged.group_by("year").agg(large=(pl.col("last") >= pl.col("rest")).sum(), judged=pl.len()).sort("year")
    return {year: (large, of) for year, large, of in counted.iter_rows()}


def steady_profits(announced: pl.DataFrame, date: dt.date) -> tuple[int, int, float]:
    """Return (number of steady profits, number judged, median of the judged profits over equity; 0 where none has an equity).

    announced: as in `rising_profits`. Profits of the last three years are judged where those of the quarter before and of the same quarter
    of the year before are known. A profit is steady where it differs from the former by less than a fifth of the larger, and by less
    than from the latter, since trailing sums of four quarters share three of them. Of 5 199 single quarters of 2014–2016, 15 % are
    steady, and of one industry at most 24 % (the banks, where the median is 0.040); of their trailing sums 58 % are, with a median
    of 0.071.
    """
    quarters = _quarters(announced, date)
    number = pl.col("year").cast(pl.Int32) * 4 + pl.col("quarter")
    own = quarters.select("symbol", "net_profit", "equity", number=number)
    for name, back in (("before", 1), ("year_ago", 4)):
        earlier = own.select("symbol", pl.col("number") + back, pl.col("net_profit").alias(name))
        own = own.join(earlier, on=["symbol", "number"], how="left", maintain_order="left")
    judged = own.drop_nulls(["before", "year_ago"])
    step = (pl.col("net_profit") - pl.col("before")).abs()
    near = step < _STEADY * pl.max_horizontal(pl.col("net_profit").abs(), pl.col("before").abs())
    steady = near & (step < (pl.col("net_profit") - pl.col("year_ago")).abs())
    ratio = judged.filter(pl.col("equity") > 0).select(pl.col("net_profit") / pl.col("equity")).to_series().drop_nulls()
    return int(judged.select(steady.sum()).item()), judged.height, median_of(ratio) if ratio.len() else 0.0


def fourth_quarters_off(
    announced: pl.DataFrame, date: dt.date, settings: ReferenceSettings
) -> tuple[Reason | None, Reason | None]:
    """Return (finding, doubt) that the profits of fourth quarters are those of the year, in all years together or in one; each may be None.

    A doubt is a share that may exceed the bound by chance. announced: as in `rising_profits`. Shares are compared by `share_bounds`, where
    at least `min_profit_years` stock-years are judged.
    """
    by_year = large_fourth_quarters(announced, date)
    large, years = (sum(counts) for counts in zip(*by_year.values(), strict=True)) if by_year else (0, 0)
    found: list[Reason] = []
    doubts: list[Reason] = []
    judged = [(large, years, FOURTH_QUARTERS_LARGE(large=large, years=years))]
    for year, (count, of) in by_year.items():
        judged.append((count, of, FOURTH_QUARTERS_LARGE_OF(large=count, years=of, year=year)))
    for count, of, reason in judged:
        _sort_in(reason, found, doubts, count, of, settings.max_large_fourth_quarters, settings)
    return next(iter(found), None), next(iter(doubts), None)


def trailing_profits(
    announced: pl.DataFrame, latest: pl.DataFrame, date: dt.date, settings: ReferenceSettings
) -> tuple[Reason | None, Reason | None]:
    """Return (finding, doubt) that profits are sums of four quarters; each may be None.

    A doubt is a share that may exceed the bound by chance. announced: as in `rising_profits`. latest: the latest equity and net_profit of
    each stock. Shares are compared by `share_bounds`, where at least `min_profit_years` profits or stocks are judged. The size of profits
    is a finding only for `min_return_names` stocks or more, since a few may be banks or liquor makers.
    """
    found: list[Reason] = []
    doubts: list[Reason] = []
    steady, of, median = steady_profits(announced, date)
    if median > settings.max_steady_return:
        sums = TRAILING_SUMS(steady=steady, profits=of, median=median)
        _sort_in(sums, found, doubts, steady, of, settings.max_steady_profits, settings)
    sound = latest.filter(pl.col("equity") > 0)
    returns = sound.select(pl.col("net_profit") / pl.col("equity")).to_series().drop_nulls()
    high = int((returns > settings.high_quarterly_return).sum())
    annual = PROFITS_OF_A_YEAR(high=high, stocks=returns.len(), bound=settings.high_quarterly_return)
    enough = returns.len() >= settings.min_return_names
    _sort_in(annual, found if enough else doubts, doubts, high, returns.len(), settings.max_high_returns, settings)
    return next(iter(found), None), next(iter(doubts), None)


def placeholder_announcements(announced: pl.DataFrame, date: dt.date, settings: ReferenceSettings) -> Reason | None:
    """Return the finding that announce_date was made from the quarter's end, so that figures would be used too early; None otherwise.

    announced: symbol, period, announce_date of usable rows, known by `date`. The first announcements are judged of each quarter of the last
    two years that companies had to publish by `date`: within one month after the first and third quarter, two months after the
    half-year and four after the year (Securities Law of 2019, art. 79; the exchanges' listing rules). In 2014–2016 at most 0.7 % of a
    quarter's announcements are within ten days, and at most 17 % on one day. Dates that all are the last day allowed are late and
    never early, and are accepted.
    """
    first = announced.group_by("symbol", "period").agg(pl.col("announce_date").min())
    months = pl.col("period").dt.month().replace_strict(_MONTHS_ALLOWED, default=None, return_dtype=pl.Int64)
    due = pl.col("period").dt.offset_by(pl.format("{}mo", months)).dt.month_end()
    rows = first.with_columns(due=due, gap=(pl.col("announce_date") - pl.col("period")).dt.total_days())
    rows = rows.filter((pl.col("due") <= date) & (pl.col("period") >= dt.date(date.year - 2, 1, 1)))
    for (period, due_day), own in rows.sort("period").group_by("period", "due", maintain_order=True):
        if own.height < settings.min_announcements:
            continue
        early = own.filter(pl.col("gap") <= settings.early_announcement_days).height
        if early > settings.max_early_announcements * own.height:
            return ANNOUNCED_SOON(count=early, stocks=own.height, days=settings.early_announcement_days, period=period)
        day, count = own["announce_date"].value_counts(sort=True).row(0)
        if day < due_day and count > settings.max_announced_together * own.height:
            return ANNOUNCED_TOGETHER(count=count, figures=own.height, period=period, date=day)
    return None


def _sort_in(
    reason: Reason,
    found: list[Reason],
    doubts: list[Reason],
    count: int,
    of: int,
    most: float,
    settings: ReferenceSettings,
) -> None:
    """Append a reason to `found` where the share count / of exceeds `most` by `profit_deviations`, and to `doubts` where it does by less.

    of: at least `min_profit_years`; fewer are not judged.
    """
    if of < settings.min_profit_years:
        return
    if share_bounds(count, of, settings.profit_deviations)[0] > most:
        found.append(reason)
    elif count > most * of:
        doubts.append(reason)


AMOUNT_UNITS: Mapping[int, Reason] = {
    -3: AMOUNTS_IN_UNIT(unit="thousand_yuan"),
    -4: AMOUNTS_IN_UNIT(unit="ten_thousand_yuan"),
    3: AMOUNTS_IN_YUAN(),
    4: AMOUNTS_IN_YUAN(),
}
"""Power of ten by which equity or profit of nearly all stocks differs from the usual size → the likely cause and the setting."""
_LEAST_PROFITS = (
    4  # least number of profits by which a stock's profits are judged as too small: two quarters may break even
)
_NEARLY_ALL = 0.9  # share of the stocks from which the whole table is in another unit


def amounts_in_other_units(
    latest: pl.DataFrame, settings: ReferenceSettings, share_unit: str | None = None, turnover: float | None = None
) -> Reason | None:
    """Return the finding that equity, or else net profit, of many stocks is in another unit than yuan; None where there is no such evidence.

    latest: equity, net_profit, total_mv (yuan) of each stock. Equity is compared with total_mv and profit with equity, in absolute value;
    the usual ratio is the geometric mean of the bounds. In 2014–2016 equity / total_mv is out of its bounds for at most 0.4 % of a
    day's stocks, with a median of 0.12 to 0.38, and profit / equity for 0.7 %, with a median of 0.016 to 0.023.
    share_unit: `landing.daily_prices.share_unit` where it is declared and not the default; market values depend on it, so it is named
    first. turnover: the median of volume / float_shares of the day; below `min_median_turnover`, share counts are the likelier cause.
    """
    bounds = (
        ("equity", "total_mv", settings.min_equity_to_market_value, settings.max_equity_to_market_value),
        ("net_profit", "equity", settings.min_profit_to_equity, settings.max_profit_to_equity),
    )
    for figure, measure, low, high in bounds:
        ratio = (latest[figure] / latest[measure]).abs().fill_nan(None).drop_nulls()
        beyond = ratio.filter(~ratio.is_between(low, high))
        if beyond.len() <= max(settings.always_set_aside, settings.max_other_unit_share * ratio.len()):
            if figure == "equity" and (off := _median_off(ratio, turnover, share_unit, settings)):
                return off
            continue
        median = median_of(beyond)
        usual = math.sqrt(low * high)
        power = round(math.log10(median / usual)) if 0 < median < math.inf else None
        cause = UNIT_OF_AMOUNTS()
        if beyond.len() < _NEARLY_ALL * ratio.len():
            cause = UNIT_OF_PART()
        elif figure == "net_profit":
            cause = UNIT_OF_PROFIT()
        elif power is not None and power in AMOUNT_UNITS:
            cause = AMOUNT_UNITS[power]
        if figure == "equity":
            cause = _cause_of_equity(cause, turnover, share_unit, settings)
        facts = {
            "figure": figure, "measure": measure, "off": beyond.len(), "stocks": ratio.len(), "low": low, "high": high,
            "median": median, "usual": usual, "cause": cause,
        }  # fmt: skip
        return FIGURES_OFF(**facts) if power is None else FIGURES_OFF_BY_POWER(**facts, power=power)
    return None


def _cause_of_equity(
    cause: Reason, turnover: float | None, share_unit: str | None, settings: ReferenceSettings
) -> Reason:
    """Return the cause of an implausible equity / market value, given that of equity: share counts may be wrong instead.

    A declared unit of shares is named first, since a wrong one changes every market value.
    """
    if share_unit is not None:
        return SHARE_UNIT_DECLARED(unit=share_unit)
    if turnover is not None and turnover < settings.min_median_turnover:
        return SHARES_TOO_MANY(turnover=turnover, cause=cause)
    return cause if cause in AMOUNT_UNITS.values() else OR_UNIT_OF_SHARES(cause=cause)


def _median_off(
    books: pl.Series, turnover: float | None, share_unit: str | None, settings: ReferenceSettings
) -> Reason | None:
    """Return the finding that the median of equity / market value is implausible; None otherwise."""
    if books.len() < settings.min_books:
        return None
    median = median_of(books)
    if settings.min_median_book <= median <= settings.max_median_book:
        return None
    cause = _cause_of_equity(UNIT_OF_AMOUNTS(), turnover, share_unit, settings)
    if cause.code == OR_UNIT_OF_SHARES.name:
        cause = UNIT_OF_EQUITY_OR_SHARES()
    return BOOKS_OFF(stocks=books.len(), median=median, cause=cause)


def names_in_other_units(latest: pl.DataFrame, settings: ReferenceSettings) -> pl.DataFrame:
    """Return symbol and reason of each stock whose figures are all in another unit than those of the other stocks.

    latest: symbol, equity, largest_profit (the largest absolute net profit of a quarter of the last two years), profits (the number of
    these that are known) and total_mv. The profits and losses of companies with almost no equity are not as small: of the 79 611
    stock-months of 2014–2016, 181 have less equity than `min_equity_to_market_value`, and none breaks a rule. Of the same figures in
    thousand yuan, 98 % break one, and in ten thousand yuan 99.97 %.
    """
    book = pl.col("equity").abs() / pl.col("total_mv")
    profit = pl.col("largest_profit").fill_null(0.0)
    small = book < settings.min_equity_to_market_value
    figures = FIGURES_OF_STOCK_OFF.column(equity="equity", profit=profit, market_value="total_mv")
    rules = [
        (small & (profit < settings.min_profit_to_market_value * pl.col("total_mv")), figures),
        (small & (profit > settings.max_profit_to_small_equity * pl.col("equity").abs()), figures),
        (book > settings.max_equity_to_market_value, figures),
        (
            (pl.col("profits") >= _LEAST_PROFITS) & (profit < settings.min_profit_to_equity * pl.col("equity").abs()),
            PROFITS_OF_STOCK_OFF.column(profits="profits", largest=profit, equity="equity"),
        ),
    ]
    return rows_with_reasons(latest, rules).select("symbol", "reason")


def largest_profits(announced: pl.DataFrame) -> pl.DataFrame:
    """Return symbol, largest_profit (absolute) and profits (their number) of each stock's last eight quarters.

    announced: symbol, period, net_profit. Earlier profits, from before a company's decline, are no evidence of the unit of its equity.
    """
    recent = announced.filter(pl.col("period") > pl.col("period").max().over("symbol").dt.offset_by("-24mo"))
    return recent.group_by("symbol").agg(
        largest_profit=pl.col("net_profit").abs().max(), profits=pl.col("net_profit").count()
    )


def equity_jumps(
    announced: pl.DataFrame, prices: pl.DataFrame, listings: pl.DataFrame, settings: ReferenceSettings
) -> tuple[pl.DataFrame, list[tuple[pl.Expr, pl.Expr]]]:
    """Return the rows of fundamentals with the columns that the rules use, in their order, and the rules (condition, reason).

    announced: symbol, period, announce_date, equity, net_profit. prices: date, symbol, close, total_shares, sorted by date. listings:
    symbol, list_date, of the stocks for which it is known. Equity is compared, in absolute value, with the median of up to four
    announcements of the stock before it, in the order of periods. Of 18 209 figures of 2014–2016, none is more than 237 times or
    less than 1/33 of it; the extremes are companies into which another one was merged.

    A smaller jump, of more than `max_unexplained_equity_jump`, is set aside where it exceeds the value of the shares issued or
    withdrawn since `_MONTHS_BEFORE` months before the quarter's end, at 1.5 times the close, plus twice the profits and losses since the
    first of these announcements. It is not judged where a profit since then is not known, where the stock was listed since then (an
    IPO issues shares, and their number before it is not known), or where equity was less than `min_judged_book` of the market value.
    Of the same figures, 6 are set aside.
    """
    size = pl.col("equity").abs()
    before = (
        size.log().shift().rolling_median(4, min_samples=1).exp()
    )  # of logarithms, so that two values have a geometric mean
    judged = (
        announced.with_row_index("_row")
        .sort("symbol", "period", "announce_date", maintain_order=True)
        .with_columns(
            _before=pl.when(pl.col("equity").is_not_null()).then(before.over("symbol", pl.col("equity").is_null())),
            _since=pl.coalesce(
                pl.col("period").shift(n).over("symbol", pl.col("equity").is_null()) for n in (4, 3, 2, 1)
            ),
        )
        .sort("_row")
    )
    ratio = size / pl.col("_before")
    above = pl.max_horizontal(ratio, 1 / ratio)
    jumping = judged.filter((above > settings.max_unexplained_equity_jump).fill_null(False))
    judged = _with_profits(judged, jumping)
    change = (size - pl.col("_before")).abs()
    judged = _with_shares(judged, judged.filter((change > 2 * pl.col("_earned")).fill_null(False)), prices, listings)
    value = pl.col("_close") * pl.col("_shares")
    raised = 1.5 * (pl.col("_shares") - pl.col("_shares_then")).abs() * pl.col("_close")
    unexplained = (above > settings.max_unexplained_equity_jump) & (
        change > raised + 2 * pl.col("_earned")
    ) & (pl.col("_before") > settings.min_judged_book * value)  # fmt: skip
    jumps = (pl.col("_before") > 0) & (above > settings.max_equity_jump)
    change_of = {"equity": "equity", "before": "_before"}
    unexplained_by = {"shares": "_shares", "shares_before": "_shares_then", "earned": "_earned"}
    return judged, [
        (jumps, EQUITY_JUMPS.column(**change_of)),
        (unexplained, EQUITY_UNEXPLAINED.column(**change_of, **unexplained_by)),
    ]


def _with_shares(
    judged: pl.DataFrame, jumping: pl.DataFrame, prices: pl.DataFrame, listings: pl.DataFrame
) -> pl.DataFrame:
    """Return judged with _close (yuan), _shares (at the announcement) and _shares_then (before the quarter).

    They are null except in the rows of `jumping` with known prices. Only the last days of months are searched, since all prices are
    many: the first from the announcement on or, where none is known yet, the last before it. Where prices begin later, _shares_then is
    the first known count, but null where the stock was listed since: after that day by its list_date or, where that is not
    known, with a first price in a later month than the table's.
    """
    asked = jumping.select(
        "_row", "symbol", "announce_date", _ago=pl.col("period").dt.offset_by(f"-{_MONTHS_BEFORE}mo")
    )
    months = _last_days_of_months(prices, asked.select(pl.col("_ago").min()).item())
    own = (
        months.filter(pl.col("symbol").is_in(asked["symbol"].implode()))
        .select("date", "symbol", "close", "total_shares")
        .drop_nulls()
    )
    first = own.unique("symbol", keep="first", maintain_order=True).select(
        "symbol", _first="total_shares", _late=pl.col("date").dt.month_start() > pl.lit(prices["date"].min(), pl.Date)
    )
    first = first.join(listings.select("symbol", "list_date"), on="symbol", how="left")
    new = (pl.col("list_date") > pl.col("_ago")).fill_null(pl.col("_late"))
    then = own.select("symbol", _then="date", _shares_then="total_shares")
    now = own.select("symbol", _now="date", _close="close", _shares="total_shares")
    found = (
        asked.sort("announce_date")
        .join_asof(now, left_on="announce_date", right_on="_now", by="symbol", check_sortedness=False)
        .join_asof(
            now.rename({"_close": "_close_next", "_shares": "_shares_next"}),
            left_on="announce_date",
            right_on="_now",
            by="symbol",
            strategy="forward",
            check_sortedness=False,
        )
        .with_columns(pl.coalesce(f"{name}_next", name).alias(name) for name in ("_close", "_shares"))
        .sort("_ago")
        .join_asof(then, left_on="_ago", right_on="_then", by="symbol", check_sortedness=False)
        .join(first, on="symbol", how="left")
        .select(
            "_row", "_close", "_shares", pl.coalesce("_shares_then", pl.when(~new).then("_first")).alias("_shares_then")
        )
    )
    return judged.join(found, on="_row", how="left", maintain_order="left")


def _last_days_of_months(prices: pl.DataFrame, since: dt.date | None) -> pl.DataFrame:
    """Return the rows of the last day of each month, from the one before `since` on; no rows where `since` is None."""
    days, parts, end = prices["date"], [prices.clear()], prices.height if since else 0
    while end:
        last = days[end - 1]
        parts.append(prices[days.search_sorted(last, side="left") : end])
        end = days.search_sorted(last.replace(day=1), side="left") if last >= since else 0
    return pl.concat(parts[:1] + parts[:0:-1])


def _with_profits(judged: pl.DataFrame, jumping: pl.DataFrame) -> pl.DataFrame:
    """Return judged with _earned: the sum of the absolute quarterly profits after the period _since up to the row's own.

    It is null outside the rows of `jumping`, and where a profit is not known.
    """
    quarter = pl.col("period").dt.year().cast(pl.Int32) * 4 + pl.col("period").dt.quarter()
    since = pl.col("_since").dt.year().cast(pl.Int32) * 4 + pl.col("_since").dt.quarter()
    own = jumping.select("_row", "symbol", quarter.alias("_quarter"), since.alias("_from"))
    profits = judged.filter(pl.col("net_profit").is_not_null()).sort("announce_date", maintain_order=True)
    profits = profits.select("symbol", quarter.alias("_of"), pl.col("net_profit").abs()).unique(
        ["symbol", "_of"], keep="last", maintain_order=True
    )
    inside = (pl.col("_of") > pl.col("_from")) & (pl.col("_of") <= pl.col("_quarter"))
    summed = (
        own.join(profits, on="symbol")
        .filter(inside)
        .group_by("_row", "_quarter", "_from")
        .agg(pl.len(), _earned=pl.col("net_profit").sort().sum())
        .filter(pl.col("len") == pl.col("_quarter") - pl.col("_from"))
    )
    return judged.join(summed.select("_row", "_earned"), on="_row", how="left", maintain_order="left")
