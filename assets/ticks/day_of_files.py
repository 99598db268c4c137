"""Combines a day's vendor files into one of the tables trades, orders and quotes, with the profile that the checks judge.

This module chooses the files that a table reads, combines blocks, files and exchanges, and records and reports the rows that are
set aside. Layouts, parsing, sorting and the rules of rows are in the modules beside it.

Two settings bound the memory for a day of any size: blocks of `block_mb` are parsed two at a time, and their rows are sorted
on disk and merged in batches of `batch_rows`.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TypeVar

import polars as pl

from assets.ticks.canonical import KEYS, SCHEMAS, Rows, canonical_rows, split_duplicates, with_symbols
from assets.ticks.file_names import IN_TRANSIT, leading_day, name_in_day, names_security, not_read
from assets.ticks.layouts import Layout, TableName
from assets.ticks.numbers import Numbers
from assets.ticks.plain_csv import LINE, as_delivered
from assets.ticks.reasons import (
    CANNOT_BE_OPENED,
    ENDS_EARLY,
    HEADER_ONLY,
    NAMED_AFTER_ANOTHER_DAY,
    NO_FILE_OF,
    NO_FOLDER,
    NO_LIMITS_IN_SNAPSHOTS,
    NO_READABLE_ROW,
    NOT_READ_TO_ITS_END,
    OF_LINE,
    OF_ROW,
    ROWS_OF_FILE,
    STILL_COPIED,
)
from assets.ticks.reopenings import settle_reopenings
from assets.ticks.spill import Spill, by_code, write_batches
from assets.ticks.vendor_files import (
    UNREADABLE,
    EmptyFileError,
    Gatherer,
    ParsedBlock,
    Source,
    VendorFile,
    VendorLines,
    inspect,
    is_data,
    parse_lines,
    read_pieces,
    sources,
)
from resources import clock
from resources.errors import InputError, raise_machine_fault
from resources.made import Made
from resources.parquet import encode
from resources.partition import Partition
from resources.reasons import FILE_BECAUSE, Reason, as_reason, counted_kinds, joined
from resources.rulebook import Rulebook
from resources.settings.ticks import TicksSettings

MEGABYTE = 1 << 20
THREADS = 2
"""Blocks that are parsed at the same time, enough to occupy two cores. Each takes a few times `block_mb` of memory."""
EXCHANGES = ("SH", "SZ")
CLOSE_MS = clock.CLOSING_AUCTION * clock.MINUTE_MS
PROFILE = {
    "item": pl.String,  # a file's name, or a symbol
    "rows": pl.Int64,
    "rows_set_aside": pl.Int64,
    "too_many_set_aside": pl.Int64,
    "unrecognised": pl.Int64,
    "unreadable": pl.Int64,
    "without_rows": pl.Int64,
    "ends_early": pl.Int64,
    "conflicting_duplicates": pl.Int64,
    "side_disagreements": pl.Int64,
    "cumulative_decreases": pl.Int64,
    "outside_limits": pl.Int64,
    "detail": pl.String,
}
"""One row per file of the table and one per symbol; columns that do not apply to a row are null, and `detail` holds the
faults (`Reason.dumps`)."""
SET_ASIDE = {"file": pl.String, "line": pl.Int64, "text": pl.String, "reason": pl.String, "symbol": pl.String}
"""Columns of set_aside.parquet: every row that was set aside, with its security (null where it cannot be read)."""
ENDS = {
    "file": pl.String,
    "exchange": pl.String,
    "channel": pl.Int32,
    "symbol": pl.String,
    "last_time": pl.Int32,
}
"""Columns of ends.parquet of trades and quotes: for each file that stops before the close, the channels (in files without
channels, the A-shares) that no file continues to the close. The files of a layout with one file per security count as one.
last_time: the last stamp in ms since midnight. tape_health, which knows the totals, decides whether the file was cut off or
trading was halted."""
_COUNTS = {
    "trades": ("duplicates", "conflicting_duplicates", "out_of_order", "side_disagreements"),
    "orders": ("duplicates", "conflicting_duplicates", "out_of_order"),
    "quotes": ("cumulative_decreases", "outside_limits", "crossed"),
}
SYMBOLS = {
    table: {"symbol": pl.String, **dict.fromkeys(("rows", "rows_set_aside", *counts), pl.Int64)}
    for table, counts in _COUNTS.items()
}
"""Columns of symbols.parquet of each table: one row per A-share that the files name, with its numbers of rows and of anomalies.

