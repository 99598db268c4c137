"""The networks, each a module that maps a batch of sequences to one number per stock. Nothing about data or training.

Input (steps, stocks, features): time first, as the panel stores it and recurrent kernels read it. Output (stocks,).
A further network is a class here, an entry in NETWORKS, and a row of settings.
"""

from collections.abc import Callable

from torch import Tensor, nn

from resources.settings.models import ModelSettings


class GRU(nn.Module):
    """GRU(h, L)+NN(10) of SPEC §5.2: last hidden state → Linear → ReLU → Linear → scalar."""

    def __init__(self, settings: ModelSettings, features: int):
        super().__init__()
        between = settings.dropout if settings.layers > 1 else 0.0
        self.rnn = nn.GRU(features, settings.hidden, settings.layers, dropout=between)
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Sequential(nn.Linear(settings.hidden, settings.head), nn.ReLU(), nn.Linear(settings.head, 1))

    def forward(self, x: Tensor) -> Tensor:
        _, last = self.rnn(x)  # (steps, stocks, features) → (layers, stocks, hidden)
        return self.head(self.dropout(last[-1])).squeeze(-1)  # (stocks, hidden) → (stocks,)


NETWORKS: dict[str, Callable[[ModelSettings, int], nn.Module]] = {"gru": GRU}


def build_network(settings: ModelSettings, features: int) -> nn.Module:
    """The network that a row of settings names, for so many input features, freshly initialised."""
    return NETWORKS[settings.network](settings, features)


def pearson(x: Tensor, y: Tensor) -> Tensor:
    """Correlation of two vectors (stocks,); 0 where one of them does not vary.

    The floor under the denominator keeps the gradient finite where all outputs are equal.
    """
    x, y = x - x.mean(), y - y.mean()
    return (x * y).sum() / (x.norm() * y.norm()).clamp_min(1e-8)


def negative_ic(output: Tensor, label: Tensor) -> Tensor:
    return -pearson(output, label)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"ic": negative_ic, "mse": nn.functional.mse_loss}
