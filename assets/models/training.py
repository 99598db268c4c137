"""Training one network per seed on one window, early-stopped on the mean per-date validation loss.

Here: samples, batches, the training loop, what makes it repeat bit for bit. Not here: where the arrays come from
(panel.py, labels.py), the networks, files.

A batch is one date's names, or an equal part of them where there are more than `batch_names`.
"""

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assets.models.networks import LOSSES, build_network, pearson
from assets.models.panel import Panel
from resources.errors import SettingsError
from resources.settings.models import ModelSettings


@dataclass(frozen=True)
class Samples:
    """A panel and its labels on the training device: a batch is a slice of it.

    values [day · bar, stock, feature] float32; labels [day, stock] float32; names: position of a day in `days` → the
    stocks that are samples on it. Days without enough of them are missing from `names`.
    """

    days: tuple[dt.date, ...]
    values: Tensor
    labels: Tensor
    bars: int
    sequence_days: int
    names: dict[int, Tensor]

    def of(self, first: dt.date, last: dt.date) -> "Samples":
        """The samples of the days from `first` to `last`; the arrays are shared."""
        return replace(self, names={day: names for day, names in self.names.items() if first <= self.days[day] <= last})

    @property
    def count(self) -> int:
        return sum(map(len, self.names.values()))

    def sequences(self, day: int, names: Tensor) -> Tensor:
        """Sequences (steps, stocks, features) of `names` that end on `day`."""
        window = self.values[(day + 1 - self.sequence_days) * self.bars : (day + 1) * self.bars]
        # All names: the slice itself, without a copy.
        return window if len(names) == window.shape[1] else window.index_select(1, names)


@dataclass(frozen=True)
class Epoch:
    """One row of a learning curve; valid_ic is the mean per-date Pearson correlation with the label."""

    seed: int
    epoch: int
    train_loss: float
    valid_loss: float
    valid_ic: float
    kept: bool


@dataclass(frozen=True)
class Trained:
    """A seed's best weights and its learning curve."""

    weights: dict[str, Tensor]
    curve: tuple[Epoch, ...]


def make_samples(panel: Panel, labels: NDArray[np.float32], settings: ModelSettings, device: torch.device) -> Samples:
    """Samples of every day with a whole sequence behind it: members of U(t) that are covered and have a label.

    labels [day, stock] stand on the panel's days and symbols; NaN is none.
    """
    names = {}
    for day in range(settings.sequence_days - 1, len(panel.days)):
        eligible = np.flatnonzero(eligible_names(panel, day, settings) & np.isfinite(labels[day]))
        if len(eligible) >= settings.min_names:
            names[day] = torch.from_numpy(eligible).to(device)
    return Samples(
        panel.days, on_device(panel, device), torch.from_numpy(labels).to(device), panel.values.shape[1],
        settings.sequence_days, names,
    )  # fmt: skip


def eligible_names(panel: Panel, day: int, settings: ModelSettings) -> NDArray[np.bool_]:
    """[stock] Members of U(t) with enough bars and known entries in the sequence that ends on `day`."""
    covered = panel.covered(day, settings.sequence_days, settings.coverage_days, settings.coverage_entries)
    return panel.universe[day] & covered


def on_device(panel: Panel, device: torch.device) -> Tensor:
    """The panel's values as (steps, stocks, features)."""
    return torch.from_numpy(panel.values.reshape(-1, *panel.values.shape[2:])).to(device)


def train_networks(
    train: Samples, valid: Samples, settings: ModelSettings, progress: Callable[[str], None] = lambda line: None
) -> dict[int, Trained]:
    """One network per seed. On a CPU, `threads` seeds at a time on one thread each.

    A recurrent step is too small to be shared by threads (two are no faster than one), seeds are independent. So a
    result depends neither on the number of threads nor on the other seeds.
    """
    workers = min(settings.threads, len(settings.seeds)) if train.values.device.type == "cpu" else 1
    stop = threading.Event()
    with ThreadPoolExecutor(workers, thread_name_prefix="seed") as pool:
        running = {
            seed: pool.submit(train_network, train, valid, settings, seed, progress, stop) for seed in settings.seeds
        }
        try:
            return {seed: one.result() for seed, one in running.items()}
        except BaseException:
            stop.set()  # an interrupt or an error ends the others at their next batch
            raise


