"""Makes a random reference landing zone for tests: a few dozen stocks with every event of the reference tables.

The events are suspensions, special treatment, listings and delistings, restated and partial announcements, negative equity,
changes of industry and index vectors. `cut_after` and `noise_after` remove or replace what became known after a day.
"""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl

from resources.calendar import Calendar
from resources.landing import LandingZone
from resources.settings.landing import LandingSettings

CALENDAR = Calendar.xshg()
FIRST, LAST = dt.date(2015, 1, 5), dt.date(2015, 4, 30)
KNOWN = {
    "daily_prices": "date",
    "instruments": "list_date",
    "industries": "start_date",
    "fundamentals": "announce_date",
    "index_weights": "date",
    "index_prices": "date",
}
CODES = ("600", "601", "000", "002", "300")


def random_reference(seed: int, names: int = 40) -> dict[str, pl.DataFrame]:
    """Return the tables of a landing zone, 2015-01-05 … 2015-04-30."""
    rng = np.random.default_rng(seed)
    days = CALENDAR.days(FIRST, LAST)
    symbols = []
    for number in range(names):
        code = f"{CODES[number % len(CODES)]}{number:03d}"
        symbols.append(f"{code}.{'SH' if code[0] == '6' else 'SZ'}")
    prices, instruments, industries, fundamentals = [], [], [], []
    for number, symbol in enumerate(symbols):
        listed = dt.date(2000, 1, 4) if number % 5 else days[int(rng.integers(0, len(days)))]
        gone = days[int(rng.integers(30, len(days)))] if number % 13 == 7 else None
        instruments.append((symbol, listed, gone))
        close, shares = float(rng.integers(300, 4000)) / 100, int(rng.integers(10**7, 10**9))
        st = number % 11 == 3
        away = set()
        for _ in range(int(rng.integers(0, 4))):
            start = int(rng.integers(0, len(days)))
            away.update(range(start, start + int(rng.integers(1, 15))))
        for position, day in enumerate(days):
            if day < listed or (gone and day >= gone) or position in away:
                continue
            if rng.random() < 0.01:
                st = not st
            if rng.random() < 0.01:
                shares = int(shares * 1.5)
                close = round(close / 1.5, 2)
            pre = close
            cents = sorted(round(pre * 100 * (1 + x)) for x in rng.uniform(-0.04, 0.04, 4))
            low, a, b, high = (cent / 100 for cent in cents)
            opened, close = (a, b) if rng.random() < 0.5 else (b, a)
            volume = min(int(rng.integers(1, 10**6)) * 100, int(shares * 0.6))
            amount = round(volume * (low + high) / 2, 2)
            prices.append((day, symbol, pre, opened, high, low, close, volume, amount, int(shares * 0.7), shares, st))
        starts = sorted({dt.date(2000, 1, 1), days[int(rng.integers(0, len(days)))]})[: 1 + number % 2]
        if number % 17 != 5:
            industries += [(symbol, start, f"{int(rng.integers(10, 14))}") for start in starts]
        equity = float(rng.uniform(1e8, 5e9)) * (-1 if number % 19 == 4 else 1)
        for quarter in range(8):
            month = 3 * (quarter % 4) + 3
            period = dt.date(2013 + quarter // 4, month, 31 if month in (3, 12) else 30)
            if rng.random() < 0.1 or number % 23 == 6:
                continue
            for _ in range(1 + (rng.random() < 0.3)):
                announced = period + dt.timedelta(days=int(rng.integers(10, 110)))
                profit = None if rng.random() < 0.1 else float(rng.normal(2e7, 4e7))
                book = None if rng.random() < 0.05 else equity * float(rng.uniform(0.9, 1.1))
                fundamentals.append((symbol, period, announced, profit, book))
    weights, closes = [], []
    moves: dict[dt.date, dict[str, float]] = {}
    for day, symbol, pre, *_, close, _, _, _, _, _ in prices:
        moves.setdefault(day, {})[symbol] = close / pre - 1
    for index in ("000905.SH", "000852.SH"):
        for day in CALENDAR.month_signal_days(days[0], days[-1]):
            if index == "000852.SH" and day < days[40]:
                continue
            members = rng.choice(symbols, 10, replace=False)
            weight = rng.dirichlet(np.ones(10))
            weights += [(index, day, symbol, round(float(w), 4)) for symbol, w in zip(members, weight, strict=True)]
        closes += _index_closes(index, weights, moves, days, float(rng.uniform(4000, 5000)))
    return {
        "daily_prices": pl.DataFrame(
            prices,
            schema=[
                "date", "symbol", "pre_close", "open", "high", "low", "close", "volume", "amount", "float_shares",
                "total_shares", "is_st",
            ],
            orient="row",
        ),
        "instruments": pl.DataFrame(
            instruments, schema={"symbol": pl.String, "list_date": pl.Date, "delist_date": pl.Date}, orient="row"
        ),
        "industries": pl.DataFrame(industries, schema=["symbol", "start_date", "industry"], orient="row"),
        "fundamentals": pl.DataFrame(
            fundamentals,
            schema={
                "symbol": pl.String, "period": pl.Date, "announce_date": pl.Date, "net_profit": pl.Float64,
                "equity": pl.Float64,
            },
            orient="row",
        ).unique(["symbol", "period", "announce_date"], keep="first", maintain_order=True),
        "index_weights": pl.DataFrame(weights, schema=["index", "date", "symbol", "weight"], orient="row"),
        "index_prices": pl.DataFrame(closes, schema=["index", "date", "close"], orient="row"),
    }  # fmt: skip


def _index_closes(
    index: str,
    weights: list[tuple[str, dt.date, str, float]],
    moves: dict[dt.date, dict[str, float]],
    days: list[dt.date],
    level: float,
) -> list[tuple[str, dt.date, float]]:
    """Return an index that moves as its members of the latest vector do; it does not move before the first vector."""
    closes = []
    for day in days:
        published = max((date for name, date, _, _ in weights if name == index and date <= day), default=None)
        vector = {symbol: w for name, date, symbol, w in weights if (name, date) == (index, published)}
        move = sum(w * moves[day].get(symbol, 0.0) for symbol, w in vector.items()) / (sum(vector.values()) or 1.0)
        level *= 1 + move
        closes.append((index, day, round(level, 2)))
    return closes


def landed(
    folder: Path,
    tables: dict[str, pl.DataFrame],
    leave_out: tuple[str, ...] = (),
    settings: LandingSettings | None = None,
) -> LandingZone:
    """Return a landing zone with these tables and the declarations of the settings."""
    (folder / "reference").mkdir(parents=True, exist_ok=True)
    for name, frame in tables.items():
        if name not in leave_out:
            frame.write_parquet(folder / "reference" / f"{name}.parquet")
    return LandingZone(folder, settings=settings)


def cut_after(tables: dict[str, pl.DataFrame], day: dt.date) -> dict[str, pl.DataFrame]:
    """Return the tables without what became known after `day`."""
    cut = {name: frame.filter(pl.col(KNOWN[name]) <= day) for name, frame in tables.items()}
    past = pl.col("delist_date") <= day
    cut["instruments"] = cut["instruments"].with_columns(delist_date=pl.when(past).then("delist_date"))
    return cut


def noise_after(tables: dict[str, pl.DataFrame], day: dt.date, seed: int) -> dict[str, pl.DataFrame]:
    """Return the tables with other values for everything that became known after `day`, and additional rows."""
    rng = np.random.default_rng(seed)
    noisy = {}
    for name, frame in cut_after(tables, day).items():
        late = tables[name].filter(pl.col(KNOWN[name]) > day)
        late = late.sample(fraction=0.7, shuffle=True, seed=seed)
        floats = [column for column, dtype in late.schema.items() if dtype.is_float() or dtype == pl.Int64]
        late = late.with_columns(
            (pl.col(column) * pl.Series(rng.uniform(0.1, 10, late.height))).cast(late.schema[column])
            for column in floats
        )
        if "is_st" in late.columns:
            late = late.with_columns(is_st=~pl.col("is_st"))
        if "industry" in late.columns:
            late = late.with_columns(industry=pl.lit("99"))
        noisy[name] = pl.concat([frame, late])
    # Delistings after the day are future events too, and are replaced.
    doomed = pl.col("delist_date").is_null() & (pl.int_range(pl.len()) % 3 == 0)
    noisy["instruments"] = noisy["instruments"].with_columns(
        delist_date=pl.when(doomed).then(pl.lit(day + dt.timedelta(days=1))).otherwise("delist_date")
    )
    return noisy
