"""What one vendor value says: text → exact integer, or None where it says nothing. The plain definition of every kind of
field, one value at a time.

Here: the forgiving reading of single values, by which rows are judged that parse.py does not understand, and against which
it is tested. Not here: anything fast (parse.py) and what a column means (layouts.py).
"""

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

STRIPPED = ' "\r\t\0'
"""What may stand around any value: blanks, quotes, the \\r of a Windows line end, the byte 0 of a letter never set."""
PRICE_PLACES = 4
"""Prices and money are whole 1/10 000 yuan."""
_LARGEST = 2**63 - 1
_CLOCK = re.compile(r"(\d{1,2}):?(\d{2}):?(\d{2})(?:\.?(\d{1,3}))?", re.ASCII)
_SYMBOL = re.compile(r"(\d{1,6})(?:\.([A-Za-z]+))?", re.ASCII)
_SHOWN = re.compile(r"-?\d*\.(\d*)[eE]\+(\d{1,3})", re.ASCII)
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def number(text: str, places: int) -> int | None:
    """A decimal number × 10**places, rounded half away from zero (vendor floats carry noise: 1801.00999999999999 is
    1801.01). With places = 0 only whole numbers: 100 and 100.0, not 1.5; nor one that a spreadsheet may have rounded,
    1.133E+05 of 113304, where 1.13304E+05 has all its digits and 1E5 is how some write 100000. None where it is neither or
    beyond 64 bits."""
    if not _NUMBER.fullmatch(text):
        return None
    if places == 0 and (shown := _SHOWN.fullmatch(text)) and len(shown[1]) < int(shown[2]):
        return None
    try:
        scaled = Decimal(text).scaleb(places)
        whole = scaled.quantize(Decimal(1), ROUND_HALF_UP)
    except InvalidOperation:  # more than 28 digits before the point
        return None
    if (places == 0 and whole != scaled) or abs(whole) > _LARGEST:
        return None
    return int(whole)


def clock(text: str) -> int | None:
    """Milliseconds since midnight from HH:MM:SS[.mmm] or HHMMSS[mmm]; the 0 of an hour below ten may be missing."""
    if len(text) == 8 and text.isdigit():  # HMMSSmmm: the hour's 0 was dropped
        text = "0" + text
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(match.group(i)) for i in (1, 2, 3))
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + int((match.group(4) or "").ljust(3, "0"))


def date(text: str) -> int | None:
    """YYYYMMDD from a date with or without marks between its parts."""
    digits = re.sub(r"[^0-9]", "", text)
    return int(digits) if 0 < len(digits) <= 8 else None


def code(text: str, codes: Mapping[str, int]) -> int | None:
    """The meaning of a letter or short number; None where the layout knows none."""
    return codes.get(text)


def symbol(text: str) -> tuple[int, str] | None:
    """(the number, the exchange after the point or "") of 600519, 600519.SH or 1 for 000001."""
    match = _SYMBOL.fullmatch(text)
    return None if match is None else (int(match.group(1)), (match.group(2) or "").upper())
