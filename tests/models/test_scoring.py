"""Tests that compare scores with plain formulas: each output z-scored, then residual, clip and z-score of the mean."""

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from assets.models.device import repeatable
from assets.models.networks import build_network
from assets.models.orthogonal import Exposures
from assets.models.scoring import final_scores, seed_scores
from resources.settings.models import ModelSettings

N = 400


class Says(nn.Module):
    """A network whose output is a given number per stock for any input."""

    def __init__(self, factor: float, feature: int):
        super().__init__()
        self.factor, self.feature = factor, feature

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x[-1, :, self.feature] + 7.0


def z(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / x.std()


def clipped(x: np.ndarray) -> np.ndarray:
    return np.clip(x, x.mean() - 3 * x.std(), x.mean() + 3 * x.std())


def test_each_network_has_equal_weight_at_any_scale() -> None:
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(3, N, 2)).astype(np.float32))
    found = seed_scores({4: Says(1.0, 0), 7: Says(1000.0, 1)}, x, None, ModelSettings(batch_names=150))
    last = x[-1].numpy().astype(float)
    assert list(found) == [4, 7]
    assert found[4] == pytest.approx(z(last[:, 0]), abs=1e-4)
    assert found[7] == pytest.approx(z(last[:, 1]), abs=1e-4)


def test_networks_scored_in_parallel_equal_those_scored_alone() -> None:
    row = ModelSettings(hidden=8, sequence_days=3, threads=1)
    x = torch.from_numpy(np.random.default_rng(6).normal(size=(24, N, 5)).astype(np.float32))
    networks = {seed: build_network(row, 5, seed) for seed in range(4)}
    with repeatable():
        alone = seed_scores(networks, x, None, row)
        together = seed_scores(networks, x, None, row.model_copy(update={"threads": 3}))
    assert list(together) == list(networks)
    for seed, values in alone.items():
        assert np.array_equal(together[seed], values)


def test_the_output_of_a_network_with_the_layer_is_orthogonal_before_its_zscore() -> None:
    rng = np.random.default_rng(5)
    x = torch.from_numpy(rng.normal(size=(3, N, 1)).astype(np.float32))
    columns = np.column_stack([np.ones(N), rng.normal(size=N)])
    weight = rng.uniform(0.2, 1.8, N)
    exposures = Exposures(torch.from_numpy(columns), torch.from_numpy(weight / weight.mean()))
    row = ModelSettings(batch_names=0, orthogonal_layer=("size",), ridge=1e-6)
    found = seed_scores({0: Says(1.0, 0)}, x, exposures, row)[0]
    p, root = x[-1, :, 0].numpy().astype(float) + 7.0, np.sqrt(weight)
    residual = p - columns @ np.linalg.lstsq(columns * root[:, None], p * root, rcond=None)[0]
    assert found == pytest.approx(z(residual), abs=1e-5)


def test_an_output_that_is_not_finite_stays_visible() -> None:
    x = torch.zeros((3, 4, 1))
    x[-1, :, 0] = torch.tensor([1.0, float("nan"), 2.0, 3.0])
    found = seed_scores({0: Says(1.0, 0)}, x, None, ModelSettings())[0]
    assert np.isnan(found).tolist() == [False, True, False, False]


def styles_of(symbols: list[str]) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"symbol": symbols, "industry": [f"I{n % 7}" for n in range(N)], "total_mv": [1e9] * N})
    return frame.with_columns(pl.Series(name, rng.normal(size=N)) for name in ("size", "reversal", "turnover"))


def test_the_score_is_the_residual_then_clipped_then_z_scored() -> None:
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
    assert np.abs(residual).max() > 3.2  # so that the last clip has an effect
    assert found[inside] == pytest.approx(z(clipped(residual)), abs=1e-10)
    assert np.isnan(found[~inside]).all()


def test_without_orthogonalisation_the_score_is_clipped_and_z_scored() -> None:
    average = np.random.default_rng(4).standard_t(2, N)
    symbols = [f"{n:06d}.SZ" for n in range(N)]
    found = final_scores(average, symbols, styles_of(symbols), ModelSettings(orthogonalise_on=()))
    assert found == pytest.approx(z(clipped(average)), abs=1e-12)
