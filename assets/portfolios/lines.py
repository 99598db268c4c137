"""Lines of robustness: the portfolios once more, on other scores and on other signal days, week by week.

What belongs here: which lines there are, what each reads and carries on. What does not: a week of a portfolio, which is the
portfolios' own (week.py), and statistics, which belong to the report.

A line of a score rebalances when the portfolios do. An offset path has a weekday of its own for a signal day: within a
calendar week it still drifts with its old target's holdings up to that day, and trades the new target on the day after,
also when that day belongs to the next week. Their mean, `MEAN`, is the mean of their columns day by day: equal
capital in each path, evened out daily, as overlapping portfolios are usually held (Jegadeesh and Titman 1993).
"""

import datetime as dt
import functools
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from assets.catalogue import PORTFOLIOS, Portfolio
from assets.models.offset_windows import path_day
from assets.portfolios.execution import DayReturn
from assets.portfolios.make import MINUTES, benchmark_returns, mean_scores, minutes_of
from assets.portfolios.mergers import Exchange, exchange_shares
from assets.portfolios.schemas import LINE_SOLVES, LINE_STATES, PORTFOLIO_LINES
from assets.portfolios.week import State, Tables, Week, advance, carry
from resources.calendar import Calendar
from resources.made import Made
from resources.parquet import encode
from resources.partition import Files, Frames, Partition
from resources.reasons import Reason, Reasons
from resources.rulebook import Rulebook
from resources.settings.lines import LinesSettings, Weekday, keys_of, line_name
from resources.settings.portfolios import PortfoliosSettings

MEAN = "mean of weekdays"
STATES, SOLVES = "states.parquet", "solves.parquet"


@dataclass(frozen=True)
class Line:
    """name: as in the table. alphas: the keys whose mean is μ. weekday: of the signal day; None: the portfolios' own."""

    name: str
    alphas: tuple[str, ...]
    weekday: Weekday | None = None
    setting: str = "lines.alphas"

    def day(self, calendar: Calendar, week: dt.date) -> dt.date:
        """The signal day in a week."""
        return calendar.signal_day(week) if self.weekday is None else path_day(calendar, week, self.weekday)


