"""What each vendor's files look like: which header belongs to which table, and what every column that is read means.

Here: declarations, and recognising a header. Not here: reading files (vendor_files.py) and what canonical rows must be
(canonical.py). A new vendor is a new entry of LAYOUTS.

A layout is recognised when the header holds every column it must have, wherever they stand; optional columns, and those it
does not read, may be missing. A file may hold rows of two tables (SZSE cancels stand in the trade
file): it then has one layout per table, and `keep` says which rows are whose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

TableName = Literal["trades", "orders", "quotes"]
Kind = Literal["symbol", "integer", "price", "money", "clock", "date", "code"]
Numbering = Literal["trades", "orders", "events"]

FILL, CANCEL = 1, 2
BUY, SELL, NEITHER = 1, -1, 0
LIMIT, MARKET, OWN_BEST, CANCELLED = 0, 1, 2, 3
ORDER_KINDS = ("limit", "market", "own_best", "cancel")
"""Names of the codes LIMIT … CANCELLED."""
LEVELS = 10


@dataclass(frozen=True)
class Field:
    """One vendor column. `codes`: what its letters or numbers mean. `blank`: may be empty (null), as book levels are.
    `optional`: a header without the column is the layout's all the same (DataYes has no BizIndex before 2021-04-26)."""

    column: str
    kind: Kind
    codes: Mapping[str, int] = field(default_factory=dict)
    blank: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Layout:
    """One kind of vendor file, as far as one canonical table reads it.

    header: the columns as published, to name what is missing or new. fields: canonical name → column. keep: (field, its
    values that are rows of this table); other declared values are another table's and skipped. Trades with a field "flag"
    name the aggressor themselves; without one the larger order number is the aggressor's (SPEC §2.3). numbering: what the
    column of `seq` counts in a channel: this table's rows, or all events (then `event` is `seq`); None where it tells
    nothing of what is missing.
    """

    name: str
    table: TableName
    exchange: Literal["SH", "SZ"]
    header: tuple[str, ...]
    fields: Mapping[str, Field]
    keep: tuple[str, tuple[int, ...]] | None = None
    numbering: Numbering | None = None

    @property
    def columns(self) -> frozenset[str]:
        """The columns that must be there."""
        return frozenset(item.column for item in self.fields.values() if not item.optional)

    def under(self, header: frozenset[str]) -> "Layout":
        """The layout without the optional fields that a header lacks."""
        fields = {name: item for name, item in self.fields.items() if item.column in header}
        return self if len(fields) == len(self.fields) else replace(self, fields=fields)


def _header(text: str) -> tuple[str, ...]:
    return tuple("".join(text.split()).split(","))


def _levels(price: str, volume: str) -> dict[str, Field]:
    """Fields of ten levels a side from name patterns such as `{}Price{}`."""
    fields: dict[str, Field] = {}
    for side in ("Bid", "Ask"):
        for level in range(1, LEVELS + 1):
            fields[f"{side.lower()}_price_{level}"] = Field(price.format(side, level), "price", blank=True)
            fields[f"{side.lower()}_volume_{level}"] = Field(volume.format(side, level), "integer", blank=True)
    return fields


_DATAYES_LEVELS = ",".join(
    [f"{side}Price{i},{side}Volume{i}" for side in ("Ask", "Bid") for i in range(1, LEVELS + 1)]
    + [f"NumOrders{side}{i}" for side in "BS" for i in range(1, LEVELS + 1)]
)
_SSE_FLAG = {"B": BUY, "S": SELL, "N": NEITHER}
_SZSE_EXEC = {"F": FILL, "70": FILL, "4": CANCEL, "52": CANCEL}
_INSIGHT_SIDE = {"1": BUY, "2": SELL}
_INSIGHT_EXEC = {"0": FILL, "9": FILL, "1": CANCEL, "10": CANCEL}

