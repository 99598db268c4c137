"""Tests of training: repeatability, batches, chunks, memory, precision, progress and use of later data."""

import dataclasses
import re

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import spearmanr

from assets.models import device, training
from assets.models.device import repeatable
from assets.models.labels import make_labels
from assets.models.networks import build_network
from assets.models.orthogonal import Exposures, arrange_exposures
from assets.models.training import evaluate, last_sequences, make_samples, outputs, train_network, train_networks
from assets.models.windows import training_window, window_days
from resources.errors import SettingsError
from resources.settings.models import ModelSettings

CPU = torch.device("cpu")


def split(panel, labels, row, train_days, valid_days):
    """Samples whose sequences end on the first `train_days` possible days, and on the last `valid_days`."""
    samples = make_samples(panel, labels.astype(np.float32), row, CPU)
    first = row.sequence_days - 1
    train = samples.of(panel.days[first], panel.days[first + train_days - 1])
    return train, samples.of(panel.days[-valid_days], panel.days[-1])


def noise(plain_panel, seed=0, days=16, stocks=24, features=4):
    rng = np.random.default_rng(seed)
    return plain_panel(rng.normal(size=(days, 4, stocks, features))), rng.normal(size=(days, stocks))


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_the_same_seed_gives_the_same_bits_and_another_does_not(plain_panel, small):
    panel, labels = noise(plain_panel)
    train, valid = split(panel, labels, small, 8, 3)
    with repeatable():
        first, again, other = (train_network(train, valid, small, seed) for seed in (3, 3, 4))
    assert same(first.weights, again.weights)
    assert first.curve == again.curve
    assert not same(first.weights, other.weights)


def test_training_restores_the_threads_and_kernels_of_the_process(plain_panel, small):
    panel, labels = noise(plain_panel)
    train, valid = split(panel, labels, small, 8, 3)
    threads = torch.get_num_threads()
    with repeatable():
        assert torch.get_num_threads() == 1
        train_network(train, valid, small, 0)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_result_does_not_depend_on_global_random_numbers(plain_panel, small):
    panel, labels = noise(plain_panel)
    train, valid = split(panel, labels, small, 8, 3)
    found = []
    for state in (11, 12):
        torch.manual_seed(state)
        found.append(train_network(train, valid, small, 0))
    assert same(found[0].weights, found[1].weights)
    assert found[0].curve == found[1].curve


def test_seeds_trained_in_parallel_equal_seeds_trained_in_sequence(plain_panel, small):
    panel, labels = noise(plain_panel)
    train, valid = split(panel, labels, small, 8, 3)
    row = small.model_copy(update={"seeds": (0, 1, 2), "threads": 3, "layers": 2, "dropout": 0.3})
    with repeatable():
        together = train_networks(train, valid, row)
        alone = {seed: train_network(train, valid, row, seed) for seed in row.seeds}
    assert list(together) == [0, 1, 2]
    for seed in row.seeds:
        assert same(together[seed].weights, alone[seed].weights)
        assert together[seed].curve == alone[seed].curve


def test_an_interrupt_stops_all_seeds(plain_panel, small):
    panel, labels = noise(plain_panel)
    train, valid = split(panel, labels, small, 8, 3)
    row = small.model_copy(update={"seeds": (0, 1, 2), "threads": 2, "epochs": 100_000, "patience": 100_000})

    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_networks(train, valid, row, progress=interrupt)


def test_early_stopping_restores_the_best_weights(plain_panel, small, monkeypatch):
    panel, labels = noise(plain_panel)
    row = small.model_copy(update={"epochs": 30, "patience": 4, "learning_rate": 0.02})
    train, valid = split(panel, labels, row, 8, 3)
    seen = []

    def spy(network, samples, settings, chunks):
        result = evaluate(network, samples, settings, chunks)
        seen.append(({name: value.clone() for name, value in network.state_dict().items()}, result[0]))
        return result

    monkeypatch.setattr(training, "evaluate", spy)
    with repeatable():
        trained = train_network(train, valid, row, 0)
    losses = [loss for _, loss in seen]
    best = int(np.argmin(losses))
    assert [row.valid_loss for row in trained.curve] == losses
    assert [row.epoch for row in trained.curve if row.kept] == [best + 1]
    assert same(trained.weights, seen[best][0])
    assert len(losses) == best + 1 + 4 < 30  # noise cannot be learnt, so that training stopped early
    network = build_network(row, 4, 0)
    network.load_state_dict(trained.weights)
    assert evaluate(network, valid, row)[0] == losses[best]


