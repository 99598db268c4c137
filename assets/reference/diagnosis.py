"""What the reference tables say of each other: units, adjusted prices, previous closes, doubles, profits of the year so far.

Here: the rules by which a row of daily_prices contradicts the days before it, its limits or another row, how an index
contradicts its members, and what the profits of all names betray. Not here: rules a row must keep by itself (validate.py).

Held against all 3.86 million rows of 2010–2016, the rules for previous closes set twelve name-days aside (a test names them):
resumptions after months and years, and ex-rights days whose new shares are recorded late; those for share counts none. No day
of these years is refused.
"""

import datetime as dt
import math
from collections.abc import Mapping

import polars as pl

from resources.calendar import Calendar
from resources.settings.reference import ReferenceSettings

_STILL = 0.0005  # how far members must move for an index that does not to be the close of the day before
_DAYS_BACK = 30  # calendar days in which the dates of index_prices are held against the calendar
_CENT = 0.005  # half a cent: prices are whole cents
_GAPS = {"index": pl.String, "index_off": pl.Int64, "detail": pl.String}
UNITS: Mapping[int, str] = {
    2: "volume is in lots: declare landing.daily_prices.volume_unit = 'lots'",
    -3: "amount is in thousand yuan: declare landing.daily_prices.amount_unit = 'thousand_yuan'",
    -4: "amount is in ten thousand yuan: declare landing.daily_prices.amount_unit = 'ten_thousand_yuan'",
    -1: "volume is in lots and amount in thousand yuan: declare landing.daily_prices.volume_unit = 'lots' and "
    "landing.daily_prices.amount_unit = 'thousand_yuan'",
    # Lots and ten thousand yuan; volumes declared as lots that are shares would give the same.
    -2: "volume is in lots and amount in ten thousand yuan: declare landing.daily_prices.volume_unit = 'lots' and "
    "landing.daily_prices.amount_unit = 'ten_thousand_yuan', or take volume_unit = 'lots' out where volume is in shares",
    3: "amount is in yuan already: take landing.daily_prices.amount_unit out of the settings",
    4: "amount is in yuan already: take landing.daily_prices.amount_unit out of the settings",
}
"""Power of ten by which amount / volume differs from the prices → the likely cause and the setting."""


def contradictions(settings: ReferenceSettings) -> list[tuple[pl.Expr, pl.Expr]]:
    """(holds, sentence) of what sets a usable row of daily_prices aside, the likeliest cause first.

    Judged are the columns of daily_prices, listed_days, delivered_up and delivered_down (the limits as delivered, null where
    none), limit_up and limit_down (those in force), last_date, last_close and last_shares (of the name's last day of trading
    before; null where there was none), first_day (whether the table begins on the day) and same_as (a lower code with the same
    prices, volume and amount).
    """
    vwap = pl.col("amount") / pl.col("volume")
    power = _power(vwap / ((pl.col("high") + pl.col("low")) / 2), settings.unit_tolerance)
    cause = pl.lit("volume or amount is in another unit")
    for exponent, text in UNITS.items():
        cause = pl.when(power == exponent).then(pl.lit(text)).otherwise(cause)
    outside_range = (vwap > pl.col("high") * (1 + settings.vwap_tolerance) + _CENT) | (
        vwap < pl.col("low") * (1 - settings.vwap_tolerance) - _CENT
    )
    beyond = (pl.col("high") > pl.col("limit_up") + _CENT) | (pl.col("low") < pl.col("limit_down") - _CENT)
    beyond_delivered = (pl.col("high") > pl.col("delivered_up") + _CENT) | (
        pl.col("low") < pl.col("delivered_down") - _CENT
    )
    astray = (pl.col("pre_close") > pl.col("delivered_up") + _CENT) | (
        pl.col("pre_close") < pl.col("delivered_down") - _CENT
    )
    growth = (pl.col("total_shares") / pl.col("last_shares")).fill_null(1.0)
    off = (pl.col("pre_close") - pl.col("last_close")).abs() > _CENT
    rise = pl.col("pre_close") > pl.col("last_close") * (1 + settings.max_pre_close_rise) + _CENT
    fewer = pl.col("pre_close") * growth <= pl.col("last_close") * (1 + settings.max_unexplained_fall)
    fall = pl.col("pre_close") < pl.col("last_close") * (1 - settings.max_unexplained_fall) / pl.max_horizontal(
        growth, pl.lit(1.0)
    )
    told = pl.format(
        "pre_close is {} and the last close, of {}, {}", "pre_close", pl.col("last_date").cast(pl.String), "last_close"
    )
    return [
        (power != 0, pl.format("amount / volume is 1e{} times its prices: {}", power, cause)),
        (
            outside_range,
            pl.format(
                "amount / volume is {}, outside the prices from {} to {}: the prices are adjusted for dividends or splits (deliver "
                "them as traded, or declare landing.daily_prices.prices = 'adjusted' with the column adjust_factor), or volume or "
                "amount is wrong",
                vwap.round(4), "low", "high",
            ),
        ),
        (
            beyond_delivered | astray,
            pl.format(
                "its prices from {} to {} and pre_close {} do not lie inside the limits delivered with them, {} to {}",
                "low", "high", "pre_close", _shown("delivered_down"), _shown("delivered_up"),
            ),
        ),
        (
            rise & ~((growth < 1) & fewer),
            pl.concat_str(
                told, pl.lit(": a previous close rises where shares are taken together alone, and there are no fewer")
            ),
        ),
        (
            fall,
            pl.concat_str(
                told, pl.lit(": it falls by more than a dividend or rights issue does, and no new shares explain it")
            ),
        ),
        (
            off & beyond,
            pl.concat_str(
                told,
                pl.format(
                    ", and the prices from {} to {} lie outside the limits that pre_close gives, {} to {}",
                    "low", "high", _shown("limit_down"), _shown("limit_up"),
                ),
            ),
        ),
        (
            pl.col("same_as").is_not_null(),
            pl.format(
                "its prices, volume and amount are those of {}: one company under two codes, as after a change of code, of which the "
                "lower one counts. Deliver one of them for each day, or name the change in reference/code_changes",
                "same_as",
            ),
        ),
        (
            pl.col("first_day") & (pl.col("listed_days") > settings.unlimited_days) & beyond,
            pl.format(
                "the prices from {} to {} lie outside the limits that pre_close {} gives, on the first day of the table",
                "low", "high", "pre_close",
            ),
        ),
    ]  # fmt: skip


