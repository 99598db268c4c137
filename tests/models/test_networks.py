import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from assets.models.networks import LOSSES, Dropout, build_network, pearson
from resources.settings.models import ModelSettings


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def plain_gru(x, weights, layers, hidden):
    """The network by loops over stocks, steps and layers: (steps, stocks, features) → (stocks,), float64."""
    outputs = []
    for stock in range(x.shape[1]):
        inputs = [x[step, stock].astype(np.float64) for step in range(x.shape[0])]
        for layer in range(layers):
            w = {k: weights[f"layers.{layer}.{k}_l0"] for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
            h = np.zeros(hidden)
            states = []
            for value in inputs:
                gates = [
                    (
                        w["weight_ih"][g * hidden : (g + 1) * hidden] @ value
                        + w["bias_ih"][g * hidden : (g + 1) * hidden],
                        w["weight_hh"][g * hidden : (g + 1) * hidden] @ h + w["bias_hh"][g * hidden : (g + 1) * hidden],
                    )
                    for g in range(3)
                ]
                reset, update = sigmoid(sum(gates[0])), sigmoid(sum(gates[1]))
                new = np.tanh(gates[2][0] + reset * gates[2][1])
                h = (1 - update) * new + update * h
                states.append(h)
            inputs = states
        wide = np.maximum(weights["head.0.weight"] @ h + weights["head.0.bias"], 0)
        outputs.append(float((weights["head.2.weight"] @ wide + weights["head.2.bias"])[0]))
    return np.array(outputs)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_gru_is_the_one_written_with_loops(layers):
    torch.manual_seed(1)
    row = ModelSettings(hidden=7, layers=layers)
    network = build_network(row, 5, 1).eval()
    x = torch.randn(12, 6, 5)
    weights = {name: value.double().numpy() for name, value in network.state_dict().items()}
    expected = plain_gru(x.numpy(), weights, layers, 7)
    with torch.no_grad():
        np.testing.assert_allclose(network(x).numpy(), expected, rtol=1e-5, atol=1e-5)


def test_number_of_parameters():
    """Three gates of 50 × (63 + 50) weights and two biases, and the head 50 → 10 → 1."""
    network = build_network(ModelSettings(), 63, 0)
    assert sum(p.numel() for p in network.parameters()) == 3 * 50 * (63 + 50 + 2) + 50 * 10 + 10 + 10 + 1


def test_pearson_is_scipys_and_survives_a_constant():
    rng = np.random.default_rng(0)
    for n in (2, 3, 50, 4000):
        x, y = rng.normal(size=(2, n)) * [[1e-2], [3.0]] + [[5.0], [-1.0]]
        x, y = torch.from_numpy(x).float(), torch.from_numpy(y).float()
        expected = pearsonr(x.double(), y.double()).statistic
        assert pearson(x, y).item() == pytest.approx(expected, abs=2e-5)
        assert LOSSES["ic"](x, y).item() == pytest.approx(-expected, abs=2e-5)
    flat = torch.full((9,), 0.25, requires_grad=True)
    loss = LOSSES["ic"](flat, torch.arange(9.0))
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(flat.grad).all()


def test_the_network_overfits_a_tiny_set():
    torch.manual_seed(0)
    network = build_network(ModelSettings(hidden=32, dropout=0.0), 4, 0)
    x, y = torch.randn(10, 20, 4), torch.randn(20)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(300):
        optimiser.zero_grad()
        LOSSES["ic"](network(x), y).backward()
        optimiser.step()
    assert pearson(network(x), y).item() > 0.99


def test_dropout_acts_in_training_alone():
    torch.manual_seed(0)
    network, x = build_network(ModelSettings(dropout=0.5), 3, 0), torch.randn(4, 8, 3)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))


def test_dropout_keeps_the_mean_and_follows_its_seed():
    x = torch.ones(400, 500)
    first, again, other = (Dropout(0.1, seed)(x) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert sorted(first.unique().tolist()) == pytest.approx([0, 1 / 0.9])
    assert first.mean().item() == pytest.approx(1, abs=0.005)
