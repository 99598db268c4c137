"""Decides which delivered reference rows can be used, by rules on single rows and on keys.

Rows that break a rule are set aside with the reason, never dropped silently and never repaired; the checks of the tables count
them. Columns and types are handled by the landing zone (resources/landing.py), the meaning of rows by the other modules here.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from assets.reference.reasons import (
    ANNOUNCED_IN_QUARTER,
    BEIJING,
    CHANGE_TOO_EARLY,
    CHANGE_TOO_LATE,
    CLOSE_ABSENT,
    CODE_GONE,
    DELISTED_BEFORE_LISTED,
    DELISTED_BEFORE_TRADES,
    DIFFERING_ROWS,
    HIGH_BELOW_LOW,
    LISTED_AFTER_TRADES,
    MISSING_OR_NEGATIVE,
    MISSING_OR_NOT_ABOVE_0,
    NEW_CODE_BESIDE_OLD,
    NO_A_SHARE,
    NO_FIGURES,
    NO_MEMBER,
    NO_PART,
    NO_QUARTER_END,
    NO_TRADE,
    NOT_ABOVE_0,
    NOT_IN_CENTS,
    OUTSIDE_RANGE,
    SUPERSEDED,
    UNLISTED,
    VALUE_EMPTY,
    VALUE_INFINITE,
)
from resources.code_changes import REPEATED, Change, CodeChanges
from resources.reasons import Reason, code_column, first_reasons
from resources.reference_forms import NOTES, SYMBOL_FORM, UNREADABLE, VALUE_MISSING
from resources.rulebook import Rulebook

# In cents. A delivered price may have float noise, but a traded price is within a tenth of a cent of a whole cent.
CENT_TOLERANCE = 0.1
PRICES = ("open", "high", "low", "close")
LIMITS = ("limit_up", "limit_down")
HARMLESS = frozenset(
    code.name for code in (NO_A_SHARE, BEIJING, NO_TRADE, NO_FIGURES, REPEATED, NO_PART, SUPERSEDED, UNLISTED)
)
"""The codes of rows that are set aside for no fault of the delivery; they are counted in the notes and not by the checks."""


@dataclass(frozen=True)
class Sifted:
    """Delivered rows, split by whether they can be used.

    usable: rows in the delivered columns. aside: rows with an additional column `reason` (`Reason.dumps`). both: the number of rows in
    both frames, which are used except for one value.
    """

    usable: pl.DataFrame
    aside: pl.DataFrame
    both: int = 0

    @property
    def faults(self) -> pl.DataFrame:
        """The rows that are set aside for a fault of the delivery."""
        return self.aside.filter(~code_column("reason").is_in(list(HARMLESS)).fill_null(False))

    def counts(self) -> dict[Reason, int]:
        """Return reason → number of rows set aside."""
        rows = self.aside.group_by("reason").len().sort("reason").iter_rows()
        return {Reason.loads(reason): count for reason, count in rows}


def _sift(rows: pl.DataFrame, key: Sequence[str], rules: Sequence[tuple[Reason, pl.Expr]]) -> Sifted:
    """Set aside every row for which a condition of `rules` (reason, condition) is true, with the reason of the first.

    Of rows with the same `key`, identical ones are kept once and differing ones are all set aside, since it is unknown which is
    right. NaN counts as missing, and an infinite value is a fault. Values that could not be read (the landing zone's column
    `unreadable`) precede every rule, and rows set aside keep them as delivered.
    """
    floats = [name for name, dtype in rows.schema.items() if dtype.is_float()]
    rules = [*((VALUE_INFINITE(column=name), pl.col(name).is_infinite()) for name in floats), *rules]
    rows = rows.with_columns(cs.float().fill_nan(None))
    unreadable = [pl.col(UNREADABLE)] if UNREADABLE in rows.columns else []
    reason = pl.coalesce(
        *unreadable,
        *(pl.when(condition.fill_null(False)).then(pl.lit(why.dumps(), pl.String)) for why, condition in rules),
    )
    marked = rows.with_columns(reason=reason)
    usable, aside = marked.filter(pl.col("reason").is_null()), marked.filter(pl.col("reason").is_not_null())
    if usable.select(key).is_duplicated().any():
        again = ~usable.select(pl.struct(rows.columns).is_first_distinct()).to_series()
        aside = pl.concat([aside, usable.filter(again).with_columns(reason=REPEATED.column())])
        usable = usable.filter(~again)
        differing = usable.select(key).is_duplicated()
        several = DIFFERING_ROWS(columns=key).dumps()
        aside = pl.concat([aside, usable.filter(differing).with_columns(reason=pl.lit(several))])
        usable = usable.filter(~differing)
    notes = [name for name in NOTES if name in rows.columns]
    return Sifted(usable.drop("reason", *notes), aside.drop(UNREADABLE) if notes else aside)


_FORM = (
    SYMBOL_FORM(column="symbol"),
    ~pl.col("symbol").fill_null("").str.contains(r"^\d{6}\.[A-Z]{2}$"),
)


def _symbol_rules(rules: Rulebook) -> list[tuple[Reason, pl.Expr]]:
    return [_FORM, (BEIJING(), rules.board() == "beijing"), (NO_A_SHARE(), ~rules.is_a_share())]


def sift_daily_prices(rows: pl.DataFrame, rules: Rulebook) -> Sifted:
    """Split the rows of reference/daily_prices. Usable prices are rounded to the cent, since vendors' floats have noise."""
    needed = ("pre_close", *PRICES, "volume", "amount", "is_st")
    off_cent = [((pl.col(name) * 100 - (pl.col(name) * 100).round()).abs() > CENT_TOLERANCE) for name in PRICES]
    low, high = pl.col("low") - 0.005, pl.col("high") + 0.005
    sifted = _sift(
        rows,
        ("date", "symbol"),
        [
            *_symbol_rules(rules),
            (NO_TRADE(), pl.col("volume") == 0),
            (NO_FIGURES(), pl.all_horizontal(pl.col(name).is_null() for name in ("volume", "amount", "open", "high", "low"))),
            *((VALUE_MISSING(column=name), pl.col(name).is_null()) for name in needed),
            *((NOT_ABOVE_0(column=name), ~(pl.col(name) > 0)) for name in ("pre_close", *PRICES, "volume", "amount")),
            *(
                (NOT_ABOVE_0(column=name), pl.col(name).is_not_null() & (pl.col(name) <= 0))
                for name in ("float_shares", "total_shares")
            ),
            (
                NOT_IN_CENTS(),
                pl.any_horizontal(off_cent),
            ),
            (HIGH_BELOW_LOW(), pl.col("high") < pl.col("low")),
            (OUTSIDE_RANGE(), ~(pl.col("open").is_between(low, high) & pl.col("close").is_between(low, high))),
        ],
    )  # fmt: skip
    cents = [pl.col(name).round(2) for name in ("pre_close", *PRICES, *LIMITS)]
    return Sifted(sifted.usable.with_columns(cents), sifted.aside)