rows: rows in the table. out_of_order: rows stamped earlier than the one before them in (channel, seq). side_disagreements: the
flag contradicts the order numbers. crossed: best bid ≥ best ask in continuous trading."""
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass
class _FileRecord:
    """What was read from one file, and its faults. last_by_key: the last stamp in ms of each channel or security."""

    name: str
    layout: Layout | None = None
    rows: int = 0
    rows_set_aside: int = 0
    unrecognised: bool = False
    unreadable: bool = False
    suspension: bool = False  # the file is empty and is named after a security
    first_reason: Reason | None = None
    rules: Counter[str] = field(default_factory=Counter)
    last_by_key: dict[int, int] = field(default_factory=dict)
    faults: list[Reason] = field(default_factory=list)

    @property
    def last_time(self) -> int | None:
        return max(self.last_by_key.values(), default=None)


class _TableOfDay:
    """Builds one table of one day: collects the rows of its files, and the records that the profile and side files report."""

    def __init__(self, table: TableName, settings: TicksSettings, scratch: Path | None, rules: Rulebook):
        date = rules.date
        self.table, self.date, self.settings, self.rules = table, date, settings, rules
        self.codes = {exchange: rules.codes(exchange) for exchange in EXCHANGES}
        self.folder = f"ticks/{date:%Y%m%d}"
        self.records: list[_FileRecord] = []
        self.accompanying: list[str] = []
        self.set_aside: list[pl.DataFrame] = []
        self.set_aside_by_symbol: Counter[str] = Counter()
        self.others: set[int] = set()
        self.other_rows = self.status_rows = self.duplicates = 0
        self.by_security = 0  # files of any table that are named after a security and are not empty
        self.numbers = Numbers()
        self.spill = Spill(scratch, KEYS[table], settings.batch_rows)
        self.symbols: list[pl.DataFrame] = []
        self.unknown: set[str] = set()  # columns that are null in every batch so far
        self._followed: dict[str, set[int]] = {}

    # --- from files to runs -----------------------------------------------------------------------------------------

    def read(self, files: list[Path], progress: Callable[[str], None] | None) -> None:
        """Add the rows of every file of the table to the external sort."""
        with ThreadPoolExecutor(THREADS) as pool:
            for block, rows, last in _in_order(pool, self._rows, self._lines(files, progress)):
                self._note(block, rows, last)
                self.spill.add(rows.frame)

    def _lines(self, files: list[Path], progress: Callable[[str], None] | None) -> Iterator[VendorLines]:
        """Yield all lines of the table's files in blocks, file by file; a fault of a file is noted in its record."""
        gatherer = Gatherer(self.settings.block_mb * MEGABYTE)
        for path in files:
            name = name_in_day(path, self.folder)
            suffix = PurePosixPath(name).suffix.lower()
            if suffix in self.settings.ignored_suffixes or PurePosixPath(name).name in self.settings.ignored_names:
                self.accompanying.append(name)
            elif suffix in IN_TRANSIT:
                self.records.append(_FileRecord(name, unrecognised=True, faults=[STILL_COPIED(file=name)]))
            elif not is_data(name):
                self.records.append(_FileRecord(name, unrecognised=True, faults=[not_read(name, suffix)]))
            else:
                try:
                    with sources(path, name, self.settings) as found:
                        for source in found:
                            yield from self._lines_of(source, gatherer, progress)
                except InputError as error:
                    self.records.append(_FileRecord(name, unreadable=True, faults=[as_reason(str(error))]))
                except UNREADABLE as error:
                    raise_machine_fault(error, path)
                    self.records.append(
                        _FileRecord(name, unreadable=True, faults=[CANNOT_BE_OPENED(file=name, error=str(error))])
                    )
        yield from gatherer.rest()
        self._forgive_suspensions()

    def _forgive_suspensions(self) -> None:
        """Accept empty files that are named after a security, unless they outnumber those with content.

        Some vendors deliver an empty file for a security that did not trade. If it traded, tape_health reports its tape as missing.
        """
        empty = [record for record in self.records if record.suspension]
        if len(empty) <= self.by_security:
            self.accompanying += [record.name for record in empty]
            for record in empty:
                record.unreadable, record.faults = False, []

    def _lines_of(
        self, source: Source, gatherer: Gatherer, progress: Callable[[str], None] | None
    ) -> Iterator[VendorLines]:
        if reason := self._of_another_day(source.name):
            self.records.append(_FileRecord(source.name, unrecognised=True, faults=[reason]))
            return
        found = self._inspect(source)
        if isinstance(found, _FileRecord):
            self.records.append(found)
        if found is None or isinstance(found, _FileRecord):
            return
        file, layout = found
        if progress is not None and not layout.per_security:
            progress(f"reading {source.name}: {layout.name}")
        record = _FileRecord(source.name, layout)
        number, line = len(self.records), source.first
        self.records.append(record)
        try:
            for data, lines in read_pieces(file, self.settings.block_mb * MEGABYTE):
                yield from gatherer.add(data, lines, file, layout, number, line)
                line += lines
        except UNREADABLE as error:
            raise_machine_fault(error, source.name)
            record.unreadable = True
            read = line - source.first
            record.faults.append(NOT_READ_TO_ITS_END(file=source.name, error=str(error), rows=read))
        except InputError as error:
            record.unreadable = True
            record.faults.append(as_reason(str(error)))

    def _inspect(self, source: Source) -> tuple[VendorFile, Layout] | _FileRecord | None:
        """Return the file with its layout for this table; a record where the file cannot be used and may belong to this table; None
        where it belongs to other tables."""
        try:
            file = inspect(source, self.settings.extra_layouts)
        except UNREADABLE as error:
            raise_machine_fault(error, source.name)
            return _FileRecord(
                source.name, unreadable=True, faults=[CANNOT_BE_OPENED(file=source.name, error=str(error))]
            )
        except InputError as error:
            suspension = isinstance(error, EmptyFileError) and names_security(source.name, self.folder, self.date)
            return _FileRecord(source.name, unreadable=True, suspension=suspension, faults=[as_reason(str(error))])
        if names_security(source.name, self.folder, self.date):
            self.by_security += 1
        if file.unrecognised is not None:
            if file.unrecognised.elsewhere:
                self.accompanying.append(source.name)
            if self.table not in file.unrecognised.tables:
                return None
            fault = FILE_BECAUSE(file=source.name, cause=file.unrecognised.reason)
            return _FileRecord(source.name, unrecognised=True, faults=[fault])
        layout = file.layout(self.table)
        return None if layout is None else (file, layout)

    def _of_another_day(self, name: str) -> Reason | None:
        """Return the reason of a file whose path names another day than that of the day's folder; None for any other file."""
        if not self.settings.refuse_names_of_other_days:
            return None
        parts = name.removeprefix(f"{self.folder}/").split("/")
        days = {day for part in parts if (day := leading_day(part)) is not None}
        if not days or self.date in days:
            return None
        return NAMED_AFTER_ANOTHER_DAY(file=name, day=min(days), date=self.date)

    def _rows(self, lines: VendorLines) -> tuple[ParsedBlock, Rows, pl.DataFrame]:
        """Return (the block, its canonical rows sorted by code, its last stamps). Runs in several threads."""
        block = parse_lines(lines)
        rows = canonical_rows(block, lines.layout, self.rules)
        rows.frame = by_code(rows.frame)
        return block, rows, self._last_times(block)

    def _last_times(self, block: ParsedBlock) -> pl.DataFrame:
        """Return the columns file, key, time: the last stamp of each channel (trades) or security (quotes) in each file."""
        if self.table == "orders":
            return pl.DataFrame()
        key = pl.col("channel") if self.table == "trades" and "channel" in block.frame.columns else pl.col("code")
        parts = block.lines.parts
        firsts = pl.DataFrame({LINE: [part.row for part in parts], "file": [part.file for part in parts]})
        last = pl.col("time").max()
        if len(parts) == 1:
            found = block.frame.group_by(key=key).agg(last).with_columns(file=pl.lit(parts[0].file, pl.Int64))
        else:
            found = (
                block.frame.select(LINE, "time", key=key).join_asof(firsts, on=LINE).group_by("file", "key").agg(last)
            )
        return found.drop_nulls().select("file", "key", "time")

    def _note(self, block: ParsedBlock, rows: Rows, last: pl.DataFrame) -> None:
        """Add a block's counts, last stamps, numbers and rejected rows to the records."""
        lines = block.lines
        for part in lines.parts:
            self.records[part.file].rows += part.lines
        for row in block.blank:
            self.records[lines.part(row).file].rows -= 1
        self.others |= rows.others
        self.other_rows += rows.other_rows
        self.status_rows += rows.status_rows
        for file, key, time in last.iter_rows():
            known = self.records[file].last_by_key
            known[key] = max(known.get(key, 0), time)
        self.numbers.count(block.frame, lines.layout)
        if rows.rejected.height:
            self._set_aside(block, rows.rejected)

    def _set_aside(self, block: ParsedBlock, rejected: pl.DataFrame) -> None:
        listed: list[tuple[str, int, str, str, str | None]] = []
        rejects = rejected.rows()
        for (row, rule, reason), code in zip(rejects, block.codes(row for row, *_ in rejects), strict=True):
            part = block.lines.part(row)
            record = self.records[part.file]
            symbol = None if code is None else f"{code[0]:06d}.{code[1] or block.lines.layout.exchange}"
            if symbol is not None:
                self.set_aside_by_symbol[symbol] += 1
            if record.rows_set_aside < self.settings.max_listed_rows:
                line = part.line + row - part.row
                text = as_delivered(block.lines.text(row).strip("\r")[:1000])
                listed.append((record.name, line, text, reason, symbol))
                if record.first_reason is None:
                    cause, in_rows = Reason.loads(reason), block.lines.file.source.counts == "row"
                    record.first_reason = OF_ROW(row=line, cause=cause) if in_rows else OF_LINE(line=line, cause=cause)
            record.rows_set_aside += 1
            record.rules[rule] += 1
        self.set_aside.append(pl.DataFrame(listed, schema=SET_ASIDE, orient="row"))

    # --- from runs to the table -------------------------------------------------------------------------------------

    def batch(self, low: int, high: int) -> pl.DataFrame:
        """Return the table's rows of the codes in [low, high), and count their anomalies. Called once per range, in order."""
        frame = self.spill.batch(low, high)
        if self.table == "quotes":
            again = frame.clear().with_columns(conflicts=pl.lit(False))
        else:
            frame, again = split_duplicates(frame)
        self.duplicates += again.height
        exchange = self._exchange(low)
        if self.table == "trades":
            frame = settle_reopenings(
                frame, exchange, self.settings.min_halt_minutes, self.settings.least_flagged_prints
            )
        self.symbols.append(_symbol_counts(frame, again, exchange, self.table))
        frame = with_symbols(frame, exchange, self.table, self.date)
        self.unknown &= {name for name in self.unknown if frame[name].null_count() == frame.height}
        return frame

    def finish(self, scratch: Path | None) -> Made:
        """Merge what was read into the table with its profile, side files, notes and reasons."""
        if not any(record.layout for record in self.records):
            reason = NO_FILE_OF(folder=self.folder, table=self.table)
            profile = self._profile(self._symbols()) if self.records else None
            return self._nothing(reason, profile, {"empty": reason.to_json()})
        self.unknown = set(SCHEMAS[self.table])
        ranges = self.spill.ranges(self._exchange_breaks())
        frame: pl.DataFrame | Path
        if scratch is not None and self.spill.rows > self.settings.batch_rows:
            frame = scratch / f"{self.table}.parquet"
            write_batches(frame, pl.Schema(SCHEMAS[self.table]), ranges, self.batch)
        else:
            batches = [self.batch(low, high) for low, high in ranges]
            frame = pl.concat(batches) if batches else pl.DataFrame(schema=SCHEMAS[self.table])
        symbols = self._symbols()
        profile = self._profile(symbols)
        notes = self._notes()
        if not ranges:
            reason = NO_READABLE_ROW(folder=self.folder, table=self.table)
            return self._nothing(reason, profile, notes)
        return Made(frame, profile, self._side_files(symbols), self._unavailable(), notes)

    def _nothing(self, reason: Reason, profile: pl.DataFrame | None, notes: dict[str, object]) -> Made:
        schema = SCHEMAS[self.table]
        side_files = self._side_files(self._symbols())
        return Made(pl.DataFrame(schema=schema), profile, side_files, dict.fromkeys(schema, reason), notes)

    def _exchange(self, code: int) -> str:
        return next(name for name, ranges in self.codes.items() if any(low <= code <= high for low, high in ranges))

    def _exchange_breaks(self) -> list[int]:
        """Return the codes at which the ascending codes of both exchanges' A-shares pass from one exchange to the other."""
        by_code = sorted((first, name) for name, ranges in self.codes.items() for first, _ in ranges)
        return [code for (_, before), (code, after) in pairwise(by_code) if before != after]

    def _is_a_share(self, symbol: str) -> bool:
        code, exchange = symbol.split(".")
        return any(low <= int(code) <= high for low, high in self.codes.get(exchange, ()))

    def _symbols(self) -> pl.DataFrame:
        """Return symbols.parquet: one row per A-share with rows in the table or rows that were set aside."""
        schema = SYMBOLS[self.table]
        present = pl.concat([pl.DataFrame(schema=schema).drop("rows_set_aside"), *self.symbols])
        aside = {symbol: count for symbol, count in self.set_aside_by_symbol.items() if self._is_a_share(symbol)}
        counted = pl.DataFrame(
            {"symbol": list(aside), "rows_set_aside": list(aside.values())},
            schema={"symbol": pl.String, "rows_set_aside": pl.Int64},
        )
        joined = present.join(counted, on="symbol", how="full", coalesce=True)
        return joined.select(pl.col("symbol"), pl.exclude("symbol").fill_null(0)).select(*schema).sort("symbol")

    def _side_files(self, symbols: pl.DataFrame) -> dict[str, bytes]:
        files = {"symbols.parquet": encode(symbols)}
        if self.table != "quotes":
            files["numbers.parquet"] = encode(self.numbers.frame())
        if self.table != "orders":
            files["ends.parquet"] = encode(self._ends())
        if self.set_aside:
            files["set_aside.parquet"] = encode(pl.concat(self.set_aside))
        return files

    def _notes(self) -> dict[str, object]:
        return {
            "files": [
                {
                    "file": record.name,
                    "layout": record.layout.name,
                    "rows": record.rows,
                    "set_aside": record.rows_set_aside,
                }
                for record in self.records
                if record.layout
            ],
            "accompanying_files": self.accompanying,
            "other_securities": {"securities": len(self.others), "rows": self.other_rows},
            "status_rows": self.status_rows,
            "duplicate_rows_dropped": self.duplicates,
        }

    def _unavailable(self) -> dict[str, Reason]:
        """Return the reasons of columns that no delivered layout has (SSE snapshots have no limit prices)."""
        return {name: NO_LIMITS_IN_SNAPSHOTS() for name in ("limit_up", "limit_down") if name in self.unknown}

    # --- what the checks judge --------------------------------------------------------------------------------------

    def _profile(self, symbols: pl.DataFrame) -> pl.DataFrame:
        spoiled = self._spoiled_layouts()
        rows = []
        for record in self.records:
            early, bare = self._ends_early(record), self._is_bare(record)
            faults = joined(self._faults(record, bare, early))
            read = record.layout is not None
            rows.append(
                {
                    "item": record.name,
                    "rows": record.rows if read else None,
                    "rows_set_aside": record.rows_set_aside if read else None,
                    "too_many_set_aside": int(
                        record.rows_set_aside > 0 and (record.layout.name in spoiled or _unusable(record))
                    )
                    if record.layout
                    else None,
                    "unrecognised": int(record.unrecognised),
                    "unreadable": int(record.unreadable),
                    "without_rows": int(bare) if read and self.table != "orders" else None,
                    "ends_early": int(early) if read and self.table != "orders" else None,
                    "detail": faults.dumps() if faults else None,
                }
            )
        files = pl.DataFrame(rows, schema={name: PROFILE[name] for name in rows[0]})
        counts = symbols.rename({"symbol": "item"}).drop("rows_set_aside")
        return pl.concat(
            [files, counts.select(name for name in counts.columns if name in PROFILE)], how="diagonal"
        ).select(
            pl.col(name) if name in (*files.columns, *counts.columns) else pl.lit(None, dtype).alias(name)
            for name, dtype in PROFILE.items()
        )

    def _faults(self, record: _FileRecord, bare: bool, early: bool) -> list[Reason]:
        """Return the faults of a file and of its rows. bare, early: whether it has no rows, and ends early."""
        faults = list(record.faults)
        if record.rows_set_aside:
            faults.append(
                ROWS_OF_FILE(
                    bad=record.rows_set_aside,
                    rows=record.rows,
                    file=record.name,
                    reasons=counted_kinds(record.rules),
                    first=record.first_reason,
                )
            )
        if bare and not record.unreadable:
            faults.append(HEADER_ONLY(file=record.name))
        if early and record.last_time is not None:
            faults.append(ENDS_EARLY(file=record.name, time=_clock(record.last_time)))
        return faults

    def _spoiled_layouts(self) -> set[str]:
        """Return the names of layouts of whose rows more than `max_bad_row_share` were set aside.

        The files of a layout are counted together: where a vendor delivers a file per stock, one bad row is already a large
        share of a small file.
        """
        rows: Counter[str] = Counter()
        aside: Counter[str] = Counter()
        for record in self.records:
            if record.layout:
                rows[record.layout.name] += record.rows
                aside[record.layout.name] += record.rows_set_aside
        return {name for name in rows if aside[name] > self.settings.max_bad_row_share * rows[name]}

    def _is_bare(self, record: _FileRecord) -> bool:
        """Return whether a file has a header and no rows. A file of one security, by layout or name, is a suspension instead."""
        if record.layout is None or record.layout.per_security or record.rows > 0:
            return False
        return not names_security(record.name, self.folder, self.date)

    def _ends_early(self, record: _FileRecord) -> bool:
        """Return whether a file stops before the close and no other file of its layout continues its channels or securities.

        A file of one security may stop early by itself (a suspension, a stock without a closing trade): it counts only where all
        files of its layout stop early.
        """
        if record.layout is None or self.table == "orders" or record.last_time is None or record.last_time >= CLOSE_MS:
            return False
        going_on = self._going_on(record.layout)
        return not going_on if record.layout.per_security else not going_on.issuperset(record.last_by_key)

    def _ends(self) -> pl.DataFrame:
        """Return ends.parquet (schema ENDS), file by file."""
        rows: list[tuple[str, str, int | None, str | None, int]] = []
        for record in self.records:
            if record.layout is None or not self._ends_early(record):
                continue
            going_on, exchange = self._going_on(record.layout), record.layout.exchange
            channels = self.table == "trades" and "channel" in record.layout.fields
            for key, time in sorted(record.last_by_key.items()):
                symbol = None if channels else f"{key:06d}.{exchange}"
                name = f"{record.layout.name}, every file," if record.layout.per_security else record.name
                if key not in going_on and (symbol is None or self._is_a_share(symbol)):
                    rows.append((name, exchange, key if channels else None, symbol, time))
        return pl.DataFrame(rows, schema=ENDS, orient="row")

    def _going_on(self, layout: Layout) -> set[int]:
        """Return the channels or securities that some file of a layout contains up to the close."""
        if layout.name not in self._followed:
            self._followed[layout.name] = {
                key
                for record in self.records
                if record.layout is not None and record.layout.name == layout.name
                for key, time in record.last_by_key.items()
                if time >= CLOSE_MS
            }
        return self._followed[layout.name]


