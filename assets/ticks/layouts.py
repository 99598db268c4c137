"""What each vendor's files look like: which header belongs to which table, and what every column that is read means.

Here: declarations, and recognising a header. Not here: reading files (vendor_files.py) and what canonical rows must be
(canonical.py). A new vendor is a new entry of LAYOUTS, or a layout of a user's own that `ticks.extra_layouts` names: docs/layouts.md
shows one.

A layout is recognised when the header holds every column it must have, wherever they stand; optional columns, and those it
does not read, may be missing. A file may hold rows of two tables (SZSE cancels stand in the trade file, the merged SSE
stream holds orders and trades): it then has one layout per table, and `keep` says which rows are whose.
"""

import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from assets.ticks import values
from resources.errors import SettingsError
from resources.named import load_named
from resources.values import cut

TableName = Literal["trades", "orders", "quotes"]
Exchange = Literal["SH", "SZ"]
Kind = Literal["symbol", "integer", "price", "ticks", "money", "clock", "date", "stamp", "stamp_date", "code"]
Numbering = Literal["trades", "orders", "events"]

FILL, CANCEL, ORDER, STATUS = 1, 2, 3, 4
"""What a row of a file with several kinds of rows is; a STATUS row (a phase begins) is no table's."""
BUY, SELL, NEITHER = 1, -1, 0
LIMIT, MARKET, OWN_BEST, CANCELLED = 0, 1, 2, 3
NO_CHANNEL, CANCELS_WITHOUT_CHANNEL = 0, 2**31 - 1
"""Channels of a vendor that has none. The cancels of its trade file are numbered as that file is and not as the order file, so
that they stand on a channel of their own; rebuilt_orders.py reads it as NO_CHANNEL."""
ORDER_KINDS = ("limit", "market", "own_best", "cancel")
"""Names of the codes LIMIT … CANCELLED."""
LEVELS = 10


@dataclass(frozen=True)
class Field:
    """One vendor column.

    kind: symbol (600519 or 600519.SH); integer; price and money (yuan, as decimals); ticks (whole 1/10 000 yuan already);
    clock (HH:MM:SS[.mmm] or HHMMSSmmm, the hour's 0 may be dropped); date; stamp (date and time of day in one, the date
    being the folder's day); code (a letter or number with a meaning). stamp_date is no kind to declare: it is the date of a
    stamp, which the layout adds itself.
    codes: what its letters or numbers mean; "" stands for a blank. blank: may be empty (null), as book levels are.
    optional: a header without the column is the layout's all the same (DataYes has no BizIndex before 2021-04-26).
    """

    column: str
    kind: Kind = "integer"
    codes: Mapping[str, int] = field(default_factory=dict)
    blank: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Layout:
    """One kind of vendor file, as far as one canonical table reads it.

    header: the columns as published, to name what is missing or new. fields: canonical name → column. fixed: canonical
    names the vendor gives no column for, and their value. keep: (field, its values that are rows of this table); other
    declared values are another table's and skipped. numbering: what the column of `seq` counts in a channel: this table's
    rows, or all events (then `event` is `seq`); None where it tells nothing of what is missing. per_security: every file
    holds one security, so that one without rows is a suspension and not a loss.

    A layout of trades or orders without a field "seq" numbers the rows of a file by their place in it.

    Trades with a field "flag" name the aggressor themselves; without one the larger order number is the aggressor's. Orders
    with a field "order" name it there; without one it is "bid_order" or "ask_order", by "side" or by which of the two is
    not 0. Trades with a field "money" must equal price × volume (SPEC §2.3).
    """

    name: str
    table: TableName
    exchange: Exchange
    header: tuple[str, ...]
    fields: Mapping[str, Field]
    fixed: Mapping[str, int] = field(default_factory=dict)
    keep: tuple[str, tuple[int, ...]] | None = None
    numbering: Numbering | None = None
    per_security: bool = False

    def __post_init__(self) -> None:
        if self.keep is not None and self.keep[0] not in self.fields:
            raise ValueError(
                f"layout {self.name}: keep names {self.keep[0]!r}, which is none of its fields ({', '.join(self.fields)}). It wants "
                "the canonical name, not the vendor's column."
            )
        time = self.fields.get("time")
        if time is not None and time.kind == "stamp" and "stamp_date" not in self.fields:
            fields = {**self.fields, "stamp_date": replace(time, kind="stamp_date")}
            object.__setattr__(self, "fields", fields)

    @property
    def is_stamped(self) -> bool:
        """Whether the column of its time holds the date as well."""
        return self.fields["time"].kind == "stamp"

    def stamped(self) -> "Layout":
        """The layout of a file whose column of the time holds date and time."""
        return replace(self, fields={**self.fields, "time": replace(self.fields["time"], kind="stamp")})

    @property
    def columns(self) -> frozenset[str]:
        """The columns that must be there."""
        return frozenset(item.column for item in self.fields.values() if not item.optional)

    def under(self, header: frozenset[str]) -> "Layout":
        """The layout without the optional fields that a header lacks."""
        fields = {name: item for name, item in self.fields.items() if item.column in header}
        return self if len(fields) == len(self.fields) else replace(self, fields=fields)


