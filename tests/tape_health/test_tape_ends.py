"""A halted market is not a cut file: a tape that stops early is accepted where the day's totals prove it whole, and refused
where they do not, or where there are none."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tape_health.tape_ends import judge_ends
from assets.ticks.canonical import QUOTES
from assets.ticks.day_of_files import ENDS
from assets.ticks.make_orders import make_orders
from assets.ticks.make_quotes import make_quotes
from assets.ticks.make_trades import make_trades
from resources.settings.bars import BarsSettings
from resources.settings.ticks import TicksSettings
from tests.making import run_make
from tests.tape_health.test_tape_health import refused, warned
from tests.tapes import DAILY, DATE, Day, day
from tests.ticks.synthetic_market import Event, simulate
from tests.ticks.synthetic_tapes import WRITERS, Style, write_day

FOLDER = f"{DATE:%Y%m%d}"
CODES = {"SH": (600_519, 601_318, 600_036, 601_398), "SZ": (1, 2_594, 2, 333)}
LAYOUTS_OF = [(exchange, vendor) for exchange, writers in WRITERS.items() for vendor in writers]
MINUTE = 60_000
HALTS = {
    "the circuit breaker of 2016-01-07": 599 * MINUTE,
    "the circuit breaker of 2016-01-04": 813 * MINUTE,
    "a morning": 690 * MINUTE,
    "a minute before the closing auction": 896 * MINUTE,
}


class Landing:
    def __init__(self, root: Path):
        self.root = root / "ticks" / FOLDER

    def tick_files(self):
        return sorted(path for path in self.root.rglob("*") if path.is_file())


def totals(events: list[Event], exchange: str) -> pl.DataFrame:
    """daily_prices of what was traded, added up plainly."""
    rows = {}
    for event in events:
        if event.kind == "trade":
            symbol = f"{event.code:06d}.{exchange}"
            volume, amount, _ = rows.get(symbol, (0, 0, 0))
            rows[symbol] = volume + event.volume, amount + event.volume * event.price, event.price
    named = [
        day(symbol, close=close / 10_000, volume=volume, amount=amount / 10_000)
        for symbol, (volume, amount, close) in rows.items()
    ]
    return pl.DataFrame(named, schema=DAILY)


def delivered(root: Path, daily: pl.DataFrame | None, **changes) -> Day:
    """The day's tables as made from the vendor files under root."""
    landing = Landing(root)
    made = {
        name: run_make(make, date=DATE, landing=landing, settings=TicksSettings())
        for name, make in (("trades", make_trades), ("orders", make_orders), ("quotes", make_quotes))
    }
    of = Day(**{name: each.frame for name, each in made.items()}, daily=daily, **changes)
    for name, each in made.items():
        of.beside |= {(name, file): data for file, data in each.files.items()}
    return of


def written(root: Path, exchange: str, vendor: str, events: list[Event]) -> None:
    style = Style("gbk" if vendor == "Wind" else "utf-8")
    write_day(root / "ticks" / FOLDER, WRITERS[exchange][vendor](events, style, FOLDER), style)


@pytest.mark.parametrize("halt", HALTS)
@pytest.mark.parametrize(("exchange", "vendor"), LAYOUTS_OF)
def test_a_halted_market_is_accepted_and_a_cut_file_refused(tmp_path, exchange, vendor, halt):
    """Two days whose files are the same to the byte: of one they are all that was traded, of the other they were cut off."""
    events = simulate(exchange, CODES[exchange], seed=5, arrivals=120)
    until = [event for event in events if event.time < HALTS[halt]]
    written(tmp_path, exchange, vendor, until)
    halted = delivered(tmp_path, totals(until, exchange))
    assert refused(halted) == set()
    assert "channels_reach_the_close" not in warned(halted)
    assert set(halted.health.frame["trades_verdict"]) == {"ok"}
    cut = delivered(tmp_path, totals(events, exchange))
    assert "halted" not in cut.health.notes
    if vendor == "DataYes merged":  # its status rows go on to the close: nothing stops early, and only totals tell
        assert "tapes_add_up" in refused(cut)
        return
    assert "trading ended at this time" in " ".join(halted.notes["halted"])
    assert "early_ends_are_proven" in refused(cut)
    assert "early_ends_are_proven" in refused(delivered(tmp_path, None))


