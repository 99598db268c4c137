"""Arithmetic on the cross-section of one date: clipping, z-scores and residuals.

This module holds functions of vectors over stocks, in NumPy. It does not know tables, columns or factors, and holds no windows
over days. Arrays are float64 with one entry per stock; NaN means missing. Statistics have equal weights and ddof 0 (SPEC §4). A
missing entry stays missing, and the caller decides what replaces it.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from resources.arrays import Floats

# A standard deviation or a residual below this share of the values that it was computed from is rounding.
ROUNDING = 1e-10


def _floats(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(array), array, np.nan)


def moments(x: ArrayLike, members: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """Return mean and standard deviation (ddof 0) of the finite entries of ``x`` [n] among ``members`` [n].

    Without a finite entry both are NaN. A standard deviation that is only rounding is returned as 0.
    """
    values = _floats(x)
    values = values[np.isfinite(values) if members is None else np.isfinite(values) & members]
    if values.size == 0:
        return float("nan"), float("nan")
    # The mean is taken in two passes, so that values far from zero lose no digits.
    mean = float(values.mean())
    mean += float((values - mean).mean())
    std = float(np.sqrt(np.mean((values - mean) ** 2)))
    return mean, 0.0 if std <= ROUNDING * float(np.abs(values).max()) else std


def clip(x: ArrayLike, n_std: float, members: NDArray[np.bool_] | None = None) -> Floats:
    """Clip ``x`` [n] at mean ± ``n_std`` standard deviations; the moments are those of ``members`` (default: all)."""
    values = _floats(x)
    mean, std = moments(values, members)
    return values if np.isnan(mean) else np.clip(values, mean - n_std * std, mean + n_std * std)


def zscore(x: ArrayLike, members: NDArray[np.bool_] | None = None) -> Floats:
    """Return (x − mean) / std with the moments of ``members`` (default: all); 0 everywhere if the members are all equal.

    >>> zscore([1.0, 3.0, float("nan")])
    array([-1.,  1., nan])
    """
    values = _floats(x)
    mean, std = moments(values, members)
    return (values - mean) / std if std != 0.0 else values * 0.0


def standardise(x: ArrayLike, n_std: float, members: NDArray[np.bool_] | None = None) -> Floats:
    """Clip, then z-score ``x`` [n]: both use the moments of ``members`` and are applied to every stock (SPEC §4)."""
    return zscore(clip(x, n_std, members), members)


def residualise(y: ArrayLike, X: ArrayLike, groups: ArrayLike) -> Floats:
    """Return the residuals [n] of the least squares of ``y`` [n] on one dummy per group and the columns of ``X`` [n, k].

    There is no intercept, because the dummies span it. ``groups`` [n] holds integers; a stock with a negative group or a
    missing ``y`` is excluded and gets NaN. Rank deficiency is allowed (a group of one stock gets residual 0; columns may
    repeat each other or be constant within groups): the residual is unique even where the coefficients are not.

    Raises:
        ValueError: ``X`` has a missing entry for a stock that is not excluded (SPEC §4: a missing style is 0).
    """
    values, columns, labels = _floats(y), np.asarray(X, dtype=np.float64), np.asarray(groups)
    residuals = np.full(values.shape, np.nan)
    used = np.isfinite(values) & (labels >= 0)
    if not used.any():
        return residuals
    columns = columns[used]
    if not np.isfinite(columns).all():
        raise ValueError("residualise: X has missing entries; a missing style is 0 (SPEC §4)")
    _, group = np.unique(labels[used], return_inverse=True)
    size = np.bincount(group)

    def demean(column: Floats) -> Floats:
        for _ in range(2):  # the second pass removes the rounding of the first
            column = column - (np.bincount(group, weights=column) / size)[group]
        return column

    # Frisch–Waugh: demean y and X within groups, which removes the dummies, then regress one on the other.
    target = values[used]
    e = demean(target)
    basis = []
    for column in columns.T:
        scale, within = float(np.linalg.norm(column)), demean(column)
        length = float(np.linalg.norm(within))
        if length > ROUNDING * scale:
            basis.append(within / length)
    if basis:
        design = np.column_stack(basis)
        left, singular, _ = np.linalg.svd(design, full_matrices=False)
        left = left[:, singular > ROUNDING * singular[0]]
        for _ in range(2):
            e = demean(e - left @ (left.T @ e))
    if np.linalg.norm(e) <= ROUNDING * np.linalg.norm(target):
        e = np.zeros_like(e)
    residuals[used] = e
    return residuals


def orthogonalise(y: ArrayLike, X: ArrayLike, groups: ArrayLike, n_std: float = 3.0) -> Floats:
    """Orthogonalise ``y`` [n] as SPEC §4 does: clip, z-score, take residuals on groups and ``X`` [n, k], z-score them.

    ``X`` holds standardised styles, missing ones 0. Stocks outside the regression (negative group, missing ``y``) are NaN
    and do not count in the moments of ``y``.

    Raises:
        ValueError: ``X`` has a missing entry for a stock inside the regression.
    """
    values = np.where(np.asarray(groups) >= 0, _floats(y), np.nan)
    return zscore(residualise(standardise(values, n_std), X, groups))
