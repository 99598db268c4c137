"""Small random markets for the tests of this stage."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import pytest

from assets.models.panel import FeaturePanel
from resources.calendar import Calendar
from resources.settings.models import ModelSettings

BARS = (570, 600, 630, 660, 780, 810, 840, 870)


def weekdays(count: int, first: dt.date = dt.date(2022, 1, 3)) -> list[dt.date]:
    days = [first + dt.timedelta(days=n) for n in range(2 * count)]
    return [day for day in days if day.weekday() < 5][:count]


@dataclass
class Market:
    """Frames like those of the upstream tables, over all trading days of `calendar` from `days[0]` to `days[-1]`."""

    calendar: Calendar
    days: list[dt.date]
    bar_features: pl.DataFrame
    daily_prices: pl.DataFrame
    securities: pl.DataFrame
    styles: pl.DataFrame

    def until(self, day: dt.date) -> "Market":
        cut = {
            name: getattr(self, name).filter(pl.col("date") <= day)
            for name in ("bar_features", "daily_prices", "securities", "styles")
        }
        return replace(self, **cut)


@pytest.fixture
def make_market() -> Callable[..., Market]:
    def make(
        *,
        seed: int = 0,
        days: int = 45,
        names: int = 30,
        features: tuple[str, ...] = ("a", "b", "c"),
        bars: tuple[int, ...] = BARS,
        signal: float = 0.0,
        suspended: float = 0.05,
        missing: float = 0.03,
    ) -> Market:
        """iid returns; with `signal`, the first feature of a day is correlated with the return from the next VWAP on."""
        rng = np.random.default_rng(seed)
        calendar = Calendar(weekdays(days + 20))
        dates = calendar.days(calendar.first, calendar.last)[:days]
        symbols = [f"{600000 + n}.SH" for n in range(names)]
        drift = rng.normal(0, 1, (days + 10, names))
        returns = 0.02 * rng.normal(0, 1, (days, names))
        for lag in range(2, 7):
            returns[lag:] += signal * 0.01 * drift[: max(days - lag, 0)]
        traded = rng.random((days, names)) >= suspended
        close = 10 * np.exp(np.cumsum(np.where(traded, returns, 0), axis=0))
        prices, listings, bar_rows, style_rows = [], [], [], []
        for d, day in enumerate(dates):
            for n, symbol in enumerate(symbols):
                listings.append((day, symbol, bool(traded[d, n] and (n + d) % 17)))
                # Styles of different kinds, null for one stock in ten.
                style_rows.append((day, symbol, f"I{n % 4}", 1e9 * (n + 1), *rng.normal(0, 1, 3)))
                if not traded[d, n]:
                    continue
                pre_close = close[d, n] / np.exp(returns[d, n])
                vwap = pre_close * np.exp(rng.uniform(0, 1) * returns[d, n])
                volume = int(rng.integers(1, 1000)) * 100
                prices.append((day, symbol, pre_close, close[d, n], volume, vwap * volume, vwap))
                for bar in bars:
                    values = rng.normal(0, 1, len(features)) * 10.0 ** (np.arange(len(features)) % 5)
                    values[0] += drift[d, n]
                    values[rng.random(len(features)) < missing] = np.nan
                    bar_rows.append((day, symbol, 30, bar, *values))
        keys = {"date": pl.Date, "symbol": pl.String}
        return Market(
            calendar,
            dates,
            pl.DataFrame(
                bar_rows,
                schema=keys | {"granularity": pl.Int32, "bar": pl.Int32} | dict.fromkeys(features, pl.Float32),
                orient="row",
            ).with_columns(pl.col(features).fill_nan(None)),
            pl.DataFrame(
                prices,
                schema=keys
                | {"pre_close": pl.Float64, "close": pl.Float64, "volume": pl.Int64, "amount": pl.Float64}
                | {"vwap": pl.Float64},
                orient="row",
            ),
            pl.DataFrame(listings, schema=keys | {"in_universe": pl.Boolean}, orient="row"),
            pl.DataFrame(
                style_rows,
                schema=keys
                | {"industry": pl.String, "total_mv": pl.Float64}
                | dict.fromkeys(("size", "turnover", "reversal"), pl.Float64),
                orient="row",
            ),
        )

    return make


@pytest.fixture
def plain_panel() -> Callable[..., FeaturePanel]:
    """A panel of given values [day, bar, stock, feature], in which every stock is in U(t) and complete."""

    def make(values: np.ndarray) -> FeaturePanel:
        days, bars, stocks, features = values.shape
        whole = np.ones((days, stocks), dtype=bool)
        return FeaturePanel(
            tuple(weekdays(days)),
            tuple(f"{600000 + n}.SH" for n in range(stocks)),
            tuple(f"f{n}" for n in range(features)),
            (),
            values.astype(np.float32),
            whole,
            np.full((days, stocks), bars * features),
            np.full(days, bars * features),
            whole,
        )

    return make


@pytest.fixture
def small() -> ModelSettings:
    """Settings with small windows and networks."""
    return ModelSettings(
        hidden=8,
        sequence_days=3,
        horizon=2,
        train_days=8,
        valid_days=3,
        epochs=3,
        seeds=(0, 1),
        device="cpu",
        threads=1,
    )


@pytest.fixture(autouse=True)
def _one_thread():
    """One thread: with small matrices on a shared machine a second thread waits more than it works."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
