"""Opens, unpacks and recognises vendor files, cuts them into blocks, and types their rows or sets them aside.

This module turns bytes into integer columns under canonical names, with line numbers. The meaning of columns is declared in
layouts/, other formats are translated in plain_csv.py, the compiled parser is parse.py, single values are defined in values.py,
and canonical.py decides which rows are valid trades, orders or quotes.

A block consists of whole lines of one layout: a part of a large file, or many small files one after another (from vendors
that deliver a folder per stock). Lines that the parser cannot parse are read again value by value, so that exactly the
faulty rows are set aside. GBK needs no decoding, since its second bytes are never a comma, a quote or a line end.
"""

import bisect
import contextlib
import csv
import functools
import gzip
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO, Literal

import numpy as np
import polars as pl

from assets.ticks import values
from assets.ticks.layouts import Field, Layout, Unrecognised, exchange_of, known_layouts, nearest, recognise, symbols_in
from assets.ticks.parse import NULL, ParsePlan, count_lines, parse
from assets.ticks.plain_csv import (
    INNER_COMMA,
    LINE,
    LOST_DIGITS,
    as_delivered,
    normal_name,
    other_delimiter,
    parquet_as_csv,
    translated,
    wide_encoding,
)
from assets.ticks.reasons import (
    DIGITS_LOST,
    FIELDS_OF_LINE,
    NO_DATE_AND_TIME,
    NO_SECURITY,
    OTHER_EXCHANGE,
    OTHER_FIELDS,
    SECURITY_OF_OTHER_EXCHANGE,
)
from assets.ticks.values import STRIPPED
from resources.errors import InputError
from resources.reasons import Reason
from resources.settings.ticks import TicksSettings
from resources.values import BLANKS, CELL_AS_DELIVERED, CELL_UNREADABLE, NO_NUMBER, NOT_WHOLE, cut

LONGEST_LINE = 1 << 20
"""A file with this many bytes without a line end is not a CSV file of ticks."""
UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError)
"""Errors that the readers of gzip, zip and Parquet raise for a file that is cut off, damaged, encrypted or of an unknown
method. An OSError that is a fault of the machine (resources.errors.is_machine_fault) is excepted."""
FIRST_ROWS = 20
"""Number of first rows that are searched for an exchange and a format, since the first row alone may be damaged."""
_PLACES = {"integer": 0, "ticks": 0, "price": values.PRICE_PLACES, "money": values.PRICE_PLACES}
_AROUND = STRIPPED + BLANKS
_LINE_END = ord("\n")
REJECTED = {LINE: pl.Int64, "rule": pl.String, "reason": pl.String}
"""Schema of rows that cannot be used: the row, the rule that it breaks, and the rule with the row's value (`Reason.dumps`)."""
_NO_ROW = STRIPPED + "\x1a"
"""The only characters of a line without a row; 1A is the end-of-file mark of DOS."""
_CONTENTS = {
    b"\x1f\x8b": "a gzip archive: name it .csv.gz",
    b"PK\x03\x04": "a zip archive or a workbook: name the archive .zip, or save the workbook as .csv",
    b"PAR1": "a Parquet file: name it .parquet",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive: unpack it",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it",
    b"Rar!": "a rar archive: unpack it",
    b"BZh": "a bzip2 archive: unpack it",
    b"\xfd7zXZ": "an xz archive: unpack it",
    b"\xd0\xcf\x11\xe0": "a workbook: save it as .csv",
    b"\xff\xfe\x00\x00": "text in UTF-32: save it in UTF-8",
    b"\x00\x00\xfe\xff": "text in UTF-32: save it in UTF-8",
}
"""First bytes of a file → its true format and the remedy, where its name claims another format."""
_SMALL = 8 << 20  # bytes; below this size, a compression ratio is not judged


class EmptyFileError(InputError):
    """A file has no bytes."""


