"""Runs the sample market day by day and writes the landing zone.

This module holds the loop over days and the distribution of work over threads. It does not hold trading, scheduling or file formats,
which are in the other modules.
"""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from resources.rulebook import Rulebook

from . import bars as mb
from . import book as bk
from . import delivery, reference
from .folder import building, is_made
from .plan import MarketPlan, day_seed, limit_percents, limit_prices, make_plan, random
from .settings import MarketSettings
from .signals import CommonFactors, Signals, activity_shape, make_common_factors, make_signals

SHARES_PER_SCALE = 1_120.0
"""Average number of shares that a run of the book trades per day, per unit of size scale and of activity."""
NIGHT_SHARE = 0.45
"""Overnight part of a stock's idiosyncratic daily volatility, as a fraction of the intraday part."""


def generate(
    settings: MarketSettings, out: Path, *, workers: int = 2, report: Callable[[str], None] = lambda _: None
) -> bool:
    """Make the market in `out`, and return False if it already exists. The folder is created atomically.

    Raises:
        FolderTakenError: `out` contains files that the generator did not make, or that were changed since; they are never
            overwritten.
    """
    if is_made(out, settings):
        return False
    with building(out, settings) as folder:
        _Market(settings, folder, workers, report).run()
    return True


class _Market:
    """State of a market while it is made."""

    def __init__(self, settings: MarketSettings, folder: Path, workers: int, report: Callable[[str], None]) -> None:
        self.settings, self.folder, self.report = settings, folder, report
        self.plan: MarketPlan = make_plan(settings)
        self.signals: Signals = make_signals(settings, self.plan)
        self.common: CommonFactors = make_common_factors(settings, self.plan)
        self.rules = Rulebook.on(self.plan.days[0])
        self.late_boards = self.rules.after_hours_boards()
        self.percents = limit_percents(self.plan, 0, self.rules)
        self.shape = activity_shape()
        days, n = len(self.plan.days), len(self.plan.stocks)
        self.record = reference.DailyRecord(days, n)
        self.value = np.log(self.plan.stocks.price)
        self.close = np.round(self.plan.stocks.price * 100).astype(np.int64)
        self.shares = self.plan.stocks.total_shares.copy()
        self.sizes = np.zeros((days, n, 3))
        self.bars = np.zeros((n, len(mb.GRID), len(mb.COLUMNS)))
        self.industry_index = self._industry_index()
        self.rng_night = random(settings, "night")
        self.pool = ThreadPoolExecutor(workers)
        self.memories: queue.SimpleQueue[bk.Book] = queue.SimpleQueue()
        for _ in range(workers):
            self.memories.put(bk.new_book())
        self.writing: list[Future[int]] = []
        self.vendor_bytes = 0

    def _industry_index(self) -> np.ndarray:
        names = sorted(set(self.plan.stocks.industry))
        return np.array([names.index(x) for x in self.plan.stocks.industry])

    # ---- the loop

    def run(self) -> None:
        for name in ("bars", "ticks", "reference", "restated", "truth/bars", "truth/restated"):
            (self.folder / name).mkdir(parents=True)
        plan = self.plan
        self.report(
            f"sample market: {len(plan.stocks)} stocks, {self.settings.days} days (a first run compiles for 20 s)"
        )
        began = time.monotonic()
        reported = began
        with self.pool:
            for d in range(len(plan.days)):
                self._run_day(d)
                now = time.monotonic()
                if now - reported > 5.0 and d > plan.first_minute + self.settings.days // 25:
                    reported = now
                    # a day of vendor files takes as long as about three days of bars
                    done = d + 1 - plan.first_minute + 2 * max(0, d + 1 - plan.first_tick)
                    total = self.settings.days + 2 * self.settings.tick_days
                    left = (now - began) * (total - done) / done
                    self.report(f"sample market: {plan.days[d]}, {100 * done // total} %, about {left:.0f} s left")
            self._drain(0)
        self._write_reference()

    def _drain(self, allowed: int) -> None:
        while len(self.writing) > allowed:
            self.vendor_bytes += self.writing.pop(0).result()

    def _run_day(self, d: int) -> None:
        plan, record, s = self.plan, self.record, self.plan.stocks
        day, n = plan.days[d], len(s)
        c = self.common
        noise = self.rng_night.standard_t(4, size=n) / math.sqrt(2.0)
        extra = self.rng_night.normal(size=(n, 4))
        scale = np.exp(c.volatility[d])
        night = s.beta * c.market_night[d] + c.industry_night[d, self.industry_index]
        night = night + NIGHT_SHARE * s.volatility * scale * noise
        minute_moves = s.beta[:, None] * c.market[d] + c.industry[d][:, self.industry_index].T
        listed = (s.listed <= d) & (d < s.delisted)
        active = np.flatnonzero(listed & ~plan.suspended[d])
        self.rules = Rulebook.on(day)
        self.late_boards = self.rules.after_hours_boards()
        self.percents = limit_percents(plan, d, self.rules)
        for i in np.flatnonzero(listed & plan.suspended[d]):
            self.value[i] += 0.3 * night[i]
        for i in active:
            self._open_day(d, int(i), float(night[i]))
        record.total_shares[d], record.float_shares[d] = self.shares, self._float_shares()
        record.traded[d, active] = True
        if d < plan.first_minute:
            for i in active:
                self._daily_only(d, int(i), float(minute_moves[i].sum()), extra[i], float(scale[i]))
            return
        lookback = self.sizes[max(plan.first_minute, d - 20) : d]
        threshold = mb.thresholds(lookback) if len(lookback) else np.full(n, np.nan)
        keep = d >= plan.first_tick
        chunks = np.array_split(active, 4)
        jobs = [self.pool.submit(self._trade, d, chunk, minute_moves, threshold, keep) for chunk in chunks]
        tapes = [tape for job in jobs for tape in job.result()]
        symbols = [s.symbol[i] for i in active]
        frame = mb.bars_frame(symbols, self.bars[active])
        sizes = mb.order_sizes_frame(symbols, self.sizes[d, active])
        self._drain(1)
        stem = f"{day:%Y%m%d}"
        self.writing.append(
            self.pool.submit(_write_bars, self.folder / ("truth/bars" if keep else "bars"), stem, frame, sizes)
        )
        if keep:
            lost = plan.one("missing_channel")
            cut = (int(lost.value), (13 * 60 + 30) * bk.MINUTE) if lost and lost.first == d else (None, 0)
            self.writing.append(self.pool.submit(_write_ticks, self.folder / "ticks" / stem, stem, tapes, *cut))
            restated = plan.one("restated_day")
            if restated and restated.first == d:
                self._restate(stem, symbols, restated.symbol, tapes, active, threshold)

    def _float_shares(self) -> np.ndarray:
        return np.round(self.shares * self.plan.stocks.float_share / 100.0).astype(np.int64) * 100

    def _open_day(self, d: int, i: int, night: float) -> None:
        """Set reference price, limits and overnight move of a stock that trades on the day."""
        plan, record = self.plan, self.record
        age = d - int(plan.stocks.listed[i])
        pre = int(self.close[i])
        if plan.dividend[d, i] or plan.split[d, i] != 1.0:
            ratio = float(plan.split[d, i])
            pre = math.floor((pre - int(plan.dividend[d, i])) / ratio + 0.5)
            self.value[i] += math.log(pre / self.close[i])
            self.shares[i] = round(int(self.shares[i]) * ratio)
        up, down = limit_prices(pre, int(self.percents[0][i]), int(self.percents[1][i]))
        record.pre_close[d, i], record.limit_up[d, i], record.limit_down[d, i] = pre, up, down
        self.value[i] += night
        if age == 0:
            self.value[i] += 0.25
        if plan.lock[d, i]:
            limit = up if plan.lock[d, i] > 0 else down
            self.value[i] = math.log(limit / 100.0) + 0.04 * plan.lock[d, i]

    def _drifts(self, d: int, i: int) -> tuple[float, float]:
        """The day's drift before 10:00 and after it: alpha is earned early, and partly reversed later."""
        week = self.signals.week_of_day[d]
        reversal = float(self.signals.imprints[week, i, 5])
        return float(self.signals.drift[d, i]) + reversal, -reversal

    def _scale(self, i: int) -> float:
        s = self.plan.stocks
        day_volume = s.turnover[i] * s.float_share[i] * float(self.shares[i])
        return max(60.0, day_volume / (SHARES_PER_SCALE * s.activity[i]))

    def _daily_only(self, d: int, i: int, move: float, extra: np.ndarray, scale: float) -> None:
        """Simulate a day of the history without a book: open, high, low, close, volume and amount."""
        record, s = self.record, self.plan.stocks
        early, late = self._drifts(d, i)
        low = int(record.limit_down[d, i]) or 1
        high = int(record.limit_up[d, i]) or 10**9

        def cents(x: float) -> int:
            return min(max(math.floor(math.exp(x) * 100.0 + 0.5), low), high)

        start = self.value[i] + 0.8 * early
        self.value[i] = start + 0.2 * early + late + move + 1.2 * s.volatility[i] * scale * extra[0]
        first, close = cents(start), cents(self.value[i])
        reach = 0.6 * s.volatility[i]
        top = max(first, close, cents(max(start, self.value[i]) + reach * abs(extra[1])))
        bottom = min(first, close, cents(min(start, self.value[i]) - reach * abs(extra[2])))
        volume = int(self._scale(i) * SHARES_PER_SCALE * s.activity[i] * math.exp(0.35 * extra[3]) / 100.0) * 100 + 100
        record.open[d, i], record.high[d, i], record.low[d, i], record.close[d, i] = first, top, bottom, close
        record.volume[d, i] = volume
        record.amount[d, i] = volume * (first + top + bottom + close) // 4
        self.close[i] = close

    # ---- one stock-day through the book

    @contextmanager
    def _memory(self) -> Iterator[bk.Book]:
        memory = self.memories.get()
        try:
            yield memory
        finally:
            self.memories.put(memory)

    def _trade(
        self, d: int, chunk: np.ndarray, moves: np.ndarray, threshold: np.ndarray, keep: bool
    ) -> list[delivery.Tape]:
        """Trade the stocks of a chunk. Only their own entries are written, so that chunks may run in parallel."""
        with self._memory() as memory:
            return [tape for i in chunk if (tape := self._trade_one(d, int(i), moves[i], threshold[i], keep, memory))]

    def _trade_one(
        self, d: int, i: int, moves: np.ndarray, threshold: float, keep: bool, book: bk.Book
    ) -> delivery.Tape | None:
        s, record, symbol = self.plan.stocks, self.record, self.plan.stocks.symbol[i]
        pre, up, down = int(record.pre_close[d, i]), int(record.limit_up[d, i]), int(record.limit_down[d, i])
        early, late = self._drifts(d, i)
        week = self.signals.week_of_day[d]
        parameters = np.zeros(bk.PARAMETERS)
        parameters[: bk.P_SIGNAL] = (
            self.value[i],
            s.volatility[i] / math.sqrt(bk.MINUTES),
            s.activity[i],
            self._scale(i),
            self.common.volatility[d, i],
            early,
            late,
        )
        parameters[bk.P_SIGNAL :] = self.signals.imprints[week, i, : bk.N_SIGNALS]
        integers = np.zeros(bk.INTEGERS, np.int64)
        integers[:] = (
            pre,
            down or pre * 55 // 100,
            up or pre * 170 // 100,
            self.rules.lot(s.board[i]).least,
            self.plan.lock[d, i],
            symbol.endswith(".SZ"),
            s.board[i] in self.late_boards,
            day_seed(self.settings, symbol, self.plan.days[d]),
        )
        if integers[bk.I_HIGH] - integers[bk.I_LOW] >= bk.MAX_LEVELS:
            raise OverflowError(
                f"{symbol} on {self.plan.days[d]}: the price {pre / 100} needs more price levels than the book has"
            )
        out = np.zeros(1)
        bk.simulate_day(book, parameters, integers, moves, self.shape, out)
        state = book.state
        if state[bk.OVERFLOW]:
            raise OverflowError(
                f"{symbol} on {self.plan.days[d]}: more orders than the memory of the book has room for"
            )
        events, snapshots = book.events[: state[bk.N_EVENTS]], book.snapshots[: state[bk.N_SNAPS]]
        orders = int(state[bk.N_ORDERS])
        mb.aggregate_day(events, snapshots, orders, threshold, pre, up, down, self.bars[i], self.sizes[d, i])
        self.value[i] = out[0]
        for name, k in (("open", bk.OPEN), ("high", bk.HIGH), ("low", bk.LOW), ("close", bk.LAST)):
            getattr(record, name)[d, i] = state[k]
        record.volume[d, i], record.amount[d, i] = state[bk.VOLUME], state[bk.AMOUNT]
        self.close[i] = state[bk.LAST]
        if not keep:
            return None
        code, channel = int(symbol[:6]), int(s.channel[i])
        return delivery.Tape(code, channel, events.copy(), snapshots.copy(), orders, pre, up, down)

    # ---- files that are written once

    def _restate(
        self,
        stem: str,
        symbols: list[str],
        symbol: str,
        tapes: list[delivery.Tape],
        active: np.ndarray,
        threshold: np.ndarray,
    ) -> None:
        """Write a corrected delivery of a day, in which one stock's times of 10:30 to 10:40 are 20 seconds later."""
        k = symbols.index(symbol)
        events = tapes[k].events.copy()
        stamp = events[:, bk.TIME]
        moved = (stamp >= 630 * bk.MINUTE) & (stamp < 640 * bk.MINUTE)
        events[:, bk.TIME] = np.maximum.accumulate(np.where(moved, stamp + 20_000, stamp))
        corrected = [*tapes]
        corrected[k] = replace(tapes[k], events=events)
        bars = self.bars[active].copy()
        t, i = tapes[k], active[k]
        mb.aggregate_day(
            events, t.snapshots, t.orders, threshold[i], t.pre_close, t.limit_up, t.limit_down, bars[k], np.zeros(3)
        )
        mb.bars_frame(symbols, bars).write_parquet(self.folder / "truth/restated" / f"{stem}.parquet")
        self.writing.append(self.pool.submit(_write_ticks, self.folder / "restated" / stem, stem, corrected, None, 0))

    def _write_reference(self) -> None:
        plan, folder = self.plan, self.folder / "reference"
        listed = reference.instruments(plan)
        weights, prices = reference.indices(plan, self.record)
        tables = {
            "instruments": listed,
            "daily_prices": reference.daily_prices(plan, self.record),
            "index_weights": weights,
            "index_prices": prices,
            "industries": reference.industries(plan, listed),
            "fundamentals": reference.fundamentals(self.settings, plan),
        }
        for name, table in tables.items():
            table.write_parquet(folder / f"{name}.parquet")
        weeks = pl.Series("week", self.signals.weeks, dtype=pl.Date)
        shape = self.signals.alpha.shape
        alpha = pl.DataFrame(
            {
                "week": weeks.gather(np.repeat(np.arange(shape[0]), shape[1])),
                "symbol": pl.Series(plan.stocks.symbol).gather(np.tile(np.arange(shape[1]), shape[0])),
                "alpha": self.signals.alpha.ravel(),
            }
        )
        alpha.write_parquet(self.folder / "truth" / "alpha.parquet")
        reference.events(plan).write_parquet(self.folder / "truth" / "events.parquet")


def _write_bars(folder: Path, stem: str, bars: pl.DataFrame, sizes: pl.DataFrame) -> int:
    bars.write_parquet(folder / f"{stem}.parquet")
    sizes.write_parquet(folder / f"{stem}.order_sizes.parquet")
    return 0


def _write_ticks(folder: Path, day: str, tapes: list[delivery.Tape], lost_channel: int | None, lost_after: int) -> int:
    folder.mkdir(parents=True)
    sse = [t for t in tapes if t.channel < 2000]
    szse = [t for t in tapes if t.channel >= 2000]
    size = delivery.write_sse(folder, day, sse)
    return size + delivery.write_szse(folder, szse, lost_channel=lost_channel, lost_after=lost_after)
