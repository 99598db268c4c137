"""Detects contradictions within daily_prices and the index tables: units, adjusted prices, previous closes, doubles, index moves.

This module has the rules by which a row of daily_prices contradicts the days before it, its limits or another row, and an index
contradicts its members. The rules of single rows are in validate.py, those of announcements in announcements.py.

Of all 3.86 million rows of 2010–2016, the rules for previous closes set twelve symbol-days aside (a test names them): resumptions
after months and years, and ex-rights days whose new shares are recorded late. The rules for share counts set none aside. No day of
these years is refused.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from assets.reference.limits import HALF_CENT
from assets.reference.reasons import (
    DATES_SHIFTED,
    EQUAL_WEIGHTS,
    FIRST_PRICES_OUTSIDE_LIMITS,
    FLOAT_ABOVE_TOTAL,
    INDEX_DATES_SHIFTED,
    INDEX_OFF,
    ITS_MEMBERS,
    ITS_PRICE_INDEX,
    LISTED_AT_START,
    LISTED_TOGETHER,
    MEMBERS_OF_ANOTHER_EXCHANGE,
    MEMBERS_OF_ANOTHER_INDEX,
    MEMBERS_UNPRICED,
    NO_LONGER_MEMBERS,
    NO_PART,
    OUTSIDE_DELIVERED_LIMITS,
    PRE_CLOSE_FELL,
    PRE_CLOSE_OFF,
    PRE_CLOSE_ROSE,
    RANGE_BEYOND_LIMITS,
    RANGE_FAR_OFF,
    SHARES_ARE_MARKET_VALUES,
    SHARES_CUT_OFF,
    SHARES_IN_TWO_UNITS,
    SHARES_JUMP,
    TURNOVER_HIGH,
    TURNOVER_LOW,
    TURNOVER_LOW_AS_DECLARED,
    TWO_CODES,
    UNDECLARED_CHANGE,
    UNIT_RATIO_OFF,
    UNMATCHED_CHANGE,
    VECTOR_NOT_AS_BEFORE,
    VECTOR_NOT_THE_INDEX,
    VECTOR_SHORT,
    VOLUME_ABOVE_FLOAT,
    VWAP_OFF,
    WRONGLY_DECLARED_CHANGE,
)
from resources.calendar import Calendar
from resources.code_changes import CodeChanges
from resources.reasons import SEVERAL, Nested, Reason, code_column
from resources.rounding import Rounding
from resources.settings.reference import ReferenceSettings
from resources.units import ANOTHER_UNIT, cause_of, power_of_ten, ratio_units
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


Contradiction = tuple[pl.Expr, pl.Expr]
"""(condition, reason) of a contradiction. Tables of findings have the reason in their column `detail`."""


def contradictions(settings: ReferenceSettings, declared: Mapping[str, Any] | None = None) -> list[Contradiction]:
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
        (pl.col("same_as").is_not_null(), TWO_CODES.column(other="same_as")),
        (
            pl.col("first_day") & (pl.col("listed_days") > settings.unlimited_days) & _beyond("limit_up", "limit_down"),
            FIRST_PRICES_OUTSIDE_LIMITS.column(low="low", high="high", pre_close="pre_close"),
        ),
    ]


def _of_the_vwap(settings: ReferenceSettings, declared: Mapping[str, Any]) -> list[Contradiction]:
    """Return the rules on amount / volume: another unit, or prices that are not those of the trades."""
    vwap = pl.col("amount") / pl.col("volume")
    power = power_of_ten(vwap / ((pl.col("high") + pl.col("low")) / 2), settings.unit_tolerance)
    cause = cause_of(power, ratio_units("daily_prices", declared), ANOTHER_UNIT())
    outside_range = (pl.col("least_vwap") > pl.col("high") * (1 + settings.vwap_tolerance) + HALF_CENT) | (
        pl.col("most_vwap") < pl.col("low") * (1 - settings.vwap_tolerance) - HALF_CENT
    )
    return [
        (power != 0, UNIT_RATIO_OFF.column(power=power, cause=cause)),
        (outside_range, VWAP_OFF.column(vwap=vwap.round(4), low="low", high="high")),
    ]


def _of_delivered_limits() -> Contradiction:
    astray = (pl.col("pre_close") > pl.col("delivered_up") + HALF_CENT) | (
        pl.col("pre_close") < pl.col("delivered_down") - HALF_CENT
    )
    return (
        _beyond("delivered_up", "delivered_down") | astray,
        OUTSIDE_DELIVERED_LIMITS.column(
            low="low", high="high", pre_close="pre_close", limit_down="delivered_down", limit_up="delivered_up"
        ),
    )


def _of_the_last_close(settings: ReferenceSettings) -> list[Contradiction]:
    """Return the rules on pre_close against the close of the stock's last day of trading and its share counts."""
    growth = (pl.col("total_shares") / pl.col("last_shares")).fill_null(1.0)
    off = (pl.col("pre_close") - pl.col("last_close")).abs() > HALF_CENT
    rise = pl.col("pre_close") > pl.col("last_close") * (1 + settings.max_pre_close_rise) + HALF_CENT
    fewer = pl.col("pre_close") * growth <= pl.col("last_close") * (1 + settings.max_unexplained_fall)
    fall = pl.col("pre_close") < pl.col("last_close") * (1 - settings.max_unexplained_fall) / pl.max_horizontal(
        growth, pl.lit(1.0)
    )
    ex_date = (pl.col("ex_date") == pl.col("date")).fill_null(False) & (pl.col("shares_late") | pl.col("shares_follow"))
    closes = {"pre_close": "pre_close", "last_date": "last_date", "last_close": "last_close"}
    bounds = {"low": "low", "high": "high", "limit_down": "limit_down", "limit_up": "limit_up"}
    return [
        (rise & ~((growth < 1) & fewer), PRE_CLOSE_ROSE.column(**closes)),
        (fall & ~ex_date, PRE_CLOSE_FELL.column(**closes)),
        (off & _beyond("limit_up", "limit_down"), PRE_CLOSE_OFF.column(**closes, **bounds)),
    ]


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
            RANGE_FAR_OFF.column(low="low", high="high", open="open", close="close", pre_close="pre_close"),
        ),
        (
            inside & beyond,
            RANGE_BEYOND_LIMITS.column(
                low="low", high="high", limit_down="limit_down", limit_up="limit_up", open="open", close="close"
            ),
        ),
    ]