def test_what_a_halted_day_s_bars_are(tmp_path):
    """Flat and empty from the halt on, the closing auction included; nothing else differs from the same tape read whole."""
    events = simulate("SH", CODES["SH"], seed=6, arrivals=120)
    until = [event for event in events if event.time < 599 * MINUTE]
    written(tmp_path, "SH", "DataYes", until)
    of = delivered(tmp_path, totals(until, "SH"))
    bars = of.bars.frame
    assert bars.height == 239 * len(CODES["SH"])
    for symbol, own in bars.group_by("symbol"):
        last = [e.price for e in until if e.kind == "trade" and f"{e.code:06d}.SH" == symbol[0]][-1] / 10_000
        after = own.filter(pl.col("minute") >= 599)
        assert after.select(pl.col("volume", "amount", "trades").sum()).row(0) == (0, 0, 0)
        assert set(after.select("open", "high", "low", "close").unique().row(0)) == {last}
        assert after.height == 239 - 1 - 29
    assert bars["volume"].sum() == sum(e.volume for e in until if e.kind == "trade")


@pytest.mark.parametrize(("exchange", "vendor"), LAYOUTS_OF)
def test_files_of_some_names_are_usable_where_their_totals_prove_them(tmp_path, exchange, vendor):
    """Every fourth name is not among the files: a gap in the channels' numbers, and a loss only where daily_prices has it."""
    events = simulate(exchange, CODES[exchange], seed=9, arrivals=120)
    bought = [event for event in events if event.code != CODES[exchange][-1]]
    written(tmp_path, exchange, vendor, bought)
    of = delivered(tmp_path, totals(bought, exchange))
    assert refused(of) == set()
    assert set(of.health.frame["verdict"]) == {"ok"}
    assert ("channel_numbers_complete" in warned(of)) == (vendor != "Wind")  # whose numbers are each name's own
    lost = delivered(tmp_path, totals(events, exchange), max_uncovered_share=0.9)
    assert ("nearly_all_channel_numbers_present" in refused(lost)) == (vendor != "Wind")
    assert "nearly_all_channel_numbers_present" in refused(delivered(tmp_path, None)) or vendor == "Wind"


def test_a_single_stock_that_was_halted_needs_no_proof(tmp_path):
    events = simulate("SH", CODES["SH"], seed=7, arrivals=120)
    left = [event for event in events if event.code != 600_519 or event.time < 600 * MINUTE]
    written(tmp_path, "SH", "DataYes", left)
    of = delivered(tmp_path, totals(left, "SH"))
    assert refused(of) == set()
    assert "halted" not in of.health.notes
    assert of.verdicts["600519.SH"]["verdict"] == "ok"


def test_one_channel_that_was_cut_among_whole_ones_is_refused(tmp_path):
    """Files of channel 1 and 2 (the parity of the code); the second stops early."""
    events = simulate("SH", CODES["SH"], seed=8, arrivals=120)
    one, two = ([event for event in events if event.channel == channel] for channel in (1, 2))
    half = [event for event in two if event.time < 800 * MINUTE]
    for name, part in (("a", one), ("b", half)):
        style = Style()
        write_day(tmp_path / "ticks" / FOLDER / name, WRITERS["SH"]["DataYes"](part, style, FOLDER), style)
    cut = delivered(tmp_path, totals(events, "SH"))
    details = cut.profile.filter(pl.col("cut_off") > 0)["detail"].to_list()
    assert len(details) == 1
    assert f"ticks/{FOLDER}/b/{FOLDER}_Transaction.csv ends at" in details[0]
    assert "early_ends_are_proven" in refused(cut)
    assert "early_ends_are_proven" not in refused(delivered(tmp_path, totals([*one, *half], "SH")))


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_the_share_of_names_that_may_be_unproven_is_a_setting(tmp_path, share):
    events = simulate("SH", CODES["SH"], seed=9, arrivals=120)
    until = [event for event in events if event.time < 690 * MINUTE]
    written(tmp_path, "SH", "DataYes", until)
    daily = totals(until, "SH").with_columns(
        volume=pl.when(pl.col("symbol") == "600519.SH").then(pl.col("volume") + 100).otherwise("volume")
    )
    of = delivered(tmp_path, daily, max_unproven_share=share, max_set_aside_share=1.0)
    assert ("early_ends_are_proven" in refused(of)) == (share < 0.25)
    assert of.verdicts["600519.SH"]["verdict"] == "set aside"


