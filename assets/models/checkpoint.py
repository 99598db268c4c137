"""The results of a training: the weights as safetensors, and a card with their origin.

This module writes and reads both as bytes. Neither can execute code: safetensors holds numbers, and the card is JSON. The module
does not hold the training or the place where the files are stored (the lake).

The card of a week that carries a model forward is that of the trained week with its own `week`. Cards contain no clock time, so
that the same training writes the same bytes.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from assets.models.device import describe, libraries
from assets.models.networks import build_network
from assets.models.reasons import NO_SUCH_NETWORKS, OTHER_FEATURES, OTHER_ORDER
from assets.models.schemas import CARD, CHECKPOINT
from assets.models.training import Epoch, Trained
from assets.models.windows import TrainingWindow
from resources.errors import InputError
from resources.reasons import Reason
from resources.settings.models import Granularity, ModelSettings

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class TrainedPart:
    """The networks of one granularity, and a description of their data.

    features, dropped: the features that the networks read, and those without any value in the window. data: digests and
    counts of the training data; the versions of its partitions are in the manifest beside the card. trained: seed → result.
    cold_start: why a warm start that the settings ask for was not possible for some or all seeds; None otherwise.
    """

    features: tuple[str, ...]
    dropped: tuple[str, ...]
    data: Mapping[str, Any]
    trained: Mapping[int, Trained]
    cold_start: Reason | None = None


@dataclass(frozen=True)
class Origin:
    """The earlier training whose weights a warm start begins with."""

    card: Mapping[str, Any]
    checkpoint: bytes


@dataclass(frozen=True)
class Training:
    """The networks that were trained in one week. labels: the digest of the labels, which all granularities share."""

    window: TrainingWindow
    parts: Mapping[Granularity, TrainedPart]
    labels: str
    device: torch.device
    origin: Origin | None = None


# --- writing ----------------------------------------------------------------------------------------------------------


def pack_weights(parts: Mapping[Granularity, TrainedPart]) -> bytes:
    """Write the best weights of all networks as one safetensors file; a tensor's key is `granularity/seed/parameter`."""
    return save(
        {
            f"{granularity}/{seed}/{name}": value.contiguous()
            for granularity, part in parts.items()
            for seed, result in part.trained.items()
            for name, value in result.weights.items()
        }
    )


def make_card(
    *,
    model: str,
    week: dt.date,
    settings: ModelSettings,
    training: Training,
    checkpoint: bytes,
) -> bytes:
    """Write the card as JSON: settings, window and purge, data of each granularity, seeds, curves, device, libraries, origin.

    Settings that only affect execution (threads, the choice of a device) are left out.
    """
    window, parts, device, origin = training.window, training.parts, training.device, training.origin
    card = {
        "model": model,
        "week": str(week),
        "trained_week": str(week),
        "checkpoint": digest(checkpoint),
        "settings": settings.decisive(),
        "window": {key: value if key == "horizon" else str(value) for key, value in asdict(window).items()},
        "purge": {"label_known_after": settings.horizon + 1, "days_strictly_between": settings.horizon},
        "labels": training.labels,
        "granularities": {granularity: _describe(part) for granularity, part in parts.items()},
        "seeds": list(settings.seeds),
        "curves": [
            {"granularity": granularity, **_row(epoch)}
            for granularity, part in parts.items()
            for result in part.trained.values()
            for epoch in result.curve
        ],
        "warm_start": None if origin is None else {key: origin.card[key] for key in ("trained_week", "checkpoint")},
        "device": describe(device),
        "libraries": libraries() | _cuda(device),
    }
    return _dump(card)


def carry_card(card: bytes, week: dt.date) -> bytes:
    """Return the card of a later week that uses the same checkpoint."""
    return _dump({**read_card(card), "week": str(week)})


def _describe(part: TrainedPart) -> dict[str, Any]:
    return {
        "features": list(part.features),
        "dropped_features": list(part.dropped),
        **part.data,
        "chunk_names": {str(seed): result.chunk for seed, result in part.trained.items()},
        "cold_start": part.cold_start.to_json() if part.cold_start else None,
    }


