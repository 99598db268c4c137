"""Training of one network per seed on one window, with early stopping on the mean validation loss over dates (SPEC §5.2).

This module holds samples, batches and the training loop. It does not hold the arrays (panel.py, labels.py, orthogonal.py), the
networks, devices (device.py) or files.

A batch is the stocks of one date, or an equal part of them if there are more than `batch_names`.
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

from assets.models.device import Chunks, adopt_threads, describe, libraries, own_stream, place, send, take
from assets.models.networks import LOSSES, Dropout, build_network, pearson
from assets.models.orthogonal import ExposurePanel, Exposures, orthogonal_layer
from assets.models.panel import FeaturePanel
from assets.models.recurrent import use_threads
from assets.models.resume import EpochRows, TrainingState, capture, first_state, read_state, restore, write_state
from resources.errors import SettingsError
from resources.settings.models import ModelSettings

PROGRESS_EVERY = 30.0  # least seconds between two lines of progress within an epoch


@dataclass(frozen=True)
class Samples:
    """A panel with its labels and exposures, of which a batch is a slice.

    values [day · bar, stock, feature] float32 or float16, on the device or in host memory; labels [day, stock] float32 on
    the host; names: position of a day in `days` → the stocks that are samples on it, ascending, on the host. A day with fewer
    than `min_names` is missing from `names`. data: digest of panel, labels and exposures.
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
        """Return the samples of the days from `first` to `last`, which share the arrays."""
        return replace(self, names={day: names for day, names in self.names.items() if first <= self.days[day] <= last})

    @property
    def count(self) -> int:
        """The number of samples, that is of pairs (day, stock)."""
        return sum(map(len, self.names.values()))

    def sequences(self, day: int, names: Tensor) -> Tensor:
        """Return the sequences (steps, names, features) of `names` that end on `day`, float32 on the device."""
        window = self.values[(day + 1 - self.sequence_days) * self.bars : (day + 1) * self.bars]
        return take(window, names, self.device)

    def targets(self, day: int, names: Tensor) -> Tensor:
        """Return the labels (names,) on the device."""
        return send(self.labels[day].index_select(0, names), self.device)

    def exposures_of(self, day: int, names: Tensor) -> Exposures | None:
        """Return the exposures of `names` on the day; None without an orthogonal layer."""
        return None if self.exposures is None else self.exposures.of(day, names.numpy(), self.device)


@dataclass(frozen=True)
class Epoch:
    """One row of a learning curve; valid_ic is the mean per-date Pearson correlation with the label.

    seconds: duration of the epoch, which is ignored in comparisons because it is not part of the result.
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
    """A seed's best weights and its learning curve. chunk: stocks at once at the end of the training, 0 for all."""

    weights: dict[str, Tensor]
    curve: tuple[Epoch, ...]
    chunk: int = 0


def make_samples(
    panel: FeaturePanel,
    labels: NDArray[np.float32],
    settings: ModelSettings,
    device: torch.device,
    exposures: ExposurePanel | None = None,
) -> Samples:
    """Make the samples of every day with a whole sequence: members of U(t) that are covered and have a label.

    labels [day, stock]: on the panel's days and symbols, NaN where there is none. exposures: of the orthogonal layer, on the
    panel's days and symbols.
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
    panel: FeaturePanel, day: int, settings: ModelSettings, exposures: ExposurePanel | None = None
) -> NDArray[np.bool_]:
    """Mark the members of U(t) [stock] that are covered in the sequence that ends on `day` and have exposures."""
    covered = panel.covered(day, settings.sequence_days, settings.coverage_days, settings.coverage_entries)
    eligible = panel.universe[day] & covered
    return eligible if exposures is None else eligible & exposures.usable[day]


def last_sequences(
    panel: FeaturePanel, names: NDArray[np.int64], settings: ModelSettings, device: torch.device
) -> Tensor:
    """Return the sequences (steps, names, features) of these stocks that end on the panel's last day, float32 on the device."""
    bars = panel.values.shape[1]
    return take(_values(panel)[-settings.sequence_days * bars :], torch.from_numpy(names), device)


