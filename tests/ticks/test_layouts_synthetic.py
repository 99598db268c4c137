"""Tests that one day of a small market, written in every layout, is read as the same trades, orders and order flow."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.ticks.layouts import LAYOUTS
from assets.ticks.make_orders import make_orders
from assets.ticks.make_trades import make_trades
from resources.settings.ticks import TicksSettings
from tests.making import run_make
from tests.ticks.synthetic_market import Event, simulate
from tests.ticks.synthetic_tapes import WRITERS, Style, columns_of, write_day

DAY = "20240110"
DATE = dt.date(2024, 1, 10)
CODES = {"SH": (600_519, 601_318, 688_981), "SZ": (1, 2_594, 300_750)}
LAYOUTS_OF = [(exchange, vendor) for exchange, writers in WRITERS.items() for vendor in writers]
TRADE = ["symbol", "time", "price", "volume", "bid_order", "ask_order", "side"]
ORDER = ["symbol", "time", "order", "side", "price", "quantity", "kind"]


class Landing:
    def __init__(self, root: Path):
        self.root = root / "ticks" / DAY

    def tick_files(self):
        return sorted(path for path in self.root.rglob("*") if path.is_file())


def read(root: Path):
    """Return (trades, orders) of a landing zone, and assert that no row is set aside."""
    made = [
        run_make(make, date=DATE, landing=Landing(root), settings=TicksSettings())
        for make in (make_trades, make_orders)
    ]
    for each in made:
        message = each.profile.select(pl.col("rows_set_aside", "unrecognised", "unreadable", "ends_early").sum()).row(0)
        assert message == (0, 0, 0, 0), each.profile["detail"].drop_nulls().to_list()
    return [each.frame for each in made]


def written(root: Path, exchange: str, vendor: str, events: list[Event], style: Style):
    write_day(root / "ticks" / DAY, WRITERS[exchange][vendor](events, style, DAY), style)
    return read(root)


def symbol(event: Event, exchange: str) -> str:
    return f"{event.code:06d}.{exchange}"


def flow(frame: pl.DataFrame, columns: list[str]) -> list[tuple]:
    """Return the rows that every layout must have in common.

    Row numbers, and the order within one stamp across files, differ between vendors; some deliver no price of a cancel.
    """
    if "kind" in columns:
        frame = frame.with_columns(
            pl.col("kind").cast(pl.String),
            pl.when(pl.col("kind").cast(pl.String) != "cancel").then("price").alias("price"),
        )
        frame = frame.sort("symbol", "time", "order", "quantity", "kind")
    return frame.select(columns).rows()


def expected_trades(events: list[Event], exchange: str) -> list[tuple]:
    return [
        (symbol(e, exchange), e.time, e.price, e.volume, e.buy, e.sell, e.side)
        for e in sorted(events, key=lambda e: e.code)
        if e.kind == "trade"
    ]


def expected_orders(events: list[Event], exchange: str) -> list[tuple]:
    placed = "rest" if exchange == "SH" else "arrival"
    rows = [
        (
            *(symbol(e, exchange), e.time, e.buy or e.sell, e.side, None if e.kind == "cancel" else e.price, e.volume),
            "cancel" if e.kind == "cancel" else e.order_kind,
        )
        for e in events
        if e.kind in (placed, "cancel")
    ]
    return sorted(rows, key=lambda row: (row[0], row[1], row[2], row[5], row[6]))


@pytest.mark.parametrize(("exchange", "vendor"), LAYOUTS_OF)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_layout_is_read_as_what_was_traded(tmp_path, exchange, vendor, seed):
    events = simulate(exchange, CODES[exchange], seed, arrivals=150)
    trades, orders = written(tmp_path, exchange, vendor, events, Style("gbk" if vendor == "Wind" else "utf-8"))
    assert trades.height > 100
    assert flow(trades, TRADE) == expected_trades(events, exchange)
    assert flow(orders, ORDER) == expected_orders(events, exchange)


styles = st.builds(
    Style,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gbk"]),
    shuffle=st.none() | st.integers(0, 1000),
    trailing_comma=st.booleans(),
    blanks=st.booleans(),
    quotes=st.booleans(),
    windows=st.booleans(),
    ascii=st.booleans(),
    noisy=st.booleans(),
    extra=st.booleans(),
    drop=st.sets(
        st.sampled_from(["BizIndex", "TradeMoney", "SeqNo", "LocalTime", "DataStatus", "MDStreamID", "交易所代码"])
    ).map(tuple),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(case=st.sampled_from(LAYOUTS_OF), style=styles, seed=st.integers(0, 10_000))
def test_no_habit_of_a_vendor_changes_the_rows(tmp_path_factory, case, style, seed):
    exchange, vendor = case
    if vendor == "DataYes merged":
        style = Style(**{**vars(style), "drop": tuple(name for name in style.drop if name != "BizIndex")})
    events = simulate(exchange, CODES[exchange], seed, arrivals=24)
    trades, orders = written(tmp_path_factory.mktemp("day"), exchange, vendor, events, style)
    assert flow(trades, TRADE) == expected_trades(events, exchange)
    assert flow(orders, ORDER) == expected_orders(events, exchange)


@pytest.mark.parametrize("vendor", WRITERS["SH"])
def test_sse_order_sizes_are_fills_plus_remainder_in_every_layout(tmp_path, vendor):
    """An order's size is the sum of its instant fills and its remainder; an order that fills at once never appears."""
    events = simulate("SH", CODES["SH"], 3, arrivals=150)
    trades, orders = written(tmp_path, "SH", vendor, events, Style())
    sizes: dict[tuple[str, int], int] = {}
    rested = {
        (s, n): q
        for s, n, q in orders.filter(pl.col("kind").cast(pl.String) == "limit")
        .select("symbol", "order", "quantity")
        .rows()
    }
    fills = trades.select("symbol", "volume", "bid_order", "ask_order", "side")
    for name, volume, bid, ask, side in fills.rows():
        for number, aggressor in ((bid, side == 1), (ask, side == -1)):
            if aggressor:
                sizes[name, number] = sizes.get((name, number), 0) + volume
    for key, quantity in rested.items():
        sizes[key] = sizes.get(key, 0) + quantity
    assert sizes == {(symbol(e, "SH"), e.buy or e.sell): e.volume for e in events if e.kind == "arrival"}