def share_faults(settings: ReferenceSettings) -> list[tuple[pl.Expr, pl.Expr]]:
    """(holds, sentence) of what contradicts the share counts of a row whose prices stand, the likeliest cause first.

    Judged are the columns that `contradictions` judges. Of the rows of 2010–2016 none breaks a rule: backdoor listings multiply
    shares by 23 at most.
    """
    ratio = _share_ratio()
    unit = "deliver shares, not lots or ten thousand shares, or declare landing.daily_prices.share_unit"
    return [
        (
            pl.col("float_shares") > pl.col("total_shares"),
            pl.format(
                "float_shares = {} are more than total_shares = {}: one of the two is wrong or in another unit",
                "float_shares", "total_shares",
            ),
        ),
        (
            pl.col("volume") > pl.col("float_shares"),
            pl.format(
                "volume = {} is more than float_shares = {} in a day: {}", "volume", "float_shares", pl.lit(unit)
            ),
        ),
        (
            share_jumps(settings) & ((ratio > settings.max_share_change) | (ratio < 1 / settings.max_share_change)),
            pl.format(
                "total_shares = {} are {} times those of the last day, {}, and pre_close shows no split: {}",
                "total_shares", ratio.round(6), "last_shares", pl.lit(unit),
            ),
        ),
    ]  # fmt: skip


def share_jumps(settings: ReferenceSettings) -> pl.Expr:
    """Whether total_shares differ from the last day's by more than `max_unexplained_fall`, and pre_close shows no split.

    At most 7 of the names of a day of 2010–2016 do.
    """
    ratio, slack = _share_ratio(), 1 + settings.max_unexplained_fall
    explained = pl.col("pre_close") * ratio / pl.col("last_close")
    return (~ratio.is_between(1 / slack, slack) & ~explained.is_between(1 / slack, slack)).fill_null(False)


def _share_ratio() -> pl.Expr:
    return pl.col("total_shares") / pl.col("last_shares")


def same_as(rows: pl.DataFrame) -> pl.DataFrame:
    """symbol and same_as: the lowest other code of the day with the same open, high, low, close, volume and amount, where it is
    below the symbol's own. So one of the two counts, and no company twice.

    In 2010–2016 the only such pairs among 3.86 million rows, 1 543 of them, are three companies under their codes
    before and after a change.
    """
    key = ["open", "high", "low", "close", "volume", "amount"]
    doubles = rows.filter(rows.select(key).is_duplicated()).select("symbol", *key)
    pairs = doubles.join(doubles.rename({"symbol": "same_as"}), on=key)
    return pairs.filter(pl.col("same_as") < pl.col("symbol")).group_by("symbol").agg(pl.col("same_as").min())


