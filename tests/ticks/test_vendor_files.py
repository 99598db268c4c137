"""Tests the reading of vendor files: every layout, every packing, and each kind of faulty row, column and file with its message."""

import datetime as dt
import gzip
import io
import random
import zipfile
from pathlib import Path

import polars as pl
import pytest

from assets.ticks import day_of_files, values
from assets.ticks.canonical import SCHEMAS
from assets.ticks.layouts import LAYOUTS, nearest, recognise
from assets.ticks.make_orders import make_orders
from assets.ticks.make_quotes import make_quotes
from assets.ticks.make_trades import make_trades
from resources.reasons import TEXT, Reason, describe_column
from resources.settings.ticks import TicksSettings
from tests.making import run_make

DATE = dt.date(2024, 1, 10)
FOLDER = "ticks/20240110"
SSE_HEADER = (
    "DataStatus,TradeIndex,TradeChan,SecurityID,TradTime,TradPrice,TradVolume,TradeMoney,TradeBuyNo,TradeSellNo,"
    "TradeBSFlag,BizIndex,LocalTime,SeqNo"
)
SSE_ROWS = [
    "0,11,6,600519,09:25:00.940,1854.980000000000018,100,185498,5,4,N,1,09:25:08.075,1",
    "0,12,6,600519,09:30:00.010,1801.00999999999999,200,360202,9,4,B,2,09:30:00.075,2",
    "0,13,6,600000,09:30:00.010,7.360000000000001,300,2208,6,10,S,3,09:30:00.075,3",
    "0,14,6,600519,15:00:01.060,1800,100,180000,12,11,N,4,15:00:08.075,4",
]
SZSE_HEADER = (
    "ChannelNo,ApplSeqNum,MDStreamID,BidApplSeqNum,OfferApplSeqNum,SecurityID,SecurityIDSource,LastPx,LastQty,ExecType,"
    "TransactTime,LocalTime,SeqNo"
)
SZSE_ROWS = [
    "2013,20,011,7,8,000001,102 ,14.99,400,F,09:25:00.000,09:25:00.078,1",
    "2013,25,011,24,8,000001,102 ,15.01,100,70,09:30:00.000,09:30:00.078,2",
    "2013,26,011,0,9,000001,102 ,0,300,4,09:31:00.000,09:31:00.078,3",
    "2013,27,011,10,0,000001,102 ,0,300,52,09:31:00.000,09:31:00.078,3",
    "2013,30,011,22,29,000001,102 ,15.00,100,F,14:56:59.990,14:56:59.999,4",
    "2013,31,011,22,23,000001,102 ,15.00,100,F,15:00:00.000,15:00:00.100,5",
    "2013,32,011,33,23,300750,102 ,15.00,100,F,15:06:00.000,15:06:00.100,6",
]


class Folder:
    def __init__(self, root: Path):
        self.root = root / "ticks" / "20240110"
        self.root.mkdir(parents=True, exist_ok=True)

    def tick_files(self):
        return sorted(path for path in self.root.rglob("*") if path.is_file())

    def put(self, name: str, header: str, rows: list[str], encoding="utf-8", end="\n"):
        data = (end.join([header, *rows]) + end).encode(encoding)
        self.bytes(name, data)

    def bytes(self, name: str, data: bytes):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".gz"):
            data = gzip.compress(data)
        elif name.endswith(".zip"):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr(Path(name).stem + ".csv", data)
            data = buffer.getvalue()
        path.write_bytes(data)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def trades(folder, **changes):
    return run_make(make_trades, date=DATE, landing=folder, settings=TicksSettings(**changes))


def orders(folder):
    return run_make(make_orders, date=DATE, landing=folder, settings=TicksSettings())


def story(made, column):
    """Return the details of the profile rows that fail a check on `column`."""
    details = made.profile.filter(pl.col(column) > 0)["detail"]
    assert not any("(cause = " in text for text in describe_column(details, "zh")), "a reason is shown as it is stored"
    return "; ".join(describe_column(details))


