"""How long a name has been listed, and how long it has been in its delisting period. No boards (resources/rulebook.py) and no prices here."""

import datetime as dt

import polars as pl

from resources.calendar import Calendar


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


DELISTING = "退"
"""Stands in the names of shares in their delisting period, as 退市海润 or 海润退."""


def delisting_days(names: pl.DataFrame, date: dt.date, calendar: Calendar) -> pl.Series:
    """The day of its delisting period that each name is in: 1 on its first, more later, null outside of it.

    names: delisting_start (from reference/instruments, its first trading day in the period), and of the day's row is_delisting
    and name. Without delisting_start the first day cannot be told from later ones, and counts as a later one (2).
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
