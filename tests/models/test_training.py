import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from assets.models import training
from assets.models.device import choose_device, repeatable
from assets.models.labels import make_labels
from assets.models.networks import build_network
from assets.models.training import evaluate, make_samples, outputs, train_network, train_networks
from assets.models.windows import training_window, window_days
from resources.errors import SettingsError

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


def test_the_process_keeps_its_threads_and_kernels(plain_panel, small):
    panel, labels = noise(plain_panel)
    train, valid = split(panel, labels, small, 8, 3)
    threads = torch.get_num_threads()
    with repeatable():
        assert torch.get_num_threads() == 1
        train_network(train, valid, small, 0)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_result_does_not_depend_on_the_processs_random_numbers(plain_panel, small):
    panel, labels = noise(plain_panel)
    train, valid = split(panel, labels, small, 8, 3)
    found = []
    for state in (11, 12):
        torch.manual_seed(state)
        found.append(train_network(train, valid, small, 0))
    assert same(found[0].weights, found[1].weights)
    assert found[0].curve == found[1].curve


def test_seeds_side_by_side_are_those_one_after_another(plain_panel, small):
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


def test_an_interrupt_ends_all_seeds(plain_panel, small):
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
    assert len(losses) == best + 1 + 4 < 30  # noise cannot be learnt: it stopped early
    network = build_network(row, 4, 0)
    network.load_state_dict(trained.weights)
    assert evaluate(network, valid, row)[0] == losses[best]


def test_batches_hold_every_sample_once_in_equal_parts_of_one_date(plain_panel, small):
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


def test_sequences_are_the_slices_of_their_names(plain_panel, small):
    panel, labels = noise(plain_panel)
    samples = make_samples(panel, labels.astype(np.float32), small, CPU)
    names = torch.tensor([3, 17, 5])
    plain = np.stack([panel.values[4:7, :, n].reshape(-1, 4) for n in names], axis=1)
    np.testing.assert_array_equal(samples.sequences(6, names).numpy(), plain)
    everyone = samples.sequences(6, torch.arange(24))
    assert everyone.data_ptr() == samples.values[16:].data_ptr()  # no copy


def test_prediction_does_not_depend_on_how_many_go_at_once(plain_panel, small):
    panel, _ = noise(plain_panel)
    torch.manual_seed(0)
    network, x = build_network(small, 4, 0), torch.from_numpy(panel.sequence(9, 3).copy())
    few = small.model_copy(update={"chunk_names": 5})
    np.testing.assert_allclose(outputs(network, x, None, few), outputs(network, x, None, small), atol=1e-6)


def test_what_lies_after_a_border_has_no_part_in_what_lies_before(make_market, small):
    """Plant the future: every day after the last training day shows its own label, prices after v₀ are others.

    Training must not notice, to the bit; a plant on a training day it must notice.
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
        from assets.models.panel import Panel

        whole = np.ones(values.shape[:1] + values.shape[2:3], dtype=bool)
        entries = values.shape[1] * values.shape[3]
        return Panel(
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


def test_memorised_labels_are_worth_nothing_across_the_border(make_market, small):
    """iid returns: what a name's last training label was says nothing of its first validation label; without the purge,
    with labels that overlap, it says nearly everything."""
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


def test_devices():
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type in ("cpu", "cuda")
    with pytest.raises(SettingsError, match="none of"):
        choose_device("gpu")
    with pytest.raises(SettingsError, match="not there"):
        choose_device("cuda:99")
