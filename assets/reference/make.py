"""One day of daily_prices, securities and indices: the landing zone's reference tables put together.

Here is only the putting together; the rules of rows stand in listing.py, limits.py, fundamentals.py and validate.py, those of the
exchanges in the rulebook.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from assets.catalogue import PORTFOLIOS
from assets.reference.announcements import (
    RisingYears,
    amounts_in_other_units,
    equity_jumps,
    fourth_quarters_off,
    largest_profits,
    names_in_other_units,
    placeholder_announcements,
    profits_without_a_quarter_before,
    rising_profits,
    rising_profits_by_year,
    share_bounds,
    trailing_profits,
)
from assets.reference.copies import YEAR, copied_columns, ex_dates_lacking, pre_closes_off
from assets.reference.diagnosis import (
    contradictions,
    equal_weights,
    index_gaps,
    listed_at_start,
    listed_together,
    market_values,
    members_lost,
    members_without_prices,
    range_faults,
    same_as,
    share_faults,
    share_jumps,
    shifted_prices,
    strange_days,
    turnover_off,
    undeclared_changes,
    unmatched_changes,
    vwap_bounds,
)
from assets.reference.fundamentals import latest_fundamentals
from assets.reference.index_moves import StrayIndices, stray_indices
from assets.reference.late_shares import late_shares, with_late_shares
from assets.reference.limits import limits_in_force, limits_refused
from assets.reference.listing import delisting_days, listed_days
from assets.reference.reasons import (
    DAY_IS_EMPTY,
    NO_FIRST_DAYS,
    NO_MEMBERSHIP_YET,
    NO_ROW_OF_DAY,
    NO_VECTOR_YET,
    NO_WEIGHTS_YET,
    NOT_DELIVERED,
    NOTHING_ANNOUNCED,
)
from assets.reference.validate import (
    LIMITS,
    NO_PART,
    Sifted,
    set_aside_gone,
    set_aside_unlisted,
    set_aside_where,
    sift_code_changes,
    sift_daily_prices,
    sift_fundamentals,
    sift_index_prices,
    sift_index_weights,
    sift_industries,
    sift_instruments,
    with_closes_missing,
    with_unlisted,
    without_false_ends,
)
from resources.calendar import Calendar
from resources.gate import DETAIL
from resources.made import Made
from resources.parquet import encode
from resources.partition import Frames, Partition
from resources.reasons import Reason, counted_reasons
from resources.rounding import rounding_of
from resources.rulebook import Rulebook
from resources.settings.reference import ReferenceSettings
from resources.values import median_of

SET_ASIDE = "set_aside.parquet"
CHANGES_SHOWN = 20  # changes of codes spelled out in the notes
CODES_SHOWN = 10  # codes of indices spelled out in a message
_WIDER = 1.5  # the bound of a share of years of which three quarters are known
_NEARLY_EVERY, _HARDLY_ANY = (
    0.98,
    0.05,
)  # of the names inside and outside the indices whose members alone have an industry
_MANY = 100  # names from which industries are counted
UNKNOWN = "unknown"  # the industry of a name without one
# How far back a suspended name's last prices are looked for, step by step, in calendar days: most are found at once.
LOOK_BACKS = (40, 400)


def _empty(schema: Mapping[str, Any], reason: Reason) -> Made:
    return Made(pl.DataFrame(schema=schema), unavailable=dict.fromkeys(schema, reason))


def _set_aside(sifted: Mapping[str, Sifted]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The side file and the note on rows set aside, over all tables; both empty where every row was used."""
    aside = {table: one for table, one in sifted.items() if one.aside.height}
    if not aside:
        return {}, {}
    rows = pl.concat(
        [one.aside.select(pl.lit(table).alias("table"), pl.all()) for table, one in aside.items()],
        how="diagonal_relaxed",
    )
    return {SET_ASIDE: encode(rows)}, {"set_aside": {table: one.counts() for table, one in aside.items()}}


# --- daily_prices -------------------------------------------------------------------------------------------------------

DAILY_PRICES = {
    "date": pl.Date,
    "symbol": pl.String,
    "pre_close": pl.Float64,
    "open": pl.Float64,
    "high": pl.Float64,
    "low": pl.Float64,
    "close": pl.Float64,
    "volume": pl.Int64,
    "amount": pl.Float64,
    "float_shares": pl.Int64,
    "total_shares": pl.Int64,
    "is_st": pl.Boolean,
    "limit_up": pl.Float64,
    "limit_down": pl.Float64,
    "vwap": pl.Float64,
}


def make_daily_prices(frames: Frames, partition: Partition, settings: ReferenceSettings) -> Made:
    """The day's usable rows of reference/daily_prices, with limit prices and VWAP; no row = suspended.

    is_st: ST as delivered, or in the delisting period (`delisting_days`). The limit prices tell the two apart.
    """
    date, calendar, rules = partition.date, partition.calendar, partition.rules
    landing: Any = partition.landing
    delivered = landing.reference("daily_prices")
    if delivered is None:
        return _empty(DAILY_PRICES, NOT_DELIVERED(table="daily_prices"))
    history = delivered.collect()  # a slice of the landing zone's frame: nothing is copied
    first, end = (history["date"].search_sorted(date, side=side) for side in ("left", "right"))
    rows, before = history[first:end], history[:first]
    shifted = shifted_prices(history, date, calendar)
    if rows.is_empty():
        made = _empty(DAILY_PRICES, NO_ROW_OF_DAY(table="daily_prices", date=date))
        profile = _daily_prices_profile(
            date, pl.DataFrame(schema=DAILY_PRICES), sift_daily_prices(rows, rules), _no_parts_aside(), 0, settings
        )
        return replace(made, profile=_with_findings(profile, shifted, date, "dates_shifted"))
    changes = landing.code_changes()
    sifted = set_aside_gone(sift_daily_prices(rows, rules), changes.gone(date))
    instruments = landing.reference("instruments")
    traded_since = {} if instruments is None else changes.first_days(landing.first_traded(), date)
    rounding = rounding_of(
        sifted.usable["volume"], sifted.usable["amount"], "daily_prices", landing.declared("daily_prices")
    )
    judged = _judged_prices(sifted.usable, before, instruments, date, traded_since, calendar, rules, settings)
    judged = judged.with_columns(**vwap_bounds(rounding))
    refused = limits_refused(judged, settings)  # of every row: limits of another day set most of them aside
    columns = [
        pre_closes_off(judged, calendar.previous_day(date), settings),
        copied_columns(judged, settings),
        ex_dates_lacking(
            history[:end], calendar.days(calendar.offset(date, -min(YEAR, calendar.index(date))), date), settings
        ),
    ]
    sifted = set_aside_where(
        sifted, judged, [*range_faults(settings), *contradictions(settings, landing.declared("daily_prices"))]
    )
    judged = judged.join(sifted.usable.select("symbol"), on="symbol", how="semi", maintain_order="left")
    judged, parts = _judged_parts(judged, refused, settings)
    frame = judged.with_columns(vwap=_vwap(), is_st=pl.col("is_st") | pl.col("delisting_day").is_not_null()).select(
        *DAILY_PRICES
    )
    unavailable = {
        column: NO_FIRST_DAYS(column=column)
        for column in LIMITS
        if instruments is None and frame[column].null_count() == frame.height
    }
    yesterday = before.filter(pl.col("date") == calendar.previous_day(date)) if before.height else before
    priced = yesterday.filter(pl.col("volume") > 0)["symbol"].n_unique()
    unfilled = judged.filter(pl.col("limit_not_filled") == 1)["symbol"]
    whole = pl.concat([sifted.aside, parts.faults, parts.missing, parts.limits], how="diagonal_relaxed")
    told = {"daily_prices": Sifted(sifted.usable, whole)}
    share_unit = landing.declared("daily_prices").get("landing.daily_prices.share_unit")
    columns.append(market_values(judged, settings) or turnover_off(judged, share_unit, settings))
    found = [text for text in columns if text]
    profile = _daily_prices_profile(date, frame, sifted, parts, priced, settings, unfilled, found)
    profile = _with_findings(profile, shifted, date, "dates_shifted") if shifted.height else profile
    if changes or changes.aside.height:
        traded, begins = landing.traded_days(), history["date"].min()
        told["code_changes"] = sift_code_changes(changes, traded)
        profile = _with_changes(profile, told["code_changes"], date)
        unmatched = unmatched_changes(told["code_changes"].aside, traded, begins, NO_PART)
        profile = _with_findings(profile, unmatched, date, "unmatched_change") if unmatched.height else profile
    renamed = undeclared_changes(sifted.usable, before, landing.first_traded(), changes, date)
    if renamed.height:
        profile = _with_findings(profile, renamed, date, "undeclared_change")
    files, notes = _set_aside(told)
    if renamed.height:
        notes["changed_codes"] = renamed["detail"].to_list()
    if unfilled.len():
        notes["limits"] = (
            f"limit_up of {unfilled.len()} of {judged.height} names says no limit against the rule, which holds"
        )
    return Made(frame, profile, files, unavailable, notes)


