"""Counts the days since a stock's listing, and those of its delisting period. Boards are in resources/rulebook.py."""

import datetime as dt

import polars as pl

from resources.calendar import Calendar


def listed_days(list_date: pl.Series, date: dt.date, calendar: Calendar) -> pl.Series:
    """Return the number of trading days from each listing day to `date`, both included: 1 on the listing day itself.

    list_date [n] gives Int32 [n]. A listing on a day without trading counts from the next trading day. One before the calendar's
    first day (the Shanghai exchange's first session) counts from that day. Null where the listing date is null or after `date`.
    """
    days = pl.Series(calendar.days(calendar.first, date))
    before = days.search_sorted(list_date, side="left")
    counted = pl.Series(len(days) - before.cast(pl.Int32), dtype=pl.Int32)
    known = list_date.is_not_null() & (list_date <= date)
    return pl.select(pl.when(known & (counted > 0)).then(counted)).to_series()


DELISTING = "退"
"""The mark in the names of shares in their delisting period, such as 退市海润 or 海润退."""


def delisting_days(names: pl.DataFrame, date: dt.date, calendar: Calendar) -> pl.Series:
    """Return the day of its delisting period for each stock: 1 on the first, 2 or more later, null outside the period.

    names: delisting_start (from reference/instruments, the first trading day of the period), and is_delisting and name of the
    day's row. Without delisting_start, the first day cannot be distinguished from later ones, and the result is 2.
    """
    start = listed_days(names["delisting_start"], date, calendar)
    absent = {"is_delisting": pl.Boolean, "name": pl.String}
    known = names.with_columns(pl.lit(None, t).alias(c) for c, t in absent.items() if c not in names.columns)
    leaving = pl.col("is_delisting").fill_null(False) | pl.col("name").str.contains(DELISTING, literal=True).fill_null(
        False
    )
    return known.with_columns(start=start).select(
        delisting_day=pl.when(pl.col("start").is_not_null()).then("start").when(leaving).then(pl.lit(2, pl.Int32))
    )["delisting_day"]
