"""Converts delivered reference tables to the documented form of SPEC §2.1: types, symbols, units and codes.

This module applies the declarations of the settings section `landing` to reference tables, and states what cannot be read of a row.
It does not check the rules for rows (assets/reference) and does not read files (delivered_files.py).
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from resources.delivered_files import DeliveredTable
from resources.errors import InputError
from resources.reasons import Code, Nested, counted_kinds, joined
from resources.settings.landing import LandingSettings
from resources.symbols import StockCodes, index_ranges, read_symbols
from resources.values import BLANKS, CELL_UNREADABLE, Stamps, put, read_column, shown

UNREADABLE, DELIVERED = "unreadable", "delivered"
"""Additional columns of a reference table: the reason (`Reason.dumps`) why a row cannot be read ("volume is no number"), and the cell
as delivered. Both are null in readable rows."""
NOTES: dict[str, Any] = {UNREADABLE: pl.String, DELIVERED: pl.String}
VALUE_MISSING = Code("value_missing", ("column",))
SYMBOL_FORM = Code("symbol_form", ("column",))
NO_ADJUST_FACTOR = Code("no_adjust_factor")
RAW_PRICE_OPEN = Code("raw_price_open", ("factor", "error"))
LOT = 100
UNITS = {
    "shares": 1, "lots": LOT, "ten_thousand_shares": 10_000,
    "yuan": 1, "thousand_yuan": 1_000, "ten_thousand_yuan": 10_000,
    "fraction": 1, "percent": 0.01,
}  # fmt: skip
"""The factors from delivered units to shares, yuan or fractions."""
PRICES = ("pre_close", "open", "high", "low", "close", "limit_up", "limit_down")
SYMBOLS = ("symbol", "old", "new")
FACTOR = "adjust_factor"
_NO_FACTOR = 1e-9  # an adjustment factor that is closer to 1 than this counts as 1
NO_LIMIT = 10**12  # yuan: the upper bound of reference.no_limit_from
_SHOWN = 3  # rows that a message shows
_HEAD = 1000


@dataclass(frozen=True)
class ReferenceForm:
    """The columns of one reference table with their types. known: the column with the date on which a row became known."""

    name: str
    known: str
    required: Mapping[str, Any]
    optional: Mapping[str, Any]

    @property
    def columns(self) -> dict[str, Any]:
        """All columns with their types."""
        return {**self.required, **self.optional}


@dataclass(frozen=True)
class Undated:
    """The rows of a table without a readable date: their number, and the remark that reports them."""

    rows: int
    remark: str


@dataclass(frozen=True)
class ReadTable:
    """A reference table that was read.

    frame: the form's columns and NOTES, one row per delivered row with a readable date. undated: the rows without one; None where
    there are none.
    """

    frame: pl.DataFrame
    undated: Undated | None = None


def wanted_columns(form: ReferenceForm, settings: LandingSettings) -> dict[str, Any]:
    """The columns to find in the file, with their types."""
    return form.columns | ({FACTOR: pl.Float64} if _adjusted(form.name, settings) else {})


def scales(name: str, settings: LandingSettings) -> dict[str, float]:
    """The factors from delivered units to the units of SPEC §2.1 by column, where they are not 1."""
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
    """Convert a delivered table to the documented form, sorted by the date on which its rows became known.

    A cell that cannot be read is null, and the columns NOTES of its row state the reason.

    Args:
        form: the columns of the table.
        delivered: the table as delivered.
        path: the file, for messages.
        settings: the declarations.
        stocks: the codes of stocks by day; by default those of the shipped rulebook.

    Raises:
        InputError: a column is missing, no row can be read, or more rows have no readable date than `max_undated_share` and
            `always_undated_rows` allow.
    """
    raw = with_finite_limits(delivered.frame)
    wanted = wanted_columns(form, settings)
    _require_columns(form, wanted, raw, path)
    stamps = Stamps(settings.time_zone, settings.date_order)
    factors = scales(form.name, settings)
    columns: list[pl.Series] = []
    reasons = delivered.bad_rows
    cells = pl.Series([None], dtype=pl.String).new_from_index(0, raw.height)
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
            bad = raw[column].filter(first).to_list()
            reasons = put(reasons, first, of_column(column, read.reasons.filter(first)))
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


def of_column(column: str, causes: pl.Series) -> pl.Series:
    """The reasons of unreadable cells of `column`, given the causes (`Column.reasons`)."""
    return pl.select(CELL_UNREADABLE.column(column=pl.lit(column), cause=Nested(pl.lit(causes)))).to_series()


def numbered_versions(announced: pl.DataFrame) -> pl.DataFrame:
    """Number the rows of one announcement (symbol, period, announce_date) without a `version` in the order of delivery.

    The last row therefore counts, and a change of their order is a change of the data.
    """
    key = ("symbol", "period", "announce_date")
    several = (pl.len().over(key) > 1) & (pl.col("version").count().over(key) == 0)
    return announced.with_columns(version=pl.when(several).then(pl.int_range(pl.len()).over(key)).otherwise("version"))


def raw_prices(frame: pl.DataFrame) -> pl.DataFrame:
    """Convert adjusted prices of reference tables or bars to prices as traded: divide by the factor and drop its column.

    The raw price of adjusted prices that are all rounded to the cent has an error of up to half a cent / factor. Where the factor is 1
    or more, the nearest cent is the raw price; where it is less, several cents are possible and the row is unreadable. Other prices
    are rounded to the hundredth of a cent. A row with prices and without a factor above 0 is unreadable too.
    """
    names = [name for name in PRICES if name in frame.columns]
    priced = pl.any_horizontal((pl.col(name) > 0).fill_null(False) for name in names)
    known = (pl.col(FACTOR) > 0).fill_null(False)
    cents = frame.filter((pl.col(FACTOR) - 1).abs() > _NO_FACTOR).select((pl.col(names) * 100).round(6))
    rounded = cents.height > 0 and all((cents[name].drop_nulls() % 1 == 0).all() for name in names)
    lost = pl.col(UNREADABLE).is_null() & pl.lit(rounded) & known & (pl.col(FACTOR) < 1 - _NO_FACTOR) & priced
    unknown = pl.when(priced & ~known).then(NO_ADJUST_FACTOR.column())
    raw = (pl.col(names) / pl.when(known).then(FACTOR)).round(2 if rounded else 4)
    read = frame.with_columns(raw, pl.coalesce(UNREADABLE, unknown).alias(UNREADABLE))
    if rounded and (open_prices := frame.select(lost).to_series()).any():
        why = RAW_PRICE_OPEN.column(factor=FACTOR, error=(0.005 / pl.col(FACTOR)).round(4))
        worded = frame.filter(open_prices).select(why).to_series()
        read = read.with_columns(put(read[UNREADABLE], open_prices, worded).alias(UNREADABLE))
    return read.drop(FACTOR)


def single_quarters(announced: pl.DataFrame) -> pl.DataFrame:
    """Compute profits of single quarters from year-to-date profits, given all announcements that are known.

    A quarter's profit is its year-to-date profit less the latest announced year-to-date profit of the quarter before in the same year.
    It is null where the latter is not known, or was announced on one day with different figures. A first quarter stays as it is.

    Args:
        announced: rows with symbol, period, announce_date, net_profit in yuan, and optionally version.
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
    """symbol, _quarter and net_profit of the latest announcements; null where these have different figures."""
    ranked = figures.sort(order, maintain_order=True, nulls_last=False)
    latest = ranked.group_by("symbol", "_quarter", maintain_order=True).agg(*(pl.col(name).last() for name in order))
    last = ranked.join(latest, on=["symbol", "_quarter", *order], how="semi", nulls_equal=True)
    return last.group_by("symbol", "_quarter", maintain_order=True).agg(
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
    # A code may be declared as it is delivered, or in the form of SPEC §2.1.
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
            f"{rename_headers(raw.columns) or 'Add them'}, or remove the file, which makes everything that needs it n/a."
        )
    if FACTOR in wanted and FACTOR not in raw.columns:
        raise InputError(
            f"{path}: landing.{form.name}.prices declares adjusted prices, but the column {FACTOR} (adjusted price / raw price), "
            "which converts them to raw ones, is missing. Deliver prices as traded, or add the column."
        )