@dataclass(frozen=True)
class _PartsAside:
    """Rows that count, but for their share counts or limits; they hold the counts as delivered, and a reason. missing: a count was
    not delivered. faults: a count contradicts the row. late: how many of these are counts of before an ex-date. jumps: how many names' shares differ from the last day's without a split in
    the price. example: one of these in words. limits: delivered limits are not the rule's. limits_refused: the sentence that
    refuses the day for them; None where single names differ at most."""

    missing: pl.DataFrame
    faults: pl.DataFrame
    late: int
    jumps: int
    example: str
    limits: pl.DataFrame
    limits_refused: str | None


def _no_parts_aside() -> _PartsAside:
    none = pl.DataFrame(schema={"date": pl.Date, "symbol": pl.String, "reason": pl.String})
    return _PartsAside(none, none, 0, 0, "", none, None)


def _vwap() -> pl.Expr:
    """amount / volume; where both are rounded so far that it leaves the day's range, and it may lie inside, the end of the range."""
    vwap = pl.col("amount") / pl.col("volume")
    explained = (pl.col("least_vwap") <= pl.col("high")) & (pl.col("most_vwap") >= pl.col("low"))
    rounded = pl.col("least_vwap") < pl.col("most_vwap")
    return pl.when(rounded & explained).then(vwap.clip(pl.col("low"), pl.col("high"))).otherwise(vwap)


def _judged_parts(
    judged: pl.DataFrame, refused: str | None, settings: ReferenceSettings
) -> tuple[pl.DataFrame, _PartsAside]:
    """The rows with null share counts where these contradict the row, and the rows whose shares or delivered limits are at fault, with
    the reasons. judged: with the limits in force. refused: what `limits_refused` says of the day."""
    shares = ("total_shares", "float_shares")
    missing = pl.coalesce(
        pl.when(pl.col(name).is_null()).then(pl.lit(f"{name} is missing: the row counts without it")) for name in shares
    )
    rules = [late_shares(settings), *share_faults(settings)]
    fault = pl.coalesce(pl.when(holds).then(sentence) for holds, sentence in rules)
    judged = judged.with_columns(_fault=fault, _missing=missing, _jump=share_jumps(settings))
    jumps = judged.filter("_jump").with_columns(
        _told=pl.format("{}: {} after {}", "symbol", "total_shares", "last_shares")
    )
    kept = judged.with_columns(pl.when(pl.col("_fault").is_null()).then(name).alias(name) for name in shares)
    absent, contradicted, limits = (
        judged.filter(pl.col(why).is_not_null()).select(*(n for n in DAILY_PRICES if n in judged.columns), reason=why)
        for why in ("_missing", "_fault", "limits_off")
    )
    example = jumps["_told"][0] if jumps.height else ""
    return kept, _PartsAside(
        absent, contradicted, int(judged["shares_late"].sum()), jumps.height, example, limits, refused
    )


def _judged_prices(
    usable: pl.DataFrame,
    before: pl.DataFrame,
    instruments: pl.LazyFrame | None,
    date: dt.date,
    traded_since: Mapping[str, dt.date],
    calendar: Calendar,
    rules: Rulebook,
    settings: ReferenceSettings,
) -> pl.DataFrame:
    """The day's usable rows with what the rules of diagnosis.contradictions judge, limit prices in force among it."""
    frame = usable
    if instruments is None:
        frame = frame.with_columns(pl.lit(None, pl.Date).alias(name) for name in ("list_date", "delisting_start"))
    else:
        listings = set_aside_unlisted(sift_instruments(instruments.collect(), rules), traded_since).usable
        known = listings.select("symbol", "list_date", "delisting_start")
        frame = frame.join(known, on="symbol", how="left", maintain_order="left")
    frame = frame.with_columns(
        board=rules.board(),
        listed_days=listed_days(frame["list_date"], date, calendar),
        delisting_day=delisting_days(frame, date, calendar),
        first_day=pl.lit(before.is_empty()),
    )
    frame = limits_in_force(frame, rules, settings)
    older = frame.filter(pl.col("listed_days").fill_null(2) > 1)["symbol"]
    last = _last_rows(before, older, date, rules).select(
        "symbol", last_date="date", last_close="close", last_shares="total_shares"
    )
    # A day that the whole table lacks hides closes: what lies before it says nothing of today's pre_close.
    priced = set(before["date"].unique().to_list())
    holes = [day for day in calendar.days(min(priced), date)[:-1] if day not in priced] if priced else []
    last = last.filter(pl.col("last_date") > max(holes)) if holes else last
    frame = frame.join(last, on="symbol", how="left", maintain_order="left")
    earliest = calendar.offset(date, -min(settings.late_share_days, calendar.index(date)))
    frame = with_late_shares(frame, before, calendar.days(earliest, date)[:-1], settings)
    return frame.join(same_as(frame), on="symbol", how="left", maintain_order="left")


