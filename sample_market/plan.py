"""What a market consists of before anything trades: its calendar, its names, its scheduled events, its price limits.

What belongs here: all that is fixed by the settings alone. What does not: prices, which come out of the book.
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
"""How far after the first code of its board each board's names begin."""


def random(settings: MarketSettings, *key: str | int) -> np.random.Generator:
    """A random stream of its own for every purpose, so that one more draw somewhere moves nothing elsewhere."""
    return np.random.default_rng([settings.seed, zlib.crc32("/".join(map(str, key)).encode())])


def day_seed(settings: MarketSettings, symbol: str, day: dt.date) -> int:
    """Seed of one stock-day: depends on nothing but the market's seed, the symbol and the date."""
    low = zlib.crc32(f"{settings.seed}/{symbol}/{day}".encode())
    high = zlib.crc32(f"{day}/{symbol}/{settings.seed}".encode())
    return (high << 31) ^ low


@dataclass(frozen=True)
class Event:
    """Something scheduled: kind, symbol ('' for the market), first and last trading day as indices, value, words."""

    kind: str
    symbol: str
    first: int
    last: int
    value: float = 0.0
    detail: str = ""


@dataclass(frozen=True)
class Stocks:
    """The names, one entry per stock, in order of symbol. Indices of days count from the first day of the history."""

    symbol: list[str]
    board: list[str]
    industry: list[str]
    listed: np.ndarray
    """Index of the first trading day, negative before the history."""
    delisted: np.ndarray
    """Index of the first day on which it is gone."""
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
class Plan:
    """Calendar, names, members and events of a market."""

    days: list[dt.date]
    first_minute: int
    first_tick: int
    stocks: Stocks
    st: np.ndarray
    """(days, stocks) shown as ST."""
    suspended: np.ndarray
    """(days, stocks)."""
    lock: np.ndarray
    """(days, stocks) 1 locked at limit-up, -1 at limit-down."""
    dividend: np.ndarray
    """(days, stocks) cents a share, on the ex-date."""
    split: np.ndarray
    """(days, stocks) new shares per old one, on the ex-date; 1 otherwise."""
    members: dict[str, list[tuple[int, list[int]]]]
    """Index → (index of the day at whose close the list is published, members), in order."""
    events: list[Event] = field(default_factory=list)

    def one(self, kind: str) -> Event | None:
        """The first event of a kind."""
        return next((e for e in self.events if e.kind == kind), None)


def trading_days(settings: MarketSettings) -> list[dt.date]:
    """The trading days of the market, oldest first, from the exchange's calendar.

    Raises
    ------
    ValueError
        If the last day is no trading day, or not its week's last.
    """
    calendar, last = Calendar.xshg(), settings.last_day
    try:
        if not calendar.is_trading_day(last):
            raise ValueError(f"last_day {last} is no trading day of XSHG: choose a week's last trading day")
        if not calendar.is_last_of_week(last):
            raise ValueError(f"last_day {last} is not its week's last trading day")
        return calendar.days(calendar.offset(last, 1 - settings.history_days - settings.days), last)
    except SettingsError as error:
        raise ValueError(f"last_day {last}: {error}") from error


def monday(day: dt.date) -> dt.date:
    """The week of a day, named by its Monday."""
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


