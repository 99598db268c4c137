"""Tests that the compiled parser agrees with the plain definition of values on every line, or leaves the line to it."""

import datetime as dt
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ticks import values
from assets.ticks.layouts import LAYOUTS
from assets.ticks.make_trades import make_trades
from assets.ticks.parse import NULL, ParsePlan, parse
from assets.ticks.vendor_files import PieceOfFile, Source, VendorFile, VendorLines, _reread, parse_lines
from resources.settings.ticks import TicksSettings
from tests.making import run_make

TRADES = next(layout for layout in LAYOUTS if layout.name.startswith("DataYes SSE trades"))
INSIGHT = next(layout for layout in LAYOUTS if layout.name.startswith("INSIGHT SSE trades"))
NORMAL = {
    "symbol": ["600519", "600519.SH", "000001", "1"],
    "integer": ["0", "1", "100", "123456789012", "100.0", "100.", "1E5"],
    "price": ["14.99", "1801.00999999999999", "7.36", "0", "1854.980000000000018", ".5", "3.79791839135E9"],
    "clock": ["09:25:00.940", "9:30:00", "093000010", "93000010", "093000", "15:00:01.06"],
    "date": ["20240110", "2024.01.10", "2024-01-10", "2024/01/10"],
    "code": ["B", "S", "N", "1", "2", "0"],
}
NORMAL |= {"money": NORMAL["price"], "ticks": NORMAL["integer"]}
digits = st.text("0123456789", min_size=0, max_size=24)
odd = st.one_of(
    st.sampled_from(
        ["", " ", '"', "-", ".", "-.5", "+5", "1.5", "nan", "inf", "1e400", "1e-400", "0x10", "１", "60O519"]
    ),
    st.sampled_from(
        ["25:00:00.000", "09:61:00.000", "09:30:60", "600519.SZ", "6005190", "29991231", "茅台", "1 2", '1"2']
    ),
    st.text('0123456789.:-eE "\t', max_size=22),
    st.builds("{}.{}".format, digits, digits),
    st.builds("{}E{}".format, digits, st.integers(-30, 30)),
    st.builds("{}.{}e+{}".format, digits, digits, st.integers(0, 12)),
)
around = st.sampled_from(["", "", "", " ", '"', '" ', "\t", "\r", "\0"])


@st.composite
def bodies(draw, layout):
    """Draw a few lines under a layout's header: mostly normal values, with arbitrary ones in any place."""
    kinds = {item.column: item.kind for item in layout.fields.values()}
    lines = []
    for _ in range(draw(st.integers(1, 4))):
        cells = []
        for column in layout.header:
            normal = st.sampled_from(NORMAL[kinds[column]]) if column in kinds else st.just("x")
            value = draw(st.one_of(normal, normal, normal, normal, odd))
            cells.append(draw(around) + value + draw(around))
        if draw(st.integers(0, 9)) == 0:
            cells = cells[: draw(st.integers(0, len(cells)))]
        lines.append(",".join(cells).replace("\n", ""))
    return lines


def lines_of(texts, layout, text_suffix=False):
    data = np.frombuffer("".join(text + "\n" for text in texts).encode(), np.uint8)
    file = VendorFile(Source("t.csv", None), layout.header, (layout,), None, text_suffix)  # type: ignore[arg-type]
    return VendorLines(data, (PieceOfFile(0, 0, 2, len(texts)),), file, layout)


@pytest.mark.parametrize("layout", [TRADES, INSIGHT], ids=["DataYes", "INSIGHT"])
@pytest.mark.parametrize("text_suffix", [False, True])
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_compiled_and_plain_parsers_agree_on_every_row(layout, text_suffix, data):
    lines = lines_of(data.draw(bodies(layout)), layout, text_suffix)
    block = parse_lines(lines)
    typed, rejected, blank = _reread(lines, range(lines.count))
    assert block.frame.rows() == typed.sort("line").rows()
    assert block.frame.columns == typed.columns
    assert sorted(block.rejected.rows()) == sorted(rejected.rows())
    assert block.blank == blank


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_normal_rows_never_need_the_plain_parser(layout):
    kinds = {item.column: item.kind for item in layout.fields.values()}
    for turn in range(7):
        cells = [
            (NORMAL[kinds[column]][turn % len(NORMAL[kinds[column]])] if kinds[column] != "symbol" else "600519")
            if column in kinds
            else "x"
            for column in layout.header
        ]
        data = np.frombuffer((",".join(cells) + "\r\n").encode("gbk"), np.uint8)
        plan = ParsePlan.of(layout.fields, layout.header, layout.exchange, text_suffix=False)
        read, rows, odd_lines = parse(data, 1, plan)
        assert len(odd_lines) == 0
        assert rows.tolist() == [0]
        assert read.shape == (len(plan.read.positions), 1)


