"""The stored record of a week's solve: the row of solve.parquet and the notes of the manifest.

This module holds the format of the record. It does not hold solving, explaining, execution or the order of a week.

solve.parquet has one row. Besides numbers it has columns of lists of structs:

| column | one entry per |
|---|---|
| constraints | row of a constraint: bounds, value, residual, slack, shadow price; in the group n/a it was not applied, for the reason in forced_by |
| relaxations | constraint row that was relaxed, or stock whose state overrides its stock band: by how much, and the cause (forced_by) |
| costs | constraint, the stock bands, each state: shadow price and score given up, in descending order |
| binding_names | stock whose own bound costs score |
| conflicts | irreducible conflicting set: its members and its smallest violation |
| attempts | attempt of a solver: its status, and why its answer was rejected |

The columns reason and forced_by hold reasons as JSON (resources/reasons.py; worded in resources/reason_words/), "" where there
is none.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from assets.catalogue import Portfolio
from assets.portfolios.problem.constraints import FREE
from assets.portfolios.problem.explanation import Explanation
from assets.portfolios.problem.optimiser import Row
from assets.portfolios.reasons import NOT_APPLIED, STATE, not_applied
from assets.portfolios.schemas import ROWS
from assets.portfolios.week.advance import FROZEN, SolvedWeek
from assets.reference.schemas import UNKNOWN_INDUSTRY
from resources.reasons import Reason
from resources.settings.portfolios import IndexPortfolioSettings, PortfoliosSettings

_COSTS = {
    "constraint": pl.String,
    "group": pl.String,
    "rows": pl.Int64,
    "binding": pl.Int64,
    "shadow_price": pl.Float64,
    "score_given_up": pl.Float64,
    "exact": pl.Float64,
}
_BINDING_NAMES = {
    "symbol": pl.String,
    "cause": pl.String,
    "side": pl.String,
    "bound": pl.Float64,
    "benchmark": pl.Float64,
    "shadow_price": pl.Float64,
    "score_given_up": pl.Float64,
}
_MEMBERS = {
    "kind": pl.String,
    "constraint": pl.String,
    "row": pl.String,
    "side": pl.String,
    "bound": pl.Float64,
    "benchmark": pl.Float64,
    "names": pl.Int64,
}
_ATTEMPTS = {
    "stage": pl.String,
    "solver": pl.String,
    "status": pl.String,
    "residual": pl.Float64,
    "gap": pl.Float64,
    "refused": pl.String,
}
_CONFLICTS: dict[str, type[pl.DataType] | pl.DataType] = {
    "members": pl.List(pl.Struct(_MEMBERS)),
    "violation": pl.Float64,
}
NESTED: Mapping[str, pl.List] = {
    "constraints": pl.List(pl.Struct(ROWS)),
    "relaxations": pl.List(pl.Struct(ROWS)),
    "costs": pl.List(pl.Struct(_COSTS)),
    "binding_names": pl.List(pl.Struct(_BINDING_NAMES)),
    "conflicts": pl.List(pl.Struct(_CONFLICTS)),
    "attempts": pl.List(pl.Struct(_ATTEMPTS)),
}


def solve_row(
    portfolio: Portfolio, step: SolvedWeek, week: dt.date, date: dt.date, settings: PortfoliosSettings
) -> pl.DataFrame:
    """Return the numbers of solve.parquet: the solution of the week, and the state that the next week needs."""
    solution, problem, held, last, benchmark = step.solution, step.problem, step.held, step.last, step.benchmark
    names = step.names
    failed = solution.status == "failed"
    cash = [held.cash, *(day.cash for day in held.days)]
    if held.execution is not None:
        cash.append(held.execution.cash_after)
    frozen = np.isin(problem.state, FROZEN)
    row = {
        "week": week,
        "date": date,
        "portfolio": portfolio.key,
        "alpha": " + ".join(settings.alphas),
        "status": solution.status,
        "reason": _text(solution.reason),
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
        "cut_orders": last.cut,
        "not_buyable_bought": last.not_buyable_bought,
        "benchmark_sum": float(problem.benchmark.sum()),
        "benchmark_raw_sum": benchmark.raw_sum,
        "benchmark_published": benchmark.published,
        "benchmark_delisted": float(sum(benchmark.delisted.values())),
        "benchmark_beijing": float(sum(benchmark.beijing.values())),
        "benchmark_beijing_members": ", ".join(sorted(benchmark.beijing)),
        "benchmark_without_industry": float(problem.benchmark[problem.industry == UNKNOWN_INDUSTRY].sum()),
        "benchmark_without_style": float(names.filter(~pl.col("styled"))["benchmark_weight"].sum()),
        "benchmark_without_score": float(names.filter(pl.col("score").is_null())["benchmark_weight"].sum()),
    }
    nullable = ("duality_gap", "residual", "executed_turnover", "execution_cost", "buy_scale")
    return pl.DataFrame([row], schema_overrides=dict.fromkeys(nullable, pl.Float64))


def crossed_rows(names: pl.DataFrame, bounds: IndexPortfolioSettings) -> list[Row]:
    """Return the stocks whose state overrides the stock band, as rows like those of elastic constraints."""
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
                STATE(state=name["state"]),
            )
        )
    return rows


def record_solve(
    portfolio: Portfolio,
    step: SolvedWeek,
    explanation: Explanation,
    week: dt.date,
    date: dt.date,
    settings: PortfoliosSettings,
) -> pl.DataFrame:
    """Return the row of solve.parquet: `solve_row` and the nested columns that explain it (NESTED)."""
    bounds: IndexPortfolioSettings = getattr(settings, portfolio.key)
    solution = step.solution
    solve = solve_row(portfolio, step, week, date, settings)
    nested = {
        "constraints": [
            *map(_row, solution.rows),
            *(_not_applied(name, reason) for name, reason in step.not_applied.items()),
        ],
        "relaxations": list(map(_row, [*solution.relaxations, *crossed_rows(step.names, bounds)])),
        "costs": list(map(vars, explanation.costs)),
        "binding_names": list(map(vars, explanation.names)),
        "conflicts": list(map(dataclasses.asdict, explanation.conflicts)),
        "attempts": list(map(vars, solution.attempts)),
    }
    return solve.with_columns(pl.Series(name, [rows], dtype=NESTED[name]) for name, rows in nested.items())


def _row(row: Row) -> dict[str, Any]:
    return {**vars(row), "forced_by": _text(row.forced_by)}


def _text(reason: Reason | None) -> str:
    return "" if reason is None else reason.dumps()


def _not_applied(name: str, reason: Reason) -> dict[str, Any]:
    """A constraint that was not applied, as a row without numbers."""
    return {"constraint": name, "group": NOT_APPLIED, "row": name, "forced_by": reason.dumps()}


def flat(solve: pl.DataFrame) -> pl.DataFrame:
    """Drop the nested columns; the checks are made on the rest."""
    return solve.drop(NESTED)


def unnest(solve: Mapping[str, Any], name: str) -> pl.DataFrame:
    """Return one nested column of a row of solve.parquet, such as `costs`, as a frame."""
    dtype = NESTED[name].inner
    assert isinstance(dtype, pl.Struct)
    return pl.DataFrame(solve[name], schema=dict(dtype))


def solve_notes(solve: pl.DataFrame) -> dict[str, Any]:
    """Return the manifest's notes of the week; reasons are JSON."""
    shown = (
        "status", "objective", "turnover", "holdings", "cash", "blocked_orders", "cut_orders",
        "benchmark_raw_sum", "benchmark_delisted", "benchmark_beijing", "benchmark_beijing_members",
    )  # fmt: skip
    row = solve.row(0, named=True)
    return {
        **{name: row[name] for name in shown},
        "reason": _json(row["reason"]),
        **{name: value for name, value in row.items() if name.startswith("benchmark_without")},
        "executed_turnover_bp": _basis_points(row["executed_turnover"]),
        "execution_cost_bp": _basis_points(row["execution_cost"]),
        "constraints_not_applied": {name: reason.to_json() for name, reason in not_applied(row).items()},
        "relaxed": [
            {**{name: one[name] for name in ("constraint", "row", "slack")}, "forced_by": _json(one["forced_by"])}
            for one in row["relaxations"]
        ],
        "conflicts": row["conflicts"],
    }


def _json(text: str) -> Any:
    return Reason.loads(text).to_json() if text else ""


def _basis_points(fraction: float | None) -> float | None:
    return None if fraction is None else 1e4 * fraction
