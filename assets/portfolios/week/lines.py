"""Lines of robustness: the portfolios once more, on other scores and on other signal days, week by week.

What belongs here: which lines there are, what each reads and carries on. What does not: a week of a portfolio, which is the
portfolios' own (advance.py), what is stored (make_portfolio_lines.py), and statistics, which belong to the report.

A line of a score rebalances when the portfolios do. An offset path has a weekday of its own for a signal day: within a
calendar week it still drifts with its old target's holdings up to that day, and trades the new target on the day after,
also when that day belongs to the next week. Their mean is the mean of their columns day by day: equal
capital in each path, evened out daily, as overlapping portfolios are usually held (Jegadeesh and Titman 1993).
"""

import datetime as dt
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from assets.catalogue import Portfolio
from assets.models.offset_windows import path_day
from assets.portfolios.week.advance import PortfolioState, SolvedWeek, Tables, advance, carry
from assets.portfolios.week.alphas import mean_scores
from assets.portfolios.week.execution import DayReturn
from assets.portfolios.week.market import MINUTE_COLUMNS, minutes_of
from assets.portfolios.week.mergers import Exchange, exchange_shares
from resources.calendar import Calendar
from resources.partition import Frames, Partition
from resources.reasons import Reason, Reasons
from resources.rulebook import Rulebook
from resources.settings.lines import LinesSettings, Weekday, keys_of, line_name
from resources.settings.portfolios import PortfoliosSettings


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
            return frames["minute_bars"].filter(pl.col("date") == day).select(MINUTE_COLUMNS).collect()

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
        self, day: dt.date, line: Line, state: PortfolioState | None, trade_day: dt.date | None, *, scored: bool
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


def line_week(
    portfolio: Portfolio,
    line: Line,
    known: tuple[dt.date, PortfolioState] | None,
    inputs: Inputs,
    settings: PortfoliosSettings,
    unavailable: Reasons,
) -> tuple[SolvedWeek, list[DayReturn]] | Reason:
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
