"""Tests the declared layouts: names, numberings, optional columns, the recognition of headers, and the meaning of each kind of row."""

import datetime as dt
import io
from pathlib import Path

import polars as pl
import pytest

from assets.ticks.canonical import split_duplicates
from assets.ticks.layouts import CANCELS_WITHOUT_CHANNEL, LAYOUTS, Field, Layout, exchange_of, nearest, recognise
from assets.ticks.make_orders import make_orders
from assets.ticks.make_quotes import make_quotes
from assets.ticks.make_trades import make_trades
from resources.reasons import describe_column
from resources.settings.ticks import TicksSettings
from tests.making import run_make

DATE = dt.date(2024, 1, 10)
MERGED = (
    "BizIndex,Channel,SecurityID,TickTime,Type,BuyOrderNO,SellOrderNO,Price,Qty,TradeMoney,TickBSFlag,LocalTime,SeqNo"
)
WIND_TRADES = "万得代码,交易所代码,自然日,时间,成交编号,成交代码,委托代码,BS标志,成交价格,成交数量,叫卖序号,叫买序号"
WIND_ORDERS = "万得代码,交易所代码,自然日,时间,委托编号,交易所委托号,委托类型,委托代码,委托价格,委托数量"


class Landing:
    def __init__(self, root: Path):
        self.root = root / "ticks" / "20240110"

    def tick_files(self):
        return sorted(path for path in self.root.rglob("*") if path.is_file())

    def put(self, name: str, *lines: str, encoding: str = "utf-8"):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding=encoding)


@pytest.fixture
def landing(tmp_path):
    return Landing(tmp_path)


def made(make, landing):
    return run_make(make, date=DATE, landing=landing, settings=TicksSettings())


def reasons(result) -> list[str]:
    return describe_column(pl.read_parquet(io.BytesIO(result.files["set_aside.parquet"]))["reason"]).to_list()


def by_name(name: str) -> Layout:
    return next(layout for layout in LAYOUTS if layout.name.startswith(name))


# --- declarations ---------------------------------------------------------------------------------------------------------


def test_names_are_unique_and_every_column_read_is_published():
    assert len({layout.name for layout in LAYOUTS}) == len(LAYOUTS)
    for layout in LAYOUTS:
        assert {item.column for item in layout.fields.values()} <= set(layout.header)
        assert len(set(layout.header)) == len(layout.header)
        if layout.keep is not None:
            name, kept = layout.keep
            assert set(kept) <= set(layout.fields[name].codes.values())


def test_every_layout_declares_all_that_its_table_needs():
    needed = {
        "trades": {"code", "time", "channel", "seq", "price", "volume", "bid_order", "ask_order"},
        "orders": {"code", "time", "channel", "seq", "price", "quantity"},
        "quotes": {"code", "time", "trades", "volume", "amount", "last", "pre_close", "bid_price_10", "ask_volume_10"},
    }
    for layout in LAYOUTS:
        declared = {*layout.fields, *layout.fixed}
        assert needed[layout.table] <= declared
        if layout.table == "trades":
            assert ("flag" in declared) == (layout.exchange == "SH")
        if layout.table == "orders":
            assert {"order", "side", "kind"} <= declared or {"bid_order", "ask_order"} <= declared


def test_numberings_declare_what_seq_counts():
    for layout in LAYOUTS:
        if layout.table == "quotes" or layout.name.startswith("Wind"):
            assert layout.numbering is None
        elif layout.exchange == "SZ" or "merged" in layout.name:
            assert layout.numbering == "events"
            assert layout.fields["seq"].column in ("ApplSeqNum", "BizIndex")
        else:
            assert layout.numbering == layout.table


def test_an_optional_column_may_be_missing_and_is_then_not_read():
    for layout in LAYOUTS:
        optional = {item.column for item in layout.fields.values() if item.optional}
        header = [name for name in layout.header if name not in optional - layout.columns]
        found = next(item for item in recognise(header, layout.exchange) if item.table == layout.table)
        assert found.name == layout.name
        assert {item.column for item in found.fields.values()} <= set(header)


