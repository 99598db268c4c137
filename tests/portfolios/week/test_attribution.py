"""The parts of a week's excess add up, equal a plain computation, and each one equals its definition."""

import dataclasses
import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.factors.styles import STYLES
from assets.portfolios.assets import TABLES
from assets.portfolios.reasons import NOTHING_HELD, TOO_FEW_TO_REGRESS
from assets.portfolios.schemas import COMPONENTS, PORTFOLIO, PORTFOLIO_RETURNS
from assets.portfolios.week.attribution import (
    FROM_VWAP,
    TO_VWAP,
    HeldWeek,
    NameTraits,
    attribute,
    classify_shortfall,
    explain_returns,
)
from assets.portfolios.week.make_attribution import make_attribution
from assets.portfolios.windows import previous_signal_day, two_weeks
from resources.gate import judge
from resources.made import Made
from resources.reasons import as_reason
from resources.settings.portfolios import PortfoliosSettings
from tests.making import run_make
from tests.portfolios.week.portfolio_market import BOUNDS, CALENDAR, SETTINGS, WEEKS, Market, file
from tests.reasons import to_reasons

EXACT = 1e-12
ENOUGH = 2.0


# --- random weeks, computed in money --------------------------------------------------------------------------------


def random_week(seed: int, n: int = 60, *, cash: float = 0.01, cost: float = 0.002) -> tuple[HeldWeek, NameTraits]:
    """A week of n stocks whose wealth is computed by stock and day in plain Python."""
    rng = np.random.default_rng(seed)
    industry = rng.integers(0, 4, n).astype(str)
    styles = {style: rng.normal(size=n) for style in ("size", "value", "reversal")}
    names = NameTraits(
        np.array([f"{k:06d}.SZ" for k in range(n)]), industry, styles, rng.uniform(0, 3, n).clip(0.5) - 0.5
    )

    def weights() -> np.ndarray:
        drawn = rng.dirichlet(np.ones(n)) * (rng.random(n) < 0.5)
        drawn[rng.integers(n)] += 0.1
        return drawn / drawn.sum()

    holding, benchmark, target = weights() * (1 - cash), weights(), weights()
    growth = (drift := 1 + rng.normal(0, 0.04, (2, n)) * (rng.random((2, n)) < 0.9))[0], drift[1]
    lost_at, lost_later = (0.5 * holding * (rng.random(n) < 0.05) for _ in range(2))
    # money: the value of each stock, then cash
    worth = [holding[k] * growth[0][k] - lost_at[k] for k in range(n)]
    purse = cash
    nav = sum(worth) + purse
    blocked = np.where((rng.random(n) < 0.2) & (target * nav != worth), "suspended", "")
    after, spent = [], 0.0
    for k in range(n):
        goal = worth[k] if blocked[k] else 0.99 * target[k] * nav
        spent += goal - worth[k]
        after.append(goal)
    paid = cost * nav
    purse = purse - spent - paid
    wealth = purse + sum(after[k] * growth[1][k] for k in range(n)) - float(lost_later.sum())
    held = np.array(after) / nav
    return (
        HeldWeek(
            holding=holding,
            benchmark=benchmark,
            cash=cash,
            target=target,
            after=held,
            shortfall=classify_shortfall(held - target, np.zeros(n), blocked),
            growth=growth,
            observed=(rng.random(n) < 0.9, rng.random(n) < 0.95),
            lost=(lost_at, lost_later),
            cost=cost,
            net=wealth,
            index=1 + rng.normal(0, 0.03),
        ),
        names,
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 7, 60, 300]), st.floats(0, 1), st.floats(0, 0.01))
def test_the_parts_of_any_week_add_up(seed: int, n: int, cash: float, cost: float) -> None:
    week, names = random_week(seed, n, cash=cash, cost=cost)
    found = attribute(week, names, names_per_factor=ENOUGH)
    assert abs(found.gap) < EXACT
    assert abs(sum(found.components().values()) - (week.net / week.index - 1)) < EXACT
    assert found.names["selection"].sum() == pytest.approx(found.components()["selection"], abs=EXACT)
    assert found.names["unfilled"].sum() == pytest.approx(found.components()["unfilled"], abs=EXACT)
    assert found.names["delisting"].sum() == pytest.approx(found.components()["delisting"], abs=EXACT)
    for piece in found.pieces:  # a bet is its size times what it earned, in the leg's money
        if piece.factor_return is not None and piece.exposure:
            scale = piece.value / (piece.exposure * piece.factor_return) if piece.factor_return else None
            assert scale is None or piece.component == "cash" or 0.5 < scale < 2


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_names_changes_nothing(seed: int) -> None:
    week, names = random_week(seed)
    mixed = np.random.default_rng(seed).permutation(len(names.symbols))

    def turn(value: np.ndarray) -> np.ndarray:
        return value[mixed]

    other_names = NameTraits(
        turn(names.symbols),
        turn(names.industry),
        {style: turn(z) for style, z in names.styles.items()},
        turn(names.weights),
    )
    assert week.target is not None
    other = dataclasses.replace(
        week,
        holding=turn(week.holding),
        benchmark=turn(week.benchmark),
        target=turn(week.target),
        after=turn(week.after),
        shortfall={reason: turn(part) for reason, part in week.shortfall.items()},
        growth=(turn(week.growth[0]), turn(week.growth[1])),
        observed=(turn(week.observed[0]), turn(week.observed[1])),
        lost=(turn(week.lost[0]), turn(week.lost[1])),
    )
    one, two = (attribute(w, n, names_per_factor=ENOUGH).totals() for w, n in ((week, names), (other, other_names)))
    assert one.keys() == two.keys()
    assert max(abs(one[key] - two[key]) for key in one) < 1e-13


