"""A day under the rules of July 2026, from the sample market's vendor files to bars, verdicts, limits and fills.

Held against a plain reading of the files, written here: csv rows, integers and dictionaries. The same seed dated 2025 shows
the rules before.
"""

import csv
import datetime as dt
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assets.bars.assets import TABLES as BARS
from assets.portfolios.week.execution import Terms, execute
from assets.portfolios.week.market import market_days
from assets.reference.assets import TABLES as REFERENCE
from assets.tape_health.assets import TABLES as TAPE_HEALTH
from assets.ticks.assets import TABLES as TICKS
from resources.builder import Builder
from resources.calendar import Calendar
from resources.lake import Lake
from resources.landing import LandingZone
from resources.settings import Settings
from sample_market.generate import generate
from sample_market.settings import profile

SMALL = {"days": 32, "tick_days": 8, "sse_main": 6, "szse_main": 6, "star": 2, "chinext": 2, "csi500": 4, "csi1000": 4}
CHAIN = ("trades", "orders", "quotes", "daily_prices", "securities", "tape_health", "order_sizes", "minute_bars")
CALENDAR = Calendar.xshg()
pytestmark = pytest.mark.slow


class Market:
    """A market with ST names locked at their limit, and the tables of the day of the first of these locks."""

    def __init__(self, root: Path, last_day: dt.date):
        self.root = root / "market"
        assert generate(profile("tiny", last_day=last_day, st_locks=2, **SMALL), self.root)
        events = pl.read_parquet(self.root / "truth" / "events.parquet").filter(pl.col("event") == "limit_lock")
        daily = pl.read_parquet(self.root / "reference" / "daily_prices.parquet")
        st = daily.filter("is_st").select("symbol", first_date="date")
        locks = events.join(st, on=["symbol", "first_date"]).sort("first_date")
        assert locks.height == 2
        self.day: dt.date = locks["first_date"][0]
        self.locked: str = locks["symbol"][0]
        self.daily = {row["symbol"]: row for row in daily.filter(pl.col("date") == self.day).iter_rows(named=True)}
        tables = {table.name: table for table in (*TICKS, *REFERENCE, *TAPE_HEALTH, *BARS)}
        zone = LandingZone(self.root)
        lake = Lake(str(root / "lake"))
        builder = Builder(tables=tables, lake=lake, zone=zone, calendar=CALENDAR, settings=Settings())
        days = [day for day in zone.days() if day <= self.day]
        for name in CHAIN:
            outcomes = builder.build(tables[name], [self.day] if name == "minute_bars" else days)
            assert {outcome.state for outcome in outcomes} == {"built"}, [o for o in outcomes if o.state != "built"]
        self.frames = {name: lake.read(tables[name], [self.day]).collect() for name in CHAIN}

    @property
    def trades(self) -> dict[str, list[tuple[int, int, int]]]:
        """Symbol → (ms, price in cents, shares) of each fill, read from the two vendor files as text."""
        folder = self.root / "ticks" / f"{self.day:%Y%m%d}"
        found = defaultdict(list)
        with (folder / f"{self.day:%Y%m%d}_Transaction.csv").open() as file:
            for row in csv.DictReader(file):
                found[row["SecurityID"] + ".SH"].append(plain(row["TradTime"], row["TradPrice"], row["TradVolume"]))
        with (folder / "mdl_6_36_0.csv").open() as file:
            for row in csv.DictReader(file):
                if row["ExecType"] == "70":
                    found[row["SecurityID"] + ".SZ"].append(plain(row["TransactTime"], row["LastPx"], row["LastQty"]))
        return dict(found)


def plain(time: str, price: str, shares: str) -> tuple[int, int, int]:
    hours, minutes, seconds = time.split(":")
    return (
        int(hours) * 3_600_000 + int(minutes) * 60_000 + round(float(seconds) * 1000),
        round(float(price) * 100),
        int(shares),
    )


def board(symbol: str) -> str:
    return {"60": "main", "00": "main", "68": "star", "30": "chinext"}[symbol[:2]]


@pytest.fixture(scope="module")
def now(tmp_path_factory: pytest.TempPathFactory) -> Market:
    return Market(tmp_path_factory.mktemp("now"), dt.date(2026, 7, 24))


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Market:
    return Market(tmp_path_factory.mktemp("before"), dt.date(2025, 7, 25))


def late(market: Market) -> dict[str, int]:
    """Symbol → shares traded from 15:05 on."""
    sums = {symbol: sum(q for t, _, q in fills if t >= 54_300_000) for symbol, fills in market.trades.items()}
    return {symbol: shares for symbol, shares in sums.items() if shares}


