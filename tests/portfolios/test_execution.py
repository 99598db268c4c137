"""Execution against an independent loop over a ledger of money, and against what must hold of any fill."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.portfolios.execution import Day, execute, executions_frame, hold, market_day
from resources.errors import InputError

COST = 0.0015
DAY = dt.date(2023, 7, 10)


def plain_execution(holding, cash, target, upper, traded, up, down, cost):
    """Name by name in yuan, with a cash account: sells, then buys, then what is left over."""
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
    done = execute(holding, cash, target, upper, traded=traded, locked_up=up, locked_down=down, cost=COST)
    fills, account, paid = plain_execution(holding, cash, target, upper, traded, up, down, COST)
    assert done.filled * nav == pytest.approx(np.array(fills), abs=1e-10 * nav)
    assert done.cash_after * nav == pytest.approx(account, abs=1e-10 * nav)
    assert done.cost * nav == pytest.approx(paid, abs=1e-10 * nav)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10**9), cost=st.sampled_from([0.0, 0.0015, 0.01]))
def test_money_is_conserved_and_nothing_forbidden_is_done(seed: int, cost: float) -> None:
    holding, cash, target, upper, traded, up, down = random_case(np.random.default_rng(seed))
    nav = holding.sum() + cash
    done = execute(holding, cash, target, upper, traded=traded, locked_up=up, locked_down=down, cost=cost)
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
    assert 0.5 * (np.abs(done.filled).sum() + abs(done.cash_after - done.cash_before)) == done.turnover


def flags(n: int, value: bool) -> np.ndarray:
    return np.full(n, value)


def test_the_first_build_spends_all_cash_on_names_and_cost() -> None:
    target = np.array([0.5, 0.3, 0.2])
    no = flags(3, False)
    done = execute(np.zeros(3), 1.0, target, target + 0.01, traded=~no, locked_up=no, locked_down=no, cost=COST)
    assert done.filled == pytest.approx(target / (1 + COST), abs=1e-15)
    assert done.cash_after == pytest.approx(0.0, abs=1e-15)
    assert done.cost == pytest.approx(COST / (1 + COST), abs=1e-15)


def test_a_locked_buy_leaves_its_money_to_the_others_within_their_bounds() -> None:
    target, no = np.array([0.4, 0.3, 0.3, 0.0]), flags(4, False)
    up = np.array([True, False, False, False])
    upper = np.array([0.41, 0.35, 1.0, 1.0])
    done = execute(np.zeros(4), 1.0, target, upper, traded=~no, locked_up=up, locked_down=no, cost=0.0)
    assert done.blocked.tolist() == ["limit_up", "", "", ""]
    # 0.4 is left; in proportion each would get 0.2, but the second has room for 0.05 only
    assert done.filled == pytest.approx([0.0, 0.35, 0.65, 0.0], abs=1e-15)
    tight = execute(np.zeros(4), 1.0, target, target, traded=~no, locked_up=up, locked_down=no, cost=0.0)
    assert tight.cash_after == pytest.approx(0.4, abs=1e-15)


def test_a_sell_locked_at_limit_down_makes_buys_scale() -> None:
    no = flags(3, False)
    down = np.array([True, False, False])
    done = execute(
        np.array([0.5, 0.3, 0.2]),
        0.0,
        np.array([0.0, 0.1, 0.9]),
        np.ones(3),
        traded=~no,
        locked_up=no,
        locked_down=down,
        cost=0.0,
    )
    assert done.filled == pytest.approx([0.0, -0.2, 0.2], abs=1e-15)
    assert done.scale == pytest.approx(0.2 / 0.7)
    assert done.blocked.tolist() == ["limit_down", "", ""]


def random_days(rng: np.random.Generator, n: int, count: int) -> list[Day]:
    days = []
    for k in range(count):
        traded = rng.random(n) < 0.85
        to_vwap = np.where(traded, np.exp(rng.normal(0, 0.02, n)), 1.0)
        from_vwap = np.where(traded, np.exp(rng.normal(0, 0.02, n)), 1.0)
        days.append(
            Day(
                DAY + dt.timedelta(days=k),
                to_vwap * from_vwap,
                to_vwap,
                from_vwap,
                np.full(n, 10.0),
                np.ones(n, bool),
                traded,
                traded & (rng.random(n) < 0.1),
                traded & (rng.random(n) < 0.1),
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
    held = hold(weights, cash, target, upper, days, cost=COST, delisting_recovery=1.0)

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
    held = hold(weights, 0.1, None, weights, days, cost=COST, delisting_recovery=1.0)
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
    held = hold(np.array([0.2, 0.5, 0.3]), 0.0, None, np.ones(3), days, cost=COST, delisting_recovery=recovery)
    assert [day.net for day in held.days] == pytest.approx([0, 0, 0.2 * (recovery - 1), 0], abs=1e-15)
    assert held.weights[0] == 0
    assert held.cash == pytest.approx(0.2 * recovery / (1 + 0.2 * (recovery - 1)), abs=1e-15)


def day_tables(rows: list[dict], listed: list[dict]) -> tuple[pl.DataFrame, pl.DataFrame]:
    return pl.DataFrame(rows), pl.DataFrame(listed)


def test_a_days_market_reads_suspension_limits_and_ex_rights() -> None:
    bar = {"volume": 100, "pre_close": 10.0}
    prices, securities = day_tables(
        [
            {**bar, "symbol": "A", "low": 11.0, "high": 11.0, "close": 11.0, "vwap": 11.0},  # locked up all day
            {**bar, "symbol": "B", "low": 10.9, "high": 11.0, "close": 11.0, "vwap": 10.95},  # closed there only
            {**bar, "symbol": "C", "low": 9.0, "high": 9.0, "close": 9.0, "vwap": 9.0},
            {**bar, "symbol": "D", "low": 5.0, "high": 5.5, "close": 5.25, "vwap": 5.2, "pre_close": 5.0},  # ex-rights
            {**bar, "symbol": "E", "low": 10.0, "high": 10.0, "close": 10.0, "vwap": None, "volume": 0},
            {**bar, "symbol": "F", "low": 30.0, "high": 30.0, "close": 30.0, "vwap": 30.0},  # no limit on this day
            {**bar, "symbol": "I", "low": 30.0, "high": 31.0, "close": 30.0, "vwap": 30.0},  # beyond the rule's limit
            {**bar, "symbol": "J", "low": 3.0, "high": 4.0, "close": 4.0, "vwap": 3.5},
        ],
        [
            {"symbol": s, "limit_up": None if s == "F" else 11.0 + 1e-12, "limit_down": None if s == "F" else 9.0}
            for s in "ABCEFGIJ"
        ]
        + [{"symbol": "D", "limit_up": 5.5, "limit_down": 4.5}],
    )
    day = market_day(np.array(list("ABCDEFGHIJ")), DAY, prices, securities)
    assert day.traded.tolist() == [True, True, True, True, False, True, False, False, True, True]
    assert day.listed.tolist() == [True] * 7 + [False, True, True]
    assert day.locked_up.tolist() == [True] + [False] * 9
    assert day.locked_down.tolist() == [False, False, True] + [False] * 7
    assert day.growth == pytest.approx([1.1, 1.1, 0.9, 1.05, 1, 3, 1, 1, 3, 0.4])
    assert day.to_vwap * day.from_vwap == pytest.approx(day.growth)
    with pytest.raises(InputError, match=r"daily_prices has no row on 2023-07-10"):
        market_day(np.array(["A"]), DAY, prices.clear(), securities)


def test_every_order_is_written_down_with_its_reason() -> None:
    days = random_days(np.random.default_rng(5), 200, 1)
    rng = np.random.default_rng(6)
    target = rng.dirichlet(np.ones(200))
    held = hold(rng.dirichlet(np.ones(200)), 0.0, target, target + 0.01, days, cost=COST, delisting_recovery=1.0)
    symbols = np.array([f"{i:06d}.SZ" for i in range(200)])
    frame = executions_frame(symbols, days[0], held.execution)
    assert frame.height == 200
    assert set(frame["blocked"]) == {"", "suspended", "limit_up", "limit_down"}
    assert (frame.filter(pl.col("blocked") != "")["filled"] == 0).all()
    assert frame["filled"].abs().sum() * COST == pytest.approx(held.days[0].cost, abs=1e-15)
