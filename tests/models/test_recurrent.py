"""Tests that the fast layers equal those of torch in states, gradients and parameters, and compute each stock independently."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

from assets.models import recurrent
from assets.models.recurrent import WIDTH, GRULayer, LSTMLayer

KINDS = {"GRU": (nn.GRU, GRULayer), "LSTM": (nn.LSTM, LSTMLayer)}
kinds = st.sampled_from(sorted(KINDS))


def _pair(kind: str, features: int, hidden: int, bidirectional: bool) -> tuple[nn.Module, nn.Module]:
    """A layer of torch and one of ours, initialised from the same generator."""
    layers = []
    for maker in KINDS[kind]:
        torch.manual_seed(0)
        layers.append(maker(features, hidden, bidirectional=bidirectional))
    return layers[0], layers[1]


def _flat(output: tuple) -> list[Tensor]:
    states, last = output
    return [states, *(last if isinstance(last, tuple) else (last,))]


def _assert_close(ours: list[Tensor], theirs: list[Tensor]) -> None:
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a.detach(), b.detach(), rtol=1e-5, atol=1e-5 * max(1, float(b.detach().abs().max())))


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@settings(max_examples=60, deadline=None)
@given(
    kind=kinds, steps=st.integers(1, 9), names=st.integers(1, 150), features=st.integers(1, 70),
    hidden=st.integers(1, 70), bidirectional=st.booleans(), used=st.sets(st.sampled_from("sle"), min_size=1),
    seed=st.integers(0, 2**31),
)  # fmt: skip
def test_states_and_gradients_equal_those_of_torch(kind, steps, names, features, hidden, bidirectional, used, seed):
    theirs, ours = _pair(kind, features, hidden, bidirectional)
    noise = torch.Generator().manual_seed(seed)
    x = torch.randn(steps, names, features, generator=noise)
    found = []
    for layer in (theirs, ours):
        own = x.clone().requires_grad_()
        outputs = _flat(layer(own))
        # The loss uses all states, the last state or the last cell, in any combination.
        chosen = [each for each, key in zip(outputs, "sle", strict=False) if key in used] or outputs[:1]
        torch.manual_seed(seed)
        sum((each * torch.randn(each.shape)).sum() for each in chosen).backward()
        found.append([*outputs, own.grad, *(weight.grad for weight in layer.parameters())])
    _assert_close(found[1], found[0])


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_have_the_names_and_initial_values_of_torch(kind):
    theirs, ours = _pair(kind, 7, 5, True)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(ours.state_dict()[key], value) for key, value in theirs.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_long_sequences_of_production_shape_equal_torch(kind, bidirectional):
    theirs, ours = _pair(kind, 63, 50, bidirectional)
    x = torch.randn(160, 70, 63, generator=torch.Generator().manual_seed(1))
    found = []
    for layer in (theirs, ours):
        states, *_ = _flat(layer(x))
        states.square().mean().backward()
        found.append([states, *(weight.grad for weight in layer.parameters())])
    _assert_close(found[1], found[0])


@pytest.mark.parametrize("kind", KINDS)
def test_without_gradients_states_are_equal_and_nothing_is_kept(kind):
    _, ours = _pair(kind, 6, 4, True)
    x = torch.randn(5, 70, 6)
    trained = _flat(ours(x))
    ours.eval()
    with torch.no_grad():
        plain = _flat(ours(x))
    assert all(torch.equal(a, b) for a, b in zip(trained, plain, strict=True))
    assert not any(each.requires_grad for each in plain)


@pytest.mark.parametrize("kind", KINDS)
def test_the_output_of_a_stock_does_not_depend_on_other_stocks_or_threads(kind):
    _, ours = _pair(kind, 6, 5, True)
    x = torch.randn(7, 3 * WIDTH + 1, 6)
    with torch.no_grad():
        whole = ours(x)[0]
        order = torch.randperm(x.shape[1])
        assert torch.equal(ours(x[:, order])[0], whole[:, order])
        assert torch.equal(torch.cat([ours(part)[0] for part in x.split(50, dim=1)], dim=1), whole)
    gradients = []
    for threads in (1, 2):
        ours.zero_grad()
        with recurrent.use_threads(threads):
            ours(x)[0].square().sum().backward()
        gradients.append([weight.grad.clone() for weight in ours.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_reused_memory_is_not_in_use(kind):
    _, ours = _pair(kind, 6, 5, True)
    batches = [torch.randn(7, names, 6) for names in (70, 130, 20, 130)]

    def gradients() -> list[Tensor]:
        losses = [ours(x)[0].square().sum() for x in batches]  # all in memory at once, then released one by one
        found = [torch.autograd.grad(loss, list(ours.parameters())) for loss in reversed(losses)]
        found += [torch.autograd.grad(ours(x)[0].sum(), list(ours.parameters())) for x in batches]
        return [each for one in found for each in one]

    plain = gradients()
    with recurrent.use_threads(1):
        handed_on = [gradients(), gradients()]
        assert recurrent._own.spare
    assert not hasattr(recurrent._own, "spare")
    assert all(torch.equal(a, b) for again in handed_on for a, b in zip(again, plain, strict=True))


def test_a_slice_of_the_stocks_is_supported():
    _, ours = _pair("GRU", 6, 5, False)
    x = torch.randn(4, 90, 6)
    with torch.no_grad():
        assert torch.equal(ours(x[:, 10:80])[0], ours(x[:, 10:80].contiguous())[0])
        every_other = torch.randn(4, 90, 12)[:, :, ::2]
        assert torch.equal(ours(every_other)[0], ours(every_other.contiguous())[0])


def test_a_gradient_may_be_computed_twice():
    _, ours = _pair("LSTM", 3, 4, False)
    loss = ours(torch.randn(3, 5, 3))[0].square().sum()
    first = torch.autograd.grad(loss, ours.weight_hh_l0, retain_graph=True)[0]
    assert torch.equal(first, torch.autograd.grad(loss, ours.weight_hh_l0)[0])


def test_second_derivatives_are_refused():
    _, ours = _pair("GRU", 3, 4, False)
    x = torch.randn(3, 5, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="first derivatives only"):
        torch.autograd.grad(ours(x)[0].sum(), x, create_graph=True)


def test_nan_only_affects_its_own_stock():
    _, ours = _pair("GRU", 3, 4, False)
    x = torch.randn(3, 70, 3)
    x[1, 20, 0] = float("nan")
    with torch.no_grad():
        states = ours(x)[0]
    assert states[1:, 20].isnan().all()
    assert states[:, torch.arange(70) != 20].isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ["float64", "initial state", "autocast", "layers", "batch first", "no bias"])
def test_unsupported_cases_use_torch(kind, case, monkeypatch):
    def never(*_):
        raise AssertionError("our kernels ran")

    options = {"layers": {"num_layers": 2}, "batch first": {"batch_first": True}, "no bias": {"bias": False}}
    layer = KINDS[kind][1](3, 4, **options.get(case, {}))
    x = torch.randn(2, 5, 3)
    monkeypatch.setattr(recurrent._Layer, "apply", never)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=case == "autocast"):
        if case == "float64":
            layer, x = layer.double(), x.double()
        state = torch.zeros(1, 5, 4)
        initial = (state if kind == "GRU" else (state, state)) if case == "initial state" else None
        try:
            expected = KINDS[kind][0](3, 4, **options.get(case, {})).to(x.dtype)(x, initial)[0].shape
        except RuntimeError:  # torch has no LSTM in bfloat16 for a processor without AVX-512
            assert case == "autocast"
            with pytest.raises(RuntimeError):
                layer(x, initial)
            return
        assert layer(x, initial)[0].shape == expected


def test_activations_are_within_a_few_units_in_the_last_place():
    x = np.concatenate([np.linspace(-12, 12, 200_001), np.logspace(-30, 0, 10_000)]).astype(np.float32)
    exact = np.tanh(x.astype(np.float64))
    ours = np.array([recurrent._tanh(each) for each in x])
    assert np.max(np.abs(ours - exact) / np.spacing(np.abs(exact).astype(np.float32))) <= 5
    sigmoid = np.array([recurrent._sigmoid(each) for each in x])
    assert np.max(np.abs(sigmoid - 1 / (1 + np.exp(-x.astype(np.float64))))) <= 2e-7