def test_main_board_names_trade_after_hours_now_and_did_not_before(now: Market, before: Market) -> None:
    assert "main" in {board(symbol) for symbol in late(now)}
    assert {board(symbol) for symbol in late(before)} <= {"star", "chinext"}


@pytest.mark.parametrize("which", ["now", "before"])
def test_verdicts_and_bars_are_the_sums_of_the_files(which: str, request: pytest.FixtureRequest) -> None:
    market: Market = request.getfixturevalue(which)
    verdicts = {row["symbol"]: row for row in market.frames["tape_health"].iter_rows(named=True)}
    bars: dict[str, dict[int, Any]] = defaultdict(dict)
    for row in market.frames["minute_bars"].iter_rows(named=True):
        bars[row["symbol"]][row["minute"]] = row
    after, checked = late(market), 0
    for symbol, fills in market.trades.items():
        judged, official = verdicts[symbol], market.daily[symbol]
        shares, cents = sum(q for _, _, q in fills), sum(p * q for _, p, q in fills)
        if (shares, cents) != (official["volume"], round(official["amount"] * 100)):
            assert judged["verdict"] == "set aside"
            continue
        assert judged["verdict"] in ("ok", "repaired")
        assert (judged["volume"], judged["reference_volume"], judged["volume_difference"]) == (shares, shares, 0)
        assert judged["reference_counts"] == ("with" if symbol in after else None)
        own = bars[symbol]
        assert len(own) == 239 + (symbol in after)
        assert sum(row["volume"] for row in own.values()) == shares
        assert own.get(905, {"volume": 0})["volume"] == after.get(symbol, 0)
        for minute in (565, 570, 689, 780, 896, 897):
            begins, ends = {565: (0, 570), 689: (689, 780), 897: (897, 901)}.get(minute, (minute, minute + 1))
            inside = [(p, q) for t, p, q in fills if begins * 60_000 <= t < ends * 60_000]
            row = own[minute]
            assert (row["volume"], row["trades"]) == (sum(q for _, q in inside), len(inside))
            assert round(row["amount"] * 100) == sum(p * q for p, q in inside)
            if inside:
                prices = [p for p, _ in inside]
                whole = [round(row[name] * 100) for name in ("open", "high", "low", "close")]
                assert whole == [prices[0], max(prices), min(prices), prices[-1]]
        checked += 1
    assert checked >= 12


@pytest.mark.parametrize(("which", "treated"), [("now", 10), ("before", 5)])
def test_limits_locks_and_fills(which: str, treated: int, request: pytest.FixtureRequest) -> None:
    market: Market = request.getfixturevalue(which)
    names = {row["symbol"]: row for row in market.frames["securities"].iter_rows(named=True)}
    prices = market.frames["daily_prices"].sort("symbol")
    locked = set()
    for row in prices.iter_rows(named=True):
        symbol, before = row["symbol"], round(row["pre_close"] * 100)
        wide = board(symbol) != "main"
        percent = 20 if wide else treated if row["is_st"] else 10
        if wide and names[symbol]["listed_days"] <= 5:
            assert (row["limit_up"], row["limit_down"]) == (None, None)
            continue
        # half up, in decimals of a cent
        up, down = (int((before * (100 + way * percent) / 100) + 0.5 + 1e-9) for way in (1, -1))
        assert (round(row["limit_up"] * 100), round(row["limit_down"] * 100)) == (up, down)
        if round(row["low"] * 100) == up or round(row["high"] * 100) == down:
            locked.add(symbol)
        assert down <= round(row["low"] * 100) <= round(row["high"] * 100) <= up
    assert market.locked in locked
    one = market.daily[market.locked]
    assert abs(one["close"] / one["pre_close"] - (1 + treated / 100)) < 0.005

    symbols = np.array(prices["symbol"].to_list())
    day = market_days(symbols, [market.day], prices, market.frames["securities"])[0]
    target = np.full(len(symbols), 1.0 / len(symbols))
    result = execute(np.zeros(len(symbols)), 1.0, target, np.ones(len(symbols)), day, Terms.flat(0.0))
    for symbol, why, filled in zip(symbols, result.blocked, result.filled, strict=True):
        row = market.daily[str(symbol)]
        assert (why == "limit_up") == (row["limit_up"] is not None and row["low"] == row["limit_up"])
        assert (filled > 0) == (why == "")
    assert result.blocked[list(symbols).index(market.locked)] == "limit_up"
