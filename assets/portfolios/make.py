"""One week of each portfolio, and of their returns: brings the tables' rows into the shapes the kernels take.

What belongs here: the order of a week (execute the last target, drift, optimise) and what is stored of it. What does
not: optimisation, execution and drift themselves. Source: SPEC §6; DESIGN §2.

A week starts from the previous week's partition: `weight` is the target, `drifted_weight` and the cash in solve.parquet
are the holdings at its signal close. Up to the first week that has scores and a benchmark vector (or the setting
`start`) partitions are written empty with the reason; in that week the portfolio is first built, from cash.
"""

import dataclasses
import datetime as dt
import io
from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from assets.catalogue import BY_KEY, PORTFOLIOS, TEN, Portfolio
from assets.portfolios.constraints import FREE, IndustryNeutral, Problem, bound_names, portfolio_constraints
from assets.portfolios.execution import Held, executions_frame, hold, market_day
from assets.portfolios.exposures import Benchmark, drift_benchmark, missing_styles, published_weights, style_exposures
from assets.portfolios.optimiser import optimise
from assets.portfolios.record import (
    FROZEN,
    Last,
    crossed_rows,
    encode,
    not_applied_row,
    row_frame,
    solve_notes,
    solve_row,
)
from assets.portfolios.returns import drifted_return, index_returns
from assets.portfolios.schemas import DAYS, EXECUTIONS, PORTFOLIO, PORTFOLIO_RETURNS
from resources.calendar import Calendar
from resources.errors import InputError, SettingsError
from resources.made import Made
from resources.settings.portfolios import IndexPortfolioSettings, PortfoliosSettings

Files = Callable[[str, dt.date, str], bytes]
Reasons = Mapping[str, Mapping[str, str]]

UNKNOWN = "unknown"
DATA_COLUMNS = ("symbol", "weight", "drifted_weight", "benchmark_weight", "score", "industry")


@dataclasses.dataclass(frozen=True, eq=False)
class Tables:
    """The rows one week needs. previous: the week before. alpha: symbol, score. The others as in the lake."""

    previous: pl.DataFrame
    alpha: pl.DataFrame
    styles: pl.DataFrame
    prices: pl.DataFrame
    securities: pl.DataFrame
    indices: pl.DataFrame


def _collect(
    previous: pl.LazyFrame,
    scores: pl.LazyFrame,
    factors: pl.LazyFrame,
    styles: pl.LazyFrame,
    daily_prices: pl.LazyFrame,
    securities: pl.LazyFrame,
    indices: pl.LazyFrame,
    *,
    alpha: str,
    date: dt.date,
) -> Tables:
    if alpha not in BY_KEY:
        raise SettingsError(f"portfolios.alpha = {alpha!r} is no factor; choose one of {', '.join(BY_KEY)}.")
    rows = (factors if alpha in TEN else scores).filter((pl.col("factor") == alpha) & (pl.col("date") == date))
    prices = daily_prices.select("date", "symbol", "pre_close", "low", "high", "close", "volume", "vwap")
    return Tables(
        previous.collect(),
        rows.filter(pl.col("value").is_finite()).select("symbol", score="value").sort("symbol").collect(),
        styles.filter(pl.col("date") == date).collect(),
        prices.collect(),
        securities.collect(),
        indices.filter(pl.col("date") == date).collect(),
    )