# --- each part equals its definition --------------------------------------------------------------------------------


def perfect(week: HeldWeek) -> HeldWeek:
    """The same week, held and filled exactly as the benchmark, without cash, cost or losses."""
    growth, after = week.growth
    at_vwap = week.benchmark * growth / (week.benchmark @ growth)
    total = float(week.benchmark @ (growth * after))
    zero = np.zeros_like(growth)
    return dataclasses.replace(
        week, holding=week.benchmark, cash=0.0, target=at_vwap, after=at_vwap, shortfall={}, lost=(zero, zero), cost=0.0,
        net=total, index=total,
    )  # fmt: skip


def test_a_portfolio_equal_to_the_benchmark_has_only_zero_parts() -> None:
    week, names = random_week(3)
    found = attribute(perfect(week), names, names_per_factor=ENOUGH)
    assert max(abs(value) for value in found.components().values()) < 1e-15
    dividends = attribute(
        dataclasses.replace(perfect(week), index=perfect(week).index / 1.002), names, names_per_factor=ENOUGH
    ).components()
    assert dividends["benchmark_basis"] == pytest.approx(0.002, abs=1e-15)
    assert sum(abs(value) for name, value in dividends.items() if name != "benchmark_basis") < 1e-15


def test_selection_is_zero_where_factors_explain_all_returns() -> None:
    week, names = random_week(5)
    of_industry = {"0": 0.01, "1": -0.02, "2": 0.0, "3": 0.03}
    of_style = {"size": -0.011, "value": 0.004, "reversal": 0.02}
    returns = np.array([of_industry[one] for one in names.industry])
    for style, earned in of_style.items():
        returns = returns + earned * names.styles[style]
    found = explain_returns(returns, np.full(60, True), week.benchmark, names, names_per_factor=ENOUGH)
    assert np.abs(found.residual).max() < 1e-14
    assert found.r2 == pytest.approx(1.0)
    for style, earned in of_style.items():
        assert found.style[style] == pytest.approx(earned, abs=1e-14)
    assert of_industry["3"] - of_industry["1"] == pytest.approx(found.industry["3"] - found.industry["1"], abs=1e-14)
    bets = sum(week.benchmark[names.industry == one].sum() * over for one, over in found.industry.items())
    assert bets == pytest.approx(0, abs=1e-15)


