"""Markets with a feature that equals a future label, and trainings on them: a leak across a border shows as an advantage.

Prices are random walks, and half of a day's move is before its VWAP and half after. h-day returns are therefore independent unless
they share a day, and a network can only know the days after a border from data of those days.

Beside noise, every stock has one planted feature that is constant in time: the label of the first day after a border, which is not
known before the border. Training sees it together with labels that end before the border, and can only find a random relation of
either sign: over many markets the mean advantage is zero. If the days of the training reach across the border, labels and feature
share days, and the advantage is large.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Literal

import numpy as np
import polars as pl
import torch

from assets.models.device import repeatable
from assets.models.labels import make_labels
from assets.models.networks import build_network, pearson
from assets.models.panel import build_panel
from assets.models.training import make_samples, outputs, train_network
from assets.models.windows import TrainingWindow, days_needed, training_window
from resources.calendar import Calendar
from resources.settings.models import ModelSettings

Border = Literal["train → valid", "valid → signal day"]
NAMES = 40
SIGNAL_DAY = dt.date(2022, 6, 10)  # a Friday


def row_for(horizon: int) -> ModelSettings:
    """Settings of a small network on one day's features, whose response to the planted feature changes sign in few steps."""
    return ModelSettings(
        hidden=4, head=(4,), dropout=0.0, granularities=("daily",), sequence_days=1, horizon=horizon, train_days=2,
        valid_days=1, epochs=10, patience=10, learning_rate=0.05, batch_names=0, seeds=(0,), device="cpu", threads=1,
    )  # fmt: skip


def advantage(seed: int, border: Border, horizon: int, shift: int = 0) -> float:
    """Return the correlation, after a border, between a network's outputs and the label there, in one market.

    shift: the number of days by which training (or validation, at its border) reaches further than the purge allows.
    """
    rng, row = np.random.default_rng(seed), row_for(horizon)
    calendar = Calendar(_weekdays_around(before=days_needed(row), after=horizon + 1))  # up to the last price of a label
    days = calendar.days(calendar.first, calendar.last)
    window = training_window(calendar, calendar.week_of(SIGNAL_DAY), row, calendar.first)
    window = move(window, calendar, border, shift)
    at = {day: position for position, day in enumerate(days)}
    behind = window.first_valid if border == "train → valid" else window.signal_day
    prices, securities = _prices(rng, days)
    symbols = securities["symbol"].unique().sort().to_list()
    # The prices include those of later days: only the choice of days keeps them out of a training.
    labels = make_labels(
        prices.lazy(), securities.lazy(), price_days=days, days=days, symbols=symbols, settings=row
    )  # fmt: skip
    future = labels[at[behind]]
    features = securities.select("date", "symbol").with_columns(
        planted=pl.Series(np.tile(future, len(days)), dtype=pl.Float32),
        noise=pl.Series(rng.normal(size=securities.height), dtype=pl.Float32),
    )
    panel = build_panel(
        features.lazy(), securities.lazy(), days=days, granularity="daily", features=("planted", "noise"), clip=row.clip
    )
    samples = make_samples(panel, labels, row, torch.device("cpu"))
    train = samples.of(window.first_train, window.last_train)
    valid = samples.of(window.first_valid, window.last_valid)
    with repeatable():
        trained = train_network(train, valid, row, seed)
    if border == "train → valid":
        return trained.curve[-1].valid_ic  # of the last epoch, because the kept one was selected on these days
    return _signal_ic(trained.weights, samples.sequences(at[behind], torch.arange(NAMES)), future, row)


def move(window: TrainingWindow, calendar: Calendar, border: Border, shift: int) -> TrainingWindow:
    """The window with its training, or its validation, moved to `shift` days later."""

    def later(day: dt.date) -> dt.date:
        return calendar.offset(day, shift)

    if border == "train → valid":
        return dataclasses.replace(window, first_train=later(window.first_train), last_train=later(window.last_train))
    return dataclasses.replace(window, first_valid=later(window.first_valid), last_valid=later(window.last_valid))


def _weekdays_around(before: int, after: int) -> list[dt.date]:
    """`before` weekdays up to the signal day, and `after` more."""
    days = [SIGNAL_DAY + dt.timedelta(days=n) for n in range(-2 * before - 2, 2 * after + 3)]
    days = [day for day in days if day.weekday() < 5]
    at = days.index(SIGNAL_DAY)
    return days[at - before + 1 : at + after + 1]


def _prices(rng: np.random.Generator, days: list[dt.date]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """daily_prices and securities of stocks that trade on every day."""
    log_returns = 0.02 * rng.normal(size=(len(days), NAMES))
    close = 10 * np.exp(np.cumsum(log_returns, axis=0))
    frame = pl.DataFrame(
        {
            "date": np.repeat(np.array(days, dtype="datetime64[D]"), NAMES),
            "symbol": [f"{600000 + n}.SH" for n in range(NAMES)] * len(days),
            "pre_close": (close * np.exp(-log_returns)).ravel(),
            "close": close.ravel(),
            "volume": 100,
            "vwap": (close * np.exp(-log_returns / 2)).ravel(),
            "in_universe": True,
        }
    )
    return frame.drop("in_universe"), frame.select("date", "symbol", "in_universe")


def _signal_ic(weights: Mapping[str, torch.Tensor], x: torch.Tensor, y: np.ndarray, row: ModelSettings) -> float:
    network = build_network(row, x.shape[-1], seed=0)
    network.load_state_dict(dict(weights))
    return float(pearson(outputs(network, x, None, row), torch.from_numpy(y)))  # 0 if all outputs are equal
