"""μ of a signal day: the score by which a portfolio is made, from the tables `scores` and `factors`.

What belongs here: which rows a score is read from, and the mean of several. What does not: how scores are computed (assets/models,
assets/factors).
"""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from assets.catalogue import BY_KEY, TEN
from resources.errors import SettingsError


def alpha_scores(
    scores: pl.LazyFrame, factors: pl.LazyFrame, alpha: str, date: dt.date, setting: str = "portfolios.alpha"
) -> pl.DataFrame:
    """μ of the signal day: symbol, score, by symbol; a name whose score is not finite has none.

    alpha: one of the sixteen factors, a user's own (`factors.extra_factors`), or a score that a study put into the table
    scores. Raises SettingsError, which names the `setting`, where neither table knows the key on a day for which it has rows.
    """
    tables = [factors] if alpha in TEN else [scores] if alpha in BY_KEY else [factors, scores]
    rows = pl.concat([table.select("date", "factor", "symbol", "value") for table in tables]).filter(
        pl.col("date") == date
    )
    own = rows.filter(pl.col("factor") == alpha).collect()
    if alpha not in BY_KEY and own.is_empty() and not rows.collect().is_empty():
        raise SettingsError(
            f"{setting} = {alpha!r} is no factor; choose one of {', '.join(BY_KEY)}, or name a function of yours in "
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
    """μ as the mean over several factors: symbol, score, by symbol. A name that lacks one of them has no score.

    Raises SettingsError, which names the `setting`, for a key that is no factor.
    """
    mean = alpha_scores(scores, factors, alphas[0], date, setting)
    for key in alphas[1:]:
        other = alpha_scores(scores, factors, key, date, setting).rename({"score": "other"})
        mean = mean.join(other, on="symbol").select("symbol", score=pl.col("score") + pl.col("other"))
    return mean.with_columns(pl.col("score") / len(alphas)).sort("symbol")
