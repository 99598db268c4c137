"""What is stored of a week's solve: the row of solve.parquet, the rows of constraints, the notes of the manifest.

What belongs here: the shape in which a solve is kept. What does not: solving, execution, and the order of a week.
"""

import dataclasses
import datetime as dt
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from assets.catalogue import Portfolio
from assets.portfolios.constraints import FREE, Problem
from assets.portfolios.execution import Held
from assets.portfolios.exposures import Benchmark
from assets.portfolios.optimiser import Row, Solution
from assets.portfolios.schemas import ROWS
from resources.settings.portfolios import IndexPortfolioSettings, PortfoliosSettings

FROZEN = ("not_listed", "suspended")  # states in which a name can't be traded


@dataclasses.dataclass(frozen=True)
class Last:
    """What a week hands to the next besides holdings, and what its execution came to."""

    nav: float
    executed_turnover: float | None = None
    execution_cost: float | None = None
    buy_scale: float | None = None
    blocked: int = 0


def solve_row(
    portfolio: Portfolio,
    week: dt.date,
    date: dt.date,
    settings: PortfoliosSettings,
    benchmark: Benchmark,
    problem: Problem,
    names: pl.DataFrame,
    solution: Solution,
    held: Held,
    last: Last,
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


def crossed_rows(names: pl.DataFrame, bounds: IndexPortfolioSettings) -> list[Row]:
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


def not_applied_row(name: str, reason: str) -> Row:
    nan = float("nan")
    return Row(name, "n/a", name, nan, nan, nan, nan, nan, nan, f"n/a: {reason}")


def row_frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame([dataclasses.asdict(row) for row in rows], schema=ROWS).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )


def solve_notes(solve: pl.DataFrame, relaxations: list[Row], not_applied: Mapping[str, str]) -> dict[str, Any]:
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


def encode(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=True)
    return buffer.getvalue()