def healthy(made):
    columns = ("rows_set_aside", "unrecognised", "unreadable", "without_rows", "ends_early", "conflicting_duplicates")
    return (
        made.profile.select(pl.col(columns).sum()).row(0) == (0,) * len(columns)
        and "set_aside.parquet" not in made.files
    )


EXPECTED = [
    ("600000.SH", 6, 13, 34_200_010, 73_600, 300, 6, 10, -1, 3),
    ("600519.SH", 6, 11, 33_900_940, 18_549_800, 100, 5, 4, 0, 1),
    ("600519.SH", 6, 12, 34_200_010, 18_010_100, 200, 9, 4, 1, 2),
    ("600519.SH", 6, 14, 54_001_060, 18_000_000, 100, 12, 11, 0, 4),
]


# --- normal deliveries ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.zip", "nested/deep/T.CSV"])
def test_every_packing_has_the_same_rows(folder, name):
    folder.put(name, SSE_HEADER, SSE_ROWS)
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert dict(made.frame.schema) == SCHEMAS["trades"]
    assert made.frame["date"].unique().to_list() == [DATE]
    assert healthy(made)


def test_column_order_extra_columns_and_absent_optional_ones_do_not_matter(folder):
    names = SSE_HEADER.split(",")
    kept = [i for i, name in enumerate(names) if name not in ("BizIndex", "DataStatus")]
    random.Random(1).shuffle(kept)
    rows = [",".join([*(row.split(",")[i] for i in kept), "new"]) for row in SSE_ROWS]
    folder.put("t.csv", ",".join([*(names[i] for i in kept), "NewColumn"]), rows)
    made = trades(folder)
    assert made.frame.drop("date").rows() == [(*row[:-1], None) for row in EXPECTED], "no BizIndex, no event"
    assert healthy(made)


@pytest.mark.parametrize("block_rows", [1, 2, 1000])
def test_rows_in_any_order_and_any_block_make_the_same_table(folder, block_rows, monkeypatch):
    rows = list(SSE_ROWS)
    random.Random(block_rows).shuffle(rows)
    folder.put("t.csv", SSE_HEADER, rows)
    monkeypatch.setattr(day_of_files, "MEGABYTE", 90 * block_rows)
    assert trades(folder, block_mb=1).frame.drop("date").rows() == EXPECTED


@pytest.mark.parametrize(
    ("header", "change"),
    [
        (SSE_HEADER + ",", lambda row: row + ","),  # trailing commas
        (SSE_HEADER, lambda row: row + ","),
        (
            ",".join(f'"{name}"' for name in SSE_HEADER.split(",")),
            lambda row: ",".join(f'"{v}"' for v in row.split(",")),
        ),
        (SSE_HEADER, lambda row: row.replace(",", " , ")),  # blanks around values
        (SSE_HEADER, lambda row: row.replace(",100,", ",100.0,")),  # whole numbers written as floats
        (
            SSE_HEADER,
            lambda row: row.replace(":", "").replace(".940", "940").replace(".010", "010").replace(".060", "060"),
        ),
        ("\ufeff" + SSE_HEADER, lambda row: row),
    ],
)
def test_vendors_habits_are_tolerated(folder, header, change):
    folder.put("t.csv", header, [change(row) for row in SSE_ROWS])
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert healthy(made)


def test_windows_line_ends_and_blank_lines_are_tolerated(folder):
    folder.put("t.csv", SSE_HEADER, [SSE_ROWS[0], "", *SSE_ROWS[1:], ""], end="\r\n")
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert healthy(made)


INSIGHT_HEADER = (
    "MDDate,MDTime,SecurityType,SecuritySubType,SecurityIDSource,Symbol,TradingPhaseCode,TradeIndex,TradeBuyNo,TradeSellNo,"
    "TradeType,TradeBSFlag,TradePrice,TradeQty,TradeMoney,ReceiveDateTime,NumTrades,ChannelNo,ApplSeqNum,SecurityID"
)


