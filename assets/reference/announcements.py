"""What announcements say of each other, of prices and of shares: figures in another unit, of other periods, or that jump.

Not here: which announcement counts (fundamentals.py) and rules that a row must keep by itself (validate.py).
"""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from resources.settings.reference import ReferenceSettings
from resources.values import median_of

_STEADY = 0.2  # by which two profits may differ and be alike, as a share of the larger
_MONTHS_ALLOWED = {
    3: 1,
    6: 2,
    9: 1,
    12: 4,
}  # month in which a quarter ends → months within which its figures must be announced
_MONTHS_BEFORE = 15  # from a quarter's end back to where the four announcements before it begin


@dataclass(frozen=True)
class RisingYears:
    """Of names' years that are judged (`years`), those in which delivered profit rises from every quarter to the next (`rises`).
    whole: whether all of them have four quarters."""

    rises: int
    years: int
    whole: bool


def rising_profits(
    announced: pl.DataFrame, date: dt.date, settings: ReferenceSettings, *, parted: bool = False
) -> RisingYears:
    """In how many names' years of the last three delivered profit rises from every quarter to the next.

    announced: symbol, period, announce_date, net_profit, known by `date`. Years of four quarters are judged or, where there are less than
    `min_profit_years` of them, those whose first three are known too. A year that ends in a loss says nothing: losses of the year
    so far fall where profits rise. Among the years of 2014 and 2015 with a profit it rises through in 13 % by single quarters, in 78 %
    by the year so far.
    parted: the profits were delivered as those of the year so far and parted into quarters since (landing.fundamentals.profits);
    what was delivered rises where the quarter's own profit is above 0, and ends in the sum of the quarters.
    """
    return _rising(_years(announced, date, parted), settings)


def rising_profits_by_year(
    announced: pl.DataFrame, date: dt.date, settings: ReferenceSettings, *, parted: bool = False
) -> dict[int, RisingYears]:
    """Year → the same of that year's profits alone: a vendor may change the form of its figures from one year to the next.

    announced, parted: as of `rising_profits`. By single quarters profit rises through 11 % of the names' years 2014 and 12 % of 2015.
    """
    years = _years(announced, date, parted)
    return {year: _rising(own, settings) for (year,), own in years.group_by("year", maintain_order=True)}


def _years(announced: pl.DataFrame, date: dt.date, parted: bool) -> pl.DataFrame:
    """symbol, year, count (of quarters) and rises of each name's year that is known without a gap from its first quarter on and has a
    profit, of the last three, by year."""
    quarters = _quarters(announced, date)
    step = pl.col("net_profit").slice(1) if parted else pl.col("net_profit").diff().drop_nulls()
    end = pl.col("net_profit").sum() if parted else pl.col("net_profit").last()
    years = quarters.group_by("symbol", "year", maintain_order=True).agg(
        count=pl.len(), last=pl.col("quarter").max(), rises=(step > 0).all(), end=end
    )
    known = years.filter((pl.col("count") == pl.col("last").cast(pl.UInt32)) & (pl.col("end") > 0))
    return known.select("symbol", "year", "count", "rises").sort("year", maintain_order=True)


def _quarters(announced: pl.DataFrame, date: dt.date) -> pl.DataFrame:
    """symbol, period, year, quarter, net_profit and equity of each quarter of the last three years, the last announced profit of each."""
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
    """The lower and upper bound of a share by Wilson's score interval, `deviations` standard deviations to each side.

    Wilson (1927), Journal of the American Statistical Association 22, 209-212. of: at least 1.

    >>> [round(bound, 3) for bound in share_bounds(8, 10, 2.0)]
    [0.484, 0.945]
    """
    share, spread = count / of, deviations**2 / of
    center = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return center - half, center + half


def profits_without_a_quarter_before(announced: pl.DataFrame, date: dt.date) -> tuple[int, int]:
    """(profits of which that of the quarter before is not known, profits judged), of the last three years.

    announced: as of `rising_profits`. A profit is judged where the table holds an announcement of the name, with a profit or without,
    of an earlier quarter. In 2014–2016 at most 23 % of them have none before: a table of half-years or years alone has none at all.
    """
    quarter = pl.col("period").dt.year().cast(pl.Int32) * 4 + pl.col("period").dt.quarter()
    known = announced.filter(pl.col("period") >= dt.date(date.year - 3, 1, 1)).with_columns(quarter=quarter)
    first = known.group_by("symbol").agg(first=pl.col("quarter").min())
    profits = known.filter(pl.col("net_profit").is_not_null()).select("symbol", "quarter").unique()
    judged = profits.join(first, on="symbol").filter(pl.col("quarter") > pl.col("first"))
    before = profits.with_columns(pl.col("quarter") + 1)
    return judged.join(before, on=["symbol", "quarter"], how="anti").height, judged.height