@dataclass(frozen=True)
class Source:
    """CSV bytes: a file, or a member of an archive as `archive.zip/member.csv`.

    counts: the unit of row numbers in messages: "line", where the header is line 1, or "row" of a Parquet table.
    """

    name: str
    open: Callable[[], IO[bytes]]
    counts: Literal["line", "row"] = "line"

    @property
    def first(self) -> int:
        """The number of the first row."""
        return 2 if self.counts == "line" else 1

    @property
    def folder(self) -> str:
        """The name of the folder that contains the file."""
        return PurePosixPath(self.name).parent.name


@dataclass(frozen=True)
class VendorFile:
    """A source with its header and layouts.

    header: a name for each field of a line, spelled as in the layouts. text_suffix: whether symbols have the form 600519.SH.
    extra: the setting `extra_layouts` with which it was recognised.
    """

    source: Source
    header: tuple[str, ...]
    layouts: tuple[Layout, ...]
    unrecognised: Unrecognised | None
    text_suffix: bool
    extra: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the source, as messages give it."""
        return self.source.name

    def layout(self, table: str) -> Layout | None:
        """Return the layout by which a table reads the file; None where the file has no rows of the table."""
        return next((layout for layout in self.layouts if layout.table == table), None)


@dataclass(frozen=True)
class PieceOfFile:
    """Lines of one file in a block: they begin at the block's row `row`, with the file's line `line` (the header is 1)."""

    file: int
    row: int
    line: int
    lines: int


@dataclass(frozen=True)
class VendorLines:
    """Bytes of whole lines under one header that the same layout reads, from one file or several."""

    data: np.ndarray
    parts: tuple[PieceOfFile, ...]
    file: VendorFile
    layout: Layout

    @property
    def count(self) -> int:
        """The number of lines."""
        return self.parts[-1].row + self.parts[-1].lines

    def part(self, row: int) -> PieceOfFile:
        """Return the part that contains a row of the block."""
        return self.parts[bisect.bisect_right(self.parts, row, key=lambda part: part.row) - 1]

    @functools.cached_property
    def _ends(self) -> np.ndarray:
        return np.flatnonzero(self.data == _LINE_END)

    def text(self, row: int) -> str:
        """Return the line of a row as text, without its line end."""
        begin = int(self._ends[row - 1]) + 1 if row else 0
        return decode(self.data[begin : int(self._ends[row])].tobytes())


@dataclass(frozen=True)
class ParsedBlock:
    """Parsed lines.

    frame: `line` (the row in the block, from 0) and one integer column per field of the layout, final in unit and meaning; null
    where empty or unknown. rejected (schema REJECTED): rows that could not be split or typed. blank: the empty rows and repeated
    headers.
    """

    lines: VendorLines
    frame: pl.DataFrame
    rejected: pl.DataFrame
    blank: tuple[int, ...] = ()

    def texts(self, rows: Iterable[int]) -> pl.DataFrame:
        """Return the vendor's texts of rows: `line` and one column per field of the layout."""
        at = _positions(self.lines.file.header, self.lines.layout)
        rows = list(rows)
        split = [fields_of(self.lines.text(row), len(self.lines.file.header)) for row in rows]
        columns = {name: [as_delivered(parts[i]) for parts in split] for name, i in at.items()}
        return pl.DataFrame({LINE: rows, **columns}, schema={LINE: pl.Int64, **dict.fromkeys(at, pl.String)})

    def codes(self, rows: Iterable[int]) -> list[tuple[int, str] | None]:
        """Return (number, exchange or "") of the security of each row; None where it cannot be read."""
        at = _positions(self.lines.file.header, self.lines.layout)["code"]
        split = (fields_of(self.lines.text(row), len(self.lines.file.header)) for row in rows)
        return [values.symbol(parts[at]) if at < len(parts) else None for parts in split]