# --- pieces that several layouts share ------------------------------------------------------------------------------------


def header_of(text: str) -> tuple[str, ...]:
    """The columns of a header as a vendor publishes it: names between commas.

    >>> header_of("security, at")
    ('security', 'at')
    """
    return tuple("".join(text.split()).split(","))


def integers(**columns: str) -> dict[str, Field]:
    """Fields of whole numbers: canonical name → the vendor's column.

    >>> integers(volume="TradeQty")["volume"].column
    'TradeQty'
    """
    return {name: Field(column) for name, column in columns.items()}


def _levels(pattern: str, price: str, volume: str, sides: tuple[str, str], kind: Kind = "price") -> dict[str, Field]:
    """Fields of ten levels a side. pattern: how `{side}`, `{what}` and `{level}` make a column's name."""
    return {
        f"{side}_{name}_{level}": Field(pattern.format(side=word, what=what, level=level), item, blank=True)
        for side, word in zip(("bid", "ask"), sides, strict=True)
        for level in range(1, LEVELS + 1)
        for name, what, item in (("price", price, kind), ("volume", volume, "integer"))
    }


def _or_ascii(codes: Mapping[str, int]) -> dict[str, int]:
    """The exchange's letters, and the numbers of their ASCII codes: SZSE enums are delivered as either."""
    return {**codes, **{str(ord(letter)): meaning for letter, meaning in codes.items()}}


def _with_cancels(trades: Layout, name: str, fixed: Mapping[str, int] | None = None) -> tuple[Layout, Layout]:
    """SZSE's trade file as trades, and as orders under that name: a cancel is a row of another `exec` with one order number and no
    price, which vendors write as 0, as nothing or as a negative number. fixed: what is fixed for cancels, where it is not what is fixed for trades."""
    fields = {key: item for key, item in trades.fields.items() if key not in ("volume", "money")}
    fields["quantity"] = trades.fields["volume"]
    fields |= {key: replace(fields[key], blank=True) for key in ("price", "bid_order", "ask_order")}
    fixed = trades.fixed if fixed is None else fixed
    cancels = replace(trades, name=name, table="orders", fields=fields, fixed=fixed, keep=("exec", (CANCEL,)))
    return replace(trades, keep=("exec", (FILL,))), cancels


_SSE_FLAG = {"B": BUY, "S": SELL, "N": NEITHER}
_SSE_SIDE = {"B": BUY, "S": SELL}
_SSE_KIND = {"A": LIMIT, "D": CANCELLED}
_SZSE_KIND = {"1": MARKET, "2": LIMIT, "U": OWN_BEST}

