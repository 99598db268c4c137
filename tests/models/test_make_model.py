"""Tests of whole weeks of the models, which receive exactly the partitions that the declarations name."""

import gc
import json
import weakref

import polars as pl
import pytest
import torch
from safetensors.torch import load

from assets.features.names import BAR_FEATURES, DAILY_FEATURES
from assets.models import make_model as module
from assets.models.device import describe
from assets.models.reasons import NO_TRAINING_BEFORE, NO_TRAINING_DAY, OTHER_FEATURES
from assets.models.schemas import CARD, CHECKPOINT
from resources.reasons import Reason, as_reason
from tests.models.model_lake import BARS, MODELS, Lake, short_settings, widen


@pytest.fixture
def make_lake(make_market, tmp_path):
    def make(*, changes=None, section=None, reasons=None, folder="lake", **market):
        chosen = {"days": 35, "features": BAR_FEATURES, "bars": BARS, "names": 24} | market
        settings = short_settings(changes, **(section or {}))
        return Lake(widen(make_market(**chosen)), settings, tmp_path / folder, reasons)

    return make


def card_of(made):
    return json.loads(made.files[CARD])


def test_weeks_are_first_empty_with_a_reason_then_trained_then_carried(make_lake):
    models = ("gru_50_1", "multi_granularity_5d")
    lake = make_lake().run(models=models, scores=False)
    weeks = lake.weeks
    assert len(weeks) == 7
    for name in models:
        for week in weeks[:3]:  # 15 of the 18 days that the window needs
            made = lake.models[name, week]
            assert made.frame.is_empty()
            assert not made.files
            assert "are missing; the first possible week is 2022-01-24" in str(made.unavailable["valid_loss"])
        for week, trained in zip(weeks[3:], (weeks[3], weeks[3], weeks[5], weeks[5]), strict=True):
            made = lake.models[name, week]
            assert made.frame["trained_week"].unique().to_list() == [trained]
            assert made.frame["week"].unique().to_list() == [week]
            assert set(made.files) == ({CARD, CHECKPOINT} if week == trained else {CARD})
            card = card_of(made)
            assert (card["model"], card["week"], card["trained_week"]) == (name, str(week), str(trained))
        first, second = (lake.models[name, week].files[CHECKPOINT] for week in (weeks[3], weeks[5]))
        assert first != second


@pytest.mark.parametrize("name", MODELS)
def test_each_model_trains_a_network_per_granularity_and_seed(make_lake, name):
    lake = make_lake()
    week = lake.weeks[3]
    made = lake.model(name, week)
    row = getattr(lake.settings, name)
    card = card_of(made)
    features = {"daily": len(DAILY_FEATURES), "60min": len(BAR_FEATURES) + 1, "30min": len(BAR_FEATURES)}
    assert list(card["granularities"]) == sorted(row.granularities)
    assert {g: len(part["features"]) for g, part in card["granularities"].items()} == {
        g: features[g] for g in row.granularities
    }
    kept = made.frame.filter("kept").select("granularity", "seed")
    assert sorted(kept.rows()) == sorted((g, seed) for g in row.granularities for seed in row.seeds)
    prefixes = {tuple(key.split("/")[:2]) for key in load(made.files[CHECKPOINT])}
    assert prefixes == {(g, str(seed)) for g in row.granularities for seed in row.seeds}
    assert set(made.notes["network_seconds"]) == set(row.granularities)
    assert any(f"{name} {week} {row.granularities[-1]} seed 1" in line for line in lake.lines)


def test_the_card_names_the_data_and_no_time(make_lake):
    lake, again, other = make_lake(), make_lake(folder="again"), make_lake(folder="other")
    week = lake.weeks[3]
    other.market.daily_prices = other.market.daily_prices.with_columns(pl.col("vwap") * (1 + pl.col("volume") / 1e6))
    made, same, moved = (one.model("improved_gru", week) for one in (lake, again, other))
    assert made.files == same.files  # nothing in them is a time
    card, changed = card_of(made), card_of(moved)
    part, other_part = card["granularities"]["30min"], changed["granularities"]["30min"]
    assert changed["labels"] != card["labels"]
    assert changed["checkpoint"] != card["checkpoint"]
    assert {key: part[key] for key in ("panel", "exposures")} == {
        key: other_part[key] for key in ("panel", "exposures")
    }
    assert card["purge"] == {"label_known_after": 3, "days_strictly_between": 2}
    assert card["libraries"]["torch"] == torch.__version__
    assert card["device"] == describe(torch.device("cpu"))
    assert part["chunk_names"] == {"0": 0, "1": 0}
    assert card["warm_start"] is None
    assert part["cold_start"] is None
    assert part["style_days_left_out"] == {}


