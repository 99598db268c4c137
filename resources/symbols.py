"""Codes of securities and indices as vendors write them → the form of SPEC §2.1, 600519.SH. Nothing else of a security.

A form is read where it means one security only: the exchange before or after the code in any of the spellings of
`landing.exchanges`, or no exchange where the code's range belongs to one. Anything else is left as it was delivered, so that
the rules of the tables can set it aside by name.
"""

import re
import unicodedata
from collections.abc import Mapping

import polars as pl

from resources.values import BLANKS, NOTHING, read_column

# The exchange of a stock by the first digits of its code; the longest that fits counts.
STOCKS = {
    "60": "SH", "68": "SH", "00": "SZ", "30": "SZ", "43": "BJ", "83": "BJ", "87": "BJ", "88": "BJ", "920": "BJ",
}  # fmt: skip
# The exchange of an index likewise. 000001 is a stock in a column of symbols, and the index of Shanghai in one of indices.
INDICES = {"000": "SH", "399": "SZ", "899": "BJ"}
CANONICAL = r"^[0-9]{6}\.(?:SH|SZ|BJ)$"
_BEHIND = re.compile(r"(\d{1,6})[._ -]?([A-Z]+)", re.ASCII)
_BEFORE = re.compile(r"([A-Z]+)[._ -]?(\d{6})", re.ASCII)
_BARE = re.compile(r"(\d{1,6})(?:\.0+)?", re.ASCII)
_FORMULA = re.compile(r"""=?["']?(.*?)["']?""")  # ="000001", '000001: how spreadsheets keep zeros


def read_symbols(cells: pl.Series, exchanges: Mapping[str, str], ranges: Mapping[str, str]) -> pl.Series:
    """A column of codes, text or numbers, in the form 600519.SH; what cannot be meant is left as delivered.

    exchanges: spelling in capitals → SH, SZ or BJ. ranges: STOCKS or INDICES.

    >>> read_symbols(pl.Series([1, 600519]), {}, STOCKS).to_list()
    ['000001.SZ', '600519.SH']
    """
    if cells.dtype == pl.String and cells.str.contains(CANONICAL).all():
        return cells
    words = read_column(cells, pl.String).values
    distinct = words.drop_nulls().unique()
    read = pl.Series([read_symbol(word, exchanges, ranges) for word in distinct.to_list()], dtype=pl.String)
    return words.replace_strict(distinct, read, default=None, return_dtype=pl.String).alias(cells.name)


def read_symbol(word: str, exchanges: Mapping[str, str], ranges: Mapping[str, str]) -> str:
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
        fitting = [start for start in ranges if code.startswith(start)]
        return f"{code}.{ranges[max(fitting, key=len)]}" if fitting else text
    else:
        return text
    exchange = exchanges.get(spelling)
    return f"{code.zfill(6)}.{exchange}" if exchange else text