def test_batches_contain_every_sample_once_in_equal_parts_of_one_date(plain_panel, small):
    panel, labels = noise(plain_panel, stocks=25)
    labels[5, ::3] = np.nan
    samples = make_samples(panel, labels.astype(np.float32), small, CPU)
    batches = training._batches(samples, 10, 0, 1)
    seen = {}
    for day, names in batches:
        assert len(names) <= 10
        seen.setdefault(day, []).append(names)
    for day, names in samples.names.items():
        sizes = [len(part) for part in seen[day]]
        assert max(sizes) - min(sizes) <= 1
        assert sorted(torch.cat(seen[day]).tolist()) == names.tolist()
    assert samples.names[5].tolist() == np.flatnonzero(np.isfinite(labels[5])).tolist()
    assert [day for day, _ in batches] != sorted(day for day, _ in batches)
    assert min(samples.names) == small.sequence_days - 1


def test_sequences_are_slices_of_the_panel(plain_panel, small):
    panel, labels = noise(plain_panel)
    samples = make_samples(panel, labels.astype(np.float32), small, CPU)
    names = torch.tensor([3, 17, 5])
    plain = np.stack([panel.values[4:7, :, n].reshape(-1, 4) for n in names], axis=1)
    np.testing.assert_array_equal(samples.sequences(6, names).numpy(), plain)
    everyone = samples.sequences(6, torch.arange(24))
    assert everyone.data_ptr() == samples.values[16:].data_ptr()  # no copy


@pytest.mark.parametrize("storage", ["float32", "float16"])
def test_sequences_are_float32_for_every_storage(storage, plain_panel, small):
    panel, labels = noise(plain_panel)
    stored = dataclasses.replace(panel, values=panel.values.astype(storage))
    samples = make_samples(stored, labels.astype(np.float32), small, CPU)
    for names in (torch.arange(24), torch.tensor([2, 3, 11])):
        found = samples.sequences(6, names)
        assert found.dtype == torch.float32
        plain = stored.values[4:7].reshape(12, 24, 4)[:, names].astype(np.float32)
        np.testing.assert_array_equal(found.numpy(), plain)
    last = last_sequences(stored, np.array([5, 7]), small, CPU)
    np.testing.assert_array_equal(last.numpy(), stored.values[-3:].reshape(12, 24, 4)[:, [5, 7]].astype(np.float32))


def test_a_mapped_panel_gives_the_same_training(plain_panel, small, tmp_path):
    panel, labels = noise(plain_panel)
    mapped = np.memmap(tmp_path / "values", dtype=np.float32, mode="w+", shape=panel.values.shape)
    mapped[:] = panel.values
    found = [
        train_networks(*split(one, labels, small, 8, 3), small)
        for one in (panel, dataclasses.replace(panel, values=mapped))
    ]
    assert all(same(found[0][seed].weights, found[1][seed].weights) for seed in small.seeds)


# --- chunks, memory, precision ------------------------------------------------------------------------------------------

NETWORKS = {
    "gru": {"layers": 2},
    "residual_attention_lstm": {"layers": 2},
    "attention_gru": {"layers": 2, "head": (6, 4)},
}


def exposures_of(names, seed=0):
    rng = np.random.default_rng(seed)
    industries = np.eye(3)[np.arange(names) % 3]
    root = np.sqrt(rng.lognormal(size=names))
    columns = np.hstack([industries, rng.normal(size=(names, 2))])
    return Exposures(torch.from_numpy(columns), torch.from_numpy(root / root.mean()))