def _values(panel: FeaturePanel) -> Tensor:
    """The panel's values as (steps, stocks, features), without a copy."""
    return torch.from_numpy(panel.values.reshape(-1, *panel.values.shape[2:]))


def _silent(line: str) -> None:
    """Discard the line."""


def train_networks(
    train: Samples,
    valid: Samples,
    settings: ModelSettings,
    *,
    work: Path | None = None,
    progress: Callable[[str], None] = _silent,
    initial: Mapping[int, Mapping[str, Tensor]] | None = None,
) -> dict[int, Trained]:
    """Train one network per seed, `threads` of them in parallel, each on its own thread and, on a GPU, in its own stream.

    Threads in excess of the seeds share the stocks of a recurrent layer's batch. The result does not depend on the number of
    threads, on the other seeds, or on interruptions.

    Args:
        train: The training samples.
        valid: The validation samples.
        settings: The settings of the model.
        work: A folder for this training alone (of one granularity), in which a rerun finds the state of each seed.
        progress: Receives lines of progress.
        initial: Seed → initial weights (a warm start); other seeds draw their own.

    Raises:
        SettingsError: Training diverges, or memory does not suffice.
    """
    workers = min(settings.threads, len(settings.seeds))
    shared = Shared(Pace(settings, workers))

    def one(seed: int) -> Trained:
        with own_stream(train.device), use_threads(settings.threads // workers):
            return train_network(
                train, valid, settings, seed,
                work=work, progress=progress, initial=(initial or {}).get(seed), shared=shared,
            )  # fmt: skip

    with ThreadPoolExecutor(workers, thread_name_prefix="seed", initializer=adopt_threads) as pool:
        running = {seed: pool.submit(one, seed) for seed in settings.seeds}
        try:
            for future in as_completed(running.values()):
                future.result()
        except BaseException:
            shared.stop.set()  # after an interrupt or an error the other seeds stop at their next batch
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
    """Train the network of one seed with Adam and return its best weights. Call it inside `repeatable`.

    Training has at most `epochs` epochs and stops after `patience` epochs without a better validation loss. The result depends
    only on samples, settings, seed, initial weights, device and libraries, as long as memory suffices. Where it does not,
    chunks are halved, gradients are summed in another order, and the card records the number of stocks at once. The arguments
    are those of `train_networks`; `initial` has the weights of this seed.

    Raises:
        SettingsError: Training diverges, or memory does not suffice.
        InterruptedError: Another seed failed or was interrupted.
    """

    def say(line: str) -> None:
        progress(f"seed {seed} {line}")

    shared = shared or Shared(Pace(settings, 1))
    network = build_network(settings, train.values.shape[-1], seed)
    if initial is not None:
        network.load_state_dict(dict(initial))
    training = _identify(train, valid, settings, seed, network)
    network.to(train.device)
    _require_precision(network, train, settings)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)
    state = read_state(work, seed, training, say) if work else None
    if state is None:
        state = first_state(network, settings.chunk_names)
    else:
        say(f"resumes after epoch {len(state.rows)}")
    restore(state, network, optimiser)
    chunks = Chunks(state.chunk, say)
    while not _finished(state.rows, settings):
        epoch, began = len(state.rows) + 1, time.monotonic()
        one = _Pass(seed, epoch, say, shared.stop)
        train_loss, rate = _train_epoch(network, optimiser, train, settings, chunks, one)
        valid_loss, valid_ic = evaluate(network, valid, settings, chunks)
        if not math.isfinite(valid_loss):
            raise SettingsError(
                f"Seed {seed}: training diverged in epoch {epoch}: the validation loss is {valid_loss}. Remedy: set a "
                f"learning_rate below {settings.learning_rate:g}."
            )
        seconds = time.monotonic() - began
        rows = (*state.rows, (train_loss, valid_loss, valid_ic, seconds))
        weights, moments = capture(network, optimiser)
        best = weights if _best(rows) == epoch else state.best
        state = TrainingState(rows, weights, best, moments, chunks.names)
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
    """One pass of one seed over its batches. say: receives its progress. stop: ends it at the next batch."""

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
    """Train one epoch; return the mean loss of its batches, and the speed in words."""
    seed, epoch, say = one.seed, one.epoch, one.say
    network.train()
    batches = _batches(train, settings.batch_names, seed, epoch)
    losses: list[Tensor] = []
    samples = 0
    began = reported = time.monotonic()

    def rate() -> str:
        seconds = max(time.monotonic() - began, 1e-9)
        return f"{len(losses) / seconds:.3g} batches/s, {samples / seconds:.3g} samples/s"

    for number, (day, names) in enumerate(batches):
        if one.stop.is_set():
            raise InterruptedError(f"seed {seed}: training was stopped in epoch {epoch}")
        exposures, y = train.exposures_of(day, names), train.targets(day, names)

        def attempt(
            chunk: int, number: int = number, day: int = day, names: Tensor = names,
            exposures: Exposures | None = exposures, y: Tensor = y,
        ) -> Tensor:  # fmt: skip
            optimiser.zero_grad(set_to_none=True)
            for dropout in _dropouts(network):
                dropout.begin(epoch * len(batches) + number, len(names))
            return add_gradients(network, train.sequences(day, names), y, exposures, settings, chunk)

        losses.append(chunks.run(attempt, len(names)))  # not read here: .item() would make a GPU wait in each step
        optimiser.step()
        samples += len(names)
        if time.monotonic() - reported > PROGRESS_EVERY:
            reported = time.monotonic()
            left = (reported - began) / len(losses) * (len(batches) - len(losses))
            say(
                f"epoch {epoch}/{settings.epochs}: batch {len(losses)}/{len(batches)}, {rate()}, {in_words(left)} left in "
                "the epoch"
            )
    loss = torch.stack(losses).double().mean().item()  # waits for a GPU, so that the speed includes its work
    return loss, rate()