def _daily_prices_profile(
    date: dt.date,
    frame: pl.DataFrame,
    sifted: Sifted,
    parts: _PartsAside,
    priced_before: int,
    settings: ReferenceSettings,
    unfilled: pl.Series | None = None,
    found: Sequence[str] = (),
) -> pl.DataFrame:
    """What the checks judge: the rows kept (`set_aside` 0, reason "used"), those set aside for a fault (numbered), and one row
    about the day: how many names are priced, whether too many are lost or set aside.

    priced_before: names that traded on the trading day before; 0 where that day is not known. unfilled: symbols whose
    delivered limits were not filled. found: what refuses the day as a whole, a sentence each (copies.py, `market_values`, `turnover_off`).
    """
    unfilled = pl.Series(dtype=pl.String) if unfilled is None else unfilled
    outside = pl.max_horizontal(
        pl.col("high") - pl.col("limit_up"), pl.col("limit_down") - pl.col("low"), pl.lit(0.0)
    ).round(2)
    kept = frame.with_columns(
        outside_limits=outside,
        day_range=pl.col("high") - pl.col("low"),
        vwap_outside=pl.max_horizontal(pl.col("vwap") - pl.col("high"), pl.col("low") - pl.col("vwap"), pl.lit(0.0)),
        limit_not_filled=pl.col("symbol").is_in(unfilled.implode()).cast(pl.Int64),
        set_aside=pl.lit(0, pl.Int64),
        reason=pl.lit("used"),
    )
    # Nothing but the fault is judged of such a row: what must not be null elsewhere is filled.
    told = pl.concat([rows.select("date", "symbol", "reason") for rows in (sifted.faults, parts.faults, parts.limits)])
    faults = told.with_columns(
        total_shares=pl.lit(1, pl.Int64),
        float_shares=pl.lit(1, pl.Int64),
        set_aside=pl.int_range(1, told.height + 1, dtype=pl.Int64),
    )
    day = _judged_day(date, frame, sifted, parts, priced_before, settings, found)
    return pl.concat([kept, faults, day], how="diagonal_relaxed")


def _judged_day(
    date: dt.date,
    frame: pl.DataFrame,
    sifted: Sifted,
    parts: _PartsAside,
    priced_before: int,
    settings: ReferenceSettings,
    found: Sequence[str],
) -> pl.DataFrame:
    rows = frame.height + sifted.faults.height
    gone = priced_before - frame.height
    lost = frame.height > 0 and gone > settings.max_names_lost * priced_before + settings.always_set_aside
    detail = []
    if lost:
        detail.append(
            f"{frame.height} names have a price, {priced_before} had one on the trading day before: a part of the day's rows is lost"
        )
    # Where every row is at fault the day is not lacking: the reasons say what it is.
    all_at_fault = frame.is_empty() and rows > 0
    if too_many := all_at_fault or _too_many(sifted.faults.height, rows, settings):
        detail.append(f"{sifted.faults.height} of {rows} rows are set aside")
    if too_many or frame.is_empty():
        detail += counted_reasons(sifted.aside, "reason", "symbol")
    late = parts.late > max(settings.always_set_aside, settings.max_late_shares * rows)
    if late or _too_many(parts.faults.height - parts.late, rows, settings):
        detail.append(f"the share counts of {parts.faults.height} of {rows} rows contradict themselves")
        detail += counted_reasons(parts.faults, "reason", "symbol")
        too_many = True
    elif _too_many(parts.jumps, rows, settings):
        detail.append(
            f"total_shares of {parts.jumps} of {rows} names differ from those of the last day, and their prices show no split "
            f"({parts.example}): they are in another unit. Deliver shares, or declare landing.daily_prices.share_unit"
        )
        too_many = True
    if found:
        detail = [*found, *detail]  # the likelier cause of rows that are set aside
        too_many = True
    special = int(frame["is_st"].sum())
    judged = frame.height >= settings.min_st_names or special == frame.height  # a zone of few names may be half of them
    if not special and frame.height >= settings.market_names:
        detail.append(
            f"is_st is true of none of {frame.height} names, and a market of so many has some: the column was not filled. Deliver it"
        )
        too_many = True
    if judged and special > max(settings.always_set_aside, settings.max_st_share * frame.height):
        detail.append(
            f"is_st is true of {special} of {frame.height} names: the column says something else. Deliver it for ST names alone"
        )
        too_many = True
    if parts.limits_refused:
        detail.append(parts.limits_refused)
    told = f"{date}: {'; '.join(detail)}" if detail else None
    return pl.DataFrame(
        {
            "date": [date],
            "names_priced": [None if all_at_fault else frame.height],
            "names_lost": [int(lost)],
            "too_many_set_aside": [int(too_many)],
            "limits_refused": [int(parts.limits_refused is not None)],
            "changes_aside": [0],
            "undeclared_change": [0],
            "dates_shifted": [0],
            "unmatched_change": [0],
            "total_shares": [1],
            "float_shares": [1],
            "set_aside": [-1],
            "reason": ["used"],
            "detail": [told],
        },
        schema_overrides={"names_priced": pl.Int64, "detail": pl.String},
    )


def _with_changes(profile: pl.DataFrame, changes: Sifted, date: dt.date) -> pl.DataFrame:
    """The profile with one row more for each reason for which changes of codes can't be used: `changes_aside` 1."""
    faults = _faults({"code_changes": changes}).select("symbol", detail="reason")
    return _with_findings(profile, faults, date, "changes_aside")


def _in_words(changes: Sifted) -> list[str]:
    """The changes of codes that take part, for the notes: "600129.SH → 601990.SH, 2023-05-10", the last ones first."""
    rows = changes.usable.sort("date", "old", descending=[True, False]).select("old", "new", "date").rows()
    said = [f"{old} → {new}, {date}" for old, new, date in rows[:CHANGES_SHOWN]]
    return said + [f"and {len(rows) - CHANGES_SHOWN} earlier ones"] * (len(rows) > CHANGES_SHOWN)


def _with_findings(profile: pl.DataFrame, findings: pl.DataFrame, date: dt.date, column: str) -> pl.DataFrame:
    """The profile with one row more for each of `findings` (symbol, detail), in which `column` is 1."""
    # A finding is judged by a check of its own: what others judge is filled.
    least = min(0, *profile["set_aside"].to_list())
    rows = findings.select(
        "symbol", "detail", date=pl.lit(date), reason=pl.lit("used"), total_shares=pl.lit(1, pl.Int64),
        float_shares=pl.lit(1, pl.Int64), set_aside=least - 1 - pl.int_range(pl.len()), **{column: pl.lit(1, pl.Int64)},
    )  # fmt: skip
    return pl.concat([profile, rows], how="diagonal_relaxed")