# --- DataYes --------------------------------------------------------------------------------------------------------------

_DATAYES_LEVELS = ",".join(
    [f"{side}Price{i},{side}Volume{i}" for side in ("Ask", "Bid") for i in range(1, LEVELS + 1)]
    + [f"NumOrders{side}{i}" for side in "BS" for i in range(1, LEVELS + 1)]
)
_DATAYES_BOOK = _levels("{side}{what}{level}", "Price", "Volume", ("Bid", "Ask"))
_DATAYES_SNAPSHOT = {
    "code": Field("SecurityID", "symbol"),
    "time": Field("UpdateTime", "clock"),
    "amount": Field("Turnover", "money"),
    "last": Field("LastPrice", "price", blank=True),
    "pre_close": Field("PreCloPrice", "price", blank=True),
    **_DATAYES_BOOK,
}
_DATAYES_MERGED = {
    **integers(channel="Channel", seq="BizIndex", bid_order="BuyOrderNO", ask_order="SellOrderNO"),
    "code": Field("SecurityID", "symbol"),
    "time": Field("TickTime", "clock"),
    "row": Field("Type", "code", {"A": ORDER, "D": ORDER, "T": FILL, "S": STATUS}),
}
_DATAYES_SZSE = {
    **integers(channel="ChannelNo", seq="ApplSeqNum"),
    "code": Field("SecurityID", "symbol"),
    "time": Field("TransactTime", "clock"),
}


def _merged(table: TableName, row: int, fields: Mapping[str, Field]) -> Layout:
    return Layout(
        name=f"DataYes SSE merged {table} (mdl_4_24_0)",
        table=table,
        exchange="SH",
        header=header_of(
            "BizIndex,Channel,SecurityID,TickTime,Type,BuyOrderNO,SellOrderNO,Price,Qty,TradeMoney,TickBSFlag,LocalTime,SeqNo"
        ),
        fields={**_DATAYES_MERGED, **fields},
        keep=("row", (row,)),
        numbering="events",
    )


