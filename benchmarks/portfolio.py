"""Portfolios: one weekly problem beside peers, a thousand weeks of two portfolios, and ten years of accounts.

    python -m benchmarks portfolio

The problem has 5 300 stocks, 31 industries, 8 styles and turnover. Ours does all that a week needs: the optimum, ties broken by
turnover, residuals and gap verified. highspy called directly solves the same two problems, warm-started, from arrays that are built
within the measured time, and verifies nothing. It is run with its defaults and without presolve, which is faster here and which ours
uses. Scores are compared before anything is timed. The other peers only find the optimum; half the time of cvxpy is its compilation.
The sides run in turn on each of several problems, the slow peers once; figures are medians over problems of medians over rounds.

Weeks are made by the make function of the lake's partitions, from tables in memory: executed, drifted, optimised, explained and
encoded as they are stored. Each of the two portfolios runs in its own process.
"""

import datetime as dt
import json
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assets.bars.schemas import MINUTE_BARS
from assets.catalogue import PORTFOLIOS
from assets.portfolios.problem.certificate import Certificate, Stage
from assets.portfolios.problem.constraints import FREE, TOLERANCE, Problem, portfolio_constraints
from assets.portfolios.problem.lp import SIMPLEX, LinearProgram
from assets.portfolios.problem.optimiser import CVXPY, DUAL_SIMPLEX, Solution, StatedBy, optimise
from assets.portfolios.problem.statement import Statement
from assets.portfolios.schemas import PORTFOLIO
from assets.portfolios.week.advance import PortfolioState, trading_terms
from assets.portfolios.week.execution import hold
from assets.portfolios.week.make_portfolio import make_portfolio
from assets.portfolios.week.market import market_days
from benchmarks._optimisers import NO_PRESOLVE, TIGHT, plain_rows, with_cvxportfolio, with_cvxpy, with_highspy
from benchmarks._portfolio_market import Market, rebalance
from benchmarks._side_by_side import Ask, alternate, qlib
from resources.calendar import Calendar
from resources.partition import Frames, Partition
from resources.rulebook import Rulebook
from resources.settings.portfolios import ELASTIC, PortfoliosSettings

NAMES, PROBLEMS, ROUNDS = 5300, 5, 5
FIRST, LAST = dt.date(2014, 1, 6), dt.date(2023, 12, 25)
WEEKS = 500  # of each of two portfolios
SETTINGS = PortfoliosSettings()
BOUNDS = SETTINGS.csi500
SAME = 1e-9  # largest difference of objectives, in std μ
ARRAYS, CVXPY_STATED = 1 / 1.1, 1 / 2  # at most 1.1 and 2 times the peer's time
HOW = {
    "optimum alone": {"ours": "the optimum, verified", "peer": "the optimum"},
    "with ties": {"ours": "optimum, ties, both verified, prices for the explanation", "peer": "optimum, ties"},
}
WEEKS_LIMIT_S, ACCOUNTS_LIMIT_S = 360.0, 10.0


def main() -> list[dict[str, Any]]:
    """Return result rows: name, unit, ours, peer, ratio, target, floor, conditions."""
    return [*one_problem(), many_weeks(), ten_years_of_accounts()]


def ours(problem: Problem, stated_by: StatedBy) -> Solution:
    """Solve a problem as a week does: optimum, ties, both verified. AssertionError if it is not solved strictly."""
    constraints, _ = portfolio_constraints(BOUNDS, {})
    solution = optimise(problem, constraints, order=ELASTIC, stated_by=stated_by)
    if solution.status != "optimal":
        raise AssertionError(f"the benchmark problem must have a strict solution, but its status is {solution.status}")
    return solution


def optimum_alone(problem: Problem, stated_by: StatedBy) -> float:
    """Return the best score in std μ: one LP, stated, solved and verified, without ties and explanation."""
    constraints, _ = portfolio_constraints(BOUNDS, {})
    scale = float(problem.mu.std())
    certificate, stage = (
        Certificate(problem, problem.mu / scale, constraints, (), scale),
        Stage("strict", strict=ELASTIC),
    )
    if stated_by == "arrays":
        answer = LinearProgram(certificate).solve(stage, SIMPLEX)
    else:
        solver, options = CVXPY[DUAL_SIMPLEX]
        statement = Statement(problem, certificate.mu, constraints, (), scale, stage)
        answer = statement.solve(stage, solver=solver, options=options)
    if answer.weights is None:
        raise AssertionError(f"the benchmark problem must have a strict solution, but its status is {answer.status}")
    score = certificate.score(answer.weights)
    gap = certificate.bound(stage, answer.weights, answer).value - score
    if certificate.residual(stage, answer.weights) > TOLERANCE or abs(gap) > TOLERANCE:
        raise AssertionError(f"the answer fails the verification: gap {gap:.3g}")
    return score