def insight(index, time, buy, sell, price, quantity, flag=1, kind=0, date="2024.01.10", symbol="600536.SH", channel=1):
    return f"{date},{time},2,02001,101,中国软件,,{index},{buy},{sell},{kind},{flag},{price},{quantity},0,x,0,{channel},{index + 1000},{symbol}"


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_insight_in_either_encoding(folder, encoding):
    rows = [
        insight(1, "09:30:00.180", 9, 5, "14.339999999999999", 200),
        insight(2, "15:00:00.690", 9, 8, "14.56", 500, flag=0),
    ]
    folder.put("SHtrans.csv", INSIGHT_HEADER, rows, encoding=encoding)
    made = trades(folder)
    assert made.frame.drop("date").rows() == [
        ("600536.SH", 1, 1, 34_200_180, 143_400, 200, 9, 5, 1, 1001),
        ("600536.SH", 1, 2, 54_000_690, 145_600, 500, 9, 8, 0, 1002),
    ]
    assert healthy(made)


def test_insight_szse_rows_use_the_exchange_s_numbering_and_keep_cancels_apart(folder):
    rows = [
        insight(1, "09:30:00.180", 9, 5, "14.34", 200, flag=0, symbol="000001.SZ"),
        insight(2, "09:31:00.180", 9, 0, "0", 200, flag=0, kind=1, symbol="000001.SZ"),
        insight(3, "15:00:00.000", 9, 5, "14.34", 200, flag=0, symbol="000001.SZ"),
    ]
    folder.put("SZtrans.csv", INSIGHT_HEADER, rows)
    assert [row[3] for row in trades(folder).frame.rows()] == [1001, 1003]
    assert trades(folder).frame["side"].to_list() == [1, 0]
    assert orders(folder).frame.select("seq", "order", "side", "quantity", "kind").rows() == [
        (1002, 9, 1, 200, "cancel")
    ]


def test_szse_codes_sides_and_cancels(folder):
    folder.put("mdl_6_36_0.csv", SZSE_HEADER, SZSE_ROWS)
    made = trades(folder)
    assert made.frame.select("symbol", "seq", "side").rows() == [
        ("000001.SZ", 20, 0),  # opening auction
        ("000001.SZ", 25, 1),
        ("000001.SZ", 30, -1),
        ("000001.SZ", 31, 0),  # closing auction
        ("300750.SZ", 32, 1),  # after-hours: matched one by one, the later order is the aggressor
    ]
    assert orders(folder).frame.select("seq", "order", "side", "price", "quantity", "kind").rows() == [
        (26, 9, -1, 0, 300, "cancel"),
        (27, 10, 1, 0, 300, "cancel"),
    ]
    assert healthy(made)


def test_orders_of_both_exchanges_with_letters_and_ascii_codes(folder):
    folder.put(
        "mdl_6_33_0.csv",
        "ChannelNo,ApplSeqNum,MDStreamID,SecurityID,SecurityIDSource,Price,OrderQty,Side,TransactTime,OrdType,LocalTime,SeqNo",
        [
            "2013,1,011,000001,102 ,14.99,100,1,09:15:00.000,2,x,1",
            "2013,2,011,000001,102 ,0,200,50,09:30:00.000,49,x,2",
            "2013,3,011,000001,102 ,,300,49,09:30:00.000,85,x,3",
            "2013,4,011,000001,102 ,,300,2,09:30:00.000,U,x,3",
        ],
    )
    folder.put(
        "mdl_4_19_0.csv",
        "DataStatus,OrderIndex,OrderChannel,SecurityID,OrderTime,OrderType,OrderNO,OrderPrice,Balance,OrderBSFlag,BizIndex,"
        "LocalTime,SeqNo",
        ["0,5,6,600519,09:15:00.020,A,90,1745,50,S,1,x,1", "0,6,6,600519,09:15:01.020,D,90,1745,50,S,2,x,2"],
    )
    made = orders(folder)
    assert made.frame.drop("date").rows() == [
        ("000001.SZ", 2013, 1, 33_300_000, 1, 1, 149_900, 100, "limit", 1),
        ("000001.SZ", 2013, 2, 34_200_000, 2, -1, 0, 200, "market", 2),
        ("000001.SZ", 2013, 3, 34_200_000, 3, 1, 0, 300, "own_best", 3),
        ("000001.SZ", 2013, 4, 34_200_000, 4, -1, 0, 300, "own_best", 4),
        ("600519.SH", 6, 5, 33_300_020, 90, -1, 17_450_000, 50, "limit", 1),
        ("600519.SH", 6, 6, 33_301_020, 90, -1, 17_450_000, 50, "cancel", 2),
    ]
    assert dict(made.frame.schema) == SCHEMAS["orders"]
    assert healthy(made)


