"""The state of an unfinished training of a seed, in files that survive a killed process, so that a rerun has the same result.

This module captures a state, restores it, writes it and reads it. It does not decide when (training.py), and does not hold the
checkpoint of a finished model (checkpoint.py). Like a checkpoint, a state is numbers and JSON, so that reading it executes no code.

`<seed>.json` names the file of the tensors beside it and the digest of that file. A new state writes its tensors to a new file, then
replaces the JSON, then removes the older tensors: even after a power failure the JSON and the file that it names are complete and
belong together.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

SET_ASIDE = ".set-aside"


EpochRows = tuple[tuple[float, float, float, float], ...]  # training loss, validation loss, validation IC, seconds
MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # the state of Adam for each parameter


@dataclass(frozen=True)
class TrainingState:
    """A training after some epochs.

    rows: one per epoch; weights, best and moments: the network, the network of the best epoch, and the state of Adam, on the
    host; chunk: the number of stocks at once that has fitted into memory so far, 0 for all. Random numbers need no state,
    because those of a batch are a function of its number.
    """

    rows: EpochRows
    weights: dict[str, Tensor]
    best: dict[str, Tensor]
    moments: dict[str, Tensor]
    chunk: int


def first_state(network: nn.Module, chunk: int) -> TrainingState:
    """Return the state before the first epoch. It has Adam's moments, so that no step of Adam has to allocate memory."""
    weights = _weights(network)
    moments = {}
    for name, parameter in network.named_parameters():
        step, *others = MOMENTS
        moments[f"{name}/{step}"] = torch.zeros(())
        moments |= {f"{name}/{kind}": torch.zeros_like(parameter, device="cpu") for kind in others}
    return TrainingState((), weights, weights, moments, chunk)


def capture(network: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return copies of weights and moments on the host."""
    moments = {
        f"{name}/{kind}": optimiser.state[parameter][kind].to("cpu", copy=True)
        for name, parameter in network.named_parameters()
        for kind in MOMENTS
    }
    return _weights(network), moments


def restore(state: TrainingState, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Set weights and moments to those of the state; the network may be on any device."""
    network.load_state_dict(state.weights)
    for name, parameter in network.named_parameters():
        optimiser.state[parameter] = {
            kind: state.moments[f"{name}/{kind}"].to(parameter.device, copy=True) for kind in MOMENTS
        }


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().to("cpu", copy=True) for name, value in network.state_dict().items()}


def write_state(state: TrainingState, folder: Path, seed: int, training: str) -> None:
    """Replace the state of the seed in the folder. training: digest of everything that the result of the training depends on."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = save(
        {
            f"{part}/{name}": value.clone()  # weights may be those of the best epoch; safetensors refuses shared memory
            for part in ("weights", "best", "moments")
            for name, value in getattr(state, part).items()
        }
    )
    path = folder / f"{seed}.{len(state.rows)}.safetensors"
    _replace(path, tensors)
    record = {
        "training": training,
        "tensors": {"file": path.name, "digest": hashlib.sha256(tensors).hexdigest()},
        "rows": state.rows,
        "chunk": state.chunk,
    }
    _replace(folder / f"{seed}.json", json.dumps({"state": record, "digest": _digest(record)}, indent=1).encode())
    for other in folder.glob(f"{seed}.*.safetensors"):
        if other != path:
            other.unlink(missing_ok=True)


def read_state(folder: Path, seed: int, training: str, progress: Callable[[str], None]) -> TrainingState | None:
    """Return the state of the seed's training, None if there is none.

    A state that is damaged or belongs to another training is renamed with a line of progress, and None is returned.
    """
    path = folder / f"{seed}.json"
    try:
        record = _verified(json.loads(path.read_bytes()))
        if record["training"] != training:
            raise ValueError("it belongs to another training")
        data = (folder / record["tensors"]["file"]).read_bytes()
        if hashlib.sha256(data).hexdigest() != record["tensors"]["digest"]:
            raise ValueError(f"{record['tensors']['file']} does not have the recorded digest")
    except FileNotFoundError as error:
        if not path.exists():
            return None
        reason = f"{Path(str(error.filename)).name} is missing"
    except (ValueError, KeyError, TypeError) as error:  # no JSON, or not of this shape
        reason = str(error)
    else:
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "best": {}, "moments": {}}
        for key, value in load(data).items():
            part, name = key.split("/", 1)
            parts[part][name] = value
        return TrainingState(tuple(map(tuple, record["rows"])), **parts, chunk=record["chunk"])
    for file in (path, *folder.glob(f"{seed}.*.safetensors")):
        file.replace(file.with_name(file.name + SET_ASIDE))
    progress(f"the state in {path} cannot be used ({reason}): it is renamed, and training starts again from epoch 1")
    return None


def _verified(content: Any) -> dict[str, Any]:
    """The record of a state. Raises ValueError if it does not have its digest."""
    if content["digest"] != _digest(content["state"]):
        raise ValueError("its content does not have the recorded digest")
    return content["state"]


def _digest(record: Any) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def _replace(path: Path, data: bytes) -> None:
    """Replace a file so that after a power failure it is the old one or the new one, never a part."""
    temporary = path.with_name(f"{path.name}.part")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # makes the new name durable
    finally:
        os.close(folder)