def test_a_row_without_event_is_no_conflict_and_is_filled_from_its_repetition():
    rows = [(600519, 6, 1, 100, None), (600519, 6, 1, 100, 7), (600519, 6, 2, 100, 8), (600519, 6, 2, 100, 9)]
    frame = pl.DataFrame(rows, schema=["code", "channel", "seq", "volume", "event"], orient="row")
    kept, again = split_duplicates(frame)
    assert kept["event"].to_list() == [7, 8]
    assert again["conflicts"].to_list() == [False, True]


# --- recognition of headers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_published_header_is_recognised_in_any_order_and_with_more_columns(layout):
    for header in (layout.header, layout.header[::-1], ("Early", *layout.header, "", "Late")):
        found = {item.table: item.name for item in recognise(header, layout.exchange)}
        assert found[layout.table] == layout.name
        assert len(found) == len(recognise(header, layout.exchange))


def test_of_two_layouts_that_fit_the_one_that_reads_more_is_chosen():
    small = Layout("small", "trades", "SH", ("a", "b", "c"), {"code": Field("a", "symbol"), "seq": Field("b")})
    large = Layout("large", "trades", "SH", ("a", "b", "c", "d"), {**small.fields, "time": Field("c", "clock")})
    optional = Layout("optional", "trades", "SH", ("a", "b", "d"), {**small.fields, "event": Field("d", optional=True)})
    for layouts in ((small, large, optional), (optional, large, small)):
        assert [item.name for item in recognise(("a", "b"), None, layouts)] == [layouts[0].name], "equals: the earlier"
        assert [item.name for item in recognise(("a", "b", "c"), None, layouts)] == ["large"]
        assert [item.name for item in recognise(("a", "b", "d"), None, layouts)] == ["optional"]


def test_of_two_layouts_that_read_the_same_the_more_similar_header_is_chosen():
    fields = {"code": Field("a", "symbol"), "seq": Field("b")}
    wide = Layout("wide", "trades", "SH", ("a", "b", "x", "y", "z"), fields)
    narrow = Layout("narrow", "trades", "SH", ("a", "b", "x"), fields)
    for layouts in ((wide, narrow), (narrow, wide)):
        assert recognise(("a", "b", "x"), None, layouts)[0].name == "narrow"
        assert recognise(("a", "b", "x", "y", "z"), None, layouts)[0].name == "wide"


def test_a_file_in_an_unknown_encoding_is_reported_briefly():
    """Without decoding, the whole file is one column name."""
    assert len(str(nearest(["Ù" * 200_000]).reason)) < 1_000


def test_a_file_of_one_line_is_reported_in_time_linear_in_its_columns():
    """With CR alone as line end the whole file is one header; a quadratic search would need hours."""
    header = [f"{at}.5" for at in range(200_000)]
    assert recognise(header, None) == []
    assert "matches no known layout" in str(nearest(header).reason)


def test_a_header_of_both_exchanges_needs_a_row_or_a_folder_that_names_one():
    header = by_name("INSIGHT SSE trades").header
    assert recognise(header, None) == []
    message = str(nearest(header).reason)
    assert "its header fits the layouts INSIGHT SSE trades (SHtrans), INSIGHT SZSE trades (SZtrans)" in message
    assert "write the securities in SecurityID as 600519.SH or 000001.SZ, or name the folder so" in message
    assert {item.exchange for item in recognise(header, "SZ")} == {"SZ"}
    assert exchange_of(("SecurityID",), [("x",), ("000001.SZ",)]) == "SZ"
    assert exchange_of(("SecurityID",), [("000001.sz",)], "600519.SH") == "SZ"
    assert exchange_of(("SecurityID",), [("000001",)], "600519.SH") == "SH"
    assert exchange_of(("Other",), [("000001.SZ",)], "20240110") is None


def test_an_exchange_that_is_not_read_is_ignored(landing):
    landing.put("430047.BJ/逐笔成交.csv", WIND_TRADES, "430047.BJ,430047,20240110,93000000,1,0,0,B,149900,400,8,7")
    landing.put("600519.SH/逐笔成交.csv", WIND_TRADES, "600519.SH,600519,20240110,150000060,3,,,N,18000000,100,8,9")
    result = made(make_trades, landing)
    assert result.frame["symbol"].to_list() == ["600519.SH"]
    assert result.profile["unrecognised"].sum() == 0
    assert result.notes["accompanying_files"] == ["ticks/20240110/430047.BJ/逐笔成交.csv"]


