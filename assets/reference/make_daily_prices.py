"""Makes one day of daily_prices: its usable rows, the rows that are set aside, and the profile that the checks judge.

This module combines the rules of rows (validate.py, limits.py) and the findings about the table (diagnosis.py, copies.py).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from assets.reference.copies import YEAR, copied_columns, ex_dates_lacking, pre_closes_off
from assets.reference.diagnosis import (
    contradictions,
    market_values,
    range_faults,
    same_as,
    share_faults,
    share_jumps,
    shifted_prices,
    turnover_off,
    undeclared_changes,
    unmatched_changes,
    vwap_bounds,
)
from assets.reference.last_prices import last_rows
from assets.reference.late_shares import late_shares, with_late_shares
from assets.reference.limits import limits_in_force, limits_refused
from assets.reference.listing import delisting_days, listed_days
from assets.reference.reasons import (
    FINDINGS_OF_DAY,
    LIMITS_NOT_FILLED,
    MANY_ARE_ST,
    NO_COUNT,
    NO_FIRST_DAYS,
    NO_ROW_OF_DAY,
    NONE_IS_ST,
    NOT_DELIVERED,
    ROWS_SET_ASIDE,
    SHARES_CONTRADICT,
    SHARES_OF_MANY_JUMP,
    STOCKS_LOST,
)
from assets.reference.schemas import DAILY_PRICES
from assets.reference.set_aside import empty_table, faults_of, side_file, too_many_faults
from assets.reference.validate import (
    LIMITS,
    Sifted,
    set_aside_gone,
    set_aside_unlisted,
    set_aside_where,
    sift_code_changes,
    sift_daily_prices,
    sift_instruments,
)
from resources.calendar import Calendar
from resources.made import Made
from resources.partition import Frames, Partition
from resources.reasons import Reason, counted_reasons, first_reasons
from resources.rounding import rounding_of
from resources.rulebook import Rulebook
from resources.settings.reference import ReferenceSettings


def make_daily_prices(frames: Frames, partition: Partition, settings: ReferenceSettings) -> Made:
    """Make the day's usable rows of reference/daily_prices, with limit prices and VWAP; a stock without a row is suspended.

    is_st is true of ST stocks as delivered and of stocks in the delisting period (`delisting_days`), for which the limit prices differ.
    Faults of rows are reported in the profile and in set_aside.parquet, never raised.
    """
    date, calendar, rules = partition.date, partition.calendar, partition.rules
    landing: Any = partition.landing
    delivered = landing.reference("daily_prices")
    if delivered is None:
        return empty_table(DAILY_PRICES, NOT_DELIVERED(table="daily_prices"))
    history = delivered.collect()  # a slice of the landing zone's frame: nothing is copied
    first, end = (history["date"].search_sorted(date, side=side) for side in ("left", "right"))
    rows, before = history[first:end], history[:first]
    shifted = shifted_prices(history, date, calendar)
    if rows.is_empty():
        made = empty_table(DAILY_PRICES, NO_ROW_OF_DAY(table="daily_prices", date=date))
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
    refused = limits_refused(judged, settings)  # of every row, since limits of another day set most of them aside
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
    parted = {"daily_prices": Sifted(sifted.usable, whole)}
    share_unit = landing.declared("daily_prices").get("landing.daily_prices.share_unit")
    columns.append(market_values(judged, settings) or turnover_off(judged, share_unit, settings))
    found = [reason for reason in columns if reason]
    profile = _daily_prices_profile(date, frame, sifted, parts, priced, settings, unfilled, found)
    profile = _with_findings(profile, shifted, date, "dates_shifted") if shifted.height else profile
    if changes or changes.aside.height:
        traded, begins = landing.traded_days(), history["date"].min()
        parted["code_changes"] = sift_code_changes(changes, traded)
        profile = _with_changes(profile, parted["code_changes"], date)
        unmatched = unmatched_changes(parted["code_changes"].aside, traded, begins)
        profile = _with_findings(profile, unmatched, date, "unmatched_change") if unmatched.height else profile
    renamed = undeclared_changes(sifted.usable, before, landing.first_traded(), changes, date)
    if renamed.height:
        profile = _with_findings(profile, renamed, date, "undeclared_change")
    files, notes = side_file(parted)
    if renamed.height:
        notes["changed_codes"] = [Reason.loads(detail).to_json() for detail in renamed["detail"]]
    if unfilled.len():
        notes["limits"] = LIMITS_NOT_FILLED(stocks=unfilled.len(), rows=judged.height).to_json()
    return Made(frame, profile, files, unavailable, notes)


@dataclass(frozen=True)
class _PartsAside:
    """Rows that are used without their share counts or limits, with the counts as delivered and a reason.

    missing: rows without a count. faults: rows whose count contradicts the row. late: the number of these whose count is from before an
    ex-date. jumps: the stocks whose shares differ from the last day's without a split in the price: symbol, total_shares and
    last_shares. limits: rows whose delivered limits are not the rule's. limits_refused: the finding that refuses the day for its
    limits; None where only single stocks differ.
    """

    missing: pl.DataFrame
    faults: pl.DataFrame
    late: int
    jumps: pl.DataFrame
    limits: pl.DataFrame
    limits_refused: Reason | None


def _no_parts_aside() -> _PartsAside:
    none = pl.DataFrame(schema={"date": pl.Date, "symbol": pl.String, "reason": pl.String})
    return _PartsAside(none, none, 0, none, none, None)


def _vwap() -> pl.Expr:
    """Return amount / volume, clipped to the day's range where rounding of both explains a value outside it."""
    vwap = pl.col("amount") / pl.col("volume")
    explained = (pl.col("least_vwap") <= pl.col("high")) & (pl.col("most_vwap") >= pl.col("low"))
    rounded = pl.col("least_vwap") < pl.col("most_vwap")
    return pl.when(rounded & explained).then(vwap.clip(pl.col("low"), pl.col("high"))).otherwise(vwap)