def _row(epoch: Epoch) -> dict[str, Any]:
    """The epoch without its duration, which differs between two runs of the same training."""
    return {key: value for key, value in asdict(epoch).items() if key != "seconds"}


def _cuda(device: torch.device) -> dict[str, str]:
    if device.type != "cuda":
        return {}
    return {"cuda": str(torch.version.cuda), "cudnn": str(torch.backends.cudnn.version())}


def digest(data: bytes) -> str:
    """Return the SHA-256 of the data in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _dump(card: Mapping[str, Any]) -> bytes:
    return json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False).encode()


# --- reading ----------------------------------------------------------------------------------------------------------


def read_card(card: bytes) -> dict[str, Any]:
    """Parse a card."""
    return json.loads(card)


def load_networks(
    card: Mapping[str, Any], checkpoint: bytes, device: torch.device
) -> dict[Granularity, dict[int, nn.Module]]:
    """Load granularity → seed → network, on the device and ready for inference.

    Raises:
        InputError: The checkpoint is not the one that the card describes, or lacks its networks.
    """
    settings = ModelSettings.model_validate(card["settings"])
    tensors = _tensors(card, checkpoint)
    networks: dict[Granularity, dict[int, nn.Module]] = {}
    for granularity in settings.granularities:
        networks[granularity] = {}
        for seed in card["seeds"]:
            network = build_network(settings, len(card["granularities"][granularity]["features"]), seed)
            try:
                network.load_state_dict(_of_network(tensors, granularity, seed))
            except RuntimeError as error:
                raise InputError(
                    f"{_named(card)} does not contain the {granularity} network of seed {seed} that its card describes: "
                    f"{error}. {_remedy(card)}"
                ) from error
            networks[granularity][seed] = network.to(device).eval()
    return networks


def warm_weights(
    origin: Origin, granularity: Granularity, features: tuple[str, ...], settings: ModelSettings
) -> tuple[dict[int, Weights], Reason | None]:
    """Return seed → initial weights from the origin, and why some or all seeds have none (None if all have).

    Seeds have none if the features are others, the network has other shapes, or the origin lacks the seed.

    Raises:
        InputError: The checkpoint of the origin is not the one that its card describes.
    """
    before, week = (
        origin.card["granularities"].get(granularity, {"features": []})["features"],
        origin.card["trained_week"],
    )
    if list(features) != before:
        lost, gained = sorted(set(before) - set(features)), sorted(set(features) - set(before))
        if lost or gained:
            return {}, OTHER_FEATURES(week=week, lost=lost or None, gained=gained or None)
        return {}, OTHER_ORDER(week=week)
    tensors = _tensors(origin.card, origin.checkpoint)
    weights: dict[int, Weights] = {}
    without = []
    for seed in settings.seeds:
        own, wanted = _of_network(tensors, granularity, seed), build_network(settings, len(features), seed).state_dict()
        if {name: value.shape for name, value in own.items()} == {name: value.shape for name, value in wanted.items()}:
            weights[seed] = own
        else:
            without.append(seed)
    return weights, NO_SUCH_NETWORKS(week=week, seeds=without) if without else None


def _tensors(card: Mapping[str, Any], checkpoint: bytes) -> dict[str, Tensor]:
    if digest(checkpoint) != card["checkpoint"]:
        raise InputError(
            f"{_named(card)} has the digest {digest(checkpoint)[:12]}, but the card of the week of {card['week']} expects "
            f"{card['checkpoint'][:12]}: the file was damaged or replaced. {_remedy(card)}"
        )
    try:
        return load(checkpoint)
    except SafetensorError as error:
        raise InputError(
            f"{_named(card)} is not a safetensors file ({error}) and was not used. {_remedy(card)}"
        ) from error


def _of_network(tensors: Mapping[str, Tensor], granularity: Granularity, seed: int) -> dict[str, Tensor]:
    prefix = f"{granularity}/{seed}/"
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _named(card: Mapping[str, Any]) -> str:
    return f"{card['model']}: {CHECKPOINT} of the week of {card['trained_week']}"


def _remedy(card: Mapping[str, Any]) -> str:
    return (
        f"Remedy: remove the manifest.json beside the checkpoint and the one beside {CARD}, and make {card['model']} again for "
        "both weeks."
    )