def rename_headers(columns: Sequence[str]) -> str:
    """The remedy for headers in Chinese or another script, which are not read; "" where there are none."""
    if all(name.isascii() for name in columns):
        return ""
    return "Headers must be in English: rename the headers (README, 'Bring your own data', lists the names)"


def _refuse_unusable(form: ReferenceForm, frame: pl.DataFrame, path: Path) -> None:
    """Raise InputError with the commonest reasons where no row can be used."""
    if frame.is_empty():
        return
    if frame.height > _HEAD:  # nearly every table has a usable row among its first ones
        with contextlib.suppress(InputError):
            return _refuse_unusable(form, frame.head(_HEAD), path)
    undated = pl.col(form.known).is_null()
    whys = [pl.col(UNREADABLE), pl.when(undated).then(VALUE_MISSING.column(column=pl.lit(form.known)))]
    if "symbol" in frame.columns:
        strange = ~pl.col("symbol").str.contains(r"^[0-9]{6}\.[A-Z]{2}$").fill_null(False)
        whys.append(pl.when(strange).then(SYMBOL_FORM.column(column=pl.lit("symbol"))))
    judged = frame.select(pl.all(), _why=pl.coalesce(whys))
    if judged["_why"].null_count():
        return
    why = joined(counted_kinds(dict(judged.group_by("_why").len().iter_rows())))
    first = judged.row(0, named=True)
    example = first[DELIVERED] or ", ".join(
        f"{name} = {shown(first[name])}"
        for name in form.required
        if name in ("symbol", form.known) and first[name] is not None
    )
    raise InputError(
        f"{path}: none of the {frame.height} rows can be used: {why}.{example and f' The first: {example}.'} Correct the "
        "table, declare its form (settings section landing), or remove the file, which makes everything that needs it n/a."
    )