def _too_many(faults: int, rows: int, settings: ReferenceSettings) -> bool:
    return faults > max(settings.always_set_aside, settings.max_set_aside_share * rows)


# --- securities ---------------------------------------------------------------------------------------------------------

SECURITIES = {
    "date": pl.Date,
    "symbol": pl.String,
    "board": pl.String,
    "listed_days": pl.Int32,
    "is_st": pl.Boolean,
    "traded": pl.Boolean,
    "limit_up": pl.Float64,
    "limit_down": pl.Float64,
    "industry": pl.String,
    "last_close": pl.Float64,
    "total_shares": pl.Int64,
    "float_shares": pl.Int64,
    "total_mv": pl.Float64,
    "float_mv": pl.Float64,
    "equity": pl.Float64,
    "net_profit": pl.Float64,
    "profitability": pl.Float64,
    "profitability_year_ago": pl.Float64,
    "in_universe": pl.Boolean,
}
DELIVERED = ("largest_profit", "profits")  # of a name's last eight quarters: the largest, sign apart, and how many
_FOUND_IN = {
    "listed_at_start": "instruments",
    "industries_lacking": "industries",
}  # the table that a finding speaks of, where it is not fundamentals
FUNDAMENTALS = ("equity", "net_profit", "profitability", "profitability_year_ago")


def make_securities(frames: Frames, partition: Partition, settings: ReferenceSettings) -> Made:
    """One row per name listed on the day, with what was known of it at the close.

    Listed: list_date ≤ day, and not yet delisted (a name that still trades on its delist_date is listed on it). A name that
    trades without a row in reference/instruments is listed too, but its listed_days are unknown and it is not in U(t).
    Without reference/instruments listed names are those that have traded so far; listed_days and in_universe are n/a.
    """
    date, calendar, rules = partition.date, partition.calendar, partition.rules
    landing: Any = partition.landing
    unavailable, today = partition.unavailable, frames["daily_prices"].collect()
    if today.is_empty():
        reason = unavailable.get("daily_prices", {}).get("close", DAY_IS_EMPTY(table="daily_prices", date=date))
        return _empty(SECURITIES, reason)
    reasons: dict[str, Reason] = {}
    sifted: dict[str, Sifted] = {}
    prices = landing.reference("daily_prices").collect()  # a slice of the landing zone's frame: nothing is copied
    changes = landing.code_changes()
    names = _listed_names(today, prices, landing, date, sifted, reasons, rules)
    names = names.filter(~pl.col("symbol").is_in(list(changes.gone(date))))
    suspended = _last_rows(prices, names.join(today, on="symbol", how="anti")["symbol"], date, rules)
    shown = ("symbol", "close", "float_shares", "total_shares", "is_st")
    declared = [column for column in ("is_delisting", "name") if column in suspended.columns]
    last = pl.concat(
        [
            today.select(*shown, "limit_up", "limit_down", traded=pl.lit(True)),
            suspended.select(
                *shown,
                *declared,
                limit_up=pl.lit(None, pl.Float64),
                limit_down=pl.lit(None, pl.Float64),
                traded=pl.lit(False),
            ),
        ],
        how="diagonal",
    )
    frame = names.join(last, on="symbol", how="left", maintain_order="left")
    leaving = delisting_days(frame, date, calendar).is_not_null()
    frame = frame.with_columns(is_st=pl.col("is_st") | leaving)
    frame = frame.join(_industries(landing, date, sifted, reasons, rules), on="symbol", how="left")
    delivered = _fundamentals(landing, date, prices, sifted, reasons, rules, settings)
    frame = frame.join(delivered, on="symbol", how="left")
    days = listed_days(frame["list_date"], date, calendar)
    frame = frame.with_columns(
        date=pl.lit(date),
        board=rules.board(),
        listed_days=days,
        traded=pl.col("traded").fill_null(False),
        industry=pl.col("industry").fill_null(UNKNOWN),
        last_close="close",
        total_mv=pl.col("close") * pl.col("total_shares"),
        float_mv=pl.col("close") * pl.col("float_shares"),
    )
    member = pl.col("traded") & ~pl.col("is_st") & (pl.col("listed_days") >= settings.min_listed_days)
    known = pl.lit("in_universe" not in reasons)
    frame = frame.with_columns(in_universe=pl.when(known).then(member.fill_null(False))).sort("symbol")
    other_unit = amounts_in_other_units(
        frame.select("total_mv", equity="delivered_equity", net_profit="delivered_profit"),
        settings,
        landing.declared("daily_prices").get("landing.daily_prices.share_unit"),
        _median_turnover(today),
    )
    if "fundamentals" in sifted and other_unit is None:
        strange = names_in_other_units(frame, settings)
        own = (
            sifted["fundamentals"].usable.select("symbol").join(strange, on="symbol", how="left", maintain_order="left")
        )
        rule = (pl.col("reason").is_not_null(), pl.col("reason"))
        sifted["fundamentals"] = set_aside_where(sifted["fundamentals"], own, [rule])
        sound = ~pl.col("symbol").is_in(strange["symbol"].implode())
        frame = frame.with_columns(pl.when(sound).then(name).alias(name) for name in FUNDAMENTALS)
    frame = frame.select(*SECURITIES)
    files, notes = _set_aside(sifted)
    notes |= {
        "listed": frame.height,
        "traded": int(frame["traded"].sum()),
        "in_universe": int(frame["in_universe"].sum()),
        "negative_equity": int((frame["equity"] <= 0).sum()),
        **({"code_changes": _in_words(sift_code_changes(changes, landing.traded_days()))} if changes else {}),
    }
    findings = {"other_unit": other_unit}
    if "instruments" in sifted:
        at_start = prices[: prices["date"].search_sorted(prices["date"][0], side="right")]
        listings = sifted["instruments"].usable
        findings["listed_at_start"] = listed_at_start(listings, at_start, settings) or listed_together(
            listings, settings
        )
    if "industries" in sifted and "industry" not in reasons:
        findings["industries_lacking"] = industries_lacking(frame, lambda: _last_members(landing), settings)
    if "fundamentals" in sifted:
        parted = landing.declared("fundamentals").get("landing.fundamentals.profits") == "year_to_date"
        found = rising_profits(sifted["fundamentals"].usable, date, settings, parted=parted)
        by_year = rising_profits_by_year(sifted["fundamentals"].usable, date, settings, parted=parted)
        mixed = profits_mixed(by_year, parted, settings)
        rising = mixed or profits_off(found, parted, settings)
        fourth, fourth_doubt = fourth_quarters_off(sifted["fundamentals"].usable, date, settings)
        off = (
            (rising or fourth) if parted else (fourth or rising)
        )  # singles that are parted rise where the fourth one is large
        if not parted and off is None:
            lacking, profits = profits_without_a_quarter_before(sifted["fundamentals"].usable, date)
            off = _quarters_lacking(lacking, profits, settings)
        trailing, trailing_doubt = None, None
        if off is None and other_unit is None:
            figures = frame.select("equity", "net_profit")
            trailing, trailing_doubt = trailing_profits(sifted["fundamentals"].usable, figures, date, settings)
        findings["rising_profits"] = off or trailing
        findings["placeholder_dates"] = placeholder_announcements(sifted["fundamentals"].usable, date, settings)
        doubts = (_profits_doubtful(found, parted, settings), fourth_doubt, trailing_doubt)
        findings["doubtful_profits"] = None if off or trailing else next(filter(None, doubts), None)
    return Made(frame, _securities_profile(frame, sifted, findings, settings), files, reasons, notes)


