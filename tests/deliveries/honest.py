"""A small landing zone of one-minute bars and reference tables in which every figure agrees with every other.

Here: the honest market that mutations damage. Not here: the damage (mutations.py) and what becomes of it (endings.py).

36 invented names on four boards, 30 trading days of prices, the last two of them with bars. Bars add up to daily volume and
amount, daily ranges are those of the bars, each pre_close is the last close except on a split and a dividend day, index closes
follow their drifted members, profits are of single quarters. One name is under special treatment, one is suspended for a while.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from resources.calendar import Calendar

LAST = dt.date(2023, 5, 12)
HISTORY, WITH_BARS = 30, 2
NAMES = (
    *(f"{600101 + 7 * k}.SH" for k in range(12)),
    *(f"{k:06d}.SZ" for k in range(11, 21)),
    *(f"{300101 + 3 * k}.SZ" for k in range(8)),
    *(f"{688101 + 5 * k}.SH" for k in range(6)),
)
ST, SUSPENDED, SPLIT, DIVIDEND = NAMES[5], NAMES[13], NAMES[2], NAMES[20]
INDICES = ("000905.SH", "000852.SH")
MINUTES = (565, *range(570, 690), *range(780, 897), 897)


@dataclass(frozen=True)
class Honest:
    """The delivery. tables: reference table → rows. bars: day → rows. days: trading days, the last with bars."""

    tables: dict[str, pl.DataFrame]
    bars: dict[dt.date, pl.DataFrame]
    days: tuple[dt.date, ...]

    @property
    def day(self) -> dt.date:
        """The day that is damaged: the last one."""
        return self.days[-1]

    @property
    def index_members(self) -> dict[str, int]:
        """Index → how many members its last vector has."""
        weights = self.tables["index_weights"]
        last = weights.filter(pl.col("date") == pl.col("date").max().over("index"))
        return dict(last.group_by("index").agg(pl.col("symbol").n_unique().cast(pl.Int64)).iter_rows())

    def write(self, root: Path) -> None:
        """The landing zone, every table as Parquet."""
        (root / "bars").mkdir(parents=True)
        (root / "reference").mkdir()
        for name, frame in self.tables.items():
            frame.write_parquet(root / "reference" / f"{name}.parquet")
        for day, frame in self.bars.items():
            frame.write_parquet(root / "bars" / f"{day:%Y%m%d}.parquet")


def honest(seed: int = 5) -> Honest:
    """The same market for the same seed."""
    rng = np.random.default_rng(seed)
    calendar = Calendar.xshg()
    end = calendar.index(LAST)
    days = tuple(calendar.offset(LAST, n) for n in range(1 - HISTORY, 1))
    assert calendar.index(days[0]) == end - HISTORY + 1
    closes = {name: int(rng.integers(600, 6000)) for name in NAMES}  # cents
    shares = {name: int(rng.integers(2, 60)) * 10_000_000 for name in NAMES}
    prices, bars = [], {}
    for number, day in enumerate(days):
        rows = []
        for name in NAMES:
            if name == SUSPENDED and 8 <= number < 11:
                continue
            pre = closes[name]
            if name == SPLIT and number == 12:
                pre, shares[name] = round(pre / 2), shares[name] * 2
            if name == DIVIDEND and number == 15:
                pre -= round(pre * 0.02)
            minutes = _minutes(rng, name, pre)
            closes[name] = int(minutes["close"][-1])
            if number >= HISTORY - WITH_BARS:
                rows.append(minutes)
            volume, amount = int(minutes["volume"].sum()), float(minutes["amount"].sum())
            low, high = int(minutes["low"].min()), int(minutes["high"].max())  # type: ignore[arg-type]
            opened = int(minutes["open"][0])
            prices.append(
                (day, name, *(p / 100 for p in (pre, opened, high, low, closes[name])), volume, amount / 100,
                 int(shares[name] * 0.6), shares[name], name == ST)
            )  # fmt: skip
        if rows:
            cents = pl.col("open", "high", "low", "close", "amount") / 100
            bars[day] = pl.concat(rows).with_columns(cents)
    schema = ["date", "symbol", "pre_close", "open", "high", "low", "close", "volume", "amount", "float_shares",
              "total_shares", "is_st"]  # fmt: skip
    daily = pl.DataFrame(prices, schema=schema, orient="row")
    listed = {"symbol": list(NAMES), "list_date": [dt.date(2001, 1, 4) + dt.timedelta(days=61 * k) for k in range(36)]}
    weights = _weights(rng, days[0])
    tables = {
        "daily_prices": daily,
        "instruments": pl.DataFrame(listed).with_columns(delist_date=pl.lit(None, pl.Date)),
        "index_weights": weights,
        "index_prices": _index_prices(daily, weights, days),
        "industries": pl.DataFrame(
            {"symbol": NAMES, "start_date": dt.date(2010, 1, 4), "industry": [f"{10 + k % 4}" for k in range(36)]}
        ),
        "fundamentals": _fundamentals(rng),
    }
    return Honest(tables, bars, days)


def _minutes(rng: np.random.Generator, name: str, pre: int) -> pl.DataFrame:
    """A day's bars of one name; prices and amounts in cents."""
    count = len(MINUTES)
    widest = 0.02 if name == ST else 0.035
    path = np.cumsum(rng.normal(0, 0.0006, count)) + rng.normal(0, 0.004)
    path = np.clip(path, -widest, widest)
    close = np.round(pre * np.exp(path)).astype(np.int64)
    opened = np.concatenate([close[:1], close[:-1]])
    spread = rng.integers(0, 2, (2, count))
    high, low = np.maximum(opened, close) + spread[0], np.minimum(opened, close) - spread[1]
    high[0], low[0] = close[0], close[0]
    volume = rng.integers(1, 90, count) * 100 * np.where(rng.random(count) < 0.05, 0, 1)
    volume[0] = volume[-1] = 4_000
    empty = volume == 0
    for k in np.flatnonzero(empty):  # an empty minute is flat at the last close
        opened[k] = high[k] = low[k] = close[k] = close[k - 1]
        if k + 1 < count:
            opened[k + 1] = close[k]
            high[k + 1], low[k + 1] = max(high[k + 1], close[k]), min(low[k + 1], close[k])
    trades = np.where(empty, 0, rng.integers(1, 40, count))
    return pl.DataFrame(
        {
            "symbol": [name] * count,
            "minute": pl.Series(MINUTES, dtype=pl.Int32),
            "open": opened.astype(float),
            "high": high.astype(float),
            "low": low.astype(float),
            "close": close.astype(float),
            "volume": volume,
            "amount": (volume * close).astype(float),
            "trades": trades,
        }
    )


