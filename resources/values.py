"""What one delivered column says: text or typed cells → a typed column, and for each cell that cannot be read the reason.

Here: dates, whole numbers, numbers, flags and words as vendors, spreadsheets and data frames write them. Symbols stand in
symbols.py, files in delivered_files.py, ticks in assets/ticks (a compiled parser of its own).

A cell is read where it can mean one thing only. Digits are never guessed: a number that a spreadsheet has rounded, a date
whose day and month may be exchanged and a serial number of a spreadsheet are refused. Cells that say nothing are null.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

SHANGHAI = ZoneInfo("Asia/Shanghai")
BLANKS = ' "\t\r\n\0\u00a0\u3000\ufeff'
"""What may stand around any value: blanks of every kind, quotes, and the byte-order mark."""
NOTHING = frozenset(
    {"", "nan", "nat", "none", "null", "<na>", "n/a", "#n/a", "na", "--", "-", "—", "inf", "-inf", "+inf", "infinity"}
)
"""Words, in lower case, that say that there is no value. Infinity is what a division by nothing leaves."""
FLAGS = {
    **dict.fromkeys(("1", "1.0", "true", "t", "yes", "y", "是"), True),
    **dict.fromkeys(("0", "0.0", "false", "f", "no", "n", "否"), False),
}
NEGLIGIBLE = 1e-6
"""A whole number that is closer than this to 0 is 0: some vendors write 5.9e-39 for nothing."""
WHOLE_SLACK = 1e-3  # what changing the unit of a float may leave: .57 lots are 56.99999999999999 shares
EXACT_FLOAT = 2.0**53  # from here on a float holds no longer every whole number
DateOrder = Literal["year_first", "day_first", "month_first"]

_PLAIN = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)$"
_GROUPED = r"^[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?$"
_EXPONENT = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]{1,3}$"
_SHOWN = re.compile(r"[+-]?\d*\.(\d*)[eE]\+?(\d{1,3})", re.ASCII)
_DATE = re.compile(
    r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})|(\d{4})年(\d{1,2})月(\d{1,2})日|(\d{4})(\d{2})(\d{2})", re.ASCII
)
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})", re.ASCII)
_STAMP = re.compile(
    r"(?P<date>\S+)[ T]+(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?", re.ASCII
)


@dataclass(frozen=True)
class Column:
    """A column read. values: null where the cell says nothing or cannot be read. reasons: String, null but for the latter.

    A reason is a phrase about the cell that does not name it: "is no number", so that equal faults can be counted.
    """

    values: pl.Series
    reasons: pl.Series

    @property
    def faulty(self) -> bool:
        return self.reasons.null_count() < len(self.reasons)


@dataclass(frozen=True)
class Stamps:
    """How time stamps and dates are meant: the zone of stamps without one, and the order of a date's parts."""

    time_zone: str = "Asia/Shanghai"
    date_order: DateOrder = "year_first"


class Unreadable(Exception):
    """Why one cell cannot be read; for the functions that read one cell at a time."""


def read_column(cells: pl.Series, dtype: Any, *, stamps: Stamps = Stamps(), scale: float = 1) -> Column:
    """A delivered column in type `dtype`: Date, Int64 (or any other integer), Float64, Boolean or String.

    scale: what one delivered unit is, in ours (a lot is 100 shares); for numbers only. A column of lists or structures is
    unreadable in every cell.

    >>> read_column(pl.Series(["1,234", "8.03E+05", "--"]), pl.Int64).values.to_list()
    [1234, None, None]
    """
    if cells.dtype == pl.Null:
        return _clean(pl.Series(cells.name, [None] * len(cells), dtype))
    if cells.dtype.is_nested() or cells.dtype in (pl.Object, pl.Binary):
        return _condemned(cells, dtype, f"is of type {cells.dtype}: one value per row is needed")
    if isinstance(cells.dtype, pl.Categorical | pl.Enum):
        cells = cells.cast(pl.String)
    if isinstance(cells.dtype, pl.Decimal):
        cells = cells.cast(pl.String)
    if dtype == pl.Date:
        return _dates(cells, stamps)
    if dtype == pl.Boolean:
        return _flags(cells)
    if dtype == pl.String:
        return _words(cells)
    if cells.dtype.is_temporal():
        return _condemned(cells, dtype, "is a time, not a number")
    if dtype.is_integer():
        return _whole(cells, dtype, scale)
    return _numbers(cells, dtype, scale)


def stripped(cells: pl.Series) -> pl.Series:
    """Text without what may stand around a value; null where it says nothing."""
    text = cells.str.strip_chars(BLANKS)
    return text.set(text.str.to_lowercase().is_in(list(NOTHING)).fill_null(False), None)


