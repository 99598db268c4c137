"""Tests one tape in every form of delivery against the canonical rows of the plain CSV file.

The forms are Parquet of any types, other delimiters and encodings, date and time in one column, and symbols and numbers as other
systems write them.
"""

import datetime as dt
import errno
import gzip
import io
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ticks import values
from assets.ticks.layouts import LAYOUTS, Field, Layout
from assets.ticks.make_orders import make_orders
from assets.ticks.make_quotes import make_quotes
from assets.ticks.make_trades import make_trades
from assets.ticks.parse import ParsePlan, parse
from resources.errors import MachineError
from resources.reasons import describe_column
from resources.settings.ticks import TicksSettings
from tests.making import run_make
from tests.ticks.synthetic_market import simulate
from tests.ticks.synthetic_tapes import WRITERS, Style, write_day
from tests.ticks.test_vendor_files import (
    DATE,
    EXPECTED,
    FOLDER,
    INSIGHT_HEADER,
    SSE_HEADER,
    SSE_ROWS,
    SZSE_HEADER,
    SZSE_ROWS,
    Folder,
    healthy,
    insight,
    orders,
    story,
    trades,
)

NUMERIC = ("integer", "ticks", "price", "money")


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def table_of(header: str, rows: list[str]) -> pl.DataFrame:
    return pl.read_csv(io.StringIO("\n".join([header, *rows])), infer_schema=False)


def to_parquet(path: Path, typed: bool, encoding: str = "utf-8", row_group_size: int = 7) -> None:
    """Replace the CSV file by a Parquet file beside it. typed: whether numbers are stored as numbers."""
    text = path.read_bytes().decode(encoding)
    frame = pl.read_csv(io.StringIO(text), infer_schema=False, quote_char=None, truncate_ragged_lines=True)
    if typed:
        kinds = {item.column: item.kind for layout in LAYOUTS for item in layout.fields.values()}
        for name in frame.columns:
            if kinds.get(name) in NUMERIC:
                number = frame[name].cast(pl.Float64)
                whole = bool((number == number.round()).all())
                frame = frame.with_columns(number.cast(pl.Int64) if whole else number)
            elif kinds.get(name) == "date":
                frame = frame.with_columns(pl.col(name).str.replace_all(r"\D", "").str.to_date("%Y%m%d"))
    frame.write_parquet(path.with_suffix(".parquet"), row_group_size=row_group_size)
    path.unlink()


