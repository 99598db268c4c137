"""Stores and reports the rows of reference tables that are set aside, and tables that were not delivered.

This module makes the side file, its note and the rows that checks judge. validate.py decides which rows are set aside.
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from assets.reference.reasons import FEW_ROWS_OF_TABLE_USABLE, NO_ROW_OF_TABLE_USABLE, ROWS_OF_TABLE
from assets.reference.validate import Sifted
from resources.made import Made
from resources.parquet import encode
from resources.reasons import COUNTED_ALONE, Reason, counted_reasons
from resources.settings.reference import ReferenceSettings

SET_ASIDE = "set_aside.parquet"


def empty_table(schema: Mapping[str, Any], reason: Reason) -> Made:
    """Return a partition without rows in which every column is n/a for the reason."""
    return Made(pl.DataFrame(schema=schema), unavailable=dict.fromkeys(schema, reason))


def side_file(sifted: Mapping[str, Sifted]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the side file and the note on the rows set aside of all tables; both are empty where every row was used.

    The column `reason` of the file has reasons in the form of `Reason.dumps`. The note lists the reasons of each table, counted.
    """
    aside = {table: one for table, one in sifted.items() if one.aside.height}
    if not aside:
        return {}, {}
    rows = pl.concat(
        [one.aside.select(pl.lit(table).alias("table"), pl.all()) for table, one in aside.items()],
        how="diagonal_relaxed",
    )
    counts = {
        table: [COUNTED_ALONE(count=count, reason=reason).to_json() for reason, count in one.counts().items()]
        for table, one in aside.items()
    }
    return {SET_ASIDE: encode(rows)}, {"set_aside": counts}


def too_many_faults(faults: int, rows: int, settings: ReferenceSettings) -> bool:
    """Return whether so many rows of a table are faulty that the whole table is refused."""
    return faults > max(settings.always_set_aside, settings.max_set_aside_share * rows)


def unusable_tables(sifted: Mapping[str, Sifted], settings: ReferenceSettings) -> pl.DataFrame:
    """Return one row per reference table of which no row can be used, or too many cannot, with the commonest reasons."""
    rows = []
    for table, one in sifted.items():
        every = one.usable.height + one.aside.height - one.both
        none = one.usable.is_empty() and every > settings.always_set_aside
        if none or (
            too_many_faults(one.faults.height, every, settings) and names_in(one.faults) > settings.always_set_aside
        ):
            aside = one.aside if none else one.faults
            name = "symbol" if "symbol" in aside.columns else "index"
            reasons = counted_reasons(aside, "reason", name)
            usable = one.usable.height - one.both
            detail = (
                NO_ROW_OF_TABLE_USABLE(table=table, rows=every, reasons=reasons)
                if none
                else FEW_ROWS_OF_TABLE_USABLE(table=table, usable=usable, rows=every, reasons=reasons)
            )
            rows.append({"table": table, "reason": "used", "unusable": 1, "detail": detail.dumps()})
    return pl.DataFrame(
        rows, schema={"table": pl.String, "reason": pl.String, "unusable": pl.Int64, "detail": pl.String}
    )


def names_in(faults: pl.DataFrame) -> int:
    """Return the number of distinct symbols in rows; each row without a symbol counts as another one."""
    if "symbol" not in faults.columns:
        return faults.height
    return faults["symbol"].drop_nulls().n_unique() + faults["symbol"].null_count()


def faults_of(sifted: Mapping[str, Sifted]) -> pl.DataFrame:
    """Return one row per reference table and fault: the reason with its number of rows, a symbol, and a running number."""
    rows = [
        {
            "table": table,
            "symbol": symbol,
            "reason": ROWS_OF_TABLE(table=table, count=count, reason=Reason.loads(reason)).dumps(),
        }
        for table, one in sifted.items()
        for reason, count, symbol in one.faults.group_by("reason", maintain_order=True)
        .agg(pl.len(), pl.col("symbol" if "symbol" in one.aside.columns else "index").first().alias("first"))
        .iter_rows()
    ]
    numbered = pl.DataFrame(rows, schema={"table": pl.String, "symbol": pl.String, "reason": pl.String})
    return numbered.with_columns(set_aside=pl.int_range(1, len(rows) + 1, dtype=pl.Int64))
