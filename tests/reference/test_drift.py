"""Tests drift against plain loops, and its properties."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.reference.drift import drift_weights

NAMES = st.lists(st.tuples(st.floats(0, 1), st.just(math.nan) | st.floats(0.5, 2)), min_size=1, max_size=20)


@settings(deadline=None)
@given(NAMES, st.floats(0.01, 0.5))
def test_drift_equals_plain_loops(names: list[tuple[float, float]], cash: float) -> None:
    weights, growth = (np.array(column) for column in zip(*names, strict=True))
    drifted, left, whole = drift_weights(weights, growth, cash)
    values = [w * (1.0 if math.isnan(g) else g) for w, g in names]
    total = sum(values) + cash
    assert drifted == pytest.approx([v / total for v in values], abs=1e-14)
    assert left == pytest.approx(cash / total)
    assert whole == pytest.approx(total / (sum(w for w, _ in names) + cash))
    assert drifted.sum() + left == pytest.approx(1.0)


def test_nothing_to_drift_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to drift"):
        drift_weights(np.zeros(2), np.ones(2))