def made_of(folder: Folder):
    return [
        run_make(make, date=DATE, landing=folder, settings=TicksSettings())
        for make in (make_trades, make_orders, make_quotes)
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_file_with_carriage_returns_only_is_reported(tmp_path, encoding):
    folder = Folder(tmp_path)
    write_day(folder.root, WRITERS["SH"]["DataYes"](simulate("SH", (600_519,), 11), Style(), "20240110"), Style())
    path = next(path for path in folder.tick_files() if "Transaction" in path.name)
    text = path.read_text("utf-8")
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    rows = made_of(folder)[0].frame
    assert rows.height == text.count("\n") - 1
    path.write_bytes(text.replace("\n", "\r").encode(encoding))
    profile = made_of(folder)[0].profile
    assert profile["unreadable"].sum() == 1
    assert "ends its lines with a carriage return alone" in " ".join(describe_column(profile["detail"].drop_nulls()))


# --- Parquet --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize(("exchange", "vendor"), [(e, vendor) for e, writers in WRITERS.items() for vendor in writers])
def test_parquet_and_csv_have_the_same_rows_in_every_layout(tmp_path, exchange, vendor, typed):
    codes = {"SH": (600_519, 688_981), "SZ": (1, 300_750)}[exchange]
    encoding = "gbk" if vendor == "Wind" else "utf-8"
    files = WRITERS[exchange][vendor](simulate(exchange, codes, 11, arrivals=60), Style(encoding), "20240110")
    plain, packed = Folder(tmp_path / "csv"), Folder(tmp_path / "parquet")
    for each in (plain, packed):
        write_day(each.root, files, Style(encoding))
    for path in packed.tick_files():
        to_parquet(path, typed, encoding)
    assert {path.suffix for path in packed.tick_files()} == {".parquet"}
    for one, other in zip(made_of(plain), made_of(packed), strict=True):
        assert one.frame.equals(other.frame)
        assert one.files.get("numbers.parquet") == other.files.get("numbers.parquet")
        assert other.profile is None or healthy(other)
    assert made_of(packed)[0].frame.height > 10


@pytest.mark.parametrize("rows", [1, 2, 1000])
def test_snapshots_in_parquet_and_row_groups_of_any_size(tmp_path, rows):
    plain, packed = Folder(tmp_path / "csv"), Folder(tmp_path / "parquet")
    layout = next(item for item in LAYOUTS if item.name == "DataYes SZSE snapshots (mdl_6_28_0)")
    cells = {"SecurityID": "000333", "TurnNum": "3", "Volume": "500", "Turnover": "27750.5", "LastPrice": "55.5"}
    cells |= {"BidPrice1": "55.49", "BidVolume1": "200"}
    times = ["09:24:00.000", "09:30:03.000", "14:59:00.000", "15:00:03.000"]
    text = [",".join({**cells, "UpdateTime": time}.get(name, "") for name in layout.header) for time in times]
    for each in (plain, packed):
        each.put("mdl_6_28_0.csv", ",".join(layout.header), text)
    to_parquet(packed.tick_files()[0], typed=True, row_group_size=rows)
    one, other = (run_make(make_quotes, date=DATE, landing=each, settings=TicksSettings()) for each in (plain, packed))
    assert one.frame.height == 4
    assert one.frame.equals(other.frame)
    assert healthy(other)


def typed_sse() -> pl.DataFrame:
    """Return the SSE rows as a user of data frames stores them: numbers, integers for symbols, timestamps."""
    numbers = ("TradeIndex", "TradeChan", "SecurityID", "TradVolume", "TradeBuyNo", "TradeSellNo", "BizIndex")
    time = ("2024-01-10 " + pl.col("TradTime")).str.to_datetime("%Y-%m-%d %H:%M:%S%.3f")
    return table_of(SSE_HEADER, SSE_ROWS).with_columns(
        pl.col(*numbers).cast(pl.Int64), pl.col("TradPrice", "TradeMoney").cast(pl.Float64), TradTime=time
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: frame,
        lambda frame: frame.with_columns(pl.col("TradVolume", "SecurityID", "TradeBuyNo").cast(pl.Float64)),
        lambda frame: frame.with_columns(pl.col("TradPrice").cast(pl.Decimal(18, 4))),
        lambda frame: frame.with_columns(pl.col("TradPrice").cast(pl.Float32)),
        lambda frame: frame.with_columns(pl.col("TradeBSFlag").cast(pl.Categorical)),
        lambda frame: frame.with_columns(pl.col("TradTime").dt.replace_time_zone("Asia/Shanghai")),
        lambda frame: frame.with_columns(
            pl.col("TradTime").dt.replace_time_zone("Asia/Shanghai").dt.convert_time_zone("UTC").dt.cast_time_unit("ns")
        ),
        lambda frame: frame.with_columns(pl.col("TradTime").dt.time()),
        lambda frame: frame.with_columns(pl.lit(None).alias("Nothing"), pl.lit([1]).alias("Listed")),
        lambda frame: frame.rename({"TradPrice": "tradprice", "SecurityID": " Security ID"}),
    ],
    ids=["typed", "floats", "decimal", "float32", "categorical", "Shanghai", "UTC in ns", "time", "beside", "names"],
)
def test_parquet_of_any_types_reads_the_same(folder, change):
    change(typed_sse()).write_parquet(folder.root / "t.parquet")
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED, made.profile["detail"].to_list()
    assert healthy(made)


def test_an_unusable_parquet_row_is_reported_with_its_number(folder):
    frame = typed_sse()
    frame = frame.with_columns(TradPrice=pl.when(pl.int_range(4) == 2).then(float("nan")).otherwise("TradPrice"))
    frame = frame.with_columns(TradVolume=pl.when(pl.int_range(4) == 3).then(1.5).otherwise("TradVolume"))
    frame.write_parquet(folder.root / "t.parquet")
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED[1:3]
    aside = pl.read_parquet(io.BytesIO(made.files["set_aside.parquet"]))
    assert aside.select("line", "symbol").rows() == [(3, "600000.SH"), (4, "600519.SH")]
    assert "TradPrice is empty or unknown" in describe_column(aside["reason"])[0]
    assert "TradVolume = '1.5' is no whole number" in describe_column(aside["reason"])[1]
    assert "row 3 " in story(made, "rows_set_aside")