def _judged_parts(
    judged: pl.DataFrame, refused: Reason | None, settings: ReferenceSettings
) -> tuple[pl.DataFrame, _PartsAside]:
    """Return (the rows with null share counts where these contradict the row, the rows with faulty counts or limits).

    judged: rows with the limits in force. refused: the finding of `limits_refused` about the day.
    """
    shares = ("total_shares", "float_shares")
    missing = [(pl.col(name).is_null(), NO_COUNT.column(column=pl.lit(name))) for name in shares]
    late = late_shares(settings)
    rules = [late, *share_faults(settings)]
    judged = judged.with_columns(
        _fault=first_reasons(judged, rules), _missing=first_reasons(judged, missing), _jump=share_jumps(settings)
    )
    jumps = judged.filter("_jump").select("symbol", "total_shares", "last_shares")
    kept = judged.with_columns(pl.when(pl.col("_fault").is_null()).then(name).alias(name) for name in shares)
    absent, contradicted, limits = (
        judged.filter(pl.col(why).is_not_null()).select(*(n for n in DAILY_PRICES if n in judged.columns), reason=why)
        for why in ("_missing", "_fault", "limits_off")
    )
    return kept, _PartsAside(absent, contradicted, judged.filter(late[0]).height, jumps, limits, refused)


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
    """Return the day's usable rows with the columns that diagnosis.contradictions uses, including the limit prices in force."""
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
    last = last_rows(before, older, date, rules).select(
        "symbol", last_date="date", last_close="close", last_shares="total_shares"
    )
    # Closes from before a day that the whole table lacks are no evidence about today's pre_close.
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
    found: Sequence[Reason] = (),
) -> pl.DataFrame:
    """Return the rows that the checks judge.

    These are the rows that are used (`set_aside` 0, reason "used"), those set aside for a fault (numbered), and one row about the day:
    the number of stocks with a price, and whether too many are lost or set aside.
    priced_before: the number of stocks that traded on the trading day before; 0 where that day is not known. unfilled: symbols whose
    delivered limits were not filled. found: the findings that refuse the whole day (copies.py, `market_values`, `turnover_off`).
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
    # Only the fault of such a row is judged: columns that must not be null are filled.
    faulty = pl.concat(
        [rows.select("date", "symbol", "reason") for rows in (sifted.faults, parts.faults, parts.limits)]
    )
    faults = faulty.with_columns(
        total_shares=pl.lit(1, pl.Int64),
        float_shares=pl.lit(1, pl.Int64),
        set_aside=pl.int_range(1, faulty.height + 1, dtype=pl.Int64),
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
    found: Sequence[Reason],
) -> pl.DataFrame:
    rows = frame.height + sifted.faults.height
    gone = priced_before - frame.height
    lost = frame.height > 0 and gone > settings.max_names_lost * priced_before + settings.always_set_aside
    detail: list[Reason] = []
    if lost:
        detail.append(STOCKS_LOST(stocks=frame.height, before=priced_before))
    # Where every row is at fault, the day was delivered, and the reasons explain it.
    all_at_fault = frame.is_empty() and rows > 0
    if too_many := all_at_fault or too_many_faults(sifted.faults.height, rows, settings):
        detail.append(ROWS_SET_ASIDE(aside=sifted.faults.height, rows=rows))
    if too_many or frame.is_empty():
        detail += counted_reasons(sifted.aside, "reason", "symbol")
    late = parts.late > max(settings.always_set_aside, settings.max_late_shares * rows)
    if late or too_many_faults(parts.faults.height - parts.late, rows, settings):
        detail.append(SHARES_CONTRADICT(bad=parts.faults.height, rows=rows))
        detail += counted_reasons(parts.faults, "reason", "symbol")
        too_many = True
    elif too_many_faults(parts.jumps.height, rows, settings):
        symbol, shares, before = parts.jumps.row(0)
        detail.append(
            SHARES_OF_MANY_JUMP(jumps=parts.jumps.height, rows=rows, symbol=symbol, total_shares=shares, before=before)
        )
        too_many = True
    if found:
        detail = [*found, *detail]  # the likelier cause of rows that are set aside
        too_many = True
    special = int(frame["is_st"].sum())
    judged = (
        frame.height >= settings.min_st_names or special == frame.height
    )  # half of a market with few stocks may be ST
    if not special and frame.height >= settings.market_names:
        detail.append(NONE_IS_ST(stocks=frame.height))
        too_many = True
    if judged and special > max(settings.always_set_aside, settings.max_st_share * frame.height):
        detail.append(MANY_ARE_ST(st=special, stocks=frame.height))
        too_many = True
    if parts.limits_refused:
        detail.append(parts.limits_refused)
    text = FINDINGS_OF_DAY(date=date, reasons=detail).dumps() if detail else None
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
            "detail": [text],
        },
        schema_overrides={"names_priced": pl.Int64, "detail": pl.String},
    )


def _with_changes(profile: pl.DataFrame, changes: Sifted, date: dt.date) -> pl.DataFrame:
    """Return the profile with a row for each reason for which changes of codes cannot be used, with `changes_aside` 1."""
    faults = faults_of({"code_changes": changes}).select("symbol", detail="reason")
    return _with_findings(profile, faults, date, "changes_aside")


def _with_findings(profile: pl.DataFrame, findings: pl.DataFrame, date: dt.date, column: str) -> pl.DataFrame:
    """Return the profile with a row for each of `findings` (symbol, detail), in which `column` is 1."""
    # A finding is judged by its own check only: the columns of other checks are filled.
    least = min(0, *profile["set_aside"].to_list())
    rows = findings.select(
        "symbol", "detail", date=pl.lit(date), reason=pl.lit("used"), total_shares=pl.lit(1, pl.Int64),
        float_shares=pl.lit(1, pl.Int64), set_aside=least - 1 - pl.int_range(pl.len()), **{column: pl.lit(1, pl.Int64)},
    )  # fmt: skip
    return pl.concat([profile, rows], how="diagonal_relaxed")
