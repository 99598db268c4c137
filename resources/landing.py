"""The landing zone: what a user drops in, read-only to the platform (SPEC §2.1).

Here: which days have landed, the files of a day, the reference tables with their types, digests of each, and the view of
one day that cannot see past that day's close. Not here: what the files mean (assets/ticks, assets/bars) and the rules
rows must keep (assets/reference).
"""

import datetime as dt
import errno
import hashlib
import json
import re
import stat
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from resources.bar_forms import BARS, DATE, FACTOR, read_bars
from resources.code_changes import CodeChanges, sift_changes
from resources.code_digest import code_digest
from resources.delivered_files import read_delivered, read_parquet
from resources.errors import InputError, MachineError, machine_faults
from resources.reference_forms import ReadTable, ReferenceForm, Undated, read_reference, single_quarters, wanted_columns
from resources.settings.landing import LandingSettings
from resources.symbols import StockCodes, read_symbols

if TYPE_CHECKING:
    from resources.lake import Store


@dataclass(frozen=True)
class ReferenceTable:
    """Columns of a reference table and the date on which a row became known."""

    known: str
    required: dict[str, Any]
    optional: dict[str, Any]

    @property
    def columns(self) -> dict[str, Any]:
        return {**self.required, **self.optional}


REFERENCE: dict[str, ReferenceTable] = {
    "instruments": ReferenceTable(
        "list_date",
        {"symbol": pl.String, "list_date": pl.Date, "delist_date": pl.Date},
        {"delisting_start": pl.Date, "name": pl.String, "board": pl.String},
    ),
    "daily_prices": ReferenceTable(
        "date",
        {
            "date": pl.Date,
            "symbol": pl.String,
            "pre_close": pl.Float64,
            "open": pl.Float64,
            "high": pl.Float64,
            "low": pl.Float64,
            "close": pl.Float64,
            "volume": pl.Int64,
            "amount": pl.Float64,
            "float_shares": pl.Int64,
            "total_shares": pl.Int64,
            "is_st": pl.Boolean,
        },
        {"limit_up": pl.Float64, "limit_down": pl.Float64, "is_delisting": pl.Boolean, "name": pl.String},
    ),
    "index_weights": ReferenceTable(
        "date", {"index": pl.String, "date": pl.Date, "symbol": pl.String, "weight": pl.Float64}, {}
    ),
    "index_prices": ReferenceTable("date", {"index": pl.String, "date": pl.Date, "close": pl.Float64}, {}),
    "industries": ReferenceTable("start_date", {"symbol": pl.String, "start_date": pl.Date, "industry": pl.String}, {}),
    "fundamentals": ReferenceTable(
        "announce_date",
        {
            "symbol": pl.String,
            "period": pl.Date,
            "announce_date": pl.Date,
            "net_profit": pl.Float64,
            "equity": pl.Float64,
        },
        {"version": pl.Int64},
    ),
    "code_changes": ReferenceTable(
        "date",
        {"old": pl.String, "new": pl.String, "date": pl.Date},
        {"ratio": pl.Float64, "merger": pl.Boolean},
    ),
}
ENDS = ("delisting_start", "delist_date")
"""Dates of reference/instruments that become known when they have come."""
# Tables whose rows are read under the code that their name has on the reading day, and whether a row dated after a change
# may still stand under the code that it took away.
RENAMED = {"daily_prices": False, "index_weights": True, "industries": True, "fundamentals": True}
_REFERENCE_SUFFIXES = ("parquet", "csv")
_FOLDER = re.compile(r"^\d{8}$")
_HASHING_THREADS = 2
NOTHING = "nothing"  # the digest of what has not landed