_DATAYES = (
    Layout(
        name="DataYes SSE trades (Transaction)",
        table="trades",
        exchange="SH",
        header=header_of(
            "DataStatus,TradeIndex,TradeChan,SecurityID,TradTime,TradPrice,TradVolume,TradeMoney,TradeBuyNo,TradeSellNo,"
            "TradeBSFlag,BizIndex,LocalTime,SeqNo"
        ),
        fields={
            **integers(channel="TradeChan", seq="TradeIndex", volume="TradVolume"),
            **integers(bid_order="TradeBuyNo", ask_order="TradeSellNo"),
            "code": Field("SecurityID", "symbol"),
            "time": Field("TradTime", "clock"),
            "price": Field("TradPrice", "price"),
            "flag": Field("TradeBSFlag", "code", _SSE_FLAG),
            "money": Field("TradeMoney", "money", blank=True, optional=True),
            "event": Field("BizIndex", blank=True, optional=True),
        },
        numbering="trades",
    ),
    Layout(
        name="DataYes SSE orders (mdl_4_19_0)",
        table="orders",
        exchange="SH",
        header=header_of(
            "DataStatus,OrderIndex,OrderChannel,SecurityID,OrderTime,OrderType,OrderNO,OrderPrice,Balance,OrderBSFlag,"
            "BizIndex,LocalTime,SeqNo"
        ),
        fields={
            **integers(channel="OrderChannel", seq="OrderIndex", order="OrderNO", quantity="Balance"),
            "code": Field("SecurityID", "symbol"),
            "time": Field("OrderTime", "clock"),
            "side": Field("OrderBSFlag", "code", _SSE_SIDE),
            "price": Field("OrderPrice", "price"),
            "kind": Field("OrderType", "code", _SSE_KIND),
            "event": Field("BizIndex", blank=True, optional=True),
        },
        numbering="orders",
    ),
    _merged(
        "trades",
        FILL,
        {
            "price": Field("Price", "price"),
            "volume": Field("Qty"),
            "flag": Field("TickBSFlag", "code", _SSE_FLAG),
            "money": Field("TradeMoney", "money", blank=True, optional=True),
        },
    ),
    _merged(  # TradeMoney of an added order is the quantity already filled; a deleted one has no price
        "orders",
        ORDER,
        {
            "side": Field("TickBSFlag", "code", _SSE_SIDE),
            "price": Field("Price", "price", blank=True),
            "quantity": Field("Qty"),
            "kind": Field("Type", "code", _SSE_KIND),
        },
    ),
    Layout(
        name="DataYes SSE snapshots (MarketData)",
        table="quotes",
        exchange="SH",
        header=header_of(
            "UpdateTime,SecurityID,ImageStatus,PreCloPrice,OpenPrice,HighPrice,LowPrice,LastPrice,ClosePrice,InstruStatus,"
            "TradNumber,TradVolume,Turnover,TotalBidVol,WAvgBidPri,AltWAvgBidPri,TotalAskVol,WAvgAskPri,AltWAvgAskPri,"
            "EtfBuyNumber,EtfBuyVolume,EtfBuyMoney,EtfSellNumber,EtfSellVolume,ETFSellMoney,YieldToMatu,TotWarExNum,"
            "WarLowerPri,WarUpperPri,WiDBuyNum,WiDBuyVol,WiDBuyMon,WiDSellNum,WiDSellVol,WiDSellMon,TotBidNum,TotSellNum,"
            f"MaxBidDur,MaxSellDur,BidNum,SellNum,IOPV,{_DATAYES_LEVELS},LocalTime,SeqNo"
        ),
        fields={**_DATAYES_SNAPSHOT, **integers(trades="TradNumber", volume="TradVolume")},
    ),
    *_with_cancels(
        Layout(
            name="DataYes SZSE trades (mdl_6_36_0)",
            table="trades",
            exchange="SZ",
            header=header_of(
                "ChannelNo,ApplSeqNum,MDStreamID,BidApplSeqNum,OfferApplSeqNum,SecurityID,SecurityIDSource,LastPx,LastQty,"
                "ExecType,TransactTime,LocalTime,SeqNo"
            ),
            fields={
                **_DATAYES_SZSE,
                **integers(volume="LastQty", bid_order="BidApplSeqNum", ask_order="OfferApplSeqNum"),
                "price": Field("LastPx", "price"),
                "exec": Field("ExecType", "code", _or_ascii({"F": FILL, "4": CANCEL})),
            },
            numbering="events",
        ),
        "DataYes SZSE cancels (mdl_6_36_0)",
    ),
    Layout(
        name="DataYes SZSE orders (mdl_6_33_0)",
        table="orders",
        exchange="SZ",
        header=header_of(
            "ChannelNo,ApplSeqNum,MDStreamID,SecurityID,SecurityIDSource,Price,OrderQty,Side,TransactTime,OrdType,LocalTime,"
            "SeqNo"
        ),
        fields={
            **_DATAYES_SZSE,
            **integers(order="ApplSeqNum", quantity="OrderQty"),
            "side": Field("Side", "code", _or_ascii({"1": BUY, "2": SELL})),
            "price": Field("Price", "price", blank=True),
            "kind": Field("OrdType", "code", _or_ascii(_SZSE_KIND)),
        },
        numbering="events",
    ),
    Layout(
        name="DataYes SZSE snapshots (mdl_6_28_0)",
        table="quotes",
        exchange="SZ",
        header=header_of(
            "UpdateTime,MDStreamID,SecurityID,SecurityIDSource,TradingPhaseCode,PreCloPrice,TurnNum,Volume,Turnover,"
            "LastPrice,OpenPrice,HighPrice,LowPrice,DifPrice1,DifPrice2,PE1,PE2,PreCloseIOPV,IOPV,TotalBidQty,"
            "WeightedAvgBidPx,TotalOfferQty,WeightedAvgOfferPx,HighLimitPrice,LowLimitPrice,OpenInt,OptPremiumRatio,"
            f"{_DATAYES_LEVELS},LocalTime,SeqNo"
        ),
        fields={
            **_DATAYES_SNAPSHOT,
            **integers(trades="TurnNum", volume="Volume"),
            "limit_up": Field("HighLimitPrice", "price", blank=True),
            "limit_down": Field("LowLimitPrice", "price", blank=True),
        },
    ),
)