def test_the_attribution_equals_an_example_by_hand() -> None:
    """Two industries of two stocks each, no styles, equal sizes, so that the means are easily computed by hand."""
    names = NameTraits(np.array(["A", "B", "C", "D"]), np.array(["x", "x", "y", "y"]), {}, np.ones(4))
    half = np.array([0.5, 0.0, 0.5, 0.0])
    second = np.array([1.04, 1.00, 0.99, 0.97])  # x earns 2 %, y −2 %; the benchmark holds all alike: 0 %
    week = HeldWeek(
        holding=np.zeros(4),
        benchmark=np.full(4, 0.25),
        cash=1.0,
        target=half,
        after=np.array([0.5, 0.0, 0.4, 0.0]),  # C was locked: a tenth stays cash
        shortfall={"limit_up": np.array([0.0, 0.0, -0.1, 0.0])},
        growth=(np.full(4, 1.01), second),
        observed=(np.full(4, True), np.full(4, True)),
        lost=(np.zeros(4), np.zeros(4)),
        cost=0.0,
        net=0.5 * 1.04 + 0.4 * 0.99 + 0.1,
        index=1.01,
    )
    found = attribute(week, names, names_per_factor=1.0)
    parts = found.components()
    assert parts["cash"] == pytest.approx(-0.01 / 1.01)  # the market rose by 1 % before the trade
    assert parts["industry"] == pytest.approx(0, abs=1e-15)  # the target is neutral
    assert parts["selection"] == pytest.approx((0.25 * 0.02 - 0.25 * -0.02 + 0.25 * 0.01 - 0.25 * -0.01) / 1.01)
    assert parts["unfilled"] == pytest.approx(0.1 * 0.01 / 1.01)  # C fell: what was not bought was not lost
    assert parts["benchmark_basis"] == pytest.approx(0, abs=1e-15)
    assert found.totals()["selection", "x"] == pytest.approx(0.01 / 1.01)
    assert abs(found.gap) < 1e-15


def test_too_few_stocks_are_not_regressed_and_have_a_reason() -> None:
    week, names = random_week(8, n=10)
    found = attribute(week, names, names_per_factor=ENOUGH)
    assert {piece.component for piece in found.pieces}.isdisjoint({"style", "industry"})
    assert all(leg.absent == TOO_FEW_TO_REGRESS(names=leg.names, columns=7) for leg in found.legs.values())
    assert abs(found.gap) < EXACT


def test_a_stock_without_market_value_has_a_residual_but_no_regression_weight() -> None:
    week, names = random_week(8)
    names = dataclasses.replace(names, weights=np.where(np.arange(60) == 7, 0.0, 1.0 + names.weights))
    returns, everyone = week.growth[0] - 1.0, np.ones(60, dtype=bool)
    other = np.where(np.arange(60) == 7, returns + 5.0, returns)
    one, two = (explain_returns(r, everyone, week.benchmark, names, names_per_factor=ENOUGH) for r in (returns, other))
    assert not one.absent
    assert one.names == 59
    assert (two.market, two.style) == (one.market, one.style)
    assert two.residual[7] - one.residual[7] == pytest.approx(5.0, abs=EXACT)


def test_a_shortfall_is_split_by_reason() -> None:
    found = classify_shortfall(
        difference=np.array([-0.02, 0.01, -0.001, 0.003, -0.01, 1e-17]),
        topped_up=np.array([0.0, 0.0, 0.0, 0.003, 0.002, 0.0]),
        reasons=np.array(["limit_up", "limit_down", "", "", "participation", ""]),
    )
    assert {reason: part.sum().round(6) for reason, part in found.items()} == {
        "limit_up": -0.02, "limit_down": 0.01, "cash": -0.001, "topped_up": 0.005, "participation": -0.012,
    }  # fmt: skip


# --- stored weeks against a plain computation -----------------------------------------------------------------------


class Explained(Market):
    """A market whose weeks have an attribution."""

    def explain(self, week: dt.date, settings: PortfoliosSettings = SETTINGS) -> Made:
        last = week - dt.timedelta(weeks=1)
        days = CALENDAR.week_days(week)
        returns = self.returns(week).frame
        known = [self.made[one].frame for one in (last, week) if one in self.made]
        return run_make(
            make_attribution,
            csi500_portfolio=pl.concat(known),
            csi1000_portfolio=pl.DataFrame(schema=PORTFOLIO),
            portfolio_returns=returns.select(pl.col(c).cast(t) for c, t in PORTFOLIO_RETURNS.items()),
            styles=self.styles.filter(pl.col("date") == last + dt.timedelta(days=4)),
            daily_prices=self.prices.filter(pl.col("date").is_in(days)),
            securities=self.securities.filter(pl.col("date").is_in(days)),
            week=week,
            date=days[-1],
            calendar=CALENDAR,
            files=lambda table, partition, name: self.made[partition].files[name],
            unavailable=to_reasons({"portfolio_returns": {"csi1000": "no weights"}, **self.unavailable}),
            settings=settings,
        )