@pytest.mark.parametrize("column", ["volume", "amount"])
def test_a_total_without_volume_or_amount_proves_nothing(tmp_path, column):
    events = simulate("SH", CODES["SH"], seed=10, arrivals=60)
    until = [event for event in events if event.time < 690 * MINUTE]
    written(tmp_path, "SH", "DataYes", until)
    daily = totals(until, "SH").with_columns(pl.lit(None, DAILY[column]).alias(column))
    assert "early_ends_are_proven" in refused(delivered(tmp_path, daily))


# --- snapshots ------------------------------------------------------------------------------------------------------------


def snapshots(events: list[Event], stamps: list[int]) -> pl.DataFrame:
    """Cumulative sums at some times, added up plainly."""
    rows = []
    for code in sorted({event.code for event in events}):
        own = [event for event in events if event.code == code and event.kind == "trade"]
        for stamp in stamps:
            seen = [event for event in own if event.time <= stamp]
            rows.append(
                {
                    **dict.fromkeys(QUOTES),
                    "date": DATE,
                    "symbol": f"{code:06d}.SH",
                    "time": stamp,
                    "trades": len(seen),
                    "volume": sum(event.volume for event in seen),
                    "amount": sum(event.volume * event.price for event in seen),
                    "bid_price_1": 1_000,
                    "bid_volume_1": 100,
                }
            )
    return pl.DataFrame(rows, schema=QUOTES)


def ends_of(quotes: pl.DataFrame) -> pl.DataFrame:
    last = quotes.group_by("symbol", maintain_order=True).agg(last_time=pl.col("time").max())
    return last.select(
        pl.lit("snapshots.csv").alias("file"),
        pl.lit("SH").alias("exchange"),
        pl.lit(None, pl.Int32).alias("channel"),
        "symbol",
        pl.col("last_time").cast(pl.Int32),
    )


def test_snapshots_to_the_close_prove_a_halt_where_there_are_no_daily_prices(tmp_path):
    events = simulate("SH", CODES["SH"], seed=11, arrivals=60)
    until = [event for event in events if event.time < 690 * MINUTE]
    written(tmp_path, "SH", "DataYes", until)
    of = delivered(tmp_path, None)
    quotes = snapshots(until, [600 * MINUTE, 690 * MINUTE, 900 * MINUTE])
    with_quotes = Day(trades=of.tables["trades"], quotes=quotes, max_quote_gap_seconds=80_000)
    with_quotes.beside |= {key: data for key, data in of.beside.items() if key[0] == "trades"}
    assert "early_ends_are_proven" not in refused(with_quotes)
    assert "trading ended at this time" in with_quotes.notes["halted"][0]
    early = Day(
        trades=of.tables["trades"], quotes=quotes.filter(pl.col("time") < 900 * MINUTE), max_quote_gap_seconds=80_000
    )
    early.beside |= {key: data for key, data in of.beside.items() if key[0] == "trades"}
    assert "early_ends_are_proven" in refused(early), "a snapshot before the close is no total"


@pytest.mark.parametrize("cut", [False, True])
def test_snapshots_that_stop_early_are_proven_by_their_last_sums(cut):
    """cut: trades went on; else the market was halted and the snapshots end with the day's total."""
    events = simulate("SH", CODES["SH"], seed=12, arrivals=120)
    traded = events if cut else [event for event in events if event.time < 690 * MINUTE]
    quotes = snapshots(traded, [600 * MINUTE, 690 * MINUTE])
    of = Day(quotes=quotes, daily=totals(traded, "SH"), ends={"quotes": ends_of(quotes)}, max_uncovered_share=1.0)
    assert ("early_ends_are_proven" in refused(of)) == cut


