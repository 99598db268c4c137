"""Auctions that end a halt within continuous hours: the prints of a synthetic market against its own account of them."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from assets.ticks.make import make_trades
from assets.ticks.reopenings import settle_reopenings
from resources.settings.ticks import TicksSettings
from tests.bars.tapes import Landing
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


def read(root: Path, exchange: str, vendor: str, events: list[Event], **settings):
    """(the trades as they are made, side_disagreements by symbol)."""
    style = Style("gbk" if vendor == "Wind" else "utf-8")
    write_day(root, WRITERS[exchange][vendor](events, style, DAY), style)
    made = make_trades(date=DATE, landing=Folder(root), settings=TicksSettings(**settings))
    counts = made.profile.filter(pl.col("side_disagreements").is_not_null())
    return made.frame, dict(counts.select("item", "side_disagreements").iter_rows())


def sides(events: list[Event], exchange: str) -> dict[str, list[tuple[int, int, int]]]:
    """symbol → (time, volume, side) of its fills, in order."""
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
    """Whether the later orders of these fills are on both sides, or do not come one after the other."""
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
    if (exchange, vendor) in (("SZ", "DataYes"), ("SZ", "INSIGHT")):  # the channel's numbers prove it of every name
        proven = set(truth)
    assert {symbol: found[symbol] for symbol in proven} == {symbol: truth[symbol] for symbol in proven}
    assert {disagreements[symbol] for symbol in proven} == {0}
    if exchange == "SH":
        assert found == truth  # an auction that could be one aggressor's disagrees, as its flags had said nothing
        assert all(disagreements[symbol] > 0 for symbol in set(truth) - proven)
    # The setting is what tells: with a longer one these prints are of continuous trading.
    trades, disagreements = read(tmp_path / "longer", exchange, vendor, events, min_halt_minutes=60)
    if exchange == "SH":
        assert min(disagreements.values()) > 0
    else:
        assert 0 not in trades.filter(pl.col("time") == RESUMED)["side"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("exchange", "vendor"), LAYOUTS_OF)
def test_thin_trading_keeps_its_aggressors(tmp_path, exchange, vendor, seed):
    """Names that trade a few times a day, minutes to hours apart."""
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


def test_a_reopening_is_told_by_order_numbers_where_the_channel_numbers_them_too():
    """Four continuous fills, each directly after its aggressor, a halt, and prints of one older seller."""
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
