"""The landing zone: the folder of delivered data, which the platform only reads (SPEC §2.1).

This module lists the days that have landed and the files of a day, reads the typed reference tables, computes digests of both, and
provides the view of one day, which hides everything after that day's close. It does not interpret tick files or bars (assets/ticks,
assets/bars) and does not check the rules for rows (assets/reference).
"""

import contextlib
import datetime as dt
import errno
import functools
import hashlib
import json
import os
import re
import stat
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import polars as pl

from resources.bar_forms import BARS, DATE, read_bars
from resources.code_changes import CodeChanges, sift_changes
from resources.code_digest import code_digest
from resources.delivered_files import read_delivered, read_parquet
from resources.errors import InputError, MachineError, machine_faults
from resources.reference_forms import (
    FACTOR,
    ReadTable,
    ReferenceForm,
    Undated,
    read_reference,
    single_quarters,
    wanted_columns,
)
from resources.reference_tables import REFERENCE
from resources.settings.landing import LandingSettings
from resources.symbols import StockCodes, read_symbols

if TYPE_CHECKING:
    from resources.store import Store


ENDS = ("delisting_start", "delist_date")
"""Dates of reference/instruments that become known on the day itself."""
# The tables whose symbols are renamed to the codes of the reading day, and whether rows dated after a change may still have the old
# code.
RENAMED = {"daily_prices": False, "index_weights": True, "industries": True, "fundamentals": True}
_REFERENCE_SUFFIXES = ("parquet", "csv")
_FOLDER = re.compile(r"^\d{8}$")
_HASHING_THREADS = 2
Seen = TypeVar("Seen")
NOTHING = "nothing"  # the digest of what has not landed