def lines_of(lines: LinesSettings, portfolios: PortfoliosSettings) -> list[Line]:
    """The lines that the settings name, without the mean."""
    scores = [Line(line_name(keys := keys_of(alpha)), keys) for alpha in lines.alphas]
    return scores + [Line(day, portfolios.alphas, day, "portfolios.alpha") for day in lines.weekdays]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What one week reads; rows of other days than a line may know are cut off before use."""

    calendar: Calendar
    week: dt.date
    scores: pl.LazyFrame
    factors: pl.LazyFrame
    styles: pl.LazyFrame
    prices: pl.DataFrame
    securities: pl.DataFrame
    indices: pl.DataFrame
    minutes: Callable[[dt.date], pl.DataFrame]  # bars of a trade day, which several lines share
    exchanges: tuple[Exchange, ...]
    rules: Rulebook

    @classmethod
    def of(cls, frames: Frames, partition: Partition, merger_growth_band: tuple[float, float]) -> "Inputs":
        """Those of a partition: scores and prices of all lines, with shares exchanged in mergers."""

        @functools.cache
        def minutes(day: dt.date) -> pl.DataFrame:
            return frames["minute_bars"].filter(pl.col("date") == day).select(MINUTES).collect()

        prices, listings, exchanges = exchange_shares(
            partition.mergers,
            frames["daily_prices"]
            .select("date", "symbol", "pre_close", "low", "high", "close", "volume", "vwap")
            .collect(),
            frames["securities"].collect(),
            merger_growth_band,
        )
        return cls(
            calendar=partition.calendar,
            week=partition.week,
            scores=pl.concat([frames["scores"], frames["offset_scores"]]),
            factors=frames["factors"],
            styles=frames["styles"],
            prices=prices,
            securities=listings,
            indices=frames["indices"].collect(),
            minutes=minutes,
            exchanges=exchanges,
            rules=partition.rules,
        )

    def until(
        self, day: dt.date, line: Line, state: State | None, trade_day: dt.date | None, *, scored: bool
    ) -> Tables:
        """What is known at the close of `day`; the score and styles only where the line rebalances there."""
        alpha = mean_scores(self.scores, self.factors, line.alphas, day, line.setting) if scored else pl.DataFrame()
        held = None if state is None or trade_day is None else self.minutes(trade_day).lazy()
        return Tables(
            alpha,
            self.styles.filter(pl.col("date") == day).collect(),
            self.prices.filter(pl.col("date") <= day),
            self.securities.filter(pl.col("date") <= day),
            self.indices.filter(pl.col("date") == day),
            None if state is None or held is None else minutes_of(held, state.symbols.tolist()),
            self.exchanges,
            self.rules,
        )


def make_portfolio_lines(frames: Frames, partition: Partition, settings: Mapping[str, Any]) -> Made:
    """Daily returns of every line of both portfolios on the week's trading days; empty where none is set.

    settings: the sections lines and portfolios. Of the week before states.parquet is read, which is what is carried on.
    Beside the rows: states.parquet and solves.parquet. A line that has not begun is n/a, with the reason.
    """
    week, calendar, unavailable = partition.week, partition.calendar, partition.unavailable
    portfolios: PortfoliosSettings = settings["portfolios"]
    lines = lines_of(settings["lines"], portfolios)
    if not lines:
        return Made(pl.DataFrame(schema=PORTFOLIO_LINES), notes={"lines": "none set (lines.alphas, lines.weekdays)"})
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
            told = unavailable
            if day != calendar.signal_day(week):
                told = {**unavailable, "scores": unavailable.get("offset_scores", {})}
            found = _week_of(portfolio, line, known, inputs, own, told)
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


def _week_of(
    portfolio: Portfolio,
    line: Line,
    known: tuple[dt.date, State] | None,
    inputs: Inputs,
    settings: PortfoliosSettings,
    unavailable: Reasons,
) -> tuple[Week, list[DayReturn]] | Reason:
    """One line's week: up to its signal day as `advance` does it, then the new target's first days where the week has any."""
    last, state = known if known is not None else (None, None)
    calendar, week = inputs.calendar, inputs.week
    day, days = line.day(calendar, week), calendar.week_days(week)
    since = [one for one in days if one <= day] if last is None else calendar.days(calendar.next_day(last), day)
    tables = inputs.until(day, line, state, since[0], scored=True)
    step = advance(portfolio, state, tables, since, calendar, settings, unavailable)
    if isinstance(step, Reason):
        return step
    rest = [one for one in days if one > day]
    after: Sequence[DayReturn] = ()
    if rest:
        later = inputs.until(rest[-1], line, step.state, rest[0], scored=False)
        after = carry(step.state, later, rest, settings)[1].days
    return step, [one for one in (*step.held.days, *after) if one.date >= days[0]]


def _solve(step: Week) -> dict[str, Any]:
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
    """The paths' mean on the days that all of them have."""
    return (
        frame.filter(pl.col("line").is_in(paths))
        .group_by("date", "portfolio")
        .agg(pl.col("gross", "cost", "net", "turnover").mean(), all=pl.len() == len(paths))
        .filter("all")
        .with_columns(line=pl.lit(MEAN))
        .select(frame.columns)
    )


def _state_frame(portfolio: Portfolio, line: Line, day: dt.date, state: State) -> pl.DataFrame:
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


def _states(files: Files, week: dt.date) -> dict[tuple[str, str], tuple[dt.date, State]]:
    """(portfolio, line) → its last signal day and what it carried on from there."""
    frame = pl.read_parquet(io.BytesIO(files("portfolio_lines", week, STATES)))
    found = {}
    for (portfolio, line), own in frame.group_by("portfolio", "line"):
        own = own.sort("symbol")
        state = State(
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
