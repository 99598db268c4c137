"""Tests that compare the networks with plain loops, and of their parameters, attention, dropout and seeds."""

import sys
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from assets.catalogue import NETWORKS
from assets.models.networks import LOSSES, Dropout, build_network, pearson
from resources.errors import SettingsError
from resources.settings.models import ModelSettings, ModelsSettings
from tests.models import plain_networks

KINDS = tuple(NETWORKS)


def small(kind, **values):
    head = (6, 4) if kind == "attention_gru" else (5,)
    return ModelSettings(**{"network": kind, "hidden": 6, "head": head, "layers": 2, "dropout": 0.0, **values})


def plain(values):
    return {name: value.detach().double().numpy().copy() for name, value in values.items()}


# --- comparison with plain loops ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_networks_equal_plain_loops(kind, layers):
    network = build_network(small(kind, layers=layers), 5, 1).eval()
    x = torch.randn(12, 6, 5, generator=torch.Generator().manual_seed(1))
    expected = plain_networks.NETWORKS[kind](plain(network.state_dict()), x.double().numpy(), layers)
    assert expected.std() > 1e-3  # otherwise equality would prove nothing
    with torch.no_grad():
        np.testing.assert_allclose(network(x).numpy(), expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(network.double()(x.double()).numpy(), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_finite_differences_of_the_loops(kind):
    row = small(kind, hidden=2, head=(3,), layers=2 if kind == "gru" else 1)
    network = build_network(row, 2, 3).double()
    rng = np.random.default_rng(3)
    x, pull = rng.normal(size=(3, 3, 2)), rng.normal(size=3)
    (torch.from_numpy(pull) @ network(torch.from_numpy(x))).backward()
    expected = plain_networks.gradients(
        lambda weights: pull @ plain_networks.NETWORKS[kind](weights, x, row.layers), plain(network.state_dict())
    )
    assert any(np.abs(values).max() > 1e-3 for values in expected.values())
    for name, parameter in network.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), expected[name], rtol=1e-6, atol=1e-8, err_msg=name)


# --- properties that SPEC §5.2 states -----------------------------------------------------------------------------------


def recurrent(gates, inputs, hidden):
    """Each gate and unit has one weight per input and per hidden state, and two biases."""
    return gates * hidden * (inputs + hidden + 2)


def test_numbers_of_parameters():
    """The numbers are counted by hand for 63 features (30-minute bars), 64 (60-minute) and 26 (daily)."""
    rows = ModelsSettings().rows
    head_10 = (50 * 10 + 10) + (10 * 1 + 1)
    agru_head = (4 * 64 + 1) * 64 + (64 + 1) * 32 + (32 + 1) * 1
    attention = 128 * 64 + 64 + 64  # W and b, v without bias
    expected = {
        ("gru_50_1", 63): recurrent(3, 63, 50) + head_10,
        ("gru_50_2", 63): recurrent(3, 63, 50) + recurrent(3, 50, 50) + head_10,
        ("improved_gru", 63): recurrent(3, 63, 50) + recurrent(3, 50, 50) + head_10,
        ("residual_attention_lstm", 63): recurrent(4, 63, 48)
        + recurrent(4, 48, 48)
        + 3 * 48 * 48  # Q, K, V
        + 2 * 48  # LayerNorm
        + (48 * 10 + 10)
        + (10 + 1),
        **{
            (model, features): 2 * recurrent(3, features, 64) + attention + agru_head
            for model in ("multi_granularity_5d", "multi_granularity_10d")
            for features in (26, 63, 64)
        },
    }
    assert {model for model, _ in expected} == set(rows)
    counted = {
        (model, features): sum(p.numel() for p in build_network(rows[model], features, 0).parameters())
        for model, features in expected
    }
    assert counted == expected
    assert counted["gru_50_1", 63] == 17_771
    assert counted["residual_attention_lstm", 63] == 48_021


def attended(network, x):
    """(input, output) of the attention in a pass of the network."""
    seen = []
    hook = network.attention.register_forward_hook(lambda module, given, gave: seen.extend([given[0], gave]))
    with torch.no_grad():
        network(x)
    hook.remove()
    return seen


