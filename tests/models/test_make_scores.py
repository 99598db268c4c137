"""Tests of whole weeks of the scores, which receive exactly the partitions that the declarations name."""

import io
import json

import numpy as np
import polars as pl
import pytest
import torch
from scipy.stats import spearmanr

from assets.features.names import BAR_FEATURES, DAILY_FEATURES
from assets.models.make_scores import styles_left_out
from assets.models.reasons import MODEL_ABSENT, NOBODY_COVERED
from assets.models.schemas import CARD, SEED_SCORES, SEEDS
from resources.settings.models import EVERY_STYLE, ModelsSettings
from tests.models.model_lake import BARS, MODELS, TABLES, Lake, short_settings, widen

LAYERED = ("improved_gru", "residual_attention_lstm")


@pytest.fixture
def make_lake(make_market, tmp_path):
    def make(*, changes=None, section=None, reasons=None, folder="lake", **market):
        chosen = {"days": 35, "features": BAR_FEATURES, "bars": BARS, "names": 24} | market
        settings = short_settings({"epochs": 1} | (changes or {}), **(section or {}))
        return Lake(widen(make_market(**chosen)), settings, tmp_path / folder, reasons)

    return make


def seeds_of(made):
    return pl.read_parquet(io.BytesIO(made.files[SEEDS]))


def members(lake, day):
    return lake.market.securities.filter((pl.col("date") == day) & pl.col("in_universe"))["symbol"].sort()


def z(x):
    return (x - x.mean()) / x.std()


def clipped(x):
    return np.clip(x, x.mean() - 3 * x.std(), x.mean() + 3 * x.std())


def test_weeks_without_a_model_have_a_reason_and_carried_models_score(make_lake):
    models = ("gru_50_1", "multi_granularity_5d")
    lake = make_lake(changes={"seeds": (0,)}).run(models=models)
    for week in lake.weeks[:3]:
        scored = lake.scored[week]
        assert scored.frame.is_empty()
        assert seeds_of(scored).is_empty()
        assert seeds_of(scored).schema == pl.Schema(SEED_SCORES)
        for name in models:
            assert scored.unavailable[name] == lake.models[name, week].unavailable["valid_loss"]
        assert set(scored.unavailable) == set(MODELS)
    for week in lake.weeks[3:]:
        scored = lake.scored[week]
        assert set(scored.unavailable) == set(MODELS) - set(models)
        assert scored.frame["factor"].unique().sort().to_list() == list(models)
        assert scored.frame.select("week", "date").unique().row(0) == (week, lake.market.calendar.signal_day(week))
    carried = lake.models["gru_50_1", lake.weeks[4]]
    assert json.loads(carried.files[CARD])["trained_week"] == str(lake.weeks[3])