@pytest.mark.parametrize(
    ("column", "dtype", "value", "expected"),
    [
        ("TradeBuyNo", pl.Float32, 16_777_219, "a 32-bit float has lost its digits"),
        ("TradeBuyNo", pl.Float64, 2.0**60, "a 64-bit float has lost its digits"),
        ("TradeMoney", pl.Float32, 360_202.5, "a 32-bit float has lost its digits"),
    ],
)
def test_floats_that_lost_digits_are_set_aside(folder, column, dtype, value, expected):
    frame = typed_sse().with_columns(pl.lit(value, dtype).alias(column))
    frame.write_parquet(folder.root / "t.parquet")
    made = trades(folder)
    assert made.frame.is_empty()
    assert expected in story(made, "too_many_set_aside")


def test_parquet_that_is_damaged_or_has_an_impossible_type_is_reported(folder):
    typed_sse().write_parquet(folder.root / "t.parquet")
    data = (folder.root / "t.parquet").read_bytes()
    for broken in (data[:-20], data[: len(data) // 2], b"PAR1" + b"x" * 100, b""):
        folder.bytes("t.parquet", broken)
        assert f"{FOLDER}/t.parquet" in story(trades(folder), "unreadable")
    typed_sse().with_columns(TradPrice=pl.concat_list("TradPrice")).write_parquet(folder.root / "t.parquet")
    assert "column TradPrice has the type List(Float64)" in story(trades(folder), "unreadable")


def test_timestamps_of_another_day_set_their_rows_aside(folder):
    frame = typed_sse().with_columns(pl.col("TradTime").dt.offset_by("-1d"))
    frame.write_parquet(folder.root / "t.parquet")
    made = trades(folder)
    assert made.frame.is_empty()
    assert "(4 × its date is not the folder's, 20240110)" in story(made, "too_many_set_aside")


# --- date and time in one column ------------------------------------------------------------------------------------------

STAMPS = {
    "ISO": lambda time: f"2024-01-10 {time}",
    "ISO with T": lambda time: f"2024-01-10T{time}",
    "points": lambda time: f"2024.01.10T{time}",
    "slashes": lambda time: f"2024/1/10 {time}",
    "packed": lambda time: "20240110" + time.replace(":", "").replace(".", ""),
    "packed date": lambda time: f"20240110 {time}",
    "FIX": lambda time: f"20240110-{time}",
    "packed parts": lambda time: "20240110 " + time.replace(":", "").replace(".", ""),
    "microseconds": lambda time: f"2024-01-10 {time}456",
    "Shanghai's zone": lambda time: f"2024-01-10T{time}+08:00",
    "UTC": lambda time: f"2024-01-10T{int(time[:2]) - 8:02d}{time[2:]}Z",
    "Dhaka": lambda time: f"2024-01-10T{int(time[:2]) - 2:02d}{time[2:]} +0600",
}


@pytest.mark.parametrize("form", STAMPS)
def test_a_full_stamp_in_the_column_of_the_time_is_read(folder, form):
    write = STAMPS[form]
    rows = [",".join(write(v) if i == 4 else v for i, v in enumerate(row.split(","))) for row in SSE_ROWS]
    folder.put("t.csv", SSE_HEADER, rows)
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED, made.profile["detail"].to_list()
    assert healthy(made)


@pytest.mark.parametrize("form", STAMPS)
def test_stamps_are_read_by_the_compiled_parser(form):
    layout = next(item for item in LAYOUTS if item.name.startswith("DataYes SSE trades")).stamped()
    row = [STAMPS[form](v) if i == 4 else v for i, v in enumerate(SSE_ROWS[0].split(","))]
    plan = ParsePlan.of(layout.fields, layout.header, layout.exchange, text_suffix=False)
    _, rows, odd = parse(np.frombuffer((",".join(row) + "\n").encode(), np.uint8), 1, plan)
    assert (rows.tolist(), len(odd)) == ([0], 0)


def test_a_stamp_of_another_day_or_form_is_set_aside(folder):
    rows = [row.replace(row.split(",")[4], f"2024-01-10 {row.split(',')[4]}") for row in SSE_ROWS]
    wrong = [rows[1].replace("2024-01-10", "2024-01-09"), rows[1].replace("2024-01-10", "10/01/2024"), SSE_ROWS[1]]
    folder.put("t.csv", SSE_HEADER, [*rows, *wrong])
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    reasons = describe_column(pl.read_parquet(io.BytesIO(made.files["set_aside.parquet"]))["reason"])
    assert "its date is not the folder's, 20240110" in reasons[0]
    assert "TradTime = '10/01/2024 09:30:00.010' is no date and time" in reasons[1]
    assert "TradTime = '09:30:00.010' is no date and time" in reasons[2]


zones = st.sampled_from(["", "Z", "z", "+08:00", "+0000", " -05", "+09:30", "-11:45"])
moments = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
FORMS = (
    "%Y-%m-%d %H:%M:%S.{ms}",
    "%Y/%m/%dT%H:%M:%S.{ms}",
    "%Y%m%d-%H:%M:%S.{ms}",
    "%Y%m%d%H%M%S{ms}",
    "%Y.%m.%d %H%M%S{ms}",
)


def compiled_stamp(text: str) -> tuple[int, int] | None:
    fields = {"day": Field("t", "stamp_date"), "ms": Field("t", "stamp")}
    plan = ParsePlan.of(fields, ("t",), "SH", text_suffix=False)
    read, rows, _ = parse(np.frombuffer(f"{text}\n".encode(), np.uint8), 1, plan)
    return (int(read[plan.slots["day"], 0]), int(read[plan.slots["ms"], 0])) if len(rows) else None


@settings(max_examples=300, deadline=None)
@given(moment=moments, form=st.sampled_from(FORMS), zone=zones)
def test_stamps_mean_the_same_moment_in_either_reader(moment, form, zone):
    text = moment.strftime(form).format(ms=f"{moment.microsecond // 1000:03d}") + zone
    local = moment
    if zone:
        sign = -1 if "-" in zone else 1
        digits = zone.strip(" Zz+-").replace(":", "").ljust(4, "0")
        local = moment - sign * dt.timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) + dt.timedelta(hours=8)
    ms = (local - local.replace(hour=0, minute=0, second=0, microsecond=0)) // dt.timedelta(milliseconds=1)
    expected = (int(local.strftime("%Y%m%d")), ms)
    assert values.stamp(text) == expected
    assert compiled_stamp(text) == expected


@settings(max_examples=300, deadline=None)
@given(
    st.text("0123456789-/. T:Z+", max_size=26)
    | st.from_regex(r"20\d\d-\d\d?-\d\d?[ T]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d+)?", fullmatch=True)
)
def test_the_compiled_parser_reads_no_stamp_that_the_plain_one_rejects(text):
    found = compiled_stamp(text)
    assert found is None or not text.strip(values.STRIPPED) or found == values.stamp(text.strip(values.STRIPPED))


TUTORIAL = Layout(
    "Tutorial SSE trades (SH_trade)",
    "trades",
    "SH",
    ("SecurityID", "Market", "TradeTime", "TradePrice", "TradeQty", "TradeAmount", "BuyNum", "SellNum"),
    fields={
        "code": Field("SecurityID", "symbol"),
        "time": Field("TradeTime", "stamp"),
        "price": Field("TradePrice", "price"),
        "volume": Field("TradeQty"),
        "money": Field("TradeAmount", "money"),
        "bid_order": Field("BuyNum"),
        "ask_order": Field("SellNum"),
    },
    fixed={"channel": 0},
)


def test_a_layout_may_declare_a_stamp_and_have_no_numbers(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "desk_with_stamps", types.SimpleNamespace(TUTORIAL=TUTORIAL))
    rows = [
        "600519,XSHG,2024.01.10T09:25:00.940,1854.98,100,185498,5,4",
        "600519,XSHG,2024.01.10T09:30:00.010,1801.01,200,360202,9,4",
        "600519,XSHG,2024.01.10T09:30:00.010,1801.01,200,360202,9,4",
    ]
    folder.put("a/SH_trade.csv", ",".join(TUTORIAL.header), rows)
    folder.put("b/SH_trade.csv", ",".join(TUTORIAL.header), [rows[0].replace("09:25:00.940", "15:00:00.000"), "x"])
    made = trades(folder, extra_layouts=("desk_with_stamps:TUTORIAL",))
    seen = made.frame.select("time", "price", "volume", "side").rows()
    assert seen == [
        (33_900_940, 18_549_800, 100, 0),
        (34_200_010, 18_010_100, 200, 1),
        (34_200_010, 18_010_100, 200, 1),
        (54_000_000, 18_549_800, 100, 0),
    ], "equal rows are two trades, and the order is the files'"
    assert made.notes["duplicate_rows_dropped"] == 0
    assert made.profile["rows_set_aside"].sum() == 1


# --- delimiters, encodings, headers, symbols, values ----------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "gbk", "utf-16", "utf-16-le", "utf-16-be"])
def test_other_delimiters_and_encodings_are_recognised(folder, delimiter, encoding):
    rows = [insight(1, "09:30:00.180", 9, 5, "14.34", 200), insight(2, "15:00:00.690", 9, 8, "14.56", "1,500", flag=0)]
    rows = [row.replace("1,500", "1~500").replace(",", delimiter).replace("~", ",").replace("软", "拋") for row in rows]
    folder.put("SHtrans.csv", INSIGHT_HEADER.replace(",", delimiter), rows, encoding=encoding)
    made = trades(folder)
    assert made.frame.select("seq", "price", "volume").rows() == [(1, 143_400, 200), (2, 145_600, 1500)]
    assert healthy(made)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.zip"])
def test_wide_encodings_in_every_packing(folder, encoding, name):
    folder.put(name, SSE_HEADER, SSE_ROWS, encoding=encoding, end="\r\n")
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert healthy(made)


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        str.lower,
        lambda text: text.replace(",", " , "),
        lambda text: text.replace("Trad", "Trad "),
        lambda text: "\ufeff" + text.upper(),
    ],
)
def test_letter_case_and_blanks_of_a_header_are_ignored(folder, change):
    folder.put("t.csv", change(SSE_HEADER), SSE_ROWS)
    folder.put("mdl_6_36_0.csv", change(SZSE_HEADER), SZSE_ROWS)
    made = trades(folder)
    assert made.frame.filter(pl.col("symbol").str.ends_with("SH")).drop("date").rows() == EXPECTED, "BizIndex included"
    assert made.frame.height == len(EXPECTED) + 5
    assert healthy(made)


