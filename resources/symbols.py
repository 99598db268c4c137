"""Codes of securities and indices as vendors write them → the form of SPEC §2.1, 600519.SH. Nothing else of a security.

A form is read where it means one security only: the exchange before or after the code in any of the spellings of
`landing.exchanges`, or no exchange where the code's range belongs to one. Anything else is left as it was delivered, so that
the rules of the tables can set it aside by name.
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
"""(lowest code, highest code, exchange): which exchange a code without one belongs to."""
CANONICAL = r"^[0-9]{6}\.(?:SH|SZ|BJ)$"
_BEHIND = re.compile(r"(\d{1,6})[._: -]?([A-Z]+)", re.ASCII)
_BEFORE = re.compile(r"([A-Z]+)[._: -]?(\d{6})", re.ASCII)
_BARE = re.compile(r"(\d{1,6})(?:\.0+)?", re.ASCII)
_FORMULA = re.compile(r"""=?["']?(.*?)["']?""")  # ="000001", '000001: how spreadsheets keep zeros


def stock_ranges(boards: Iterable[BoardCodes] | None = None) -> Ranges:
    """The codes of stocks, from the rulebook's boards; of the shipped rulebook where none are given.

    >>> [one[2] for one in stock_ranges() if one[0] <= 688981 <= one[1]]
    ['SH']
    """
    rows = RulebookSettings().boards if boards is None else boards
    return tuple(sorted({(row.first, row.last, row.exchange) for row in rows}))


@dataclass(frozen=True)
class StockCodes:
    """The codes of stocks by day: `ranges[n]` from the day `since[n]` on, ascending; the first ones hold from the beginning."""

    since: tuple[dt.date, ...]
    ranges: tuple[Ranges, ...]

    @classmethod
    def of(cls, boards: Iterable[BoardCodes] | None = None) -> "StockCodes":
        """Of the rulebook's boards: the shipped ones on every day, since no two of them share a code, and one that a user added from
        its day on, so that it changes nothing that is older.
        """
        shipped = RulebookSettings().boards
        added = [row for row in boards or () if row not in shipped]
        since = (dt.date.min, *sorted({row.since for row in added}))
        in_force = ([*shipped, *(row for row in added if row.since <= day)] for day in since)
        return cls(since, tuple(stock_ranges(rows) for rows in in_force))

    def on(self, date: dt.date) -> Ranges:
        """The codes on one day."""
        return self.ranges[bisect_right(self.since, date) - 1]

    def read(self, cells: pl.Series, dates: pl.Series, exchanges: Mapping[str, str]) -> pl.Series:
        """A column of codes (`read_symbols`), each by the codes of its row's date; without a date by the latest ones."""
        if len(self.since) == 1:
            return read_symbols(cells, exchanges, self.ranges[0])
        whole = read_symbols(cells, exchanges, self.ranges[-1])
        for ranges, (first, until) in zip(self.ranges, pairwise(self.since), strict=False):
            own = dates.is_between(first, until, closed="left").fill_null(False)
            whole = whole.zip_with(~own, read_symbols(cells, exchanges, ranges))
        return whole


def index_ranges(settings: LandingIndicesSettings) -> Ranges:
    """The codes of indices. 000001 is a stock in a column of symbols, and the index of Shanghai in one of indices."""
    return tuple(
        (int(first.ljust(6, "0")), int(first.ljust(6, "9")), exchange)
        for first, exchange in settings.bare_codes.items()
    )


def read_symbols(cells: pl.Series, exchanges: Mapping[str, str], ranges: Ranges) -> pl.Series:
    """A column of codes, text or numbers, in the form 600519.SH; what cannot be meant is left as delivered.

    exchanges: spelling in capitals → SH, SZ or BJ. ranges: those of stocks or of indices.

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
    """One code; see read_symbols."""
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
        if len(bare[1]) < 6 and bare[1].startswith("0"):  # 00700 has not lost its zeros: it is no code of six digits
            return text
        code = bare[1].zfill(6)
        fitting = {exchange for first, last, exchange in ranges if first <= int(code) <= last}
        return f"{code}.{fitting.pop()}" if len(fitting) == 1 else text
    else:
        return text
    exchange = exchanges.get(spelling)
    return f"{code.zfill(6)}.{exchange}" if exchange else text
