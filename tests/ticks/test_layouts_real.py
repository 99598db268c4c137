"""Tests the layouts' rules on the real tapes of two vendors, and that the same rows in other layouts are read the same."""

import csv
import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from assets.ticks.make_orders import make_orders
from assets.ticks.make_quotes import make_quotes
from assets.ticks.make_trades import make_trades
from resources.reasons import describe_column
from resources.settings.ticks import TicksSettings
from tests.making import run_make

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"REAL DATA ABSENT: no {DATA}, real tapes are not tested")
DATE, INSIGHT_DATE = dt.date(2023, 2, 1), dt.date(2023, 7, 11)
STOCK = "600519"
WIND_TRADES = "万得代码,交易所代码,自然日,时间,成交编号,成交代码,委托代码,BS标志,成交价格,成交数量,叫卖序号,叫买序号,"
WIND_ORDERS = "万得代码,交易所代码,自然日,时间,委托编号,交易所委托号,委托类型,委托代码,委托价格,委托数量,"


class Folder:
    def __init__(self, path: Path):
        self.path = path

    def tick_files(self) -> list[Path]:
        return sorted(path for path in self.path.rglob("*") if path.is_file())


def read(path: Path, date: dt.date = DATE):
    """Make and return (trades, orders)."""
    return [
        run_make(make, date=date, landing=Folder(path), settings=TicksSettings()) for make in (make_trades, make_orders)
    ]


def raw(name: str) -> list[dict[str, str]]:
    with (DATA / "datayes/20230201" / name).open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["SecurityID"] == STOCK]


@pytest.fixture(scope="module")
def tape():
    """Return (trades, orders) of 600519 as DataYes delivered them."""
    return [made.frame.filter(pl.col("symbol") == f"{STOCK}.SH") for made in read(DATA / "datayes/20230201")]


@pytest.fixture(scope="module")
def rows():
    """Return the raw rows of both files in the order of BizIndex, and whether each is a trade."""
    both = [(row, True) for row in raw("20230201_Transaction.csv")] + [(row, False) for row in raw("mdl_4_19_0.csv")]
    return sorted(both, key=lambda pair: int(pair[0]["BizIndex"]))


def write(path: Path, lines: list[list[str]], encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(line) + "\n" for line in lines), encoding=encoding, newline="")


def test_the_real_tape_as_a_merged_stream_is_the_same_tape(tmp_path, tape, rows):
    """The stream is as DataYes delivers it since 2023-12-04, with the status rows in between."""
    header = "BizIndex,Channel,SecurityID,TickTime,Type,BuyOrderNO,SellOrderNO,Price,Qty,TradeMoney,TickBSFlag,LocalTime,SeqNo"
    status = ["0", "0.000", "0", "0.00000"]
    lines = [header.split(","), ["1", "6", STOCK, "09:15:00.000", "S", "0", *status, "OCALL", "09:15:00.000", "1"]]
    for row, trade in rows:
        if trade:
            cells = [
                "T",
                *(
                    row[name]
                    for name in ("TradeBuyNo", "TradeSellNo", "TradPrice", "TradVolume", "TradeMoney", "TradeBSFlag")
                ),
            ]
            channel, time = row["TradeChan"], row["TradTime"]
        else:
            buy = row["OrderBSFlag"] == "B"
            numbers = [row["OrderNO"], "0"] if buy else ["0", row["OrderNO"]]
            cells = [row["OrderType"], *numbers, row["OrderPrice"], row["Balance"], "0.00000", row["OrderBSFlag"]]
            channel, time = row["OrderChannel"], row["OrderTime"]
        lines.append([row["BizIndex"], channel, STOCK, time, *cells, row["LocalTime"], row["SeqNo"]])
    lines.append(
        [str(int(lines[-1][0]) + 1), "6", STOCK, "15:01:00.000", "S", "0", *status, "CLOSE", "15:01:00.000", "9"]
    )
    write(tmp_path / "mdl_4_24_0.csv", lines)
    for made, original in zip(read(tmp_path), tape, strict=True):
        assert made.profile["rows_set_aside"].sum() == 0
        assert made.frame.equals(original.with_columns(seq="event"))


