"""A network of one's own: a dense head on the mean of the sequence, named by `models.<name>.network`.

It is called as the networks of assets/models/networks.py are, with the model's settings, the number of features and the seed;
training, early stopping, checkpoints and scores are the platform's. A network that drops units out takes `Dropout` from that
module, whose masks follow from the seed.
"""

from torch import Tensor, nn

from assets.models.networks import mlp
from resources.settings.models import ModelSettings


class MeanNetwork(nn.Module):
    """The features' mean over all steps → the head's hidden layers → one number per name."""

    def __init__(self, settings: ModelSettings, features: int, seed: int):
        super().__init__()
        self.head = mlp(features, settings.head)

    def forward(self, x: Tensor) -> Tensor:
        """(steps, names, features) → (names,); each name by itself."""
        return self.head(x.mean(0)).squeeze(-1)
