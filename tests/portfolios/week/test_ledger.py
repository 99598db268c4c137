"""The accounts against a double-entry ledger in yuan and shares: the net asset values are equal to 1e-12."""

import dataclasses
import datetime as dt
import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.portfolios.problem.constraints import FREE
from assets.portfolios.week.advance import PortfolioState, buying_states, trading_terms
from assets.portfolios.week.execution import hold
from assets.portfolios.week.market import market_days
from resources.settings.execution import ExecutionSettings
from resources.settings.fills import FillSettings
from resources.settings.portfolios import PortfoliosSettings
from tests.portfolios.week.ledger import Ledger, Quote, Rules
from tests.portfolios.week.portfolio_market import CALENDAR, SETTINGS, WEEKS, Market, file, solve_of

SYMBOLS = ("000001.SZ", "000002.SZ", "300001.SZ", "600001.SH", "600002.SH", "600003.SH", "688001.SH", "688002.SH")
SHARE = 0.1  # of the volume that must trade inside the limits
FIRST = dt.date(2023, 8, 14)  # its third week begins on the day stamp duty was halved


class Tape:
    """Random trades of eight names over weeks of five days, with ex-rights, suspensions, locked days, delistings.

    Trades are in whole cents and shares; bars, daily prices and quotes are all derived from them.
    """

    def __init__(self, rng: np.random.Generator, weeks: int) -> None:
        self.weeks = [[FIRST + dt.timedelta(days=7 * w + d) for d in range(5)] for w in range(weeks)]
        self.quotes: dict[dt.date, dict[str, Quote]] = {}
        self.shown: dict[dt.date, set[str]] = {}  # names that the day itself shows as ST or new
        prices, securities, minutes = [], [], []
        last = {symbol: float(rng.integers(500, 5000)) / 100 for symbol in SYMBOLS}
        gone: set[str] = set()
        for week in self.weeks:
            for day in week:
                self.quotes[day], self.shown[day] = {}, set()
                for symbol in SYMBOLS:
                    if day != FIRST and rng.random() < 0.01:
                        gone.add(symbol)
                    if symbol in gone:
                        self.quotes[day][symbol] = Quote(False)
                        continue
                    ex_rights = float(rng.choice([1.0, 1.0, 1.0, 1.0, 0.98, 0.5]))
                    pre_close = round(last[symbol] * ex_rights, 2)
                    limited = bool(rng.random() < 0.95)
                    up, down = round(pre_close * 1.1, 2), round(pre_close * 0.9, 2)
                    limits = {"limit_up": up if limited else None, "limit_down": down if limited else None}
                    flags = {"is_st": bool(rng.random() < 0.05), "listed_days": 119 if rng.random() < 0.05 else 120}
                    if flags["is_st"] or flags["listed_days"] < 120:
                        self.shown[day].add(symbol)
                    securities.append({"date": day, "symbol": symbol, **limits, **flags})
                    if rng.random() < 0.1:
                        self.quotes[day][symbol] = Quote(True)
                        continue
                    trades = self.trades(rng, pre_close, up, down)
                    own = bars(day, symbol, trades)
                    if known := bool(day == week[0] and rng.random() < 0.6):
                        minutes += own
                    paid = [trade for minute in trades for trade in minute]
                    volume, amount = sum(v for _, v in paid), sum(p * v for p, v in paid)
                    low, high = min(p for p, _ in paid), max(p for p, _ in paid)
                    vwap, close = amount / volume, paid[-1][0]
                    row = {"pre_close": pre_close, "low": low, "high": high, "close": close, "volume": volume}
                    prices.append({"date": day, "symbol": symbol, **row, "vwap": vwap})
                    whole = [{"low": low, "high": high, "volume": volume, "amount": vwap * volume}]
                    counted = own if known else whole
                    below = sum(inside(bar, up if limited else None, high, buyer=True) for bar in counted)
                    above = sum(inside(bar, down if limited else None, low, buyer=False) for bar in counted)
                    least = SHARE * volume if known else 0.0
                    self.quotes[day][symbol] = Quote(
                        True, pre_close, vwap, close,
                        can_buy=below > 0 and below >= least, can_sell=above > 0 and above >= least,
                        buy_volume=below, sell_volume=above,
                    )  # fmt: skip
                    last[symbol] = close
        self.prices, self.securities = pl.DataFrame(prices), pl.DataFrame(securities, infer_schema_length=None)
        self.minutes = pl.DataFrame(minutes) if minutes else None

    @staticmethod
    def trades(rng: np.random.Generator, pre_close: float, up: float, down: float) -> list[list[tuple[float, int]]]:
        """Three minutes of one to three trades (price, shares): mostly free, or locked at a limit for most of the day."""
        kind = rng.random()
        minutes = []
        for minute in range(3):
            volumes = rng.integers(100, 40_000, int(rng.integers(1, 4))).tolist()
            free = [round(pre_close * (1 + m), 2) for m in rng.uniform(-0.08, 0.08, len(volumes))]
            if kind < 0.2 and (minute or kind < 0.1):
                free = [up if kind < 0.15 else down] * len(volumes)
            elif kind < 0.2:
                volumes = [max(1, v // 20) for v in volumes]
            elif kind < 0.3:
                free[0] = up
            minutes.append(list(zip(free, volumes, strict=True)))
        return minutes


def bars(day: dt.date, symbol: str, trades: list[list[tuple[float, int]]]) -> list[dict]:
    return [
        {
            "date": day,
            "symbol": symbol,
            "low": min(p for p, _ in minute),
            "high": max(p for p, _ in minute),
            "volume": sum(v for _, v in minute),
            "amount": sum(p * v for p, v in minute),
        }
        for minute in trades
    ]


def inside(bar: dict, limit: float | None, furthest: float, *, buyer: bool) -> float:
    """The fewest shares of a bar that can have traded inside the limit, computed independently."""
    sign = 1 if buyer else -1
    if limit is None or sign * round(furthest * 100) > sign * round(limit * 100):
        return float(bar["volume"])
    near, far = (bar["low"], bar["high"]) if buyer else (bar["high"], bar["low"])
    if round(near * 100) == round(limit * 100):
        return 0.0
    if round(far * 100) != round(limit * 100):
        return float(bar["volume"])
    average = bar["amount"] / bar["volume"]
    return bar["volume"] * min(1.0, max(0.0, (limit - average) / (limit - near)))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    lots=st.booleans(),
    dated=st.booleans(),
    participation=st.sampled_from([None, 0.5, 0.05]),
    capital=st.sampled_from([3e5, 1e8]),
    recovery=st.sampled_from([1.0, 0.5, 0.0]),
)
def test_the_net_asset_value_equals_the_ledgers(
    seed: int, lots: bool, dated: bool, participation: float | None, capital: float, recovery: float
) -> None:
    rng, n = np.random.default_rng(seed), len(SYMBOLS)
    tape = Tape(rng, weeks=4)
    how = ExecutionSettings(
        fills=FillSettings(rule="minutes", min_inside_share=SHARE),
        lots=lots,
        dated_fees=dated,
        participation=participation,
        capital=capital,
    )
    tree = PortfoliosSettings(execution=how, delisting_recovery=recovery)
    ledger = Ledger(capital)
    state = PortfolioState(np.array(SYMBOLS), np.zeros(n), 1.0, 1.0, None, np.zeros(n), np.full(n, FREE))
    nothing = True
    for week in tape.weeks:
        target = rng.dirichlet(np.ones(n)) * (rng.random(n) < 0.7)
        target = target / target.sum() if target.sum() > 0 else np.full(n, 1 / n)
        upper = target + rng.choice([0.0, 0.02, 0.2])
        failed = bool(rng.random() < 0.1)
        signal = rng.choice([FREE, "st", "new", "no_score", "suspended"], n, p=[0.7, 0.1, 0.05, 0.05, 0.1])
        state = dataclasses.replace(state, target=None if failed else target, upper=upper, states=signal)
        days = market_days(
            state.symbols,
            week,
            tape.prices.filter(pl.col("date").is_in(week)),
            tape.securities.filter(pl.col("date").is_in(week)),
            tape.minutes,
            min_inside_share=SHARE,
        )
        terms = trading_terms(tree, week[0], state)
        today = tape.securities.filter(pl.col("date") == week[0])
        held = hold(
            state.holdings, state.cash, state.target, upper, days, terms, delisting_recovery=recovery,
            state=buying_states(state, today, tree),
        )  # fmt: skip
        stamp = 0.0005 if week[0] >= dt.date(2023, 8, 28) else 0.001
        fees = (0.00025, 0.00025 + stamp) if dated else (0.0015, 0.0015)
        rules = Rules(*fees, participation=participation, lots=lots)
        weights = dict(zip(SYMBOLS, target.tolist(), strict=True))
        most = dict(zip(SYMBOLS, upper.tolist(), strict=True))
        for number, (day, done) in enumerate(zip(week, held.days, strict=True)):
            before = ledger.nav
            quotes = tape.quotes[day]
            if number == 0:
                quotes = {
                    symbol: dataclasses.replace(quote, can_buy=quote.can_buy and free and symbol not in tape.shown[day])
                    for (symbol, quote), free in zip(quotes.items(), signal == FREE, strict=True)
                }
            ledger.day(quotes, (weights, most, rules) if number == 0 and not failed else None, recovery)
            assert float(ledger.nav / before - 1) == pytest.approx(done.net, abs=1e-12)
            assert float(ledger.cash / ledger.nav) == pytest.approx(done.cash, abs=1e-12)
        nav = state.nav * float(np.prod([1.0 + day.net for day in held.days]))
        assert nav == pytest.approx(float(ledger.nav) / capital, rel=1e-12)
        shares_of_nav = [float(ledger.stock(symbol) / ledger.nav) for symbol in SYMBOLS]
        assert held.weights == pytest.approx(np.array(shares_of_nav), abs=1e-12)
        nothing &= held.execution is None or not np.abs(held.execution.filled).any()
        state = dataclasses.replace(state, holdings=held.weights, cash=held.cash, nav=nav)
    paid = float(ledger.accounts["fees"])
    assert (paid > 0) != nothing


def test_the_random_tapes_contain_every_event() -> None:
    seen = dict.fromkeys(("suspended", "no_buy", "no_sell", "gone", "partly"), 0)
    for seed in range(20):
        for quotes in Tape(np.random.default_rng(seed), weeks=4).quotes.values():
            for quote in quotes.values():
                seen["gone"] += not quote.listed
                seen["suspended"] += quote.listed and quote.vwap is None
                seen["no_buy"] += not quote.can_buy
                seen["no_sell"] += not quote.can_sell
                seen["partly"] += not quote.can_buy and quote.buy_volume > 0
    assert min(seen.values()) > 10, seen


@pytest.mark.parametrize("seed", range(3))
def test_stored_weeks_equal_the_ledger(seed: int) -> None:
    """From stored targets only: the next week's partition has the net asset value of the ledger."""
    market, ledger = Market(seed=seed), Ledger(1e8)
    for before, week in itertools.pairwise(WEEKS):
        if before == WEEKS[0]:
            market.week(before)
        frame = market.made[before].frame
        target = dict(frame.select("symbol", "weight").iter_rows())
        upper = dict(frame.select("symbol", "upper").iter_rows())
        free = set(frame.filter(state="tradable")["symbol"])
        market.week(week)
        for number, day in enumerate(CALENDAR.week_days(week)):
            rows = market.prices.filter(pl.col("date") == day).join(
                market.securities.filter(pl.col("date") == day).select("symbol", "limit_up", "limit_down"), on="symbol"
            )
            quotes = {symbol: Quote(True) for symbol in target}
            for row in rows.iter_rows(named=True):
                if row["symbol"] in quotes:
                    quotes[row["symbol"]] = Quote(
                        True, row["pre_close"], row["vwap"], row["close"],
                        can_buy=round(row["low"] * 100) != round(row["limit_up"] * 100) and row["symbol"] in free,
                        can_sell=round(row["high"] * 100) != round(row["limit_down"] * 100),
                    )  # fmt: skip
            order = (target, upper, Rules(SETTINGS.cost, SETTINGS.cost)) if number == 0 else None
            ledger.day(quotes, order, 1.0)
        stored = solve_of(market.made[week])
        assert stored["nav"] == pytest.approx(float(ledger.nav) / 1e8, rel=1e-12)
        assert stored["cash"] == pytest.approx(float(ledger.cash / ledger.nav), abs=1e-12)
        paid = file(market.made[week], "days.parquet")["cost"].sum()
        assert paid > 0