def test_every_model_scores_the_covered_universe(make_lake):
    lake = make_lake(names=60, suspended=0.0)
    week = lake.weeks[3]
    scored = lake.run([week]).scored[week]
    day = lake.market.calendar.signal_day(week)
    styles = lake.market.styles.filter(pl.col("date") == day).sort("symbol")
    each = seeds_of(scored)
    assert each.schema == pl.Schema(SEED_SCORES)
    assert not scored.unavailable
    assert scored.profile["coverage"].drop_nulls().to_list() == [1.0] * 6
    assert scored.frame["factor"].unique(maintain_order=True).to_list() == list(MODELS)
    for (name,), frame in scored.frame.group_by("factor", maintain_order=True):
        row = getattr(lake.settings, name)
        assert frame["symbol"].to_list() == members(lake, day).to_list()
        own = each.filter(pl.col("factor") == name)
        networks = own.partition_by("granularity", "seed", as_dict=True)
        assert set(networks) == {(granularity, seed) for granularity in row.granularities for seed in row.seeds}
        for one in networks.values():
            assert one["symbol"].to_list() == frame["symbol"].to_list()
            assert one["value"].mean() == pytest.approx(0, abs=1e-9)
            assert one["value"].std(ddof=0) == pytest.approx(1, abs=1e-9)
        mean = own.group_by("symbol").agg(pl.col("value").mean()).sort("symbol")["value"].to_numpy()
        assert frame["raw"].to_numpy() == pytest.approx(mean, abs=1e-12)
        # Both orders of averaging give the same.
        by_seed = [
            np.mean([networks[granularity, seed]["value"].to_numpy() for granularity in row.granularities], axis=0)
            for seed in row.seeds
        ]
        assert frame["raw"].to_numpy() == pytest.approx(np.mean(by_seed, axis=0), abs=1e-12)
        value = frame["value"].to_numpy()
        assert value.mean() == pytest.approx(0, abs=1e-12)
        assert value.std() == pytest.approx(1, abs=1e-12)
        own_styles = styles.filter(pl.col("symbol").is_in(frame["symbol"].implode()))
        if row.orthogonalise_on:  # 11–12: after training, equally weighted
            assert np.abs(value).max() < 3.5
            for style in ("size", "reversal", "turnover"):
                assert np.corrcoef(value, own_styles[style])[0, 1] == pytest.approx(0, abs=1e-9)
        else:
            assert value == pytest.approx(z(clipped(mean)), abs=1e-12)
        if row.orthogonal_layer:  # 13–14: also at inference, weighted by √total_mv, before any clip
            weight = np.sqrt(own_styles["total_mv"].to_numpy())
            for one in networks.values():
                e = one["value"].to_numpy() - np.average(one["value"], weights=weight)
                for style in EVERY_STYLE[1:]:
                    x = own_styles[style].to_numpy() - np.average(own_styles[style], weights=weight)
                    correlation = (weight * e * x).sum() / np.sqrt((weight * e**2).sum() * (weight * x**2).sum())
                    assert abs(correlation) <= 1e-5
                for industry in own_styles["industry"].unique():
                    inside = (own_styles["industry"] == industry).to_numpy()
                    assert abs(np.average(e[inside], weights=weight[inside])) <= 1e-5


def test_a_stock_without_industry_or_market_value_has_no_value(make_lake):
    lake = make_lake(suspended=0.0)
    week, lost = lake.weeks[3], ["600001.SH", "600003.SH"]
    lake.run([week], models=("gru_50_1", "improved_gru", "multi_granularity_5d"), scores=False)
    lake.market.styles = lake.market.styles.with_columns(
        industry=pl.when(pl.col("symbol") == lost[0]).then(pl.lit("unknown")).otherwise("industry"),
        total_mv=pl.when(pl.col("symbol") == lost[1]).then(None).otherwise("total_mv"),
    )
    frame = lake.score(week).frame
    nulls = {
        (name, column): frame.filter((pl.col("factor") == name) & pl.col(column).is_null())["symbol"].to_list()
        for name in ("gru_50_1", "improved_gru", "multi_granularity_5d")
        for column in ("raw", "value")
    }
    assert nulls == {
        ("gru_50_1", "raw"): [],
        ("gru_50_1", "value"): lost,
        ("improved_gru", "raw"): lost,
        ("improved_gru", "value"): lost,
        ("multi_granularity_5d", "raw"): [],
        ("multi_granularity_5d", "value"): [],
    }
    networks = seeds_of(lake.scored[week]).group_by("factor").agg(pl.col("symbol").is_in(lost).any()).sort("factor")
    assert dict(networks.iter_rows()) == {"gru_50_1": True, "improved_gru": False, "multi_granularity_5d": True}
    # Industries and styles without any value in the market are left out.
    lake.market.styles = lake.market.styles.with_columns(
        industry=pl.lit("unknown"), size=pl.lit(None, pl.Float64), total_mv=pl.lit(1e9)
    )
    assert lake.score(week).frame["value"].null_count() == 0
    lake.market.styles = lake.market.styles.with_columns(total_mv=pl.lit(None, pl.Float64))
    scored = lake.score(week)
    assert "industry and market value" in str(scored.unavailable["improved_gru"])
    assert "industry and market value" in str(scored.unavailable["gru_50_1"])
    assert "multi_granularity_5d" not in scored.unavailable
    assert seeds_of(scored)["factor"].unique().sort().to_list() == ["gru_50_1", "multi_granularity_5d"]