def test_the_real_tape_as_wind_files_is_the_same_tape(tmp_path, tape, rows):
    """The files have prices × 10 000, HHMMSSmmm, GBK and Wind's own numbers."""
    trades, orders = [WIND_TRADES.split(",")], [WIND_ORDERS.split(",")]
    for row, trade in rows:
        time = row["TradTime" if trade else "OrderTime"].replace(":", "").replace(".", "").lstrip("0")
        common = [f"{STOCK}.SH", STOCK, "20230201", time]
        price = str(round(float(row["TradPrice" if trade else "OrderPrice"]) * 10_000))
        if trade:
            flag = row["TradeBSFlag"].replace("N", " ")
            numbers = [row["TradVolume"], row["TradeSellNo"], row["TradeBuyNo"], ""]
            trades.append([*common, str(len(trades)), "\0", "\0", flag, price, *numbers])
        else:
            kind = [row["OrderNO"], row["OrderType"], row["OrderBSFlag"]]
            orders.append([*common, str(len(orders)), *kind, price, row["Balance"], ""])
    write(tmp_path / f"{STOCK}.SH" / "逐笔成交.csv", trades, "gbk")
    write(tmp_path / f"{STOCK}.SH" / "逐笔委托.csv", orders, "gbk")
    own = {"channel": pl.lit(0, pl.Int32), "event": pl.lit(None, pl.Int64)}
    for made, original in zip(read(tmp_path), tape, strict=True):
        assert made.profile["rows_set_aside"].sum() == 0
        numbered = original.with_columns(**own, seq=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
        assert made.frame.equals(numbered)


def test_the_real_snapshots_as_wind_files_are_the_same_snapshots(tmp_path):
    """The files have ten levels a side, cumulative figures and prices × 10 000; their amounts are whole yuan."""
    source = raw("20230201_MarketData.csv")
    levels = [
        (f"申{word}{what}{i}", f"{side}{column}{i}")
        for word, side in (("卖", "Ask"), ("买", "Bid"))
        for what, column in (("价", "Price"), ("量", "Volume"))
        for i in range(1, 11)
    ]
    header = [
        "万得代码",
        "自然日",
        "时间",
        "成交价",
        "成交笔数",
        "当日累计成交量",
        "当日成交额",
        "前收盘",
        *(name for name, _ in levels),
    ]

    def ticks(text: str) -> str:
        return str(round(float(text or 0) * 10_000))

    lines = [
        [
            *(f"{STOCK}.SH", "20230201", row["UpdateTime"].replace(":", "").replace(".", "").lstrip("0")),
            *(ticks(row["LastPrice"]), row["TradNumber"], row["TradVolume"], str(int(float(row["Turnover"])))),
            ticks(row["PreCloPrice"]),
            *(ticks(row[column]) if "Price" in column else row[column] or "0" for _, column in levels),
        ]
        for row in source
    ]
    write(tmp_path / f"{STOCK}.SH" / "行情.csv", [header, *lines], "gbk")
    wind, datayes = (
        run_make(make_quotes, date=DATE, landing=Folder(path), settings=TicksSettings()).frame.filter(
            pl.col("symbol") == f"{STOCK}.SH"
        )
        for path in (tmp_path, DATA / "datayes/20230201")
    )
    assert wind.height == len(source) == datayes.height
    assert wind.equals(datayes.with_columns(pl.col("amount") // 10_000 * 10_000))


@pytest.mark.parametrize(("vendor", "date"), [("datayes", DATE), ("insight", INSIGHT_DATE)])
def test_event_is_the_joint_numbering_of_trades_and_orders(vendor, date):
    """No number repeats, both streams ascend in it, and no stock's stamps fall along it."""
    frames = [made.frame for made in read(DATA / vendor / f"{date:%Y%m%d}", date)]
    sse = [frame.filter(pl.col("symbol").str.ends_with(".SH")) for frame in frames]
    together = pl.concat(frame.select("symbol", "channel", "event", "time") for frame in sse)
    assert together["event"].null_count() == 0
    assert together.select("channel", "event").is_duplicated().sum() == 0
    for frame in sse:
        assert frame.select((pl.col("event").diff().over("symbol") > 0).all()).item()
    along = together.sort("symbol", "channel", "event")
    assert along.select((pl.col("time").diff().over("symbol") < 0).sum()).item() == 0


@pytest.mark.parametrize(("vendor", "date"), [("datayes", DATE), ("insight", INSIGHT_DATE)])
def test_an_order_s_add_row_never_precedes_the_fills_it_took_at_once(vendor, date):
    trades, orders = (made.frame for made in read(DATA / vendor / f"{date:%Y%m%d}", date))
    added = orders.filter(pl.col("kind").cast(pl.String) == "limit", pl.col("symbol").str.ends_with(".SH"))
    aggressor = pl.when(pl.col("side") == 1).then("bid_order").otherwise("ask_order")
    taken = trades.filter(pl.col("side") != 0).select("symbol", order=aggressor, fill="event")
    both = taken.join(added.select("symbol", "order", "event"), on=["symbol", "order"])
    assert both.height > 400
    assert (both["fill"] < both["event"]).all()


@pytest.mark.parametrize(
    ("vendor", "name", "price", "volume", "worth"),
    [
        ("datayes/20230201", "20230201_Transaction.csv", "TradPrice", "TradVolume", "TradeMoney"),
        ("insight/20230711", "SHtrans.csv", "TradePrice", "TradeQty", "TradeMoney"),
    ],
)
def test_vendors_money_is_price_times_volume_to_the_last_digit(vendor, name, price, volume, worth):
    """The tolerance of half a cent is wide: no real fill differs by a millionth of a yuan."""
    frame = pl.read_csv(DATA / vendor / name, infer_schema=False).select(
        cents=(pl.col(price).cast(pl.Float64) * 100).round().cast(pl.Int64) * pl.col(volume).cast(pl.Int64),
        money=pl.col(worth).cast(pl.Float64),
    )
    assert (frame["money"] - frame["cents"] / 100).abs().max() < 1e-6


def test_one_changed_figure_of_a_fill_is_set_aside(tmp_path):
    """A price, a volume or the money is changed in one row: exactly that row is set aside, with the reason."""
    source = (DATA / "datayes/20230201/20230201_Transaction.csv").read_text().splitlines()
    for column, change in (
        (5, lambda text: f"{float(text) + 0.01:.2f}"),
        (6, lambda text: str(int(text) + 1)),
        (7, lambda text: f"{float(text) - 0.01:.2f}"),
    ):
        lines = list(source)
        cells = lines[5_000].split(",")
        cells[column] = change(cells[column])
        lines[5_000] = ",".join(cells)
        (tmp_path / "20230201_Transaction.csv").write_text("\n".join(lines) + "\n")
        trades, _ = read(tmp_path)
        assert trades.frame.height == len(source) - 2
        message = "; ".join(describe_column(trades.profile["detail"].drop_nulls()))
        assert "line 5001 its money is not price × volume" in message
