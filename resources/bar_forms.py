"""Converts delivered one-minute bars to the documented form of SPEC §2.1 and §1: types, symbols, start minutes and units.

This module applies the declarations of the settings section `landing` to bars, reads the forms of `minute`, and combines delivered
minutes into one bar. It does not check whether bars are possible (assets/delivered_bars/rows.py) or diagnose whole files
(assets/delivered_bars/diagnosis.py).
"""

import datetime as dt
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from resources import clock
from resources.delivered_files import DeliveredTable
from resources.errors import InputError
from resources.reasons import Code, Nested, counted_kinds, joined
from resources.reference_forms import FACTOR, UNITS, of_column, raw_prices, rename_headers
from resources.settings.landing import LandingSettings
from resources.symbols import Ranges, read_symbols, stock_ranges
from resources.values import (
    BLANKS,
    CELL_AS_DELIVERED,
    SHANGHAI,
    Column,
    Stamps,
    Unreadable,
    day_of_text,
    map_distinct,
    put,
    read_column,
    shown,
    stamp_of,
    stripped,
)

PRICES = ("open", "high", "low", "close")
AMOUNTS = ("amount", "buy_amount", "sell_amount", "large_buy_amount", "large_sell_amount")
SUMS = ("volume", "trades", *AMOUNTS, "net_bid_change")
MEANS = ("spread", "imbalance", "imbalance_5")
BARS: dict[str, Any] = {
    "symbol": pl.String,
    "minute": pl.Int32,
    **dict.fromkeys(PRICES, pl.Float64),
    "volume": pl.Int64,
    "amount": pl.Float64,
    "trades": pl.Int64,
    **dict.fromkeys(AMOUNTS[1:], pl.Float64),
    "net_bid_change": pl.Float64,
    **dict.fromkeys(MEANS, pl.Float64),
    "at_limit_up": pl.Boolean,
    "at_limit_down": pl.Boolean,
}
"""The columns of a file of bars with their types; symbol, minute and close are required (SPEC §2.2)."""
REQUIRED = ("symbol", "minute", "close")
DATE = "date"
UNREADABLE = "unreadable"
"""A column of the bars that were read: the reason (`Reason.dumps`) why a row cannot be read, else null."""
# Reasons why a row, or a cell of `minute`, cannot be read.
OF_ANOTHER_DAY = Code("of_another_day", ("day", "date"))
STAMP_OF_ANOTHER_DAY = Code("stamp_of_another_day", ("day",))
NO_TIME_OF_DAY = Code("no_time_of_day")
NO_WHOLE_MINUTE = Code("no_whole_minute")
NO_MINUTE_OF_DAY = Code("no_minute_of_day")
COLON_LOST = Code("colon_lost")
ZERO_LOST = Code("zero_lost")
END_OF_NO_BAR = Code("end_of_no_bar", ("minute",))
WHAT_MINUTE_IS = (
    "`minute` is the start of the bar in minutes since midnight (09:30 = 570), a time of day such as 09:30 or 09:30:00, or a "
    "time stamp of the day"
)
_UTC = 480  # minutes by which UTC is behind Shanghai
CENT_NOISE = 0.05
"""Cents by which a price may differ from a whole cent and still be that cent: 32-bit floats differ by less, adjusted prices by more."""
_NINE = 90_000  # 09:00:00 as a number; a number such as 930 is ambiguous, since it is 15:30 in minutes since midnight
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.0+)?)?", re.ASCII)
_DIGITS = re.compile(r"(\d{2})(\d{2})(?:(\d{2})0*)?", re.ASCII)
_FULL = re.compile(r"(\d{8})(\d{2})(\d{2})(?:(\d{2})0*)?", re.ASCII)
_STAMP = re.compile(
    r"(?P<date>\S+)[ T]+(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?", re.ASCII
)


