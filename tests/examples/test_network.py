"""The example network in training: it finds a planted mean, and its validation IC equals that of a plain product."""

import datetime as dt

import numpy as np
import pytest
import torch

from assets.catalogue import NETWORKS
from assets.models.device import repeatable
from assets.models.networks import build_network
from assets.models.panel import FeaturePanel
from assets.models.training import make_samples, train_networks
from resources.settings.models import ModelSettings

SETTINGS = ModelSettings(
    network="examples.network:MeanNetwork", head=(), sequence_days=2, horizon=2, train_days=20, valid_days=6, epochs=25,
    learning_rate=0.05, seeds=(0, 1), device="cpu", threads=2, min_names=5,
)  # fmt: skip
DAYS, BARS, STOCKS, FEATURES = 30, 4, 30, 3


def panel_and_labels() -> tuple[FeaturePanel, np.ndarray]:
    """A panel, and labels that depend on the mean of feature 1 over the sequence."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(DAYS, BARS, STOCKS, FEATURES)).astype(np.float32)
    means = values[..., 1].mean(axis=1)
    labels = np.vstack([np.zeros(STOCKS), means[:-1] + means[1:]]) + 0.2 * rng.normal(size=(DAYS, STOCKS))
    whole = np.ones((DAYS, STOCKS), dtype=bool)
    days = tuple(dt.date(2022, 1, 1) + dt.timedelta(days=n) for n in range(DAYS))
    symbols = tuple(f"{600000 + n}.SH" for n in range(STOCKS))
    entries = BARS * FEATURES
    panel = FeaturePanel(
        days, symbols, ("a", "b", "c"), (), values, whole,
        np.full((DAYS, STOCKS), entries), np.full(DAYS, entries), whole,
    )  # fmt: skip
    return panel, labels.astype(np.float32)


def test_it_learns_the_planted_mean_and_its_ic_equals_a_plain_one() -> None:
    panel, labels = panel_and_labels()
    samples = make_samples(panel, labels, SETTINGS, torch.device("cpu"))
    train, valid = samples.of(panel.days[1], panel.days[20]), samples.of(panel.days[24], panel.days[29])
    with repeatable():
        trained = train_networks(train, valid, SETTINGS)
    for result in trained.values():
        weight = result.weights["head.0.weight"].double().numpy()[0]
        ics = []
        for day in range(24, 30):
            mean = panel.values[day - 1 : day + 1].astype(np.float64).mean(axis=(0, 1))  # (stocks, features)
            ics.append(np.corrcoef(mean @ weight, labels[day])[0, 1])
        (kept,) = (epoch for epoch in result.curve if epoch.kept)
        assert kept.valid_ic == pytest.approx(np.mean(ics), abs=1e-5)
        assert kept.valid_ic > 0.8
        assert np.abs(weight).argmax() == 1
    assert not torch.equal(trained[0].weights["head.0.weight"], trained[1].weights["head.0.weight"])


def test_its_weights_follow_from_the_seed_and_not_from_the_global_generator() -> None:
    found = []
    for state in (1, 2):
        torch.manual_seed(state)
        before = torch.get_rng_state()
        found.append(build_network(SETTINGS, FEATURES, seed=7).state_dict())
        assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert "examples.network:MeanNetwork" not in NETWORKS