def is_data(name: str) -> bool:
    """Return whether a file's name is that of a data file: .csv, .csv.gz, .zip or .parquet."""
    return name.lower().endswith((".csv", ".csv.gz", ".zip", ".parquet"))


def fields_of(text: str, count: int) -> list[str]:
    """Return the values of a line, without the blanks and quotes around them.

    count: number of fields of the header. Where a split at every comma gives another number, a comma inside quotes is read as
    part of a value.
    """
    parts = text.split(",")
    if len(parts) != count and '"' in text and text.count('"') % 2 == 0:
        with contextlib.suppress(csv.Error):  # not a line of CSV
            parts = next(csv.reader([text], skipinitialspace=True))
    return [part.strip(_AROUND).replace(INNER_COMMA, ",") for part in parts]


def decode(data: bytes) -> str:
    """Decode UTF-8 (with or without a byte order mark), otherwise GBK."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gbk", errors="replace")


# --- opening --------------------------------------------------------------------------------------------------------------


@contextmanager
def sources(path: Path, name: str, settings: TicksSettings) -> Iterator[list[Source]]:
    """Yield the CSV sources of a file of the landing zone: the file itself, or the members of a .zip, which stays open.

    Parquet is read as CSV, and nothing is unpacked to disk. Raises InputError where an archive breaks a rule of safe unpacking
    or has a member that is not read, and one of UNREADABLE where it is damaged.
    """
    lower = path.name.lower()
    if lower.endswith(".parquet"):
        yield [
            Source(
                name, parquet_as_csv(path, name, _columns_read(settings.extra_layouts), settings.block_mb << 20), "row"
            )
        ]
    elif lower.endswith(".zip"):
        with _archive(path) as archive:
            members = [Source(f"{name}/{own}", functools.partial(archive.open, info)) for own, info in _members(archive, path.name, settings)]  # fmt: skip
            yield members
    elif lower.endswith(".gz"):
        size = path.stat().st_size
        yield [Source(name, lambda: _Bounded(gzip.open(path, "rb"), name, size, settings))]  # type: ignore[arg-type, return-value] # noqa: SIM115
    else:
        yield [Source(name, lambda: path.open("rb"))]


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (ValueError, struct.error) as error:  # a directory with invalid offsets
        raise zipfile.BadZipFile(str(error)) from error


@functools.lru_cache(4)
def _columns_read(extra: tuple[str, ...]) -> frozenset[str]:
    return frozenset(normal_name(item.column) for layout in known_layouts(extra) for item in layout.fields.values())


def _members(archive: zipfile.ZipFile, name: str, settings: TicksSettings) -> list[tuple[str, zipfile.ZipInfo]]:
    """Return the .csv members in order of their names; one member that breaks a rule makes the whole archive refused."""
    found = []
    unpacked = packed = 0
    for info in archive.infolist():
        # A name without the UTF-8 flag is read as cp437 by zipfile; Chinese vendors write GBK.
        own = info.filename if info.flag_bits & 0x800 else _gbk(info.filename)
        inner = PurePosixPath(own.replace("\\", "/"))
        what = f"its member {own!r}"
        if inner.is_absolute() or ".." in inner.parts or re.match(r"[A-Za-z]:", own):
            raise _refused(
                name, what, "its path leads out of the archive", "Pack the files again with plain relative names"
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _refused(name, what, "it is a link, not a file", "Pack the file that it points to")
        if (
            info.is_dir()
            or inner.parts[0] == "__MACOSX"
            or inner.suffix.lower() in settings.ignored_suffixes
            or inner.name in settings.ignored_names
        ):
            continue
        if inner.suffix.lower() != ".csv":
            raise _refused(name, what, "only .csv is read from an archive", "Pack only .csv files")
        if info.flag_bits & 1:
            raise _refused(name, what, "it is encrypted", "Deliver it without a password")
        unpacked += info.file_size
        packed += info.compress_size
        _refuse_bombs(name, what, info.file_size, info.compress_size, settings)
        found.append((inner.as_posix(), info))
    _refuse_bombs(name, "all its members together", unpacked, packed, settings)
    if not found:
        raise _refused(name, "it", "it contains no .csv file", "Pack the vendor's .csv files")
    return sorted(found, key=lambda member: member[0])


def _gbk(name: str) -> str:
    try:
        return name.encode("cp437").decode("gbk")
    except UnicodeError:
        return name


def _refused(archive: str, what: str, rule: str, remedy: str) -> InputError:
    return InputError(f"{archive}: {what} is refused: {rule}. {remedy}.")


def _refuse_bombs(archive: str, what: str, unpacked: int, packed: int, settings: TicksSettings) -> None:
    if unpacked > settings.max_unpacked_gb * 2**30:
        rule = f"it unpacks to {unpacked / 2**30:.1f} GB, above ticks.max_unpacked_gb = {settings.max_unpacked_gb:g}"
        raise _refused(archive, what, rule, "Split the archive, or raise the setting if the delivery is genuine")
    if unpacked > max(settings.max_compression_ratio * packed, _SMALL):
        rule = (
            f"{packed} bytes unpack to {unpacked}, above the ratio ticks.max_compression_ratio = "
            f"{settings.max_compression_ratio:g}"
        )
        raise _refused(archive, what, rule, "Raise the setting if the delivery is genuine")


class _Bounded:
    """A gzip stream that raises InputError where it unpacks to more than the settings allow, since gzip records no total size."""

    def __init__(self, stream: IO[bytes], name: str, packed: int, settings: TicksSettings):
        self.stream, self.name, self.packed, self.settings = stream, name, packed, settings
        self.unpacked = 0

    def _count(self, size: int) -> int:
        self.unpacked += size
        _refuse_bombs(self.name, "it", self.unpacked, self.packed, self.settings)
        return size

    def readinto(self, buffer: memoryview) -> int:
        return self._count(self.stream.readinto(buffer))  # type: ignore[attr-defined]

    def readline(self, size: int) -> bytes:
        line = self.stream.readline(size)
        self._count(len(line))
        return line

    def __enter__(self) -> "_Bounded":
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()


# --- recognising and cutting ----------------------------------------------------------------------------------------------


def inspect(source: Source, extra: tuple[str, ...] = ()) -> VendorFile:
    """Read a file's header and first rows, and recognise its encoding, its delimiter and its layouts.

    extra: the setting `extra_layouts`; its layouts are preferred to those of the project. A header that no layout fits is
    returned in `unrecognised`.

    Raises EmptyFileError where the file is empty, InputError where it is not text, and one of UNREADABLE where it is damaged.
    """
    first = _first_lines(source)
    if not first[0]:
        raise EmptyFileError(f"{source.name} is empty and has no header. Deliver it again, or remove it.")
    if content := next((what for magic, what in _CONTENTS.items() if first[0].startswith(magic)), None):
        raise InputError(f"{source.name} is, by its first bytes, {content}.")
    if first[0][257:262] == b"ustar":
        raise InputError(f"{source.name} is, by its first bytes, a tar archive: unpack it.")
    if encoding := wide_encoding(first[0]):
        source = replace(source, open=translated(source.open, encoding, ""))
        first = _first_lines(source)
    if b"\r" in first[0].rstrip(b"\r\n"):
        raise InputError(
            f"{source.name} ends its lines with a carriage return alone, which is not read: save it with line feeds (\\n or \\r\\n)"
        )
    if delimiter := other_delimiter(first[0]):
        source = replace(source, open=translated(source.open, "", delimiter))
        first = _first_lines(source)
    top, *texts = (decode(line.rstrip(b"\n")) for line in first if line)
    header = tuple(fields_of(top, 0))
    rows = [fields_of(text, len(header)) for text in texts]
    if rows and len(rows[0]) == len(header) + 1 and rows[0][-1] == "":
        header = (*header, "")  # rows end with a comma, the header does not
    header = _published(header, extra)
    layouts, unrecognised = _recognised(header, exchange_of(header, rows, source.folder, known_layouts(extra)), extra)
    layouts = tuple(layout.stamped() if _holds_stamps(layout, header, rows) else layout for layout in layouts)
    named = [values.symbol(text) for text in symbols_in(header, rows, known_layouts(extra))]
    return VendorFile(source, header, layouts, unrecognised, any(found and found[1] for found in named), extra)


def _first_lines(source: Source) -> list[bytes]:
    with source.open() as stream:
        return [stream.readline(LONGEST_LINE) for _ in range(1 + FIRST_ROWS)]


def _holds_stamps(layout: Layout, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the time column contains dates with times, although the layout declares a clock."""
    at = header.index(layout.fields["time"].column)
    texts = [row[at] for row in rows if at < len(row)]
    return any(values.clock(text) is None and values.stamp(text) is not None for text in texts)


