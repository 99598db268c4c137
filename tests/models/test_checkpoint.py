"""Tests of checkpoints and cards: reading, refusal of other files, and warm starts."""

import datetime as dt
import json
import pickle
from dataclasses import replace

import pytest
import torch

from assets.models.checkpoint import (
    Origin,
    TrainedPart,
    Training,
    carry_card,
    digest,
    load_networks,
    make_card,
    pack_weights,
    read_card,
    warm_weights,
)
from assets.models.device import describe
from assets.models.networks import build_network
from assets.models.reasons import NO_SUCH_NETWORKS, OTHER_FEATURES, OTHER_ORDER
from assets.models.training import Epoch, Trained
from assets.models.windows import TrainingWindow
from resources.errors import InputError

WEEK = dt.date(2023, 12, 11)
CPU = torch.device("cpu")
FEATURES = {"daily": ("a", "b"), "30min": ("a", "b", "c")}


@pytest.fixture
def row(small):
    return small.model_copy(update={"granularities": tuple(FEATURES)})


def parts_of(row, epochs=1, seconds=0.0):
    parts = {}
    for granularity, features in FEATURES.items():
        trained = {}
        for seed in row.seeds:
            weights = build_network(row, len(features), seed).state_dict()
            curve = tuple(Epoch(seed, n, -0.1, -0.05, 0.05, kept=n == 1, seconds=seconds) for n in range(1, epochs + 1))
            trained[seed] = Trained(dict(weights), curve, chunk=500)
        parts[granularity] = TrainedPart(features, ("d",), {"panel": "x", "stocks": 7}, trained)
    return parts


def card_and_checkpoint(row, parts, origin=None, **changes):
    checkpoint = pack_weights(parts)
    known = {
        "model": "multi_granularity_5d", "week": WEEK, "settings": row, "checkpoint": checkpoint,
        "training": Training(TrainingWindow(*(WEEK,) * 6, horizon=2), parts, "y", CPU, origin),
    }  # fmt: skip
    return make_card(**known | changes), checkpoint


@pytest.fixture
def stored(row):
    parts = parts_of(row)
    return parts, *card_and_checkpoint(row, parts)


def test_a_checkpoint_is_read_back_to_the_bit(stored, row):
    parts, card, checkpoint = stored
    networks = load_networks(read_card(card), checkpoint, CPU)
    assert list(networks) == list(row.granularities)
    for granularity, of_seed in networks.items():
        assert list(of_seed) == list(row.seeds)
        for seed, network in of_seed.items():
            assert not network.training
            for name, value in network.state_dict().items():
                assert torch.equal(value, parts[granularity].trained[seed].weights[name])
    assert pack_weights(parts) == checkpoint


def test_the_card_describes_the_training(stored, row):
    card = json.loads(stored[1])
    assert card["settings"] == row.decisive()
    assert not {"threads", "device"} & set(card["settings"])
    assert card["purge"] == {"label_known_after": 3, "days_strictly_between": 2}
    assert card["granularities"]["daily"] == {
        "features": ["a", "b"],
        "dropped_features": ["d"],
        "panel": "x",
        "stocks": 7,
        "chunk_names": {"0": 500, "1": 500},
        "cold_start": None,
    }
    assert card["labels"] == "y"
    assert [(curve["granularity"], curve["seed"]) for curve in card["curves"]] == [
        (granularity, seed) for granularity in FEATURES for seed in row.seeds
    ]
    assert card["curves"][0]["valid_ic"] == 0.05
    assert card["device"] == describe(torch.device("cpu"))
    assert card["libraries"]["torch"] == torch.__version__
    assert card["trained_week"] == card["week"] == "2023-12-11"
    assert card["warm_start"] is None


def test_the_card_contains_no_duration(row):
    """The same training writes the same bytes for any duration."""
    assert card_and_checkpoint(row, parts_of(row, 3, 1.5)) == card_and_checkpoint(row, parts_of(row, 3, 99.0))
    assert b"seconds" not in card_and_checkpoint(row, parts_of(row))[0]


def test_a_carried_card_differs_only_in_its_week(stored):
    card, later = json.loads(stored[1]), json.loads(carry_card(stored[1], WEEK + dt.timedelta(days=7)))
    assert later.pop("week") == "2023-12-18"
    card.pop("week")
    assert later == card
    assert later["checkpoint"] == digest(stored[2])


def test_a_checkpoint_with_another_digest_is_refused(stored, row):
    _, card, checkpoint = stored
    with pytest.raises(InputError, match="make multi_granularity_5d again"):
        load_networks(read_card(card), checkpoint + b" ", CPU)
    with pytest.raises(InputError, match="make multi_granularity_5d again"):
        warm_weights(Origin(read_card(card), checkpoint + b" "), "daily", FEATURES["daily"], row)


def test_a_checkpoint_without_the_networks_of_the_card_is_refused(stored, row):
    parts, card, _ = stored
    lost = {**parts, "daily": replace(parts["daily"], trained={0: parts["daily"].trained[0]})}
    other = pack_weights(lost)
    with pytest.raises(InputError, match="does not contain the daily network of seed 1"):
        load_networks(read_card(card) | {"checkpoint": digest(other)}, other, CPU)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_loading_executes_no_code(stored, row, protocol):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("a pickle was executed",)

    trap = pickle.dumps(Trap(), protocol)
    card = read_card(stored[1]) | {"checkpoint": digest(trap)}
    with pytest.raises(InputError, match=r"is not a safetensors file .* and was not used\. Remedy"):
        load_networks(card, trap, CPU)
    with pytest.raises(InputError, match="is not a safetensors file"):
        warm_weights(Origin(card, trap), "daily", FEATURES["daily"], row)


def test_a_warm_start_uses_the_weights_that_fit(stored, row):
    parts, card, checkpoint = stored
    origin = Origin(read_card(card), checkpoint)
    weights, cold = warm_weights(origin, "30min", FEATURES["30min"], row)
    assert cold is None
    assert list(weights) == [0, 1]
    for seed, own in weights.items():
        for name, value in own.items():
            assert torch.equal(value, parts["30min"].trained[seed].weights[name])
    another = json.loads(card_and_checkpoint(row, parts, week=WEEK + dt.timedelta(days=7), origin=origin)[0])
    assert another["warm_start"] == {"trained_week": "2023-12-11", "checkpoint": digest(checkpoint)}


def test_a_start_is_cold_if_features_shapes_or_seeds_differ(stored, row):
    origin = Origin(read_card(stored[1]), stored[2])
    assert warm_weights(origin, "daily", ("a", "c"), row) == (
        {},
        OTHER_FEATURES(week="2023-12-11", lost=["b"], gained=["c"]),
    )
    assert warm_weights(origin, "60min", ("x",), row)[1] == OTHER_FEATURES(week="2023-12-11", lost=None, gained=["x"])
    assert warm_weights(origin, "daily", ("b", "a"), row)[1] == OTHER_ORDER(week="2023-12-11")
    wider = row.model_copy(update={"hidden": row.hidden + 1})
    assert warm_weights(origin, "daily", FEATURES["daily"], wider) == (
        {},
        NO_SUCH_NETWORKS(week="2023-12-11", seeds=[0, 1]),
    )
    weights, cold = warm_weights(origin, "daily", FEATURES["daily"], row.model_copy(update={"seeds": (1, 2)}))
    assert list(weights) == [1]
    assert cold == NO_SUCH_NETWORKS(week="2023-12-11", seeds=[2])
