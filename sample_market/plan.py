"""The plan of a market before trading: its calendar, its stocks, its scheduled events and its price limits.

This module holds everything that the settings alone determine. It does not hold prices, which the book produces.
"""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from resources.calendar import Calendar
from resources.errors import SettingsError
from resources.rulebook import Rulebook, limit_cents

from .settings import MarketSettings

INDUSTRIES = (
    *("电子", "医药生物", "机械设备", "基础化工", "计算机", "电力设备", "食品饮料", "有色金属"),
    *("汽车", "传媒", "建筑材料", "交通运输"),
)
INDICES = ("000905.SH", "000852.SH")
CODES_FROM = {"main_sh": 100, "star": 1, "main_sz": 1_200, "chinext": 100}
"""Distance between the first code of a board and the first code that its stocks may have."""


def random(settings: MarketSettings, *key: str | int) -> np.random.Generator:
    """Create the random generator of one purpose, named by `key`, so that another draw for one purpose changes no other."""
    return np.random.default_rng([settings.seed, zlib.crc32("/".join(map(str, key)).encode())])


def day_seed(settings: MarketSettings, symbol: str, day: dt.date) -> int:
    """Return the seed of one stock-day, which depends only on the market's seed, the symbol and the date."""
    low = zlib.crc32(f"{settings.seed}/{symbol}/{day}".encode())
    high = zlib.crc32(f"{day}/{symbol}/{settings.seed}".encode())
    return (high << 31) ^ low


@dataclass(frozen=True)
class Event:
    """A scheduled event. symbol: '' for an event of the market. first, last: indices of its first and last trading day."""

    kind: str
    symbol: str
    first: int
    last: int
    value: float = 0.0
    detail: str = ""


@dataclass(frozen=True)
class Stocks:
    """The stocks, one entry each, sorted by symbol. Indices of days count from the first day of the history."""

    symbol: list[str]
    board: list[str]
    industry: list[str]
    listed: np.ndarray
    """Index of the first trading day, negative before the history."""
    delisted: np.ndarray
    """Index of the first day after the last trading day."""
    price: np.ndarray
    total_shares: np.ndarray
    float_share: np.ndarray
    beta: np.ndarray
    volatility: np.ndarray
    turnover: np.ndarray
    activity: np.ndarray
    channel: np.ndarray

    def __len__(self) -> int:
        return len(self.symbol)


@dataclass(frozen=True)
class MarketPlan:
    """The calendar, stocks, index members and events of a market."""

    days: list[dt.date]
    first_minute: int
    first_tick: int
    stocks: Stocks
    st: np.ndarray
    """(days, stocks) whether the stock is ST."""
    suspended: np.ndarray
    """(days, stocks) whether the stock is suspended."""
    lock: np.ndarray
    """(days, stocks) 1 for a day locked at limit-up, -1 at limit-down, 0 otherwise."""
    dividend: np.ndarray
    """(days, stocks) cents a share on the ex-date, 0 otherwise."""
    split: np.ndarray
    """(days, stocks) new shares per old share on the ex-date, 1 otherwise."""
    members: dict[str, list[tuple[int, list[int]]]]
    """Index code → pairs of the position of the day at whose close the list is published and its members, by day."""
    events: list[Event] = field(default_factory=list)

    def one(self, kind: str) -> Event | None:
        """Return the first event of a kind, or None."""
        return next((e for e in self.events if e.kind == kind), None)


def trading_days(settings: MarketSettings) -> list[dt.date]:
    """Return the trading days of the market, oldest first, from the calendar of XSHG.

    Raises
    ------
    ValueError
        If last_day is not a trading day, or not the last one of its week.
    """
    calendar, last = Calendar.xshg(), settings.last_day
    try:
        if not calendar.is_trading_day(last):
            raise ValueError(f"last_day {last} is not a trading day of XSHG: choose the last trading day of a week")
        if not calendar.is_last_of_week(last):
            raise ValueError(f"last_day {last} is not the last trading day of its week: choose that day")
        return calendar.days(calendar.offset(last, 1 - settings.history_days - settings.days), last)
    except SettingsError as error:
        raise ValueError(f"last_day {last}: {error}") from error


def monday(day: dt.date) -> dt.date:
    """Return the Monday of the day's week."""
    return day - dt.timedelta(days=day.weekday())