def plain_account(market: Explained, week: dt.date, recovery: float) -> dict[str, float]:
    """The components of the stored week by loops over stocks and days, with an intercept and a constrained regression."""
    last, days = CALENDAR.offset_week(week, -1), CALENDAR.week_days(week)
    before = {row["symbol"]: row for row in market.made[last].frame.iter_rows(named=True)}
    solve = file(market.made[last], "solve.parquet").row(0, named=True)
    orders = {row["symbol"]: row for row in file(market.made[week], "executions.parquet").iter_rows(named=True)}
    recorded = file(market.made[week], "days.parquet")
    prices = {(row["date"], row["symbol"]): row for row in market.prices.iter_rows(named=True)}
    listed = set(market.securities.select("date", "symbol").iter_rows())
    z = {r["symbol"]: r for r in market.styles.filter(date=CALENDAR.signal_day(last)).iter_rows(named=True)}
    styles = [s for s in STYLES if any(row[s] is not None for row in z.values())]
    symbols = sorted(set(before) | set(z))

    first, second, seen1, seen2 = {}, {}, set(), set()
    gone_on: dict[str, int] = {}
    for s in symbols:
        first[s] = second[s] = 1.0
        for k, day in enumerate(days):
            if (day, s) not in listed:
                gone_on.setdefault(s, k)
            row = prices.get((day, s))
            if row is None:
                continue
            seen2.add(s)
            if k == 0:
                seen1.add(s)
            if s in gone_on:
                continue
            if k == 0:
                first[s] *= row["vwap"] / row["pre_close"]
                second[s] *= row["close"] / row["vwap"]
            else:
                second[s] *= row["close"] / row["pre_close"]

    money = {s: before[s]["drifted_weight"] if s in before else 0.0 for s in symbols}
    held_at_start = dict(money)
    purse, lost1, lost2 = solve["cash"], 0.0, 0.0
    for s in symbols:
        if gone_on.get(s) == 0 and money[s] > 0:
            purse += recovery * money[s]
            lost1 += (1 - recovery) * money[s]
            money[s] = 0.0
        money[s] *= first[s]
    nav = sum(money.values()) + purse
    target = {s: (before[s]["weight"] if s in before else 0.0) for s in symbols}
    if solve["status"] == "failed":
        target = {s: money[s] / nav for s in symbols}
    unfilled = 0.0
    for s in symbols:
        money[s] += nav * orders[s]["filled"] if s in orders else 0.0
        unfilled += (money[s] - nav * target[s]) * (second[s] - 1)
        if gone_on.get(s, 0) > 0:
            lost2 += (1 - recovery) * money[s] * second[s]
    bench = {s: (before[s]["benchmark_weight"] if s in before else 0.0) for s in symbols}
    basket1 = sum(bench[s] * first[s] for s in symbols)
    bench2 = {s: bench[s] * first[s] / basket1 for s in symbols}
    basket2 = sum(bench2[s] * second[s] for s in symbols)
    index = float(np.prod(1 + market.returns(week).frame["benchmark"].to_numpy()))

    industry = {s: (before[s]["industry"] if s in before else z[s]["industry"]) for s in symbols}
    parts = dict.fromkeys(COMPONENTS, 0.0)
    for growth, seen, own, other, scale in (
        (first, seen1, held_at_start, bench, basket2 / index),
        (second, seen2, target, bench2, nav / index),
    ):
        used = [s for s in symbols if s in seen and s in z and z[s]["in_universe"]]
        groups = sorted({industry[s] for s in used})
        share = [sum(other[s] for s in symbols if industry[s] == g) for g in groups]
        # r = market + industry + styles, Σ share · industry = 0: the normal equations with a multiplier
        x = np.array([[1.0, *(float(industry[s] == g) for g in groups), *(z[s][k] for k in styles)] for s in used])
        y = np.array([growth[s] - 1 for s in used])
        w = np.array([z[s]["total_mv"] ** 0.5 for s in used])
        k = x.shape[1]
        system = np.zeros((k + 1, k + 1))
        system[:k, :k] = x.T @ (x * w[:, None]) / w.sum()
        system[k, 1 : 1 + len(groups)] = system[1 : 1 + len(groups), k] = share
        solved = np.linalg.solve(system, np.array([*(x.T @ (w * y) / w.sum()), 0.0]))
        for s in symbols:
            bet = own[s] - other[s]
            of_industry = solved[1 + groups.index(industry[s])] if industry[s] in groups else 0.0
            of_styles = sum(solved[1 + len(groups) + n] * (z[s][k] if s in z else 0.0) for n, k in enumerate(styles))
            parts["cash"] += bet * solved[0] * scale
            parts["industry"] += bet * of_industry * scale
            parts["style"] += bet * of_styles * scale
            parts["selection"] += bet * (growth[s] - 1 - solved[0] - of_industry - of_styles) * scale
    parts["unfilled"] = unfilled / index
    parts["cost"] = -nav * float(recorded["cost"].sum()) / index
    parts["delisting"] = -(lost1 * basket2 + lost2) / index
    parts["benchmark_basis"] = basket1 * basket2 / index - 1
    return parts