def read_bars(
    delivered: DeliveredTable, date: dt.date, name: str, settings: LandingSettings, stocks: Ranges | None = None
) -> pl.DataFrame:
    """Read the bars of one day in the documented form: the columns of BARS that were delivered, and UNREADABLE.

    Minutes are bar starts, and the delivered parts of the closing bar and of the after-hours bar are combined. A minute that is no bar
    of SPEC §1 stays unchanged. A price of 0 becomes null, and a price within `CENT_NOISE` of a whole cent becomes that cent.

    Args:
        delivered: the file as delivered. A column `date` must name the file's day.
        date: the file's day.
        name: the file, for messages.
        settings: the declarations.
        stocks: the codes of stocks; by default those of the shipped rulebook.

    Raises:
        InputError: a column is missing, the dates are those of another day, the minutes are those of another clock or kind of
            label, or no row can be read.
    """
    raw, form = delivered.frame, settings.bars
    lacking = [column for column in REQUIRED if column not in raw.columns]
    if lacking:
        raise InputError(
            f"{name} lacks the column {', '.join(lacking)}: one-minute bars need symbol, minute and close (SPEC §2.1). It has "
            f"{', '.join(raw.columns)}. {rename_headers(raw.columns) or 'Deliver the file with the missing columns'}."
        )
    if form.prices == "adjusted" and FACTOR not in raw.columns:
        raise InputError(
            f"{name}: landing.bars.prices declares adjusted prices, but the column {FACTOR} (adjusted price / raw price), which "
            "converts them to raw ones, is missing. Deliver prices as traded, or add the column."
        )
    stamps = Stamps(settings.time_zone, settings.date_order)
    scales = {"volume": UNITS[form.volume_unit], **dict.fromkeys(AMOUNTS, UNITS[form.amount_unit])}
    wanted = {column: dtype for column, dtype in BARS.items() if column in raw.columns}
    wanted |= {FACTOR: pl.Float64} if form.prices == "adjusted" else {}
    reasons = delivered.bad_rows
    if DATE in raw.columns:
        reasons = _of_other_days(raw[DATE], date, name, stamps, reasons)
    counts: Counter[str] = Counter(reasons.drop_nulls().to_list())
    columns = []
    for column, dtype in wanted.items():
        if column == "symbol":
            columns.append(read_symbols(raw[column], settings.exchanges, stocks or stock_ranges()))
            continue
        cells = raw[column]
        read = read_minutes(cells, date, stamps) if column == "minute" else read_column(
            cells, dtype, stamps=stamps, scale=scales.get(column, 1)
        )  # fmt: skip
        columns.append(read.values.alias(column))
        if read.faulty:
            first = read.reasons.is_not_null() & reasons.is_null()
            causes = read.reasons.filter(first)
            kinds = causes.value_counts(name="count")
            counts.update(dict(zip(of_column(column, kinds.to_series(0)), kinds["count"], strict=True)))
            bad = pl.Series([shown(cell) for cell in cells.filter(first).to_list()], dtype=pl.String)
            found = CELL_AS_DELIVERED.column(column=pl.lit(column), cell=pl.lit(bad), cause=Nested(pl.lit(causes)))
            reasons = put(reasons, first, pl.select(found).to_series())
    if raw.height and not reasons.null_count():
        hint = (
            f" {WHAT_MINUTE_IS}." if read_minutes(raw["minute"], date, stamps).values.null_count() == raw.height else ""
        )
        why = joined(counted_kinds(counts))
        raise InputError(f"{name}: none of the {raw.height} rows can be read: {why}.{hint} Correct the file.")
    frame = pl.DataFrame(columns).with_columns(reasons.alias(UNREADABLE))
    prices = [column for column in PRICES if column in frame.columns]
    if form.prices == "adjusted":
        frame = raw_prices(frame)
    frame = frame.with_columns(
        pl.when(pl.col(column) != 0).then(_whole_cents(column)).alias(column) for column in prices
    )
    if frame.height and frame["close"].null_count() == frame.height:
        raise InputError(f"{name}: close is empty in all of its {frame.height} rows. Deliver it again.")
    _refuse_other_clocks(frame["minute"].drop_nulls().unique(), name, form.minute_labels)
    labelled = frame.with_columns(_minute="minute", minute=start_minute(form.minute_labels))
    opening = labelled.filter(pl.col("minute") == clock.OPENING_AUCTION)["_minute"].unique().sort().to_list()
    frame = _fold(labelled)
    if form.opening_auction == "first_bar":
        frame = _auction_in_first_bar(frame, name, opening if form.minute_labels == "end" else [])
    return frame