def _median_turnover(today: pl.DataFrame) -> float | None:
    """The median of volume / float_shares of the day; None where no name has both."""
    turnover = (today["volume"] / today["float_shares"]).drop_nulls()
    return median_of(turnover) if turnover.len() else None


def _listed_names(
    today: pl.DataFrame,
    prices: pl.DataFrame,
    landing: Any,
    date: dt.date,
    sifted: dict[str, Sifted],
    reasons: dict[str, Reason],
    rules: Rulebook,
) -> pl.DataFrame:
    """symbol, list_date and delisting_start of each listed name, in the order of symbols."""
    instruments = landing.reference("instruments")
    if instruments is None:
        reasons |= dict.fromkeys(("listed_days", "in_universe"), NOT_DELIVERED(table="instruments"))
        traded = prices.select("symbol").unique().filter(rules.is_a_share())
        names = pl.concat([traded, today.select("symbol")]).unique().sort("symbol")
        return names.with_columns(pl.lit(None, pl.Date).alias(name) for name in ("list_date", "delisting_start"))
    first = landing.code_changes().first_days(landing.first_traded(), date)
    listings = set_aside_unlisted(sift_instruments(instruments.collect(), rules), first)
    sifted["instruments"] = without_false_ends(listings, landing.traded_after_end())
    known = sifted["instruments"].usable.filter(pl.col("list_date") <= date)
    trades = pl.col("symbol").is_in(today["symbol"].to_list())
    listed = known.filter(pl.col("delist_date").is_null() | (pl.col("delist_date") > date) | trades)
    unlisted = today.join(listed, on="symbol", how="anti").select("symbol")
    sifted["instruments"] = with_unlisted(sifted["instruments"], unlisted["symbol"])
    return pl.concat([listed.select("symbol", "list_date", "delisting_start"), unlisted], how="diagonal").sort("symbol")


def _last_rows(prices: pl.DataFrame, symbols: pl.Series, date: dt.date, rules: Rulebook) -> pl.DataFrame:
    """The latest usable row before `date` of each of `symbols`; none for a name that has never traded.

    `prices` is sorted by date, so that most names are found in a short slice and the whole is searched for few.
    """
    found = [sift_daily_prices(prices.clear(), rules).usable]
    until = date
    for back in (*LOOK_BACKS, None):
        if symbols.is_empty():
            break
        since = dt.date.min if back is None else date - dt.timedelta(days=back)
        first, end = (prices["date"].search_sorted(day, side="left") for day in (since, until))
        rows = prices[first:end].filter(pl.col("symbol").is_in(symbols.to_list()))
        last = (
            sift_daily_prices(rows, rules)
            .usable.sort("symbol", "date")
            .unique("symbol", keep="last", maintain_order=True)
        )
        found.append(last)
        symbols = symbols.filter(~symbols.is_in(last["symbol"].to_list()))
        until = since
    return pl.concat(found)


def _industries(
    landing: Any, date: dt.date, sifted: dict[str, Sifted], reasons: dict[str, Reason], rules: Rulebook
) -> pl.DataFrame:
    """symbol and industry: the membership that started last; n/a where none has started by `date`."""
    delivered = landing.reference("industries")
    if delivered is None:
        reasons["industry"] = NOT_DELIVERED(table="industries")
        return pl.DataFrame(schema={"symbol": pl.String, "industry": pl.String})
    sifted["industries"] = sift_industries(delivered.collect(), rules)
    if sifted["industries"].usable.is_empty() and sifted["industries"].faults.is_empty():
        reasons["industry"] = NO_MEMBERSHIP_YET(date=date)
    started = sifted["industries"].usable.sort("symbol", "start_date")
    return started.unique("symbol", keep="last", maintain_order=True).select("symbol", "industry")


def _fundamentals(
    landing: Any,
    date: dt.date,
    prices: pl.DataFrame,
    sifted: dict[str, Sifted],
    reasons: dict[str, Reason],
    rules: Rulebook,
    settings: ReferenceSettings,
) -> pl.DataFrame:
    """symbol and the latest announced figures; delivered_equity, delivered_profit: those before jumps of equity are set aside; and
    DELIVERED. prices: daily_prices up to the day, by date."""
    delivered = landing.reference("fundamentals")
    if delivered is None:
        reasons |= dict.fromkeys(FUNDAMENTALS, NOT_DELIVERED(table="fundamentals"))
        columns = (*FUNDAMENTALS, "delivered_equity", "delivered_profit", *DELIVERED)
        return pl.DataFrame(schema={"symbol": pl.String, **dict.fromkeys(columns, pl.Float64)})
    every = sift_fundamentals(delivered.collect(), rules)
    latest = latest_fundamentals(every.usable)
    before = latest.select("symbol", delivered_equity="equity", delivered_profit="net_profit")
    unlisted = pl.DataFrame(schema={"symbol": pl.String, "list_date": pl.Date})
    listings = sifted["instruments"].usable if "instruments" in sifted else unlisted
    judged, jumps = equity_jumps(every.usable, prices, listings, settings)
    sifted["fundamentals"] = every
    if judged.select(pl.any_horizontal(holds for holds, _ in jumps).any()).item():  # seldom: the rest is not made twice
        sifted["fundamentals"] = set_aside_where(every, judged, jumps)
        latest = latest_fundamentals(sifted["fundamentals"].usable)
    largest = largest_profits(sifted["fundamentals"].usable)
    before = before.join(largest, on="symbol", how="left", maintain_order="left")
    for column in FUNDAMENTALS:
        if latest[column].null_count() == latest.height:
            reasons[column] = NOTHING_ANNOUNCED(column=column, date=date)
    return before.join(latest, on="symbol", how="left", maintain_order="left")


def _profits_doubtful(found: RisingYears, parted: bool, settings: ReferenceSettings) -> str | None:
    """The same as `profits_off`, by the share alone: what a small zone or one industry may show honestly."""
    told = profits_off(found, parted, settings.model_copy(update={"profit_deviations": 0.0}))
    return told


