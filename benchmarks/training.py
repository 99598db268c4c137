"""Training: our step against a bare torch loop, and sequences as slices against a per-sample loader.

    python -m benchmarks.training

Both sides run in turn in the same process, on the same arrays, on one thread; the medians are compared.
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from assets.models.device import repeatable
from assets.models.networks import build_network, pearson
from assets.models.panel import Panel
from assets.models.training import Samples, make_samples, train_network
from resources.calendar import Calendar
from resources.settings.models import ModelSettings

ROUNDS = 3


def main() -> list[dict[str, Any]]:
    """Result rows: name, unit, ours, peer, ratio, target, floor."""
    with repeatable():
        return [training_step(), sequence_batches()]


def training_step(days: int = 6, stocks: int = 120) -> dict[str, Any]:
    """Samples/s of GRU(50,1) on 160 steps of 63 features: an epoch of `train_network` against its passes alone."""
    settings = ModelSettings(device="cpu", epochs=1, dropout=0.0)
    samples = _samples(settings, settings.sequence_days + days, 8, stocks, 63)
    train, valid = samples.of(samples.days[0], samples.days[-2]), samples.of(samples.days[-1], samples.days[-1])

    def tensors(part: Samples) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [(part.sequences(day, names).clone(), part.labels[day][names]) for day, names in part.names.items()]

    ready, (held_out,) = tensors(train), tensors(valid)

    def bare() -> None:
        network = build_network(settings, 63, 0)
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
        for x, y in ready:
            optimiser.zero_grad(set_to_none=True)
            (-pearson(network(x), y)).backward()
            optimiser.step()
        with torch.no_grad():
            pearson(network(held_out[0]), held_out[1])

    ours, peer = _seconds(lambda: train_network(train, valid, settings, 0), bare)
    return _row(
        "training step, GRU(50,1), 120 x 160 x 63, CPU, against a bare torch loop", "samples/s", train.count / ours,
        train.count / peer, target=0.9,
    )  # fmt: skip


def sequence_batches(days: int = 240, stocks: int = 800, features: int = 10, steps: int = 40) -> dict[str, Any]:
    """Batches/s of one date's sequences from a [day, stock, feature] panel, against a Dataset read by a DataLoader."""
    settings = ModelSettings(sequence_days=steps)
    samples = _samples(settings, days, 1, stocks, features)
    # All names but one: the general case, in which a batch is copied.
    batches = [(day, names[:-1]) for day, names in samples.names.items()]
    by_stock = np.ascontiguousarray(samples.values.numpy().transpose(1, 0, 2))
    shown = batches[:4]

    class PerSample(Dataset):
        def __len__(self) -> int:
            return len(shown) * (stocks - 1)

        def __getitem__(self, position: int) -> np.ndarray:
            day, stock = divmod(position, stocks - 1)
            last = shown[day][0]
            return by_stock[stock, last + 1 - steps : last + 1]

    def slices() -> None:
        for day, names in batches:
            samples.sequences(day, names)

    def loader() -> None:
        for _ in DataLoader(PerSample(), batch_size=stocks - 1):
            pass

    ours, peer = _seconds(slices, loader)
    return _row(
        f"batches of {stocks} sequences of {steps} steps x {features} features, against a per-sample DataLoader",
        "batches/s", len(batches) / ours, len(shown) / peer, target=None,
    )  # fmt: skip


def _samples(settings: ModelSettings, days: int, bars: int, stocks: int, features: int) -> Samples:
    rng = np.random.default_rng(0)
    values = rng.standard_normal((days, bars, stocks, features), dtype=np.float32)
    whole, entries = np.ones((days, stocks), dtype=bool), bars * features
    calendar = Calendar.xshg()
    last = calendar.last
    panel = Panel(
        tuple(calendar.days(calendar.offset(last, 1 - days), last)), tuple(map(str, range(stocks))),
        tuple(map(str, range(features))), (), values, whole, np.full(whole.shape, entries), np.full(days, entries), whole,
    )  # fmt: skip
    return make_samples(
        panel, rng.standard_normal((days, stocks), dtype=np.float32), settings, torch.device("cpu")
    )  # fmt: skip


def _seconds(ours: Callable[[], Any], peer: Callable[[], Any]) -> tuple[float, float]:
    """Medians of both, run in turn after one unmeasured run each."""
    taken: tuple[list[float], list[float]] = ([], [])
    for measured in range(ROUNDS + 1):
        for work, seconds in zip((ours, peer), taken, strict=True):
            began = time.perf_counter()
            work()
            if measured:
                seconds.append(time.perf_counter() - began)
    return statistics.median(taken[0]), statistics.median(taken[1])


def _row(name: str, unit: str, ours: float, peer: float, *, target: float | None) -> dict[str, Any]:
    return {
        "name": name, "unit": unit, "ours": round(ours, 1), "peer": round(peer, 1), "ratio": round(ours / peer, 3),
        "target": target, "floor": None,
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
