"""Lines of robustness: the portfolios on other scores and on other signal days, week by week.

This module holds which lines there are, what each one reads, and the state that it passes to the next week. It does not hold a
portfolio's week (advance.py), what is stored (make_portfolio_lines.py), or statistics (the report).

A line of a score is rebalanced together with the portfolios. An offset path has its own weekday as the signal day: within a
calendar week its previous holdings drift up to that day, and the new target is traded on the next trading day, which may be in the
next week. The mean of the paths is the daily mean of their columns, which is equal capital in each path, rebalanced daily, as is
usual for overlapping portfolios (Jegadeesh and Titman 1993).
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
from assets.portfolios.week.mergers import ShareExchange, exchange_shares
from resources.calendar import Calendar
from resources.partition import Frames, Partition
from resources.reasons import Reason, Reasons
from resources.rulebook import Rulebook
from resources.settings.lines import LinesSettings, Weekday, keys_of, line_name
from resources.settings.portfolios import PortfoliosSettings


@dataclass(frozen=True)
class Line:
    """One line.

    name: as in the table. alphas: the keys of the scores whose mean is μ. weekday: of the signal day; None for the portfolios'
    signal day. setting: the setting that contains `alphas`, for error messages.
    """

    name: str
    alphas: tuple[str, ...]
    weekday: Weekday | None = None
    setting: str = "lines.alphas"

    def day(self, calendar: Calendar, week: dt.date) -> dt.date:
        """Return the line's signal day in a week."""
        return calendar.signal_day(week) if self.weekday is None else path_day(calendar, week, self.weekday)


def lines_of(lines: LinesSettings, portfolios: PortfoliosSettings) -> list[Line]:
    """Return the lines that the settings define, without the mean of the weekdays."""
    scores = [Line(line_name(keys := keys_of(alpha)), keys) for alpha in lines.alphas]
    return scores + [Line(day, portfolios.alphas, day, "portfolios.alpha") for day in lines.weekdays]


@dataclass(frozen=True, eq=False)
class Inputs:
    """The rows that one week reads for all lines; `until` selects those that a line may know."""

    calendar: Calendar
    week: dt.date
    scores: pl.LazyFrame
    factors: pl.LazyFrame
    styles: pl.LazyFrame
    prices: pl.DataFrame
    securities: pl.DataFrame
    indices: pl.DataFrame
    minutes: Callable[[dt.date], pl.DataFrame]  # bars of a trade day, which several lines share
    exchanges: tuple[ShareExchange, ...]
    rules: Rulebook

    @classmethod
    def of(cls, frames: Frames, partition: Partition, merger_growth_band: tuple[float, float]) -> "Inputs":
        """Create the inputs from a partition, with shares exchanged in mergers.

        merger_growth_band: `portfolios.merger_growth_band`. Raises InputError as `exchange_shares`.
        """

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
        """Select the rows known at the close of `day`.

        state, trade_day: the state before it and the day on which its target is traded, whose minute bars are read; None
        for none. scored: whether the line is rebalanced on `day`, so that its score is read.
        """
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
    """Compute one line's week: `advance` to its signal day, then the days after it, on the first of which the target is traded.

    known: last signal day and state; None before the line's first build. unavailable: as for `advance`. Returns the solved week
    and the returns of the week's days, or the reason why the line cannot be built yet. Raises as `advance`.
    """
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
