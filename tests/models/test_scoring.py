"""From outputs to scores against plain formulas: seeds averaged after z-scoring, residual, clip and z-score last."""

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from assets.models.scoring import average_outputs, final_scores
from resources.settings.models import ModelSettings

N = 400


class Says(nn.Module):
    """A network whose output is a given number per stock, whatever it reads."""

    def __init__(self, factor: float, feature: int):
        super().__init__()
        self.factor, self.feature = factor, feature

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x[-1, :, self.feature] + 7.0


def z(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / x.std()


def clipped(x: np.ndarray) -> np.ndarray:
    return np.clip(x, x.mean() - 3 * x.std(), x.mean() + 3 * x.std())


def test_each_seed_counts_the_same_whatever_its_scale() -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(3, N, 2)).astype(np.float32))
    found = average_outputs([Says(1.0, 0), Says(1000.0, 1)], x, ModelSettings(batch_names=150))
    last = x[-1].numpy().astype(float)
    assert found == pytest.approx((z(last[:, 0]) + z(last[:, 1])) / 2, abs=1e-4)


def styles_of(symbols: list[str]) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"symbol": symbols, "industry": [f"I{n % 7}" for n in range(N)], "total_mv": [1e9] * N})
    return frame.with_columns(pl.Series(name, rng.normal(size=N)) for name in ("size", "reversal", "turnover"))


def test_the_score_is_the_residual_then_clipped_then_a_zscore() -> None:
    rng = np.random.default_rng(2)
    symbols = [f"{n:06d}.SZ" for n in range(N)]
    average = rng.standard_t(2, N)  # far tails: each clip matters
    styles = styles_of(symbols).with_columns(
        industry=pl.when(pl.int_range(N) == 5).then(pl.lit("unknown")).otherwise("industry"),
        total_mv=pl.when(pl.int_range(N) == 8).then(None).otherwise("total_mv"),
        size=pl.when(pl.int_range(N) == 11).then(None).otherwise("size"),  # a missing style is 0
    )
    found = final_scores(average, symbols, styles.sample(fraction=1.0, shuffle=True, seed=3), ModelSettings())
    inside = np.array([n not in (5, 8) for n in range(N)])
    dummies = np.array([[float(n % 7 == k) for k in range(7)] for n in range(N)])
    design = np.column_stack([dummies, styles.select(pl.col("size", "reversal", "turnover").fill_null(0.0)).to_numpy()])
    y, X = z(clipped(average[inside])), design[inside]
    residual = z(y - X @ np.linalg.lstsq(X, y, rcond=None)[0])
    assert np.abs(residual).max() > 3.2  # so that the last clip is seen
    assert found[inside] == pytest.approx(z(clipped(residual)), abs=1e-10)
    assert np.isnan(found[~inside]).all()


def test_without_orthogonalising_clip_and_zscore_remain() -> None:
    average = np.random.default_rng(4).standard_t(2, N)
    symbols = [f"{n:06d}.SZ" for n in range(N)]
    found = final_scores(average, symbols, styles_of(symbols), ModelSettings(orthogonalise_on=()))
    assert found == pytest.approx(z(clipped(average)), abs=1e-12)
