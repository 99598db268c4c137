"""Training speed of the six networks at production shapes, beside the floor: the same products at the machine's best speed.

    python -m benchmarks.networks

On a CPU one thread trains on 256 stocks, with the same samples/s as a whole date; on a GPU, where there is one, on whole batches.
A sample is a stock's sequence on one date. Operations are the multiplications and additions of the matrix products, forward and
backward. Bytes are those that must pass through memory: the input twice, and the data of the backward pass once out and once in. The
floor is the slower of the operations at the speed of one large product and the bytes at the speed of a copy, both measured in turn
with the network. Hours are computed from measured samples/s and not measured.
"""

import json
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from assets.models.device import repeatable
from assets.models.networks import build_network
from assets.models.operations import BARS, count_work
from assets.models.orthogonal import Exposures
from assets.models.panel import features_of
from assets.models.training import add_gradients
from benchmarks._side_by_side import alternate
from resources.settings.models import ModelSettings, ModelsSettings

NAMES = 4500  # stocks in U(t)
WEEKS, DAYS = 500, 2430  # trading weeks and trading days of ten years
ROUNDS = 5
PRODUCT, COPY = 2048, 64 * 1024**2  # rows of the square matrices; number of floats that are copied


def main() -> list[dict[str, Any]]:
    """Return result rows: name, unit, ours, peer, ratio, target, floor, conditions. There is no peer."""
    with repeatable():
        rows = []
        for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
            each = [
                network_row(key, settings, granularity, device)
                for key, settings in ModelsSettings().rows.items()
                if key != "multi_granularity_10d"  # has the networks of multi_granularity_5d with another label
                for granularity in settings.granularities
            ]
            rows += [*each, ten_years(each, device)]
        return rows


def network_row(key: str, settings: ModelSettings, granularity: Any, device: str) -> dict[str, Any]:
    """Return the row of one network: samples/s of training steps (gradients and Adam) on a batch that is on the device."""
    features = len(features_of(granularity))
    steps = settings.sequence_days * BARS[granularity]
    names = 256 if device == "cpu" else settings.batch_names or NAMES
    random = torch.Generator().manual_seed(0)
    x = torch.randn(steps, names, features, generator=random).to(device)
    y = torch.randn(names, generator=random).to(device)
    exposures = _exposures(names, device) if settings.orthogonal_layer else None
    network = build_network(settings, features, 0).to(device).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, fused=True)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        add_gradients(network, x, y, exposures, settings, names)
        optimiser.step()
        _wait(device)

    operations_per_s, bytes_per_s, seconds = _measure(step, device)
    work = count_work(settings, steps, features)
    floor = 1 / max(work.training / operations_per_s, work.bytes / bytes_per_s)
    rate = names / seconds
    trainings = DAYS // settings.retrain_every_days if settings.retrain_every_days > 1 else WEEKS
    samples = NAMES * (settings.train_days + settings.valid_days * work.forward / work.training)
    networks = trainings * len(settings.seeds)
    return {
        "name": f"training {key} {granularity}, {steps} x {features}, {device}",
        "unit": "samples/s",
        "ours": rate,
        "peer": None,
        "ratio": None,
        "target": None,
        "floor": floor,
        "conditions": {
            "names": names,
            "share_of_floor": rate / floor,
            "operations_per_sample": work.training,
            "bytes_per_sample": work.bytes,
            "product_gflops": operations_per_s / 1e9,
            "copy_gb_per_s": bytes_per_s / 1e9,
            "hours_per_epoch_of_one_network_computed": samples / rate / 3600,
            "networks_in_ten_years": networks,
            "epochs_at_most": settings.epochs,
            "hours_for_ten_years_at_most_computed": networks * settings.epochs * samples / rate / 3600,
            "threads": 1,
            "precision": settings.precision,
            "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        },
    }


def ten_years(rows: list[dict[str, Any]], device: str) -> dict[str, Any]:
    """Return the row of the total hours: every network in sequence, each with the largest number of epochs."""
    twice = [row for row in rows if "multi_granularity" in row["name"]]  # models 15 and 16
    hours = [row["conditions"]["hours_for_ten_years_at_most_computed"] for row in (*rows, *twice)]
    floors = [
        each * row["conditions"]["share_of_floor"] for each, row in zip(hours, (*rows, *twice), strict=True)
    ]  # fmt: skip
    return {
        "name": f"ten years of all six from scratch, one network at a time, {device} (computed, not run)",
        "unit": "h",
        "ours": sum(hours),
        "peer": None,
        "ratio": None,
        "target": 120 if device == "cuda" else None,
        "floor": sum(floors),
        "conditions": {
            "computed_from": "the samples/s of the rows of training, all epochs that the settings allow, five seeds",
            "names": NAMES,
            "weeks": WEEKS,
            "days": DAYS,
        },
    }


def _measure(step: Callable[[], None], device: str) -> tuple[float, float, float]:
    """Operations/s of a large product, bytes/s of a large copy, and seconds of a step, measured in turn."""
    a, b, c = (torch.randn(PRODUCT, PRODUCT, device=device) for _ in range(3))
    source = torch.zeros(COPY, device=device)
    target = torch.zeros_like(source)

    def product() -> None:
        torch.mm(a, b, out=c)
        _wait(device)

    def copy() -> None:
        target.copy_(source)
        _wait(device)

    works = {"product": product, "copy": copy, "step": step}
    for work in works.values():
        work()
    medians = alternate(works, ROUNDS)
    return 2 * PRODUCT**3 / medians["product"], 2 * 4 * COPY / medians["copy"], medians["step"]


def _exposures(names: int, device: str) -> Exposures:
    """Exposures to 31 industries and six styles, as in production."""
    random = torch.Generator().manual_seed(0)
    dummies = torch.nn.functional.one_hot(torch.arange(names) % 31, 31).double()
    styles = torch.randn(names, 6, generator=random, dtype=torch.float64)
    weight: Tensor = torch.rand(names, generator=random, dtype=torch.float64) + 0.5
    return Exposures(torch.hstack([dummies, styles]).to(device), (weight / weight.mean()).to(device))


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    print(json.dumps(main(), indent=1))
