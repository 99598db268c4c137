"""Detects contradictions within daily_prices and the index tables: units, adjusted prices, previous closes, doubles, index moves.

This module has the rules by which a row of daily_prices contradicts the days before it, its limits or another row, and an index
contradicts its members. The rules of single rows are in validate.py, those of announcements in announcements.py.

Of all 3.86 million rows of 2010–2016, the rules for previous closes set twelve symbol-days aside (a test names them): resumptions
after months and years, and ex-rights days whose new shares are recorded late. The rules for share counts set none aside. No day of
these years is refused.
"""

import datetime as dt
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from assets.reference.limits import HALF_CENT
from resources.calendar import Calendar
from resources.code_changes import CodeChanges
from resources.rounding import Rounding
from resources.settings.reference import ReferenceSettings
from resources.units import ratio_units
from resources.values import median_of

_STILL = 0.0005  # move of the members from which an unchanged close is that of the day before
_DAYS_BACK = 30  # calendar days in which dates are compared with the calendar
_YEAR = 366  # calendar days
_NEARLY_WHOLE = 0.9  # share of an index's members; a vector with fewer is of another market
_NAMES_SHOWN = 5
_SUBSET = 2  # the CSI 1000 has twice the members of the CSI 500
_FEW = 3  # least number of stocks for a median turnover where a unit of shares is declared
_SETTLED = 60  # trading days since listing from which a stock's turnover is like that of others
_SAME_MOVE = 1e-4  # two relative moves that differ by less are equal
_LARGEST = (2**31 - 1, 2**32 - 1)  # no company of 2010–2016 has exactly so many shares
_FEW_SHARES = 10_000  # a hundred lots
_GAPS = {"index": pl.String, "index_off": pl.Int64, "detail": pl.String}


Finding = tuple[pl.Expr, pl.Expr]
"""(condition, reason) of a contradiction."""


def contradictions(settings: ReferenceSettings, declared: Mapping[str, Any] | None = None) -> list[Finding]:
    """Return the rules (condition, reason) that set usable rows of daily_prices aside, the likeliest cause first.

    They use the columns of daily_prices, listed_days, delivered_up and delivered_down (the delivered limits, null where there are
    none), limit_up and limit_down (those in force), last_date, last_close and last_shares (of the stock's last day of trading
    before; null where there was none), least_vwap and most_vwap (`vwap_bounds`), ex_date, shares_late and shares_follow
    (late_shares.with_late_shares), first_day (whether the table begins on the day) and same_as (a lower code with the same
    prices, volume and amount). declared: the declarations of daily_prices in the settings (`LandingView.declared`).
    """
    return [
        *_of_the_vwap(settings, declared or {}),
        _of_delivered_limits(),
        *_of_the_last_close(settings),
        (
            pl.col("same_as").is_not_null(),
            pl.format(
                "its prices, volume and amount are those of {}: one company under two codes, as after a change of code, of which only the "
                "lower one is used. Deliver one of them for each day, or declare the change in reference/code_changes",
                "same_as",
            ),
        ),
        (
            pl.col("first_day") & (pl.col("listed_days") > settings.unlimited_days) & _beyond("limit_up", "limit_down"),
            pl.format(
                "the prices from {} to {} are outside the limits that follow from pre_close {}, on the first day of the table",
                "low", "high", "pre_close",
            ),
        ),
    ]  # fmt: skip


def _of_the_vwap(settings: ReferenceSettings, declared: Mapping[str, Any]) -> list[Finding]:
    """Return the rules on amount / volume: another unit, or prices that are not those of the trades."""
    vwap = pl.col("amount") / pl.col("volume")
    power = _power(vwap / ((pl.col("high") + pl.col("low")) / 2), settings.unit_tolerance)
    cause = pl.lit("volume or amount is in another unit")
    for exponent, text in ratio_units("daily_prices", declared).items():
        cause = pl.when(power == exponent).then(pl.lit(str(text))).otherwise(cause)
    outside_range = (pl.col("least_vwap") > pl.col("high") * (1 + settings.vwap_tolerance) + HALF_CENT) | (
        pl.col("most_vwap") < pl.col("low") * (1 - settings.vwap_tolerance) - HALF_CENT
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
    ]  # fmt: skip