class LandingZone:
    """A market folder. `store` (the lake's) keeps digests between runs, by path and `file_stamp`; `settings` says
    how what is delivered is meant; `stocks` are the codes of stocks, where they are not those of the shipped rulebook.

    `undated` holds, of the reference tables that were looked at so far, the rows that cannot be placed in time: whoever runs
    something says so."""

    def __init__(
        self,
        root: str | Path,
        store: "Store | None" = None,
        settings: LandingSettings | None = None,
        stocks: StockCodes | None = None,
    ):
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
        self._file_digests: dict[str, dict[str, list]] = {}
        self._reference_listing: _ReferenceListing | None = None

    def __repr__(self) -> str:
        return f"LandingZone({str(self.root)!r})"

    # --- what has landed --------------------------------------------------------------------------------------------

    @property
    def about(self) -> dict[str, Any]:
        """What the market says of itself (market.json); {} where it says nothing."""
        path = self.root / "market.json"
        if not _is_file(path):
            return {}
        with machine_faults(path):
            data = path.read_bytes()
        try:
            said = _json(data)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is no JSON object ({error}). Correct it, or remove it.") from error
        if not isinstance(said, dict):
            raise InputError(
                f'{path} is no JSON object: it holds a {type(said).__name__}. Write it as {{"name": "…"}}, or remove it.'
            )
        return said

    def tick_days(self) -> list[dt.date]:
        """Days with a folder of vendor files, in order; a folder without a file has not landed."""
        folder = self.root / "ticks"
        if not _is_folder(folder):
            return []
        entries = _entries(folder)
        folders = [entry for entry in entries if _is_folder(entry)]
        for entry in entries:
            if entry not in folders and entry.name.lower().endswith(_DATA):
                raise InputError(
                    f"{entry} lies beside the folders of the days, where nobody reads it. Move it into the folder of its "
                    f"trading day, {folder.name}/<YYYYMMDD>/, or out of the landing zone."
                )
        return [day for day in sorted(_parse_day(entry.name, folder) for entry in folders) if self.tick_files(day)]

    def bar_days(self) -> list[dt.date]:
        """Days with a file of one-minute bars, in order."""
        folder = self.root / "bars"
        if not _is_folder(folder):
            return []
        entries = _entries(folder)
        inner = next((entry for entry in entries if _is_folder(entry)), None)
        if inner is not None:
            raise InputError(
                f"{inner} is a folder, and folders in {folder.name}/ are not looked into. Move its files up, as "
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
                    f"{entry}: minute bars are read from {folder.name}/<YYYYMMDD>.parquet alone. Deliver it as Parquet under "
                    "that name, or move it out of the landing zone."
                )
        return sorted(days)

    def days(self) -> list[dt.date]:
        """Days with minute data of either kind."""
        return sorted({*self.tick_days(), *self.bar_days()})

    def reference_start(self) -> dt.date | None:
        """The first day of the reference history."""
        frame = self.frame("daily_prices")
        return None if frame is None or frame.is_empty() else frame["date"][0]

    def view(self, date: dt.date, lands: Iterable[Any]) -> "LandingView":
        return LandingView(self, date, {land.name: land.until for land in lands})

    # --- files ------------------------------------------------------------------------------------------------------

    def tick_files(self, date: dt.date) -> list[Path]:
        folder = self.root / "ticks" / f"{date:%Y%m%d}"
        return sorted(_files_below(folder)) if _is_folder(folder) else []

    def bar_files(self, date: dt.date) -> list[Path]:
        folder = self.root / "bars"
        names = (f"{date:%Y%m%d}.parquet", f"{date:%Y%m%d}.order_sizes.parquet")
        return [path for name in names if _is_file(path := folder / name)]

    def reference_path(self, name: str) -> Path | None:
        """The file of a reference table; None where none was delivered.

        Raises:
            InputError: it is delivered twice, or under a name or as a folder that is not read.
            MachineError: the folder lists a file that cannot be found.
        """
        if paths := self._reference_paths(name):
            return paths[0]
        own, listed = [f"{name}.{suffix}" for suffix in _REFERENCE_SUFFIXES], self._list_reference()
        if not listed.entries.keys().isdisjoint(own):
            # It came between the two looks, or could not be seen for a moment.
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
                f"{listed.strays[name]} is not read: {name} is read from {name}.parquet or {name}.csv alone. Save it as one of "
                "these, or move it out of the landing zone."
            )
        return None

    def _reference_paths(self, name: str) -> list[Path]:
        folder = self.root / "reference"
        paths = [p for suffix in _REFERENCE_SUFFIXES if _is_file(p := folder / f"{name}.{suffix}")]
        if len(paths) > 1:
            raise InputError(f"{paths[0]} and {paths[1]} both deliver {name}: keep one of them.")
        return paths

    def _list_reference(self) -> "_ReferenceListing":
        """What lies in reference/, listed again when the folder has changed: a plan asks for every partition and table."""
        folder = self.root / "reference"
        if not _is_folder(folder):
            return _ReferenceListing("", {}, {})
        stamp = file_stamp(folder)  # before listing: what comes meanwhile is listed again
        if self._reference_listing is None or self._reference_listing.stamp != stamp:
            self._reference_listing = _ReferenceListing.of(stamp, _entries(folder))
        return self._reference_listing

    # --- reference tables -------------------------------------------------------------------------------------------

    def frame(self, name: str) -> pl.DataFrame | None:
        """A whole reference table, typed and sorted by the date its rows became known; None where none was delivered."""
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
        """The changes of codes that reference/code_changes declares, usable or not; none where it was not delivered."""
        frame = self.frame("code_changes")
        if frame is None:
            return CodeChanges()
        if self._changes is None or self._changes[0] is not frame:
            self._changes = (frame, sift_changes(frame))
        return self._changes[1]

    def first_traded(self) -> dict[str, dt.date]:
        """Code → the first day on which it traded in daily_prices, under the codes delivered."""
        prices = self.frame("daily_prices")
        if prices is None:
            return {}
        if self._first_traded is None or self._first_traded[0] is not prices:
            traded = prices.filter(pl.col("volume") > 0, pl.col("symbol").is_not_null())
            first = dict(traded.group_by("symbol").agg(pl.col("date").min()).iter_rows())
            self._first_traded = (prices, first)
        return self._first_traded[1]

    def traded_after_end(self) -> dict[str, dt.date]:
        """Code → the first day after its delist_date in instruments on which it traded in daily_prices; only codes with one."""
        prices, instruments = self.frame("daily_prices"), self.frame("instruments")
        if prices is None or instruments is None:
            return {}
        held = self._traded_after_end
        if held is None or held[0] is not prices or held[1] is not instruments:
            ends = instruments.select("symbol", "delist_date").drop_nulls()
            late = prices.filter(pl.col("volume") > 0, pl.col("symbol").is_in(ends["symbol"].implode()))
            late = late.select("symbol", "date").join(ends, on="symbol").filter(pl.col("date") > pl.col("delist_date"))
            first = dict(late.group_by("symbol").agg(pl.col("date").min()).iter_rows())
            self._traded_after_end = held = (prices, instruments, first)
        return held[2]

    def traded_days(self) -> dict[str, list[dt.date]]:
        """Code → the days on which it traded, ascending, of the codes that code_changes names."""
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
        """A whole reference table with its rows under the codes that their names have on `date` (see code_changes)."""
        frame = self.frame(name)
        changes = self.code_changes().until(date) if name in RENAMED else CodeChanges()
        if frame is None or not changes:
            return frame
        made_from = (frame, changes.changes)
        held = self._continued.get(name)
        if held is None or held[0][0] is not frame or held[0][1] != changes.changes:
            held = made_from, changes.rename_history(frame, REFERENCE[name].known, date, late=RENAMED[name])
            self._continued[name] = held
        return held[1]

    def declared(self, name: str) -> dict[str, Any]:
        """What the settings declare of "bars" or a reference table otherwise than by default: setting → value."""
        return self.settings.declared(name)

    def _note_undated(self, name: str, undated: Undated | None) -> None:
        self.undated.pop(name, None)
        if undated is not None:
            self.undated[name] = undated

    # --- digests ----------------------------------------------------------------------------------------------------

    def digest(self, name: str, date: dt.date, until: bool) -> str:
        """What `LandingView` would hand out for this name and day, as one digest, what is declared of it included. Views made
        from now on hold the files that were there: one that vanishes before it is read is a fault of the machine, not a file
        that never landed."""
        found, declared = self._digest(name, date, until), self.declared(name)
        if found == NOTHING or not declared:
            return found
        said = json.dumps(declared, sort_keys=True)
        return hashlib.blake2b(f"{found}\n{said}".encode(), digest_size=16).hexdigest()

    def _digest(self, name: str, date: dt.date, until: bool) -> str:
        if name in ("ticks", "bars"):
            files = self.tick_files(date) if name == "ticks" else self.bar_files(date)
            self._landed[name, date] = files
            if not files:
                return NOTHING
            known = self._known_digests(name)
            fresh = [path for path in files if known.get(str(path), [None])[0] != file_stamp(path)]
            with ThreadPoolExecutor(_HASHING_THREADS) as pool:  # hashing lets go of the interpreter's lock
                known |= dict(pool.map(_file_digest, fresh))
            parts = [f"{path.relative_to(self.root)}:{known[str(path)][1]}" for path in files]
            return hashlib.blake2b("\n".join(parts).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        path = self.reference_path(name)
        self._landed[name, date] = [] if path is None else [path]
        return NOTHING if path is None else self._reference_slices(name, path).digest(date, until)

    def landed(self, name: str, date: dt.date) -> list[Path]:
        """The files of a name and day that lay there when their digest was last taken, or lie there now if it never was."""
        if (name, date) in self._landed:
            return self._landed[name, date]
        if name in ("ticks", "bars"):
            return self.tick_files(date) if name == "ticks" else self.bar_files(date)
        path = self.reference_path(name)
        return [] if path is None else [path]

    def flush(self) -> None:
        """Keep the file digests for the next run."""
        if self._store is not None:
            for name, known in self._file_digests.items():
                self._store.write_bytes(f"_digests/{name}.json", json.dumps(known, sort_keys=True).encode())

    def _known_digests(self, name: str) -> dict[str, list]:
        """Path → [stamp, digest] of the files hashed so far, in this run and in earlier ones."""
        if name not in self._file_digests:
            saved = self._store.read_bytes(f"_digests/{name}.json") if self._store is not None else None
            self._file_digests[name] = _remembered(saved)
        return self._file_digests[name]

    def _reference_slices(self, name: str, path: Path) -> "_Slices":
        said = json.dumps(self.declared(name), sort_keys=True)
        reader = f"polars {pl.__version__} reader {code_digest('resources.landing')} {said} {self.stocks}"
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
    """The landing zone as known at the close of `date`, restricted to what the reading table declared."""

    def __init__(self, zone: LandingZone, date: dt.date, lands: dict[str, bool]):
        self._zone, self.date, self._lands = zone, date, lands

    def tick_files(self) -> list[Path]:
        """The day's vendor files, at any depth of ticks/<YYYYMMDD>/; [] where none landed."""
        self._require("ticks")
        return self._zone.landed("ticks", self.date)

    @property
    def ticks_folder(self) -> Path:
        return self._zone.root / "ticks" / f"{self.date:%Y%m%d}"

    def bars_path(self) -> Path:
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
        """Rows of a reference table known by the close of the day (or of that day alone, where so declared).

        None where the landing zone has no such table. A later delisting is hidden: `delist_date` and `delisting_start` are null
        until they are past.
        Names stand under the code that they have on the day: changes of codes that are known by then are applied.
        Beside the table's columns stand those of reference_forms.NOTES: rows that cannot be read are for the reader to set aside.
        """
        self._require(name)
        frame = self._zone.continued(name, self.date)
        if frame is None:
            if landed := self._zone.landed(name, self.date):
                raise MachineError(
                    f"{landed[0]} was there a moment ago and is gone. Put it back, or run again without it."
                )
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
        """What the settings declare of a table otherwise than by default: setting → value."""
        self._require(name)
        return self._zone.declared(name)

    def code_changes(self) -> CodeChanges:
        """The changes of codes known by the close of the day, and the rows of the table that can't be used."""
        self._require("code_changes")
        return self._zone.code_changes().until(self.date)

    def first_traded(self) -> dict[str, dt.date]:
        """Code → the first day on which it traded in daily_prices, under the codes delivered; only days up to this one."""
        self._require("daily_prices")
        return {code: day for code, day in self._zone.first_traded().items() if day <= self.date}

    def traded_after_end(self) -> dict[str, dt.date]:
        """Code → the first day after its delist_date on which it traded; only codes with one, and days up to this one."""
        self._require("daily_prices")
        self._require("instruments")
        return {code: day for code, day in self._zone.traded_after_end().items() if day <= self.date}

    def traded_days(self) -> dict[str, list[dt.date]]:
        """Code → the days on which it traded, ascending, of the codes of these changes; only days up to this one."""
        self._require("code_changes")
        self._require("daily_prices")
        return {code: days[: bisect_right(days, self.date)] for code, days in self._zone.traded_days().items()}

    def _require(self, name: str) -> None:
        if name not in self._lands:
            raise KeyError(f"this table does not declare Land({name!r})")


@dataclass(frozen=True)
class _ReferenceListing:
    """The entries of reference/ by name, and by table those that mean it under a name that is not read."""

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
    """Per date, 128 bits that sum the hashes of the rows that became known on it: order does not matter, and appending
    a day leaves every earlier day's sum as it was."""

    stamp: str
    dates: list[str]
    sums: np.ndarray  # uint64 [dates, 2]
    undated: Undated | None

    @classmethod
    def of(cls, name: str, frame: pl.DataFrame, stamp: str, undated: Undated | None) -> "_Slices":
        known = REFERENCE[name].known
        parts = [frame]
        if name == "instruments":  # a listing becomes known on its day, its end on another
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

    def digest(self, date: dt.date, until: bool) -> str:
        dates = np.array(self.dates)
        last = int(np.searchsorted(dates, str(date), side="right"))
        first = 0 if until else int(np.searchsorted(dates, str(date), side="left"))
        with np.errstate(over="ignore"):
            total = self.sums[first:last].sum(axis=0, dtype=np.uint64)
        return f"{int(total[0]):016x}{int(total[1]):016x}" if last > first else NOTHING

    def dumps(self) -> bytes:
        undated = asdict(self.undated) if self.undated else None
        said = {"stamp": self.stamp, "dates": self.dates, "sums": self.sums.tolist(), "undated": undated}
        return json.dumps(said).encode()

    @classmethod
    def loads(cls, data: bytes) -> "_Slices | None":
        """None where what was kept is damaged: it is then worked out again."""
        try:
            saved = json.loads(data)
            sums = np.array(saved["sums"], np.uint64).reshape(-1, 2)
            dates = [str(dt.date.fromisoformat(date)) for date in saved["dates"]]
            undated = Undated(**saved["undated"]) if saved["undated"] else None
            whole = undated is None or (type(undated.rows), type(undated.remark)) == (int, str)
            return cls(saved["stamp"], dates, sums, undated) if len(dates) == len(sums) and whole else None
        except (ValueError, KeyError, TypeError, OverflowError):
            return None


def _file_digest(path: Path) -> tuple[str, list]:
    """(path, [stamp, digest of the content])."""
    stamp = file_stamp(path)  # before reading: a file that changes meanwhile is hashed again
    with machine_faults(path), path.open("rb") as file:
        return str(path), [stamp, hashlib.file_digest(file, "blake2b").hexdigest()[:32]]


def _remembered(saved: bytes | None) -> dict[str, list]:
    """File digests kept by an earlier run; {} where there are none, or damaged ones."""
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
"""How names of files end that somebody means to be read."""
_LITTER = re.compile(
    r"^(\.|~\$|@eadir$|#recycle$|\$recycle\.bin$|thumbs\.db$|desktop\.ini$|__macosx$|system volume information$|lost\+found$)",
    re.IGNORECASE,
)
"""What systems and programs leave in folders: .DS_Store, Thumbs.db, ~$… of an open workbook …"""
_IN_TRANSIT = (".part", ".partial", ".tmp", ".filepart", ".crdownload")
"""How tools name what they are still copying: it has not landed yet."""


def _entries(folder: Path) -> list[Path]:
    """What has landed in a folder, in order: neither litter nor under way."""
    with machine_faults(folder):
        return sorted(
            entry
            for entry in folder.iterdir()
            if not _LITTER.match(entry.name) and not entry.name.lower().endswith(_IN_TRANSIT)
        )


def _files_below(folder: Path, above: tuple[tuple[int, int], ...] = ()) -> Iterator[Path]:
    """The files at any depth, those still being copied too: the day's reader says so, and does not go on without them.

    above: device and inode of the folders that this one lies in.

    Raises:
        InputError: a link leads back to a folder that it lies in.
    """
    with machine_faults(folder):
        found = folder.stat()
        own = (*above, (found.st_dev, found.st_ino))
        if own[-1] in above:
            raise InputError(
                f"{folder} is a link to {folder.resolve()}, in which it lies: what is below it has no end. Remove the link."
            )
        entries = [entry for entry in folder.iterdir() if not _LITTER.match(entry.name)]
    for entry in entries:
        mode = _mode(entry)
        if stat.S_ISDIR(mode):
            yield from _files_below(entry, own)
        elif stat.S_ISREG(mode):
            yield entry


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(_mode(path))


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(_mode(path))


def _mode(path: Path) -> int:
    """What lies at a path, links followed; 0 where nothing does.

    Raises:
        InputError: it is a link that leads to itself.
        MachineError: nobody can say, or it is a link whose target is gone, as of a share that is not mounted.
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
    """The trading day that an entry of `folder` is named by. name: the entry's, where it is longer than the stem."""
    try:
        if not _FOLDER.match(stem):
            raise ValueError
        return dt.datetime.strptime(stem, "%Y%m%d").date()
    except ValueError:
        raise InputError(
            f"{folder / (name or stem)}: entries of {folder.name}/ are named by their trading day, YYYYMMDD. If it is a copy "
            "of another entry, remove one of the two; else rename it, or move it out of the landing zone."
        ) from None


def _json(data: bytes) -> Any:
    """JSON in UTF-8, UTF-16 or UTF-32, with or without a byte order mark, or in GBK."""
    try:
        return json.loads(data)
    except UnicodeDecodeError:
        return json.loads(data.decode("gb18030"))


def file_stamp(path: Path) -> str:
    """What tells that a file is still the one that was read: size, time of modification, inode and time of change.

    Size and time of modification alone do not: copies that keep times (rsync -t, cp -p, an archive) put a corrected file of the
    same size under the same time. Every write, rename and change of times moves the time of change, which nobody can set.
    """
    with machine_faults(path):
        found = path.stat()
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ino}:{found.st_ctime_ns}"


def _form(name: str) -> ReferenceForm:
    table = REFERENCE[name]
    return ReferenceForm(name, table.known, table.required, table.optional)