def map_distinct(cells: pl.Series, read: Callable[[Any], Any], dtype: Any) -> Column:
    """`read` applied once to each distinct non-null cell; it raises Unreadable with the reason."""
    distinct = cells.drop_nulls().unique()
    values: list[Any] = []
    reasons: list[str | None] = []
    for cell in distinct.to_list():
        try:
            values.append(read(cell))
            reasons.append(None)
        except Unreadable as error:
            values.append(None)
            reasons.append(str(error))
    if not values:
        return _clean(pl.Series(cells.name, [None] * len(cells), dtype))
    found = pl.Series(values, dtype=dtype)
    column = cells.replace_strict(distinct, found, default=None, return_dtype=dtype).alias(cells.name)
    if not any(reasons):
        return _clean(column)
    why = pl.Series(reasons, dtype=pl.String)
    return Column(column, cells.replace_strict(distinct, why, default=None, return_dtype=pl.String).alias(cells.name))


# --- numbers ------------------------------------------------------------------------------------------------------------


def _numbers(cells: pl.Series, dtype: Any, scale: float) -> Column:
    if cells.dtype == pl.String:
        text = stripped(cells)
        plain = _plain_numbers(text)
        values = plain.cast(pl.Float64, strict=False)
        reasons = _number_reasons(text, plain)
    else:
        values, reasons = cells.cast(pl.Float64, strict=False), None
    if reasons is not None:
        reasons = reasons.set(text.is_not_null() & values.is_null() & reasons.is_null(), "is no number")
    values = values.set(~values.is_finite().fill_null(True), None)
    if scale != 1:  # twelve digits after the point are more than any price, amount or weight has; the rest is noise
        values = (values * scale).round(4 if scale > 1 else 12)
    values = values.cast(dtype)
    return _clean(values) if reasons is None else Column(values, reasons)