@functools.lru_cache(64)
def _published(header: tuple[str, ...], extra: tuple[str, ...]) -> tuple[str, ...]:
    """Return the header with published names in place of those that differ only in letter case, blanks or full-width forms.

    Of several published headers, the one with most columns in common is used.
    """

    def renamed(published: Sequence[str]) -> tuple[str, ...]:
        own = {normal_name(name): name for name in published}
        return tuple(name if name in published else own.get(normal_name(name), name) for name in header)

    known = {layout.header for layout in known_layouts(extra)}
    candidates = [header, *(renamed(published) for published in sorted(known))]
    return max(candidates, key=lambda names: max(len(frozenset(names) & frozenset(other)) for other in known))


@functools.lru_cache(64)
def _recognised(
    header: tuple[str, ...], suffix: str | None, extra: tuple[str, ...]
) -> tuple[tuple[Layout, ...], Unrecognised | None]:
    """Return the layouts of a header, cached: a day with a file per stock has thousands of files and a handful of headers."""
    layouts = tuple(recognise(header, suffix, known_layouts(extra)))
    return layouts, None if layouts else nearest(header, suffix, known_layouts(extra))


def read_pieces(file: VendorFile, size: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yield (bytes, number of lines) of the file's lines after its header, in pieces of about `size` bytes.

    Every line ends in a line end, the last included. Raises InputError where a line has more than LONGEST_LINE bytes, and one of
    UNREADABLE where the file is damaged.
    """
    with file.source.open() as stream:
        stream.readline(LONGEST_LINE)
        rest = np.empty(0, np.uint8)
        while True:
            buffer = np.empty(len(rest) + size, np.uint8)  # read into place, since a copy costs as much as reading
            buffer[: len(rest)] = rest
            filled = len(rest) + stream.readinto(memoryview(buffer)[len(rest) :])  # type: ignore[attr-defined, arg-type]
            if filled == len(rest):
                break
            cut = _last_line_end(buffer, filled) + 1
            if filled - cut > LONGEST_LINE:
                raise InputError(
                    f"{file.name} has {filled - cut} bytes without a line end, which cannot be a row. Deliver it again."
                )
            if cut:
                data = buffer[:cut] if 2 * cut > size else buffer[:cut].copy()  # keep no large buffer for a small file
                yield data, count_lines(data)
            rest = buffer[cut:filled]
        if rest.tobytes().strip(STRIPPED.encode()):
            yield np.append(rest, np.uint8(_LINE_END)), 1


def _last_line_end(data: np.ndarray, size: int) -> int:
    """Return the position of the last line end in the first `size` bytes; -1 where there is none."""
    for end in range(size, 0, -LONGEST_LINE):
        found = np.flatnonzero(data[max(end - LONGEST_LINE, 0) : end] == _LINE_END)
        if len(found):
            return max(end - LONGEST_LINE, 0) + int(found[-1])
    return -1


@dataclass
class Gatherer:
    """Combines pieces of files into blocks of about `size` bytes, in order.

    Small files with the same header share a block, so that a folder of thousands of files costs no more than one file.
    """

    size: int
    _pieces: list[np.ndarray] = field(default_factory=list)
    _parts: list[PieceOfFile] = field(default_factory=list)
    _bytes: int = 0
    _source: tuple[VendorFile, Layout] | None = None

    def add(
        self, data: np.ndarray, lines: int, file: VendorFile, layout: Layout, number: int, line: int
    ) -> Iterator[VendorLines]:
        """Add lines of file `number`, beginning with its line `line`; yield the block before them if it is complete."""
        if self._source is not None:
            other, same = self._source
            fits = self._bytes + len(data) <= self.size
            if not fits or (other.header, other.text_suffix, same) != (file.header, file.text_suffix, layout):
                yield from self.rest()
        row = self._parts[-1].row + self._parts[-1].lines if self._parts else 0
        self._source = (file, layout)
        self._pieces.append(data)
        self._bytes += len(data)
        self._parts.append(PieceOfFile(number, row, line, lines))

    def rest(self) -> Iterator[VendorLines]:
        """Yield the block that is still open, if any, and start a new one."""
        if self._source is not None:
            data = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)
            full = VendorLines(data, tuple(self._parts), *self._source)
            self._pieces, self._parts, self._bytes, self._source = [], [], 0, None
            yield full


# --- typing ---------------------------------------------------------------------------------------------------------------


def parse_lines(lines: VendorLines) -> ParsedBlock:
    """Parse the lines of a block into integers. Safe to call from several threads."""
    layout = lines.layout
    file = lines.file
    plan = _plan(file.header, layout.name, layout.table, file.text_suffix, layout.is_stamped, file.extra)
    read, rows, odd = parse(lines.data, lines.count, plan)
    columns = [pl.Series(LINE, rows).cast(pl.Int64)]
    for name in layout.fields:
        slot = plan.slots[name]
        column = pl.Series(name, read[slot])
        if len(rows) and read[slot].min() == NULL:
            column = column.set(pl.Series(read[slot] == NULL), None)
        columns.append(column)
    frame = pl.DataFrame(columns)
    rejected = pl.DataFrame(schema=REJECTED)
    blank: tuple[int, ...] = ()
    if len(odd):
        reread, rejected, blank = _reread(lines, odd[:, 0].tolist())
        if reread.height:
            frame = pl.concat([frame, reread]).sort(LINE)
    if layout.table != "quotes" and "seq" not in (*layout.fields, *layout.fixed):
        frame = frame.with_columns(seq=_places(lines, frame[LINE].to_numpy()))
    return ParsedBlock(lines, frame, rejected, blank)


def _places(lines: VendorLines, rows: np.ndarray) -> pl.Series:
    """Return a number for each row that ascends with its position in its file, and from file to file."""
    parts = lines.parts
    at = np.searchsorted([part.row for part in parts], rows, side="right") - 1
    before = np.array([(part.file << 32) + part.line - part.row for part in parts], np.int64)
    return pl.Series(before[at] + rows)


@functools.lru_cache(64)
def _plan(
    header: tuple[str, ...], name: str, table: str, text_suffix: bool, stamped: bool, extra: tuple[str, ...]
) -> ParsePlan:
    known = known_layouts(extra)
    layout = next(item for item in known if (item.name, item.table) == (name, table)).under(frozenset(header))
    layout = layout.stamped() if stamped else layout
    return ParsePlan.of(layout.fields, header, layout.exchange, text_suffix)


def _positions(header: Sequence[str], layout: Layout) -> dict[str, int]:
    """Return the position of each field in a line; of columns with the same name the first."""
    at = {name: i for i, name in reversed(list(enumerate(header)))}
    return {name: at[item.column] for name, item in layout.fields.items()}


def _reread(lines: VendorLines, rows: Sequence[int]) -> tuple[pl.DataFrame, pl.DataFrame, tuple[int, ...]]:
    """Return (typed, rejected, blank) of the rows that the parser could not parse, read value by value."""
    header, layout, text_suffix = lines.file.header, lines.layout, lines.file.text_suffix
    positions = _positions(header, layout)
    typed: list[tuple[int | None, ...]] = []
    rejected: list[tuple[int, str, str]] = []
    blank = []
    for row in rows:
        text = lines.text(row)
        parts = fields_of(text, len(header))
        if not text.strip(_NO_ROW) or all(map(values.is_nothing, parts)) or _is_header(parts, header, lines.file.extra):
            blank.append(row)
        elif len(parts) != len(header):
            fields = FIELDS_OF_LINE(fields=len(parts), header=len(header))
            rejected.append((row, OTHER_FIELDS().dumps(), fields.dumps()))
        else:
            found: list[int | None] = [row]
            for name, item in layout.fields.items():
                value = _value(parts[positions[name]], item, layout, text_suffix)
                if isinstance(value, _Fault):
                    rejected.append((row, value.rule.dumps(), value.reason.dumps()))
                    break
                found.append(value)
            else:
                typed.append(tuple(found))
    schema = dict.fromkeys((LINE, *layout.fields), pl.Int64)
    return (
        pl.DataFrame(typed, schema=schema, orient="row"),
        pl.DataFrame(rejected, schema=REJECTED, orient="row"),
        tuple(blank),
    )


def _is_header(parts: Sequence[str], header: Sequence[str], extra: tuple[str, ...]) -> bool:
    """Return whether a row repeats the file's header, as in files that were concatenated."""
    names = tuple(parts)[: len(header) - 1 if header[-1] == "" else None]
    own = tuple(header)[: len(names)] if header[-1] == "" else tuple(header)
    return len(names) == len(own) and normal_name(names[0]) == normal_name(own[0]) and _published(names, extra) == own


@dataclass(frozen=True)
class _Fault:
    """The rule that a field breaks, and the rule with the field's text."""

    rule: Reason
    reason: Reason


def _value(text: str, item: Field, layout: Layout, text_suffix: bool) -> int | _Fault | None:
    """Return the value of one field, or the rule that it breaks.

    Only a text that is no number, no date with time or no security breaks a rule here; other unreadable texts become null, which
    canonical.py judges.
    """
    if item.kind == "symbol":
        found = values.symbol(text)
        if found is None:
            return _wrong(item, text, NO_SECURITY())
        code, exchange = found
        if exchange != layout.exchange and (text_suffix or exchange):
            own = layout.exchange
            return _Fault(OTHER_EXCHANGE(exchange=own), SECURITY_OF_OTHER_EXCHANGE(cell=cut(text), exchange=own))
        return code
    if item.kind == "code":
        return values.code(text, item.codes)
    if values.is_nothing(text):
        return None
    if item.kind in ("stamp", "stamp_date"):
        stamp = values.stamp(text)
        return _wrong(item, text, NO_DATE_AND_TIME()) if stamp is None else stamp[item.kind == "stamp"]
    if item.kind == "clock":
        return values.clock(text)
    if item.kind == "date":
        return values.date(text)
    number = values.number(text, _PLACES[item.kind])
    if number is None:
        return _wrong(item, text, NO_NUMBER() if _PLACES[item.kind] else NOT_WHOLE())
    return number


def _wrong(item: Field, text: str, cause: Reason) -> _Fault:
    number, _, bits = text.partition(LOST_DIGITS)
    if bits in ("32", "64"):
        text, cause = number, DIGITS_LOST(bits=int(bits))
    rule = CELL_UNREADABLE(column=item.column, cause=cause)
    return _Fault(rule, CELL_AS_DELIVERED(column=item.column, cell=f"'{cut(text)}'", cause=cause))