def _of_delivered_limits() -> Finding:
    astray = (pl.col("pre_close") > pl.col("delivered_up") + HALF_CENT) | (
        pl.col("pre_close") < pl.col("delivered_down") - HALF_CENT
    )
    return (
        _beyond("delivered_up", "delivered_down") | astray,
        pl.format(
            "its prices from {} to {} and pre_close {} are not inside the limits delivered with them, {} to {}",
            "low", "high", "pre_close", _shown("delivered_down"), _shown("delivered_up"),
        ),
    )  # fmt: skip


def _of_the_last_close(settings: ReferenceSettings) -> list[Finding]:
    """Return the rules on pre_close against the close of the stock's last day of trading and its share counts."""
    growth = (pl.col("total_shares") / pl.col("last_shares")).fill_null(1.0)
    off = (pl.col("pre_close") - pl.col("last_close")).abs() > HALF_CENT
    rise = pl.col("pre_close") > pl.col("last_close") * (1 + settings.max_pre_close_rise) + HALF_CENT
    fewer = pl.col("pre_close") * growth <= pl.col("last_close") * (1 + settings.max_unexplained_fall)
    fall = pl.col("pre_close") < pl.col("last_close") * (1 - settings.max_unexplained_fall) / pl.max_horizontal(
        growth, pl.lit(1.0)
    )
    ex_date = (pl.col("ex_date") == pl.col("date")).fill_null(False) & (pl.col("shares_late") | pl.col("shares_follow"))
    both = pl.format(
        "pre_close is {} and the last close, of {}, {}", "pre_close", pl.col("last_date").cast(pl.String), "last_close"
    )
    return [
        (
            rise & ~((growth < 1) & fewer),
            pl.concat_str(
                both, pl.lit(": a previous close rises only when shares are consolidated, and total_shares did not fall")
            ),
        ),
        (
            fall & ~ex_date,
            pl.concat_str(
                both, pl.lit(": it falls by more than a dividend or rights issue explains, and no new shares explain it")
            ),
        ),
        (
            off & _beyond("limit_up", "limit_down"),
            pl.concat_str(
                both,
                pl.format(
                    ", and the prices from {} to {} are outside the limits that follow from pre_close, {} to {}",
                    "low", "high", _shown("limit_down"), _shown("limit_up"),
                ),
            ),
        ),
    ]  # fmt: skip


def _beyond(up: str, down: str) -> pl.Expr:
    """Return whether the day's prices are outside the limits in these columns."""
    return (pl.col("high") > pl.col(up) + HALF_CENT) | (pl.col("low") < pl.col(down) - HALF_CENT)


def vwap_bounds(rounding: Rounding) -> dict[str, pl.Expr]:
    """Return least_vwap and most_vwap (yuan): bounds of the true amount / volume, where both are rounded to the nearest unit."""
    volume, amount = rounding.volume / 2, rounding.amount / 2 if rounding.amount > 1 else 0.0
    return {
        "least_vwap": (pl.col("amount") - amount) / (pl.col("volume") + volume),
        "most_vwap": (pl.col("amount") + amount) / pl.max_horizontal(pl.col("volume") - volume, pl.lit(1.0)),
    }


