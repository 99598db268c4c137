"""Consecutive weeks: the first build, the state between weeks, and the reasons for missing data."""

import datetime as dt
import itertools

import numpy as np
import polars as pl
import pytest

from assets.portfolios.assets import TABLES
from assets.portfolios.reasons import DRIFTED_BENCHMARK, FIRST_BUILD_LATER, HARD_CONFLICT
from assets.portfolios.week.returns import drifted_return
from assets.portfolios.windows import benchmark_window, previous_week
from resources.errors import InputError, SettingsError
from resources.gate import judge
from resources.reasons import Reason, as_reason
from resources.settings.portfolios import PortfoliosSettings
from tests.portfolios.week.portfolio_market import BOUNDS, CALENDAR, SETTINGS, WEEKS, Market, file, solve_of


def test_the_first_week_with_scores_is_built_from_cash_and_later_ones_carry_on() -> None:
    market = Market()
    market.factors = market.factors.filter(pl.col("date") > CALENDAR.signal_day(WEEKS[0]))
    early = market.week(WEEKS[0])
    assert early.frame.is_empty()
    assert early.files == {}
    assert str(early.unavailable["weight"]) == "no skewness score on 2023-06-09; the first build waits for it"

    first = solve_of(market.week(WEEKS[1]))
    assert first["first_build"]
    assert first["cash"] == 1.0
    assert first["nav"] == 1.0
    assert file(market.made[WEEKS[1]], "days.parquet").is_empty()
    assert market.returns(WEEKS[1]).frame.is_empty()

    second = solve_of(market.week(WEEKS[2]))
    assert not second["first_build"]
    executed = file(market.made[WEEKS[2]], "executions.parquet")
    assert executed["date"].unique().to_list() == [CALENDAR.week_days(WEEKS[2])[0]]
    assert second["executed_turnover"] == pytest.approx(1.0, abs=0.01)
    held = market.made[WEEKS[2]].frame["drifted_weight"].sum()
    assert held + second["cash"] == pytest.approx(1.0, abs=1e-12)
    # turnover by the formula of the specification, in which cash counts like a stock
    frame = market.made[WEEKS[2]].frame
    one_way = 0.5 * ((frame["weight"] - frame["drifted_weight"]).abs().sum() + second["cash"])
    assert second["turnover"] == pytest.approx(one_way, abs=1e-9)


def test_returns_of_the_days_multiply_to_the_net_asset_value() -> None:
    market, nav = Market(seed=1), 1.0
    for week in WEEKS:
        market.week(week)
        result = market.returns(week)
        assert result.unavailable == {"csi1000": as_reason("no weights")}
        frame = result.frame
        assert (((1 + frame["gross"]) * (1 - frame["cost"]) - 1 - frame["net"]).abs() < 1e-15).all()
        nav *= float(np.prod(1 + frame["net"].to_numpy()))
        assert solve_of(market.made[week])["nav"] == pytest.approx(nav, abs=1e-12)
    assert (frame["cost"] > 0).sum() == 1
    closes = dict(market.indices.select("date", "index_close").unique().iter_rows())
    for row in frame.iter_rows(named=True):
        before = CALENDAR.previous_day(row["date"])
        assert row["benchmark"] == pytest.approx(closes[row["date"]] / closes[before] - 1, abs=1e-15)


def test_drifted_weights_replace_missing_index_closes() -> None:
    market = Market(seed=1)
    market.indices = market.indices.with_columns(index_close=pl.lit(None, pl.Float64))
    for week in WEEKS[:2]:
        market.week(week)
    result = market.returns(WEEKS[1])
    assert result.frame["benchmark"].null_count() == 0
    assert result.notes["csi500"]["code"] == DRIFTED_BENCHMARK.name
    assert result.notes["left_out"] == {"index_closes": {"csi500": None}}