def index_gaps(
    members: pl.DataFrame,
    closes: pl.DataFrame,
    prices: pl.DataFrame,
    settings: ReferenceSettings,
) -> pl.DataFrame:
    """index, index_off (1 where its move is not that of its members), detail; only indices that can be compared.

    members: index, symbol, weight as last published. closes: index, index_close, previous (the close of the trading day
    before). prices: symbol, pre_close, close of the day; a member without a row did not move. Compared where members of at
    least half the weight traded. A total-return index (`reference.total_return_indices`) is held against the members of its
    price index or, where these cannot be compared, against the price index itself, above which it moves by the dividends of the
    day. In 2010–2016 the CSI 500 never moved away from its members by more than 1.4 %, nor from its total-return index by more
    than 1.31 %, and none of 6 557 closes is that of the day before.
    """
    moves = members.join(prices, on="symbol", how="left").with_columns(move=pl.col("close") / pl.col("pre_close") - 1)
    of_members = (
        moves.group_by("index", maintain_order=True)
        .agg(
            expected=(pl.col("weight") * pl.col("move").fill_null(0.0)).sum() / pl.col("weight").sum(),
            traded=pl.col("weight").filter(pl.col("move").is_not_null()).sum() / pl.col("weight").sum(),
        )
        .filter(pl.col("traded") >= 0.5)
        .select("index", "expected", against=pl.lit("its members"))
    )
    closes = closes.drop_nulls().with_columns(move=pl.col("index_close") / pl.col("previous") - 1)
    of_price_index = closes.select("index", expected="move", against=pl.format("its price index {}", "index"))
    pairs = pl.DataFrame(
        list(settings.total_return_indices.items()), schema={"index": pl.String, "total": pl.String}, orient="row"
    )
    of_total_return = [
        pairs.join(one, on="index", maintain_order="left").select("expected", "against", index="total")
        for one in (of_members, of_price_index)
    ]
    expected = pl.concat([of_members, *of_total_return], how="diagonal").unique(
        "index", keep="first", maintain_order=True
    )
    both = closes.join(expected, on="index", maintain_order="left")
    both = both.with_columns(gap=(pl.col("move") - pl.col("expected")).abs())
    stale = (pl.col("move") == 0) & (pl.col("gap") > _STILL)
    return both.select(
        "index",
        index_off=((pl.col("gap") > settings.index_tolerance) | stale).cast(pl.Int64),
        detail=pl.format(
            "{} moves by {} % from its close of the trading day before, {}, to {}, {} by {} %: one of the closes of "
            "reference/index_prices is wrong, or the weights are",
            "index", (pl.col("move") * 100).round(2), "previous", "index_close", "against", (pl.col("expected") * 100).round(2),
        ),
    )  # fmt: skip


def strange_days(dates: pl.Series, date: dt.date, calendar: Calendar) -> pl.DataFrame:
    """A row as of `index_gaps` where closes are dated on days without trading in place of trading days; else none.

    dates: those of reference/index_prices up to `date`. A vendor that repeats Friday's close on Saturday lacks no trading day.
    """
    since = date - dt.timedelta(days=_DAYS_BACK)
    recent = {*dates.filter(dates >= since).to_list()}
    trading = set(calendar.days(min(recent), date)) if recent else set()
    off, gone = sorted(recent - trading), sorted(trading - recent - {date})
    told = (
        f"reference/index_prices has closes of {off[-1]}, no trading day, and none of {gone[-1]}, one: its dates are shifted. Deliver "
        "each close under its own day"
        if off and gone
        else None
    )
    row = pl.DataFrame({"index": [None], "index_off": [1], "detail": [told]}, schema=_GAPS)
    return row if told else row.clear()


def rising_profits(announced: pl.DataFrame, date: dt.date, *, parted: bool = False) -> tuple[int, int]:
    """(names' years in which delivered profit rises from every quarter to the next, names' years judged), of the last three years.

    announced: symbol, period, announce_date, net_profit, known by `date`. A year is judged from three quarters on, the first
    among them. Among the 2 435 years of 2014 and 2015 it rises through in 10 % by single quarters, in 69 % by the year so far.
    parted: the profits were delivered as those of the year so far and parted into quarters since (landing.fundamentals.profits);
    what was delivered rises where the quarter's own profit is above 0.
    """
    since = dt.date(date.year - 3, 1, 1)
    quarters = (
        announced.filter(pl.col("net_profit").is_not_null() & (pl.col("period") >= since))
        .sort("announce_date", maintain_order=True)
        .unique(["symbol", "period"], keep="last", maintain_order=True)
        .with_columns(year=pl.col("period").dt.year(), quarter=pl.col("period").dt.quarter())
        .sort("symbol", "period")
    )
    step = pl.col("net_profit").slice(1) if parted else pl.col("net_profit").diff().drop_nulls()
    years = quarters.group_by("symbol", "year", maintain_order=True).agg(
        count=pl.len(), last=pl.col("quarter").max(), rises=(step > 0).all()
    )
    judged = years.filter((pl.col("count") >= 3) & (pl.col("count") == pl.col("last").cast(pl.UInt32)))
    return int(judged["rises"].sum()), judged.height