def range_faults(settings: ReferenceSettings) -> list[tuple[pl.Expr, pl.Expr]]:
    """Return the rules (condition, reason) on a high or low that the row's other prices contradict, the likeliest cause first.

    They use the columns of `contradictions`. A wrong high or low would decide whether a stock is locked at its limit (SPEC §6). Of all
    rows of 2010–2016, listing days included, none has a high above 1.36 times the highest of open, close, VWAP and pre_close, or a
    low below 1 / 1.21 of the lowest. Of those with limits whose open, close and VWAP are inside them, none has a high or low beyond
    them by more than 4.4 % (ST stocks in their delisting period).
    """
    middle = ("open", "close", pl.col("amount") / pl.col("volume"))
    most, least = pl.max_horizontal(*middle), pl.min_horizontal(*middle)
    spike = 1 + settings.max_range_spike
    astray = (pl.col("high") > pl.max_horizontal(most, "pre_close") * spike) | (
        pl.col("low") < pl.min_horizontal(least, "pre_close") / spike
    )
    inside = (most <= pl.col("limit_up") + HALF_CENT) & (least >= pl.col("limit_down") - HALF_CENT)
    beyond = (pl.col("high") > pl.col("limit_up") * (1 + settings.max_beyond_limits) + HALF_CENT) | (
        pl.col("low") < pl.col("limit_down") * (1 - settings.max_beyond_limits) - HALF_CENT
    )
    return [
        (
            astray,
            pl.format(
                "its range from {} to {} is far from its open {}, close {} and pre_close {}: high or low is wrong, or exchanged with "
                "another column",
                "low", "high", "open", "close", "pre_close",
            ),
        ),
        (
            inside & beyond,
            pl.format(
                "its range from {} to {} exceeds the limits of the day, {} to {}, and its open {}, close {} and amount / volume do not: "
                "high or low is wrong, or rulebook.price_limits lacks the rule of the day",
                "low", "high", _shown("limit_down"), _shown("limit_up"), "open", "close",
            ),
        ),
    ]  # fmt: skip