def test_a_stock_is_scored_if_it_is_covered_in_every_granularity(make_lake):
    lake = make_lake(suspended=0.0)
    week = lake.weeks[3]
    models = ("gru_50_1", "multi_granularity_5d")
    lake.run([week], models=models)
    scored = lake.scored[week].frame.filter(pl.col("factor") == models[0])["symbol"].to_list()
    gone, day = scored[4], lake.market.calendar.offset(lake.market.calendar.signal_day(week), -1)
    lost_day = (pl.col("symbol") == gone) & (pl.col("date") == day)  # two of the three days of its sequence are left
    whole = lake.market.daily_features, lake.market.bar_features
    lake.market.daily_features = lake.market.daily_features.filter(~lost_day)
    frame = lake.score(week).frame
    assert frame.filter(pl.col("factor") == models[0])["symbol"].to_list() == scored
    without = [symbol for symbol in scored if symbol != gone]
    assert frame.filter(pl.col("factor") == models[1])["symbol"].to_list() == without
    # The cross-section of each network is that of the scored stocks.
    each = seeds_of(lake.scored[week]).filter(pl.col("factor") == models[1])
    assert each.group_by("granularity", "seed").agg(pl.col("value").mean().abs() < 1e-9)["value"].all()
    lake.market.daily_features, lake.market.bar_features = (
        whole[0],
        whole[1].filter(~(lost_day & (pl.col("granularity") == 60))),
    )
    frame = lake.score(week).frame
    assert frame.filter(pl.col("factor") == models[0])["symbol"].to_list() == scored
    assert frame.filter(pl.col("factor") == models[1])["symbol"].to_list() == without


def test_without_covered_stocks_a_model_has_a_reason(make_lake):
    lake = make_lake()
    week = lake.weeks[3]
    lake.model("multi_granularity_10d", week)
    lake.market.daily_features = lake.market.daily_features.clear()
    reason = lake.score(week).unavailable["multi_granularity_10d"]
    expected = NOBODY_COVERED(
        date=lake.market.calendar.signal_day(week), granularities=("daily", "60min", "30min"), days=3
    )
    assert reason == MODEL_ABSENT(model="multi_granularity_10d", cause=expected)


def test_scores_use_no_labels_no_prices_and_no_later_data(make_lake):
    assert TABLES["scores"].read("daily_prices") is None
    lake = make_lake(suspended=0.0, changes={"seeds": (0,)})
    week, gone = lake.weeks[3], "600005.SH"
    lake.run([week])
    signal_day = lake.market.calendar.signal_day(week)
    other = make_lake(suspended=0.0, changes={"seeds": (0,)}, folder="other")
    later = pl.col("date") > signal_day
    for name in ("bar_features", "daily_features", "securities", "styles"):
        setattr(other.market, name, getattr(other.market, name).filter(~later))
    other.market.daily_prices = other.market.daily_prices.filter(~((pl.col("symbol") == gone) & later))
    other.run([week])
    assert gone in other.scored[week].frame["symbol"].to_list()  # a missing future label removes no stock
    assert other.scored[week].frame.equals(lake.scored[week].frame)
    assert other.scored[week].files == lake.scored[week].files


def test_the_order_of_stocks_and_chunks_do_not_change_a_score(make_lake):
    lake = make_lake()
    week = lake.weeks[3]
    lake.run([week])
    whole = lake.scored[week]
    for name in ("bar_features", "daily_features", "securities", "styles"):
        rows = getattr(lake.market, name).sample(fraction=1.0, shuffle=True, seed=3)
        setattr(lake.market, name, rows.sort("date", maintain_order=True))
    assert lake.score(week).frame.equals(whole.frame)
    lake.settings = lake.settings.model_copy(
        update={name: row.model_copy(update={"chunk_names": 5}) for name, row in lake.settings.rows.items()}
    )
    parts = lake.score(week).frame
    assert parts.select("factor", "symbol").equals(whole.frame.select("factor", "symbol"))
    for column in ("raw", "value"):  # matrix products of other sizes round differently
        assert parts[column].to_numpy() == pytest.approx(whole.frame[column].to_numpy(), abs=1e-4)


