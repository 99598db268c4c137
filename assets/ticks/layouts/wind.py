"""The layouts of Wind/TDB: a folder per stock, GBK, prices × 10 000. Declarations only.

The suffix of 万得代码 names the exchange. The files have no channels, and Wind's own numbering.
"""

from collections.abc import Mapping

from assets.ticks.layouts.layout import (
    BUY,
    CANCEL,
    CANCELS_WITHOUT_CHANNEL,
    FILL,
    LEVELS,
    LIMIT,
    NEITHER,
    NO_CHANNEL,
    SELL,
    SSE_FLAG,
    SSE_KIND,
    SZSE_KIND,
    Exchange,
    Field,
    Layout,
    TableName,
    header_of,
    integers,
    levels,
    with_cancels,
)

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
_WIND_SNAPSHOT = {  # 成交量 and 成交额 are those since the last snapshot; 当日成交额 is in whole yuan
    **_WIND_ROW,
    **integers(trades="成交笔数", volume="当日累计成交量"),
    "amount": Field("当日成交额", "money"),
    "last": Field("成交价", "ticks", blank=True),
    "pre_close": Field("前收盘", "ticks", blank=True),
    **levels("申{side}{what}{level}", "价", "量", ("买", "卖"), "ticks"),
}
_NOTHING = ("", "\0")  # forms of a blank letter in an export of TDB: empty, or the byte 0


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


WIND = (
    _wind(
        "trades",
        _WIND_TRADES,
        "SH",
        "Wind SSE trades (逐笔成交)",
        {**_WIND_TRADE, "flag": Field("BS标志", "code", {**SSE_FLAG, **dict.fromkeys(_NOTHING, NEITHER)})},
    ),
    _wind(
        "orders",
        _WIND_ORDERS,
        "SH",
        "Wind SSE orders (逐笔委托)",
        {**_WIND_ORDER, "kind": Field("委托类型", "code", SSE_KIND)},
    ),
    *with_cancels(
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
        {**_WIND_ORDER, "kind": Field("委托类型", "code", {"0": LIMIT, **SZSE_KIND})},
    ),
    _wind("quotes", _WIND_QUOTES, "SH", "Wind SSE snapshots (行情)", _WIND_SNAPSHOT),
    _wind("quotes", _WIND_QUOTES, "SZ", "Wind SZSE snapshots (行情)", _WIND_SNAPSHOT),
)
