"""μ of a signal day: the score that a portfolio maximises, from the tables `scores` and `factors`.

This module selects the rows of a score and averages several scores. It does not compute scores (assets/models, assets/factors).
"""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from assets.catalogue import BY_KEY, TEN
from resources.errors import SettingsError


def alpha_scores(
    scores: pl.LazyFrame, factors: pl.LazyFrame, alpha: str, date: dt.date, setting: str = "portfolios.alpha"
) -> pl.DataFrame:
    """Return μ of the signal day as rows (symbol, score), sorted by symbol; stocks without a finite score have no row.

    alpha: one of the sixteen factors, a user's own (`factors.extra_factors`), or a score that a study wrote into the table
    `scores`. setting: the setting that contains `alpha`, for the error.

    Raises:
        SettingsError: Neither table contains the key on a day for which they have rows.
    """
    tables = [factors] if alpha in TEN else [scores] if alpha in BY_KEY else [factors, scores]
    rows = pl.concat([table.select("date", "factor", "symbol", "value") for table in tables]).filter(
        pl.col("date") == date
    )
    own = rows.filter(pl.col("factor") == alpha).collect()
    if alpha not in BY_KEY and own.is_empty() and not rows.collect().is_empty():
        raise SettingsError(
            f"{setting} = {alpha!r} is no factor; choose one of {', '.join(BY_KEY)}, or add a function of yours to "
            "factors.extra_factors."
        )
    return own.filter(pl.col("value").is_finite()).select("symbol", score="value").sort("symbol")


def mean_scores(
    scores: pl.LazyFrame,
    factors: pl.LazyFrame,
    alphas: Sequence[str],
    date: dt.date,
    setting: str = "portfolios.alpha",
) -> pl.DataFrame:
    """Return μ as the mean of several scores in rows (symbol, score), sorted by symbol.

    A stock without one of the scores has no row. setting, Raises: as for `alpha_scores`.
    """
    mean = alpha_scores(scores, factors, alphas[0], date, setting)
    for key in alphas[1:]:
        other = alpha_scores(scores, factors, key, date, setting).rename({"score": "other"})
        mean = mean.join(other, on="symbol").select("symbol", score=pl.col("score") + pl.col("other"))
    return mean.with_columns(pl.col("score") / len(alphas)).sort("symbol")