def large_fourth_quarters(announced: pl.DataFrame, date: dt.date) -> dict[int, tuple[int, int]]:
    """Year → (how many names' fourth-quarter profit is at least the sum of the three before, how many are judged), of the last three years.

    announced: as of `rising_profits`. Judged are names with a profit in each of the first three quarters, and a known fourth. In 2014 and
    2015 9 % of 1 457 such years are so, of one industry's year at most 2 of 5 or 10 of 28; were the fourth the annual figure, 88 %.
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
    """(profits that are steady, profits judged, the median of these over equity; 0 where none has an equity), of the last three years.

    announced: as of `rising_profits`. Judged are profits of which that of the quarter before and that of the same quarter of the year before
    are known. One is steady where it differs from the former by less than a fifth of the larger, and by less than from the latter:
    trailing sums of four quarters share three quarters with the one before. Of 5 199 single quarters of 2014–2016 15 % are steady, of one industry at
    most 24 % (the banks, where the median is 0.040); of their trailing sums 58 %, where the median is 0.071.
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
) -> tuple[str | None, str | None]:
    """(what says that the profits of fourth quarters are those of the year, of all years or of one; the same where it may be by chance).

    announced: as of `rising_profits`. The shares are judged as in `share_bounds`, where `min_profit_years` names' years or more are judged.
    """
    by_year = large_fourth_quarters(announced, date)
    large, years = (sum(counts) for counts in zip(*by_year.values(), strict=True)) if by_year else (0, 0)
    found: list[str] = []
    doubts: list[str] = []
    for count, of, when in [(large, years, ""), *((*counts, f" of {year}") for year, counts in by_year.items())]:
        told = (
            f"fundamentals: in {count} of {of} years{when} of a name with three profitable quarters the fourth quarter's net_profit is "
            "at least the sum of the other three: the rows of the fourth quarters hold the profit of the year. Deliver that of the quarter, or "
            "every quarter as the year so far, declared by landing.fundamentals.profits = 'year_to_date'"
        )
        _sort_in(told, found, doubts, count, of, settings.max_large_fourth_quarters, settings)
    return next(iter(found), None), next(iter(doubts), None)


def trailing_profits(
    announced: pl.DataFrame, latest: pl.DataFrame, date: dt.date, settings: ReferenceSettings
) -> tuple[str | None, str | None]:
    """(what says that profits are those of four quarters; the same where it may be by chance).

    announced: as of `rising_profits`. latest: equity and net_profit, the latest of each name. The shares are judged as in
    `share_bounds`, where `min_profit_years` names or more are judged. The size of profits refuses where it is that of `min_return_names`
    names or more, since a few may be banks or makers of liquor.
    """
    found: list[str] = []
    doubts: list[str] = []
    steady, of, median = steady_profits(announced, date)
    if median > settings.max_steady_return:
        told = (
            f"fundamentals: {steady} of {of} profits differ little from the quarter before and more from the same quarter of the year before, "
            f"and the median of net_profit / equity is {median:.3f}: these are trailing sums of four quarters. Deliver profits of single quarters"
        )
        _sort_in(told, found, doubts, steady, of, settings.max_steady_profits, settings)
    sound = latest.filter(pl.col("equity") > 0)
    returns = sound.select(pl.col("net_profit") / pl.col("equity")).to_series().drop_nulls()
    high = int((returns > settings.high_quarterly_return).sum())
    told = (
        f"fundamentals: net_profit / equity of {high} of {returns.len()} names is above {settings.high_quarterly_return:g}, more than a quarter "
        "earns: these are profits of a year, or trailing sums of four quarters. Deliver profits of single quarters"
    )
    enough = returns.len() >= settings.min_return_names
    _sort_in(told, found if enough else doubts, doubts, high, returns.len(), settings.max_high_returns, settings)
    return next(iter(found), None), next(iter(doubts), None)


