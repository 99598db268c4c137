"""One week of one portfolio as a pure step: execute the last target, drift to the signal close, optimise there.

This module holds the order of a week, the state that it receives from the previous week and passes to the next, and the rules for
which stocks may be held. It does not hold how partitions are read and stored (make_portfolio.py, record.py), or optimisation,
execution and drift themselves. Source: SPEC §6; DESIGN §2.

>>> step = advance(portfolio, None, tables, days, calendar, settings)            # doctest: +SKIP
>>> step = advance(portfolio, step.state, later_tables, later_days, calendar, settings)  # doctest: +SKIP
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.catalogue import MODELS, Portfolio
from assets.portfolios.problem.constraints import (
    FREE,
    Constraint,
    Problem,
    bound_names,
    portfolio_constraints,
)
from assets.portfolios.problem.extra_constraints import extra_constraints, require_sound
from assets.portfolios.problem.optimiser import Solution, optimise
from assets.portfolios.problem.terms import Term, covariance_from, risk_of
from assets.portfolios.reasons import (
    FIRST_BUILD_LATER,
    NO_INDUSTRY,
    NO_SCORE_BECAUSE,
    NO_SCORE_YET,
    NO_WEIGHTS,
    NOBODY_LISTED,
    OLD_WEIGHTS,
    WEIGHTS_WITHOUT_PRICES,
)
from assets.portfolios.schemas import EXECUTIONS
from assets.portfolios.week.execution import Held, Terms, executions_frame, hold
from assets.portfolios.week.exposures import (
    Benchmark,
    drift_benchmark,
    missing_styles,
    published_weights,
    style_exposures,
)
from assets.portfolios.week.market import MarketDay, market_days
from assets.portfolios.week.mergers import ShareExchange, absorbed, add_up, together
from assets.reference.schemas import UNKNOWN_INDUSTRY
from resources.calendar import Calendar
from resources.errors import InputError
from resources.reasons import Reason, Reasons
from resources.rulebook import MAIN, Rulebook
from resources.settings.portfolios import IndexPortfolioSettings, PortfoliosSettings

FROZEN = ("suspended",)  # states in which a stock can't be traded


@dataclass(frozen=True, eq=False)
class PortfolioState:
    """The state that a week passes to the next; arrays [n] in the order of `symbols`, which is ascending.

    holdings: weights at the signal close; their sum and `cash` add to 1. nav: net asset value at the close, 1 at the first
    build. target: weights to be traded on the next trade day; None if the solve failed and the holdings are kept. upper: the
    largest weight up to which unspent cash may be invested in a stock. states: state of each stock at the signal close
    (`_problem`), which determines whether it may be bought.
    """

    symbols: NDArray[np.str_]
    holdings: NDArray[np.float64]
    cash: float
    nav: float
    target: NDArray[np.float64] | None
    upper: NDArray[np.float64]
    states: NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Tables:
    """The rows that one week reads, as stored in the lake.

    alpha: symbol, score (μ) of the signal day; finite scores only. styles, indices: of the signal day. prices: from the
    day the benchmark weights were published (or before) to the signal day. securities: of the week's days. minutes:
    minute_bars of the first of them, the trade day, for the stocks of the state; read only under the fill rule `minutes`.
    exchanges: of shares in mergers; prices and securities contain the rows of absorbed stocks after the merger
    (mergers.py). rules: boards, lots and fees; None for the shipped rulebook.
    """

    alpha: pl.DataFrame
    styles: pl.DataFrame
    prices: pl.DataFrame
    securities: pl.DataFrame
    indices: pl.DataFrame
    minutes: pl.DataFrame | None = None
    exchanges: tuple[ShareExchange, ...] = ()
    rules: Rulebook | None = None


@dataclass(frozen=True)
class WeekTotals:
    """The net asset value at the signal close, and totals of the week's execution in fractions of it.

    None where no target was traded. buy_scale: factor on all buys. blocked, cut: numbers of orders.
    """

    nav: float
    executed_turnover: float | None = None
    execution_cost: float | None = None
    buy_scale: float | None = None
    blocked: int = 0
    cut: int = 0
    not_buyable_bought: float = 0.0  # fraction of NAV bought of stocks that may not be bought; must be 0


@dataclass(frozen=True, eq=False)
class SolvedWeek:
    """The results of a week.

    state: for the next week. names: one row per stock of `problem`: symbol, weight (target), drifted_weight,
    benchmark_weight, score, industry, lower, upper, state, crossed (whether its state overrides the stock band), styled
    (whether it has every style that is bounded). held: the days since the last signal close and the holdings at this one.
    executions: one row per order. constraints: those that were applied; not_applied: the others, with the reason.
    last: totals for solve.parquet. terms: the costs that were deducted from the score.
    """

    state: PortfolioState
    names: pl.DataFrame
    held: Held
    executions: pl.DataFrame
    benchmark: Benchmark
    problem: Problem
    constraints: tuple[Constraint, ...]
    not_applied: Mapping[str, Reason]
    solution: Solution
    last: WeekTotals
    terms: tuple[Term, ...] = ()


def advance(
    portfolio: Portfolio,
    state: PortfolioState | None,
    tables: Tables,
    days: Sequence[dt.date],
    calendar: Calendar,
    settings: PortfoliosSettings,
    unavailable: Reasons | None = None,
) -> SolvedWeek | Reason:
    """Carry `state` over `days` and optimise at the close of the last one; return a reason if no portfolio can be built yet.

    state: None before the first build, which starts from cash. days: the trading days after the last signal close up to
    the new one; the last target is traded on the first of them. unavailable: table → column or item → reason; it is used to
    report why there is no score, style or industry.

    Raises:
        InputError: A portfolio that has been built has no prices or no benchmark vector on one of the days.
        SettingsError: A setting that names a user's function or constraint is wrong, or the rulebook has no fees or lots.
    """
    unavailable, date = unavailable or {}, days[-1]
    bounds: IndexPortfolioSettings = getattr(settings, portfolio.key)
    benchmark = benchmark_at(portfolio.index, tables, date, calendar, settings)
    if state is None and (reason := _why_waiting(settings, tables, date, calendar, unavailable, benchmark)):
        return reason
    if isinstance(benchmark, Reason):
        raise InputError(f"{portfolio.asset} has holdings on {date}, but no benchmark vector: {benchmark}")
    symbols, held, executions, last = carry(state, tables, days, settings)
    first_build = state is None
    problem, names = _problem(tables, benchmark, symbols, held, bounds, settings, date, first_build=first_build)
    missing = missing_styles(tables.styles, _styles(bounds), unavailable.get("styles", {}))
    without: dict[str, Reason] = dict(missing)
    if set(problem.industry.tolist()) == {UNKNOWN_INDUSTRY}:
        without["industry"] = unavailable.get("securities", {}).get("industry", NO_INDUSTRY())
    constraints, not_applied = portfolio_constraints(bounds, without)
    listed = problem.symbols.tolist()
    risk, terms = risk_of(bounds, lambda: covariance_from(settings.covariance, listed, tables.prices))
    constraints += risk
    extra = extra_constraints(settings.extra_constraints, {c.name for c in constraints} | set(not_applied))
    require_sound(settings.extra_constraints, extra, problem)
    constraints += extra
    solution = optimise(
        problem, constraints, order=settings.relaxation_order, terms=terms, stated_by=settings.stated_by
    )
    wanted = [style for style in _styles(bounds) if style not in missing]
    styled = tables.styles.filter(pl.all_horizontal(pl.lit(True), pl.col(wanted).is_not_null()))["symbol"]
    names = names.with_columns(pl.Series("weight", solution.weights), styled=pl.col("symbol").is_in(styled.to_list()))
    return SolvedWeek(
        next_state(names, held.cash, last.nav, failed=solution.status == "failed"),
        names,
        held,
        executions,
        benchmark,
        problem,
        tuple(constraints),
        not_applied,
        solution,
        last,
        tuple(terms),
    )


def next_state(names: pl.DataFrame, cash: float, nav: float, *, failed: bool) -> PortfolioState:
    """Create the next week's state from rows (symbol, weight, drifted_weight, upper, state).

    Only stocks with a target or a holding are kept. failed: whether the solve failed, so that there is no target.
    """
    kept = names.filter((pl.col("weight") > 0) | (pl.col("drifted_weight") > 0)).sort("symbol")
    return PortfolioState(
        kept["symbol"].to_numpy().astype(str),
        kept["drifted_weight"].to_numpy(),
        cash,
        nav,
        None if failed else kept["weight"].to_numpy(),
        kept["upper"].to_numpy(),
        kept["state"].to_numpy().astype(str),
    )


def _why_waiting(
    settings: PortfoliosSettings,
    tables: Tables,
    date: dt.date,
    calendar: Calendar,
    unavailable: Reasons,
    benchmark: Benchmark | Reason,
) -> Reason | None:
    """Why the portfolio cannot be built on `date`; None if it can."""
    if settings.start is not None and calendar.week_of(date) < settings.start:
        return FIRST_BUILD_LATER(week=settings.start)
    if isinstance(benchmark, Reason):
        return benchmark
    if not tables.alpha.is_empty():
        return None
    causes = (_why_no_score(key, unavailable) for key in settings.alphas)
    cause = next((cause for cause in causes if cause is not None), None)
    if cause is None:
        return NO_SCORE_YET(factors=settings.alphas, date=date)
    return NO_SCORE_BECAUSE(factors=settings.alphas, date=date, cause=cause)


def _why_no_score(key: str, unavailable: Reasons) -> Reason | None:
    reasons = unavailable.get("scores" if key in MODELS else "factors", {})
    return reasons.get(key) or reasons.get("value")


def benchmark_at(
    index: str, tables: Tables, date: dt.date, calendar: Calendar, settings: PortfoliosSettings
) -> Benchmark | Reason:
    """Return the benchmark vector at the signal close, or the reason why there is none.

    Raises InputError where the published weights are wrong (`drift_benchmark`).
    """
    published = published_weights(tables.indices, index)
    if published is None:
        return NO_WEIGHTS(index=index, date=date)
    known = published["published_date"][0]
    age = calendar.index(date) - calendar.index(calendar.previous_day(known + dt.timedelta(days=1)))
    if age > settings.benchmark_max_age:
        return OLD_WEIGHTS(index=index, published=known, age=age, date=date, limit=settings.benchmark_max_age)
    days = calendar.days(calendar.next_day(known), date)
    missing = sorted(set(days) - set(tables.prices["date"].unique()))
    if missing:
        return WEIGHTS_WITHOUT_PRICES(
            index=index, published=known, date=date, missing=len(missing), days=len(days), first=missing[0]
        )
    listed = set(tables.securities.filter(pl.col("date") == date)["symbol"].to_list())
    if not listed:
        return NOBODY_LISTED(date=date)
    drifted = drift_benchmark(
        published, tables.prices, days, index=index, tolerance=settings.benchmark_sum_tolerance, listed=listed
    )
    return replace(drifted, weights=add_up(drifted.weights, together(tables.exchanges, date)))


def carry(
    state: PortfolioState | None, tables: Tables, days: Sequence[dt.date], settings: PortfoliosSettings
) -> tuple[NDArray[np.str_], Held, pl.DataFrame, WeekTotals]:
    """Trade the state's target on the first of `days` and drift the holdings over all of them.

    Returns symbols [n], holdings, executions (one row per order) and totals. Raises InputError where a day has no rows of prices
    or securities (`market_days`).
    """
    if state is None:
        return (
            np.array([], dtype=str),
            Held(np.zeros(0), 1.0, (), None),
            pl.DataFrame(schema=EXECUTIONS),
            WeekTotals(1.0),
        )
    fills, merged = settings.execution.fills, absorbed(tables.exchanges, days[0])
    market = market_days(
        state.symbols,
        days,
        tables.prices.filter(pl.col("date").is_in(list(days))),
        tables.securities,
        tables.minutes if fills.rule == "minutes" else None,
        min_inside_share=fills.min_inside_share,
    )
    market[0] = _share_volume(market[0], state.symbols, merged)
    held = hold(
        state.holdings,
        state.cash,
        state.target,
        state.upper,
        market,
        trading_terms(settings, days[0], state, tables.rules),
        delisting_recovery=settings.delisting_recovery,
        state=buying_states(state, tables.securities.filter(pl.col("date") == days[0]), settings, merged),
    )
    nav = state.nav * float(np.prod([1.0 + day.net for day in held.days]))
    if held.execution is None:
        return state.symbols, held, pl.DataFrame(schema=EXECUTIONS), WeekTotals(nav)
    last = WeekTotals(
        nav,
        held.execution.turnover,
        held.execution.cost,
        held.execution.scale,
        int((held.execution.blocked != "").sum()),
        int((held.execution.cut != "").sum()),
        float(np.maximum(held.execution.filled, 0.0)[held.execution.state != FREE].sum()),
    )
    return state.symbols, held, executions_frame(state.symbols, market[0], held.execution), last


def _share_volume(day: MarketDay, symbols: NDArray[np.str_], merged: Mapping[str, str]) -> MarketDay:
    """`day`, with the volume divided evenly among stocks that represent the same shares; merged: from `absorbed`."""
    if not merged:
        return day
    whose = [merged.get(symbol, symbol) for symbol in symbols.tolist()]
    sharing = np.array([whose.count(name) for name in whose], dtype=np.float64)
    return replace(day, buy_volume=day.buy_volume / sharing, sell_volume=day.sell_volume / sharing)


def buying_states(
    state: PortfolioState, securities: pl.DataFrame, settings: PortfoliosSettings, merged: Collection[str] = ()
) -> NDArray[np.str_]:
    """Return FREE, or why each stock of `state` may not be bought on the trade day [n].

    securities: the rows of the trade day. merged: the stocks absorbed by the trade day. The first of these rules that applies
    decides:
    - The state at the signal close; a stock that was suspended there is `suspended_at_signal`, although it may trade again.
    - An absorbed stock is `merged`: it no longer exists, so it may only be sold, as shares of the new stock. Purchases of the
      new stock follow from the new stock's target and state.
    - What is known before the trade day's open: the stock is ST or in the delisting period (is_st), or it has been listed for
      too few days or since an unknown day. The day's prices are not used.
    """
    shown = securities.select(
        "symbol",
        today=pl.when(pl.col("is_st"))
        .then(pl.lit("st"))
        .when((pl.col("listed_days") < settings.min_listed_days).fill_null(True))
        .then(pl.lit("new"))
        .otherwise(pl.lit(FREE)),
    )
    names = pl.DataFrame({"symbol": state.symbols.tolist()}, schema={"symbol": pl.String})
    today = names.join(shown, on="symbol", how="left", maintain_order="left")["today"].fill_null(FREE)
    signal = np.where(np.isin(state.states, FROZEN), "suspended_at_signal", state.states)
    gone = np.isin(state.symbols, list(merged))
    return np.where(signal != FREE, signal, np.where(gone, "merged", today.to_numpy().astype(str)))


def trading_terms(
    settings: PortfoliosSettings, date: dt.date, state: PortfolioState, rules: Rulebook | None = None
) -> Terms:
    """Return the costs and order limits that apply to the state's stocks on `date`.

    rules: a rulebook of `date` or later, of which the rules in force on `date` are used; None for the shipped rulebook. A stock
    whose code belongs to no board trades in the lots of the main board. Raises SettingsError where dated fees or lots are
    set and the rulebook has none on that day.
    """
    how = settings.execution
    rules = Rulebook.on(date) if rules is None else rules.until(date)
    buy_cost, sell_cost = rules.costs() if how.dated_fees else (settings.cost, settings.cost)
    lots = None
    if how.lots:
        rows = [rules.lot(board or MAIN[0]) for board in rules.boards_of(state.symbols.tolist())]
        lots = np.array([float(row.least) for row in rows]), np.array([float(row.step) for row in rows])
    return Terms(
        buy_cost,
        sell_cost,
        participation=how.participation,
        lots=lots,
        money=how.capital * state.nav,
    )


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
    """The rebalance at the signal close over every listed stock, by symbol.

    Holdings that are no longer listed have already been paid out (`hold`), and such members have been taken out of the
    benchmark (`drift_benchmark`).

    State: the first that applies.
    - suspended (listed, not traded on the day): frozen. The weight stays at its drifted weight at the last price, which counts
      towards Σw = 1; μ is 0.
    - st (ST or in the delisting period), new (listed for fewer days than the setting, or since an unknown day), no_score:
      cannot be bought, neither here nor on the trade day (`buying_states`). A held stock keeps at most its drifted weight and
      may be sold. no_score has μ 0, which means no view rather than a low score; st and new keep their score as μ.
    - not_member (setting members_only): sold in full.
    - tradable: within benchmark ± deviation.

    Index review: the benchmark is the latest published vector, so from its publication a stock that left the index has
    benchmark weight 0 and the band [0, deviation]. It is treated like any other stock: only its weight above the deviation must
    be sold, the rest according to the score and within the common turnover limit; a suspended one stays frozen. A stock that
    joined may be bought at once.

    Where a state's bound and the stock band exclude each other, the drifted weight is the bound, marked `crossed`
    (`bound_names`). A stock without industry is in the industry `unknown`, which is kept neutral like the others; a stock
    without style has 0 (`style_exposures`). Weights are not rescaled here: holdings and cash sum to 1 by construction, and
    benchmark weights by `drift_benchmark`.
    """
    names = _names(tables, benchmark, held_symbols, held, bounds, settings, date)
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
        date=date,
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


def _names(
    tables: Tables,
    benchmark: Benchmark,
    held_symbols: np.ndarray,
    held: Held,
    bounds: IndexPortfolioSettings,
    settings: PortfoliosSettings,
    date: dt.date,
) -> pl.DataFrame:
    """Every listed stock by symbol: traded, is_st, listed_days, industry, drifted_weight, benchmark_weight, score, state."""
    became = together(tables.exchanges, date)
    today = tables.securities.filter(pl.col("date") == date, ~pl.col("symbol").is_in(list(became)))
    weights_held = add_up(dict(zip(held_symbols.tolist(), held.weights.tolist(), strict=True)), became)
    own = pl.DataFrame(
        {"symbol": list(weights_held), "drifted_weight": list(weights_held.values())}, schema_overrides=_NAME
    )
    member_frame = pl.DataFrame(
        {"symbol": list(benchmark.weights), "benchmark_weight": list(benchmark.weights.values())}
    )
    return (
        today.select("symbol", "traded", "is_st", "listed_days", "industry")
        .join(own, on="symbol", how="left")
        .join(member_frame, on="symbol", how="left")
        .join(tables.alpha, on="symbol", how="left")
        .sort("symbol")
        .with_columns(
            pl.col("drifted_weight", "benchmark_weight").fill_null(0.0), pl.col("industry").fill_null(UNKNOWN_INDUSTRY)
        )
        .with_columns(
            state=pl.when(~pl.col("traded"))
            .then(pl.lit("suspended"))
            .when(pl.col("is_st"))
            .then(pl.lit("st"))
            .when((pl.col("listed_days") < settings.min_listed_days).fill_null(True))
            .then(pl.lit("new"))
            .when(pl.col("score").is_null())
            .then(pl.lit("no_score"))
            .when(pl.lit(bounds.members_only) & (pl.col("benchmark_weight") == 0))
            .then(pl.lit("not_member"))
            .otherwise(pl.lit(FREE))
        )
    )


_NAME = {"symbol": pl.String, "drifted_weight": pl.Float64}


def _styles(bounds: IndexPortfolioSettings) -> tuple[str, ...]:
    return ("value", "size", *bounds.other_styles)