def _make_stocks(settings: MarketSettings, days: int, rules: Rulebook) -> Stocks:
    rng = random(settings, "stocks")
    counts = {
        "main_sh": settings.sse_main,
        "star": settings.star,
        "main_sz": settings.szse_main,
        "chinext": settings.chinext,
    }
    symbols, board = [], []
    for name, count in counts.items():
        row = next((row for row in rules.rows("boards") if row.board == name), None)
        if row is None:
            raise ValueError(
                f"the board {name} is not open on {rules.date}, the market's first day: choose a later last_day"
            )
        codes = row.first + CODES_FROM[name] + np.sort(rng.choice(700, count, replace=False))
        symbols += [f"{c:06d}.{row.exchange}" for c in codes]
        board += [name] * count
    order = np.argsort(symbols)
    symbols = [symbols[i] for i in order]
    board = [board[i] for i in order]
    n = len(symbols)
    industries = np.array(INDUSTRIES[: settings.industries])[rng.permutation(np.arange(n) % settings.industries)]
    value = np.exp(rng.normal(np.log(9e9), 0.75, n))
    price = np.clip(np.exp(rng.normal(np.log(17.0), 0.55, n)), 5.0, 80.0)
    channel = np.zeros(n, np.int64)
    for suffix, first, count in ((".SH", 1, settings.sse_channels), (".SZ", 2011, settings.szse_channels)):
        there = [i for i in range(n) if symbols[i].endswith(suffix)]
        channel[there] = first + np.arange(len(there)) % count
    return Stocks(
        symbol=symbols,
        board=board,
        industry=list(industries),
        listed=-np.round(rng.uniform(200, 3000, n)).astype(np.int64),
        delisted=np.full(n, days + 1),
        price=np.round(price, 2),
        total_shares=np.round(value / price / 100.0).astype(np.int64) * 100,
        float_share=rng.uniform(0.5, 0.95, n),
        beta=np.clip(rng.normal(1.0, 0.22, n), 0.4, 1.6),
        volatility=0.017 * np.exp(rng.normal(0.0, 0.2, n)),
        turnover=0.012 * np.exp(rng.normal(0.0, 0.5, n)) * (value / 9e9) ** -0.15,
        activity=settings.activity * np.clip(np.exp(rng.normal(0.0, 0.22, n)), 0.7, 1.6),
        channel=channel,
    )


def make_plan(settings: MarketSettings) -> MarketPlan:
    """Draw the plan of a market from its settings.

    Raises
    ------
    ValueError
        If last_day is not the last trading day of a week, a board is not open on the first day, or there are too few stocks for
        the indices.
    """
    days = trading_days(settings)
    schedule = _Schedule(settings, days, _make_stocks(settings, len(days), Rulebook.on(days[0])))
    groups = schedule.group()
    members = schedule.review(groups)
    schedule.list_and_delist(groups)
    schedule.treat(groups.distressed)
    schedule.suspend(groups)
    schedule.lock_at_limits(groups)
    schedule.change_shares(groups)
    schedule.spoil_deliveries()
    schedule.events.sort(key=lambda e: (e.first, e.kind, e.symbol))
    return MarketPlan(
        days, schedule.first_minute, schedule.first_tick, schedule.stocks, schedule.st, schedule.suspended, schedule.lock,
        schedule.dividend, schedule.split, members, schedule.events,
    )  # fmt: skip


@dataclass(frozen=True)
class _Groups:
    """Indices of the stocks, grouped by their events."""

    listings: list[int]
    leaving: list[int]
    distressed: list[int]
    csi500: list[int]
    csi1000: list[int]
    outside: list[int]

    @property
    def ordinary(self) -> list[int]:
        return self.csi500 + self.csi1000 + self.outside