# --- Huatai INSIGHT: both exchanges under one header; the suffix of SecurityID decides ------------------------------------

_INSIGHT_ROW = {
    "date": Field("MDDate", "date"),
    "channel": Field("ChannelNo"),
    "code": Field("SecurityID", "symbol"),
    "time": Field("MDTime", "clock"),
}
_INSIGHT_SIDE = {"1": BUY, "2": SELL}
_INSIGHT_TRADE = {
    **_INSIGHT_ROW,
    **integers(volume="TradeQty", bid_order="TradeBuyNo", ask_order="TradeSellNo"),
    "price": Field("TradePrice", "price"),
    "money": Field("TradeMoney", "money", blank=True, optional=True),
}
_INSIGHT_ORDER = {
    **_INSIGHT_ROW,
    "side": Field("OrderBSFlag", "code", _INSIGHT_SIDE),
    "price": Field("OrderPrice", "price", blank=True),
    "quantity": Field("OrderQty"),
}
_INSIGHT_TRADES = header_of(
    "MDDate,MDTime,SecurityType,SecuritySubType,SecurityIDSource,Symbol,TradingPhaseCode,TradeIndex,TradeBuyNo,"
    "TradeSellNo,TradeType,TradeBSFlag,TradePrice,TradeQty,TradeMoney,ReceiveDateTime,NumTrades,ChannelNo,ApplSeqNum,"
    "SecurityID"
)
_INSIGHT_ORDERS = header_of(
    "MDDate,MDTime,SecurityType,SecuritySubType,SecurityIDSource,Symbol,ReceiveDateTime,OrderIndex,OrderType,OrderPrice,"
    "OrderQty,OrderBSFlag,ChannelNo,ApplSeqNum,OrderNO,SecurityID"
)
_INSIGHT = (
    Layout(
        name="INSIGHT SSE trades (SHtrans)",
        table="trades",
        exchange="SH",
        header=_INSIGHT_TRADES,
        fields={
            **_INSIGHT_TRADE,
            "seq": Field("TradeIndex"),
            "flag": Field("TradeBSFlag", "code", {**_INSIGHT_SIDE, "0": NEITHER}),
            "event": Field("ApplSeqNum", blank=True, optional=True),
        },
        numbering="trades",
    ),
    Layout(
        name="INSIGHT SSE orders (SHorders)",
        table="orders",
        exchange="SH",
        header=_INSIGHT_ORDERS,
        fields={
            **_INSIGHT_ORDER,
            **integers(seq="OrderIndex", order="OrderNO"),
            "kind": Field("OrderType", "code", {"2": LIMIT, "10": CANCELLED}),
            "event": Field("ApplSeqNum", blank=True, optional=True),
        },
        numbering="orders",
    ),
    *_with_cancels(
        Layout(
            name="INSIGHT SZSE trades (SZtrans)",
            table="trades",
            exchange="SZ",
            header=_INSIGHT_TRADES,
            fields={
                **_INSIGHT_TRADE,
                "seq": Field("ApplSeqNum"),
                "exec": Field("TradeType", "code", {"0": FILL, "9": FILL, "1": CANCEL, "10": CANCEL}),
            },
            numbering="events",
        ),
        "INSIGHT SZSE cancels (SZtrans)",
    ),
    Layout(
        name="INSIGHT SZSE orders (SZorders)",
        table="orders",
        exchange="SZ",
        header=_INSIGHT_ORDERS,
        fields={
            **_INSIGHT_ORDER,
            **integers(seq="ApplSeqNum", order="ApplSeqNum"),
            "kind": Field("OrderType", "code", {"1": MARKET, "2": LIMIT, "3": OWN_BEST}),
        },
        numbering="events",
    ),
)