def test_a_file_whose_symbols_contradict_its_header_is_reported(landing):
    landing.put("600519.SH/t.csv", SZSE, szse(1, 9, 5, "15:00:00.000"))
    message = "; ".join(describe_column(made(make_trades, landing).profile["detail"].drop_nulls()))
    assert "its header is that of DataYes SZSE trades (mdl_6_36_0), but its symbols or its folder name SH" in message


def test_a_suspended_stock_has_a_header_and_no_rows(landing):
    landing.put("600000.SH/逐笔成交.csv", WIND_TRADES)
    landing.put("600519.SH/逐笔成交.csv", WIND_TRADES, "600519.SH,600519,20240110,150000060,3,,,N,18000000,100,8,9")
    result = made(make_trades, landing)
    assert result.profile.select(pl.col("unrecognised", "ends_early", "rows_set_aside").sum()).row(0) == (0, 0, 0)


def test_a_repeated_column_fits_no_layout_and_is_reported():
    header = (*by_name("DataYes SSE trades").header, "TradPrice")
    assert recognise(header, None) == []
    assert "has TradPrice twice" in str(nearest(header).reason)
    unread = (*by_name("DataYes SSE trades").header, "LocalTime")
    assert [item.name for item in recognise(unread, None)] == ["DataYes SSE trades (Transaction)"]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_each_missing_column_is_reported_with_the_layout(layout):
    for column in layout.columns:
        header = [name for name in layout.header if name != column]
        if any(item.table == layout.table for item in recognise(header, layout.exchange)):
            continue  # a sibling layout of the same file reads without it
        message = nearest(header)
        assert column in message.missing, (column, message)
        assert by_name(message.nearest).header == layout.header
        assert layout.table in message.tables


# --- the merged SSE stream ------------------------------------------------------------------------------------------------


def merged(number, kind, buy, sell, price, quantity, money, flag, time="10:00:00.000", code="600519"):
    return f"{number},6,{code},{time},{kind},{buy},{sell},{price},{quantity},{money},{flag},x,{number}"


def test_a_merged_stream_becomes_trades_and_orders(landing):
    landing.put(
        "mdl_4_24_0.csv",
        MERGED,
        merged(1, "S", "", "", "", "", "", "OCALL", "09:15:00.000"),
        merged(2, "A", 11, 0, "1800.00", 300, "0.000", "B", "09:15:00.010"),
        merged(3, "A", 0, 12, "1801.00", 100, "0.000", "S", "09:15:00.020"),
        merged(4, "S", 0, 0, "0.000", 0, "0.00000", "TRADE", "09:30:00.000"),
        merged(5, "T", 20, 12, "1801.00", 100, "180100.00000", "B"),
        merged(
            6, "A", 20, 0, "1801.00", 50, "100.000", "B"
        ),  # TradeMoney of an added order is the quantity already filled
        merged(7, "D", 11, 0, "0.000", 300, "0.000", "B"),
        merged(8, "T", 20, 31, "1801.00", 50, "90050.00000", "N", "15:00:00.060"),
        merged(9, "S", 0, 0, "0.000", 0, "0.00000", "CLOSE", "15:01:00.000"),
    )
    trades, orders = made(make_trades, landing), made(make_orders, landing)
    assert trades.profile["rows_set_aside"].sum() == orders.profile["rows_set_aside"].sum() == 0
    assert trades.frame.drop("date", "symbol", "channel").rows() == [
        (5, 36_000_000, 18_010_000, 100, 20, 12, 1, 5),
        (8, 54_000_060, 18_010_000, 50, 20, 31, 0, 8),
    ]
    assert orders.frame.drop("date", "symbol", "channel", "time").rows() == [
        (2, 11, 1, 18_000_000, 300, "limit", 2),
        (3, 12, -1, 18_010_000, 100, "limit", 3),
        (6, 20, 1, 18_010_000, 50, "limit", 6),
        (7, 11, 1, 0, 300, "cancel", 7),
    ]


