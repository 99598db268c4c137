"""One week of each portfolio, and of their returns: brings the tables' rows into the shapes the kernels take.

What belongs here: which rows a week is handed, and what is stored of it. What does not: the week itself (week.py).
Source: SPEC §6; DESIGN §2.

A week starts from the previous week's partition: `weight` is the target, `drifted_weight` and the cash in solve.parquet
are the holdings at its signal close. Up to the first week that has scores and a benchmark vector (or the setting
`start`) partitions are written empty with the reason; in that week the portfolio is first built, from cash.
"""

import dataclasses
import datetime as dt
import io
from collections.abc import Sequence
from typing import Any

import polars as pl

from assets.catalogue import BY_KEY, PORTFOLIOS, TEN, Portfolio
from assets.portfolios.explanation import explain
from assets.portfolios.mergers import exchange_shares
from assets.portfolios.reasons import DRIFTED_BENCHMARK, FIRST_BUILT_NOW, NOT_BUILT_YET
from assets.portfolios.record import flat, record_solve, solve_notes
from assets.portfolios.returns import drifted_return, filled_returns, index_returns
from assets.portfolios.schemas import DAYS, PORTFOLIO, PORTFOLIO_RETURNS
from assets.portfolios.week import State, Tables, advance, next_state
from resources.calendar import Calendar
from resources.errors import SettingsError
from resources.made import LEFT_OUT, Made
from resources.parquet import encode
from resources.partition import Frames, Partition
from resources.reasons import Reason
from resources.settings.portfolios import PortfoliosSettings

DATA_COLUMNS = ("symbol", "weight", "drifted_weight", "benchmark_weight", "score", "industry")
MINUTES = ("date", "symbol", "low", "high", "volume", "amount")


def _collect(frames: Frames, partition: Partition, settings: PortfoliosSettings, state: State | None) -> Tables:
    """The rows that the week reads. state: what the week before handed on, whose names alone need minute bars."""
    date, mergers = partition.date, partition.mergers
    own = pl.col("date").is_in(partition.calendar.week_days(partition.week))
    prices, listings, exchanges = exchange_shares(
        mergers,
        frames["daily_prices"]
        .select("date", "symbol", "pre_close", "low", "high", "close", "volume", "vwap")
        .collect(),
        (frames["securities"] if mergers else frames["securities"].filter(own)).collect(),
        settings.merger_growth_band,
    )
    return Tables(
        mean_scores(frames["scores"], frames["factors"], settings.alphas, date),
        frames["styles"].filter(pl.col("date") == date).collect(),
        prices,
        listings,
        frames["indices"].filter(pl.col("date") == date).collect(),
        None if state is None else minutes_of(frames["minute_bars"], state.symbols.tolist()),
        exchanges,
        partition.rules,
    )


def minutes_of(minute_bars: pl.LazyFrame, symbols: list[str]) -> pl.DataFrame:
    """The bars that decide what could be traded, of some names."""
    return minute_bars.select(MINUTES).filter(pl.col("symbol").is_in(symbols)).collect()


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


def _last_state(portfolio: Portfolio, previous: pl.DataFrame, partition: Partition) -> State | None:
    """What the week before handed on, from its partition; None where there was none or it was not built."""
    if previous.is_empty():
        return None
    data = partition.files(portfolio.asset, partition.calendar.offset_week(partition.week, -1), "solve.parquet")
    solve = pl.read_parquet(io.BytesIO(data), columns=["cash", "nav", "status"]).row(0, named=True)
    return next_state(previous, solve["cash"], solve["nav"], failed=solve["status"] == "failed")


