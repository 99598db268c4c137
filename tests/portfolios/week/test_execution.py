"""Execution against an independent ledger of money, and against the properties of every fill."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.portfolios.week.execution import Terms, execute, executions_frame, hold
from assets.portfolios.week.market import MarketDay

COST = 0.0015
DAY = dt.date(2023, 7, 10)


def trade_day(traded, up, down, *, listed=None, vwap=10.0, volume=np.inf) -> MarketDay:
    """A day on which prices do not move."""
    n = len(traded)
    ones, volume = np.ones(n), np.full(n, volume)
    listed = np.full(n, True) if listed is None else listed
    return MarketDay(DAY, ones, ones, ones, np.full(n, vwap), listed, traded, up, down, volume, volume)


def plain_execution(holding, cash, target, upper, traded, up, down, cost):
    """The trades by stock in yuan, with a cash account: sells, then buys, then the remaining cash."""
    n, nav = len(holding), sum(holding) + cash
    account, fills, paid = cash, [0.0] * n, 0.0
    for i in range(n):
        amount = target[i] * nav - holding[i]
        if amount < -1e-15 * nav and traded[i] and not down[i]:
            fills[i] = amount
            account += -amount * (1 - cost)
            paid += -amount * cost
    wanted = {
        i: target[i] * nav - holding[i]
        for i in range(n)
        if target[i] * nav - holding[i] > 1e-15 * nav and traded[i] and not up[i]
    }
    needed = sum(wanted.values()) * (1 + cost)
    factor = min(1.0, account / needed) if wanted else 1.0
    for i, amount in wanted.items():
        fills[i] = amount * factor
        account -= amount * factor * (1 + cost)
        paid += amount * factor * cost
    if factor == 1.0:
        open_names = dict(wanted)
        while open_names and account > 1e-14 * nav:
            spend = account / (1 + cost)
            total = sum(open_names.values())
            offers = {i: spend * share / total for i, share in open_names.items()}
            capped = {i: upper[i] * nav - holding[i] - fills[i] for i in open_names}
            full = [i for i in open_names if offers[i] >= capped[i]]
            for i in full or list(open_names):
                step = max(0.0, capped[i]) if full else offers[i]
                fills[i] += step
                account -= step * (1 + cost)
                paid += step * cost
                open_names.pop(i)
    return fills, account, paid


def random_case(rng: np.random.Generator, n: int = 12):
    holding = rng.exponential(size=n) * (rng.random(n) < 0.7) * 1e6
    cash = float(rng.exponential() * 1e6 * (rng.random() < 0.5))
    if holding.sum() + cash == 0:
        cash = 1e6
    target = rng.dirichlet(np.ones(n)) * (rng.random(n) < 0.8)
    target = target / target.sum() if target.sum() > 0 else target
    upper = target + rng.choice([0.0, 0.005, 0.05], n)
    return holding, cash, target, upper, rng.random(n) < 0.8, rng.random(n) < 0.15, rng.random(n) < 0.15


@pytest.mark.parametrize("seed", range(200))
def test_fills_equal_a_plain_ledger(seed: int) -> None:
    holding, cash, target, upper, traded, up, down = random_case(np.random.default_rng(seed))
    nav = holding.sum() + cash
    done = execute(holding, cash, target, upper, trade_day(traded, up, down), Terms.flat(COST))
    fills, account, paid = plain_execution(holding, cash, target, upper, traded, up, down, COST)
    assert done.filled * nav == pytest.approx(np.array(fills), abs=1e-10 * nav)
    assert done.cash_after * nav == pytest.approx(account, abs=1e-10 * nav)
    assert done.cost * nav == pytest.approx(paid, abs=1e-10 * nav)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10**9), cost=st.sampled_from([0.0, 0.0015, 0.01]))
def test_money_is_conserved_and_rules_are_kept(seed: int, cost: float) -> None:
    holding, cash, target, upper, traded, up, down = random_case(np.random.default_rng(seed))
    nav = holding.sum() + cash
    done = execute(holding, cash, target, upper, trade_day(traded, up, down), Terms.flat(cost))
    after = done.holding + done.filled
    assert after.sum() + done.cash_after + done.cost == pytest.approx(1.0, abs=1e-10)
    assert done.cost == pytest.approx(cost * np.abs(done.filled).sum(), abs=1e-15)
    assert done.cash_after >= 0
    assert after.min() >= -1e-15
    assert (done.filled[~traded] == 0).all()
    assert (done.filled[up] <= 0).all()
    assert (done.filled[down] >= 0).all()
    assert (np.sign(done.filled) * np.sign(done.order) >= 0).all()
    assert (after[done.filled > 0] <= np.maximum(upper, holding / nav)[done.filled > 0] + 1e-12).all()
    if done.scale < 1:
        assert done.cash_after == pytest.approx(0.0, abs=1e-12)
        assert (done.topped_up == 0).all()
    moved = np.abs(done.filled).sum() + abs(done.cash_after - done.cash_before)
    assert done.turnover == pytest.approx(0.5 * moved, abs=1e-15)


def flags(n: int, value: bool) -> np.ndarray:
    return np.full(n, value)


def test_the_first_build_invests_all_cash_less_cost() -> None:
    target = np.array([0.5, 0.3, 0.2])
    no = flags(3, False)
    done = execute(np.zeros(3), 1.0, target, target + 0.01, trade_day(~no, no, no), Terms.flat(COST))
    assert done.filled == pytest.approx(target / (1 + COST), abs=1e-15)
    assert done.cash_after == pytest.approx(0.0, abs=1e-15)
    assert done.cost == pytest.approx(COST / (1 + COST), abs=1e-15)


def test_a_locked_buy_leaves_its_money_to_the_others_within_their_bounds() -> None:
    target, no = np.array([0.4, 0.3, 0.3, 0.0]), flags(4, False)
    up = np.array([True, False, False, False])
    upper = np.array([0.41, 0.35, 1.0, 1.0])
    done = execute(np.zeros(4), 1.0, target, upper, trade_day(~no, up, no), Terms.flat(0.0))
    assert done.blocked.tolist() == ["limit_up", "", "", ""]
    # 0.4 is left; in proportion each would get 0.2, but the second has room for 0.05 only
    assert done.filled == pytest.approx([0.0, 0.35, 0.65, 0.0], abs=1e-15)
    tight = execute(np.zeros(4), 1.0, target, target, trade_day(~no, up, no), Terms.flat(0.0))
    assert tight.cash_after == pytest.approx(0.4, abs=1e-15)


def test_a_sell_locked_at_limit_down_makes_buys_scale() -> None:
    no = flags(3, False)
    down = np.array([True, False, False])
    done = execute(
        np.array([0.5, 0.3, 0.2]),
        0.0,
        np.array([0.0, 0.1, 0.9]),
        np.ones(3),
        trade_day(~no, no, down),
        Terms.flat(0.0),
    )
    assert done.filled == pytest.approx([0.0, -0.2, 0.2], abs=1e-15)
    assert done.scale == pytest.approx(0.2 / 0.7)
    assert done.blocked.tolist() == ["limit_down", "", ""]
    assert done.cut.tolist() == ["", "", "cash"]


def random_days(rng: np.random.Generator, n: int, count: int) -> list[MarketDay]:
    days = []
    for k in range(count):
        traded = rng.random(n) < 0.85
        to_vwap = np.where(traded, np.exp(rng.normal(0, 0.02, n)), 1.0)
        from_vwap = np.where(traded, np.exp(rng.normal(0, 0.02, n)), 1.0)
        days.append(
            MarketDay(
                DAY + dt.timedelta(days=k),
                to_vwap * from_vwap,
                to_vwap,
                from_vwap,
                np.full(n, 10.0),
                np.ones(n, bool),
                traded,
                traded & (rng.random(n) < 0.1),
                traded & (rng.random(n) < 0.1),
                np.full(n, 1e6),
                np.full(n, 1e6),
            )
        )
    return days


@pytest.mark.parametrize("seed", range(30))
def test_a_week_equals_a_plain_ledger_in_shares_and_money(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 10
    start = rng.dirichlet(np.ones(n + 1))
    weights, cash = start[:n], float(start[n])
    target = rng.dirichlet(np.ones(n))
    upper = target + 0.02
    days = random_days(rng, n, 5)
    held = hold(weights, cash, target, upper, days, Terms.flat(COST), delisting_recovery=1.0)

    money, values, navs = 1e8 * cash, [1e8 * w for w in weights], [1e8]
    for k, day in enumerate(days):
        if k == 0:
            values = [v * r for v, r in zip(values, day.to_vwap, strict=True)]
            fills, money, paid = plain_execution(
                values, money, target, upper, day.traded, day.locked_up, day.locked_down, COST
            )
            values = [(v + f) * r for v, f, r in zip(values, fills, day.from_vwap, strict=True)]
        else:
            values = [v * g for v, g in zip(values, day.growth, strict=True)]
        navs.append(sum(values) + money)
    net = np.array([day.net for day in held.days])
    assert net == pytest.approx(np.diff(navs) / np.array(navs[:-1]), abs=1e-12)
    assert np.prod(1 + net) == pytest.approx(navs[-1] / 1e8, abs=1e-12)
    assert held.weights * navs[-1] == pytest.approx(np.array(values), rel=1e-10, abs=1e-4)
    assert held.weights.sum() + held.cash == pytest.approx(1.0, abs=1e-14)
    first = held.days[0]
    assert 1 + first.net == pytest.approx((1 + first.gross) * (1 - first.cost), abs=1e-15)
    assert all(day.cost == day.turnover == 0 and day.net == day.gross for day in held.days[1:])
    assert paid > 0


def test_without_a_target_nothing_is_traded() -> None:
    days = random_days(np.random.default_rng(1), 4, 3)
    weights = np.array([0.3, 0.3, 0.2, 0.1])
    held = hold(weights, 0.1, None, weights, days, Terms.flat(COST), delisting_recovery=1.0)
    growth = weights * days[0].growth * days[1].growth * days[2].growth
    assert held.weights == pytest.approx(growth / (growth.sum() + 0.1), abs=1e-15)
    assert held.execution is None
    assert sum(day.cost for day in held.days) == 0


@pytest.mark.parametrize("recovery", [1.0, 0.0, 0.25])
def test_a_delisted_holding_is_paid_out_once(recovery: float) -> None:
    from dataclasses import replace

    days = random_days(np.random.default_rng(3), 3, 4)
    still = {"growth": np.ones(3), "to_vwap": np.ones(3), "from_vwap": np.ones(3)}
    days = [replace(day, **still, listed=np.array([k < 2, True, True])) for k, day in enumerate(days)]
    held = hold(np.array([0.2, 0.5, 0.3]), 0.0, None, np.ones(3), days, Terms.flat(COST), delisting_recovery=recovery)
    assert [day.net for day in held.days] == pytest.approx([0, 0, 0.2 * (recovery - 1), 0], abs=1e-15)
    assert held.weights[0] == 0
    assert held.cash == pytest.approx(0.2 * recovery / (1 + 0.2 * (recovery - 1)), abs=1e-15)


def test_every_order_is_recorded_with_its_reason() -> None:
    days = random_days(np.random.default_rng(5), 200, 1)
    rng = np.random.default_rng(6)
    target = rng.dirichlet(np.ones(200))
    held = hold(rng.dirichlet(np.ones(200)), 0.0, target, target + 0.01, days, Terms.flat(COST), delisting_recovery=1.0)
    symbols = np.array([f"{i:06d}.SZ" for i in range(200)])
    frame = executions_frame(symbols, days[0], held.execution)
    assert frame.height == 200
    assert set(frame["blocked"]) == {"", "suspended", "limit_up", "limit_down"}
    assert (frame.filter(pl.col("blocked") != "")["filled"] == 0).all()
    assert frame["filled"].abs().sum() * COST == pytest.approx(held.days[0].cost, abs=1e-15)


def test_a_target_that_was_delisted_leaves_its_money_to_the_others() -> None:
    no, target = flags(3, False), np.array([0.4, 0.3, 0.3])
    listed = np.array([False, True, True])
    done = execute(np.zeros(3), 1.0, target, np.ones(3), trade_day(listed, no, no, listed=listed), Terms.flat(0.0))
    assert done.blocked.tolist() == ["not_listed", "", ""]
    assert done.filled == pytest.approx([0.0, 0.5, 0.5], abs=1e-15)


def test_costs_by_side() -> None:
    no = flags(2, False)
    done = execute(
        np.array([0.6, 0.4]), 0.0, np.array([0.5, 0.5]), np.ones(2), trade_day(~no, no, no), Terms(0.01, 0.02)
    )
    bought = 0.1 * 0.98 / 1.01
    assert done.filled == pytest.approx([-0.1, bought], abs=1e-15)
    assert done.cost == pytest.approx(0.1 * 0.02 + bought * 0.01, abs=1e-15)


def test_no_name_trades_more_than_its_share_of_the_volume() -> None:
    no = flags(4, False)
    # 1 000 000 yuan at 10 yuan: 5 % of 100 000 shares are 50 000 yuan, .05 of the portfolio
    day, terms = trade_day(~no, no, no, volume=1e5), Terms(0.0, 0.0, participation=0.05, money=1e6)
    done = execute(np.array([0.5, 0.5, 0.0, 0.0]), 0.0, np.array([0.47, 0.3, 0.2, 0.03]), np.ones(4), day, terms)
    # .03 and .05 are sold; the buys get .05 and .03: nothing is left to spread
    assert done.filled == pytest.approx([-0.03, -0.05, 0.05, 0.03], abs=1e-15)
    assert done.cut.tolist() == ["", "participation", "participation", ""]
    rich = execute(np.zeros(4), 1.0, np.array([0.0, 0.0, 0.2, 0.03]), np.ones(4), day, terms)
    assert rich.filled == pytest.approx([0.0, 0.0, 0.05, 0.05], abs=1e-15)  # what is left over stops at the cap too
    assert rich.cash_after == pytest.approx(0.9, abs=1e-15)


def lots_of(star: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest order and step: 200 and 1 on STAR, 100 and 100 elsewhere."""
    return np.where(star, 200.0, 100.0), np.where(star, 1.0, 100.0)


