"""Defines how one vendor value is read: from text to an exact integer, or None where the text is not valid.

This module is the plain, tolerant definition of every kind of field, one value at a time. Rows that parse.py cannot parse are
read by it, and parse.py is tested against it. The fast parser is in parse.py, the meaning of columns in layouts/.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from resources.settings.landing import LandingSettings
from resources.values import NOTHING, rounded

STRIPPED = ' "\r\t\0'
"""Characters that may surround any value: blanks, quotes, the \\r of a Windows line end, the byte 0 of an unset letter."""
PRICE_PLACES = 4
"""Prices and money are whole 1/10 000 yuan."""
LONGEST_CODE = 7
"""Largest number of bytes of a code."""
_LARGEST = 2**63 - 1
_CLOCK = re.compile(r"(\d{1,2}):?(\d{2}):?(\d{2})(?:\.?(\d{1,3})|\.)?", re.ASCII)
_FINE_CLOCK = re.compile(r"(\d{1,2}:\d{2}:\d{2}\.\d{3})\d+", re.ASCII)
_SYMBOL = re.compile(r"(\d{1,6})(?:[._ -]?([A-Za-z]+)|\.0+)?", re.ASCII)
_PREFIXED = re.compile(r"([A-Za-z]+)[._ -]?(\d{6})", re.ASCII)
_EXCHANGES = LandingSettings().exchanges
_NUMBER = re.compile(r"-?(\d+(?:\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_THOUSANDS = re.compile(r"-?\d{1,3}(,\d{3})+(\.\d*)?", re.ASCII)
_EIGHT_DIGITS = re.compile(r"[.\-/]*(?:\d[.\-/]*){8}", re.ASCII)
_PARTED = re.compile(r"(\d{4})([./-])(\d{1,2})\2(\d{1,2})", re.ASCII)
_MIDNIGHT = re.compile(r"[ T][ T0:.]*")
_STAMP = re.compile(
    r"(?:(\d{4})(?:([./-])(\d{1,2})\2(\d{1,2})[ Tt]+|(\d{2})(\d{2})[ Tt-]+)(\d{1,2}:\d{2}:\d{2}(?:\.\d*)?|\d{8,9}|\d{6})|(\d{14}(?:\d{3})?))"
    r" *([Zz]|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)
_SHANGHAI = 8 * 60  # minutes ahead of UTC


def is_nothing(text: str) -> bool:
    """Return whether a text is a form in which databases and spreadsheets write a missing value."""
    return text.lower() in NOTHING


def number(text: str, places: int) -> int | None:
    """Return a decimal number × 10**places, rounded half away from zero; None where the text is no such number.

    Rounding removes the noise of vendors' floats: 1801.00999999999999 is 1801.01. With places = 0 only whole numbers are read:
    100 and 100.0, not 1.5. A number that a spreadsheet may have rounded is not read, such as 8.03E+05 for 803113, whereas
    1.13304E+05 has all its digits, and 1E5 and Java's 3.7E9 are exact. Commas may separate thousands. Numbers beyond 64 bits are
    not read.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    if not _NUMBER.fullmatch(text):
        return None
    if "+" in text and rounded(text):
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
    """Return milliseconds since midnight of HH:MM:SS[.fraction] or HHMMSS[mmm]; None for any other text.

    The 0 of an hour below ten may be missing, and digits beyond the millisecond are cut off.
    """
    if len(text) == 8 and text.isdigit():  # HMMSSmmm: the hour's 0 was dropped
        text = "0" + text
    if fine := _FINE_CLOCK.fullmatch(text):
        text = fine[1]
    match = _CLOCK.fullmatch(text)
    if match is None:
        return None
    hours, minutes, seconds = (int(match.group(i)) for i in (1, 2, 3))
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    return hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + int((match.group(4) or "").ljust(3, "0"))


def date(text: str) -> int | None:
    """Return YYYYMMDD of a date with or without separators, which midnight may follow; None for any other text."""
    text = text.replace("年", "-").replace("月", "-").replace("日", "")
    at = next((i for i, letter in enumerate(text) if letter in " T"), len(text))
    day, rest = text[:at], text[at:]
    if rest and not _MIDNIGHT.fullmatch(rest):
        return None
    if parted := _PARTED.fullmatch(day):
        return int(parted[1]) * 10_000 + int(parted[3]) * 100 + int(parted[4])
    return int(re.sub(r"[.\-/]", "", day)) if _EIGHT_DIGITS.fullmatch(day) else None


def stamp(text: str) -> tuple[int, int] | None:
    """Return (YYYYMMDD, milliseconds since midnight) in Shanghai of a date with a time of day; None for any other text.

    Examples are 2024-01-03 09:30:00.123, 2024.01.03T09:30:00, 20240103-09:30:00.123 and 20240103093000123. A stamp with a zone
    (Z, +08:00, +0000) is converted to Shanghai time; one without a zone is in Shanghai time. The order of a date is year, month,
    day: 03/01/2024 is not read.
    """
    match = _STAMP.fullmatch(text)
    if match is None:
        return None
    year, _, *parts, time, packed, zone = match.groups()
    if packed:
        year, month, day, time = packed[:4], packed[4:6], packed[6:8], packed[8:]
    else:
        month, day = parts[0] or parts[2], parts[1] or parts[3]
    ms = clock(time)
    if ms is None or not (1900 <= int(year) < 2200 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    if zone is None:
        return int(year) * 10_000 + int(month) * 100 + int(day), ms
    digits = "" if zone in "Zz" else zone[1:].replace(":", "").ljust(4, "0")
    minutes = (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if zone[0] == "-" else 1) if digits else 0
    moment = dt.datetime(int(year), int(month), 1) + dt.timedelta(
        days=int(day) - 1, milliseconds=ms, minutes=_SHANGHAI - minutes
    )
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return int(f"{moment:%Y%m%d}"), (moment - midnight) // dt.timedelta(milliseconds=1)


def code(text: str, codes: Mapping[str, int]) -> int | None:
    """Return the meaning of a letter or short number; None where the layout declares none."""
    return forgiving(codes).get(text)


def forgiving(codes: Mapping[str, int]) -> dict[str, int]:
    """Return the codes of a field and the forms in which spreadsheets and data frames write them.

    These are letters in the other case (TRUE, true) and numbers as floats (1.0), unless the layout assigns such a form another
    meaning.
    """
    forms = dict(codes)
    for text, meaning in codes.items():
        also = [text.lower(), text.upper(), text.capitalize()] if text.isascii() else []
        also += [f"{text}.0"] if text.isascii() and text.isdigit() else []
        for form in also:
            known = {value for other, value in codes.items() if other.lower() == form.lower()}
            if known <= {meaning} and len(form) <= LONGEST_CODE:
                forms.setdefault(form, meaning)
    return forms


def symbol(text: str) -> tuple[int, str] | None:
    """Return (the number, the exchange or "") of a security; None for any other text.

    Forms are 600519, 600519.SH, 600519.XSHG, SH600519, sh.600519 and 1 for 000001. The spellings of exchanges are the default of
    the setting `landing.exchanges`.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if text.startswith(("=", "'")):  # how spreadsheets preserve a leading 0
        text = text.strip("=\"'")
    if match := _PREFIXED.fullmatch(text):
        exchange, digits = match.groups()
    elif match := _SYMBOL.fullmatch(text):
        digits, exchange = match[1], match[2] or ""
    else:
        return None
    return int(digits), _EXCHANGES.get(exchange.upper(), exchange.upper())
