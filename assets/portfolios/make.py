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
from typing import Any

import numpy as np
import polars as pl

from assets.catalogue import BY_KEY, PORTFOLIOS, TEN, Portfolio
from assets.portfolios.constraints import FREE, IndustryNeutral, Problem, bound_names, portfolio_constraints
from assets.portfolios.execution import Held, executions_frame, hold, market_day
from assets.portfolios.exposures import Benchmark, drift_benchmark, missing_styles, published_weights, style_exposures
from assets.portfolios.optimiser import Row, Solution, optimise
from assets.portfolios.returns import drifted_return, index_returns
from assets.portfolios.schemas import DAYS, EXECUTIONS, PORTFOLIO, PORTFOLIO_RETURNS, ROWS
from resources.calendar import Calendar
from resources.errors import InputError, SettingsError
from resources.made import Made
from resources.settings.portfolios import IndexPortfolioSettings, PortfoliosSettings

Files = Callable[[str, dt.date, str], bytes]
Reasons = Mapping[str, Mapping[str, str]]

UNKNOWN = "unknown"
FROZEN = ("not_listed", "suspended")  # states in which a name can't be traded
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
    solve = _solve_row(portfolio, week, date, settings, benchmark, problem, names, solution, held, last)
    relaxations = [*solution.relaxations, *_crossed(names, bounds)]
    rows = [*solution.rows, *(_not_applied_row(name, reason) for name, reason in not_applied.items())]
    return Made(
        frame.drop("crossed"),
        profile=solve,
        files={
            "solve.parquet": _encode(solve),
            "constraints.parquet": _encode(_row_frame(rows)),
            "relaxations.parquet": _encode(_row_frame(relaxations)),
            "executions.parquet": _encode(executions),
            "days.parquet": _encode(pl.DataFrame([dataclasses.asdict(day) for day in held.days], schema=DAYS)),
        },
        notes=_notes(solve, relaxations, not_applied),
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


@dataclasses.dataclass(frozen=True)
class _Last:
    """What a week hands to the next besides holdings, and what its execution came to."""

    nav: float
    executed_turnover: float | None = None
    execution_cost: float | None = None
    buy_scale: float | None = None
    blocked: int = 0


def _carry(
    portfolio: Portfolio,
    tables: Tables,
    week: dt.date,
    calendar: Calendar,
    files: Files,
    settings: PortfoliosSettings,
) -> tuple[np.ndarray, Held, pl.DataFrame, _Last]:
    """Last week's holdings carried to this week's signal close: symbols [n], holdings, executions, totals."""
    if tables.previous.is_empty():
        nothing = Held(np.zeros(0), 1.0, (), None)
        return np.array([], dtype=str), nothing, pl.DataFrame(schema=EXECUTIONS), _Last(1.0)
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
        return symbols, held, pl.DataFrame(schema=EXECUTIONS), _Last(nav)
    last = _Last(
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


def _solve_row(
    portfolio: Portfolio,
    week: dt.date,
    date: dt.date,
    settings: PortfoliosSettings,
    benchmark: Benchmark,
    problem: Problem,
    names: pl.DataFrame,
    solution: Solution,
    held: Held,
    last: _Last,
) -> pl.DataFrame:
    """The one row of solve.parquet: how the week was solved and what the next one needs of it."""
    failed = solution.status == "failed"
    cash = [held.cash, *(day.cash for day in held.days)]
    if held.execution is not None:
        cash.append(held.execution.cash_after)
    frozen = np.isin(problem.state, FROZEN)
    row = {
        "week": week,
        "date": date,
        "portfolio": portfolio.key,
        "alpha": settings.alpha,
        "status": solution.status,
        "reason": solution.reason,
        "solver": solution.solver,
        "tie_break": solution.tie_break,
        "first_build": problem.first_build,
        "objective": solution.objective,
        "duality_gap": None if failed else solution.duality_gap,
        "residual": None if failed else solution.residual,
        "turnover": solution.turnover,
        **{f"{group}_violation": solution.totals.get(group, 0.0) for group in settings.relaxation_order},
        "weight_sum": float(solution.weights.sum()),
        "lowest_weight": float(solution.weights.min()),
        "holdings": int((solution.weights > 0).sum()),
        "buyable": int((problem.state == FREE).sum()),
        "frozen_weight": float(problem.drifted[frozen].sum()),
        "cash": held.cash,
        "lowest_cash": min(cash),
        "nav": last.nav,
        "executed_turnover": last.executed_turnover,
        "execution_cost": last.execution_cost,
        "buy_scale": last.buy_scale,
        "blocked_orders": last.blocked,
        "benchmark_sum": float(problem.benchmark.sum()),
        "benchmark_raw_sum": benchmark.raw_sum,
        "benchmark_published": benchmark.published,
        "benchmark_without_score": float(names.filter(pl.col("score").is_null())["benchmark_weight"].sum()),
    }
    nullable = ("duality_gap", "residual", "executed_turnover", "execution_cost", "buy_scale")
    return pl.DataFrame([row], schema_overrides=dict.fromkeys(nullable, pl.Float64))


def _crossed(names: pl.DataFrame, bounds: IndexPortfolioSettings) -> list[Row]:
    """Names whose state overrides the stock band, as rows like the elastic constraints' own."""
    rows = []
    for name in names.filter("crossed").iter_rows(named=True):
        lower = max(0.0, name["benchmark_weight"] - bounds.stock_deviation)
        upper = name["benchmark_weight"] + bounds.stock_deviation
        kept = name["drifted_weight"]
        outside = max(lower - kept, kept - upper)
        rows.append(
            Row(
                "stock_deviation",
                "hard",
                name["symbol"],
                lower,
                upper,
                kept,
                0.0,
                max(0.0, outside),
                0.0,
                name["state"],
            )
        )
    return rows


def _not_applied_row(name: str, reason: str) -> Row:
    nan = float("nan")
    return Row(name, "n/a", name, nan, nan, nan, nan, nan, nan, f"n/a: {reason}")


def _row_frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame([dataclasses.asdict(row) for row in rows], schema=ROWS).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )


def _notes(solve: pl.DataFrame, relaxations: list[Row], not_applied: Mapping[str, str]) -> dict[str, Any]:
    shown = ("status", "reason", "objective", "turnover", "holdings", "cash", "blocked_orders", "benchmark_raw_sum")
    row = solve.row(0, named=True)
    return {
        **{name: row[name] for name in shown},
        "benchmark_without_score": row["benchmark_without_score"],
        "constraints_not_applied": dict(not_applied),
        "relaxed": [
            {"constraint": r.constraint, "row": r.row, "slack": r.slack, "forced_by": r.forced_by} for r in relaxations
        ],
    }


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


def _encode(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=True)
    return buffer.getvalue()
