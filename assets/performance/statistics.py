"""Statistics of daily returns and RankICs (SPEC §7): relative strength, period returns, wins, ICIR, Newey–West.

This module holds arithmetic on arrays, for one factor or portfolio at a time. It does not hold the tables in which the results
are shown (assets/report/tables.py). Dates are NumPy datetime64[D]; returns are fractions.
"""

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from resources.arrays import Floats

Dates = NDArray[np.datetime64]
FEWEST_PERIODS = 3
NORMAL_975 = 1.959963984540054


def relative_strength(own: Floats, against: Floats) -> Floats:
    """Compute the relative strength after each day: Π (1 + own) / (1 + against), which is 1 before the first day.

    own, against [days]: daily returns; result [days] (SPEC §7).

    >>> relative_strength(np.array([0.1, 0.0]), np.array([0.0, 0.1])).round(6).tolist()
    [1.1, 1.0]
    """
    return np.cumprod((1 + own) / (1 + against), dtype=np.float64)


def _compound(returns: Floats) -> float:
    return float(np.prod(1 + returns) - 1)


@dataclass(frozen=True)
class Comparison:
    """A comparison of own returns with others' over the periods that end on one day.

    The periods are the calendar week, the month from its first trading day, and the year from the previous year's last close
    (`ytd`). A figure is None if no return is known in its period. `since` is the first day of the year with a return, which is
    later than the year's first trading day if the data starts within the year.
    """

    week: float | None
    month: float | None
    ytd: float | None
    week_difference: float | None
    month_difference: float | None
    ytd_difference: float | None
    month_wins: int
    months: int
    week_wins: int
    weeks: int
    since: dt.date | None


def compare(dates: Dates, own: Floats, against: Floats, day: dt.date) -> Comparison:
    """Compute relative strength (ratio) and difference of `own` and `against` over the periods that end on `day`.

    dates, own, against [days]: daily returns with their days, in any order. Days on which either return is nan are left out. A
    period's ratio is RS at its end / RS before it − 1; its difference is the difference of the two compounded returns. Wins
    count the months and calendar weeks of the year whose ratio is above 0, including the current ones; of a week that spans
    the turn of the year only the days of this year count (SPEC §7).
    """
    end = np.datetime64(day, "D")
    known = ~(np.isnan(own) | np.isnan(against)) & (dates <= end)
    dates, own, against = dates[known], own[known], against[known]
    order = np.argsort(dates, kind="stable")
    dates, own, against = dates[order], own[order], against[order]
    ratio = (1 + own) / (1 + against) - 1
    monday = np.datetime64(day - dt.timedelta(days=day.weekday()), "D")
    year, month = dates.astype("datetime64[Y]"), dates.astype("datetime64[M]")
    inside = {
        "week": dates >= monday,
        "month": month == end.astype("datetime64[M]"),
        "ytd": year == end.astype("datetime64[Y]"),
    }
    numbers: dict[str, float | None] = {}
    for name, mask in inside.items():
        some = bool(mask.any())
        numbers[name] = _compound(ratio[mask]) if some else None
        numbers[f"{name}_difference"] = _compound(own[mask]) - _compound(against[mask]) if some else None
    this_year = inside["ytd"]
    # 1970-01-01 was a Thursday; shifted by 3 days, the integer quotient changes on Mondays
    weeks = (dates.astype(np.int64) + 3) // 7
    month_wins, months = _wins(ratio[this_year], month[this_year].astype(np.int64))
    week_wins, week_count = _wins(ratio[this_year], weeks[this_year])
    since = dates[this_year][0].astype(object) if this_year.any() else None
    return Comparison(
        **numbers,
        month_wins=month_wins,
        months=months,
        week_wins=week_wins,
        weeks=week_count,
        since=since,
    )


def _wins(ratio: Floats, period: NDArray[np.int64]) -> tuple[int, int]:
    periods = np.unique(period)
    return sum(_compound(ratio[period == one]) > 0 for one in periods), len(periods)


@dataclass(frozen=True)
class Evidence:
    """Statistics of a factor's RankICs over their history; None where there are too few.

    count: number of RankICs. last: the latest one. low, high: 95 % confidence interval of the mean. positive: share above 0.
    """

    count: int
    last: float | None
    mean: float | None
    icir: float | None
    t_statistic: float | None
    low: float | None
    high: float | None
    positive: float | None


def judge_ics(ics: Floats, periods_per_year: int, overlap: int = 0) -> Evidence:
    """Compute mean, ICIR = mean / std · √periods (ddof 1), share above 0, and Newey–West t and 95 % interval of the mean.

    ics: RankICs in chronological order. periods_per_year: 12 for monthly, 52 for weekly signals. overlap: the number of later
    periods with which a return overlaps; the lags cover at least these, and t and the interval require three returns that do
    not overlap (SPEC §7).
    """
    count = len(ics)
    if count == 0:
        return Evidence(0, *[None] * 7)
    mean = float(np.mean(ics))
    spread = float(np.std(ics, ddof=1)) if count > 1 else 0.0
    enough = count >= FEWEST_PERIODS * (overlap + 1)
    error = newey_west_error(ics, max(default_lags(count), overlap)) if enough else 0.0
    return Evidence(
        count=count,
        last=float(ics[-1]),
        mean=mean,
        icir=mean / spread * math.sqrt(periods_per_year) if spread > 0 else None,
        t_statistic=mean / error if error > 0 else None,
        low=mean - NORMAL_975 * error if error > 0 else None,
        high=mean + NORMAL_975 * error if error > 0 else None,
        positive=float(np.mean(ics > 0)),
    )


def default_lags(count: int) -> int:
    """Return ⌊4 (n/100)^(2/9)⌋, the rule of thumb of Newey and West (1994), limited to n − 1."""
    return min(math.floor(4 * (count / 100) ** (2 / 9)), count - 1)


def newey_west_error(values: Floats, lags: int) -> float:
    """Compute the standard error of the mean under autocorrelation up to `lags`, with Bartlett weights (Newey and West 1987).

    With lags = 0 it is the population standard deviation / √n.
    """
    count = len(values)
    gap = values - np.mean(values)
    variance = float(gap @ gap) / count
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(gap[lag:] @ gap[:-lag]) / count
    return math.sqrt(max(variance, 0.0) / count)  # Bartlett weights keep the variance ≥ 0 except for rounding