def profits_off(years: RisingYears, parted: bool, settings: ReferenceSettings) -> str | None:
    """What says that profits are of other periods than is declared; None where nothing does. parted: as in
    announcements.rising_profits. Three quarters of a year say less than four: the bound is then half as wide again."""
    if _beyond(years, parted, settings) <= 0:
        return None
    found = f"fundamentals: in {years.rises} of {years.years} years of a name with a profit net_profit rises from every quarter to the next"
    if parted:
        return (
            f"{found}, far more seldom than profits of the year so far do: these are profits of single quarters. Take "
            "landing.fundamentals.profits = 'year_to_date' out of the settings"
        )
    return (
        f"{found}, far more often than single quarters do: these are profits of the year so far. Declare "
        "landing.fundamentals.profits = 'year_to_date'"
    )


def profits_mixed(by_year: Mapping[int, RisingYears], parted: bool, settings: ReferenceSettings) -> str | None:
    """What says that the profits of some years are of other periods than is declared, and not those of all; None where nothing does.

    by_year: as of announcements.rising_profits_by_year. parted: as of announcements.rising_profits. The evidence for each year is that
    of `profits_off`: of 2014–2016 no industry's and no random small zone's year is off.
    """
    off = [year for year, years in by_year.items() if _beyond(years, parted, settings) > 0]
    others = [years for year, years in by_year.items() if year not in off]
    rest = RisingYears(
        sum(one.rises for one in others), sum(one.years for one in others), all(one.whole for one in others)
    )
    if not off or _beyond(rest, parted, settings) >= 0:
        return None
    counts = [f"{by_year[year].rises} of {by_year[year].years} names with a profit in {year}" for year in off]
    what = "single quarters" if parted else "the year so far"
    return (
        f"fundamentals: net_profit rises from every quarter to the next for {', '.join(counts)} and for {rest.rises} of "
        f"{rest.years} in other years: the profits of {', '.join(map(str, off))} are those of {what}, and those of "
        "the other years are not. Deliver every year in one form; landing.fundamentals.profits says which, for the whole table"
    )


def _beyond(years: RisingYears, parted: bool, settings: ReferenceSettings) -> int:
    """1 where so many names' years rise, or so few, that their profits are of other periods than is declared; −1 where so few, or so many,
    that they are not; 0 where the years are too few to tell."""
    if years.years < settings.min_profit_years:
        return 0
    deviations = settings.profit_deviations * (1 if years.whole else _WIDER)
    least, most = share_bounds(years.rises, years.years, deviations)
    if parted:
        return int(most < settings.min_rising_profits) - int(least > settings.min_rising_profits)
    return int(least > settings.max_rising_profits) - int(most < settings.max_rising_profits)


def industries_lacking(
    frame: pl.DataFrame, members: Callable[[], Mapping[str, Sequence[str]]], settings: ReferenceSettings
) -> str | None:
    """What says that too many names have no industry, or that industries are none; None where few have none.

    frame: symbol, industry. members: hands out index → the members of its last vector; asked for only where too many have none, since a
    table of index members alone is the commonest cause.
    """
    if strange := _strange_industries(frame, settings):
        return strange
    unknown = frame.filter(pl.col("industry") == UNKNOWN)["symbol"]
    least = min(frame.height, settings.always_set_aside + 1)
    if unknown.len() < least or unknown.len() <= settings.max_unknown_industries * frame.height:
        return None
    found = f"industries: {unknown.len()} of {frame.height} names have none ({', '.join(unknown[:3])} …)"
    listed = {*frame["symbol"]}
    known = listed - {*unknown}
    of = {index: listed.intersection(own) for index, own in members().items()}
    covered = {index: own for index, own in of.items() if own and len(own & known) >= _NEARLY_EVERY * len(own)}
    rest = listed.difference(*covered.values())
    if covered and len(rest & known) <= _HARDLY_ANY * len(rest):
        return (
            f"{found}: the table has those of every member of {' and '.join(sorted(covered))} and of {len(rest & known)} of the "
            f"{len(rest)} other names. Deliver the industries of every name; where those of index members alone are meant, set "
            "reference.max_unknown_industries = 1, and the other names have no factors"
        )
    return f"{found}: rows of the table are missing. Deliver the industries of every name"


def _strange_industries(frame: pl.DataFrame, settings: ReferenceSettings) -> str | None:
    """What says that the column holds no industries; None where nothing does."""
    known = frame.filter(pl.col("industry") != UNKNOWN)["industry"]
    kinds = known.n_unique()
    if known.len() >= _MANY and kinds > settings.max_industries_share * known.len():
        return (
            f"industries: {known.len()} names have {kinds} industries (e.g. {', '.join(known.unique().sort()[:3])}): the column holds something "
            "else. Deliver the name or code of the industry"
        )
    if known.len() >= settings.market_names and kinds == 1:
        return f"industries: all of {known.len()} names have the industry {known[0]}: the column was not filled. Deliver each name's own"
    return None


def _last_members(landing: Any) -> dict[str, list[str]]:
    """Index → the members of its last vector, as delivered; none where reference/index_weights is not there."""
    weights = landing.reference("index_weights")
    if weights is None:
        return {}
    last = weights.filter(pl.col("date") == pl.col("date").max().over("index"), pl.col("weight") > 0)
    return dict(last.select("index", "symbol").drop_nulls().collect().group_by("index").agg("symbol").iter_rows())


def _quarters_lacking(lacking: int, profits: int, settings: ReferenceSettings) -> str | None:
    """What says that profits are those of half-years or years; None where nothing does. lacking, profits: as in
    announcements.profits_without_a_quarter_before."""
    if profits < settings.min_profit_years or lacking <= settings.max_lacking_quarters * profits:
        return None
    return (
        f"fundamentals: of {lacking} of {profits} profits that of the quarter before is not there: these are profits of half-years or "
        "years, not of single quarters. Deliver those of every quarter; where they are of the year so far, declare "
        "landing.fundamentals.profits = 'year_to_date' (a quarter whose earlier figure is not there is n/a then)"
    )


def _securities_profile(
    frame: pl.DataFrame, sifted: Mapping[str, Sifted], findings: Mapping[str, str | None], settings: ReferenceSettings
) -> pl.DataFrame:
    """What the checks judge: the rows, an unknown industry as null, one row per fault found in a reference table, and one per
    table of which too much is unusable, or of which `findings` say something: the checked column → the finding."""
    kept = frame.with_columns(
        industry=pl.when(pl.col("industry") != UNKNOWN).then("industry"),
        set_aside=pl.lit(0, pl.Int64),
        reason=pl.lit("used"),
    )
    # Nothing but the fault is judged of such a row: what must not be null elsewhere is filled.
    found = [
        pl.DataFrame(
            {"table": [_FOUND_IN.get(column, "fundamentals")], "reason": ["used"], column: [1], "detail": [text]}
        )
        for column, text in findings.items()
        if text
    ]
    faults = pl.concat([_faults(sifted), _unusable(sifted, settings), *found], how="diagonal")
    faults = faults.with_columns(
        date=pl.lit(frame["date"][0]), listed_days=pl.lit(0, pl.Int32), industry=pl.lit(""), equity=pl.lit(0.0),
        set_aside=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
    )  # fmt: skip
    wanted = {
        "unusable": pl.Int64,
        "rising_profits": pl.Int64,
        "doubtful_profits": pl.Int64,
        "placeholder_dates": pl.Int64,
        "other_unit": pl.Int64,
        "listed_at_start": pl.Int64,
        "industries_lacking": pl.Int64,
        "detail": pl.String,
    }
    whole = pl.concat([kept, faults], how="diagonal")
    return whole.with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in wanted.items() if name not in whole.columns
    )


