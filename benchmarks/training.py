"""Training: our step against a plain torch loop, and our batches and epochs against those of qlib on the same arrays.

    python -m benchmarks.training

The sides run in turn on the same machine, and the medians are compared. qlib has a separate environment, .venv/qlib, which
`make bench` installs; without it the rows of qlib are n/a. Both sides of an epoch use the same number of threads.
"""

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from assets.models.device import repeatable
from assets.models.networks import pearson
from assets.models.panel import FeaturePanel
from assets.models.training import Samples, Trained, make_samples, train_networks
from benchmarks._side_by_side import Ask, alternate, qlib
from resources.calendar import Calendar
from resources.settings.models import ModelSettings

STEPS = 40


def main() -> list[dict[str, Any]]:
    """Return result rows: name, unit, ours, peer, ratio, target, floor, conditions."""
    with repeatable():
        devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
        return [*(training_step(device) for device in devices), sequence_batches(), one_epoch()]


class Bare(nn.Module):
    """GRU(50,1)+NN(10) with torch's own layers."""

    def __init__(self, features: int):
        super().__init__()
        self.gru = nn.GRU(features, 50)
        self.head = nn.Sequential(nn.Linear(50, 10), nn.ReLU(), nn.Linear(10, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(steps, names, features) → (names,)."""
        return self.head(self.gru(x)[1][0]).squeeze(-1)


def training_step(device: str, stocks: int = 1000, days: int = 4) -> dict[str, Any]:
    """Return samples/s of GRU(50,1) on 160 steps of 63 features: our epoch from the panel, and a loop over ready tensors."""
    settings = ModelSettings(device=device, epochs=1, dropout=0.0, seeds=(0,), threads=1)
    samples = _samples(settings, *_arrays(settings.sequence_days + days, 8 * 63, stocks), bars=8)
    train, valid = samples.of(samples.days[0], samples.days[-2]), samples.of(samples.days[-1], samples.days[-1])

    def ready(part: Samples) -> list[tuple[Tensor, Tensor]]:
        return [(part.sequences(day, names).clone(), part.targets(day, names)) for day, names in part.names.items()]

    batches, ((x_valid, y_valid),) = ready(train), ready(valid)

    def bare() -> float:
        torch.manual_seed(0)
        network = Bare(63).to(device)
        optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
        for x, y in batches:
            optimiser.zero_grad(set_to_none=True)
            (-pearson(network(x), y)).backward()
            optimiser.step()
        with torch.no_grad():
            return pearson(network(x_valid), y_valid).item()

    works = {"ours": lambda: _train(train, valid, settings), "peer": bare}
    medians = _measure(works, rounds=5)
    return _row(
        f"training step, GRU(50,1), {stocks} x 160 x 63, {device}, against a bare torch loop", "samples/s",
        train.count / medians["ours"], train.count / medians["peer"], target=0.9, floor=None,
        conditions={"peer": "nn.GRU on tensors in place", "threads": 1, "torch": torch.__version__},
    )  # fmt: skip


def sequence_batches(days: int = 1000, stocks: int = 800, features: int = 10, shown: int = 100) -> dict[str, Any]:
    """Return batches/s of sequences of 40 steps. Ours are of one date each; those of qlib are shuffled by its loader."""
    settings = ModelSettings(sequence_days=STEPS)
    values, labels = _arrays(days, features, stocks)
    samples = _samples(settings, values, labels, bars=1)
    # All stocks except one, because a batch of all stocks would not be copied.
    batches = [(day, names[:-1]) for day, names in samples.names.items()]

    def ours() -> None:
        for day, names in batches:
            samples.sequences(day, names)

    source, target = (np.zeros((STEPS, stocks - 1, features), np.float32) for _ in range(2))

    def floor() -> None:
        for _ in batches:
            np.copyto(target, source)

    name = f"batches of {stocks - 1} x {STEPS} x {features} from a panel of {days} days, against qlib's TSDataSampler"
    works: dict[str, Callable[[], Any]] = {"ours": ours, "floor": floor}
    with _qlib(values, labels) as ask:
        if ask:
            for workers in (0, 2):
                works[f"{workers} workers"] = partial(ask, f"batches {STEPS} {stocks - 1} {shown} {workers}")
        medians = _measure(works, rounds=5)
    rates = {name: (len(batches) if name in ("ours", "floor") else shown) / each for name, each in medians.items()}
    peers = {name: rate for name, rate in rates.items() if name.endswith("workers")}
    return _row(
        name, "batches/s", rates["ours"], max(peers.values(), default=None), target=40, floor=rates["floor"],
        conditions={
            **{f"qlib DataLoader with {peer}": round(rate, 2) for peer, rate in peers.items()},
            **({} if peers else {"qlib": "n/a: make bench installs it"}),
            "threads": 1, "floor": "a copy of the batch from contiguous memory in the cache",
        },
    )  # fmt: skip


def one_epoch(train_days: int = 200, valid_days: int = 50, stocks: int = 800, features: int = 10) -> dict[str, Any]:
    """Return seconds of one epoch of GRU(64,2): training on 160 000 and validation on 40 000 windows in batches of 800."""
    settings = ModelSettings(
        hidden=64, layers=2, head=(), dropout=0.0, loss="mse", epochs=1, sequence_days=STEPS, batch_names=stocks, device="cpu",
        seeds=(0,), threads=2,
    )  # fmt: skip
    values, labels = _arrays(STEPS - 1 + train_days + valid_days, features, stocks)
    samples = _samples(settings, values, labels, bars=1)
    border = STEPS - 1 + train_days
    train = samples.of(samples.days[0], samples.days[border - 1])
    valid = samples.of(samples.days[border], samples.days[-1])
    losses: dict[str, float] = {}

    def ours() -> None:
        losses["ours"] = _train(train, valid, settings).curve[0].valid_loss

    with _qlib(values, labels) as ask:
        works: dict[str, Callable[[], Any]] = {"ours": ours}
        if ask:

            def peer() -> None:
                losses["peer"] = ask(f"epoch {STEPS} {stocks} {border} 0")["loss"]

            works["peer"] = peer
        medians = _measure(works, rounds=3)
    return {
        "name": f"one epoch, GRU(64,2), {train.count} + {valid.count} windows of {STEPS} x {features}, cpu, against qlib's",
        "unit": "s",
        "ours": medians["ours"],
        "peer": medians.get("peer"),
        "ratio": medians["peer"] / medians["ours"] if ask else None,
        "target": 2,
        "floor": None,
        "conditions": {
            "batch": stocks,
            "threads": 2,
            "validation_loss": losses["ours"],
            "qlib_validation_loss": losses.get("peer", "n/a: make bench installs it"),
            "label_variance": float(labels[border:].var()),
            "qlib": "train_epoch and test_epoch of pytorch_gru_ts 0.9.7, num_workers 0",
        },
    }


@contextlib.contextmanager
def _qlib(values: np.ndarray, labels: np.ndarray) -> Iterator[Ask | None]:
    """Yield a function that asks qlib a line and returns its answer; None if qlib is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "values.npy", values)
        np.save(Path(folder) / "labels.npy", labels)
        with qlib("_qlib.py", Path(folder)) as ask:
            yield ask


def _train(train: Samples, valid: Samples, settings: ModelSettings) -> Trained:
    return train_networks(train, valid, settings)[0]


def _arrays(days: int, features: int, stocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise [day, stock, feature], and labels of variance 1, half of which is the mean of feature 0 over ten days."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((days, stocks, features), dtype=np.float32)
    sums = values[:, :, 0].cumsum(0)
    recent = sums.copy()
    recent[10:] -= sums[:-10]
    noise = rng.standard_normal((days, stocks), dtype=np.float32)
    return values, ((recent / 10**0.5 + noise) / 2**0.5).astype(np.float32)


def _samples(settings: ModelSettings, values: np.ndarray, labels: np.ndarray, *, bars: int) -> Samples:
    days, stocks, width = values.shape
    features = width // bars
    panel_values = np.ascontiguousarray(values.reshape(days, stocks, bars, features).transpose(0, 2, 1, 3))
    whole = np.ones((days, stocks), dtype=bool)
    calendar = Calendar.xshg()
    last = calendar.last
    panel = FeaturePanel(
        tuple(calendar.days(calendar.offset(last, 1 - days), last)), tuple(map(str, range(stocks))),
        tuple(map(str, range(features))), (), panel_values, whole, np.full(whole.shape, width), np.full(days, width),
        whole,
    )  # fmt: skip
    return make_samples(panel, labels, settings, torch.device(settings.device if settings.device != "auto" else "cpu"))


def _measure(works: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds of each function, run in turn, after one run that compiles and fills caches."""
    for work in works.values():
        work()
    return alternate(works, rounds)


def _row(
    name: str, unit: str, ours: float, peer: float | None, *, target: float, floor: float | None,
    conditions: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """A result row of rates, of which higher ones are better."""
    return {
        "name": name, "unit": unit, "ours": ours, "peer": peer, "ratio": ours / peer if peer else None, "target": target,
        "floor": floor, "conditions": conditions,
    }  # fmt: skip


if __name__ == "__main__":
    began = time.perf_counter()
    print(json.dumps(main(), indent=1))
    print(f"{time.perf_counter() - began:.0f} s")