def read_limits(usable: pl.DataFrame, no_limit_from: float) -> pl.DataFrame:
    """Return limit_up and limit_down in yuan, null where none was delivered, and unlimited: whether a row declares no limit.

    Vendors declare it by a limit_up of 0, or of `no_limit_from` yuan or more (with a limit_down of 0 or a cent). Where no row of the
    day has a limit, a 0 means that the column was not filled. A negative limit is read as null.
    """
    filled = pl.col("limit_up").is_between(0, no_limit_from, closed="none").any()
    unlimited = ((pl.col("limit_up") == 0) & filled) | (pl.col("limit_up") >= no_limit_from)
    limits = usable.select(*LIMITS, unlimited=unlimited.fill_null(False))
    return limits.with_columns(
        pl.when(~pl.col("unlimited") & (pl.col(name) > 0)).then(name).alias(name) for name in LIMITS
    )


def sift_instruments(rows: pl.DataFrame, rules: Rulebook) -> Sifted:
    """Split the rows of reference/instruments."""
    return _sift(
        rows,
        ("symbol",),
        [
            *_symbol_rules(rules),
            (DELISTED_BEFORE_LISTED(), pl.col("delist_date") < pl.col("list_date")),
        ],
    )


def sift_industries(rows: pl.DataFrame, rules: Rulebook) -> Sifted:
    """Split the rows of reference/industries, without blanks around a name and without the .0 of a whole number."""
    return _sift(
        rows.with_columns(pl.col("industry").str.strip_chars().str.replace(r"^(\d+)\.0+$", "$1")),
        ("symbol", "start_date"),
        [*_symbol_rules(rules), (VALUE_EMPTY(column="industry"), pl.col("industry").fill_null("") == "")],
    )


