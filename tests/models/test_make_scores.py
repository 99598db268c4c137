"""Model and scores of whole weeks, handed exactly the partitions that the declarations name."""

import importlib
import inspect
import json

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from assets.features.names import BAR_FEATURES
from assets.models import assets
from assets.models.checkpoint import CARD, CHECKPOINT
from assets.models.make_model import make_model
from assets.models.make_scores import make_scores
from resources.builder import SERVICES
from resources.settings.models import ModelsSettings

BARS = (570, 600)


class Lake:
    """Makes weeks in order; holds what they made. A table sees only what its reads declare."""

    def __init__(self, market, settings):
        self.market, self.settings, self.start = market, settings, market.days[0]
        self.models, self.scored = {}, {}

    @property
    def weeks(self):
        calendar = self.market.calendar
        return calendar.weeks(calendar.week_of(self.start), calendar.week_of(self.market.days[-1]))

    def read(self, table, name, week, section):
        keys = table.read(name).over(self.market.calendar, week, section, self.start)
        if table.read(name).over.__name__ == "same":
            keys = [self.market.calendar.signal_day(week)]
        return keys, getattr(self.market, name).filter(pl.col("date").is_in(keys)).lazy()

    def files(self, allowed):
        def read(name, week, file):
            assert week in allowed, f"{name} of {week} is not declared"
            return self.models[week].files[file]

        return read

    def reasons(self, weeks):
        held = [self.models[week].unavailable for week in weeks]
        return dict(held[-1]) if held else dict.fromkeys(assets.gru_50_1.schema, "the data begins here")

    def model(self, week):
        row, calendar = self.settings.gru_50_1, self.market.calendar
        own = assets.gru_50_1.read("gru_50_1").over(calendar, week, row, self.start)
        made = make_model(
            table="gru_50_1",
            week=week,
            **{n: self.read(assets.gru_50_1, n, week, row)[1] for n in ("bar_features", "daily_prices", "securities")},
            settings=row,
            calendar=calendar,
            start=self.start,
            files=self.files(own),
            unavailable={"gru_50_1": self.reasons(own)},
            progress=lambda line: None,
        )
        self.models[week] = made
        return made

    def score(self, week):
        calendar = self.market.calendar
        keys = assets.scores.read("gru_50_1").over(calendar, week, self.settings, self.start)
        made = make_scores(
            week=week,
            date=calendar.signal_day(week),
            **{
                n: self.read(assets.scores, n, week, self.settings)[1] for n in ("bar_features", "securities", "styles")
            },
            settings=self.settings,
            calendar=calendar,
            start=self.start,
            files=self.files(keys),
            unavailable={"gru_50_1": self.reasons(keys)},
        )
        self.scored[week] = made
        return made

    def run(self, weeks=None):
        for week in weeks or self.weeks:
            self.model(week)
            self.score(week)
        return self


@pytest.fixture
def make_lake(make_market, small):
    def make(*, changes=None, section=None, **market):
        row = small.model_copy(update={"retrain_every_weeks": 2, "epochs": 2, "seeds": (0, 1)} | (changes or {}))
        chosen = {"days": 35, "features": BAR_FEATURES, "bars": BARS, "names": 24} | market
        return Lake(make_market(**chosen), ModelsSettings(gru_50_1=row, **(section or {})))

    return make


def test_weeks_are_empty_with_their_reason_then_trained_then_carried(make_lake):
    lake = make_lake().run()
    weeks = lake.weeks
    assert len(weeks) == 7
    for week in weeks[:3]:  # 15 of the 18 days that the window needs
        made, scored = lake.models[week], lake.scored[week]
        assert made.frame.is_empty()
        assert not made.files
        assert "are missing; the first possible week is 2022-01-24" in made.unavailable["valid_loss"]
        assert scored.frame.is_empty()
        assert scored.unavailable == {"gru_50_1": made.unavailable["valid_loss"]}
    for week, trained in zip(weeks[3:], (weeks[3], weeks[3], weeks[5], weeks[5]), strict=True):
        made, scored = lake.models[week], lake.scored[week]
        assert made.frame["trained_week"].unique().to_list() == [trained]
        assert made.frame["week"].unique().to_list() == [week]
        assert set(made.files) == ({CARD, CHECKPOINT} if week == trained else {CARD})
        card = json.loads(made.files[CARD])
        assert (card["week"], card["trained_week"]) == (str(week), str(trained))
        assert made.frame.filter("kept")["seed"].to_list() == [0, 1]
        assert not scored.unavailable
        assert scored.frame["factor"].unique().to_list() == ["gru_50_1"]
        assert scored.frame.select("week", "date").unique().row(0) == (week, lake.market.calendar.signal_day(week))
    assert lake.models[weeks[3]].files[CHECKPOINT] != lake.models[weeks[5]].files[CHECKPOINT]


