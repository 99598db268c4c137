"""Reads the file of a delivered table into a frame of unparsed cells, with recognised column names.

This module handles the encodings, separators and headers of CSV files, Parquet files, and lines that do not fit the header. It does
not interpret cells (values.py) or columns (reference_forms.py, bar_forms.py).
"""

import contextlib
import csv
import io
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from resources.errors import InputError, machine_faults
from resources.reasons import Code
from resources.values import BLANKS

SEPARATORS = (",", ";", "\t", "|")
LONGEST_HEADER = 100_000
"""Characters. A file with a longer first line is damaged: it holds zeros after a power cut, or has no line ends."""
TOO_MANY_FIELDS = Code("too_many_fields", ("fields", "header"))
_NAMED_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)  # a first line in which spreadsheets state the separator


@dataclass(frozen=True)
class DeliveredTable:
    """A delivered table.

    frame: the columns as delivered, with wanted columns under their canonical names. bad_rows: for each row the reason
    (`Reason.dumps`) why its line does not fit the header, else null.
    """

    frame: pl.DataFrame
    bad_rows: pl.Series


def read_delivered(path: Path, wanted: Collection[str]) -> DeliveredTable:
    """Read a .parquet or .csv file.

    Args:
        path: the file.
        wanted: the names of the columns to find; case and blanks are ignored.

    Raises:
        InputError: the file is not readable as its kind, is empty, or has two columns of the same name.
        MachineError: the machine failed.
    """
    if path.suffix == ".parquet":
        frame = read_parquet(path)
        return DeliveredTable(_named(frame, wanted, path), _no_reasons(frame.height))
    return _read_csv(path, wanted)


def read_parquet(path: Path) -> pl.DataFrame:
    """Read a Parquet file.

    Raises:
        InputError: the content is not valid Parquet.
        MachineError: the machine failed.
    """
    with machine_faults(path):
        data = path.read_bytes()  # read separately: an error in parsing the bytes is the file's fault
    try:
        return pl.read_parquet(data)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(f"{path} is no readable Parquet file ({error}). Deliver it again.") from error


def _read_csv(path: Path, wanted: Collection[str]) -> DeliveredTable:
    with machine_faults(path):
        data = path.read_bytes()
    text = _decoded(data)
    lines = text.lstrip("\r\n")
    first = lines.split("\n", 1)[0].strip()
    named = _NAMED_SEPARATOR.fullmatch(first)
    if named:
        lines = lines.split("\n", 1)[1] if "\n" in lines else ""
        first = lines.split("\n", 1)[0].strip()
    if not first:
        raise InputError(f"{path} is empty. Deliver it again, with a header row.")
    if len(first) > LONGEST_HEADER:
        raise InputError(
            f"{path} begins with a line of {len(first)} characters, which is no header: the file is damaged or is no CSV file. Deliver "
            "it again, with a header row."
        )
    separator = named[1] if named else _separator(first, wanted)
    header = [_folded(name) for name in next(csv.reader([first], delimiter=separator, skipinitialspace=True))]
    _refuse_twins([name for name in header if name in wanted], path)
    try:
        frame = pl.read_csv(lines.encode(), separator=separator, infer_schema=False, glob=False)
        bad = _no_reasons(frame.height)
    except pl.exceptions.PolarsError:  # a line has more fields than the header; it is set aside below
        frame, bad = _line_by_line(lines, separator, path)
    empty = frame.select(
        pl.all_horizontal(pl.all().str.strip_chars(BLANKS).fill_null("") == "") if frame.width else pl.lit(True)
    ).to_series()
    if empty.any() and frame.height:  # blank lines, and lines with nothing but separators
        keep = ~(empty & bad.is_null())
        frame, bad = frame.filter(keep), bad.filter(keep)
    return DeliveredTable(_named(frame, wanted, path), bad)


def _decoded(data: bytes) -> str:
    """Decode UTF-8, UTF-16 with or without a byte order mark, or else GBK."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif data[1:2] == b"\0":
        encodings = ["utf-16-le"]
    elif data[:1] == b"\0":
        encodings = ["utf-16-be"]
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            return _unix_lines(data.decode(encoding))
    # values.py sets cells with replaced bytes aside.
    return _unix_lines(data.decode(encodings[-1], errors="replace"))


def _unix_lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _separator(header: str, wanted: Collection[str]) -> str:
    """The separator with which the header has the most wanted columns, then the most columns; the comma among equals."""

    def score(separator: str) -> tuple[int, int]:
        names = next(csv.reader([header], delimiter=separator, skipinitialspace=True))
        return len({_folded(name) for name in names} & set(wanted)), len(names)

    return max(SEPARATORS, key=score)


def _line_by_line(text: str, separator: str, path: Path) -> tuple[pl.DataFrame, pl.Series]:
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    try:
        header = next(reader)
        rows, reasons = [], []
        for row in reader:
            while len(row) > len(header) and not row[-1].strip(BLANKS):
                row.pop()
            fits = len(row) <= len(header)
            reasons.append(None if fits else TOO_MANY_FIELDS(fields=len(row), header=len(header)).dumps())
            rows.append([*row, *([None] * (len(header) - len(row)))] if fits else [None] * len(header))
    except csv.Error as error:
        raise InputError(f"{path} is no readable CSV file ({error}). Deliver it again, with a header row.") from error
    first = {name: at for at, name in reversed([*enumerate(header)])}
    names = [name if first[name] == at else f"{name} (column {at + 1})" for at, name in enumerate(header)]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return frame, pl.Series("reason", reasons, pl.String)


def _folded(name: str) -> str:
    """Normalise a header: `Pre Close`, " pre_close" and PRE-CLOSE become pre_close."""
    return re.sub(r"[\s\-]+", "_", unicodedata.normalize("NFKC", name).strip(BLANKS).lower())


def _named(frame: pl.DataFrame, wanted: Collection[str], path: Path) -> pl.DataFrame:
    """Rename wanted columns to their canonical names. Raises InputError where two columns have the same name."""
    found = {name: folded for name in frame.columns if (folded := _folded(name)) in wanted}
    _refuse_twins(list(found.values()), path)
    return frame.rename(found)


def _refuse_twins(names: list[str], path: Path) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise InputError(
            f"{path} has more than one column {', '.join(twins)} (letter case and blanks are ignored). Keep one of each."
        )


def _no_reasons(height: int) -> pl.Series:
    return pl.Series("reason", [None], pl.String).new_from_index(0, height)
