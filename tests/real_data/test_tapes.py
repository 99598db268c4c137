"""Real tapes: the exchange's own totals to the share and the cent, by way of the pipeline and by way of the csv module."""

import csv
import datetime as dt
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.bars.schemas import MINUTE_BARS
from assets.ticks.make_orders import make_orders
from assets.ticks.make_quotes import make_quotes
from assets.ticks.make_trades import make_trades
from assets.ticks.reopenings import settle_reopenings
from resources.reasons import Reason
from resources.settings.ticks import TicksSettings
from tests import plain_bars
from tests.making import run_make
from tests.tape_health.test_level_volumes import ALTERED, CHECK
from tests.tape_health.test_tape_health import refused
from tests.tapes import DAILY, Day, Landing

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"REAL DATA ABSENT: no {DATA}, real tapes are not tested")
DATAYES, INSIGHT = dt.date(2023, 2, 1), dt.date(2023, 7, 11)
TOTALS = {  # volume, amount in cents
    "600519.SH": (3_397_389, 624_467_892_461),
    "000001.SZ": (165_342_148, 242_647_197_252),
    "600000.SH": (18_659_542, 13_729_454_942),
}
PRICES = {  # open, high, low, close
    "600519.SH": (1854.98, 1859.00, 1811.40, 1844.97),
    "000001.SZ": (15.03, 15.08, 14.51, 14.70),
    "600000.SH": (7.40, 7.40, 7.33, 7.36),
}


class Folder:
    """The part of a landing view that the tick tables use, on a folder of the data."""

    def __init__(self, path: Path):
        self.path = path

    def tick_files(self) -> list[Path]:
        return sorted(path for path in self.path.rglob("*") if path.is_file())


def made(make, date):
    folder = DATA / ("datayes" if date == DATAYES else "insight") / f"{date:%Y%m%d}"
    return run_make(make, date=date, landing=Folder(folder), settings=TicksSettings())


@pytest.fixture(scope="module")
def trades():
    return {date: made(make_trades, date) for date in (DATAYES, INSIGHT)}


@pytest.fixture(scope="module")
def quotes():
    return made(make_quotes, DATAYES)


def test_trades_add_up_to_the_exchange_totals_to_the_share_and_the_cent(trades):
    frame = trades[DATAYES].frame
    sums = frame.group_by("symbol").agg(
        pl.col("volume").sum(), (pl.col("price") * pl.col("volume")).sum().alias("amount")
    )
    assert {symbol: (volume, amount / 100) for symbol, volume, amount in sums.iter_rows()} == TOTALS


def test_open_high_low_close_are_the_exchange_s(trades):
    prices = (
        trades[DATAYES]
        .frame.group_by("symbol")
        .agg(
            pl.col("price").first().alias("open"),
            pl.col("price").max().alias("high"),
            pl.col("price").min().alias("low"),
            pl.col("price").last().alias("close"),
        )
    )
    assert {row[0]: tuple(p / 10_000 for p in row[1:]) for row in prices.iter_rows()} == PRICES


def test_every_row_of_every_file_is_read(trades, quotes):
    for made_day in (*trades.values(), quotes, made(make_orders, DATAYES), made(make_orders, INSIGHT)):
        assert "set_aside.parquet" not in made_day.files
        files = made_day.profile.filter(pl.col("rows_set_aside").is_not_null())
        assert files.height > 0
        assert files.select(pl.col("rows_set_aside", "unrecognised", "unreadable").sum()).row(0) == (0, 0, 0)
        assert (files["ends_early"].fill_null(0) == 0).all()
        assert files["detail"].null_count() == files.height