def placeholder_announcements(announced: pl.DataFrame, date: dt.date, settings: ReferenceSettings) -> str | None:
    """What says that announce_date was made from the quarter's end, so that figures would be known before they were; None where nothing does.

    announced: symbol, period, announce_date of usable rows, known by `date`. Judged are the first announcements of the quarters of the last two
    years that companies had to publish by `date`: within one month after the first and third quarter, two after the half-year and four
    after the year (Securities Law of 2019, art. 79; the exchanges' listing rules). In 2014–2016 at most 0.7 % of a quarter's announcements come
    within ten days, and at most 17 % on one day. Dates that all are the last day allowed are late, never early, and are read.
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
        found = None
        if early > settings.max_early_announcements * own.height:
            found = f"announce_date of {early} of {own.height} names is within {settings.early_announcement_days} days of {period}"
        else:
            day, count = own["announce_date"].value_counts(sort=True).row(0)
            if day < due_day and count > settings.max_announced_together * own.height:
                found = f"announce_date of {count} of {own.height} figures of {period} is {day}"
        if found:
            return (
                f"fundamentals: {found}, and companies take weeks, each its own: the days were made from the quarter's end, and figures would be "
                "used before anybody knew them. Deliver the days of the announcements or, where they are not known, the last day allowed"
            )
    return None


def _sort_in(
    told: str, found: list[str], doubts: list[str], count: int, of: int, most: float, settings: ReferenceSettings
) -> None:
    """Put a sentence among what is found where a share of at least `min_profit_years` lies above `most` by `profit_deviations`; among
    the doubts where it does by less."""
    if of < settings.min_profit_years:
        return
    if share_bounds(count, of, settings.profit_deviations)[0] > most:
        found.append(told)
    elif count > most * of:
        doubts.append(told)


AMOUNT_UNITS: Mapping[int, str] = {
    -3: "They are in thousand yuan: declare landing.fundamentals.amount_unit = 'thousand_yuan'",
    -4: "They are in ten thousand yuan: declare landing.fundamentals.amount_unit = 'ten_thousand_yuan'",
    3: "They are in yuan already: take landing.fundamentals.amount_unit out of the settings",
    4: "They are in yuan already: take landing.fundamentals.amount_unit out of the settings",
}
"""Power of ten by which equity or profit of nearly all names differs from what is usual → the likely cause and the setting."""
_LEAST_PROFITS = 4  # from which profits of a name are small beyond what they may be: two quarters may break even
_NEARLY_ALL = 0.9  # of the names: then the whole table is in another unit


def amounts_in_other_units(
    latest: pl.DataFrame, settings: ReferenceSettings, share_unit: str | None = None, turnover: float | None = None
) -> str | None:
    """What says that equity, or else net profit alone, of many names is in another unit than yuan; None where nothing does.

    latest: equity, net_profit, total_mv (yuan) of each name. Equity is held against total_mv, profit against equity, sign apart;
    "usual" is the geometric middle of the bounds. In 2014–2016 equity / total_mv is out of its bounds for at most 0.4 % of a
    day's names, with a median of 0.12 to 0.38, and profit / equity for 0.7 %, with a median of 0.016 to 0.023. share_unit: that of
    `landing.daily_prices.share_unit` where it is declared otherwise than by default; market values depend on it, and it is named first.
    turnover: the median of volume / float_shares of the day; where it is below `min_median_turnover`, share counts are the likelier cause.
    """
    bounds = (
        ("equity", "total_mv", settings.min_equity_to_market_value, settings.max_equity_to_market_value),
        ("net_profit", "equity", settings.min_profit_to_equity, settings.max_profit_to_equity),
    )
    for figure, measure, low, high in bounds:
        ratio = (latest[figure] / latest[measure]).abs().fill_nan(None).drop_nulls()
        beyond = ratio.filter(~ratio.is_between(low, high))
        if beyond.len() <= max(settings.always_set_aside, settings.max_other_unit_share * ratio.len()):
            if figure == "equity" and (told := _median_off(ratio, turnover, settings)):
                return told + _of_shares(share_unit)
            continue
        median = median_of(beyond)
        usual = math.sqrt(low * high)
        power = round(math.log10(median / usual)) if 0 < median < math.inf else None
        scale = f"about 1e{power} times the usual {usual:g}" if power is not None else f"where {usual:g} is usual"
        remedy = "Deliver them in yuan, or say their unit in landing.fundamentals.amount_unit"
        if beyond.len() < _NEARLY_ALL * ratio.len():
            remedy = "A part of the table is in another unit: deliver all of it in one, named by landing.fundamentals.amount_unit"
        elif figure == "net_profit":
            remedy = "net_profit is in another unit than equity: deliver both in one, named by landing.fundamentals.amount_unit"
        elif power is not None and power in AMOUNT_UNITS:
            remedy = AMOUNT_UNITS[power]
        if figure == "equity" and share_unit is not None:
            remedy = _of_shares(share_unit).strip()
        elif figure == "equity" and (shares := _large_shares(turnover, settings)):
            remedy = f"{shares}. Where they are right, it is equity: {remedy}"
        elif figure == "equity" and remedy not in AMOUNT_UNITS.values():
            remedy += ". Where equity is right, total_shares of daily_prices are in another unit (landing.daily_prices.share_unit)"
        return (
            f"fundamentals: {figure} / {measure} of {beyond.len()} of {ratio.len()} names is below {low:g} or above {high:g}, in "
            f"the median {median:.3g}, {scale}. {remedy}"
        )
    return None


def _of_shares(share_unit: str | None) -> str:
    """The first remedy where a unit of shares is declared: a wrong one moves every market value, and equity may be right."""
    if share_unit is None:
        return ""
    return (
        f" landing.daily_prices.share_unit = {share_unit!r} is declared: take it out of the settings where shares are delivered as "
        "shares. Where it is right, deliver equity and net_profit in yuan, or say their unit in landing.fundamentals.amount_unit"
    )


def _large_shares(turnover: float | None, settings: ReferenceSettings) -> str | None:
    """What says that the share counts are too large, and market values with them; None where the turnover is that of a market."""
    if turnover is None or turnover >= settings.min_median_turnover:
        return None
    return (
        f"The median of volume / float_shares is {turnover:.2g}: the share counts of daily_prices are in a smaller unit than they are taken "
        "for, and market values too large. Deliver total_shares and float_shares in shares, or name their unit in "
        "landing.daily_prices.share_unit"
    )


def _median_off(books: pl.Series, turnover: float | None, settings: ReferenceSettings) -> str | None:
    """What says that the median of equity / market value is none of a market; None where nothing does."""
    if books.len() < settings.min_books:
        return None
    median = median_of(books)
    if settings.min_median_book <= median <= settings.max_median_book:
        return None
    found = f"fundamentals: the median of equity / market value of {books.len()} names is {median:.3g}"
    if shares := _large_shares(turnover, settings):
        return f"{found}. {shares}. Where they are right, deliver equity and net_profit in yuan, or say their unit in landing.fundamentals.amount_unit"
    return (
        f"{found}: equity, or the share counts of daily_prices, are in another unit. Deliver equity and net_profit in yuan, and shares, "
        "not lots"
    )


def names_in_other_units(latest: pl.DataFrame, settings: ReferenceSettings) -> pl.DataFrame:
    """symbol and reason of each name whose figures are all in another unit than those of the others.

    latest: symbol, equity, largest_profit (the largest net profit of a quarter of the last two years, sign apart), profits (how many
    of these are known) and total_mv. Companies with next to no equity have profits and losses that are not as small: of the 79 611 months of a name in
    2014–2016, 181 have less equity than `min_equity_to_market_value`, and none breaks a rule; of the same figures in
    thousand yuan 98 % do, in ten thousand yuan 99.97 %.
    """
    book = pl.col("equity").abs() / pl.col("total_mv")
    profit = pl.col("largest_profit").fill_null(0.0)
    small = book < settings.min_equity_to_market_value
    unit = pl.lit(
        ": the name's rows are in another unit than the rest. Deliver them in that of landing.fundamentals.amount_unit"
    )
    figures = pl.format(
        "equity is {} and the largest profit of a quarter {}, at a market value of {}", "equity", profit, "total_mv"
    )
    rules = [
        (small & (profit < settings.min_profit_to_market_value * pl.col("total_mv")), figures),
        (small & (profit > settings.max_profit_to_small_equity * pl.col("equity").abs()), figures),
        (book > settings.max_equity_to_market_value, figures),
        (
            (pl.col("profits") >= _LEAST_PROFITS) & (profit < settings.min_profit_to_equity * pl.col("equity").abs()),
            pl.format("the largest of {} profits is {}, and equity is {}", "profits", profit, "equity"),
        ),
    ]
    told = latest.select("symbol", reason=pl.coalesce(pl.when(holds).then(said + unit) for holds, said in rules))
    return told.filter(pl.col("reason").is_not_null())


def largest_profits(announced: pl.DataFrame) -> pl.DataFrame:
    """symbol, largest_profit (sign apart) and profits, their number, of each name's last eight quarters.

    announced: symbol, period, net_profit. Profits of a company before its decline say nothing of the unit of its equity today.
    """
    recent = announced.filter(pl.col("period") > pl.col("period").max().over("symbol").dt.offset_by("-24mo"))
    return recent.group_by("symbol").agg(
        largest_profit=pl.col("net_profit").abs().max(), profits=pl.col("net_profit").count()
    )


def equity_jumps(
    announced: pl.DataFrame, prices: pl.DataFrame, listings: pl.DataFrame, settings: ReferenceSettings
) -> tuple[pl.DataFrame, list[tuple[pl.Expr, pl.Expr]]]:
    """The rows of fundamentals in their order with what is judged of them, and (holds, sentence) of what sets one aside.

    announced: symbol, period, announce_date, equity, net_profit. prices: date, symbol, close, total_shares, sorted by date.
    listings: symbol, list_date, of the names of which that is known. Equity
    is held against the median of the name's up to four announcements before, in the order of periods, sign apart. Of 18 209
    figures of 2014–2016 none is more than 237 times or less than 1/33 of it: companies that another one was merged into.

    A smaller jump, of more than `max_unexplained_equity_jump`, is set aside where neither the shares issued or taken in since
    `_MONTHS_BEFORE` months before the quarter's end, at 1.5 times the close, nor twice the profits and losses since the first of these
    announcements amount to it. It is not judged where a profit since then is not known, nor where the name was listed since then (an IPO
    issues shares, and those before it are not known), nor of companies whose equity was less than `min_judged_book` of their
    market value. Of the same figures 6 are set aside.
    """
    size = pl.col("equity").abs()
    before = size.log().shift().rolling_median(4, min_samples=1).exp()  # of logarithms: two values have a middle too
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
    was = pl.format("equity is {} and was {} in the quarters before (the median of up to four)", "equity", "_before")
    unit = pl.lit(
        ": it is in another unit than the rest of the name's rows. Deliver the row in the unit of landing.fundamentals.amount_unit"
    )
    slip = pl.format(
        ", with {} shares after {} and profits and losses of {} since, which do not amount to it: a figure is wrong or in another unit. "
        "Correct the row",
        "_shares", "_shares_then", "_earned",
    )  # fmt: skip
    return judged, [(jumps, was + unit), (unexplained, was + slip)]


def _with_shares(
    judged: pl.DataFrame, jumping: pl.DataFrame, prices: pl.DataFrame, listings: pl.DataFrame
) -> pl.DataFrame:
    """judged with _close (yuan) and _shares by the announcement and _shares_then, before the quarter, of the rows of `jumping`; null
    elsewhere, and where no price is known. Looked up are the last days of months, since all prices are many: the first one from the
    announcement on or, where none is known yet, the last one before it. Where prices begin later, _shares_then are the
    first known, but null where the name was listed since: after that day by its list_date or, where that is not known, with a first
    price in a later month than the table's."""
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
    """The rows of the last day of each month, from the one before `since` on; none where that is None."""
    days, parts, end = prices["date"], [prices.clear()], prices.height if since else 0
    while end:
        last = days[end - 1]
        parts.append(prices[days.search_sorted(last, side="left") : end])
        end = days.search_sorted(last.replace(day=1), side="left") if last >= since else 0
    return pl.concat(parts[:1] + parts[:0:-1])


def _with_profits(judged: pl.DataFrame, jumping: pl.DataFrame) -> pl.DataFrame:
    """judged with _earned of the rows of `jumping`: the sum of the quarters' profits and losses, sign apart, after the period _since up
    to the row's own; null where one of them is not known."""
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
