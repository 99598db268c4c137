"""Arithmetic on one date's cross-section: clip, z-score, residuals. NumPy only; knows no table, column or factor.

What belongs here is whatever takes a vector over names and returns a vector over names. Windows over days do not.
Convention: arrays are float64, one entry per name, NaN means missing; statistics have equal weights and ddof 0
(SPEC §4). A missing entry stays missing; callers decide what it becomes.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# A spread or a residual below this share of the values it came from is rounding, not information.
ROUNDING = 1e-10


def _floats(values: ArrayLike) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    return np.where(np.isfinite(array), array, np.nan)


def moments(x: ArrayLike, members: NDArray[np.bool_] | None = None) -> tuple[float, float]:
    """Mean and standard deviation (ddof 0) of the finite entries of ``x`` [n] among ``members`` [n].

    (NaN, NaN) without any; a spread that is only rounding is exactly 0.
    """
    values = _floats(x)
    values = values[np.isfinite(values) if members is None else np.isfinite(values) & members]
    if values.size == 0:
        return float("nan"), float("nan")
    # Twice, so that values far from zero lose no digits.
    mean = float(values.mean())
    mean += float((values - mean).mean())
    std = float(np.sqrt(np.mean((values - mean) ** 2)))
    return mean, 0.0 if std <= ROUNDING * float(np.abs(values).max()) else std


def clip(x: ArrayLike, n_std: float, members: NDArray[np.bool_] | None = None) -> Floats:
    """``x`` [n] held inside mean ± ``n_std`` standard deviations, moments those of ``members`` (default all)."""
    values = _floats(x)
    mean, std = moments(values, members)
    return values if np.isnan(mean) else np.clip(values, mean - n_std * std, mean + n_std * std)


def zscore(x: ArrayLike, members: NDArray[np.bool_] | None = None) -> Floats:
    """(x − mean) / std with the moments of ``members`` (default all); 0 everywhere where they don't vary.

    >>> zscore([1.0, 3.0, float("nan")])
    array([-1.,  1., nan])
    """
    values = _floats(x)
    mean, std = moments(values, members)
    return (values - mean) / std if std != 0.0 else values * 0.0


def standardise(x: ArrayLike, n_std: float, members: NDArray[np.bool_] | None = None) -> Floats:
    """Clip, then z-score, both with location and scale of ``members`` and applied to every name (SPEC §4)."""
    return zscore(clip(x, n_std, members), members)


def residualise(y: ArrayLike, X: ArrayLike, groups: ArrayLike) -> Floats:
    """Residuals of the least squares of ``y`` [n] on one dummy per group and the columns of ``X`` [n, k].

    There is no intercept: the dummies span it. ``groups`` [n] holds integers; a name with a negative group or a
    missing ``y`` takes no part and gets NaN. Rank deficiency is no error (a group of one name gets residual 0, columns
    may repeat each other or be constant within groups): the residual is unique even where the coefficients are not.
    Raises ValueError if ``X`` has a missing entry for a name that takes part (SPEC §4: a missing style is 0).
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

    # Frisch–Waugh: partial the dummies out by demeaning within groups, then regress what is left.
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
    """The factor of SPEC §4: clip and z-score ``y`` [n], take residuals on groups and ``X`` [n, k], z-score them.

    ``X`` are styles already standardised, missing ones 0. Names outside the regression (negative group, missing y) are
    NaN and take no part in the location and scale of ``y`` either.
    """
    values = np.where(np.asarray(groups) >= 0, _floats(y), np.nan)
    return zscore(residualise(standardise(values, n_std), X, groups))
