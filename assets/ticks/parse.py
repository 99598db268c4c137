# mypy: disable-error-code="assignment"
# In compiled code an int and an np.int64 are one type.
"""Whole lines of CSV bytes → columns of exact 64-bit integers, in one pass, compiled.

Here: the kernel, and the plan that tells it what stands in which column. Not here: opening files, cutting them into blocks
(vendor_files.py), the plain meaning of single values (values.py), what a row must be (canonical.py).

The kernel knows every form that vendors normally write. A line that it does not understand in full (too few or too many
fields, a letter in a number, an impossible clock …) it leaves out and lists, so that exactly those lines are read again,
value by value, with a reason for each that is set aside. Numbers never pass through floating point.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from assets.ticks.layouts import Field
from assets.ticks.values import PRICE_PLACES

NULL = np.iinfo(np.int64).min
"""Stands for an empty value in the kernel's columns."""
_INTEGER, _PRICE, _CLOCK, _CODE, _SYMBOL, _DATE = range(6)
_KINDS = {
    "integer": _INTEGER,
    "ticks": _INTEGER,
    "price": _PRICE,
    "money": _PRICE,
    "clock": _CLOCK,
    "code": _CODE,
    "symbol": _SYMBOL,
    "date": _DATE,
}
_COMMA, _NEWLINE, _POINT, _MINUS, _COLON, _ZERO = (np.uint8(ord(mark)) for mark in ",\n.-:0")
_SPACE, _QUOTE, _RETURN, _TAB, _NOTHING = (np.uint8(ord(mark)) for mark in ' "\r\t\0')
_CODE_BYTES = 7  # of a code packed into 64 bits
_OWN_SUFFIX, _NO_SUFFIX, _EITHER = 1, 2, 3


@dataclass(frozen=True)
class Plan:
    """What the kernel reads of each line. slots: field name → row of the kernel's output (fields of one column and one
    meaning share it)."""

    slots: Mapping[str, int]
    columns: int  # how many fields a line has
    positions: np.ndarray  # (slots,) column of each slot, ascending
    kinds: np.ndarray  # (slots,)
    code_starts: np.ndarray  # (slots + 1,) where the slot's codes begin
    code_keys: np.ndarray  # the codes' bytes as numbers
    code_values: np.ndarray
    exchange: np.ndarray  # two letters
    suffixes: int  # whether symbols carry the exchange after a point

    @classmethod
    def of(cls, fields: Mapping[str, Field], header: Sequence[str], exchange: str, text_suffix: bool) -> "Plan":
        """The plan for lines under a header. text_suffix: every symbol must say 600519.SH."""
        position = {name: i for i, name in reversed(list(enumerate(header)))}
        jobs: dict[tuple[int, int, tuple[tuple[str, int], ...]], list[str]] = {}
        for name, field in fields.items():
            key = (position[field.column], _KINDS[field.kind], tuple(field.codes.items()))
            jobs.setdefault(key, []).append(name)
        order = sorted(jobs)
        starts, keys, values = [0], [], []
        for _, _, codes in order:
            for text, value in codes:
                for data in {text.encode("utf-8"), text.encode("gbk")}:
                    if len(data) > _CODE_BYTES:
                        raise ValueError(f"code {text!r} of a layout is longer than {_CODE_BYTES} bytes")
                    keys.append(int.from_bytes(data, "big"))
                    values.append(value)
            starts.append(len(keys))
        return cls(
            slots={name: slot for slot, key in enumerate(order) for name in jobs[key]},
            columns=len(header),
            positions=np.array([key[0] for key in order], np.int64),
            kinds=np.array([key[1] for key in order], np.int64),
            code_starts=np.array(starts, np.int64),
            code_keys=np.array(keys, np.int64),
            code_values=np.array(values, np.int64),
            exchange=np.frombuffer(exchange.encode(), np.uint8),
            suffixes=_OWN_SUFFIX if text_suffix else _EITHER,
        )