AMOUNT_UNITS: Mapping[int, str] = {
    -3: "They are in thousand yuan: declare landing.fundamentals.amount_unit = 'thousand_yuan'",
    -4: "They are in ten thousand yuan: declare landing.fundamentals.amount_unit = 'ten_thousand_yuan'",
    3: "They are in yuan already: take landing.fundamentals.amount_unit out of the settings",
    4: "They are in yuan already: take landing.fundamentals.amount_unit out of the settings",
}
"""Power of ten by which equity or profit of nearly all names differs from what is usual → the likely cause and the setting."""
_NEARLY_ALL = 0.9  # of the names: then the whole table is in another unit


def amounts_in_other_units(latest: pl.DataFrame, settings: ReferenceSettings) -> str | None:
    """What says that equity, or else net profit alone, of many names is in another unit than yuan; None where nothing does.

    latest: equity, net_profit, total_mv (yuan) of each name. Equity is held against total_mv, profit against equity, sign apart;
    "usual" is the geometric middle of the bounds. In 2014–2016 equity / total_mv is out of its bounds for at most 0.4 % of a
    day's names, with a median of 0.12 to 0.38, and profit / equity for 0.7 %, with a median of 0.016 to 0.023.
    """
    bounds = (
        ("equity", "total_mv", settings.min_equity_to_market_value, settings.max_equity_to_market_value),
        ("net_profit", "equity", settings.min_profit_to_equity, settings.max_profit_to_equity),
    )
    for figure, measure, low, high in bounds:
        ratio = (latest[figure] / latest[measure]).abs().fill_nan(None).drop_nulls()
        beyond = ratio.filter(~ratio.is_between(low, high))
        if beyond.len() <= max(settings.always_set_aside, settings.max_other_unit_share * ratio.len()):
            continue
        median = float(beyond.median() or 0.0)  # type: ignore[arg-type]
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
        return (
            f"fundamentals: {figure} / {measure} of {beyond.len()} of {ratio.len()} names is below {low:g} or above {high:g}, in "
            f"the median {median:.3g}, {scale}. {remedy}"
        )
    return None


def equity_jumps(
    announced: pl.DataFrame, settings: ReferenceSettings
) -> tuple[pl.DataFrame, list[tuple[pl.Expr, pl.Expr]]]:
    """The rows of fundamentals in their order with what is judged of them, and (holds, sentence) of what sets one aside.

    announced: symbol, period, announce_date, equity. Equity is held against the median of the name's up to four announcements
    before, in the order of periods, sign apart. Of 18 209 figures of 2014–2016 none is more than 237 times or less than 1/33 of
    it: companies that another one was merged into.
    """
    size = pl.col("equity").abs()
    before = size.log().shift().rolling_median(4, min_samples=1).exp()  # of logarithms: two values have a middle too
    judged = (
        announced.with_row_index("_row")
        .sort("symbol", "period", "announce_date", maintain_order=True)
        .with_columns(
            _before=pl.when(pl.col("equity").is_not_null()).then(before.over("symbol", pl.col("equity").is_null()))
        )
        .sort("_row")
    )
    ratio = size / pl.col("_before")
    jumps = (pl.col("_before") > 0) & ((ratio > settings.max_equity_jump) | (ratio < 1 / settings.max_equity_jump))
    sentence = pl.format(
        "equity is {} and was {} in the quarters before (the median of up to four): it is in another unit than the rest of the "
        "name's rows. Deliver the row in the unit of landing.fundamentals.amount_unit",
        "equity", "_before",
    )  # fmt: skip
    return judged, [(jumps, sentence)]


def _shown(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).fill_null("none")


def _power(ratio: pl.Expr, tolerance: float) -> pl.Expr:
    """The power of ten that a ratio is within `tolerance` of; 0 where it is near none, or near 1."""
    exponent = pl.when(ratio > 0).then(ratio).log10()
    whole = exponent.round()
    near = (exponent - whole).abs() <= math.log10(1 + tolerance)
    return pl.when(near & whole.is_finite()).then(whole).otherwise(0).fill_null(0).cast(pl.Int64)