@pytest.mark.parametrize(
    "change",
    [
        "{}.SH",
        "{}.XSHG",
        "{}.SS",
        "{}.sh",
        "{}.xshg",
        "SH{}",
        "sh{}",
        "sh.{}",
        "SH.{}",
        " {} ",
        '"{}"',
        "{}.0",
        '="{}"',
    ],
)
def test_symbols_as_other_systems_write_them(folder, change):
    def renamed(row):
        return ",".join(change.format(v) if i == 3 else v for i, v in enumerate(row.split(",")))

    folder.put("t.csv", SSE_HEADER, [renamed(row) for row in SSE_ROWS])
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert healthy(made)


@pytest.mark.parametrize("change", ["{}.XSHE", "sz{}", "{}.sz"])
def test_the_exchange_is_taken_from_any_form_of_a_symbol(folder, change):
    rows = [
        insight(1, "09:30:00.180", 9, 5, "14.34", 200, flag=0, symbol=change.format("000001")),
        insight(2, "15:00:00.180", 9, 5, "14.34", 200, flag=0, symbol=change.format("000001")),
        insight(3, "15:00:00.180", 9, 5, "14.34", 200, flag=0, symbol="600519.XSHG"),
    ]
    folder.put("trans.csv", INSIGHT_HEADER, rows)
    made = trades(folder)
    assert made.frame["symbol"].to_list() == ["000001.SZ"] * 2
    assert "a security of another exchange in a file of SZ rows" in story(made, "rows_set_aside")