@pytest.mark.parametrize(("exchange", "vendor"), LAYOUTS_OF)
def test_numbers_and_order_of_events(tmp_path, exchange, vendor):
    """event is the joint numbering where there is one; an added order never precedes its instant fills."""
    events = simulate(exchange, CODES[exchange], 4, arrivals=150)
    trades, orders = written(tmp_path, exchange, vendor, events, Style())
    if vendor == "Wind":
        assert trades["event"].null_count() == trades.height
        assert orders["event"].null_count() == orders.height
        assert trades["channel"].unique().to_list() == [0]
        return
    published = {
        (e.code, e.event) for e in events if e.kind in ("trade", "cancel", "rest" if exchange == "SH" else "arrival")
    }
    numbered = pl.concat([trades.select("symbol", "event"), orders.select("symbol", "event")])
    assert {(int(name[:6]), event) for name, event in numbered.rows()} == published
    assert numbered.height == len(published)
    joint = exchange == "SZ" or vendor == "DataYes merged"
    for frame in (trades, orders):
        assert (frame["seq"] == frame["event"]).all() == joint
    if exchange == "SH":
        limits = orders.filter(pl.col("kind").cast(pl.String) == "limit").select("symbol", "order", "event")
        added = {(name, order): event for name, order, event in limits.rows()}
        aggressor = pl.when(pl.col("side") == 1).then("bid_order").otherwise("ask_order")
        taken = trades.filter(pl.col("side") != 0).select("symbol", aggressor, "event").rows()
        both = [(added[name, order], event) for name, order, event in taken if (name, order) in added]
        assert len(both) > 5
        assert all(fill < add for add, fill in both)


