"""A stock that may not be bought is never bought, neither for its target nor with unspent cash, at any price move."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.portfolios.assets import TABLES
from assets.portfolios.problem.constraints import FREE
from assets.portfolios.week.execution import Terms, execute
from resources.gate import judge
from tests.portfolios.week.portfolio_market import CALENDAR, SETTINGS, WEEKS, Market, file, solve_of
from tests.portfolios.week.test_execution import lots_of, plain_execution, random_case, trade_day

STATES = (FREE, "st", "new", "no_score", "suspended_at_signal", "not_member")


def order_of(market: Market, week: dt.date, symbol: str) -> dict:
    return file(market.made[week], "executions.parquet").filter(pl.col("symbol") == symbol).row(0, named=True)


def fallen(state: str) -> tuple[Market, str]:
    """A market at the signal close of WEEKS[1], its largest holding in a state that forbids buys, at most at its drifted
    weight but wanted by its score; on the next trade day it falls by 8 % before its VWAP, inside its limits."""
    market = Market(seed=3)
    market.week(WEEKS[0])
    market.week(WEEKS[1])
    symbol = market.made[WEEKS[1]].frame.sort("drifted_weight", "symbol")["symbol"][-1]
    signal, trade = CALENDAR.signal_day(WEEKS[1]), CALENDAR.week_days(WEEKS[2])[0]
    own = pl.col("symbol") == symbol
    market.factors = market.factors.with_columns(value=pl.when(own).then(50.0).otherwise("value"))
    since = own & (pl.col("date") >= signal)
    if state == "st":
        market.securities = market.securities.with_columns(is_st=pl.col("is_st") | since)
    elif state == "new":
        market.securities = market.securities.with_columns(listed_days=pl.when(since).then(3).otherwise("listed_days"))
    elif state == "no_score":
        market.factors = market.factors.filter(~since)
    elif state == "suspended_at_signal":
        at = own & (pl.col("date") == signal)
        market.prices = market.prices.filter(~at)
        market.securities = market.securities.with_columns(traded=pl.col("traded") & ~at)
    elif state == "st_since":  # announced after the signal close, shown on the trade day
        market.securities = market.securities.with_columns(is_st=pl.col("is_st") | own & (pl.col("date") >= trade))
    market.prices = market.prices.filter(~(own & (pl.col("date") == trade)))
    bar = {"pre_close": 10.0, "low": 9.1, "vwap": 9.2, "close": 9.3, "high": 9.6, "volume": 1000}
    row = pl.DataFrame([{"date": trade, "symbol": symbol, **bar, "limit_up": 11.0, "limit_down": 9.0}])
    market.prices = pl.concat([market.prices, row.select(market.prices.columns)], how="vertical_relaxed")
    at = own & (pl.col("date") == trade)
    market.securities = market.securities.with_columns(
        limit_up=pl.when(at).then(11.0).otherwise("limit_up"),
        limit_down=pl.when(at).then(9.0).otherwise("limit_down"),
        traded=pl.col("traded") | at,
    )
    market.week(WEEKS[1])
    return market, symbol


@pytest.mark.parametrize("state", ["st", "new", "no_score", "suspended_at_signal", "st_since"])
def test_a_fallen_holding_that_may_not_be_bought_is_not_brought_back_to_its_target(state: str) -> None:
    market, symbol = fallen(state)
    target = market.made[WEEKS[1]].frame.filter(pl.col("symbol") == symbol).row(0, named=True)
    assert target["state"] == {"suspended_at_signal": "suspended", "st_since": FREE}.get(state, state)
    made = market.week(WEEKS[2])
    if state == "no_score":  # μ is 0, so whether it is kept whole is the solver's choice
        orders = file(made, "executions.parquet").filter(pl.col("symbol") == symbol)
        assert (orders["filled"] <= 0).all()
        return
    order = order_of(market, WEEKS[2], symbol)
    assert order["order"] > 0  # the drifted weight at VWAP is below the target
    assert order["filled"] == order["topped_up"] == 0.0
    assert order["blocked"] == "not_buyable"
    assert order["state"] == state.removesuffix("_since")
    assert solve_of(made)["not_buyable_bought"] == 0.0
    assert solve_of(made)["cash"] >= 0.0


def test_without_a_state_the_same_holding_is_topped_up() -> None:
    market, symbol = fallen("none")
    market.week(WEEKS[2])
    order = order_of(market, WEEKS[2], symbol)
    assert order["state"] == FREE
    assert order["filled"] > 0
    assert order["blocked"] == ""


def test_a_name_whose_listing_day_is_unknown_is_not_bought() -> None:
    """At the signal close it has the state new; if only the trade day's is unknown, its order is blocked there."""
    for since, state in ((CALENDAR.first, "new"), (CALENDAR.week_days(WEEKS[1])[0], FREE)):
        market = Market(seed=3)
        own = pl.col("symbol") == market.symbols[5]
        unknown = pl.when(~own | (pl.col("date") < since)).then("listed_days")
        market.securities = market.securities.with_columns(listed_days=unknown)
        market.factors = market.factors.with_columns(value=pl.when(own).then(9.0).otherwise("value"))
        signal = market.week(WEEKS[0]).frame.filter(own).row(0, named=True)
        assert signal["state"] == state
        assert (signal["weight"] > 0) == (state == FREE)
        after = market.week(WEEKS[1])
        assert after.frame.filter(own)["drifted_weight"].to_list() == [0.0]
        if state == FREE:
            order = order_of(market, WEEKS[1], market.symbols[5])
            assert (order["state"], order["blocked"], order["filled"]) == ("new", "not_buyable", 0.0)