@pytest.mark.parametrize(
    ("row", "table", "reason"),
    [
        (merged(5, "A", 0, 12, "1801.00", 100, 0, "B"), "orders", "it has no order number on its side"),
        (merged(5, "A", 12, 0, "0", 100, 0, "B"), "orders", "a limit order's price must be above 0"),
        (merged(5, "A", 12, 0, "1801", 100, 0, "N"), "orders", "TickBSFlag is empty or unknown"),
        (merged(5, "D", 12, 0, "0", -1, 0, "B"), "orders", "quantity is negative"),
        (merged(5, "T", 20, 12, "1801.00", 100, "180100.01", "B"), "trades", "its money is not price × volume"),
        (merged(5, "T", 20, 12, "1801.00", 100, "180100.00", "CLOSE"), "trades", "TickBSFlag is empty or unknown"),
        (merged(5, "X", 20, 12, "1801.00", 100, "180100.00", "B"), "trades", "Type is empty or unknown"),
        (merged(5, "X", 20, 12, "1801.00", 100, "180100.00", "B"), "orders", "Type is empty or unknown"),
    ],
)
def test_a_wrong_row_of_the_merged_stream_is_set_aside(landing, row, table, reason):
    good = merged(9, "T", 20, 12, "1801.00", 100, "180100.00000", "N", "15:00:00.000")
    landing.put("mdl_4_24_0.csv", MERGED, row, good)
    result = made({"trades": make_trades, "orders": make_orders}[table], landing)
    assert [message for message in reasons(result) if reason in message]
    assert result.frame.height == (table == "trades")


# --- money ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("money", "fine"),
    [
        ("90.15", True),
        ("90.150000000000006", True),
        ("90.154", True),  # within half a cent: rounded
        ("90.156", False),
        ("90", False),
        ("0", True),  # not delivered
        ("", True),
        ("-90.15", False),
    ],
)
def test_money_must_be_price_times_volume_where_it_is_delivered(landing, money, fine):
    landing.put(
        "mdl_4_24_0.csv",
        MERGED,
        merged(5, "T", 20, 12, "18.03", 5, money, "B"),
        merged(9, "T", 20, 12, "18.01", 5, "90.05", "N", "15:00:00.000"),
    )
    assert (made(make_trades, landing).frame.height == 2) == fine


def test_a_fill_above_a_trillion_yuan_is_set_aside(landing):
    huge = merged(5, "T", 20, 12, "99999999999.00", 1000, "", "B")
    landing.put("m.csv", MERGED, huge, merged(9, "T", 20, 12, "18.01", 5, "90.05", "N", "15:00:00.000"))
    result = made(make_trades, landing)
    assert result.frame.height == 1
    assert "price × volume is above a trillion yuan" in reasons(result)[0]


# --- Wind -----------------------------------------------------------------------------------------------------------------


