"""Real Shanghai tapes: orders add up one by one, and the replayed book is the vendor's in every snapshot, level by level."""

import csv
import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from assets.tape_health.rebuilt_orders import FAULTS, count_order_faults, rebuild_orders
from assets.tape_health.replay import replay_day
from assets.ticks.make_orders import make_orders
from assets.ticks.make_quotes import make_quotes
from assets.ticks.make_trades import make_trades
from resources.reasons import describe_column
from resources.settings.ticks import TicksSettings
from tests.making import run_make
from tests.tape_health.test_level_volumes import EXCHANGED

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"REAL DATA ABSENT: no {DATA}, real tapes are not replayed")
DAYS = {"datayes": dt.date(2023, 2, 1), "insight": dt.date(2023, 7, 11)}
MAKES = {"trades": make_trades, "orders": make_orders, "quotes": make_quotes}
ROWS = 50_000  # per batch: fewer than one symbol's


class Folder:
    """The part of a landing view that the tick tables use, on a folder of the data."""

    def __init__(self, path: Path):
        self.path = path

    def tick_files(self) -> list[Path]:
        return sorted(path for path in self.path.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def tables():
    """{vendor: {table: rows}}, sorted as the lake keeps them."""
    folders = {vendor: Folder(DATA / vendor / f"{date:%Y%m%d}") for vendor, date in DAYS.items()}
    return {
        vendor: {
            name: run_make(make, date=date, landing=folders[vendor], settings=TicksSettings()).frame.lazy()
            for name, make in MAKES.items()
        }
        for vendor, date in DAYS.items()
    }


@pytest.fixture(scope="module")
def moutai(tables):
    return {name: rows.filter(symbol="600519.SH") for name, rows in tables["datayes"].items()}


def replayed(tables: dict[str, pl.LazyFrame]) -> dict:
    return replay_day(**tables, batch_rows=ROWS).row(0, named=True)


def without(rows: pl.LazyFrame, number: int) -> pl.LazyFrame:
    """Rows less the one of that number."""
    return rows.with_row_index().filter(pl.col("index") != number).drop("index")


@pytest.mark.slow
def test_every_snapshot_of_600519_is_reproduced_in_all_levels(moutai):
    assert replayed(moutai) == {
        "symbol": "600519.SH",
        "events": 27_135 + 54_735,
        "faults": 0,
        **dict.fromkeys(("snapshots", "price_reproduced", "best_reproduced", "levels_reproduced"), 4_841),
        "first_miss": None,
        **dict.fromkeys(("rest_snapshots", "rest_reproduced"), 8),
        **dict.fromkeys(("call_snapshots", "call_reproduced"), 189),
        "mismatches": 0,
        "reason": None,
    }


def test_the_snapshots_counted_are_those_of_the_file(moutai):
    """Told apart by the exchange's own word for its phase, which the tables do not hold."""
    with (DATA / "datayes/20230201/20230201_MarketData.csv").open(newline="") as file:
        rows = [(row["UpdateTime"], row["InstruStatus"]) for row in csv.DictReader(file)]
    row = replayed(moutai)
    # 6 show the book between the call's match and 09:30
    assert sum(status == "TRADE" for _, status in rows) == row["snapshots"] + 6
    assert sum(time < "15:01" and status == "CLOSE" for time, status in rows) == row["rest_snapshots"] - 6
    calls = sum(time >= "09:15" and status in ("OCALL", "CCALL") for time, status in rows)
    assert calls == row["call_snapshots"]


def test_the_order_of_events_can_be_had_without_the_joint_numbering(moutai):
    """As before 2021-04-26: by time, and by order numbers within a stamp."""
    bare = {
        name: rows if name == "quotes" else rows.with_columns(event=pl.lit(None, pl.Int64))
        for name, rows in moutai.items()
    }
    assert replayed(bare) == replayed(moutai)


def test_symbols_that_lack_a_stream_are_left_out_and_say_so(tables):
    frame = replay_day(**tables["datayes"], batch_rows=ROWS)
    reasons = {"000001.SZ": "no order stream", "000333.SZ": "no order stream", "600000.SH": "no order stream"}
    assert dict(frame.select("symbol", describe_column(frame["reason"])).iter_rows()) == {**reasons, "600519.SH": None}
    frame = replay_day(**tables["insight"], batch_rows=ROWS)
    assert describe_column(frame["reason"]).to_list() == ["no snapshots"] * 3


@pytest.mark.parametrize(("table", "number"), [("trades", 10_000), ("orders", 20_000), ("orders", 40_001)])
def test_a_row_less_is_noticed(moutai, table, number):
    row = replayed({**moutai, table: without(moutai[table], number)})
    assert row["mismatches"] > 0
    at = moutai[table].collect()["time"][number]
    assert abs(row["first_miss"] - at) < 60_000 or row["first_miss"] > at
    if table == "trades":
        assert row["levels_reproduced"] < 2_500, "after it no cumulative volume agrees"


def test_no_order_is_filled_or_withdrawn_beyond_its_size(tables):
    counts = pl.concat(count_order_faults(day["trades"], day["orders"], ROWS) for day in tables.values())
    held = {
        "600519.SH": (58_117, 20_597),
        "600536.SH": (53_946, 20_291),
        "600761.SH": (37_309, 13_738),
        "605580.SH": (26_883, 9_300),
    }
    assert {row[0]: row[1:] for row in counts.iter_rows() if row[1] is not None} == {
        symbol: (*numbers, *[0] * (len(FAULTS) - 3)) for symbol, numbers in held.items()
    }
    # Shenzhen's cancels come with its trades: without the order file there is no verdict; 600000 has trades alone.
    assert counts.filter(pl.col("orders").is_null())["symbol"].to_list() == ["000001.SZ", "600000.SH"]


def test_rebuilt_orders_hold_every_share_traded_twice(tables):
    entered = withdrawn = number = 0
    for day in tables.values():
        rebuilt = rebuild_orders(day["trades"], day["orders"], ROWS)
        traded = day["trades"].group_by("symbol").agg(pl.col("volume").sum()).collect()
        for symbol, size, filled, cancelled, resting, least in (
            rebuilt.group_by("symbol")
            .agg(pl.col("size", "filled", "cancelled", "resting").sum(), pl.col("resting").min().alias("least"))
            .iter_rows()
        ):
            assert filled == 2 * traded.filter(symbol=symbol)["volume"][0]
            assert size == filled + cancelled + resting
            assert least == 0
        entered += rebuilt["price"].count()
        withdrawn += (rebuilt["cancelled"] > 0).sum()
        number += rebuilt.height
    assert (number, entered, withdrawn) == (176_255, 117_163, 44_172)


def test_order_numbers_are_given_on_arrival(tables):
    """What the order of events without a joint numbering rests on."""
    for day in tables.values():
        entered = day["orders"].filter(pl.col("symbol").str.ends_with(".SH"), pl.col("kind").cast(pl.String) == "limit")
        aggressor = day["trades"].filter(pl.col("symbol").str.ends_with(".SH"), pl.col("side") != 0)
        aggressor = aggressor.with_columns(order=pl.max_horizontal("bid_order", "ask_order"))
        for rows, order in ((entered, "event"), (aggressor, "seq")):
            for frame in rows.collect().partition_by("symbol"):
                assert frame.sort(order)["order"].is_sorted()


def test_bid_and_ask_volumes_that_are_exchanged_are_missed(moutai):
    row = replayed({**moutai, "quotes": moutai["quotes"].with_columns(EXCHANGED)})
    assert row["price_reproduced"] == row["snapshots"] == 4_841
    assert row["best_reproduced"] < 0.25 * row["snapshots"]  # many show 100 shares on both sides
    assert row["mismatches"] > 0.99 * row["snapshots"]