def test_one_missing_close_preserves_the_weeks_return_of_the_index() -> None:
    market = Market(seed=1)
    days = CALENDAR.week_days(WEEKS[1])
    for week in WEEKS[:2]:
        market.week(week)
    whole = market.returns(WEEKS[1]).frame["benchmark"].to_list()
    market.indices = market.indices.with_columns(index_close=pl.when(pl.col("date") != days[1]).then("index_close"))
    # one member is no longer listed according to securities, so the stand-in excludes it
    gone = (pl.col("symbol") == market.symbols[3]) & (pl.col("date") <= days[0])
    market.listings = market.securities.filter(~gone)
    result = market.returns(WEEKS[1])
    found = result.frame["benchmark"].to_list()
    assert [found[k] for k in (0, 3, 4)] == [whole[k] for k in (0, 3, 4)]
    listed = market.listings.filter(pl.col("date") == days[0])["symbol"].to_list()
    members = drifted_return(
        market.indices, market.prices, "000905.SH", days[1], CALENDAR, tolerance=0.01, listed=listed
    )
    assert found[1] == members != whole[1]
    assert (1 + found[1]) * (1 + found[2]) == pytest.approx((1 + whole[1]) * (1 + whole[2]), rel=1e-14)
    assert result.notes["left_out"] == {"index_closes": {"csi500": None}}


def test_the_anchor_week_can_be_set() -> None:
    settings = SETTINGS.model_copy(update={"start": WEEKS[1]})
    market = Market()
    assert market.week(WEEKS[0], settings).unavailable["weight"] == FIRST_BUILD_LATER(week=settings.start)
    assert solve_of(market.week(WEEKS[1], settings))["first_build"]
    assert previous_week.keys(CALENDAR, WEEKS[1], settings, CALENDAR.first) == []
    assert previous_week.keys(CALENDAR, WEEKS[2], settings, CALENDAR.first) == [WEEKS[1]]
    with pytest.raises(ValueError, match="no Monday"):
        PortfoliosSettings(start=dt.date(2023, 6, 13))


def test_the_look_back_covers_the_drift_of_the_oldest_vector_in_use() -> None:
    settings = SETTINGS.model_copy(update={"benchmark_max_age": 7})
    days = benchmark_window.keys(CALENDAR, WEEKS[3], settings, CALENDAR.first)
    assert days == CALENDAR.days(CALENDAR.offset(CALENDAR.week_days(WEEKS[3])[0], -8), CALENDAR.signal_day(WEEKS[3]))
    assert benchmark_window.keys(CALENDAR, WEEKS[0], settings, CALENDAR.first) == CALENDAR.week_days(WEEKS[0])


def test_missing_weights_delay_the_first_build_and_stop_a_running_portfolio() -> None:
    market = Market()
    none = market.week(WEEKS[0], table="csi1000_portfolio")
    assert "no weights of 000852.SH were published" in str(none.unavailable["weight"])
    market.week(WEEKS[0])
    market.indices = market.indices.clear()
    with pytest.raises(InputError, match=r"csi500_portfolio has holdings .* no weights of 000905.SH"):
        market.week(WEEKS[1])


def test_weights_too_old_to_drift() -> None:
    market = Market()
    stale = SETTINGS.model_copy(update={"benchmark_max_age": 3})
    assert "4 trading days before 2023-06-09" in str(market.week(WEEKS[0], stale).unavailable["weight"])
    just = SETTINGS.model_copy(update={"benchmark_max_age": 4})
    assert solve_of(market.week(WEEKS[0], just))["first_build"]


def test_a_suspended_stock_does_not_count_in_the_score() -> None:
    market, suspended = Market(seed=5), 0.0
    for week in WEEKS:
        made = market.week(week)
        frame = made.frame.with_columns(pl.col("score").fill_null(0.0))
        frozen = pl.col("state") == "suspended"
        suspended += frame.filter(frozen)["weight"].sum()
        plain = sum(weight * score for weight, score in frame.filter(~frozen).select("weight", "score").iter_rows())
        assert solve_of(made)["objective"] == pytest.approx(plain, abs=1e-12)
    assert suspended > 0


def test_missing_prices_are_not_suspensions() -> None:
    market = Market()
    market.prices = market.prices.filter(pl.col("date") != dt.date(2023, 6, 7))
    assert "no row on 1 of the 4 days, first 2023-06-07" in str(market.week(WEEKS[0]).unavailable["weight"])
    market = Market()
    market.week(WEEKS[0])
    market.prices = market.prices.filter(pl.col("date") != dt.date(2023, 6, 14))
    with pytest.raises(InputError, match="2023-06-14"):
        market.week(WEEKS[1])


