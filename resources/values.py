"""Reads one delivered column of text or typed cells into a typed column, with the reason for each cell that cannot be read.

This module reads dates, whole numbers, numbers, flags and words as vendors, spreadsheets and data frames write them. symbols.py
reads symbols, delivered_files.py files, and assets/ticks ticks (with its own compiled parser).

A cell is read only where it is unambiguous. Digits are never guessed: a number that a spreadsheet has rounded, a date whose day and
month may be exchanged, and a serial number of a spreadsheet are unreadable. Empty cells are null.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from resources.reasons import Code, Reason

SHANGHAI = ZoneInfo("Asia/Shanghai")
BLANKS = ' "\t\r\n\0\u00a0\u3000\ufeff'
"""The characters that are stripped from every value: blanks of every kind, quotes, and the byte order mark."""
NOTHING = frozenset({"", "nan", "nat", "none", "null", "<na>", "n/a", "#n/a", "na", "--", "-", "—", "无"})
"""The words, in lower case, for a missing value. An infinite number is unreadable instead, because a value was meant."""
FLAGS = {
    **dict.fromkeys(("1", "1.0", "true", "t", "yes", "y", "是"), True),
    **dict.fromkeys(("0", "0.0", "false", "f", "no", "n", "否"), False),
}
NEGLIGIBLE = 1e-6
"""A whole number that is closer to 0 than this is 0: some vendors write 5.9e-39 for 0."""
WHOLE_SLACK = 1e-3  # rounding error of a change of units: .57 lots are 56.99999999999999 shares
EXACT_FLOAT = 2.0**53  # a 64-bit float does not represent every whole number from here on
DateOrder = Literal["year_first", "day_first", "month_first"]
# Reasons of rows with an unreadable cell, without and with the cell. The cause is one of the reasons below.
CELL_UNREADABLE = Code("cell_unreadable", ("column", "cause"))
CELL_AS_DELIVERED = Code("cell_as_delivered", ("column", "cell", "cause"))
# Reasons why a cell cannot be read. Each is a phrase about the cell that does not repeat it, so that equal faults can be counted.
NO_SINGLE_VALUE = Code("no_single_value", ("dtype",))
IS_A_TIME = Code("is_a_time")
IS_INFINITE = Code("is_infinite")
BEYOND_EXACT = Code("beyond_exact")
OUTSIDE_TYPE = Code("outside_type", ("dtype",))
POINT_BETWEEN_THOUSANDS = Code("point_between_thousands")
NOT_WHOLE = Code("not_whole")
ROUNDED_DIGITS = Code("rounded_digits")
DECIMAL_COMMA = Code("decimal_comma")
PERCENT_SIGN = Code("percent_sign")
SPREADSHEET_ERROR = Code("spreadsheet_error")
NO_NUMBER = Code("no_number")
NO_DATE = Code("no_date")
TIME_OF_DAY = Code("time_of_day")
SERIAL_NUMBER = Code("serial_number")
NO_TIME_AFTER_DATE = Code("no_time_after_date")
AMBIGUOUS_DATE = Code("ambiguous_date")
NO_CALENDAR_DAY = Code("no_calendar_day")
NO_FLAG = Code("no_flag")
BYTES_NO_TEXT = Code("bytes_no_text")

_PLAIN = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$"
_GROUPED = r"^[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?$"
_DECIMAL_COMMA = r"^[+-]?(?:[0-9]*,(?:[0-9]{1,2}|[0-9]{4,})|0[0-9]*,[0-9]*|[0-9]+\.[0-9.]*,[0-9]+)$"
_GROUPED_BY_POINTS_TWICE = r"^\s*[1-9][0-9]{0,2}(?:\.[0-9]{3}){2,}\s*$"
_GROUPED_BY_POINTS = r"^[+-]?[1-9][0-9]{0,2}(?:\.[0-9]{3})+$"
_EXPONENT = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][+-]?[0-9]{1,3}$"
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
    """A column that was read.

    values: null where the cell is empty or cannot be read. reasons: the reasons (`Reason.dumps`) of unreadable cells, else null; of
    type Null where every cell can be read, else String.
    """

    values: pl.Series
    reasons: pl.Series

    @property
    def faulty(self) -> bool:
        """Whether any cell is unreadable."""
        return self.reasons.null_count() < len(self.reasons)


@dataclass(frozen=True)
class Stamps:
    """The reading of time stamps and dates: the zone of stamps without one, and the order of a date's parts."""

    time_zone: str = "Asia/Shanghai"
    date_order: DateOrder = "year_first"