def add_gradients(
    network: nn.Module, x: Tensor, y: Tensor, exposures: Exposures | None, settings: ModelSettings, chunk: int
) -> Tensor:
    """Add the gradient of a batch's loss to the parameters' `grad`, `chunk` stocks at once; return the loss.

    Chunks are exact for any loss. The outputs are computed without a graph, then the gradient of the loss with respect to the
    outputs; each chunk then passes again with a graph and propagates its part of that gradient. This takes twice the forward
    work and the memory of one chunk.

    Args:
        network: The network in training mode.
        x: Sequences (steps, names, features).
        y: Labels (names,).
        exposures: Of these stocks, or None without an orthogonal layer.
        settings: The settings of the model.
        chunk: Stocks at once.
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
    """Return the means over dates of the loss and of the correlation with the label, without dropout.

    Both are computed over the whole cross-section of a date.
    """
    losses, ics = [], []
    for day, names in samples.names.items():
        exposures, y = samples.exposures_of(day, names), samples.targets(day, names)
        output = outputs(network, samples.sequences(day, names), exposures, settings, chunks)
        losses.append(LOSSES[settings.loss](output, y))
        ics.append(pearson(output, y).clamp(-1.0, 1.0))  # rounding may exceed the bounds
    return torch.stack(losses).double().mean().item(), torch.stack(ics).double().mean().item()


@torch.no_grad()
def outputs(
    network: nn.Module,
    sequences: Tensor,
    exposures: Exposures | None,
    settings: ModelSettings,
    chunks: Chunks | None = None,
) -> Tensor:
    """Return the outputs (names,) of a network for one date's sequences (steps, names, features), without dropout.

    The stocks pass the network `chunk_names` (or, as in training, `batch_names`) at once, and fewer where memory runs out. The
    orthogonal layer is then applied to the whole date if there are exposures.

    Raises:
        SettingsError: Memory does not suffice.
    """
    network.eval()
    chunks = chunks or Chunks(settings.chunk_names)
    count = sequences.shape[1]

    def attempt(chunk: int) -> Tensor:
        return torch.cat([part for _, part in _parts(network, sequences, settings, chunk)])

    return _layer(chunks.run(attempt, min(settings.batch_names or count, count)), exposures, settings)


def _parts(network: nn.Module, x: Tensor, settings: ModelSettings, chunk: int) -> Iterator[tuple[int, Tensor]]:
    """Yield (position of the first stock, outputs) of each chunk, with its part of the dropout masks."""
    for first in range(0, x.shape[1], chunk):
        for dropout in _dropouts(network):
            dropout.part(first)
        yield first, _network(network, x[:, first : first + chunk], settings)


def _require_precision(network: nn.Module, samples: Samples, settings: ModelSettings) -> None:
    """Check on two stocks of zeros that torch can compute a network in the precision of the settings on its device.

    Raises:
        SettingsError: It cannot, although it can in float32.
    """
    if settings.precision == "float32":
        return
    x = torch.zeros(samples.bars * samples.sequence_days, 2, samples.values.shape[-1], device=samples.device)
    network.eval()  # draws no dropout
    network(x)
    try:
        _network(network, x, settings)
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise SettingsError(
            f"Torch cannot compute the network {settings.network!r} in {settings.precision} on this device "
            f'({describe(samples.device)}). Remedy: set precision = "float32", or train on another device.'
        ) from error
    finally:
        network.train()


def _network(network: nn.Module, x: Tensor, settings: ModelSettings) -> Tensor:
    """Outputs (names,) of the network without the orthogonal layer, computed in the precision of the settings, as float32."""
    if settings.precision == "float32":
        return network(x)
    # The cache of converted weights belongs to the process: seeds in parallel would clear it for each other and round differently.
    with torch.autocast(x.device.type, dtype=getattr(torch, settings.precision), cache_enabled=False):
        return network(x).float()


def _layer(output: Tensor, exposures: Exposures | None, settings: ModelSettings) -> Tensor:
    return output if exposures is None else orthogonal_layer(output, exposures, settings.ridge)


def _dropouts(network: nn.Module) -> list[Dropout]:
    return [module for module in network.modules() if isinstance(module, Dropout)]


def _batches(samples: Samples, most: int, seed: int, epoch: int) -> list[tuple[int, Tensor]]:
    """Batches (day, names) that contain every sample once, in an order that is a function of seed and epoch.

    A day with more than `most` stocks (0: any number) is split into equal random parts. Stocks ascend in a part, so that memory
    is read in order.
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