@pytest.mark.parametrize(
    ("row", "read"),
    [
        ('0,15,6,600519,10:00:00.000,"1,800.00","1,200","2,160,000.00",5,4,B,5,x,5', (18_000_000, 1200)),
        ("0,15,6,600519,10:00:00.000,１８００,200,360000,5,4,B,5,x,5", (18_000_000, 200)),
        ("0,15,6,600519,10:00:00.000123,1800,200,NaN,5,4,b,5,x,5", (18_000_000, 200)),
        ("0,15,6,600519,10:00:00.000,1800,2.00E+02,360000,5,4,B,--,x,5", (18_000_000, 200)),
    ],
)
def test_unambiguous_values_are_read(folder, row, read):
    folder.put("t.csv", SSE_HEADER, [*SSE_ROWS, row])
    made = trades(folder)
    assert made.frame.filter(pl.col("seq") == 15).select("price", "volume").rows() == [read]
    assert healthy(made)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("TradPrice", "1.80E+03"),
        ("TradVolume", "2.0E+02"),
        ("TradeMoney", "3.60E+05"),
        ("TradeBuyNo", "8.03E+05"),
        ("TradPrice", "1,80"),
    ],
)
def test_numbers_that_lost_digits_or_are_ambiguous_are_set_aside(folder, column, value):
    names = SSE_HEADER.split(",")
    cells = ["0", "15", "6", "600519", "10:00:00.000", "1800", "200", "360000", "9", "4", "B", "5", "x", "5"]
    cells[names.index(column)] = f'"{value}"'
    folder.put("t.csv", SSE_HEADER, [*SSE_ROWS, ",".join(cells)])
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert f"{column} = '{value}' is no" in story(made, "rows_set_aside")


