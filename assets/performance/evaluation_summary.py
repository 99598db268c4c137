"""Averages of the table `evaluation` over all weeks so far, and statistics derived from them.

This module does not hold the statistics of a single week (evaluation.py) or their presentation (assets/report).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from assets import catalogue
from assets.performance.evaluation import DECILES
from assets.performance.rank_ics import rank_correlations
from assets.performance.statistics import judge_ics

WEEKS_PER_YEAR = 52
HOLDING = 1  # weeks: the horizon of deciles, seeds and of a factor's main RankIC


@dataclass(frozen=True)
class Summary:
    """Averages over weeks, one frame per kind of statistic; outside `factors` a factor without a value has no row.

    factors: one row for each of the sixteen, null where unknown: count, mean, icir, t_statistic, low, high of the RankIC over
    one week; half_life (weeks); spread (mean weekly return of the highest decile less that of the lowest); monotonicity
    (Spearman's correlation of decile and mean return); autocorrelation; turnover; style and exposure (the style with the
    largest absolute mean exposure); seeds, seed_mean, seed_std (ddof 1, over the mean RankICs of the seeds).
    decay: factor, horizon, count, mean, icir, t_statistic, low, high. deciles: factor, decile, value, weeks.
    correlations: factor, other, value, weeks. exposures: factor, style, value, weeks. seeds: factor, seed, value, weeks.
    absent: factor, statistic, horizon, reason: the latest reason of a statistic without any value.
    """

    factors: pl.DataFrame
    decay: pl.DataFrame
    deciles: pl.DataFrame
    correlations: pl.DataFrame
    exposures: pl.DataFrame
    seeds: pl.DataFrame
    absent: pl.DataFrame

    @property
    def notes(self) -> dict[str, dict[str, object]]:
        """Map each factor to its known statistics, rounded to 4 decimals, for the manifest and the UI."""
        known = {
            row["factor"]: {
                name: round(value, 4) + 0.0 if isinstance(value, float) else value
                for name, value in row.items()
                if value is not None and name != "factor"
            }
            for row in self.factors.iter_rows(named=True)
        }
        return {factor: numbers for factor, numbers in known.items() if numbers}


FACTORS: dict[str, type[pl.DataType]] = {
    "factor": pl.String,
    "count": pl.Int64,
    **dict.fromkeys(("mean", "icir", "t_statistic", "low", "high", "half_life", "spread", "monotonicity"), pl.Float64),
    **dict.fromkeys(("autocorrelation", "turnover"), pl.Float64),
    "style": pl.String,
    "exposure": pl.Float64,
    "seeds": pl.Int64,
    "seed_mean": pl.Float64,
    "seed_std": pl.Float64,
}


def summarise(rows: pl.DataFrame) -> Summary:
    """Average the rows of `evaluation` of several weeks, which may be in any order."""
    rows = rows.sort("factor", "statistic", "horizon", "item", "week")
    known = rows.filter(pl.col("value").is_not_null())
    decay = _decay(known)
    deciles = _average(known, "decile_return", "decile").with_columns(pl.col("decile").cast(pl.Int64))
    correlations = _average(known, "correlation", "other")
    exposures = _average(known, "exposure", "style")
    seeds = _average(known, "seed_rank_ic", "seed").with_columns(pl.col("seed").cast(pl.Int64)).sort("factor", "seed")
    table = pl.DataFrame({"factor": list(catalogue.BY_KEY)})
    for part in (
        decay.filter(horizon=HOLDING).drop("horizon"),
        _half_lives(decay),
        _spreads(known),
        _monotonicity(deciles),
        *(
            _average(known, name, "item").select("factor", pl.col("value").alias(name))
            for name in ("autocorrelation", "turnover")
        ),
        exposures.sort(pl.col("value").abs(), descending=True, maintain_order=True)
        .unique("factor", keep="first", maintain_order=True)
        .select("factor", "style", pl.col("value").alias("exposure")),
        seeds.group_by("factor").agg(
            pl.len().cast(pl.Int64).alias("seeds"),
            pl.col("value").mean().alias("seed_mean"),
            pl.col("value").std(ddof=1).alias("seed_std"),
        ),
    ):
        table = table.join(part, on="factor", how="left", maintain_order="left")
    kind = ["factor", "statistic", "horizon"]
    absent = (
        rows.filter(pl.col("value").is_not_null().sum().over(kind) == 0)
        .sort(*kind, "week", "reason")
        .unique(kind, keep="last", maintain_order=True)
        .select(*kind, "reason")
    )
    table = table.select(pl.col(name).cast(dtype) for name, dtype in FACTORS.items())
    return Summary(table, decay, deciles.sort("factor", "decile"), correlations, exposures, seeds, absent)


def half_life(horizons: Sequence[int], means: Sequence[float]) -> float | None:
    """Return the horizon at which the mean RankIC has fallen to half of its first value, interpolated linearly.

    horizons: in weeks, ascending. means: the mean RankIC of each. None if it does not fall to half, or if the first value is not
    positive.

    >>> half_life([1, 2, 4], [0.10, 0.08, 0.02])
    3.0
    """
    half = means[0] / 2
    if half <= 0:
        return None
    for place in range(1, len(means)):
        if means[place] <= half:
            before, after = means[place - 1], means[place]
            return horizons[place - 1] + (horizons[place] - horizons[place - 1]) * (before - half) / (before - after)
    return None


def _average(known: pl.DataFrame, statistic: str, item: str) -> pl.DataFrame:
    """Mean over weeks of each factor's `statistic`: factor, `item`, value, weeks."""
    return (
        known.filter(statistic=statistic)
        .group_by("factor", pl.col("item").alias(item), maintain_order=True)
        .agg(pl.col("value").mean(), pl.len().cast(pl.Int64).alias("weeks"))
    )


