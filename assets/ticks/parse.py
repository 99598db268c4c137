# mypy: disable-error-code="assignment"
# In compiled code, int and np.int64 are the same type.
"""Parses whole lines of CSV bytes into columns of exact 64-bit integers, in one compiled pass.

This module contains the kernel and the plan that assigns columns to it. Files are opened and cut into blocks in
vendor_files.py, the plain definition of single values is in values.py, and the rules of rows are in canonical.py.

The kernel parses every form that vendors normally write. It skips and lists a line that it cannot parse in full (too few or
too many fields, a letter in a number, an impossible clock …). Exactly those lines are read again value by value, and each
that is set aside has a reason. Numbers never pass through floating point.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from assets.ticks.layouts import Field
from assets.ticks.values import LONGEST_CODE, PRICE_PLACES, forgiving

NULL = np.iinfo(np.int64).min
"""The value that represents null in the kernel's columns."""
_INTEGER, _PRICE, _CLOCK, _CODE, _SYMBOL, _DATE, _STAMP, _STAMP_DATE = range(8)
_KINDS = {
    "integer": _INTEGER,
    "ticks": _INTEGER,
    "price": _PRICE,
    "money": _PRICE,
    "clock": _CLOCK,
    "code": _CODE,
    "symbol": _SYMBOL,
    "date": _DATE,
    "stamp": _STAMP,
    "stamp_date": _STAMP_DATE,
}
_COMMA, _NEWLINE, _POINT, _MINUS, _COLON, _ZERO = (np.uint8(ord(mark)) for mark in ",\n.-:0")
_SPACE, _QUOTE, _RETURN, _TAB, _NOTHING = (np.uint8(ord(mark)) for mark in ' "\r\t\0')
_PLUS, _SLASH, _T = np.uint8(43), np.uint8(47), np.uint8(84)
_SH, _SS, _SZ, _XSHG, _XSHE = (int.from_bytes(name, "big") for name in (b"SH", b"SS", b"SZ", b"XSHG", b"XSHE"))
_SHANGHAI = 8 * 60  # minutes ahead of UTC
_OWN_SUFFIX, _NO_SUFFIX, _EITHER = 1, 2, 3


class Slots(NamedTuple):
    """The columns of a line that the kernel reads, and how it reads them; a slot is a row of the kernel's output."""

    positions: np.ndarray  # (slots,) column of each slot, ascending
    kinds: np.ndarray  # (slots,)
    code_starts: np.ndarray  # (slots + 1,) the index at which the slot's codes begin
    code_keys: np.ndarray  # the codes' bytes as numbers
    code_values: np.ndarray
    exchange: np.ndarray  # two letters
    suffixes: int  # whether symbols have the exchange after a point


@dataclass(frozen=True)
class ParsePlan:
    """The fields that are read from each line.

    slots: field name → row of the kernel's output (fields with the same column and the same meaning share one).
    """

    slots: Mapping[str, int]
    columns: int  # number of fields of a line
    read: Slots

    @classmethod
    def of(cls, fields: Mapping[str, Field], header: Sequence[str], exchange: str, text_suffix: bool) -> "ParsePlan":
        """Return the plan for lines under a header. text_suffix: every symbol must have the form 600519.SH.

        Raises ValueError where a code of the layout is longer than LONGEST_CODE bytes.
        """
        position = {name: i for i, name in reversed(list(enumerate(header)))}
        jobs: dict[tuple[int, int, tuple[tuple[str, int], ...]], list[str]] = {}
        for name, field in fields.items():
            key = (position[field.column], _KINDS[field.kind], tuple(forgiving(field.codes).items()))
            jobs.setdefault(key, []).append(name)
        order = sorted(jobs)
        starts, keys, values = [0], [], []
        for _, _, codes in order:
            for text, value in codes:
                for data in {text.encode("utf-8"), text.encode("gbk")}:
                    if len(data) > LONGEST_CODE:
                        raise ValueError(f"code {text!r} of a layout is longer than {LONGEST_CODE} bytes")
                    keys.append(int.from_bytes(data, "big"))
                    values.append(value)
            starts.append(len(keys))
        return cls(
            slots={name: slot for slot, key in enumerate(order) for name in jobs[key]},
            columns=len(header),
            read=Slots(
                positions=np.array([key[0] for key in order], np.int64),
                kinds=np.array([key[1] for key in order], np.int64),
                code_starts=np.array(starts, np.int64),
                code_keys=np.array(keys, np.int64),
                code_values=np.array(values, np.int64),
                exchange=np.frombuffer(exchange.encode(), np.uint8),
                suffixes=_OWN_SUFFIX if text_suffix else _EITHER,
            ),
        )