@pytest.mark.parametrize("layer", [False, True], ids=["plain", "orthogonal"])
@pytest.mark.parametrize("loss", ["ic", "mse"])
@pytest.mark.parametrize("kind", NETWORKS)
def test_gradients_in_chunks_equal_those_of_the_whole_batch(kind, loss, layer):
    """The comparison is in float64, without rounding that could hide an error, and includes dropout."""
    row = ModelSettings.model_validate({"network": kind, "hidden": 6, "dropout": 0.4, "loss": loss} | NETWORKS[kind])
    network = build_network(row, 5, 0).double().train()
    random = torch.Generator().manual_seed(1)
    x = torch.randn(7, 33, 5, generator=random, dtype=torch.float64)
    y = torch.randn(33, generator=random, dtype=torch.float64)
    found = {}
    for chunk in (33, 100, 16, 11, 5, 1):
        network.zero_grad()
        network.dropout.begin(3, 33)
        value = training.add_gradients(network, x, y, exposures_of(33) if layer else None, row, chunk)
        found[chunk] = value, {name: parameter.grad.clone() for name, parameter in network.named_parameters()}
    loss_of_all, gradients = found.pop(33)
    largest = max(gradient.abs().max() for gradient in gradients.values())
    assert largest > 1e-3
    for value, other in found.values():
        torch.testing.assert_close(value, loss_of_all, rtol=1e-12, atol=1e-14)
        for name, gradient in gradients.items():
            torch.testing.assert_close(other[name], gradient, rtol=1e-9, atol=float(1e-11 * largest))


def test_dropout_changes_these_gradients():
    row = ModelSettings(hidden=6, layers=2, dropout=0.4)
    network = build_network(row, 5, 0).train()
    x, y = torch.randn(7, 33, 5), torch.randn(33)
    found = []
    for batch in (3, 3, 4):
        network.zero_grad()
        network.dropout.begin(batch, 33)
        training.add_gradients(network, x, y, None, row, 10)
        found.append(network.head[0].weight.grad.clone())
    assert torch.equal(found[0], found[1])
    assert not torch.allclose(found[0], found[2])