def test_a_delisted_holding_becomes_cash_and_is_invested_again() -> None:
    market = Market(seed=2)
    market.week(WEEKS[0])
    market.week(WEEKS[1])
    gone = market.made[WEEKS[1]].frame.filter(pl.col("weight") == pl.col("weight").max())["symbol"][0]
    day = CALENDAR.week_days(WEEKS[2])[2]
    market.securities = market.securities.filter((pl.col("symbol") != gone) | (pl.col("date") < day))
    market.prices = market.prices.filter((pl.col("symbol") != gone) | (pl.col("date") < day))
    made = market.week(WEEKS[2])
    row = made.frame.filter(pl.col("symbol") == gone)
    assert row["drifted_weight"].to_list() in ([], [0.0])
    assert solve_of(made)["cash"] > 0.01
    assert solve_of(made)["status"] in ("optimal", "relaxed")
    if row.height:  # a benchmark member until the next review
        assert row["state"][0] == "not_listed"
        assert row["weight"][0] == 0.0
    assert solve_of(market.week(WEEKS[3]))["cash"] < 0.01


def test_unspent_cash_raises_no_name_above_the_bound_of_its_target() -> None:
    topped = at_bound = 0
    for seed in range(3):
        market = Market(seed=seed)
        for before, week in itertools.pairwise(WEEKS):
            if before == WEEKS[0]:
                market.week(before)
            bounds = market.made[before].frame.select("symbol", "upper")
            orders = file(market.week(week), "executions.parquet").join(bounds, on="symbol", how="left")
            more = orders.filter(pl.col("topped_up") > 0).with_columns(after=pl.col("holding") + pl.col("filled"))
            assert (more["after"] <= more["upper"] + 1e-12).all()
            topped += more.height
            at_bound += more.filter((pl.col("after") - pl.col("upper")).abs() < 1e-12).height
    assert topped > 0
    assert at_bound > 0


def test_names_that_may_not_be_bought() -> None:
    market = Market(seed=3)
    market.week(WEEKS[0])
    date = CALENDAR.signal_day(WEEKS[1])
    st, new, unscored, absent = market.symbols[0:4]
    market.securities = market.securities.with_columns(
        is_st=pl.col("symbol") == st, listed_days=pl.when(pl.col("symbol") == new).then(119).otherwise(120)
    )
    market.factors = market.factors.filter(pl.col("symbol") != unscored)
    market.prices = market.prices.filter((pl.col("symbol") != absent) | (pl.col("date") != date))
    market.securities = market.securities.with_columns(
        traded=pl.col("traded") & ~((pl.col("symbol") == absent) & (pl.col("date") == date))
        | pl.col("symbol").is_in([st, new, unscored])
    )
    made = market.week(WEEKS[1])
    rows = {row["symbol"]: row for row in made.frame.iter_rows(named=True)}
    for symbol, state in ((st, "st"), (new, "new"), (unscored, "no_score"), (absent, "suspended")):
        assert rows[symbol]["state"] == state
        row = rows[symbol]
        if state != "suspended":
            band = row["benchmark_weight"] + BOUNDS.stock_deviation
            assert row["upper"] == pytest.approx(min(row["drifted_weight"], band), abs=1e-15)
        assert row["weight"] <= row["drifted_weight"] + 1e-10
    assert rows[absent]["weight"] == pytest.approx(rows[absent]["drifted_weight"], abs=1e-12)
    without = solve_of(made)["benchmark_without_score"]
    assert without == pytest.approx(rows[unscored]["benchmark_weight"], abs=1e-12)
    assert made.notes["benchmark_without_score"] == without


