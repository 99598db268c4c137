"""The statistics of the sixteen factors' weekly signals: one week's rows of the table `evaluation`.

This module computes statistics of single signals, each with its number of stocks or with the reason why it has no value. It does
not hold which weeks' signals are read (rebalancing.py) or averages over the weeks (evaluation_summary.py).

Values are rows (symbol, factor, value) of one signal day, only of members of U(t). Returns are from VWAP to VWAP, of stocks that
trade on both days (rank_ics.py). Ties have their mean rank. Groups are cut on the signal day by value, ties by symbol; stocks that
cannot be traded are left out without replacement (SPEC §7).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets import catalogue
from assets.factors.styles import STYLES
from assets.performance.rank_ics import rank_correlations
from assets.performance.reasons import CONSTANT, NO_VALUE_ON, NOT_TRADED, TOO_FEW_NAMES
from resources.arrays import Floats
from resources.reasons import Reason
from resources.settings.evaluation import EvaluationSettings

DECILES = 10
SCHEMA: dict[str, type[pl.DataType]] = {
    "week": pl.Date,
    "factor": pl.String,
    "statistic": pl.String,
    "item": pl.String,
    "horizon": pl.Int32,
    "value": pl.Float64,
    "names": pl.Int64,
    "signal_date": pl.Date,
    "reason": pl.String,
}
STATISTICS = (
    "rank_ic",
    "decile_return",
    "seed_rank_ic",
    "autocorrelation",
    "turnover",
    "correlation",
    "exposure",
)
_ROW = {name: SCHEMA[name] for name in ("factor", "item", "value", "names")} | {"basis": pl.Int64}


@dataclass(frozen=True)
class Signal:
    """The values of one signal day. names: factor → number of stocks with a value."""

    day: dt.date
    values: pl.DataFrame
    names: Mapping[str, int]

    @classmethod
    def of(cls, day: dt.date, values: pl.DataFrame) -> "Signal":
        """Create a signal from rows (symbol, factor, value); rows without a value are left out."""
        known = values.filter(pl.col("value").is_not_null() & pl.col("value").is_not_nan())
        known = known.select("symbol", "factor", "value").sort("factor", "symbol")
        return cls(day, known, dict(known.group_by("factor").len().iter_rows()))


def cut_deciles(values: pl.DataFrame) -> pl.DataFrame:
    """Add the `decile` (1 … 10, 10 the highest) of each stock among those of its factor, ties by symbol.

    The sizes differ by one at most. Decile 10 has ⌊N/10⌋ stocks, as the long leg of factor_returns at a share of 10 %.
    """
    place = pl.int_range(pl.len()).over("factor") * DECILES // pl.len().over("factor")
    return values.sort("factor", "value", "symbol", descending=[False, False, True]).with_columns(
        (place + 1).cast(pl.Int32).alias("decile")
    )


# --- statistics of a signal and its returns -----------------------------------------------------------------------------


def signal_ics(signal: Signal, returns: pl.DataFrame) -> pl.DataFrame:
    """Compute the RankIC of each factor: Spearman's correlation of the signal with rows (symbol, return)."""
    found = rank_correlations(signal.values.join(returns, on="symbol"), "value", "return", ("factor",))
    return _found(found.rename({"correlation": "value"}), item=None)


def seed_ics(seeds: pl.DataFrame, returns: pl.DataFrame) -> pl.DataFrame:
    """Compute the RankIC of each seed of each model.

    seeds: rows (factor, symbol, granularity, seed, value), the z-scored output of each network; the score of a seed is their
    mean over granularities. returns: rows (symbol, return).
    """
    scores = (
        seeds.sort("factor", "seed", "symbol", "granularity")
        .group_by("factor", "seed", "symbol", maintain_order=True)
        .agg(pl.col("value").mean())
    )
    found = rank_correlations(scores.join(returns, on="symbol"), "value", "return", ("factor", "seed"))
    return _found(found.rename({"correlation": "value"}), item=pl.col("seed").cast(pl.String))