@pytest.mark.parametrize("scale", [0.1, 1.0, 300.0])
def test_self_attention_weights_sum_to_one_and_are_used(scale):
    network = build_network(small("residual_attention_lstm"), 5, 1).eval()
    with torch.no_grad():
        network.attention.query.weight.mul_(scale)  # from nearly equal weights to nearly all weight on one step
    states, read = attended(network, torch.randn(9, 4, 5, generator=torch.Generator().manual_seed(2)))
    assert states.shape == read.shape == (4, 9, 6)
    alpha = network.attention.weights(states)
    assert alpha.shape == (4, 9, 9)
    assert (alpha >= 0).all()
    torch.testing.assert_close(alpha.sum(-1), torch.ones(4, 9), rtol=0, atol=1e-6)
    for name in range(4):
        expected, value = plain_networks.self_attention(
            plain(network.state_dict()), list(states[name].double().detach().numpy())
        )
        np.testing.assert_allclose(alpha[name].detach(), expected, atol=2e-5)
        np.testing.assert_allclose(read[name].detach(), value, atol=2e-5)


@pytest.mark.parametrize("scale", [0.1, 1.0, 300.0])
def test_additive_attention_weights_sum_to_one_and_are_used(scale):
    network = build_network(small("attention_gru", layers=1), 5, 1).eval()
    with torch.no_grad():
        network.attention.score.weight.mul_(scale)
    states, read = attended(network, torch.randn(9, 4, 5, generator=torch.Generator().manual_seed(2)))
    assert states.shape == (9, 4, 12)
    assert read.shape == (4, 12)
    alpha = network.attention.weights(states)
    assert alpha.shape == (9, 4, 1)
    assert (alpha >= 0).all()
    torch.testing.assert_close(alpha.sum(0), torch.ones(4, 1), rtol=0, atol=1e-6)
    for name in range(4):
        expected, value = plain_networks.additive_attention(
            plain(network.state_dict()), list(states[:, name].double().detach().numpy())
        )
        np.testing.assert_allclose(alpha[:, name, 0].detach(), expected, atol=2e-5)
        np.testing.assert_allclose(read[name].detach(), value, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_output_of_a_stock_does_not_depend_on_other_stocks(kind):
    """Parts of a cross-section have the same outputs as the whole, and permuted stocks have permuted outputs."""
    network = build_network(small(kind), 5, 1).eval()
    x = torch.randn(7, 20, 5, generator=torch.Generator().manual_seed(4))
    order = torch.randperm(20, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        whole = network(x)
        torch.testing.assert_close(torch.cat([network(part) for part in x.split(6, dim=1)]), whole, rtol=0, atol=1e-6)
        torch.testing.assert_close(network(x[:, order]), whole[order], rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_steps_matters(kind):
    network = build_network(small(kind), 5, 1).eval()
    x = torch.randn(7, 20, 5, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        assert (network(x) - network(x.flip(0))).abs().max() > 1e-3


# --- training -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["ic", "mse"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_network_overfits_a_tiny_set(kind, loss):
    network = build_network(small(kind, hidden=24, head=(10,)), 4, 0)
    random = torch.Generator().manual_seed(0)
    x, y = torch.randn(8, 20, 4, generator=random), torch.randn(20, generator=random)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(160):
        optimiser.zero_grad()
        LOSSES[loss](network(x), y).backward()
        optimiser.step()
    assert pearson(network(x), y).item() > 0.99
    if loss == "mse":
        assert LOSSES[loss](network(x), y).item() < 0.02


def test_pearson_equals_scipy_and_is_zero_for_a_constant():
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


# --- dropout ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_acts_between_layers_and_before_the_head_only_in_training(kind):
    network, x = build_network(small(kind, layers=3, dropout=0.5), 3, 0), torch.randn(4, 8, 3)
    shapes = []
    network.dropout.register_forward_hook(lambda module, given, gave: shapes.append(tuple(gave.shape)))
    first = network(x)
    width = 12 if kind == "attention_gru" else 6
    assert shapes == [(4, 8, width), (4, 8, width), (8, 24 if kind == "attention_gru" else 6)]
    assert not torch.equal(network(x), first)
    network.eval()
    quiet = network(x)
    assert torch.equal(network(x), quiet)
    without = build_network(small(kind, layers=3, dropout=0.0), 3, 0)
    assert torch.equal(without(x), quiet)


def test_dropout_keeps_the_mean_and_follows_its_seed():
    x = torch.ones(400, 500)
    first, again, other = (Dropout(0.1, seed)(x) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert sorted(first.unique().tolist()) == pytest.approx([0, 1 / 0.9], rel=2e-5)  # shares are multiples of 2⁻¹⁶
    assert first.mean().item() == pytest.approx(1, abs=0.005)


def test_a_repeated_batch_has_the_same_masks_whole_or_in_parts():
    """A pass can therefore be repeated exactly in smaller parts, and a training can be resumed."""
    dropout, states, last = Dropout(0.3, 1), torch.ones(4, 50, 6), torch.ones(50, 6)
    dropout.begin(7, 50)
    whole = dropout(states), dropout(last)
    assert not torch.equal(whole[0][0], whole[1])
    dropout.begin(8, 50)
    assert not torch.equal(dropout(states), whole[0])
    dropout.begin(7, 50)
    for first, end in ((0, 20), (20, 50), (20, 50), (0, 1)):
        dropout.part(first)
        assert torch.equal(dropout(states[:, first:end]), whole[0][:, first:end])
        assert torch.equal(dropout(last[first:end]), whole[1][first:end])
    other = Dropout(0.3, 2)
    other.begin(7, 50)
    assert not torch.equal(other(states), whole[0])


# --- seeds --------------------------------------------------------------------------------------------------------------


def same(one, other):
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_a_function_of_the_seed(kind):
    torch.manual_seed(1)
    first = build_network(small(kind), 5, 7)
    torch.manual_seed(2)
    assert same(build_network(small(kind), 5, 7), first)
    assert not same(build_network(small(kind), 5, 8), first)


@pytest.mark.parametrize("kind", KINDS)
def test_networks_built_in_parallel_equal_those_built_alone(kind):
    alone = [build_network(small(kind), 5, seed) for seed in range(24)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: build_network(small(kind), 5, seed), range(24)))
    assert all(same(*pair) for pair in zip(alone, together, strict=True))


def test_initial_weights_have_the_distribution_of_torch():
    """U(±1/√width) with the width of the hidden state in recurrent layers and of the input in linear ones; LayerNorm is 1, 0."""
    rows = ModelsSettings().rows
    for kind in ("residual_attention_lstm", "multi_granularity_5d"):
        network = build_network(rows[kind], 63, 0)
        for name, value in network.named_parameters():
            if name.startswith("norm"):
                assert torch.equal(value, torch.full_like(value, float(name.endswith("weight"))))
                continue
            module = network.get_submodule(name.rpartition(".")[0])
            bound = (module.hidden_size if name.startswith("layers") else module.in_features) ** -0.5
            assert value.abs().max() <= bound
            if value.numel() > 1000:
                assert value.std().item() == pytest.approx(bound / 3**0.5, rel=0.03), name
                assert abs(value.mean().item()) < 0.05 * bound


def test_a_network_that_cannot_be_used_is_refused_with_its_path(monkeypatch) -> None:
    module = types.ModuleType("desk_of_networks")
    module.Nothing = lambda settings, features, seed: None
    module.Failing = lambda settings: None
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for name, message in (
        ("Nothing", "returned a NoneType; it must return a torch.nn.Module"),
        ("Failing", r"failed \(TypeError: .* the number of features and the seed"),
        ("Absent", "cannot be loaded"),
    ):
        with pytest.raises(SettingsError, match=rf"models.<name>.network = 'desk_of_networks:{name}' {message}"):
            build_network(ModelSettings(network=f"desk_of_networks:{name}"), 3, 0)
