"""The networks, each a module that maps a batch of sequences to one number per stock. Nothing about data or training.

Input (steps, names, features): time first, as the panel stores it and recurrent kernels read it. Output (names,): each
name by itself, so that a cross-section can pass in parts; what ties the names of a date together, the orthogonal layer
and the loss, comes after. A further network is a class here, an entry in NETWORKS of assets/catalogue.py, and a row of settings; one of a user's
own is a class anywhere, which `models.<name>.network = "module:class"` names (examples/network.py).
"""

import math
import threading
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from assets.catalogue import NETWORKS
from assets.models import recurrent
from resources.errors import SettingsError
from resources.named import load_named
from resources.settings.models import ModelSettings


class Dropout(nn.Module):
    """Dropout from a generator of its own, whose masks can be had again: they follow from (seed, batch) after `begin`.

    So networks trained side by side share no random numbers, a training goes on after a kill with the masks that it would
    have had, and a batch that passes in parts has those of the whole: a mask (…, names, width) is drawn for all names of
    the batch, and each part takes its own.
    """

    def __init__(self, share: float, seed: int):
        super().__init__()
        self.share, self.seed = share, seed
        self._batch: tuple[int, int] | None = None
        self._generator: torch.Generator | None = None
        self._masks: list[Tensor] = []
        self._first = self._place = 0

    def begin(self, batch: int, names: int) -> None:
        """What passes from here on is the batch of this number, of so many names."""
        self._batch, self._masks = (batch, names), []
        self.part(0)

    def part(self, first: int) -> None:
        """The next pass is of the batch's names from `first` on."""
        self._first, self._place = first, 0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.share == 0:
            return x
        if self._batch is None:
            return self._drop(x, self._draw(x.shape, x.device))
        if self._place == len(self._masks):  # not every place of this batch has its mask yet
            self._masks.append(self._draw((*x.shape[:-2], self._batch[1], x.shape[-1]), x.device))
        mask = self._masks[self._place].narrow(-2, self._first, x.shape[-2])
        self._place += 1
        return self._drop(x, mask)

    def _drop(self, x: Tensor, mask: Tensor) -> Tensor:
        return (x * mask).mul_(65536 / self._kept)

    @property
    def _kept(self) -> int:
        return 65536 - round(65536 * self.share)  # of the values of 16 bits

    def _draw(self, shape: Sequence[int], device: torch.device) -> Tensor:
        """True where kept. Sixteen random bits a place: six times as fast as torch's bernoulli_ on a CPU."""
        if self._generator is None:
            self._generator = torch.Generator(device).manual_seed(self.seed)
        if self._batch is not None and not self._masks:
            # A CPU's generator keeps 32 bits of its seed.
            mixed = np.random.SeedSequence((self.seed, self._batch[0])).generate_state(1)
            self._generator.manual_seed(int(mixed[0]))
        count = math.prod(shape)
        words = torch.empty(-(-count // 4), dtype=torch.int64, device=device)
        words.random_(-(2**63), None, generator=self._generator)
        return (words.view(torch.int16)[:count] < self._kept - 32768).view(tuple(shape))


def mlp(width: int, hidden: Sequence[int]) -> nn.Sequential:
    """The head: (names, width) → (names, 1) through the `hidden` widths, ReLU after each."""
    layers: list[nn.Module] = []
    for next_width in hidden:
        layers += [nn.Linear(width, next_width), nn.ReLU()]
        width = next_width
    return nn.Sequential(*layers, nn.Linear(width, 1))


class GRU(nn.Module):
    """GRU(h, L)+NN(10), models 11–13: the last hidden state → Linear → ReLU → Linear → scalar. SPEC §5.2"""

    def __init__(self, settings: ModelSettings, features: int, seed: int):
        super().__init__()
        hidden = settings.hidden
        self.layers = nn.ModuleList(
            recurrent.GRU(hidden if layer else features, hidden) for layer in range(settings.layers)
        )
        self.dropout = Dropout(settings.dropout, seed)
        self.head = mlp(hidden, settings.head)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = self.dropout(layer(x)[0])  # (steps, names, features) → (steps, names, hidden)
        _, last = self.layers[-1](x)  # (1, names, hidden)
        return self.head(self.dropout(last[0])).squeeze(-1)  # (names,)


class SelfAttention(nn.Module):
    """softmax(QKᵀ/√d)V over the steps of each name, one head; Q, K, V linear in the states, without bias."""

    def __init__(self, width: int):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))

    def weights(self, states: Tensor) -> Tensor:
        """How much each step attends to each: (names, steps, width) → (names, steps, steps), rows sum to one."""
        query = self.query(states) / math.sqrt(states.shape[-1])
        return (query @ self.key(states).transpose(1, 2)).softmax(-1)

    def forward(self, states: Tensor) -> Tensor:
        return self.weights(states) @ self.value(states)  # (names, steps, width)


