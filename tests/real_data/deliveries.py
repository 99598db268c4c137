"""Small whole deliveries cut out of real tapes, and a world in which many damaged copies of them go through the tables.

Here: a day's files as editable rows, a truth to compare with, building and what came out. Not here: the damage
(mutations.py).

A delivery keeps some minutes of a tape whole and leaves the rest out, its snapshots' cumulative fields recounted and the
day's prices summed from what stayed: as consistent as a day on which nobody traded in between.
"""

import csv
import dataclasses
import datetime as dt
import io
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from assets.bars.assets import TABLES as BARS
from assets.reference.assets import TABLES as REFERENCE
from assets.tape_health.assets import TABLES as TAPE_HEALTH
from assets.ticks.assets import TABLES as TICKS
from resources.builder import Builder
from resources.calendar import Calendar
from resources.lake import Lake
from resources.landing import LandingZone
from resources.reasons import Reason
from resources.settings import Settings

BOOK = ("net_bid_change", "spread", "imbalance", "imbalance_5")
TABLES = {table.name: table for table in (*TICKS, *REFERENCE, *TAPE_HEALTH, *BARS)}
CHAIN = tuple(
    name
    for name in (
        "trades",
        "orders",
        "quotes",
        "daily_prices",
        "securities",
        "tape_health",
        "order_sizes",
        "minute_bars",
    )
    if name in TABLES
)
UNAVAILABLE = {"orders": "order", "minute_bars": "spread"}
"""The column that stands for what a table cannot know where a file was not delivered."""
FIRST_DAY = dt.date(2021, 5, 6)  # SSE delivers its joint numbering since 2021-04-26
EXTRACT = 7  # numbers of a channel to each row that is here, as where other stocks were left out
KEPT = (("00:00:00", "09:33:00"), ("11:28:30", "13:01:30"), ("14:55:30", "24"))
"""Clock times that a delivery keeps, compared as text."""
TRADED = (("00:00:00", "09:32:54"), ("11:28:30", "13:01:24"), ("14:55:30", "24"))
"""Of its trades: a snapshot counts each of them before the stretch ends."""


# --- files as rows --------------------------------------------------------------------------------------------------------


class Csv:
    """A vendor file as rows of text. roles: what a column means → its name. Copies share rows until one is changed."""

    def __init__(self, header: Sequence[str], rows: list[list[str]], roles: Mapping[str, str]):
        self.header, self.rows, self.roles = list(header), rows, roles
        self.dates: tuple[str, str] | None = None  # (as in the rows, as delivered)
        self._whole: Csv | None = None
        self._text: str | None = None

    @classmethod
    def read(cls, path: Path, roles: Mapping[str, str]) -> "Csv":
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
        return cls(lines[0], lines[1:], roles)

    def copy(self) -> "Csv":
        other = Csv(self.header, list(self.rows), self.roles)
        other._whole = self
        return other

    def at(self, role: str) -> int:
        return self.header.index(self.roles.get(role, role))

    def has(self, role: str) -> bool:
        return self.roles.get(role, role) in self.header

    def get(self, row: int, role: str) -> str:
        return self.rows[row][self.at(role)]

    def set(self, row: int, role: str, value: object) -> None:
        changed = list(self.rows[row])
        changed[self.at(role)] = str(value)
        self.rows[row] = changed

    def values(self, role: str) -> list[str]:
        at = self.at(role)
        return [row[at] for row in self.rows]

    def change(self, role: str, to: Callable[[str], object], rows: Iterable[int] | None = None) -> None:
        """Replaces a column's values, in all rows or in those given."""
        for row in range(len(self.rows)) if rows is None else rows:
            self.set(row, role, to(self.get(row, role)))

    def of(self, code: str) -> list[int]:
        """Numbers of a stock's rows."""
        at = self.at("code")
        return [i for i, row in enumerate(self.rows) if row[at][:6] == code]

    def keep(self, holds: Callable[[int], bool]) -> None:
        self.rows = [row for i, row in enumerate(self.rows) if holds(i)]

    def drop(self, rows: Collection[int]) -> None:
        self.keep(lambda row: row not in rows)

    def text(self, *, eol: str = "\n", separator: str = ",", header: bool = True) -> str:
        lines = [self.header, *self.rows] if header else self.rows
        text = "".join([f"{separator.join(line)}{eol}" for line in lines])
        return text.replace(*self.dates) if self.dates else text

    def bytes(self) -> bytes:
        whole = self._whole
        if whole is None or self.header != whole.header or self.rows != whole.rows:
            return self.text().encode()
        if whole._text is None:  # written once for all deliveries that leave this file alone
            whole._text = whole.text()
        return (whole._text.replace(*self.dates) if self.dates else whole._text).encode()