def test_a_file_of_which_no_row_can_be_used_is_refused_however_large_the_others_are(folder):
    many = [f"0,{i},6,600519,15:00:00.000,14.99,100,1499,5,4,N,{i},x,1" for i in range(1, 9000)]
    folder.put("a.csv", SSE_HEADER, many)
    folder.put(
        "b.csv",
        SSE_HEADER,
        [row.replace(":", "~") for row in SSE_ROWS],
    )
    made = trades(folder)
    message = story(made, "too_many_set_aside")
    assert f"4 of 4 rows of {FOLDER}/b.csv are set aside" in message
    assert "a.csv" not in message
    folder.put("b.csv", SSE_HEADER, SSE_ROWS)
    assert trades(folder).profile["too_many_set_aside"].sum() == 0


def test_the_commonest_rules_are_reported_with_their_counts(folder):
    wrong = [SSE_ROWS[1].replace(",200,", f",{value},") for value in ("x", "y", "-5", "z")]
    folder.put("t.csv", SSE_HEADER, [*SSE_ROWS, *wrong])
    message = story(trades(folder), "too_many_set_aside")
    assert "4 of 8 rows" in message
    assert "(3 × TradVolume is no whole number; 1 × a fill's volume must be above 0)" in message


# --- folders as delivered --------------------------------------------------------------------------------------------------


def test_nested_folders_and_zips_named_after_the_day_are_read(folder):
    folder.put("20240110/20240110_t.csv.zip", SSE_HEADER, SSE_ROWS)
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert healthy(made)


@pytest.mark.parametrize(
    "name", ["20240109_Transaction.csv", "20240109/t.csv", "2024-01-09/t.csv.gz", "20240109.parquet"]
)
def test_a_file_named_after_another_day_is_refused_by_name(folder, name):
    folder.put("t.csv", SSE_HEADER, SSE_ROWS)
    folder.put(name, SSE_HEADER, SSE_ROWS)
    message = story(trades(folder), "unrecognised")
    assert f"{FOLDER}/{name} is named after 2024-01-09, and its folder after 2024-01-10" in message
    assert trades(folder, refuse_names_of_other_days=False).profile["unrecognised"].sum() == 0
    (folder.root / name).unlink()
    folder.put("99999999_t.csv", SSE_HEADER, SSE_ROWS)  # a number that is not a day
    folder.put("20240110_sent_20240111.csv", SSE_HEADER, SSE_ROWS)
    assert healthy(trades(folder))


# --- other contents of files -----------------------------------------------------------------------------------------------


def again_amid(lines: list[bytes]) -> list[bytes]:
    return [*lines[:40], lines[0], *lines[40:]]


def again_behind_a_mark(lines: list[bytes]) -> list[bytes]:
    return [*lines[:40], b"\xef\xbb\xbf" + lines[0], *lines[40:]]


def again_every_50_rows(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *(line for n, row in enumerate(lines[1:]) for line in ([row] if n % 50 else [lines[0], row]))]


def again_in_upper_case(lines: list[bytes]) -> list[bytes]:
    return [*lines, lines[0].upper()]


def rows_end_in_commas(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *(row + b"," for row in lines[1:40]), lines[0], *(row + b"," for row in lines[40:])]


def padded(lines: list[bytes]) -> list[bytes]:
    return [*lines, b"," * lines[0].count(b","), b"", b"NaN" + b",NaN" * lines[0].count(b",")]


def closed_by_dos(lines: list[bytes]) -> list[bytes]:
    return [*lines, b"\x1a"]