def test_one_panel_at_a_time_is_in_scratch_and_is_removed(make_lake, monkeypatch):
    lake, panels, plain = make_lake(), [], module.build_panel

    def spy(*arguments, store, **keywords):
        assert store.folder == lake.folder / "scratch" / "multi_granularity_5d" / str(lake.weeks[3])
        gc.collect()
        assert not any(values() is not None for values in panels)  # the previous panel is released
        panel = plain(*arguments, store=store, **keywords)
        panels.append(weakref.ref(panel.values))
        return panel

    monkeypatch.setattr(module, "build_panel", spy)
    lake.model("multi_granularity_5d", lake.weeks[3])
    assert len(panels) == 3


def test_stocks_without_exposures_are_no_samples(make_lake):
    names = 24
    lake = make_lake(names=names, suspended=0.0, missing=0.0)
    week, lost = lake.weeks[3], ("600001.SH", "600002.SH")
    lake.market.styles = lake.market.styles.with_columns(
        industry=pl.when(pl.col("symbol") == lost[0]).then(pl.lit("unknown")).otherwise("industry"),
        total_mv=pl.when(pl.col("symbol") == lost[1]).then(None).otherwise("total_mv"),
    )
    plain, layered = (card_of(lake.model(name, week)) for name in ("gru_50_2", "improved_gru"))
    window = plain["window"]
    assert window == layered["window"]  # the settings differ only in the layer
    days = lake.market.securities.filter(pl.col("in_universe")).with_columns(pl.col("date").cast(pl.String))
    for part in ("train", "valid"):
        inside = days.filter(pl.col("date").is_between(pl.lit(window[f"first_{part}"]), pl.lit(window[f"last_{part}"])))
        assert plain["granularities"]["30min"][f"{part}_samples"] == inside.height
        with_exposures = inside.filter(~pl.col("symbol").is_in(lost)).height
        assert layered["granularities"]["30min"][f"{part}_samples"] == with_exposures < inside.height


def test_a_style_without_values_is_left_out_and_counted(make_lake):
    lake = make_lake()
    lake.market.styles = lake.market.styles.with_columns(value=pl.lit(None, pl.Float64))
    made = lake.model("improved_gru", lake.weeks[3])
    days = card_of(made)["granularities"]["30min"]["style_days_left_out"]
    assert list(days) == ["value"]
    assert days["value"] == 8 + 3  # train, valid
    assert made.notes["left_out"] == {"style_days": {"value": 11}}


def test_data_after_the_signal_day_changes_nothing(make_lake):
    one = {"seeds": (0,), "epochs": 1}
    full = make_lake(changes=one)
    weeks = full.weeks[3:5]  # trained, carried
    full.run(weeks, scores=False)
    signal_day = full.market.calendar.signal_day(weeks[0])
    later = pl.col("date") > signal_day
    cut, noisy = make_lake(changes=one, folder="cut"), make_lake(changes=one, folder="noisy")
    for frame in ("bar_features", "daily_features", "daily_prices", "securities", "styles"):
        setattr(cut.market, frame, getattr(cut.market, frame).filter(~later))
        noise = [
            pl.when(later).then(pl.col(c) * -7 + 1).otherwise(c).cast(dtype).alias(c)
            for c, dtype in getattr(noisy.market, frame).schema.items()
            if dtype.is_float()
        ]
        setattr(noisy.market, frame, getattr(noisy.market, frame).with_columns(noise))
    for other in (cut, noisy):
        other.run(weeks, scores=False)
        for key, made in full.models.items():
            assert other.models[key].files == made.files, key
            assert other.models[key].frame.equals(made.frame)