DATAYES_TRADES = {
    "code": "SecurityID", "time": "TradTime", "price": "TradPrice", "volume": "TradVolume", "money": "TradeMoney",
    "bid": "TradeBuyNo", "ask": "TradeSellNo", "flag": "TradeBSFlag", "seq": "TradeIndex", "channel": "TradeChan",
    "event": "BizIndex",
}  # fmt: skip
DATAYES_ORDERS = {
    "code": "SecurityID", "time": "OrderTime", "price": "OrderPrice", "volume": "Balance", "order": "OrderNO",
    "side": "OrderBSFlag", "kind": "OrderType", "seq": "OrderIndex", "channel": "OrderChannel", "event": "BizIndex",
}  # fmt: skip
DATAYES_QUOTES = {
    "code": "SecurityID", "time": "UpdateTime", "count": "TradNumber", "volume": "TradVolume", "money": "Turnover",
    "last": "LastPrice", "pre_close": "PreCloPrice",
}  # fmt: skip
SZSE_TRADES = {
    "code": "SecurityID", "time": "TransactTime", "price": "LastPx", "volume": "LastQty", "bid": "BidApplSeqNum",
    "ask": "OfferApplSeqNum", "exec": "ExecType", "seq": "ApplSeqNum", "channel": "ChannelNo",
}  # fmt: skip
SZSE_QUOTES = {
    "code": "SecurityID", "time": "UpdateTime", "count": "TurnNum", "volume": "Volume", "money": "Turnover",
    "last": "LastPrice", "pre_close": "PreCloPrice",
}  # fmt: skip
SZSE_ORDERS = {
    "code": "SecurityID", "time": "TransactTime", "price": "Price", "volume": "OrderQty", "side": "Side",
    "kind": "OrdType", "seq": "ApplSeqNum", "channel": "ChannelNo",
}  # fmt: skip
INSIGHT_TRADES = {
    "code": "SecurityID", "time": "MDTime", "price": "TradePrice", "volume": "TradeQty", "money": "TradeMoney",
    "bid": "TradeBuyNo", "ask": "TradeSellNo", "flag": "TradeBSFlag", "seq": "TradeIndex", "channel": "ChannelNo",
    "event": "ApplSeqNum", "date": "MDDate",
}  # fmt: skip
INSIGHT_ORDERS = {
    "code": "SecurityID", "time": "MDTime", "price": "OrderPrice", "volume": "OrderQty", "order": "OrderNO",
    "side": "OrderBSFlag", "kind": "OrderType", "seq": "OrderIndex", "channel": "ChannelNo", "event": "ApplSeqNum",
    "date": "MDDate",
}  # fmt: skip


@dataclass(frozen=True)
class Delivery:
    """A whole and consistent day. files: name → rows. prices: the rows of daily_prices, symbol → values.
    trades, orders, quotes: names of the files that hold them."""

    name: str
    files: Mapping[str, Csv]
    prices: Mapping[str, Mapping[str, float]]
    trades: str
    orders: str = ""
    quotes: str = ""

    def on(self, day: dt.date) -> dict[str, Csv]:
        """Its files, dated `day` where rows carry a date."""
        copies = {name: one.copy() for name, one in self.files.items()}
        for one in copies.values():
            if one.has("date"):
                one.dates = (one.get(0, "date"), f"{day:%Y.%m.%d}")
        return copies

    @property
    def symbols(self) -> list[str]:
        return sorted(self.prices)


