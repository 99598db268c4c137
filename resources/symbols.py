"""Converts codes of securities and indices as vendors write them to the form of SPEC §2.1, 600519.SH.

A code is converted where it is unambiguous: with the exchange before or after it in a spelling of `landing.exchanges`, or without an
exchange where the code's range belongs to one. Any other text is returned as delivered, so that the rules of the tables set its row
aside with that text.
"""

import datetime as dt
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from resources.settings.landing import LandingIndicesSettings
from resources.settings.rulebook import BoardCodes, RulebookSettings
from resources.values import BLANKS, NOTHING, read_column

Ranges = Sequence[tuple[int, int, str]]
"""(lowest code, highest code, exchange): the exchanges of codes that are delivered without one."""
CANONICAL = r"^[0-9]{6}\.(?:SH|SZ|BJ)$"
_BEHIND = re.compile(r"(\d{1,6})[._: -]?([A-Z]+)", re.ASCII)
_BEFORE = re.compile(r"([A-Z]+)[._: -]?(\d{6})", re.ASCII)
_BARE = re.compile(r"(\d{1,6})(?:\.0+)?", re.ASCII)
_FORMULA = re.compile(r"""=?["']?(.*?)["']?""")  # spreadsheets keep leading zeros with ="000001" or '000001


def stock_ranges(boards: Iterable[BoardCodes] | None = None) -> Ranges:
    """The codes of stocks, from the rulebook's boards; from the shipped rulebook where `boards` is None.

    >>> [one[2] for one in stock_ranges() if one[0] <= 688981 <= one[1]]
    ['SH']
    """
    rows = RulebookSettings().boards if boards is None else boards
    return tuple(sorted({(row.first, row.last, row.exchange) for row in rows}))


@dataclass(frozen=True)
class StockCodes:
    """The codes of stocks by day: `ranges[n]` applies from the day `since[n]` on, in ascending order."""

    since: tuple[dt.date, ...]
    ranges: tuple[Ranges, ...]

    @classmethod
    def of(cls, boards: Iterable[BoardCodes] | None = None) -> "StockCodes":
        """Create the codes from the rulebook's boards.

        The shipped boards apply on every day, because no two of them share a code. A board that a user added applies from its day on,
        so that it changes nothing before.
        """
        shipped = RulebookSettings().boards
        added = [row for row in boards or () if row not in shipped]
        since = (dt.date.min, *sorted({row.since for row in added}))
        in_force = ([*shipped, *(row for row in added if row.since <= day)] for day in since)
        return cls(since, tuple(stock_ranges(rows) for rows in in_force))

    def on(self, date: dt.date) -> Ranges:
        """The ranges that apply on a day."""
        return self.ranges[bisect_right(self.since, date) - 1]

    def read(self, cells: pl.Series, dates: pl.Series, exchanges: Mapping[str, str]) -> pl.Series:
        """Convert a column of codes (`read_symbols`), each by the ranges of its row's date; rows without a date by the latest ones."""
        if len(self.since) == 1:
            return read_symbols(cells, exchanges, self.ranges[0])
        whole = read_symbols(cells, exchanges, self.ranges[-1])
        for ranges, (first, until) in zip(self.ranges, pairwise(self.since), strict=False):
            own = dates.is_between(first, until, closed="left").fill_null(False)
            whole = whole.zip_with(~own, read_symbols(cells, exchanges, ranges))
        return whole


def index_ranges(settings: LandingIndicesSettings) -> Ranges:
    """The codes of indices. 000001 is a stock in a column of symbols and the Shanghai index in a column of indices."""
    return tuple(
        (int(first.ljust(6, "0")), int(first.ljust(6, "9")), exchange)
        for first, exchange in settings.bare_codes.items()
    )


def read_symbols(cells: pl.Series, exchanges: Mapping[str, str], ranges: Ranges) -> pl.Series:
    """Convert a column of codes, text or numbers, to the form 600519.SH; other cells stay as delivered.

    Args:
        cells: the codes.
        exchanges: spelling in capitals → SH, SZ or BJ.
        ranges: the codes of stocks or of indices.

    >>> read_symbols(pl.Series([1, 600519]), {}, stock_ranges()).to_list()
    ['000001.SZ', '600519.SH']
    """
    if cells.dtype == pl.String and cells.str.contains(CANONICAL).all():
        return cells
    words = read_column(cells, pl.String).values
    distinct = words.drop_nulls().unique()
    read = pl.Series([read_symbol(word, exchanges, ranges) for word in distinct.to_list()], dtype=pl.String)
    return words.replace_strict(distinct, read, default=None, return_dtype=pl.String).alias(cells.name)


def read_symbol(word: str, exchanges: Mapping[str, str], ranges: Ranges) -> str:
    """Convert one code; see `read_symbols`."""
    plain = unicodedata.normalize("NFKC", word).strip(BLANKS)
    found = _FORMULA.fullmatch(plain)
    text = (found[1] if found else plain).strip(BLANKS).upper()
    if text.lower() in NOTHING:
        return word
    if behind := _BEHIND.fullmatch(text):
        code, spelling = behind[1], behind[2]
    elif before := _BEFORE.fullmatch(text):
        code, spelling = before[2], before[1]
    elif bare := _BARE.fullmatch(text):
        if len(bare[1]) < 6 and bare[1].startswith("0"):  # 00700 has kept its zeros, so it is no code of six digits
            return text
        code = bare[1].zfill(6)
        fitting = {exchange for first, last, exchange in ranges if first <= int(code) <= last}
        return f"{code}.{fitting.pop()}" if len(fitting) == 1 else text
    else:
        return text
    exchange = exchanges.get(spelling)
    return f"{code.zfill(6)}.{exchange}" if exchange else text
