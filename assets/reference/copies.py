"""Detects columns of daily_prices that are copies of others, and previous closes that are not reference prices, from whole days.

A single row cannot show these faults: a row may open at its previous close, and pre_close is the last close on most days. The
rules of single rows are in validate.py and diagnosis.py, the units of shares in diagnosis.py.
"""

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise

import polars as pl

from assets.reference.limits import HALF_CENT
from assets.reference.reasons import (
    COLUMN_IS_ANOTHER,
    COLUMNS_COPIED,
    EXTREMES_OF_TWO,
    FLOAT_IS_TOTAL,
    NO_EX_DATES,
    PRE_CLOSES_OFF,
)
from resources.reasons import Reason
from resources.settings.reference import ReferenceSettings

_MOVING = 0.03  # yuan: with a smaller range, two prices of a day are often equal by chance
_PAIRS = (
    ("open", "pre_close"),
    ("open", "close"),
    ("close", "high"),
    ("close", "low"),
    ("open", "high"),
    ("open", "low"),
)
_JUDGED = 20  # least number of stocks whose pre_close is compared with the last close
YEAR = 250  # trading days
_LOOK_BACKS = (
    20,
    60,
    YEAR,
)  # trading days that are searched for an ex-date, step by step; most are found in the first step


def copied_columns(judged: pl.DataFrame, settings: ReferenceSettings) -> Reason | None:
    """Return the finding that one column of the day was filled with another; None where there is no such evidence.

    judged: pre_close, open, high, low, close, limit_up, limit_down (yuan, null where unknown), float_shares and total_shares of the day's
    rows. Prices are compared where the day's range is three cents or more and inside the limits, since most stocks that are locked at
    a limit close at their high. In 2010–2016 two of these prices are equal for at most 58 % of such stocks (the opens and highs of
    2015-06-19), and the share counts for 47 %.
    """
    inside = (pl.col("high") < pl.col("limit_up") - HALF_CENT) & (pl.col("low") > pl.col("limit_down") + HALF_CENT)
    moving = judged.filter((pl.col("high") - pl.col("low") > _MOVING - HALF_CENT) & inside.fill_null(True))
    found = []
    if moving.height >= settings.min_copied_names:
        hull = (
            _same("high", pl.max_horizontal("open", "close")) & _same("low", pl.min_horizontal("open", "close"))
        ).sum()
        counts = moving.select(
            *(_same(one, pl.col(other)).sum().alias(f"{one} {other}") for one, other in _PAIRS), hull=hull
        ).row(0)
        for pair, count in zip((*_PAIRS, None), counts, strict=True):
            if count <= settings.max_copied_share * moving.height:
                continue
            facts = {"count": count, "stocks": moving.height}
            if pair is None:
                found.append(EXTREMES_OF_TWO(**facts))
            else:
                found.append(COLUMN_IS_ANOTHER(column=pair[0], other=pair[1], **facts))
    shares = judged.filter(pl.col("float_shares").is_not_null() & pl.col("total_shares").is_not_null())
    same = shares.filter(pl.col("float_shares") == pl.col("total_shares")).height
    if shares.height >= settings.min_copied_names and same > settings.max_copied_share * shares.height:
        found.append(FLOAT_IS_TOTAL(count=same, stocks=shares.height))
    return COLUMNS_COPIED(reasons=found) if found else None


def _same(one: str, other: pl.Expr) -> pl.Expr:
    return (pl.col(one) - other).abs() < HALF_CENT


def pre_closes_off(judged: pl.DataFrame, previous: dt.date, settings: ReferenceSettings) -> Reason | None:
    """Return the finding that pre_close is of another day, or is another price; None where there is no such evidence.

    judged: pre_close, last_close (yuan) and last_date of the day's rows. previous: the trading day before, on which a stock must have
    traded to be judged. In 2010–2016 at most 2.6 % of the stocks of a day go ex-dividend or ex-rights.
    """
    known = judged.filter(pl.col("last_date") == previous)
    off = known.filter((pl.col("pre_close") - pl.col("last_close")).abs() > HALF_CENT).height
    if known.height < _JUDGED or off <= settings.max_ex_date_share * known.height:
        return None
    return PRE_CLOSES_OFF(off=off, stocks=known.height, date=previous)


def ex_dates_lacking(before: pl.DataFrame, days: Sequence[dt.date], settings: ReferenceSettings) -> Reason | None:
    """Return the finding that pre_close is the last close on every day, ex-dates included; None where there is no such evidence.

    before: date, symbol, pre_close, close (yuan) and volume of daily_prices, sorted by date. days: the trading days up to the day, ascending.
    The last year (250 trading days) is judged where it is complete. In 2010–2016 at least 2.5 of 1000 rows of any 250 trading days
    are of ex-dates. If `reference.ex_date_rows` rows have none, returns lack every dividend.
    """
    if not settings.ex_date_rows or len(days) <= YEAR or before.is_empty() or before["date"][0] > days[-1 - YEAR]:
        return None
    compared = 0
    for late, early in pairwise((0, *_LOOK_BACKS)):
        first, last = (before["date"].search_sorted(day, side="left") for day in (days[-1 - early], days[-1 - late]))
        end = last if late else before.height
        rows = (
            before[first:end]
            .filter(pl.col("volume") > 0)
            .select("symbol", "pre_close", last=pl.col("close").shift().over("symbol"))
        )
        rows = rows.filter(pl.col("last") > 0, pl.col("pre_close") > 0)
        if ((rows["pre_close"] - rows["last"]).abs() > HALF_CENT).any():
            return None
        compared += rows.height
    if compared < settings.ex_date_rows:
        return None
    return NO_EX_DATES(rows=compared)