# --- Wind/TDB: a folder per stock, GBK, prices × 10 000, the suffix of 万得代码 decides; no channel, numbers of its own -----

_WIND_ROW = {"code": Field("万得代码", "symbol"), "date": Field("自然日", "date"), "time": Field("时间", "clock")}
_WIND_TRADE = {
    **_WIND_ROW,
    **integers(seq="成交编号", volume="成交数量", bid_order="叫买序号", ask_order="叫卖序号"),
    "price": Field("成交价格", "ticks"),
}
_WIND_ORDER = {
    **_WIND_ROW,
    **integers(seq="委托编号", order="交易所委托号", quantity="委托数量"),
    "side": Field("委托代码", "code", {"B": BUY, "S": SELL}),
    "price": Field("委托价格", "ticks", blank=True),
}
_WIND_TRADES = header_of(
    "万得代码,交易所代码,自然日,时间,成交编号,成交代码,委托代码,BS标志,成交价格,成交数量,叫卖序号,叫买序号"
)
_WIND_ORDERS = header_of("万得代码,交易所代码,自然日,时间,委托编号,交易所委托号,委托类型,委托代码,委托价格,委托数量")
_WIND_QUOTES = header_of(
    "万得代码,交易所代码,自然日,时间,成交价,成交量,成交额,成交笔数,IOPV,成交标志,BS标志,当日累计成交量,当日成交额,最高价,最低价,"
    "开盘价,前收盘,"
    + ",".join(f"{what}{i}" for what in ("申卖价", "申卖量", "申买价", "申买量") for i in range(1, LEVELS + 1))
    + ",加权平均叫卖价,加权平均叫买价,叫卖总量,叫买总量,不加权指数,品种总数,上涨品种数,下跌品种数,持平品种数"
)
_WIND_SNAPSHOT = {  # 成交量 and 成交额 are those since the last snapshot; 当日成交额 is whole yuan
    **_WIND_ROW,
    **integers(trades="成交笔数", volume="当日累计成交量"),
    "amount": Field("当日成交额", "money"),
    "last": Field("成交价", "ticks", blank=True),
    "pre_close": Field("前收盘", "ticks", blank=True),
    **_levels("申{side}{what}{level}", "价", "量", ("买", "卖"), "ticks"),
}
_NOTHING = ("", "\0")  # what a blank letter looks like in an export of TDB: nothing, or the byte 0


def _wind(
    table: TableName, header: tuple[str, ...], exchange: Exchange, name: str, fields: Mapping[str, Field]
) -> Layout:
    return Layout(
        name=name,
        table=table,
        exchange=exchange,
        header=header,
        fields=fields,
        fixed={} if table == "quotes" else {"channel": NO_CHANNEL},
        per_security=True,
    )


_WIND = (
    _wind(
        "trades",
        _WIND_TRADES,
        "SH",
        "Wind SSE trades (逐笔成交)",
        {**_WIND_TRADE, "flag": Field("BS标志", "code", {**_SSE_FLAG, **dict.fromkeys(_NOTHING, NEITHER)})},
    ),
    _wind(
        "orders",
        _WIND_ORDERS,
        "SH",
        "Wind SSE orders (逐笔委托)",
        {**_WIND_ORDER, "kind": Field("委托类型", "code", _SSE_KIND)},
    ),
    *_with_cancels(
        _wind(
            "trades",
            _WIND_TRADES,
            "SZ",
            "Wind SZSE trades (逐笔成交)",
            {
                **_WIND_TRADE,
                "exec": Field("成交代码", "code", {"0": FILL, "C": CANCEL, **dict.fromkeys(_NOTHING, FILL)}),
            },
        ),
        "Wind SZSE cancels (逐笔成交)",
        {"channel": CANCELS_WITHOUT_CHANNEL},
    ),
    _wind(
        "orders",
        _WIND_ORDERS,
        "SZ",
        "Wind SZSE orders (逐笔委托)",
        {**_WIND_ORDER, "kind": Field("委托类型", "code", {"0": LIMIT, **_SZSE_KIND})},
    ),
    _wind("quotes", _WIND_QUOTES, "SH", "Wind SSE snapshots (行情)", _WIND_SNAPSHOT),
    _wind("quotes", _WIND_QUOTES, "SZ", "Wind SZSE snapshots (行情)", _WIND_SNAPSHOT),
)