def test_empty_levels_are_null_and_the_rest_is_whole_ticks(folder):
    layout = next(item for item in LAYOUTS if item.name == "DataYes SZSE snapshots (mdl_6_28_0)")

    def row(time, **values):
        known = {
            "UpdateTime": time,
            "SecurityID": "000333",
            "SecurityIDSource": "102 ",
            "TurnNum": "3",
            "Volume": "500",
            **values,
        }
        return ",".join(known.get(name, "") for name in layout.header)

    folder.put(
        "mdl_6_28_0.csv",
        ",".join(layout.header),
        [
            row("09:24:00.000", Turnover="0", BidPrice1="0", BidVolume1="700", HighLimitPrice="60.719999999999998"),
            row(
                "15:00:03.000",
                Turnover="1.47482002911E9",
                LastPrice="55.5",
                PreCloPrice="55.200000000000002",
                AskPrice1="55.509999999999997",
                AskVolume1="500",
            ),
        ],
    )
    made = run_make(make_quotes, date=DATE, landing=folder, settings=TicksSettings())
    first, second = made.frame.rows(named=True)
    assert (first["bid_price_1"], first["bid_volume_1"], first["limit_up"]) == (None, None, 607_200)
    assert (second["amount"], second["last"], second["pre_close"]) == (14_748_200_291_100, 555_000, 552_000)
    assert (second["ask_price_1"], second["ask_volume_1"], second["ask_price_2"]) == (555_100, 500, None)
    assert dict(made.frame.schema) == SCHEMAS["quotes"]
    assert healthy(made)


def test_other_securities_are_counted_not_kept(folder):
    folder.put(
        "t.csv",
        SSE_HEADER,
        [*SSE_ROWS, SSE_ROWS[0].replace("600519", "510300"), SSE_ROWS[0].replace("600519", "900901")],
    )
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert made.notes["other_securities"] == {"securities": 2, "rows": 2}
    assert healthy(made)


def test_a_file_delivered_twice_counts_once_and_conflicts_are_reported(folder):
    folder.put("a.csv", SSE_HEADER, SSE_ROWS)
    folder.put("b.csv.gz", SSE_HEADER, SSE_ROWS)
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert made.notes["duplicate_rows_dropped"] == 4
    assert healthy(made)
    folder.put("b.csv.gz", SSE_HEADER, [SSE_ROWS[0].replace(",100,185498,", ",900,1669482,"), *SSE_ROWS[1:]])
    profile = trades(folder).profile.filter(pl.col("conflicting_duplicates") > 0)
    assert profile["item"].to_list() == ["600519.SH"]


def test_files_that_accompany_a_delivery_are_listed_and_not_read(folder):
    folder.put("t.csv", SSE_HEADER, SSE_ROWS)
    folder.bytes("t.csv.md5", b"0123")
    made = trades(folder)
    assert made.notes["accompanying_files"] == [f"{FOLDER}/t.csv.md5"]
    assert healthy(made)


