"""The make function of the portfolios' tables: it converts the tables' rows into the inputs of a week.

This module holds which rows a week reads, and what is stored. It does not hold the week itself (advance.py).
Source: SPEC §6; DESIGN §2.

A week starts from the previous week's partition: `weight` is the target, and `drifted_weight` and the cash in solve.parquet are
the holdings at its signal close. The portfolio is first built, from cash, in the first week with scores and a benchmark vector, and
not before the setting `start`. Earlier partitions are empty and store the reason.
"""

import dataclasses
import io

import polars as pl

from assets.catalogue import PORTFOLIOS, Portfolio
from assets.portfolios.problem.explanation import explain
from assets.portfolios.schemas import DAYS, PORTFOLIO
from assets.portfolios.week.advance import PortfolioState, Tables, advance, next_state
from assets.portfolios.week.alphas import mean_scores
from assets.portfolios.week.market import minutes_of
from assets.portfolios.week.mergers import exchange_shares
from assets.portfolios.week.record import flat, record_solve, solve_notes
from resources.made import Made
from resources.parquet import encode
from resources.partition import Frames, Partition
from resources.reasons import Reason
from resources.settings.portfolios import PortfoliosSettings

DATA_COLUMNS = ("symbol", "weight", "drifted_weight", "benchmark_weight", "score", "industry")


def _collect(
    frames: Frames, partition: Partition, settings: PortfoliosSettings, state: PortfolioState | None
) -> Tables:
    """The rows that the week reads. state: from the previous week; minute bars are read for its stocks only."""
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


def _last_state(portfolio: Portfolio, previous: pl.DataFrame, partition: Partition) -> PortfolioState | None:
    """The state from the previous week's partition; None if there is none, or if the portfolio was not built in it."""
    if previous.is_empty():
        return None
    data = partition.files(portfolio.asset, partition.calendar.offset_week(partition.week, -1), "solve.parquet")
    solve = pl.read_parquet(io.BytesIO(data), columns=["cash", "nav", "status"]).row(0, named=True)
    return next_state(previous, solve["cash"], solve["nav"], failed=solve["status"] == "failed")


def make_portfolio(frames: Frames, partition: Partition, settings: PortfoliosSettings) -> Made:
    """Execute last week's target on the week's first trading day, drift to the signal day, and optimise there.

    The frame of the portfolio's own table holds the previous week. Returns the rows of the stocks with a target, a holding or a
    benchmark weight, and the side files solve.parquet (one row, see record.py), executions.parquet and days.parquet (daily
    returns of the week).

    Raises:
        InputError: A portfolio that has been built has no prices or no benchmark vector in the week.
        SettingsError: As for `advance` and `mean_scores`.
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
