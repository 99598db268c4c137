"""Tests of the studies of the daily network and of the planted alpha: settings, windows, linear model, summaries."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
import torch

from assets.models.windows import days_needed, trained_week
from orchestration.platform import PROFILES
from resources.calendar import Calendar
from resources.errors import InputError
from resources.settings import Settings
from resources.settings.load import load_profile
from studies import daily_network_2016 as daily
from studies import planted_alpha as planted
from studies.evidence import Interval, mean_interval

CALENDAR = Calendar.xshg()
PRODUCTION = [
    "--train-days",
    "1200",
    "--valid-days",
    "120",
    "--every",
    "1",
    "--retrain-days",
    "120",
    "--seeds",
    "5",
    "--epochs",
    "50",
]


def test_production_options_are_the_production_settings_with_only_the_daily_network():
    row = daily.row_of(daily.parse(PRODUCTION))
    whole = Settings().models.multi_granularity_10d
    differ = {name for name, value in row if value != getattr(whole, name)}
    assert differ == {"granularities", "first_training"}
    assert row.granularities == ("daily",)
    assert daily.row_of(daily.parse([*PRODUCTION, "--horizon", "5"])).horizon == 5


def test_the_first_signal_of_the_production_window_is_2016_01_08():
    row = daily.row_of(daily.parse(PRODUCTION))
    start = dt.date(2010, 1, 4)
    assert CALENDAR.index(dt.date(2016, 1, 8)) - CALENDAR.index(start) + 1 >= days_needed(row)
    assert trained_week(CALENDAR, dt.date(2016, 1, 4), row, start) == dt.date(2016, 1, 4)
    weeks = CALENDAR.weeks(dt.date(2016, 1, 4), dt.date(2016, 12, 12))
    assert len({trained_week(CALENDAR, week, row, start) for week in weeks}) == 2


@dataclass(frozen=True)
class Plain:
    """Samples, as far as the study uses them."""

    values: torch.Tensor  # (days, stocks, features)
    labels: torch.Tensor  # (days, stocks)
    names: dict[int, torch.Tensor]

    def sequences(self, day, names):
        return self.values[day - 2 : day + 1, names]

    def targets(self, day, names):
        return self.labels[day, names]


def samples(rng, days=12, stocks=30, features=5):
    values = torch.from_numpy(rng.normal(size=(days, stocks, features)).astype(np.float32))
    truth = rng.normal(size=features)
    labels = (values.double() @ torch.from_numpy(truth)).float()
    return truth, Plain(values, labels, {day: torch.arange(day % 3, stocks) for day in range(2, days)})


def test_least_squares_reads_the_last_day_and_finds_the_coefficients():
    truth, chosen = samples(np.random.default_rng(0))
    assert daily.least_squares(chosen) == pytest.approx(truth, abs=1e-5)


def test_least_squares_accepts_collinear_features():
    rng = np.random.default_rng(1)
    _, chosen = samples(rng)
    chosen.values[..., 4] = chosen.values[..., 3]
    found = daily.least_squares(chosen)
    assert np.isfinite(found).all()
    assert found[3] == pytest.approx(found[4], rel=1e-6)


def test_thinning_keeps_every_nth_day_counted_from_the_last():
    _, chosen = samples(np.random.default_rng(2))
    assert list(daily.thin(chosen, 1).names) == list(chosen.names)
    assert list(daily.thin(chosen, 4).names) == [3, 7, 11]


def test_a_folder_without_prices_is_refused(tmp_path):
    with pytest.raises(InputError, match="daily_prices"):
        daily.open_builder(tmp_path / "nothing", tmp_path / "work", print)


def test_the_summary_compares_the_network_week_by_week():
    rng = np.random.default_rng(3)
    weeks = CALENDAR.weeks(dt.date(2016, 1, 4), dt.date(2016, 3, 7))
    rows = [
        {"week": week, "factor": name, "rank_ic": rng.normal(), "deciles": rng.normal(size=10).tolist()}
        for week in weeks
        for name in ("network", "seed 0", "linear", "reversal_20")
    ]
    judged = pl.DataFrame(rows)
    found = daily.summarise(judged)
    own, linear = (judged.filter(factor=name)["rank_ic"].to_numpy() for name in ("network", "linear"))
    assert found["factors"]["network"]["rank_ic"] == mean_interval(own)
    assert found["network_less"]["linear"].mean == pytest.approx((own - linear).mean())
    assert len(daily.results(found)) > 8


def test_the_planted_study_trains_all_six_networks_with_five_seeds_on_few_weeks():
    chosen = load_profile(str(planted.SETTINGS), PROFILES, environment={})
    rows = chosen.settings.models.rows
    assert list(rows) == list(Settings().models.rows)
    last = dt.date(2023, 11, 24)
    start = CALENDAR.offset(last, 1 - planted.DAYS)
    weeks = CALENDAR.weeks(CALENDAR.week_of(start), CALENDAR.week_of(last))
    for row in rows.values():
        assert row.seeds == (0, 1, 2, 3, 4)
        trained = [trained_week(CALENDAR, week, row, start) for week in weeks]
        assert sum(week is not None for week in trained) >= 30
        assert len(set(trained) - {None}) == 1
    # Every setting that differs from production has a reason.
    assert all(one["reason"] for one in chosen.differences() if one["setting"].startswith("models."))


def test_the_verdict_depends_on_the_strength_of_the_market():
    sure, unsure, below = (
        Interval(9, 0.1, low, high, 1.0, 1.0) for low, high in ((0.05, 0.2), (-0.1, 0.2), (-0.2, -0.1))
    )
    assert planted.verdict(1.0, sure) == "above zero"
    assert planted.verdict(1.0, unsure) == planted.verdict(0.5, below) == "NOT above zero"
    assert planted.verdict(0.0, unsure) == "contains zero"
    assert planted.verdict(0.0, sure) == planted.verdict(0.0, below) == "does NOT contain zero"