def test_the_gate_refuses_a_week_with_a_forbidden_purchase() -> None:
    market, _ = fallen("st")
    made = market.week(WEEKS[2])
    table = next(table for table in TABLES if table.name == "csi500_portfolio")
    assert made.profile is not None
    assert not judge(table.checks, {WEEKS[2]: made.profile}, {WEEKS[2]: {}})[WEEKS[2]][
        "nothing_forbidden_bought"
    ].refuses
    wrong = made.profile.with_columns(not_buyable_bought=pl.lit(0.001))
    assert judge(table.checks, {WEEKS[2]: wrong}, {WEEKS[2]: {}})[WEEKS[2]]["nothing_forbidden_bought"].refuses


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 10**9), lots=st.booleans(), participation=st.sampled_from([None, 0.3]))
def test_no_name_whose_state_forbids_it_is_bought_and_money_is_conserved(
    seed: int, lots: bool, participation: float | None
) -> None:
    rng = np.random.default_rng(seed)
    holding, cash, target, upper, traded, up, down = random_case(rng)
    n, nav = len(holding), holding.sum() + cash
    state = rng.choice(STATES, n, p=[0.5, 0.1, 0.1, 0.1, 0.1, 0.1])
    day = trade_day(traded, up, down, vwap=rng.uniform(5, 50), volume=rng.exponential(size=n) * 1e5)
    star = rng.random(n) < 0.3
    terms = Terms(0.001, 0.002, participation=participation, lots=lots_of(star) if lots else None, money=1.0)
    done = execute(holding, cash, target, upper, day, terms, state)
    forbidden = state != FREE
    assert (done.filled[forbidden] <= 0).all()
    assert (done.topped_up[forbidden] == 0).all()
    assert (done.blocked[forbidden & traded & (done.order > 0)] == "not_buyable").all()
    assert (forbidden & (done.order > 0))[done.blocked == "not_buyable"].all()
    assert done.cash_after >= 0
    after = done.holding + done.filled
    assert after.sum() + done.cash_after + done.cost == pytest.approx(1.0, abs=1e-10)
    if not lots and participation is None:
        # the only difference from a day on which the price limit blocks these stocks
        fills, account, _ = plain_execution(holding, cash, target, upper, traded, up | forbidden, down, 0.0)
        free = execute(holding, cash, target, upper, day, Terms.flat(0.0), state)
        assert free.filled * nav == pytest.approx(np.array(fills), abs=1e-9 * nav)
        assert free.cash_after * nav == pytest.approx(account, abs=1e-9 * nav)


def test_no_week_with_changing_states_has_a_forbidden_purchase() -> None:
    """Six weeks in which stocks become ST, are new, lose their score and are suspended, drawn anew for each day."""
    seen: set[str] = set()
    for seed in range(3):
        rng, market = np.random.default_rng(seed), Market(seed=seed)
        size = market.securities.height
        market.securities = market.securities.with_columns(
            is_st=pl.Series(rng.random(size) < 0.1),
            listed_days=pl.Series(np.where(rng.random(size) < 0.1, 50, 500)),
        )
        market.factors = market.factors.filter(pl.Series(rng.random(market.factors.height) < 0.9))
        states: dict[str, str] = {}
        for week in WEEKS:
            made = market.week(week)
            trade = CALENDAR.week_days(week)[0]
            shown = {row["symbol"]: row for row in market.securities.filter(date=trade).iter_rows(named=True)}
            for row in file(made, "executions.parquet").iter_rows(named=True):
                today = shown[row["symbol"]]
                own_state = states[row["symbol"]]
                expected = {"tradable": "", "suspended": "suspended_at_signal"}.get(own_state, own_state)
                if not expected:
                    expected = "st" if today["is_st"] else "new" if today["listed_days"] < 120 else FREE
                assert row["state"] == expected
                if expected != FREE:
                    assert row["filled"] <= 0
                    seen.add(expected if row["blocked"] == "not_buyable" else "")
            states = dict(made.frame.select("symbol", "state").iter_rows())
    assert seen >= {"st", "new", "suspended_at_signal"}
    assert SETTINGS.min_listed_days == 120