# --- against a plain definition -------------------------------------------------------------------------------------------

names = st.fixed_dictionaries(
    {
        "channel": st.integers(1, 3),
        "reference": st.booleans(),
        "volume_difference": st.sampled_from([None, 0, 0, 0, 100]),
        "amount_difference": st.sampled_from([None, 0.0, 0.0, 0.0, 5.0]),
        "ended": st.booleans(),
    }
)


@settings(max_examples=80, deadline=None)
@given(tapes=st.lists(names, min_size=1, max_size=12), share=st.sampled_from([0.0, 0.1, 0.5]))
def test_which_files_were_cut_is_what_counting_by_hand_says(tapes, share):
    """One file; each channel of it has ended or not, as the first name on the channel says."""
    ended = {}
    for tape in tapes:
        ended.setdefault(tape["channel"], tape["ended"])
    channels = [channel for channel, over in ended.items() if over]
    ends = pl.DataFrame([("t.csv", "SH", channel, None, 36_000_000) for channel in channels], schema=ENDS, orient="row")
    judged = pl.DataFrame(
        [
            {
                "symbol": f"{600_000 + at}.SH",
                "trades": 5,
                "daily_volume": None,
                "quoted_volume": None,
                "quoted_volume_difference": None,
                "reference": "daily_prices" if tape["reference"] else None,
                "amount_slack": 0.0,
                **{name: tape[name] for name in ("volume_difference", "amount_difference")},
            }
            for at, tape in enumerate(tapes)
        ],
        schema={
            **{"symbol": pl.String, "trades": pl.Int64, "daily_volume": pl.Int64, "quoted_volume": pl.Int64},
            **{"quoted_volume_difference": pl.Int64, "reference": pl.String, "amount_slack": pl.Float64},
            **{"volume_difference": pl.Int64, "amount_difference": pl.Float64},
        },
    )
    stands = pl.DataFrame(
        {"symbol": judged["symbol"], "channel": [tape["channel"] for tape in tapes]},
        schema={"symbol": pl.String, "channel": pl.Int32},
    )
    found = judge_ends(ends, pl.DataFrame(schema=ENDS), stands, judged, BarsSettings(max_unproven_share=share))
    on = [tape for tape in tapes if tape["channel"] in channels]
    proven = [t for t in on if t["reference"] and t["volume_difference"] == 0 and t["amount_difference"] == 0]
    if not channels:
        assert found.is_empty()
        return
    row = found.row(0, named=True)
    assert (row["names"], row["proven"]) == (len(on), len(proven))
    assert row["cut"] == (len(on) - len(proven) > share * len(on))


def test_what_ends_early_is_listed_by_channel_or_by_name(tmp_path):
    events = [event for event in simulate("SH", CODES["SH"], seed=13) if event.time < 690 * MINUTE]
    last = {channel: max(e.time for e in events if e.channel == channel and e.kind == "trade") for channel in (1, 2)}
    written(tmp_path / "a", "SH", "DataYes", events)
    ends = pl.read_parquet(delivered(tmp_path / "a", None).beside["trades", "ends.parquet"])
    assert dict(ends.schema) == ENDS
    assert ends.select("exchange", "channel", "symbol", "last_time").rows() == [
        ("SH", channel, None, last[channel]) for channel in (1, 2)
    ]
    written(tmp_path / "b", "SH", "Wind", events)
    ends = pl.read_parquet(delivered(tmp_path / "b", None).beside["trades", "ends.parquet"])
    assert sorted(ends["symbol"]) == sorted(f"{code}.SH" for code in CODES["SH"])
    assert ends["channel"].null_count() == 4
    assert ends["file"].unique().to_list() == ["Wind SSE trades (逐笔成交), every file,"]