def components_of(made: Made) -> dict[str, float]:
    assert isinstance(made.frame, pl.DataFrame)
    sums = dict(made.frame.group_by("component").agg(pl.col("value").sum()).iter_rows())
    return {component: sums.get(component, 0.0) for component in COMPONENTS}


def excess_of(market: Market, week: dt.date) -> float:
    days = market.returns(week).frame
    return float(np.prod(1 + days["net"].to_numpy()) / np.prod(1 + days["benchmark"].to_numpy()) - 1)


@pytest.mark.parametrize("seed", range(4))
def test_stored_weeks_equal_a_plain_computation(seed: int) -> None:
    market = Explained(seed=seed)
    gone = market.symbols[seed], market.symbols[seed + 7]
    out = (CALENDAR.week_days(WEEKS[2])[0], CALENDAR.week_days(WEEKS[2])[2])
    for symbol, day in zip(gone, out, strict=True):
        for name in ("prices", "securities"):
            frame = getattr(market, name)
            setattr(market, name, frame.filter((pl.col("symbol") != symbol) | (pl.col("date") < day)))
    own = SETTINGS.model_copy(update={"delisting_recovery": 0.4})
    for week in WEEKS[:4]:
        market.week(week, own)
        if week == WEEKS[0]:
            continue
        made = market.explain(week, own)
        found, plain = components_of(made), plain_account(market, week, 0.4)
        for component in COMPONENTS:
            assert found[component] == pytest.approx(plain[component], abs=EXACT), component
        assert sum(found.values()) == pytest.approx(excess_of(market, week), abs=EXACT)
        assert made.notes["csi500"]["excess"] == pytest.approx(excess_of(market, week), abs=1e-15)
        assert abs(made.notes["csi500"]["gap"]) < EXACT
        assert found["cost"] < 0
    assert found["selection"] != 0


@pytest.mark.parametrize(
    ("option", "reason"),
    [({"participation": 1e-7}, "participation"), ({"lots": True}, "lots"), ({"dated_fees": True}, "")],
)
def test_options_of_execution_have_their_own_reason(option: dict[str, object], reason: str) -> None:
    own = SETTINGS.model_copy(update={"execution": SETTINGS.execution.model_copy(update=option)})
    market = Explained(seed=1)
    for week in WEEKS[:3]:
        market.week(week, own)
    made = market.explain(WEEKS[2], own)
    found, plain = components_of(made), plain_account(market, WEEKS[2], 1.0)
    assert max(abs(found[component] - plain[component]) for component in COMPONENTS) < EXACT
    assert sum(found.values()) == pytest.approx(excess_of(market, WEEKS[2]), abs=EXACT)
    if reason:
        assert made.frame.filter(pl.col("component") == "unfilled", pl.col("item") == reason).height == 1


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_weeks_of_random_markets_add_up(seed: int, without_index: bool, without_value: bool) -> None:
    market = Explained(seed=seed)
    if without_index:
        market.indices = market.indices.with_columns(index_close=pl.lit(None, pl.Float64))
    if without_value:
        market.styles = market.styles.with_columns(value=pl.lit(None, pl.Float64))
    for week in WEEKS[:3]:
        market.week(week)
    for week in WEEKS[1:3]:
        found = components_of(market.explain(week))
        assert sum(found.values()) == pytest.approx(excess_of(market, week), abs=EXACT)
        if without_index:
            assert found["benchmark_basis"] == pytest.approx(0, abs=1e-14)


def test_the_first_week_earns_on_cash_until_the_trade() -> None:
    market = Explained(seed=2)
    market.week(WEEKS[0])
    nothing = market.explain(WEEKS[0])
    assert nothing.frame.is_empty()
    assert nothing.unavailable["csi500"] == NOTHING_HELD()
    assert nothing.unavailable["csi1000"] == as_reason("no weights")
    market.week(WEEKS[1])
    made = market.explain(WEEKS[1])
    legs = file(made, "legs.parquet")
    cash = legs.filter((pl.col("component") == "cash") & (pl.col("leg") == TO_VWAP)).row(0, named=True)
    assert cash["exposure"] == pytest.approx(1.0, abs=EXACT)
    assert made.notes["csi500"]["cash"] == pytest.approx(cash["value"], abs=1e-8)
    total = legs["value"].sum()
    assert total == pytest.approx(excess_of(market, WEEKS[1]), abs=EXACT)
    assert set(legs["leg"]) == {TO_VWAP, FROM_VWAP}
    names = file(made, "names.parquet")
    assert names["selection"].sum() == pytest.approx(made.notes["csi500"]["selection"], abs=EXACT)