class ResidualAttentionLSTM(nn.Module):
    """Residual-attention LSTM(h, L)+NN(10), model 14: LayerNorm(H + attention(H)), its mean over steps → head. SPEC §5.2"""

    def __init__(self, settings: ModelSettings, features: int, seed: int):
        super().__init__()
        hidden = settings.hidden
        self.layers = nn.ModuleList(
            recurrent.LSTM(hidden if layer else features, hidden) for layer in range(settings.layers)
        )
        self.dropout = Dropout(settings.dropout, seed)
        self.attention = SelfAttention(hidden)
        self.norm = nn.LayerNorm(hidden)
        self.head = mlp(hidden, settings.head)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = self.dropout(layer(x)[0])  # (steps, names, features) → (steps, names, hidden)
        states = self.layers[-1](x)[0].transpose(0, 1)  # (names, steps, hidden)
        mean = self.norm(states + self.attention(states)).mean(1)  # (names, hidden)
        return self.head(self.dropout(mean)).squeeze(-1)  # (names,)


class AdditiveAttention(nn.Module):
    """c = Σ α h with α = softmax over steps of vᵀ tanh(W h + b); W halves the width."""

    def __init__(self, width: int):
        super().__init__()
        self.project = nn.Linear(width, width // 2)
        self.score = nn.Linear(width // 2, 1, bias=False)

    def weights(self, states: Tensor) -> Tensor:
        """The weight of each step: (steps, names, width) → (steps, names, 1), steps sum to one."""
        return self.score(self.project(states).tanh()).softmax(0)

    def forward(self, states: Tensor) -> Tensor:
        return (self.weights(states) * states).sum(0)  # (names, width)


class AttentionGRU(nn.Module):
    """Bidirectional AGRU, models 15–16, one per granularity: head([last states ; attention over all states]). SPEC §5.2"""

    def __init__(self, settings: ModelSettings, features: int, seed: int):
        super().__init__()
        both = 2 * settings.hidden
        self.layers = nn.ModuleList(
            recurrent.GRU(both if layer else features, settings.hidden, bidirectional=True)
            for layer in range(settings.layers)
        )
        self.dropout = Dropout(settings.dropout, seed)
        self.attention = AdditiveAttention(both)
        self.head = mlp(2 * both, settings.head)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = self.dropout(layer(x)[0])  # (steps, names, features) → (steps, names, 2 hidden)
        states, last = self.layers[-1](
            x
        )  # last (2, names, hidden): forward after the last step, backward after the first
        read = torch.cat([last[0], last[1], self.attention(states)], dim=-1)  # (names, 4 hidden)
        return self.head(self.dropout(read)).squeeze(-1)  # (names,)


def build_network(settings: ModelSettings, features: int, seed: int) -> nn.Module:
    """The network that a row of settings names, for so many input features; weights and dropout follow from the seed."""
    if ":" in settings.network:
        network = _own_network(settings, features, seed)
    else:
        make = load_named("models.<name>.network", NETWORKS[settings.network], NETWORKS["gru"])
        network = make(settings, features, seed)
    initialise(network, torch.Generator().manual_seed(seed))
    return network


def _own_network(settings: ModelSettings, features: int, seed: int) -> nn.Module:
    """A network of a user's own, called as those that NETWORKS names are.

    What its modules draw when they are made comes from torch's global generator, which is seeded here for as long as one
    network is made, so that the same seed gives the same weights whatever else trains. Raises SettingsError where it can't
    be loaded or made, or is no torch.nn.Module.
    """
    path = settings.network
    make = load_named("models.<name>.network", path, "examples.network:MeanNetwork")
    with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = make(settings, features, seed)
        except Exception as error:  # the class is the user's: whatever it raises, the setting is the place to look
            raise SettingsError(
                f"models.<name>.network = {path!r} failed ({type(error).__name__}: {error}); it is called with the model's "
                "settings, the number of features and the seed, and returns a torch.nn.Module"
            ) from error
    if not isinstance(network, nn.Module):
        raise SettingsError(f"models.<name>.network = {path!r} returned a {type(network).__name__}, no torch.nn.Module")
    return network


_GLOBAL_GENERATOR = threading.Lock()


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Torch's own distribution of initial weights, U(±1/√width), drawn from a generator that no other thread reads."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.RNNBase):
            width = module.in_features if isinstance(module, nn.Linear) else module.hidden_size
            for weights in module.parameters():
                weights.uniform_(-1 / math.sqrt(width), 1 / math.sqrt(width), generator=generator)


def pearson(x: Tensor, y: Tensor) -> Tensor:
    """Correlation of two vectors (stocks,); 0 where one of them does not vary.

    The floor under the denominator keeps the gradient finite where all outputs are equal.
    """
    x, y = x - x.mean(), y - y.mean()
    return (x * y).sum() / (x.norm() * y.norm()).clamp_min(1e-8)


def negative_ic(output: Tensor, label: Tensor) -> Tensor:
    return -pearson(output, label)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"ic": negative_ic, "mse": nn.functional.mse_loss}