def _weights(rng: np.random.Generator, day: dt.date) -> pl.DataFrame:
    parts = []
    for index, members in zip(INDICES, (NAMES[::2], NAMES[1::2]), strict=True):
        cut = np.round(rng.dirichlet(np.full(len(members), 9.0)) * 10_000).astype(int)
        cut[0] += 10_000 - cut.sum()
        parts.append(pl.DataFrame({"index": index, "date": day, "symbol": members, "weight": cut / 10_000}))
    return pl.concat(parts)


def _index_prices(daily: pl.DataFrame, weights: pl.DataFrame, days: tuple[dt.date, ...]) -> pl.DataFrame:
    """Closes that follow the drifted weights, to the hundredth."""
    rows = []
    growth = daily.with_columns(growth=pl.col("close") / pl.col("pre_close")).select("date", "symbol", "growth")
    for index, level in zip(INDICES, (6000.0, 6600.0), strict=True):
        held = dict(weights.filter(pl.col("index") == index).select("symbol", "weight").iter_rows())
        rows.append((index, days[0], level))
        for day in days[1:]:
            moved = dict(growth.filter(pl.col("date") == day).select("symbol", "growth").iter_rows())
            held = {name: weight * moved.get(name, 1.0) for name, weight in held.items()}
            level *= sum(held.values())
            total = sum(held.values())
            held = {name: weight / total for name, weight in held.items()}
            rows.append((index, day, round(level, 2)))
    return pl.DataFrame(rows, schema=["index", "date", "close"], orient="row")


def _fundamentals(rng: np.random.Generator) -> pl.DataFrame:
    periods = [dt.date(y, m, 31 if m in (3, 12) else 30) for y in (2021, 2022) for m in (3, 6, 9, 12)]
    rows = []
    for name in NAMES:
        equity = float(rng.integers(10, 400)) * 1e7
        for period in periods:
            profit = round(equity * float(rng.normal(0.02, 0.015)), 2)
            equity += profit
            rows.append((name, period, period + dt.timedelta(days=int(rng.integers(20, 110))), profit, equity))
    columns = ["symbol", "period", "announce_date", "net_profit", "equity"]
    return pl.DataFrame(rows, schema=columns, orient="row")
