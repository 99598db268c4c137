"""Small landing zones, and the forms in which other systems write the same tables, for tests of the readers."""

import csv
import datetime as dt
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from resources.landing import LandingZone
from resources.reference_tables import REFERENCE

DAYS = [dt.date(2023, 1, 30), dt.date(2023, 1, 31), dt.date(2023, 2, 1)]
SYMBOLS = ["600101.SH", "601103.SH", "688104.SH", "000201.SZ", "002203.SZ", "300204.SZ"]
INDEX = "000905.SH"


def plain_tables() -> dict[str, pl.DataFrame]:
    """Every reference table in the documented form: six stocks, three days."""
    days = []
    for n, day in enumerate(DAYS):
        for m, symbol in enumerate(SYMBOLS):
            close = 10 + m + n / 4
            volume = 818_600 + 1_000 * m + 100 * n
            days.append((day, symbol, close, close, close + 0.5, close - 0.5, close, volume, volume * close, 120_000_000 + m, 200_000_000 + m, m == 1))  # fmt: skip
    rows = {
        "daily_prices": days,
        "instruments": [(symbol, dt.date(2010, 1, 4 + m), None) for m, symbol in enumerate(SYMBOLS)],
        "index_weights": [(INDEX, DAYS[0], symbol, 1 / 8 if m < 4 else 1 / 4) for m, symbol in enumerate(SYMBOLS)],
        "index_prices": [(INDEX, day, 6000.5 + n) for n, day in enumerate(DAYS)],
        "industries": [(symbol, dt.date(2010, 1, 4), "steel") for symbol in SYMBOLS],
    }
    tables = {name: pl.DataFrame(rows, schema=REFERENCE[name].required, orient="row") for name, rows in rows.items()}
    return {
        name: table.with_columns(
            pl.lit(None, dtype).alias(column) for column, dtype in REFERENCE[name].optional.items()
        )
        for name, table in tables.items()
    }


Spelling = Callable[[Any], str]
SPELLINGS: Mapping[Any, list[Spelling]] = {
    pl.Date: [
        str, lambda d: f"{d.year}-{d.month}-{d.day}", lambda d: f"{d.year}/{d.month}/{d.day}", lambda d: f"{d:%Y.%m.%d}",
        lambda d: f"{d:%Y%m%d}", lambda d: f"{d:%Y%m%d}.0", lambda d: f"{d} 00:00:00", lambda d: f"{d}T00:00:00+08:00",
    ],
    pl.Int64: [str, lambda n: f"{n:,}", lambda n: f"{n}.0", lambda n: f" {n} ", lambda n: f"{n:,}.00"],
    pl.Float64: [repr, lambda x: f" {x!r}", lambda x: f"+{x!r}"],
    pl.Boolean: [
        lambda b: "TRUE" if b else "FALSE", lambda b: str(b), lambda b: "Y" if b else "N", lambda b: "是" if b else "否",
        lambda b: "1" if b else "0", lambda b: str(b).lower(),
    ],
    pl.String: [str, lambda s: f" {s}"],
}  # fmt: skip
NOTHINGS = ["", "--", "NULL", "nan", "None", "N/A"]
SYMBOL_SPELLINGS: list[Spelling] = [
    str, str.lower, lambda s: s[:6], lambda s: s[7:] + s[:6], lambda s: f"{s[7:].lower()}.{s[:6]}",
    lambda s: s[:6] + {"SH": ".XSHG", "SZ": ".XSHE"}[s[7:]], lambda s: f"{s[:6]}\t",
]  # fmt: skip
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gbk"]


def as_csv(
    frame: pl.DataFrame,
    *,
    separator: str = ",",
    encoding: str = "utf-8",
    header: Spelling = str,
    spell: Callable[[str, Any, Any], str] = lambda column, dtype, value: "" if value is None else str(value),
    trailing: bool = False,
    blank_lines: bool = False,
    newline: str = "\n",
) -> bytes:
    """Write a CSV file. spell: (column, type, value) → the cell's text."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator=newline)
    extra = [""] if trailing else []
    writer.writerow([header(name) for name in frame.columns] + extra)
    for row in frame.iter_rows():
        writer.writerow(
            [spell(name, frame.schema[name], value) for name, value in zip(frame.columns, row, strict=True)] + extra
        )
        if blank_lines:
            buffer.write(newline)
    return buffer.getvalue().encode(encoding)


def land(root: Path, tables: Mapping[str, pl.DataFrame | bytes]) -> Path:
    """Write a landing zone: frames as Parquet, bytes as CSV."""
    (root / "reference").mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        if isinstance(table, bytes):
            (root / "reference" / f"{name}.csv").write_bytes(table)
        else:
            table.write_parquet(root / "reference" / f"{name}.parquet")
    return root


def read(root: Path, name: str, **how: Any) -> pl.DataFrame:
    """A reference table as it is read, without the columns NOTES."""
    frame = LandingZone(root, **how).frame(name)
    assert frame is not None
    return frame
