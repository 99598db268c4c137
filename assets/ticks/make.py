"""One day's trades, orders and quotes from the day's vendor files, with the profile that the checks judge.

Here: which files a table reads, putting blocks, files and exchanges together, what is set aside and how it is told. Not
here: layouts, parsing, rules of rows (the modules beside).
"""

import datetime as dt
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from assets.ticks import clock
from assets.ticks.canonical import SCHEMAS, canonical_rows, ordered, split_duplicates, with_symbols
from assets.ticks.layouts import Layout, TableName
from assets.ticks.vendor_files import LINE, UNREADABLE, VendorFile, inspect, is_data, read_blocks
from resources.errors import InputError
from resources.landing import LandingView
from resources.made import Made
from resources.settings.ticks import TicksSettings

CLOSE_MS = clock.CLOSING_AUCTION * clock.MINUTE_MS
PROFILE = {
    "item": pl.String,  # a file's name, or a symbol
    "rows": pl.Int64,
    "rows_set_aside": pl.Int64,
    "unrecognised": pl.Int64,
    "unreadable": pl.Int64,
    "ends_early": pl.Int64,
    "conflicting_duplicates": pl.Int64,
    "side_disagreements": pl.Int64,
    "cumulative_decreases": pl.Int64,
    "outside_limits": pl.Int64,
    "detail": pl.String,
}
"""One row per file of the table and one per symbol; what does not concern a row is null, and `detail` is the story."""
SET_ASIDE = {"file": pl.String, "line": pl.Int64, "text": pl.String, "reason": pl.String}


@dataclass
class _FileTale:
    """What happened to one file."""

    name: str
    layout: str = ""
    rows: int = 0
    rows_set_aside: int = 0
    unrecognised: bool = False
    unreadable: bool = False
    first_reason: str = ""
    last_time: int | None = None
    last_by_key: dict[int, int] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)


def make_trades(
    *, date: dt.date, landing: LandingView, settings: TicksSettings, progress: Callable[[str], None] | None = None
) -> Made:
    """The day's fills of both exchanges; cancels are not trades. Schema `canonical.TRADES`, sorted symbol, channel, seq."""
    return _make("trades", date, landing, settings, progress)


def make_orders(
    *, date: dt.date, landing: LandingView, settings: TicksSettings, progress: Callable[[str], None] | None = None
) -> Made:
    """The day's order stream; SZSE cancels come from the trade files. SSE quantities are what remained after instant
    fills (SPEC §2.3). Schema `canonical.ORDERS`, sorted symbol, channel, seq."""
    return _make("orders", date, landing, settings, progress)


def make_quotes(
    *, date: dt.date, landing: LandingView, settings: TicksSettings, progress: Callable[[str], None] | None = None
) -> Made:
    """The day's snapshots. Schema `canonical.QUOTES`, sorted symbol, time, then as delivered."""
    return _make("quotes", date, landing, settings, progress)