def test_wind_files_of_both_exchanges(landing):
    """Prices are ticks, the hour's 0 is missing, blank letters are empty or the byte 0, and cancels have their own numbers."""
    landing.put(
        "600519.SH/逐笔成交.csv",
        WIND_TRADES + ",",
        "600519.SH,600519,20240110,92500940,1,\0,\0, ,18549800,100,4,5,",
        "600519.SH,600519,20240110,93000010,2,\0,\0,B,18010100,200,4,9,",
        "600519.SH,600519,20240110,150000060,3,,,N,18000000,100,8,9,",
        encoding="gbk",
    )
    landing.put(
        "600519.SH/逐笔委托.csv",
        WIND_ORDERS,
        "600519.SH,600519,20240110,91500020,1,4,A,S,18010100,500",
        "600519.SH,600519,20240110,91501020,2,4,D,S,18010100,200",
        encoding="gbk",
    )
    landing.put(
        "000001.SZ/逐笔成交.csv",
        WIND_TRADES,
        "000001.SZ,000001,20240110,92500000,1,0,0,B,149900,400,8,7",
        "000001.SZ,000001,20240110,93000000,2,0,0,S,150100,100,24,8",
        "000001.SZ,000001,20240110,93100000,3,C, , ,0,300,0,9",
        "000001.SZ,000001,20240110,150000000,4,,,,150000,100,8,9",
        encoding="gbk",
    )
    landing.put(
        "000001.SZ/逐笔委托.csv",
        WIND_ORDERS,
        "000001.SZ,000001,20240110,91500000,1,7,0,B,149900,400",
        "000001.SZ,000001,20240110,93000000,2,24,1,S,0,100",
        "000001.SZ,000001,20240110,93000000,3,25,U,S,0,100",
        encoding="gbk",
    )
    trades, orders = made(make_trades, landing), made(make_orders, landing)
    for result in (trades, orders):
        assert result.profile.select(pl.col("rows_set_aside", "unrecognised", "ends_early").sum()).row(0) == (0, 0, 0)
    assert trades.frame.drop("date").rows() == [
        ("000001.SZ", 0, 1, 33_900_000, 149_900, 400, 7, 8, 0, None),
        ("000001.SZ", 0, 2, 34_200_000, 150_100, 100, 8, 24, -1, None),
        ("000001.SZ", 0, 4, 54_000_000, 150_000, 100, 9, 8, 0, None),
        ("600519.SH", 0, 1, 33_900_940, 18_549_800, 100, 5, 4, 0, None),
        ("600519.SH", 0, 2, 34_200_010, 18_010_100, 200, 9, 4, 1, None),
        ("600519.SH", 0, 3, 54_000_060, 18_000_000, 100, 9, 8, 0, None),
    ]
    assert orders.frame.drop("date", "time").rows() == [
        ("000001.SZ", 0, 1, 7, 1, 149_900, 400, "limit", None),
        ("000001.SZ", 0, 2, 24, -1, 0, 100, "market", None),
        ("000001.SZ", 0, 3, 25, -1, 0, 100, "own_best", None),
        ("000001.SZ", CANCELS_WITHOUT_CHANNEL, 3, 9, 1, 0, 300, "cancel", None),
        ("600519.SH", 0, 1, 4, -1, 18_010_100, 500, "limit", None),
        ("600519.SH", 0, 2, 4, -1, 18_010_100, 200, "cancel", None),
    ]


def test_wind_snapshots(landing):
    """Cumulative figures are of the day, not of the snapshot; amounts are in yuan, prices in ticks, and empty levels are 0."""
    layout = by_name("Wind SZSE snapshots")
    known = {
        "万得代码": "000333.SZ",
        "自然日": "20240110",
        "时间": "150003000",
        "成交价": "555000",
        "成交量": "700",
        "成交额": "38850",
        "成交笔数": "41234",
        "当日累计成交量": "26724709",
        "当日成交额": "1474820029",
        "前收盘": "552000",
        "申买价1": "555000",
        "申买量1": "102438",
        "申卖价1": "555100",
        "申卖量1": "500",
    }
    landing.put(
        "000333.SZ/行情.csv",
        ",".join(layout.header),
        ",".join(known.get(name, "0") for name in layout.header),
        encoding="gbk",
    )
    row = made(make_quotes, landing).frame.row(0, named=True)
    assert (row["symbol"], row["time"], row["last"], row["pre_close"]) == ("000333.SZ", 54_003_000, 555_000, 552_000)
    assert (row["trades"], row["volume"], row["amount"]) == (41_234, 26_724_709, 14_748_200_290_000)
    assert (row["bid_price_1"], row["bid_volume_1"], row["ask_price_1"], row["ask_volume_1"]) == (
        555_000,
        102_438,
        555_100,
        500,
    )
    assert (row["bid_price_2"], row["limit_up"]) == (None, None)


def test_a_fraction_of_a_tick_is_not_a_price(landing):
    landing.put(
        "000001.SZ/逐笔成交.csv",
        WIND_TRADES,
        "000001.SZ,000001,20240110,93000000,2,0,0,S,15.01,100,24,8",
        "000001.SZ,000001,20240110,150000000,4,0,0,B,150000,100,8,9",
        encoding="gbk",
    )
    result = made(make_trades, landing)
    assert result.frame.height == 1
    assert "成交价格 = '15.01' is no whole number" in reasons(result)[0]


def test_wind_orders_of_an_undeclared_kind_are_set_aside(landing):
    landing.put(
        "000001.SZ/逐笔委托.csv",
        WIND_ORDERS,
        "000001.SZ,000001,20240110,91500000,1,7,0,B,149900,400",
        "000001.SZ,000001,20240110,91500000,2,8,X,B,149900,400",
        "000001.SZ,000001,20240110,91500000,3,9,0,J,149900,400",
        encoding="gbk",
    )
    result = made(make_orders, landing)
    assert result.frame["order"].to_list() == [7]
    assert ["委托类型" in message or "委托代码" in message for message in reasons(result)] == [True, True]


