"""Drifts holdings and index weights with prices between two days. No trading, no costs, no choice of stocks."""

import numpy as np
from numpy.typing import NDArray


def drift_weights(
    weights: NDArray[np.float64], growth: NDArray[np.float64], cash: float = 0.0
) -> tuple[NDArray[np.float64], float, float]:
    """Return the weights after each stock's value is multiplied by its growth and cash is unchanged (SPEC §6).

    weights [n], cash: fractions that need not sum to 1 (published index weights do so only up to rounding); they are divided by
    their sum first. growth [n]: close / pre_close, NaN for a suspended stock, which keeps its value.
    Returns (weights [n], cash, growth of the whole), where weights and cash sum to 1.
    Raises ValueError where weights and cash do not sum to more than 0.
    """
    total = float(weights.sum()) + cash
    if not total > 0.0:
        raise ValueError(f"drift_weights: weights and cash sum to {total}; nothing to drift")
    values = weights * np.where(np.isnan(growth), 1.0, growth) / total
    whole = float(values.sum()) + cash / total
    return values / whole, cash / total / whole, whole