class Unreadable(Exception):
    """One cell cannot be read, for `reason`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason


def read_column(cells: pl.Series, dtype: Any, *, stamps: Stamps = Stamps(), scale: float = 1) -> Column:
    """Read a delivered column as `dtype`: Date, Int64 (or any other integer), Float64, Boolean or String.

    Args:
        cells: the cells as delivered. Every cell of a column of lists or structures is unreadable.
        dtype: the type of the result.
        stamps: the reading of time stamps and dates.
        scale: the factor from the delivered unit to the unit of the result (100 from lots to shares); for numbers only.

    >>> read_column(pl.Series(["1,234", "8.03E+05", "--"]), pl.Int64).values.to_list()
    [1234, None, None]
    """
    if cells.dtype == pl.Null:
        return _clean(pl.Series(cells.name, [None] * len(cells), dtype))
    if cells.dtype.is_nested() or cells.dtype in (pl.Object, pl.Binary):
        return _condemned(cells, dtype, NO_SINGLE_VALUE(dtype=str(cells.dtype)))
    if isinstance(cells.dtype, pl.Categorical | pl.Enum):
        cells = cells.cast(pl.String)
    if isinstance(cells.dtype, pl.Decimal):
        cells = cells.cast(pl.String)
    if cells.dtype == dtype and dtype.is_integer() and scale == 1:
        return _clean(cells)
    if dtype == pl.Date:
        return _dates(cells, stamps)
    if dtype == pl.Boolean:
        return _flags(cells)
    if dtype == pl.String:
        return _words(cells)
    if cells.dtype.is_temporal():
        return _condemned(cells, dtype, IS_A_TIME())
    if dtype.is_integer():
        return _whole(cells, dtype, scale)
    return _numbers(cells, dtype, scale)


def stripped(cells: pl.Series) -> pl.Series:
    """Strip the text cells of BLANKS; words for a missing value become null."""
    text = cells.str.strip_chars(BLANKS)
    return text.set(text.str.to_lowercase().is_in(list(NOTHING)).fill_null(False), None)


def map_distinct(cells: pl.Series, read: Callable[[Any], Any], dtype: Any) -> Column:
    """Apply `read` once to each distinct non-null cell. `read` raises Unreadable with the reason."""
    distinct = cells.drop_nulls().unique()
    values: list[Any] = []
    reasons: list[str | None] = []
    for cell in distinct.to_list():
        try:
            values.append(read(cell))
            reasons.append(None)
        except Unreadable as error:
            values.append(None)
            reasons.append(error.reason.dumps())
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
    reasons = None
    if cells.dtype == pl.String:
        cells, reasons = _plain_numbers(cells)
    values = cells.cast(pl.Float64, strict=False)
    strange = ~values.is_finite()
    if reasons is None:
        infinite = values.is_infinite().fill_null(False)
        reasons = put(_none(cells).cast(pl.String), infinite, IS_INFINITE().dumps()) if infinite.any() else None
    elif strange.any():
        reasons = put(reasons.cast(pl.String), strange.fill_null(False), BEYOND_EXACT().dumps())
    if strange.any():
        values = values.set(strange.fill_null(False), None)
    if scale != 1:  # no price, amount or weight has more than twelve decimals; further digits are rounding errors
        values = (values * scale).round(4 if scale > 1 else 12)
    return _clean(values.cast(dtype)) if reasons is None else Column(values.cast(dtype), reasons)


def _whole(cells: pl.Series, dtype: Any, scale: float) -> Column:
    reasons = _none(cells)
    if cells.dtype == pl.String:
        parted = bool(cells.str.contains(_GROUPED_BY_POINTS_TWICE).any())
        cells, reasons = _plain_numbers(cells)
        exact = cells.cast(pl.Int64, strict=False)  # also exact beyond 2⁵³
        if exact.null_count() > cells.null_count():
            cells, reasons = _without_points(cells, reasons, parted) if scale == 1 else (cells, reasons)
            exact = cells.str.replace(r"\.0*$", "").cast(pl.Int64, strict=False)
    elif cells.dtype.is_integer() or cells.dtype == pl.Boolean:
        exact = cells.cast(pl.Int64, strict=False)
    else:
        cells = cells.cast(pl.Float64, strict=False)
        infinite = cells.is_infinite().fill_null(False)
        reasons = put(reasons.cast(pl.String), infinite, IS_INFINITE().dumps()) if infinite.any() else reasons
        cells = cells.set(~cells.is_finite().fill_null(True), None)
        inexact = (cells != cells.round()) | (cells.abs() >= EXACT_FLOAT)
        exact = cells.set(inexact.fill_null(False), None).cast(pl.Int64, strict=False)
    if scale != 1:
        overflows = (exact.abs() > (2**63 - 1) // int(scale)).fill_null(False)
        exact = exact.set(overflows, None) * int(scale)
    left = exact.is_null() & cells.is_not_null()
    if left.any():
        exact, reasons = _nearly_whole(cells, exact, reasons.cast(pl.String), left, scale)
    values = exact.cast(dtype, strict=False)
    outside = values.is_null() & exact.is_not_null()
    if outside.any():
        reasons = put(reasons.cast(pl.String), outside, OUTSIDE_TYPE(dtype=str(dtype)).dumps())
    return Column(values, reasons)


def _without_points(cells: pl.Series, reasons: pl.Series, parted: bool) -> tuple[pl.Series, pl.Series]:
    """Mark numbers whose points may separate thousands. Where a column of whole numbers has 818.600 or 1.234.567 (`parted`), points
    do, and 818.000 is not 818."""
    grouped = cells.str.contains(_GROUPED_BY_POINTS).fill_null(False)
    if not parted and not (grouped & ~cells.str.contains(r"\.0+$").fill_null(False)).any():
        return cells, reasons
    return cells.set(grouped, None), put(reasons.cast(pl.String), grouped, POINT_BETWEEN_THOUSANDS().dumps())


def _nearly_whole(
    cells: pl.Series, exact: pl.Series, reasons: pl.Series, left: pl.Series, scale: float
) -> tuple[pl.Series, pl.Series]:
    """Read the cells `left` as floats, and accept those that are near 0 or whole in the unit of the result: (values, reasons)."""
    scaled = cells.filter(left).cast(pl.Float64, strict=False) * scale
    near = scaled.round()
    slack = NEGLIGIBLE if scale == 1 else WHOLE_SLACK
    whole = ((scaled - near).abs() <= slack) & (near.abs() < EXACT_FLOAT) & ((near == 0) | (scale != 1))
    why = pl.select(
        pl.when(whole).then(None)
        .when(scaled.abs() >= EXACT_FLOAT).then(BEYOND_EXACT.column())
        .otherwise(NOT_WHOLE.column())
    ).to_series()  # fmt: skip
    return put(exact, left, near.set(~whole, None).cast(pl.Int64)), put(reasons, left, why)


def _plain_numbers(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Normalise numbers to digits with at most one point: (text, reasons). Empty and inexact cells are null."""
    text = cells.str.strip_chars(BLANKS)
    odd = (~text.str.contains(_PLAIN)).fill_null(False)
    if not odd.any():
        return text, _none(text)
    strange = text.filter(odd)
    if strange.str.contains(_DECIMAL_COMMA).any():  # beside 28,83 the comma of 28,830 is a decimal comma too
        strange = strange.str.replace(r"^([+-]?[0-9.]*),([0-9]*)$", "$1;$2")
    read = map_distinct(strange, _odd_number, pl.String)
    return put(text, odd, read.values), put(_none(text).cast(pl.String), odd, read.reasons.cast(pl.String))


