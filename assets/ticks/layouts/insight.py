"""The layouts of Huatai INSIGHT: both exchanges share one header, and the suffix of SecurityID distinguishes them. Declarations only."""

from assets.ticks.layouts.layout import (
    BUY,
    CANCEL,
    CANCELLED,
    FILL,
    LIMIT,
    MARKET,
    NEITHER,
    OWN_BEST,
    SELL,
    Field,
    Layout,
    header_of,
    integers,
    with_cancels,
)

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
INSIGHT = (
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
    *with_cancels(
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