def parse(data: np.ndarray, lines: int, plan: ParsePlan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (values, rows, odd) of `lines` lines of bytes; every line, the last included, ends in a line end.

    values (slots, parsed lines): integers, 1/10 000 yuan, ms since midnight or meanings of codes; NULL where empty, and where
    a code is unknown. rows (parsed lines,): the line of each, from 0. odd (n, 2): line and first byte of lines that were not
    parsed.
    """
    out = np.empty((len(plan.read.positions), lines), np.int64)
    rows = np.empty(lines, np.int32)
    odd = np.empty((lines, 2), np.int64)
    read, strange = _parse(data, plan.columns, plan.read, out, rows, odd)
    return out[:, :read], rows[:read], odd[:strange].copy()


@njit(cache=True, nogil=True)
def count_lines(data: np.ndarray) -> int:
    """Return the number of line ends in the bytes."""
    count = 0
    for byte in data:
        count += byte == _NEWLINE
    return count


@njit(cache=True, nogil=True, inline="always")
def _byte(data, i):
    """Return data[i] for i >= 0; the unsigned index avoids a test for negative indices and is a fifth faster."""
    return data[np.uint64(i)]


@njit(cache=True, nogil=True, inline="always")
def _is_trim(byte):
    return byte <= _QUOTE and byte in (_SPACE, _QUOTE, _RETURN, _TAB, _NOTHING)


@njit(cache=True, nogil=True, inline="always")
def _ends(byte):
    """Return whether the byte ends a field."""
    return byte in (_COMMA, _NEWLINE)


@njit(cache=True, nogil=True)
def _number(data, i, places):
    """Return (value × 10**places, the byte after it, whether it was parsed) of the number that begins at byte i."""
    begin = i
    negative = _byte(data, i) == _MINUS
    if negative:
        i += 1
    value = 0
    first = i
    digit = _byte(data, i) - _ZERO  # bytes below "0" wrap round, so one comparison recognises a digit
    while digit < 10:
        value = value * 10 + np.int64(digit)
        i += 1
        digit = _byte(data, i) - _ZERO
    digits = i - first
    if digits > 18 - places:
        return NULL, i, False
    fraction = 0
    if _byte(data, i) == _POINT:
        i += 1
        digit = _byte(data, i) - _ZERO
        while digit < 10 and fraction < places:
            value = value * 10 + np.int64(digit)
            fraction += 1
            i += 1
            digit = _byte(data, i) - _ZERO
        digits += fraction
        if digit < 10:
            digits += 1
            if places == 0:
                while digit == 0:
                    i += 1
                    digit = _byte(data, i) - _ZERO
                if digit < 10:
                    return NULL, i, False
            else:
                value += digit >= 5
                while digit < 10:
                    i += 1
                    digit = _byte(data, i) - _ZERO
    if digits == 0:
        return NULL, i, False
    if _byte(data, i) == 69 or _byte(data, i) == 101:  # E, e
        return _scientific(data, begin, places)
    while fraction < places:
        value *= 10
        fraction += 1
    return -value if negative else value, i, True


@njit(cache=True, nogil=True)
def _scientific(data, i, places):
    """Parse a number such as 3.79791839135E9 as `_number` does: the digits as one integer, shifted by a power of ten."""
    negative = _byte(data, i) == _MINUS
    if negative:
        i += 1
    value = 0
    digits = 0
    shift = places
    pointed = False
    while True:
        digit = _byte(data, i) - _ZERO
        if digit < 10:
            value = value * 10 + np.int64(digit)
            digits += 1
            shift -= pointed
        elif _byte(data, i) == _POINT and not pointed:
            pointed = True
        else:
            break
        i += 1
    if digits == 0 or digits > 18:
        return NULL, i, False
    i += 1  # the E
    down = _byte(data, i) == _MINUS
    plus = _byte(data, i) == 43
    if down or plus:
        i += 1
    exponent = 0
    first = i
    digit = _byte(data, i) - _ZERO
    while digit < 10 and i - first < 3:
        exponent = exponent * 10 + np.int64(digit)
        i += 1
        digit = _byte(data, i) - _ZERO
    if i == first:
        return NULL, i, False
    shift += -exponent if down else exponent
    if shift > 18 - digits:
        return NULL, i, False
    if shift > places and pointed and plus:  # 1.133E+05 may have been 113304; 1E5 and 1.1333E7 are whole
        return NULL, i, False
    if shift < -18:
        shift = -18  # at most 18 digits: the rest is below a half either way, except for its first digit
        value //= 10
    if shift >= 0:
        for _ in range(shift):
            value *= 10
    else:
        unit = 1
        for _ in range(-shift):
            unit *= 10
        if places == 0 and value % unit != 0:
            return NULL, i, False
        value = value // unit + (value % unit >= unit - value % unit)
    return -value if negative else value, i, True


@njit(cache=True, nogil=True)
def _clock(data, i):
    """Return (ms since midnight, the byte after it, whether it was parsed) of [H]H:MM:SS[.m[m[m]]], HHMMSS or [H]HMMSSmmm."""
    first = i
    value = 0
    digit = _byte(data, i) - _ZERO
    while digit < 10 and i - first < 9:
        value = value * 10 + np.int64(digit)
        i += 1
        digit = _byte(data, i) - _ZERO
    width = i - first
    if _byte(data, i) == _COLON and (width == 1 or width == 2):
        hours = value
        tens, ones = _byte(data, i + 1) - _ZERO, _byte(data, i + 2) - _ZERO
        if tens > 5 or ones > 9 or _byte(data, i + 3) != _COLON:
            return NULL, i, False
        minutes = np.int64(tens) * 10 + np.int64(ones)
        i += 4
        tens, ones = _byte(data, i) - _ZERO, _byte(data, i + 1) - _ZERO
        if tens > 5 or ones > 9:
            return NULL, i, False
        seconds = np.int64(tens) * 10 + np.int64(ones)
        i += 2
        ms = 0
        if _byte(data, i) == _POINT:
            i += 1
            unit = 100
            digit = _byte(data, i) - _ZERO
            if digit > 9:
                return NULL, i, False
            while digit < 10 and unit > 0:
                ms += np.int64(digit) * unit
                unit //= 10
                i += 1
                digit = _byte(data, i) - _ZERO
            while digit < 10:  # microseconds
                i += 1
                digit = _byte(data, i) - _ZERO
    elif width == 8 or width == 9:
        ms = value % 1000
        seconds = value // 1000 % 100
        minutes = value // 100_000 % 100
        hours = value // 10_000_000
    elif width == 6:
        ms = 0
        seconds = value % 100
        minutes = value // 100 % 100
        hours = value // 10_000
    else:
        return NULL, i, False
    if hours > 23 or minutes > 59 or seconds > 59:
        return NULL, i, False
    return hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + ms, i, True


@njit(cache=True, nogil=True)
def _symbol(data, i, exchange, suffixes):
    """Return (the number, the byte after it, whether it was parsed) of 600519, 600519.SH and the suffixes of `_named`."""
    first = i
    value = 0
    digit = _byte(data, i) - _ZERO
    while digit < 10:
        value = value * 10 + np.int64(digit)
        i += 1
        digit = _byte(data, i) - _ZERO
    if i - first > 6:
        return NULL, i, False
    if i == first:
        return _prefixed(data, i, exchange, suffixes)
    if _byte(data, i) == _POINT:
        if _byte(data, i + 1) != exchange[0] or _byte(data, i + 2) != exchange[1]:
            end = _named(data, i + 1, exchange)
            return value, end, end > i + 1 and suffixes & _OWN_SUFFIX != 0
        if _is_letter(_byte(data, i + 3)):
            return NULL, i, False
        return value, i + 3, suffixes & _OWN_SUFFIX != 0
    return value, i, suffixes & _NO_SUFFIX != 0


@njit(cache=True, nogil=True)
def _is_letter(byte):
    return 65 <= byte & 0xDF <= 90


@njit(cache=True, nogil=True)
def _named(data, i, exchange):
    """Return the end of the exchange's name at byte i, in any letter case (SH, SS, XSHG; SZ, XSHE); i where there is none."""
    first = i
    name = 0
    while _is_letter(_byte(data, i)) and i - first < 5:
        name = name << 8 | np.int64(_byte(data, i) & 0xDF)
        i += 1
    own = np.int64(exchange[0]) << 8 | np.int64(exchange[1])
    shanghai = own == _SH and name in (_SS, _XSHG)
    shenzhen = own == _SZ and name == _XSHE
    return i if name == own or shanghai or shenzhen else first


@njit(cache=True, nogil=True)
def _prefixed(data, i, exchange, suffixes):
    """Parse SH600519 or sh.600519 as `_symbol` does."""
    if _byte(data, i) & 0xDF != exchange[0] or _byte(data, i + 1) & 0xDF != exchange[1]:
        return NULL, i, False
    i += 2
    if _byte(data, i) == _POINT:
        i += 1
    first = i
    value = 0
    digit = _byte(data, i) - _ZERO
    while digit < 10:
        value = value * 10 + np.int64(digit)
        i += 1
        digit = _byte(data, i) - _ZERO
    return value, i, i - first == 6 and suffixes & _OWN_SUFFIX != 0


@njit(cache=True, nogil=True)
def _date(data, i):
    """Return (YYYYMMDD, the byte after it, whether it was parsed) of eight digits with . - or / between them."""
    value = 0
    digits = 0
    while digits < 8:
        digit = _byte(data, i) - _ZERO
        if digit < 10:
            value = value * 10 + np.int64(digit)
            digits += 1
        elif _byte(data, i) != _POINT and _byte(data, i) != _MINUS and _byte(data, i) != _SLASH:
            break
        i += 1
    return value, i, digits == 8


@njit(cache=True, nogil=True)
def _midnight(data, i):
    """Parse as `_date` does a date that may be followed by a time of day of 0."""
    value, i, known = _date(data, i)
    if known and (_byte(data, i) == _SPACE or _byte(data, i) == _T):
        while _byte(data, i) in (_SPACE, _T, _ZERO, _COLON, _POINT):
            i += 1
    return value, i, known


@njit(cache=True, nogil=True)
def _stamp(data, i):
    """Return (YYYYMMDD, ms since midnight in Shanghai, the byte after it, whether it was parsed) of a date with a time."""
    first = i
    value = 0
    digit = _byte(data, i) - _ZERO
    while digit < 10 and i - first < 18:
        value = value * 10 + np.int64(digit)
        i += 1
        digit = _byte(data, i) - _ZERO
    width = i - first
    if width == 14 or width == 17:
        ms = np.int64(0)
        if width == 17:
            ms = value % 1000
            value //= 1000
        day, time = value // 1_000_000, value % 1_000_000
        hours, minutes, seconds = time // 10_000, time // 100 % 100, time % 100
        if hours > 23 or minutes > 59 or seconds > 59:
            return NULL, NULL, i, False
        ms += hours * 3_600_000 + minutes * 60_000 + seconds * 1000
    else:
        day = value
        if width == 4:
            mark = _byte(data, i)
            if mark != _POINT and mark != _MINUS and mark != _SLASH:
                return NULL, NULL, i, False
            for part in range(2):
                i += 1
                first = i
                value = 0
                digit = _byte(data, i) - _ZERO
                while digit < 10 and i - first < 2:
                    value = value * 10 + np.int64(digit)
                    i += 1
                    digit = _byte(data, i) - _ZERO
                if i == first or (part == 0 and _byte(data, i) != mark):
                    return NULL, NULL, i, False
                day = day * 100 + value
        elif width != 8:
            return NULL, NULL, i, False
        first = i
        while _byte(data, i) == _SPACE or _byte(data, i) & 0xDF == _T or (width == 8 and _byte(data, i) == _MINUS):
            i += 1
        if i == first:
            return NULL, NULL, i, False
        ms, i, known = _clock(data, i)
        if not known:
            return NULL, NULL, i, False
    if (
        day < 19_000_000
        or day >= 22_000_000
        or day // 100 % 100 < 1
        or day // 100 % 100 > 12
        or day % 100 < 1
        or day % 100 > 31
    ):
        return NULL, NULL, i, False
    end = i
    while _byte(data, end) == _SPACE:
        end += 1
    sign = _byte(data, end)
    if sign & 0xDF == 90:  # Z, z
        day, ms = _shifted(day, ms, _SHANGHAI)
        return day, ms, end + 1, True
    if sign != _MINUS and sign != _PLUS:
        return day, ms, i, True
    digits = 0
    offset = 0
    end += 1
    while digits < 4:
        digit = _byte(data, end) - _ZERO
        if digit < 10:
            offset = offset * 10 + np.int64(digit)
            digits += 1
        elif not (digits == 2 and _byte(data, end) == _COLON and _byte(data, end + 1) - _ZERO < 10):
            break
        end += 1
    if digits == 2:
        offset *= 100
    elif digits != 4:
        return NULL, NULL, end, False
    minutes = offset // 100 * 60 + offset % 100
    day, ms = _shifted(day, ms, _SHANGHAI + (minutes if sign == _MINUS else -minutes))
    return day, ms, end, True


@njit(cache=True, nogil=True)
def _shifted(day, ms, minutes):
    """Return (YYYYMMDD, ms) shifted by `minutes`, in the proleptic Gregorian calendar (by way of a count of days)."""
    year, month = day // 10_000, day // 100 % 100
    if month <= 2:
        year -= 1
    of_era = year % 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day % 100 - 1
    days = year // 400 * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year
    ms += minutes * 60_000
    days += ms // 86_400_000
    ms %= 86_400_000
    era = days // 146_097
    rest = days - era * 146_097
    of_era = (rest - rest // 1460 + rest // 36_524 - rest // 146_096) // 365
    of_year = rest - (365 * of_era + of_era // 4 - of_era // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    year = of_era + era * 400 + (1 if month <= 2 else 0)
    return year * 10_000 + month * 100 + of_year - (153 * shifted + 2) // 5 + 1, ms


@njit(cache=True, nogil=True)
def _code(data, i, keys, values):
    """Return (the meaning or NULL, the end of the field) of the code that begins at byte i."""
    key = 0
    width = 0
    kept, kept_width = 0, 0
    while _byte(data, i) != _COMMA and _byte(data, i) != _NEWLINE:
        width += 1
        if width <= LONGEST_CODE:
            key = key << 8 | np.int64(_byte(data, i))
        if not _is_trim(_byte(data, i)):
            kept, kept_width = key, width
        i += 1
    if kept_width <= LONGEST_CODE:
        for k in range(len(keys)):
            if keys[k] == kept:
                return values[k], i
    return NULL, i


@njit(cache=True, nogil=True)
def _parse(data, columns, read, out, rows, odd):
    """Fill out, rows and odd, as `parse` describes them, and return (number of parsed lines, number of others).

    out, rows and odd have room for every line. This is one function because numba counts references wherever an array is
    passed on: a call for each field would cost as much as the parsing.
    """
    positions, kinds, code_starts, code_keys, code_values, exchange, suffixes = read
    size = len(data)
    slots = len(positions)
    i = line = row = strange = 0
    while i < size:
        begin = i
        column = slot = 0
        fine = True
        in_line = True
        while in_line:
            first = i
            while slot < slots and positions[slot] == column:
                i = first
                while _is_trim(_byte(data, i)):
                    i += 1
                kind = kinds[slot]
                known = True
                if kind == _CODE:
                    start, stop = code_starts[slot], code_starts[slot + 1]
                    value, i = _code(data, i, code_keys[start:stop], code_values[start:stop])
                elif _ends(_byte(data, i)):
                    value, known = NULL, kind != _SYMBOL
                elif kind == _INTEGER:
                    value, i, known = _number(data, i, 0)
                elif kind == _PRICE:
                    value, i, known = _number(data, i, PRICE_PLACES)
                elif kind == _CLOCK:
                    value, i, known = _clock(data, i)
                elif kind == _SYMBOL:
                    value, i, known = _symbol(data, i, exchange, suffixes)
                elif kind == _DATE:
                    value, i, known = _midnight(data, i)
                elif kind == _STAMP:
                    _, value, i, known = _stamp(data, i)
                else:
                    value, _, i, known = _stamp(data, i)
                while _is_trim(_byte(data, i)):
                    i += 1
                fine &= known and _ends(_byte(data, i))
                out[slot, row] = value
                slot += 1
            while not _ends(_byte(data, i)):
                i += 1
            in_line = _byte(data, i) != _NEWLINE
            i += 1
            column += 1
        if fine and column == columns:
            rows[row] = line
            row += 1
        else:
            odd[strange, 0] = line
            odd[strange, 1] = begin
            strange += 1
        line += 1
    return row, strange