def decile_returns(signal: Signal, returns: pl.DataFrame) -> pl.DataFrame:
    """Compute the mean return of the stocks of each decile that have a row in `returns` (symbol, return)."""
    found = (
        cut_deciles(signal.values)
        .join(returns, on="symbol", how="left")
        .sort("factor", "decile", "symbol")
        .group_by("factor", "decile", maintain_order=True)
        .agg(pl.col("return").mean().alias("value"), pl.col("return").count().cast(pl.Int64).alias("names"))
    )
    return _found(found, item=pl.col("decile").cast(pl.String), basis=pl.col("names").sum().over("factor"))


# --- statistics of signals alone ----------------------------------------------------------------------------------------


def autocorrelations(signal: Signal, before: Signal) -> pl.DataFrame:
    """Compute Spearman's correlation of each factor's values with those of a week before, over stocks that have both."""
    pairs = signal.values.join(before.values.rename({"value": "before"}), on=["factor", "symbol"])
    found = rank_correlations(pairs, "value", "before", ("factor",))
    return _found(found.rename({"correlation": "value"}), item=None)


def top_turnovers(signal: Signal, before: Signal) -> pl.DataFrame:
    """Compute the share of the top decile's stocks that were not in it a week before."""
    top, old = (cut_deciles(one.values).filter(pl.col("decile") == DECILES) for one in (signal, before))
    stayed = top.join(old, on=["factor", "symbol"], how="left", suffix="_before", maintain_order="left")
    found = stayed.group_by("factor", maintain_order=True).agg(
        pl.col("decile_before").is_null().mean().alias("value"), pl.len().cast(pl.Int64).alias("names")
    )
    fewer = {factor: min(count, before.names.get(factor, 0)) for factor, count in signal.names.items()}
    return _found(found, item=None, basis=pl.col("factor").replace_strict(fewer, default=0, return_dtype=pl.Int64))


def correlations(signal: Signal, factors: Sequence[str]) -> pl.DataFrame:
    """Compute Pearson's correlation of every two factors that have values, each pair once, in the order of `factors`."""
    held = [factor for factor in factors if factor in signal.names]
    table, _ = _lay_out(signal, held)
    value, names = correlate_columns(table, table)
    pairs = [(one, other) for one in range(len(held)) for other in range(one + 1, len(held))]
    rows = [(held[i], held[j], value[i, j], names[i, j], names[i, j]) for i, j in pairs]
    return pl.DataFrame(rows, schema=_ROW, orient="row").with_columns(pl.col("value").fill_nan(None))


