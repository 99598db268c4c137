"""The work of a training, counted by hand: operations of the matrix products, and bytes that must pass through memory.

This module measures nothing. The benchmark of the networks compares these counts with the machine's speed (benchmarks/networks.py), and the
cost sheet of a plan adds them up (orchestration/cost.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from resources.settings.models import Granularity, ModelSettings

BARS: Mapping[Granularity, int] = {"daily": 1, "60min": 4, "30min": 8}
"""The number of bars of a trading day by granularity."""


@dataclass(frozen=True)
class Work:
    """Work of one sample in training: operations of the forward pass, all operations, bytes."""

    forward: int
    training: int
    bytes: int


def count_work(settings: ModelSettings, steps: int, features: int) -> Work:
    """Return the work per sample, counted by hand; each of the two gradients of a product costs as much as the product.

    Args:
        settings: The settings of a model with a network of this project.
        steps: The length of a sequence in bars.
        features: The number of features.
    """
    gates = 4 if settings.network == "residual_attention_lstm" else 3
    directions = 2 if settings.network == "attention_gru" else 1
    hidden, width = settings.hidden, features
    forward = training = 0
    memory = 2 * 4 * steps * features
    for layer in range(settings.layers):
        of_input = 2 * steps * directions * gates * hidden * width
        of_state = 2 * steps * directions * gates * hidden * hidden
        forward += of_input + of_state
        training += of_input * (3 if layer else 2) + of_state * 3  # the gradient of the features is not needed
        memory += 2 * 4 * steps * directions * (gates + 2) * hidden  # gates, U h or cell, and state, out and in
        width = directions * hidden
    last = width
    rest = 0
    if settings.network == "residual_attention_lstm":
        rest += 3 * 2 * steps * hidden**2 + 2 * 2 * steps**2 * hidden
        memory += 2 * 4 * (3 * steps * hidden + steps**2)
    elif settings.network == "attention_gru":
        rest += 2 * steps * (width * width // 2 + width // 2 + width)
        memory += 2 * 4 * steps * width // 2
        last = 2 * width
    for width in (*settings.head, 1):
        rest += 2 * last * width
        last = width
    return Work(forward + rest, training + 3 * rest, memory)


def training_operations(settings: ModelSettings, samples: Mapping[Granularity, tuple[int, int, int]]) -> int:
    """Return the operations of one training of all its networks, with the largest number of epochs.

    Args:
        settings: The settings of a model with a network of this project.
        samples: Granularity → numbers of features, of training samples and of validation samples.
    """
    total = 0
    for granularity, (features, train, valid) in samples.items():
        work = count_work(settings, settings.sequence_days * BARS[granularity], features)
        total += train * work.training + valid * work.forward
    return total * settings.epochs * len(settings.seeds)