def test_styles_and_industries_without_data_are_na_with_their_reason() -> None:
    market = Explained(seed=5)
    market.styles = market.styles.with_columns(value=pl.lit(None, pl.Float64), industry=pl.lit("unknown"))
    market.securities = market.securities.with_columns(industry=pl.lit("unknown"))
    market.unavailable = {"styles": {"value": "no fundamentals", "industry": "no industries"}}
    for week in WEEKS[:2]:
        market.week(week)
    made = market.explain(WEEKS[1])
    assert isinstance(made.frame, pl.DataFrame)
    recorded = {
        (row["component"], row["item"]): row["reason"]
        for row in made.frame.filter(pl.col("value").is_null()).iter_rows(named=True)
    }
    assert recorded == {("style", "value"): "no fundamentals", ("industry", "all"): "no industries"}
    assert sum(components_of(made).values()) == pytest.approx(excess_of(market, WEEKS[1]), abs=EXACT)


def test_a_failed_week_trades_nothing_and_still_adds_up() -> None:
    market = Explained(seed=8)
    for week in WEEKS[:2]:
        market.week(week)
    market.factors = market.factors.filter(pl.col("date") <= CALENDAR.signal_day(WEEKS[1]))
    narrow = SETTINGS.model_copy(update={"csi500": BOUNDS.model_copy(update={"stock_deviation": 0.0005})})
    market.week(WEEKS[2], narrow)
    market.factors = Market(seed=8).factors
    market.week(WEEKS[3])
    found = components_of(market.explain(WEEKS[3]))
    assert found["cost"] == found["unfilled"] == 0
    assert sum(found.values()) == pytest.approx(excess_of(market, WEEKS[3]), abs=EXACT)


def test_later_rows_and_the_order_of_rows_have_no_effect() -> None:
    one, other = Explained(seed=7), Explained(seed=7)
    later = pl.col("date") > CALENDAR.signal_day(WEEKS[2])
    for name in ("prices", "securities", "indices", "styles", "factors"):
        frame = getattr(other, name).filter(~later)
        setattr(other, name, frame.sample(fraction=1.0, shuffle=True, seed=3))
    for week in WEEKS[:3]:
        one.week(week)
        other.week(week)
    first, second = one.explain(WEEKS[2]), other.explain(WEEKS[2])
    assert first.frame.equals(second.frame)
    assert dict(first.files) == dict(second.files)


def test_the_gate_refuses_parts_that_do_not_add_up() -> None:
    market = Explained(seed=3)
    for week in WEEKS[:2]:
        market.week(week)
    table = next(table for table in TABLES if table.name == "attribution")
    good = market.explain(WEEKS[1])
    returns = market.returns
    wrong = returns(WEEKS[1])
    assert isinstance(wrong.frame, pl.DataFrame)
    wrong = dataclasses.replace(wrong, frame=wrong.frame.with_columns(net=pl.col("net") + 1e-9))
    market.returns = lambda week: wrong  # type: ignore[method-assign]
    bad = market.explain(WEEKS[1])
    assert good.profile is not None
    assert bad.profile is not None
    for made, passes in ((good, True), (bad, False)):
        verdicts = judge(table.checks, {WEEKS[1]: made.profile}, {WEEKS[1]: {}})[WEEKS[1]]
        assert verdicts["adds_up_to_the_excess"].passed is passes
        assert verdicts["item_unique"].passed


def test_the_declared_partitions_are_read() -> None:
    assert two_weeks.keys(CALENDAR, WEEKS[2], SETTINGS, CALENDAR.first) == WEEKS[1:3]
    assert two_weeks.keys(CALENDAR, WEEKS[0], SETTINGS, CALENDAR.first) == [WEEKS[0]]
    assert previous_signal_day.keys(CALENDAR, WEEKS[2], SETTINGS, CALENDAR.first) == [CALENDAR.signal_day(WEEKS[1])]
    started = SETTINGS.model_copy(update={"start": WEEKS[2]})
    assert previous_signal_day.keys(CALENDAR, WEEKS[2], started, CALENDAR.first) == []
