"""Reading vendor CSV files exactly and fast: opening, recognising, cutting into blocks, typing, setting bad rows aside.

Here: bytes → typed columns under canonical names, with line numbers. Not here: what a column means (layouts.py) and which
rows are valid trades, orders or quotes (canonical.py).

A block of whole lines whose comma count fits the header is parsed at polars' speed with types. Any other block, and any in
which polars finds a value of the wrong type, is parsed again as text, value by value, so that exactly the rows at fault
are set aside. GBK needs no decoding: its trail bytes are never a comma, a quote or a line end.
"""

import gzip
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
import polars as pl

from assets.ticks.layouts import Field, Layout, Unrecognised, exchange_of, nearest, recognise
from resources.errors import InputError

LINE = "line"
_SUFFIX = re.compile(r"^\d{6}\.[A-Z]{2}$")
_STRIPPED = ' "\r\t\0'
_TYPES = {"integer": pl.Int64, "ticks": pl.Int64, "price": pl.Float64, "money": pl.Float64}
FIRST_ROWS = 20
"""Rows that are asked which exchange they are of: the first alone may be damaged."""
UNREADABLE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError)
"""What the readers of gzip and zip raise on a file that is cut off, damaged, encrypted or of an unknown method."""


@dataclass(frozen=True)
class VendorFile:
    """A file and what its header says. `columns`: how many fields each line has. `text_suffix`: rows say 600519.SH."""

    path: Path
    name: str
    header: tuple[str, ...]
    layouts: tuple[Layout, ...]
    unrecognised: Unrecognised | None
    text_suffix: bool

    def layout(self, table: str) -> Layout | None:
        return next((layout for layout in self.layouts if layout.table == table), None)


@dataclass(frozen=True)
class Block:
    """Part of a file. frame: `line` and one column per field of the layout (text kinds as String). rejected: line, reason
    of rows that could not even be split or typed. lines: how many rows stood there. text: the bytes."""

    frame: pl.DataFrame
    rejected: pl.DataFrame
    lines: int
    first_line: int
    text: bytes

    def line_texts(self, lines: Sequence[int]) -> list[str]:
        """The text of lines by their number in the file."""
        rows = self.text.split(b"\n")
        return [decode(rows[line - self.first_line]).strip("\r")[:1000] for line in lines]


def is_data(path: Path) -> bool:
    """Whether a file's name says that it holds data: .csv, .csv.gz or .zip."""
    return path.name.lower().endswith((".csv", ".csv.gz", ".zip"))


def decode(data: bytes) -> str:
    """UTF-8 (with or without a byte order mark), else GBK."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("gbk", errors="replace")


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The CSV bytes of a .csv, .csv.gz or one-member .zip; nothing is unpacked to disk."""
    lower = path.name.lower()
    if lower.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            if len(members) != 1:
                raise InputError(
                    f"{path}: a .zip must hold exactly one .csv, this one holds {len(members)} files. Deliver one per archive."
                )
            inner = PurePosixPath(members[0].filename.replace("\\", "/"))
            if inner.is_absolute() or ".." in inner.parts or inner.suffix.lower() != ".csv":
                raise InputError(
                    f"{path}: its member {members[0].filename!r} is refused: a member is a .csv and its path stays inside the "
                    "archive. Pack the file again."
                )
            with archive.open(members[0]) as stream:
                yield stream
    elif lower.endswith(".gz"):
        with gzip.open(path, "rb") as stream:
            yield stream  # type: ignore[misc]
    else:
        with path.open("rb") as stream:
            yield stream


def inspect(path: Path, name: str) -> VendorFile:
    """Reads a file's header and first rows and recognises its layout."""
    with open_bytes(path) as stream:
        lines = [decode(line.rstrip(b"\n")).split(",") for line in islice(stream, 1 + FIRST_ROWS)] or [[""]]
    header, *rows = ([part.strip(_STRIPPED) for part in line] for line in lines)
    if rows and len(rows[0]) == len(header) + 1 and rows[0][-1] == "":
        header = [*header, ""]  # rows end in a comma, the header does not
    layouts = tuple(recognise(header, exchange_of(header, rows, path.parent.name)))
    text_suffix = any(_SUFFIX.match(value) for row in rows for value in row)
    return VendorFile(path, name, tuple(header), layouts, None if layouts else nearest(header), text_suffix)


def read_blocks(file: VendorFile, layout: Layout, size: int) -> Iterator[Block]:
    """The file's rows, typed, in blocks of about `size` bytes."""
    first_line = 2
    with open_bytes(file.path) as stream:
        stream.readline()
        rest = b""
        while chunk := stream.read(size):
            data = rest + chunk
            cut = data.rfind(b"\n") + 1
            rest = data[cut:]
            if cut:
                block = _parse(data[:cut], first_line, file.header, layout)
                first_line += block.lines
                yield block
        if rest.strip():
            yield _parse(rest, first_line, file.header, layout)


def _parse(data: bytes, first_line: int, header: Sequence[str], layout: Layout) -> Block:
    codes = np.frombuffer(data, np.uint8)
    lines = int(np.count_nonzero(codes == ord("\n"))) + (not data.endswith(b"\n"))
    fits = int(np.count_nonzero(codes == ord(","))) == lines * (len(header) - 1)
    frame = _parse_typed(data, header, layout, lines) if fits else None
    if frame is not None:
        rejected = pl.DataFrame(schema={LINE: pl.Int64, "reason": pl.String})
        numbered = frame.with_columns(pl.int_range(first_line, first_line + lines, dtype=pl.Int64).alias(LINE))
    else:
        numbered, rejected = _parse_text(data, first_line, header, layout)
    return Block(numbered, rejected, lines, first_line, data)