@settings(max_examples=150, deadline=None)
@given(
    text=st.one_of(
        st.builds("{}.{}".format, digits, digits), st.builds("-{}E{}".format, digits, st.integers(-25, 25)), odd
    )
)
def test_numbers_are_rounded_half_up_in_decimal(text):
    number = values.number(text, 4)
    if number is not None:
        assert number == (Decimal(text) * 10_000).quantize(Decimal(1), ROUND_HALF_UP)


def test_a_number_that_a_spreadsheet_rounded_is_not_read():
    message = {
        "1.133E+05": None,
        "1.13304E+05": 113_304,
        "1E+05": 100_000,
        "1.1333E7": 11_333_000,
        "1.": 1,
        "1.0E+2": None,
    }
    rows = [f"0,1,6,600519,09:25:00.940,7.36,{text},100,5,4,N,1,x,1" for text in message]
    block = parse_lines(lines_of(rows, TRADES))
    assert [values.number(text, 0) for text in message] == list(message.values())
    assert block.frame["volume"].to_list() == [value for value in message.values() if value is not None]
    assert block.rejected.height == 2


def test_vendor_noise_is_rounded_to_the_tick():
    known = {
        "1801.00999999999999": 18_010_100,
        "14.339999999999999": 143_400,
        "987948605.629999995231628": 9_879_486_056_300,
        "3.79791839135E9": 37_979_183_913_500,
        "0.00005": 1,
        "0.00004999": 0,
        "-1.00005": -10_001,
        "": None,
    }
    texts = [f"0,1,6,600519,09:25:00.940,{text},100,1,5,4,N,1,x,1" for text in known]
    block = parse_lines(lines_of(texts, TRADES))
    assert block.frame["price"].to_list() == list(known.values())
    assert block.rejected.is_empty()


def test_unknown_codes_and_empty_values_are_null_and_keep_their_row():
    block = parse_lines(lines_of(["0,1,6,600519,,,,,,,X,,x,1"], TRADES))
    row = block.frame.row(0, named=True)
    assert (row["code"], row["seq"]) == (600_519, 1)
    assert {name for name, value in row.items() if value is None} == {
        *("time", "price", "volume", "bid_order", "ask_order", "flag", "money", "event")
    } & set(row)
    assert NULL == -(2**63)


def test_gbk_in_columns_that_are_not_read_is_ignored():
    texts = ["0,1,6,600519,09:25:00.940,14.99,100,1499,5,4,N,1,x,1"]
    data = texts[0].encode() + b"\n" + texts[0].replace("x", "中国软件").encode("gbk") + b"\n"
    lines = lines_of(texts * 2, TRADES)
    gbk = VendorLines(np.frombuffer(data, np.uint8), lines.parts, lines.file, TRADES)
    frame = parse_lines(gbk).frame
    assert frame.height == 2
    assert frame.drop("line").row(0) == frame.drop("line").row(1)


def test_rows_are_reported_by_file_and_line_in_many_small_files(tmp_path):
    """Small files share a block, and every row that is set aside still names its own file and line."""
    folder = tmp_path / "ticks" / "20240110"
    folder.mkdir(parents=True)
    header = ",".join(TRADES.header)
    for i in range(5):
        rows = [f"0,{10 * i + k},6,600519,15:00:00.000,14.99,100,1499,5,4,N,,x,1" for k in range(3)]
        rows.insert(i % 3, "bad")
        (folder / f"{i}.csv").write_text("\n".join([header, *rows]))

    class Landing:
        def tick_files(self) -> list[Path]:
            return sorted(folder.iterdir())

    made = run_make(make_trades, date=dt.date(2024, 1, 10), landing=Landing(), settings=TicksSettings())  # type: ignore[arg-type]
    aside = pl.read_parquet(made.files["set_aside.parquet"])
    assert aside.select("file", "line").rows() == [(f"ticks/20240110/{i}.csv", 2 + i % 3) for i in range(5)]
    assert made.frame.height == 15
    assert [file["rows"] for file in made.notes["files"]] == [4] * 5
