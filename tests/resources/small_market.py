"""A market of two stocks over three weeks of January 2023, and a builder of the fake tables on it."""

import datetime as dt
from pathlib import Path

import polars as pl

from orchestration.plan import make_plan
from resources.builder import Builder
from resources.calendar import Calendar
from resources.lake import Lake
from resources.landing import LandingZone
from tests.resources.fake_tables import TABLES, FakeSettings

CALENDAR = Calendar.xshg()
DAYS = CALENDAR.days(dt.date(2023, 1, 3), dt.date(2023, 1, 20))
WEEKS = CALENDAR.weeks(dt.date(2023, 1, 2), dt.date(2023, 1, 16))


def deliver(root: Path, day: dt.date, closes: dict[str, float]) -> None:
    (root / "bars").mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame({"symbol": list(closes), "minute": [570] * len(closes), "close": list(closes.values())})
    frame.write_parquet(root / "bars" / f"{day:%Y%m%d}.parquet")


def deliver_market(root: Path) -> Path:
    for n, day in enumerate(DAYS):
        deliver(root, day, {"600000.SH": 10.0 + n, "000001.SZ": 20.0 - n / 4})
    return root


def open_world(market: Path, lake: Path, settings: FakeSettings | None = None) -> Builder:
    store = Lake(str(lake))
    return Builder(
        tables=TABLES,
        lake=store,
        zone=LandingZone(market, store.store),
        calendar=CALENDAR,
        settings=settings or FakeSettings(),
    )


def build_all(builder: Builder, week: dt.date = WEEKS[-1]) -> list[tuple[str, dt.date, str]]:
    """Carry out a plan table by table, as the driver's runs do, and return what was planned."""
    plan = make_plan(builder, [("totals", week)])
    for table in builder.tables.values():
        builder.build(table, [step.key for step in plan.steps if step.table is table])
    return [(step.table.name, step.key, str(step.reason)) for step in plan.steps]