def _parse_typed(data: bytes, header: Sequence[str], layout: Layout, lines: int) -> pl.DataFrame | None:
    """The block with polars' own types, or None where a value does not fit its type or a line its length."""
    position = {name: i for i, name in reversed(list(enumerate(header)))}
    kinds = {position[field.column]: _TYPES.get(field.kind, pl.String) for field in layout.fields.values()}
    schema = {f"c{i}": kinds.get(i, pl.String) for i in range(len(header))}
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            schema=schema,
            columns=sorted(kinds),
            encoding="utf8-lossy",
            quote_char='"' if b'"' in data else None,
        )
    except pl.exceptions.PolarsError:
        return None
    if frame.height != lines:
        return None
    return frame.select(pl.col(f"c{position[field.column]}").alias(name) for name, field in layout.fields.items())


def _parse_text(
    data: bytes, first_line: int, header: Sequence[str], layout: Layout
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The block value by value, as text: forgives blanks, quotes and 100.0 for 100; sets aside what is still wrong."""
    rows = pl.DataFrame({"text": decode(data).removesuffix("\n").split("\n")}).with_columns(
        pl.int_range(pl.len(), dtype=pl.Int64).alias(LINE) + first_line,
        fields=pl.col("text").str.count_matches(",", literal=True) + 1,
    )
    rows = rows.filter(pl.col("text").str.strip_chars(_STRIPPED) != "")
    whole = rows.filter(pl.col("fields") == len(header))
    uneven = rows.filter(pl.col("fields") != len(header)).select(
        LINE, reason=pl.format("has {} fields where the header has {}", "fields", len(header))
    )
    if whole.is_empty():
        empty = {name: _TYPES.get(field.kind, pl.String) for name, field in layout.fields.items()}
        return pl.DataFrame(schema={**empty, LINE: pl.Int64}), uneven
    position = {name: i for i, name in reversed(list(enumerate(header)))}
    split = whole.select(LINE, parts=pl.col("text").str.split(","))
    texts = split.select(
        LINE,
        *(
            pl.col("parts").list.get(position[field.column]).str.strip_chars(_STRIPPED).alias(name)
            for name, field in layout.fields.items()
        ),
    )
    wrong: list[pl.Expr] = []
    typed: list[pl.Expr] = []
    for name, field in layout.fields.items():
        value = pl.when(pl.col(name) != "").then(pl.col(name))
        if field.kind in _TYPES:
            number = value.cast(pl.Float64, strict=False)
            number = pl.when(number.is_finite()).then(number)
            if _TYPES[field.kind] == pl.Int64:
                whole_number = pl.when(number == number.round()).then(number).cast(pl.Int64, strict=False)
                number = pl.coalesce(value.cast(pl.Int64, strict=False), whole_number)
            kind = "whole number" if _TYPES[field.kind] == pl.Int64 else "number"
            wrong.append(
                pl.when(value.is_not_null() & number.is_null()).then(
                    pl.format("{} = '{}' is no {}", pl.lit(field.column), pl.col(name), pl.lit(kind))
                )
            )
            typed.append(number.alias(name))
        else:
            typed.append(value.alias(name))
    judged = texts.select(LINE, *typed, reason=pl.coalesce(*wrong))
    rejected = pl.concat([uneven, judged.filter(pl.col("reason").is_not_null()).select(LINE, "reason")]).sort(LINE)
    return judged.filter(pl.col("reason").is_null()).drop("reason"), rejected


def clock_ms(text: pl.Series) -> pl.Series:
    """Milliseconds since midnight from HH:MM:SS[.mmm] or HHMMSSmmm; null where a value is neither."""
    if (text.str.len_bytes() == 12).all():  # what exchanges write, at four slices a value
        hours, minutes, seconds, thousandths = (
            text.str.slice(at, width).cast(pl.Int32, strict=False) for at, width in ((0, 2), (3, 2), (6, 2), (9, 3))
        )
    else:
        packed = (text.str.len_bytes() == 8) & ~text.str.contains(
            ":", literal=True
        )  # HMMSSmmm: the hour's 0 was dropped
        text = text.zip_with(~packed.fill_null(False), text.str.zfill(9))
        parts = text.str.extract_groups(r"^(\d{1,2}):?(\d{2}):?(\d{2})(?:\.?(\d{1,3}))?$").struct
        hours, minutes, seconds = (parts.field(str(i)).cast(pl.Int32, strict=False) for i in (1, 2, 3))
        thousandths = parts.field("4").fill_null("").str.pad_end(3, "0").cast(pl.Int32, strict=False)
        thousandths = thousandths.set(hours.is_null(), None)
    total = hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + thousandths
    return total.set(((hours > 23) | (minutes > 59) | (seconds > 59)).fill_null(True), None)


def field_values(typed: pl.Series, field: Field) -> pl.Series:
    """A column as the integers it stands for: 1/10 000 yuan, shares, ms since midnight, a code's meaning. Null where the
    vendor left it empty, or where a text says nothing the layout knows."""
    match field.kind:
        case "integer" | "ticks":
            return typed
        case "price" | "money":
            return (typed * 10_000).round().cast(pl.Int64, strict=False)
        case "code":
            known, meaning = list(field.codes), list(field.codes.values())
            if "" in field.codes:
                typed = typed.fill_null("")
            return typed.str.strip_chars(_STRIPPED).replace_strict(known, meaning, default=None, return_dtype=pl.Int8)
        case "clock":
            return clock_ms(typed.str.strip_chars(_STRIPPED))
        case "date":
            return typed.str.replace_all(r"[^0-9]", "").cast(pl.Int32, strict=False)
        case "symbol":
            return typed.str.strip_chars(_STRIPPED).str.head(6).cast(pl.Int32, strict=False)