def train_network(
    train: Samples,
    valid: Samples,
    settings: ModelSettings,
    seed: int,
    progress: Callable[[str], None] = lambda line: None,
    stop: threading.Event | None = None,
) -> Trained:
    """Adam, at most `epochs` epochs, stopped after `patience` epochs without a better validation loss; best weights.

    The result depends on samples, settings, seed and device alone. Call it inside `repeatable`.
    """
    shuffle = torch.Generator().manual_seed(seed)  # order of batches, on the CPU whatever the device
    network = build_network(settings, train.values.shape[-1], seed).to(train.values.device)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    loss_of = LOSSES[settings.loss]
    rows: list[tuple[float, float, float]] = []
    best, best_loss, best_weights = 0, float("inf"), _weights(network)
    began = time.monotonic()
    for epoch in range(1, settings.epochs + 1):
        network.train()
        losses = []
        for day, names in _batches(train, settings.batch_names, shuffle):
            if stop is not None and stop.is_set():
                raise InterruptedError(f"seed {seed}: training was stopped in epoch {epoch}")
            optimiser.zero_grad(set_to_none=True)
            loss = loss_of(network(train.sequences(day, names)), train.labels[day].index_select(0, names))
            loss.backward()
            optimiser.step()
            losses.append(loss.detach())  # read once per epoch: a .item() here would make a GPU wait for each step
        train_loss = torch.stack(losses).double().mean().item()
        valid_loss, valid_ic = evaluate(network, valid, settings)
        rows.append((train_loss, valid_loss, valid_ic))
        if valid_loss < best_loss:
            best, best_loss, best_weights = epoch, valid_loss, _weights(network)
        seconds = (time.monotonic() - began) / epoch
        progress(
            f"seed {seed} epoch {epoch}/{settings.epochs}: validation loss {valid_loss:.4f} IC {valid_ic:.4f}, "
            f"{len(losses) / seconds:.0f} batches/s, at most {seconds * (settings.epochs - epoch):.0f} s left"
        )
        if epoch - best >= settings.patience:
            break
    curve = tuple(Epoch(seed, n, *row, kept=n == best) for n, row in enumerate(rows, 1))
    return Trained(best_weights, curve)


def evaluate(network: nn.Module, samples: Samples, settings: ModelSettings) -> tuple[float, float]:
    """Mean over dates of the loss and of the correlation, each over the date's whole cross-section, without dropout."""
    losses, ics = [], []
    for day, names in samples.names.items():
        output = predict(network, samples.sequences(day, names), settings.batch_names)
        y = samples.labels[day].index_select(0, names)
        losses.append(LOSSES[settings.loss](output, y))
        ics.append(pearson(output, y))
    return torch.stack(losses).double().mean().item(), torch.stack(ics).double().mean().item()


@torch.no_grad()
def predict(network: nn.Module, sequences: Tensor, at_once: int) -> Tensor:
    """Outputs (stocks,) for sequences (steps, stocks, features); `at_once` stocks at a time bound the memory."""
    network.eval()
    return torch.cat([network(part) for part in sequences.split(at_once, dim=1)])


def _batches(samples: Samples, most: int, shuffle: torch.Generator) -> Iterator[tuple[int, Tensor]]:
    """Every sample once, in random order: (day, names); a day of more than `most` names in equal random parts."""
    parts: list[tuple[int, Tensor]] = []
    for day, names in samples.names.items():
        count = -(-len(names) // most)
        if count > 1:
            names = names[torch.randperm(len(names), generator=shuffle).to(names.device)]
        parts.extend((day, part) for part in torch.tensor_split(names, count))
    for position in torch.randperm(len(parts), generator=shuffle).tolist():
        yield parts[position]


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


def choose_device(setting: str) -> torch.device:
    """The device a setting names; "auto" is CUDA if there is one."""
    if setting == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(setting)
    except RuntimeError as error:
        raise SettingsError(f'The setting device = "{setting}" is none of "auto", "cpu", "cuda:N".') from error
    if device.type == "cuda" and (not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count()):
        raise SettingsError(
            f'The setting device = "{setting}" asks for a GPU that is not there '
            f'({torch.cuda.device_count()} found); use "auto" or "cpu".'
        )
    return device


@contextlib.contextmanager
def repeatable() -> Iterator[None]:
    """Deterministic kernels on one thread each, inside; the process's own choice again after."""
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    try:
        torch.set_num_threads(1)
        # Some CUDA kernels have no deterministic twin: they warn rather than stop.
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.benchmark = False
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
        torch.backends.cudnn.benchmark = before[2]