def share_faults(settings: ReferenceSettings) -> list[tuple[pl.Expr, pl.Expr]]:
    """Return the rules (condition, reason) on the share counts of a row whose prices are usable, the likeliest cause first.

    They use the columns of `contradictions`. No row of 2010–2016 breaks a rule: backdoor listings multiply shares by at most 23.
    """
    ratio = _share_ratio()
    cut = pl.any_horizontal(pl.col(name).is_in(_LARGEST) for name in ("float_shares", "total_shares"))
    return [
        (
            cut.fill_null(False),
            SHARES_CUT_OFF.column(float_shares="float_shares", total_shares="total_shares"),
        ),
        (
            pl.col("float_shares") > pl.col("total_shares"),
            FLOAT_ABOVE_TOTAL.column(float_shares="float_shares", total_shares="total_shares"),
        ),
        (
            pl.col("volume") > pl.col("float_shares"),
            VOLUME_ABOVE_FLOAT.column(volume="volume", float_shares="float_shares"),
        ),
        (
            pl.col("float_shares") < settings.min_float_to_total * pl.col("total_shares"),
            SHARES_IN_TWO_UNITS.column(
                float_shares="float_shares",
                ratio=(pl.col("float_shares") / pl.col("total_shares")).round(6),
                total_shares="total_shares",
            ),
        ),
        (
            share_jumps(settings) & ((ratio > settings.max_share_change) | (ratio < 1 / settings.max_share_change)),
            SHARES_JUMP.column(total_shares="total_shares", ratio=ratio.round(6), last_shares="last_shares"),
        ),
    ]


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
        facts = {"old": old, "new": symbol, "date": date, "last": last, "close": close}
        detail = UNDECLARED_CHANGE(**facts) if old == present else WRONGLY_DECLARED_CHANGE(**facts, declared=present)
        found.append((symbol, detail.dumps()))
    return pl.DataFrame(found, schema={"symbol": pl.String, "detail": pl.String}, orient="row")


def unmatched_changes(
    aside: pl.DataFrame, traded: Mapping[str, Sequence[dt.date]], first: dt.date | None
) -> pl.DataFrame:
    """Return symbol (the old code) and detail of each declared change whose new code trades and whose old code never did.

    aside: rows of reference/code_changes with their `reason`; those of the code NO_PART have an old code without a row before the
    change. traded: code → the days on which it traded, ascending. first: the first day of daily_prices; the old code of a change up to
    it cannot be found. A change of which daily_prices contains neither code concerns another market, and is no fault.
    """
    found = []
    rows = aside.filter(code_column("reason") == NO_PART.name).select("old", "new", "date")
    for old, new, date in rows.iter_rows():
        if first is not None and first < date and not traded.get(old) and traded.get(new):
            detail = UNMATCHED_CHANGE(old=old, new=new, date=date, first=traded[new][0])
            found.append((old, detail.dumps()))
    return pl.DataFrame(found, schema={"symbol": pl.String, "detail": pl.String}, orient="row")