def _unusable(sifted: Mapping[str, Sifted], settings: ReferenceSettings) -> pl.DataFrame:
    """One row per reference table of which no row can be used, or too many cannot, with the commonest reasons."""
    rows = []
    for table, one in sifted.items():
        every = one.usable.height + one.aside.height - one.both
        none = one.usable.is_empty() and every > settings.always_set_aside
        if none or (_too_many(one.faults.height, every, settings) and _names(one.faults) > settings.always_set_aside):
            aside = one.aside if none else one.faults
            name = "symbol" if "symbol" in aside.columns else "index"
            what = "none" if none else f"only {one.usable.height - one.both}"
            told = f"{table}: {what} of {every} rows can be used: {'; '.join(counted_reasons(aside, 'reason', name))}"
            rows.append({"table": table, "reason": "used", "unusable": 1, "detail": told})
    return pl.DataFrame(
        rows, schema={"table": pl.String, "reason": pl.String, "unusable": pl.Int64, "detail": pl.String}
    )


def _names(faults: pl.DataFrame) -> int:
    """How many names rows are about; a row without one is about one of its own."""
    if "symbol" not in faults.columns:
        return faults.height
    return faults["symbol"].drop_nulls().n_unique() + faults["symbol"].null_count()


def _faults(sifted: Mapping[str, Sifted]) -> pl.DataFrame:
    """One row per reference table and fault: the reason with its number of rows, one symbol, a running number."""
    rows = [
        {"table": table, "symbol": symbol, "reason": f"{table}: {count} rows: {reason}"}
        for table, one in sifted.items()
        for reason, count, symbol in one.faults.group_by("reason", maintain_order=True)
        .agg(pl.len(), pl.col("symbol" if "symbol" in one.aside.columns else "index").first().alias("first"))
        .iter_rows()
    ]
    numbered = pl.DataFrame(rows, schema={"table": pl.String, "symbol": pl.String, "reason": pl.String})
    return numbered.with_columns(set_aside=pl.int_range(1, len(rows) + 1, dtype=pl.Int64))


# --- indices ------------------------------------------------------------------------------------------------------------

_FOLLOWED = tuple(one.index for one in PORTFOLIOS)
INDICES = {
    "date": pl.Date,
    "index": pl.String,
    "symbol": pl.String,
    "weight": pl.Float64,
    "published_date": pl.Date,
    "index_close": pl.Float64,
}


def make_indices(frames: Frames, partition: Partition, settings: ReferenceSettings) -> Made:
    """The latest published weights of each index and its close of the day; an index with a close alone has one row."""
    date, calendar, rules = partition.date, partition.calendar, partition.rules
    landing: Any = partition.landing
    reasons: dict[str, Reason] = {}
    sifted: dict[str, Sifted] = {}
    weights = _latest_weights(landing, sifted, reasons, rules)
    closes = pl.DataFrame(schema={"index": pl.String, "index_close": pl.Float64})
    earlier = closes.rename({"index_close": "previous"})
    codes: dict[str, Sequence[str]] = {}
    gaps: list[pl.DataFrame] = []
    vectors = pl.DataFrame(schema={"index": pl.String, "date": pl.Date, "symbol": pl.String, "weight": pl.Float64})
    prices = landing.reference("index_prices")
    if "index_weights" in sifted:
        codes["index_weights"] = sifted["index_weights"].usable["index"].unique().sort().to_list()
        followed = pl.col("index").is_in(_FOLLOWED)
        vectors = (
            landing.reference("index_weights").filter(followed).select("index", "date", "symbol", "weight").collect()
        )
        if weights.is_empty():
            reasons |= dict.fromkeys(("symbol", "weight", "published_date"), NO_VECTOR_YET(date=date))
    if prices is None:
        reasons["index_close"] = NOT_DELIVERED(table="index_prices")
    else:
        sifted["index_prices"] = sift_index_prices(prices.filter(pl.col("date") == date).collect())
        closes = sifted["index_prices"].usable.select("index", index_close="close")
        if closes.is_empty():
            reasons["index_close"] = NO_ROW_OF_DAY(table="index_prices", date=date)
        codes["index_prices"] = prices.select(pl.col("index").drop_nulls().unique().sort()).collect()["index"].to_list()
        before = prices.filter(pl.col("date") == calendar.previous_day(date)).collect()
        earlier = sift_index_prices(before).usable.select("index", previous="close")
        if closes.height:
            sifted["index_prices"] = with_closes_missing(sifted["index_prices"], earlier, date)
        gaps.append(strange_days(prices.select("date").collect()["date"], date, calendar))
    moved = closes.join(earlier, on="index", how="inner", maintain_order="left")
    traded = frames["daily_prices"].select("symbol", "pre_close", "close").collect()
    stray = _stray_indices(date, landing, calendar, settings)
    gaps += [stray.findings, index_gaps(weights, moved, traded, settings)]  # the likely cause first
    frame = weights.join(closes, on="index", how="full", coalesce=True).with_columns(date=pl.lit(date))
    frame = frame.select(*INDICES).sort("index", "symbol", nulls_last=True)
    summary = frame.group_by("index", maintain_order=True).agg(
        weight_sum=pl.col("weight").sum(), members=pl.col("symbol").count(), published=pl.col("published_date").first()
    )
    files, notes = _set_aside(sifted)
    for index, weight_sum, members, published in summary.iter_rows():
        if members:
            notes[index] = {"weight_sum": weight_sum, "members": members, "published": str(published)}
        else:
            notes[index] = {"members": 0, "reason": reasons.get("weight", NO_WEIGHTS_YET()).to_json()}
    if stray.unknown:
        notes["moves_not_judged"] = dict(stray.unknown)
    percent = landing.declared("index_weights").get("landing.indices.weight_unit") == "percent"
    vectors_told = [
        members_lost(vectors.drop_nulls(), traded["symbol"].to_list(), settings),
        members_without_prices(weights, _lately_priced(date, landing, calendar, settings), _FOLLOWED),
        equal_weights(weights, _FOLLOWED, settings),
        *_vectors_judged(frame, percent),
    ]
    profile = pl.concat(
        [
            _indices_profile(frame, sifted, pl.concat([*gaps, *vectors_told], how="diagonal"), settings),
            _strange_indices(date, codes, settings),
        ],
        how="diagonal",
    )
    return Made(frame, profile, files, reasons, notes)