def test_the_order_of_rows_within_a_day_changes_nothing(make_lake):
    plain, shuffled = make_lake(), make_lake(folder="shuffled")
    for name in ("bar_features", "daily_features", "daily_prices", "securities", "styles"):
        rows = getattr(shuffled.market, name).sample(fraction=1.0, shuffle=True, seed=3)
        setattr(shuffled.market, name, rows.sort("date", maintain_order=True))
    for name in ("improved_gru", "multi_granularity_10d"):
        assert plain.model(name, plain.weeks[3]).files == shuffled.model(name, plain.weeks[3]).files


def test_a_model_trains_on_closes_alone(make_lake):
    lake = make_lake()
    known = ("bar_return", "realised_variance", "skewness", "kurtosis", "max_abs_return", "down_variance")
    lake.market.bar_features = lake.market.bar_features.with_columns(
        pl.lit(None, pl.Float32).alias(c) for c in BAR_FEATURES if c not in known
    )
    made = lake.model("gru_50_1", lake.weeks[3])
    part = card_of(made)["granularities"]["30min"]
    assert tuple(part["features"]) == known
    assert len(part["dropped_features"]) == len(BAR_FEATURES) - len(known)
    assert "ln_amount" in made.notes["dropped_features"]["30min"]
    assert made.notes["left_out"] == {"features": {"30min": part["dropped_features"]}}


def test_a_model_without_the_features_of_a_granularity_is_unavailable(make_lake):
    """Without daily volumes, but with bars, models 15–16 are n/a with a reason and model 11 is unchanged."""
    lake = make_lake(reasons={"daily_features": dict.fromkeys(DAILY_FEATURES, "no reference/daily_prices has landed")})
    lake.market.daily_features = lake.market.daily_features.clear()
    week, carried = lake.weeks[3:5]
    made = lake.model("multi_granularity_5d", week)
    assert not made.files
    assert made.frame.is_empty()
    reason = made.unavailable["valid_loss"]
    assert str(reason).startswith("multi_granularity_5d: no daily feature has a value from ")
    assert reason.parameters["cause"].parameters["cause"] == as_reason("no reference/daily_prices has landed")
    assert lake.model("multi_granularity_5d", carried).unavailable["valid_loss"] == reason
    assert lake.model("gru_50_1", week).files


def test_without_market_values_the_orthogonal_layer_is_na(make_lake):
    lake = make_lake(reasons={"styles": {"size": "securities has no total_mv"}})
    lake.market.styles = lake.market.styles.with_columns(total_mv=pl.lit(None, pl.Float64))
    reason = lake.model("improved_gru", lake.weeks[3]).unavailable["valid_loss"]
    assert "the orthogonal layer needs" in str(reason)
    assert str(reason).endswith("(securities has no total_mv)")


def test_without_prices_no_model_is_trained(make_lake):
    lake = make_lake(reasons={"daily_prices": {"vwap": "reference/daily_prices has no amount"}})
    lake.market.daily_prices = lake.market.daily_prices.with_columns(vwap=pl.lit(None, pl.Float64))
    reason = lake.model("gru_50_1", lake.weeks[3]).unavailable["valid_loss"]
    assert "no stock has a label" in str(reason)
    assert str(reason).endswith("(reference/daily_prices has no amount)")


def test_without_enough_stocks_no_model_is_trained(make_lake):
    lake = make_lake(names=8)
    reason = lake.model("gru_50_1", lake.weeks[3]).unavailable["valid_loss"]
    cause = reason.parameters["cause"]
    assert (cause.code, cause.parameters["names"]) == (NO_TRAINING_DAY.name, 10)
    assert "has 10 stocks of U(t) with 30min features, a label" in str(reason)


class Killed(BaseException):
    """An exception that no code catches."""