def test_whole_lots() -> None:
    no = flags(6, False)
    star = np.array([False, False, False, True, True, False])
    # 100 000 yuan at 10 yuan: one lot is .01, one share .0001
    day, terms = trade_day(~no, no, no), Terms(0.0, 0.0, lots=lots_of(star), money=1e5)
    holding = np.array([0.0, 0.1234, 0.1234, 0.0, 0.0, 0.0])
    target = np.array([0.0599, 0.0, 0.0617, 0.02345, 0.01995, 0.10])
    done = execute(holding, 1.0 - holding.sum(), target, target, day, terms)
    # a whole position goes with its odd shares, a part of one in lots; STAR in shares from 200 on
    assert done.filled == pytest.approx([0.05, -0.1234, -0.06, 0.0234, 0.0, 0.10], abs=1e-12)
    assert done.cut.tolist() == ["lots", "", "lots", "lots", "lots", ""]
    assert done.cash_after == pytest.approx(1.0 - holding.sum() - done.filled.sum(), abs=1e-12)
    one_by_one = Terms(0.0, 0.0, lots=lots_of(np.full(6, True)), participation=0.01, money=1e5)
    small = execute(holding, 1.0 - holding.sum(), target, target, trade_day(~no, no, no, volume=25_000), one_by_one)
    assert small.filled == pytest.approx([0.025, -0.025, -0.025, 0.0234, 0.0, 0.025], abs=1e-12)
    assert small.cut.tolist() == ["participation"] * 3 + ["lots", "lots", "participation"]


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    participation=st.sampled_from([None, 0.3, 0.01]),
    lots=st.booleans(),
    costs=st.sampled_from([(0.0015, 0.0015), (0.00025, 0.00125), (0.0, 0.0)]),
)
def test_options_conserve_money(seed: int, participation: float | None, lots: bool, costs: tuple[float, float]) -> None:
    rng = np.random.default_rng(seed)
    holding, cash, target, upper, traded, up, down = random_case(rng)
    n, nav = len(holding), holding.sum() + cash
    star, volume = rng.random(n) < 0.3, rng.exponential(size=n) * 1e5
    day = trade_day(traded, up, down, vwap=rng.uniform(5, 50), volume=volume)
    terms = Terms(*costs, participation=participation, lots=lots_of(star) if lots else None, money=1.0)
    done = execute(holding, cash, target, upper, day, terms)
    after = done.holding + done.filled
    assert after.sum() + done.cash_after + done.cost == pytest.approx(1.0, abs=1e-10)
    assert done.cash_after >= 0
    assert after.min() >= -1e-15
    shares = np.abs(done.filled) * nav / day.vwap
    if participation is not None:
        assert (shares <= participation * volume + 1e-6).all()
    if lots:
        free = (done.filled == 0) | (after <= 1e-15)  # nothing, or a position sold whole
        unit = np.where(star, 1, 100)
        assert (np.abs(shares / unit - np.round(shares / unit)) < 1e-7)[~free].all()
        assert (shares[star & ~free] >= 200 - 1e-6).all()
    short = (done.blocked == "") & (np.abs(done.filled) < np.abs(done.order))
    assert ((done.cut != "") == short).all()