def make_portfolio(
    table: str,
    previous: pl.LazyFrame,
    scores: pl.LazyFrame,
    factors: pl.LazyFrame,
    styles: pl.LazyFrame,
    daily_prices: pl.LazyFrame,
    securities: pl.LazyFrame,
    indices: pl.LazyFrame,
    week: dt.date,
    date: dt.date,
    calendar: Calendar,
    files: Files,
    unavailable: Reasons,
    settings: PortfoliosSettings,
) -> Made:
    """Execute last week's target on the week's first trading day, drift to the signal day `date`, optimise there.

    table: the portfolio's asset; previous: its partition of the week before. Returns the rows of the names with a target,
    a holding or a benchmark weight, and beside them solve.parquet (one row), constraints.parquet (one row per constraint
    row), relaxations.parquet (what gave, and what forced it), executions.parquet and days.parquet (daily returns of the
    week). Raises InputError where a portfolio that has been built meets a week without prices or benchmark vector.
    """
    portfolio = next(one for one in PORTFOLIOS if one.asset == table)
    bounds: IndexPortfolioSettings = getattr(settings, portfolio.key)
    tables = _collect(
        previous, scores, factors, styles, daily_prices, securities, indices, alpha=settings.alpha, date=date
    )
    started = not tables.previous.is_empty()
    benchmark = _benchmark(portfolio, tables, date, calendar, settings)
    waiting = "" if started else _why_waiting(settings, tables, week, date, unavailable, benchmark)
    if waiting:
        return Made(
            pl.DataFrame(schema=PORTFOLIO),
            unavailable=dict.fromkeys(DATA_COLUMNS, waiting),
            notes={"status": "not built", "reason": waiting},
        )
    if isinstance(benchmark, str):
        raise InputError(f"{portfolio.asset} has holdings to compare in the week of {week}, but {benchmark}")
    held_symbols, held, executions, last = _carry(portfolio, tables, week, calendar, files, settings)
    problem, names = _problem(tables, benchmark, held_symbols, held, bounds, settings, date, first_build=not started)
    missing = missing_styles(tables.styles, _styles(bounds), unavailable.get("styles", {}))
    constraints, not_applied = portfolio_constraints(bounds, missing)
    if set(problem.industry.tolist()) == {UNKNOWN}:
        constraints = [c for c in constraints if not isinstance(c, IndustryNeutral)]
        reason = unavailable.get("securities", {}).get("industry", "no name has an industry")
        not_applied["industry"] = reason
    solution = optimise(problem, constraints, order=settings.relaxation_order)

    frame = names.with_columns(
        pl.lit(week).alias("week"), pl.lit(date).alias("date"), pl.Series("weight", solution.weights)
    ).filter((pl.col("weight") > 0) | (pl.col("drifted_weight") > 0) | (pl.col("benchmark_weight") > 0))
    solve = solve_row(portfolio, week, date, settings, benchmark, problem, names, solution, held, last)
    relaxations = [*solution.relaxations, *crossed_rows(names, bounds)]
    rows = [*solution.rows, *(not_applied_row(name, reason) for name, reason in not_applied.items())]
    return Made(
        frame.drop("crossed"),
        profile=solve,
        files={
            "solve.parquet": encode(solve),
            "constraints.parquet": encode(row_frame(rows)),
            "relaxations.parquet": encode(row_frame(relaxations)),
            "executions.parquet": encode(executions),
            "days.parquet": encode(pl.DataFrame([dataclasses.asdict(day) for day in held.days], schema=DAYS)),
        },
        notes=solve_notes(solve, relaxations, not_applied),
    )


def _why_waiting(
    settings: PortfoliosSettings,
    tables: Tables,
    week: dt.date,
    date: dt.date,
    unavailable: Reasons,
    benchmark: Benchmark | str,
) -> str:
    """Why the portfolio can't be built in this week; "" where it can."""
    if settings.start is not None and week < settings.start:
        return f"the first build is set for the week of {settings.start}"
    if isinstance(benchmark, str):
        return benchmark
    if tables.alpha.is_empty():
        table = "factors" if settings.alpha in TEN else "scores"
        reason = unavailable.get(table, {}).get(settings.alpha) or unavailable.get(table, {}).get("value", "")
        return f"no {settings.alpha} score on {date}" + (f": {reason}" if reason else "; the first build waits for it")
    return ""


def _benchmark(
    portfolio: Portfolio, tables: Tables, date: dt.date, calendar: Calendar, settings: PortfoliosSettings
) -> Benchmark | str:
    """The benchmark vector at the signal close, or why there is none."""
    published = published_weights(tables.indices, portfolio.index)
    if published is None:
        return f"no weights of {portfolio.index} were published by {date} (reference/index_weights)"
    known = published["published_date"][0]
    age = calendar.index(date) - calendar.index(calendar.previous_day(known + dt.timedelta(days=1)))
    if age > settings.benchmark_max_age:
        return (
            f"the last weights of {portfolio.index} are dated {known}, {age} trading days before {date} "
            f"(portfolios.benchmark_max_age = {settings.benchmark_max_age}); deliver newer reference/index_weights"
        )
    days = calendar.days(calendar.next_day(known), date)
    missing = sorted(set(days) - set(tables.prices["date"].unique()))
    if missing:
        return (
            f"the weights of {portfolio.index} dated {known} can't be drifted to {date}: daily_prices has no row on "
            f"{len(missing)} of the {len(days)} days, first {missing[0]} (reference/daily_prices)"
        )
    return drift_benchmark(
        published, tables.prices, days, index=portfolio.index, tolerance=settings.benchmark_sum_tolerance
    )