def listed_at_start(listings: pl.DataFrame, first_rows: pl.DataFrame, settings: ReferenceSettings) -> Reason | None:
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
    names = same["symbol"].sort()[:_NAMES_SHOWN].to_list()
    return LISTED_AT_START(count=same.height, stocks=rows.height, date=same["date"][0], names=names)


def listed_together(listings: pl.DataFrame, settings: ReferenceSettings) -> Reason | None:
    """Return the finding that one list_date is a placeholder for unknown days; None where there is no such evidence.

    listings: symbol, list_date of usable instruments.
    """
    known = listings["list_date"].drop_nulls()
    if known.is_empty():
        return None
    day, count = known.value_counts().sort("count", "list_date", descending=[True, False]).row(0)
    if count <= max(settings.always_listed_together, settings.max_listed_together * known.len()):
        return None
    return LISTED_TOGETHER(count=count, stocks=known.len(), date=day)


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
        .select("index", "expected", against=ITS_MEMBERS.column())
    )
    closes = closes.drop_nulls().with_columns(move=pl.col("index_close") / pl.col("previous") - 1)
    of_price_index = closes.select("index", expected="move", against=ITS_PRICE_INDEX.column(index="index"))
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
        detail=INDEX_OFF.column(
            index="index",
            move=(pl.col("move") * 100).round(2),
            previous="previous",
            close="index_close",
            against=Nested("against"),
            expected=(pl.col("expected") * 100).round(2),
        ),
    )


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
            has, by_number = nominal, True
        else:
            has, by_number = max(before.group_by("date").agg(pl.col("symbol").n_unique())["symbol"], default=0), False
        year = before.filter(pl.col("date") >= dates[-1] - dt.timedelta(days=_YEAR))["symbol"]
        ended = {*year} - {*last} - {*priced}
        if has - len(ended) <= last.len() <= has or (last.len() > has and has != nominal):
            if nominal is not None and last.len() < nominal:
                short = VECTOR_SHORT(index=str(index), members=last.len(), nominal=nominal, date=dates[-1])
                rows.append((str(index), None, 1, short.dumps()))
            continue
        previous = before.filter(pl.col("date") == before["date"].max())["symbol"] if before.height else last.clear()
        gone = sorted(set(previous) - set(last))[:_NAMES_SHOWN]
        facts = {"index": str(index), "date": dates[-1], "members": last.len()}
        detail = VECTOR_NOT_THE_INDEX(**facts, nominal=has) if by_number else VECTOR_NOT_AS_BEFORE(**facts, before=has)
        detail = SEVERAL(reasons=(detail, NO_LONGER_MEMBERS(names=gone))) if gone else detail
        rows.append((str(index), 1, None, detail.dumps()))
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
        detail=EQUAL_WEIGHTS.column(members="len", index="index", date="_of"),
    )


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
            MEMBERS_OF_ANOTHER_EXCHANGE(count=elsewhere, index=str(index))
            if 2 * elsewhere >= absent.len()
            else MEMBERS_OF_ANOTHER_INDEX()
        )
        detail = MEMBERS_UNPRICED(
            priced=count, members=own.height, index=str(index), date=own["published_date"][0], percent=100 * share,
            stocks=len(names), names=absent[:_NAMES_SHOWN].to_list(), cause=cause,
        )  # fmt: skip
        critical = not count and index in followed and not (some and len(names) <= _SUBSET * own.height)
        rows.append((str(index), 1 if critical else None, None if critical else 1, detail.dumps()))
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
    detail = INDEX_DATES_SHIFTED(closed=off[-1], trading=gone[-1]).dumps() if off and gone else None
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
    detail = DATES_SHIFTED(
        closed=off[-1], trading=gone[-1], closed_days=len(off), trading_days=len(gone), since=max(since, min(names))
    )
    return pl.DataFrame({"symbol": [None], "detail": [detail.dumps()]}, schema=found.schema)


def turnover_off(judged: pl.DataFrame, share_unit: str | None, settings: ReferenceSettings) -> Reason | None:
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
            if share_unit:
                return TURNOVER_LOW_AS_DECLARED(stocks=turnover.height, median=median, unit=share_unit)
            return TURNOVER_LOW(stocks=turnover.height, median=median)
    if settled.len() >= settings.min_turnover_names:
        median = median_of(settled)
        if median > settings.max_median_turnover:
            return TURNOVER_HIGH(stocks=settled.len(), median=median)
    return None


def market_values(judged: pl.DataFrame, settings: ReferenceSettings) -> Reason | None:
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
    return SHARES_ARE_MARKET_VALUES(alike=alike, stocks=moving.height)