def test_outputs_in_chunks_equal_those_of_the_whole_date():
    for kind, changes in NETWORKS.items():
        row = ModelSettings.model_validate({"network": kind, "hidden": 6, "batch_names": 0} | changes)
        network = build_network(row, 5, 0)
        x, exposures = torch.randn(7, 33, 5), exposures_of(33)
        whole = outputs(network, x, exposures, row)
        for chunk in (40, 16, 5):
            part = outputs(network, x, exposures, row.model_copy(update={"chunk_names": chunk}))
            torch.testing.assert_close(part, whole, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose((exposures.columns * exposures.weight[:, None]).T @ whole.double(), 0, atol=1e-4)


def test_training_with_the_orthogonal_layer(plain_panel, small):
    """Stocks without exposures are no samples, outputs are orthogonal in training and validation, chunks only change rounding."""
    panel, labels = noise(plain_panel)
    rng = np.random.default_rng(3)
    styles = pl.DataFrame(
        [
            (day, symbol, f"I{n % 3}", None if n == 4 else 1e9 * (1 + n), float(rng.normal()))
            for day in panel.days
            for n, symbol in enumerate(panel.symbols)
        ],
        schema={
            "date": pl.Date,
            "symbol": pl.String,
            "industry": pl.String,
            "total_mv": pl.Float64,
            "size": pl.Float64,
        },
        orient="row",
    )
    columns = ("industry", "size")
    exposures = arrange_exposures(styles.lazy(), days=panel.days, symbols=panel.symbols, columns=columns)
    row = small.model_copy(update={"orthogonal_layer": columns, "batch_names": 0, "loss": "mse", "seeds": (0,)})
    samples = make_samples(panel, labels.astype(np.float32), row, CPU, exposures)
    assert all(4 not in names.tolist() for names in samples.names.values())
    train, valid = samples.of(panel.days[2], panel.days[9]), samples.of(panel.days[13], panel.days[15])
    found = train_networks(train, valid, row)[0]
    assert len(found.curve) == row.epochs
    chunked = train_networks(train, valid, row.model_copy(update={"chunk_names": 7}))[0]
    for one, other in zip(found.curve, chunked.curve, strict=True):
        assert (other.train_loss, other.valid_loss) == pytest.approx((one.train_loss, one.valid_loss), rel=1e-4)
    network = build_network(row, 4, 0)
    network.load_state_dict(found.weights)
    names = valid.names[14]
    own = valid.exposures_of(14, names)
    e = outputs(network, valid.sequences(14, names), own, row).double()
    assert ((own.columns * own.weight[:, None]).T @ e).abs().max() < 1e-5 * len(names)


class Memory:
    """An allocator that fails if more than `names` stocks pass with a graph, or once at a given attempt."""

    def __init__(self, monkeypatch, error, *, names=10**9, once=0):
        self.attempts, self.passes = 0, training._network

        def network(module, x, settings):
            if torch.is_grad_enabled():
                self.attempts += 1
                if x.shape[1] > names or self.attempts == once:
                    self.passes(module, x, settings).sum().backward()  # these gradients must not be used
                    raise error
            return self.passes(module, x, settings)

        monkeypatch.setattr(training, "_network", network)


OUT_OF_MEMORY = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_chunks_are_halved_until_memory_suffices_and_a_failure_has_no_effect(plain_panel, small, monkeypatch):
    panel, labels = noise(plain_panel)
    row = small.model_copy(update={"seeds": (0,), "layers": 2, "dropout": 0.3})
    train, valid = split(panel, labels, row, 8, 3)
    given = train_networks(train, valid, row.model_copy(update={"chunk_names": 6}))[0]
    monkeypatch.setattr(device, "FEWEST_NAMES", 2)
    Memory(monkeypatch, OUT_OF_MEMORY, names=7)
    lines = []
    found = train_networks(train, valid, row, progress=lines.append)[0]
    assert found.chunk == 6  # of 24: 12, 6
    assert [line for line in lines if "memory ran out" in line] == lines[:2]
    assert lines[1].startswith("seed 0 ")
    assert "6 stocks at a time" in lines[1]
    assert same(found.weights, given.weights)
    assert found.curve == given.curve


@pytest.mark.parametrize("once", [1, 9, 20])
def test_running_out_of_memory_during_training_only_changes_rounding(once, plain_panel, small, monkeypatch):
    panel, labels = noise(plain_panel)
    # Not the loss "ic", which does not depend on the last bias, so that Adam amplifies rounding.
    row = small.model_copy(update={"seeds": (0,), "dropout": 0.3, "loss": "mse"})
    train, valid = split(panel, labels, row, 8, 3)
    monkeypatch.setattr(device, "FEWEST_NAMES", 2)
    calm = train_networks(train, valid, row)[0]
    with monkeypatch.context() as patch:
        Memory(patch, OUT_OF_MEMORY, once=once)
        found = train_networks(train, valid, row)[0]
    assert (calm.chunk, found.chunk) == (0, 12)
    for name, value in calm.weights.items():
        torch.testing.assert_close(found.weights[name], value, rtol=1e-3, atol=1e-5)


def test_a_resumed_training_keeps_the_reduced_chunk(plain_panel, small, monkeypatch, tmp_path):
    panel, labels = noise(plain_panel)
    row = small.model_copy(update={"seeds": (0,), "dropout": 0.3})
    train, valid = split(panel, labels, row, 8, 3)
    monkeypatch.setattr(device, "FEWEST_NAMES", 2)

    def interrupt(line):
        if "epoch 1/3" in line:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        Memory(patch, OUT_OF_MEMORY, once=3)
        whole = train_networks(train, valid, row)[0]
    with monkeypatch.context() as patch:
        Memory(patch, OUT_OF_MEMORY, once=3)
        with pytest.raises(KeyboardInterrupt):
            train_networks(train, valid, row, work=tmp_path, progress=interrupt)
    again = train_networks(train, valid, row, work=tmp_path)[0]
    assert again.chunk == whole.chunk == 12
    assert same(again.weights, whole.weights)
    assert again.curve == whole.curve


def test_insufficient_memory_is_an_error_with_a_remedy(plain_panel, small, monkeypatch):
    panel, labels = noise(plain_panel)
    Memory(monkeypatch, OUT_OF_MEMORY, names=0)
    with pytest.raises(SettingsError, match="Memory does not suffice for 24 stocks in the network at once"):
        train_networks(*split(panel, labels, small, 8, 3), small)


def test_another_error_is_not_treated_as_lack_of_memory(plain_panel, small, monkeypatch):
    panel, labels = noise(plain_panel)
    Memory(monkeypatch, RuntimeError("shapes don't match"), names=0)
    with pytest.raises(RuntimeError, match="shapes don't match"):
        train_networks(*split(panel, labels, small, 8, 3), small)


def test_an_error_of_one_seed_is_raised_at_once(plain_panel, small, monkeypatch):
    panel, labels = noise(plain_panel)
    row = small.model_copy(update={"seeds": (0, 1), "threads": 2, "epochs": 100_000, "patience": 100_000})
    build = training.build_network

    def fail(settings, features, seed):
        if seed == 1:
            raise ValueError("seed 1 can't")
        return build(settings, features, seed)

    monkeypatch.setattr(training, "build_network", fail)
    with pytest.raises(ValueError, match="seed 1 can't"):
        train_networks(*split(panel, labels, row, 8, 3), row)


def test_divergence_is_an_error_that_names_the_learning_rate(plain_panel, small):
    panel, labels = noise(plain_panel)
    row = small.model_copy(update={"learning_rate": 1e30, "loss": "mse"})
    with pytest.raises(SettingsError, match=r"diverged in epoch 1.*learning_rate"):
        train_networks(*split(panel, labels, row, 8, 3), row)


def planted(plain_panel, row, days=40, stocks=60, features=4):
    """Samples with a signal in the bars of the last day, and later days for validation."""
    rng = np.random.default_rng(5)
    values = rng.normal(size=(days, 2, stocks, features))
    signal = values[:, -1, :, 0] - 0.5 * values[:, 0, :, 1]
    labels = signal + 1.5 * signal.std() * rng.normal(size=signal.shape)
    samples = make_samples(plain_panel(values), labels.astype(np.float32), row, CPU)
    return tuple(samples.of(samples.days[a], samples.days[b]) for a, b in ((0, 23), (24, 29), (30, days - 1)))


class FloatOnly(torch.nn.Linear):
    """A layer without a kernel in half precision, as torch's LSTM on a processor without AVX-512."""

    def forward(self, x):
        if torch.is_autocast_enabled("cpu"):
            raise RuntimeError("could not create a primitive")
        return super().forward(x[-1]).squeeze(-1)


def test_a_network_that_torch_cannot_compute_in_half_precision_is_refused(plain_panel, small, monkeypatch):
    row = small.model_copy(update={"sequence_days": 2, "epochs": 1, "seeds": (0,)})
    train, valid, _ = planted(plain_panel, row)
    monkeypatch.setattr(training, "build_network", lambda settings, features, seed: FloatOnly(features, 1))
    assert 0 in train_networks(train, valid, row)
    half = row.model_copy(update={"precision": "bfloat16"})
    with pytest.raises(SettingsError, match=r"'gru' in bfloat16 on this device \(cpu.*set precision = \"float32\""):
        train_networks(train, valid, half)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["ic", "mse"])