def test_scores_are_zscores_of_the_covered_universe_orthogonal_to_what_the_settings_name(make_lake):
    lake = make_lake(names=60, suspended=0.0).run()
    frame = lake.scored[lake.weeks[-1]].frame
    day = lake.market.days[-1]
    members = lake.market.securities.filter((pl.col("date") == day) & pl.col("in_universe"))["symbol"].sort()
    assert frame["symbol"].to_list() == members.to_list()
    assert lake.scored[lake.weeks[-1]].profile["coverage"].drop_nulls().to_list() == [1.0]
    value = frame["value"].to_numpy()
    assert value.mean() == pytest.approx(0, abs=1e-12)
    assert value.std() == pytest.approx(1, abs=1e-12)
    assert np.abs(value).max() < 3.5
    # The clip at 3 std comes last and moves a residual beyond it; none is here, and so it is orthogonal.
    styles = frame.join(lake.market.styles.filter(pl.col("date") == day), on="symbol", maintain_order="left")
    for style in ("size", "reversal", "turnover"):
        assert np.corrcoef(value, styles[style])[0, 1] == pytest.approx(0, abs=1e-9)
    means = styles.group_by("industry").agg(pl.col("value").mean())["value"]
    assert means.abs().max() < 1e-9
    assert abs(spearmanr(value, frame["raw"]).statistic) > 0.5


def test_a_name_without_industry_has_no_value_and_a_market_without_industries_has(make_lake):
    lake = make_lake().run()
    week, last = lake.weeks[-1], pl.col("symbol") == "600001.SH"
    lake.market.styles = lake.market.styles.with_columns(
        industry=pl.when(last).then(pl.lit("unknown")).otherwise("industry")
    )
    frame = lake.score(week).frame
    assert frame.filter(pl.col("value").is_null())["symbol"].to_list() == ["600001.SH"]
    assert frame["raw"].null_count() == 0
    lake.market.styles = lake.market.styles.with_columns(industry=pl.lit("unknown"), size=pl.lit(None, pl.Float64))
    assert lake.score(week).frame["value"].null_count() == 0


def test_what_lies_after_the_signal_day_changes_nothing(make_lake):
    full = make_lake().run()
    week = full.weeks[4]
    signal_day = full.market.calendar.signal_day(week)
    cut = make_lake()
    cut.market = cut.market.until(signal_day)
    noisy = make_lake()
    later = pl.col("date") > signal_day
    noisy.market.bar_features = noisy.market.bar_features.with_columns(
        pl.when(later).then(pl.col(c) * -7).otherwise(c) for c in BAR_FEATURES
    )
    noisy.market.daily_prices = noisy.market.daily_prices.with_columns(
        pl.when(later).then(pl.col(c) * (1 + pl.col("volume") / 1e5)).otherwise(c) for c in ("close", "vwap")
    )
    for other in (cut, noisy):
        other.run(full.weeks[:5])
        for w in full.weeks[:5]:
            assert other.models[w].files == full.models[w].files
            assert other.scored[w].frame.equals(full.scored[w].frame)


def test_the_order_of_rows_changes_nothing(make_lake):
    plain, shuffled = make_lake(), make_lake()
    for name in ("bar_features", "daily_prices", "securities", "styles"):
        setattr(shuffled.market, name, getattr(shuffled.market, name).sample(fraction=1.0, shuffle=True, seed=3))
    weeks = plain.weeks[3:4]
    plain.run(weeks)
    shuffled.run(weeks)
    assert plain.models[weeks[0]].files == shuffled.models[weeks[0]].files
    assert plain.scored[weeks[0]].frame.equals(shuffled.scored[weeks[0]].frame)


def test_a_missing_future_label_removes_no_name_from_inference(make_lake):
    lake = make_lake(suspended=0.0).run()
    week, gone = lake.weeks[3], "600005.SH"
    signal_day = lake.market.calendar.signal_day(week)
    other = make_lake(suspended=0.0)
    other.market.daily_prices = other.market.daily_prices.filter(
        ~((pl.col("symbol") == gone) & (pl.col("date") > signal_day))
    )
    other.run([week])
    assert gone in other.scored[week].frame["symbol"].to_list()
    assert other.scored[week].frame.equals(lake.scored[week].frame)