def _carry(
    portfolio: Portfolio,
    tables: Tables,
    week: dt.date,
    calendar: Calendar,
    files: Files,
    settings: PortfoliosSettings,
) -> tuple[np.ndarray, Held, pl.DataFrame, Last]:
    """Last week's holdings carried to this week's signal close: symbols [n], holdings, executions, totals."""
    if tables.previous.is_empty():
        nothing = Held(np.zeros(0), 1.0, (), None)
        return np.array([], dtype=str), nothing, pl.DataFrame(schema=EXECUTIONS), Last(1.0)
    before = tables.previous.sort("symbol").filter((pl.col("weight") > 0) | (pl.col("drifted_weight") > 0))
    solve = pl.read_parquet(io.BytesIO(files(portfolio.asset, calendar.offset_week(week, -1), "solve.parquet"))).row(
        0, named=True
    )
    symbols = before["symbol"].to_numpy().astype(str)
    days = [
        market_day(
            symbols, day, tables.prices.filter(pl.col("date") == day), tables.securities.filter(pl.col("date") == day)
        )
        for day in calendar.week_days(week)
    ]
    held = hold(
        before["drifted_weight"].to_numpy(),
        solve["cash"],
        None if solve["status"] == "failed" else before["weight"].to_numpy(),
        before["upper"].to_numpy(),
        days,
        cost=settings.cost,
        delisting_recovery=settings.delisting_recovery,
    )
    nav = solve["nav"] * float(np.prod([1.0 + day.net for day in held.days]))
    if held.execution is None:
        return symbols, held, pl.DataFrame(schema=EXECUTIONS), Last(nav)
    last = Last(
        nav,
        held.execution.turnover,
        held.execution.cost,
        held.execution.scale,
        int((held.execution.blocked != "").sum()),
    )
    return symbols, held, executions_frame(symbols, days[0], held.execution), last