def test_half_precision_learns_as_well(loss, plain_panel, small):
    """The mean difference of the validation ICs of four seeds is within its own noise and within .01."""
    row = small.model_copy(
        update={
            "hidden": 12,
            "sequence_days": 2,
            "epochs": 20,
            "learning_rate": 1e-2,
            "loss": loss,
            "seeds": (0, 1, 2, 3),
        }
    )
    train, valid, held_out = planted(plain_panel, row)
    ics = {}
    for precision in ("float32", "bfloat16"):
        chosen = row.model_copy(update={"precision": precision})
        trained = train_networks(train, valid, chosen)
        for seed, one in trained.items():
            assert all(value.dtype == torch.float32 for value in one.weights.values())
            network = build_network(chosen, 4, seed)
            network.load_state_dict(one.weights)
            ics.setdefault(precision, []).append(evaluate(network, held_out, chosen)[1])
    difference = np.array(ics["bfloat16"]) - np.array(ics["float32"])
    assert np.mean(ics["float32"]) > 0.4
    assert abs(difference.mean()) < max(0.01, 3 * difference.std(ddof=1) / np.sqrt(len(difference)))
    assert abs(difference.mean()) < 0.03
    assert difference.any()


# --- warm start and progress --------------------------------------------------------------------------------------------


