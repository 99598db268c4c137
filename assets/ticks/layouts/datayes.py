"""The layouts of DataYes 通联: separate files per exchange and kind, and Shanghai's merged stream. Declarations only."""

from collections.abc import Mapping

from assets.ticks.layouts.layout import (
    BUY,
    CANCEL,
    FILL,
    LEVELS,
    ORDER,
    SELL,
    SSE_FLAG,
    SSE_KIND,
    SSE_SIDE,
    STATUS,
    SZSE_KIND,
    Field,
    Layout,
    TableName,
    header_of,
    integers,
    levels,
    or_ascii,
    with_cancels,
)

_DATAYES_LEVELS = ",".join(
    [f"{side}Price{i},{side}Volume{i}" for side in ("Ask", "Bid") for i in range(1, LEVELS + 1)]
    + [f"NumOrders{side}{i}" for side in "BS" for i in range(1, LEVELS + 1)]
)
_DATAYES_BOOK = levels("{side}{what}{level}", "Price", "Volume", ("Bid", "Ask"))
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


DATAYES = (
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
            "flag": Field("TradeBSFlag", "code", SSE_FLAG),
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
            "side": Field("OrderBSFlag", "code", SSE_SIDE),
            "price": Field("OrderPrice", "price"),
            "kind": Field("OrderType", "code", SSE_KIND),
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
            "flag": Field("TickBSFlag", "code", SSE_FLAG),
            "money": Field("TradeMoney", "money", blank=True, optional=True),
        },
    ),
    _merged(  # TradeMoney of an added order is the quantity already filled; a deleted order has no price
        "orders",
        ORDER,
        {
            "side": Field("TickBSFlag", "code", SSE_SIDE),
            "price": Field("Price", "price", blank=True),
            "quantity": Field("Qty"),
            "kind": Field("Type", "code", SSE_KIND),
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
    *with_cancels(
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
                "exec": Field("ExecType", "code", or_ascii({"F": FILL, "4": CANCEL})),
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
            "side": Field("Side", "code", or_ascii({"1": BUY, "2": SELL})),
            "price": Field("Price", "price", blank=True),
            "kind": Field("OrdType", "code", or_ascii(SZSE_KIND)),
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