def _kept(time: str, stretches: tuple[tuple[str, str], ...] = KEPT) -> bool:
    return any(first <= time < end for first, end in stretches)


def _thin_orders(orders: Csv, whole: Csv, kept: set[int]) -> None:
    """Keeps the orders of the kept minutes and those that a kept trade names, each less what left-out trades took of it."""
    named, taken = set(), Counter()
    rows = zip(*(whole.values(role) for role in ("code", "bid", "ask", "flag", "volume")), strict=True)
    for i, (code, bid, ask, flag, volume) in enumerate(rows):
        if i in kept:
            named |= {(code, bid), (code, ask)}
        else:  # an aggressor's own row says what remained
            taken.update({(code, number): int(volume) for number in _resting(bid, ask, flag)})
    keys = list(zip(orders.values("code"), orders.values("order"), strict=True))
    named |= {key for key, time in zip(keys, orders.values("time"), strict=True) if _kept(time)}
    entered = {"A", "2"}
    for row, key in enumerate(keys):
        if key in taken and orders.get(row, "kind") in entered:
            orders.set(row, "volume", left := int(orders.get(row, "volume")) - taken[key])
            if not left:
                named.discard(key)
    orders.keep(lambda i: keys[i] in named)


def _resting(bid: str, ask: str, flag: str) -> tuple[str, ...]:
    return {"B": (ask,), "1": (ask,), "S": (bid,), "2": (bid,)}.get(flag, (bid, ask))


def _thin_quotes(quotes: Csv, whole: Csv, kept: set[int]) -> None:
    """Keeps the snapshots of the kept minutes and recounts their cumulative fields, trade by trade."""
    counts, volumes, cents, last = [0], [0], [0], [""]
    for row in whole.of(quotes.get(0, "code")[:6]):
        stays = row in kept
        price, volume = float(whole.get(row, "price")), int(whole.get(row, "volume"))
        counts.append(counts[-1] + stays)
        volumes.append(volumes[-1] + stays * volume)
        cents.append(cents[-1] + stays * round(price * 100) * volume)
        last.append(whole.get(row, "price") if stays else last[-1])
    quotes.keep(lambda i: _kept(quotes.get(i, "time")))
    for row in range(len(quotes.rows)):
        at = int(quotes.get(row, "count"))
        quotes.set(row, "count", counts[at])
        quotes.set(row, "volume", volumes[at])
        quotes.set(row, "money", f"{cents[at] / 100:.2f}")
        if last[at]:
            quotes.set(row, "last", last[at])


