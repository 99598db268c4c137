"""A random market of any size, day by day, as the tables that a week of a portfolio reads; and single random rebalances.

This module draws numbers for benchmarks/portfolio.py quickly. They have no meaning; sample_market holds a simulated market.
"""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.catalogue import Portfolio
from assets.portfolios.problem.constraints import FREE, Problem, bound_names
from resources.calendar import Calendar
from resources.settings.portfolios import IndexPortfolioSettings

STYLES = ("size", "mid_cap", "turnover", "reversal", "volatility", "value", "profitability", "growth")
INDUSTRIES = 31
RANKS = {"csi500": (300, 800), "csi1000": (800, 1800)}  # by capitalisation, at each review
CRASH = (75, 90)  # weeks in which a third of the market stops trading, as in the summer of 2015


def rebalance(seed: int, names: int, bounds: IndexPortfolioSettings, members: int = 500, held: int = 300) -> Problem:
    """Draw one rebalance with suspended, unscored and held stocks, which is feasible without relaxation."""
    rng = np.random.default_rng(seed)
    benchmark, drifted = np.zeros(names), np.zeros(names)
    benchmark[rng.choice(names, members, replace=False)] = rng.dirichlet(np.full(members, 3.0))
    drifted[rng.choice(names, held, replace=False)] = rng.dirichlet(np.full(held, 5.0)) * 0.999
    frozen, unbuyable = rng.random(names) < 0.02, rng.random(names) < 0.15
    limits = bound_names(
        benchmark, drifted, deviation=bounds.stock_deviation, frozen=frozen, unbuyable=unbuyable,
        excluded=np.zeros(names, dtype=bool),
    )  # fmt: skip
    return Problem(
        symbols=np.array([f"{k:06d}.SZ" for k in range(names)]),
        mu=np.where(frozen | unbuyable, 0.0, rng.normal(size=names)),
        benchmark=benchmark,
        drifted=drifted,
        cash=0.001,
        lower=limits.lower,
        upper=limits.upper,
        free_lower=limits.free_lower,
        free_upper=limits.free_upper,
        state=np.where(frozen, "suspended", np.where(unbuyable, "no_score", FREE)),
        industry=np.array([f"I{k:02d}" for k in rng.integers(0, INDUSTRIES, names)]),
        styles={style: rng.normal(size=names) for style in STYLES},
    )


@dataclass(frozen=True)
class MarketDay:
    """One day's daily_prices (stocks that traded) and securities (all stocks)."""

    date: dt.date
    prices: pl.DataFrame
    securities: pl.DataFrame


@dataclass(frozen=True)
class WeekTables:
    """The tables that a week's portfolio reads besides itself; prices start when the benchmark weights were published."""

    week: dt.date
    date: dt.date
    scores: pl.DataFrame
    styles: pl.DataFrame
    prices: pl.DataFrame
    securities: pl.DataFrame
    indices: pl.DataFrame