def test_a_name_without_bars_on_enough_days_has_no_score(make_lake):
    lake = make_lake(suspended=0.0)
    week = lake.weeks[3]
    lake.run([week])
    scored = lake.scored[week].frame["symbol"].to_list()
    gone, day = scored[4], lake.market.calendar.offset(lake.market.calendar.signal_day(week), -1)
    lake.market.bar_features = lake.market.bar_features.filter(
        ~((pl.col("symbol") == gone) & (pl.col("date") == day))
    )  # two of the three days of its sequence are left
    assert lake.score(week).frame["symbol"].to_list() == [symbol for symbol in scored if symbol != gone]


def test_closes_alone_train_and_score(make_lake):
    lake = make_lake()
    known = ("bar_return", "realised_variance", "skewness", "kurtosis", "max_abs_return", "down_variance")
    lake.market.bar_features = lake.market.bar_features.with_columns(
        pl.lit(None, pl.Float32).alias(c) for c in BAR_FEATURES if c not in known
    )
    week = lake.weeks[3]
    lake.run([week])
    card = json.loads(lake.models[week].files[CARD])
    assert tuple(card["features"]) == known
    assert len(card["dropped_features"]) == len(BAR_FEATURES) - len(known)
    assert "ln_amount" in lake.models[week].notes["dropped_features"]
    assert lake.scored[week].frame.height > 15


def test_a_market_without_features_has_no_model_and_says_so(make_lake):
    lake = make_lake()
    lake.market.bar_features = lake.market.bar_features.clear()
    lake.run(lake.weeks[3:5])
    trained, carried = (lake.models[week].unavailable["valid_loss"] for week in lake.weeks[3:5])
    assert "no feature has a value" in trained
    assert carried == trained
    assert lake.scored[lake.weeks[4]].unavailable == {"gru_50_1": trained}


def test_too_few_names_are_no_training(make_lake):
    lake = make_lake(names=8)
    assert "has 10 names of U(t) with bars and a label" in lake.model(lake.weeks[3]).unavailable["valid_loss"]


def test_with_a_lag_the_previous_weeks_model_scores(make_lake):
    changes = {"retrain_every_weeks": 1}
    now, lagged = make_lake(changes=changes), make_lake(changes=changes, section={"train_lag_weeks": 1})
    weeks = now.weeks[2:5]
    now.run(weeks)
    lagged.run(now.weeks[:5])
    assert "missing" in lagged.scored[weeks[1]].unavailable["gru_50_1"]
    older = json.loads(lagged.models[weeks[1]].files[CARD])
    newer = json.loads(now.models[weeks[2]].files[CARD])
    assert older["checkpoint"] != newer["checkpoint"]
    assert not now.scored[weeks[2]].frame["raw"].equals(lagged.scored[weeks[2]].frame["raw"])
    first = make_lake(changes=changes, section={"train_lag_weeks": 1})
    first.model(first.weeks[0])
    assert "the data begins here" in first.score(first.weeks[0]).unavailable["gru_50_1"]


def test_a_planted_signal_is_scored(make_lake):
    """The first feature leads the returns: scores of the last weeks must rank what follows."""
    changes = {"epochs": 12, "learning_rate": 0.01, "train_days": 14, "orthogonalise_on": (), "seeds": (0,)}
    changes["retrain_every_weeks"] = 1
    lake = make_lake(changes=changes, names=60, days=50, signal=1.0, bars=(570,), suspended=0.0, missing=0.0)
    market = lake.market
    market.bar_features = market.bar_features.with_columns(pl.lit(None, pl.Float32).alias(c) for c in BAR_FEATURES[4:])
    lake.run(lake.weeks[5:8])
    ics = []
    close = market.daily_prices.pivot(on="date", index="symbol", values="close").sort("symbol")
    for week, made in lake.scored.items():
        at = market.days.index(market.calendar.signal_day(week))
        symbols = made.frame["symbol"]
        later, now = (
            close.filter(pl.col("symbol").is_in(symbols.implode()))[str(market.days[d])] for d in (at + 5, at + 1)
        )
        if made.frame.height:
            ics.append(spearmanr(made.frame["value"], (later / now).to_numpy()).statistic)
    assert np.mean(ics) > 0.2


def test_what_the_functions_ask_for_is_declared():
    for table in assets.TABLES:
        module, name = table.make.split(":")
        asked = set(inspect.signature(getattr(importlib.import_module(module), name)).parameters)
        assert asked <= SERVICES | {"table"} | {read.table for read in table.reads}