def with_finite_limits(raw: pl.DataFrame) -> pl.DataFrame:
    """Replace an infinite limit_up, which means that the stock has no limit, by `NO_LIMIT`, and a limit_down of minus infinity beside
    it by 0."""
    if "limit_up" not in raw.columns or not (none := _is_infinite(raw["limit_up"], "")).any():
        return raw
    limits = [put(raw["limit_up"], none, _like(raw["limit_up"], NO_LIMIT))]
    if "limit_down" in raw.columns:
        down = none & _is_infinite(raw["limit_down"], "-")
        limits.append(put(raw["limit_down"], down, _like(raw["limit_down"], 0)))
    return raw.with_columns(limits)


def _is_infinite(cells: pl.Series, sign: str) -> pl.Series:
    """Whether a cell is infinite with this sign, "" or "-", as a number or a word."""
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
    """The number of undated rows for announcements still to come, which have neither a date nor any figure."""
    if form.name != "fundamentals":
        return 0
    figures = [name for name in ("net_profit", "equity") if name in frame.columns]
    empty = pl.all_horizontal(pl.col(name).is_null() for name in (form.known, *figures, UNREADABLE))
    return frame.filter(empty).height


def _undated(
    form: ReferenceForm, frame: pl.DataFrame, raw: pl.DataFrame, height: int, path: Path, settings: LandingSettings
) -> Undated:
    """The rows without a readable date. Raises InputError where there are too many."""
    of_date = pl.col(UNREADABLE).str.json_path_match("$.parameters.column") == form.known
    missing = VALUE_MISSING.column(column=pl.lit(form.known))
    reasons = frame.select(pl.when(of_date).then(UNREADABLE).otherwise(missing)).to_series()
    why = joined(counted_kinds(dict(reasons.value_counts().iter_rows())))
    keys = [name for name in ("index", "symbol", "period", form.known) if name in raw.columns]
    examples = "; ".join(
        ", ".join(f"{name} = {shown(row[name])}" for name in dict.fromkeys(keys))
        for row in raw.head(_SHOWN).iter_rows(named=True)
    )
    text = (
        f"{path}: {frame.height} of {height} rows cannot be placed in time: {why} (the first: {examples}). Without "
        f"{form.known} it is not known when a row became known"
    )
    if frame.height - _awaited(form, frame) > max(settings.always_undated_rows, settings.max_undated_share * height):
        raise InputError(f"{text}. Fill in {form.known} or remove the rows.")
    return Undated(frame.height, f"{text}. They are left out until {form.known} is filled in.")