LAYOUTS: tuple[Layout, ...] = (*_DATAYES, *_INSIGHT, *_WIND)


@functools.cache
def known_layouts(paths: tuple[str, ...]) -> tuple[Layout, ...]:
    """The layouts of a user's own that `ticks.extra_layouts` names, then LAYOUTS: of equals the own one is meant.

    paths: "module:name" of a Layout or of several. Raises SettingsError where one can't be loaded, is no Layout, or has the
    name and table of another.
    """
    own: list[Layout] = []
    for path in paths:
        named = load_named("ticks.extra_layouts", path, "examples.layout:LAYOUTS")
        several = list(named) if isinstance(named, tuple | list) else [named]
        if not several or not all(isinstance(one, Layout) for one in several):
            raise SettingsError(
                f"ticks.extra_layouts: {path} is a {type(named).__name__}, no Layout of assets.ticks.layouts and no tuple of them"
            )
        for one in several:
            if any((one.name, one.table) == (other.name, other.table) for other in (*own, *LAYOUTS)):
                raise SettingsError(
                    f"ticks.extra_layouts: {path} has a layout {one.name!r} of {one.table}, and so has another; name it otherwise"
                )
            own.append(one)
    return (*own, *LAYOUTS)


# --- recognising a header -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unrecognised:
    """A header that no layout can read: the nearest one, which columns it lacks, which it has beside or twice, and its
    tables. alike: the layouts of both exchanges that it fits, where nothing says which exchange it is of. suffix: what the
    file says itself, where the header would fit. elsewhere: that is an exchange nobody here reads (BJ), so that the file is
    no table's and nothing is wrong."""

    nearest: str
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    tables: frozenset[TableName]
    repeated: tuple[str, ...] = ()
    alike: tuple[str, ...] = ()
    symbol_column: str = ""
    suffix: str = ""
    elsewhere: bool = False

    def __str__(self) -> str:
        if self.elsewhere:
            return f"its securities are of {self.suffix}, an exchange that nobody here reads"
        if self.alike:
            return (
                f"its header fits {' and '.join(self.alike)}, and which exchange it is of nothing says: "
                f"{self.symbol_column} must read 600519.SH or 000001.SZ, or its folder be named so"
            )
        if self.suffix:
            return f"its header is that of {self.nearest}, but its symbols or its folder say {self.suffix}"
        told = []
        if self.repeated:
            told.append(f"has {', '.join(map(cut, self.repeated))} twice")
        if self.missing:
            told.append(f"lacks {', '.join(self.missing)}")
        if self.extra:
            told.append(f"has {', '.join(map(cut, self.extra[:8]))}{' …' if len(self.extra) > 8 else ''} beside")
        return f"its header matches no known layout; of the nearest, {self.nearest}, it {' and '.join(told) or 'lacks nothing'}"


def exchange_of(
    header: Sequence[str], rows: Sequence[Sequence[str]], folder: str = "", layouts: Sequence[Layout] = LAYOUTS
) -> str | None:
    """The exchange that a file names itself: by the first symbol of its first rows that does (600519.SH), else by its
    folder's name. It may be one that nobody here reads."""
    for value in (*symbols_in(header, rows, layouts), folder):
        if (found := values.symbol(value.strip())) and found[1]:
            return found[1]
    return None