def sift_fundamentals(rows: pl.DataFrame, rules: Rulebook) -> Sifted:
    """Split the rows of reference/fundamentals. A missing figure is no fault, since net profit or equity may be announced alone.

    Of several rows of one announcement, the one with the highest `version` is used, where versions are known.
    """
    key = ("symbol", "period", "announce_date")
    sifted = _sift(
        rows,
        (*key, "version"),
        [
            *_symbol_rules(rules),
            (
                NO_QUARTER_END(),
                pl.col("period").is_null()
                | (pl.col("period") != pl.col("period").dt.month_end())
                | ~pl.col("period").dt.month().is_in([3, 6, 9, 12]),
            ),
            (ANNOUNCED_IN_QUARTER(), pl.col("announce_date") <= pl.col("period")),
        ],
    )
    version = pl.col("version").fill_null(-(2**62))
    latest = sifted.usable.select(version == version.max().over(key)).to_series()
    older = sifted.usable.filter(~latest).with_columns(reason=SUPERSEDED.column())
    return Sifted(sifted.usable.filter(latest), pl.concat([sifted.aside, older], how="diagonal"))


def sift_index_weights(rows: pl.DataFrame, rules: Rulebook, followed: Sequence[str] = ()) -> Sifted:
    """Split the rows of reference/index_weights. followed: the indices whose members are A-shares, Beijing's included."""
    foreign = ~rules.is_a_share() & ~pl.col("symbol").str.ends_with(".BJ")
    return _sift(
        rows,
        ("index", "date", "symbol"),
        [
            _FORM,
            (VALUE_EMPTY(column="index"), pl.col("index").fill_null("") == ""),
            (NO_MEMBER(), pl.col("index").is_in(list(followed)) & foreign),
            (MISSING_OR_NEGATIVE(column="weight"), ~(pl.col("weight") >= 0).fill_null(False)),
        ],
    )


def sift_index_prices(rows: pl.DataFrame) -> Sifted:
    """Split the rows of reference/index_prices."""
    return _sift(
        rows,
        ("index", "date"),
        [
            (VALUE_EMPTY(column="index"), pl.col("index").fill_null("") == ""),
            (MISSING_OR_NOT_ABOVE_0(column="close"), ~(pl.col("close") > 0).fill_null(False)),
        ],
    )


def set_aside_unlisted(sifted: Sifted, traded_since: Mapping[str, dt.date]) -> Sifted:
    """Set aside also the usable rows of reference/instruments whose list_date is after the first trade in daily_prices.

    traded_since: code → the first day of trading, up to the day, under any code that the stock has had.
    """
    first = pl.col("symbol").replace_strict(dict(traded_since), default=None, return_dtype=pl.Date)
    marked = sifted.usable.with_columns(_first=first)
    wrong = (marked["_first"] < marked["list_date"]).fill_null(False)
    reason = LISTED_AFTER_TRADES.column(list_date="list_date", first="_first")
    bad = marked.filter(wrong).with_columns(reason=reason).drop("_first")
    return Sifted(sifted.usable.filter(~wrong), pl.concat([sifted.aside, bad], how="diagonal"))


def without_false_ends(sifted: Sifted, traded_after: Mapping[str, dt.date]) -> Sifted:
    """Remove the delist_date of usable rows of reference/instruments whose stock traded after it, and list them as set aside too.

    traded_after: code → its first day of trading after delist_date, up to the day.
    """
    late = pl.col("symbol").replace_strict(dict(traded_after), default=None, return_dtype=pl.Date)
    wrong = sifted.usable.select((late > pl.col("delist_date")).fill_null(False).alias("wrong")).to_series()
    if not wrong.any():
        return sifted
    reason = DELISTED_BEFORE_TRADES.column(delist_date="delist_date", first=late)
    bad = sifted.usable.filter(wrong).with_columns(reason=reason)
    kept = sifted.usable.with_columns(delist_date=pl.when(~wrong).then("delist_date"))
    return Sifted(kept, pl.concat([sifted.aside, bad], how="diagonal"), bad.height)


def with_unlisted(sifted: Sifted, unlisted: pl.Series) -> Sifted:
    """List stocks that trade and are in no usable row of reference/instruments among the rows set aside."""
    known = sifted.aside["symbol"].drop_nulls().to_list()
    rows = unlisted.filter(~unlisted.is_in(known)).alias("symbol").to_frame().with_columns(reason=UNLISTED.column())
    return Sifted(sifted.usable, pl.concat([sifted.aside, rows], how="diagonal"), sifted.both)


def with_closes_missing(sifted: Sifted, earlier: pl.DataFrame, date: dt.date) -> Sifted:
    """List indices with a close of the trading day before (`earlier`) and none of the day among the rows set aside."""
    there = pl.concat([sifted.usable["index"], sifted.aside["index"]]).drop_nulls().to_list()
    gone = earlier.filter(~pl.col("index").is_in(there)).select(
        pl.lit(date).alias("date"),
        "index",
        reason=CLOSE_ABSENT.column(),
    )
    return Sifted(sifted.usable, pl.concat([sifted.aside, gone], how="diagonal"))