def clock_time(minute: int) -> str:
    """Format minutes since midnight as a time of day: 570 is 09:30."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _refuse_other_clocks(minutes: pl.Series, name: str, labels: str) -> None:
    """Raise InputError where the minutes of a whole file are those of another clock or of the other kind of labels."""
    if minutes.is_between(clock.OPENING_AUCTION - _UTC - 10, clock.AFTER_HOURS_END - _UTC).all() and minutes.len():
        ordered = minutes.sort()
        first, last = clock_time(ordered[0]), clock_time(ordered[-1])
        raise InputError(
            f"{name}: its minutes run from {first} to {last}, eight hours before the trading hours, so they are in UTC. Declare "
            "landing.time_zone = 'UTC' where `minute` holds time stamps, or deliver the time of Shanghai."
        )
    if labels == "end" and clock.AFTERNOON in minutes and clock.LUNCH not in minutes:
        raise InputError(
            f"{name}: a bar is labelled 13:00 and none 11:30, although landing.bars.minute_labels = 'end' is declared, so the labels "
            "are bar starts. Remove the setting, or label each bar by its end."
        )


def _of_other_days(cells: pl.Series, date: dt.date, name: str, stamps: Stamps, reasons: pl.Series) -> pl.Series:
    """Add the reasons of rows whose `date` is not the file's day. Raises InputError where all dates are those of other days.

    A cell that holds no date is accepted, and a time of day beside the date is ignored.
    """
    if isinstance(cells.dtype, pl.Datetime):
        zoned = cells if cells.dtype.time_zone else cells.dt.replace_time_zone(stamps.time_zone)
        days = zoned.dt.convert_time_zone(str(SHANGHAI)).dt.date()
    else:
        text = cells.cast(pl.String, strict=False) if not cells.dtype.is_nested() else cells
        days = read_column(
            text.str.replace(r"[ T]\d{1,2}:.*$", "") if text.dtype == pl.String else text, pl.Date, stamps=stamps
        ).values
    other = (days != date).fill_null(False)
    if days.count() and other.sum() == days.count():
        raise InputError(
            f"{name}: its column date holds {days.drop_nulls()[0]} in all of its {days.count()} rows, but its name is of {date}. "
            "Rename the file, or correct the column."
        )
    first = other & reasons.is_null()
    texts = [OF_ANOTHER_DAY(day=day, date=date).dumps() for day in days.filter(first)]
    return put(reasons, first, pl.Series(texts, dtype=pl.String))


def _whole_cents(column: str) -> pl.Expr:
    """A price, rounded to the cent where it is within `CENT_NOISE` of one."""
    cents = pl.col(column) * 100
    return pl.when((cents - cents.round()).abs() <= CENT_NOISE).then(pl.col(column).round(2)).otherwise(column)


def start_minute(labels: str) -> pl.Expr:
    """The bar start, in minutes since midnight, of a label in the column `minute`; null where a label of an end names no bar.

    labels: "start" or "end". Of starts, only the parts of the closing bar (897 to 900) and of the after-hours bar (from 905) change. Of
    ends, 565 and 566 are the opening auction, and so is 570, since nothing trades between 09:26 and 09:30.
    """
    minute = pl.col("minute")
    end = minute if labels == "start" else minute - 1
    closing = pl.when(end.is_between(clock.CLOSING_AUCTION, clock.CLOSING_END - 1)).then(clock.CLOSING_AUCTION)
    last = clock.AFTER_HOURS_END if labels == "end" else clock.AFTER_HOURS_END - 1
    late = pl.when(minute.is_between(clock.AFTER_HOURS, last)).then(clock.AFTER_HOURS)
    if labels == "start":
        rest = minute
    else:
        opening = pl.when(minute.is_in([clock.OPENING_AUCTION, clock.OPENING_AUCTION + 1, clock.MORNING])).then(
            clock.OPENING_AUCTION
        )
        grid = end.is_between(clock.MORNING, clock.LUNCH - 1) | end.is_between(
            clock.AFTERNOON, clock.CLOSING_AUCTION - 1
        )
        rest = pl.coalesce(opening, pl.when(grid).then(end))
    return pl.coalesce(closing, late, rest).cast(pl.Int32)


def read_minutes(cells: pl.Series, date: dt.date, stamps: Stamps) -> Column:
    """Read the column `minute` (minutes since midnight, times of day, or stamps of the day `date`) as minutes since midnight."""
    if isinstance(cells.dtype, pl.Categorical | pl.Enum):
        cells = cells.cast(pl.String)
    if cells.dtype == pl.Time:
        return map_distinct(
            cells, lambda time: _minute_of(time.hour, time.minute, time.second, time.microsecond), pl.Int32
        )
    if isinstance(cells.dtype, pl.Datetime):
        zoned = cells if cells.dtype.time_zone else cells.dt.replace_time_zone(stamps.time_zone)
        return map_distinct(zoned, lambda stamp: _minute_of_stamp(stamp, date), pl.Int32)
    if cells.dtype == pl.String:
        text = stripped(cells)
        long = 2 * int(text.str.contains(r"^[0-9]{4,}$").sum()) > text.count()
        return map_distinct(text, lambda cell: _minute_of_text(cell, date, stamps, long), pl.Int32)
    read = read_column(cells, pl.Int64)
    numbers = read.values
    # 202302010931 and longer numbers, or 93000, are above every minute of a day.
    if bool((numbers > 10**11).any()) or (numbers.count() > 0 and bool((numbers >= _NINE).all())):
        return read_minutes(numbers.cast(pl.String), date, stamps)
    # No trading minute is after 16:00. Where most are, 1300 is a time of day without its colon, and 930 is ambiguous.
    if 2 * int((numbers > 960).sum()) > numbers.count():
        return Column(
            pl.Series(cells.name, [None], pl.Int32).new_from_index(0, len(cells)),
            put(read.reasons.cast(pl.String), numbers.is_not_null(), COLON_LOST().dumps()),
        )
    return Column(numbers.cast(pl.Int32, strict=False), read.reasons)


def _minute_of(hour: int, minute: int, second: int, fraction: int = 0) -> int:
    if hour > 23 or minute > 59 or second > 59:
        raise Unreadable(NO_TIME_OF_DAY())
    if second or fraction:
        raise Unreadable(NO_WHOLE_MINUTE())
    return hour * 60 + minute


def _minute_of_stamp(stamp: dt.datetime, date: dt.date) -> int:
    local = stamp.astimezone(SHANGHAI)
    if local.date() != date:
        raise Unreadable(STAMP_OF_ANOTHER_DAY(day=local.date()))
    return _minute_of(local.hour, local.minute, local.second, local.microsecond)


def _minute_of_text(cell: str, date: dt.date, stamps: Stamps, long: bool) -> int:
    text = re.sub(r"^(\d+)\.0+$", r"\1", unicodedata.normalize("NFKC", cell).strip(BLANKS), flags=re.ASCII)
    if time := _CLOCK.fullmatch(text):
        return _minute_of(*(int(part or 0) for part in time.groups()))
    if parts := _STAMP.fullmatch(text):
        day = day_of_text(parts["date"], stamps)
        return _minute_of_stamp(stamp_of(day, parts["time"], parts["zone"], stamps.time_zone)[0], date)
    if full := _FULL.fullmatch(text):
        hour, minute, second = (int(part or 0) for part in full.groups()[1:])
        _minute_of(hour, minute, second)
        day = day_of_text(full[1], stamps)
        return _minute_of_stamp(stamp_of(day, f"{hour:02}:{minute:02}", None, stamps.time_zone)[0], date)
    if len(text) in (5, 8) and text.startswith("9"):  # 93000 has lost the zero of 093000
        text = f"0{text}"
    if len(text) in (4, 6, 9) and (digits := _DIGITS.fullmatch(text)):
        return _minute_of(*(int(part or 0) for part in digits.groups()))
    if re.fullmatch(r"\d{1,3}", text, re.ASCII):
        if long:
            raise Unreadable(ZERO_LOST())
        return int(text)
    raise Unreadable(NO_MINUTE_OF_DAY())


def _fold(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of one symbol that are parts of one bar, added up. Rows that repeat a delivered minute are left, so that the rules
    find them. `_minute` is the minute as delivered."""
    moved = (frame["minute"] != frame["_minute"]) | (frame["minute"].is_null() & frame["_minute"].is_not_null())
    if not moved.any():
        return frame.drop("_minute")
    lost = pl.col("minute").is_null() & pl.col("_minute").is_not_null() & pl.col(UNREADABLE).is_null()
    if (nameless := frame.select(lost).to_series()).any():
        worded = frame.filter(nameless).select(END_OF_NO_BAR.column(minute="_minute")).to_series()
        frame = frame.with_columns(put(frame[UNREADABLE], nameless, worded).alias(UNREADABLE))
    touched = (
        frame["minute"].filter(moved).drop_nulls().unique()
    )  # few bars with labels of starts, all with labels of ends
    made_of_several = touched.filter(
        touched.is_in([clock.OPENING_AUCTION, clock.CLOSING_AUCTION, clock.AFTER_HOURS])
    ).to_list()
    candidate = pl.col("minute").is_in(made_of_several).fill_null(False)
    parts = frame.filter(candidate)
    whole_key = ["symbol", "minute"]
    repeated = parts.select("symbol", "_minute").is_duplicated()
    bars = (
        parts.with_columns(_repeated=repeated)
        .group_by(whole_key)
        .agg(_fold=(pl.len() > 1) & ~pl.col("_repeated").any() & (pl.col(UNREADABLE).null_count() == pl.len()))
    )
    parts = parts.join(bars, on=whole_key, how="left", nulls_equal=True, maintain_order="left")
    merged = parts.filter("_fold").sort("symbol", "_minute")
    whole = merged.group_by(whole_key, maintain_order=True).agg(_merged(frame.columns))
    left = [frame.filter(~candidate), parts.filter(~pl.col("_fold")), whole]
    return pl.concat([part.select(frame.columns) for part in left]).drop("_minute")