def make_plan(settings: MarketSettings) -> Plan:
    """Everything scheduled, from the settings alone."""
    days = trading_days(settings)
    n_days = len(days)
    m0 = settings.history_days
    t0 = n_days - settings.tick_days
    stocks = _make_stocks(settings, n_days, Rulebook.on(days[0]))
    n = len(stocks)
    rng = random(settings, "events")
    big = n >= 100
    st = np.zeros((n_days, n), bool)
    suspended = np.zeros((n_days, n), bool)
    lock = np.zeros((n_days, n), np.int64)
    dividend = np.zeros((n_days, n), np.int64)
    split = np.ones((n_days, n))
    events: list[Event] = []

    def add(kind: str, i: int, first: int, last: int, value: float = 0.0, detail: str = "") -> None:
        events.append(Event(kind, stocks.symbol[i] if i >= 0 else "", first, last, value, detail))

    # members first: by size among the ordinary, the very largest and the rest outside
    shuffled = [int(i) for i in rng.permutation(n)]
    board = stocks.board
    listings = []
    for name in ("star", "chinext", "main_sh") if big else ("chinext",):
        listings.append(next(i for i in shuffled if board[i] == name and i not in listings))
    special = [i for i in shuffled if board[i].startswith("main") and i not in listings][: 7 if big else 3]
    leaving, distressed = special[: 2 if big else 1], special[2 if big else 1 :]
    ordinary = [i for i in range(n) if i not in listings and i not in special]
    ordinary.sort(key=lambda i: (-stocks.price[i] * stocks.total_shares[i], stocks.symbol[i]))
    skip = max(2, len(ordinary) // 16)
    a = ordinary[skip : skip + settings.csi500]
    b = ordinary[skip + settings.csi500 : skip + settings.csi500 + settings.csi1000]
    outside = ordinary[skip + settings.csi500 + settings.csi1000 :]
    if len(outside) < 2:
        raise ValueError(f"{n} names are too few for indices of {settings.csi500} and {settings.csi1000} members")
    review = _review_day(days, m0, n_days)
    moved = max(1, len(a) // 12)
    a2 = sorted(a[:-moved] + b[:moved])
    b2 = sorted(b[moved : len(b) - 1] + a[-moved:] + outside[:1])
    members = {INDICES[0]: [(0, sorted(a)), (review, a2)], INDICES[1]: [(0, sorted(b)), (review, b2)]}
    add("index_review", -1, review, review, detail=f"{moved + 1} names change, in force from the next trading day")

    used: set[int] = set()

    def draw(pool: list[int], count: int) -> list[int]:
        free = [i for i in shuffled if i in pool and i not in used]
        used.update(free[:count])
        return free[:count]

    for k, i in enumerate(listings):
        stocks.listed[i] = int(m0 + (n_days - m0) * (0.35 + 0.15 * k) if big else t0 - 3)
        used.add(i)
        add("listing", i, int(stocks.listed[i]), int(stocks.listed[i]), stocks.price[i], f"{board[i]}, issue price")
    for k, i in enumerate(leaving):
        gone = int(m0 + (n_days - m0) * (0.45 + 0.3 * k))
        stocks.delisted[i] = gone
        st[:gone, i] = True
        add("delisting", i, gone - 1, gone - 1, detail="last trading day")
    for k, i in enumerate(distressed):
        first = 0 if k % 2 == 0 else int(m0 + (n_days - m0) * 0.3)
        last = n_days - 1 if k % 3 != 2 else int(m0 + (n_days - m0) * 0.7)
        st[first : last + 1, i] = True
        add("st", i, first, last)
    used.update(special)

    # suspensions: members of both indices among them, and one that reaches into the vendor days
    for k, i in enumerate(draw(a, 2 if big else 1) + draw(b, 2 if big else 1) + draw(outside, 2 if big else 0)):
        length = int(rng.integers(3, 16 if big else 5))
        first = t0 + 2 if k == 0 else int(rng.integers(m0 + 6, t0 - length))
        if k == 1:
            first = max(m0 + 6, t0 - length // 2 - 1)
        suspended[first : first + length, i] = True
        add("suspension", i, first, first + length - 1)
    # one-price days
    for k, i in enumerate(draw(a + b + outside, 10 if big else 3)):
        sign = -1 if k % 3 == 2 else 1
        first = int(rng.integers(t0 + 1, n_days - 3)) if k % 2 == 0 else int(rng.integers(m0 + 8, t0 - 3))
        length = 2 if k % 4 == 3 else 1
        lock[first : first + length, i] = sign
        add("limit_lock", i, first, first + length - 1, float(sign), "up" if sign > 0 else "down")
    # ST names locked at their limit, one day each, with no random draw: the other events are those of a market without them
    for k, i in enumerate(i for i in distressed if st[t0 + 2 :, i].all()):
        if k == settings.st_locks:
            break
        day, sign = t0 + 2 + k % (settings.tick_days - 2), -1 if k % 2 else 1
        lock[day, i] = sign
        add("limit_lock", i, day, day, float(sign), "up" if sign > 0 else "down")
    for k, i in enumerate(draw(a + b + outside, 4 if big else 1)):
        day = int(rng.integers(t0 + 2, n_days)) if k == 0 else int(rng.integers(m0 + 6, n_days))
        ratio = (1.4, 1.3, 1.5, 2.0)[k % 4]
        split[day, i] = ratio
        add("split", i, day, day, ratio, "new shares per old one")
    for k, i in enumerate(draw(a + b + outside, 10 if big else 2)):
        day = int(rng.integers(t0 + 2, n_days)) if k == 0 else int(rng.integers(m0 + 6, n_days))
        cents = int(max(1, round(stocks.price[i] * 100 * rng.uniform(0.01, 0.03))))
        dividend[day, i] = cents
        add("dividend", i, day, day, cents / 100.0, "yuan a share")

    lost = int(2011 + rng.integers(0, settings.szse_channels))
    day = t0 + settings.tick_days // 2
    detail = f"SZSE channel {lost}: nothing delivered from 13:30 on"
    add("missing_channel", -1, day, day, float(lost), detail)
    day = t0 + max(1, settings.tick_days // 3)
    sse = [i for i in shuffled if stocks.symbol[i].endswith(".SH") and i not in used]
    add("restated_day", sse[0], day, day, detail="prints of 10:30 to 10:40 restamped 20 seconds later")
    events.sort(key=lambda e: (e.first, e.kind, e.symbol))
    return Plan(days, m0, t0, stocks, st, suspended, lock, dividend, split, members, events)


def _review_day(days: list[dt.date], first: int, end: int) -> int:
    """The second Friday of the month in the middle of the minute days, or the trading day before it."""
    middle = days[(first + end) // 2]
    start = middle.replace(day=1)
    friday = start + dt.timedelta(days=(4 - start.weekday()) % 7 + 7)
    return max(i for i, d in enumerate(days) if d <= friday)


def limit_percents(plan: Plan, d: int, rules: Rulebook) -> tuple[np.ndarray, np.ndarray]:
    """Whole percent up and down that each name may move on day d, 0 where there is no limit."""
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
    """(limit-up, limit-down) in cents, 0 where the day has none."""
    if up_percent == 0 or down_percent == 0:
        return 0, 0
    return limit_cents(pre_close, up_percent, down_percent)
