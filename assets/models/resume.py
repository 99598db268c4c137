"""How far the training of a seed came, in files that outlive a kill, so that a rerun goes on to the same bits.

Here: what a state holds, taking it from a training and giving it back, writing and reading it. Not here: when (training.py), and the checkpoint of a finished model
(checkpoint.py). Like it, a state is numbers and JSON: reading one executes nothing.

`<seed>.json` names the file of the tensors beside it and that file's digest. A new state writes its tensors under a name of
their own, then replaces the JSON, then removes the older tensors: whenever the power goes, the JSON and what it names are
whole and belong together.
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


Rows = tuple[tuple[float, float, float, float], ...]  # training loss, validation loss, validation IC, seconds
MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # what Adam keeps of each parameter


@dataclass(frozen=True)
class State:
    """A training after some epochs.

    rows: one an epoch; weights, best and moments: the network, the network of the best epoch, and what Adam keeps, on the
    host; chunk: names at a time, as memory has allowed so far, 0 for all. Random numbers have no state: those of a batch
    follow from its number.
    """

    rows: Rows
    weights: dict[str, Tensor]
    best: dict[str, Tensor]
    moments: dict[str, Tensor]
    chunk: int


def first_state(network: nn.Module, chunk: int) -> State:
    """Before the first epoch. Adam's moments are made here, so that no step of it ever has to ask for memory."""
    weights = _weights(network)
    moments = {}
    for name, parameter in network.named_parameters():
        step, *others = MOMENTS
        moments[f"{name}/{step}"] = torch.zeros(())
        moments |= {f"{name}/{kind}": torch.zeros_like(parameter, device="cpu") for kind in others}
    return State((), weights, weights, moments, chunk)


def capture(network: nn.Module, optimiser: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Copies of weights and moments."""
    moments = {
        f"{name}/{kind}": optimiser.state[parameter][kind].to("cpu", copy=True)
        for name, parameter in network.named_parameters()
        for kind in MOMENTS
    }
    return _weights(network), moments


def restore(state: State, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Weights and moments as they were; the network may be on any device."""
    network.load_state_dict(state.weights)
    for name, parameter in network.named_parameters():
        optimiser.state[parameter] = {
            kind: state.moments[f"{name}/{kind}"].to(parameter.device, copy=True) for kind in MOMENTS
        }


def _weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().to("cpu", copy=True) for name, value in network.state_dict().items()}


def write_state(state: State, folder: Path, seed: int, training: str) -> None:
    """Replaces the state of the seed. training: digest of everything that the result of this training depends on."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = save(
        {
            f"{part}/{name}": value.clone()  # weights may be the best ones: safetensors wants memory of its own for each
            for part in ("weights", "best", "moments")
            for name, value in getattr(state, part).items()
        }
    )
    path = folder / f"{seed}.{len(state.rows)}.safetensors"
    _replace(path, tensors)
    said = {
        "training": training,
        "tensors": {"file": path.name, "digest": hashlib.sha256(tensors).hexdigest()},
        "rows": state.rows,
        "chunk": state.chunk,
    }
    _replace(folder / f"{seed}.json", json.dumps({"state": said, "digest": _digest(said)}, indent=1).encode())
    for other in folder.glob(f"{seed}.*.safetensors"):
        if other != path:
            other.unlink(missing_ok=True)


def read_state(folder: Path, seed: int, training: str, progress: Callable[[str], None]) -> State | None:
    """The state that the seed's training left, None if there is none.

    One that is damaged, or another training's, is set aside (renamed) with a line of progress, and None is returned.
    """
    path = folder / f"{seed}.json"
    try:
        said = _whole(json.loads(path.read_bytes()))
        if said["training"] != training:
            raise ValueError("it is that of another training")
        data = (folder / said["tensors"]["file"]).read_bytes()
        if hashlib.sha256(data).hexdigest() != said["tensors"]["digest"]:
            raise ValueError(f"{said['tensors']['file']} is not what it names")
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
        return State(tuple(map(tuple, said["rows"])), **parts, chunk=said["chunk"])
    for file in (path, *folder.glob(f"{seed}.*.safetensors")):
        file.replace(file.with_name(file.name + SET_ASIDE))
    progress(f"the state in {path} can't be used ({reason}): set aside, training begins anew")
    return None


def _whole(content: Any) -> dict[str, Any]:
    if content["digest"] != _digest(content["state"]):
        raise ValueError("its content is not what its digest says")
    return content["state"]


def _digest(said: Any) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _replace(path: Path, data: bytes) -> None:
    """The file is the old one or the new one, never a part, whenever the power goes."""
    temporary = path.with_name(f"{path.name}.part")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name itself
    finally:
        os.close(folder)
