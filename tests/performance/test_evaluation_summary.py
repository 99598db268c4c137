"""Averages over the weeks against numpy, scipy and statsmodels."""

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats

from assets import catalogue
from assets.performance.evaluation import SCHEMA
from assets.performance.evaluation_summary import half_life, summarise
from assets.performance.statistics import default_lags, judge_ics
from tests.performance.random_evaluation import random_rows


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return random_rows(weeks=30, factors=("skewness", "large_trade_gain", "gru_50_1"))


@pytest.fixture(scope="module")
def summary(rows):
    return summarise(rows)


def series(rows: pl.DataFrame, **which) -> np.ndarray:
    return rows.filter(**which).sort("week").drop_nulls("value")["value"].to_numpy()


@pytest.mark.parametrize(("count", "overlap"), [(30, 0), (30, 7), (160, 3), (24, 7)])
def test_t_and_interval_are_those_of_statsmodels(count, overlap):
    """Newey–West of statsmodels, Bartlett weights, no small-sample correction: a regression on a constant."""
    sm = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(count + overlap)
    ics = np.convolve(rng.normal(0.05, 0.1, count + overlap), np.ones(overlap + 1), "valid") / (overlap + 1)
    lags = max(overlap, default_lags(count))
    fit = sm.OLS(ics, np.ones(count)).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": False})
    ours = judge_ics(ics, 52, overlap)
    assert ours.t_statistic == pytest.approx(fit.tvalues[0], rel=1e-10)
    assert (ours.low, ours.high) == pytest.approx(tuple(fit.conf_int(0.05)[0]), rel=1e-10)
    assert ours.icir == pytest.approx(ics.mean() / ics.std(ddof=1) * math.sqrt(52))


def test_fewer_than_three_returns_that_do_not_overlap_have_no_t():
    ics = np.random.default_rng(0).normal(size=23)
    assert judge_ics(ics, 52, 7).t_statistic is None
    assert judge_ics(ics, 52, 7).mean == pytest.approx(ics.mean())
    assert judge_ics(np.append(ics, 0.3), 52, 7).t_statistic is not None
    assert judge_ics(ics[:2], 52).low is None


def test_decay_is_judged_with_the_lags_of_its_overlap(rows, summary):
    for row in summary.decay.iter_rows(named=True):
        ics = series(rows, factor=row["factor"], statistic="rank_ic", horizon=row["horizon"])
        expected = judge_ics(ics, 52, overlap=row["horizon"] - 1)
        for name in ("count", "mean", "icir", "t_statistic", "low", "high"):
            assert row[name] == getattr(expected, name)
    assert summary.decay.height == 15


def test_a_factors_row_holds_its_averages(rows, summary):
    assert summary.factors["factor"].to_list() == list(catalogue.BY_KEY)
    for key in ("skewness", "gru_50_1"):
        row = summary.factors.filter(factor=key).row(0, named=True)
        ics = series(rows, factor=key, statistic="rank_ic", horizon=1)
        assert row["mean"] == pytest.approx(ics.mean())
        assert row["count"] == len(ics)
        for name in ("autocorrelation", "turnover"):
            assert row[name] == pytest.approx(series(rows, factor=key, statistic=name).mean())
        deciles = rows.filter(factor=key, statistic="decile_return").pivot("item", index="week", values="value")
        assert row["spread"] == pytest.approx((deciles["10"] - deciles["1"]).mean())
        means = [deciles[str(d)].mean() for d in range(1, 11)]
        assert row["monotonicity"] == pytest.approx(stats.spearmanr(range(10), means).statistic)
        styles = rows.filter(factor=key, statistic="exposure").drop_nulls("value")
        mean = {style: series(styles, item=style).mean() for style in styles["item"].unique()}
        assert row["style"] == max(mean, key=lambda style: abs(mean[style]))
        assert row["exposure"] == pytest.approx(mean[row["style"]])


