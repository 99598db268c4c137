"""The reference tables of the landing zone: instruments, daily prices, indices, industries and fundamentals (SPEC §2.1).

This module does not hold the trading.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from .plan import INDICES, MarketPlan, random
from .settings import MarketSettings

YEAR_DAYS = 242


class DailyRecord:
    """The daily figures of every stock-day as arrays (days, stocks); prices and amounts are in cents."""

    def __init__(self, days: int, stocks: int) -> None:
        self.traded = np.zeros((days, stocks), bool)
        shape = (days, stocks)
        self.pre_close, self.open, self.high, self.low, self.close = (np.zeros(shape, np.int64) for _ in range(5))
        self.volume, self.amount, self.total_shares, self.float_shares = (np.zeros(shape, np.int64) for _ in range(4))
        self.limit_up, self.limit_down = np.zeros(shape, np.int64), np.zeros(shape, np.int64)


def instruments(plan: MarketPlan) -> pl.DataFrame:
    """Return symbol, list_date, delist_date, name, board. Listing days before the history are computed in calendar days."""
    s = plan.stocks
    first, n_days = plan.days[0], len(plan.days)

    def listed(k: int) -> dt.date:
        if k >= 0:
            return plan.days[k]
        day = first - dt.timedelta(days=int(-k * 365 / YEAR_DAYS) + 14)
        return day - dt.timedelta(days=max(0, day.weekday() - 4))

    names = []
    for i, symbol in enumerate(s.symbol):
        end = min(int(s.delisted[i]), n_days) - 1
        prefix = "退市" if s.delisted[i] < n_days else "ST" if plan.st[end, i] else ""
        names.append(f"{prefix}样本{symbol[:6]}")
    return pl.DataFrame(
        {
            "symbol": s.symbol,
            "list_date": [listed(int(k)) for k in s.listed],
            "delist_date": pl.Series([plan.days[k] if k < n_days else None for k in s.delisted], dtype=pl.Date),
            "name": names,
            "board": s.board,
        }
    )


def daily_prices(plan: MarketPlan, record: DailyRecord) -> pl.DataFrame:
    """Return date, symbol, prices in yuan, volume, amount, shares, is_st, limits; a suspended day has no row."""
    d, i = np.nonzero(record.traded)
    symbols = pl.Series(plan.stocks.symbol, dtype=pl.String)

    def yuan(x: np.ndarray) -> pl.Series:
        return pl.Series(x[d, i] / 100.0)

    def limit(x: np.ndarray) -> pl.Series:
        return pl.Series(np.where(x[d, i] > 0, x[d, i] / 100.0, np.nan), nan_to_null=True)

    return pl.DataFrame(
        {
            "date": pl.Series(plan.days, dtype=pl.Date).gather(d),
            "symbol": symbols.gather(i),
            **{name: yuan(getattr(record, name)) for name in ("pre_close", "open", "high", "low", "close")},
            "volume": record.volume[d, i],
            "amount": yuan(record.amount),
            "float_shares": record.float_shares[d, i],
            "total_shares": record.total_shares[d, i],
            "is_st": plan.st[d, i],
            "limit_up": limit(record.limit_up),
            "limit_down": limit(record.limit_down),
        }
    )


def indices(plan: MarketPlan, record: DailyRecord) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (index_weights, index_prices). Weights are by float value, published at month ends and at the review.

    Weights that are published at a close apply from the next day and drift with prices. The index is a price index: it falls
    by dividends and is adjusted for splits.
    """
    n_days, n = record.traded.shape
    value = np.zeros((n_days, n))
    growth = np.ones((n_days, n))
    last = np.zeros(n)
    for d in range(n_days):
        t = record.traded[d]
        # the reference price before the dividend is subtracted, because a price index falls by the dividend
        base = record.pre_close[d] + np.where(t, plan.dividend[d], 0)
        growth[d, t] = record.close[d, t] / base[t]
        last = np.where(t, record.close[d] * record.float_shares[d], last)
        value[d] = last
    weights, prices = [], []
    for index, lists in plan.members.items():
        level, current = (6000.0 if index == INDICES[0] else 6500.0), np.zeros(n)
        names = lists[0][1]
        for d, day in enumerate(plan.days):
            if d > 0:
                gross = (current * growth[d]).sum()
                level *= gross
                current = current * growth[d] / gross
            for published, listed in lists:
                if published == d:
                    names = listed
            ends_month = d + 1 == n_days or plan.days[d + 1].month != day.month
            if d == 0 or any(published == d for published, _ in lists) or ends_month:
                there = [i for i in names if value[d, i] > 0]
                w = np.round(value[d, there] / value[d, there].sum(), 8)
                current = np.zeros(n)
                current[there] = w / w.sum()
                weights.append(
                    pl.DataFrame(
                        {"index": index, "date": day, "symbol": [plan.stocks.symbol[i] for i in there], "weight": w},
                        schema={"index": pl.String, "date": pl.Date, "symbol": pl.String, "weight": pl.Float64},
                    )
                )
            prices.append((index, day, round(level, 4)))
    frame = pl.DataFrame(prices, schema={"index": pl.String, "date": pl.Date, "close": pl.Float64}, orient="row")
    return pl.concat(weights), frame


def industries(plan: MarketPlan, table: pl.DataFrame) -> pl.DataFrame:
    """Return symbol, start_date, industry: one membership from the listing on."""
    return table.select("symbol", start_date="list_date", industry=pl.Series(plan.stocks.industry, dtype=pl.String))


def fundamentals(settings: MarketSettings, plan: MarketPlan) -> pl.DataFrame:
    """Return symbol, period, announce_date, net_profit (of the quarter), equity, from two years before the first minute day."""
    rng = random(settings, "fundamentals")
    s = plan.stocks
    start, end = plan.days[plan.first_minute].year - 2, plan.days[-1]
    n = len(s)
    equity = s.price * s.total_shares * np.exp(rng.normal(np.log(0.4), 0.5, n))
    quality = rng.normal(0.02, 0.012, n)
    rows = []
    for year in range(start, end.year + 1):
        for quarter, (month, day) in enumerate(((3, 31), (6, 30), (9, 30), (12, 31))):
            period = dt.date(year, month, day)
            quality = quality + rng.normal(0.0, 0.004, n)
            profit = equity * (quality + rng.normal(0.0, 0.004, n))
            equity = np.maximum(equity + 0.7 * profit, 1e7)
            # announced within one month after quarters 1 and 3, two months after the half-year, four months after the year
            span = (28, 60, 29, 115)[quarter]
            delay = rng.integers(span // 3, span, n)
            for i in range(n):
                announced = period + dt.timedelta(days=int(delay[i]) + 1)
                if announced <= end:
                    rows.append(
                        (s.symbol[i], period, announced, round(float(profit[i]), 2), round(float(equity[i]), 2))
                    )
    schema = {
        "symbol": pl.String,
        "period": pl.Date,
        "announce_date": pl.Date,
        "net_profit": pl.Float64,
        "equity": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row").sort("symbol", "period")


def events(plan: MarketPlan) -> pl.DataFrame:
    """Return the scheduled events: event, symbol, first_date, last_date, value, detail."""
    rows = [(e.kind, e.symbol or None, plan.days[e.first], plan.days[e.last], e.value, e.detail) for e in plan.events]
    schema = {
        "event": pl.String,
        "symbol": pl.String,
        "first_date": pl.Date,
        "last_date": pl.Date,
        "value": pl.Float64,
        "detail": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
