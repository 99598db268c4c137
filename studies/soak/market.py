"""A vendor that holds a simulated market and delivers it day by day: on time, late, damaged, and corrected.

The vendor's market is made by `sample_market` and covers everything. The landing zone begins with the history before the first
simulated day. A delivery adds the minute data of a day and renews the reference tables with the rows that are known at its close.
"""

import datetime as dt
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from orchestration.prove import known_reference, truncate
from orchestration.triggers import SUCCESS_MARKER
from resources.landing import LandingZone
from sample_market.generate import generate
from sample_market.settings import profile

LAST_DAY = dt.date(2023, 10, 20)
"""Friday of the last simulated week. The week of 2 October 2023 has no trading day, and the one before it ends on a Thursday."""


class Vendor:
    """The deliveries of one market into one landing zone.

    restated: the day of which the vendor has a corrected delivery.
    """

    def __init__(self, source: Path, zone: Path, say: Callable[[str], None]):
        generate(profile("tiny", last_day=LAST_DAY), source, report=say)
        self.zone, self._source, self._market = zone, source, LandingZone(source)
        self._known = dt.date.min
        (corrected,) = (source / "restated").iterdir()
        self.restated = dt.datetime.strptime(corrected.name, "%Y%m%d").date()

    def days(self) -> list[dt.date]:
        """All days of the market with minute data."""
        return self._market.days()

    def deliver_history(self, until: dt.date) -> None:
        """Begin the landing zone with everything up to a day. It has no mark of a sample market, with which no sensor would run."""
        truncate(self._source, until, self.zone)
        (self.zone / "market.json").unlink()

    def deliver(self, day: dt.date, *, damaged: bool = False) -> None:
        """Deliver a day: its files one after the other, the reference tables, and for vendor files the marker of completeness.

        damaged: the largest file ends in the middle of a row, as after an interrupted transfer.
        """
        self._put(day, self._source / "ticks" / f"{day:%Y%m%d}", damaged)
        self._known = max(self._known, day)  # a late day removes no rows
        self._renew_reference()

    def restate(self) -> None:
        """Replace the day `restated` by the vendor's corrected files."""
        self._put(self.restated, self._source / "restated" / f"{self.restated:%Y%m%d}", False)

    def _put(self, day: dt.date, folder: Path, damaged: bool) -> None:
        files = sorted(folder.iterdir()) if folder.exists() else self._market.bar_files(day)
        target = self.zone / ("ticks" if folder.exists() else "bars")
        target = target / folder.name if folder.exists() else target
        target.mkdir(parents=True, exist_ok=True)
        largest = max(files, key=lambda path: path.stat().st_size)
        for path in files:
            content = path.read_bytes()
            if damaged and path == largest:
                content = content[: len(content) * 2 // 5]
            _replace(target / path.name, content)
        if folder.exists():
            (target / SUCCESS_MARKER).touch()

    def _renew_reference(self) -> None:
        outbox = self.zone.parent / "outbox"
        shutil.rmtree(outbox, ignore_errors=True)
        outbox.mkdir()
        known_reference(self._market, self._known, outbox)
        for path in sorted(outbox.iterdir()):
            target = self.zone / "reference" / path.name
            if not target.exists() or target.read_bytes() != path.read_bytes():
                _replace(target, path.read_bytes())


def _replace(target: Path, content: bytes) -> None:
    """Write beside the file and move into place, as a transfer does."""
    beside = target.with_name(f".{target.name}.part")
    beside.write_bytes(content)
    os.replace(beside, target)