def test_seeds_are_averaged_over_weeks_then_compared(rows, summary):
    own = rows.filter(factor="gru_50_1", statistic="seed_rank_ic")
    means = [series(own, item=seed).mean() for seed in ("0", "1", "2")]
    row = summary.factors.filter(factor="gru_50_1").row(0, named=True)
    assert row["seeds"] == 3
    assert row["seed_mean"] == pytest.approx(np.mean(means))
    assert row["seed_std"] == pytest.approx(np.std(means, ddof=1))
    assert summary.seeds["seed"].to_list() == [0, 1, 2]
    one = summarise(rows.filter((pl.col("statistic") != "seed_rank_ic") | (pl.col("item") == "0"))).factors
    assert one.filter(factor="gru_50_1").select("seeds", "seed_std").row(0) == (1, None)


def test_correlations_average_over_weeks(rows, summary):
    for row in summary.correlations.iter_rows(named=True):
        own = series(rows, statistic="correlation", factor=row["factor"], item=row["other"])
        assert row["value"] == pytest.approx(own.mean())
        assert row["weeks"] == len(own)
    assert summary.correlations.height == 3


def test_a_statistic_without_any_value_is_listed_with_its_latest_reason(rows):
    last = rows["week"].max()
    why = pl.when(pl.col("week") == last).then(pl.lit("late")).otherwise(pl.lit("early"))
    hit = (pl.col("statistic") == "turnover") & (pl.col("factor") == "skewness")
    cut = rows.with_columns(
        pl.when(hit).then(None).otherwise("value").alias("value"),
        pl.when(hit).then(why).otherwise("reason").alias("reason"),
    )
    found = summarise(cut)
    assert found.absent.filter(statistic="turnover").rows() == [("skewness", "turnover", 1, "late")]
    assert found.factors.filter(factor="skewness")["turnover"].item() is None
    assert found.factors.filter(factor="gru_50_1")["turnover"].item() is not None


def test_the_notes_round_what_is_known(summary):
    assert set(summary.notes) == {"skewness", "large_trade_gain", "gru_50_1"}
    row = summary.factors.filter(factor="gru_50_1").row(0, named=True)
    own = summary.notes["gru_50_1"]
    assert own["mean"] == round(row["mean"], 4)
    assert (own["style"], own["count"], own["seeds"]) == (row["style"], row["count"], 3)
    assert "seed_mean" not in summary.notes["skewness"]


def test_no_rows_are_summarised_to_sixteen_empty_rows():
    found = summarise(pl.DataFrame(schema=SCHEMA))
    assert found.factors.height == 16
    assert found.factors.drop("factor").null_count().row(0) == (16,) * (found.factors.width - 1)
    assert all(frame.is_empty() for frame in (found.decay, found.deciles, found.correlations, found.seeds))


def test_order_and_later_rows_of_the_input_do_not_matter(rows, summary):
    mixed = summarise(rows.sample(fraction=1, shuffle=True, seed=4))
    assert mixed.factors.equals(summary.factors)
    assert mixed.decay.equals(summary.decay)


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ([0.10, 0.08, 0.02], 3.0),
        ([0.10, 0.05, 0.05], 2.0),
        ([0.10, 0.12, 0.06], None),
        ([-0.1, -0.05, 0.0], None),
        ([0.1], None),
        ([0.1, -0.1, 0.3], 1.25),
    ],
)
def test_half_life_by_hand(means, expected):
    assert half_life([1, 2, 4][: len(means)], means) == (None if expected is None else pytest.approx(expected))


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=6), st.floats(0.1, 10))
@hypothesis_settings(max_examples=80, deadline=None)
def test_half_life_does_not_depend_on_the_scale(means, scale):
    horizons = [1, 2, 3, 4, 8, 12][: len(means)]
    one, other = half_life(horizons, means), half_life(horizons, [scale * mean for mean in means])
    if one is not None and other is not None:
        assert 1 <= one <= horizons[-1]
        assert one == pytest.approx(other, rel=1e-6, abs=1e-6)


def test_dates_of_rows_are_weeks(rows):
    assert all(week.weekday() == 0 for week in rows["week"].unique())
    assert rows["week"].min() < dt.date(2023, 12, 15)
