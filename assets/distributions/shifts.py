"""Distances of statistics from those of the days or weeks before, in robust units.

With the median m and the median absolute deviation MAD of the earlier values, the distance of a value is

    distance = (value − m) / max(1.4826 MAD, floor)

1.4826 MAD estimates the standard deviation of normal values, and one outlying day moves neither m nor MAD. The floor keeps a statistic
that hardly varied, such as the number of stocks, from being far away after a small change.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.distributions.schemas import DISTRIBUTION_SHIFTS, QUANTILES
from resources.arrays import Floats

NORMAL = 1.4826  # the standard deviation of a normal variable over its median absolute deviation
FLOORS: Mapping[str, float] = {
    "names": 0.03,  # of ln(1 + names): 3 % of the stocks
    "coverage": 0.01,
    "null_share": 0.01,
    "rank_ic": 0.1,
    "autocorrelation": 0.1,
    "turnover": 0.1,
}
STANDARD_ERRORS: Mapping[str, float] = {"rank_ic": 1.0, "autocorrelation": 1.0, "turnover": 0.5 * 10**0.5}
"""Standard error of a weekly statistic times √names: of a rank correlation of independent values, and of a share of a decile that is
one half. It is the floor where it is larger than FLOORS, as in markets of a few stocks."""
QUANTILE_FLOOR = 0.1
"""Floor of a quantile: this share of the median distance between the 25 % and 75 % quantiles of the earlier days."""
SMALLEST_SCALE = 1e-9
"""Least scale over max(1, |median|), which keeps distances of constants finite."""
DAILY = ("names", "coverage", "null_share", *QUANTILES)


@dataclass(frozen=True, eq=False)
class Shifts:
    """Statistics compared with earlier ones: arrays by (compared day or week, statistic), nan where there is none.

    earlier: number of earlier values behind median and scale. distance is nan where the value is, or where they are too few.
    """

    value: Floats
    median: Floats
    scale: Floats
    distance: Floats
    earlier: Floats


def compare(values: Floats, floors: Floats, *, own: int, window: int, least: int, mean_of: int = 1) -> Shifts:
    """Compare the last rows of a table of statistics with the rows before each of them.

    Args:
        values: [time, statistic], oldest first, nan where there is no value.
        floors: the floor of each statistic; [own, statistic].
        own: number of rows at the end that are compared.
        window: largest number of rows before the compared ones.
        least: least number of earlier values, with fewer of which a distance is nan.
        mean_of: number of rows whose mean is compared; its scale is that of one row over √mean_of. The mean is nan where one is.
    """
    shape = (own, values.shape[1])
    value, median, mad, earlier = (np.full(shape, np.nan) for _ in range(4))
    for row in range(own):
        end = len(values) - own + row + 1
        first = max(end - mean_of, 0)
        before = values[max(first - window, 0) : first]
        earlier[row] = np.isfinite(before).sum(axis=0)
        if end - first == mean_of:
            value[row] = values[first:end].mean(axis=0)
        usable = earlier[row] >= max(least, 1)
        median[row, usable] = np.nanmedian(before[:, usable], axis=0)
        mad[row, usable] = np.nanmedian(np.abs(before[:, usable] - median[row, usable]), axis=0)
    scale = np.maximum(NORMAL * mad, floors) / np.sqrt(mean_of)
    scale = np.maximum(scale, SMALLEST_SCALE * np.maximum(1, np.abs(median)))
    return Shifts(value, median, scale, (value - median) / scale, earlier)


def compare_days(
    distributions: pl.DataFrame, days: Sequence[dt.date], own: int, window: int, least: int
) -> pl.DataFrame:
    """Compare each statistic of each item on the last days with the trading days before each of them.

    Args:
        distributions: rows of the table `distributions`, of these days.
        days: the trading days, oldest first; the last `own` ones are compared.
        own: as for `compare`.
        window: as for `compare`.
        least: as for `compare`.

    Returns:
        The columns date, table, item, statistic, value, median, scale, distance, earlier. `names` is compared as ln(1 + names).
    """
    items = distributions.select("table", "item").unique().sort("table", "item")
    places = distributions.select(
        pl.col("date").replace_strict(days, range(len(days)), return_dtype=pl.Int64).alias("day"),
        pl.concat_list("table", "item"),
    )
    index = {tuple(pair): n for n, pair in enumerate(items.iter_rows())}
    day = places["day"].to_numpy()
    item = np.array([index[tuple(pair)] for pair in places["table"].to_list()], dtype=np.int64)
    values = np.full((len(days), items.height, len(DAILY)), np.nan)
    for n, statistic in enumerate(DAILY):
        column = distributions[statistic].cast(pl.Float64).to_numpy()
        values[day, item, n] = np.log1p(column) if statistic == "names" else column
    floors = np.broadcast_to([FLOORS.get(one, np.nan) for one in DAILY], (own, items.height, len(DAILY))).copy()
    spread = values[:, :, DAILY.index("quantile_75")] - values[:, :, DAILY.index("quantile_25")]
    width = compare(spread, np.zeros((own, items.height)), own=own, window=window, least=least).median
    for statistic in QUANTILES:
        floors[:, :, DAILY.index(statistic)] = QUANTILE_FLOOR * width
    flat = (len(days), items.height * len(DAILY))
    found = compare(values.reshape(flat), floors.reshape(own, -1), own=own, window=window, least=least)
    keys = items.join(pl.DataFrame({"statistic": DAILY}), how="cross")
    return _rows(found, days[len(days) - own :], keys)


def compare_weeks(
    evaluation: pl.DataFrame, weeks: Sequence[dt.date], day: dt.date, window: int, least: int, ic_weeks: int
) -> pl.DataFrame:
    """Compare the factors' RankICs, autocorrelations and turnovers of the last week with the weeks before.

    Args:
        evaluation: rows of the table `evaluation` of these weeks.
        weeks: the Mondays, oldest first; the last one is compared.
        day: the last week's signal day, the date of the rows.
        window: as for `compare`.
        least: as for `compare`.
        ic_weeks: number of weeks whose mean RankIC is compared.

    Returns:
        The columns of `compare_days`; table is evaluation and item the factor.
    """
    rows = evaluation.filter(
        pl.col("statistic").is_in(["autocorrelation", "turnover"])
        | ((pl.col("statistic") == "rank_ic") & (pl.col("horizon") == 1))
    )
    factors = rows["factor"].unique().sort()
    at = {week: n for n, week in enumerate(weeks)}
    found = []
    for statistic in ("rank_ic", "autocorrelation", "turnover"):
        own = rows.filter(statistic=statistic)
        values, names = (np.full((len(weeks), factors.len()), np.nan) for _ in range(2))
        places = (
            np.array([at[one] for one in own["week"]], dtype=np.int64),
            factors.search_sorted(own["factor"]).to_numpy(),
        )
        values[places] = own["value"].to_numpy()
        names[places] = own["names"].cast(pl.Float64).to_numpy()
        error = STANDARD_ERRORS[statistic] / np.sqrt(np.maximum(np.nan_to_num(names[-1:], nan=1), 1))
        floors = np.maximum(FLOORS[statistic], error)
        mean_of = ic_weeks if statistic == "rank_ic" else 1
        shifts = compare(values, floors, own=1, window=window, least=least, mean_of=mean_of)
        keys = pl.select(table=pl.lit("evaluation"), item=factors, statistic=pl.lit(statistic))
        found.append(_rows(shifts, [day], keys))
    return pl.concat(found)


def _rows(found: Shifts, days: Sequence[dt.date], keys: pl.DataFrame) -> pl.DataFrame:
    """One row per compared day and statistic. keys: table, item, statistic, in the order of the arrays."""
    dates = pl.DataFrame({"date": days}, schema={"date": pl.Date})
    measured = {name: getattr(found, name).ravel() for name in ("value", "median", "scale", "distance", "earlier")}
    rows = dates.join(keys, how="cross").with_columns(
        **{n: pl.Series(v, nan_to_null=True) for n, v in measured.items()}
    )
    return rows.with_columns(pl.col("earlier").cast(DISTRIBUTION_SHIFTS["earlier"]))
