"""The make function of the table `portfolio_lines`: it reads the rows and states of each line, and stores the results.

This module does not hold the week of a line (lines.py) or statistics (the report).
"""

import datetime as dt
import io
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from assets.catalogue import PORTFOLIOS, Portfolio
from assets.portfolios.reasons import NO_LINES
from assets.portfolios.schemas import LINE_SOLVES, LINE_STATES, PORTFOLIO_LINES
from assets.portfolios.week.advance import PortfolioState, SolvedWeek
from assets.portfolios.week.execution import DayReturn
from assets.portfolios.week.lines import Inputs, Line, line_week, lines_of
from assets.portfolios.week.returns import benchmark_returns
from resources.made import Made
from resources.parquet import encode
from resources.partition import Files, Frames, Partition
from resources.reasons import Reason
from resources.settings.portfolios import PortfoliosSettings

MEAN = "mean of weekdays"
STATES, SOLVES = "states.parquet", "solves.parquet"


def make_portfolio_lines(frames: Frames, partition: Partition, settings: Mapping[str, Any]) -> Made:
    """Make the daily returns of every line of both portfolios on the week's trading days; empty if no line is set.

    settings: the sections `lines` and `portfolios`. The previous week's states.parquet holds the states from which the lines
    continue. The side files are states.parquet and solves.parquet. A line that cannot be built yet is n/a, with the reason.
    Raises as `advance` and `mean_scores`.
    """
    week, calendar, unavailable = partition.week, partition.calendar, partition.unavailable
    portfolios: PortfoliosSettings = settings["portfolios"]
    lines = lines_of(settings["lines"], portfolios)
    if not lines:
        return Made(pl.DataFrame(schema=PORTFOLIO_LINES), notes={"lines": NO_LINES().to_json()})
    begun = week > calendar.week_of(partition.start)
    before = _states(partition.files, calendar.offset_week(week, -1)) if begun else {}
    inputs = Inputs.of(frames, partition, portfolios.merger_growth_band)
    rows, solves, states, reasons = [], [], [], {}
    for portfolio in PORTFOLIOS:
        returned: dict[str, list[DayReturn]] = {}
        for line in lines:
            own = portfolios.model_copy(update={"alpha": line.alphas})
            known = before.get((portfolio.key, line.name))
            day = line.day(calendar, week)
            known_reasons = unavailable
            if day != calendar.signal_day(week):
                known_reasons = {**unavailable, "scores": unavailable.get("offset_scores", {})}
            found = line_week(portfolio, line, known, inputs, own, known_reasons)
            if isinstance(found, Reason):
                reasons[f"{portfolio.key}: {line.name}"] = found
                continue
            step, returned[line.name] = found
            solves.append({"portfolio": portfolio.key, "line": line.name, "date": day, **_solve(step)})
            states.append(_state_frame(portfolio, line, day, step.state))
        frame = _frame(returned, portfolio)
        paths = [line.name for line in lines if line.weekday is not None]
        if len(paths) > 1:
            frame = pl.concat([frame, _mean(frame, paths)])
        days = frame["date"].unique().sort().to_list()
        benchmark, _ = benchmark_returns(
            portfolio, inputs.indices, inputs.prices.lazy(), inputs.securities.lazy(), days, calendar, portfolios
        )
        rows.append(
            frame.join(
                pl.DataFrame({"date": days, "benchmark": benchmark}, schema={"date": pl.Date, "benchmark": pl.Float64}),
                on="date",
                how="left",
            )
        )
    solved = pl.DataFrame(solves, schema=LINE_SOLVES)
    table = pl.concat(rows).select(pl.lit(week).alias("week"), *(c for c in PORTFOLIO_LINES if c != "week"))
    carried = pl.concat(states) if states else pl.DataFrame(schema=LINE_STATES)
    return Made(
        table,
        profile=pl.concat([table, solved.with_columns(pl.col("line") + ": rebalance")], how="diagonal"),
        files={STATES: encode(carried), SOLVES: encode(solved)},
        unavailable=reasons,
        notes={"lines": len(lines), "relaxed": int((solved["status"] == "relaxed").sum())},
    )


def _solve(step: SolvedWeek) -> dict[str, Any]:
    solution = step.solution
    failed = solution.status == "failed"
    return {
        "status": solution.status,
        "objective": None if failed else solution.objective,
        "planned_turnover": None if failed else solution.turnover,
        "residual": None if failed else solution.residual,
        "duality_gap": None if failed else solution.duality_gap,
        "relaxed": float(sum(row.slack for row in solution.relaxations)),
    }


def _frame(returned: Mapping[str, Sequence[DayReturn]], portfolio: Portfolio) -> pl.DataFrame:
    schema = {name: dtype for name, dtype in PORTFOLIO_LINES.items() if name not in ("week", "benchmark")}
    rows = [
        (day.date, portfolio.key, name, day.gross, day.cost, day.net, day.turnover)
        for name, days in returned.items()
        for day in days
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _mean(frame: pl.DataFrame, paths: Sequence[str]) -> pl.DataFrame:
    """The mean of the paths on the days on which all of them have a return."""
    return (
        frame.filter(pl.col("line").is_in(paths))
        .group_by("date", "portfolio")
        .agg(pl.col("gross", "cost", "net", "turnover").mean(), all=pl.len() == len(paths))
        .filter("all")
        .with_columns(line=pl.lit(MEAN))
        .select(frame.columns)
    )


def _state_frame(portfolio: Portfolio, line: Line, day: dt.date, state: PortfolioState) -> pl.DataFrame:
    names = {
        "symbol": state.symbols.tolist(),
        "holding": state.holdings,
        "target": [None] * len(state.symbols) if state.target is None else state.target,
        "upper": state.upper,
        "state": state.states,
    }
    same = {"portfolio": portfolio.key, "line": line.name, "date": day, "cash": state.cash, "nav": state.nav}
    frame = pl.DataFrame(names, schema={name: LINE_STATES[name] for name in names})
    return frame.select(
        (pl.lit(same[name], dtype) if name in same else pl.col(name)).alias(name) for name, dtype in LINE_STATES.items()
    )


def _states(files: Files, week: dt.date) -> dict[tuple[str, str], tuple[dt.date, PortfolioState]]:
    """(portfolio, line) → its last signal day and its state on that day."""
    frame = pl.read_parquet(io.BytesIO(files("portfolio_lines", week, STATES)))
    found = {}
    for (portfolio, line), own in frame.group_by("portfolio", "line"):
        own = own.sort("symbol")
        state = PortfolioState(
            own["symbol"].to_numpy().astype(str),
            own["holding"].to_numpy(),
            own["cash"][0],
            own["nav"][0],
            None if own["target"].null_count() else own["target"].to_numpy(),
            own["upper"].to_numpy(),
            own["state"].to_numpy().astype(str),
        )
        found[str(portfolio), str(line)] = (own["date"][0], state)
    return found