def parse(data: np.ndarray, lines: int, plan: Plan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(values, rows, odd) of `lines` lines of bytes, the last of which ends in a line end too.

    values (slots, understood lines): integers, 1/10 000 yuan, ms since midnight, meanings of codes, NULL where empty (or,
    of codes, unknown). rows: which line each is, from 0. odd (n, 2): line and first byte of lines not understood.
    """
    out = np.empty((len(plan.positions), lines), np.int64)
    rows = np.empty(lines, np.int32)
    odd = np.empty((lines, 2), np.int64)
    read, strange = _parse(
        data, plan.columns, plan.positions, plan.kinds, plan.code_starts, plan.code_keys, plan.code_values,
        plan.exchange, plan.suffixes, out, rows, odd,
    )  # fmt: skip
    return out[:, :read], rows[:read], odd[:strange].copy()


@njit(cache=True, nogil=True)
def count_lines(data: np.ndarray) -> int:
    """How many line ends the bytes hold."""
    count = 0
    for byte in data:
        count += byte == _NEWLINE
    return count


@njit(cache=True, nogil=True, inline="always")
def _byte(data, i):
    """data[i], told to be no index from the end: a fifth faster than asking at every byte."""
    return data[np.uint64(i)]


@njit(cache=True, nogil=True, inline="always")
def _is_trim(byte):
    return byte <= _QUOTE and byte in (_SPACE, _QUOTE, _RETURN, _TAB, _NOTHING)


@njit(cache=True, nogil=True)
def _number(data, i, places):
    """(value × 10**places, where reading stopped, whether it is understood) of the number that begins at byte i."""
    begin = i
    negative = _byte(data, i) == _MINUS
    if negative:
        i += 1
    value = 0
    first = i
    digit = _byte(data, i) - _ZERO  # wraps round below "0": one comparison tells a digit
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
    """As _number, of 3.79791839135E9: the digits as one whole number, then shifted by a power of ten."""
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
    if places == 0 and shift > 0 and pointed and plus:  # 1.133E+05 may have been 113304; 1E5 and 1.1333E7 are whole
        return NULL, i, False
    if shift < -18:
        shift = -18  # at most 18 digits: what is left is below a half either way, but for its first digit
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
    """(ms since midnight, where reading stopped, whether it is understood): [H]H:MM:SS[.m[m[m]]], HHMMSS, [H]HMMSSmmm."""
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
    """(the number, where reading stopped, whether it is understood) of 600519 or 600519.SH."""
    first = i
    value = 0
    digit = _byte(data, i) - _ZERO
    while digit < 10:
        value = value * 10 + np.int64(digit)
        i += 1
        digit = _byte(data, i) - _ZERO
    if i == first or i - first > 6:
        return NULL, i, False
    if _byte(data, i) == _POINT:
        if _byte(data, i + 1) != exchange[0] or _byte(data, i + 2) != exchange[1]:
            return NULL, i, False
        return value, i + 3, suffixes & _OWN_SUFFIX != 0
    return value, i, suffixes & _NO_SUFFIX != 0


@njit(cache=True, nogil=True)
def _date(data, i):
    """(YYYYMMDD, where reading stopped, whether it is understood) of eight digits with . - or / between."""
    value = 0
    digits = 0
    while True:
        digit = _byte(data, i) - _ZERO
        if digit < 10:
            value = value * 10 + np.int64(digit)
            digits += 1
        elif _byte(data, i) != _POINT and _byte(data, i) != _MINUS and _byte(data, i) != 47:  # /
            break
        i += 1
        if digits > 8:
            break
    return value, i, digits == 8


@njit(cache=True, nogil=True)
def _code(data, i, keys, values):
    """(the meaning or NULL, where the field ends) of the code that begins at byte i."""
    key = 0
    width = 0
    kept, kept_width = 0, 0
    while _byte(data, i) != _COMMA and _byte(data, i) != _NEWLINE:
        width += 1
        if width <= _CODE_BYTES:
            key = key << 8 | np.int64(_byte(data, i))
        if not _is_trim(_byte(data, i)):
            kept, kept_width = key, width
        i += 1
    if kept_width <= _CODE_BYTES:
        for k in range(len(keys)):
            if keys[k] == kept:
                return values[k], i
    return NULL, i


@njit(cache=True, nogil=True)
def _parse(data, columns, positions, kinds, code_starts, code_keys, code_values, exchange, suffixes, out, rows, odd):
    size = len(data)
    slots = len(positions)
    i = line = row = strange = 0
    while i < size:
        begin = i
        column = slot = 0
        fine = True
        while True:
            if slot < slots and positions[slot] == column:
                first = i
                while True:
                    i = first
                    while _is_trim(_byte(data, i)):
                        i += 1
                    kind = kinds[slot]
                    if kind == _CODE:
                        value, i = _code(
                            data, i, code_keys[code_starts[slot] : code_starts[slot + 1]],
                            code_values[code_starts[slot] : code_starts[slot + 1]],
                        )  # fmt: skip
                    elif _byte(data, i) == _COMMA or _byte(data, i) == _NEWLINE:
                        value = NULL
                        fine &= kind != _SYMBOL
                    else:
                        if kind == _INTEGER:
                            value, i, known = _number(data, i, 0)
                        elif kind == _PRICE:
                            value, i, known = _number(data, i, PRICE_PLACES)
                        elif kind == _CLOCK:
                            value, i, known = _clock(data, i)
                        elif kind == _SYMBOL:
                            value, i, known = _symbol(data, i, exchange, suffixes)
                        else:
                            value, i, known = _date(data, i)
                        while _is_trim(_byte(data, i)):
                            i += 1
                        fine &= known and (_byte(data, i) == _COMMA or _byte(data, i) == _NEWLINE)
                        while _byte(data, i) != _COMMA and _byte(data, i) != _NEWLINE:
                            i += 1
                    out[slot, row] = value
                    slot += 1
                    if slot == slots or positions[slot] != column:
                        break
            else:
                while _byte(data, i) != _COMMA and _byte(data, i) != _NEWLINE:
                    i += 1
            i += 1
            column += 1
            if _byte(data, i - 1) == _NEWLINE:
                break
        if fine and column == columns:
            rows[row] = line
            row += 1
        else:
            odd[strange, 0] = line
            odd[strange, 1] = begin
            strange += 1
        line += 1
    return row, strange
