"""The example layout in the reader: the rows of a file equal those of a plain reading, and its sums equal the file's."""

import csv
import datetime as dt
import io
from pathlib import Path

import polars as pl
import pytest

from assets.ticks.make_orders import make_orders
from assets.ticks.make_trades import make_trades
from resources.errors import SettingsError
from resources.settings.ticks import TicksSettings
from tests.making import run_make

DAY = dt.date(2024, 1, 10)
SETTINGS = TicksSettings(extra_layouts=("examples.layout:LAYOUTS",))
TEXT = """security,at,what,chan,no,buyer,seller,px10000,shares,dir,worth
600519,91500020,O,6,1,0,12,18010000,500,sell,
600519,93000000,H,6,0,0,0,0,0,,
600519,93000010,T,6,1,20,12,18010000,200,buy,360200.00
600519,93000010,O,6,2,20,0,18010000,100,buy,
600519,93001000,X,6,3,20,0,0,100,buy,
600519,95000500,T,6,2,31,40,17990000,300,sell,539700.00
600519,150000060,T,6,3,31,12,18000000,100,,180000.00
"""


class Landing:
    def __init__(self, folder: Path):
        (folder / "acme.csv").write_text(TEXT)
        self.files = [folder / "acme.csv"]

    def tick_files(self) -> list[Path]:
        return self.files


def milliseconds(clock: str) -> int:
    clock = clock.zfill(9)
    return ((int(clock[:2]) * 60 + int(clock[2:4])) * 60 + int(clock[4:6])) * 1000 + int(clock[6:])


def test_trades_and_orders_are_those_of_a_plain_reading(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(TEXT)))
    landing = Landing(tmp_path)
    trades = run_make(make_trades, date=DAY, landing=landing, settings=SETTINGS)
    fills = [row for row in rows if row["what"] == "T"]
    sides = {"buy": 1, "sell": -1, "": 0}
    assert trades.frame.select("time", "price", "volume", "bid_order", "ask_order", "side").rows() == [
        (
            milliseconds(row["at"]),
            *(int(row[name]) for name in ("px10000", "shares", "buyer", "seller")),
            sides[row["dir"]],
        )
        for row in fills
    ]
    assert trades.profile is not None
    assert trades.profile["rows_set_aside"].sum() == 0
    amount = trades.frame.select((pl.col("price") * pl.col("volume")).sum()).item() / 10_000
    assert amount == pytest.approx(sum(float(row["worth"]) for row in fills), abs=1e-9)
    orders = run_make(make_orders, date=DAY, landing=landing, settings=SETTINGS)
    kinds = {"O": "limit", "X": "cancel"}
    assert orders.frame.select("time", "side", "quantity", pl.col("kind").cast(pl.String)).rows() == [
        (milliseconds(row["at"]), sides[row["dir"]], int(row["shares"]), kinds[row["what"]])
        for row in rows
        if row["what"] in kinds
    ]
    assert trades.notes["status_rows"] == 1


def test_without_the_setting_the_file_is_refused_by_its_header(tmp_path: Path) -> None:
    made = run_make(make_trades, date=DAY, landing=Landing(tmp_path), settings=TicksSettings())
    assert made.profile is not None
    assert made.profile["unrecognised"].sum() == 1
    assert made.frame.is_empty()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("examples.layout:NOTHING", "ticks.extra_layouts = 'examples.layout:NOTHING' cannot be loaded"),
        ("examples.layout:HEADER", "examples.layout:HEADER is a tuple, but must be a Layout"),
        ("assets.ticks.layouts:LAYOUTS", "has a layout 'DataYes .* that another layout of the table has"),
    ],
)
def test_another_object_than_a_layout_is_an_error_that_names_its_path(tmp_path: Path, path: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        run_make(make_trades, date=DAY, landing=Landing(tmp_path), settings=TicksSettings(extra_layouts=(path,)))
