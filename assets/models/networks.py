"""The networks, each a module that maps a batch of sequences to one number per stock. Nothing about data or training.

Input (steps, stocks, features): time first, as the panel stores it and recurrent kernels read it. Output (stocks,).
A further network is a class here, an entry in NETWORKS, and a row of settings.
"""

import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn

from resources.settings.models import ModelSettings


class Dropout(nn.Module):
    """Dropout from a generator of its own: networks trained side by side don't share a stream of random numbers."""

    def __init__(self, share: float, seed: int):
        super().__init__()
        self.share, self.seed = share, seed
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.share == 0:
            return x
        if self.generator is None:
            self.generator = torch.Generator(x.device).manual_seed(self.seed)
        kept = torch.empty_like(x).bernoulli_(1 - self.share, generator=self.generator)
        return x * kept / (1 - self.share)


class GRU(nn.Module):
    """GRU(h, L)+NN(10) of SPEC §5.2: last hidden state → Linear → ReLU → Linear → scalar."""

    def __init__(self, settings: ModelSettings, features: int, seed: int):
        super().__init__()
        hidden = settings.hidden
        self.layers = nn.ModuleList(nn.GRU(hidden if layer else features, hidden) for layer in range(settings.layers))
        self.dropout = Dropout(settings.dropout, seed)
        self.head = nn.Sequential(nn.Linear(hidden, settings.head[0]), nn.ReLU(), nn.Linear(settings.head[0], 1))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = self.dropout(layer(x)[0])  # (steps, stocks, features) → (steps, stocks, hidden)
        _, last = self.layers[-1](x)  # (1, stocks, hidden)
        return self.head(self.dropout(last[0])).squeeze(-1)  # (stocks,)


NETWORKS: dict[str, Callable[[ModelSettings, int, int], nn.Module]] = {"gru": GRU}
_one_at_a_time = threading.Lock()  # torch initialises weights from one generator of the whole process


def build_network(settings: ModelSettings, features: int, seed: int) -> nn.Module:
    """The network that a row of settings names, for so many input features; weights and dropout follow from the seed."""
    with _one_at_a_time, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NETWORKS[settings.network](settings, features, seed)


def pearson(x: Tensor, y: Tensor) -> Tensor:
    """Correlation of two vectors (stocks,); 0 where one of them does not vary.

    The floor under the denominator keeps the gradient finite where all outputs are equal.
    """
    x, y = x - x.mean(), y - y.mean()
    return (x * y).sum() / (x.norm() * y.norm()).clamp_min(1e-8)


def negative_ic(output: Tensor, label: Tensor) -> Tensor:
    return -pearson(output, label)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"ic": negative_ic, "mse": nn.functional.mse_loss}