def make_portfolio(frames: Frames, partition: Partition, settings: PortfoliosSettings) -> Made:
    """Execute last week's target on the week's first trading day, drift to the signal day, optimise there.

    Of the portfolio's own table the week before is read. Returns the rows of the names with a target, a holding or a
    benchmark weight, and beside them solve.parquet (one row, see record.py), executions.parquet and days.parquet (daily
    returns of the week). Raises InputError where a portfolio that has been built meets a week without prices or benchmark
    vector.
    """
    portfolio = next(one for one in PORTFOLIOS if one.asset == partition.table)
    week, date, calendar = partition.week, partition.date, partition.calendar
    state = _last_state(portfolio, frames[partition.table].collect(), partition)
    tables = _collect(frames, partition, settings, state)
    step = advance(portfolio, state, tables, calendar.week_days(week), calendar, settings, partition.unavailable)
    if isinstance(step, Reason):
        return Made(
            pl.DataFrame(schema=PORTFOLIO),
            unavailable=dict.fromkeys(DATA_COLUMNS, step),
            notes={"status": "not built", "reason": step.to_json()},
        )
    frame = step.names.with_columns(pl.lit(week).alias("week"), pl.lit(date).alias("date")).filter(
        (pl.col("weight") > 0) | (pl.col("drifted_weight") > 0) | (pl.col("benchmark_weight") > 0)
    )
    explanation = explain(
        step.problem,
        step.constraints,
        step.solution,
        order=settings.relaxation_order,
        exact=settings.exact_explanation,
        terms=step.terms,
        stated_by=settings.stated_by,
    )
    solve = record_solve(portfolio, step, explanation, week, date, settings)
    return Made(
        frame.drop("crossed", "styled"),
        profile=flat(solve),
        files={
            "solve.parquet": encode(solve),
            "executions.parquet": encode(step.executions),
            "days.parquet": encode(pl.DataFrame([dataclasses.asdict(day) for day in step.held.days], schema=DAYS)),
        },
        notes=solve_notes(solve),
    )


def make_portfolio_returns(frames: Frames, partition: Partition, settings: PortfoliosSettings) -> Made:
    """Daily gross, cost, net, benchmark and turnover of both portfolios on the week's days.

    The week of the first build has no row: its target is bought on the next trade day.
    """
    calendar, mergers = partition.calendar, partition.mergers
    days = calendar.week_days(partition.week)
    closes, daily_prices, securities = frames["indices"].collect(), frames["daily_prices"], frames["securities"]
    if mergers:
        prices, listings, _ = exchange_shares(
            mergers, daily_prices.collect(), securities.collect(), settings.merger_growth_band
        )
        daily_prices, securities = prices.lazy(), listings.lazy()
    made, reasons, drifted = [], {}, []
    notes: dict[str, Any] = {}
    for portfolio in PORTFOLIOS:
        if frames[portfolio.asset].head(1).collect().is_empty():
            reasons[portfolio.key] = partition.unavailable.get(portfolio.asset, {}).get("weight", NOT_BUILT_YET())
            continue
        own = pl.read_parquet(io.BytesIO(partition.files(portfolio.asset, partition.week, "days.parquet")))
        if own.is_empty():
            notes[portfolio.key] = FIRST_BUILT_NOW().to_json()
            continue
        benchmark, why = benchmark_returns(portfolio, closes, daily_prices, securities, days, calendar, settings)
        if why is not None:
            notes[portfolio.key] = why.to_json()
            drifted.append(portfolio.key)
        made.append(
            own.with_columns(pl.lit(portfolio.key).alias("portfolio"), pl.Series("benchmark", benchmark, pl.Float64))
        )
    if drifted:
        notes[LEFT_OUT] = {"index_closes": dict.fromkeys(drifted)}
    frame = pl.concat(made).drop("cash") if made else pl.DataFrame(schema=PORTFOLIO_RETURNS)
    return Made(frame, unavailable=reasons, notes=notes)


def benchmark_returns(
    portfolio: Portfolio,
    indices: pl.DataFrame,
    daily_prices: pl.LazyFrame,
    securities: pl.LazyFrame | None,
    days: Sequence[dt.date],
    calendar: Calendar,
    settings: PortfoliosSettings,
) -> tuple[list[float | None], Reason | None]:
    """The portfolio's benchmark on each of `days`, and why it is not the index itself where its closes are absent.

    securities: from the day before the first of them; None: every member is taken as listed.
    """
    code = settings.benchmark_index(portfolio.index)
    known = index_returns(indices, code, days, calendar)
    if None not in known:
        return known, None
    prices = daily_prices.select("date", "symbol", "pre_close", "close", "volume").collect()
    eves = [calendar.previous_day(day) for day in days]
    names: dict[dt.date, list[str]] = {}
    if securities is not None:
        rows = securities.filter(pl.col("date").is_in(eves)).select("date", "symbol").collect()
        names = dict(rows.group_by("date").agg("symbol").iter_rows())

    def members(day: dt.date) -> float | None:
        listed = names.get(calendar.previous_day(day))
        return drifted_return(
            indices, prices, portfolio.index, day, calendar, tolerance=settings.benchmark_sum_tolerance, listed=listed
        )

    found = filled_returns(indices, code, days, calendar, members)
    return found, DRIFTED_BENCHMARK(index=code)