def exposures(signal: Signal, styles: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Compute Pearson's correlation of each factor with each style.

    styles: one row per symbol of the signal day, with the columns `names`, which are the styles.
    """
    held = sorted(signal.names)
    table, symbols = _lay_out(signal, held)
    beside = pl.DataFrame({"symbol": symbols}, schema={"symbol": pl.String}).join(
        styles.select("symbol", *names), on="symbol", how="left", maintain_order="left"
    )
    value, count = correlate_columns(table, beside.select(pl.col(names).cast(pl.Float64).fill_null(np.nan)).to_numpy())
    rows = [
        (factor, style, value[i, j], count[i, j], count[i, j])
        for i, factor in enumerate(held)
        for j, style in enumerate(names)
    ]
    return pl.DataFrame(rows, schema=_ROW, orient="row").with_columns(pl.col("value").fill_nan(None))


def correlate_columns(one: Floats, other: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Compute Pearson's correlation of each column of `one` [stocks, n] with each column of `other` [stocks, m].

    Returns the correlations [n, m] over the stocks for which both are known, and the numbers of these stocks [n, m]. The
    correlation is nan if there are fewer than two stocks, or if either column is constant.
    """
    shape = one.shape[1], other.shape[1]
    value, count = np.full(shape, np.nan), np.zeros(shape, dtype=np.int64)
    for i, x in enumerate(one.T):
        for j, y in enumerate(other.T):
            both = ~(np.isnan(x) | np.isnan(y))
            count[i, j] = both.sum()
            if count[i, j] < 2 or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
                continue
            a, b = x[both] - x[both].mean(), y[both] - y[both].mean()
            value[i, j] = np.clip((a @ b) / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0)
    return value, count


def _lay_out(signal: Signal, factors: Sequence[str]) -> tuple[Floats, list[str]]:
    """The values as an array [stocks, factors], nan where there is none, and the symbols in ascending order."""
    symbols = signal.values["symbol"].unique().sort()
    table = np.full((len(symbols), len(factors)), np.nan)
    place = signal.values.join(pl.DataFrame({"symbol": symbols}).with_row_index("row"), on="symbol")
    for column, factor in enumerate(factors):
        own = place.filter(pl.col("factor") == factor)
        table[own["row"].to_numpy(), column] = own["value"].to_numpy()
    return table, symbols.to_list()


# --- rows -------------------------------------------------------------------------------------------------------------


def _found(frame: pl.DataFrame, *, item: pl.Expr | None, basis: pl.Expr | None = None) -> pl.DataFrame:
    """Select the columns of _ROW. basis: the number of stocks to compare with `min_names`; by default `names`."""
    named = frame.with_columns(
        (pl.lit(None) if item is None else item).alias("item"),
        (pl.col("names") if basis is None else basis).alias("basis"),
    )
    return named.select(pl.col(name).cast(dtype) for name, dtype in _ROW.items())


def _complete(
    found: pl.DataFrame, expected: Sequence[tuple[str, str | None, str | None]], signals: Sequence[Signal], fewest: int
) -> pl.DataFrame:
    """Return a row for each expected (factor, item, known reason), with its value or the reason why there is none.

    known reason: as JSON; None if there is none. signals: the evaluated signal, then the others that the statistic needs.
    """

    def too_few(names: int) -> str:
        return TOO_FEW_NAMES(names=names, fewest=fewest).dumps()

    absent = pl.lit(None, dtype=pl.String)
    for signal in reversed(signals):
        known = pl.col("factor").is_in(list(signal.names))
        absent = pl.when(known).then(absent).otherwise(pl.lit(NO_VALUE_ON(date=signal.day).dumps()))
    few = pl.col("basis").fill_null(0) < fewest
    rows = pl.DataFrame(expected, schema=dict.fromkeys(("factor", "item", "known"), pl.String), orient="row")
    return (
        rows.join(found, on=["factor", "item"], how="left", nulls_equal=True, maintain_order="left")
        .with_columns(absent=absent)
        .with_columns(
            reason=pl.when(pl.col("known").is_not_null())
            .then("known")
            .when(pl.col("absent").is_not_null())
            .then("absent")
            .when(few)
            .then(pl.col("basis").fill_null(0).map_elements(too_few, return_dtype=pl.String))
            .when(pl.col("value").is_null())
            .then(pl.when(pl.col("names") > 0).then(pl.lit(CONSTANT().dumps())).otherwise(pl.lit(NOT_TRADED().dumps())))
        )
        .with_columns(
            pl.when(pl.col("reason").is_null()).then("value").alias("value"),
            pl.col("names").fill_null(0),
            pl.lit(signals[0].day).alias("signal_date"),
        )
    )


def evaluate_week(
    week: dt.date,
    *,
    signals: Mapping[int, Signal],
    returns: Mapping[int, pl.DataFrame],
    seeds: pl.DataFrame,
    styles: pl.DataFrame,
    style_reasons: Mapping[str, Reason],
    settings: EvaluationSettings,
) -> pl.DataFrame:
    """Compute all rows of one week (SCHEMA), for every factor that has a value on one of the signal days.

    signals: weeks back → signal. returns: horizon in weeks → rows (symbol, return) of the signal `horizon + 1` weeks back,
    which end on the week's first trading day. seeds: as for `seed_ics`, of two weeks back. styles: one row per stock on the
    week's signal day. style_reasons: style → why it is null for the whole market.
    """
    factors = [key for key in catalogue.BY_KEY if any(key in signal.names for signal in signals.values())]
    models = [key for key in factors if catalogue.BY_KEY[key].kind == "model"]
    parts = []

    def add(
        statistic: str,
        horizon: int,
        judged: Sequence[Signal],
        found: pl.DataFrame,
        expected: Sequence[tuple[str, str | None, str | None]],
    ) -> None:
        rows = _complete(found, expected, judged, settings.min_names).with_columns(
            pl.lit(statistic).alias("statistic"), pl.lit(horizon).alias("horizon"), pl.lit(week).alias("week")
        )
        parts.append(rows.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items()))

    each = [(factor, None, None) for factor in factors]
    for horizon, gained in returns.items():
        signal = signals[horizon + 1]
        add("rank_ic", horizon, [signal], signal_ics(signal, gained), each)
    if 1 in returns:
        signal, gained = signals[2], returns[1]
        deciles = [(factor, str(decile), None) for factor in factors for decile in range(1, DECILES + 1)]
        add("decile_return", 1, [signal], decile_returns(signal, gained), deciles)
        held = dict(seeds.group_by("factor").agg(pl.col("seed").unique().sort().cast(pl.String)).iter_rows())
        every = [(factor, seed, None) for factor in models for seed in held.get(factor, [None])]
        same = seeds.join(signal.values, on=["factor", "symbol"], how="semi")  # the stocks of the model's RankIC
        add("seed_rank_ic", 1, [signal], seed_ics(same, gained), every)
    now = signals[0]
    if 1 in signals:
        add("autocorrelation", 1, [now, signals[1]], autocorrelations(now, signals[1]), each)
        add("turnover", 1, [now, signals[1]], top_turnovers(now, signals[1]), each)
    pairs = correlations(now, factors)
    add("correlation", 0, [now], pairs, [(*pair, None) for pair in pairs.select("factor", "item").iter_rows()])
    known = {style: reason.dumps() for style, reason in style_reasons.items()}
    expected = [(factor, style, known.get(style)) for factor in factors for style in STYLES]
    add("exposure", 0, [now], exposures(now, styles, STYLES), expected)
    return pl.concat(parts)


