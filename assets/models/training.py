"""Training one network per seed on one window, early-stopped on the mean per-date validation loss.

Here: samples, batches, the training loop. Not here: where the arrays come from (panel.py, labels.py, orthogonal.py), the
networks, devices (device.py), files.

A batch is one date's names, or an equal part of them where there are more than `batch_names`.
"""

import datetime as dt
import hashlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assets.models.device import Chunks, describe, libraries, own_stream, place, send, take
from assets.models.networks import LOSSES, Dropout, build_network, pearson
from assets.models.orthogonal import ExposurePanel, Exposures, orthogonal_layer
from assets.models.panel import Panel
from assets.models.recurrent import use_threads
from assets.models.resume import Rows, State, capture, first_state, read_state, restore, write_state
from resources.errors import SettingsError
from resources.settings.models import ModelSettings

SAY_EVERY = 30.0  # seconds, within an epoch


@dataclass(frozen=True)
class Samples:
    """A panel, its labels and exposures: a batch is a slice of them.

    values [day · bar, stock, feature] float32 or float16, on the device or in host memory; labels [day, stock] float32 on
    the host; names: position of a day in `days` → the stocks that are samples on it, ascending, on the host. Days without
    enough of them are missing from `names`. data: digest of panel, labels and exposures.
    """

    days: tuple[dt.date, ...]
    values: Tensor
    labels: Tensor
    bars: int
    sequence_days: int
    names: dict[int, Tensor]
    device: torch.device
    exposures: ExposurePanel | None
    data: str

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
    data = hashlib.sha256((panel.digest() + (exposures.digest() if exposures else "")).encode() + labels.tobytes())
    return Samples(
        panel.days, place(_values(panel), device), torch.from_numpy(labels), panel.values.shape[1], settings.sequence_days,
        names, device, exposures, data.hexdigest(),
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
    """One network per seed, `threads` of them at a time: each on a thread, and on a GPU in a stream, of its own.

    work: a folder of this training alone (one granularity's), where a rerun after a kill finds how far each seed came.
    initial: seed → weights to begin with in place of the seed's own (a warm start); a seed it lacks begins with its own.

    Threads that no seed needs share the names of a recurrent layer's batch. A result depends neither on the number of
    threads, nor on the other seeds, nor on being interrupted.
    """
    workers = min(settings.threads, len(settings.seeds))
    shared = Shared(Pace(settings, workers))

    def one(seed: int) -> Trained:
        with own_stream(train.device), use_threads(settings.threads // workers):
            return train_network(
                train, valid, settings, seed,
                work=work, progress=progress, initial=(initial or {}).get(seed), shared=shared,
            )  # fmt: skip

    with ThreadPoolExecutor(workers, thread_name_prefix="seed") as pool:
        running = {seed: pool.submit(one, seed) for seed in settings.seeds}
        try:
            for future in as_completed(running.values()):
                future.result()
        except BaseException:
            shared.stop.set()  # an interrupt or an error ends the others at their next batch
            raise
    return {seed: future.result() for seed, future in running.items()}


def train_network(
    train: Samples,
    valid: Samples,
    settings: ModelSettings,
    seed: int,
    *,
    work: Path | None = None,
    progress: Callable[[str], None] = _silent,
    initial: Mapping[str, Tensor] | None = None,
    shared: "Shared | None" = None,
) -> Trained:
    """Adam, at most `epochs` epochs, stopped after `patience` epochs without a better validation loss; best weights.

    The result depends on samples, settings, seed, initial weights, device and libraries alone, as long as memory suffices: where
    it doesn't, chunks are halved and gradients summed in another order, and the card says how many names went at once. Call it
    inside `repeatable`.
    Raises SettingsError if training diverges or memory does not suffice.
    """

    def say(line: str) -> None:
        progress(f"seed {seed} {line}")

    shared = shared or Shared(Pace(settings, 1))
    network = build_network(settings, train.values.shape[-1], seed)
    if initial is not None:
        network.load_state_dict(dict(initial))
    training = _identify(train, valid, settings, seed, network)
    network.to(train.device)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
    state = read_state(work, seed, training, say) if work else None
    if state is None:
        state = first_state(network, settings.chunk_names)
    else:
        say(f"goes on after epoch {len(state.rows)}")
    restore(state, network, optimiser)
    chunks = Chunks(state.chunk, say)
    while not _finished(state.rows, settings):
        epoch, began = len(state.rows) + 1, time.monotonic()
        one = _Pass(seed, epoch, say, shared.stop)
        train_loss, rate = _train_epoch(network, optimiser, train, settings, chunks, one)
        valid_loss, valid_ic = evaluate(network, valid, settings, chunks)
        if not math.isfinite(valid_loss):
            raise SettingsError(
                f"Seed {seed}: training diverged in epoch {epoch}, the validation loss is {valid_loss}. Remedy: a learning_rate "
                f"below {settings.learning_rate:g}."
            )
        seconds = time.monotonic() - began
        rows = (*state.rows, (train_loss, valid_loss, valid_ic, seconds))
        weights, moments = capture(network, optimiser)
        best = weights if _best(rows) == epoch else state.best
        state = State(rows, weights, best, moments, chunks.names)
        if work:
            write_state(state, work, seed, training)
        left = shared.pace.left(seed, 0 if _finished(rows, settings) else settings.epochs - epoch, seconds)
        say(
            f"epoch {epoch}/{settings.epochs}: validation loss {valid_loss:.4f} IC {valid_ic:.4f}, {rate}, "
            f"at most {in_words(left)} left"
        )
    kept = _best(state.rows)
    curve = tuple(Epoch(seed, n, *row[:3], kept=n == kept, seconds=row[3]) for n, row in enumerate(state.rows, 1))
    return Trained(state.best, curve, state.chunk)


@dataclass(frozen=True)
class _Pass:
    """One pass of one seed over its batches; say takes its progress, stop ends it at the next batch."""

    seed: int
    epoch: int
    say: Callable[[str], None]
    stop: threading.Event


def _train_epoch(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    train: Samples,
    settings: ModelSettings,
    chunks: Chunks,
    one: _Pass,
) -> tuple[float, str]:
    """One pass over the batches: the mean of their losses, and the rate in words."""
    seed, epoch, say = one.seed, one.epoch, one.say
    network.train()
    batches = _batches(train, settings.batch_names, seed, epoch)
    losses: list[Tensor] = []
    samples = 0
    began = said = time.monotonic()

    def rate() -> str:
        seconds = max(time.monotonic() - began, 1e-9)
        return f"{len(losses) / seconds:.3g} batches/s, {samples / seconds:.3g} samples/s"

    for number, (day, names) in enumerate(batches):
        if one.stop.is_set():
            raise InterruptedError(f"seed {seed}: training was stopped in epoch {epoch}")
        exposures, y = train.exposures_of(day, names), train.targets(day, names)

        def attempt(chunk: int, number=number, day=day, names=names, exposures=exposures, y=y) -> Tensor:
            optimiser.zero_grad(set_to_none=True)
            for dropout in _dropouts(network):
                dropout.begin(epoch * len(batches) + number, len(names))
            return add_gradients(network, train.sequences(day, names), y, exposures, settings, chunk)

        losses.append(
            chunks.run(attempt, len(names))
        )  # read once an epoch: .item() here would make a GPU wait each step
        optimiser.step()
        samples += len(names)
        if time.monotonic() - said > SAY_EVERY:
            said = time.monotonic()
            left = (said - began) / len(losses) * (len(batches) - len(losses))
            say(
                f"epoch {epoch}/{settings.epochs}: batch {len(losses)}/{len(batches)}, {rate()}, {in_words(left)} left in it"
            )
    loss = torch.stack(losses).double().mean().item()  # a GPU is done here, so that the rate is the real one
    return loss, rate()


def add_gradients(
    network: nn.Module, x: Tensor, y: Tensor, exposures: Exposures | None, settings: ModelSettings, chunk: int
) -> Tensor:
    """Adds the gradient of a batch's loss to the parameters' `grad`, `chunk` names at a time; the loss.

    In chunks, exact for any loss: outputs without a graph, the gradient of the loss with respect to them, and then each
    chunk passes again, with a graph, and takes its part of that gradient back. Twice the forward work, a chunk's memory.
    """
    loss_of = LOSSES[settings.loss]
    if chunk >= len(y):
        loss = loss_of(_layer(_network(network, x, settings), exposures, settings), y)
        loss.backward()
        return loss.detach()
    with torch.no_grad():
        output = torch.cat([part for _, part in _parts(network, x, settings, chunk)])
    output.requires_grad_()
    loss = loss_of(_layer(output, exposures, settings), y)
    (gradient,) = torch.autograd.grad(loss, output)
    for first, part in _parts(network, x, settings, chunk):
        part.backward(gradient[first : first + chunk])
    return loss.detach()


def evaluate(
    network: nn.Module, samples: Samples, settings: ModelSettings, chunks: Chunks | None = None
) -> tuple[float, float]:
    """Mean over dates of the loss and of the correlation, each over the date's whole cross-section, without dropout."""
    losses, ics = [], []
    for day, names in samples.names.items():
        exposures, y = samples.exposures_of(day, names), samples.targets(day, names)
        output = outputs(network, samples.sequences(day, names), exposures, settings, chunks)
        losses.append(LOSSES[settings.loss](output, y))
        ics.append(pearson(output, y).clamp(-1.0, 1.0))  # rounding goes beyond
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
    then the orthogonal layer takes the whole date, where there are exposures.
    """
    network.eval()
    chunks = chunks or Chunks(settings.chunk_names)
    count = sequences.shape[1]

    def attempt(chunk: int) -> Tensor:
        return torch.cat([part for _, part in _parts(network, sequences, settings, chunk)])

    return _layer(chunks.run(attempt, min(settings.batch_names or count, count)), exposures, settings)


def _parts(network: nn.Module, x: Tensor, settings: ModelSettings, chunk: int) -> Iterator[tuple[int, Tensor]]:
    """(position of the first name, outputs) of `chunk` names after another, each with its own part of the dropout masks."""
    for first in range(0, x.shape[1], chunk):
        for dropout in _dropouts(network):
            dropout.part(first)
        yield first, _network(network, x[:, first : first + chunk], settings)


def _network(network: nn.Module, x: Tensor, settings: ModelSettings) -> Tensor:
    """The network alone, in the precision of the settings: float32 (names,)."""
    if settings.precision == "float32":
        return network(x)
    # The cache of converted weights is the process's: seeds side by side would empty each other's, and round differently.
    with torch.autocast(x.device.type, dtype=getattr(torch, settings.precision), cache_enabled=False):
        return network(x).float()


def _layer(output: Tensor, exposures: Exposures | None, settings: ModelSettings) -> Tensor:
    return output if exposures is None else orthogonal_layer(output, exposures, settings.ridge)


def _dropouts(network: nn.Module) -> list[Dropout]:
    return [module for module in network.modules() if isinstance(module, Dropout)]


def _batches(samples: Samples, most: int, seed: int, epoch: int) -> list[tuple[int, Tensor]]:
    """Every sample once, in an order that follows from seed and epoch: (day, names).

    A day of more than `most` names (0: any number) comes in equal random parts. Names ascend in a part: the sum is the
    same, and reading goes forward through memory.
    """
    random = np.random.default_rng((seed, epoch))
    parts: list[tuple[int, Tensor]] = []
    for day, names in samples.names.items():
        count = -(-len(names) // most) if most else 1
        if count == 1:
            parts.append((day, names))
        else:
            drawn = np.array_split(random.permutation(names.numpy()), count)
            parts.extend((day, torch.from_numpy(np.sort(part))) for part in drawn)
    return [parts[position] for position in random.permutation(len(parts))]


def _best(rows: Rows) -> int:
    """The first epoch with the least validation loss, from 1; 0 before the first."""
    losses = [row[1] for row in rows]
    return losses.index(min(losses)) + 1 if losses else 0


def _finished(rows: Rows, settings: ModelSettings) -> bool:
    return len(rows) >= settings.epochs or len(rows) - _best(rows) >= settings.patience


def _identify(train: Samples, valid: Samples, settings: ModelSettings, seed: int, network: nn.Module) -> str:
    """Digest of all that the result depends on: a state is another training's unless this is the same."""
    facts = (
        settings.model_dump_json(exclude={"threads", "seeds", "device"}), seed, describe(train.device), libraries(),
        *((part.data, sorted(part.names)) for part in (train, valid)),
    )  # fmt: skip
    digest = hashlib.sha256(repr(facts).encode())
    for value in network.state_dict().values():
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()


# --- time left ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shared:
    """What the seeds that are trained side by side share: how long they will take yet, and what stops all of them."""

    pace: "Pace"
    stop: threading.Event = field(default_factory=threading.Event)


class Pace:
    """How long the seeds will take yet, if none stops early and they go on as fast."""

    def __init__(self, settings: ModelSettings, workers: int):
        self._workers = workers
        self._left = dict.fromkeys(settings.seeds, settings.epochs)

    def left(self, seed: int, epochs: int, seconds: float) -> float:
        """Seconds, now that the seed has so many epochs left and its last one took so many seconds."""
        self._left[seed] = epochs
        return sum(self._left.values()) / self._workers * seconds


def in_words(seconds: float) -> str:
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.0f} s"
