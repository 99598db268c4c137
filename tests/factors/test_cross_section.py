"""Tests that compare clip, z-score and residuals with plain loops and an explicit regression on dummies."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.factors.cross_section import clip, moments, orthogonalise, residualise, standardise, zscore

VALUES = st.lists(st.just(math.nan) | st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=1, max_size=30)


def plain_moments(values: list[float]) -> tuple[float, float]:
    known = [v for v in values if not math.isnan(v)]
    if not known:
        return math.nan, math.nan
    mean = math.fsum(known) / len(known)
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in known) / len(known))


@settings(deadline=None)
@given(VALUES)
def test_moments_equal_plain_sums(values: list[float]) -> None:
    mean, std = moments(values)
    expected = plain_moments(values)
    assert mean == pytest.approx(expected[0], rel=1e-12, abs=1e-9, nan_ok=True)
    assert std == pytest.approx(expected[1], rel=1e-9, abs=1e-9, nan_ok=True)


@settings(deadline=None)
@given(VALUES, st.integers(0, 2**32 - 1))
def test_standardised_members_have_mean_zero_and_deviation_one(values: list[float], seed: int) -> None:
    members = np.random.default_rng(seed).random(len(values)) < 0.7
    z = standardise(values, 3.0, members)
    assert np.isnan(z).tolist() == ([math.isnan(v) for v in values] if not np.isnan(z).all() else [True] * len(values))
    mean, std = moments(z, members)
    if not math.isnan(mean):
        assert abs(mean) < 1e-9
        assert std == 0 or abs(std - 1) < 1e-9


def test_moments_and_clip_are_those_of_the_members() -> None:
    x = np.array([0.0, 2.0, 100.0, -50.0, math.nan])
    members = np.array([True, True, False, False, False])
    assert clip(x, 3.0, members).tolist()[:4] == [0.0, 2.0, 4.0, -2.0]
    assert standardise(x, 3.0, members).tolist()[:4] == [-1.0, 1.0, 3.0, -3.0]
    assert zscore(x, members).tolist()[:3] == [-1.0, 1.0, 99.0]
    assert math.isnan(zscore(x, members)[4])


def test_constant_values_score_zero_and_missing_values_stay_missing() -> None:
    assert zscore([0.1 + 0.2, 0.3, 0.3]).tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(zscore([math.nan, math.nan])).all()
    assert np.isnan(zscore([1.0, 2.0], np.array([False, False]))).all()


@st.composite
def regressions(draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, k = draw(st.integers(1, 60)), draw(st.integers(0, 6))
    X = rng.normal(size=(n, k)) * 10.0 ** rng.integers(-3, 4, size=k)
    groups = rng.integers(0, draw(st.integers(1, 12)), n)
    y = rng.normal(size=n)
    if draw(st.booleans()) and k > 1:
        X[:, -1] = 2 * X[:, 0]  # collinear
    if draw(st.booleans()) and k > 0:
        X[:, 0] = groups  # constant within groups
    if draw(st.booleans()):
        y[rng.random(n) < 0.3] = math.nan
        groups[rng.random(n) < 0.1] = -1
    return y, X, groups


@settings(deadline=None)
@given(regressions())
def test_residuals_equal_an_explicit_dummy_regression(case: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    y, X, groups = case
    e = residualise(y, X, groups)
    used = ~np.isnan(y) & (groups >= 0)
    assert np.isnan(e).tolist() == (~used).tolist()
    if not used.any():
        return
    dummies = (groups[used][:, None] == np.unique(groups[used])).astype(float)
    scale = np.abs(X[used]).max(axis=0, initial=0.0)
    design = np.column_stack([dummies, X[used] / np.where(scale > 0, scale, 1.0)])
    fitted = design @ np.linalg.lstsq(design, y[used], rcond=1e-9)[0]
    assert e[used] == pytest.approx(y[used] - fitted, abs=1e-7)
    for column in design.T:
        assert abs(column @ e[used]) <= 1e-10 * max(1.0, np.linalg.norm(column)) * np.linalg.norm(y[used]) + 1e-12


def test_a_group_of_one_and_a_perfect_fit_have_residual_zero() -> None:
    e = residualise([1.0, 5.0, 2.0, 4.0], np.empty((4, 0)), [0, 7, 1, 1])
    assert e.tolist() == [0.0, 0.0, -1.0, 1.0]
    x = np.arange(5.0)
    assert orthogonalise(2 * x, x[:, None], np.zeros(5, dtype=int)).tolist() == [0.0] * 5


def test_a_missing_style_is_refused() -> None:
    with pytest.raises(ValueError, match="a missing style is 0"):
        residualise([1.0, 2.0], [[math.nan], [1.0]], [0, 0])


def test_orthogonalised_factors_are_uncorrelated_with_styles_and_industries() -> None:
    rng = np.random.default_rng(5)
    n = 2000
    groups = rng.integers(-1, 30, n)
    X = rng.normal(size=(n, 8))
    y = 1e6 + X @ rng.normal(size=8) + groups + rng.standard_t(2, size=n)
    z = orthogonalise(y, X, groups)
    inside = groups >= 0
    assert np.isnan(z).tolist() == (~inside).tolist()
    assert z[inside].mean() == pytest.approx(0, abs=1e-12)
    assert z[inside].std() == pytest.approx(1, abs=1e-12)
    assert max(abs(np.corrcoef(z[inside], x[inside])[0, 1]) for x in X.T) < 1e-12
    assert max(abs(z[groups == g].mean()) for g in range(30)) < 1e-12