def _whole(cells: pl.Series, dtype: Any, scale: float) -> Column:
    reasons = pl.Series(cells.name, [None], pl.String).new_from_index(0, len(cells))
    if cells.dtype == pl.String:
        text = stripped(cells)
        plain = _plain_numbers(text)
        reasons = _number_reasons(text, plain)
        exact = plain.str.replace(r"\.0*$", "").cast(pl.Int64, strict=False)  # beyond 2⁵³ too
        floats = plain.cast(pl.Float64, strict=False)
    elif cells.dtype.is_integer() or cells.dtype == pl.Boolean:
        exact, floats = cells.cast(pl.Int64, strict=False), cells.cast(pl.Float64)
    else:
        floats = cells.cast(pl.Float64, strict=False)
        floats = floats.set(~floats.is_finite().fill_null(True), None)
        exact = floats.set(
            (floats != floats.round()).fill_null(False) | (floats.abs() >= EXACT_FLOAT).fill_null(False), None
        )
        exact = exact.cast(pl.Int64, strict=False)
    if scale != 1 and scale == int(scale):
        overflows = (exact.abs() > (2**63 - 1) // int(scale)).fill_null(False)
        exact = exact.set(overflows, None) * int(scale)
    scaled = floats * scale
    near = scaled.round()
    slack = NEGLIGIBLE if scale == 1 else WHOLE_SLACK
    close = ((scaled - near).abs() <= slack) & (near.abs() < EXACT_FLOAT) & ((near == 0) | (scale != 1))
    rounded = near.set(~close.fill_null(False), None).cast(pl.Int64, strict=False)
    values = pl.select(pl.coalesce(exact, rounded)).to_series().alias(cells.name)
    lost = values.is_null() & floats.is_not_null() & reasons.is_null()
    if lost.any():
        large = floats.abs() * max(scale, 1) >= EXACT_FLOAT
        reasons = reasons.set(lost & large.fill_null(False), "is beyond what can be held exactly")
        reasons = reasons.set(lost & ~large.fill_null(False), "is no whole number")
    if cells.dtype == pl.String:
        reasons = reasons.set(text.is_not_null() & values.is_null() & reasons.is_null(), "is no number")
    narrowed = values.cast(dtype, strict=False)
    outside = narrowed.is_null() & values.is_not_null()
    if outside.any():
        reasons = reasons.set(outside, f"is outside the range of {dtype}")
    return Column(narrowed, reasons)


def _plain_numbers(text: pl.Series) -> pl.Series:
    """Digits with a point at most, or an exponent that loses no digit; null where the text is something else."""
    plain = text.str.contains(_PLAIN)
    if (plain | text.is_null()).all():
        return text
    folded = text.set(~plain.fill_null(False), None)
    odd = (~plain).fill_null(False)
    return put(folded, odd, map_distinct(text.filter(odd), _odd_number, pl.String).values)


def _odd_number(cell: str) -> str | None:
    """The plain form of a number that is written otherwise; None where it is no number. Raises nothing."""
    cell = unicodedata.normalize("NFKC", cell).replace("，", ",").replace("\u2212", "-").strip(BLANKS)
    if re.fullmatch(_GROUPED, cell, re.ASCII):
        cell = cell.replace(",", "")
    if re.fullmatch(_PLAIN, cell, re.ASCII):
        return cell
    if re.fullmatch(_EXPONENT, cell, re.ASCII) and not rounded(cell):
        return np.format_float_positional(float(cell), trim="-") if abs(float(cell)) < EXACT_FLOAT else None
    return None


def rounded(cell: str) -> bool:
    """Whether a number with an exponent may have lost digits: 8.03E+05 of 803212, where 8.03212E+05 has them all and 1E5 is
    how some programs write 100000."""
    shown = _SHOWN.fullmatch(cell)
    return shown is not None and len(shown[1]) < int(shown[2])


def put(cells: pl.Series, where: pl.Series, values: pl.Series) -> pl.Series:
    """A copy of `cells` with `values` in the places where `where` is true."""
    return cells.clone().scatter(where.arg_true(), values)


def _number_reasons(text: pl.Series, plain: pl.Series) -> pl.Series:
    bad = text.is_not_null() & plain.is_null()
    reasons = pl.Series(text.name, [None], pl.String).new_from_index(0, len(text))
    if not bad.any():
        return reasons
    return put(reasons, bad, map_distinct(text.filter(bad), _why_no_number, pl.String).values)


def _why_no_number(cell: str) -> str:
    folded = unicodedata.normalize("NFKC", cell).strip(BLANKS)
    if re.fullmatch(_EXPONENT, folded, re.ASCII):
        lost = "is rounded, as a spreadsheet shows large numbers: digits are lost"
        return lost if rounded(folded) else "is beyond what can be held exactly"
    if folded.endswith("%"):
        return "carries a percent sign: deliver fractions"
    if folded.startswith("#"):
        return "is an error of a spreadsheet"
    return "is no number"


# --- dates --------------------------------------------------------------------------------------------------------------


def _dates(cells: pl.Series, stamps: Stamps) -> Column:
    if cells.dtype == pl.Date:
        return _clean(cells)
    if isinstance(cells.dtype, pl.Datetime):
        carried = cells.dtype.time_zone is not None
        zoned = cells if carried else cells.dt.replace_time_zone(stamps.time_zone)
        return map_distinct(zoned, lambda stamp: _day_of(stamp, carried), pl.Date)
    if cells.dtype == pl.Boolean or cells.dtype.is_temporal():
        return _condemned(cells, pl.Date, "is no date")
    if cells.dtype.is_numeric():
        if cells.dtype.is_float():
            cells = cells.set(~cells.is_finite().fill_null(True), None)
        return map_distinct(cells, _day_of_number, pl.Date)
    return map_distinct(stripped(cells), lambda cell: day_of_text(cell, stamps), pl.Date)


def _day_of(stamp: dt.datetime, carried: bool) -> dt.date:
    """The day in Shanghai of which a stamp is the midnight. carried: the delivery itself names the zone; then midnight in UTC
    is a day too, as data frames make of plain dates."""
    local = stamp.astimezone(SHANGHAI)
    if local.time() == dt.time(0):
        return local.date()
    if carried and stamp.utcoffset() == dt.timedelta(0) and stamp.time() == dt.time(0):
        return stamp.date()
    raise Unreadable("has a time of day in Shanghai: a date is needed, or landing.time_zone says another zone")


def _day_of_number(number: float) -> dt.date:
    """20230201, never days since some year."""
    if number != int(number) or not 19000101 <= number <= 99991231:
        raise Unreadable("is no date of the form 20230201; serial numbers of a spreadsheet are not guessed")
    return _calendar_day(int(number) // 10_000, int(number) // 100 % 100, int(number) % 100)


def day_of_text(cell: str, stamps: Stamps) -> dt.date:
    """The date of 2023-02-01, 2023/2/1, 2023.02.01, 20230201, 20230201.0, 2023年2月1日, each with midnight behind it or
    without. Raises Unreadable."""
    text = re.sub(r"^(\d{8})\.0+$", r"\1", unicodedata.normalize("NFKC", cell).strip(BLANKS), flags=re.ASCII)
    parts = _STAMP.fullmatch(text)
    if parts is None:
        return _plain_day(text, stamps)
    stamp, carried = stamp_of(_plain_day(parts["date"], stamps), parts["time"], parts["zone"], stamps.time_zone)
    return _day_of(stamp, carried)


def stamp_of(day: dt.date, time: str, zone: str | None, default_zone: str) -> tuple[dt.datetime, bool]:
    """(the moment, whether the text itself named a zone). time: 9:31, 09:31:00 or 09:31:00.000. Raises Unreadable."""
    try:
        clock = dt.time.fromisoformat(time.zfill(len(time) + (time.index(":") == 1)))
    except ValueError:
        raise Unreadable("has no time of day behind the date") from None
    if zone is None:
        return dt.datetime.combine(day, clock, ZoneInfo(default_zone)), False
    minutes = 0
    if zone not in ("Z", "UTC"):
        minutes = int(f"{zone[0]}1") * (int(zone[1:3]) * 60 + int(zone[-2:]))
    return dt.datetime.combine(day, clock, dt.timezone(dt.timedelta(minutes=minutes))), True


def _plain_day(text: str, stamps: Stamps) -> dt.date:
    if found := _DATE.fullmatch(text):
        year, month, day = (int(part) for part in found.groups() if part is not None)
        return _calendar_day(year, month, day)
    if found := _YEAR_LAST.fullmatch(text):
        first, second, year = map(int, found.groups())
        if stamps.date_order == "year_first":
            raise Unreadable("may be read with day or month first: the setting landing.date_order says which")
        return _calendar_day(year, *((second, first) if stamps.date_order == "day_first" else (first, second)))
    if re.fullmatch(r"\d{5}(\.\d+)?", text, re.ASCII):
        raise Unreadable("is no date of the form 20230201; serial numbers of a spreadsheet are not guessed")
    raise Unreadable("is no date: write 2023-02-01")


def _calendar_day(year: int, month: int, day: int) -> dt.date:
    try:
        return dt.date(year, month, day)
    except ValueError:
        raise Unreadable("is no day of the calendar") from None


# --- flags and words ----------------------------------------------------------------------------------------------------


def _flags(cells: pl.Series) -> Column:
    if cells.dtype == pl.Boolean:
        return _clean(cells)
    if cells.dtype.is_temporal():
        return _condemned(cells, pl.Boolean, "is no flag")
    if cells.dtype.is_float():
        cells = cells.set(~cells.is_finite().fill_null(True), None)
    return map_distinct(stripped(cells) if cells.dtype == pl.String else cells, _flag, pl.Boolean)


def _flag(cell: Any) -> bool:
    word = unicodedata.normalize("NFKC", str(cell)).strip(BLANKS).lower()
    if word not in FLAGS:
        raise Unreadable("is no flag: write true or false")
    return FLAGS[word]


def _words(cells: pl.Series) -> Column:
    if cells.dtype == pl.String:
        text = stripped(cells)
        damaged = text.str.contains("\ufffd", literal=True).fill_null(False)
        if not damaged.any():
            return _clean(text)
        return Column(text.set(damaged, None), _clean(text).reasons.set(damaged, "holds bytes that are no text"))
    if cells.dtype.is_float():  # 600519.0 is how a data frame holds a code beside a missing one
        cells = cells.set(~cells.is_finite().fill_null(True), None)
        if (cells == cells.round()).fill_null(True).all():
            cells = cells.cast(pl.Int64, strict=False)
    return _clean(cells.cast(pl.String))


def _clean(values: pl.Series) -> Column:
    return Column(values, pl.Series(values.name, [None], pl.String).new_from_index(0, len(values)))


def _condemned(cells: pl.Series, dtype: Any, reason: str) -> Column:
    nothing = pl.Series(cells.name, [None], dtype).new_from_index(0, len(cells))
    why = pl.Series(cells.name, [None], pl.String).new_from_index(0, len(cells))
    return Column(nothing, why.set(cells.is_not_null(), reason))


def counted(reasons: Mapping[str, int], most: int = 3) -> str:
    """The commonest reasons with their numbers of rows, for a message: "12 rows: volume is no number; 3 rows: …"."""
    ranked = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    shown = [f"{count} row{'s' if count > 1 else ''}: {reason}" for reason, count in ranked[:most]]
    left = sum(count for _, count in ranked[most:])
    return "; ".join([*shown, *([f"{left} rows for other reasons"] if left else [])])


def shown(cell: Any) -> str:
    """A delivered cell, for a message: text in quotes, so that blanks show."""
    return repr(cell) if isinstance(cell, str) else str(cell)