_DATAYES_SSE_TRADES = _header(
    "DataStatus,TradeIndex,TradeChan,SecurityID,TradTime,TradPrice,TradVolume,TradeMoney,TradeBuyNo,TradeSellNo,"
    "TradeBSFlag,BizIndex,LocalTime,SeqNo"
)
_DATAYES_SSE_ORDERS = _header(
    "DataStatus,OrderIndex,OrderChannel,SecurityID,OrderTime,OrderType,OrderNO,OrderPrice,Balance,OrderBSFlag,"
    "BizIndex,LocalTime,SeqNo"
)
_DATAYES_SSE_QUOTES = _header(
    "UpdateTime,SecurityID,ImageStatus,PreCloPrice,OpenPrice,HighPrice,LowPrice,LastPrice,ClosePrice,InstruStatus,"
    "TradNumber,TradVolume,Turnover,TotalBidVol,WAvgBidPri,AltWAvgBidPri,TotalAskVol,WAvgAskPri,AltWAvgAskPri,"
    "EtfBuyNumber,EtfBuyVolume,EtfBuyMoney,EtfSellNumber,EtfSellVolume,ETFSellMoney,YieldToMatu,TotWarExNum,WarLowerPri,"
    "WarUpperPri,WiDBuyNum,WiDBuyVol,WiDBuyMon,WiDSellNum,WiDSellVol,WiDSellMon,TotBidNum,TotSellNum,MaxBidDur,"
    f"MaxSellDur,BidNum,SellNum,IOPV,{_DATAYES_LEVELS},LocalTime,SeqNo"
)
_DATAYES_SZSE_ORDERS = _header(
    "ChannelNo,ApplSeqNum,MDStreamID,SecurityID,SecurityIDSource,Price,OrderQty,Side,TransactTime,OrdType,LocalTime,SeqNo"
)
_DATAYES_SZSE_TRADES = _header(
    "ChannelNo,ApplSeqNum,MDStreamID,BidApplSeqNum,OfferApplSeqNum,SecurityID,SecurityIDSource,LastPx,LastQty,ExecType,"
    "TransactTime,LocalTime,SeqNo"
)
_DATAYES_SZSE_QUOTES = _header(
    "UpdateTime,MDStreamID,SecurityID,SecurityIDSource,TradingPhaseCode,PreCloPrice,TurnNum,Volume,Turnover,LastPrice,"
    "OpenPrice,HighPrice,LowPrice,DifPrice1,DifPrice2,PE1,PE2,PreCloseIOPV,IOPV,TotalBidQty,WeightedAvgBidPx,"
    "TotalOfferQty,WeightedAvgOfferPx,HighLimitPrice,LowLimitPrice,OpenInt,OptPremiumRatio,"
    f"{_DATAYES_LEVELS},LocalTime,SeqNo"
)
_INSIGHT_TRADES = _header(
    "MDDate,MDTime,SecurityType,SecuritySubType,SecurityIDSource,Symbol,TradingPhaseCode,TradeIndex,TradeBuyNo,"
    "TradeSellNo,TradeType,TradeBSFlag,TradePrice,TradeQty,TradeMoney,ReceiveDateTime,NumTrades,ChannelNo,ApplSeqNum,"
    "SecurityID"
)
_INSIGHT_ORDERS = _header(
    "MDDate,MDTime,SecurityType,SecuritySubType,SecurityIDSource,Symbol,ReceiveDateTime,OrderIndex,OrderType,OrderPrice,"
    "OrderQty,OrderBSFlag,ChannelNo,ApplSeqNum,OrderNO,SecurityID"
)

LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="DataYes SSE trades (Transaction)",
        table="trades",
        exchange="SH",
        header=_DATAYES_SSE_TRADES,
        fields={
            "channel": Field("TradeChan", "integer"),
            "seq": Field("TradeIndex", "integer"),
            "code": Field("SecurityID", "symbol"),
            "time": Field("TradTime", "clock"),
            "price": Field("TradPrice", "price"),
            "volume": Field("TradVolume", "integer"),
            "bid_order": Field("TradeBuyNo", "integer"),
            "ask_order": Field("TradeSellNo", "integer"),
            "flag": Field("TradeBSFlag", "code", _SSE_FLAG),
            "event": Field("BizIndex", "integer", blank=True, optional=True),
        },
        numbering="trades",
    ),
    Layout(
        name="DataYes SSE orders (mdl_4_19_0)",
        table="orders",
        exchange="SH",
        header=_DATAYES_SSE_ORDERS,
        fields={
            "channel": Field("OrderChannel", "integer"),
            "seq": Field("OrderIndex", "integer"),
            "code": Field("SecurityID", "symbol"),
            "time": Field("OrderTime", "clock"),
            "order": Field("OrderNO", "integer"),
            "side": Field("OrderBSFlag", "code", {"B": BUY, "S": SELL}),
            "price": Field("OrderPrice", "price"),
            "quantity": Field("Balance", "integer"),
            "kind": Field("OrderType", "code", {"A": LIMIT, "D": CANCELLED}),
            "event": Field("BizIndex", "integer", blank=True, optional=True),
        },
        numbering="orders",
    ),
    Layout(
        name="DataYes SSE snapshots (MarketData)",
        table="quotes",
        exchange="SH",
        header=_DATAYES_SSE_QUOTES,
        fields={
            "code": Field("SecurityID", "symbol"),
            "time": Field("UpdateTime", "clock"),
            "trades": Field("TradNumber", "integer"),
            "volume": Field("TradVolume", "integer"),
            "amount": Field("Turnover", "money"),
            "last": Field("LastPrice", "price", blank=True),
            "pre_close": Field("PreCloPrice", "price", blank=True),
            **_levels("{}Price{}", "{}Volume{}"),
        },
    ),
    Layout(
        name="DataYes SZSE trades (mdl_6_36_0)",
        table="trades",
        exchange="SZ",
        header=_DATAYES_SZSE_TRADES,
        fields={
            "channel": Field("ChannelNo", "integer"),
            "seq": Field("ApplSeqNum", "integer"),
            "code": Field("SecurityID", "symbol"),
            "time": Field("TransactTime", "clock"),
            "price": Field("LastPx", "price"),
            "volume": Field("LastQty", "integer"),
            "bid_order": Field("BidApplSeqNum", "integer"),
            "ask_order": Field("OfferApplSeqNum", "integer"),
            "exec": Field("ExecType", "code", _SZSE_EXEC),
        },
        keep=("exec", (FILL,)),
        numbering="events",
    ),
    Layout(
        name="DataYes SZSE cancels (mdl_6_36_0)",
        table="orders",
        exchange="SZ",
        header=_DATAYES_SZSE_TRADES,
        fields={
            "channel": Field("ChannelNo", "integer"),
            "seq": Field("ApplSeqNum", "integer"),
            "code": Field("SecurityID", "symbol"),
            "time": Field("TransactTime", "clock"),
            "price": Field("LastPx", "price"),
            "quantity": Field("LastQty", "integer"),
            "bid_order": Field("BidApplSeqNum", "integer"),
            "ask_order": Field("OfferApplSeqNum", "integer"),
            "exec": Field("ExecType", "code", _SZSE_EXEC),
        },
        keep=("exec", (CANCEL,)),
        numbering="events",
    ),
    Layout(
        name="DataYes SZSE orders (mdl_6_33_0)",
        table="orders",
        exchange="SZ",
        header=_DATAYES_SZSE_ORDERS,
        fields={
            "channel": Field("ChannelNo", "integer"),
            "seq": Field("ApplSeqNum", "integer"),
            "code": Field("SecurityID", "symbol"),
            "time": Field("TransactTime", "clock"),
            "order": Field("ApplSeqNum", "integer"),
            "side": Field("Side", "code", {"1": BUY, "2": SELL, "49": BUY, "50": SELL}),
            "price": Field("Price", "price", blank=True),
            "quantity": Field("OrderQty", "integer"),
            "kind": Field(
                "OrdType",
                "code",
                {"1": MARKET, "2": LIMIT, "U": OWN_BEST, "49": MARKET, "50": LIMIT, "85": OWN_BEST},
            ),
        },
        numbering="events",
    ),
    Layout(
        name="DataYes SZSE snapshots (mdl_6_28_0)",
        table="quotes",
        exchange="SZ",
        header=_DATAYES_SZSE_QUOTES,
        fields={
            "code": Field("SecurityID", "symbol"),
            "time": Field("UpdateTime", "clock"),
            "trades": Field("TurnNum", "integer"),
            "volume": Field("Volume", "integer"),
            "amount": Field("Turnover", "money"),
            "last": Field("LastPrice", "price", blank=True),
            "pre_close": Field("PreCloPrice", "price", blank=True),
            "limit_up": Field("HighLimitPrice", "price", blank=True),
            "limit_down": Field("LowLimitPrice", "price", blank=True),
            **_levels("{}Price{}", "{}Volume{}"),
        },
    ),
    # INSIGHT publishes both exchanges under one header; the suffix of the first row's SecurityID decides.
    Layout(
        name="INSIGHT SSE trades (SHtrans)",
        table="trades",
        exchange="SH",
        header=_INSIGHT_TRADES,
        fields={
            "date": Field("MDDate", "date"),
            "channel": Field("ChannelNo", "integer"),
            "seq": Field("TradeIndex", "integer"),
            "code": Field("SecurityID", "symbol"),
            "time": Field("MDTime", "clock"),
            "price": Field("TradePrice", "price"),
            "volume": Field("TradeQty", "integer"),
            "bid_order": Field("TradeBuyNo", "integer"),
            "ask_order": Field("TradeSellNo", "integer"),
            "flag": Field("TradeBSFlag", "code", {**_INSIGHT_SIDE, "0": NEITHER}),
            "event": Field("ApplSeqNum", "integer", blank=True, optional=True),
        },
        numbering="trades",
    ),
    Layout(
        name="INSIGHT SSE orders (SHorders)",
        table="orders",
        exchange="SH",
        header=_INSIGHT_ORDERS,
        fields={
            "date": Field("MDDate", "date"),
            "channel": Field("ChannelNo", "integer"),
            "seq": Field("OrderIndex", "integer"),
            "code": Field("SecurityID", "symbol"),
            "time": Field("MDTime", "clock"),
            "order": Field("OrderNO", "integer"),
            "side": Field("OrderBSFlag", "code", _INSIGHT_SIDE),
            "price": Field("OrderPrice", "price"),
            "quantity": Field("OrderQty", "integer"),
            "kind": Field("OrderType", "code", {"2": LIMIT, "10": CANCELLED}),
            "event": Field("ApplSeqNum", "integer", blank=True, optional=True),
        },
        numbering="orders",
    ),
    Layout(
        name="INSIGHT SZSE trades (SZtrans)",
        table="trades",
        exchange="SZ",
        header=_INSIGHT_TRADES,
        fields={
            "date": Field("MDDate", "date"),
            "channel": Field("ChannelNo", "integer"),
            "seq": Field("ApplSeqNum", "integer"),
            "code": Field("SecurityID", "symbol"),
            "time": Field("MDTime", "clock"),
            "price": Field("TradePrice", "price"),
            "volume": Field("TradeQty", "integer"),
            "bid_order": Field("TradeBuyNo", "integer"),
            "ask_order": Field("TradeSellNo", "integer"),
            "exec": Field("TradeType", "code", _INSIGHT_EXEC),
        },
        keep=("exec", (FILL,)),
        numbering="events",
    ),
    Layout(
        name="INSIGHT SZSE cancels (SZtrans)",
        table="orders",
        exchange="SZ",
        header=_INSIGHT_TRADES,
        fields={
            "date": Field("MDDate", "date"),
            "channel": Field("ChannelNo", "integer"),
            "seq": Field("ApplSeqNum", "integer"),
            "code": Field("SecurityID", "symbol"),
            "time": Field("MDTime", "clock"),
            "price": Field("TradePrice", "price"),
            "quantity": Field("TradeQty", "integer"),
            "bid_order": Field("TradeBuyNo", "integer"),
            "ask_order": Field("TradeSellNo", "integer"),
            "exec": Field("TradeType", "code", _INSIGHT_EXEC),
        },
        keep=("exec", (CANCEL,)),
        numbering="events",
    ),
    Layout(
        name="INSIGHT SZSE orders (SZorders)",
        table="orders",
        exchange="SZ",
        header=_INSIGHT_ORDERS,
        fields={
            "date": Field("MDDate", "date"),
            "channel": Field("ChannelNo", "integer"),
            "seq": Field("ApplSeqNum", "integer"),
            "code": Field("SecurityID", "symbol"),
            "time": Field("MDTime", "clock"),
            "order": Field("ApplSeqNum", "integer"),
            "side": Field("OrderBSFlag", "code", _INSIGHT_SIDE),
            "price": Field("OrderPrice", "price", blank=True),
            "quantity": Field("OrderQty", "integer"),
            "kind": Field("OrderType", "code", {"1": MARKET, "2": LIMIT, "3": OWN_BEST}),
        },
        numbering="events",
    ),
)


