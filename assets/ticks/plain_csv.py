"""Translates deliveries in Parquet, in UTF-16 or with other delimiters into comma-separated bytes.

This module provides streams of bytes that the rest of the stage reads like any CSV file, a bounded piece at a time. The meaning
of columns is declared in layouts/; archives are opened and headers recognised in vendor_files.py.

With one reader for all deliveries, a tape in Parquet is judged by the same rules as the same tape in CSV, row by row. A comma
inside a value is represented by INNER_COMMA in these bytes.
"""

import codecs
import io
import unicodedata
from collections.abc import Callable, Collection, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

import polars as pl

from resources.errors import InputError

LINE = "line"
"""Column of a block's rows: the position of each row's line in the block."""

INNER_COMMA = "\x1f"
"""Represents a comma inside a value, where the file's own delimiter is not the comma."""
LOST_DIGITS = "\x1e"
"""Represents, after a number and before 32 or 64, that a float of so many bits is too large to represent the number exactly."""
DELIMITERS = "\t;|"
"""Delimiters besides the comma, in the order of preference where a header has equally many."""
_PIECE = 1 << 20  # bytes
_PIPE = "|"
_CELL = 16  # estimated bytes of a value of a Parquet file as text
_WHOLE: dict[Any, float] = {pl.Float32: 2.0**24, pl.Float64: 2.0**53}
"""From this value on, a float of the type cannot represent every whole number."""
_CENTS = 2.0**17
"""From this value on, a 32-bit float cannot represent every cent."""


def as_delivered(text: str) -> str:
    """Return a text of the stream with a comma for INNER_COMMA, and "as float32" for LOST_DIGITS and 32."""
    text = text.replace(INNER_COMMA, ",")
    return text.replace(f"{LOST_DIGITS}32", " as float32").replace(f"{LOST_DIGITS}64", " as float64")


def normal_name(name: str) -> str:
    """Return a column's name without blanks, letter case and full-width forms, which spreadsheets change."""
    return "".join(unicodedata.normalize("NFKC", name).split()).casefold()


def wide_encoding(first: bytes) -> str:
    """Return the encoding if the first bytes of a file are UTF-16, with or without a byte order mark; else ""."""
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    sample = first[:64]
    if len(sample) >= 4 and not any(sample[1::2]):
        return "utf-16-le"
    return "utf-16-be" if len(sample) >= 4 and not any(sample[::2]) else ""


def other_delimiter(header: bytes) -> str:
    """Return the delimiter of a header without commas; "" where it has commas, or none of the other delimiters."""
    if b"," in header:
        return ""
    counts = {mark: header.count(mark.encode()) for mark in DELIMITERS}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else ""


def translated(open_source: Callable[[], IO[bytes]], encoding: str, delimiter: str) -> Callable[[], IO[bytes]]:
    """Return a function that opens a source as UTF-8 (if an encoding is named) and with commas (if a delimiter is named)."""
    return partial(_stream, partial(_translate, open_source, encoding, delimiter))


def parquet_as_csv(path: Path, name: str, read: Collection[str], size: int) -> Callable[[], IO[bytes]]:
    """Return a function that opens a Parquet file as CSV, with a header of all its columns.

    read: normalised names (`normal_name`) of the columns that some layout reads; the values of other columns are left empty.
    size: approximate bytes of text per piece. Memory depends on it and on the pages of the file, not on its row groups.

    Reading the stream raises InputError where a column has a type that no field of a tick can have.
    """
    return partial(_stream, partial(_parquet_pieces, path, name, read, size))


# --- streams of pieces ----------------------------------------------------------------------------------------------------


class _Pieces(io.RawIOBase):
    def __init__(self, pieces: Generator[bytes, None, None]):
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def close(self) -> None:
        if not self.closed:
            self._pieces.close()  # and what the generator opened
        super().close()


def _stream(pieces: Callable[[], Generator[bytes, None, None]]) -> IO[bytes]:
    return io.BufferedReader(_Pieces(pieces()), _PIECE)


def _translate(open_source: Callable[[], IO[bytes]], encoding: str, delimiter: str) -> Generator[bytes, None, None]:
    swap = bytes.maketrans(f"{delimiter},".encode(), f",{INNER_COMMA}".encode()) if delimiter else None
    pieces = _decoded(open_source, encoding) if encoding else _read(open_source)
    if delimiter == _PIPE and not encoding:  # unlike the other delimiters, it may be the second byte of a GBK character
        pieces = _utf8_lines(pieces)
    for piece in pieces:
        yield piece if swap is None else piece.translate(swap)