def test_a_day_without_ticks_is_empty_with_reasons(folder):
    made = trades(folder)
    assert made.frame.is_empty()
    assert dict(made.frame.schema) == SCHEMAS["trades"]
    assert set(made.unavailable) == set(SCHEMAS["trades"])
    assert str(made.unavailable["price"]) == "no ticks/20240110 in the landing zone"
    folder.put("t.csv", SSE_HEADER, SSE_ROWS)
    assert str(
        run_make(make_quotes, date=DATE, landing=folder, settings=TicksSettings()).unavailable["bid_price_1"]
    ) == ("ticks/20240110 holds no file of quotes")


def test_clock_forms():
    known = {
        "09:30:00.010": 34_200_010,
        "09:30:00": 34_200_000,
        "93000010": 34_200_010,
        "093000010": 34_200_010,
        "9:30:00.5": 34_200_500,
    }
    for text, ms in known.items():
        assert values.clock(text) == ms
    for text in ("25:00:00.000", "09:61:00.000", "nonsense....", "09:30:00.0x0", "", "noon"):
        assert values.clock(text) is None


# --- faulty deliveries ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("0,15,6,600519,10:00:00.000,abc,100,1,5,4,B,5,x,5", "TradPrice = 'abc' is no number"),
        ("0,15,6,600519,10:00:00.000,10,1.5,1,5,4,B,5,x,5", "TradVolume = '1.5' is no whole number"),
        ("0,15,6,600519,10:00:00.000,10,100,1,5,4", "has 10 fields where the header has 14"),
        ("0,15,6,600519,10:00:00.000,10,100,1,5,4,B,5,x,5,6,7", "has 16 fields where the header has 14"),
        ("0,15,6,600519,10:00:00.000,10,-100,1,5,4,B,5,x,5", "a fill's volume must be above 0"),
        ("0,15,6,600519,10:00:00.000,0,100,1,5,4,B,5,x,5", "a fill's price must be above 0"),
        ("0,15,6,600519,10:00:00.000,,100,1,5,4,B,5,x,5", "TradPrice is empty or unknown"),
        ("0,15,99999999999,600519,10:00:00.000,10,100,1000,5,4,B,5,x,5", "its channel is not below 2**31"),
        ("0,99999999999999999999,6,600519,10:00:00.000,10,100,1,5,4,B,5,x,5", "is no whole number"),
        ("0,15,6,600519,10:00:00.000,10,100,1,5,4,X,5,x,5", "TradeBSFlag is empty or unknown"),
        ("0,15,6,600519,29:00:00.000,10,100,1,5,4,B,5,x,5", "TradTime is empty or unknown"),
        ("0,15,6,60O519,10:00:00.000,10,100,1,5,4,B,5,x,5", "SecurityID = '60O519' is no security"),
        ("0,15,6,600519,10:00:00.000,nan,100,1,5,4,B,5,x,5", "TradPrice"),
        ('0,15,6,600519,10:00:00.000,"10,100,1,5,4,B,5,x', "has 13 fields where the header has 14"),
        ("0,15,6,600519,10:00:00.000,10\x1ex,100,1,5,4,B,5,x,5", "TradPrice = '10\x1ex' is no number"),
        ("\x00\x01garbage", "has 1 fields where the header has 14"),
    ],
)
def test_a_malformed_row_is_set_aside_with_file_line_text_and_reason(folder, bad, reason):
    folder.put("t.csv", SSE_HEADER, [*SSE_ROWS[:2], bad, *SSE_ROWS[2:]])
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED, "exactly the row at fault is set aside"
    aside = pl.read_parquet(io.BytesIO(made.files["set_aside.parquet"])).row(0, named=True)
    assert (aside["file"], aside["line"]) == (f"{FOLDER}/t.csv", 4)
    assert aside["text"] == bad
    found = Reason.loads(aside["reason"])
    assert reason in str(found)
    assert found.code != TEXT.name
    message = story(made, "rows_set_aside")
    assert f"1 of 5 rows of {FOLDER}/t.csv are set aside (1 × " in message
    assert "): line 4 " in message
    assert reason in message


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("0,15,6,600519,10:00:00.000,{},100,1,5,4,B,5,x,5", "TradPrice = '999"),
        ("0,15,6,{},10:00:00.000,10,100,1,5,4,B,5,x,5", "SecurityID = '999"),
    ],
)
def test_a_long_cell_is_cut_in_the_message(folder, bad, says):
    folder.put("t.csv", SSE_HEADER, [*SSE_ROWS[:2], bad.format("9" * 30_000 + "x"), *SSE_ROWS[2:]])
    message = story(trades(folder), "rows_set_aside")
    assert says in message
    assert len(message) < 1_000