def make_table(table: TableName, partition: Partition, settings: TicksSettings) -> Made:
    """Make one of the tables trades, orders and quotes of the partition's day.

    Faults of files and rows are reported in the profile and set_aside.parquet, never raised. A day without files, or without a
    readable row, gives an empty frame with a reason for every column. Raises MachineError where the machine fails to read or write.
    """
    day = _TableOfDay(table, settings, partition.scratch, partition.rules)
    files = partition.landing.tick_files()
    if not files:
        reason = NO_FOLDER(folder=day.folder)
        return day._nothing(reason, None, {"empty": reason.to_json()})
    with day.spill:
        day.read(files, partition.progress)
        return day.finish(partition.scratch)


def _in_order(pool: ThreadPoolExecutor, work: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """Yield the results of `work` on every item, in the order of the items, with THREADS of them in progress."""
    under_way: deque[Future[_Result]] = deque()
    for item in items:
        under_way.append(pool.submit(work, item))
        if len(under_way) > THREADS:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def _unusable(record: _FileRecord) -> bool:
    """Return whether every row of a file was set aside; a file of one security is judged by tape_health instead."""
    return record.layout is not None and not record.layout.per_security and 0 < record.rows == record.rows_set_aside


def _clock(ms: int) -> str:
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _symbol_counts(frame: pl.DataFrame, again: pl.DataFrame, exchange: str, table: TableName) -> pl.DataFrame:
    """Return the columns SYMBOLS of the table except rows_set_aside.

    frame: rows sorted by code and key. again: the duplicates that were removed.
    """
    earlier = pl.col("time") < pl.col("time").shift(1)
    if table != "quotes":
        earlier &= pl.col("channel") == pl.col("channel").shift(1)
    if table == "quotes":
        falls = pl.any_horizontal(pl.col(name) < pl.col(name).shift(1) for name in ("trades", "volume", "amount"))
        outside = (pl.col("last") > pl.col("limit_up")) | (pl.col("last") < pl.col("limit_down"))
        minute = pl.col("time") // clock.MINUTE_MS
        continuous = minute.is_between(clock.MORNING, clock.LUNCH, closed="left") | minute.is_between(
            clock.AFTERNOON, clock.CLOSING_AUCTION, closed="left"
        )
        measures = {
            "cumulative_decreases": falls,
            "outside_limits": outside,
            "crossed": continuous & (pl.col("bid_price_1") >= pl.col("ask_price_1")),
        }
    elif table == "trades":
        measures = {"out_of_order": earlier, "side_disagreements": pl.col("disagrees")}
    else:
        measures = {"out_of_order": earlier}
    counts = frame.group_by("code", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("rows"),
        *(holds.sum().cast(pl.Int64).alias(name) for name, holds in measures.items()),
    )
    if table != "quotes":
        repeated = again.group_by("code").agg(
            duplicates=pl.len().cast(pl.Int64), conflicting_duplicates=pl.col("conflicts").sum().cast(pl.Int64)
        )
        counts = counts.join(repeated, on="code", how="left").with_columns(
            pl.col("duplicates", "conflicting_duplicates").fill_null(0)
        )
    name = pl.col("code").cast(pl.String).str.zfill(6) + f".{exchange}"
    return counts.with_columns(symbol=name).select(name for name in SYMBOLS[table] if name != "rows_set_aside")