def symbols_in(header: Sequence[str], rows: Sequence[Sequence[str]], layouts: Sequence[Layout] = LAYOUTS) -> list[str]:
    """What stands in the columns that some layout reads a security from."""
    columns = {item.column for layout in layouts for item in layout.fields.values() if item.kind == "symbol"}
    return [value for row in rows for name, value in zip(header, row, strict=False) if name in columns]


def recognise(header: Sequence[str], suffix: str | None, layouts: Sequence[Layout] = LAYOUTS) -> list[Layout]:
    """The layouts a header belongs to, at most one per table, without the optional fields it lacks; [] where none fits.

    suffix: the exchange that the file names itself, else None; then a header that both exchanges share fits none. Of several layouts of a table, the one that reads most of the header's columns is meant; of equals, the one whose
    published header is most like it; of equals in that too, the earlier in `layouts`.
    """
    names = frozenset(header)
    once = frozenset(name for name, times in Counter(header).items() if times == 1)
    fitting = [
        layout
        for layout in layouts
        if layout.columns <= names and suffix in (None, layout.exchange) and _read(layout, names) <= once
    ]
    best: dict[TableName, Layout] = {}
    for layout in fitting:
        if layout.table not in best or _closeness(layout, names) > _closeness(best[layout.table], names):
            best[layout.table] = layout
    if suffix is None and _alike(list(best.values()), fitting):
        return []
    return [layout.under(names) for layout in best.values()]


def nearest(header: Sequence[str], suffix: str | None = None, layouts: Sequence[Layout] = LAYOUTS) -> Unrecognised:
    """What to tell about a header that no layout recognises. One that shares less than half of any published header could
    belong to any table, and every table says so."""
    names = frozenset(name for name in header if name)
    best = max(layouts, key=lambda layout: _likeness(layout, names))
    same = [layout for layout in layouts if layout.header == best.header]
    tables: frozenset[TableName] = frozenset(layout.table for layout in same)
    if _likeness(best, names) < 0.5:
        tables = frozenset(("trades", "orders", "quotes"))
    needed = frozenset().union(*(layout.columns for layout in same))
    read = frozenset().union(*(_read(layout, names) for layout in same))
    repeated = tuple(name for name, times in Counter(header).items() if name in read and times > 1)
    missing = tuple(column for column in best.header if column in needed and column not in names)
    whole = not missing and not repeated
    alike = _alike([best], same) if whole else ()
    elsewhere = bool(alike) and suffix not in (None, "SH", "SZ")
    return Unrecognised(
        nearest=best.name,
        missing=missing,
        extra=tuple(dict.fromkeys(name for name in header if name and name not in best.header)),
        tables=frozenset() if elsewhere else tables,
        repeated=repeated,
        alike=alike if suffix is None else (),
        symbol_column=best.fields["code"].column,
        suffix=suffix or "" if whole else "",
        elsewhere=elsewhere,
    )


def _read(layout: Layout, names: frozenset[str]) -> frozenset[str]:
    """The header's columns that a layout reads, optional ones included."""
    return frozenset(item.column for item in layout.fields.values()) & names


def _likeness(layout: Layout, names: frozenset[str]) -> float:
    published = frozenset(layout.header)
    return len(names & published) / len(names | published)


def _closeness(layout: Layout, names: frozenset[str]) -> tuple[int, float]:
    return len(_read(layout, names)), _likeness(layout, names)


def _alike(chosen: Sequence[Layout], fitting: Sequence[Layout]) -> tuple[str, ...]:
    """Names of layouts of both exchanges that one header fits, where a chosen one has a counterpart at the other exchange."""
    for layout in chosen:
        others = [item for item in fitting if item.header == layout.header and item.exchange != layout.exchange]
        if others:
            return (layout.name, others[0].name)
    return ()