def test_a_warm_start_uses_the_given_weights(plain_panel, small):
    panel, labels = noise(plain_panel)
    row = small.model_copy(update={"learning_rate": 1e-9, "epochs": 1})
    train, valid = split(panel, labels, row, 8, 3)
    given = {name: value + 0.25 for name, value in build_network(row, 4, 5).state_dict().items()}
    found = train_networks(train, valid, row, initial={1: given})
    for name, value in given.items():
        torch.testing.assert_close(found[1].weights[name], value, rtol=0, atol=1e-6)
    assert same(
        found[0].weights, train_networks(train, valid, row)[0].weights
    )  # this seed has no initial weights and draws its own
    network = build_network(row, 4, 1)
    network.load_state_dict(given)
    assert found[1].curve[0].valid_loss == pytest.approx(evaluate(network, valid, row)[0], abs=1e-6)


def test_progress_reports_speed_and_remaining_time(plain_panel, small, monkeypatch):
    panel, labels = noise(plain_panel)
    row = small.model_copy(update={"epochs": 3, "patience": 9})
    train, valid = split(panel, labels, row, 8, 3)
    lines = []
    found = train_networks(train, valid, row, progress=lines.append)
    assert len(lines) == 6
    pattern = (
        r"seed [01] epoch \d/3: validation loss -?0\.\d{4} IC -?0\.\d{4}, .+ batches/s, .+ samples/s, at most .+ left"
    )
    assert all(re.fullmatch(pattern, line) for line in lines), lines
    assert lines[-1].endswith("at most 0 s left")
    assert all(epoch.seconds > 0 for one in found.values() for epoch in one.curve)
    monkeypatch.setattr(training, "PROGRESS_EVERY", 0.0)
    lines.clear()
    train_networks(train, valid, row, progress=lines.append)
    assert re.fullmatch(r"seed 0 epoch 1/3: batch 2/8, .+ batches/s, .+ samples/s, .+ left in the epoch", lines[1])


def test_time_left_counts_all_seeds_and_workers(small):
    pace = training.Pace(small.model_copy(update={"seeds": (0, 1, 2), "epochs": 10}), workers=2)
    assert pace.left(0, 9, 4.0) == pytest.approx((9 + 10 + 10) / 2 * 4)
    assert pace.left(0, 0, 4.0) == pytest.approx(20 / 2 * 4)
    assert [training.in_words(seconds) for seconds in (0.4, 119, 600, 7199, 40_000)] == [
        "0 s", "119 s", "10 min", "120 min", "11.1 h",
    ]  # fmt: skip


# --- the results of a training ------------------------------------------------------------------------------------------


def test_training_does_not_use_data_after_its_border(make_market, small):
    """Training is unchanged to the bit if later features show their labels and prices after v₀ are replaced.

    A feature that shows its label on a training day must change it.
    """
    market = make_market(days=40, names=30, suspended=0.02)
    row = small.model_copy(update={"epochs": 1})
    week = market.calendar.week_of(market.days[-1])
    window = training_window(market.calendar, week, row, market.days[0])
    days = window.feature_days(market.calendar)
    symbols = tuple(sorted(market.securities["symbol"].unique()))

    def labels_of(prices):
        return make_labels(
            prices.lazy(), market.securities.lazy(), days=days, symbols=symbols, settings=row,
            price_days=window_days(market.calendar, week, row, market.days[0]),
        )  # fmt: skip

    def weights_of(values, labels):
        panel = build(values)
        samples = make_samples(panel, labels, row, CPU)
        with repeatable():
            train = samples.of(window.first_train, window.last_train)
            return train_network(train, samples.of(window.first_valid, window.last_valid), row, 0).weights

    def build(values):
        from assets.models.panel import FeaturePanel

        whole = np.ones(values.shape[:1] + values.shape[2:3], dtype=bool)
        entries = values.shape[1] * values.shape[3]
        return FeaturePanel(
            tuple(days), symbols, ("a", "b"), (), values, whole, np.full(whole.shape, entries), np.full(len(days), entries),
            whole,
        )  # fmt: skip

    import polars as pl

    values = np.random.default_rng(0).normal(size=(len(days), 4, 30, 2)).astype(np.float32)
    labels = labels_of(market.daily_prices)
    base = weights_of(values, labels)

    after = days.index(window.last_train) + 1
    planted = values.copy()
    planted[after:, :, :, 0] = np.nan_to_num(labels[after:, None]) * 50
    future = market.daily_prices.with_columns(
        pl.when(pl.col("date") > window.first_valid).then(pl.col(c) * (1 + pl.col("volume") / 1e5)).otherwise(c)
        for c in ("close", "vwap")
    )
    moved = labels_of(future)
    np.testing.assert_array_equal(moved[:after], labels[:after])
    assert not np.array_equal(moved[after:], labels[after:], equal_nan=True)
    assert same(weights_of(planted, moved), base)

    planted[after - 1, :, :, 0] = np.nan_to_num(labels[after - 1, None]) * 50
    assert not same(weights_of(planted, moved), base)