def _stray_indices(date: dt.date, landing: Any, calendar: Calendar, settings: ReferenceSettings) -> StrayIndices:
    """What the last `reference.index_days` trading days say of the closes, from what the landing zone held by the day."""
    weights, closes, prices = (landing.reference(name) for name in ("index_weights", "index_prices", "daily_prices"))
    if weights is None or closes is None or prices is None:
        return StrayIndices(pl.DataFrame(schema={"index": pl.String, "index_off": pl.Int64, "detail": pl.String}), {})
    first = calendar.offset(date, -min(settings.index_days, calendar.index(date)))
    days = calendar.days(first, date)
    before = pl.col("date").filter(pl.col("date") <= first).max().over("index")
    vectors = (
        weights.filter(pl.col("date") >= before.fill_null(first)).select("index", "date", "symbol", "weight").collect()
    )
    closes = sift_index_prices(closes.filter(pl.col("date") >= first).collect()).usable
    history = prices.collect()  # a slice of the landing zone's frame: nothing is copied
    since = min(vectors["date"].min() or date, first)
    moved = history[history["date"].search_sorted(since, side="right") :].filter(pl.col("volume") > 0)
    return stray_indices(vectors, closes, moved, days, settings)


def _lately_priced(date: dt.date, landing: Any, calendar: Calendar, settings: ReferenceSettings) -> list[str]:
    """The names that daily_prices had within the last `reference.index_days` trading days."""
    prices = landing.reference("daily_prices")
    if prices is None:
        return []
    history = prices.collect()  # a slice of the landing zone's frame: nothing is copied
    first = calendar.offset(date, -min(settings.index_days, calendar.index(date)))
    return history[history["date"].search_sorted(first, side="left") :]["symbol"].drop_nulls().unique().to_list()


def _latest_weights(
    landing: Any, sifted: dict[str, Sifted], reasons: dict[str, Reason], rules: Rulebook
) -> pl.DataFrame:
    """index, symbol, weight, published_date of the last vector of each index."""
    delivered = landing.reference("index_weights")
    if delivered is None:
        reasons |= dict.fromkeys(("symbol", "weight", "published_date"), NOT_DELIVERED(table="index_weights"))
        return pl.DataFrame(
            schema={"index": pl.String, "symbol": pl.String, "weight": pl.Float64, "published_date": pl.Date}
        )
    last = delivered.filter(pl.col("date") == pl.col("date").max().over("index")).collect()
    sifted["index_weights"] = sift_index_weights(last, rules, _FOLLOWED)
    return sifted["index_weights"].usable.select("index", "symbol", "weight", published_date="date")


def _indices_profile(
    frame: pl.DataFrame, sifted: Mapping[str, Sifted], gaps: pl.DataFrame, settings: ReferenceSettings
) -> pl.DataFrame:
    """What the checks judge: the rows, rows set aside, tables of which too much is unusable, and `gaps`: rows about an index each."""
    kept = frame.with_columns(
        set_aside=pl.lit(0, pl.Int64),
        reason=pl.lit("used"),
    )
    faults = pl.concat(
        [_faults(sifted), _unusable(sifted, settings), gaps.with_columns(reason=pl.lit("used"))], how="diagonal"
    ).with_columns(set_aside=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    return pl.concat([kept, faults], how="diagonal")


def _vectors_judged(frame: pl.DataFrame, percent: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(index, weight_sum, detail) and (index, weight_age in days, detail): one row of each per index with weights.

    percent: whether the settings declare weights in percent."""
    vectors = frame.filter(pl.col("weight").is_not_null()).group_by("index", maintain_order=True)
    told = vectors.agg(
        weight_sum=pl.col("weight").sum(),
        weight_age=(pl.col("date") - pl.col("published_date")).dt.total_days().max(),
        _members=pl.len(),
        _published=pl.col("published_date").first().cast(pl.String),
    )
    total = pl.col("weight_sum")
    if percent:
        fractions = total.is_between(0.0099, 0.0101)
        cause = pl.when(fractions).then(
            pl.lit(
                ": landing.indices.weight_unit = 'percent' is declared, and these are fractions. Take the setting out"
            )
        )
    else:
        cause = pl.when(total.is_between(99, 101)).then(
            pl.lit(": they are in percent. Declare landing.indices.weight_unit = 'percent'")
        )
    shown = pl.format("the {} weights of {} of {} sum to {}", "_members", "index", "_published", total.round(6))
    sums = told.select("index", "weight_sum", detail=pl.concat_str(shown, cause.fill_null("")))
    ages = told.select(
        "index",
        "weight_age",
        detail=pl.format("the last vector of {} is of {}, {} days ago", "index", "_published", "weight_age"),
    )
    return sums, ages


def _strange_indices(date: dt.date, found: Mapping[str, Sequence[str]], settings: ReferenceSettings) -> pl.DataFrame:
    """One row per index table that lacks an index that a portfolio follows, and has a code that may mean it.

    found: table → its codes up to the day. A table without such a code, such as one of the CSI 300 alone before the others were
    published, is no mistake: what needs the followed index is n/a until its first vector. Where a table has one of the followed
    indices, any code that is none of `reference.other_indices` may mean the other.
    """
    known = {*_FOLLOWED, *settings.other_indices, *settings.total_return_indices.values()}
    lacking = {table: sorted({*_FOLLOWED} - {*codes}) for table, codes in found.items()}
    rows = [
        (
            date,
            f"reference/{table}",
            0,
            f"reference/{table} has {', '.join(codes[:CODES_SHOWN])}{' …' if len(codes) > CODES_SHOWN else ''} up to {date}, and "
            f"{'none of' if len(lacking[table]) > 1 else 'not'} {', '.join(lacking[table])}",
        )
        for table, codes in found.items()
        if any(_may_mean(code, lacking[table]) for code in codes)
        or (0 < len(lacking[table]) < len(PORTFOLIOS) and not known.issuperset(codes))
    ]
    schema = {"date": pl.Date, "index": pl.String, "followed_indices": pl.Int64, DETAIL: pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _may_mean(code: str, wanted: Sequence[str]) -> bool:
    """Whether a code may stand for one of the wanted indices: its last three digits do, or it is no code of six digits or of a
    total-return index (H00905.CSI).

    >>> [_may_mean(code, ["000905.SH"]) for code in ("399905.SZ", "CSI500", "000300.SH", "H00905.CSI")]
    [True, True, False, False]
    """
    if re.match(r"H\d{5}\.", code):
        return False
    digits = re.findall(r"\d{6}", code)
    return bool(wanted) and (len(digits) != 1 or any(digits[0][3:] == index[3:6] for index in wanted))