def _decay(known: pl.DataFrame) -> pl.DataFrame:
    """Statistics of the RankICs of each factor and horizon; a return over k weeks overlaps with the next k − 1."""
    rows = []
    for (factor, horizon), own in known.filter(statistic="rank_ic").group_by("factor", "horizon", maintain_order=True):
        evidence = judge_ics(own["value"].to_numpy(), WEEKS_PER_YEAR, overlap=horizon - 1)
        rows.append({"factor": factor, "horizon": horizon, **vars(evidence)})
    floats = ("mean", "icir", "t_statistic", "low", "high")
    schema = {"factor": pl.String, "horizon": pl.Int64, "count": pl.Int64, **dict.fromkeys(floats, pl.Float64)}
    return pl.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema)


def _half_lives(decay: pl.DataFrame) -> pl.DataFrame:
    rows = [
        (factor, half_life(own["horizon"].to_list(), own["mean"].to_list()))
        for (factor,), own in decay.sort("horizon").group_by("factor", maintain_order=True)
        if own["horizon"][0] == HOLDING
    ]
    return pl.DataFrame(rows, schema={"factor": pl.String, "half_life": pl.Float64}, orient="row")


def _spreads(known: pl.DataFrame) -> pl.DataFrame:
    """Mean return of the highest decile less that of the lowest, over the weeks that have both."""
    own = known.filter(statistic="decile_return")
    top, bottom = (own.filter(item=str(decile)).select("week", "factor", "value") for decile in (DECILES, 1))
    return (
        top.join(bottom, on=["week", "factor"], suffix="_bottom", maintain_order="left")
        .group_by("factor", maintain_order=True)
        .agg((pl.col("value") - pl.col("value_bottom")).mean().alias("spread"))
    )


def _monotonicity(deciles: pl.DataFrame) -> pl.DataFrame:
    """Spearman's correlation of the numbers of the ten deciles with their mean returns."""
    found = rank_correlations(deciles.with_columns(symbol="decile"), "decile", "value", ("factor",))
    return found.filter(names=DECILES).select("factor", pl.col("correlation").alias("monotonicity"))