@pytest.mark.parametrize(
    "at",
    [
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("daily seed 1 epoch 1", "60min seed 0 epoch 2")),
        "30min seed 1 epoch 2",
    ],
)
def test_a_killed_training_is_resumed(make_lake, at):
    whole, lake = make_lake(folder="whole"), make_lake()
    week = whole.weeks[3]
    expected = whole.model("multi_granularity_5d", week)
    heard = []

    def kill(line):
        heard.append(line)
        if at in line:
            raise Killed

    lake.lines = type("Heard", (list,), {"append": staticmethod(kill)})()
    with pytest.raises(Killed):
        lake.model("multi_granularity_5d", week)
    lake.lines = []
    assert lake.model("multi_granularity_5d", week).files == expected.files
    before = at.split(" ")[0]
    passed = [granularity for granularity in ("daily", "60min", "30min") if f" {granularity} seed" in "".join(heard)]
    assert passed[-1] == before
    finished = [line for line in lake.lines if any(f" {granularity} seed" in line for granularity in passed[:-1])]
    assert all("resumes after epoch 2" in line for line in finished)
    assert len(finished) == 2 * len(passed[:-1])


# --- warm start -------------------------------------------------------------------------------------------------------


@pytest.fixture
def initials(monkeypatch):
    """The initial weights of each training of a granularity."""
    given, plain = [], module.train_networks

    def spy(*arguments, initial, **keywords):
        given.append(initial)
        return plain(*arguments, initial=initial, **keywords)

    monkeypatch.setattr(module, "train_networks", spy)
    return given


def test_a_warm_start_uses_the_weights_of_the_previous_training_and_the_card_names_it(make_lake, initials):
    lake = make_lake(changes={"warm_start": True})
    weeks = lake.weeks
    lake.run(weeks[3:6], models=("multi_granularity_5d",), scores=False)
    first, second = (lake.models["multi_granularity_5d", week] for week in (weeks[3], weeks[5]))
    assert [len(one) for one in initials] == [0, 0, 0, 2, 2, 2]  # the first training is cold
    assert card_of(first)["warm_start"] is None
    assert card_of(first)["granularities"]["daily"]["cold_start"] == NO_TRAINING_BEFORE().to_json()
    card = card_of(second)
    assert card["warm_start"] == {"trained_week": str(weeks[3]), "checkpoint": card_of(first)["checkpoint"]}
    assert card["granularities"]["daily"]["cold_start"] is None
    best = load(first.files[CHECKPOINT])
    for granularity, initial in zip(("daily", "60min", "30min"), initials[3:], strict=True):
        for seed, weights in initial.items():
            for name, value in weights.items():
                assert torch.equal(value, best[f"{granularity}/{seed}/{name}"])
    cold = make_lake(folder="cold").model("multi_granularity_5d", weeks[5])
    assert card_of(cold)["checkpoint"] != card["checkpoint"]
    assert second.notes["warm_start"]["trained_week"] == str(weeks[3])


def test_with_other_features_the_start_is_cold_and_the_card_has_the_reason(make_lake, initials):
    lake = make_lake(changes={"warm_start": True})
    weeks = lake.weeks
    lake.model("gru_50_1", weeks[3])
    lake.market.bar_features = lake.market.bar_features.with_columns(pl.lit(None, pl.Float32).alias("ln_volume"))
    card = card_of(lake.model("gru_50_1", weeks[5]))
    assert initials[-1] == {}
    reason = card["granularities"]["30min"]["cold_start"]
    assert reason == OTHER_FEATURES(week=str(weeks[3]), lost=["ln_volume"], gained=None).to_json()
    again = make_lake(folder="again")
    again.market.bar_features = lake.market.bar_features
    assert card["checkpoint"] == card_of(again.model("gru_50_1", weeks[5]))["checkpoint"]  # equal to a cold start


def test_after_a_week_without_a_model_the_start_is_cold(make_lake, initials):
    lake = make_lake(changes={"warm_start": True})
    weeks, whole = lake.weeks, lake.market.bar_features
    lake.market.bar_features = whole.clear()
    lake.model("gru_50_1", weeks[3])
    lake.market.bar_features = whole
    card = card_of(lake.model("gru_50_1", weeks[5]))
    assert card["warm_start"] is None
    cold = str(Reason.from_json(card["granularities"]["30min"]["cold_start"]))
    assert "the previous training left no model: gru_50_1: no 30min feature" in cold
    assert initials == [{}]
