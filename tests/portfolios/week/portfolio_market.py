"""A small random market with one index, as the tables a week of a portfolio reads."""

import dataclasses
import datetime as dt
import io

import numpy as np
import polars as pl

from assets.bars.schemas import MINUTE_BARS
from assets.portfolios.schemas import PORTFOLIO
from assets.portfolios.week.make_portfolio import make_portfolio
from assets.portfolios.week.make_portfolio_returns import make_portfolio_returns
from resources.calendar import Calendar
from resources.code_changes import Change
from resources.made import Made
from resources.settings.portfolios import IndexPortfolioSettings, PortfoliosSettings
from tests.making import run_make
from tests.portfolios.problem.portfolio_problems import STYLES
from tests.reasons import to_reasons

FIRST = dt.date(2023, 6, 5)
CALENDAR = Calendar([d for k in range(40) if (d := FIRST + dt.timedelta(days=k)).weekday() < 5])
BOUNDS = IndexPortfolioSettings(stock_deviation=0.08, turnover=0.6, style_exposure=1.0)
SETTINGS = PortfoliosSettings(alpha="skewness", csi500=BOUNDS, csi1000=BOUNDS, benchmark_max_age=30)
WEEKS = CALENDAR.weeks(FIRST, dt.date(2023, 7, 10))


class Market:
    """60 stocks, of which 40 are members; a test may edit every frame before weeks are made."""

    def __init__(self, seed: int = 0, n: int = 60, members: int = 40):
        rng = np.random.default_rng(seed)
        self.symbols = [f"{600000 + k}.SH" for k in range(n)]
        days = CALENDAR.days(CALENDAR.first, CALENDAR.last)
        rows = []
        for day in days:
            for symbol in self.symbols:
                pre_close = float(np.round(rng.uniform(5, 50), 2))
                low, vwap, close, high = np.sort(rng.uniform(-0.05, 0.05, 4)) + 1
                if rng.random() < 0.04:
                    low = high = vwap = close = 1.1 if rng.random() < 0.5 else 0.9
                prices = {"low": low, "vwap": vwap, "close": close, "high": high}
                rows.append(
                    {
                        "date": day,
                        "symbol": symbol,
                        "pre_close": pre_close,
                        **{name: float(ratio * pre_close) for name, ratio in prices.items()},
                        "volume": 1000,
                        "limit_up": pre_close * 1.1,
                        "limit_down": pre_close * 0.9,
                        "kept": bool(rng.random() < 0.95),
                    }
                )
        every = pl.DataFrame(rows)
        self.prices = every.filter("kept").drop("kept")
        # Sorted by symbol, so that industries have members of every kind.
        industry = {s: f"I{k % 3}" for k, s in enumerate(self.symbols)}
        self.securities = every.select(
            "date",
            "symbol",
            pl.when("kept").then("limit_up").alias("limit_up"),
            pl.when("kept").then("limit_down").alias("limit_down"),
            pl.lit(500).alias("listed_days"),
            pl.lit(False).alias("is_st"),
            pl.col("symbol").replace_strict(industry).alias("industry"),
            traded="kept",
        )
        weights = rng.dirichlet(np.full(members, 5.0))
        vector = pl.DataFrame({"symbol": self.symbols[:members], "weight": weights}).with_columns(
            index=pl.lit("000905.SH"), published_date=pl.lit(CALENDAR.first)
        )
        closes = pl.DataFrame({"date": days, "index_close": 6000 * np.exp(np.cumsum(rng.normal(0, 0.01, len(days))))})
        self.indices = closes.join(vector, how="cross")
        scored = pl.DataFrame({"date": days}).join(pl.DataFrame({"symbol": self.symbols}), how="cross")
        columns = {style: rng.normal(size=scored.height) for style in STYLES}
        worth = {symbol: 2e9 * 1.7 ** (k * 7 % 13) for k, symbol in enumerate(self.symbols)}
        known = self.securities.select("date", "symbol", "industry", in_universe=pl.col("traded") & ~pl.col("is_st"))
        self.styles = (
            scored.with_columns(**{name: pl.Series(z) for name, z in columns.items()})
            .join(known, on=["date", "symbol"], how="left", maintain_order="left")
            .with_columns(total_mv=pl.col("symbol").replace_strict(worth))
        )
        self.factors = scored.with_columns(factor=pl.lit("skewness"), value=pl.Series(rng.normal(size=scored.height)))
        self.scores = self.factors.clear()
        self.minute_bars = pl.DataFrame(schema=MINUTE_BARS)
        self.unavailable: dict[str, dict[str, str]] = {}
        self.made: dict[dt.date, Made] = {}
        self.mergers: list[Change] = []
        self.listings: pl.DataFrame | None = None  # securities as the returns read them

    def week(self, week: dt.date, settings: PortfoliosSettings = SETTINGS, table: str = "csi500_portfolio") -> Made:
        """Make one week from the market and from the previous week, if that was made."""
        date, days = CALENDAR.signal_day(week), CALENDAR.week_days(week)
        before = self.made.get(CALENDAR.offset_week(week, -1)) if week != WEEKS[0] else None
        made = run_make(
            make_portfolio,
            table=table,
            **{table: before.frame if before else pl.DataFrame(schema=PORTFOLIO)},
            scores=self.scores.filter(pl.col("date") == date),
            factors=self.factors.filter(pl.col("date") == date),
            styles=self.styles.filter(pl.col("date") == date),
            daily_prices=self.prices.filter(pl.col("date") <= date),
            securities=self.securities.filter(pl.col("date") <= date),
            indices=self.indices.filter(pl.col("date") == date),
            minute_bars=self.minute_bars.filter(pl.col("date") == days[0]),
            week=week,
            date=date,
            calendar=CALENDAR,
            files=lambda table, partition, name: self.made[partition].files[name],
            unavailable=to_reasons(self.unavailable),
            settings=settings,
            mergers=[one for one in self.mergers if one.date <= date],
        )
        frame = made.frame.select(pl.col(name).cast(dtype) for name, dtype in PORTFOLIO.items()).sort("symbol")
        self.made[week] = dataclasses.replace(made, frame=frame)
        return self.made[week]

    def _every_name(self, days: list[dt.date]) -> pl.DataFrame:
        """Listings with every stock of the market on each of these days."""
        return pl.DataFrame({"date": days}).join(pl.DataFrame({"symbol": self.symbols}), how="cross")

    def returns(self, week: dt.date) -> Made:
        days = CALENDAR.week_days(week)
        back = [] if days[0] == CALENDAR.first else [CALENDAR.previous_day(days[0])]
        return run_make(
            make_portfolio_returns,
            csi500_portfolio=self.made[week].frame,
            csi1000_portfolio=pl.DataFrame(schema=PORTFOLIO),
            daily_prices=self.prices.filter(pl.col("date") <= days[-1]),
            indices=self.indices.filter(pl.col("date").is_in([*back, *days])),
            week=week,
            calendar=CALENDAR,
            files=lambda table, partition, name: self.made[partition].files[name],
            unavailable=to_reasons({"csi1000_portfolio": {"weight": "no weights"}}),
            settings=SETTINGS,
            securities=self._every_name([*back, *days]) if self.listings is None else self.listings,
        )


def file(made: Made, name: str) -> pl.DataFrame:
    return pl.read_parquet(io.BytesIO(made.files[name]))


def solve_of(made: Made) -> dict:
    return file(made, "solve.parquet").row(0, named=True)
