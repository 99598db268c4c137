"""Tests the auctions that end a halt within continuous hours, on a synthetic market whose auctions are known."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.ticks.make_trades import make_trades
from assets.ticks.reopenings import settle_reopenings
from resources.settings.ticks import TicksSettings
from tests.making import run_make
from tests.tapes import Landing
from tests.ticks.synthetic_market import Event, simulate
from tests.ticks.synthetic_tapes import WRITERS, Style, write_day

DAY, DATE = "20240110", dt.date(2024, 1, 10)
CODES = {"SH": (600_519, 600_036, 601_318), "SZ": (1, 2_594, 858)}
LAYOUTS_OF = [(exchange, vendor) for exchange, writers in WRITERS.items() for vendor in writers]
HALT = (612, 627)
RESUMED = 627 * 60_000 + 20


class Folder(Landing):
    """A landing zone on disk, as far as the tick tables read it."""

    def __init__(self, root: Path):
        super().__init__(date=DATE)
        self.root = root

    def tick_files(self):
        return sorted(path for path in self.root.rglob("*") if path.is_file())


def read(root: Path, exchange: str, vendor: str, events: list[Event], **changed):
    """Return (the trades, side_disagreements by symbol)."""
    style = Style("gbk" if vendor == "Wind" else "utf-8")
    write_day(root, WRITERS[exchange][vendor](events, style, DAY), style)
    made = run_make(make_trades, date=DATE, landing=Folder(root), settings=TicksSettings(**changed))
    counts = made.profile.filter(pl.col("side_disagreements").is_not_null())
    return made.frame, dict(counts.select("item", "side_disagreements").iter_rows())


def sides(events: list[Event], exchange: str) -> dict[str, list[tuple[int, int, int]]]:
    """Return symbol → (time, volume, side) of its fills, in order."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    for event in events:
        if event.kind == "trade":
            found.setdefault(f"{event.code:06d}.{exchange}", []).append((event.time, event.volume, event.side))
    return found


def sides_of(trades: pl.DataFrame) -> dict[str, list[tuple[int, int, int]]]:
    return {
        symbol: rows.select("time", "volume", "side").rows()
        for (symbol,), rows in trades.group_by("symbol", maintain_order=True)
    }


def cannot_be_continuous(fills: list[Event], code: int) -> bool:
    """Return whether the later orders of these fills are on both sides, or do not ascend."""
    own = [event for event in fills if event.code == code]
    later = [max(event.buy, event.sell) for event in own]
    return later != sorted(later) or len({event.buy > event.sell for event in own}) > 1


@pytest.mark.parametrize(("exchange", "vendor"), LAYOUTS_OF)
def test_prints_of_an_auction_that_ends_a_halt_have_no_aggressor(tmp_path, exchange, vendor):
    events = simulate(exchange, CODES[exchange], 3, 800, HALT)
    resumed = [event for event in events if event.kind == "trade" and event.time == RESUMED]
    assert {event.side for event in resumed} == {0}
    assert {event.code for event in resumed} == set(CODES[exchange])
    trades, disagreements = read(tmp_path, exchange, vendor, events)
    found, truth = sides_of(trades), sides(events, exchange)
    proven = {f"{code:06d}.{exchange}" for code in CODES[exchange] if cannot_be_continuous(resumed, code)}
    assert len(proven) > 1
    if (exchange, vendor) in (("SZ", "DataYes"), ("SZ", "INSIGHT")):  # the channel's numbers prove it for every stock
        proven = set(truth)
    assert {symbol: found[symbol] for symbol in proven} == {symbol: truth[symbol] for symbol in proven}
    assert {disagreements[symbol] for symbol in proven} == {0}
    if exchange == "SH":  # and so do the flags of every stock
        assert found == truth
        assert set(disagreements.values()) == {0}
        _, disagreements = read(tmp_path / "unflagged", exchange, vendor, events, least_flagged_prints=10_000)
        assert all((disagreements[symbol] == 0) == (symbol in proven) for symbol in truth)
    # With a longer minimum, the setting classifies these prints as continuous trading.
    trades, disagreements = read(tmp_path / "longer", exchange, vendor, events, min_halt_minutes=60)
    if exchange == "SH":
        assert min(disagreements.values()) > 0
    else:
        assert 0 not in trades.filter(pl.col("time") == RESUMED)["side"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("exchange", "vendor"), LAYOUTS_OF)
def test_thin_trading_keeps_its_aggressors(tmp_path, exchange, vendor, seed):
    """The stocks trade a few times a day, minutes to hours apart."""
    events = simulate(exchange, CODES[exchange], seed, 30)
    trades, disagreements = read(tmp_path, exchange, vendor, events)
    assert sides_of(trades) == sides(events, exchange)
    assert set(disagreements.values()) == {0}


@pytest.mark.parametrize("arrivals", [15, 200])
@pytest.mark.parametrize("vendor", WRITERS["SH"])
@pytest.mark.parametrize("share", [1, 0.3])
def test_flags_that_are_missing_still_disagree(tmp_path, vendor, arrivals, share):
    events = simulate("SH", CODES["SH"], 2, arrivals, None)
    continuous = [event for event in events if event.kind == "trade" and 570 * 60_000 <= event.time < 897 * 60_000]
    for event in continuous[: round(share * len(continuous))]:
        event.side = 0
    _, disagreements = read(tmp_path, "SH", vendor, events)
    missing: dict[str, int] = {}
    for event in continuous:
        missing[f"{event.code:06d}.SH"] = missing.get(f"{event.code:06d}.SH", 0) + (event.side == 0)
    assert {symbol: disagreements[symbol] for symbol in missing} == missing


