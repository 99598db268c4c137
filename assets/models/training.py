"""Training one network per seed on one window, early-stopped on the mean per-date validation loss.

Here: samples, batches, the training loop. Not here: where the arrays come from (panel.py, labels.py, orthogonal.py), the
networks, devices (device.py), files.

A batch is one date's names, or an equal part of them where there are more than `batch_names`.
"""

import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assets.models.device import Chunks, place, send
from assets.models.networks import LOSSES, build_network, pearson
from assets.models.orthogonal import ExposurePanel, Exposures, orthogonal_layer
from assets.models.panel import Panel
from resources.settings.models import ModelSettings


@dataclass(frozen=True)
class Samples:
    """A panel, its labels and exposures: a batch is a slice of them.

    values [day · bar, stock, feature] float32 or float16, on the device or in host memory; labels [day, stock] float32 on
    the host; names: position of a day in `days` → the stocks that are samples on it, ascending, on the host. Days without
    enough of them are missing from `names`.
    """

    days: tuple[dt.date, ...]
    values: Tensor
    labels: Tensor
    bars: int
    sequence_days: int
    names: dict[int, Tensor]
    device: torch.device
    exposures: ExposurePanel | None = None

    def of(self, first: dt.date, last: dt.date) -> "Samples":
        """The samples of the days from `first` to `last`; the arrays are shared."""
        return replace(self, names={day: names for day, names in self.names.items() if first <= self.days[day] <= last})

    @property
    def count(self) -> int:
        return sum(map(len, self.names.values()))

    def sequences(self, day: int, names: Tensor) -> Tensor:
        """Sequences (steps, names, features) of `names` that end on `day`: float32, on the device."""
        window = self.values[(day + 1 - self.sequence_days) * self.bars : (day + 1) * self.bars]
        return take(window, names, self.device)

    def targets(self, day: int, names: Tensor) -> Tensor:
        """Labels (names,) on the device."""
        return send(self.labels[day].index_select(0, names), self.device)

    def exposures_of(self, day: int, names: Tensor) -> Exposures | None:
        return None if self.exposures is None else self.exposures.of(day, names.numpy(), self.device)


@dataclass(frozen=True)
class Epoch:
    """One row of a learning curve; valid_ic is the mean per-date Pearson correlation with the label.

    seconds: how long it took, which is no property of the result and has no part in a comparison.
    """

    seed: int
    epoch: int
    train_loss: float
    valid_loss: float
    valid_ic: float
    kept: bool
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Trained:
    """A seed's best weights and its learning curve; chunk: names at a time at the end, 0 for all, as memory allowed."""

    weights: dict[str, Tensor]
    curve: tuple[Epoch, ...]
    chunk: int = 0


def make_samples(
    panel: Panel,
    labels: NDArray[np.float32],
    settings: ModelSettings,
    device: torch.device,
    exposures: ExposurePanel | None = None,
) -> Samples:
    """Samples of every day with a whole sequence behind it: members of U(t) that are covered and have a label.

    labels [day, stock] stand on the panel's days and symbols; NaN is none. exposures, likewise on its days and symbols, are
    those of the orthogonal layer.
    """
    names = {}
    for day in range(settings.sequence_days - 1, len(panel.days)):
        eligible = np.flatnonzero(eligible_names(panel, day, settings, exposures) & np.isfinite(labels[day]))
        if len(eligible) >= settings.min_names:
            names[day] = torch.from_numpy(eligible)
    return Samples(
        panel.days, place(_values(panel), device), torch.from_numpy(labels), panel.values.shape[1], settings.sequence_days,
        names, device, exposures,
    )  # fmt: skip


def eligible_names(
    panel: Panel, day: int, settings: ModelSettings, exposures: ExposurePanel | None = None
) -> NDArray[np.bool_]:
    """[stock] Members of U(t) with enough bars and known entries in the sequence that ends on `day`, and exposures."""
    covered = panel.covered(day, settings.sequence_days, settings.coverage_days, settings.coverage_entries)
    eligible = panel.universe[day] & covered
    return eligible if exposures is None else eligible & exposures.usable[day]


def last_sequences(panel: Panel, names: NDArray[np.int64], settings: ModelSettings, device: torch.device) -> Tensor:
    """Sequences (steps, names, features) of these stocks that end on the panel's last day: float32, on the device."""
    bars = panel.values.shape[1]
    return take(_values(panel)[-settings.sequence_days * bars :], torch.from_numpy(names), device)


