"""What a symbol and a listing date say of a name: its board, and how long it has been listed. No prices here."""

import datetime as dt

import polars as pl

from resources.calendar import Calendar

# Boards by the first two digits of the code, and the exchange that uses them so (SPEC §6).
BOARDS = {"60.SH": "main_sh", "68.SH": "star", "00.SZ": "main_sz", "30.SZ": "chinext"}


def board(symbol: str = "symbol") -> pl.Expr:
    """The board of a symbol column: main_sh, main_sz, star or chinext; null where it is no SSE or SZSE A-share code.

    >>> pl.select(symbol=pl.Series(["688981.SH", "000001.SH"])).select(board=board())["board"].to_list()
    ['star', None]
    """
    code = pl.col(symbol).str.slice(0, 2) + pl.col(symbol).str.slice(6)
    return code.replace_strict(BOARDS, default=None, return_dtype=pl.String)


def listed_days(list_date: pl.Series, date: dt.date, calendar: Calendar) -> pl.Series:
    """Trading days from each listing day to `date`, both included: 1 on the listing day itself.

    A listing on a day that is no trading day counts from the next one. One before the calendar's first day (the Shanghai
    exchange's first session) counts from that day. Null where the listing date is null or after `date`.
    """
    days = pl.Series(calendar.days(calendar.first, date))
    before = days.search_sorted(list_date, side="left")
    counted = pl.Series(len(days) - before.cast(pl.Int32), dtype=pl.Int32)
    known = list_date.is_not_null() & (list_date <= date)
    return pl.select(pl.when(known & (counted > 0)).then(counted)).to_series()