class Market:
    """`names` listed stocks with industries, styles that decay, scores, suspensions, ST, limits and one index."""

    def __init__(self, names: int, seed: int = 0):
        self.rng = np.random.default_rng(seed)
        self.symbols = np.array([f"{k:06d}.SZ" for k in range(names)])
        self.industry = np.array([f"I{k:02d}" for k in self.rng.integers(0, INDUSTRIES, names)])
        self.close = np.round(self.rng.lognormal(2.3, 0.6, names), 2)
        self.shares = self.rng.lognormal(20.0, 1.2, names).round()
        self.st = self.rng.random(names) < 0.03
        self.listed_days = self.rng.integers(1, 5000, names)
        self.suspended = self.rng.random(names) < 0.02
        self.value = self.close * self.shares  # grows with returns; indices rank by it
        self.styles = {style: self.rng.normal(size=names) for style in STYLES}
        self.score = self.rng.normal(size=names)

    def day(self, date: dt.date, stops: float = 0.004) -> MarketDay:
        """Draw the next trading day. stops: share of stocks that are suspended; one in twelve suspended stocks resumes."""
        rng, n = self.rng, len(self.symbols)
        self.suspended = np.where(self.suspended, rng.random(n) > 1 / 12, rng.random(n) < stops)
        moves = rng.normal(0.0003, 0.012) + rng.normal(0, 0.022, n)
        before = self.close
        cents = np.round(before * 100)
        up, down = np.floor(cents * 1.1 + 0.5) / 100, np.floor(cents * 0.9 + 0.5) / 100
        close = np.clip(np.round(before * np.exp(moves), 2), down, up)
        wide = np.abs(rng.normal(0, 0.008, (2, n)))
        wide[:, rng.random(n) < 0.003] = 0.0  # locked: a single price all day, at the limit
        locked = wide.sum(axis=0) == 0
        close = np.where(locked, np.where(moves > 0, up, down), close)
        first = np.where(locked, close, before)
        high = np.minimum(np.round(np.maximum(first, close) * (1 + wide[0]), 2), up)
        low = np.maximum(np.round(np.minimum(first, close) * (1 - wide[1]), 2), down)
        volume = np.maximum(100, self.shares * rng.lognormal(-4.6, 0.5, n)).astype(np.int64)
        vwap = (high + low + close) / 3
        traded = ~self.suspended
        self.listed_days = self.listed_days + 1
        prices = pl.DataFrame(
            {
                "date": np.full(n, date, dtype="datetime64[D]"),
                "symbol": self.symbols,
                "pre_close": before, "open": first, "high": high, "low": low, "close": close, "volume": volume,
                "amount": vwap * volume, "float_shares": self.shares.astype(np.int64), "vwap": vwap,
            }
        )  # fmt: skip
        securities = pl.DataFrame(
            {
                "date": np.full(n, date, dtype="datetime64[D]"),
                "symbol": self.symbols,
                "board": np.full(n, "main"),
                "listed_days": self.listed_days.astype(np.int32),
                "is_st": self.st,
                "traded": traded,
                "limit_up": up,
                "limit_down": down,
                "industry": self.industry,
            }
        )
        self.value = np.where(traded, self.value * close / before, self.value)
        self.close = np.where(traded, close, before)
        return MarketDay(date, prices.filter(pl.Series(traded)), securities)

    def weeks(
        self, portfolio: Portfolio, calendar: Calendar, first: dt.date, count: int, alpha: str
    ) -> Iterator[WeekTables]:
        """Yield `count` weeks from Monday `first`; weights are published at month ends, members change in June and December."""
        low, high = RANKS[portfolio.key]
        index, published, kept = pl.DataFrame(), dt.date.min, list[MarketDay]()
        members = np.argsort(-self.value)[low:high]
        for number, week in enumerate(calendar.weeks(first, first + dt.timedelta(weeks=2 * count))[:count]):
            stops, days = 0.06 if number in range(*CRASH) else 0.004, calendar.week_days(week)
            for date in days:
                kept.append(self.day(date, stops))
                if published == dt.date.min or calendar.is_last_of_month(date):
                    if date.month in (6, 12):
                        members = np.argsort(-self.value)[low:high]
                    weights = np.round(self.value[members] / self.value[members].sum(), 6)
                    index = pl.DataFrame({"symbol": self.symbols[members], "weight": weights})
                    published = date
            kept = [day for day in kept if day.date > published or day.date >= days[0]]
            self._move_styles()
            signal = pl.lit(days[-1]).alias("date")
            yield WeekTables(
                week,
                days[-1],
                self._by_name(signal, factor=np.full(len(self.symbols), alpha), value=self.score),
                self._by_name(signal, **self.styles),
                pl.concat([day.prices for day in kept]),
                pl.concat([day.securities for day in kept if day.date >= days[0]]),
                index.with_columns(
                    signal, index=pl.lit(portfolio.index), published_date=pl.lit(published), index_close=pl.lit(5000.0)
                ),
            )

    def _by_name(self, date: pl.Expr, **columns: NDArray[Any]) -> pl.DataFrame:
        return pl.DataFrame({"symbol": self.symbols, **columns}).with_columns(date)

    def _move_styles(self) -> None:
        """Move styles and scores by one week, with autocorrelations of 0.95 and 0.6; one stock in a hundred has no score."""
        n = len(self.symbols)
        for style, z in self.styles.items():
            self.styles[style] = 0.95 * z + (1 - 0.95**2) ** 0.5 * self.rng.normal(size=n)
        score = np.where(np.isnan(self.score), 0.0, self.score)
        self.score = 0.6 * score + 0.8 * self.rng.normal(size=n)
        self.score[self.rng.random(n) < 0.01] = np.nan