def test_members_only() -> None:
    bounds = BOUNDS.model_copy(update={"members_only": True})
    settings = SETTINGS.model_copy(update={"csi500": bounds})
    market = Market(seed=4)
    made = market.week(WEEKS[0], settings)
    assert made.frame.filter((pl.col("benchmark_weight") == 0) & (pl.col("weight") > 0)).is_empty()
    market = Market(seed=4)
    open_made = market.week(WEEKS[0])
    assert open_made.frame.filter((pl.col("benchmark_weight") == 0) & (pl.col("weight") > 0)).height > 0
    closing = market.week(WEEKS[1], settings)  # others are sold where they trade: only suspended ones are frozen
    sold = closing.frame.filter((pl.col("upper") == 0) & (pl.col("drifted_weight") > 0))
    suspended = closing.frame.filter(pl.col("state") == "suspended")["drifted_weight"].sum()
    assert sold.height > 0
    assert solve_of(closing)["frozen_weight"] == pytest.approx(suspended, abs=1e-15)


def test_constraints_without_data_are_not_applied_with_a_reason() -> None:
    market = Market(seed=5)
    market.styles = market.styles.with_columns(value=pl.lit(None, pl.Float64))
    market.securities = market.securities.with_columns(industry=pl.lit("unknown"))
    market.unavailable = {"styles": {"value": "no fundamentals"}, "securities": {"industry": "no industries"}}
    made = market.week(WEEKS[0])
    assert made.notes["constraints_not_applied"] == {"value": "no fundamentals", "industry": "no industries"}
    rows = {row["constraint"]: row for row in solve_of(made)["constraints"]}
    assert rows["value"]["forced_by"] == "no fundamentals"
    assert rows["value"]["value"] is None
    assert rows["industry"]["group"] == "n/a"


def test_the_score_of_a_model_comes_from_scores() -> None:
    market = Market(seed=6)
    settings = SETTINGS.model_copy(update={"alpha": "gru_50_1"})
    market.unavailable = {"scores": {"gru_50_1": "17 days of history are missing"}}
    waiting = market.week(WEEKS[0], settings).unavailable["weight"]
    assert str(waiting) == "no gru_50_1 score on 2023-06-09: 17 days of history are missing"
    market.scores = market.factors.with_columns(factor=pl.lit("gru_50_1"), value=-pl.col("value"))
    made = market.week(WEEKS[0], settings)
    scores = dict(made.frame.select("symbol", "score").iter_rows())
    own = market.factors.filter(pl.col("date") == CALENDAR.signal_day(WEEKS[0]))
    assert all(scores[s] == -value for s, value in own.select("symbol", "value").iter_rows() if s in scores)
    with pytest.raises(SettingsError, match="alpha = 'nothing' is no factor"):
        market.week(WEEKS[0], SETTINGS.model_copy(update={"alpha": "nothing"}))


def test_a_users_own_factor_can_be_the_alpha() -> None:
    market = Market(seed=6)
    settings = SETTINGS.model_copy(update={"alpha": "illiquidity"})
    named = market.factors.with_columns(factor=pl.lit("illiquidity"))
    ten, market.factors = market.factors, named.with_columns(value=pl.lit(None, pl.Float64))
    market.unavailable = {"factors": {"illiquidity": "no name has 10 valid days"}}
    waiting = market.week(WEEKS[0], settings).unavailable["weight"]  # known, though without a value yet
    assert str(waiting) == "no illiquidity score on 2023-06-09: no name has 10 valid days"
    market.factors = pl.concat([ten, named.with_columns(-pl.col("value"))])
    made = market.week(WEEKS[0], settings)
    own = dict(ten.filter(pl.col("date") == CALENDAR.signal_day(WEEKS[0])).select("symbol", "value").iter_rows())
    assert {symbol: -score for symbol, score in made.frame.select("symbol", "score").iter_rows()}.items() <= own.items()
    market.factors = ten
    with pytest.raises(SettingsError, match=r"alpha = 'illiquidity' is no factor; .* add a function of yours"):
        market.week(WEEKS[0], settings)


def test_the_order_of_input_rows_changes_no_byte() -> None:
    one, other = Market(seed=7), Market(seed=7)
    for name in ("prices", "securities", "indices", "styles", "factors"):
        setattr(other, name, getattr(other, name).sample(fraction=1.0, shuffle=True, seed=1))
    for week in WEEKS[:3]:
        first, second = one.week(week), other.week(week)
        assert first.frame.equals(second.frame)
        assert dict(first.files) == dict(second.files)


