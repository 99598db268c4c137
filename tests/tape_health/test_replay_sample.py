"""The sample exchange's vendor files, both kinds: what its true book showed comes back from its orders and trades."""

import datetime as dt

import polars as pl
import pytest

from assets.tape_health.rebuilt_orders import count_order_faults
from assets.tape_health.replay import replay_day
from assets.ticks.assets import TABLES
from resources.builder import Builder
from resources.calendar import Calendar
from resources.lake import Lake
from resources.landing import LandingZone
from resources.settings import Settings
from sample_market.generate import generate
from sample_market.settings import profile
from tests.tape_health.test_level_volumes import ALTERED, CHECK, EXCHANGED
from tests.tape_health.test_tape_health import refused
from tests.tapes import Day, Landing

SMALL = profile("tiny", days=32, tick_days=8, sse_main=6, szse_main=6, star=2, chinext=2, csi500=4, csi1000=4)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[dt.date, dict[str, pl.LazyFrame]]:
    folder = tmp_path_factory.mktemp("replay")
    assert generate(SMALL, folder / "market")
    zone = LandingZone(folder / "market")
    lake = Lake(str(folder / "lake"))
    tables = {table.name: table for table in TABLES}
    builder = Builder(tables=tables, lake=lake, zone=zone, calendar=Calendar.xshg(), settings=Settings())
    for table in tables.values():
        builder.build(table, zone.tick_days())
    return {day: {name: lake.read(tables[name], [day]) for name in tables} for day in zone.tick_days()}


@pytest.mark.slow
def test_every_book_of_every_day_is_reproduced(days):
    """Continuous trading and the book at rest. Of the calls the exchange's rule is another where several prices are equal."""
    exchanges: set[str] = set()
    for tables in days.values():
        frame = replay_day(**tables, batch_rows=20_000)
        assert frame["reason"].null_count() == frame.height
        assert frame.select("faults", "mismatches").sum().row(0) == (0, 0)
        assert (frame["levels_reproduced"] == frame["snapshots"]).all()
        assert (frame["snapshots"] > 20).all()
        exchanges |= set(frame["symbol"].str.slice(6))
        faults = count_order_faults(tables["trades"], tables["orders"], 20_000)
        assert (faults["faulty"] == 0).all()
        assert faults["symbol"].to_list() == frame["symbol"].to_list()
    assert exchanges == {".SH", ".SZ"}


@pytest.mark.parametrize("exchange", [".SH", ".SZ"])
@pytest.mark.parametrize(("table", "kind"), [("trades", None), ("orders", "limit"), ("orders", "cancel")])
def test_a_lost_row_is_noticed_in_its_symbol_alone(days, exchange, table, kind):
    tables = next(iter(days.values()))
    rows = tables[table].filter(pl.col("symbol").str.ends_with(exchange)).collect()
    if kind:
        rows = rows.filter(pl.col("kind").cast(pl.String) == kind, pl.col("time").is_between(36_000_000, 50_000_000))
    symbol, channel, seq = rows.select("symbol", "channel", "seq").row(rows.height // 2)
    lost = (pl.col("symbol") == symbol) & (pl.col("channel") == channel) & (pl.col("seq") == seq)
    frame = replay_day(**{**tables, table: tables[table].filter(~lost)}, batch_rows=20_000)
    noticed = frame.filter((pl.col("mismatches") > 0) | (pl.col("faults") > 0))
    assert noticed["symbol"].to_list() == [symbol]


def health_of(tables, date: dt.date, altered: list[pl.Expr]) -> Day:
    """A day's trades and snapshots, without orders, through tape_health."""
    rows = {name: tables[name].collect() for name in ("trades", "quotes")}
    return Day(rows["trades"], quotes=rows["quotes"].with_columns(altered), landing=Landing(date=date))


@pytest.mark.parametrize("name", ["as delivered", *ALTERED])
def test_altered_level_volumes_of_a_sample_day_are_refused(days, name):
    date = max(days)
    of = health_of(days[date], date, ALTERED.get(name, []))
    verdicts = {row["quotes_verdict"] for row in of.verdicts.values()}
    altered = name in ALTERED
    assert (CHECK in refused(of)) == altered
    assert ("set aside" in verdicts) == altered
    if altered:
        assert verdicts == {"set aside"}
        assert of.bars.frame.select("spread", "imbalance").null_count().row(0) == (of.bars.frame.height,) * 2


def test_the_replay_misses_bid_and_ask_volumes_that_are_exchanged(days):
    tables = days[max(days)]
    frame = replay_day(**{**tables, "quotes": tables["quotes"].with_columns(EXCHANGED)}, batch_rows=20_000)
    assert (frame["price_reproduced"] == frame["snapshots"]).all()
    assert (frame["best_reproduced"] < 0.1 * frame["snapshots"]).all()