def test_listing_of_bad_rows_is_bounded_but_their_number_is_not(folder):
    folder.put("t.csv", SSE_HEADER, [*SSE_ROWS, *["broken"] * 30])
    made = trades(folder, max_listed_rows=10)
    assert pl.read_parquet(io.BytesIO(made.files["set_aside.parquet"])).height == 10
    assert made.profile["rows_set_aside"].sum() == 30


def test_insight_rows_of_another_day_or_exchange_are_set_aside(folder):
    rows = [
        insight(1, "15:00:00.180", 9, 5, "14.34", 200),
        insight(2, "15:00:00.180", 9, 5, "14.34", 200, date="2024.01.09"),
        insight(3, "15:00:00.180", 9, 5, "14.34", 200, symbol="000001.SZ"),
    ]
    folder.put("SHtrans.csv", INSIGHT_HEADER, rows)
    made = trades(folder)
    assert made.frame["seq"].to_list() == [1]
    reasons = describe_column(pl.read_parquet(io.BytesIO(made.files["set_aside.parquet"]))["reason"])
    assert "its date is not the folder's, 20240110" in reasons[0]
    # 000001 is not an SSE A-share: without its suffix it would count among the other securities
    assert made.profile["rows_set_aside"].sum() == len(reasons) == 2
    assert "000001.SZ in a file that begins with SH rows" in reasons[1]


def test_a_missing_column_is_reported_with_the_layout(folder):
    names = SSE_HEADER.split(",")
    at = names.index("TradPrice")
    cut = [",".join(value for i, value in enumerate(row.split(",")) if i != at) for row in SSE_ROWS]
    folder.put("20240110_Transaction.csv", ",".join(name for name in names if name != "TradPrice"), cut)
    message = story(trades(folder), "unrecognised")
    assert f"{FOLDER}/20240110_Transaction.csv" in message
    assert "DataYes SSE trades (Transaction)" in message
    assert "lacks TradPrice" in message
    assert orders(folder).profile is None or orders(folder).profile["unrecognised"].sum() == 0, "trades' own affair"


def test_an_unknown_file_is_reported_by_every_table(folder):
    folder.put("t.csv", SSE_HEADER, SSE_ROWS)
    folder.put("mystery.csv", "foo,bar", ["1,2"])
    for made in (
        trades(folder),
        orders(folder),
        run_make(make_quotes, date=DATE, landing=folder, settings=TicksSettings()),
    ):
        message = story(made, "unrecognised")
        assert f"{FOLDER}/mystery.csv" in message
        assert "matches no known layout" in message
        assert "foo, bar" in message
    folder.bytes("day.7z", b"7z")
    folder.bytes("day.xlsx", b"PK")
    message = story(trades(folder), "unrecognised")
    assert "day.7z is an archive of a kind that is not read: unpack it into the day's folder" in message
    assert "day.xlsx is not read, because it is no .csv, .csv.gz, .zip or .parquet" in message


def test_a_tape_that_stops_early_is_reported_with_its_last_stamp(folder):
    folder.put("t.csv", SSE_HEADER, SSE_ROWS[:3])
    message = story(trades(folder), "ends_early")
    assert f"the last row of {FOLDER}/t.csv is stamped 09:30:00.010" in message
    assert (
        "either everything after it is missing, the closing auction from 14:57:00 included, or trading was halted"
        in message
    )
    folder.put("t.csv", SSE_HEADER, [])
    assert f"{FOLDER}/t.csv has a header and no rows" in story(trades(folder), "without_rows")