def _read(open_source: Callable[[], IO[bytes]]) -> Iterator[bytes]:
    with open_source() as stream:
        buffer = bytearray(_PIECE)
        while count := stream.readinto(buffer):  # type: ignore[attr-defined]
            yield bytes(buffer[:count])


def _decoded(open_source: Callable[[], IO[bytes]], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    for piece in _read(open_source):
        yield decoder.decode(piece).encode()
    yield decoder.decode(b"", final=True).encode()


def _utf8_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        whole, end, rest = (rest + piece).rpartition(b"\n")
        yield _utf8(whole + end)
    yield _utf8(rest)


def _utf8(data: bytes) -> bytes:
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("gbk", errors="replace").encode()
    return data


# --- Parquet --------------------------------------------------------------------------------------------------------------


def _parquet_pieces(path: Path, name: str, read: Collection[str], size: int) -> Generator[bytes, None, None]:
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        reader = pq.ParquetFile(file, pre_buffer=False, buffer_size=_PIECE)
        names = reader.schema_arrow.names
        yield ",".join(_one_cell(column) for column in names).encode() + b"\n"
        kept = [column for column in names if normal_name(column) in read]
        if not kept or len(set(names)) < len(names):  # no layout fits such a header
            return
        rows = max(size // (_CELL * len(kept)), 1)
        for batch in reader.iter_batches(batch_size=rows, columns=kept):
            frame = pl.DataFrame(pl.from_arrow(batch))
            texts = {column: _as_text(frame[column], name) for column in kept}
            plain = [
                texts.get(column, pl.Series([""], dtype=pl.String).new_from_index(0, frame.height)) for column in names
            ]
            table = pl.DataFrame([series.alias(str(at)) for at, series in enumerate(plain)])
            yield table.write_csv(
                include_header=False, quote_style="never", float_scientific=False, null_value=""
            ).encode()


def _one_cell(text: str) -> str:
    return text.replace(",", INNER_COMMA).replace("\n", " ").replace("\r", " ")


def _as_text(series: pl.Series, name: str) -> pl.Series:
    """Return a column in a form that `write_csv` writes as vendors do."""
    dtype = series.dtype
    if dtype in (pl.Float32, pl.Float64):
        return _exact(series)
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is not None:
            series = series.dt.convert_time_zone("Asia/Shanghai").dt.replace_time_zone(None)
        midnight = bool((series.drop_nulls() == series.drop_nulls().dt.truncate("1d")).all())
        return series.dt.to_string("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M:%S%.3f")
    if dtype == pl.Date:
        return series.dt.to_string("%Y-%m-%d")
    if dtype == pl.Time:
        return series.dt.to_string("%H:%M:%S%.3f")
    if dtype.is_numeric() or dtype in (pl.Boolean, pl.Null):
        return series
    if dtype in (pl.String, pl.Binary) or isinstance(dtype, pl.Categorical | pl.Enum):
        text = series.cast(pl.String, strict=False)
        return text.str.replace_all(",", INNER_COMMA, literal=True).str.replace_all(r"[\r\n]", " ")
    raise InputError(
        f"{name}: column {series.name} has the type {dtype}, which no field of a tick can have. Deliver numbers, text or timestamps."
    )


def _exact(series: pl.Series) -> pl.Series:
    """Return floats as numbers, with NaN as null; a number too large to be exact becomes a text with LOST_DIGITS."""
    known = series.fill_nan(None)
    finite = known.filter(known.is_finite().fill_null(False))
    whole = bool((finite == finite.round()).all())
    limit = _WHOLE[type(series.dtype)] if whole or series.dtype == pl.Float64 else _CENTS
    lossy = (known.abs() >= limit).fill_null(False) & known.is_finite().fill_null(False)
    if lossy.any():
        bits = 32 if series.dtype == pl.Float32 else 64
        named = pl.select(pl.when(lossy).then(pl.format(f"{{}}{LOST_DIGITS}{bits}", known)))
        text = pl.select(pl.when(lossy).then(named.to_series()).otherwise(known.cast(pl.String)))
        return text.to_series().alias(series.name)
    if whole and len(finite) == len(known.drop_nulls()):
        return known.cast(pl.Int64)
    return (
        known.cast(pl.String) if series.dtype == pl.Float32 else known
    )  # as text, a 32-bit 1801.01 stays 1801.01; widened to 64 bits it would not