def _make(
    table: TableName,
    date: dt.date,
    landing: LandingView,
    settings: TicksSettings,
    progress: Callable[[str], None] | None,
) -> Made:
    files = landing.tick_files()
    folder = f"ticks/{date:%Y%m%d}"
    if not files:
        return _nothing(table, f"no {folder} in the landing zone")
    tales: list[_FileTale] = []
    set_aside: list[pl.DataFrame] = []
    parts: dict[str, list[pl.DataFrame]] = {"SZ": [], "SH": []}
    others: set[int] = set()
    other_rows = 0
    accompanying = []
    for path in files:
        name = _name(path, folder)
        if path.suffix.lower() in settings.ignored_suffixes:
            accompanying.append(name)
            continue
        found = _inspect(path, name, table)
        if isinstance(found, _FileTale):
            tales.append(found)
            continue
        if found is None:
            continue
        file, layout = found
        if progress is not None:
            progress(f"reading {name}: {layout.name}")
        tale = _FileTale(name, layout.name)
        tales.append(tale)
        try:
            for block in read_blocks(file, layout, settings.block_mb << 20):
                rows = canonical_rows(block, layout, date, file.text_suffix)
                parts[layout.exchange].append(rows.frame)
                others |= rows.others
                other_rows += rows.other_rows
                listed = rows.rejected.head(max(settings.max_listed_rows - tale.rows_set_aside, 0))
                if listed.height:
                    texts = block.line_texts(listed[LINE].to_list())
                    set_aside.append(
                        listed.select(
                            file=pl.lit(name), line=LINE, text=pl.Series(texts, dtype=pl.String), reason="reason"
                        )
                    )
                    tale.first_reason = tale.first_reason or f"line {listed[LINE][0]} {listed['reason'][0]}"
                tale.rows += block.lines
                tale.rows_set_aside += rows.rejected.height
                _note_last_times(tale, rows.frame, table)
        except UNREADABLE as error:
            tale.unreadable = True
            tale.sentences.append(f"{name} cannot be read to its end ({error}); {tale.rows} rows were")
        except InputError as error:
            tale.unreadable = True
            tale.sentences.append(str(error))
    if not any(tale.layout for tale in tales):
        reason = f"{folder} holds no file of {table}"
        empty = _nothing(table, reason)
        if not tales:
            return empty
        return Made(empty.frame, _profile(tales, table, []), unavailable=empty.unavailable, notes=empty.notes)
    frames, symbol_rows, duplicates = [], [], 0
    for exchange, blocks in parts.items():
        if not blocks:
            continue
        frame = ordered(blocks, table)
        blocks.clear()  # the largest thing in memory: let go of it before the next copy
        if table != "quotes":
            frame, again = split_duplicates(frame)
            duplicates += again.height
            conflicts = again.filter("conflicts")
        else:
            conflicts = frame.clear()
        symbol_rows.append(_symbol_profile(frame, conflicts, exchange, table))
        frames.append(with_symbols(frame, exchange, table, date))
        del frame
    notes = {
        "files": [
            {"file": tale.name, "layout": tale.layout, "rows": tale.rows, "set_aside": tale.rows_set_aside}
            for tale in tales
        ],
        "accompanying_files": accompanying,
        "other_securities": {"securities": len(others), "rows": other_rows},
        "duplicate_rows_dropped": duplicates,
    }
    side_files = {}
    if set_aside:
        buffer = io.BytesIO()
        pl.concat(set_aside).cast(SET_ASIDE).write_parquet(buffer)  # type: ignore[arg-type]
        side_files["set_aside.parquet"] = buffer.getvalue()
    profile = _profile(tales, table, symbol_rows)
    if not frames:
        reason = f"the files of {table} in {folder} hold no row that could be read"
        return Made(_nothing(table, reason).frame, profile, side_files, dict.fromkeys(SCHEMAS[table], reason), notes)
    return Made(pl.concat(frames), profile, side_files, _unavailable(table, frames), notes)


def _nothing(table: TableName, reason: str) -> Made:
    schema = SCHEMAS[table]
    return Made(pl.DataFrame(schema=schema), unavailable=dict.fromkeys(schema, reason), notes={"empty": reason})


def _name(path: Path, folder: str) -> str:
    """A file's name as its user knows it: from the ticks folder on."""
    text = path.as_posix()
    at = text.rfind(f"/{folder}/")
    return text[at + 1 :] if at >= 0 else path.name


def _inspect(path: Path, name: str, table: TableName) -> tuple[VendorFile, Layout] | _FileTale | None:
    """The file's layout for this table; a tale where the file cannot be used though it might concern this table; None
    where it is another table's."""
    if not is_data(path):
        sentence = f"{name} is no .csv, .csv.gz or .zip, so nobody reads it"
        return _FileTale(name, unrecognised=True, sentences=[sentence])
    try:
        file = inspect(path, name)
    except UNREADABLE as error:
        return _FileTale(name, unreadable=True, sentences=[f"{name} cannot be opened ({error})"])
    except InputError as error:
        return _FileTale(name, unreadable=True, sentences=[str(error)])
    if file.unrecognised is not None:
        if table not in file.unrecognised.tables:
            return None
        return _FileTale(name, unrecognised=True, sentences=[f"{name}: {file.unrecognised}"])
    layout = file.layout(table)
    return None if layout is None else (file, layout)