def _best(rows: EpochRows) -> int:
    """The first epoch with the smallest validation loss, from 1; 0 without any epoch."""
    losses = [row[1] for row in rows]
    return losses.index(min(losses)) + 1 if losses else 0


def _finished(rows: EpochRows, settings: ModelSettings) -> bool:
    return len(rows) >= settings.epochs or len(rows) - _best(rows) >= settings.patience


def _identify(train: Samples, valid: Samples, settings: ModelSettings, seed: int, network: nn.Module) -> str:
    """Digest of everything that the result depends on; a state with another digest belongs to another training."""
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
    """Objects that the seeds trained in parallel share: the estimate of the remaining time, and the event that stops them."""

    pace: "Pace"
    stop: threading.Event = field(default_factory=threading.Event)


class Pace:
    """The estimate of the remaining time of all seeds, if none stops early and all keep their speed."""

    def __init__(self, settings: ModelSettings, workers: int):
        self._workers = workers
        self._left = dict.fromkeys(settings.seeds, settings.epochs)

    def left(self, seed: int, epochs: int, seconds: float) -> float:
        """Return the remaining seconds, given the seed's remaining epochs and the seconds of its last one."""
        self._left[seed] = epochs
        return sum(self._left.values()) / self._workers * seconds


def in_words(seconds: float) -> str:
    """Return a duration with three digits in s, min or h."""
    for unit, length in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.0f} s"