def test_a_tape_delivered_in_two_parts_reaches_the_close_together(folder):
    folder.put("morning.csv", SSE_HEADER, SSE_ROWS[:3])
    folder.put("afternoon.csv", SSE_HEADER, SSE_ROWS[3:])
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert healthy(made)


def test_a_damaged_archive_is_reported(folder):
    folder.put("t.csv.gz", SSE_HEADER, SSE_ROWS * 500)
    path = folder.root / "t.csv.gz"
    path.write_bytes(path.read_bytes()[:-40])
    assert f"{FOLDER}/t.csv.gz cannot be" in story(trades(folder), "unreadable")
    path.unlink()
    folder.root.joinpath("t.zip").write_bytes(b"no zip at all")
    assert f"{FOLDER}/t.zip cannot be opened" in story(trades(folder), "unreadable")


@pytest.mark.parametrize(
    ("member", "rule"),
    [
        ("../../evil.csv", "its path leads out of the archive"),
        ("/etc/evil.csv", "its path leads out of the archive"),
        ("..\\evil.csv", "its path leads out of the archive"),
        ("C:\\evil.csv", "its path leads out of the archive"),
        ("notes.dat", "only .csv is read from an archive"),
    ],
)
def test_a_zip_member_must_stay_inside_and_be_a_csv(folder, member, rule):
    rows = "\n".join([SSE_HEADER, *SSE_ROWS])
    with zipfile.ZipFile(folder.root / "t.zip", "w") as archive:
        archive.writestr("good.csv", rows)
        archive.writestr(member, rows)
    made = trades(folder)
    assert f"its member {member!r} is refused: {rule}" in story(made, "unreadable")
    assert made.frame.is_empty()  # the other members are not read either


def test_a_zip_may_contain_many_files_and_accompanying_ones(folder):
    with zipfile.ZipFile(folder.root / "t.zip", "w") as archive:
        archive.writestr("a/morning.csv", "\n".join([SSE_HEADER, *SSE_ROWS[:3]]))
        archive.writestr("b/afternoon.csv", "\n".join([SSE_HEADER, SSE_ROWS[3], "bad"]))
        archive.writestr("b/afternoon.csv.md5", "0123")
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert [file["file"] for file in made.notes["files"]] == [
        f"{FOLDER}/t.zip/a/morning.csv",
        f"{FOLDER}/t.zip/b/afternoon.csv",
    ]
    aside = pl.read_parquet(io.BytesIO(made.files["set_aside.parquet"])).row(0, named=True)
    assert (aside["file"], aside["line"]) == (f"{FOLDER}/t.zip/b/afternoon.csv", 3)


def archive_with(folder, **attributes):
    """Write t.zip with one member whose directory entry has unusual attributes."""
    info = zipfile.ZipInfo(attributes.pop("filename", "a.csv"))
    data = attributes.pop("data", "\n".join([SSE_HEADER, *SSE_ROWS]))
    for name, value in attributes.items():
        setattr(info, name, value)
    with zipfile.ZipFile(folder.root / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(info, data, compress_type=zipfile.ZIP_DEFLATED)


def test_links_and_encrypted_members_are_refused(folder):
    archive_with(folder, external_attr=0o120777 << 16)
    assert "t.zip: its member 'a.csv' is refused: it is a link" in story(trades(folder), "unreadable")
    archive_with(folder)
    data = bytearray((folder.root / "t.zip").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag of encryption in the directory
    (folder.root / "t.zip").write_bytes(data)
    message = story(trades(folder), "unreadable")
    assert "t.zip: its member 'a.csv' is refused: it is encrypted. Deliver it without a password" in message


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "ticks.max_compression_ratio = 200"),
        ({"max_compression_ratio": 1e6, "max_unpacked_gb": 0.001}, "ticks.max_unpacked_gb = 0.001"),
    ],
)
@pytest.mark.parametrize("name", ["t.zip", "t.csv.gz"])
def test_archive_bombs_are_refused_with_the_setting(folder, name, changes, rule):
    bomb = "\n".join([SSE_HEADER, *SSE_ROWS]).encode() + b"\n" * (12 << 20)
    if name.endswith("zip"):
        archive_with(folder, data=bomb)
    else:
        folder.bytes(name, bomb)
    message = story(trades(folder, **changes), "unreadable")
    assert "is refused" in message
    assert rule in message
    assert name in message


