"""Tests that a model does not use later data: in its inputs, across the borders of its window, and in its bytes."""

import numpy as np
import polars as pl
import pytest

from assets.features.names import BAR_FEATURES
from resources.lookback import same
from tests.models.model_lake import BARS, TABLES, Lake, short_settings, widen
from tests.models.planted import advantage

TRAIN, SIGNAL = "train → valid", "valid → signal day"


# --- planted futures -----------------------------------------------------------------------------------------------------


def t_statistic(border, horizon, shift, markets):
    found = np.array([advantage(seed, border, horizon, shift) for seed in range(markets)])
    return found.mean() / (found.std(ddof=1) / np.sqrt(len(found)))


@pytest.mark.parametrize(
    ("border", "horizon"),
    [
        pytest.param(TRAIN, 1, marks=pytest.mark.slow),
        (TRAIN, 5),
        (SIGNAL, 1),
        pytest.param(SIGNAL, 10, marks=pytest.mark.slow),
    ],
)
def test_a_feature_that_equals_a_future_label_has_no_advantage_across_a_border(border, horizon):
    assert abs(t_statistic(border, horizon, 0, markets=40)) < 3


@pytest.mark.parametrize(
    ("border", "horizon", "shift", "markets"),
    [
        pytest.param(TRAIN, 1, 1, 16, marks=pytest.mark.slow),
        (TRAIN, 5, 5, 16),
        pytest.param(SIGNAL, 1, 1, 60, marks=pytest.mark.slow),
        (SIGNAL, 10, 10, 40),
    ],
)
def test_the_same_feature_has_an_advantage_if_the_window_crosses_the_border(border, horizon, shift, markets):
    """The test above would fail if the purge were one day too short for a one-day label, or missing."""
    assert t_statistic(border, horizon, shift, markets) > 3


# --- whole weeks: inputs and results ------------------------------------------------------------------------------------


@pytest.fixture
def make_lake(make_market, tmp_path):
    def make(folder="lake", **changes):
        market = widen(make_market(days=35, features=BAR_FEATURES, bars=BARS, names=24))
        return Lake(market, short_settings(changes), tmp_path / folder)

    return make


def noise(frame: pl.DataFrame, signal_day, seed=7) -> pl.DataFrame:
    """The frame with every number, flag and industry of later days replaced."""
    rng = np.random.default_rng(seed)
    late = pl.col("date") > signal_day

    def other(name, dtype):
        if dtype.is_float():
            return pl.lit(pl.Series(rng.lognormal(0, 1, frame.height)))
        if dtype == pl.Boolean:
            return pl.lit(pl.Series(rng.random(frame.height) < 0.5))
        return pl.col(name).shuffle(seed) if name == "industry" else pl.col(name)

    return frame.with_columns(
        pl.when(late).then(other(name, dtype)).otherwise(name).cast(dtype).alias(name)
        for name, dtype in frame.schema.items()
    )


class WholeMarket(Lake):
    """A lake that hands out every day of the market, also undeclared ones, after `change`."""

    def __init__(self, lake, change):
        super().__init__(lake.market, lake.settings, lake.folder.with_name(change.__name__))
        self.change = change

    def read(self, table, name, week, section):
        signal_day = self.market.calendar.signal_day(week)
        frame = self.change(getattr(self.market, name), signal_day)
        one_day = table.read(name).over is same
        return frame.filter(pl.col("date") == signal_day).lazy() if one_day else frame.lazy()


class Without(Lake):
    """A lake that lacks one day of one input."""

    def __init__(self, lake, name, day):
        super().__init__(lake.market, lake.settings, lake.folder.with_name(f"{name}-{day}"))
        self.name, self.day = name, day

    def read(self, table, name, week, section):
        frame = super().read(table, name, week, section)
        return frame.filter(pl.col("date") != self.day) if name == self.name else frame


def cut(frame, signal_day):
    return frame.filter(pl.col("date") <= signal_day)


@pytest.mark.parametrize("model", ["gru_50_1", "residual_attention_lstm", "multi_granularity_5d"])
def test_models_and_scores_depend_only_on_the_declared_days(make_lake, model):
    """The bytes are equal with the declared partitions, the market up to the signal day, or all of it with later days replaced.

    So the declarations are complete, and nothing after the signal day is used.
    """
    declared = make_lake(epochs=1, seeds=(0,))
    weeks = declared.weeks[3:5]  # trained, carried forward
    declared.run(weeks, [model])
    for change in (cut, noise):
        other = WholeMarket(declared, change).run(weeks, [model])
        for week in weeks:
            made, expected = other.models[model, week], declared.models[model, week]
            assert made.files.keys() == expected.files.keys()
            for name, held in expected.files.items():
                assert made.files[name].split(b"\n") == held.split(b"\n"), change.__name__
            assert made.frame.equals(expected.frame)
            assert other.scored[week].frame.equals(declared.scored[week].frame)
            assert not declared.scored[week].frame.is_empty()


def test_the_first_and_last_declared_days_are_needed(make_lake):
    """Without its first or last day, each input results in another model."""
    lake, model = make_lake(epochs=1, seeds=(0,)), "improved_gru"
    week = lake.weeks[3]
    expected = lake.model(model, week).files
    for name in ("bar_features", "daily_prices", "securities", "styles"):
        held = (
            lake.read(TABLES[model], name, week, lake.settings.improved_gru).select("date").unique().collect()["date"]
        )
        for day in (held.min(), held.max()):
            if (name, day) == ("securities", held.max()):
                continue  # listings are declared with the prices, to the signal day; samples end before
            without = Without(lake, name, day)
            assert without.model(model, week).files != expected, f"{name} of {day} takes no part"