def share_faults(settings: ReferenceSettings) -> list[tuple[pl.Expr, pl.Expr]]:
    """Return the rules (condition, reason) on the share counts of a row whose prices are usable, the likeliest cause first.

    They use the columns of `contradictions`. No row of 2010–2016 breaks a rule: backdoor listings multiply shares by at most 23.
    """
    ratio = _share_ratio()
    unit = "deliver shares, not lots or ten thousand shares, or declare landing.daily_prices.share_unit"
    cut = pl.any_horizontal(pl.col(name).is_in(_LARGEST) for name in ("float_shares", "total_shares"))
    return [
        (
            cut.fill_null(False),
            pl.format(
                "float_shares = {} and total_shares = {}: one of them is the largest 32-bit number, to which a larger number was cut off. Deliver "
                "the number itself",
                "float_shares", "total_shares",
            ),
        ),
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
                "volume = {} of one day is more than float_shares = {}: {}", "volume", "float_shares", pl.lit(unit)
            ),
        ),
        (
            pl.col("float_shares") < settings.min_float_to_total * pl.col("total_shares"),
            pl.format(
                "float_shares = {} are {} of total_shares = {}: total_shares are in a smaller unit than declared, or float_shares in a larger "
                "one. Deliver both in shares, or in one unit declared by landing.daily_prices.share_unit",
                "float_shares", (pl.col("float_shares") / pl.col("total_shares")).round(6), "total_shares",
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
    """Return whether total_shares differ from the last day's by more than `max_unexplained_fall` and pre_close shows no split.

    The split may be on the day or on one of the last `late_share_days`. At most 7 stocks of a day of 2010–2016 meet this condition.
    """
    ratio, slack = _share_ratio(), 1 + settings.max_unexplained_fall
    explained = pl.col("pre_close") * ratio / pl.col("last_close")
    jumps = ~ratio.is_between(1 / slack, slack) & ~explained.is_between(1 / slack, slack)
    return jumps.fill_null(False) & ~pl.col("shares_follow")


def _share_ratio() -> pl.Expr:
    return pl.col("total_shares") / pl.col("last_shares")


def same_as(rows: pl.DataFrame) -> pl.DataFrame:
    """Return symbol and same_as: the lowest other code of the day with the same open, high, low, close, volume and amount.

    Only codes below the symbol's own are returned, so that one of the two is used and no company counts twice. Stocks that trade a few
    lots at one price all day may be equal by chance, and are not doubles. The only pairs among the 3.86 million rows of 2010–2016,
    1 543 of them, are three companies under their codes before and after a change.
    """
    key = ["open", "high", "low", "close", "volume", "amount"]
    few = (pl.col("high") == pl.col("low")) & (pl.col("volume") <= _FEW_SHARES)
    rows = rows.filter(~few)
    doubles = rows.filter(rows.select(key).is_duplicated()).select("symbol", *key)
    pairs = doubles.join(doubles.rename({"symbol": "same_as"}), on=key)
    return pairs.filter(pl.col("same_as") < pl.col("symbol")).group_by("symbol").agg(pl.col("same_as").min())


def undeclared_changes(
    rows: pl.DataFrame, before: pl.DataFrame, first_traded: Mapping[str, dt.date], changes: CodeChanges, date: dt.date
) -> pl.DataFrame:
    """Return symbol and detail of each stock of the day that appears to continue another one under a new code.

    rows: rows of daily_prices on `date`. before: earlier rows, sorted by date and under the codes that `changes` assign, so that a
    correctly declared change is not found; the detail names the codes as delivered. first_traded: code → its first day of trading. A
    stock continues another where it has no row before, its pre_close is to the cent the last close of a stock that has no row today
    and had one in the last `_DAYS_BACK` days, and the share counts differ by at most 1 %.
    """
    own = rows.filter(pl.col("symbol").is_in([code for code, day in first_traded.items() if day == date]))
    recent = before[before["date"].search_sorted(date - dt.timedelta(days=_DAYS_BACK), side="left") :]
    if own.height:
        own = own.filter(
            ~pl.col("symbol").is_in(before.filter(pl.col("symbol").is_in(own["symbol"].implode()))["symbol"].implode())
        )
    if own.is_empty() or recent.is_empty():
        return pl.DataFrame(schema={"symbol": pl.String, "detail": pl.String})
    ended = (
        recent.filter(~pl.col("symbol").is_in(rows["symbol"].implode()) & (pl.col("volume") > 0))
        .unique("symbol", keep="last", maintain_order=True)
        .select(old="symbol", _last="date", _close="close", _shares="total_shares")
    )
    ratio = pl.col("total_shares") / pl.col("_shares")
    pairs = own.join(ended, how="cross").filter(
        ((pl.col("pre_close") - pl.col("_close")).abs() <= HALF_CENT) & ratio.is_between(0.99, 1.01)
    )
    found = []
    pairs = pairs.unique("symbol", keep="first", maintain_order=True)
    for symbol, present, last, close in pairs.select("symbol", "old", "_last", "_close").iter_rows():
        delivered = {now: was for was, now in changes.renames(last, date).code.items()}
        old = delivered.get(present, present)
        seen = (
            f"{symbol} trades from {date} on and has no row before; {old} last traded on {last}, at {close}, which is the pre_close of {symbol}, "
            "with nearly as many shares: the code was changed"
        )
        right = f"old = {old}, new = {symbol}, date = {date}"
        lost = "otherwise the old code is treated as delisted and the new one begins without a history"
        if old == present:
            found.append((symbol, f"{seen}. Declare it in reference/code_changes ({right}); {lost}"))
        else:
            wrong = f"reference/code_changes declares that {old} became {present}, which has not traded since"
            found.append((symbol, f"{seen}, and {wrong}. Correct that row ({right}); {lost}"))
    return pl.DataFrame(found, schema={"symbol": pl.String, "detail": pl.String}, orient="row")


def unmatched_changes(
    aside: pl.DataFrame, traded: Mapping[str, Sequence[dt.date]], first: dt.date | None, without: str
) -> pl.DataFrame:
    """Return symbol (the old code) and detail of each declared change whose new code trades and whose old code never did.

    aside: rows of reference/code_changes with their `reason`; those with the reason `without` have an old code without a row before the
    change. traded: code → the days on which it traded, ascending. first: the first day of daily_prices; the old code of a change up to
    it cannot be found. A change of which daily_prices contains neither code concerns another market, and is no fault.
    """
    found = []
    rows = aside.filter(pl.col("reason") == without).select("old", "new", "date")
    for old, new, date in rows.iter_rows():
        if first is not None and first < date and not traded.get(old) and traded.get(new):
            found.append(
                (
                    old,
                    f"old = {old}, new = {new}, date = {date}: {old} trades on no day of daily_prices, and {new} trades from {traded[new][0]} "
                    f"on. {old} is not the code that {new} had before, or its rows were not delivered",
                )
            )
    return pl.DataFrame(found, schema={"symbol": pl.String, "detail": pl.String}, orient="row")


def listed_at_start(listings: pl.DataFrame, first_rows: pl.DataFrame, settings: ReferenceSettings) -> str | None:
    """Return the finding that listing days were made from the first prices; None where there is no such evidence.

    listings: symbol, list_date of usable instruments. first_rows: symbol, date, pre_close, close, volume of the first day of
    daily_prices. Stocks are counted whose list_date is that day and which moved by at most `max_listing_move` on it: a true listing
    moves farther, since it has no limit. At most 28 stocks were listed on one day of 1990–2016 (2009-10-30, when ChiNext opened),
    and all of them rose by 76 % or more.
    """
    rows = first_rows.filter(pl.col("volume") > 0)
    move = (pl.col("close") / pl.col("pre_close") - 1).abs()
    own = rows.join(listings.select("symbol", "list_date"), on="symbol")
    same = own.filter(pl.col("list_date") == pl.col("date"), move <= settings.max_listing_move)
    if same.height <= max(settings.always_listed_at_start, settings.max_listed_at_start * rows.height):
        return None
    return (
        f"instruments: list_date of {same.height} of the {rows.height} stocks that traded on {same['date'][0]}, the first day of "
        f"reference/daily_prices, is that day, e.g. {', '.join(same['symbol'].sort()[:_NAMES_SHOWN])}, and their prices move like those "
        "of stocks that are listed already: the days were made from the prices. Deliver the days on which the stocks were listed, or "
        "leave instruments out: listed_days and the universe are then n/a"
    )


def listed_together(listings: pl.DataFrame, settings: ReferenceSettings) -> str | None:
    """Return the finding that one list_date is a placeholder for unknown days; None where there is no such evidence.

    listings: symbol, list_date of usable instruments.
    """
    known = listings["list_date"].drop_nulls()
    if known.is_empty():
        return None
    day, count = known.value_counts().sort("count", "list_date", descending=[True, False]).row(0)
    if count <= max(settings.always_listed_together, settings.max_listed_together * known.len()):
        return None
    return (
        f"instruments: list_date of {count} of {known.len()} stocks is {day}, and at most 28 were ever listed on one day: it is a placeholder "
        "for unknown days. Deliver the days on which the stocks were listed, or leave instruments out: listed_days and the universe are then n/a"
    )


def index_gaps(
    members: pl.DataFrame,
    closes: pl.DataFrame,
    prices: pl.DataFrame,
    settings: ReferenceSettings,
) -> pl.DataFrame:
    """Return index, index_off (1 where its move is not that of its members) and detail of the indices that can be compared.

    members: index, symbol, weight as last published. closes: index, index_close, previous (the close of the trading day before).
    prices: symbol, pre_close, close of the day; a member without a row did not move. An index is compared where members with at least
    half the weight traded. A total-return index (`reference.total_return_indices`) is compared with the members of its price index or,
    where that is impossible, with the price index itself, which it exceeds by the dividends of the day. In 2010–2016 the CSI 500 never
    differed from its members by more than 1.4 %, nor from its total-return index by more than 1.31 %, and none of 6 557 closes is that
    of the day before.
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
            "{} moves by {} % from its close of the trading day before, {}, to {}, and {} by {} %: one of the closes of "
            "reference/index_prices is wrong, or the weights are",
            "index", (pl.col("move") * 100).round(2), "previous", "index_close", "against", (pl.col("expected") * 100).round(2),
        ),
    )  # fmt: skip


def members_lost(vectors: pl.DataFrame, priced: Collection[str], settings: ReferenceSettings) -> pl.DataFrame:
    """Return index, members_lost, members_short and detail of each index whose last vector has another number of members than the index.

    vectors: index, date, symbol and weight of every vector so far; a row without a weight above 0 is not a member. priced: the stocks that
    daily_prices has today; a member of the last year's vectors without a price was delisted or merged, and may be missing until another
    stock enters. The expected number is `reference.index_members` where the vector has nearly as many, or where more stocks than that
    are priced; in another market it is that of the largest earlier vector. A vector with another number has members_lost 1. One with as
    many as the earlier ones, and fewer than nine tenths of `reference.index_members`, has members_short 1: the market is small, or every
    vector is cut off. All 73 vectors of the CSI 500 of 2010–2016 have 500.
    """
    rows: list[tuple[str, int | None, int | None, str]] = []
    weighted = vectors.filter(pl.col("weight") > 0).sort("index", "date")
    for (index,), own in weighted.group_by("index", maintain_order=True):
        dates = own["date"].unique().sort()
        last = own.filter(pl.col("date") == dates[-1])["symbol"].unique()
        before = own.filter(pl.col("date") < dates[-1])
        nominal = settings.index_members.get(str(index))
        if nominal is not None and (last.len() >= _NEARLY_WHOLE * nominal or len(priced) > nominal):
            has, known = nominal, "the index has (reference.index_members)"
        else:
            has = max(before.group_by("date").agg(pl.col("symbol").n_unique())["symbol"], default=0)
            known = "an earlier one has"
        year = before.filter(pl.col("date") >= dates[-1] - dt.timedelta(days=_YEAR))["symbol"]
        ended = {*year} - {*last} - {*priced}
        if has - len(ended) <= last.len() <= has or (last.len() > has and has != nominal):
            if nominal is not None and last.len() < nominal:
                rows.append(
                    (
                        str(index),
                        None,
                        1,
                        f"{index} has {last.len()} of {nominal} members (the vector of {dates[-1]}; reference.index_members is {nominal})",
                    )
                )
            continue
        previous = before.filter(pl.col("date") == before["date"].max())["symbol"] if before.height else last.clear()
        gone = sorted(set(previous) - set(last))[:_NAMES_SHOWN]
        rows.append(
            (
                str(index),
                1,
                None,
                f"the vector of {index} of {dates[-1]} has {last.len()} members, and {known} {has}"
                + (f" (no longer in it, among others: {', '.join(gone)})" if gone else "")
                + ": where members are missing, the weights of the rest are too high. Deliver the whole vector, or set in "
                f"reference.index_members how many members {index} has",
            )
        )
    schema = {"index": pl.String, "members_lost": pl.Int64, "members_short": pl.Int64, "detail": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def equal_weights(vectors: pl.DataFrame, followed: Collection[str], settings: ReferenceSettings) -> pl.DataFrame:
    """Return index, weights_equal and detail of each index of `followed` whose members all have the same weight.

    vectors: index, symbol, weight, published_date of the last vector of each.
    """
    own = vectors.filter(pl.col("index").is_in(list(followed)) & (pl.col("weight") > 0)).group_by(
        "index", maintain_order=True
    )
    equal = own.agg(
        pl.len(), one=(pl.col("weight").max() - pl.col("weight").min()) <= 1e-9, _of=pl.col("published_date").first()
    ).filter("one", pl.col("len") >= settings.min_weighted_members)
    return equal.select(
        "index",
        weights_equal=pl.lit(1, pl.Int64),
        detail=pl.format(
            "all {} members of {} (the vector of {}) have the same weight: the index is weighted by capitalisation, so these are placeholders for "
            "unknown weights. Deliver the published weights",
            "len", "index", "_of",
        ),
    )  # fmt: skip


def members_without_prices(vectors: pl.DataFrame, priced: Collection[str], followed: Collection[str]) -> pl.DataFrame:
    """Return index, members_absent, members_few and detail of each index whose priced members have less than half the weight.

    vectors: index, symbol, weight, published_date of the last vector of each; a row without a weight above 0 is not a member, and shares of
    the Beijing exchange are ignored. priced: the stocks that daily_prices had on the last trading days. An index of `followed` without a
    priced member has members_absent 1: nothing can be compared with it, and a portfolio would follow stocks without prices. Any other
    has members_few 1, since prices of a part of the market are legitimate. So has an index without a priced member where another
    index has one and daily_prices has at most `_SUBSET` times as many stocks as the index has members, since these may be only the
    members of the other index. On every day of 2010–2016 at least 277 members of the CSI 500 traded.
    """
    names = {*priced}
    digits = {name[:6] for name in names}
    rows: list[tuple[str, int | None, int | None, str]] = []
    members = vectors.filter((pl.col("weight") > 0) & ~pl.col("symbol").str.ends_with(".BJ")).sort("index", "symbol")
    some = members.filter(pl.col("index").is_in(list(followed)), pl.col("symbol").is_in(list(names))).height > 0
    for (index,), own in members.group_by("index", maintain_order=True):
        known = own["symbol"].is_in(list(names))
        count, share = (
            int(known.sum()),
            float(own.select((pl.col("weight") * known).sum() / pl.col("weight").sum()).item()),
        )
        if not names or share >= 0.5:
            continue
        absent = own.filter(~known)["symbol"]
        elsewhere = sum(name[:6] in digits for name in absent)
        cause = (
            f"{elsewhere} of the others are there under another exchange. Write the codes of {index} as those of the prices"
            if 2 * elsewhere >= absent.len()
            else "the prices are those of other stocks, or the vector is that of another index. Deliver the prices of its members, or "
            "remove its rows from reference/index_weights: figures that need the index are then n/a"
        )
        detail = (
            f"{count} of {own.height} members of {index} (the vector of {own['published_date'][0]}), with {100 * share:.0f} % of its weight, have a "
            f"row in reference/daily_prices in the last trading days, which have {len(names)} stocks; without a row are "
            f"{', '.join(absent[:_NAMES_SHOWN])}: {cause}"
        )
        critical = not count and index in followed and not (some and len(names) <= _SUBSET * own.height)
        rows.append((str(index), 1 if critical else None, None if critical else 1, detail))
    schema = {"index": pl.String, "members_absent": pl.Int64, "members_few": pl.Int64, "detail": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def strange_days(dates: pl.Series, date: dt.date, calendar: Calendar) -> pl.DataFrame:
    """Return a row as in `index_gaps` where closes are dated on days without trading instead of trading days; otherwise no row.

    dates: the dates of reference/index_prices up to `date`. A vendor that repeats Friday's close on Saturday lacks no trading day.
    """
    since = date - dt.timedelta(days=_DAYS_BACK)
    recent = {*dates.filter(dates >= since).to_list()}
    trading = set(calendar.days(min(recent), date)) if recent else set()
    off, gone = sorted(recent - trading), sorted(trading - recent - {date})
    detail = (
        f"reference/index_prices has closes of {off[-1]}, which is no trading day, and none of {gone[-1]}, which is one: its dates are shifted. "
        "Deliver each close under its own day"
        if off and gone
        else None
    )
    row = pl.DataFrame({"index": [None], "index_off": [1], "detail": [detail]}, schema=_GAPS)
    return row if detail else row.clear()


def shifted_prices(history: pl.DataFrame, date: dt.date, calendar: Calendar) -> pl.DataFrame:
    """Return symbol (null) and detail of one finding where prices are dated on days without trading instead of trading days.

    history: date and volume of daily_prices up to `date`, sorted by date. A day without trading is counted where at least half as many
    stocks have a volume on it as on the fullest day of the last 30; `date` itself may be missing, which another check reports. A vendor
    that repeats Friday's rows on Saturday lacks no trading day, and a single lost day is no shift: dates are shifted where trading days
    are missing for at least half of the days without trading. Otherwise the frame is empty.
    """
    since = date - dt.timedelta(days=_DAYS_BACK)
    recent = history[history["date"].search_sorted(since, side="left") :].filter(pl.col("volume") > 0)
    names: dict[dt.date, int] = dict(recent.group_by("date").len().iter_rows())
    trading = calendar.days(min(names), date) if names else []
    off = sorted(day for day in names if not calendar.is_trading_day(day) and names[day] >= max(names.values()) / 2)
    gone = [day for day in trading if day not in names and day != date]
    found = pl.DataFrame(schema={"symbol": pl.String, "detail": pl.String})
    if not off or not gone or 2 * len(gone) < len(off):
        return found
    detail = (
        f"reference/daily_prices has prices of {off[-1]}, which is no trading day, and none of {gone[-1]}, which is one ({len(off)} and "
        f"{len(gone)} such days since {max(since, min(names))}): its dates are shifted, and each day has the prices of another"
    )
    return pl.DataFrame({"symbol": [None], "detail": [detail]}, schema=found.schema)


def turnover_off(judged: pl.DataFrame, share_unit: str | None, settings: ReferenceSettings) -> str | None:
    """Return the finding that the volumes or share counts of a day are in another unit; None where there is no such evidence.

    judged: volume, float_shares and listed_days of the day's rows. share_unit: `landing.daily_prices.share_unit` where it is declared and
    not the default; then few stocks are judged too, by a wider bound. New listings trade far more than other stocks, and are not
    judged for a high turnover.
    """
    turnover = judged.select("listed_days", turnover=pl.col("volume") / pl.col("float_shares")).drop_nulls("turnover")
    settled = turnover.filter(pl.col("listed_days").fill_null(_SETTLED) >= _SETTLED)["turnover"]
    many = turnover.height >= settings.min_turnover_names
    least = settings.min_median_turnover if many else settings.min_few_median_turnover
    if many or (share_unit is not None and turnover.height >= _FEW):
        median = median_of(turnover["turnover"])
        if median < least:
            declared = f" = {share_unit!r}" if share_unit else ""
            return (
                f"the median of volume / float_shares of {turnover.height} stocks is {median:.2g}: shares are in a smaller unit than "
                f"declared, or volume is in lots. Remove landing.daily_prices.share_unit{declared} from the settings where the counts are "
                "in shares, or declare volume_unit"
            )
    if settled.len() >= settings.min_turnover_names:
        median = median_of(settled)
        if median > settings.max_median_turnover:
            return (
                f"the median of volume / float_shares of {settled.len()} stocks is {median:.2g}, more than a market trades in a day: shares "
                "are in a larger unit than declared. Deliver shares, or declare landing.daily_prices.share_unit"
            )
    return None


def market_values(judged: pl.DataFrame, settings: ReferenceSettings) -> str | None:
    """Return the finding that share counts are market values; None where there is no such evidence.

    judged: close, total_shares, last_close and last_shares of the day's rows. Of the stocks whose close moves, those are counted whose
    total_shares move by the same ratio since the last day, to `_SAME_MOVE`. In 2010–2016 there are never more than 2 a day.
    """
    moves = judged.select(
        price=pl.col("close") / pl.col("last_close"), shares=pl.col("total_shares") / pl.col("last_shares")
    ).drop_nulls()
    moving = moves.filter((pl.col("price") - 1).abs() > _SAME_MOVE)
    alike = moving.filter((pl.col("shares") / pl.col("price") - 1).abs() <= _SAME_MOVE).height
    if moving.height < _FEW or alike <= settings.max_shares_with_price * moving.height:
        return None
    return (
        f"total_shares of {alike} of {moving.height} stocks move from day to day as their closes do: these are market values. Deliver the "
        "numbers of shares, total_shares = market value / close"
    )


def _shown(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String).fill_null("none")


def _power(ratio: pl.Expr, tolerance: float) -> pl.Expr:
    """Return the power of ten to which a ratio is equal within `tolerance`; 0 where there is none, or the ratio is near 1."""
    exponent = pl.when(ratio > 0).then(ratio).log10()
    whole = exponent.round()
    near = (exponent - whole).abs() <= math.log10(1 + tolerance)
    return pl.when(near & whole.is_finite()).then(whole).otherwise(0).fill_null(0).cast(pl.Int64)