@pytest.mark.parametrize(
    "change",
    [
        again_amid,
        again_behind_a_mark,
        again_every_50_rows,
        again_in_upper_case,
        rows_end_in_commas,
        padded,
        closed_by_dos,
    ],
)
@pytest.mark.parametrize(("exchange", "vendor"), [(e, vendor) for e, writers in WRITERS.items() for vendor in writers])
def test_repeated_headers_and_empty_lines_are_not_rows(tmp_path, exchange, vendor, change):
    if vendor == "Wind" and change is again_behind_a_mark:
        change = again_amid  # a file in GBK has no byte order mark of UTF-8
    codes = {"SH": (600_519, 688_981), "SZ": (1, 300_750)}[exchange]
    style = Style("gbk" if vendor == "Wind" else "utf-8")
    files = WRITERS[exchange][vendor](simulate(exchange, codes, 11, arrivals=120), style, "20240110")
    plain, changed = Folder(tmp_path / "plain"), Folder(tmp_path / "changed")
    for each in (plain, changed):
        write_day(each.root, files, style)
    for path in changed.tick_files():
        end = b"\r\n" if b"\r\n" in path.read_bytes() else b"\n"
        path.write_bytes(end.join(change(path.read_bytes().removesuffix(end).split(end))) + end)
    for one, other in zip(made_of(plain)[:2], made_of(changed)[:2], strict=True):
        assert one.frame.height > 50
        assert one.frame.equals(other.frame)
        assert [each["rows"] for each in one.notes["files"]] == [each["rows"] for each in other.notes["files"]]
        assert healthy(other)


def test_a_header_in_another_order_and_a_footer_are_set_aside(folder):
    names = SSE_HEADER.split(",")
    for line in (",".join([names[0], *reversed(names[1:])]), "TOTAL,4"):
        folder.put("t.csv", SSE_HEADER, [*SSE_ROWS, line])
        made = trades(folder)
        assert made.frame.height == 4
        assert made.profile["rows_set_aside"].sum() == 1


@pytest.mark.parametrize(("price", "number"), [("", "0"), ("-1.0000", ""), ("NaN", "NULL"), ("14.70", "0")])
@pytest.mark.parametrize("vendor", WRITERS["SZ"])
def test_a_cancel_needs_no_price_and_no_number_on_its_other_side(tmp_path, vendor, price, number):
    names = {
        "DataYes": ("LastPx", "BidApplSeqNum", "OfferApplSeqNum"),
        "INSIGHT": ("TradePrice", "TradeBuyNo", "TradeSellNo"),
        "Wind": ("成交价格", "叫买序号", "叫卖序号"),
    }
    column, *numbers = names[vendor]
    if vendor == "Wind" and "." in price:
        price = price.replace(".", "")  # in 1/10 000 yuan
    style = Style("gbk" if vendor == "Wind" else "utf-8")
    files = WRITERS["SZ"][vendor](simulate("SZ", (1, 300_750), 11, arrivals=120), style, "20240110")
    plain, changed = Folder(tmp_path / "plain"), Folder(tmp_path / "changed")
    write_day(plain.root, files, style)
    cancels = [row for rows in files.values() for row in rows if any(str(row.get(name)) == "0" for name in numbers)]
    assert len(cancels) > 10
    for row in cancels:
        row[column] = price
        for name in numbers:
            row[name] = number if str(row[name]) == "0" else row[name]
    write_day(changed.root, files, style)
    (bought, ordered, _), (bought_too, ordered_too, _) = made_of(plain), made_of(changed)
    assert bought.frame.equals(bought_too.frame)
    assert ordered.frame.drop("price").equals(ordered_too.frame.drop("price"))
    assert ordered_too.frame["price"].min() >= 0
    assert healthy(ordered_too)
    if price not in ("14.70", "1470"):
        assert ordered.frame.equals(ordered_too.frame)


