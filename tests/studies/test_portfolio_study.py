"""Tests of the arithmetic of the study of 2011–2016: measured figures, unexplained violations and summaries."""

import argparse
import datetime as dt
import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.factors.styles import STYLES
from resources.calendar import Calendar
from resources.errors import InputError
from resources.settings.portfolios import IndexPortfolioSettings
from studies import demonstration
from studies import portfolios_2011_2016 as study
from tests.making import run_make

CALENDAR = Calendar.xshg()
BOUNDS = IndexPortfolioSettings()


def names(rng: np.random.Generator, n: int = 12) -> pl.DataFrame:
    target, benchmark, drifted = (rng.dirichlet(np.ones(n)) for _ in range(3))
    return pl.DataFrame(
        {
            "symbol": [f"{i:06d}.SZ" for i in range(n)],
            "weight": target,
            "benchmark_weight": benchmark,
            "drifted_weight": drifted * 0.9,
            "industry": [str(i % 3) for i in range(n)],
            "state": ["suspended" if i == 1 else "tradable" for i in range(n)],
            **{style: rng.normal(size=n) for style in STYLES},
        }
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_measured_figures_follow_the_formulas_of_the_specification(seed):
    frame = names(np.random.default_rng(seed))
    found = study.measure(frame, "weight", cash=0.1)
    active = frame["weight"].to_numpy() - frame["benchmark_weight"].to_numpy()
    for style in STYLES:
        assert found.exposures[style] == pytest.approx(active @ frame[style].to_numpy(), abs=1e-14)
    for industry in "012":
        chosen = (frame["industry"] == industry).to_numpy()
        assert found.industries[industry] == pytest.approx(active[chosen].sum(), abs=1e-14)
    assert found.industry == max(map(abs, found.industries.values()))
    assert found.band == np.abs(np.delete(active, 1)).max()
    moved = np.abs(frame["weight"].to_numpy() - frame["drifted_weight"].to_numpy()).sum()
    assert found.turnover == pytest.approx(0.5 * (moved + 0.1), abs=1e-12)


def test_a_style_without_values_has_no_exposure():
    frame = names(np.random.default_rng(0)).with_columns(growth=pl.lit(None, pl.Float64))
    found = study.measure(frame, "weight")
    assert found.exposures["growth"] is None
    assert found.turnover is None
    assert "growth" not in study.breaches(found, BOUNDS, first_build=False)


def test_every_violation_is_reported_unless_the_solve_relaxed_it():
    frame = names(np.random.default_rng(1))
    found = study.measure(frame, "weight", cash=0.1)
    broken = study.breaches(found, BOUNDS, first_build=False)
    assert broken["industry"] == pytest.approx(sum(abs(value) for value in found.industries.values()))
    assert broken["value_size"] == pytest.approx(abs(found.exposures["value"]) + abs(found.exposures["size"]))
    assert broken["turnover"] == pytest.approx(max(0.0, found.turnover - 0.3))
    assert study.breaches(found, BOUNDS, first_build=True)["turnover"] == 0.0
    assert set(study.unexplained(broken, {})) == {name for name, value in broken.items() if value > 1e-8}
    assert study.unexplained(broken, broken) == {}
    less = {**broken, "industry": broken["industry"] - 1e-6}
    assert list(study.unexplained(broken, less)) == ["industry"]


def test_a_negative_weight_and_a_sum_off_one_can_never_be_explained():
    frame = names(np.random.default_rng(2)).with_columns(weight=pl.col("weight") - 0.05)
    broken = study.breaches(study.measure(frame, "weight", cash=0.0), BOUNDS, first_build=False)
    left = study.unexplained(broken, dict.fromkeys(("industry", "value_size", "turnover", "styles"), 9.0))
    assert {"sum", "negative"} <= set(left)


def test_blocked_orders_are_counted_by_reason():
    orders = pl.DataFrame({"order": [0.2, -0.1, 0.1, -0.6], "blocked": ["", "suspended", "limit_up", "suspended"]})
    orders = orders.with_columns(symbol=pl.Series(["a", "b", "c", "d"]))
    found = study.blocked_orders(orders, ["b", "c"])
    assert found == {
        "frozen": {"orders": 1, "nav": pytest.approx(0.1)},
        "limit_up": {"orders": 1, "nav": pytest.approx(0.1)},
        "suspended": {"orders": 1, "nav": pytest.approx(0.6)},
    }
    assert study.blocked_orders(orders.clear(), []) == {}


def test_a_year_is_summed_from_its_days():
    days = CALENDAR.days(dt.date(2015, 12, 28), dt.date(2016, 1, 8))
    rng = np.random.default_rng(3)
    net, index = rng.normal(scale=0.01, size=(2, len(days)))
    daily = pl.DataFrame(
        {
            "date": days, "portfolio": "csi500", "net": net, "benchmark": index,
            "turnover": [0.2 if i % 5 == 0 else 0.0 for i in range(len(days))], "cost": 0.0006,
        }
    )  # fmt: skip
    weekly = [
        {"portfolio": "csi500", "signal": dt.date(2015, 12, 31), "status": "relaxed", "expected_tracking_error": None},
        {"portfolio": "csi500", "signal": dt.date(2016, 1, 8), "status": "optimal", "expected_tracking_error": 0.07},
    ]
    daily = daily.with_columns(turnover=pl.when(pl.col("date") == days[0]).then(0.9).otherwise("turnover"))
    first, second, whole = study.by_year(daily, weekly)
    old = np.array([day.year == 2015 for day in days])
    assert (first.year, first.relaxed, second.relaxed) == ("2015", 1, 0)
    assert first.net == pytest.approx(np.prod(1 + net[old]) - 1)
    assert second.excess == pytest.approx(np.prod(1 + net[~old]) / np.prod(1 + index[~old]) - 1)
    assert second.tracking_error == pytest.approx((net - index)[~old].std(ddof=1) * 244**0.5)
    assert (first.turnover, second.turnover) == (0.0, pytest.approx(0.2))  # the first build is left out
    assert first.cost == pytest.approx(0.0006 * old.sum())
    assert (first.expected, second.expected) == (None, 0.07)
    assert (whole.year, whole.weeks, whole.relaxed) == ("all", 2, 1)
    assert whole.net == pytest.approx(np.prod(1 + net) - 1)


def test_daily_series_are_compared():
    a, b = [0.01, -0.02, 0.03], [0.0101, -0.0201, 0.0299]
    found = study.compare_daily("i", "t", a, b)
    assert found.mean_bp == pytest.approx(1e4 * np.mean(np.subtract(a, b)))
    assert found.std_bp == pytest.approx(1e4 * np.std(np.subtract(a, b)))
    assert found.drifted == pytest.approx(1.01 * 0.98 * 1.03 - 1)
    assert found.correlation == pytest.approx(np.corrcoef(a, b)[0, 1])


def test_quantiles_of_targets_and_holdings():
    found = study.spread([0.8, -0.8, 0.1, None], [0.5, -0.9, None], 0.8)
    assert (found["weeks"], found["at_bound"], found["target_max"]) == (3, pytest.approx(2 / 3), 0.8)
    assert (found["target_median"], found["held_max"]) == (0.8, 0.9)
    nothing = study.spread([], [None], 0.8)
    assert nothing.pop("weeks") == 0
    assert set(nothing.values()) == {None}


def test_the_turnover_of_a_rebalance_is_not_the_style_turnover():
    row = {
        "portfolio": "csi500", "first_build": False, "executed_turnover": 0.2, "held": None,
        "target": {"exposures": dict.fromkeys(STYLES, 0.5), "industry": 0.0, "turnover": 0.3},
    }  # fmt: skip
    found = {
        one["constraint"]: one for one in study.against_bounds([row], study.study_settings(study.parse([])).portfolios)
    }
    assert (found["turnover"]["bound"], found["turnover"]["target_max"]) == (0.8, 0.5)
    assert (found["one_way_turnover"]["bound"], found["one_way_turnover"]["at_bound"]) == (0.3, 1.0)


def test_the_parts_of_the_excess_add_up_to_it():
    rng = np.random.default_rng(5)
    weeks = CALENDAR.weeks(dt.date(2016, 1, 4), dt.date(2016, 2, 29))
    items = pl.DataFrame(
        [
            {
                "week": week,
                "date": CALENDAR.signal_day(week),
                "portfolio": "csi500",
                "component": component,
                "value": rng.normal(scale=0.01),
            }
            for week in weeks
            for component in ("selection", "selection", "style", "cost")
        ]
    )
    (found,) = study.split_excess(items)
    assert found["year"] == "2016"
    weekly = items.group_by("week").agg(pl.col("value").sum())["value"].to_numpy()
    assert found["excess"] == pytest.approx(np.prod(1 + weekly) - 1, abs=1e-14)
    assert sum(found[name] for name in study.COMPONENTS) == pytest.approx(found["excess"], abs=1e-14)
    assert found["delisting"] == 0.0
    older = items.with_columns(pl.col("week", "date").dt.offset_by("-1y"))
    first, second, whole = study.split_excess(pl.concat([items, older]))
    assert (first["year"], second, whole["year"]) == ("2015", found, "all")
    assert whole["excess"] == pytest.approx((1 + first["excess"]) * (1 + found["excess"]) - 1, abs=1e-14)


def daily_rows(days, closes):
    return pl.DataFrame(
        [
            {"date": day, "symbol": symbol, "pre_close": 10.0, "close": close, "volume": 100 if close else 0}
            for day in days
            for symbol, close in closes.items()
            if close
        ]
    )


def demonstration_of(prices, listed, week, settings):
    """The demonstration scores of a week."""
    return run_make(
        demonstration.make_scores,
        daily_prices=prices,
        securities=listed,
        week=week,
        calendar=CALENDAR,
        settings=settings,
    )


def test_the_demonstration_score_is_minus_the_windows_return():
    week = dt.date(2016, 3, 7)
    chosen = demonstration.DemonstrationSettings(score="reversal_5", window=5)
    days = demonstration.window_days.keys(CALENDAR, week, chosen, dt.date(2010, 1, 4))
    assert days == CALENDAR.days(dt.date(2016, 3, 7), dt.date(2016, 3, 11))
    growth = {"000001.SZ": 10.1, "000002.SZ": 10.0, "000003.SZ": 9.8}
    prices = pl.concat([daily_rows(days, growth), daily_rows(days[:2], {"000004.SZ": 9.0})])
    listed = pl.DataFrame({"symbol": [*growth, "000004.SZ"], "in_universe": [True, True, True, True]})
    made = demonstration_of(prices, listed, week, chosen)
    assert made.frame["symbol"].to_list() == list(growth)  # two of five days are too few
    assert made.frame["raw"].to_list() == pytest.approx([1 - 1.01**5, 0.0, 1 - 0.98**5])
    assert made.frame["value"].is_sorted()
    assert made.frame["factor"].unique().to_list() == ["reversal_5"]


def test_a_file_of_scores_is_read_for_its_day_and_factor(tmp_path):
    day = dt.date(2016, 3, 11)
    file = tmp_path / "scores.parquet"
    pl.DataFrame(
        {
            "date": [day, day, day, dt.date(2016, 3, 4)],
            "symbol": ["000001.SZ", "000002.SZ", "000003.SZ", "000001.SZ"],
            "factor": ["mine", "mine", "other", "mine"],
            "value": [1.0, 2.0, 3.0, 4.0],
        }
    ).write_parquet(file)
    listed = pl.DataFrame({"symbol": ["000001.SZ", "000002.SZ", "000003.SZ"], "in_universe": [True, True, True]})
    options = study.parse(["--scores", str(file), "--alpha", "mine", "--first", "2016-03-07"])
    chosen = study.study_settings(options)
    assert (chosen.portfolios.alpha, chosen.portfolios.start) == ("mine", dt.date(2016, 3, 7))
    made = demonstration_of(pl.DataFrame(), listed, dt.date(2016, 3, 7), chosen.demonstration)
    assert made.frame.select("symbol", "raw", "value").rows() == [("000001.SZ", 1.0, -1.0), ("000002.SZ", 2.0, 1.0)]
    empty = demonstration_of(pl.DataFrame(), listed, dt.date(2016, 3, 14), chosen.demonstration)
    assert "mine" in empty.unavailable


def test_settings_differ_from_production_only_in_score_and_start():
    chosen = study.study_settings(study.parse([]))
    assert chosen.portfolios.alpha == "reversal_20"
    whole = type(chosen.portfolios)()
    differ = {name for name, value in chosen.portfolios if value != getattr(whole, name)}
    assert differ == {"alpha", "start"}


def test_incomplete_options_and_missing_files_are_refused(tmp_path):
    with pytest.raises(SystemExit):
        study.parse(["--alpha", "mine"])
    with pytest.raises(InputError, match="is not a file"):
        study.study_settings(argparse.Namespace(**{**vars(study.parse([])), "scores": tmp_path / "no", "alpha": "a"}))
    with pytest.raises(InputError, match="daily_prices"):
        study.lay_out_market(tmp_path / "nothing", tmp_path / "market")


def test_a_table_without_data_is_empty_with_the_reason():
    for table in (study.minute_bars, study.factors):
        replacement = demonstration.empty(table)
        made = run_make(demonstration.make_nothing, table=replacement.name, date=dt.date(2016, 3, 7))
        assert made.frame.is_empty()
        assert set(made.frame.columns) == set(table.schema)
        assert set(made.unavailable.values()) == {demonstration.DAILY_ONLY}


RELAXED = {
    "portfolio": "csi500", "signal": dt.date(2015, 7, 10), "status": "relaxed", "benchmark_suspended": 0.468,
    "frozen": 0.432, "relaxed_by": {"industry": 0.00176},
    "relaxations": [
        {"constraint": "industry", "row": "28", "value": -0.0008, "slack": 0.0008},
        {"constraint": "industry", "row": "73", "value": 0.00096, "slack": 0.00096},
    ],
    "conflicts": ["cannot all be satisfied: industry 73 at most its benchmark weight of 2.20%; suspended: 002491.SZ"],
    "conflicting_industries": ["73"],
}  # fmt: skip


def test_a_relaxed_week_is_shown_with_forced_and_offsetting_industries():
    lines = study.relaxed_table([RELAXED, {**RELAXED, "status": "optimal"}])
    assert len(lines) == 3
    assert lines[2].split(" | ")[1:] == ["47% / 43%", "17.6", "73 +9.6", "28 −8 |"]


def test_consecutive_weeks_of_one_cause_are_one_episode():
    worse = {
        **RELAXED,
        "signal": dt.date(2015, 7, 17),
        "relaxed_by": {"industry": 0.003},
        "conflicts": ["industry 73 at most 1%"],
        "conflicting_industries": ["73"],
    }
    calm = {**RELAXED, "signal": dt.date(2015, 7, 24), "status": "optimal"}
    later = {**RELAXED, "signal": dt.date(2015, 7, 31)}
    other = {**RELAXED, "portfolio": "csi1000"}
    weekly = [RELAXED, worse, calm, later, other]
    assert study.episodes(weekly) == [[RELAXED, worse], [later], [other]]
    rows = study.episodes_table(weekly).split("\n")[2:]
    assert rows[0] == (
        "| csi500, 2015-07-10 to 2015-07-17 | 2 | 17.6 to 30 | 73 communications | industry 73 at most 1% |"
    )
    assert len(rows) == 3
    assert "30 bp (csi500, 2015-07-17)" in study.why_relaxed(weekly)
    assert study.why_relaxed([calm]).startswith("None")


def test_past_tracking_error_and_drift_of_published_weights():
    days = CALENDAR.days(dt.date(2015, 1, 5), dt.date(2015, 6, 30))[:70]
    rng = np.random.default_rng(7)
    move = rng.normal(scale=0.02, size=(70, 2))
    prices = pl.DataFrame(
        [
            {"date": day, "symbol": symbol, "pre_close": 10.0, "close": 10.0 * (1 + move[i, j]), "volume": 5}
            for i, day in enumerate(days)
            for j, symbol in enumerate("ab")
            if (i, j) != (68, 1)  # suspended
        ]
    )
    move[68, 1] = 0.0
    returns = study.Returns.of(prices)
    frame = pl.DataFrame(
        {"symbol": ["a", "b", "never"], "weight": [0.6, 0.3, 0.1], "benchmark_weight": [0.5, 0.4, 0.1]}
    )
    expected = (move[-60:] @ [0.1, -0.1]).std(ddof=1) * 244**0.5
    assert returns.tracking_error(frame, days[-1]) == pytest.approx(expected)
    assert returns.tracking_error(frame, days[40]) is None
    vector = pl.DataFrame({"date": [days[66]] * 3, "symbol": ["a", "b", "gone"], "weight": [0.5, 0.4, 0.1]})
    grown = np.array([0.5, 0.4]) * (1 + move[67:]).prod(axis=0)
    found = returns.drift(vector, days[-1], {"a", "b"})
    assert list(found.values()) == pytest.approx((grown / grown.sum()).tolist())


def test_the_record_leaves_out_empty_entries_and_keeps_zeros():
    record = {"conditions": {"date": dt.date(2016, 1, 8)}, "weekly": [{"signal": dt.date(2016, 1, 8), "cash": 0.0,
              "conflicts": [], "conflicting_industries": [], "held": None, "coverage": {"size": 1.0}, "cost": 1 / 3}]}  # fmt: skip
    text = study.dump(record)
    assert json.loads(text) == {
        "conditions": {"date": "2016-01-08"}, "weekly": [{"signal": "2016-01-08", "cash": 0.0, "cost": 0.333333}],
    }  # fmt: skip