def one_problem(count: int = PROBLEMS, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Return the rows of the weekly problem beside each peer."""
    problems = [rebalance(seed, NAMES, BOUNDS) for seed in range(count)]
    with tempfile.TemporaryDirectory() as name, qlib("_qlib_optimiser.py", Path(name)) as ask:
        folder, found = Path(name), list[dict[str, Any]]()
        for number, problem in enumerate(problems):
            hand_to_qlib(problem, folder / f"problem_{number}.npz")
            found.append(_compare(problem, number, folder, ask, rounds))
    median = {side: statistics.median(one["seconds"][side] for one in found) for side in found[0]["seconds"]}
    conditions = {
        "names": NAMES, "industries": 31, "styles": 8, "problems": count, "rounds": rounds,
        "load_1_min": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    same = {**conditions, "difference": max(one["difference"] for one in found)}
    what = f"one weekly problem of {NAMES} names"
    rows = [
        _row(
            f"{what}, {name}, against highspy{how.replace(',', ' with')}", median[mine], median[peer + how], target,
            {**same, **HOW[name.split(",")[0]]},
        )
        for name, mine, peer, target in (
            ("optimum alone, arrays", "arrays alone", "highspy alone", ARRAYS),
            ("optimum alone, cvxpy", "cvxpy alone", "highspy alone", CVXPY_STATED),
            ("with ties, arrays", "arrays", "highspy", ARRAYS),
            ("with ties, cvxpy", "cvxpy", "highspy", CVXPY_STATED),
        )
        for how in ("", ", no presolve")
    ]  # fmt: skip
    for peer in ("plain cvxpy", "cvxportfolio", "qlib's EnhancedIndexingOptimizer"):
        figures = [one["figures"][peer] for one in found if peer in one["figures"]]
        rows.append(
            _row(
                f"{what}, against {peer}", median["arrays"], median.get(peer), None,
                {**conditions, **HOW["with ties"], "peer": "the optimum", **_merge(figures)},
            )
        )  # fmt: skip
    return rows


def _compare(problem: Problem, number: int, folder: Path, ask: Ask | None, rounds: int) -> dict[str, Any]:
    """Median seconds of each side on one problem, the largest difference of scores, and figures of each peer."""
    scale, mine = problem.mu.std(), {way: ours(problem, way) for way in ("arrays", "cvxpy")}
    score = mine["arrays"].objective / scale
    works: dict[str, Callable[[], Any]] = {
        "arrays alone": partial(optimum_alone, problem, "arrays"),
        "cvxpy alone": partial(optimum_alone, problem, "cvxpy"),
        "highspy alone": partial(with_highspy, problem, BOUNDS, ties=False, options=TIGHT),
        "arrays": partial(ours, problem, "arrays"),
        "cvxpy": partial(ours, problem, "cvxpy"),
        "highspy": partial(with_highspy, problem, BOUNDS, ties=True, options=TIGHT),
        "highspy alone, no presolve": partial(with_highspy, problem, BOUNDS, ties=False, options=NO_PRESOLVE),
        "highspy, no presolve": partial(with_highspy, problem, BOUNDS, ties=True, options=NO_PRESOLVE),
    }
    others: dict[str, Callable[[], Any]] = {"plain cvxpy": partial(with_cvxpy, problem, BOUNDS)}
    theirs, weights = works["highspy"]()
    apart = [abs(mine[way].objective / scale - theirs) for way in mine]
    apart += [abs(works[way]() - theirs) for way in ("arrays alone", "cvxpy alone")]
    if max(apart) > SAME:
        raise AssertionError(f"problem {number}: scores differ from those of highspy by {max(apart):.3g} std μ")
    sold = [np.maximum(0.0, problem.drifted - found).sum() for found in (weights, mine["arrays"].weights)]
    if abs(sold[0] - sold[1]) > 1e-6:
        raise AssertionError(f"problem {number}: turnover {sold[1]:.8f}, but highspy finds {sold[0]:.8f} among optima")
    figures: dict[str, dict[str, Any]] = {}
    objective, found, solver = others["plain cvxpy"]()
    figures["plain cvxpy"] = {"solver": solver, **_quality(problem, objective - score, found)}
    try:
        objective, found = with_cvxportfolio(problem, BOUNDS)
    except ImportError as missing:
        figures["cvxportfolio"] = {"n/a": f"{missing}; make bench installs it"}
    else:
        others["cvxportfolio"] = partial(with_cvxportfolio, problem, BOUNDS)
        figures["cvxportfolio"] = _quality(problem, objective - score, found)
    name = "qlib's EnhancedIndexingOptimizer"
    if ask is None:
        figures[name] = {"n/a": "make bench installs it"}
    else:
        answer = ask(str(number))
        found = np.load(folder / f"problem_{number}.weights.npy")
        figures[name] = {
            **_quality(problem, float(problem.mu @ found) / scale - score, found), "warnings": answer["warnings"],
            "not stated": "held names that may not be bought keep at most their weight",
        }  # fmt: skip
        others[name] = partial(ask, str(number))
    seconds = {**alternate(works, rounds), **alternate(others, 1)}
    return {"seconds": seconds, "difference": max(apart), "figures": figures}


def _quality(problem: Problem, difference: float, weights: np.ndarray) -> dict[str, Any]:
    """The quality of a peer's answer: its score less the optimum, and its largest violation of a constraint."""
    rows = plain_rows(problem, BOUNDS)
    outside = np.abs(rows.matrix @ (weights - problem.benchmark)) - rows.limit
    names = np.maximum(problem.lower - weights, weights - problem.upper)
    turnover = 0.5 * (np.abs(weights - problem.drifted).sum() + problem.cash) - BOUNDS.turnover
    largest = max(0.0, float(outside.max()), float(names.max()), float(turnover), abs(float(weights.sum()) - 1.0))
    return {"score_beyond_optimum": difference, "largest_violation": largest}


def _merge(figures: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of several problems as one: numbers with the largest magnitude, the last of other values."""
    merged: dict[str, Any] = {}
    for one in figures:
        for key, value in one.items():
            if isinstance(value, float):
                merged[key] = max(merged.get(key, 0.0), value, key=abs)
            elif value:
                merged[key] = value
    return merged


def hand_to_qlib(problem: Problem, path: Path) -> None:
    """Write a problem for _qlib_optimiser.py."""
    rows = plain_rows(problem, BOUNDS)
    np.savez(
        path, mu=problem.mu / problem.mu.std(), matrix=rows.matrix, limit=rows.limit, drifted=problem.drifted,
        benchmark=problem.benchmark, delta=2 * BOUNDS.turnover - problem.cash, deviation=BOUNDS.stock_deviation,
        frozen=(problem.state == "suspended") & (problem.lower == problem.upper), forbidden=problem.upper == 0,
    )  # fmt: skip


def _row(
    name: str, ours: float, peer: float | None, target: float | None, conditions: dict[str, Any]
) -> dict[str, Any]:
    return {
        "name": name, "unit": "s", "ours": ours, "peer": peer, "ratio": peer / ours if peer else None, "target": target,
        "floor": None, "conditions": conditions,
    }  # fmt: skip


def many_weeks(weeks: int = WEEKS, names: int = NAMES) -> dict[str, Any]:
    """Return the row of ten years of both portfolios in parallel: seconds of the slower one, without drawing the market."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(PORTFOLIOS), mp_context=spawn) as pool:
        chains = list(pool.map(chain, [portfolio.key for portfolio in PORTFOLIOS], [weeks] * 2, [names] * 2))
    seconds = max(one["seconds"] for one in chains)
    return {
        "name": f"{2 * weeks} portfolio weeks of {names} names on two cores, verified and explained", "unit": "s",
        "ours": seconds, "peer": None, "ratio": WEEKS_LIMIT_S / seconds, "target": 1.0 if weeks == WEEKS else None,
        "floor": None,
        "conditions": {
            "limit": WEEKS_LIMIT_S, "load_1_min": round(os.getloadavg()[0], 1),
            **{one["portfolio"]: {key: one[key] for key in one if key != "portfolio"} for one in chains},
        },
    }  # fmt: skip


def chain(key: str, weeks: int, names: int) -> dict[str, Any]:
    """Make every week of one portfolio, and return its figures; seconds exclude the drawing of the market.

    Raises:
        AssertionError: A week was not solved.
    """
    portfolio = next(one for one in PORTFOLIOS if one.key == key)
    calendar, market = Calendar.xshg(), Market(names)
    previous = pl.DataFrame(schema=PORTFOLIO)
    files: Mapping[str, bytes] = {}

    def file(table: str, week: dt.date, name: str) -> bytes:
        return files[name]

    times, statuses, relaxed = list[float](), Counter[str](), list[float]()
    worst = {"residual": 0.0, "duality_gap": 0.0}
    for tables in market.weeks(portfolio, calendar, FIRST, weeks, SETTINGS.alphas[0]):
        began = time.perf_counter()
        frames = {
            portfolio.asset: previous, "scores": tables.scores, "factors": tables.scores.clear(), "styles": tables.styles,
            "daily_prices": tables.prices, "securities": tables.securities, "indices": tables.indices,
            "minute_bars": pl.DataFrame(schema=MINUTE_BARS),
        }  # fmt: skip
        partition = Partition.of(
            tables.date, table=portfolio.asset, week=tables.week, calendar=calendar, files=file, mergers=(),
            rules=Rulebook.on(tables.date),
        )  # fmt: skip
        made = make_portfolio(Frames({name: frame.lazy() for name, frame in frames.items()}), partition, SETTINGS)
        times.append(time.perf_counter() - began)
        assert isinstance(made.frame, pl.DataFrame)
        assert made.profile is not None
        previous, files = made.frame.select(pl.col(name).cast(kind) for name, kind in PORTFOLIO.items()), made.files
        solve = made.profile.row(0, named=True)
        statuses[solve["status"]] += 1
        if solve["status"] == "relaxed":
            relaxed.append(times[-1])
        for what in worst:
            worst[what] = max(worst[what], abs(solve[what] or 0.0))
    if statuses["failed"]:
        raise AssertionError(f"{key}: {statuses['failed']} of {weeks} weeks were not solved")
    return {
        "portfolio": key, "seconds": round(sum(times), 2), "median_week_s": round(statistics.median(times), 4),
        "longest_week_s": round(max(times), 3), "relaxed_weeks_s": round(sum(relaxed), 2), **statuses,
        **{f"largest_{what}": value for what, value in worst.items()},
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 2),
    }  # fmt: skip


def ten_years_of_accounts(last: dt.date = LAST, names: int = NAMES) -> dict[str, Any]:
    """Return the row of daily accounts of a portfolio that holds all stocks and trades all of them each week.

    Raises:
        AssertionError: Weights and cash do not sum to one.
    """
    calendar, market, rng = Calendar.xshg(), Market(names), np.random.default_rng(1)
    weights, cash, nav, seconds, joining, count = np.full(names, 1.0 / names), 0.0, 1.0, 0.0, 0.0, 0
    weeks = calendar.weeks(FIRST, last)
    for week in weeks:
        every = [market.day(date) for date in calendar.week_days(week)]
        prices, securities = pl.concat([day.prices for day in every]), pl.concat([day.securities for day in every])
        target = weights * rng.uniform(0.8, 1.2, names)
        target /= target.sum()
        began = time.perf_counter()
        state = PortfolioState(
            market.symbols, weights, cash, nav, target, target + BOUNDS.stock_deviation, np.full(len(weights), FREE)
        )
        days = market_days(market.symbols, [day.date for day in every], prices, securities)
        joined = time.perf_counter()
        held = hold(
            weights, cash, target, state.upper, days, trading_terms(SETTINGS, days[0].date, state),
            delisting_recovery=SETTINGS.delisting_recovery,
        )  # fmt: skip
        weights, cash = held.weights, held.cash
        nav *= float(np.prod([1.0 + day.net for day in held.days]))
        seconds, joining, count = seconds + time.perf_counter() - began, joining + joined - began, count + len(days)
    if not (np.isfinite(nav) and abs(weights.sum() + cash - 1.0) < 1e-9):
        raise AssertionError(f"the accounts do not add up: weights and cash sum to {weights.sum() + cash}")
    return {
        "name": f"daily accounts of {names} names, {count} days, {len(weeks)} rebalances", "unit": "s", "ours": seconds,
        "peer": None, "ratio": ACCOUNTS_LIMIT_S / seconds, "target": 1.0 if last == LAST else None, "floor": None,
        "conditions": {
            "limit": ACCOUNTS_LIMIT_S, "load_1_min": round(os.getloadavg()[0], 1), "joining_tables_s": round(joining, 2),
            "accounts_s": round(seconds - joining, 2), "from": "daily bars in memory",
        },
    }  # fmt: skip


if __name__ == "__main__":
    began = time.perf_counter()
    print(json.dumps(main(), indent=1, ensure_ascii=False))
    print(f"{time.perf_counter() - began:.0f} s")