class LandingZone:
    """A market folder.

    `undated` holds the remarks on rows without a readable date, by reference table, for the tables that were read so far; every run
    reports them. Methods that read files raise InputError for the file's faults and MachineError for those of the machine.
    """

    def __init__(
        self,
        root: str | Path,
        store: "Store | None" = None,
        settings: LandingSettings | None = None,
        stocks: StockCodes | None = None,
    ):
        """Open a market folder.

        Args:
            root: the folder.
            store: the lake's store, which keeps digests between runs by path and `file_stamp`; None keeps none.
            settings: the declarations; by default those of the documented form.
            stocks: the codes of stocks; by default those of the shipped rulebook.

        Raises:
            InputError: there is no such folder.
        """
        self.root = Path(root)
        if not self.root.is_dir():
            raise InputError(
                f"There is no landing zone at {self.root}. Put vendor files under {self.root}/ticks/<YYYYMMDD>/ and tables "
                "under reference/ (README, 'Bring your own data'), name another folder with MARKET=… or ZHOUBAO_MARKET, "
                "or make the sample market: python -m sample_market --out market."
            )
        self._store = store
        self.settings = settings or LandingSettings()
        self.stocks = stocks or StockCodes.of()
        self.undated: dict[str, Undated] = {}
        self._frames: dict[str, tuple[Any, ReadTable]] = {}
        self._slices: dict[str, tuple[Any, _Slices]] = {}
        self._changes: tuple[Any, CodeChanges] | None = None
        self._first_traded: tuple[pl.DataFrame, dict[str, dt.date]] | None = None
        self._traded_after_end: tuple[pl.DataFrame, pl.DataFrame, dict[str, dt.date]] | None = None
        self._traded: tuple[pl.DataFrame, Any, dict[str, list[dt.date]]] | None = None
        self._continued: dict[str, tuple[Any, pl.DataFrame]] = {}
        self._landed: dict[tuple[str, dt.date], list[Path]] = {}
        self._file_digests: dict[str, dict[str, list[str]]] = {}
        self._reference_listing: _ReferenceListing | None = None
        self._seen: dict[tuple[object, ...], Any] | None = None

    def __repr__(self) -> str:
        return f"LandingZone({str(self.root)!r})"

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Examine each part once inside the block. Changes are not seen meanwhile.

        A plan asks for the digests of the same files and tables of thousands of partitions.
        """
        self._seen = {}
        try:
            yield
        finally:
            self._seen = None

    def _once(self, part: tuple[object, ...], examine: Callable[[], Seen]) -> Seen:
        """What `examine` returns, once for a part inside a `snapshot`."""
        if self._seen is None:
            return examine()
        if part not in self._seen:
            self._seen[part] = examine()
        found: Seen = self._seen[part]
        return found

    # --- what has landed --------------------------------------------------------------------------------------------

    @property
    def about(self) -> dict[str, Any]:
        """The market's description of itself (market.json); {} where there is none."""
        path = self.root / "market.json"
        if not _is_file(path):
            return {}
        with machine_faults(path):
            data = path.read_bytes()
        try:
            description = _json(data)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is no JSON object ({error}). Correct it, or remove it.") from error
        if not isinstance(description, dict):
            raise InputError(
                f"{path} is no JSON object: it holds a {type(description).__name__}. "
                'Write it as {"name": "…"}, or remove it.'
            )
        return description

    def tick_days(self) -> list[dt.date]:
        """The days with vendor files, ascending. A folder without a file does not count."""
        folder = self.root / "ticks"
        if not _is_folder(folder):
            return []
        folders: list[Path] = []
        for entry, mode in sorted(_listed(folder, in_transit=False)):
            if stat.S_ISDIR(mode):
                folders.append(entry)
            elif entry.name.lower().endswith(_DATA):
                raise InputError(
                    f"{entry} is beside the folders of the days, where it is not read. Move it into the folder of its "
                    f"trading day, {folder.name}/<YYYYMMDD>/, or out of the landing zone."
                )
        found = sorted((_parse_day(entry.name, folder), entry) for entry in folders)
        return [day for day, entry in found if next(_files_below(entry), None) is not None]

    def bar_days(self) -> list[dt.date]:
        """The days with a file of one-minute bars, ascending."""
        folder = self.root / "bars"
        if not _is_folder(folder):
            return []
        entries = _entries(folder)
        inner = next((entry for entry in entries if _is_folder(entry)), None)
        if inner is not None:
            raise InputError(
                f"{inner} is a folder, and folders in {folder.name}/ are not read. Move its files up, as "
                f"{folder.name}/<YYYYMMDD>.parquet, or the folder out of the landing zone."
            )
        days = set()
        for entry in entries:
            if entry.name.endswith(".order_sizes.parquet"):
                _parse_day(entry.name.removesuffix(".order_sizes.parquet"), folder, entry.name)
            elif entry.name.endswith(".parquet"):
                days.add(_parse_day(entry.name.removesuffix(".parquet"), folder, entry.name))
            elif entry.name.lower().endswith(_DATA):
                raise InputError(
                    f"{entry} is not read: minute bars are read only from {folder.name}/<YYYYMMDD>.parquet. Deliver it as Parquet "
                    "under that name, or move it out of the landing zone."
                )
        return sorted(days)

    def days(self) -> list[dt.date]:
        """The days with ticks or minute bars, ascending."""
        return list(self._once(("days",), lambda: sorted({*self.tick_days(), *self.bar_days()})))

    def reference_start(self) -> dt.date | None:
        """The first day of daily_prices; None where none were delivered."""
        return self._once(("start",), self._reference_start)

    def _reference_start(self) -> dt.date | None:
        path = self.reference_path("daily_prices")
        if self._store is not None and path is not None:  # the digests that it keeps have the days of the table
            dates = self._reference_slices("daily_prices", path).dates
            return dt.date.fromisoformat(dates[0]) if dates else None
        frame = self.frame("daily_prices")
        return None if frame is None or frame.is_empty() else frame["date"][0]

    def first_reference_day(self) -> dt.date | None:
        """The first day of daily_prices, as `reference_start`. Of a Parquet file with dates only the column of dates is read."""
        path = self.reference_path("daily_prices")
        if path is not None and path.suffix == ".parquet":
            with contextlib.suppress(pl.exceptions.PolarsError, OSError):
                rows = pl.scan_parquet(path)
                if rows.collect_schema().get("date") == pl.Date:
                    return rows.select(pl.col("date").min()).collect().item()
        return self.reference_start()

    def view(self, date: dt.date, lands: Iterable[Any]) -> "LandingView":
        """The view of the declared parts (`Land`) as known at the close of `date`."""
        return LandingView(self, date, {land.name: land.until for land in lands})

    # --- files ------------------------------------------------------------------------------------------------------

    def tick_files(self, date: dt.date) -> list[Path]:
        """The vendor files of a day, at any depth of ticks/<YYYYMMDD>/; [] where there are none."""
        folder = self.root / "ticks" / f"{date:%Y%m%d}"
        return sorted(_files_below(folder)) if _is_folder(folder) else []

    def bar_files(self, date: dt.date) -> list[Path]:
        """The files of bars and order sizes of a day; [] where there are none."""
        folder = self.root / "bars"
        names = (f"{date:%Y%m%d}.parquet", f"{date:%Y%m%d}.order_sizes.parquet")
        return [path for name in names if _is_file(path := folder / name)]

    def reference_path(self, name: str) -> Path | None:
        """The file of a reference table; None where none was delivered.

        Raises:
            InputError: it is delivered twice, as a folder, or under a name that is not read.
            MachineError: the folder lists a file that cannot be found.
        """
        if paths := self._reference_paths(name):
            return paths[0]
        own, listed = [f"{name}.{suffix}" for suffix in _REFERENCE_SUFFIXES], self._list_reference()
        if not listed.entries.keys().isdisjoint(own):
            # The file appeared between the two listings, or was invisible for a moment.
            if paths := self._reference_paths(name):
                return paths[0]
            self._reference_listing = None
            listed = self._list_reference()
        if entry := next((listed.entries[one] for one in own if one in listed.entries), None):
            if _is_folder(entry):
                raise InputError(
                    f"{entry} is a folder, and a reference table is one file. Deliver {name} as one file of that name, or move the "
                    "folder out of the landing zone."
                )
            raise MachineError(
                f"{entry} is listed in its folder and cannot be found. This says nothing about the data, so nothing was recorded. "
                "Put it back or remove it, and run again."
            )
        if name in listed.strays:
            raise InputError(
                f"{listed.strays[name]} is not read: {name} is read only from {name}.parquet or {name}.csv. Save it as one of "
                "these, or move it out of the landing zone."
            )
        return None

    def _reference_paths(self, name: str) -> list[Path]:
        folder = self.root / "reference"
        paths = [p for suffix in _REFERENCE_SUFFIXES if _is_file(p := folder / f"{name}.{suffix}")]
        if len(paths) > 1:
            raise InputError(f"{paths[0]} and {paths[1]} both deliver {name}. Keep one of them.")
        return paths

    def _list_reference(self) -> "_ReferenceListing":
        """The entries of reference/. They are cached until the folder changes, since a plan needs them for every partition."""
        folder = self.root / "reference"
        if not _is_folder(folder):
            return _ReferenceListing("", {}, {})
        stamp = file_stamp(folder)  # taken before listing, so that an entry that arrives meanwhile is listed next time
        if self._reference_listing is None or self._reference_listing.stamp != stamp:
            self._reference_listing = _ReferenceListing.of(stamp, _entries(folder))
        return self._reference_listing

    # --- reference tables -------------------------------------------------------------------------------------------

    def frame(self, name: str) -> pl.DataFrame | None:
        """Read a whole reference table, typed and sorted by the date on which its rows became known; None where there is none."""
        path = self.reference_path(name)
        if path is None:
            return None
        stamp = file_stamp(path)
        if name not in self._frames or self._frames[name][0] != stamp:
            form = _form(name)
            delivered = read_delivered(path, wanted_columns(form, self.settings))
            read = read_reference(form, delivered, path, self.settings, self.stocks)
            self._frames[name] = (stamp, read)
            self._note_undated(name, read.undated)
        return self._frames[name][1].frame

    def code_changes(self) -> CodeChanges:
        """The code changes of reference/code_changes, usable and unusable ones; none where it was not delivered."""
        return self._once(("code_changes",), self._code_changes)

    def _code_changes(self) -> CodeChanges:
        frame = self.frame("code_changes")
        if frame is None:
            return CodeChanges()
        if self._changes is None or self._changes[0] is not frame:
            self._changes = (frame, sift_changes(frame))
        return self._changes[1]

    def first_traded(self) -> dict[str, dt.date]:
        """The first day on which each delivered code traded in daily_prices."""
        prices = self.frame("daily_prices")
        if prices is None:
            return {}
        if self._first_traded is None or self._first_traded[0] is not prices:
            traded = prices.filter(pl.col("volume") > 0, pl.col("symbol").is_not_null())
            first = dict(traded.group_by("symbol").agg(pl.col("date").min()).iter_rows())
            self._first_traded = (prices, first)
        return self._first_traded[1]

    def traded_after_end(self) -> dict[str, dt.date]:
        """The first day after its delist_date on which each code traded in daily_prices, for codes with such a day."""
        prices, instruments = self.frame("daily_prices"), self.frame("instruments")
        if prices is None or instruments is None:
            return {}
        cached = self._traded_after_end
        if cached is None or cached[0] is not prices or cached[1] is not instruments:
            ends = instruments.select("symbol", "delist_date").drop_nulls()
            late = prices.filter(pl.col("volume") > 0, pl.col("symbol").is_in(ends["symbol"].implode()))
            late = late.select("symbol", "date").join(ends, on="symbol").filter(pl.col("date") > pl.col("delist_date"))
            first = dict(late.group_by("symbol").agg(pl.col("date").min()).iter_rows())
            self._traded_after_end = cached = (prices, instruments, first)
        return cached[2]

    def traded_days(self) -> dict[str, list[dt.date]]:
        """The days on which each code that code_changes names traded, ascending."""
        prices, changes = self.frame("daily_prices"), self.code_changes().changes
        if prices is None or not changes:
            return {}
        if self._traded is None or self._traded[0] is not prices or self._traded[1] != changes:
            codes = sorted({code for change in changes for code in (change.old, change.new)})
            traded = prices.filter(pl.col("symbol").is_in(codes), pl.col("volume") > 0)
            days = dict(traded.group_by("symbol").agg(pl.col("date").unique().sort()).iter_rows())
            self._traded = (prices, changes, days)
        return self._traded[2]

    def continued(self, name: str, date: dt.date) -> pl.DataFrame | None:
        """A whole reference table with symbols renamed to the codes of `date` (resources/code_changes.py)."""
        frame = self.frame(name)
        changes = self.code_changes().until(date) if name in RENAMED else CodeChanges()
        if frame is None or not changes:
            return frame
        made_from = (frame, changes.changes)
        cached = self._continued.get(name)
        if cached is None or cached[0][0] is not frame or cached[0][1] != changes.changes:
            cached = made_from, changes.rename_history(frame, REFERENCE[name].known, date, late=RENAMED[name])
            self._continued[name] = cached
        return cached[1]

    def declared(self, name: str) -> dict[str, Any]:
        """The declarations of "bars" or a reference table in the settings that differ from the defaults: setting → value."""
        return self.settings.declared(name)

    def _note_undated(self, name: str, undated: Undated | None) -> None:
        self.undated.pop(name, None)
        if undated is not None:
            self.undated[name] = undated

    # --- digests ----------------------------------------------------------------------------------------------------

    def digest(self, name: str, date: dt.date, until: bool) -> str:
        """The digest of everything that `LandingView` returns for this name and day, including the declarations.

        Later views refer to the files that were present now. A file that vanishes before it is read is therefore a fault of the
        machine, and not a file that never landed.
        """
        return self._once((name, date, until), lambda: self._declared_digest(name, date, until))

    def _declared_digest(self, name: str, date: dt.date, until: bool) -> str:
        found, declared = self._digest(name, date, until), self._once(("declared", name), lambda: self.declared(name))
        if found == NOTHING or not declared:
            return found
        settings = json.dumps(declared, sort_keys=True)
        return hashlib.blake2b(f"{found}\n{settings}".encode(), digest_size=16).hexdigest()

    def _digest(self, name: str, date: dt.date, until: bool) -> str:
        if name in ("ticks", "bars"):
            files = self.tick_files(date) if name == "ticks" else self.bar_files(date)
            self._landed[name, date] = files
            if not files:
                return NOTHING
            known = self._known_digests(name)
            fresh = [path for path in files if known.get(str(path), [""])[0] != file_stamp(path)]
            if fresh:
                with ThreadPoolExecutor(_HASHING_THREADS) as pool:  # hashing releases the global interpreter lock
                    known |= dict(pool.map(_file_digest, fresh))
            parts = [f"{path.relative_to(self.root)}:{known[str(path)][1]}" for path in files]
            return hashlib.blake2b("\n".join(parts).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        path, slices = self._once(("slices", name), lambda: self._present_slices(name))
        self._landed[name, date] = [] if path is None else [path]
        return NOTHING if slices is None else slices.digest(date, until)

    def _present_slices(self, name: str) -> tuple[Path | None, "_Slices | None"]:
        path = self.reference_path(name)
        return path, None if path is None else self._reference_slices(name, path)

    def landed(self, name: str, date: dt.date) -> list[Path]:
        """The files of a name and day that existed when their digest was last taken; the present files if it never was."""
        if (name, date) in self._landed:
            return self._landed[name, date]
        if name in ("ticks", "bars"):
            return self.tick_files(date) if name == "ticks" else self.bar_files(date)
        path = self.reference_path(name)
        return [] if path is None else [path]

    def file_digests(self, name: str, date: dt.date) -> dict[str, str | None]:
        """The files of a name and day, relative to the landing zone, each with the digest of its content.

        A file of reference data has None: a partition reads rows up to its day, and the digest of the part covers them alone.
        """
        self.digest(name, date, until=True)
        known = self._known_digests(name) if name in ("ticks", "bars") else {}
        return {
            str(path.relative_to(self.root)): known[str(path)][1] if known else None for path in self.landed(name, date)
        }

    def flush(self) -> None:
        """Store the file digests for the next run."""
        if self._store is not None:
            for name, known in self._file_digests.items():
                self._store.write_bytes(f"_digests/{name}.json", json.dumps(known, sort_keys=True).encode())

    def _known_digests(self, name: str) -> dict[str, list[str]]:
        """The stamp and the digest of each file that this run or an earlier one hashed, by path."""
        if name not in self._file_digests:
            saved = self._store.read_bytes(f"_digests/{name}.json") if self._store is not None else None
            self._file_digests[name] = _remembered(saved)
        return self._file_digests[name]

    def _reference_slices(self, name: str, path: Path) -> "_Slices":
        settings = json.dumps(self.declared(name), sort_keys=True)
        reader = f"polars {pl.__version__} reader {code_digest('resources.landing')} {settings} {self.stocks}"
        stamp = f"{file_stamp(path)} {reader}"
        if name not in self._slices or self._slices[name][0] != stamp:
            saved = self._store.read_bytes(f"_digests/{name}.reference.json") if self._store is not None else None
            slices = _Slices.loads(saved) if saved else None
            if slices is None or slices.stamp != stamp:
                frame = self.frame(name)
                assert frame is not None
                slices = _Slices.of(name, frame, stamp, self._frames[name][1].undated)
                if self._store is not None:
                    self._store.write_bytes(f"_digests/{name}.reference.json", slices.dumps())
            self._slices[name] = (stamp, slices)
            self._note_undated(name, slices.undated)
        return self._slices[name][1]


class LandingView:
    """The landing zone as known at the close of `date`, restricted to the parts that the reading table declares.

    Access to an undeclared part raises KeyError, which is an error in the code. Files raise InputError and MachineError as in
    `LandingZone`.
    """

    def __init__(self, zone: LandingZone, date: dt.date, lands: dict[str, bool]):
        self._zone, self.date, self._lands = zone, date, lands

    def tick_files(self) -> list[Path]:
        """The day's vendor files, at any depth of ticks/<YYYYMMDD>/; [] where none landed."""
        self._require("ticks")
        return self._zone.landed("ticks", self.date)

    @property
    def ticks_folder(self) -> Path:
        """The folder of the day's vendor files, which need not exist."""
        return self._zone.root / "ticks" / f"{self.date:%Y%m%d}"

    def bars_path(self) -> Path:
        """The path of the day's file of bars, which need not exist."""
        return self._zone.root / "bars" / f"{self.date:%Y%m%d}.parquet"

    def bars(self) -> pl.DataFrame | None:
        """The day's one-minute bars in the documented form (bar_forms.read_bars); None where none landed."""
        self._require("bars")
        path = self.bars_path()
        if path not in self._zone.landed("bars", self.date):
            return None
        delivered = read_delivered(path, {*BARS, FACTOR, DATE})
        return read_bars(
            delivered, self.date, f"bars/{path.name}", self._zone.settings, self._zone.stocks.on(self.date)
        )

    def order_sizes(self) -> pl.DataFrame | None:
        """The day's order-size sums beside the bars, as delivered; None where none landed."""
        self._require("bars")
        path = self._zone.root / "bars" / f"{self.date:%Y%m%d}.order_sizes.parquet"
        if path not in self._zone.landed("bars", self.date):
            return None
        frame = read_parquet(path)
        if "symbol" not in frame.columns:
            return frame
        return frame.with_columns(
            read_symbols(frame["symbol"], self._zone.settings.exchanges, self._zone.stocks.on(self.date)).alias(
                "symbol"
            )
        )

    def reference(self, name: str) -> pl.LazyFrame | None:
        """The rows of a reference table that are known at the close of the day, or only those of the day where so declared.

        The result is None where the landing zone has no such table. A later delisting is hidden: `delist_date` and `delisting_start`
        are null until that day. Symbols are the codes of the day, by the code changes that are known then. The columns
        reference_forms.NOTES are added; the caller sets unreadable rows aside.
        """
        self._require(name)
        frame = self._zone.continued(name, self.date)
        if frame is None:
            if landed := self._zone.landed(name, self.date):
                raise MachineError(f"{landed[0]} disappeared during the run. Put it back, or run again without it.")
            return None
        known = frame[REFERENCE[name].known]
        last = known.search_sorted(self.date, side="right")
        first = 0 if self._lands[name] else known.search_sorted(self.date, side="left")
        cut = frame.slice(first, last - first).lazy()
        if name == "instruments":
            cut = cut.with_columns(pl.when(pl.col(name) <= self.date).then(name).alias(name) for name in ENDS)
            if changes := self._zone.code_changes().until(self.date):
                cut = changes.continue_listings(cut.collect(), self.date).lazy()
        if name == "fundamentals" and self._zone.settings.fundamentals.profits == "year_to_date":
            cut = single_quarters(cut.collect()).lazy()
        return cut

    def declared(self, name: str) -> dict[str, Any]:
        """The declarations of a table in the settings that differ from the defaults: setting → value."""
        self._require(name)
        return self._zone.declared(name)

    def code_changes(self) -> CodeChanges:
        """The code changes that are known at the close of the day, and the unusable rows of the table."""
        self._require("code_changes")
        return self._zone.code_changes().until(self.date)

    def first_traded(self) -> dict[str, dt.date]:
        """The first day on which each delivered code traded in daily_prices; only days up to the view's."""
        self._require("daily_prices")
        return {code: day for code, day in self._zone.first_traded().items() if day <= self.date}

    def traded_after_end(self) -> dict[str, dt.date]:
        """The first day after its delist_date on which each code traded, for codes with such a day; only days up to the view's."""
        self._require("daily_prices")
        self._require("instruments")
        return {code: day for code, day in self._zone.traded_after_end().items() if day <= self.date}

    def traded_days(self) -> dict[str, list[dt.date]]:
        """The days on which each code that code_changes names traded, ascending; only days up to the view's."""
        self._require("code_changes")
        self._require("daily_prices")
        return {code: days[: bisect_right(days, self.date)] for code, days in self._zone.traded_days().items()}

    def _require(self, name: str) -> None:
        if name not in self._lands:
            raise KeyError(f"the table does not declare Land({name!r})")


@dataclass(frozen=True)
class _ReferenceListing:
    """The entries of reference/ by name, and by table the entries that hold it under a name that is not read."""

    stamp: str
    entries: dict[str, Path]
    strays: dict[str, Path]

    @classmethod
    def of(cls, stamp: str, entries: list[Path]) -> "_ReferenceListing":
        # daily_prices.xlsx, Daily_Prices.CSV, daily_prices (1).csv
        strays = {
            name: entry
            for name in REFERENCE
            for entry in entries
            if re.match(rf"{name}\b", entry.name, re.IGNORECASE)
            and entry.name.lower().endswith(_DATA)
            and entry.name not in [f"{name}.{suffix}" for suffix in _REFERENCE_SUFFIXES]
        }
        return cls(stamp, {entry.name: entry for entry in entries}, strays)


@dataclass
class _Slices:
    """The sums of the hashes (128 bits) of the rows that became known on each date.

    The order of rows does not matter, and appending a day does not change the sums of earlier days.
    """

    stamp: str
    dates: list[str]
    sums: np.ndarray  # uint64 [dates, 2]
    undated: Undated | None

    @classmethod
    def of(cls, name: str, frame: pl.DataFrame, stamp: str, undated: Undated | None) -> "_Slices":
        known = REFERENCE[name].known
        parts = [frame]
        if name == "instruments":  # a listing and its end become known on different days
            hidden = [pl.lit(None, pl.Date).alias(end) for end in ENDS]
            leaving = frame.filter(pl.col("delisting_start").is_not_null())
            parts = [
                frame.with_columns(hidden),
                leaving.with_columns(pl.lit(None, pl.Date).alias("delist_date"), list_date=pl.col("delisting_start")),
                frame.filter(pl.col("delist_date").is_not_null()).with_columns(list_date=pl.col("delist_date")),
            ]
        hashed = pl.concat(
            pl.DataFrame({"date": part[known], "a": part.hash_rows(seed=1), "b": part.hash_rows(seed=2)})
            for part in parts
        ).sort("date")
        dates, starts = np.unique(hashed["date"].to_numpy(), return_index=True)
        pair = hashed.select("a", "b").to_numpy()
        with np.errstate(over="ignore"):
            sums = np.add.reduceat(pair, starts, axis=0) if len(starts) else np.zeros((0, 2), np.uint64)
        return cls(stamp, [str(date) for date in dates], sums, undated)

    @functools.cached_property
    def _totals(self) -> np.ndarray:
        """The sums up to each number of dates, modulo 2⁶⁴: uint64 [dates + 1, 2]."""
        return np.concatenate([np.zeros((1, 2), np.uint64), np.cumsum(self.sums, axis=0, dtype=np.uint64)])

    def digest(self, date: dt.date, until: bool) -> str:
        last = bisect_right(self.dates, str(date))
        first = 0 if until else bisect_left(self.dates, str(date))
        total = self._totals[last] - self._totals[first]
        return f"{int(total[0]):016x}{int(total[1]):016x}" if last > first else NOTHING

    def dumps(self) -> bytes:
        undated = asdict(self.undated) if self.undated else None
        saved = {"stamp": self.stamp, "dates": self.dates, "sums": self.sums.tolist(), "undated": undated}
        return json.dumps(saved).encode()

    @classmethod
    def loads(cls, data: bytes) -> "_Slices | None":
        """Parse what `dumps` returned; None where it is damaged, and the sums are computed again."""
        try:
            saved = json.loads(data)
            sums = np.array(saved["sums"], np.uint64).reshape(-1, 2)
            dates = [str(dt.date.fromisoformat(date)) for date in saved["dates"]]
            undated = Undated(**saved["undated"]) if saved["undated"] else None
            whole = undated is None or (type(undated.rows), type(undated.remark)) == (int, str)
            return cls(saved["stamp"], dates, sums, undated) if len(dates) == len(sums) and whole else None
        except (ValueError, KeyError, TypeError, OverflowError):
            return None


def _file_digest(path: Path) -> tuple[str, list[str]]:
    """(path, [stamp, digest of the content])."""
    stamp = file_stamp(path)  # taken before reading, so that a file that changes meanwhile is hashed again next time
    with machine_faults(path), path.open("rb") as file:
        return str(path), [stamp, hashlib.file_digest(file, "blake2b").hexdigest()[:32]]


def _remembered(saved: bytes | None) -> dict[str, list[str]]:
    """The file digests that an earlier run stored; {} where there are none or they are damaged."""
    try:
        known = json.loads(saved) if saved else {}
    except ValueError:
        return {}
    if not isinstance(known, dict):
        return {}
    whole = {path: one for path, one in known.items() if isinstance(one, list) and [type(x) for x in one] == [str, str]}
    return whole if len(whole) == len(known) else {}


_DATA = (
    ".csv",
    ".csv.gz",
    ".gz",
    ".zip",
    ".7z",
    ".rar",
    ".parquet",
    ".feather",
    ".arrow",
    ".xls",
    ".xlsx",
    ".h5",
    ".pkl",
)
"""The endings of file names that are data. Such a file in the wrong place is an error."""
_LITTER = re.compile(
    r"^(\.|~\$|@eadir$|#recycle$|\$recycle\.bin$|thumbs\.db$|desktop\.ini$|__macosx$|system volume information$|lost\+found$|_success$)",
    re.IGNORECASE,
)
"""The names of files that systems and programs leave in folders: .DS_Store, Thumbs.db, ~$… of an open workbook and others, and the
marker _SUCCESS of a complete delivery."""
_IN_TRANSIT = (".part", ".partial", ".tmp", ".filepart", ".crdownload")
"""The endings that tools use for files that are still being copied; such files have not landed yet."""


def _entries(folder: Path) -> list[Path]:
    """The sorted entries of a folder, without those that systems leave and those that are still being copied."""
    with machine_faults(folder):
        return sorted(
            entry
            for entry in folder.iterdir()
            if not _LITTER.match(entry.name) and not entry.name.lower().endswith(_IN_TRANSIT)
        )


def _listed(folder: Path, *, in_transit: bool = True) -> Iterator[tuple[Path, int]]:
    """The entries of a folder without those that systems leave, each with its mode as `_mode` returns it or with its type alone.

    The listing has the types of all entries but links, so that those of thousands of folders need not be examined one by one.

    in_transit: whether files that are still being copied are included.
    """
    with machine_faults(folder), os.scandir(folder) as listing:
        entries = [entry for entry in listing if not _LITTER.match(entry.name)]
    for entry in entries:
        if in_transit or not entry.name.lower().endswith(_IN_TRANSIT):
            path = folder / entry.name
            with machine_faults(path):
                mode = stat.S_IFDIR if entry.is_dir(follow_symlinks=False) else 0
                mode = stat.S_IFREG if entry.is_file(follow_symlinks=False) else mode
            yield path, mode or _mode(path)


def _files_below(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """The files at any depth. Files that are still being copied are included, so that the reader of the day reports them.

    above: the folders that contain this one.

    Raises:
        InputError: a link leads back to a folder that contains it.
    """
    with machine_faults(folder):
        if above and folder.is_symlink() and any(map(folder.samefile, above)):
            raise InputError(
                f"{folder} is a link to {folder.resolve()}, which contains it, so that it has no end. Remove the link."
            )
    for entry, mode in _listed(folder):
        if stat.S_ISDIR(mode):
            yield from _files_below(entry, (*above, folder))
        elif stat.S_ISREG(mode):
            yield entry


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(_mode(path))


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(_mode(path))


def _mode(path: Path) -> int:
    """The mode of a file or folder, with links followed; 0 where there is none.

    Raises:
        InputError: it is a link that leads to itself.
        MachineError: the path cannot be examined, or it is a link without a target, such as one to a share that is not mounted.
    """
    with machine_faults(path):
        try:
            return path.stat().st_mode
        except (FileNotFoundError, NotADirectoryError):
            if path.is_symlink():
                raise
            return 0
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise InputError(f"{path} is a link that leads to itself. Remove it.") from None


def _parse_day(stem: str, folder: Path, name: str = "") -> dt.date:
    """The trading day in the name of an entry of `folder`. name: the entry's name where it is longer than the stem."""
    try:
        if not _FOLDER.match(stem):
            raise ValueError
        return dt.date.fromisoformat(stem)
    except ValueError:
        raise InputError(
            f"{folder / (name or stem)}: entries of {folder.name}/ must be named by their trading day, YYYYMMDD. If it is a copy "
            "of another entry, remove one of the two; otherwise rename it, or move it out of the landing zone."
        ) from None


def _json(data: bytes) -> Any:
    """Parse JSON in UTF-8, UTF-16 or UTF-32, with or without a byte order mark, or in GBK."""
    try:
        return json.loads(data)
    except UnicodeDecodeError:
        return json.loads(data.decode("gb18030"))


def file_stamp(path: Path) -> str:
    """The stamp by which a changed file is recognised: size, time of modification, inode and time of change.

    Size and time of modification do not suffice: a copy that keeps times (rsync -t, cp -p, an archive) can replace a file by a
    corrected one of the same size and time. Every write, rename and change of times updates the time of change, which users cannot set.

    Raises:
        MachineError: the file cannot be examined.
    """
    with machine_faults(path):
        found = path.stat()
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}:{found.st_ctime_ns}"


def _form(name: str) -> ReferenceForm:
    table = REFERENCE[name]
    return ReferenceForm(name, table.known, table.required, table.optional)
