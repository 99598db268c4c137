"""Reference tables as delivered → the documented form of SPEC §2.1: types, symbols, units and codes, in one place.

Here: what the settings section `landing` declares, applied to reference tables, and what cannot be read of a row. Not here:
the rules that rows must keep (assets/reference) and the form of files (delivered_files.py).
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from resources.delivered_files import DeliveredTable
from resources.errors import InputError
from resources.settings.landing import LandingSettings
from resources.symbols import StockCodes, index_ranges, read_symbols
from resources.values import BLANKS, Stamps, counted, put, read_column, shown

UNREADABLE, DELIVERED = "unreadable", "delivered"
"""Columns beside those of a reference table: why a row cannot be read ("volume is no number"), and the cell as delivered.
Both are null in every row that can be read."""
NOTES: dict[str, Any] = {UNREADABLE: pl.String, DELIVERED: pl.String}
LOT = 100
UNITS = {
    "shares": 1, "lots": LOT, "ten_thousand_shares": 10_000,
    "yuan": 1, "thousand_yuan": 1_000, "ten_thousand_yuan": 10_000,
    "fraction": 1, "percent": 0.01,
}  # fmt: skip
"""What one of a delivered unit is in shares, yuan or fractions."""
PRICES = ("pre_close", "open", "high", "low", "close", "limit_up", "limit_down")
SYMBOLS = ("symbol", "old", "new")
FACTOR = "adjust_factor"
_NO_FACTOR = 1e-9  # how far a factor of adjustment may be from 1 and change nothing
NO_LIMIT = 10**12  # yuan: the highest reference.no_limit_from
_SHOWN = 3  # rows spelled out in a message
_HEAD = 1000


@dataclass(frozen=True)
class ReferenceForm:
    """What is to be read of one table. known: the column with the date on which a row became known."""

    name: str
    known: str
    required: Mapping[str, Any]
    optional: Mapping[str, Any]

    @property
    def columns(self) -> dict[str, Any]:
        return {**self.required, **self.optional}


@dataclass(frozen=True)
class Undated:
    """The rows of a table that cannot be placed in time: how many, and what must be said of them."""

    rows: int
    remark: str


@dataclass(frozen=True)
class ReadTable:
    """frame: the form's columns and NOTES, one row per delivered row that can be placed in time. undated: the rows that cannot;
    None where there are none."""

    frame: pl.DataFrame
    undated: Undated | None = None


def wanted_columns(form: ReferenceForm, settings: LandingSettings) -> dict[str, Any]:
    """The columns that are looked for in the file, with their types."""
    return form.columns | ({FACTOR: pl.Float64} if _adjusted(form.name, settings) else {})


def scales(name: str, settings: LandingSettings) -> dict[str, float]:
    """Column → what one delivered unit is in the unit of SPEC §2.1, where it is not 1."""
    days, indices, fundamentals = settings.daily_prices, settings.indices, settings.fundamentals
    units: dict[str, dict[str, str]] = {
        "daily_prices": {
            "volume": days.volume_unit,
            "amount": days.amount_unit,
            "float_shares": days.share_unit,
            "total_shares": days.share_unit,
        },
        "index_weights": {"weight": indices.weight_unit},
        "fundamentals": {"net_profit": fundamentals.amount_unit, "equity": fundamentals.amount_unit},
    }
    return {column: UNITS[unit] for column, unit in units.get(name, {}).items() if UNITS[unit] != 1}


def read_reference(
    form: ReferenceForm,
    delivered: DeliveredTable,
    path: Path,
    settings: LandingSettings,
    stocks: StockCodes | None = None,
) -> ReadTable:
    """A delivered table in the documented form, sorted by the date on which its rows became known.

    stocks: the codes of stocks by day, of the shipped rulebook where absent. A cell that cannot be read is null, and its row says why
    in the columns NOTES. Raises InputError where a column is
    missing, where no row can be read, or where more rows than `max_undated_share` and `always_undated_rows` allow have no date.
    """
    raw = with_finite_limits(delivered.frame)
    wanted = wanted_columns(form, settings)
    _require_columns(form, wanted, raw, path)
    stamps = Stamps(settings.time_zone, settings.date_order)
    factors = scales(form.name, settings)
    columns: list[pl.Series] = []
    cells = delivered.bad_rows
    reasons = cells.set(cells.is_not_null(), "the line does not fit the header")
    for column, dtype in wanted.items():
        if column not in raw.columns:
            columns.append(pl.Series(column, [None], dtype).new_from_index(0, raw.height))
            continue
        if column in SYMBOLS:
            columns.append(raw[column].alias(column))  # read below, by the date of its row
            continue
        if column == "index":
            columns.append(_index_codes(raw[column], settings).alias(column))
            continue
        read = read_column(raw[column], dtype, stamps=stamps, scale=factors.get(column, 1))
        columns.append(read.values.alias(column))
        if read.faulty:
            first = read.reasons.is_not_null() & reasons.is_null()
            bad, why = raw[column].filter(first).to_list(), read.reasons.filter(first).to_list()
            reasons = put(reasons, first, pl.Series([f"{column} {reason}" for reason in why], dtype=pl.String))
            cells = put(cells, first, pl.Series([f"{column} = {shown(cell)}" for cell in bad], dtype=pl.String))
    frame = pl.DataFrame(columns).with_columns(reasons.alias(UNREADABLE), cells.alias(DELIVERED))
    codes = stocks or StockCodes.of()
    frame = frame.with_columns(
        codes.read(raw[column], frame[form.known], settings.exchanges).alias(column)
        for column in SYMBOLS
        if column in wanted and column in raw.columns
    )
    if _adjusted(form.name, settings):
        frame = raw_prices(frame)
    _refuse_unusable(form, frame, path)
    dated = frame[form.known].is_not_null()
    undated = None
    if not dated.all():
        undated = _undated(form, frame.filter(~dated), raw.filter(~dated), frame.height, path, settings)
    order = [form.known, *(column for column in ("index", "symbol", "period", "date") if column in frame.columns)]
    known = frame.filter(dated).sort(list(dict.fromkeys(order)), maintain_order=True)
    return ReadTable(numbered_versions(known) if form.name == "fundamentals" else known, undated)


def numbered_versions(announced: pl.DataFrame) -> pl.DataFrame:
    """Rows of one announcement (symbol, period, announce_date) that carry no `version` are numbered in the order in which they
    were delivered, so that the later one counts and a change of their order is a change of the data."""
    key = ("symbol", "period", "announce_date")
    several = (pl.len().over(key) > 1) & (pl.col("version").count().over(key) == 0)
    return announced.with_columns(version=pl.when(several).then(pl.int_range(pl.len()).over(key)).otherwise("version"))


def raw_prices(frame: pl.DataFrame) -> pl.DataFrame:
    """Prices as traded from adjusted ones, of reference tables and of bars: divided by the factor, which is dropped.

    Adjusted prices that are all rounded to the cent are half a cent / factor away from the raw price. Where the factor is 1 or more
    that is the nearest cent; where it is less several cents may be meant, and the row cannot be read. Others are given to the
    hundredth of a cent. A row with prices and without a factor above 0 cannot be read either.
    """
    names = [name for name in PRICES if name in frame.columns]
    priced = pl.any_horizontal((pl.col(name) > 0).fill_null(False) for name in names)
    known = (pl.col(FACTOR) > 0).fill_null(False)
    cents = frame.filter((pl.col(FACTOR) - 1).abs() > _NO_FACTOR).select((pl.col(names) * 100).round(6))
    rounded = cents.height > 0 and all((cents[name].drop_nulls() % 1 == 0).all() for name in names)
    lost = pl.lit(rounded) & known & (pl.col(FACTOR) < 1 - _NO_FACTOR)
    why = pl.format(
        "adjusted prices with the factor {} are rounded to the cent, which leaves the raw price open by {} yuan: deliver prices as "
        "traded, or adjusted ones with four decimals or more",
        FACTOR,
        (0.005 / pl.col(FACTOR)).round(4),
    )
    note = pl.coalesce(
        UNREADABLE,
        pl.when(priced & ~known).then(pl.lit(f"{FACTOR} is missing or not above 0")),
        pl.when(priced & lost).then(why),
    )
    raw = (pl.col(names) / pl.when(known).then(FACTOR)).round(2 if rounded else 4)
    return frame.with_columns(raw, note.alias(UNREADABLE)).drop(FACTOR)


def single_quarters(announced: pl.DataFrame) -> pl.DataFrame:
    """Profits of single quarters from profits of the year so far, with what `announced` holds: rows symbol, period,
    announce_date, net_profit.

    The profit of a quarter is the year's so far less the latest announced up to the quarter before it in the same year; null
    where the latter is not known, or was announced on one day with different figures. The first quarter is its own.
    """
    order: list[str] = [name for name in ("announce_date", "version") if name in announced.columns]
    quarter = pl.col("period").dt.year().cast(pl.Int32) * 4 + pl.col("period").dt.quarter().cast(pl.Int32)
    rows = announced.with_columns(_quarter=quarter)
    figures = rows.filter(pl.col("net_profit").is_not_null() & pl.col("_quarter").is_not_null())
    last = _latest(figures, order)
    before = last.select("symbol", (pl.col("_quarter") + 1).alias("_quarter"), _before="net_profit")
    rows = rows.join(before, on=["symbol", "_quarter"], how="left", maintain_order="left")
    first = pl.col("period").dt.quarter() == 1
    profit = pl.when(first).then("net_profit").otherwise(pl.col("net_profit") - pl.col("_before"))
    return rows.with_columns(net_profit=profit).drop("_quarter", "_before")


def _latest(figures: pl.DataFrame, order: list[str]) -> pl.DataFrame:
    """symbol, _quarter, net_profit of the latest announcement; null where that says two things."""
    ranked = figures.sort(order, maintain_order=True, nulls_last=False)
    latest = ranked.group_by("symbol", "_quarter", maintain_order=True).agg(*(pl.col(name).last() for name in order))
    said = ranked.join(latest, on=["symbol", "_quarter", *order], how="semi", nulls_equal=True)
    return said.group_by("symbol", "_quarter", maintain_order=True).agg(
        pl.when(pl.col("net_profit").n_unique() == 1).then(pl.col("net_profit").first())
    )


def _adjusted(name: str, settings: LandingSettings) -> bool:
    return name == "daily_prices" and settings.daily_prices.prices == "adjusted"


def _index_codes(cells: pl.Series, settings: LandingSettings) -> pl.Series:
    delivered = read_column(cells, pl.String).values
    read = read_symbols(delivered, settings.exchanges, index_ranges(settings.indices))
    codes = dict(settings.indices.codes)
    if not codes:
        return read
    # A declared code may be written as delivered, or in the form that it is read in.
    plain = {
        read_symbols(pl.Series([code]), settings.exchanges, index_ranges(settings.indices))[0]: meant
        for code, meant in codes.items()
    }
    table = {
        text: codes.get(text) or plain.get(form) or form for text, form in zip(delivered, read, strict=True) if text
    }
    return delivered.replace_strict(list(table), list(table.values()), default=None, return_dtype=pl.String)


def _require_columns(form: ReferenceForm, wanted: Mapping[str, Any], raw: pl.DataFrame, path: Path) -> None:
    missing = [column for column in form.required if column not in raw.columns]
    if missing:
        lacking = f"columns {', '.join(missing)} are" if len(missing) > 1 else f"column {missing[0]} is"
        raise InputError(
            f"{path}: the {lacking} missing. {form.name} needs {', '.join(form.required)}; it has {', '.join(raw.columns)}. "
            f"{rename_headers(raw.columns) or 'Add what is missing'}, or remove the file (what needs it is then n/a)."
        )
    if FACTOR in wanted and FACTOR not in raw.columns:
        raise InputError(
            f"{path}: landing.{form.name}.prices declares adjusted prices, and there is no column {FACTOR} (adjusted price / "
            "raw price) to make raw ones with. Deliver prices as traded, or add the column."
        )


def rename_headers(columns: Sequence[str]) -> str:
    """What to do about headers in Chinese or another script, which are not read; "" where there are none."""
    if all(name.isascii() for name in columns):
        return ""
    return "Headers are read in English alone: rename the headers (README, 'Bring your own data', has the names)"


def _refuse_unusable(form: ReferenceForm, frame: pl.DataFrame, path: Path) -> None:
    """Raises InputError where not one row can be used, with the commonest reasons."""
    if frame.is_empty():
        return
    if frame.height > _HEAD:  # nearly every table has a good row among its first ones
        with contextlib.suppress(InputError):
            return _refuse_unusable(form, frame.head(_HEAD), path)
    undated = pl.format("{} is missing", pl.lit(form.known))
    whys = [pl.col(UNREADABLE), pl.when(pl.col(form.known).is_null()).then(undated)]
    if "symbol" in frame.columns:
        strange = ~pl.col("symbol").str.contains(r"^[0-9]{6}\.[A-Z]{2}$").fill_null(False)
        whys.append(pl.when(strange).then(pl.lit("symbol is not of the form 600519.SH")))
    judged = frame.select(pl.all(), _why=pl.coalesce(whys))
    if judged["_why"].null_count():
        return
    counts = dict(judged.group_by("_why").len().iter_rows())
    first = judged.row(0, named=True)
    example = first[DELIVERED] or ", ".join(
        f"{name} = {shown(first[name])}" for name in form.required if name in ("symbol", form.known)
    )
    raise InputError(
        f"{path}: none of the {frame.height} rows can be used: {counted(counts)}. The first: {example}. Correct the "
        "table, declare how it is meant (settings section landing), or remove the file (what needs it is then n/a)."
    )


def with_finite_limits(raw: pl.DataFrame) -> pl.DataFrame:
    """The delivered columns with `NO_LIMIT` for an infinite limit_up, which can only mean that the name has none, and with 0 for the
    limit_down beside it where that is infinite and negative."""
    if "limit_up" not in raw.columns or not (none := _is_infinite(raw["limit_up"], "")).any():
        return raw
    limits = [put(raw["limit_up"], none, _like(raw["limit_up"], NO_LIMIT))]
    if "limit_down" in raw.columns:
        down = none & _is_infinite(raw["limit_down"], "-")
        limits.append(put(raw["limit_down"], down, _like(raw["limit_down"], 0)))
    return raw.with_columns(limits)


def _is_infinite(cells: pl.Series, sign: str) -> pl.Series:
    """Whether a cell is infinity of this sign, "" or "-", as a number or a word."""
    if cells.dtype.is_float():
        return (cells == float(f"{sign}inf")).fill_null(False)
    if cells.dtype == pl.String:
        return (
            cells.str.strip_chars(BLANKS).str.to_lowercase().is_in([f"{sign}inf", f"{sign}infinity"]).fill_null(False)
        )
    return pl.repeat(False, len(cells), eager=True)


def _like(cells: pl.Series, value: int) -> pl.Series:
    return pl.Series([value]).cast(cells.dtype)


def _awaited(form: ReferenceForm, frame: pl.DataFrame) -> int:
    """How many undated rows are of announcements still to come: neither a date nor any figure is in them."""
    if form.name != "fundamentals":
        return 0
    figures = [name for name in ("net_profit", "equity") if name in frame.columns]
    empty = pl.all_horizontal(pl.col(name).is_null() for name in (form.known, *figures, UNREADABLE))
    return frame.filter(empty).height


def _undated(
    form: ReferenceForm, frame: pl.DataFrame, raw: pl.DataFrame, height: int, path: Path, settings: LandingSettings
) -> Undated:
    """The rows without a readable date; raises InputError where they are too many."""
    reasons = frame.select(
        pl.coalesce(
            pl.when(pl.col(UNREADABLE).str.starts_with(f"{form.known} ")).then(UNREADABLE),
            pl.lit(f"{form.known} is missing"),
        )
    ).to_series()
    counts = dict(reasons.value_counts().iter_rows())
    keys = [name for name in ("index", "symbol", "period", form.known) if name in raw.columns]
    examples = "; ".join(
        ", ".join(f"{name} = {shown(row[name])}" for name in dict.fromkeys(keys))
        for row in raw.head(_SHOWN).iter_rows(named=True)
    )
    text = (
        f"{path}: {frame.height} of {height} rows cannot be placed in time: {counted(counts)} (the first: {examples}). Without "
        f"{form.known} no one can say when a row became known"
    )
    if frame.height - _awaited(form, frame) > max(settings.always_undated_rows, settings.max_undated_share * height):
        raise InputError(f"{text}. Fill it in or take the rows out.")
    return Undated(frame.height, f"{text}; they are left out until it is filled in.")