# --- the exchanges' habits ------------------------------------------------------------------------------------------------

SZSE = (
    "ChannelNo,ApplSeqNum,MDStreamID,BidApplSeqNum,OfferApplSeqNum,SecurityID,SecurityIDSource,LastPx,LastQty,ExecType,"
    "TransactTime,LocalTime,SeqNo"
)


def szse(number, buy, sell, time, code="300750"):
    return f"2013,{number},011,{buy},{sell},{code},102 ,15.00,100,F,{time},x,{number}"


@pytest.mark.parametrize(
    ("time", "side"),
    [
        ("09:25:00.000", 0),  # opening auction
        ("09:29:59.990", 0),
        ("09:30:00.000", 1),
        ("11:30:00.010", 1),  # matched at the end of the morning and stamped after it
        ("13:00:00.000", 1),
        ("14:56:59.990", 1),
        ("14:57:00.000", 0),  # closing auction
        ("15:00:59.990", 0),
        ("15:05:00.000", 1),  # after-hours fixed price: matched one by one, the later order is the aggressor
        ("15:30:00.000", 1),
    ],
)
def test_szse_sides_over_the_day(landing, time, side):
    landing.put("t.csv", SZSE, szse(1, 9, 5, time), szse(2, 5, 9, "15:00:00.000", "000001"))
    frame = made(make_trades, landing).frame.filter(pl.col("symbol") == "300750.SZ")
    assert frame["side"].to_list() == [side]


@pytest.mark.parametrize("time", ["14:59:59.990", "15:06:00.000"])
def test_the_sse_flag_is_kept_whenever_it_is_delivered(landing, time):
    """Before 2018-08-20 SSE traded continuously to 15:00; these prints and after-hours ones on STAR have an aggressor."""
    landing.put(
        "m.csv",
        MERGED,
        merged(5, "T", 20, 12, "18.01", 100, "1801", "S", time, "688981"),
        merged(9, "T", 20, 12, "18.01", 100, "1801", "N", "15:00:00.000"),
    )
    frame = made(make_trades, landing).frame.filter(pl.col("symbol") == "688981.SH")
    assert frame.select("time", "side").rows() == [
        (int(time[3:5]) * 60_000 + int(time[:2]) * 3_600_000 + int(float(time[6:]) * 1000), -1)
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (szse(3, 9, 5, "08:59:59.990"), "stamped outside 09:00 to 16:00"),
        (szse(3, 9, 5, "09:24:59.990"), "a fill stamped before 09:25"),
        (szse(3, 9, 5, "16:00:00.000"), "stamped outside 09:00 to 16:00"),
        (szse(3, 9, 0, "10:00:00.000"), "a fill must name a buy and a sell order that differ"),
        (szse(3, 9, 9, "10:00:00.000"), "a fill must name a buy and a sell order that differ"),
        (szse(3, 9, 5, "10:00:00.000").replace("15.00", "15.005"), "a fill's price must be whole cents"),
        (szse(3, 9, 5, "10:00:00.000").replace("15.00", "0"), "a fill's price must be above 0"),
        (szse(3, 9, -5, "10:00:00.000"), "ask_order is negative"),
    ],
)
def test_a_row_that_no_exchange_writes_is_set_aside(landing, row, reason):
    landing.put("t.csv", SZSE, row, szse(4, 9, 5, "15:00:00.000"))
    result = made(make_trades, landing)
    assert result.frame["seq"].to_list() == [4]
    assert reason in reasons(result)[0]


def test_b_shares_funds_and_bonds_are_counted_and_not_kept(landing):
    others = ["200012", "159915", "123001", "080001"]
    landing.put(
        "t.csv",
        SZSE,
        szse(1, 9, 5, "15:00:00.000"),
        *(szse(2 + i, 9, 5, "15:00:00.000", code) for i, code in enumerate(others)),
    )
    result = made(make_trades, landing)
    assert result.frame["symbol"].to_list() == ["300750.SZ"]
    assert result.notes["other_securities"] == {"securities": 4, "rows": 4}