def test_a_vendor_with_joint_numbers_as_its_own_has_one_numbering(tmp_path):
    """Since SSE merged its streams, a vendor may fill the old index with the joint number, whose gaps are the other stream's."""
    events = simulate("SH", CODES["SH"], 8, arrivals=40)
    for event in events:
        event.index = event.event
    write_day(tmp_path / "ticks" / DAY, WRITERS["SH"]["INSIGHT"](events, Style(), DAY), Style())
    made = run_make(make_trades, date=DATE, landing=Landing(tmp_path), settings=TicksSettings())
    numbers = pl.read_parquet(made.files["numbers.parquet"])
    assert set(numbers["numbering"]) == {"events"}


def test_status_rows_are_skipped_and_not_set_aside(tmp_path):
    events = simulate("SH", CODES["SH"], 5, arrivals=30)
    files = WRITERS["SH"]["DataYes merged"](events, Style(), DAY)
    kinds = [row["Type"] for row in files["mdl_4_24_0.csv"]]
    assert kinds.count("S") == 4
    trades, orders = written(tmp_path, "SH", "DataYes merged", events, Style())
    assert (trades.height, orders.height) == (kinds.count("T"), kinds.count("A") + kinds.count("D"))


@pytest.mark.parametrize("exchange", ["SH", "SZ"])
def test_tapes_are_written_under_the_published_headers(exchange):
    """The writers and the declarations were derived from the documentation separately, and name the same columns."""
    events = simulate(exchange, CODES[exchange], 6, arrivals=30)
    published = {layout.header for layout in LAYOUTS}
    for vendor, write in WRITERS[exchange].items():
        for name, rows in write(events, Style(), DAY).items():
            assert tuple(columns_of(name, rows)) in published, (vendor, name)


def test_a_day_delivered_in_the_old_files_and_in_the_merged_stream_counts_once(tmp_path):
    """As around the change, the same events have two numberings, and only one has the price of a deleted order."""
    events = simulate("SH", CODES["SH"], 9, arrivals=150)
    alone = written(tmp_path / "alone", "SH", "DataYes", events, Style())
    for vendor in ("DataYes", "DataYes merged"):
        write_day(tmp_path / "both" / "ticks" / DAY / vendor, WRITERS["SH"][vendor](events, Style(), DAY), Style())
    for make, frame in zip((make_trades, make_orders), alone, strict=True):
        made = run_make(make, date=DATE, landing=Landing(tmp_path / "both"), settings=TicksSettings())
        assert flow(made.frame, TRADE if make is make_trades else ORDER) == flow(
            frame, TRADE if make is make_trades else ORDER
        )
        assert made.notes["duplicate_rows_dropped"] == frame.height
        assert pl.read_parquet(made.files["symbols.parquet"])["conflicting_duplicates"].sum() == 0


def test_two_vendors_side_by_side_and_both_exchanges_in_one_folder(tmp_path):
    """Files of different layouts may be mixed, since each names its stocks and its exchange."""
    sse, szse = simulate("SH", CODES["SH"], 7), simulate("SZ", CODES["SZ"], 7)
    folder = tmp_path / "ticks" / DAY
    write_day(folder / "a", WRITERS["SH"]["DataYes merged"](sse, Style(), DAY), Style())
    write_day(folder / "b", WRITERS["SZ"]["Wind"](szse, Style("gbk"), DAY), Style("gbk"))
    trades, orders = read(tmp_path)
    assert flow(trades, TRADE) == expected_trades(szse, "SZ") + expected_trades(sse, "SH")
    assert flow(orders, ORDER) == expected_orders(szse, "SZ") + expected_orders(sse, "SH")