def set_aside_where(sifted: Sifted, judged: pl.DataFrame, rules: Sequence[tuple[pl.Expr, pl.Expr]]) -> Sifted:
    """Set aside also the usable rows for which a condition of `rules` (condition, reason) is true, with the reason of the first.

    judged: the usable rows in their order, with the further columns that the rules use.
    """
    why = first_reasons(judged, rules)
    bad = sifted.usable.with_columns(reason=why).filter(why.is_not_null())
    return Sifted(sifted.usable.filter(why.is_null()), pl.concat([sifted.aside, bad], how="diagonal"))


def set_aside_gone(sifted: Sifted, gone: Mapping[str, Change]) -> Sifted:
    """Set aside the usable rows of a day whose code was changed before (`gone`), since they contradict the change."""
    if not gone:
        return sifted
    reasons = {old: CODE_GONE(new=change.new, date=change.date).dumps() for old, change in gone.items()}
    reason = pl.col("symbol").replace_strict(reasons, default=None, return_dtype=pl.String)
    marked = sifted.usable.with_columns(reason=reason)
    bad = marked.filter(pl.col("reason").is_not_null())
    return Sifted(sifted.usable.filter(marked["reason"].is_null()), pl.concat([sifted.aside, bad], how="diagonal"))


def sift_code_changes(changes: CodeChanges, traded: Mapping[str, Sequence[dt.date]]) -> Sifted:
    """Split the rows of reference/code_changes known by a day, with a column `symbol` (the old code).

    traded: code → the days on which it traded in daily_prices, ascending, up to the day. These rows are set aside: rows that conflict
    with themselves or each other (`sift_changes`); changes into a code that traded before, since another stock last had it, because
    `Renames.void` would exclude those rows from every window; and changes dated on or before a day on which the old code still
    traded, because its rows from that date on would be lost. (Rows of the old code beside those of the new code are doubles, and no
    fault of the change.) A change of a stock that daily_prices does not contain has no effect and is no fault.
    """
    usable, aside = [], []
    for change in changes.changes:
        row = (change.old, change.new, change.date, change.ratio, change.merger)
        free = max(
            (one.date for one in changes.changes if one.old == change.new and one.date <= change.date),
            default=dt.date.min,
        )
        early = [day for day in traded.get(change.new, ()) if free <= day < change.date]
        if early and not change.merger:
            aside.append((*row, _traded_early(change, early[0], traded.get(change.old, ())).dumps()))
        elif late := _traded_late(change, changes, traded):
            aside.append((*row, late.dumps()))
        elif not (own := traded.get(change.old)) or own[0] >= change.date:
            aside.append((*row, NO_PART().dumps()))
        else:
            usable.append(row)
    found = pl.DataFrame(aside, schema=changes.aside.schema, orient="row")
    symbol = pl.col("old").alias("symbol")
    return Sifted(
        pl.DataFrame(usable, schema=changes.aside.drop("reason").schema, orient="row").with_columns(symbol),
        pl.concat([changes.aside, found]).with_columns(symbol),
    )


def _traded_early(change: Change, first: dt.date, old: Sequence[dt.date]) -> Reason:
    """Return the reason for a new code that traded before the change, first on `first`. old: the days on which the old code traded."""
    beside = any(first <= day < change.date for day in old)
    code = NEW_CODE_BESIDE_OLD if beside else CHANGE_TOO_LATE
    return code(old=change.old, new=change.new, date=change.date, first=first)


def _traded_late(change: Change, changes: CodeChanges, traded: Mapping[str, Sequence[dt.date]]) -> Reason | None:
    """Return the reason for a date that is too early, since the old code still traded on it or later; None where it did not.

    In a change of code, days from the first day of the new code on are not counted. Nor are days on which a later change, or one
    of the same day, has given the old code to another stock.
    """
    own = traded.get(change.old, ())
    taken = (one.date for one in changes.changes if one.new == change.old and not one.merger)
    until = min((date for date in taken if date >= change.date), default=dt.date.max)
    if not change.merger:
        until = min(until, min((day for day in traded.get(change.new, ()) if day >= change.date), default=until))
    late = [day for day in own if change.date <= day < until]
    return CHANGE_TOO_EARLY(old=change.old, date=change.date, days=len(late), last=late[-1]) if late else None
