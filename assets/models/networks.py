"""The networks: each is a module that maps a batch of sequences to one number per stock (SPEC §5.2).

This module does not hold data or training. The input is (steps, names, features), time first, as the panel stores it and recurrent
kernels read it. The output is (names,). The output of a stock does not depend on the other stocks, so that a cross-section can pass
in parts; the orthogonal layer and the loss, which combine the stocks of a date, are applied afterwards. A further network is a class
here, an entry in NETWORKS of assets/catalogue.py, and a row of settings. A user's own network is a class anywhere, which
`models.<name>.network = "module:class"` names (examples/network.py).
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
    """Dropout with a generator of its own, whose masks are a function of (seed, batch) after `begin`.

    Networks that are trained in parallel therefore share no random numbers, a resumed training uses the same masks, and a
    batch that passes in parts has the masks of the whole: a mask (…, names, width) is drawn for all stocks of the batch, and
    each part uses its own slice.
    """

    def __init__(self, share: float, seed: int):
        super().__init__()
        self.share, self.seed = share, seed
        self._batch: tuple[int, int] | None = None
        self._generator: torch.Generator | None = None
        self._masks: list[Tensor] = []
        self._first = self._place = 0

    def begin(self, batch: int, names: int) -> None:
        """Start the batch with this number, which has so many stocks."""
        self._batch, self._masks = (batch, names), []
        self.part(0)

    def part(self, first: int) -> None:
        """Start the part of the batch that begins with its stock `first`."""
        self._first, self._place = first, 0

    def forward(self, x: Tensor) -> Tensor:
        """(…, names, width) → the same shape, a share of it zeroed and the rest scaled up; unchanged outside training."""
        if not self.training or self.share == 0:
            return x
        if self._batch is None:
            return self._drop(x, self._draw(x.shape, x.device))
        if self._place == len(self._masks):  # the first part of a batch draws the masks
            self._masks.append(self._draw((*x.shape[:-2], self._batch[1], x.shape[-1]), x.device))
        mask = self._masks[self._place].narrow(-2, self._first, x.shape[-2])
        self._place += 1
        return self._drop(x, mask)

    def _drop(self, x: Tensor, mask: Tensor) -> Tensor:
        return (x * mask).mul_(65536 / self._kept)

    @property
    def _kept(self) -> int:
        return 65536 - round(65536 * self.share)  # number of the 65536 values of 16 bits that keep an entry

    def _draw(self, shape: Sequence[int], device: torch.device) -> Tensor:
        """True where kept. Sixteen random bits per entry are six times as fast as torch's bernoulli_ on a CPU."""
        if self._generator is None:
            self._generator = torch.Generator(device).manual_seed(self.seed)
        if self._batch is not None and not self._masks:
            # The generator of a CPU uses 32 bits of its seed.
            mixed = np.random.SeedSequence((self.seed, self._batch[0])).generate_state(1)
            self._generator.manual_seed(int(mixed[0]))
        count = math.prod(shape)
        words = torch.empty(-(-count // 4), dtype=torch.int64, device=device)
        words.random_(-(2**63), None, generator=self._generator)
        return (words.view(torch.int16)[:count] < self._kept - 32768).view(tuple(shape))


def mlp(width: int, hidden: Sequence[int]) -> nn.Sequential:
    """Return the head: (names, width) → (names, 1) through the `hidden` widths, with ReLU after each."""
    layers: list[nn.Module] = []
    for next_width in hidden:
        layers += [nn.Linear(width, next_width), nn.ReLU()]
        width = next_width
    return nn.Sequential(*layers, nn.Linear(width, 1))


class GRU(nn.Module):
    """GRU(h, L)+NN(10), models 11–13: the last hidden state → Linear → ReLU → Linear → scalar (SPEC §5.2)."""

    def __init__(self, settings: ModelSettings, features: int, seed: int):
        super().__init__()
        hidden = settings.hidden
        self.layers = nn.ModuleList(
            recurrent.GRULayer(hidden if layer else features, hidden) for layer in range(settings.layers)
        )
        self.dropout = Dropout(settings.dropout, seed)
        self.head = mlp(hidden, settings.head)

    def forward(self, x: Tensor) -> Tensor:
        """(steps, names, features) → (names,)."""
        for layer in self.layers[:-1]:
            x = self.dropout(layer(x)[0])  # (steps, names, features) → (steps, names, hidden)
        _, last = self.layers[-1](x)  # (1, names, hidden)
        return self.head(self.dropout(last[0])).squeeze(-1)  # (names,)


class SelfAttention(nn.Module):
    """softmax(QKᵀ/√d)V over the steps of each stock, one head; Q, K and V are linear in the states, without bias."""

    def __init__(self, width: int):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width, bias=False) for _ in range(3))

    def weights(self, states: Tensor) -> Tensor:
        """Return the attention of each step to each: (names, steps, width) → (names, steps, steps), rows sum to one."""
        query = self.query(states) / math.sqrt(states.shape[-1])
        return (query @ self.key(states).transpose(1, 2)).softmax(-1)

    def forward(self, states: Tensor) -> Tensor:
        """(names, steps, width) → (names, steps, width)."""
        return self.weights(states) @ self.value(states)