class _Schedule:
    """The events of a market. make_plan draws them in a fixed order; another order would produce another market."""

    def __init__(self, settings: MarketSettings, days: list[dt.date], stocks: Stocks) -> None:
        self.settings, self.days, self.stocks = settings, days, stocks
        self.first_minute = settings.history_days
        self.first_tick = len(days) - settings.tick_days
        self.rng = random(settings, "events")
        self.big = len(stocks) >= 100
        shape = (len(days), len(stocks))
        self.st = np.zeros(shape, bool)
        self.suspended = np.zeros(shape, bool)
        self.lock = np.zeros(shape, np.int64)
        self.dividend = np.zeros(shape, np.int64)
        self.split = np.ones(shape)
        self.events: list[Event] = []
        self.shuffled = [int(i) for i in self.rng.permutation(len(stocks))]
        self.used: set[int] = set()

    def add(self, kind: str, i: int, first: int, last: int, value: float = 0.0, detail: str = "") -> None:
        """Add an event of stock i, or of the market (i = -1)."""
        self.events.append(Event(kind, self.stocks.symbol[i] if i >= 0 else "", first, last, value, detail))

    def draw(self, pool: list[int], count: int) -> list[int]:
        """Draw up to `count` stocks of a pool that have no event yet."""
        free = [i for i in self.shuffled if i in pool and i not in self.used]
        self.used.update(free[:count])
        return free[:count]

    def within(self, share: float) -> int:
        """Return the index of the day at a share of the days with minute data."""
        return int(self.first_minute + (len(self.days) - self.first_minute) * share)

    def group(self) -> _Groups:
        """Assign each stock to a group. Index members are ordinary stocks by size, without the very largest ones."""
        settings, stocks, board = self.settings, self.stocks, self.stocks.board
        listings: list[int] = []
        for name in ("star", "chinext", "main_sh") if self.big else ("chinext",):
            listings.append(next(i for i in self.shuffled if board[i] == name and i not in listings))
        special = [i for i in self.shuffled if board[i].startswith("main") and i not in listings][
            : 7 if self.big else 3
        ]
        leaving = 2 if self.big else 1
        ordinary = [i for i in range(len(stocks)) if i not in listings and i not in special]
        ordinary.sort(key=lambda i: (-stocks.price[i] * stocks.total_shares[i], stocks.symbol[i]))
        first = max(2, len(ordinary) // 16)
        second = first + settings.csi500
        end = second + settings.csi1000
        if len(ordinary) - end < 2:
            raise ValueError(
                f"{len(stocks)} stocks are too few for indices of {settings.csi500} and {settings.csi1000} members: "
                "add stocks or lower csi500 or csi1000"
            )
        return _Groups(
            listings, special[:leaving], special[leaving:], ordinary[first:second], ordinary[second:end], ordinary[end:]
        )

    def review(self, groups: _Groups) -> dict[str, list[tuple[int, list[int]]]]:
        """Draw the members of the indices before and after a review."""
        a, b = groups.csi500, groups.csi1000
        day = _review_day(self.days, self.first_minute, len(self.days))
        moved = max(1, len(a) // 12)
        a2 = sorted(a[:-moved] + b[:moved])
        b2 = sorted(b[moved : len(b) - 1] + a[-moved:] + groups.outside[:1])
        self.add("index_review", -1, day, day, detail=f"{moved + 1} names change, in force from the next trading day")
        return {INDICES[0]: [(0, sorted(a)), (day, a2)], INDICES[1]: [(0, sorted(b)), (day, b2)]}

    def list_and_delist(self, groups: _Groups) -> None:
        """Draw new listings, and delistings of stocks that are ST until their last day."""
        stocks = self.stocks
        for k, i in enumerate(groups.listings):
            listed = self.within(0.35 + 0.15 * k) if self.big else self.first_tick - 3
            stocks.listed[i] = listed
            self.used.add(i)
            self.add("listing", i, listed, listed, stocks.price[i], f"{stocks.board[i]}, issue price")
        for k, i in enumerate(groups.leaving):
            gone = self.within(0.45 + 0.3 * k)
            stocks.delisted[i] = gone
            self.st[:gone, i] = True
            self.add("delisting", i, gone - 1, gone - 1, detail="last trading day")
        self.used.update(groups.leaving, groups.distressed)

    def treat(self, distressed: list[int]) -> None:
        """Draw the periods of special treatment (ST)."""
        for k, i in enumerate(distressed):
            first = 0 if k % 2 == 0 else self.within(0.3)
            last = len(self.days) - 1 if k % 3 != 2 else self.within(0.7)
            self.st[first : last + 1, i] = True
            self.add("st", i, first, last)

    def suspend(self, groups: _Groups) -> None:
        """Draw suspensions, among them of members of both indices, and one that extends into the days with ticks."""
        each = 2 if self.big else 1
        drawn = self.draw(groups.csi500, each) + self.draw(groups.csi1000, each)
        for k, i in enumerate(drawn + self.draw(groups.outside, 2 if self.big else 0)):
            length = int(self.rng.integers(3, 16 if self.big else 5))
            earliest = self.first_minute + 6
            first = self.first_tick + 2 if k == 0 else int(self.rng.integers(earliest, self.first_tick - length))
            if k == 1:
                first = max(earliest, self.first_tick - length // 2 - 1)
            self.suspended[first : first + length, i] = True
            self.add("suspension", i, first, first + length - 1)

    def lock_at_limits(self, groups: _Groups) -> None:
        """Draw the days on which a stock trades only at its price limit."""
        n_days, t0 = len(self.days), self.first_tick

        def lock(i: int, first: int, length: int, sign: int) -> None:
            self.lock[first : first + length, i] = sign
            self.add("limit_lock", i, first, first + length - 1, float(sign), "up" if sign > 0 else "down")

        for k, i in enumerate(self.draw(groups.ordinary, 10 if self.big else 3)):
            late, early = (t0 + 1, n_days - 3), (self.first_minute + 8, t0 - 3)
            first = int(self.rng.integers(*(late if k % 2 == 0 else early)))
            lock(i, first, 2 if k % 4 == 3 else 1, -1 if k % 3 == 2 else 1)
        # ST stocks are locked on one day each without a random draw, so that all other events are those of a market without them.
        treated = [i for i in groups.distressed if self.st[t0 + 2 :, i].all()]
        for k, i in enumerate(treated[: self.settings.st_locks]):
            lock(i, t0 + 2 + k % (self.settings.tick_days - 2), 1, -1 if k % 2 else 1)

    def change_shares(self, groups: _Groups) -> None:
        """Draw splits and dividends, the first of each on a day with ticks."""
        n_days = len(self.days)

        def day(k: int) -> int:
            return int(self.rng.integers(self.first_tick + 2 if k == 0 else self.first_minute + 6, n_days))

        for k, i in enumerate(self.draw(groups.ordinary, 4 if self.big else 1)):
            ex_date, ratio = day(k), (1.4, 1.3, 1.5, 2.0)[k % 4]
            self.split[ex_date, i] = ratio
            self.add("split", i, ex_date, ex_date, ratio, "new shares per old one")
        for k, i in enumerate(self.draw(groups.ordinary, 10 if self.big else 2)):
            ex_date = day(k)
            cents = int(max(1, round(self.stocks.price[i] * 100 * self.rng.uniform(0.01, 0.03))))
            self.dividend[ex_date, i] = cents
            self.add("dividend", i, ex_date, ex_date, cents / 100.0, "yuan a share")

    def spoil_deliveries(self) -> None:
        """Draw the faults of deliveries: a channel that ends early, and a day that is delivered again with corrections."""
        lost = int(2011 + self.rng.integers(0, self.settings.szse_channels))
        day = self.first_tick + self.settings.tick_days // 2
        detail = f"SZSE channel {lost}: nothing delivered from 13:30 on"
        self.add("missing_channel", -1, day, day, float(lost), detail)
        day = self.first_tick + max(1, self.settings.tick_days // 3)
        sse = [i for i in self.shuffled if self.stocks.symbol[i].endswith(".SH") and i not in self.used]
        self.add("restated_day", sse[0], day, day, detail="prints of 10:30 to 10:40 restamped 20 seconds later")


def _review_day(days: list[dt.date], first: int, end: int) -> int:
    """Return the second Friday of the month in the middle of the days with minute data, or the trading day before it."""
    middle = days[(first + end) // 2]
    start = middle.replace(day=1)
    friday = start + dt.timedelta(days=(4 - start.weekday()) % 7 + 7)
    return max(i for i, d in enumerate(days) if d <= friday)


def limit_percents(plan: MarketPlan, d: int, rules: Rulebook) -> tuple[np.ndarray, np.ndarray]:
    """Return the price limits up and down of each stock on day d in whole percent, [stocks] each; 0 means no limit."""
    s = plan.stocks
    age = d - s.listed
    names = pl.DataFrame(
        {
            "board": s.board,
            "is_st": plan.st[d],
            "list_date": [plan.days[max(0, int(first))] for first in s.listed],
            "listed_days": np.maximum(age, 0) + 1,
            "delisting_day": pl.Series([None] * len(s), dtype=pl.Int32),
        }
    )
    up, down = rules.limit_percents()
    percents = names.select(up=up.fill_null(0), down=down.fill_null(0))
    return percents["up"].to_numpy(), percents["down"].to_numpy()


def limit_prices(pre_close: int, up_percent: int, down_percent: int) -> tuple[int, int]:
    """Return (limit-up, limit-down) in cents; both are 0 where the day has no limit. pre_close in cents."""
    if up_percent == 0 or down_percent == 0:
        return 0, 0
    return limit_cents(pre_close, up_percent, down_percent)