def _merged(columns: list[str]) -> list[pl.Expr]:
    """Combine several bars into one: sums are added, and prices are taken over the parts with volume where volumes are known."""
    if "volume" in columns:
        counts = (pl.col("volume") > 0).fill_null(False) | ~(pl.col("volume") > 0).any()
    else:
        counts = pl.lit(True)

    def prices(column: str) -> pl.Expr:
        return pl.col(column).filter(counts & pl.col(column).is_not_null())

    merged: Mapping[str, pl.Expr] = {
        "open": prices("open").first() if "open" in columns else pl.lit(None),
        "high": prices("high").max() if "high" in columns else pl.lit(None),
        "low": prices("low").min() if "low" in columns else pl.lit(None),
        "close": prices("close").last(),
        **{column: pl.when(pl.col(column).count() > 0).then(pl.col(column).sum()) for column in SUMS},
        **{column: pl.lit(None, pl.Float64) for column in MEANS},  # a mean over quotes cannot be computed from means
        "at_limit_up": pl.col("at_limit_up").last(),
        "at_limit_down": pl.col("at_limit_down").last(),
        "_minute": pl.col("_minute").last(),
        UNREADABLE: pl.lit(None, pl.String),
    }
    return [merged[column].alias(column) for column in columns if column in merged]


