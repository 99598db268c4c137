"""Writes the same day as files of every layout, from the exchange's events.

This module has the columns of each layout, as in the vendors' documentation and real tapes, and the habits in which vendors differ
(Style). The market is in synthetic_market.py. Nothing is taken from the declared layouts, so that the two can be compared.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.ticks.synthetic_market import BUY, Event

Row = dict[str, object]
Files = dict[str, list[Row]]
_BS = {1: "B", -1: "S", 0: "N"}


@dataclass(frozen=True)
class Style:
    """A vendor's habits.

    ascii: whether enumerations are written as ASCII numbers. noisy: whether prices are floats with noise. drop: columns that this
    vendor, or this year, does not have.
    """

    encoding: str = "utf-8"
    shuffle: int | None = None  # seed of the columns' order
    trailing_comma: bool = False
    blanks: bool = False
    quotes: bool = False
    windows: bool = False
    ascii: bool = False
    noisy: bool = False
    extra: bool = False
    drop: tuple[str, ...] = ()

    def price(self, ticks: int) -> str:
        return f"{ticks / 10_000:.15f}" if self.noisy else f"{ticks / 10_000:.2f}"

    def letter(self, text: str) -> str:
        return str(ord(text)) if self.ascii else text

    def text(self, rows: Sequence[Row], columns: Iterable[str]) -> bytes:
        """Return a file of rows as bytes."""
        names = [name for name in columns if name not in self.drop]
        if self.shuffle is not None:
            random.Random(self.shuffle).shuffle(names)
        if self.extra:
            names.insert(len(names) // 2, "SomethingNew")
        table = [names, *([str(row.get(name, "x")) for name in names] for row in rows)]
        if self.blanks:
            table = [[f" {value} " for value in line] for line in table]
        if self.quotes:
            table = [[f'"{value}"' for value in line] for line in table]
        end = ("," if self.trailing_comma else "") + ("\r\n" if self.windows else "\n")
        return "".join(",".join(line) + end for line in table).encode(self.encoding)


def clock(ms: int) -> str:
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def packed_clock(ms: int) -> str:
    """Return HHMMSSmmm without a leading 0 of the hour."""
    return clock(ms).replace(":", "").replace(".", "").lstrip("0")


def money(event: Event) -> str:
    return f"{event.price * event.volume / 10_000:.5f}"


def _only(events: Iterable[Event], *kinds: str) -> list[Event]:
    return [event for event in events if event.kind in kinds]


# --- DataYes --------------------------------------------------------------------------------------------------------------


def datayes_sse(events: list[Event], style: Style, day: str) -> Files:
    trades: list[Row] = [
        {
            "DataStatus": 0,
            "TradeIndex": e.index,
            "TradeChan": e.channel,
            "SecurityID": f"{e.code:06d}",
            "TradTime": clock(e.time),
            "TradPrice": style.price(e.price),
            "TradVolume": e.volume,
            "TradeMoney": money(e),
            "TradeBuyNo": e.buy,
            "TradeSellNo": e.sell,
            "TradeBSFlag": _BS[e.side],
            "BizIndex": e.event,
            "LocalTime": clock(e.time + 70),
            "SeqNo": n,
        }
        for n, e in enumerate(_only(events, "trade"), 1)
    ]
    orders: list[Row] = [
        {
            "DataStatus": 0,
            "OrderIndex": e.index,
            "OrderChannel": e.channel,
            "SecurityID": f"{e.code:06d}",
            "OrderTime": clock(e.time),
            "OrderType": "A" if e.kind == "rest" else "D",
            "OrderNO": e.buy or e.sell,
            "OrderPrice": style.price(e.price),
            "Balance": e.volume,
            "OrderBSFlag": _BS[e.side],
            "BizIndex": e.event,
            "LocalTime": clock(e.time + 70),
            "SeqNo": n,
        }
        for n, e in enumerate(_only(events, "rest", "cancel"), 1)
    ]
    return {f"{day}_Transaction.csv": trades, "mdl_4_19_0.csv": orders}


def _status(code: int, channel: int, number: int, time: int, phase: str) -> Row:
    """Return a status row (a phase begins), in which the numbers and the price have no meaning."""
    return _merged(number, channel, code, time, "S", 0, 0, "0", 0, "0", phase)


def _merged(
    number: int,
    channel: int,
    code: int,
    time: int,
    kind: str,
    buy: int,
    sell: int,
    price: str,
    volume: int,
    worth: str,
    flag: str,
) -> Row:
    return {
        "BizIndex": number,
        "Channel": channel,
        "SecurityID": f"{code:06d}",
        "TickTime": clock(time),
        "Type": kind,
        "BuyOrderNO": buy,
        "SellOrderNO": sell,
        "Price": price,
        "Qty": volume,
        "TradeMoney": worth,
        "TickBSFlag": flag,
        "LocalTime": clock(time + 70),
        "SeqNo": number,
    }


def datayes_sse_merged(events: list[Event], style: Style, day: str) -> Files:
    """Write one stream in the order of BizIndex.

    TradeMoney of an added order is the quantity already filled, and a deleted order has no price. Each stock has status rows before
    its first row and after its last.
    """
    rows: list[Row] = []
    last: dict[int, int] = {}
    filled: dict[int, int] = {}
    for e in _only(events, "trade", "rest", "cancel"):
        for number in (e.buy, e.sell):
            if e.kind == "trade":
                filled[number] = filled.get(number, 0) + e.volume
        if e.kind == "trade":
            kind, price, worth = "T", style.price(e.price), money(e)
        elif e.kind == "rest":
            kind, price, worth = "A", style.price(e.price), f"{filled.get(e.buy or e.sell, 0)}.000"
        else:
            kind, price, worth = "D", "0", "0"
        if e.channel not in last:
            rows.append(_status(e.code, e.channel, 0, 33_300_000, "OCALL"))
        last[e.channel] = e.event
        rows.append(
            _merged(e.event, e.channel, e.code, e.time, kind, e.buy, e.sell, price, e.volume, worth, _BS[e.side])
        )
    rows += [_status(600_000, channel, number + 1, 54_100_000, "CLOSE") for channel, number in last.items()]
    return {"mdl_4_24_0.csv": rows}


def datayes_szse(events: list[Event], style: Style, day: str) -> Files:
    orders: list[Row] = [
        {
            "ChannelNo": 2010 + e.channel,
            "ApplSeqNum": e.event,
            "MDStreamID": "011",
            "SecurityID": f"{e.code:06d}",
            "SecurityIDSource": "102 ",
            "Price": style.price(e.price),
            "OrderQty": e.volume,
            "Side": style.letter("1" if e.side == BUY else "2"),
            "TransactTime": clock(e.time),
            "OrdType": style.letter({"limit": "2", "market": "1", "own_best": "U"}[e.order_kind]),
            "LocalTime": clock(e.time + 70),
            "SeqNo": n,
        }
        for n, e in enumerate(_only(events, "arrival"), 1)
    ]
    trades: list[Row] = [
        {
            "ChannelNo": 2010 + e.channel,
            "ApplSeqNum": e.event,
            "MDStreamID": "011",
            "BidApplSeqNum": e.buy,
            "OfferApplSeqNum": e.sell,
            "SecurityID": f"{e.code:06d}",
            "SecurityIDSource": "102 ",
            "LastPx": style.price(e.price) if e.kind == "trade" else "0",
            "LastQty": e.volume,
            "ExecType": style.letter("F" if e.kind == "trade" else "4"),
            "TransactTime": clock(e.time),
            "LocalTime": clock(e.time + 70),
            "SeqNo": n,
        }
        for n, e in enumerate(_only(events, "trade", "cancel"), 1)
    ]
    return {"mdl_6_33_0.csv": orders, "mdl_6_36_0.csv": trades}


# --- INSIGHT --------------------------------------------------------------------------------------------------------------


def _insight(day: str, e: Event, exchange: str, cells: Row) -> Row:
    common: Row = {
        "MDDate": f"{day[:4]}.{day[4:6]}.{day[6:]}",
        "MDTime": clock(e.time),
        "SecurityType": 2,
        "SecuritySubType": "02001",
        "SecurityIDSource": 101 if exchange == "SH" else 102,
        "Symbol": "某某股份",
        "ReceiveDateTime": "x",
        "ChannelNo": e.channel,
        "ApplSeqNum": e.event,
        "SecurityID": f"{e.code:06d}.{exchange}",
    }
    return {**common, **cells}


_INSIGHT_TRADES = (
    "MDDate,MDTime,SecurityType,SecuritySubType,SecurityIDSource,Symbol,TradingPhaseCode,TradeIndex,TradeBuyNo,TradeSellNo,"
    "TradeType,TradeBSFlag,TradePrice,TradeQty,TradeMoney,ReceiveDateTime,NumTrades,ChannelNo,ApplSeqNum,SecurityID"
)
_INSIGHT_ORDERS = (
    "MDDate,MDTime,SecurityType,SecuritySubType,SecurityIDSource,Symbol,ReceiveDateTime,OrderIndex,OrderType,OrderPrice,"
    "OrderQty,OrderBSFlag,ChannelNo,ApplSeqNum,OrderNO,SecurityID"
)


def insight(events: list[Event], style: Style, day: str, exchange: str) -> Files:
    sse = exchange == "SH"

    def order_type(e: Event) -> int:
        if sse:
            return 2 if e.kind == "rest" else 10
        return {"market": 1, "limit": 2, "own_best": 3}[e.order_kind]

    trades = [
        _insight(
            day,
            e,
            exchange,
            {
                "TradingPhaseCode": "",
                "TradeIndex": e.index,
                "TradeBuyNo": e.buy,
                "TradeSellNo": e.sell,
                "TradeType": 0 if e.kind == "trade" else 1,
                "TradeBSFlag": {1: 1, -1: 2, 0: 0}[e.side] if sse else 0,
                "TradePrice": style.price(e.price) if e.kind == "trade" else "0",
                "TradeQty": e.volume,
                "TradeMoney": money(e) if e.kind == "trade" else "0",
                "NumTrades": 0,
            },
        )
        for e in (_only(events, "trade") if sse else _only(events, "trade", "cancel"))
    ]
    orders = [
        _insight(
            day,
            e,
            exchange,
            {
                "OrderIndex": e.index if sse else e.event,
                "OrderType": order_type(e),
                "OrderPrice": style.price(e.price),
                "OrderQty": e.volume,
                "OrderBSFlag": 1 if e.side == BUY else 2,
                "OrderNO": e.buy or e.sell if sse else 0,
            },
        )
        for e in (_only(events, "rest", "cancel") if sse else _only(events, "arrival"))
    ]
    return {f"{exchange}trans.csv": trades, f"{exchange}orders.csv": orders}


# --- Wind -----------------------------------------------------------------------------------------------------------------

_WIND_TRADES = "万得代码,交易所代码,自然日,时间,成交编号,成交代码,委托代码,BS标志,成交价格,成交数量,叫卖序号,叫买序号"
_WIND_ORDERS = "万得代码,交易所代码,自然日,时间,委托编号,交易所委托号,委托类型,委托代码,委托价格,委托数量"


def wind(events: list[Event], style: Style, day: str, exchange: str) -> Files:
    """Write a folder per stock. Blank letters are the byte 0 on SSE and empty on SZSE."""
    sse = exchange == "SH"
    files: Files = {}
    for code in sorted({event.code for event in events}):
        symbol = f"{code:06d}.{exchange}"
        own = [event for event in events if event.code == code]

        def common(e: Event, symbol: str = symbol) -> Row:
            return {"万得代码": symbol, "交易所代码": symbol[:6], "自然日": day, "时间": packed_clock(e.time)}

        trades: list[Row] = []
        for n, e in enumerate(_only(own, "trade") if sse else _only(own, "trade", "cancel"), 1):
            fill = e.kind == "trade"
            trades.append(
                {
                    **common(e),
                    "成交编号": n,
                    "成交代码": "\0" if sse else ("0" if fill else "C"),
                    "委托代码": "\0" if sse else "0",
                    "BS标志": {1: "B", -1: "S", 0: " "}[e.side] if fill else " ",
                    "成交价格": e.price if fill else 0,
                    "成交数量": e.volume,
                    "叫卖序号": e.sell,
                    "叫买序号": e.buy,
                }
            )
        orders: list[Row] = [
            {
                **common(e),
                "委托编号": n,
                "交易所委托号": e.buy or e.sell,
                "委托类型": (
                    ("A" if e.kind == "rest" else "D")
                    if sse
                    else {"limit": "0", "market": "1", "own_best": "U"}[e.order_kind]
                ),
                "委托代码": "B" if e.side == BUY else "S",
                "委托价格": e.price,
                "委托数量": e.volume,
            }
            for n, e in enumerate(_only(own, "rest", "cancel") if sse else _only(own, "arrival"), 1)
        ]
        files |= {f"{symbol}/逐笔成交.csv": trades, f"{symbol}/逐笔委托.csv": orders}
    return files


# --- all ------------------------------------------------------------------------------------------------------------------

Writer = Callable[[list[Event], Style, str], Files]
WRITERS: dict[str, dict[str, Writer]] = {
    "SH": {
        "DataYes": datayes_sse,
        "DataYes merged": datayes_sse_merged,
        "INSIGHT": lambda events, style, day: insight(events, style, day, "SH"),
        "Wind": lambda events, style, day: wind(events, style, day, "SH"),
    },
    "SZ": {
        "DataYes": datayes_szse,
        "INSIGHT": lambda events, style, day: insight(events, style, day, "SZ"),
        "Wind": lambda events, style, day: wind(events, style, day, "SZ"),
    },
}
_COLUMNS = {
    "trans.csv": _INSIGHT_TRADES,
    "orders.csv": _INSIGHT_ORDERS,
    "逐笔成交.csv": _WIND_TRADES,
    "逐笔委托.csv": _WIND_ORDERS,
}


def columns_of(name: str, rows: list[Row]) -> list[str]:
    """Return the header in its published order."""
    known = next((columns.split(",") for end, columns in _COLUMNS.items() if name.endswith(end)), None)
    return known or list(rows[0])


def write_day(folder: Path, files: Files, style: Style) -> None:
    """Write the day's files under `folder`."""
    for name, rows in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(style.text(rows, columns_of(name, rows)))