def _odd_number(cell: str) -> str | None:
    """The plain form of a number in another notation; None where the cell is empty. Raises Unreadable."""
    text = unicodedata.normalize("NFKC", cell).replace("\u2212", "-").strip(BLANKS)
    if text.lower() in NOTHING:
        return None
    if re.fullmatch(_GROUPED, text):
        text = text.replace(",", "")
    if re.fullmatch(_PLAIN, text):
        return text
    if re.fullmatch(_EXPONENT, text):
        if rounded(text):
            raise Unreadable(ROUNDED_DIGITS())
        if abs(float(text)) >= EXACT_FLOAT:
            raise Unreadable(BEYOND_EXACT())
        return np.format_float_positional(float(text), trim="-")
    if ";" in text:
        raise Unreadable(DECIMAL_COMMA())
    if text.endswith("%"):
        raise Unreadable(PERCENT_SIGN())
    if text.startswith("#"):
        raise Unreadable(SPREADSHEET_ERROR())
    raise Unreadable(NO_NUMBER())


def rounded(cell: str) -> bool:
    """Whether a number with an exponent may have lost digits, as 8.03E+05 of 803212 has.

    8.03212E+05 has all digits, and some programs write 1E5 for 100000.
    """
    written = _SHOWN.fullmatch(cell)
    return written is not None and len(written[1]) < int(written[2])


