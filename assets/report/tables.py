"""Table 1, Table 2 and the RankIC table as frames, which always have all rows, with numbers or with the reason why there are none.

This module assigns statistics to columns and reasons to rows. It does not hold the statistics (performance/statistics.py), the
wording or the layout (sections/, words/).
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
    """Daily returns of a factor leg or portfolio and of its comparison, as fractions in chronological order [days]."""

    dates: Dates
    own: Floats
    against: Floats

    def until(self, day: dt.date) -> "Series":
        """Return the series up to and including `day`."""
        keep = self.dates <= np.datetime64(day, "D")
        return Series(self.dates[keep], self.own[keep], self.against[keep])

    def compare(self, day: dt.date) -> Comparison:
        """Compute returns, differences and win rates of the week, month and year that end on `day` (statistics.py, `compare`)."""
        return compare(self.dates, self.own, self.against, day)


def read_series(frame: pl.DataFrame, own: str, against: str) -> Series:
    """Create a series from two columns of a frame with a `date`; days on which either is null are left out."""
    known = frame.drop_nulls([own, against]).sort("date")
    return Series(known["date"].to_numpy().astype("datetime64[D]"), known[own].to_numpy(), known[against].to_numpy())


def factor_series(factor_returns: pl.DataFrame) -> dict[str, dict[str, Series]]:
    """Map each of the sixteen factors to {"long_short", "long_excess"} → Series, which is empty if no return is known."""
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
    """Map each portfolio to the series of its net return against the benchmark."""
    own = portfolio_returns.partition_by("portfolio", as_dict=True)
    nothing = portfolio_returns.clear()
    return {
        portfolio.key: read_series(own.get((portfolio.key,), nothing), "net", "benchmark")
        for portfolio in catalogue.PORTFOLIOS
    }


def tabulate_factors(
    series: Mapping[str, Mapping[str, Series]], day: dt.date, reasons: Mapping[str, Reason]
) -> pl.DataFrame:
    """Tabulate Table 1 (SPEC §8): sixteen rows × {long_short, long_excess} × {week, month, ytd, wins, months}.

    series: from `factor_series`. reasons: factor → why it has no return in the week. Returns are ratios of relative strength;
    `…_difference` is the difference of the legs' returns. since: first day of the year with a return. reason: why a row, or
    its week, has no number, as JSON (`Reason.dumps`); null otherwise.
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
    """Tabulate Table 2 (SPEC §8): two rows × excess {week, month, ytd}, and wins of the weeks of the year.

    series: from `portfolio_series`. reasons and the columns `…_difference`, `since` and `reason`: as in `tabulate_factors`.
    """
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
    """Tabulate the RankICs known by `day`, one row per factor.

    The columns are count, last, mean, icir, t_statistic (Newey–West), the 95 % interval low and high, and positive (`Evidence`).
    """
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
    """Return why factors and portfolios have no return in the week: (factor → reason, portfolio → reason).

    A reason from `unavailable` comes first; otherwise a model or portfolio without a partition in the lake is not built yet;
    otherwise it has no return yet. built: names of tables with a partition. factors_seen: factors with a return in any week.
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
    """The wins and periods; None instead of 0 of 0."""
    return (wins, periods) if periods else (None, None)