def take(window: Tensor, names: Tensor, device: torch.device) -> Tensor:
    """The stocks `names` of (steps, stocks, features), as float32 on the device."""
    if len(names) < window.shape[1]:
        window = window.index_select(1, send(names, window.device))
    return send(window, device).float()


def _values(panel: Panel) -> Tensor:
    """The panel's values as (steps, stocks, features), without a copy."""
    return torch.from_numpy(panel.values.reshape(-1, *panel.values.shape[2:]))


def _silent(line: str) -> None:
    """Says nothing."""


def train_networks(
    train: Samples,
    valid: Samples,
    settings: ModelSettings,
    *,
    work: Path | None = None,
    progress: Callable[[str], None] = _silent,
    initial: Mapping[int, Mapping[str, Tensor]] | None = None,
) -> dict[int, Trained]:
    """One network per seed. On a CPU, `threads` seeds at a time on one thread each.

    work: a folder of this training alone (one granularity's), where a rerun after a kill finds how far each seed came.
    initial: seed → weights to begin with in place of the seed's own (a warm start); a seed it lacks begins with its own.

    A recurrent step is too small to be shared by threads (two are no faster than one), seeds are independent. So a
    result depends neither on the number of threads nor on the other seeds.
    """
    workers = min(settings.threads, len(settings.seeds)) if train.device.type == "cpu" else 1
    stop = threading.Event()
    with ThreadPoolExecutor(workers, thread_name_prefix="seed") as pool:
        running = {
            seed: pool.submit(
                train_network,
                train,
                valid,
                settings,
                seed,
                progress=progress,
                initial=(initial or {}).get(seed),
                stop=stop,
            )
            for seed in settings.seeds
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
    *,
    progress: Callable[[str], None] = _silent,
    initial: Mapping[str, Tensor] | None = None,
    stop: threading.Event | None = None,
) -> Trained:
    """Adam, at most `epochs` epochs, stopped after `patience` epochs without a better validation loss; best weights.

    The result depends on samples, settings, seed and device alone. Call it inside `repeatable`.
    """
    shuffle = torch.Generator().manual_seed(seed)  # order of batches, on the CPU whatever the device
    network = build_network(settings, train.values.shape[-1], seed)
    if initial is not None:
        network.load_state_dict(dict(initial))
    network.to(train.device)
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
            output = _layer(
                _network(network, train.sequences(day, names), settings), train.exposures_of(day, names), settings
            )
            loss = loss_of(output, train.targets(day, names))
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
        output = outputs(network, samples.sequences(day, names), samples.exposures_of(day, names), settings)
        y = samples.targets(day, names)
        losses.append(LOSSES[settings.loss](output, y))
        ics.append(pearson(output, y))
    return torch.stack(losses).double().mean().item(), torch.stack(ics).double().mean().item()


@torch.no_grad()
def outputs(
    network: nn.Module,
    sequences: Tensor,
    exposures: Exposures | None,
    settings: ModelSettings,
    chunks: Chunks | None = None,
) -> Tensor:
    """A network's outputs (names,) for one date's sequences (steps, names, features), without dropout.

    The network takes `chunk_names` names (or, as in training, `batch_names`) at a time and fewer where memory asks for it;
    then the orthogonal layer takes the whole date, where the settings have one.
    """
    network.eval()
    chunks = chunks or Chunks(settings.chunk_names)
    count = sequences.shape[1]

    def attempt(chunk: int) -> Tensor:
        return torch.cat([_network(network, part, settings) for part in sequences.split(chunk, dim=1)])

    return _layer(chunks.run(attempt, min(settings.batch_names or count, count)), exposures, settings)


def _network(network: nn.Module, sequences: Tensor, settings: ModelSettings) -> Tensor:
    """The network alone, in the precision of the settings: float32 (names,)."""
    if settings.precision == "float32":
        return network(sequences)
    with torch.autocast(sequences.device.type, dtype=getattr(torch, settings.precision)):
        return network(sequences).float()


def _layer(output: Tensor, exposures: Exposures | None, settings: ModelSettings) -> Tensor:
    return output if exposures is None else orthogonal_layer(output, exposures, settings.ridge)


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