def test_a_reopening_is_recognised_by_jointly_numbered_orders():
    """The tape has four continuous fills, each directly after its aggressor, a halt, and prints of one older seller."""
    frame = pl.DataFrame(
        {
            "code": [1] * 6,
            "channel": [1] * 6,
            "seq": [11, 21, 31, 41, 900, 901],
            "time": [34_200_000 + 60_000 * minute for minute in (0, 1, 2, 3, 20, 20)],
            "price": [100_000] * 6,
            "bid_order": [10, 5, 30, 6, 700, 701],
            "ask_order": [4, 20, 8, 40, 800, 800],
            "side": pl.Series([1, -1, 1, -1, -1, -1], dtype=pl.Int8),
            "event": [11, 21, 31, 41, 900, 901],
            "disagrees": [False] * 6,
        }
    )
    assert settle_reopenings(frame, "SZ", 9)["side"].to_list() == [1, -1, 1, -1, 0, 0]
    assert settle_reopenings(frame, "SZ", 18)["side"].to_list() == frame["side"].to_list()
    one_by_one = frame.with_columns(ask_order=pl.Series([4, 20, 8, 40, 899, 899]))
    assert settle_reopenings(one_by_one, "SZ", 9).equals(one_by_one)
    without_numbers = frame.with_columns(event=pl.lit(None, pl.Int64))
    assert settle_reopenings(without_numbers, "SZ", 9).equals(without_numbers)
    both = without_numbers.with_columns(bid_order=pl.Series([10, 5, 30, 6, 700, 801]))
    assert settle_reopenings(both, "SZ", 9)["side"].to_list() == [1, -1, 1, -1, 0, 0]


def regular(prints: int = 60, every: int = 2) -> pl.DataFrame:
    """Return a Shanghai stock that trades every `every` minutes from 09:30 on, with alternating sides and new aggressors."""
    rows = []
    for n in range(prints):
        minute = n * every + (90 if n * every >= 120 else 0)
        newer, older, buys = 2 * n + 100, 2 * n + 49, n % 2 == 1
        orders = (newer, older, 1) if buys else (older, newer, -1)
        rows.append((600_000, 1, n, 34_200_000 + 60_000 * minute, 100_000 + 100 * (n % 3), *orders, None))
    schema = ("code", "channel", "seq", "time", "price", "bid_order", "ask_order", "side", "event")
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.col("side").cast(pl.Int8), pl.col("event").cast(pl.Int64)
    )


def flags_gone(frame: pl.DataFrame, rows: set[int]) -> pl.DataFrame:
    gone = pl.col("seq").is_in(sorted(rows))
    return frame.with_columns(side=pl.when(gone).then(pl.lit(0, pl.Int8)).otherwise("side"), disagrees=gone)


def halted(frame: pl.DataFrame, *halts: tuple[int, int]) -> pl.DataFrame:
    """Remove the prints of each range of rows [first, end)."""
    kept = pl.all_horizontal(~pl.col("seq").is_between(*halt, closed="left") for halt in halts)
    return frame.filter(kept)


def disagreements_of(frame: pl.DataFrame, exchange: str = "SH", **changed: int) -> int:
    settled = settle_reopenings(frame, exchange, 9, **changed)
    assert settled.drop("side", "disagrees").equals(frame.drop("side", "disagrees"))
    return settled["disagrees"].sum()


def test_a_single_print_after_a_halt_is_an_auction_where_nothing_else_lacks_its_flag():
    one = flags_gone(halted(regular(), (20, 25)), {25})
    assert disagreements_of(one) == 0
    assert settle_reopenings(one, "SH", 9).filter(pl.col("side") == 0)["seq"].to_list() == [25]
    # two halts, each with its auction; suspended until later in the morning; over lunch
    assert disagreements_of(flags_gone(halted(regular(), (20, 25), (40, 46)), {25, 46})) == 0
    assert disagreements_of(flags_gone(halted(regular(), (0, 15)), {15})) == 0
    assert disagreements_of(flags_gone(halted(regular(80), (57, 64)), {64})) == 0


def test_a_flag_that_may_have_been_lost_still_disagrees():
    whole = regular()
    for frame, gone, why in (
        (whole, {25}, "no halt"),
        (halted(whole, (20, 23)), {23}, "a halt of six minutes"),
        (halted(regular(80), (58, 61)), {61}, "lunch is no halt"),
        (halted(whole, (20, 25)), {25, 26}, "another flag is missing"),
        (halted(whole, (20, 25)), {7}, "not after the halt"),
        (halted(whole, (20, 25), (40, 46)), {25}, "a silence that ends in a flag: the name is thin"),
        (halted(regular(24), (4, 9)), {9}, "18 flags prove nothing"),
        (regular(24, 10), set(range(24)), "a thin name without any flag"),
    ):
        assert disagreements_of(flags_gone(frame, gone)) == len(gone), why
    assert disagreements_of(flags_gone(halted(regular(24), (4, 9)), {9}), least_flagged=18) == 0


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 59), st.integers(0, 20), st.sets(st.integers(0, 59), max_size=4))
def test_flags_suffice_where_they_agree_with_the_silences(first, length, gone):
    """In the plain rule, the prints without a flag are exactly those nine minutes or more after the one before."""
    frame = flags_gone(halted(regular(), (first, first + length)), gone)
    seqs = frame["seq"].to_list()
    after = {seq for before, seq in zip([0, *seqs], seqs, strict=False) if 2 * (seq - before) >= 9}
    lacking = gone & set(seqs)
    believed = lacking == after and len(seqs) - len(lacking) >= 20
    assert disagreements_of(frame) == (0 if believed else len(lacking))
