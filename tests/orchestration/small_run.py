"""A run of the driver over the fake tables, as a process of its own that tests kill.

    python -m tests.orchestration.small_run MARKET LAKE [SECONDS] [WORKERS]

SECONDS: how long a partition of `averages` takes. WORKERS: the number of worker processes, 0 for none. `main` of orchestration/run.py handles arguments, signals and errors.
"""

import dataclasses
import sys
import time
from collections.abc import Callable

from orchestration import run
from resources.builder import Builder
from resources.calendar import Calendar
from resources.engine import Engine
from resources.lake import Lake
from resources.landing import LandingZone
from resources.made import Made
from resources.partition import Frames, Partition
from resources.settings import Settings
from resources.worker import Opening, TaskZone
from resources.worker_pool import Processes
from tests.resources.fake_tables import AVERAGES, PRICES, TABLES, AverageSettings, make_averages, make_prices

SECONDS = 0.0


class RunSettings(Settings):
    """The settings tree with the section of the fake tables."""

    average: AverageSettings = AverageSettings()


def make_prices_as_file_with_a_side_file(frames: Frames, partition: Partition, settings: None) -> Made:
    """A part that is moved into place, a side file, and a folder for intermediate results."""
    made = make_prices(frames, partition, settings)
    path = partition.scratch / "prices.parquet"
    (partition.work / "half").write_text("done")
    made.frame.sort("symbol").write_parquet(path)
    return Made(path, profile=made.frame, files={"figures/day.json": b'{"of": "%d"}' % partition.date.toordinal()})


def make_averages_slowly(frames: Frames, partition: Partition, settings: AverageSettings) -> Made:
    """Means that take a while."""
    time.sleep(SECONDS)
    return make_averages(frames, partition, settings)


PARTS = {
    "prices": dataclasses.replace(PRICES, make=f"{__name__}:make_prices_as_file_with_a_side_file"),
    "averages": dataclasses.replace(AVERAGES, make=f"{__name__}:make_averages_slowly"),
    "totals": TABLES["totals"],
}


def open_small(
    market: str, lake: str, engine: Engine | None = None, kind: type[LandingZone] = LandingZone,
    say: Callable[[str], None] = lambda line: None,
) -> Builder:  # fmt: skip
    """The builder of the fake tables."""
    store = Lake(lake)
    zone = kind(market, store.store)
    return Builder(
        tables=PARTS, lake=store, zone=zone, calendar=Calendar.xshg(), settings=RunSettings(), engine=engine, say=say
    )


def open_worker(market: str, lake: str, seconds: float, say: Callable[[str], None]) -> Builder:
    """How a worker opens it."""
    sys.modules["tests.orchestration.small_run"].SECONDS = seconds
    return open_small(market, lake, kind=TaskZone, say=say)


def main(market: str, lake: str, seconds: str = "0", workers: str = "0") -> int:
    """Build the totals of all weeks that have landed."""
    sys.modules["tests.orchestration.small_run"].SECONDS = float(seconds)
    opening = Opening.of("tests.orchestration.small_run:open_worker", (market, lake, float(seconds)))
    builder = open_small(market, lake, Processes(opening, int(workers), 1) if int(workers) else None)
    run.open_builder = lambda names, **_: builder
    return run.main(["--market", market, "--lake", lake, "--table", "totals", "--date", str(builder.zone.days()[-1])])


if __name__ == "__main__":
    from tests.orchestration import small_run

    sys.exit(small_run.main(*sys.argv[1:]))