def note_week(frame: pl.DataFrame) -> dict[str, dict[str, float]]:
    """Map each factor to a summary of the week's statistics, rounded to 4 decimals, for the manifest and the UI."""
    known = frame.filter(pl.col("value").is_not_null())
    notes: dict[str, dict[str, float]] = {}
    for (factor,), own in known.sort("horizon", "item").group_by("factor", maintain_order=True):
        items: dict[str, list[tuple[str, float]]] = {}
        for row in own.iter_rows(named=True):
            name = f"rank_ic_{row['horizon']}w" if row["statistic"] == "rank_ic" else row["statistic"]
            items.setdefault(name, []).append((row["item"], row["value"]))
        summary = {name: held[0][1] for name, held in items.items() if held[0][0] is None}
        deciles, seeds = dict(items.get("decile_return", [])), [value for _, value in items.get("seed_rank_ic", [])]
        if {"1", str(DECILES)} <= set(deciles):
            summary["decile_spread"] = deciles[str(DECILES)] - deciles["1"]
        if seeds:
            summary["seeds_mean"] = float(np.mean(seeds))
        if len(seeds) > 1:
            summary["seeds_std"] = float(np.std(seeds, ddof=1))
        summary["largest_exposure"] = max((value for _, value in items.get("exposure", [("", 0.0)])), key=abs)
        notes[str(factor)] = {name: round(value, 4) + 0.0 for name, value in summary.items()}
    return notes