class ResidualAttentionLSTM(nn.Module):
    """Residual-attention LSTM(h, L)+NN(10), model 14: mean over steps of LayerNorm(H + attention(H)) → head (SPEC §5.2)."""

    def __init__(self, settings: ModelSettings, features: int, seed: int):
        super().__init__()
        hidden = settings.hidden
        self.layers = nn.ModuleList(
            recurrent.LSTMLayer(hidden if layer else features, hidden) for layer in range(settings.layers)
        )
        self.dropout = Dropout(settings.dropout, seed)
        self.attention = SelfAttention(hidden)
        self.norm = nn.LayerNorm(hidden)
        self.head = mlp(hidden, settings.head)

    def forward(self, x: Tensor) -> Tensor:
        """(steps, names, features) → (names,)."""
        for layer in self.layers[:-1]:
            x = self.dropout(layer(x)[0])  # (steps, names, features) → (steps, names, hidden)
        states = self.layers[-1](x)[0].transpose(0, 1)  # (names, steps, hidden)
        mean = self.norm(states + self.attention(states)).mean(1)  # (names, hidden)
        return self.head(self.dropout(mean)).squeeze(-1)  # (names,)


class AdditiveAttention(nn.Module):
    """c = Σ α h with α = softmax over steps of vᵀ tanh(W h + b), where W halves the width."""

    def __init__(self, width: int):
        super().__init__()
        self.project = nn.Linear(width, width // 2)
        self.score = nn.Linear(width // 2, 1, bias=False)

    def weights(self, states: Tensor) -> Tensor:
        """Return the weight of each step: (steps, names, width) → (steps, names, 1), steps sum to one."""
        return self.score(self.project(states).tanh()).softmax(0)

    def forward(self, states: Tensor) -> Tensor:
        """(steps, names, width) → (names, width)."""
        return (self.weights(states) * states).sum(0)


class AttentionGRU(nn.Module):
    """Bidirectional AGRU, models 15–16, one per granularity: head([last states ; attention over all states]) (SPEC §5.2)."""

    def __init__(self, settings: ModelSettings, features: int, seed: int):
        super().__init__()
        both = 2 * settings.hidden
        self.layers = nn.ModuleList(
            recurrent.GRULayer(both if layer else features, settings.hidden, bidirectional=True)
            for layer in range(settings.layers)
        )
        self.dropout = Dropout(settings.dropout, seed)
        self.attention = AdditiveAttention(both)
        self.head = mlp(2 * both, settings.head)

    def forward(self, x: Tensor) -> Tensor:
        """(steps, names, features) → (names,)."""
        for layer in self.layers[:-1]:
            x = self.dropout(layer(x)[0])  # (steps, names, features) → (steps, names, 2 hidden)
        # last (2, names, hidden): the forward state after the last step, the backward state after the first
        states, last = self.layers[-1](x)
        read = torch.cat([last[0], last[1], self.attention(states)], dim=-1)  # (names, 4 hidden)
        return self.head(self.dropout(read)).squeeze(-1)  # (names,)


def build_network(settings: ModelSettings, features: int, seed: int) -> nn.Module:
    """Build the network that a model's settings name, for so many input features; the seed decides weights and dropout.

    Raises:
        SettingsError: A user's own network cannot be loaded or made, or is no torch.nn.Module.
    """
    if ":" in settings.network:
        network = _own_network(settings, features, seed)
    else:
        make = load_named("models.<name>.network", NETWORKS[settings.network], NETWORKS["gru"])
        network = make(settings, features, seed)
    initialise(network, torch.Generator().manual_seed(seed))
    return network


def _own_network(settings: ModelSettings, features: int, seed: int) -> nn.Module:
    """Make a user's own network, which is called with the same arguments as those of NETWORKS.

    Its modules draw their initial weights from torch's global generator. The generator is seeded while one network is made, so
    that the same seed gives the same weights whatever is trained in parallel.

    Raises:
        SettingsError: The network cannot be loaded or made, or is no torch.nn.Module.
    """
    path = settings.network
    make = load_named("models.<name>.network", path, "examples.network:MeanNetwork")
    with _GLOBAL_GENERATOR, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            network = make(settings, features, seed)
        except Exception as error:  # the class is the user's and may raise anything
            raise SettingsError(
                f"models.<name>.network = {path!r} failed ({type(error).__name__}: {error}); it is called with the model's "
                "settings, the number of features and the seed, and must return a torch.nn.Module"
            ) from error
    if not isinstance(network, nn.Module):
        raise SettingsError(
            f"models.<name>.network = {path!r} returned a {type(network).__name__}; it must return a torch.nn.Module"
        )
    return network


_GLOBAL_GENERATOR = threading.Lock()


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of linear and recurrent layers from U(±1/√width), as torch does, but from the given generator."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.RNNBase):
            width = module.in_features if isinstance(module, nn.Linear) else module.hidden_size
            for weights in module.parameters():
                weights.uniform_(-1 / math.sqrt(width), 1 / math.sqrt(width), generator=generator)


def pearson(x: Tensor, y: Tensor) -> Tensor:
    """Return the correlation of two vectors (stocks,); 0 if one of them does not vary.

    The lower bound of the denominator keeps the gradient finite where all outputs are equal.
    """
    x, y = x - x.mean(), y - y.mean()
    return (x * y).sum() / (x.norm() * y.norm()).clamp_min(1e-8)


def negative_ic(output: Tensor, label: Tensor) -> Tensor:
    """Return the loss "ic": the negative correlation of outputs and labels (stocks,)."""
    return -pearson(output, label)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"ic": negative_ic, "mse": nn.functional.mse_loss}