def _problem(
    tables: Tables,
    benchmark: Benchmark,
    held_symbols: np.ndarray,
    held: Held,
    bounds: IndexPortfolioSettings,
    settings: PortfoliosSettings,
    date: dt.date,
    *,
    first_build: bool,
) -> tuple[Problem, pl.DataFrame]:
    """The rebalance at the signal close, over every listed name, every member and every holding, by symbol.

    A name's state is the first that applies: not_listed or suspended (frozen), st, new, no_score (none of the three can
    be bought), not_member (members only), tradable.
    """
    today = tables.securities.filter(pl.col("date") == date)
    held_frame = pl.DataFrame({"symbol": held_symbols.tolist(), "drifted_weight": held.weights}, schema_overrides=_NAME)
    member_frame = pl.DataFrame(
        {"symbol": list(benchmark.weights), "benchmark_weight": list(benchmark.weights.values())}
    )
    own = held_frame.filter(pl.col("drifted_weight") > 0)
    every = pl.concat([today.select("symbol"), member_frame.select("symbol"), own.select("symbol")]).unique()
    names = (
        every.sort("symbol")
        .join(today.select("symbol", "traded", "is_st", "listed_days", "industry"), on="symbol", how="left")
        .join(own, on="symbol", how="left")
        .join(member_frame, on="symbol", how="left")
        .join(tables.alpha, on="symbol", how="left")
        .sort("symbol")
        .with_columns(
            pl.col("drifted_weight", "benchmark_weight").fill_null(0.0), pl.col("industry").fill_null(UNKNOWN)
        )
        .with_columns(
            state=pl.when(pl.col("traded").is_null())
            .then(pl.lit("not_listed"))
            .when(~pl.col("traded"))
            .then(pl.lit("suspended"))
            .when(pl.col("is_st"))
            .then(pl.lit("st"))
            .when(pl.col("listed_days") < settings.min_listed_days)
            .then(pl.lit("new"))
            .when(pl.col("score").is_null())
            .then(pl.lit("no_score"))
            .when(pl.lit(bounds.members_only) & (pl.col("benchmark_weight") == 0))
            .then(pl.lit("not_member"))
            .otherwise(pl.lit(FREE))
        )
    )
    state = names["state"].to_numpy().astype(str)
    frozen = np.isin(state, FROZEN)
    drifted, weights = names["drifted_weight"].to_numpy(), names["benchmark_weight"].to_numpy()
    limits = bound_names(
        weights,
        drifted,
        deviation=bounds.stock_deviation,
        frozen=frozen,
        unbuyable=np.isin(state, ["st", "new", "no_score"]),
        excluded=(weights == 0) & bounds.members_only,
    )
    names = names.with_columns(
        lower=pl.Series(limits.lower), upper=pl.Series(limits.upper), crossed=pl.Series(limits.crossed)
    )
    problem = Problem(
        symbols=names["symbol"].to_numpy().astype(str),
        mu=np.where(frozen, 0.0, names["score"].fill_null(0.0).to_numpy()),
        benchmark=weights,
        drifted=drifted,
        cash=held.cash,
        lower=limits.lower,
        upper=limits.upper,
        free_lower=limits.free_lower,
        free_upper=limits.free_upper,
        state=state,
        industry=names["industry"].to_numpy().astype(str),
        styles=style_exposures(tables.styles, names["symbol"].to_list(), _styles(bounds)),
        first_build=first_build,
    )
    columns = (
        "symbol",
        "drifted_weight",
        "benchmark_weight",
        "score",
        "industry",
        "lower",
        "upper",
        "state",
        "crossed",
    )
    return problem, names.select(columns)


_NAME = {"symbol": pl.String, "drifted_weight": pl.Float64}


def _styles(bounds: IndexPortfolioSettings) -> tuple[str, ...]:
    return ("value", "size", *bounds.other_styles)


def make_portfolio_returns(
    csi500_portfolio: pl.LazyFrame,
    csi1000_portfolio: pl.LazyFrame,
    daily_prices: pl.LazyFrame,
    indices: pl.LazyFrame,
    week: dt.date,
    calendar: Calendar,
    files: Files,
    unavailable: Reasons,
    settings: PortfoliosSettings,
) -> Made:
    """Daily gross, cost, net, benchmark and turnover of both portfolios on the week's days.

    The week of the first build has no row: its target is bought on the next trade day.
    """
    days = calendar.week_days(week)
    closes = indices.collect()
    frames, reasons, notes = [], {}, {}
    for portfolio, table in zip(PORTFOLIOS, (csi500_portfolio, csi1000_portfolio), strict=True):
        if table.head(1).collect().is_empty():
            reasons[portfolio.key] = unavailable.get(portfolio.asset, {}).get("weight", "not built yet")
            continue
        own = pl.read_parquet(io.BytesIO(files(portfolio.asset, week, "days.parquet")))
        if own.is_empty():
            notes[portfolio.key] = "first built at this week's signal close; returns begin on the next trade day"
            continue
        benchmark = index_returns(closes, portfolio.index, days, calendar)
        if None in benchmark:
            prices = daily_prices.select("date", "symbol", "pre_close", "close", "volume").collect()
            benchmark = [
                known
                if known is not None
                else drifted_return(
                    closes, prices, portfolio.index, day, calendar, tolerance=settings.benchmark_sum_tolerance
                )
                for day, known in zip(days, benchmark, strict=True)
            ]
            notes[portfolio.key] = (
                f"benchmark: drifted weights with dividends, because index_prices lacks closes of {portfolio.index}"
            )
        frames.append(
            own.with_columns(pl.lit(portfolio.key).alias("portfolio"), pl.Series("benchmark", benchmark, pl.Float64))
        )
    frame = pl.concat(frames).drop("cash") if frames else pl.DataFrame(schema=PORTFOLIO_RETURNS)
    return Made(frame, unavailable=reasons, notes=notes)
