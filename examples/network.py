"""A user's own network: a dense head on the mean of the sequence, named by `models.<name>.network`.

The class is called like the networks of assets/models/networks.py, with the model's settings, the number of features and the seed. The
platform handles training, early stopping, checkpoints and scores. A network with dropout uses `Dropout` from that module, whose masks
follow from the seed.
"""

from torch import Tensor, nn

from assets.models.networks import mlp
from resources.settings.models import ModelSettings


class MeanNetwork(nn.Module):
    """The mean of the features over all steps, the head's hidden layers, and one output per stock."""

    def __init__(self, settings: ModelSettings, features: int, seed: int):
        super().__init__()
        self.head = mlp(features, settings.head)

    def forward(self, x: Tensor) -> Tensor:
        """Map x, of shape (steps, stocks, features), to scores of shape (stocks,). Each stock is computed by itself."""
        return self.head(x.mean(0)).squeeze(-1)