def test_a_file_without_line_ends_is_refused(folder):
    folder.bytes("t.csv", (SSE_HEADER + "\n").encode() + b"0" * (3 << 20))
    assert "bytes without a line end" in story(trades(folder, block_mb=1), "unreadable")


def test_one_bad_row_in_a_thousand_refuses_the_day_and_fewer_do_not(folder):
    rows = [f"0,{i},6,600519,15:00:00.000,14.99,100,1499,5,4,N,{i},x,1" for i in range(1, 3000)]
    folder.put("t.csv", SSE_HEADER, [*rows, "bad", "bad"])
    made = trades(folder)
    assert made.profile["too_many_set_aside"].sum() == 0
    assert "2 of 3001 rows" in story(made, "rows_set_aside")
    folder.put("t.csv", SSE_HEADER, [*rows, *["bad"] * 4])
    assert "4 of 3003 rows" in story(trades(folder), "too_many_set_aside")
    assert trades(folder, max_bad_row_share=0.01).profile["too_many_set_aside"].sum() == 0


def test_symbols_parquet_counts_anomalies_by_symbol(folder):
    rows = [
        *SSE_ROWS,
        SSE_ROWS[1],  # a duplicate
        SSE_ROWS[3].replace(",100,180000,", ",200,360000,"),  # a conflicting duplicate
        "0,15,6,600519,14:00:00.000,10,-100,1,5,4,B,5,x,5",  # set aside
        "0,16,6,601398,10:00:00.000,10,-100,1,5,4,B,5,x,5",  # the only row of its stock
        "0,17,6,510300,10:00:00.000,x,-100,1,5,4,B,5,x,5",  # a fund
        "0,18,6,600519,14:00:00.000,10,100,1000,5,7,B,8,x,5",  # earlier than the row before; its flag contradicts its numbers
    ]
    folder.put("t.csv", SSE_HEADER, rows)
    made = trades(folder)
    symbols = pl.read_parquet(io.BytesIO(made.files["symbols.parquet"]))
    assert dict(symbols.schema) == day_of_files.SYMBOLS["trades"]
    assert symbols.rows() == [
        ("600000.SH", 1, 0, 0, 0, 0, 0),
        ("600519.SH", 4, 1, 2, 1, 1, 1),
        ("601398.SH", 0, 1, 0, 0, 0, 0),
    ]
    aside = pl.read_parquet(io.BytesIO(made.files["set_aside.parquet"]))
    assert dict(aside.schema) == day_of_files.SET_ASIDE
    assert aside["symbol"].to_list() == ["600519.SH", "601398.SH", "510300.SH"]


# --- headers --------------------------------------------------------------------------------------------------------------


def test_every_layout_is_recognised_by_its_own_header_and_at_most_once_per_table():
    for layout in LAYOUTS:
        found = recognise(layout.header, layout.exchange)
        assert layout in found
        assert len({item.table for item in found}) == len(found)
        assert recognise(tuple(reversed(layout.header)), layout.exchange) == found


def test_the_nearest_layout_is_reported_with_the_differences():
    header = ["Price" if name == "LastPx" else name for name in SZSE_HEADER.split(",")]
    message = nearest(header)
    assert message.missing == ("LastPx",)
    assert message.extra == ("Price",)
    assert message.tables == {"trades", "orders"}