def test_a_cancel_of_both_sides_or_of_none_is_set_aside(folder):
    cancel = "2013,26,011,{},{},000001,102 ,0,300,4,09:31:00.000,09:31:00.078,3"
    for bid, ask in (("", ""), ("0", ""), ("5", "6")):
        folder.put("t.csv", SZSE_HEADER, [*SZSE_ROWS, cancel.format(bid, ask)])
        assert "a cancel must name exactly one order" in story(orders(folder), "rows_set_aside")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (gzip.compress(b"x" * 99, mtime=0), "a gzip archive: name it .csv.gz"),
        (b"PK\x03\x04 20240110_Transaction.csv" + SSE_HEADER.encode() + b"\n", "a zip archive or a workbook"),
        (b"PAR1" + b"\0" * 99, "a Parquet file: name it .parquet"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 99, "a Zstandard archive: unpack it"),
        (b"7z\xbc\xaf\x27\x1c" + b"x" * 99, "a 7z archive: unpack it"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 99, "a workbook: save it as .csv"),
        (SSE_HEADER.encode("utf-32") + b"\n", "text in UTF-32: save it in UTF-8"),
        (b"t.csv".ljust(257, b"\0") + b"ustar" + b"\0" * 99, "a tar archive: unpack it"),
    ],
)
def test_a_file_of_another_format_than_its_suffix_is_reported(folder, data, expected):
    folder.put("good.csv", SSE_HEADER, SSE_ROWS)
    folder.bytes("t.csv", data)
    for made in (trades(folder), orders(folder)):
        assert f"{FOLDER}/t.csv is, by its first bytes, {expected}" in story(made, "unreadable")


@pytest.mark.parametrize("name", ["{}.csv", "SH{}.csv", "{}.SH/t.csv", "{}_trades.csv", "20240110/{}.SH.csv"])
@pytest.mark.parametrize("header", [False, True])
def test_files_of_suspended_stocks_may_be_empty(folder, name, header):
    rows_of = {code: [row for row in SSE_ROWS if code in row] for code in ("600519", "600000")}
    for code, rows in rows_of.items():
        folder.put(name.format(code), SSE_HEADER, rows)
    for code in ("600999", "601000"):
        folder.bytes(name.format(code), SSE_HEADER.encode() + b"\n" if header else b"")
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert healthy(made)
    assert header or sorted(made.notes["accompanying_files"]) == [
        f"{FOLDER}/{name.format(code)}" for code in ("600999", "601000")
    ]
    if not header:
        folder.bytes(name.format("601001"), b"")  # most of the files are now empty
        assert "is empty and has no header" in story(trades(folder), "unreadable")


def test_an_empty_file_is_reported(folder):
    folder.put("t.csv", SSE_HEADER, SSE_ROWS)
    folder.bytes("mdl_4_19_0.csv", b"")
    for made in (trades(folder), orders(folder)):
        assert f"{FOLDER}/mdl_4_19_0.csv is empty and has no header" in story(made, "unreadable")


@pytest.mark.parametrize("suffix", [".7z", ".rar", ".tar", ".csv.zst"])
def test_archives_of_other_formats_are_refused_with_the_remedy(folder, suffix):
    folder.bytes(f"day{suffix}", b"7z")
    message = story(trades(folder), "unrecognised")
    assert f"day{suffix} is an archive of a kind that is not read: unpack it" in message


def test_a_zip_with_folders_and_marker_files_is_read(folder):
    with zipfile.ZipFile(folder.root / "t.zip", "w") as archive:
        archive.mkdir("20240110")
        archive.writestr("20240110/t.csv", "\n".join([SSE_HEADER, *SSE_ROWS]))
        archive.writestr("__MACOSX/20240110/._t.csv", "\0\0")
    folder.bytes("_SUCCESS", b"")
    folder.bytes("part-0.parquet.crc", b"x")
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert healthy(made)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.zip", "t.parquet"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT, errno.EIO, errno.ESTALE])
def test_a_fault_of_the_machine_is_raised_and_not_a_verdict(folder, monkeypatch, name, number):
    if name.endswith("parquet"):
        typed_sse().write_parquet(folder.root / name)
    else:
        folder.put(name, SSE_HEADER, SSE_ROWS)
    assert healthy(trades(folder))
    whole = io.open

    def broken(path, *args, **kwargs):
        if str(path).endswith(name):
            raise OSError(number, "no")
        return whole(path, *args, **kwargs)

    monkeypatch.setattr(io, "open", broken)
    monkeypatch.setattr("builtins.open", broken)
    with pytest.raises(MachineError, match=name):
        trades(folder)


def test_a_file_name_in_gbk_bytes_is_read_as_such(folder):
    import os

    raw = os.fsdecode("逐笔成交.csv".encode("gbk"))
    folder.put(raw, SSE_HEADER, SSE_ROWS)
    made = trades(folder)
    assert made.frame.drop("date").rows() == EXPECTED
    assert [file["file"] for file in made.notes["files"]] == [f"{FOLDER}/逐笔成交.csv"]
