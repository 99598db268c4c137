"""Two independent ways from one day to bars: vendor files through the tables, and the sample exchange's own log."""

from pathlib import Path

import polars as pl
import pytest

from assets.bars.assets import TABLES as BARS
from assets.reference.assets import TABLES as REFERENCE
from assets.tape_health.assets import TABLES as TAPE_HEALTH
from assets.ticks.assets import TABLES as TICKS
from resources.builder import Builder
from resources.calendar import Calendar
from resources.lake import Lake
from resources.landing import LandingZone
from resources.settings import Settings
from sample_market.generate import generate
from sample_market.settings import profile

SMALL = profile("tiny", days=32, tick_days=8, sse_main=6, szse_main=6, star=2, chinext=2, csi500=4, csi1000=4)
CHAIN = ("trades", "orders", "quotes", "daily_prices", "securities", "tape_health", "order_sizes", "minute_bars")


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample_bars") / "market"
    assert generate(SMALL, out)
    return out


@pytest.fixture(scope="module")
def lake(market: Path, tmp_path_factory: pytest.TempPathFactory):
    tables = {table.name: table for table in (*TICKS, *REFERENCE, *TAPE_HEALTH, *BARS)}
    zone = LandingZone(market)
    lake = Lake(str(tmp_path_factory.mktemp("lake")))
    builder = Builder(tables=tables, lake=lake, zone=zone, calendar=Calendar.xshg(), settings=Settings())
    for name in CHAIN:
        outcomes = builder.build(tables[name], zone.days())
        assert {outcome.state for outcome in outcomes} == {"built"}, [o for o in outcomes if o.state != "built"]
    return lake, tables, zone


def test_bars_are_those_of_the_exchange_bit_for_bit(market, lake):
    store, tables, zone = lake
    incomplete: set[str] = set()  # their day counts for no threshold, while the exchange knows all orders
    assert len(zone.tick_days()) == 8
    for day in zone.tick_days():
        truth = pl.read_parquet(market / "truth" / "bars" / f"{day:%Y%m%d}.parquet").sort("symbol", "minute")
        ours = store.read(tables["minute_bars"], [day]).collect()
        aside = ours.group_by("symbol").agg(pl.col("close").is_null().all()).filter("close")["symbol"]
        incomplete |= set(aside)
        kept = ~pl.col("symbol").is_in(aside.to_list())
        assert ours.filter(kept).select("symbol", "minute").equals(truth.filter(kept).select("symbol", "minute"))
        for name in truth.columns[2:]:
            usable = kept & ~pl.col("symbol").is_in(list(incomplete)) if name.startswith("large_") else kept
            assert ours.filter(usable)[name].equals(truth.filter(usable)[name]), (day, name)


def test_order_sizes_are_those_of_the_exchange(market, lake):
    store, tables, zone = lake
    for day in zone.tick_days():
        truth = pl.read_parquet(market / "truth" / "bars" / f"{day:%Y%m%d}.order_sizes.parquet").sort("symbol")
        ours = store.read(tables["order_sizes"], [day]).collect()
        both = ours.drop_nulls().join(truth, on="symbol", suffix="_true", validate="1:1")
        assert both.height >= truth.height - 4
        assert (both["orders"] == both["orders_true"]).all()
        for name in ("sum_ln", "sum_ln2"):
            assert ((both[name] / both[f"{name}_true"] - 1).abs() < 1e-13).all()


def test_volumes_of_ticks_bars_and_daily_prices_are_one(lake):
    store, tables, zone = lake
    for day in zone.days():
        bars = (
            store.read(tables["minute_bars"], [day])
            .group_by("symbol")
            .agg(pl.col("volume").sum(), pl.col("close").count())
        )
        daily = store.read(tables["daily_prices"], [day]).select("symbol", official="volume")
        both = bars.join(daily, on="symbol").filter(pl.col("close") > 0).collect()
        assert both.height > 0
        assert (both["volume"] == both["official"]).all()
