"""How holdings and index weights move with prices between two days. No trading, no cost, no choice of names."""

import numpy as np
from numpy.typing import NDArray


def drift_weights(
    weights: NDArray[np.float64], growth: NDArray[np.float64], cash: float = 0.0
) -> tuple[NDArray[np.float64], float, float]:
    """Weights after each name's value is multiplied by its growth, and cash stays (SPEC §6).

    ``weights`` [n] and ``cash`` need not sum to 1 (published index weights do only up to rounding): they are divided by
    their sum first. ``growth`` [n] is close / pre_close, NaN for a suspended name, which keeps its value.
    Returns (weights [n], cash, growth of the whole): the weights and cash sum to 1.
    Raises ValueError where there is nothing to drift.
    """
    total = float(weights.sum()) + cash
    if not total > 0.0:
        raise ValueError(f"drift_weights: weights and cash sum to {total}; nothing to drift")
    values = weights * np.where(np.isnan(growth), 1.0, growth) / total
    whole = float(values.sum()) + cash / total
    return values / whole, cash / total / whole, whole
