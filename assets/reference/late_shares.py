"""Detects new shares of a bonus issue or split that are counted some days after the ex-date, or before it.

This module finds the stocks whose share counts do not correspond to their prices yet, and the falls of pre_close that such counts
explain. The rules for pre_close and share counts of a single day are in diagnosis.py.

On the ex-date, pre_close falls by the factor by which shares are divided. Of all rows of 2010–2016, three have such a fall of more than
`max_unexplained_fall` without new shares on that day: those of 002065.SZ on 2014-06-03 are counted two trading days later, those of
000063.SZ and 600031.SH on 2010-06-24 a day before.
"""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from assets.reference.limits import HALF_CENT
from assets.reference.reasons import SHARES_LATE
from resources.settings.reference import ReferenceSettings

_LOOK_BACK = 40  # calendar days that are searched for the close before an ex-date
_FARTHEST = 1.3  # times pre_close: prices within the limits are nearer, so a nearer pre_close corresponds to the prices of its day
_COLUMNS = ("date", "symbol", "pre_close", "high", "low", "close", "volume", "total_shares")


def with_late_shares(
    judged: pl.DataFrame, before: pl.DataFrame, days: Sequence[dt.date], settings: ReferenceSettings
) -> pl.DataFrame:
    """Return the day's rows with ex_date, ex_factor, ex_shares (the last count before it), shares_late and shares_follow.

    judged: rows of daily_prices of the day, with last_close and limit_down. before: earlier rows, sorted by date. days: the last
    `reference.late_share_days` trading days before the day. The ex-date is the stock's last day, of these or today, on which pre_close
    falls by more than `max_unexplained_fall` and by more than new shares of that day explain, with prices that correspond to it.
    shares_follow: total_shares equal a count of the rows before the ex-date times the factor, within `max_unexplained_fall`.
    shares_late: they do not. Both are false where there is no such ex-date.
    """
    found = pl.DataFrame(
        schema={
            "symbol": pl.String, "ex_date": pl.Date, "ex_factor": pl.Float64, "ex_shares": pl.Int64, "_lags": pl.List(pl.Int64),
        }
    )  # fmt: skip
    if settings.late_share_days and before.height and days:
        found = pl.concat([found, _falls(judged, before, days, settings)])
    judged = judged.join(found, on="symbol", how="left", maintain_order="left")
    slack = 1 + settings.max_unexplained_fall
    counts = judged.select("symbol", "ex_factor", "total_shares", "_lags").explode("_lags", keep_nulls=True)
    follows = (pl.col("total_shares") / pl.col("_lags") / pl.col("ex_factor")).is_between(1 / slack, slack)
    follow = counts.group_by("symbol").agg(_follows=follows.fill_null(False).any())
    judged = judged.join(follow, on="symbol", how="left", maintain_order="left")
    # Without the fall, the close of the ex-date would be beyond the limit.
    lowest = pl.col("last_close") * pl.col("limit_down") / pl.col("pre_close")
    real = (pl.col("ex_date") < pl.col("date")) | (pl.col("close") < lowest - HALF_CENT)
    known = (pl.col("ex_date").is_not_null() & real & pl.col("total_shares").is_not_null()).fill_null(False)
    return judged.with_columns(shares_follow=known & pl.col("_follows"), shares_late=known & ~pl.col("_follows")).drop(
        "_lags", "_follows"
    )


def _falls(
    judged: pl.DataFrame, before: pl.DataFrame, days: Sequence[dt.date], settings: ReferenceSettings
) -> pl.DataFrame:
    """Return symbol, ex_date, ex_factor, ex_shares and _lags of each stock's last fall of pre_close.

    _lags: the counts of the rows before it, of which ex_shares is the last that is known.
    """
    since = before["date"].search_sorted(days[0] - dt.timedelta(days=_LOOK_BACK), side="left")
    recent = before[since:].select(_COLUMNS)
    # Few stocks have a pre_close so far below any earlier close; only their rows are searched.
    latest = pl.concat([recent.filter(pl.col("date") >= days[0]), judged.select(_COLUMNS)], how="vertical_relaxed")
    low = latest.filter(pl.col("pre_close") > 0).group_by("symbol").agg(pl.col("pre_close").min())
    high = recent.group_by("symbol").agg(pl.col("close").max())
    fallen = pl.col("pre_close") < pl.col("close") * (1 - settings.max_unexplained_fall)
    names = low.join(high, on="symbol").filter(fallen)["symbol"].implode()
    rows = pl.concat([recent, judged.select(_COLUMNS)], how="vertical_relaxed").filter(
        pl.col("symbol").is_in(names) & (pl.col("volume") > 0) & (pl.col("pre_close") > 0) & (pl.col("close") > 0)
    )
    rows = rows.sort("symbol", "date")
    last, count = pl.col("close").shift().over("symbol"), pl.col("total_shares")
    rows = rows.with_columns(ex_factor=last / pl.col("pre_close"), _before=count.shift().over("symbol"))
    growth = pl.max_horizontal((count / pl.col("_before")).fill_null(1.0), pl.lit(1.0))
    falls = pl.col("ex_factor") * (1 - settings.max_unexplained_fall) > growth
    belong = (pl.col("high") <= pl.col("pre_close") * _FARTHEST) & (pl.col("low") >= pl.col("pre_close") / _FARTHEST)
    lags = [count.shift(k).over("symbol") for k in range(1, settings.late_share_days + 2)]
    return (
        rows.with_columns(ex_shares=pl.coalesce(lags), _lags=pl.concat_list(lags))
        .filter(falls & belong & (pl.col("date") >= days[0]))
        .unique("symbol", keep="last", maintain_order=True)
        .select("symbol", ex_date="date", ex_factor="ex_factor", ex_shares="ex_shares", _lags="_lags")
    )


def late_shares(settings: ReferenceSettings) -> tuple[pl.Expr, pl.Expr]:
    """Return the rule (condition, reason) for rows of `with_late_shares` whose share counts do not correspond to their prices yet.

    Counts are late only beside a count before the ex-date. Where the table had no count then, those delivered since are used.
    """
    reason = SHARES_LATE.column(
        factor=pl.col("ex_factor").round(4),
        ex_date="ex_date",
        total_shares="total_shares",
        before="ex_shares",
        days=pl.lit(settings.late_share_days),
    )
    return pl.col("shares_late") & pl.col("ex_shares").is_not_null(), reason