def put(cells: pl.Series, where: pl.Series, values: pl.Series | str) -> pl.Series:
    """Copy `cells` with `values` at the positions where `where` is true."""
    return cells.clone().scatter(where.arg_true(), values)


# --- dates --------------------------------------------------------------------------------------------------------------


def _dates(cells: pl.Series, stamps: Stamps) -> Column:
    if cells.dtype == pl.Date:
        return _clean(cells)
    if isinstance(cells.dtype, pl.Datetime):
        carried = cells.dtype.time_zone is not None
        zoned = cells if carried else cells.dt.replace_time_zone(stamps.time_zone)
        return map_distinct(zoned, lambda stamp: _day_of(stamp, carried), pl.Date)
    if cells.dtype == pl.Boolean or cells.dtype.is_temporal():
        return _condemned(cells, pl.Date, NO_DATE())
    if cells.dtype.is_numeric():
        if cells.dtype.is_float():
            cells = cells.set(~cells.is_finite().fill_null(True), None)
        return map_distinct(cells, _day_of_number, pl.Date)
    return map_distinct(stripped(cells), lambda cell: day_of_text(cell, stamps), pl.Date)


def _day_of(stamp: dt.datetime, carried: bool) -> dt.date:
    """The day of a stamp that is a midnight in Shanghai. Raises Unreadable.

    carried: whether the delivery itself names the zone. Then a midnight in UTC is accepted too, since data frames store plain dates so.
    """
    local = stamp.astimezone(SHANGHAI)
    if local.time() == dt.time(0):
        return local.date()
    if carried and stamp.utcoffset() == dt.timedelta(0) and stamp.time() == dt.time(0):
        return stamp.date()
    raise Unreadable(TIME_OF_DAY())


