"""What a training leaves behind: weights as safetensors, and a card that says how they came to be.

Here: writing and reading the two, as bytes. Neither can execute code: safetensors holds numbers, the card is JSON. Not
here: where they are kept (the lake), training.

The card of a week that carries a model forward is the trained week's, with its own `week`. Cards hold no clock time, so
that the same training writes the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from assets.models.networks import build_network
from assets.models.training import Epoch, Trained
from assets.models.windows import Window
from resources.errors import InputError
from resources.settings.models import ModelSettings

CHECKPOINT = "checkpoint.safetensors"
CARD = "card.json"


def pack_weights(trained: Mapping[int, Trained]) -> bytes:
    """All seeds' best weights in one file; a tensor's key is `seed/parameter`."""
    return save(
        {
            f"{seed}/{name}": value.contiguous()
            for seed, result in trained.items()
            for name, value in result.weights.items()
        }
    )


def make_card(
    *,
    model: str,
    week: Any,
    settings: ModelSettings,
    window: Window,
    trained: Mapping[int, Trained],
    checkpoint: bytes,
    features: Sequence[str],
    dropped: Sequence[str],
    data: Mapping[str, Any],
    device: torch.device,
) -> bytes:
    """The card: settings, window with its purge, features, seeds, what data it saw, curves, device and library.

    data: digests and counts of what was trained on; the versions of the partitions it came from stand in the manifest
    beside the card.
    """
    card = {
        "model": model,
        "week": str(week),
        "trained_week": str(week),
        "checkpoint": digest(checkpoint),
        "settings": settings.model_dump(mode="json"),
        "window": {key: value if key == "horizon" else str(value) for key, value in asdict(window).items()},
        "purge": {"label_known_after": settings.horizon + 1, "days_strictly_between": settings.horizon},
        "features": list(features),
        "dropped_features": list(dropped),
        "seeds": list(trained),
        "data": dict(data),
        "curves": [_row(epoch) for result in trained.values() for epoch in result.curve],
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "torch": torch.__version__,
    }
    return _dump(card)


def carry_card(card: bytes, week: Any) -> bytes:
    """The card of a later week that uses the same checkpoint."""
    return _dump({**read_card(card), "week": str(week)})


def read_card(card: bytes) -> dict[str, Any]:
    return json.loads(card)


def _row(epoch: Epoch) -> dict[str, Any]:
    """The epoch without its duration, which is no property of the result."""
    return {key: value for key, value in asdict(epoch).items() if key != "seconds"}


def digest(checkpoint: bytes) -> str:
    return hashlib.sha256(checkpoint).hexdigest()


def load_networks(card: Mapping[str, Any], checkpoint: bytes, device: torch.device) -> dict[int, nn.Module]:
    """Seed → network, ready for inference.

    Raises InputError if the checkpoint is not the one that the card describes.
    """
    if digest(checkpoint) != card["checkpoint"]:
        raise InputError(
            f"{card['model']}: {CHECKPOINT} of the week of {card['trained_week']} is not the one that the card of the "
            f"week of {card['week']} names (digest {digest(checkpoint)[:12]}, expected {card['checkpoint'][:12]}). "
            f"Remedy: make {card['model']} again for both weeks."
        )
    settings = ModelSettings.model_validate(card["settings"])
    tensors = load(checkpoint)
    networks = {}
    for seed in card["seeds"]:
        network = build_network(settings, len(card["features"]), seed)
        network.load_state_dict(_of_seed(tensors, seed))
        networks[seed] = network.to(device).eval()
    return networks


def _of_seed(tensors: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    prefix = f"{seed}/"
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _dump(card: Mapping[str, Any]) -> bytes:
    return json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False).encode()