def test_with_a_lag_the_model_of_the_previous_week_scores(make_lake):
    changes = {"retrain_every_weeks": 1}
    now, lagged = (
        make_lake(changes=changes),
        make_lake(changes=changes, section={"train_lag_weeks": 1}, folder="lagged"),
    )
    weeks, models = now.weeks[2:5], ("gru_50_1",)
    now.run(weeks, models)
    lagged.run(now.weeks[:5], models)
    assert "missing" in str(lagged.scored[weeks[1]].unavailable["gru_50_1"])
    assert "before the history" in str(lagged.scored[now.weeks[0]].unavailable["gru_50_1"])
    older = json.loads(lagged.models["gru_50_1", weeks[1]].files[CARD])
    newer = json.loads(now.models["gru_50_1", weeks[2]].files[CARD])
    assert older["checkpoint"] != newer["checkpoint"]
    assert not now.scored[weeks[2]].frame["raw"].equals(lagged.scored[weeks[2]].frame["raw"])


def test_outputs_that_are_not_finite_fail_a_check(make_lake, monkeypatch):
    from assets.models import scoring
    from resources.gate import judge

    lake = make_lake()
    week = lake.weeks[3]
    lake.model("gru_50_1", week)
    good = lake.score(week)
    monkeypatch.setattr(scoring, "outputs", lambda network, x, *_: torch.full((x.shape[1],), float("nan")))
    bad = lake.score(week)
    constant = torch.nn.Parameter(torch.zeros(1))
    monkeypatch.setattr(scoring, "outputs", lambda network, x, *_: torch.zeros(x.shape[1]) + constant.detach())
    dead = lake.score(week)
    verdicts = judge(
        TABLES["scores"].checks,
        {number: made.profile for number, made in enumerate((good, bad, dead))},
        {number: made.unavailable for number, made in enumerate((good, bad, dead))},
    )
    failed = [{name for name, verdict in verdicts[number].items() if not verdict.passed} for number in range(3)]
    assert failed == [set(), {"raw_score_finite", "universe_is_scored"}, {"score_varies"}]


def test_scores_rank_a_planted_signal(make_lake):
    """The first feature predicts the returns: the scores of the last weeks must rank the returns that follow."""
    changes = {"epochs": 12, "learning_rate": 0.01, "train_days": 14, "orthogonalise_on": (), "seeds": (0,)}
    changes["retrain_every_weeks"] = 1
    models = ("gru_50_1", "multi_granularity_5d")
    lake = make_lake(changes=changes, names=60, days=50, signal=1.0, suspended=0.0, missing=0.0)
    market = lake.market
    market.bar_features = market.bar_features.with_columns(pl.lit(None, pl.Float32).alias(c) for c in BAR_FEATURES[4:])
    market.daily_features = market.daily_features.with_columns(
        pl.lit(None, pl.Float32).alias(c) for c in DAILY_FEATURES[4:]
    )
    lake.run(lake.weeks[5:8], models)
    close = market.daily_prices.pivot(on="date", index="symbol", values="close").sort("symbol")
    for model in models:
        ics = []
        for week, made in lake.scored.items():
            frame = made.frame.filter(pl.col("factor") == model)
            at = market.days.index(market.calendar.signal_day(week))
            later, now = (
                close.filter(pl.col("symbol").is_in(frame["symbol"].implode()))[str(market.days[d])]
                for d in (at + 5, at + 1)
            )
            if frame.height:
                ics.append(spearmanr(frame["value"], (later / now).to_numpy()).statistic)
        assert np.mean(ics) > 0.2, model


def test_styles_without_values_are_reported_for_the_models_that_use_them():
    rows = ModelsSettings().rows
    styles = pl.DataFrame({"symbol": ["a", "b"], "size": [1.0, None], "value": [None, None], "reversal": [None, None]})
    assert styles_left_out(styles, rows) == {
        "gru_50_1": ["reversal"],
        "gru_50_2": ["reversal"],
        "improved_gru": ["reversal", "value"],
        "residual_attention_lstm": ["reversal", "value"],
    }
    assert styles_left_out(styles.with_columns(value=0.0, reversal=0.0), rows) == {}
    assert styles_left_out(styles.clear(), rows) == {}