def _note_last_times(tale: _FileTale, frame: pl.DataFrame, table: TableName) -> None:
    """Remembers the last stamp of the file, and per channel (trades) or security (quotes)."""
    if table == "orders" or frame.is_empty():
        return
    last = frame.group_by(key="channel" if table == "trades" else "code").agg(pl.col("time").max())
    for key, time in last.iter_rows():
        tale.last_by_key[key] = max(tale.last_by_key.get(key, 0), time)
    tale.last_time = max(tale.last_by_key.values())


def _ends_early(tale: _FileTale, tales: list[_FileTale]) -> bool:
    """Whether a file stops before the close and no other file of its layout goes on with what it holds."""
    if tale.last_time is None:
        return tale.rows == 0  # a header and nothing else; a file of funds alone is none of our business
    if tale.last_time >= CLOSE_MS:
        return False
    going_on = {
        key
        for other in tales
        if other.layout == tale.layout
        for key, time in other.last_by_key.items()
        if time >= CLOSE_MS
    }
    return not going_on.issuperset(tale.last_by_key)


def _profile(tales: list[_FileTale], table: TableName, symbols: list[pl.DataFrame]) -> pl.DataFrame:
    rows = []
    for tale in tales:
        early = _ends_early(tale, tales)
        sentences = list(tale.sentences)
        if tale.rows_set_aside:
            sentences.append(
                f"{tale.rows_set_aside} of {tale.rows} rows of {tale.name} are set aside: {tale.first_reason}"
            )
        if early and tale.last_time is None and tale.layout:
            sentences.append(f"{tale.name} has a header and no rows")
        elif early and tale.last_time is not None:
            sentences.append(
                f"the last row of {tale.name} is stamped {_clock(tale.last_time)}: everything after it is missing, the closing "
                "auction from 14:57:00 included"
            )
        read = bool(tale.layout)
        rows.append(
            {
                "item": tale.name,
                "rows": tale.rows if read else None,
                "rows_set_aside": tale.rows_set_aside if read else None,
                "unrecognised": int(tale.unrecognised),
                "unreadable": int(tale.unreadable),
                "ends_early": int(early) if read and table != "orders" else None,
                "detail": "; ".join(sentences) or None,
            }
        )
    files = pl.DataFrame(rows, schema={name: PROFILE[name] for name in rows[0]})
    return pl.concat([files, *symbols], how="diagonal").select(
        pl.col(name).cast(dtype)
        if name in files.columns or (symbols and name in symbols[0].columns)
        else pl.lit(None, dtype).alias(name)
        for name, dtype in PROFILE.items()
    )


def _clock(ms: int) -> str:
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _symbol_profile(frame: pl.DataFrame, conflicts: pl.DataFrame, exchange: str, table: TableName) -> pl.DataFrame:
    """One row per symbol: rows, and what is odd about them."""
    if table == "trades":
        measures = [pl.col("disagrees").sum().cast(pl.Int64).alias("side_disagreements")]
    elif table == "quotes":
        falls = pl.any_horizontal(pl.col(name) < pl.col(name).shift(1) for name in ("trades", "volume", "amount"))
        outside = (pl.col("last") > pl.col("limit_up")) | (pl.col("last") < pl.col("limit_down"))
        measures = [
            falls.sum().cast(pl.Int64).alias("cumulative_decreases"),
            outside.sum().cast(pl.Int64).alias("outside_limits"),
        ]
    else:
        measures = []
    profile = frame.group_by("code", maintain_order=True).agg(pl.len().cast(pl.Int64).alias("rows"), *measures)
    if table != "quotes":
        clashes = conflicts.group_by("code").agg(pl.len().cast(pl.Int64).alias("conflicting_duplicates"))
        profile = profile.join(clashes, on="code", how="left").with_columns(
            pl.col("conflicting_duplicates").fill_null(0)
        )
    name = pl.col("code").cast(pl.String).str.zfill(6) + f".{exchange}"
    return profile.with_columns(item=name).drop("code")


def _unavailable(table: TableName, frames: list[pl.DataFrame]) -> dict[str, str]:
    """Columns that no delivered layout carries (SSE snapshots have no limit prices)."""
    if table != "quotes":
        return {}
    return {
        name: "the snapshot files of this day carry no limit prices"
        for name in ("limit_up", "limit_down")
        if all(frame[name].null_count() == frame.height for frame in frames)
    }
