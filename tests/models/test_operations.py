"""Hand counts of operations, compared with those that torch counts while it trains its own layers."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from assets.models.networks import build_network
from assets.models.operations import BARS, count_work, training_operations
from resources.settings.models import ModelsSettings

ROWS = ModelsSettings().rows
NAMES, STEPS, FEATURES = 3, 12, 7


@pytest.mark.parametrize("key", ["gru_50_1", "gru_50_2", "residual_attention_lstm", "multi_granularity_5d"])
def test_operations_are_those_that_torch_counts(key: str) -> None:
    settings = ROWS[key].model_copy(update={"dropout": 0.0})
    # In float64 the recurrent layers are torch's, whose products its counter sees.
    network = build_network(settings, FEATURES, seed=1).double().train()
    x = torch.randn(STEPS, NAMES, FEATURES, dtype=torch.float64)
    work = count_work(settings, STEPS, FEATURES)
    with FlopCounterMode(display=False) as forward:
        output = network(x)
    # Torch counts matrix products alone. The mean weighted by attention is none in `attention_gru`.
    uncounted = 2 * STEPS * 2 * settings.hidden if settings.network == "attention_gru" else 0
    assert forward.get_total_flops() == NAMES * (work.forward - uncounted)
    with FlopCounterMode(display=False) as backward:
        output.sum().backward()
    # The first step has no state, so that torch leaves out its part of the gradients.
    counted = (forward.get_total_flops() + backward.get_total_flops()) / NAMES
    assert counted == pytest.approx(work.training, rel=0.06)


def test_a_training_adds_up_over_granularities_epochs_and_seeds() -> None:
    settings = ROWS["multi_granularity_5d"]
    samples = {"daily": (26, 1000, 100), "60min": (64, 900, 90), "30min": (63, 800, 80)}
    total = 0
    for _ in settings.seeds:
        for _ in range(settings.epochs):
            for granularity, (features, train, valid) in samples.items():
                work = count_work(settings, settings.sequence_days * BARS[granularity], features)
                total += train * work.training + valid * work.forward
    assert training_operations(settings, samples) == total
