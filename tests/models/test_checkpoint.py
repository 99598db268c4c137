import datetime as dt
import json
import pickle

import pytest
import torch

from assets.models.checkpoint import carry_card, digest, load_networks, make_card, pack_weights, read_card
from assets.models.networks import build_network
from assets.models.training import Epoch, Trained
from assets.models.windows import Window
from resources.errors import InputError

WEEK = dt.date(2023, 12, 11)
CPU = torch.device("cpu")


@pytest.fixture
def stored(small):
    trained = {}
    for seed in small.seeds:
        weights = build_network(small, 3, seed).state_dict()
        trained[seed] = Trained(dict(weights), (Epoch(seed, 1, -0.1, -0.05, 0.05, True),))
    checkpoint = pack_weights(trained)
    card = make_card(
        model="gru_50_1", week=WEEK, settings=small, window=Window(*(WEEK,) * 6, horizon=2), trained=trained,
        checkpoint=checkpoint, features=("a", "b", "c"), dropped=("d",), data={"panel": "x"}, device=CPU,
    )  # fmt: skip
    return trained, checkpoint, card


def test_the_checkpoint_comes_back_to_the_bit(stored, small):
    trained, checkpoint, card = stored
    networks = load_networks(read_card(card), checkpoint, CPU)
    assert list(networks) == list(small.seeds)
    for seed, network in networks.items():
        assert not network.training
        for name, value in network.state_dict().items():
            assert torch.equal(value, trained[seed].weights[name])
    assert pack_weights(trained) == checkpoint


def test_the_card_says_how_the_model_came_to_be(stored, small):
    card = json.loads(stored[2])
    assert card["settings"] == small.model_dump(mode="json")
    assert card["purge"] == {"label_known_after": 3, "days_strictly_between": 2}
    assert card["dropped_features"] == ["d"]
    assert card["curves"][0]["valid_ic"] == 0.05
    assert (card["device"], card["torch"]) == ("cpu", torch.__version__)
    assert card["trained_week"] == card["week"] == "2023-12-11"


def test_a_carried_card_keeps_everything_but_its_week(stored):
    card, later = json.loads(stored[2]), json.loads(carry_card(stored[2], WEEK + dt.timedelta(days=7)))
    assert later.pop("week") == "2023-12-18"
    card.pop("week")
    assert later == card
    assert later["checkpoint"] == digest(stored[1])


def test_another_checkpoint_than_the_cards_is_refused(stored):
    with pytest.raises(InputError, match="make gru_50_1 again"):
        load_networks(read_card(stored[2]), stored[1] + b" ", CPU)


def test_loading_executes_nothing(stored):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("a pickle was executed",)

    trap = pickle.dumps(Trap())
    card = read_card(stored[2]) | {"checkpoint": digest(trap)}
    with pytest.raises(Exception, match=r"(?i)header|deserializ"):
        load_networks(card, trap, CPU)