def _day_of_number(number: float) -> dt.date:
    """The day of a number such as 20230201, never one of days since some year. Raises Unreadable."""
    if number != int(number) or not 19000101 <= number <= 99991231:
        raise Unreadable(SERIAL_NUMBER())
    return _calendar_day(int(number) // 10_000, int(number) // 100 % 100, int(number) % 100)


def day_of_text(cell: str, stamps: Stamps) -> dt.date:
    """Read a date: 2023-02-01, 2023/2/1, 2023.02.01, 20230201, 20230201.0 or 2023年2月1日, each with or without a midnight after it.

    Raises:
        Unreadable: the text is no date, or is ambiguous.
    """
    text = re.sub(r"^(\d{8})\.0+$", r"\1", unicodedata.normalize("NFKC", cell).strip(BLANKS), flags=re.ASCII)
    parts = _STAMP.fullmatch(text)
    if parts is None:
        return _plain_day(text, stamps)
    stamp, carried = stamp_of(_plain_day(parts["date"], stamps), parts["time"], parts["zone"], stamps.time_zone)
    return _day_of(stamp, carried)


def stamp_of(day: dt.date, time: str, zone: str | None, default_zone: str) -> tuple[dt.datetime, bool]:
    """Combine a day and a time of day (9:31, 09:31:00 or 09:31:00.000).

    Returns:
        The moment, and whether the text itself names a zone.

    Raises:
        Unreadable: the time is no time of day.
    """
    try:
        clock = dt.time.fromisoformat(time.zfill(len(time) + (time.index(":") == 1)))
    except ValueError:
        raise Unreadable(NO_TIME_AFTER_DATE()) from None
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
            raise Unreadable(AMBIGUOUS_DATE())
        return _calendar_day(year, *((second, first) if stamps.date_order == "day_first" else (first, second)))
    if re.fullmatch(r"\d{5}(\.\d+)?", text, re.ASCII):
        raise Unreadable(SERIAL_NUMBER())
    raise Unreadable(NO_DATE())


def _calendar_day(year: int, month: int, day: int) -> dt.date:
    try:
        return dt.date(year, month, day)
    except ValueError:
        raise Unreadable(NO_CALENDAR_DAY()) from None


# --- flags and words ----------------------------------------------------------------------------------------------------


def _flags(cells: pl.Series) -> Column:
    if cells.dtype == pl.Boolean:
        return _clean(cells)
    if cells.dtype.is_temporal():
        return _condemned(cells, pl.Boolean, NO_FLAG())
    if cells.dtype.is_float():
        cells = cells.set(~cells.is_finite().fill_null(True), None)
    return map_distinct(stripped(cells) if cells.dtype == pl.String else cells, _flag, pl.Boolean)


def _flag(cell: Any) -> bool:
    word = unicodedata.normalize("NFKC", str(cell)).strip(BLANKS).lower()
    if word not in FLAGS:
        raise Unreadable(NO_FLAG())
    return FLAGS[word]


def _words(cells: pl.Series) -> Column:
    if cells.dtype == pl.String:
        text = stripped(cells)
        damaged = text.str.contains("\ufffd", literal=True).fill_null(False)
        if not damaged.any():
            return _clean(text)
        return Column(text.set(damaged, None), put(_none(text).cast(pl.String), damaged, BYTES_NO_TEXT().dumps()))
    if cells.dtype.is_float():  # a data frame holds a code beside a missing one as 600519.0
        cells = cells.set(~cells.is_finite().fill_null(True), None)
        if (cells == cells.round()).fill_null(True).all():
            cells = cells.cast(pl.Int64, strict=False)
    return _clean(cells.cast(pl.String))


def _word(cell: str) -> str | None:
    word = cell.strip(BLANKS)
    if "\ufffd" in word:
        raise Unreadable(BYTES_NO_TEXT())
    return None if word.lower() in NOTHING else word


def _clean(values: pl.Series) -> Column:
    return Column(values, _none(values))


def _none(cells: pl.Series) -> pl.Series:
    """As many nulls, without memory for each."""
    return pl.Series(cells.name, [None], pl.Null).new_from_index(0, len(cells))


def _condemned(cells: pl.Series, dtype: Any, reason: Reason) -> Column:
    nothing = pl.Series(cells.name, [None], dtype).new_from_index(0, len(cells))
    return Column(nothing, put(_none(cells).cast(pl.String), cells.is_not_null(), reason.dumps()))


def shown(cell: Any) -> str:
    """Format a delivered cell for a message; text is in quotes, so that blanks are visible."""
    return repr(cut(cell)) if isinstance(cell, str) else str(cell)


def median_of(values: pl.Series) -> float:
    """The median of numbers, at least one of which must not be null."""
    return float(values.to_frame().select(pl.all().median()).item())


def cut(text: str, most: int = 80) -> str:
    """Cut a delivered text to `most` characters for a message. A file in an unknown encoding may be one cell of a million."""
    return text if len(text) <= most else f"{text[: most - 2]} …"