def test_a_failed_solve_keeps_the_holdings_and_fails_its_check() -> None:
    market = Market(seed=8)
    market.week(WEEKS[0])
    market.week(WEEKS[1])
    market.factors = market.factors.filter(pl.col("date") <= CALENDAR.signal_day(WEEKS[1]))
    narrow = BOUNDS.model_copy(update={"stock_deviation": 0.0005})
    made = market.week(WEEKS[2], SETTINGS.model_copy(update={"csi500": narrow}))
    solve = solve_of(made)
    assert solve["status"] == "failed"
    assert Reason.loads(solve["reason"]).code == HARD_CONFLICT.name
    held = made.frame
    assert (held["weight"] == held["drifted_weight"]).all()
    table = next(table for table in TABLES if table.name == "csi500_portfolio")
    assert made.profile is not None
    good = market.made[WEEKS[1]]
    assert good.profile is not None
    verdicts = judge(table.checks, {WEEKS[1]: good.profile, WEEKS[2]: made.profile}, {WEEKS[1]: {}, WEEKS[2]: {}})
    assert verdicts[WEEKS[2]]["solver_solved"].refuses
    assert not any(verdict.refuses for verdict in verdicts[WEEKS[1]].values())
    # kept: the next week trades nothing and drifts on
    market.factors = Market(seed=8).factors
    after = market.week(WEEKS[3])
    assert file(after, "executions.parquet").is_empty()
    assert file(after, "days.parquet")["cost"].sum() == 0


def test_the_score_may_be_the_mean_of_several() -> None:
    market = Market(seed=6)
    date = CALENDAR.signal_day(WEEKS[0])
    models = {"multi_granularity_5d": 0.5, "multi_granularity_10d": -1.0}
    market.scores = pl.concat(
        market.factors.with_columns(factor=pl.lit(key), value=pl.col("value") * size + size**2)
        for key, size in models.items()
    )
    lost = market.symbols[3]
    market.scores = market.scores.filter(
        (pl.col("symbol") != lost) | (pl.col("factor") != "multi_granularity_5d")
    ).sample(fraction=1.0, shuffle=True, seed=1)
    made = market.week(WEEKS[0], SETTINGS.model_copy(update={"alpha": tuple(models)}))
    own = dict(market.factors.filter(pl.col("date") == date).select("symbol", "value").iter_rows())
    scores = dict(made.frame.select("symbol", "score").iter_rows())
    assert scores.pop(lost) is None  # without one of the two there is no view
    assert len(scores) > 30
    for symbol, score in scores.items():
        assert score == pytest.approx((own[symbol] * -0.5 + 1.25) / 2, abs=1e-14)
    assert solve_of(made)["alpha"] == "multi_granularity_5d + multi_granularity_10d"
    market.unavailable = {"scores": {"gru_50_1": "17 days of history are missing"}}
    waiting = Market.week(market, WEEKS[0], SETTINGS.model_copy(update={"alpha": ("skewness", "gru_50_1")}))
    assert str(waiting.unavailable["weight"]) == (
        "no skewness, gru_50_1 score on 2023-06-09: 17 days of history are missing"
    )
    for wrong, reported in (((), "alpha"), (("skewness", "skewness"), "skewness")):
        with pytest.raises(ValueError, match=reported):
            PortfoliosSettings(alpha=wrong)


def test_a_score_that_is_not_finite_is_no_score() -> None:
    market = Market()
    odd = {"600003.SH": float("nan"), "600004.SH": float("inf"), "600005.SH": float("-inf")}
    market.factors = market.factors.with_columns(
        value=pl.coalesce(pl.col("symbol").replace_strict(odd, default=None, return_dtype=pl.Float64), "value")
    )
    for week in WEEKS[:2]:
        frame = market.week(week).frame
    reported = frame.filter(pl.col("symbol").is_in(list(odd)))
    assert reported["score"].null_count() == reported.height == 3
    assert set(reported["state"]) <= {"no_score", "suspended"}
    assert (reported["weight"] <= reported["drifted_weight"].clip(reported["lower"], None) + 1e-12).all()