@dataclass(frozen=True)
class Unrecognised:
    """A header that matches no layout: the nearest one, which columns it lacks, which it has beside, and its tables."""

    nearest: str
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    tables: frozenset[TableName]

    def __str__(self) -> str:
        lacks = f"lacks {', '.join(self.missing)}" if self.missing else "lacks nothing"
        has = f" and has {', '.join(self.extra[:8])}{' …' if len(self.extra) > 8 else ''} instead" if self.extra else ""
        return f"its header matches no known layout; of the nearest, {self.nearest}, it {lacks}{has}"


def recognise(header: Sequence[str], suffix: str | None, layouts: Sequence[Layout] = LAYOUTS) -> list[Layout]:
    """The layouts a header belongs to, at most one per table; [] where none fits.

    suffix: "SH" or "SZ" where the rows say so themselves (600519.SH), else None.
    """
    names = frozenset(header)
    fitting = [layout for layout in layouts if layout.columns <= names and suffix in (None, layout.exchange)]
    best: dict[TableName, Layout] = {}
    for layout in fitting:
        if layout.table not in best or len(layout.columns) > len(best[layout.table].columns):
            best[layout.table] = layout
    return [layout.under(names) for layout in best.values()]


def nearest(header: Sequence[str], layouts: Sequence[Layout] = LAYOUTS) -> Unrecognised:
    """What to tell about a header that no layout recognises. One that shares less than half of any published header could
    belong to any table, and every table says so."""
    names = frozenset(name for name in header if name)

    def likeness(layout: Layout) -> float:
        published = frozenset(layout.header)
        return len(names & published) / len(names | published)

    best = max(layouts, key=likeness)
    tables: frozenset[TableName] = frozenset(layout.table for layout in layouts if layout.header == best.header)
    if likeness(best) < 0.5:
        tables = frozenset(("trades", "orders", "quotes"))
    needed = frozenset().union(*(layout.columns for layout in layouts if layout.header == best.header))
    return Unrecognised(
        nearest=best.name,
        missing=tuple(column for column in best.header if column in needed and column not in names),
        extra=tuple(name for name in header if name and name not in best.header),
        tables=tables,
    )