def _auction_in_first_bar(frame: pl.DataFrame, name: str, ends: Sequence[int]) -> pl.DataFrame:
    """Add a bar of the opening auction with the open of the first minute as its price. Its volume is part of that minute's.

    ends: the labels of delivered auction bars where labels are ends, in minutes since midnight.
    """
    own = frame.filter(pl.col("minute") == clock.OPENING_AUCTION)
    if own.height and ("volume" not in own.columns or (own["volume"] != 0).any()):
        labels = ", ".join(map(clock_time, ends))
        read = (
            f"labelled {labels}, which landing.bars.minute_labels = 'end' reads as the opening auction"
            if ends
            else "565"
        )
        remedy = (
            ", or minute_labels to 'start' where the bar labelled 09:30 begins then" if clock.MORNING in ends else ""
        )
        raise InputError(
            f"{name} has {own.height} bars of the opening auction ({read}), but landing.bars.opening_auction = 'first_bar' declares "
            f"that the auction is part of the first minute's bar. Set it to 'own_bar'{remedy}."
        )
    frame = frame.filter(pl.col("minute").ne_missing(clock.OPENING_AUCTION))
    if "open" not in frame.columns:
        return frame
    first = frame.filter(
        (pl.col("minute") == clock.MORNING) & pl.col("open").is_not_null() & pl.col(UNREADABLE).is_null()
    )
    counted_columns = {column: pl.lit(0, BARS[column]) for column in SUMS if column in frame.columns}
    auction = first.select(
        "symbol",
        minute=pl.lit(clock.OPENING_AUCTION, pl.Int32),
        **{column: pl.col("open") for column in PRICES if column in frame.columns},
        **counted_columns,
    )
    return pl.concat([frame, auction], how="diagonal")
