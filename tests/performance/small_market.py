"""A random small market for the tests of this stage: prices with every kind of event, factors with ties. No assertion."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from assets import catalogue
from resources.calendar import Calendar
from resources.lookback import Lookback


@dataclass(frozen=True)
class SmallMarket:
    calendar: Calendar
    days: list[dt.date]
    daily_prices: pl.DataFrame
    securities: pl.DataFrame
    factors: pl.DataFrame
    scores: pl.DataFrame

    def cut(
        self, frame: pl.DataFrame, week: dt.date, over: Lookback[Any], column: str = "date", section: Any = None
    ) -> pl.LazyFrame:
        """The rows of the partitions that a look-back of the week names."""
        return frame.filter(pl.col(column).is_in(over.keys(self.calendar, week, section, self.days[0]))).lazy()


def make_market(
    seed: int, first: dt.date, last: dt.date, stocks: int = 30, ten: int = 2, models: int = 2, scored_from: int = 0
) -> SmallMarket:
    """Prices with suspensions, locks, a delisting, ex-rights days; values with nulls and ties; names outside U(t)."""
    rng = np.random.default_rng(seed)
    calendar = Calendar.xshg()
    days = calendar.days(first, last)
    symbols = [f"{number:06d}.{'SH' if number % 2 else 'SZ'}" for number in rng.permutation(stocks)]
    prices, names = [], []
    last_close = {symbol: float(np.round(rng.uniform(5, 50), 2)) for symbol in symbols}
    delisted = {symbols[0]: days[len(days) // 2]}
    for day in days:
        for symbol in symbols:
            traded = rng.random() > 0.08 and not (symbol in delisted and day >= delisted[symbol])
            names.append((day, symbol, traded and rng.random() > 0.1))
            if not traded:
                continue
            ex_rights = 0.5 if rng.random() < 0.01 else 1.0
            pre_close = round(last_close[symbol] * ex_rights, 2)
            up, down = round(pre_close * 1.1 + 1e-9, 2), round(pre_close * 0.9 + 1e-9, 2)
            kind = rng.random()
            if kind < 0.06:
                high = low = close = vwap = up
            elif kind < 0.12:
                high = low = close = vwap = down
            else:
                low, vwap, close, high = sorted(np.round(pre_close * rng.uniform(0.92, 1.08, 4), 2))
                if rng.random() < 0.5:
                    close, vwap = vwap, close
            prices.append((day, symbol, pre_close, float(high), float(low), float(close), 1000, float(vwap), up, down))
            last_close[symbol] = float(close)
    daily_prices = pl.DataFrame(
        prices,
        schema=["date", "symbol", "pre_close", "high", "low", "close", "volume", "vwap", "limit_up", "limit_down"],
        orient="row",
    )
    securities = pl.DataFrame(names, schema=["date", "symbol", "in_universe"], orient="row")

    def values(on: list[dt.date], keys: tuple[str, ...]) -> pl.DataFrame:
        rows = [
            (day, symbol, key, None if rng.random() < 0.05 else float(rng.integers(-6, 7)))
            for day in on
            for key in keys
            for symbol in symbols
        ]
        schema = {"date": pl.Date, "symbol": pl.String, "factor": pl.String, "value": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    month_ends = [day for day in calendar.month_signal_days(first, last) if day < days[-1]]
    week_ends = [day for day in days if calendar.is_last_of_week(day)][scored_from:]
    scores = values(week_ends, catalogue.MODELS[:models])
    scores = scores.with_columns(pl.col("date").dt.truncate("1w").alias("week"))
    return SmallMarket(calendar, days, daily_prices, securities, values(month_ends, catalogue.TEN[:ten]), scores)