def prices_of(trades: Csv, suffix: str, pre_close: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """What daily_prices would say of a tape: sums and prices of its fills, per symbol."""
    rows: dict[str, dict[str, float]] = {}
    fills = trades.values("exec") if trades.has("exec") else ["F"] * len(trades.rows)
    for code, price, volume, kind in zip(
        trades.values("code"), trades.values("price"), trades.values("volume"), fills, strict=True
    ):
        if kind not in ("F", "70"):
            continue
        p, v = round(float(price), 2), int(volume)
        symbol = f"{code[:6]}.{suffix}"
        row = rows.setdefault(symbol, {"open": p, "high": p, "low": p, "volume": 0, "cents": 0})
        row.update(high=max(row["high"], p), low=min(row["low"], p), close=p)
        row["volume"] += v
        row["cents"] += round(p * 100) * v
    for symbol, row in rows.items():
        row["amount"] = row.pop("cents") / 100
        row["pre_close"] = pre_close.get(symbol, row["open"])
    return rows


def datayes_sse(data: Path) -> Delivery:
    """600519 with trades, orders and ten-level snapshots; 600000 with trades alone."""
    folder = data / "datayes" / "20230201"
    trades = Csv.read(folder / "20230201_Transaction.csv", DATAYES_TRADES)
    orders = Csv.read(folder / "mdl_4_19_0.csv", DATAYES_ORDERS)
    quotes = Csv.read(folder / "20230201_MarketData.csv", DATAYES_QUOTES)
    whole, kept = trades.copy(), {i for i, time in enumerate(trades.values("time")) if _kept(time, TRADED)}
    trades.keep(lambda i: i in kept)
    _thin_orders(orders, whole, kept)
    _thin_quotes(quotes, whole, kept)
    _renumber(EXTRACT, trades, orders)
    files = {"20230201_Transaction.csv": trades, "mdl_4_19_0.csv": orders, "20230201_MarketData.csv": quotes}
    prices = prices_of(trades, "SH", {"600519.SH": 1845.76})
    return Delivery("DataYes SSE", files, prices, *files)


def insight_sse(data: Path) -> Delivery:
    """600536, 600761 and 605580 with trades and orders."""
    folder = data / "insight" / "20230711"
    trades = Csv.read(folder / "SHtrans.csv", INSIGHT_TRADES)
    orders = Csv.read(folder / "SHorders.csv", INSIGHT_ORDERS)
    whole, kept = trades.copy(), {i for i, time in enumerate(trades.values("time")) if _kept(time)}
    trades.keep(lambda i: i in kept)
    _thin_orders(orders, whole, kept)
    _renumber(EXTRACT, trades, orders)
    return Delivery(
        "INSIGHT SSE", {"SHtrans.csv": trades, "SHorders.csv": orders}, prices_of(trades, "SH", {}), "SHtrans.csv",
        "SHorders.csv",
    )  # fmt: skip


def _renumber(step: int, *files: Csv) -> None:
    """Numbers a channel's rows `step` apart, in their order: 1 as in a whole feed, more as in an extract of it."""
    for one in files:
        for channel in set(one.values("channel")):
            rows = [row for row, own in enumerate(one.values("channel")) if own == channel]
            rows.sort(key=lambda row, one=one: int(one.get(row, "seq")))  # type: ignore[misc]
            for place, row in enumerate(rows):
                one.set(row, "seq", step * (place + 1))
    if all(one.has("event") for one in files):
        for channel in {channel for one in files for channel in one.values("channel")}:
            rows = [
                (int(one.get(row, "event")), n, row)
                for n, one in enumerate(files)
                for row, own in enumerate(one.values("channel"))
                if own == channel
            ]
            for place, (_, n, row) in enumerate(sorted(rows)):
                files[n].set(row, "event", step * (place + 1))


def whole_channel(sse: Delivery) -> Delivery:
    """The stock with snapshots alone, its channel's numbers without a gap, as in a delivery of the whole market."""
    code = sse.files[sse.quotes].get(0, "code")
    trades, orders, quotes = (sse.files[name].copy() for name in (sse.trades, sse.orders, sse.quotes))
    quotes.keep(lambda row: quotes.get(row, "code")[:6] == code)
    for one in (trades, orders):
        of_stock = set(one.of(code))
        one.keep(lambda row, own=of_stock: row in own)  # type: ignore[misc]
    _renumber(1, trades, orders)
    files = {sse.trades: trades, sse.orders: orders, sse.quotes: quotes}
    prices = {symbol: row for symbol, row in sse.prices.items() if symbol.startswith(code)}
    return Delivery("DataYes SSE, whole channel", files, prices, *files)


def datayes_szse(data: Path) -> Delivery:
    """000001 with trades and cancels."""
    trades = Csv.read(data / "datayes" / "20230201" / "mdl_6_36_0.csv", SZSE_TRADES)
    trades.keep(lambda i: _kept(trades.get(i, "time")))
    _renumber(EXTRACT, trades)
    return Delivery("DataYes SZSE", {"mdl_6_36_0.csv": trades}, prices_of(trades, "SZ", {}), "mdl_6_36_0.csv")


# --- what came out --------------------------------------------------------------------------------------------------------

EXACT, REPAIRED, REFUSED, SET_ASIDE, LEFT_OUT, REPORTED, SILENT, CRASHED = (
    *("exact", "repaired", "refused", "set aside"),
    *("snapshots left out", "FIGURES CHANGED, REPORTED", "SILENT CHANGE", "CRASHED"),
)
SAME = frozenset({EXACT, REPAIRED})
LOST = frozenset({REFUSED, SET_ASIDE, REPAIRED})
"""How a delivery may end whose damage matters. Repaired: what it lost is reported, and the figures are the unharmed ones.
LEFT_OUT besides, where single snapshots are useless: the verdict says so, and nothing but their minutes' book differs."""


@dataclass(frozen=True)
class Ending:
    """What became of a delivery. messages: those of all checks and verdicts. changed: what differs from the baseline."""

    kind: str
    messages: str
    changed: str = ""


@dataclass(frozen=True)
class Mutation:
    """One damaged delivery. edit: (its files, dated; a generator of its own) → name → bytes, or a change in place (None).
    may: how it may end. says: patterns of which one must match the messages wherever figures were lost.
    prices: changes of daily_prices' rows, for days that deliver another tape than they should."""

    name: str
    base: Delivery
    edit: Callable[[dict[str, Csv], random.Random], Mapping[str, bytes] | None]
    may: frozenset[str]
    says: tuple[str, ...] = ()
    known: str = ""

    def files(self, day: dt.date) -> dict[str, bytes]:
        files = self.base.on(day)
        made = self.edit(files, random.Random(f"{self.base.name} {self.name}"))
        whole = {name: one.bytes() for name, one in files.items()}
        return whole if made is None else {**whole, **made}


class World:
    """A landing zone with a day per delivery, and the tables built from it.

    The day before each delivery sets its large-order thresholds. It is built once per base and copied.
    """

    def __init__(self, root: Path, settings: Settings):
        self.root, self.settings = root, settings
        self.days: list[dt.date] = []
        self._bases: dict[dt.date, Delivery] = {}
        self._rows: list[dict] = []
        self._calendar = Calendar.xshg()
        self._free = iter(self._calendar.days(FIRST_DAY, self._calendar.last))
        (root / "bars").mkdir(parents=True)
        (root / "reference").mkdir()
        (root / "ticks" / f"{next(self._free):%Y%m%d}").mkdir(parents=True)
        (root / "ticks" / f"{FIRST_DAY:%Y%m%d}" / "history_begins_here.txt").touch()

    def deliver(self, base: Delivery, files: Callable[[dt.date], Mapping[str, bytes]]) -> dt.date:
        """Places a delivery on the next free day."""
        eve, day = next(self._free), next(self._free)
        for name, data in files(day).items():
            path = self.root / "ticks" / f"{day:%Y%m%d}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        first = not any(base is other for other in self._bases.values())
        if first:
            sizes = [(symbol, 1000, 1000 * 10.5, 1000 * (10.5**2 + 1)) for symbol in base.symbols]
            columns = {"symbol": pl.String, "orders": pl.Int64, "sum_ln": pl.Float64, "sum_ln2": pl.Float64}
            path = self.root / "bars" / f"{eve:%Y%m%d}.order_sizes.parquet"
            pl.DataFrame(sizes, schema=columns, orient="row").write_parquet(path)
        for date in (eve, day) if first else (day,):
            for symbol, row in base.prices.items():
                # Days repeat, so that each previous close is the close itself: a price never jumps between them.
                known = {"pre_close": row["close"], "float_shares": 10**9, "total_shares": 10**9, "is_st": False}
                self._rows.append({"date": date, "symbol": symbol, **row, **known})
        self._bases[day] = base
        self.days.append(day)
        return day

    def build(self) -> None:
        pl.DataFrame(self._rows).write_parquet(self.root / "reference" / "daily_prices.parquet")
        listed = sorted({row["symbol"] for row in self._rows})
        pl.DataFrame(
            {"symbol": listed, "list_date": dt.date(2001, 1, 2), "delist_date": None},
            schema_overrides={"delist_date": pl.Date},
        ).write_parquet(self.root / "reference" / "instruments.parquet")
        self.lake = Lake(str(self.root / "lake"))
        self.builder = Builder(
            tables=TABLES, lake=self.lake, zone=LandingZone(self.root), calendar=self._calendar, settings=self.settings
        )
        self.crashed: dict[dt.date, str] = {}
        firsts: dict[int, dt.date] = {}
        for day in self.days:
            firsts.setdefault(id(self._bases[day]), day)
        for name in CHAIN:
            if name == "minute_bars":
                self._copy_eves(firsts)
            days = [day for day in self.days if day not in self.crashed]
            if name in ("daily_prices", "securities", "tape_health", "order_sizes"):
                days = [*(self._eve(day) for day in firsts.values()), *days]
            self._build(name, days)

    def _eve(self, day: dt.date) -> dt.date:
        return self._calendar.offset(day, -1)

    def _copy_eves(self, firsts: Mapping[int, dt.date]) -> None:
        table = TABLES["order_sizes"]
        for day in self.days:
            made, eve = self._eve(firsts[id(self._bases[day])]), self._eve(day)
            if eve != made:
                manifest = self.lake.manifest(table, made)
                part = self.root / "lake" / self.lake.folder(table, made) / "part.parquet"
                self.lake.write(table, eve, part.read_bytes(), {}, dataclasses.replace(manifest, key=str(eve)))

    def _build(self, name: str, days: list[dt.date]) -> None:
        """Builds the days of a table; where that raises, one by one, to learn which delivery did it."""
        try:
            self.builder.build(TABLES[name], days)
        except Exception as error:
            if len(days) == 1:
                self.crashed[days[0]] = f"{name}: {type(error).__name__}: {error}"
            else:
                for day in days:
                    self._build(name, [day])

    # --- reading what was built -----------------------------------------------------------------------------------------

    def reported(self, day: dt.date) -> tuple[str, str, dict[str, str]]:
        """(refusals, warnings, reason per symbol) of a day over the whole chain."""
        refusals, warnings = [], []
        reasons: dict[str, str] = {}
        for name in CHAIN:
            if (reason := self.builder.blocked.get((name, day))) is not None:
                refusals.append(f"{name} blocked: {reason}")
            manifest = self.lake.manifest(TABLES[name], day)
            for check, verdict in manifest.checks.items() if manifest is not None else ():
                if not verdict.passed:
                    (refusals if verdict.critical else warnings).append(f"{name}.{check}: {verdict.text()}")
        if (health := self._frame("tape_health", day)) is not None:
            for row in health.iter_rows(named=True):
                words = {row[f"{part}verdict"] for part in ("", "trades_", "quotes_", "orders_")} - {None, "ok"}
                if words:
                    reasons[row["symbol"]] = f"{'/'.join(sorted(words))}: {Reason.loads(row['reason'] or '')}"
        path = self.root / "lake" / "minute_bars" / f"date={day}" / "set_aside.parquet"
        if path.is_file():
            for symbol, reason in pl.read_parquet(path).select("symbol", "reason").iter_rows():
                reasons[symbol] = "; ".join(filter(None, (reasons.get(symbol), str(Reason.loads(reason)))))
        return "\n".join(refusals), "\n".join(warnings), reasons

    def _absent(self, day: dt.date) -> dict[str, str]:
        """Tables that lack columns because a file was not delivered, with the reason that they give."""
        manifests = {name: self.lake.manifest(TABLES[name], day) for name in UNAVAILABLE}
        return {
            name: f"{name} n/a: {manifest.unavailable[column]}"
            for name, column in UNAVAILABLE.items()
            if (manifest := manifests[name]) is not None and column in manifest.unavailable
        }

    def _frame(self, name: str, day: dt.date) -> pl.DataFrame | None:
        path = self.root / "lake" / name / f"date={day}" / "part.parquet"
        return pl.read_parquet(path) if path.is_file() else None

    def figures(self, day: dt.date) -> dict[tuple[str, str], pl.DataFrame]:
        """(table, symbol) → rows, of what is made from ticks."""
        found: dict[tuple[str, str], pl.DataFrame] = {}
        for name in ("minute_bars", "order_sizes", "orders"):
            frame = self._frame(name, day)
            if frame is not None:
                parts = frame.drop("date").partition_by("symbol", as_dict=True, maintain_order=True)
                found |= {(name, str(key[0])): part for key, part in parts.items()}
        return found

    def ending(self, day: dt.date, baseline: Mapping[tuple[str, str], pl.DataFrame]) -> Ending:
        if day in self.crashed:
            return Ending(CRASHED, self.crashed[day])
        refusals, warnings, reasons = self.reported(day)
        messages = "\n".join(filter(None, (refusals, warnings, *(f"{s}: {why}" for s, why in reasons.items()))))
        bars = self.lake.manifest(TABLES["minute_bars"], day)
        if bars is None or bars.refusals:
            return Ending(REFUSED if refusals else SILENT, messages or "no bars, and no reason given")
        now = self.figures(day)
        changed: dict[str, list[str]] = {}
        nulled: dict[str, list[str]] = {}
        for key in sorted({*baseline, *now}):
            was, is_ = baseline.get(key), now.get(key)
            table, symbol = key
            if was is not None and is_ is not None and _equal(was, is_):
                continue
            lost = is_ is None or _only_lost(was, is_)
            (nulled if lost and table != "orders" else changed).setdefault(symbol, []).append(
                f"{table}: {_difference(was, is_)}"
            )
        story = "; ".join(f"{s} {' and '.join(what)}" for s, what in {**nulled, **changed}.items())
        absent = self._absent(day)
        # A row without a readable code is reported for its file, a lost one for its channel.
        orders_reported = "orders." in warnings or "channel_numbers_complete" in warnings or "orders" in absent
        differing = {*nulled, *changed}
        with_report = {
            symbol
            for symbol in differing
            if symbol in reasons
            or symbol in warnings
            or (orders_reported and _orders_alone(nulled, changed, symbol))
            or ("minute_bars" in absent and symbol not in changed)
        }
        if differing:
            messages = "\n".join(filter(None, (messages, *absent.values())))
        if with_report != differing:
            return Ending(SILENT, messages, story)
        if changed:
            if all(_orders_alone({}, changed, symbol) for symbol in changed):
                return Ending(SET_ASIDE, messages, story)
            books = all(_book_alone(baseline, now, symbol) and symbol in reasons for symbol in changed)
            return Ending(LEFT_OUT if books else REPORTED, messages, story)
        if nulled:
            return Ending(SET_ASIDE, messages, story)
        return Ending(REPAIRED if messages else EXACT, messages)


def _book_alone(
    baseline: Mapping[tuple[str, str], pl.DataFrame], now: Mapping[tuple[str, str], pl.DataFrame], symbol: str
) -> bool:
    """Whether nothing of a symbol differs but what its bars say of the book, in at most four minutes."""
    for key in (("order_sizes", symbol), ("orders", symbol)):
        if (key in baseline) != (key in now) or (key in baseline and not baseline[key].equals(now[key])):
            return False
    key = ("minute_bars", symbol)
    if key not in baseline or key not in now or baseline[key].height != now[key].height:
        return False
    was, is_ = baseline[key], now[key]
    differ = pl.select(pl.any_horizontal(was[name].ne_missing(is_[name]) for name in BOOK)).to_series().sum()
    return was.drop(BOOK).equals(is_.drop(BOOK)) and differ <= 4


def _orders_alone(nulled: Mapping[str, list[str]], changed: Mapping[str, list[str]], symbol: str) -> bool:
    """Whether a symbol's bars and order sizes are as they were, and its orders alone are not."""
    return symbol not in nulled and all(what.startswith("orders:") for what in changed.get(symbol, ("",)))


def _equal(was: pl.DataFrame, is_: pl.DataFrame) -> bool:
    return was.equals(is_, null_equal=True)


def _only_lost(was: pl.DataFrame | None, is_: pl.DataFrame) -> bool:
    """Whether every value that is there equals the baseline's: what differs is null now."""
    if was is None:  # rows of a stock that was not there
        return all(is_[name].null_count() == is_.height for name in is_.columns if name not in ("symbol", "minute"))
    if was.columns != is_.columns or was.height != is_.height:
        return False
    return all(((is_[name] == was[name]) | is_[name].is_null()).fill_null(False).all() for name in was.columns)


def _difference(was: pl.DataFrame | None, is_: pl.DataFrame | None) -> str:
    if was is None or is_ is None:
        return "new" if was is None else "gone"
    if was.height != is_.height:
        return f"{was.height} → {is_.height} rows"
    parts = []
    for name in was.columns:
        rows = was[name].ne_missing(is_[name]).arg_true()
        if len(rows):
            at = int(rows[0])
            minute = f" at minute {is_['minute'][at]}" if "minute" in is_.columns else ""
            parts.append(f"{name} {was[name][at]} → {is_[name][at]}{minute} (+{len(rows) - 1})")
    more = f" … {len(parts) - 4} more columns" if len(parts) > 4 else ""
    return ", ".join(parts[:4]) + more


def gzipped(data: bytes) -> bytes:
    import gzip

    return gzip.compress(data, 1, mtime=0)


def zipped(*members: tuple[str, bytes]) -> bytes:
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def chosen(mutations: list[Mutation], count: int) -> list[Mutation]:
    """At most `count` of a family, spread evenly over it."""
    if len(mutations) <= count:
        return mutations
    return [mutations[i * len(mutations) // count] for i in range(count)]


def fault(mutation: Mutation, ending: Ending) -> str:
    """What is wrong with how a delivery ended; "" where nothing is."""
    story = f"{mutation.base.name}, {mutation.name}: {ending.kind}"
    if ending.kind not in mutation.may:
        return f"{story}, may be {' or '.join(sorted(mutation.may))}. {ending.changed} | messages: {ending.messages or 'nothing'}"
    fits = any(re.search(pattern, ending.messages) for pattern in mutation.says)
    if mutation.says and ending.kind not in (EXACT, REPAIRED) and not fits:
        return f"{story}, but no message names the cause ({' | '.join(mutation.says)}): {ending.messages}"
    return ""


def settings_for(settings: Settings) -> Settings:
    """The given settings, with thresholds from the day before alone, and no refusal of a day for the one stock or the one bad
    row it has, nor of files for the day in their names: they lie in many days' folders, nor for names that the day before had:
    days are of different deliveries."""
    bars = {
        **{"large_order_days": 1, "large_order_min_days": 1, "expect_orders": "never"},
        **{"max_set_aside_share": 1.0, "max_contradicted_share": 1.0, "max_uncovered_share": 1.0},
    }
    ticks = {"max_bad_row_share": 0.005, "refuse_names_of_other_days": False}  # files so small that one row is 0.2 %
    changes = {"bars": bars, "ticks": ticks, "reference": {"max_names_lost": 1.0}}
    return settings.model_copy(
        update={name: getattr(settings, name).model_copy(update=changed) for name, changed in changes.items()}
    )


def endings(mutations: Sequence[Mutation], folder: Path, chunk: int = 100) -> Iterator[tuple[Mutation, Ending]]:
    """What becomes of each mutated delivery, chunk by chunk through the tables; every base goes unharmed beside them."""
    settings = settings_for(Settings())
    for start in range(0, len(mutations), chunk):
        part = mutations[start : start + chunk]
        world = World(folder / f"world-{start}", settings)
        control = {}
        for base in {id(one.base): one.base for one in part}.values():
            control[id(base)] = world.deliver(
                base, lambda day, base=base: {name: one.bytes() for name, one in base.on(day).items()}
            )
        days = [world.deliver(one.base, one.files) for one in part]
        world.build()
        baselines = {key: world.figures(day) for key, day in control.items()}
        for day in control.values():
            ending = world.ending(day, world.figures(day))
            assert ending.kind == EXACT, f"the unharmed delivery is not taken as it is: {ending}"
        for one, day in zip(part, days, strict=True):
            yield one, world.ending(day, baselines[id(one.base)])
        shutil.rmtree(world.root)