def test_memorised_labels_do_not_predict_across_the_border(make_market, small):
    """With iid returns the last training label of a stock does not predict its first validation label.

    Without the purge the labels overlap, and it predicts it almost completely."""
    row = small.model_copy(update={"horizon": 5})
    across, beside = [], []
    for seed in range(30):
        market = make_market(seed=seed, days=40, names=30, bars=(), suspended=0.0)
        week = market.calendar.week_of(market.days[-1])
        window = training_window(market.calendar, week, row, market.days[0])
        labels = make_labels(
            market.daily_prices.lazy(), market.securities.lazy(), price_days=market.days, days=market.days,
            symbols=sorted(market.securities["symbol"].unique()), settings=row,
        )  # fmt: skip
        at = {day: position for position, day in enumerate(market.days)}
        first_valid = at[window.first_valid]
        both = np.isfinite(labels).all(axis=0) | np.isfinite(labels[[at[window.last_train], first_valid]]).all(axis=0)
        both &= np.isfinite(labels[first_valid - 1])
        across.append(np.corrcoef(labels[at[window.last_train], both], labels[first_valid, both])[0, 1])
        beside.append(np.corrcoef(labels[first_valid - 1, both], labels[first_valid, both])[0, 1])
    assert abs(np.mean(across)) < 3 * np.std(across) / np.sqrt(len(across))
    assert np.mean(beside) > 0.6


def test_a_planted_linear_signal_is_found_as_well_as_by_a_linear_model(plain_panel, small):
    rng = np.random.default_rng(5)
    days, stocks, features = 46, 80, 4
    values = rng.normal(size=(days, 2, stocks, features))
    row = small.model_copy(update={"hidden": 16, "sequence_days": 2, "epochs": 25, "learning_rate": 5e-3})
    flat = np.stack([values[d - 1 : d + 1].transpose(2, 0, 1, 3).reshape(stocks, -1) for d in range(1, days)])
    slope = np.tile([1.0, -0.5, 0.0, 0.0], 4) * np.repeat([0.5, 0.5, 1.0, 1.0], 4)
    signal = flat @ slope
    labels = np.vstack([np.full((1, stocks), np.nan), signal + 3 * signal.std() * rng.normal(size=signal.shape)])
    panel = plain_panel(values)
    samples = make_samples(panel, labels.astype(np.float32), row, CPU)
    with repeatable():
        trained = train_network(
            samples.of(panel.days[1], panel.days[25]), samples.of(panel.days[26], panel.days[33]), row, 0
        )
    network = build_network(row, features, 0)
    network.load_state_dict(trained.weights)
    beta = np.linalg.lstsq(flat[:33].reshape(-1, flat.shape[-1]), labels[1:34].ravel(), rcond=None)[0]
    ours, linear = [], []
    for day in range(34, days):
        x = torch.from_numpy(panel.sequence(day, 2).copy())
        ours.append(spearmanr(outputs(network, x, None, row), labels[day]).statistic)
        linear.append(spearmanr(flat[day - 1] @ beta, labels[day]).statistic)
    assert np.mean(linear) > 0.2
    assert np.mean(ours) > np.mean(linear) - 0.03
