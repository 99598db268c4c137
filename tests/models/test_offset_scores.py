"""Tests of the scores on the offset paths' signal days: they use the models of the week before and no later data."""

import polars as pl
import pytest

from assets.features.names import BAR_FEATURES
from assets.models.make_offset_scores import make_offset_scores
from assets.models.make_scores import make_scores
from assets.models.offset_windows import offset_days
from resources.settings.lines import LinesSettings
from resources.settings.portfolios import PortfoliosSettings
from tests.making import run_make
from tests.models.model_lake import BARS, FRAMES, TABLES, Lake, short_settings, widen
from tests.reasons import to_reasons

KEYS = ("gru_50_1", "multi_granularity_5d")


@pytest.fixture
def lake(make_market, tmp_path) -> Lake:
    market = widen(make_market(days=35, features=BAR_FEATURES, bars=BARS, names=24))
    return Lake(market, short_settings({"epochs": 1, "seeds": (0,)}), tmp_path).run(models=KEYS)


def offset(lake: Lake, week, weekdays=("tuesday", "thursday", "friday"), alpha=KEYS, until=None):
    table = TABLES["offset_scores"]
    section = {
        "models": lake.settings,
        "lines": LinesSettings(weekdays=weekdays),
        "portfolios": PortfoliosSettings(alpha=alpha),
    }
    calendar = lake.market.calendar
    keys = {name: table.read(name).over.keys(calendar, week, section, lake.start) for name in KEYS}
    frames = {name: lake.read(table, name, week, section) for name in FRAMES if table.read(name) is not None}
    if until is not None:
        frames = {name: frame.filter(pl.col("date") <= until) for name, frame in frames.items()}
    made = run_make(
        make_offset_scores,
        week=week,
        **frames,
        settings=section,
        calendar=calendar,
        start=lake.start,
        files=lake.files(keys),
        unavailable={name: lake.known(name, weeks) for name, weeks in keys.items()},
    )
    return made, keys, offset_days.keys(calendar, week, section, lake.start)


def test_offset_days_are_scored_by_the_models_of_the_week_before(lake: Lake) -> None:
    week, calendar = lake.weeks[4], lake.market.calendar
    made, keys, days = offset(lake, week)
    assert days == [calendar.week_days(week)[1], calendar.week_days(week)[3]]
    assert all(max(weeks) < week for weeks in keys.values())
    assert not made.unavailable
    assert made.frame["date"].unique().sort().to_list() == days
    assert set(made.frame["factor"]) == set(KEYS)
    for day in days:  # equal to the scores of a week that ends on that day and uses models with a lag of one week
        lagging = short_settings({"epochs": 1, "seeds": (0,)}, train_lag_weeks=1)
        plain = run_make(
            make_scores,
            week=week,
            date=day,
            settings=lagging,
            calendar=calendar,
            start=lake.start,
            files=lake.files(keys),
            unavailable=to_reasons({name: {"valid_loss": "not made"} for name in TABLES if name not in KEYS}),
            **{name: getattr(lake.market, name).lazy() for name in FRAMES if name != "daily_prices"}
            | {"styles": lake.market.styles.filter(pl.col("date") == day).lazy()},
        )
        own = made.frame.filter(pl.col("date") == day).drop("week", "date")
        assert own.height > 10
        assert own.equals(plain.frame.drop("week", "date"))


def test_later_data_do_not_change_the_scores_of_a_day(lake: Lake) -> None:
    week = lake.weeks[4]
    whole, _, days = offset(lake, week)
    cut, _, _ = offset(lake, week, weekdays=("tuesday",), until=days[0])
    assert cut.frame.equals(whole.frame.filter(pl.col("date") == days[0]))


def test_without_a_path_or_network_there_are_no_scores_and_a_week_without_a_model_has_a_reason(lake: Lake) -> None:
    assert offset(lake, lake.weeks[4], weekdays=())[0].frame.is_empty()
    none, keys, _ = offset(lake, lake.weeks[4], alpha="skewness")
    assert none.frame.is_empty()
    assert not any(keys.values())
    early = offset(lake, lake.weeks[3])[0]  # the week before has no model
    assert early.frame.is_empty()
    assert early.unavailable["gru_50_1"] == lake.models["gru_50_1", lake.weeks[2]].unavailable["valid_loss"]
