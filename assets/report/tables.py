"""Table 1, Table 2 and the RankIC table as frames: every row always there, with numbers or with the reason for none.

Here: which statistic goes to which column, and why a row is n/a. Not here: the statistics (performance/statistics.py), words and
layout (sections/, words/).
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets import catalogue
from assets.performance.reasons import MODEL_NOT_BUILT, NO_RETURNS
from assets.performance.statistics import Comparison, Dates, compare, judge_ics
from assets.portfolios.reasons import NOT_BUILT_YET
from resources.arrays import Floats
from resources.reasons import Reason, Reasons

PERIODS = ("week", "month", "ytd")
PERIODS_PER_YEAR = {"month": 12, "week": 52}


@dataclass(frozen=True)
class Series:
    """Daily returns of one thing against another, in order of time."""

    dates: Dates
    own: Floats
    against: Floats

    def until(self, day: dt.date) -> "Series":
        """The same up to and including `day`."""
        keep = self.dates <= np.datetime64(day, "D")
        return Series(self.dates[keep], self.own[keep], self.against[keep])

    def compare(self, day: dt.date) -> Comparison:
        """Returns, differences and win rates of the week, month and year that end on `day` (statistics.py, `compare`)."""
        return compare(self.dates, self.own, self.against, day)


def read_series(frame: pl.DataFrame, own: str, against: str) -> Series:
    """Series of two columns of a frame with a `date`; days on which either is null are left out."""
    known = frame.drop_nulls([own, against]).sort("date")
    return Series(known["date"].to_numpy().astype("datetime64[D]"), known[own].to_numpy(), known[against].to_numpy())


def factor_series(factor_returns: pl.DataFrame) -> dict[str, dict[str, Series]]:
    """Factor key → {"long_short", "long_excess"} → Series, for all sixteen (empty where nothing is known)."""
    own = factor_returns.partition_by("factor", as_dict=True)
    nothing = factor_returns.clear()
    return {
        factor.key: {
            "long_short": read_series(own.get((factor.key,), nothing), "long", "short"),
            "long_excess": read_series(own.get((factor.key,), nothing), "long", "market"),
        }
        for factor in catalogue.FACTORS
    }


def portfolio_series(portfolio_returns: pl.DataFrame) -> dict[str, Series]:
    """Portfolio key → Series of net return against the benchmark."""
    own = portfolio_returns.partition_by("portfolio", as_dict=True)
    nothing = portfolio_returns.clear()
    return {
        portfolio.key: read_series(own.get((portfolio.key,), nothing), "net", "benchmark")
        for portfolio in catalogue.PORTFOLIOS
    }


def tabulate_factors(
    series: Mapping[str, Mapping[str, Series]], day: dt.date, reasons: Mapping[str, Reason]
) -> pl.DataFrame:
    """Table 1: sixteen rows × {long_short, long_excess} × {week, month, ytd, wins, months}.

    Returns are ratios of relative strength; `…_difference` holds the difference of the legs' returns. `since`: first day
    of the year with a return. reason: why a row, or its week, has no number, as JSON (`Reason.dumps`); null where it has.
    """
    rows = []
    for factor in catalogue.FACTORS:
        row: dict[str, object] = {"factor": factor.key}
        comparisons = {name: one.compare(day) for name, one in series[factor.key].items()}
        for name, result in comparisons.items():
            for period in PERIODS:
                row[f"{name}_{period}"] = getattr(result, period)
            row[f"{name}_wins"], row[f"{name}_months"] = _share(result.month_wins, result.months)
            for period in PERIODS:
                row[f"{name}_{period}_difference"] = getattr(result, f"{period}_difference")
        row["since"] = comparisons["long_short"].since
        known = comparisons["long_short"].week is not None
        row["reason"] = None if known else reasons.get(factor.key, NO_RETURNS()).dumps()
        rows.append(row)
    schema: dict[str, type[pl.DataType]] = {"factor": pl.String}
    for name in ("long_short", "long_excess"):
        schema |= {f"{name}_{period}": pl.Float64 for period in PERIODS}
        schema |= {f"{name}_wins": pl.Int64, f"{name}_months": pl.Int64}
        schema |= {f"{name}_{period}_difference": pl.Float64 for period in PERIODS}
    return pl.DataFrame(rows, schema={**schema, "since": pl.Date, "reason": pl.String})


def tabulate_portfolios(series: Mapping[str, Series], day: dt.date, reasons: Mapping[str, Reason]) -> pl.DataFrame:
    """Table 2: two rows × excess {week, month, ytd}, wins of weeks of the year; `…_difference`, `since`, `reason`."""
    rows = []
    for portfolio in catalogue.PORTFOLIOS:
        result = series[portfolio.key].compare(day)
        wins, weeks = _share(result.week_wins, result.weeks)
        rows.append(
            {
                "portfolio": portfolio.key,
                **{f"excess_{period}": getattr(result, period) for period in PERIODS},
                "wins": wins,
                "weeks": weeks,
                **{f"excess_{period}_difference": getattr(result, f"{period}_difference") for period in PERIODS},
                "since": result.since,
                "reason": None if result.week is not None else reasons.get(portfolio.key, NO_RETURNS()).dumps(),
            }
        )
    schema = {
        "portfolio": pl.String,
        **{f"excess_{period}": pl.Float64 for period in PERIODS},
        "wins": pl.Int64,
        "weeks": pl.Int64,
        **{f"excess_{period}_difference": pl.Float64 for period in PERIODS},
        "since": pl.Date,
        "reason": pl.String,
    }
    return pl.DataFrame(rows, schema=schema)


def tabulate_ics(rank_ics: pl.DataFrame, day: dt.date) -> pl.DataFrame:
    """One row per factor over all RankICs known by `day`: count, last, mean, icir, t_statistic (Newey–West) and
    its interval low, high, positive."""
    rows = []
    for factor in catalogue.FACTORS:
        own = rank_ics.filter(
            (pl.col("factor") == factor.key) & (pl.col("next_trade_date") <= day) & pl.col("rank_ic").is_not_null()
        ).sort("signal_date")
        evidence = judge_ics(own["rank_ic"].to_numpy(), PERIODS_PER_YEAR[factor.rebalance])
        rows.append({"factor": factor.key, **vars(evidence)})
    floats = ("last", "mean", "icir", "t_statistic", "low", "high", "positive")
    return pl.DataFrame(rows, schema={"factor": pl.String, "count": pl.Int64, **dict.fromkeys(floats, pl.Float64)})


def explain_absence(
    unavailable: Reasons, built: set[str], factors_seen: set[str]
) -> tuple[dict[str, Reason], dict[str, Reason]]:
    """Why a factor, or a portfolio, has no return this week: (factor key → reason, portfolio key → reason).

    A reason that travelled down with the tables comes first; then a model or portfolio without a partition in the lake
    is not built yet; then there simply is no return yet. built: names of tables with a partition.
    """
    traced = {**unavailable.get("rank_ics", {}), **unavailable.get("factor_returns", {})}
    factors = {}
    for factor in catalogue.FACTORS:
        if factor.key in traced:
            factors[factor.key] = traced[factor.key]
        elif factor.kind == "model" and factor.key not in built | factors_seen:
            factors[factor.key] = MODEL_NOT_BUILT()
        else:
            factors[factor.key] = NO_RETURNS()
    portfolios = {}
    for portfolio in catalogue.PORTFOLIOS:
        own = unavailable.get(portfolio.asset, {})
        reason = unavailable.get("portfolio_returns", {}).get(portfolio.key) or own.get("weight") or own.get("score")
        portfolios[portfolio.key] = reason or (NO_RETURNS() if portfolio.asset in built else NOT_BUILT_YET())
    return factors, portfolios


def _share(wins: int, periods: int) -> tuple[int | None, int | None]:
    """n/a rather than 0 of 0."""
    return (wins, periods) if periods else (None, None)