def test_the_insight_day_adds_up_against_the_csv_module(trades):
    volume, money, rows = {}, {}, {}
    with (DATA / "insight/20230711/SHtrans.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            symbol = row["SecurityID"]
            rows[symbol] = rows.get(symbol, 0) + 1
            volume[symbol] = volume.get(symbol, 0) + int(row["TradeQty"])
            money[symbol] = money.get(symbol, 0) + round(float(row["TradeMoney"]) * 100)
    sums = (
        trades[INSIGHT]
        .frame.group_by("symbol")
        .agg(pl.len(), pl.col("volume").sum(), (pl.col("price") * pl.col("volume")).sum().alias("amount"))
    )
    assert len(rows) == 3
    for symbol, count, shares, amount in sums.iter_rows():
        assert (count, shares, amount / 100) == (rows[symbol], volume[symbol], money[symbol])


@pytest.mark.parametrize(("date", "continuous"), [(DATAYES, 41_144), (INSIGHT, 74_166)])
def test_the_sse_flag_is_the_order_number_rule_on_every_continuous_print(trades, date, continuous):
    sse = trades[date].frame.filter(pl.col("symbol").str.ends_with(".SH"))
    flagged = sse.filter(pl.col("side") != 0)
    assert flagged.height == continuous
    assert (flagged["side"] == (flagged["bid_order"] - flagged["ask_order"]).sign()).all()
    auction = sse.filter((pl.col("time") < 34_200_000) | (pl.col("time") >= 53_820_000))
    assert auction.height == sse.height - continuous
    assert (auction["side"] == 0).all()
    assert trades[date].profile["side_disagreements"].sum() == 0


@pytest.mark.parametrize("date", [DATAYES, INSIGHT])
def test_a_halt_of_a_real_sse_name_ends_in_one_print_and_lost_flags_are_seen(trades, date):
    """Ten minutes of trading taken out, and the next print without its flag; then another print without it."""
    tape = trades[date].frame.with_columns(code=pl.col("symbol").str.head(6).cast(pl.Int64), disagrees=pl.lit(False))
    for _, own in tape.filter(pl.col("symbol").str.ends_with(".SH")).group_by("symbol", maintain_order=True):
        resumes = 36_000_000 + 660_000
        halted = own.filter(~pl.col("time").is_between(36_000_000, resumes, closed="left")).with_row_index("n")
        first = halted.filter(pl.col("time") >= resumes).head(1)
        auction = halted.join(first, on=["time", "price"], how="semi")["n"].to_list()
        for lost, disagree in ((auction, False), ([*auction, auction[-1] + 9], True), ([auction[0] - 1], True)):
            gone = pl.col("n").is_in(lost)
            without = halted.with_columns(side=pl.when(gone).then(pl.lit(0, pl.Int8)).otherwise("side"), disagrees=gone)
            assert settle_reopenings(without, "SH", 9, 20)["disagrees"].sum() == (len(lost) if disagree else 0)
            assert settle_reopenings(without, "SH", 60, 20)["disagrees"].sum() == len(lost)


def test_szse_sides_follow_the_order_numbers_and_auctions_have_none(trades):
    szse = trades[DATAYES].frame.filter(pl.col("symbol") == "000001.SZ")
    auction = (szse["time"] < 34_200_000) | (szse["time"] >= 53_820_000)
    assert auction.sum() == 250 + 699
    assert (szse.filter(auction)["side"] == 0).all()
    rest = szse.filter(~auction)
    assert (rest["side"] == (rest["bid_order"] - rest["ask_order"]).sign()).all()


def test_szse_cancels_of_the_trade_file_are_orders():
    frame = made(make_orders, DATAYES).frame
    cancels = frame.filter(pl.col("symbol") == "000001.SZ")
    assert cancels.height == 32_996
    assert cancels["kind"].cast(pl.String).unique().to_list() == ["cancel"]
    assert (cancels["order"] > 0).all()
    counts = dict(
        frame.filter(pl.col("symbol") == "600519.SH").group_by(pl.col("kind").cast(pl.String)).len().iter_rows()
    )
    raw = [row["OrderType"] for row in csv.DictReader((DATA / "datayes/20230201/mdl_4_19_0.csv").open())]
    assert counts == {"limit": raw.count("A"), "cancel": raw.count("D")}


def test_an_sse_order_s_size_is_its_fills_plus_what_remained(trades):
    """Balance alone is not the size: an order in the stream that also filled at once was larger than its A row says."""
    orders = made(make_orders, DATAYES).frame.filter(
        (pl.col("symbol") == "600519.SH") & (pl.col("kind").cast(pl.String) == "limit")
    )
    fills = trades[DATAYES].frame.filter(pl.col("symbol") == "600519.SH")
    order_time = dict(orders.select("order", "time").iter_rows())
    remaining = dict(orders.select("order", "quantity").iter_rows())
    instant, later = {}, {}
    for volume, bid, ask, side in fills.select("volume", "bid_order", "ask_order", "side").iter_rows():
        for number, aggressor in ((bid, side == 1), (ask, side == -1)):
            into = instant if aggressor else later
            into[number] = into.get(number, 0) + volume
    never_in_stream = [number for number in instant if number not in order_time]
    assert len(never_in_stream) > 1000
    assert all(number in order_time for number, shares in later.items() if shares), "what rests is in the stream"
    overfilled = [n for n, shares in later.items() if shares > remaining[n]]
    assert overfilled == [], "fills of a resting order never exceed what its A row says remained"
    partly = [n for n in instant if n in remaining]
    assert len(partly) > 100, "some orders filled in part at once: their size is Σ fills at once + remainder"


def test_snapshots_of_000333_close_at_the_exchange_total(quotes):
    last = quotes.frame.filter(pl.col("symbol") == "000333.SZ").tail(1).row(0, named=True)
    assert (last["volume"], last["amount"]) == (26_724_709, 14_748_200_291_100)
    assert (last["last"], last["pre_close"], last["limit_up"], last["limit_down"]) == (
        555_000,
        552_000,
        607_200,
        496_800,
    )
    assert (last["bid_price_1"], last["bid_volume_1"], last["ask_price_1"], last["ask_volume_1"]) == (
        555_000,
        102_438,
        555_100,
        500,
    )


def test_every_snapshot_volume_of_600519_is_a_running_sum_of_its_trades(trades, quotes):
    tape = trades[DATAYES].frame.filter(pl.col("symbol") == "600519.SH")
    book = quotes.frame.filter(pl.col("symbol") == "600519.SH")
    running = np.concatenate([[0], np.cumsum(tape["volume"].to_numpy())])
    amounts = np.concatenate([[0], np.cumsum((tape["price"] * tape["volume"]).to_numpy())])
    count = book["trades"].to_numpy()
    assert (running[count] == book["volume"].to_numpy()).all()
    assert (amounts[count] == book["amount"].to_numpy()).all()
    assert book["limit_up"].null_count() == book.height


def test_a_truncated_copy_says_what_is_missing(tmp_path):
    source = (DATA / "datayes/20230201/20230201_Transaction.csv").read_bytes()
    folder = tmp_path / "ticks" / "20230201"
    folder.mkdir(parents=True)
    (folder / "20230201_Transaction.csv").write_bytes(source[: len(source) // 3])
    profile = run_make(make_trades, date=DATAYES, landing=Folder(folder), settings=TicksSettings()).profile
    row = profile.filter(pl.col("ends_early") == 1).row(0, named=True)
    detail = str(Reason.loads(row["detail"]))
    assert "ticks/20230201/20230201_Transaction.csv" in detail
    assert "everything after it is missing" in detail


def test_both_vendors_of_one_day_are_not_counted_twice(tmp_path, trades):
    """The INSIGHT day again in DataYes' layout, beside the original: same keys, same rows, counted once."""
    folder = tmp_path / "20230711"
    folder.mkdir()
    (folder / "SHtrans.csv").symlink_to(DATA / "insight/20230711/SHtrans.csv")
    raw = pl.read_csv(DATA / "insight/20230711/SHtrans.csv", infer_schema=False)
    raw.select(
        DataStatus=pl.lit("0"),
        TradeIndex="TradeIndex",
        TradeChan="ChannelNo",
        SecurityID=pl.col("SecurityID").str.head(6),
        TradTime="MDTime",
        TradPrice="TradePrice",
        TradVolume="TradeQty",
        TradeMoney="TradeMoney",
        TradeBuyNo="TradeBuyNo",
        TradeSellNo="TradeSellNo",
        TradeBSFlag=pl.col("TradeBSFlag").replace_strict({"0": "N", "1": "B", "2": "S"}),
    ).write_csv(folder / "20230711_Transaction.csv")
    both = run_make(make_trades, date=INSIGHT, landing=Folder(folder), settings=TicksSettings())
    assert both.frame.equals(trades[INSIGHT].frame)
    assert both.notes["duplicate_rows_dropped"] == raw.height
    assert both.profile["conflicting_duplicates"].sum() == 0


# --- bars of the real tapes -----------------------------------------------------------------------------------------------


def day_of(*tables, date, daily=None, **settings) -> Day:
    """The day through tape_health and bars, with the side files that trades, orders and quotes wrote."""
    of = Day(*(one.frame for one in tables), daily=daily, landing=Landing(date=date), **settings)
    for name, one in zip(("trades", "orders", "quotes"), tables, strict=False):
        of.beside |= {(name, file): data for file, data in one.files.items()}
    return of


@pytest.fixture(scope="module")
def datayes(trades, quotes):
    return day_of(trades[DATAYES], made(make_orders, DATAYES), quotes, date=DATAYES)


@pytest.fixture(scope="module")
def bars(datayes):
    return datayes.bars


def test_bars_hold_the_exchange_totals_and_prices(bars):
    assert dict(bars.frame.schema) == MINUTE_BARS
    sums = bars.frame.group_by("symbol").agg(
        pl.col("volume").sum(),
        (pl.col("amount") * 100).round().cast(pl.Int64).sum(),
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.len(),
    )
    for symbol, volume, cents, *prices, rows in sums.iter_rows():
        assert (volume, cents) == TOTALS[symbol]
        assert tuple(prices) == PRICES[symbol]
        assert rows == 239


def test_bars_and_order_sizes_of_600519_equal_plain_python(trades, quotes, bars, datayes):
    rows = trades[DATAYES].frame.filter(pl.col("symbol") == "600519.SH").rows(named=True)
    ours = {row["minute"]: row for row in bars.frame.filter(pl.col("symbol") == "600519.SH").iter_rows(named=True)}
    by_minute: dict[int, list] = {}
    for row in rows:
        by_minute.setdefault(plain_bars.bar_of(row["time"]), []).append(row)
    for minute, own in by_minute.items():  # minute by minute: plain_bars.bars scans the tape once per minute
        plain = plain_bars.bars(own, None, None)[minute]
        for name, value in plain.items():
            assert (
                ours[minute][name] == pytest.approx(value, rel=1e-12)
                if value is not None
                else ours[minute][name] is None
            )
    book = [
        {
            "time": row["time"],
            **{
                side: [
                    None if row[f"{side}_price_{i}"] is None else (row[f"{side}_price_{i}"], row[f"{side}_volume_{i}"])
                    for i in range(1, 6)
                ]
                for side in ("bid", "ask")
            },
        }
        for row in quotes.frame.filter(pl.col("symbol") == "600519.SH").iter_rows(named=True)
    ]
    for minute, values in plain_bars.book(book).items():
        for name, value in values.items():
            if value is None:
                assert ours[minute][name] is None
            else:
                assert ours[minute][name] == pytest.approx(value, rel=1e-9, abs=1e-6)
    sizes = datayes.order_sizes.frame.filter(pl.col("symbol") == "600519.SH")
    orders, first, second = plain_bars.order_sizes(rows)
    assert sizes["orders"].to_list() == [orders]
    assert sizes["sum_ln"][0] == pytest.approx(first, rel=1e-12)
    assert sizes["sum_ln2"][0] == pytest.approx(second, rel=1e-12)


def test_verdicts_of_the_real_day(datayes):
    """000333 has snapshots alone; 000001 and 600000 nothing to be compared with; every snapshot of 600519 is on its tape."""
    verdicts = datayes.verdicts
    assert {symbol: row["verdict"] for symbol, row in verdicts.items()} == {
        "000001.SZ": "ok",
        "000333.SZ": "missing",
        "600000.SH": "ok",
        "600519.SH": "ok",
    }
    row = verdicts["600519.SH"]
    assert (row["trades_verdict"], row["quotes_verdict"], row["orders_verdict"]) == ("ok", "ok", "ok")
    assert (row["trades"], row["orders"], row["quotes"]) == (27_135, 54_735, 5_109)
    assert (row["volume"], round(row["amount"] * 100)) == TOTALS["600519.SH"]
    measures = ("volume_difference", "quoted_volume_difference", "misaligned_quotes", "rows_set_aside", "duplicates")
    faults = ("out_of_order", "crossed_quotes", "cumulative_decreases", "late_quotes", "side_disagreements")
    assert [row[name] for name in (*measures, *faults, "overfilled_orders", "outside_limits")] == [0] * 12
    assert row["amount_difference"] == 0
    assert verdicts["000333.SZ"]["reason"] == (
        "the last snapshot has a volume of 26724709 shares, but no usable trade of it was delivered"
    )
    profile = datayes.profile
    assert profile.filter(uncompared=1)["symbol"].to_list() == ["000001.SZ", "600000.SH"]
    of_the_day = profile.filter(pl.col("too_few_covered").is_not_null())["detail"].item()
    assert "1 of 2 stocks that traded were not delivered: 000333.SZ" in of_the_day


def test_buyers_and_sellers_exchanged_contradict_the_book_of_the_snapshots(trades, quotes):
    """Numbers and flags exchanged alike, without an order file: nothing but the snapshots can tell."""
    swapped = {"bid_order": pl.col("ask_order"), "ask_order": pl.col("bid_order"), "side": -pl.col("side")}
    own = trades[DATAYES].frame.filter(symbol="600519.SH")
    for frame, against in ((own, 3), (own.with_columns(**swapped), 4045)):
        of = Day(frame, quotes=quotes.frame.filter(symbol="600519.SH"), landing=Landing(date=DATAYES))
        row = of.verdicts["600519.SH"]
        assert (row["verdict"] == "set aside") == (against > 3)
        assert ("tapes_add_up" in refused(of)) == (against > 3)
        if against > 3:
            assert f"{against} of its 4048 trades next after a snapshot" in row["reason"]
            assert "buyers and sellers are exchanged in its trades" in row["reason"]


@pytest.mark.parametrize("name", ["as delivered", *ALTERED])
def test_altered_level_volumes_contradict_the_trades(trades, quotes, name):
    """No order file: the trades alone show the unit and the side of the volumes."""
    own, altered = trades[DATAYES].frame.filter(symbol="600519.SH"), ALTERED.get(name, [])
    of = Day(own, quotes=quotes.frame.filter(symbol="600519.SH").with_columns(altered), landing=Landing(date=DATAYES))
    row = of.verdicts["600519.SH"]
    assert row["quotes_verdict"] == ("set aside" if altered else "ok")
    assert row["trades_verdict"] == "ok"
    assert (CHECK in refused(of)) == bool(altered)
    if altered:
        counts = {
            "in lots": "of 813 of the 813 best levels",
            "in tens": "of 823 of the 824",
            "exchanged": "539 best levels, and of 532",
        }
        assert counts.get(name, "of 829 of the 829 best levels") in row["reason"]


AGAINST_PRICE = {  # (price changes, of them against the side of the later trade, of them from one fill of an active order to its next)
    DATAYES: {"000001.SZ": (20_131, 754, 1_655), "600000.SH": (2_484, 22, 40), "600519.SH": (13_785, 1_692, 1_980)},
    INSIGHT: {"600536.SH": (9_055, 868, 2_281), "600761.SH": (5_670, 518, 957), "605580.SH": (4_265, 229, 573)},
}


@pytest.mark.parametrize("date", [DATAYES, INSIGHT])
def test_buyers_and_sellers_exchanged_contradict_the_prices_of_the_tape_itself(trades, date):
    """Numbers and flags exchanged alike, with neither orders nor snapshots: the prices alone can tell."""
    honest = trades[date].frame
    swapped = {"bid_order": pl.col("ask_order"), "ask_order": pl.col("bid_order"), "side": -pl.col("side")}
    for frame, mirrored in ((honest, False), (honest.with_columns(**swapped), True)):
        of = Day(frame, landing=Landing(date=date))
        assert ("sides_agree_with_prices" in refused(of)) == mirrored
        assert {row["verdict"] for row in of.verdicts.values()} == ({"set aside"} if mirrored else {"ok"})
        for symbol, (changes, against, of_one_order) in AGAINST_PRICE[date].items() if mirrored else ():
            reason = f"{changes - against} of its {changes} price changes go against the side of their trade"
            assert reason in of.verdicts[symbol]["reason"]
            reason = f"{of_one_order} of its trades fill an active order at a better price than the trade just before"
            assert reason in of.verdicts[symbol]["reason"]


@pytest.mark.parametrize("date", [DATAYES, INSIGHT])
@pytest.mark.parametrize("kept", [1, 10, 50])
def test_no_part_of_a_real_tape_contradicts_its_prices(trades, date, kept):
    """Ten minutes each as a name's whole day, and thin names: of every so many trades one."""
    honest = trades[date].frame.with_columns(window=pl.col("time") // 600_000, n=pl.int_range(pl.len()).over("symbol"))
    parts = [honest] if kept == 1 else [honest.filter(pl.col("n") % kept == rest) for rest in (0, kept // 2)]
    for part in parts:
        code = pl.concat_str(pl.col("symbol").str.slice(3, 3), pl.col("window").cast(pl.String).str.zfill(3))
        names = part.with_columns(symbol=pl.concat_str(code, pl.col("symbol").str.tail(3)))
        of = Day(names.select(honest.columns[:-2]).sort("symbol", "channel", "seq"), landing=Landing(date=date))
        assert len(of.verdicts) > 60
        assert {row["verdict"] for row in of.verdicts.values()} == {"ok"}
        assert refused(of) == set()


def test_the_replay_reproduces_every_snapshot_where_orders_are_delivered(trades, quotes):
    of = day_of(trades[DATAYES], made(make_orders, DATAYES), quotes, date=DATAYES, replay_book=True)
    assert {symbol: row["book_mismatches"] for symbol, row in of.verdicts.items()} == {
        "000001.SZ": None,
        "000333.SZ": None,
        "600000.SH": None,
        "600519.SH": 0,
    }
    assert "book_mismatches" not in of.health.unavailable


def test_channels_of_extracts_tell_no_gap(datayes, trades):
    insight = day_of(trades[INSIGHT], made(make_orders, INSIGHT), date=INSIGHT)
    for of in (datayes, insight):
        channels = pl.read_parquet(io.BytesIO(of.health.files["channels.parquet"]))
        assert channels.height > 0
        assert channels["missing"].null_count() == channels.height
        assert of.health.profile["missing_numbers"].null_count() == of.health.profile.height
    assert {row["verdict"] for row in insight.verdicts.values()} == {"ok"}
    assert {row["quotes_verdict"] for row in insight.verdicts.values()} == {None}
    assert len(insight.verdicts) == 3


def test_the_exchange_s_prices_of_the_day_are_those_of_its_trades(trades):
    """None of the three published ranges is contradicted; one that is off by a cent is."""
    rows = [(symbol, None, *PRICES[symbol], volume, cents / 100) for symbol, (volume, cents) in sorted(TOTALS.items())]
    daily = pl.DataFrame(rows, schema=DAILY, orient="row")

    def contradicted(prices):
        return day_of(trades[DATAYES], date=DATAYES, daily=prices).bars.profile["day_contradicted"].to_list()

    assert contradicted(daily) == [0, 0, 0]
    assert contradicted(daily.with_columns(low=pl.col("low") - 0.01)) == [1, 1, 1]


def test_daily_prices_must_be_met_to_the_cent(trades):
    def verdicts(off):
        daily = pl.DataFrame(
            [(s, v, (a + off) / 100) for s, (v, a) in TOTALS.items()],
            schema={"symbol": pl.String, "volume": pl.Int64, "amount": pl.Float64},
            orient="row",
        )
        daily = daily.with_columns(
            pl.lit(None, dtype).alias(name) for name, dtype in DAILY.items() if name not in daily
        )
        return [row["verdict"] for row in day_of(trades[DATAYES], date=DATAYES, daily=daily).verdicts.values()]

    assert verdicts(0) == ["ok"] * 3
    assert verdicts(1) == ["set aside"] * 3


def test_minutes_cut_by_snapshots_are_the_minutes_of_trades(trades, quotes):
    """Bars from snapshots = bars from trades, by count: cut where each minute's last snapshot stands, whatever its clock says."""
    tape = trades[DATAYES].frame.filter(pl.col("symbol") == "600519.SH")
    book = quotes.frame.filter((pl.col("symbol") == "600519.SH") & (pl.col("time") >= 34_200_000))
    last = (
        book.group_by(minute=pl.col("time") // 60_000).agg(pl.col("trades", "volume", "amount").last()).sort("minute")
    )
    minute = np.searchsorted(last["trades"].to_numpy(), np.arange(1, tape.height + 1))
    cut = (
        tape.with_columns(minute=pl.Series(minute), amount=pl.col("price") * pl.col("volume"))
        .group_by("minute")
        .agg(pl.col("volume", "amount").sum())
    )
    deltas = last.with_columns(pl.col("volume", "amount").diff().fill_null(pl.col("volume", "amount"))).with_row_index(
        "cut"
    )
    both = deltas.join(cut, left_on="cut", right_on="minute", how="left", suffix="_cut").fill_null(0)
    assert both.height > 240
    assert (both["volume"] == both["volume_cut"]).all()
    assert (both["amount"] == both["amount_cut"]).all()


@pytest.mark.parametrize("day", ["20150504", "20150708", "20150731"])
def test_closes_of_2015_become_dense_bars_and_nothing_is_invented(day):
    raw = pl.read_parquet(DATA / f"bars_2015/{day}.parquet")

    daily = (
        pl.scan_parquet(DATA / "reference_2010_2016/daily_prices.parquet")
        .filter(pl.col("date") == pl.lit(day).str.to_date("%Y%m%d"))
        .collect()
    )
    date = dt.datetime.strptime(day, "%Y%m%d").date()
    of = Day(daily=daily, landing=Landing(raw, path=f"{day}.parquet", date=date))
    made = of.bars
    frame = made.frame
    assert frame.height == raw["symbol"].n_unique() * 239
    both = raw.join(frame, on=["symbol", "minute"], suffix="_made")
    assert both.height == raw.height
    assert (both["close"] == both["close_made"]).all()
    for name in ("open", "volume", "amount", "trades", "buy_amount", "net_bid_change", "spread"):
        assert frame[name].null_count() == frame.height
        assert str(made.unavailable[name]) == f"bars/{day}.parquet has only close"
    assert set(of.health.frame["verdict"]) <= {"ok", "missing"}
    assert made.profile["close_difference"].abs().max() < 5e-5


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("date", [DATAYES, INSIGHT])
def test_the_tapes_in_parquet_give_the_same_rows(tmp_path, trades, quotes, date, typed):
    """Text as it stands, or numbers and timestamps as a data frame's user would write them, in row groups of 10 000."""
    source = DATA / ("datayes" if date == DATAYES else "insight") / f"{date:%Y%m%d}"
    for path in source.iterdir():
        frame = pl.read_csv(path.read_bytes(), infer_schema=False, quote_char=None, truncate_ragged_lines=True)
        if typed:
            clocks = {"TradTime", "OrderTime", "TransactTime", "UpdateTime"} & set(frame.columns)
            skipped = {"MDTime", "MDDate", "SecurityIDSource", "MDStreamID", *clocks}
            for name in set(frame.columns) - skipped:
                number = frame[name].cast(pl.Float64, strict=False)
                if number.null_count() == frame[name].replace("", None).null_count():
                    whole = bool((number == number.round()).all())
                    frame = frame.with_columns(number.cast(pl.Int64) if whole else number)
            stamp = f"{date} " + pl.col(*clocks) if clocks else None
            if stamp is not None:
                frame = frame.with_columns(stamp.str.to_datetime("%Y-%m-%d %H:%M:%S%.3f"))
        frame.write_parquet(tmp_path / f"{path.stem}.parquet", row_group_size=10_000)
    packed = {
        make: run_make(make, date=date, landing=Folder(tmp_path), settings=TicksSettings(block_mb=1))
        for make in (make_trades, make_orders, make_quotes)
    }
    assert packed[make_trades].frame.equals(trades[date].frame)
    assert packed[make_orders].frame.equals(made(make_orders, date).frame)
    if date == DATAYES:
        assert packed[make_quotes].frame.equals(quotes.frame)
    for each in packed.values():
        assert "set_aside.parquet" not in each.files


@pytest.mark.parametrize("whole", [True, False])
def test_a_real_tape_that_stops_at_ten_is_a_halt_or_a_cut_by_the_totals(tmp_path, trades, whole):
    """The tape of 2023-02-01 up to 10:00; whole: daily_prices says so too, added up with the csv module."""
    source = DATA / "datayes/20230201/20230201_Transaction.csv"
    with source.open(newline="") as file:
        rows = list(csv.reader(file))
    at = {name: rows[0].index(name) for name in ("SecurityID", "TradTime", "TradVolume", "TradeMoney")}
    early = [row for row in rows[1:] if row[at["TradTime"]] < "10:00"]
    with (tmp_path / source.name).open("w", newline="") as file:
        csv.writer(file).writerows([rows[0], *early])
    daily: dict[str, tuple[int, int]] = {}
    for row in early if whole else rows[1:]:
        volume, cents = daily.get(row[at["SecurityID"]], (0, 0))
        daily[row[at["SecurityID"]]] = (
            volume + int(row[at["TradVolume"]]),
            cents + round(100 * float(row[at["TradeMoney"]])),
        )
    totals = [
        {"symbol": f"{code}.SH", "pre_close": 1.0, "close": 1.0, "volume": volume, "amount": cents / 100}
        for code, (volume, cents) in daily.items()
    ]
    short = run_make(make_trades, date=DATAYES, landing=Folder(tmp_path), settings=TicksSettings())
    assert short.frame.equals(
        trades[DATAYES].frame.filter(pl.col("symbol").str.ends_with("SH"), pl.col("time") < 36_000_000)
    )
    of = Day(trades=short.frame, daily=pl.DataFrame(totals, schema=DAILY), landing=Landing(date=DATAYES))
    of.beside |= {("trades", name): data for name, data in short.files.items()}
    assert ("early_ends_are_proven" in refused(of)) == (not whole)
    assert ("halted" in of.health.notes) == whole
